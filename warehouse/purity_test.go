package warehouse_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the state machine may import: nothing with a clock, chance, files or the
// network in it. Of package time only the calendar is used, see below.
var mayImport = []string{
	"bytes", "cmp", "crypto/sha256", "encoding/binary", "encoding/hex", "errors", "fmt", "slices", "strconv", "strings", "time", "unicode", "unicode/utf8",
	"github.com/fxamacker/cbor/v2", "tote/gs1", "tote/warehouse/detcbor",
}

// ofTime is what may be used of package time: functions of their arguments.
var ofTime = []string{"UnixMilli", "Parse", "DateOnly", "RFC3339"}

// emptyImporter lets the type checker go on without the imported packages: the
// types this test asks for are all local.
type emptyImporter struct{}

func (emptyImporter) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:])
	p.MarkComplete()
	return p, nil
}

// Law 2: no clock, chance, map order, float, goroutine or I/O.
func TestApplyIsPureRow99(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			f, err := parser.ParseFile(fset, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	if len(files) < 20 {
		t.Fatalf("only %d files", len(files))
	}
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue)}
	conf := types.Config{Importer: emptyImporter{}, Error: func(error) {}}
	_, _ = conf.Check("warehouse", fset, files, info)
	maps := 0
	for _, f := range files {
		for _, imp := range f.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil || !slices.Contains(mayImport, path) {
				t.Errorf("%s imports %s", fset.Position(imp.Pos()), path)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			bad := func(what string) { t.Errorf("%s: %s", fset.Position(n.Pos()), what) }
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
				bad("concurrency")
			case *ast.RangeStmt:
				if tv, ok := info.Types[n.X]; ok && tv.Type != nil {
					if _, is := tv.Type.Underlying().(*types.Map); is {
						bad("ranges over a map")
					}
				}
			case *ast.MapType:
				maps++
			case *ast.Ident:
				if strings.HasPrefix(n.Name, "float") || strings.HasPrefix(n.Name, "complex") {
					bad(n.Name)
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT {
					bad("a float")
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && !slices.Contains(ofTime, n.Sel.Name) {
					bad("time." + n.Sel.Name)
				}
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					bad("init")
				}
			}
			return true
		})
	}
	if maps == 0 {
		t.Error("no map seen: the test looks at nothing")
	}
}
