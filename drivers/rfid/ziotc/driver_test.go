package ziotc

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/rfid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const epc = "E2806894000040017790E471"

func TestConformance(t *testing.T) {
	for _, f := range []Family{Fixed, Sled} {
		t.Run(string(f), func(t *testing.T) {
			frame := `{"data":{"eventNum":4808,"format":"epc","idHex":"e2806894000040017790e471"},"type":"CUSTOM"}` + "\n"
			if f == Sled {
				frame = `{"type":"BALANCED_PERFORMANCE","data":{"tagData":[{"EPCid":"E2806894000040017790E471","eventNum":1}]}}` + "\n"
			}
			drivertest.Conformance(t, drivertest.Suite{
				New: func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
					d, err := New(Config{
						Name: "rfid/test", Family: f, Open: open, Answer: 20 * time.Millisecond, Silence: time.Minute,
						Sink: func(r rfid.Read) { deliver(r.EPC) },
					})
					if err != nil {
						t.Fatal(err)
					}
					return d
				},
				// JSON has no check of its own: a digit damaged in an EPC would
				// be another EPC. MQTT runs over TCP, which has one.
				Frame: frame, Want: epc, Garbage: "\x00\xff\x01", Unframed: true, Joins: true,
			})
		})
	}
}

// bench is a running reader in a bubble.
type bench struct {
	peer     drivertest.Peer
	dev      *Driver
	reads    []string
	barcodes []string
	states   []string
	wrote    []string
	end      chan error
	cancel   context.CancelFunc
}

func start(t *testing.T, f Family) *bench {
	t.Helper()
	b := &bench{end: make(chan error, 1)}
	b.peer.OnWrite = func(p []byte) (int, error) { b.wrote = append(b.wrote, string(p)); return len(p), nil }
	dev, err := New(Config{
		Name: "rfid/test", Family: f, Open: b.peer.Open,
		Sink: func(r rfid.Read) {
			line := fmt.Sprintf("%s %d %d", r.EPC, r.Antenna, r.RSSI)
			if r.HasPhase {
				line += fmt.Sprintf(" %d°/100", r.Phase)
			}
			b.reads = append(b.reads, line)
		},
		Barcode:  func(c Barcode) { b.barcodes = append(b.barcodes, c.Symbology+" "+c.Data) },
		OnStatus: func(s drivers.Status) { b.states = append(b.states, strings.TrimSpace(string(s.State)+" "+s.Code)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.dev = dev
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() { b.end <- dev.Run(ctx) }()
	synctest.Wait()
	return b
}

func (b *bench) send(s string, pass time.Duration) {
	b.peer.Send(s + "\n")
	synctest.Wait()
	time.Sleep(pass) // the bubble's clock
	synctest.Wait()
}

var idOf = regexp.MustCompile(`"(?:command_id|requestId)":"([^"]+)"`)

// ok answers the last command.
func (b *bench) ok(t *testing.T, f Family, fail string) {
	t.Helper()
	id := idOf.FindStringSubmatch(b.wrote[len(b.wrote)-1])
	if id == nil {
		t.Fatalf("no command in %q", b.wrote)
	}
	switch {
	case f == Sled && fail == "":
		b.send(`{"command":"control_operation","requestId":"`+id[1]+`","response":{"code":0}}`, 0)
	case f == Sled:
		b.send(`{"command":"control_operation","requestId":"`+id[1]+`","response":{"code":`+fail+`}}`, 0)
	case fail == "":
		b.send(`{"command":"start","command_id":"`+id[1]+`","payload":{},"response":"success"}`, 0)
	default:
		b.send(`{"command":"start","command_id":"`+id[1]+`","payload":{"message":"`+fail+`"},"response":"failure"}`, 0)
	}
}

func (b *bench) stop(t *testing.T, states ...string) {
	t.Helper()
	b.cancel()
	if err := <-b.end; err != nil {
		t.Errorf("Run: %v", err)
	}
	if d := cmp.Diff(append(states, "absent"), b.states); d != "" {
		t.Errorf("states (-want +got)\n%s", d)
	}
}

// stamp is now as a reader says it.
func stamp(d time.Duration) string {
	return time.Now().Add(d).UTC().Format("2006-01-02T15:04:05.000-0700")
}

func tagAt(d time.Duration) string {
	return `{"data":{"antenna":2,"format":"epc","idHex":"e2806894000040017790e471","peakRssi":-53},"timestamp":"` + stamp(d) + `","type":"SIMPLE"}`
}

func TestFixedReaderIsStartedAndReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Fixed)
		b.ok(t, Fixed, "")
		b.send(tagAt(0), time.Second)
		b.send(tagAt(-9*time.Second), time.Second)
		if d := cmp.Diff([]string{epc + " 2 -53", epc + " 2 -53"}, b.reads); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		b.stop(t, "opening", "ready")
		if n := len(b.wrote); n != 2 || !strings.Contains(b.wrote[1], `"command":"stop"`) {
			t.Errorf("written %q", b.wrote)
		}
	})
}

