package oms

import (
	"context"
	"database/sql"
	"encoding/base64"
	"net/http"
	"strconv"

	"tote/cloudsync/wire"
)

// An order that was entered at a site may have the id of an order of the OMS.
// They are two orders: what the site says of its own must not touch ours, whose
// payment it knows nothing of. It is rejected, and listed for a person, who
// gives one of the two a new id.

// ConflictView is an order of a site under the id of an order of the OMS.
type ConflictView struct {
	Site    string `json:"site"`
	Order   string `json:"order"`
	Code    string `json:"code"`
	State   string `json:"state,omitempty"` // of the site's order, the newest it told
	Events  int    `json:"events"`          // how many were rejected
	FirstAt int64  `json:"firstAt"`
	LastAt  int64  `json:"lastAt"`
}

// ConflictList is a page of conflicts, oldest first.
type ConflictList struct {
	Conflicts []ConflictView `json:"conflicts"`
	Next      string         `json:"next,omitempty"` // "" = no more
}

// siteBorn tells whether an event is about an order that was entered at the
// site. Sites before the mark named the source alone, which for a cancel that
// was refused is who asked for it.
func siteBorn(name string, d *wire.EventData) bool {
	return d.Born == wire.BornSite || d.Source == wire.BornSite && name != "order.cancelRejected"
}

// conflict writes down an event that is about another order than ours.
func (s *Server) conflict(ctx context.Context, tx *sql.Tx, site string, e *wire.Event, d wire.EventData) error {
	at := eventTime(e)
	if _, err := tx.ExecContext(ctx, `INSERT INTO conflicts (site, order_id, first_at, last_at, events, state) VALUES (?,?,?,?,1,?)
		ON CONFLICT (site, order_id) DO UPDATE SET last_at = max(last_at, excluded.last_at), events = events + 1,
		state = CASE excluded.state WHEN '' THEN state ELSE excluded.state END`, site, e.Subject, at, at, d.State); err != nil {
		return err
	}
	d.Code, d.Text = CodeIDTaken, "not our order: one entered at the site under the same id"
	return s.note(ctx, tx, site, e, d)
}

const conflictColumns = `SELECT n, site, order_id, state, events, first_at, last_at FROM conflicts `

type conflictRow struct {
	n int64
	ConflictView
}

func (c *conflictRow) fields() []any {
	c.Code = CodeIDTaken
	return []any{&c.n, &c.Site, &c.Order, &c.State, &c.Events, &c.FirstAt, &c.LastAt}
}

// conflictsOf lists those of one order.
func conflictsOf(ctx context.Context, tx *sql.Tx, id string, out *[]ConflictView) error {
	var rows []conflictRow
	err := each(ctx, tx, (*conflictRow).fields, &rows, conflictColumns+`WHERE order_id = ? ORDER BY n`, id)
	for _, r := range rows {
		*out = append(*out, r.ConflictView)
	}
	return err
}

func (s *Server) listConflicts(w http.ResponseWriter, r *http.Request) error {
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
	var rows []conflictRow
	err = s.db.read(r.Context(), func(tx *sql.Tx) error {
		return each(r.Context(), tx, (*conflictRow).fields, &rows, conflictColumns+`WHERE n > ? ORDER BY n LIMIT ?`, after, limit+1)
	})
	if err != nil {
		return err
	}
	list := ConflictList{Conflicts: []ConflictView{}}
	for i, row := range rows {
		if i == limit {
			list.Next = base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(rows[i-1].n, 10)))
			break
		}
		list.Conflicts = append(list.Conflicts, row.ConflictView)
	}
	return writeJSON(w, http.StatusOK, list)
}
