package satellite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tote/agent/identity"
	"tote/agent/replica"
	"tote/agent/satellite"
	"tote/warehouse"
)

func newID() (id [16]byte) {
	for i := range id {
		id[i] = byte(rand.N(256))
	}
	return id
}

// TestOnceThroughFailOver: a gateway does a command and dies without a word. The
// next one is asked with the same id, and gives the answer of the first time.
func TestOnceThroughFailOver(t *testing.T) {
	for name, by := range map[string]replica.By{
		"by id": {ID: newID(), Actor: "k"}, "by device": {Device: "handheld/h1", Seq: 4, ID: newID(), Actor: "k"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			st, _ := s.satellite()
			at := s.attached(st)
			s.eventually("it knows the others", func() bool { return len(st.State().Members) == 3 })
			at.set(&at.swallow, true)
			answer := make(chan warehouse.Result, 1)
			go func() {
				res, err := st.DoRaw(s.ctx(), by, 0x0101, 1, []byte("x"))
				if err != nil {
					t.Error(err)
				}
				answer <- res
			}()
			s.eventually("it was done", func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return len(s.asked) > 0
			})
			at.stop()
			res := <-answer
			if !res.OK || res.Ref != "11" {
				t.Errorf("answered %+v", res)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.asked) < 2 || len(slices.Compact(slices.Clone(s.asked))) != 1 || s.state["k"] != "x" {
				t.Errorf("asked for %v, the state is %q", s.asked, s.state["k"])
			}
		})
	}
}

// TestAHungGatewayIsLeft: it takes everything and answers nothing.
func TestAHungGatewayIsLeft(t *testing.T) {
	s := newSite(t)
	st, _ := s.satellite()
	at := s.attached(st)
	at.set(&at.swallow, true)
	ctx, cancel := context.WithTimeout(s.ctx(), 300*time.Millisecond)
	defer cancel()
	if _, err := st.DoRaw(ctx, replica.By{ID: newID(), Actor: "k"}, 0x0101, 1, nil); err == nil || !strings.Contains(err.Error(), "not known") {
		t.Errorf("answered %v", err)
	}
}

// TestRefusals are given on at once, and never turned into another try.
func TestRefusals(t *testing.T) {
	s := newSite(t)
	st, _ := s.satellite()
	if _, err := st.DoRaw(s.ctx(), replica.By{ID: newID(), Actor: "k"}, 99, 1, nil); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("answered %v", err)
	}
	res, err := st.DoRaw(s.ctx(), replica.By{ID: newID(), Actor: "k"}, 0x0101, 1, make([]byte, satellite.MaxBody+1))
	if err != nil || res.OK || res.Code != warehouse.CodeMalformed {
		t.Errorf("too big: %+v %v", res, err)
	}
	about, err := st.About()
	if last, lerr := st.LastSeq("12345"); err != nil || lerr != nil || about.Epoch != 7 || last != 5 {
		t.Errorf("epoch %d %v, sequence %d %v", about.Epoch, err, last, lerr)
	}
}

