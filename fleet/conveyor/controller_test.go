package conveyor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ssccA = "]C100340123450000000017"
	ssccB = "]C100340123450000000024"
)

var errQuorum = errors.New("no quorum")

// bench is a controller with a warehouse that only takes notes, and a conveyor
// that counts its messages.
type bench struct {
	t   *testing.T
	c   *Controller
	cfg Config

	mu       sync.Mutex
	scans    []Scan
	diverts  []Divert
	sent     []Message
	raw      []string
	faults   []string
	lanes    map[string]string // by barcode; else "DEF"
	decision func(ctx context.Context, s Scan) (Decision, error)
	refuse   error // of Record
	noWire   error // of Publish

	boot string
	seq  uint32
	ids  int
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, boot: "b1", lanes: map[string]string{ssccA: "L1", ssccB: "L2"}}
	b.cfg = Config{
		Decide: func(ctx context.Context, s Scan) (Decision, error) {
			b.mu.Lock()
			b.scans = append(b.scans, s)
			decide := b.decision
			lane, ok := b.lanes[s.Barcode]
			b.mu.Unlock()
			if decide != nil {
				return decide(ctx, s)
			}
			if !ok {
				return Decision{Lane: "DEF", Reason: "CONVEYOR_NO_READ"}, nil
			}
			return Decision{Lane: lane}, nil
		},
		Record: func(_ context.Context, d Divert) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.refuse != nil {
				return b.refuse
			}
			b.diverts = append(b.diverts, d)
			return nil
		},
		Publish: func(device, name string, payload []byte) error {
			m, err := Decode(name, payload)
			if err != nil || m.head().Device != device {
				t.Errorf("sent to %s: %s %s: %v", device, name, payload, err)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.noWire != nil {
				return b.noWire
			}
			b.sent, b.raw = append(b.sent, m), append(b.raw, string(payload))
			return nil
		},
		Fault: func(code, device, text string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.faults = append(b.faults, code)
			if device == "" || text == "" {
				t.Errorf("fault %s of %q: %q", code, device, text)
			}
		},
	}
	b.restart()
	return b
}

// restart forgets everything but the bench's notes.
func (b *bench) restart() {
	c, err := New(b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.c = c
}

// head is the next header of the conveyor.
func (b *bench) head() Header {
	b.seq++
	b.ids++
	return Header{fmt.Sprintf("01JQ%022d", b.ids), b.seq, b.boot, time.Now().UTC().Truncate(time.Millisecond), "cv1"}
}

func (b *bench) do(m Message) error {
	raw, err := Encode(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if Name(m) == NameMain {
		b.c.State("cv1", NameMain, raw)
		return nil
	}
	return b.c.Handle(b.t.Context(), "cv1", Name(m), raw)
}

func (b *bench) ok(m Message) {
	b.t.Helper()
	if err := b.do(m); err != nil {
		b.t.Errorf("%s: %v", Name(m), err)
	}
}

// ready says hello as a conveyor does after its start.
func (b *bench) ready() *bench {
	b.ok(b.mainOf(ModeAuto))
	return b
}

func (b *bench) mainOf(mode string) *MainMessage { return &MainMessage{Header: b.head(), Mode: mode} }

func (b *bench) scan(track string, codes ...string) *ScanMessage {
	q := Good
	if len(codes) == 0 {
		q = NoRead
	}
	return &ScanMessage{Header: b.head(), Point: "S1", Track: track, Barcodes: codes, Quality: q, Deadline: time.Second}
}

func (b *bench) divert(of *ScanMessage, result, intended, actual string) *DivertMessage {
	return &DivertMessage{Header: b.head(), Track: of.Track, ScanID: of.MsgID, Intended: intended, Actual: actual, Result: result}
}

// assigns lists "track lane reason" of what was sent since the last call; sync
// stands for itself.
func (b *bench) assigns() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, m := range b.sent {
		switch m := m.(type) {
		case *AssignMessage:
			out = append(out, m.Track+">"+m.Lane+" "+m.Reason)
		case *SyncMessage:
			out = append(out, "sync")
		}
	}
	b.sent, b.raw = nil, nil
	return strings.Join(out, ", ")
}

func (b *bench) want(what string) {
	b.t.Helper()
	if got := b.assigns(); got != what {
		b.t.Errorf("sent %q, want %q", got, what)
	}
}

func (b *bench) wantFaults(codes ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff(strings.Join(codes, " "), strings.Join(b.faults, " ")); diff != "" {
		b.t.Errorf("faults:\n%s", diff)
	}
	b.faults = nil
}

func (b *bench) counts() Counts {
	b.t.Helper()
	s := b.c.Status()
	if len(s) != 1 {
		b.t.Fatalf("%d conveyors", len(s))
	}
	return s[0].Counts
}

// inBubble runs a test on its own clock.
func inBubble(t *testing.T, fn func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(newBench(t)) })
}

