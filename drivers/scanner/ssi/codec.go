package ssi

import "slices"

// Operations.
const (
	OpBarcodeSegment  = 0x73 // a part of a packet longer than 255 bytes, from cordless scanners
	OpSegmentAck      = 0x74
	OpRequestRevision = 0xA3
	OpReplyRevision   = 0xA4
	OpParamSend       = 0xC6
	OpAck             = 0xD0
	OpNak             = 0xD1
	OpDecodeData      = 0xF3
	OpEvent           = 0xF6
)

// Sources of packets.
const (
	FromScanner = 0
	FromHost    = 4
)

// Bits of the status byte of a scanner.
const (
	Retransmit = 1 << 0 // sent before, and not acknowledged
	Continued  = 1 << 1 // more packets of this message follow
)

// Causes of a NAK.
const (
	NakResend     = 1  // the checksum was wrong
	NakBadContext = 2  // not understood
	NakDenied     = 6  // understood, and not allowed now
	NakCancel     = 10 // by the host
)

// Parameters the driver sets, for as long as the scanner has power.
const (
	ParamHandshake = 0x9F // 1: each packet wants an ACK
	ParamPackets   = 0xEE // 1: scans come as DECODE_DATA, not as bare text
)

// header is how many bytes a packet has before its data, and checksum how many
// behind. The length byte bounds a packet.
const (
	header    = 4
	checksum  = 2
	maxPacket = 255 + checksum
)

// Packet is one packet.
type Packet struct {
	Op     byte
	Source byte
	Status byte
	Data   []byte // at most 251 bytes
}

// Append encodes p behind b. Data beyond 251 bytes is cut off: no packet of a
// host is that long.
func (p Packet) Append(b []byte) []byte {
	data := p.Data[:min(len(p.Data), 255-header)]
	at := len(b)
	b = append(b, byte(header+len(data)), p.Op, p.Source, p.Status)
	b = append(b, data...)
	sum := sumOf(b[at:])
	return append(b, byte(sum>>8), byte(sum))
}

// Ack is what a host answers to a packet that came whole.
func Ack() []byte { return Packet{Op: OpAck, Source: FromHost}.Append(nil) }

// SegmentAck is what a host answers to a segment when more follow.
func SegmentAck() []byte { return Packet{Op: OpSegmentAck, Source: FromHost}.Append(nil) }

// Nak is what a host answers to a packet it wants again.
func Nak(cause byte) []byte {
	return Packet{Op: OpNak, Source: FromHost, Data: []byte{cause}}.Append(nil)
}

// Settings asks for scans in packets, each to be acknowledged. They are gone
// with the scanner's power: nothing is written to its memory.
func Settings() []byte {
	const noBeep = 0xFF
	return Packet{Op: OpParamSend, Source: FromHost, Data: []byte{noBeep, ParamPackets, 1, ParamHandshake, 1}}.Append(nil)
}

// RequestRevision asks a scanner what it is.
func RequestRevision() []byte { return Packet{Op: OpRequestRevision, Source: FromHost}.Append(nil) }

func sumOf(b []byte) uint16 {
	sum := uint16(0)
	for _, c := range b {
		sum -= uint16(c)
	}
	return sum
}

// Splitter finds packets in what a line gives. A packet is believed by its
// length and checksum; where they are wrong one byte is dropped and the search
// goes on, so noise costs no packet that is whole. It holds at most one packet.
type Splitter struct {
	// Packet gets each packet; its Data is valid during the call only.
	Packet func(p Packet)
	// Noise gets each run of bytes that is in no packet, before the packet
	// that follows it.
	Noise func(b []byte)
	// Damaged gets what looks like a packet but for its checksum, and says
	// whether it is one of the device: then it is dropped whole, else its
	// bytes are searched. nil = none is.
	Damaged func(p Packet) bool

	buf   []byte
	noise []byte
}

// Push takes received bytes.
func (s *Splitter) Push(p []byte) {
	for len(p) > 0 {
		n := min(len(p), maxPacket+header-len(s.buf))
		s.buf = append(s.buf, p[:n]...)
		p = p[n:]
		s.cut()
	}
	s.tell()
}

// Pending reports whether a packet has begun.
func (s *Splitter) Pending() bool { return len(s.buf) > 0 }

// Gap gives up the packet that has begun and searches in its bytes: after a
// pause its rest will not come, and its length byte may have been noise.
func (s *Splitter) Gap() {
	for len(s.buf) > 0 {
		s.drop(1)
		s.cut()
	}
	s.tell()
}

// cut takes whole packets off the buffer until one is not whole.
func (s *Splitter) cut() {
	for len(s.buf) > 0 {
		n := int(s.buf[0])
		if n < header {
			s.drop(1)
			continue
		}
		if len(s.buf) < n+checksum {
			return
		}
		p := Packet{Op: s.buf[1], Source: s.buf[2], Status: s.buf[3], Data: s.buf[header:n]}
		if want := uint16(s.buf[n])<<8 | uint16(s.buf[n+1]); sumOf(s.buf[:n]) != want {
			if s.Damaged != nil && s.Damaged(p) {
				s.drop(n + checksum)
			} else {
				s.drop(1)
			}
			continue
		}
		s.tell()
		s.Packet(p)
		s.buf = slices.Delete(s.buf, 0, n+checksum)
	}
}

func (s *Splitter) drop(n int) {
	s.noise = append(s.noise, s.buf[:n]...)
	s.buf = slices.Delete(s.buf, 0, n)
	if len(s.noise) >= maxPacket {
		s.tell()
	}
}

func (s *Splitter) tell() {
	if len(s.noise) > 0 {
		s.Noise(s.noise)
		s.noise = s.noise[:0]
	}
}
