package cloudsync

import (
	"log/slog"
	"time"

	"tote/cloudsync/ledger"
	"tote/warehouse"
)

// Status is what the console and the API show of the OMS link.
type Status struct {
	// Connected: both directions got through the last time they tried.
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"` // of Connected; zero before the first contact
	// Code and LastError say why it is not connected.
	Code      string    `json:"code,omitempty"`
	LastError string    `json:"lastError,omitempty"`
	LastSent  time.Time `json:"lastSent,omitzero"` // newest batch the OMS took
	LastPoll  time.Time `json:"lastPoll,omitzero"` // newest answer of the inbox
	// Depth is how many events wait for the OMS; OldestAt since when, zero
	// while none does.
	Depth    int              `json:"depth"`
	OldestAt time.Time        `json:"oldestAt,omitzero"`
	Acked    uint64           `json:"acked"` // newest order event the OMS has
	Cursor   string           `json:"cursor"`
	Held     []ledger.Hold    `json:"held,omitempty"`     // code SYNC_REJECTED
	Refusals []ledger.Refusal `json:"refusals,omitempty"` // newest inbox items without effect
}

// OldestAge is how long the oldest event waits at now; 0 = none waits.
func (s Status) OldestAge(now time.Time) time.Duration {
	if s.OldestAt.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.OldestAt))
}

// Status may be called from any goroutine, also while Run does not run.
func (r *Runner) Status() Status {
	var s Status
	r.mu.Lock()
	s.Connected = true
	s.LastSent, s.LastPoll = r.sent, r.poll
	for l := range r.link {
		st := r.link[l]
		// An uplink with nothing to send has nothing to say.
		if !st.known && loop(l) == up {
			continue
		}
		if s.Connected && (!st.known || st.code != "") {
			s.Connected, s.Code, s.LastError, s.Since = false, st.code, st.text, st.at
		}
		if s.Connected && st.at.After(s.Since) {
			s.Since = st.at
		}
	}
	r.mu.Unlock()
	err := r.cfg.View(func(rd warehouse.Reader) error {
		for _, stream := range r.cfg.streams() {
			n, at, err := ledger.Depth(rd, stream)
			if err != nil {
				return err
			}
			s.Depth += n
			if t := time.UnixMilli(at); n > 0 && (s.OldestAt.IsZero() || t.Before(s.OldestAt)) {
				s.OldestAt = t
			}
		}
		var err error
		if s.Acked, err = ledger.Acked(rd, warehouse.StreamOf(r.cfg.Upstream)); err != nil {
			return err
		}
		if s.Cursor, err = ledger.Cursor(rd, r.cfg.Source); err != nil {
			return err
		}
		if s.Held, err = ledger.Holds(rd, r.cfg.Upstream, 100); err != nil {
			return err
		}
		s.Refusals, err = ledger.Refusals(rd, r.cfg.Upstream, 20)
		return err
	})
	if err != nil {
		r.log.Error("cloudsync: status", slog.Any("err", err))
		if s.Code == "" {
			s.Code, s.LastError = CodeNoCommit, err.Error()
		}
	}
	return s
}
