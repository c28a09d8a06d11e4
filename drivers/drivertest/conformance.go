package drivertest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"

	"tote/drivers"
)

// Device is what every driver is.
type Device interface {
	Run(ctx context.Context) error
	Status() drivers.Status
}

// Suite describes one driver to the conformance suite.
type Suite struct {
	// New makes a driver on the port. It calls deliver with a text for each
	// thing the driver tells its owner.
	New func(t *testing.T, open drivers.Opener, deliver func(string)) Device
	// Ask is what the driver writes to get Frame; empty for a device that
	// talks by itself.
	Ask string
	// Frame is one whole good answer, and Want what deliver must be called
	// with for it. Nothing else may ever be delivered.
	Frame, Want string
	// Whole is how many bytes of Frame say what Want is; 0 = all of them. The rest is
	// what follows on the wire.
	Whole int
	// Garbage is noise that a framer must step over: never part of a frame.
	Garbage string
	// Unframed is for drivers that cannot see garbage in front of a frame
	// without losing the frame: it may be lost, but never be changed.
	Unframed bool
	// Joins is for wires without a frame start: a frame cut short becomes the
	// beginning of the next one unless a pause comes between. The driver's own
	// tests must show that pause; the suite leaves the case out.
	Joins bool
	// Records is for devices of the kernel that give records, not a stream of
	// bytes; nil = a wire.
	Records *Records
	// Flips asks for the damage of single bits and for the loss of the device at each
	// byte of the frame, Day for a day without a leak,
	// both in simulated time; nil leaves them out. A driver whose New or port
	// waits for something outside the test cannot have them.
	Flips *Flips
	Day   *Day
}

// Conformance runs the suite over real pseudo-terminals, or named pipes for
// records, and what takes long or is many cases in simulated time with a Peer.
// On the terminals nearly all is
// waiting, so these cases run all at once, whatever -parallel says; what a
// driver leaves behind is looked for when the last of them is over.
func Conformance(t *testing.T, s Suite) {
	t.Helper()
	terminals(t, s)
	if s.Flips != nil {
		t.Run("every single bit changed", func(t *testing.T) { flips(t, s) })
		t.Run("unplugged at each byte", func(t *testing.T) { unplugs(t, s) })
	}
	if s.Day != nil {
		t.Run("24 h without a leak", func(t *testing.T) { day(t, s) })
	}
}

// wireCase is one way in which a frame may come.
type wireCase struct {
	name string
	send func(w func(string))
	lost bool // the frame itself may be lost
}