// TestViews: what is read is what the gateway has, whatever way it is read, one
// view is one state, and reading in order costs few questions.
func TestViews(t *testing.T) {
	s := newSite(t)
	rng := rand.New(rand.NewPCG(1, 2))
	s.mu.Lock()
	for _, folder := range []string{"a/", "a/b/", "c/", ""} {
		for range 700 {
			s.state[fmt.Sprintf("%s%05d", folder, rng.IntN(2000))] = strings.Repeat("v", rng.IntN(700))
		}
	}
	want := map[string]string{}
	for k, v := range s.state {
		want[k] = v
	}
	s.mu.Unlock()
	st, _ := s.satellite()
	at := s.attached(st)
	s.must(st.View(func(r warehouse.Reader) error {
		if _, err := r.Get([]byte("a/00001")); err != nil { // the view is open now
			return err
		}
		s.mu.Lock()
		for k := range s.state {
			s.state[k] = "later"
		}
		s.mu.Unlock()
		for range 3000 {
			key := fmt.Sprintf("%s%05d", []string{"a/", "a/b/", "c/", ""}[rng.IntN(4)], rng.IntN(2000))
			got, err := r.Get([]byte(key))
			v, there := want[key]
			if err != nil || (got != nil) != there || string(got) != v {
				return fmt.Errorf("%s: %d bytes, want %d: %w", key, len(got), len(v), err)
			}
		}
		for _, prefix := range []string{"", "a/", "a/b/", "a/b/01", "none/"} {
			n := 0
			var last string
			err := r.Range([]byte(prefix), func(k, v []byte) (bool, error) {
				if string(k) <= last || want[string(k)] != string(v) {
					return false, fmt.Errorf("%s after %s", k, last)
				}
				last = string(k)
				n++
				return true, nil
			})
			all := 0
			for k := range want {
				if strings.HasPrefix(k, prefix) {
					all++
				}
			}
			if err != nil || n != all {
				return fmt.Errorf("range %q: %d rows, want %d: %w", prefix, n, all, err)
			}
		}
		return nil
	}))
	at.mu.Lock()
	at.reads = 0
	at.mu.Unlock()
	s.must(st.View(func(r warehouse.Reader) error {
		for i := range 2000 {
			if _, err := r.Get(fmt.Appendf(nil, "c/%05d", i)); err != nil {
				return err
			}
		}
		return nil
	}))
	at.mu.Lock()
	if at.reads > 80 {
		t.Errorf("2000 keys in order took %d reads", at.reads)
	}
	at.mu.Unlock()
	// A stop of the range is a stop, and errors of the function come out.
	stop := errors.New("stop")
	if err := st.View(func(r warehouse.Reader) error {
		return r.Range(nil, func(_, _ []byte) (bool, error) { return false, stop })
	}); !errors.Is(err, stop) {
		t.Errorf("answered %v", err)
	}
}

// TestViewIsLost: a view whose gateway is gone fails, even when the function does
// not care, and the next one is of another gateway.
func TestViewIsLost(t *testing.T) {
	s := newSite(t)
	s.mu.Lock()
	s.state["a/1"] = "x"
	s.mu.Unlock()
	st, _ := s.satellite()
	at := s.attached(st)
	err := st.View(func(r warehouse.Reader) error {
		if v, err := r.Get([]byte("a/1")); err != nil || string(v) != "x" {
			t.Errorf("read %q %v", v, err)
		}
		at.stop()
		_, _ = r.Get([]byte("b/1"))
		return nil
	})
	if !errors.Is(err, satellite.ErrViewLost) {
		t.Errorf("answered %v", err)
	}
	s.must(st.View(func(r warehouse.Reader) error {
		v, err := r.Get([]byte("a/1"))
		if string(v) != "x" {
			t.Errorf("read %q %v", v, err)
		}
		return err
	}))
	s.eventually("it is attached to another one", func() bool { return s.attached(st) != at })
}

// TestSeesWhatItDid: a gateway that is behind is waited for, so that what was done
// through one is seen through the next.
func TestSeesWhatItDid(t *testing.T) {
	s := newSite(t)
	st, h := s.satellite()
	at := s.attached(st)
	for _, g := range s.gw {
		if g != at {
			g.mu.Lock()
			g.stuck, g.behind = true, 2
			g.mu.Unlock()
		}
	}
	if _, err := st.DoRaw(s.ctx(), replica.By{ID: newID(), Actor: "k"}, 0x0101, 1, []byte("x")); err != nil {
		t.Fatal(err)
	}
	s.eventually("it was told", func() bool { return h.count("k") == 1 })
	at.stop()
	next := at
	s.eventually("it is attached to another one", func() bool {
		next = s.attached(st)
		return next != at
	})
	read := make(chan error, 1)
	go func() {
		read <- st.View(func(r warehouse.Reader) error {
			v, err := r.Get([]byte("k"))
			if string(v) != "x" {
				t.Errorf("read %q %v", v, err)
			}
			return err
		})
	}()
	s.eventually("it waits for the gateway that is behind", func() bool {
		next.mu.Lock()
		defer next.mu.Unlock()
		return next.waits > 0
	})
	if len(read) > 0 {
		t.Error("an old state was read")
	}
	for _, g := range s.gw {
		g.mu.Lock()
		g.stuck = false
		g.mu.Unlock()
	}
	s.must(<-read)
}

