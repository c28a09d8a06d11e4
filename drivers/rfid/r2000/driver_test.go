package r2000

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

const tagText = "300833B2DDD9014000000001 pc 3000 ant 1 -74 dBm"

// answers are the settings' answers in conformance, where the device at the
// far end only knows the inventory.
type answers struct {
	drivers.Port
	queue []byte
}

func (a *answers) Write(ctx context.Context, p []byte) (int, error) {
	switch p[3] {
	case CmdFirmware:
		a.queue = Frame{1, p[3], []byte{1, 9}}.Append(nil)
	case CmdSetAntenna:
		a.queue = Frame{1, p[3], []byte{StatusOK}}.Append(nil)
	case CmdReset:
	default:
		return a.Port.Write(ctx, p)
	}
	return len(p), nil
}

func (a *answers) Read(ctx context.Context, p []byte) (int, error) {
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
				return &answers{Port: port}, nil
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
		Ask: "\xa0\x04\x01\x89\x01\xd1", Frame: tagFrame + endFrame, Whole: len(tagFrame), Want: tagText,
		Garbage: "\x00\xa0\x47\xff", // pretends to be a packet of 73 bytes
	})
}

// reader is a scripted reader in a synctest bubble. It answers settings by
// itself and rounds with round.
type reader struct {
	mu      sync.Mutex // of the script, which tests change while it plays
	peer    drivertest.Peer
	dev     *Driver
	heard   []string // commands without rounds, as hex from the command byte on
	rounds  int
	round   func(n int, cmd Frame) string // n counts from 1
	answer  map[byte]string               // other answers to settings, whole packets; "" = silence
	reads   []string
	states  []string
	end     chan error
	cancel  context.CancelFunc
	framer  *rounds.Framer
	resets  int
	silence bool
}

func pack(cmd byte, data ...byte) string { return string(Frame{1, cmd, data}.Append(nil)) }

func start(t *testing.T, cfg Config, script *reader) *reader {
	t.Helper()
	r := script
	r.end = make(chan error, 1)
	r.framer = rounds.NewFramer(packet)
	r.peer.OnWrite = func(p []byte) (int, error) {
		r.framer.Push(p, func(wire []byte) { r.command(unpack(wire)) })
		return len(p), nil
	}
	cfg.Name, cfg.Open = "rfid/test", r.peer.Open
	cfg.Sink = func(read rfid.Read) { r.reads = append(r.reads, text(read)) }
	cfg.OnStatus = func(s drivers.Status) {
		r.states = append(r.states, strings.TrimSpace(string(s.State)+" "+s.Code))
	}
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

// change changes the script.
func (r *reader) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *reader) command(f Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.silence {
		if f.Cmd == CmdReset {
			r.resets++
		}
		return
	}
	if f.Cmd == CmdRealTime || f.Cmd == CmdFastSwitch {
		r.rounds++
		r.peer.Send(r.round(r.rounds, f))
		return
	}
	r.heard = append(r.heard, fmt.Sprintf("%02X%X", f.Cmd, f.Data))
	reply, ok := r.answer[f.Cmd]
	switch {
	case ok:
	case f.Cmd == CmdFirmware:
		reply = pack(f.Cmd, 1, 9)
	case f.Cmd == CmdGetPower:
		reply = pack(f.Cmd, 30)
	case f.Cmd == CmdReset:
		r.resets++
	default:
		reply = pack(f.Cmd, StatusOK)
	}
	r.peer.Send(reply)
}

// pass lets time pass in the bubble.
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

func oneTag(int, Frame) string { return tagFrame + endFrame }

