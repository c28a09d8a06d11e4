package conveyor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The invariants of conveyors, over a small world: a controller of which the
// memory can be lost, a network that loses, doubles and reorders, a log that
// can fail, and a belt whose cartons move when they like.
//
//	1. Each carton ends in one place, and the ledger has that place.
//	2. No decision outlives the time its scan allowed.
//	3. A carton that was not read clean never gets another carton's decision.
//	4. Behind a gap, a start, or a lost memory no assign goes out before the
//	   state of the conveyor came.
//	7. A scan that was decided never gets another decision.

// deadline of every scan, and what one tick of the clock is.
const (
	worldDeadline = 2 * time.Second
	worldTick     = time.Second
)

// skew is how wrong the clock of the belt goes.
const skew = -37 * time.Hour

// worldCarton is a carton and what happened to it.
type worldCarton struct {
	barcode string // "" = cannot be read
	scan    *ScanMessage
	at      time.Time // real time of the scan
	assign  *AssignMessage
	lane    string // where it is; "" = on the belt
}

// world is everything. It is built anew for each path, so it holds no more than
// a path can have made.
type world struct {
	fail   func(format string, args ...any)
	c      *Controller
	now    time.Time
	ids    int
	belt   []*worldCarton
	passed int // cartons scanned
	seq    uint32
	boot   int
	up     []Message // not acknowledged yet, oldest first
	down   []Message // on their way
	broken bool      // the log refuses

	// The log: decisions and places by command.
	decided map[[16]byte]string
	asked   map[[16]byte]string // barcode a decision was asked for
	booked  map[[16]byte]bool
	place   map[string]string
	moves   map[string]int

	// What an observer has seen.
	known    []string // starts of the belt the gateway heard of, newest last
	highest  uint32   // of the messages taken in this start; 0 = none
	needMain bool
	told     map[string]string // lane of each scan that was assigned
	due      map[string]time.Time
}

func newWorld(fail func(string, ...any), barcodes ...string) *world {
	w := &world{
		fail: fail, now: t0, boot: 1, decided: map[[16]byte]string{}, asked: map[[16]byte]string{}, booked: map[[16]byte]bool{},
		place: map[string]string{}, moves: map[string]int{}, told: map[string]string{}, due: map[string]time.Time{},
	}
	for _, b := range barcodes {
		w.belt = append(w.belt, &worldCarton{barcode: b})
	}
	w.restart()
	return w
}

// restart is a gateway that remembers nothing.
func (w *world) restart() {
	w.c = w.controller()
	w.known, w.needMain, w.highest = nil, true, 0
	w.due = map[string]time.Time{} // when a scan came first is forgotten; expiresAt still holds on the belt
}

func (w *world) controller() *Controller {
	c, err := New(Config{
		Decide: w.decide, Record: w.record, Publish: w.publish,
		Now: func() time.Time { return w.now }, NewID: w.id,
	})
	if err != nil {
		w.fail("%v", err)
	}
	return c
}

// clone is the same world once more. Messages are never changed, so both have
// them.
func (w *world) clone() *world {
	o := *w
	o.belt = nil
	for _, c := range w.belt {
		d := *c
		o.belt = append(o.belt, &d)
	}
	o.up, o.down, o.known = slices.Clone(w.up), slices.Clone(w.down), slices.Clone(w.known)
	o.decided, o.asked, o.booked = maps.Clone(w.decided), maps.Clone(w.asked), maps.Clone(w.booked)
	o.place, o.moves, o.told, o.due = maps.Clone(w.place), maps.Clone(w.moves), maps.Clone(w.told), maps.Clone(w.due)
	ids := o.ids
	o.c = o.controller()
	o.ids, o.c.bootID = ids, w.c.bootID
	for name, d := range w.c.devices {
		o.c.devices[name] = d.clone()
	}
	return &o
}

