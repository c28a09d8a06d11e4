package printer

import (
	"bytes"
	"context"
	"io"

	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// Port is a serial line to the printer.
type Port interface {
	io.ReadWriteCloser
	Plug() error
	Unplug() error
}

// ServePort talks to the host on a serial line until ctx ends or the port is
// closed, and closes it.
func (p *Printer) ServePort(ctx context.Context, port Port) {
	p.addPlug(port)
	p.newChannel().serve(ctx, port)
}

func (p *Printer) addPlug(c plug) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plugs = append(p.plugs, c)
}

// channel is one way to the printer with its parser. What was left of a format
// when a connection ended waits for the next one, as in a real printer.
type channel struct {
	p      *Printer
	parser speech
	voice  *line.Voice
	part   bool // counted in Printer.partials
}

func (p *Printer) newChannel() *channel {
	c := &channel{p: p}
	c.parser = tongues[p.params.Language](c)
	return c
}

// speech is the parser of a language.
type speech interface {
	write(b []byte)
	partial() bool // in the middle of a job
}

// tongues make the parser of each language.
var tongues = map[string]func(c *channel) speech{
	"zpl":    func(c *channel) speech { return &parser{host: c.host, done: c.p.receive} },
	"tspl":   func(c *channel) speech { return newTSPL(c) },
	"epl2":   func(c *channel) speech { return newEPL2(c) },
	"escpos": func(c *channel) speech { return newESCPOS(c) },
}

// status is what the printer would answer now; ok is false when it says nothing
// at all.
func (c *channel) status() (s status, ok bool) {
	p := c.p
	if p.faults.On(line.Stall) {
		return s, false
	}
	p.setPartial(&c.part, c.parser.partial())
	p.mu.Lock()
	defer p.mu.Unlock()
	s = p.statusLocked()
	return s, !(p.faults.On(QuietError) && (s.paperOut || s.ribbonOut || s.headOpen))
}

// serve reads rw until it ends for good and closes it.
func (c *channel) serve(ctx context.Context, rw io.ReadWriteCloser) {
	voice := line.NewVoice(rw, c.p.faults, 2)
	c.p.mu.Lock()
	c.voice = voice // the engine speaks too
	c.p.mu.Unlock()
	stop := make(chan struct{})
	in := line.Pump(rw, stop)
	defer func() {
		close(stop)
		_ = rw.Close()
		for range in { // wait for the reader
		}
	}()
	for {
		if !c.p.room(ctx) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case piece, ok := <-in:
			if !ok {
				return
			}
			c.parser.write(piece.Data)
			c.p.setPartial(&c.part, c.parser.partial())
		}
	}
}

// room waits until the receive buffer has room; false when ctx ended.
func (p *Printer) room(ctx context.Context) bool {
	for {
		p.mu.Lock()
		full, changed := len(p.buffer) >= p.params.MaxFormats, p.changed
		p.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

func (p *Printer) setPartial(was *bool, now bool) {
	if *was == now {
		return
	}
	*was = now
	p.mu.Lock()
	defer p.mu.Unlock()
	if now {
		p.partials++
	} else {
		p.partials--
	}
	p.touch()
}

// receive takes a complete format into the buffer.
func (p *Printer) receive(f format) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.length > 0 {
		p.length = f.length
	}
	p.jobs++
	j := &job{number: p.jobs, format: f}
	p.buffer = append(p.buffer, j)
	p.newest = j
	if p.faults.On(Silent) {
		p.muted = true
	}
	l := label(j)
	if p.params.Language == "zpl" {
		l.ZPL = string(f.source)
	}
	p.book.Add(record.Entry{Kind: record.Received, Label: l})
	p.touch()
}

// host runs a control command and answers it on the channel it came from.
func (c *channel) host(cmd string) {
	p := c.p
	if p.faults.On(line.Stall) {
		return
	}
	switch cmd {
	case "~HS":
		// A control command inside a format is answered at once; the format
		// counts as partial already.
		if s, ok := c.status(); ok {
			c.say(s.hostStatus())
		}
	case "~HQES":
		p.mu.Lock()
		s := p.statusLocked()
		p.mu.Unlock()
		c.say(s.errorStatus())
	case "~HI":
		c.say(identification(p.params.Model))
	case "~JA":
		p.cancel()
	case "~PP", "~PS":
		// The same switch as the button at the front: it is in the record too.
		if on := cmd == "~PP"; p.faults.On(Pause) != on {
			_ = p.SetFault(Pause, on)
		}
	}
}

func (c *channel) say(frame []byte) {
	c.p.mu.Lock()
	muted, voice := c.p.muted, c.voice
	c.p.mu.Unlock()
	if c.p.faults.On(Wrong) {
		frame = bytes.Repeat([]byte("?!"), len(frame))
	}
	if !muted {
		voice.Say(frame)
	}
}

// whenPrinted calls tell as soon as everything received so far is out.
func (p *Printer) whenPrinted(tell func()) {
	p.mu.Lock()
	if p.newest != nil {
		p.newest.marks = append(p.newest.marks, tell)
		tell = nil
	}
	p.mu.Unlock()
	if tell != nil {
		tell()
	}
}
