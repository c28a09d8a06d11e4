package robot

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tote/firmware-tests/record"
)

// Statuses of actions.
const (
	waiting  = "WAITING"
	running  = "RUNNING"
	finished = "FINISHED"
	failed   = "FAILED"
)

// point is a place in millimetres.
type point struct{ x, y float64 }

func (a point) to(b point) float64 { return math.Hypot(b.x-a.x, b.y-a.y) }

// model is the machine itself, without network: what it was told, where it is
// and what it does. The clock comes in with each call.
type model struct {
	p    Params
	book *record.Book

	orderID  string
	updateID uint32
	nodes    []orderNode // still to traverse, horizon included
	edges    []orderEdge
	todo     []*doing // actions at the node it stands on; the first runs
	actions  []*actionState
	lastNode string
	lastSeq  uint32

	at      point
	theta   float64 // rad
	drive   *drive
	paused  bool
	manual  bool
	battery int
	loads   []string
	errors  []errorMsg
	cancel  *actionState // a cancelOrder under way
	fail    bool         // fault: actions fail
	reject  bool         // fault: orders are rejected
	metres  float64      // driven since the start
}

// drive is the edge it is on.
type drive struct {
	from, to point
	start    time.Time
	took     time.Duration
}

// doing is an action with what it needs.
type doing struct {
	msg    actionMsg
	state  *actionState
	node   string
	ends   time.Time // zero: not started, or the world decides
	begun  bool
	result string // decided by the world
	text   string
}

func newModel(p Params, book *record.Book) *model {
	return &model{
		p: p, book: book, lastNode: p.Node, battery: p.Battery,
		at: point{float64(p.X), float64(p.Y)}, theta: float64(p.Theta) / 1000,
	}
}

// reboot: it stands where it stands and has forgotten its order. It knows its
// node again only when it stands on one.
func (m *model) reboot(onNode bool) {
	m.orderID, m.updateID, m.nodes, m.edges, m.todo, m.actions = "", 0, nil, nil, nil, nil
	m.drive, m.cancel, m.errors, m.lastSeq, m.paused = nil, nil, nil, 0, false
	if !onNode {
		m.lastNode = ""
	}
}

// where interpolates the place on the edge.
func (m *model) where(now time.Time) point {
	d := m.drive
	if d == nil {
		return m.at
	}
	f := 1.0
	if d.took > 0 {
		f = min(1, max(0, float64(now.Sub(d.start))/float64(d.took)))
	}
	return point{d.from.x + f*(d.to.x-d.from.x), d.from.y + f*(d.to.y-d.from.y)}
}

// advance lets everything happen that is due, and says whether anything did.
func (m *model) advance(now time.Time) bool {
	changed := false
	for m.step(now) {
		changed = true
	}
	return changed
}

// next is when something happens by itself.
func (m *model) next() (time.Time, bool) {
	if m.drive != nil {
		return m.drive.start.Add(m.drive.took), true
	}
	if len(m.todo) > 0 && m.todo[0].begun && !m.todo[0].ends.IsZero() {
		return m.todo[0].ends, true
	}
	return time.Time{}, false
}

// step does one thing.
func (m *model) step(now time.Time) bool {
	switch {
	case m.drive != nil:
		end := m.drive.start.Add(m.drive.took)
		if now.Before(end) {
			return false
		}
		m.metres += m.drive.from.to(m.drive.to) / 1000
		m.at, m.drive = m.drive.to, nil
		m.arrive(m.nodes[0])
		m.nodes, m.edges = m.nodes[1:], m.edges[1:]
		return true
	case len(m.todo) > 0:
		return m.act(now)
	case m.cancel != nil:
		m.cancelled()
		return true
	case len(m.edges) > 0 && m.edges[0].Released && m.nodes[0].Released && !m.paused && !m.manual:
		m.depart(now)
		return true
	}
	return false
}

// depart starts on the next edge.
func (m *model) depart(now time.Time) {
	to := m.at
	if pos := m.nodes[0].Position; pos != nil {
		to = point{pos.X * 1000, pos.Y * 1000}
	}
	speed := float64(m.p.SpeedMmS)
	if v := m.edges[0].MaxSpeed * 1000; v > 0 {
		speed = min(speed, v)
	}
	dist := m.at.to(to)
	if dist > 0 {
		m.theta = math.Atan2(to.y-m.at.y, to.x-m.at.x)
	}
	m.drive = &drive{m.at, to, now, time.Duration(dist / speed / m.p.Factor * float64(time.Second))}
}

// arrive: the node counts as traversed, its actions begin.
func (m *model) arrive(n orderNode) {
	m.lastNode, m.lastSeq = n.NodeID, n.SequenceID
	if n.Position != nil && n.Position.Theta != nil {
		m.theta = *n.Position.Theta
	}
	m.book.Add(record.Entry{Kind: record.Arrived, Place: &record.Place{
		Node: n.NodeID, X: int64(math.Round(m.at.x)), Y: int64(math.Round(m.at.y)),
	}})
	for _, a := range n.Actions {
		m.todo = append(m.todo, &doing{msg: a, state: m.state(a.ActionID), node: n.NodeID})
	}
}