func (d *device) clone() *device {
	o := newDevice(d.id)
	o.lanes = maps.Clone(d.lanes)
	o.heard, o.online, o.turned, o.boot, o.older, o.seq, o.counted = d.heard, d.online, d.turned, d.boot, slices.Clone(d.older), d.seq, d.counted
	o.synced, o.gapMsg, o.asked, o.asks, o.downSeq, o.main = d.synced, d.gapMsg, d.asked, d.asks, d.downSeq, d.main
	twin := map[*track]*track{nil: nil} // one track may be known by several names
	same := func(t *track) *track {
		if _, done := twin[t]; !done {
			c := *t
			twin[t] = &c
		}
		return twin[t]
	}
	memo := func(m memory) (out memory) {
		for _, r := range m.queue {
			out.add(r.msgID, same(m.tracks[r.msgID]), r.at)
		}
		return out
	}
	o.seen, o.sent, o.failed = memo(d.seen), memo(d.sent), memo(d.failed)
	o.order = slices.Clone(d.order)
	for k, t := range d.tracks {
		o.tracks[k] = same(t)
	}
	return o
}

func (w *world) id() string {
	w.ids++
	return fmt.Sprintf("01JQ%022d", w.ids)
}

func (w *world) head() Header {
	w.seq++
	return Header{w.id(), w.seq, fmt.Sprint("boot", w.boot), w.now.Add(skew).Truncate(time.Millisecond), "cv1"}
}

// decide gives each new scan another lane, so that a second decision shows.
func (w *world) decide(_ context.Context, s Scan) (Decision, error) {
	if w.broken {
		return Decision{}, errQuorum
	}
	id := s.ID()
	if _, known := w.decided[id]; !known {
		w.decided[id] = "DEF"
		if s.Barcode != "" {
			w.decided[id] = fmt.Sprint("L", len(w.decided))
		}
		w.asked[id] = s.Barcode
	}
	if w.asked[id] != s.Barcode {
		w.fail("invariant 3: scan %s asked for %q and %q", s.MsgID, w.asked[id], s.Barcode)
	}
	return Decision{Lane: w.decided[id]}, nil
}

func (w *world) record(_ context.Context, d Divert) error {
	if w.broken {
		return errQuorum
	}
	if !w.booked[d.ID()] {
		w.booked[d.ID()] = true
		w.place[d.Barcode] = d.Actual
		w.moves[d.Barcode]++
	}
	return nil
}

// publish is where the observer looks.
func (w *world) publish(_, name string, payload []byte) error {
	m, err := Decode(name, payload)
	if err != nil {
		w.fail("%v", err)
		return err
	}
	w.down = append(w.down, m)
	a, ok := m.(*AssignMessage)
	if !ok {
		return nil
	}
	i := slices.IndexFunc(w.belt, func(c *worldCarton) bool { return c.scan != nil && c.scan.MsgID == a.ScanID })
	if i < 0 {
		w.fail("an assign for scan %s, which never was", a.ScanID)
		return nil
	}
	c := w.belt[i]
	switch id := (Scan{Device: "cv1", BootID: c.scan.BootID, Track: c.scan.Track, MsgID: c.scan.MsgID}).ID(); {
	case w.needMain:
		w.fail("invariant 4: assign for %s before the state came", a.ScanID)
	case c.barcode == "" && a.Lane != "DEF", w.asked[id] != c.barcode, w.decided[id] != a.Lane:
		w.fail("invariant 3: carton %q, decided for %q to %s, got %s", c.barcode, w.asked[id], w.decided[id], a.Lane)
	case a.Expires.After(c.scan.At.Add(worldDeadline)) || a.ValidFor > worldDeadline:
		w.fail("invariant 2: valid until %v, scanned at %v", a.Expires, c.scan.At)
	case !w.now.Before(w.due[a.ScanID]):
		w.fail("invariant 2: sent at %v, due at %v", w.now, w.due[a.ScanID])
	case w.told[a.ScanID] != "" && w.told[a.ScanID] != a.Lane:
		w.fail("invariant 7: %s was told %s, now %s", a.ScanID, w.told[a.ScanID], a.Lane)
	}
	w.told[a.ScanID] = a.Lane
	return nil
}

// scanNext moves the next carton past the scanner. All use one track id.
func (w *world) scanNext() {
	c := w.belt[w.passed]
	w.passed++
	c.at = w.now
	c.scan = &ScanMessage{Header: w.head(), Point: "S1", Track: "1", Quality: NoRead, Deadline: worldDeadline}
	if c.barcode != "" {
		c.scan.Quality, c.scan.Barcodes = Good, []string{c.barcode}
	}
	w.up = append(w.up, c.scan)
}