// pass lets time go by on the bubble's clock.
func pass(d time.Duration) { <-time.After(d) }

func TestScanAssignDivert(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		b.want("")
		s := b.scan("17", ssccA)
		s.WeightMg = 500
		start := time.Now()
		b.ok(s)
		m := b.sent[0].(*AssignMessage)
		want := &AssignMessage{
			Header: m.Header, Track: "17", ScanID: s.MsgID, Lane: "L1", Expires: s.At.Add(time.Second), ValidFor: time.Second, Reason: OK,
		}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Error(diff)
		}
		if m.Seq != 1 || m.BootID != b.c.bootID {
			t.Errorf("%+v", m.Header)
		}
		if diff := cmp.Diff([]Scan{{
			Device: "cv1", BootID: "b1", Track: "17", MsgID: s.MsgID, Generation: 1, Point: "S1", Barcode: ssccA, Quality: Good,
			WeightMg: 500, ValidFor: time.Second, At: s.At,
		}}, b.scans); diff != "" {
			t.Error(diff)
		}
		b.ok(&AckMessage{b.head(), m.MsgID, Accepted, ""})
		pass(time.Second)
		d := b.divert(s, OK, "L1", "L1")
		b.ok(d)
		if diff := cmp.Diff([]Divert{{
			Device: "cv1", BootID: "b1", Track: "17", MsgID: d.MsgID, Generation: 1, Barcode: ssccA, Result: OK, Intended: "L1", Actual: "L1", At: d.At,
		}}, b.diverts); diff != "" {
			t.Error(diff)
		}
		b.wantFaults()
		st := b.c.Status()[0]
		if st.OnBelt != 0 || st.Mode != ModeAuto || st.Waiting || !st.Heard.Equal(start.Add(time.Second)) {
			t.Errorf("%+v", st)
		}
		if diff := cmp.Diff(Counts{Messages: 4, Scans: 1, Assigns: 1, Synced: 1, Diverted: 1}, st.Counts); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]LaneCount{{"L1", 1}}, st.ByLane); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]Carton{{"17", ssccA, "L1", OK, "L1", "L1", OK, time.Now()}}, st.Recent); diff != "" {
			t.Error(diff)
		}
	})
}

// Several cartons between scanner and divert, acknowledged out of turn.
func TestManyInFlight(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		var scans []*ScanMessage
		for i := range 5 {
			code := []string{ssccA, ssccB}[i%2]
			s := b.scan(fmt.Sprint(i), code)
			scans = append(scans, s)
			b.ok(s)
		}
		b.want("0>L1 OK, 1>L2 OK, 2>L1 OK, 3>L2 OK, 4>L1 OK")
		for i := range 5 {
			s := scans[4-i]
			b.ok(b.divert(s, OK, b.lanes[s.Barcodes[0]], b.lanes[s.Barcodes[0]]))
		}
		if len(b.diverts) != 5 || b.diverts[0].Barcode != ssccA || b.diverts[1].Barcode != ssccB || b.counts().Diverted != 5 {
			t.Errorf("%+v", b.diverts)
		}
	})
}

// Invariant 3: what is no clean reading of one carton is decided without a code.
func TestNoCleanReading(t *testing.T) {
	for name, change := range map[string]func(*ScanMessage){
		"no read":            func(s *ScanMessage) { s.Quality, s.Barcodes = NoRead, nil },
		"multi":              func(s *ScanMessage) { s.Quality = Multi },
		"conflict":           func(s *ScanMessage) { s.Quality = Conflict },
		"two labels as good": func(s *ScanMessage) { s.Barcodes = []string{ssccA, ssccB} },
		"two foreign codes":  func(s *ScanMessage) { s.Barcodes = []string{"X", "Y"} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.ready()
				b.ok(b.scan("1", ssccA)) // another carton was just decided
				s := b.scan("2", ssccA)
				change(s)
				b.ok(s)
				b.want("1>L1 OK, 2>DEF CONVEYOR_NO_READ")
				if last := b.scans[1]; last.Barcode != "" || last.Quality == Good {
					t.Errorf("%+v", last)
				}
				b.wantFaults(CodeNoRead)
				// Its confirm moves nothing: nobody knows which carton it is.
				d := b.divert(s, OK, "DEF", "DEF")
				d.Barcodes = []string{ssccB}
				b.ok(d)
				if len(b.diverts) != 0 || b.counts().NoReads != 1 {
					t.Errorf("%+v", b.diverts)
				}
				b.wantFaults()
			})
		})
	}
}

