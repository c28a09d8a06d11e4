package r200

import (
	"context"
	"errors"
	"fmt"
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
	return fmt.Sprintf("%s pc %04X ant %d %d dBm", r.EPC, r.PC, r.Antenna, r.RSSI)
}

const (
	tagText = "30751FEB705C5904E3D50D70 pc 3400 ant 1 -55 dBm"
	polls   = "\xbb\x00\x27\x00\x03\x22\xff\xff\x4a\x7e"
	info    = "\xbb\x01\x03\x00\x0b\x00M100 V1.00\x22\x7e"
)

// answerer answers the settings in conformance, where the device at the far end
// only knows the polls.
type answerer struct {
	drivers.Port
	queue []byte
}

func (a *answerer) Write(ctx context.Context, p []byte) (int, error) {
	if strings.Contains(string(p), polls) {
		return a.Port.Write(ctx, p)
	}
	if strings.Contains(string(p), "\x00\x03\x00\x01") {
		a.queue = []byte(info)
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
		Ask: polls, Frame: tagFrame, Want: tagText,
		Garbage: "\x00\xbb\x02\x22\x00\x50\xff", // pretends to be a frame of 87 bytes
	})
}

// module plays a module by a script, in a bubble.
type module struct {
	mu      sync.Mutex
	peer    drivertest.Peer
	dev     *Driver
	lead    byte               // its spelling
	heard   []string           // commands but polls, as hex from the command on
	ordered int                // polls
	poll    func(n int) string // what it says to the n-th order of polls, from 1
	answer  map[byte]string    // other answers, whole frames; "" = silence
	reads   []string
	states  []string
	end     chan error
	cancel  context.CancelFunc
	silence bool
}

func pack(lead, cmd byte, param ...byte) string {
	return string(Frame{TypeAnswer, cmd, param}.Append(nil, lead))
}

func start(t *testing.T, cfg Config, m *module) *module {
	t.Helper()
	if m.lead == 0 {
		m.lead = leadBB
	}
	m.end = make(chan error, 1)
	framer := rounds.NewFramer(packet)
	m.peer.OnWrite = func(p []byte) (int, error) {
		framer.Push(p, m.command)
		return len(p), nil
	}
	cfg.Name, cfg.Open = "rfid/test", m.peer.Open
	cfg.Sink = func(r rfid.Read) { m.reads = append(m.reads, text(r)) }
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
	f := unpack(wire)
	if m.silence || wire[0] != m.lead || f.Type != TypeCommand {
		return
	}
	if f.Cmd == CmdPolls {
		m.ordered++
		m.peer.Send(m.poll(m.ordered))
		return
	}
	m.heard = append(m.heard, fmt.Sprintf("%02X%X", f.Cmd, f.Param))
	reply, ok := m.answer[f.Cmd]
	switch {
	case ok:
	case f.Cmd == CmdInfo:
		reply = pack(m.lead, CmdInfo, []byte("\x00M100 V1.00")...)
	case f.Cmd == CmdGetPower:
		reply = pack(m.lead, CmdGetPower, 0x0A, 0x28)
	default:
		reply = pack(m.lead, f.Cmd, 0)
	}
	m.peer.Send(reply)
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
		name  string
		power int
		lead  byte
		heard []string
	}{
		{"power as it is", 26, leadBB, []string{"28", "0300", "B7", "28"}},
		{"power left alone", 0, leadBB, []string{"28", "0300", "28"}},
		{"other power", 20, leadBB, []string{"28", "0300", "B7", "B607D0", "28"}},
		{"the other spelling", 20, leadAA, []string{"28", "0300", "B7", "B607D0", "28"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tag, want := tagFrame, tagText
				if tc.lead == leadAA {
					tag, want = tagAA, "E28068900000500E88C6A4A7 pc 3000 ant 1 -57 dBm"
				}
				m := start(t, Config{Power: tc.power}, &module{lead: tc.lead, poll: always(tag + tag)})
				m.pass(100 * time.Millisecond)
				if s := m.dev.Status(); s.State != drivers.Ready || !strings.Contains(s.Text, "M100 V1.00") || m.dev.Model() != "M100 V1.00" {
					t.Errorf("status %+v", s)
				}
				m.stop(t)
				if d := cmp.Diff(tc.heard, m.heard); d != "" {
					t.Errorf("commands (-want +got)\n%s", d)
				}
				if d := cmp.Diff([]string{want, want}, m.reads); d != "" || m.ordered != 1 {
					t.Errorf("%d orders, reads (-want +got)\n%s", m.ordered, d)
				}
				if d := cmp.Diff([]string{"opening", "ready", "absent"}, m.states); d != "" {
					t.Errorf("states (-want +got)\n%s", d)
				}
			})
		})
	}
}