// terminals runs the cases on real pseudo-terminals or named pipes.
func terminals(t *testing.T, s Suite) {
	t.Helper()
	s.warmUp(t)
	ignore := goleak.IgnoreCurrent()
	files := openFiles(t)
	var all sync.WaitGroup
	run := func(name string, f func(t *testing.T)) {
		all.Go(func() { t.Run(name, f) }) // each with its own driver, pty and device
	}
	half := s.half()
	cases := []wireCase{
		{"whole", func(w func(string)) { w(s.Frame) }, false},
		{"byte at a time", func(w func(string)) {
			for _, c := range []byte(s.Frame) {
				w(string([]byte{c}))
			}
		}, s.Records != nil},
		{"in two halves", func(w func(string)) { w(s.Frame[:half]); w(s.Frame[half:]) }, half%s.record() != 0},
		{"coalesced", func(w func(string)) { w(s.Frame + s.Frame + s.Frame) }, false},
		{"garbage before", func(w func(string)) { w(s.Garbage + s.Frame) }, s.Unframed},
		{"garbage inside", func(w func(string)) {
			if s.Records == nil {
				w(s.Frame[:half] + s.Garbage + s.Frame[half:])
				return
			}
			w(s.Frame[:half]) // between two reads: bytes are never of two records
			w(s.Garbage)
			w(s.Frame[half:])
		}, true},
		{"garbage after", func(w func(string)) { w(s.Frame + s.Garbage) }, s.Unframed},
		{"cut short", func(w func(string)) { w(s.Frame[:half]) }, true},
		{"endless line", func(w func(string)) { w(string(bytes.Repeat([]byte{'U'}, 2000))) }, true},
		{"silence", func(func(string)) {}, true},
	}
	if s.Records != nil {
		cases = append(cases, s.recordCases()...)
	}
	for _, c := range cases {
		if c.name == "cut short" && s.Joins {
			continue
		}
		run(c.name, func(t *testing.T) {
			r := newRig(t, s)
			r.plug()
			r.run()
			r.reply(c.send)
			if !c.lost {
				r.delivered(1)
			} else {
				r.spoiled()
			}
			// Whatever happened, the next good frames are understood.
			r.reply(func(w func(string)) { w(s.Frame) })
			r.fresh()
			r.state(drivers.Ready)
		})
	}
	run("unplug in the middle of a frame, replug at the same link", func(t *testing.T) {
		r := newRig(t, s)
		r.run()
		r.state(drivers.Absent)
		for range 3 {
			r.plug()
			r.reply(func(w func(string)) { w(s.Frame) })
			r.fresh()
			r.state(drivers.Ready)
			r.reply(func(w func(string)) { w(s.Frame[:half]) })
			r.spoiled()
			r.unplug()
			r.state(drivers.Absent)
			if st := r.dev.Status(); st.Code != drivers.CodeUnplugged {
				t.Errorf("absent with code %q", st.Code)
			}
		}
	})
	// A device that sends without a pause must not keep the driver from
	// noticing that its time is up.
	run("stop while the device babbles", func(t *testing.T) {
		noise := s.Garbage + "\r\n"
		if s.Records != nil {
			noise = s.Garbage
		}
		babbler := func(context.Context) (drivers.Port, error) { return babble(noise), nil }
		dev := s.New(t, babbler, func(text string) { t.Errorf("delivered %q out of noise", text) })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- dev.Run(ctx) }()
		select {
		case err := <-ended:
			if err != nil && ctx.Err() != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("Run does not end with its context")
		}
	})
	run("stop while the device is silent", func(t *testing.T) {
		r := newRig(t, s)
		r.plug()
		r.reply(func(func(string)) {})
		r.run()
		r.spoiled() // and the cleanup asks for a prompt, leakless end
	})
	all.Wait()
	goleak.VerifyNone(t, ignore)
	if now := openFiles(t); now != files {
		t.Errorf("%d files are open, %d before", now, files)
	}
}

// babble is a port that always has more to read.
type babble string

func (b babble) Read(_ context.Context, p []byte) (int, error)  { return copy(p, b), nil }
func (b babble) Write(_ context.Context, p []byte) (int, error) { return len(p), nil }
func (b babble) Close() error                                   { return nil }

// rig is one driver, its pty and the device at the far end.
type rig struct {
	t    *testing.T
	s    Suite
	link string
	dev  Device

	mu      sync.Mutex
	master  *os.File
	answer  func(w func(string))
	asked   int // questions seen, or frames sent by a talking device
	got     []string
	devices sync.WaitGroup
}

func newRig(t *testing.T, s Suite) *rig {
	t.Helper()
	r := &rig{t: t, s: s, link: filepath.Join(t.TempDir(), "device")}
	open, err := s.opener(r.link)
	if err != nil {
		t.Fatal(err)
	}
	r.dev = s.New(t, open, func(text string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, text)
		if text != s.Want {
			t.Errorf("delivered %q, want only %q", text, s.Want)
		}
	})
	if st := r.dev.Status(); st.State != drivers.Absent {
		t.Errorf("before Run the device is %q", st.State)
	}
	return r
}

