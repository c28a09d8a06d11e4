package fleet

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tote/fleet/intent"
	"tote/fleet/vda5050"
)

// inWorld runs a test in a world of two robots with a master at work.
func inWorld(t *testing.T, robots int, change func(*world), do func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, robots)
		if change != nil {
			change(w)
		}
		w.start()
		do(w)
		w.stop()
	})
}

// shows waits until a robot is shown with a code.
func (w *world) shows(robot, code string, limit time.Duration) RobotStatus {
	w.t.Helper()
	w.until(limit, robot+" shows "+code, func() bool { return w.status(robot).Code == code })
	s := w.status(robot)
	if s.Action == "" || s.Text == "" || s.Since.IsZero() {
		w.t.Errorf("%s: no text, action or time: %+v", code, s)
	}
	return s
}

// othersWork sends the second robot on a job and waits until it is done.
func (w *world) othersWork(id string) {
	w.t.Helper()
	w.jobs.mu.Lock()
	job := transport(id, "D", "F")
	w.jobs.assigned["R2"] = &job
	w.jobs.mu.Unlock()
	w.until(3*time.Minute, "the other robot works on", func() bool { return w.jobs.of(id) == JobDone })
}

// send publishes a raw message of a robot.
func (w *world) send(serial, name string, raw string) {
	w.mu.Lock()
	subs := w.subs
	w.mu.Unlock()
	topic := "uagv/v2/KIT/" + serial + "/" + name
	for _, s := range subs {
		if strings.HasSuffix(s.Filter, "/"+name) {
			s.Handler(w.t.Context(), message(topic, raw))
		}
	}
}

func (w *world) with(fn func()) { w.mu.Lock(); defer w.mu.Unlock(); fn() }

func TestRobotVanishes(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.jobs.add(transport("J1", "E", "F"))
		w.until(time.Minute, "R1 drives", func() bool { return w.bots[0].to != "" })
		w.with(func() { w.bots[0].dead = true })
		held := w.store.robot("R1").Nodes
		s := w.shows("R1", CodeLost, 40*time.Second)
		if s.State != StateLost || w.jobs.of("J1") != "" {
			t.Errorf("lost: %+v, job %q", s, w.jobs.of("J1"))
		}
		w.until(2*time.Minute, "its job has failed", func() bool { return w.jobs.of("J1") == "JOB_FAILED/"+CodeLost })
		w.until(time.Second, "its order is closed", func() bool { return w.store.robot("R1").Open == nil })
		if got := w.store.robot("R1"); !slices.Equal(got.Nodes, held) {
			t.Errorf("what it holds must stay held: %v, was %v", got.Nodes, held)
		}
		// It comes back in the middle of the order that was given up: that
		// order ends before it gets another one.
		w.with(func() { w.bots[0].dead = false })
		w.jobs.add(transport("J2", "C", "A"))
		w.until(3*time.Minute, "it works again", func() bool { return w.jobs.of("J2") == JobDone })
		if n := w.effects["J1/pick"]; n != 0 {
			t.Errorf("the job given up was done %d times", n)
		}
	})
}

func TestConnectionBreaks(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.until(time.Minute, "idle", func() bool { return w.status("R1").State == StateIdle })
		w.with(func() { w.bots[0].dead = true })
		w.run(time.Second) // what it said before arrives before its will
		w.send("S1", "connection", `{"headerId":0,"timestamp":"2000-01-01T00:00:00.00Z","version":"2.0.0","manufacturer":"KIT","serialNumber":"S1","connectionState":"CONNECTIONBROKEN"}`)
		began := time.Now()
		w.shows("R1", CodeLost, time.Minute)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("lost after %v only", took)
		}
		// The robot never says ONLINE again: its state is enough.
		w.with(func() { w.bots[0].dead = false })
		w.until(5*time.Second, "back by its state", func() bool { return w.status("R1").State == StateIdle })
	})
}

func TestRobotSpeaksAnotherVersion(t *testing.T) {
	inWorld(t, 2, func(w *world) { w.cfg.Robots[0].Version = "2.1.0" }, func(w *world) {
		w.shows("R1", CodeVersion, time.Minute)
		w.othersWork("J1")
		w.with(func() {
			if len(w.bodies) == 0 || strings.Contains(fmt.Sprint(slices.Collect(maps.Keys(w.bodies))), "S1") {
				t.Error("it was given an order")
			}
		})
	})
}

