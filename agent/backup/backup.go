// Package backup makes the copies of the whole state that the configuration asks
// for, by the clock: into a folder, or to an HTTP server with PUT. One gateway of
// the site does it, the one that leads; when it cannot, the next one does after a
// while. Every copy is read again before it counts, what is too old is removed,
// and a disk is never filled.
//
// A copy is what `tote backup create` writes (raftstore). It is not encrypted:
// docs/backup.md says why, and what that asks of the target.
//
// Runner.Run is the one goroutine that makes copies; the other methods are safe
// for concurrent use.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Config is what a Runner needs.
type Config struct {
	Site, Gateway string
	Schedule      Schedule
	Keep          Keep
	// Folder is where copies go; "" with URL. It is never made: a stick that is not
	// plugged in would otherwise fill the disk below it.
	Folder string
	// URL is the folder of an HTTP server that takes PUT, and SecretFile who we are
	// there: a token, or user:password. "" = nobody.
	URL, SecretFile string
	// Spool is an own folder for a copy on its way to URL; it is made.
	Spool string
	// StateFile keeps what is known of the copies; its folder is there.
	StateFile string

	// Write writes a copy, Check reads one wholly and says what is wrong with it.
	Write func(w io.Writer) error
	Check func(r io.Reader) error
	// Now is the time of the site, which no gateway's clock changes alone.
	Now func() time.Time
	// Turn is how long after its time a copy is left to others: 0 for the gateway
	// that leads. No copy is made while ok is false: the state may be old.
	Turn func() (wait time.Duration, ok bool)
	// Tell tells the other gateways what is known of the copies, as Told takes it.
	Tell func(ctx context.Context, state []byte)
	// Room is the free space of the disk a folder is on, and how much of it is not
	// for copies, both in bytes.
	Room func(dir string) (free, reserve uint64, err error)

	Client *http.Client // nil = one of its own
	Log    *slog.Logger
}

// Times of a Runner.
const (
	look     = 30 * time.Second // between two looks at the clock
	lookSoon = time.Second      // while this gateway may make none
	// firstPause follows the first failure of several; it doubles up to lastPause.
	firstPause = 2 * time.Minute
	lastPause  = time.Hour
)

// Runner makes the copies.
type Runner struct {
	cfg Config
	web *remote // nil with a folder
	// pauses are between the tries to send one copy.
	pauses []time.Duration

	making sync.Mutex // held while a copy is made

	mu     sync.Mutex
	state  State
	failed error // of the last try; nil after a good copy
	pause  time.Duration
	next   time.Time // not before; by the clock of this machine
}

// New checks nothing that the configuration has not checked, and reads what is
// known of earlier copies. What cannot be read is begun anew.
func New(cfg Config) *Runner {
	r := &Runner{cfg: cfg, pauses: putPauses[:]}
	if cfg.URL != "" {
		r.web = newRemote(cfg)
	}
	state, err := loadState(cfg.StateFile)
	if err != nil {
		cfg.Log.Warn("what was known of the backups cannot be read", "err", err)
	}
	r.state = state
	r.begin()
	return r
}

// target is where copies go, for people and to notice that it changed.
func (r *Runner) target() string {
	if r.web != nil {
		return r.cfg.URL
	}
	return r.cfg.Folder
}

// Run makes copies until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		wait, ok := r.cfg.Turn()
		switch {
		case !ok: // it has just started, or there is no majority
			next.Reset(lookSoon)
			continue
		case r.isDue(wait):
			_, _ = r.Make(ctx) // it was said
		case wait == 0:
			r.retell(ctx)
		}
		next.Reset(look)
	}
}

// begin notes since when this target is the one. A new one gets a copy at once:
// whether it works shows now, and not in the night.
func (r *Runner) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Target == r.target() {
		return
	}
	r.state = State{Target: r.target(), SinceMs: r.cfg.Now().UnixMilli()}
	r.keepState()
}

