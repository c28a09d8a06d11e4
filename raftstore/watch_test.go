package raftstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
)

// scribe is a machine that also writes down, for itself, what each command did.
// A body is words, K=V to set and K to delete; one that begins with ! is
// rejected after its writes, one with + writes too much. "flood K" writes so much
// that the transaction is committed within the entry.
type scribe struct {
	mu   sync.Mutex
	t    testing.TB
	did  map[uint64]map[string]*string // number → key → value, nil = deleted
	last uint64
}

func newScribe(t testing.TB) *scribe {
	return &scribe{t: t, did: map[uint64]map[string]*string{}}
}

func (m *scribe) Apply(tx Tx, meta Meta, body []byte) (Outcome, error) {
	text := string(body)
	rejected, tooBig := strings.HasPrefix(text, "!"), strings.HasPrefix(text, "+")
	words := strings.Fields(strings.TrimLeft(text, "!+"))
	did := map[string]*string{}
	write := func(key string, value *string) error {
		did[key] = value
		if value == nil {
			return tx.Delete([]byte(key))
		}
		return tx.Set([]byte(key), []byte(*value))
	}
	if len(words) == 2 && words[0] == "flood" {
		words = words[1:]
		for i := range MaxWrites - 1 {
			if err := write(fmt.Sprintf("flood/%s/%04d", words[0], i), new(words[0])); err != nil {
				return Outcome{}, err
			}
		}
	}
	for _, w := range words {
		key, value, set := strings.Cut(w, "=")
		to := &value
		if !set {
			to = nil
		}
		if err := write(key, to); err != nil {
			return Outcome{}, err
		}
	}
	if tooBig {
		return Outcome{}, tx.Set(make([]byte, MaxKey+1), nil)
	}
	if !rejected {
		m.mu.Lock()
		defer m.mu.Unlock()
		if was, ok := m.did[meta.Index]; ok && !cmp.Equal(was, did) {
			m.t.Errorf("command %d did something else the second time", meta.Index)
		}
		m.did[meta.Index] = did
		m.last = max(m.last, meta.Index)
	}
	return Outcome{Reject: rejected}, nil
}

// under is what command n did under the prefix.
func (m *scribe) under(n uint64, prefix string) []Change {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Change
	for _, key := range slices.Sorted(maps.Keys(m.did[n])) {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		if v := m.did[n][key]; v == nil {
			list = append(list, Change{Key: []byte(key), Deleted: true})
		} else {
			list = append(list, Change{Key: []byte(key), Value: []byte(*v)})
		}
	}
	return list
}

// state is what lies under the prefix after command n.
func (m *scribe) state(n uint64, prefix string) map[string]string {
	s := map[string]string{}
	for i := uint64(1); i <= n; i++ {
		tell(s, m.under(i, prefix))
	}
	return s
}

func tell(state map[string]string, changes []Change) {
	for _, c := range changes {
		if c.Deleted {
			delete(state, string(c.Key))
		} else {
			state[string(c.Key)] = string(c.Value)
		}
	}
}

// witness checks what it hears against what the scribe wrote down.
type witness struct {
	t      testing.TB
	m      *scribe
	prefix string
	heard  uint64
	state  map[string]string
	resets int
	calls  int
}

func newWitness(t testing.TB, m *scribe, prefix string) *witness {
	return &witness{t: t, m: m, prefix: prefix, state: map[string]string{}}
}

func (w *witness) Changed(at uint64, changes []Change) error {
	w.calls++
	if at <= w.heard {
		return fmt.Errorf("%q hears of command %d after %d", w.prefix, at, w.heard)
	}
	for n := w.heard + 1; n < at; n++ {
		if missed := w.m.under(n, w.prefix); len(missed) > 0 {
			return fmt.Errorf("%q hears of command %d after %d, without %d: %v", w.prefix, at, w.heard, n, missed)
		}
	}
	if d := cmp.Diff(w.m.under(at, w.prefix), changes); d != "" {
		return fmt.Errorf("%q hears of command %d: %s", w.prefix, at, d)
	}
	w.heard = at
	tell(w.state, changes)
	return nil
}

func (w *witness) Reset(r Reader, at uint64) error {
	w.resets++
	if at <= w.heard {
		return fmt.Errorf("%q is reset to %d after %d", w.prefix, at, w.heard)
	}
	w.heard = at
	clear(w.state)
	err := r.Range([]byte(w.prefix), func(k, v []byte) (bool, error) {
		w.state[string(k)] = string(v)
		return true, nil
	})
	if d := cmp.Diff(w.m.state(at, w.prefix), w.state); err == nil && d != "" {
		err = fmt.Errorf("%q is reset to %d: %s", w.prefix, at, d)
	}
	return err
}

