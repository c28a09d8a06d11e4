package vda5050

import (
	"encoding/json"
	"fmt"
	"math"
)

// Bounds of what is written. A robot's factsheet may be narrower.
const (
	MaxNodes   = 500
	MaxActions = 20
	MaxParams  = 50
	MaxID      = 128
	// MaxBody is the longest order body: one replicated record.
	MaxBody = 48 << 10
)

// Blocking types of an action (6.9).
const (
	BlockingNone = "NONE"
	BlockingSoft = "SOFT"
	BlockingHard = "HARD"
)

// Actions of the standard the master uses (6.8).
const (
	ActionPick             = "pick"
	ActionDrop             = "drop"
	ActionCancelOrder      = "cancelOrder"
	ActionStateRequest     = "stateRequest"
	ActionFactsheetRequest = "factsheetRequest"
)

// Order is the body of an order message: everything but the header.
type Order struct {
	OrderID       string `json:"orderId"`
	OrderUpdateID uint32 `json:"orderUpdateId"`
	Nodes         []Node `json:"nodes"`
	Edges         []Edge `json:"edges"`
}

// Node is a point of the route.
type Node struct {
	NodeID     string    `json:"nodeId"`
	SequenceID uint32    `json:"sequenceId"` // even: 0, 2, 4…
	Released   bool      `json:"released"`
	Position   *Position `json:"nodePosition,omitempty"`
	Actions    []Action  `json:"actions"`
}

// Position is where a node lies, in metres and radians.
type Position struct {
	X     float64  `json:"x"`
	Y     float64  `json:"y"`
	Theta *float64 `json:"theta,omitempty"` // (-pi, pi]; nil = any
	// AllowedDeviationXY is a radius; 0 = the maker's normal tolerance.
	AllowedDeviationXY float64 `json:"allowedDeviationXY,omitempty"`
	MapID              string  `json:"mapId"`
}

// Edge joins the node before it to the node behind it.
type Edge struct {
	EdgeID      string   `json:"edgeId"`
	SequenceID  uint32   `json:"sequenceId"` // odd: 1, 3, 5…
	Released    bool     `json:"released"`
	StartNodeID string   `json:"startNodeId"`
	EndNodeID   string   `json:"endNodeId"`
	MaxSpeed    float64  `json:"maxSpeed,omitempty"` // m/s; 0 = the robot's own
	Length      float64  `json:"length,omitempty"`   // m
	Actions     []Action `json:"actions"`
}

// Action is something to do at a node, or at once.
type Action struct {
	ActionType   string  `json:"actionType"`
	ActionID     string  `json:"actionId"`
	BlockingType string  `json:"blockingType"`
	Parameters   []Param `json:"actionParameters,omitempty"`
}

// Param is a parameter of an action. Value is a string, bool or number.
type Param struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// EncodeOrder checks the rules R1, R3, R5 and the bounds above and gives the
// body. Required arrays are written as [], never as null. The first sequenceId
// may be any even number: an update begins at the end of the base.
func EncodeOrder(o Order) ([]byte, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	for i := range o.Nodes {
		o.Nodes[i].Actions = notNil(o.Nodes[i].Actions)
	}
	for i := range o.Edges {
		o.Edges[i].Actions = notNil(o.Edges[i].Actions)
	}
	o.Edges = notNil(o.Edges)
	body, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("%w: order %s: %w", ErrInvalid, o.OrderID, err)
	}
	if len(body) > MaxBody {
		return nil, fmt.Errorf("%w: order %s of %d bytes, the most is %d", ErrTooBig, o.OrderID, len(body), MaxBody)
	}
	return body, nil
}

// DecodeOrder reads a body back; it must keep the rules.
func DecodeOrder(body []byte) (Order, error) {
	var o Order
	if err := decode(body, &o, "order"); err != nil {
		return Order{}, err
	}
	if err := o.Check(); err != nil {
		return Order{}, err
	}
	return o, nil
}

