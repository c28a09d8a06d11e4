package warehouse_test

import (
	"slices"
	"testing"

	. "tote/warehouse"
)

// escalating is a world whose site does not let fallouts lie.
func escalating(t fataler) *world {
	w := stocked(t)
	s := testSite()
	s.Escalate = true
	w.ok(PutSite{Site: s})
	return w
}

// row 37: a fallout carries owner, severity and deadline, and is escalated when
// nobody acknowledges it.
func TestFalloutRow37Escalates(t *testing.T) {
	w := escalating(t)
	w.ok(release("O1", "BAG*6"))
	w.ok(release("O2", "BAG*7"))
	a := seen(Actions(w.tx, ""))
	if len(a) != 2 || a[0].Role != RoleService || a[0].Severity != 2 || a[0].Deadline != w.m.Now+60*minute || a[0].Next == "" {
		t.Fatalf("actions %+v", a)
	}
	w.ok(AckFallout{Fallout: a[1].ID})
	w.ok(AckFallout{Fallout: a[1].ID})
	levels := func() (out []int) {
		for _, e := range w.events() {
			if e.Type == EvFalloutEscalated {
				if e.Order != "O1" || e.Data.Role != RoleService || e.Data.Fallout != a[0].ID {
					t.Fatalf("event %+v", e)
				}
				out = append(out, e.Data.Level)
			}
		}
		return out
	}
	due := func() int64 {
		at, _, err := NextDue(w.tx)
		if err != nil {
			t.Fatal(err)
		}
		return at - start
	}
	for i, want := range []int64{60, 180, 420} {
		if due() != want*minute {
			t.Fatalf("deadline %d after %d minutes, want %d", i+1, due()/minute, want)
		}
		w.m.Now = start + want*minute - 1
		w.ok(AdvanceTime{})
		w.m.Now++
		w.ok(AdvanceTime{})
		w.ok(AdvanceTime{})
		if got := levels(); len(got) != i+1 || got[i] != i+1 {
			t.Fatalf("escalated %v", got)
		}
		w.invariants()
	}
	if due() >= 0 {
		t.Fatal("it is told for ever")
	}
	if a := seen(Actions(w.tx, RoleService)); a[0].Severity != 3 || a[0].Order != "O1" {
		t.Fatalf("actions %+v", a)
	}
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 20}}})
	if a := seen(Actions(w.tx, "")); len(a) != 0 {
		t.Fatalf("actions %+v", a)
	}
	w.invariants()
}

// row 34, row 35: routine faults are dealt with by rules and never get to
// people.
func TestFalloutRow34Row35RoutineFaults(t *testing.T) {
	w := escalating(t)
	w.ok(release("O1", "CUP*8"))
	w.ok(release("O2", "CUP*2"))
	w.ok(release("O3", "BAG*7")) // waits for goods
	w.assign("K1", "w1", "O1")
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout}) // the other bin has them
	w.walkTo("hw1", StepAsk)
	w.state("O1", OrderPicked)
	w.pick("K2", "w1", "O2") // was moved away from the empty bin
	if a := seen(Actions(w.tx, "")); len(a) != 1 || a[0].Order != "O3" {
		t.Fatalf("actions %+v", a)
	}
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-04", SKU: "BAG", Qty: 2}}})
	w.state("O3", OrderReleased) // tried again by itself
	if a := seen(Actions(w.tx, "")); len(a) != 0 {
		t.Fatalf("actions %+v", a)
	}
	if d, _, err := Decisions(w.tx, 0, 0); err != nil || len(d) != 0 {
		t.Fatalf("decisions nobody took: %+v", d)
	}
}

// row 70: what people decide is kept beside what was known.
func TestDecisionsRow70(t *testing.T) {
	w := decisions(t)
	list, last, err := Decisions(w.tx, 0, 0)
	if err != nil || len(list) != 2 || last != 2 {
		t.Fatalf("decisions %+v", list)
	}
	want := Decision{
		At: start + 5*minute, Actor: "lead", Act: "RetryOrder", Code: FalloutDamaged, Order: "O1", SKU: "BAG", Bin: "B-01", Qty: 5, AfterMs: 5 * minute,
	}
	if list[0] != want {
		t.Fatalf("decision %+v, want %+v", list[0], want)
	}
	if more, last, err := Decisions(w.tx, 1, 1); err != nil || len(more) != 1 || last != 2 || more[0].Act != "StartPack" {
		t.Fatalf("a page %+v", more)
	}
}

// Every fallout code has a rule, and every rule's code is explained.
func TestRulesAreComplete(t *testing.T) {
	for _, r := range Rules() {
		if r.Role == "" || r.Severity < 1 || r.Severity > 3 || r.Minutes < 1 || r.Next == "" {
			t.Errorf("rule %+v", r)
		}
		if !slices.ContainsFunc(Faults, func(f Fault) bool { return f.Code == r.Code }) {
			t.Errorf("nothing explains %s", r.Code)
		}
	}
	if r := RuleOf("FROM_ANOTHER_VERSION"); r.Role != RoleLead {
		t.Errorf("rule %+v", r)
	}
	w := escalating(t)
	for _, tt := range []string{"", "a/b", "F999999"} {
		w.no(AckFallout{Fallout: tt}, CodeUnknownFallout)
	}
}

// decisions is a day on which people decide about two fallouts.
func decisions(t *testing.T) *world {
	w := escalating(t)
	w.ok(release("O1", "BAG*5"))
	w.assign("K1", "w1", "O1")
	w.ok(ShortPick{Device: "hw1", Reason: FalloutDamaged})
	w.walkTo("hw1", StepAsk)
	f := seen(Fallouts(w.tx, true))[0]
	w.ok(AckFallout{Fallout: f.ID})
	w.m.Now += 5 * minute
	w.m.Actor = "lead"
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-04", SKU: "BAG", Qty: 9}}})
	w.ok(RetryOrder{Order: "O1"})
	w.pick("K2", "w1", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	w.no(Pack{Station: "pack1", Order: "O1", WeightMg: 1}, CodeWeightMismatch)
	w.m.Actor = "packer"
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	w.invariants()
	return w
}
