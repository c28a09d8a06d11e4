package warehouse

import (
	"bytes"
	"fmt"
	"time"
)

// change is one command on its way: the held writes, what the log says of it,
// and which projections it touches.
type change struct {
	overlay
	meta    Meta
	reason  string // command name, for the journal
	touched []string
	seen    map[string]bool // of touched, once they are many; looked up, never ranged over
	site    *Site
	// releasing: an order is let in, which must leave room for the rest of
	// its life. tooBig is why that failed the first time.
	releasing bool
	tooBig    string
	// Records named from several sides are loaded once, so that two steps
	// of one command cannot overwrite each other. Looked up only.
	orders  known[Order]
	tasks   known[Task]
	batches known[Batch]
	saved   *Batch // as it was written last
	// Records that are read again in the same command.
	lastWorker memo[WorkerState]
	lastTask   memo[Task]
	lastItem   memo[Item]
	counts     []stateCount
	low        []faceAt // pick faces that may need goods
	lack       demand   // what the command takes away, and why
	lackWhy    string
	// Figures of the command, written by settle.
	ticks   []tick
	samples []sample
	onHand  int64
	moved   bool
	room    []byte // for what is written
	// leftSerials were taken from their place, and may be at another one now.
	leftSerials []UnitSerial
	ofModel     bool   // the command brings the site model: sitemodel.go
	aside       cost   // what the model took of a round, which nothing else waits for
	day         string // what dayFor said last, for items with dayIn as their minimum
	dayIn       int
}

// cost is what a part of a command writes.
type cost struct{ keys, bytes int }

type stateCount struct {
	state OrderState
	n     int64
}

func newChange(r Reader, m Meta, reason string) *change {
	return &change{overlay: overlay{base: r}, meta: m, reason: reason}
}

// known are records by id. Most commands work on one or two.
type known[T any] struct {
	few [2]struct {
		id string
		v  *T
	}
	more map[string]*T
}

// get is the record, nil when it is not known.
func (n *known[T]) get(id string) *T {
	for i := range n.few {
		if f := &n.few[i]; f.id == id && f.v != nil {
			return f.v
		}
	}
	return n.more[id]
}

// put notes the record of an id, in the place of one that was known.
func (n *known[T]) put(id string, v *T) {
	n.drop(id)
	for i := range n.few {
		if f := &n.few[i]; f.v == nil {
			f.id, f.v = id, v
			return
		}
	}
	if n.more == nil {
		n.more = make(map[string]*T)
	}
	n.more[id] = v
}

// drop forgets the record of an id.
func (n *known[T]) drop(id string) {
	for i := range n.few {
		if f := &n.few[i]; f.id == id {
			f.v = nil
		}
	}
	delete(n.more, id)
}

// memo keeps what was decoded last. The same bytes again are the same record, so
// it cannot be out of date. Who asks gets a copy of his own, whose lists are
// shared: it is for records without any, or that are only read.
type memo[T any] struct {
	bytes []byte
	value T
}

// load is load with a memory.
func (m *memo[T]) load(r Reader, k []byte) (*T, error) {
	b, err := r.Get(k)
	if err != nil || b == nil {
		return nil, err
	}
	if m.bytes == nil || !bytes.Equal(b, m.bytes) {
		*m = memo[T]{}
		if err := decodeInto(k, b, &m.value); err != nil {
			return nil, err
		}
		m.bytes = b
	}
	v := m.value
	return &v, nil
}

// count notes that n more orders are in a state. Most states of an intake are
// only passed through; the sums are written once, by finish.
func (c *change) count(s OrderState, n int64) {
	for i := range c.counts {
		if c.counts[i].state == s {
			c.counts[i].n += n
			return
		}
	}
	c.counts = append(c.counts, stateCount{s, n})
}

// finish writes what was only summed up so far and hands everything to tx.
func (c *change) finish(tx Tx) error {
	for _, sc := range c.counts {
		if sc.n == 0 {
			continue
		}
		k := key(kCount, string(sc.state))
		n, err := counter(c, k)
		if err != nil {
			return err
		}
		if err := c.setCounter(k, uint64(int64(n)+sc.n)); err != nil {
			return err
		}
	}
	return c.flush(tx)
}

// touch notes that a projection changed.
func (c *change) touch(kind, id string) {
	if len(c.touched) <= fewTouched {
		for _, t := range c.touched {
			if isTouched(t, kind, id) {
				return
			}
		}
	}
	s := kind
	if id != "" {
		s += "/" + id
	}
	if c.touched == nil {
		c.touched = make([]string, 0, fewTouched)
	}
	if len(c.touched) > fewTouched {
		if c.seen == nil {
			c.seen = make(map[string]bool)
			for _, t := range c.touched {
				c.seen[t] = true
			}
		}
		if c.seen[s] {
			return
		}
		c.seen[s] = true
	}
	c.touched = append(c.touched, s)
}

// fewTouched are looked through; of more there is a map.
const fewTouched = 16

func isTouched(t, kind, id string) bool {
	if id == "" {
		return t == kind
	}
	n := len(kind)
	return len(t) == n+1+len(id) && t[:n] == kind && t[n] == '/' && t[n+1:] == id
}

// theSite is the site's rules; a refusal when there are none yet.
func (c *change) theSite() (*Site, error) {
	if c.site == nil {
		s, err := GetSite(c)
		if err != nil {
			return nil, err
		}
		if s == nil {
			return nil, refuse(CodeSiteNotSet, "the site has no rules yet")
		}
		c.site = s
	}
	return c.site, nil
}

// next counts up the named counter and returns its new value, 1 at first.
// Ids come from counters and not from the log index because one log entry may
// hold several commands.
func (c *change) next(parts ...string) (uint64, error) {
	k := key(kSeq, parts...)
	n, err := counter(c, k)
	if err != nil {
		return 0, err
	}
	return n + 1, c.setCounter(k, n+1)
}

func (c *change) setCounter(k []byte, n uint64) error { return c.Set(k, []byte(num(n))) }

func counter(r Reader, k []byte) (uint64, error) {
	b, err := r.Get(k)
	if err != nil || b == nil {
		return 0, err
	}
	if len(b) != numWidth {
		return 0, fmt.Errorf("%w: counter %q has %d bytes", ErrCorrupt, k, len(b))
	}
	return fromNum(b), nil
}

// index sets or deletes an index row; a row that is right already costs no write.
func (c *change) index(k []byte, want bool) error {
	b, err := c.Get(k)
	if err != nil || (b != nil) == want {
		return err
	}
	if want {
		return c.Set(k, set)
	}
	return c.Delete(k)
}

// today is the day of the command, UTC, as YYYY-MM-DD.
func (c *change) today() string {
	return time.UnixMilli(c.meta.Now).UTC().Format(time.DateOnly)
}

// must turns "not there" into an error: the record is named by another one.
func must[T any](v *T, err error, what, id string) (*T, error) {
	if err == nil && v == nil {
		err = fmt.Errorf("%w: %s %q is missing", ErrCorrupt, what, id)
	}
	return v, err
}

// must2 is must for a load written in place: must2(GetItem(r, sku))("item", sku).
func must2[T any](v *T, err error) func(what, id string) (*T, error) {
	return func(what, id string) (*T, error) { return must(v, err, what, id) }
}
