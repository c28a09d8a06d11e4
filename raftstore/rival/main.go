// Command rival prints how the log of this repository, raftstore/seglog, does
// beside github.com/hashicorp/raft-wal in the same run, one JSON object a line
// like demo/bench:
//
//	{"name":…,"value":…,"unit":…,"goal":…,"ok":…}
//
// It is a module of its own, so that raft-wal and what it brings stay out of
// the product's. Its test runs the suite of raftstore/logstoretest against
// raft-wal. Both are started by make bench-rival and by nothing else.
//
// The two take turns, round by round, on one disk, so that other load on the
// machine falls on both. Ratios are ours to theirs.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	dir := flag.String("dir", "", "where to write; a disk like the gateway's (default: a temporary folder)")
	rounds := flag.Int("rounds", 15, "turns each log takes")
	callers := flag.Duration("callers", time.Second, "how long the callers of one turn call; 0 leaves that part out")
	flag.Parse()
	if err := run(*dir, *rounds, *callers); err != nil {
		fmt.Fprintln(os.Stderr, "rival:", err)
		os.Exit(1)
	}
}

func run(dir string, rounds int, callers time.Duration) error {
	if dir == "" {
		tmp, err := os.MkdirTemp("", "tote-rival-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(tmp) }() // a leftover temporary folder is no reason to fail
		dir = tmp
	}
	if err := logs(filepath.Join(dir, "logs"), rounds); err != nil {
		return err
	}
	if callers > 0 {
		return nodes(filepath.Join(dir, "nodes"), max(3, rounds/3), callers)
	}
	return nil
}
