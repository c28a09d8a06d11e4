package warehouse_test

import (
	"slices"
	"testing"

	. "tote/warehouse"
)

func TestAdjustStock(t *testing.T) {
	w := stocked(t)
	res := w.ok(AdjustStock{Place: "bin/A-01", SKU: "CUP", Qty: -2, Reason: ReasonDamaged, Photo: "https://cam/1.jpg"})
	w.wantQty("bin/A-01", "CUP", "", 8, 0)
	w.wantQty(PlaceScrap, "CUP", "", 2, 0)
	w.ok(AdjustStock{Place: "bin/A-01", SKU: "CUP", Qty: 1, Reason: ReasonFound})
	w.wantQty(PlaceAdjustment, "CUP", "", -1, 0)
	t.Run("row 98: every adjustment can be asked for", func(t *testing.T) {
		a := seen(GetAdjustment(w.tx, res.Ref))
		if a.By != "test" || a.At != start || a.What.Reason != ReasonDamaged || a.What.Photo != "https://cam/1.jpg" || a.What.Qty != -2 || a.State != AdjustDone {
			t.Errorf("%+v", a)
		}
		evs := w.events()
		if len(evs) != 2 || evs[0].Type != EvStockAdjusted || evs[0].Data.Code != ReasonDamaged || evs[0].Data.Qty != -2 || evs[0].Data.SKU != "CUP" || evs[0].Data.Bin != "A-01" {
			t.Errorf("%+v", evs)
		}
	})
	// A lot that was never here brings its date; one that is here need not.
	w.ok(AdjustStock{Place: "bin/A-05", SKU: "MILK", Lot: "L9", Expiry: "2026-01-15", Qty: 1, Reason: ReasonFound})
	w.ok(AdjustStock{Place: "bin/A-05", SKU: "MILK", Lot: "L9", Qty: 1, Reason: ReasonFound})
	w.wantQty("bin/A-05", "MILK", "L9", 2, 0)
	// What was found wakes those who wait for it.
	w.ok(release("O1", "BAG*6"))
	w.ok(AdjustStock{Place: "bin/B-01", SKU: "BAG", Qty: 1, Reason: ReasonFound})
	w.state("O1", OrderReleased)
	good := AdjustStock{Place: "bin/A-01", SKU: "CUP", Qty: -1, Reason: ReasonMissing}
	with := func(f func(*AdjustStock)) Command { c := good; f(&c); return c }
	w.rejected(t, map[string]struct {
		c    Command
		code string
	}{
		"nothing":       {with(func(c *AdjustStock) { c.Qty = 0 }), CodeInvalid},
		"huge":          {with(func(c *AdjustStock) { c.Qty = -2e9 }), CodeInvalid},
		"smallest":      {with(func(c *AdjustStock) { c.Qty = -1 << 63 }), CodeInvalid},
		"no reason":     {with(func(c *AdjustStock) { c.Reason = "" }), CodeInvalid},
		"pick reason":   {with(func(c *AdjustStock) { c.Reason = FalloutNotLocated }), CodeInvalid},
		"found less":    {with(func(c *AdjustStock) { c.Reason = ReasonFound }), CodeInvalid},
		"stolen more":   {with(func(c *AdjustStock) { c.Reason, c.Qty = ReasonStolen, 1 }), CodeInvalid},
		"photo":         {with(func(c *AdjustStock) { c.Photo = "a\nb" }), CodeInvalid},
		"unknown item":  {with(func(c *AdjustStock) { c.SKU = "NOPE" }), CodeUnknownItem},
		"unknown bin":   {with(func(c *AdjustStock) { c.Place = "bin/Z-99" }), CodeUnknownBin},
		"too much":      {with(func(c *AdjustStock) { c.Qty = -10 }), CodeNotInPlace},
		"lot":           {with(func(c *AdjustStock) { c.Lot = "L1" }), CodeInvalid},
		"lot missing":   {with(func(c *AdjustStock) { c.SKU = "MILK" }), CodeInvalid},
		"other date":    {AdjustStock{Place: "bin/A-05", SKU: "MILK", Lot: "L9", Expiry: "2026-02-02", Qty: 1, Reason: ReasonFound}, CodeConflict},
		"date, no lot":  {with(func(c *AdjustStock) { c.Expiry = "2026-02-02" }), CodeInvalid},
		"serial":        {with(func(c *AdjustStock) { c.Serial = "1" }), CodeInvalid},
		"approve":       {ApproveAdjust{Adjust: "A000001"}, CodeUnknownAdjustment},
		"refuse":        {RefuseAdjust{Adjust: "A000001"}, CodeUnknownAdjustment},
		"approve no id": {ApproveAdjust{}, CodeUnknownAdjustment},
	})
	w.invariants()
	w.books()
}