func TestImpossiblePlace(t *testing.T) {
	for name, change := range map[string]func(*world){
		"unknown node": func(w *world) { w.bots[0].node = "nowhere" },
		"another's node": func(w *world) { // two robots cannot stand on one node
			w.bots[0].node = "P2"
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 2, change, func(w *world) {
				w.until(time.Minute, "the second robot is there", func() bool { return w.status("R2").Node == "P2" })
				w.until(time.Minute, "one is misplaced", func() bool {
					return w.status("R1").Code == CodePlace || w.status("R2").Code == CodePlace
				})
			})
		})
	}
	t.Run("outside", func(t *testing.T) {
		inWorld(t, 2, nil, func(w *world) {
			w.until(time.Minute, "idle", func() bool { return w.status("R1").State == StateIdle })
			w.with(func() { w.bots[0].dead = true })
			w.cfg.Map.Nodes[0].X = 0
			st := w.bots[0].state(time.Now())
			st["agvPosition"] = map[string]any{"x": 1e6, "y": 0, "theta": 0, "mapId": "floor", "positionInitialized": true}
			w.send("S1", "state", encode(st))
			w.shows("R1", CodePlace, 5*time.Second)
			st["headerId"], st["agvPosition"] = w.bots[0].header, map[string]any{"x": 0, "y": 2, "theta": 0, "mapId": "roof", "positionInitialized": true}
			w.send("S1", "state", encode(st))
			w.until(5*time.Second, "on another map", func() bool { return strings.Contains(w.status("R1").Text, "roof") })
			w.othersWork("J1")
		})
	})
	t.Run("off its way", func(t *testing.T) {
		inWorld(t, 2, nil, func(w *world) {
			w.jobs.add(transport("J1", "A", "A"))
			w.until(time.Minute, "R1 acts", func() bool { return w.bots[0].running != nil })
			w.with(func() { w.bots[0].node, w.bots[0].dead = "F", false })
			w.shows("R1", CodePlace, 10*time.Second)
		})
	})
}

func TestTwoDevicesWithOneSerial(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.until(time.Minute, "idle", func() bool { return w.status("R1").State == StateIdle })
		twin := &bot{w: w, id: "twin", serial: "S1", node: "P1", header: 5000}
		for i := 0; w.status("R1").Code != CodeTwice; i++ {
			if i > 20 {
				t.Fatal("never noticed")
			}
			w.run(700 * time.Millisecond)
			w.send("S1", "state", encode(twin.state(time.Now())))
		}
		w.othersWork("J1")
		w.until(2*time.Minute, "the twin is gone", func() bool { return w.status("R1").State == StateIdle })
	})
}

func TestOtherThingsThatKeepARobotFromWork(t *testing.T) {
	for _, tc := range []struct {
		code   string
		change func(st map[string]any)
	}{
		{CodeMode, func(st map[string]any) { st["operatingMode"] = "SERVICE" }},
		{CodeError, func(st map[string]any) {
			st["errors"] = []map[string]any{{"errorType": "motor", "errorLevel": "FATAL", "errorDescription": "too hot"}}
		}},
		{CodeStopped, func(st map[string]any) {
			st["safetyState"] = map[string]any{"eStop": "MANUAL", "fieldViolation": false}
		}},
		{CodeBattery, func(st map[string]any) { st["batteryState"] = map[string]any{"batteryCharge": 12, "charging": false} }},
		{CodeOrder, func(st map[string]any) {
			st["orderId"], st["nodeStates"] = "theirs", []map[string]any{{"nodeId": "A", "sequenceId": 2, "released": true}}
		}},
	} {
		t.Run(tc.code, func(t *testing.T) {
			inWorld(t, 2, nil, func(w *world) {
				w.until(time.Minute, "idle", func() bool { return w.status("R1").State == StateIdle })
				w.with(func() { w.bots[0].dead = true })
				w.jobs.mu.Lock()
				job := transport("J0", "A", "B")
				w.jobs.assigned["R1"] = &job
				w.jobs.mu.Unlock()
				for range 20 {
					st := w.bots[0].state(time.Now())
					tc.change(st)
					w.send("S1", "state", encode(st))
					w.run(200 * time.Millisecond)
				}
				w.shows("R1", tc.code, time.Second)
				if tc.code == CodeOrder {
					if h := w.store.robot("R1").Nodes; !slices.Contains(h, "A") {
						t.Errorf("the way of a foreign order is not held: %v", h)
					}
				}
				w.with(func() { w.bots[0].dead = false })
				if tc.code == CodeBattery {
					w.until(time.Minute, "its job was given back", func() bool { return w.jobs.of("J0") == "JOB_FAILED/"+tc.code })
				} else {
					w.until(3*time.Minute, "well again", func() bool { return w.jobs.of("J0") == JobDone })
				}
			})
		})
	}
}

