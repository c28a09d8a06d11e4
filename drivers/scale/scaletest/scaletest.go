// Package scaletest is what the tests of all protocols of scales share: golden
// frames, the conformance suite on ptys, every flipped bit of a frame, and the
// laws a fuzzer holds a codec to.
package scaletest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/scale"
)

// Heard is one frame and what it was taken for.
type Heard struct {
	Answer scale.Answer
	Mg     int64  `json:",omitempty"`
	Error  string `json:",omitempty"`
}

// Decode runs bytes through a protocol.
func Decode(p scale.Protocol, wire []byte) []Heard {
	var out []Heard
	p.Framer().Push(wire, func(frame []byte, err error) {
		var h Heard
		if err == nil {
			h.Answer, err = p.Parse(frame)
		}
		if err != nil {
			h.Error = err.Error()
		}
		h.Mg, _ = scale.Milligrams(h.Answer.Value, h.Answer.Decimals, h.Answer.Unit)
		out = append(out, h)
	})
	return out
}

// Golden decodes the captured frames of a folder.
func Golden(t *testing.T, dir string, p scale.Protocol) {
	t.Helper()
	drivertest.Golden(t, dir, func(wire []byte) any { return Decode(p, wire) })
}

// Suite is a protocol for the suite of all drivers.
type Suite struct {
	Protocol    scale.Protocol
	Frame, Want string // one good stable answer, and what it shows
	Garbage     string // default some bytes that no scale sends
	// Policy is drivertest.Flips's, for wires on which the first word counts.
	Policy  func(bit int, text string) bool
	After   int                 // drivertest.Flips's
	Records *drivertest.Records // of a scale whose port gives records
}

// Conformance runs the suite of all drivers.
func Conformance(t *testing.T, s Suite) {
	t.Helper()
	if s.Garbage == "" {
		s.Garbage = "\x00\xff\xa5S"
	}
	create := func(cfg scale.Config) func(*testing.T, drivers.Opener, func(string)) drivertest.Device {
		return func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
			cfg.Name, cfg.Protocol, cfg.Open = "scale/test", s.Protocol, open
			cfg.Sink = func(r scale.Reading) {
				if r.Stable || !r.Weighs() { // what is not stable is only shown
					deliver(r.Text())
				}
			}
			d, err := scale.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	drivertest.Conformance(t, drivertest.Suite{
		New: create(scale.Config{Interval: 10 * time.Millisecond, Timeout: 40 * time.Millisecond}),
		Ask: s.Protocol.Ask, Frame: s.Frame, Want: s.Want, Garbage: s.Garbage, Unframed: true,
		Records: s.Records, Flips: &drivertest.Flips{Policy: s.Policy, After: s.After},
		Day: &drivertest.Day{New: create(scale.Config{})},
	})
}

// Flipped says what became of all single flipped bits of a frame.
type Flipped struct {
	Bits   int
	Shown  int // wrong weights shown as unstable, for one frame
	Booked int // wrong weights taken for stable
}

// Flips sends a good stable frame again and again and flips one bit of one of
// them, for each bit in turn.
func Flips(t *testing.T, p scale.Protocol, frame string, window int) Flipped {
	t.Helper()
	good := Decode(p, []byte(frame))
	if len(good) != 1 || good[0].Error != "" || !good[0].Answer.Stable {
		t.Fatalf("%q is no stable weight: %+v", frame, good)
	}
	var out Flipped
	for bit := range 8 * len(frame) {
		bad := []byte(frame)
		bad[bit/8] ^= 1 << (bit % 8)
		out.Bits++
		synctest.Test(t, func(t *testing.T) {
			for _, r := range play(t, p, window, []string{frame, frame, frame, string(bad), frame, frame, frame}) {
				wrong := !r.Weighs() || r.Milligrams != good[0].Mg
				switch {
				case wrong && r.Stable:
					out.Booked++
				case wrong:
					out.Shown++
				}
			}
		})
	}
	t.Logf("%s: %d bits flipped, %d wrong weights shown as unstable, %d taken for stable", p.Name, out.Bits, out.Shown, out.Booked)
	return out
}

// play lets a driver hear frames, one for each question or one each 20 ms, and
// gives its readings. It runs in a synctest bubble.
func play(t *testing.T, p scale.Protocol, window int, frames []string) []scale.Reading {
	t.Helper()
	var peer drivertest.Peer
	next := 0
	send := func() {
		if next < len(frames) {
			peer.Send(frames[next])
			next++
		}
	}
	peer.OnWrite = func(b []byte) (int, error) { send(); return len(b), nil }
	var got []scale.Reading
	d, err := scale.New(scale.Config{
		Name: "scale/test", Protocol: p, Open: peer.Open, Window: window, Interval: 20 * time.Millisecond, Timeout: 15 * time.Millisecond,
		Sink: func(r scale.Reading) { got = append(got, r) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	for range len(frames) + 1 {
		if !p.Polled() {
			synctest.Wait()
			send()
		}
		<-time.After(20 * time.Millisecond) // the bubble's clock
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return got
}

// Hold checks the laws of a codec on any bytes: it takes them in lumps and byte
// by byte alike, makes of each frame a sane answer or an error, and no frame is
// longer than a line may be.
func Hold(t *testing.T, p scale.Protocol, in []byte) {
	t.Helper()
	parts, whole := p.Framer(), Decode(p, in)
	var bits []Heard
	for i := range in {
		parts.Push(in[i:i+1], func(frame []byte, err error) {
			if len(frame) > scale.MaxLine {
				t.Fatalf("a frame of %d bytes", len(frame))
			}
			kept := bytes.Clone(frame)
			h := Heard{}
			if err == nil {
				h.Answer, err = p.Parse(frame)
			}
			if err != nil {
				h.Error = err.Error()
			}
			h.Mg, _ = scale.Milligrams(h.Answer.Value, h.Answer.Decimals, h.Answer.Unit)
			if !bytes.Equal(kept, frame) {
				t.Fatal("Parse changed the frame")
			}
			bits = append(bits, h)
		})
	}
	if !slices.Equal(whole, bits) {
		t.Fatalf("%q in one lump %+v, byte by byte %+v", in, whole, bits)
	}
	for _, h := range whole {
		if err := sane(h); err != nil {
			t.Fatalf("%q: %v: %+v", in, err, h)
		}
	}
}

func sane(h Heard) error {
	a := h.Answer
	bare := a
	bare.Kind, bare.Code = 0, ""
	switch {
	case h.Error != "" && a != (scale.Answer{}):
		return fmt.Errorf("an error with an answer")
	case h.Error != "":
	case a.Kind != scale.AnswerWeight && bare != (scale.Answer{}):
		return fmt.Errorf("a weight where there is none")
	case (a.Kind == scale.AnswerFault) != (a.Code != "" && drivers.FaultOf(a.Code).Code == a.Code):
		return fmt.Errorf("a fault without a code of the table")
	case a.Kind != scale.AnswerWeight:
	case a.Decimals < 0 || a.Decimals > 9 || a.Value > 1e17 || a.Value < -1e17:
		return fmt.Errorf("not a number of a scale")
	case a.Stable && a.Unit == "":
		return fmt.Errorf("stable without a unit")
	}
	return nil
}
