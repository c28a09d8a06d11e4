package oms

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tote/cloudsync/wire"
)

// The history of orders as a CSV file, for whoever forecasts the workload or
// looks at how customers buy: who, when, on which day of the week, how much.

// historyColumns in their order. Times are RFC 3339 in UTC, and so is the weekday.
var historyColumns = []string{
	"n", "order", "customer", "party", "channel", "site", "state", "placed_at", "weekday", "lines", "units", "shipped_at", "delivered_at",
}

// historyPage is the most orders of one answer.
const historyPage = 10_000

// getHistory is GET /v1/history?after=N&limit=N; n of the last row is the next
// after.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := intParam(q.Get("limit"), historyPage, 1, historyPage)
	if err != nil {
		return err
	}
	after, err := bigParam(q.Get("after"), 0)
	if err != nil {
		return &httpError{http.StatusBadRequest, CodeInvalid, "after is the number of the last row of before"}
	}
	rows := []historyRow{}
	ctx := r.Context()
	err = s.db.read(ctx, func(tx *sql.Tx) error {
		return each(ctx, tx, func(h *historyRow) []any {
			return []any{&h.n, &h.site, &h.state, &h.spec, &h.created, &h.shipped, &h.delivered}
		}, &rows, `SELECT n, site, state, spec, created_at,
			coalesce((SELECT max(at) FROM timeline t WHERE t.order_id = orders.id AND type = 'order.shipped'), 0),
			coalesce((SELECT max(at) FROM timeline t WHERE t.order_id = orders.id AND type = 'order.delivered'), 0)
			FROM orders WHERE n > ? ORDER BY n LIMIT ?`, after, limit)
	})
	if err != nil {
		return err
	}
	out := [][]string{historyColumns}
	for _, h := range rows {
		record, err := h.record()
		if err != nil {
			return err
		}
		out = append(out, record)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="orders.csv"`)
	_ = csv.NewWriter(w).WriteAll(out) // a caller that went away is no error of ours
	return nil
}

// historyRow is an order as it stands in the database.
type historyRow struct {
	n                           int64
	site, state, spec           string
	created, shipped, delivered int64
}

func (h *historyRow) record() ([]string, error) {
	var o wire.Order
	if err := json.Unmarshal([]byte(h.spec), &o); err != nil {
		return nil, fmt.Errorf("order %d: stored spec: %w", h.n, err)
	}
	placed := h.created
	if o.PlacedAt > 0 {
		placed = o.PlacedAt
	}
	var units int64
	for _, l := range o.Lines {
		units += l.Qty
	}
	when := func(ms int64) string {
		if ms == 0 {
			return ""
		}
		return wire.Time(ms)
	}
	return []string{
		strconv.FormatInt(h.n, 10), plainCell(o.ID), plainCell(o.Customer), o.Party, plainCell(o.Channel), plainCell(h.site), h.state,
		when(placed), time.UnixMilli(placed).UTC().Weekday().String()[:3], strconv.Itoa(len(o.Lines)), strconv.FormatInt(units, 10),
		when(h.shipped), when(h.delivered),
	}, nil
}

// plainCell keeps a spreadsheet from reading a text as a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsAny(s[:1], "=+-@'") {
		return "'" + s
	}
	return s
}

// specOf reads the order as it was placed, and when the OMS took it.
func specOf(ctx context.Context, tx *sql.Tx, id string) (o wire.Order, created int64, err error) {
	var spec string
	err = tx.QueryRowContext(ctx, `SELECT spec, created_at FROM orders WHERE id = ?`, id).Scan(&spec, &created)
	if err == nil {
		err = json.Unmarshal([]byte(spec), &o)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = errUnknownOrder
	}
	return o, created, err
}
