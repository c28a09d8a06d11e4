package thingmagic

import (
	"errors"
	"fmt"

	"tote/drivers/rfid/internal/gen2"
)

// Operations that the driver uses. What they set is lost with the power.
const (
	OpVersion     = 0x03 // answers boot loader, hardware, date, firmware (4 bytes each), protocols
	OpRead        = 0x22 // in answers: a tag, or how the reader is
	OpMulti       = 0x2F // reads without end, or stops it
	OpGetPower    = 0x62 // 0: answers 0 and dBm × 100
	OpGetRegion   = 0x67
	OpSetAntennas = 0x91 // 2, then transmitting and receiving port of each
	OpSetPower    = 0x92 // dBm × 100
	OpSetProtocol = 0x93 // 0, 5 = Gen2
	OpSetRegion   = 0x97
	OpSetOption   = 0x9A // 1, key, value
)

// Status words.
const (
	StatusOK        = 0x0000
	StatusAlive     = 0x0400 // of OpRead without data, once a second: the reader reads
	StatusHot       = 0x0504 // too hot: it reads less
	StatusReturn    = 0x0505 // the antenna sends back what it gets: it is missing or broken
	StatusNoRegion  = 0x010B // the region is not one it can send by (Mercury API, list of errors)
	header          = 0xFF
	aroundAnswer    = 7 // header, length, operation, status (2), CRC (2)
	aroundOrder     = 5
	longest         = 248 // of the length byte
	recordLeast     = 24  // data of a tag record without EPC and embedded data
	temperatureData = 10  // data of a temperature record; 8 is another that is no tag
	countData       = 8
	optionFilter    = 0x0C
	protocolGen2    = 5
)

// Errors of a tag record.
var (
	// ErrTag: its lengths contradict each other.
	ErrTag = errors.New("thingmagic: the lengths of a tag record contradict each other")
	// ErrCRC: the packet's check is right, but not the CRC that the tag itself sent.
	ErrCRC = errors.New("thingmagic: the tag's own CRC is wrong")
)

// startReading begins to read without end: Gen2, the antennas of the list, all
// there is to tell of a tag, cycles of 1 s. It is what the maker's own program
// sends (logged by the SparkFun library). stopReading ends it.
var (
	startReading = []byte{0, 0, 1, OpRead, 0, 0, protocolGen2, 7, OpRead, 0x10, 0, 0x1B, 0x03, 0xE8, 0x01, 0xFF}
	stopReading  = []byte{0, 0, 2}
)

// Command is a command as it goes over the wire: header, length, operation,
// data, CRC.
func Command(op byte, data ...byte) []byte {
	return seal(append([]byte{header, byte(len(data)), op}, data...))
}

// Answer is one packet of the reader.
type Answer struct {
	Op     byte
	Status uint16
	Data   []byte
}

// Append adds the packet as it comes over the wire.
func (a Answer) Append(dst []byte) []byte {
	p := append([]byte{header, byte(len(a.Data)), a.Op, byte(a.Status >> 8), byte(a.Status)}, a.Data...)
	return append(dst, seal(p)...)
}

func seal(p []byte) []byte {
	crc := CRC(p[1:])
	return append(p, byte(crc>>8), byte(crc))
}

// CRC is the check over everything behind the header: polynomial 1021, begun
// with FFFF, each half byte shifted in at the low end.
func CRC(p []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range p {
		for _, half := range [2]byte{c >> 4, c & 15} {
			top := crc >> 12
			crc = crc<<4 | uint16(half)
			crc ^= top<<12 | top<<5 | top // what left at the top, times the polynomial
		}
	}
	return crc
}

// answerOps are the operations whose answers the driver may meet; they keep
// noise from looking like a packet.
var answerOps = [256]bool{
	OpVersion: true, OpRead: true, OpMulti: true, OpGetPower: true, OpGetRegion: true, OpSetAntennas: true, OpSetPower: true,
	OpSetProtocol: true, OpSetRegion: true, OpSetOption: true,
}

// packet is the rounds.Packet of answers, order that of commands.
func packet(p []byte) (n int, whole bool) { return sized(p, aroundAnswer) }

func order(p []byte) (n int, whole bool) { return sized(p, aroundOrder) }

func sized(p []byte, around int) (n int, whole bool) {
	switch {
	case p[0] != header || len(p) > 1 && p[1] > longest || len(p) > 2 && !answerOps[p[2]]:
		return 0, false
	case len(p) < 3:
		return 3, false
	}
	n = int(p[1]) + around
	if len(p) < n {
		return n, false
	}
	if crc := CRC(p[1 : n-2]); p[n-2] != byte(crc>>8) || p[n-1] != byte(crc) {
		return 0, false
	}
	return n, true
}

// unpack reads an answer that packet called whole. Data is a part of p.
func unpack(p []byte) Answer {
	return Answer{Op: p[2], Status: be(p[3:5]), Data: p[5 : len(p)-2]}
}

// Tag is one sighting as the reader reports it.
type Tag struct {
	EPC     []byte // valid as long as the packet's data
	PC      uint16
	Antenna int // port that sent, from 1
	RSSI    int // dBm
	KHz     int
	Ms      int // since the last StatusAlive
	Phase   int // degrees, 0 to 180
}

// ParseTag reads a tag record. The length of the EPC is told twice, in bits and
// by the PC word, and bounded by the packet; the CRC is the tag's own.
func ParseTag(a Answer) (Tag, error) {
	d := a.Data
	if len(d) < recordLeast {
		return Tag{}, fmt.Errorf("%w: %d bytes", ErrTag, len(d))
	}
	t := Tag{
		RSSI: int(int8(d[7])), Antenna: int(d[8] >> 4), KHz: int(d[9])<<16 | int(d[10])<<8 | int(d[11]),
		Ms: int(be(d[12:14]))<<16 | int(be(d[14:16])), Phase: int(be(d[16:18])),
	}
	embedded := (int(be(d[19:21])) + 7) / 8
	at := 21 + embedded + 1 // and a reserved byte
	if len(d) < at+2+4 {
		return Tag{}, fmt.Errorf("%w: %d embedded bytes in %d", ErrTag, embedded, len(d))
	}
	bits := int(be(d[at : at+2]))
	epc := d[at+2:]
	if bits != len(epc)*8 {
		return Tag{}, fmt.Errorf("%w: %d bits in %d bytes", ErrTag, bits, len(epc))
	}
	var n int
	if t.PC, t.EPC, n = gen2.Split(epc); n == 0 || len(epc) != n+2 {
		return Tag{}, fmt.Errorf("%w: PC %04X in %d bytes", ErrTag, t.PC, len(epc))
	}
	if be(epc[n:]) != gen2.CRC(epc[:n]) {
		return Tag{}, fmt.Errorf("%w: %04X", ErrCRC, be(epc[n:]))
	}
	return t, nil
}

// be is a word of two bytes.
func be(p []byte) uint16 { return uint16(p[0])<<8 | uint16(p[1]) }
