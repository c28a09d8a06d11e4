package cloudsync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"tote/cloudsync/ledger"
	"tote/warehouse"
)

// Errors of this package.
var (
	// ErrFenced: the OMS has seen a sender with a higher (epoch, term). This
	// one must stop; start it again only when it leads again.
	ErrFenced = errors.New("cloudsync: fenced: another gateway sends for this site")
	// ErrConfig: the configuration cannot be used.
	ErrConfig = errors.New("cloudsync: configuration")
	// ErrRefused: the site refused a command.
	ErrRefused = errors.New("cloudsync: command refused")
)

// refusedError is ErrRefused with the code of the site.
type refusedError struct{ code, text string }

func (e *refusedError) Error() string { return fmt.Sprintf("%v: %s: %s", ErrRefused, e.code, e.text) }
func (e *refusedError) Unwrap() error { return ErrRefused }

// Config is what a runner needs.
type Config struct {
	// Site is part of every event id; stable for the life of the site.
	Site string
	// Epoch is raised by one when the cluster is restored or re-formed; ≥ 1.
	Epoch uint32
	// Upstream is the one of the site's rules this runner serves; "" is the
	// default OMS. Each has its own streams, cursor and records.
	Upstream string
	// Source names the OMS in commands; "" = "oms/main". That of an upstream
	// follows from its name.
	Source  string
	Adapter Adapter
	// Propose commits a command of package ledger. After an error it is
	// tried again, so the same command may be committed twice.
	Propose func(ctx context.Context, kind, version uint16, body []byte) (warehouse.Result, error)
	// View reads a consistent snapshot that includes what Propose returned.
	View func(fn func(r warehouse.Reader) error) error
	// Kick says that the outbox has new rows. Nil: looked at every second.
	Kick <-chan struct{}
	// Fence is the Raft term of this leader.
	Fence func() uint64
	// StartSpread bounds the random delay of the first retry after a lost
	// connection; 0 = 30 s, negative = none.
	StartSpread time.Duration
	// EventsPerSecond bounds the drain; 0 = 2000.
	EventsPerSecond int
	Log             *slog.Logger        // with site and gateway in it; nil = discard
	Now             func() time.Time    // nil = time.Now
	Rand            func(n int64) int64 // uniform in [0, n); nil = math/rand/v2
}

// Runner is the OMS link of a leading gateway.
type Runner struct {
	cfg      Config
	log      *slog.Logger
	upWake   chan struct{} // the downlink got through
	downWake chan struct{} // the uplink got through

	mu   sync.Mutex
	link [2]linkState // by loop
	sent time.Time    // newest success of the uplink
	poll time.Time    // newest success of the downlink
}

type loop int

const (
	up loop = iota
	down
)

func (l loop) String() string { return [...]string{"uplink", "downlink"}[l] }

// linkState is what a loop last met.
type linkState struct {
	known bool // it has had an answer or a failure
	code  string
	text  string
	at    time.Time // when it last got better or worse
}

// New checks the configuration. It does no I/O.
func New(cfg Config) (*Runner, error) {
	switch {
	case cfg.Site == "" || cfg.Epoch == 0:
		return nil, fmt.Errorf("%w: Site and Epoch are needed", ErrConfig)
	case cfg.Adapter == nil || cfg.Propose == nil || cfg.View == nil || cfg.Fence == nil:
		return nil, fmt.Errorf("%w: Adapter, Propose, View and Fence are needed", ErrConfig)
	}
	if c := cfg.Adapter.Capabilities(); !c.ChangeFeed || !c.IdempotencyKey {
		return nil, fmt.Errorf("%w: the adapter must offer, or emulate, a change feed and idempotent events", ErrConfig)
	}
	switch {
	case cfg.Upstream != "":
		cfg.Source = ledger.SourceOf(cfg.Upstream)
	case cfg.Source == "":
		cfg.Source = "oms/main"
	}
	if cfg.StartSpread == 0 {
		cfg.StartSpread = defaultSpread
	}
	if cfg.EventsPerSecond <= 0 {
		cfg.EventsPerSecond = 2000
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Int64N
	}
	return &Runner{
		cfg: cfg, log: cfg.Log,
		upWake: make(chan struct{}, 1), downWake: make(chan struct{}, 1),
	}, nil
}

// Run sends and polls until ctx ends or the OMS fences this gateway off
// ([ErrFenced]). It may be called again.
func (r *Runner) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := newUplink(r).run(ctx); err != nil {
			cancel(err)
		}
	})
	wg.Go(func() { newDownlink(r).run(ctx) })
	wg.Wait()
	return context.Cause(ctx)
}

