package conveyor

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// ulidAt makes a ULID of a time and ten bytes: 48 bits of milliseconds, 80 bits
// of chance, 26 characters of five bits each.
func ulidAt(at time.Time, chance [10]byte) string {
	high := uint64(at.UnixMilli())<<16 | uint64(binary.BigEndian.Uint16(chance[:2]))
	low := binary.BigEndian.Uint64(chance[2:])
	var out [26]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = crockford[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(out[:])
}

// newULID is the default source of ids.
func newULID(now func() time.Time) func() string {
	return func() string {
		var chance [10]byte
		_, _ = rand.Read(chance[:]) // it never fails
		return ulidAt(now(), chance)
	}
}
