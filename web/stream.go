package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"tote/warehouse"
)

// Bounds of the streams.
const (
	maxStreams  = 256                    // of all pages together; more are refused with 503
	minPause    = 250 * time.Millisecond // between two updates of a page
	maxPause    = 5 * time.Second
	costPart    = 10 // an update may take one part in ten of the time
	refresh     = time.Second
	beatEvery   = 5 * time.Second // pages take the link for lost after three
	writeWithin = 10 * time.Second
)

// stream is one open response of type text/event-stream.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// open begins a stream, or answers 503 when there are too many.
func (s *server) open(w http.ResponseWriter) (st *stream, done func(), err error) {
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		w.Header().Set("Retry-After", "5")
		http.Error(w, "Too many pages are open on this gateway.", http.StatusServiceUnavailable)
		return nil, nil, errBusy
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy must not hold it back
	w.WriteHeader(http.StatusOK)
	st = &stream{w, http.NewResponseController(w)}
	return st, func() { s.streams.Add(-1) }, st.write([]byte("retry: 1000\n\n"))
}

// write sends b; a page that takes nothing for writeWithin is cut off, so that
// it cannot hold the handler.
func (st *stream) write(b []byte) error {
	if err := st.rc.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := st.w.Write(b); err != nil {
		return err
	}
	return st.rc.Flush()
}

// event sends v as JSON, which holds no line break.
func (st *stream) event(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("event %s: %w", name, err)
	}
	return st.write(fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, b))
}

// follow calls update at once, after each change and once per refresh, with a
// pause after each that keeps to minPause and costPart, and sends a beat when
// nothing else shows that the link is alive. changed tells update whether a
// change was noticed. It returns when ctx ends or a call fails.
func (s *server) follow(ctx context.Context, st *stream, update func(changed bool) error) error {
	changes, cancel := s.cfg.Changes()
	defer cancel()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	changed := true
	for {
		began := time.Now()
		if err := update(changed); err != nil {
			return err
		}
		pause := min(max(minPause, (costPart-1)*time.Since(began)), maxPause)
		rest, tick := time.After(pause), time.After(max(pause, refresh))
		var wake <-chan struct{} // nil while the pause lasts
		changed = false
	wait:
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-rest:
				wake = changes
			case <-wake:
				changed = true
				break wait
			case <-tick:
				break wait
			case <-beat.C:
				if err := st.event("beat", map[string]int64{"now": s.cfg.Now().UnixMilli()}); err != nil {
					return err
				}
			}
		}
	}
}

// fragment is one part of a page that is replaced as a whole.
type fragment struct {
	ID   string `json:"id"`
	HTML string `json:"html"`
}

// rendering is a page rendered at one moment, shared by all streams of it.
type rendering struct {
	frags  []fragment
	change uint64 // s.changes when it began
	at     time.Time
}

// events answers GET /events?page=…: the fragments of a page as they change.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	page := r.URL.Query().Get("page")
	if page != "/" && !strings.HasPrefix(page, "/orders") && !strings.HasPrefix(page, "/floor-tasks") && !strings.HasPrefix(page, "/stations/") {
		http.NotFound(w, r)
		return
	}
	st, done, err := s.open(w)
	if err != nil {
		return
	}
	defer done()
	sent := map[string]string{}
	err = st.event("hello", map[string]any{"assets": s.assets.hash, "now": s.cfg.Now().UnixMilli()})
	if err != nil {
		return
	}
	err = s.follow(r.Context(), st, func(changed bool) error {
		frags, err := s.fragments(page, changed)
		if err != nil {
			return err
		}
		var news []fragment
		for _, f := range frags {
			if old, ok := sent[f.ID]; !ok || old != f.HTML {
				sent[f.ID] = f.HTML
				news = append(news, f)
			}
		}
		if len(news) == 0 {
			return nil
		}
		return st.event("update", map[string]any{"now": s.cfg.Now().UnixMilli(), "frags": news})
	})
	if r.Context().Err() == nil {
		s.cfg.Log.Debug("stream ended", "page", page, "err", err)
	}
}

