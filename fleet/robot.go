package fleet

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tote/fleet/intent"
	"tote/fleet/vda5050"
)

// unit is one robot and the goroutine that drives it.
type unit struct {
	m    *Master
	cfg  RobotConfig
	log  *slog.Logger
	wake chan struct{} // of one place

	mu      sync.Mutex
	sight   sight
	shown   RobotStatus // what the goroutine made of it
	bad     bool        // it will not move by itself
	askNow  bool
	gone    bool
	cleared bool
	recall  *recall // a job to withdraw
	curJob  string  // job in hand
	curAct  string  // its action

	// The rest belongs to the goroutine.
	led       bool
	watching  bool   // another gateway leads, or none
	master    string // id of the last taking over
	tookOver  time.Time
	tookCount uint64 // states seen before
	writer    vda5050.Writer
	rec       *intent.Robot
	out       *outgoing
	job       *Job
	jobSince  time.Time
	asked     time.Time
	fault     *fault
	faultAt   time.Time
	requested time.Time // last stateRequest
	sent      time.Time // last order
	aside     *aside
	forgiven  string // order after which a load on board was cleared by hand
	foreign   string // order of somebody else that may be cancelled
	cancels   int    // rounds of cancelling an order that is closed already
	lastJob   string // that ended
	ends      int    // how often in a row
}

type recall struct{ job, code string }

// aside keeps a robot from getting jobs.
type aside struct {
	code, text string
	until      time.Time // zero: until a person says otherwise
}

// view is what the goroutine looks at in one tick.
type view struct {
	now    time.Time
	st     *vda5050.State
	at     time.Time
	count  uint64
	place  string
	fault  *fault
	sheet  *vda5050.Factsheet
	digest string
	x, y   int64
	posed  bool
}

func newUnit(m *Master, cfg RobotConfig) *unit {
	u := &unit{
		m: m, cfg: cfg, log: m.cfg.Log.With("robot", cfg.ID), wake: make(chan struct{}, 1),
		sight: sight{broker: -1, broken: map[int]time.Time{}},
	}
	u.shown = RobotStatus{ID: cfg.ID, State: StateAbsent, Battery: -1}
	return u
}

// poke makes the goroutine look again.
func (u *unit) poke() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// receive reads a message; it runs on the goroutine of the subscription.
func (u *unit) receive(broker int, name string, raw []byte) {
	u.mu.Lock()
	changed := u.sight.take(u.cfg, name, broker, raw, u.m.cfg.Now())
	u.mu.Unlock()
	if changed {
		u.poke()
		u.m.cfg.Changed()
	}
}

