package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tote/fleet/intent"
	"tote/fleet/vda5050"
	"tote/mqtt"
)

// world is a small warehouse with robots, a network that loses messages, a store
// and one master after the other. It runs in a bubble of synctest: its time is
// not real. One goroutine moves everything physical.
//
//	P1   P2   P3
//	|    |    |
//	A----B----C----D
//	     |    |
//	     E----F
type world struct {
	t     *testing.T
	rng   *rand.Rand
	store *store
	bots  []*bot
	cfg   Config

	mu      sync.Mutex
	queue   []flight
	subs    []mqtt.Subscription // of the master at work
	bodies  map[string][]byte   // robot/order/update -> body, of all time
	effects map[string]int      // job/leg -> how often it was done
	loss    int                 // percent
	jitter  bool                // states are repeated and reordered
	ids     int

	kill    func()
	master  *Master
	ended   chan struct{}
	crashAt int // messages and commands until the master dies; 0 = never
	leading bool
	crashed bool
	faint   bool // the next crash is a lost lead only
	jobs    *jobList
	schema  *jsonschema.Schema // of orders; nil = not checked
}

// flight is a message on its way.
type flight struct {
	at    time.Time
	n     int
	to    *bot // nil = to the master
	topic string
	raw   []byte
}

func newWorld(t *testing.T, seed uint64, robots int) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, seed)), store: newStore(t),
		bodies: map[string][]byte{}, effects: map[string]int{}, jobs: newJobList(t),
	}
	w.cfg = Config{
		Log: slog.New(slog.DiscardHandler), Map: smallMap(), View: w.store.view, Jobs: w.jobs,
		NewID: func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ids++
			return fmt.Sprintf("o%d", w.ids)
		},
	}
	w.jobs.done = func(leg string) int { w.mu.Lock(); defer w.mu.Unlock(); return w.effects[leg] }
	t.Cleanup(func() {
		if w.kill != nil {
			w.stop()
		}
	})
	for i := range robots {
		n := fmt.Sprint(i + 1)
		w.cfg.Robots = append(w.cfg.Robots, RobotConfig{ID: "R" + n, Manufacturer: "KIT", Serial: "S" + n, Park: "P" + n})
		w.bots = append(w.bots, &bot{w: w, id: "R" + n, serial: "S" + n, node: "P" + n})
	}
	return w
}

func smallMap() Map {
	m := Map{ID: "floor", Nodes: []Node{
		{"A", 0, 0},
		{"B", 2000, 0},
		{"C", 4000, 0},
		{"D", 6000, 0},
		{"E", 2000, -2000},
		{"F", 4000, -2000},
		{"P1", 0, 2000},
		{"P2", 2000, 2000},
		{"P3", 4000, 2000},
	}}
	for _, e := range strings.Fields("AB BC CD BE CF EF P1A P2B P3C") {
		m.Edges = append(m.Edges, Edge{From: e[:len(e)-1], To: e[len(e)-1:]})
	}
	return m
}

func (w *world) place(id string) Node {
	for _, n := range w.cfg.Map.Nodes {
		if n.ID == id {
			return n
		}
	}
	return Node{}
}

// start runs a new master on the store as it is.
func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	alive := true // of this master; guarded by w.mu
	kill := func() { alive = false; cancel() }
	cfg := w.cfg
	cfg.Clients = []Client{&wire{w: w, alive: &alive}}
	cfg.Leading = func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return alive && w.leading
	}
	cfg.Propose = func(ctx context.Context, c intent.Command) (intent.Result, error) {
		w.mu.Lock()
		ok := alive && w.leading
		w.mu.Unlock()
		if !ok {
			return intent.Result{}, errDown
		}
		res, err := w.store.propose(ctx, c)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.tick(); !alive {
			return intent.Result{}, errDown // committed, and nobody heard of it
		}
		return res, err
	}
	m, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.master, w.leading, w.kill = m, true, kill
	w.ended = make(chan struct{})
	ended := w.ended
	w.mu.Unlock()
	go func() {
		defer close(ended)
		_ = m.Run(ctx)
	}()
}

// crash ends the master as a power cut does. w.mu is held.
func (w *world) crash() {
	w.kill()
	w.subs, w.crashed = nil, true
}

// tick counts towards the next crash. w.mu is held.
func (w *world) tick() {
	if w.crashAt > 0 {
		if w.crashAt--; w.crashAt == 0 {
			if w.faint { // it loses the lead and lives on
				w.leading = false
			} else {
				w.crash()
			}
		}
	}
}

