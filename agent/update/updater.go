package update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"syscall"
	"time"

	"tote/agent/update/release"
)

// Limits of a trial. The service is back at the version before within three minutes of
// the switch, whatever the new one does.
type Limits struct {
	Within time.Duration // to be as well as before; 105 s
	Settle time.Duration // to stay so before it is kept; 20 s
	Back   time.Duration // for the version before to be ready again; 45 s
	Turn   time.Duration // to wait for this gateway's turn; 1 h
	Poll   time.Duration // between two looks; 1 s
}

// Defaults are the limits that are used.
var Defaults = Limits{Within: 105 * time.Second, Settle: 20 * time.Second, Back: 45 * time.Second, Turn: time.Hour, Poll: time.Second}

// Service is the agent's process, as systemd keeps it.
type Service interface {
	// Restart begins a restart and does not wait for its end.
	Restart(ctx context.Context) error
	State(ctx context.Context) (State, error)
}

// State is how the process is.
type State struct {
	Active   bool // it said that it is ready
	Failed   bool // and nobody starts it again by itself
	Restarts int  // that nobody asked for
	Why      string
}

// Agent is the running agent, as it can be asked.
type Agent interface {
	Look(ctx context.Context) (Health, error)
	// Turn asks for this gateway's turn to be restarted with a version.
	Turn(ctx context.Context, a TurnAsk) (TurnAnswer, error)
	// HandOver makes another gateway lead.
	HandOver(ctx context.Context, to string) error
}

// TurnAsk asks for the turn.
type TurnAsk struct {
	Release string `json:"release"`
	Version string `json:"version"`
	Site    bool   `json:"site"` // it goes to all gateways: the one that leads is last
}

// TurnAnswer grants the turn, or says why not.
type TurnAnswer struct {
	Granted bool `json:"granted"`
	// HandOver is the gateway that is to lead before the one that asks may go on.
	HandOver string `json:"handOver,omitempty"`
	// Stop: the release was taken back elsewhere; it will never be granted.
	Stop bool   `json:"stop,omitempty"`
	Why  string `json:"why,omitempty"`
}

// Clock is time; tests bring their own.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
}

// Request is what an update is asked for with.
type Request struct {
	From      string `json:"from"` // address or file
	Downgrade bool   `json:"downgrade,omitempty"`
	Again     bool   `json:"again,omitempty"` // also when it was taken back before
	Site      bool   `json:"site,omitempty"`  // it goes to all gateways
}

// Updater brings releases onto one gateway.
type Updater struct {
	Slots    Slots
	KeysFile string // public keys
	Config   string // of the agent
	Arch     string // as Go names it
	Version  string // of this program
	Level    uint16 // that this program speaks
	Service  Service
	Agent    Agent
	Clock    Clock
	Limits   Limits
	Log      *slog.Logger
	HTTP     *http.Client // nil = the default one
	Site     string       // address of the agent, which reaches those of other gateways
	Token    string       // for it
}

