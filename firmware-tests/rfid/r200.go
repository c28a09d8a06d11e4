package rfid

import (
	"slices"
	"time"
)

// Frames of the R200 family: first byte, type, command, length (2), parameters,
// sum of all between, last byte.
const (
	r200Longest = 64 // parameters of a command

	r200Order, r200Reply, r200Notice = 0, 1, 2

	r200Info, r200SetRegion, r200GetRegion      = 0x03, 0x07, 0x08
	r200Poll, r200Polls, r200Halt               = 0x22, 0x27, 0x28
	r200SetPower, r200GetPower, r200Fault       = 0xB6, 0xB7, 0xFF
	r200NoTag, r200BadCommand                   = 0x15, 0x17
	r200Software, r200Maker                     = "V2.3.5", "MagicRF"
	r200Europe                             byte = 3
)

// r200 talks as modules of the R200 family do.
type r200 struct {
	*session
	lead, tail byte
	left       int       // polls to come
	due        time.Time // when the present poll ends
	notices    byte      // command of its notices
	region     byte
}

func newR200(s *session) *r200 {
	f := &r200{session: s, lead: 0xBB, tail: 0x7E, region: r200Europe}
	if s.r.params.Lead == "aa" {
		f.lead, f.tail = 0xAA, 0xDD
	}
	return f
}

func (s *r200) busy() bool { return s.left > 0 }

func (s *r200) drop(bool) { s.left = 0 }

// frame makes a frame.
func (s *r200) frame(kind, cmd byte, param ...byte) []byte {
	p := append([]byte{s.lead, kind, cmd, byte(len(param) >> 8), byte(len(param))}, param...)
	var total byte
	for _, b := range p[1:] {
		total += b
	}
	return append(p, total, s.tail)
}

func (s *r200) say(kind, cmd byte, param ...byte) bool {
	p := s.frame(kind, cmd, param...)
	return s.speak(p, len(p)-2)
}

// take obeys whole commands; damaged ones are passed over in silence.
func (s *r200) take() {
	for len(s.buf) > 0 {
		if s.buf[0] != s.lead || len(s.buf) > 1 && s.buf[1] != r200Order {
			s.buf = s.buf[1:]
			continue
		}
		if len(s.buf) < 5 {
			return
		}
		n := int(s.buf[3])<<8 + int(s.buf[4])
		if n > r200Longest {
			s.buf = s.buf[1:]
			continue
		}
		if len(s.buf) < n+7 {
			return
		}
		whole := s.buf[:n+7]
		if !slices.Equal(whole, s.frame(r200Order, whole[2], whole[5:n+5]...)) {
			s.buf = s.buf[1:]
			continue
		}
		s.buf = s.buf[n+7:]
		s.obey(whole[2], slices.Clone(whole[5:n+5]))
	}
}

func (s *r200) obey(cmd byte, d []byte) {
	now := time.Now()
	refuse := s.r.faults.On(Refuse)
	switch {
	case cmd == r200Halt && len(d) == 0:
		s.left = 0
		s.say(r200Reply, cmd, 0)
	case cmd == r200Info && len(d) == 1 && d[0] < 3:
		s.say(r200Reply, cmd, append(d, []string{s.r.params.Model, r200Software, r200Maker}[d[0]]...)...)
	case cmd == r200Poll && len(d) == 0:
		s.begin(1, r200Poll, now)
	case cmd == r200Polls && len(d) == 3 && d[0] == r200Poll:
		s.begin(int(d[1])<<8+int(d[2]), r200Poll, now)
	case cmd == r200GetRegion && len(d) == 0:
		s.say(r200Reply, cmd, s.region)
	case cmd == r200SetRegion && len(d) == 1 && d[0] > 0 && d[0] < 7 && !refuse:
		s.region = d[0]
		s.say(r200Reply, cmd, 0)
	case cmd == r200GetPower && len(d) == 0:
		v := s.r.State().PowerDbm[0] * 100
		s.say(r200Reply, cmd, byte(v>>8), byte(v))
	case cmd == r200SetPower && len(d) == 2 && !refuse && (int(d[0])<<8+int(d[1]))/100 <= 33:
		s.r.mu.Lock()
		s.r.power[0] = (int(d[0])<<8 + int(d[1])) / 100
		s.r.mu.Unlock()
		s.say(r200Reply, cmd, 0)
	default:
		s.say(r200Reply, r200Fault, r200BadCommand)
	}
}

func (s *r200) begin(polls int, notices byte, now time.Time) {
	s.left, s.notices, s.due = polls, notices, now.Add(s.stay())
	s.open(now)
}

func (s *r200) stay() time.Duration { return time.Duration(s.r.params.RoundMs) * time.Millisecond }

// step ends the polls whose time has come: each tells the tags it found, or that
// there was none.
func (s *r200) step(now time.Time) {
	for s.left > 0 && !now.Before(s.due) {
		hits := s.air(0, s.due)
		for _, h := range hits {
			if s.say(r200Notice, s.notices, s.notice(h)...) {
				s.told(h)
			}
		}
		if len(hits) == 0 {
			s.say(r200Reply, r200Fault, r200NoTag)
		}
		s.ended()
		s.left--
		s.due = s.due.Add(s.stay())
		if s.r.faults.On(NoRoundEnd) {
			s.left = 0
		}
	}
}

// notice is strength, PC, EPC and the CRC of the tag.
func (s *r200) notice(h hit) []byte {
	word := pc(h.chip.epc)
	d := append([]byte{byte(int8(max(h.rssi, -128))), byte(word >> 8), byte(word)}, h.chip.epc...)
	crc := tagCRC(d[1:])
	return append(d, byte(crc>>8), byte(crc))
}

// tagCRC is what a Gen2 tag sends behind PC and EPC (ISO/IEC 18000-63, annex F):
// computed here bit by bit as the tag's shift register does.
func tagCRC(p []byte) uint16 {
	register := uint16(0xFFFF)
	for _, b := range p {
		for bit := 7; bit >= 0; bit-- {
			in := uint16(b>>bit) & 1
			out := register >> 15
			register <<= 1
			if in != out {
				register ^= 1<<12 | 1<<5 | 1
			}
		}
	}
	return register ^ 0xFFFF
}
