package cloudsync

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
	"tote/warehouse"
)

// event renders a row of the outbox. The same row always gives the same bytes,
// whichever gateway sends it.
func (c *Config) event(epochs ledger.Epochs, stream string, row ledger.Row) (wire.Event, error) {
	ev := row.Event
	id := c.wireID(epochs, ledger.Ref{Epoch: c.Epoch, Stream: stream, Seq: ev.Seq})
	e := wire.Event{
		SpecVersion: wire.SpecVersion, ID: id.String(), Source: wire.Source(c.Site), Type: wire.Type(ev.Type), Subject: ev.Order,
		Time: wire.Time(ev.At), Sequence: fmt.Sprint(id.Seq), Epoch: id.Epoch, Stream: id.Stream, PartitionKey: ledger.Subject(ev),
		CausationID: ev.Cause,
	}
	if s := row.Supersedes; s != nil {
		e.Supersedes = c.wireID(epochs, *s).String()
	}
	if row.Held {
		e.Type = wire.TypeHeld
		return e, nil
	}
	data, err := json.Marshal(ev.Data)
	if err != nil {
		return wire.Event{}, fmt.Errorf("event %s: %w", e.ID, err)
	}
	e.Data, e.DataContentType = data, "application/json"
	return e, nil
}

// wireID is what the OMS calls a row. The row itself tells in which epoch it was
// made; the reference only does where there was no other.
func (c *Config) wireID(epochs ledger.Epochs, ref ledger.Ref) wire.EventID {
	at := epochs.Of(ref.Stream, ref.Seq, ref.Epoch)
	return wire.EventID{Site: c.Site, Epoch: at.Epoch, Stream: ledger.OnWire(ref.Stream), Seq: ref.Seq - at.Base}
}

// item reads a message of the OMS. It never fails: what cannot be read becomes
// an item that is refused, so that it does not block the page.
func item(m wire.InboxItem) ledger.Item {
	it := ledger.Item{MsgID: m.MsgID, OrderID: m.OrderID, Revision: m.Revision}
	bad := func(format string, args ...any) ledger.Item {
		it.Release, it.Cancel, it.Ask = nil, nil, nil
		it.Bad = fmt.Sprintf(format, args...)
		if len(it.Bad) > 512 {
			it.Bad = strings.ToValidUTF8(it.Bad[:512], "")
		}
		return it
	}
	if it.MsgID == "" || len(it.MsgID) > 128 || strings.ContainsRune(it.MsgID, 0) {
		// The content names the message, so that a repeat is still seen.
		sum := sha256.Sum256([]byte(m.MsgID + "\x00" + m.OrderID + "\x00" + m.Type + "\x00" + string(m.Data)))
		it.MsgID = "#" + hex.EncodeToString(sum[:])
		return bad("msgId is missing or too long")
	}
	if len(it.OrderID) > 128 {
		it.OrderID = ""
		return bad("orderId is too long")
	}
	switch m.Type {
	case wire.TypeRelease:
		var o wire.Order
		if err := json.Unmarshal(m.Data, &o); err != nil {
			return bad("the order cannot be read: %v", err)
		}
		if o.ID != m.OrderID || o.Revision != m.Revision {
			return bad("the message is about %q/%d, its order is %q/%d", m.OrderID, m.Revision, o.ID, o.Revision)
		}
		if what := o.CardData(); what != "" {
			return bad("%s looks like the number of a payment card: none is kept here", what)
		}
		it.Release = orderSpec(&o)
	case wire.TypeCancel:
		var c wire.Cancel
		if err := json.Unmarshal(m.Data, &c); err != nil {
			return bad("the cancel cannot be read: %v", err)
		}
		if len(c.Reason) > 200 {
			c.Reason = strings.ToValidUTF8(c.Reason[:200], "")
		}
		it.Cancel = &ledger.Cancel{Reason: c.Reason}
	case wire.TypeQuote, wire.TypeHold, wire.TypeUnhold, wire.TypeBind:
		ask, err := askOf(m)
		if err != nil {
			return bad("the message cannot be read: %v", err)
		}
		it.Ask = ask
	default:
		return bad("message type %q is unknown", m.Type)
	}
	if _, _, body, err := ledger.Encode(ledger.InboxStore{Source: "size", Items: []ledger.Item{it}}); err != nil || len(body) > maxItem {
		return bad("the message is too large for one log entry")
	}
	return it
}

// askOf reads what is asked of an order beside a release and a cancel.
func askOf(m wire.InboxItem) (*ledger.Ask, error) {
	ask := &ledger.Ask{}
	var err error
	switch m.Type {
	case wire.TypeQuote:
		var a wire.QuoteAnswer
		err = json.Unmarshal(m.Data, &a)
		if ask.What, ask.Cancel = ledger.AskDecline, a.Cancel; a.Accept {
			ask.What = ledger.AskAccept
		}
	case wire.TypeHold, wire.TypeUnhold:
		var h wire.Hold
		err = json.Unmarshal(m.Data, &h)
		if ask.What, ask.Code = ledger.AskHold, h.Code; m.Type == wire.TypeUnhold {
			ask.What = ledger.AskUnhold
		}
		if len(h.Code) > 64 {
			return nil, fmt.Errorf("the code has %d bytes", len(h.Code))
		}
	case wire.TypeBind:
		var b wire.Bind
		err = json.Unmarshal(m.Data, &b)
		ask.What, ask.Kit = ledger.AskBind, b.Kit
	}
	return ask, err
}

// maxItem leaves room for source and cursor in the command.
const maxItem = ledger.MaxBody - 4<<10

// digestOf is the SHA-256 of what the site has no business to know, "" for
// nothing. Blanks between the tokens do not count.
func digestOf(opaque json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, opaque); err != nil || b.Len() == 0 || b.String() == "null" {
		return ""
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:])
}

func orderSpec(o *wire.Order) *warehouse.OrderSpec {
	s := &warehouse.OrderSpec{
		ID: o.ID, Revision: o.Revision, Priority: o.Priority, ShipTo: warehouse.Address(o.ShipTo), Method: o.Method,
		PlacedAt: o.PlacedAt, ShipBy: o.ShipBy, Channel: o.Channel, Partial: o.Partial, Substitute: o.Substitute, Together: o.Together, Holds: o.Holds, Kit: o.Kit, Owner: o.Owner,
		Party: o.Party, Customer: o.Customer,
	}
	for _, r := range o.Refs {
		s.Refs = append(s.Refs, warehouse.Ref(r))
	}
	s.Commercial = digestOf(o.Commercial)
	for _, l := range o.Lines {
		s.Lines = append(s.Lines, warehouse.OrderLine{Line: l.Line, SKU: l.SKU, Qty: l.Qty, Kind: l.Kind})
	}
	return s
}
