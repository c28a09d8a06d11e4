package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tote/agent/satellite"
	"tote/raftstore/peer"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newDesk(t *testing.T) (*Desk, *session) {
	t.Helper()
	tx := memtx.New()
	for i := range 2000 {
		if err := tx.Set(fmt.Appendf(nil, "k/%05d", i), []byte(strings.Repeat("v", i%900))); err != nil {
			t.Fatal(err)
		}
	}
	d := New(Config{
		Log:         slog.New(slog.DiscardHandler),
		Known:       func(context.Context, string, []byte) error { return nil },
		Code:        func(error) string { return "" },
		View:        func(fn func(r warehouse.Reader) error) error { return fn(tx) },
		WaitApplied: func(context.Context, uint64) error { return nil },
		State:       func() satellite.State { return satellite.State{Cluster: "c1", Quorum: true} },
	})
	d.Begin(10)
	return d, &session{d: d, id: "sat1"}
}

// ask makes a call as the wire would.
func ask[A any](ctx context.Context, t *testing.T, s *session, method string, q any) (a A, err error) {
	t.Helper()
	body, err := satellite.Encode(q)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.answer(ctx, method, body)
	if err != nil || out == nil {
		return a, err
	}
	if err := satellite.Decode(out, any(&a).(interface{ Check() error })); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return a, nil
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if said, ok := errors.AsType[*peer.RemoteError](err); !ok || said.Code != code {
		t.Errorf("answered %v, want %s", err, code)
	}
}

// TestViewsEnd: by time, with their connection, with the desk, by their owner and
// by nobody else; and there are never more than allowed.
func TestViewsEnd(t *testing.T) {
	read := satellite.ReadCall{Key: []byte("k/00001"), Most: 1}
	in := func(view uint64) satellite.ReadCall { q := read; q.View = view; return q }
	synctest.Test(t, func(t *testing.T) {
		d, s := newDesk(t)
		other := &session{d: d, id: "sat2"}
		ctx, cancel := context.WithCancel(t.Context())
		open := func() uint64 {
			t.Helper()
			a, err := ask[satellite.ReadAnswer](ctx, t, s, satellite.CallRead, read)
			if err != nil || a.View == 0 || len(a.Rows) != 1 {
				t.Fatalf("%+v %v", a, err)
			}
			return a.View
		}
		ended := func(view uint64) {
			t.Helper()
			synctest.Wait()
			_, err := ask[satellite.ReadAnswer](ctx, t, s, satellite.CallRead, in(view))
			wantCode(t, err, satellite.CodeViewLost)
		}
		idle := open()
		time.Sleep(viewIdle - time.Millisecond)
		if _, err := ask[satellite.ReadAnswer](ctx, t, s, satellite.CallRead, in(idle)); err != nil {
			t.Errorf("before its time: %v", err)
		}
		time.Sleep(viewIdle)
		ended(idle)

		long := open()
		for range int(viewLife / time.Second) {
			time.Sleep(time.Second)
			_, _ = ask[satellite.ReadAnswer](ctx, t, s, satellite.CallRead, in(long))
		}
		ended(long)

		closed := open()
		_, err := ask[satellite.ReadAnswer](ctx, t, other, satellite.CallRead, in(closed))
		wantCode(t, err, satellite.CodeViewLost)
		_, _ = ask[satellite.SeqAnswer](ctx, t, other, satellite.CallClose, satellite.CloseCall{View: closed})
		if _, err := ask[satellite.ReadAnswer](ctx, t, s, satellite.CallRead, in(closed)); err != nil {
			t.Errorf("another satellite closed it: %v", err)
		}
		_, _ = ask[satellite.SeqAnswer](ctx, t, s, satellite.CallClose, satellite.CloseCall{View: closed})
		ended(closed)

		replaced := open()
		d.Replaced(50)
		ended(replaced)

		for range maxViewsEach {
			open()
		}
		_, err = ask[satellite.ReadAnswer](ctx, t, s, satellite.CallRead, read)
		wantCode(t, err, satellite.CodeBusy)
		if _, err := ask[satellite.ReadAnswer](t.Context(), t, other, satellite.CallRead, read); err != nil {
			t.Errorf("another satellite: %v", err)
		}
		cancel() // the connection of the first
		synctest.Wait()
		d.mu.Lock()
		if len(d.views) != 1 {
			t.Errorf("%d views are open", len(d.views))
		}
		d.mu.Unlock()
		d.Close()
		if _, err := ask[satellite.ReadAnswer](t.Context(), t, other, satellite.CallRead, read); err == nil {
			t.Error("a view was opened after the end")
		}
	})
}

// TestPages: a range comes in parts of bounded size, whole and in order.
func TestPages(t *testing.T) {
	d, s := newDesk(t)
	defer d.Close()
	q := satellite.ReadCall{Key: []byte("k/"), Range: true, Most: satellite.MaxRows}
	var keys []string
	for {
		a, err := ask[satellite.ReadAnswer](t.Context(), t, s, satellite.CallRead, q)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, r := range a.Rows {
			keys = append(keys, string(r.Key))
			size += len(r.Key) + len(r.Value)
		}
		if size > satellite.MaxPage {
			t.Errorf("%d bytes in one answer", size)
		}
		if !a.More {
			break
		}
		q.View, q.After = a.View, a.Rows[len(a.Rows)-1].Key
	}
	if len(keys) != 2000 || !slices.IsSorted(keys) || len(slices.Compact(keys)) != 2000 {
		t.Errorf("%d rows", len(keys))
	}
	_, err := ask[satellite.ReadAnswer](t.Context(), t, s, "none", q)
	wantCode(t, err, satellite.CodeMalformed)
	_, err = ask[satellite.ReadAnswer](t.Context(), t, s, satellite.CallRead, satellite.ReadCall{Most: 1 << 20})
	wantCode(t, err, satellite.CodeMalformed)
}