// propose commits a command; a refusal is an error.
func (r *Runner) propose(ctx context.Context, c ledger.Command) error {
	kind, version, body, err := ledger.Encode(c)
	if err != nil {
		return err
	}
	res, err := r.cfg.Propose(ctx, kind, version, body)
	if err != nil {
		return err
	}
	if !res.OK {
		return &refusedError{res.Code, res.Text}
	}
	if c, ok := c.(ledger.InboxStore); ok && res.Ref != "" {
		r.logRefusals(c)
	}
	r.log.Debug("cloudsync: committed", slog.Int("kind", int(kind)), slog.String("result", res.Text))
	return nil
}

// logRefusals tells, of each item of a stored page that was refused, why the
// site did so.
func (r *Runner) logRefusals(c ledger.InboxStore) {
	mine := map[string]bool{}
	for _, it := range c.Items {
		mine[it.MsgID] = true
	}
	var refused []ledger.Refusal
	err := r.cfg.View(func(rd warehouse.Reader) (err error) {
		refused, err = ledger.Refusals(rd, c.Upstream, len(c.Items))
		return err
	})
	if err != nil {
		r.log.Error("cloudsync: items of the OMS were refused, and which ones cannot be read",
			slog.String("code", CodeItemRefused), slog.Any("err", err))
	}
	for _, x := range refused {
		if x.Source == c.Source && mine[x.MsgID] {
			r.log.Error("cloudsync: an order or cancel of the OMS was refused", slog.String("code", CodeItemRefused),
				slog.String("msg_id", x.MsgID), slog.String("order", x.Order), slog.String("refusal", x.Code), slog.String("text", x.Text))
		}
	}
}

// named tells whether the site's rules know the upstream. Before they do nothing
// is asked, as its orders would have no owner, and there is nothing to send. The
// default OMS must not be called as one of them: it would ask for that one's orders.
func (c *Config) named(r warehouse.Reader) error {
	ups, err := warehouse.Upstreams(r)
	switch {
	case err != nil:
	case c.Upstream == "" && slices.ContainsFunc(ups, func(u string) bool { return ledger.SourceOf(u) == c.Source }):
		err = &fault{CodeNotNamed, local, fmt.Errorf("the default OMS is called %s, as an upstream of the site's rules is", c.Source)}
	case c.Upstream != "" && !slices.Contains(ups, c.Upstream):
		err = &fault{CodeNotNamed, local, fmt.Errorf("the rules of the site name no upstream %s", c.Upstream)}
	}
	return err
}

// Retry lets the events of a held subject go out again.
func (r *Runner) Retry(ctx context.Context, subject string) error {
	return r.release(ctx, ledger.ReleaseSubject{Subject: subject, Upstream: r.cfg.Upstream})
}

// Drop gives the events of a held subject up. The reason is kept in the log of
// commands.
func (r *Runner) Drop(ctx context.Context, subject, reason string) error {
	return r.release(ctx, ledger.ReleaseSubject{Subject: subject, Drop: true, Reason: reason, Upstream: r.cfg.Upstream})
}

func (r *Runner) release(ctx context.Context, c ledger.ReleaseSubject) error {
	if err := r.propose(ctx, c); err != nil {
		return err
	}
	wake(r.upWake)
	return nil
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// fault is an error with its code for people.
type fault struct {
	code string
	kind Kind // how to wait
	err  error
}

func (f *fault) Error() string { return f.code + ": " + f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// asFault gives every error of a loop a code and a way to wait.
func asFault(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Kind: Unreachable, Err: err}
	}
	code := map[Kind]string{
		Unreachable: CodeUnreachable, InProgress: CodeBusy, Busy: CodeBusy, Fenced: CodeFenced, CursorGone: CodeCursorGone,
		Denied: CodeDenied, Misplaced: CodeMisplaced,
	}[e.Kind]
	if code == "" {
		code = CodeBadReply // a kind that has no place in this call
	}
	return &fault{code: code, kind: e.Kind, err: err}
}

// met notes what a loop met: nil = it got through. One log line per change.
func (r *Runner) met(l loop, err error) {
	now := r.cfg.Now()
	next := linkState{known: true, at: now}
	if err != nil {
		next.code, next.text = asFault(err).code, err.Error()
	}
	r.mu.Lock()
	last := r.link[l]
	if last.known && last.code == next.code {
		next.at = last.at
	}
	r.link[l] = next
	if err == nil {
		if l == up {
			r.sent = now
		} else {
			r.poll = now
		}
	}
	r.mu.Unlock()
	if last.known && last.code == next.code {
		return
	}
	log := r.log.With(slog.String("loop", l.String()))
	switch {
	case err == nil:
		log.Info("cloudsync: in contact with the OMS")
		// The link is back for the other loop as well.
		if l == up {
			wake(r.downWake)
		} else {
			wake(r.upWake)
		}
	case next.code == CodeUnreachable || next.code == CodeBusy || next.code == CodeNoCommit || next.code == CodeCursorGone || next.code == CodeFenced:
		log.Warn("cloudsync: waiting", slog.String("code", next.code), slog.Any("err", err))
	default:
		log.Error("cloudsync: stopped until someone acts", slog.String("code", next.code), slog.Any("err", err))
	}
}
