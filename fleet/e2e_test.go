package fleet_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tote/agent/broker"
	"tote/firmware-tests/record"
	"tote/firmware-tests/robot"
	"tote/fleet"
	"tote/fleet/intent"
)

// The master and two emulated robots over the real broker, each sharing nothing
// with the other but the standard.

const limit = 30 * time.Second // nothing waits that long when all is well

type noCommands struct{}

func (noCommands) Command(context.Context, broker.Device, string, []byte) error { return nil }

// floor is one site.
type floor struct {
	t      *testing.T
	url    string
	broker *broker.Broker
	robots map[string]*robot.Robot
	books  map[string]*record.Book
	master *fleet.Master
	store  *fleet.TestStore
	stop   context.CancelFunc
	ended  chan struct{}

	mu       sync.Mutex
	assigned map[string]fleet.Job
	legs     map[string]string
	outcome  map[string]string
	texts    map[string]string
}

func (f *floor) Next(_ context.Context, id string) (fleet.Job, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	job, ok := f.assigned[id]
	job.Legs = slices.DeleteFunc(slices.Clone(job.Legs), func(l fleet.Leg) bool { return f.legs[job.ID+"/"+l.ID] != "" })
	return job, ok, nil
}

func (f *floor) Report(_ context.Context, p fleet.Progress) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Leg != "" {
		f.legs[p.Job+"/"+p.Leg], f.texts[p.Job+"/"+p.Leg] = p.State, p.Text
		return nil
	}
	f.outcome[p.Job] = strings.TrimSuffix(p.State+"/"+p.Code, "/")
	if f.assigned[p.Robot].ID == p.Job {
		delete(f.assigned, p.Robot)
	}
	return nil
}

func (f *floor) give(id string, job fleet.Job) {
	f.mu.Lock()
	f.assigned[id] = job
	f.mu.Unlock()
	f.master.Kick()
}

func (f *floor) said(job string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outcome[job]
}

func (f *floor) status(id string) fleet.RobotStatus {
	for _, s := range f.master.Status() {
		if s.ID == id {
			return s
		}
	}
	return fleet.RobotStatus{}
}

func (f *floor) until(what string, cond func() bool) {
	f.t.Helper()
	for end := time.Now().Add(limit); !cond(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatalf("never: %s\n%+v", what, f.master.Status())
		}
	}
}

func plan() fleet.Map {
	return fleet.Map{
		ID:    "floor",
		Nodes: []fleet.Node{{"A", 0, 0}, {"B", 3000, 0}, {"C", 6000, 0}, {"P1", 0, 3000}, {"P2", 3000, 3000}},
		Edges: []fleet.Edge{{From: "A", To: "B"}, {From: "B", To: "C"}, {From: "P1", To: "A"}, {From: "P2", To: "B"}},
	}
}

