package agent

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
)

// keyCheck is the log of the gateways of these tests. A line that has a key
// twice is a fault: the reader of a JSON log sees one of the two values, and
// nobody says which.
type keyCheck struct {
	t    *testing.T
	keys []string // of the loggers above
	told *sync.Map
}

func newKeyCheck(t *testing.T) *slog.Logger { return slog.New(keyCheck{t: t, told: &sync.Map{}}) }

func (keyCheck) Enabled(context.Context, slog.Level) bool { return true }

func (h keyCheck) Handle(_ context.Context, r slog.Record) error {
	keys := slices.Clone(h.keys)
	r.Attrs(func(a slog.Attr) bool { keys = append(keys, a.Key); return true })
	slices.Sort(keys)
	for i := 1; i < len(keys); i++ {
		if keys[i] != keys[i-1] {
			continue
		}
		if _, had := h.told.LoadOrStore(r.Message+keys[i], true); !had {
			h.t.Errorf("the log line %q has the key %q twice: %v", r.Message, keys[i], keys)
		}
	}
	return nil
}

func (h keyCheck) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.keys = slices.Clone(h.keys)
	for _, a := range attrs {
		h.keys = append(h.keys, a.Key)
	}
	return h
}

// WithGroup starts a name space of its own.
func (h keyCheck) WithGroup(string) slog.Handler { h.keys = nil; return h }
