//go:build !386 && !arm && !mips && !mipsle

package health

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/agent/identity"
	"tote/gs1"
	"tote/oms"
)

var rewrite = flag.Bool("update", false, "write docs/faults.md")

const page = "../../docs/faults.md"

// TestPage keeps docs/faults.md equal to the tables.
func TestPage(t *testing.T) {
	// The OMS is a program of its own with codes of its own; people who look
	// one up do not care.
	groups := append(Groups(), group("oms", "The central OMS, to those who place orders and to the site.", oms.Faults()))
	want := Page(groups)
	if *rewrite {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("docs/faults.md is not what the tables say; run go test ./agent/health -update (-tables +page):\n%s", diff)
	}
}

func TestEachCodeStandsOnce(t *testing.T) {
	where := map[string]string{}
	code := regexp.MustCompile(`^[A-Z][A-Z0-9]*([_-][A-Z0-9]+)*$`)
	for _, g := range Groups() {
		if g.About == "" || len(g.Faults) == 0 {
			t.Errorf("group %s is empty or says nothing", g.Name)
		}
		for _, f := range g.Faults {
			if other := where[f.Code]; other != "" {
				t.Errorf("%s of %s stands in %s too", f.Code, g.Name, other)
			}
			where[f.Code] = g.Name
			if !code.MatchString(f.Code) || !strings.HasSuffix(f.Cause, ".") || !strings.HasSuffix(f.Action, ".") {
				t.Errorf("%s: %+v: want a code and two sentences", g.Name, f)
			}
		}
	}
	all := Faults()
	if len(all) != len(where) || !slices.IsSortedFunc(all, func(a, b Fault) int { return strings.Compare(a.Code, b.Code) }) {
		t.Errorf("Faults has %d rows of %d codes, or is not sorted", len(all), len(where))
	}
}

// TestEveryCodeIsInTheTable reads the constants out of the source, so that a new
// code cannot be forgotten, and none stays in the table that nobody uses.
func TestEveryCodeIsInTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, f := range Faults() {
		known[f.Code] = true
	}
	used := map[string]bool{}
	for _, dir := range []string{
		"warehouse", "drivers", "cloudsync", "raftstore", "agent/api", "agent/intake", "agent/station", "agent/replica",
		"agent/access", "agent/backup", "agent/config", "agent/broker", "agent/satellite", "agent/handheld", "agent/projection", "agent/supervise",
		"fleet", "agent/health", "agent/update", "agent/opening", "picking/study",
	} {
		found := constants(t, filepath.Join("../..", dir))
		for name, code := range found {
			if code == "OK" || code == "WAIT" || strings.HasPrefix(code, "TOTE:") {
				continue // no fault; control barcodes
			}
			used[code] = true
			if !known[code] {
				t.Errorf("%s: %s = %q is in no table", dir, name, code)
			}
		}
	}
	for _, f := range gs1.Faults() {
		used[f.Code] = true
	}
	for _, f := range identity.Faults() { // its codes stand in the texts of its errors
		used[f.Code] = true
	}
	for code := range known {
		if !used[code] {
			t.Errorf("%s is in the table and nowhere in the code", code)
		}
	}
	if len(used) < 100 {
		t.Errorf("only %d codes found: the search sees too little", len(used))
	}
}

var codeName = regexp.MustCompile(`^(Code|Hint|Fallout)[A-Z]`)

// constants finds the string constants below dir that are named as codes.
func constants(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if i >= len(spec.Values) || !codeName.MatchString(name.Name) {
					continue
				}
				if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if found[path+": "+name.Name], err = strconv.Unquote(lit.Value); err != nil {
						return false
					}
				}
			}
			return true
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCellKeepsTheTableWhole(t *testing.T) {
	got := Page([]Group{{"x", "About.", []Fault{{"A", "one|two\nthree.", "Do."}}}})
	if !strings.Contains(got, "| `A` | one\\|two three. | Do. |\n") {
		t.Error(got)
	}
}
