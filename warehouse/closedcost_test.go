package warehouse_test

import (
	"fmt"
	"strings"
	"testing"

	. "tote/warehouse"
	"tote/warehouse/memtx"
)

// afterClosed is what bare begins with: a site at which orders closed before, and
// where nothing else is left of them. nil = an empty one.
var afterClosed *closedSite

type closedSite struct {
	state memtx.Snapshot
	meta  Meta
}

// closedOrders is a site at which n orders were shipped, each fifth cancelled.
func closedOrders(t *testing.T, n int) *closedSite {
	w := bare(t)
	for i := range n {
		id := fmt.Sprintf("0%05d", i)
		w.m.Now += 10
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "CUP", Qty: 1}, {Bin: "A-02", SKU: "MILK", Lot: "LX", Expiry: "2027-01-01", Qty: 1}}})
		if i%5 == 0 {
			w.ok(release(id, "CUP"))
			w.ok(CancelOrder{Order: id})
			w.ok(release(id+"Y", "CUP", "MILK"))
			w.sentOff(id + "Y")
			continue
		}
		w.lived(id)
	}
	w.ok(SignOut{Device: "hw1"})
	w.drain(w.events()[len(w.events())-1].Seq)
	return &closedSite{w.tx.Snapshot(), w.m}
}

func (w *world) sentOff(id string) {
	w.t.Helper()
	w.assign("K"+id, "w1", id)
	w.walkTo("hw1", StepAsk)
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
	w.ok(Depart{Dock: "d1"})
}

// What a day costs, command by command, and what a question costs, must not
// depend on how many orders closed before: a day of every kind, after 10 and after
// 2,000 of them.
func TestNoCostGrowsWithClosedOrders(t *testing.T) {
	defer func() { afterClosed = nil }()
	few, many := closedOrders(t, 10), closedOrders(t, 2000)
	kinds := make(map[Kind]bool)
	for _, g := range goldenDays {
		if g.name == "v7-archive" {
			continue // a time in which they leave, which is work
		}
		t.Run(g.name, func(t *testing.T) {
			var costs [2][]string
			var asked [2]map[string]int
			for i, c := range []*closedSite{few, many} {
				afterClosed = c
				w := g.day(t)
				afterClosed = nil
				for n, l := range w.log {
					if l.drained == 0 {
						costs[i] = append(costs[i], fmt.Sprintf("%d %s: %d reads", n, CommandName(Kind(l.kind)), l.reads))
						kinds[Kind(l.kind)] = true
					}
				}
				asked[i] = questions(w)
			}
			if len(costs[0]) != len(costs[1]) {
				t.Fatalf("%d commands after 10 orders, %d after 2,000", len(costs[0]), len(costs[1]))
			}
			for n := range costs[0] {
				// What takes bins or workers away looks at every logistic unit
				// once, those of closed orders too until they are archived: a
				// person asks for it a few times a year (docs/adr/007).
				if strings.Contains(costs[0][n], CommandName(KindCommitModel)) && strings.Contains(costs[1][n], CommandName(KindCommitModel)) {
					continue
				}
				if costs[0][n] != costs[1][n] {
					t.Errorf("after 10 orders %s, after 2,000 %s", costs[0][n], costs[1][n])
				}
			}
			for q, n := range asked[0] {
				if asked[1][q] != n {
					t.Errorf("%s reads %d after 10 orders, %d after 2,000", q, n, asked[1][q])
				}
			}
		})
	}
	for _, k := range Kinds() {
		if !kinds[k] {
			t.Errorf("no day has %s", CommandName(k))
		}
	}
}

