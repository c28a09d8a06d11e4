package gs1

import (
	"fmt"
	"strings"
)

// Beginnings of EPC URIs.
const (
	pureHead = "urn:epc:id:"
	tagHead  = "urn:epc:tag:"
)

// serialEscaped are the characters of a serial number that a URI must escape.
const serialEscaped = `"%&/<>?`

// maxSerialChars is the longest serial number of a trade item (AI 21).
const maxSerialChars = 20

// ParseEPCURI reads the pure identity of an SGTIN or SSCC, or the tag URI of
// an SGTIN-96 or SSCC-96. Of a tag URI Hex, TagURI and Filter are set as well.
// A pure SGTIN may have a serial number with letters; EncodeEPC refuses it.
// Errors: ErrEPC.
func ParseEPCURI(uri string) (EPC, error) {
	refuse := func(why string) (EPC, error) {
		return EPC{}, fmt.Errorf("EPC URI %.120q: %s: %w", uri, why, ErrEPC)
	}
	filter := -1 // a pure identity has none
	rest, tag := strings.CutPrefix(uri, tagHead)
	if !tag {
		var pure bool
		if rest, pure = strings.CutPrefix(uri, pureHead); !pure {
			return refuse("neither " + pureHead + " nor " + tagHead)
		}
	}
	scheme, body, ok := strings.Cut(rest, ":")
	if !ok {
		return refuse("no scheme")
	}
	parts := strings.Split(body, ".")
	if tag {
		if scheme, ok = strings.CutSuffix(scheme, "-96"); !ok {
			return refuse("not a scheme of 96 bits")
		}
		if len(parts[0]) != 1 || parts[0][0] < '0' || parts[0][0] > '7' {
			return refuse("the filter is not 0 to 7")
		}
		filter, parts = int(parts[0][0]-'0'), parts[1:]
	}
	var e EPC
	switch {
	case scheme == SchemeSGTIN && len(parts) >= 3:
		// A serial number may hold dots.
		serial, ok := unescapeSerial(strings.Join(parts[2:], "."))
		if !ok || !keyParts(parts[0], parts[1], 13) {
			return refuse("want a company prefix of 6 to 12 digits, 13 digits with the item, and a serial number")
		}
		e = sgtin(parts[0], parts[1], serial)
	case scheme == SchemeSSCC && len(parts) == 2:
		if !keyParts(parts[0], parts[1], 17) {
			return refuse("want a company prefix of 6 to 12 digits, and 17 digits with the serial reference")
		}
		e = sscc96(parts[0], parts[1])
	default:
		return refuse("neither sgtin nor sscc, or the wrong number of parts")
	}
	if filter < 0 {
		return e, nil
	}
	digits, err := encode96(e, filter)
	if err != nil {
		return EPC{}, err
	}
	return e.tagged(filter, digits), nil
}

// keyParts checks company prefix and reference, which have sum digits.
func keyParts(prefix, ref string, sum int) bool {
	return len(prefix) >= 6 && len(prefix) <= 12 && len(prefix)+len(ref) == sum && digitsOnly(prefix) && digitsOnly(ref)
}

// escapeSerial writes a serial number as a URI wants it.
func escapeSerial(serial string) string {
	if !strings.ContainsAny(serial, serialEscaped) {
		return serial
	}
	var b strings.Builder
	for i := range len(serial) {
		if c := serial[i]; strings.IndexByte(serialEscaped, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescapeSerial reads a serial number from a URI: 1 to 20 characters, those
// that must be escaped are, and no others.
func unescapeSerial(text string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '%':
			if i+2 >= len(text) || !hexDigit(text[i+1]) || !hexDigit(text[i+2]) {
				return "", false
			}
			if c = unhex(text[i+1])<<4 | unhex(text[i+2]); strings.IndexByte(serialEscaped, c) < 0 {
				return "", false
			}
			i += 2
		case strings.IndexByte(serialEscaped, c) >= 0 || !inClass('X', c):
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), b.Len() >= 1 && b.Len() <= maxSerialChars
}

// unhex gives the value of a hexadecimal digit.
func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
