package ziotc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
)

// Names of the drivers in the table of drivers.
const (
	FixedName = "ziotc"
	SledName  = "ziotc-sled"
)

// Defaults.
const (
	DefaultAnswer  = 5 * time.Second
	DefaultSilence = 3 * time.Minute
	DefaultStale   = 10 * time.Second
)

const (
	// again is how often a reader that refused or did not answer is asked anew.
	again = 30 * time.Second
	// badLimit is how many messages in a row that cannot be read make the
	// reader degraded.
	badLimit = 3
	// maxLine is the longest message of a fixed reader, bytes.
	maxLine = 32 << 10
)

// Config of one reader.
type Config struct {
	Name    string          // as shown to people, e.g. "dock1/rfid"
	Family  Family          // Fixed or Sled
	Open    drivers.Opener  // its messages, a line each (package mqttport)
	Sink    func(rfid.Read) // gets every read, from Run's goroutine; must not block
	Barcode func(Barcode)   // gets every scan of a sled; nil = nobody wants them; must not block

	Answer  time.Duration // for the answer to a command; default 5 s
	Silence time.Duration // without any message the reader is missing: three heartbeats; default 3 min
	Stale   time.Duration // older reads are dropped; default 10 s

	Now      func() time.Time     // nil = time.Now
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Stats counts since New.
type Stats struct {
	Reads    uint64 // delivered to the sink
	Barcodes uint64 // delivered
	Bad      uint64 // messages, and tags in them, that could not be read
	Stale    uint64 // reads dropped because they came late
	Starts   uint64 // times the reader was told to read
}

// Driver is one reader.
type Driver struct {
	cfg     Config
	tracker *drivers.Tracker
	stats   struct{ reads, barcodes, bad, stale, starts atomic.Uint64 }
}

// New checks the configuration; it touches no hardware.
func New(cfg Config) (*Driver, error) {
	name := map[Family]string{Fixed: FixedName, Sled: SledName}[cfg.Family]
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&cfg.Answer, DefaultAnswer}, {&cfg.Silence, DefaultSilence}, {&cfg.Stale, DefaultStale}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Barcode == nil {
		cfg.Barcode = func(Barcode) {}
	}
	switch {
	case cfg.Name == "":
		return nil, errors.New("ziotc: a name is needed")
	case name == "":
		return nil, fmt.Errorf("ziotc %s: family %q, want fixed or sled", cfg.Name, cfg.Family)
	case cfg.Open == nil || cfg.Sink == nil:
		return nil, fmt.Errorf("ziotc %s: a port and a sink are needed", cfg.Name)
	case cfg.Answer < time.Millisecond || cfg.Silence < cfg.Answer || cfg.Stale < time.Second:
		return nil, fmt.Errorf("ziotc %s: answer %v, silence %v, stale %v: want at least 1ms, silence not below answer, 1s",
			cfg.Name, cfg.Answer, cfg.Silence, cfg.Stale)
	}
	return &Driver{cfg: cfg, tracker: drivers.NewTracker(cfg.Name, name, cfg.Log, cfg.OnStatus)}, nil
}

// Status gives the state of the reader.
func (d *Driver) Status() drivers.Status { return d.tracker.Status() }

// Stats gives the counters.
func (d *Driver) Stats() Stats {
	return Stats{d.stats.reads.Load(), d.stats.barcodes.Load(), d.stats.bad.Load(), d.stats.stale.Load(), d.stats.starts.Load()}
}

// Run tells the reader to read and hands on what it reads until ctx is done
// (nil), when it tells it to stop, or the port is gone (an error). It may be
// called again, not twice at a time.
func (d *Driver) Run(ctx context.Context) error {
	return d.tracker.Session(ctx, d.cfg.Open, d.serve)
}

// session is what is kept while one port is open.
type session struct {
	d       *Driver
	port    drivers.Port
	ctx     context.Context
	line    []byte // not ended yet
	long    bool   // throwing away until the next line end
	n       int    // commands sent
	asked   string // id of the command that waits for its answer
	askedAt time.Time
	retry   bool          // the reader is to be told again
	heard   time.Time     // last message
	reading time.Time     // last report of tags
	clock   time.Duration // how far this clock is ahead of the reader's
	doubt   time.Time     // time in a heartbeat that may have come late, and
	doubted time.Duration // how far this clock was ahead of it
	bad     int           // unreadable messages in a row
	alerts  map[string]Condition
}

