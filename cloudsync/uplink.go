package cloudsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tote/cloudsync/ledger"
	"tote/cloudsync/wire"
	"tote/warehouse"
)

// streams in the order in which they are drained. The resend stream is first:
// the events of a released subject must be there before its next ones.
func (c *Config) streams() [2]string {
	return [...]string{ledger.ResendOf(c.Upstream), warehouse.StreamOf(c.Upstream)}
}

// uplink drains the outbox. One batch is on the way at a time.
type uplink struct {
	r     *Runner
	retry retry
	pace  pacer
	// limit is how many events the next batch may hold; below the maximum
	// while looking for the one the OMS refuses, 1 as a probe.
	limit     int
	bisecting bool
	rewind    map[string]uint64 // stream → send again behind this seq
}

func newUplink(r *Runner) *uplink {
	return &uplink{
		r: r, limit: wire.MaxBatchEvents, rewind: map[string]uint64{},
		retry: retry{rnd: r.cfg.Rand, spread: r.cfg.StartSpread},
		pace:  pacer{perEvent: time.Second / time.Duration(r.cfg.EventsPerSecond)},
	}
}

// run returns only when ctx ends (nil) or the sender is fenced off.
func (u *uplink) run(ctx context.Context) error {
	for ctx.Err() == nil {
		more, err := u.round(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			f := asFault(err)
			u.r.met(up, err)
			if f.code == CodeFenced {
				return fmt.Errorf("%w: %w", ErrFenced, err)
			}
			u.limit, u.bisecting = 1, false // half open: probe with one event
			pause(ctx, u.retry.failure(f.kind, retryAfter(err)), u.r.upWake)
		case !more:
			look := idleLook
			if u.r.cfg.Kick == nil {
				look = idleLookNoKick
			}
			pause(ctx, look, u.r.cfg.Kick, u.r.upWake)
		}
	}
	return nil
}

// round sends at most one batch. more = look again at once.
func (u *uplink) round(ctx context.Context) (more bool, err error) {
	for _, stream := range u.r.cfg.streams() {
		rows, acked, epochs, err := u.load(stream)
		if err != nil {
			return false, err
		}
		if len(rows) > 0 {
			return true, u.send(ctx, stream, rows, acked, epochs)
		}
	}
	return false, nil
}

// load reads the next page of a stream; memory is bounded by one batch. All rows
// are of one epoch.
func (u *uplink) load(stream string) (rows []ledger.Row, acked uint64, epochs ledger.Epochs, err error) {
	err = u.r.cfg.View(func(r warehouse.Reader) error {
		if acked, err = ledger.Acked(r, stream); err != nil {
			return err
		}
		after := acked
		if back, ok := u.rewind[stream]; ok && back < acked {
			after = back
		}
		if rows, err = ledger.Pending(r, stream, after, u.limit); err != nil {
			return err
		}
		if len(rows) > 0 && rows[0].Event.Seq != after+1 {
			return &fault{CodeLost, Busy, fmt.Errorf("stream %s: event %d is asked for, the oldest kept is %d", stream, after+1, rows[0].Event.Seq)}
		}
		if epochs, err = ledger.LoadEpochs(r); err != nil || len(rows) == 0 {
			return err
		}
		first := rows[0].Event.Seq
		if end := epochs.Of(stream, first, u.r.cfg.Epoch).End; rows[len(rows)-1].Event.Seq > end {
			rows = rows[:end-first+1]
		}
		return nil
	})
	var f *fault
	if err != nil && !errors.As(err, &f) {
		err = &fault{CodeNoCommit, local, fmt.Errorf("read the outbox: %w", err)}
	}
	return rows, acked, epochs, err
}

