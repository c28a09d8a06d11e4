package intent

import "fmt"

// Reader is a consistent snapshot of the replicated state.
type Reader interface {
	// Get returns the value of key, or nil when the key is absent. The
	// caller must not change the returned bytes.
	Get(key []byte) ([]byte, error)
	// Range calls fn for each key with the given prefix in ascending byte
	// order until fn returns false or an error.
	Range(prefix []byte, fn func(key, value []byte) (bool, error)) error
}

// Tx is what a command may do to the replicated state; it sees its own writes.
type Tx interface {
	Reader
	Set(key, value []byte) error
	Delete(key []byte) error
}

// Meta is what the log knows of a command.
type Meta struct {
	Index uint64
	Now   int64 // cluster time, ms since 1970 UTC
	Actor string
}

// Result is the answer of one command. All writes of a refused one are dropped.
type Result struct {
	OK   bool
	Code string // CodeOK or a refusal
	Text string // the facts of this case, for a person
	Ref  string // NODE_HELD: the robot that holds the node
	// Touched lists the projections that changed: "robot/R1".
	Touched []string
}

// Keys. Changing anything here breaks compatibility with every stored snapshot.
// Components are separated by a zero byte.
//
//	fleet robot id     Robot
//	fleet node  node   id of the robot that holds it
const root = "fleet"

// Robot is what the site knows of a robot for good.
type Robot struct {
	ID        string   `cbor:"1,keyasint"`
	Nodes     []string `cbor:"2,keyasint,omitempty"` // held, rising
	Open      *Intent  `cbor:"3,keyasint,omitempty"` // nil = no order
	Last      *Closed  `cbor:"4,keyasint,omitempty"` // the order before
	Version   string   `cbor:"5,keyasint,omitempty"`
	Factsheet string   `cbor:"6,keyasint,omitempty"`
	// Failed is the order whose job failed, until a later one is done: what
	// the robot carries after it belongs to no job.
	Failed string `cbor:"7,keyasint,omitempty"`
	// Master is the id of the last taking over; only its commands count.
	Master string `cbor:"8,keyasint,omitempty"`
}

// Intent is an order that is not over.
type Intent struct {
	OrderID       string `cbor:"1,keyasint"`
	OrderUpdateID uint32 `cbor:"2,keyasint,omitempty"`
	Order         []byte `cbor:"3,keyasint"`
	Job           string `cbor:"4,keyasint,omitempty"`
	Leg           string `cbor:"5,keyasint,omitempty"`
	Target        string `cbor:"6,keyasint"`
	Since         int64  `cbor:"7,keyasint"` // ms
	// Acked: the robot was seen to know the order. An order that was acked
	// is never sent again.
	Acked      bool   `cbor:"8,keyasint,omitempty"`
	Cancelling bool   `cbor:"9,keyasint,omitempty"`
	CancelCode string `cbor:"10,keyasint,omitempty"`
	Final      bool   `cbor:"11,keyasint,omitempty"`
}

// Closed is an order that is over.
type Closed struct {
	OrderID string  `cbor:"1,keyasint"`
	Outcome Outcome `cbor:"2,keyasint"`
	Code    string  `cbor:"3,keyasint,omitempty"`
	Job     string  `cbor:"4,keyasint,omitempty"`
	At      int64   `cbor:"5,keyasint"` // ms
}

func key(parts ...string) []byte {
	b := []byte(root)
	for _, p := range parts {
		b = append(b, 0)
		b = append(b, p...)
	}
	return b
}

func under(part string) []byte { return append(key(part), 0) }

// load gives the record of a robot, an empty one when there is none.
func load(r Reader, id string) (*Robot, bool, error) {
	b, err := r.Get(key("robot", id))
	if err != nil || b == nil {
		return &Robot{ID: id}, false, err
	}
	rec, err := decodeRobot(b)
	return rec, err == nil, err
}

func decodeRobot(b []byte) (*Robot, error) {
	rec := new(Robot)
	if err := decMode.Unmarshal(b, rec); err != nil {
		return nil, fmt.Errorf("%w: robot: %w", ErrCorrupt, err)
	}
	return rec, nil
}

func save(tx Tx, rec *Robot) error {
	b, err := encMode.Marshal(rec)
	if err != nil {
		return fmt.Errorf("fleet/intent: encode robot %s: %w", rec.ID, err)
	}
	return tx.Set(key("robot", rec.ID), b)
}

// Get is one robot; nil when nothing was ever recorded of it.
func Get(r Reader, id string) (*Robot, error) {
	rec, known, err := load(r, id)
	if err != nil || !known {
		return nil, err
	}
	return rec, nil
}

// Robots lists all robots by id.
func Robots(r Reader) ([]Robot, error) {
	var out []Robot
	err := r.Range(under("robot"), func(_, b []byte) (bool, error) {
		rec, err := decodeRobot(b)
		if err != nil {
			return false, err
		}
		out = append(out, *rec)
		return true, nil
	})
	return out, err
}

// Holder is the robot that holds a node, "" when it is free.
func Holder(r Reader, node string) (string, error) {
	b, err := r.Get(key("node", node))
	return string(b), err
}

// Hold is a node and the robot that holds it.
type Hold struct{ Node, Robot string }

// Holds lists every node that is held, by node.
func Holds(r Reader) ([]Hold, error) {
	var out []Hold
	prefix := under("node")
	err := r.Range(prefix, func(k, b []byte) (bool, error) {
		out = append(out, Hold{string(k[len(prefix):]), string(b)})
		return true, nil
	})
	return out, err
}
