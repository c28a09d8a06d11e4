package sitemodel

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tote/agent/intake"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// draw fills a value with anything that YAML must carry through.
func draw(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.OneOf(
			rapid.SampledFrom([]string{"", "yes", "No", "null", "~", "0123", "1e3", "12:30", "a: b", "# x", "- x", "a\nb", "\"q\"", "'", "{", "@x", "é\u2028", "\t", " x ", "0x1F", ".5", "=1"}),
			rapid.StringMatching(`[ -~]{0,12}`), rapid.String(),
		).Draw(t, "s"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "b"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(-300, 300), rapid.Int64()).Draw(t, "i"))
	case reflect.Slice:
		if n := rapid.IntRange(0, 3).Draw(t, "n"); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				draw(t, v.Index(i))
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "p") {
			v.Set(reflect.New(v.Type().Elem()))
			draw(t, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if name, _ := nameOf(v.Type().Field(i)); name != "" {
				draw(t, v.Field(i))
			}
		}
	default:
		t.Fatalf("no values of %s: the rules have a new kind of field, which readScalar must learn", v.Type())
	}
}

// Whatever the rules hold is read back as it was, and written again it is the same
// bytes.
func TestRulesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var site warehouse.Site
		draw(t, reflect.ValueOf(&site).Elem())
		out := writeRules(&site)
		r := readRules(fileRules, out)
		if len(r.problems) > 0 {
			t.Fatalf("%v in\n%s", r.problems, out)
		}
		if d := cmp.Diff(&site, r.site, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%s of\n%s", d, out)
		}
		if again := writeRules(r.site); !bytes.Equal(again, out) {
			t.Fatalf("written again:\n%s\nwas:\n%s", again, out)
		}
	})
}

// Every field of what the files hold has a column: a field without one would be lost
// by an apply.
func TestEveryFieldHasAColumn(t *testing.T) {
	for _, tc := range []struct {
		of    any
		cells func(v reflect.Value) map[string]string
	}{
		{warehouse.Item{}, func(v reflect.Value) map[string]string { return intake.ItemCells(v.Interface().(warehouse.Item)) }},
		{warehouse.Bin{}, func(v reflect.Value) map[string]string { return intake.BinCells(v.Interface().(warehouse.Bin)) }},
		{warehouse.Worker{}, func(v reflect.Value) map[string]string { return intake.WorkerCells(v.Interface().(warehouse.Worker)) }},
	} {
		typ := reflect.TypeOf(tc.of)
		for i := range typ.NumField() {
			v := reflect.New(typ).Elem()
			none := tc.cells(v)
			switch f := v.Field(i); f.Kind() {
			case reflect.String:
				f.SetString("x")
			case reflect.Bool:
				f.SetBool(true)
			case reflect.Int, reflect.Int64:
				f.SetInt(7)
			case reflect.Slice:
				f.Set(reflect.MakeSlice(f.Type(), 1, 1))
				if f.Index(0).Kind() == reflect.String {
					f.Index(0).SetString("x")
				}
			}
			if maps.Equal(none, tc.cells(v)) {
				t.Errorf("%s.%s is in no column: an apply would lose it", typ, typ.Field(i).Name)
			}
		}
	}
}

// site is a site on memory.
type site struct {
	t  *testing.T
	tx *memtx.Tx
	m  warehouse.Meta
}

func newSite(t *testing.T) *site {
	return &site{t, memtx.New(), warehouse.Meta{Now: 1_767_225_600_000, Actor: "test", Level: warehouse.Level}}
}

func (s *site) do(c warehouse.Command) warehouse.Result {
	s.t.Helper()
	s.m.Index++
	s.m.Cause = fmt.Sprint("test/", s.m.Index)
	res, err := warehouse.Apply(s.tx, s.m, c)
	if err != nil {
		s.t.Fatal(err)
	}
	return res
}