// divert moves a carton into a lane: that of its assign when there is one in
// time, else the default lane.
func (w *world) divert(c *worldCarton) {
	m := &DivertMessage{Track: "1", ScanID: c.scan.MsgID, Barcodes: c.scan.Barcodes, Result: OK, Actual: "DEF"}
	if c.assign != nil {
		m.Intended, m.Actual = c.assign.Lane, c.assign.Lane
	}
	c.lane = m.Actual
	m.Header = w.head()
	m.BootID = c.scan.BootID
	w.up = append(w.up, m)
}

// deliver hands the i-th message of the belt to the gateway; with acked false
// the acknowledgement is lost on its way back.
func (w *world) deliver(i int, acked bool) {
	m := w.up[i]
	raw, err := Encode(m)
	if err != nil {
		w.fail("%v", err)
		return
	}
	h := m.head()
	if _, scan := m.(*ScanMessage); scan && w.due[h.MsgID].IsZero() {
		w.due[h.MsgID] = w.now.Add(worldDeadline)
	}
	_, main := m.(*MainMessage)
	if heard := slices.Contains(w.known, h.BootID); !heard || main && w.known[len(w.known)-1] != h.BootID {
		w.known = append(slices.DeleteFunc(w.known, func(b string) bool { return b == h.BootID }), h.BootID)
		w.needMain, w.highest = true, 0
	}
	current := w.known[len(w.known)-1] == h.BootID
	if current && w.highest > 0 && h.Seq > w.highest+1 {
		w.needMain = true
	}
	if main && (h.Seq > w.highest || w.highest == 0) {
		w.needMain = false // from now on; the controller sends what it held inside State
	}
	if main {
		w.c.State("cv1", NameMain, raw)
	} else {
		err = w.c.Handle(context.Background(), "cv1", m.name(), raw)
	}
	if err == nil && current {
		w.highest = max(w.highest, h.Seq)
	}
	if err != nil || !acked {
		return
	}
	w.up = slices.Delete(w.up, i, i+1)
}

// arrive hands the i-th message of the gateway to the belt.
func (w *world) arrive(i int, again bool) {
	m := w.down[i]
	if !again {
		w.down = slices.Delete(w.down, i, i+1)
	}
	switch m := m.(type) {
	case *SyncMessage:
		w.tellState()
	case *AssignMessage:
		for _, c := range w.belt {
			if c.scan == nil || c.scan.MsgID != m.ScanID || c.lane != "" {
				continue
			}
			status, code := Rejected, "EXPIRED"
			if !w.now.Add(skew).After(m.Expires) {
				c.assign, status, code = m, Accepted, ""
			}
			w.up = append(w.up, &AckMessage{w.head(), m.MsgID, status, code})
		}
	}
}

func (w *world) tellState() {
	w.up = append(w.up, &MainMessage{Header: w.head(), Mode: ModeAuto})
}

// settle lets everything arrive, and compares the ledger with the belt.
func (w *world) settle() {
	w.broken = false
	for w.passed < len(w.belt) {
		w.scanNext()
	}
	for _, c := range w.belt {
		if c.lane == "" {
			w.divert(c)
		}
	}
	for rounds := 0; len(w.up)+len(w.down) > 0; rounds++ {
		if rounds > 200 {
			w.fail("it never comes to rest: %d up, %d down", len(w.up), len(w.down))
			return
		}
		for len(w.down) > 0 {
			w.arrive(0, false)
		}
		if len(w.up) > 0 {
			w.deliver(0, true)
		}
	}
	w.check()
	for _, c := range w.belt {
		if c.barcode != "" && w.place[c.barcode] != c.lane {
			w.fail("invariant 1: %s is in %s, the ledger says %q", c.barcode, c.lane, w.place[c.barcode])
		}
	}
}

// check is what holds at any time.
func (w *world) check() {
	for barcode, n := range w.moves {
		if barcode == "" || n > 1 {
			w.fail("invariant 1: %q was moved %d times", barcode, n)
		}
	}
	for _, c := range w.belt {
		if where := w.place[c.barcode]; c.barcode != "" && where != "" && where != c.lane {
			w.fail("invariant 1: %s is in %q, the ledger says %q", c.barcode, c.lane, where)
		}
	}
}