func TestTheSameAgain(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		s := b.scan("1", ssccA)
		b.ok(s)
		first := b.raw[0]
		b.ok(s)
		b.ok(s)
		if b.raw[1] != first || b.raw[2] != first || len(b.scans) != 1 {
			t.Errorf("%d decisions, answers %v", len(b.scans), b.raw)
		}
		d := b.divert(s, OK, "L1", "L1")
		b.ok(d)
		b.ok(d)
		b.assigns()
		b.ok(s) // it is over: no answer that could move a lane
		b.want("")
		again := b.divert(s, OK, "L1", "L1") // the same news under another id
		b.ok(again)
		if len(b.diverts) != 1 || b.counts().Duplicates != 5 {
			t.Errorf("%+v %+v", b.diverts, b.counts())
		}
		b.wantFaults()
	})
}

// Past the memory, the command ids carry the promise.
func TestForgottenMessagesAreDecidedTheSame(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		s := b.scan("1", ssccA)
		s.Deadline = MaxDeadline
		b.ok(s)
		pass(remember - time.Millisecond)
		b.ok(s)
		if len(b.scans) != 1 {
			t.Errorf("forgotten before %v", remember)
		}
		pass(time.Millisecond)
		b.ok(s)
		if len(b.scans) != 2 || b.scans[0].ID() != b.scans[1].ID() {
			t.Errorf("%+v", b.scans)
		}
		d := b.divert(s, OK, "L1", "L1")
		b.ok(d)
		b.restart()
		b.ok(d)
		if len(b.diverts) != 1 { // without a code in the report nobody can name it after a restart
			t.Errorf("%+v", b.diverts)
		}
		b.restart()
		d.Barcodes = []string{ssccA}
		b.ok(d)
		if len(b.diverts) != 2 || b.diverts[0].ID() != b.diverts[1].ID() || b.diverts[1].Barcode != ssccA {
			t.Errorf("%+v", b.diverts)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	d := newDevice("cv1")
	name := func(i int) string { return fmt.Sprintf("%026d", i) }
	for i := range maxMessages + 1 {
		tr := &track{key: trackKey{"b1", name(i)}, scan: &ScanMessage{}}
		m.add(name(i), tr, t0)
		m.add(name(i), tr, t0) // the same again takes no room
		d.keep(tr)
		d.keep(tr)
		d.outcome(tr, Divert{}, t0)
	}
	_, first := m.get(name(0), t0)
	_, second := m.get(name(1), t0)
	if len(m.queue) != maxMessages || len(m.tracks) != maxMessages || first || !second {
		t.Errorf("%d and %d remembered; first %v, second %v", len(m.queue), len(m.tracks), first, second)
	}
	if len(d.tracks) != maxTracks || len(d.order) != maxTracks || d.tracks[trackKey{"b1", name(0)}] != nil || len(d.recent) != maxRecent {
		t.Errorf("%d tracks, %d in order, %d recent", len(d.tracks), len(d.order), len(d.recent))
	}
	if _, known := m.get(name(maxMessages), t0.Add(remember)); known || len(m.queue)+len(m.tracks) != 0 {
		t.Error("remembered too long")
	}
	for i := range 20 {
		d.adopt(name(i))
	}
	if len(d.older) > 8 {
		t.Errorf("%d starts", len(d.older))
	}
}

func TestConveyorsAreBounded(t *testing.T) {
	inBubble(t, func(b *bench) {
		for i := range maxDevices + 10 {
			b.c.State(fmt.Sprintf("d%03d", i), NameConn, []byte(`{"state":"online"}`))
			pass(time.Millisecond)
		}
		if st := b.c.Status(); len(st) != maxDevices || st[0].Device != "d010" {
			t.Errorf("%d conveyors, first %s", len(st), st[0].Device)
		}
	})
}

func TestIDs(t *testing.T) {
	s := Scan{Device: "cv1", BootID: "b1", Track: "1", MsgID: id1, Generation: 1}
	for _, o := range []Scan{
		{Device: "cv2", BootID: "b1", Track: "1", MsgID: id1},
		{Device: "cv1", BootID: "b2", Track: "1", MsgID: id1},
		{Device: "cv1", BootID: "b1", Track: "2", MsgID: id1},
		{Device: "cv1", BootID: "b1", Track: "1", MsgID: id2},
	} {
		if o.ID() == s.ID() {
			t.Errorf("%+v", o)
		}
	}
	same := s
	same.Generation, same.ValidFor, same.Barcode = 7, 9, "x" // what a restarted gateway may see otherwise
	if same.ID() != s.ID() || (Divert{Device: "cv1", BootID: "b1", Track: "1", MsgID: id1}).ID() == s.ID() {
		t.Error("ids")
	}
}

// Track ids are used again: each scan at the same point is another carton.
func TestTrackIDsAreUsedAgain(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		one := b.scan("1", ssccA)
		b.ok(one)
		two := b.scan("1", ssccB) // the confirm of the first is still on its way
		b.ok(two)
		b.want("1>L1 OK, 1>L2 OK")
		b.ok(one) // sent again; it is over for good
		b.want("")
		b.ok(b.divert(two, OK, "L2", "L2"))
		b.ok(b.divert(one, OK, "L1", "L1"))
		three := b.scan("1", ssccA)
		b.ok(three)
		if g := []uint64{b.scans[0].Generation, b.scans[1].Generation, b.scans[2].Generation}; g[0] != 1 || g[1] != 2 || g[2] != 3 {
			t.Errorf("generations %v", g)
		}
		if b.diverts[0].Barcode != ssccB || b.diverts[1].Barcode != ssccA || b.diverts[1].Generation != 1 {
			t.Errorf("%+v", b.diverts)
		}
		// Seen again further on, before its divert: the same carton.
		further := b.scan("1", ssccA)
		further.Point = "S2"
		b.ok(further)
		if b.scans[3].Generation != 3 {
			t.Errorf("%+v", b.scans[3])
		}
		b.assigns()
		b.ok(three) // replaced
		b.want("")
	})
}

