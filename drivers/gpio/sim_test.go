//go:build linux

package gpio

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/drivers"
)

// The kernel's own simulated chip, through periph and the character device: what
// gpiotest pins and our board cannot show. Made as the kernel's document says,
// Documentation/admin-guide/gpio/gpio-sim.rst:
//
//	mkdir gpio-sim/NAME/bank0/lineY, name and num_lines, live = 1, then
//	/sys/devices/platform/DEV_NAME/CHIP_NAME/sim_gpioY/{pull,value}

const (
	simRoot  = "/sys/kernel/config/gpio-sim"
	simChild = "TOTE_GPIO_SIM" // the directory of the chip's lines in sysfs
)

var simLines = []string{"TOTE-SIM-EYE", "TOTE-SIM-GREEN", "TOTE-SIM-AMBER", "TOTE-SIM-RED"}

// TestOnGPIOSim makes a chip and runs the tests of it in another process: periph
// looks for chips once in the life of one.
func TestOnGPIOSim(t *testing.T) {
	if os.Getenv(simChild) != "" {
		t.Skip("this process is the one that has the chip")
	}
	const unproven = "SKIPPED, NOT PROVEN: lines of the kernel (requests, edges, pulls, levels through periph and the character device); proven here are gpiotest pins and our own board: "
	if os.Getuid() != 0 {
		t.Skip(unproven + "only root makes a gpio-sim chip")
	}
	if _, err := os.Stat(simRoot); err != nil {
		t.Skip(unproven + "this kernel has no gpio-sim, or modprobe gpio-sim was not done: " + err.Error())
	}
	lines := simChip(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestSimulated", "-test.v")
	cmd.Env = append(os.Environ(), simChild+"="+lines)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestSimulatedLines") {
		t.Errorf("%v\n%s", err, out)
	}
}

// simChip makes the chip and gives the directory of its lines.
func simChip(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(simRoot, "tote-test")
	bank := filepath.Join(dir, "bank0")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("gpio-sim: %v", err)
		}
	}
	write := func(file, v string) { t.Helper(); must(os.WriteFile(file, []byte(v), 0)) }
	read := func(file string) string {
		t.Helper()
		b, err := os.ReadFile(file)
		must(err)
		return strings.TrimSpace(string(b))
	}
	var made []string
	mkdir := func(d string) { t.Helper(); must(os.Mkdir(d, 0o755)); made = append(made, d) }
	t.Cleanup(func() {
		if len(made) > 0 {
			_ = os.WriteFile(filepath.Join(dir, "live"), []byte("0"), 0) // not live when it failed before
		}
		for i := len(made) - 1; i >= 0; i-- {
			if err := os.Remove(made[i]); err != nil {
				t.Errorf("gpio-sim stays: %v", err)
			}
		}
	})
	mkdir(dir)
	mkdir(bank)
	write(filepath.Join(bank, "num_lines"), "8")
	for i, name := range simLines {
		l := filepath.Join(bank, "line"+string(rune('0'+i)))
		mkdir(l)
		write(filepath.Join(l, "name"), name)
	}
	write(filepath.Join(dir, "live"), "1")
	return filepath.Join("/sys/devices/platform", read(filepath.Join(dir, "dev_name")), read(filepath.Join(bank, "chip_name")))
}

// TestSimulatedLines is the half of TestOnGPIOSim that has the chip.
func TestSimulatedLines(t *testing.T) {
	lines := os.Getenv(simChild)
	if lines == "" {
		t.Skip("TestOnGPIOSim runs this where it can")
	}
	line := func(n, file string) string { return filepath.Join(lines, "sim_gpio"+n, file) }
	t.Run("input", func(t *testing.T) { simInput(t, line("0", "pull")) })
	t.Run("tower", func(t *testing.T) { simTower(t, line("1", "value"), line("3", "value")) })
	t.Run("no such line", func(t *testing.T) {
		in, err := NewInput(InputConfig{Name: "eye", Open: Machine(), Line: "TOTE-SIM-NONE", Sink: func(Signal) {}})
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Run(t.Context()); !errors.Is(err, ErrNoLine) || !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Run = %v", err)
		}
	})
}

// simInput: a photo-eye follows the level from outside.
func simInput(t *testing.T, pull string) {
	level := func(v string) {
		t.Helper()
		if err := os.WriteFile(pull, []byte(v), 0); err != nil {
			t.Fatal(err)
		}
	}
	level("pull-up")
	signals := make(chan bool, 64)
	in, err := NewInput(InputConfig{
		Name: "eye", Open: Machine(), Line: simLines[0], ActiveLow: true, Pull: PullNone,
		Sink: func(s Signal) { signals <- s.Active },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	want := func(active bool) {
		t.Helper()
		select {
		case got := <-signals:
			if got != active {
				t.Fatalf("active %v, want %v", got, active)
			}
		case err := <-done:
			t.Fatalf("Run = %v", err)
		case <-time.After(10 * time.Second):
			t.Fatalf("no signal; want active %v", active)
		}
	}
	want(false)
	for range 5 {
		level("pull-down")
		want(true)
		level("pull-up")
		want(false)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// simTower: red until somebody says otherwise, green when it is said, red again
// when the gateway stops.
func simTower(t *testing.T, green, red string) {
	tw, err := NewTower(TowerConfig{Name: "tower", Open: Machine(), Green: simLines[1], Amber: simLines[2], Red: simLines[3]})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- tw.Run(ctx) }()
	// eventually polls: the kernel tells nobody of a change of these files.
	eventually := func(what, g, r string) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		late := time.After(10 * time.Second)
		for {
			a, errA := os.ReadFile(green)
			b, errB := os.ReadFile(red)
			if errA == nil && errB == nil && strings.TrimSpace(string(a)) == g && strings.TrimSpace(string(b)) == r {
				return
			}
			select {
			case <-tick.C:
			case <-late:
				t.Fatalf("%s: green %q red %q, %v %v", what, a, b, errA, errB)
			}
		}
	}
	eventually("before the first Set", "0", "1")
	tw.Set(LightOK)
	eventually("work goes on", "1", "0")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}
