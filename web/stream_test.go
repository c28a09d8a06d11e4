package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tote/warehouse"
	"tote/web"
)

// heard is one event with the time it came at.
type heard struct {
	at         time.Duration // since the stream was opened
	name, data string
}

// ear is a ResponseWriter that takes a stream apart.
type ear struct {
	began time.Time
	head  http.Header

	mu     sync.Mutex
	status int
	buf    string
	got    []heard
	broken bool // the peer is gone
}

func (e *ear) Header() http.Header { return e.head }

func (e *ear) WriteHeader(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status = status
}

func (e *ear) Flush() {}

func (e *ear) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken {
		return 0, errors.New("peer gone")
	}
	e.buf += string(b)
	for {
		ev, rest, ok := strings.Cut(e.buf, "\n\n")
		if !ok {
			return len(b), nil
		}
		e.buf = rest
		name, data, _ := strings.Cut(strings.TrimPrefix(ev, "event: "), "\ndata: ")
		e.got = append(e.got, heard{time.Since(e.began), name, data})
	}
}

// take returns what was heard with one of the names since the last call.
func (e *ear) take(names ...string) (out []heard) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.got {
		if slices.Contains(names, h.name) {
			out = append(out, h)
		}
	}
	e.got = nil
	return out
}

// follow opens a stream until the returned function is called.
func follow(t *testing.T, h http.Handler, path string) (*ear, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	e := &ear{began: time.Now(), head: http.Header{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(e, httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx))
	}()
	synctest.Wait()
	return e, func() { cancel(); <-done }
}

// frags are the fragments of the updates, the last of each.
func frags(t *testing.T, evs []heard) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, ev := range evs {
		var u struct {
			Frags []struct{ ID, HTML string }
		}
		if err := json.Unmarshal([]byte(ev.data), &u); err != nil {
			t.Fatal(err)
		}
		for _, f := range u.Frags {
			out[f.ID] = f.HTML
		}
	}
	return out
}

// stale is a site whose clock stands still, so that nothing changes by itself.
func stale(t *testing.T) *site {
	s := half(t)
	s.step = 0
	return s
}

func TestConsoleStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stale(t)
		e, end := follow(t, serve(t, s.config()), "/events?page=/")
		defer end()
		if e.status != http.StatusOK || e.head.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%d %v", e.status, e.head)
		}
		all := frags(t, e.take("update"))
		for _, id := range []string{"status", "flow", "fallouts", "machines", "devices", "cluster", "sync", "markers", "busy", "aisle-0", "aisle-1"} {
			if all[id] == "" {
				t.Errorf("the first update lacks %s", id)
			}
		}
		time.Sleep(3500 * time.Millisecond) // between two refreshes
		synctest.Wait()
		if u := e.take("update"); len(u) != 0 {
			t.Errorf("nothing changed, and %d updates came", len(u))
		}
		s.must(release("O9", 0, "PEN*1"))
		synctest.Wait()
		evs := e.take("update")
		if len(evs) != 1 || time.Since(e.began)-evs[0].at > time.Millisecond {
			t.Fatalf("after a pause a change is told at once: %v", evs)
		}
		changed := frags(t, evs)
		if !strings.Contains(changed["flow"], `data-key="RELEASED" class=""`) || !strings.Contains(changed["aisle-1"], "B-01-L") {
			t.Errorf("changed: %v", changed)
		}
		for _, id := range []string{"aisle-0", "devices", "cluster", "fallouts"} {
			if changed[id] != "" {
				t.Errorf("%s was sent again", id)
			}
		}
	})
}

// Ages go on by themselves: they are no reason to send a fragment again.
func TestAgesAreNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stale(t)
		cfg := s.config()
		began, base := time.Now(), s.now
		cfg.Now = func() time.Time { return base.Add(time.Since(began)) }
		e, end := follow(t, serve(t, cfg), "/events?page=/")
		defer end()
		first := frags(t, e.take("update"))
		if !strings.Contains(first["fallouts"], "data-since=") || strings.Contains(first["fallouts"], " min</time>") {
			t.Errorf("fallouts: %s", first["fallouts"])
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if u := e.take("update"); len(u) != 0 {
			t.Errorf("%d updates while only time passed: %s", len(u), u[0].data)
		}
	})
}

func TestAtMostFourUpdatesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stale(t)
		e, end := follow(t, serve(t, s.config()), "/events?page=/")
		defer end()
		e.take("update")
		for i := range 400 { // one change every 5 ms
			s.must(release(fmt.Sprintf("N%d", i), 0, "PEN*1"))
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		evs := e.take("update")
		if len(evs) < 4 || len(evs) > 9 {
			t.Errorf("%d updates in 2 s", len(evs))
		}
		for i := 1; i < len(evs); i++ {
			if gap := evs[i].at - evs[i-1].at; gap < 250*time.Millisecond {
				t.Errorf("updates %v apart", gap)
			}
		}
		if last := frags(t, evs)["flow"]; !strings.Contains(last, "<b>304</b>") || !strings.Contains(last, "<b>99</b>") { // short and released: there were 100 pens
			t.Errorf("the last change is missing: %s", last)
		}
	})
}

func TestStreamsBeat(t *testing.T) {
	for _, path := range []string{"/events?page=/", "/hh/events?device=web-abc234"} {
		synctest.Test(t, func(t *testing.T) {
			e, end := follow(t, serve(t, stale(t).config()), path)
			defer end()
			time.Sleep(21 * time.Second)
			synctest.Wait()
			if n := len(e.take("beat")); n != 4 {
				t.Errorf("%s: %d beats in 21 s", path, n)
			}
		})
	}
}

// Many consoles cost as much as one.
func TestStreamsShareARendering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stale(t)
		cfg := s.config()
		var views atomic.Int64
		cfg.View = func(fn func(warehouse.Reader) error) error {
			views.Add(1)
			return s.view(fn)
		}
		h := serve(t, cfg)
		var ears []*ear
		for range 20 {
			e, end := follow(t, h, "/events?page=/")
			defer end()
			ears = append(ears, e)
		}
		time.Sleep(2500 * time.Millisecond) // between two refreshes
		synctest.Wait()
		views.Store(0)
		s.must(release("O9", 0, "PEN*1"))
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if n := views.Load(); n < 1 || n > 20 {
			t.Errorf("one change was rendered %d times", n)
		}
		for i, e := range ears {
			if !strings.Contains(frags(t, e.take("update"))["flow"], "RELEASED") {
				t.Errorf("stream %d heard nothing", i)
			}
		}
		views.Store(0)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := views.Load(); n > 25 {
			t.Errorf("20 idle consoles rendered %d times in 10 s", n)
		}
	})
}

func TestTooManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, stale(t).config())
		var ends []func()
		for i := range 256 {
			e, end := follow(t, h, "/hh/events?device=web-abc234")
			ends = append(ends, end)
			if e.status != http.StatusOK {
				t.Fatalf("stream %d: %d", i, e.status)
			}
		}
		e, end := follow(t, h, "/events?page=/")
		end()
		if e.status != http.StatusServiceUnavailable || e.head.Get("Retry-After") == "" {
			t.Errorf("one too many: %d", e.status)
		}
		for _, end := range ends {
			end()
		}
		e, end = follow(t, h, "/events?page=/")
		defer end()
		if e.status != http.StatusOK {
			t.Errorf("after the others left: %d", e.status)
		}
	})
}

// A peer that is gone, or a state that cannot be read, ends the stream; the
// page opens a new one.
func TestStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stale(t)
		cfg := s.config()
		var broken atomic.Bool
		cfg.View = func(fn func(warehouse.Reader) error) error {
			if broken.Load() {
				return errors.New("store closed")
			}
			return s.view(fn)
		}
		h := serve(t, cfg)
		ended := func(path string, spoil func(*ear)) {
			e := &ear{began: time.Now(), head: http.Header{}}
			done := make(chan struct{})
			go func() {
				defer close(done)
				h.ServeHTTP(e, httptest.NewRequest(http.MethodGet, path, nil))
			}()
			synctest.Wait()
			spoil(e)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			select {
			case <-done:
			default:
				t.Errorf("%s goes on", path)
			}
		}
		for _, path := range []string{"/events?page=/", "/hh/events?device=web-abc234"} {
			ended(path, func(e *ear) {
				e.mu.Lock()
				defer e.mu.Unlock()
				e.broken = true
			})
		}
		ended("/events?page=/orders", func(*ear) { broken.Store(true) })
		if len(s.listen) != 0 {
			t.Errorf("%d subscriptions are left", len(s.listen))
		}
	})
}

func TestOrderStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stale(t)
		h := serve(t, s.config())
		e, end := follow(t, h, "/events?page=/orders/O1")
		defer end()
		list, endList := follow(t, h, "/events?page="+"/orders?state=PICKING")
		defer endList()
		e.take("update")
		time.Sleep(time.Second)
		s.walk("web-abc234", 100)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := frags(t, e.take("update"))["order"]; !strings.Contains(got, "waits for a pack station") {
			t.Errorf("order: %s", got)
		}
		if got := frags(t, list.take("update"))["orders"]; !strings.Contains(got, "No order is in this scope") {
			t.Errorf("list: %s", got)
		}
	})
	if w := get(t, serve(t, half(t).config()), "/events?page=/elsewhere"); w.Code != http.StatusNotFound {
		t.Errorf("stream of no page: %d", w.Code)
	}
}

// The sequence comes before the task, and the task is at least as new.
func TestDeviceStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stale(t)
		s.dispatch = true
		h := serve(t, s.config())
		e, end := follow(t, h, "/hh/events?device=web-new123")
		defer end()
		say := func() string {
			time.Sleep(time.Second)
			synctest.Wait()
			var out []string
			for _, ev := range e.take("seq", "task") {
				var v struct {
					Last     uint64
					Do, Task string
				}
				if err := json.Unmarshal([]byte(ev.data), &v); err != nil {
					t.Fatal(err)
				}
				out = append(out, strings.TrimSpace(fmt.Sprintf("%s %d%s %s", ev.name, v.Last, v.Do, v.Task)))
			}
			return strings.Join(out, ", ")
		}
		do := func(seq int, rest string) {
			t.Helper()
			w := post(t, h, "/hh/cmd?device=web-new123", fmt.Sprintf(`{"cmdId":"c%d","seq":%d,%s}`, seq, seq, rest), "Content-Type", "application/json")
			if w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		if got := say(); got != "seq 0, task 0sign_in" {
			t.Errorf("a new handheld hears %q", got)
		}
		do(1, `"verb":"sign_in","barcode":"BADGE-2"`)
		if got := say(); got != "seq 1, task 0ask" {
			t.Errorf("signed in: %q", got)
		}
		do(2, `"verb":"ask"`)
		if got := say(); got != "seq 2, task 0scan_bin O5/1/1" {
			t.Errorf("asked: %q", got)
		}
		s.must(release("O9", 0, "PEN*1")) // nobody's business here
		if got := say(); got != "" {
			t.Errorf("another order: %q", got)
		}
		do(3, `"verb":"scan","barcode":"A-01-L"`) // refused: the sequence moves, the task stays
		if got := say(); got != "seq 3, task 0scan_bin O5/1/1" {
			t.Errorf("wrong bin: %q", got)
		}
	})
}

func TestDeviceStreamTellsTheQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stale(t)
		cfg := s.config()
		var lost atomic.Bool
		cfg.Gateway = func() web.GatewayStatus {
			g := gateway(epoch)
			if lost.Load() {
				g.Quorum = web.Quorum{Since: epoch.Add(-time.Minute)}
			}
			return g
		}
		e, end := follow(t, serve(t, cfg), "/hh/events?device=web-abc234")
		defer end()
		last := func() (l struct {
			Quorum bool
			Since  int64
			Action string
		},
		) {
			evs := e.take("site")
			if len(evs) != 1 {
				t.Fatalf("%d events", len(evs))
			}
			if err := json.Unmarshal([]byte(evs[0].data), &l); err != nil {
				t.Fatal(err)
			}
			return l
		}
		if l := last(); !l.Quorum || l.Since != 0 || l.Action != "" {
			t.Errorf("well: %+v", l)
		}
		lost.Store(true) // no change of the state tells of it
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if l := last(); l.Quorum || l.Since != epoch.Add(-time.Minute).UnixMilli() || !strings.Contains(l.Action, "scans are kept") {
			t.Errorf("lost: %+v", l)
		}
		lost.Store(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if l := last(); !l.Quorum {
			t.Errorf("back: %+v", l)
		}
	})
}

// Without Changes pages are still live, once a second.
func TestStreamWithoutChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stale(t)
		cfg := s.config()
		cfg.Changes = nil
		e, end := follow(t, serve(t, cfg), "/events?page=/")
		defer end()
		e.take("update")
		s.must(release("O9", 0, "PEN*1"))
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if !strings.Contains(frags(t, e.take("update"))["flow"], "RELEASED") {
			t.Error("the change was not seen")
		}
	})
}
