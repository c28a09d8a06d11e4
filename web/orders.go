package web

import (
	"cmp"
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
	Total  int // orders in the scope
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

// readOrders lists the orders of a scope, the oldest first; ok is false for a
// scope that does not exist.
func (s *server) readOrders(r warehouse.Reader, c clock, state string) (list *orderList, ok bool, err error) {
	list = &orderList{Site: s.cfg.Site, State: state, Scopes: scopes()}
	if !slices.ContainsFunc(list.Scopes, func(sc scope) bool { return sc.Value == state }) {
		return nil, false, nil
	}
	orders, err := warehouse.Orders(r, "", 0)
	if err != nil {
		return nil, false, err
	}
	open, err := openFallouts(r)
	if err != nil {
		return nil, false, err
	}
	today := c.today()
	orders = slices.DeleteFunc(orders, func(o warehouse.Order) bool {
		switch state {
		case scopeDefault:
			return !inScope(&o, today)
		case scopeAll:
			return false
		case scopeParked:
			return len(o.Fallout) == 0
		}
		return string(o.State) != state
	})
	slices.SortFunc(orders, func(a, b warehouse.Order) int {
		return cmp.Or(boolInt(ended(a.State))-boolInt(ended(b.State)), cmp.Compare(a.Since, b.Since), cmp.Compare(a.Spec.ID, b.Spec.ID))
	})
	list.Total = len(orders)
	for i := range orders[:min(len(orders), maxOrders)] {
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

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
