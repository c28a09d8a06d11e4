package printer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tote/drivers"
)

// Outcome is what became of one label.
type Outcome string

// The outcomes. Only printed and failed are certain.
const (
	// Printed: the printer was seen holding the label and then seen without
	// it, free of faults, without a gap in between; or it sent back the mark
	// that stood behind the label.
	Printed Outcome = "printed"
	// Failed: not one byte was taken by the line. Nothing will come out.
	Failed Outcome = "failed"
	// Unknown: bytes left, and the proof is missing. A person must look.
	Unknown Outcome = "unknown"
	// NotReady: the printer could not print, or the caller's beforeSend
	// refused. Nothing was sent.
	NotReady Outcome = "not_ready"
)

// Detail says why.
type Detail struct {
	Code string // fault code, "" when printed
	Text string // one sentence
}

type job struct {
	ctx    context.Context
	data   []byte
	before func(context.Context) error
	result chan result // room for one
}

type result struct {
	outcome Outcome
	detail  Detail
	err     error
}

// Print sends one label and finds out what became of it.
//
// The printer is asked first; if it cannot print, the outcome is not_ready
// and nothing was sent. Then beforeSend is called, in which the caller records
// that the label is about to leave; if it fails, nothing is sent and its error
// is returned. After that no outcome but printed and failed is certain, and
// Print never sends a label twice. When ctx ends after the first byte the
// outcome is unknown.
//
// The error is beforeSend's, or ctx's when it ended before the first byte.
func (d *Driver) Print(ctx context.Context, data []byte, beforeSend func(context.Context) error) (Outcome, Detail, error) {
	d.mu.Lock()
	s := d.current
	d.mu.Unlock()
	if s == nil {
		return d.absent()
	}
	j := &job{ctx: ctx, data: data, before: beforeSend, result: make(chan result, 1)}
	select {
	case s.jobs <- j:
	case <-s.done:
		return d.absent()
	case <-ctx.Done():
		return NotReady, Detail{drivers.CodePrinterBusy, drivers.FaultOf(drivers.CodePrinterBusy).Cause}, ctx.Err()
	}
	r := <-j.result // always comes: the session answers even when it ends
	return r.outcome, r.detail, r.err
}

func (d *Driver) absent() (Outcome, Detail, error) {
	st := d.Status()
	code := st.Code
	if code == "" {
		code = drivers.CodeUnplugged
	}
	return NotReady, because(code), nil
}

func because(code string) Detail { return Detail{code, drivers.FaultOf(code).Cause} }

// print carries out one job and answers it. Its error ends the session.
func (s *session) print(ctx context.Context, j *job) (err error) {
	r := result{outcome: NotReady, detail: because(drivers.CodeDriver)}
	// Also on a panic in beforeSend: the caller must not wait for ever.
	defer func() { j.result <- r }()

	// The job ends with the caller's ctx as well as with the session's.
	jobCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(j.ctx, cancel)()

	code, err := s.makeReady(jobCtx)
	if err != nil || code != "" {
		r = result{outcome: NotReady, detail: because(code), err: j.ctx.Err()}
		return s.sessionError(ctx, err)
	}
	if err := j.before(jobCtx); err != nil {
		r = result{outcome: NotReady, detail: Detail{"", "not sent: the label could not be recorded"}, err: fmt.Errorf("before sending the label: %w", err)}
		return nil
	}
	if jobCtx.Err() != nil {
		r = result{outcome: Failed, detail: Detail{drivers.CodeClosed, "stopped before the first byte was sent"}, err: j.ctx.Err()}
		return nil
	}

	// A late answer to an earlier question must not speak for the label.
	if err := s.drain(); err != nil {
		r = result{outcome: Failed, detail: because(drivers.CodeOf(err))}
		return err
	}
	wire, mark := j.data, ""
	if put := s.d.cfg.Language.mark; put != nil {
		var behind string
		s.d.marks++
		behind, mark = put(s.d.marks)
		wire = append(wire[:len(wire):len(wire)], behind...)
	}
	s.back = ""

	r.outcome, r.detail = Unknown, because(drivers.CodePrinterLost) // from here on, also on a panic
	// The first question rides right behind the label: its answer shows the
	// printer with the label in its buffer, before it can be done with it.
	n, err := s.port.Write(jobCtx, append(wire[:len(wire):len(wire)], s.question()...))
	switch {
	case err != nil && n == 0:
		code := drivers.CodeOf(err)
		if code == "" {
			code = drivers.CodeStalled
		}
		r = result{outcome: Failed, detail: because(code), err: nil}
		return s.sessionError(ctx, err)
	case err != nil:
		if errors.Is(err, drivers.ErrStalled) {
			r.detail = because(drivers.CodeStalled)
		}
		return s.sessionError(ctx, err)
	}
	r.outcome, r.detail, err = s.prove(jobCtx, mark)
	return s.sessionError(ctx, err)
}

