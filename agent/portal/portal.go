// Package portal watches what leaves through a dock door: the reads of an RFID
// reader and the signal of a photo-eye become one fact per carton that passed,
// the list of its tags. Single reads never leave this package (law 7); whether
// the tags are the right ones is for package warehouse to say.
//
// A pass that cannot be recorded, because the site has no quorum, waits and is
// told when it can be; reads go on meanwhile. At most [MaxWaiting] wait, in
// memory: a parcel whose pass was lost is not verified, so it does not leave
// before it was carried through again.
//
// A Portal owns two goroutines, both ended when Run returns: one follows the
// reads, one tells the passes. Read and Eye may be called from device goroutines
// and never block.
package portal

import (
	"cmp"
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
	"tote/warehouse"
)

// queue bounds the reads waiting: two seconds of a busy reader.
const queue = 4096

// MaxWaiting is how many passes wait to be recorded: hours of a busy door. When
// more come the oldest goes, and is counted: a parcel that passes again says all
// that it said before.
const MaxWaiting = 1024

// Pauses between two tries to record a pass.
const (
	minPause = 250 * time.Millisecond
	maxPause = 5 * time.Second
)

// Config is what a Portal needs.
type Config struct {
	Dock     string
	Log      *slog.Logger
	Presence presence.Config
	TwoEyes  bool // the door has an inner and an outer photo-eye
	// Passed records one pass. It may take as long as it must; one pass is
	// recorded after the other, and the same one again when that fails.
	Passed  func(ctx context.Context, p Pass) error
	Changed func() // Stats.Waiting has changed; must not block; nil = nobody cares
}

// Pass is what passed at once.
type Pass struct {
	ID   [16]byte // the same at each try
	EPCs []string // pure identities, or the hex of what is no EPC; sorted, each once
	RSSI []int    // strongest read of each, dBm
	Way  presence.Way
	From time.Time // the door covered and free, by the clock of this machine
	To   time.Time
}

// Stats tells how a portal copes; all but Waiting count since New.
type Stats struct {
	Waiting int    `json:"waiting"` // passes that wait to be recorded
	Lost    uint64 `json:"lost"`    // passes that were never recorded: too many waited
	Dropped uint64 `json:"dropped"` // reads and signals that found a full queue
	// Forgotten counts tags the engine had no room for while something passed.
	Forgotten uint64 `json:"forgotten"`
	// Untold is how many passes in a row had no direction, at a door that should
	// tell it.
	Untold int `json:"untold"`
}

// Portal is one dock door.
type Portal struct {
	cfg     Config
	engine  *presence.Portal
	reads   chan sighting
	eyes    chan eye
	dropped atomic.Uint64
	more    chan struct{} // of one: a pass waits

	mu      sync.Mutex
	waiting []Pass // oldest first
	lost    uint64
	crowd   uint64 // Stats.Forgotten
	untold  int
}

// sighting is a read at this door, or at one next to it.
type sighting struct {
	rfid.Read
	elsewhere bool
}

type eye struct {
	side    presence.Side
	covered bool
	at      time.Time
}

// New checks the configuration.
func New(cfg Config) (*Portal, error) {
	engine, err := presence.New(cfg.Presence)
	if err != nil {
		return nil, fmt.Errorf("portal %s: %w", cfg.Dock, err)
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	return &Portal{
		cfg: cfg, engine: engine, reads: make(chan sighting, queue), eyes: make(chan eye, 64), more: make(chan struct{}, 1),
	}, nil
}

// Read takes one read. A read that finds the queue full is dropped and counted:
// a tag that passes is read many times.
func (p *Portal) Read(r rfid.Read) { p.put(sighting{r, false}) }

// Elsewhere takes one read of an antenna at a door next to this one.
func (p *Portal) Elsewhere(r rfid.Read) { p.put(sighting{r, true}) }

func (p *Portal) put(s sighting) {
	select {
	case p.reads <- s:
	default:
		p.dropped.Add(1)
	}
}

// Eye takes a change of a photo-eye: of the inner or outer one, or of the only one.
func (p *Portal) Eye(side presence.Side, covered bool, at time.Time) {
	select {
	case p.eyes <- eye{side, covered, at}:
	default:
		p.dropped.Add(1)
	}
}

// Stats tells how the portal copes.
func (p *Portal) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Waiting: len(p.waiting), Lost: p.lost, Dropped: p.dropped.Load(), Forgotten: p.crowd, Untold: p.untold}
}

// Run works until ctx ends. Passes that wait then are told when it is run again.
func (p *Portal) Run(ctx context.Context) error {
	var teller sync.WaitGroup
	defer teller.Wait()
	teller.Go(func() { p.tell(ctx) })
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var passes []presence.Pass
		select {
		case <-ctx.Done():
			return nil
		case s := <-p.reads:
			passes = p.sighted(s)
		case e := <-p.eyes:
			// Reads of before the signal come first.
			for more := true; more; {
				select {
				case s := <-p.reads:
					passes = append(passes, p.sighted(s)...)
				default:
					more = false
				}
			}
			passes = append(passes, p.engine.Eye(e.side, e.covered, e.at)...)
		case now := <-tick.C:
			passes = p.engine.Tick(now)
		}
		for _, pass := range passes {
			p.passed(pass)
		}
	}
}

func (p *Portal) sighted(s sighting) []presence.Pass {
	if s.elsewhere {
		return p.engine.Elsewhere(s.Read)
	}
	return p.engine.Read(s.Read)
}

