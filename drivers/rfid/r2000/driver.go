// Package r2000 drives UHF RFID readers of the Impinj R2000 family (Invelion,
// Yanzeng, YR8900 and others) on a serial line, 115200 8N1. Wire reference: UHF
// RFID Reader Serial Interface Protocol V3; packets begin with A0 and sum to 0.
//
// The reader works in rounds that the driver starts one after the other:
// real-time inventory with one antenna, fast switch with several. There is
// nothing to switch off: when Run ends, so does the reading.
//
// The goroutine that calls Run owns the session; it also calls Config.Sink.
package r2000

import (
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/internal/rounds"
)

// DriverName is this driver's name in the table of drivers.
const DriverName = "r2000"

// Defaults.
const (
	DefaultAddress    = 1
	DefaultPorts      = 4
	DefaultRSSIOffset = -129
	// Baud is the rate these readers are delivered with.
	Baud = 115200
)

// MaxPower is the most a reader of this family can send, dBm. What is allowed
// depends on the country and the antenna.
const MaxPower = 33

// Config of one reader.
type Config struct {
	Name     string          // as shown to people, e.g. "rfid/dock1"
	Open     drivers.Opener  // how to reach it
	Sink     func(rfid.Read) // gets every read, from Run's goroutine; must not block
	Antennas []int           // ports to read with, in this order, from 1; default the first
	Ports    int             // how many the reader has: 4 (default) or 8
	Power    int             // dBm, 1..33; 0 leaves what the reader has
	Address  int             // of the reader on its line; default 1; 255 takes whichever answers

	RSSIOffset int           // dBm = byte + offset, differs by firmware; default -129
	Answer     time.Duration // for one answer, and between two reports of a round; default 500 ms, at least 10 ms
	Silence    time.Duration // without any report: the reader is reset; default 2 s, at least Answer
	Retry      time.Duration // after a refusal, a missing antenna or a reset; default 1 s

	Now      func() time.Time     // nil = time.Now
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Driver is one reader.
type Driver struct {
	*rounds.Driver
	cfg      Config
	firmware atomic.Pointer[string]
}

// New checks the configuration; it touches no hardware.
func New(cfg Config) (*Driver, error) {
	cfg = cfg.filled()
	switch {
	case cfg.Ports != 4 && cfg.Ports != 8:
		return nil, fmt.Errorf("r2000 %s: %d ports, there are readers with 4 and 8", cfg.Name, cfg.Ports)
	case cfg.Power < 0 || cfg.Power > MaxPower:
		return nil, fmt.Errorf("r2000 %s: power %d dBm, want 1 to %d", cfg.Name, cfg.Power, MaxPower)
	case cfg.Address < 0 || cfg.Address > AddrBroadcast:
		return nil, fmt.Errorf("r2000 %s: address %d, want 0 to 255", cfg.Name, cfg.Address)
	}
	if err := rounds.CheckAntennas(cfg.Antennas, cfg.Ports); err != nil {
		return nil, fmt.Errorf("r2000 %s: %w", cfg.Name, err)
	}
	d := &Driver{cfg: cfg}
	var err error
	d.Driver, err = rounds.New(rounds.Config{
		Driver: DriverName, Name: cfg.Name, Open: cfg.Open, Sink: cfg.Sink, Antennas: len(cfg.Antennas),
		Answer: cfg.Answer, Silence: cfg.Silence, Retry: cfg.Retry, Log: cfg.Log, OnStatus: cfg.OnStatus,
		Packet: packet, Mine: func(wire []byte) bool { return cfg.Address == AddrBroadcast || wire[2] == byte(cfg.Address) },
	}, family{d})
	return d, err
}

func (c Config) filled() Config {
	if len(c.Antennas) == 0 {
		c.Antennas = []int{1}
	}
	c.Antennas = slices.Clone(c.Antennas)
	fill(&c.Ports, DefaultPorts)
	fill(&c.Address, DefaultAddress)
	fill(&c.RSSIOffset, DefaultRSSIOffset)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func fill(v *int, standard int) {
	if *v == 0 {
		*v = standard
	}
}

// Firmware is what the reader calls its version, "1.9", or "" before it told.
func (d *Driver) Firmware() string {
	if v := d.firmware.Load(); v != nil {
		return *v
	}
	return ""
}
