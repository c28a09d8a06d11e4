package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where the dictionary is not at hand the table stays; what it cannot read it
// does not write.
func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "dictionary.txt"), filepath.Join(dir, "table.go")
	if err := os.WriteFile(out, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	table := func() string {
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if err := generate(in, out); err != nil || table() != "as it was" {
		t.Errorf("without a dictionary: %v, %q", err, table())
	}
	for text, want := range map[string]string{"01 *? Q14\n": "as it was", "01 *? N14,csum dlpkey # GTIN\n": `{"01", "01", fixed | attribute, "N14,csum", "dlpkey", "GTIN"},`} {
		if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := generate(in, out)
		if got := table(); (err == nil) != strings.Contains(want, "GTIN") || err == nil && !strings.Contains(got, want) || err != nil && !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v, %q", text, err, got)
		}
	}
}
