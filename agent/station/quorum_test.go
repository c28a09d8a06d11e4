package station

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tote/warehouse"
)

// TestWithoutAQuorum: every scan is answered at once with what to do, nothing is
// proposed, booked or printed, and everything goes on by itself.
func TestWithoutAQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		labels := 0
		b := newBench(newFloor(t, "O1", "O2"), func(ctx context.Context, j warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
			if err := before(ctx); err != nil {
				return NotReady, "", err
			}
			labels++
			return warehouse.JobPrinted, "", nil
		})
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.quorum(false)
		proposed := len(b.cmds)
		for _, code := range []string{"T2", CodeReprint, "NONSENSE"} {
			began := time.Now()
			a := b.scan(code)
			if code != CodeReprint && (a.OK || a.Code != HintNoQuorum || a.Barcode != code || !strings.Contains(a.Text, "NO QUORUM since 13:57:00") || a.Next == nil) {
				t.Errorf("%s: answered %+v", code, a)
			}
			if took := time.Since(began); took > 0 {
				t.Errorf("%s: answered after %v", code, took)
			}
		}
		b.weigh(600_000, true)
		pass(time.Second)
		if !b.hinted(HintNoQuorum) {
			t.Errorf("hints %v", b.hints)
		}
		if len(b.cmds) != proposed || labels != 0 {
			t.Errorf("proposed %v, %d labels", b.cmds[proposed:], labels)
		}
		b.quorum(true)
		b.weigh(600_000, true)
		pass(time.Second)
		if s := b.state("O1"); s != warehouse.OrderLabelled || labels != 1 || !b.hinted("") {
			t.Errorf("O1 is %s, %d labels, hints %v", s, labels, b.hints)
		}
	})
}

// TestAPrintRunWaitsForTheQuorum: the job was requested and the printer is
// ready; not a byte leaves before the job is recorded as sent.
func TestAPrintRunWaitsForTheQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		labels, runs := 0, 0
		f := newFloor(t, "O1", "O2")
		b := newBench(f, func(ctx context.Context, j warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
			if runs++; runs == 1 {
				f.stuck(true) // the leader dies just now
			}
			if err := before(ctx); err != nil {
				return NotReady, "", err
			}
			labels++
			return warehouse.JobPrinted, "", nil
		})
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000, true)
		pass(time.Second)
		b.quorum(false)
		pass(time.Minute)
		if a := b.scan("T2"); a.Code != HintNoQuorum {
			t.Errorf("the station is held up by its printer: %+v", a)
		}
		if labels != 0 || runs != 1 {
			t.Errorf("%d labels in %d runs without a quorum", labels, runs)
		}
		b.quorum(true)
		f.stuck(false)
		pass(time.Second)
		if j := b.job("O1"); j.State != warehouse.JobPrinted || labels != 1 || runs != 1 {
			t.Errorf("job %+v, %d labels in %d runs", j, labels, runs)
		}
	})
}

// TestAScanWithoutAnAnswer: the leader went and nobody knows that yet. The
// person is told within the time, also that it may have been recorded; a weight
// is not lost by it and not booked twice.
func TestAScanWithoutAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		lost bool // it was noticed meanwhile
		code string
	}{
		"and nobody noticed":  {false, HintNotRecorded},
		"the quorum was lost": {true, HintNoQuorum},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFloor(t, "O1")
				b := newBench(f, alwaysPrints)
				defer b.stop()
				b.weigh(0, true)
				f.stuck(true)
				b.Scanned("T1")
				pass(answerTime / 2)
				if len(b.answers) != 0 {
					t.Fatalf("given up early: %+v", b.answers)
				}
				b.quorum(!tc.lost)
				pass(answerTime/2 + time.Second)
				if len(b.answers) != 1 || b.answers[0].Code != tc.code || !strings.Contains(b.answers[0].Text, "nobody knows yet") {
					t.Fatalf("answers %+v", b.answers)
				}
				b.quorum(true)
				f.stuck(false)
				if a := b.scan("T1"); !a.OK {
					t.Fatalf("scanned again: %+v", a)
				}
				f.stuck(true)
				b.weigh(600_000, true)
				pass(2 * answerTime)
				f.stuck(false)
				b.weigh(600_000, true) // the scale goes on telling
				pass(time.Second)
				if s := b.state("O1"); s != warehouse.OrderLabelled {
					t.Errorf("O1 is %s", s)
				}
			})
		})
	}
}

