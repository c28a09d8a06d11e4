package robot

import (
	"encoding/json"
	"math"
	"slices"
	"time"
)

// reach is how far the first node of an order may be away, in millimetres, when
// the order allows no more.
const reach = 250

// Error types of 2.x.
const (
	validationError  = "validationError"
	orderError       = "orderError"
	orderUpdateError = "orderUpdateError"
	noRouteError     = "noRouteError"
	noOrderToCancel  = "noOrderToCancel"
)

// takeOrder decides on an order as figure 8 says, and begins with it.
func (m *model) takeOrder(now time.Time, raw []byte) {
	defer m.advance(now)
	var o orderMsg
	if err := json.Unmarshal(raw, &o); err != nil || o.OrderID == nil || o.OrderUpdateID == nil || o.Nodes == nil || o.Edges == nil {
		m.refuse(validationError, o, "not an order")
		return
	}
	if why := m.malformed(o); why != "" {
		m.refuse(validationError, o, why)
		return
	}
	switch {
	case m.reject:
		m.refuse(orderError, o, "this robot rejects orders")
	case m.manual:
		m.refuse(orderError, o, "not in automatic mode")
	case *o.OrderID != m.orderID:
		m.newOrder(now, o)
	case *o.OrderUpdateID < m.updateID:
		m.refuse(orderUpdateError, o, "outdated update")
	case *o.OrderUpdateID == m.updateID:
		// Sent again: ignored (R14).
	default:
		m.update(now, o)
	}
}

func (m *model) newOrder(now time.Time, o orderMsg) {
	first := o.Nodes[0]
	switch {
	case m.busy():
		m.refuse(orderUpdateError, o, "another order is active")
		return
	case !m.reaches(now, first):
		m.refuse(noRouteError, o, "first node "+first.NodeID+" out of reach")
		return
	}
	m.orderID, m.updateID = *o.OrderID, *o.OrderUpdateID
	m.actions, m.errors = nil, nil
	m.append(o.Nodes, o.Edges, o.Nodes)
	m.arrive(first)
	m.nodes = m.nodes[1:]
}

// update appends to the base; the horizon is forgotten.
func (m *model) update(now time.Time, o orderMsg) {
	first := o.Nodes[0]
	base := slices.IndexFunc(m.nodes, func(n orderNode) bool { return !n.Released })
	if base < 0 {
		base = len(m.nodes)
	}
	end, seq := m.lastNode, m.lastSeq
	if base > 0 {
		end, seq = m.nodes[base-1].NodeID, m.nodes[base-1].SequenceID
	}
	switch {
	case m.cancel != nil || m.wasCancelled():
		m.refuse(orderUpdateError, o, "the order was cancelled")
		return
	case first.NodeID != end || first.SequenceID != seq:
		m.refuse(orderUpdateError, o, describe("does not begin at %s %d", end, seq))
		return
	}
	m.nodes, m.edges = m.nodes[:base], m.edges[:base]
	m.updateID, m.errors = *o.OrderUpdateID, nil
	m.append(o.Nodes[1:], o.Edges, o.Nodes[1:])
}

// append takes over a part of a route, with the states of its actions.
func (m *model) append(nodes []orderNode, edges []orderEdge, withActions []orderNode) {
	m.nodes, m.edges = append(m.nodes, nodes...), append(m.edges, edges...)
	for _, n := range withActions {
		for _, a := range n.Actions {
			m.actions = append(m.actions, &actionState{ActionID: a.ActionID, ActionType: a.ActionType, ActionStatus: waiting})
		}
	}
}

func (m *model) wasCancelled() bool {
	return slices.ContainsFunc(m.actions, func(a *actionState) bool { return a.ActionType == "cancelOrder" && a.ActionStatus == finished })
}

// reaches: the robot stands on the node or near enough.
func (m *model) reaches(now time.Time, n orderNode) bool {
	if n.NodeID == m.lastNode {
		return true
	}
	if n.Position == nil {
		return false
	}
	far := m.where(now).to(point{n.Position.X * 1000, n.Position.Y * 1000})
	return far <= math.Max(reach, n.Position.DeviationXY*1000)
}

