package robot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrParams: the description of the robot makes no sense.
var ErrParams = errors.New("robot: bad parameters")

// Params describe a robot. Zero values are the defaults.
type Params struct {
	Brokers      []string `json:"brokers" help:"MQTT brokers, tried in turn: tcp://host:port."`
	Manufacturer string   `json:"manufacturer,omitempty" default:"TOTE" help:"Third level of the topics."`
	Serial       string   `json:"serial" default:"R1" help:"Fourth level of the topics; the client id is robot:SERIAL."`
	Interface    string   `json:"interface,omitempty" default:"uagv" help:"First level of the topics."`
	Major        string   `json:"major,omitempty" default:"v2" help:"Second level of the topics."`
	Version      string   `json:"version,omitempty" default:"2.0.0" help:"Version in every header; orders of another one are rejected."`
	Token        string   `json:"token,omitempty" help:"Password of the MQTT client."`

	Map   string `json:"map,omitempty" default:"floor" help:"Map id of the position."`
	Node  string `json:"node" help:"Node it stands on at the start."`
	X     int64  `json:"x,omitempty" help:"Where that is, millimetres."`
	Y     int64  `json:"y,omitempty" help:"Where that is, millimetres."`
	Theta int64  `json:"theta,omitempty" help:"Heading, milliradians."`

	SpeedMmS int64   `json:"speedMmS,omitempty" name:"speed-mm-s" default:"1500" help:"Speed, mm/s."`
	Factor   float64 `json:"factor,omitempty" default:"1" help:"Time lapse of drives and actions."`
	StateMs  int64   `json:"stateMs,omitempty" default:"1000" help:"Longest time between two states, ms, not in time lapse."`
	ActionMs int64   `json:"actionMs,omitempty" default:"3000" help:"How long an action takes, ms."`
	Battery  int     `json:"battery,omitempty" default:"90" help:"Charge, percent."`
	Capacity int     `json:"capacity,omitempty" default:"1" help:"Loads it can carry at a time."`
	// ExternalActions: the world decides how pick, drop and custom actions
	// end, through GET /actions and POST /actions/{id}.
	ExternalActions bool     `json:"externalActions,omitempty" help:"Actions wait for POST /actions/{id}."`
	Custom          []string `json:"custom,omitempty" help:"Further action types it knows."`
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
	str(&p.Manufacturer, "TOTE")
	str(&p.Serial, "R1")
	str(&p.Interface, "uagv")
	str(&p.Major, "v2")
	str(&p.Version, "2.0.0")
	str(&p.Map, "floor")
	num(&p.SpeedMmS, 1500)
	num(&p.StateMs, 1000)
	num(&p.ActionMs, 3000)
	if p.Factor == 0 {
		p.Factor = 1
	}
	if p.Battery == 0 {
		p.Battery = 90
	}
	if p.Capacity == 0 {
		p.Capacity = 1
	}
	for _, l := range []string{p.Interface, p.Major, p.Manufacturer, p.Serial} {
		if l == "" || strings.ContainsAny(l, "/$+# ") {
			return p, fmt.Errorf("%w: %q cannot be a level of a topic", ErrParams, l)
		}
	}
	switch {
	case len(p.Brokers) == 0:
		return p, fmt.Errorf("%w: no brokers", ErrParams)
	case p.SpeedMmS < 0 || p.StateMs < 10 || p.ActionMs < 0 || p.Factor < 0 || p.Factor > 1e4 || p.Capacity < 0 || p.Battery < 0 || p.Battery > 100:
		return p, fmt.Errorf("%w: speed %d, factor %v, state %d ms, action %d ms, capacity %d, battery %d",
			ErrParams, p.SpeedMmS, p.Factor, p.StateMs, p.ActionMs, p.Capacity, p.Battery)
	}
	return p, nil
}

// knows: pick, drop and the custom types; instant actions are not asked here.
func (p Params) knows(action string) bool {
	return action == "pick" || action == "drop" || slices.Contains(p.Custom, action)
}

func (p Params) topic(name string) string {
	return strings.Join([]string{p.Interface, p.Major, p.Manufacturer, p.Serial, name}, "/")
}
