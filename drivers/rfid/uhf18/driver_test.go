package uhf18

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
	return fmt.Sprintf("%s ant %d %d dBm raw %d", r.EPC, r.Antenna, r.RSSI, r.RawRSSI)
}

const (
	text18  = "000000000000000000000313 ant 1 0 dBm raw 0"
	text288 = "3039606303C74380001A0559 ant 1 0 dBm raw 64"
)

func info(is288 bool, power, scan byte) []byte {
	d := []byte{3, 63, 9, 3, 0x4E, 0, power, scan}
	if is288 {
		d = append(d, 15, 1, 0, 1)
		d[2] = 0x0C
	}
	return Answer(Frame{0, CmdInfo, StatusOK, d})
}

// answerer answers the settings in conformance, where the device at the far end
// only knows the inventory.
type answerer struct {
	drivers.Port
	is288 bool
	queue []byte
}

func (a *answerer) Write(ctx context.Context, p []byte) (int, error) {
	switch p[2] {
	case CmdInventory:
		return a.Port.Write(ctx, p)
	case CmdInfo:
		a.queue = info(a.is288, 30, 0)
	default:
		a.queue = Answer(Frame{0, p[2], StatusIllegal, nil})
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
			cfg.Name, cfg.ScanTime = "rfid/test", -1
			cfg.Open = func(ctx context.Context) (drivers.Port, error) {
				port, err := open(ctx)
				if err != nil {
					return nil, err
				}
				return &answerer{Port: port, is288: cfg.Variant == UHF288}, nil
			}
			cfg.Sink = func(r rfid.Read) { deliver(text(r)) }
			d, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	short := Config{Answer: 30 * time.Millisecond, Silence: 150 * time.Millisecond, Retry: 20 * time.Millisecond}
	for _, tc := range []struct {
		variant             Variant
		ask, tag, end, want string
	}{
		{UHF18, string(Command(0, CmdInventory)), tag18, none18, text18},
		{UHF288, string(Command(0, CmdInventory, 4, 0, 1, 0, 0, 0, 0, 0x80, 3)), tag288, end288, text288},
	} {
		t.Run(tc.variant.name(), func(t *testing.T) {
			cfg := short
			cfg.Variant = tc.variant
			drivertest.Conformance(t, drivertest.Suite{
				New: with(cfg), Flips: &drivertest.Flips{}, Day: &drivertest.Day{New: with(Config{Variant: tc.variant})},
				Ask: tc.ask, Frame: tc.tag + tc.end, Whole: len(tc.tag), Want: tc.want,
				Garbage: "\xff\x00\x40\x00\x01\xff", // pretends to be frames
			})
		})
	}
}

// reader plays a reader by a script, in a bubble.
type reader struct {
	mu      sync.Mutex
	peer    drivertest.Peer
	dev     *Driver
	addr    byte
	heard   []string // commands but inventories, as hex from the command on
	asked   []string // inventories: their data
	round   func(n int, data []byte) string
	answer  map[byte]Frame // other answers; Cmd 0xFF = silence
	reads   []string
	states  []string
	end     chan error
	cancel  context.CancelFunc
	silence bool
}

func start(t *testing.T, cfg Config, r *reader) *reader {
	t.Helper()
	r.end = make(chan error, 1)
	framer := rounds.NewFramer(order)
	r.peer.OnWrite = func(p []byte) (int, error) {
		framer.Push(p, func(wire []byte) { r.command(wire, cfg.Variant) })
		return len(p), nil
	}
	cfg.Name, cfg.Open = "rfid/test", r.peer.Open
	cfg.Sink = func(read rfid.Read) { r.reads = append(r.reads, text(read)) }
	cfg.OnStatus = func(s drivers.Status) { r.states = append(r.states, strings.TrimSpace(string(s.State)+" "+s.Code)) }
	dev, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.dev = dev
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() { r.end <- dev.Run(ctx) }()
	synctest.Wait()
	return r
}

func (r *reader) command(wire []byte, v Variant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	addr, cmd, data := wire[1], wire[2], slices.Clone(wire[3:len(wire)-2])
	if r.silence || addr != r.addr && addr != AddrBroadcast {
		return
	}
	if cmd == CmdInventory {
		r.asked = append(r.asked, fmt.Sprintf("%X", data))
		r.peer.Send(r.round(len(r.asked), data))
		return
	}
	r.heard = append(r.heard, fmt.Sprintf("%02X%X", cmd, data))
	reply, ok := r.answer[cmd]
	switch {
	case ok && reply.Cmd == 0xFF:
		return
	case ok:
	case cmd == CmdInfo:
		reply = unpack(info(v == UHF288, 26, 10))
	case cmd == CmdGetWorkMode:
		reply = Frame{Cmd: CmdGetWorkMode, Data: []byte{0, 0x1E, 0x0A, 0x0F, 0, 2, 4, 2, 6, 0, 0, 0}}
	default:
		reply = Frame{Cmd: cmd}
	}
	reply.Addr = r.addr
	r.peer.Send(string(Answer(reply)))
}

func (r *reader) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *reader) pass(d time.Duration) {
	<-time.After(d) // the bubble's clock
	synctest.Wait()
}

