package oms

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"tote/cloudsync/wire"
)

// OrderSummary is an order in the list.
type OrderSummary struct {
	ID        string `json:"id"`
	Site      string `json:"site"`
	Payment   string `json:"payment,omitempty"`
	State     string `json:"state"`
	Request   string `json:"request,omitempty"`
	Code      string `json:"code,omitempty"`
	Note      string `json:"note,omitempty"`
	UpdatedAt int64  `json:"updatedAt"`
}

// OrderList is a page of orders, oldest first.
type OrderList struct {
	Orders []OrderSummary `json:"orders"`
	Next   string         `json:"next,omitempty"` // "" = no more
}

// OrderView is everything the OMS knows of an order. Times are milliseconds
// since 1970 UTC, weights milligrams.
type OrderView struct {
	wire.Order
	Site      string          `json:"site"`
	Origin    string          `json:"origin"` // oms, or site for an order born there
	Payment   string          `json:"payment,omitempty"`
	State     string          `json:"state"`
	Code      string          `json:"code,omitempty"` // why it was rejected
	Text      string          `json:"text,omitempty"`
	Cancel    *CancelView     `json:"cancel,omitempty"`
	Note      string          `json:"note,omitempty"`
	SiteLines json.RawMessage `json:"siteLines,omitempty"` // newest the site told: picked, lots
	Parcels   []ParcelView    `json:"parcels"`
	Fallout   []FalloutView   `json:"fallout"`
	Timeline  []TimelineView  `json:"timeline"`
	Conflicts []ConflictView  `json:"conflicts,omitempty"` // other orders under this id
	CreatedAt int64           `json:"createdAt"`
	UpdatedAt int64           `json:"updatedAt"`
}

// CancelView is the request axis of an order.
type CancelView struct {
	State  string `json:"state"`
	Code   string `json:"code,omitempty"` // why the site refused
	Reason string `json:"reason,omitempty"`
}

// ParcelView is a closed carton.
type ParcelView struct {
	SSCC     string `json:"sscc"`
	WeightMg int64  `json:"weightMg"`
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking"`
	Dock     string `json:"dock,omitempty"`
	// What its carrier said of its arrival; 0 = nothing yet.
	DeliveredAt int64  `json:"deliveredAt,omitempty"`
	Proof       string `json:"proof,omitempty"`
	// Of one of several parcels; DepartedAt when it left before the last one.
	No         int             `json:"no,omitempty"`
	Lines      json.RawMessage `json:"lines,omitempty"`
	DepartedAt int64           `json:"departedAt,omitempty"`
}

// FalloutView is something at the site that needs or needed a decision.
type FalloutView struct {
	ID        string `json:"id"`
	Code      string `json:"code"`
	Line      int    `json:"line,omitempty"`
	SKU       string `json:"sku,omitempty"`
	Bin       string `json:"bin,omitempty"`
	Qty       int64  `json:"qty,omitempty"`
	Text      string `json:"text,omitempty"`
	OpenedAt  int64  `json:"openedAt"`
	ClearedAt int64  `json:"clearedAt,omitempty"` // absent while open
}

// TimelineView is one thing that happened, in order of arrival.
type TimelineView struct {
	At      int64  `json:"at"`
	Source  string `json:"source"` // oms or /sites/{site}
	Type    string `json:"type"`
	EventID string `json:"eventId,omitempty"`
	Code    string `json:"code,omitempty"`
	Text    string `json:"text,omitempty"`
}

