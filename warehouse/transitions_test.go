package warehouse

import (
	"slices"
	"testing"

	"tote/warehouse/memtx"
)

var allStates = []OrderState{
	OrderReceived, OrderValidated, OrderShortWaiting, OrderAllocated, OrderReleased, OrderPicking, OrderPicked,
	OrderPacking, OrderPacked, OrderLabelled, OrderStaged, OrderShipped, OrderCancelled,
}

// Every pair of states: entered when the table says so, refused with a code and
// without an effect otherwise.
func TestEveryTransition(t *testing.T) {
	allowed := func(from, to OrderState) bool {
		for _, tr := range transitions {
			if tr.from == from {
				return slices.Contains(tr.to, to)
			}
		}
		t.Fatalf("%q is not in the table", from)
		return false
	}
	for _, from := range append([]OrderState{""}, allStates...) {
		for _, to := range allStates {
			c := newChange(memtx.New(), Meta{Now: 7}, "test")
			o := &Order{Spec: OrderSpec{ID: "O1"}, State: from}
			err := c.enter(o, to)
			if !allowed(from, to) {
				if no, ok := err.(*refusal); !ok || no.code != CodeIllegalState || o.State != from || o.Since != 0 {
					t.Errorf("%q to %s: %v, order %+v", from, to, err, o)
				}
				continue
			}
			if err != nil || o.State != to || o.Since != 7 {
				t.Errorf("%q to %s: %v, order %+v", from, to, err, o)
			}
		}
	}
}

// The states an order only passes through can be cancelled as well, should a
// later version let an order rest there.
func TestCancelInPassingStates(t *testing.T) {
	for _, s := range []OrderState{OrderReceived, OrderValidated, OrderAllocated} {
		tx := memtx.New()
		o := &Order{Spec: OrderSpec{ID: "O1"}, State: s, Lines: []LineState{{Line: 1, SKU: "X", Qty: 1, State: LineOpen}}}
		if err := save(tx, key(kOrder, "O1"), o); err != nil {
			t.Fatal(err)
		}
		if err := tx.Set(key(kCount, string(s)), []byte(num(1))); err != nil {
			t.Fatal(err)
		}
		res, err := Apply(tx, Meta{}, CancelOrder{Order: "O1"})
		if err != nil || !res.OK {
			t.Errorf("%s: %+v %v", s, res, err)
		}
		if o, err := GetOrder(tx, "O1"); err != nil || o.State != OrderCancelled {
			t.Errorf("%s: %+v %v", s, o, err)
		}
	}
}

// A milestone has its bit for ever: the list only grows at its end.
func TestMilestoneBits(t *testing.T) {
	want := []string{
		"order.accepted", "order.short", "order.released", "order.picking", "order.picked",
		"order.packed", "order.labelled", "order.staged", "order.shipped", "order.cancelled",
	}
	if !slices.Equal(milestones, want) {
		t.Errorf("%v", milestones)
	}
	for _, s := range allStates {
		if m := milestoneOf(s); m != "" && !slices.Contains(milestones, m) {
			t.Errorf("%s of %s has no bit", m, s)
		}
	}
	c := newChange(memtx.New(), Meta{}, "test")
	if err := c.tell(&Order{}, EvFalloutOpened); err == nil {
		t.Error("a fallout is no milestone")
	}
}

func TestUsable(t *testing.T) {
	for _, tt := range []struct {
		expiry string
		want   bool
	}{{"", true}, {"2026-01-02", true}, {"2026-01-01", false}, {"2025-12-31", false}, {noExpiry, true}} {
		if usable(tt.expiry, "2026-01-01") != tt.want {
			t.Errorf("%q", tt.expiry)
		}
	}
	c := newChange(memtx.New(), Meta{Now: 1_767_225_599_999}, "test") // one ms before 2026
	if c.today() != "2025-12-31" {
		t.Error(c.today())
	}
}

