package seglog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/hashicorp/raft"
)

// Changing any of these breaks compatibility with logs on disk.
const (
	blockSize   = 4096
	frameMagic  = 0x474c5354 // "TSLG" read as little-endian
	frameVer    = 1
	headerSize  = 40
	trailerSize = 4
	flagCut     = 1    // no entries: the log ends before firstIndex
	termBit     = 0x80 // in an entry's type: its own term follows

	entryMin = 1 + 8 + 4 + 4
)

// MaxBatch is the largest encoded batch in bytes. Callers stay far below it.
const MaxBatch = 256 << 20

// errBadFrame says that the bytes are no whole batch.
var errBadFrame = errors.New("no valid batch")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the fixed part of a batch.
type header struct {
	flags   byte
	n       int
	first   uint64
	term    uint64
	commit  uint64
	prevCRC uint32
	length  int // bytes of entries
}

// size is the room the batch takes on disk, padding included.
func (h header) size() int64 { return padded(headerSize + h.length + trailerSize) }

// last is the highest index in the batch; first-1 when it holds none.
func (h header) last() uint64 { return h.first + uint64(h.n) - 1 }

// top is the highest index the batch names, cuts included.
func (h header) top() uint64 { return max(h.first, h.last()) }

func padded(n int) int64 { return (int64(n) + blockSize - 1) / blockSize * blockSize }

// encodeFrame writes one batch into buf (reused when large enough), padded
// with zeros, and returns it with its checksum. logs is empty for a cut.
func encodeFrame(buf []byte, h header, logs []*raft.Log) ([]byte, uint32, error) {
	if len(logs) > math.MaxUint16 {
		return nil, 0, fmt.Errorf("batch of %d entries, at most %d fit", len(logs), math.MaxUint16)
	}
	size := headerSize + trailerSize
	for _, l := range logs {
		size += entryMin + len(l.Data) + len(l.Extensions)
		if l.Term != h.term {
			size += 8
		}
	}
	if size > MaxBatch {
		return nil, 0, fmt.Errorf("batch of %d bytes, at most %d fit", size, MaxBatch)
	}
	total := int(padded(size))
	if cap(buf) < total {
		buf = make([]byte, 0, total)
	}
	le := binary.LittleEndian
	b := le.AppendUint32(buf[:0], frameMagic)
	b = append(b, frameVer, h.flags)
	b = le.AppendUint16(b, uint16(len(logs)))
	b = le.AppendUint64(b, h.first)
	b = le.AppendUint64(b, h.term)
	b = le.AppendUint64(b, h.commit)
	b = le.AppendUint32(b, h.prevCRC)
	b = le.AppendUint32(b, uint32(size-headerSize-trailerSize))
	for _, l := range logs {
		if byte(l.Type)&termBit != 0 {
			return nil, 0, fmt.Errorf("entry %d has unknown type %d", l.Index, l.Type)
		}
		if l.Term == h.term {
			b = append(b, byte(l.Type))
		} else {
			b = append(b, byte(l.Type)|termBit)
			b = le.AppendUint64(b, l.Term)
		}
		var at int64
		if !l.AppendedAt.IsZero() {
			at = l.AppendedAt.UnixNano()
		}
		b = le.AppendUint64(b, uint64(at))
		b = le.AppendUint32(b, uint32(len(l.Data)))
		b = append(b, l.Data...)
		b = le.AppendUint32(b, uint32(len(l.Extensions)))
		b = append(b, l.Extensions...)
	}
	crc := crc32.Checksum(b, castagnoli)
	b = le.AppendUint32(b, crc)
	n := len(b)
	b = b[:total]
	clear(b[n:])
	return b, crc, nil
}

// decodeHeader reads the fixed part; it proves nothing about the rest.
func decodeHeader(b []byte) (header, error) {
	le := binary.LittleEndian
	if len(b) < headerSize || le.Uint32(b) != frameMagic {
		return header{}, errBadFrame
	}
	if b[4] != frameVer {
		return header{}, fmt.Errorf("%w: version %d is not known here", errBadFrame, b[4])
	}
	h := header{
		flags: b[5], n: int(le.Uint16(b[6:])), first: le.Uint64(b[8:]), term: le.Uint64(b[16:]),
		commit: le.Uint64(b[24:]), prevCRC: le.Uint32(b[32:]),
	}
	length := le.Uint32(b[36:])
	cut := h.flags == flagCut && h.n == 0 && length == 0
	data := h.flags == 0 && h.n > 0 && int64(length) >= int64(h.n)*entryMin
	if !(cut || data) || length > MaxBatch || h.first == 0 || h.first > math.MaxUint64-math.MaxUint16 {
		return header{}, errBadFrame
	}
	h.length = int(length)
	return h, nil
}

// checkFrame verifies the batch at the start of b and returns its checksum.
func checkFrame(b []byte) (header, uint32, error) {
	h, err := decodeHeader(b)
	if err != nil {
		return header{}, 0, err
	}
	end := headerSize + h.length
	if len(b) < end+trailerSize {
		return header{}, 0, errBadFrame
	}
	crc := crc32.Checksum(b[:end], castagnoli)
	if crc != binary.LittleEndian.Uint32(b[end:]) {
		return header{}, 0, errBadFrame
	}
	return h, crc, nil
}

// decodeFrame verifies the batch and returns its entries. The entries share
// memory with b.
func decodeFrame(b []byte) (header, []raft.Log, error) {
	h, _, err := checkFrame(b)
	if err != nil {
		return header{}, nil, err
	}
	le := binary.LittleEndian
	p := b[headerSize : headerSize+h.length]
	logs := make([]raft.Log, h.n)
	for i := range logs {
		l := &logs[i]
		l.Index, l.Term = h.first+uint64(i), h.term
		if len(p) < 1 {
			return header{}, nil, errBadFrame
		}
		typ := p[0]
		p = p[1:]
		if typ&termBit != 0 {
			if len(p) < 8 {
				return header{}, nil, errBadFrame
			}
			l.Term, p = le.Uint64(p), p[8:]
		}
		l.Type = raft.LogType(typ &^ termBit)
		if len(p) < 8 {
			return header{}, nil, errBadFrame
		}
		if at := int64(le.Uint64(p)); at != 0 {
			l.AppendedAt = time.Unix(0, at).UTC()
		}
		p = p[8:]
		var ok bool
		if l.Data, p, ok = cutBytes(p); !ok {
			return header{}, nil, errBadFrame
		}
		if l.Extensions, p, ok = cutBytes(p); !ok {
			return header{}, nil, errBadFrame
		}
	}
	if len(p) != 0 {
		return header{}, nil, errBadFrame
	}
	return h, logs, nil
}

// cutBytes takes a length-prefixed string off p; nil when it is empty.
func cutBytes(p []byte) (val, rest []byte, ok bool) {
	if len(p) < 4 {
		return nil, nil, false
	}
	n := binary.LittleEndian.Uint32(p)
	p = p[4:]
	if uint64(n) > uint64(len(p)) {
		return nil, nil, false
	}
	if n == 0 {
		return nil, p, true
	}
	return p[:n:n], p[n:], true
}
