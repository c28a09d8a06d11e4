package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/agent/station"
	"tote/agent/topics"
	"tote/demo/handheld"
	"tote/drivers/scanner"
	"tote/firmware-tests/record"
	"tote/mqtt"
	"tote/warehouse"
)

// picker is a worker with a handheld of the reference client, who knows what
// the screen shows and nothing else.
type picker struct {
	s     *site
	hh    *handheld.Client
	step  handheld.Step
	batch string            // the newest batch seen
	totes map[string]string // order → its tote
}

// handheld starts a handheld.
func (s *site) handheld(id string) *handheld.Client {
	s.t.Helper()
	hh, err := handheld.New(handheld.Config{
		Site: "s1", Device: id, Brokers: s.brokers(),
		Outbox: filepath.Join(s.dir, id+".outbox"), Resend: 500 * time.Millisecond,
	})
	s.must(err)
	s.background(hh.Run)
	return hh
}

// brokers are those a device of the site knows, its own first.
func (s *site) brokers() []string {
	all := []string{"tcp://" + s.mqtt}
	for _, o := range s.others {
		all = append(all, "tcp://"+o.mqtt)
	}
	return all
}

// background runs a part until the test ends.
func (s *site) background(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := run(ctx); err != nil {
			s.t.Errorf("a part of the test ended with %v", err)
		}
	})
	s.t.Cleanup(func() { cancel(); wg.Wait() })
}

// picker signs worker n in on handheld hn.
func (s *site) picker(n int) *picker {
	s.t.Helper()
	p := &picker{s: s, hh: s.handheld(fmt.Sprintf("h%d", n)), totes: map[string]string{}}
	p.ok(handheld.Verb{Verb: "sign_in", Barcode: fmt.Sprintf("BADGE-%d", n)})
	return p
}

// pickerOf is a picker with work on the order.
func (s *site) pickerOf(n int, order, sku string, qty int) *picker {
	s.t.Helper()
	s.order(order, sku, qty)
	p := s.picker(n)
	p.ask()
	if p.step.Order != order {
		s.t.Fatalf("picker %d got %+v, want order %s", n, p.step, order)
	}
	return p
}

// do performs a verb.
func (p *picker) do(v handheld.Verb) handheld.Result {
	p.s.t.Helper()
	res, err := p.hh.Do(p.s.ctx(), v)
	p.s.must(err)
	if res.Next == nil {
		p.s.t.Fatalf("%+v: the answer has no next step: %+v", v, res)
	}
	p.step = *res.Next
	return res
}

// ok performs a verb that must be taken.
func (p *picker) ok(v handheld.Verb) {
	p.s.t.Helper()
	if res := p.do(v); !res.OK {
		p.s.t.Fatalf("%+v: refused %s %s", v, res.Code, res.Text)
	}
}

// ask asks for work and waits until it is there.
func (p *picker) ask() {
	p.s.t.Helper()
	p.ok(handheld.Verb{Verb: "ask"})
	step, err := p.hh.WaitTask(p.s.ctx(), func(s handheld.Step) bool { return s.Do == "scan_bin" && s.Batch != p.batch })
	p.s.must(err)
	p.step, p.batch = step, step.Batch
}

// right is the verb the step asks for.
func (p *picker) right() handheld.Verb {
	p.s.t.Helper()
	st := p.step
	switch st.Do {
	case "scan_bin":
		return handheld.Verb{Verb: "scan", Expect: "bin", Barcode: st.Bin, Task: st.Task}
	case "scan_item":
		code := st.SKU
		if st.Lot != "" {
			code = "]d2" + "01" + st.GTIN + "10" + st.Lot
		}
		return handheld.Verb{Verb: "scan", Expect: "item", Barcode: code, Task: st.Task}
	case "scan_slot":
		if st.Tote == "" {
			p.s.totes++
			st.Tote = fmt.Sprintf("T-%03d", p.s.totes)
		}
		p.totes[st.Order] = st.Tote
		return handheld.Verb{Verb: "scan", Expect: "slot", Barcode: st.Tote, Task: st.Task}
	case "finish":
		return handheld.Verb{Verb: "finish", Barcode: "PACKDROP"}
	}
	p.s.t.Fatalf("nothing to scan at %+v", st)
	return handheld.Verb{}
}

