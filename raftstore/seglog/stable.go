package seglog

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// Set implements raft.StableStore. The value is synced when it returns.
func (l *Log) Set(key, val []byte) error {
	l.stableMu.Lock()
	defer l.stableMu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	next := maps.Clone(l.values)
	next[string(key)] = slices.Clone(val)
	if err := l.stable.store(encodeValues(next)); err != nil {
		return l.latch(err)
	}
	l.values = next
	return nil
}

// Get implements raft.StableStore; ErrNotFound when the key was never set.
func (l *Log) Get(key []byte) ([]byte, error) {
	l.stableMu.Lock()
	defer l.stableMu.Unlock()
	v, ok := l.values[string(key)]
	if !ok {
		return nil, ErrNotFound
	}
	return slices.Clone(v), nil
}

// SetUint64 implements raft.StableStore.
func (l *Log) SetUint64(key []byte, val uint64) error {
	return l.Set(key, binary.LittleEndian.AppendUint64(nil, val))
}

// GetUint64 implements raft.StableStore; ErrNotFound when it was never set.
func (l *Log) GetUint64(key []byte) (uint64, error) {
	v, err := l.Get(key)
	if err != nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("seglog: %q holds %d bytes, not a number", key, len(v))
	}
	return binary.LittleEndian.Uint64(v), nil
}

const stableVer = 1

// encodeValues writes the values in key order:
//
//	ver u8 | n u16 | n × (len u16 | key | len u16 | value)
func encodeValues(values map[string][]byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16([]byte{stableVer}, uint16(len(values)))
	for _, k := range slices.Sorted(maps.Keys(values)) {
		b = le.AppendUint16(b, uint16(len(k)))
		b = append(b, k...)
		b = le.AppendUint16(b, uint16(len(values[k])))
		b = append(b, values[k]...)
	}
	return b
}

func decodeValues(b []byte) (map[string][]byte, error) {
	values := map[string][]byte{}
	if b == nil {
		return values, nil
	}
	bad := fmt.Errorf("%w: the stable values do not decode", ErrCorrupt)
	le := binary.LittleEndian
	if len(b) < 3 || b[0] != stableVer {
		return nil, bad
	}
	n := int(le.Uint16(b[1:]))
	b = b[3:]
	cut := func() (s []byte, ok bool) {
		if len(b) < 2 || len(b)-2 < int(le.Uint16(b)) {
			return nil, false
		}
		n := 2 + int(le.Uint16(b))
		s, b = b[2:n:n], b[n:]
		return s, true
	}
	for range n {
		k, ok1 := cut()
		v, ok2 := cut()
		if !ok1 || !ok2 {
			return nil, bad
		}
		values[string(k)] = slices.Clone(v)
	}
	if len(b) != 0 {
		return nil, bad
	}
	return values, nil
}