// told is how a tag is told. The state machine knows the identities of units and
// cartons, whatever tag they stand on; anything else is a stray to it, and is
// told by the bits a person can compare with those of a handheld reader. A tag that
// says it is not of GS1 is told with that, or its bits could be taken for an EPC.
func told(s presence.Seen) string {
	for _, known := range []string{"urn:epc:id:" + epc.SGTIN + ":", "urn:epc:id:" + epc.SSCC + ":", "urn:epc:raw:"} {
		if strings.HasPrefix(s.Key, known) {
			return short(s.Key)
		}
	}
	return short(strings.ToUpper(s.EPC))
}

// longest is the longest tag the state machine takes, bytes. One that is longer would
// have the whole pass refused, parcels and all.
const longest = 128

// short cuts a tag that is too long, and says so: what is left is no EPC of anything,
// and enough for a person to find it by.
func short(tag string) string {
	if len(tag) <= longest {
		return tag
	}
	return strings.ToValidUTF8(tag[:longest-1], "") + "~"
}

// ManyUntold is after how many passes without a direction something is broken: one
// alone may be two forklifts that met.
const ManyUntold = 10

// watch notes what passes say of the door itself, and tells it when it begins.
func (p *Portal) watch(pass presence.Pass) {
	p.mu.Lock()
	crowd := pass.Dropped > 0 && p.crowd == 0
	p.crowd += uint64(max(pass.Dropped, 0))
	was := p.untold
	switch tells := p.cfg.TwoEyes || len(p.cfg.Presence.Inner) > 0; {
	case !tells || len(pass.Tags) == 0:
	case pass.Way == "":
		p.untold++
	default:
		p.untold = 0
	}
	now := p.untold
	p.mu.Unlock()
	warn := func(text, code string) {
		p.cfg.Log.Warn(text, "dock", p.cfg.Dock, "code", code, "action", drivers.FaultOf(code).Action)
	}
	switch {
	case crowd:
		warn("the portal hears more tags than it can follow", drivers.CodePortalCrowd)
	case now == ManyUntold && was < now:
		warn("the portal does not tell in from out any more", drivers.CodePortalUntold)
	case now == 0 && was >= ManyUntold:
		p.cfg.Log.Info("the portal tells in from out again", "dock", p.cfg.Dock)
	}
}

// most are the tags of a pass, as many as one may have: a pass with more would be
// refused, parcels and all. Units and cartons are never left out before other tags,
// and those that were heard best stay: what is missing is then seen by a person.
func (p *Portal) most(tags []presence.Seen) []presence.Seen {
	tags = slices.Clone(tags)
	left := len(tags) - warehouse.MaxPassTags
	if left <= 0 {
		return tags
	}
	slices.SortStableFunc(tags, func(a, b presence.Seen) int {
		unit := func(s presence.Seen) int {
			if strings.HasPrefix(s.Key, "urn:epc:id:"+epc.SSCC+":") {
				return 0
			}
			return 1
		}
		return cmp.Or(unit(a)-unit(b), b.BestRSSI-a.BestRSSI)
	})
	p.mu.Lock()
	p.crowd += uint64(left)
	p.mu.Unlock()
	p.cfg.Log.Warn("more tags in one pass than can be recorded, the weakest are left out", "dock", p.cfg.Dock,
		"code", drivers.CodePortalCrowd, "tags", len(tags), "left_out", left, "action", drivers.FaultOf(drivers.CodePortalCrowd).Action)
	return tags[:warehouse.MaxPassTags]
}

// passed queues one pass. A window without any tag is nothing: a person walked
// through. A carton whose tags are dead is found when the truck departs.
func (p *Portal) passed(pass presence.Pass) {
	p.watch(pass)
	if len(pass.Tags) == 0 {
		return
	}
	one := Pass{Way: pass.Way, From: pass.From, To: pass.To}
	tags := p.most(pass.Tags)
	slices.SortFunc(tags, func(a, b presence.Seen) int { return cmp.Compare(told(a), told(b)) })
	for _, t := range tags {
		one.EPCs, one.RSSI = append(one.EPCs, told(t)), append(one.RSSI, max(-128, min(t.BestRSSI, 0)))
	}
	_, _ = rand.Read(one.ID[:]) // never fails
	p.cfg.Log.Debug("pass", "dock", p.cfg.Dock, "tags", len(one.EPCs), "way", one.Way, "from", pass.From, "to", pass.To)
	p.mu.Lock()
	lost := len(p.waiting) >= MaxWaiting
	if lost {
		p.waiting = slices.Delete(p.waiting, 1, 2) // the first is being told
		p.lost++
	}
	p.waiting = append(p.waiting, one)
	first := p.lost == 1
	p.mu.Unlock()
	if lost && first {
		p.cfg.Log.Error("too many passes wait to be recorded, the oldest are lost; carry what is not verified through the portal again", "dock", p.cfg.Dock)
	}
	p.cfg.Changed()
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// tell records the passes in their order until ctx ends.
func (p *Portal) tell(ctx context.Context) {
	pause := minPause
	for {
		pass, ok := p.oldest()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-p.more:
				continue
			}
		}
		err := p.cfg.Passed(ctx, pass)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			if pause > minPause {
				p.cfg.Log.Info("passes are recorded again", "dock", p.cfg.Dock)
			}
			pause = minPause
			p.done()
			continue
		}
		if pause == minPause {
			p.cfg.Log.Warn("a pass cannot be recorded, it waits", "dock", p.cfg.Dock, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

func (p *Portal) oldest() (Pass, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return Pass{}, false
	}
	return p.waiting[0], true
}

// done takes the oldest pass off the list.
func (p *Portal) done() {
	p.mu.Lock()
	p.waiting = slices.Delete(p.waiting, 0, 1)
	p.mu.Unlock()
	p.cfg.Changed()
}
