package oms

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"tote/cloudsync/wire"
)

// notifier wakes everyone who waits for the feed.
type notifier struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed at the next wake. Take it before looking, so that news in
// between is not missed.
func (n *notifier) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch
}

func (n *notifier) wake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}

// cursor renders a place in the feed of this database.
func (s *Server) cursor(n int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(s.db.instance + ":" + strconv.FormatInt(n, 10)))
}

// placeOf reads a cursor; "" is the start. A cursor of another database (the
// file was replaced or restored) is gone: the site reads from the start again.
func (s *Server) placeOf(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	gone := &httpError{http.StatusGone, wire.ProblemCursorGone, "the cursor is not of this feed; read from the start"}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, gone
	}
	inst, num, ok := strings.Cut(string(raw), ":")
	n, err := strconv.ParseInt(num, 10, 64)
	if !ok || err != nil || n < 0 || inst != s.db.instance {
		return 0, gone
	}
	return n, nil
}

func (s *Server) getInbox(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := intParam(q.Get("limit"), 100, 1, wire.MaxInboxItems)
	if err != nil {
		return err
	}
	wait, err := intParam(q.Get("wait"), 0, 0, wire.MaxWaitS)
	if err != nil {
		return err
	}
	after, err := s.placeOf(q.Get("cursor"))
	if err != nil {
		return err
	}
	end := time.NewTimer(time.Duration(wait) * time.Second)
	defer end.Stop()
	for {
		news := s.feed.next()
		page, at, err := s.page(r.Context(), r.PathValue("site"), after, limit)
		if err != nil {
			return err
		}
		// A page of nothing but outdated items still moves the cursor.
		if len(page.Items) > 0 || at != after || wait == 0 {
			return writeJSON(w, http.StatusOK, page)
		}
		select {
		case <-news:
		case <-end.C:
			wait = 0
		case <-s.stopping:
			wait = 0
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// page reads up to limit items behind a place. A release of an order that has
// ended is left out: a site that reads from the start must not ship it again.
// So is one that a later revision has replaced: its refusal would be news of
// yesterday.
func (s *Server) page(ctx context.Context, site string, after int64, limit int) (*wire.InboxPage, int64, error) {
	page := &wire.InboxPage{Items: []wire.InboxItem{}}
	at := after
	err := s.db.read(ctx, func(tx *sql.Tx) error {
		var newest int64
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM feed`).Scan(&newest); err != nil {
			return err
		}
		if after > newest {
			return &httpError{http.StatusGone, wire.ProblemCursorGone, "the cursor is ahead of the feed; read from the start"}
		}
		rows, err := tx.QueryContext(ctx,
			`SELECT f.n, f.msg_id, f.order_id, f.revision, f.type, f.data, o.state, json_extract(o.spec, '$.revision') FROM feed f JOIN orders o ON o.id = f.order_id
			 WHERE f.site = ? AND f.n > ? ORDER BY f.n LIMIT ?`, site, after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var it wire.InboxItem
			var data, state string
			var latest int
			if err := rows.Scan(&at, &it.MsgID, &it.OrderID, &it.Revision, &it.Type, &data, &state, &latest); err != nil {
				return err
			}
			if it.Type == wire.TypeRelease && (state == StateShipped || state == StateCancelled || it.Revision < latest) {
				continue
			}
			it.Data = json.RawMessage(data)
			page.Items = append(page.Items, it)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, 0, fmt.Errorf("inbox of %s: %w", site, err)
	}
	page.Next = s.cursor(at)
	return page, at, nil
}
