package repotest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// pure lists the packages that apply replicated commands. The same log must
// give the same bytes on every gateway, so nothing in them may look outside.
var pure = []string{"warehouse", "cloudsync/ledger", "fleet/intent"}

// impure are the standard packages that bring a clock, chance, I/O, goroutines
// or the machine into a pure package, with what they bring.
var impure = map[string]string{
	"context":      "waiting",
	"crypto/rand":  "randomness",
	"hash/maphash": "a random seed",
	"io/ioutil":    "I/O",
	"log":          "I/O",
	"math/rand":    "randomness",
	"net":          "I/O",
	"os":           "I/O",
	"plugin":       "I/O",
	"runtime":      "the machine",
	"sync":         "goroutines",
	"syscall":      "I/O",
	"testing":      "tests",
	"unsafe":       "the machine",
}

// pureTime are the names of package time that only calculate. time.UnixMilli
// is one of them when .UTC() follows at once: it answers in the zone of the
// machine. Time.Local does so always.
var pureTime = []string{
	"Date", "Parse", "UnixMilli", "UTC", "Time", "Duration", "Month", "Weekday",
	"DateOnly", "DateTime", "RFC3339", "RFC3339Nano",
	"Millisecond", "Second", "Minute", "Hour",
	"January", "February", "March", "April", "May", "June", "July",
	"August", "September", "October", "November", "December",
}

// Purity checks the packages that apply commands: no clock, no randomness, no
// I/O, no goroutine, no float. (Ranging over a map is left to their own tests:
// it needs types.)
func Purity(t *Tree) (out []Finding) {
	for _, p := range t.Packages {
		if helper(p.Dir) || !slices.ContainsFunc(pure, func(d string) bool { return under(p.Dir, d) }) {
			continue
		}
		for _, f := range p.Files {
			if !f.Test {
				out = append(out, pureFile(t, f)...)
			}
		}
	}
	return out
}

func pureFile(t *Tree, f *File) (out []Finding) {
	timeName := ""
	for _, spec := range f.AST.Imports {
		name := strings.Trim(spec.Path.Value, `"`)
		if name == "time" {
			timeName = "time"
			if spec.Name != nil {
				timeName = spec.Name.Name
			}
		}
		for bad, brings := range impure {
			if under(name, bad) {
				out = append(out, Finding{t.at(spec.Pos()), fmt.Sprintf("a pure package may not import %s: it brings in %s", name, brings)})
			}
		}
	}
	utc := map[ast.Node]bool{} // the calls x in x.UTC()
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "UTC" {
			utc[sel.X] = true
		}
		return true
	})
	bad := func(n ast.Node, text string) { out = append(out, Finding{t.at(n.Pos()), text}) }
	ast.Inspect(f.AST, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			bad(n, "a pure package starts no goroutine")
		case *ast.SelectStmt, *ast.ChanType:
			bad(n, "a pure package uses no channel")
		case *ast.Ident:
			if n.Name == "float64" || n.Name == "float32" {
				bad(n, "no floats: quantities, weights and money are integers")
			}
		case *ast.CallExpr:
			if timeName != "" && isSelector(n.Fun, timeName, "UnixMilli") && !utc[n] {
				bad(n, "time.UnixMilli answers in the zone of the machine: call .UTC() on it")
			}
		case *ast.SelectorExpr:
			if timeName == "" {
				break
			}
			if x, ok := n.X.(*ast.Ident); ok && x.Name == timeName {
				if !slices.Contains(pureTime, n.Sel.Name) {
					bad(n, "a pure package may not use time."+n.Sel.Name)
				}
			} else if n.Sel.Name == "Local" {
				bad(n, "a pure package may not use the zone of the machine")
			}
		}
		return true
	})
	return out
}

func isSelector(e ast.Expr, x, sel string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != sel {
		return false
	}
	id, ok := s.X.(*ast.Ident)
	return ok && id.Name == x
}
