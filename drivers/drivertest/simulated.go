package drivertest

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers"
)

// Flips asks the conformance suite for the case "one bit of Frame is changed",
// for each bit of it. The driver must understand the good frames that follow.
type Flips struct {
	// Policy is for a wire whose check cannot see every bit, or that has none:
	// it tells whether the driver, by its documented policy, may deliver text
	// when this bit (8 × byte + bit, from 0) was changed. How many it let
	// through is logged. nil = nothing but Want may be delivered.
	Policy func(bit int, text string) bool
	// After is how many good frames come before the damaged one: for a driver
	// that does not believe the first of a session. 0 = the damaged one is first.
	After int
}

// Day asks the suite for 24 hours of simulated time with a trouble each hour:
// unplugged, silent, noise, cut and damaged frames. The driver must come back
// from each, deliver nothing but Want, and hold no more memory and goroutines
// in the evening than in the morning.
type Day struct {
	// New makes the driver as it is in production: with the short times of
	// Suite.New a day has too many rounds. nil = Suite.New.
	New func(t *testing.T, open drivers.Opener, deliver func(string)) Device
	// Pace is how long the device takes for an answer, or between two frames
	// when it talks by itself. It must be within the driver's patience;
	// default 200 ms.
	Pace time.Duration
}

const (
	simLimit   = 10 * time.Minute // of simulated time, for anything to come
	simBackoff = time.Second      // of the supervisor, between two sessions
	heapGrowth = 1 << 20          // bytes: less in a day is no leak
)

// flips changes each bit of the frame, one driver for each.
func flips(t *testing.T, s Suite) {
	passed := 0
	for bit := range len(s.Frame) * 8 {
		synctest.Test(t, func(t *testing.T) {
			m := simulate(t, s, s.New, 0)
			if s.Ask == "" {
				m.pace = 7 * time.Millisecond
			}
			spoiled := []byte(s.Frame)
			spoiled[bit/8] ^= 1 << (bit % 8)
			m.allow = func(text string) bool {
				if s.Flips.Policy == nil || !s.Flips.Policy(bit, text) {
					return false
				}
				passed++
				return true
			}
			m.about = func() string { return string(spoiled) }
			m.say(func(n int) string {
				if n == s.Flips.After {
					return string(spoiled)
				}
				return s.Frame
			})
			m.run()
			m.until("deliveries after a damaged frame", func() bool { return m.said >= s.Flips.After+3 && m.got >= s.Flips.After+2 })
			m.until("the state ready", func() bool { return m.dev.Status().State == drivers.Ready })
			m.stop()
		})
	}
	t.Logf("%d flips, %d things delivered out of damaged frames", len(s.Frame)*8, passed)
}

// unplugs takes the device away at each byte of the frame and plugs it in again: one
// driver lives through all of them. What is not whole is never delivered, the driver
// says that its device is gone, and nothing of the piece is left when it is back.
func unplugs(t *testing.T, s Suite) {
	synctest.Test(t, func(t *testing.T) {
		m := simulate(t, s, s.New, 7*time.Millisecond)
		cut := 0
		m.about = func() string { return s.Frame[:cut] }
		m.say(func(int) string { return s.Frame })
		m.run()
		m.until("the state ready", func() bool { return m.dev.Status().State == drivers.Ready })
		for cut = range len(s.Frame) + 1 {
			before := 0
			m.say(func(n int) string {
				if n > 0 {
					return ""
				}
				before = m.got
				return s.Frame[:cut]
			})
			m.until("a question, or time to talk", func() bool { return m.said > 0 })
			<-time.After(m.pace) // it is on the wire
			synctest.Wait()
			m.peer.Plug(false)
			m.until("the state absent", func() bool { return m.dev.Status().State == drivers.Absent })
			if st := m.dev.Status(); st.Code != drivers.CodeUnplugged {
				t.Errorf("after %d bytes: absent with code %q", cut, st.Code)
			}
			whole := strings.Trim(s.Frame[cut:], "\r\n\x03") == "" || s.Whole > 0 && cut >= s.Whole
			if got := m.delivered(); got != before && !whole || got > before+1 {
				t.Errorf("%d things delivered out of % X", got-before, s.Frame[:cut])
			}
			m.say(func(int) string { return s.Frame })
			m.peer.Plug(true)
			before = m.delivered()
			m.until("deliveries after the replug", func() bool { return m.got >= before+2 })
			m.until("the state ready after the replug", func() bool { return m.dev.Status().State == drivers.Ready })
		}
		m.stop()
	})
}

