package rfid

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// r2000 talks as readers of the R2000 family do.
type r2000 struct {
	*session
	waiting []order
	round   *round
}

// round is one inventory that is under way.
type round struct {
	cmd   byte
	slots []int // antennas to come, from 0; the first is at work
	from  time.Time
	slot  time.Time // when the first slot began
	first int       // the antenna it began with
	total int
}

func (s *r2000) busy() bool { return s.round != nil || len(s.waiting) > 0 }

func (s *r2000) drop(bool) { s.waiting, s.round = nil, nil }

func (s *r2000) take() {
	var got []order
	got, s.buf = orders(s.buf, byte(s.r.params.Address))
	for _, o := range got {
		if o.cmd == cmdReset { // takes effect at once, and is not answered
			s.reset()
			return
		}
		if len(s.waiting) < maxOrders {
			s.waiting = append(s.waiting, o)
		}
	}
}

// step goes on with the round, and with the next command when there is none.
func (s *r2000) step(now time.Time) {
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
func (s *r2000) say(cmd byte, data ...byte) bool {
	p := answer(byte(s.r.params.Address), cmd, data...)
	return s.speak(p, len(p)-1)
}

// obey carries out one command.
func (s *r2000) obey(o order, now time.Time) {
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
func (s *r2000) begin(o order, now time.Time) {
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
	s.round = &round{cmd: o.cmd, slots: slots, from: now, slot: now, first: slots[0]}
	s.open(now)
	s.enter()
}

// enter looks at the antenna of the next slot and leaves broken ones out.
func (s *r2000) enter() {
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
func (s *r2000) listen(now time.Time) {
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
	s.ended()
	if r.faults.On(NoRoundEnd) {
		return
	}
	ms := now.Sub(w.from).Milliseconds()
	if w.cmd == cmdFastSwitch {
		s.say(w.cmd, byte(w.total>>16), byte(w.total>>8), byte(w.total), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms))
		return
	}
	rate := int64(w.total) * 1000 / max(1, ms)
	s.say(w.cmd, byte(w.first), byte(rate>>8), byte(rate), byte(w.total>>24), byte(w.total>>16), byte(w.total>>8), byte(w.total))
}

// slot listens with the antenna at work up to a time.
func (s *r2000) slot(w *round, until time.Time) {
	antenna := w.slots[0]
	for _, h := range s.air(antenna, until) {
		w.total++
		if s.say(w.cmd, s.r.tagData(h, antenna)...) {
			s.told(h)
		}
	}
}

// tagData is the data of a tag frame: frequency and antenna, PC, EPC, strength.
func (r *Reader) tagData(h hit, antenna int) []byte {
	frequency := byte(35)
	if !r.params.Steady {
		r.draw(func(rng *rand.Rand) { frequency = byte(rng.IntN(50)) })
	}
	word := pc(h.chip.epc)
	strength := min(max(h.rssi+129, 0), 255)
	if r.params.Ports == 8 { // the top bit tells of antennas 5 to 8
		strength = min(strength, 127)
		if antenna >= 4 {
			strength |= 0x80
		}
	}
	d := append([]byte{frequency<<2 | byte(antenna&3), byte(word >> 8), byte(word)}, h.chip.epc...)
	return append(d, byte(strength))
}
