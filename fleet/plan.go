package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/fleet/intent"
	"tote/fleet/vda5050"
)

// idle is the tick of a robot without an order: it gets the next leg, or drives
// home, or waits there.
func (u *unit) idle(ctx context.Context, v view) time.Duration {
	ask := u.m.cfg.Timing.Ask
	u.clear(v)
	if active(v.st) {
		if u.rec.Last == nil || u.rec.Last.OrderID != v.st.OrderID {
			u.show(StateFault, CodeOrder, fmt.Sprintf("it drives order %.80q", v.st.OrderID))
			u.setBad(true)
		}
		u.holdForeign(ctx, v)
		return u.stopForeign(ctx, v)
	}
	if !u.settle(ctx, v) {
		return ask
	}
	code, text := u.unfit(v)
	if code != "" {
		if !u.dropJob(ctx, code, text) {
			return ask
		}
		if code == CodeRejected { // it would reject the way home, too
			u.show(StateFault, code, text)
			u.setBad(v.place != u.cfg.Park)
			return ask
		}
		return u.goHome(ctx, v, code, text)
	}
	if !u.next(ctx, v) {
		return ask
	}
	if u.job != nil {
		if wait, done := u.start(ctx, v); done {
			return wait
		}
		return u.goHome(ctx, v, u.shownCode(), u.shownText())
	}
	u.m.traffic.leave(u.cfg.ID)
	return u.goHome(ctx, v, "", "no job")
}

func (u *unit) shownCode() string { u.mu.Lock(); defer u.mu.Unlock(); return u.shown.Code }
func (u *unit) shownText() string { u.mu.Lock(); defer u.mu.Unlock(); return u.shown.Text }

// clear does what Clear asked for.
func (u *unit) clear(v view) {
	u.mu.Lock()
	cleared := u.cleared
	u.cleared = false
	u.mu.Unlock()
	if u.aside != nil && (cleared || !u.aside.until.IsZero() && !v.now.Before(u.aside.until)) {
		u.aside, u.lastJob, u.ends = nil, "", 0
	}
	if cleared {
		u.foreign, u.forgiven = v.st.OrderID, u.rec.Failed
	}
}

// holdForeign keeps others off the way of an order that is not ours, as far as
// the nodes are free.
func (u *unit) holdForeign(ctx context.Context, v view) {
	for _, n := range v.st.NodeStates {
		if _, held := slices.BinarySearch(u.rec.Nodes, n.NodeID); n.Released && !held && u.m.graph.has(n.NodeID) {
			u.propose(ctx, intent.ReserveNodes{Robot: u.cfg.ID, Nodes: []string{n.NodeID}, Master: u.master})
		}
	}
	if _, held := slices.BinarySearch(u.rec.Nodes, v.place); !held {
		u.propose(ctx, intent.ReserveNodes{Robot: u.cfg.ID, Nodes: []string{v.place}, Master: u.master})
	}
	u.load()
}

// settle makes sure that the robot holds the node it stands on, and no more than
// that and its way home.
func (u *unit) settle(ctx context.Context, v view) bool {
	if _, held := slices.BinarySearch(u.rec.Nodes, v.place); !held {
		res, ok := u.propose(ctx, intent.ReserveNodes{Robot: u.cfg.ID, Nodes: []string{v.place}, Master: u.master})
		if !ok {
			return false
		}
		if res.Code == intent.CodeFenced {
			return false
		}
		if !res.OK {
			u.show(StateFault, CodePlace, "it stands on node "+v.place+", which robot "+res.Ref+" holds")
			u.setBad(true)
			return false
		}
		if !u.load() {
			return false
		}
	}
	keep := u.keep(v)
	extra := slices.DeleteFunc(slices.Clone(u.rec.Nodes), func(n string) bool { return slices.Contains(keep, n) })
	if len(extra) == 0 {
		return true
	}
	if res, ok := u.propose(ctx, intent.ReleaseNodes{Robot: u.cfg.ID, Nodes: extra, Master: u.master}); !ok || !res.OK {
		return false
	}
	u.m.freed()
	return u.load()
}

// unfit says why the robot gets no job, "" when it may.
func (u *unit) unfit(v view) (code, text string) {
	if u.aside != nil {
		return u.aside.code, u.aside.text
	}
	if f := u.rec.Failed; f != "" && f != u.forgiven && v.st.Loads != nil && len(*v.st.Loads) > 0 {
		var ids []string
		for _, load := range *v.st.Loads {
			ids = append(ids, load.LoadID)
		}
		return CodeLoaded, "it carries " + strings.Join(ids, ", ")
	}
	if v.st.Battery.Charge < float64(u.cfg.LowBattery) {
		return CodeBattery, fmt.Sprintf("battery at %.0f %%", v.st.Battery.Charge)
	}
	return "", ""
}

