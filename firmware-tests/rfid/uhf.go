package rfid

import (
	"fmt"
	"slices"
	"time"
)

// Frames of UHFReader18 and UHFReader288: length, address, command, in answers
// status, data, CRC.
const (
	uhfInventory, uhfInfo, uhfScanTime, uhfPower = 0x01, 0x21, 0x25, 0x2F
	uhfSetMode, uhfGetMode, uhfPushed, uhfOther  = 0x35, 0x36, 0xEE, 0x00

	uhfDone, uhfOver, uhfMore                = 0x00, 0x01, 0x03
	uhfNoAntenna, uhfNoTag                   = 0xF8, 0xFB
	uhfBadLength, uhfIllegal, uhfRefuse      = 0xFD, 0xFE, 0xFF
	uhfPerFrame                              = 4 // tags
	uhfType18, uhfType288               byte = 0x09, 0x0C
)

// uhf talks as a UHFReader18 or a UHFReader288 does.
type uhf struct {
	*session
	is288 bool
	scan  byte   // longest inventory of the 18, in 100 ms
	mode  []byte // work mode of the 18, six bytes; the first is 0 when it answers, 1 when it pushes
	due   time.Time
	port  int // antenna of the round, from 0; -1 = no round
	found []hit
}

func newUHF(s *session) *uhf {
	f := &uhf{session: s, is288: s.r.params.Family == FamilyUHF288, scan: 10, port: -1, mode: []byte{0, 2, 4, 2, 6, 0}}
	if s.r.params.Pushes {
		f.mode[0] = 1
	}
	return f
}

func (s *uhf) pushes() bool { return !s.is288 && s.mode[0] != 0 }

func (s *uhf) busy() bool { return s.port >= 0 || s.pushes() }

func (s *uhf) drop(bool) { s.port, s.found = -1, nil }

// uhfCRC is the check: a register of 16 bits, shifted right, polynomial 8408.
func uhfCRC(p []byte) (low, high byte) {
	register := uint16(0xFFFF)
	for _, b := range p {
		for bit := range 8 {
			odd := register&1 != uint16(b>>bit)&1
			if register >>= 1; odd {
				register ^= 0x8408
			}
		}
	}
	return byte(register), byte(register >> 8)
}

func (s *uhf) say(cmd, status byte, data ...byte) bool {
	p := append([]byte{byte(len(data) + 5), byte(s.r.params.Address), cmd, status}, data...)
	low, high := uhfCRC(p)
	p = append(p, low, high)
	return s.speak(p, len(p)-1)
}

// take obeys whole commands for this address; others are passed over.
func (s *uhf) take() {
	for len(s.buf) > 0 {
		n := int(s.buf[0]) + 1
		if n < 5 || n > 32 {
			s.buf = s.buf[1:]
			continue
		}
		if len(s.buf) < n {
			return
		}
		low, high := uhfCRC(s.buf[:n-2])
		if s.buf[n-2] != low || s.buf[n-1] != high {
			s.buf = s.buf[1:]
			continue
		}
		whole := slices.Clone(s.buf[:n])
		s.buf = s.buf[n:]
		if to := whole[1]; to == byte(s.r.params.Address) || to == everybody {
			s.obey(whole[2], whole[3:n-2])
		}
	}
}

func (s *uhf) obey(cmd byte, d []byte) {
	set := func(ok bool, do func()) {
		switch {
		case !ok:
			s.say(cmd, uhfBadLength)
		case s.r.faults.On(Refuse):
			s.say(cmd, uhfRefuse)
		default:
			do()
			s.say(cmd, uhfDone)
		}
	}
	switch cmd {
	case uhfInfo:
		s.say(cmd, uhfDone, s.info()...)
	case uhfScanTime:
		set(len(d) == 1 && d[0] >= 3, func() { s.scan = d[0] })
	case uhfPower:
		set(len(d) == 1 && d[0] <= 33, func() {
			s.r.mu.Lock()
			for i := range s.r.power {
				s.r.power[i] = int(d[0])
			}
			s.r.mu.Unlock()
		})
	case uhfInventory:
		s.inventory(d)
	case uhfGetMode, uhfSetMode:
		switch {
		case s.is288:
			s.say(uhfOther, uhfIllegal)
		case cmd == uhfGetMode:
			s.say(cmd, uhfDone, append(append([]byte{0, 0x1E, 0x0A, 0x0F}, s.mode...), 0, 0)...)
		default:
			set(len(d) == 6, func() { s.mode = d })
		}
	default:
		s.say(uhfOther, uhfIllegal)
	}
}

