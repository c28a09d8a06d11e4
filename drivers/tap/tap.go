// Package tap lets people look at the bytes between a driver and its device
// while both work. A Tap wraps the Opener of one device; as long as nobody looks
// it costs one atomic load for each read and write, and keeps nothing. The first
// look starts a bounded record of what passes, which ends by itself when nobody
// has looked for a while.
//
// A Tap owns no goroutine and is safe for concurrent use.
package tap

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"tote/drivers"
)

// Bounds of a record; the oldest goes first.
const (
	MaxBytes  = 64 << 10
	MaxChunks = 1024
)

// Idle is how long a record is kept up after the last look.
const Idle = time.Minute

// Directions of a Chunk.
const (
	ToDevice   = "to"   // written by the driver
	FromDevice = "from" // received
)

// Chunk is what one read or write moved, or something that happened to the port.
type Chunk struct {
	Seq   uint64    `json:"seq"` // counts up by one
	At    time.Time `json:"at"`
	Dir   string    `json:"dir,omitempty"`
	Data  []byte    `json:"data,omitempty"`
	Event string    `json:"event,omitempty"` // "opened", "closed", or the error of a read, write or open
}

// Tap is one device's.
type Tap struct {
	record atomic.Pointer[record] // nil: nobody looks
	mu     sync.Mutex             // starts and ends records
}

// Wrap returns an opener whose ports can be looked at.
func (t *Tap) Wrap(open drivers.Opener) drivers.Opener {
	return func(ctx context.Context) (drivers.Port, error) {
		p, err := open(ctx)
		if err != nil {
			t.note("", nil, err.Error())
			return nil, err
		}
		t.note("", nil, "opened")
		return &port{p, t}, nil
	}
}

// Look returns what passed after the chunk numbered after (0 = all that is kept),
// waiting up to wait for the first. lost tells that chunks between are gone. The
// first look finds nothing: the record begins with it.
func (t *Tap) Look(ctx context.Context, after uint64, wait time.Duration) (chunks []Chunk, lost bool) {
	r := t.start()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		chunks, lost, change := r.after(after)
		if len(chunks) > 0 || wait <= 0 {
			return chunks, lost
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, lost
		}
	}
}

// Looking tells whether a record is kept.
func (t *Tap) Looking() bool { return t.record.Load() != nil }

// start gives the record, a new one when there is none.
func (t *Tap) start() *record {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.record.Load()
	if r == nil {
		// Numbers go on from the clock, so that whoever looked before sees that
		// something lies between.
		r = &record{seq: uint64(time.Now().UnixMicro()), change: make(chan struct{})}
		t.record.Store(r)
	}
	r.looked()
	return r
}

func (t *Tap) note(dir string, data []byte, event string) {
	r := t.record.Load()
	if r == nil || r.add(dir, data, event) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.idle() { // nobody came back meanwhile
		t.record.CompareAndSwap(r, nil)
	}
}

// record is what passed lately.
type record struct {
	mu     sync.Mutex
	seq    uint64
	chunks []Chunk
	bytes  int
	last   time.Time // somebody looked
	change chan struct{}
}

func (r *record) looked() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = time.Now()
}

func (r *record) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.last) > Idle
}

// add tells whether the record is still wanted.
func (r *record) add(dir string, data []byte, event string) bool {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(data) > MaxBytes {
		data = data[len(data)-MaxBytes:]
	}
	r.seq++
	r.chunks = append(r.chunks, Chunk{Seq: r.seq, At: now, Dir: dir, Data: append([]byte(nil), data...), Event: event})
	r.bytes += len(data)
	gone := 0
	for len(r.chunks)-gone > MaxChunks || r.bytes > MaxBytes {
		r.bytes -= len(r.chunks[gone].Data)
		gone++
	}
	if gone > 0 {
		r.chunks = append(r.chunks[:0], r.chunks[gone:]...)
	}
	close(r.change)
	r.change = make(chan struct{})
	return now.Sub(r.last) <= Idle
}

func (r *record) after(seq uint64) (chunks []Chunk, lost bool, change <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range r.chunks {
		if c.Seq > seq {
			return append(chunks, r.chunks[i:]...), seq != 0 && c.Seq != seq+1, r.change
		}
	}
	return nil, false, r.change
}

// port notes what passes.
type port struct {
	drivers.Port
	tap *Tap
}

func (p *port) Read(ctx context.Context, b []byte) (int, error) {
	n, err := p.Port.Read(ctx, b)
	if p.tap.Looking() {
		if n > 0 {
			p.tap.note(FromDevice, b[:n], "")
		}
		p.failed(ctx, err)
	}
	return n, err
}

func (p *port) Write(ctx context.Context, b []byte) (int, error) {
	n, err := p.Port.Write(ctx, b)
	if p.tap.Looking() {
		if n > 0 {
			p.tap.note(ToDevice, b[:n], "")
		}
		p.failed(ctx, err)
	}
	return n, err
}

// failed notes an error of the port; a driver whose time is up is none.
func (p *port) failed(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		p.tap.note("", nil, err.Error())
	}
}

func (p *port) Close() error {
	p.tap.note("", nil, "closed")
	return p.Port.Close()
}
