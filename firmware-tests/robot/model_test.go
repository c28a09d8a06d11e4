package robot

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tote/firmware-tests/record"
)

var t0 = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// bench makes a model at node A; nodes lie 1 m apart on a line, A at 0.
func bench(t *testing.T, change func(*Params)) (*model, *record.Book) {
	t.Helper()
	p := Params{Brokers: []string{"tcp://x:1"}, Manufacturer: "KIT", Serial: "R1", Node: "A", SpeedMmS: 1000, ActionMs: 500}
	if change != nil {
		change(&p)
	}
	p, err := p.fill()
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.Open("r1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return newModel(p, book), book
}

// order writes "A B* C" as an order; * = released only up to here (default all),
// "B:pick" gives B an action. from is the first sequenceId.
func order(id string, update int, from int, route string) []byte {
	type m = map[string]any
	nodes, edges := []m{}, []m{}
	released, prev := true, ""
	for i, f := range strings.Fields(route) {
		f, stop := strings.CutSuffix(f, "*")
		name, action, _ := strings.Cut(f, ":")
		acts := []m{}
		if action != "" {
			acts = append(acts, m{
				"actionType": action, "actionId": id + "-" + name, "blockingType": "HARD",
				"actionParameters": []m{{"key": "loadId", "value": "T1"}},
			})
		}
		nodes = append(nodes, m{
			"nodeId": name, "sequenceId": from + 2*i, "released": released, "actions": acts,
			"nodePosition": m{"x": float64(name[0] - 'A'), "y": 0, "mapId": "floor"},
		})
		if i > 0 {
			edges = append(edges, m{"edgeId": prev + name, "sequenceId": from + 2*i - 1, "released": released, "startNodeId": prev, "endNodeId": name, "actions": []m{}})
		}
		prev = name
		if stop {
			released = false
		}
	}
	raw, _ := json.Marshal(m{
		"headerId": 1, "timestamp": "2026-03-01T08:00:00.00Z", "version": "2.0.0", "manufacturer": "KIT", "serialNumber": "R1",
		"orderId": id, "orderUpdateId": update, "nodes": nodes, "edges": edges,
	})
	return raw
}

func instant(id, kind string) []byte {
	raw, _ := json.Marshal(map[string]any{
		"headerId": 1, "version": "2.0.0", "manufacturer": "KIT", "serialNumber": "R1",
		"actions": []map[string]any{{"actionType": kind, "actionId": id, "blockingType": "NONE"}},
	})
	return raw
}

// at runs the model up to s seconds after the start.
func at(m *model, s float64) time.Time {
	end := t0.Add(time.Duration(s * float64(time.Second)))
	for {
		next, ok := m.next()
		if !ok || next.After(end) {
			break
		}
		m.advance(next)
	}
	m.advance(end)
	return end
}

func lastError(m *model) string {
	if len(m.errors) == 0 {
		return ""
	}
	return m.errors[len(m.errors)-1].Type
}

func TestItDrivesInTime(t *testing.T) {
	m, book := bench(t, nil)
	m.takeOrder(t0, order("o1", 0, 0, "A B C:pick"))
	now := at(m, 0.5)
	s := m.snapshot(now)
	if !s.Driving || s.Position.X != 0.5 || s.LastNodeID != "A" || len(s.NodeStates) != 2 || len(s.EdgeStates) != 2 {
		t.Errorf("half a second: %+v", s)
	}
	if s = m.snapshot(at(m, 1.25)); s.LastNodeID != "B" || s.LastNodeSequenceID != 2 || s.Position.X != 1.25 || len(s.NodeStates) != 1 {
		t.Errorf("between B and C: %+v", s)
	}
	if s = m.snapshot(at(m, 2.25)); s.Driving || s.LastNodeID != "C" || s.ActionStates[0].ActionStatus != running || len(s.Loads) != 0 {
		t.Errorf("picking: %+v", s)
	}
	if s = m.snapshot(at(m, 3)); s.ActionStates[0].ActionStatus != finished || s.Loads[0].LoadID != "T1" || s.OrderID != "o1" {
		t.Errorf("done: %+v", s)
	}
	var trace []string
	for _, e := range book.After(0) {
		switch e.Kind {
		case record.Arrived:
			trace = append(trace, e.Place.Node)
		case record.Acted:
			trace = append(trace, e.Action.Type+"="+e.Action.Result)
		}
	}
	if got := strings.Join(trace, " "); got != "A B C pick=FINISHED" {
		t.Errorf("record: %s", got)
	}
}

// Figure 8 of the standard, row by row. Each case starts from a robot at A that
// has order o1 with the base A B and the horizon C, and is at a given time.
func TestWhichOrdersItTakes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		first string
		after float64 // seconds when the second message comes
		msg   []byte
		err   string // error type, "" = accepted or ignored
		want  string // orderId/update afterwards
	}{
		{"the same again", "A B* C", .5, order("o1", 0, 0, "A B* C"), "", "o1/0"},
		{"extends the base", "A B* C", .5, order("o1", 1, 2, "B C D"), "", "o1/1"},
		{"extends an idle robot", "A B", 2, order("o1", 1, 2, "B C"), "", "o1/1"},
		{"deletes the horizon", "A B* C", .5, order("o1", 1, 2, "B"), "", "o1/1"},
		{"wrong stitch", "A B* C", .5, order("o1", 1, 4, "C D"), orderUpdateError, "o1/0"},
		{"wrong sequence at the stitch", "A B* C", .5, order("o1", 1, 0, "B C"), orderUpdateError, "o1/0"},
		{"older update", "A B", .5, order("o1", 0, 0, "A B"), "", "o1/0"},
		{"another order while driving", "A B", .5, order("o2", 0, 0, "B C"), orderUpdateError, "o1/0"},
		{"another order with a horizon left", "A B* C", 3, order("o2", 0, 0, "B C"), orderUpdateError, "o1/0"},
		{"another order while acting", "A B:pick", 1.2, order("o2", 0, 0, "B C"), orderUpdateError, "o1/0"},
		{"another order when done", "A B", 3, order("o2", 0, 0, "B C"), "", "o2/0"},
		{"starts elsewhere", "A B", 3, order("o2", 0, 0, "D C"), noRouteError, "o1/0"},
		{"released behind a gap", "A B", 3, []byte(strings.Replace(string(order("o2", 0, 0, "B C* D")), `"nodeId":"D","nodePosition":{"mapId":"floor","x":3,"y":0},"released":false`, `"nodeId":"D","nodePosition":{"mapId":"floor","x":3,"y":0},"released":true`, 1)), validationError, "o1/0"},
		{"edge released, end not", "A B", 3, []byte(strings.Replace(string(order("o2", 0, 0, "B* C")), `"endNodeId":"C","released":false`, `"endNodeId":"C","released":true`, 1)), validationError, "o1/0"},
		{"wrong version", "A B", 3, []byte(strings.Replace(string(order("o2", 0, 0, "B C")), `"2.0.0"`, `"2.1.0"`, 1)), validationError, "o1/0"},
		{"another robot's", "A B", 3, []byte(strings.Replace(string(order("o2", 0, 0, "B C")), `"R1"`, `"R2"`, 1)), validationError, "o1/0"},
		{"null nodes", "A B", 3, []byte(strings.Replace(string(order("o2", 0, 0, "B")), `"edges":[]`, `"edges":null`, 1)), validationError, "o1/0"},
		{"unknown action", "A B", 3, order("o2", 0, 0, "B C:dance"), validationError, "o1/0"},
		{"no JSON", "A B", 3, []byte("{"), validationError, "o1/0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, _ := bench(t, nil)
			m.takeOrder(t0, order("o1", 0, 0, tc.first))
			m.takeOrder(at(m, tc.after), tc.msg)
			if got := lastError(m); got != tc.err {
				t.Errorf("error %q, want %q: %+v", got, tc.err, m.errors)
			}
			if got := describe("%s/%d", m.orderID, m.updateID); got != tc.want {
				t.Errorf("has %s, want %s", got, tc.want)
			}
		})
	}
}

