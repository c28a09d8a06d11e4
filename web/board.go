package web

import (
	"fmt"
	"slices"
	"strings"

	"tote/warehouse"
)

// maxFallouts is how many fallouts the console lists; the rest is counted.
const maxFallouts = 50

// board is everything the console shows, read from one snapshot.
type board struct {
	Site     string
	Status   status
	Stages   []stage
	Fallouts []falloutRow
	More     int // open fallouts that are not listed
	Map      floorMap
	Machines machines
	Gateway  gatewayPanel
	Open     int64 // orders that are not shipped or cancelled
}

// stage is one box of the order flow.
type stage struct {
	State   string // for the link to the list
	Title   string
	Count   int64
	Parked  int64 // of Count: held by a fallout
	Late    int64 // of Count: should have left the site by now
	Oldest  stamp
	Ongoing bool // its orders wait for something; false for the end of the flow
}

// falloutRow is one open fallout.
type falloutRow struct {
	ID, Code, Order       string
	Facts, Cause, Action  string
	Since                 stamp
	Retry                 bool   // a retry of its order can clear it
	Clear                 bool   // it has no order: a person clears it
	Where                 string // "at the pack station", when Retry is false
	Line                  int
	SKU, Item, Bin, Batch string
}

// stages is the flow, left to right.
var stages = []struct {
	title string
	state warehouse.OrderState
}{
	{"Short", warehouse.OrderShortWaiting},
	{"Released", warehouse.OrderReleased},
	{"Picking", warehouse.OrderPicking},
	{"Picked", warehouse.OrderPicked},
	{"Packing", warehouse.OrderPacking},
	{"Packed", warehouse.OrderPacked},
	{"Labelled", warehouse.OrderLabelled},
	{"Staged", warehouse.OrderStaged},
	{"Shipped", warehouse.OrderShipped},
}

// around is what a rendering needs besides the state. It is asked for before
// the snapshot is taken: the functions of Config may read the state themselves.
type around struct {
	clock   clock
	gateway *GatewayStatus // nil: there is none
	floor   []Marker
}

func (s *server) around() around {
	a := around{clock: clock{s.cfg.Now()}}
	if s.cfg.Gateway != nil {
		g := s.cfg.Gateway()
		a.gateway = &g
	}
	if s.cfg.Floor != nil {
		a.floor = s.cfg.Floor()
	}
	return a
}

func (s *server) readBoard(r warehouse.Reader, a around) (*board, error) {
	c := a.clock
	b := &board{Site: s.cfg.Site, Gateway: s.gatewayPanel(c, a.gateway)}
	orders, err := warehouse.OpenOrders(r, nil, "", 0)
	if err != nil {
		return nil, err
	}
	b.Stages = flow(c, orders)
	for _, st := range b.Stages {
		if st.Ongoing {
			b.Open += st.Count
		}
	}
	open, err := warehouse.Fallouts(r, true)
	if err != nil {
		return nil, err
	}
	if err := shippedToday(r, c, open, &b.Stages[len(b.Stages)-1]); err != nil {
		return nil, err
	}
	slices.SortStableFunc(open, func(a, b warehouse.Fallout) int { return int(a.Since - b.Since) })
	for i, f := range open {
		if i == maxFallouts {
			b.More = len(open) - i
			break
		}
		row, err := s.falloutRow(r, c, f)
		if err != nil {
			return nil, err
		}
		b.Fallouts = append(b.Fallouts, row)
	}
	if b.Machines, err = s.readMachines(r, c, a.gateway); err != nil {
		return nil, err
	}
	if b.Map, err = readMap(r, a.floor); err != nil {
		return nil, err
	}
	b.Map.missing(b.Machines.Robots)
	if err := readSync(r, c, &b.Gateway.Sync); err != nil {
		return nil, err
	}
	b.Status = b.Gateway.status(len(open), b.Machines.bad())
	return b, nil
}

// ended says that nothing more happens to an order at this site.
func ended(st warehouse.OrderState) bool {
	return st == warehouse.OrderShipped || st == warehouse.OrderCancelled
}

func (s *server) falloutRow(r warehouse.Reader, c clock, f warehouse.Fallout) (falloutRow, error) {
	row := falloutRow{
		ID: f.ID, Code: f.Code, Order: f.Order, Since: c.ms(f.Since),
		Line: f.Line, SKU: f.SKU, Bin: f.Bin, Retry: true,
	}
	row.Cause, row.Action = s.explain(f.Code)
	if f.Code == warehouse.FalloutLabelFailed || f.Code == warehouse.FalloutLabelUnknown {
		row.Retry, row.Where = false, "At the pack station"
	}
	var facts []string
	if f.Line > 0 {
		facts = append(facts, fmt.Sprintf("line %d", f.Line))
	}
	if f.SKU != "" {
		it, err := warehouse.GetItem(r, f.SKU)
		if err != nil {
			return row, err
		}
		if it != nil {
			row.Item = it.Name
		}
		facts = append(facts, strings.TrimSpace(f.SKU+" "+row.Item))
	}
	if f.Dock != "" {
		facts = append(facts, "dock "+f.Dock)
	}
	if f.LU != "" {
		facts = append(facts, f.LU)
	}
	if f.Bin != "" {
		facts = append(facts, "bin "+f.Bin)
	}
	if f.Lot != "" {
		facts = append(facts, "lot "+f.Lot)
	}
	if f.Qty > 0 {
		word := "missing"
		if f.Code == warehouse.FalloutRFIDExtra {
			word = "extra"
		}
		facts = append(facts, fmt.Sprintf("%d %s", f.Qty, word))
	}
	if f.Detail != "" {
		facts = append(facts, readable(f.Detail))
	}
	if was := foundBefore(f); was != "" {
		facts = append(facts, "found before: "+was)
	}
	row.Facts = strings.Join(facts, " · ")
	if f.Order == "" {
		row.Retry, row.Clear = false, true
		return row, nil
	}
	o, err := warehouse.GetOrder(r, f.Order)
	if err != nil || o == nil {
		return row, err
	}
	if o.Batch != "" {
		row.Retry, row.Batch, row.Where = false, o.Batch, "When batch "+short(o.Batch)+" is put down"
	}
	return row, nil
}

// foundBefore lists the evidence of a fallout but the newest, which is told
// already.
func foundBefore(f warehouse.Fallout) string {
	var was []string
	for _, e := range f.Evidence {
		if e.Detail != f.Detail {
			was = append(was, readable(e.Detail))
		}
	}
	if f.More > 0 {
		was = append(was, fmt.Sprintf("and %d more", f.More))
	}
	return strings.Join(was, ", ")
}

// explain looks a code up in the table of the gateway, then in the one of the
// domain.
func (s *server) explain(code string) (cause, action string) {
	if code == "" {
		return "", ""
	}
	if s.cfg.Faults != nil {
		if cause, action, ok := s.cfg.Faults(code); ok {
			return cause, action
		}
	}
	for _, f := range warehouse.Faults {
		if f.Code == code {
			return f.Cause, f.Action
		}
	}
	return "", "Look the code up in the documentation of faults."
}

// short cuts a generated id to what people can compare.
func short(id string) string {
	if len(id) > 12 {
		return id[:8] + "…"
	}
	return id
}

// OpenFallouts is how many there are, listed or not.
func (b *board) OpenFallouts() int { return len(b.Fallouts) + b.More }
