package scale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tote/drivers"
)

// Times of a command.
const (
	freshTime   = 2 * time.Second // a reading that is older says nothing of the pan now
	commandTime = 5 * time.Second // until the weights show what the command did
)

// Zero makes what lies on the scale its new zero. It is refused unless the
// scale rests and is as good as empty (Config.EmptyMg), without a tare. It
// returns when the scale shows a stable zero: an accepted command proves
// nothing. Errors carry CodeScaleNoCommand, CodeScaleNotEmpty,
// CodeScaleNotDone or CodeScaleSilent.
func (d *Driver) Zero(ctx context.Context) error {
	return d.act(ctx, d.cfg.Protocol.Zero, func(r Reading) bool {
		return r.Stable && r.Weighs() && !r.Net && max(r.Milligrams, -r.Milligrams) <= d.cfg.EmptyMg
	}, func(r Reading) bool { return r.Stable && r.Zero })
}

// Tare takes what lies on the scale off all weights to come. It is refused
// unless the scale rests at more than zero. Errors as of Zero.
func (d *Driver) Tare(ctx context.Context) error {
	return d.act(ctx, d.cfg.Protocol.Tare,
		func(r Reading) bool { return r.Stable && r.Weighs() && r.Milligrams > 0 },
		func(r Reading) bool { return r.Stable && r.Zero })
}

// ClearTare takes the tare back; afterwards weights are gross. It is refused
// unless the scale rests. Scales that do not tell net from gross are believed.
// Errors as of Zero.
func (d *Driver) ClearTare(ctx context.Context) error {
	return d.act(ctx, d.cfg.Protocol.Clear,
		func(r Reading) bool { return r.Stable && r.Weighs() },
		func(r Reading) bool { return r.Stable && !r.Net })
}

// Last gives the newest reading; At is zero before the first.
func (d *Driver) Last() Reading {
	r, _ := d.newest()
	return r
}

func (d *Driver) newest() (Reading, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last, d.heard
}

// act has Run send a command and waits until the readings show that it was
// done.
func (d *Driver) act(ctx context.Context, command string, may, done func(Reading) bool) error {
	if command == "" {
		return d.failed(drivers.CodeScaleNoCommand)
	}
	d.acting.Lock()
	defer d.acting.Unlock()
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	r, _ := d.newest()
	switch {
	case time.Since(r.At) > freshTime:
		return d.failed(drivers.CodeScaleSilent)
	case !may(r):
		return d.failed(drivers.CodeScaleNotEmpty)
	}
	o := &order{bytes: command, sent: make(chan struct{})}
	d.orders <- o // there is room: whoever gives up takes it back
	select {
	case <-o.sent:
	case <-ctx.Done():
		select { // the scale went away; when it is back it must not be told
		case <-d.orders:
		default:
		}
		return d.failed(drivers.CodeScaleSilent)
	}
	for {
		r, heard := d.newest()
		if r.At.After(o.at) && done(r) {
			return nil
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return d.failed(drivers.CodeScaleNotDone)
		}
	}
}

func (d *Driver) failed(code string) error {
	return fmt.Errorf("scale %s: %w", d.cfg.Name, drivers.Coded(code))
}

// order is a command on its way to Run.
type order struct {
	bytes string
	sent  chan struct{} // closed when it was written
	at    time.Time     // when; set before
}

// command sends what waits to be sent. One that the line does not take is as a
// question that it does not take: the readings will show that nothing was done.
func (d *Driver) command(ctx context.Context, port drivers.Port) error {
	select {
	case o := <-d.orders:
		ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
		defer cancel()
		_, err := port.Write(ctx, []byte(o.bytes))
		o.at = time.Now()
		close(o.sent)
		if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil
		}
		return err
	default:
		return nil
	}
}
