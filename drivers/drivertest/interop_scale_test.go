package drivertest_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/scale"
	"tote/firmware-tests/emulate"
	emuscale "tote/firmware-tests/scale"
)

// startScale runs the driver of a protocol against an emulated scale of it.
func startScale(t *testing.T, name string, settings scale.Settings, protocol string, cfg scale.Config) (*scale.Driver, chan scale.Reading, emulate.Ready) {
	t.Helper()
	dev := emulate.Device{Kind: emulate.Scale, Name: "s", Link: filepath.Join(t.TempDir(), "scale")}
	decimals := 2
	dev.Scale = emuscale.Params{Protocol: protocol, Unit: "kg", Decimals: &decimals, CapacityMg: 60_000_000, SettleMs: 200, UpdateMs: 20, DriftMg: 30_000}
	ready := emulators(t, dev)["s"]
	row, ok := all.Find(name)
	if !ok {
		t.Fatalf("no driver %q", name)
	}
	p, err := row.Scale(settings)
	if err != nil {
		t.Fatal(err)
	}
	readings := make(chan scale.Reading, 10_000)
	cfg.Name, cfg.Protocol, cfg.Open, cfg.Interval = "scale/test", p, serialOpener(t, ready.Path), 10*time.Millisecond
	cfg.Sink = func(r scale.Reading) { readings <- r }
	d, err := scale.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	keep(t, d)
	return d, readings, ready
}

// Every driver of a scale reads the scale that was written apart from it: at
// rest, in motion, over its range, with its zero point moved, and it zeroes it.
func TestScalesAgainstTheirEmulators(t *testing.T) {
	for _, name := range all.Names(all.Scale) {
		protocol, settings := name, scale.Settings{}
		switch name {
		case "regex":
			protocol = "a-and-d"
			settings = scale.Settings{Pattern: `(?:(?P<stable>ST)|US|(?P<overload>OL)),(?P<value>[-+0-9.]+)(?:E\+19| *(?P<unit>kg))`, Ask: "Q\r\n", Zero: "Z\r\n"}
		case "toledo-8213":
			settings.Unit = "kg"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, readings, ready := startScale(t, name, settings, protocol, scale.Config{EmptyMg: 100_000})
			pan := dial(t, ready)
			next := func(what string, ok func(scale.Reading) bool) {
				t.Helper()
				eventually(t, what, func() bool {
					select {
					case r := <-readings:
						return ok(r)
					default:
						return false
					}
				})
			}
			fault := func(name string, on bool) {
				t.Helper()
				if err := pan.Fault(t.Context(), name, on); err != nil {
					t.Fatal(err)
				}
			}
			next("a stable zero", func(r scale.Reading) bool { return r.Stable && r.Zero })
			if err := pan.Put(t.Context(), 12_340_000); err != nil {
				t.Fatal(err)
			}
			moving := name == "toledo-8213" // it tells none
			next("the stable weight", func(r scale.Reading) bool {
				moving = moving || !r.Stable
				if r.Stable && !r.Zero && r.Milligrams != 12_340_000 {
					t.Fatalf("stable at %s", r.Text())
				}
				return r.Stable && !r.Zero
			})
			if !moving {
				t.Error("the weight never moved on its way")
			}
			if name != "kern" && name != "ohaus" { // these only say that there is an error
				fault(emuscale.Overload, true)
				next("overload", func(r scale.Reading) bool { return r.Overload })
				fault(emuscale.Overload, false)
			}
			if err := pan.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			next("zero again", func(r scale.Reading) bool { return r.Stable && r.Zero })
			fault(emuscale.Drift, true)
			next("the moved zero point", func(r scale.Reading) bool { return r.Stable && r.Milligrams == 30_000 })
			err := d.Zero(t.Context())
			if name == "hid" {
				if drivers.CodeOf(err) != drivers.CodeScaleNoCommand {
					t.Errorf("zero: %v", err)
				}
				return
			}
			if err != nil {
				t.Errorf("zero: %v", err)
			}
			next("zero by command", func(r scale.Reading) bool { return r.Stable && r.Zero })
		})
	}
}

// Whatever the line does to it, a driver books nothing but what lies there.
func TestScalesOnABadLine(t *testing.T) {
	for _, name := range []string{"mt-sics", "toledo", "toledo-plain", "nci", "sma", "a-and-d", "kern", "ohaus"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, readings, ready := startScale(t, name, scale.Settings{}, name, scale.Config{})
			pan := dial(t, ready)
			faults := []string{"noise", "split"}
			if name == "toledo" {
				faults = append(faults, emuscale.BadCheck)
			}
			for _, f := range faults {
				if err := pan.Fault(t.Context(), f, true); err != nil {
					t.Fatal(err)
				}
				before := d.Stats()
				eventually(t, "life under "+f, func() bool {
					now := d.Stats()
					return now.Garbage > before.Garbage+5 || now.Readings > before.Readings+5
				})
				if err := pan.Fault(t.Context(), f, false); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "ready", func() bool { return d.Status().State == drivers.Ready })
			for len(readings) > 0 {
				if r := <-readings; r.Stable && !r.Zero {
					t.Errorf("read %s from an empty scale", r.Text())
				}
			}
		})
	}
}

// Drivers recognize their own scale and no other one, and tell who it is where
// that can be asked.
func TestScalesAreTold(t *testing.T) {
	asked := []string{"mt-sics", "nci", "toledo-8213", "sma", "a-and-d", "kern", "ohaus", "toledo", "toledo-plain"}
	rows := map[string]all.Driver{}
	for _, name := range asked {
		rows[name], _ = all.Find(name)
	}
	// Without a checksum one looks like a beginning of the other.
	alike := map[string][]string{"toledo-plain": {"toledo"}}
	dir := t.TempDir()
	var devices []emulate.Device
	for _, real := range asked {
		dev := emulate.Device{Kind: emulate.Scale, Name: real, Link: filepath.Join(dir, real)}
		dev.Scale = emuscale.Params{Protocol: real, SettleMs: 10, UpdateMs: 20}
		devices = append(devices, dev)
	}
	ready := emulators(t, devices...)
	var work sync.WaitGroup
	for _, real := range asked {
		port, err := serialOpener(t, ready[real].Path)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() { // most questions find nobody who understands them: all at once
			defer func() { _ = port.Close() }()
			for _, name := range asked {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				id, err := rows[name].Ask(ctx, port)
				cancel()
				mine := name == real || slices.Contains(alike[name], real)
				if mine != (err == nil) {
					t.Errorf("%s asked as %s: %+v, %v", real, name, id, err)
				}
				if name == real && (name == "mt-sics" || name == "sma") && (id.Serial != "B021002593" || !strings.HasPrefix(id.Model, "TOTE-AL")) {
					t.Errorf("%s is %+v", name, id)
				}
			}
		})
	}
	work.Wait()
}
