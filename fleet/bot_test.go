package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tote/fleet/vda5050"
)

const (
	botEdge   = time.Second
	botAction = 700 * time.Millisecond
	botState  = 500 * time.Millisecond
)

// bot is a robot of the small world: decisions of figure 8, one second for each
// edge. It lives in the world's goroutine.
type bot struct {
	w      *world
	id     string
	serial string
	header uint32

	order   string
	update  uint32
	nodes   []vda5050.Node
	actions []vda5050.ActionState
	running *vda5050.Action // at the node it stands on
	until   time.Time
	node    string
	seq     uint32
	to      string // driving there, "" = standing
	cancel  string
	loads   []string
	errs    []vda5050.Error
	due     time.Time // next state
	mode    string
	dead    bool
	pick    func(a vda5050.Action) (ok bool)
	reject  bool
	deaf    string // name of a topic it does not hear
	stuck   bool   // its wheels do not turn
}

func (b *bot) busy() bool {
	return b.to != "" || len(b.nodes) > 0 || b.running != nil || b.cancel != ""
}

func (b *bot) take(name string, raw []byte, now time.Time) {
	if b.dead || b.deaf == name {
		return
	}
	b.due = now
	if name == vda5050.TopicOrder {
		o, err := vda5050.DecodeOrder(raw)
		if err != nil {
			b.w.t.Errorf("%s got a bad order: %v", b.id, err)
			return
		}
		b.takeOrder(o, now)
		return
	}
	var msg struct{ Actions []vda5050.Action }
	if err := json.Unmarshal(raw, &msg); err != nil || len(msg.Actions) != 1 {
		b.w.t.Errorf("%s got bad instant actions: %s", b.id, raw)
		return
	}
	a := msg.Actions[0]
	if slices.ContainsFunc(b.actions, func(s vda5050.ActionState) bool { return s.ActionID == a.ActionID }) {
		return
	}
	st := vda5050.ActionState{ActionID: a.ActionID, ActionType: a.ActionType, Status: vda5050.StatusFinished}
	if a.ActionType == vda5050.ActionCancelOrder {
		if st.Status = "RUNNING"; !b.busy() {
			st.Status = vda5050.StatusFailed
		} else {
			b.cancel = a.ActionID
		}
	}
	b.actions = append(b.actions, st)
}

func (b *bot) takeOrder(o vda5050.Order, now time.Time) {
	refuse := func(kind string) {
		b.errs = append(b.errs, vda5050.Error{Type: kind, Level: "WARNING", References: []vda5050.Reference{
			{Key: "orderId", Value: o.OrderID}, {Key: "orderUpdateId", Value: fmt.Sprint(o.OrderUpdateID)},
		}})
	}
	switch {
	case b.reject || b.mode != "":
		refuse("orderError")
	case o.OrderID == b.order: // one message an order here
	case b.busy():
		refuse("orderUpdateError")
	case o.Nodes[0].NodeID != b.node:
		refuse("noRouteError")
	default:
		b.order, b.update, b.errs, b.actions = o.OrderID, o.OrderUpdateID, nil, nil
		b.nodes = o.Nodes[1:]
		for _, n := range o.Nodes {
			for _, a := range n.Actions {
				b.actions = append(b.actions, vda5050.ActionState{ActionID: a.ActionID, ActionType: a.ActionType, Status: vda5050.StatusWaiting})
			}
		}
		b.arrive(o.Nodes[0], now)
	}
}

func (b *bot) arrive(n vda5050.Node, now time.Time) {
	b.node, b.seq, b.to = n.NodeID, n.SequenceID, ""
	if len(n.Actions) > 0 {
		b.running, b.until = &n.Actions[0], now.Add(botAction)
		b.set(n.Actions[0].ActionID, "RUNNING")
	}
	b.due = now
}

func (b *bot) set(id, status string) {
	for i := range b.actions {
		if b.actions[i].ActionID == id {
			b.actions[i].Status = status
		}
	}
}