// next asks for a job, at most every Ask unless there was a Kick. While the
// robot waits it asks again, so that a job that was taken back is not begun.
func (u *unit) next(ctx context.Context, v view) bool {
	u.mu.Lock()
	now := u.askNow
	u.askNow = false
	u.mu.Unlock()
	if u.job != nil {
		if rc := u.recalled(u.job.ID); rc != nil && !u.dropJob(ctx, rc.code, "withdrawn") {
			return false
		}
	}
	if !now && !u.asked.IsZero() && v.now.Sub(u.asked) < u.m.cfg.Timing.Ask {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, proposeTime)
	defer cancel()
	u.asked = v.now
	job, ok, err := u.m.cfg.Jobs.Next(ctx, u.cfg.ID)
	switch {
	case err != nil:
		u.show(StateHolding, CodeStore, err.Error())
		return false
	case !ok:
		u.job, u.jobSince = nil, time.Time{}
		u.inHand("", "")
		return true
	}
	if u.job == nil || u.job.ID != job.ID {
		if u.jobSince.IsZero() || u.job != nil {
			u.jobSince = v.now
		}
	}
	u.job = &job
	u.inHand(job.ID, "")
	return true
}

// start reserves the way to the job's next node and the way home from there, all
// or nothing, and records the order. done is false when the robot must wait.
func (u *unit) start(ctx context.Context, v view) (wait time.Duration, done bool) {
	t := u.m.cfg.Timing
	if len(u.job.Legs) == 0 {
		if u.report(ctx, Progress{Job: u.job.ID, State: JobDone}) {
			u.job, u.asked = nil, time.Time{}
		}
		return t.Ask, true
	}
	leg := u.job.Legs[0]
	to, back, code, text := u.ways(v.place, leg.Node)
	var body []byte
	id := u.m.cfg.NewID()
	if code == "" {
		body, code, text = u.write(v, id, to, &leg)
	}
	if code != "" {
		if u.dropJob(ctx, code, text) {
			u.asked = v.now
		}
		u.show(StateFault, code, text)
		return t.Ask, true
	}
	nodes := intent.Set(append(slices.Clone(to), back...))
	if !u.granted(v, nodes) {
		return 0, false
	}
	set := intent.SetIntent{Robot: u.cfg.ID, OrderID: id, Order: body, Job: u.job.ID, Leg: leg.ID, Nodes: nodes, Target: leg.Node, Final: len(u.job.Legs) == 1, Master: u.master}
	return u.record(ctx, v, set)
}

// ways are the way there and the way home.
func (u *unit) ways(from, to string) (there, back []string, code, text string) {
	g := u.m.graph
	if i, ok := g.index[to]; !ok || g.park[i] != "" && g.park[i] != u.cfg.ID {
		return nil, nil, CodeNoRoute, fmt.Sprintf("node %.80q", to)
	}
	way := u.detour()
	if there, back = way(from, to), way(to, u.cfg.Park); there == nil || back == nil {
		return nil, nil, CodeNoRoute, "from node " + from + " to node " + to
	}
	return there, back, "", ""
}

// detour finds ways around robots that will not move, where there are any.
func (u *unit) detour() func(a, b string) []string {
	g, stuck := u.m.graph, map[string]bool{}
	_ = u.m.cfg.View(func(r intent.Reader) error { // an error only costs the detour
		holds, err := intent.Holds(r)
		for _, h := range holds {
			if h.Robot != u.cfg.ID && u.m.stuck(h.Robot) {
				stuck[h.Node] = true
			}
		}
		return err
	})
	free := func(n string) bool { return !stuck[n] }
	return func(a, b string) []string {
		if w := g.route(u.cfg.ID, a, b, free); w != nil {
			return w
		}
		return g.route(u.cfg.ID, a, b, nil)
	}
}

