package rfid

import (
	"encoding/hex"
	"slices"
	"time"
)

// Packets of ThingMagic's Mercury protocol: FF, length of the data, operation,
// in answers status (2), data, CRC (2).
const (
	mercVersion, mercRead, mercMulti            = 0x03, 0x22, 0x2F
	mercGetPower, mercSetPower                  = 0x62, 0x92
	mercGetRegion, mercSetRegion                = 0x67, 0x97
	mercAntennas, mercProtocol, mercOption      = 0x91, 0x93, 0x9A
	mercBadOp, mercBadValue, mercBadRegion      = 0x0101, 0x0105, 0x010B
	mercTooMuch, mercAlive, mercReturnLoss      = 0x0103, 0x0400, 0x0505
	mercMaxPower                                = 3100 // dBm × 100
	mercEurope                             byte = 8
	mercKHz                                     = 866_300
)

// mercVersionData is the answer of a module to a question for its version, as
// captured from one.
const mercVersionData = "2301060038000201202409130201060800000010"

// mercury talks as ThingMagic modules do.
type mercury struct {
	*session
	reading bool
	region  byte // 0 = none: it does not send
	ports   []int
	at      int       // which of ports is at work
	due     time.Time // when the next one is
	alive   time.Time // when it last said that it reads
}

func newMercury(s *session) *mercury {
	f := &mercury{session: s}
	f.drop(true)
	return f
}

func (s *mercury) busy() bool { return s.reading }

// drop: everything is forgotten with the power.
func (s *mercury) drop(lost bool) {
	s.reading = false
	if lost {
		s.region, s.ports = 0, []int{0}
	}
}

// mercCRC divides the message, each bit shifted in at the low end, by the
// polynomial 1021.
func mercCRC(p []byte) (high, low byte) {
	register := uint32(0xFFFF)
	for _, b := range p {
		for bit := 7; bit >= 0; bit-- {
			register = register<<1 | uint32(b>>bit)&1
			if register&0x10000 != 0 {
				register ^= 0x11021
			}
		}
	}
	return byte(register >> 8), byte(register)
}

func (s *mercury) say(op byte, status uint16, data ...byte) bool {
	p := append([]byte{0xFF, byte(len(data)), op, byte(status >> 8), byte(status)}, data...)
	high, low := mercCRC(p[1:])
	p = append(p, high, low)
	return s.speak(p, len(p)-1)
}

// take obeys whole commands; damaged ones are passed over in silence.
func (s *mercury) take() {
	for len(s.buf) > 0 {
		if s.buf[0] != 0xFF {
			s.buf = s.buf[1:]
			continue
		}
		if len(s.buf) < 2 {
			return
		}
		n := int(s.buf[1]) + 5
		if n > 64 {
			s.buf = s.buf[1:]
			continue
		}
		if len(s.buf) < n {
			return
		}
		if high, low := mercCRC(s.buf[1 : n-2]); s.buf[n-2] != high || s.buf[n-1] != low {
			s.buf = s.buf[1:]
			continue
		}
		whole := slices.Clone(s.buf[:n])
		s.buf = s.buf[n:]
		s.obey(whole[2], whole[3:n-2])
	}
}

