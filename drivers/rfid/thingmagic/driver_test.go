package thingmagic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/rfid"
	"tote/drivers/rfid/internal/rounds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(r rfid.Read) string {
	return fmt.Sprintf("%s pc %04X ant %d %d dBm %d.%02d° %v", r.EPC, r.PC, r.Antenna, r.RSSI, r.Phase/100, r.Phase%100, r.HasPhase)
}

const tagText = "000000000000000000001545 pc 3000 ant 1 -60 dBm 0.00° true"

var (
	aliveFrame = string(Answer{OpRead, StatusAlive, nil}.Append(nil))
	startOrder = string(Command(OpMulti, startReading...))
)

// reply is what a module answers to a command in its settings.
func reply(wire []byte, region byte) string {
	a := Answer{Op: wire[2]}
	switch wire[2] {
	case OpVersion:
		return versionFrame
	case OpGetRegion:
		a.Data = []byte{region}
	case OpGetPower:
		a.Data = []byte{0, 0x0A, 0x28} // 26 dBm
	}
	return string(a.Append(nil))
}

// answerer answers the settings in conformance, where the device at the far end
// only knows how to read.
type answerer struct {
	drivers.Port
	queue []byte
}

func (a *answerer) Write(ctx context.Context, p []byte) (int, error) {
	if string(p) == startOrder {
		return a.Port.Write(ctx, p)
	}
	if p[2] != OpMulti {
		a.queue = []byte(reply(p, 8))
	}
	return len(p), nil
}

func (a *answerer) Read(ctx context.Context, p []byte) (int, error) {
	if len(a.queue) > 0 && ctx.Err() == nil {
		n := copy(p, a.queue)
		a.queue = a.queue[n:]
		return n, nil
	}
	return a.Port.Read(ctx, p)
}

func TestConformance(t *testing.T) {
	with := func(cfg Config) func(*testing.T, drivers.Opener, func(string)) drivertest.Device {
		return func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
			cfg := cfg
			cfg.Name = "rfid/test"
			cfg.Open = func(ctx context.Context) (drivers.Port, error) {
				port, err := open(ctx)
				if err != nil {
					return nil, err
				}
				return &answerer{Port: port}, nil
			}
			cfg.Sink = func(r rfid.Read) { deliver(text(r)) }
			d, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	drivertest.Conformance(t, drivertest.Suite{
		New:   with(Config{Answer: 30 * time.Millisecond, Silence: 150 * time.Millisecond, Retry: 20 * time.Millisecond}),
		Flips: &drivertest.Flips{}, Day: &drivertest.Day{New: with(Config{})},
		Ask: startOrder, Frame: tagFrame, Want: tagText,
		Garbage: "\x00\xff\x50\x22\xfe", // pretends to be a packet of 87 bytes
	})
}

// module plays a module by a script, in a bubble.
type module struct {
	mu      sync.Mutex
	peer    drivertest.Peer
	dev     *Driver
	region  byte
	heard   []string // commands but starts, as hex from the operation on
	started int
	reading func(n int) string // what it says to the n-th start, from 1
	answer  map[byte]string    // other answers, whole packets; "" = silence
	reads   []rfid.Read
	states  []string
	end     chan error
	cancel  context.CancelFunc
	silence bool
}

func start(t *testing.T, cfg Config, m *module) *module {
	t.Helper()
	m.end = make(chan error, 1)
	framer := rounds.NewFramer(order)
	m.peer.OnWrite = func(p []byte) (int, error) {
		framer.Push(p, m.command)
		return len(p), nil
	}
	cfg.Name, cfg.Open = "rfid/test", m.peer.Open
	cfg.Sink = func(r rfid.Read) { m.reads = append(m.reads, r) }
	cfg.OnStatus = func(s drivers.Status) { m.states = append(m.states, strings.TrimSpace(string(s.State)+" "+s.Code)) }
	dev, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.dev = dev
	ctx, cancel := context.WithCancel(t.Context())
	m.cancel = cancel
	go func() { m.end <- dev.Run(ctx) }()
	synctest.Wait()
	return m
}

func (m *module) command(wire []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.silence {
		return
	}
	if string(wire) == startOrder {
		m.started++
		m.peer.Send(m.reading(m.started))
		return
	}
	m.heard = append(m.heard, fmt.Sprintf("%02X%X", wire[2], wire[3:len(wire)-2]))
	if text, ok := m.answer[wire[2]]; ok {
		m.peer.Send(text)
		return
	}
	m.peer.Send(reply(wire, m.region))
}

func (m *module) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *module) pass(d time.Duration) {
	<-time.After(d) // the bubble's clock
	synctest.Wait()
}

func (m *module) stop(t *testing.T) {
	t.Helper()
	m.cancel()
	if err := <-m.end; err != nil {
		t.Errorf("Run: %v", err)
	}
	if m.peer.IsOpen() {
		t.Error("the port is still held")
	}
}

func always(s string) func(int) string { return func(int) string { return s } }

