package epc

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"tote/gs1/fault"
	"tote/gs1/key"
)

// MaxHex is the most digits a tag can hold: 31 words.
const MaxHex = 2 * maxBytes

// Decode reads the EPC of a tag from its hexadecimal digits. Bits behind those of
// the scheme are cut off.
//
// A tag that holds no EPC is not an error: Scheme is "" and Hex is kept, so that
// nothing that was read is lost. Errors: EPCHex when this is no tag content at
// all; EPC when the first byte names a scheme and the rest breaks its rules (Hex
// is set then, too). Both of package fault.
func Decode(digits string) (EPC, error) {
	if digits == "" || len(digits) > MaxHex {
		return EPC{}, fmt.Errorf("EPC of %d digits: %w", len(digits), fault.EPCHex)
	}
	b := bitReader{bits: 4 * len(digits)}
	upper := true
	for i := range len(digits) {
		c := digits[i]
		if !key.HexDigit(c) {
			return EPC{}, fmt.Errorf("EPC %.64q: %w", digits, fault.EPCHex)
		}
		upper = upper && c < 'a'
		// Bit counts that are no multiple of 8 are printed with an odd digit.
		b.raw[i/2] |= key.Unhex(c) << (4 * (1 - i%2))
	}
	if !upper {
		digits = strings.ToUpper(digits)
	}
	return decode(digits, &b)
}

// DecodeBytes reads the EPC of a tag from its bytes, see Decode.
func DecodeBytes(raw []byte) (EPC, error) {
	if len(raw) == 0 || len(raw) > maxBytes {
		return EPC{}, fmt.Errorf("EPC of %d bytes: %w", len(raw), fault.EPCHex)
	}
	b := bitReader{bits: 8 * len(raw)}
	copy(b.raw[:], raw)
	return decode(strings.ToUpper(hex.EncodeToString(raw)), &b)
}

// Bits of the protocol control word beside the length in words, which is first.
const (
	pcNotGS1 = 0x0100 // "toggle": the last eight bits are an AFI
	pcAFI    = 0x00FF
)

// DecodeTag reads what a tag holds behind its protocol control word: as many
// words as that says, and an EPC only when it does not say otherwise. Errors:
// those of Decode, and EPC when there are fewer words than the PC announces.
func DecodeTag(pc uint16, digits string) (EPC, error) {
	n := int(pc>>11) * 4
	if len(digits) < n || len(digits) > MaxHex {
		e, err := Decode(digits)
		if err != nil && e.Hex == "" {
			return EPC{}, err
		}
		return EPC{Hex: e.Hex}, fmt.Errorf("EPC %s: %d digits, the tag announces %d: %w", e.Hex, len(digits), n, fault.EPC)
	}
	if n == 0 {
		return EPC{}, fmt.Errorf("the tag announces no EPC: %w", fault.EPCHex)
	}
	if pc&pcNotGS1 == 0 {
		return Decode(digits[:n])
	}
	for i := range n {
		if !key.HexDigit(digits[i]) {
			return EPC{}, fmt.Errorf("EPC %.64q: %w", digits, fault.EPCHex)
		}
	}
	return EPC{Hex: strings.ToUpper(digits[:n]), AFI: fmt.Sprintf("%02X", pc&pcAFI)}, nil
}

// parts collects the parts of an EPC in one piece of text.
type parts struct {
	text [96]byte
	n    int
	ends [5]int // where prefix, reference, piece, total and serial number end
}

func decode(digits string, b *bitReader) (EPC, error) {
	header := byte(b.take(8))
	if b.bits < 8 {
		return EPC{Hex: digits}, nil
	}
	place := byHeader[header]
	if place == 0 {
		return EPC{Tag: others(header), Hex: digits}, nil
	}
	t := &tags[place-1]
	var p parts
	var filter int
	var why string
	switch {
	case b.bits < t.bits:
		why = "fewer bits than the scheme has"
	case t.refs != nil:
		filter, why = t.decode(b, &p)
	case t.scheme == GID:
		p.decodeGID(b)
	case t.scheme == USDOD:
		filter, why = p.decodeUSDOD(b)
	default:
		filter, why = p.decodeADI(b)
	}
	if why == "" && b.over() {
		why = "fewer bits than its parts need"
	}
	if why != "" {
		return EPC{Hex: digits}, fmt.Errorf("EPC %s: %s: %s: %w", digits, t.name, why, fault.EPC)
	}
	all := string(p.text[:p.n])
	return EPC{
		Scheme: t.scheme, Tag: t.name, Filter: filter, Hex: digits,
		Prefix: all[:p.ends[0]], Reference: all[p.ends[0]:p.ends[1]], Piece: all[p.ends[1]:p.ends[2]],
		Total: all[p.ends[2]:p.ends[3]], Serial: all[p.ends[3]:p.ends[4]],
	}, nil
}

