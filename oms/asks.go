package oms

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"tote/cloudsync/wire"
)

// AskRequest is the body of POST /v1/orders/{id}/ask: something the OMS says to
// the site about an order that is there. Each type uses a few of the fields.
type AskRequest struct {
	Type     string `json:"type"`     // wire.TypeQuote, TypeHold, TypeUnhold, TypeBind
	Revision int    `json:"revision"` // quote: of the amendment that was quoted; 0 = the newest
	Accept   bool   `json:"accept"`   // quote
	Cancel   bool   `json:"cancel"`   // quote: it was of a cancel
	Code     string `json:"code"`     // hold and unhold
	Kit      int64  `json:"kit"`      // bind: the number of the slip
}

// holdCodes are the reasons for which an order may be held.
var holdCodes = []string{"PAYMENT", "CREDIT", "TERMS", "PRICE_UNCONFIRMED", "PACK_CHANGE", "RECALL", "ADDRESS", "EXPORT"}

// data is what goes to the site, and why the request is none.
func (a *AskRequest) data() (v any, why string) {
	switch a.Type {
	case wire.TypeQuote:
		if a.Revision < 0 {
			return nil, "revision must not be negative"
		}
		return wire.QuoteAnswer{Accept: a.Accept, Cancel: a.Cancel}, ""
	case wire.TypeHold, wire.TypeUnhold:
		if !slices.Contains(holdCodes, a.Code) {
			return nil, fmt.Sprintf("code must be one of %v", holdCodes)
		}
		return wire.Hold{Code: a.Code}, ""
	case wire.TypeBind:
		if a.Kit < 1 || a.Kit > 999_999 {
			return nil, "kit must be 1 to 999999"
		}
		return wire.Bind{Kit: a.Kit}, ""
	}
	return nil, fmt.Sprintf("type %q is none of %s, %s, %s and %s", a.Type, wire.TypeQuote, wire.TypeHold, wire.TypeUnhold, wire.TypeBind)
}

// postAsk sends a message about an order to its site. The answer is an event and
// stands in the timeline.
func (s *Server) postAsk(w http.ResponseWriter, r *http.Request) error {
	var req AskRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	v, why := req.data()
	if why != "" {
		return &httpError{http.StatusUnprocessableEntity, CodeInvalid, why}
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, id := r.Context(), r.PathValue("id")
	err = s.db.write(ctx, func(tx *sql.Tx) error {
		o, err := loadOrder(ctx, tx, id)
		if err != nil {
			return err
		}
		if slices.Contains([]string{StateNew, StateRejected, StateCancelled, StateShipped}, o.state) {
			return &httpError{http.StatusConflict, CodeNotThere, fmt.Sprintf("the order is %s", o.state)}
		}
		revision := req.Revision
		if revision == 0 {
			revision = o.revision
		}
		// Each one is a message of its own: the site takes the same again
		// for what it is.
		var n int64
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) + 1 FROM feed`).Scan(&n); err != nil {
			return err
		}
		msg := fmt.Sprintf("%s/%d/ask/%s-%d", o.id, revision, s.db.instance[:8], n)
		if _, err := tx.ExecContext(ctx, `INSERT INTO feed (site, msg_id, order_id, revision, type, data) VALUES (?,?,?,?,?,?)`,
			o.site, msg, o.id, revision, req.Type, string(data)); err != nil {
			return err
		}
		return addTimeline(ctx, tx, timelineRow{order: o.id, at: s.now(), source: sourceOMS, typ: req.Type, code: req.Code, text: string(data)})
	})
	if err != nil {
		return err
	}
	s.feed.wake()
	view, err := s.view(ctx, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, view)
}
