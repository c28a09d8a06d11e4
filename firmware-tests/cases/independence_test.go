package cases

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// An emulator that shares a codec with its driver proves nothing: of our own
// packages only gs1 and mqtt may be imported here.
func TestEmulatorsAreIndependent(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		for _, imp := range f.Imports {
			p, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			if own, ok := strings.CutPrefix(p, "tote/"); ok && !allowed(own) {
				t.Errorf("%s imports %s", path, p)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Errorf("looked at %d files only", seen)
	}
}

func allowed(own string) bool {
	for _, root := range []string{"firmware-tests", "gs1", "mqtt"} {
		if own == root || strings.HasPrefix(own, root+"/") {
			return true
		}
	}
	return false
}
