// Package scanner drives barcode scanners: those that send each scan as a line of
// text ended by CR, LF or both ([New]), and those that speak Zebra's Simple Serial
// Interface ([NewSSI]). What the text means is left to others, and the GS
// separators of GS1 barcodes (hex 1D) are kept; unless the scanner is configured
// for GS1: then its identifiers and separators are understood as it sends them,
// and handed on in one form ([scan.Scan.Canonical]).
//
// The goroutine that calls Run owns the session; it also calls the sinks.
package scanner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tote/drivers"
	"tote/gs1/scan"
)

// DriverName is this driver's name in the table of drivers.
const DriverName = "serial-scanner"

// Defaults.
const (
	DefaultMaxLength    = 512
	DefaultRepeatWindow = 300 * time.Millisecond
	DefaultAnswer       = 2 * time.Second
)

const (
	// partialLimit is how long a begun scan may lie without its suffix: noise
	// must not become the beginning of the next scan.
	partialLimit = 250 * time.Millisecond
	// noiseLimit is how many refused scans in a row make the scanner degraded.
	noiseLimit = 3
	// quiet is how long after the last refused one a good scan says that such a
	// scanner works again. A person takes longer to aim anew.
	quiet = 250 * time.Millisecond
	// mostScans is how many different scans a second anything that scans can make;
	// what makes more is no scanner, or a broken one.
	mostScans = 50
	// connected is what the status says of a scanner that is fit.
	connected = "the scanner is connected"
)

// Scan is one barcode as it was read.
type Scan struct {
	Data string    // without suffix; may hold GS (0x1d); in the one form of GS1 where Config.GS1 is set
	Raw  string    // as the scanner sent it, without suffix
	Rule scan.Rule // how it came to be read so; "" where Config.GS1 is not set
	At   time.Time // when its suffix came
}

// Reject is a scan that was thrown away.
type Reject struct {
	Code string // DEV-40x, or GS1_… where Config.GS1 is set
	Text string // what happened and what to do, for the person
	At   time.Time
}

// Config of one scanner.
type Config struct {
	Name         string               // as shown to people, e.g. "scanner/dock1"
	Open         drivers.Opener       // how to reach it
	Sink         func(Scan)           // gets every scan, from Run's goroutine; must not block for long
	OnReject     func(Reject)         // told of each scan thrown away, so that the person can be; may be nil
	Suffix       Suffix               // default any
	Layout       string               // keyboard of a scanner that acts as one: us (default) or de
	MaxLength    int                  // bytes of one scan; default 512
	GS1          *scan.Config         // how it sends GS1 data; nil = data is handed on as it comes
	Answer       time.Duration        // how long an SSI scanner may take for one; default 2 s
	RepeatWindow time.Duration        // the same data again within this is one scan; default 300 ms, negative = off
	Now          func() time.Time     // nil = time.Now
	Log          *slog.Logger         // nil = silent
	OnStatus     func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Maker makes the driver of a scanner. It checks the configuration and touches
// no hardware.
type Maker func(Config) (*Driver, error)

// wire cuts what the scanner sends into scans; it lives as long as a session.
type wire interface {
	push(p []byte)
	// wait is how long to wait for more before gap is called; 0 = for ever.
	wait() time.Duration
	// gap: nothing came for that long.
	gap()
}

// Driver is one scanner.
type Driver struct {
	cfg     Config
	begin   func(ctx context.Context, s *session, port drivers.Port) (wire, error)
	taken   string       // SSI: the last packet, to know it again even when the cable was pulled before its acknowledgement got through
	reader  *scan.Reader // nil = data is handed on as it comes
	tracker *drivers.Tracker
	stats   struct{ scans, repeats, rejects atomic.Uint64 }
}

// Stats counts since New.
type Stats struct {
	Scans   uint64 // delivered to the sink
	Repeats uint64 // same data within the repeat window
	Rejects uint64 // thrown away with a code
}

// New makes a scanner that sends lines of text. It checks the configuration and
// touches no hardware.
func New(cfg Config) (*Driver, error) {
	d, err := newDriver(cfg, DriverName)
	if err != nil {
		return nil, err
	}
	if _, err := NewFramer(d.cfg.Suffix, d.cfg.MaxLength); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Name, err)
	}
	d.begin = d.lines
	return d, nil
}

