package scanner

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/scanner/evdev"
)

// keysOf are the events of a text of digits and few letters; C is c with Shift.
func keysOf(text string) string {
	codes := map[rune]uint16{
		'0': 11, '1': 2, '2': 3, '3': 4, '4': 5, '5': 6, '6': 7, '7': 8, '8': 9, '9': 10, 'l': 38, ']': 27, 'C': 46, '\r': 28, '\x1d': 66, '?': 1, // ? is Escape
	}
	var b []byte
	key := func(code uint16, value int32) {
		b = evdev.Input{Type: 4, Code: 4, Value: 0x70000}.Append(b)
		b = evdev.Input{Type: 1, Code: code, Value: value}.Append(b)
		b = evdev.Input{}.Append(b)
	}
	for _, r := range text {
		if r == 'C' {
			key(42, 1)
		}
		key(codes[r], 1)
		key(codes[r], 0)
		if r == 'C' {
			key(42, 0)
		}
	}
	return string(b)
}

// Events have no checksum; that each key is pressed and let go by turns is as good
// as one: no changed bit makes another scan. Half a scan becomes the beginning of
// the next one unless a pause comes between (TestWedge).
func TestWedgeConformance(t *testing.T) {
	garbage := string(evdev.Input{Type: 0xFF, Code: 7, Value: 1}.Append(nil)) + // no event of any kernel
		string(evdev.Input{Type: 1, Code: 30, Value: 7}.Append(nil)) // a key that does what no key does
	drivertest.Conformance(t, drivertest.Suite{
		New: func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
			d, err := NewWedge(Config{Name: "scanner/test", Open: open, RepeatWindow: -1, Sink: func(s Scan) { deliver(s.Data) }})
			if err != nil {
				t.Fatal(err)
			}
			return d
		},
		Frame: keysOf("]C1l\r"), Want: "]C1l", Garbage: garbage, Unframed: true, Joins: true,
		Whole:   len(keysOf("]C1l\r")) - 4*evdev.EventSize, // Enter is pressed; what follows lets it go
		Records: &drivertest.Records{Size: evdev.EventSize, AtOnce: 64, Open: evdev.Opener, Read: evdev.Whole},
		Flips:   &drivertest.Flips{}, Day: &drivertest.Day{Pace: time.Second}, // people do not scan five times a second
	})
}

// Bytes in any lumps, though a port gives whole events.
func TestWedgeHoweverTheBytesArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startWedge(t, Config{RepeatWindow: -1})
		frame := keysOf("0104006381333931\x1d10l1\r")
		for i := range frame {
			b.peer.Send(frame[i : i+1])
			synctest.Wait()
		}
		b.send(frame+frame, time.Second)
		b.send(frame[:len(frame)/2], 0)
		b.peer.Plug(false)
		if err := <-b.end; !errors.Is(err, drivers.ErrUnplugged) {
			t.Errorf("Run: %v", err)
		}
		b.peer.Plug(true)
		ctx, cancel := context.WithCancel(t.Context())
		b.cancel = cancel
		go func() { b.end <- b.dev.Run(ctx) }()
		synctest.Wait()
		b.send(frame, time.Second)
		b.send(strings.Repeat("U", 2000), time.Second)
		b.send(frame, time.Second)
		want := "0104006381333931\x1d10l1"
		b.want(t, []string{want, want, want, want, want}, []string{drivers.CodeScannerLost})
	})
}

func startWedge(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := &bench{end: make(chan error, 1)}
	b.run(t, NewWedge, cfg)
	return b
}

func TestWedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startWedge(t, Config{MaxLength: 20})
		b.send(keysOf("4006381333931\r"), time.Second)
		b.send(keysOf("12\x1d34\r"), time.Second)
		b.send(keysOf("\r\r"), time.Second)
		b.send(keysOf("12?34\r"), time.Second)
		b.send(keysOf("111111111111111111111\r"), time.Second)
		b.send(keysOf("12")+string(evdev.Input{Code: 3}.Append(nil))+keysOf("34\r"), time.Second)
		b.send(keysOf("56"), time.Second) // no Enter
		b.send(keysOf("7\r"), 0)
		b.want(t, []string{"4006381333931", "12\x1d34", "7"}, []string{
			drivers.CodeScannerKey, drivers.CodeScannerTooLong, drivers.CodeScannerLost, drivers.CodeScannerIncomplete,
		})
	})
}

func TestWedgeThatEndsWithAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startWedge(t, Config{Suffix: SuffixGap})
		b.send(keysOf("12"), 200*time.Millisecond)
		b.send(keysOf("34"), time.Second)
		b.send(keysOf("5?"), time.Second)
		b.send(keysOf("67\r"), time.Second)
		b.want(t, []string{"1234", "67"}, []string{drivers.CodeScannerKey})
	})
}

func TestNewWedgeChecks(t *testing.T) {
	open := (&drivertest.Peer{}).Open
	for _, c := range []Config{{}, {Name: "x", Open: open, Sink: func(Scan) {}, Layout: "fr"}, {Name: "x", Open: open, Sink: func(Scan) {}, Suffix: SuffixCR}} {
		if _, err := NewWedge(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
}
