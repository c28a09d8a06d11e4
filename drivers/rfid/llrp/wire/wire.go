// Package wire is the LLRP codec: message headers, the walk over parameters of
// both forms (TLV with a length, TV without), a tree of any message, and a fast
// path for tag reports.
//
// Wire: EPCglobal Low Level Reader Protocol 1.0.1 and the parts of 1.1 that are
// in the table of layouts. All numbers are big-endian. LLRP has no checksum and
// no start of frame: a broken header cannot be stepped over, a broken parameter
// spoils its message only.
//
// No length is trusted: one that does not fit its container is ErrLength, and
// nothing is allocated for it. The package owns no goroutine and does no I/O.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes, bytes.
const (
	HeaderSize = 10
	// MaxMessage is the longest message taken. Real ones stay below 64 KiB.
	MaxMessage = 4 << 20
	// maxNodes and maxDepth bound the tree of one message.
	maxNodes = 1 << 15
	maxDepth = 12
)

// Versions in a header.
const (
	Version101 = 1
	Version11  = 2
)

// Errors of the codec.
var (
	// ErrHeader: these are not the first bytes of an LLRP message.
	ErrHeader = errors.New("llrp: no message header")
	// ErrLength: a length does not fit what it stands in.
	ErrLength = errors.New("llrp: a length does not fit")
	// ErrSize: more parameters, or deeper nested, than any reader sends.
	ErrSize = errors.New("llrp: too many parameters")
	// ErrLayout: a tree that the table of layouts does not allow.
	ErrLayout = errors.New("llrp: no such field")
)

// Type is the type of a message.
type Type uint16

// Messages that a session needs by name.
const (
	GetReaderCapabilities Type = 1
	GetReaderConfig       Type = 2
	SetReaderConfig       Type = 3
	CloseResponse         Type = 4
	CloseConnection       Type = 14
	AddROSpec             Type = 20
	DeleteROSpec          Type = 21
	StartROSpec           Type = 22
	EnableROSpec          Type = 24
	GetSupportedVersion   Type = 46
	SetProtocolVersion    Type = 47
	ROAccessReport        Type = 61
	Keepalive             Type = 62
	ReaderEvent           Type = 63
	EnableEvents          Type = 64
	KeepaliveAck          Type = 72
	ErrorMessage          Type = 100
	Custom                Type = 1023
)

// String is the name of a message, "message 77" for one that is not known.
func (t Type) String() string {
	if d := messages[uint16(t)]; d != nil {
		return d.name
	}
	return fmt.Sprintf("message %d", uint16(t))
}

// Known reports whether there is such a message.
func (t Type) Known() bool { return messages[uint16(t)] != nil }

// Response is the type of the answer to a request.
func (t Type) Response() Type {
	switch t {
	case CloseConnection:
		return CloseResponse
	case Custom: // which one tells its subtype
		return Custom
	}
	return t + 10
}

// Header stands before each message.
type Header struct {
	Version byte // 1 = 1.0.1, 2 = 1.1
	Type    Type
	Length  int // bytes of the whole message
	ID      uint32
}

// ParseHeader reads the first ten bytes of a message. Any version but 0 is
// taken: what readers of later versions send unasked is laid out the same. The
// error is ErrHeader or ErrLength.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, ErrHeader
	}
	first := binary.BigEndian.Uint16(b)
	length := binary.BigEndian.Uint32(b[2:])
	h := Header{Version: byte(first >> 10 & 7), Type: Type(first & 0x3FF), Length: int(min(length, MaxMessage+1)), ID: binary.BigEndian.Uint32(b[6:])}
	switch {
	case first>>13 != 0 || h.Version == 0 || h.Type == 0:
		return h, ErrHeader
	case h.Length < HeaderSize || h.Length > MaxMessage:
		return h, ErrLength
	}
	return h, nil
}

