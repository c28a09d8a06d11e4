package warehouse

import "fmt"

// The outbox: events are written in the same apply as the change they tell of,
// with a dense number per stream.

// streamHead is where a stream of the outbox begins and ends.
type streamHead struct {
	First uint64 `cbor:"1,keyasint"` // oldest row still there, when First < Next
	Next  uint64 `cbor:"2,keyasint"` // number of the next row; the first is 1
}

// milestones are told once per revision of an order. The position in the list
// is the bit in Order.Told: append only.
var milestones = []string{
	EvOrderAccepted, EvOrderShort, EvOrderReleased, EvOrderPicking, EvOrderPicked,
	EvOrderPacked, EvOrderLabelled, EvOrderStaged, EvOrderShipped, EvOrderCancelled,
}

// emit appends one event to the stream of the OMS it concerns (upstream.go). It
// carries the id by which that OMS knows the order.
func (c *change) emit(typ, order string, data EventData) error {
	upstream, told, err := c.addressee(order, &data)
	if err != nil {
		return err
	}
	return c.emitTo(upstream, typ, told, data)
}

// emitTo appends one event to the stream of an upstream, which calls the order
// by that id.
func (c *change) emitTo(upstream, typ, order string, data EventData) error {
	stream := StreamOf(upstream)
	head, err := outboxHead(c, stream)
	if err != nil {
		return err
	}
	ev := Event{Seq: head.Next, Type: typ, Order: order, At: c.meta.Now, Cause: c.meta.Cause, Data: data}
	if err := c.countEvent(&ev); err != nil {
		return err
	}
	if err := save(c, key(kOut, stream, num(head.Next)), &ev); err != nil {
		return err
	}
	head.Next++
	c.touch("outbox", stream)
	return save(c, key(kOutHead, stream), &head)
}

// tell emits a milestone of an order unless it was told before.
func (c *change) tell(o *Order, typ string) error {
	for i, m := range milestones {
		if m != typ {
			continue
		}
		if o.Told&(1<<i) != 0 {
			return nil
		}
		o.Told |= 1 << i
		facts, err := c.factsOf(o, typ)
		if err != nil {
			return err
		}
		d := EventData{State: string(o.State), Revision: o.Spec.Revision, Source: o.Source, Facts: facts, Born: c.bornOf(o)}
		d.BackorderOf = abroad(o.Upstream, o.BackorderOf)
		switch typ {
		case EvOrderAccepted:
			if o.special() {
				d.Lines = tellLines(o.Lines)
			}
		case EvOrderShort, EvOrderPicked:
			d.Lines = tellLines(o.Lines)
		case EvOrderPacked, EvOrderLabelled:
			d.Parcels = tellParcels(o.Parcels)
		case EvOrderShipped:
			d.Lines, d.Parcels = tellLines(o.Lines), tellParcels(o.Parcels)
			tellNamed(o, &d)
		}
		return c.emit(typ, o.Spec.ID, d)
	}
	return fmt.Errorf("warehouse: %s is no milestone", typ)
}

// tellLines leaves out what only the site needs.
func tellLines(lines []LineState) []LineState {
	out := make([]LineState, len(lines))
	for i, l := range lines {
		l.Tasks, l.PutBack, l.PutTask, l.Returned, l.Kind, l.Alts = nil, 0, "", 0, LineKindStock, nil
		out[i] = l
	}
	return out
}

// tellParcels leaves out what only the site needs.
func tellParcels(parcels []Parcel) []Parcel {
	out := make([]Parcel, len(parcels))
	for i, p := range parcels {
		p.Verified, p.CheckedBy, p.ExpectedMg = false, "", 0
		out[i] = p
	}
	return out
}

func outboxHead(r Reader, stream string) (streamHead, error) {
	h, err := load[streamHead](r, key(kOutHead, stream))
	if err != nil {
		return streamHead{}, err
	}
	if h == nil {
		return streamHead{First: 1, Next: 1}, nil
	}
	return *h, nil
}

// OutboxRange returns the rows of a stream behind number after, at most limit
// of them.
func OutboxRange(r Reader, stream string, after uint64, limit int) ([]Event, error) {
	h, err := outboxHead(r, stream)
	if err != nil {
		return nil, err
	}
	var evs []Event
	for n := max(after+1, h.First); n < h.Next && len(evs) < limit; n++ {
		ev, err := load[Event](r, key(kOut, stream, num(n)))
		if _, err = must(ev, err, "outbox row", fmt.Sprint(n)); err != nil {
			return nil, err
		}
		evs = append(evs, *ev)
	}
	return evs, nil
}

// OutboxDelete removes the rows of a stream up to and including number upto,
// after the OMS has them. Numbers are never used again.
func OutboxDelete(tx Tx, stream string, upto uint64) error {
	h, err := outboxHead(tx, stream)
	if err != nil || upto < h.First || h.First == h.Next {
		return err
	}
	upto = min(upto, h.Next-1)
	for n := h.First; n <= upto; n++ {
		if err := tx.Delete(key(kOut, stream, num(n))); err != nil {
			return err
		}
	}
	h.First = upto + 1
	return save(tx, key(kOutHead, stream), &h)
}

// OutboxDepth is how many rows wait and since when the oldest does; at is 0
// when none waits.
func OutboxDepth(r Reader, stream string) (n int, oldestAtMs int64, err error) {
	h, err := outboxHead(r, stream)
	if err != nil || h.First == h.Next {
		return 0, 0, err
	}
	ev, err := load[Event](r, key(kOut, stream, num(h.First)))
	if _, err = must(ev, err, "outbox row", fmt.Sprint(h.First)); err != nil {
		return 0, 0, err
	}
	return int(h.Next - h.First), ev.At, nil
}
