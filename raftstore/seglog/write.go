package seglog

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// StoreLog implements raft.LogStore.
func (l *Log) StoreLog(log *raft.Log) error { return l.StoreLogs([]*raft.Log{log}) }

// StoreLogs implements raft.LogStore: one write and one sync. The indexes
// must follow the last one without a gap.
func (l *Log) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	l.writer.Lock()
	defer l.writer.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	for i, e := range logs {
		want := logs[0].Index + uint64(i)
		if i == 0 && l.next != 0 {
			want = l.next
		}
		if e.Index != want || e.Index == 0 {
			return l.latch(fmt.Errorf("entry %d stored where %d must follow", e.Index, want))
		}
	}
	h := header{n: len(logs), first: logs[0].Index, term: logs[0].Term}
	ref, err := l.append(h, logs)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == 0 {
		l.first = h.first
	}
	l.next = h.last() + 1
	l.frames = append(l.frames, ref)
	l.bytes += ref.size
	if ref.size <= cacheWritten {
		l.cache.put(ref, asRead(logs))
	}
	return nil
}

// asRead returns copies of the entries as they are read back from the file.
func asRead(logs []*raft.Log) []raft.Log {
	size := 0
	for _, l := range logs {
		size += len(l.Data) + len(l.Extensions)
	}
	room := make([]byte, 0, size)
	keep := func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		room = append(room, b...)
		return room[len(room)-len(b) : len(room) : len(room)]
	}
	out := make([]raft.Log, len(logs))
	for i, l := range logs {
		out[i] = raft.Log{Index: l.Index, Term: l.Term, Type: l.Type, Data: keep(l.Data), Extensions: keep(l.Extensions)}
		if !l.AppendedAt.IsZero() {
			out[i].AppendedAt = time.Unix(0, l.AppendedAt.UnixNano()).UTC()
		}
	}
	return out
}

// append writes one batch at the end and syncs it. The writer is held.
func (l *Log) append(h header, logs []*raft.Log) (frameRef, error) {
	h.prevCRC, h.commit = l.lastCRC, l.known
	if fn := l.commit.Load(); fn != nil {
		h.commit = max(h.commit, (*fn)())
	}
	frame, crc, err := encodeFrame(l.buf, h, logs)
	if err != nil {
		return frameRef{}, l.latch(err)
	}
	if len(frame) <= 1<<20 { // do not keep the memory of a rare giant
		l.buf = frame
	}
	size := int64(len(frame))
	seg := l.segs[len(l.segs)-1]
	if seg.off+size > seg.size {
		if seg, err = l.rotate(size); err != nil {
			return frameRef{}, l.latch(err)
		}
	}
	off := seg.off
	if _, err := seg.file.WriteAt(frame, off); err != nil {
		return frameRef{}, l.latch(fmt.Errorf("write %s: %w", seg.name, err))
	}
	if !l.opt.NoSync {
		if err := seg.file.Sync(); err != nil {
			return frameRef{}, l.latch(fmt.Errorf("sync %s: %w", seg.name, err))
		}
	}
	seg.off += size
	seg.maxIndex = max(seg.maxIndex, h.top())
	l.lastCRC = crc
	l.mu.Lock()
	l.known = h.commit
	l.mu.Unlock()
	return frameRef{seg: seg, off: off, size: size, first: h.first, n: h.n, base: h.first}, nil
}
