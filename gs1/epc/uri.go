package epc

import (
	"fmt"
	"strconv"
	"strings"

	"tote/gs1/fault"
	"tote/gs1/key"
)

// maxURI is longer than any EPC URI: 85 characters, each escaped.
const maxURI = 400

// ParseURI reads a pure identity, a tag URI or a raw URI. Of a tag URI Tag,
// Filter and Hex are set as well; of a raw URI only Hex and AFI, since it says
// that nothing was understood. Errors: EPC and EPCFit of package fault.
func ParseURI(uri string) (EPC, error) {
	refuse := func(why string) (EPC, error) {
		return EPC{}, fmt.Errorf("EPC URI %.120q: %s: %w", uri, why, fault.EPC)
	}
	if len(uri) > maxURI {
		return refuse("too long")
	}
	if rest, ok := strings.CutPrefix(uri, rawHead); ok {
		return parseRaw(uri, rest)
	}
	rest, onTag := strings.CutPrefix(uri, tagHead)
	if !onTag {
		var pure bool
		if rest, pure = strings.CutPrefix(uri, pureHead); !pure {
			return refuse("neither " + pureHead + " nor " + tagHead + " nor " + rawHead)
		}
	}
	scheme, body, ok := strings.Cut(rest, ":")
	if !ok {
		return refuse("no scheme")
	}
	if !onTag {
		e, err := parseBody(scheme, body)
		if err != nil {
			return EPC{}, fmt.Errorf("EPC URI %.120q: %w", uri, err)
		}
		return e, nil
	}
	t, ok := tagNamed(scheme)
	if !ok {
		return refuse("no such scheme of tags")
	}
	filter := 0
	if t.scheme != GID {
		var digits string
		digits, body, ok = strings.Cut(body, ".")
		n, err := strconv.ParseUint(digits, 10, 8)
		if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
			return refuse("no filter")
		}
		filter = int(n)
	}
	e, err := parseBody(t.scheme, body)
	if err == nil {
		e, err = e.On(t.name, filter)
	}
	if err != nil {
		return EPC{}, fmt.Errorf("EPC URI %.120q: %w", uri, err)
	}
	return e, nil
}

// parseBody reads the parts of an identity, which stand between dots; the last
// of them may hold dots itself.
func parseBody(scheme, body string) (EPC, error) {
	l := layoutOf(scheme)
	n := 1
	for _, h := range [...]struct {
		has
		parts int
	}{{hasReference, 1}, {hasPieces, 2}, {hasSerial, 1}} {
		if l.parts&h.has != 0 {
			n += h.parts
		}
	}
	fields := strings.SplitN(body, ".", n)
	if l.name == "" || len(fields) < n {
		return EPC{}, fmt.Errorf("no such scheme, or not %d parts: %w", n, fault.EPC)
	}
	for i, f := range fields {
		var ok bool
		if fields[i], ok = unescape(f); !ok {
			return EPC{}, fmt.Errorf("a broken escape, or a character that must be escaped and is not: %w", fault.EPC)
		}
	}
	e := EPC{Scheme: l.name, Prefix: fields[0]}
	rest := fields[1:]
	if l.parts&hasReference != 0 {
		e.Reference, rest = rest[0], rest[1:]
	}
	if l.parts&hasPieces != 0 {
		e.Piece, e.Total, rest = rest[0], rest[1], rest[2:]
	}
	if l.parts&hasSerial != 0 {
		e.Serial = rest[0]
	}
	return e, e.check()
}

// unescape reads a part: those characters that must be escaped are, and no
// others. What characters there may be the scheme says.
func unescape(text string) (string, bool) {
	if !strings.ContainsAny(text, escaped) {
		return text, true
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '%':
			if i+2 >= len(text) || !key.HexDigit(text[i+1]) || !key.HexDigit(text[i+2]) {
				return "", false
			}
			if c = key.Unhex(text[i+1])<<4 | key.Unhex(text[i+2]); strings.IndexByte(escaped, c) < 0 {
				return "", false
			}
			i += 2
		case strings.IndexByte(escaped, c) >= 0:
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// parseRaw reads bits.xHEX or bits.xAFI.xHEX.
func parseRaw(uri, rest string) (EPC, error) {
	bits, digits, ok := strings.Cut(rest, ".x")
	afi := ""
	if first, second, two := strings.Cut(digits, ".x"); ok && two {
		afi, digits = first, second
		ok = len(afi) == 2 && key.HexDigit(afi[0]) && key.HexDigit(afi[1])
	}
	n, err := strconv.Atoi(bits)
	if !ok || err != nil || n < 1 || len(digits) != (n+3)/4 || len(digits) > MaxHex {
		return EPC{}, fmt.Errorf("EPC URI %.120q: want %sBITS.xHEX: %w", uri, rawHead, fault.EPC)
	}
	for i := range len(digits) {
		if !key.HexDigit(digits[i]) {
			return EPC{}, fmt.Errorf("EPC URI %.120q: no hexadecimal digits: %w", uri, fault.EPC)
		}
	}
	return EPC{Hex: strings.ToUpper(digits), AFI: strings.ToUpper(afi)}, nil
}
