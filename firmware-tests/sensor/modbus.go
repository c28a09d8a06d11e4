package sensor

import (
	"tote/firmware-tests/line"
)

// Functions, registers and exceptions the sensor knows.
const (
	fnHolding = 0x03
	fnInput   = 0x04
	fnWrite   = 0x06
	refused   = 0x80

	badFunction = 1
	badRegister = 2
	badValue    = 3

	regTemperature = 0x0001
	regHumidity    = 0x0002
	regAddress     = 0x0101
	regBaud        = 0x0102
)

// requestLen is the length of every request the sensor knows.
const requestLen = 8

// check is the CRC of Modbus, bit by bit as its specification draws it: low byte
// first on the line.
func check(p []byte) (lo, hi byte) {
	reg := uint(0xFFFF)
	for _, b := range p {
		reg ^= uint(b)
		for bit := 0; bit < 8; bit++ {
			carry := reg & 1
			reg >>= 1
			if carry != 0 {
				reg ^= 0xA001
			}
		}
	}
	return byte(reg), byte(reg >> 8)
}

// hear answers whole requests and returns what is not one yet. A request with a
// wrong check is for nobody.
func (s *Sensor) hear(voice *line.Voice, heard []byte) []byte {
	for len(heard) >= requestLen {
		req := heard[:requestLen]
		lo, hi := check(req[:requestLen-2])
		if req[6] != lo || req[7] != hi {
			heard = heard[1:]
			continue
		}
		heard = heard[requestLen:]
		if s.faults.On(line.Stall) {
			continue
		}
		if s.faults.On(Echo) {
			voice.Say(req)
		}
		if answer := s.answer(req); answer != nil {
			lo, hi := check(answer)
			if s.faults.On(BadChecksum) {
				lo ^= 0x55
			}
			voice.Say(append(answer, lo, hi))
		}
	}
	return heard
}

// answer is without its check; nil for another address, and for all at once.
func (s *Sensor) answer(req []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(req[0]) != s.state.Address {
		return nil
	}
	s.state.Asked++
	no := func(why byte) []byte { return []byte{req[0], req[1] | refused, why} }
	reg, n := int(req[2])<<8|int(req[3]), int(req[4])<<8|int(req[5])
	var from func(reg int) (int, bool)
	switch req[1] {
	case fnInput:
		from = s.input
	case fnHolding:
		from = s.holding
	case fnWrite:
		if reg != regAddress {
			return no(badRegister)
		}
		if n < 1 || n > 247 {
			return no(badValue)
		}
		s.state.Address = n
		return append([]byte(nil), req[:requestLen-2]...)
	default:
		return no(badFunction)
	}
	switch {
	case s.faults.On(Refuse):
		return no(badRegister)
	case n < 1 || n > 125:
		return no(badValue)
	}
	out := []byte{req[0], req[1], byte(2 * n)}
	for i := range n {
		v, ok := from(reg + i)
		if !ok {
			return no(badRegister)
		}
		out = append(out, byte(v>>8), byte(v))
	}
	return out
}

// input is a measured value; the caller holds mu.
func (s *Sensor) input(reg int) (int, bool) {
	count := func(milli int64) int { return int(milli * int64(s.params.PerDegree) / 1000) }
	switch {
	case reg != regTemperature && reg != regHumidity:
		return 0, false
	case s.faults.On(Broken):
		return 0xFFFF, true
	case reg == regTemperature:
		return count(s.state.MilliC), true
	}
	return count(s.state.MilliRH), true
}

// holding is a setting; the caller holds mu.
func (s *Sensor) holding(reg int) (int, bool) {
	switch reg {
	case regAddress:
		return s.state.Address, true
	case regBaud:
		return 9600, true
	}
	return 0, false
}
