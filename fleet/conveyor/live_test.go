package conveyor_test

// The controller behind a real broker, against the emulated conveyor: what the
// ledger took down must be what physically happened.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/agent/broker"
	"tote/firmware-tests/conveyor"
	"tote/firmware-tests/record"
	"tote/gs1"

	fleet "tote/fleet/conveyor"
)

var errNoQuorum = errors.New("no quorum")

// site is the replicated part: decisions and places by command id, shared by
// all gateways. Each new scan of a carton would get another lane, so that a
// second decision shows.
type site struct {
	mu      sync.Mutex
	down    bool
	decided map[[16]byte]fleet.Decision
	applied map[[16]byte]bool
	place   map[string]string // by barcode
	faults  map[string]int
}

func newSite() *site {
	return &site{decided: map[[16]byte]fleet.Decision{}, applied: map[[16]byte]bool{}, place: map[string]string{}, faults: map[string]int{}}
}

func (s *site) decide(_ context.Context, scan fleet.Scan) (fleet.Decision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return fleet.Decision{}, errNoQuorum
	}
	if d, ok := s.decided[scan.ID()]; ok {
		return d, nil
	}
	d := fleet.Decision{Lane: "L9", Reason: "CONVEYOR_NO_READ"}
	if scan.Barcode != "" {
		d = fleet.Decision{Lane: fmt.Sprintf("L%d", 1+len(s.decided)%2)}
	}
	s.decided[scan.ID()] = d
	return d, nil
}

func (s *site) record(_ context.Context, d fleet.Divert) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errNoQuorum
	}
	if !s.applied[d.ID()] {
		s.applied[d.ID()] = true
		s.place[d.Barcode] = d.Actual
	}
	return nil
}

func (s *site) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *site) told(code string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults[code]
}

// gateway is one broker with its controller.
type gateway struct {
	*broker.Broker
	c *fleet.Controller
}

func (g *gateway) Command(ctx context.Context, dev broker.Device, name string, payload []byte) error {
	return g.c.Handle(ctx, dev.ID, name, payload)
}