func TestSettingsAndRounds(t *testing.T) {
	fast := func(n int, f Frame) string {
		return string(Frame{1, CmdFastSwitch, []byte(tagFrame[4:20])}.Append(nil)) + pack(CmdFastSwitch, 0, 0, 1, 0, 0, 0, 60)
	}
	for _, tc := range []struct {
		name  string
		cfg   Config
		heard []string
		round string
	}{
		{"one antenna", Config{}, []string{"72", "7400"}, "8901"},
		{"the third antenna", Config{Antennas: []int{3}}, []string{"72", "7402"}, "8901"},
		{"power as it is", Config{Power: 30}, []string{"72", "77", "7400"}, "8901"},
		{"other power", Config{Power: 27}, []string{"72", "77", "761B", "7400"}, "8901"},
		{"several antennas", Config{Antennas: []int{2, 1}}, []string{"72"}, "8A01010001FF00FF000001"},
		{"eight ports", Config{Antennas: []int{8, 1}, Ports: 8}, []string{"72"}, "8A07010001FF00FF00FF00FF00FF00FF000001"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				round := ""
				r := start(t, tc.cfg, &reader{round: func(n int, f Frame) string {
					if round = fmt.Sprintf("%02X%X", f.Cmd, f.Data); f.Cmd == CmdFastSwitch {
						return fast(n, f)
					}
					return oneTag(n, f)
				}})
				r.pass(100 * time.Millisecond)
				if s := r.dev.Status(); s.State != drivers.Ready || !strings.Contains(s.Text, "1.9") || r.dev.Firmware() != "1.9" {
					t.Errorf("status %+v", s)
				}
				r.stop(t)
				if d := cmp.Diff(tc.heard, r.heard); d != "" {
					t.Errorf("settings (-want +got)\n%s", d)
				}
				if round != tc.round {
					t.Errorf("round %s, want %s", round, tc.round)
				}
				// One round each 10 ms: neither slower nor faster.
				if r.rounds < 10 || r.rounds > 12 || len(r.reads) != r.rounds || r.reads[0] != tagText {
					t.Errorf("%d rounds, reads %q", r.rounds, r.reads)
				}
				if st := r.dev.Stats(); st.Reads != uint64(len(r.reads)) || st.Rounds != uint64(r.rounds) || st.Bad != 0 {
					t.Errorf("stats %+v", st)
				}
				if d := cmp.Diff([]string{"opening", "ready", "absent"}, r.states); d != "" {
					t.Errorf("states (-want +got)\n%s", d)
				}
			})
		})
	}
}

func TestPowerOfEachAntenna(t *testing.T) {
	for _, tc := range []struct {
		has  string
		sets bool
	}{
		{pack(CmdGetPower, 27, 27, 27, 27), false},
		{pack(CmdGetPower, 27, 27, 30, 27), true},
		{pack(CmdGetPower), true},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, Config{Power: 27}, &reader{round: oneTag, answer: map[byte]string{CmdGetPower: tc.has}})
			r.pass(100 * time.Millisecond)
			r.stop(t)
			if sets := strings.Contains(strings.Join(r.heard, " "), "761B"); sets != tc.sets {
				t.Errorf("the reader has %x: settings %q", tc.has, r.heard)
			}
		})
	}
}

// A missing antenna degrades the reader, but the others go on reading.
func TestOneAntennaIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		tag := string(Frame{1, CmdFastSwitch, []byte(tagFrame[4:20])}.Append(nil))
		r := start(t, Config{Antennas: []int{1, 2}}, &reader{round: func(int, Frame) string {
			end := pack(CmdFastSwitch, 0, 0, 1, 0, 0, 0, 60)
			if broken {
				return pack(CmdFastSwitch, 1, StatusAntennaMissing) + tag + end
			}
			return tag + end
		}})
		r.pass(100 * time.Millisecond)
		if s := r.dev.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeRFIDAntenna || !strings.Contains(s.Text, "antenna 2 ") {
			t.Errorf("status %+v", s)
		}
		if len(r.reads) < 9 {
			t.Errorf("%d reads beside a missing antenna", len(r.reads))
		}
		r.change(func() { broken = false })
		r.pass(50 * time.Millisecond)
		if s := r.dev.Status(); s.State != drivers.Ready || s.Code != "" {
			t.Errorf("mended: %+v", s)
		}
		if st := r.dev.Stats(); st.Missing < 9 {
			t.Errorf("stats %+v", st)
		}
		r.stop(t)
	})
}