// Check tells the first rule the order breaks.
func (o Order) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: order %.40q: %s", ErrInvalid, o.OrderID, fmt.Sprintf(format, args...))
	}
	switch {
	case !validID(o.OrderID, MaxID):
		return bad("orderId")
	case len(o.Nodes) == 0 || len(o.Nodes) > MaxNodes:
		return bad("%d nodes, want 1..%d", len(o.Nodes), MaxNodes)
	case len(o.Edges) != len(o.Nodes)-1:
		return bad("%d edges between %d nodes", len(o.Edges), len(o.Nodes))
	case o.Nodes[0].SequenceID%2 != 0:
		return bad("first sequenceId %d is odd", o.Nodes[0].SequenceID)
	case !o.Nodes[0].Released:
		return bad("the first node is not released")
	}
	ids := map[string]bool{}
	first := o.Nodes[0].SequenceID
	for i, n := range o.Nodes {
		if !validID(n.NodeID, MaxID) || n.SequenceID != first+2*uint32(i) {
			return bad("node %d: id %.40q, sequenceId %d", i, n.NodeID, n.SequenceID)
		}
		if p := n.Position; p != nil {
			if !finite(p.X, p.Y, p.AllowedDeviationXY) || p.AllowedDeviationXY < 0 || p.MapID == "" || p.Theta != nil && !(math.Abs(*p.Theta) <= math.Pi) {
				return bad("position of node %s", n.NodeID)
			}
		}
		if err := checkActions(n.Actions, ids); err != nil {
			return bad("node %s: %v", n.NodeID, err)
		}
	}
	for i, e := range o.Edges {
		from, to := o.Nodes[i], o.Nodes[i+1]
		switch {
		case !validID(e.EdgeID, MaxID) || e.SequenceID != first+2*uint32(i)+1:
			return bad("edge %d: id %.40q, sequenceId %d", i, e.EdgeID, e.SequenceID)
		case e.StartNodeID != from.NodeID || e.EndNodeID != to.NodeID:
			return bad("edge %s does not join %s and %s", e.EdgeID, from.NodeID, to.NodeID)
		case e.Released != to.Released || to.Released && !from.Released:
			return bad("edge %s: what is released is not one piece at the front", e.EdgeID)
		case !finite(e.MaxSpeed, e.Length) || e.MaxSpeed < 0 || e.Length < 0:
			return bad("edge %s: speed or length", e.EdgeID)
		}
		if err := checkActions(e.Actions, ids); err != nil {
			return bad("edge %s: %v", e.EdgeID, err)
		}
	}
	return nil
}

func checkActions(as []Action, ids map[string]bool) error {
	if len(as) > MaxActions {
		return fmt.Errorf("%d actions, the most is %d", len(as), MaxActions)
	}
	for _, a := range as {
		switch {
		case !validID(a.ActionType, MaxID) || !validID(a.ActionID, MaxID):
			return fmt.Errorf("action %.40q, id %.40q", a.ActionType, a.ActionID)
		case ids[a.ActionID]:
			return fmt.Errorf("actionId %s twice", a.ActionID)
		case a.BlockingType != BlockingNone && a.BlockingType != BlockingSoft && a.BlockingType != BlockingHard:
			return fmt.Errorf("action %s: blockingType %.20q", a.ActionID, a.BlockingType)
		case len(a.Parameters) > MaxParams:
			return fmt.Errorf("action %s: %d parameters, the most is %d", a.ActionID, len(a.Parameters), MaxParams)
		}
		ids[a.ActionID] = true
		for _, p := range a.Parameters {
			if p.Key == "" || !plain(p.Value) {
				return fmt.Errorf("action %s: parameter %.40q of type %T", a.ActionID, p.Key, p.Value)
			}
		}
	}
	return nil
}

// plain allows what every robot can read.
func plain(v any) bool {
	switch v := v.(type) {
	case string, bool, int, int64, uint32:
		return true
	case float64:
		return finite(v)
	}
	return false
}

func finite(vs ...float64) bool {
	for _, v := range vs {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// EncodeAction gives the body of an instantActions message. It holds one action
// only: a message with several kills robots seen in the field.
func EncodeAction(a Action) ([]byte, error) {
	if err := checkActions([]Action{a}, map[string]bool{}); err != nil {
		return nil, fmt.Errorf("%w: instant action: %w", ErrInvalid, err)
	}
	body, err := json.Marshal(struct {
		Actions []Action `json:"actions"`
	}{[]Action{a}})
	if err != nil {
		return nil, fmt.Errorf("%w: instant action: %w", ErrInvalid, err)
	}
	return body, nil
}
