package api

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/agent/sitemodel"
	"tote/warehouse"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

var modelFiles = map[string]string{
	"site.yaml": `id: s1
companyPrefix: "9521234"
ssccExtension: 3
totePrefix: T-
cartonTareMg: 350000
toleranceMg: 20000
tolerancePermil: 5
leaseMs: 600000
cartSlots: 1
layout:
  aisles: 2
  cells: 4
  cellMm: 1200
  endMm: 1500
  pitchMm: 4500
  depotAisle: 0
carriers:
  - code: P
    method: ""
    prefix: PA
    digits: 8
    first: 1
    last: 99
packDrop: DROP
`,
	"items.csv":   "sku,name,gtin,weight_g,lot_tracked,barcodes,packs,substitutes,profile,revision\nTEA,Tea,,100,,,,,,\nMUG,Mug,09521234001010,300,,OLD-1,case=12=CASE,TEA,,\n",
	"bins.csv":    "bin,aisle,cell,zone\nB-1,0,0,\nB-2,1,3,\n",
	"workers.csv": "id,name,badge,kind\nW1,Mira,BADGE-1,\nW2,Otto,BADGE-2,\n",
}

// modelled is a site with stock, orders, and work in hand, made of modelFiles.
func modelled(t *testing.T) *fake {
	t.Helper()
	g := newFake(t)
	if got := decode[ModelApplied](t, g.want(http.StatusOK, g.model("apply", modelFiles, nil))); got.Version != 1 {
		t.Fatalf("%+v", got)
	}
	g.want(http.StatusOK, g.csv("stock", "bin,sku,qty\nB-1,TEA,5\n"))
	g.want(http.StatusOK, g.csv("orders", orderFile("O1", "TEA")))
	for _, c := range []warehouse.Command{
		warehouse.SignIn{Device: "h1", Badge: "BADGE-1"},
		warehouse.AskWork{Device: "h1"},
		warehouse.AssignBatch{Batch: "K1", Worker: "W1", Slots: []warehouse.BatchSlot{{Slot: 1, Order: "O1"}}, Walk: []string{"O1/1/1"}},
	} {
		if res, err := g.do(t.Context(), "test", c); err != nil || !res.OK && res.Code != warehouse.CodeWait {
			t.Fatalf("%T: %+v %v", c, res, err)
		}
	}
	g.done, g.by = nil, nil
	return g
}

func (g *fake) model(what string, files map[string]string, more map[string]any) response {
	g.t.Helper()
	req := map[string]any{"files": files}
	maps.Copy(req, more)
	b, err := json.Marshal(req)
	if err != nil {
		g.t.Fatal(err)
	}
	return g.post("/v1/model/"+what, string(b))
}

// with replaces text in a file; without old it is added at the end.
func with(file, old, now string) map[string]string {
	files := maps.Clone(modelFiles)
	if old == "" {
		files[file] += now
		return files
	}
	if !strings.Contains(files[file], old) {
		panic(old + " is not in " + file)
	}
	files[file] = strings.Replace(files[file], old, now, 1)
	return files
}