// bare is the part of a gateway that Watch needs, without raft: the test is raft.
type bare struct {
	t     testing.TB
	m     Machine
	limit int
	log   []*raft.Log // what is committed

	s   *Store
	a   *applier
	pos int // entries applied

	snap    []byte
	snapPos int
}

func (b *bare) emptyView() *view {
	v, err := openView(b.t.TempDir(), testLogger(b.t))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = v.close(0) })
	return v
}

// start is Open with that state.
func (b *bare) start(v *view, pos int) {
	s := &Store{closing: make(chan struct{}), done: make(chan struct{}), history: &history{limit: b.limit}}
	b.a = &applier{machine: b.m, log: testLogger(b.t), idWindow: IDWindow, history: s.history}
	if err := b.a.load(v); err != nil {
		b.t.Fatal(err)
	}
	s.view.Store(v)
	s.history.begin(b.a.m.number)
	b.s, b.pos = s, pos
}

func (b *bare) apply(n int) {
	n = min(n, len(b.log)-b.pos)
	if n == 0 {
		return
	}
	if _, err := b.a.apply(b.log[b.pos : b.pos+n]); err != nil {
		b.t.Fatal(err)
	}
	b.pos += n
}

func (b *bare) snapshot() (data []byte, pos int) {
	txn := b.a.view.db.NewTransaction(false)
	defer txn.Discard()
	var buf bytes.Buffer
	if err := writeSnapshot(&buf, txn, nil); err != nil {
		b.t.Fatal(err)
	}
	return buf.Bytes(), b.pos
}

func (b *bare) viewOf(snap []byte) *view {
	v := b.emptyView()
	if snap != nil {
		if err := loadSnapshot(v.db, bytes.NewReader(snap)); err != nil {
			b.t.Fatal(err)
		}
	}
	return v
}

// TestWatchModel: whatever happens to a gateway and however slow somebody reads,
// they hear exactly what the machine did, or are told to read anew.
func TestWatchModel(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // over these
	var calls, resets, splits int
	t.Cleanup(func() {
		t.Logf("%d changes, %d resets, %d floods", calls, resets, splits)
		if calls < 500 || resets < 50 || splits < 5 {
			t.Errorf("%d changes, %d resets, %d floods: the test shows little", calls, resets, splits)
		}
	})
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			m := newScribe(t)
			b := &bare{t: t, m: m, limit: []int{0, 500, 5000, 8 << 20, 8 << 20}[seed%5]}
			b.start(b.emptyView(), 0)
			ahead := &bare{t: t, m: m} // another gateway, that sends its snapshots
			ahead.start(ahead.emptyView(), 0)
			var watchers []*watchCursor
			var all []*witness
			for _, prefix := range []string{"", "a", "a/b", "none", "flood/a/1"} {
				w := newWitness(t, m, prefix)
				all = append(all, w)
				watchers = append(watchers, &watchCursor{s: b.s, prefix: prefix, w: w, most: 1 + rng.IntN(4)})
			}
			restarted := func() {
				for i, w := range all {
					watchers[i] = &watchCursor{s: b.s, prefix: w.prefix, at: w.heard, w: w, most: 1 + rng.IntN(4)}
				}
			}
			step := func(c *watchCursor) bool {
				more, err := c.step(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return more
			}
			seq := uint64(0)
			for range 300 {
				switch op := rng.IntN(40); {
				case op < 12: // something is committed
					var cmds []*Command
					for range 1 + rng.IntN(4) {
						seq++
						c := byDevice("hh", seq, randomWrites(rng))
						cmds = append(cmds, &c)
						if rng.IntN(5) == 0 {
							cmds = append(cmds, &c) // twice
						}
					}
					b.log = append(b.log, &raft.Log{Index: uint64(len(b.log) + 1), Type: raft.LogCommand, Data: encodeBatch(1, cmds)})
					ahead.log = b.log
				case op < 23:
					b.apply(1 + rng.IntN(3))
				case op < 36:
					step(watchers[rng.IntN(len(watchers))])
				case op == 36: // a clean stop
					b.start(b.a.view, b.pos)
					restarted()
				case op == 37:
					b.snap, b.snapPos = b.snapshot()
				case op == 38: // killed: built anew and replayed to what it knows is committed
					was := b.pos
					b.start(b.viewOf(b.snap), b.snapPos)
					b.apply(rng.IntN(was - b.snapPos + 1))
					restarted()
				case rng.IntN(2) == 0: // the snapshot of another gateway
					ahead.apply(1 + rng.IntN(20))
					snap, pos := ahead.snapshot()
					if pos <= b.pos {
						continue
					}
					v := b.viewOf(snap)
					if err := b.a.load(v); err != nil {
						t.Fatal(err)
					}
					b.s.view.Store(v)
					if rng.IntN(2) == 0 { // just then
						step(watchers[rng.IntN(len(watchers))])
					}
					b.s.history.begin(b.a.m.number)
					b.pos, b.snap, b.snapPos = pos, snap, pos
				}
				if i := rng.IntN(4); i < 2 { // two are quicker than the others
					step(watchers[i])
				}
				if b.s.history.bytes > b.limit {
					t.Fatalf("the history has %d bytes", b.s.history.bytes)
				}
			}
			b.apply(len(b.log))
			mu.Lock()
			defer mu.Unlock()
			for i, c := range watchers {
				for step(c) {
				}
				if d := cmp.Diff(m.state(m.last, all[i].prefix), all[i].state); d != "" {
					t.Errorf("%q ends with %s", all[i].prefix, d)
				}
				calls += all[i].calls
				resets += all[i].resets
			}
			for _, did := range m.did {
				if len(did) > 1000 {
					splits++
				}
			}
		})
	}
}

