package llrp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/gpio"
	"tote/drivers/rfid"
	"tote/drivers/rfid/llrp"
	"tote/drivers/rfid/presence"
	"tote/drivers/tcpport"
	"tote/firmware-tests/control"
	"tote/firmware-tests/emulate"
	"tote/firmware-tests/line"
	"tote/firmware-tests/record"
	emu "tote/firmware-tests/rfid/llrp"
)

func TestMain(m *testing.M) {
	drivertest.Waiting()
	goleak.VerifyTestMain(m)
}

const (
	epc1 = "3074257BF7194E4000001A85"
	epc2 = "E20034120102030405060708090A0B0C"
)

// door is a driver on an emulated reader that shares no code with it, over real
// TCP.
type door struct {
	t    *testing.T
	dev  *llrp.Driver
	hand *control.Client
	addr string

	mu    sync.Mutex
	reads []rfid.Read
}

// newDoor starts both; on are faults that are on before the driver comes.
func newDoor(t *testing.T, cfg llrp.Config, params emu.Params, on ...string) *door {
	t.Helper()
	d := emulated(t, params)
	for _, f := range on {
		d.fault(f, true)
	}
	stop := d.run(cfg)
	t.Cleanup(stop)
	return d
}

// emulated starts the reader alone.
func emulated(t *testing.T, params emu.Params) *door {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- emulate.Main(ctx, emulate.Options{JSON: true, Devices: []emulate.Device{{Kind: emulate.LLRP, LLRP: params}}}, in)
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal(lines.Err())
	}
	var ready emulate.Ready
	if err := json.Unmarshal(lines.Bytes(), &ready); err != nil {
		t.Fatal(err)
	}
	hand, err := control.Dial(t.Context(), ready.Control)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = hand.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &door{t: t, hand: hand, addr: ready.Listen}
}

// run keeps a driver going, as the supervisor does, until stop is called.
func (d *door) run(cfg llrp.Config) (stop func()) {
	d.t.Helper()
	open, err := tcpport.Opener(tcpport.Config{Address: d.addr, Hold: true})
	if err != nil {
		d.t.Fatal(err)
	}
	cfg.Name, cfg.Open, cfg.Sink = "rfid/test", open, d.read
	if d.dev, err = llrp.New(cfg); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = d.dev.Run(ctx)
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return func() { cancel(); <-ended }
}

func (d *door) read(r rfid.Read) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads = append(d.reads, r)
}

// take returns the reads since the last take.
func (d *door) take() []rfid.Read {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.reads
	d.reads = nil
	return out
}

