package desk

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"tote/agent/satellite"
	"tote/raftstore/peer"
)

// Bounds of what is kept of the newest changes.
const (
	ringEntries = 4096
	ringBytes   = 1 << 20
	// tellBytes bounds the names in one answer, and the mail.
	tellBytes = 256 << 10
)

// told is what was touched by the commands up to a number.
type told struct {
	number  uint64
	touched []string
	bytes   int
}

// ring keeps what the newest commands touched: everything after base.
type ring struct {
	mu    sync.Mutex
	began bool
	base  uint64
	list  []told
	bytes int
	wake  chan struct{} // closed and made anew when something comes
}

func (g *ring) signal() {
	close(g.wake)
	g.wake = make(chan struct{})
}

// begin forgets everything: the state is that after a command.
func (g *ring) begin(number uint64, restart bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.began && !restart {
		return
	}
	g.began, g.base, g.list, g.bytes = true, max(number, g.base), nil, 0
	g.signal()
}

func (g *ring) add(number uint64, touched []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.began { // what came before this one was not told of here
		g.began, g.base = true, number
		g.signal()
		return
	}
	t := told{number: number, touched: slices.Clone(touched)}
	for _, k := range touched {
		t.bytes += len(k) + 16
	}
	g.list = append(g.list, t)
	g.bytes += t.bytes
	drop := 0
	for drop < len(g.list) && (len(g.list)-drop > ringEntries || g.bytes > ringBytes) {
		g.base = g.list[drop].number
		g.bytes -= g.list[drop].bytes
		drop++
	}
	clear(g.list[:drop])
	g.list = g.list[drop:]
	g.signal()
}

// after returns what was touched after a number, and the number up to which that
// is everything; false when it cannot be told any more.
func (g *ring) after(number uint64) (touched []string, at uint64, ok bool, wake <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.began {
		return nil, number, true, g.wake
	}
	end := g.base
	if len(g.list) > 0 {
		end = g.list[len(g.list)-1].number
	}
	if number < g.base {
		return nil, end, false, g.wake
	}
	seen, bytes := map[string]bool{}, 0
	from := sort.Search(len(g.list), func(i int) bool { return g.list[i].number > number })
	for _, t := range g.list[from:] {
		for _, k := range t.touched {
			if !seen[k] {
				seen[k], bytes = true, bytes+len(k)+8
				touched = append(touched, k)
			}
		}
	}
	if len(touched) > satellite.MaxTouched || bytes > tellBytes {
		return nil, end, false, g.wake
	}
	return touched, max(number, end), true, g.wake
}

// Begin says that the store was opened and holds everything up to a command.
func (d *Desk) Begin(number uint64) { d.ring.begin(number, false) }

// Replaced says that the whole state is another one now.
func (d *Desk) Replaced(number uint64) {
	d.ReleaseAll()
	d.ring.begin(number, true)
}

// Touch says what the commands up to a number touched. It never blocks.
func (d *Desk) Touch(number uint64, touched []string) { d.ring.add(number, touched) }

// Stir answers all who wait: the quorum is another one.
func (d *Desk) Stir() {
	d.ring.mu.Lock()
	defer d.ring.mu.Unlock()
	d.ring.signal()
}

// box is the mail of an attached satellite.
type box struct {
	mail []satellite.Mail
	size int           // bytes of the mail
	wake chan struct{} // holds one
	seen time.Time
}

// Send puts a message into the boxes of the attached satellites but the one it
// is from.
func (d *Desk) Send(from string, m satellite.Mail) {
	if len(m.Body) > satellite.MaxMailed {
		d.cfg.Log.Warn("too long for satellites", "method", m.Method, "bytes", len(m.Body))
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, b := range d.boxes {
		if id == from {
			continue
		}
		if time.Since(b.seen) > away {
			delete(d.boxes, id)
			continue
		}
		b.put(m)
	}
}

func (b *box) put(m satellite.Mail) {
	n := 0
	for _, o := range b.mail {
		if o.Method == m.Method {
			n++
		}
	}
	if n >= maxMail {
		b.drop(slices.IndexFunc(b.mail, func(o satellite.Mail) bool { return o.Method == m.Method }))
	}
	b.mail = append(b.mail, m)
	for b.size += len(m.Body); b.size > maxMailBytes; {
		b.drop(0)
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *box) drop(i int) {
	b.size -= len(b.mail[i].Body)
	b.mail = slices.Delete(b.mail, i, i+1)
}

// take returns what fits into one answer.
func (b *box) take() []satellite.Mail {
	n, bytes := 0, 0
	for n < len(b.mail) && n < satellite.MaxMail && bytes <= tellBytes {
		bytes += len(b.mail[n].Body)
		n++
	}
	out := slices.Clone(b.mail[:n])
	b.mail, b.size = slices.Delete(b.mail, 0, n), b.size-bytes
	return out
}

// Attached lists the satellites that poll here.
func (d *Desk) Attached() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for id, b := range d.boxes {
		if time.Since(b.seen) <= away {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// enterPoll bounds those who wait: each is woken by every command.
func (d *Desk) enterPoll(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.polls[id] >= maxPollsEach {
		return fmt.Errorf("%w: %d polls", satellite.ErrBusy, d.polls[id])
	}
	d.polls[id]++
	return nil
}

func (d *Desk) leavePoll(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.polls[id]--; d.polls[id] == 0 {
		delete(d.polls, id)
	}
}

// poll waits for something new.
func (s *session) poll(ctx context.Context, body []byte) (any, error) {
	var q satellite.PollCall
	if err := satellite.Decode(body, &q); err != nil {
		return nil, err
	}
	d := s.d
	if err := d.enterPoll(s.id); err != nil {
		return nil, err
	}
	defer d.leavePoll(s.id)
	var b *box
	if q.Attach {
		d.mu.Lock()
		if b = d.boxes[s.id]; b == nil || time.Since(b.seen) > away {
			b = &box{wake: make(chan struct{}, 1)} // what is old is of no use
			d.boxes[s.id] = b
		}
		b.seen = time.Now()
		d.mu.Unlock()
	}
	limit := time.NewTimer(time.Duration(q.WaitMs) * time.Millisecond)
	defer limit.Stop()
	for {
		ans := satellite.PollAnswer{State: d.cfg.State()}
		if ans.State.Cluster == "" {
			return nil, &peer.RemoteError{Code: satellite.SayNotHere, Text: "this gateway waits to be added itself"}
		}
		touched, at, ok, wake := d.ring.after(q.At)
		ans.Touched, ans.At, ans.Everything = touched, at, !ok
		if q.Cluster != ans.State.Cluster {
			_, ans.At, _, _ = d.ring.after(0)
			ans.Touched, ans.Everything = nil, true
		}
		var mail chan struct{}
		if b != nil {
			mail = b.wake
			d.mu.Lock()
			ans.Mail, b.seen = b.take(), time.Now()
			d.mu.Unlock()
		}
		news := ans.Everything || len(ans.Touched) > 0 || len(ans.Mail) > 0 || ans.State.Quorum != q.Quorum
		if news || q.WaitMs == 0 {
			return ans, nil
		}
		select {
		case <-wake:
		case <-mail:
		case <-limit.C:
			q.WaitMs = 0 // look once more and answer
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
