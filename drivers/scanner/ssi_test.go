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

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/scanner/ssi"
	"tote/gs1/scan"
)

// decoded is one packet of a scan.
func decoded(status byte, data string) string {
	return string(ssi.Packet{Op: ssi.OpDecodeData, Status: status, Data: []byte(data)}.Append(nil))
}

const (
	ean     = "\x0b4006381333931"
	wantEAN = "]E04006381333931"
	ssiACK  = "\x04\xd0\x00\x00\xff\x2c" // of the scanner: keymantek's log
)

func TestSSIConformance(t *testing.T) {
	make := func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
		d, err := NewSSI(Config{
			Name: "scanner/test", Open: open, RepeatWindow: -1, Answer: 20 * time.Millisecond,
			Sink: func(s Scan) { deliver(s.Data) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	drivertest.Conformance(t, drivertest.Suite{
		New:   make,
		Frame: decoded(0, "\x0f0104006381333931\x1d10L1"), Want: "]C10104006381333931\x1d10L1", Garbage: "\x00\xff\x01",
		// A length byte made by noise holds a packet back for 250 ms.
		Unframed: true,
		Flips:    &drivertest.Flips{}, Day: &drivertest.Day{New: make},
	})
}

// ssiBench is an SSI scanner in a bubble; wrote is what it was sent.
type ssiBench struct {
	bench
	wrote []string
}

func startSSI(t *testing.T, cfg Config) *ssiBench {
	t.Helper()
	b := &ssiBench{bench: bench{end: make(chan error, 1)}}
	b.peer.OnWrite = func(p []byte) (int, error) {
		b.wrote = append(b.wrote, fmt.Sprintf("% X", p))
		return len(p), nil
	}
	b.run(t, NewSSI, cfg)
	return b
}

// Packets as the host sends them.
const (
	hostSettings = "09 C6 04 00 FF EE 01 9F 01 FC 9F"
	hostACK      = "04 D0 04 00 FF 28"
	hostResend   = "05 D1 04 00 01 FF 25"
	hostSegment  = "04 74 04 00 FF 84"
)

func (b *ssiBench) told(t *testing.T, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, b.wrote); d != "" {
		t.Errorf("written (-want +got)\n%s", d)
	}
	b.wrote = nil
}

func TestSSIScans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSSI(t, Config{})
		b.told(t, hostSettings)
		b.send(ssiACK, time.Second)
		b.send(decoded(0, ean), time.Second)
		b.told(t, hostACK)
		b.send("\x05\xf6\x00\x00\x20\xfe\xe5", time.Second) // an event, of enioka's tests
		b.told(t, hostACK)
		b.send(hostEcho(t), time.Second) // a line that echoes
		b.told(t)
		b.send(decoded(0, "\x03TOTE-1\r\n"), time.Second)
		b.want(t, []string{wantEAN, "]C0TOTE-1"}, nil)
		if d := cmp.Diff([]string{"opening", "ready", "absent"}, b.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
	})
}

func hostEcho(t *testing.T) string {
	t.Helper()
	return string(ssi.Settings()) + string(ssi.Ack())
}

// A damaged scan is asked for again, and comes.
func TestSSIDamagedScanIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSSI(t, Config{})
		b.send(ssiACK, 0)
		b.wrote = nil
		spoilt := []byte(decoded(0, ean))
		spoilt[9] ^= 4
		b.send(string(spoilt), 20*time.Millisecond)
		b.told(t, hostResend)
		b.send(decoded(ssi.Retransmit, ean), 300*time.Millisecond)
		b.told(t, hostACK)
		// The next of the same article was damaged too, and its resend is no
		// repeat of the scan before.
		b.send(string(spoilt), 300*time.Millisecond)
		b.send(decoded(ssi.Retransmit, ean), 300*time.Millisecond)
		// And one that never comes again is told to the person.
		b.send(string(spoilt), 3*time.Second)
		b.want(t, []string{wantEAN, wantEAN}, []string{drivers.CodeScannerDamaged})
	})
}

// An acknowledgement that was lost makes no second scan.
func TestSSIResendIsOneScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSSI(t, Config{})
		b.send(ssiACK, 0)
		b.wrote = nil
		b.send(decoded(0, ean), 2*time.Second)
		b.send(decoded(ssi.Retransmit, ean), 2*time.Second)
		b.told(t, hostACK, hostACK)
		// Neither does one that was lost with the cable.
		b.peer.Plug(false)
		<-b.end
		b.peer.Plug(true)
		ctx, cancel := context.WithCancel(t.Context())
		b.cancel = cancel
		go func() { b.end <- b.dev.Run(ctx) }()
		synctest.Wait()
		b.send(decoded(ssi.Retransmit, ean), 2*time.Second)
		b.send(decoded(0, ean), 2*time.Second) // the article once more
		b.want(t, []string{wantEAN, wantEAN}, nil)
	})
}

func TestSSIMultipacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire, err := drivertest.ReadHex("ssi/testdata/frames/multipacket.hex")
		if err != nil {
			t.Fatal(err)
		}
		b := startSSI(t, Config{})
		b.wrote = nil
		b.send(string(wire), time.Second)
		b.told(t, hostSegment, hostSegment, hostACK)
		b.send(decoded(ssi.Continued, "\x03AB"), 100*time.Millisecond)
		b.send(decoded(0, "\x03CD"), time.Second)
		b.send(decoded(ssi.Continued, "\x03AB"), time.Second) // the rest never comes
		b.send(decoded(0, "\x03EF"), 0)
		b.want(t, []string{strings.Repeat("Z", 500), "]C0ABCD", "]C0EF"}, []string{drivers.CodeScannerIncomplete})
	})
}

// A scanner that says nothing is told from one that is not scanned with, is
// asked again, and heals; so does one that lost its settings with its power.
func TestSSISilentAndWithoutItsSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSSI(t, Config{})
		pause := 11 * time.Second
		b.send("", pause)
		if s := b.dev.Status(); s.State != drivers.Degraded || s.Code != drivers.CodeScannerSilent {
			t.Errorf("silent: %+v", s)
		}
		b.told(t, hostSettings, hostSettings)
		b.send(ssiACK, time.Minute)
		b.told(t)
		b.send("4006381333931", time.Second) // bare text
		b.told(t, hostSettings)
		b.send(ssiACK, time.Second)
		b.send(decoded(0, ean), 0)
		b.want(t, []string{wantEAN}, nil)
		if d := cmp.Diff([]string{"opening", "degraded DEV-406", "ready", "absent"}, b.states); d != "" {
			t.Errorf("states (-want +got)\n%s", d)
		}
	})
}

func TestSSIRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startSSI(t, Config{GS1: &scan.Config{}, MaxLength: 20})
		b.send(string(ssi.Packet{Op: ssi.OpNak, Data: []byte{ssi.NakDenied}}.Append(nil)), time.Second)
		if s := b.dev.Status(); s.Code != drivers.CodeScannerRefuses {
			t.Errorf("refused settings: %+v", s)
		}
		for _, data := range []string{
			"\x03A\x01B", "\x03A\xffB", "\x09123456", "\x03" + strings.Repeat("x", 21), "", "\x03\r\n",
			"\x0f0109506000134353", // wrong check digit
			"\x0b4006381333932",
		} {
			b.send(decoded(0, data), time.Second)
		}
		b.send(decoded(0, ean), 0)
		b.want(t, []string{"]C10104006381333931"}, []string{
			drivers.CodeScannerControl, drivers.CodeScannerUnreadable, drivers.CodeScannerShortened, drivers.CodeScannerTooLong,
			drivers.CodeScannerIncomplete, "GS1_CHECK_DIGIT", "GS1_CHECK_DIGIT",
		})
	})
}

func TestAskSSI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p drivertest.Peer
		p.OnWrite = func(b []byte) (int, error) {
			if string(b) == string(ssi.RequestRevision()) {
				// Format: MiniScan integration guide, revision string; 4C = MS-3204-E000.
				p.Send("\x00" + string(ssi.Packet{Op: ssi.OpReplyRevision, Data: []byte("NBRXXAAS N 4c 1A2B")}.Append(nil)))
			}
			return len(b), nil
		}
		port, err := p.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		id, err := AskSSI(t.Context(), port)
		if want := (drivers.Identity{Maker: "Zebra SSI", Model: "engine 4c", Firmware: "NBRXXAAS"}); err != nil || id != want {
			t.Errorf("%+v, %v", id, err)
		}
		p.OnWrite = nil
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := AskSSI(ctx, port); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of somebody who does not answer: %v", err)
		}
	})
}

func TestDecodeSSI(t *testing.T) {
	var got []string
	d := DecodeSSI(false)
	wire := ssiACK + "\x00\x01" + decoded(ssi.Retransmit, ean) + string(ssi.Settings()) + string(ssi.Nak(ssi.NakDenied))
	d.Push([]byte(wire), func(f drivers.Frame) { got = append(got, fmt.Sprintf("%X %s %s", f.Wire, f.Text, f.Code)) })
	if d := cmp.Diff([]string{
		"04D00000FF2C taken ",
		"0001 no packet " + drivers.CodeScannerUnreadable,
		`12F300010B34303036333831333333393331FC53 scan, EAN-13: "4006381333931", sent again `,
		"09C60400FFEE019F01FC9F parameters FF EE 01 9F 01 ",
		"05D1040006FF20 not taken: not allowed ",
	}, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