// What ends reading, under which code, and that it heals by itself.
func TestFaultsHeal(t *testing.T) {
	for _, tc := range []struct {
		name     string
		antennas []int
		answer   map[byte]string
		round    string
		code     string
		after    time.Duration
	}{
		{name: "the only antenna is missing", round: pack(CmdRealTime, StatusAntennaMissing), code: drivers.CodeRFIDAntenna},
		{
			name: "all antennas are missing", antennas: []int{1, 2}, code: drivers.CodeRFIDAntenna,
			round: pack(CmdFastSwitch, 0, 0x22) + pack(CmdFastSwitch, 1, 0x22) + pack(CmdFastSwitch, 0, 0, 0, 0, 0, 0, 9),
		},
		{name: "work antenna refused", answer: map[byte]string{CmdSetAntenna: pack(CmdSetAntenna, 0x41)}, code: drivers.CodeRFIDRefuses},
		{name: "work antenna missing", answer: map[byte]string{CmdSetAntenna: pack(CmdSetAntenna, 0x22)}, code: drivers.CodeRFIDAntenna},
		{name: "round refused", round: pack(CmdRealTime, 0x41), code: drivers.CodeRFIDRefuses},
		{name: "the chip fails", round: pack(CmdRealTime, 0x53), code: drivers.CodeRFIDInventory},
		{name: "rounds fail", round: pack(CmdRealTime, 0x31), code: drivers.CodeRFIDInventory},
		{name: "a version that is none", answer: map[byte]string{CmdFirmware: pack(CmdFirmware, 0x11)}, code: drivers.CodeRFIDRefuses},
		{name: "no answer to a setting", answer: map[byte]string{CmdSetAntenna: ""}, code: drivers.CodeRFIDSilent, after: 2 * time.Second},
		{name: "rounds without an answer", round: "-", code: drivers.CodeRFIDSilent, after: 3 * time.Second},
		{name: "rounds of noise", round: "\x80\x81\xa0\x82", code: drivers.CodeRFIDUnreadable, after: 3 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				healed := false
				good := oneTag
				if len(tc.antennas) > 1 {
					good = func(int, Frame) string { return pack(CmdFastSwitch, 0, 0, 0, 0, 0, 0, 9) }
				}
				r := start(t, Config{Antennas: tc.antennas}, &reader{answer: tc.answer, round: func(n int, f Frame) string {
					switch {
					case healed || tc.round == "":
						return good(n, f)
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
				if s := r.dev.Status(); s.State != drivers.Ready || s.Code != "" {
					t.Errorf("mended: %+v", s)
				}
				r.stop(t)
				if d := cmp.Diff([]string{"opening", "degraded " + tc.code, "ready", "absent"}, r.states); d != "" {
					t.Errorf("states (-want +got)\n%s", d)
				}
			})
		})
	}
}

// A single round that fails, one without tags, a tag without EPC and one that
// contradicts itself are no reason to complain.
func TestHarmlessAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &reader{round: func(n int, f Frame) string {
			return []string{
				endFrame,
				pack(CmdRealTime, StatusNoTag),
				pack(CmdRealTime, 0x31),
				pack(CmdRealTime, StatusBufferEmpty),
				pack(CmdRealTime, 0, 0, 0, 60) + endFrame,          // no EPC
				pack(CmdRealTime, 0, 0x30, 0, 1, 2, 60) + endFrame, // says 6 words, has 1
				pack(CmdFirmware, 1, 9) + tagFrame + endFrame,      // an answer nobody asked for
				string(Frame{7, CmdRealTime, []byte(tagFrame[4:20])}.Append(nil)) + endFrame, // another reader on the line
			}[(n-1)%8]
		}})
		r.pass(160 * time.Millisecond)
		if s := r.dev.Status(); s.State != drivers.Ready {
			t.Errorf("status %+v", s)
		}
		r.stop(t)
		if d := cmp.Diff([]string{tagText, tagText}, r.reads); d != "" {
			t.Errorf("reads (-want +got)\n%s", d)
		}
		if st := r.dev.Stats(); st.Blank != 2 || st.Bad != 2 {
			t.Errorf("stats %+v", st)
		}
	})
}

// One lost end of a round costs half a second, not a reset.
func TestLostRoundEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &reader{round: func(n int, f Frame) string {
			if n == 3 {
				return tagFrame + endFrame[:9]
			}
			return oneTag(n, f)
		}})
		r.pass(time.Second)
		if st := r.dev.Stats(); st.Late != 1 || st.Resets != 0 || st.Rounds < 40 {
			t.Errorf("stats %+v", st)
		}
		r.stop(t)
		if d := cmp.Diff([]string{"opening", "ready", "absent"}, r.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
	})
}

// A length byte made by noise holds the packets behind it back for 50 ms, not
// until the round is given up.
func TestNoiseThatLooksLikeAPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &reader{round: func(n int, f Frame) string { return "\xa0\x50" + oneTag(n, f) }})
		r.pass(time.Second)
		r.stop(t)
		if st := r.dev.Stats(); st.Late != 0 || st.Reads < 19 || st.Bad < st.Reads {
			t.Errorf("stats %+v", st)
		}
	})
}

// A reader that reports tags but never ends a round works all the same.
func TestRoundsWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &reader{round: func(int, Frame) string { return tagFrame }})
		r.pass(3 * time.Second)
		if s := r.dev.Status(); s.State != drivers.Ready || len(r.reads) < 5 {
			t.Errorf("status %+v, %d reads", s, len(r.reads))
		}
		r.stop(t)
		if r.resets != 0 {
			t.Errorf("%d resets", r.resets)
		}
	})
}

