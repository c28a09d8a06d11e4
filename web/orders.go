package web

import (
	"cmp"
	"maps"
	"slices"

	"tote/warehouse"
)

// maxOrders is how many orders a list shows.
const maxOrders = 200

// Scopes of the list besides the states of an order.
const (
	scopeDefault = ""    // open, or ended today
	scopeAll     = "ALL" //
	scopeParked  = "FALLOUT"
)

// orderList is the page of orders.
type orderList struct {
	Site   string
	State  string // the chosen scope
	Scopes []scope
	Rows   []orderRow
	Total  int    // orders in the scope
	After  string // where the page begins, "" = with the first
	Next   string // where the next one begins, "" = it is the last
}

type scope struct{ Value, Title string }

// orderRow is one order of the list.
type orderRow struct {
	ID, State, Level string
	Since, Placed    stamp
	Lines            int
	Units, Picked    int64
	Priority         int
	Method           string
	Fallouts         int
	Why              string // the one reason it does not move, or what happens now
}

func scopes() []scope {
	out := []scope{{scopeDefault, "Open and today"}, {scopeParked, "In fallout"}}
	for _, st := range stages {
		out = append(out, scope{string(st.state), st.title})
	}
	return append(out, scope{string(warehouse.OrderCancelled), "Cancelled"}, scope{scopeAll, "All"})
}

// readOrders lists the orders of a scope: open ones the oldest first, closed ones
// the newest first. after is next of the page before, for scopes that hold closed
// orders. ok is false for a scope that does not exist.
func (s *server) readOrders(r warehouse.Reader, c clock, state, after string) (list *orderList, ok bool, err error) {
	list = &orderList{Site: s.cfg.Site, State: state, Scopes: scopes(), After: after}
	if !slices.ContainsFunc(list.Scopes, func(sc scope) bool { return sc.Value == state }) {
		return nil, false, nil
	}
	open, err := openFallouts(r)
	if err != nil {
		return nil, false, err
	}
	orders, err := list.read(r, c, open)
	if err != nil {
		return nil, false, err
	}
	for i := range orders {
		o := &orders[i]
		reasons, err := s.why(r, c, o, open)
		if err != nil {
			return nil, false, err
		}
		row := orderRow{
			ID: o.Spec.ID, State: string(o.State), Level: reasons[0].Level, Since: c.ms(o.Since), Placed: c.ms(o.Spec.PlacedAt),
			Lines: len(o.Lines), Priority: o.Spec.Priority, Method: o.Spec.Method, Fallouts: len(o.Fallout), Why: reasons[0].What,
		}
		for _, l := range o.Lines {
			row.Units += l.Qty
			row.Picked += l.Picked
		}
		list.Rows = append(list.Rows, row)
	}
	return list, true, nil
}

// read finds the orders of the page, at most maxOrders, and how many are in the
// scope.
func (list *orderList) read(r warehouse.Reader, c clock, open map[string]warehouse.Fallout) (orders []warehouse.Order, err error) {
	state := warehouse.OrderState(list.State)
	switch {
	case list.State == scopeAll:
		return list.readAll(r)
	case ended(state):
		counts, err := warehouse.CountOrders(r)
		if err != nil {
			return nil, err
		}
		list.Total = int(counts[list.State])
		orders, list.Next, err = warehouse.ClosedOrders(r, state, list.After, maxOrders)
		return orders, err
	case list.State == scopeParked:
		orders, err = parkedOrders(r, slices.Collect(maps.Values(open)))
	default:
		orders, err = warehouse.OpenOrders(r, func(o *warehouse.Order) bool { return list.State == scopeDefault || o.State == state }, "", 0)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(orders, func(a, b warehouse.Order) int {
		return cmp.Or(boolInt(ended(a.State))-boolInt(ended(b.State)), cmp.Compare(a.Since, b.Since), cmp.Compare(a.Spec.ID, b.Spec.ID))
	})
	list.Total = len(orders)
	if list.State == scopeDefault {
		if orders, err = list.addToday(r, c, orders); err != nil {
			return nil, err
		}
	}
	return orders[:min(len(orders), maxOrders)], nil
}

// addToday puts those that closed today behind the open ones, the newest first.
func (list *orderList) addToday(r warehouse.Reader, c clock, orders []warehouse.Order) ([]warehouse.Order, error) {
	var today []warehouse.Order
	for _, state := range []warehouse.OrderState{warehouse.OrderShipped, warehouse.OrderCancelled} {
		n, err := warehouse.CountClosed(r, state, c.today())
		if err != nil {
			return nil, err
		}
		list.Total += int(n)
		if n = min(n, int64(maxOrders-len(orders))); n <= 0 {
			continue
		}
		closed, _, err := warehouse.ClosedOrders(r, state, "", int(n))
		if err != nil {
			return nil, err
		}
		today = append(today, closed...)
	}
	slices.SortFunc(today, func(a, b warehouse.Order) int {
		return cmp.Or(cmp.Compare(b.Since, a.Since), cmp.Compare(a.Spec.ID, b.Spec.ID))
	})
	return append(orders, today...), nil
}

// readAll is a page of all orders, by id.
func (list *orderList) readAll(r warehouse.Reader) ([]warehouse.Order, error) {
	counts, err := warehouse.CountOrders(r)
	if err != nil {
		return nil, err
	}
	for state, n := range counts {
		if state != string(warehouse.OrderArchived) {
			list.Total += int(n)
		}
	}
	orders, err := warehouse.Orders(r, list.After, maxOrders)
	if len(orders) == maxOrders {
		list.Next = orders[maxOrders-1].Spec.ID
	}
	return orders, err
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
