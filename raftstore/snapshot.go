package raftstore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/dgraph-io/badger/v4"
)

// A snapshot is
//
//	magic 8 B | version u32
//	block*  = len u32 (1..65536) | crc32c u32 | bytes
//	end     = 0 u32 | count u64 | sha256 32 B | crc32c u32
//
// and the bytes of the blocks together are the records
//
//	keyLen uvarint | valueLen uvarint | key | value
//
// in ascending key order, each key once. The SHA-256 is over the records, the
// last checksum over count and SHA-256. Equal state gives equal bytes. Our own
// format and not Badger's backup: a snapshot must outlive a change of Badger.
// Changing any of this breaks compatibility.
const (
	snapMagic   = "TOTESNAP"
	snapVersion = 1
	snapBlock   = 64 << 10
)

// errSnapshot says that a snapshot is damaged.
var errSnapshot = errors.New("the snapshot is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// snapWriter writes a snapshot stream.
type snapWriter struct {
	w     io.Writer
	block []byte
	sum   hash.Hash
	count uint64
}

func newSnapWriter(w io.Writer) (*snapWriter, error) {
	head := binary.LittleEndian.AppendUint32([]byte(snapMagic), snapVersion)
	_, err := w.Write(head)
	return &snapWriter{w: w, block: make([]byte, 0, snapBlock), sum: sha256.New()}, err
}

func (s *snapWriter) put(key, val []byte) error {
	s.count++
	var head [2 * binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(len(key)))
	n += binary.PutUvarint(head[n:], uint64(len(val)))
	for _, b := range [][]byte{head[:n], key, val} {
		if err := s.add(b); err != nil {
			return err
		}
	}
	return nil
}

func (s *snapWriter) add(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), snapBlock-len(s.block))
		s.block = append(s.block, b[:n]...)
		b = b[n:]
		if len(s.block) == snapBlock {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *snapWriter) flush() error {
	if len(s.block) == 0 {
		return nil
	}
	s.sum.Write(s.block)
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(s.block)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(s.block, castagnoli))
	if _, err := s.w.Write(head); err != nil {
		return err
	}
	_, err := s.w.Write(s.block)
	s.block = s.block[:0]
	return err
}

// finish writes the end of the stream.
func (s *snapWriter) finish() error {
	if err := s.flush(); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(nil, 0)
	end = binary.LittleEndian.AppendUint64(end, s.count)
	end = s.sum.Sum(end)
	end = binary.LittleEndian.AppendUint32(end, crc32.Checksum(end[4:], castagnoli))
	_, err := s.w.Write(end)
	return err
}

// readSnapshot calls fn for each record. It returns nil only when the whole
// stream was there and every checksum is right; fn may have been called for
// records of a damaged one, so what fn builds counts only after that. fn may
// keep key and value.
func readSnapshot(r io.Reader, fn func(key, val []byte) error) error {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return fmt.Errorf("%w: it has no beginning: %w", errSnapshot, err)
	}
	if string(head[:8]) != snapMagic {
		return fmt.Errorf("%w: it is no snapshot", errSnapshot)
	}
	if v := binary.LittleEndian.Uint32(head[8:]); v != snapVersion {
		return fmt.Errorf("%w: version %d is not known", errSnapshot, v)
	}
	blocks := &blockReader{r: r, sum: sha256.New()}
	br := bufio.NewReaderSize(blocks, snapBlock)
	var count uint64
	var last []byte
	for {
		klen, err := binary.ReadUvarint(br)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errSnapshot, err)
		}
		vlen, err := binary.ReadUvarint(br)
		if err != nil || klen == 0 || klen > maxRowKey || vlen > maxRowValue {
			return fmt.Errorf("%w: a record does not decode", errSnapshot)
		}
		kv := make([]byte, klen+vlen)
		if _, err := io.ReadFull(br, kv); err != nil {
			return fmt.Errorf("%w: %w", errSnapshot, err)
		}
		key := kv[:klen:klen]
		if count > 0 && bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("%w: its keys are not in order", errSnapshot)
		}
		last = key
		count++
		if err := fn(key, kv[klen:]); err != nil {
			return err
		}
	}
	if count != blocks.count {
		return fmt.Errorf("%w: it holds %d records of %d", errSnapshot, count, blocks.count)
	}
	return nil
}

// Bounds of a row, for the reader of a foreign stream.
const (
	maxRowKey   = MaxKey + 512
	maxRowValue = MaxValue + 512
)

// blockReader gives the bytes of the blocks, each verified before it is given.
type blockReader struct {
	r     io.Reader
	sum   hash.Hash
	block []byte
	count uint64
	done  bool
}

func (b *blockReader) Read(p []byte) (int, error) {
	for len(b.block) == 0 {
		if b.done {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, fmt.Errorf("%w: %w", errSnapshot, noEOF(err))
		}
	}
	n := copy(p, b.block)
	b.block = b.block[n:]
	return n, nil
}

func (b *blockReader) next() error {
	var head [8]byte
	if _, err := io.ReadFull(b.r, head[:4]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(head[:])
	switch {
	case n == 0:
		return b.end()
	case n > snapBlock:
		return fmt.Errorf("a block of %d bytes", n)
	}
	if _, err := io.ReadFull(b.r, head[4:]); err != nil {
		return err
	}
	block := make([]byte, n)
	if _, err := io.ReadFull(b.r, block); err != nil {
		return err
	}
	if crc32.Checksum(block, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return errors.New("a block does not match its checksum")
	}
	b.sum.Write(block)
	b.block = block
	return nil
}

func (b *blockReader) end() error {
	var end [8 + sha256.Size + 4]byte
	if _, err := io.ReadFull(b.r, end[:]); err != nil {
		return err
	}
	body := end[:8+sha256.Size]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(end[len(body):]) ||
		!bytes.Equal(b.sum.Sum(nil), body[8:]) {
		return errors.New("the end does not match its checksum")
	}
	b.count, b.done = binary.LittleEndian.Uint64(body), true
	return nil
}

// noEOF keeps a cut stream from looking like a whole one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// writeSnapshot streams everything txn sees. stop ends it early.
func writeSnapshot(w io.Writer, txn *badger.Txn, stop <-chan struct{}) error {
	s, err := newSnapWriter(w)
	if err != nil {
		return err
	}
	it := txn.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		select {
		case <-stop:
			return ErrClosed
		default:
		}
		item := it.Item()
		if err := item.Value(func(val []byte) error { return s.put(item.Key(), val) }); err != nil {
			return err
		}
	}
	return s.finish()
}

// loadSnapshot fills an empty Badger folder from a stream.
func loadSnapshot(db *badger.DB, r io.Reader) error {
	wb := db.NewWriteBatch()
	defer wb.Cancel()
	if err := readSnapshot(r, wb.Set); err != nil {
		return err
	}
	return wb.Flush()
}