// The watchdog: silence for 2 s, a reset and all settings anew; after three
// resets in vain the port is opened anew, and the device stays degraded.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &reader{round: oneTag})
		r.pass(time.Second)
		before := time.Now()
		r.change(func() { r.silence = true })
		for r.dev.Status().State == drivers.Ready {
			r.pass(10 * time.Millisecond)
		}
		if took := time.Since(before); took < 2*time.Second || took > 2600*time.Millisecond {
			t.Errorf("degraded after %v", took)
		}
		r.change(func() { r.silence, r.heard = false, nil }) // the reset helped
		r.pass(2 * time.Second)
		if r.dev.Status().State != drivers.Ready || r.dev.Stats().Resets != 1 || r.resets != 1 {
			t.Errorf("status %+v, %d resets", r.dev.Status(), r.resets)
		}
		if d := cmp.Diff([]string{"72", "7400"}, r.heard); d != "" {
			t.Errorf("settings after the reset (-want +got)\n%s", d)
		}
		r.change(func() { r.silence = true })
		if err := <-r.end; drivers.CodeOf(err) != drivers.CodeRFIDSilent {
			t.Errorf("Run: %v", err)
		}
		if s := r.dev.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeRFIDSilent {
			t.Errorf("status %+v", s)
		}
		if r.resets != 1+rounds.ResetLimit || r.peer.IsOpen() {
			t.Errorf("%d resets, port open: %v", r.resets, r.peer.IsOpen())
		}
		if d := cmp.Diff([]string{"opening", "ready", "degraded DEV-501", "ready", "degraded DEV-501"}, r.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
	})
}

func TestUnplugEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, &reader{round: oneTag})
		r.pass(50 * time.Millisecond)
		r.peer.Plug(false)
		if err := <-r.end; !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Run: %v", err)
		}
		if s := r.dev.Status(); s.State != drivers.Absent || s.Code != drivers.CodeUnplugged {
			t.Errorf("status %+v", s)
		}
	})
}

// The time of a read is that of the injected clock, its strength is the byte
// and the reader's offset, and any address may answer when asked so.
func TestReadOfAnotherReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
		var got rfid.Read
		peer := &drivertest.Peer{}
		peer.OnWrite = func(p []byte) (int, error) {
			if p[2] != AddrBroadcast {
				t.Errorf("asked address %02X", p[2])
			}
			data := map[byte]string{CmdFirmware: "\x02\x00", CmdSetAntenna: "\x10", CmdRealTime: tagFrame[4:20]}[p[3]]
			peer.Send(string(Frame{9, p[3], []byte(data)}.Append(nil)))
			return len(p), nil
		}
		d, err := New(Config{
			Name: "x", Open: peer.Open, Address: AddrBroadcast, RSSIOffset: -120,
			Now: func() time.Time { return at }, Sink: func(r rfid.Read) { got = r },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
		want := rfid.Read{EPC: "300833B2DDD9014000000001", PC: 0x3000, Antenna: 1, RSSI: 0x37 - 120, At: at}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

func TestNewChecksItsConfiguration(t *testing.T) {
	open := (&drivertest.Peer{}).Open
	sink := func(rfid.Read) {}
	good := Config{Name: "x", Open: open, Sink: sink}
	with := func(f func(*Config)) Config {
		c := good
		f(&c)
		return c
	}
	for _, c := range []Config{
		{},
		{Name: "x"},
		{Name: "x", Open: open},
		{Name: "x", Sink: sink},
		with(func(c *Config) { c.Antennas = []int{0} }),
		with(func(c *Config) { c.Antennas = []int{5} }),
		with(func(c *Config) { c.Antennas = []int{1, 1} }),
		with(func(c *Config) { c.Ports = 16 }),
		with(func(c *Config) { c.Power = 34 }),
		with(func(c *Config) { c.Power = -1 }),
		with(func(c *Config) { c.Address = 256 }),
		with(func(c *Config) { c.Answer = time.Millisecond }),
		with(func(c *Config) { c.Answer, c.Silence = time.Second, time.Millisecond }),
		with(func(c *Config) { c.Retry = -1 }),
	} {
		if _, err := New(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
	if _, err := New(with(func(c *Config) { c.Ports, c.Antennas = 8, []int{8, 5} })); err != nil {
		t.Error(err)
	}
}
