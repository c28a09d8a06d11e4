// Package script plays faults of emulated devices by a timetable in a YAML file,
// the same way each time:
//
//	seed: 7                  # of everything that chance decides here; default 1
//	steps:
//	  - at: 2s               # after the devices are ready
//	    device: pack1-scale  # left out: the only device
//	    fault: noise         # as the device names its faults
//	    for: 5s              # left out: for good
//	  - {at: 10s, jitter: 2s, fault: unplug, for: 500ms, every: 30s, times: 20}
//	  - {when: received, after: 100ms, device: pack1-printer, fault: paper_out, for: 8s}
//
// A step has either at, or when: then it begins after something of that kind
// stands in the record of its device (received: a label; put: a weight …), each
// time, up to times (default 1). every and times repeat a step with at. jitter
// moves each beginning by 0 up to that much. Where steps overlap, a fault is off
// when the last of them has ended. What a script says that makes no sense is an
// error with its line.
//
// Run starts a goroutine for each step with when, and has ended them all when it
// returns.
package script

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"tote/firmware-tests/record"
)

// maxSteps bounds what a script comes to when all repetitions are written out.
const maxSteps = 100_000

// ErrScript: the script makes no sense.
var ErrScript = errors.New("script")

// Target is an emulated device.
type Target interface {
	Faults() []string // names of all
	SetFault(name string, on bool) error
	Book() *record.Book
}

// Script is a timetable that was read and makes sense by itself.
type Script struct {
	file  string
	seed  uint64
	steps []step
}

// step is one line of the timetable.
type step struct {
	line   int
	device string
	fault  string
	at     time.Duration
	when   string // kind of record; "" = at
	after  time.Duration
	jitter time.Duration
	length time.Duration // 0 = for good
	every  time.Duration
	times  int
}

// Load reads a file.
func Load(path string) (*Script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScript, err)
	}
	return Parse(path, text)
}

// Check holds the script against the devices there are.
func (s *Script) Check(devices map[string]Target) error {
	names := slices.Sorted(maps.Keys(devices))
	for i := range s.steps {
		st := &s.steps[i]
		if st.device == "" && len(names) == 1 {
			st.device = names[0]
		}
		d, ok := devices[st.device]
		switch {
		case st.device == "":
			return s.wrong(st.line, "device must be given: there are %s", strings.Join(names, ", "))
		case !ok:
			return s.wrong(st.line, "no device %q: there are %s", st.device, strings.Join(names, ", "))
		case !slices.Contains(d.Faults(), st.fault):
			return s.wrong(st.line, "no fault %q of %s: there are %s", st.fault, st.device, strings.Join(d.Faults(), ", "))
		}
	}
	return nil
}

func (s *Script) wrong(line int, format string, args ...any) error {
	return fmt.Errorf("%w %s:%d: %s", ErrScript, s.file, line, fmt.Sprintf(format, args...))
}

// turn is one switch of one fault.
type turn struct {
	at            time.Duration
	device, fault string
	on            bool
}

// turns writes the steps with at out, in order of time. The same seed gives the
// same times.
func (s *Script) turns() []turn {
	rng := rand.New(rand.NewPCG(s.seed, s.seed))
	var out []turn
	for _, st := range s.steps {
		if st.when != "" {
			continue
		}
		for n := range max(st.times, 1) {
			at := st.at + time.Duration(n)*st.every + moved(rng, st.jitter)
			out = append(out, turn{at, st.device, st.fault, true})
			if st.length > 0 {
				out = append(out, turn{at + st.length, st.device, st.fault, false})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b turn) int { return cmp.Compare(a.at, b.at) })
	return out
}

func moved(rng *rand.Rand, jitter time.Duration) time.Duration {
	if jitter <= 0 {
		return 0
	}
	return time.Duration(rng.Int64N(int64(jitter) + 1))
}

// Run plays the script on the devices, from now on, until it is over or ctx is
// done; the faults it switched on for a time stay as they are then.
func (s *Script) Run(ctx context.Context, devices map[string]Target) error {
	if err := s.Check(devices); err != nil {
		return err
	}
	sw := &switches{devices: devices, on: map[[2]string]int{}}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i, st := range s.steps {
		if st.when == "" {
			continue
		}
		after := devices[st.device].Book().LastSeq()
		wg.Go(func() {
			if err := s.follow(ctx, sw, uint64(i), st, after); err != nil {
				cancel(err)
			}
		})
	}
	began := time.Now()
	for _, e := range s.turns() {
		if !sleep(ctx, time.Until(began.Add(e.at))) {
			break
		}
		if err := sw.set(e.device, e.fault, e.on); err != nil {
			cancel(err)
			break
		}
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// follow plays a step that waits for the record.
func (s *Script) follow(ctx context.Context, sw *switches, nth uint64, st step, after int) error {
	rng := rand.New(rand.NewPCG(s.seed, nth))
	for left := max(st.times, 1); left > 0; {
		entries := sw.devices[st.device].Book().Wait(ctx, after)
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range entries {
			after = e.Seq
			if e.Kind != st.when {
				continue
			}
			left--
			if !sleep(ctx, st.after+moved(rng, st.jitter)) {
				return nil
			}
			if err := sw.set(st.device, st.fault, true); err != nil || st.length == 0 {
				return err
			}
			if !sleep(ctx, st.length) {
				return nil
			}
			if err := sw.set(st.device, st.fault, false); err != nil || left == 0 {
				return err
			}
		}
	}
	return nil
}

// sleep tells whether the time passed; false when ctx was done before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// switches count who wants a fault on.
type switches struct {
	devices map[string]Target

	mu sync.Mutex
	on map[[2]string]int
}

func (s *switches) set(device, fault string, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{device, fault}
	was := s.on[key]
	now := was + 1
	if !on {
		now = was - 1
	}
	s.on[key] = now
	if (was == 0) == (now == 0) {
		return nil
	}
	if err := s.devices[device].SetFault(fault, on); err != nil {
		return fmt.Errorf("%w: %s: %s: %w", ErrScript, device, fault, err)
	}
	return nil
}
