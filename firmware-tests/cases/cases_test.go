// Package cases judges the emulators against bytes written down in manuals:
// each folder <device>/<name> holds a script and the bytes wanted back. The
// README of each device says where every case comes from.
//
// A script has one step a line:
//
//	> "bytes"          the host sends (a quoted Go string)
//	put MG | remove    scale
//	scan "code"        scanner
//	take               printer
//	field JSON         rfid: tags that lie there
//	pass MS JSON       rfid: a carton with tags moves through
//	press MODULE [N]   light: a button, and the pieces that are taken
//	climate C RH       sensor: what is around it, in thousandths
//	>> HEX             the host sends bytes in hexadecimal
//	fault NAME on|off
//	wait 400ms         time passes
//	# comment
//
// and the file want has, for each step after which something came, the line
// "step N:" and the quoted bytes, then the record of what physically happened.
// The file params, if there is one, holds the device's parameters as JSON.
package cases

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/firmware-tests/light"
	"tote/firmware-tests/line/linetest"
	"tote/firmware-tests/printer"
	"tote/firmware-tests/record"
	"tote/firmware-tests/rfid"
	"tote/firmware-tests/scale"
	"tote/firmware-tests/scanner"
	"tote/firmware-tests/sensor"
	"tote/firmware-tests/ziotc"
)

var update = flag.Bool("update", false, "write the want files anew (then read the difference: they come from manuals)")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// device is what a script can be played on.
type device interface {
	SetFault(name string, on bool) error
}