func (s *site) ok(c warehouse.Command) {
	s.t.Helper()
	if res := s.do(c); !res.OK {
		s.t.Fatalf("%T: %+v", c, res)
	}
}

// apply brings a plan in, as the API does.
func (s *site) apply(id string, p *Plan) {
	s.t.Helper()
	s.ok(warehouse.BeginModel{ID: id, Parts: len(p.Parts()), Site: p.Site(), Counts: p.Counts})
	for n, part := range p.Parts() {
		s.ok(warehouse.StageModel{ID: id, N: n, Part: part})
	}
	s.ok(warehouse.CommitModel{ID: id})
	for s.do(warehouse.StepModel{ID: id}).Text != warehouse.TextModelDone {
	}
}

func (s *site) plan(files Files, prune bool) *Plan {
	s.t.Helper()
	src, problems := Read(files)
	if len(problems) > 0 {
		s.t.Fatal(problems)
	}
	p, err := Make(s.tx, src, Options{Prune: prune})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *site) export() Files {
	s.t.Helper()
	m, err := Current(s.tx)
	if err != nil {
		s.t.Fatal(err)
	}
	files, err := Write(&m)
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

var small = Files{
	"site.yaml": []byte(`id: hamburg
companyPrefix: "9521234"
ssccExtension: 3
totePrefix: T-
cartonTareMg: 350000
toleranceMg: 20000
tolerancePermil: 5
leaseMs: 600000
cartSlots: 1
layout: {aisles: 2, cells: 4, cellMm: 1200, endMm: 1500, pitchMm: 4500, depotAisle: 0}
carriers:
  - {code: PARCEL, method: "", prefix: PA, digits: 8, first: 10000001, last: 19999999}
  - {code: SWIFT, method: express, prefix: SW, digits: 8, first: 1, last: 999}
`),
	"items.csv":   []byte("sku,name,gtin,weight_g,barcodes\nTEA-1,Green tea,09521234001010,100,OLD-1\nMUG,\"A mug, blue\",,300,\n"),
	"bins.csv":    []byte("bin,aisle,cell,zone\nA-01,0,0,Z\nA-02,0,1,Z\nB-01,1,0,\n"),
	"workers.csv": []byte("id,name,badge\nW1,Mira,BADGE-1\nW2,Otto,BADGE-2\n"),
}

// TestPlan: what a plan says of a fresh site, of the same files again, and of each
// kind of change.
func TestPlan(t *testing.T) {
	s := newSite(t)
	files := maps.Clone(small)
	p := s.plan(files, false)
	if p.Refused() || p.Counts != (warehouse.ModelCounts{Added: 8}) {
		t.Fatalf("%+v %v %v", p.Counts, p.Problems, p.InUse)
	}
	s.apply("m1", p)
	if again := s.plan(files, true); !again.Empty() || again.Base != p.Hash || again.Version != 1 {
		t.Fatalf("again: %+v, base %s, want %s", again.Changes, again.Base, p.Hash)
	}
	files["site.yaml"] = bytes.Replace(files["site.yaml"], []byte("last: 999"), []byte("last: 9999"), 1)
	files["bins.csv"] = []byte("bin,aisle,cell,zone\nA-01,0,0,Y\nA-02,0,1,Z\nC-01,1,0,\n")
	s.ok(warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "B-01", SKU: "TEA-1", Qty: 4}}})
	for prune, want := range map[bool]string{
		false: `~ rules hamburg
    carriers[SWIFT].last: 999 -> 9999
~ bin A-01
    zone: Z -> Y
+ bin C-01
  not in the files and kept (--prune removes it): 1 bin: B-01
1 to add, 2 to change, 0 to remove
`,
		true: `~ rules hamburg
    carriers[SWIFT].last: 999 -> 9999
~ bin A-01
    zone: Z -> Y
- bin B-01
+ bin C-01
refused: MODEL_IN_USE: bin B-01: stock of TEA-1
1 to add, 2 to change, 1 to remove; it would be refused: nothing was changed
`,
	} {
		var out strings.Builder
		s.plan(files, prune).Render(&out)
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("prune %v:\n%s", prune, d)
		}
	}
	// A kind without a file is left alone, whatever prune says.
	delete(files, "items.csv")
	delete(files, "workers.csv")
	if p := s.plan(files, true); p.Counts.Removed != 1 {
		t.Errorf("%+v", p.Changes)
	}
}

