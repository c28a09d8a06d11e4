package warehouse

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// Kinds of lines, and what becomes of a line that cannot be filled now.
//
//   - A drop-ship line is somebody else's: it is skipped, not failed.
//   - A made-to-order line waits in PRODUCTION, and its order in VALIDATED, until
//     ProductionDone; it is not short.
//   - An order is shipped complete or, with Partial, as far as it can be: its
//     short lines park nothing, and when it has left the rest becomes a backorder,
//     an order of its own that waits for stock at its old place in the queue.

// Kinds of an order line.
const (
	LineKindStock    = ""
	LineKindDropShip = "drop_ship"
	LineKindMake     = "make"
)

// ProductionDone says that what a made-to-order line asks for is made and in
// stock.
type ProductionDone struct {
	Order string `cbor:"1,keyasint" json:"order"`
	Line  int    `cbor:"2,keyasint" json:"line"`
}

// Kind of the command.
func (ProductionDone) Kind() Kind { return KindProductionDone }

func productionDone(c *change, cmd ProductionDone) (Result, error) {
	res := Result{Ref: cmd.Order}
	o, err := c.knownOrder(cmd.Order)
	if err != nil {
		return res, err
	}
	at := slices.IndexFunc(o.Lines, func(l LineState) bool { return l.Line == cmd.Line && l.Kind == LineKindMake })
	if at < 0 {
		return res, refuse(CodeInvalid, "order %s has no line %d that is made to order", cmd.Order, cmd.Line)
	}
	l := &o.Lines[at]
	if l.State != LineProduction {
		res.Text = fmt.Sprintf("line %d is %s", cmd.Line, l.State)
		return res, nil
	}
	l.State = LineOpen
	_, err = c.tryAllocate(o)
	return res, err
}

// makes tells whether something of the order is still to be made.
func (o *Order) makes() bool {
	return slices.ContainsFunc(o.Lines, func(l LineState) bool { return l.State == LineProduction })
}

// skipped tells whether a line asks nothing of the stock now.
func (l *LineState) skipped() bool { return l.State == LineDropShip || l.State == LineProduction }

// special tells whether an order has lines that are not simply picked.
func (o *Order) special() bool {
	return slices.ContainsFunc(o.Lines, func(l LineState) bool { return l.Kind != LineKindStock })
}

// openLines is the state of the lines of an order nothing was done of; made are
// the lines of the revision before.
func openLines(spec OrderSpec, made []LineState) []LineState {
	lines := make([]LineState, len(spec.Lines))
	for i, l := range spec.Lines {
		lines[i] = LineState{Line: l.Line, SKU: l.SKU, Qty: l.Qty, Kind: l.Kind, State: LineOpen}
		switch l.Kind {
		case LineKindDropShip:
			lines[i].State = LineDropShip
		case LineKindMake:
			done := slices.ContainsFunc(made, func(m LineState) bool {
				return m.Line == l.Line && m.SKU == l.SKU && m.Kind == LineKindMake && m.Qty >= l.Qty && m.State != LineProduction
			})
			if !done {
				lines[i].State = LineProduction
			}
		}
	}
	return lines
}

// idle tells whether an allocation passes a line over.
func (c *change) idle(l *LineState) bool {
	return l.skipped() || c.since(level3) && l.State == LineCancelled
}

// reopen lets the lines of an order be allocated anew.
func (c *change) reopen(o *Order) {
	for i := range o.Lines {
		if !c.idle(&o.Lines[i]) {
			l := &o.Lines[i]
			l.State, l.SKU, l.For, l.Reason, l.Alts = LineOpen, l.ordered(), "", "", nil
		}
	}
}

// checkKinds looks at the kinds of lines an order comes with.
func checkKinds(lines []OrderLine) string {
	ours := false
	for _, l := range lines {
		switch l.Kind {
		case LineKindStock, LineKindMake:
			ours = true
		case LineKindDropShip:
		default:
			return "line kind"
		}
	}
	if !ours {
		return "no line is for this site"
	}
	return ""
}

// backorder makes an order of what a partial one was shipped without. It waits
// like any other that is short, and AdvanceTime tries it at once: a departure
// has no room for allocating.
func (c *change) backorder(o *Order) error {
	if !o.Spec.Partial {
		return nil
	}
	spec := o.Spec
	spec.Lines, spec.Holds, spec.Kit = nil, nil, 0
	short := []int64{}
	for _, l := range o.Lines {
		if l.State == LineShort {
			rest := l.Qty - l.Picked
			spec.Lines, short = append(spec.Lines, OrderLine{Line: l.Line, SKU: l.ordered(), Qty: rest}), append(short, rest)
		}
	}
	if len(short) == 0 {
		return nil
	}
	root := o.known()
	if o.BackorderOf != "" {
		root = o.BackorderOf
	}
	for taken := true; taken; {
		n, err := c.next("backorder", root)
		if err != nil {
			return err
		}
		tail := fmt.Sprintf("-B%d", n)
		spec.ID = root[:min(len(root), maxID-len(tail))] + tail
		old, err := c.order(spec.ID)
		if err != nil {
			return err
		}
		taken = old != nil
	}
	canon, err := marshal(&spec)
	if err != nil {
		return fmt.Errorf("warehouse: encode backorder: %w", err)
	}
	sum := sha256.Sum256(canon)
	b := &Order{
		Spec: spec, Hash: sum[:], Source: o.Source, ReleasedAt: c.meta.Now, Intake: o.Intake, Queue: o.Queue, Pickup: o.Pickup,
		Lines: openLines(spec, nil), BackorderOf: root, Upstream: o.Upstream,
	}
	c.note(b)
	o.Backorder = spec.ID
	if err := c.enter(b, OrderReceived); err != nil {
		return err
	}
	if err := c.enter(b, OrderValidated); err != nil {
		return err
	}
	if err := c.park(b, short); err != nil {
		return err
	}
	for _, l := range b.Lines {
		if err := c.Set(againKey(demand{l.SKU, b.Spec.Owner}.row()), []byte{1}); err != nil {
			return err
		}
	}
	return c.emit(EvOrderBackordered, o.Spec.ID, EventData{
		State: string(o.State), Born: c.bornOf(o), Revision: o.Spec.Revision, Source: o.Source, Lines: tellLines(b.Lines), Backorder: abroad(o.Upstream, spec.ID),
	})
}