// budget is how much may still go wrong.
type budget struct{ ticks, restarts, boots, drops, dups, losses, fails int }

// step is one thing that can happen.
type step struct {
	name string
	do   func()
}

// steps lists what can happen now. Of the messages on their way the two oldest
// may overtake each other.
func (w *world) steps(b *budget) (out []step) {
	add := func(n *int, name string, do func()) {
		if n == nil {
			out = append(out, step{name, do})
		} else if *n > 0 {
			out = append(out, step{name, func() { *n--; do() }})
		}
	}
	if w.passed < len(w.belt) {
		add(nil, "scan", w.scanNext)
	}
	for i, c := range w.belt[:w.passed] {
		if c.lane == "" {
			add(nil, fmt.Sprint("divert ", i), func() { w.divert(c) })
		}
	}
	for i := range min(2, len(w.up)) {
		add(nil, fmt.Sprint("up ", i), func() { w.deliver(i, true) })
		add(&b.dups, fmt.Sprint("up, ack lost ", i), func() { w.deliver(i, false) })
		add(&b.fails, fmt.Sprint("up, log fails ", i), func() {
			w.broken = true
			w.deliver(i, true)
			w.broken = false
		})
	}
	if len(w.up) > 0 {
		// A full outbox drops scans and answers, never a confirm.
		if _, confirm := w.up[0].(*DivertMessage); !confirm {
			add(&b.losses, "outbox full", func() { w.up = w.up[1:] })
		}
	}
	for i := range min(2, len(w.down)) {
		add(nil, fmt.Sprint("down ", i), func() { w.arrive(i, false) })
		add(&b.dups, fmt.Sprint("down twice ", i), func() { w.arrive(i, true) })
		add(&b.drops, fmt.Sprint("down lost ", i), func() { w.down = slices.Delete(w.down, i, i+1) })
	}
	add(&b.restarts, "gateway restarts", func() {
		w.restart()
		w.tellState() // the conveyor connects again
	})
	add(&b.boots, "conveyor restarts", func() {
		w.boot++
		w.seq = 0
		for _, c := range w.belt { // what it lost sight of goes to the default lane
			if c.scan != nil && c.lane == "" {
				w.divert(c)
			}
		}
		w.seq = 0
		w.tellState()
	})
	add(&b.ticks, "tick", func() { w.now = w.now.Add(worldTick) })
	return out
}

// key is the world without its names: two worlds with one key go on alike.
func (w *world) key(b budget) [32]byte {
	var s strings.Builder
	fmt.Fprint(&s, b, w.now.Sub(t0), w.passed, w.seq, w.boot, w.highest, w.needMain, "|")
	alias := map[string]int{"": 0}
	name := func(id string) int {
		if _, known := alias[id]; !known {
			alias[id] = len(alias)
		}
		return alias[id]
	}
	for _, c := range w.belt {
		if c.scan == nil {
			continue
		}
		fmt.Fprint(&s, name(c.scan.MsgID), c.lane, c.assign != nil, c.at.Sub(t0), w.due[c.scan.MsgID].Sub(t0), w.told[c.scan.MsgID], w.place[c.barcode])
		fmt.Fprint(&s, w.decided[Scan{Device: "cv1", BootID: c.scan.BootID, Track: "1", MsgID: c.scan.MsgID}.ID()], ";")
	}
	for _, m := range slices.Concat(w.up, w.down) {
		h := m.head()
		fmt.Fprint(&s, m.name(), name(h.MsgID), h.Seq, h.BootID)
		if a, ok := m.(*AckMessage); ok {
			fmt.Fprint(&s, name(a.For))
		}
	}
	for _, d := range w.c.devices {
		fmt.Fprint(&s, "|", d.boot, len(d.older), d.seq, d.counted, d.synced, d.asked.Sub(t0), d.asks, name(d.gapMsg), d.downSeq)
		for _, id := range slices.Sorted(maps.Keys(d.seen.tracks)) {
			fmt.Fprint(&s, name(id), d.seen.tracks[id] != nil)
		}
		for _, id := range slices.Sorted(maps.Keys(d.failed.tracks)) {
			fmt.Fprint(&s, "failed", name(id), d.failed.tracks[id].arrived.Sub(t0))
		}
		for _, k := range d.order {
			t := d.tracks[k]
			fmt.Fprint(&s, k, t.generation, name(t.scan.MsgID), t.lane, t.assign != nil, t.answered, t.ended, t.deadline.Sub(t0))
		}
	}
	return sha256.Sum256([]byte(s.String()))
}

