package raftstore

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
)

// testSite is an authority for tests.
type testSite struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newTestSite(t testing.TB) *testSite {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "site"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &testSite{cert, key}
}

// issue makes a certificate for a gateway.
func (s *testSite) issue(t testing.TB, id string) (der []byte, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: id}, DNSNames: []string{id},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err = x509.CreateCertificate(rand.Reader, tmpl, s.cert, key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

func siteTLS(ca *x509.Certificate, der []byte, key *ecdsa.PrivateKey) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der, ca.Raw}, PrivateKey: key}},
		RootCAs:      pool, ClientCAs: pool,
	}
}

// switchboard cuts gateways off from each other.
type switchboard struct {
	mu    sync.Mutex
	off   map[string]bool
	conns map[*switched]struct{}
	ended chan struct{} // closed at each cut
}

func newSwitchboard() *switchboard {
	return &switchboard{off: map[string]bool{}, conns: map[*switched]struct{}{}, ended: make(chan struct{})}
}

func (b *switchboard) cut(ids ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		b.off[id] = true
	}
	close(b.ended)
	b.ended = make(chan struct{})
	for c := range b.conns {
		if b.off[c.from] || b.off[c.to] {
			_ = c.Conn.Close()
		}
	}
}

func (b *switchboard) heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.off)
}

func (b *switchboard) passes(from, to string) (bool, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.off[from] && !b.off[to], b.ended
}

// switched is a connection of raft.
type switched struct {
	net.Conn
	b        *switchboard
	from, to string
}

func (c *switched) Close() error {
	c.b.mu.Lock()
	delete(c.b.conns, c)
	c.b.mu.Unlock()
	return c.Conn.Close()
}

type switchedStream struct {
	raft.StreamLayer
	b    *switchboard
	from string
}

var errCut = errors.New("cut off")

