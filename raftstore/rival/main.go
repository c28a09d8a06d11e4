// Command rival prints how the replicated store does beside others in the same
// run, one JSON object a line like demo/bench:
//
//	{"name":…,"value":…,"unit":…,"goal":…,"ok":…}
//
// The log, raftstore/seglog, is compared with github.com/hashicorp/raft-wal; three
// gateways with three servers of etcd as Debian has it, all of them real
// processes. Where etcd is not installed our own figures are printed alone.
//
// It is a module of its own, so that raft-wal, the client of etcd and what they
// bring stay out of the product's. Its test runs the suite of
// raftstore/logstoretest against raft-wal. Both are started by make bench-rival
// and by nothing else.
//
// The two take turns, round by round, on one disk, so that other load on the
// machine falls on both. Ratios are ours to theirs. A missed goal is printed, not
// hidden, and does not change the exit status.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	dir := flag.String("dir", "", "where to write; a disk like the gateway's (default: a temporary folder)")
	rounds := flag.Int("rounds", 15, "turns each log takes")
	callers := flag.Duration("callers", time.Second, "how long the callers of one turn call; 0 leaves those parts out")
	only := flag.String("only", "", "run one part only: logs, nodes or etcd (default: all)")
	at := flag.String("at", "1,8,64,256", "how many callers the clusters are measured with")
	profile := flag.Int("profile", 0, "serve profiles of the three gateways on this port of loopback and the next two; 0 = not")
	gateway := flag.String("gateway", "", "internal: be this gateway")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := func() error {
		if *gateway != "" {
			return runGateway(*gateway)
		}
		return run(ctx, *dir, *only, *rounds, *callers, *at, *profile)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rival:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, only string, rounds int, callers time.Duration, at string, profile int) error {
	if dir == "" {
		tmp, err := os.MkdirTemp("", "tote-rival-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(tmp) }() // a leftover temporary folder is no reason to fail
		dir = tmp
	}
	few := max(3, rounds/3)
	for _, p := range []struct {
		name string
		run  func(dir string) error
	}{
		{"logs", func(dir string) error { return logs(dir, rounds) }},
		{"nodes", func(dir string) error { return nodes(dir, few, callers) }},
		{"etcd", func(dir string) error { return versus(ctx, dir, few, callers, at, profile) }},
	} {
		if only != "" && only != p.name || callers == 0 && p.name != "logs" {
			continue
		}
		if err := p.run(filepath.Join(dir, p.name)); err != nil {
			return err
		}
	}
	return nil
}
