package drivers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFaultTable(t *testing.T) {
	last := ""
	for _, f := range drivers.Faults() {
		if !regexp.MustCompile(`^DEV-[1-9]\d\d$`).MatchString(f.Code) || f.Code <= last {
			t.Errorf("code %q after %q", f.Code, last)
		}
		last = f.Code
		for _, s := range []string{f.Cause, f.Action} {
			if !strings.HasSuffix(s, ".") || strings.TrimSpace(s) != s {
				t.Errorf("%s: %q is no sentence", f.Code, s)
			}
		}
		if drivers.FaultOf(f.Code) != f {
			t.Errorf("FaultOf(%s)", f.Code)
		}
	}
	if drivers.FaultOf("DEV-000") != (drivers.Fault{}) {
		t.Error("a fault for an unknown code")
	}
}

func TestCodeOf(t *testing.T) {
	for _, err := range []*drivers.Error{
		drivers.ErrUnplugged, drivers.ErrBusy, drivers.ErrPermission, drivers.ErrNotAPort, drivers.ErrStalled,
		drivers.ErrReader, drivers.ErrUnreachable, drivers.ErrClosed, drivers.Coded(drivers.CodeScaleSilent),
	} {
		if got := drivers.CodeOf(fmt.Errorf("wrapped: %w", err)); got != err.Code() || drivers.FaultOf(got).Cause == "" {
			t.Errorf("%v: code %q", err, got)
		}
	}
	if drivers.CodeOf(errors.New("x")) != "" || drivers.CodeOf(nil) != "" {
		t.Error("a code out of nothing")
	}
}

// One log line per change of state or code, none for saying the same again.
func TestTrackerLogsTransitionsOnly(t *testing.T) {
	var log bytes.Buffer
	var told []drivers.Status
	var tr *drivers.Tracker
	tr = drivers.NewTracker("scale/1", "mt-sics", slog.New(slog.NewTextHandler(&log, nil)), func(s drivers.Status) {
		if tr.Status() != s {
			t.Errorf("told %+v while the status is %+v", s, tr.Status())
		}
		told = append(told, s)
	})
	tr.Set(drivers.Absent, "", "still not there")
	for range 3 {
		tr.Set(drivers.Opening, "", "")
	}
	since := tr.Status().Since
	tr.Set(drivers.Opening, "", "")
	if tr.Status().Since != since {
		t.Error("Since moved without a change")
	}
	tr.Set(drivers.Degraded, drivers.CodeScaleSilent, "")
	tr.Set(drivers.Degraded, drivers.CodeScaleRefuses, "")
	tr.Fail(fmt.Errorf("x: %w", drivers.ErrUnplugged))
	tr.Fail(fmt.Errorf("y: %w", drivers.ErrUnplugged))
	if n := strings.Count(log.String(), "\n"); n != 4 || len(told) != 4 {
		t.Errorf("%d log lines, %d told\n%s", n, len(told), log.String())
	}
	st := tr.Status()
	if st.State != drivers.Absent || st.Code != drivers.CodeUnplugged || st.Text == "" || st.Name != "scale/1" || st.Driver != "mt-sics" {
		t.Errorf("%+v", st)
	}
}

func TestSession(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name  string
		err   error
		state drivers.State
		code  string
	}{
		{"unplugged", drivers.ErrUnplugged, drivers.Absent, drivers.CodeUnplugged},
		{"stalled", drivers.ErrStalled, drivers.Degraded, drivers.CodeStalled},
		{"silent", drivers.Coded(drivers.CodePrinterSilent), drivers.Degraded, drivers.CodePrinterSilent},
		{"other", boom, drivers.Absent, drivers.CodeDriver},
		{"ended without a reason", nil, drivers.Absent, drivers.CodeDriver},
	} {
		t.Run(c.name, func(t *testing.T) {
			var peer drivertest.Peer
			tr := drivers.NewTracker("x", "y", nil, nil)
			err := tr.Session(t.Context(), peer.Open, func(context.Context, drivers.Port) error {
				if s := tr.Status().State; s != drivers.Opening {
					t.Errorf("in the session the device is %s", s)
				}
				return c.err
			})
			if err == nil || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			if st := tr.Status(); st.State != c.state || st.Code != c.code {
				t.Errorf("%+v", st)
			}
			if peer.IsOpen() {
				t.Error("the port is still held")
			}
		})
	}
}

func TestSessionEndsQuietlyWithItsContext(t *testing.T) {
	var peer drivertest.Peer
	tr := drivers.NewTracker("x", "y", nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	err := tr.Session(ctx, peer.Open, func(ctx context.Context, _ drivers.Port) error { cancel(); return ctx.Err() })
	if err != nil || tr.Status().Code != "" || tr.Status().State != drivers.Absent {
		t.Errorf("%v, %+v", err, tr.Status())
	}
	if err := tr.Session(ctx, peer.Open, nil); err != nil {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestSessionGivesThePortBackOnPanic(t *testing.T) {
	var peer drivertest.Peer
	tr := drivers.NewTracker("x", "y", nil, nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = tr.Session(t.Context(), peer.Open, func(context.Context, drivers.Port) error { panic("bug") })
	}()
	if peer.IsOpen() || tr.Status().Code != drivers.CodeDriver {
		t.Errorf("held %v, %+v", peer.IsOpen(), tr.Status())
	}
}

func TestDiscard(t *testing.T) {
	var peer drivertest.Peer
	port, err := peer.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := drivers.Discard(port); n != 0 || err != nil {
		t.Errorf("empty: %d, %v", n, err)
	}
	peer.Send(strings.Repeat("x", 2000))
	if n, err := drivers.Discard(port); n != 2000 || err != nil {
		t.Errorf("full: %d, %v", n, err)
	}
	peer.Plug(false)
	if _, err := drivers.Discard(port); !errors.Is(err, drivers.ErrUnplugged) {
		t.Errorf("unplugged: %v", err)
	}
}
