package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tote/agent/update"
)

// slotsWith are slots with 1.0 in use and 2.0 beside it, and files of an update.
func slotsWith(t *testing.T, files map[string]string) update.Slots {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for slot, version := range map[string]string{"a": "1.0", "b": "2.0"} {
		must(os.Mkdir(filepath.Join(dir, slot), 0o755))
		must(os.WriteFile(filepath.Join(dir, slot, "tote"), []byte("x"), 0o755))
		must(os.WriteFile(filepath.Join(dir, slot, "version"), []byte(version+"\n"), 0o644))
	}
	must(os.Symlink("a", filepath.Join(dir, "current")))
	for name, text := range files {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return update.Slots{Dir: dir}
}

func TestUpdates(t *testing.T) {
	journal := "state=%s\nnew=b\nold=a\nversion=2.0\nwas=1.0\nlevel=4\nsince=2026-01-01T00:00:00Z\ncode=UPD-123\nwhy=no scale\nbaseline={}\n"
	for name, c := range map[string]struct {
		files map[string]string
		level string
		code  string
		text  string
	}{
		"nothing ever":     {nil, Fine, "", "1.0 is in use, slot a; the other one holds 2.0"},
		"on trial":         {map[string]string{"journal": fmt.Sprintf(journal, "trial")}, Fine, "", "2.0 is on trial, before it was 1.0"},
		"being taken back": {map[string]string{"journal": fmt.Sprintf(journal, "back")}, Warning, "UPD-123", "no scale"},
		"damaged":          {map[string]string{"journal": "\x00"}, Warning, "UPD-127", ""},
		"taken back":       {map[string]string{"last": `{"result":"rolled back","version":"2.0","was":"1.0","code":"UPD-121","why":"it ended 3 times"}`}, Warning, "UPD-121", "2.0 was taken back to 1.0: it ended 3 times"},
		"taken back, over": {map[string]string{"last": `{"result":"rolled back","version":"0.9","was":"0.8","code":"UPD-121"}`}, Fine, "", "1.0 is in use"},
		"kept":             {map[string]string{"last": `{"result":"committed","version":"1.0","was":"0.9"}`}, Fine, "", "1.0 is in use"},
	} {
		p := well(t)
		p.Slots = slotsWith(t, c.files)
		f := p.updates(t.Context())
		if len(f) != 1 || f[0].Level != c.level || f[0].Code != c.code || !strings.Contains(f[0].Text, c.text) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	p := well(t)
	if f := p.updates(t.Context()); f[0].Level != Skipped {
		t.Errorf("without slots: %+v", f)
	}
}
