package light

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrParams: the description of the controller makes no sense.
var ErrParams = errors.New("light: bad parameters")

// Params describe a controller. Zero values are the defaults.
type Params struct {
	Brokers []string `json:"brokers" help:"MQTT brokers, tried in turn: tcp://host:port."`
	Site    string   `json:"site" help:"Site of the topics."`
	ID      string   `json:"id,omitempty" default:"pl1" help:"Id of the controller; the client id is light:ID."`
	Token   string   `json:"token,omitempty" help:"Password of the MQTT client."`

	Modules  []string `json:"modules,omitempty" help:"Addresses of the modules on its bus (default 01,02)."`
	AnswerMs int64    `json:"answerMs,omitempty" default:"5000" help:"How long a button waits for its answer, ms."`
}

// fill sets the defaults and refuses what cannot be.
func (p Params) fill() (Params, error) {
	if p.ID == "" {
		p.ID = "pl1"
	}
	if len(p.Modules) == 0 {
		p.Modules = []string{"01", "02"}
	}
	if p.AnswerMs == 0 {
		p.AnswerMs = 5000
	}
	for _, s := range append([]string{p.Site, p.ID}, p.Modules...) {
		if s == "" || len(s) > 64 || strings.ContainsAny(s, "/$+# ") {
			return p, fmt.Errorf("%w: %q is no name", ErrParams, s)
		}
	}
	modules := slices.Sorted(slices.Values(p.Modules))
	switch {
	case len(p.Brokers) == 0:
		return p, fmt.Errorf("%w: no brokers", ErrParams)
	case len(slices.Compact(modules)) != len(p.Modules):
		return p, fmt.Errorf("%w: two modules have one address", ErrParams)
	case p.AnswerMs < 1 || p.AnswerMs > 600_000:
		return p, fmt.Errorf("%w: %d ms for an answer", ErrParams, p.AnswerMs)
	}
	return p, nil
}

func (p Params) topic(branch, name string) string {
	return strings.Join([]string{"tote/v1", p.Site, "light", p.ID, branch, name}, "/")
}
