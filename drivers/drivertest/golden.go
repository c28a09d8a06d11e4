package drivertest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden answers anew")

// Golden runs decode over every *.hex file of dir and compares its answer, as
// JSON, with the file of the same name that ends in .want.json.
//
// A hex file holds bytes in hexadecimal with any spacing; the rest of a line
// after # is comment, and the first line must be a comment that names the
// source of the frame.
func Golden(t *testing.T, dir string, decode func(wire []byte) any) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden frames in %s: %v", dir, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hex")
		t.Run(name, func(t *testing.T) {
			wire, err := ReadHex(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(decode(wire), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			wantFile := filepath.Join(dir, name+".want.json")
			if *update {
				if err := os.WriteFile(wantFile, got, 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// ReadHex reads the bytes of a golden frame. It fails when the file does not
// begin with a comment: a frame without a source proves nothing.
func ReadHex(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(text, []byte("# ")) {
		return nil, fmt.Errorf("%s: the first line does not name the source", file)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	wire, err := hex.DecodeString(digits.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return wire, nil
}
