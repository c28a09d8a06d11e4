package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"tote/fleet/vda5050"
)

// sight is what is known of a robot from its messages. The unit's mutex guards
// it; the states it points to never change.
type sight struct {
	state  *vda5050.State // newest one in the right version, nil = none
	count  uint64         // states taken so far
	at     time.Time      // when it came, our clock
	heard  time.Time      // when anything came from the robot itself
	broker int            // where it came in; -1 = never

	version string // a wrong version it spoke last, "" = the right one
	garbled time.Time
	why     string            // what was wrong with the garbled message
	broken  map[int]time.Time // by broker: since when the connection is gone
	twins   twins
	sheet   *vda5050.Factsheet
	digest  string // hex SHA-256 of what is read of the factsheet
}

// take reads one message. It says whether anything has changed.
func (s *sight) take(cfg RobotConfig, name string, broker int, raw []byte, now time.Time) bool {
	garbled := func(format string, args ...any) bool {
		s.garbled, s.why = now, name+": "+fmt.Sprintf(format, args...)
		return true
	}
	mine := func(h vda5050.Header) bool { return h.Manufacturer == cfg.Manufacturer && h.SerialNumber == cfg.Serial }
	switch name {
	case vda5050.TopicState:
		st, err := vda5050.DecodeState(raw)
		switch {
		case err != nil:
			return garbled("%v", err)
		case !mine(st.Header):
			return garbled("the header says %q %q", st.Manufacturer, st.SerialNumber)
		case !s.twins.news(st.Header, now):
			return false
		}
		s.heard, s.broker = now, broker
		delete(s.broken, broker) // some robots never say ONLINE after a reconnect
		if s.version = ""; st.Version != cfg.Version {
			s.version = st.Version
			return true
		}
		s.state, s.at = &st, now
		s.count++
	case vda5050.TopicConnection:
		c, err := vda5050.DecodeConnection(raw)
		switch {
		case err != nil:
			return garbled("%v", err)
		case !mine(c.Header):
			return garbled("the header says %q %q", c.Manufacturer, c.SerialNumber)
		case c.State == vda5050.Online:
			delete(s.broken, broker)
			if s.broker < 0 {
				s.broker = broker
			}
		case s.broken[broker].IsZero():
			s.broken[broker] = now
		}
	case vda5050.TopicFactsheet:
		f, err := vda5050.DecodeFactsheet(raw)
		if err != nil {
			return garbled("%v", err)
		}
		f.Header = vda5050.Header{} // else every message would be another factsheet
		same, _ := json.Marshal(f)  // plain fields always encode
		sum := sha256.Sum256(same)
		s.sheet, s.digest = &f, hex.EncodeToString(sum[:])
	}
	return true
}

// offline says since when the broker the robot was last heard on has it as gone.
func (s *sight) offline() (time.Time, bool) {
	since, gone := s.broken[s.broker]
	return since, gone && !since.Before(s.heard)
}

// pose is where the robot says it is, in mm and mrad; false when it does not
// know or says nonsense.
func pose(st *vda5050.State) (x, y, theta int64, ok bool) {
	if st == nil || st.Position == nil || !st.Position.Initialized {
		return 0, 0, 0, false
	}
	p := st.Position
	if !(math.Abs(p.X) < 1e6 && math.Abs(p.Y) < 1e6 && math.Abs(p.Theta) < 1e3) {
		return math.MaxInt32, math.MaxInt32, 0, true // certainly outside
	}
	return int64(math.Round(p.X * 1000)), int64(math.Round(p.Y * 1000)), int64(math.Round(p.Theta * 1000)), true
}

// fault is something that keeps a robot from working.
type fault struct {
	code, text string
	lost       bool // out of reach, rather than wrong
}

// state is how a robot with the fault is shown.
func (f *fault) state() string {
	switch {
	case f.code == CodeAbsent:
		return StateAbsent
	case f.lost:
		return StateLost
	}
	return StateFault
}

// judge says what is wrong with a robot, nil when it can be commanded. Only what
// came since the given time counts: a new leader looks for itself.
func (s *sight) judge(cfg RobotConfig, g *graph, t Timing, since, now time.Time) *fault {
	heard := s.heard
	if heard.Before(since) {
		heard = since
	}
	gone, offline := s.offline()
	st := s.state
	switch {
	case s.twins.two(now):
		return &fault{code: CodeTwice, text: "states of two devices come in turns"}
	case s.heard.IsZero() && now.Sub(since) < t.Lost:
		return &fault{code: CodeAbsent, text: "not heard of yet", lost: true}
	case s.heard.IsZero():
		return &fault{code: CodeAbsent, text: "never heard of", lost: true}
	case offline && now.Sub(gone) >= t.Silence:
		return &fault{code: CodeLost, text: "its connection broke", lost: true}
	case now.Sub(heard) >= t.Lost:
		return &fault{code: CodeLost, text: fmt.Sprintf("silent for %v", now.Sub(s.heard).Round(time.Second)), lost: true}
	case s.version != "":
		return &fault{code: CodeVersion, text: fmt.Sprintf("it speaks %.40q, configured is %s", s.version, cfg.Version)}
	case st == nil:
		return &fault{code: CodeAbsent, text: "no state yet", lost: true}
	}
	x, y, _, posed := pose(st)
	switch fatal := st.Fatal(); {
	case fatal != nil:
		return &fault{code: CodeError, text: fmt.Sprintf("%.80s: %.200s", fatal.Type, fatal.Description)}
	case posed && st.Position.MapID != "" && st.Position.MapID != g.id:
		return &fault{code: CodePlace, text: fmt.Sprintf("it is on map %.80q", st.Position.MapID)}
	case posed && g.outside(x, y):
		return &fault{code: CodePlace, text: "its pose is outside the warehouse"}
	case s.place(g) == "":
		return &fault{code: CodePlace, text: fmt.Sprintf("its last node %.80q is not on the map", st.LastNodeID)}
	case !st.TakesOrders():
		return &fault{code: CodeMode, text: fmt.Sprintf("its mode is %.40s", st.OperatingMode)}
	case st.Safety.EStop != "" && st.Safety.EStop != "NONE":
		return &fault{code: CodeStopped, text: fmt.Sprintf("emergency stop %.40s", st.Safety.EStop)}
	}
	return nil
}

// onNode is how near a robot must be to a node to count as on it, in mm.
const onNode = 250

// place is the node the robot stands on or came from, "" when that is unknown. A
// robot that lost its last node, after a restart or a drive by hand, is matched
// by its pose.
func (s *sight) place(g *graph) string {
	if s.state == nil {
		return ""
	}
	if id := s.state.LastNodeID; id != "" {
		if g.has(id) {
			return id
		}
		return ""
	}
	if x, y, _, ok := pose(s.state); ok {
		return g.near(x, y, onNode)
	}
	return ""
}
