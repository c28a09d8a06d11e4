package broker_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"tote/agent/broker"
)

// strain is a quorum that the test gives and takes.
type strain struct {
	mu    sync.Mutex
	ok    bool
	since time.Time
}

func (s *strain) get() (bool, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ok, s.since
}

func (s *strain) set(ok bool, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ok, s.since = ok, since
}

// herd connects n handhelds at once and counts the answers by CONNACK code.
func herd(t *testing.T, addr, name string, n int) (codes map[int]int, took time.Duration) {
	t.Helper()
	conns := make([]*raw, n)
	for i := range conns {
		conns[i] = dialRaw(t, addr)
	}
	codes = map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for i, c := range conns {
		wg.Go(func() {
			code := c.connect(connectOpts{id: fmt.Sprintf("handheld:%s%d", name, i)})
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
			if code == 0 {
				took = max(took, time.Since(began))
			}
		})
	}
	wg.Wait()
	return codes, took
}

// Without a quorum, and for a moment after it came, new connections get in one
// by one or are told to come again; the ones that stand notice nothing.
func TestNewConnectionsArePaced(t *testing.T) {
	const every, burst = 20 * time.Millisecond, 2
	q := &strain{}
	q.set(true, time.Time{})
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Quorum = q.get
		cfg.Limits.ConnectBurst, cfg.Limits.ConnectEvery, cfg.Limits.ConnectWait = burst, every, 5*every
		cfg.Limits.SettleTime = time.Hour
	})
	old := connectRaw(t, b.Addr(), connectOpts{id: "handheld:old"})
	if codes, _ := herd(t, b.Addr(), "calm", 20); codes[0] != 20 || b.Stats().Paced != 0 {
		t.Fatalf("paced with a quorum: %v, %+v", codes, b.Stats())
	}
	for name, since := range map[string]func(){
		"lost": func() { q.set(false, time.Now()) },
		"new":  func() { q.set(true, time.Now()) },
	} {
		since()
		before := b.Stats()
		codes, took := herd(t, b.Addr(), name, 30)
		after := b.Stats()
		paced, away := int(after.Paced-before.Paced), int(after.TurnedAway-before.TurnedAway)
		if codes[0]+codes[3] != 30 || codes[3] != away || away == 0 || paced == 0 || codes[0] > paced+burst+1 {
			t.Errorf("%s: CONNACKs %v, %d paced, %d turned away", name, codes, paced, away)
		}
		if least := time.Duration(codes[0]-burst-1) * every; took < least {
			t.Errorf("%s: %d got in within %v, want %v at least", name, codes[0], took, least)
		}
		old.send(encode(pktPingreq, 0))
		old.want(pktPingresp)
		if after.Refused != before.Refused {
			t.Errorf("%s: counted as refused", name)
		}
		// A person who looks, at the machine itself, does not wait in that queue.
		connectRaw(t, b.Addr(), connectOpts{id: "watch:" + name})
		// Who comes again gets in.
		eventually(t, "one that was turned away gets in", func() bool {
			return dialRaw(t, b.Addr()).connect(connectOpts{id: "handheld:again-" + name}) == 0
		})
	}
	q.set(true, time.Now().Add(-2*time.Hour))
	paced := b.Stats().Paced
	if codes, _ := herd(t, b.Addr(), "after", 20); codes[0] != 20 || b.Stats().Paced != paced {
		t.Errorf("paced long after: %v", codes)
	}
}

// A broker that closes waits for nobody who waits.
func TestCloseEndsTheWait(t *testing.T) {
	q := &strain{}
	b := start(t, accept, func(cfg *broker.Config) {
		cfg.Quorum = q.get
		cfg.Limits.ConnectBurst, cfg.Limits.ConnectEvery, cfg.Limits.ConnectWait = 1, time.Hour, 10*time.Hour
	})
	connectRaw(t, b.Addr(), connectOpts{id: "handheld:h1"})
	c := dialRaw(t, b.Addr())
	c.send(encodeConnect(connectOpts{id: "handheld:h2"}))
	eventually(t, "it waits", func() bool { return b.Stats().Paced == 1 })
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	c.wantClosed()
}
