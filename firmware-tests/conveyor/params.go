package conveyor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrParams: the description of the conveyor makes no sense.
var ErrParams = errors.New("conveyor: bad parameters")

// Params describe a conveyor. Zero values are the defaults.
type Params struct {
	Brokers []string `json:"brokers" help:"MQTT brokers, tried in turn: tcp://host:port."`
	Site    string   `json:"site" help:"Site of the topics."`
	ID      string   `json:"id,omitempty" default:"cv1" help:"Id of the conveyor; the client id is conveyor:ID."`
	Token   string   `json:"token,omitempty" help:"Password of the MQTT client."`

	Lanes       []string `json:"lanes,omitempty" help:"Lanes beside the default lane (default L1,L2)."`
	DefaultLane string   `json:"defaultLane,omitempty" default:"L9" help:"Where a carton goes that nobody decided on."`
	Point       string   `json:"point,omitempty" default:"S1" help:"Name of the scan point."`

	ScanMs        int64   `json:"scanMs,omitempty" default:"500" help:"From the infeed to the scanner, ms."`
	DivertMs      int64   `json:"divertMs,omitempty" default:"1500" help:"From the scanner to the divert, ms."`
	ReactMs       int64   `json:"reactMs,omitempty" default:"50" help:"The lane must be known this long before the divert, ms."`
	GapMs         int64   `json:"gapMs,omitempty" default:"300" help:"Least time between two cartons, ms."`
	ConfirmLateMs int64   `json:"confirmLateMs,omitempty" default:"5000" help:"How late confirms are sent under the fault late, ms."`
	LaneCapacity  int     `json:"laneCapacity,omitempty" help:"Cartons that fit in a lane; 0 = no end. The default lane has no end."`
	Factor        float64 `json:"factor,omitempty" default:"1" help:"Time lapse of the belt. The time for a decision shrinks with it."`
}

// fill sets the defaults and refuses what cannot be.
func (p Params) fill() (Params, error) {
	str := func(s *string, def string) {
		if *s == "" {
			*s = def
		}
	}
	num := func(n *int64, def int64) {
		if *n == 0 {
			*n = def
		}
	}
	str(&p.ID, "cv1")
	str(&p.DefaultLane, "L9")
	str(&p.Point, "S1")
	num(&p.ScanMs, 500)
	num(&p.DivertMs, 1500)
	num(&p.ReactMs, 50)
	num(&p.GapMs, 300)
	num(&p.ConfirmLateMs, 5000)
	if len(p.Lanes) == 0 {
		p.Lanes = []string{"L1", "L2"}
	}
	if p.Factor == 0 {
		p.Factor = 1
	}
	for _, s := range append([]string{p.Site, p.ID, p.DefaultLane, p.Point}, p.Lanes...) {
		if s == "" || len(s) > 64 || strings.ContainsAny(s, "/$+# ") {
			return p, fmt.Errorf("%w: %q is no name", ErrParams, s)
		}
	}
	lanes := slices.Sorted(slices.Values(append([]string{p.DefaultLane}, p.Lanes...)))
	switch {
	case len(p.Brokers) == 0:
		return p, fmt.Errorf("%w: no brokers", ErrParams)
	case len(slices.Compact(slices.Clone(lanes))) != len(lanes):
		return p, fmt.Errorf("%w: two lanes have one name", ErrParams)
	case p.ScanMs < 0 || p.GapMs < 0 || p.ConfirmLateMs < 0 || p.LaneCapacity < 0:
		return p, fmt.Errorf("%w: negative", ErrParams)
	case p.ReactMs < 0 || p.DivertMs <= p.ReactMs || p.DivertMs > 600_000:
		return p, fmt.Errorf("%w: divert %d ms behind the scanner, lane known %d ms before", ErrParams, p.DivertMs, p.ReactMs)
	case p.Factor < 0.01 || p.Factor > 1000 || p.Factor != p.Factor:
		return p, fmt.Errorf("%w: factor %v", ErrParams, p.Factor)
	}
	return p, nil
}

// real is how long a belt time takes.
func (p Params) real(belt time.Duration) time.Duration {
	return time.Duration(float64(belt) / p.Factor)
}

// deadlineMs is the time for a decision, from the scan: up to the next whole
// millisecond, and one more because ts is cut to milliseconds.
func (p Params) deadlineMs() int64 {
	d := p.real(time.Duration(p.DivertMs-p.ReactMs) * time.Millisecond)
	return min((d+time.Millisecond-1).Milliseconds()+1, 600_000)
}

func (p Params) topic(branch, name string) string {
	return strings.Join([]string{"tote/v1", p.Site, "conveyor", p.ID, branch, name}, "/")
}