func TestCases(t *testing.T) {
	dirs, err := filepath.Glob("*/*/script")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, script := range dirs {
		dir := filepath.Dir(script)
		if filepath.Dir(dir) == "llrp" {
			continue // its reader has connections: played in firmware-tests/rfid/llrp
		}
		t.Run(dir, func(t *testing.T) {
			var got string
			synctest.Test(t, func(t *testing.T) { got = play(t, dir) })
			want := filepath.Join(dir, "want")
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(string(text), got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// Every case is named in its device's README, with its source.
func TestEveryCaseHasItsSource(t *testing.T) {
	scripts, err := filepath.Glob("*/*/script")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		dir := filepath.Dir(s)
		readme, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "README.md"))
		if err != nil || !strings.Contains(string(readme), "`"+filepath.Base(dir)+"`") {
			t.Errorf("%s is not in the README of its device (%v)", dir, err)
		}
	}
}

// play runs a script and returns what belongs into want.
func play(t *testing.T, dir string) string {
	book, err := record.Open("device", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	port := linetest.New()
	dev, wait := start(ctx, t, dir, book, port)
	script, err := os.ReadFile(filepath.Join(dir, "script"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for n, step := range strings.Split(strings.TrimRight(string(script), "\n"), "\n") {
		if step == "" || step[0] == '#' {
			continue
		}
		if err := do(dev, port, step); err != nil {
			t.Fatalf("%s/script:%d: %s: %v", dir, n+1, step, err)
		}
		synctest.Wait()
		if bytes := port.Take(); bytes != "" {
			fmt.Fprintf(&out, "step %d:\n", n+1)
			for _, l := range strings.SplitAfter(bytes, "\n") {
				if l != "" {
					fmt.Fprintf(&out, "%q\n", l)
				}
			}
		}
	}
	cancel()
	wait()
	out.WriteString("record:\n")
	for _, e := range book.After(0) {
		out.WriteString(entry(e) + "\n")
	}
	return out.String()
}

// start runs the device the folder is named after.
func start(ctx context.Context, t *testing.T, dir string, book *record.Book, port *linetest.Port) (device, func()) {
	params := func(into any) {
		data, err := os.ReadFile(filepath.Join(dir, "params"))
		if os.IsNotExist(err) {
			return
		}
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var dev device
	var err error
	var run []func()
	switch kind := filepath.Dir(dir); kind {
	case "scale":
		var p scale.Params
		params(&p)
		var s *scale.Scale
		s, err = scale.New(p, book, nil)
		dev, run = s, []func(){func() { _ = s.Run(ctx, port) }}
	case "printer":
		var p printer.Params
		params(&p)
		var s *printer.Printer
		s, err = printer.New(p, book)
		dev, run = s, []func(){func() { s.Run(ctx) }, func() { s.ServePort(ctx, port) }}
	case "scanner":
		var p scanner.Params
		params(&p)
		var s *scanner.Scanner
		s, err = scanner.New(p, book)
		dev, run = s, []func(){func() { _ = s.Run(ctx, port) }}
	case "rfid":
		var p rfid.Params
		params(&p)
		var s *rfid.Reader
		s, err = rfid.New(p, book)
		dev, run = s, []func(){func() { _ = s.Run(ctx, port) }}
	case "sensor":
		var p sensor.Params
		params(&p)
		var s *sensor.Sensor
		s, err = sensor.New(p, book)
		dev, run = s, []func(){func() { _ = s.Run(ctx, port) }}
	case "ziotc":
		p := ziotc.Params{Brokers: []string{"none"}, ClientID: "RD1", Events: "e", Commands: "c", HeartbeatMs: 60_000, ReportMs: 1000}
		params(&p)
		var r *ziotc.Reader
		r, err = ziotc.New(p, book)
		dev, run = r, []func(){func() {
			defer context.AfterFunc(ctx, func() { _ = port.Close() })()
			_ = r.Serve(ctx, port)
		}}
	case "light":
		p := light.Params{Brokers: []string{"none"}, Site: "s1"}
		params(&p)
		var c *light.Controller
		c, err = light.New(p, book)
		dev, run = c, []func(){func() {
			defer context.AfterFunc(ctx, func() { _ = port.Close() })()
			_ = c.Serve(ctx, port)
		}}
	default:
		t.Fatalf("no device %q", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	for _, f := range run {
		go func() { f(); done <- struct{}{} }()
	}
	synctest.Wait()
	return dev, func() {
		for range run {
			<-done
		}
	}
}

func do(dev device, port *linetest.Port, step string) error {
	verb, arg, _ := strings.Cut(step, " ")
	switch d := dev.(type) {
	case *scale.Scale:
		switch verb {
		case "put":
			mg, err := strconv.ParseInt(arg, 10, 64)
			if err != nil {
				return err
			}
			return d.Put(mg)
		case "remove":
			return d.Remove()
		}
	case *scanner.Scanner:
		if verb == "scan" {
			code, err := strconv.Unquote(arg)
			if err == nil {
				_, err = d.Scan(code)
			}
			return err
		}
	case *ziotc.Reader:
		switch verb {
		case "field":
			var list []record.Tag
			if err := json.Unmarshal([]byte(arg), &list); err != nil {
				return err
			}
			return d.Field(list)
		case "scan":
			code, err := strconv.Unquote(arg)
			if err == nil {
				_, err = d.Scan(code)
			}
			return err
		}
	case *rfid.Reader:
		ms, tags := "", arg
		if verb == "pass" {
			ms, tags, _ = strings.Cut(arg, " ")
		}
		if verb == "field" || verb == "pass" {
			var list []record.Tag
			if err := json.Unmarshal([]byte(tags), &list); err != nil {
				return err
			}
			if verb == "field" {
				return d.Field(list)
			}
			n, err := strconv.ParseInt(ms, 10, 64)
			if err == nil {
				_, err = d.Pass(list, n)
			}
			return err
		}
	case *sensor.Sensor:
		if verb == "climate" {
			var c, rh int64
			if _, err := fmt.Sscan(arg, &c, &rh); err != nil {
				return err
			}
			return d.SetClimate(c, rh)
		}
	case *light.Controller:
		if verb == "press" {
			module, took, _ := strings.Cut(arg, " ")
			n, err := strconv.ParseInt(cmp.Or(took, "0"), 10, 64)
			if err == nil {
				_, err = d.Press(module, n)
			}
			return err
		}
	case *printer.Printer:
		if verb == "take" {
			return d.Take()
		}
	}
	switch verb {
	case ">":
		bytes, err := strconv.Unquote(arg)
		if err == nil {
			port.Send(bytes)
		}
		return err
	case ">>":
		bytes, err := hex.DecodeString(strings.ReplaceAll(arg, " ", ""))
		if err == nil {
			port.Send(string(bytes))
		}
		return err
	case "wait":
		d, err := time.ParseDuration(arg)
		<-time.After(d) // the bubble's clock
		return err
	case "fault":
		name, state, _ := strings.Cut(arg, " ")
		return dev.SetFault(name, state == "on")
	}
	return fmt.Errorf("no such step")
}

// entry is one line of a record, without numbers and times.
func entry(e record.Entry) string {
	switch {
	case e.Weight != nil:
		return strings.TrimRight(fmt.Sprintf("%s %d mg %s", e.Kind, e.Weight.Mg, e.Weight.Text), " ")
	case e.Label != nil:
		s := fmt.Sprintf("%s job %d copy %d of %d %q", e.Kind, e.Label.Job, e.Label.Copy, e.Label.Copies, e.Label.Texts)
		if e.Label.EPC != "" {
			s += " tag " + e.Label.EPC
		}
		if e.Label.Void {
			s += " void"
		}
		for _, b := range e.Label.Barcodes {
			s += fmt.Sprintf(" %s=%q", b.Type, b.Scan)
		}
		return s
	case e.Scan != nil:
		return fmt.Sprintf("%s %q sent %s written %v", e.Kind, e.Scan.Code, e.Scan.Sent, e.Scan.Written)
	case e.Tags != nil:
		return strings.TrimRight(fmt.Sprintf("%s %q %d ms %v", e.Kind, e.Tags.EPCs, e.Tags.Ms, e.Tags.Reads), " ")
	case e.Climate != nil:
		return fmt.Sprintf("%s %d m°C %d m%%", e.Kind, e.Climate.MilliC, e.Climate.MilliRH)
	case e.Lamp != nil:
		if !e.Lamp.Lit {
			return fmt.Sprintf("%s %s dark", e.Kind, e.Lamp.Module)
		}
		return fmt.Sprintf("%s %s %s %s of %s shows %d button %v", e.Kind, e.Lamp.Module, e.Lamp.Bin, e.Lamp.Task, e.Lamp.Handheld, e.Lamp.Shows, e.Lamp.Button)
	case e.Press != nil:
		return fmt.Sprintf("%s %s task %q shows %d took %d sent %d", e.Kind, e.Press.Module, e.Press.Task, e.Press.Shows, e.Press.Took, e.Press.Seqs)
	case e.Answer != nil:
		return fmt.Sprintf("%s %q of %s %v %s", e.Kind, e.Answer.Module, e.Answer.CmdID, e.Answer.OK, e.Answer.Code)
	case e.Fault != nil:
		return fmt.Sprintf("%s %s %v", e.Kind, e.Fault.Name, e.Fault.On)
	}
	return e.Kind
}
