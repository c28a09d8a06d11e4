package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// halls is a site of two zones, with items of every kind and no stock.
func halls(t fataler) *world {
	w := bare(t)
	bins := testBins()
	for i := range bins {
		bins[i].Zone = bins[i].Code[:1]
	}
	w.ok(PutBins{Bins: bins})
	w.ok(PutItems{Items: []Item{phone()}})
	return w
}

// counted is a count of a bin: "SKU*qty" words, and what the book holds beside them
// is not there any more.
func (w *world) counted(bin string, lines ...string) BookOpening {
	w.t.Helper()
	held, skus, err := Standing(w.tx, bin)
	if err != nil {
		w.t.Fatal(err)
	}
	b := BinCount{Bin: bin, Sum: fmt.Sprintf("%x", strings.Join(lines, " "))}
	b.Sum = b.Sum[:min(len(b.Sum), 60)] + "."
	for i, h := range held {
		b.Lines = append(b.Lines, OpeningLine{SKU: skus[i], Lot: h.Lot, Expiry: h.Expiry, Serial: h.Serial, Owner: h.Owner, Status: h.Status, Was: h.Qty})
	}
	for _, l := range lines {
		sku, n, _ := strings.Cut(l, "*")
		line := OpeningLine{SKU: sku, Qty: 1}
		_, _ = fmt.Sscan(n, &line.Qty)
		switch sku {
		case "MILK":
			line.Lot, line.Expiry = "L1", "2026-02-01"
		case "TEL":
			line.Serial, line.Qty = "s"+n, 1
		}
		if i := slices.IndexFunc(b.Lines, func(o OpeningLine) bool {
			return o.SKU == sku && o.Lot == line.Lot && o.Serial == line.Serial && o.Owner == "" && o.Status == ""
		}); i >= 0 {
			b.Lines[i].Qty = line.Qty
		} else {
			b.Lines = append(b.Lines, line)
		}
	}
	return BookOpening{Zone: bin[:1], Bins: []BinCount{b}}
}

// stands is what a bin holds, as counted takes it.
func (w *world) stands(bin string) string {
	held, skus, err := Standing(w.tx, bin)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for i, h := range held {
		out = append(out, fmt.Sprintf("%s*%d", skus[i], h.Qty))
	}
	return strings.Join(out, " ")
}

// leftIn is what a virtual place was left with, of all items.
func (w *world) leftIn(place string) (n int64) {
	for _, it := range seen(Items(w.tx)) {
		for _, b := range seen(Balances(w.tx, it.SKU)) {
			if b.Place == place {
				n += b.Qty
			}
		}
	}
	return n
}

func TestOpeningCount(t *testing.T) {
	again := func(c BookOpening) BookOpening { c.Reason = ReasonRecounted; return c }
	anew := func(c BookOpening) BookOpening { c.Recount = true; return again(c) }
	for name, tc := range map[string]struct {
		work  func(w *world) // after A-01 was counted with CUP*4 MILK*3
		count []string       // what is counted then
		how   func(BookOpening) BookOpening
		code  string // CodeOK when it is ""
		holds string
		open  int64 // what the virtual places hold then
		adj   int64
	}{
		"the same":                      {count: []string{"CUP*4", "MILK*3"}, holds: "CUP*4 MILK*3", open: -7},
		"more, without a reason":        {count: []string{"CUP*6", "MILK*3"}, code: CodeInvalid, holds: "CUP*4 MILK*3", open: -7},
		"more":                          {count: []string{"CUP*6", "MILK*3"}, how: again, holds: "CUP*6 MILK*3", open: -9},
		"less":                          {count: []string{"CUP*1", "MILK*3"}, how: again, holds: "CUP*1 MILK*3", open: -4},
		"one is not there":              {count: []string{"MILK*3"}, how: again, holds: "MILK*3", open: -3},
		"another one":                   {count: []string{"CUP*4", "MILK*3", "TEL*7"}, how: again, holds: "CUP*4 MILK*3 TEL*1", open: -8},
		"nothing":                       {how: again, holds: "", open: 0},
		"the same, after work":          {work: takeTwo, count: []string{"CUP*4", "MILK*3"}, holds: "CUP*2 MILK*3", open: -7},
		"another, after work":           {work: takeTwo, count: []string{"CUP*3", "MILK*3"}, how: again, code: CodeBinWorkedOn, holds: "CUP*2 MILK*3", open: -7},
		"what the book says, worked on": {work: takeTwo, count: []string{"CUP*2", "MILK*3"}, holds: "CUP*2 MILK*3", open: -7},
		"recounted, without a reason":   {work: takeTwo, count: []string{"CUP*1", "MILK*3"}, how: func(c BookOpening) BookOpening { c.Recount = true; return c }, code: CodeInvalid, holds: "CUP*2 MILK*3", open: -7},
		"recounted: less":               {work: takeTwo, count: []string{"CUP*1", "MILK*3"}, how: anew, holds: "CUP*1 MILK*3", open: -7, adj: 1},
		"recounted: more":               {work: takeTwo, count: []string{"CUP*9", "MILK*3"}, how: anew, holds: "CUP*9 MILK*3", open: -7, adj: -7},
		"moved there and back": {
			work: func(w *world) {
				w.ok(MoveStock{From: "bin/A-01", To: "bin/A-02", SKU: "CUP", Qty: 2})
				w.ok(MoveStock{From: "bin/A-02", To: "bin/A-01", SKU: "CUP", Qty: 2})
			}, count: []string{"CUP*5", "MILK*3"}, how: again, code: CodeBinWorkedOn, holds: "CUP*4 MILK*3", open: -7,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := halls(t)
			first := w.counted("A-01", "CUP*4", "MILK*3")
			w.ok(first)
			if tc.work != nil {
				tc.work(w)
			}
			cmd := w.counted("A-01", tc.count...)
			if tc.how != nil {
				cmd = tc.how(cmd)
			}
			told := len(w.events())
			if tc.code == "" {
				w.ok(cmd)
				again := w.tx.Writes()
				w.ok(cmd) // its lines speak of before: the sum says that it is booked
				if w.stands("A-01") != tc.holds {
					t.Errorf("the same again made it %q", w.stands("A-01"))
				}
				if n := w.tx.Writes() - again; n > 2 {
					t.Errorf("the same again wrote %d times", n)
				}
			} else {
				w.no(cmd, tc.code)
			}
			if got := w.stands("A-01"); got != tc.holds {
				t.Errorf("holds %q, want %q", got, tc.holds)
			}
			if open, adj := w.leftIn(PlaceOpening), w.leftIn(PlaceAdjustment); open != tc.open || adj != tc.adj {
				t.Errorf("opening %d, adjustment %d, want %d and %d", open, adj, tc.open, tc.adj)
			}
			if n := len(w.events()) - told; (n > 0) != (tc.adj != 0) {
				t.Errorf("%d events", n)
			}
			w.invariants()
			w.books()
		})
	}
}

