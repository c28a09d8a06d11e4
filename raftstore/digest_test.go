package raftstore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// openCompared starts three gateways that compare their states often.
func openCompared(t *testing.T) (k *kit, a, b, c *node) {
	k, a, b, c = openThree(t, func(cfg *Config) { cfg.checkEvery, cfg.checkPause = 8, time.Millisecond })
	for _, n := range []*node{a, b, c} {
		await(t, n.id+" has the level", func() bool { level, _ := n.Level(); return level == storeLevel })
	}
	return k, a, b, c
}

// flip changes the state of one gateway behind the back of everyone.
func (n *node) flip(t *testing.T, key string) {
	t.Helper()
	err := n.view.Load().db.Update(func(txn *badger.Txn) error { return txn.Set(stateKey([]byte(key)), []byte("rotten")) })
	if err != nil {
		t.Fatal(err)
	}
}

// compared waits until a whole comparison that began after the call is done.
func compared(t *testing.T, at *node, nodes ...*node) {
	t.Helper()
	marks := func() (low uint64) {
		for i, n := range nodes {
			n.digests.mu.Lock()
			if same := n.digests.sum != nil && n.digests.want != nil; same && (i == 0 || n.digests.mark < low) {
				low = n.digests.mark
			} else if !same {
				low = 0
			}
			n.digests.mu.Unlock()
			if low == 0 {
				return 0
			}
		}
		return low
	}
	from := at.progress.get().index
	for i := 0; marks() <= from; i++ {
		more(t, at, i)
	}
}

var moreIDs = uint64(1_000_000)

func more(t *testing.T, at *node, i int) {
	t.Helper()
	moreIDs++
	at.must(t, byID(moreIDs, fmt.Sprintf("set more%d %d", i%7, i)))
}

// stops drives commands until n has stopped, and returns why.
func stops(t *testing.T, at, n *node) string {
	t.Helper()
	for i := 0; ; i++ {
		select {
		case <-n.Done():
			return FaultCode(n.Err())
		default:
		}
		more(t, at, i)
		if i > 20_000 {
			t.Fatalf("%s never noticed", n.id)
		}
	}
}

// TestDivergedFollowerStops: a state that rots on one gateway is found, the
// gateway stops and builds its state anew; if that does not help it stays
// stopped. The others go on.
func TestDivergedFollowerStops(t *testing.T) {
	t.Parallel()
	k, a, b, c := openCompared(t)
	a.must(t, byID(1, "set stock 5"))
	compared(t, a, a, b, c)
	if err := c.WaitApplied(testContext(t), a.Applied()); err != nil {
		t.Fatal(err)
	}
	c.flip(t, "stock")
	if code := stops(t, a, c); code != CodeDiverged {
		t.Fatalf("it stopped with %s: %v", code, c.Err())
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	a.must(t, byID(2, "set stock 6"))
	c = k.open("gw3", false)
	c.awaitQuorum(t, true)
	sameDigest(t, a, b, c)
	compared(t, a, a, b, c)
	if _, err := os.Stat(filepath.Join(c.dir, fileDiverged)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the difference is not forgotten: %v", err)
	}
	// What it is built from is wrong, too: its own snapshot of the rotten state.
	for round := range 2 {
		c.flip(t, "stock")
		if round == 0 {
			await(t, "a snapshot", func() bool { return c.Snapshot() == nil })
		}
		if code := stops(t, a, c); code != CodeDiverged {
			t.Fatalf("round %d: it stopped with %s: %v", round, code, c.Err())
		}
		if err := c.stop(); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			c = k.open("gw3", false)
			c.awaitQuorum(t, true)
		}
	}
	if _, err := k.tryOpen("gw3", false); FaultCode(err) != CodeDiverged {
		t.Fatalf("a third time: %v", err)
	}
	sameDigest(t, a, b)
	if a.Err() != nil || b.Err() != nil {
		t.Errorf("the others: %v, %v", a.Err(), b.Err())
	}
}

// TestDivergedLeaderStops: the majority is right, not the leader.
func TestDivergedLeaderStops(t *testing.T) {
	t.Parallel()
	_, a, b, c := openCompared(t)
	lead := leaderOf(t, a, b, c)
	lead.must(t, byID(1, "set stock 5"))
	lead.flip(t, "stock")
	var rest []*node
	for _, n := range []*node{a, b, c} {
		if n != lead {
			rest = append(rest, n)
		}
	}
	if code := stops(t, rest[0], lead); code != CodeDiverged {
		t.Fatalf("it stopped with %s: %v", code, lead.Err())
	}
	leaderOf(t, rest...)
	rest[0].must(t, byID(2, "set stock 6"))
	sameDigest(t, rest...)
}

