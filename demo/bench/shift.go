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
	exe := filepath.Join(dir, "tote")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", exe, "./cmd/tote").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	out, err := exec.CommandContext(ctx, exe, "demo", "--exit", "--speed", "max", "--dir", filepath.Join(dir, "run")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("demo: %w: %s", err, out)
	}
	first, err := seconds(out, `first order shipped +([0-9.]+) s`)
	if err != nil {
		return err
	}
	whole, err := seconds(out, `whole shift +([0-9.]+) s`)
	if err != nil {
		return err
	}
	report("demo_first_order_shipped", first, "s", 20)
	report("demo_60_orders", whole, "s", 30)
	return nil
}

func seconds(out []byte, pattern string) (float64, error) {
	m := regexp.MustCompile(pattern).FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("the demo printed no %q: %s", pattern, bytes.TrimSpace(out))
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
