package web

import (
	"cmp"
	"slices"

	"tote/warehouse"
)

// maxTold bounds how many outbox rows are searched for the events of an order.
const maxTold = 5000

// orderPage is everything about one order.
type orderPage struct {
	Site      string
	ID        string
	State     string
	Since     stamp
	Ended     bool
	Path      []pathStep
	Spec      warehouse.OrderSpec
	Source    string
	Placed    stamp
	ShipBy    stamp
	Why       []reason
	Lines     []orderLine
	Parcels   []parcelRow
	Papers    []warehouse.Document
	Bench     string // the station where it is packed
	Fallouts  []falloutRow
	Retry     bool
	Cancel    bool // before the soft point of no return
	Timeline  []moment
	Notice    *notice // what the last act came to
	LineCount int
	Walk      *walkPanel // the walk it is on, nil = none
}

// pathStep is one state on the way from the pool to the truck.
type pathStep struct{ Title, Mark string } // Mark: "done", "now", "todo"

// reason answers why an order is where it is: what for, since when, held by
// whom, what to do.
type reason struct {
	Level  string // levelBad: a person must decide; levelWarn: it waits; levelOK: somebody works on it
	Code   string
	What   string
	Who    string // worker and handheld that hold it
	Where  string // station, dock or place it stands at
	Since  stamp
	Action string
}

type orderLine struct {
	Line              int
	SKU, Name         string
	Qty, Picked       int64
	State, Level      string
	Lots              []warehouse.LotQty
	Tasks             []warehouse.Task
	Short, Unassigned bool
}

type parcelRow struct {
	warehouse.Parcel
	Weight, Label string
	Copies        int
	Of            int // how many there are; 0 = it is the only one, or more may come
}

type moment struct {
	At   stamp
	What string
	Code string
}

// notice is the answer to what a person did.
type notice struct {
	OK         bool
	Code, Text string
	Action     string
}

// readOrder is nil when there is no such order.
func (s *server) readOrder(r warehouse.Reader, c clock, id string) (*orderPage, error) {
	o, err := warehouse.GetOrder(r, id)
	if err != nil || o == nil {
		return nil, err
	}
	p := &orderPage{
		Site: s.cfg.Site, ID: o.Spec.ID, State: string(o.State), Since: c.ms(o.Since), Ended: ended(o.State),
		Path: wayTo(o.State), Spec: o.Spec, Source: o.Source, Placed: c.ms(o.Spec.PlacedAt), ShipBy: c.ms(o.Spec.ShipBy),
		Retry: len(o.Fallout) > 0 || o.State == warehouse.OrderShortWaiting,
	}
	if o.State == warehouse.OrderPacking {
		p.Bench = o.Station
	}
	switch o.State {
	case warehouse.OrderReceived, warehouse.OrderValidated, warehouse.OrderShortWaiting, warehouse.OrderAllocated, warehouse.OrderReleased:
		p.Cancel = true
	}
	open, err := openFallouts(r)
	if err != nil {
		return nil, err
	}
	if p.Why, err = s.why(r, c, o, open); err != nil {
		return nil, err
	}
	if p.Walk, err = readWalk(r, o); err != nil {
		return nil, err
	}
	if p.Lines, err = orderLines(r, o); err != nil {
		return nil, err
	}
	if p.Parcels, err = parcels(r, o); err != nil {
		return nil, err
	}
	if p.Papers, err = papersOf(r, o); err != nil {
		return nil, err
	}
	all, err := warehouse.FalloutsOf(r, o.Spec.ID)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if f.ClearedAt != 0 {
			continue
		}
		row, err := s.falloutRow(r, c, f)
		if err != nil {
			return nil, err
		}
		p.Retry = p.Retry && row.Retry
		p.Fallouts = append(p.Fallouts, row)
	}
	p.Timeline, err = timeline(r, c, o, all)
	return p, err
}

// wayTo marks where on its way an order is.
func wayTo(now warehouse.OrderState) []pathStep {
	at := slices.IndexFunc(stages, func(st struct {
		title string
		state warehouse.OrderState
	},
	) bool {
		return st.state == now
	})
	var out []pathStep
	for i, st := range stages {
		step := pathStep{st.title, "todo"}
		switch {
		case i == at:
			step.Mark = "now"
		case i < at:
			step.Mark = "done"
		}
		if st.state == warehouse.OrderShortWaiting && i != at {
			continue // only on the way of an order that is short
		}
		out = append(out, step)
	}
	return out
}

func orderLines(r warehouse.Reader, o *warehouse.Order) ([]orderLine, error) {
	out := make([]orderLine, 0, len(o.Lines))
	for _, l := range o.Lines {
		row := orderLine{
			Line: l.Line, SKU: l.SKU, Qty: l.Qty, Picked: l.Picked, State: l.State, Lots: l.Lots,
			Short: l.State == warehouse.LineShort, Level: levelOK,
		}
		if row.Short {
			row.Level = levelBad
		}
		it, err := warehouse.GetItem(r, l.SKU)
		if err != nil {
			return nil, err
		}
		if it != nil {
			row.Name = it.Name
		}
		for _, id := range l.Tasks {
			t, err := warehouse.GetTask(r, id)
			if err != nil {
				return nil, err
			}
			if t != nil {
				row.Tasks = append(row.Tasks, *t)
			}
		}
		out = append(out, row)
	}
	return out, nil
}

