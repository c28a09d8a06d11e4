package agent

import (
	"fmt"
	"strings"
	"testing"

	"tote/agent/station"
	"tote/drivers"
	"tote/warehouse"
)

// beeps counts the times the buzzer on a line of a board began to sound.
func (s *site) beeps(board, line string) (n int) {
	s.t.Helper()
	es, err := s.dev[board].Record(s.ctx(), 0)
	s.must(err)
	for _, e := range es {
		if e.Level != nil && e.Level.Line == line && e.Level.High && e.Kind == "output" {
			n++
		}
	}
	return n
}

// TestButtonsAndBuzzers: a station and a dock without a display: a button does
// what its barcode does, and what came of it is heard.
func TestButtonsAndBuzzers(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", door: true, signals: true}
	s.startDevices()
	s.begin()
	s.devicesReady()
	sc, dock := s.screen("station", "pack1"), s.screen("dock", "dock1")
	s.held("pack1/io", "B1", func() {
		if a := sc.answer(warehouse.CodeWrongStep); a.Barcode != station.CodeReprint {
			t.Errorf("%+v", a)
		}
	})
	s.eventually("three beeps for a refusal", func() bool { return s.beeps("pack1/io", "Z1") == 3 })
	s.packed(sc, "O1", s.picked(1, "O1", "A1", 1), 450_000)
	s.eventually("one more for the tote and for the weight", func() bool { return s.beeps("pack1/io", "Z1") >= 4 })

	s.scan("dock1", "]C100"+s.get("O1").Parcels[0].SSCC)
	dock.answer(warehouse.CodeOK)
	s.held("dock1/io", "B2", func() { dock.answer(warehouse.CodeOK) })
	s.wantState("O1", warehouse.OrderShipped)
	s.eventually("two beeps at the dock", func() bool { return s.beeps("dock1/io", "Z2") >= 1 })
}

// held presses a button until something has happened.
func (s *site) held(board, line string, until func()) {
	s.t.Helper()
	s.must(s.dev[board].Level(s.ctx(), line, false))
	until()
	s.must(s.dev[board].Level(s.ctx(), line, true))
}

// TestEStopIsObserved: it is shown until a person resets it, and nothing is done
// about it here.
func TestEStopIsObserved(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", door: true}
	s.more = fmt.Sprintf("estops: [{id: hall1, line: STOP, reset: RESET, gpio: {emulated: %q}}]\n", s.link("dock1/io"))
	s.startDevices()
	s.begin()
	want := func(state drivers.State, code string) {
		t.Helper()
		s.eventually("the emergency stop is "+string(state)+" "+code, func() bool {
			for _, d := range s.gw.agent.status().Devices {
				if d.Name == "estop/hall1" {
					return d.State == string(state) && d.Code == code && d.Text != ""
				}
			}
			return false
		})
	}
	says := func(stopped bool) {
		t.Helper()
		if _, b := s.call("GET", "/", "", ""); strings.Contains(string(b), "EMERGENCY STOP hall1") != stopped {
			t.Errorf("the console says EMERGENCY STOP: %v", !stopped)
		}
	}
	level := func(line string, high bool) { s.must(s.dev["dock1/io"].Level(s.ctx(), line, high)) }
	want(drivers.Degraded, drivers.CodeEStopPressed) // low from the start
	says(true)
	level("STOP", true)
	want(drivers.Degraded, drivers.CodeEStopLatched)
	says(true)
	level("RESET", false)
	want(drivers.Ready, "")
	says(false)
	level("RESET", true)
	level("STOP", false)
	want(drivers.Degraded, drivers.CodeEStopPressed)
	if err := s.gw.agent.isReady(); err != nil {
		t.Errorf("the gateway stopped with it: %v", err)
	}
}
