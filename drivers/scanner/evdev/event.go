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

// Sane reports whether the kernel knows such an event (EV_MAX, KEY_MAX).
func (e Input) Sane() bool { return e.Type <= 0x1F && e.Code <= 0x2FF }

// Append is the event behind b, at time 0; for tests and emulators of devices.
func (e Input) Append(b []byte) []byte {
	b = append(b, make([]byte, EventSize-8)...)
	b = binary.NativeEndian.AppendUint16(b, e.Type)
	b = binary.NativeEndian.AppendUint16(b, e.Code)
	return binary.NativeEndian.AppendUint32(b, uint32(e.Value))
}
