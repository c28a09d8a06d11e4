package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tote/warehouse"
)

// ErrConfig: a part the dispatcher cannot do without is missing.
var ErrConfig = errors.New("dispatch: configuration incomplete")

const (
	// retryAfter is how long the dispatcher rests while workers wait and
	// nothing kicks it.
	retryAfter = time.Second
	// maxPlans bounds how often one worker's plan is made anew at once when
	// the pool changes under it; after that it rests.
	maxPlans = 5
	// defaultMaxWait is when an order goes first whatever its priority.
	defaultMaxWait = 30 * time.Minute
	// maxTasks, maxWalk and maxBytes bound a batch of several orders: its
	// tasks, the bytes of their ids, and what assigning it writes. They lie
	// well below what the warehouse takes, so that short picks have room.
	maxTasks = 600
	maxWalk  = 24 << 10
	maxBytes = 300 << 10
	// poolLimit bounds how many orders one plan looks at.
	poolLimit = 2000
)

// Log attributes.
const (
	attrWorker = "worker"
	attrBatch  = "batch"
	attrCode   = "code"
)

type (
	// Propose commits a command and returns the answer of apply. An error
	// says that the answer is not known or that nothing was committed.
	Propose func(ctx context.Context, c warehouse.Command) (warehouse.Result, error)
	// View runs fn on a consistent snapshot of the warehouse. An error of
	// fn is returned as it is.
	View func(fn func(r warehouse.Reader) error) error
)

// Config is what a Dispatcher needs. Log, Propose, View and NewID are required.
type Config struct {
	Log     *slog.Logger
	Propose Propose
	View    View
	// NewID makes the id of a batch: 1..64 printable characters, never the
	// same again.
	NewID func() string
	// Kick says that the pool or the waiting workers changed. One place of
	// buffer is enough: a kick that finds it full may be dropped. Nil is
	// never kicked.
	Kick <-chan struct{}
	// Now is the wall clock for the age of orders; nil is time.Now.
	Now func() time.Time
	// MaxWait is when an order in the pool goes first whatever its
	// priority; 0 is 30 minutes.
	MaxWait time.Duration
}

// Dispatcher plans batches for waiting workers. Use [New].
type Dispatcher struct {
	cfg     Config
	failing string          // code of the last fault of proposing, "" when it works
	warned  map[string]bool // what was warned of once
}

// New checks the configuration. ErrConfig names what is missing.
func New(cfg Config) (*Dispatcher, error) {
	for name, missing := range map[string]bool{
		"Log": cfg.Log == nil, "Propose": cfg.Propose == nil, "View": cfg.View == nil, "NewID": cfg.NewID == nil,
	} {
		if missing {
			return nil, fmt.Errorf("%w: %s", ErrConfig, name)
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = defaultMaxWait
	}
	return &Dispatcher{cfg: cfg, warned: make(map[string]bool)}, nil
}

// Run hands out work until ctx ends, then returns nil. Any other end is an
// error of the view, which means a state that cannot be read.
func (d *Dispatcher) Run(ctx context.Context) error {
	rest := time.NewTimer(retryAfter)
	defer rest.Stop()
	for {
		waiting, err := d.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("dispatch: %w", err)
		}
		var timer <-chan time.Time
		if waiting {
			rest.Reset(retryAfter)
			timer = rest.C
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.cfg.Kick:
		case <-timer:
		}
	}
}

// round gives each waiting worker one batch, the longest waiting first. waiting
// says that workers are left without.
func (d *Dispatcher) round(ctx context.Context) (waiting bool, err error) {
	tried := make(map[string]int) // by worker
	for ctx.Err() == nil {
		p, left, err := d.next(tried)
		if err != nil || p == nil {
			return left, err
		}
		tried[p.Worker]++
		res, err := d.cfg.Propose(ctx, *p)
		switch {
		case err != nil:
			// Not known whether it was committed. If it was, the worker
			// does not wait any more and the next plan is for others.
			d.fault(ctx, "propose", err.Error())
			return true, nil
		case res.OK:
			d.fault(ctx, "", "")
			d.cfg.Log.Info("batch assigned", attrBatch, p.Batch, attrWorker, p.Worker,
				"orders", len(p.Slots), "tasks", len(p.Walk), "route_mm", p.RouteMm)
		case res.Code == warehouse.CodePoolChanged, res.Code == warehouse.CodeNotWaiting:
			// Someone was faster. Look again at once.
			d.cfg.Log.Debug("plan refused", attrWorker, p.Worker, attrCode, res.Code, "text", res.Text)
		default:
			d.fault(ctx, res.Code, res.Text)
			tried[p.Worker] = maxPlans
		}
	}
	return true, nil
}

// next plans for the first waiting worker who has tries left; nil when there
// is nobody or nothing to give. left says that somebody waits.
func (d *Dispatcher) next(tried map[string]int) (p *warehouse.AssignBatch, left bool, err error) {
	err = d.cfg.View(func(r warehouse.Reader) error {
		workers, err := warehouse.WaitingWorkers(r)
		if err != nil {
			return err
		}
		left = len(workers) > 0
		for _, w := range workers {
			if tried[w.Worker] >= maxPlans {
				continue
			}
			if p, err = d.plan(r, w); err != nil || p != nil || w.Zone == "" {
				return err // with nothing in his zone others may still have work
			}
		}
		return nil
	})
	return p, left, err
}

// fault logs the change between proposing that works and proposing that fails,
// once each. code is "" when it works.
func (d *Dispatcher) fault(ctx context.Context, code, text string) {
	if code == d.failing || ctx.Err() != nil {
		return
	}
	d.failing = code
	if code == "" {
		d.cfg.Log.Info("batches are accepted again")
		return
	}
	d.cfg.Log.Warn("batch not accepted, trying again", attrCode, code, "text", text)
}

// warnOnce logs something that heals only when a person changes the master
// data; once per key.
func (d *Dispatcher) warnOnce(key, msg string, args ...any) {
	if !d.warned[key] {
		d.warned[key] = true
		d.cfg.Log.Warn(msg, args...)
	}
}
