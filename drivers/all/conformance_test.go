package all

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// conformance says for each driver which test lets it pass the suite of all
// drivers. LLRP's own suite has the same clauses for a device that speaks first,
// over TCP.
var conformance = map[string]struct{ dir, test string }{
	"a-and-d":        {"scale/aandd", "TestConformance"},
	"epl2":           {"printer", "TestLanguagesPassConformance"},
	"escpos":         {"printer", "TestLanguagesPassConformance"},
	"hid":            {"scale/hid", "TestConformance"},
	"kern":           {"scale/kern", "TestConformance"},
	"llrp":           {"rfid/llrp", "TestConformance"},
	"mt-sics":        {"scale", "TestConformance"},
	"nci":            {"scale/nci", "TestConformance"},
	"ohaus":          {"scale/ohaus", "TestConformance"},
	"r200":           {"rfid/r200", "TestConformance"},
	"r2000":          {"rfid/r2000", "TestConformance"},
	"regex":          {"scale/pattern", "TestConformance"},
	"serial-scanner": {"scanner", "TestConformance"},
	"sma":            {"scale/nci", "TestConformanceSMA"},
	"ssi":            {"scanner", "TestSSIConformance"},
	"thingmagic":     {"rfid/thingmagic", "TestConformance"},
	"toledo":         {"scale/toledo", "TestConformance"},
	"toledo-8213":    {"scale/nci", "TestConformance8213"},
	"toledo-plain":   {"scale/toledo", "TestConformancePlain"},
	"tspl":           {"printer", "TestLanguagesPassConformance"},
	"uhf18":          {"rfid/uhf18", "TestConformance"},
	"uhf288":         {"rfid/uhf18", "TestConformance"},
	"wedge":          {"scanner", "TestWedgeConformance"},
	"xy-md02":        {"sensor/xymd02", "TestConformance"},
	"ziotc":          {"rfid/ziotc", "TestConformance"},
	"ziotc-sled":     {"rfid/ziotc", "TestConformance"},
	"zpl":            {"printer", "TestLanguagesPassConformance"},
}

// TestEveryDriverPassesTheSuite: no driver is exempt.
func TestEveryDriverPassesTheSuite(t *testing.T) {
	for _, d := range Drivers() {
		c, ok := conformance[d.Name]
		if !ok {
			t.Errorf("%s: no test of drivertest.Conformance is named here", d.Name)
			continue
		}
		if d.Name != "llrp" && !calls(t, filepath.Join("..", c.dir), c.test) {
			t.Errorf("%s: %s of drivers/%s does not call the suite", d.Name, c.test, c.dir)
		}
	}
	if len(conformance) != len(Drivers()) {
		t.Errorf("%d tests for %d drivers", len(conformance), len(Drivers()))
	}
}

// calls reports whether a test calls something named Conformance of another package.
func calls(t *testing.T, dir, test string) (yes bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != test {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Conformance" {
					if p, ok := s.X.(*ast.Ident); ok && strings.HasSuffix(p.Name, "test") {
						yes = true
					}
				}
				return true
			})
		}
	}
	return yes
}