// act runs the first action at the node. All are taken as HARD.
func (m *model) act(now time.Time) bool {
	d := m.todo[0]
	switch {
	case m.cancel != nil && !d.begun:
		m.end(d, failed, "cancelled")
	case !d.begun:
		d.begun, d.state.ActionStatus = true, running
		if !m.p.ExternalActions {
			d.ends = now.Add(time.Duration(float64(m.p.ActionMs) / m.p.Factor * float64(time.Millisecond)))
		}
	case d.result != "":
		m.end(d, d.result, d.text)
	case !d.ends.IsZero() && !now.Before(d.ends):
		m.end(d, finished, "")
	default:
		return false
	}
	return true
}

// end does what an action does to the loads, and records it.
func (m *model) end(d *doing, result, text string) {
	m.todo = m.todo[1:]
	params := d.params()
	if m.fail && result == finished {
		result, text = failed, "gripper fault"
	}
	if result == finished {
		if why := m.handle(d.msg.ActionType, params); why != "" {
			result, text = failed, why
		}
	}
	d.state.ActionStatus, d.state.ResultDescription = result, text
	m.book.Add(record.Entry{Kind: record.Acted, Action: &record.Action{
		ID: d.msg.ActionID, Type: d.msg.ActionType, Node: d.node, Order: m.orderID, Params: params,
		Result: result, Description: text, Loads: slices.Clone(m.loads),
	}})
}

// handle moves a load. Units picked out of a bin (parameter sku) are no load of
// their own.
func (m *model) handle(action string, params map[string]any) (why string) {
	load, _ := params["loadId"].(string)
	switch action {
	case "pick":
		switch {
		case params["sku"] != nil || load == "":
		case slices.Contains(m.loads, load):
			return load + " is on board"
		case len(m.loads) >= m.p.Capacity:
			return "no place for " + load
		default:
			m.loads = append(m.loads, load)
		}
	case "drop":
		if load == "" {
			m.loads = nil
			return ""
		}
		i := slices.Index(m.loads, load)
		if i < 0 {
			return load + " is not on board"
		}
		m.loads = slices.Delete(m.loads, i, i+1)
	}
	return ""
}

func (d *doing) params() map[string]any {
	if len(d.msg.Parameters) == 0 {
		return nil
	}
	out := map[string]any{}
	for _, p := range d.msg.Parameters {
		out[p.Key] = p.Value
	}
	return out
}

// state finds an action state by id.
func (m *model) state(id string) *actionState {
	for _, a := range m.actions {
		if a.ActionID == id {
			return a
		}
	}
	return nil
}

// cancelled ends the order: the robot stands on a node and nothing runs.
func (m *model) cancelled() {
	for _, a := range m.actions {
		if a.ActionStatus != finished && a != m.cancel {
			a.ActionStatus = failed
		}
	}
	m.nodes, m.edges = nil, nil
	m.cancel.ActionStatus, m.cancel = finished, nil
}

// busy: no other order is taken (R12).
func (m *model) busy() bool {
	if len(m.nodes) > 0 || len(m.edges) > 0 || len(m.todo) > 0 || m.drive != nil || m.cancel != nil {
		return true
	}
	return false
}

// snapshot is the state message without its header.
func (m *model) snapshot(now time.Time) stateMsg {
	at := m.where(now)
	s := stateMsg{
		OrderID: m.orderID, OrderUpdateID: m.updateID, LastNodeID: m.lastNode, LastNodeSequenceID: m.lastSeq,
		NodeStates: []nodeState{}, EdgeStates: []edgeState{}, ActionStates: []actionState{}, Errors: []errorMsg{},
		Information: []struct{}{}, Loads: []loadMsg{},
		Position:      posMsg{at.x / 1000, at.y / 1000, m.theta, m.p.Map, true},
		Driving:       m.drive != nil,
		Paused:        m.paused,
		Battery:       batteryMsg{Charge: float64(m.battery)},
		OperatingMode: "AUTOMATIC",
		Safety:        safetyMsg{EStop: "NONE"},
	}
	if m.manual {
		s.OperatingMode = "MANUAL"
	}
	for _, n := range m.nodes {
		ns := nodeState{NodeID: n.NodeID, SequenceID: n.SequenceID, Released: n.Released}
		if n.Position != nil {
			ns.Position = &statPos{n.Position.X, n.Position.Y, n.Position.MapID}
		}
		s.NodeStates = append(s.NodeStates, ns)
	}
	for _, e := range m.edges {
		s.EdgeStates = append(s.EdgeStates, edgeState{e.EdgeID, e.SequenceID, e.Released})
	}
	for _, a := range m.actions {
		s.ActionStates = append(s.ActionStates, *a)
	}
	for _, l := range m.loads {
		s.Loads = append(s.Loads, loadMsg{LoadID: l})
	}
	s.Errors = append(s.Errors, m.errors...)
	return s
}

// enterManual: a person takes over; the order is cleared (section 6.10.6).
func (m *model) enterManual(on bool) {
	m.manual = on
	if !on {
		return
	}
	for _, a := range m.actions {
		if a.ActionStatus != finished {
			a.ActionStatus = failed
		}
	}
	if m.drive != nil {
		m.lastNode, m.lastSeq = "", 0
	}
	m.nodes, m.edges, m.todo, m.cancel = nil, nil, nil, nil
}

func describe(format string, args ...any) string { return fmt.Sprintf(format, args...) }
