package scale

import "time"

// steady holds a reading back from being stable until the scale said the same
// several times in a row: one flipped bit on a wire without a checksum is
// another digit, but not twice. It never makes a reading stable by itself.
type steady struct {
	need  int
	equal int
	last  Reading
}

// see counts r and takes Stable from it as long as there were too few.
func (s *steady) see(r *Reading) {
	if !r.Stable {
		s.broken()
		return
	}
	same := r.Value == s.last.Value && r.Decimals == s.last.Decimals && r.Unit == s.last.Unit && r.Net == s.last.Net && r.Tare == s.last.Tare
	if !same || s.equal == 0 {
		s.equal = 0
		s.last = *r
	}
	s.equal = min(s.equal+1, s.need)
	r.Stable = s.equal >= s.need
}

// broken starts over: the row of equal readings has ended.
func (s *steady) broken() { s.equal = 0 }

// driftTime is how long an empty scale must rest beside zero until that is
// drift: what somebody lays down and takes off again is none.
const driftTime = 10 * time.Second

// drift watches whether the empty scale still shows zero. Dirt, temperature and
// creep move the zero point, and every weight of a day with it.
type drift struct {
	limit, empty int64 // milligrams; limit 0 = off
	on           bool
	off          bool      // the reading rests beside zero
	since        time.Time // when that began
}

// see watches one reading and marks it with Drift.
func (d *drift) see(r *Reading) {
	mg := max(r.Milligrams, -r.Milligrams)
	switch {
	case d.limit == 0:
		return
	case !r.Stable || !r.Weighs() || r.Net || mg > d.empty:
		d.broken() // there is work on it, or a tare; what is known stays
	case mg <= d.limit:
		d.on, d.off = false, false
	case !d.off:
		d.off, d.since = true, r.At
	case r.At.Sub(d.since) >= driftTime:
		d.on = true
	}
	r.Drift = d.on
}

// broken ends the time of rest.
func (d *drift) broken() { d.off = false }
