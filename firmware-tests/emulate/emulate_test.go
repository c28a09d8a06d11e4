package emulate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/firmware-tests/control"
	"tote/firmware-tests/conveyor"
	"tote/firmware-tests/gpio"
	"tote/firmware-tests/record"
	"tote/firmware-tests/scale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startAll runs Main with JSON ready lines and returns them by name.
func startAll(t *testing.T, devices ...Device) map[string]Ready {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := Main(ctx, Options{Devices: devices, JSON: true}, in)
		_ = in.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Main ended with %v, want nil after cancel", err)
		}
	})
	ready := map[string]Ready{}
	lines := bufio.NewScanner(out)
	for range devices {
		if !lines.Scan() {
			t.Fatalf("no ready line: %v", lines.Err())
		}
		var r Ready
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		ready[r.Name] = r
	}
	return ready
}

func dial(t *testing.T, addr string) *control.Client {
	t.Helper()
	c, err := control.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// host opens a device path as an agent would, plus a reader of whole frames.
type host struct {
	*os.File
	r *bufio.Reader
}

func open(t *testing.T, path string) host {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return host{f, bufio.NewReader(f)}
}

func (h host) ask(t *testing.T, q string, end byte) string {
	t.Helper()
	if _, err := h.WriteString(q); err != nil {
		t.Fatal(err)
	}
	return h.read(t, end)
}

func (h host) read(t *testing.T, end byte) string {
	t.Helper()
	s, err := h.r.ReadString(end)
	if err != nil {
		t.Fatalf("read %q: %v", s, err)
	}
	return s
}

// waitFor polls a condition.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited too long for: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// kinds lists the entries' kinds in order.
func kinds(es []record.Entry) string {
	var ks []string
	for _, e := range es {
		ks = append(ks, e.Kind)
	}
	return strings.Join(ks, " ")
}

// A whole station, used the way the demo uses it: over device paths, TCP and
// control addresses alone.
func TestStation(t *testing.T) {
	dir := t.TempDir()
	two := 2
	ready := startAll(t,
		Device{
			Kind: Scale, Name: "s1", Link: filepath.Join(dir, "dev", "scale"), Record: filepath.Join(dir, "s1.jsonl"),
			Scale: scale.Params{Decimals: &two, SettleMs: 10},
		},
		Device{Kind: Scanner, Name: "b1", Link: filepath.Join(dir, "dev", "scanner"), Control: "unix:" + filepath.Join(dir, "b1.sock")},
		Device{Kind: Printer, Name: "p1", Link: filepath.Join(dir, "dev", "printer"), Listen: "127.0.0.1:0"},
	)
	ctx := t.Context()

	sc := dial(t, ready["s1"].Control)
	tty := open(t, ready["s1"].Path)
	if err := sc.Put(ctx, 100_000); err != nil {
		t.Fatal(err)
	}
	if got, want := tty.ask(t, "S\r\n", '\n'), "S S     100.00 g\r\n"; got != want {
		t.Errorf("scale says %q, want %q", got, want)
	}
	es, err := sc.Wait(ctx, 1, 5*time.Second)
	if err != nil || len(es) != 1 || es[0].Weight.Mg != 100_000 || es[0].Weight.Text != "100.00 g" {
		t.Errorf("record after the answer: %+v, %v", es, err)
	}

	bc := dial(t, ready["b1"].Control)
	gun := open(t, ready["b1"].Path)
	waitFor(t, "the scanner sees its host", func() bool {
		s, err := bc.State(ctx)
		return err == nil && s.Listening
	})
	e, err := bc.Scan(ctx, "]C10100614141999996\x1d10AB")
	if err != nil || !e.Scan.Written {
		t.Fatalf("scan: %+v, %v", e, err)
	}
	if got, want := gun.read(t, '\r'), "]C10100614141999996\x1d10AB\r"; got != want {
		t.Errorf("scanner says %q, want %q", got, want)
	}

	pc := dial(t, ready["p1"].Control)
	conn, err := net.Dial("tcp", ready["p1"].Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const label = "^XA^FO10,10^BCN,100,Y,N,N,D^FD(00)106141412345678908^FS^XZ"
	if _, err := io.WriteString(conn, label); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the label", func() bool {
		es, err := pc.Record(ctx, 0)
		return err == nil && kinds(es) == "received printed"
	})
	es, err = pc.Record(ctx, 1)
	if err != nil || es[0].Label.Barcodes[0].Scan != "]C100106141412345678908" {
		t.Errorf("label: %+v, %v", es, err)
	}
	lp := open(t, ready["p1"].Path)
	if got := lp.ask(t, "~HS", '\n'); !strings.HasPrefix(got, "\x02030,0,0,1218,000,0,0,0,000,0,0,0\x03") {
		t.Errorf("~HS on the serial line: %q", got)
	}
}

