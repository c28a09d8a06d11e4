package inspect

import (
	"bytes"
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
	"tote/drivers/all"
	"tote/drivers/drivertest"
	"tote/drivers/serialport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines cuts at LF; a line that does not begin as it should is noise.
type lines struct {
	begins string
	rest   []byte
}

func (l *lines) Push(p []byte, emit func(drivers.Frame)) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return
		}
		f := drivers.Frame{Wire: append(line, '\n'), Text: "says " + string(line)}
		if !bytes.HasPrefix(line, []byte(l.begins)) {
			f.Code, f.Text = "DEV-000", "noise"
		}
		emit(f)
		l.rest = append([]byte(nil), rest...)
	}
}

func decoder(begins string) func(bool) drivers.Decoder {
	return func(bool) drivers.Decoder { return &lines{begins: begins} }
}

// asks is a question and the beginning of its answer.
func asks(question, answer string) drivers.Identifier {
	return func(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
		if _, err := port.Write(ctx, []byte(question)); err != nil {
			return drivers.Identity{}, err
		}
		var got []byte
		buf := make([]byte, 64)
		for !bytes.Contains(got, []byte("\n")) {
			n, err := drivers.Receive(ctx, port, buf)
			if err != nil {
				return drivers.Identity{}, err
			}
			got = append(got, buf[:n]...)
		}
		model, ok := strings.CutPrefix(strings.TrimSpace(string(got)), answer)
		if !ok {
			return drivers.Identity{}, errors.New("not of this family")
		}
		return drivers.Identity{Maker: "Acme", Model: model}, nil
	}
}

// rows are drivers of four kinds of families; only the first word of a line tells
// two of them apart, and a scanner may say anything.
func rows() []all.Driver {
	slow, fast := serialport.Config{Baud: 9600, XonXoff: true}, serialport.Config{Baud: 115200}
	even := serialport.Config{Baud: 2400, DataBits: 7, Parity: serialport.ParityEven, StopBits: 2}
	return []all.Driver{
		{Name: "any-scanner", Kind: all.Scanner, Lines: []serialport.Config{slow}, Decode: decoder("")},
		{Name: "reader", Kind: all.RFID, Lines: []serialport.Config{fast, even}, TCPPort: 5084, Ask: asks("WHO\n", "R "), Evidence: "a manual"},
		{Name: "scale", Kind: all.Scale, Lines: []serialport.Config{slow}, TCPPort: 4001, Ask: asks("I\n", "S ")},
		{Name: "talker", Kind: all.Scale, Lines: []serialport.Config{slow}, Decode: decoder("W ")},
	}
}

// device is what is plugged in at a line.
type device struct {
	peer    drivertest.Peer
	line    string            // at which it is understood; else it hears and says nothing
	answers map[string]string // question → answer
	talks   string            // said by itself, again and again
	asked   []string
	opens   []string
}

func (d *device) target(name string) Target {
	return Target{Name: name, Open: func(line serialport.Config) (drivers.Opener, error) {
		return func(ctx context.Context) (drivers.Port, error) {
			d.opens = append(d.opens, Settings(line))
			if line.XonXoff {
				return nil, errors.New("a stray DC3 would hold the probe")
			}
			right := Settings(line) == d.line
			d.peer.OnWrite = func(p []byte) (int, error) {
				d.asked = append(d.asked, strings.TrimSpace(string(p)))
				if a := d.answers[strings.TrimSpace(string(p))]; right && a != "" {
					d.peer.Send(a)
				}
				return len(p), nil
			}
			port, err := d.peer.Open(ctx)
			if right && d.talks != "" {
				d.peer.Send(d.talks)
			}
			return port, err
		}, nil
	}}
}

