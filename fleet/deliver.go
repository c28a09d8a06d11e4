package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"tote/fleet/intent"
	"tote/fleet/vda5050"
)

// outgoing is what this leader knows of the order on its way, beside the record.
type outgoing struct {
	id     string
	update uint32
	order  vda5050.Order
	act    string // its action, "" = none

	sends    int
	at       time.Time // last send
	count    uint64    // states seen at the last send
	old      []string  // errors that stood in the state before the first send
	odd      int       // states in a row that show the order without its action
	oddN     uint64    // states seen at the last of them
	cancels  int       // cancelOrder messages sent
	cancelAt time.Time
	cancelN  uint64 // states seen at the last cancel
	round    int    // cancelOrders that ended without an effect

	moved  string // what showed progress last
	movedA time.Time
}

// deliver brings the open order to the robot and follows it to its end.
func (u *unit) deliver(ctx context.Context, v view) time.Duration {
	open := u.rec.Open
	t := u.m.cfg.Timing
	if u.out == nil || u.out.id != open.OrderID || u.out.update != open.OrderUpdateID {
		order, err := vda5050.DecodeOrder(open.Order)
		if err != nil { // only a newer version could have written that
			u.show(StateFault, intent.CodeMalformed, err.Error())
			return t.Ask
		}
		u.out = &outgoing{id: open.OrderID, update: open.OrderUpdateID, order: order, movedA: v.now}
		if as := order.Nodes[len(order.Nodes)-1].Actions; len(as) > 0 {
			u.out.act = as[0].ActionID
		}
	}
	u.inHand(open.Job, u.out.act)
	known := shows(v.st, open)
	switch {
	case known && finished(v.st, u.out):
		return u.complete(ctx, v)
	case open.Cancelling:
		return u.cancel(ctx, v)
	}
	if rc := u.recalled(open.Job); rc != nil {
		return u.startCancel(ctx, rc.code)
	}
	switch {
	case known && u.ended(v):
		return u.failLeg(ctx, v)
	case known:
		return u.follow(ctx, v)
	case open.Acked:
		// It knew the order and does no more: what it did is not known.
		u.show(StateFault, CodeForgot, "it no longer knows order "+open.OrderID)
		u.giveUp(ctx, CodeForgot, "the robot forgot its order")
		return t.Ask
	}
	return u.send(ctx, v)
}

// shows: the robot knows this order and update.
func shows(st *vda5050.State, o *intent.Intent) bool {
	return st != nil && st.OrderID == o.OrderID && st.OrderUpdateID == o.OrderUpdateID
}

// finished: it stands at the end and has done everything.
func finished(st *vda5050.State, out *outgoing) bool {
	last := out.order.Nodes[len(out.order.Nodes)-1]
	if st.Busy() || st.LastNodeID != last.NodeID || st.LastNodeSequenceID != last.SequenceID {
		return false
	}
	for _, a := range last.Actions {
		if s := st.Action(a.ActionID); s == nil || s.Status != vda5050.StatusFinished {
			return false
		}
	}
	return true
}

// maxOdd is how many states may show an order without its action.
const maxOdd = 3

// ended: the order is over and was not finished.
func (u *unit) ended(v view) bool {
	if v.st.Busy() {
		return false
	}
	if u.out.act == "" {
		return true
	}
	a := v.st.Action(u.out.act)
	if a != nil {
		u.out.odd = 0
		return a.Ended()
	}
	if u.out.oddN != v.count {
		u.out.odd, u.out.oddN = u.out.odd+1, v.count
	}
	return u.out.odd > maxOdd
}

