package fleet

import (
	"cmp"
	"math"
	"time"
)

// States of a robot, for people.
const (
	StateAbsent     = "absent"     // not heard of
	StateIdle       = "idle"       // waits for a job at its park node
	StateWaiting    = "waiting"    // has a job and waits for nodes, or for its order to be confirmed
	StateMoving     = "moving"     // drives for a job
	StateActing     = "acting"     // picks, drops, …
	StateParking    = "parking"    // drives to its park node
	StateCancelling = "cancelling" // its order is being cancelled
	StateLost       = "lost"       // out of reach
	StateFault      = "fault"      // cannot be commanded
	StateHolding    = "holding"    // this gateway does not lead, or nothing can be recorded: it sends nothing
)

// RobotStatus is a robot as the console shows it.
type RobotStatus struct {
	ID       string
	State    string // StateIdle, …
	Node     string // last node, "" = unknown
	X, Y     int64  // mm
	Theta    int64  // mrad
	Known    bool   // X, Y and Theta are known
	Battery  int    // percent; -1 = unknown
	Charging bool
	Loads    []string
	Job, Leg string
	Target   string    // where it drives to
	Since    time.Time // of State and Code
	Code     string    // "" = all is well
	Text     string    // the facts of this case: what it waits for, held by whom
	Action   string    // what a person does now
	Broker   int       // index of the client it was last heard on; -1 = never
}

// Status lists all robots in the order of the configuration.
func (m *Master) Status() []RobotStatus {
	out := make([]RobotStatus, len(m.units))
	for i, u := range m.units {
		out[i] = u.status()
	}
	return out
}

func (u *unit) status() RobotStatus {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.shown
	s.Broker = u.sight.broker
	st := u.sight.state
	if st == nil {
		return s
	}
	s.Node = u.sight.place(u.m.graph)
	if x, y, theta, ok := pose(st); ok {
		s.X, s.Y, s.Theta, s.Known = x, y, theta, true
	}
	if c := st.Battery.Charge; c >= 0 && c <= 100 {
		s.Battery = int(math.Round(c))
	}
	s.Charging = st.Battery.Charging
	if st.Loads != nil {
		for _, l := range *st.Loads {
			s.Loads = append(s.Loads, cmp.Or(l.LoadID, l.LoadType, "?"))
		}
	}
	if g := u.sight.garbled; s.Code == "" && !g.IsZero() && u.m.cfg.Now().Sub(g) < garbledTime {
		s.Code, s.Text, s.Action = CodeMalformed, u.sight.why, action(CodeMalformed)
	}
	return s
}

// garbledTime is how long a message that could not be read is shown.
const garbledTime = 10 * time.Second

// show sets what Status tells, and logs when it is another state or code.
func (u *unit) show(state, code, text string) {
	now := u.m.cfg.Now()
	job, leg, target := "", "", ""
	if u.rec != nil && u.rec.Open != nil {
		job, leg, target = u.rec.Open.Job, u.rec.Open.Leg, u.rec.Open.Target
	} else if u.job != nil && len(u.job.Legs) > 0 {
		job, leg, target = u.job.ID, u.job.Legs[0].ID, u.job.Legs[0].Node
	}
	u.mu.Lock()
	was := u.shown
	next := RobotStatus{
		ID: u.cfg.ID, State: state, Code: code, Text: text, Action: action(code),
		Job: job, Leg: leg, Target: target, Since: was.Since, Battery: -1, Broker: -1,
	}
	turned := was.State != state || was.Code != code
	if turned || was.Since.IsZero() {
		next.Since = now
	}
	u.shown = next
	u.mu.Unlock()
	if turned {
		u.logTurn(was, next)
	}
	if turned || was.Job != job || was.Leg != leg || was.Text != text {
		u.m.cfg.Changed()
	}
}

// logTurn writes one line for each change that matters: errors only when a
// person must act.
func (u *unit) logTurn(was, is RobotStatus) {
	args := []any{"state", is.State, "code", is.Code, "text", is.Text, "job", is.Job}
	switch {
	case u.watching:
		u.log.Debug("robot, seen from a gateway that does not lead", args...)
	case is.Code == was.Code || is.Code == CodeWaits || was.Code == CodeWaits && is.Code == "":
		u.log.Debug("robot", args...)
	case is.Code == "":
		u.log.Info("robot is well again", args...)
	case is.State == StateFault || is.Code == CodeRejected || is.Code == CodeLoaded:
		u.log.Error("robot", args...)
	default:
		u.log.Warn("robot", args...)
	}
}
