package scanner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	drivertest.Conformance(t, drivertest.Suite{
		New: func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
			d, err := New(Config{
				Name: "scanner/test", Open: open, RepeatWindow: -1,
				Sink: func(s Scan) { deliver(s.Data) },
			})
			if err != nil {
				t.Fatal(err)
			}
			return d
		},
		Frame: "0104006381333931\x1d10L1\r\n", Want: "0104006381333931\x1d10L1", Garbage: "\x00\xff\x01",
		Unframed: true, Joins: true,
	})
}

// bench is a running scanner in a synctest bubble.
type bench struct {
	peer    drivertest.Peer
	dev     *Driver
	scans   []string
	rejects []string
	states  []string
	end     chan error
	cancel  context.CancelFunc
}

func start(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := &bench{end: make(chan error, 1)}
	b.run(t, New, cfg)
	return b
}

// run makes the driver and lets it begin.
func (b *bench) run(t *testing.T, make Maker, cfg Config) {
	t.Helper()
	cfg.Name, cfg.Open = "scanner/test", b.peer.Open
	cfg.Sink = func(s Scan) { b.scans = append(b.scans, s.Data) }
	cfg.OnReject = func(r Reject) { b.rejects = append(b.rejects, r.Code) }
	cfg.OnStatus = func(s drivers.Status) { b.states = append(b.states, strings.TrimSpace(string(s.State)+" "+s.Code)) }
	dev, err := make(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.dev = dev
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() { b.end <- dev.Run(ctx) }()
	synctest.Wait()
}

// send gives bytes to the driver and lets time pass.
func (b *bench) send(s string, pass time.Duration) {
	b.peer.Send(s)
	synctest.Wait()
	time.Sleep(pass) // the bubble's clock
	synctest.Wait()
}

func (b *bench) want(t *testing.T, scans, rejects []string) {
	t.Helper()
	if d := cmp.Diff(scans, b.scans); d != "" {
		t.Errorf("scans (-want +got)\n%s", d)
	}
	if d := cmp.Diff(rejects, b.rejects); d != "" {
		t.Errorf("rejects (-want +got)\n%s", d)
	}
	b.cancel()
	if err := <-b.end; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestTheSameScanAtOnceIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Config{})
		b.send("A\r", 299*time.Millisecond)
		b.send("A\r", 300*time.Millisecond) // within 300 ms: dropped
		b.send("A\r", 100*time.Millisecond) // 300 ms after it was last seen: new
		b.send("B\r", 100*time.Millisecond)
		b.send("A\r", 0) // not the last one: new
		b.want(t, []string{"A", "A", "B", "A"}, nil)
		if st := b.dev.Stats(); st != (Stats{Scans: 4, Repeats: 1}) {
			t.Errorf("stats %+v", st)
		}
	})
}

// A scanner left in continuous mode in front of one barcode makes one scan.
func TestContinuousModeIsOneScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Config{})
		for range 20 {
			b.send("A\r\n", 100*time.Millisecond)
		}
		b.want(t, []string{"A"}, nil)
	})
}

func TestRepeatWindowUsesTheInjectedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Unix(1000, 0)
		b := start(t, Config{Now: func() time.Time { return now }})
		b.send("A\r", time.Hour)
		b.send("A\r", 0)
		now = now.Add(300 * time.Millisecond)
		b.send("A\r", 0)
		b.want(t, []string{"A", "A"}, nil)
	})
}

func TestNoiseBeforeAScanIsForgottenAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Config{})
		b.send("noise", 300*time.Millisecond)
		b.send("A\r", 0)
		b.want(t, []string{"A"}, []string{drivers.CodeScannerIncomplete})
	})
}

func TestASlowLineIsNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Config{})
		for _, c := range "12345\r" {
			b.send(string(c), 200*time.Millisecond)
		}
		b.want(t, []string{"12345"}, nil)
	})
}

func TestNoiseDegradesAndAScanHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Config{})
		b.send("\x00\r\x00\r", time.Second)
		if s := b.dev.Status().State; s != drivers.Ready {
			t.Errorf("after two bad scans: %s", s)
		}
		b.send("\x00\r", time.Second)
		if s := b.dev.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeScannerNoise {
			t.Errorf("after three bad scans: %+v", s)
		}
		b.send("A\r", 0)
		b.want(t, []string{"A"}, []string{drivers.CodeScannerControl, drivers.CodeScannerControl, drivers.CodeScannerControl})
		want := []string{"opening", "ready", "degraded DEV-405", "ready", "absent"}
		if d := cmp.Diff(want, b.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
	})
}

func TestUnplugEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Config{})
		b.send("A\rhal", 0)
		b.peer.Plug(false)
		if err := <-b.end; !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Run: %v", err)
		}
		b.peer.Plug(true)
		go func() { b.end <- b.dev.Run(t.Context()) }()
		synctest.Wait()
		b.send("B\r", 0) // the half scan of before the unplug is gone
		b.peer.Plug(false)
		<-b.end
		if d := cmp.Diff([]string{"A", "B"}, b.scans); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if b.peer.IsOpen() {
			t.Error("the port is still held")
		}
	})
}

func TestNewChecksItsConfiguration(t *testing.T) {
	open := (&drivertest.Peer{}).Open
	sink := func(Scan) {}
	for _, c := range []Config{
		{},
		{Name: "x"},
		{Name: "x", Open: open},
		{Name: "x", Sink: sink},
		{Name: "x", Open: open, Sink: sink, Suffix: "tab"},
		{Name: "x", Open: open, Sink: sink, MaxLength: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
}

// TestNoiseWithoutAPauseIsNoRecovery: in noise something looks like a scan now and then.
// The state does not change with each of them, and a real scan after it heals.
func TestNoiseWithoutAPauseIsNoRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Config{OnReject: func(Reject) {}})
		for i := range 100 {
			b.send(fmt.Sprintf("\x00\r\x01\r\x02\rA%d\r\x00\r", i), 20*time.Millisecond)
		}
		b.send("", time.Second)
		b.send("REAL\r", time.Second)
		if s := b.dev.Status().State; s != drivers.Ready || b.scans[len(b.scans)-1] != "REAL" {
			t.Errorf("%s, %q", s, b.scans[len(b.scans)-1])
		}
		b.cancel()
		if err := <-b.end; err != nil {
			t.Errorf("Run: %v", err)
		}
		want := []string{"opening", "ready", "degraded DEV-405", "ready", "absent"}
		if d := cmp.Diff(want, b.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
	})
}

// TestBabble: another device at the scanner's port sends lines without end. Each would be
// a command to record; none is taken until it is calm.
func TestBabble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Config{})
		for i := range 400 {
			b.send(fmt.Sprintf("W%d\r", i), 5*time.Millisecond)
		}
		if s := b.dev.Status(); len(b.scans) != mostScans || s.Code != drivers.CodeScannerBabbles {
			t.Errorf("%d scans, %+v", len(b.scans), s)
		}
		b.send("", 3*time.Second)
		b.send("REAL\r", time.Second)
		if s := b.dev.Status().State; s != drivers.Ready || b.scans[len(b.scans)-1] != "REAL" {
			t.Errorf("%s, %q", s, b.scans[len(b.scans)-1])
		}
		b.cancel()
		if err := <-b.end; err != nil {
			t.Errorf("Run: %v", err)
		}
		want := []string{"opening", "ready", "degraded DEV-413", "ready", "absent"}
		if d := cmp.Diff(want, b.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
	})
}
