package scanner

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tote/firmware-tests/line"
	"tote/firmware-tests/line/linetest"
	"tote/firmware-tests/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// withGun runs a scanner on a line in memory, under a fake clock.
func withGun(t *testing.T, p Params, fn func(t *testing.T, s *Scanner, l *linetest.Port)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		book, err := record.Open("b1", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(p, book)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		l, done := linetest.New(), make(chan error, 1)
		go func() { done <- s.Run(ctx, l) }()
		synctest.Wait()
		fn(t, s, l)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func scan(t *testing.T, s *Scanner, code string) *record.Scan {
	t.Helper()
	e, err := s.Scan(code)
	if err != nil {
		t.Fatal(err)
	}
	if e.Kind != record.Scanned || e.Scan.Code != code {
		t.Errorf("entry: %+v", e)
	}
	return e.Scan
}

func fault(t *testing.T, s *Scanner, name string, on bool) {
	t.Helper()
	if err := s.SetFault(name, on); err != nil {
		t.Fatal(err)
	}
}

const gtinLot = "]d20100614141999996\x1d10AB-1\x1d17270101"

// A frame is code and suffix, in chunks with gaps between them.
func TestFrame(t *testing.T) {
	withGun(t, Params{Prefix: "\x02", Suffix: "\r\n"}, func(t *testing.T, s *Scanner, l *linetest.Port) {
		if got := scan(t, s, gtinLot); !got.Written || got.Sent != strconv.Quote("\x02"+gtinLot+"\r\n") {
			t.Errorf("%+v", got)
		}
		if got := l.Take(); got != "\x02"+gtinLot+"\r\n" {
			t.Errorf("sent %q", got)
		}
	})
	withGun(t, Params{Chunk: 4, GapMs: 10}, func(t *testing.T, s *Scanner, l *linetest.Port) {
		go func() { _, _ = s.Scan("0123456789") }()
		for _, want := range []string{"0123", "4567", "89\r"} {
			synctest.Wait()
			if got := l.Take(); got != want {
				t.Errorf("chunk %q, want %q", got, want)
			}
			time.Sleep(10 * time.Millisecond) // the bubble's clock
		}
	})
}

func TestFaults(t *testing.T) {
	const code = "A\x1dB"
	cases := []struct {
		fault, sent string
		written     bool
	}{
		{Duplicate, "A\x1dB\rA\x1dB\r", true},
		{DropGS, "AB\r", true},
		{NoSuffix, "A\x1dB", true},
		{line.Split, "A\x1dB\r", true},
		{line.Stall, "", false},
	}
	for _, c := range cases {
		t.Run(c.fault, func(t *testing.T) {
			withGun(t, Params{}, func(t *testing.T, s *Scanner, l *linetest.Port) {
				fault(t, s, c.fault, true)
				got := scan(t, s, code)
				if got.Sent != strconv.Quote(c.sent) || got.Written != c.written {
					t.Errorf("%+v", got)
				}
				if on := l.Take(); on != c.sent {
					t.Errorf("on the line: %q, want %q", on, c.sent)
				}
				fault(t, s, c.fault, false)
				scan(t, s, code)
				if on := l.Take(); on != code+"\r" {
					t.Errorf("afterwards: %q", on)
				}
			})
		})
	}
	withGun(t, Params{}, func(t *testing.T, s *Scanner, l *linetest.Port) {
		fault(t, s, line.Noise, true)
		whole := 0
		for range 6 {
			scan(t, s, gtinLot)
			on := l.Take()
			if on == gtinLot+"\r" {
				whole++
			}
			if !strings.HasSuffix(on, "\r") {
				t.Errorf("noise ate the suffix: %q", on)
			}
		}
		if whole != 2 {
			t.Errorf("%d of 6 whole under noise, want 2", whole)
		}
		if err := s.SetFault(strings.ToUpper(line.Noise), true); !errors.Is(err, line.ErrUnknownFault) {
			t.Errorf("unknown fault: %v", err)
		}
	})
}

// The record tells what really reached somebody.
func TestWritten(t *testing.T) {
	withGun(t, Params{}, func(t *testing.T, s *Scanner, l *linetest.Port) {
		l.Listen(false)
		if got := scan(t, s, "X"); got.Written {
			t.Error("written though nobody listens")
		}
		l.Listen(true)
		fault(t, s, line.Unplug, true)
		if got := scan(t, s, "X"); got.Written {
			t.Error("written without the cable")
		}
		fault(t, s, line.Unplug, false)
		if got := scan(t, s, "X"); !got.Written || l.Take() != "X\r" {
			t.Error("not written after replug")
		}
		if st := s.State(); st.Scans != 3 || st.Last != "X" {
			t.Errorf("State = %+v", st)
		}
	})
}

// A scanner ignores what it is sent.
func TestDeaf(t *testing.T) {
	withGun(t, Params{}, func(t *testing.T, s *Scanner, l *linetest.Port) {
		l.Send("~HS\r\nS\r\n")
		synctest.Wait()
		if got := l.Take(); got != "" {
			t.Errorf("answered %q", got)
		}
	})
}

func TestRefuses(t *testing.T) {
	book, err := record.Open("b", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Params{}, book)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"", "two\rlines", strings.Repeat("x", 4097)} {
		if _, err := s.Scan(code); !errors.Is(err, ErrCode) {
			t.Errorf("%.10q: %v", code, err)
		}
	}
	if got := scan(t, s, "before Run"); got.Written {
		t.Error("written before the scanner runs")
	}
	for _, p := range []Params{{Chunk: -1}, {GapMs: -1}, {GapMs: 1001}} {
		if _, err := New(p, book); !errors.Is(err, ErrParams) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
