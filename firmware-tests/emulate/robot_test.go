package emulate

import (
	"errors"
	"io"
	"strings"
	"testing"

	"tote/firmware-tests/control"
	"tote/firmware-tests/robot"
)

func TestRobotInAGroup(t *testing.T) {
	p := robot.Params{Brokers: []string{"tcp://127.0.0.1:1"}, Serial: "R7", Node: "park1", X: 1000}
	ready := startAll(t, Device{Kind: Robot, Name: "r7", Robot: p})["r7"]
	if ready.Serial != "R7" || ready.Path != "" || !strings.Contains(ready.String(), "serial R7 control ") {
		t.Errorf("ready %+v: %s", ready, ready)
	}
	c := dial(t, ready.Control)
	s, err := c.State(t.Context())
	if err != nil || s.Kind != "robot" || !strings.Contains(string(s.Device), `"node":"park1"`) {
		t.Errorf("%+v %v", s, err)
	}
	if as, err := c.Actions(t.Context(), 0); err != nil || len(as) != 0 {
		t.Errorf("actions %v %v", as, err)
	}
	if err := c.Fault(t.Context(), robot.Manual, true); err != nil {
		t.Error(err)
	}
	if err := c.Put(t.Context(), 5); !errors.Is(err, control.ErrRefused) {
		t.Errorf("a weight on a robot: %v", err)
	}
}

func TestBadRobots(t *testing.T) {
	for name, d := range map[string]Device{
		"a pty":      {Kind: Robot, Link: t.TempDir() + "/x", Robot: robot.Params{Brokers: []string{"tcp://x:1"}}},
		"no brokers": {Kind: Robot},
		"TCP":        {Kind: Robot, Listen: "127.0.0.1:0", Robot: robot.Params{Brokers: []string{"tcp://x:1"}}},
	} {
		if err := Main(t.Context(), Options{Devices: []Device{d}}, io.Discard); err == nil {
			t.Errorf("%s: started", name)
		}
	}
}