// What is exported changes nothing when it is brought in again, also by another
// site's empty hands, and an export of that is the same bytes.
func TestExportChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSite(t)
		m := drawModel(rt)
		files, err := Write(&m)
		if err != nil {
			rt.Fatal(err)
		}
		p := s.plan(files, true)
		if p.Refused() {
			rt.Fatalf("%v %v", p.Problems, p.InUse)
		}
		s.apply("m1", p)
		out := s.export()
		if d := cmp.Diff(texts(files), texts(out)); d != "" {
			rt.Fatal(d)
		}
		if again := s.plan(out, true); !again.Empty() || again.Refused() {
			rt.Fatalf("%+v", again.Changes)
		}
		if Hash(out) != p.Hash {
			rt.Fatal("the plan named another hash")
		}
	})
}

func texts(f Files) map[string]string {
	out := map[string]string{}
	for name, b := range f {
		out[name] = string(b)
	}
	return out
}

// drawModel draws a good model.
func drawModel(t *rapid.T) warehouse.Model {
	m := drawnSite()
	text := rapid.StringMatching(`[ -~é]{0,9}[!-~]`)
	for i := range rapid.IntRange(0, 6).Draw(t, "items") {
		it := warehouse.Item{
			SKU: fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"S", "=S", "-", "@", "'"}).Draw(t, "sku"), i), Name: "n" + text.Draw(t, "name"), WeightMg: rapid.Int64Range(1, 5_000_000).Draw(t, "mg"),
			LotTracked: rapid.Bool().Draw(t, "lots"), Min: rapid.Int64Range(0, 9).Draw(t, "min"), Max: rapid.SampledFrom([]int64{0, 10}).Draw(t, "max"),
			Revision: rapid.Int64Range(0, 3).Draw(t, "rev"),
		}
		for b := range rapid.IntRange(0, 2).Draw(t, "codes") {
			it.Barcodes = append(it.Barcodes, fmt.Sprintf("%s;%d%%3B%d", rapid.SampledFrom([]string{"c", "+c", "c="}).Draw(t, "code"), i, b))
		}
		m.Items = append(m.Items, it)
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "bins") {
		m.Bins = append(m.Bins, warehouse.Bin{
			Code: fmt.Sprintf("%s%02d", rapid.SampledFrom([]string{"X-", "=", "7"}).Draw(t, "bin"), i), Aisle: rapid.IntRange(0, 1).Draw(t, "aisle"), Cell: rapid.IntRange(0, 3).Draw(t, "cell"),
			Zone: rapid.SampledFrom([]string{"", "Z", "-1"}).Draw(t, "zone"), Class: rapid.SampledFrom([]string{"", "C"}).Draw(t, "class"),
		})
	}
	m.Site.MaxParcels = rapid.IntRange(0, 5).Draw(t, "parcels")
	m.Site.PackDrop = rapid.SampledFrom([]string{"", "DROP", "0123", "yes"}).Draw(t, "drop")
	sortModel(&m)
	return m
}