func TestTooLate(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		// The log is slow: nothing is sent, and the scan is not asked for again.
		b.decision = func(ctx context.Context, _ Scan) (Decision, error) {
			<-ctx.Done()
			return Decision{}, ctx.Err()
		}
		s, start := b.scan("1", ssccA), time.Now()
		b.ok(s)
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}
		b.want("")
		b.wantFaults(CodeLate)
		// A decision that comes behind the deadline is not sent either.
		b.decision = func(context.Context, Scan) (Decision, error) {
			pass(time.Second)
			return Decision{Lane: "L1"}, nil
		}
		b.ok(b.scan("2", ssccA))
		b.want("")
		b.decision = func(context.Context, Scan) (Decision, error) {
			pass(time.Second - time.Millisecond)
			return Decision{Lane: "L1"}, nil
		}
		b.ok(b.scan("3", ssccA))
		b.want("3>L1 OK")
		b.decision = nil
		if n := b.counts(); n.Late != 2 || n.Withheld != 0 {
			t.Errorf("%+v", n)
		}
		// The confirm of a carton nobody decided on is recorded all the same.
		b.ok(b.divert(s, OK, "", "DEF"))
		if len(b.diverts) != 1 || b.diverts[0].Barcode != ssccA || b.counts().Default != 1 {
			t.Errorf("%+v", b.diverts)
		}
	})
}

func TestDecisionThatExpiresEarlier(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		b.decision = func(context.Context, Scan) (Decision, error) {
			return Decision{Lane: "L1", ExpiresIn: 400 * time.Millisecond}, nil
		}
		s := b.scan("1", ssccA)
		b.ok(s)
		m := b.sent[0].(*AssignMessage)
		if m.ValidFor != 400*time.Millisecond || !m.Expires.Equal(s.At.Add(400*time.Millisecond)) {
			t.Errorf("%+v", m)
		}
		b.assigns()
		pass(400 * time.Millisecond)
		b.ok(s)
		b.want("")
		b.decision = func(context.Context, Scan) (Decision, error) { return Decision{Lane: "L1", ExpiresIn: time.Hour}, nil }
		b.ok(b.scan("2", ssccA))
		if m := b.sent[0].(*AssignMessage); m.ValidFor != time.Second {
			t.Errorf("%+v", m)
		}
	})
}

// Not recorded: no PUBACK. The conveyor sends the same again, and its time has
// been running.
func TestNotRecorded(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		b.decision = func(context.Context, Scan) (Decision, error) { return Decision{}, errQuorum }
		s := b.scan("1", ssccA)
		if err := b.do(s); !errors.Is(err, ErrNotRecorded) || !errors.Is(err, errQuorum) {
			t.Errorf("%v", err)
		}
		pass(600 * time.Millisecond)
		b.decision = nil
		b.ok(s)
		if got := b.scans[1].ValidFor; got != 400*time.Millisecond {
			t.Errorf("%v left", got)
		}
		b.want("1>L1 OK")
		d := b.divert(s, OK, "L1", "L1")
		b.refuse = errQuorum
		if err := b.do(d); !errors.Is(err, ErrNotRecorded) {
			t.Errorf("%v", err)
		}
		if n := b.counts(); n.Diverted != 0 || n.Withheld != 2 || n.Scans != 1 || b.c.Status()[0].OnBelt != 1 {
			t.Errorf("%+v", n)
		}
		b.refuse = nil
		pass(time.Hour)
		b.ok(d)
		if len(b.diverts) != 1 || b.diverts[0].Barcode != ssccA || b.diverts[0].Actual != "L1" {
			t.Errorf("%+v", b.diverts)
		}
		b.wantFaults() // nothing was missing on the way

		// Sent again when it is too late: not even asked.
		b.decision = func(context.Context, Scan) (Decision, error) { return Decision{}, errQuorum }
		late := b.scan("2", ssccA)
		if err := b.do(late); err == nil {
			t.Error("recorded")
		}
		pass(time.Second)
		asked := len(b.scans)
		b.ok(late)
		if len(b.scans) != asked {
			t.Error("asked for a decision nobody waits for")
		}
		b.wantFaults(CodeLate)
	})
}

