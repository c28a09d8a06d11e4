// Package scanner emulates a barcode scanner on a serial line: one frame per
// pull of the trigger, code and suffix, in the chunks a slow line makes of it.
//
// The code given to Scan is what the scanner is set up to send, with or
// without its AIM identifier; GS separators are 1D hex. The package shares no
// code with the drivers.
//
// With Params.Protocol wedge it acts as a keyboard and types each code (keys.go).
// With ssi it speaks Zebra's Simple Serial Interface instead, see
// ssi.go.
//
// Run owns the reading side of the line (a scanner ignores what it is sent);
// Scan writes from the caller's goroutine, one scan at a time.
package scanner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tote/firmware-tests/kdev"
	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
)

// Faults of the scanner beside those of the line, which a keyboard's USB does not
// have (noise, split). Under line.Noise the damaged
// frame ends like a whole one, so that the host gets a wrong code.
const (
	Duplicate = "duplicate" // every code is sent twice
	Swallow   = "swallow"   // wedge: a key is pressed and its letting go is lost
	DropGS    = "drop_gs"   // separators are lost on the way
	TildeGS   = "tilde_gs"  // separators become tildes on the way
	NoAIM     = "no_aim"    // the AIM identifier is not sent
	NoSuffix  = "no_suffix" // the suffix is not sent

	BadCheck = "bad_checksum" // SSI: each packet is wrong the first time it is sent
	Power    = "power"        // SSI: the settings are lost; a host that notices sets them again
	Denied   = "denied"       // SSI: settings are refused
)

// Errors of the scanner.
var (
	// ErrCode: the code is empty, too long, or contains the suffix.
	ErrCode = errors.New("scanner: code must be 1 to 4096 bytes without the suffix")
	// ErrParams: the parameters describe no possible scanner.
	ErrParams = errors.New("scanner: impossible parameters")
)

// Params describe a scanner. Zero fields take the default.
type Params struct {
	Prefix string `json:"prefix,omitempty" help:"Sent before each code."`
	Suffix string `json:"suffix,omitempty" help:"Sent after each code (default CR)."`
	Chunk  int    `json:"chunk,omitempty" default:"16" help:"Bytes sent at once."`
	GapMs  int64  `json:"gapMs,omitempty" default:"3" help:"Milliseconds between two chunks."`

	Protocol string `json:"protocol,omitempty" default:"text" help:"text, ssi, or wedge: it types."`
	Revision string `json:"revision,omitempty" default:"NBRFWAAS N 4c 1A2B" help:"SSI: what it says it is."`
	GS       string `json:"gs,omitempty" default:"ctrl" enum:"ctrl,f8" help:"wedge: how GS is typed: ctrl (Ctrl and ]) or f8."`
	AckMs    int64  `json:"ackMs,omitempty" default:"2000" help:"SSI: milliseconds until a packet is sent again."`
}

// Protocols.
const (
	Text = "text"
	SSI  = "ssi"
	// Wedge: the scanner acts as a keyboard; its line is a kdev.Keyboard.
	Wedge = "wedge"
)

func (p Params) fill() (Params, error) {
	if p.Suffix == "" {
		p.Suffix = "\r"
	}
	if p.Chunk == 0 {
		p.Chunk = 16
	}
	if p.GapMs == 0 {
		p.GapMs = 3
	}
	if p.Protocol == "" {
		p.Protocol = Text
	}
	if p.Revision == "" {
		p.Revision = "NBRFWAAS N 4c 1A2B"
	}
	if p.AckMs == 0 {
		p.AckMs = 2000
	}
	if p.GS == "" {
		p.GS = GSCtrl
	}
	if p.GS != GSCtrl && p.GS != GSF8 {
		return p, fmt.Errorf("%w: GS as %q", ErrParams, p.GS)
	}
	if p.Protocol != Text && p.Protocol != SSI && p.Protocol != Wedge || p.AckMs < 0 || p.AckMs > 60_000 || len(p.Revision) > 200 {
		return p, fmt.Errorf("%w: protocol %q, %d ms for an ACK", ErrParams, p.Protocol, p.AckMs)
	}
	if p.Chunk < 0 || p.GapMs < 0 || p.GapMs > 1000 {
		return p, fmt.Errorf("%w: chunk %d, gap %d ms", ErrParams, p.Chunk, p.GapMs)
	}
	return p, nil
}

// Port is the line of the scanner.
type Port interface {
	io.ReadWriteCloser
	Plug() error
	Unplug() error
}

// State is what the scanner knows about itself.
type State struct {
	Scans int    `json:"scans"` // triggers pulled since the start
	Last  string `json:"last,omitempty"`
}