var explore = flag.Int("explore", 400, "how many worlds TestExplore visits in each case; most have less than 50000")

// TestExplore visits the worlds that can be reached within the budget, nearest
// first, and lets each come to rest.
func TestExplore(t *testing.T) {
	for _, tc := range []struct {
		name   string
		belt   []string
		budget budget
	}{
		{"one carton, lost memory", []string{ssccA}, budget{ticks: 2, restarts: 1, dups: 1}},
		{"one carton, bad network", []string{ssccA}, budget{drops: 1, dups: 1, losses: 1}},
		{"one carton, bad log", []string{ssccA}, budget{ticks: 2, fails: 2}},
		{"one carton, lost power", []string{ssccA}, budget{boots: 1, dups: 1}},
		{"two cartons", []string{ssccA, ""}, budget{ticks: 1}},
		{"two cartons and a gap", []string{ssccA, ssccB}, budget{losses: 1}},
		{"two cartons, lost memory", []string{ssccA, ""}, budget{restarts: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			type node struct {
				w     *world
				b     budget
				trace []string
			}
			var at *node
			fail := func(format string, args ...any) {
				t.Fatalf(format+"\nafter %s", append(args, strings.Join(at.trace, ", "))...)
			}
			at = &node{w: newWorld(fail, tc.belt...), b: tc.budget}
			at.w.tellState()
			seen := map[[32]byte]bool{at.w.key(at.b): true}
			queue := []*node{at}
			for len(queue) > 0 {
				from := queue[0]
				queue = queue[1:]
				for i := range from.w.steps(&from.b) {
					at = &node{w: from.w.clone(), b: from.b}
					s := at.w.steps(&at.b)[i]
					at.trace = append(slices.Clip(from.trace), s.name)
					s.do()
					at.w.check()
					if k := at.w.key(at.b); !seen[k] && len(seen) < *explore {
						seen[k] = true
						queue = append(queue, at)
					}
				}
				at = &node{w: from.w, trace: append(slices.Clip(from.trace), "settle")}
				from.w.settle()
			}
			if len(seen) < 50 {
				t.Errorf("only %d worlds", len(seen))
			}
			t.Logf("%d worlds", len(seen))
		})
	}
}

// TestInvariants walks through larger worlds by chance.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "cartons")
		var belt []string
		for i := range n {
			code := fmt.Sprintf("]C100%018d", i) // names of cartons; no check digit needed
			if rapid.IntRange(0, 3).Draw(t, "unread") == 0 {
				code = ""
			}
			belt = append(belt, code)
		}
		w := newWorld(t.Fatalf, belt...)
		w.tellState()
		b := budget{ticks: 4, restarts: 3, boots: 2, drops: 4, dups: 6, losses: 3, fails: 4}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			steps := w.steps(&b)
			if len(steps) == 0 {
				break
			}
			s := steps[rapid.IntRange(0, len(steps)-1).Draw(t, "step")]
			t.Log(s.name)
			s.do()
			w.check()
		}
		w.settle()
	})
}

// sizeOfKey keeps the explorer honest: two worlds that differ in one remembered
// thing have different keys.
func TestExplorerTellsWorldsApart(t *testing.T) {
	keys := map[uint64]string{}
	for name, do := range map[string]func(w *world){
		"start": func(*world) {}, "scan": func(w *world) { w.scanNext() }, "told": func(w *world) { w.deliver(0, true) },
		"told, again": func(w *world) { w.deliver(0, false) }, "later": func(w *world) { w.now = w.now.Add(worldTick) },
		"restarted": func(w *world) { w.deliver(0, true); w.restart() },
	} {
		w := newWorld(t.Fatalf, ssccA)
		w.tellState()
		do(w)
		k := w.key(budget{})
		n := binary.BigEndian.Uint64(k[:])
		if other, twice := keys[n]; twice {
			t.Errorf("%s and %s have one key", name, other)
		}
		keys[n] = name
	}
}