func TestSettings(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    Config
		region byte
		heard  []string
	}{
		{"as it is", Config{}, 8, []string{"2F000002", "03", "67", "930005", "91020101", "9A010C00", "2F000002"}},
		{"the same region", Config{Region: "eu"}, 8, []string{"2F000002", "03", "67", "930005", "91020101", "9A010C00", "2F000002"}},
		{"another region", Config{Region: "us"}, 8, []string{"2F000002", "03", "67", "9701", "930005", "91020101", "9A010C00", "2F000002"}},
		{"no region yet", Config{Region: "eu"}, 0, []string{"2F000002", "03", "67", "9708", "930005", "91020101", "9A010C00", "2F000002"}},
		{
			"two antennas and power",
			Config{Antennas: []int{2, 1}, Power: 20},
			8,
			[]string{"2F000002", "03", "67", "930005", "910202020101", "9A010C00", "6200", "9207D0", "2F000002"},
		},
		{"the same power", Config{Power: 26}, 8, []string{"2F000002", "03", "67", "930005", "91020101", "9A010C00", "6200", "2F000002"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := start(t, tc.cfg, &module{region: tc.region, reading: always(string(Answer{OpMulti, 0, nil}.Append(nil)) + tagFrame)})
				m.pass(100 * time.Millisecond)
				if s := m.dev.Status(); s.State != drivers.Ready || !strings.Contains(s.Text, "02.01.06.08") || m.dev.Firmware() != "02.01.06.08" {
					t.Errorf("status %+v", s)
				}
				m.stop(t)
				if d := cmp.Diff(tc.heard, m.heard); d != "" {
					t.Errorf("commands (-want +got)\n%s", d)
				}
				if len(m.reads) != 1 || text(m.reads[0]) != tagText || m.started != 1 {
					t.Errorf("%d starts, reads %+v", m.started, m.reads)
				}
				if d := cmp.Diff([]string{"opening", "ready", "absent"}, m.states); d != "" {
					t.Errorf("states (-want +got)\n%s", d)
				}
			})
		})
	}
}

// A module that says once a second that it reads is left alone; one that falls
// silent is started again. The time of a read is that of the last such word and
// the milliseconds the module counts from it.
func TestItGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		m := start(t, Config{}, &module{region: 8, reading: always("")})
		for range 10 {
			m.pass(time.Second)
			m.peer.Send(aliveFrame)
		}
		m.pass(300 * time.Millisecond)
		m.peer.Send(tagFrame)
		m.pass(time.Millisecond)
		if m.started != 1 || m.dev.Status().State != drivers.Ready || len(m.reads) != 1 {
			t.Fatalf("started %d times, %+v, %d reads", m.started, m.dev.Status(), len(m.reads))
		}
		if got, want := m.reads[0].ReaderTime, began.Add(10*time.Second+295*time.Millisecond); !got.Equal(want) {
			t.Errorf("reader's time %v, want %v", got, want)
		}
		m.pass(1600 * time.Millisecond)
		if m.started != 2 || m.dev.Status().State != drivers.Ready {
			t.Errorf("started %d times, %+v", m.started, m.dev.Status())
		}
		m.stop(t)
	})
}

// What it complains of while it reads stands for a while, and goes.
func TestComplaints(t *testing.T) {
	for status, code := range map[uint16]string{StatusHot: drivers.CodeRFIDHot, StatusReturn: drivers.CodeRFIDAntenna} {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, Config{}, &module{region: 8, reading: always(aliveFrame)})
			m.peer.Send(string(Answer{OpRead, status, nil}.Append(nil)) + aliveFrame + tagFrame)
			m.pass(100 * time.Millisecond)
			if s := m.dev.Status(); s.State != drivers.Degraded || s.Code != code || len(m.reads) != 1 {
				t.Errorf("%04X: %+v, %d reads", status, s, len(m.reads))
			}
			for range 4 {
				m.pass(time.Second)
				m.peer.Send(aliveFrame)
			}
			m.pass(time.Millisecond)
			if s := m.dev.Status(); s.State != drivers.Ready {
				t.Errorf("%04X: %+v", status, s)
			}
			m.stop(t)
		})
	}
}