// send publishes the order, and again until it is echoed.
func (u *unit) send(ctx context.Context, v view) time.Duration {
	out, t := u.out, u.m.cfg.Timing
	every := t.Echo
	if v.sheet != nil {
		every = max(every, seconds(2*v.sheet.Limits.Timing.MinStateInterval))
	}
	if out.sends > t.Resends {
		every *= 10
	}
	code, text := "", "its order is on the way"
	if out.sends > t.Resends {
		code, text = CodeUnconfirmed, fmt.Sprintf("order not confirmed, robot online, %d resends", out.sends-1)
	}
	if out.sends > 0 {
		if e := rejection(v.st, out, v.count > out.count+1); e != nil {
			u.setAside(CodeRejected, fmt.Sprintf("%.80s: %.200s", e.Type, e.Description), v.now.Add(t.Retry))
			return u.startCancel(ctx, CodeRejected)
		}
	}
	if active(v.st) && v.st.OrderID != out.id {
		u.show(StateFault, CodeOrder, fmt.Sprintf("it drives order %.80q", v.st.OrderID))
		return u.stopForeign(ctx, v)
	}
	if wait := every - v.now.Sub(out.at); out.sends > 0 && wait > 0 {
		u.show(StateWaiting, code, text)
		return wait
	}
	if out.sends > 0 && v.count == out.count {
		// Not a word since: ask before saying it again.
		u.request(ctx, v.now)
		u.show(StateWaiting, code, text)
		return every
	}
	if v.sheet != nil {
		if wait := seconds(v.sheet.Limits.Timing.MinOrderInterval) - v.now.Sub(u.sent); !u.sent.IsZero() && wait > 0 {
			return wait
		}
	}
	msg, err := vda5050.Frame(u.writer.Order(v.now), u.rec.Open.Order)
	if err != nil {
		u.show(StateFault, intent.CodeMalformed, err.Error())
		return t.Ask
	}
	if out.sends == 0 {
		for _, e := range v.st.Errors {
			out.old = append(out.old, e.Type+"\x00"+e.Description)
		}
	}
	if !u.publish(ctx, vda5050.TopicOrder, msg) {
		return t.Ask
	}
	out.sends, out.at, out.count, u.sent = out.sends+1, v.now, v.count, v.now
	u.show(StateWaiting, code, text)
	return every + rand.N(every/5+1)
}

