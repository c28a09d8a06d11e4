package gs1

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Schemes of EPC that are decoded.
const (
	SchemeSGTIN = "sgtin" // one unit of a trade item: GTIN and serial number
	SchemeSSCC  = "sscc"  // one logistic unit
)

// Filter values: control information in the tag, not identity.
const (
	FilterOther    = 0
	FilterItem     = 1 // SGTIN: point-of-sale item
	FilterCase     = 2 // SGTIN and SSCC: full case
	FilterUnitLoad = 6 // SGTIN and SSCC: unit load
)

// Headers of the two binary schemes.
const (
	headerSGTIN96 = 0x30
	headerSSCC96  = 0x31
)

const (
	epcBits    = 96
	maxEPCHex  = 124     // 31 words, the most the protocol control word can announce
	serialBits = 38      // of SGTIN-96
	maxSerial  = 1 << 38 // first serial number that does not fit
)

// EPC is what a tag says: decoded when it is an SGTIN-96 or SSCC-96, else only
// Hex.
type EPC struct {
	Scheme string // SchemeSGTIN, SchemeSSCC, or "" for anything else
	URI    string // pure identity: urn:epc:id:sgtin:0614141.812345.6789
	TagURI string // urn:epc:tag:sgtin-96:3.0614141.812345.6789; "" when made from a pure identity
	GTIN   string // SGTIN: 14 digits
	SSCC   string // SSCC: 18 digits
	Serial string // SGTIN: serial number as plain text
	Filter int    // 0..7
	Prefix string // company prefix, 6..12 digits
	Hex    string // as on the tag, upper case; "" when made from a pure identity
}

// Key is what two readings of one object have in common: the pure identity,
// which leaves the filter out, or the bare bits of a tag that is not decoded.
func (e EPC) Key() string {
	if e.URI != "" {
		return e.URI
	}
	return e.Hex
}

// partition is one row of the partition tables: how many digits and bits the
// company prefix has, and what is left for the reference.
type partition struct {
	prefixDigits, prefixBits int
	itemDigits, itemBits     int // SGTIN: indicator and item reference
	unitDigits, unitBits     int // SSCC: extension digit and serial reference
}

// partitionOf gives the row of partition p, 0..6.
func partitionOf(p int) partition {
	return [...]partition{
		{12, 40, 1, 4, 5, 18},
		{11, 37, 2, 7, 6, 21},
		{10, 34, 3, 10, 7, 24},
		{9, 30, 4, 14, 8, 28},
		{8, 27, 5, 17, 9, 31},
		{7, 24, 6, 20, 10, 34},
		{6, 20, 7, 24, 11, 38},
	}[p]
}

// DecodeEPC reads the EPC of a tag from its hexadecimal digits. Bits behind the
// 96 of the scheme are cut off.
//
// A tag with another header is not an error: Scheme is "" and Hex is kept, so
// that nothing that was read is lost. Errors: ErrEPCHex when this is no tag
// content at all; ErrEPC when the header says SGTIN-96 or SSCC-96 and the rest
// breaks its rules (Hex is set then, too).
func DecodeEPC(digits string) (EPC, error) {
	if digits == "" || len(digits) > maxEPCHex {
		return EPC{}, fmt.Errorf("EPC of %d digits: %w", len(digits), ErrEPCHex)
	}
	// Bit counts that are no multiple of 8 are printed with an odd digit.
	raw, err := hex.DecodeString(digits + strings.Repeat("0", len(digits)%2))
	if err != nil {
		return EPC{}, fmt.Errorf("EPC %.64q: %w", digits, ErrEPCHex)
	}
	e := EPC{Hex: strings.ToUpper(digits)}
	header := raw[0]
	if header != headerSGTIN96 && header != headerSSCC96 {
		return e, nil
	}
	refuse := func(why string) (EPC, error) {
		return EPC{Hex: e.Hex}, fmt.Errorf("EPC %s: %s: %w", e.Hex, why, ErrEPC)
	}
	if len(digits)*4 < epcBits {
		return refuse("fewer than 96 bits")
	}
	bits := bitReader{raw, 8}
	filter, p := int(bits.take(3)), int(bits.take(3))
	if p > 6 {
		return refuse("partition 7")
	}
	part := partitionOf(p)
	prefix, ok := padded(bits.take(part.prefixBits), part.prefixDigits)
	if !ok {
		return refuse("company prefix out of range")
	}
	if header == headerSGTIN96 {
		ref, ok := padded(bits.take(part.itemBits), part.itemDigits)
		if !ok {
			return refuse("item reference out of range")
		}
		serial := strconv.FormatUint(bits.take(serialBits), 10)
		return sgtin(prefix, ref, serial).tagged(filter, e.Hex), nil
	}
	ref, ok := padded(bits.take(part.unitBits), part.unitDigits)
	switch {
	case !ok:
		return refuse("serial reference out of range")
	case bits.take(24) != 0:
		return refuse("reserved bits are set")
	}
	return sscc96(prefix, ref).tagged(filter, e.Hex), nil
}

// EncodeSGTIN96 makes the tag content of one unit: GTIN of 8, 12, 13 or 14
// digits, the length of its company prefix (6..12, from master data: it cannot
// be told from the GTIN), a serial number in decimal without leading zeros
// below 2^38, and a filter 0..7. A GTIN-8 needs the prefix length 8. Errors:
// ErrEPC, and those of GTIN14.
func EncodeSGTIN96(prefixLen int, gtin, serial string, filter int) (string, error) {
	long, err := GTIN14(gtin)
	if err != nil {
		return "", fmt.Errorf("SGTIN-96: %w", err)
	}
	if len(gtin) == 8 && (prefixLen != 8 || gtin[0] == '0' || gtin[0] == '2') {
		return "", fmt.Errorf("SGTIN-96: GTIN-8 %s with a prefix of %d digits: %w", gtin, prefixLen, ErrEPC)
	}
	if prefixLen < 6 || prefixLen > 12 {
		return "", fmt.Errorf("SGTIN-96: company prefix of %d digits: %w", prefixLen, ErrEPC)
	}
	return encode96(sgtin(long[1:1+prefixLen], long[:1]+long[1+prefixLen:13], serial), filter)
}