func TestGarbage(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.until(time.Minute, "idle", func() bool { return w.status("R1").State == StateIdle })
		for _, raw := range []string{
			"", "{", "\x00\xff", "[]", "null", `{"headerId":"x"}`, `{"headerId":-1}`, strings.Repeat("[", 1000),
			`{"headerId":1,"timestamp":"t","version":"2.0.0","manufacturer":"OTHER","serialNumber":"S1"}`, strings.Repeat(" ", 70_000),
		} {
			for _, name := range []string{"state", "connection", "factsheet"} {
				w.send("S1", name, raw)
			}
		}
		w.send("nobody", "state", "{}")
		w.shows("R1", CodeMalformed, time.Second)
		w.othersWork("J1")
		w.until(time.Minute, "forgotten", func() bool { return w.status("R1").Code == "" })
	})
}

func TestOrderRejected(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.with(func() { w.bots[0].reject = true })
		w.jobs.add(transport("J1", "E", "F"))
		w.until(2*time.Minute, "the job has failed", func() bool { return w.jobs.of("J1") == "JOB_FAILED/"+CodeRejected })
		w.shows("R1", CodeRejected, time.Minute)
		sent := w.orders()
		w.run(time.Minute)
		if w.orders() != sent {
			t.Errorf("%d orders more to a robot that rejects them", w.orders()-sent)
		}
		w.with(func() { w.bots[0].reject = false })
		if err := w.master.Clear("R1"); err != nil {
			t.Fatal(err)
		}
		w.jobs.mu.Lock()
		job := transport("J2", "E", "F")
		w.jobs.assigned["R1"] = &job
		w.jobs.mu.Unlock()
		w.until(2*time.Minute, "it works again", func() bool { return w.jobs.of("J2") == JobDone })
		if w.master.Clear("R9") == nil || w.master.Gone("R9") == nil {
			t.Error("commands to a robot nobody knows")
		}
	})
}

func TestActionFails(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		w.with(func() { w.bots[0].pick = func(a vda5050.Action) bool { return a.ActionType != vda5050.ActionDrop } })
		w.jobs.add(transport("J1", "E", "F"))
		w.until(2*time.Minute, "the job has failed", func() bool { return w.jobs.of("J1") == "JOB_FAILED/"+CodeAction })
		if got := w.jobs.legs["J1/pick"] + " " + w.jobs.legs["J1/drop"]; got != "LEG_DONE LEG_FAILED/"+CodeAction {
			t.Errorf("legs: %s", got)
		}
		// It still carries the load: no job before somebody has seen to it.
		w.shows("R1", CodeLoaded, time.Minute)
		w.until(time.Minute, "it is home", func() bool { return w.bots[0].node == "P1" })
		w.with(func() { w.bots[0].pick, w.bots[0].loads = nil, nil })
		w.jobs.add(transport("J2", "C", "B"))
		w.until(2*time.Minute, "it works again", func() bool { return w.jobs.of("J2") == JobDone })
	})
}

// The robot is restarted the moment it has done its work, before anybody heard of
// it. Sent again, the order would be taken again: it begins where the robot is.
func TestRobotForgetsItsOrder(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		leg := func(id string) Leg {
			return Leg{ID: id, Node: "A", Action: "count", Params: []Param{{"job", "J1"}, {"leg", id}}}
		}
		w.jobs.add(Job{ID: "J1", Legs: []Leg{leg("a"), leg("b")}})
		w.until(time.Minute, "the order is known", func() bool {
			o := w.store.robot("R1").Open
			return o != nil && o.Leg == "b" && o.Acked
		})
		w.until(time.Minute, "it has counted", func() bool { return w.effects["J1/b"] == 1 })
		w.with(func() { w.bots[0].reboot(); w.queue = nil })
		w.until(time.Minute, "the job is over", func() bool { return w.jobs.of("J1") == "JOB_FAILED/"+CodeForgot })
		w.run(time.Minute)
		if n := w.effects["J1/b"]; n != 1 {
			t.Errorf("done %d times", n)
		}
	})
}

