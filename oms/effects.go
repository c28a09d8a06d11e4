package oms

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"tote/cloudsync/wire"
)

// siteStates maps the milestones that move the order on.
var siteStates = map[string]string{
	"order.accepted":  StateAccepted,
	"order.short":     StateShortWaiting,
	"order.released":  StateReleased,
	"order.picking":   StatePicking,
	"order.picked":    StatePicked,
	"order.packed":    StatePacked,
	"order.labelled":  StateLabelled,
	"order.staged":    StateStaged,
	"order.shipped":   StateShipped,
	"order.cancelled": StateCancelled,
}

// takenBack are the events by which a site takes a step back, and the states
// of its own that an order may have then.
var (
	takenBack  = []string{"order.unpicked", "order.unpacked", "order.unloaded", "parcel.lost"}
	workStates = []string{StateShortWaiting, StateReleased, StatePicking, StatePicked, StateLabelled}
)

// place is where an event stands among the events of its site.
type place struct{ epoch, seq int64 }

// before compares as (epoch, seq).
func (p place) before(q place) bool {
	return p.epoch < q.epoch || p.epoch == q.epoch && p.seq < q.seq
}

// origin is the place of an event, or of the one it stands for in the end.
func origin(ctx context.Context, tx *sql.Tx, site string, e *wire.Event, own place) (place, error) {
	old, err := wire.ParseEventID(e.Supersedes)
	if err != nil || old.Site != site {
		return own, nil
	}
	p := place{epoch: int64(old.Epoch), seq: int64(old.Seq)}
	err = tx.QueryRowContext(ctx, `SELECT place FROM events WHERE site = ? AND epoch = ? AND stream = ? AND seq = ?`,
		site, p.epoch, old.Stream, p.seq).Scan(&p.seq)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

// effect applies one new event. An event type this version does not know is
// kept in the timeline and has no other effect, so that a newer site can talk
// to an older OMS.
func (s *Server) effect(ctx context.Context, tx *sql.Tx, site string, e *wire.Event, at place, now int64) (status, code string, err error) {
	if e.Type == wire.TypeHeld {
		return wire.StatusHeld, "HELD", s.note(ctx, tx, site, e, wire.EventData{})
	}
	if had, err := supersededApplied(ctx, tx, site, e.Supersedes); err != nil || had {
		return wire.StatusDuplicate, CodeAlreadyHad, err
	}
	name, ours := wire.EventName(e.Type)
	var data wire.EventData
	if len(e.Data) > 0 {
		if err := json.Unmarshal(e.Data, &data); err != nil && ours {
			return wire.StatusRejected, CodeBadData, nil
		}
	}
	if !ours {
		return wire.StatusApplied, "", s.note(ctx, tx, site, e, data)
	}
	if e.Subject == "" && strings.HasPrefix(name, "order.") {
		return wire.StatusRejected, CodeNoSubject, nil
	}
	if e.Subject != "" {
		o, err := loadOrder(ctx, tx, e.Subject)
		if errors.Is(err, errUnknownOrder) {
			o, err = s.adopt(ctx, tx, site, e.Subject, now)
		}
		if err != nil {
			return "", "", err
		}
		if o.origin != wire.BornSite && siteBorn(name, &data) {
			return wire.StatusRejected, CodeIDTaken, s.conflict(ctx, tx, site, e, data)
		}
		if o.site != site {
			return wire.StatusRejected, CodeWrongSite, nil
		}
		if err := s.project(ctx, tx, o, name, data, at, now); err != nil {
			return "", "", err
		}
	}
	if err := projectFallout(ctx, tx, site, e, name, data); err != nil {
		return "", "", err
	}
	return wire.StatusApplied, "", s.note(ctx, tx, site, e, data)
}

// supersededApplied: the event stands for one whose effect is already here.
func supersededApplied(ctx context.Context, tx *sql.Tx, site, old string) (bool, error) {
	if old == "" {
		return false, nil
	}
	id, err := wire.ParseEventID(old)
	if err != nil || id.Site != site {
		return false, nil
	}
	var status string
	err = tx.QueryRowContext(ctx, `SELECT status FROM events WHERE site = ? AND epoch = ? AND stream = ? AND seq = ?`,
		id.Site, int64(id.Epoch), id.Stream, int64(id.Seq)).Scan(&status)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return status == wire.StatusApplied || status == wire.StatusDuplicate, err
}

// adopt makes a record for an order born at the site (taken there by hand
// while the OMS was away).
func (s *Server) adopt(ctx context.Context, tx *sql.Tx, site, id string, now int64) (*orderRow, error) {
	spec, err := json.Marshal(wire.Order{ID: id, Revision: 1, Lines: []wire.OrderLine{}})
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO orders (id, site, origin, payment, state, spec, hash, created_at, updated_at) VALUES (?,?,'site','',?,?,'',?,?)`,
		id, site, StateSubmitted, string(spec), now, now); err != nil {
		return nil, err
	}
	return loadOrder(ctx, tx, id)
}

// project brings the order up to what the event says. An event that was held
// and comes after younger ones does not turn state or lines back.
func (s *Server) project(ctx context.Context, tx *sql.Tx, o *orderRow, name string, d wire.EventData, at place, now int64) error {
	set := func(query string, args ...any) error {
		_, err := tx.ExecContext(ctx, query, append(args, now, o.n)...)
		return err
	}
	late := at.before(o.at)
	state, ok := siteStates[name]
	if slices.Contains(takenBack, name) && slices.Contains(workStates, d.State) {
		state, ok = d.State, true
	}
	if ok && !late {
		if err := set(`UPDATE orders SET state = ?, code = '', text = '', state_epoch = ?, state_seq = ?, updated_at = ? WHERE n = ?`,
			state, at.epoch, at.seq); err != nil {
			return err
		}
	}
	switch {
	case name == "order.rejected" && slices.Contains([]string{StateNew, StateSubmitted, StateRejected}, o.state) && (d.Revision == 0 || d.Revision >= o.revision):
		// Later, a rejection is about an amendment: the order goes on. One of
		// an older revision is answered already: the order was sent again.
		if err := set(`UPDATE orders SET state = ?, code = ?, text = ?, updated_at = ? WHERE n = ?`, StateRejected, d.Code, d.Text); err != nil {
			return err
		}
	case name == "order.cancelled":
		if err := set(`UPDATE orders SET request = CASE request WHEN '' THEN '' ELSE ? END, updated_at = ? WHERE n = ?`, CancelAccepted); err != nil {
			return err
		}
	case name == "order.cancelRejected" && d.Source != wire.BornSite:
		// One that people of the site asked for is no answer to us.
		if err := set(`UPDATE orders SET request = ?, request_code = ?, updated_at = ? WHERE n = ?`, CancelRejected, d.Code); err != nil {
			return err
		}
	}
	if len(d.Lines) > 0 && !late {
		raw, err := json.Marshal(d.Lines)
		if err != nil {
			return err
		}
		if err := set(`UPDATE orders SET site_lines = ?, updated_at = ? WHERE n = ?`, string(raw)); err != nil {
			return err
		}
	}
	for _, p := range d.Parcels {
		if err := saveParcel(ctx, tx, o.id, p); err != nil {
			return err
		}
	}
	for _, p := range d.Voided {
		// It stays as nobody's, so that no late event brings it back.
		if _, err := tx.ExecContext(ctx, `INSERT INTO parcels (sscc, order_id, weight_mg, carrier, tracking, dock) VALUES (?,'',?,?,?,'')
			ON CONFLICT (sscc) DO UPDATE SET order_id = '', dock = '' WHERE parcels.order_id = ?`, p.SSCC, p.WeightMg, p.Carrier, p.Tracking, o.id); err != nil {
			return err
		}
	}
	return nil
}

// saveParcel writes what a site said of a parcel. One that has left stays so,
// whatever comes late.
func saveParcel(ctx context.Context, tx *sql.Tx, order string, p wire.Parcel) error {
	lines := ""
	if len(p.Lines) > 0 {
		raw, err := json.Marshal(p.Lines)
		if err != nil {
			return err
		}
		lines = string(raw)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO parcels (sscc, order_id, weight_mg, carrier, tracking, dock, no, lines, departed_at) VALUES (?,?,?,?,?,?,?,?,?)
		ON CONFLICT (sscc) DO UPDATE SET order_id = excluded.order_id, weight_mg = excluded.weight_mg, carrier = excluded.carrier,
		tracking = excluded.tracking, dock = excluded.dock, no = excluded.no, lines = excluded.lines,
		departed_at = max(departed_at, excluded.departed_at) WHERE parcels.order_id <> ''`,
		p.SSCC, order, p.WeightMg, p.Carrier, p.Tracking, p.Dock, p.No, lines, p.DepartedAt)
	return err
}

