package rounds

import (
	"bytes"
	"context"
	"errors"
	"time"

	"tote/drivers"
)

const (
	// askTries is how often a question is put: the reader may be in the middle
	// of a round that another program started.
	askTries = 3
	// partialLimit is how long a packet may pause. At 9600 baud a byte takes
	// 1 ms, and a USB adapter collects for 16 ms at most.
	partialLimit = 50 * time.Millisecond
	// healthFrames is after how many packets and runs of noise their share is
	// judged, and damagedShare from which share on, in percent, the line is
	// called bad.
	healthFrames = 200
	damagedShare = 10
)

// Line is one open port of a reader, cut into packets. It belongs to Run's
// goroutine.
type Line struct {
	cfg    *Config
	stats  *stats
	port   drivers.Port
	framer *Framer
	raw    bool // bytes came since the last packet

	bad        uint64 // of the framer, counted already
	good0      uint64 // of the framer, when the share was last judged
	bad0       uint64
	damagedNow bool
}

// Clear throws away everything received so far.
func (l *Line) Clear() error {
	if _, err := drivers.Discard(l.port); err != nil {
		return err
	}
	l.framer.Reset()
	l.raw = false
	return nil
}

// Write sends bytes as they are.
func (l *Line) Write(ctx context.Context, p []byte) error {
	_, err := l.port.Write(ctx, p)
	return err
}

// Ask puts a question and waits for the packet that is its answer. code is that
// of silence when there is none; err is the port's or that of ctx.
func (l *Line) Ask(ctx context.Context, question []byte, is func(wire []byte) bool) (answer []byte, code string, err error) {
	for range askTries {
		if err := l.Write(ctx, question); err != nil {
			return nil, "", err
		}
		found := false
		end := time.Now().Add(l.cfg.Answer)
		for !found && time.Now().Before(end) {
			_, err := l.receive(ctx, time.Until(end), func(wire []byte) {
				if !found && is(wire) {
					answer, found = bytes.Clone(wire), true
				}
			})
			if err != nil {
				return nil, "", err
			}
		}
		if found {
			return answer, "", nil
		}
	}
	return nil, l.silent(), nil
}

// silent is the code for no packets: there may have been bytes all the same.
func (l *Line) silent() string {
	if l.raw {
		return drivers.CodeRFIDUnreadable
	}
	return drivers.CodeRFIDSilent
}

// receive waits for bytes, for wait at most, and hands on the packets of our
// reader; heard tells whether there were any. The error is the port's or that
// of ctx.
func (l *Line) receive(ctx context.Context, wait time.Duration, frame func(wire []byte)) (heard bool, err error) {
	mine := func(wire []byte) {
		if l.cfg.Mine != nil && !l.cfg.Mine(wire) {
			return
		}
		heard, l.raw = true, false
		frame(wire)
	}
	if l.framer.Pending() {
		wait = min(wait, partialLimit)
	}
	var buf [1024]byte
	limited, cancel := context.WithTimeout(ctx, max(wait, time.Millisecond))
	defer cancel()
	n, err := drivers.Receive(limited, l.port, buf[:])
	switch {
	case err == nil:
		l.raw = true
		l.framer.Push(buf[:n], mine)
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		l.framer.Skip(mine)
		err = nil
	}
	l.judge()
	return heard, err
}

// judge counts what was thrown away and says now and then how good the line is.
func (l *Line) judge() {
	bad := l.framer.Bad()
	l.stats.bad.Add(bad - l.bad)
	l.bad = bad
	good, bad := l.framer.Good()-l.good0, bad-l.bad0
	if good+bad < healthFrames {
		return
	}
	share := 100 * bad / (good + bad)
	l.stats.damaged.Store(share)
	l.damagedNow = share >= damagedShare
	l.good0, l.bad0 = l.framer.Good(), l.framer.Bad()
}

// pause waits and throws away what comes meanwhile, so that a talking device
// does not fill the queue; the port's end is seen.
func (l *Line) pause(ctx context.Context, wait time.Duration) error {
	end := time.Now().Add(wait)
	for left := wait; left > 0; left = time.Until(end) {
		limited, cancel := context.WithTimeout(ctx, left)
		var buf [256]byte
		_, err := drivers.Receive(limited, l.port, buf[:])
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return err
		}
	}
	return nil
}

// NewLine is a line outside of Run, for somebody who asks one question. wait is
// for one answer. What was received before is thrown away.
func NewLine(port drivers.Port, p Packet, wait time.Duration) (*Line, error) {
	l := &Line{cfg: &Config{Answer: wait}, stats: &stats{}, port: port, framer: NewFramer(p)}
	return l, l.Clear()
}