// lock keeps a second updater out until the returned function is called.
func (u *Updater) lock() (func(), error) {
	if err := u.Slots.safe(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(u.Slots.path("lock"), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(ErrBusy, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// Resume ends an update that was under way when this process or the machine stopped. nil
// when there was none.
func (u *Updater) Resume(ctx context.Context) (*Outcome, error) {
	unlock, err := u.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return u.resume(ctx)
}

func (u *Updater) resume(ctx context.Context) (*Outcome, error) {
	j, err := u.Slots.Pending()
	if err != nil || j == nil {
		return nil, err
	}
	u.Log.Info("an update is under way and is gone on with", "state", j.State, "version", j.Version, "was", j.Was)
	switch inUse := u.Slots.InUse(); {
	case j.State == Back:
		return u.goBack(ctx, *j)
	case inUse == j.New:
		// The power or this process may have gone between the switch and the restart.
		if h, err := u.Agent.Look(ctx); err == nil && h.Version == j.Was && j.Was != j.Version {
			if err := u.Service.Restart(ctx); err != nil {
				return nil, err
			}
		}
		return u.judge(ctx, *j)
	case u.Slots.starts() > 0: // the launcher went back
		j.Code, j.Why = CodeCut, fmt.Sprintf("started %d times without being judged", u.Slots.starts())
		return u.goBack(ctx, *j)
	}
	// It was never switched to: the version in use has not stopped for it.
	return u.end(*j, Outcome{Result: NotBegun, Why: "the update broke off before the new version was used"})
}

// Apply brings a release onto this gateway and returns how that ended. An error means
// that nothing was changed, or that it could not be found out how it is now: Resume then.
func (u *Updater) Apply(ctx context.Context, file string, req Request) (*Outcome, error) {
	unlock, err := u.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if o, err := u.resume(ctx); err != nil || o != nil {
		return o, err
	}
	before, err := u.Agent.Look(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnwell, err)
	}
	if !before.Ready {
		return nil, fmt.Errorf("%w: %s", ErrUnwell, before.Why)
	}
	m, err := u.stage(ctx, file, req, before.Site)
	if err != nil {
		return nil, err
	}
	if err := u.turn(ctx, m, req); err != nil {
		return nil, err
	}
	if before, err = u.Agent.Look(ctx); err != nil || !before.Ready {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnwell, before.Why, err)
	}
	if got := u.Slots.Version(u.Slots.Other()); got != m.Version {
		return nil, fmt.Errorf("%w: slot %s was filled with %q meanwhile", ErrBusy, u.Slots.Other(), got)
	}
	j := Journal{
		State: Trial, Release: m.SHA256, New: u.Slots.Other(), Old: u.Slots.InUse(), Version: m.Version, Was: u.running(),
		Level: u.Level, Since: u.Clock.Now(), Baseline: before,
	}
	if err := u.Slots.remove(u.Slots.path(startsFile)); err != nil {
		return nil, err
	}
	if err := u.Slots.keep(j); err != nil {
		return nil, err
	}
	if err := u.Slots.use(j.New); err != nil {
		return nil, err
	}
	u.Log.Info("the new version is on trial", "version", j.Version, "was", j.Was, "slot", j.New)
	if err := u.Service.Restart(ctx); err != nil {
		j.Code, j.Why = CodeStart, err.Error()
		return u.goBack(ctx, j)
	}
	return u.judge(ctx, j)
}

// turn waits until this gateway may be restarted.
func (u *Updater) turn(ctx context.Context, m release.Manifest, req Request) error {
	ask := TurnAsk{Release: m.SHA256, Version: m.Version, Site: req.Site}
	told := ""
	for end := u.Clock.Now().Add(u.Limits.Turn); ; {
		a, err := u.Agent.Turn(ctx, ask)
		switch {
		case err != nil:
			a.Why = err.Error()
		case a.Stop:
			return fmt.Errorf("%w: %s", ErrFailed, a.Why)
		case a.Granted:
			return nil
		case a.HandOver != "":
			if err := u.Agent.HandOver(ctx, a.HandOver); err != nil {
				a.Why = "the lead is not handed over: " + err.Error()
			}
		}
		if a.Why != told {
			told = a.Why
			u.Log.Info("the turn of this gateway is waited for", "why", a.Why)
		}
		if !u.Clock.Now().Before(end) {
			return fmt.Errorf("%w: %s", ErrTurn, a.Why)
		}
		if err := u.Clock.Sleep(ctx, u.Limits.Poll); err != nil {
			return err
		}
	}
}

// Rollback goes back to the version in the other slot, by hand. That one is on trial then
// as a new one would be. about is what it says of itself.
func (u *Updater) Rollback(ctx context.Context, about func(context.Context, string) (About, error)) (*Outcome, error) {
	unlock, err := u.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if j, err := u.Slots.Pending(); err == nil && j != nil {
		j.Code, j.Why = CodeWorse, "a person took it back"
		return u.goBack(ctx, *j)
	}
	other := u.Slots.Other()
	a, err := about(ctx, u.Slots.Program(other))
	if err != nil || u.Slots.Version(other) == "" {
		return nil, fmt.Errorf("%w: slot %s: %w", ErrNoBack, other, err)
	}
	before, err := u.Agent.Look(ctx)
	if err == nil && before.Site > a.Level {
		return nil, fmt.Errorf("%w: the site is at level %d, %s knows %d", ErrNoBack, before.Site, a.Version, a.Level)
	}
	if err := u.Slots.use(other); err != nil {
		return nil, err
	}
	o := Outcome{Result: Committed, Version: a.Version, Was: u.Version, At: u.Clock.Now(), Why: "a person went back"}
	if err := u.Slots.writeJSON(lastFile, o); err != nil {
		return nil, err
	}
	if err := u.Service.Restart(ctx); err != nil {
		return nil, err
	}
	return &o, u.settle(ctx)
}
