package script

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/firmware-tests/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// toy is a device that writes down what happens to it, and when.
type toy struct {
	name  string
	book  *record.Book
	began time.Time
	log   *[]string
	mu    *sync.Mutex
	fails error
}

func (d *toy) Faults() []string   { return []string{"noise", "unplug"} }
func (d *toy) Book() *record.Book { return d.book }

func (d *toy) SetFault(name string, on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	*d.log = append(*d.log, fmt.Sprintf("%v %s %s %v", time.Since(d.began), d.name, name, on))
	return d.fails
}

func bench(t *testing.T, names ...string) (map[string]Target, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var log []string
	out := map[string]Target{}
	for _, n := range names {
		book, err := record.Open(n, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		out[n] = &toy{n, book, time.Now(), &log, &mu, nil}
	}
	return out, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), log...)
	}
}

func mustParse(t *testing.T, text string) *Script {
	t.Helper()
	s, err := Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTimetable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		devices, log := bench(t, "s", "p")
		s := mustParse(t, `
steps:
  - {at: 2s, device: s, fault: noise, for: 3s}
  - {at: 4s, device: s, fault: noise, for: 4s}   # overlaps the first
  - {at: 1s, device: p, fault: unplug, for: 500ms, every: 10s, times: 2}
  - at: 20s
    device: p
    fault: noise
`)
		if err := s.Run(t.Context(), devices); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"1s p unplug true", "1.5s p unplug false", "2s s noise true", "8s s noise false",
			"11s p unplug true", "11.5s p unplug false", "20s p noise true",
		}
		if d := cmp.Diff(want, log()); d != "" {
			t.Error(d)
		}
	})
}

// Paper runs out in the middle of a job, each time.
func TestWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		devices, log := bench(t, "p")
		book := devices["p"].Book()
		book.Add(record.Entry{Kind: record.Received}) // before the script: it does not count
		s := mustParse(t, "steps: [{when: received, after: 100ms, fault: noise, for: 1s, times: 2}]")
		done := make(chan error)
		go func() { done <- s.Run(t.Context(), devices) }()
		for _, at := range []time.Duration{5, 7, 9} {
			time.Sleep(at * time.Second)
			book.Add(record.Entry{Kind: record.Printed})
			book.Add(record.Entry{Kind: record.Received})
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		want := []string{"5.1s p noise true", "6.1s p noise false", "12.1s p noise true", "13.1s p noise false"}
		if d := cmp.Diff(want, log()); d != "" {
			t.Error(d)
		}
	})
}

// The same seed gives the same times, another one others.
func TestSeed(t *testing.T) {
	play := func(seed string) (out []string) {
		synctest.Test(t, func(t *testing.T) {
			devices, log := bench(t, "s")
			s := mustParse(t, seed+"steps: [{at: 0s, jitter: 5s, fault: noise, for: 1s, every: 10s, times: 5}]")
			if err := s.Run(t.Context(), devices); err != nil {
				t.Fatal(err)
			}
			out = log()
		})
		return out
	}
	one, again, other := play("seed: 3\n"), play("seed: 3\n"), play("seed: 4\n")
	if cmp.Diff(one, again) != "" || cmp.Diff(one, other) == "" || len(one) != 10 {
		t.Errorf("%q\n%q\n%q", one, again, other)
	}
}

func TestStopAndFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		devices, log := bench(t, "s")
		s := mustParse(t, "steps: [{at: 1h, fault: noise}, {when: put, fault: noise}]")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Run(ctx, devices); err != nil || len(log()) > 0 {
			t.Errorf("stopped: %v, %q", err, log())
		}
		boom := errors.New("boom")
		devices["s"].(*toy).fails = boom
		if err := s.Run(t.Context(), devices); !errors.Is(err, boom) || !errors.Is(err, ErrScript) {
			t.Errorf("%v", err)
		}
	})
}

func TestWhatMakesNoSense(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "f.yaml:1: no steps",
		"steps: []":                            "f.yaml:1: no steps",
		"stepz: []":                            "f.yaml:1: unknown field",
		"steps: [":                             "f.yaml:1",
		"steps:\n  - {at: 1s, falt: noise}":    "f.yaml:2: unknown field",
		"steps:\n  - {at: 1s}":                 "f.yaml:2: fault must be given",
		"steps:\n  - fault: x\n\n  - at: 1s\n": "f.yaml:2: either at or when",
		"steps:\n  - {at: 1s, fault: x}\n  - {at: 1s, when: put, fault: x}":               "f.yaml:3: either at or when",
		"steps:\n  - {at: soon, fault: x}":                                                `f.yaml:2: at: "soon" is no time`,
		"steps:\n  - {at: -1s, fault: x}":                                                 `"-1s" is no time`,
		"steps:\n  - {at: 25h, fault: x}":                                                 "up to 24h",
		"steps:\n  - {when: lunch, fault: x}":                                             `nothing of kind "lunch"`,
		"steps:\n  - {at: 1s, after: 1s, fault: x}":                                       "after belongs to when",
		"steps:\n  - {when: put, every: 1s, fault: x}":                                    "every belongs to at",
		"steps:\n  - {at: 1s, times: 3, fault: x}":                                        "times needs every",
		"steps:\n  - {at: 1s, every: 3s, fault: x}":                                       "every needs times",
		"steps:\n  - {at: 1s, every: 3s, times: 2, fault: x}":                             "for must be given",
		"steps:\n  - {at: 1s, every: 1ms, times: 200000, for: 1ms, fault: x}":             "more than 100000",
		"steps:\n  - {at: 1s, every: 1s, times: 99999999999999999999, for: 1s, fault: x}": "f.yaml:2",
	} {
		_, err := Parse("f.yaml", []byte(text))
		if !errors.Is(err, ErrScript) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	devices, _ := bench(t, "a", "b")
	for text, want := range map[string]string{
		"steps:\n  - {at: 1s, fault: noise}":                      "f.yaml:2: device must be given: there are a, b",
		"steps:\n\n  - {at: 1s, device: c, fault: noise}":         `f.yaml:3: no device "c": there are a, b`,
		"steps:\n  - at: 1s\n    device: a\n    fault: paper_out": `f.yaml:2: no fault "paper_out" of a: there are noise, unplug`,
	} {
		if err := mustParse(t, text).Run(t.Context(), devices); !errors.Is(err, ErrScript) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := Load("/nonexistent"); !errors.Is(err, ErrScript) {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("steps: [{at: 1s, device: s, fault: noise, for: 3s}]")
	f.Add("seed: 7\nsteps:\n  - when: put\n    fault: x\n    times: 2\n    for: 1s\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("f", []byte(text))
		if (err == nil) == (s == nil) || err == nil && len(s.turns()) > 2*maxSteps {
			t.Errorf("%v %v", s, err)
		}
	})
}
