package station

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/warehouse"
)

// outlet plays the printer of prints.
type outlet struct {
	outcome string
	detail  string
	notYet  bool // it is not ready
	sent    []string
}

func (o *outlet) send(ctx context.Context, d Drawn, beforeSend func(context.Context) error) (string, string, error) {
	if o.notYet {
		return NotReady, "DEV-302 The printer is out of labels.", nil
	}
	if err := beforeSend(ctx); err != nil {
		return NotReady, "", err
	}
	o.sent = append(o.sent, string(d.Bytes))
	return o.outcome, o.detail, nil
}

func runPrints(t *testing.T, f *floor, o *outlet) (stop func()) {
	t.Helper()
	p := NewPrints(PrintsConfig{
		ID: "pack1", Log: slog.New(slog.DiscardHandler), Do: f.do, View: f.view, Lost: f.isLost, Send: o.send,
		Passes: func(err error) bool { return errors.Is(err, errUnread) },
		Draw: func(j warehouse.PrintJob) (Drawn, error) {
			if j.Label.Ref == "T-bad" {
				return Drawn{}, errors.New("DEV-323 does not fit")
			}
			return Drawn{Printer: "printer", Bytes: []byte(j.What + " " + j.Label.Ref)}, nil
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func (f *floor) prints() (list []string) {
	f.t.Helper()
	err := f.view(func(r warehouse.Reader) error {
		waiting, err := warehouse.PrintsWaiting(r, "pack1", 0)
		if err != nil {
			return err
		}
		over, err := warehouse.PrintsOver(r, "pack1")
		for _, p := range append(waiting, over...) {
			list = append(list, strings.TrimSpace(p.Label.Ref+" "+p.State+" "+p.Detail))
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

func asksFor(refs ...string) warehouse.PrintLabels {
	c := warehouse.PrintLabels{Printer: "pack1", What: warehouse.PrintTote}
	for _, r := range refs {
		c.Labels = append(c.Labels, warehouse.PrintLabel{Ref: r})
	}
	return c
}

func TestPrintsInTheOrderAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		o := &outlet{outcome: warehouse.JobPrinted, detail: "printed"}
		stop := runPrints(t, f, o)
		f.must(asksFor("T-2", "T-1", "T-bad", "T-3"))
		pass(3 * time.Second)
		want := []string{"T-2 PRINTED printed", "T-1 PRINTED printed", "T-bad FAILED DEV-323 does not fit", "T-3 PRINTED printed"}
		if d := cmp.Diff(want, f.prints()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		if d := cmp.Diff([]string{"tote T-2", "tote T-1", "tote T-3"}, o.sent); d != "" {
			t.Errorf("sent (-want +got)\n%s", d)
		}
		stop()
	})
}

func TestPrintsThatMustWaitAndNeverTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		o := &outlet{outcome: warehouse.JobUnknown, detail: "DEV-316", notYet: true}
		stop := runPrints(t, f, o)
		f.must(asksFor("T-1"))
		pass(5 * time.Second)
		if d := cmp.Diff([]string{"T-1 REQUESTED"}, f.prints()); d != "" {
			t.Errorf("not ready (-want +got)\n%s", d)
		}
		// Without a quorum nothing prints.
		f.quorum(false)
		o.notYet = false
		pass(5 * time.Second)
		if len(o.sent) != 0 {
			t.Errorf("sent without a quorum: %q", o.sent)
		}
		f.quorum(true)
		pass(30 * time.Second)
		if d := cmp.Diff([]string{"T-1 UNKNOWN DEV-316"}, f.prints()); d != "" || len(o.sent) != 1 {
			t.Errorf("sent %q (-want +got)\n%s", o.sent, d)
		}
		// Again when a person says so.
		o.outcome, o.detail = warehouse.JobPrinted, ""
		f.must(warehouse.ReprintLabel{Job: "L0000001", Reason: "not there"})
		pass(3 * time.Second)
		if d := cmp.Diff([]string{"T-1 PRINTED"}, f.prints()); d != "" || len(o.sent) != 2 {
			t.Errorf("sent %q (-want +got)\n%s", o.sent, d)
		}
		stop()
	})
}

func TestPrintOnItsWayAtARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		f.must(asksFor("T-1", "T-2"))
		f.must(warehouse.PrintSent{Job: "L0000001"})
		o := &outlet{outcome: warehouse.JobPrinted}
		stop := runPrints(t, f, o)
		pass(3 * time.Second)
		want := []string{"T-1 UNKNOWN the gateway restarted while the label was on its way", "T-2 PRINTED"}
		if d := cmp.Diff(want, f.prints()); d != "" || len(o.sent) != 1 {
			t.Errorf("sent %q (-want +got)\n%s", o.sent, d)
		}
		stop()
	})
}

func TestPrintGivenUpMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		f.must(asksFor("T-1"))
		o := &outlet{outcome: warehouse.JobPrinted, notYet: true}
		stop := runPrints(t, f, o)
		pass(3 * time.Second)
		f.must(warehouse.CancelPrints{Printer: "pack1", Reason: "printer broken"})
		o.notYet = false
		pass(3 * time.Second)
		if d := cmp.Diff([]string{"T-1 CANCELLED printer broken"}, f.prints()); d != "" || len(o.sent) != 0 {
			t.Errorf("sent %q (-want +got)\n%s", o.sent, d)
		}
		stop()
	})
}

// TestPrintWhoseSendingNobodyKnows: the answer to PrintSent is lost, but it is
// recorded. Nothing left for the printer, and the print must not be on its way for
// ever: then nobody could have it printed again.
func TestPrintWhoseSendingNobodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		o := &outlet{outcome: warehouse.JobPrinted}
		lost := false
		p := NewPrints(PrintsConfig{
			ID: "pack1", Log: slog.New(slog.DiscardHandler), View: f.view, Send: o.send,
			Do: func(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error) {
				res, err := f.do(ctx, actor, c)
				if _, sent := c.(warehouse.PrintSent); sent && !lost {
					lost = true
					return warehouse.Result{}, errors.New("outcome not known")
				}
				return res, err
			},
			Draw: func(j warehouse.PrintJob) (Drawn, error) { return Drawn{Bytes: []byte(j.Label.Ref)}, nil },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		f.must(asksFor("T-1", "T-2"))
		pass(30 * time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := []string{"T-1 UNKNOWN the gateway restarted while the label was on its way", "T-2 PRINTED"}
		if d := cmp.Diff(want, f.prints()); d != "" || len(o.sent) != 1 {
			t.Errorf("sent %q (-want +got)\n%s", o.sent, d)
		}
	})
}

// TestOnePrinterWaitsForNoOther: the printer for slips has no paper; the labels of the
// same station, asked for later, are printed meanwhile, and a print that was on its way
// is settled by its own queue alone.
func TestOnePrinterWaitsForNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t)
		queue := func(o *outlet, mine func(ref string) bool) (*Prints, func()) {
			p := NewPrints(PrintsConfig{
				ID: "pack1", Log: slog.New(slog.DiscardHandler), Do: f.do, View: f.view, Send: o.send,
				Mine: func(j warehouse.PrintJob) bool { return mine(j.Label.Ref) },
				Draw: func(j warehouse.PrintJob) (Drawn, error) { return Drawn{Bytes: []byte(j.Label.Ref)}, nil },
			})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			return p, func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
		}
		slip := func(ref string) bool { return ref == "T-slip" }
		f.must(asksFor("T-slip", "T-1"))
		slips, labels := &outlet{outcome: warehouse.JobPrinted, notYet: true}, &outlet{outcome: warehouse.JobPrinted}
		one, stop := queue(slips, slip)
		defer stop()
		two, stop := queue(labels, func(ref string) bool { return !slip(ref) })
		defer stop()
		pass(5 * time.Second)
		if d := cmp.Diff([]string{"T-slip REQUESTED", "T-1 PRINTED"}, f.prints()); d != "" || len(labels.sent) != 1 {
			t.Errorf("sent %q (-want +got)\n%s", labels.sent, d)
		}
		if got := one.Waits("L0000001") + two.Waits("L0000001") + two.Waits("L0000002"); got != "DEV-302 The printer is out of labels." {
			t.Errorf("waits for %q", got)
		}
		slips.notYet = false
		pass(3 * time.Second)
		if d := cmp.Diff([]string{"T-slip PRINTED", "T-1 PRINTED"}, f.prints()); d != "" || len(slips.sent) != 1 || one.Waits("L0000001") != "" {
			t.Errorf("sent %q (-want +got)\n%s", slips.sent, d)
		}
	})
}
