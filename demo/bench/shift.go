//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// shift plays the whole demo with nobody waiting and reads its own figures off
// the table it prints.
func shift(ctx context.Context, dir string) error {
	t, err := play(ctx, dir)
	if err != nil {
		return err
	}
	return t.small(show)
}

// bigShift plays the whole floor on three gateways and pulls the plug of the
// leading one.
func bigShift(ctx context.Context, dir string) error {
	t, err := play(ctx, dir, "--gateways", "3", "--kill-leader-at", "50%")
	if err != nil {
		return err
	}
	return t.big(show)
}

// small gives the figures of the shift with one gateway.
func (t resultTable) small(show func(figure)) error {
	first, err := t.number("first order shipped", `^([0-9.]+) s`)
	if err != nil {
		return err
	}
	whole, err := t.number("whole shift", `^([0-9.]+) s`)
	if err != nil {
		return err
	}
	show(newFigure("demo_first_order_shipped", first, "s", 20))
	show(newFigure("demo_60_orders", whole, "s", 30))
	return nil
}

// big gives the figures of the shift with three gateways. takeover is the time
// from the kill of the leader until scans are accepted again; its goal is that
// of the replication design on a LAN with solid-state disks, whose raft clocks
// the demo uses.
func (t resultTable) big(show func(figure)) error {
	whole, err := t.number("whole shift", `^([0-9.]+) s`)
	if err != nil {
		return err
	}
	takeover, err := t.number("power cut", `taking scans again after ([0-9.]+) s`)
	if err != nil {
		return err
	}
	peak, err := t.number("memory, peak", ` ([0-9]+) MB`)
	if err != nil {
		return err
	}
	show(newFigure("demo_200_orders_3_gateways_leader_killed", whole, "s", 120))
	show(newFigure("takeover", takeover, "s", 1))
	show(newFigure("gateway_peak_rss", peak, "MB", 150))
	return nil
}

// play runs the demo as a user would and returns its final table.
func play(ctx context.Context, dir string, flags ...string) (resultTable, error) {
	exe := filepath.Join(dir, "tote")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", exe, "./cmd/tote").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w: %s", err, out)
	}
	args := append([]string{"demo", "--exit", "--speed", "max", "--dir", filepath.Join(dir, "run")}, flags...)
	out, err := exec.CommandContext(ctx, exe, args...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("demo: %w: %s", err, out)
	}
	return readTable(out)
}

// resultTable is the final table of the demo: the text beside each name.
type resultTable map[string]string

// tableTitle is the line above the final table.
const tableTitle = "\nThe shift\n"

var tableRow = regexp.MustCompile(`^  (\S.*?)  +(\S.*)$`)

// readTable finds the final table in what the demo printed.
func readTable(out []byte) (resultTable, error) {
	at := bytes.LastIndex(out, []byte(tableTitle))
	if at < 0 {
		return nil, fmt.Errorf("the demo printed no table: %s", bytes.TrimSpace(out))
	}
	t := resultTable{}
	for line := range bytes.Lines(out[at+len(tableTitle):]) {
		m := tableRow.FindSubmatch(bytes.TrimRight(line, "\r\n"))
		if m == nil {
			break // the table is over
		}
		t[string(m[1])] = string(m[2])
	}
	return t, nil
}

// number reads the number of a row: the group of the pattern, the largest one
// when it matches several times.
func (t resultTable) number(row, pattern string) (float64, error) {
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(t[row], -1)
	if found == nil {
		return 0, fmt.Errorf("the demo says %q of %q; no %s is in that", t[row], row, pattern)
	}
	most := 0.0
	for _, m := range found {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, fmt.Errorf("the demo says %q of %q: %w", t[row], row, err)
		}
		most = max(most, v)
	}
	return most, nil
}
