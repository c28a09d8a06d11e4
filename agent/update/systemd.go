package update

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Systemd is the agent's service as systemd keeps it.
type Systemd struct{ Unit string }

var _ Service = Systemd{}

// Restart implements Service. It does not wait: a version that hangs would be waited for.
func (s Systemd) Restart(ctx context.Context) error {
	_, _ = systemctl(ctx, "reset-failed", s.Unit) // only one that failed has something to reset
	_, err := systemctl(ctx, "restart", "--no-block", s.Unit)
	return err
}

// State implements Service.
func (s Systemd) State(ctx context.Context) (State, error) {
	out, err := systemctl(ctx, "show", "-p", "ActiveState,SubState,NRestarts,Result,ExecMainStatus,StatusText", s.Unit)
	if err != nil {
		return State{}, err
	}
	return stateOf(out), nil
}

// stateOf reads what systemctl show prints.
func stateOf(out string) State {
	f := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		f[key] = value
	}
	n, _ := strconv.Atoi(f["NRestarts"]) // older systemds do not say it
	st := State{Active: f["ActiveState"] == "active", Failed: f["ActiveState"] == "failed", Restarts: n}
	if !st.Active {
		st.Why = fmt.Sprintf("%s (%s), result %s, exit status %s %s", f["ActiveState"], f["SubState"], f["Result"], f["ExecMainStatus"], f["StatusText"])
	}
	return st
}

func systemctl(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("systemctl %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// WallClock is the time of the machine. The monotonic part of it counts, so that a clock
// that is set meanwhile ends nothing.
type WallClock struct{}

// Now implements Clock.
func (WallClock) Now() time.Time { return time.Now() }

// Sleep implements Clock.
func (WallClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
