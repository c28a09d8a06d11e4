package llrp

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/rfid"
	"tote/drivers/rfid/llrp/wire"
)

// fake is a reader in memory for tests of the session. It is made with our own
// codec: whether the codec is right is shown elsewhere.
type fake struct {
	peer drivertest.Peer

	version   byte
	noEcho    bool // ids are the reader's own
	deaf      map[wire.Type]bool
	status    map[wire.Type]int  // of answers, 0 = success
	errors    map[wire.Type]bool // answered with ERROR_MESSAGE
	attempt   int
	mute      bool // no greeting
	uptime    bool
	skew      time.Duration // of the reader's clock
	keepalive bool
	caps      []*wire.Node
	config    []*wire.Node
	supported int // version, for GET_SUPPORTED_VERSION

	mu     sync.Mutex
	framer wire.Framer
	got    []string
	acks   int
	id     uint32
}

// standard is a reader with four antennas, all connected, and a table of powers.
func standard() *fake {
	f := &fake{
		version: wire.Version101, deaf: map[wire.Type]bool{}, status: map[wire.Type]int{}, errors: map[wire.Type]bool{}, keepalive: true, supported: 1,
		caps: []*wire.Node{
			wire.New("GeneralDeviceCapabilities", map[string]any{
				"MaxNumberOfAntennaSupported": 4, "HasUTCClockCapability": true, "DeviceManufacturerName": 25882, "ModelName": 2001002, "ReaderFirmwareVersion": "5.14.0.240",
			}, wire.New("GPIOCapabilities", map[string]any{"NumGPIs": 2, "NumGPOs": 3})),
			wire.New("LLRPCapabilities", map[string]any{"MaxNumROSpecs": 1, "SupportsEventAndReportHolding": true}),
			wire.New("RegulatoryCapabilities", nil, wire.New("UHFBandCapabilities", nil,
				wire.New("TransmitPowerLevelTableEntry", map[string]any{"Index": 1, "TransmitPowerValue": 1000}),
				wire.New("TransmitPowerLevelTableEntry", map[string]any{"Index": 7, "TransmitPowerValue": 2700}),
				wire.New("TransmitPowerLevelTableEntry", map[string]any{"Index": 8, "TransmitPowerValue": 2725}),
				wire.New("TransmitPowerLevelTableEntry", map[string]any{"Index": 9, "TransmitPowerValue": 3000}),
				wire.New("FrequencyInformation", map[string]any{"Hopping": true}, wire.New("FrequencyHopTable", map[string]any{"HopTableID": 3})))),
		},
		config: []*wire.Node{
			wire.New("Identification", map[string]any{"ReaderID": []byte{0, 0x16, 0x25}}),
			wire.New("GPIPortCurrentState", map[string]any{"GPIPortNum": 1, "State": 0}),
		},
	}
	for a := 1; a <= 4; a++ {
		f.config = append(f.config, wire.New("AntennaProperties", map[string]any{"AntennaConnected": true, "AntennaID": a}))
	}
	f.peer.OnWrite = f.hear
	return f
}

// open is the opener; the reader greets whoever connects.
func (f *fake) opener(ctx context.Context) (drivers.Port, error) {
	p, err := f.peer.Open(ctx)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.framer.Reset()
	mute, attempt := f.mute, f.attempt
	f.mu.Unlock()
	if !mute {
		f.event(wire.New("ConnectionAttemptEvent", map[string]any{"Status": attempt}))
	}
	return p, nil
}

func (f *fake) clock() *wire.Node {
	now := time.Now().Add(f.skew)
	if f.uptime {
		return wire.New("Uptime", map[string]any{"Microseconds": uint64(time.Since(boot).Microseconds())})
	}
	return wire.New("UTCTimestamp", map[string]any{"Microseconds": uint64(now.UnixMicro())})
}

// boot is when readers without a clock were switched on, in synctest's time.
var boot = time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC)

func (f *fake) event(events ...*wire.Node) {
	f.say(wire.ReaderEvent, 0, wire.New("ReaderEventNotificationData", nil, append([]*wire.Node{f.clock()}, events...)...))
}

// say sends a message of the reader.
func (f *fake) say(t wire.Type, id uint32, params ...*wire.Node) {
	n := &wire.Node{Params: params}
	if t.Known() {
		n = wire.Message(t, nil, params...)
	}
	f.sayNode(t, id, n)
}

func (f *fake) sayNode(t wire.Type, id uint32, n *wire.Node) {
	body, err := n.Body()
	if err != nil {
		panic(err)
	}
	f.peer.Send(string(wire.Append(nil, f.version, t, id, body)))
}

