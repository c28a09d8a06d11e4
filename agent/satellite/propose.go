package satellite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tote/agent/replica"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// Do proposes c and waits until its outcome is known; see replica.Store.Do.
func (s *Store) Do(ctx context.Context, by replica.By, c warehouse.Command) (warehouse.Result, error) {
	kind, version, body, err := warehouse.Encode(c)
	if err != nil {
		return warehouse.Result{}, fmt.Errorf("satellite: encode %T: %w", c, err)
	}
	return s.DoRaw(ctx, by, kind, version, body)
}

// DoRaw is Do for an encoded command of any applier. It is asked of one gateway
// after the other, under the same id, until one answers or ctx ends: a gateway
// that was asked and fell silent may have done it, and the next one then gives
// the answer of that time.
func (s *Store) DoRaw(ctx context.Context, by replica.By, kind, version uint16, body []byte) (warehouse.Result, error) {
	q := DoCall{Device: by.Device, Seq: by.Seq, Actor: by.Actor, Kind: kind, Version: version, Body: body}
	if by.Device == "" {
		q.ID, q.Seq = by.ID[:], 0
	}
	q.WaitMs = 1
	if err := q.Check(); err != nil {
		return warehouse.Result{Code: warehouse.CodeMalformed, Text: "the command is too big or a field of it is out of range, nothing was done"}, nil
	}
	select {
	case s.doing <- struct{}{}:
		defer func() { <-s.doing }()
	case <-ctx.Done():
		return warehouse.Result{}, fmt.Errorf("satellite: not done: %w", ctx.Err())
	case <-s.ctx.Done():
		return warehouse.Result{}, ErrClosed
	}
	pause := 10 * time.Millisecond
	sent := false
	var last error
	for {
		at, err := s.current(ctx)
		if err == nil {
			var res warehouse.Result
			if res, err = s.doAt(ctx, at, q); err == nil {
				return res, nil
			}
			if final(err) {
				return warehouse.Result{}, err
			}
			sent = sent || !errors.Is(err, peer.ErrUnreachable)
		}
		last = err
		if errors.Is(err, ErrClosed) || s.Err() != nil {
			return warehouse.Result{}, err
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-s.ctx.Done():
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			if sent {
				return warehouse.Result{}, fmt.Errorf("satellite: outcome not known: %w: %w", last, ctx.Err())
			}
			return warehouse.Result{}, fmt.Errorf("satellite: not done: %w: %w", last, ctx.Err())
		}
		pause = min(2*pause, 250*time.Millisecond)
	}
}

// final tells a refusal from what may go better at the next try.
func final(err error) bool {
	said, ok := errors.AsType[*peer.RemoteError](err)
	return ok && said.Code != SayAgain && said.Code != SayNotHere
}

func (s *Store) doAt(ctx context.Context, at *attachment, q DoCall) (warehouse.Result, error) {
	wait := doAttempt
	if until, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(until))
	}
	q.WaitMs = max(1, wait.Milliseconds())
	// The gateway answers when its time is over; it gets a moment more.
	ctx, cancel := context.WithTimeout(ctx, wait+time.Second)
	defer cancel()
	var ans DoAnswer
	err := s.ask(ctx, at, CallDo, q, &ans)
	switch {
	case err == nil:
	case errors.Is(err, peer.ErrUnreachable), errors.Is(err, peer.ErrLost):
		s.leave(at)
		return warehouse.Result{}, err
	default:
		return warehouse.Result{}, s.heed(err)
	}
	s.saw(ans.At)
	res, err := warehouse.DecodeResult(ans.Result)
	if err != nil {
		return res, &peer.RemoteError{Code: CodeMalformed, Text: "the answer does not decode: " + err.Error()}
	}
	return res, nil
}

// LastSeq is the newest sequence the site has of a device; 0 = none.
func (s *Store) LastSeq(device string) (uint64, error) {
	var ans SeqAnswer
	err := s.once(CallSeq, SeqCall{Device: device, Min: s.seenNow()}, &ans)
	return ans.Last, err
}

// About is what changes once in years.
func (s *Store) About() (AboutAnswer, error) {
	var ans AboutAnswer
	return ans, s.once(CallAbout, nil, &ans)
}

// Renew has a certificate request signed.
func (s *Store) Renew(ctx context.Context, csr []byte) ([]byte, error) {
	at, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	var ans RenewAnswer
	err = s.ask(ctx, at, CallRenew, RenewCall{CSR: csr}, &ans)
	return ans.Cert, err
}

// Leave takes this satellite out of the site.
func (s *Store) Leave(ctx context.Context) error {
	at, err := s.current(ctx)
	if err != nil {
		return err
	}
	return s.ask(ctx, at, CallLeave, nil, nil)
}

// once asks something that may be asked twice: of the next gateway when the
// first does not answer.
func (s *Store) once(method string, q any, ans interface{ Check() error }) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.patience())
	defer cancel()
	for {
		at, err := s.current(ctx)
		if err != nil {
			return err
		}
		err = s.ask(ctx, at, method, q, ans)
		switch {
		case err == nil || final(err):
			return known(err)
		case errors.Is(err, peer.ErrUnreachable), errors.Is(err, peer.ErrLost):
			s.leave(at)
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ErrNoGateway, err)
		}
		if !s.rest(ctx) {
			return fmt.Errorf("%w: %w", ErrNoGateway, err)
		}
	}
}

// rest is a short pause; false when ctx ended.
func (s *Store) rest(ctx context.Context) bool {
	t := time.NewTimer(20 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// known turns the codes of a desk back into the errors of this package.
func known(err error) error {
	said, ok := errors.AsType[*peer.RemoteError](err)
	if !ok {
		return err
	}
	for code, is := range map[string]error{CodeViewLost: ErrViewLost, CodeBusy: ErrBusy, CodeMalformed: ErrMalformed} {
		if said.Code == code {
			return fmt.Errorf("%w (%s)", is, said.Text)
		}
	}
	return err
}