// Invariant 4: behind a gap nothing is sent before the state is known.
func TestGap(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		b.seq++ // lost
		s := b.scan("1", ssccA)
		b.ok(s)
		b.want("sync")
		b.wantFaults(CodeSeq)
		b.ok(b.scan("2", ssccB))
		b.want("") // asked already
		old := b.mainOf(ModeAuto)
		old.Seq -= 3 // the message that was missing: older than the gap's end
		b.ok(old)
		b.want("")
		b.seq--
		b.ok(b.mainOf(ModeAuto))
		b.want("1>L1 OK, 2>L2 OK")
		if n := b.counts(); n.Held != 2 || n.Syncs != 1 || n.Synced != 2 {
			t.Errorf("%+v", n)
		}
		b.ok(b.scan("3", ssccA))
		b.want("3>L1 OK")
		b.wantFaults()
	})
}

// What was held is sent only while there is time, and not when it is done.
func TestHeldTooLong(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		b.seq += 5
		one, two := b.scan("1", ssccA), b.scan("2", ssccB)
		b.ok(one)
		pass(500 * time.Millisecond)
		b.ok(two)
		b.ok(b.divert(two, OK, "", "DEF")) // a short way
		b.want("sync")
		pass(500 * time.Millisecond)
		b.ok(b.mainOf(ModeAuto))
		b.want("")
	})
}

// A conveyor that does not answer is asked once a second, and then named.
func TestSilentConveyor(t *testing.T) {
	inBubble(t, func(b *bench) {
		for i := range 8 { // the first message of a start needs a state too
			b.ok(b.scan(fmt.Sprint(i), ssccA))
			pass(500 * time.Millisecond)
		}
		b.want("sync, sync, sync, sync")
		b.wantFaults(CodeSilent)
		b.ready()
		b.want("7>L1 OK") // the one before is 1 s old
		b.wantFaults()
		// It answers now, so it is asked at once behind each gap.
		pass(time.Second)
		for range 5 {
			b.seq++
			b.ok(b.scan("1", ssccA))
			b.want("sync")
			b.ready()
			b.want("1>L1 OK")
		}
		b.wantFaults(CodeSeq)
	})
}

func TestBoots(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		old := b.scan("1", ssccA)
		b.ok(old)
		b.want("1>L1 OK")
		oldSeq := b.seq

		b.boot, b.seq = "b2", 0
		b.ready()
		s := b.scan("1", ssccB) // track ids begin again
		b.ok(s)
		b.want("1>L2 OK")
		if b.scans[1].Generation != 1 {
			t.Errorf("%+v", b.scans[1])
		}
		// A confirm of the start before comes from the conveyor's memory.
		d := b.divert(old, OK, "L1", "L1")
		d.BootID, d.Seq = "b1", oldSeq+1
		b.seq--
		b.ok(d)
		b.wantFaults()
		if len(b.diverts) != 1 || b.diverts[0].Barcode != ssccA || b.diverts[0].BootID != "b1" {
			t.Errorf("%+v", b.diverts)
		}
		// An alarm of it is over.
		a := &AlarmMessage{b.head(), "1", "E", Raise, ""}
		a.BootID, a.Seq = "b1", oldSeq+2
		b.seq--
		b.ok(a)
		if st := b.c.Status()[0]; len(st.Alarms) != 0 || st.BootID != "b2" || st.OnBelt != 1 {
			t.Errorf("%+v", st)
		}
		b.ok(b.divert(s, OK, "L2", "L2"))
		b.wantFaults()
	})
}