// wire is the master's connection.
type wire struct {
	w     *world
	alive *bool
}

func (c *wire) Subscribe(_ context.Context, s mqtt.Subscription) error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.subs = append(c.w.subs, s)
	return nil
}

func (c *wire) PublishQoS0(_ context.Context, topic string, payload []byte, retained bool) error {
	w := c.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if !*c.alive {
		return mqtt.ErrNotConnected
	}
	if !w.leading {
		w.t.Errorf("published without leading: %s", topic)
	}
	if retained {
		w.t.Errorf("retained: %s", topic)
	}
	w.check(topic, payload)
	if w.rng.IntN(100) >= w.loss {
		for _, b := range w.bots {
			if strings.Contains(topic, "/"+b.serial+"/") {
				w.fly(b, topic, payload, 0)
			}
		}
	}
	w.tick()
	return nil
}

// check holds every order ever sent against those before: one update id, one
// content.
func (w *world) check(topic string, payload []byte) {
	if !strings.HasSuffix(topic, "/order") {
		return
	}
	var o struct {
		OrderID       string
		OrderUpdateID uint32
	}
	if err := json.Unmarshal(payload, &o); err != nil {
		w.t.Errorf("sent no JSON: %s", payload)
	}
	if w.schema != nil {
		if doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload)); err != nil || w.schema.Validate(doc) != nil {
			w.t.Errorf("not an order by the schema: %s", payload)
		}
	}
	body := payload[bytes.Index(payload, []byte(`"orderId"`)):]
	key := fmt.Sprint(topic, o.OrderID, o.OrderUpdateID)
	if was, ok := w.bodies[key]; ok && !bytes.Equal(was, body) {
		w.t.Errorf("two orders under one update id:\n%s\n%s", was, body)
	}
	w.bodies[key] = body
}

// fly sends a message off. Messages to one robot keep their order, as on one
// connection.
func (w *world) fly(to *bot, topic string, raw []byte, extra time.Duration) {
	at := time.Now().Add(time.Duration(w.rng.IntN(150))*time.Millisecond + extra)
	if to != nil {
		for _, f := range w.queue {
			if f.to == to && f.at.After(at) {
				at = f.at
			}
		}
	}
	w.ids++
	w.queue = append(w.queue, flight{at, w.ids, to, topic, bytes.Clone(raw)})
}

// fromBot sends a state; states may be lost, repeated and overtake each other.
func (w *world) fromBot(b *bot, state map[string]any) {
	raw, err := json.Marshal(state)
	if err != nil {
		w.t.Error(err)
	}
	topic := "uagv/v2/KIT/" + b.serial + "/state"
	if w.rng.IntN(100) < w.loss {
		return
	}
	w.fly(nil, topic, raw, 0)
	if w.jitter && w.rng.IntN(4) == 0 {
		w.fly(nil, topic, raw, 100*time.Millisecond)
	}
}

// enters is called when a robot sets out for a node: nobody else may be there.
func (w *world) enters(b *bot) {
	for _, o := range w.bots {
		if o != b && (o.node == b.to || o.to == b.to) {
			w.t.Errorf("%s enters node %s, where %s is (%s to %q)", b.id, b.to, o.id, o.node, o.to)
		}
	}
}

// turn moves the world on by one step of time.
func (w *world) turn() {
	const step = 20 * time.Millisecond
	<-time.After(step)
	w.mu.Lock()
	now := time.Now()
	for _, b := range w.bots {
		b.step(now)
	}
	var due []flight
	w.queue = slices.DeleteFunc(w.queue, func(f flight) bool {
		if f.at.After(now) {
			return false
		}
		due = append(due, f)
		return true
	})
	slices.SortStableFunc(due, func(a, b flight) int { return a.at.Compare(b.at) })
	subs := w.subs
	for _, f := range due {
		if f.to != nil {
			f.to.take(f.topic[strings.LastIndexByte(f.topic, '/')+1:], f.raw, now)
		}
	}
	w.mu.Unlock()
	for _, f := range due {
		for _, s := range subs {
			if f.to == nil && mqtt.Match(s.Filter, f.topic) {
				s.Handler(context.Background(), mqtt.Message{Topic: f.topic, Payload: f.raw})
			}
		}
	}
}

// until turns until cond holds, for at most limit of the world's time.
func (w *world) until(limit time.Duration, what string, cond func() bool) {
	w.t.Helper()
	for end := time.Now().Add(limit); !cond(); w.turn() {
		if time.Now().After(end) {
			w.t.Fatalf("not within %v: %s\n%s", limit, what, w.describe())
		}
	}
}