func TestProbe(t *testing.T) {
	usb := &serialport.USB{ID: "0403:6001", Serial: "A1"}
	for _, c := range []struct {
		name  string
		dev   *device
		alone bool
		want  Finding
	}{
		{
			"asked at its second setting", &device{line: "2400 7E2", answers: map[string]string{"WHO": "R 900\n"}}, true,
			Finding{
				Verdict: Found, Driver: "reader", Evidence: "a manual", Identity: &drivers.Identity{Maker: "Acme", Model: "900"}, Line: "2400 7E2",
				Heard: "52203930300a", Text: "an RFID reader that driver reader understands: Acme, 900",
				YAML: "rfid:\n  driver: reader\n  serial: {usb: \"0403:6001\", serial_number: \"A1\", baud: 2400, data_bits: 7, parity: even, stop_bits: 2}\n",
			},
		},
		{
			"talks by itself: the scanner would take it too, but comes last", &device{line: "9600 8N1", talks: "W 12\nW 13\n"}, false,
			Finding{
				Verdict: Found, Driver: "talker", Evidence: "unproven", Line: "9600 8N1", Heard: "572031320a572031330a",
				Text: "a scale that driver talker understands", YAML: "scale:\n  driver: talker\n  serial: {path: \"/dev/x\", xon_xoff: true}\n",
			},
		},
		{
			"a scanner, whose text nobody else reads", &device{line: "9600 8N1", talks: "4006381333931\n"}, false,
			Finding{
				Verdict: Found, Driver: "any-scanner", Evidence: "unproven", Line: "9600 8N1", Heard: "343030363338313333333933310a",
				Text: "a scanner that driver any-scanner understands", YAML: "scanner:\n  driver: any-scanner\n  serial: {path: \"/dev/x\", xon_xoff: true}\n",
			},
		},
		{
			"answers nobody's questions", &device{line: "115200 8N1", answers: map[string]string{"WHO": "\xff\xfe?\n"}}, true,
			Finding{Verdict: Unknown, Code: drivers.CodeForeign, Heard: "fffe3f0a", Text: drivers.FaultOf(drivers.CodeForeign).Cause},
		},
		{"silent", &device{line: "115200 8N1"}, true, Finding{Verdict: Silent, Text: "nothing answered"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				target := c.dev.target("/dev/x")
				target.USB, target.Alone = usb, c.alone
				c.want.Port, c.want.USB = "/dev/x", usb
				got := Probe(t.Context(), target, rows())
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("-want +got\n%s", d)
				}
				if c.dev.peer.IsOpen() {
					t.Error("the port was kept")
				}
				order := "115200 8N1 9600 8N1 2400 7E2"
				if !strings.HasPrefix(order, strings.Join(c.dev.opens, " ")) {
					t.Errorf("tried %q", c.dev.opens)
				}
				for _, q := range c.dev.asked {
					if q != "WHO" && q != "I" {
						t.Errorf("it was sent %q", q)
					}
				}
			})
		})
	}
}

func TestProbeOfAPortThatCannotBeOpened(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Verdict
		code string
	}{{drivers.ErrBusy, Busy, drivers.CodeBusy}, {drivers.ErrUnplugged, Failed, drivers.CodeUnplugged}, {errors.New("x"), Failed, ""}} {
		target := Target{Name: "x", Open: func(serialport.Config) (drivers.Opener, error) {
			return func(context.Context) (drivers.Port, error) { return nil, fmt.Errorf("open: %w", c.err) }, nil
		}}
		if got := Probe(t.Context(), target, rows()); got.Verdict != c.want || got.Code != c.code || !strings.Contains(got.Text, c.err.Error()) {
			t.Errorf("%v: %+v", c.err, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Probe(ctx, (&device{}).target("x"), rows()); got.Verdict != Failed || got.Text != "stopped" {
		t.Errorf("stopped: %+v", got)
	}
}

// What is suggested for a sensor is a list, as the configuration has it.
func TestYAMLOfASensor(t *testing.T) {
	got := Target{Name: "/dev/x"}.yaml(all.Driver{Name: "toy", Kind: all.Sensor}, serialport.Config{Baud: 4800})
	if want := "sensors:\n  - id: sensor1\n    driver: toy\n    serial: {path: \"/dev/x\", baud: 4800}\n"; got != want {
		t.Errorf("%q", got)
	}
}

// In the network the usual port's driver is asked first, the others after it.
func TestProbeTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &device{line: "9600 8N1", answers: map[string]string{"WHO": "R 7\n"}}
		target := d.target("reader.lan:4001")
		target.TCP = "reader.lan:4001"
		got := Probe(t.Context(), target, rows())
		if got.Driver != "reader" || got.YAML != "rfid:\n  driver: reader\n  tcp: \"reader.lan:4001\"\n" || got.Line != "" {
			t.Errorf("%+v", got)
		}
		if strings.Join(d.asked, " ") != "I WHO" {
			t.Errorf("asked %q", d.asked)
		}
	})
}

// What is suggested must be taken: all real rows have lines that make openers.
func TestSteps(t *testing.T) {
	for _, s := range steps(Target{}, all.Drivers()) {
		s.line.Path = "/dev/x"
		if _, err := s.line.WithDefaults(); err != nil {
			t.Errorf("%+v: %v", s.line, err)
		}
	}
}