// Two conveyors with one id: the scans of the one that is not there get no
// answer, the other works on; whoever tells its state is there.
func TestTwins(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		b.boot, b.seq = "b2", 0
		b.ready()
		b.boot, b.seq = "b1", 1
		b.ok(b.scan("1", ssccA))
		b.want("")
		b.wantFaults(CodeTwin)
		if len(b.scans) != 0 || b.counts().Stale != 1 {
			t.Errorf("%+v", b.scans)
		}
		pass(faultPause)
		b.ready()
		b.wantFaults(CodeTwin)
		b.ok(b.scan("2", ssccA))
		b.want("2>L1 OK")
		if b.c.Status()[0].BootID != "b1" {
			t.Error("the one that is there does not count")
		}
	})
}

func TestDiverts(t *testing.T) {
	for _, tc := range []struct {
		result, intended, actual string
		fault                    string
		recorded, onBelt         int
		counts                   Counts
	}{
		{OK, "L1", "L1", "", 1, 0, Counts{Diverted: 1}},
		{OK, "", "DEF", "", 1, 0, Counts{Default: 1}},
		{OK, "L1", "L3", CodeMissed, 1, 0, Counts{Default: 1}},
		{Full, "L1", "DEF", CodeFull, 1, 0, Counts{Default: 1, Full: 1}},
		{Missed, "L1", "DEF", CodeMissed, 1, 0, Counts{Default: 1, Missed: 1}},
		{Unexpected, "", "DEF", CodeUnexpected, 1, 0, Counts{Default: 1, Unexpected: 1}},
		{Jam, "L1", "", CodeJam, 0, 1, Counts{Jams: 1}},
		{Jam, "L1", "L1", CodeJam, 1, 0, Counts{Diverted: 1, Jams: 1}},
		{Lost, "L1", "", CodeLost, 0, 0, Counts{Lost: 1}},
	} {
		t.Run(tc.result+" "+tc.actual, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.ready()
				s := b.scan("1", ssccA)
				b.ok(s)
				b.ok(b.divert(s, tc.result, tc.intended, tc.actual))
				if len(b.diverts) != tc.recorded || tc.recorded == 1 && b.diverts[0].Actual != tc.actual {
					t.Errorf("%+v", b.diverts)
				}
				tc.counts.Messages, tc.counts.Scans, tc.counts.Assigns, tc.counts.Synced = 3, 1, 1, 1
				if diff := cmp.Diff(tc.counts, b.counts()); diff != "" {
					t.Error(diff)
				}
				if n := b.c.Status()[0].OnBelt; n != tc.onBelt {
					t.Errorf("%d on the belt", n)
				}
				if tc.fault != "" {
					b.wantFaults(tc.fault)
				} else {
					b.wantFaults()
				}
			})
		})
	}
}

// A stuck carton goes on, a missed one goes round: the place is the newest.
func TestOneCartonTwoReports(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		s := b.scan("1", ssccA)
		b.ok(s)
		b.ok(b.divert(s, Jam, "L1", ""))
		b.ok(b.divert(s, Missed, "L1", "LOOP"))
		b.ok(b.divert(s, OK, "L1", "L1"))
		if len(b.diverts) != 2 || b.diverts[0].Actual != "LOOP" || b.diverts[1].Actual != "L1" {
			t.Errorf("%+v", b.diverts)
		}
		b.wantFaults(CodeJam, CodeMissed)
	})
}

// A confirm that nobody saw scanned: named by its codes, or told as unknown.
func TestDivertWithoutAScan(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		stranger := &ScanMessage{Header: Header{MsgID: id2}, Track: "9"}
		named := b.divert(stranger, Unexpected, "", "DEF")
		named.Barcodes = []string{ssccB}
		b.ok(named)
		two := b.divert(stranger, Unexpected, "", "DEF")
		two.Barcodes = []string{ssccA, ssccB}
		b.ok(two)
		b.ok(b.divert(stranger, OK, "L1", "L1"))
		if len(b.diverts) != 1 || b.diverts[0].Barcode != ssccB || b.diverts[0].Generation != 0 {
			t.Errorf("%+v", b.diverts)
		}
		if f := b.c.Status()[0].Faults; len(f) != 1 || f[0].Code != CodeUnexpected || f[0].N != 3 {
			t.Errorf("%+v", f)
		}
		// A scan id of another track names nothing.
		s := b.scan("1", ssccA)
		b.ok(s)
		wrong := b.divert(s, OK, "L1", "L1")
		wrong.Track = "2"
		b.ok(wrong)
		if len(b.diverts) != 1 {
			t.Errorf("%+v", b.diverts)
		}
		// Without a scan id it is the newest carton of the track.
		plain := b.divert(s, OK, "L1", "L1")
		plain.ScanID = ""
		b.ok(plain)
		if len(b.diverts) != 2 || b.diverts[1].Barcode != ssccA {
			t.Errorf("%+v", b.diverts)
		}
	})
}

