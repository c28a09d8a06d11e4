package warehouse_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	. "tote/warehouse"
)

// Every code of codes.go has one entry with a cause and an action, and the
// table holds no other.
func TestEveryCodeIsExplained(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if s != CodeOK && s != CodeWait {
				codes[s] = true
			}
		}
		return true
	})
	if len(codes) < 40 {
		t.Fatalf("only %d codes found", len(codes))
	}
	seen := make(map[string]bool)
	for _, f := range Faults {
		if seen[f.Code] {
			t.Errorf("%s is explained twice", f.Code)
		}
		seen[f.Code] = true
		if !codes[f.Code] {
			t.Errorf("%s is no code of codes.go", f.Code)
		}
		for _, s := range []string{f.Cause, f.Action} {
			if len(s) < 10 || s[len(s)-1] != '.' {
				t.Errorf("%s: %q is no sentence", f.Code, s)
			}
		}
	}
	for c := range codes {
		if !seen[c] {
			t.Errorf("%s has no cause and action", c)
		}
	}
}