// What a reader kept while it was cut off is no passage of now. Its clock may be
// wrong: its heartbeats tell by how much.
func TestLateReadsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Fixed)
		b.ok(t, Fixed, "")
		b.send(tagAt(-11*time.Second), 0)
		beat := func(ago time.Duration) string {
			return `{"component":"RG","type":"heartbeat","data":{},"timestamp":"` + stamp(ago) + `"}`
		}
		// Kept heartbeats make no kept read one of now.
		for _, ago := range []time.Duration{-30 * time.Minute, -30 * time.Minute, -29 * time.Minute, -28 * time.Minute} {
			b.send(beat(ago), 0)
			b.send(tagAt(ago), 0)
		}
		if st := b.dev.Stats(); st.Reads != 0 || st.Stale != 5 {
			t.Errorf("stats %+v", st)
		}
		b.send(beat(-time.Hour), time.Minute)
		b.send(beat(-time.Hour), 0)
		b.send(tagAt(-time.Hour-5*time.Second), 0)
		b.send(tagAt(-time.Hour-15*time.Second), 0)
		if st := b.dev.Stats(); st.Reads != 1 || st.Stale != 6 {
			t.Errorf("stats %+v", st)
		}
		b.stop(t, "opening", "ready")
	})
}

func TestReaderThatRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Fixed)
		b.ok(t, Fixed, "no region")
		if s := b.dev.Status(); s.Code != drivers.CodeZebraRefuses || !strings.Contains(s.Text, "no region") {
			t.Errorf("%+v", s)
		}
		b.send(`{"component":"RG","type":"heartbeat","data":{}}`, again) // and is asked again
		if len(b.wrote) != 2 {
			t.Errorf("written %q", b.wrote)
		}
		b.ok(t, Fixed, "start currently ongoing")
		b.stop(t, "opening", "degraded DEV-544", "ready")
	})
}

func TestHeartbeatsThatStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Sled)
		b.ok(t, Sled, "11")
		for range 5 {
			b.send(`{"eventName":"heartbeat","eventNumber":1,"data":{}}`, time.Minute)
		}
		if s := b.dev.Status(); s.State != drivers.Ready {
			t.Errorf("%+v", s)
		}
		b.send("", 3*time.Minute)
		if s := b.dev.Status(); s.Code != drivers.CodeZebraSilent {
			t.Errorf("silent: %+v", s)
		}
		before := len(b.wrote)
		b.send("", 10*time.Minute)
		if n := len(b.wrote) - before; n < 10 || n > 30 {
			t.Errorf("asked %d times in ten minutes", n)
		}
		b.send(`{"eventName":"heartbeat","eventNumber":2,"data":{}}`, 0)
		b.stop(t, "opening", "ready", "degraded DEV-540", "ready")
	})
}

func TestReaderThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Fixed)
		b.send("", time.Minute)
		b.send(tagAt(0), time.Minute) // it reads all the same
		n := len(b.wrote)
		b.send(tagAt(0), time.Minute)
		if len(b.wrote) != n {
			t.Errorf("a reader that reads was told to: %q", b.wrote)
		}
		b.stop(t, "opening", "degraded DEV-540", "ready")
	})
}

func TestSledAlertsBarcodesAndItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Sled)
		b.ok(t, Sled, "")
		alert := func(id, state, priority string) {
			b.send(`{"type":"ALERT","state":"`+state+`","id":"`+id+`","priority":"`+priority+`","alertDetails":{"temperatueInfo":{"pa":71}}}`, time.Second)
		}
		alert("BATTERY", "ONESHOT", "LOW")
		alert("TEMPERATURE", "SET", "CRITICAL")
		if s := b.dev.Status(); s.Code != drivers.CodeZebraAlert || !strings.Contains(s.Text, "TEMPERATURE") || !strings.Contains(s.Text, "71") {
			t.Errorf("%+v", s)
		}
		alert("TEMPERATURE", "CLEAR", "CRITICAL")
		b.send(`{"type":"BALANCED_PERFORMANCE","data":{"barcodeData":[{"symbology":"CODE_39","decodedBarcode":"TOTE-17"}]}}`, time.Second)
		b.send(`{"connectionState":"DISCONNECTED","deviceModel":"RFD40","deviceSerialNo":"RFD40-24190525100354","apiVersion":1.2,"mqttVersion":3.0999999}`, time.Minute)
		b.send(`{"connectionState":"CONNECTED","timestamp":"12:17:56"}`, time.Second)
		b.send(`{"eventName":"heartbeat","data":{}}`, time.Second)
		b.ok(t, Sled, "")
		if d := cmp.Diff([]string{"CODE_39 TOTE-17"}, b.barcodes); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		b.stop(t, "opening", "ready", "degraded DEV-546", "ready", "absent DEV-547", "opening", "ready")
	})
}

func TestMessagesThatAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Sled)
		b.ok(t, Sled, "")
		for range 3 {
			b.send("no JSON", time.Second)
		}
		if s := b.dev.Status(); s.Code != drivers.CodeZebraUnreadable {
			t.Errorf("%+v", s)
		}
		b.send(`{"eventName":"heartbeat","data":{}}`, time.Second)
		for range 3 {
			b.send(`{"type":"X","data":{"tagData":[{"EPCid":"zz"}]}}`, time.Second)
		}
		if s := b.dev.Status(); s.Code != drivers.CodeZebraTag {
			t.Errorf("%+v", s)
		}
		b.send(`{"eventName":"heartbeat","data":{}}`, time.Second)
		for range 3 {
			b.send(`{"eventName":"heartbeat","data":"`+strings.Repeat("x", MaxSled)+`"}`, time.Second)
		}
		if s := b.dev.Status(); s.Code != drivers.CodeZebraTooLong {
			t.Errorf("%+v", s)
		}
		b.send(`{"type":"X","data":{"tagData":[{"EPCid":"3000"}]}}`, time.Second)
		if d := cmp.Diff([]string{"3000 0 0"}, b.reads); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		b.stop(t, "opening", "ready", "degraded DEV-541", "ready", "degraded DEV-543", "ready", "degraded DEV-542", "ready")
	})
}

func TestTrace(t *testing.T) {
	var got []string
	d := Trace(false)
	emit := func(f drivers.Frame) { got = append(got, strings.TrimSpace(f.Code+" "+f.Text)) }
	d.Push([]byte(`{"data":{"idHex":"3000","antenna":1,"peakRssi":-40},"type":"SIMPLE"}`+"\nxx"), emit)
	d.Push([]byte("\n"+`{"connectionState":"DISCONNECTED"}`+"\n"), emit)
	Trace(true).Push(Fixed.Stop("1"), emit)
	want := []string{
		"tags, 3000 antenna 1 -40 dBm", "DEV-541 " + ErrJSON.Error() + ": invalid character 'x' looking for beginning of value",
		"connection lost", `{"command":"stop","command_id":"1","payload":{}}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestNewChecks(t *testing.T) {
	open, sink := (&drivertest.Peer{}).Open, func(rfid.Read) {}
	for _, c := range []Config{
		{},
		{Name: "x", Open: open, Sink: sink},
		{Name: "x", Family: Fixed},
		{Name: "x", Family: Sled, Open: open},
		{Name: "x", Family: Fixed, Open: open, Sink: sink, Silence: time.Second},
		{Name: "x", Family: Fixed, Open: open, Sink: sink, Stale: time.Millisecond},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
	if _, err := FixedReader(rfid.Settings{Name: "x", Open: open, Sink: sink, Power: 20}); err == nil {
		t.Error("accepted a power")
	}
}