// fragments renders a page, or takes what another stream rendered since the
// change was noticed.
func (s *server) fragments(page string, changed bool) ([]fragment, error) {
	var want uint64
	if changed {
		want = s.changes.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if last, ok := s.last[page]; ok && last.change >= want && (changed || now.Sub(last.at) < refresh*9/10) {
		return last.frags, nil
	}
	re := rendering{change: s.changes.Load(), at: now}
	a := s.around()
	err := s.cfg.View(func(r warehouse.Reader) (err error) {
		re.frags, err = s.render(r, page, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	for p, old := range s.last { // pages nobody looks at any more
		if now.Sub(old.at) > 10*refresh {
			delete(s.last, p)
		}
	}
	s.last[page] = re
	return re.frags, nil
}

// render makes the fragments of a page.
func (s *server) render(r warehouse.Reader, page string, a around) ([]fragment, error) {
	if page == "/" {
		b, err := s.readBoard(r, a)
		if err != nil {
			return nil, err
		}
		return s.boardFragments(b)
	}
	if id, ok := strings.CutPrefix(page, "/orders/"); ok {
		p, err := s.readOrder(r, a.clock, id)
		if err != nil || p == nil {
			return nil, err
		}
		return s.parts(part{"order", "order-body", p})
	}
	if id, ok := strings.CutPrefix(page, "/stations/"); ok {
		p, err := s.readBench(r, id)
		if err != nil {
			return nil, err
		}
		return s.parts(part{"bench", "bench-body", p})
	}
	if rest, ok := strings.CutPrefix(page, "/floor-tasks"); ok {
		list, ok, err := s.readFloor(r, a.clock, strings.TrimPrefix(rest, "?kind="))
		if err != nil || !ok {
			return nil, err
		}
		return s.parts(part{"floortasks", "floortasks-body", list})
	}
	_, query, _ := strings.Cut(page, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil, nil
	}
	list, ok, err := s.readOrders(r, a.clock, q.Get("state"), q.Get("after"))
	if errors.Is(err, warehouse.ErrCursor) {
		return nil, nil
	}
	if err != nil || !ok {
		return nil, err
	}
	return s.parts(part{"orders", "orders-body", list})
}

// ageText matches what changes by itself. A page counts ages on from data-since,
// so a fragment leaves them out and is sent only when something else changed.
var ageText = regexp.MustCompile(`(<time[^>]* data-since=[^>]*>)[^<]*</time>`)

// part is a fragment to be rendered: its id, template and data.
type part struct {
	id, tmpl string
	data     any
}

func (s *server) boardFragments(b *board) ([]fragment, error) {
	ps := make([]part, 0, 11+len(b.Map.Aisles))
	ps = append(ps, []part{
		{"status", "status", b.Status},
		{"issues", "issues", b.Gateway},
		{"flow", "flow", b},
		{"fallouts", "fallouts", b},
		{"machines", "machines", b.Machines},
		{"devices", "devices", b.Gateway},
		{"cluster", "cluster", b.Gateway},
		{"sync", "sync", b.Gateway.Sync},
		{"markers", "markers", b.Map},
		{"missing", "missing", b.Map},
		{"busy", "busy", b.Map},
	}...)
	for _, a := range b.Map.Aisles {
		ps = append(ps, part{fmt.Sprintf("aisle-%d", a.N), "aisle", a})
	}
	return s.parts(ps...)
}

func (s *server) parts(ps ...part) ([]fragment, error) {
	out := make([]fragment, 0, len(ps))
	for _, p := range ps {
		var buf bytes.Buffer
		if err := s.tmpl.ExecuteTemplate(&buf, p.tmpl, p.data); err != nil {
			return nil, fmt.Errorf("fragment %s: %w", p.id, err)
		}
		out = append(out, fragment{p.id, ageText.ReplaceAllString(buf.String(), "$1</time>")})
	}
	return out, nil
}
