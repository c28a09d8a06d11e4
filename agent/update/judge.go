package update

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// judge watches the new version and keeps it or goes back.
func (u *Updater) judge(ctx context.Context, j Journal) (*Outcome, error) {
	code, why, err := u.watch(ctx, j)
	switch {
	case err != nil:
		return nil, err // asked to stop: Resume goes on
	case code == "":
		return u.end(j, Outcome{Result: Committed})
	}
	j.Code, j.Why = code, why
	return u.goBack(ctx, j)
}

// watch waits until the new version is as well as the one before was, and stays so. A
// code says why it is not kept.
func (u *Updater) watch(ctx context.Context, j Journal) (code, why string, err error) {
	began := u.Clock.Now()
	end := began.Add(u.Limits.Within)
	var well time.Time // since when; zero = it is not
	restarts, seen := 0, -1
	code, why = CodeReady, "it never said that it is ready"
	for {
		if u.Slots.InUse() != j.New {
			return CodeStart, fmt.Sprintf("the launcher went back after %d starts", u.Slots.starts()), nil
		}
		st, err := u.Service.State(ctx)
		if err != nil {
			st.Why = err.Error()
		}
		if seen >= 0 && st.Restarts > seen {
			restarts += st.Restarts - seen
			well = time.Time{} // it is another process now, however well it looks
		}
		seen = st.Restarts
		switch {
		case st.Failed:
			return CodeStart, st.Why, nil
		case restarts >= MaxStarts:
			return CodeStart, fmt.Sprintf("it ended %d times: %s", restarts, st.Why), nil
		case !st.Active || err != nil:
			well = time.Time{}
			if code == CodeReady && st.Why != "" {
				why = "it is not ready: " + st.Why
			}
		default:
			problems := u.compare(ctx, j)
			switch {
			case len(problems) > 0:
				well, code, why = time.Time{}, CodeWorse, strings.Join(problems, "; ")
			case well.IsZero():
				well = u.Clock.Now()
			case u.Clock.Now().Sub(well) >= u.Limits.Settle:
				return "", "", nil
			}
		}
		now := u.Clock.Now()
		if !now.Before(end) && (well.IsZero() || now.Sub(end) >= u.Limits.Settle) {
			return code, why, nil
		}
		if err := u.Clock.Sleep(ctx, u.Limits.Poll); err != nil {
			return "", "", err
		}
	}
}

// compare lists in what the new version is worse.
func (u *Updater) compare(ctx context.Context, j Journal) []string {
	now, err := u.Agent.Look(ctx)
	if err != nil {
		return []string{"it does not answer: " + err.Error()}
	}
	problems := Worse(j.Baseline, now)
	if now.Version != j.Version {
		problems = append(problems, fmt.Sprintf("it says that it is %s, not %s", now.Version, j.Version))
	}
	return problems
}

// goBack uses the version before again. The journal says so first: from here on nothing
// leads to the new one.
func (u *Updater) goBack(ctx context.Context, j Journal) (*Outcome, error) {
	u.Log.Error("the new version is taken back", "version", j.Version, "was", j.Was, "code", j.Code, "why", j.Why)
	j.State = Back
	if err := u.Slots.keep(j); err != nil {
		return nil, err
	}
	if err := u.Slots.refuse(Refusal{j.Release, j.Version, j.Code}); err != nil {
		return nil, err
	}
	switched := u.Slots.InUse() == j.New
	if err := u.Slots.use(j.Old); err != nil {
		return nil, err
	}
	h, err := u.Agent.Look(ctx)
	var stuck error
	if switched || err != nil || h.Version != j.Was {
		if err := u.Service.Restart(ctx); err != nil {
			return nil, err
		}
		stuck = u.settle(ctx)
		if ctx.Err() != nil {
			return nil, stuck // asked to stop: Resume goes on
		}
	}
	o, err := u.end(j, Outcome{Result: RolledBack, Code: j.Code, Why: j.Why})
	return o, errors.Join(stuck, err)
}

// settle waits until what was just started says that it is ready.
func (u *Updater) settle(ctx context.Context) error {
	for end := u.Clock.Now().Add(u.Limits.Back); ; {
		st, err := u.Service.State(ctx)
		if err == nil && st.Active {
			return nil
		}
		if !u.Clock.Now().Before(end) {
			return fmt.Errorf("%w: %s: %w", ErrStuck, st.Why, err)
		}
		if err := u.Clock.Sleep(ctx, u.Limits.Poll); err != nil {
			return err
		}
	}
}

func (u *Updater) end(j Journal, o Outcome) (*Outcome, error) {
	o.Release, o.Version, o.Was, o.At = j.Release, j.Version, j.Was, u.Clock.Now()
	if err := u.Slots.end(o); err != nil {
		return nil, err
	}
	u.Log.Info("the update is over", "result", o.Result, "version", o.Version, "was", o.Was)
	return &o, nil
}
