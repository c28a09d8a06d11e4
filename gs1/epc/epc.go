package epc

import (
	"strconv"
	"strings"
)

// EPC is what a tag says, or an identity that a tag can be given. The parts are
// plain text, without escapes.
type EPC struct {
	Scheme    string // of the identity: "sgtin"; "" for what is no EPC
	Tag       string // of the tag: "sgtin-96"; "" of a pure identity; of what is not decoded what its first byte says, if anything
	Filter    int    // control information of a tag, not identity
	Prefix    string // company prefix; of usdod and adi the CAGE or DoDAAC, of gid the manager
	Reference string // item with its indicator, serial reference with its extension digit, location, type, part or class
	Piece     string // of itip, two digits
	Total     string // of itip, two digits
	Serial    string
	Hex       string // as on the tag, upper case; "" of a pure identity
	AFI       string // two hexadecimal digits of a tag that says it is not of GS1; else ""
}

// Filter values that several schemes share.
const (
	FilterOther    = 0
	FilterItem     = 1 // sgtin: point-of-sale item
	FilterCase     = 2 // sgtin and sscc: full case
	FilterInner    = 4 // sgtin: inner pack
	FilterUnitLoad = 6 // sgtin and sscc: unit load
	FilterPart     = 7 // sgtin: unit or component inside a trade item
)

// Heads of EPC URIs.
const (
	pureHead = "urn:epc:id:"
	tagHead  = "urn:epc:tag:"
	rawHead  = "urn:epc:raw:"
)

// URI is the pure identity, "" for what is no EPC.
func (e EPC) URI() string {
	if e.Scheme == "" {
		return ""
	}
	b := make([]byte, 0, 96)
	b = append(b, pureHead...)
	b = append(b, e.Scheme...)
	b = append(b, ':')
	return string(e.body(b))
}

// TagURI is the URI of the tag, with its scheme and filter; "" for what is no EPC
// or on no tag.
func (e EPC) TagURI() string {
	if e.Scheme == "" || e.Tag == "" {
		return ""
	}
	b := make([]byte, 0, 96)
	b = append(b, tagHead...)
	b = append(b, e.Tag...)
	b = append(b, ':')
	if e.Scheme != GID {
		b = strconv.AppendInt(b, int64(e.Filter), 10)
		b = append(b, '.')
	}
	return string(e.body(b))
}

// body writes the parts as both URIs end.
func (e EPC) body(b []byte) []byte {
	b = append(b, e.Prefix...)
	l := layoutOf(e.Scheme)
	if l.parts&hasReference != 0 {
		b = escape(append(b, '.'), e.Reference)
	}
	if l.parts&hasPieces != 0 {
		b = append(b, '.')
		b = append(b, e.Piece...)
		b = append(b, '.')
		b = append(b, e.Total...)
	}
	if l.parts&hasSerial != 0 {
		b = escape(append(b, '.'), e.Serial)
	}
	return b
}

// RawURI names what is on a tag without reading it, "" when it is on none.
func (e EPC) RawURI() string {
	if e.Hex == "" {
		return ""
	}
	head := rawHead + strconv.Itoa(4*len(e.Hex)) + ".x"
	if e.AFI != "" {
		head += e.AFI + ".x"
	}
	return head + e.Hex
}

// Key is what two readings of one object have in common: the pure identity,
// which leaves filter and size of the tag out, or the bare bits of a tag that is
// not decoded.
func (e EPC) Key() string {
	if e.Scheme != "" {
		return e.URI()
	}
	return e.Hex
}

// escaped are the characters that a URI must escape.
const escaped = `"#%&/<>?`

// escape appends text as a URI wants it.
func escape(b []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	if !strings.ContainsAny(text, escaped) {
		return append(b, text...)
	}
	for i := range len(text) {
		if c := text[i]; strings.IndexByte(escaped, c) >= 0 {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}