// badModels are models that are refused, each for one reason. What is said of each,
// with file, line and column, is in testdata/badmodels.golden.
var badModels = map[string]map[string]string{
	"a tab":                        with("site.yaml", "  aisles", "\taisles"),
	"no YAML":                      with("site.yaml", "id: s1", "id: [s1"),
	"two documents":                with("site.yaml", "", "---\nid: s2\n"),
	"an empty file of rules":       with("site.yaml", modelFiles["site.yaml"], ""),
	"a list of rules":              with("site.yaml", modelFiles["site.yaml"], "- id: s1\n"),
	"an unknown key":               with("site.yaml", "totePrefix", "toteprefix"),
	"an unknown key inside":        with("site.yaml", "aisles", "aisle"),
	"a key of nothing we know":     with("site.yaml", "id: s1", "id: s1\nfrobnicate: 3"),
	"a key twice":                  with("site.yaml", "cartSlots: 1", "cartSlots: 1\ncartSlots: 2"),
	"a text for a number":          with("site.yaml", "leaseMs: 600000", "leaseMs: ten minutes"),
	"a fraction":                   with("site.yaml", "cartSlots: 1", "cartSlots: 1.5"),
	"a number for a text":          with("site.yaml", `"9521234"`, "0521234"),
	"yes for true":                 with("site.yaml", "id: s1", "id: s1\nfigures: yes"),
	"one for a list":               with("site.yaml", "packDrop: DROP", "packDrop: DROP\nportals: dock1"),
	"keys for a text":              with("site.yaml", "id: s1", "id: {name: s1}"),
	"an alias":                     with("site.yaml", "packDrop: DROP", "packDrop: &d DROP\nprofile: *d"),
	"rules twice":                  with("site.json", "", "{}"),
	"a strange file":               with("robots.csv", "", "id\n"),
	"another site":                 with("site.yaml", "id: s1", "id: s2"),
	"a company prefix":             with("site.yaml", `"9521234"`, `"95212x4"`),
	"too many slots":               with("site.yaml", "cartSlots: 1", "cartSlots: 65"),
	"a depot outside":              with("site.yaml", "depotAisle: 0", "depotAisle: 2"),
	"cells without length":         with("site.yaml", "cellMm: 1200", "cellMm: 0"),
	"a lease of a second":          with("site.yaml", "leaseMs: 600000", "leaseMs: 1000"),
	"a carrier twice":              with("site.yaml", "packDrop", "  - {code: P, method: '', prefix: PB, digits: 8, first: 1, last: 99}\npackDrop"),
	"a range backwards":            with("site.yaml", "first: 1", "first: 100"),
	"a range too long":             with("site.yaml", "digits: 8", "digits: 1"),
	"numbers of two carriers":      with("site.yaml", "packDrop", "  - {code: Q, method: '', prefix: PA0, digits: 7, first: 50, last: 120}\npackDrop"),
	"low from the first":           with("site.yaml", "last: 99", "last: 99\n    lowWater: 500"),
	"a lane of no carrier":         with("site.yaml", "packDrop", "lanes: [{id: L1, carrier: X}]\ndefaultLane: L1\npackDrop"),
	"no such default lane":         with("site.yaml", "packDrop", "lanes: [{id: L1}]\ndefaultLane: L2\npackDrop"),
	"robots without a station":     with("site.yaml", "packDrop", "transport: robot\npackDrop"),
	"robots without a pack drop":   with("site.yaml", "packDrop: DROP", "transport: robot\npackStations: [pack1]"),
	"a station the map lacks":      with("site.yaml", "packDrop: DROP", "packDrop: DROP\npackStations: [mars]"),
	"a station twice":              with("site.yaml", "packDrop: DROP", "packDrop: DROP\nhardMode: [pack1, pack1]"),
	"a profile of nothing":         with("site.yaml", "packDrop: DROP", "packDrop: DROP\nprofile: FOOD"),
	"a service of nobody":          with("site.yaml", "packDrop: DROP", "packDrop: DROP\nservices: [{carrier: P, code: a}, {carrier: X, code: a}]"),
	"zones nobody has":             with("site.yaml", "packDrop: DROP", "packDrop: DROP\nzonePicking: true"),
	"a layout without its bins":    with("site.yaml", "aisles: 2", "aisles: 1"),
	"a pack drop named like a bin": with("site.yaml", "packDrop: DROP", "packDrop: B-2"),
	"totes named like a bin":       with("site.yaml", "totePrefix: T-", "totePrefix: B-"),
	"a column that is not known":   with("items.csv", "barcodes", "barcode"),
	"a column that is missing":     with("bins.csv", "cell", "zone2"),
	"a row too short":              with("bins.csv", "B-2,1,3,", "B-2,1"),
	"a weight of nothing":          with("items.csv", "300", "0"),
	"a check digit":                with("items.csv", "09521234001010", "09521234001011"),
	"an item twice":                with("items.csv", "", "TEA,Tea,,100,,,,,,\n"),
	"a barcode of two items":       with("items.csv", "", "CUP,Cup,,100,,OLD-1,,,,\n"),
	"a GTIN of two items":          with("items.csv", "", "CUP,Cup,09521234001010,100,,,,,,\n"),
	"a case named like an item":    with("items.csv", "case=12=CASE", "case=12=TEA"),
	"a substitute that is not":     with("items.csv", "CASE,TEA", "CASE,COFFEE"),
	"a profile of an item":         with("items.csv", "CASE,TEA,", "CASE,TEA,COLD"),
	"a bin outside the layout":     with("bins.csv", "B-2,1,3", "B-2,1,4"),
	"an aisle outside the layout":  with("bins.csv", "", "B-3,7,0,\n"),
	"a bin like a tote":            with("bins.csv", "", "T-17,0,0,\n"),
	"a bin named like an item":     with("bins.csv", "", "MUG,0,0,\n"),
	"a bin twice":                  with("bins.csv", "", "B-1,0,1,\n"),
	"a bin with a slash":           with("bins.csv", "", "A/1,0,1,\n"),
	"a badge twice":                with("workers.csv", "BADGE-2", "BADGE-1"),
	"a badge named like a bin":     with("workers.csv", "BADGE-2", "B-1"),
	"a kind of worker":             with("workers.csv", "W2,Otto,BADGE-2,", "W2,Otto,BADGE-2,ghost"),
	"a worker without a badge":     with("workers.csv", "BADGE-2", ""),
	"a robot made of one at work":  with("workers.csv", "BADGE-1,", "BADGE-1,robot"),
	"lots of what has moved":       with("items.csv", "TEA,Tea,,100,", "TEA,Tea,,100,true"),
	"a bin with stock goes":        with("bins.csv", "B-1,0,0,\n", ""),
	"an item with an order goes":   with("items.csv", "TEA,Tea,,100,,,,,,\nMUG,Mug,09521234001010,300,,OLD-1,case=12=CASE,TEA", "MUG,Mug,09521234001010,300,,OLD-1,case=12=CASE,"),
	"a worker at work goes":        with("workers.csv", "W1,Mira,BADGE-1,\n", ""),
}

