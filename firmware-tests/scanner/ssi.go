package scanner

import (
	"strings"
	"time"

	"tote/firmware-tests/line"
)

// The scanner with Zebra's Simple Serial Interface: length, operation, source,
// status, data, and the two's complement of their sum in two bytes. Until a host
// asks for packets it sends bare text. With acknowledgements asked for, a packet
// that got none is sent again after AckMs, three times in all; a NAK has it sent
// again at once.
type ssi struct {
	packets, acks bool   // as the host set it
	heard         []byte // the begin of a packet of the host
	pending       []byte // not acknowledged
	tries         int
	due           time.Time
}

// ssiTypes are the code types of what has an identifier; all else is Code 128.
var ssiTypes = []struct {
	id   string
	code byte
}{
	{"]C1", 0x0F}, {"]E0", 0x0B}, {"]E4", 0x0A}, {"]d2", 0xC1}, {"]Q3", 0xC2}, {"]e0", 0x32}, {"]Q1", 0x1C}, {"]A0", 0x01}, {"]I0", 0x06},
}

const ssiMax = 251 - 1 // characters of one packet behind the code type

// packets are the bytes of a scan.
func (s *Scanner) packets(code string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.On(DropGS) {
		code = strings.ReplaceAll(code, "\x1d", "")
	}
	kind := byte(0x03)
	for _, t := range ssiTypes {
		if rest, ok := strings.CutPrefix(code, t.id); ok {
			kind, code = t.code, rest
		}
	}
	code = strings.TrimPrefix(code, "]C0")
	if !s.ssi.packets {
		return code
	}
	var out []byte
	for first := true; first || code != ""; first = false {
		n := min(len(code), ssiMax)
		status := byte(0)
		if n < len(code) {
			status = 0x02
		}
		s.ssi.pending = ssiPacket(0xF3, status, append([]byte{kind}, code[:n]...))
		out = append(out, s.ssi.pending...)
		code = code[n:]
	}
	if s.ssi.acks {
		s.ssi.tries, s.ssi.due = 1, time.Now().Add(time.Duration(s.params.AckMs)*time.Millisecond)
		select {
		case s.kick <- struct{}{}:
		default:
		}
	} else {
		s.ssi.pending = nil
	}
	if s.faults.On(BadCheck) {
		out[len(out)-1] ^= 0x10
	}
	return string(out)
}

func ssiPacket(op, status byte, data []byte) []byte {
	p := append([]byte{byte(len(data) + 4), op, 0, status}, data...)
	sum := 0
	for _, b := range p {
		sum += int(b)
	}
	sum = -sum & 0xFFFF
	return append(p, byte(sum>>8), byte(sum))
}

// hear takes what the host sends.
func (s *Scanner) hear(piece line.Piece) {
	s.mu.Lock()
	var say [][]byte
	if piece.Lost {
		s.ssi.heard = nil
	}
	s.ssi.heard = append(s.ssi.heard, piece.Data...)
	for len(s.ssi.heard) >= 6 {
		n := int(s.ssi.heard[0])
		if n < 4 {
			s.ssi.heard = s.ssi.heard[1:]
			continue
		}
		if len(s.ssi.heard) < n+2 {
			break
		}
		sum := 0
		for _, b := range s.ssi.heard[:n] {
			sum += int(b)
		}
		if (sum+int(s.ssi.heard[n])<<8+int(s.ssi.heard[n+1]))&0xFFFF != 0 || s.ssi.heard[2] != 4 {
			s.ssi.heard = s.ssi.heard[1:]
			continue
		}
		say = append(say, s.obey(s.ssi.heard[1], s.ssi.heard[4:n])...)
		s.ssi.heard = s.ssi.heard[n+2:]
	}
	voice := s.voice
	s.mu.Unlock()
	if s.faults.On(line.Stall) {
		return
	}
	for _, p := range say {
		voice.SayIn(p, s.params.Chunk, time.Duration(s.params.GapMs)*time.Millisecond)
	}
}

// obey does what a packet of the host asks for.
func (s *Scanner) obey(op byte, data []byte) [][]byte {
	switch op {
	case 0xD0:
		s.ssi.pending = nil
	case 0xD1:
		if p := s.ssi.next(); p != nil {
			return [][]byte{p}
		}
	case 0xA3:
		return [][]byte{ssiPacket(0xA4, 0, []byte(s.params.Revision))}
	case 0xC6:
		if s.faults.On(Denied) {
			return [][]byte{ssiPacket(0xD1, 0, []byte{6})}
		}
		for i := 1; i+1 < len(data); i += 2 {
			switch data[i] {
			case 0xEE:
				s.ssi.packets = data[i+1] == 1
			case 0x9F:
				s.ssi.acks = data[i+1] == 1
			}
		}
		return [][]byte{ssiPacket(0xD0, 0, nil)}
	default:
		return [][]byte{ssiPacket(0xD1, 0, []byte{2})}
	}
	return nil
}

// next is the packet that waits for its acknowledgement, to be sent again; nil
// when there is none or it was sent three times.
func (a *ssi) next() []byte {
	if a.pending == nil || a.tries >= 3 {
		a.pending = nil
		return nil
	}
	a.tries++
	return ssiPacket(a.pending[1], a.pending[3]|1, a.pending[4:len(a.pending)-2])
}

// acknowledged waits until nothing is on its way any more: the trigger does
// nothing while the scanner waits for its host.
func (s *Scanner) acknowledged() {
	for {
		s.mu.Lock()
		waits := s.ssi.pending != nil && time.Since(s.ssi.due) < time.Second // else nobody serves the line
		s.mu.Unlock()
		if !waits {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}

// again fires when a packet is to be sent again.
func (s *Scanner) again() <-chan time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ssi.pending == nil {
		return nil
	}
	return time.After(time.Until(s.ssi.due))
}

func (s *Scanner) resend() {
	s.mu.Lock()
	var p []byte
	if s.ssi.pending != nil && !time.Now().Before(s.ssi.due) {
		p = s.ssi.next()
		s.ssi.due = time.Now().Add(time.Duration(s.params.AckMs) * time.Millisecond)
	}
	voice := s.voice
	s.mu.Unlock()
	if p != nil && !s.faults.On(line.Stall) {
		voice.SayIn(p, s.params.Chunk, time.Duration(s.params.GapMs)*time.Millisecond)
	}
}
