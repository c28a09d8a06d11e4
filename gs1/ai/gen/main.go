// Command gen writes the table of application identifiers out of the GS1 syntax
// dictionary:
//
//	go run ./gen [DICTIONARY [TABLE]]
//
// Where the dictionary is not at hand it says so and leaves the table as it is.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"

	"tote/gs1/ai/dictionary"
)

const (
	from = "../../../shared/data/gs1-syntax-dictionary/gs1-syntax-dictionary.txt"
	to   = "table.go"
)

func main() {
	in, out := from, to
	if len(os.Args) > 1 {
		in = os.Args[1]
	}
	if len(os.Args) > 2 {
		out = os.Args[2]
	}
	if err := generate(in, out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate(in, out string) error {
	text, err := os.ReadFile(in)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "gen: SKIPPED, %s stays as it is: no syntax dictionary at %s\n", out, in)
		return nil
	}
	if err != nil {
		return err
	}
	rows, err := dictionary.Read(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	source, err := format.Source(dictionary.Source(rows))
	if err != nil {
		return err
	}
	return os.WriteFile(out, source, 0o644)
}
