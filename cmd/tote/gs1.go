package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"tote/gs1/fault"
	"tote/gs1/report"
	"tote/gs1/scan"
)

// gs1Cmd reads and writes barcodes and tags. It asks no gateway.
type gs1Cmd struct {
	Decode gs1DecodeCmd `cmd:"" help:"Say what a barcode, tag, EPC URI or Digital Link is, as JSON, and how else it can be written."`
	Encode gs1EncodeCmd `cmd:"" help:"Make what is to be printed or written on a tag, as JSON. Strict: what is wrong is an error."`
}

// gs1Made is what a code does not say and an EPC or link needs.
type gs1Made struct {
	Prefix int    `help:"Digits of the company prefix, 6 to 12, from the master data: makes an EPC of a barcode." placeholder:"N"`
	Tag    string `help:"Scheme of the tag to make: sgtin-96, sgtin-198, sscc-96, … Default: the shortest that holds it." placeholder:"SCHEME"`
	Filter int    `help:"Filter of the tag to make: 1 item, 2 case, 6 unit load." default:"0"`
	Stem   string `help:"Address the Digital Link to make begins with." placeholder:"URL"`
}

func (m gs1Made) options() report.Options {
	return report.Options{Year: time.Now().Year(), PC: -1, Prefix: m.Prefix, Tag: m.Tag, Filter: m.Filter, Stem: m.Stem}
}

type gs1DecodeCmd struct {
	gs1Made    `embed:""`
	Identifier string   `help:"What to make of AIM identifiers: auto, require, ignore." default:"auto" enum:"auto,require,ignore"`
	Separator  string   `help:"What the scanner makes of GS: sent, dropped." default:"sent" enum:"sent,dropped"`
	GS         []string `name:"gs" help:"What stands for GS (1D hex), which always counts." default:"{GS}" placeholder:"TEXT"`
	PC         string   `name:"pc" help:"Protocol control word of the tag, in hexadecimal." placeholder:"HEX"`
	Code       []string `arg:"" help:"Barcode as scanned, (01)…, hexadecimal digits of a tag, urn:epc:…, https://…; - reads lines."`
}

func (c gs1DecodeCmd) Run() error {
	o := c.options()
	o.Scanner = scan.Config{Identifier: scan.Identifier(c.Identifier), Separator: scan.Separator(c.Separator), Substitutes: c.GS, ShortGTIN: true}
	if c.PC != "" {
		pc, err := strconv.ParseUint(c.PC, 16, 16)
		if err != nil {
			return fmt.Errorf("--pc %q: want four hexadecimal digits", c.PC)
		}
		o.PC = int(pc)
	}
	if len(c.Code) == 1 && c.Code[0] == "-" {
		return eachLine(func(line string) error { return printGS1(report.Decode(line, o)) })
	}
	for _, code := range c.Code {
		if err := printGS1(report.Decode(code, o)); err != nil {
			return err
		}
	}
	return nil
}

type gs1EncodeCmd struct {
	gs1Made `embed:""`
	Code    string `arg:"" help:"(01)…(21)…, urn:epc:…, or https://…"`
}

func (c gs1EncodeCmd) Run() error { return printGS1(report.Encode(c.Code, c.options())) }

// printGS1 prints a report, or gives its error with the code in front.
func printGS1(r report.Report, err error) error {
	if err != nil {
		if f, ok := errors.AsType[*fault.Error](err); ok {
			return fmt.Errorf("%s: %w", f.Code, err)
		}
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(r)
}

// eachLine goes through standard input. A line that is wrong is told and the
// others go on.
func eachLine(do func(string) error) error {
	failed := false
	lines := bufio.NewScanner(os.Stdin)
	for n := 1; lines.Scan(); n++ {
		if err := do(lines.Text()); err != nil {
			fmt.Fprintf(os.Stderr, "line %d: %v\n", n, err)
			failed = true
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if failed {
		return exitCode(1)
	}
	return nil
}