func TestOldUpdateIsOutdated(t *testing.T) {
	m, _ := bench(t, nil)
	m.takeOrder(t0, order("o1", 0, 0, "A B"))
	m.takeOrder(t0, order("o1", 1, 2, "B C"))
	m.takeOrder(t0, order("o1", 0, 0, "A B"))
	if lastError(m) != orderUpdateError || m.updateID != 1 {
		t.Errorf("update %d, errors %+v", m.updateID, m.errors)
	}
	if at(m, 3); m.lastNode != "C" {
		t.Errorf("at %s, want C", m.lastNode)
	}
}

func TestItStopsAtTheEndOfItsBase(t *testing.T) {
	m, _ := bench(t, nil)
	m.takeOrder(t0, order("o1", 0, 0, "A B* C"))
	if at(m, 60); m.lastNode != "B" || !m.busy() {
		t.Errorf("at %s, busy %v", m.lastNode, m.busy())
	}
}

func TestCancel(t *testing.T) {
	m, _ := bench(t, nil)
	m.takeOrder(t0, order("o1", 0, 0, "A B C:pick"))
	m.takeInstant(instant("c1", "cancelOrder"))
	at(m, .5)
	m.takeInstant(instant("c1", "cancelOrder")) // sent again
	if st := m.state("c1"); st.ActionStatus != running {
		t.Errorf("between nodes: %+v", st)
	}
	at(m, 5)
	if st := m.state("c1"); st.ActionStatus != finished || m.lastNode != "B" || m.busy() || m.state("o1-C").ActionStatus != failed {
		t.Errorf("at %s: %+v, busy %v", m.lastNode, st, m.busy())
	}
	m.takeOrder(t0, order("o1", 1, 2, "B C"))
	if lastError(m) != orderUpdateError {
		t.Errorf("an update of a cancelled order: %+v", m.errors)
	}
	m.takeInstant(instant("c2", "cancelOrder"))
	if st := m.state("c2"); st.ActionStatus != failed || lastError(m) != noOrderToCancel {
		t.Errorf("nothing to cancel: %+v %+v", st, m.errors)
	}
	m.takeInstant(instant("x", "dance"))
	if m.state("x").ActionStatus != failed {
		t.Error("an unknown instant action is done")
	}
	m.takeInstant([]byte("{"))
	if lastError(m) != validationError {
		t.Errorf("garbage: %+v", m.errors)
	}
}