// Each reason is of the list for adjustments, and says which way it goes.
func TestAdjustReasons(t *testing.T) {
	want := []string{"CONSUMED", "CORRECTION", "DAMAGED", "DATA_ENTRY_ERROR", "EXPIRED", "FOUND", "MISSING", "RECOUNTED", "REJECTED", "RETURNED", "SCRAPPED", "STOLEN", "OTHER"}
	if got := AdjustReasons(); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	up := []string{"CORRECTION", "DATA_ENTRY_ERROR", "FOUND", "RECOUNTED", "RETURNED", "OTHER"}
	down := []string{"CONSUMED", "CORRECTION", "DAMAGED", "DATA_ENTRY_ERROR", "EXPIRED", "MISSING", "RECOUNTED", "REJECTED", "SCRAPPED", "STOLEN", "OTHER"}
	for _, r := range want {
		w := stocked(t)
		for qty, allowed := range map[int64][]string{1: up, -1: down} {
			res := w.apply(AdjustStock{Place: "bin/A-01", SKU: "CUP", Qty: qty, Reason: r})
			if res.OK != slices.Contains(allowed, r) {
				t.Errorf("%s %d: %+v", r, qty, res)
			}
		}
		w.books()
	}
}

// by runs f as somebody.
func (w *world) by(actor string, f func()) {
	was := w.m.Actor
	w.m.Actor = actor
	f()
	w.m.Actor = was
}

