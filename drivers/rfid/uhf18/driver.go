// Package uhf18 drives UHF readers that speak the protocol of UHFReader18 on a
// serial line (RRU9803, RRU9809, many of Chafon), and its variant UHFReader288
// (Chafon CF-RU and CF-MU series) with antenna switching and strength. 57600 8N1,
// many at 115200. Wire reference: UHF RFID Reader UHFReader18 User's Manual V2.0,
// and UHFReader288 V1; chafon-rfid of wabson for the answers.
//
// Frames are a length, an address, a command and a CRC of 16 bits. The driver
// starts an inventory, collects the frames of its answer and starts the next;
// the 288 takes its antennas in turn. A reader that pushes tags by itself (scan
// mode) is set to answer.
//
// The goroutine that calls Run owns the session; it also calls Config.Sink.
package uhf18

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

// Names in the table of drivers.
const (
	DriverName    = "uhf18"
	DriverName288 = "uhf288"
)

// Rates these readers are delivered with.
const (
	Baud    = 57600
	Baud288 = 115200
)

// Limits and defaults.
const (
	MaxPower        = 33 // dBm; the 18 ends at 30
	MaxAntennas     = 4  // of the 288
	DefaultAnswer   = time.Second
	DefaultScanTime = 300 * time.Millisecond
	scanUnit        = 100 * time.Millisecond
)

// Variant is which of the two a reader is.
type Variant int

// The variants.
const (
	UHF18  Variant = iota // one antenna, no strength
	UHF288                // up to four antennas, strength in a unit of its own
)

func (v Variant) name() string {
	if v == UHF288 {
		return DriverName288
	}
	return DriverName
}

// Config of one reader.
type Config struct {
	Name     string          // as shown to people, e.g. "rfid/dock1"
	Open     drivers.Opener  // how to reach it
	Sink     func(rfid.Read) // gets every read, from Run's goroutine; must not block
	Variant  Variant         // default UHF18
	Antennas []int           // ports to read with, in this order, from 1; default the first. The 18 has one
	Power    int             // dBm, 1..33; 0 leaves what the reader has
	Address  int             // of the reader on its line, 1..254; 0 takes whichever answers
	ScanTime time.Duration   // longest inventory, 300 ms (default) to 25.5 s; below 0 leaves what the reader has

	Answer  time.Duration // for one answer, and between two frames of one; default 1 s, at least 10 ms, and never below the scan time
	Silence time.Duration // without any frame the reader is set up anew; default 2 s, at least Answer
	Retry   time.Duration // after a refusal, a missing antenna or a silence; default 1 s

	Now      func() time.Time     // nil = time.Now
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Driver is one reader.
type Driver struct {
	*rounds.Driver
	cfg     Config
	version atomic.Pointer[string]

	// Run's goroutine owns these.
	addr    byte // that answers; AddrBroadcast before one did
	next    int  // index of the antenna of the next round
	antenna int  // of this round
	missing map[int]bool
}

// New checks the configuration; it touches no hardware.
func New(cfg Config) (*Driver, error) {
	if len(cfg.Antennas) == 0 {
		cfg.Antennas = []int{1}
	}
	cfg.Antennas = slices.Clone(cfg.Antennas)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.ScanTime == 0 {
		cfg.ScanTime = DefaultScanTime
	}
	if cfg.Answer == 0 {
		cfg.Answer = max(DefaultAnswer, cfg.ScanTime+scanUnit*2)
	}
	ports := 1
	if cfg.Variant == UHF288 {
		ports = MaxAntennas
	}
	name := cfg.Variant.name()
	switch {
	case cfg.Power < 0 || cfg.Power > MaxPower:
		return nil, fmt.Errorf("%s %s: power %d dBm, want 1 to %d", name, cfg.Name, cfg.Power, MaxPower)
	case cfg.Address < 0 || cfg.Address >= AddrBroadcast:
		return nil, fmt.Errorf("%s %s: address %d, want 0 to 254", name, cfg.Name, cfg.Address)
	case cfg.ScanTime > 0 && (cfg.ScanTime < 3*scanUnit || cfg.ScanTime > 255*scanUnit || cfg.ScanTime%scanUnit != 0):
		return nil, fmt.Errorf("%s %s: scan time %v, want 300ms to 25.5s in steps of 100ms", name, cfg.Name, cfg.ScanTime)
	}
	if err := rounds.CheckAntennas(cfg.Antennas, ports); err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, cfg.Name, err)
	}
	d := &Driver{cfg: cfg, addr: AddrBroadcast, missing: map[int]bool{}}
	if cfg.Address != 0 {
		d.addr = byte(cfg.Address)
	}
	var err error
	d.Driver, err = rounds.New(rounds.Config{
		Driver: name, Name: cfg.Name, Open: cfg.Open, Sink: cfg.Sink, Antennas: len(cfg.Antennas),
		Answer: cfg.Answer, Silence: cfg.Silence, Retry: cfg.Retry, Log: cfg.Log, OnStatus: cfg.OnStatus,
		Packet: func(p []byte) (int, bool) { return packet(p, d.addr) },
	}, family{d})
	return d, err
}

// Firmware is what the reader calls its type and version, "UHFReader18 3.63",
// or "" before it told.
func (d *Driver) Firmware() string {
	if v := d.version.Load(); v != nil {
		return *v
	}
	return ""
}

// Reader is New of a UHFReader18 with the settings every family has.
func Reader(s rfid.Settings) (rfid.Reader, error) { return ofVariant(s, UHF18) }

// Reader288 is New of a UHFReader288 with the settings every family has.
func Reader288(s rfid.Settings) (rfid.Reader, error) { return ofVariant(s, UHF288) }

func ofVariant(s rfid.Settings, v Variant) (rfid.Reader, error) {
	d, err := New(Config{
		Name: s.Name, Open: s.Open, Sink: s.Sink, Variant: v, Antennas: s.Antennas, Power: s.Power,
		Now: s.Now, Log: s.Log, OnStatus: s.OnStatus,
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}