func TestWithdraw(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.jobs.add(transport("J1", "F", "A"))
		w.until(time.Minute, "R1 is on its way", func() bool { return w.bots[0].to == "B" || w.bots[1].to == "B" || w.bots[0].to == "E" })
		if w.master.Withdraw("J9", "X") {
			t.Error("withdrew a job nobody has")
		}
		if !w.master.Withdraw("J1", "CARRIED") {
			t.Fatal("not withdrawn on the way")
		}
		w.until(time.Minute, "cancelled", func() bool { return w.jobs.of("J1") == "JOB_FAILED/CARRIED" })
		if w.effects["J1/pick"] != 0 {
			t.Error("it was done all the same")
		}
		w.jobs.add(transport("J2", "E", "A"))
		w.until(time.Minute, "a robot picks", func() bool { return w.bots[0].running != nil || w.bots[1].running != nil })
		w.run(300 * time.Millisecond) // the state gets to the master
		if w.master.Withdraw("J2", "CARRIED") {
			t.Error("withdrawn while it picks")
		}
		w.until(2*time.Minute, "done", func() bool { return w.jobs.of("J2") == JobDone })
	})
}

func TestGone(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.jobs.add(transport("J1", "E", "F"))
		w.until(time.Minute, "R1 drives", func() bool { return w.bots[0].to == "B" })
		w.with(func() { w.bots[0].dead, w.bots[0].node, w.bots[0].to = true, "far away", "" })
		w.run(time.Second)
		if err := w.master.Gone("R1"); err != nil {
			t.Fatal(err)
		}
		w.until(time.Minute, "freed", func() bool { return len(w.store.robot("R1").Nodes) == 0 })
		if got := w.jobs.of("J1"); got != "JOB_FAILED/"+CodeGone {
			t.Errorf("job %s", got)
		}
		w.othersWork("J2")
	})
}

// Without a leader nothing is sent; robots drive to the end of what they have and
// hold. Then everything goes on by itself.
func TestNoQuorum(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.jobs.add(transport("J1", "E", "F"), transport("J2", "D", "A"))
		w.until(time.Minute, "both drive", func() bool { return w.bots[0].to != "" })
		w.with(func() { w.leading = false })
		sent := func() (n int) { w.with(func() { n = w.ids }); return }
		w.run(30 * time.Second)
		for _, s := range w.master.Status() {
			if s.State != StateHolding {
				t.Errorf("%+v", s)
			}
		}
		bodies := w.orders()
		w.run(5 * time.Minute)
		if w.orders() != bodies || w.bots[0].busy() {
			t.Errorf("orders went out, or the robot has not come to the end of its way: %d", sent())
		}
		w.with(func() { w.leading = true })
		w.until(3*time.Minute, "both done", func() bool { return w.jobs.of("J1") == JobDone && w.jobs.of("J2") == JobDone })
	})
}

// People look at the console of any gateway: one that does not lead shows the
// same faults and jobs, and commands nothing. The leader logs, it does not.
func TestFaultsSeenWithoutTheLead(t *testing.T) {
	var log logBook
	inWorld(t, 3, func(w *world) {
		w.bots[2].dead = true
		w.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	}, func(w *world) {
		job := transport("J1", "E", "F")
		w.jobs.mu.Lock()
		w.jobs.assigned["R1"] = &job
		w.jobs.mu.Unlock()
		w.until(time.Minute, "R1 drives", func() bool { return w.bots[0].to != "" })
		w.shows("R3", CodeAbsent, time.Minute)
		w.with(func() { w.leading = false })
		log.take()
		w.until(time.Minute, "nobody leads", func() bool { return w.status("R1").State == StateHolding && w.status("R2").State == StateHolding })
		if s := w.shows("R3", CodeAbsent, time.Minute); s.State != StateAbsent || s.Known {
			t.Errorf("never heard of: %+v", s)
		}
		if s := w.status("R1"); s.Job != "J1" || s.State != StateHolding {
			t.Errorf("with a job: %+v", s)
		}
		w.with(func() { w.bots[1].dead = true })
		if s := w.shows("R2", CodeLost, time.Minute); s.State != StateLost {
			t.Errorf("lost: %+v", s)
		}
		w.with(func() { w.leading = true })
		w.until(3*time.Minute, "R1 goes on", func() bool { return w.jobs.of("J1") == JobDone })
		if s := w.shows("R2", CodeLost, time.Minute); s.State != StateLost {
			t.Errorf("lost, with the lead: %+v", s)
		}
	})
	if text := log.take(); strings.Count(text, "code="+CodeLost) != 1 {
		t.Errorf("logged not once, by the one that leads: %s", text)
	}
}

