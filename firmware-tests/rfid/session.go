package rfid

import (
	"fmt"
	"time"

	"tote/firmware-tests/line"
)

// session is the reader's own life on its line; Run's goroutine owns it.
type session struct {
	r       *Reader
	voice   *line.Voice
	buf     []byte
	waiting []order
	round   *round
	until   time.Time // deaf until then
}

// round is one inventory that is under way.
type round struct {
	cmd   byte
	slots []int // antennas to come, from 0; the first is at work
	from  time.Time
	slot  time.Time // when the first slot began
	last  time.Time // up to when the air was listened to
	first int       // the antenna it began with
	total int
	room  float64 // answers the air still has room for
}

func (s *session) deaf() bool { return time.Now().Before(s.until) }

// forget is a loss of power.
func (s *session) forget() {
	s.buf, s.waiting, s.round = nil, nil, nil
	s.until = time.Now().Add(time.Duration(s.r.params.RestartMs) * time.Millisecond)
	s.r.mu.Lock()
	s.r.antenna = 0
	s.r.mu.Unlock()
}

// hear takes bytes off the line.
func (s *session) hear(p []byte) {
	if s.deaf() || s.r.faults.On(line.Stall) || s.r.faults.On(Babble) {
		s.buf = nil
		return
	}
	var got []order
	got, s.buf = orders(append(s.buf, p...), byte(s.r.params.Address))
	for _, o := range got {
		if o.cmd == cmdReset { // takes effect at once, and is not answered
			s.forget()
			s.r.mu.Lock()
			s.r.resets++
			s.r.mu.Unlock()
			return
		}
		if len(s.waiting) < maxOrders {
			s.waiting = append(s.waiting, o)
		}
	}
}

// step goes on with the round, and with the next command when there is none.
func (s *session) step(now time.Time) {
	switch {
	case s.r.faults.On(Babble):
		noise := make([]byte, babbleSize)
		s.r.mu.Lock()
		for i := range noise {
			noise[i] = byte(s.r.rng.Uint32())
		}
		s.r.mu.Unlock()
		_, _ = s.r.port.Write(noise)
		return
	case s.r.faults.On(line.Stall):
		s.waiting, s.round = nil, nil
		return
	}
	for {
		if s.round != nil {
			s.listen(now)
		}
		if s.round != nil || len(s.waiting) == 0 {
			return
		}
		o := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.obey(o, now)
	}
}

// say sends one packet and tells whether somebody heard all of it.
func (s *session) say(cmd byte, data ...byte) bool {
	p := answer(byte(s.r.params.Address), cmd, data...)
	if s.r.faults.On(BadChecksum) {
		p[len(p)-1] ^= 0x55
	}
	return s.voice.Say(p)
}

// obey carries out one command.
func (s *session) obey(o order, now time.Time) {
	switch o.cmd {
	case cmdRealTime, cmdSessionRound, cmdFastSwitch:
		s.begin(o, now)
		return
	}
	s.r.mu.Lock()
	reply := s.r.setting(o)
	s.r.mu.Unlock()
	s.say(o.cmd, reply...)
}

// setting answers a setting or a question; the caller holds mu.
func (r *Reader) setting(o order) []byte {
	d := o.data
	first := func() int { return int(d[0]) }
	status := func(ok bool, otherwise byte, set func()) []byte {
		switch {
		case !ok:
			return []byte{otherwise}
		case r.faults.On(Refuse):
			return []byte{failed}
		}
		set()
		return []byte{done}
	}
	switch o.cmd {
	case cmdFirmware:
		var major, minor byte
		_, _ = fmt.Sscanf(r.params.Firmware, "%d.%d", &major, &minor)
		return []byte{major, minor}
	case cmdSetAntenna:
		return status(len(d) == 1 && first() < r.params.Ports, badAntenna, func() { r.antenna = first() })
	case cmdGetAntenna:
		return []byte{byte(r.antenna)}
	case cmdSetPower, cmdTempPower: // one for all, or one for each
		ok := len(d) == 1 || len(d) == r.params.Ports && o.cmd == cmdSetPower
		for _, dBm := range d {
			ok = ok && dBm <= 33
		}
		return status(ok, badPower, func() {
			for i := range r.power {
				r.power[i] = int(d[i%len(d)])
			}
		})
	case cmdGetPower:
		same := true
		out := make([]byte, len(r.power))
		for i, dBm := range r.power {
			out[i] = byte(dBm)
			same = same && dBm == r.power[0]
		}
		if same {
			return out[:1]
		}
		return out
	case cmdSetRegion:
		return status(len(d) == 3 && d[0] >= 1 && d[0] <= 3, badRegion, func() { r.region = d })
	case cmdGetRegion:
		return r.region
	case cmdTemperature:
		return []byte{1, 36} // plus, degrees Celsius
	case cmdSetDetector:
		return status(len(d) == 1, badParameter, func() { r.detector = d[0] })
	case cmdGetDetector:
		return []byte{r.detector}
	}
	return []byte{failed}
}

