//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tote/agent/replica"
	"tote/raftstore"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// The goals of the domain, from issue 5.
const (
	pickGoal     = 50_000 // confirmed picks a second, in memory, on one core
	storeGoal    = 20_000 // the same into Badger
	allocateGoal = 300    // microseconds, p99, an order of ten lines

	walkOrders  = 12 // orders a walk, one pick each: the slots of a cart
	memoryPicks = 20_000
	storeWalks  = 64

	allocItems  = 10_000
	allocRows   = 100_000
	allocBins   = 200_000
	allocOrders = 5000
)

// domain measures what commands of the warehouse cost: applied to a state in
// memory, and through the store of one gateway.
func domain(ctx context.Context, dir string) error {
	if err := picksInMemory(); err != nil {
		return err
	}
	if err := allocations(); err != nil {
		return err
	}
	if err := picksInBadger(dir); err != nil {
		return err
	}
	cfg := raftstore.Config{Dir: dir, NodeID: "bench", Logger: slog.New(slog.DiscardHandler)}
	return withStore(ctx, cfg, func(s *replica.Store) error { return picksInStore(ctx, s) })
}

// applied is a warehouse in memory.
type applied struct {
	tx *memtx.Tx
	m  warehouse.Meta
}

func newApplied() *applied {
	return &applied{tx: memtx.New(), m: warehouse.Meta{Now: 1_767_225_600_000, Actor: "bench", Cause: "bench", Level: warehouse.Level}}
}

func (a *applied) do(c warehouse.Command) (warehouse.Result, error) {
	a.m.Index++
	res, err := warehouse.Apply(a.tx, a.m, c)
	if err == nil && !res.OK {
		err = fmt.Errorf("%T: %s %s", c, res.Code, res.Text)
	}
	return res, err
}

// floor is the site that is picked at, for so many workers.
func floor(n int) []warehouse.Command {
	cmds := []warehouse.Command{
		warehouse.PutSite{Site: warehouse.Site{
			ID: "bench", CompanyPrefix: "4012345", TotePrefix: "T-", CartonTareMg: 1, LeaseMs: 600_000, CartSlots: walkOrders, PackDrop: "DROP",
			Layout:   warehouse.Layout{Aisles: 10, Cells: 50, CellMm: 1000, EndMm: 1000, PitchMm: 3000},
			Carriers: []warehouse.Carrier{{Code: "POST", Prefix: "PO", Digits: 8, First: 100, Last: 99_999_999}},
		}},
		warehouse.PutWorkers{Workers: workers(n)},
	}
	var items []warehouse.Item
	var bins []warehouse.Bin
	var rows []warehouse.StockRow
	for i := range walkOrders {
		items = append(items, warehouse.Item{SKU: fmt.Sprintf("SKU%d", i), Name: "a thing of some length", WeightMg: 1000})
		bins = append(bins, warehouse.Bin{Code: fmt.Sprintf("A-%02d", i), Cell: i})
		rows = append(rows, warehouse.StockRow{Bin: bins[i].Code, SKU: items[i].SKU, Qty: 100_000_000})
	}
	return append(cmds, warehouse.PutItems{Items: items}, warehouse.PutBins{Bins: bins}, warehouse.OpenStock{Rows: rows})
}

// walkOf is one walk of one worker: the commands that lead to it, then three
// scans an order.
func walkOf(worker int, name string) (before, scans []warehouse.Command) {
	dev := fmt.Sprintf("hh%d", worker)
	b := warehouse.AssignBatch{Batch: "K" + name, Worker: fmt.Sprintf("W%d", worker), RouteMm: 1000}
	for i := range walkOrders {
		id := fmt.Sprintf("O%s-%d", name, i)
		before = append(before, warehouse.ReleaseOrder{Source: "oms/main", Order: warehouse.OrderSpec{
			ID: id, Revision: 1, ShipTo: warehouse.Address{Name: "n", Street: "s", Postcode: "1", City: "c", Country: "DE"},
			Lines: []warehouse.OrderLine{{Line: 1, SKU: fmt.Sprintf("SKU%d", i), Qty: 1}},
		}})
		b.Slots = append(b.Slots, warehouse.BatchSlot{Slot: i + 1, Order: id})
		b.Walk = append(b.Walk, id+"/1/1")
		scans = append(scans,
			warehouse.Scan{Device: dev, Verb: "bin", Barcode: fmt.Sprintf("A-%02d", i)},
			warehouse.Scan{Device: dev, Verb: "item", Barcode: fmt.Sprintf("SKU%d", i)},
			warehouse.Scan{Device: dev, Verb: "slot", Barcode: fmt.Sprintf("T-%s-%d", name, i)})
	}
	return append(before, warehouse.SignIn{Device: dev, Badge: fmt.Sprintf("BADGE%d", worker)}, warehouse.AskWork{Device: dev}, b), scans
}

// confirms tells the scan that books a pick from those that lead to it.
func confirms(c warehouse.Command) bool { return c.(warehouse.Scan).Verb == "slot" }

// threadTime is the processor time of the thread that calls.
func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0 // it cannot fail for the own thread
	}
	return time.Duration(ts.Nano())
}

