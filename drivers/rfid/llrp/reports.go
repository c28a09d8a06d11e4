package llrp

import (
	"encoding/hex"
	"math"
	"strings"
	"time"

	"tote/drivers/rfid"
	"tote/drivers/rfid/llrp/wire"
)

// report gives the tags of one report to the sink.
func (s *session) report(body []byte) {
	s.d.stats.reports.Add(1)
	s.d.doubt = s.d.doubt && !s.cleared
	if s.emit == nil {
		s.emit = s.tag // made once: it costs memory
	}
	skipped, err := wire.Report(body, &s.scratch, s.emit)
	if skipped > 0 {
		s.d.stats.unread.Add(uint64(skipped))
	}
	s.sound(wire.ROAccessReport, err)
}

// tag makes a read of one tag.
func (s *session) tag(t *wire.Tag) {
	d := s.d
	switch {
	case !s.cleared: // an earlier client's, or from before
		d.stats.stale.Add(1)
		return
	case len(t.EPC) == 0:
		d.stats.blank.Add(1)
		return
	}
	r := rfid.Read{EPC: d.epcs.text(t.EPC), PC: t.PC, Antenna: t.Antenna, RSSI: t.RSSI, At: s.now}
	if t.Has&wire.HasPhase != 0 {
		r.Phase, r.HasPhase = (t.Phase*36000+2048)/4096, true // 4096ths of a turn to hundredths of a degree
	}
	r.ReaderTime = s.clock.seen(t, s.now, d.cfg.Skew)
	// A read that waited in the reader since before this connection must not
	// look as if it were now.
	if !r.ReaderTime.IsZero() && s.began.Sub(r.ReaderTime) > d.cfg.Skew {
		d.stats.stale.Add(1)
		return
	}
	d.stats.reads.Add(1)
	d.cfg.Sink(r)
}

// clock is what is known of the reader's clock.
type clock struct {
	wrong    bool // too far from ours: its times are not used
	skew     time.Duration
	anchored bool
	uptime   uint64    // of the reader, microseconds …
	at       time.Time // … when it was so late here
}

// check compares a time of the reader with ours.
func (c *clock) check(utc uint64, now time.Time, limit time.Duration) {
	c.skew = math.MaxInt64
	if utc <= math.MaxInt64/1000 {
		c.skew = now.Sub(time.UnixMicro(int64(utc)))
	}
	c.wrong = c.skew > limit || c.skew < -limit
}

// anchor ties the time since the reader's start to ours, once in a session.
func (c *clock) anchor(uptime uint64, now time.Time, anew bool) {
	if anew || !c.anchored {
		c.anchored, c.uptime, c.at = true, uptime, now
	}
}

// seen is when the reader saw a tag, zero when it did not tell or its clock is
// wrong.
func (c *clock) seen(t *wire.Tag, now time.Time, limit time.Duration) time.Time {
	utc, uptime := t.LastUTC, t.LastUptime
	if t.Has&wire.HasLastUTC == 0 {
		utc = t.FirstUTC
	}
	if t.Has&wire.HasLastUptime == 0 {
		uptime = t.FirstUptime
	}
	switch {
	case t.Has&(wire.HasLastUTC|wire.HasFirstUTC) != 0:
		if utc > math.MaxInt64/1000 || time.UnixMicro(int64(utc)).Sub(now) > limit {
			c.check(utc, now, limit) // no tag is seen in the future
		}
		if c.wrong {
			return time.Time{}
		}
		return time.UnixMicro(int64(utc))
	case t.Has&(wire.HasLastUptime|wire.HasFirstUptime) != 0:
		c.anchor(uptime, now, false)
		since := int64(uptime - c.uptime)
		if since > math.MaxInt64/1000 || since < math.MinInt64/1000 {
			return time.Time{}
		}
		return c.at.Add(time.Duration(since) * time.Microsecond)
	}
	return time.Time{}
}

// epcs remembers how EPCs are written: the same tags are read again and again.
type epcs struct{ known map[string]string }

// maxEPCs bounds what is remembered; then it begins anew.
const maxEPCs = 1 << 16

func (e *epcs) text(epc []byte) string {
	if s, ok := e.known[string(epc)]; ok {
		return s
	}
	if e.known == nil || len(e.known) >= maxEPCs {
		e.known = make(map[string]string, 1024)
	}
	s := strings.ToUpper(hex.EncodeToString(epc))
	e.known[string(epc)] = s
	return s
}
