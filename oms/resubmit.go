package oms

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"tote/cloudsync/wire"
)

// contentCodes are the refusals of a site that speak of the order itself. Any
// other one speaks of the site as it was (an item or a carrier it did not know
// yet), and the site may take the same order today.
var contentCodes = []string{"INVALID", "MALFORMED", "CONFLICT", CodeIDTaken}

// postResubmit sends an order that its site refused to the site again. The
// site remembers what it refused and answers a repeat from memory, so the same
// content goes out as the next revision, which it looks at afresh.
func (s *Server) postResubmit(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("id")
	err := s.db.write(ctx, func(tx *sql.Tx) error {
		o, err := loadOrder(ctx, tx, id)
		if err != nil {
			return err
		}
		var code string
		if err := tx.QueryRowContext(ctx, `SELECT code FROM orders WHERE n = ?`, o.n).Scan(&code); err != nil {
			return err
		}
		no := func(code, format string, args ...any) error {
			return &httpError{http.StatusConflict, code, fmt.Sprintf(format, args...)}
		}
		switch {
		case o.state != StateRejected:
			return no(CodeNotRejected, "the order is %s", o.state)
		case o.req == CancelRequested:
			return no(CodeNotRejected, "a cancel of the order is on its way to the site")
		case o.origin != "oms":
			return no(CodeContent, "the order was entered at the site; only the site has its content")
		case slices.Contains(contentCodes, code):
			return no(CodeContent, "the site answered %s and would answer it again", code)
		case !paid(o.payment):
			return no(CodePayment, "payment is %q; only a paid order goes to the site", o.payment)
		}
		var spec wire.Order
		if err := json.Unmarshal([]byte(o.spec), &spec); err != nil {
			return fmt.Errorf("order %s: stored spec: %w", id, err)
		}
		spec.Revision++
		raw, err := json.Marshal(spec)
		if err != nil {
			return err
		}
		now := s.now()
		if err := s.feedRelease(ctx, tx, o.site, id, string(raw), now); err != nil {
			return err
		}
		return addTimeline(ctx, tx, timelineRow{
			order: id, at: now, source: sourceOMS, typ: "order.resubmitted",
			text: fmt.Sprintf("to site %s as revision %d, after %s", o.site, spec.Revision, code),
		})
	})
	if err != nil {
		return err
	}
	s.feed.wake()
	v, err := s.view(ctx, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, v)
}
