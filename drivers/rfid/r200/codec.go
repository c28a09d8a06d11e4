package r200

import (
	"errors"
	"fmt"
)

// Types of frames.
const (
	TypeCommand = 0x00
	TypeAnswer  = 0x01
	TypeNotice  = 0x02 // a tag
)

// Commands that the driver uses.
const (
	CmdInfo     = 0x03 // 0 hardware, 1 software, 2 maker: answers the same byte and a text
	CmdPoll     = 0x22
	CmdPolls    = 0x27 // 22, how often (two bytes); notices carry 22 or 27, by edition
	CmdStop     = 0x28
	CmdSetPower = 0xB6 // dBm × 100, two bytes; kept in flash
	CmdGetPower = 0xB7
	CmdError    = 0xFF // an answer: what went wrong

	InfoHardware, InfoSoftware, InfoMaker = 0, 1, 2
)

// Codes of errors.
const (
	ErrorInventory = 0x15 // no tag in this round, or its CRC was wrong: no fault
	ErrorCommand   = 0x17 // command or parameter not known
	ErrorHopping   = 0x20 // no free channel was found
)

// The two spellings of the family: with the same content, other first and last
// bytes.
const (
	leadBB, tailBB = 0xBB, 0x7E
	leadAA, tailAA = 0xAA, 0xDD

	around   = 7   // bytes of a frame around its parameters
	maxParam = 128 // the longest EPC takes 67, a text about 40
)

// Errors of a tag notice.
var (
	// ErrTag: its lengths contradict each other.
	ErrTag = errors.New("r200: the lengths of a tag notice contradict each other")
	// ErrCRC: the frame's sum is right, but not the CRC that the tag itself sent.
	ErrCRC = errors.New("r200: the tag's own CRC is wrong")
)

// Frame is one frame, either way.
type Frame struct {
	Type, Cmd byte
	Param     []byte
}

// Append adds the frame as it goes over the wire: first byte, type, command,
// length (2), parameters, sum, last byte. lead is BB or AA.
func (f Frame) Append(dst []byte, lead byte) []byte {
	at := len(dst)
	dst = append(dst, lead, f.Type, f.Cmd, byte(len(f.Param)>>8), byte(len(f.Param)))
	dst = append(dst, f.Param...)
	return append(dst, sum(dst[at+1:]), tail(lead))
}

func tail(lead byte) byte {
	if lead == leadAA {
		return tailAA
	}
	return tailBB
}

func sum(p []byte) (s byte) {
	for _, c := range p {
		s += c
	}
	return s
}

// packet is the rounds.Packet of the family: found by length, the last byte is
// only checked.
func packet(p []byte) (n int, whole bool) {
	switch {
	case p[0] != leadBB && p[0] != leadAA, len(p) > 1 && p[1] > TypeNotice:
		return 0, false
	case len(p) < 5:
		return 5, false
	}
	n = int(p[3])<<8 | int(p[4])
	if n > maxParam {
		return 0, false
	}
	n += around
	if len(p) < n {
		return n, false
	}
	if sum(p[1:n-2]) != p[n-2] || p[n-1] != tail(p[0]) {
		return 0, false
	}
	return n, true
}

// unpack reads a frame that packet called whole. Param is a part of p.
func unpack(p []byte) Frame { return Frame{Type: p[1], Cmd: p[2], Param: p[5 : len(p)-2]} }

// Tag is one sighting as the module reports it.
type Tag struct {
	EPC  []byte // valid as long as the frame's parameters
	PC   uint16
	RSSI int // dBm, at the chip: without antenna and coupler
}

// Bits of the PC word and of the first word behind it.
const (
	pcXPC = 0x0200 // extended control words stand between PC and EPC
	xpc2  = 0x80   // in the first byte of the first: there is a second
)

// ParseTag reads a tag notice: RSSI, PC, EPC, the tag's CRC. The EPC's length is
// that of the PC word and must be that of the frame. The CRC is checked: it was
// made by the tag over PC and EPC and sees what a sum of 8 bits does not.
func ParseTag(f Frame) (Tag, error) {
	d := f.Param
	if len(d) < 5 {
		return Tag{}, fmt.Errorf("%w: %d bytes", ErrTag, len(d))
	}
	t := Tag{RSSI: int(int8(d[0])), PC: uint16(d[1])<<8 | uint16(d[2])}
	start := 3
	if t.PC&pcXPC != 0 {
		start += 2
		if d[3]&xpc2 != 0 {
			start += 2
		}
	}
	end := start + int(t.PC>>11)*2
	if len(d) != end+2 {
		return Tag{}, fmt.Errorf("%w: PC %04X in %d bytes", ErrTag, t.PC, len(d))
	}
	if got := uint16(d[end])<<8 | uint16(d[end+1]); got != TagCRC(d[1:end]) {
		return Tag{}, fmt.Errorf("%w: %04X", ErrCRC, got)
	}
	t.EPC = d[start:end]
	return t, nil
}

// TagCRC is the CRC that a Gen2 tag sends behind its PC and EPC: polynomial
// 1021, begun with FFFF, inverted.
func TagCRC(p []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range p {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return ^crc
}