// run drives the robot until ctx ends.
func (u *unit) run(ctx context.Context) {
	u.led = false
	for ctx.Err() == nil {
		timer := time.NewTimer(max(u.tick(ctx), time.Millisecond))
		select {
		case <-ctx.Done():
		case <-u.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tick does what can be done now and says when to look again at the latest.
func (u *unit) tick(ctx context.Context) time.Duration {
	ask := u.m.cfg.Timing.Ask
	if !u.m.cfg.Leading() {
		u.stepDown()
		return ask
	}
	if !u.led && !u.takeOver(ctx) {
		return ask
	}
	if !u.load() {
		return ask
	}
	v := u.look()
	if u.takenAway(ctx) {
		return ask
	}
	if v.fault != nil {
		return u.suffer(ctx, v)
	}
	u.fault = nil
	u.setBad(false)
	if v.count == u.tookCount {
		u.request(ctx, v.now)
		u.show(StateAbsent, "", "its state was asked for")
		return ask
	}
	if v.now.Sub(v.at) >= u.m.cfg.Timing.Silence {
		u.request(ctx, v.now)
	}
	if !u.remember(ctx, v) {
		return ask
	}
	if u.rec.Open != nil {
		u.m.traffic.leave(u.cfg.ID)
		return u.deliver(ctx, v)
	}
	u.out = nil
	return u.idle(ctx, v)
}

// stepDown forgets what only a leader knows.
func (u *unit) stepDown() {
	u.led, u.out, u.job, u.aside, u.rec = false, nil, nil, nil, nil
	u.m.traffic.leave(u.cfg.ID)
	u.setBad(false)
	u.inHand("", "")
	u.watching = true
	u.watch()
}

// watch shows what a gateway sees that does not lead: people look at any of
// them. The leader logs it, so this one does not.
func (u *unit) watch() {
	u.mu.Lock()
	f := u.sight.judge(u.cfg, u.m.graph, u.m.cfg.Timing, u.m.began, u.m.cfg.Now())
	u.mu.Unlock()
	// The job in hand is in the robot's record; without a record there is none.
	_ = u.m.cfg.View(func(r intent.Reader) (err error) {
		u.rec, err = intent.Get(r, u.cfg.ID)
		return err
	})
	if f != nil {
		u.show(f.state(), f.code, f.text)
	} else {
		u.show(StateHolding, "", "this gateway does not lead: nothing is sent")
	}
	u.rec = nil
}

// takeOver makes this gateway the robot's master. From that command on those of
// any other gateway are refused, and everything committed before is seen here: an
// order that is over must not be sent again.
func (u *unit) takeOver(ctx context.Context) bool {
	u.watching = false
	u.master = u.m.cfg.NewID()
	if res, ok := u.propose(ctx, intent.TakeRobot{Robot: u.cfg.ID, Master: u.master}); !ok || !res.OK {
		return false
	}
	now := u.m.cfg.Now()
	u.mu.Lock()
	u.tookCount = u.sight.count
	u.mu.Unlock()
	u.led, u.tookOver, u.requested, u.fault = true, now, time.Time{}, nil
	u.out, u.job, u.aside, u.sent = nil, nil, nil, time.Time{}
	u.foreign, u.forgiven, u.cancels = "", "", 0
	u.lastJob, u.ends = "", 0
	u.writer = vda5050.Writer{Version: u.cfg.Version, Manufacturer: u.cfg.Manufacturer, Serial: u.cfg.Serial}
	u.request(ctx, now)
	return true
}

// load reads the robot's record.
func (u *unit) load() bool {
	err := u.m.cfg.View(func(r intent.Reader) error {
		rec, err := intent.Get(r, u.cfg.ID)
		if rec == nil {
			rec = &intent.Robot{ID: u.cfg.ID}
		}
		u.rec = rec
		return err
	})
	if err != nil {
		u.show(StateFault, CodeStore, err.Error())
		return false
	}
	return true
}

// look takes what is known of the robot now.
func (u *unit) look() view {
	now := u.m.cfg.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	s := &u.sight
	v := view{now: now, st: s.state, at: s.at, count: s.count, place: s.place(u.m.graph), sheet: s.sheet, digest: s.digest}
	v.fault = s.judge(u.cfg, u.m.graph, u.m.cfg.Timing, u.tookOver, now)
	v.x, v.y, _, v.posed = pose(s.state)
	if v.fault == nil && u.rec.Open != nil && u.rec.Open.Acked && shows(v.st, u.rec.Open) && v.count > u.tookCount && !u.onRoute(v.place) {
		v.fault = &fault{code: CodePlace, text: "it stands on node " + v.place + ", off its way"}
	}
	return v
}

// remember records version, factsheet and that the order is known, when they are
// news.
func (u *unit) remember(ctx context.Context, v view) bool {
	none := intent.RobotSeen{Robot: u.cfg.ID, Master: u.master}
	seen := none
	if v.st.Version != u.rec.Version {
		seen.Version = v.st.Version
	}
	if v.digest != u.rec.Factsheet {
		seen.Factsheet = v.digest
	}
	if o := u.rec.Open; o != nil && !o.Acked && shows(v.st, o) {
		seen.OrderID, seen.OrderUpdateID = o.OrderID, o.OrderUpdateID
	}
	if seen == none {
		return true
	}
	if res, ok := u.propose(ctx, seen); !ok || !res.OK {
		return false
	}
	return u.load()
}

// propose commits a command. False: the outcome is not known; look again.
func (u *unit) propose(ctx context.Context, c intent.Command) (intent.Result, bool) {
	ctx, cancel := context.WithTimeout(ctx, proposeTime)
	defer cancel()
	res, err := u.m.cfg.Propose(ctx, c)
	if err != nil {
		u.show(StateHolding, CodeStore, err.Error())
		return res, false
	}
	if res.Code == intent.CodeFenced {
		// Somebody else leads, or did: look at everything anew, and send
		// nothing before.
		u.led = false
	}
	if !res.OK && res.Code != intent.CodeNodeHeld {
		u.log.Warn("the record says otherwise", "code", res.Code, "text", res.Text)
	}
	return res, true
}

// report tells the owner of the jobs; false: it must be told again.
func (u *unit) report(ctx context.Context, p Progress) bool {
	p.Robot, p.At = u.cfg.ID, u.m.cfg.Now()
	if p.Job == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, proposeTime)
	defer cancel()
	if err := u.m.cfg.Jobs.Report(ctx, p); err != nil {
		u.show(StateHolding, CodeStore, err.Error())
		return false
	}
	return true
}

// request asks for the state, and once for the factsheet, at most every Silence.
func (u *unit) request(ctx context.Context, now time.Time) {
	if !u.requested.IsZero() && now.Sub(u.requested) < u.m.cfg.Timing.Silence {
		return
	}
	u.requested = now
	u.instant(ctx, vda5050.ActionStateRequest, "sr-"+u.m.cfg.NewID())
	u.mu.Lock()
	known := u.sight.sheet != nil
	u.mu.Unlock()
	if !known {
		u.instant(ctx, vda5050.ActionFactsheetRequest, "fr-"+u.m.cfg.NewID())
	}
}

// instant sends one instant action.
func (u *unit) instant(ctx context.Context, kind, id string) bool {
	body, err := vda5050.EncodeAction(vda5050.Action{ActionType: kind, ActionID: id, BlockingType: vda5050.BlockingNone})
	if err == nil {
		body, err = vda5050.Frame(u.writer.Instant(u.m.cfg.Now()), body)
	}
	if err != nil {
		u.log.Error("instant action", "action", kind, "error", err)
		return false
	}
	return u.publish(ctx, vda5050.TopicInstantActions, body)
}

// publish sends to the robot, as its master only.
func (u *unit) publish(ctx context.Context, name string, msg []byte) bool {
	return u.led && u.m.publish(ctx, u.heardOn(), u.cfg.topic(name), msg)
}

func (u *unit) heardOn() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sight.broker
}

// suffer is the tick of a robot at fault: nothing is sent but questions, what it
// holds stays held. After a while its job is given up, so that others can do it.
func (u *unit) suffer(ctx context.Context, v view) time.Duration {
	t := u.m.cfg.Timing
	u.m.traffic.leave(u.cfg.ID)
	if u.fault == nil || u.fault.code != v.fault.code {
		if u.fault == nil {
			u.faultAt = v.now
		}
		u.m.freed() // others may have to go another way
	}
	u.fault = v.fault
	u.setBad(true)
	if v.fault.lost {
		u.request(ctx, v.now)
	}
	u.show(v.fault.state(), v.fault.code, v.fault.text)
	wait := t.FailAfter - v.now.Sub(u.faultAt)
	if wait > 0 {
		return min(wait, t.Ask)
	}
	u.giveUp(ctx, v.fault.code, v.fault.text)
	return t.Ask
}

// giveUp reports the job failed and closes the order, as far as that can be said
// of a robot out of reach: all its nodes stay held.
func (u *unit) giveUp(ctx context.Context, code, text string) bool {
	o := u.rec.Open
	if o == nil {
		return u.dropJob(ctx, code, text)
	}
	if !u.reportFailed(ctx, o.Job, o.Leg, code, text) {
		return false
	}
	res, ok := u.propose(ctx, intent.CloseIntent{Robot: u.cfg.ID, OrderID: o.OrderID, Outcome: intent.Failed, Code: code, Keep: u.rec.Nodes, Master: u.master})
	u.inHand("", "")
	return ok && res.OK
}

func (u *unit) reportFailed(ctx context.Context, job, leg, code, text string) bool {
	return u.report(ctx, Progress{Job: job, Leg: leg, State: LegFailed, Code: code, Text: text}) &&
		u.report(ctx, Progress{Job: job, State: JobFailed, Code: code, Text: text})
}

// dropJob gives back a job that was not begun.
func (u *unit) dropJob(ctx context.Context, code, text string) bool {
	job := ""
	if u.job != nil {
		job = u.job.ID
	} else if h, ok := u.m.cfg.Jobs.(Holder); ok && u.m.cfg.Now().Sub(u.asked) >= u.m.cfg.Timing.Ask {
		u.asked = u.m.cfg.Now()
		ctx, cancel := context.WithTimeout(ctx, proposeTime)
		defer cancel()
		held, ok, err := h.Held(ctx, u.cfg.ID)
		if err != nil {
			u.show(StateHolding, CodeStore, err.Error())
			return false
		}
		if ok {
			job = held
		}
	}
	if job == "" {
		return true
	}
	if !u.report(ctx, Progress{Job: job, State: JobFailed, Code: code, Text: text}) {
		return false
	}
	u.job = nil
	u.m.traffic.leave(u.cfg.ID)
	u.inHand("", "")
	return true
}

// takenAway does what Gone asked for.
func (u *unit) takenAway(ctx context.Context) bool {
	u.mu.Lock()
	gone := u.gone
	u.mu.Unlock()
	if !gone {
		return false
	}
	if u.giveUp(ctx, CodeGone, "taken off the floor") && len(u.rec.Nodes) > 0 {
		if res, ok := u.propose(ctx, intent.ReleaseNodes{Robot: u.cfg.ID, Nodes: u.rec.Nodes, Master: u.master}); !ok || !res.OK {
			return true
		}
	}
	u.mu.Lock()
	u.gone = false
	u.sight = sight{broker: -1, broken: map[int]time.Time{}}
	u.mu.Unlock()
	u.tookOver, u.tookCount, u.fault = u.m.cfg.Now(), 0, nil
	u.show(StateAbsent, CodeGone, "taken off the floor")
	u.m.freed()
	return true
}

// withdraw marks a job to be cancelled, when its action has not begun.
func (u *unit) withdraw(job, code string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if job == "" || u.curJob != job {
		return false
	}
	if st := u.sight.state; st != nil && u.curAct != "" {
		if a := st.Action(u.curAct); a != nil && a.Status != vda5050.StatusWaiting {
			return false
		}
	}
	u.recall = &recall{job, code}
	u.poke()
	return true
}

// inHand notes the job and action the robot is at, for Withdraw.
func (u *unit) inHand(job, act string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.curJob, u.curAct = job, act
	if u.recall != nil && u.recall.job != job {
		u.recall = nil
	}
}

func (u *unit) recalled(job string) *recall {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.recall != nil && u.recall.job == job {
		return u.recall
	}
	return nil
}

func (u *unit) setBad(bad bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.bad = bad
}