func newFloor(t *testing.T, change func(*robot.Params)) *floor {
	t.Helper()
	b, err := broker.New(broker.Config{Listen: []broker.Listener{{Address: "127.0.0.1:0"}}, Site: "s1"}, noCommands{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	f := &floor{
		t: t, url: "tcp://" + b.Addr(), broker: b, robots: map[string]*robot.Robot{}, books: map[string]*record.Book{}, store: fleet.NewTestStore(t),
		assigned: map[string]fleet.Job{}, legs: map[string]string{}, outcome: map[string]string{}, texts: map[string]string{},
	}
	for i, at := range []fleet.Node{{"P1", 0, 3000}, {"P2", 3000, 3000}} {
		id := fmt.Sprint("R", i+1)
		p := robot.Params{Brokers: []string{f.url}, Manufacturer: "KIT", Serial: id, Node: at.ID, X: at.X, Y: at.Y, SpeedMmS: 2000, Factor: 50, StateMs: 50, ActionMs: 500}
		if i == 0 && change != nil {
			change(&p)
		}
		book, err := record.Open(id, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := robot.New(p, book)
		if err != nil {
			t.Fatal(err)
		}
		f.robots[id], f.books[id] = r, book
		background(t, func(ctx context.Context) error { return r.Run(ctx) })
	}
	f.lead("gw1")
	return f
}

func background(t *testing.T, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// lead makes a gateway the master.
func (f *floor) lead(gateway string) {
	f.t.Helper()
	link := f.broker.Link()
	background(f.t, link.Run)
	var ids atomic.Uint64
	m, err := fleet.New(fleet.Config{
		Log: slog.New(slog.DiscardHandler), Clients: []fleet.Client{link}, View: f.store.View, Jobs: f, Map: plan(),
		Propose: func(ctx context.Context, c intent.Command) (intent.Result, error) { return f.store.Propose(ctx, c) },
		Leading: func() bool { return true },
		Robots: []fleet.RobotConfig{
			{ID: "R1", Manufacturer: "KIT", Serial: "R1", Park: "P1"}, {ID: "R2", Manufacturer: "KIT", Serial: "R2", Park: "P2"},
		},
		NewID:  func() string { return fmt.Sprint(gateway, "-", ids.Add(1)) },
		Timing: fleet.Timing{Echo: 200 * time.Millisecond, Silence: 400 * time.Millisecond, Lost: 1500 * time.Millisecond, FailAfter: 500 * time.Millisecond, Ask: 50 * time.Millisecond},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = m.Run(ctx) }()
	f.master, f.ended = m, ended
	f.stop = func() { cancel(); <-ended }
	f.t.Cleanup(f.stop)
}

func carry(id, from, to string) fleet.Job {
	load := []fleet.Param{{Key: "loadId", Value: "T-" + id}}
	return fleet.Job{ID: id, Kind: "transport", Legs: []fleet.Leg{
		{ID: "pick", Node: from, Action: "pick", Params: load}, {ID: "drop", Node: to, Action: "drop", Params: load},
	}}
}

// acted lists what a robot did, from its own record.
func (f *floor) acted(id string) (out []string) {
	for _, e := range f.books[id].After(0) {
		if e.Kind == record.Acted {
			out = append(out, fmt.Sprint(e.Action.Type, "@", e.Action.Node, "=", e.Action.Result, e.Action.Loads))
		}
	}
	return out
}

func TestTwoRobotsCarry(t *testing.T) {
	f := newFloor(t, nil)
	f.give("R1", carry("J1", "C", "A"))
	f.give("R2", carry("J2", "A", "C"))
	f.until("both done", func() bool { return f.said("J1") == fleet.JobDone && f.said("J2") == fleet.JobDone })
	f.until("both home", func() bool {
		return f.status("R1").State == fleet.StateIdle && f.status("R2").State == fleet.StateIdle
	})
	if got := fmt.Sprint(f.acted("R1")); got != "[pick@C=FINISHED[T-J1] drop@A=FINISHED[]]" {
		t.Errorf("R1 did %s", got)
	}
	if s := f.status("R1"); s.Node != "P1" || !s.Known || s.X != 0 || s.Y != 3000 || s.Battery != 90 || s.Broker != 0 {
		t.Errorf("status %+v", s)
	}
	if n := f.store.Holds(); n != 2 {
		t.Errorf("%d nodes are held, want the two park nodes", n)
	}
}

// A picking robot: the world decides what was in the bin; what it says comes back
// word for word.
func TestPickingRobot(t *testing.T) {
	f := newFloor(t, func(p *robot.Params) { p.ExternalActions = true })
	pick := func(id, node string) fleet.Job {
		return fleet.Job{ID: id, Kind: "pick", Legs: []fleet.Leg{{ID: "task", Node: node, Action: "pick", Params: []fleet.Param{
			{Key: "bin", Value: "A-01"}, {Key: "sku", Value: "S1"}, {Key: "qty", Value: 2}, {Key: "task", Value: id},
		}}}}
	}
	answer := func(result, text string) record.Action {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		as := f.robots["R1"].Actions(ctx)
		if len(as) != 1 {
			t.Fatalf("actions %+v", as)
		}
		if err := f.robots["R1"].FinishAction(as[0].ID, result, text); err != nil {
			t.Fatal(err)
		}
		return as[0]
	}
	f.give("R1", pick("J1", "B"))
	if a := answer("FINISHED", "2 of 2"); a.Node != "B" || a.Params["sku"] != "S1" || a.Params["qty"] != 2.0 {
		t.Errorf("action %+v", a)
	}
	f.until("picked", func() bool { return f.said("J1") == fleet.JobDone })
	f.give("R1", pick("J2", "C"))
	answer("FAILED", "bin is empty")
	f.until("short", func() bool { return f.said("J2") == "JOB_FAILED/"+fleet.CodeAction })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.texts["J1/task"] != "2 of 2" || f.texts["J2/task"] != "bin is empty" {
		t.Errorf("texts %v", f.texts)
	}
}

// Another gateway takes over in the middle of a leg.
func TestTakeOver(t *testing.T) {
	f := newFloor(t, func(p *robot.Params) { p.ExternalActions = true })
	f.give("R1", carry("J1", "C", "A"))
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	as := f.robots["R1"].Actions(ctx)
	f.stop()
	if err := f.robots["R1"].FinishAction(as[0].ID, "FINISHED", ""); err != nil {
		t.Fatal(err)
	}
	f.lead("gw2")
	as = f.robots["R1"].Actions(ctx)
	if len(as) != 1 || as[0].Type != "drop" {
		t.Fatalf("the next action: %+v", as)
	}
	if err := f.robots["R1"].FinishAction(as[0].ID, "FINISHED", ""); err != nil {
		t.Fatal(err)
	}
	f.until("done", func() bool { return f.said("J1") == fleet.JobDone })
	if got := fmt.Sprint(f.acted("R1")); got != "[pick@C=FINISHED[T-J1] drop@A=FINISHED[]]" {
		t.Errorf("R1 did %s", got)
	}
}

// Bad robots, by the emulator's faults: a code, and the other one works on.
func TestBadRobots(t *testing.T) {
	for name, tc := range map[string]struct {
		fault, code string
		works       bool // R1 does its job all the same
	}{
		"wrong version":       {robot.WrongVersion, fleet.CodeVersion, false},
		"vanishes":            {robot.Vanish, fleet.CodeLost, false},
		"silent":              {robot.Silent, fleet.CodeLost, false},
		"impossible place":    {robot.ImpossiblePlace, fleet.CodePlace, false},
		"two with one serial": {robot.Twin, fleet.CodeTwice, false},
		"manual":              {robot.Manual, fleet.CodeMode, false},
		"fatal error":         {robot.FatalError, fleet.CodeError, false},
		"low battery":         {robot.LowBattery, fleet.CodeBattery, false},
		"garbage":             {robot.Garbage, fleet.CodeMalformed, true},
		"rejects":             {robot.RejectOrders, fleet.CodeRejected, false},
		"loses orders":        {robot.DropOrders, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFloor(t, nil)
			f.until("both there", func() bool {
				return f.status("R1").State == fleet.StateIdle && f.status("R2").State == fleet.StateIdle
			})
			if err := f.robots["R1"].SetFault(tc.fault, true); err != nil {
				t.Fatal(err)
			}
			if tc.code == fleet.CodeRejected {
				f.give("R1", carry("J1", "A", "B"))
			}
			if tc.code != "" {
				f.until("the code "+tc.code, func() bool { return f.status("R1").Code == tc.code })
			}
			f.give("R2", carry("J2", "C", "B"))
			f.until("R2 is done", func() bool { return f.said("J2") == fleet.JobDone })
			if tc.works {
				f.give("R1", carry("J1", "A", "B"))
				f.until("R1 is done", func() bool { return f.said("J1") == fleet.JobDone })
			}
		})
	}
}