func parcels(r warehouse.Reader, o *warehouse.Order) ([]parcelRow, error) {
	out := make([]parcelRow, 0, len(o.Parcels))
	for _, p := range o.Parcels {
		row := parcelRow{Parcel: p, Weight: kilograms(p.WeightMg)}
		if p.No > 0 && o.Tote == "" {
			row.Of = len(o.Parcels)
		}
		job, err := warehouse.GetJob(r, p.Job)
		if err != nil {
			return nil, err
		}
		if job != nil {
			row.Label, row.Copies = job.State, job.Copies
		}
		out = append(out, row)
	}
	return out, nil
}

// papersOf lists what is archived about an order and its parcels.
func papersOf(r warehouse.Reader, o *warehouse.Order) (out []warehouse.Document, err error) {
	refs := []string{o.Spec.ID}
	for _, p := range o.Parcels {
		refs = append(refs, p.SSCC)
	}
	for _, ref := range refs {
		docs, err := warehouse.DocumentsOf(r, ref)
		if err != nil {
			return nil, err
		}
		out = append(out, docs...)
	}
	return out, nil
}

// timeline is what the state still knows: the marks on the order, its fallouts,
// and the events that the OMS has not acknowledged yet.
func timeline(r warehouse.Reader, c clock, o *warehouse.Order, fallouts []warehouse.Fallout) ([]moment, error) {
	var out []moment
	add := func(ms int64, what, code string) {
		if ms != 0 {
			out = append(out, moment{c.ms(ms), what, code})
		}
	}
	events, err := warehouse.OutboxRange(r, warehouse.StreamOf(o.Upstream), 0, maxTold)
	if err != nil {
		return nil, err
	}
	told := map[string]bool{}
	for _, ev := range events {
		if ev.Order != o.IDAtOMS() && ev.Order != o.Spec.ID || ev.Type == warehouse.EvFalloutOpened || ev.Type == warehouse.EvFalloutCleared {
			continue
		}
		told[ev.Type] = true
		add(ev.At, eventTitle(ev.Type), ev.Data.Code)
	}
	if !told[warehouse.EvOrderReleased] {
		add(o.ReleasedAt, eventTitle(warehouse.EvOrderReleased), "")
	}
	if !told[warehouse.EvOrderShipped] {
		add(o.ShippedAt, eventTitle(warehouse.EvOrderShipped), "")
	}
	for _, f := range fallouts {
		add(f.Since, "Fallout "+f.ID+" opened", f.Code)
		by := ""
		if f.ClearedBy != "" {
			by = " by " + f.ClearedBy
		}
		add(f.ClearedAt, "Fallout "+f.ID+" cleared"+by, f.Code)
	}
	add(o.Spec.PlacedAt, "Placed by the customer", "")
	if len(out) == 0 || !ended(o.State) && len(events) == 0 {
		add(o.Since, "Entered "+string(o.State), "")
	}
	slices.SortStableFunc(out, func(a, b moment) int { return cmp.Compare(a.At.Ms(), b.At.Ms()) })
	return out, nil
}

// eventTitle says an event type in words; an unknown one is shown as it is.
func eventTitle(typ string) string {
	titles := map[string]string{
		warehouse.EvOrderAccepted: "Accepted by the site", warehouse.EvOrderRejected: "Refused by the site",
		warehouse.EvOrderShort: "Short of stock", warehouse.EvOrderReleased: "Released to the pool",
		warehouse.EvOrderPicking: "Picking began", warehouse.EvOrderPicked: "Picked", warehouse.EvOrderPacked: "Packed",
		warehouse.EvOrderLabelled: "Label sent to the printer", warehouse.EvOrderStaged: "Loaded at the dock",
		warehouse.EvOrderShipped: "Shipped", warehouse.EvOrderCancelled: "Cancelled",
		warehouse.EvOrderCancelRejected: "Cancel refused", warehouse.EvOrderAmendRejected: "Later revision refused",
		warehouse.EvOrderBackordered: "The rest became a backorder",
		warehouse.EvOrderSubstituted: "Another item goes instead",
		warehouse.EvOrderUnavailable: "Told why goods are not here",
		warehouse.EvOrderUnpicked:    "Goods put back into a bin", warehouse.EvOrderUnpacked: "Unpacked, the label is void",
		warehouse.EvOrderUnloaded: "Taken off the truck",
		warehouse.EvOrderBound:    "Bound to the order of the OMS",
		warehouse.EvOrderHeld:     "Held", warehouse.EvOrderHoldReleased: "Let go",
		warehouse.EvOrderAmended: "Later revision in force", warehouse.EvOrderQuoted: "Change quoted to the OMS",
	}
	return cmp.Or(titles[typ], typ)
}
