package oms

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"tote/cloudsync/wire"
)

// PaymentRequest is the body of POST /v1/orders/{id}/payment.
type PaymentRequest struct {
	State string `json:"state"`
}

// paymentSteps lists where a payment may go. Settled is an end here: money is
// given back by a refund, not by a state.
var paymentSteps = map[string][]string{
	PaymentPending:    {PaymentAuthorised, PaymentSettled, PaymentFailed},
	PaymentAuthorised: {PaymentSettled, PaymentFailed},
	PaymentFailed:     {PaymentPending, PaymentAuthorised, PaymentSettled},
}

type orderRow struct {
	n                                           int64
	id, site, origin, payment, state, spec, req string
	cancels, revision                           int
	at                                          place // of the event that set the state
}

func loadOrder(ctx context.Context, tx *sql.Tx, id string) (*orderRow, error) {
	var o orderRow
	err := tx.QueryRowContext(ctx, `SELECT n, id, site, origin, payment, state, spec, request, cancels, state_epoch, state_seq FROM orders WHERE id = ?`, id).
		Scan(&o.n, &o.id, &o.site, &o.origin, &o.payment, &o.state, &o.spec, &o.req, &o.cancels, &o.at.epoch, &o.at.seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errUnknownOrder
	} else if err != nil {
		return nil, err
	}
	var spec wire.Order
	if err := json.Unmarshal([]byte(o.spec), &spec); err != nil {
		return nil, fmt.Errorf("order %s: stored spec: %w", id, err)
	}
	o.revision = spec.Revision
	return &o, nil
}

func (s *Server) postPayment(w http.ResponseWriter, r *http.Request) error {
	var req PaymentRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	ctx, id := r.Context(), r.PathValue("id")
	err := s.db.write(ctx, func(tx *sql.Tx) error {
		o, err := loadOrder(ctx, tx, id)
		if err != nil {
			return err
		}
		if o.payment == req.State {
			return nil
		}
		if !slices.Contains(paymentSteps[o.payment], req.State) {
			return &httpError{http.StatusConflict, CodePayment, fmt.Sprintf("payment is %q and cannot become %q", o.payment, req.State)}
		}
		// An order that was cancelled for its failed payment does not come
		// back: the site may have cancelled it already.
		if o.payment == PaymentFailed && o.state != StateNew {
			return &httpError{http.StatusConflict, CodePayment, "the payment failed after the order went to the site; place a new order"}
		}
		if o.state == StateCancelled && paid(req.State) {
			return &httpError{http.StatusConflict, CodePayment, "the order is cancelled"}
		}
		now := s.now()
		if _, err := tx.ExecContext(ctx, `UPDATE orders SET payment = ?, updated_at = ? WHERE n = ?`, req.State, now, o.n); err != nil {
			return err
		}
		if err := addTimeline(ctx, tx, timelineRow{order: id, at: now, source: sourceOMS, typ: "payment." + req.State}); err != nil {
			return err
		}
		switch {
		case paid(req.State) && o.state == StateNew:
			return s.submit(ctx, tx, o.site, o.id, o.spec, now)
		case req.State == PaymentFailed && !slices.Contains([]string{StateNew, StateShipped, StateCancelled, StateRejected}, o.state) && o.req != CancelRequested:
			return s.requestCancel(ctx, tx, o, CodePaymentFailed, now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.feed.wake()
	return s.getOrder(w, r)
}

// CancelRequest is the body of POST /v1/orders/{id}/cancel; it may be absent.
type CancelRequest struct {
	Reason string `json:"reason"`
}

func (s *Server) postCancel(w http.ResponseWriter, r *http.Request) error {
	var req CancelRequest
	if r.ContentLength != 0 {
		if err := readJSON(w, r, &req); err != nil {
			return err
		}
	}
	if !printable(req.Reason) || len(req.Reason) > 200 {
		return &httpError{http.StatusUnprocessableEntity, CodeInvalid, "reason must be up to 200 printable characters"}
	}
	status := http.StatusOK
	ctx, id := r.Context(), r.PathValue("id")
	err := s.db.write(ctx, func(tx *sql.Tx) error {
		o, err := loadOrder(ctx, tx, id)
		if err != nil {
			return err
		}
		now := s.now()
		switch {
		case o.state == StateShipped:
			return &httpError{http.StatusConflict, CodeShipped, "the order has shipped; a cancel is a return now"}
		case o.state == StateCancelled:
			return nil
		case o.origin == wire.BornSite:
			return &httpError{http.StatusConflict, CodeSiteOrder, "the order was entered at the site; cancel it there"}
		case o.state == StateNew || o.state == StateRejected:
			// The site does not have it, so the OMS alone decides.
			if _, err := tx.ExecContext(ctx, `UPDATE orders SET state = ?, request = ?, reason = ?, updated_at = ? WHERE n = ?`,
				StateCancelled, CancelAccepted, req.Reason, now, o.n); err != nil {
				return err
			}
			return addTimeline(ctx, tx, timelineRow{order: id, at: now, source: sourceOMS, typ: "order.cancelled", text: req.Reason})
		}
		status = http.StatusAccepted
		if o.req == CancelRequested {
			return nil
		}
		return s.requestCancel(ctx, tx, o, req.Reason, now)
	})
	if err != nil {
		return err
	}
	s.feed.wake()
	v, err := s.view(ctx, id)
	if err != nil {
		return err
	}
	return writeJSON(w, status, v)
}

// requestCancel asks the site. Its answer is an event.
func (s *Server) requestCancel(ctx context.Context, tx *sql.Tx, o *orderRow, reason string, now int64) error {
	data, err := json.Marshal(wire.Cancel{Reason: reason})
	if err != nil {
		return err
	}
	// Each request is a message of its own: the site may refuse one and take
	// the next.
	msg := fmt.Sprintf("%s/%d/cancel/%s-%d", o.id, o.revision, s.db.instance[:8], o.cancels+1)
	if _, err := tx.ExecContext(ctx, `INSERT INTO feed (site, msg_id, order_id, revision, type, data) VALUES (?,?,?,?,?,?)`,
		o.site, msg, o.id, o.revision, wire.TypeCancel, string(data)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE orders SET request = ?, request_code = '', reason = ?, cancels = cancels + 1, updated_at = ? WHERE n = ?`,
		CancelRequested, reason, now, o.n); err != nil {
		return err
	}
	return addTimeline(ctx, tx, timelineRow{order: o.id, at: now, source: sourceOMS, typ: "cancel.requested", text: reason})
}
