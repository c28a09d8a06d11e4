package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	. "tote/warehouse"
)

// dangling lists what refers to things that are not here.
func (w *world) dangling() (bad []string) {
	w.t.Helper()
	site := seen(GetSite(w.tx))
	items, bins, workers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, it := range seen(Items(w.tx)) {
		items[it.SKU] = true
		for _, code := range append([]string{it.SKU}, it.Barcodes...) {
			if f, _, err := FindItem(w.tx, code); err != nil || f == nil || f.SKU != it.SKU {
				bad = append(bad, "code "+code+" of "+it.SKU)
			}
		}
	}
	for _, b := range seen(Bins(w.tx)) {
		bins[b.Code] = true
		if b.Aisle >= site.Layout.Aisles || b.Cell >= site.Layout.Cells {
			bad = append(bad, "bin "+b.Code+" is outside the layout")
		}
	}
	for _, wk := range seen(Workers(w.tx)) {
		workers[wk.ID] = true
	}
	// Every row of these kinds names a thing in its key.
	for _, k := range []struct {
		prefix string
		at     int // component
		known  map[string]bool
	}{{"stock", 1, items}, {"open", 1, bins}, {"open", 2, items}, {"counting", 1, bins}, {"wstate", 1, workers}, {"face", 1, items}, {"face", 2, bins}, {"levels", 1, items}} {
		err := w.tx.Range([]byte(k.prefix+"\x00"), func(key, _ []byte) (bool, error) {
			if parts := strings.Split(string(key), "\x00"); !k.known[parts[k.at]] {
				bad = append(bad, fmt.Sprintf("row %q", parts))
			}
			return true, nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	err := w.tx.Range([]byte("at\x00bin/"), func(key, _ []byte) (bool, error) {
		if code := strings.Split(strings.TrimPrefix(string(key), "at\x00bin/"), "\x00")[0]; !bins[code] {
			bad = append(bad, "stock in "+code)
		}
		return true, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range seen(OpenOrders(w.tx, nil, "", 0)) {
		for _, l := range o.Lines {
			if !items[l.SKU] {
				bad = append(bad, "order "+o.Spec.ID+" of "+l.SKU)
			}
		}
	}
	return bad
}

// withoutHead is the digest of the state without what is counted of models.
func (w *world) withoutHead() string {
	w.t.Helper()
	now := w.tx.Snapshot()
	defer w.tx.Rollback(now)
	w.forgetModels()
	return w.tx.Digest()
}

// edits draws differences to what is here.
func (w *world) edits(t *rapid.T) (site *Site, parts []ModelPart) {
	var now, later ModelPart
	now.Now = true
	some := func(n int) bool { return rapid.IntRange(0, n).Draw(t, "some") == 0 }
	for _, it := range seen(Items(w.tx)) {
		switch {
		case some(5):
			now.DropItems = append(now.DropItems, it.SKU)
		case some(3):
			it.Barcodes = []string{fmt.Sprintf("X%d", rapid.IntRange(0, 5).Draw(t, "code"))}
			if some(3) {
				it.LotTracked = !it.LotTracked
			}
			now.Items = append(now.Items, it)
		case some(3):
			it.Name = "renamed"
			later.Items = append(later.Items, it)
		}
	}
	if some(2) {
		later.Items = append(later.Items, Item{SKU: fmt.Sprintf("N%d", rapid.IntRange(0, 3).Draw(t, "sku")), Name: "new", WeightMg: 1})
	}
	for _, b := range seen(Bins(w.tx)) {
		switch {
		case some(7):
			now.DropBins = append(now.DropBins, b.Code)
		case some(4):
			b.Aisle, b.Class = rapid.IntRange(0, 2).Draw(t, "aisle"), rapid.SampledFrom([]string{"", "C"}).Draw(t, "class")
			now.Bins = append(now.Bins, b)
		}
	}
	if some(2) {
		later.Bins = append(later.Bins, Bin{Code: fmt.Sprintf("C-%02d", rapid.IntRange(0, 3).Draw(t, "bin")), Aisle: 1})
	}
	for _, wk := range seen(Workers(w.tx)) {
		switch {
		case some(4):
			now.DropWorkers = append(now.DropWorkers, wk.ID)
		case some(3):
			wk.Badge = fmt.Sprintf("B%d", rapid.IntRange(1, 4).Draw(t, "badge"))
			later.Workers = append(later.Workers, wk)
		}
	}
	if some(3) {
		s := *seen(GetSite(w.tx))
		s.Layout.Aisles = rapid.IntRange(1, 3).Draw(t, "aisles")
		site = &s
	}
	for _, p := range []ModelPart{now, later} {
		if len(p.Items)+len(p.Bins)+len(p.Workers)+len(p.DropItems)+len(p.DropBins)+len(p.DropWorkers) > 0 {
			parts = append(parts, p)
		}
	}
	return site, parts
}

// Random models over random stock and work: each applies whole or not at all, and
// after it nothing refers to what is not there.
func TestRandomModels(t *testing.T) {
	applied, refused := 0, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := bare(t)
		orders := 0
		for m := range rapid.IntRange(3, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				bins, items := seen(Bins(w.tx)), seen(Items(w.tx))
				if len(bins) == 0 || len(items) == 0 {
					continue
				}
				it := rapid.SampledFrom(items).Draw(t, "item")
				row := StockRow{Bin: rapid.SampledFrom(bins).Draw(t, "bin").Code, SKU: it.SKU, Qty: 3}
				if it.LotTracked {
					row.Lot, row.Expiry = "L", "2026-05-01"
				}
				w.ok(OpenStock{Rows: []StockRow{row}})
			case 1:
				orders++
				w.apply(release(fmt.Sprintf("O%d", orders), rapid.SampledFrom([]string{"CUP", "PEN", "MILK", "BAG", "N1"}).Draw(t, "sku")))
			case 2:
				if wks := seen(Workers(w.tx)); len(wks) > 0 {
					w.apply(SignIn{Device: "h" + fmt.Sprint(m), Badge: rapid.SampledFrom(wks).Draw(t, "worker").Badge})
				}
			default:
				before := w.withoutHead()
				if ok, res := w.tryModel(t, fmt.Sprintf("m%d", m)); ok {
					applied++
				} else {
					refused[res.Code]++
					if w.withoutHead() != before {
						t.Fatalf("refused with %+v and left something", res)
					}
				}
			}
			if bad := w.dangling(); len(bad) > 0 {
				t.Fatalf("dangling: %v", bad)
			}
			w.invariants()
			w.books()
		}
	})
	t.Log(applied, "were applied, refused:", refused)
	if applied == 0 || refused[CodeModelInUse] == 0 {
		t.Error("the models are too tame")
	}
}

// tryModel brings a random model as far as it goes.
func (w *world) tryModel(t *rapid.T, id string) (bool, Result) {
	site, parts := w.edits(t)
	cmds := []Command{BeginModel{ID: id, Site: site, Parts: len(parts)}}
	for n, p := range parts {
		cmds = append(cmds, StageModel{ID: id, N: n, Part: p})
	}
	cmds = append(cmds, CommitModel{ID: id})
	for _, c := range cmds {
		if res := w.apply(c); !res.OK {
			w.apply(DropModel{ID: id})
			w.stepAll(id)
			return false, res
		}
	}
	// In between the clock may go on with it as well as who brought it.
	if slices.Contains([]int{0, 1}, rapid.IntRange(0, 3).Draw(t, "who")) {
		w.advance()
	}
	w.stepAll(id)
	for _, p := range parts {
		for _, it := range p.Items {
			if got := seen(GetItem(w.tx, it.SKU)); got == nil || got.Name != it.Name {
				t.Fatalf("item %s is %+v", it.SKU, got)
			}
		}
		for _, code := range p.DropBins {
			if seen(GetBin(w.tx, code)) != nil {
				t.Fatalf("bin %s is still here", code)
			}
		}
	}
	return true, Result{}
}
