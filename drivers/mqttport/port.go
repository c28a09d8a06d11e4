// Package mqttport makes a [drivers.Port] of MQTT topics, for devices that speak
// through the gateway's own broker: what the device publishes is read as lines,
// one message a line, and each line written is published on the topic the device
// takes commands from. A driver needs no second way of being tested, traced and
// supervised for it.
//
// Messages are JSON, in which a line break is only ever white space between
// values; it becomes a space here.
//
// The broker calls [Exchange.Handle]; nothing here starts a goroutine.
package mqttport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"tote/drivers"
	"tote/drivers/internal/portio"
)

// MaxMessage is the longest message taken, bytes. A longer one is put in the
// queue cut off, so that the driver sees that something is wrong.
const MaxMessage = 32 << 10

// Config of an Exchange.
type Config struct {
	// Publish sends one message to the device. It must not block for long.
	Publish func(ctx context.Context, payload []byte) error
}

// Exchange is where the messages of one device come in. Safe for concurrent use.
type Exchange struct {
	cfg Config

	mu   sync.Mutex
	port *port // nil while no driver has it open
}

// New checks the configuration.
func New(cfg Config) (*Exchange, error) {
	if cfg.Publish == nil {
		return nil, errors.New("mqttport: Publish is needed")
	}
	return &Exchange{cfg: cfg}, nil
}

// Handle takes a message of the device. Without an open port it is lost, as on
// a wire.
func (e *Exchange) Handle(payload []byte) {
	e.mu.Lock()
	p := e.port
	e.mu.Unlock()
	if p == nil {
		return
	}
	line := append(bytes.Clone(payload[:min(len(payload), MaxMessage)]), '\n')
	for i, c := range line[:len(line)-1] {
		if c == '\n' || c == '\r' {
			line[i] = ' '
		}
	}
	p.queue.Put(line)
}

// Open is the drivers.Opener of the device. The broker is always there, so it
// only fails with drivers.ErrBusy when the port is open already, or with ctx's
// error.
func (e *Exchange) Open(ctx context.Context) (drivers.Port, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case e.port != nil:
		return nil, drivers.ErrBusy
	}
	e.port = &port{e: e, queue: portio.NewQueue(portio.QueueBytes)}
	return e.port, nil
}

type port struct {
	e     *Exchange
	queue *portio.Queue

	mu     sync.Mutex
	half   []byte // written and not ended yet
	closed bool
}

func (p *port) Read(ctx context.Context, b []byte) (int, error) { return p.queue.Read(ctx, b) }

// Write publishes each line that b ends.
func (p *port) Write(ctx context.Context, b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, drivers.ErrClosed
	}
	if len(p.half)+len(b) > MaxMessage {
		return 0, fmt.Errorf("mqttport: a message of more than %d bytes", MaxMessage)
	}
	p.half = append(p.half, b...)
	for {
		line, rest, ended := bytes.Cut(p.half, []byte{'\n'})
		if !ended {
			return len(b), nil
		}
		p.half = rest
		if err := p.e.cfg.Publish(ctx, bytes.Clone(line)); err != nil {
			return 0, fmt.Errorf("mqttport: %w", err)
		}
	}
}

func (p *port) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.queue.Fail(drivers.ErrClosed)
	p.queue.Clear()
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	if p.e.port == p {
		p.e.port = nil
	}
	return nil
}