// keepState writes what is known to the disk; a failure costs a copy too many.
func (r *Runner) keepState() {
	if err := r.state.save(r.cfg.StateFile); err != nil {
		r.cfg.Log.Warn("what is known of the backups was not kept", "err", err)
	}
}

// isDue says whether a copy is due, and has been for that long.
func (r *Runner) isDue(wait time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().Before(r.next) {
		return false
	}
	now := r.cfg.Now()
	if r.state.Last.AtMs == 0 {
		return now.Sub(time.UnixMilli(r.state.SinceMs)) >= wait
	}
	since, due := r.cfg.Schedule.Due(time.UnixMilli(r.state.Last.AtMs), now)
	return due && now.Sub(since) >= wait
}

// retell: a gateway that was off when a copy was made learns of it. Only the one
// that leads does it, so that an idle site has one who speaks.
func (r *Runner) retell(ctx context.Context) {
	r.mu.Lock()
	b := r.state.told()
	r.mu.Unlock()
	if b != nil {
		r.cfg.Tell(ctx, b)
	}
}

// Make makes a copy now, whether it is due or not, and notes what came of it.
func (r *Runner) Make(ctx context.Context) (Made, error) {
	r.making.Lock()
	defer r.making.Unlock()
	made, err := r.once(ctx)
	if ctx.Err() != nil {
		return Made{}, ctx.Err()
	}
	r.mu.Lock()
	if r.failed = err; err != nil {
		r.pause = min(max(firstPause, 2*r.pause), lastPause)
		wait := r.pause/2 + rand.N(r.pause/2) // gateways must not ask all at once
		r.next = time.Now().Add(wait)
		r.mu.Unlock()
		r.cfg.Log.Error("no backup was made", "code", Code(err), "err", err, "again_in", wait.Round(time.Second))
		return Made{}, err
	}
	r.pause, r.next, r.state.Last = 0, time.Time{}, made
	r.keepState()
	b := r.state.told()
	r.mu.Unlock()
	r.cfg.Log.Info("backup made", "name", made.Name, "bytes", made.Bytes, "read_back", made.ReadBack)
	r.cfg.Tell(ctx, b)
	return made, nil
}

// Told takes what another gateway knows of the copies.
func (r *Runner) Told(b []byte) error {
	told, err := parseTold(b)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if told.Last.AtMs <= r.state.Last.AtMs {
		return nil
	}
	r.state.Last, r.state.There = told.Last, told.There
	r.failed, r.pause, r.next = nil, 0, time.Time{} // another one could
	r.keepState()
	return nil
}

// Report is how the copies are.
type Report struct {
	Target string
	Every  time.Duration
	Last   Made          // zero = none yet
	Age    time.Duration // of the last one; without one since it is waited for
	Old    bool          // older than twice Every
	Failed error         // why the last try of this gateway gave none, with a code; nil when it did
	Next   time.Time     // when a try that failed is made again
}

// Report tells how the copies are.
func (r *Runner) Report() Report {
	now := r.cfg.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Report{Target: r.target(), Every: r.cfg.Schedule.Every, Last: r.state.Last, Failed: r.failed}
	if r.failed != nil {
		out.Next = r.next
	}
	from := r.state.Last.AtMs
	if from == 0 {
		from = r.state.SinceMs
	}
	if from > 0 {
		out.Age = max(0, now.Sub(time.UnixMilli(from)))
	}
	out.Old = out.Age > 2*out.Every
	return out
}

// secret is who we are at the server, read each time: it may have been renewed.
func (c Config) secret() (string, error) {
	if c.SecretFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(c.SecretFile)
	if err != nil {
		return "", fault(CodeRefused, fmt.Errorf("secret_file: %w", err))
	}
	s := strings.TrimSpace(string(b))
	if s == "" || strings.ContainsAny(s, "\r\n") {
		return "", fault(CodeRefused, errors.New("secret_file holds no single line"))
	}
	return s, nil
}