// logBook keeps what was logged.
type logBook struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take returns what was logged since the last time.
func (l *logBook) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

// The owner of the jobs cannot record: the order stays open until it can.
func TestReportIsRepeated(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		w.jobs.add(transport("J1", "A", "B"))
		w.until(time.Minute, "it picks", func() bool { return w.bots[0].running != nil })
		w.jobs.mu.Lock()
		w.jobs.broken = true
		w.jobs.mu.Unlock()
		w.run(20 * time.Second)
		if rec := w.store.robot("R1"); rec.Open == nil || rec.Open.Leg != "pick" {
			t.Errorf("closed without being reported: %+v", rec)
		}
		w.jobs.mu.Lock()
		w.jobs.broken = false
		w.jobs.mu.Unlock()
		w.until(time.Minute, "done", func() bool { return w.jobs.of("J1") == JobDone })
	})
}

func TestJobsThatCannotBe(t *testing.T) {
	inWorld(t, 1, nil, func(w *world) {
		w.jobs.add(
			Job{ID: "J1", Legs: []Leg{{ID: "a", Node: "nowhere"}}},
			Job{ID: "J2", Legs: []Leg{{ID: "a", Node: "A", Action: "a b"}}},
			Job{ID: "J3"},
			Job{ID: "J4", Legs: []Leg{{ID: "a", Node: "A", Action: "pick", Params: []Param{{"x", []int{1}}}}}},
		)
		w.jobs.done = func(string) int { return 1 }
		w.until(time.Minute, "all over", func() bool { return w.jobs.over() == 4 })
		for job, want := range map[string]string{"J1": CodeNoRoute, "J2": CodeCannot, "J4": CodeCannot} {
			if got := w.jobs.of(job); got != "JOB_FAILED/"+want {
				t.Errorf("%s: %s, want %s", job, got, want)
			}
		}
		if got := w.jobs.of("J3"); got != JobDone {
			t.Errorf("a job without legs: %s", got)
		}
	})
}

// A lost robot in the way: the other one goes around it where it can, and says
// what it waits for where it cannot.
func TestAroundALostRobot(t *testing.T) {
	inWorld(t, 2, nil, func(w *world) {
		w.jobs.add(transport("J1", "C", "C"))
		w.until(time.Minute, "R1 is at C", func() bool { return w.bots[0].node == "C" })
		w.with(func() { w.bots[0].dead = true })
		w.shows("R1", CodeLost, time.Minute)
		job := transport("J2", "F", "E")
		w.jobs.mu.Lock()
		w.jobs.assigned["R2"] = &job
		w.jobs.mu.Unlock()
		w.until(5*time.Minute, "around", func() bool {
			return w.jobs.of("J2") == JobDone || w.status("R2").Code == CodeWaits && strings.Contains(w.status("R2").Text, "R1")
		})
	})
}

func TestEveryCodeIsInTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, f := range Faults() {
		if known[f.Code] || f.Cause == "" || f.Action == "" || !regexp.MustCompile(`^(ROBOT|INTENT|NODE)_[A-Z_]+$`).MatchString(f.Code) {
			t.Errorf("%+v", f)
		}
		known[f.Code] = true
	}
	for _, c := range []string{
		CodeAbsent, CodeLost, CodeVersion, CodePlace, CodeTwice, CodeMode, CodeBattery, CodeError, CodeStopped, CodeMalformed,
		CodeRejected, CodeUnconfirmed, CodeCancel, CodeForgot, CodeAction, CodeBlocked, CodeWaits, CodeNoRoute, CodeCannot, CodeLoaded,
		CodeOrder, CodeGone, CodeStore, CodeRepeats, intent.CodeNodeHeld, intent.CodeOpen, intent.CodeConflict, intent.CodeUnknown, intent.CodeMalformed,
	} {
		if !known[c] {
			t.Errorf("%s is not in the table", c)
		}
	}
}

func encode(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}