func (s *mercury) obey(op byte, d []byte) {
	set := func(ok bool, otherwise uint16, do func()) {
		switch {
		case !ok:
			s.say(op, otherwise)
		case s.r.faults.On(Refuse):
			s.say(op, mercBadValue)
		default:
			do()
			s.say(op, 0)
		}
	}
	word := func(i int) int { return int(d[i])<<8 | int(d[i+1]) }
	switch op {
	case mercVersion:
		version, _ := hex.DecodeString(mercVersionData)
		s.say(op, 0, version...)
	case mercGetRegion:
		s.say(op, 0, s.region)
	case mercSetRegion:
		set(len(d) == 1 && d[0] > 0 && d[0] < 0x10, mercBadRegion, func() { s.region = d[0] })
	case mercProtocol:
		set(len(d) == 2 && word(0) == 5, mercBadValue, func() {})
	case mercOption:
		set(len(d) == 3 && d[0] == 1, mercBadValue, func() {})
	case mercAntennas:
		var ports []int
		ok := len(d) > 2 && d[0] == 2 && len(d)%2 == 1
		for i := 1; ok && i < len(d); i += 2 {
			ok = d[i] == d[i+1] && d[i] > 0 && int(d[i]) <= s.r.params.Ports
			ports = append(ports, int(d[i])-1)
		}
		set(ok, mercBadValue, func() { s.ports, s.at = ports, 0 })
	case mercGetPower:
		v := s.r.State().PowerDbm[0] * 100
		s.say(op, 0, 0, byte(v>>8), byte(v))
	case mercSetPower:
		set(len(d) == 2 && word(0) <= mercMaxPower, mercTooMuch, func() {
			s.r.mu.Lock()
			defer s.r.mu.Unlock()
			for i := range s.r.power {
				s.r.power[i] = word(0) / 100
			}
		})
	case mercMulti:
		s.multi(d)
	default:
		s.say(op, mercBadOp)
	}
}

// multi begins to read without end, or ends it.
func (s *mercury) multi(d []byte) {
	switch {
	case len(d) == 3 && d[2] == 2:
		s.reading = false
		s.say(mercMulti, 0, 2)
	case len(d) < 7 || d[2] != 1 || d[3] != mercRead:
		s.say(mercMulti, mercBadValue)
	case s.region == 0:
		s.say(mercMulti, mercBadRegion)
	default:
		now := time.Now()
		s.reading, s.at, s.alive = true, 0, now
		s.due = now.Add(s.stay())
		s.open(now)
		s.say(mercMulti, 0, 1)
	}
}

func (s *mercury) stay() time.Duration { return time.Duration(s.r.params.RoundMs) * time.Millisecond }

// step tells the tags of the antenna at work, goes on to the next when its time
// is over, and says once a second that it reads.
func (s *mercury) step(now time.Time) {
	if !s.reading {
		return
	}
	for {
		until := s.due
		if now.Before(until) {
			until = now
		}
		port := s.ports[s.at]
		hits := s.air(port, until)
		if !s.r.faults.On(AntennaBroken(port + 1)) {
			for _, h := range hits {
				if s.say(mercRead, 0, s.record(h, port)...) {
					s.told(h)
				}
			}
		}
		if now.Before(s.due) {
			break
		}
		s.at, s.due = (s.at+1)%len(s.ports), s.due.Add(s.stay())
	}
	if now.Sub(s.alive) < time.Second {
		return
	}
	s.alive = now
	s.ended()
	for _, port := range s.ports {
		if s.r.faults.On(AntennaBroken(port + 1)) {
			s.say(mercRead, mercReturnLoss)
		}
	}
	if s.r.faults.On(NoRoundEnd) {
		s.reading = false
		return
	}
	s.say(mercRead, mercAlive)
}

// record is the data of a tag record, in the order of the captured one.
func (s *mercury) record(h hit, port int) []byte {
	ms := time.Since(s.alive).Milliseconds()
	word, bits := pc(h.chip.epc), (len(h.chip.epc)+4)*8
	d := []byte{
		0x10, 0x00, 0x1B, 0x01, 0xFF, 0x01, 0x01,
		byte(int8(max(h.rssi, -128))), byte(port+1)<<4 | byte(port+1),
		mercKHz >> 16, mercKHz >> 8 & 0xFF, mercKHz & 0xFF,
		byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms), 0, 0, 5, 0, 0, 0x0F, byte(bits >> 8), byte(bits),
	}
	tag := append([]byte{byte(word >> 8), byte(word)}, h.chip.epc...)
	crc := tagCRC(tag)
	return append(append(d, tag...), byte(crc>>8), byte(crc))
}
