// Package places follows tags between the places that RFID readers watch: reads
// become one fact when a tag arrives at a place, moves to another or goes. Single
// reads never leave this package (law 7); what unit a tag means, and whether it is
// known at all, is for package warehouse to say.
//
// A fact that cannot be recorded, because the site has no quorum, waits and is told
// when it can be; reads go on meanwhile. Of a tag only the newest waits, as only
// that is kept of it, and at most [MaxWaiting] do, in memory: a tag whose fact was
// lost is told again when it moves.
//
// A Watch owns two goroutines, both ended when Run returns: one owns the engine, one
// tells the facts. Read and Reader may be called from device goroutines and never
// block.
package places

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/gs1/epc"
)

// queue bounds the reads waiting: two seconds of a busy reader.
const queue = 4096

// MaxWaiting is how many facts wait to be recorded. When more come the oldest goes,
// and is counted.
const MaxWaiting = 4096

// Pauses between two tries to record a fact.
const (
	minPause = 250 * time.Millisecond
	maxPause = 5 * time.Second
)

// Config is what a Watch needs.
type Config struct {
	Engine presence.EngineConfig
	Log    *slog.Logger
	// Seen records one fact. It may take as long as it must; one fact is recorded
	// after the other, and the same one again when that fails.
	Seen func(ctx context.Context, f Fact) error
	// Believed is what was told to be at a place before this gateway started, and not
	// to have gone; nil = nothing. It is asked until it answers, once.
	Believed func() ([]Fact, error)
}

// Fact is where a tag is now, or was last.
type Fact struct {
	ID    [16]byte // the same at each try
	Tag   string   // pure identity, or the hex of what is no EPC
	Place string
	At    time.Time // when it was decided; Gone: when it was read last
	Gone  bool      // from Place, and it is at no other
}

// Stats tells how a watch copes; all but Waiting count since New.
type Stats struct {
	Waiting int
	Lost    uint64 // facts that were never recorded: too many waited
	Dropped uint64 // reads that found a full queue
	Crowd   uint64 // tags the engine had no room for
}

// Watch follows the tags of all readers of one gateway that watch places.
type Watch struct {
	cfg     Config
	engine  *presence.Engine
	reads   chan sighting
	dropped atomic.Uint64
	more    chan struct{} // of one: a fact waits
	turned  chan struct{} // of one: a reader is up or down

	mu      sync.Mutex
	up      map[string]bool // readers by name, what the engine is to be told
	waiting []Fact          // oldest first
	telling bool            // the first of them is being told
	lost    uint64
	crowd   uint64

	learnt bool // what was believed; of Run's goroutine
}

type sighting struct {
	reader string
	read   rfid.Read
}

// New checks the configuration.
func New(cfg Config) (*Watch, error) {
	engine, err := presence.NewEngine(cfg.Engine)
	if err != nil {
		return nil, fmt.Errorf("places: %w", err)
	}
	return &Watch{
		cfg: cfg, engine: engine, reads: make(chan sighting, queue), more: make(chan struct{}, 1),
		turned: make(chan struct{}, 1), up: map[string]bool{},
	}, nil
}

// Read takes one read of a reader. One that finds the queue full is dropped and
// counted: a tag that stays is read many times.
func (w *Watch) Read(reader string, r rfid.Read) {
	select {
	case w.reads <- sighting{reader, r}:
	default:
		w.dropped.Add(1)
	}
}

// Reader takes whether a reader is up: what only readers watch that are down does not
// go.
func (w *Watch) Reader(reader string, up bool) {
	w.mu.Lock()
	w.up[reader] = up
	w.mu.Unlock()
	wake(w.turned)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stats tells how the watch copes.
func (w *Watch) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Stats{Waiting: len(w.waiting), Lost: w.lost, Dropped: w.dropped.Load(), Crowd: w.crowd}
}

// Run works until ctx ends. Facts that wait then are told when it is run again.
func (w *Watch) Run(ctx context.Context) error {
	var teller sync.WaitGroup
	defer teller.Wait()
	teller.Go(func() { w.tell(ctx) })
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	known := map[string]bool{} // what the engine was told of the readers
	for {
		w.learn()
		var facts []presence.Fact
		select {
		case <-ctx.Done():
			return nil
		case s := <-w.reads:
			facts = w.engine.Read(s.reader, s.read)
		case <-w.turned:
			facts = w.turn(known)
		case now := <-tick.C:
			facts = append(w.turn(known), w.engine.Tick(now)...)
		}
		for _, f := range facts {
			w.put(f)
		}
		w.watch()
	}
}

