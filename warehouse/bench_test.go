package warehouse_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	. "tote/warehouse"
	"tote/warehouse/memtx"
)

// shards is a transaction of many, one for each kind of key: a list of a million
// sorted keys would be slow to fill.
type shards map[string]*memtx.Tx

func (s shards) of(k []byte) *memtx.Tx {
	kind, _, _ := bytes.Cut(k, []byte{0})
	tx := s[string(kind)]
	if tx == nil {
		tx = memtx.New()
		s[string(kind)] = tx
	}
	return tx
}

func (s shards) Get(k []byte) ([]byte, error) { return s.of(k).Get(k) }
func (s shards) Set(k, v []byte) error        { return s.of(k).Set(k, v) }
func (s shards) Delete(k []byte) error        { return s.of(k).Delete(k) }
func (s shards) Range(p []byte, fn func(k, v []byte) (bool, error)) error {
	return s.of(p).Range(p, fn)
}

// BenchmarkAllocate releases orders of ten lines at a site of 200,000 bins, with
// 10,000 items in 100,000 positions, by each policy. The site tells its levels.
func BenchmarkAllocate(b *testing.B) {
	for _, policy := range []string{PolicyFEFO, PolicyFIFO, PolicyClosest, PolicyTouches} {
		b.Run("policy="+policy, func(b *testing.B) {
			tx, now := make(shards), start
			do := func(c Command) time.Duration {
				began := time.Now()
				res, err := Apply(tx, Meta{Now: now, Cause: "bench"}, c)
				took := time.Since(began)
				if err != nil || !res.OK {
					b.Fatalf("%+v %v", res, err)
				}
				return took
			}
			s := testSite()
			s.Layout.Aisles, s.Layout.Cells, s.ATPEveryMs = 1000, 50, 1000
			do(PutSite{Site: s})
			const items, each, bins = 10_000, 10, 200_000
			sku := func(i int) string { return fmt.Sprintf("S%05d", i) }
			for at := 0; at < items; at += 500 {
				var list []Item
				for i := at; i < at+500; i++ {
					list = append(list, Item{SKU: sku(i), Name: "n", WeightMg: 1000, Policy: policy})
				}
				do(PutItems{Items: list})
			}
			for at := 0; at < bins; at += 2000 {
				var list []Bin
				for i := at; i < at+2000; i++ {
					list = append(list, Bin{Code: fmt.Sprintf("B%06d", i), Aisle: i / 200, Cell: i % 50})
				}
				do(PutBins{Bins: list})
			}
			for at := 0; at < items*each; at += 200 {
				var rows []StockRow
				for i := at; i < at+200; i++ {
					rows = append(rows, StockRow{Bin: fmt.Sprintf("B%06d", i), SKU: sku(i / each), Qty: 1_000_000})
				}
				do(OpenStock{Rows: rows})
			}
			var took []time.Duration
			b.ResetTimer()
			for n := range b.N {
				now++
				r := release(fmt.Sprintf("O%07d", n))
				for l := range 10 {
					r.Order.Lines = append(r.Order.Lines, OrderLine{Line: l + 1, SKU: sku((n*7919 + l*997) % items), Qty: 2})
				}
				took = append(took, do(r))
			}
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
		})
	}
}

// BenchmarkPick is what one confirmed pick costs (the scan of the tote), with
// and without stock levels being told.
func BenchmarkPick(b *testing.B) {
	for _, every := range []int64{0, 1000} {
		b.Run(fmt.Sprintf("atpEveryMs=%d", every), func(b *testing.B) {
			w := stocked(b)
			s := testSite()
			s.ATPEveryMs, s.CartSlots = every, 50
			w.ok(PutSite{Site: s})
			w.ok(OpenStock{Rows: []StockRow{{Bin: "A-02", SKU: "PEN", Qty: 1e9}}})
			var took time.Duration
			n := 0
			for k := 0; n < b.N; k++ {
				var ids []string
				for i := range 50 {
					id := fmt.Sprintf("O%d-%d", k, i)
					w.ok(release(id, "PEN"))
					ids = append(ids, id)
				}
				w.assign(fmt.Sprintf("K%d", k), "w1", ids...)
				for s := w.step("hw1"); s.Do != StepFinish; s = w.step("hw1") {
					if s.Do != StepScanSlot {
						w.act("hw1")
						continue
					}
					c := Scan{Device: "hw1", Verb: "slot", Barcode: fmt.Sprintf("T-%d-%d", k, s.Slot), Task: s.Task}
					w.m.Index++
					began := time.Now()
					res, err := Apply(w.tx, w.m, c)
					took += time.Since(began)
					if err != nil || !res.OK {
						b.Fatalf("%+v %v", res, err)
					}
					n++
				}
				w.act("hw1")
			}
			b.ReportMetric(float64(n)/took.Seconds(), "picks/s")
		})
	}
}