// goOn does what the screen says, and must be allowed to.
func (p *picker) goOn() {
	p.s.t.Helper()
	p.ok(p.right())
}

// until does what the screen says until it shows the step.
func (p *picker) until(do string) *picker {
	p.s.t.Helper()
	for p.step.Do != do {
		p.goOn()
	}
	return p
}

// refused performs a verb that must be refused with the code, change nothing
// and leave the screen as it is.
func (p *picker) refused(v handheld.Verb, code string) {
	p.s.t.Helper()
	before := p.step
	p.s.unchanged(func() {
		p.s.t.Helper()
		res := p.do(v)
		if res.OK || res.Code != code || res.Text == "" {
			p.s.t.Errorf("%+v: answered %v %s %q, want %s", v, res.OK, res.Code, res.Text, code)
		}
	})
	if diff := cmp.Diff(before, p.step); diff != "" {
		p.s.t.Errorf("the screen changed (-before +after):\n%s", diff)
	}
}

// picked is an order picked whole, with the tote it stands in at the pack drop.
func (s *site) picked(n int, order, sku string, qty int) (tote string) {
	s.t.Helper()
	p := s.pickerOf(n, order, sku, qty).until("ask")
	s.wantState(order, warehouse.OrderPicked)
	return p.totes[order]
}

// screen is the display of a station or dock.
type screen struct {
	s       *site
	id      string
	answers chan station.Answer

	mu   sync.Mutex
	task screenTask
	hint station.Hint
}

type screenTask struct {
	warehouse.Step
	Loaded []string `json:"loaded"`
}

// screen starts a display and waits until it shows something.
func (s *site) screen(class, id string) *screen {
	s.t.Helper()
	sc := &screen{s: s, id: id, answers: make(chan station.Answer, 64)}
	client := s.mqttClient("display:"+id, nil)
	on := func(branch, name string, fn func([]byte) error) {
		s.t.Helper()
		s.must(client.Subscribe(s.ctx(), mqtt.Subscription{
			Filter: topics.Of("s1", class, id, branch, name), QoS: 1,
			Handler: func(_ context.Context, m mqtt.Message) {
				sc.mu.Lock()
				defer sc.mu.Unlock()
				if err := fn(m.Payload); err != nil {
					s.t.Errorf("%s: %v", m.Topic, err)
				}
			},
		}))
	}
	on(topics.Down, topics.Result, func(b []byte) error {
		var a station.Answer
		err := json.Unmarshal(b, &a)
		sc.answers <- a
		return err
	})
	on(topics.State, topics.Task, func(b []byte) error { sc.task = screenTask{}; return json.Unmarshal(b, &sc.task) })
	on(topics.State, topics.Hint, func(b []byte) error { sc.hint = station.Hint{}; return json.Unmarshal(b, &sc.hint) })
	s.background(client.Run)
	sc.until("a first task", func(t screenTask, _ station.Hint) bool { return t.Do != "" })
	return sc
}