// The ledger refuses what would break it, whoever calls.
func TestLedgerRefusesNegatives(t *testing.T) {
	tx := memtx.New()
	run := func(f func(c *change) error) string {
		c := newChange(tx, Meta{}, "test")
		err := f(c)
		if err == nil {
			if err := c.finish(tx); err != nil {
				t.Fatal(err)
			}
			return ""
		}
		no, ok := err.(*refusal)
		if !ok {
			t.Fatal(err)
		}
		return no.code
	}
	x := stockKey{sku: "X"}
	bin := BinPlace("A")
	for i, tt := range []struct {
		do   func(c *change) error
		want string
	}{
		{func(c *change) error { return c.move(x, 5, PlaceOpening, bin, 0) }, ""},
		{func(c *change) error { return c.move(x, 0, PlaceOpening, bin, 0) }, CodeIllegalState},
		{func(c *change) error { return c.move(x, -1, PlaceOpening, bin, 0) }, CodeIllegalState},
		{func(c *change) error { return c.move(x, 1, bin, bin, 0) }, CodeIllegalState},
		{func(c *change) error { return c.move(x, 6, bin, PlaceScrap, 0) }, CodeNegativeStock},
		{func(c *change) error { return c.reserve("A", x, "", 6) }, CodeNegativeStock},
		{func(c *change) error { return c.reserve("A", x, "", 5) }, ""},
		{func(c *change) error { return c.reserve("A", x, "", 1) }, CodeNegativeStock},
		{func(c *change) error { return c.move(x, 1, bin, PlaceScrap, 0) }, CodeNegativeStock}, // it is reserved
		{func(c *change) error { return c.reserve("A", x, "", -6) }, CodeNegativeStock},
		{func(c *change) error { return c.move(x, 1, bin, LUPlace("T"), 1) }, ""},
		{func(c *change) error { return c.move(x, 2, LUPlace("T"), PlaceCustomer, 0) }, CodeNegativeStock},
	} {
		if got := run(tt.do); got != tt.want {
			t.Errorf("%d: got %q, want %q", i, got, tt.want)
		}
	}
}

// LedgerCheck is the judge of everybody's tests, so it must see what is wrong.
func TestLedgerCheckFindsFaults(t *testing.T) {
	row := func(tx *memtx.Tx, place string, qty, reserved int64) {
		if err := save(tx, stockRowKey(place, stockKey{sku: "X"}), &stockRow{Qty: qty, Reserved: reserved}); err != nil {
			t.Fatal(err)
		}
	}
	book := func(tx *memtx.Tx, n uint64, qty int64, from, to string) {
		if err := save(tx, key(kMove, num(n)), &Move{SKU: "X", Qty: qty, From: from, To: to}); err != nil {
			t.Fatal(err)
		}
	}
	bin := BinPlace("A")
	for name, tt := range map[string]struct {
		tamper func(tx *memtx.Tx)
		want   []string
	}{
		"good": {func(tx *memtx.Tx) {}, []string{}},
		"quantity changed": {func(tx *memtx.Tx) { row(tx, bin, 6, 0) }, []string{
			"X in bin/A: the balance is 6, the moves sum to 5", "X: all places together hold 1, not 0",
		}},
		"row lost": {func(tx *memtx.Tx) {
			if err := tx.Delete(stockRowKey(bin, stockKey{sku: "X"})); err != nil {
				t.Fatal(err)
			}
		}, []string{"X in bin/A: the balance is 0, the moves sum to 5", "X: all places together hold -5, not 0"}},
		"negative": {func(tx *memtx.Tx) {
			row(tx, bin, -1, 0)
			row(tx, PlaceScrap, 6, 0)
			book(tx, 2, 6, bin, PlaceScrap)
		}, []string{"X in bin/A: negative, -1", "X in bin/A: 0 reserved of -1"}},
		"reserved for nobody": {func(tx *memtx.Tx) { row(tx, bin, 5, 2) }, []string{"X in bin/A: 2 reserved, the open tasks ask for 0"}},
		"too much reserved": {func(tx *memtx.Tx) {
			row(tx, bin, 5, 7)
			if err := save(tx, key(kTask, "O/1/1"), &Task{ID: "O/1/1", SKU: "X", Bin: "A", Qty: 7, State: TaskOpen}); err != nil {
				t.Fatal(err)
			}
		}, []string{"X in bin/A: 7 reserved of 5"}},
		"move lost": {func(tx *memtx.Tx) {
			if err := tx.Delete(key(kMove, num(1))); err != nil {
				t.Fatal(err)
			}
		}, []string{"X in bin/A: the balance is 5, the moves sum to 0", "X in opening: the balance is -5, the moves sum to 0"}},
	} {
		tx := memtx.New()
		row(tx, bin, 5, 0)
		row(tx, PlaceOpening, -5, 0)
		book(tx, 1, 5, PlaceOpening, bin)
		tt.tamper(tx)
		rep, err := LedgerCheck(tx)
		if err != nil || !slices.Equal(rep.Violations, tt.want) || rep.OK != (len(tt.want) == 0) {
			t.Errorf("%s: %+v %v", name, rep, err)
		}
	}
}