// TestDivergedChange: a gateway that applied something else once is found by
// the chain, before anybody compares a whole state.
func TestDivergedChange(t *testing.T) {
	t.Parallel()
	_, a, b, c := openCompared(t)
	compared(t, a, a, b, c)
	await(t, "a comparison was just begun: none comes before both commands are in", func() bool {
		if a.progress.get().index+4 < a.feature.Load().mark+a.cfg.checkEvery {
			return true
		}
		more(t, a, 0)
		return false
	})
	if err := c.WaitApplied(testContext(t), a.Applied()); err != nil {
		t.Fatal(err)
	}
	// A counter that is off while it is added to, and gone later. Nobody has read
	// it before, so that it is read from the disk.
	err := c.view.Load().db.Update(func(txn *badger.Txn) error { return txn.Set(stateKey([]byte("off")), []byte("12345678")) })
	if err != nil {
		t.Fatal(err)
	}
	a.must(t, byID(1, "add off 1"))
	a.must(t, byID(2, "del off"))
	if code := stops(t, a, c); code != CodeDiverged || !strings.Contains(c.Err().Error(), "chain") {
		t.Fatalf("it stopped with %s: %v", code, c.Err())
	}
}

// TestNoMajority: with two gateways nobody knows who is right. Both go on and
// it is said.
func TestNoMajority(t *testing.T) {
	t.Parallel()
	var log lines
	k := newKit(t, func(cfg *Config) {
		cfg.checkEvery, cfg.checkPause = 8, time.Millisecond
		cfg.Logger = log.logger()
	})
	a := k.open("gw1", true)
	if err := a.WaitLeader(testContext(t)); err != nil {
		t.Fatal(err)
	}
	b := k.open("gw2", false)
	join(t, a, b)
	compared(t, a, a, b)
	if err := b.WaitApplied(testContext(t), a.Applied()); err != nil {
		t.Fatal(err)
	}
	b.flip(t, "stock")
	for i := 0; !log.has(CodeUndecided); i++ {
		more(t, a, i)
	}
	if a.Err() != nil || b.Err() != nil {
		t.Errorf("%v, %v", a.Err(), b.Err())
	}
}

// TestRow5RottenTable: a bit that flips in a file of the running state is found,
// and the state is built anew. Failure matrix row 5, Badger.
func TestRow5RottenTable(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	s := openStore(t, cfg)
	for i := range uint64(4) {
		do(t, s, byID(i+1, fmt.Sprint("flood 1000 100 ", i)))
	}
	want := dump(t, s)
	closeStore(t, s) // the rows go from memory into tables
	cfg.verifyEvery, cfg.lookEvery = time.Millisecond, time.Millisecond
	s = openStore(t, cfg)
	tables, err := filepath.Glob(filepath.Join(s.view.Load().dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	s.verifyState()
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	info, err := os.Stat(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	flipInPlace(t, tables[0], info.Size()/3)
	await(t, "it is noticed", func() bool { return s.Err() != nil })
	if FaultCode(s.Err()) != CodeStateRotten {
		t.Fatalf("stopped by %v", s.Err())
	}
	closeStore(t, s)
	s = openStore(t, cfg)
	if got := dump(t, s); len(got) != len(want) {
		t.Errorf("%d keys, want %d", len(got), len(want))
	}
}

// flipInPlace changes a byte of a file that is mapped.
func flipInPlace(t *testing.T, name string, at int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// lines keeps what was logged.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.b.Bytes(), []byte(text))
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// TestChain: every change moves the chain, and equal changes move it equally
// however they are cut into transactions.
func TestChain(t *testing.T) {
	base := newOverlay(nil)
	chain := func(fn func(o *overlay)) uint64 {
		o := &overlay{base: base.base, rows: map[string]*row{}}
		fn(o)
		return o.link(chainStart)
	}
	seen := map[uint64]string{}
	for name, fn := range map[string]func(o *overlay){
		"nothing":        func(*overlay) {},
		"a=1":            func(o *overlay) { o.put("a", []byte("1"), false) },
		"a=":             func(o *overlay) { o.put("a", []byte{}, false) },
		"a deleted":      func(o *overlay) { o.put("a", nil, true) },
		"a=1 b=2":        func(o *overlay) { o.put("a", []byte("1"), false); o.put("b", []byte("2"), false) },
		"b=2 a=1":        func(o *overlay) { o.put("b", []byte("2"), false); o.put("a", []byte("1"), false) },
		"a=1b2 (border)": func(o *overlay) { o.put("a", []byte("1b2"), false) },
		"a1=b2 (border)": func(o *overlay) { o.put("a1", []byte("b2"), false) },
	} {
		h := chain(fn)
		if other, ok := seen[h]; ok {
			t.Errorf("%q and %q are the same", name, other)
		}
		seen[h] = name
		if chain(fn) != h {
			t.Errorf("%q is not always the same", name)
		}
	}
}
