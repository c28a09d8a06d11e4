package epc

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"tote/gs1/fault"
)

// On puts an identity on a tag: scheme is one of its tags ("sgtin-198"), or ""
// for the shortest that it fits on. The result is what reading that tag gives.
// Errors: EPC for what breaks the rules of its scheme, EPCFit for what is good
// and does not fit that tag. Both of package fault.
func (e EPC) On(scheme string, filter int) (EPC, error) {
	if err := e.check(); err != nil {
		return EPC{}, err
	}
	if scheme != "" {
		t, ok := tagNamed(scheme)
		if !ok || t.scheme != e.Scheme {
			return EPC{}, fmt.Errorf("%s: there is no tag %.20q of it: %w", e.Scheme, scheme, fault.EPC)
		}
		return e.on(t, filter)
	}
	var last error
	for i := range tags {
		if tags[i].scheme != e.Scheme {
			continue
		}
		made, err := e.on(&tags[i], filter)
		if err == nil {
			return made, nil
		}
		last = err
	}
	return EPC{}, last
}

// Encode gives what must be written on a tag, in whole words of 16 bits; see On.
func (e EPC) Encode(scheme string, filter int) (string, error) {
	made, err := e.On(scheme, filter)
	return made.Hex, err
}

// PC is the protocol control word of a tag that holds an EPC of so many
// hexadecimal digits, as [EPC.Encode] gives them.
func PC(digits string) uint16 { return uint16((len(digits)+3)/4) << 11 }

func (e EPC) on(t *tag, filter int) (EPC, error) {
	limit := 8
	switch t.scheme {
	case GID:
		limit = 1
	case USDOD:
		limit = 16
	case ADI:
		limit = 64
	}
	if filter < 0 || filter >= limit {
		return EPC{}, fmt.Errorf("%s: filter %d: want 0 to %d: %w", t.name, filter, limit-1, fault.EPC)
	}
	b := &bitWriter{}
	b.put(uint64(t.header), 8)
	var why string
	switch t.scheme {
	case GID:
		b.put(value(e.Prefix), gidManager)
		b.put(value(e.Reference), gidClass)
		b.put(value(e.Serial), gidSerial)
	case USDOD:
		b.put(uint64(filter), 4)
		b.words(fill(e.Prefix), 8)
		b.put(value(e.Serial), 36)
	case ADI:
		b.put(uint64(filter), 6)
		b.words(fill(e.Prefix), 6)
		b.words(e.Reference+"\x00"+e.Serial+"\x00", 6)
	default:
		why = t.encode(b, e, filter)
	}
	if why != "" {
		return EPC{}, fmt.Errorf("%s: %s: %w", t.name, why, fault.EPCFit)
	}
	e.Tag, e.Filter, e.AFI = t.name, filter, ""
	e.Hex = strings.ToUpper(hex.EncodeToString(b.out[:(b.at+15)/16*2]))
	return e, nil
}

// encode writes a scheme with partitions. why is "" when all fits.
func (t *tag) encode(b *bitWriter, e EPC, filter int) (why string) {
	partition := 12 - len(e.Prefix)
	prefix, ref := prefixes[partition], t.refs[partition]
	b.put(uint64(filter), 3)
	b.put(uint64(partition), 3)
	b.put(value(e.Prefix), prefix.bits)
	if why := b.write(e.Reference, field{t.ref, ref.bits, ref.max}); why != "" {
		return "the reference is " + why
	}
	if e.Piece != "" {
		b.put(value(e.Piece), 7)
		b.put(value(e.Total), 7)
	}
	if why := b.write(e.Serial, t.serial); why != "" {
		return "the serial number is " + why
	}
	b.put(0, t.reserved)
	return ""
}

// write writes one part that follows the rules of its identity; why is "" when it
// fits.
func (b *bitWriter) write(s string, f field) (why string) {
	switch f.kind {
	case none:
	case padded:
		b.put(value(s), f.bits)
	case integer:
		if !number(s, f.bits) || len(s) > f.max {
			return fmt.Sprintf("no number without leading zeros of up to %d digits, below 2^%d", f.max, f.bits)
		}
		b.put(value(s), f.bits)
	case numerals:
		if (field{numerals, 0, f.max}).check(s) != "" {
			return fmt.Sprintf("no number of up to %d digits", f.max)
		}
		b.put(value("1"+s), f.bits)
	case text:
		if len(s) > f.max {
			return fmt.Sprintf("longer than %d characters", f.max)
		}
		b.words(s, 7)
		b.put(0, f.bits-7*len(s))
	default:
		if len(s) > f.max {
			return fmt.Sprintf("longer than %d characters", f.max)
		}
		b.words(s+"\x00", 6)
	}
	return ""
}

// words writes the low bits of each character.
func (b *bitWriter) words(s string, bits int) {
	for i := range len(s) {
		b.put(uint64(s[i]), bits)
	}
}

// fill brings a CAGE to six characters.
func fill(cage string) string {
	if len(cage) == 5 {
		return " " + cage
	}
	return cage
}

// value reads digits that are known to be some, "" as 0.
func value(digits string) uint64 {
	v, _ := strconv.ParseUint(digits, 10, 64)
	return v
}
