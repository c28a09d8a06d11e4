package raftstore

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/raftstore/peer"
)

const (
	clusterChild = "TOTE_RAFTSTORE_TEST_GATEWAY" // id, folder, listen, folder of certificates, whom to ask
	clusterLanes = 4
)

// runClusterChild is one of three processes that get killed. False when this is
// no such child.
func runClusterChild() bool {
	args := strings.Split(os.Getenv(clusterChild), " ")
	if len(args) != 5 {
		return false
	}
	if err := clusterChildMain(args[0], args[1], args[2], args[3], args[4]); err != nil {
		fmt.Println("error", err)
	}
	return true
}

func clusterChildMain(id, dir, listen, certs, via string) error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, id+".pem"), filepath.Join(certs, id+".key"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(certs, "ca.pem"))
	if err != nil {
		return err
	}
	pool.AppendCertsFromPEM(ca)
	port, err := peer.Listen(peer.Config{ID: id, Listen: listen, TLS: &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool,
	}})
	if err != nil {
		return err
	}
	var out sync.Mutex
	say := func(words ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Println(words...)
	}
	s, err := Open(Config{
		Dir: dir, NodeID: id, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Peer: port, Bootstrap: via == "-",
		HeartbeatTimeout: testBeat, SegmentSize: 64 << 10, MinFree: 1, ballast: -1,
		lookEvery: 25 * time.Millisecond, PromoteAfter: time.Millisecond,
		SnapshotEntries: 100, SnapshotInterval: 100 * time.Millisecond, TrailingLogs: 20,
		OnLeader: func(leads bool) {
			if leads {
				say("lead")
			}
		},
	}, testMachine{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if !s.Joined() {
		to, err := peer.ParseAddress(via)
		if err != nil {
			return err
		}
		for !s.Joined() || !s.Voter() {
			_ = s.JoinThrough(ctx, to) // again until it has a vote
			if err := s.pause(ctx, nil, 20*time.Millisecond); err != nil {
				return err
			}
		}
	}
	var wg sync.WaitGroup
	for lane := range clusterLanes {
		device := fmt.Sprint("lane-", id, "-", lane)
		wg.Go(func() {
			if _, err := s.ReadIndex(ctx); err != nil {
				say("error", err)
				return
			}
			last, err := s.LastSeq(device)
			if err != nil {
				say("error", err)
				return
			}
			for seq := last + 1; ; seq++ {
				for {
					ctx, cancel := context.WithTimeout(ctx, time.Second)
					_, err := s.Propose(ctx, byDevice(device, seq, fmt.Sprint("add ", device, " ", seq)))
					cancel()
					if err == nil {
						break
					}
				}
				say("ack", device, seq)
			}
		})
	}
	wg.Wait()
	return nil
}

// gateway is such a process, seen from outside.
type gateway struct {
	id, env string
	cmd     *exec.Cmd
	ended   chan struct{}
}

type gateways struct {
	t     *testing.T
	exe   string
	mu    sync.Mutex
	acked map[string]uint64
	count map[string]int // by gateway
	lead  string
	last  time.Time
	gap   time.Duration
}

func (g *gateways) start(w *gateway) {
	g.t.Helper()
	w.cmd = exec.Command(g.exe)
	w.cmd.Env = append(os.Environ(), clusterChild+"="+w.env)
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	w.ended = make(chan struct{})
	go func() {
		defer close(w.ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			g.hear(w.id, lines.Text())
		}
	}()
}

func (g *gateways) hear(id, line string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var device string
	var seq uint64
	switch n, _ := fmt.Sscanf(line, "ack %s %d", &device, &seq); {
	case line == "lead":
		g.lead = id
	case n == 2:
		g.acked[device] = max(g.acked[device], seq)
		g.count[id]++
		if !g.last.IsZero() {
			g.gap = max(g.gap, time.Since(g.last))
		}
		g.last = time.Now()
	default:
		g.t.Errorf("%s says %q", id, line)
	}
}

func (g *gateways) kill(w *gateway) {
	_ = w.cmd.Process.Kill() // SIGKILL
	<-w.ended                // what it had printed before counts
	_ = w.cmd.Wait()
}

// more waits until each of these was answered n times more.
func (g *gateways) more(n int, who ...*gateway) {
	g.t.Helper()
	g.mu.Lock()
	want := map[string]int{}
	for _, w := range who {
		want[w.id] = g.count[w.id] + n
	}
	g.mu.Unlock()
	await(g.t, "acknowledgements", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		for id, n := range want {
			if g.count[id] < n {
				return false
			}
		}
		return true
	})
}

