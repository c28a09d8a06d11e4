package accept

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// toy is a scale that says "W <mg>\n" when asked "?", "WHO" when asked who it is.
type toy struct {
	*drivers.Tracker
	open drivers.Opener
	tell func(drivers.Told)
}

func (d *toy) Run(ctx context.Context) error {
	return d.Session(ctx, d.open, func(ctx context.Context, port drivers.Port) error {
		for {
			line, err := ask(ctx, port, "?")
			switch {
			case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
				d.Set(drivers.Degraded, drivers.CodeScaleSilent, "")
				continue
			case err != nil:
				return err
			}
			d.Set(drivers.Ready, "", "")
			if v, ok := strings.CutPrefix(line, "W "); ok {
				var mg int64
				if json.Unmarshal([]byte(v), &mg) == nil {
					d.tell(drivers.Told{Text: v + " mg", Value: mg, Settled: true})
				}
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

func ask(ctx context.Context, port drivers.Port, question string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := port.Write(ctx, []byte(question)); err != nil {
		return "", err
	}
	var got []byte
	buf := make([]byte, 64)
	for !bytes.Contains(got, []byte("\n")) {
		n, err := drivers.Receive(ctx, port, buf)
		if err != nil {
			return "", err
		}
		got = append(got, buf[:n]...)
	}
	return strings.TrimSpace(string(got)), nil
}

// frames calls what does not begin with W or I a mistake.
type frames struct{}

func (frames) Push(p []byte, emit func(drivers.Frame)) {
	f := drivers.Frame{Wire: p}
	if p[0] != 'W' && p[0] != 'I' {
		f.Code = "DEV-000"
	}
	emit(f)
}

// bench is the toy with its peer; answer gives what it says.
func bench(answer func(question string) string) (Subject, *drivertest.Peer) {
	peer := &drivertest.Peer{}
	peer.OnWrite = func(p []byte) (int, error) {
		time.AfterFunc(3*time.Millisecond, func() {
			if a := answer(string(p)); a != "" {
				peer.Send(a + "\n")
			}
		})
		return len(p), nil
	}
	return Subject{
		Port: "/dev/x", Line: "9600 8N1", Open: peer.Open,
		Bad: drivers.BadFirmware{{Model: "T1", Firmware: "6.", Text: "lies when cold", Source: "https://example.com"}},
		Driver: all.Driver{
			Name: "toy", Kind: all.Scale, Decode: func(bool) drivers.Decoder { return frames{} },
			Ask: func(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
				s, err := ask(ctx, port, "WHO")
				model, firmware, _ := strings.Cut(strings.TrimPrefix(s, "I "), " ")
				return drivers.Identity{Model: model, Firmware: firmware}, err
			},
			Trial: func(name string, open drivers.Opener, tell func(drivers.Told)) (drivers.Device, error) {
				return &toy{drivers.NewTracker(name, "toy", nil, nil), open, tell}, nil
			},
		},
	}, peer
}

func healthy(weight *string) func(string) string {
	return func(q string) string { return map[string]string{"?": "W " + *weight, "WHO": "I T1 7.0"}[q] }
}

// told is the outcome without times: "passed name: text".
func told(r Report) (out []string) {
	for _, c := range r.Checks {
		out = append(out, strings.TrimSuffix(string(c.Result)+" "+c.Name+": "+c.Text, ": "))
	}
	return out
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		weight := "0"
		s, peer := bench(healthy(&weight))
		person := func(_ context.Context, step Step) error {
			switch step {
			case StepClear, StepOff:
				weight = "0"
			case StepPut:
				weight = "1500000"
			case StepUnplug, StepPlug:
				peer.Plug(step == StepPlug)
			}
			return nil
		}
		var live []Check
		r := Run(t.Context(), s, Options{Person: person, Soak: time.Second, Told: func(c Check) { live = append(live, c) }})
		want := []string{
			"passed its port opens", "passed it says who it is: T1, firmware 7.0", "passed its firmware is not known to be bad: 7.0",
			"passed its driver gets ready", "passed it goes on without a mistake: 19 things told, 19 frames, 57 bytes received",
			"passed it comes back when its port is opened anew: 3 times", "passed empty, it comes to rest: 0 mg",
			"passed a weight is weighed and comes to rest: 1500000 mg", "passed without it, it is back at rest: 0 mg",
			"passed unplugging is noticed", "passed plugged in again, it works",
		}
		got := told(r)
		for i, g := range got { // the count of a second may be one more or less
			if strings.HasPrefix(g, "passed it goes on without a mistake: ") {
				got[i] = want[4]
			}
		}
		if d := cmp.Diff(want, got); d != "" || !r.Accepted() {
			t.Errorf("%s\n%s", r.Verdict(), d)
		}
		if d := cmp.Diff(r.Checks, live); d != "" {
			t.Errorf("told while it ran: %s", d)
		}
		if r.Figures.P50Ms != 3 || r.Figures.P99Ms != 3 || r.Figures.Errors != 0 || r.Figures.Answers < 30 {
			t.Errorf("%+v", r.Figures)
		}
		if peer.IsOpen() {
			t.Error("the port was kept")
		}
	})
}

func TestWhatIsWrongIsFound(t *testing.T) {
	weight := "0"
	for _, c := range []struct {
		name   string
		answer func(string) string
		setUp  func(*Subject, *drivertest.Peer)
		person Person
		want   string // of the checks, the failed one
		n      int    // checks in all
	}{
		{"no device", healthy(&weight), func(_ *Subject, p *drivertest.Peer) { p.Plug(false) }, nil, "failed its port opens: the device is not there", 1},
		{
			"the gateway has it", healthy(&weight), func(s *Subject, _ *drivertest.Peer) {
				s.Open = func(context.Context) (drivers.Port, error) { return nil, drivers.ErrBusy }
			}, nil, "failed its port opens: the port is held by another program. Stop the gateway", 1,
		},
		{"it does not say who it is", func(q string) string { return map[string]string{"?": "W 0"}[q] }, nil, nil, "failed it says who it is: question 1", 11},
		{"bad firmware", func(q string) string { return map[string]string{"?": "W 0", "WHO": "I T1 6.3"}[q] }, nil, nil, "failed its firmware is not known to be bad: https://example.com; DEV-112: lies when cold", 11},
		{"never ready", func(q string) string { return map[string]string{"WHO": "I T1 7.0"}[q] }, nil, nil, "failed its driver gets ready: never ready in 20s: it is degraded DEV-201", 4},
		{"mistakes", func(q string) string { return map[string]string{"?": "X", "WHO": "I T1 7.0"}[q] }, nil, nil, "failed it goes on without a mistake: 0 things told", 11},
		{
			"the weight never comes", healthy(&weight), nil, func(context.Context, Step) error { return nil },
			"failed a weight is weighed and comes to rest: 0 mg; never at rest", 11,
		},
		{"the person cannot", healthy(&weight), nil, func(context.Context, Step) error { return errors.New("no weight here") }, "failed empty, it comes to rest: no weight here", 11},
		{"no trial", healthy(&weight), func(s *Subject, _ *drivertest.Peer) { s.Driver.Trial = nil }, nil, "failed its driver gets ready: driver toy has no trial", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, peer := bench(c.answer)
				if c.setUp != nil {
					c.setUp(&s, peer)
				}
				r := Run(t.Context(), s, Options{Person: c.person})
				if r.Accepted() || len(r.Checks) != c.n || !strings.Contains(strings.Join(told(r), "\n"), c.want) {
					t.Errorf("%s\n%s", r.Verdict(), strings.Join(told(r), "\n"))
				}
			})
		})
	}
}