func TestAcks(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		one, two := b.scan("1", ssccA), b.scan("2", ssccB)
		b.ok(one)
		b.ok(two)
		first, second := b.sent[0].head().MsgID, b.sent[1].head().MsgID
		b.assigns()
		b.ok(&AckMessage{b.head(), second, Accepted, ""})
		b.ok(b.mainOf(ModeAuto))
		b.want("1>L1 OK") // not acknowledged: it may be lost
		b.ok(&AckMessage{b.head(), first, Rejected, "UNKNOWN_LANE"})
		b.ok(&AckMessage{b.head(), id2, Rejected, "X"}) // of a gateway before
		b.ok(b.mainOf(ModeAuto))
		b.want("")
		b.wantFaults(CodeRejected)
		if n := b.counts(); n.Rejected != 2 {
			t.Errorf("%+v", n)
		}
	})
}

func TestStateOfTheConveyor(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.c.State("cv1", NameConn, []byte(`{"state":"online"}`))
		m := b.mainOf(ModeAuto)
		m.Sections, m.Lanes = []Section{{"in", SectionRunning}}, []Lane{{"L1", true, 50, 3}}
		b.ok(m)
		b.ok(&AlarmMessage{b.head(), "7", "E-1", Raise, "in"})
		b.ok(&AlarmMessage{b.head(), "7", "E-2", Raise, "in"})
		b.ok(&AlarmMessage{b.head(), "8", "E-3", Raise, ""})
		st := b.c.Status()[0]
		if !st.Since.Equal(time.Now()) || len(st.ByLane) != 0 {
			t.Errorf("since %v, lanes %v", st.Since, st.ByLane)
		}
		if !st.Online || cmp.Diff([]Alarm{{"7", "E-2", "in"}, {"8", "E-3", ""}}, st.Alarms) != "" || cmp.Diff(m.Lanes, st.Lanes) != "" || cmp.Diff(m.Sections, st.Sections) != "" {
			t.Errorf("%+v", st)
		}
		b.ok(&AlarmMessage{b.head(), "7", "E-2", Clear, "in"})
		if st := b.c.Status()[0]; len(st.Alarms) != 1 {
			t.Errorf("%+v", st)
		}
		b.wantFaults(CodeAlarm)
		b.ok(b.mainOf(ModeEStop))
		b.ok(b.mainOf(ModeEStop))
		b.wantFaults(CodeStopped)
		<-time.After(time.Minute)
		b.c.State("cv1", NameConn, []byte(`{"state":"online"}`))
		if again := b.c.Status()[0]; !again.Since.Equal(st.Since) {
			t.Error("online again is not news")
		}
		b.c.State("cv1", NameConn, []byte(`{"state":"offline"}`))
		if gone := b.c.Status()[0]; gone.Since.Sub(st.Since) != time.Minute {
			t.Errorf("offline since %v", gone.Since)
		}
		b.c.State("cv1", NameConn, []byte(`{"state":"asleep"}`))
		b.c.State("cv1", "other", []byte(`{`))
		if st := b.c.Status()[0]; st.Online || st.Mode != ModeEStop || len(st.Alarms) != 0 {
			t.Errorf("%+v", st)
		}
		b.wantFaults(CodeMalformed)
		for i := range MaxEntries + 5 {
			b.ok(&AlarmMessage{b.head(), fmt.Sprint(i), "E", Raise, ""})
		}
		if st := b.c.Status()[0]; len(st.Alarms) != MaxEntries {
			t.Errorf("%d alarms", len(st.Alarms))
		}
	})
}