// decode reads a scheme with partitions. why is "" when all is well.
func (t *tag) decode(b *bitReader, p *parts) (filter int, why string) {
	filter = int(b.take(3))
	partition := int(b.take(3))
	if partition > 6 {
		return 0, "partition 7"
	}
	prefix, ref := prefixes[partition], t.refs[partition]
	if !p.number(b.take(prefix.bits), prefix.max) {
		return 0, "company prefix out of range"
	}
	p.end(0)
	if why := p.read(b, field{t.ref, ref.bits, ref.max}); why != "" {
		return 0, "reference: " + why
	}
	p.end(1)
	if layoutOf(t.scheme).parts&hasPieces != 0 {
		for i := 2; i < 4; i++ {
			if !p.number(b.take(7), 2) {
				return 0, "piece or total over 99"
			}
			p.end(i)
		}
	}
	if why := p.read(b, t.serial); why != "" {
		return 0, "serial number: " + why
	}
	if t.reserved > 0 && b.take(t.reserved) != 0 {
		return 0, "reserved bits are set"
	}
	p.end(4)
	return filter, ""
}

// end ends a part; those behind it are empty until they are ended themselves.
func (p *parts) end(i int) {
	for j := i; j < len(p.ends); j++ {
		p.ends[j] = p.n
	}
}

// number writes v with exactly n digits; false when it has more.
func (p *parts) number(v uint64, n int) bool {
	if v >= pow10(n) {
		return false
	}
	for i := n - 1; i >= 0; i-- {
		p.text[p.n+i] = byte('0' + v%10)
		v /= 10
	}
	p.n += n
	return true
}

// read reads one part; why is "" when all is well.
func (p *parts) read(b *bitReader, f field) (why string) {
	switch f.kind {
	case none:
	case padded:
		if !p.number(b.take(f.bits), f.max) {
			return "out of range"
		}
	case integer:
		v := b.take(f.bits)
		if v >= pow10(f.max) {
			return "out of range"
		}
		p.n = len(strconv.AppendUint(p.text[:p.n], v, 10))
	case numerals:
		from := p.n
		p.n = len(strconv.AppendUint(p.text[:p.n], b.take(f.bits), 10))
		if n := p.n - from; p.text[from] != '1' || n < 2 || n > f.max+1 {
			return "no digits behind a 1"
		}
		copy(p.text[from:], p.text[from+1:p.n])
		p.n--
	case text:
		return p.readText(b, f)
	default:
		return p.readWords(b, f)
	}
	return ""
}

// readText reads characters of 7 bits, filled up with zeros.
func (p *parts) readText(b *bitReader, f field) string {
	n, ended := 0, false
	for range f.bits / 7 {
		c := byte(b.take(7))
		switch {
		case c == 0:
			ended = true
		case ended:
			return "characters behind the end"
		case !key.InSet('X', c):
			return "a character that is not allowed"
		default:
			p.text[p.n] = c
			p.n++
			n++
		}
	}
	switch {
	case b.take(f.bits%7) != 0:
		return "characters behind the end"
	case n == 0:
		return "empty"
	case n > f.max:
		return "too long"
	}
	return ""
}

// readWords reads characters of 6 bits up to a zero.
func (p *parts) readWords(b *bitReader, f field) string {
	for n := 0; ; n++ {
		c := byte(b.take(6))
		switch {
		case b.over():
			return "no end"
		case c == 0 && n == 0 && f.kind != partWords:
			return "empty"
		case c == 0:
			return ""
		case n == f.max:
			return "too long"
		case c < 0x20:
			c |= 0x40
		}
		if !wordCharacter(f.kind, c, n) {
			return "a character that is not allowed"
		}
		p.text[p.n] = c
		p.n++
	}
}

// wordCharacter reports whether c may stand at place n of a word.
func wordCharacter(k kind, c byte, n int) bool {
	if c == '#' {
		return k == words || k == serialWords && n == 0
	}
	return key.InSet('Y', c)
}