// report sends one tag with these parameters.
func (f *fake) report(epc string, params ...*wire.Node) {
	b, err := hex.DecodeString(epc)
	if err != nil {
		panic(err)
	}
	first := wire.New("EPCData", map[string]any{"EPC": wire.Bits{Count: 8 * len(b), Data: b}})
	if len(b) == 12 {
		first = wire.New("EPC_96", map[string]any{"EPC": b})
	}
	f.say(wire.ROAccessReport, 7, wire.New("TagReportData", nil, append([]*wire.Node{first}, params...)...))
}

// hear takes what the driver writes.
func (f *fake) hear(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.framer.Push(p)
	for {
		h, body, ok, err := f.framer.Next()
		if err != nil {
			panic(err)
		}
		if !ok {
			return len(p), nil
		}
		n, err := wire.Parse(h.Type, body)
		if err != nil {
			panic(err)
		}
		if h.Type == wire.KeepaliveAck {
			f.acks++
			continue
		}
		f.got = append(f.got, fmt.Sprintf("v%d %s", h.Version, n))
		if !f.deaf[h.Type] {
			f.answer(h)
		}
	}
}

func (f *fake) answer(h wire.Header) {
	id := h.ID
	if f.noEcho {
		f.id++
		id = f.id
	}
	status := wire.New("LLRPStatus", map[string]any{"StatusCode": f.status[h.Type], "ErrorDescription": map[bool]string{true: "no"}[f.status[h.Type] != 0]})
	if f.errors[h.Type] {
		f.say(wire.ErrorMessage, id, status)
		return
	}
	switch h.Type {
	case wire.EnableEvents:
	case wire.GetReaderCapabilities:
		f.say(h.Type.Response(), id, append([]*wire.Node{status}, f.caps...)...)
	case wire.GetReaderConfig:
		f.say(h.Type.Response(), id, append([]*wire.Node{status}, f.config...)...)
	case wire.GetSupportedVersion:
		f.sayNode(h.Type.Response(), id, wire.Message(h.Type.Response(), map[string]any{"CurrentVersion": 1, "SupportedVersion": f.supported}, status))
	default:
		f.say(h.Type.Response(), id, status)
	}
}

// change changes the reader while it is at work.
func (f *fake) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// heard gives what the driver asked since the last call, and forgets it.
func (f *fake) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.got
	f.got = nil
	return out
}

// bench is a driver on a fake reader, in simulated time.
type bench struct {
	t     *testing.T
	f     *fake
	d     *Driver
	mu    sync.Mutex
	reads []rfid.Read
	log   strings.Builder
}

// with runs a session in a bubble and ends it whole.
func with(t *testing.T, f *fake, cfg Config, do func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, f: f}
		cfg := cfg
		cfg.Name, cfg.Open = "dock1/rfid", f.opener
		cfg.Log = slog.New(slog.NewTextHandler(&b.log, nil))
		cfg.Sink = func(r rfid.Read) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.reads = append(b.reads, r)
		}
		d, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.d = d
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			for ctx.Err() == nil { // as the supervisor does
				_ = d.Run(ctx)
				select {
				case <-time.After(250 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
		all.Go(func() {
			for {
				select {
				case <-time.After(d.cfg.Keepalive):
					f.mu.Lock()
					on := f.keepalive
					f.mu.Unlock()
					if on {
						f.say(wire.Keepalive, 99)
					}
				case <-ctx.Done():
					return
				}
			}
		})
		b.after(time.Second)
		do(b)
		cancel()
		all.Wait()
		if f.peer.IsOpen() {
			t.Error("the connection is left open")
		}
	})
}

// after lets time go by.
func (b *bench) after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (b *bench) state(want drivers.State, code string) {
	b.t.Helper()
	synctest.Wait()
	if s := b.d.Status(); s.State != want || s.Code != code {
		b.t.Errorf("%s %s (%s), want %s %s; the reader heard %q", s.State, s.Code, s.Text, want, code, b.f.heard())
	}
}

// take gives the reads since the last call.
func (b *bench) take() []rfid.Read {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.reads
	b.reads = nil
	return out
}

func (b *bench) heardWant(want ...string) {
	b.t.Helper()
	var got []string
	for _, line := range b.f.heard() {
		name, _, _ := strings.Cut(line, "{")
		got = append(got, name)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("the reader heard %q, want %q", got, want)
	}
}

func param(name string, value int) *wire.Node {
	field := map[string]string{
		"C1G2PC": "PC_Bits", "FirstSeenTimestampUTC": "Microseconds", "LastSeenTimestampUTC": "Microseconds",
		"FirstSeenTimestampUptime": "Microseconds", "LastSeenTimestampUptime": "Microseconds",
	}[name]
	if field == "" {
		field = name
	}
	return wire.New(name, map[string]any{field: value})
}