// newDriver is what the drivers of this package have in common.
func newDriver(cfg Config, driver string) (*Driver, error) {
	if cfg.MaxLength == 0 {
		cfg.MaxLength = DefaultMaxLength
	}
	if cfg.Answer == 0 {
		cfg.Answer = DefaultAnswer
	}
	if cfg.RepeatWindow == 0 {
		cfg.RepeatWindow = DefaultRepeatWindow
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.OnReject == nil {
		cfg.OnReject = func(Reject) {}
	}
	switch {
	case cfg.Name == "":
		return nil, errors.New("scanner: a name is needed")
	case cfg.Open == nil || cfg.Sink == nil:
		return nil, fmt.Errorf("scanner %s: a port and a sink are needed", cfg.Name)
	}
	if cfg.MaxLength < 1 || cfg.Answer < time.Millisecond {
		return nil, fmt.Errorf("%s: scanner: greatest length %d, answer %v: want at least 1 and 1ms", cfg.Name, cfg.MaxLength, cfg.Answer)
	}
	reader, err := newReader(cfg.GS1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Name, err)
	}
	return &Driver{cfg: cfg, reader: reader, tracker: drivers.NewTracker(cfg.Name, driver, cfg.Log, cfg.OnStatus)}, nil
}

// Status gives the state of the scanner. It says nothing until something is
// scanned, so ready means: its port is open.
func (d *Driver) Status() drivers.Status { return d.tracker.Status() }

// Stats gives the counters.
func (d *Driver) Stats() Stats {
	return Stats{d.stats.scans.Load(), d.stats.repeats.Load(), d.stats.rejects.Load()}
}

// Run opens the port and hands on scans until the scanner is gone (an error)
// or ctx is done (nil). It may be called again, not twice at a time.
func (d *Driver) Run(ctx context.Context) error {
	return d.tracker.Session(ctx, d.cfg.Open, d.serve)
}

func (d *Driver) serve(ctx context.Context, port drivers.Port) error {
	w, err := d.begin(ctx, &session{d: d}, port)
	if err != nil {
		return err
	}
	var buf [1024]byte
	for {
		n, err := read(ctx, port, w.wait(), buf[:])
		switch {
		case err == nil:
			w.push(buf[:n])
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			w.gap()
		default:
			return err
		}
	}
}

// read waits for bytes, not longer than limit where there is one.
func read(ctx context.Context, port drivers.Port, limit time.Duration, p []byte) (int, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return drivers.Receive(ctx, port, p)
}

// lines is the wire of scanners that send text.
func (d *Driver) lines(_ context.Context, s *session, _ drivers.Port) (wire, error) {
	framer, err := NewFramer(d.cfg.Suffix, d.cfg.MaxLength)
	if err != nil {
		return nil, err
	}
	d.tracker.Set(drivers.Ready, "", connected)
	return &textWire{framer, s.frame}, nil
}

type textWire struct {
	framer *Framer
	frame  func(data, code string)
}

func (w *textWire) push(p []byte) { w.framer.Push(p, w.frame) }

func (w *textWire) wait() time.Duration {
	if w.framer.Pending() {
		return partialLimit
	}
	return 0
}

func (w *textWire) gap() {
	if w.framer.Reset() {
		w.frame("", drivers.CodeScannerIncomplete)
	}
}

// session is what is kept while one port is open.
type session struct {
	d      *Driver
	last   string    // the scan before
	lastAt time.Time // when it was last seen
	noise  int       // refused scans in a row
	badAt  time.Time // when the last one was refused

	since  time.Time // when the second began in which scans are counted
	scans  int       // in it
	babble bool      // there were too many in the second before
}

// tooMany counts a scan and tells whether they come faster than anything scans. From
// then on none counts until a second was calm: each is a command to be recorded, and
// a line that babbles would fill log and disk.
func (s *session) tooMany(now time.Time) bool {
	if past := now.Sub(s.since); past < 0 || past >= time.Second {
		s.babble = s.scans > mostScans && past < 2*time.Second && past >= 0
		s.since, s.scans = now, 0
	}
	s.scans++
	return s.babble || s.scans > mostScans
}

func (s *session) frame(data, code string) {
	d, now := s.d, s.d.cfg.Now()
	if code != "" {
		d.stats.rejects.Add(1)
		s.badAt = now
		if s.noise++; s.noise >= noiseLimit {
			d.tracker.Set(drivers.Degraded, drivers.CodeScannerNoise, "")
		}
		f := drivers.FaultOf(code)
		d.cfg.OnReject(Reject{Code: code, Text: f.Cause + " " + f.Action, At: now})
		return
	}
	if repeat := data == s.last && now.Sub(s.lastAt) < d.cfg.RepeatWindow; !repeat && s.tooMany(now) {
		d.stats.rejects.Add(1)
		d.tracker.Set(drivers.Degraded, drivers.CodeScannerBabbles, "")
		return
	}
	// In noise without a pause something looks like a scan now and then: that is
	// no recovery, or the state would change a hundred times a second.
	if s.noise < noiseLimit || now.Sub(s.badAt) >= quiet {
		s.noise = 0
		d.tracker.Set(drivers.Ready, "", connected)
	}
	// The window slides: a scanner left in continuous mode in front of one
	// barcode makes one scan, not three a second.
	repeat := data == s.last && now.Sub(s.lastAt) < d.cfg.RepeatWindow
	s.last, s.lastAt = data, now
	if repeat {
		d.stats.repeats.Add(1)
		return
	}
	d.deliver(data, now)
}
