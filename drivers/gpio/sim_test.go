package gpio

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// gpioSim is where the kernel's simulated GPIO chips are made (module gpio-sim,
// Documentation/admin-guide/gpio/gpio-sim.rst of the kernel).
const gpioSim = "/sys/kernel/config/gpio-sim"

// A line of the kernel itself, where the machine lets us make one.
func TestAgainstGPIOSim(t *testing.T) {
	const none = "NO GPIO-SIM HERE: %v. Lines of the kernel are not tried on this machine; gpiotest pins and emulated lines are"
	if _, err := os.Stat(gpioSim); err != nil {
		t.Skipf(none, err)
	}
	chip, eye := filepath.Join(gpioSim, "tote"), filepath.Join(gpioSim, "tote/bank/line0")
	live := filepath.Join(chip, "live")
	put := func(file, text string) error { return os.WriteFile(file, []byte(text), 0o600) }
	t.Cleanup(func() { // from the inside out: they are no ordinary folders
		_ = put(live, "0")
		for _, dir := range []string{eye, filepath.Dir(eye), chip} {
			_ = os.Remove(dir)
		}
	})
	for _, do := range []func() error{
		func() error { return os.MkdirAll(eye, 0o700) },
		func() error { return put(filepath.Join(filepath.Dir(eye), "num_lines"), "1") },
		func() error { return put(filepath.Join(eye, "name"), "TOTE_EYE") },
		func() error { return put(live, "1") },
	} {
		if err := do(); err != nil {
			t.Skipf(none, err)
		}
	}
	pulls, err := filepath.Glob("/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio0/pull")
	if err != nil || len(pulls) != 1 {
		t.Skipf(none, pulls)
	}
	told := make(chan bool, 16)
	in, err := NewInput(InputConfig{Name: "eye", Open: Machine(), Line: "TOTE_EYE", Pull: PullNone, Sink: func(s Signal) { told <- s.Active }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	for i, level := range []string{"pull-down", "pull-up", "pull-down"} {
		if err := put(pulls[0], level); err != nil {
			t.Fatal(err)
		}
		for want := i == 1; ; { // the level at the start may be told first
			select {
			case got := <-told:
				if got != want {
					continue
				}
			case err := <-ended:
				t.Fatalf("%s: %v", level, err)
			case <-time.After(10 * time.Second):
				t.Fatalf("%s is not told: %+v", level, in.Status())
			}
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