func takeTwo(w *world) {
	w.ok(AdjustStock{Place: "bin/A-01", SKU: "CUP", Qty: 2, Reason: ReasonFound})
	w.ok(MoveStock{From: "bin/A-01", To: "bin/A-02", SKU: "CUP", Qty: 4})
	w.ok(AdjustStock{Place: "bin/A-02", SKU: "CUP", Qty: -2, Reason: ReasonMissing})
}

// What the maker of the command saw has to be so still, and a bin that held goods
// before anybody counted it is one that was worked on.
func TestOpeningCountOfWhatIsThere(t *testing.T) {
	w := halls(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 10}, {Bin: "A-02", SKU: "CUP", Qty: 10}}})
	stale := w.counted("A-01", "CUP*10", "PEN*1")
	stale.Reason, stale.Recount = ReasonRecounted, true
	w.ok(w.counted("A-02", "CUP*10")) // as the book says: no reason is asked for
	w.no(w.counted("A-01", "CUP*9"), CodeBinWorkedOn)
	w.ok(MoveStock{From: "bin/A-01", To: "bin/B-01", SKU: "CUP", Qty: 3})
	w.no(stale, CodeBinChanged)
	if got := w.stands("A-01"); got != "CUP*7" {
		t.Errorf("holds %q", got)
	}
	w.books()
}

// Orders that count on what is not there are planned anew; what a worker is on his
// way to is refused.
func TestOpeningCountOfWhatIsReserved(t *testing.T) {
	w := halls(t)
	w.ok(w.counted("A-01", "CUP*4"))
	w.ok(w.counted("A-02", "CUP*4"))
	w.ok(release("O1", "CUP*4"))
	less := w.counted("A-01", "CUP*1")
	less.Reason = ReasonRecounted
	w.ok(less)
	w.state("O1", OrderReleased)
	w.ok(release("O2", "CUP*1"))
	w.assign("K1", "w1", "O1", "O2")
	for _, bin := range []string{"A-01", "A-02"} {
		none := w.counted(bin)
		none.Reason = ReasonRecounted
		w.no(none, CodeReserved)
	}
	w.invariants()
	w.books()
}

// A bin of more positions than a command takes comes in parts: until the last one
// it is not counted, and may go on without a reason.
func TestOpeningCountInParts(t *testing.T) {
	w := halls(t)
	all := w.counted("A-01", "TEL*1", "TEL*2", "TEL*3")
	first, rest := all, all
	first.Bins = []BinCount{all.Bins[0]}
	first.Bins[0].Lines, first.Bins[0].More = all.Bins[0].Lines[:2], true
	rest.Bins = []BinCount{all.Bins[0]}
	rest.Bins[0].Lines, rest.Last = all.Bins[0].Lines[2:], true
	w.ok(first)
	if b := seen(GetOpenedBin(w.tx, "A-01")); b.Sum != "" {
		t.Errorf("a part is all: %+v", b)
	}
	w.ok(rest)
	b, z := seen(GetOpenedBin(w.tx, "A-01")), seen(GetZoneOpening(w.tx, "A"))
	if b.Sum != all.Bins[0].Sum || b.Count != z.ID || z.Bins != 1 || z.Live != w.m.Now || w.stands("A-01") != "TEL*1 TEL*1 TEL*1" {
		t.Errorf("%+v, %+v, %q", b, z, w.stands("A-01"))
	}
	w.books()
}

