//go:build !386 && !arm && !mips && !mipsle

// Command bench prints every figure Tote promises, one JSON object a line:
//
//	{"name":…,"value":…,"unit":…,"goal":…,"ok":…}
//
// beside the raw synced write of the same disk in the same run, since a figure
// for durable work says nothing without it. Lines without a goal have ok true.
// Where a goal comes from stands beside the code that reports it.
//
// It measures this machine as it is: other load on it is in the figures. A
// missed goal is printed, not hidden, and does not change the exit status.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	dir := flag.String("dir", "", "where to write; a disk like the gateway's (default: a temporary folder)")
	only := flag.String("only", "", "run these parts only: disk,route,blocks,pool,gs1,scaleline,quiet,llrp,presence,store,domain,state,sitemodel,rebuild,rss,import-stock,scan,photoeye,idle,resting,install,demo,takeover (default: all)")
	gateway := flag.String("gateway", "", "internal: run the gateway of this configuration")
	emulated := flag.String("devices", "", "internal: emulate the devices of this group file")
	full := flag.String("fill", "", "internal: fill a store in this folder and wait")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := func() error {
		if *gateway != "" {
			return runGateway(ctx, *gateway)
		}
		if *emulated != "" {
			return runDevices(ctx, *emulated)
		}
		if *full != "" {
			return fill(ctx, *full)
		}
		return run(ctx, *dir, *only)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// part is a group of figures that are measured together.
type part struct {
	name string
	run  func(ctx context.Context, dir string) error
}

var parts = [...]part{
	{"disk", rawSync}, {"route", routes}, {"blocks", severalBlocks}, {"pool", largePool}, {"gs1", codes}, {"scaleline", scaleLine}, {"quiet", quiet}, {"llrp", llrpReports}, {"presence", presenceSpeed}, {"store", commands}, {"domain", domain}, {"state", state}, {"sitemodel", siteModel}, {"rebuild", rebuilds}, {"rss", memory}, {"import-stock", importStock}, {"scan", scans}, {"photoeye", photoEye}, {"idle", idle}, {"resting", resting}, {"install", installed}, {"demo", shift}, {"takeover", bigShift},
}

// choose picks the parts named in a comma separated list, in their own order.
func choose(only string) ([]part, error) {
	if only == "" {
		return parts[:], nil
	}
	names := strings.Split(only, ",")
	var todo []part
	for _, p := range parts {
		if i := slices.Index(names, p.name); i >= 0 {
			todo, names = append(todo, p), slices.Delete(names, i, i+1)
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("-only: there is no part %q", names[0])
	}
	return todo, nil
}

func run(ctx context.Context, dir, only string) error {
	if dir == "" {
		tmp, err := os.MkdirTemp("", "tote-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(tmp) }() // a leftover temporary folder is no reason to fail
		dir = tmp
	}
	todo, err := choose(only)
	if err != nil {
		return err
	}
	for _, p := range todo {
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
