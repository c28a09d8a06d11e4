package station

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tote/warehouse"
)

// Drawn is a print in the language of a printer.
type Drawn struct {
	Printer string // which one of the station
	Bytes   []byte
	Tag     string // EPC its RFID tag shall hold; "" = none
}

// DrawPrint makes the job of a print. An error means that this label can never
// be printed here; passes says otherwise.
type DrawPrint func(job warehouse.PrintJob) (Drawn, error)

// SendPrint hands a drawn print to its printer, as Printer does.
type SendPrint func(ctx context.Context, d Drawn, beforeSend func(ctx context.Context) error) (outcome, detail string, err error)

// PrintsConfig is what the prints of a station need.
type PrintsConfig struct {
	ID string
	// Mine tells whether a print goes to the printer of this queue; nil = all do.
	Mine   func(job warehouse.PrintJob) bool
	Log    *slog.Logger
	Do     Do
	View   View
	Draw   DrawPrint
	Send   SendPrint
	Lost   func() Hint      // as of PackConfig
	Passes func(error) bool // as of PackConfig
	Retry  time.Duration    // between looks at what waits, and before a printer that is not ready is asked again; 0 = 1 s
}

// Prints carries out what is asked for with PrintLabels at one printer of a station,
// one label after the other: a printer that is not ready holds up nothing of another
// one. All but what waits belongs to Run's goroutine.
type Prints struct {
	cfg     PrintsConfig
	settled bool

	mu    sync.Mutex
	stuck string // id of the job whose printer is not ready
	why   string // what it said
}

// NewPrints checks nothing and touches no device.
func NewPrints(cfg PrintsConfig) *Prints {
	if cfg.Retry == 0 {
		cfg.Retry = time.Second
	}
	return &Prints{cfg: cfg}
}

// Waits is what the printer says of the print that waits for it; "" when it does not
// wait for that one.
func (p *Prints) Waits(job string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stuck != job {
		return ""
	}
	return p.why
}

// waits notes what a print waits for, and tells it when that begins.
func (p *Prints) waits(job, why string) {
	p.mu.Lock()
	begins := job != "" && p.stuck != job
	p.stuck, p.why = job, why
	p.mu.Unlock()
	if begins {
		p.cfg.Log.Warn("print waits for its printer", "station", p.cfg.ID, "job", job, "text", why)
	}
}

// Run works until ctx ends.
func (p *Prints) Run(ctx context.Context) error {
	p.settled = false
	ticker := time.NewTicker(p.cfg.Retry)
	defer ticker.Stop()
	for {
		more, err := p.next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !p.passes(err):
			return fmt.Errorf("prints of station %s: %w", p.cfg.ID, err)
		case more && err == nil:
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (p *Prints) passes(err error) bool { return p.cfg.Passes != nil && p.cfg.Passes(err) }

// next carries out the print that was asked for first; false when there is
// nothing to do or the printer has to be waited for.
func (p *Prints) next(ctx context.Context) (more bool, err error) {
	if hintOf(p.cfg.Lost).Code != "" {
		return false, nil
	}
	var jobs []warehouse.PrintJob
	err = p.cfg.View(func(r warehouse.Reader) (err error) {
		jobs, err = warehouse.PrintsWaiting(r, p.cfg.ID, 0)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, j := range jobs {
		switch {
		case p.cfg.Mine != nil && !p.cfg.Mine(j):
		case j.State == warehouse.JobRequested && p.settled:
			return p.print(ctx, j)
		case j.State == warehouse.JobSent && !p.settled:
			// On its way when the gateway died: a person has to look.
			c := warehouse.PrintOutcome{Job: j.ID, Outcome: warehouse.JobUnknown, Detail: "the gateway restarted while the label was on its way"}
			if _, err := p.cfg.Do(ctx, p.actor(), c); err != nil {
				return false, err
			}
		}
	}
	first := !p.settled
	p.settled = true
	return first, nil
}

func (p *Prints) actor() string { return "station/" + p.cfg.ID }

// print carries out one job. What cannot be drawn has failed: not one byte left.
func (p *Prints) print(ctx context.Context, job warehouse.PrintJob) (more bool, err error) {
	sent := false
	record := func(ctx context.Context) error {
		res, err := p.cfg.Do(ctx, p.actor(), warehouse.PrintSent{Job: job.ID})
		if err == nil && !res.OK {
			err = fmt.Errorf("print %s: %s %s", job.ID, res.Code, res.Text)
		}
		sent = err == nil
		if !sent {
			// It may be recorded all the same, now or a little later, and would
			// be on its way for ever: it is looked for as after a restart.
			p.settled = false
		}
		return err
	}
	drawn, err := p.cfg.Draw(job)
	if err != nil {
		if p.passes(err) {
			return false, err
		}
		if record(ctx) != nil { // given up meanwhile, or nothing can be recorded
			return false, nil
		}
		return p.outcome(ctx, job, warehouse.JobFailed, err.Error())
	}
	outcome, detail, err := p.cfg.Send(ctx, drawn, record)
	if err != nil && detail == "" {
		detail = err.Error()
	}
	if !sent {
		p.waits(job.ID, detail)
		return false, nil
	}
	p.waits("", "")
	switch outcome {
	case warehouse.JobPrinted, warehouse.JobFailed:
	default:
		outcome = warehouse.JobUnknown
	}
	return p.outcome(ctx, job, outcome, detail)
}

// outcome records what became of a print, for as long as it takes: until then
// nothing else is printed.
func (p *Prints) outcome(ctx context.Context, job warehouse.PrintJob, outcome, detail string) (more bool, err error) {
	c := warehouse.PrintOutcome{Job: job.ID, Outcome: outcome, Detail: detail}
	for {
		res, err := p.cfg.Do(ctx, p.actor(), c)
		if err == nil {
			if !res.OK {
				p.cfg.Log.Warn("print outcome refused", "station", p.cfg.ID, "job", job.ID, "code", res.Code, "text", res.Text)
			}
			return true, nil
		}
		p.cfg.Log.Warn("print outcome not recorded, trying again", "station", p.cfg.ID, "job", job.ID, "err", err)
		select {
		case <-ctx.Done():
			return false, nil
		case <-time.After(p.cfg.Retry):
		}
	}
}
