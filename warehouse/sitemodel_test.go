package warehouse_test

import (
	"fmt"
	"strings"
	"testing"

	. "tote/warehouse"
)

// stage begins a model and puts its parts aside.
func (w *world) stage(id string, site *Site, parts ...ModelPart) {
	w.t.Helper()
	w.ok(BeginModel{ID: id, Parts: len(parts), Site: site, Note: "note of " + id, Hash: "ab"})
	for n, p := range parts {
		w.ok(StageModel{ID: id, N: n, Part: p})
	}
}

// stepAll steps a model until nothing is left of it.
func (w *world) stepAll(id string) (steps int) {
	w.t.Helper()
	for w.ok(StepModel{ID: id}).Text != TextModelDone {
		if steps++; steps > 10_000 {
			w.t.Fatal("the model never ends")
		}
	}
	return steps
}

// aside are the rows of models that are on their way.
func (w *world) aside() (n int) {
	for _, prefix := range []string{"models", "modelr", "modelp", "modelt", "modelc", "modelf", "modelw"} {
		if err := w.tx.Range([]byte(prefix+"\x00"), func(_, _ []byte) (bool, error) { n++; return true, nil }); err != nil {
			w.t.Fatal(err)
		}
	}
	return n
}

// modelDay is a day on which the site is changed by models, small and big, refused,
// left alone and written to the end by the clock.
func modelDay(t *testing.T) *world {
	w := bare(t)
	site := testSite()
	site.Layout.Aisles = 3
	w.stage("m1", &site,
		ModelPart{Now: true, Bins: []Bin{{Code: "C-01", Aisle: 2}}, Workers: []Worker{{ID: "w4", Name: "Dee", Badge: "B4"}}},
		ModelPart{Items: []Item{{SKU: "JAR", Name: "Jar", WeightMg: 90_000, Barcodes: []string{"JAR-1"}}}, Bins: []Bin{{Code: "C-02", Aisle: 2, Class: "C"}}},
	)
	w.ok(CommitModel{ID: "m1"})
	w.no(PutBins{Bins: testBins()[:1]}, CodeModelBusy)
	w.stepAll("m1")
	w.ok(OpenStock{Rows: testStock()})
	w.ok(release("O1", "CUP*2", "MILK"))
	cup, bins := testItems()[0], testBins()
	cup.Name, cup.Barcodes = "Mug", []string{"MUG"}
	for i := range bins {
		bins[i].Zone = bins[i].Code[:1]
	}
	site.ZonePicking = true
	w.stage("m2", &site, ModelPart{Now: true, DropBins: []string{"A-04"}, DropWorkers: []string{"w3"}, Items: []Item{cup}}, ModelPart{Bins: bins[:3]}, ModelPart{Bins: bins[4:]})
	w.ok(CommitModel{ID: "m2"})
	w.advance() // nobody steps it
	w.stage("m3", nil, ModelPart{Now: true, DropBins: []string{"A-01"}})
	w.no(CommitModel{ID: "m3"}, CodeModelInUse)
	w.ok(DropModel{ID: "m3"})
	w.stage("m4", nil, ModelPart{Now: true, DropBins: []string{"A-05"}})
	w.ok(PutItems{Items: testItems()[:1]})
	w.no(CommitModel{ID: "m4"}, CodeModelChanged)
	w.m.Now += 2 * 60 * 1000
	w.ok(BeginModel{ID: "m5"})
	w.advance()
	w.invariants()
	w.books()
	return w
}

