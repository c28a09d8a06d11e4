// Package tcpport opens TCP connections as drivers.Port: label printers on
// port 9100, serial device servers in raw mode, and RFID readers on port 5084.
//
// Each open port owns one goroutine, which reads and feeds a bounded queue;
// Close waits for it. A printer or reader takes one connection at a time, so the
// port holds it until Close. A peer that went without a word (power, cable, a
// firewall that forgot) is noticed by probes within 11 s.
package tcpport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"tote/drivers"
	"tote/drivers/internal/portio"
)

// Defaults of a connection.
const (
	DefaultPort        = 9100
	DefaultDialTimeout = 3 * time.Second
	DefaultStall       = 10 * time.Second
)

// Config says where a network device is.
type Config struct {
	Address     string        `yaml:"address"` // host or host:port
	Port        int           `yaml:"-"`       // where Address has none; default 9100
	DialTimeout time.Duration `yaml:"-"`       // default 3 s
	Stall       time.Duration `yaml:"-"`       // a line that takes no byte for this long is dead; default 10 s

	// Hold is for protocols that cannot find the next message when a byte is
	// missing: instead of dropping the oldest bytes that the driver has not read,
	// the device is held back, as TCP does.
	Hold bool `yaml:"-"`
}

// Opener checks cfg and returns an opener that resolves the name anew each
// time. The opener's errors: ErrUnreachable, or ctx's.
func Opener(cfg Config) (drivers.Opener, error) {
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = DefaultDialTimeout
	}
	if cfg.Stall == 0 {
		cfg.Stall = DefaultStall
	}
	if cfg.Port == 0 {
		cfg.Port = DefaultPort
	}
	if cfg.DialTimeout < 0 || cfg.Stall < 0 {
		return nil, fmt.Errorf("tcp port %s: negative time", cfg.Address)
	}
	host, service, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		host, service = cfg.Address, strconv.Itoa(cfg.Port)
	}
	if n, err := strconv.Atoi(service); host == "" || err != nil || n < 1 || n > 65535 {
		return nil, fmt.Errorf("tcp port: address %q is not host or host:port", cfg.Address)
	}
	cfg.Address = net.JoinHostPort(host, service)
	return func(ctx context.Context) (drivers.Port, error) { return open(ctx, cfg) }, nil
}

func open(ctx context.Context, cfg Config) (drivers.Port, error) {
	// A printer that lost power sends nothing: only probes notice it.
	dialer := net.Dialer{Timeout: cfg.DialTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3,
	}}
	conn, err := dialer.DialContext(ctx, "tcp", cfg.Address)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("tcp port %s: %w: %w", cfg.Address, drivers.ErrUnreachable, err)
	}
	return newPort(conn, cfg), nil
}

type port struct {
	cfg        Config
	conn       net.Conn
	queue      *portio.Queue
	writing    chan struct{} // holds a token while a Write is inside
	alive      context.Context
	kill       context.CancelCauseFunc
	readerDone chan struct{}
	closeOnce  sync.Once
	closeErr   error
}

var _ drivers.Port = (*port)(nil)

func newPort(conn net.Conn, cfg Config) *port {
	p := &port{
		cfg: cfg, conn: conn, queue: portio.NewQueue(portio.QueueBytes),
		writing: make(chan struct{}, 1), readerDone: make(chan struct{}),
	}
	p.alive, p.kill = context.WithCancelCause(context.Background())
	go p.readLoop()
	return p
}

func (p *port) readLoop() {
	defer close(p.readerDone)
	buf := make([]byte, 16<<10)
	for {
		n, err := p.conn.Read(buf)
		if p.cfg.Hold {
			p.queue.PutAll(p.alive.Done(), buf[:n])
		} else {
			p.queue.Put(buf[:n])
		}
		if err != nil {
			p.die(fmt.Errorf("%w: %w", drivers.ErrUnplugged, err))
			return
		}
	}
}

// die ends whoever waits for the port. The first cause stays.
func (p *port) die(err error) {
	p.kill(err)
	p.queue.Fail(context.Cause(p.alive))
}

// Read implements drivers.Port.
func (p *port) Read(ctx context.Context, b []byte) (int, error) { return p.queue.Read(ctx, b) }

// Write implements drivers.Port.
func (p *port) Write(ctx context.Context, b []byte) (int, error) {
	select {
	case p.writing <- struct{}{}:
		defer func() { <-p.writing }()
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-p.alive.Done():
		return 0, context.Cause(p.alive)
	}
	if p.alive.Err() != nil {
		return 0, context.Cause(p.alive)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.alive, cancel)()
	n, err := portio.WriteAll(ctx, p.conn, b, p.cfg.Stall)
	switch {
	case err == nil:
		return n, nil
	case p.alive.Err() != nil:
		return n, context.Cause(p.alive)
	case ctx.Err() != nil:
		return n, err
	}
	if !errors.Is(err, drivers.ErrStalled) {
		err = fmt.Errorf("%w: %w", drivers.ErrUnplugged, err)
	}
	p.die(err)
	return n, err
}

// Dropped counts received bytes that were lost because the driver did not
// read them in time.
func (p *port) Dropped() uint64 { return p.queue.Dropped() }

// Close implements drivers.Port.
func (p *port) Close() error {
	p.closeOnce.Do(func() {
		p.die(drivers.ErrClosed)
		p.queue.Clear()
		p.writing <- struct{}{}
		if err := p.conn.Close(); err != nil {
			p.closeErr = fmt.Errorf("tcp port %s: close: %w", p.cfg.Address, err)
		}
		<-p.readerDone
		<-p.writing
	})
	return p.closeErr
}
