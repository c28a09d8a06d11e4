package r2000

import (
	"errors"
	"fmt"

	"tote/drivers/rfid/internal/gen2"
)

// Commands of the reader that the driver uses.
const (
	CmdReset       = 0x70
	CmdFirmware    = 0x72 // answers major and minor
	CmdSetAntenna  = 0x74 // work antenna of real-time inventory, from 0
	CmdSetPower    = 0x76 // dBm, one byte for all antennas; kept in flash
	CmdGetPower    = 0x77 // answers one byte, or one for each antenna
	CmdRealTime    = 0x89 // inventory on the work antenna: repeat
	CmdFastSwitch  = 0x8A // inventory over several antennas: (antenna, stay)…, interval, repeat
	CmdSession     = 0x8B // as CmdRealTime, with session and target
	AddrBroadcast  = 0xFF // every reader on the line answers, with its own address
	header         = 0xA0
	minLen, maxLen = 3, 80 // of the length byte: address, command, data, check
)

// Status bytes.
const (
	StatusOK             = 0x10
	StatusFail           = 0x11
	StatusAntennaMissing = 0x22
	StatusNoTag          = 0x36 // a round without tags: no fault
	StatusBufferEmpty    = 0x38 // likewise
	statusParameter      = 0x40 // a parameter is refused: up to
	statusParameterLast  = 0x4F
)

// ErrTag: a tag frame whose lengths contradict each other.
var ErrTag = errors.New("r2000: the lengths of a tag frame contradict each other")

// Frame is one packet, either way.
type Frame struct {
	Addr, Cmd byte
	Data      []byte
}

// Append adds the packet as it goes over the wire:
// A0, length, address, command, data, check.
func (f Frame) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, header, byte(3+len(f.Data)), f.Addr, f.Cmd)
	dst = append(dst, f.Data...)
	return append(dst, -sum(dst[at:]))
}

// sum is 0 for a whole packet.
func sum(p []byte) (s byte) {
	for _, c := range p {
		s += c
	}
	return s
}

// packet is the rounds.Packet of the family: found by length, never by
// terminator.
func packet(p []byte) (n int, whole bool) {
	if p[0] != header {
		return 0, false
	}
	if len(p) < 2 {
		return 2, false
	}
	if p[1] < minLen || p[1] > maxLen {
		return 0, false
	}
	n = int(p[1]) + 2
	if len(p) < n {
		return n, false
	}
	if sum(p[:n]) != 0 {
		return 0, false
	}
	return n, true
}

// unpack reads a packet that packet called whole. Data is a part of p.
func unpack(p []byte) Frame { return Frame{Addr: p[2], Cmd: p[3], Data: p[4 : len(p)-1]} }

// Tag is one sighting as the reader reports it.
type Tag struct {
	EPC     []byte // valid as long as the frame's data
	PC      uint16
	Antenna int  // from 1
	Freq    int  // index of the frequency, 0..63
	RSSI    byte // raw; see Config.RSSIOffset
}

// ParseTag reads a tag frame of a reader with 4 or 8 ports: frequency and
// antenna, PC, EPC, RSSI. The EPC's length is that of the PC word; what stands
// behind the RSSI (two bytes of phase, in some settings) is left out: no manual
// at hand gives their unit or says which firmware sends them, the commands that
// the driver uses do not ask for them, and a phase of a guessed unit is worse
// than none. On
// readers with 8 ports the top bit of the RSSI means antenna 5 to 8.
func ParseTag(f Frame, ports int) (Tag, error) {
	d := f.Data
	if len(d) < 4 {
		return Tag{}, fmt.Errorf("%w: %d bytes", ErrTag, len(d))
	}
	t := Tag{Antenna: int(d[0]&3) + 1, Freq: int(d[0] >> 2)}
	var n int
	t.PC, t.EPC, n = gen2.Split(d[1:])
	if n == 0 || len(d) != n+2 && len(d) != n+4 {
		return Tag{}, fmt.Errorf("%w: PC %04X in %d bytes", ErrTag, t.PC, len(d))
	}
	t.RSSI = d[n+1]
	if ports > 4 && t.RSSI&0x80 != 0 {
		t.Antenna, t.RSSI = t.Antenna+4, t.RSSI&0x7f
	}
	return t, nil
}

// Kind is what an answer to an inventory command says.
type Kind int

// Kinds of answers.
const (
	KindTag     Kind = iota // a tag
	KindEnd                 // the round is over
	KindError               // the round is over, with a status
	KindAntenna             // fast switch: one antenna is missing, the round goes on
)

// Answer is one answer to an inventory command.
type Answer struct {
	Kind    Kind
	Status  byte   // KindError, KindAntenna
	Antenna int    // KindEnd of one antenna, KindAntenna; from 1, 0 = unknown
	Rate    int    // KindEnd of one antenna: reads per second
	Total   uint32 // KindEnd: reads in this round
	Ms      uint32 // KindEnd of a fast switch: how long the round took
}

// Sort tells what an inventory answer is. The data of a tag has an even number
// of bytes, always at least four, so that lengths 1, 2 and 7 are free.
func Sort(f Frame) Answer {
	d := f.Data
	switch {
	case len(d) == 1:
		return Answer{Kind: KindError, Status: d[0]}
	case len(d) == 2 && f.Cmd == CmdFastSwitch:
		return Answer{Kind: KindAntenna, Antenna: int(d[0]) + 1, Status: d[1]}
	case len(d) == 7 && f.Cmd == CmdFastSwitch:
		return Answer{Kind: KindEnd, Total: be(d[:3]), Ms: be(d[3:])}
	case len(d) == 7:
		return Answer{Kind: KindEnd, Antenna: int(d[0]) + 1, Rate: int(be(d[1:3])), Total: be(d[3:])}
	}
	return Answer{Kind: KindTag}
}

func be(p []byte) (v uint32) {
	for _, c := range p {
		v = v<<8 | uint32(c)
	}
	return v
}