// Scanner is one emulated scanner.
type Scanner struct {
	params Params
	faults *line.Faults
	book   *record.Book

	scanning sync.Mutex // one frame at a time

	mu    sync.Mutex
	port  Port
	voice *line.Voice
	state State
	ssi   ssi
	kick  chan struct{} // a packet waits for its acknowledgement
}

// New makes a scanner.
func New(p Params, book *record.Book) (*Scanner, error) {
	p, err := p.fill()
	if err != nil {
		return nil, err
	}
	faults := []string{line.Stall, line.Unplug, Duplicate, DropGS, TildeGS, NoAIM, NoSuffix}
	if p.Protocol == Wedge {
		faults = append(faults, Swallow)
	} else {
		faults = append(faults, line.Noise, line.Split, BadCheck, Power, Denied)
	}
	return &Scanner{
		params: p,
		faults: line.NewFaults(faults...),
		book:   book,
		kick:   make(chan struct{}, 1),
	}, nil
}

// Faults lists the names of all faults.
func (s *Scanner) Faults() []string { return s.faults.Names() }

// ActiveFaults lists the faults that are on.
func (s *Scanner) ActiveFaults() []string { return s.faults.Active() }

// SetFault switches a fault on or off.
func (s *Scanner) SetFault(name string, on bool) error {
	if err := s.faults.Set(name, on); err != nil {
		return err
	}
	s.book.Add(record.Entry{Kind: record.Fault, Fault: &record.SwitchedFault{Name: name, On: on}})
	s.mu.Lock()
	port := s.port
	if name == Power && on {
		s.ssi = ssi{}
	}
	s.mu.Unlock()
	if name != line.Unplug || port == nil {
		return nil
	}
	if on {
		return port.Unplug()
	}
	return port.Plug()
}

// State tells what was scanned last.
func (s *Scanner) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Scan pulls the trigger on a code. A code that does not reach anybody is no
// error: the entry says so (Scan.Written), as the person who scans would not
// know either.
func (s *Scanner) Scan(code string) (record.Entry, error) {
	if code == "" || len(code) > 4096 || strings.Contains(code, s.params.Suffix) {
		return record.Entry{}, ErrCode
	}
	s.scanning.Lock()
	defer s.scanning.Unlock()
	s.acknowledged()
	s.mu.Lock()
	voice := s.voice
	s.state.Scans++
	s.state.Last = code
	s.mu.Unlock()

	frame, sent, written := s.frame(code), "", false
	chunk, keys := s.params.Chunk, frame
	if s.params.Protocol == Wedge {
		b, err := typed(frame, s.params.GS)
		if err != nil {
			return record.Entry{}, err
		}
		if s.faults.On(Swallow) {
			b = slices.Delete(b, 4*kdev.EventSize, 6*kdev.EventSize) // key and report behind its scan code
		}
		chunk, keys = 12*kdev.EventSize, string(b)
	}
	if s.params.Protocol == SSI {
		frame = s.packets(code)
		keys = frame
	}
	if voice != nil && !s.faults.On(line.Stall) {
		times := 1
		if s.faults.On(Duplicate) {
			times = 2
		}
		written = true
		for range times {
			sent += frame
			gap := time.Duration(s.params.GapMs) * time.Millisecond
			written = voice.SayIn([]byte(keys), chunk, gap) && written
		}
	}
	return s.book.Add(record.Entry{Kind: record.Scanned, Scan: &record.Scan{
		Code: code, Sent: strconv.Quote(sent), Written: written,
	}}), nil
}

func (s *Scanner) frame(code string) string {
	if s.faults.On(DropGS) {
		code = strings.ReplaceAll(code, "\x1d", "")
	}
	if s.faults.On(TildeGS) {
		code = strings.ReplaceAll(code, "\x1d", "~")
	}
	if s.faults.On(NoAIM) && len(code) > 3 && code[0] == ']' {
		code = code[3:]
	}
	if s.faults.On(NoSuffix) {
		return s.params.Prefix + code
	}
	return s.params.Prefix + code + s.params.Suffix
}

// Run serves the line until ctx ends or the port is closed, and closes it.
func (s *Scanner) Run(ctx context.Context, port Port) error {
	s.mu.Lock()
	s.port, s.voice = port, line.NewVoice(port, s.faults, 3)
	s.mu.Unlock()
	stop := make(chan struct{})
	in := line.Pump(port, stop)
	defer func() {
		close(stop)
		_ = port.Close()
		for range in { // wait for the reader
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case piece, ok := <-in:
			if !ok {
				return nil
			}
			if s.params.Protocol == SSI {
				s.hear(piece)
			}
		case <-s.kick:
		case <-s.again():
			s.resend()
		}
	}
}
