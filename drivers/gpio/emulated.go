package gpio

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tote/drivers"
)

// Emulated is a bank behind a unix socket: whoever serves the socket plays the
// hardware. Wire, both ways, one JSON object a line:
//
//	{"line":"GPIO17","level":true}
//
// The server tells the level of every input it has at the start and at each
// change; the client tells each level it puts on an output. When the socket
// ends, the lines are lost: reads say Low and Lost says why.
func Emulated(path string) Opener {
	return func() (*Bank, error) {
		c, err := net.Dial("unix", path)
		if err != nil {
			return nil, fmt.Errorf("gpio: emulated lines: %w: %w", drivers.ErrUnplugged, err)
		}
		b := &emulated{conn: c, level: map[string]gpio.Level{}, news: make(chan struct{})}
		go b.listen()
		return &Bank{find: func(name string) (line, error) { return &emulatedLine{bank: b, name: name}, nil }, close: c.Close}, nil
	}
}

// wireLevel is one message.
type wireLevel struct {
	Line  string `json:"line"`
	Level bool   `json:"level"`
}

type emulated struct {
	conn net.Conn

	mu    sync.Mutex
	level map[string]gpio.Level
	news  chan struct{} // closed and replaced at each message
	lost  error
}

func (b *emulated) listen() {
	lines := bufio.NewScanner(b.conn)
	for lines.Scan() {
		var m wireLevel
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue // not for us; a real line has no such thing either
		}
		b.mu.Lock()
		b.level[m.Line] = gpio.Level(m.Level)
		close(b.news)
		b.news = make(chan struct{})
		b.mu.Unlock()
	}
	b.mu.Lock()
	b.lost = fmt.Errorf("gpio: emulated lines: %w", drivers.ErrUnplugged)
	clear(b.level)
	close(b.news)
	b.news = make(chan struct{})
	b.mu.Unlock()
}

// emulatedLine is one line of the bank. Until the server has told its level it
// is a wire that ends nowhere.
type emulatedLine struct {
	bank *emulated
	name string
	pull gpio.Pull
}

func (l *emulatedLine) In(pull gpio.Pull, _ gpio.Edge) error {
	l.pull = pull
	return l.Lost()
}

func (l *emulatedLine) Read() gpio.Level {
	l.bank.mu.Lock()
	defer l.bank.mu.Unlock()
	if level, told := l.bank.level[l.name]; told {
		return level
	}
	return l.bank.lost == nil && l.pull == gpio.PullUp
}

// Lost is why the lines are gone, or nil.
func (l *emulatedLine) Lost() error {
	l.bank.mu.Lock()
	defer l.bank.mu.Unlock()
	return l.bank.lost
}

func (l *emulatedLine) WaitForEdge(timeout time.Duration) bool {
	l.bank.mu.Lock()
	news := l.bank.news
	l.bank.mu.Unlock()
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-news:
		return true
	case <-t.C:
		return false
	}
}

func (l *emulatedLine) Out(level gpio.Level) error {
	b, err := json.Marshal(wireLevel{l.name, bool(level)})
	if err != nil {
		return err
	}
	if _, err := l.bank.conn.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("gpio: emulated lines: %w: %w", drivers.ErrUnplugged, err)
	}
	return nil
}

func (l *emulatedLine) Halt() error { return nil }
