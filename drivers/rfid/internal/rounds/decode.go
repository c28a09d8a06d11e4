package rounds

import (
	"fmt"

	"tote/drivers"
)

// Decoder reads one direction of a family's line aloud.
type Decoder struct {
	packet Packet
	tell   func(wire []byte) string
	buf    []byte
	noise  []byte
}

// NewDecoder makes a drivers.Decoder of a family's packets; tell says in words
// what a whole packet means.
func NewDecoder(p Packet, tell func(wire []byte) string) *Decoder {
	return &Decoder{packet: p, tell: tell}
}

// Push implements drivers.Decoder.
func (d *Decoder) Push(p []byte, emit func(drivers.Frame)) {
	d.buf = append(d.buf, p...)
	at := 0
	for at < len(d.buf) {
		n, whole := d.packet(d.buf[at:])
		if n > 0 && !whole {
			break
		}
		if n == 0 {
			d.noise = append(d.noise, d.buf[at])
			at++
			continue
		}
		d.flush(emit)
		wire := append([]byte(nil), d.buf[at:at+n]...)
		emit(drivers.Frame{Wire: wire, Text: d.tell(wire)})
		at += n
	}
	d.flush(emit)
	d.buf = append(d.buf[:0], d.buf[at:]...)
}

func (d *Decoder) flush(emit func(drivers.Frame)) {
	if len(d.noise) == 0 {
		return
	}
	wire := append([]byte(nil), d.noise...)
	d.noise = d.noise[:0]
	emit(drivers.Frame{Wire: wire, Text: fmt.Sprintf("%d bytes that are no packet", len(wire)), Code: drivers.CodeRFIDUnreadable})
}
