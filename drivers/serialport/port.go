// Package serialport opens serial lines as drivers.Port. It is the only
// importer of go.bug.st/serial and guards against what that library does not
// (see drivers/DESIGN.md): descriptors of 1024 and above, a write that blocks
// for ever, two programs on one line, unplugging, use after Close.
//
// Each open port owns one goroutine, which reads and feeds a bounded queue. It
// ends when the port is closed or the device goes; Close waits for it.
//
// A port holds two descriptors of the same tty. The library's is for line
// settings and reading. Ours carries the lock (flock), the flow control
// setting and the writing: it is non-blocking, so a write can be ended by a
// deadline, which the library's cannot.
package serialport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"tote/drivers"
	"tote/drivers/internal/portio"
)

var parities = map[Parity]serial.Parity{
	ParityNone: serial.NoParity, ParityOdd: serial.OddParity, ParityEven: serial.EvenParity,
	ParityMark: serial.MarkParity, ParitySpace: serial.SpaceParity,
}

// The life of a port. Only live ports are read and written.
const (
	stateOpening int32 = iota
	stateLive
	stateDead   // broken: unplugged, stalled, reader broke down
	stateClosed // given back by its owner
)

type port struct {
	cfg        Config
	node       string // that it holds
	lib        serial.Port
	tty        *os.File // lock, flow control, writing
	queue      *portio.Queue
	state      atomic.Int32
	writing    chan struct{} // holds a token while a Write is inside
	alive      context.Context
	kill       context.CancelCauseFunc
	readerDone chan struct{}
	closeOnce  sync.Once
	closeErr   error
}

var _ drivers.Port = (*port)(nil)

// Opener checks cfg and returns an opener that resolves the path anew each
// time, so that a link of a replugged device is followed to its new node.
func Opener(cfg Config) (drivers.Opener, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (drivers.Port, error) { return open(ctx, cfg) }, nil
}

// Open opens one serial line. Errors: ErrUnplugged, ErrBusy, ErrPermission,
// ErrNotAPort, or an impossible configuration.
func Open(ctx context.Context, cfg Config) (drivers.Port, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	return open(ctx, cfg)
}

func open(ctx context.Context, cfg Config) (_ drivers.Port, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	node, err := cfg.node()
	if err != nil {
		return nil, fmt.Errorf("serial port %s: %w", cfg.Where(), classify(err))
	}
	if info, err := os.Stat(node); err == nil && info.Mode()&fs.ModeCharDevice == 0 {
		return nil, fmt.Errorf("serial port %s: %w", cfg.Where(), drivers.ErrNotAPort)
	}
	tty, err := os.OpenFile(node, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("serial port %s: %w", cfg.Where(), classify(err))
	}
	p := &port{
		cfg: cfg, node: node, tty: tty, queue: portio.NewQueue(portio.QueueBytes),
		writing: make(chan struct{}, 1), readerDone: make(chan struct{}),
	}
	p.alive, p.kill = context.WithCancelCause(context.Background())
	if err := p.setUp(node); err != nil {
		p.kill(drivers.ErrClosed)
		return nil, errors.Join(fmt.Errorf("serial port %s: %w", cfg.Where(), err), tty.Close())
	}
	hold(node, cfg.Owner)
	p.state.Store(stateLive)
	go p.readLoop()
	return p, nil
}

// node is the device file of today, looked up once for an open: both descriptors
// must be of one device.
func (c Config) node() (string, error) {
	file := c.Path
	if c.USB != (Name{}) {
		i, err := Find(os.DirFS(c.Root), c.USB)
		if err != nil {
			return "", err
		}
		file = filepath.Join(c.Root, i.Node)
	}
	return filepath.EvalSymlinks(file)
}

