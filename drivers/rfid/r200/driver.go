// Package r200 drives UHF modules of the R200 family (M100, QM100, YRM100,
// JRD-4035, R200) on a serial line, 115200 8N1. Wire reference: M100 module
// protocol manual; frames BB … 7E, or AA … DD with the same content, which the
// driver finds out.
//
// The module has one antenna. It polls by itself once told to, 65535 times, and
// says after each poll what it found: tags, or that there was none. When it
// falls silent the polls are over, and are ordered again. It is told to stop
// when Run ends.
//
// The goroutine that calls Run owns the session; it also calls Config.Sink.
package r200

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/internal/rounds"
)

// DriverName is this driver's name in the table of drivers.
const DriverName = "r200"

// Baud is the rate these modules are delivered with.
const Baud = 115200

// MaxPower is the most a module of this family can send, dBm; many end at 26.
// What is allowed depends on the country and the antenna.
const MaxPower = 33

// Config of one module.
type Config struct {
	Name  string          // as shown to people, e.g. "rfid/dock1"
	Open  drivers.Opener  // how to reach it
	Sink  func(rfid.Read) // gets every read, from Run's goroutine; must not block
	Power int             // dBm, 1..33; 0 leaves what the module has

	Answer  time.Duration // for one answer, and between two reports; default 500 ms, at least 10 ms
	Silence time.Duration // without any report the module is set up anew; default 2 s, at least Answer
	Retry   time.Duration // after a refusal or a silence; default 1 s

	Now      func() time.Time     // nil = time.Now
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Driver is one module.
type Driver struct {
	*rounds.Driver
	cfg   Config
	lead  byte // first byte of its frames; 0 before it answered. Run's goroutine owns it
	model atomic.Pointer[string]
}

// New checks the configuration; it touches no hardware.
func New(cfg Config) (*Driver, error) {
	if cfg.Power < 0 || cfg.Power > MaxPower {
		return nil, fmt.Errorf("r200 %s: power %d dBm, want 1 to %d", cfg.Name, cfg.Power, MaxPower)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Driver{cfg: cfg}
	var err error
	d.Driver, err = rounds.New(rounds.Config{
		Driver: DriverName, Name: cfg.Name, Open: cfg.Open, Sink: cfg.Sink, Antennas: 1,
		Answer: cfg.Answer, Silence: cfg.Silence, Retry: cfg.Retry, Log: cfg.Log, OnStatus: cfg.OnStatus,
		Packet: packet,
	}, family{d})
	return d, err
}

// Model is what the module calls its hardware, "M100 26dBm V1.0", or "" before
// it told.
func (d *Driver) Model() string {
	if v := d.model.Load(); v != nil {
		return *v
	}
	return ""
}

// Reader is New with the settings every family has.
func Reader(s rfid.Settings) (rfid.Reader, error) {
	if err := rounds.CheckAntennas(s.Antennas, 1); err != nil {
		return nil, fmt.Errorf("r200 %s: %w", s.Name, err)
	}
	d, err := New(Config{
		Name: s.Name, Open: s.Open, Sink: s.Sink, Power: s.Power, Now: s.Now, Log: s.Log, OnStatus: s.OnStatus,
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}