// step does what is due and sends a state.
func (b *bot) step(now time.Time) {
	if b.dead {
		return
	}
	switch {
	case b.to != "" && !now.Before(b.until) && !b.stuck:
		n := b.nodes[0]
		b.nodes = b.nodes[1:]
		b.arrive(n, now)
	case b.running != nil && !now.Before(b.until):
		status := vda5050.StatusFinished
		if !b.act(*b.running) {
			status = vda5050.StatusFailed
		}
		b.set(b.running.ActionID, status)
		b.running, b.due = nil, now
	case b.to == "" && b.running == nil && b.cancel != "":
		for i := range b.actions {
			if b.actions[i].ActionID != b.cancel && !b.actions[i].Ended() {
				b.actions[i].Status = vda5050.StatusFailed
			}
		}
		b.set(b.cancel, vda5050.StatusFinished)
		b.nodes, b.cancel, b.due = nil, "", now
	case b.to == "" && b.running == nil && len(b.nodes) > 0 && b.nodes[0].Released && b.mode == "":
		b.to, b.until, b.due = b.nodes[0].NodeID, now.Add(botEdge), now
		b.w.enters(b)
	}
	if !now.Before(b.due) {
		b.due = now.Add(botState)
		b.w.fromBot(b, b.state(now))
	}
}

func (b *bot) act(a vda5050.Action) bool {
	if b.pick != nil && !b.pick(a) {
		return false
	}
	p := map[string]string{}
	for _, kv := range a.Parameters {
		p[kv.Key] = fmt.Sprint(kv.Value)
	}
	switch a.ActionType {
	case vda5050.ActionPick:
		b.loads = append(b.loads, p["loadId"])
	case vda5050.ActionDrop:
		i := slices.Index(b.loads, p["loadId"])
		if i < 0 {
			return false
		}
		b.loads = slices.Delete(b.loads, i, i+1)
	}
	b.w.effects[p["job"]+"/"+p["leg"]]++
	return true
}

// reboot: it forgets its order.
func (b *bot) reboot() {
	b.order, b.update, b.nodes, b.actions, b.running, b.cancel, b.header, b.seq = "", 0, nil, nil, nil, "", 0, 0
	b.dead, b.to = false, ""
}

func (b *bot) state(now time.Time) map[string]any {
	h := vda5050.Header{HeaderID: b.header, Timestamp: now.UTC().Format(time.RFC3339Nano), Version: "2.0.0", Manufacturer: "KIT", SerialNumber: b.serial}
	b.header++
	ns, es := []vda5050.NodeState{}, []vda5050.EdgeState{}
	for _, n := range b.nodes {
		ns = append(ns, vda5050.NodeState{NodeID: n.NodeID, SequenceID: n.SequenceID, Released: n.Released})
		es = append(es, vda5050.EdgeState{SequenceID: n.SequenceID - 1, Released: n.Released})
	}
	loads := []vda5050.Load{}
	for _, l := range b.loads {
		loads = append(loads, vda5050.Load{LoadID: l})
	}
	at := b.w.place(b.node)
	mode := b.mode
	if mode == "" {
		mode = "AUTOMATIC"
	}
	return map[string]any{
		"headerId": h.HeaderID, "timestamp": h.Timestamp, "version": h.Version, "manufacturer": h.Manufacturer, "serialNumber": h.SerialNumber,
		"orderId": b.order, "orderUpdateId": b.update, "lastNodeId": b.node, "lastNodeSequenceId": b.seq, "driving": b.to != "",
		"nodeStates": ns, "edgeStates": es, "actionStates": append([]vda5050.ActionState{}, b.actions...), "errors": append([]vda5050.Error{}, b.errs...),
		"agvPosition": map[string]any{"x": metres(at.X), "y": metres(at.Y), "theta": 0, "mapId": "floor", "positionInitialized": true},
		"loads":       loads, "batteryState": map[string]any{"batteryCharge": 80, "charging": false},
		"operatingMode": mode, "safetyState": map[string]any{"eStop": "NONE", "fieldViolation": false},
	}
}
