package ledger

import (
	"strings"

	"tote/warehouse"
)

// Row is an event on its way to the OMS.
type Row struct {
	Event warehouse.Event
	// Held: send the placeholder in its place.
	Held bool
	// Supersedes names the held event this one stands for.
	Supersedes *Ref

	kept bool  // it is in the store of held rows
	hold *Hold // of its subject; shared by the rows of one answer
}

// Subject is what must stay in order with the event: its order, or "site". It
// is fit to be part of a key, which the id of a refused order may not be. An
// order entered at the site is a subject of its own ("site/" and its id, which
// no order id can be): when the OMS rejects it because it has another order of
// that id, what is said of that one must not wait behind it.
func Subject(ev warehouse.Event) string {
	switch {
	case ev.Order == "":
		return "site"
	case ev.Data.Born != "":
		return ev.Data.Born + "/" + strings.ReplaceAll(ev.Order, "\x00", "\uFFFD")
	}
	return strings.ReplaceAll(ev.Order, "\x00", "\uFFFD")
}

// Cursor is where the next poll of a source starts; "" = from the start.
func Cursor(r warehouse.Reader, source string) (string, error) {
	b, err := r.Get(key("cursor", source))
	return string(b), err
}

func ackOf(r warehouse.Reader, stream string) (ackRecord, error) {
	a, err := load[ackRecord](r, key("ack", stream))
	if err != nil || a == nil {
		return ackRecord{}, err
	}
	return *a, nil
}

// Acked is the highest seq of a stream the OMS has; 0 = none.
func Acked(r warehouse.Reader, stream string) (uint64, error) {
	a, err := ackOf(r, stream)
	return a.Upto, err
}

// Pending returns up to limit rows of a stream behind seq after, in order.
// Acknowledged rows are among them as long as they are kept (the newest 1000),
// so that the sender can rewind; a row that is no longer kept is left out.
func Pending(r warehouse.Reader, stream string, after uint64, limit int) ([]Row, error) {
	acked, err := Acked(r, stream)
	if err != nil {
		return nil, err
	}
	m := marker{r: r, stream: stream, holds: map[string]*Hold{}}
	var rows []Row
	for seq := after + 1; seq <= acked && len(rows) < limit; seq++ {
		sent, err := load[resendRow](r, key("sent", stream, num(seq)))
		if err != nil {
			return nil, err
		}
		if sent == nil {
			continue
		}
		row := Row{Event: sent.Event}
		if sent.Supersedes.Seq != 0 {
			row.Supersedes = &sent.Supersedes
		}
		// Only its own mark counts: the hold of its subject came later.
		if row.kept, err = m.marked(seq); err != nil {
			return nil, err
		}
		row.Held = row.kept
		rows = append(rows, row)
	}
	more, err := tail(r, stream, max(after, acked), limit-len(rows))
	return append(rows, more...), err
}

// tail returns rows that are not acknowledged yet.
func tail(r warehouse.Reader, stream string, after uint64, limit int) ([]Row, error) {
	var rows []Row
	if isResend(stream) {
		for seq := after + 1; len(rows) < limit; seq++ {
			row, err := load[resendRow](r, key(stream, num(seq)))
			if err != nil {
				return nil, err
			}
			if row == nil {
				break // rows are deleted from the front only
			}
			rows = append(rows, Row{Event: row.Event, Supersedes: &row.Supersedes})
		}
	} else {
		evs, err := warehouse.OutboxRange(r, stream, after, limit)
		if err != nil {
			return nil, err
		}
		for _, ev := range evs {
			rows = append(rows, Row{Event: ev})
		}
	}
	m := marker{r: r, stream: stream, holds: map[string]*Hold{}}
	for i := range rows {
		if err := m.mark(&rows[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// marker says which rows are held; it loads each hold once.
type marker struct {
	r      warehouse.Reader
	stream string
	holds  map[string]*Hold // looked up, never ranged over
}

func (m *marker) marked(seq uint64) (bool, error) {
	b, err := m.r.Get(key("heldat", m.stream, num(seq)))
	return b != nil, err
}

func (m *marker) mark(row *Row) (err error) {
	if row.kept, err = m.marked(row.Event.Seq); err != nil {
		return err
	}
	subject := Subject(row.Event)
	h, ok := m.holds[subject]
	if !ok {
		if h, err = load[Hold](m.r, holdKey(upstreamOf(m.stream), subject)); err != nil {
			return err
		}
		m.holds[subject] = h
	}
	row.hold = h
	row.Held = row.kept || h != nil && h.covers(m.stream, row.Event.Seq)
	return nil
}

// Newest is the highest seq of a stream that exists; 0 = none.
func Newest(r warehouse.Reader, stream string) (uint64, error) {
	acked, err := Acked(r, stream)
	if err != nil {
		return 0, err
	}
	if isResend(stream) {
		return counter(r, stream)
	}
	n, _, err := warehouse.OutboxDepth(r, stream)
	return acked + uint64(n), err
}

// Depth is how many rows of a stream wait for the OMS and since when the
// oldest does (ms since 1970 UTC; 0 when none waits).
func Depth(r warehouse.Reader, stream string) (n int, oldestAtMs int64, err error) {
	if !isResend(stream) {
		return warehouse.OutboxDepth(r, stream)
	}
	acked, err := Acked(r, stream)
	if err != nil {
		return 0, 0, err
	}
	newest, err := counter(r, stream)
	if err != nil || newest == acked {
		return 0, 0, err
	}
	row, err := load[resendRow](r, key(stream, num(acked+1)))
	if err != nil || row == nil {
		return int(newest - acked), 0, err
	}
	return int(newest - acked), row.Event.At, nil
}

// Holds lists the held subjects of an upstream by name, at most limit of them.
func Holds(r warehouse.Reader, upstream string, limit int) ([]Hold, error) {
	var hs []Hold
	err := each(r, under(family("hold", upstream)), func(_ []byte, h *Hold) (bool, error) {
		hs = append(hs, *h)
		return len(hs) < limit, nil
	})
	return hs, err
}

// Refusals lists the newest inbox items of an upstream that had no effect,
// oldest first, at most limit of them.
func Refusals(r warehouse.Reader, upstream string, limit int) ([]Refusal, error) {
	var rs []Refusal
	err := each(r, under(family("refuse", upstream)), func(_ []byte, x *Refusal) (bool, error) {
		rs = append(rs, *x)
		return true, nil
	})
	if len(rs) > limit {
		rs = rs[len(rs)-limit:]
	}
	return rs, err
}
