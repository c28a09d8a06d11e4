package scale

import (
	"context"
	"fmt"
	"time"

	"tote/drivers"
)

// Exchange sends a question and calls frame for each frame that comes, until it
// says that it has heard enough, wait is over (an error with code
// CodeScaleSilent) or the port dies. What was received before is thrown away.
func Exchange(ctx context.Context, port drivers.Port, framer Framer, ask string, wait time.Duration, frame func([]byte) (done bool)) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	silent := func(err error) error {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", drivers.Coded(drivers.CodeScaleSilent), ctx.Err())
		}
		return err
	}
	framer.Reset()
	if ask != "" {
		if _, err := drivers.Discard(port); err != nil {
			return err
		}
		if _, err := port.Write(ctx, []byte(ask)); err != nil {
			return silent(err)
		}
	}
	var buf [256]byte
	for done := false; !done; {
		n, err := drivers.Receive(ctx, port, buf[:])
		if err != nil {
			return silent(err)
		}
		framer.Push(buf[:n], func(p []byte, err error) {
			done = done || err == nil && frame(p)
		})
	}
	return nil
}

// identifyTime bounds one question to a scale that may be none.
const identifyTime = 500 * time.Millisecond

// Identify is the Identifier of a protocol: it asks for a weight, or listens
// for one, and then who the scale is, where that can be asked. A scale that
// answers and cannot tell is an empty Identity. A number without a unit has to be
// said twice. That it does not know the
// question says nothing: families share their words for that.
func (p Protocol) Identify(ctx context.Context, port drivers.Port) (drivers.Identity, error) {
	wait, need := identifyTime, 1
	bare := false // the answer was a number without a unit
	if !p.Polled() {
		wait, need = 2*time.Second, 1+p.Stale+p.Window // frames by chance are rare, several of them rarer
	}
	ask := func() error {
		return Exchange(ctx, port, p.Framer(), p.Ask, wait, func(frame []byte) bool {
			a, err := p.Parse(frame)
			if err == nil && a.Kind != AnswerSyntax && a.Kind != AnswerTransmit && a.Kind != AnswerIrrelevant {
				need--
				bare = a.Kind == AnswerWeight && a.Unit == ""
			}
			return need <= 0
		})
	}
	err := ask()
	if err == nil && p.Polled() && bare {
		// Digits alone may be a scan that came just then; a scale says them again.
		need = 1
		return drivers.Identity{}, ask()
	}
	if err != nil && p.Polled() && ctx.Err() == nil {
		// Somebody may have asked in another language before: half a command of
		// his is still in front of ours.
		err = ask()
	}
	if err != nil || p.Identity == nil {
		return drivers.Identity{}, err
	}
	return p.Identity(ctx, port)
}
