package repotest

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// makers are names of systems, carriers and devices on the market. A product
// that names one is bound to it.
var makers = regexp.MustCompile(`(?i:\b(vendure|shopify|magento|netsuite|salesforce|manhattan|blue ?yonder|odoo|woocommerce|oracle|dhl|fedex|gls|dpd|zebra|impinj|mettler|honeywell|datalogic)\b)|\b(SAP|UPS)\b`)

// adapters are the packages whose matter a maker is: drivers, the emulators of
// devices, and the adapters of an OMS.
var adapters = []string{"drivers", "firmware-tests", "cloudsync/adapters"}

func TestNoMakersRow117(t *testing.T) {
	tree, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	named, seen := 0, 0
	for name, text := range tree.Texts {
		code := strings.HasSuffix(name, ".go") || strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".html") ||
			strings.HasSuffix(name, ".csv") || strings.HasSuffix(name, ".sql") || strings.HasSuffix(name, ".yaml")
		if !code || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") || under(name, "repotest") {
			continue
		}
		seen++
		found := makers.Find(text)
		if slices.ContainsFunc(adapters, func(dir string) bool { return under(name, dir) }) {
			if found != nil {
				named++
			}
			continue
		}
		if found != nil {
			t.Errorf("%s names %s", name, found)
		}
	}
	if seen < 100 || named == 0 {
		t.Errorf("%d files read, %d adapters name a maker: this test looks at nothing", seen, named)
	}
}

// The mails of an order are written by the OMS, from the milestones.
func TestNoMailRow65(t *testing.T) {
	tree, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range tree.Packages {
		for _, f := range p.Files {
			for _, imp := range f.AST.Imports {
				if path := strings.Trim(imp.Path.Value, `"`); path == "net/smtp" || strings.Contains(path, "mail") {
					t.Errorf("%s imports %s", p.Dir, path)
				}
			}
		}
	}
}

// What happened at the site is told in one model: the domain's events, and their
// form on the wire, which cloudsync holds to be the same field by field. Whatever
// plans, works or shows reads those.
func TestOneEventModelRow66(t *testing.T) {
	tree, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range tree.Packages {
		if under(p.Dir, "scripts") || under(p.Dir, "tools") || p.Dir == "raftstore/lintest" { // they read the events of go test
			continue
		}
		for _, f := range p.Files {
			if f.Test {
				continue
			}
			ast.Inspect(f.AST, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				_, isStruct := spec.Type.(*ast.StructType)
				if name := strings.ToLower(spec.Name.Name); isStruct && (strings.HasSuffix(name, "event") || strings.HasSuffix(name, "eventdata")) {
					got = append(got, p.Dir+"."+spec.Name.Name)
				}
				return true
			})
		}
	}
	slices.Sort(got)
	want := []string{"cloudsync/wire.Event", "cloudsync/wire.EventData", "warehouse.Event", "warehouse.EventData"}
	if !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
}

func TestPosition(t *testing.T) {
	tree, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	has := func(t *testing.T, file string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(string(tree.Texts[file]), w) {
				t.Errorf("%s has no %q", file, w)
			}
		}
	}
	t.Run("row 83: the README says where the product stands", func(t *testing.T) {
		has(t, "README.md", "\n## Where it stands\n", "docs/position.md")
	})
	t.Run("row 116: comparison, cost, capabilities, and the way out", func(t *testing.T) {
		has(t, "docs/position.md", "\n## Position\n", "\n## Capabilities\n", "\n## Comparison\n", "\n## What it costs to run\n", "\n## No lock-in\n")
	})
}
