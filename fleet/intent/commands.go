package intent

import "slices"

// Kinds. Changing one breaks every stored log.
const (
	KindSetIntent    uint16 = 0x0301
	KindCloseIntent  uint16 = 0x0302
	KindReserveNodes uint16 = 0x0303
	KindReleaseNodes uint16 = 0x0304
	KindRobotSeen    uint16 = 0x0305
	KindCancelIntent uint16 = 0x0306
	KindTakeRobot    uint16 = 0x0307
)

// Handles says whether a kind belongs to this package.
func Handles(kind uint16) bool { return kind>>8 == 0x03 }

// Command is one of the structs below.
type Command interface{ Kind() uint16 }

// Outcome of an order that is over.
type Outcome string

// Outcomes. Changing one breaks every stored log.
const (
	Done      Outcome = "DONE"
	Failed    Outcome = "FAILED"
	Cancelled Outcome = "CANCELLED"
)

// Master, in the commands below, is the id with which whoever proposes took the
// robot over. A command of another than the robot's last master is refused: what
// it decided on may be old.
type (
	// TakeRobot makes Master the robot's master. Every taking over has an id
	// of its own.
	TakeRobot struct {
		Robot  string `cbor:"1,keyasint"`
		Master string `cbor:"2,keyasint"`
	}

	// SetIntent records an order before it is published. With a new OrderID
	// the robot must have no open order and Nodes is all it holds from now
	// on. With the open OrderID it is the next update and Nodes are added.
	// The same again is a no-op; the same ids with other content is refused.
	SetIntent struct {
		Robot         string `cbor:"1,keyasint"`
		OrderID       string `cbor:"2,keyasint"`
		OrderUpdateID uint32 `cbor:"3,keyasint,omitempty"`
		// Order is the body as it is published: JSON without the header.
		Order []byte `cbor:"4,keyasint"`
		// Job and Leg say what the order is for; "" = a drive of the
		// master's own (to the park node).
		Job   string   `cbor:"5,keyasint,omitempty"`
		Leg   string   `cbor:"6,keyasint,omitempty"`
		Nodes []string `cbor:"7,keyasint"`
		// Target is the node the order ends at.
		Target string `cbor:"8,keyasint"`
		// Final: the job is over with this leg.
		Final  bool   `cbor:"9,keyasint,omitempty"`
		Master string `cbor:"20,keyasint,omitempty"`
	}

	// CancelIntent records that the open order is to be cancelled, before
	// cancelOrder is sent. No update follows.
	CancelIntent struct {
		Robot   string `cbor:"1,keyasint"`
		OrderID string `cbor:"2,keyasint"`
		Code    string `cbor:"3,keyasint,omitempty"`
		Master  string `cbor:"20,keyasint,omitempty"`
	}

	// CloseIntent ends the open order. Of the nodes held, Keep stay held.
	CloseIntent struct {
		Robot   string   `cbor:"1,keyasint"`
		OrderID string   `cbor:"2,keyasint"`
		Outcome Outcome  `cbor:"3,keyasint"`
		Code    string   `cbor:"4,keyasint,omitempty"`
		Keep    []string `cbor:"5,keyasint,omitempty"`
		Master  string   `cbor:"20,keyasint,omitempty"`
	}

	// ReserveNodes takes further nodes, all or none.
	ReserveNodes struct {
		Robot  string   `cbor:"1,keyasint"`
		Nodes  []string `cbor:"2,keyasint"`
		Master string   `cbor:"20,keyasint,omitempty"`
	}

	// ReleaseNodes gives nodes back; one that is not held is a no-op.
	ReleaseNodes struct {
		Robot  string   `cbor:"1,keyasint"`
		Nodes  []string `cbor:"2,keyasint"`
		Master string   `cbor:"20,keyasint,omitempty"`
	}

	// RobotSeen records what a robot told of itself: its version and
	// factsheet, and that it knows an order. Empty fields leave what is
	// there.
	RobotSeen struct {
		Robot   string `cbor:"1,keyasint"`
		Version string `cbor:"2,keyasint,omitempty"`
		// Factsheet is the hex SHA-256 of the last factsheet.
		Factsheet     string `cbor:"3,keyasint,omitempty"`
		OrderID       string `cbor:"4,keyasint,omitempty"`
		OrderUpdateID uint32 `cbor:"5,keyasint,omitempty"`
		Master        string `cbor:"20,keyasint,omitempty"`
	}
)

// Kind implements Command.
func (TakeRobot) Kind() uint16    { return KindTakeRobot }
func (SetIntent) Kind() uint16    { return KindSetIntent }
func (CancelIntent) Kind() uint16 { return KindCancelIntent }
func (CloseIntent) Kind() uint16  { return KindCloseIntent }
func (ReserveNodes) Kind() uint16 { return KindReserveNodes }
func (ReleaseNodes) Kind() uint16 { return KindReleaseNodes }
func (RobotSeen) Kind() uint16    { return KindRobotSeen }

// Bounds of a command.
const (
	MaxOrder = 48 << 10 // bytes of an order
	MaxNodes = 500      // nodes one robot may hold
	maxName  = 128      // bytes of an id
)

// check names the first field that is out of bounds, "" when all is well.
func check(c Command) string {
	switch c := c.(type) {
	case TakeRobot:
		if !name(c.Robot) || !name(c.Master) {
			return "robot or master"
		}
	case SetIntent:
		switch {
		case !optional(c.Master):
			return "master"
		case !name(c.Robot) || !name(c.OrderID):
			return "robot or order id"
		case len(c.Order) == 0 || len(c.Order) > MaxOrder:
			return "order"
		case !optional(c.Job) || !optional(c.Leg) || !name(c.Target):
			return "job, leg or target"
		case !nodes(c.Nodes, 1) || !slices.Contains(c.Nodes, c.Target):
			return "nodes: must rise, at most 500, with the target"
		}
	case CancelIntent:
		if !name(c.Robot) || !name(c.OrderID) || !optional(c.Code) || !optional(c.Master) {
			return "robot, order id, code or master"
		}
	case CloseIntent:
		switch {
		case !name(c.Robot) || !name(c.OrderID) || !optional(c.Code) || !optional(c.Master):
			return "robot, order id, code or master"
		case c.Outcome != Done && c.Outcome != Failed && c.Outcome != Cancelled:
			return "outcome"
		case !nodes(c.Keep, 0):
			return "keep: must rise, at most 500"
		}
	case ReserveNodes:
		if !name(c.Robot) || !nodes(c.Nodes, 1) || !optional(c.Master) {
			return "robot, nodes or master"
		}
	case ReleaseNodes:
		if !name(c.Robot) || !nodes(c.Nodes, 1) || !optional(c.Master) {
			return "robot, nodes or master"
		}
	case RobotSeen:
		if !name(c.Robot) || !optional(c.Version) || !optional(c.Factsheet) || !optional(c.OrderID) || !optional(c.Master) {
			return "robot, version, factsheet, order id or master"
		}
	}
	return ""
}

func optional(s string) bool { return s == "" || name(s) }

// name: the zero byte separates the components of a key.
func name(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return true
}

// nodes must rise: one set has one encoding.
func nodes(ns []string, least int) bool {
	if len(ns) < least || len(ns) > MaxNodes {
		return false
	}
	for i, n := range ns {
		if !name(n) || i > 0 && n <= ns[i-1] {
			return false
		}
	}
	return true
}

// Set sorts node names and drops repeats, the form commands want.
func Set(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}