// killAll kills them at once.
func (g *gateways) killAll(list []*gateway) {
	var wg sync.WaitGroup
	for _, w := range list {
		wg.Go(func() { g.kill(w) })
	}
	wg.Wait()
}

// TestRow2KillThree: three processes, the leader is killed with SIGKILL and started
// again, in long runs others too; at last all at once. What was acknowledged anywhere is there, once.
func TestRow2KillThree(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	k := newKit(t, nil)
	certs := t.TempDir()
	writePEM(t, filepath.Join(certs, "ca.pem"), "CERTIFICATE", k.site.cert.Raw)
	g := &gateways{t: t, exe: exe, acked: map[string]uint64{}, count: map[string]int{}}
	all := map[string]*gateway{}
	var list []*gateway
	for i, id := range three {
		der, key := k.site.issue(t, id)
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		writePEM(t, filepath.Join(certs, id+".pem"), "CERTIFICATE", der)
		writePEM(t, filepath.Join(certs, id+".key"), "PRIVATE KEY", raw)
		k.listen[id] = freePort(t)
		via := "-"
		if i > 0 {
			via = "gw1@" + k.listen["gw1"]
		}
		w := &gateway{id: id, env: strings.Join([]string{id, filepath.Join(k.base, id), k.listen[id], certs, via}, " ")}
		g.start(w)
		t.Cleanup(func() { g.kill(w) })
		all[id], list = w, append(list, w)
	}
	g.more(50, list...)
	for round := range max(2, *kills/2) {
		g.mu.Lock()
		lead := all[g.lead]
		g.gap = 0
		g.mu.Unlock()
		if round%4 == 2 {
			g.killAll(list)
			for _, w := range list {
				g.start(w)
			}
			g.more(50, list...)
			continue
		}
		if round%4 == 3 {
			lead = list[round/4%len(list)] // leader or not
		}
		g.kill(lead)
		var rest []*gateway
		for _, w := range list {
			if w != lead {
				rest = append(rest, w)
			}
		}
		g.more(50, rest...)
		g.start(lead)
		g.more(50, list...)
		g.mu.Lock()
		t.Logf("round %d: %s was killed, longest gap %v", round, lead.id, g.gap)
		g.mu.Unlock()
	}
	g.killAll(list)
	nodes := []*node{k.open("gw1", true), k.open("gw2", false), k.open("gw3", false)}
	lead := leaderOf(t, nodes...)
	sameDigest(t, nodes...)
	total := uint64(0)
	for device, acked := range g.acked {
		last, err := lead.LastSeq(device)
		if err != nil || last < acked {
			t.Errorf("%s was acknowledged up to %d, the cluster knows %d (%v)", device, acked, last, err)
		}
		total += acked
		if err := lead.View(func(r Reader, _ uint64) error {
			b, err := r.Get([]byte(device))
			if want := last * (last + 1) / 2; err == nil && binary.BigEndian.Uint64(b) != want {
				t.Errorf("%s has the sum %d, want %d", device, binary.BigEndian.Uint64(b), want)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d acknowledged commands", total)
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// freePort is below the ports the kernel hands out: the process that gets it is
// killed and comes back to it, and no other program may have it then.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(12000+rand.IntN(20000))))
		if err == nil {
			defer func() { _ = ln.Close() }()
			return ln.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}
