package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// errBusy: the queue of new connections is full; the client comes again.
var errBusy = errors.New("broker: too many new connections at once")

// gate paces new connections while nothing can be recorded and for a short time
// after that. All devices of a gateway that died come at once, each with an
// outbox to empty: the gateway that just began to lead would spend its first
// seconds on nothing but them, miss its heartbeats and lose the lead again.
//
// It is a token bucket in the form of the time at which it will be full. Who
// would have to wait longer than most is turned away, so the number that wait
// is bounded too: most/every. A connection that stands is never touched.
type gate struct {
	every, most time.Duration // one connection per every; the longest wait
	burst       int           // that many at once

	mu   sync.Mutex
	full time.Time // when all of burst are there again
}

// reserve returns how long the next connection has to wait; false = turn it away.
func (g *gate) reserve(now time.Time) (time.Duration, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	full := g.full
	if full.Before(now) || full.Sub(now) > g.most+time.Duration(g.burst)*g.every { // the clock was set back
		full = now
	}
	wait := max(0, full.Sub(now)-time.Duration(g.burst-1)*g.every)
	if wait > g.most {
		return 0, false
	}
	g.full = full.Add(g.every)
	return wait, true
}

// pass holds a client back when it has to be, before its CONNACK.
func (b *Broker) pass(c *conn, cl *mochi.Client, dev Device) error {
	// A person at the machine is no herd.
	if dev.Class == ClassWatch || !b.strained() {
		return nil
	}
	wait, ok := b.gate.reserve(b.cfg.Now())
	if !ok {
		b.turnedAway.Add(1)
		b.say("turned away", slog.LevelInfo, "new connections are paced, some are turned away and come again", "device", dev.String(), "remote", c.RemoteAddr())
		code := packets.ErrServerUnavailable
		if cl.Properties.ProtocolVersion >= 5 {
			code = packets.ErrServerBusy
		}
		_ = b.server.SendConnack(cl, code, false, nil) // it is gone when this fails
		c.closeFor(errBusy)
		return errBusy
	}
	if wait == 0 {
		return nil
	}
	b.paced.Add(1)
	b.say("paced", slog.LevelInfo, "new connections are paced", "device", dev.String(), "wait", wait)
	if !pause(c.ctx, wait) {
		return fmt.Errorf("%w: %w", errBusy, context.Cause(c.ctx))
	}
	// The library began to count the keep-alive before the wait.
	if alive := time.Duration(cl.State.Keepalive) * time.Second; alive > 0 {
		return c.SetDeadline(time.Now().Add(alive + alive/2))
	}
	return nil
}

// strained says whether new connections are to be paced.
func (b *Broker) strained() bool {
	if b.cfg.Quorum == nil {
		return false
	}
	ok, since := b.cfg.Quorum()
	return !ok || b.cfg.Now().Sub(since) < b.cfg.Limits.SettleTime
}
