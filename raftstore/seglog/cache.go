package seglog

import (
	"sync"

	"github.com/hashicorp/raft"
)

// cacheFrames is how many decoded batches are kept: raft reads a log entry by
// entry, and a batch must not be read and verified once for each.
// What was just written is kept too: a leader sends it to the others at once, and
// everyone applies it.
const cacheFrames = 4

// cacheWritten is the largest batch kept when it is written, in bytes on disk.
const cacheWritten = 256 << 10

type frameKey struct {
	seq uint64
	off int64
}

type frameCache struct {
	mu   sync.Mutex
	keys [cacheFrames]frameKey
	logs [cacheFrames][]raft.Log
	next int
}

func (c *frameCache) get(ref frameRef) []raft.Log {
	key := frameKey{ref.seg.seq, ref.off}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.keys {
		if c.logs[i] != nil && c.keys[i] == key {
			return c.logs[i]
		}
	}
	return nil
}

func (c *frameCache) put(ref frameRef, logs []raft.Log) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys[c.next], c.logs[c.next] = frameKey{ref.seg.seq, ref.off}, logs
	c.next = (c.next + 1) % cacheFrames
}

func (c *frameCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.logs[:])
}
