package fleet

import (
	"context"
	"fmt"
	"time"

	"tote/fleet/intent"
	"tote/fleet/vda5050"
)

// startCancel records that the order is to be cancelled; from then on it is not
// sent again.
func (u *unit) startCancel(ctx context.Context, code string) time.Duration {
	res, ok := u.propose(ctx, intent.CancelIntent{Robot: u.cfg.ID, OrderID: u.rec.Open.OrderID, Code: code, Master: u.master})
	if !ok || !res.OK {
		return u.m.cfg.Timing.Ask
	}
	return 0
}

// cancelID names a cancelOrder. It follows from the order, so that the next
// leader sends the same one. The round goes up when one ended and the order
// lives on: a late copy of the order came behind it.
func cancelID(order string, round int) string { return fmt.Sprintf("cancel-%s-%d", order, round) }

// quietStates is how many states in a row must show no order, after a cancelOrder
// that was never echoed, to count as its end.
const quietStates = 3

// cancel sends cancelOrder until it is echoed and waits for its end.
func (u *unit) cancel(ctx context.Context, v view) time.Duration {
	open, out, t := u.rec.Open, u.out, u.m.cfg.Timing
	code := ""
	if out.cancels > t.Resends {
		code = CodeCancel
	}
	u.show(StateCancelling, code, "order "+open.OrderID+": "+open.CancelCode)
	mine := v.st.OrderID == open.OrderID && active(v.st)
	a := v.st.Action(cancelID(open.OrderID, out.round))
	switch {
	case a != nil && a.Ended() && !mine:
		return u.cancelled(ctx, v)
	case a != nil && a.Ended():
		if v.count == out.cancelN {
			return t.Echo
		}
		out.round, out.cancelAt, out.cancelN = out.round+1, time.Time{}, v.count
		return 0
	case a != nil:
		return t.Ask // it is at it
	case !mine && out.cancels >= quietStates && v.count >= out.cancelN+quietStates:
		return u.cancelled(ctx, v)
	}
	every := t.Echo
	if out.cancels > t.Resends {
		every *= 10
	}
	if wait := every - v.now.Sub(out.cancelAt); out.cancels > 0 && wait > 0 {
		return wait
	}
	if u.instant(ctx, vda5050.ActionCancelOrder, cancelID(open.OrderID, out.round)) {
		out.cancels, out.cancelAt, out.cancelN = out.cancels+1, v.now, v.count
	}
	return every
}

// cancelled: the order is over; its job has failed.
func (u *unit) cancelled(ctx context.Context, v view) time.Duration {
	open := u.rec.Open
	text := "cancelled"
	if u.aside != nil && u.aside.code == open.CancelCode {
		text = u.aside.text
	}
	if !u.reportFailed(ctx, open.Job, open.Leg, open.CancelCode, text) {
		return u.m.cfg.Timing.Ask
	}
	if open.CancelCode == CodeRejected && u.aside == nil { // cancelled by the leader before
		u.setAside(CodeRejected, text, v.now.Add(u.m.cfg.Timing.Retry))
	}
	return u.close(ctx, v, intent.Cancelled, open.CancelCode)
}

// stopForeign deals with an order the robot drives that is not the open one. One
// of ours that was given up while the robot was out of reach is cancelled; one of
// somebody else only when a person says so.
func (u *unit) stopForeign(ctx context.Context, v view) time.Duration {
	t := u.m.cfg.Timing
	ours := u.rec.Last != nil && u.rec.Last.OrderID == v.st.OrderID
	if !ours && u.foreign != v.st.OrderID {
		return t.Ask
	}
	u.show(StateCancelling, "", "order "+v.st.OrderID+" was given up before")
	id := cancelID(v.st.OrderID, u.cancels)
	if a := v.st.Action(id); a != nil {
		if a.Ended() {
			u.cancels++
		}
		return t.Echo
	}
	if v.now.Sub(u.sent) >= t.Echo && u.instant(ctx, vda5050.ActionCancelOrder, id) {
		u.sent = v.now
	}
	return t.Echo
}