func (s *uhf) info() []byte {
	var major, minor byte
	_, _ = fmt.Sscanf(s.r.params.Firmware, "%d.%d", &major, &minor)
	power := byte(s.r.State().PowerDbm[0])
	if s.is288 {
		return []byte{major, minor, uhfType288, 2, 0x31, 0x80, power, s.scan, 0x0F, 1, 0, 1}
	}
	return []byte{major, minor, uhfType18, 3, 0x4E, 0, power, s.scan}
}

// inventory starts a round.
func (s *uhf) inventory(d []byte) {
	port := 0
	switch {
	case s.is288 && len(d) != 9, !s.is288 && len(d) != 0:
		s.say(uhfInventory, uhfBadLength)
		return
	case s.is288:
		if port = int(d[7]) - 0x80; port < 0 || port >= s.r.params.Ports {
			s.say(uhfInventory, uhfRefuse)
			return
		}
		if s.r.faults.On(AntennaBroken(port + 1)) {
			s.say(uhfInventory, uhfNoAntenna)
			return
		}
	case s.pushes():
		s.say(uhfInventory, uhfIllegal)
		return
	}
	now := time.Now()
	s.port, s.found, s.due = port, nil, now.Add(time.Duration(s.r.params.RoundMs)*time.Millisecond)
	s.open(now)
}

func (s *uhf) step(now time.Time) {
	if s.pushes() && s.port < 0 {
		for _, h := range s.air(0, now) {
			if s.say(uhfPushed, uhfDone, h.chip.epc...) {
				s.told(h)
			}
		}
		return
	}
	if s.port < 0 {
		return
	}
	until := s.due
	if now.Before(until) {
		until = now
	}
	for _, h := range s.air(s.port, until) { // an inventory names each tag once
		if !slices.ContainsFunc(s.found, func(o hit) bool { return o.chip == h.chip }) {
			s.found = append(s.found, h)
		}
	}
	if !now.Before(s.due) {
		s.end()
	}
}

// end answers: the tags in frames of a few, then that there are no more.
func (s *uhf) end() {
	found, port := s.found, s.port
	s.port, s.found = -1, nil
	s.ended()
	last := !s.r.faults.On(NoRoundEnd)
	for len(found) > 0 {
		some := found[:min(len(found), uhfPerFrame)]
		found = found[len(some):]
		status := byte(uhfMore)
		if len(found) == 0 && !s.is288 && last { // the 18 says so with its last tags
			status = uhfOver
		}
		if s.say(uhfInventory, status, s.tags(some, port)...) {
			for _, h := range some {
				s.told(h)
			}
		}
		if status == uhfOver {
			return
		}
	}
	switch {
	case !last:
	case s.is288:
		s.say(uhfInventory, uhfOver, 1<<port, 0)
	default:
		s.say(uhfInventory, uhfNoTag)
	}
}

func (s *uhf) tags(hits []hit, port int) []byte {
	var d []byte
	if s.is288 {
		d = append(d, 1<<port)
	}
	d = append(d, byte(len(hits)))
	for _, h := range hits {
		d = append(append(d, byte(len(h.chip.epc))), h.chip.epc...)
		if s.is288 {
			d = append(d, byte(min(max(h.rssi+130, 1), 255))) // a unit of its own
		}
	}
	return d
}
