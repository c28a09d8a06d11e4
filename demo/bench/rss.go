//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"tote/agent"
)

const (
	memoryRows  = 100_000
	memoryItems = 2000
	memoryFile  = 10_000 // rows of a file: what one import holds is not what is measured
	// memorySettle is how long the gateway does nothing before it is looked
	// at: the runtime gives memory back within that.
	memorySettle = 30 * time.Second
	memoryGoal   = 96 // MiB
)

// memory reports what a gateway with so many rows of stock takes of the memory
// of its machine: the whole agent with broker and pages, after the rows came in
// and nothing happened for a while, and the most it ever took.
func memory(ctx context.Context, dir string) error {
	return withGateway(ctx, dir, func(addr agent.Addresses, pid int) error {
		if err := putSite(ctx, addr.HTTP); err != nil {
			return err
		}
		var items strings.Builder
		items.WriteString("sku,name,weight_g\n")
		for i := range memoryItems {
			fmt.Fprintf(&items, "SKU%04d,a thing of some length,100\n", i)
		}
		if err := importCSV(ctx, addr.HTTP, "items", items.String()); err != nil {
			return err
		}
		for from := 0; from < memoryRows; from += memoryFile {
			var bins, stock strings.Builder
			bins.WriteString("bin,aisle,cell\n")
			stock.WriteString("bin,sku,qty\n")
			for i := from; i < from+memoryFile; i += 2 { // two items in each bin
				fmt.Fprintf(&bins, "BIN%06d,%d,%d\n", i, i%10, i/10%45)
				fmt.Fprintf(&stock, "BIN%06d,SKU%04d,40\nBIN%06d,SKU%04d,40\n", i, i%memoryItems, i, (i+1)%memoryItems)
			}
			if err := importCSV(ctx, addr.HTTP, "bins", bins.String()); err != nil {
				return err
			}
			if err := importCSV(ctx, addr.HTTP, "stock", stock.String()); err != nil {
				return err
			}
		}
		if err := wait(ctx, memorySettle); err != nil {
			return err
		}
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if errors.Is(err, os.ErrNotExist) {
			return errors.New("the kernel does not tell what a process takes")
		} else if err != nil {
			return err
		}
		for _, f := range []struct {
			key, name string
			goal      float64
		}{
			{"VmRSS", "gateway_100k_stock_rows_rss", memoryGoal},
			{"RssAnon", "gateway_100k_stock_rows_rss_of_its_own", 0},
			{"VmHWM", "gateway_100k_stock_rows_rss_at_most", 0},
		} {
			kb, err := statusKB(data, f.key)
			if err != nil {
				return err
			}
			report(f.name, kb/1024, "MiB", f.goal)
		}
		return nil
	})
}

// statusKB reads a figure of /proc/PID/status.
func statusKB(data []byte, key string) (float64, error) {
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, key+":"); ok {
			return strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(n), "kB")), 64)
		}
	}
	return 0, fmt.Errorf("/proc/PID/status has no %s", key)
}
