package gs1

import (
	"fmt"
	"strconv"
	"strings"

	"tote/gs1/epc"
	"tote/gs1/fault"
)

// Schemes of EPC that the state machine understands; package gs1/epc has them
// all.
const (
	SchemeSGTIN = epc.SGTIN // one unit of a trade item: GTIN and serial number
	SchemeSSCC  = epc.SSCC  // one logistic unit
)

// Filter values: control information in the tag, not identity.
const (
	FilterOther    = epc.FilterOther
	FilterItem     = epc.FilterItem     // SGTIN: point-of-sale item
	FilterCase     = epc.FilterCase     // SGTIN and SSCC: full case
	FilterUnitLoad = epc.FilterUnitLoad // SGTIN and SSCC: unit load
)

// The tags that DecodeEPC decodes.
const (
	tagSGTIN96 = "sgtin-96"
	tagSSCC96  = "sscc-96"
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

// DecodeEPC reads the EPC of a tag from its hexadecimal digits. Bits behind the
// 96 of the scheme are cut off.
//
// A tag with another header is not an error: Scheme is "" and Hex is kept, so
// that nothing that was read is lost. Errors: ErrEPCHex when this is no tag
// content at all; ErrEPC when the header says SGTIN-96 or SSCC-96 and the rest
// breaks its rules (Hex is set then, too).
func DecodeEPC(digits string) (EPC, error) {
	e, err := epc.Decode(digits)
	switch {
	case err != nil && e.Hex == "":
		return EPC{}, err
	case !strings.HasPrefix(e.Hex, "30") && !strings.HasPrefix(e.Hex, "31"):
		return EPC{Hex: e.Hex}, nil
	case err != nil:
		return EPC{Hex: e.Hex}, err
	}
	return known(e)
}

// known is an EPC of one of the schemes of this package in its form here.
func known(e epc.EPC) (EPC, error) {
	elements, err := e.Elements()
	if err != nil {
		// A key whose digits are no company prefix is an identity all the same.
		return EPC{}, err
	}
	out := EPC{Scheme: e.Scheme, URI: e.URI(), TagURI: e.TagURI(), Filter: e.Filter, Prefix: e.Prefix, Hex: e.Hex}
	if e.Scheme == SchemeSGTIN {
		out.GTIN, out.Serial = elements[0].Value, e.Serial
	} else {
		out.SSCC = elements[0].Value
	}
	return out, nil
}

// ParseEPCURI reads the pure identity of an SGTIN or SSCC, or the tag URI of
// an SGTIN-96 or SSCC-96. Of a tag URI Hex, TagURI and Filter are set as well.
// A pure SGTIN may have a serial number with letters; EncodeEPC refuses it.
// Errors: ErrEPC, and EPCFit of package fault.
func ParseEPCURI(uri string) (EPC, error) {
	e, err := epc.ParseURI(uri)
	if err != nil {
		return EPC{}, err
	}
	if e.Scheme != SchemeSGTIN && e.Scheme != SchemeSSCC || e.Tag != "" && e.Tag != tagSGTIN96 && e.Tag != tagSSCC96 {
		return EPC{}, fmt.Errorf("EPC URI %.120q: not an SGTIN or SSCC, or not of 96 bits: %w", uri, fault.EPC)
	}
	return known(e)
}

// ReadTag reads an SGTIN or SSCC in any form: a pure identity, the URI of a tag, or
// the hexadecimal digits of one, of any length. It is what the state machine reads
// with from its level 4 on, so its results never change either. Anything else is
// no error when it is the digits of a tag: Scheme is "" and Hex is kept. Errors:
// ErrEPC, ErrEPCHex.
func ReadTag(s string) (EPC, error) {
	var e epc.EPC
	var err error
	if strings.HasPrefix(s, "urn:") {
		e, err = epc.ParseURI(s)
	} else {
		e, err = epc.Decode(s)
	}
	switch {
	case err != nil:
		return EPC{Hex: e.Hex}, err
	case e.Scheme == SchemeSGTIN || e.Scheme == SchemeSSCC:
		return known(e)
	case e.Hex == "":
		return EPC{}, fmt.Errorf("EPC URI %.120q: neither SGTIN nor SSCC: %w", s, ErrEPC)
	}
	return EPC{Hex: e.Hex}, nil
}

// EncodeSGTIN96 makes the tag content of one unit: GTIN of 8, 12, 13 or 14
// digits, the length of its company prefix (6..12, from master data: it cannot
// be told from the GTIN), a serial number in decimal without leading zeros
// below 2^38, and a filter 0..7. A GTIN-8 needs the prefix length 8. Errors:
// ErrEPC, EPCFit of package fault, and those of GTIN14.
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
	return epc.EPC{
		Scheme: epc.SGTIN, Prefix: long[1 : 1+prefixLen], Reference: long[:1] + long[1+prefixLen:13], Serial: serial,
	}.Encode(tagSGTIN96, filter)
}

// EncodeSSCC96 makes the tag content of a logistic unit from its SSCC of 18
// digits, the length of its company prefix (6..12) and a filter 0..7. Errors:
// ErrEPC, ErrCheckDigit.
func EncodeSSCC96(prefixLen int, sscc string, filter int) (string, error) {
	switch {
	case len(sscc) != 18 || prefixLen < 6 || prefixLen > 12:
		return "", fmt.Errorf("SSCC-96: %q with a company prefix of %d digits: %w", sscc, prefixLen, ErrEPC)
	case !ValidKey(sscc):
		if _, err := strconv.ParseUint(sscc, 10, 64); err != nil {
			return "", fmt.Errorf("SSCC-96: %q: %w", sscc, ErrEPC)
		}
		return "", fmt.Errorf("SSCC-96: %s: %w", sscc, ErrCheckDigit)
	}
	return epc.EPC{
		Scheme: epc.SSCC, Prefix: sscc[1 : 1+prefixLen], Reference: sscc[:1] + sscc[1+prefixLen:17],
	}.Encode(tagSSCC96, filter)
}

// EncodeEPC makes the tag content of 96 bits of a pure identity URI. Errors:
// ErrEPC, and EPCFit of package fault.
func EncodeEPC(pureURI string, filter int) (string, error) {
	e, err := epc.ParseURI(pureURI)
	if err != nil {
		return "", err
	}
	if e.Scheme != SchemeSGTIN && e.Scheme != SchemeSSCC {
		return "", fmt.Errorf("EPC URI %.120q: neither SGTIN nor SSCC: %w", pureURI, ErrEPC)
	}
	return e.Encode(e.Scheme+"-96", filter)
}
