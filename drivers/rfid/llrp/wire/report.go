package wire

import "encoding/binary"

// Tag is one TagReportData, as far as a reading session needs it. Has says
// which fields the reader told.
type Tag struct {
	EPC     []byte // content of the EPC bank; good as long as the message is
	Has     Has
	Antenna int    // from 1
	RSSI    int    // dBm
	PC      uint16 //
	Seen    uint16 // times since the last report
	Phase   int    // in 4096ths of a turn, 0 to 4095; of Impinj readers that were asked for it

	FirstUTC, LastUTC       uint64 // microseconds since 1970
	FirstUptime, LastUptime uint64 // microseconds since the reader's start
}

// Has is a set of fields of a Tag.
type Has uint16

// Fields of a Tag.
const (
	HasAntenna Has = 1 << iota
	HasRSSI
	HasPC
	HasSeen
	HasFirstUTC
	HasLastUTC
	HasFirstUptime
	HasLastUptime
	HasPhase
)

// TLV types of a report.
const (
	typeTagReportData = 240
	typeEPCData       = 241
	typeCustom        = 1023
)

// Impinj is the vendor of Impinj's extensions, and what we use of them: Wireshark's
// packet-llrp.h has the numbers, and Impinj's application note "Low Level User Data
// Support" the unit of the phase.
const (
	Impinj = 25882

	ImpinjEnableExtensions = 21 // CUSTOM_MESSAGE; its answer is one more
	ImpinjReportSelector   = 50 // Custom in ROReportSpec
	ImpinjEnablePhase      = 52 // Custom in the selector: u16, 1 = on
	impinjPhase            = 56 // Custom in TagReportData: u16

	turn = 4096 // phases in a turn
)

// Report gives each tag of the body of an RO_ACCESS_REPORT in order; what emit
// gets is t, filled anew each time, so that a report costs no memory. Of custom parameters the phase is read;
// the others, results of operations and whatever is not known are stepped over. skipped counts tags of which something
// could not be read. The error is ErrLength; the tags before it were good and
// were given.
//
// It reads what Parse reads, without making a tree.
func Report(body []byte, t *Tag, emit func(*Tag)) (skipped int, err error) {
	for len(body) > 0 {
		one, rest, ok, err := next(body)
		switch {
		case err != nil:
			return skipped, err
		case !ok:
			return skipped + 1, nil
		}
		body = rest
		if one.tv || one.typ != typeTagReportData {
			continue
		}
		whole, err := t.read(one.body)
		if err != nil {
			return skipped, err
		}
		if !whole {
			skipped++
		}
		emit(t)
	}
	return skipped, nil
}

// read fills the tag from the body of one TagReportData. whole is false when an
// unknown TV ended it early.
func (t *Tag) read(b []byte) (whole bool, err error) {
	*t = Tag{}
	for len(b) > 0 {
		first := b[0]
		if first&0x80 == 0 {
			one, rest, _, err := next(b)
			if err != nil {
				return false, err
			}
			b = rest
			switch one.typ {
			case typeEPCData:
				if err := t.epcData(one.body); err != nil {
					return false, err
				}
			case typeCustom:
				t.custom(one.body)
			}
			continue
		}
		n := tvSize[first&0x7F]
		if n == 0 {
			return false, nil
		}
		if len(b) < 1+n {
			return false, ErrLength
		}
		t.field(first&0x7F, b[1:1+n])
		b = b[1+n:]
	}
	return true, nil
}

// custom takes a custom parameter. A phase that is no part of a turn is none.
func (t *Tag) custom(b []byte) {
	if len(b) != 10 || binary.BigEndian.Uint32(b) != Impinj || binary.BigEndian.Uint32(b[4:]) != impinjPhase {
		return
	}
	if v := int(binary.BigEndian.Uint16(b[8:])); v < turn {
		t.Phase, t.Has = v, t.Has|HasPhase
	}
}

func (t *Tag) epcData(b []byte) error {
	if len(b) < 2 {
		return ErrLength
	}
	n := (int(binary.BigEndian.Uint16(b)) + 7) / 8
	if len(b) < 2+n {
		return ErrLength
	}
	if n > 0 {
		t.EPC = b[2 : 2+n]
	}
	return nil
}

// field takes one parameter without a length; its size was checked.
func (t *Tag) field(typ byte, b []byte) {
	switch typ {
	case 1:
		t.Antenna, t.Has = int(binary.BigEndian.Uint16(b)), t.Has|HasAntenna
	case 2:
		t.FirstUTC, t.Has = binary.BigEndian.Uint64(b), t.Has|HasFirstUTC
	case 3:
		t.FirstUptime, t.Has = binary.BigEndian.Uint64(b), t.Has|HasFirstUptime
	case 4:
		t.LastUTC, t.Has = binary.BigEndian.Uint64(b), t.Has|HasLastUTC
	case 5:
		t.LastUptime, t.Has = binary.BigEndian.Uint64(b), t.Has|HasLastUptime
	case 6:
		t.RSSI, t.Has = int(int8(b[0])), t.Has|HasRSSI
	case 8:
		t.Seen, t.Has = binary.BigEndian.Uint16(b), t.Has|HasSeen
	case 12:
		t.PC, t.Has = binary.BigEndian.Uint16(b), t.Has|HasPC
	case 13:
		t.EPC = b
	}
}
