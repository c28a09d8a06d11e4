package repotest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// PackageDocs checks that every package says what it is for.
func PackageDocs(t *Tree) (out []Finding) {
	for _, p := range t.Packages {
		code, documented := "", false
		for _, f := range p.Files {
			if f.Test {
				continue
			}
			name := f.AST.Name.Name
			code = name
			doc := f.AST.Doc.Text()
			if name == "main" {
				documented = documented || strings.HasPrefix(doc, "Command ")
			} else {
				documented = documented || strings.HasPrefix(doc, "Package "+name+" ")
			}
		}
		switch {
		case code == "" || documented:
		case code == "main":
			out = append(out, Finding{p.Dir, `no package comment "Command … "`})
		default:
			out = append(out, Finding{p.Dir, `no package comment "Package ` + code + ` …"`})
		}
	}
	return out
}

// nothings are package names that say nothing about what is inside.
var nothings = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "lib"}

// PackageNames checks that a package is named by what it holds.
func PackageNames(t *Tree) (out []Finding) {
	for _, p := range t.Packages {
		for _, name := range []string{path.Base(p.Dir), p.Files[0].AST.Name.Name} {
			if slices.Contains(nothings, strings.TrimSuffix(name, "_test")) {
				out = append(out, Finding{p.Dir, "a package is named by what it holds, not " + name})
				break
			}
		}
	}
	return out
}

// Sleeps checks that no test waits by the clock on the wall. Inside the bubble
// of testing/synctest a sleep costs nothing and is exact, so it is allowed in
// the function given to synctest.Test, and in a function that calls
// synctest.Wait, which panics outside a bubble.
func Sleeps(t *Tree) (out []Finding) {
	for _, p := range t.Packages {
		for _, f := range p.Files {
			if f.Test {
				out = append(out, sleepsIn(t, f)...)
			}
		}
	}
	return out
}

func sleepsIn(t *Tree, f *File) (out []Finding) {
	for _, decl := range f.AST.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && inBubble(fn) {
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, "synctest", "Test") {
				return false
			}
			if e, ok := n.(ast.Expr); ok && isSelector(e, "time", "Sleep") {
				out = append(out, Finding{t.at(n.Pos()), "no time.Sleep in tests: use testing/synctest, a channel, or poll a condition with a deadline"})
			}
			return true
		})
	}
	return out
}

// inBubble reports whether a function calls synctest.Wait.
func inBubble(fn *ast.FuncDecl) (found bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && isSelector(e, "synctest", "Wait") {
			found = true
		}
		return !found
	})
	return found
}
