//go:build !386 && !arm && !mips && !mipsle

// Command bench prints every figure Tote promises, one JSON object a line:
//
//	{"name":…,"value":…,"unit":…,"goal":…,"ok":…}
//
// beside the raw synced write of the same disk in the same run, since a figure
// for durable work says nothing without it. Lines without a goal have ok true.
// It measures this machine as it is: other load on it is in the figures. A
// missed goal is printed, not hidden, and does not change the exit status.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"
)

// figure is one line of the output.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Goal  string  `json:"goal"` // "" = none, printed for comparison
	OK    bool    `json:"ok"`
}

// report prints a figure; most is the goal when it is positive, least when
// negative.
func report(name string, value float64, unit string, goal float64) {
	f := figure{Name: name, Value: round(value), Unit: unit, OK: true}
	switch {
	case goal > 0:
		f.Goal, f.OK = fmt.Sprintf("<= %g", goal), value <= goal
	case goal < 0:
		f.Goal, f.OK = fmt.Sprintf(">= %g", -goal), value >= -goal
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false) // goals hold < and >
	if err := enc.Encode(f); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err) // standard output is gone
	}
}

func round(v float64) float64 {
	switch {
	case v >= 100:
		return float64(int64(v + 0.5))
	default:
		return float64(int64(v*1000+0.5)) / 1000
	}
}

// percentile sorts ds and gives the p-th (nearest rank) in milliseconds.
func percentile(ds []time.Duration, p float64) float64 {
	slices.Sort(ds)
	i := max(0, int(p*float64(len(ds))+0.999999)-1)
	return float64(ds[min(i, len(ds)-1)]) / float64(time.Millisecond)
}

func main() {
	dir := flag.String("dir", "", "where to write; a disk like the gateway's (default: a temporary folder)")
	gateway := flag.String("gateway", "", "internal: run the gateway of this configuration")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := func() error {
		if *gateway != "" {
			return runGateway(ctx, *gateway)
		}
		return run(ctx, *dir)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string) error {
	if dir == "" {
		tmp, err := os.MkdirTemp("", "tote-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(tmp) }() // a leftover temporary folder is no reason to fail
		dir = tmp
	}
	parts := []struct {
		name string
		run  func(ctx context.Context, dir string) error
	}{
		{"disk", rawSync}, {"route", routes}, {"store", commands}, {"scan", scans}, {"demo", shift},
	}
	for _, p := range parts {
		sub := filepath.Join(dir, p.name)
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
		if err := p.run(ctx, sub); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}
