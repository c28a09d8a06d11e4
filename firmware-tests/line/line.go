// Package line is what all emulators share on their serial line: the switches
// of their faults, reading bytes off the line, and a voice that speaks through
// the faults (noise, split frames).
//
// The package owns one goroutine per Pump; everything else runs in the caller.
package line

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"tote/firmware-tests/pty"
)

// Faults every emulator on a line has.
const (
	Noise  = "noise"  // garbage bytes before and inside frames
	Split  = "split"  // frames arrive byte by byte
	Stall  = "stall"  // the device is dead but the line is fine
	Unplug = "unplug" // the device is gone; switching it off plugs it in again
)

// ErrUnknownFault: the device has no fault of that name.
var ErrUnknownFault = errors.New("line: no such fault")

// SplitGap is the pause between two bytes of a split frame.
const SplitGap = 2 * time.Millisecond

// Faults are the fault switches of one device, all off at first. Safe for any
// goroutine.
type Faults struct {
	mu sync.Mutex
	on map[string]bool
}

// NewFaults makes the switches of a device.
func NewFaults(names ...string) *Faults {
	f := &Faults{on: make(map[string]bool, len(names))}
	for _, n := range names {
		f.on[n] = false
	}
	return f
}

// Set switches one fault. It fails with ErrUnknownFault.
func (f *Faults) Set(name string, on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.on[name]; !ok {
		return fmt.Errorf("%w: %q; there are %s", ErrUnknownFault, name, strings.Join(f.names(false), ", "))
	}
	f.on[name] = on
	return nil
}

// On tells whether a fault is switched on.
func (f *Faults) On(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.on[name]
}

// Active lists the faults that are on, sorted.
func (f *Faults) Active() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names(true)
}

// Names lists all faults of the device, sorted.
func (f *Faults) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names(false)
}

func (f *Faults) names(onlyOn bool) []string {
	ns := make([]string, 0, len(f.on))
	for n, on := range f.on {
		if on || !onlyOn {
			ns = append(ns, n)
		}
	}
	slices.Sort(ns)
	return ns
}

// Piece is what Pump delivers: bytes, or the news that the line was cut and
// what came before will not be completed.
type Piece struct {
	Data []byte
	Lost bool
}

// Pump reads r in its own goroutine until r fails for good, then closes the
// channel. It stops early when stop is closed and r is closed.
func Pump(r io.Reader, stop <-chan struct{}) <-chan Piece {
	out := make(chan Piece)
	go func() {
		defer close(out)
		for {
			buf := make([]byte, 1024)
			n, err := r.Read(buf)
			p := Piece{Data: buf[:n], Lost: errors.Is(err, pty.ErrUnplugged)}
			if n > 0 || p.Lost {
				select {
				case out <- p:
				case <-stop:
					return
				}
			}
			if err != nil && !p.Lost {
				return
			}
		}
	}()
	return out
}

// Voice writes frames the way the faults let them through. One goroutine at a
// time.
type Voice struct {
	w      io.Writer
	faults *Faults
	rng    *rand.Rand
	frames int
}

// NewVoice makes a voice. The same seed makes the same noise.
func NewVoice(w io.Writer, f *Faults, seed uint64) *Voice {
	return &Voice{w: w, faults: f, rng: rand.New(rand.NewPCG(seed, seed))}
}

// Say writes one frame at once and tells whether all of it went to somebody
// who listens. Under Noise two frames of three are damaged and the third is
// whole, so that a driver which resynchronises and asks again gets through.
func (v *Voice) Say(frame []byte) bool {
	return v.SayIn(frame, len(frame), 0)
}

// SayIn writes like Say, in chunks of so many bytes with a gap between them.
func (v *Voice) SayIn(frame []byte, chunk int, gap time.Duration) bool {
	if v.faults.On(Noise) {
		frame = v.spoil(frame)
	}
	if v.faults.On(Split) {
		chunk, gap = 1, SplitGap
	}
	for len(frame) > 0 {
		n := min(max(chunk, 1), len(frame))
		if _, err := v.w.Write(frame[:n]); err != nil {
			return false
		}
		if frame = frame[n:]; len(frame) > 0 {
			time.Sleep(gap)
		}
	}
	return true
}

func (v *Voice) spoil(frame []byte) []byte {
	v.frames++
	switch v.frames % 3 {
	case 1: // garbage before the frame
		return append(v.garbage(3), frame...)
	case 2: // garbage inside the frame
		at := len(frame) / 2
		return slices.Concat(frame[:at], v.garbage(2), frame[at:])
	}
	return frame
}

// garbage is bytes no device of ours sends: what a line picks up is rarely
// plausible ASCII, and a plausible digit could not be told from a weight.
func (v *Voice) garbage(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(0x80 + v.rng.IntN(0x80))
	}
	return b
}
