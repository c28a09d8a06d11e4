package ssi

import "errors"

// Errors of messages in several packets.
var (
	// ErrSequence: a packet of a message is missing, or is of another one.
	ErrSequence = errors.New("ssi: a packet of the message is missing")
	// ErrEmpty: the packet says nothing.
	ErrEmpty = errors.New("ssi: a packet without data")
	// ErrTooLong: the message is longer than the limit.
	ErrTooLong = errors.New("ssi: the message is too long")
)

// Message puts scans together, which come in one or in several packets.
type Message struct {
	max  int
	code byte
	data []byte
	open bool // more packets follow
	// Of segments: how long the message is, and the number of the next.
	want, next int
}

// NewMessage takes scans of at most max bytes.
func NewMessage(max int) *Message { return &Message{max: max} }

// Open reports whether a scan has begun and not ended.
func (m *Message) Open() bool { return m.open }

// Reset forgets a begun scan.
func (m *Message) Reset() { *m = Message{max: m.max, data: m.data[:0]} }

// Add takes a packet of OpDecodeData or OpBarcodeSegment. done: code and data
// are a whole scan, data valid until the next call. After an error the scan is
// forgotten.
func (m *Message) Add(p Packet) (code byte, data []byte, done bool, err error) {
	if p.Op == OpBarcodeSegment {
		done, err = m.segment(p)
	} else {
		done, err = m.decoded(p)
	}
	if err != nil {
		m.Reset()
		return 0, nil, false, err
	}
	if !done {
		m.open = true
		return 0, nil, false, nil
	}
	code, data = m.code, m.data
	m.Reset()
	return code, data, true, nil
}

// decoded: code type and data; all packets of a message repeat the type.
func (m *Message) decoded(p Packet) (done bool, err error) {
	if len(p.Data) == 0 {
		return false, ErrEmpty
	}
	if m.open && (m.want > 0 || m.code != p.Data[0]) {
		return false, ErrSequence
	}
	if !m.open {
		m.data = m.data[:0]
	}
	m.code = p.Data[0]
	return p.Status&Continued == 0, m.add(p.Data[1:])
}

// segment: cordless scanners cut one long packet into numbered pieces,
//
//	length 73 first number (2) …
//
// the first of which begins with a DECODE_DATA of longer fields: F3, source,
// status, length (2), code type, 01, length of the data (2). Taken from bytes a
// scanner sent; Zebra does not describe it.
func (m *Message) segment(p Packet) (done bool, err error) {
	const first, inner = 0x02, 9
	if len(p.Data) == 0 {
		return false, ErrEmpty
	}
	number, data := int(p.Status)<<8|int(p.Data[0]), p.Data[1:]
	if p.Source == first {
		if number != 0 || len(data) < inner || data[0] != OpDecodeData {
			return false, ErrSequence
		}
		m.Reset()
		m.code = data[5]
		m.want = int(data[7])<<8 | int(data[8])
		data = data[inner:]
	} else if !m.open || m.want == 0 || number != m.next {
		return false, ErrSequence
	}
	m.next = number + 1
	if m.want > m.max {
		return false, ErrTooLong
	}
	if len(m.data)+len(data) > m.want {
		return false, ErrSequence
	}
	return len(m.data)+len(data) == m.want, m.add(data)
}

func (m *Message) add(data []byte) error {
	if len(m.data)+len(data) > m.max {
		return ErrTooLong
	}
	m.data = append(m.data, data...)
	return nil
}