func TestList(t *testing.T) {
	two := []serialport.Info{
		{Node: "/dev/ttyS0", Console: true},
		{Node: "/dev/ttyUSB0", ByID: "/dev/serial/by-id/a", USB: &serialport.USB{ID: "0403:6001", Serial: "A1"}},
		{Node: "/dev/ttyUSB1", USB: &serialport.USB{ID: "1a86:7523"}},
	}
	devices := []Device{
		{Name: "pack1/printer", Driver: "zpl", Where: "192.0.2.1:9100", State: "ready"},
		{Name: "pack1/scale", Driver: "mt-sics", Line: &serialport.Config{USB: serialport.Name{ID: "0403:6001"}}, State: "ready", Identity: drivers.Identity{Model: "ICS"}},
		{Name: "pack2/scale", Driver: "nobody's", Where: "/dev/gone", State: "absent", Code: drivers.CodeUnplugged},
	}
	got := List(two, devices, func(node string) string { return map[string]string{"/dev/ttyUSB0": "tote (process 1)"}[node] })
	want := []Row{
		{Port: "/dev/ttyS0", Node: "/dev/ttyS0", Console: true},
		{
			Port: "/dev/serial/by-id/a", Node: "/dev/ttyUSB0", USB: two[1].USB, Holder: "tote (process 1)", Device: "pack1/scale", Driver: "mt-sics",
			Evidence: got[1].Evidence, State: "ready", Identity: &drivers.Identity{Model: "ICS"},
		},
		{Port: "/dev/ttyUSB1", Node: "/dev/ttyUSB1", USB: two[2].USB},
		{Port: "192.0.2.1:9100", Device: "pack1/printer", Driver: "zpl", Evidence: got[3].Evidence, State: "ready"},
		{Port: "/dev/gone", Device: "pack2/scale", Driver: "nobody's", State: "absent", Code: drivers.CodeUnplugged},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got[1].Evidence == "" {
		t.Error("nobody says by what the driver was judged")
	}
}

func TestWriteList(t *testing.T) {
	for _, c := range []struct {
		row  Row
		want string
	}{
		{Row{Port: "/dev/ttyS1", Node: "/dev/ttyS1"}, "free"},
		{Row{Port: "/dev/ttyS1", Node: "/dev/ttyS1", Holder: "tote (process 1)", Device: "a"}, "a line that is no USB device, in use by tote (process 1)"},
		{Row{Port: "/dev/gone", Device: "a", State: "absent"}, "not plugged in"},
		{Row{Port: "192.0.2.1:9100", Device: "a", State: "ready"}, "in the network, or not plugged in"},
		{Row{Port: "/dev/ttyS0", Node: "/dev/ttyS0", Console: true}, "console of the machine"},
	} {
		var b strings.Builder
		if err := WriteList(&b, []Row{c.row}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "  "+c.want+"  ") {
			t.Errorf("%+v:\n%s", c.row, b.String())
		}
	}
}

func TestOfPort(t *testing.T) {
	twins := []serialport.Info{{Node: "/dev/ttyUSB0", USB: &serialport.USB{ID: "a"}}, {Node: "/dev/ttyUSB1", USB: &serialport.USB{ID: "a"}}, {Node: "/dev/ttyUSB2", USB: &serialport.USB{ID: "a", Serial: "1"}}}
	for i, want := range []bool{false, false, true} {
		if got := OfPort(twins[i], twins); got.Alone != want || got.Name != twins[i].Node {
			t.Errorf("%d: %+v", i, got)
		}
	}
}

func TestTracer(t *testing.T) {
	remove, err := all.Plug(all.Driver{Name: "trace-test", Kind: all.Scale, Doc: "x.", Decode: decoder("W ")})
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	var out strings.Builder
	tr := NewTracer(&out, "trace-test")
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, c := range []struct{ dir, data, event string }{
		{"", "", "opened"}, {"to", "SI\n", ""}, {"from", "W 12", ""}, {"from", "34567890 g\x1b[31m\nx\n", ""}, {"", "", "\x1b[2Jgone"},
	} {
		if err := tr.Chunk(at, c.dir, []byte(c.data), c.event); err != nil {
			t.Fatal(err)
		}
	}
	want := `03:04:05.000006 -- opened
03:04:05.000006 -> 53 49 0a                                        |SI.|
                -> DEV-000 noise
03:04:05.000006 <- 57 20 31 32                                     |W 12|
03:04:05.000006 <- 33 34 35 36 37 38 39 30 20 67 1b 5b 33 31 6d 0a |34567890 g.[31m.|
03:04:05.000006 <- 78 0a                                           |x.|
                <- says W 1234567890 g.[31m
                <- DEV-000 noise
03:04:05.000006 -- .[2Jgone
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	out.Reset()
	if err := NewTracer(&out, "none").Chunk(at, "from", []byte("a"), ""); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("without a driver: %q, %v", out.String(), err)
	}
}