// TestRing: from a number on, whatever the entries were; and "not any more".
func TestRing(t *testing.T) {
	g := ring{wake: make(chan struct{})}
	g.add(8, []string{"before"})
	g.begin(7, false) // too late: 8 was the first
	want := func(from uint64, keys string, at uint64, ok bool) {
		t.Helper()
		got, n, is, _ := g.after(from)
		if strings.Join(got, " ") != keys || n != at || is != ok {
			t.Errorf("after %d: %v up to %d, %v; want %q up to %d, %v", from, got, n, is, keys, at, ok)
		}
	}
	want(7, "", 8, false)
	want(8, "", 8, true)
	g.add(10, []string{"a", "b"})
	g.add(13, []string{"b", "c"})
	want(8, "a b c", 13, true)
	want(10, "b c", 13, true)
	want(11, "b c", 13, true) // the other gateway had another batch
	want(13, "", 13, true)
	want(20, "", 20, true) // this one is behind
	for i := range ringEntries + 5 {
		g.add(uint64(100+i), []string{"x"})
	}
	if len(g.list) > ringEntries {
		t.Errorf("%d entries are kept", len(g.list))
	}
	want(13, "", 100+ringEntries+4, false)
	g.add(9000, []string{strings.Repeat("y", ringBytes)})
	if g.bytes > ringBytes {
		t.Errorf("%d bytes are kept", g.bytes)
	}
	g.begin(9999, true)
	want(9000, "", 9999, false)
	var many []string
	for i := range satellite.MaxTouched + 1 {
		many = append(many, fmt.Sprint(i))
	}
	g.add(10000, many)
	want(9999, "", 10000, false)
}

// TestPoll: what is new is told at once, nothing new after the wait; a quorum that
// turned is news.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newDesk(t)
		poll := satellite.PollCall{WaitMs: 1000, Attach: true, Quorum: true}
		a, err := ask[satellite.PollAnswer](t.Context(), t, s, satellite.CallPoll, poll)
		if err != nil || !a.Everything || a.At != 10 {
			t.Fatalf("the first: %+v %v", a, err)
		}
		poll.Cluster, poll.At = "c1", a.At
		began := time.Now()
		if a, err = ask[satellite.PollAnswer](t.Context(), t, s, satellite.CallPoll, poll); err != nil || a.Everything || time.Since(began) != time.Second {
			t.Errorf("nothing new: %+v %v after %v", a, err, time.Since(began))
		}
		for name, act := range map[string]func(){
			"touched": func() { d.Touch(12, []string{"k"}) },
			"mail":    func() { d.Send("gw2", satellite.Mail{Method: "m"}) },
		} {
			began := time.Now()
			time.AfterFunc(300*time.Millisecond, act)
			a, err := ask[satellite.PollAnswer](t.Context(), t, s, satellite.CallPoll, poll)
			if err != nil || time.Since(began) != 300*time.Millisecond || len(a.Touched)+len(a.Mail) != 1 {
				t.Errorf("%s: %+v %v after %v", name, a, err, time.Since(began))
			}
			poll.At = a.At
		}
		poll.Quorum = false
		began = time.Now()
		if a, err = ask[satellite.PollAnswer](t.Context(), t, s, satellite.CallPoll, poll); err != nil || !a.State.Quorum || time.Since(began) != 0 {
			t.Errorf("the quorum: %+v %v", a, err)
		}
		if got := d.Attached(); !slices.Equal(got, []string{"sat1"}) {
			t.Errorf("attached: %v", got)
		}
		time.Sleep(away + time.Second)
		if got := d.Attached(); len(got) != 0 {
			t.Errorf("it is away: %v", got)
		}
		d.Close()
	})
}

// TestMail is bounded: the oldest of a method goes first, chatty robots push no
// hint out, and not more comes at once than fits.
func TestMail(t *testing.T) {
	b := &box{wake: make(chan struct{}, 1)}
	b.put(satellite.Mail{Method: "hint", Body: []byte("h")})
	for i := range 3 * maxMail {
		b.put(satellite.Mail{Method: "report", Body: fmt.Append(nil, i)})
	}
	if len(b.mail) != maxMail+1 || b.mail[0].Method != "hint" || string(b.mail[1].Body) != fmt.Sprint(2*maxMail) {
		t.Errorf("%d messages, first %s", len(b.mail), b.mail[1].Body)
	}
	if got := b.take(); len(got) != satellite.MaxMail || len(b.mail) != maxMail+1-satellite.MaxMail {
		t.Errorf("%d taken, %d left", len(got), len(b.mail))
	}
	for len(b.mail) > 0 {
		b.take()
	}
	if b.size != 0 {
		t.Errorf("%d bytes of nothing", b.size)
	}
	for range 9 {
		b.put(satellite.Mail{Method: "report", Body: make([]byte, satellite.MaxMailed)})
	}
	if b.size > maxMailBytes {
		t.Errorf("%d bytes are kept", b.size)
	}
	if got := b.take(); len(got) != 2 {
		t.Errorf("%d of the longest messages came at once", len(got))
	}
}

// TestConnectionsAreBounded, of one satellite and of all.
func TestConnectionsAreBounded(t *testing.T) {
	d, _ := newDesk(t)
	n := 0
	for i := range 40 {
		for range maxConnsEach + 1 {
			if id := fmt.Sprint("sat", i); d.enter(id) {
				defer d.leave(id)
				n++
				if d.conns[id] > maxConnsEach {
					t.Fatalf("%d connections of one", d.conns[id])
				}
			}
		}
	}
	if n != maxConns {
		t.Errorf("%d connections", n)
	}
}