func (d *door) until(what string, ok func() bool) {
	d.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			d.t.Fatalf("never: %s (status %+v, stats %+v, reader %+v)", what, d.dev.Status(), d.dev.Stats(), d.device())
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (d *door) state(want drivers.State, code string) {
	d.t.Helper()
	d.until(string(want)+" "+code, func() bool {
		s := d.dev.Status()
		return s.State == want && s.Code == code
	})
}

func (d *door) fault(name string, on bool) {
	d.t.Helper()
	if err := d.hand.Fault(d.t.Context(), name, on); err != nil {
		d.t.Fatal(err)
	}
}

func (d *door) device() (s emu.State) {
	d.t.Helper()
	st, err := d.hand.State(d.t.Context())
	if err == nil {
		err = json.Unmarshal(st.Device, &s)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d *door) field(tags ...record.Tag) {
	d.t.Helper()
	if err := d.hand.Field(d.t.Context(), tags); err != nil {
		d.t.Fatal(err)
	}
}

// sees waits until a tag is read anew.
func (d *door) sees(epc string) rfid.Read {
	d.t.Helper()
	var found rfid.Read
	d.take()
	d.until("a read of "+epc, func() bool {
		i := slices.IndexFunc(d.take(), func(r rfid.Read) bool {
			if r.EPC == epc {
				found = r
			}
			return r.EPC == epc
		})
		return i >= 0
	})
	return found
}

// quick times keep the tests short; what they mean is the same.
var quick = llrp.Config{Antennas: []int{1, 2}, Power: 27, Keepalive: time.Second}

func TestReaderReads(t *testing.T) {
	t.Parallel()
	d := newDoor(t, quick, emu.Params{Steady: true, ReportMs: 5})
	d.state(drivers.Ready, "")
	if s := d.device(); s.PowerDbm != 27 || s.KeepaliveMs != 1000 || s.ROSpec != "active" || !slices.Equal(s.Antennas, []int{1, 2}) {
		t.Errorf("%+v", s)
	}
	if id := d.dev.Identity(); id.Maker != "Impinj" || id.Model != "2001002" || id.Firmware != "5.14.0.240" || id.Serial != "001625FFFE000001" {
		t.Errorf("%+v", id)
	}
	d.field(record.Tag{EPC: epc1, Antenna: 2, RSSI: -51, Rate: 100}, record.Tag{EPC: epc2, Antenna: 1, RSSI: -61, Rate: 100})
	for epc, want := range map[string]rfid.Read{epc1: {Antenna: 2, RSSI: -54, PC: 0x3000}, epc2: {Antenna: 1, RSSI: -64, PC: 0x4000}} {
		got := d.sees(epc) // at 27 dBm, 3 below what the tags were given for
		if got.Antenna != want.Antenna || got.RSSI != want.RSSI || got.PC != want.PC {
			t.Errorf("%+v, want %+v", got, want)
		}
		if late := got.At.Sub(got.ReaderTime); late < 0 || late > 10*time.Second {
			t.Errorf("read %v after it was seen", late)
		}
	}
	d.until("keepalives are acknowledged", func() bool { return d.device().Acks >= 2 })
	if d.dev.Stats().Sessions != 1 {
		t.Errorf("%+v", d.dev.Stats())
	}
}

// Kinds of readers whose reports are read all the same.
func TestKindsOfReaders(t *testing.T) {
	for name, c := range map[string]struct {
		cfg    llrp.Config
		params emu.Params
		on     []string
	}{
		"sparse reports":              {params: emu.Params{Sparse: true}},
		"no clock":                    {params: emu.Params{Uptime: true}},
		"all EPCs as EPCData":         {params: emu.Params{EPCData: true}},
		"events are held":             {params: emu.Params{Holding: true}},
		"one antenna":                 {cfg: llrp.Config{Antennas: []int{1}}, params: emu.Params{Antennas: 1}},
		"raised to 1.1":               {cfg: llrp.Config{Version: llrp.Version11}, params: emu.Params{V11: true}},
		"asked for 1.1, knows 1.0.1":  {cfg: llrp.Config{Version: llrp.Version11}},
		"1.1 in its headers":          {on: []string{emu.V11}},
		"ids are not echoed":          {on: []string{emu.NoEcho}},
		"messages in pieces":          {on: []string{line.Split}},
		"several messages in a piece": {on: []string{emu.Merge}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Keepalive = time.Second
			c.params.ReportMs = 5
			d := newDoor(t, c.cfg, c.params, c.on...)
			d.state(drivers.Ready, "")
			d.field(record.Tag{EPC: epc1, Rate: 100})
			got := d.sees(epc1)
			if c.params.Sparse != (got.Antenna == 0) || c.params.Sparse != got.ReaderTime.IsZero() {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Troubles of the reader are shown, and over when they are over.
func TestTroubles(t *testing.T) {
	for _, c := range []struct {
		fault string
		state drivers.State
		code  string
	}{
		{line.Stall, drivers.Degraded, drivers.CodeLLRPSilent},
		{line.Unplug, drivers.Absent, drivers.CodeUnreachable},
		{emu.AntennaBroken(2), drivers.Degraded, drivers.CodeRFIDAntenna},
		{emu.BadLengths, drivers.Degraded, drivers.CodeLLRPBroken},
		{emu.Garbage, drivers.Degraded, drivers.CodeLLRPBroken},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			cfg := quick
			cfg.Greeting = time.Second
			d := newDoor(t, cfg, emu.Params{ReportMs: 5})
			d.field(record.Tag{EPC: epc1, Rate: 100})
			d.sees(epc1)
			d.state(drivers.Ready, "")
			d.fault(c.fault, true)
			d.state(c.state, c.code)
			d.fault(c.fault, false)
			d.state(drivers.Ready, "")
			d.sees(epc1)
		})
	}
}

// What is wrong before the driver comes.
func TestTroublesAtTheStart(t *testing.T) {
	for _, c := range []struct{ fault, code string }{
		{emu.HeldClient, drivers.CodeLLRPHeld},
		{emu.HeldReader, drivers.CodeLLRPHeld},
		{emu.Refuse, drivers.CodeRFIDRefuses},
		{emu.ClockSkew, drivers.CodeLLRPClock},
		{emu.AntennaBroken(1), drivers.CodeRFIDAntenna},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, quick, emu.Params{ReportMs: 5}, c.fault)
			d.state(drivers.Degraded, c.code)
			d.fault(c.fault, false)
			if n := d.device().Connections; c.code == drivers.CodeLLRPHeld && n > 2 {
				t.Errorf("%d connections: the reader is hammered", n)
			}
			if c.fault == emu.ClockSkew { // seen with the next event
				if err := d.hand.Level(t.Context(), "GPI1", true); err != nil {
					t.Fatal(err)
				}
			}
			d.state(drivers.Ready, "") // within 5 s, where it was not to be asked at once
		})
	}
}

// Missed keepalives end a connection and all is set up anew; until the reader
// gives a sign of life it counts as silent.
func TestNoKeepalives(t *testing.T) {
	t.Parallel()
	d := newDoor(t, quick, emu.Params{}, emu.NoKeepalive)
	d.state(drivers.Degraded, drivers.CodeLLRPSilent)
	d.until("a second session", func() bool { return d.dev.Stats().Sessions >= 2 })
	if d.dev.Stats().Drops == 0 {
		t.Errorf("%+v", d.dev.Stats())
	}
	d.fault(emu.NoKeepalive, false)
	d.state(drivers.Ready, "")
}

// A second driver at the same reader is told that it is held, and takes over
// when the first lets go.
func TestTwoDrivers(t *testing.T) {
	t.Parallel()
	d := newDoor(t, quick, emu.Params{ReportMs: 5})
	d.state(drivers.Ready, "")
	open, err := tcpport.Opener(tcpport.Config{Address: d.addr, Hold: true})
	if err != nil {
		t.Fatal(err)
	}
	second, err := llrp.New(llrp.Config{Name: "second", Open: open, Sink: func(rfid.Read) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); drivers.CodeOf(err) != drivers.CodeLLRPHeld {
		t.Errorf("the second: %v", err)
	}
	d.state(drivers.Ready, "")
	d.field(record.Tag{EPC: epc1, Rate: 100})
	d.sees(epc1)
}

// A carton moves through a portal whose photo-eye is wired to the reader.
func TestPortalWithTheReadersEye(t *testing.T) {
	t.Parallel()
	d := newDoor(t, llrp.Config{Keepalive: time.Second}, emu.Params{ReportMs: 5})
	d.state(drivers.Ready, "")
	portal, err := presence.New(presence.Config{Eye: true})
	if err != nil {
		t.Fatal(err)
	}
	signals := make(chan gpio.Signal, 10)
	eye, err := gpio.NewInput(gpio.InputConfig{Name: "eye", Open: d.dev.Lines(), Line: llrp.InputLine(1), Sink: func(s gpio.Signal) { signals <- s }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- eye.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	next := func(active bool) gpio.Signal {
		t.Helper()
		select {
		case s := <-signals:
			if s.Active != active {
				t.Fatalf("the eye is %v", s.Active)
			}
			return s
		case <-time.After(20 * time.Second):
			t.Fatal("no word of the eye")
		}
		panic("not reached")
	}
	next(false)
	level := func(high bool) {
		t.Helper()
		if err := d.hand.Level(t.Context(), "GPI1", high); err != nil {
			t.Fatal(err)
		}
	}
	d.take()
	level(true)
	opened := next(true)
	entry, err := d.hand.Pass(t.Context(), []record.Tag{{EPC: epc1, Rate: 100}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	level(false)
	closed := next(false)
	d.until("all that was told has come", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.reads) >= entry.Tags.Reads[epc1]
	})
	if entry.Tags.Reads[epc1] < 3 {
		t.Fatalf("hardly heard: %v", entry.Tags.Reads)
	}
	var passes []presence.Pass
	for _, r := range d.take() {
		if r.At.Before(opened.At) { // it was told before the eye's debounce was over
			passes = append(passes, portal.Read(r)...)
			continue
		}
		if !opened.At.IsZero() {
			passes = append(passes, portal.Open(opened.At)...)
			opened.At = time.Time{}
		}
		passes = append(passes, portal.Read(r)...)
	}
	passes = append(passes, portal.Close(closed.At)...)
	passes = append(passes, portal.Tick(closed.At.Add(10*time.Second))...)
	if len(passes) != 1 || len(passes[0].Tags) != 1 || !strings.EqualFold(passes[0].Tags[0].EPC, epc1) {
		t.Errorf("%+v", passes)
	}
}

// A lamp hangs on an output of the reader.
func TestOutputs(t *testing.T) {
	t.Parallel()
	d := newDoor(t, quick, emu.Params{})
	d.state(drivers.Ready, "")
	tower, err := gpio.NewTower(gpio.TowerConfig{Name: "tower", Open: d.dev.Lines(), Green: llrp.OutputLine(1), Amber: llrp.OutputLine(2), Red: llrp.OutputLine(3)})
	if err != nil {
		t.Fatal(err)
	}
	tower.Set(gpio.LightOK)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tower.Run(ctx) }()
	d.until("green alone", func() bool {
		o := d.device().Outputs
		return o["GPO1"] && !o["GPO2"] && !o["GPO3"]
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if o := d.device().Outputs; !o["GPO3"] {
		t.Errorf("the tower that stopped shows %v", o)
	}
}

// Nothing stays behind at the reader when the agent stops: it radiates no more
// and is free at once.
func TestFarewell(t *testing.T) {
	t.Parallel()
	d := emulated(t, emu.Params{})
	stop := d.run(quick)
	d.state(drivers.Ready, "")
	stop()
	if s := d.dev.Status(); s.State != drivers.Absent || s.Code != "" {
		t.Errorf("%+v", s)
	}
	d.until("the reader is free", func() bool { s := d.device(); return s.ROSpec == "none" && !s.Connected })
	if h := d.device().Heard; len(h) < 2 || h[len(h)-1] != "CLOSE_CONNECTION" || h[len(h)-2] != "DELETE_ROSPEC" {
		t.Errorf("it heard %q", h)
	}
	t.Cleanup(d.run(quick))
	d.state(drivers.Ready, "")
}