// begin starts an inventory.
func (s *session) begin(o order, now time.Time) {
	r, d := s.r, o.data
	var slots []int
	switch {
	case o.cmd == cmdRealTime && len(d) == 1 || o.cmd == cmdSessionRound && len(d) == 3 && d[0] <= 3 && d[1] <= 1:
		repeat := int(d[len(d)-1])
		if repeat == 0xFF { // as short as can be
			repeat = 1
		}
		for range max(1, repeat) {
			slots = append(slots, r.antenna)
		}
	case o.cmd == cmdFastSwitch && len(d) == 2*r.params.Ports+2:
		for range max(1, int(d[len(d)-1])) {
			for i := 0; i < 2*r.params.Ports; i += 2 {
				for range d[i+1] {
					if int(d[i]) < r.params.Ports {
						slots = append(slots, int(d[i]))
					}
				}
			}
		}
	default:
		s.say(o.cmd, badParameter)
		return
	}
	if len(slots) == 0 {
		s.say(o.cmd, badParameter)
		return
	}
	s.round = &round{cmd: o.cmd, slots: slots, from: now, slot: now, last: now, first: slots[0]}
	s.enter()
}

// enter looks at the antenna of the next slot and leaves broken ones out.
func (s *session) enter() {
	w := s.round
	for len(w.slots) > 0 && s.r.faults.On(AntennaBroken(w.slots[0]+1)) {
		if w.cmd != cmdFastSwitch {
			s.round = nil
			s.say(w.cmd, antennaMissing)
			return
		}
		s.say(w.cmd, byte(w.slots[0]), antennaMissing)
		w.slots = w.slots[1:]
	}
}

// listen sends the tags the air has given since the last step, goes on to the
// next antenna when its time has come, and ends the round after the last.
func (s *session) listen(now time.Time) {
	r, w := s.r, s.round
	stay := time.Duration(r.params.RoundMs) * time.Millisecond
	for len(w.slots) > 0 {
		until := w.slot.Add(stay)
		if now.Before(until) {
			until = now
		}
		s.slot(w, until)
		if now.Before(w.slot.Add(stay)) {
			return
		}
		w.slots, w.slot = w.slots[1:], w.slot.Add(stay)
		if s.enter(); s.round == nil {
			return
		}
	}
	s.round = nil
	r.mu.Lock()
	r.rounds++
	r.mu.Unlock()
	ms := now.Sub(w.from).Milliseconds()
	if w.cmd == cmdFastSwitch {
		s.say(w.cmd, byte(w.total>>16), byte(w.total>>8), byte(w.total), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms))
		return
	}
	rate := int64(w.total) * 1000 / max(1, ms)
	s.say(w.cmd, byte(w.first), byte(rate>>8), byte(rate), byte(w.total>>24), byte(w.total>>16), byte(w.total>>8), byte(w.total))
}

// slot listens with the antenna at work up to a time.
func (s *session) slot(w *round, until time.Time) {
	r, took := s.r, until.Sub(w.last)
	if took <= 0 {
		return
	}
	w.last = until
	w.room += float64(r.params.PerSecond) * took.Seconds()
	antenna := w.slots[0]
	r.mu.Lock()
	groups := append([]*group{r.field}, r.cartons...)
	hits := listen(groups, antenna+1, r.power[antenna], until, took, int(w.room), !r.params.Steady, r.rng)
	frames := make([][]byte, len(hits))
	for i, h := range hits {
		frames[i] = r.tagData(h, antenna)
	}
	r.mu.Unlock()
	w.room -= float64(len(hits))
	for i, h := range hits {
		w.total++
		if s.say(w.cmd, frames[i]...) {
			r.mu.Lock()
			h.chip.sent++
			r.frames++
			r.mu.Unlock()
		}
	}
}

// tagData is the data of a tag frame: frequency and antenna, PC, EPC, strength.
// The caller holds mu.
func (r *Reader) tagData(h hit, antenna int) []byte {
	frequency := byte(35)
	if !r.params.Steady {
		frequency = byte(r.rng.IntN(50))
	}
	pc := uint16(len(h.chip.epc)/2) << 11
	strength := min(max(h.rssi+129, 0), 255)
	if r.params.Ports == 8 { // the top bit tells of antennas 5 to 8
		strength = min(strength, 127)
		if antenna >= 4 {
			strength |= 0x80
		}
	}
	d := append([]byte{frequency<<2 | byte(antenna&3), byte(pc >> 8), byte(pc)}, h.chip.epc...)
	return append(d, byte(strength))
}