// sessionError keeps a session going that only lost a job: the job's caller
// gave up, or the printer kept silent.
func (s *session) sessionError(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, errSilent) {
		return nil
	}
	if ctx.Err() == nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

// makeReady asks until the printer is free to print, as far as waiting helps.
// code says why it is not; err is the port's or ctx's.
func (s *session) makeReady(ctx context.Context) (code string, err error) {
	end := time.Now().Add(s.d.cfg.BusyWait)
	for silent := 0; ; {
		st, err := s.status(ctx, true)
		switch {
		case errors.Is(err, errSilent):
			if silent++; silent == 2 {
				return drivers.CodePrinterSilent, err
			}
			continue
		case err != nil:
			if code = drivers.CodeOf(err); code == "" {
				code = drivers.CodeClosed // ctx ended
			}
			return code, err
		}
		switch {
		case st.Fault != "":
			return st.Fault, nil // waiting does not help: a person must act
		case st.holds():
			code = drivers.CodePrinterBusy
		case st.Partial:
			code = drivers.CodePrinterPartial
		case st.Waiting:
			code = drivers.CodePrinterTakeLabel
		default:
			s.old = st.Refused
			return "", nil
		}
		if !time.Now().Before(end) {
			return code, nil
		}
		if err := s.sleep(ctx); err != nil {
			return code, err
		}
	}
}

// unseenLimit is how long a healthy, idle printer is asked on for a label it
// has never shown. The first question came behind the label's bytes, so an
// answer without it means that it is done already or was never understood.
const unseenLimit = 3 * time.Second

// prove watches the printer after the label's bytes and the first question
// have left. It is printed when the printer was seen holding a job and then
// holding none, free of faults, with no silence in between that is long enough
// for losing power. makeReady has seen it empty, so the job is ours.
//
// A fault after the bytes proves nothing: most printers keep the label and
// print it when the fault is mended, and paper may run out just behind it. So
// it is waited for, and the outcome is unknown when the time is up.
//
// A printer that marks jobs has printed when the mark is back, whatever else it
// says: it may run out of paper right behind. One that complains of what it was
// sent may have printed half of it.
func (s *session) prove(ctx context.Context, mark string) (Outcome, Detail, error) {
	start := time.Now()
	answered, held, fault := start, false, ""
	for first := true; ; first = false {
		st, err := s.status(ctx, !first)
		now := time.Now()
		switch {
		case err == nil:
			answered, fault = now, st.Fault
			held = held || st.holds()
			taken := !st.Waiting || now.Sub(start) >= s.d.cfg.JobTimeout // it is out, only not taken
			if mark != "" && s.back == mark || mark == "" && held && !st.holds() && !st.Partial && fault == "" && taken && st.Refused == "" {
				return Printed, Detail{"", "printed"}, nil
			}
			if st.Refused != "" && (st.Refused != s.old || held && !st.holds()) {
				return Unknown, because(st.Refused), nil
			}
			if mark == "" && !held && fault == "" && now.Sub(start) >= unseenLimit {
				return Unknown, because(drivers.CodePrinterUnproven), nil
			}
		case !errors.Is(err, errSilent):
			return Unknown, because(drivers.CodePrinterLost), err
		case now.Sub(answered) >= s.d.cfg.Silence:
			return Unknown, because(drivers.CodePrinterFellSilent), nil
		}
		if now.Sub(start) >= s.d.cfg.JobTimeout {
			if fault != "" {
				return Unknown, because(fault), nil
			}
			return Unknown, because(drivers.CodePrinterTimeout), nil
		}
		if err := s.sleep(ctx); err != nil {
			return Unknown, because(drivers.CodePrinterLost), err
		}
	}
}