func TestLoads(t *testing.T) {
	m, _ := bench(t, nil)
	run := func(id, route string) string {
		m.takeOrder(t0, order(id, 0, 0, route))
		for range 20 {
			if next, ok := m.next(); ok {
				m.advance(next)
			} else {
				m.advance(t0)
			}
		}
		return m.actions[len(m.actions)-1].ActionStatus
	}
	if got := run("o1", "A:drop"); got != failed {
		t.Errorf("drops what it has not: %s", got)
	}
	if got := run("o2", "A:pick"); got != finished || len(m.loads) != 1 {
		t.Errorf("pick: %s %v", got, m.loads)
	}
	if got := run("o3", "A:pick"); got != failed {
		t.Errorf("picks the same twice: %s", got)
	}
	if got := run("o4", "A B:drop"); got != finished || len(m.loads) != 0 {
		t.Errorf("drop: %s %v", got, m.loads)
	}
	m.fail = true
	if got := run("o5", "B:pick"); got != failed || len(m.loads) != 0 {
		t.Errorf("a broken gripper: %s %v", got, m.loads)
	}
}

func TestManualAndReboot(t *testing.T) {
	m, _ := bench(t, nil)
	m.takeOrder(t0, order("o1", 0, 0, "A B:pick"))
	at(m, .5)
	m.enterManual(true)
	s := m.snapshot(t0)
	if s.OperatingMode != "MANUAL" || len(s.NodeStates) != 0 || s.LastNodeID != "" || s.ActionStates[0].ActionStatus != failed {
		t.Errorf("manual: %+v", s)
	}
	m.takeOrder(t0, order("o2", 0, 0, "A B"))
	if lastError(m) != orderError {
		t.Errorf("takes orders in manual mode: %+v", m.errors)
	}
	m.enterManual(false)
	m.lastNode = "A"
	m.takeOrder(t0, order("o3", 0, 0, "A B"))
	m.advance(t0)
	m.reboot(false)
	if m.orderID != "" || m.lastNode != "" || m.busy() {
		t.Errorf("rebooted: %q at %q", m.orderID, m.lastNode)
	}
}

func FuzzTakes(f *testing.F) {
	f.Add(order("o1", 0, 0, "A B:pick* C"))
	f.Add(order("o1", 1, 2, "B"))
	f.Add(instant("c", "cancelOrder"))
	f.Add([]byte(`{"orderId":"x","orderUpdateId":0,"nodes":[{}],"edges":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, _ := bench(t, nil)
		m.takeOrder(t0, order("o0", 0, 0, "A B* C"))
		m.takeOrder(t0, raw)
		m.takeInstant(raw)
		at(m, 1)
		m.takeOrder(t0, raw)
		m.takeInstant(raw)
		at(m, 100)
		if _, err := json.Marshal(m.snapshot(t0)); err != nil {
			t.Error(err)
		}
	})
}
