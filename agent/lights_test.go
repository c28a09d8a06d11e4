package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"tote/agent/handheld"
	"tote/agent/projection"
	"tote/agent/replica"
	"tote/agent/topics"
	hh "tote/demo/handheld"
	"tote/drivers"
	"tote/mqtt"
	"tote/warehouse"
)

// lightBus is a pick-to-light controller of our own making.
type lightBus struct {
	s       *site
	client  *mqtt.Client
	results chan handheld.Result

	mu   sync.Mutex
	task projection.LightTask
	last uint64
}

// lightBus connects controller pl1.
func (s *site) lightBus() *lightBus {
	s.t.Helper()
	b := &lightBus{s: s, results: make(chan handheld.Result, 64)}
	b.client = s.mqttClient("light:pl1", func(c *mqtt.Config) {
		c.Will = &mqtt.Message{Topic: topics.Of("s1", topics.Light, "pl1", topics.State, topics.Conn), Payload: []byte(`{"state":"offline"}`), QoS: 1, Retained: true}
	})
	on := func(branch, name string, fn func([]byte) error) {
		s.t.Helper()
		s.must(b.client.Subscribe(s.ctx(), mqtt.Subscription{
			Filter: topics.Of("s1", topics.Light, "pl1", branch, name), QoS: 1,
			Handler: func(_ context.Context, m mqtt.Message) {
				b.mu.Lock()
				defer b.mu.Unlock()
				if err := fn(m.Payload); err != nil {
					s.t.Errorf("%s: %v", m.Topic, err)
				}
			},
		}))
	}
	on(topics.Down, topics.Result, func(p []byte) error {
		var r handheld.Result
		err := json.Unmarshal(p, &r)
		b.results <- r
		return err
	})
	on(topics.State, topics.Task, func(p []byte) error {
		b.task = projection.LightTask{}
		return json.Unmarshal(p, &b.task)
	})
	on(topics.State, topics.Seq, func(p []byte) error {
		var v handheld.Seq
		err := json.Unmarshal(p, &v)
		b.last = v.Last
		return err
	})
	s.background(b.client.Run)
	s.must(b.client.WaitConnected(s.ctx()))
	s.must(b.client.Publish(s.ctx(), topics.Of("s1", topics.Light, "pl1", topics.State, topics.Conn), []byte(`{"state":"online"}`), true))
	return b
}

// lit waits until exactly one module is lit, for a task.
func (b *lightBus) lit(task string, press bool) (lamp projection.Lamp) {
	b.s.t.Helper()
	b.s.eventually(fmt.Sprintf("the lamp of %s, press %v", task, press), func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.task.Lamps) != 1 || b.task.Lamps[0].Task != task || b.task.Lamps[0].Press != press {
			return false
		}
		lamp = b.task.Lamps[0]
		return true
	})
	return lamp
}

// press presses the button of a lamp, and returns its answer.
func (b *lightBus) press(seq int, l projection.Lamp) handheld.Result {
	b.s.t.Helper()
	payload := fmt.Sprintf(`{"cmdId":"p%d","seq":%d,"module":%q,"task":%q,"handheld":%q}`, seq, seq, l.Module, l.Task, l.Handheld)
	b.s.must(b.client.Publish(b.s.ctx(), topics.LightPress("s1", "pl1"), []byte(payload), false))
	select {
	case r := <-b.results:
		if r.CmdID != fmt.Sprintf("p%d", seq) || r.Seq != uint64(seq) || r.Next != nil {
			b.s.t.Errorf("answer %+v to press %d", r, seq)
		}
		return r
	case <-time.After(deadline):
		b.s.t.Fatalf("no answer to press %d", seq)
		return handheld.Result{}
	}
}

const lightsOf = `lights: [{id: pl1, modules: [{module: "01", bin: B-1}, {module: "02", bin: B-2}]}]
`

// TestPickToLight: the lamp of the pick is lit with its quantity, its press is the
// scan of the bin by the picker, and the pick goes on at the handheld.
func TestPickToLight(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", more: lightsOf}
	s.begin()
	row := func(state drivers.State, code string) {
		t.Helper()
		s.eventually("the light is "+string(state), func() bool {
			for _, d := range s.gw.agent.status().Devices {
				if d.Name == "light/pl1" {
					return d.State == string(state) && d.Code == code && d.Text != ""
				}
			}
			return false
		})
	}
	row(drivers.Absent, drivers.CodeLightGone)
	b := s.lightBus()
	row(drivers.Ready, "")

	p := s.pickerOf(1, "O1", "A1", 3)
	lamp := b.lit(p.step.Task, true)
	if lamp.Module != "01" || lamp.Bin != p.step.Bin || lamp.Handheld != "h1" || lamp.Qty != 3 {
		t.Errorf("lamp %+v at %+v", lamp, p.step)
	}
	other := lamp
	other.Module = "02"
	s.unchanged(func() {
		if r := b.press(1, other); r.OK || r.Code != warehouse.CodeWrongBin {
			t.Errorf("the button of another bin: %+v", r)
		}
		other.Module = "99"
		if r := b.press(2, other); r.OK || r.Code != warehouse.CodeInvalid {
			t.Errorf("a module that is not configured: %+v", r)
		}
	})
	if r := b.press(3, lamp); !r.OK || r.Code != warehouse.CodeOK {
		t.Errorf("pressed: %+v", r)
	}
	step, err := p.hh.WaitTask(s.ctx(), func(st hh.Step) bool { return st.Do == warehouse.StepScanItem })
	s.must(err)
	p.step = step
	b.lit(lamp.Task, false)
	s.unchanged(func() {
		if r := b.press(3, lamp); !r.OK {
			t.Errorf("sent again: %+v", r)
		}
		if r := b.press(3, other); r.OK || r.Code != warehouse.CodeInvalid {
			t.Errorf("not configured, an old sequence: %+v", r)
		}
		if r := b.press(4, lamp); r.OK || r.Code != warehouse.CodeWrongStep {
			t.Errorf("pressed twice: %+v", r)
		}
	})
	s.eventually("the sequence is told", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.last == 4 })
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	if r := b.press(5, lamp); r.OK || r.Code != warehouse.CodeNoWork {
		t.Errorf("when the work is done: %+v", r)
	}
	other.Module = "02"
	if r := b.press(4, other); r.OK || r.Code != replica.CodeSeqReused {
		t.Errorf("a sequence used for another press: %+v", r)
	}
	s.must(b.client.Publish(s.ctx(), topics.Of("s1", topics.Light, "pl1", topics.State, topics.Conn), []byte(`{"state":"offline"}`), true))
	row(drivers.Absent, drivers.CodeLightGone)
}

// TestAPressIsAnswered: a light writes nothing but presses, and a gateway without
// the light in its configuration says so.
func TestAPressIsAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.lightBus()
	if r := b.press(1, projection.Lamp{Module: "01", Task: "O1/1/1", Handheld: "h1"}); r.OK || r.Code != warehouse.CodeInvalid {
		t.Errorf("a light nobody knows: %+v", r)
	}
	s.must(b.client.Publish(s.ctx(), topics.Of("s1", topics.Light, "pl1", topics.Up, topics.Cmd), []byte(`{"cmdId":"c","seq":1,"verb":"sign_in","barcode":"BADGE-1"}`), false))
	select {
	case r := <-b.results:
		if r.OK || r.Code != warehouse.CodeUnknownKind {
			t.Errorf("%+v", r)
		}
	case <-time.After(deadline):
		t.Error("no answer")
	}
}