func (s switchedStream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	a, err := peer.ParseAddress(string(to))
	if err != nil {
		return nil, err
	}
	conn, err := s.StreamLayer.Dial(to, timeout)
	if err != nil {
		return nil, err
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.b.off[s.from] || s.b.off[a.ID] {
		_ = conn.Close()
		return nil, errCut
	}
	c := &switched{conn, s.b, s.from, a.ID}
	s.b.conns[c] = struct{}{}
	return c, nil
}

type switchedCalls struct {
	network
	b    *switchboard
	from string
}

func (s switchedCalls) Call(ctx context.Context, to peer.Address, method string, body []byte) ([]byte, error) {
	for {
		ok, ended := s.b.passes(s.from, to.ID)
		if !ok {
			return nil, fmt.Errorf("%w: %w", peer.ErrUnreachable, errCut)
		}
		type answer struct {
			body []byte
			err  error
		}
		got := make(chan answer, 1)
		go func() {
			b, err := s.network.Call(ctx, to, method, body)
			got <- answer{b, err}
		}()
		for {
			select {
			case a := <-got:
				return a.body, a.err
			case <-ended:
				if ok, ended = s.b.passes(s.from, to.ID); !ok {
					return nil, fmt.Errorf("%w: %w", peer.ErrLost, errCut)
				}
			}
		}
	}
}

// kit is a cluster in one process: real ports, real files.
type kit struct {
	t     testing.TB
	site  *testSite
	board *switchboard
	base  string
	tweak func(*Config)
	// machine of the gateways opened from now on; testMachine when nil.
	machine Machine

	mu     sync.Mutex
	nodes  map[string]*node
	listen map[string]string
}

func (k *kit) node(id string) *node {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.nodes[id]
}

type node struct {
	*Store
	id   string
	dir  string
	port *peer.Port
}

const testBeat = 250 * time.Millisecond

func newKit(t testing.TB, tweak func(*Config)) *kit {
	return &kit{t: t, site: newTestSite(t), board: newSwitchboard(), base: t.TempDir(), tweak: tweak, nodes: map[string]*node{}, listen: map[string]string{}}
}

// open starts a gateway, the same one again when it was there before.
func (k *kit) open(id string, first bool) *node {
	k.t.Helper()
	n, err := k.tryOpen(id, first)
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}

func (k *kit) tryOpen(id string, first bool) (*node, error) {
	k.t.Helper()
	dir := filepath.Join(k.base, id)
	k.mu.Lock()
	listen := k.listen[id]
	k.mu.Unlock()
	der, key := k.site.issue(k.t, id)
	port, err := peer.Listen(peer.Config{ID: id, Listen: cmp.Or(listen, "127.0.0.1:0"), TLS: siteTLS(k.site.cert, der, key)})
	if err != nil {
		k.t.Fatal(err)
	}
	cfg := Config{
		Dir: dir, NodeID: id, Logger: testLogger(k.t).With("at", id), Peer: port, Bootstrap: first,
		HeartbeatTimeout: testBeat, SegmentSize: 256 << 10, MinFree: 1 << 20, ballast: -1,
		lookEvery: 25 * time.Millisecond, PromoteAfter: time.Millisecond,
		testNetwork: func(n network) network { return switchedCalls{n, k.board, id} },
		testStream:  func(s raft.StreamLayer) raft.StreamLayer { return switchedStream{s, k.board, id} },
	}
	var m Machine = testMachine{}
	if k.machine != nil {
		m = k.machine
	}
	if v, ok := m.(versioned); ok { // the level of the program, not only of its commands
		cfg.level = v.level
	}
	if k.tweak != nil {
		k.tweak(&cfg)
	}
	s, err := Open(cfg, m)
	if err != nil {
		return nil, errors.Join(err, port.Close())
	}
	n := &node{Store: s, id: id, dir: dir, port: port}
	k.mu.Lock()
	k.nodes[id], k.listen[id] = n, port.Self().HostPort
	k.mu.Unlock()
	k.t.Cleanup(func() { _ = n.stop() })
	return n, nil
}

// load is callers that each add to a counter of their own, one after the other,
// at any gateway, and ask again with the same sequence until they are answered.
// A command lost or done twice shows in the sum, which is in every answer.
type load struct {
	k     *kit
	stop  chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	acked map[int]uint64
	gap   time.Duration // longest time between two answers to anybody
	last  time.Time
}

func (k *kit) load(lanes int, ids ...string) *load {
	l := &load{k: k, stop: make(chan struct{}), acked: map[int]uint64{}, last: time.Now()}
	for lane := range lanes {
		l.wg.Go(func() {
			for seq := uint64(1); l.one(lane, seq, ids); seq++ {
			}
		})
	}
	return l
}

// one is false when the load was stopped, always between two commands.
func (l *load) one(lane int, seq uint64, ids []string) bool {
	deadline := time.Now().Add(20 * time.Second)
	for try := lane; ; try++ {
		n := l.k.node(ids[try%len(ids)])
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		res, err := n.Propose(ctx, laneCommand(lane, seq))
		cancel()
		if err != nil {
			if time.Now().After(deadline) {
				l.k.t.Errorf("lane %d: no answer to %d: %v", lane, seq, err)
				return false
			}
			continue
		}
		sum := seq * (seq + 1) / 2
		if want := fmt.Sprintf("%d@%d", sum, res.Index); string(res.Body) != want {
			l.k.t.Errorf("lane %d: command %d was answered %s, want %s", lane, seq, res.Body, want)
			return false
		}
		l.seesOwn(n, lane, sum)
		l.mu.Lock()
		l.acked[lane] = seq
		l.gap, l.last = max(l.gap, time.Since(l.last)), time.Now()
		l.mu.Unlock()
		select {
		case <-l.stop:
			return false
		default:
			return true
		}
	}
}

// seesOwn: whoever was answered sees what was done at the same gateway.
func (l *load) seesOwn(n *node, lane int, sum uint64) {
	err := n.View(func(r Reader, _ uint64) error {
		b, err := r.Get(fmt.Append(nil, "lane", lane))
		if err == nil && (b == nil || binary.BigEndian.Uint64(b) != sum) {
			l.k.t.Errorf("%s shows %x of lane %d after its answer %d", n.id, b, lane, sum)
		}
		return err
	})
	if err != nil && !errors.Is(err, ErrClosed) {
		l.k.t.Error(err)
	}
}

func (l *load) count() (n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.acked {
		n += c
	}
	return n
}

// more waits until another n commands were answered.
func (l *load) more(n uint64) {
	l.k.t.Helper()
	want := l.count() + n
	await(l.k.t, "commands are answered", func() bool { return l.count() >= want })
}

// end stops the callers and returns how many commands were answered.
func (l *load) end() uint64 {
	close(l.stop)
	l.wg.Wait()
	return l.count()
}

// check finds every answered command in the state of n, once.
func (l *load) check(n *node) {
	l.k.t.Helper()
	err := n.ViewLinearizable(testContext(l.k.t), func(r Reader, _ uint64) error {
		for lane, seq := range l.acked {
			b, err := r.Get(fmt.Append(nil, "lane", lane))
			if err != nil {
				return err
			}
			if want := seq * (seq + 1) / 2; b == nil || binary.BigEndian.Uint64(b) != want {
				l.k.t.Errorf("%s: lane %d is %x, want %d", n.id, lane, b, want)
			}
		}
		return nil
	})
	if err != nil {
		l.k.t.Fatal(err)
	}
}

// stop closes the gateway as its process would at the end.
func (n *node) stop() error {
	return errors.Join(n.Store.Close(), n.port.Close())
}

func (n *node) address() peer.Address { return n.port.Self() }

// openThree starts a cluster of three; the first one leads.
func openThree(t testing.TB, tweak func(*Config)) (k *kit, a, b, c *node) {
	t.Helper()
	k = newKit(t, tweak)
	a, b, c = k.three()
	return k, a, b, c
}

func (k *kit) three() (a, b, c *node) {
	k.t.Helper()
	a = k.open("gw1", true)
	if err := a.WaitLeader(testContext(k.t)); err != nil {
		k.t.Fatal(err)
	}
	b, c = k.open("gw2", false), k.open("gw3", false)
	join(k.t, a, b, c)
	for _, n := range []*node{b, c} {
		n.awaitQuorum(k.t, true)
	}
	return a, b, c
}

// join adds gateways; a loaded machine may move the lead meanwhile, so it asks
// again as people do.
func join(t testing.TB, at *node, newcomers ...*node) {
	t.Helper()
	for _, n := range newcomers {
		for {
			err := at.Join(testContext(t), n.address())
			if err == nil {
				break
			}
			if !errors.Is(err, ErrUnknownOutcome) {
				t.Fatal(err)
			}
		}
		await(t, n.id+" has a vote", func() bool { return n.Joined() && n.Voter() })
	}
}

// must proposes until there is a definite answer.
func (n *node) must(t testing.TB, c Command) Result {
	t.Helper()
	for {
		res, err := n.Propose(testContext(t), c)
		if err == nil {
			return res
		}
		if !errors.Is(err, ErrUnknownOutcome) {
			t.Fatalf("%s: propose %q: %v", n.id, c.Body, err)
		}
	}
}

// await polls until ok; the poll is what changes in the background.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func (n *node) awaitQuorum(t testing.TB, want bool) {
	t.Helper()
	await(t, fmt.Sprint(n.id, " quorum ", want), func() bool { ok, _ := n.Quorum(); return ok == want })
}

// leaderOf returns the one that leads among these.
func leaderOf(t testing.TB, nodes ...*node) *node {
	t.Helper()
	var lead *node
	await(t, "a leader", func() bool {
		for _, n := range nodes {
			if n.IsLeader() {
				lead = n
				return true
			}
		}
		return false
	})
	return lead
}

// sameDigest waits until all have applied the same and compares everything.
func sameDigest(t testing.TB, nodes ...*node) {
	t.Helper()
	top := uint64(0)
	for _, n := range nodes {
		top = max(top, n.Applied())
	}
	type sum struct {
		at  uint64
		sum [32]byte
	}
	var first sum
	for i, n := range nodes {
		if err := n.WaitApplied(testContext(t), top); err != nil {
			t.Fatal(err)
		}
		at, d, err := n.Digest()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = sum{at, d}
		} else if (sum{at, d}) != first {
			t.Fatalf("%s at %d has another digest than %s at %d", n.id, at, nodes[0].id, first.at)
		}
	}
}