func (r *reader) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := <-r.end; err != nil {
		t.Errorf("Run: %v", err)
	}
	if r.peer.IsOpen() {
		t.Error("the port is still held")
	}
}

func always(s string) func(int, []byte) string { return func(int, []byte) string { return s } }

func at(addr byte, wire string) string {
	f := unpack([]byte(wire))
	f.Addr = addr
	return string(Answer(f))
}

func TestSettings(t *testing.T) {
	pushing := Frame{Cmd: CmdGetWorkMode, Data: []byte{0, 0x1E, 0x0A, 0x0F, 1, 2, 4, 2, 6, 0, 0, 0}} // as captured
	for _, tc := range []struct {
		name   string
		cfg    Config
		addr   byte
		answer map[byte]Frame
		heard  []string
		asked  []string // the first rounds
	}{
		{"the 18", Config{}, 0, nil, []string{"21", "36", "2503"}, []string{"", ""}},
		{"its address", Config{Address: 7}, 7, nil, []string{"21", "36", "2503"}, []string{""}},
		{"whichever address answers", Config{}, 9, nil, []string{"21", "36", "2503"}, []string{""}},
		{"scan time as it is", Config{ScanTime: time.Second}, 0, nil, []string{"21", "36"}, []string{""}},
		{"scan time left alone", Config{ScanTime: -1}, 0, nil, []string{"21", "36"}, []string{""}},
		{"power as it is", Config{Power: 26, ScanTime: -1}, 0, nil, []string{"21", "36"}, []string{""}},
		{"other power", Config{Power: 30, ScanTime: -1}, 0, nil, []string{"21", "36", "2F1E"}, []string{""}},
		{
			"it pushes tags by itself",
			Config{ScanTime: -1},
			0,
			map[byte]Frame{CmdGetWorkMode: pushing},
			[]string{"21", "36", "35000204020600"},
			[]string{""}, // the six bytes a real one was set with
		},
		{
			"it has no modes",
			Config{ScanTime: -1},
			0,
			map[byte]Frame{CmdGetWorkMode: {Cmd: CmdUnknown, Status: StatusIllegal}},
			[]string{"21", "36"},
			[]string{""},
		},
		{"the 288", Config{Variant: UHF288}, 0, nil, []string{"21"}, []string{"040001000000008003", "040001000000008003"}},
		{
			"antennas in turn",
			Config{Variant: UHF288, Antennas: []int{3, 1}, Power: 20, ScanTime: 2 * time.Second},
			0, nil,
			[]string{"21", "2F14"},
			[]string{"040001000000008214", "040001000000008014", "040001000000008214"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				is288 := tc.cfg.Variant == UHF288
				frames, want := at(tc.addr, tag18)+at(tc.addr, none18), text18
				if is288 {
					frames, want = tag288+end288, text288
				}
				r := start(t, tc.cfg, &reader{addr: tc.addr, answer: tc.answer, round: always(frames)})
				r.pass(100 * time.Millisecond)
				if s := r.dev.Status(); s.State != drivers.Ready || !strings.Contains(s.Text, "3.63") {
					t.Errorf("status %+v", s)
				}
				r.stop(t)
				if d := cmp.Diff(tc.heard, r.heard); d != "" {
					t.Errorf("commands (-want +got)\n%s", d)
				}
				if len(r.asked) < 9 || len(r.asked) > 12 || len(r.reads) != len(r.asked) || r.reads[0] != want {
					t.Errorf("%d rounds, reads %q", len(r.asked), r.reads)
				}
				if d := cmp.Diff(tc.asked, r.asked[:len(tc.asked)]); d != "" {
					t.Errorf("inventories (-want +got)\n%s", d)
				}
				if d := cmp.Diff([]string{"opening", "ready", "absent"}, r.states); d != "" {
					t.Errorf("states (-want +got)\n%s", d)
				}
			})
		})
	}
}