func seconds(s float64) time.Duration {
	if !(s > 0 && s < 3600) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// rejection finds the error by which the robot rejects the order. It names the
// order; an error without references counts only when it is new and the robot
// has had time to echo.
func rejection(st *vda5050.State, out *outgoing, settled bool) *vda5050.Error {
	for i := range st.Errors {
		e := &st.Errors[i]
		if id := e.Value("orderId"); id != "" {
			if up := e.Value("orderUpdateId"); id == out.id && (up == "" || up == strconv.FormatUint(uint64(out.update), 10)) {
				return e
			}
			continue
		}
		switch e.Type {
		case "validationError", "orderError", "orderUpdateError", "noRouteError":
			if settled && len(e.References) == 0 && !slices.Contains(out.old, e.Type+"\x00"+e.Description) {
				return e
			}
		}
	}
	return nil
}

// active: the robot has an order that is not over. Instant actions that run do
// not count.
func active(st *vda5050.State) bool {
	if st.OrderID == "" {
		return st.Busy()
	}
	return st.Busy() || slices.ContainsFunc(st.ActionStates, func(a vda5050.ActionState) bool {
		return !a.Ended() && a.ActionType != vda5050.ActionStateRequest && a.ActionType != vda5050.ActionFactsheetRequest
	})
}

// follow watches the robot drive, and gives back nodes others wait for.
func (u *unit) follow(ctx context.Context, v view) time.Duration {
	open, t := u.rec.Open, u.m.cfg.Timing
	sign := fmt.Sprint(v.st.LastNodeSequenceID, len(v.st.NodeStates), v.x/50, v.y/50, v.st.ActionStates)
	if sign != u.out.moved {
		u.out.moved, u.out.movedA = sign, v.now
	}
	state, code, text := StateMoving, "", "to node "+open.Target
	switch {
	case !v.st.Busy():
		state, text = StateActing, "at node "+open.Target
	case open.Job == "":
		state = StateParking
	}
	if v.st.Busy() && v.now.Sub(u.out.movedA) >= t.Blocked {
		code, text = CodeBlocked, fmt.Sprintf("it stands still on its way from node %s to node %s", v.place, open.Target)
	}
	u.show(state, code, text)
	if left := u.left(v); len(left) > 0 && u.m.traffic.wanted(u.cfg.ID, left) {
		if res, ok := u.propose(ctx, intent.ReleaseNodes{Robot: u.cfg.ID, Nodes: left, Master: u.master}); ok && res.OK {
			u.m.freed()
		}
	}
	return t.Ask
}

// left are the nodes the robot has behind it and does not need for its way home.
func (u *unit) left(v view) []string {
	need := u.home(u.rec.Open.Target)
	if need == nil {
		return nil
	}
	for _, n := range u.out.order.Nodes {
		if n.SequenceID >= v.st.LastNodeSequenceID {
			need = append(need, n.NodeID)
		}
	}
	return slices.DeleteFunc(slices.Clone(u.rec.Nodes), func(n string) bool { return slices.Contains(need, n) })
}

// home is the way from a node to the park node over nodes the robot holds; nil
// when there is none.
func (u *unit) home(from string) []string {
	return u.m.graph.route(u.cfg.ID, from, u.cfg.Park, func(n string) bool {
		_, held := slices.BinarySearch(u.rec.Nodes, n)
		return held
	})
}

// onRoute: the node belongs to the open order.
func (u *unit) onRoute(node string) bool {
	if u.out == nil || u.out.id != u.rec.Open.OrderID {
		return true // not looked at yet
	}
	return slices.ContainsFunc(u.out.order.Nodes, func(n vda5050.Node) bool { return n.NodeID == node })
}

// keep is what stays held when an order is over: where the robot stands and its
// way home. One that stands between two nodes keeps everything.
func (u *unit) keep(v view) []string {
	at := u.m.graph.node(v.place)
	_, held := slices.BinarySearch(u.rec.Nodes, v.place)
	far := v.posed && (abs(v.x-at.X) > onNode || abs(v.y-at.Y) > onNode)
	if v.st.Driving || far || !held {
		return u.rec.Nodes
	}
	return intent.Set(append(u.home(v.place), v.place))
}

func abs(n int64) int64 { return max(n, -n) }

// complete reports the leg, and closes the order when that is recorded.
func (u *unit) complete(ctx context.Context, v view) time.Duration {
	open, t := u.rec.Open, u.m.cfg.Timing
	text := ""
	if a := v.st.Action(u.out.act); a != nil {
		text = a.Result
	}
	if !u.report(ctx, Progress{Job: open.Job, Leg: open.Leg, State: LegDone, Text: text}) {
		return t.Ask
	}
	if open.Final && !u.report(ctx, Progress{Job: open.Job, State: JobDone}) {
		return t.Ask
	}
	return u.close(ctx, v, intent.Done, "")
}

// failLeg reports an order that ended without being done.
func (u *unit) failLeg(ctx context.Context, v view) time.Duration {
	open := u.rec.Open
	code, text := CodeForgot, "it gave its order up"
	if a := v.st.Action(u.out.act); a != nil && a.Status == vda5050.StatusFailed {
		code, text = CodeAction, a.Result
	}
	if !u.reportFailed(ctx, open.Job, open.Leg, code, text) {
		return u.m.cfg.Timing.Ask
	}
	return u.close(ctx, v, intent.Failed, code)
}

// close ends the open order in the record.
func (u *unit) close(ctx context.Context, v view, outcome intent.Outcome, code string) time.Duration {
	res, ok := u.propose(ctx, intent.CloseIntent{Robot: u.cfg.ID, OrderID: u.rec.Open.OrderID, Outcome: outcome, Code: code, Keep: u.keep(v), Master: u.master})
	if !ok || !res.OK {
		return u.m.cfg.Timing.Ask
	}
	if u.rec.Open.Job != "" { // a drive home keeps the robot's turn
		u.jobSince = v.now
		if outcome == intent.Failed || outcome == intent.Done && u.rec.Open.Final {
			u.noteEnd(u.rec.Open.Job, code)
		}
	}
	u.out, u.asked, u.job, u.cancels = nil, time.Time{}, nil, 0
	u.inHand("", "")
	u.m.freed()
	return 0
}

// maxEnds is how often in a row a robot ends one and the same job. The owner of
// the jobs gives a job again that changed nothing, such as the last drop of a
// walk: without a bound the robot would do it for ever.
const maxEnds = 3

// noteEnd counts the ends of a job, failed or done.
func (u *unit) noteEnd(job, code string) {
	if u.lastJob != job {
		u.lastJob, u.ends = job, 0
	}
	if u.ends++; u.ends < maxEnds || u.aside != nil {
		return
	}
	text := fmt.Sprintf("job %s ended %d times", job, u.ends)
	if code != "" {
		text += ", at last with " + code
	}
	u.setAside(CodeRepeats, text, time.Time{})
	u.log.Error("a job does not come about", "job", job, "code", CodeRepeats, "text", text, "action", action(CodeRepeats))
}

func (u *unit) setAside(code, text string, until time.Time) { u.aside = &aside{code, text, until} }