func (d *Driver) serve(ctx context.Context, port drivers.Port) error {
	s := &session{d: d, port: port, ctx: ctx, heard: d.cfg.Now(), alerts: map[string]Condition{}}
	if err := s.start(); err != nil {
		return err
	}
	defer s.stop()
	var buf [4096]byte
	for {
		n, err := s.read(buf[:])
		switch {
		case err == nil:
			s.push(buf[:n])
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		default:
			return err
		}
		if err := s.due(); err != nil {
			return err
		}
	}
}

// read waits for bytes until something is due.
func (s *session) read(p []byte) (int, error) {
	now := s.d.cfg.Now()
	until := s.heard.Add(s.d.cfg.Silence)
	if s.asked != "" {
		until = first(until, s.askedAt.Add(s.d.cfg.Answer))
	}
	if s.retry || now.After(until) {
		until = first(s.askedAt.Add(again), now.Add(again))
	}
	ctx, cancel := context.WithTimeout(s.ctx, max(until.Sub(now), time.Millisecond))
	defer cancel()
	return drivers.Receive(ctx, s.port, p)
}

func first(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// due does what time asks for.
func (s *session) due() error {
	now := s.d.cfg.Now()
	silent := now.Sub(s.heard) >= s.d.cfg.Silence
	switch {
	case silent:
		s.d.tracker.Set(drivers.Degraded, drivers.CodeZebraSilent, "")
	case s.asked != "" && now.Sub(s.askedAt) >= s.d.cfg.Answer:
		s.asked, s.retry = "", s.reading.Before(s.askedAt) // it reads, whatever became of the command
		if s.d.tracker.Status().State == drivers.Opening {
			s.d.tracker.Set(drivers.Degraded, drivers.CodeZebraSilent, "")
		}
	}
	if (s.retry || silent) && now.Sub(s.askedAt) >= again {
		return s.start()
	}
	return nil
}

// start tells the reader to read.
func (s *session) start() error {
	s.n++
	s.asked, s.askedAt, s.retry = fmt.Sprintf("tote-%d-%d", s.d.cfg.Now().UnixMilli(), s.n), s.d.cfg.Now(), false
	s.d.stats.starts.Add(1)
	_, err := s.port.Write(s.ctx, s.d.cfg.Family.Start(s.asked))
	return err
}

// stop tells it to stop, when it is the gateway that ends.
func (s *session) stop() {
	if s.ctx.Err() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), time.Second)
	defer cancel()
	_, _ = s.port.Write(ctx, s.d.cfg.Family.Stop("tote-stop")) // the reader may be gone, too
}

// push cuts what came into lines. One longer than a message of this family can
// be is refused once and thrown away.
func (s *session) push(p []byte) {
	limit := maxLine
	if s.d.cfg.Family == Sled {
		limit = MaxSled
	}
	for len(p) > 0 {
		part, rest, ended := bytes.Cut(p, []byte{'\n'})
		p = rest
		if !s.long && len(s.line)+len(part) > limit {
			s.long, s.line = true, s.line[:0]
			s.unreadable(drivers.CodeZebraTooLong, fmt.Errorf("more than %d bytes", limit))
		}
		if !s.long {
			s.line = append(s.line, part...)
		}
		if !ended {
			return
		}
		if !s.long && len(bytes.TrimSpace(s.line)) > 0 {
			s.message(s.line)
		}
		s.line, s.long = s.line[:0], false
	}
}

// unreadable counts a message that is none; some in a row are a fault.
func (s *session) unreadable(code string, err error) {
	s.d.stats.bad.Add(1)
	if s.d.cfg.Log != nil {
		s.d.cfg.Log.Debug("message refused", "device", s.d.cfg.Name, "code", code, "err", err)
	}
	if s.bad++; s.bad >= badLimit {
		s.d.tracker.Set(drivers.Degraded, code, "")
	}
}

func (s *session) message(payload []byte) {
	events, err := Decode(payload)
	if errors.Is(err, ErrJSON) {
		s.unreadable(drivers.CodeZebraUnreadable, err)
		return
	}
	s.heard = s.d.cfg.Now()
	if err != nil {
		s.unreadable(drivers.CodeZebraTag, err)
	} else {
		s.bad = 0
	}
	for _, e := range events {
		s.event(e)
	}
	if s.bad < badLimit {
		s.settle()
	}
}