// An answer of several frames is one round, and its tags come as their frames do.
func TestAnswerOfSeveralFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &reader{round: func(n int, _ []byte) string {
			if n > 1 {
				return none18
			}
			return tag18 + tag18
		}})
		r.pass(600 * time.Millisecond)
		if len(r.reads) != 2 || len(r.asked) != 1 {
			t.Errorf("%d reads, %d inventories before the last frame", len(r.reads), len(r.asked))
		}
		r.peer.Send(tag18 + string(Answer(Frame{0, CmdInventory, StatusTimeout, unpack([]byte(tag18)).Data})))
		r.pass(15 * time.Millisecond)
		if len(r.reads) != 4 || len(r.asked) < 2 || r.dev.Stats().Late != 0 {
			t.Errorf("%d reads, %d inventories after it, %+v", len(r.reads), len(r.asked), r.dev.Stats())
		}
		r.stop(t)
	})
}

// A long scan time is waited for, whatever Answer says.
func TestLongScanTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{ScanTime: -1}, &reader{
			answer: map[byte]Frame{CmdInfo: unpack(info(false, 26, 50))}, round: always(""), // 5 s
		})
		r.pass(4900 * time.Millisecond)
		r.peer.Send(none18)
		r.pass(time.Millisecond)
		if s := r.dev.Status(); s.State != drivers.Ready || r.dev.Stats().Late != 0 {
			t.Errorf("%+v, %+v", s, r.dev.Stats())
		}
		r.stop(t)
	})
}

// A missing antenna degrades the 288, but the others go on reading; it is seen
// when it is mended.
func TestOneAntennaIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		r := start(t, Config{Variant: UHF288, Antennas: []int{1, 2}}, &reader{round: func(_ int, data []byte) string {
			if broken && data[7] == 0x81 {
				return string(Answer(Frame{0, CmdInventory, StatusAntenna, nil}))
			}
			return tag288 + end288
		}})
		r.pass(100 * time.Millisecond)
		if s := r.dev.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeRFIDAntenna || !strings.Contains(s.Text, "antenna 2 ") {
			t.Errorf("status %+v", s)
		}
		if len(r.reads) < 4 {
			t.Errorf("%d reads beside a missing antenna", len(r.reads))
		}
		r.change(func() { broken = false })
		r.pass(50 * time.Millisecond)
		if s := r.dev.Status(); s.State != drivers.Ready {
			t.Errorf("mended: %+v", s)
		}
		r.stop(t)
		if d := cmp.Diff([]string{"opening", "ready", "degraded DEV-503", "ready", "absent"}, r.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
	})
}