// Bad input changes nothing, is acknowledged, and has a fault.
func TestBadInput(t *testing.T) {
	good, err := Encode(samples()[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		name, payload string
		fault         string
	}{
		"garbage":             {NameScan, "\x00\xff{{garbage", CodeMalformed},
		"empty":               {NameScan, "", CodeMalformed},
		"huge":                {NameScan, strings.Repeat("x", 1<<20), CodeMalformed},
		"huge, well formed":   {NameScan, string(good) + strings.Repeat(" ", MaxPayload), CodeMalformed},
		"another message":     {NameDivert, string(good), CodeMalformed},
		"a down message":      {NameAssign, "{}", CodeMalformed},
		"unknown, no header":  {"eye", `{"eye":"E1"}`, CodeMalformed},
		"speaks for another":  {NameScan, strings.Replace(string(good), `"cv1"`, `"cv2"`, 1), CodeIdentity},
		"eye, of another":     {"eye", strings.Replace(string(good), `"cv1"`, `"cv2"`, 1), CodeIdentity},
		"header without more": {NameScan, `{"v":1,"msgId":"` + id1 + `","seq":2,"bootId":"b1","ts":"2026-03-01T08:00:00.000Z","deviceId":"cv1"}`, CodeMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.ready()
				if err := b.c.Handle(b.t.Context(), "cv1", tc.name, []byte(tc.payload)); err != nil {
					t.Error(err)
				}
				b.c.State("cv1", NameMain, []byte(tc.payload))
				b.want("")
				if len(b.scans)+len(b.diverts) != 0 || b.faults[0] != tc.fault {
					t.Errorf("%v", b.faults)
				}
				b.faults = nil
				b.ok(b.scan("1", ssccA)) // others and later ones are not affected
				b.want("1>L1 OK")
				b.wantFaults()
				if st := b.c.Status(); len(st) != 1 || st[0].Mode != ModeAuto {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// Messages of no use here count in the sequence, so they make no gap.
func TestOtherMessagesCount(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		raw, err := Encode(&SyncMessage{b.head()}) // the bare header
		if err != nil {
			t.Fatal(err)
		}
		eye := strings.Replace(string(raw), `{`, `{"eye":"E1","state":"BLOCKED","sinceMs":1.5,`, 1)
		if err := b.c.Handle(b.t.Context(), "cv1", "eye", []byte(eye)); err != nil {
			t.Error(err)
		}
		b.ok(&ResultMessage{b.head(), id2, true, ""})
		b.ok(b.scan("1", ssccA))
		b.want("1>L1 OK")
		b.wantFaults()
		if n := b.counts(); n.Other != 2 || n.Messages != 4 {
			t.Errorf("%+v", n)
		}
	})
}

func TestImpossibleLane(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		for i, dec := range []Decision{{}, {Lane: "no lane"}, {Lane: "L1", Reason: "\n"}} {
			b.decision = func(context.Context, Scan) (Decision, error) { return dec, nil }
			b.ok(b.scan(fmt.Sprint(i), ssccA))
		}
		b.want("")
		b.wantFaults(CodeLane)
	})
}

// What cannot be sent is no reason to withhold the acknowledgement.
func TestUnsent(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		b.noWire = errors.New("broker closed")
		s := b.scan("1", ssccA)
		b.ok(s)
		b.seq++
		b.ok(b.scan("2", ssccA))
		if n := b.counts(); n.Unsent != 2 {
			t.Errorf("%+v", n)
		}
		b.noWire = nil
		b.ok(b.mainOf(ModeAuto))
		b.want("1>L1 OK, 2>L1 OK")
	})
}

func TestSequenceBeginsAgainBehindItsEnd(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.seq = 1<<32 - 3
		b.ready()
		for range 4 {
			b.ok(b.scan("1", ssccA))
		}
		b.wantFaults()
		if b.seq != 2 || b.c.devices["cv1"].seq != 2 {
			t.Error(b.seq)
		}
	})
}

func TestFaultsAreTold(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		for i := range 21 {
			b.ok(b.scan(fmt.Sprint(i)))
			pass(time.Second)
		}
		b.wantFaults(CodeNoRead, CodeNoRead, CodeNoRead)
		if f := b.c.Status()[0].Faults[0]; f.N != 21 {
			t.Errorf("%+v", f)
		}
	})
}

func TestNew(t *testing.T) {
	full := newBench(t).cfg
	for _, change := range []func(*Config){
		func(c *Config) { c.Decide = nil }, func(c *Config) { c.Record = nil }, func(c *Config) { c.Publish = nil },
	} {
		cfg := full
		change(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Error(err)
		}
	}
	full.Fault = nil
	c, err := New(full)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Handle(t.Context(), "cv1", NameScan, nil)
	if len(c.Status()) != 1 {
		t.Error("no status")
	}
}

// Conveyors do not wait for each other, and Status waits for none.
func TestAStalledDecisionHoldsUpNobody(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.ready()
		release := make(chan struct{})
		b.decision = func(_ context.Context, s Scan) (Decision, error) {
			if s.Device == "cv1" {
				<-release
			}
			return Decision{Lane: "L1"}, nil
		}
		var wg sync.WaitGroup
		s := b.scan("1", ssccA)
		wg.Go(func() { b.ok(s) })
		synctest.Wait()
		other := &ScanMessage{Header: Header{id2, 1, "x", time.Now().UTC().Truncate(time.Millisecond), "cv2"}, Point: "S", Track: "1", Barcodes: []string{ssccA}, Quality: Good, Deadline: time.Second}
		raw, err := Encode(other)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.c.Handle(b.t.Context(), "cv2", NameScan, raw); err != nil {
			t.Error(err)
		}
		if st := b.c.Status(); len(st) != 2 || st[1].Counts.Scans != 1 {
			t.Errorf("%+v", st)
		}
		close(release)
		wg.Wait()
	})
}