// run calls Run again and again, as the supervisor does.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			err := r.dev.Run(ctx)
			// A device that is gone may have said so just before the end.
			if (err == nil) != (ctx.Err() != nil) && !errors.Is(err, drivers.ErrUnplugged) {
				r.t.Errorf("Run returned %v, context %v", err, ctx.Err())
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	r.t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			r.t.Error("Run does not end with its context")
		}
		r.unplug()
		r.devices.Wait()
	})
}

// plug makes a new pty or pipe, points the link at it and lets the device live.
func (r *rig) plug() {
	r.t.Helper()
	if r.s.Records != nil {
		r.own(newFIFO(r.t, r.link))
		return
	}
	master, slave, err := pty.Open()
	if err != nil {
		r.t.Skipf("NO PTYS HERE: %v", err)
	}
	name := slave.Name()
	// Like a wire, the pty must not echo what the driver has not read yet.
	// Opening it raw is the driver's work; until then nothing is sent.
	if err := errors.Join(slave.Close(), os.Symlink(name, r.link)); err != nil {
		r.t.Fatal(err)
	}
	r.own(master)
}

// own makes master the device's end and lets it live.
func (r *rig) own(master *os.File) {
	r.mu.Lock()
	r.master = master
	r.mu.Unlock()
	r.devices.Go(func() { r.device(master) })
}

func (r *rig) unplug() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.master == nil {
		return
	}
	_ = os.Remove(r.link)
	_ = r.master.Close()
	r.master = nil
}

// reply sets what the device sends from now on.
func (r *rig) reply(f func(w func(string))) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.asked = f, 0
}

// device answers each question, or talks by itself every few milliseconds.
func (r *rig) device(master *os.File) {
	write := func(p string) { _ = r.s.write(master, p) }
	speak := func() {
		r.mu.Lock()
		answer := r.answer
		r.asked++
		r.mu.Unlock()
		if answer != nil {
			answer(write)
		}
	}
	if r.s.Ask == "" {
		for r.plugged(master) {
			<-time.After(7 * time.Millisecond)
			if r.dev.Status().State == drivers.Ready || r.dev.Status().State == drivers.Degraded {
				speak()
			}
		}
		return
	}
	var heard []byte
	buf := make([]byte, 256)
	for {
		n, err := master.Read(buf)
		heard = append(heard, buf[:n]...)
		for {
			at := bytes.Index(heard, []byte(r.s.Ask))
			if at < 0 {
				break
			}
			heard = heard[at+len(r.s.Ask):]
			speak()
		}
		// With nobody at the slave end the kernel says EIO until it is opened.
		if err != nil {
			if !r.plugged(master) {
				return
			}
			<-time.After(time.Millisecond)
		}
	}
}

func (r *rig) plugged(master *os.File) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.master == master
}

// delivered waits until n things in all were delivered.
func (r *rig) delivered(n int) {
	r.t.Helper()
	r.until("a delivery", func() bool { return len(r.got) >= n })
}

// fresh waits for two more deliveries than there are now; one may stem from a
// frame sent before.
func (r *rig) fresh() {
	r.t.Helper()
	r.mu.Lock()
	now := len(r.got)
	r.mu.Unlock()
	r.until("fresh deliveries", func() bool { return len(r.got) >= now+2 })
}

// spoiled waits until the device has been heard a few times in its spoiled
// way.
func (r *rig) spoiled() {
	r.t.Helper()
	r.until("a few spoiled frames", func() bool { return r.asked >= 2 })
}

func (r *rig) state(want drivers.State) {
	r.t.Helper()
	r.until("state "+string(want), func() bool { return r.dev.Status().State == want })
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		r.mu.Lock()
		done := ok()
		r.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			r.mu.Lock()
			defer r.mu.Unlock()
			got := slices.Compact(slices.Clone(r.got))
			r.t.Fatalf("never: %s (status %+v, delivered %d: %q, heard %d)", what, r.dev.Status(), len(r.got), got, r.asked)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("NO /proc HERE: %v", err)
	}
	return len(list)
}