// What ends reading, under which code, and that it heals by itself.
func TestFaultsHeal(t *testing.T) {
	refuse := func(op byte, status uint16) string { return string(Answer{op, status, nil}.Append(nil)) }
	for _, tc := range []struct {
		name    string
		cfg     Config
		region  byte
		answer  map[byte]string
		reading string
		code    string
		after   time.Duration
	}{
		{name: "silent at the first question", answer: map[byte]string{OpVersion: ""}, code: drivers.CodeRFIDSilent, after: 5 * time.Second},
		{name: "a version that is none", answer: map[byte]string{OpVersion: refuse(OpVersion, 0)}, code: drivers.CodeRFIDRefuses},
		{name: "no region", answer: map[byte]string{OpGetRegion: string(Answer{OpGetRegion, 0, []byte{0}}.Append(nil))}, code: drivers.CodeRFIDRegion},
		{name: "no region known to the start", reading: refuse(OpMulti, StatusNoRegion), code: drivers.CodeRFIDRegion},
		{name: "antennas refused", answer: map[byte]string{OpSetAntennas: refuse(OpSetAntennas, 0x0105)}, code: drivers.CodeRFIDRefuses},
		{name: "power refused", cfg: Config{Power: 31}, answer: map[byte]string{OpSetPower: refuse(OpSetPower, 0x0105)}, code: drivers.CodeRFIDRefuses},
		{name: "start refused", reading: refuse(OpMulti, 0x0105), code: drivers.CodeRFIDRefuses},
		{name: "reads fail", reading: refuse(OpRead, 0x0500) + refuse(OpRead, 0x0500), code: drivers.CodeRFIDInventory, after: time.Second},
		{name: "start without an answer", reading: "-", code: drivers.CodeRFIDSilent, after: 6 * time.Second},
		{name: "noise", reading: "\x80\x81\xbb\x82", code: drivers.CodeRFIDUnreadable, after: 6 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				healed := false
				m := start(t, tc.cfg, &module{region: 8, answer: tc.answer, reading: func(int) string {
					switch {
					case healed || tc.reading == "":
						return aliveFrame
					case tc.reading == "-":
						return ""
					}
					return tc.reading
				}})
				m.pass(tc.after + 100*time.Millisecond)
				if s := m.dev.Status(); s.State != drivers.Degraded || s.Code != tc.code {
					t.Errorf("status %+v, want %s", s, tc.code)
				}
				m.change(func() { healed, m.answer = true, nil })
				m.pass(12 * time.Second)
				m.peer.Send(aliveFrame)
				m.pass(time.Millisecond)
				if s := m.dev.Status(); s.State != drivers.Ready {
					t.Errorf("mended: %+v", s)
				}
				m.stop(t)
				if want := "degraded " + tc.code; !slices.Contains(m.states, want) {
					t.Errorf("states %q", m.states)
				}
			})
		})
	}
}

// Silence: set up anew three times, then the port is opened anew.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{}, &module{region: 8, reading: always(aliveFrame)})
		m.pass(100 * time.Millisecond)
		m.change(func() { m.silence = true })
		if err := <-m.end; drivers.CodeOf(err) != drivers.CodeRFIDSilent || m.peer.IsOpen() {
			t.Errorf("Run: %v", err)
		}
		if d := cmp.Diff([]string{"opening", "ready", "degraded DEV-501"}, m.states); d != "" || m.dev.Stats().Resets != rounds.ResetLimit {
			t.Errorf("%+v, states (-want +got)\n%s", m.dev.Stats(), d)
		}
	})
}

func TestUnplugEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{}, &module{region: 8, reading: always(aliveFrame)})
		m.peer.Plug(false)
		if err := <-m.end; !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestAsk(t *testing.T) {
	for _, tc := range []struct {
		says string
		want drivers.Identity
		code string
	}{
		{versionFrame, drivers.Identity{Model: "Mercury hardware 38.00.02.01", Firmware: "02.01.06.08"}, ""},
		{string(Answer{OpVersion, 0x0101, nil}.Append(nil)), drivers.Identity{}, drivers.CodeRFIDRefuses},
		{"ES\r\n", drivers.Identity{}, drivers.CodeRFIDUnreadable},
		{"", drivers.Identity{}, drivers.CodeRFIDSilent},
	} {
		synctest.Test(t, func(t *testing.T) {
			peer := &drivertest.Peer{}
			peer.OnWrite = func(p []byte) (int, error) {
				if string(p) != versionOrder {
					t.Errorf("asked % X", p)
				}
				peer.Send(tc.says)
				return len(p), nil
			}
			port, err := peer.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := Ask(t.Context(), port)
			if got != tc.want || drivers.CodeOf(err) != tc.code {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestNewChecksItsConfiguration(t *testing.T) {
	good := rfid.Settings{Name: "x", Open: (&drivertest.Peer{}).Open, Sink: func(rfid.Read) {}, Antennas: []int{1, 2}, Region: "eu"}
	with := func(f func(*rfid.Settings)) rfid.Settings {
		s := good
		f(&s)
		return s
	}
	for _, s := range []rfid.Settings{
		with(func(s *rfid.Settings) { s.Name = "" }),
		with(func(s *rfid.Settings) { s.Sink = nil }),
		with(func(s *rfid.Settings) { s.Antennas = []int{5} }),
		with(func(s *rfid.Settings) { s.Power = 32 }),
		with(func(s *rfid.Settings) { s.Region = "moon" }),
	} {
		if _, err := Reader(s); err == nil {
			t.Errorf("accepted %+v", s)
		}
	}
	if _, err := Reader(good); err != nil {
		t.Error(err)
	}
	if got := Regions(); !slices.IsSorted(got) || !slices.Contains(got, "eu") {
		t.Errorf("regions %q", got)
	}
}
