package intent

import (
	"bytes"
	"fmt"
	"slices"
)

// Codes of results. CodeOK is not a fault; the others are in fleet.Faults.
const (
	CodeOK        = "OK"
	CodeNodeHeld  = "NODE_HELD"
	CodeOpen      = "INTENT_OPEN"
	CodeConflict  = "INTENT_CONFLICT"
	CodeUnknown   = "INTENT_UNKNOWN"
	CodeFenced    = "INTENT_FENCED"
	CodeMalformed = "INTENT_MALFORMED"
)

// Apply runs one command. A refusal is a Result that is not OK; the error is
// for a state that is corrupt or a transaction that failed.
func Apply(tx Tx, m Meta, kind, version uint16, body []byte) (Result, error) {
	c, err := Decode(kind, version, body)
	if err != nil {
		return refuse(CodeMalformed, "", "%v", err), nil
	}
	switch c := c.(type) {
	case TakeRobot:
		return takeRobot(tx, c)
	case SetIntent:
		return setIntent(tx, m, c)
	case CancelIntent:
		return cancelIntent(tx, c)
	case CloseIntent:
		return closeIntent(tx, m, c)
	case ReserveNodes:
		return reserveNodes(tx, c)
	case ReleaseNodes:
		return releaseNodes(tx, c)
	case RobotSeen:
		return robotSeen(tx, c)
	}
	return refuse(CodeMalformed, "", "kind %#04x", kind), nil
}

func refuse(code, ref, format string, args ...any) Result {
	return Result{Code: code, Ref: ref, Text: fmt.Sprintf(format, args...)}
}

func done(robot, ref string) Result {
	return Result{OK: true, Code: CodeOK, Ref: ref, Touched: []string{"robot/" + robot}}
}

func takeRobot(tx Tx, c TakeRobot) (Result, error) {
	rec, _, err := load(tx, c.Robot)
	if err != nil {
		return Result{}, err
	}
	rec.Master = c.Master
	return done(c.Robot, ""), save(tx, rec)
}

// owned is the record of a robot for its master, or the refusal for another.
func owned(tx Tx, robot, master string) (*Robot, *Result, error) {
	rec, _, err := load(tx, robot)
	if err != nil {
		return nil, nil, err
	}
	if rec.Master != master {
		res := refuse(CodeFenced, "", "robot %s was taken over by another gateway", robot)
		return nil, &res, nil
	}
	return rec, nil, nil
}

func setIntent(tx Tx, m Meta, c SetIntent) (Result, error) {
	rec, no, err := owned(tx, c.Robot, c.Master)
	if err != nil || no != nil {
		return deref(no), err
	}
	next := Intent{
		OrderID: c.OrderID, OrderUpdateID: c.OrderUpdateID, Order: c.Order,
		Job: c.Job, Leg: c.Leg, Target: c.Target, Final: c.Final, Since: m.Now,
	}
	held := c.Nodes
	if open := rec.Open; open != nil {
		if open.OrderID != c.OrderID {
			return refuse(CodeOpen, open.OrderID, "robot %s still has order %s", c.Robot, open.OrderID), nil
		}
		if open.OrderUpdateID == c.OrderUpdateID {
			same := bytes.Equal(open.Order, c.Order) && open.Job == c.Job && open.Leg == c.Leg && open.Target == c.Target && open.Final == c.Final
			if !same {
				return refuse(CodeConflict, c.OrderID, "order %s update %d was recorded with other content", c.OrderID, c.OrderUpdateID), nil
			}
			return done(c.Robot, c.OrderID), nil
		}
		// At most one message may be under way, and a cancelled order is
		// never continued.
		if c.OrderUpdateID != open.OrderUpdateID+1 || !open.Acked || open.Cancelling || c.Job != open.Job {
			return refuse(CodeConflict, c.OrderID, "order %s: update %d does not follow update %d", c.OrderID, c.OrderUpdateID, open.OrderUpdateID), nil
		}
		held = Set(append(slices.Clone(rec.Nodes), c.Nodes...))
		if len(held) > MaxNodes {
			return refuse(CodeMalformed, "", "robot %s would hold %d nodes", c.Robot, len(held)), nil
		}
	} else if c.OrderUpdateID != 0 {
		return refuse(CodeConflict, c.OrderID, "order %s begins with update %d", c.OrderID, c.OrderUpdateID), nil
	} else if rec.Last != nil && rec.Last.OrderID == c.OrderID {
		return refuse(CodeConflict, c.OrderID, "order %s is over", c.OrderID), nil
	}
	if res, err := hold(tx, rec, held); err != nil || res != nil {
		return deref(res), err
	}
	rec.Open = &next
	return done(c.Robot, c.OrderID), save(tx, rec)
}

