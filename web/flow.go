package web

import (
	"slices"

	"tote/warehouse"
)

// The order flow of the console.

// flow counts the open orders of each stage.
func flow(c clock, orders []warehouse.Order) []stage {
	out := make([]stage, len(stages))
	for i, st := range stages {
		out[i] = stage{State: string(st.state), Title: st.title, Ongoing: st.state != warehouse.OrderShipped}
	}
	for i := range orders {
		o := &orders[i]
		at := slices.IndexFunc(out, func(s stage) bool { return s.State == string(o.State) })
		if at < 0 || !out[at].Ongoing {
			continue
		}
		st := &out[at]
		st.Count++
		if len(o.Fallout) > 0 {
			st.Parked++
		}
		if by := o.Spec.ShipBy; by != 0 && by < c.now.UnixMilli() {
			st.Late++
		}
		if since := c.ms(o.Since); !st.Oldest.Known() || since.before(st.Oldest) {
			st.Oldest = since
		}
	}
	return out
}

// shippedToday counts the orders that were shipped today. What of them is still in
// fallout is found from the open fallouts, so none of them is read for nothing.
func shippedToday(r warehouse.Reader, c clock, open []warehouse.Fallout, st *stage) (err error) {
	if st.Count, err = warehouse.CountClosed(r, warehouse.OrderShipped, c.today()); err != nil {
		return err
	}
	parked, err := parkedOrders(r, open)
	for i := range parked {
		if o := &parked[i]; o.State == warehouse.OrderShipped && o.Since >= c.today() {
			st.Parked++
		}
	}
	return err
}

// parkedOrders are the orders of the open fallouts, each once.
func parkedOrders(r warehouse.Reader, open []warehouse.Fallout) (out []warehouse.Order, err error) {
	seen := map[string]bool{"": true}
	for _, f := range open {
		if seen[f.Order] {
			continue
		}
		seen[f.Order] = true
		o, err := warehouse.GetOrder(r, f.Order)
		if err != nil {
			return nil, err
		}
		if o != nil {
			out = append(out, *o)
		}
	}
	return out, nil
}