// The record file is the witness: whole lines while the device runs, going on
// with the next number after a restart.
func TestRecordFileSurvivesRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "scale.jsonl")
	for round := range 2 {
		t.Run("", func(t *testing.T) {
			c := dial(t, startAll(t, Device{Kind: Scale, Record: file})["scale"].Control)
			if err := c.Put(t.Context(), 1000); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			es, err := record.Read(bytes.NewReader(data))
			if err != nil || len(es) != round+1 || es[round].Seq != round+1 {
				t.Errorf("round %d: %+v, %v", round, es, err)
			}
			all, err := c.Record(t.Context(), 0)
			if err != nil || len(all) != round+1 {
				t.Errorf("control shows %d entries, want %d (%v)", len(all), round+1, err)
			}
		})
	}
}

func TestMainRefuses(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string][]Device{
		"nothing":           nil,
		"unknown kind":      {{Kind: "toaster"}},
		"same name twice":   {{Kind: Scale}, {Kind: Scale}},
		"scale on tcp":      {{Kind: Scale, Listen: "127.0.0.1:0"}},
		"open control":      {{Kind: Scale, Control: "0.0.0.0:0"}},
		"link over a file":  {{Kind: Scale, Link: taken}},
		"bad parameters":    {{Kind: Scale, Scale: scale.Params{Unit: "lb"}}},
		"conveyor on a pty": {{Kind: Conveyor, Link: filepath.Join(dir, "cv"), Conveyor: conveyor.Params{Brokers: []string{"tcp://127.0.0.1:1"}, Site: "s1"}}},
		"gpio on a pty":     {{Kind: GPIO, Link: filepath.Join(dir, "io"), GPIO: gpio.Params{Socket: filepath.Join(dir, "io.sock")}}},
		"gpio over a file":  {{Kind: GPIO, GPIO: gpio.Params{Socket: taken}}},
		"record nowhere":    {{Kind: Scale, Record: filepath.Join(dir, "no", "such", "dir")}},
	}
	for name, devices := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := Main(ctx, Options{Devices: devices}, io.Discard); err == nil || ctx.Err() != nil {
				t.Errorf("Main = %v, want a refusal at once", err)
			}
		})
	}
	if _, err := os.Stat(taken); err != nil {
		t.Errorf("the file in the way is gone: %v", err)
	}
}

