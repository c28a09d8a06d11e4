package accept

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tote/drivers"
)

// TestReportIsWholeOrNotThere: what cannot be written has a code, and leaves no half
// of a report that somebody could hand over.
func TestReportIsWholeOrNotThere(t *testing.T) {
	r := Report{Driver: "mt-sics", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	dir := t.TempDir()
	if err := Writable(dir); err != nil {
		t.Error(err)
	}
	if files, err := r.Save(dir, "pack1/scale"); err != nil || len(files) != 2 {
		t.Errorf("%v %v", files, err)
	}
	// A folder has the name of the report: its file cannot be put there.
	taken := t.TempDir()
	if err := os.Mkdir(filepath.Join(taken, "x-20260102-030405.md"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Save(taken, "x"); drivers.CodeOf(err) != drivers.CodeReport {
		t.Errorf("%v", err)
	}
	file := filepath.Join(dir, "a-file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{file, filepath.Join(file, "below")} {
		if err := Writable(at); drivers.CodeOf(err) != drivers.CodeReport {
			t.Errorf("%s: %v", at, err)
		}
		if _, err := r.Save(at, "x"); drivers.CodeOf(err) != drivers.CodeReport {
			t.Errorf("%s: %v", at, err)
		}
	}
	for d, want := range map[string]int{dir: 3, taken: 2} {
		list, err := os.ReadDir(d)
		if err != nil || len(list) != want {
			t.Errorf("%s holds %v: %v", d, list, err)
		}
	}
	// Where the machine has a disk that is always full.
	if f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil {
		if fill(f, "x") == nil {
			t.Error("a full disk took a report")
		}
	}
}
