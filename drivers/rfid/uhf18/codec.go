package uhf18

import (
	"errors"
	"fmt"
	"math/bits"
)

// Commands that the driver uses. Those that set something are kept in flash.
const (
	CmdInventory   = 0x01
	CmdInfo        = 0x21 // see ParseInfo
	CmdSetScanTime = 0x25 // in 100 ms, 3 to 255
	CmdSetPower    = 0x2F // dBm
	CmdSetWorkMode = 0x35 // of the 18: read mode, state, bank, first word, words, tag time
	CmdGetWorkMode = 0x36 // of the 18: four bytes of Wiegand, the six above, accuracy, offset
	CmdPushed      = 0xEE // of the 18 in scan mode: a tag nobody asked for
	CmdUnknown     = 0x00 // in an answer: the reader does not know the command
	AddrBroadcast  = 0xFF // every reader on the line answers, with its own address
)

// Status bytes of answers.
const (
	StatusOK       = 0x00
	StatusDone     = 0x01 // the inventory is over
	StatusTimeout  = 0x02 // it is over: scan time
	StatusMore     = 0x03 // more frames follow
	StatusFull     = 0x04 // it is over: the reader's memory is full
	StatusAntenna  = 0xF8 // the antenna is not connected or broken
	StatusNoTag    = 0xFB // it is over, and there was no tag: no fault
	StatusLength   = 0xFD // a command of the wrong length
	StatusIllegal  = 0xFE // an unknown command
	StatusRefused  = 0xFF // a wrong parameter
	answerMode     = 0    // read mode in which the reader answers; in others it pushes
	shortestAnswer = 5    // of the length byte: address, command, status, check (2)
	shortestOrder  = 4
	longestEPC     = 62 // bytes
)

// ErrTags: an inventory answer whose lengths contradict each other.
var ErrTags = errors.New("uhf18: the lengths of an inventory answer contradict each other")

// Frame is one frame. Status is only there in answers.
type Frame struct {
	Addr, Cmd, Status byte
	Data              []byte
}

// Command is a command as it goes over the wire: length, address, command,
// data, check (low byte first).
func Command(addr, cmd byte, data ...byte) []byte {
	return seal(append([]byte{byte(4 + len(data)), addr, cmd}, data...))
}

// Answer is an answer as it comes over the wire.
func Answer(f Frame) []byte {
	return seal(append([]byte{byte(5 + len(f.Data)), f.Addr, f.Cmd, f.Status}, f.Data...))
}

func seal(p []byte) []byte {
	crc := CRC(p)
	return append(p, byte(crc), byte(crc>>8))
}

// CRC is the check of the family: polynomial 8408 (reflected 1021), begun with
// FFFF, not inverted.
func CRC(p []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range p {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
	}
	return crc
}

// answerCommands are the commands whose answers the driver may meet. Frames have
// no first byte to know them by; this and the address are what keeps noise from
// looking like one.
var answerCommands = [256]bool{
	CmdInventory: true, CmdInfo: true, CmdSetScanTime: true, CmdSetPower: true, CmdSetWorkMode: true,
	CmdGetWorkMode: true, CmdPushed: true, CmdUnknown: true,
	0x0F: true, 0x18: true, 0x22: true, 0x24: true, 0x28: true, 0x33: true, 0x40: true, 0x76: true, // for people who look
}

// packet looks for an answer from this address; AddrBroadcast takes any.
func packet(p []byte, addr byte) (n int, whole bool) {
	if p[0] < shortestAnswer ||
		len(p) > 1 && (addr != AddrBroadcast && p[1] != addr || p[1] == AddrBroadcast) ||
		len(p) > 2 && !answerCommands[p[2]] {
		return 0, false
	}
	return checked(p)
}

// order looks for a command.
func order(p []byte) (n int, whole bool) {
	if p[0] < shortestOrder || len(p) > 2 && !answerCommands[p[2]] {
		return 0, false
	}
	return checked(p)
}

func checked(p []byte) (n int, whole bool) {
	n = int(p[0]) + 1
	if len(p) < n {
		return n, false
	}
	if crc := CRC(p[:n-2]); p[n-2] != byte(crc) || p[n-1] != byte(crc>>8) {
		return 0, false
	}
	return n, true
}

// unpack reads an answer that packet called whole. Data is a part of p.
func unpack(p []byte) Frame {
	return Frame{Addr: p[1], Cmd: p[2], Status: p[3], Data: p[4 : len(p)-2]}
}

// Tag is one sighting as the reader reports it.
type Tag struct {
	EPC     []byte // valid as long as the frame's data
	Antenna int    // from 1; 1 of a reader that has only one and does not tell
	Raw     int    // strength in the reader's own unit; 0 = not told
}

// ParseTags reads the tags of an inventory answer, of the 288 or of the 18.
//
//	18:   count, then length and EPC of each
//	288:  antenna as a bit, count, then length, EPC and strength of each
//
// When the reader says several antennas, each of them saw the tag.
func ParseTags(d []byte, is288 bool) ([]Tag, error) {
	var antennas []int
	behind := 0 // bytes behind the EPC
	if is288 {
		if len(d) == 0 {
			return nil, nil
		}
		for mask := d[0]; mask != 0; mask &= mask - 1 {
			antennas = append(antennas, bits.TrailingZeros8(mask)+1)
		}
		d, behind = d[1:], 1
	} else {
		antennas = []int{1}
	}
	if len(d) == 0 {
		return nil, nil
	}
	count, d := int(d[0]), d[1:]
	if count > 0 && len(antennas) == 0 {
		return nil, fmt.Errorf("%w: no antenna", ErrTags)
	}
	var tags []Tag
	for range count {
		if len(d) == 0 || d[0] > longestEPC || d[0]%2 != 0 || len(d) < 1+int(d[0])+behind {
			return nil, fmt.Errorf("%w: %d tags", ErrTags, count)
		}
		n := int(d[0])
		for _, a := range antennas {
			t := Tag{EPC: d[1 : 1+n], Antenna: a}
			if is288 {
				t.Raw = int(d[1+n])
			}
			tags = append(tags, t)
		}
		d = d[1+n+behind:]
	}
	if len(d) != 0 {
		return nil, fmt.Errorf("%w: %d bytes behind %d tags", ErrTags, len(d), count)
	}
	return tags, nil
}

// Info is what a reader says of itself.
type Info struct {
	Version string // "3.63"
	Type    byte
	Power   int  // dBm; 255 = not one for all antennas
	Scan    int  // longest inventory, in 100 ms
	Is288   bool // it tells of antennas too, as readers do that answer like the 288
}

// ParseInfo reads the answer to CmdInfo: version (2), type, protocols, highest
// and lowest frequency, dBm, scan time; of the 288 then antennas, beeper,
// output, antenna check.
func ParseInfo(f Frame) (Info, bool) {
	if f.Cmd != CmdInfo || f.Status != StatusOK || len(f.Data) < 8 {
		return Info{}, false
	}
	d := f.Data
	return Info{
		Version: fmt.Sprintf("%d.%d", d[0], d[1]), Type: d[2], Power: int(d[6]), Scan: int(d[7]), Is288: len(d) >= 12,
	}, true
}

// Model names the reader by its type byte.
func (i Info) Model() string {
	switch i.Type {
	case 0x09:
		return "UHFReader18"
	case 0x0C:
		return "UHFReader288M"
	case 0x0F, 0x10:
		return "UHFReader86"
	}
	return fmt.Sprintf("type %02X", i.Type)
}