// TestBadModels: each is refused, says where it is wrong, and changes nothing.
func TestBadModels(t *testing.T) {
	const golden = "testdata/badmodels.golden"
	var out strings.Builder
	g := modelled(t)
	g.node = func(name string) bool { return name != "mars" }
	before := g.tx.Digest()
	if len(badModels) < 40 {
		t.Errorf("%d models", len(badModels))
	}
	for _, name := range slices.Sorted(maps.Keys(badModels)) {
		fmt.Fprintf(&out, "== %s\n", name)
		r := g.model("apply", badModels[name], map[string]any{"prune": true})
		if r.status < 400 {
			t.Errorf("%s: %d", name, r.status)
		}
		refusal := decode[modelRefusal](t, r)
		lines := refusal.Model
		if refusal.Plan != nil {
			lines = append(lines, refusal.Plan.Problems...)
			for _, u := range refusal.Plan.InUse {
				lines = append(lines, sitemodel.Problem{Code: warehouse.CodeModelInUse, Text: u.String()})
			}
		}
		if len(lines) == 0 {
			t.Errorf("%s: %+v", name, refusal)
		}
		for _, p := range lines {
			fmt.Fprintln(&out, p)
		}
		if g.tx.Digest() != before || len(g.done) > 0 {
			t.Errorf("%s: changed something: %+v", name, g.done)
		}
	}
	if *rewrite {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Error(d)
	}
}