// What is wrong at a site already is a warning: it keeps nobody from changing something
// else, and a name that is free by the model is taken by it.
func TestPlanOfAnOddSite(t *testing.T) {
	s := newSite(t)
	m := drawnSite()
	m.Site.Carriers = append(m.Site.Carriers, warehouse.Carrier{Code: "TWIN", Prefix: "PA", Digits: 8, First: 19_000_000, Last: 20_000_000})
	s.ok(warehouse.PutSite{Site: *m.Site})
	s.ok(warehouse.PutWorkers{Workers: m.Workers})
	s.ok(warehouse.PutBins{Bins: []warehouse.Bin{{Code: "A-01"}, {Code: "MUG"}}})
	files := s.export()
	files["site.yaml"] = bytes.Replace(files["site.yaml"], []byte("cartSlots: 1"), []byte("cartSlots: 4"), 1)
	files["bins.csv"] = []byte("bin,aisle,cell\nA-01,0,0\nBADGE-2,0,1\n")
	files["items.csv"] = []byte("sku,name,weight_g\nMUG,Mug,300\n")
	files["workers.csv"] = []byte("id,name,badge\nW1,Mira,BADGE-1\n")
	p := s.plan(files, true)
	if p.Refused() || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0].String(), "carriers PARCEL and TWIN would give the same tracking numbers") {
		t.Fatalf("%v %v %v", p.Problems, p.InUse, p.Warnings)
	}
	s.apply("m1", p)
	if got := s.plan(files, true); !got.Empty() || s.export() == nil {
		t.Errorf("%+v", got.Changes)
	}
}

// A big model is cut into parts that the state machine takes, small ones are one.
func TestParts(t *testing.T) {
	s := newSite(t)
	m := drawnSite()
	m.Site.Layout.Aisles, m.Site.Layout.Cells = 100, 64
	for i := range 3000 {
		m.Items = append(m.Items, warehouse.Item{SKU: fmt.Sprintf("S%05d", i), Name: strings.Repeat("n", 100+i%90), WeightMg: 1, Barcodes: []string{fmt.Sprintf("a%d", i), fmt.Sprintf("b%d", i)}})
		m.Bins = append(m.Bins, warehouse.Bin{Code: fmt.Sprintf("B%05d", i), Aisle: i / 64, Cell: i % 64})
	}
	files, err := Write(&m)
	if err != nil {
		t.Fatal(err)
	}
	p := s.plan(files, false)
	if p.Parts()[0].Now || len(p.Parts()) < 20 {
		t.Errorf("%d parts, the first for the commit: %v", len(p.Parts()), p.Parts()[0].Now)
	}
	s.apply("m1", p)
	if d := cmp.Diff(texts(files), texts(s.export())); d != "" {
		t.Fatal(d)
	}
	// As few as these are one command.
	m.Bins, m.Items = m.Bins[200:], m.Items[50:]
	if files, err = Write(&m); err != nil {
		t.Fatal(err)
	}
	p = s.plan(files, true)
	if p.Counts.Removed != 250 || slices.ContainsFunc(p.Parts(), func(q warehouse.ModelPart) bool { return !q.Now }) {
		t.Errorf("%+v in %d parts", p.Counts, len(p.Parts()))
	}
	s.apply("m2", p)
	// More than one command can look at is refused, with how many it may be.
	m.Bins = nil
	if files, err = Write(&m); err != nil {
		t.Fatal(err)
	}
	p = s.plan(files, true)
	if len(p.Problems) != 1 || p.Problems[0].Code != CodeTooMany || !strings.Contains(p.Problems[0].Text, "2800 things") || !strings.Contains(p.Problems[0].Text, "it takes about 500") {
		t.Errorf("%v", p.Problems)
	}
}

func drawnSite() warehouse.Model {
	files := maps.Clone(small)
	delete(files, "items.csv")
	delete(files, "bins.csv")
	src, problems := Read(files)
	if len(problems) > 0 {
		panic(problems)
	}
	return src.Model
}

// Folders: files of others stay, a file that is there is replaced only when asked.
func TestDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	if _, err := ReadDir(dir); err == nil {
		t.Error("a folder that is not there was read")
	}
	if err := small.WriteDir(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := small.WriteDir(dir, false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("%v", err)
	}
	if err := small.WriteDir(dir, true); err != nil {
		t.Fatal(err)
	}
	got, err := ReadDir(dir)
	if d := cmp.Diff(texts(small), texts(got)); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
}