// mqttClient is a raw client of the gateway's broker, not running yet.
func (s *site) mqttClient(id string, change func(*mqtt.Config)) *mqtt.Client {
	s.t.Helper()
	cfg := mqtt.Config{Brokers: []string{"tcp://" + s.mqtt}, ClientID: id, MinReconnect: 5 * time.Millisecond, MaxReconnect: 50 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	c, err := mqtt.New(cfg)
	s.must(err)
	return c
}

// until waits for what the screen shows.
func (sc *screen) until(what string, ok func(screenTask, station.Hint) bool) {
	sc.s.t.Helper()
	sc.s.eventually(sc.id+" shows "+what, func() bool {
		sc.mu.Lock()
		defer sc.mu.Unlock()
		return ok(sc.task, sc.hint)
	})
}

// untilStep waits for a step.
func (sc *screen) untilStep(do string) {
	sc.s.t.Helper()
	sc.until(do, func(t screenTask, _ station.Hint) bool { return t.Do == do })
}

// untilHint waits for a hint.
func (sc *screen) untilHint(code string) {
	sc.s.t.Helper()
	sc.until("hint "+code, func(_ screenTask, h station.Hint) bool { return h.Code == code })
}

// answer is the next answer to a scan or weight.
func (sc *screen) answer(code string) station.Answer {
	sc.s.t.Helper()
	select {
	case a := <-sc.answers:
		if a.Code != code || a.CmdID == "" || a.OK != (code == warehouse.CodeOK) || !a.OK && a.Text == "" {
			sc.s.t.Errorf("%s answered %+v, want code %s", sc.id, a, code)
		}
		return a
	case <-time.After(deadline):
		sc.mu.Lock()
		defer sc.mu.Unlock()
		sc.s.t.Fatalf("%s: no answer, want %s; it shows %+v, hint %+v", sc.id, code, sc.task, sc.hint)
		return station.Answer{}
	}
}

// silent requires that nothing more was answered.
func (sc *screen) silent() {
	sc.s.t.Helper()
	select {
	case a := <-sc.answers:
		sc.s.t.Errorf("%s answered once more: %+v", sc.id, a)
	default:
	}
}

// scan pulls the trigger of a scanner, slowly enough for the same code twice to
// be two scans.
func (s *site) scan(place, code string) {
	s.t.Helper()
	if last := s.scanned[place]; last.code == code {
		<-time.After(time.Until(last.at.Add(scanner.DefaultRepeatWindow + 20*time.Millisecond)))
	}
	if _, err := s.dev[place+"/scanner"].Scan(s.ctx(), code); err != nil {
		s.t.Fatal(err)
	}
	s.scanned[place] = scanned{code, time.Now()}
}

// scanned is the newest scan of a scanner.
type scanned struct {
	code string
	at   time.Time
}

// put puts a weight on a scale.
func (s *site) put(place string, mg int64) {
	s.t.Helper()
	s.must(s.dev[place+"/scale"].Put(s.ctx(), mg))
}

// clearScale takes everything off a scale and waits until the gateway was told.
func (s *site) clearScale(place string) {
	s.t.Helper()
	c := s.dev[place+"/scale"]
	state, err := c.State(s.ctx())
	s.must(err)
	s.must(c.Remove(s.ctx()))
	s.eventually("the scale says that it is empty", func() bool {
		entries, err := c.Record(s.ctx(), state.LastSeq)
		s.must(err)
		return slices.ContainsFunc(entries, func(e record.Entry) bool { return e.Kind == record.Answered && e.Weight.Mg == 0 })
	})
}

func (s *site) fault(device, name string, on bool) {
	s.t.Helper()
	s.must(s.dev[device].Fault(s.ctx(), name, on))
}

// labels counts the labels that came out of a printer.
func (s *site) labels(place string) (n int) {
	s.t.Helper()
	entries, err := s.dev[place+"/printer"].Record(s.ctx(), 0)
	s.must(err)
	for _, e := range entries {
		if e.Kind == record.Printed {
			n++
		}
	}
	return n
}

// weighing takes a tote to a station and waits until its weight is asked for.
func (s *site) weighing(sc *screen, tote string) {
	s.t.Helper()
	s.scan(sc.id, tote)
	sc.answer(warehouse.CodeOK)
	sc.untilStep(warehouse.StepWeigh)
}

// packed takes a tote through a station until the label is proven.
func (s *site) packed(sc *screen, order, tote string, mg int64) {
	s.t.Helper()
	s.weighing(sc, tote)
	s.put(sc.id, mg)
	sc.answer(warehouse.CodeOK)
	s.wantState(order, warehouse.OrderLabelled)
	sc.untilStep(warehouse.StepScanTote)
	s.clearScale(sc.id)
}
