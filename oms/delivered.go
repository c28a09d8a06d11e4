package oms

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"tote/cloudsync/wire"
)

// After the truck. A site is done with an order when the carrier has it: it
// tells SHIPPED, with parcels, carrier, tracking numbers and times. That a
// parcel arrived only the carrier knows, who tells the OMS and no site; the OMS
// makes DELIVERED of it when the last parcel is there. Whoever writes to
// customers some days later reads both from one list of facts (milestones), at a
// pace of his own.

const eventDelivered = "order.delivered"

// DeliveredRequest is the body of POST /v1/orders/{id}/delivered.
type DeliveredRequest struct {
	SSCC  string `json:"sscc"`  // "" = all parcels of the order
	At    int64  `json:"at"`    // ms since 1970 UTC; 0 = now
	Proof string `json:"proof"` // the carrier's, up to 200 characters
}

// postDelivered takes what a carrier says of a parcel.
func (s *Server) postDelivered(w http.ResponseWriter, r *http.Request) error {
	var req DeliveredRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if req.At == 0 {
		req.At = s.now()
	}
	if req.At < 0 || !printable(req.Proof) || len(req.Proof) > 200 {
		return &httpError{http.StatusUnprocessableEntity, CodeInvalid, "at is in milliseconds since 1970, proof has up to 200 printable characters"}
	}
	ctx, id := r.Context(), r.PathValue("id")
	err := s.db.write(ctx, func(tx *sql.Tx) error {
		o, err := loadOrder(ctx, tx, id)
		if err != nil {
			return err
		}
		if o.state != StateShipped {
			return &httpError{http.StatusConflict, CodeNotShipped, fmt.Sprintf("the order is %s", o.state)}
		}
		return s.deliver(ctx, tx, o.id, req)
	})
	if err != nil {
		return err
	}
	view, err := s.view(ctx, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, view)
}

// deliver notes parcels that arrived, and the order when it was the last one.
func (s *Server) deliver(ctx context.Context, tx *sql.Tx, id string, req DeliveredRequest) error {
	res, err := tx.ExecContext(ctx, `INSERT INTO deliveries (sscc, order_id, at, proof)
		SELECT sscc, order_id, ?, ? FROM parcels WHERE order_id = ? AND (? = '' OR sscc = ?) ON CONFLICT (sscc) DO NOTHING`,
		req.At, req.Proof, id, req.SSCC, req.SSCC)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	var known, open int
	err = errors.Join(
		tx.QueryRowContext(ctx, `SELECT count(*) FROM parcels WHERE order_id = ? AND (? = '' OR sscc = ?)`, id, req.SSCC, req.SSCC).Scan(&known),
		tx.QueryRowContext(ctx, `SELECT count(*) FROM parcels p WHERE order_id = ? AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.sscc = p.sscc)`, id).Scan(&open),
	)
	switch {
	case err != nil:
		return err
	case known == 0:
		return &httpError{http.StatusNotFound, CodeUnknownParcel, "the order has no such parcel"}
	case n == 0 || open > 0: // told before, or not the last one
		return nil
	}
	return addTimeline(ctx, tx, timelineRow{order: id, at: req.At, source: sourceOMS, typ: eventDelivered, text: req.Proof})
}

// Milestone is one fact of an order for who writes to its customer.
type Milestone struct {
	N        int64        `json:"n"`    // rises; give the last one as after
	Type     string       `json:"type"` // order.shipped, order.delivered
	At       int64        `json:"at"`   // ms since 1970 UTC
	Order    string       `json:"order"`
	Site     string       `json:"site"`
	Channel  string       `json:"channel,omitempty"`
	Party    string       `json:"party,omitempty"`
	Customer string       `json:"customer,omitempty"`
	Refs     []wire.Ref   `json:"refs,omitempty"`
	PlacedAt int64        `json:"placedAt"`
	Parcels  []ParcelView `json:"parcels"`
}

// listMilestones is GET /v1/milestones: what shipped and was delivered, in order
// of arrival. With until it ends at the first fact that is younger: "N days after
// the delivery" is until = now - N days, and a cursor kept from call to call.
func (s *Server) listMilestones(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := intParam(q.Get("limit"), 100, 1, 1000)
	if err != nil {
		return err
	}
	after, err1 := bigParam(q.Get("after"), 0)
	until, err2 := bigParam(q.Get("until"), 1<<62)
	typ := q.Get("type")
	if err := errors.Join(err1, err2); err != nil || typ != "" && typ != "order.shipped" && typ != eventDelivered {
		return &httpError{http.StatusBadRequest, CodeInvalid, "after and until are numbers, type is order.shipped or order.delivered"}
	}
	out := []Milestone{}
	ctx := r.Context()
	err = s.db.read(ctx, func(tx *sql.Tx) error {
		err := each(ctx, tx, func(m *Milestone) []any { return []any{&m.N, &m.Type, &m.At, &m.Order} }, &out,
			`SELECT n, type, at, order_id FROM timeline WHERE type IN ('order.shipped', 'order.delivered') AND (? = '' OR type = ?) AND n > ?
			 ORDER BY n LIMIT ?`, typ, typ, after, limit)
		for i := range out {
			if out[i].At > until {
				out = out[:i]
				break
			}
		}
		for i := range out {
			err = errors.Join(err, out[i].fill(ctx, tx))
		}
		return err
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, out)
}

// fill adds what the OMS knows of the order.
func (m *Milestone) fill(ctx context.Context, tx *sql.Tx) error {
	o, err := loadOrder(ctx, tx, m.Order)
	if err != nil {
		return err
	}
	spec, created, err := specOf(ctx, tx, o.id)
	if err != nil {
		return err
	}
	m.Site, m.Channel, m.Party, m.Customer, m.Refs, m.PlacedAt = o.site, spec.Channel, spec.Party, spec.Customer, spec.Refs, created
	if spec.PlacedAt > 0 {
		m.PlacedAt = spec.PlacedAt
	}
	m.Parcels = []ParcelView{}
	return parcelsOf(ctx, tx, o.id, &m.Parcels)
}

// parcelsOf reads the parcels of an order by their numbers, with what became of
// them.
func parcelsOf(ctx context.Context, tx *sql.Tx, id string, out *[]ParcelView) error {
	type row struct {
		ParcelView
		lines string
	}
	var rows []row
	err := each(ctx, tx, func(p *row) []any {
		return []any{&p.SSCC, &p.WeightMg, &p.Carrier, &p.Tracking, &p.Dock, &p.DeliveredAt, &p.Proof, &p.No, &p.lines, &p.DepartedAt}
	}, &rows, `SELECT p.sscc, weight_mg, carrier, tracking, dock, coalesce(d.at, 0), coalesce(d.proof, ''), no, lines, departed_at
		FROM parcels p LEFT JOIN deliveries d ON d.sscc = p.sscc WHERE p.order_id = ? ORDER BY no, p.sscc`, id)
	for _, p := range rows {
		if p.lines != "" {
			p.Lines = json.RawMessage(p.lines)
		}
		*out = append(*out, p.ParcelView)
	}
	return err
}

// bigParam is intParam for times and positions.
func bigParam(s string, absent int64) (int64, error) {
	if s == "" {
		return absent, nil
	}
	return strconv.ParseInt(s, 10, 64)
}