// Append appends a whole message to b.
func Append(b []byte, version byte, t Type, id uint32, body []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(version&7)<<10|uint16(t)&0x3FF)
	b = binary.BigEndian.AppendUint32(b, uint32(HeaderSize+len(body)))
	b = binary.BigEndian.AppendUint32(b, id)
	return append(b, body...)
}

// param is one parameter as it lies in its container.
type param struct {
	typ  uint16
	tv   bool
	body []byte
}

// next takes the first parameter off p. A TV of an unknown type has no length:
// ok is false and nothing behind it can be read. The error is ErrLength.
func next(p []byte) (one param, rest []byte, ok bool, err error) {
	if p[0]&0x80 != 0 {
		typ := uint16(p[0] & 0x7F)
		n := tvSize[typ]
		if n == 0 {
			return one, p, false, nil
		}
		if len(p) < 1+n {
			return one, p, false, fmt.Errorf("%w: parameter %d of %d bytes in %d", ErrLength, typ, n, len(p)-1)
		}
		return param{typ, true, p[1 : 1+n]}, p[1+n:], true, nil
	}
	if len(p) < 4 {
		return one, p, false, fmt.Errorf("%w: %d bytes are no parameter", ErrLength, len(p))
	}
	typ, n := binary.BigEndian.Uint16(p)&0x3FF, int(binary.BigEndian.Uint16(p[2:]))
	if n < 4 || n > len(p) {
		return one, p, false, fmt.Errorf("%w: parameter %d says %d of %d bytes", ErrLength, typ, n, len(p))
	}
	return param{typ, false, p[4:n]}, p[n:], true, nil
}

// tvSize is the body of each parameter without a length, in bytes; 0 = unknown.
var tvSize = func() (out [128]int) {
	for typ, d := range tvs {
		bits := 0
		for _, f := range d.fields {
			bits += f.width
		}
		out[typ] = bits / 8
	}
	return out
}()

// Framer cuts a stream into messages. It holds what was received, never what a
// length only promises.
type Framer struct {
	buf        []byte
	start, end int // of what is held
}

// Space gives room for at least 4 KiB to read into; Grew says how much was.
func (f *Framer) Space() []byte {
	const room = 4 << 10
	if f.start == f.end {
		f.start, f.end = 0, 0
	}
	if len(f.buf)-f.end < room {
		if held := f.end - f.start; f.start > 0 && len(f.buf)-held >= room {
			copy(f.buf, f.buf[f.start:f.end])
			f.start, f.end = 0, held
		} else {
			bigger := make([]byte, max(64<<10, 2*(held+room)))
			f.end = copy(bigger, f.buf[f.start:f.end])
			f.start, f.buf = 0, bigger
		}
	}
	return f.buf[f.end:]
}

// Grew takes n bytes that were read into Space.
func (f *Framer) Grew(n int) { f.end += n }

// Push takes a copy of bytes that lie elsewhere.
func (f *Framer) Push(p []byte) {
	for len(p) > 0 {
		n := copy(f.Space(), p)
		f.Grew(n)
		p = p[n:]
	}
}

// Held is what waits for its rest.
func (f *Framer) Held() []byte { return f.buf[f.start:f.end] }

// Reset forgets what is held.
func (f *Framer) Reset() { f.start, f.end = 0, 0 }

// Next gives the next whole message; its body is good until Space or Push. ok
// is false when more bytes are needed. After an error nothing more can be read:
// there is no way to find the next message.
func (f *Framer) Next() (h Header, body []byte, ok bool, err error) {
	held := f.Held()
	if len(held) < HeaderSize {
		// Noise shall not wait for ten bytes to be seen.
		if len(held) >= 2 {
			if first := binary.BigEndian.Uint16(held); first>>13 != 0 || first>>10 == 0 || first&0x3FF == 0 {
				return h, nil, false, ErrHeader
			}
		}
		return h, nil, false, nil
	}
	if h, err = ParseHeader(held); err != nil {
		return h, nil, false, err
	}
	if len(held) < h.Length {
		return h, nil, false, nil
	}
	f.start += h.Length
	return h, held[HeaderSize:h.Length], true, nil
}