// picksInMemory measures confirmed picks (the scan of the tote) by the clock and
// by the processor: a machine with other work on it shows in the first only.
func picksInMemory() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	a := newApplied()
	for _, c := range floor(1) {
		if _, err := a.do(c); err != nil {
			return err
		}
	}
	n := 0
	var clock, worked time.Duration
	for k := 0; n < memoryPicks; k++ {
		before, scans := walkOf(0, fmt.Sprint(k))
		for _, c := range before {
			if _, err := a.do(c); err != nil {
				return err
			}
		}
		for _, c := range scans {
			if !confirms(c) {
				if _, err := a.do(c); err != nil {
					return err
				}
				continue
			}
			at, used := time.Now(), threadTime()
			_, err := a.do(c)
			worked, clock = worked+threadTime()-used, clock+time.Since(at)
			if err != nil {
				return err
			}
			n++
		}
		if _, err := a.do(warehouse.FinishBatch{Device: "hh0", Barcode: "DROP"}); err != nil {
			return err
		}
	}
	report("domain_picks_in_memory", float64(n)/clock.Seconds(), "1/s", -pickGoal)
	report("domain_picks_in_memory_by_processor_time", float64(n)/worked.Seconds(), "1/s", -pickGoal)
	return nil
}

// picksInStore measures scans of many handhelds through the store of one
// gateway, each proposed, synced, applied to Badger and answered, and how much
// processor time of all threads that took.
func picksInStore(ctx context.Context, s *replica.Store) error {
	do := func(by replica.By, c warehouse.Command) error {
		_, err := doOK(ctx, s, by, c)
		return err
	}
	for i, c := range floor(storeWalks) {
		if err := do(replica.By{ID: [16]byte{1, byte(i)}}, c); err != nil {
			return err
		}
	}
	walks := make([][]warehouse.Command, storeWalks)
	err := many(storeWalks, func(w int) error {
		before, scans := walkOf(w, fmt.Sprint(w))
		walks[w] = scans
		for i, c := range before {
			if err := do(replica.By{ID: [16]byte{2, byte(w), byte(i)}}, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	at, used := time.Now(), processorTime()
	err = many(storeWalks, func(w int) error {
		for i, c := range walks[w] {
			if err := do(replica.By{Device: fmt.Sprintf("hh%d", w), Seq: uint64(i + 1)}, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	took, worked := time.Since(at), processorTime()-used
	n := float64(3 * walkOrders * storeWalks)
	report("domain_scans_into_store_64_handhelds", n/took.Seconds(), "1/s", -storeGoal)
	report("domain_scan_into_store_processor_time", worked.Seconds()*1e6/n, "us", 0)
	return nil
}

// many runs fn for 0..n-1 at once.
func many(n int, fn func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// bigSite is a site with all its bins, items and stock.
func bigSite() []warehouse.Command {
	cmds := floor(1)[:1]
	site := cmds[0].(warehouse.PutSite)
	site.Site.Layout.Aisles = 1000
	cmds[0] = site
	bin := func(i int) string { return fmt.Sprintf("B%06d", i) }
	for from := 0; from < allocItems; from += 500 {
		var items []warehouse.Item
		for i := from; i < from+500; i++ {
			items = append(items, warehouse.Item{SKU: bigSKU(i), Name: "a thing of some length", WeightMg: 1000})
		}
		cmds = append(cmds, warehouse.PutItems{Items: items})
	}
	for from := 0; from < allocBins; from += 2000 {
		var bins []warehouse.Bin
		for i := from; i < from+2000; i++ {
			bins = append(bins, warehouse.Bin{Code: bin(i), Aisle: i / 200, Cell: i % 50})
		}
		cmds = append(cmds, warehouse.PutBins{Bins: bins})
	}
	for from := 0; from < allocRows; from += 200 {
		var rows []warehouse.StockRow
		for i := from; i < from+200; i++ {
			rows = append(rows, warehouse.StockRow{Bin: bin(i), SKU: bigSKU(i / 10), Qty: 1_000_000})
		}
		cmds = append(cmds, warehouse.OpenStock{Rows: rows})
	}
	return cmds
}

func bigSKU(i int) string { return fmt.Sprintf("S%05d", i) }

// bigOrder is an order of the big site.
func bigOrder(n, lines int) warehouse.OrderSpec {
	o := warehouse.OrderSpec{
		ID: fmt.Sprintf("O%07d", n), Revision: 1,
		ShipTo: warehouse.Address{Name: "Somebody Ordinary", Street: "A Street of Some Length 12", Postcode: "12345", City: "Middletown", Country: "DE"},
	}
	for l := range lines {
		o.Lines = append(o.Lines, warehouse.OrderLine{Line: l + 1, SKU: bigSKU((n*7919 + l*997) % allocItems), Qty: 2})
	}
	return o
}

// allocations measures the release of an order of ten lines at a big site.
func allocations() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	a := newApplied()
	for _, c := range bigSite() {
		if _, err := a.do(c); err != nil {
			return err
		}
	}
	var clock, worked []time.Duration
	for n := range allocOrders {
		o := bigOrder(n, 10)
		o.ShipTo = warehouse.Address{Name: "n", Street: "s", Postcode: "1", City: "c", Country: "DE"}
		at, used := time.Now(), threadTime()
		_, err := a.do(warehouse.ReleaseOrder{Order: o, Source: "oms/main"})
		worked, clock = append(worked, threadTime()-used), append(clock, time.Since(at))
		if err != nil {
			return err
		}
	}
	report("domain_allocate_10_lines_p50", percentile(clock, 0.5)*1000, "us", 0)
	report("domain_allocate_10_lines_p99", percentile(clock, 0.99)*1000, "us", allocateGoal)
	report("domain_allocate_10_lines_p99_by_processor_time", percentile(worked, 0.99)*1000, "us", allocateGoal)
	return nil
}
