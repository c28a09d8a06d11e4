package warehouse_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

func ids(orders []Order) string {
	var out []string
	for _, o := range orders {
		out = append(out, o.Spec.ID)
	}
	return strings.Join(out, " ")
}

// closedPages reads the closed orders page by page.
func closedPages(w *world, state OrderState, limit int) (out []string) {
	w.t.Helper()
	for after := ""; ; {
		page, next, err := ClosedOrders(w.tx, state, after, limit)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, ids(page))
		if after = next; next == "" {
			return out
		}
	}
}

// lists is what all lists say.
func (w *world) lists() string {
	w.t.Helper()
	out := []string{
		ids(seen(OpenOrders(w.tx, nil, "", 0))),
		ids(seen(OpenOrders(w.tx, func(o *Order) bool { return o.State == OrderShortWaiting }, "", 0))),
		ids(seen(OpenOrders(w.tx, nil, "O2", 1))),
		strings.Join(closedPages(w, OrderShipped, 2), "|"), strings.Join(closedPages(w, OrderCancelled, 0), "|"),
	}
	for _, state := range []OrderState{OrderShipped, OrderCancelled} {
		out = append(out, fmt.Sprint(seen(CountClosed(w.tx, state, start)), seen(CountClosed(w.tx, state, start+quarter))))
	}
	for _, o := range seen(Orders(w.tx, "", 0)) {
		for _, f := range seen(FalloutsOf(w.tx, o.Spec.ID)) {
			out = append(out, o.Spec.ID+" "+f.Code)
		}
	}
	return strings.Join(out, "\n")
}

const quarter = int64(15 * 60_000)

// listDay is a morning after which three orders are open and four are closed.
func listDay(t *testing.T, level uint16) *world {
	w := newWorld(t)
	w.m.Level = level
	w.ok(PutSite{Site: testSite()})
	w.ok(PutItems{Items: testItems()})
	w.ok(PutBins{Bins: testBins()})
	w.ok(PutWorkers{Workers: testWorkers()})
	w.ok(OpenStock{Rows: testStock()})
	w.lived("L1")
	w.ok(release("C1", "CUP"))
	w.ok(CancelOrder{Order: "C1"})
	w.m.Now += quarter
	w.ok(release("O1", "CUP"))
	w.lived("L2")
	w.ok(release("O2", "BAG*900"))
	w.ok(release("O3", "CUP"))
	w.ok(release("C2", "BAG*900"))
	w.ok(CancelOrder{Order: "C2"})
	w.lived("L3")
	return w
}

const listDayWant = `O1 O2 O3
O2
O3
L2 L3|L1
C2 C1
3 2
2 1
C2 OUT_OF_STOCK
O2 OUT_OF_STOCK`

func TestLists(t *testing.T) {
	w := listDay(t, Level)
	if got := w.lists(); got != listDayWant {
		t.Errorf("got\n%s\nwant\n%s", got, listDayWant)
	}
	w.m.Now++
	w.lived("L4")
	if got := closedPages(w, OrderShipped, 2); !slices.Equal(got, []string{"L4 L2", "L3 L1"}) {
		t.Errorf("pages %q", got)
	}
	for _, after := range []string{"x", "1.", ".O1", "1", "9223372036854775808.O1", "1.a\x00b"} {
		if _, _, err := ClosedOrders(w.tx, OrderShipped, after, 1); !errors.Is(err, ErrCursor) {
			t.Errorf("after %q: %v", after, err)
		}
	}
	w.invariants()
}

// What was there before level 4 is listed in parts, and meanwhile the lists say
// the same.
func TestListsOfBefore(t *testing.T) {
	w := listDay(t, 3)
	for i := range 700 { // three rounds of orders, and one of fallouts
		id := fmt.Sprintf("X%03d", i)
		w.ok(release(id, "BAG*900"))
	}
	want := strings.ReplaceAll(w.lists(), "C2 C1\n", "C3 C2 C1\n")
	want = strings.ReplaceAll(want, "\n2 1\n", "\n3 2\n")
	w.m.Now++
	w.ok(release("C3", "CUP"))
	w.m.Level = Level
	if _, ok, err := NextDue(w.tx); err != nil || ok && w.nextDue() == 0 {
		t.Fatalf("something is due before anything was closed: %v", err)
	}
	w.ok(CancelOrder{Order: "C3"})
	check := func(when string) {
		t.Helper()
		if got := w.lists(); got != want {
			t.Fatalf("%s the lists say\n%s\nwant\n%s", when, got, want)
		}
		w.invariants()
	}
	check("at once")
	rounds := 0
	for ; w.nextDue() == 0; rounds++ {
		w.ok(AdvanceTime{})
		check(fmt.Sprintf("after round %d", rounds+1))
		if rounds == 3 { // behind and before the mark
			w.ok(release("A0", "CUP"))
			w.ok(CancelOrder{Order: "X001"})
			w.ok(CancelOrder{Order: "A0"})
			want = w.lists()
		}
	}
	if rounds != 6 {
		t.Errorf("%d rounds, want 3 of orders and 3 of fallouts", rounds)
	}
	w.ok(AdvanceTime{})
	check("when all is listed")
}

// nextDue is when the next thing is due, -1 = never.
func (w *world) nextDue() int64 {
	w.t.Helper()
	at, ok, err := NextDue(w.tx)
	if err != nil {
		w.t.Fatal(err)
	}
	if !ok {
		return -1
	}
	return at
}

// The sums are kept for two days, and what leaves for the archive is on no list.
func TestListsForget(t *testing.T) {
	w := listDay(t, Level)
	s := testSite()
	s.ArchiveDays = 3
	w.ok(PutSite{Site: s})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-02", SKU: "MILK", Lot: "LX", Expiry: "2027-01-01", Qty: 20}}})
	for d := range 6 {
		w.m.Now += day
		w.lived(fmt.Sprintf("D%d", d))
		for w.nextDue() >= 0 && w.nextDue() <= w.m.Now {
			w.ok(AdvanceTime{})
		}
		w.invariants()
		if n := seen(CountClosed(w.tx, OrderShipped, w.m.Now-w.m.Now%day)); n != 1 {
			t.Errorf("day %d: %d shipped", d, n)
		}
	}
	if got := closedPages(w, OrderShipped, 0); !slices.Equal(got, []string{"D5 D4 D3"}) {
		t.Errorf("listed are %q", got)
	}
	if n := seen(CountClosed(w.tx, OrderShipped, 0)); n > 3 {
		t.Errorf("%d are in the sums of two days", n)
	}
}

// A round of the listing fits a command, whatever was there.
func TestListingCostsNoMoreThanARound(t *testing.T) {
	w := listDay(t, 3)
	for i := range 700 {
		w.ok(release(fmt.Sprintf("X%03d", i), "BAG*900"))
	}
	w.m.Level = Level
	w.ok(CancelOrder{Order: "X000"})
	for w.nextDue() == 0 {
		before := w.tx.Writes()
		w.ok(AdvanceTime{})
		if n := w.tx.Writes() - before; n > 310 {
			t.Errorf("a round wrote %d keys", n)
		}
	}
}

// fallTo goes on as a site of a level before 4, which has no lists. In a log the
// level only rises.
func (w *world) fallTo(level uint16) {
	w.t.Helper()
	w.m.Level = level
	if err := ForgetLists(w.tx); err != nil {
		w.t.Fatal(err)
	}
}
