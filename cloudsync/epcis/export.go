package epcis

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tote/cloudsync/wire"
	"tote/warehouse"
)

// Formats of an export.
const (
	FormatEPCIS  = "epcis"  // one EPCIS 2.0 document
	FormatNDJSON = "ndjson" // one CloudEvent a line
)

// ErrFormat: the format is none of the two.
var ErrFormat = errors.New("epcis: the format is epcis or ndjson")

// TypeMoved is the CloudEvents type of a move of goods.
const TypeMoved = "wms.stock.moved.v1"

// page is how many rows are read of the state at a time, so that a slow reader
// holds no old view of it.
const page = 500

// Source is a site whose events are exported.
type Source struct {
	Site string
	View func(fn func(r warehouse.Reader) error) error
	Now  int64 // ms since 1970
}

// Write writes what happened at or after a time, oldest first, up to what has
// happened when it begins: all moves of goods, and as NDJSON behind them the
// events of the outbox that no OMS has taken yet.
func (s Source) Write(w io.Writer, format string, since int64) error {
	if format != FormatEPCIS && format != FormatNDJSON {
		return fmt.Errorf("%w: %q", ErrFormat, format)
	}
	var after, last uint64
	err := s.View(func(r warehouse.Reader) (err error) {
		after, last, err = warehouse.JournalSince(r, since)
		return err
	})
	if err != nil {
		return err
	}
	if format == FormatEPCIS {
		return s.document(w, after, last)
	}
	if err := s.rows(after, last, func(row warehouse.Traced, _ *warehouse.Item) error { return s.line(w, row) }); err != nil {
		return err
	}
	return s.outbox(w, since)
}

func (s Source) document(w io.Writer, after, last uint64) error {
	h, err := head(s.Site, s.Now)
	if err != nil {
		return err
	}
	if _, err := w.Write(h); err != nil {
		return err
	}
	comma := ""
	err = s.rows(after, last, func(row warehouse.Traced, it *warehouse.Item) error {
		b, err := json.Marshal(EventOf(s.Site, row, it))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n%s", comma, b)
		comma = ","
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, tail)
	return err
}

// rows calls fn for the rows of the journal behind after up to last.
func (s Source) rows(after, last uint64, fn func(warehouse.Traced, *warehouse.Item) error) error {
	for after < last {
		var rows []warehouse.Traced
		items := map[string]*warehouse.Item{}
		err := s.View(func(r warehouse.Reader) (err error) {
			rows, err = warehouse.Journal(r, after, min(last-after, page))
			for _, row := range rows {
				if _, ok := items[row.SKU]; err == nil && !ok {
					items[row.SKU], err = warehouse.GetItem(r, row.SKU)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		for _, row := range rows {
			if err := fn(row, items[row.SKU]); err != nil {
				return err
			}
			after = row.N
		}
	}
	return nil
}

// line writes a move as a CloudEvent.
func (s Source) line(w io.Writer, row warehouse.Traced) error {
	return s.event(w, wire.Event{
		ID: fmt.Sprintf("%s/journal/%d", s.Site, row.N), Type: TypeMoved, Time: wire.Time(row.At), Sequence: fmt.Sprint(row.N),
		Stream: "journal", PartitionKey: row.SKU, CausationID: row.Cause,
	}, row.Move)
}

func (s Source) event(w io.Writer, e wire.Event, data any) (err error) {
	e.SpecVersion, e.Source, e.DataContentType = wire.SpecVersion, wire.Source(s.Site), "application/json"
	if e.Data, err = json.Marshal(data); err != nil {
		return err
	}
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// outbox writes the events that wait for an OMS. Their number in its stream is
// known when they are sent; here they are named by the row of the outbox.
func (s Source) outbox(w io.Writer, since int64) error {
	for after := uint64(0); ; {
		var evs []warehouse.Event
		err := s.View(func(r warehouse.Reader) (err error) {
			evs, err = warehouse.OutboxRange(r, warehouse.StreamControl, after, page)
			return err
		})
		if err != nil || len(evs) == 0 {
			return err
		}
		for _, ev := range evs {
			after = ev.Seq
			if ev.At < since {
				continue
			}
			if ev.At > s.Now {
				return nil // younger than the export: it would never end
			}
			key := ev.Order
			if key == "" {
				key = "site"
			}
			err := s.event(w, wire.Event{
				ID: fmt.Sprintf("%s/outbox/%d", s.Site, ev.Seq), Type: wire.Type(ev.Type), Subject: ev.Order, Time: wire.Time(ev.At),
				Sequence: fmt.Sprint(ev.Seq), Stream: "outbox", PartitionKey: key, CausationID: ev.Cause,
			}, ev.Data)
			if err != nil {
				return err
			}
		}
	}
}