func TestModelAppliesAsOne(t *testing.T) {
	w := newWorld(t)
	site := testSite()
	w.no(BeginModel{ID: "m0"}, CodeSiteNotSet)
	w.stage("m1", &site,
		ModelPart{Now: true, Items: testItems()[:2], Bins: testBins()[:6], Workers: testWorkers()[:2]},
		ModelPart{Items: testItems()[2:], Bins: testBins()[6:], Workers: testWorkers()[2:]},
	)
	if s := seen(GetSite(w.tx)); s != nil {
		t.Fatal("what lies aside holds already")
	}
	if res := w.ok(CommitModel{ID: "m1"}); res.Ref != "1" {
		t.Fatalf("%+v", res)
	}
	// The rest is being written: who else writes master data waits.
	w.no(PutBins{Bins: testBins()[:1]}, CodeModelBusy)
	if id := seen(ModelOnItsWay(w.tx)); id != "m1" {
		t.Fatal(id)
	}
	w.no(BeginModel{ID: "m2"}, CodeModelBusy)
	w.no(DropModel{ID: "m1"}, CodeConflict)
	w.stepAll("m1")
	for i := range testItems() {
		if it := seen(GetItem(w.tx, testItems()[i].SKU)); it == nil {
			t.Errorf("no %s", testItems()[i].SKU)
		}
	}
	if n := len(seen(Bins(w.tx))); n != len(testBins()) {
		t.Errorf("%d bins", n)
	}
	if n := w.aside(); n != 0 {
		t.Errorf("%d rows were left aside", n)
	}
	// By another way the same site is made: but for what is kept of models, the
	// records are the same.
	if res := w.ok(CommitModel{ID: "m1"}); res.Ref != "1" {
		t.Errorf("a commit that is asked for again: %+v", res)
	}
	w.ok(OpenStock{Rows: testStock()})
	w.ok(release("O1", "CUP*2", "MILK"))
	w.pick("K1", "w3", "O1")
	w.invariants()
	w.books()
	v := seen(ModelVersions(w.tx, 0))
	if len(v) != 1 || v[0].N != 1 || v[0].Note != "note of m1" || v[0].By != "test" || v[0].Hash != "ab" {
		t.Errorf("%+v", v)
	}
}

