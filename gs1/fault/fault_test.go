package fault

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestFaultsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range All() {
		if !strings.HasPrefix(f.Code, "GS1_") || !strings.HasSuffix(f.Cause, ".") || !strings.HasSuffix(f.Action, ".") || seen[f.Code] {
			t.Errorf("fault %+v is not whole or stands twice", f)
		}
		seen[f.Code] = true
		if got := f.Error(); got != "gs1: "+f.Cause {
			t.Errorf("%s says %q", f.Code, got)
		}
	}
	// Each sentinel of the source is in the table.
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	sentinels := 0
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			sentinels += len(g.Specs)
		}
	}
	if sentinels != len(seen) {
		t.Errorf("%d sentinels, %d in the table", sentinels, len(seen))
	}
}
