package seglog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"tote/raftstore/vfs"
)

const (
	slotMagic  = 0x4c535354 // "TSSL"; changing this breaks compatibility
	slotHeader = 4 + 8 + 4  // magic, sequence, length
	// maxSlot is the room for a value in one slot, in bytes.
	maxSlot = blockSize - slotHeader - 4
)

// slots keeps one small value in a file of two 4 KiB slots that are written in
// turn. A torn write harms the slot being written only, never the last value
// that was promised.
//
//	slot = magic u32 | sequence u64 | len u32 | value | crc32c u32
type slots struct {
	file   vfs.File
	name   string
	seq    uint64
	noSync bool
}

// openSlots opens or creates the file and returns its newest value; nil when
// nothing was ever stored.
func openSlots(fs vfs.FS, dir, name string) (*slots, []byte, error) {
	path := dir + "/" + name
	f, err := fs.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := fs.SyncDir(dir); err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	s := &slots{file: f, name: path}
	val, err := s.load()
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return s, val, nil
}

func (s *slots) load() ([]byte, error) {
	dropCache(s.file)
	buf := make([]byte, 2*blockSize)
	if _, err := s.file.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", s.name, err)
	}
	var best []byte
	var bad, empty int
	for i := range 2 {
		b := buf[i*blockSize : (i+1)*blockSize]
		seq, val, ok := decodeSlot(b)
		switch {
		case ok && seq > s.seq:
			s.seq, best = seq, val
		case !ok && allZero(b):
			empty++
		case !ok:
			bad++
		}
	}
	// One bad slot beside an empty one is the first write of all, torn.
	if best == nil && bad > 0 && empty == 0 {
		return nil, fmt.Errorf("%w: both slots of %s are damaged", ErrCorrupt, s.name)
	}
	return best, nil
}

func decodeSlot(b []byte) (seq uint64, val []byte, ok bool) {
	le := binary.LittleEndian
	if len(b) < blockSize || le.Uint32(b) != slotMagic {
		return 0, nil, false
	}
	n := le.Uint32(b[12:])
	if n > maxSlot {
		return 0, nil, false
	}
	end := slotHeader + int(n)
	if crc32.Checksum(b[:end], castagnoli) != le.Uint32(b[end:]) {
		return 0, nil, false
	}
	return le.Uint64(b[4:]), b[slotHeader:end:end], true
}

func encodeSlot(seq uint64, val []byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, blockSize)
	b = le.AppendUint32(b, slotMagic)
	b = le.AppendUint64(b, seq)
	b = le.AppendUint32(b, uint32(len(val)))
	b = append(b, val...)
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:blockSize]
}

// store writes val and syncs it.
func (s *slots) store(val []byte) error {
	if len(val) > maxSlot {
		return fmt.Errorf("%s: value of %d bytes, at most %d fit", s.name, len(val), maxSlot)
	}
	s.seq++
	if _, err := s.file.WriteAt(encodeSlot(s.seq, val), int64(s.seq%2)*blockSize); err != nil {
		return fmt.Errorf("write %s: %w", s.name, err)
	}
	if s.noSync {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.name, err)
	}
	return nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func dropCache(f vfs.File) {
	if d, ok := f.(vfs.CacheDropper); ok {
		_ = d.DropCache() // advice only; the checksums are the judge
	}
}
