package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// row 50: who moves a lot out of turn needs a second person, where the site wants
// it; one in turn, or of goods that are not sold, does not.
func TestFEFORow50Moves(t *testing.T) {
	ask := func(lot, second string) Command {
		return AskMove{SKU: "MILK", Lot: lot, Qty: 1, From: "B-03", To: "B-04", Second: second}
	}
	move := func(lot, second string) Command {
		return MoveStock{From: "bin/B-03", To: "bin/B-04", SKU: "MILK", Lot: lot, Qty: 1, Second: second}
	}
	for name, act := range map[string]func(lot, second string) Command{"AskMove": ask, "MoveStock": move} {
		t.Run("row 50: "+name, func(t *testing.T) {
			w := milk(t, true) // L0 is past its date, L1 ends before L2
			w.m.Actor = "handheld/hw1"
			w.rejected(t, map[string]struct {
				c    Command
				code string
			}{
				"nobody else": {act("L2", ""), CodeSecondPerson},
				"herself":     {act("L2", "B1"), CodeSecondPerson},
				"no badge":    {act("L2", "B9"), CodeUnknownBadge},
			})
			w.ok(act("L2", "B2"))
			w.ok(act("L1", ""))
			w.ok(act("L0", ""))
			list, _, err := Decisions(w.tx, 0, 0)
			if err != nil || len(list) != 1 || list[0].Detail != "lot L2 before L1, by w1 and w2" || list[0].SKU != "MILK" || list[0].Bin != "B-03" || list[0].Act != name {
				t.Errorf("decisions %+v", list)
			}
			w.invariants()
			w.books()
		})
	}
	t.Run("row 50: nobody is asked", func(t *testing.T) {
		w := milk(t, false)
		w.ok(ask("L2", ""))
		w = milk(t, true)
		w.m.Level = 3
		w.ok(ask("L2", ""))
		w = milk(t, true)
		w.ok(SetStatus{Place: "bin/B-03", SKU: "MILK", Lot: "L2", To: StatusDamaged, Qty: 1})
		w.ok(MoveStock{From: "bin/B-03", To: "bin/B-04", SKU: "MILK", Lot: "L2", Status: StatusDamaged, Qty: 1})
		// All of the earlier lot is kept for an order: none of it is free.
		w.ok(AdjustStock{Place: "bin/B-03", SKU: "MILK", Lot: "L1", Qty: -1, Reason: ReasonDamaged})
		w.ok(move("L2", ""))
		w.invariants()
		w.books()
	})
}

// outOfOrder is a day on which lots are moved out of turn by two people.
func outOfOrder(t *testing.T) *world {
	w := milk(t, true)
	w.no(AskMove{SKU: "MILK", Lot: "L2", Qty: 1, From: "B-03", To: "B-04"}, CodeSecondPerson)
	w.ok(AskMove{SKU: "MILK", Lot: "L2", Qty: 1, From: "B-03", To: "B-04", Second: "B2"})
	w.ok(MoveStock{From: "bin/B-03", To: "bin/B-05", SKU: "MILK", Lot: "L2", Qty: 1, Second: "B2"})
	w.invariants()
	w.books()
	return w
}