// hold makes held all the nodes of the robot: all of them or, when another
// robot has one, none.
func hold(tx Tx, rec *Robot, held []string) (*Result, error) {
	for _, n := range held {
		by, err := Holder(tx, n)
		if err != nil {
			return nil, err
		}
		if by != "" && by != rec.ID {
			res := refuse(CodeNodeHeld, by, "node %s is held by robot %s", n, by)
			return &res, nil
		}
		if by == "" {
			if err := tx.Set(key("node", n), []byte(rec.ID)); err != nil {
				return nil, err
			}
		}
	}
	for _, n := range rec.Nodes {
		if _, keep := slices.BinarySearch(held, n); !keep {
			if err := tx.Delete(key("node", n)); err != nil {
				return nil, err
			}
		}
	}
	rec.Nodes = held
	return nil, nil
}

func deref(r *Result) Result {
	if r == nil {
		return Result{}
	}
	return *r
}

func cancelIntent(tx Tx, c CancelIntent) (Result, error) {
	rec, no, err := owned(tx, c.Robot, c.Master)
	if err != nil || no != nil {
		return deref(no), err
	}
	if rec.Open == nil || rec.Open.OrderID != c.OrderID {
		return refuse(CodeUnknown, c.OrderID, "robot %s has no order %s", c.Robot, c.OrderID), nil
	}
	if rec.Open.Cancelling {
		return done(c.Robot, c.OrderID), nil
	}
	rec.Open.Cancelling, rec.Open.CancelCode = true, c.Code
	return done(c.Robot, c.OrderID), save(tx, rec)
}

func closeIntent(tx Tx, m Meta, c CloseIntent) (Result, error) {
	rec, no, err := owned(tx, c.Robot, c.Master)
	if err != nil || no != nil {
		return deref(no), err
	}
	if rec.Open == nil || rec.Open.OrderID != c.OrderID {
		if rec.Last != nil && rec.Last.OrderID == c.OrderID {
			return done(c.Robot, c.OrderID), nil
		}
		return refuse(CodeUnknown, c.OrderID, "robot %s has no order %s", c.Robot, c.OrderID), nil
	}
	for _, n := range c.Keep {
		if _, held := slices.BinarySearch(rec.Nodes, n); !held {
			return refuse(CodeConflict, c.OrderID, "robot %s does not hold node %s", c.Robot, n), nil
		}
	}
	if res, err := hold(tx, rec, c.Keep); err != nil || res != nil {
		return deref(res), err
	}
	rec.Last = &Closed{OrderID: c.OrderID, Outcome: c.Outcome, Code: c.Code, Job: rec.Open.Job, At: m.Now}
	if rec.Open.Job != "" {
		if rec.Failed = ""; c.Outcome != Done {
			rec.Failed = c.OrderID
		}
	}
	rec.Open = nil
	return done(c.Robot, c.OrderID), save(tx, rec)
}

func reserveNodes(tx Tx, c ReserveNodes) (Result, error) {
	rec, no, err := owned(tx, c.Robot, c.Master)
	if err != nil || no != nil {
		return deref(no), err
	}
	all := Set(append(slices.Clone(rec.Nodes), c.Nodes...))
	if len(all) > MaxNodes {
		return refuse(CodeMalformed, "", "robot %s would hold %d nodes", c.Robot, len(all)), nil
	}
	if len(all) == len(rec.Nodes) {
		return done(c.Robot, ""), nil
	}
	if res, err := hold(tx, rec, all); err != nil || res != nil {
		return deref(res), err
	}
	return done(c.Robot, ""), save(tx, rec)
}

func releaseNodes(tx Tx, c ReleaseNodes) (Result, error) {
	rec, no, err := owned(tx, c.Robot, c.Master)
	if err != nil || no != nil {
		return deref(no), err
	}
	left := slices.DeleteFunc(slices.Clone(rec.Nodes), func(n string) bool {
		_, gone := slices.BinarySearch(c.Nodes, n)
		return gone
	})
	if len(left) == len(rec.Nodes) {
		return done(c.Robot, ""), nil
	}
	if res, err := hold(tx, rec, left); err != nil || res != nil {
		return deref(res), err
	}
	return done(c.Robot, ""), save(tx, rec)
}

func robotSeen(tx Tx, c RobotSeen) (Result, error) {
	rec, no, err := owned(tx, c.Robot, c.Master)
	if err != nil || no != nil {
		return deref(no), err
	}
	changed := false
	set := func(field *string, v string) {
		if v != "" && *field != v {
			*field, changed = v, true
		}
	}
	set(&rec.Version, c.Version)
	set(&rec.Factsheet, c.Factsheet)
	if o := rec.Open; o != nil && o.OrderID == c.OrderID && o.OrderUpdateID == c.OrderUpdateID && !o.Acked {
		o.Acked, changed = true, true
	}
	if !changed {
		return done(c.Robot, c.OrderID), nil
	}
	return done(c.Robot, c.OrderID), save(tx, rec)
}