// settle shows what the reader is: gone, with an alert, or ready.
func (s *session) settle() {
	if s.d.tracker.Status().State == drivers.Absent {
		return
	}
	for _, a := range s.alerts {
		s.d.tracker.Set(drivers.Degraded, drivers.CodeZebraAlert, fmt.Sprintf("the reader reports %s: %s", a.ID, a.Text))
		return
	}
	if s.asked == "" && s.retry && s.d.tracker.Status().Code == drivers.CodeZebraRefuses {
		return
	}
	if s.asked == "" || s.d.tracker.Status().State != drivers.Opening {
		s.d.tracker.Set(drivers.Ready, "", "the reader talks")
	}
}

func (s *session) event(e Report) {
	switch e.Kind {
	case Response:
		s.answer(e.Answer)
	case Conn:
		if e.Up {
			s.asked, s.retry, s.askedAt = "", true, time.Time{} // it may have forgotten that it was to read
			return
		}
		s.d.tracker.Set(drivers.Absent, drivers.CodeZebraGone, "")
	case Heartbeat:
		s.beat(e.At)
		s.back()
	case Alert:
		s.alert(e.Alert)
	case Tags:
		s.back()
		s.retry, s.reading = false, s.d.cfg.Now()
		s.tags(e)
	}
}

// beat learns from a heartbeat how the reader's clock stands to this one. A reader
// that was cut off may have kept heartbeats as well as reads, and one of an hour ago
// would make those reads ones of now: what looks late is believed when the next
// heartbeat is as late, which kept ones, that come at once, are not.
func (s *session) beat(at time.Time) {
	if at.IsZero() {
		return
	}
	ahead := s.d.cfg.Now().Sub(at)
	late := ahead-s.clock > s.d.cfg.Stale
	if late && !(at.After(s.doubt) && !s.doubt.IsZero() && (ahead-s.doubted).Abs() < time.Second) {
		s.doubt, s.doubted = at, ahead
		return
	}
	s.clock, s.doubt = ahead, time.Time{}
}

// back: who talks is there.
func (s *session) back() {
	if s.d.tracker.Status().State == drivers.Absent {
		s.d.tracker.Set(drivers.Opening, "", "the reader talks")
		if s.asked == "" {
			s.retry, s.askedAt = true, time.Time{}
		}
	}
}

func (s *session) answer(a Answer) {
	if a.ID != s.asked || s.asked == "" {
		return
	}
	s.asked = ""
	if a.OK || a.Already {
		s.retry = false
		s.d.tracker.Set(drivers.Ready, "", "the reader reads")
		return
	}
	s.retry = true
	s.d.tracker.Set(drivers.Degraded, drivers.CodeZebraRefuses, "the reader refuses to read: "+a.Text)
}

// alert keeps conditions that last, of those a person must do something about.
// Fixed readers only tell of an error once, so theirs is shown and logged, not
// kept.
func (s *session) alert(c Condition) {
	grave := c.Priority == "CRITICAL" || c.Priority == "HIGH"
	switch {
	case c.State == "CLEAR":
		delete(s.alerts, c.ID)
	case c.State == "SET" && grave && len(s.alerts) < 16:
		s.alerts[c.ID] = c
	}
	if grave && c.State != "CLEAR" && s.d.cfg.Log != nil {
		s.d.cfg.Log.Warn("the reader reports", "device", s.d.cfg.Name, "code", drivers.CodeZebraAlert, "what", c.ID, "priority", c.Priority, "text", c.Text)
	}
}

// tags hands reads on. A reader that was cut off keeps its reads and sends them
// when it is back; its heartbeats say how its clock stands to this one.
func (s *session) tags(e Report) {
	now := s.d.cfg.Now()
	if !e.At.IsZero() {
		if late := now.Sub(e.At) - s.clock; late > s.d.cfg.Stale {
			s.d.stats.stale.Add(uint64(len(e.Tags) + len(e.Barcodes)))
			if s.d.cfg.Log != nil {
				s.d.cfg.Log.Debug("late reads dropped", "device", s.d.cfg.Name, "code", drivers.CodeZebraLate, "late", late)
			}
			return
		}
	}
	for _, t := range e.Tags {
		s.d.stats.reads.Add(1)
		s.d.cfg.Sink(rfid.Read{EPC: t.EPC, PC: t.PC, Antenna: t.Antenna, RSSI: t.RSSI, Phase: t.Phase, HasPhase: t.HasPhase, At: now, ReaderTime: e.At})
	}
	for _, b := range e.Barcodes {
		s.d.stats.barcodes.Add(1)
		s.d.cfg.Barcode(b)
	}
}