// Polls that go on are not ordered again; when they are over, they are.
func TestPollsAreOrderedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{}, &module{poll: always(noneFrame)})
		for range 40 { // 4 s of empty polls
			m.pass(100 * time.Millisecond)
			m.peer.Send(noneFrame)
		}
		if m.ordered != 1 {
			t.Errorf("ordered %d times while they went on", m.ordered)
		}
		m.pass(1100 * time.Millisecond)
		if m.ordered != 3 || m.dev.Status().State != drivers.Ready {
			t.Errorf("ordered %d times, %+v", m.ordered, m.dev.Status())
		}
		m.stop(t)
	})
}

// A damaged notice whose sum is right: the tag's own CRC keeps it out.
func TestTagCRCKeepsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := []byte(tagFrame)
		bad[10] ^= 0x01 // an EPC byte one up or down …
		bad[22] ^= 0x01 // … and the sum with it
		if sum(bad[1:22]) != bad[22] {
			t.Fatal("the test does not test")
		}
		m := start(t, Config{}, &module{poll: always(string(bad) + tagFrame)})
		m.pass(100 * time.Millisecond)
		m.stop(t)
		if st := m.dev.Stats(); len(m.reads) != 1 || m.reads[0] != tagText || st.Bad != 1 {
			t.Errorf("%q, %+v", m.reads, st)
		}
	})
}

// What ends reading, under which code, and that it heals by itself.
func TestFaultsHeal(t *testing.T) {
	for _, tc := range []struct {
		name   string
		power  int
		answer map[byte]string
		poll   string
		code   string
		after  time.Duration
	}{
		{name: "silent at the first question", answer: map[byte]string{CmdInfo: ""}, code: drivers.CodeRFIDSilent, after: 2 * time.Second},
		{name: "noise at the first question", answer: map[byte]string{CmdInfo: "\x80\xbb\x82"}, code: drivers.CodeRFIDUnreadable, after: 2 * time.Second},
		{name: "power refused", power: 33, answer: map[byte]string{CmdSetPower: pack(leadBB, CmdError, ErrorCommand)}, code: drivers.CodeRFIDRefuses},
		{name: "power not taken", power: 33, answer: map[byte]string{CmdSetPower: pack(leadBB, CmdSetPower, 1)}, code: drivers.CodeRFIDRefuses},
		{name: "polls refused", poll: pack(leadBB, CmdError, ErrorCommand), code: drivers.CodeRFIDRefuses},
		{name: "no free channel", poll: pack(leadBB, CmdError, ErrorHopping), code: drivers.CodeRFIDInventory, after: time.Second},
		{name: "polls without an answer", poll: "-", code: drivers.CodeRFIDSilent, after: 3 * time.Second},
		{name: "polls of noise", poll: "\x80\x81\xbb\x82", code: drivers.CodeRFIDUnreadable, after: 3 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				healed := false
				m := start(t, Config{Power: tc.power}, &module{answer: tc.answer, poll: func(int) string {
					switch {
					case healed || tc.poll == "":
						return noneFrame
					case tc.poll == "-":
						return ""
					}
					return tc.poll
				}})
				m.pass(tc.after + 100*time.Millisecond)
				if s := m.dev.Status(); s.State != drivers.Degraded || s.Code != tc.code {
					t.Errorf("status %+v, want %s", s, tc.code)
				}
				m.change(func() { healed, m.answer = true, nil })
				m.pass(10 * time.Second)
				if s := m.dev.Status(); s.State != drivers.Ready || s.Code != "" {
					t.Errorf("mended: %+v", s)
				}
				m.stop(t)
				if d := cmp.Diff([]string{"opening", "degraded " + tc.code, "ready", "absent"}, m.states); d != "" {
					t.Errorf("states (-want +got)\n%s", d)
				}
			})
		})
	}
}