func TestSecondPerson(t *testing.T) {
	big := AdjustStock{Place: "bin/A-02", SKU: "PEN", Qty: -21, Reason: ReasonMissing}
	limited := func(t *testing.T) *world {
		w := stocked(t)
		s := testSite()
		s.AdjustLimit = 20
		w.ok(PutSite{Site: s})
		w.ok(SignIn{Device: "h1", Badge: "B1"})
		w.ok(SignIn{Device: "h2", Badge: "B2"})
		return w
	}
	t.Run("row 50: an adjustment over the limit needs a second user", func(t *testing.T) {
		w := limited(t)
		var id string
		w.by("handheld/h1", func() { id = w.ok(big).Ref })
		w.wantQty("bin/A-02", "PEN", "", 100, 0)
		if list := seen(WaitingAdjustments(w.tx)); len(list) != 1 || list[0].ID != id || list[0].By != "worker/w1" {
			t.Fatalf("%+v", list)
		}
		w.by("handheld/h1", func() { w.no(ApproveAdjust{Adjust: id}, CodeSecondPerson) })
		w.by("worker/w1", func() { w.no(ApproveAdjust{Adjust: id}, CodeSecondPerson) })
		w.by("", func() { w.no(ApproveAdjust{Adjust: id}, CodeSecondPerson) })
		w.wantQty("bin/A-02", "PEN", "", 100, 0)
		w.by("handheld/h2", func() { w.ok(ApproveAdjust{Adjust: id}) })
		w.wantQty("bin/A-02", "PEN", "", 79, 0)
		if a := seen(GetAdjustment(w.tx, id)); a.By != "worker/w1" || a.DecidedBy != "worker/w2" || a.State != AdjustDone {
			t.Errorf("%+v", a)
		}
		w.by("handheld/h2", func() { w.no(ApproveAdjust{Adjust: id}, CodeUnknownAdjustment) })
		w.invariants()
		w.books()
	})
	t.Run("the same person on another handheld", func(t *testing.T) {
		w := limited(t)
		var id string
		w.by("handheld/h1", func() { id = w.ok(big).Ref })
		w.ok(SignOut{Device: "h1"})
		w.ok(SignIn{Device: "h3", Badge: "B1"})
		w.by("handheld/h3", func() { w.no(ApproveAdjust{Adjust: id}, CodeSecondPerson) })
	})
	t.Run("refused, also by who asked", func(t *testing.T) {
		w := limited(t)
		var id string
		w.by("handheld/h1", func() { id = w.ok(big).Ref; w.ok(RefuseAdjust{Adjust: id}) })
		w.wantQty("bin/A-02", "PEN", "", 100, 0)
		w.by("handheld/h2", func() { w.no(ApproveAdjust{Adjust: id}, CodeUnknownAdjustment) })
		w.invariants()
	})
	t.Run("up to the limit nobody is asked", func(t *testing.T) {
		w := limited(t)
		c := big
		c.Qty = -20
		w.ok(c)
		w.wantQty("bin/A-02", "PEN", "", 80, 0)
	})
	t.Run("what does not fit any more stays", func(t *testing.T) {
		w := limited(t)
		var id string
		w.by("handheld/h1", func() { id = w.ok(big).Ref })
		w.ok(MoveStock{From: "bin/A-02", To: "bin/A-05", SKU: "PEN", Qty: 90})
		w.by("handheld/h2", func() { w.no(ApproveAdjust{Adjust: id}, CodeNotInPlace) })
		if len(seen(WaitingAdjustments(w.tx))) != 1 {
			t.Error("it is gone")
		}
		w.invariants()
	})
	t.Run("nobody knows who asks", func(t *testing.T) {
		w := limited(t)
		w.by("", func() { w.no(big, CodeSecondPerson) })
	})
	t.Run("a bound on what waits", func(t *testing.T) {
		w := limited(t)
		for range 500 {
			w.ok(big)
		}
		w.no(big, CodeTooManyWaiting)
		w.invariants()
	})
}

func TestStolenSerials(t *testing.T) {
	t.Run("row 98: a stolen serial goes neither in nor out", func(t *testing.T) {
		w := bare(t)
		w.ok(PutItems{Items: []Item{phone()}})
		row := StockRow{Bin: "A-01", SKU: "TEL", Serial: "s1", Qty: 1}
		w.ok(OpenStock{Rows: []StockRow{row, {Bin: "A-01", SKU: "TEL", Serial: "s2", Qty: 1}}})
		gone := AdjustStock{Place: "bin/A-01", SKU: "TEL", Serial: "s1", Qty: -1, Reason: ReasonStolen, Photo: "sha256:77"}
		w.ok(gone)
		if !seen(IsStolen(w.tx, "TEL", "s1")) {
			t.Fatal("not on the list")
		}
		w.no(OpenStock{Rows: []StockRow{row}}, CodeStolen)
		w.ok(release("O1", "TEL"))
		w.assign("K1", "w1", "O1")
		w.act("hw1")
		w.no(Scan{Device: "hw1", Barcode: "]C101" + gtin(9) + "21s1"}, CodeStolen)
		w.ok(Scan{Device: "hw1", Barcode: "]C101" + gtin(9) + "21s2"})
		back := gone
		back.Qty, back.Reason = 1, ReasonOther
		w.no(back, CodeStolen)
		back.Reason = ReasonFound
		var id string
		w.by("worker/w1", func() { id = w.ok(back).Ref; w.no(ApproveAdjust{Adjust: id}, CodeSecondPerson) })
		w.wantQty("bin/A-01", "TEL", "", 1, 1)
		w.by("worker/w2", func() { w.ok(ApproveAdjust{Adjust: id}) })
		if seen(IsStolen(w.tx, "TEL", "s1")) {
			t.Error("still on the list")
		}
		w.ok(release("O2", "TEL"))
		w.state("O2", OrderReleased)
		w.invariants()
		w.books()
	})
}
