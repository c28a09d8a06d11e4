// Package thingmagic drives UHF modules that speak ThingMagic's Mercury serial
// protocol (M6e, M6e Micro and Nano, M7e) on a serial line, 115200 8N1. Wire
// reference: SparkFun Simultaneous RFID Tag Reader library, and the Mercury API.
//
// A module forgets its settings with its power: region, protocol, antennas and
// power are set at each start. It then reads without end and says once a second
// that it does. Each read is checked by the packet's CRC and by the CRC of the
// tag itself. It is told to stop when Run ends.
//
// The goroutine that calls Run owns the session; it also calls Config.Sink.
package thingmagic

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/internal/rounds"
)

// DriverName is this driver's name in the table of drivers.
const DriverName = "thingmagic"

// Limits and defaults.
const (
	Baud           = 115200
	MaxPower       = 31 // dBm; a Nano ends at 27
	MaxAntennas    = 4
	DefaultAnswer  = 1500 * time.Millisecond // the module speaks once a second
	DefaultSilence = 4 * time.Second
)

// regions by the name of the configuration: the bands the law allows there.
var regions = map[string]byte{
	"us": 0x01, "in": 0x04, "jp": 0x05, "cn": 0x06, "eu": 0x08, "kr": 0x09, "au": 0x0B, "nz": 0x0C,
}

// Regions lists the regions a module can be set to.
func Regions() []string { return slices.Sorted(maps.Keys(regions)) }

// Config of one module.
type Config struct {
	Name     string          // as shown to people, e.g. "rfid/dock1"
	Open     drivers.Opener  // how to reach it
	Sink     func(rfid.Read) // gets every read, from Run's goroutine; must not block
	Antennas []int           // ports to read with, in this order, from 1; default the first
	Power    int             // dBm, 1..31; 0 leaves what the module has
	Region   string          // one of Regions; "" leaves what the module has, and it must have one

	Answer  time.Duration // for one answer, and between two reports; default 1.5 s, at least 10 ms
	Silence time.Duration // without any report the module is set up anew; default 4 s, at least Answer
	Retry   time.Duration // after a refusal or a silence; default 1 s

	Now      func() time.Time     // nil = time.Now
	Log      *slog.Logger         // nil = silent
	OnStatus func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Driver is one module.
type Driver struct {
	*rounds.Driver
	cfg     Config
	version atomic.Pointer[string]

	// Run's goroutine owns these.
	alive   time.Time // when the module last said that it reads
	warning string    // code of what it last complained of
	warned  time.Time
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
	if cfg.Answer == 0 {
		cfg.Answer = DefaultAnswer
	}
	if cfg.Silence == 0 {
		cfg.Silence = max(DefaultSilence, cfg.Answer)
	}
	if cfg.Power < 0 || cfg.Power > MaxPower {
		return nil, fmt.Errorf("%s %s: power %d dBm, want 1 to %d", DriverName, cfg.Name, cfg.Power, MaxPower)
	}
	if _, ok := regions[cfg.Region]; !ok && cfg.Region != "" {
		return nil, fmt.Errorf("%s %s: region %q, want one of %v", DriverName, cfg.Name, cfg.Region, Regions())
	}
	if err := rounds.CheckAntennas(cfg.Antennas, MaxAntennas); err != nil {
		return nil, fmt.Errorf("%s %s: %w", DriverName, cfg.Name, err)
	}
	d := &Driver{cfg: cfg}
	var err error
	d.Driver, err = rounds.New(rounds.Config{
		Driver: DriverName, Name: cfg.Name, Open: cfg.Open, Sink: cfg.Sink, Antennas: len(cfg.Antennas),
		Answer: cfg.Answer, Silence: cfg.Silence, Retry: cfg.Retry, Log: cfg.Log, OnStatus: cfg.OnStatus,
		Packet: packet,
	}, family{d})
	return d, err
}

// Firmware is what the module calls its version, "02.01.06.08", or "" before it
// told.
func (d *Driver) Firmware() string {
	if v := d.version.Load(); v != nil {
		return *v
	}
	return ""
}

// Reader is New with the settings every family has.
func Reader(s rfid.Settings) (rfid.Reader, error) {
	d, err := New(Config{
		Name: s.Name, Open: s.Open, Sink: s.Sink, Antennas: s.Antennas, Power: s.Power, Region: s.Region,
		Now: s.Now, Log: s.Log, OnStatus: s.OnStatus,
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}
