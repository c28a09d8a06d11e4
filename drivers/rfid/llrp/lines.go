package llrp

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"tote/drivers"
	"tote/drivers/gpio"
	"tote/drivers/rfid/llrp/wire"
)

// lines are the inputs and outputs of the reader, as those outside see them.
type lines struct {
	mu     sync.Mutex
	holder *session // that they belong to; nil = none, or not set up yet
	heard  *session // that told the levels
	levels map[int]bool
	news   chan struct{} // closed and replaced at each change
}

// found makes the lines of a session usable. What it knows of the reader does
// not change any more.
func (l *lines) found(s *session) { l.change(func() { l.holder = s }) }

// lose ends the lines of a session.
func (l *lines) lose(s *session) {
	l.change(func() {
		if l.holder == s {
			l.holder = nil
		}
	})
}

// level notes the level of an input.
func (l *lines) level(s *session, port int, high bool) {
	l.change(func() {
		if l.heard != s {
			l.heard, l.levels = s, map[int]bool{}
		}
		if len(l.levels) < maxLines {
			l.levels[port] = high
		}
	})
}

// maxLines bounds the inputs of a reader that are remembered.
const maxLines = 256

func (l *lines) change(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
	close(l.news)
	l.news = make(chan struct{})
}

// InputLine and OutputLine name the lines of a reader, from 1.
func InputLine(port int) string { return "GPI" + strconv.Itoa(port) }

// OutputLine names an output, from 1.
func OutputLine(port int) string { return "GPO" + strconv.Itoa(port) }

// Lines are the inputs and outputs of the reader as lines for package gpio: a
// photo-eye or a light tower may hang on them. Inputs are called GPI1, GPI2 …,
// outputs GPO1, GPO2 …. They are there while the reader is.
func (d *Driver) Lines() gpio.Opener {
	return gpio.Through(func() (gpio.Wire, error) {
		d.lines.mu.Lock()
		defer d.lines.mu.Unlock()
		if d.lines.holder == nil {
			return nil, fmt.Errorf("llrp %s: the reader is not there: %w", d.cfg.Name, drivers.ErrUnplugged)
		}
		return &wired{d, d.lines.holder}, nil
	})
}

// wired are the lines of one session.
type wired struct {
	d *Driver
	s *session
}

// Check implements gpio.Wire.
func (w *wired) Check(line string, output bool) error {
	prefix, most := "GPI", w.s.caps.gpis
	if output {
		prefix, most = "GPO", w.s.caps.gpos
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(line, prefix)); err != nil || line != prefix+strconv.Itoa(n) || n < 1 || n > most {
		return fmt.Errorf("llrp %s: no line %s, there are %s1 to %s%d: %w", w.d.cfg.Name, line, prefix, prefix, most, drivers.Coded(drivers.CodeLLRPLine))
	}
	return nil
}

func portOf(line string) int {
	n, _ := strconv.Atoi(line[3:])
	return n
}

// Level implements gpio.Wire.
func (w *wired) Level(line string) (high, known bool) {
	w.d.lines.mu.Lock()
	defer w.d.lines.mu.Unlock()
	if w.d.lines.holder != w.s || w.d.lines.heard != w.s {
		return false, false
	}
	high, known = w.d.lines.levels[portOf(line)]
	return high, known
}

// News implements gpio.Wire.
func (w *wired) News() <-chan struct{} {
	w.d.lines.mu.Lock()
	defer w.d.lines.mu.Unlock()
	return w.d.lines.news
}

// Lost implements gpio.Wire.
func (w *wired) Lost() error {
	w.d.lines.mu.Lock()
	defer w.d.lines.mu.Unlock()
	if w.d.lines.holder != w.s {
		return fmt.Errorf("llrp %s: the reader has gone: %w", w.d.cfg.Name, drivers.ErrUnplugged)
	}
	return nil
}

// Set implements gpio.Wire. It waits for the reader's word.
func (w *wired) Set(line string, high bool) error {
	if err := w.Lost(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.d.cfg.Answer)
	defer cancel()
	p, err := w.s.send(ctx, wire.Message(wire.SetReaderConfig, nil, wire.New("GPOWriteData", map[string]any{"GPOPortNumber": portOf(line), "GPOData": high})))
	if err != nil {
		return err
	}
	defer w.s.forget(p)
	for {
		news := w.News()
		if err := w.Lost(); err != nil {
			return err
		}
		select {
		case a := <-p.got:
			return refusal(wire.SetReaderConfig, a)
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("llrp %s: %s is not answered: %w", w.d.cfg.Name, line, drivers.Coded(drivers.CodeLLRPSilent))
		}
	}
}
