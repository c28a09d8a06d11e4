package raftstore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// clusterID tells clusters apart. The first gateway makes it up, the others
// are given it when they are added.
type clusterID [16]byte

func newClusterID() (id clusterID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func (id clusterID) String() string { return hex.EncodeToString(id[:]) }

func parseClusterID(s string) (id clusterID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is no cluster id", s)
	}
	return clusterID(b), nil
}

// errNotAdded: this gateway belongs to no cluster yet.
var errNotAdded = errors.New("raftstore: the gateway was not added to a cluster")

// clusterStream is raft's side of the port, for members of one cluster only.
// Whoever dials says the id of its cluster first. So a gateway whose disk was
// wiped hears nothing of raft, and casts no vote it could have cast before,
// until it is added anew; and one that was set up as the first of a new cluster
// by mistake cannot overwrite the old one, nor be overwritten.
type clusterStream struct {
	raft.StreamLayer
	id    func() (clusterID, bool) // false while this gateway belongs to none
	alien func(remote net.Addr, theirs clusterID)

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

func newClusterStream(inner raft.StreamLayer, id func() (clusterID, bool), alien func(net.Addr, clusterID)) *clusterStream {
	return &clusterStream{StreamLayer: inner, id: id, alien: alien, conns: map[net.Conn]struct{}{}}
}

// Accept implements net.Listener.
func (c *clusterStream) Accept() (net.Conn, error) {
	for {
		conn, err := c.StreamLayer.Accept()
		if err != nil {
			return nil, err
		}
		id, ok := c.id()
		if !ok {
			_ = conn.Close()
			continue
		}
		if t := c.track(conn); t != nil {
			return &greeted{tracked: t, want: id}, nil
		}
	}
}

// Dial implements raft.StreamLayer.
func (c *clusterStream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	id, ok := c.id()
	if !ok {
		return nil, errNotAdded
	}
	conn, err := c.StreamLayer.Dial(to, timeout)
	if err != nil {
		return nil, err
	}
	t := c.track(conn)
	if t == nil {
		return nil, ErrClosed
	}
	if err := t.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	if _, err := t.Write(id[:]); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Close ends every connection: what raft leaves open would go on answering.
func (c *clusterStream) Close() error {
	c.mu.Lock()
	c.closed = true
	for conn := range c.conns {
		_ = conn.Close()
	}
	c.mu.Unlock()
	return c.StreamLayer.Close()
}

// track returns nil, with conn closed, when the stream is closed.
func (c *clusterStream) track(conn net.Conn) *tracked {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.Close()
		return nil
	}
	c.conns[conn] = struct{}{}
	return &tracked{conn, c}
}

// tracked is a connection the stream knows of.
type tracked struct {
	net.Conn
	stream *clusterStream
}

func (t *tracked) Close() error {
	t.stream.mu.Lock()
	delete(t.stream.conns, t.Conn)
	t.stream.mu.Unlock()
	return t.Conn.Close()
}

// greeted is an incoming connection that reads the id first. It is read where
// the connection is read, so that a silent one holds up nobody.
type greeted struct {
	*tracked
	want clusterID
	done bool
}

func (g *greeted) Read(p []byte) (int, error) {
	if !g.done {
		var theirs clusterID
		if _, err := io.ReadFull(g.tracked, theirs[:]); err != nil {
			return 0, err
		}
		if theirs != g.want {
			g.stream.alien(g.RemoteAddr(), theirs)
			return 0, errors.Join(io.EOF, g.Close())
		}
		g.done = true
	}
	return g.tracked.Read(p)
}

// wire is raft's transport over the port, with a door for hints.
type wire struct {
	*raft.NetworkTransport
	rpcs chan raft.RPC
	stop chan struct{}
	once sync.Once
	// muted: this gateway says nothing as a leader, though raft would.
	muted atomic.Bool
}

var (
	_ raft.Transport   = (*wire)(nil)
	_ raft.WithPreVote = (*wire)(nil)
	_ raft.WithClose   = (*wire)(nil)
)

func newWire(stream raft.StreamLayer, timeout time.Duration, log raftLog) *wire {
	w := &wire{
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: stream, MaxPool: 3, MaxRPCsInFlight: 2, Timeout: timeout, Logger: &log,
		}),
		rpcs: make(chan raft.RPC), stop: make(chan struct{}),
	}
	return w
}

// relay moves the RPCs of the network to where hints come in. It ends with
// Close.
func (w *wire) relay() {
	in := w.NetworkTransport.Consumer()
	for {
		select {
		case rpc := <-in:
			select {
			case w.rpcs <- rpc:
			case <-w.stop:
				return
			}
		case <-w.stop:
			return
		}
	}
}

// Consumer implements raft.Transport.
func (w *wire) Consumer() <-chan raft.RPC { return w.rpcs }

// errMuted: the disk hangs, so the others shall elect another leader.
var errMuted = errors.New("raftstore: the disk hangs")

// AppendEntries implements raft.Transport.
func (w *wire) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	if w.muted.Load() {
		return errMuted
	}
	return w.NetworkTransport.AppendEntries(id, to, q, a)
}

// AppendEntriesPipeline implements raft.Transport.
func (w *wire) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	p, err := w.NetworkTransport.AppendEntriesPipeline(id, to)
	if err != nil {
		return nil, err
	}
	return mutable{p, w}, nil
}

// mutable is a pipeline that falls silent with the transport.
type mutable struct {
	raft.AppendPipeline
	w *wire
}

// AppendEntries implements raft.AppendPipeline.
func (m mutable) AppendEntries(q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	if m.w.muted.Load() {
		return nil, errMuted
	}
	return m.AppendPipeline.AppendEntries(q, a)
}

// Close implements raft.WithClose.
func (w *wire) Close() error {
	w.once.Do(func() { close(w.stop) })
	w.CloseStreams()
	return w.NetworkTransport.Close()
}