// TestTold: changes and messages come, once, also over a fail-over; nobody is told
// everything but at the start, and where it cannot be told otherwise.
func TestTold(t *testing.T) {
	s := newSite(t)
	st, h := s.satellite()
	do := func(actor string) {
		t.Helper()
		if res, err := st.DoRaw(s.ctx(), replica.By{ID: newID(), Actor: actor}, 0x0101, 1, []byte("x")); err != nil || !res.OK {
			t.Fatalf("%+v %v", res, err)
		}
		s.eventually(actor+" was told", func() bool { return h.count(actor) == 1 })
	}
	do("k1")
	at := s.attached(st)
	s.eventually("it kept the addresses", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.learned) == 3
	})
	at.desk.Send("gw9", satellite.Mail{Method: "m", Body: []byte("1")})
	at.desk.Send("sat1", satellite.Mail{Method: "m", Body: []byte("its own")})
	st.Send(satellite.Mail{Method: "from", Body: []byte("2")})
	s.eventually("messages came", func() bool {
		at.mu.Lock()
		defer at.mu.Unlock()
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.mail) == 1 && string(h.mail[0].Body) == "1" && len(at.mail) == 1 && string(at.mail[0].Body) == "2"
	})
	at.stop()
	do("k2")
	h.mu.Lock()
	if h.everything != 1 {
		t.Errorf("told everything %d times", h.everything)
	}
	h.mu.Unlock()
	// A state that was replaced as a whole.
	s.mu.Lock()
	s.number += 100
	number := s.number
	s.mu.Unlock()
	for _, g := range s.gw {
		if !g.stopped {
			g.desk.Replaced(number)
		}
	}
	s.eventually("it was told everything", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.everything == 2
	})
	do("k3")
}

// TestQuorumOfAny: a satellite leaves a gateway that sees no quorum for one that
// does; when none does it says so, and since when.
func TestQuorumOfAny(t *testing.T) {
	s := newSite(t)
	st, _ := s.satellite()
	at := s.attached(st)
	at.set(&at.quorum, false)
	s.eventually("it went to another one", func() bool {
		ok, _ := st.Quorum()
		return ok && st.Gateway() != at.id
	})
	for _, g := range s.gw {
		g.set(&g.quorum, false)
	}
	s.eventually("it says so", func() bool { ok, _ := st.Quorum(); return !ok })
	if _, since := st.Quorum(); since.UnixMilli() != 1000 {
		t.Errorf("since %v", since)
	}
	ctx, cancel := context.WithTimeout(s.ctx(), 200*time.Millisecond)
	defer cancel()
	if _, err := st.DoRaw(ctx, replica.By{ID: newID(), Actor: "k"}, 0x0101, 1, nil); err == nil {
		t.Error("something was recorded")
	}
	last := s.gw[1]
	last.set(&last.quorum, true)
	if at := s.attached(st); at != last {
		t.Errorf("it is attached to %s", at.id)
	}
}

// TestNobodyAnswers: views fail with a code after a while, nothing is lost.
func TestNobodyAnswers(t *testing.T) {
	s := newSite(t)
	st, _ := s.satellite()
	for _, g := range s.gw {
		g.stop()
	}
	s.eventually("it says that there is no quorum", func() bool { ok, _ := st.Quorum(); return !ok })
	called := false
	err := st.View(func(warehouse.Reader) error { called = true; return nil })
	if !errors.Is(err, satellite.ErrNoGateway) || called {
		t.Errorf("answered %v, called %v", err, called)
	}
}

// TestDismissed: only a gateway that is certain ends a satellite.
func TestDismissed(t *testing.T) {
	s := newSite(t)
	st, _ := s.satellite()
	at := s.attached(st)
	at.set(&at.unsure, true)
	s.eventually("it went to one that knows it", func() bool { return st.Gateway() != at.id && st.Gateway() != "" })
	if st.Err() != nil {
		t.Errorf("it ended with %v", st.Err())
	}
	s.mu.Lock()
	s.known = false
	s.mu.Unlock()
	<-st.Done()
	if !errors.Is(st.Err(), identity.ErrDismissed) {
		t.Errorf("it ended with %v", st.Err())
	}
	if _, err := st.DoRaw(s.ctx(), replica.By{ID: newID(), Actor: "k"}, 0x0101, 1, nil); err == nil {
		t.Error("it was served afterwards")
	}
}
