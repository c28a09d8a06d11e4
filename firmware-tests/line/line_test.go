package line

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tote/firmware-tests/pty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFaults(t *testing.T) {
	f := NewFaults(Stall, Noise)
	if f.On(Stall) || len(f.Active()) != 0 || strings.Join(f.Names(), " ") != "noise stall" {
		t.Errorf("new: %v of %v", f.Active(), f.Names())
	}
	if err := f.Set(Stall, true); err != nil || !f.On(Stall) || !slices.Equal(f.Active(), []string{Stall}) {
		t.Errorf("on: %v, %v", f.Active(), err)
	}
	if err := f.Set(Stall, false); err != nil || f.On(Stall) {
		t.Errorf("off: %v", err)
	}
	err := f.Set("fire", true)
	if !errors.Is(err, ErrUnknownFault) || !strings.Contains(err.Error(), "noise, stall") || f.On("fire") {
		t.Errorf("unknown: %v", err)
	}
}

// Noise is the same for the same seed, leaves every third frame whole and
// never takes anything away.
func TestVoiceNoise(t *testing.T) {
	say := func() string {
		var out bytes.Buffer
		f := NewFaults(Noise, Split)
		_ = f.Set(Noise, true)
		v := NewVoice(&out, f, 7)
		for range 6 {
			v.Say([]byte("frame\n"))
		}
		return out.String()
	}
	got := say()
	if got != say() {
		t.Error("the same seed makes other noise")
	}
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	for i, l := range lines {
		clean := strings.Map(func(r rune) rune {
			if r >= 0x80 {
				return -1
			}
			return r
		}, l)
		if clean != "frame" || (l == "frame") != (i%3 == 2) {
			t.Errorf("frame %d: %q", i, l)
		}
	}
}

// brittle fails after some bytes.
type brittle struct {
	left int
	got  []byte
}

func (b *brittle) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, io.ErrClosedPipe
	}
	b.left -= len(p)
	b.got = append(b.got, p...)
	return len(p), nil
}

func TestVoiceSplitAndFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFaults(Noise, Split)
		_ = f.Set(Split, true)
		start := time.Now()
		w := &brittle{left: 5}
		if v := NewVoice(w, f, 1); !v.Say([]byte("12345")) || v.Say([]byte("6")) {
			t.Errorf("wrote %q", w.got)
		}
		if took := time.Since(start); took != 4*SplitGap {
			t.Errorf("5 bytes took %v, want 4 gaps", took)
		}
		_ = f.Set(Split, false)
		if v := NewVoice(&brittle{left: 4}, f, 1); v.SayIn([]byte("123456"), 4, time.Second) {
			t.Error("half a frame counts as said")
		}
		if !NewVoice(io.Discard, f, 1).Say(nil) {
			t.Error("an empty frame fails")
		}
	})
}

// script is a reader that plays results.
type script []func([]byte) (int, error)

func (s *script) Read(b []byte) (int, error) {
	if len(*s) == 0 {
		return 0, io.EOF
	}
	next := (*s)[0]
	*s = (*s)[1:]
	return next(b)
}

func bytesOf(s string) func([]byte) (int, error) {
	return func(b []byte) (int, error) { return copy(b, s), nil }
}

func TestPump(t *testing.T) {
	r := script{
		bytesOf("a"),
		func([]byte) (int, error) { return 0, pty.ErrUnplugged },
		bytesOf(""),
		bytesOf("b"),
		func(b []byte) (int, error) { return copy(b, "c"), io.ErrUnexpectedEOF },
		bytesOf("never"),
	}
	var got []string
	for p := range Pump(&r, make(chan struct{})) {
		s := string(p.Data)
		if p.Lost {
			s += "!"
		}
		got = append(got, s)
	}
	if s := strings.Join(got, " "); s != "a ! b c" {
		t.Errorf("pieces %q", s)
	}
	stop := make(chan struct{})
	r = script{bytesOf("x")}
	out := Pump(&r, stop) // nobody takes the piece
	close(stop)
	for range out {
	}
}