func (w *world) run(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); w.turn() {
	}
}

func (w *world) describe() string {
	var out strings.Builder
	for _, s := range w.master.Status() {
		fmt.Fprintf(&out, "%s %s at %s to %s: %s %s (job %s)\n", s.ID, s.State, s.Node, s.Target, s.Code, s.Text, s.Job)
	}
	for _, b := range w.bots {
		fmt.Fprintf(&out, "bot %s at %s to %q order %s holds %v\n", b.id, b.node, b.to, b.order, w.store.robot(b.id).Nodes)
	}
	return out.String()
}

// stop ends the master.
func (w *world) stop() {
	w.mu.Lock()
	w.kill()
	ended := w.ended
	w.mu.Unlock()
	<-ended
}

func (w *world) status(robot string) RobotStatus {
	for _, s := range w.master.Status() {
		if s.ID == robot {
			return s
		}
	}
	return RobotStatus{}
}

// jobList is the owner of the jobs: it hands them out in order and remembers
// what was reported.
type jobList struct {
	t        *testing.T
	mu       sync.Mutex
	open     []Job
	assigned map[string]*Job
	outcome  map[string]string // job -> JOB_DONE or JOB_FAILED/code
	legs     map[string]string // job/leg -> LEG_DONE or LEG_FAILED/code/text
	broken   bool              // nothing can be recorded
	done     func(leg string) int
}

func newJobList(t *testing.T) *jobList {
	return &jobList{t: t, assigned: map[string]*Job{}, outcome: map[string]string{}, legs: map[string]string{}}
}

// transport is a job that fetches a load at one node and brings it to another.
func transport(id, from, to string) Job {
	leg := func(name, node string) Leg {
		return Leg{ID: name, Node: node, Action: name, Params: []Param{{"loadId", "L" + id}, {"job", id}, {"leg", name}}}
	}
	return Job{ID: id, Kind: "transport", Legs: []Leg{leg(vda5050.ActionPick, from), leg(vda5050.ActionDrop, to)}}
}

func (j *jobList) add(jobs ...Job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = append(j.open, jobs...)
}

func (j *jobList) Next(_ context.Context, robot string) (Job, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken {
		return Job{}, false, errDown
	}
	a := j.assigned[robot]
	if a == nil && len(j.open) > 0 {
		a = &j.open[0]
		j.open = j.open[1:]
		j.assigned[robot] = a
	}
	if a == nil {
		return Job{}, false, nil
	}
	job := *a
	job.Legs = slices.DeleteFunc(slices.Clone(a.Legs), func(l Leg) bool { return j.legs[a.ID+"/"+l.ID] != "" })
	return job, true, nil
}

func (j *jobList) Held(_ context.Context, robot string) (string, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if a := j.assigned[robot]; a != nil {
		return a.ID, true, nil
	}
	return "", false, nil
}

func (j *jobList) Report(_ context.Context, p Progress) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken {
		return errDown
	}
	said := strings.TrimSuffix(p.State+"/"+p.Code, "/")
	where := j.outcome
	key := p.Job
	if p.State == LegDone && j.done(p.Job+"/"+p.Leg) == 0 {
		j.t.Errorf("job %s leg %s is reported done and is not", p.Job, p.Leg)
	}
	if p.State == LegDone || p.State == LegFailed {
		where, key = j.legs, p.Job+"/"+p.Leg
	} else if a := j.assigned[p.Robot]; a != nil && a.ID == p.Job {
		delete(j.assigned, p.Robot)
	}
	if was := where[key]; was != "" && was != said {
		j.t.Errorf("job %s leg %s: first %s, then %s", p.Job, p.Leg, was, said)
	}
	where[key] = said
	return nil
}

func (j *jobList) of(job string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.outcome[job]
}

func (j *jobList) leg(leg string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.legs[leg]
}

func (j *jobList) over() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.outcome)
}

func message(topic, raw string) mqtt.Message { return mqtt.Message{Topic: topic, Payload: []byte(raw)} }

// orders counts the different orders sent so far.
func (w *world) orders() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.bodies)
}

// orderSchema is the standard's, nil where its files are absent.
func orderSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../shared/data/vda5050/2.1.0/order.schema")
	if errors.Is(err, os.ErrNotExist) {
		t.Log("ORDERS ARE NOT CHECKED AGAINST THE STANDARD: no ../../shared/data/vda5050 here")
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("order", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("order")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
