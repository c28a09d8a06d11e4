package agent

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"tote/agent/handheld"
	"tote/agent/pins"
	"tote/warehouse"
)

// withPin puts into a sign-in what came of its PIN. The PIN itself ends here: the
// command, and so the log, the state and every backup, holds only the verdict, or the
// slow hash of a first one. The same message gives the same command again while the
// worker's PIN is the same, so that a copy of it is known as one.
//
// While the site hears no PIN of the worker from this handheld, none is compared and
// nothing is recorded: who goes on guessing costs the site nothing.
func (a *Agent) withPin(ctx context.Context, key, device string, req *handheld.Request) (*handheld.Refusal, error) {
	in, ok := req.Command.(warehouse.SignIn)
	if !ok || req.Pin == "" {
		return nil, nil
	}
	var w *warehouse.Worker
	var site *warehouse.Site
	var pin *warehouse.Pin
	now := time.Now().UnixMilli()
	err := a.again(func(r warehouse.Reader) (err error) {
		if w, err = warehouse.WorkerOfBadge(r, in.Badge); err != nil || w == nil {
			return err
		}
		if site, err = warehouse.GetSite(r); err != nil {
			return err
		}
		pin, err = warehouse.GetPin(r, w.ID)
		return err
	})
	if err != nil || !site.AsksPin(w) {
		return nil, err // the badge alone is asked about
	}
	salt := pins.Salt(w.ID, key, strconv.FormatUint(req.Seq, 10))
	switch first := pin == nil || pin.Hash == ""; {
	case first && !site.PinFirst:
		return nil, nil
	case first || bytes.Equal(pins.SaltOf(pin.Hash), salt): // it chose this one
		if in.Hash, err = pins.Hash(ctx, req.Pin, salt); err != nil {
			return pinRefused(err)
		}
		in.Pin = warehouse.PinNew
	default:
		if ms := pin.Wait(device, now); ms > 0 {
			return &handheld.Refusal{Code: warehouse.CodePinWait, Text: warehouse.PinWaitText(ms)}, nil
		}
		right, err := pins.Right(ctx, req.Pin, pin.Hash)
		if err != nil {
			return pinRefused(err)
		}
		in.Pin, in.Rev = warehouse.PinWrong, pin.Rev
		if right {
			in.Pin = warehouse.PinRight
		}
	}
	req.Command = in
	return nil, nil
}

// pinRefused tells a PIN that cannot be from a gateway that had no time.
func pinRefused(err error) (*handheld.Refusal, error) {
	for _, form := range []error{pins.ErrForm, pins.ErrWeak, pins.ErrHash} {
		if err == form { //nolint:errorlint // they come as they are
			return &handheld.Refusal{Code: warehouse.CodeInvalid, Text: err.Error()}, nil
		}
	}
	return nil, fmt.Errorf("PIN: %w", err)
}
