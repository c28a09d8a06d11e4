package peer

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Stream is the port as raft's transport sees it.
type Stream struct {
	port *Port
	once sync.Once
	done chan struct{}
}

var _ raft.StreamLayer = (*Stream)(nil)

// Stream returns the raft side of the port. There is one user of it at a time;
// the next one may come after Close.
func (p *Port) Stream() *Stream { return &Stream{port: p, done: make(chan struct{})} }

// Accept waits for the next raft connection of another gateway.
func (s *Stream) Accept() (net.Conn, error) {
	select {
	case c := <-s.port.raft:
		return c, nil
	case <-s.done:
		return nil, ErrClosed
	case <-s.port.ctx.Done():
		return nil, ErrClosed
	}
}

// Close ends Accept. Connections given away belong to raft, and the port is
// closed by its owner, after raft has ended.
func (s *Stream) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

// Addr is this gateway's [Address] as raft keeps it.
func (s *Stream) Addr() net.Addr { return netAddr(s.port.Self().String()) }

// Dial connects to a gateway by its Address.
func (s *Stream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	a, err := ParseAddress(string(to))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(s.port.ctx, timeout)
	defer cancel()
	return s.port.Dial(ctx, a, ProtoRaft)
}

type netAddr string

func (netAddr) Network() string  { return "tote" }
func (a netAddr) String() string { return string(a) }