// send delivers one batch and acts on the answer.
func (u *uplink) send(ctx context.Context, stream string, rows []ledger.Row, acked uint64, epochs ledger.Epochs) error {
	cfg := &u.r.cfg
	b := Batch{Epoch: cfg.Epoch, Fence: cfg.Fence()}
	size := 2
	for _, row := range rows {
		e, err := cfg.event(epochs, stream, row)
		if err != nil {
			return &fault{CodeNoCommit, local, err}
		}
		raw, err := json.Marshal(e)
		if err != nil {
			return &fault{CodeNoCommit, local, err}
		}
		if size += len(raw) + 1; size > wire.MaxBatchBytes && len(b.Events) > 0 {
			break
		}
		b.Events = append(b.Events, e)
	}
	rows = rows[:len(b.Events)]
	first, last := rows[0].Event.Seq, rows[len(rows)-1].Event.Seq
	// Rows of an epoch before are known to the OMS by that one and count from
	// its beginning; who sends them is of this one.
	span := epochs.Of(stream, first, cfg.Epoch)
	b.Key = wire.BatchKey{Site: cfg.Site, Epoch: span.Epoch, Stream: ledger.OnWire(stream), First: first - span.Base, Last: last - span.Base}
	reply, err := cfg.Adapter.Send(ctx, b)
	var e *Error
	switch {
	case err == nil:
		return u.accepted(ctx, stream, rows, acked, here(reply, span))
	case errors.As(err, &e) && (e.Kind == Invalid || e.Kind == TooLarge):
		if len(rows) > 1 {
			u.limit, u.bisecting = len(rows)/2, true
			return nil
		}
		return u.poison(ctx, stream, rows[0], e)
	case errors.As(err, &e) && e.Kind == Gap && e.ExpectSeq > 0 && e.ExpectSeq < b.Key.First:
		u.r.log.Warn("cloudsync: the OMS missed events; sending again", slog.String("stream", stream), slog.Uint64("from", e.ExpectSeq))
		u.rewind[stream] = span.Base + e.ExpectSeq - 1
		return nil
	}
	return err
}

// here turns an answer into the numbers the rows have here. Of an epoch that is
// over the OMS may have more than the site remembers: the site was formed anew
// without that.
func here(r wire.Reply, span ledger.Span) wire.Reply {
	r.AckSeq, r.ExpectSeq = r.AckSeq+span.Base, r.ExpectSeq+span.Base
	if r.AckSeq > span.End {
		r.AckSeq, r.ExpectSeq = span.End, span.End+1
	}
	r.Results = slices.Clone(r.Results)
	for i := range r.Results {
		r.Results[i].Seq += span.Base
	}
	return r
}

// acknowledge takes the rows behind from, up to upto, off the outbox. They are
// kept for a rewind, which may be more than one command can write: then it goes
// in halves.
func (u *uplink) acknowledge(ctx context.Context, stream string, from, upto uint64) error {
	err := u.r.propose(ctx, ledger.AckOutbox{Epoch: u.r.cfg.Epoch, Stream: stream, Upto: upto})
	if !tooBig(err) || upto-from < 2 {
		return err
	}
	middle := from + (upto-from)/2
	if err := u.acknowledge(ctx, stream, from, middle); err != nil {
		return err
	}
	return u.acknowledge(ctx, stream, middle, upto)
}

// accepted holds what was rejected, acknowledges the rest and opens the batch
// size again.
func (u *uplink) accepted(ctx context.Context, stream string, rows []ledger.Row, acked uint64, reply wire.Reply) error {
	first, last := rows[0].Event.Seq, rows[len(rows)-1].Event.Seq
	if err := checkReply(rows, reply); err != nil {
		return &fault{CodeBadReply, Busy, err}
	}
	var newest uint64
	err := u.r.cfg.View(func(r warehouse.Reader) (err error) {
		newest, err = ledger.Newest(r, stream)
		return err
	})
	if err != nil {
		return &fault{CodeNoCommit, local, err}
	}
	if reply.AckSeq > newest {
		// Its "duplicates" are other events than ours. For a new leader
		// that is still catching up this passes by itself.
		return &fault{CodeAhead, Busy, fmt.Errorf("stream %s: the OMS has %d, the site made %d", stream, reply.AckSeq, newest)}
	}
	upto := min(reply.AckSeq, last)
	if err := u.holdRejected(ctx, stream, rows[:upto-first+1], reply.Results); err != nil {
		return err
	}
	if upto > acked {
		if err := u.acknowledge(ctx, stream, acked, upto); err != nil {
			return &fault{CodeNoCommit, local, fmt.Errorf("acknowledge %s/%d: %w", stream, upto, err)}
		}
	}
	// Only now: an answer that cannot be committed is not yet a success.
	u.r.met(up, nil)
	u.retry.success()
	if upto >= acked {
		delete(u.rewind, stream)
	} else {
		u.rewind[stream] = upto
	}
	if u.bisecting {
		u.limit = min(2*u.limit, wire.MaxBatchEvents)
		u.bisecting = u.limit < wire.MaxBatchEvents
	} else {
		u.limit = wire.MaxBatchEvents
	}
	u.pace.took(ctx, u.r.cfg.Now(), len(rows))
	return nil
}

