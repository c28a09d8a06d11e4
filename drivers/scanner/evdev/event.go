package evdev

import (
	"encoding/binary"
	"strconv"
)

// Types of events, and codes of those that matter.
const (
	evSyn      = 0
	evKey      = 1
	synDropped = 3
)

// EventSize is the length of an input_event on this machine, bytes: two words of
// time, type, code and value.
const EventSize = 2*strconv.IntSize/8 + 8

// Input is one input_event without its time, which is of the kernel's clock.
type Input struct {
	Type, Code uint16
	Value      int32 // of a key: 1 pressed, 2 repeated, 0 let go
}

// Decode reads one event; p must hold EventSize bytes.
func Decode(p []byte) Input {
	p = p[EventSize-8 : EventSize]
	return Input{binary.NativeEndian.Uint16(p), binary.NativeEndian.Uint16(p[2:]), int32(binary.NativeEndian.Uint32(p[4:]))}
}

// mostKeys is one more than KEY_MAX.
const mostKeys = 0x300

// Sane reports whether the kernel knows such an event (EV_MAX, KEY_MAX, SYN_MAX,
// the values of a key).
func (e Input) Sane() bool {
	switch {
	case e.Type > 0x1F || e.Code >= mostKeys:
		return false
	case e.Type == evSyn:
		return e.Code <= 0xF
	}
	return e.Type != evKey || e.Value >= 0 && e.Value <= 2
}

// Whole is what a port gives of one read of an input device: the whole events in
// it. The kernel gives nothing else; a rest that is none counts as events that
// were dropped (SYN_DROPPED), so that the scan it stood in is refused, not read
// without a key.
func Whole(read []byte) []byte {
	rest := len(read) % EventSize
	if rest == 0 {
		return read
	}
	return Input{Type: evSyn, Code: synDropped}.Append(read[:len(read)-rest])
}

// Append is the event behind b, at time 0; for tests and emulators of devices.
func (e Input) Append(b []byte) []byte {
	b = append(b, make([]byte, EventSize-8)...)
	b = binary.NativeEndian.AppendUint16(b, e.Type)
	b = binary.NativeEndian.AppendUint16(b, e.Code)
	return binary.NativeEndian.AppendUint32(b, uint32(e.Value))
}