// TestApplyModel: from files to the site, and what is told of it.
func TestApplyModel(t *testing.T) {
	g := modelled(t)
	plan := decode[sitemodel.Plan](t, g.want(http.StatusOK, g.model("plan", modelFiles, nil)))
	if !plan.Empty() || plan.Version != 1 {
		t.Fatalf("%+v", plan)
	}
	if got := decode[ModelApplied](t, g.want(http.StatusOK, g.model("apply", modelFiles, nil))); got.Version != 0 || len(g.done) > 0 {
		t.Fatalf("nothing to change was changed: %+v %+v", got, g.done)
	}
	now := decode[ModelFiles](t, g.want(http.StatusOK, g.get("/v1/model")))
	if now.Hash != plan.Base || now.Version != 1 {
		t.Errorf("%+v", now)
	}
	// What it writes changes nothing, and neither does less than all of it.
	for _, files := range []map[string]string{now.Files, {"bins.csv": now.Files["bins.csv"]}} {
		if p := decode[sitemodel.Plan](t, g.want(http.StatusOK, g.model("plan", files, map[string]any{"prune": true}))); !p.Empty() {
			t.Errorf("%+v", p)
		}
	}
	more := with("bins.csv", "", "B-3,1,1,\n")
	got := decode[ModelApplied](t, g.want(http.StatusOK, g.model("apply", more, map[string]any{"base": plan.Base, "note": "a bin more"})))
	if got.Version != 2 || got.Plan.Counts.Added != 1 {
		t.Errorf("%+v", got)
	}
	// The plan of before is over, and so is one that somebody else got ahead of.
	r := decode[modelRefusal](t, g.want(http.StatusConflict, g.model("apply", modelFiles, map[string]any{"base": plan.Base, "prune": true})))
	if r.Code != warehouse.CodeModelChanged || !strings.Contains(r.Text, "site/api changed it with CommitModel at 2026-") {
		t.Errorf("%+v", r.Refusal)
	}
	g.want(http.StatusOK, g.csv("bins", "bin,aisle,cell\nB-4,1,2\n"))
	log := decode[ModelLog](t, g.want(http.StatusOK, g.get("/v1/model/log")))
	if len(log.Versions) != 2 || log.Versions[0].Note != "a bin more" || log.Versions[0].By != "site/api" || log.Versions[0].Hash != got.Plan.Hash ||
		log.Head.What != "PutBins" || log.Head.Changes != log.Head.AtVersion+1 || log.Writing != "" {
		t.Errorf("%+v", log)
	}
	g.want(http.StatusBadRequest, g.post("/v1/model/plan", `{"file": 1}`))
	g.want(http.StatusUnsupportedMediaType, g.call("POST", "/v1/model/apply", "text/csv", strings.NewReader("x")))
}

// TestApplyMeetsOthers: somebody changes the site while a model is brought in, or
// nothing can be recorded; whatever is said, nothing or all of it is there.
func TestApplyMeetsOthers(t *testing.T) {
	more := with("bins.csv", "", "B-3,1,1,\n")
	g := modelled(t)
	g.meanwhile = func(c warehouse.Command) {
		if _, ok := c.(warehouse.BeginModel); ok {
			g.meanwhile = nil
			g.want(http.StatusOK, g.csv("bins", "bin,aisle,cell\nB-4,1,2\n"))
		}
	}
	r := decode[modelRefusal](t, g.want(http.StatusConflict, g.model("apply", more, nil)))
	if r.Code != warehouse.CodeModelChanged || !strings.Contains(r.Text, "PutBins") {
		t.Errorf("%+v", r.Refusal)
	}
	g.meanwhile = func(c warehouse.Command) {
		if _, ok := c.(warehouse.StageModel); ok {
			g.meanwhile = nil
			g.want(http.StatusOK, g.csv("bins", "bin,aisle,cell\nB-5,1,2\n"))
		}
	}
	r = decode[modelRefusal](t, g.want(http.StatusConflict, g.model("apply", more, nil)))
	if r.Code != warehouse.CodeModelChanged {
		t.Errorf("%+v", r.Refusal)
	}
	// Stock comes into a bin that goes, after the plan.
	g.want(http.StatusOK, g.csv("bins", "bin,aisle,cell\nB-9,1,2\n"))
	all := with("bins.csv", "", "B-4,1,2,\nB-5,1,2,\n")
	g.meanwhile = func(c warehouse.Command) {
		if _, ok := c.(warehouse.StageModel); ok {
			g.meanwhile = nil
			g.want(http.StatusOK, g.csv("stock", "bin,sku,qty\nB-9,MUG,1\n"))
		}
	}
	r = decode[modelRefusal](t, g.want(http.StatusConflict, g.model("apply", all, map[string]any{"prune": true})))
	if r.Code != warehouse.CodeModelInUse || !strings.Contains(r.Text, "bin B-9: stock of MUG") {
		t.Errorf("%+v", r.Refusal)
	}
	if got := decode[ModelFiles](t, g.want(http.StatusOK, g.get("/v1/model"))); !strings.Contains(got.Files["bins.csv"], "B-9") || strings.Contains(got.Files["bins.csv"], "B-3") {
		t.Errorf("half of it is there:\n%s", got.Files["bins.csv"])
	}
	g.doErr = errors.New("no leader")
	g.want(http.StatusServiceUnavailable, g.model("apply", more, nil))
	g.doErr = nil
	if got := decode[ModelApplied](t, g.want(http.StatusOK, g.model("apply", more, nil))); got.Version != 2 {
		t.Errorf("%+v", got)
	}
}
