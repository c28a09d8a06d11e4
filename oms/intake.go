package oms

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"

	"tote/cloudsync/wire"
)

// maxIntakeBytes bounds one request of orders.
const maxIntakeBytes = 16 << 20

// IntakeAnswer is the answer to POST /v1/orders. A repeat of the same request
// has no second effect and gets the header Idempotent-Replayed: true; it says
// where the orders stand now.
type IntakeAnswer struct {
	Accepted int           `json:"accepted"` // orders that are in, from now or from before
	Refused  int           `json:"refused"`  // orders that are not
	Orders   []IntakeOrder `json:"orders"`
	Errors   []IntakeError `json:"errors"`
}

// IntakeOrder is what became of one order.
type IntakeOrder struct {
	ID     string `json:"id"`
	Status string `json:"status"`          // accepted: the OMS has it; refused: it has not
	State  string `json:"state,omitempty"` // where an accepted order stands now
	Code   string `json:"code,omitempty"`  // why it was refused, here or, in state REJECTED, by its site
	Text   string `json:"text,omitempty"`  // the site's words with its code
}

func (s *Server) postOrders(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxIntakeBytes)
	var orders []NewOrder
	var errs []IntakeError
	isCSV := false
	switch mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mt {
	case "text/csv":
		isCSV = true
		var err error
		if orders, errs, err = readCSV(r.Body); err != nil {
			return bodyError(err)
		}
	case "application/json", "":
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return bodyError(err)
		}
		if orders, err = decodeOrders(raw); err != nil {
			return &httpError{http.StatusBadRequest, CodeMalformed, err.Error()}
		}
	default:
		return &httpError{http.StatusUnsupportedMediaType, wire.ProblemMedia, "send application/json or text/csv"}
	}
	ans, replayed, err := s.take(r.Context(), orders, errs, !isCSV)
	if err != nil {
		return err
	}
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return writeJSON(w, ans.status(replayed), ans)
}