// granted looks whether the nodes are free and it is the robot's turn. If not it
// takes its place in the queue and says what it waits for.
func (u *unit) granted(v view, nodes []string) bool {
	if u.jobSince.IsZero() {
		u.jobSince = v.now
	}
	node, by := "", ""
	err := u.m.cfg.View(func(r intent.Reader) error {
		for _, n := range nodes {
			h, err := intent.Holder(r, n)
			if err != nil {
				return err
			}
			if h != "" && h != u.cfg.ID {
				node, by = n, h
				return nil
			}
		}
		return nil
	})
	switch {
	case err != nil:
		u.show(StateFault, CodeStore, err.Error())
		return false
	case by != "":
		u.m.traffic.waiting(u.cfg.ID, u.jobSince, nodes, u.m.stuck(by))
		u.show(StateWaiting, CodeWaits, "for node "+node+", held by robot "+by)
		return false
	}
	if first := u.m.traffic.ahead(u.cfg.ID, u.jobSince, nodes); first != "" {
		u.m.traffic.waiting(u.cfg.ID, u.jobSince, nodes, false)
		u.show(StateWaiting, CodeWaits, "robot "+first+" was first")
		return false
	}
	return true
}

// record commits the order; the next tick sends it.
func (u *unit) record(ctx context.Context, v view, set intent.SetIntent) (time.Duration, bool) {
	res, ok := u.propose(ctx, set)
	switch {
	case !ok:
		return u.m.cfg.Timing.Ask, true
	case res.OK:
		u.m.traffic.leave(u.cfg.ID)
		u.job, u.jobSince = nil, time.Time{}
		return 0, true
	case res.Code == intent.CodeNodeHeld: // somebody was faster
		u.m.traffic.waiting(u.cfg.ID, u.jobSince, set.Nodes, u.m.stuck(res.Ref))
		u.show(StateWaiting, CodeWaits, res.Text)
		return 0, false
	}
	return u.m.cfg.Timing.Ask, true // somebody else leads: look again
}

// goHome sends a robot that has nothing to do, or must wait, to its park node:
// nobody waits anywhere else. It holds the way already, except after a fault.
func (u *unit) goHome(ctx context.Context, v view, code, text string) time.Duration {
	ask := u.m.cfg.Timing.Ask
	if v.place == u.cfg.Park {
		state := StateIdle
		if code != "" {
			state = StateWaiting
		}
		u.show(state, code, text)
		return ask
	}
	way := u.home(v.place)
	if way == nil {
		if way = u.detour()(v.place, u.cfg.Park); way == nil {
			u.show(StateFault, CodeNoRoute, "from node "+v.place+" to its park node")
			return ask
		}
		if !u.granted(v, intent.Set(way)) {
			return ask
		}
	}
	id := u.m.cfg.NewID()
	body, code, text := u.write(v, id, way, nil)
	if code != "" {
		u.show(StateFault, code, text)
		return ask
	}
	since := u.jobSince
	wait, _ := u.record(ctx, v, intent.SetIntent{Robot: u.cfg.ID, OrderID: id, Order: body, Nodes: intent.Set(way), Target: u.cfg.Park, Master: u.master})
	u.jobSince = since // a job that waits keeps its turn
	return wait
}

// write makes the body of an order along a way, with the action of a leg at its
// end.
func (u *unit) write(v view, id string, way []string, leg *Leg) (body []byte, code, text string) {
	g := u.m.graph
	o := vda5050.Order{OrderID: id}
	for i, n := range way {
		at := g.node(n)
		node := vda5050.Node{NodeID: n, SequenceID: 2 * uint32(i), Released: true, Position: &vda5050.Position{X: metres(at.X), Y: metres(at.Y), MapID: g.id}}
		if i == 0 && v.posed {
			// Wide enough to include the robot, wherever on the node it stands.
			if off := max(abs(v.x-at.X), abs(v.y-at.Y)); off > 100 {
				node.Position.AllowedDeviationXY = metres(2 * off)
			}
		}
		o.Nodes = append(o.Nodes, node)
		if i > 0 {
			o.Edges = append(o.Edges, vda5050.Edge{
				EdgeID: way[i-1] + "-" + n, SequenceID: 2*uint32(i) - 1, Released: true, StartNodeID: way[i-1], EndNodeID: n, MaxSpeed: metres(u.cfg.Speed),
			})
		}
	}
	if leg != nil && leg.Action != "" {
		a := vda5050.Action{ActionType: leg.Action, ActionID: id + "-a", BlockingType: vda5050.BlockingHard}
		for _, p := range leg.Params {
			a.Parameters = append(a.Parameters, vda5050.Param(p))
		}
		o.Nodes[len(way)-1].Actions = []vda5050.Action{a}
	}
	body, err := vda5050.EncodeOrder(o)
	if err != nil {
		return nil, CodeCannot, err.Error()
	}
	if v.sheet != nil {
		if limit := v.sheet.Refuses(o, len(body)+256); limit != "" {
			return nil, CodeCannot, "the factsheet forbids it: " + limit
		}
	}
	return body, "", ""
}

func metres(mm int64) float64 { return float64(mm) / 1000 }