func (s *site) gateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{}
	var err error
	g.c, err = fleet.New(fleet.Config{
		Decide: s.decide, Record: s.record,
		Publish: func(device, name string, payload []byte) error {
			return g.Publish("tote/v1/s1/conveyor/"+device+"/down/"+name, payload, false, 1)
		},
		Fault: func(code, _, _ string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.faults[code]++
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	g.Broker, err = broker.New(broker.Config{
		Listen: []broker.Listener{{Address: "127.0.0.1:0"}}, Site: "s1",
		State: func(dev broker.Device, name string, payload []byte) { g.c.State(dev.ID, name, payload) },
	}, g)
	if err == nil {
		err = g.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

// belt is a running emulator.
type belt struct {
	*conveyor.Conveyor
	t    *testing.T
	book *record.Book
	put  []string
}

func run(t *testing.T, change func(*conveyor.Params), gateways ...*gateway) *belt {
	t.Helper()
	p := conveyor.Params{Site: "s1", ScanMs: 50, DivertMs: 900, ReactMs: 50, GapMs: 60, ConfirmLateMs: 500, Factor: 4}
	for _, g := range gateways {
		p.Brokers = append(p.Brokers, "tcp://"+g.Addr())
	}
	if change != nil {
		change(&p)
	}
	book, err := record.Open("cv1", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := conveyor.New(p, book)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	b := &belt{Conveyor: c, t: t, book: book}
	b.until("connected", func() bool { return c.State().Broker != "" })
	return b
}

// induct puts n cartons on, from the first number on.
func (b *belt) induct(first, n int, quality string) {
	b.t.Helper()
	for i := range n {
		sscc, err := gs1.BuildSSCC(3, "4012345", uint64(first+i))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := b.Induct("]C100"+sscc, quality); err != nil {
			b.t.Fatal(err)
		}
		b.put = append(b.put, "]C100"+sscc)
	}
}

func (b *belt) until(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			b.t.Fatalf("never: %s; %+v", what, b.State())
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (b *belt) fault(name string, on bool) {
	b.t.Helper()
	if err := b.SetFault(name, on); err != nil {
		b.t.Fatal(err)
	}
}

// empty waits until every carton is in a lane and everything is told.
func (b *belt) empty() {
	b.t.Helper()
	b.until("all cartons in lanes", func() bool { return len(b.ended()) == len(b.put) })
	b.until("everything told", func() bool { return b.State().Unsent == 0 })
}

// ended lists what the record saw go into lanes.
func (b *belt) ended() (out []record.Carton) {
	for _, e := range b.book.After(0) {
		if e.Kind == record.Diverted {
			out = append(out, *e.Carton)
		}
	}
	return out
}

// agree compares ledger and record; but says which cartons the ledger cannot
// know. It gives how many went where they should.
func (s *site) agree(b *belt, but func(record.Carton) bool) (diverted int) {
	b.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range b.ended() {
		where, known := s.place[c.Barcode]
		switch {
		case but != nil && but(c):
			if known {
				b.t.Errorf("%s is in %s says the ledger, but nobody could know: %+v", c.Barcode, where, c)
			}
		case where != c.Lane:
			b.t.Errorf("%s is in %q, the ledger says %q: %+v", c.Barcode, c.Lane, where, c)
		}
		if c.Intended == "" && c.Lane != "L9" {
			b.t.Errorf("nobody sent it there: %+v", c)
		}
		if c.Lane != "L9" {
			diverted++
		}
	}
	for barcode := range s.place {
		if !slices.Contains(b.put, barcode) {
			b.t.Errorf("the ledger moved %s, which was never put on", barcode)
		}
	}
	return diverted
}

func unread(c record.Carton) bool { return c.Quality != "GOOD" }

func TestLive(t *testing.T) {
	t.Parallel()
	s := newSite()
	g := s.gateway(t)
	b := run(t, nil, g)
	b.induct(1, 5, "")
	b.induct(6, 1, "NOREAD")
	b.induct(7, 1, "MULTI")
	b.induct(8, 5, "")
	b.empty()
	if n := s.agree(b, unread); n == 0 {
		t.Errorf("nothing was diverted: %+v", b.State())
	}
	for _, c := range b.ended() {
		if unread(c) && c.Lane != "L9" {
			t.Errorf("%+v", c)
		}
	}
	b.until("a status that is whole", func() bool {
		st := g.c.Status()
		return len(st) == 1 && st[0].Online && st[0].OnBelt == 0 && st[0].Mode == "AUTO" && st[0].Counts.Scans == 12 && st[0].Counts.NoReads == 2 && len(st[0].Lanes) == 3
	})
	if s.told(fleet.CodeNoRead) != 1 {
		t.Errorf("faults %v", s.faults)
	}
	cs, err := b.TakeLane("L9")
	if err != nil || len(cs) < 2 {
		t.Errorf("%+v %v", cs, err)
	}
}

// Faults of the conveyor and of the network; afterwards ledger and record agree
// all the same, and the conveyor works as before.
func TestLiveFaults(t *testing.T) {
	for _, tc := range []struct {
		fault  string
		but    func(record.Carton) bool
		code   string // told while it is on
		moved  bool   // cartons reach their lanes while it is on
		within bool   // the fault is switched off before the belt is empty
	}{
		{fault: conveyor.Duplicate, moved: true},
		{fault: conveyor.SeqGap, code: fleet.CodeSeq, moved: true},
		{fault: conveyor.NoRead, but: unread, code: fleet.CodeNoRead},
		{fault: conveyor.Missed, code: fleet.CodeMissed},
		{fault: conveyor.Late, moved: true},
		{fault: conveyor.Silence},
		{fault: conveyor.Offline, within: true},
		{fault: conveyor.Jam, code: fleet.CodeJam, moved: true, within: true},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			t.Parallel()
			s := newSite()
			b := run(t, nil, s.gateway(t))
			if tc.within {
				b.induct(1, 2, "")
				b.until("on the belt", func() bool { return b.State().OnBelt == 2 && b.State().Unsent == 0 })
			}
			b.fault(tc.fault, true)
			b.induct(3, 6, "")
			if tc.within {
				b.until("some time", func() bool {
					return tc.fault == conveyor.Jam && s.told(tc.code) > 0 || tc.fault == conveyor.Offline && len(b.ended()) >= 4
				})
				b.fault(tc.fault, false)
			}
			b.empty()
			b.fault(tc.fault, false)
			before := len(b.ended())
			b.induct(9, 2, "")
			b.empty()
			s.agree(b, tc.but)
			if tc.code != "" && s.told(tc.code) == 0 {
				t.Errorf("faults %v", s.faults)
			}
			moved := 0
			for _, c := range b.ended()[:before] {
				if c.Lane != "L9" {
					moved++
				}
			}
			if !tc.moved && !tc.within && moved > 0 || tc.moved && moved == 0 {
				t.Errorf("%d cartons reached lanes: %+v", moved, b.ended())
			}
		})
	}
}

// Garbage has a fault, is never obeyed, and is no reason to stop.
func TestLiveGarbage(t *testing.T) {
	t.Parallel()
	s := newSite()
	b := run(t, nil, s.gateway(t))
	b.fault(conveyor.Garbage, true)
	b.induct(1, 6, "")
	b.empty()
	b.fault(conveyor.Garbage, false)
	b.induct(7, 2, "")
	b.empty()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range b.ended() { // confirms may be lost for good, but not wrong
		if where := s.place[c.Barcode]; where != "" && where != c.Lane {
			t.Errorf("%s is in %s, the ledger says %s", c.Barcode, c.Lane, where)
		}
	}
	if s.faults[fleet.CodeMalformed] == 0 || s.faults[fleet.CodeSeq] == 0 || s.place[b.put[7]] == "" {
		t.Errorf("faults %v, places %v", s.faults, s.place)
	}
}

// A conveyor that lost its power knows nothing of what has passed its scanner:
// those cartons are told as unexpected, and no confirm of theirs is made up.
func TestLivePower(t *testing.T) {
	t.Parallel()
	s := newSite()
	g := s.gateway(t)
	b := run(t, nil, g)
	b.induct(1, 4, "")
	b.until("all behind the scanner", func() bool { return b.State().OnBelt == 4 && g.c.Status()[0].Counts.Scans == 4 })
	boot := b.State().BootID
	b.fault(conveyor.Power, true)
	b.until("offline", func() bool { return b.State().Broker == "" })
	b.fault(conveyor.Power, false)
	b.induct(5, 3, "")
	b.empty()
	lost := func(c record.Carton) bool { return c.Track == "" }
	s.agree(b, lost)
	if n := len(slices.DeleteFunc(b.ended(), lost)); n != 3 {
		t.Errorf("%d cartons are known, want 3", n)
	}
	if s.told(fleet.CodeUnexpected) == 0 || s.told(fleet.CodeTwin) != 0 || b.State().BootID == boot {
		t.Errorf("faults %v", s.faults)
	}
}

// Without a quorum nothing is acknowledged: cartons go to the default lane, and
// their confirms are recorded when it is back.
func TestLiveNoQuorum(t *testing.T) {
	t.Parallel()
	s := newSite()
	b := run(t, nil, s.gateway(t))
	s.setDown(true)
	b.induct(1, 4, "")
	b.until("all cartons in lanes", func() bool { return len(b.ended()) == 4 })
	for _, c := range b.ended() {
		if c.Lane != "L9" || c.Intended != "" {
			t.Errorf("%+v", c)
		}
	}
	if len(s.place) != 0 || b.State().Unsent == 0 {
		t.Errorf("acknowledged, not recorded: %+v", b.State())
	}
	s.setDown(false)
	b.induct(5, 3, "")
	b.empty()
	s.agree(b, nil)
}

// The gateway dies with cartons between scanner and divert: at the next one
// every confirm is recorded, and no scan gets a second decision.
func TestLiveTakeOver(t *testing.T) {
	t.Parallel()
	s := newSite()
	first, second := s.gateway(t), s.gateway(t)
	b := run(t, nil, first, second)
	home, other := first, second
	if b.State().Broker != "tcp://"+first.Addr() {
		home, other = second, first
	}
	b.induct(1, 10, "")
	b.until("in the middle", func() bool { return home.c.Status()[0].Counts.Scans >= 4 })
	if err := home.Close(); err != nil {
		t.Error(err)
	}
	b.empty()
	s.agree(b, nil)
	b.until("the other one knows the conveyor", func() bool {
		st := other.c.Status()
		return len(st) == 1 && st[0].Online && !st[0].Waiting
	})
	if len(s.decided) > 10 {
		t.Errorf("%d decisions for 10 scans", len(s.decided))
	}
	accepted := b.State().Assigns
	if accepted["UNKNOWN_TRACK"] != 0 || accepted["UNKNOWN_LANE"] != 0 {
		t.Errorf("assigns %v", accepted)
	}
}

// Two conveyors with one id throw each other off the broker. Both are told of,
// what they confirm is recorded, and another conveyor is not affected.
func TestLiveTwins(t *testing.T) {
	t.Parallel()
	s := newSite()
	g := s.gateway(t)
	one, two := run(t, nil, g), run(t, nil, g)
	other := run(t, func(p *conveyor.Params) { p.ID = "cv2" }, g)
	one.induct(1, 3, "")
	two.induct(101, 3, "")
	other.induct(201, 3, "")
	other.empty()
	one.until("twins are told", func() bool { return s.told(fleet.CodeTwin) > 0 })
	one.empty()
	two.empty()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range []*belt{one, two, other} {
		for _, c := range b.ended() {
			if s.place[c.Barcode] != c.Lane {
				t.Errorf("%s is in %q, the ledger says %q", c.Barcode, c.Lane, s.place[c.Barcode])
			}
		}
	}
	st := g.c.Status()
	if len(st) != 2 || len(st[1].Faults) != 0 || st[1].Counts.Diverted == 0 {
		t.Errorf("%+v", st)
	}
	if codes := fmt.Sprint(st[0].Faults); !strings.Contains(codes, fleet.CodeTwin) {
		t.Error(codes)
	}
}