// malformed checks the form: header, rules R1, R3, R5, known actions.
func (m *model) malformed(o orderMsg) string {
	switch {
	case o.Version != m.p.Version:
		return describe("version %q, this robot speaks %s", o.Version, m.p.Version)
	case o.Manufacturer != m.p.Manufacturer || o.SerialNumber != m.p.Serial:
		return "for another robot"
	case *o.OrderID == "":
		return "no orderId"
	case len(o.Nodes) == 0 || len(o.Edges) != len(o.Nodes)-1:
		return describe("%d nodes, %d edges", len(o.Nodes), len(o.Edges))
	}
	ids := map[string]bool{}
	for i, n := range o.Nodes {
		if n.NodeID == "" || n.SequenceID != o.Nodes[0].SequenceID+2*uint32(i) || n.Actions == nil {
			return describe("node %d", i)
		}
		if n.Released && i > 0 && !o.Nodes[i-1].Released || i == 0 && !n.Released {
			return describe("node %s: the base is not one piece", n.NodeID)
		}
		if p := n.Position; p != nil && !(math.Abs(p.X) < 1e6 && math.Abs(p.Y) < 1e6) {
			return describe("position of node %s", n.NodeID)
		}
		for _, a := range n.Actions {
			if a.ActionID == "" || ids[a.ActionID] || !slices.Contains([]string{"NONE", "SOFT", "HARD"}, a.BlockingType) {
				return describe("action %q", a.ActionID)
			}
			if !m.p.knows(a.ActionType) {
				return describe("action type %q", a.ActionType)
			}
			ids[a.ActionID] = true
		}
	}
	for i, e := range o.Edges {
		if e.EdgeID == "" || e.SequenceID != o.Nodes[i].SequenceID+1 || e.StartNodeID != o.Nodes[i].NodeID || e.EndNodeID != o.Nodes[i+1].NodeID {
			return describe("edge %d", i)
		}
		if e.Released != o.Nodes[i+1].Released {
			return describe("edge %s: released without its end", e.EdgeID)
		}
	}
	return ""
}

// refuse rejects an order: an entry in errors, until a new order is accepted.
func (m *model) refuse(kind string, o orderMsg, why string) {
	refs := []refMsg{{"topic", "order"}, {"headerId", describe("%d", o.HeaderID)}}
	if o.OrderID != nil {
		refs = append(refs, refMsg{"orderId", *o.OrderID})
	}
	if o.OrderUpdateID != nil {
		refs = append(refs, refMsg{"orderUpdateId", describe("%d", *o.OrderUpdateID)})
	}
	m.complain(errorMsg{Type: kind, References: refs, Description: why, Level: "WARNING"})
}

func (m *model) complain(e errorMsg) {
	if len(m.errors) >= 20 {
		m.errors = m.errors[1:]
	}
	m.errors = append(m.errors, e)
}

// takeInstant does instant actions. It returns whether the factsheet was asked
// for.
func (m *model) takeInstant(raw []byte) (wantsFactsheet bool) {
	var msg instantMsg
	if err := json.Unmarshal(raw, &msg); err != nil || msg.Actions == nil || msg.Version != m.p.Version {
		m.complain(errorMsg{Type: validationError, References: []refMsg{{"topic", "instantActions"}}, Description: "not understood", Level: "WARNING"})
		return false
	}
	for _, a := range msg.Actions {
		if a.ActionID == "" || m.state(a.ActionID) != nil {
			continue // sent again
		}
		st := &actionState{ActionID: a.ActionID, ActionType: a.ActionType, ActionStatus: finished}
		m.actions = append(m.actions, st)
		switch a.ActionType {
		case "stateRequest":
		case "factsheetRequest":
			wantsFactsheet = true
		case "startPause":
			m.paused = true
		case "stopPause":
			m.paused = false
		case "cancelOrder":
			switch {
			case m.cancel != nil:
			case !m.busy():
				st.ActionStatus, st.ResultDescription = failed, "no order"
				m.complain(errorMsg{Type: noOrderToCancel, References: []refMsg{{"actionId", a.ActionID}}, Description: "no order", Level: "WARNING"})
			default:
				st.ActionStatus, m.cancel = running, st
			}
		default:
			st.ActionStatus, st.ResultDescription = failed, "unknown instant action"
		}
	}
	return wantsFactsheet
}
