package scanner

import (
	"context"
	"fmt"
	"time"

	"tote/drivers"
	"tote/drivers/scanner/evdev"
)

// WedgeName is the name of the driver for scanners that act as a keyboard in the
// table of drivers.
const WedgeName = "wedge"

// SuffixGap ends a scan of a keyboard scanner that sends no Enter: with a pause.
const SuffixGap Suffix = "gap"

// NewWedge makes a scanner that acts as a keyboard; Open must be of package evdev.
// Config.Suffix is "" (Enter ends a scan) or SuffixGap. It checks the configuration
// and touches no hardware.
func NewWedge(cfg Config) (*Driver, error) {
	if cfg.Layout == "" {
		cfg.Layout = string(evdev.US)
	}
	d, err := newDriver(cfg, WedgeName)
	if err != nil {
		return nil, err
	}
	if _, err := evdev.NewKeyboard(evdev.Layout(cfg.Layout)); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Name, err)
	}
	if cfg.Suffix != "" && cfg.Suffix != SuffixGap {
		return nil, fmt.Errorf("%s: scanner: suffix %q, want none or gap", cfg.Name, cfg.Suffix)
	}
	d.begin = d.wedge
	return d, nil
}

func (d *Driver) wedge(_ context.Context, s *session, _ drivers.Port) (wire, error) {
	k, err := evdev.NewKeyboard(evdev.Layout(d.cfg.Layout))
	if err != nil {
		return nil, err
	}
	d.tracker.Set(drivers.Ready, "", connected)
	return &wedgeWire{keys: k, frame: s.frame, max: d.cfg.MaxLength, gaps: d.cfg.Suffix == SuffixGap}, nil
}

// wedgeWire is one session with a keyboard.
type wedgeWire struct {
	keys  *evdev.Keyboard
	frame func(data, code string)
	max   int
	gaps  bool // a pause ends a scan

	half []byte // of an event: a read of the port may end within one
	scan []byte
	bad  string // why what is typed now is refused
}

func (w *wedgeWire) push(p []byte) {
	w.half = append(w.half, p...)
	for len(w.half) >= evdev.EventSize {
		w.keys.Event(evdev.Decode(w.half), w.typed, w.end, w.lost)
		w.half = append(w.half[:0], w.half[evdev.EventSize:]...)
	}
}

func (w *wedgeWire) typed(r rune) {
	if r == '\r' || r == '\n' {
		w.end()
		return
	}
	if len(w.scan) >= w.max && w.bad == "" {
		w.bad = drivers.CodeScannerTooLong
	}
	if w.bad == "" {
		w.scan = append(w.scan, string(r)...)
	}
}

func (w *wedgeWire) lost(dropped bool) {
	if dropped {
		w.bad = drivers.CodeScannerLost
	} else if w.bad == "" {
		w.bad = drivers.CodeScannerKey
	}
}

func (w *wedgeWire) end() {
	data, code := string(w.scan), w.bad
	w.scan, w.bad = w.scan[:0], ""
	if code == "" && data != "" {
		code = unfit(data)
	}
	switch {
	case code != "":
		w.frame("", code)
	case data != "":
		w.frame(data, "")
	}
}

func (w *wedgeWire) wait() time.Duration {
	if len(w.scan) > 0 || w.bad != "" || len(w.half) > 0 {
		return partialLimit
	}
	return 0
}

func (w *wedgeWire) gap() {
	w.half = w.half[:0]
	if !w.gaps && w.bad == "" && len(w.scan) > 0 {
		w.bad = drivers.CodeScannerIncomplete
	}
	w.end()
}
