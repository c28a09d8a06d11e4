package raftstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// A log entry is
//
//	0x01 | kind u8 | schema u16 | body        (little-endian)
//
// and the body of a batch
//
//	ts i64 | n u16 | n × command
//	command = id 16 B | seq u64 | kind u16 | version u16 |
//	          deviceLen u8 | device | actorLen u8 | actor | len u32 | body
//
// ts is the cluster time in milliseconds when the leader proposed the batch.
// The bodies of the others are
//
//	barrier  nothing
//	feature  level u16
//	mark     nothing
//	sums     log entry of the mark u64 | chain u64 | sha256 32 B
//
// Changing any of this breaks compatibility with logs on disk.
const (
	entryVersion = 0x01
	entrySchema  = 1

	entryBatch   = 0x01 // independent commands
	entryBarrier = 0x02 // nothing; proposed when leadership is gained
	// entryFeature raises the feature level. A version that does not know it
	// must stop: what follows may be beyond it.
	entryFeature = 0x03
	entrySkip    = 0x80 // an unknown kind with this bit may be skipped
	entryMark    = 0x81 // the states are compared as of this entry
	entrySums    = 0x82 // what the majority has at a mark

	entryHeader   = 4
	batchHeader   = 8 + 2
	commandHeader = 16 + 8 + 2 + 2 + 1 + 1 + 4

	maxBatchCommands = 128
	maxBatchBytes    = 64 << 10 // one bigger command may go alone
)

var (
	errBadEntry = errors.New("the entry does not decode")
	// errNewEntry is an entry of a kind or schema of a later version.
	errNewEntry = errors.New("the entry is of an unknown kind")
)

// entry is a decoded log entry.
type entry struct {
	kind     byte
	ts       int64
	commands []Command
	level    uint16 // feature
	sums     sums
}

// commandSize is the room the command takes in a batch, in bytes.
func commandSize(c *Command) int {
	return commandHeader + len(c.Device) + len(c.Actor) + len(c.Body)
}

func encodeBarrier() []byte { return []byte{entryVersion, entryBarrier, entrySchema, 0} }

func encodeFeature(level uint16) []byte {
	return binary.LittleEndian.AppendUint16([]byte{entryVersion, entryFeature, entrySchema, 0}, level)
}

func encodeMark() []byte { return []byte{entryVersion, entryMark, entrySchema, 0} }

func encodeSums(s sums) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{entryVersion, entrySums, entrySchema, 0}, s.mark)
	b = binary.LittleEndian.AppendUint64(b, s.chain)
	return append(b, s.sum[:]...)
}

func encodeBatch(ts int64, commands []*Command) []byte {
	size := entryHeader + batchHeader
	for _, c := range commands {
		size += commandSize(c)
	}
	le := binary.LittleEndian
	b := make([]byte, 0, size)
	b = append(b, entryVersion, entryBatch, entrySchema, 0)
	b = le.AppendUint64(b, uint64(ts))
	b = le.AppendUint16(b, uint16(len(commands)))
	for _, c := range commands {
		b = append(b, c.ID[:]...)
		b = le.AppendUint64(b, c.Seq)
		b = le.AppendUint16(b, c.Kind)
		b = le.AppendUint16(b, c.Version)
		b = append(b, byte(len(c.Device)))
		b = append(b, c.Device...)
		b = append(b, byte(len(c.Actor)))
		b = append(b, c.Actor...)
		b = le.AppendUint32(b, uint32(len(c.Body)))
		b = append(b, c.Body...)
	}
	return b
}

// decodeEntry reads an entry. Bodies share memory with b.
func decodeEntry(b []byte) (entry, error) {
	if len(b) < entryHeader {
		return entry{}, errBadEntry
	}
	kind, schema := b[1], binary.LittleEndian.Uint16(b[2:])
	body := b[entryHeader:]
	if b[0] == entryVersion && schema == entrySchema {
		switch kind {
		case entryBatch:
			return decodeBatch(body)
		case entryBarrier, entryMark:
			return entry{kind: kind}, sized(body, 0)
		case entryFeature:
			if err := sized(body, 2); err != nil {
				return entry{}, err
			}
			return entry{kind: kind, level: binary.LittleEndian.Uint16(body)}, nil
		case entrySums:
			if err := sized(body, 16+sha256.Size); err != nil {
				return entry{}, err
			}
			le := binary.LittleEndian
			return entry{kind: kind, sums: sums{le.Uint64(body), le.Uint64(body[8:]), [sha256.Size]byte(body[16:])}}, nil
		}
	}
	if b[0] == entryVersion && kind&entrySkip != 0 {
		return entry{kind: entrySkip}, nil
	}
	return entry{}, fmt.Errorf("%w: version %d, kind %#02x, schema %d", errNewEntry, b[0], kind, schema)
}

func sized(body []byte, n int) error {
	if len(body) != n {
		return errBadEntry
	}
	return nil
}

func decodeBatch(b []byte) (entry, error) {
	le := binary.LittleEndian
	if len(b) < batchHeader {
		return entry{}, errBadEntry
	}
	e := entry{kind: entryBatch, ts: int64(le.Uint64(b))}
	n := int(le.Uint16(b[8:]))
	b = b[batchHeader:]
	if n == 0 || len(b) < n*commandHeader {
		return entry{}, errBadEntry
	}
	e.commands = make([]Command, n)
	for i := range e.commands {
		c := &e.commands[i]
		if len(b) < commandHeader {
			return entry{}, errBadEntry
		}
		copy(c.ID[:], b)
		c.Seq, c.Kind, c.Version = le.Uint64(b[16:]), le.Uint16(b[24:]), le.Uint16(b[26:])
		b = b[28:]
		var ok bool
		if c.Device, b, ok = cutName(b); !ok {
			return entry{}, errBadEntry
		}
		if c.Actor, b, ok = cutName(b); !ok {
			return entry{}, errBadEntry
		}
		if len(b) < 4 || uint64(len(b)-4) < uint64(le.Uint32(b)) {
			return entry{}, errBadEntry
		}
		size := 4 + int(le.Uint32(b))
		c.Body, b = b[4:size:size], b[size:]
	}
	if len(b) != 0 {
		return entry{}, errBadEntry
	}
	return e, nil
}

func cutName(b []byte) (name string, rest []byte, ok bool) {
	if len(b) < 1 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], true
}