// Silence: set up anew three times, then the port is opened anew.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{}, &module{poll: always(noneFrame)})
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

// A line on which one packet in ten or more is damaged is said to be bad, while
// reading goes on, and to be good again.
func TestDamagedLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{}, &module{poll: always(noneFrame)})
		for range 220 {
			m.peer.Send("\x01\x02\x03" + tagFrame)
			m.pass(20 * time.Millisecond)
		}
		if s := m.dev.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeRFIDDamaged || len(m.reads) != 220 || m.dev.Stats().Damaged < 40 {
			t.Errorf("%+v, %d reads, %+v", s, len(m.reads), m.dev.Stats())
		}
		for range 420 {
			m.peer.Send(tagFrame)
			m.pass(20 * time.Millisecond)
		}
		if s := m.dev.Status(); s.State != drivers.Ready || m.dev.Stats().Damaged != 0 {
			t.Errorf("%+v, %+v", s, m.dev.Stats())
		}
		m.stop(t)
	})
}

func TestUnplugEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, Config{}, &module{poll: always(noneFrame)})
		m.peer.Plug(false)
		if err := <-m.end; !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Run: %v", err)
		}
	})
}

// Who it is, in either spelling; silence and foreign bytes are no module.
func TestAsk(t *testing.T) {
	for _, tc := range []struct {
		lead byte
		says string // to everything, "" = as a module does
		want drivers.Identity
		code string
	}{
		{lead: leadBB, want: drivers.Identity{Maker: "MagicRF", Model: "M100 26dBm V1.0", Firmware: "V2.3.5"}},
		{lead: leadAA, want: drivers.Identity{Maker: "MagicRF", Model: "M100 26dBm V1.0", Firmware: "V2.3.5"}},
		{says: "ES\r\n", code: drivers.CodeRFIDUnreadable},
		{says: "-", code: drivers.CodeRFIDSilent},
	} {
		synctest.Test(t, func(t *testing.T) {
			peer := &drivertest.Peer{}
			framer := rounds.NewFramer(packet)
			peer.OnWrite = func(p []byte) (int, error) {
				switch tc.says {
				case "-":
				case "":
					framer.Push(p, func(wire []byte) {
						if wire[0] == tc.lead {
							text := []string{"M100 26dBm V1.0", "V2.3.5", "MagicRF"}[unpack(wire).Param[0]]
							peer.Send(pack(tc.lead, CmdInfo, append([]byte{unpack(wire).Param[0]}, text...)...))
						}
					})
				default:
					peer.Send(tc.says)
				}
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
	good := rfid.Settings{Name: "x", Open: (&drivertest.Peer{}).Open, Sink: func(rfid.Read) {}}
	with := func(f func(*rfid.Settings)) rfid.Settings {
		s := good
		f(&s)
		return s
	}
	for _, s := range []rfid.Settings{
		with(func(s *rfid.Settings) { s.Name = "" }),
		with(func(s *rfid.Settings) { s.Open = nil }),
		with(func(s *rfid.Settings) { s.Sink = nil }),
		with(func(s *rfid.Settings) { s.Antennas = []int{1, 2} }),
		with(func(s *rfid.Settings) { s.Power = 34 }),
		with(func(s *rfid.Settings) { s.Power = -1 }),
	} {
		if _, err := Reader(s); err == nil {
			t.Errorf("accepted %+v", s)
		}
	}
	if _, err := Reader(with(func(s *rfid.Settings) { s.Antennas = []int{1} })); err != nil {
		t.Error(err)
	}
	if _, err := New(Config{Name: "x", Open: good.Open, Sink: good.Sink, Answer: time.Second, Silence: time.Millisecond}); err == nil {
		t.Error("accepted a silence below the answer")
	}
}