// A model that is refused changes nothing; each row is one reason.
func TestModelRefusals(t *testing.T) {
	set := func(change func(*Site)) *Site {
		s := testSite()
		change(&s)
		return &s
	}
	cup, milk := testItems()[0], testItems()[3]
	renamed := func(it Item, change func(*Item)) []Item { change(&it); return []Item{it} }
	for name, tc := range map[string]struct {
		site  *Site
		parts []ModelPart
		code  string
		text  string
		at    int // the part that is refused; -1 = the begin, len(parts) = the commit
	}{
		"another site":            {set(func(s *Site) { s.ID = "W9" }), nil, CodeConflict, "this is site W1", -1},
		"rules that are no rules": {set(func(s *Site) { s.CartSlots = 0 }), nil, CodeInvalid, "cart slots", -1},
		"numbers of two carriers": {set(func(s *Site) {
			s.Carriers[0].Code, s.Carriers[0].Prefix, s.Carriers[0].Digits = "F", "PO00", 6
			s.Carriers[0].Last = 200
		}), nil, CodeInvalid, "same tracking numbers", -1},
		"an empty part":               {nil, []ModelPart{{}}, CodeInvalid, "empty", 0},
		"a removal later":             {nil, []ModelPart{{DropBins: []string{"A-01"}}}, CodeInvalid, "for the commit", 0},
		"a removal of nothing":        {nil, []ModelPart{{Now: true, DropBins: []string{"Z-1"}}}, CodeConflict, "is not here", 0},
		"a bad item":                  {nil, []ModelPart{{Items: renamed(cup, func(it *Item) { it.WeightMg = 0 })}}, CodeInvalid, "item CUP: weight", 0},
		"a bin outside the layout":    {nil, []ModelPart{{Bins: []Bin{{Code: "Z-1", Aisle: 7}}}}, CodeInvalid, "aisle outside", 0},
		"a bin like a tote":           {nil, []ModelPart{{Bins: []Bin{{Code: "T-1"}}}}, CodeInvalid, "begins like a tote", 0},
		"a bad worker":                {nil, []ModelPart{{Workers: []Worker{{ID: "w9", Name: "n"}}}}, CodeInvalid, "badge", 0},
		"an item twice":               {nil, []ModelPart{{Items: []Item{cup}}, {Items: []Item{cup}}}, CodeDuplicateInFile, "item CUP is in the model twice", 1},
		"gone and here":               {nil, []ModelPart{{Now: true, DropItems: []string{"BAG"}}, {Items: testItems()[2:3]}}, CodeDuplicateInFile, "twice", 1},
		"a barcode of two items":      {nil, []ModelPart{{Items: []Item{{SKU: "X", Name: "x", WeightMg: 1, Barcodes: []string{"Q"}}, {SKU: "Y", Name: "x", WeightMg: 1, Barcodes: []string{"Q"}}}}}, CodeConflict, "Q is the barcode of item X", 0},
		"a barcode of one that stays": {nil, []ModelPart{{Items: []Item{{SKU: "X", Name: "x", WeightMg: 1, Barcodes: []string{"CUP-OLD"}}}}}, CodeConflict, "item/X wants barcode CUP-OLD, which item/CUP has", 1},
		"a bin named like an item":    {nil, []ModelPart{{Bins: []Bin{{Code: "CUP"}}}}, CodeConflict, "CUP is the barcode of item CUP", 0},
		"an item named like a badge":  {nil, []ModelPart{{Items: []Item{{SKU: "B2", Name: "x", WeightMg: 1}}}}, CodeConflict, "barcode of worker w2", 0},
		"a new bin like a new item":   {nil, []ModelPart{{Items: []Item{{SKU: "X", Name: "x", WeightMg: 1}}}, {Bins: []Bin{{Code: "X"}}}}, CodeConflict, "item X", 1},
		"a badge twice":               {nil, []ModelPart{{Workers: []Worker{{ID: "w8", Name: "n", Badge: "B8"}, {ID: "w9", Name: "n", Badge: "B8"}}}}, CodeConflict, "worker w8", 0},
		"lots, later":                 {nil, []ModelPart{{Items: renamed(milk, func(it *Item) { it.LotTracked = false })}}, CodeInvalid, "lots and serials", 0},
		"lots of what has moved":      {nil, []ModelPart{{Now: true, Items: renamed(milk, func(it *Item) { it.LotTracked = false })}}, CodeModelInUse, "lots and serials cannot change", 1},
		"a bin with stock":            {nil, []ModelPart{{Now: true, DropBins: []string{"A-01"}}}, CodeModelInUse, "bin A-01: stock of CUP", 1},
		"an item that has moved":      {nil, []ModelPart{{Now: true, DropItems: []string{"CUP"}}}, CodeModelInUse, "item CUP: ", 1},
		"a worker at work":            {nil, []ModelPart{{Now: true, DropWorkers: []string{"w1"}}}, CodeModelInUse, "worker w1: ", 1},
		"a robot made of a person":    {nil, []ModelPart{{Now: true, Workers: []Worker{{ID: "w1", Name: "Ada", Badge: "B1", Kind: WorkerRobot}}}}, CodeModelInUse, "worker w1", 1},
		"a layout without its bins":   {set(func(s *Site) { s.Layout.Aisles = 1 }), []ModelPart{{Now: true, Workers: testWorkers()[2:]}}, CodeConflict, "aisle outside the layout", 1},
		"a carrier with parcels":      {set(func(s *Site) { s.Carriers = s.Carriers[:1] }), nil, CodeModelInUse, "carrier POST: parcel", 0},
		"numbers that are given":      {set(func(s *Site) { s.Carriers[1].Last = 99; s.Carriers[1].First = 1 }), nil, CodeModelInUse, "numbers up to 100", 0},
		"numbers of one that went": {set(func(s *Site) {
			s.Carriers = append(s.Carriers, s.Carriers[1])
			s.Carriers[1].Code, s.Carriers[2].Code = "POST2", "POST"
			s.Carriers[2].Prefix = "PX"
		}), nil, CodeModelInUse, "numbers that were given by POST", 0},
		"a gap": {nil, []ModelPart{{Bins: []Bin{{Code: "Z-1"}}}}, CodeConflict, "1 of 2 parts", 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := stocked(t)
			w.ok(release("O1", "CUP*2"))
			w.label("pack1", w.picked("O1"))
			w.ok(release("O2", "PEN*2"))
			w.assign("K2", "w1", "O2")
			before := w.tx.Digest()
			begin := BeginModel{ID: "m1", Parts: len(tc.parts), Site: tc.site}
			if tc.at > len(tc.parts) {
				begin.Parts++
			}
			if tc.at < 0 {
				w.wantNo(begin, tc.code, tc.text)
				return
			}
			w.ok(begin)
			for n, p := range tc.parts {
				if cmd := (StageModel{ID: "m1", N: n, Part: p}); n == tc.at {
					w.wantNo(cmd, tc.code, tc.text)
				} else {
					w.ok(cmd)
				}
			}
			if tc.at >= len(tc.parts) {
				w.wantNo(CommitModel{ID: "m1"}, tc.code, tc.text)
			}
			w.ok(DropModel{ID: "m1"})
			w.stepAll("m1")
			w.forgetModels()
			if w.tx.Digest() != before {
				t.Error("something of it remained")
			}
		})
	}
}