// checkReply: the answer must be about exactly this batch.
func checkReply(rows []ledger.Row, reply wire.Reply) error {
	if len(reply.Results) != len(rows) || reply.AckSeq < rows[0].Event.Seq || reply.ExpectSeq != reply.AckSeq+1 {
		return fmt.Errorf("%d results for %d events, ackSeq %d, expectSeq %d", len(reply.Results), len(rows), reply.AckSeq, reply.ExpectSeq)
	}
	for i, res := range reply.Results {
		if res.Seq != rows[i].Event.Seq {
			return fmt.Errorf("result %d is of seq %d, not %d", i, res.Seq, rows[i].Event.Seq)
		}
	}
	return nil
}

// holdRejected holds the subjects of events that had no effect at the OMS. A
// duplicate that was rejected or held the first time counts too: the sender
// before us may have stopped between the answer and the hold.
func (u *uplink) holdRejected(ctx context.Context, stream string, rows []ledger.Row, results []wire.Result) error {
	holds := map[string]*ledger.HoldSubject{}
	var order []string
	for i, row := range rows {
		res := results[i]
		no := res.Status == wire.StatusRejected ||
			res.Status == wire.StatusDuplicate && (res.Original == wire.StatusRejected || res.Original == wire.StatusHeld)
		if row.Held || !no {
			continue
		}
		subject := ledger.Subject(row.Event)
		h := holds[subject]
		if h == nil {
			h = &ledger.HoldSubject{
				Epoch: u.r.cfg.Epoch, Stream: stream, Subject: subject, From: rows[len(rows)-1].Event.Seq + 1,
				Code: clip(res.Code, 64), Text: fmt.Sprintf("%s was rejected", row.Event.Type),
			}
			holds[subject] = h
			order = append(order, subject)
		}
		h.Seqs = append(h.Seqs, row.Event.Seq)
	}
	for _, subject := range order {
		if err := u.hold(ctx, *holds[subject]); err != nil {
			return err
		}
	}
	return nil
}

// poison holds the subject of the one event the OMS refuses. Its placeholder
// goes out in the next round.
func (u *uplink) poison(ctx context.Context, stream string, row ledger.Row, e *Error) error {
	if row.Held {
		return &fault{CodeHeldRefused, Busy, e}
	}
	u.limit, u.bisecting = 1, true
	return u.hold(ctx, ledger.HoldSubject{
		Epoch: u.r.cfg.Epoch, Stream: stream, Subject: ledger.Subject(row.Event), Seqs: []uint64{row.Event.Seq}, From: row.Event.Seq + 1,
		Code: clip(e.Code, 64), Text: clip(e.Error(), 512),
	})
}

func (u *uplink) hold(ctx context.Context, h ledger.HoldSubject) error {
	if err := u.r.propose(ctx, h); err != nil {
		return &fault{CodeNoCommit, local, fmt.Errorf("hold %s: %w", h.Subject, err)}
	}
	u.r.log.Error("cloudsync: the OMS rejected an event; the order's later events wait", slog.String("code", CodeRejected),
		slog.String("order", h.Subject), slog.String("stream", h.Stream), slog.Uint64("seq", h.Seqs[0]), slog.String("omsCode", h.Code), slog.String("text", h.Text))
	return nil
}
