package peer

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

// Stream is the port as raft's transport sees it.
type Stream struct{ port *Port }

var _ raft.StreamLayer = Stream{}

// Stream returns the raft side of the port. There is one user of it at a time.
func (p *Port) Stream() Stream { return Stream{p} }

// Accept waits for the next raft connection of another gateway.
func (s Stream) Accept() (net.Conn, error) {
	select {
	case c := <-s.port.raft:
		return c, nil
	case <-s.port.ctx.Done():
		return nil, ErrClosed
	}
}

// Close does nothing: the port is closed by its owner, after raft has ended.
func (s Stream) Close() error { return nil }

// Addr is this gateway's [Address] as raft keeps it.
func (s Stream) Addr() net.Addr { return netAddr(s.port.Self().String()) }

// Dial connects to a gateway by its Address.
func (s Stream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
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