func TestReadyLineForPeople(t *testing.T) {
	cases := []struct {
		ready Ready
		want  string
	}{
		{Ready{Kind: Scale, Name: "s1", Path: "/tmp/s1", Control: "127.0.0.1:9"}, "scale s1 /tmp/s1 control 127.0.0.1:9"},
		{Ready{Kind: Printer, Name: "p1", Listen: "127.0.0.1:9100", Control: "unix:/c"}, "printer p1 tcp 127.0.0.1:9100 control unix:/c"},
	}
	for _, c := range cases {
		if got := c.ready.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestMainFailsWhenNobodyReadsReadyLines(t *testing.T) {
	out, in := io.Pipe()
	_ = out.Close()
	err := Main(t.Context(), Options{Devices: []Device{{Kind: Scale}}}, in)
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Main = %v, want the write error", err)
	}
}

// An RFID reader has its control calls, and only it.
func TestRFIDControl(t *testing.T) {
	ready := startAll(t,
		Device{Kind: RFID, Name: "r", Link: filepath.Join(t.TempDir(), "rfid")},
		Device{Kind: Scanner, Name: "b", Link: filepath.Join(t.TempDir(), "scanner")})
	tags := []record.Tag{{EPC: "3074257bf7194e4000001a85", Antenna: 2}}
	reader := dial(t, ready["r"].Control)
	if err := reader.Field(t.Context(), tags); err != nil {
		t.Fatal(err)
	}
	e, err := reader.Pass(t.Context(), tags, 20)
	if err != nil || e.Kind != record.Passed || len(e.Tags.EPCs) != 1 || e.Tags.EPCs[0] != "3074257BF7194E4000001A85" || e.Tags.Ms != 20 {
		t.Errorf("Pass = %+v, %v", e, err)
	}
	st, err := reader.State(t.Context())
	if err != nil || st.Kind != RFID || st.LastSeq != 2 || !strings.Contains(string(st.Device), `"inField":1`) {
		t.Errorf("State = %+v %s, %v", st, st.Device, err)
	}
	for what, err := range map[string]error{
		"an antenna it has not": reader.Field(t.Context(), []record.Tag{{EPC: "3008", Antenna: 5}}),
		"a scanner's field":     dial(t, ready["b"].Control).Field(t.Context(), tags),
		"a reader's scan":       func() error { _, err := reader.Scan(t.Context(), "x"); return err }(),
	} {
		if !errors.Is(err, control.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A conveyor without a broker moves all the same; a board of GPIO lines has its
// socket when the ready line is there.
func TestFloorControl(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "io.sock")
	ready := startAll(t,
		Device{Kind: Conveyor, Name: "cv", Conveyor: conveyor.Params{
			Brokers: []string{"tcp://127.0.0.1:1"}, Site: "s1", ScanMs: 1, DivertMs: 3, ReactMs: 1, GapMs: 1,
		}},
		Device{Kind: GPIO, Name: "io", GPIO: gpio.Params{Socket: socket, Inputs: []string{"EYE"}}})
	cv, io := dial(t, ready["cv"].Control), dial(t, ready["io"].Control)
	if ready["io"].Path != socket || ready["cv"].Path != "" {
		t.Errorf("%+v", ready)
	}
	host, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	lines := bufio.NewScanner(host)
	if err := io.Level(t.Context(), "EYE", true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"line":"EYE","level":false}`, `{"line":"EYE","level":true}`} {
		if lines.Scan(); lines.Text() != want && lines.Text() != `{"line":"EYE","level":true}` {
			t.Errorf("%s, want %s", lines.Text(), want)
		}
		if lines.Text() == `{"line":"EYE","level":true}` {
			break // connected behind the change
		}
	}
	if err := cv.Induct(t.Context(), "]C100340123450000000017", ""); err != nil {
		t.Fatal(err)
	}
	es, err := cv.Wait(t.Context(), 1, 5*time.Second)
	if err != nil || kinds(es) != record.Diverted || es[0].Carton.SSCC != "340123450000000017" || es[0].Carton.Lane != "L9" {
		t.Fatalf("%+v, %v", es, err)
	}
	cs, err := cv.TakeLane(t.Context(), "L9")
	if err != nil || len(cs) != 1 || cs[0] != *es[0].Carton {
		t.Errorf("%+v, %v", cs, err)
	}
	st, err := cv.State(t.Context())
	if err != nil || st.Kind != Conveyor || st.LastSeq != 3 || !strings.Contains(string(st.Device), `"unsent":2`) {
		t.Errorf("State = %+v %s, %v", st, st.Device, err)
	}
	if err := errors.Join(cv.Level(t.Context(), "EYE", true), io.Induct(t.Context(), "A", "")); !errors.Is(err, control.ErrRefused) {
		t.Error(err)
	}
}
