package web

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tote/warehouse"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

// contentPolicy lets pages use what this server sends and nothing else: no
// inline script or style, no frames, no other host.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// actor is who a person at the console is, until people sign in there.
const actor = "site/console"

// server holds the parts all handlers share.
type server struct {
	cfg     Config
	assets  *assets
	tmpl    *template.Template
	streams atomic.Int64  // open streams, at most maxStreams
	changes atomic.Uint64 // rises with each change a stream noticed

	mu   sync.Mutex
	last map[string]rendering // page → what was rendered last
}

// New checks cfg and returns the handler of all pages. Mount it at "/", behind
// whatever else is served there.
func New(cfg Config) (http.Handler, error) {
	if cfg.View == nil || cfg.Command == nil || cfg.LastSeq == nil || cfg.Do == nil {
		return nil, ErrConfig
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.ScanPrefix == "" {
		cfg.ScanPrefix = "~"
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Changes == nil {
		cfg.Changes = func() (<-chan struct{}, func()) { return nil, func() {} }
	}
	s := &server{cfg: cfg, last: map[string]rendering{}}
	var err error
	if s.assets, err = loadAssets(assetFiles, "assets"); err != nil {
		return nil, err
	}
	s.tmpl, err = template.New("").Funcs(s.funcs()).ParseFS(templateFiles, "templates/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("web: templates: %w", err)
	}
	return s.routes(), nil
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.console)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /orders", s.orders)
	mux.HandleFunc("GET /orders/{id}", s.order)
	mux.HandleFunc("POST /orders/{id}/retry", s.retry)
	mux.HandleFunc("POST /orders/{id}/cancel", s.cancel)
	mux.HandleFunc("POST /orders/{id}/hand-over", s.handOver)
	mux.HandleFunc("POST /fallouts/{id}/clear", s.clear)
	mux.HandleFunc("GET /floor-tasks", s.floorTasks)
	mux.HandleFunc("POST /floor-tasks/{id}/back", s.floorBack)
	mux.HandleFunc("POST /floor-tasks/{id}/end", s.floorEnd)
	mux.HandleFunc("GET /figures", s.figures)
	mux.HandleFunc("GET /actions", s.actions)
	mux.HandleFunc("GET /holds", s.holds)
	mux.HandleFunc("GET /backorders", s.backorders)
	mux.HandleFunc("GET /stations/{id}", s.bench)
	mux.HandleFunc("POST /stations/{id}/carton", s.benchCarton)
	mux.HandleFunc("GET /hh/{$}", s.handheld)
	mux.HandleFunc("GET /hh/manifest.webmanifest", s.manifest)
	mux.HandleFunc("GET /hh/datawedge.json", s.dataWedge)
	mux.HandleFunc("GET /hh/events", s.deviceEvents)
	mux.HandleFunc("POST /hh/cmd", s.command)
	mux.HandleFunc("GET /hh/image/{sku}", s.image)
	mux.HandleFunc("GET /assets/{hash}/{file}", s.assets.serve)
	mux.HandleFunc("GET /hh", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/hh/", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.message(w, http.StatusNotFound, "There is no such page.", "Go back to the console.")
	})
	// A page of another site must not act through the browser of somebody
	// who is on this network: POSTs come from our own pages or from programs.
	same := http.NewCrossOriginProtection()
	same.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.cfg.Log.Warn("request of a foreign page refused", "path", r.URL.Path, "origin", r.Header.Get("Origin"))
		s.message(w, http.StatusForbidden, "This request came from a page of another site.", "Open the console and do it there.")
	}))
	return guard(s.started(same.Handler(mux)))
}

// started shows one page, which loads itself again, until there is a state.
func (s *server) started(next http.Handler) http.Handler {
	if s.cfg.Starting == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		why := s.cfg.Starting()
		if why == "" || strings.HasPrefix(r.URL.Path, "/assets/") {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Refresh", "2")
		s.message(w, http.StatusServiceUnavailable, strings.ToUpper(why[:1])+why[1:]+".", "Wait; this page goes on by itself.")
	})
}