// questions is what each question reads. Those of the journal are bounded by a
// page, and the one of an order by its life and a look for its end.
func questions(w *world) map[string]int {
	w.t.Helper()
	out := make(map[string]int)
	ask := func(name string, fn func(r Reader) error) {
		c := &countingTx{Tx: w.tx}
		if err := fn(c); err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		out[name] = c.reads
	}
	orders := seen(Orders(w.tx, "1", 100))
	for _, code := range []string{"CUP", gtin(1), "A-01", "O1", "T-K1-1", "nothing"} {
		ask("find "+code, func(r Reader) error { _, err := Find(r, code, "", 5); return err })
	}
	for i := range orders {
		o := &orders[i]
		ask("why "+o.Spec.ID, func(r Reader) error { _, err := Why(r, o); return err })
		ask("request of "+o.Spec.ID, func(r Reader) error { _, _, err := RequestOf(r, o.Spec.ID); return err })
	}
	ask("locate", func(r Reader) error { _, err := Locate(r, Query{SKU: "CUP"}, "", 10); return err })
	ask("late", func(r Reader) error { _, err := Late(r, w.m.Now, w.m.Now+day, "", 10); return err })
	ask("orders", func(r Reader) error { _, err := Orders(r, "O", 2); return err })
	ask("last orders", func(r Reader) error { _, err := Orders(r, "000003", 2); return err })
	ask("open orders", func(r Reader) error { _, err := OpenOrders(r, nil, "", 0); return err })
	for _, state := range []OrderState{OrderShipped, OrderCancelled} {
		ask("last of "+string(state), func(r Reader) error { _, _, err := ClosedOrders(r, state, "", 1); return err })
		ask("number of "+string(state), func(r Reader) error { _, err := CountClosed(r, state, w.m.Now-w.m.Now%day); return err })
	}
	ask("fallouts of O1", func(r Reader) error { _, err := FalloutsOf(r, "O1"); return err })
	ask("counts of orders", func(r Reader) error { _, err := CountOrders(r); return err })
	ask("open fallouts", func(r Reader) error { _, err := Fallouts(r, true); return err })
	ask("actions", func(r Reader) error { _, err := Actions(r, ""); return err })
	ask("pool", func(r Reader) error { _, err := Pool(r, 0); return err })
	ask("waiting workers", func(r Reader) error { _, err := WaitingWorkers(r); return err })
	ask("open transports", func(r Reader) error { _, err := OpenTransports(r); return err })
	ask("floor tasks", func(r Reader) error { _, err := FloorTasks(r, 0); return err })
	ask("due", func(r Reader) error { _, _, err := NextDue(r); return err })
	ask("returns", func(r Reader) error { _, err := Returns(r, "", 10); return err })
	ask("receipts", func(r Reader) error { _, err := Receipts(r, ReceiptFilter{}, "", 10); return err })
	ask("decisions", func(r Reader) error { _, _, err := Decisions(r, 0, 10); return err })
	ask("balances", func(r Reader) error { _, err := Balances(r, "CUP"); return err })
	ask("outbox", func(r Reader) error { _, _, err := OutboxDepth(r, StreamControl); return err })
	for _, b := range benches {
		ask("jobs of "+b, func(r Reader) error { _, err := PendingJobs(r, b); return err })
		ask("step of "+b, func(r Reader) error { _, err := StationStep(r, b); return err })
	}
	for _, d := range devices {
		ask("step of "+d, func(r Reader) error { _, err := NextStep(r, d); return err })
	}
	for _, d := range docks {
		ask("loaded at "+d, func(r Reader) error { _, err := LoadedAt(r, d); return err })
		ask("unverified at "+d, func(r Reader) error { _, err := Unverified(r, d); return err })
		ask("manifests at "+d, func(r Reader) error { _, err := ManifestsAt(r, d); return err })
	}
	return out
}

// The journal is never read further than a page, and for an order never further
// than its life.
func TestTraceReadsNoMoreThanAPage(t *testing.T) {
	const page, look = 2000, 16 // rows of a page; bits of the number of a row
	afterClosed = closedOrders(t, 2000)
	defer func() { afterClosed = nil }()
	w := stocked(t)
	afterClosed = nil
	reads := func(q TraceQuery) (n, moves int) {
		c := &countingTx{Tx: w.tx}
		got, _, err := Trace(c, q, "", 50)
		if err != nil {
			t.Fatal(err)
		}
		return c.reads, len(got)
	}
	if n, _ := reads(TraceQuery{SKU: "NONE"}); n > page+look {
		t.Errorf("a trace of nothing reads %d", n)
	}
	for _, id := range []string{"000003", "001999"} {
		o := seen(GetOrder(w.tx, id))
		if n, moves := reads(TraceQuery{Order: id}); n > 3*look || moves != 6 {
			t.Errorf("the trace of %s (%s) reads %d for %d moves", id, o.State, n, moves)
		}
	}
}