// status picks the HTTP status: all in, some in, none in.
func (a *IntakeAnswer) status(replayed bool) int {
	switch {
	case a.Accepted > 0 && (a.Refused > 0 || len(a.Errors) > 0):
		return http.StatusMultiStatus
	case replayed:
		return http.StatusOK
	case a.Accepted > 0:
		return http.StatusCreated
	case len(a.Errors) > 0 && !slices.ContainsFunc(a.Errors, func(e IntakeError) bool { return e.Code != CodeConflict }):
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

// decodeOrders takes one order or an array of orders.
func decodeOrders(raw []byte) ([]NewOrder, error) {
	var orders []NewOrder
	strict := func(dst any) error {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(dst); err != nil {
			return err
		}
		if _, err := d.Token(); err != io.EOF {
			return errors.New("something follows the JSON value")
		}
		return nil
	}
	if t := bytes.TrimSpace(raw); len(t) > 0 && t[0] == '[' {
		err := strict(&orders)
		return orders, err
	}
	var one NewOrder
	if err := strict(&one); err != nil {
		return nil, err
	}
	return []NewOrder{one}, nil
}

// take stores what is good, in one transaction, and answers for everything.
// replayed: every good order was there before and nothing was wrong.
func (s *Server) take(ctx context.Context, orders []NewOrder, errs []IntakeError, indexed bool) (*IntakeAnswer, bool, error) {
	ans := &IntakeAnswer{Orders: []IntakeOrder{}, Errors: errs}
	seen := map[string]bool{}
	for _, e := range errs {
		if e.Order != "" && !seen[e.Order] {
			seen[e.Order] = true
			ans.refuse(e.Order, e.Code)
		}
	}
	fresh := 0
	err := s.db.write(ctx, func(tx *sql.Tx) error {
		for i := range orders {
			o := &orders[i]
			o.normalise(s.cfg.Sites[0].ID)
			bad := o.check(s.cfg.Sites)
			if len(bad) == 0 {
				isNew, now, err := s.insertOrder(ctx, tx, o)
				switch {
				case errors.Is(err, errConflict):
					bad = []IntakeError{{Order: o.ID, Code: CodeConflict, Text: "an order with this id and other content exists"}}
				case err != nil:
					return err
				default:
					ans.Accepted++
					ans.Orders = append(ans.Orders, now)
					if isNew {
						fresh++
					}
					continue
				}
			}
			if indexed {
				for k := range bad {
					bad[k].Index = &i
				}
			}
			ans.Errors = append(ans.Errors, bad...)
			ans.refuse(o.ID, bad[0].Code)
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("store orders: %w", err)
	}
	if ans.Errors == nil {
		ans.Errors = []IntakeError{}
	}
	if fresh > 0 {
		s.feed.wake()
	}
	return ans, fresh == 0 && ans.Accepted > 0, nil
}

func (a *IntakeAnswer) refuse(id, code string) {
	a.Refused++
	a.Orders = append(a.Orders, IntakeOrder{ID: id, Status: "refused", Code: code})
}

var errConflict = errors.New("other content under the same id")

// insertOrder stores a checked order and says where it stands. false = it was
// there, the same.
func (s *Server) insertOrder(ctx context.Context, tx *sql.Tx, o *NewOrder) (bool, IntakeOrder, error) {
	is := IntakeOrder{ID: o.ID, Status: "accepted", State: StateNew}
	hash := o.hash()
	var have string
	err := tx.QueryRowContext(ctx, "SELECT hash, state, code, text FROM orders WHERE id = ?", o.ID).Scan(&have, &is.State, &is.Code, &is.Text)
	switch {
	case err == nil && have == hash:
		return false, is, nil
	case err == nil:
		return false, is, errConflict
	case !errors.Is(err, sql.ErrNoRows):
		return false, is, err
	}
	now := s.now()
	if o.PlacedAt == 0 {
		o.PlacedAt = now
	}
	spec, err := json.Marshal(o.Order)
	if err != nil {
		return false, is, err
	}
	routed := ""
	if o.anySite { // behind the hash: the same order again is the same, wherever it would go now
		to, why, err := s.route(ctx, tx, &o.Order)
		if err != nil {
			return false, is, err
		}
		if to != "" {
			o.Site, routed = to, why
		}
	}
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO orders (id, site, origin, payment, state, note, spec, hash, created_at, updated_at) VALUES (?,?,'oms',?,?,?,?,?,?,?)`,
		o.ID, o.Site, o.Payment, StateNew, o.Note, string(spec), hash, now, now); err != nil {
		return false, is, err
	}
	if err := addTimeline(ctx, tx, timelineRow{order: o.ID, at: now, source: sourceOMS, typ: "order.placed", text: "payment " + o.Payment}); err != nil {
		return false, is, err
	}
	if routed != "" {
		if err := addTimeline(ctx, tx, timelineRow{order: o.ID, at: now, source: sourceOMS, typ: "order.routed", text: routed}); err != nil {
			return false, is, err
		}
	}
	if paid(o.Payment) {
		is.State = StateSubmitted
		return true, is, s.submit(ctx, tx, o.Site, o.ID, string(spec), now)
	}
	return true, is, nil
}

func paid(payment string) bool { return payment == PaymentAuthorised || payment == PaymentSettled }

// submit puts the release of a paid order into the feed of its site.
func (s *Server) submit(ctx context.Context, tx *sql.Tx, site, id, spec string, now int64) error {
	if err := s.feedRelease(ctx, tx, site, id, spec, now); err != nil {
		return err
	}
	return addTimeline(ctx, tx, timelineRow{order: id, at: now, source: sourceOMS, typ: "order.submitted", text: "to site " + site})
}

// feedRelease puts a revision of an order into the feed of its site and takes
// it as the order's content.
func (s *Server) feedRelease(ctx context.Context, tx *sql.Tx, site, id, spec string, now int64) error {
	var o wire.Order
	if err := json.Unmarshal([]byte(spec), &o); err != nil {
		return fmt.Errorf("order %s: stored spec: %w", id, err)
	}
	// The id names the content: another order under the same id and revision
	// (a recreated database) must not look like a repeat to the site.
	msg := fmt.Sprintf("%s/%d/release/%s", id, o.Revision, shortHash(spec))
	if _, err := tx.ExecContext(ctx, `INSERT INTO feed (site, msg_id, order_id, revision, type, data) VALUES (?,?,?,?,?,?)`,
		site, msg, id, o.Revision, wire.TypeRelease, spec); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE orders SET state = ?, spec = ?, code = '', text = '', updated_at = ? WHERE id = ?`, StateSubmitted, spec, now, id)
	return err
}
