package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// feedings is how often the watchdog is fed in the time it waits: one that comes
// late on a busy machine kills nobody.
const feedings = 3

// toSystemd says something to systemd. That it does not listen is no reason to stop.
func (a *Agent) toSystemd(say func() error) {
	if err := say(); err != nil {
		a.log.Warn("systemd does not listen", "err", err)
	}
}

// startWatchdog ends the start as systemd sees it: when scans are accepted, so that
// who waits for it can go on; but a state that is built anew and a quorum that is not
// there are waited for no longer than the watchdog would. Both can take as long as
// they like, and systemd would kill a start that does.
func (a *Agent) startWatchdog(context.Context) error {
	n := a.opt.Notify
	if n == nil {
		return nil
	}
	w := watchdog{{"store", a.store.Alive}, {"broker", a.broker.Alive}}
	every := cmp.Or(n.Watchdog(), 30*time.Second) / feedings
	return a.sup.Go("watchdog", func(ctx context.Context) error {
		a.waitReady(ctx, every*feedings)
		a.toSystemd(n.Ready)
		tick := time.NewTicker(every)
		defer tick.Stop()
		shown, told := "", ""
		for {
			if text := a.inShort(); text != shown {
				shown = text
				a.toSystemd(func() error { return n.Status(text) })
			}
			found := ""
			if err := w.look(ctx, every); err == nil {
				a.toSystemd(n.Alive)
			} else {
				found = err.Error()
			}
			if ctx.Err() == nil && found != "" && told == "" {
				a.log.Error("something does not move; the watchdog is not fed", "err", found)
			}
			told = found
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
}

// waitReady waits until scans are accepted, and not longer than limit.
func (a *Agent) waitReady(ctx context.Context, limit time.Duration) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); a.isReady() != nil && time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// inShort is the line that systemctl status shows.
func (a *Agent) inShort() string {
	switch ok, since := a.quorum(); {
	case !a.whole.Load():
		return a.starting()
	case !ok:
		return noQuorumSince(since)
	case a.store.IsLeader():
		return "scans are accepted; this gateway leads"
	}
	return "scans are accepted"
}

// watchdog is the parts that must move.
type watchdog []struct {
	name string
	ask  func(ctx context.Context) error // nil when it moves
}

// look asks all parts at the same time and waits for their answers, up to limit.
// Its error is why the process should be started anew.
func (w watchdog) look(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answers := make(chan error, len(w))
	for _, p := range w {
		go func() {
			err := p.ask(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", p.name, err)
			}
			answers <- err
		}()
	}
	var errs []error
	for range w {
		errs = append(errs, <-answers)
	}
	return errors.Join(errs...)
}