func projectFallout(ctx context.Context, tx *sql.Tx, site string, e *wire.Event, name string, d wire.EventData) error {
	var err error
	switch name {
	case "fallout.opened":
		_, err = tx.ExecContext(ctx, `INSERT INTO fallouts (site, id, order_id, code, line, sku, bin, qty, text, opened_at) VALUES (?,?,?,?,?,?,?,?,?,?)
			ON CONFLICT (site, id) DO NOTHING`, site, d.Fallout, e.Subject, d.Code, d.Line, d.SKU, d.Bin, d.Qty, d.Text, eventTime(e))
	case "fallout.cleared":
		_, err = tx.ExecContext(ctx, `UPDATE fallouts SET cleared_at = ? WHERE site = ? AND id = ? AND cleared_at = 0`, eventTime(e), site, d.Fallout)
	}
	return err
}

// note writes the event into the timeline of its order.
func (s *Server) note(ctx context.Context, tx *sql.Tx, site string, e *wire.Event, d wire.EventData) error {
	if e.Subject == "" {
		return nil
	}
	name := e.Type
	if n, ok := wire.EventName(e.Type); ok {
		name = n
	}
	return addTimeline(ctx, tx, timelineRow{
		order: e.Subject, at: eventTime(e), source: wire.Source(site), typ: name, eventID: e.ID, code: d.Code, text: d.Text,
	})
}

// eventTime is the time of the change at the site. Parse has checked it.
func eventTime(e *wire.Event) int64 {
	t, err := time.Parse(time.RFC3339, e.Time)
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}
