package xymd02

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/sensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden is the bytes of a captured frame.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	p, err := drivertest.ReadHex(filepath.Join("testdata", "golden", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGolden reads captured frames of both directions aloud.
func TestGolden(t *testing.T) {
	drivertest.Golden(t, "testdata/golden", func(wire []byte) any {
		type frame struct{ Wire, Text, Code string }
		var out struct{ ToDevice, FromDevice []frame }
		for _, to := range []bool{true, false} {
			var got []frame
			Decode(to).Push(wire, func(f drivers.Frame) { got = append(got, frame{hex.EncodeToString(f.Wire), f.Text, f.Code}) })
			if to {
				out.ToDevice = got
			} else {
				out.FromDevice = got
			}
		}
		return out
	})
}

// What we ask is, byte by byte, what the captures ask.
func TestRequests(t *testing.T) {
	for name, got := range map[string][]byte{
		"ask-both": request(1, readInput, regTemperature, 2), "ask-address": request(1, readHolding, regAddress, 1),
		"ask-temperature": request(1, readInput, regTemperature, 1), "ask-humidity": request(1, readInput, 2, 1),
	} {
		if d := cmp.Diff(golden(t, name), got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		c, rh   uint16
		per     int
		milliC  int64
		milliRH int64
		bad     bool
	}{
		{0x0131, 0x0222, 10, 30_500, 54_600, false},
		{0x0bea, 0x1554, 100, 30_500, 54_600, false},
		{0xff33, 0x0000, 10, -20_500, 0, false}, // the same source: -20.5 degrees
		{0x0bea, 0x1554, 10, 0, 0, true},        // a x100 sensor taken for x10: 305 degrees
		{0x0131, 0x2710, 10, 0, 0, true},        // 1000 % RH
		{0x0131, 1030, 10, 30_500, 100_000, false},
		{0x7fff, 0, 100, 0, 0, true},
		{0x8000, 0, 100, 0, 0, true},
	} {
		milliC, milliRH, err := values([]uint16{c.c, c.rh}, c.per)
		if milliC != c.milliC || milliRH != c.milliRH || (err != nil) != c.bad || c.bad && !errors.Is(err, ErrRange) {
			t.Errorf("%+v: %d, %d, %v", c, milliC, milliRH, err)
		}
	}
}

// No single flipped bit of a captured answer is ever taken for another value.
func TestEverySingleBitFlip(t *testing.T) {
	for _, name := range []string{"both", "temperature", "temperature-x100", "humidity-x100"} {
		good := golden(t, name)
		n := int(good[2]) / 2
		want, err := find(good, 1, readInput, n)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(good) {
			p := bytes.Clone(good)
			p[bit/8] ^= 1 << (bit % 8)
			if got, err := find(p, 1, readInput, n); !errors.Is(err, ErrNoAnswer) {
				t.Errorf("%s with bit %d flipped: %v, %v", name, bit, got, err)
			}
			// With the good one behind it, only the good one counts.
			if got, err := find(append(p, good...), 1, readInput, n); err != nil || !cmp.Equal(got, want) {
				t.Errorf("%s after one with bit %d flipped: %v, %v", name, bit, got, err)
			}
		}
	}
}

func TestFind(t *testing.T) {
	both := golden(t, "both")
	refusal := []byte{1, 0x84, 2}
	c := crc(refusal)
	refusal = append(refusal, byte(c), byte(c>>8))
	for name, tc := range map[string]struct {
		p    []byte
		want []uint16
		err  error
	}{
		"whole":                 {both, []uint16{0x131, 0x222}, nil},
		"echo of the question":  {append(request(1, readInput, 1, 2), both...), []uint16{0x131, 0x222}, nil},
		"noise before":          {append([]byte{1, 4, 4, 0xff, 1}, both...), []uint16{0x131, 0x222}, nil},
		"cut short":             {both[:8], nil, ErrNoAnswer},
		"of another address":    {request(2, readInput, 1, 2), nil, ErrNoAnswer},
		"of another question":   {golden(t, "temperature"), nil, ErrNoAnswer},
		"a refusal":             {refusal, nil, ErrRefused},
		"a refusal, then other": {append(bytes.Clone(refusal), both...), nil, ErrRefused},
		"nothing":               {nil, nil, ErrNoAnswer},
	} {
		got, err := find(tc.p, 1, readInput, 2)
		if !cmp.Equal(got, tc.want) || !errors.Is(err, tc.err) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add(golden(f, "both"))
	f.Add(golden(f, "temperature-x100"))
	f.Add(append(golden(f, "ask-both"), golden(f, "both")...))
	f.Fuzz(func(t *testing.T, p []byte) {
		regs, err := find(p, 1, readInput, 2)
		if (err == nil) != (len(regs) == 2) {
			t.Errorf("%v %v", regs, err)
		}
		for _, to := range []bool{true, false} {
			n, d := 0, Decode(to)
			for half := range 2 {
				part := p[:len(p)/2]
				if half == 1 {
					part = p[len(p)/2:]
				}
				d.Push(part, func(f drivers.Frame) { n += len(f.Wire) })
			}
			if rest := len(p) - n; rest < 0 || rest > maxFrame {
				t.Errorf("%d of %d bytes are left", rest, len(p))
			}
		}
	})
}

func TestNew(t *testing.T) {
	open, sink := func(context.Context) (drivers.Port, error) { return nil, drivers.ErrUnplugged }, func(sensor.Reading) {}
	for _, c := range []struct {
		s    sensor.Settings
		want string
	}{
		{sensor.Settings{Name: "s", Open: open, Sink: sink}, ""},
		{sensor.Settings{Name: "s", Open: open, Sink: sink, Address: 247, PerDegree: 100, Interval: time.Second}, ""},
		{sensor.Settings{Open: open, Sink: sink}, "a name"},
		{sensor.Settings{Name: "s", Open: open}, "a sink"},
		{sensor.Settings{Name: "s", Open: open, Sink: sink, Address: 248}, "1..247"},
		{sensor.Settings{Name: "s", Open: open, Sink: sink, PerDegree: 1}, "10 or 100"},
		{sensor.Settings{Name: "s", Open: open, Sink: sink, Interval: time.Millisecond}, "50ms"},
	} {
		_, err := New(c.s)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.s, err)
		}
	}
}

func TestConformance(t *testing.T) {
	every := func(interval time.Duration) func(*testing.T, drivers.Opener, func(string)) drivertest.Device {
		return func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
			d, err := New(sensor.Settings{Name: "s", Open: open, Interval: interval, Sink: func(r sensor.Reading) { deliver(r.Text()) }})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	drivertest.Conformance(t, drivertest.Suite{
		New: every(50 * time.Millisecond), Flips: &drivertest.Flips{}, Day: &drivertest.Day{New: every(0)},
		Ask: string(golden(t, "ask-both")), Frame: string(golden(t, "both")), Want: "30.5 °C, 54.6 % RH",
		Garbage: "\x00\xff\x01\x04\x04\x55\xaa", // begins as an answer does
	})
}

// States and codes over time, on a fake clock.
func TestStates(t *testing.T) {
	refusal := append([]byte{1, 0x84, 2}, 0, 0)
	c := crc(refusal[:3])
	refusal[3], refusal[4] = byte(c), byte(c>>8)
	for name, tc := range map[string]struct {
		answer []byte
		code   string
		opens  int // after a minute
	}{
		"silent":           {nil, drivers.CodeSensorSilent, 2},
		"noise":            {[]byte("hello"), drivers.CodeSensorUnreadable, 1},
		"refuses":          {refusal, drivers.CodeSensorRefuses, 1},
		"counts otherwise": {hundredths(t), drivers.CodeSensorRange, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := golden(t, "both")
				answer := tc.answer
				peer := &drivertest.Peer{}
				peer.OnWrite = func(p []byte) (int, error) { peer.Send(string(answer)); return len(p), nil }
				got := 0
				d, err := New(sensor.Settings{Name: "s", Open: peer.Open, Sink: func(sensor.Reading) { got++ }})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					for ctx.Err() == nil {
						_ = d.Run(ctx)
					}
				}()
				time.Sleep(50 * time.Second)
				if st := d.Status(); st.State != drivers.Degraded || st.Code != tc.code || got > 0 || peer.Opens() != tc.opens {
					t.Errorf("%+v, %d readings, %d opens", st, got, peer.Opens())
				}
				answer = good
				time.Sleep(5 * time.Second)
				if st := d.Status(); st.State != drivers.Ready || got == 0 {
					t.Errorf("afterwards %+v, %d readings", st, got)
				}
				cancel()
				<-done
			})
		})
	}
}

// hundredths is the answer of a sensor that counts hundredths of a degree.
func hundredths(t *testing.T) []byte {
	p := []byte{1, readInput, 4, 0x0b, 0xea, 0x15, 0x54}
	c := crc(p)
	return append(p, byte(c), byte(c>>8))
}

func TestAsk(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string
		ok     bool
	}{"it": {string(golden(t, "address")), true}, "another Modbus device": {string(golden(t, "foreign-holding")), false}, "silence": {"", false}, "text": {"S S 1.0 g\r\n", false}} {
		synctest.Test(t, func(t *testing.T) {
			peer := &drivertest.Peer{}
			peer.OnWrite = func(p []byte) (int, error) {
				if !bytes.Equal(p, golden(t, "ask-address")) {
					t.Errorf("it was sent % x", p)
				}
				peer.Send(tc.answer)
				return len(p), nil
			}
			port, err := peer.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Ask(t.Context(), port); (err == nil) != tc.ok {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