// What was told before a step is no proof that the step was done.
func TestAStepNeedsFreshWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mute := false
		s, _ := bench(func(q string) string {
			if mute && q == "?" {
				return "I am here"
			}
			return map[string]string{"?": "W 1", "WHO": "I T1 7.0"}[q]
		})
		s.Driver.Kind = all.Scanner
		r := Run(t.Context(), s, Options{Person: func(_ context.Context, step Step) error {
			mute = true
			return nil
		}})
		if got := strings.Join(told(r), "\n"); !strings.Contains(got, "failed a code is scanned: never told of") {
			t.Error(got)
		}
	})
}

func TestUnattendedAndSkipped(t *testing.T) {
	for _, person := range []Person{nil, func(context.Context, Step) error { return ErrSkip }} {
		synctest.Test(t, func(t *testing.T) {
			weight := "0"
			s, _ := bench(healthy(&weight))
			r := Run(t.Context(), s, Options{Person: person})
			passed, failed, skipped := r.Count()
			if !r.Accepted() || passed != 6 || failed != 0 || skipped != 5 {
				t.Errorf("%s\n%s", r.Verdict(), strings.Join(told(r), "\n"))
			}
		})
	}
}

func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		weight := "0"
		s, _ := bench(healthy(&weight))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r := Run(ctx, s, Options{}); r.Accepted() || len(r.Checks) != 5 {
			t.Errorf("%s", r.Markdown())
		}
	})
}

func TestMarkdown(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := Report{
		Site: "s1", Device: "pack1/scale", Version: "dev", Driver: "toy", Kind: "scale", Evidence: "unproven", Port: "/dev/x", Line: "9600 8N1",
		Identity: drivers.Identity{Maker: "A|B<script>", Firmware: "1\x1b[31m"}, Started: at, Ended: at.Add(time.Minute),
		Checks:  []Check{{"its port opens", Passed, "", 3}, {"it says who it is", Failed, "a|b\nc", 4}, {"x", Skipped, "nobody was there", 0}},
		Figures: Figures{Answers: 2, P50Ms: 1.5, P99Ms: 2, Bytes: 9, Frames: 3, Errors: 1},
	}
	want := `# Acceptance of a scale

**NOT accepted: 1 checks passed, 1 failed, 1 skipped**

| | |
|---|---|
| site | s1 |
| device | pack1/scale |
| who it says it is | A\|B&lt;script>, firmware 1 [31m |
| port | /dev/x |
| line | 9600 8N1 |
| driver | toy (unproven) |
| attended | no, steps that need a person were skipped |
| from | 2026-01-02T03:04:05Z |
| until | 2026-01-02T03:05:05Z |
| Tote | dev |

## Checks

| check | result | | took |
|---|---|---|---|
| its port opens | passed |  | 3 ms |
| it says who it is | **failed** | a\|b c | 4 ms |
| x | skipped | nobody was there | 0 ms |

## Measured

| | |
|---|---|
| response time, half of 2 answers within | 1.50 ms |
| 99 of 100 within | 2.00 ms |
| received | 9 bytes |
| frames | 3 |
| of these not readable | 1 |
`
	if d := cmp.Diff(want, r.Markdown()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
