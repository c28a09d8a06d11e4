package xymd02

import (
	"encoding/binary"
	"fmt"

	"tote/drivers"
)

// maxFrame is the longest frame of Modbus over a serial line, in bytes.
const maxFrame = 256

// decoder reads a line aloud. Nothing marks where a frame begins, so the first
// place from which a frame with a right check follows is taken; what lies before
// it is noise.
type decoder struct {
	toDevice bool
	rest     []byte
}

// Decode makes a decoder of one direction.
func Decode(toDevice bool) drivers.Decoder { return &decoder{toDevice: toDevice} }

// Push implements drivers.Decoder.
func (d *decoder) Push(p []byte, emit func(drivers.Frame)) {
	d.rest = append(d.rest, p...)
	for {
		at, n := d.next()
		if n == 0 {
			break
		}
		d.noise(at, emit)
		f := d.take(n)
		emit(drivers.Frame{Wire: f, Text: text(f, d.toDevice)})
	}
	if over := len(d.rest) - maxFrame; over > 0 {
		d.noise(over, emit)
	}
}

// take cuts n bytes off.
func (d *decoder) take(n int) []byte {
	p := append([]byte(nil), d.rest[:n]...)
	d.rest = append(d.rest[:0], d.rest[n:]...)
	return p
}

func (d *decoder) noise(n int, emit func(drivers.Frame)) {
	if n > 0 {
		emit(drivers.Frame{Wire: d.take(n), Text: "no frame: its check is wrong, or it is noise", Code: drivers.CodeSensorUnreadable})
	}
}

// next finds the first whole frame; n = 0: there is none yet.
func (d *decoder) next() (at, n int) {
	for at := range d.rest {
		if n := frameLen(d.rest[at:], d.toDevice); n > 0 && whole(d.rest[at:], n) {
			return at, n
		}
	}
	return 0, 0
}

// frameLen is the length of the frame that p would begin with, 0 when it cannot.
func frameLen(p []byte, toDevice bool) int {
	if len(p) < 3 || p[0] == 0 || p[0] > 247 {
		return 0
	}
	switch f := p[1]; {
	case f != readHolding && f != readInput && f != readHolding|exception && f != readInput|exception:
		return 0
	case f&exception != 0:
		return refusalLen
	case toDevice:
		return requestLen
	case p[2] == 0 || p[2]%2 != 0:
		return 0
	}
	return refusalLen + int(p[2])
}

// text says what a frame with a right check means.
func text(f []byte, toDevice bool) string {
	kind := "input registers"
	if f[1]&^exception == readHolding {
		kind = "holding registers"
	}
	switch {
	case f[1]&exception != 0:
		return fmt.Sprintf("sensor %d refuses to tell %s: reason %d", f[0], kind, f[2])
	case toDevice:
		return fmt.Sprintf("asks sensor %d for %d %s from %04x", f[0], binary.BigEndian.Uint16(f[4:]), kind, binary.BigEndian.Uint16(f[2:]))
	}
	s := fmt.Sprintf("sensor %d tells %s:", f[0], kind)
	for i := 3; i < len(f)-2; i += 2 {
		s += fmt.Sprintf(" %d", int16(binary.BigEndian.Uint16(f[i:])))
	}
	return s
}