func TestOpeningCountsThatAreRefused(t *testing.T) {
	w := halls(t)
	w.ok(w.counted("B-01", "TEL*7"))
	good := func() BookOpening { return w.counted("A-01", "CUP*4", "MILK*3") }
	for name, tc := range map[string]struct {
		change func(c *BookOpening)
		code   string
	}{
		"no bins":           {func(c *BookOpening) { c.Bins = nil }, CodeInvalid},
		"no such bin":       {func(c *BookOpening) { c.Bins[0].Bin = "A-99" }, CodeUnknownBin},
		"a bin with /":      {func(c *BookOpening) { c.Bins[0].Bin = "A/1" }, CodeUnknownBin},
		"another zone":      {func(c *BookOpening) { c.Zone = "B" }, CodeInvalid},
		"no zone":           {func(c *BookOpening) { c.Zone = "" }, CodeInvalid},
		"a zone with /":     {func(c *BookOpening) { c.Zone = "A/B" }, CodeInvalid},
		"no sum":            {func(c *BookOpening) { c.Bins[0].Sum = "" }, CodeInvalid},
		"a bin twice":       {func(c *BookOpening) { c.Bins = append(c.Bins, c.Bins[0]) }, CodeDuplicateInFile},
		"a position twice":  {func(c *BookOpening) { c.Bins[0].Lines = append(c.Bins[0].Lines, c.Bins[0].Lines[0]) }, CodeDuplicateInFile},
		"no such item":      {func(c *BookOpening) { c.Bins[0].Lines[0].SKU = "NOPE" }, CodeUnknownItem},
		"less than nothing": {func(c *BookOpening) { c.Bins[0].Lines[0].Qty = -1 }, CodeInvalid},
		"too many":          {func(c *BookOpening) { c.Bins[0].Lines[0].Qty = 1_000_000_001 }, CodeInvalid},
		"was less":          {func(c *BookOpening) { c.Bins[0].Lines[0].Was = -1 }, CodeInvalid},
		"was some":          {func(c *BookOpening) { c.Bins[0].Lines[0].Was = 1 }, CodeBinChanged},
		"no lot":            {func(c *BookOpening) { c.Bins[0].Lines[1].Lot, c.Bins[0].Lines[1].Expiry = "", "" }, CodeInvalid},
		"no date":           {func(c *BookOpening) { c.Bins[0].Lines[1].Expiry = "2026-02-30" }, CodeInvalid},
		"a serial there":    {func(c *BookOpening) { c.Bins[0].Lines[0] = OpeningLine{SKU: "TEL", Serial: "s7", Qty: 1} }, CodeConflict},
		"a reason of none":  {func(c *BookOpening) { c.Reason = ReasonStolen }, CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			c := good()
			tc.change(&c)
			before := w.tx.Digest()
			w.no(c, tc.code)
			if w.tx.Digest() != before {
				t.Error("the state changed")
			}
		})
	}
}

// Whoever asks what a command would do changes nothing.
func TestTry(t *testing.T) {
	w := halls(t)
	before := w.tx.Digest()
	for _, c := range []Command{w.counted("A-01", "CUP*4"), OpenStock{Rows: testStock()}, BookOpening{}} {
		tried, err := Try(w.tx, w.m, c)
		if err != nil || w.tx.Digest() != before {
			t.Fatalf("%v, or the state changed", err)
		}
		if _, ok := c.(BookOpening); ok {
			if res := w.apply(c); res.Code != tried.Code {
				t.Errorf("tried %+v, did %+v", tried, res)
			}
			before = w.tx.Digest()
		}
	}
}

// opening is the day two zones go live, one after the other, while the first works.
func opening(t *testing.T) *world {
	w := halls(t)
	w.m.Actor = "site/api"
	w.ok(w.counted("A-01", "CUP*12", "MILK*4"))
	last := w.counted("A-02", "PEN*30", "TEL*1")
	last.Last = true
	w.ok(last)
	w.ok(w.counted("A-02", "PEN*30", "TEL*1"))
	w.m.Actor = "test"
	w.ok(release("O1", "CUP*2", "PEN*3"))
	w.pick("K1", "w1", "O1")
	w.no(w.counted("A-01", "CUP*11", "MILK*4"), CodeBinWorkedOn)
	w.m.Now += 1000
	b := w.counted("B-01", "BAG*5")
	w.ok(b)
	more := w.counted("B-01", "BAG*6", "CUP*1")
	w.no(more, CodeInvalid)
	more.Reason = ReasonDataEntry
	w.ok(more)
	anew := w.counted("A-01", "CUP*9", "MILK*4")
	anew.Reason, anew.Recount = ReasonRecounted, true
	w.ok(anew)
	w.ok(release("O2", "CUP*3", "BAG"))
	w.pick("K2", "w2", "O2")
	for _, id := range []string{"O1", "O2"} {
		w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
	}
	w.ok(Depart{Dock: "d1"})
	w.state("O2", OrderShipped)
	w.invariants()
	w.books()
	return w
}