func (w *world) wantNo(c Command, code, text string) {
	w.t.Helper()
	if res := w.no(c, code); !strings.Contains(res.Text, text) {
		w.t.Fatalf("%s, want %q in it", res.Text, text)
	}
}

// picked picks an order and returns its id.
func (w *world) picked(id string) string {
	w.t.Helper()
	w.pick("K"+id, "w2", id)
	return id
}

// forgetModels takes away what is kept of models for ever.
func (w *world) forgetModels() {
	w.t.Helper()
	for _, k := range []string{"model", "seq\x00model"} {
		if err := w.tx.Delete([]byte(k)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Barcodes and badges change places in any order of the parts.
func TestModelMovesBarcodes(t *testing.T) {
	cup, pen := testItems()[0], testItems()[1]
	cup.Barcodes, pen.Barcodes = []string{"PEN-OLD"}, []string{"CUP-OLD"}
	cup.GTIN, pen.GTIN = pen.GTIN, cup.GTIN
	ada, ben := testWorkers()[0], testWorkers()[1]
	ada.Badge, ben.Badge = ben.Badge, ada.Badge
	for name, parts := range map[string][]ModelPart{
		"one part":    {{Now: true, Items: []Item{cup, pen}, Workers: []Worker{ada, ben}}},
		"the commit":  {{Now: true, Items: []Item{pen}, Workers: []Worker{ben}}, {Items: []Item{cup}, Workers: []Worker{ada}}},
		"afterwards":  {{Items: []Item{cup}, Workers: []Worker{ben}}, {Items: []Item{pen}, Workers: []Worker{ada}}},
		"from a gone": {{Now: true, Items: []Item{cup}, Workers: []Worker{ada, ben}}, {Items: []Item{pen}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := bare(t)
			w.stage("m1", nil, parts...)
			w.ok(CommitModel{ID: "m1"})
			w.stepAll("m1")
			for code, sku := range map[string]string{"PEN-OLD": "CUP", "CUP-OLD": "PEN", gtin(1): "PEN", gtin(2): "CUP", "CUP": "CUP", "PEN": "PEN"} {
				if it, _, err := FindItem(w.tx, code); err != nil || it == nil || it.SKU != sku {
					t.Errorf("%s is %+v, want %s", code, it, sku)
				}
			}
			w.ok(SignIn{Device: "h", Badge: "B2"})
			if id := seen(WorkerOfDevice(w.tx, "h")); id != "w1" {
				t.Errorf("badge B2 is %s", id)
			}
			w.invariants()
		})
	}
}

// Whatever else writes master data meanwhile makes the commit be refused, and says
// who it was; commands that write none do not.
func TestModelIsOfOneMoment(t *testing.T) {
	w := stocked(t)
	w.stage("m1", nil, ModelPart{Now: true, Bins: []Bin{{Code: "Z-1"}}})
	w.ok(release("O1", "CUP*2"))
	w.ok(CommitModel{ID: "m1"})
	w.stepAll("m1")
	for _, c := range []Command{
		PutBins{Bins: testBins()[:1]},
		PutItems{Items: testItems()[:1]},
		PutWorkers{Workers: testWorkers()[:1]},
		PutSite{Site: testSite()},
	} {
		w.stage("m2", nil, ModelPart{Now: true, DropBins: []string{"Z-1"}})
		w.m.Actor = "worker/eve"
		w.ok(c)
		w.m.Actor = "test"
		w.wantNo(CommitModel{ID: "m2"}, CodeModelChanged, fmt.Sprintf("worker/eve changed the site with %s at 2026-01-01T", CommandName(c.Kind())))
		w.ok(DropModel{ID: "m2"})
	}
	if h := seen(GetModelHead(w.tx)); h.Changes != 5 || h.AtVersion != 1 || h.Version != 1 {
		t.Errorf("%+v", h)
	}
	w.advance()
	if n := w.aside(); n != 0 {
		t.Errorf("%d rows were left aside", n)
	}
}

// Nobody goes on with a model: it goes by itself, and the next may begin at once.
func TestModelIsLeftAlone(t *testing.T) {
	w := stocked(t)
	w.stage("m1", new(testSite()), ModelPart{Bins: []Bin{{Code: "Z-1"}}})
	w.wantNo(BeginModel{ID: "m2"}, CodeModelBusy, "test is being brought in since 2026-")
	w.m.Now += 2 * 60 * 1000
	w.ok(BeginModel{ID: "m2"})
	w.no(CommitModel{ID: "m1"}, CodeModelBusy)
	w.m.Now += 2 * 60 * 1000
	w.advance()
	if n := w.aside(); n != 0 {
		t.Errorf("%d rows were left aside", n)
	}
	w.no(CommitModel{ID: "m2"}, CodeConflict)
	if b := seen(GetBin(w.tx, "Z-1")); b != nil {
		t.Error("a model that was left alone was written")
	}
}

// A big model stays within what a command may write (the world measures each), and is
// written to the end by the clock alone when who brought it is gone. The figure of
// demo/bench is of 50,000 items.
func TestModelOfABigSite(t *testing.T) {
	items, bins := 12_000, 5_000
	w := newWorld(t)
	site := testSite()
	site.Layout.Aisles, site.Layout.Cells = 400, 50
	var parts []ModelPart
	for at := 0; at < items; at += 150 {
		var p ModelPart
		for i := at; i < min(items, at+150); i++ {
			p.Items = append(p.Items, Item{SKU: fmt.Sprintf("SKU-%06d", i), Name: "thing", GTIN: gtin(i), WeightMg: 1000, Barcodes: []string{fmt.Sprintf("ALT-%06d", i)}})
		}
		parts = append(parts, p)
	}
	for at := 0; at < bins; at += 250 {
		var p ModelPart
		for i := at; i < min(bins, at+250); i++ {
			p.Bins = append(p.Bins, Bin{Code: fmt.Sprintf("%03d-%02d", i/50, i%50), Aisle: i / 50, Cell: i % 50, Class: "C"})
		}
		parts = append(parts, p)
	}
	w.stage("m1", &site, parts...)
	w.ok(CommitModel{ID: "m1"})
	for range 5 {
		w.ok(StepModel{ID: "m1"})
	}
	rounds := w.advance()
	if n := w.aside(); n != 0 {
		t.Errorf("%d rows were left aside", n)
	}
	if n, m := len(seen(Items(w.tx))), len(seen(Bins(w.tx))); n != items || m != bins {
		t.Errorf("%d items, %d bins", n, m)
	}
	t.Log("rounds of the clock:", rounds)
	// Other rules look at all of it, in one command.
	site.Layout.Cells = 51
	w.stage("m2", &site)
	w.ok(CommitModel{ID: "m2"})
	w.stepAll("m2")
}

// A big model that the clock writes and takes away keeps nobody waiting: a reservation
// that is over ends in the same round.
func TestModelLetsOthersGo(t *testing.T) {
	w := stocked(t)
	var parts []ModelPart
	for at := range 40 {
		var p ModelPart
		for i := range 200 {
			p.Items = append(p.Items, Item{SKU: fmt.Sprintf("N%d-%d", at, i), Name: "n", WeightMg: 1})
		}
		parts = append(parts, p)
	}
	w.ok(KeepStock{ID: "R1", For: "eve", SKU: "PEN", Qty: 3, Until: w.m.Now + 1000})
	w.stage("m1", nil, parts...)
	w.ok(CommitModel{ID: "m1"})
	w.m.Now += 1000
	w.ok(AdvanceTime{})
	if k := seen(GetKept(w.tx, "R1")); k != nil {
		t.Error("a reservation waits for a model")
	}
	if seen(ModelOnItsWay(w.tx)) == "" {
		t.Fatal("the model is written already: the test shows nothing")
	}
	rounds := w.advance()
	if n := w.aside(); n != 0 || rounds < 5 {
		t.Errorf("%d rows are left after %d rounds", n, rounds)
	}
}