// setUp locks the line, opens it with the library and sets flow control.
func (p *port) setUp(node string) error {
	// The lock comes first: the library's exclusive flag does not stop root,
	// and opening would disturb the line of whoever holds it.
	err := control(p.tty, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err != nil {
		err = classify(err)
		if who := Holder(node); who != "" && errors.Is(err, drivers.ErrBusy) {
			err = fmt.Errorf("%w: by %s", err, who)
		}
		return err
	}
	mode := &serial.Mode{BaudRate: p.cfg.Baud, DataBits: p.cfg.DataBits, Parity: parities[p.cfg.Parity]}
	if p.cfg.StopBits == 2 {
		mode.StopBits = serial.TwoStopBits
	}
	err = low.with(func() (err error) {
		p.lib, err = serial.Open(node, mode)
		return err
	})
	if err != nil {
		return classify(err)
	}
	if p.cfg.XonXoff {
		if err := control(p.tty, setXonXoff); err != nil {
			err = fmt.Errorf("%w: flow control: %w", drivers.ErrNotAPort, err)
			return errors.Join(err, p.closeLib())
		}
	}
	return nil
}

func (p *port) closeLib() error {
	defer low.refill()
	return p.lib.Close()
}

// readLoop is the one reader. It never sets a timeout: deadlines are those of
// the queue's readers.
func (p *port) readLoop() {
	defer close(p.readerDone)
	defer func() {
		if v := recover(); v != nil {
			p.die(fmt.Errorf("%w: %v", drivers.ErrReader, v))
		}
	}()
	buf := make([]byte, 4096)
	for {
		n, err := p.lib.Read(buf)
		if n > 0 {
			p.queue.Put(buf[:n])
		}
		if err == nil && n == 0 {
			err = drivers.ErrUnplugged // hung up; reading on would spin
		}
		if err != nil {
			p.die(classify(err))
			return
		}
	}
}

// die marks a live port dead and ends whoever waits for it.
func (p *port) die(err error) {
	if p.state.CompareAndSwap(stateLive, stateDead) {
		p.kill(err)
		p.queue.Fail(err)
	}
}

// Read implements drivers.Port.
func (p *port) Read(ctx context.Context, b []byte) (int, error) {
	if p.state.Load() == stateClosed {
		return 0, drivers.ErrClosed
	}
	return p.queue.Read(ctx, b)
}

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
	// Holding the token, Close cannot pass: the descriptor stays ours.
	if p.alive.Err() != nil {
		return 0, context.Cause(p.alive)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.alive, cancel)()
	n, err := portio.WriteAll(ctx, p.tty, b, p.cfg.Stall)
	switch {
	case err == nil:
		return n, nil
	case p.alive.Err() != nil:
		return n, context.Cause(p.alive)
	case ctx.Err() != nil:
		return n, err
	}
	err = classify(err)
	p.die(err)
	return n, err
}

// Dropped counts received bytes that were lost because the driver did not
// read them in time.
func (p *port) Dropped() uint64 { return p.queue.Dropped() }

// Close implements drivers.Port. It returns when nobody holds the port any
// more, neither the reader nor a writer.
func (p *port) Close() error {
	p.closeOnce.Do(func() {
		p.state.Store(stateClosed)
		p.kill(drivers.ErrClosed)
		p.queue.Clear()
		p.queue.Fail(drivers.ErrClosed)
		p.writing <- struct{}{} // the writer, woken by kill, has left
		// Without this the kernel would wait for the device to take what is
		// left, up to 30 s when it takes nothing. A pty may refuse; no harm.
		_ = control(p.tty, func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCOFLUSH) })
		err := p.closeLib()
		<-p.readerDone
		release(p.node) // before the lock goes: nobody else's entry is taken away
		err = errors.Join(err, p.tty.Close())
		<-p.writing
		if err != nil && !errors.Is(classify(err), drivers.ErrUnplugged) {
			p.closeErr = fmt.Errorf("serial port %s: close: %w", p.cfg.Where(), err)
		}
	})
	return p.closeErr
}
