package agent

import (
	"fmt"
	"slices"
	"testing"

	"tote/agent/api"
	hh "tote/demo/handheld"
	"tote/drivers"
	"tote/firmware-tests/light"
	"tote/firmware-tests/record"
	"tote/warehouse"
)

// shelf is a person at an emulated pick-to-light controller.
type shelf struct {
	s    *site
	c    *light.Controller
	book *record.Book
}

// emulatedLight plugs the emulator in, at all gateways of the site.
func (s *site) emulatedLight() *shelf {
	s.t.Helper()
	book, err := record.Open("pl1", "", nil)
	s.must(err)
	c, err := light.New(light.Params{Brokers: s.brokers(), Site: "s1"}, book)
	s.must(err)
	s.background(c.Run)
	return &shelf{s, c, book}
}

// shows waits until exactly one module is lit, and returns what a person sees.
func (b *shelf) shows(task string, button bool) (lamp record.Lamp) {
	b.s.t.Helper()
	b.s.eventually(fmt.Sprintf("the lamp of %s, button %v", task, button), func() bool {
		lamps := b.c.State().Lamps
		if len(lamps) != 1 || lamps[0].Task != task || lamps[0].Button != button {
			return false
		}
		lamp = lamps[0]
		return true
	})
	return lamp
}

// press presses a button and returns the codes of the answers to what was sent.
func (b *shelf) press(module string, took int64) (codes []string) {
	b.s.t.Helper()
	e, err := b.c.Press(module, took)
	b.s.must(err)
	b.s.eventually(fmt.Sprintf("answers to %+v", *e.Press), func() bool {
		codes = b.answers(e.Press.Seqs)
		return len(codes) >= len(e.Press.Seqs)
	})
	return codes
}

// answers are the codes of the answers to presses, in their order.
func (b *shelf) answers(seqs []uint64) (codes []string) {
	for _, seq := range seqs {
		for _, e := range b.book.After(0) {
			if e.Kind == record.Confirmed && e.Answer.CmdID == fmt.Sprintf("pl1-%d", seq) {
				codes = append(codes, e.Answer.Code)
				break
			}
		}
	}
	return codes
}

// light is how the gateway shows the controller.
func (s *site) light(state drivers.State, code string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s shows the light %s %s", s.id, state, code), func() bool {
		return slices.ContainsFunc(s.gw.agent.status().Devices, func(d api.Device) bool {
			return d.Name == "light/pl1" && d.State == string(state) && d.Code == code
		})
	})
}

// TestTheEmulatedLight: a person at a controller that was written from the
// contract: what is lit is pressed, a second press of the same and one of a task
// that is over do nothing, and a connection that is lost makes it dark.
func TestTheEmulatedLight(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", more: lightsOf}
	s.begin()
	b := s.emulatedLight()
	s.light(drivers.Ready, "")
	fault := func(name string, on bool) { t.Helper(); s.must(b.c.SetFault(name, on)) }
	codes := func(what string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}

	p := s.pickerOf(1, "O1", "A1", 3)
	lamp := b.shows(p.step.Task, true)
	if lamp.Module != "01" || lamp.Bin != p.step.Bin || lamp.Handheld != "h1" || lamp.Shows != 3 {
		t.Errorf("lamp %+v at %+v", lamp, p.step)
	}
	s.unchanged(func() { codes("a dark button", b.press("02", 0)) })

	// Without a connection it is dark, the gateway says so, and it comes back.
	fault(light.Offline, true)
	s.light(drivers.Absent, drivers.CodeLightGone)
	s.unchanged(func() { codes("pressed without a connection", b.press("01", 0)) })
	fault(light.Offline, false)
	s.light(drivers.Ready, "")
	b.shows(p.step.Task, true)

	// The button bounces: the second press finds the bin scanned already. The person
	// takes one piece too few, which the button cannot know.
	fault(light.Double, true)
	codes("pressed twice", b.press("01", 2), warehouse.CodeOK, warehouse.CodeWrongStep)
	fault(light.Double, false)
	step, err := p.hh.WaitTask(s.ctx(), func(st hh.Step) bool { return st.Do == warehouse.StepScanItem })
	s.must(err)
	p.step = step
	b.shows(lamp.Task, false)
	s.unchanged(func() { codes("a button that is not waited for", b.press("01", 0)) })

	// A controller that missed that the task is over.
	fault(light.Stale, true)
	fault(light.Eager, true)
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	s.unchanged(func() { codes("a task that is over", b.press("01", 0), warehouse.CodeNoWork) })
	fault(light.Stale, false)
	fault(light.Eager, false)

	// A new start goes on behind the sequence that the site knows.
	fault(light.Power, true)
	s.light(drivers.Absent, drivers.CodeLightGone)
	fault(light.Power, false)
	s.light(drivers.Ready, "")
	s.order("O2", "A1", 1)
	p.ask()
	b.shows(p.step.Task, true)
	s.eventually("the sequence is known again", func() bool { return b.c.State().Seq == 3 })
	fault(light.Duplicate, true)
	codes("published twice", b.press("01", 0), warehouse.CodeOK)
	b.shows(p.step.Task, false)

	var took []int64
	for _, e := range b.book.After(0) {
		if e.Kind == record.Pressed && len(e.Press.Seqs) > 0 {
			took = append(took, e.Press.Took-e.Press.Shows)
		}
	}
	if !slices.Equal(took, []int64{-1, 0, 0}) {
		t.Errorf("taken beside what was shown: %d", took)
	}
}