// day lives through 24 hours.
func day(t *testing.T, s Suite) {
	create, pace := s.Day.New, s.Day.Pace
	if create == nil {
		create = s.New
	}
	if pace == 0 {
		pace = 200 * time.Millisecond
	}
	half := s.half()
	good := func(int) string { return s.Frame }
	troubles := []struct {
		name   string
		device func(n int) string
	}{
		{"nothing", good},
		{"unplugged", nil},
		{"silence", func(int) string { return "" }},
		{"noise", func(int) string { return strings.Repeat(s.Garbage, 40) }},
		{"a frame cut short now and then", func(n int) string {
			if n%3 == 0 && !s.Joins {
				return s.Frame[:half]
			}
			return s.Frame
		}},
		{"noise before each frame", func(n int) string {
			if s.Unframed {
				return s.Frame
			}
			return s.Garbage + s.Frame
		}},
	}
	synctest.Test(t, func(t *testing.T) {
		m := simulate(t, s, create, pace)
		m.say(good)
		m.run()
		began := time.Now()
		var morning, evening footprint
		for hour := range 24 {
			trouble := troubles[hour%len(troubles)]
			if trouble.device == nil {
				m.peer.Plug(false)
			} else {
				m.say(trouble.device)
			}
			<-time.After(3 * time.Minute)
			m.peer.Plug(true)
			m.say(good)
			before := m.delivered()
			m.until("deliveries after "+trouble.name, func() bool { return m.got >= before+2 })
			m.until("the state ready after "+trouble.name, func() bool { return m.dev.Status().State == drivers.Ready })
			<-time.After(time.Until(began.Add(time.Duration(hour+1) * time.Hour)))
			synctest.Wait()
			if hour < len(troubles) {
				morning = measure() // buffers have grown to what they need
			}
		}
		evening = measure()
		if evening.goroutines > morning.goroutines || evening.heap > morning.heap+heapGrowth {
			t.Errorf("in the evening %+v, in the morning %+v", evening, morning)
		}
		m.stop()
		t.Logf("24 h: %d deliveries, %d sessions, heap %+d bytes", m.got, m.peer.Opens(), int64(evening.heap)-int64(morning.heap))
	})
}

// footprint is what the process holds.
type footprint struct {
	goroutines int
	heap       uint64
}

func measure() footprint {
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	return footprint{runtime.NumGoroutine(), mem.HeapAlloc}
}

// sim is one driver in a bubble of simulated time, and the device in memory.
type sim struct {
	t      *testing.T
	s      Suite
	dev    Device
	peer   Peer
	pace   time.Duration
	cancel context.CancelFunc
	ended  chan struct{}
	allow  func(text string) bool // a text other than Want; nil = never
	about  func() string          // what the device did, for messages; may be nil

	mu     sync.Mutex
	heard  []byte
	answer func(n int) string
	said   int // answers since answer was set
	got    int
}

// simulate makes the driver; it must be called within a bubble.
func simulate(t *testing.T, s Suite, create func(*testing.T, drivers.Opener, func(string)) Device, pace time.Duration) *sim {
	m := &sim{t: t, s: s, pace: pace, ended: make(chan struct{})}
	m.peer.OnWrite = m.write
	m.dev = create(t, m.peer.Open, m.deliver)
	return m
}

func (m *sim) deliver(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if text == m.s.Want {
		m.got++
		return
	}
	if m.allow != nil && m.allow(text) {
		return
	}
	if m.about != nil {
		m.t.Errorf("delivered %q out of % X", text, m.about())
		return
	}
	m.t.Errorf("delivered %q, want only %q", text, m.s.Want)
}

func (m *sim) delivered() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.got
}

// say sets what the device answers to its n-th question from now, from 0.
func (m *sim) say(answer func(n int) string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer, m.said = answer, 0
}

// next is the device's next answer.
func (m *sim) next() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := m.answer(m.said)
	m.said++
	return text
}

// write hears the driver and answers each question.
func (m *sim) write(p []byte) (int, error) {
	if m.s.Ask == "" {
		return len(p), nil
	}
	m.mu.Lock()
	m.heard = append(m.heard, p...)
	asked := 0
	for {
		at := bytes.Index(m.heard, []byte(m.s.Ask))
		if at < 0 {
			break
		}
		m.heard = m.heard[at+len(m.s.Ask):]
		asked++
	}
	m.heard = m.heard[max(0, len(m.heard)-len(m.s.Ask)):]
	m.mu.Unlock()
	for range asked {
		text := m.next()
		if m.pace == 0 {
			m.peer.Send(m.s.read(text))
			continue
		}
		time.AfterFunc(m.pace, func() { m.peer.Send(m.s.read(text)) })
	}
	return len(p), nil
}

// run calls Run as the supervisor does, and lets a device that talks by itself
// talk.
func (m *sim) run() {
	ctx, cancel := context.WithCancel(m.t.Context())
	m.cancel = cancel
	var life sync.WaitGroup
	life.Go(func() {
		for ctx.Err() == nil {
			if err := m.dev.Run(ctx); (err == nil) != (ctx.Err() != nil) {
				m.t.Errorf("Run returned %v, context %v", err, ctx.Err())
			}
			wait(ctx, simBackoff)
		}
	})
	if m.s.Ask == "" {
		life.Go(func() {
			for wait(ctx, m.pace) {
				if m.peer.IsOpen() {
					m.peer.Send(m.s.read(m.next()))
				}
			}
		})
	}
	go func() { life.Wait(); close(m.ended) }()
}

// stop ends the driver. The bubble sees what goroutines it leaves behind.
func (m *sim) stop() {
	m.t.Helper()
	m.cancel()
	select {
	case <-m.ended:
	case <-time.After(simLimit):
		m.t.Fatal("Run does not end with its context")
	}
	if m.peer.IsOpen() {
		m.t.Error("the port is still held")
	}
}

// until waits for ok, which is called with the lock held.
func (m *sim) until(what string, ok func() bool) {
	m.t.Helper()
	for end := time.Now().Add(simLimit); ; {
		m.mu.Lock()
		done := ok()
		m.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			extra := ""
			if m.about != nil {
				extra = m.about()
			}
			m.stop()
			m.t.Fatalf("never: %s (status %+v, delivered %d, device % X)", what, m.dev.Status(), m.got, extra)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// wait lets time pass and tells whether ctx still lives.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