// What ends reading, under which code, and that it heals by itself.
func TestFaultsHeal(t *testing.T) {
	status := func(s byte) string { return string(Answer(Frame{0, CmdInventory, s, nil})) }
	silent := Frame{Cmd: 0xFF}
	for _, tc := range []struct {
		name   string
		cfg    Config
		answer map[byte]Frame
		round  string
		code   string
		after  time.Duration
	}{
		{name: "silent at the first question", answer: map[byte]Frame{CmdInfo: silent}, code: drivers.CodeRFIDSilent, after: 4 * time.Second},
		{name: "no information", answer: map[byte]Frame{CmdInfo: {Cmd: CmdInfo}}, code: drivers.CodeRFIDRefuses},
		{name: "power refused", cfg: Config{Power: 33}, answer: map[byte]Frame{CmdSetPower: {Cmd: CmdSetPower, Status: StatusRefused}}, code: drivers.CodeRFIDRefuses},
		{name: "the other family", answer: map[byte]Frame{CmdInfo: unpack(info(true, 26, 10))}, code: drivers.CodeRFIDVariant},
		{name: "inventory unknown", round: string(Answer(Frame{0, CmdUnknown, StatusIllegal, nil})), code: drivers.CodeRFIDRefuses},
		{name: "inventory refused", round: status(StatusRefused), code: drivers.CodeRFIDRefuses},
		{name: "the only antenna is missing", round: status(StatusAntenna), code: drivers.CodeRFIDAntenna},
		{name: "rounds fail", round: status(0xF9), code: drivers.CodeRFIDInventory, after: time.Second},
		{name: "rounds without an answer", round: "-", code: drivers.CodeRFIDSilent, after: 4 * time.Second},
		{name: "rounds of noise", round: "\x80\x81\xbb\x82", code: drivers.CodeRFIDUnreadable, after: 4 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				healed := false
				r := start(t, tc.cfg, &reader{answer: tc.answer, round: func(int, []byte) string {
					switch {
					case healed || tc.round == "":
						return none18
					case tc.round == "-":
						return ""
					}
					return tc.round
				}})
				r.pass(tc.after + 100*time.Millisecond)
				if s := r.dev.Status(); s.State != drivers.Degraded || s.Code != tc.code {
					t.Errorf("status %+v, want %s", s, tc.code)
				}
				r.change(func() { healed, r.answer = true, nil })
				r.pass(10 * time.Second)
				if s := r.dev.Status(); s.State != drivers.Ready {
					t.Errorf("mended: %+v", s)
				}
				r.stop(t)
				if d := cmp.Diff([]string{"opening", "degraded " + tc.code, "ready", "absent"}, slices.Compact(r.states)); d != "" {
					t.Errorf("states (-want +got)\n%s", d)
				}
			})
		})
	}
}

// A single round that fails, tags nobody asked for, an answer that contradicts
// itself and another reader on the line are no reason to complain.
func TestHarmlessAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frame := func(cmd, status byte, data ...byte) string { return string(Answer(Frame{0, cmd, status, data})) }
		r := start(t, Config{}, &reader{round: func(n int, _ []byte) string {
			return []string{
				none18,
				frame(CmdInventory, 0xFA),
				frame(CmdPushed, 0, 1, 2, 3) + tag18 + none18,
				frame(CmdInventory, StatusDone, 1, 12, 1, 2) + none18, // says 12 bytes, has 2
				frame(CmdInventory, StatusDone, 1, 0),                 // no EPC
				at(5, tag18) + none18,                                 // another reader
				frame(CmdInventory, StatusDone),
			}[(n-1)%7]
		}})
		r.pass(75 * time.Millisecond)
		if s := r.dev.Status(); s.State != drivers.Ready {
			t.Errorf("status %+v", s)
		}
		r.stop(t)
		if d := cmp.Diff([]string{text18}, r.reads[:1]); d != "" || len(r.reads) > 2 {
			t.Errorf("%d reads (-want +got)\n%s", len(r.reads), d)
		}
		if st := r.dev.Stats(); st.Blank == 0 || st.Bad < 2 {
			t.Errorf("stats %+v", st)
		}
	})
}