// TestSentBeforeTheQuorumWentIsSettledLater: a station that starts without a
// quorum answers its scanner, and settles what its earlier run had sent when it
// can.
func TestSentBeforeTheQuorumWentIsSettledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, "O1", "O2")
		first := newBench(f, func(ctx context.Context, _ warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
			if err := before(ctx); err != nil {
				return NotReady, "", err
			}
			f.stuck(true) // nothing more is recorded: the power goes
			return warehouse.JobPrinted, "", nil
		})
		first.weigh(0, true)
		first.scan("T1")
		first.weigh(600_000, true)
		first.stop()
		f.stuck(false)
		f.quorum(false)
		b := newBench(f, alwaysPrints)
		defer b.stop()
		if a := b.scan("T2"); a.Code != HintNoQuorum {
			t.Errorf("answered %+v", a)
		}
		if j := f.job("O1"); j.State != warehouse.JobSent {
			t.Fatalf("job %+v", j)
		}
		f.quorum(true)
		pass(2 * time.Second)
		if j := f.job("O1"); j.State != warehouse.JobUnknown {
			t.Errorf("job %+v", j)
		}
	})
}

// TestATruckLeavesInPart: the quorum goes between two commands of one scan; the
// answer says what was done before.
func TestATruckLeavesInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		var got []Answer
		d := NewDock(DockConfig{
			ID: "dock1", Log: slog.New(slog.DiscardHandler), Lost: f.isLost, NewCmdID: func() string { return "" },
			Answer: func(a Answer) { got = append(got, a) },
			Do: func(context.Context, string, warehouse.Command) (warehouse.Result, error) {
				f.quorum(false)
				return warehouse.Result{OK: true, Code: "OK", Ref: warehouse.RefMore, Text: "3 parcels"}, nil
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		d.Scanned(CodeDepart)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || len(got) != 1 || got[0].Code != HintNoQuorum || !strings.HasSuffix(got[0].Text, "handed over before that: 3 parcels") {
			t.Errorf("%v, answers %+v", err, got)
		}
	})
}

func TestDockWithoutAQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		var answers []Answer
		d := NewDock(DockConfig{
			ID: "dock1", Log: slog.New(slog.DiscardHandler), Do: f.do, Lost: f.isLost, NewCmdID: func() string { return "x" },
			Answer: func(a Answer) { answers = append(answers, a) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		scan := func(want string) {
			t.Helper()
			n := len(answers)
			d.Scanned(CodeDepart)
			pass(answerTime + time.Second)
			if len(answers) != n+1 || answers[n].Code != want || answers[n].OK || answers[n].Text == "" {
				t.Errorf("answers %+v, want %s", answers[n:], want)
			}
		}
		proposed := len(f.cmds)
		f.quorum(false)
		scan(HintNoQuorum)
		if len(f.cmds) != proposed {
			t.Errorf("proposed %v", f.cmds[proposed:])
		}
		f.quorum(true)
		f.stuck(true)
		scan(HintNotRecorded)
		f.stuck(false)
		scan(warehouse.CodeNothingLoaded)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestNoPrintRunBeginsWithoutAQuorum: the printer is not even asked.
func TestNoPrintRunBeginsWithoutAQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs, ready := 0, false
		b := newBench(newFloor(t, "O1"), func(ctx context.Context, j warehouse.LabelJob, before func(context.Context) error) (string, string, error) {
			if runs++; !ready {
				return NotReady, "DEV-1 no paper", nil
			}
			return alwaysPrints(ctx, j, before)
		})
		defer b.stop()
		b.weigh(0, true)
		b.scan("T1")
		b.weigh(600_000, true)
		ready = true
		b.quorum(false)
		pass(time.Minute)
		if runs != 1 {
			t.Errorf("%d print runs", runs)
		}
		b.quorum(true)
		pass(2 * time.Second)
		if j := b.job("O1"); j.State != warehouse.JobPrinted || runs != 2 {
			t.Errorf("job %+v after %d runs", j, runs)
		}
	})
}
