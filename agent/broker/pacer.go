package broker

import (
	"sync"
	"time"
)

const (
	paceWindow = time.Minute
	paceKeys   = 512
)

// pacer keeps a misbehaving client from filling the log: one line per key and
// minute.
type pacer struct {
	now func() time.Time

	mu   sync.Mutex
	keys map[string]*paced
}

type paced struct {
	from time.Time
	left int // lines left out since from
}

// allow reports whether to log now, and how many lines of this key were left
// out before. Beyond paceKeys keys all others share one.
func (p *pacer) allow(key string) (left int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	e := p.keys[key]
	if e == nil && len(p.keys) >= paceKeys {
		for k, v := range p.keys {
			if now.Sub(v.from) >= paceWindow {
				delete(p.keys, k)
			}
		}
		if len(p.keys) >= paceKeys {
			key = ""
			e = p.keys[key]
		}
	}
	if e == nil {
		if p.keys == nil {
			p.keys = map[string]*paced{}
		}
		p.keys[key] = &paced{from: now}
		return 0, true
	}
	if now.Sub(e.from) < paceWindow {
		e.left++
		return 0, false
	}
	left = e.left
	e.from, e.left = now, 0
	return left, true
}