func randomWrites(rng *rand.Rand) string {
	if rng.IntN(120) == 0 {
		return fmt.Sprint("flood a/", rng.IntN(3))
	}
	var b strings.Builder
	b.WriteString([]string{"", "", "", "", "!", "+"}[rng.IntN(6)])
	for range rng.IntN(5) { // few keys: often one is written twice
		b.WriteString(" " + []string{"a", "a/b", "a/b/c", "ab", "b", "c"}[rng.IntN(6)])
		if rng.IntN(3) > 0 {
			fmt.Fprint(&b, "=", rng.IntN(1000))
		}
	}
	return b.String()
}

// TestWatchWholeCommands: an entry that is committed in parts is told command by
// command, each whole, and also when the process dies between two parts.
func TestWatchWholeCommands(t *testing.T) {
	m := newScribe(t)
	b := &bare{t: t, m: m, limit: 32 << 20}
	b.start(b.emptyView(), 0)
	var cmds []*Command
	for i := range uint64(8) {
		cmds = append(cmds, new(byDevice("hh", i+1, fmt.Sprint("flood last=", i))))
	}
	b.log = []*raft.Log{{Index: 1, Type: raft.LogCommand, Data: encodeBatch(1, cmds)}}
	w := newWitness(t, m, "")
	commits := 0
	b.a.onApply = func(uint64, []string) { commits++ }
	c := &watchCursor{s: b.s, w: w, most: 1}
	for die := true; ; die = false {
		if die {
			b.a.machine = dyingMachine{m, 5}
			if _, err := b.a.apply(b.log); err == nil {
				t.Fatal("it did not die")
			}
		} else {
			b.apply(1)
		}
		for {
			more, err := c.step(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
		}
		if !die {
			break
		}
		if b.a.m.partDone == 0 || w.heard == 0 || w.heard >= 5 {
			t.Fatalf("died after %d commands, %d were told: the test shows nothing", b.a.m.partDone, w.heard)
		}
		b.start(b.a.view, 0)
		c = &watchCursor{s: b.s, at: w.heard, w: w, most: 1}
	}
	if w.heard != 8 || w.calls != 8 || w.resets != 0 {
		t.Errorf("heard up to %d in %d calls and %d resets", w.heard, w.calls, w.resets)
	}
}

// dyingMachine fails at command at.
type dyingMachine struct {
	Machine
	at uint64
}

func (d dyingMachine) Apply(tx Tx, m Meta, body []byte) (Outcome, error) {
	if m.Index == d.at {
		return Outcome{}, errors.New("died")
	}
	return d.Machine.Apply(tx, m, body)
}

// tape is a watcher that writes down everything, for comparison.
type tape struct {
	mu     sync.Mutex
	lines  []string
	heard  uint64
	resets []uint64
	hold   func() // called before each change, outside the lock
}

func (p *tape) Changed(at uint64, changes []Change) error {
	if p.hold != nil {
		p.hold()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range changes {
		p.lines = append(p.lines, fmt.Sprintf("%d %s=%x %v", at, c.Key, c.Value, c.Deleted))
	}
	p.heard = at
	return nil
}

func (p *tape) Reset(r Reader, at uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = nil
	p.heard, p.resets = at, append(p.resets, at)
	return r.Range(nil, func(k, v []byte) (bool, error) {
		p.lines = append(p.lines, fmt.Sprintf("%s=%x", k, v))
		return true, nil
	})
}

func (p *tape) at() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard
}

// follow watches in the background from where the tape is.
func (p *tape) follow(ctx context.Context, s *Store) (ended <-chan error) {
	ch := make(chan error, 1)
	from := p.at()
	go func() { ch <- s.Watch(ctx, []byte("lane"), from, p) }()
	return ch
}

// TestWatchThreeGateways: each gateway tells the same, from the first command on
// and through restarts, of the leader as well.
func TestWatchThreeGateways(t *testing.T) {
	t.Parallel()
	k, _, _, _ := openThree(t, nil)
	ids := []string{"gw1", "gw2", "gw3"}
	tapes, ended := map[string]*tape{}, map[string]<-chan error{}
	for _, id := range ids {
		tapes[id] = &tape{}
		ended[id] = tapes[id].follow(t.Context(), k.node(id).Store)
	}
	l := k.load(6, ids...)
	for _, id := range []string{"gw3", leaderOf(t, k.node("gw1"), k.node("gw2"), k.node("gw3")).id, "gw2"} {
		l.more(60)
		if err := k.node(id).stop(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended[id]; !errors.Is(err, ErrClosed) {
			t.Fatalf("%s: the watch ended with %v", id, err)
		}
		if got, want := tapes[id].at(), k.node(id).Applied(); got != want {
			t.Errorf("%s applied %d commands until it was closed, and told of %d", id, want, got)
		}
		l.more(30)
		ended[id] = tapes[id].follow(t.Context(), k.open(id, false).Store)
	}
	l.more(60)
	l.end()
	sameDigest(t, k.node("gw1"), k.node("gw2"), k.node("gw3"))
	top := k.node("gw1").Applied()
	for _, id := range ids {
		await(t, id+" tells everything", func() bool { return tapes[id].at() == top })
		p := tapes[id]
		p.mu.Lock()
		if len(p.resets) > 0 || uint64(len(p.lines)) != top {
			t.Errorf("%s: %d changes of %d commands, resets %d", id, len(p.lines), top, p.resets)
		}
		if d := cmp.Diff(tapes["gw1"].lines, p.lines); id != "gw1" && d != "" {
			t.Errorf("%s tells something else than gw1: %.500s", id, d)
		}
		p.mu.Unlock()
	}
}

// TestWatchInstalledSnapshot: a follower that was away for too long takes the
// state over as a whole, and says so.
func TestWatchInstalledSnapshot(t *testing.T) {
	t.Parallel()
	k, a, b, c := openThree(t, func(c *Config) {
		c.SnapshotEntries, c.TrailingLogs, c.SnapshotInterval = 1, 1, time.Hour
	})
	seq := uint64(0)
	add := func(n int) {
		for range n {
			seq++
			b.must(t, laneCommand(1, seq))
		}
	}
	p := &tape{}
	ended := p.follow(t.Context(), c.Store)
	add(5)
	await(t, "it is told", func() bool { return p.at() == 5 })
	k.board.cut("gw3") // it runs on
	for range 3 {
		add(20)
		for _, n := range []*node{a, b} {
			if err := n.WaitApplied(testContext(t), seq); err != nil {
				t.Fatal(err)
			}
			if err := n.Snapshot(); err != nil {
				t.Fatal(err)
			}
		}
	}
	k.board.heal()
	await(t, "it is reset", func() bool { return p.at() >= seq })
	add(2)
	await(t, "it goes on", func() bool { return p.at() == seq })
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.resets) != 1 || len(p.lines) < 3 || p.lines[0] != fmt.Sprintf("lane1=%016x", sumTo(p.resets[0])) {
		t.Errorf("resets %d, %q", p.resets, p.lines)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func sumTo(n uint64) uint64 { return n * (n + 1) / 2 }

// TestWatchSlow: somebody who does not come on holds nobody up, and is reset.
func TestWatchSlow(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.WatchHistory = 2000
	s := openStore(t, cfg)
	held, release := make(chan struct{}), make(chan struct{})
	p := &tape{hold: sync.OnceFunc(func() { close(held); <-release })}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := p.follow(ctx, s)
	do(t, s, laneCommand(0, 1))
	<-held
	for seq := uint64(2); seq <= 100; seq++ {
		do(t, s, laneCommand(0, seq))
	}
	close(release)
	await(t, "it has caught up", func() bool { return p.at() == 100 })
	p.mu.Lock()
	if want := []uint64{100}; !slices.Equal(p.resets, want) {
		t.Errorf("resets %d, want %d", p.resets, want)
	}
	p.mu.Unlock()
	do(t, s, laneCommand(0, 101))
	await(t, "it goes on", func() bool { return p.at() == 101 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

// TestWatchFrom: where a watch begins, and what it then hears.
func TestWatchFrom(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	s := openStore(t, cfg)
	for seq := uint64(1); seq <= 4; seq++ {
		do(t, s, laneCommand(0, seq))
	}
	type row struct {
		name  string
		from  uint64
		reset []uint64
		lines int // once command 5 is applied
	}
	check := func(s *Store, rows []row) {
		t.Helper()
		var tapes []*tape
		ctx, cancel := context.WithCancel(t.Context())
		var ended []<-chan error
		for _, r := range rows {
			p := &tape{heard: r.from}
			tapes = append(tapes, p)
			ended = append(ended, p.follow(ctx, s))
			if r.reset != nil {
				await(t, "a reset", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.resets) > 0 })
			}
		}
		next := s.Applied() + 1
		do(t, s, laneCommand(0, next))
		for i, r := range rows {
			p := tapes[i]
			await(t, r.name, func() bool { return p.at() >= next })
			p.mu.Lock()
			if !slices.Equal(p.resets, r.reset) || len(p.lines) != r.lines {
				t.Errorf("%s: resets %d, %q", r.name, p.resets, p.lines)
			}
			p.mu.Unlock()
		}
		cancel()
		for _, ch := range ended {
			<-ch
		}
	}
	check(s, []row{
		{"the first command on", 0, nil, 5},
		{"a part", 3, nil, 2},
		{"what comes", 4, nil, 1},
		{"what is not there yet", 5, nil, 0},
	})
	closeStore(t, s)
	s = openStore(t, cfg)
	check(s, []row{
		{"everything, after a clean stop", 0, []uint64{5}, 2},
		{"what is no longer kept", 4, []uint64{5}, 2},
		{"what came last", 5, nil, 1},
	})
	if err := s.Snapshot(); err != nil {
		t.Fatal(err)
	}
	do(t, s, laneCommand(0, 7))
	closeStore(t, s)
	if err := s.files.remove("GENERATION"); err != nil { // as if it was killed
		t.Fatal(err)
	}
	s = openStore(t, cfg)
	check(s, []row{
		{"what was replayed", 6, nil, 2},
		{"what is older than the snapshot", 5, []uint64{7}, 2},
	})
}

// TestWatchStops: a watcher's error, and a store that stopped by itself.
func TestWatchStops(t *testing.T) {
	s := openStore(t, testConfig(t, t.TempDir()))
	do(t, s, laneCommand(0, 1))
	bad := errors.New("it cannot be shown")
	if err := s.Watch(t.Context(), nil, 0, badWatcher{bad}); !errors.Is(err, bad) {
		t.Errorf("ended with %v", err)
	}
	p := &tape{}
	ended := p.follow(t.Context(), s)
	await(t, "it is told", func() bool { return p.at() == 1 })
	s.fail(fault(CodeMachine, errors.New("the test says so")))
	if err := <-ended; !errors.Is(err, ErrLatched) {
		t.Errorf("ended with %v", err)
	}
	closeStore(t, s)
	if err := s.Watch(t.Context(), nil, 1, p); !errors.Is(err, ErrClosed) {
		t.Errorf("ended with %v", err)
	}
}

type badWatcher struct{ err error }

func (w badWatcher) Changed(uint64, []Change) error { return w.err }
func (w badWatcher) Reset(Reader, uint64) error     { return w.err }

// TestWatchResetEndsWithClose: who reads everything does not hold up Close.
func TestWatchResetEndsWithClose(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.WatchHistory = -1 // keeps nothing
	s := openStore(t, cfg)
	for seq := uint64(1); seq <= 3; seq++ {
		do(t, s, byDevice("hh", seq, fmt.Sprintf("set k%d v", seq)))
	}
	w := &slowReset{in: make(chan struct{}), closing: s.closing}
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(t.Context(), nil, 0, w) }()
	<-w.in
	closeStore(t, s)
	if err := <-ended; !errors.Is(err, ErrClosed) || w.rows != 1 {
		t.Errorf("ended with %v after %d rows", err, w.rows)
	}
}

// slowReset takes until Close for the first row.
type slowReset struct {
	badWatcher
	in      chan struct{}
	closing chan struct{}
	rows    int
}

func (w *slowReset) Reset(r Reader, _ uint64) error {
	return r.Range(nil, func(_, _ []byte) (bool, error) {
		w.rows++
		close(w.in)
		<-w.closing
		return true, nil
	})
}
