//go:build linux

package lintest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// How the load is cut so that the check stays quick: few clients share a key,
// and a key that was used long enough, or has too many operations whose outcome
// nobody knows (each of them is concurrent with everything after it), is left
// for a new one.
const (
	lanesPerKey = 4
	opsPerKey   = 400
	lostPerKey  = 4
)

// line is a connection of one client to one gateway.
type line struct {
	socket string
	conn   net.Conn
	out    *json.Encoder
	in     *json.Decoder
}

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// ask sends one request. sent tells whether the gateway may have got it.
func (l *line) ask(r request, limit time.Duration) (p reply, sent bool, err error) {
	if l.conn == nil {
		if l.conn, err = net.DialTimeout("unix", l.socket, limit); err != nil {
			l.conn = nil
			return p, false, err
		}
		l.out, l.in = json.NewEncoder(l.conn), json.NewDecoder(l.conn)
	}
	if err = l.conn.SetDeadline(time.Now().Add(limit)); err == nil {
		if err = l.out.Encode(r); err == nil {
			err = l.in.Decode(&p)
		}
	}
	if err != nil {
		l.close()
	}
	return p, true, err
}

// event is one operation of the history.
type event struct {
	Lane      int
	Op        Op
	Seen      Seen
	Call, End time.Duration // since the load began; End of an unknown one is never
}

// keys gives out the key of a group of clients.
type keys struct {
	mu    sync.Mutex
	group int
	gen   int
	ops   int
	lost  int
	used  []string
}

func (k *keys) now() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ops >= opsPerKey || k.lost >= lostPerKey {
		k.gen, k.ops, k.lost = k.gen+1, 0, 0
	}
	name := KeyName(k.group, k.gen)
	if k.ops == 0 {
		k.used = append(k.used, name)
	}
	k.ops++
	return name
}

func (k *keys) lose() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lost++
}

// KeyName is the key a group of clients uses as its gen-th.
func KeyName(group, gen int) string { return fmt.Sprintf("k%d-%d", group, gen) }

// load is the clients.
type load struct {
	t     testing.TB
	c     *Cluster
	begin time.Time
	stop  chan struct{}
	wg    sync.WaitGroup
	keys  []*keys

	mu      sync.Mutex
	history []event
	lost    int           // operations with an unknown outcome
	refused int           // certainly not done, or reads without an answer
	repeats int           // asked again with the same id
	last    time.Duration // the newest answered write
	gap     time.Duration // longest time between two answered writes
}

func startLoad(c *Cluster, lanes int) *load {
	l := &load{t: c.t, c: c, begin: time.Now(), stop: make(chan struct{})}
	for g := range (lanes + lanesPerKey - 1) / lanesPerKey {
		l.keys = append(l.keys, &keys{group: g})
	}
	for lane := range lanes {
		l.wg.Go(func() { l.run(lane) })
	}
	return l
}

func (l *load) run(lane int) {
	a := l.newAsker(lane)
	defer a.close()
	maker := l.c.opt.Subject.Client(lane, a.rand)
	k := l.keys[lane/lanesPerKey]
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		op := maker.Next(k.now())
		// Some callers have no patience, so that outcomes stay unknown.
		patience := 4 * time.Second
		if a.rand.IntN(8) == 0 {
			patience = 300 * time.Millisecond
		}
		seen, _ := a.op(op, patience)
		if !seen.Known && !op.Read {
			k.lose()
		}
		maker.Answered(op, seen)
	}
}

// asker is a client's connections.
type asker struct {
	l     *load
	lane  int
	rand  *rand.Rand
	lines map[string]*line
	avoid map[string]time.Time // writes go elsewhere until then
	seq   uint64
}

func (l *load) newAsker(lane int) *asker {
	a := &asker{l: l, lane: lane, rand: rand.New(rand.NewPCG(l.c.opt.Seed, uint64(lane))), lines: map[string]*line{}, avoid: map[string]time.Time{}}
	for _, id := range ids {
		a.lines[id] = &line{socket: l.c.socket(id)}
	}
	return a
}

func (a *asker) close() {
	for _, l := range a.lines {
		l.close()
	}
}

// by is a fresh identity: a sequence for half of the clients, an id for the others.
func (a *asker) by() (b By) {
	a.seq++
	if a.lane%2 == 0 {
		return By{Device: fmt.Sprint("lane-", a.lane), Seq: a.seq}
	}
	binary.BigEndian.PutUint64(b.ID[:], uint64(a.lane)+1)
	binary.BigEndian.PutUint64(b.ID[8:], a.seq)
	return b
}

// pick chooses a gateway. A read may go to one that was cut off: there the
// stale ones would be.
func (a *asker) pick(op Op) string {
	n := a.rand.IntN(len(ids))
	for range ids {
		id := ids[n%len(ids)]
		if time.Now().After(a.avoid[id]) || op.Read && a.rand.IntN(2) == 0 {
			return id
		}
		n++
	}
	return ids[n%len(ids)]
}

// op asks until the answer is known or patience ends, always with the same
// identity, and records it.
func (a *asker) op(op Op, patience time.Duration) (Seen, error) {
	l := a.l
	r := request{By: a.by(), Op: op, Limit: 500 * time.Millisecond}
	call := time.Since(l.begin)
	sent, tries := false, 0
	var last error
	for end := time.Now().Add(patience); ; {
		id := a.pick(op)
		p, wrote, err := a.lines[id].ask(r, r.Limit+100*time.Millisecond)
		tries++
		if err == nil && p.Err == "" {
			seen := Seen{p.Answer, true}
			l.record(event{a.lane, op, seen, call, time.Since(l.begin)}, tries)
			return seen, nil
		}
		sent = sent || wrote && (err != nil || !p.NotDone)
		if last = err; err == nil {
			last = errors.New(p.Err)
		}
		a.avoid[id] = time.Now().Add(300 * time.Millisecond)
		if time.Now().After(end) {
			break
		}
		<-time.After(5 * time.Millisecond)
	}
	e := event{a.lane, op, Seen{}, call, -1}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.repeats += tries - 1
	if sent && !op.Read {
		l.history = append(l.history, e)
		l.lost++
	} else {
		l.refused++
	}
	return Seen{}, last
}

func (l *load) record(e event, tries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history = append(l.history, e)
	l.repeats += tries - 1
	if !e.Op.Read {
		if l.last > 0 {
			l.gap = max(l.gap, e.End-l.last)
		}
		l.last = max(l.last, e.End)
	}
}

// end stops the clients.
func (l *load) end() {
	close(l.stop)
	l.wg.Wait()
}

// readAll reads every key that was used, so that whatever was acknowledged and
// is gone is noticed.
func (l *load) readAll() {
	a := l.newAsker(len(l.keys) * lanesPerKey)
	defer a.close()
	for _, k := range l.keys {
		for _, key := range k.used {
			if _, err := a.op(l.c.opt.Subject.Last(key), 10*time.Second); err != nil {
				l.t.Errorf("%s cannot be read at the end: %v", key, err)
			}
		}
	}
}