// turn tells the engine which readers went down or came up. It is asked before time
// moves on, so that nothing goes by a reader that was down.
func (w *Watch) turn(known map[string]bool) (facts []presence.Fact) {
	w.mu.Lock()
	var names []string
	for name, up := range w.up {
		if was, told := known[name]; !told || was != up {
			names = append(names, name)
			known[name] = up
		}
	}
	w.mu.Unlock()
	slices.Sort(names)
	for _, name := range names {
		facts = append(facts, w.engine.Reader(name, known[name], time.Now())...)
	}
	return facts
}

// learn tells the engine what was at its places before this gateway started, so that
// what left meanwhile departs. What the engine will not follow, as its place is watched
// no more, has gone at once: nobody would see it leave.
func (w *Watch) learn() {
	if w.learnt || w.cfg.Believed == nil {
		return
	}
	facts, err := w.cfg.Believed()
	if err != nil {
		return // the state cannot be read yet
	}
	w.learnt = true
	for _, f := range facts {
		if !w.engine.Believe(f.Tag, f.Place, f.At, time.Now()) {
			w.add(Fact{Tag: f.Tag, Place: f.Place, At: f.At, Gone: true})
		}
	}
}

// watch notes tags the engine has forgotten, and tells it when that begins.
func (w *Watch) watch() {
	n := w.engine.Stats().Dropped
	w.mu.Lock()
	begins := n > 0 && w.crowd == 0
	w.crowd = n
	w.mu.Unlock()
	if begins {
		w.warn("readers of places hear more tags than can be followed", drivers.CodePlacesCrowd)
	}
}

func (w *Watch) warn(text, code string) {
	w.cfg.Log.Warn(text, "code", code, "action", drivers.FaultOf(code).Action)
}

// told is how a tag is told: by the identity of a unit, whatever tag it stands on, or
// by its bits, which may spell the code of a tote.
func told(key, hex string) string {
	for _, known := range []string{"urn:epc:id:" + epc.SGTIN + ":", "urn:epc:id:" + epc.SSCC + ":", "urn:epc:raw:"} {
		if strings.HasPrefix(key, known) {
			return key
		}
	}
	return strings.ToUpper(hex)
}

// put queues one fact, in the stead of one of the same tag that still waits.
func (w *Watch) put(f presence.Fact) {
	one := Fact{Tag: told(f.Key, f.EPC), Place: f.To, At: f.At}
	if f.What == presence.Departed {
		one.Place, one.Gone = f.From, true
	}
	w.cfg.Log.Debug("tag", "what", f.What, "tag", one.Tag, "from", f.From, "to", f.To, "rssi", f.RSSI)
	w.add(one)
}

func (w *Watch) add(one Fact) {
	_, _ = rand.Read(one.ID[:]) // never fails
	w.mu.Lock()
	first := 0
	if w.telling {
		first = 1
	}
	if i := slices.IndexFunc(w.waiting[first:], func(o Fact) bool { return o.Tag == one.Tag }); i >= 0 {
		w.waiting = slices.Delete(w.waiting, first+i, first+i+1)
	}
	lost := len(w.waiting) >= MaxWaiting
	if lost {
		w.waiting = slices.Delete(w.waiting, first, first+1)
		w.lost++
	}
	w.waiting = append(w.waiting, one)
	begins := lost && w.lost == 1
	w.mu.Unlock()
	if begins {
		w.warn("too many facts of tags wait to be recorded, the oldest are lost", drivers.CodePlacesLost)
	}
	wake(w.more)
}

// tell records the facts in their order until ctx ends.
func (w *Watch) tell(ctx context.Context) {
	pause := minPause
	for {
		fact, ok := w.next()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-w.more:
				continue
			}
		}
		err := w.cfg.Seen(ctx, fact)
		w.done(err == nil)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			if pause > minPause {
				w.cfg.Log.Info("what readers of places see is recorded again")
			}
			pause = minPause
			continue
		}
		if pause == minPause {
			w.cfg.Log.Warn("what a reader of places sees cannot be recorded, it waits", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// next is the fact to tell, which stays the first until done.
func (w *Watch) next() (Fact, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return Fact{}, false
	}
	w.telling = true
	return w.waiting[0], true
}

// done takes the first fact off the list when it was told. One that was not may be
// on the log all the same, so it is told again as it is, with its id, before newer
// ones of its tag.
func (w *Watch) done(recorded bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if recorded {
		w.waiting, w.telling = slices.Delete(w.waiting, 0, 1), false
	}
}
