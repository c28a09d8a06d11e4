package data

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/demo/gen"
)

// TestWrite: what the binary carries is the whole shift of this folder.
func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "files")
	if err := Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := gen.World(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := gen.World(".")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the files carried differ from those here (-here +carried):\n%s", d)
	}
	if len(got.Orders) != Orders {
		t.Errorf("%d orders, Orders says %d", len(got.Orders), Orders)
	}
}