// Silence: set up anew three times, then the port is opened anew.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &reader{round: always(none18)})
		r.pass(100 * time.Millisecond)
		r.change(func() { r.silence = true })
		if err := <-r.end; drivers.CodeOf(err) != drivers.CodeRFIDSilent || r.peer.IsOpen() {
			t.Errorf("Run: %v", err)
		}
		if d := cmp.Diff([]string{"opening", "ready", "degraded DEV-501"}, r.states); d != "" || r.dev.Stats().Resets != rounds.ResetLimit {
			t.Errorf("%+v, states (-want +got)\n%s", r.dev.Stats(), d)
		}
	})
}

func TestUnplugEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &reader{round: always(none18)})
		r.peer.Plug(false)
		if err := <-r.end; !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Run: %v", err)
		}
	})
}

// Who it is, by answers that real readers gave. Each driver knows its own.
func TestAsk(t *testing.T) {
	const (
		real18  = "\x0d\x00\x21\x00\x03\x3f\x09\x03\x4e\x00\x1e\x0a\x83\xf0"
		real288 = "\x11\x00\x21\x00\x03\x01\x10\x02\x31\x80\x1a\x03\x01\x00\x00\x00\xaf\xbf"
	)
	for _, tc := range []struct {
		ask  drivers.Identifier
		says string
		want drivers.Identity
		code string
	}{
		{Ask, real18, drivers.Identity{Model: "UHFReader18", Firmware: "3.63"}, ""},
		{Ask288, real288, drivers.Identity{Model: "UHFReader86", Firmware: "3.1"}, ""},
		{Ask, real288, drivers.Identity{}, ""},
		{Ask288, real18, drivers.Identity{}, ""},
		{Ask, "ES\r\n", drivers.Identity{}, drivers.CodeRFIDUnreadable},
		{Ask288, "", drivers.Identity{}, drivers.CodeRFIDSilent},
	} {
		synctest.Test(t, func(t *testing.T) {
			peer := &drivertest.Peer{}
			peer.OnWrite = func(p []byte) (int, error) {
				if string(p) != "\x04\xff\x21\x19\x95" {
					t.Errorf("asked % X", p)
				}
				peer.Send(tc.says)
				return len(p), nil
			}
			port, err := peer.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := tc.ask(t.Context(), port)
			if got != tc.want || drivers.CodeOf(err) != tc.code || (err == nil) != tc.want.Known() {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestDecoderOfCommands(t *testing.T) {
	var got []string
	NewDecoder(true).Push([]byte("\x04\xff\x01\x1b\xb4\x0a\x00\x35\x00\x02\x04\x02\x06\x00\xcd\x09\x05\x00\x25\x14\x58\x66"),
		func(f drivers.Frame) { got = append(got, f.Code+f.Text) })
	want := []string{"command inventory", "command set work mode: 00 02 04 02 06 00", "command set scan time: 14"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestNewChecksItsConfiguration(t *testing.T) {
	good := Config{Name: "x", Open: (&drivertest.Peer{}).Open, Sink: func(rfid.Read) {}}
	with := func(f func(*Config)) Config {
		c := good
		f(&c)
		return c
	}
	for _, c := range []Config{
		with(func(c *Config) { c.Name = "" }),
		with(func(c *Config) { c.Open = nil }),
		with(func(c *Config) { c.Antennas = []int{2} }),
		with(func(c *Config) { c.Variant, c.Antennas = UHF288, []int{5} }),
		with(func(c *Config) { c.Variant, c.Antennas = UHF288, []int{1, 1} }),
		with(func(c *Config) { c.Power = 34 }),
		with(func(c *Config) { c.Address = 255 }),
		with(func(c *Config) { c.ScanTime = 200 * time.Millisecond }),
		with(func(c *Config) { c.ScanTime = 350 * time.Millisecond }),
		with(func(c *Config) { c.Answer = time.Millisecond }),
	} {
		if _, err := New(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
	s := rfid.Settings{Name: "x", Open: good.Open, Sink: good.Sink, Antennas: []int{1, 2, 3, 4}}
	if _, err := Reader288(s); err != nil {
		t.Error(err)
	}
	if _, err := Reader(s); err == nil {
		t.Error("a UHFReader18 with four antennas")
	}
}