// guard sets the headers every answer has.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// page renders a template as the whole answer.
func (s *server) page(w http.ResponseWriter, status int, name string, data any) {
	var buf bytes.Buffer
	if err := s.tmpl.ExecuteTemplate(&buf, name, data); err != nil {
		s.cfg.Log.Error("page cannot be rendered", "page", name, "err", err)
		http.Error(w, "The page cannot be shown; the log of the gateway says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = buf.WriteTo(w) // the peer is gone when this fails
}

// message is a page with one sentence and what to do.
func (s *server) message(w http.ResponseWriter, status int, text, action string) {
	s.page(w, status, "message.tmpl", map[string]string{"Site": s.cfg.Site, "Text": text, "Action": action})
}

// unreadable is the answer when the state cannot be read.
func (s *server) unreadable(w http.ResponseWriter, err error) {
	s.cfg.Log.Error("state cannot be read", "err", err)
	s.message(w, http.StatusServiceUnavailable, "The gateway cannot read its state now.", "Wait a moment and load the page again; when it stays, read the log of the gateway.")
}

func (s *server) console(w http.ResponseWriter, _ *http.Request) {
	var b *board
	a := s.around()
	err := s.cfg.View(func(r warehouse.Reader) (err error) {
		b, err = s.readBoard(r, a)
		return err
	})
	if err != nil {
		s.unreadable(w, err)
		return
	}
	s.page(w, http.StatusOK, "console.tmpl", b)
}

func (s *server) orders(w http.ResponseWriter, r *http.Request) {
	if id := r.URL.Query().Get("id"); id != "" {
		http.Redirect(w, r, "/orders/"+url.PathEscape(id), http.StatusSeeOther)
		return
	}
	var list *orderList
	c := clock{s.cfg.Now()}
	var ok bool
	err := s.cfg.View(func(rd warehouse.Reader) (err error) {
		list, ok, err = s.readOrders(rd, c, r.URL.Query().Get("state"), r.URL.Query().Get("after"))
		return err
	})
	switch {
	case errors.Is(err, warehouse.ErrCursor):
		s.message(w, http.StatusBadRequest, "There is no such page of the list.", "Choose a state in the list of orders.")
	case err != nil:
		s.unreadable(w, err)
	case !ok:
		s.message(w, http.StatusNotFound, "There is no such state of an order.", "Choose one in the list of orders.")
	default:
		s.page(w, http.StatusOK, "orders.tmpl", list)
	}
}

func (s *server) order(w http.ResponseWriter, r *http.Request) {
	s.showOrder(w, r.PathValue("id"), http.StatusOK, nil)
}

func (s *server) showOrder(w http.ResponseWriter, id string, code int, n *notice) {
	var p *orderPage
	var left *warehouse.Archived
	c := clock{s.cfg.Now()}
	err := s.cfg.View(func(r warehouse.Reader) (err error) {
		if p, err = s.readOrder(r, c, id); err == nil && p == nil {
			left, err = warehouse.GetArchived(r, id)
		}
		return err
	})
	date := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }
	switch {
	case err != nil:
		s.unreadable(w, err)
	case p == nil && left != nil:
		_, action := s.explain(warehouse.CodeArchived)
		s.message(w, http.StatusGone, fmt.Sprintf("Order %s was %s on %s and left for the archive on %s.", left.ID, left.State, date(left.ClosedAt), date(left.At)), action)
	case p == nil:
		_, action := s.explain(warehouse.CodeUnknownOrder)
		s.message(w, http.StatusNotFound, "No order has the id "+id+" at this site.", action)
	default:
		p.Notice = n
		s.page(w, code, "order.tmpl", p)
	}
}

func (s *server) retry(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.act(w, r, id, "Retried.", warehouse.RetryOrder{Order: id})
}

func (s *server) cancel(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := r.ParseForm(); err != nil {
		s.message(w, http.StatusBadRequest, "The form cannot be read.", "Open the order again.")
		return
	}
	reason := cmp.Or(r.PostForm.Get("reason"), "cancelled at the site")
	s.act(w, r, id, "Cancelled.", warehouse.CancelOrder{Order: id, Reason: reason, Source: warehouse.SourceSite})
}

// act proposes what a person decided and shows what it came to: as the page of
// the order or, for console.js, as its notice alone.
func (s *server) act(w http.ResponseWriter, r *http.Request, order, done string, c warehouse.Command) {
	n, status := s.do(r, done, c)
	if !s.answered(w, r, n, status) {
		s.showOrder(w, order, status, n)
	}
}

// clear ends a fallout that has no order.
func (s *server) clear(w http.ResponseWriter, r *http.Request) {
	n, status := s.do(r, "Cleared.", warehouse.ClearFallout{Fallout: r.PathValue("id")})
	if !s.answered(w, r, n, status) {
		s.message(w, status, n.Code+": "+n.Text, cmp.Or(n.Action, "Go back to the console."))
	}
}

// answered gives console.js the notice alone.
func (s *server) answered(w http.ResponseWriter, r *http.Request, n *notice, status int) bool {
	if r.Header.Get("X-Requested-With") != "console" {
		return false
	}
	s.page(w, status, "notice", n)
	return true
}

func (s *server) do(r *http.Request, done string, c warehouse.Command) (*notice, int) {
	res, err := s.cfg.Do(r.Context(), actor, c)
	switch {
	case err != nil:
		s.cfg.Log.Warn("act of the console not recorded", "err", err)
		return &notice{
			Code: "NOT_RECORDED", Text: "The site could not record it: " + err.Error(),
			Action: "Look at the status line; try again when there is a quorum.",
		}, http.StatusServiceUnavailable
	case !res.OK:
		_, action := s.explain(res.Code)
		status := http.StatusConflict
		if res.Code == warehouse.CodeUnknownOrder || res.Code == warehouse.CodeUnknownTask {
			status = http.StatusNotFound
		}
		return &notice{Code: res.Code, Text: cmp.Or(res.Text, "Refused."), Action: action}, status
	}
	return &notice{OK: true, Code: res.Code, Text: cmp.Or(res.Text, done)}, http.StatusOK
}

// errBusy: the gateway has as many streams open as it allows.
var errBusy = errors.New("web: too many streams are open")

func (s *server) funcs() template.FuncMap {
	return template.FuncMap{
		"asset": s.assets.URL, "plural": plural,
		// order is the page of an order; an id may hold anything printable.
		"order":     func(id string) string { return "/orders/" + url.PathEscape(id) },
		"fallout":   func(id string) string { return "/fallouts/" + url.PathEscape(id) },
		"bench":     func(id string) string { return "/stations/" + url.PathEscape(id) },
		"document":  func(id string) string { return "/v1/documents/" + url.PathEscape(id) },
		"page":      pageOf,
		"floortask": func(id string) string { return "/floor-tasks/" + url.PathEscape(id) },
	}
}

// pageOf is the address of a page of the list of orders.
func pageOf(state, after string) string {
	q := url.Values{}
	if state != "" {
		q.Set("state", state)
	}
	if after != "" {
		q.Set("after", after)
	}
	if len(q) == 0 {
		return "/orders"
	}
	return "/orders?" + q.Encode()
}
