package warehouse_test

import (
	"fmt"
	"testing"

	. "tote/warehouse"
)

func TestKeptStock(t *testing.T) {
	const hour = 3600 * 1000
	keep := KeepStock{ID: "k1", For: "O1", SKU: "BAG", Qty: 4, Until: start + hour}
	t.Run("nobody else gets it until its end", func(t *testing.T) {
		w := stocked(t)
		w.ok(keep)
		w.wantQty("bin/B-01", "BAG", "", 5, 4)
		w.ok(release("O2", "BAG*2"))
		w.state("O2", OrderShortWaiting)
		w.no(MoveStock{From: "bin/B-01", To: "bin/B-02", SKU: "BAG", Qty: 2}, CodeReserved)
		w.no(AdjustStock{Place: "bin/B-01", SKU: "BAG", Qty: -2, Reason: ReasonMissing}, CodeReserved)
		w.invariants()
		if at, ok, err := NextDue(w.tx); err != nil || !ok || at != keep.Until {
			t.Errorf("due at %d, %v, %v", at, ok, err)
		}
		w.m.Now = keep.Until - 1
		w.ok(AdvanceTime{})
		w.state("O2", OrderShortWaiting)
		w.m.Now++
		w.ok(AdvanceTime{})
		w.state("O2", OrderReleased)
		if len(seen(AllKept(w.tx))) != 0 {
			t.Error("it is still there")
		}
		w.invariants()
		w.books()
	})
	t.Run("its order gets it, and nobody in between", func(t *testing.T) {
		w := stocked(t)
		w.ok(keep)
		second := keep
		second.ID, second.SKU, second.Qty = "k2", "CUP", 20
		w.ok(second)
		w.ok(release("O2", "BAG*2", "CUP"))
		w.ok(release("O1", "BAG*4", "CUP*15"))
		w.state("O1", OrderReleased)
		w.state("O2", OrderShortWaiting)
		w.wantFallouts("OUT_OF_STOCK O2/1") // the rest of the cups came free
		w.invariants()
		w.books()
	})
	t.Run("given back", func(t *testing.T) {
		w := stocked(t)
		w.by("worker/w1", func() { w.ok(keep) })
		if k := seen(GetKept(w.tx, "k1")); k.By != "worker/w1" || k.At != start || len(k.Spots) != 1 {
			t.Errorf("%+v", k)
		}
		w.ok(release("O2", "BAG*2"))
		w.ok(FreeStock{ID: "k1"})
		w.state("O2", OrderReleased)
		w.no(FreeStock{ID: "k1"}, CodeUnknownReservation)
		w.invariants()
	})
	t.Run("of its owner and by serial", func(t *testing.T) {
		w := stocked(t)
		w.ok(PutItems{Items: []Item{phone()}})
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "TEL", Serial: "s1", Qty: 1, Owner: "ACME"}, {Bin: "A-02", SKU: "TEL", Serial: "s2", Qty: 1, Owner: "ACME"}}})
		k := KeepStock{ID: "k1", For: "fair", SKU: "TEL", Qty: 2, Until: start + 1}
		w.no(k, FalloutOutOfStock)
		k.Owner = "ACME"
		w.ok(k)
		w.invariants()
		w.books()
	})
	t.Run("refused", func(t *testing.T) {
		w := stocked(t)
		w.ok(keep)
		before := w.tx.Digest()
		w.ok(keep) // the same again
		if w.tx.Digest() != before {
			t.Error("the repeat changed the state")
		}
		with := func(f func(*KeepStock)) Command { c := keep; c.ID = "k2"; f(&c); return c }
		w.rejected(t, map[string]struct {
			c    Command
			code string
		}{
			"other content": {with(func(c *KeepStock) { c.ID, c.Qty = "k1", 1 }), CodeConflict},
			"id":            {with(func(c *KeepStock) { c.ID = "a/b" }), CodeInvalid},
			"for":           {with(func(c *KeepStock) { c.For = "" }), CodeInvalid},
			"sku":           {with(func(c *KeepStock) { c.SKU = "" }), CodeInvalid},
			"owner":         {with(func(c *KeepStock) { c.Owner = "a/b" }), CodeInvalid},
			"unknown":       {with(func(c *KeepStock) { c.SKU = "NOPE" }), CodeUnknownItem},
			"nothing":       {with(func(c *KeepStock) { c.Qty = 0 }), CodeInvalid},
			"huge":          {with(func(c *KeepStock) { c.Qty = 1e6 + 1 }), CodeInvalid},
			"over already":  {with(func(c *KeepStock) { c.Until = start }), CodeInvalid},
			"for ever":      {with(func(c *KeepStock) { c.Until = 1<<63 - 1 }), CodeInvalid},
			"too much":      {with(func(c *KeepStock) { c.Qty = 2 }), FalloutOutOfStock},
			"give back":     {FreeStock{ID: "k9"}, CodeUnknownReservation},
			"no id":         {FreeStock{}, CodeUnknownReservation},
		})
	})
	t.Run("bounds", func(t *testing.T) {
		w := stocked(t)
		for i := range 100 {
			w.ok(KeepStock{ID: fmt.Sprintf("k%d", i), For: "fair", SKU: "PEN", Qty: 1, Until: start + 1 + int64(i%2)})
		}
		w.m.Now += 10
		for range 20 {
			if _, ok, _ := NextDue(w.tx); !ok {
				break
			}
			w.ok(AdvanceTime{})
		}
		w.wantQty("bin/A-02", "PEN", "", 100, 0)
		wd, skus := wide(t, 1, "")
		wd.fill(skus, 101, 1)
		wd.no(KeepStock{ID: "k", For: "fair", SKU: skus[0], Qty: 101, Until: start + 1}, CodeTooBig)
		wd.ok(KeepStock{ID: "k", For: "fair", SKU: skus[0], Qty: 100, Until: start + 1})
		wd.invariants()
	})
}
