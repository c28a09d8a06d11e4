package agent

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/agent/config"
	"tote/fleet"
	"tote/fleet/conveyor"
	"tote/fleet/intent"
	"tote/mqtt"
	"tote/warehouse"
	"tote/web"
)

func TestRobotRow(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		in     fleet.RobotStatus
		leader string
		want   web.Robot
	}{
		"at work": {
			fleet.RobotStatus{ID: "R1", State: fleet.StateMoving, Since: at, Job: "TR000004-2", Target: "pack1", Loads: []string{"T1"}, Battery: 80, Charging: true},
			"",
			web.Robot{ID: "R1", State: "moving", Since: at, Job: "transport TR000004", Target: "pack1", Loads: []string{"T1"}, Battery: 80, Charging: true, Broker: "this gateway"},
		},
		"at fault": {
			fleet.RobotStatus{ID: "R1", State: fleet.StateFault, Since: at, Code: fleet.CodePlace, Text: "off the map", Job: "PK-b1f-SO-1/2/1", Broker: 1},
			"",
			web.Robot{ID: "R1", State: "fault", Since: at, Bad: true, Code: fleet.CodePlace, Text: "off the map", Job: "pick SO-1/2/1", Broker: "another gateway"},
		},
		"never heard of": {
			fleet.RobotStatus{ID: "R1", State: fleet.StateAbsent, Since: at, Code: fleet.CodeAbsent, Text: "never heard of", Battery: -1, Broker: -1},
			"gw2",
			web.Robot{ID: "R1", State: "absent", Since: at, Bad: true, Code: fleet.CodeAbsent, Text: "never heard of", Battery: -1},
		},
		"waits for another": {
			fleet.RobotStatus{ID: "R1", State: fleet.StateWaiting, Since: at, Code: fleet.CodeWaits, Text: "for node A", Job: "FIN-b1"},
			"",
			web.Robot{ID: "R1", State: "waiting", Since: at, Code: fleet.CodeWaits, Text: "for node A", Job: "bring its totes to the pack drop", Broker: "this gateway"},
		},
		"idle with a fault": {
			fleet.RobotStatus{ID: "R1", State: fleet.StateIdle, Since: at, Code: fleet.CodeLoaded, Job: "other"},
			"",
			web.Robot{ID: "R1", State: "idle", Since: at, Bad: true, Code: fleet.CodeLoaded, Job: "other", Broker: "this gateway"},
		},
		"commanded elsewhere": {
			fleet.RobotStatus{ID: "R1", State: fleet.StateHolding, Since: at, Text: "this gateway does not lead"},
			"gw2",
			web.Robot{ID: "R1", State: "idle", Text: "gw2 commands it", Broker: "this gateway"},
		},
		"commanded elsewhere, at work": {
			fleet.RobotStatus{ID: "R1", State: fleet.StateHolding, Since: at, Job: "TR000004-2"},
			"gw2",
			web.Robot{ID: "R1", State: "at work", Text: "gw2 commands it", Job: "transport TR000004", Broker: "this gateway"},
		},
		"no quorum": {
			fleet.RobotStatus{ID: "R1", State: fleet.StateHolding, Since: at, Text: "nothing is sent"},
			"",
			web.Robot{ID: "R1", State: "holding", Since: at, Text: "nothing is sent", Broker: "this gateway"},
		},
	} {
		if d := cmp.Diff(c.want, robotRow(c.in, c.leader)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestConveyorRows(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	running := conveyor.Status{Device: "c1", Online: true, Since: at, Mode: conveyor.ModeAuto}
	with := func(change func(*conveyor.Status)) conveyor.Status {
		s := running
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		heard conveyor.Status
		alone bool
		want  web.Conveyor // ID, Since and Heard are filled in
	}{
		"running":         {running, true, web.Conveyor{State: "running"}},
		"by hand":         {with(func(s *conveyor.Status) { s.Mode = conveyor.ModeManual }), true, web.Conveyor{State: "run by hand", Warn: true}},
		"emergency stop":  {with(func(s *conveyor.Status) { s.Mode = conveyor.ModeEStop }), true, web.Conveyor{State: "emergency stop", Bad: true}},
		"at fault":        {with(func(s *conveyor.Status) { s.Mode = conveyor.ModeFault }), true, web.Conveyor{State: "fault", Bad: true}},
		"its state asked": {with(func(s *conveyor.Status) { s.Waiting = true }), true, web.Conveyor{State: "asked for its state", Warn: true}},
		"an alarm":        {with(func(s *conveyor.Status) { s.Alarms = []conveyor.Alarm{{ID: "1"}} }), true, web.Conveyor{State: "running", Warn: true}},
		"a section":       {with(func(s *conveyor.Status) { s.Sections = []conveyor.Section{{ID: "in", State: conveyor.SectionFault}} }), true, web.Conveyor{State: "running, section in stands", Bad: true, Warn: true}},
		"offline":         {with(func(s *conveyor.Status) { s.Online = false }), true, web.Conveyor{State: "offline", Bad: true}},
		"elsewhere": {
			with(func(s *conveyor.Status) { s.Online, s.Mode = false, conveyor.ModeEStop }), false,
			web.Conveyor{State: "not on this gateway", Warn: true},
		},
		"cartons": {
			with(func(s *conveyor.Status) {
				s.OnBelt = 2
				s.Recent = []conveyor.Carton{{}, {Barcode: "]C100395212340000000014", Actual: "L1", Result: "OK", At: at}}
				s.Lanes = []conveyor.Lane{{ID: "L1", Enabled: true, Full: 40, Count: 3}, {ID: "L3"}}
				s.ByLane = []conveyor.LaneCount{{Lane: "L1", N: 7}, {Lane: "L2", N: 1}}
				s.Faults = []conveyor.FaultCount{{Code: conveyor.CodeJam, N: 2, Last: at, Text: "track 3"}}
			}), true,
			web.Conveyor{
				State: "running", OnBelt: 2, Last: &web.Carton{Barcode: "395212340000000014", Lane: "L1", Result: "OK", At: at},
				Lanes:  []web.Lane{{ID: "L1", Cartons: 7, Waiting: 3, Full: 40}, {ID: "L2", Cartons: 1, Full: -1}, {ID: "L3", Off: true}},
				Faults: []web.MachineFault{{Code: conveyor.CodeJam, Text: "track 3", N: 2, Last: at}},
			},
		},
	} {
		c.want.ID, c.want.Since, c.want.Heard = "c1", at, true
		got := conveyorRows([]config.Conveyor{{ID: "c1"}}, []conveyor.Status{c.heard}, c.alone)
		if d := cmp.Diff([]web.Conveyor{c.want}, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	// Those that were never heard of are there too, and so is one that nobody
	// configured.
	got := conveyorRows([]config.Conveyor{{ID: "c0"}}, []conveyor.Status{running}, true)
	if len(got) != 2 || got[0].State != "never heard of" || !got[0].Bad || got[1].ID != "c1" {
		t.Errorf("%+v", got)
	}
	if got := conveyorRows([]config.Conveyor{{ID: "c0"}}, nil, false); got[0].Bad || !got[0].Warn {
		t.Errorf("it may be on another gateway: %+v", got)
	}
}

// Every mode has its words, so that none is shown as nothing.
func TestConveyorModesHaveWords(t *testing.T) {
	for _, m := range conveyor.Modes() {
		if conveyorModes[m].word == "" {
			t.Errorf("mode %s", m)
		}
	}
	for _, f := range conveyor.Faults() {
		if conveyorAction(f.Code) != f.Action {
			t.Errorf("%s: %q", f.Code, conveyorAction(f.Code))
		}
	}
}

// The log names the action too: who reads it at night has no table at hand.
func TestConveyorFaultIsLoggedWithItsAction(t *testing.T) {
	var log bytes.Buffer
	a := &Agent{log: slog.New(slog.NewTextHandler(&log, nil))}
	c, err := a.newConveyors()
	if err != nil {
		t.Fatal(err)
	}
	c.State("cv1", conveyor.NameConn, []byte("garbage"))
	if want := conveyorAction(conveyor.CodeMalformed); want == "" || !strings.Contains(log.String(), conveyor.CodeMalformed) || !strings.Contains(log.String(), want) {
		t.Errorf("%s", log.String())
	}
}

// nobody is a broker without robots.
type nobody struct{}

func (nobody) Subscribe(context.Context, mqtt.Subscription) error      { return nil }
func (nobody) PublishQoS0(context.Context, string, []byte, bool) error { return nil }
func (nobody) Next(context.Context, string) (fleet.Job, bool, error)   { return fleet.Job{}, false, nil }
func (nobody) Report(context.Context, fleet.Progress) error            { return nil }
func (nobody) view(func(r intent.Reader) error) error                  { return nil }
func (nobody) propose(context.Context, intent.Command) (intent.Result, error) {
	return intent.Result{OK: true}, nil
}

// A robot that never spoke and a carton without a code are on the page with
// code, cause and action in words.
func TestConsoleShowsMachineFaults(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	s.lanes()
	m, err := fleet.New(fleet.Config{
		Log: slog.New(slog.DiscardHandler), Clients: []fleet.Client{nobody{}}, Jobs: nobody{}, View: nobody{}.view, Propose: nobody{}.propose,
		NewID: cmdID, Leading: func() bool { return true }, Changed: func() {},
		Map:    fleet.Map{ID: "floor", Nodes: []fleet.Node{{ID: "P", X: 0, Y: 0}, {ID: "Q", X: 2000, Y: 0}}, Edges: []fleet.Edge{{From: "P", To: "Q"}}},
		Robots: []fleet.RobotConfig{{ID: "R1", Manufacturer: "KIT", Serial: "R1", Park: "P"}},
	})
	s.must(err)
	s.gw.agent.robots.Store(m)
	s.background(m.Run)
	c, book := s.conveyor()
	s.must(c.Induct("", "NOREAD"))
	s.diverted(c, book, 1)
	shown := func(words ...string) func() bool {
		return func() bool {
			_, page := s.call("GET", "/", "", "")
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(string(page), w) })
		}
	}
	s.eventually("the robot", shown("R1", fleet.CodeAbsent, "Switch it on; check its Wi-Fi", "Not on the map:", "a person: R1"))
	s.eventually("the conveyor", shown("cv1", "running", "no code", conveyor.CodeNoRead, "clean and align the scanner", warehouse.CodeNoRead, "L9 <b>1</b>"))
}
