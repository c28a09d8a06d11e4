//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"slices"
	"strings"
	"testing"

	hh "tote/demo/handheld"
	"tote/drivers"
	"tote/firmware-tests/light"
	"tote/warehouse"
)

// TestLightMovesToAnotherGateway: the gateway a light is connected to ends while a
// lamp is lit. At the next one the same lamp is lit, and its press counts once. No
// gateway calls a light absent that may be at another one (DEV-605 is for a gateway
// that is alone).
func TestLightMovesToAnotherGateway(t *testing.T) {
	t.Parallel()
	c := newTrio(t, false, lightsOf)
	first := c.gw[0]
	for _, s := range c.gw {
		s.light(drivers.Degraded, "")
	}
	b := first.emulatedLight()
	first.light(drivers.Ready, "")
	for _, s := range c.gw[1:] {
		s.light(drivers.Degraded, "")
	}
	p := first.pickerOf(1, "O1", "A1", 2)
	task := p.step.Task
	b.shows(task, true)

	first.stop()
	c.leader(c.gw[1:])
	b.s = c.gw[1]
	lamp := b.shows(task, true)
	at := slices.IndexFunc(c.gw[:], func(s *site) bool { return strings.HasSuffix(b.c.State().Broker, s.mqtt) })
	if at < 1 {
		t.Fatalf("the light is at %q", b.c.State().Broker)
	}
	c.gw[at].light(drivers.Ready, "")
	c.gw[3-at].light(drivers.Degraded, "")

	// Its press, published twice with one sequence, is one scan of the bin.
	b.s.must(b.c.SetFault(light.Duplicate, true))
	if codes := b.press(lamp.Module, 0); !slices.Equal(codes, []string{warehouse.CodeOK}) {
		t.Errorf("answers %q", codes)
	}
	b.shows(task, false)
	step, err := p.hh.WaitTask(first.ctx(), func(st hh.Step) bool { return st.Do == warehouse.StepScanItem && st.Task == task })
	first.must(err)
	if step.Task != task {
		t.Errorf("the handheld is at %+v", step)
	}
}
