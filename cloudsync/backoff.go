package cloudsync

import (
	"context"
	"time"
)

// Times of the retry rules.
const (
	backoffBase    = 500 * time.Millisecond
	capConnection  = 60 * time.Second
	capBusy        = 5 * time.Minute
	capLocal       = 5 * time.Second // our own site cannot commit; asking costs nothing
	deniedRetry    = 5 * time.Minute // stopped, but heals when the key is renewed
	maxRetryAfter  = time.Hour
	defaultSpread  = 30 * time.Second
	pollWait       = 30 * time.Second
	idleLook       = 30 * time.Second // a missed kick costs no more than this
	idleLookNoKick = time.Second
)

// fullJitter is random(0, min(limit, base × 2^n)).
func fullJitter(rnd func(int64) int64, n int, limit time.Duration) time.Duration {
	d := limit
	if n < 30 { // beyond, base × 2^n is past every limit
		d = min(limit, backoffBase<<n)
	}
	return time.Duration(rnd(int64(d) + 1))
}

// local is not the OMS's fault: the site cannot commit or read.
const local Kind = -1

// retry counts the failures of one loop and says how long to wait.
type retry struct {
	rnd    func(int64) int64
	spread time.Duration
	up     bool // the last call got an answer
	n      int
}

func (t *retry) success() { t.n, t.up = 0, true }

// failure returns the wait before the next attempt. There is no last attempt.
func (t *retry) failure(kind Kind, retryAfter time.Duration) time.Duration {
	wasUp := t.up
	t.up = kind != Unreachable
	n := t.n
	t.n++
	switch {
	case retryAfter > 0:
		return min(retryAfter, maxRetryAfter)
	case kind == local:
		return fullJitter(t.rnd, n, capLocal)
	case kind == Denied || kind == Misplaced:
		return deniedRetry
	case kind == Unreachable && wasUp && t.spread > 0:
		// Many sites lose the same OMS at once; they must not all come
		// back in the same second.
		return time.Duration(t.rnd(int64(t.spread) + 1))
	case kind == Unreachable || kind == InProgress:
		return fullJitter(t.rnd, n, capConnection)
	}
	return fullJitter(t.rnd, n, capBusy)
}

// pause waits for d, a wake, or the end of ctx.
func pause(ctx context.Context, d time.Duration, wake ...<-chan struct{}) {
	var a, b <-chan struct{}
	if len(wake) > 0 {
		a = wake[0]
	}
	if len(wake) > 1 {
		b = wake[1]
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a:
	case <-b:
	case <-ctx.Done():
	}
}

// pacer bounds the events per second of a drain, so that the backlog of days
// does not starve the work of the day. A short burst is free.
type pacer struct {
	perEvent time.Duration
	next     time.Time
}

const paceBurst = 250 * time.Millisecond

func (p *pacer) took(ctx context.Context, now time.Time, n int) {
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(n) * p.perEvent)
	if d := p.next.Sub(now) - paceBurst; d > 0 {
		pause(ctx, d)
	}
}
