package oms

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"tote/cloudsync/wire"
)

// Quotes: between its points of no return a site does not simply change or cancel
// an order, it says what that costs on top and what the change does not reach.
// Somebody answers (POST /v1/orders/{id}/ask); the site tells what came of it. The
// newest quote of an order is shown with it until then and afterwards.

// States of a quote.
const (
	QuoteOpen     = "open" // waits for an answer
	QuoteAccepted = "accepted"
	QuoteRejected = "rejected" // declined, too late, or something newer was asked for
)

// QuoteView is what a site asks for a change.
type QuoteView struct {
	State        string   `json:"state"`
	Of           string   `json:"of"` // amend, cancel
	Revision     int      `json:"revision,omitempty"`
	ExtraCharge  int64    `json:"extraCharge"`            // minor units of the order's currency
	Restrictions []string `json:"restrictions,omitempty"` // what the change does not reach
	Code         string   `json:"code,omitempty"`         // why it was rejected
	At           int64    `json:"at"`
}

// noteQuote follows the quote of an order.
func noteQuote(ctx context.Context, tx *sql.Tx, order, name string, d *wire.EventData, at place, when int64) error {
	end := func(state string, cancel bool) error {
		_, err := tx.ExecContext(ctx, `UPDATE quotes SET state = ?, code = ?, epoch = ?, seq = ?
			WHERE order_id = ? AND state = 'open' AND cancel = ? AND (epoch, seq) < (?, ?)`, state, d.Code, at.epoch, at.seq, order, cancel, at.epoch, at.seq)
		return err
	}
	switch name {
	case "order.quoted":
		limits, err := json.Marshal(d.Restrictions)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO quotes (order_id, epoch, seq, at, cancel, revision, charge, restrictions, state, code)
			VALUES (?,?,?,?,?,?,?,?,'open','') ON CONFLICT (order_id) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, at = excluded.at,
			cancel = excluded.cancel, revision = excluded.revision, charge = excluded.charge, restrictions = excluded.restrictions, state = 'open', code = ''
			WHERE (excluded.epoch, excluded.seq) > (quotes.epoch, quotes.seq)`,
			order, at.epoch, at.seq, when, d.Request == requestCancel, d.Revision, d.ExtraCharge, string(limits))
		return err
	case "order.amended":
		return end(QuoteAccepted, false)
	case "order.amendRejected":
		return end(QuoteRejected, false)
	case "order.cancelled":
		return end(QuoteAccepted, true)
	case "order.cancelRejected":
		return end(QuoteRejected, true)
	}
	return nil
}

// requestCancel is the state of the request axis by which a site says that what
// it quotes is a cancel.
const requestCancel = "CANCEL_REQUESTED"

// quoteOf is the newest quote of an order, nil when there was none.
func quoteOf(ctx context.Context, tx *sql.Tx, order string) (*QuoteView, error) {
	q := &QuoteView{Of: "amend"}
	var cancel bool
	var limits string
	err := tx.QueryRowContext(ctx, `SELECT state, cancel, revision, charge, restrictions, code, at FROM quotes WHERE order_id = ?`, order).
		Scan(&q.State, &cancel, &q.Revision, &q.ExtraCharge, &limits, &q.Code, &q.At)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if cancel {
		q.Of = "cancel"
	}
	return q, json.Unmarshal([]byte(limits), &q.Restrictions)
}
