//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"tote/agent/intake"
	"tote/agent/opening"
	"tote/agent/replica"
	"tote/raftstore"
	"tote/warehouse"
)

// countedRows is a zone as big as they come in one file, three positions a bin.
const countedRows = 50_000

// Goals: who stands there with the file waits a minute for it at most, on a gateway
// of this kind; the comparison keeps a snapshot open and is short; what is held
// meanwhile leaves room in a gateway of 512 MB.
const (
	importGoal  = 60     // s, all commands recorded
	compareGoal = 15_000 // ms
	againGoal   = 10_000 // ms, a file that books nothing
	reportGoal  = 64     // MiB of heap for file, report and commands
)

// importStock measures tote site import-stock below HTTP: reading, comparing, and
// the commands one after the other, as the gateway does them.
func importStock(ctx context.Context, dir string) error {
	cfg := raftstore.Config{Dir: dir, NodeID: "bench", Logger: slog.New(slog.DiscardHandler)}
	return withStore(ctx, cfg, func(s *replica.Store) error {
		if err := seed(ctx, s); err != nil {
			return err
		}
		if err := shelves(ctx, s); err != nil {
			return err
		}
		file := countFile()
		began := time.Now()
		rep, parts, used, err := compared(s, file)
		if err != nil {
			return err
		}
		report("import_stock_50000_rows_compared", float64(time.Since(began).Milliseconds()), "ms", compareGoal)
		report("import_stock_50000_rows_held", float64(used>>20), "MiB", reportGoal)
		if rep.Counts[opening.New] != countedRows {
			return fmt.Errorf("import-stock: %+v", rep.Counts)
		}
		began = time.Now()
		for i, p := range parts {
			id := [16]byte{9}
			binary.BigEndian.PutUint64(id[8:], uint64(i))
			if _, err := doOK(ctx, s, replica.By{ID: id}, p.Command); err != nil {
				return err
			}
		}
		report("import_stock_50000_rows_booked", time.Since(began).Seconds(), "s", importGoal)
		report("import_stock_commands", float64(len(parts)), "commands", 0)
		began = time.Now()
		if rep, parts, _, err = compared(s, file); err != nil {
			return err
		}
		report("import_stock_again_books_nothing", float64(time.Since(began).Milliseconds()), "ms", againGoal)
		if len(parts) > 0 || rep.Counts[opening.Done] != countedRows {
			return fmt.Errorf("import-stock: again %d parts, %+v", len(parts), rep.Counts)
		}
		return nil
	})
}

// compared reads and compares the file; used is what is held at the end.
func compared(s *replica.Store, file string) (rep *opening.Report, parts []opening.Part, used uint64, err error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f, rows := intake.ParseCount(strings.NewReader(file))
	err = s.View(func(r warehouse.Reader) (err error) {
		rep, parts, err = opening.Compare(f, rows, r, time.Now(), opening.Options{})
		return err
	})
	if err == nil && len(rep.Problems) > 0 {
		err = fmt.Errorf("import-stock: %v", rep.Problems[0])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(rows)
	return rep, parts, after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc), err
}

func countFile() string {
	var b strings.Builder
	b.WriteString("bin,sku,qty,owner\n")
	for i := range countedRows {
		fmt.Fprintf(&b, "C-%05d,SKU%03d,%d,\n", i/3, (7*i+i%3)%500, 1+i%40)
	}
	return b.String()
}

// shelves brings in what the file names.
func shelves(ctx context.Context, s *replica.Store) error {
	id := [16]byte{8}
	next := func() [16]byte { id[15]++; id[14] += map[bool]byte{true: 1}[id[15] == 0]; return id }
	var items []warehouse.Item
	for i := range 500 {
		items = append(items, warehouse.Item{SKU: fmt.Sprintf("SKU%03d", i), Name: "a thing of some length", WeightMg: 100_000})
	}
	if _, err := doOK(ctx, s, replica.By{ID: next()}, warehouse.PutItems{Items: items}); err != nil {
		return err
	}
	for from := 0; from <= countedRows/3; from += 400 {
		var bins []warehouse.Bin
		for i := from; i < min(from+400, countedRows/3+1); i++ {
			bins = append(bins, warehouse.Bin{Code: fmt.Sprintf("C-%05d", i)})
		}
		if _, err := doOK(ctx, s, replica.By{ID: next()}, warehouse.PutBins{Bins: bins}); err != nil {
			return err
		}
	}
	return nil
}