func (s *Server) listOrders(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := intParam(q.Get("limit"), 100, 1, 1000)
	if err != nil {
		return err
	}
	var after int64
	if c := q.Get("cursor"); c != "" {
		raw, err := base64.RawURLEncoding.DecodeString(c)
		if err == nil {
			after, err = strconv.ParseInt(string(raw), 10, 64)
		}
		if err != nil {
			return &httpError{http.StatusBadRequest, CodeInvalid, "the cursor is not one of this list"}
		}
	}
	list := OrderList{Orders: []OrderSummary{}}
	err = s.db.read(r.Context(), func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(r.Context(),
			`SELECT n, id, site, payment, state, request, code, note, updated_at FROM orders
			 WHERE n > ? AND (? = '' OR state = ?) ORDER BY n LIMIT ?`, after, q.Get("state"), q.Get("state"), limit+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		var n int64
		for rows.Next() {
			if len(list.Orders) == limit {
				list.Next = base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(n, 10)))
				break
			}
			var o OrderSummary
			if err := rows.Scan(&n, &o.ID, &o.Site, &o.Payment, &o.State, &o.Request, &o.Code, &o.Note, &o.UpdatedAt); err != nil {
				return err
			}
			list.Orders = append(list.Orders, o)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *Server) getOrder(w http.ResponseWriter, r *http.Request) error {
	v, err := s.view(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, v)
}

// view reads one order on one snapshot.
func (s *Server) view(ctx context.Context, id string) (*OrderView, error) {
	v := &OrderView{Parcels: []ParcelView{}, Fallout: []FalloutView{}, Timeline: []TimelineView{}}
	err := s.db.read(ctx, func(tx *sql.Tx) error {
		var spec, lines, request, reqCode, reason string
		err := tx.QueryRowContext(ctx,
			`SELECT site, origin, payment, state, code, text, request, request_code, reason, note, spec, site_lines, created_at, updated_at
			 FROM orders WHERE id = ?`, id).Scan(&v.Site, &v.Origin, &v.Payment, &v.State, &v.Code, &v.Text,
			&request, &reqCode, &reason, &v.Note, &spec, &lines, &v.CreatedAt, &v.UpdatedAt)
		if errors.Is(err, sql.ErrNoRows) {
			return errUnknownOrder
		} else if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(spec), &v.Order); err != nil {
			return fmt.Errorf("order %s: stored spec: %w", id, err)
		}
		if lines != "" {
			v.SiteLines = json.RawMessage(lines)
		}
		if request != "" {
			v.Cancel = &CancelView{State: request, Code: reqCode, Reason: reason}
		}
		return errors.Join(
			conflictsOf(ctx, tx, id, &v.Conflicts),
			parcelsOf(ctx, tx, id, &v.Parcels),
			each(ctx, tx, func(f *FalloutView) []any {
				return []any{&f.ID, &f.Code, &f.Line, &f.SKU, &f.Bin, &f.Qty, &f.Text, &f.OpenedAt, &f.ClearedAt}
			}, &v.Fallout,
				`SELECT id, code, line, sku, bin, qty, text, opened_at, cleared_at FROM fallouts WHERE order_id = ? ORDER BY opened_at, id`, id),
			each(ctx, tx, func(t *TimelineView) []any { return []any{&t.At, &t.Source, &t.Type, &t.EventID, &t.Code, &t.Text} }, &v.Timeline,
				`SELECT at, source, type, event_id, code, text FROM timeline WHERE order_id = ? ORDER BY n`, id),
		)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// each appends one T a row.
func each[T any](ctx context.Context, tx *sql.Tx, dst func(*T) []any, out *[]T, query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var t T
		if err := rows.Scan(dst(&t)...); err != nil {
			return err
		}
		*out = append(*out, t)
	}
	return rows.Err()
}

// Summary counts what the OMS holds.
type Summary struct {
	Orders      int                                     `json:"orders"`
	ByState     map[string]int                          `json:"byState"`
	ByPayment   map[string]int                          `json:"byPayment"`
	OpenFallout map[string]int                          `json:"openFallout"` // by code
	Parcels     int                                     `json:"parcels"`
	Conflicts   int                                     `json:"conflicts"` // orders of sites under the id of an order here
	Events      map[string]int                          `json:"events"`    // applied, by type
	Refused     map[string]int                          `json:"refused"`   // events without effect, by code: rejected, held, superseded
	Streams     map[string]map[string]map[string]uint64 `json:"streams"`   // site → epoch → stream → acknowledged seq
}

func (s *Server) getSummary(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	sum := Summary{Streams: map[string]map[string]map[string]uint64{}}
	err := s.db.read(ctx, func(tx *sql.Tx) error {
		type count struct {
			key string
			n   int
		}
		by := func(dst *map[string]int, query string) error {
			var rows []count
			err := each(ctx, tx, func(c *count) []any { return []any{&c.key, &c.n} }, &rows, query)
			*dst = map[string]int{}
			for _, c := range rows {
				(*dst)[c.key] = c.n
			}
			return err
		}
		type stream struct {
			site, epoch, name string
			ack               int64
		}
		var streams []stream
		err := errors.Join(
			by(&sum.ByState, `SELECT state, count(*) FROM orders GROUP BY state`),
			by(&sum.ByPayment, `SELECT payment, count(*) FROM orders WHERE payment != '' GROUP BY payment`),
			by(&sum.OpenFallout, `SELECT code, count(*) FROM fallouts WHERE cleared_at = 0 GROUP BY code`),
			by(&sum.Events, `SELECT type, count(*) FROM events WHERE status = 'applied' GROUP BY type`),
			by(&sum.Refused, `SELECT code, count(*) FROM events WHERE status != 'applied' GROUP BY code`),
			tx.QueryRowContext(ctx, `SELECT count(*) FROM parcels WHERE order_id <> ''`).Scan(&sum.Parcels),
			tx.QueryRowContext(ctx, `SELECT count(*) FROM conflicts`).Scan(&sum.Conflicts),
			each(ctx, tx, func(t *stream) []any { return []any{&t.site, &t.epoch, &t.name, &t.ack} }, &streams,
				`SELECT site, CAST(epoch AS TEXT), stream, ack FROM streams`),
		)
		for _, t := range streams {
			if sum.Streams[t.site] == nil {
				sum.Streams[t.site] = map[string]map[string]uint64{}
			}
			if sum.Streams[t.site][t.epoch] == nil {
				sum.Streams[t.site][t.epoch] = map[string]uint64{}
			}
			sum.Streams[t.site][t.epoch][t.name] = uint64(t.ack)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, n := range sum.ByState {
		sum.Orders += n
	}
	return writeJSON(w, http.StatusOK, sum)
}
