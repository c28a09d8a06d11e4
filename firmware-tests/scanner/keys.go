package scanner

import (
	"encoding/binary"
	"fmt"

	"tote/firmware-tests/kdev"
)

// A keyboard scanner types: for each key the events of Linux (input-event-codes.h),
// scan code, key and report, pressed and let go. It is set to the US layout.
const (
	evSyn, evKey, evMsc = 0, 1, 4
	mscScan             = 4

	keyEnter, keyCtrl, keyShift, keyBracket, keyF8, keySpace = 28, 29, 42, 27, 66, 57
)

// keyRows are the keys of a US board by the code of the first: alone and with Shift.
var keyRows = []struct {
	first        uint16
	plain, shift string
}{
	{2, "1234567890-=", "!@#$%^&*()_+"},
	{16, "qwertyuiop[]", "QWERTYUIOP{}"},
	{30, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
	{43, `\zxcvbnm,./`, "|ZXCVBNM<>?"},
}

// How GS is typed.
const (
	GSCtrl = "ctrl" // Ctrl and ]
	GSF8   = "f8"
)

// stroke is a key and whether it is pressed.
type stroke struct {
	code uint16
	down bool
}

func tap(code uint16, mods ...uint16) (out []stroke) {
	for _, m := range mods {
		out = append(out, stroke{m, true})
	}
	out = append(out, stroke{code, true}, stroke{code, false})
	for _, m := range mods {
		out = append(out, stroke{m, false})
	}
	return out
}

// keyOf types one byte of a code; ok is false for what no key types.
func keyOf(c byte, gs string) (out []stroke, ok bool) {
	switch c {
	case ' ':
		return tap(keySpace), true
	case '\r':
		return tap(keyEnter), true
	case '\n':
		return nil, true // Enter was typed
	case 0x1d:
		if gs == GSF8 {
			return tap(keyF8), true
		}
		return tap(keyBracket, keyCtrl), true
	}
	for _, row := range keyRows {
		for i := range len(row.plain) {
			switch c {
			case row.plain[i]:
				return tap(row.first + uint16(i)), true
			case row.shift[i]:
				return tap(row.first+uint16(i), keyShift), true
			}
		}
	}
	return nil, false
}

// typed are the events of a frame.
func typed(frame, gs string) ([]byte, error) {
	var b []byte
	event := func(typ, code uint16, value uint32) {
		b = append(b, make([]byte, kdev.EventSize-8)...) // the kernel's time
		b = binary.NativeEndian.AppendUint16(b, typ)
		b = binary.NativeEndian.AppendUint16(b, code)
		b = binary.NativeEndian.AppendUint32(b, value)
	}
	for _, c := range []byte(frame) {
		strokes, ok := keyOf(c, gs)
		if !ok {
			return nil, fmt.Errorf("%w: no key types %q", ErrCode, c)
		}
		for _, s := range strokes {
			value := uint32(0)
			if s.down {
				value = 1
			}
			event(evMsc, mscScan, 0x70000|uint32(s.code))
			event(evKey, s.code, value)
			event(evSyn, 0, 0)
		}
	}
	return b, nil
}
