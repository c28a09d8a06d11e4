//go:build linux

package lintest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"tote/raftstore"
	"tote/raftstore/peer"
	"tote/raftstore/vfs"
)

const childEnv = "TOTE_LINTEST_GATEWAY"

// childArgs is what a gateway's process is told.
type childArgs struct {
	Subject, ID, Dir, Listen, Reach, Certs, Socket string
	Peers                                          []string // id@host:port of the others
	First                                          bool     // makes the cluster
	Beat                                           time.Duration
	StaleReads                                     bool
	SnapshotEntries                                uint64
}

// request of a client, or of the test where Control is set.
type request struct {
	By      By
	Op      Op
	Control string        `json:",omitempty"`
	Arg     string        `json:",omitempty"`
	Num     int64         `json:",omitempty"`
	Limit   time.Duration // how long the gateway may try
}

type reply struct {
	Answer  Answer
	Err     string `json:",omitempty"`
	NotDone bool   `json:",omitempty"`
}

// Child is called first in TestMain: it runs this process as a gateway, and
// returns true when the process is one and has ended.
func Child(subjects ...Subject) bool {
	env := os.Getenv(childEnv)
	if env == "" {
		return false
	}
	err := errors.New("no such subject")
	var a childArgs
	if jerr := json.Unmarshal([]byte(env), &a); jerr != nil {
		err = jerr
	}
	for _, s := range subjects {
		if s.Name == a.Subject {
			err = runChild(a, s)
		}
	}
	fmt.Fprintln(os.Stderr, "lintest: gateway", a.ID, "ends:", err)
	return true
}

type child struct {
	g      Gateway
	offset atomic.Int64 // of the wall clock, in nanoseconds
	slow   atomic.Int64 // each sync takes that much longer, in nanoseconds

	installed atomic.Int64 // snapshots of others that became the state
	held      atomic.Pointer[[]*garbage]
}

// garbage is a small piece of memory with something to look at.
type garbage struct {
	_    [120]byte
	next *garbage
}

// hold keeps bytes of it, and throws away as much ten times a second.
func (c *child) hold(bytes int64) {
	fill := func() {
		list := make([]*garbage, bytes/128)
		for i := range list {
			list[i] = &garbage{next: list[max(i-1, 0)]}
		}
		c.held.Store(&list)
	}
	fill()
	go func() {
		for range time.Tick(100 * time.Millisecond) {
			fill()
		}
	}()
}

func runChild(a childArgs, s Subject) error {
	conf, err := loadTLS(a.Certs, a.ID)
	if err != nil {
		return err
	}
	port, err := peer.Listen(peer.Config{ID: a.ID, Listen: a.Listen, Advertise: a.Reach, TLS: conf})
	if err != nil {
		return err
	}
	c := &child{}
	disk := vfs.NewFault(vfs.OS{})
	disk.Hook(func(op vfs.Op, _ string, _ int) error {
		if d := c.slow.Load(); d > 0 && op == vfs.OpSync {
			<-time.After(time.Duration(d))
		}
		return nil
	})
	level := slog.LevelError
	if os.Getenv("TOTE_LINTEST_LOG") != "" {
		level = slog.LevelInfo
	}
	cfg := raftstore.Config{
		Dir: a.Dir, NodeID: a.ID, Peer: port, Bootstrap: a.First, FS: disk, MinFree: 1,
		Logger:           slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("at", a.ID),
		Now:              func() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) },
		HeartbeatTimeout: a.Beat, PromoteAfter: 100 * time.Millisecond, SegmentSize: 256 << 10,
		SnapshotEntries: a.SnapshotEntries, SnapshotInterval: 200 * time.Millisecond, TrailingLogs: a.SnapshotEntries * 2 / 5,
	}
	cfg.OnRestore = func(uint64) { c.installed.Add(1) }
	hide(&cfg, "ballast", int64(-1))
	hide(&cfg, "lookEvery", 200*time.Millisecond)
	hide(&cfg, "staleReads", a.StaleReads)
	if c.g, err = s.Open(cfg); err != nil {
		return err
	}
	ln, err := net.Listen("unix", a.Socket)
	if err != nil {
		return err
	}
	go c.join(a)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		if s, ok := c.g.(interface{ Close() error }); ok {
			_ = s.Close()
		}
		os.Exit(0)
	}()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		go c.serve(conn)
	}
}

// hide sets a field of Config that only tests of the store may set. There is no
// other way to it, so that no product can leave a majority unasked.
func hide(cfg *raftstore.Config, field string, value any) {
	f := reflect.ValueOf(cfg).Elem().FieldByName(field)
	reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Set(reflect.ValueOf(value))
}

func loadTLS(dir, id string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, id+".pem"), filepath.Join(dir, id+".key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool}, nil
}

// join asks the others in turn until this gateway has a vote.
func (c *child) join(a childArgs) {
	for try := 0; !c.g.Joined(); try++ {
		via, err := peer.ParseAddress(a.Peers[try%len(a.Peers)])
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			err = c.g.JoinThrough(ctx, via)
			cancel()
		}
		if err != nil {
			<-time.After(100 * time.Millisecond)
		}
	}
}

func (c *child) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var r request
		if in.Decode(&r) != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), r.Limit)
		a, err := c.do(ctx, r)
		cancel()
		p := reply{Answer: a}
		if err != nil {
			p.Err, p.NotDone = err.Error(), errors.Is(err, ErrNotDone)
		}
		if out.Encode(p) != nil {
			return
		}
	}
}

func (c *child) do(ctx context.Context, r request) (a Answer, err error) {
	switch r.Control {
	case "":
		return c.g.Do(ctx, r.By, r.Op)
	case "state":
		return Answer{
			OK: c.g.Joined() && c.g.Voter(), A: int64(c.g.Applied()), B: b2i(c.g.IsLeader()),
			Text: fmt.Sprint(c.g.Term(), " ", c.installed.Load()),
		}, nil
	case "hold":
		c.hold(r.Num)
	case "clock":
		c.offset.Store(r.Num)
	case "slow":
		c.slow.Store(r.Num)
	case "remove":
		return a, c.g.Remove(ctx, r.Arg)
	case "digest":
		d, ok := c.g.(interface {
			Digest() (uint64, [32]byte, error)
		})
		if !ok {
			return a, nil
		}
		if err := c.g.WaitApplied(ctx, uint64(r.Num)); err != nil {
			return a, err
		}
		at, sum, err := d.Digest()
		return Answer{OK: true, A: int64(at), Text: hex.EncodeToString(sum[:])}, err
	default:
		err = fmt.Errorf("no such control: %s", r.Control)
	}
	return a, err
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