// EncodeSSCC96 makes the tag content of a logistic unit from its SSCC of 18
// digits, the length of its company prefix (6..12) and a filter 0..7. Errors:
// ErrEPC, ErrCheckDigit.
func EncodeSSCC96(prefixLen int, sscc string, filter int) (string, error) {
	switch {
	case len(sscc) != 18 || !digitsOnly(sscc) || prefixLen < 6 || prefixLen > 12:
		return "", fmt.Errorf("SSCC-96: %q with a company prefix of %d digits: %w", sscc, prefixLen, ErrEPC)
	case !ValidKey(sscc):
		return "", fmt.Errorf("SSCC-96: %s: %w", sscc, ErrCheckDigit)
	}
	return encode96(sscc96(sscc[1:1+prefixLen], sscc[:1]+sscc[1+prefixLen:17]), filter)
}

// EncodeEPC makes the tag content of a pure identity URI. Errors: ErrEPC.
func EncodeEPC(pureURI string, filter int) (string, error) {
	e, err := ParseEPCURI(pureURI)
	if err != nil {
		return "", err
	}
	return encode96(e, filter)
}

// encode96 puts the parts of e into 96 bits.
func encode96(e EPC, filter int) (string, error) {
	if filter < 0 || filter > 7 {
		return "", fmt.Errorf("%s: filter %d: %w", e.URI, filter, ErrEPC)
	}
	p := 12 - len(e.Prefix)
	part := partitionOf(p)
	var bits bitWriter
	if e.Scheme == SchemeSGTIN {
		serial, err := strconv.ParseUint(e.Serial, 10, 64)
		if err != nil || serial >= maxSerial || strconv.FormatUint(serial, 10) != e.Serial {
			return "", fmt.Errorf("%s: serial number %q does not fit a tag of 96 bits: %w", e.URI, e.Serial, ErrEPC)
		}
		bits.put(headerSGTIN96, 8)
		bits.put(uint64(filter), 3)
		bits.put(uint64(p), 3)
		bits.put(number(e.Prefix), part.prefixBits)
		bits.put(number(e.reference()), part.itemBits)
		bits.put(serial, serialBits)
	} else {
		bits.put(headerSSCC96, 8)
		bits.put(uint64(filter), 3)
		bits.put(uint64(p), 3)
		bits.put(number(e.Prefix), part.prefixBits)
		bits.put(number(e.reference()), part.unitBits)
		bits.put(0, 24)
	}
	return strings.ToUpper(hex.EncodeToString(bits.out[:])), nil
}

// sgtin makes the identity of a unit from parts of the right length.
func sgtin(prefix, ref, serial string) EPC {
	key := ref[:1] + prefix + ref[1:]
	check, _ := CheckDigit(key) // 13 digits always have one
	return EPC{
		Scheme: SchemeSGTIN, Prefix: prefix, Serial: serial, GTIN: key + string(check),
		URI: pureHead + SchemeSGTIN + ":" + prefix + "." + ref + "." + escapeSerial(serial),
	}
}

// sscc96 makes the identity of a logistic unit from parts of the right length.
func sscc96(prefix, ref string) EPC {
	key := ref[:1] + prefix + ref[1:]
	check, _ := CheckDigit(key)
	return EPC{
		Scheme: SchemeSSCC, Prefix: prefix, SSCC: key + string(check),
		URI: pureHead + SchemeSSCC + ":" + prefix + "." + ref,
	}
}

// reference is the part of the key beside prefix and check digit, indicator or
// extension digit first.
func (e EPC) reference() string {
	key := e.GTIN + e.SSCC // one of them is empty
	return key[:1] + key[1+len(e.Prefix):len(key)-1]
}

// tagged adds what only a tag knows.
func (e EPC) tagged(filter int, digits string) EPC {
	_, body, _ := strings.Cut(strings.TrimPrefix(e.URI, pureHead), ":")
	e.Filter, e.Hex = filter, digits
	e.TagURI = tagHead + e.Scheme + "-96:" + strconv.Itoa(filter) + "." + body
	return e
}

// padded writes v with exactly n digits; false when it has more.
func padded(v uint64, n int) (string, bool) {
	s := strconv.FormatUint(v, 10)
	if len(s) > n {
		return "", false
	}
	return strings.Repeat("0", n-len(s)) + s, true
}

// number reads up to 17 digits.
func number(digits string) uint64 {
	var v uint64
	for i := range len(digits) {
		v = 10*v + uint64(digits[i]-'0')
	}
	return v
}

// bitReader takes bits from the front, most significant first.
type bitReader struct {
	raw []byte
	at  int
}

func (b *bitReader) take(n int) uint64 {
	var v uint64
	for range n {
		v = v<<1 | uint64(b.raw[b.at/8]>>(7-b.at%8)&1)
		b.at++
	}
	return v
}

// bitWriter puts bits behind each other, most significant first.
type bitWriter struct {
	out [epcBits / 8]byte
	at  int
}

func (b *bitWriter) put(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		b.out[b.at/8] |= byte(v>>i&1) << (7 - b.at%8)
		b.at++
	}
}
