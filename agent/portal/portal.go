// Package portal watches what leaves through a dock door: the reads of an RFID
// reader and the signal of a photo-eye become one fact per carton that passed,
// the list of its tags. Single reads never leave this package (law 7); whether
// the tags are the right ones is for package warehouse to say.
//
// A Portal owns one goroutine, its Run; Read and Eye may be called from device
// goroutines and never block.
package portal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/gs1"
)

// queue bounds the reads waiting: two seconds of a busy reader.
const queue = 4096

// Config is what a Portal needs.
type Config struct {
	Dock     string
	Log      *slog.Logger
	Presence presence.Config
	// Passed proposes one pass. EPCs are pure identities, or the hex of what
	// is no EPC; sorted, each once. It is called again with the same pass
	// when it fails.
	Passed func(ctx context.Context, epcs []string) error
}

// Portal is one dock door.
type Portal struct {
	cfg     Config
	engine  *presence.Portal
	reads   chan rfid.Read
	eyes    chan eye
	dropped atomic.Uint64
}

type eye struct {
	covered bool
	at      time.Time
}

// New checks the configuration.
func New(cfg Config) (*Portal, error) {
	engine, err := presence.New(cfg.Presence)
	if err != nil {
		return nil, fmt.Errorf("portal %s: %w", cfg.Dock, err)
	}
	return &Portal{cfg: cfg, engine: engine, reads: make(chan rfid.Read, queue), eyes: make(chan eye, 64)}, nil
}

// Read takes one read. A read that finds the queue full is dropped and counted:
// a tag that passes is read many times.
func (p *Portal) Read(r rfid.Read) {
	select {
	case p.reads <- r:
	default:
		p.dropped.Add(1)
	}
}

// Eye takes a change of the photo-eye.
func (p *Portal) Eye(covered bool, at time.Time) {
	select {
	case p.eyes <- eye{covered, at}:
	default:
		p.dropped.Add(1)
	}
}

// Dropped counts reads and signals that found a full queue.
func (p *Portal) Dropped() uint64 { return p.dropped.Load() }

// Run works until ctx ends.
func (p *Portal) Run(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var passes []presence.Pass
		select {
		case <-ctx.Done():
			return nil
		case r := <-p.reads:
			passes = p.engine.Read(r)
		case e := <-p.eyes:
			// Reads of before the signal come first.
			for more := true; more; {
				select {
				case r := <-p.reads:
					passes = append(passes, p.engine.Read(r)...)
				default:
					more = false
				}
			}
			if e.covered {
				passes = append(passes, p.engine.Open(e.at)...)
			} else {
				passes = append(passes, p.engine.Close(e.at)...)
			}
		case now := <-tick.C:
			passes = p.engine.Tick(now)
		}
		for _, pass := range passes {
			if err := p.tell(ctx, pass); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("portal %s: %w", p.cfg.Dock, err)
			}
		}
	}
}

// tell proposes one pass. A window without any tag is nothing: a person walked
// through. A carton whose tags are dead is found when the truck departs.
func (p *Portal) tell(ctx context.Context, pass presence.Pass) error {
	if len(pass.Tags) == 0 {
		return nil
	}
	epcs := make([]string, 0, len(pass.Tags))
	for _, t := range pass.Tags {
		epc, err := gs1.DecodeEPC(t.EPC)
		if err != nil {
			p.cfg.Log.Debug("tag not understood", "dock", p.cfg.Dock, "epc", t.EPC, "err", err)
		}
		epcs = append(epcs, epc.Key())
	}
	// Two tags of one object (other filter, same identity) are one thing.
	slices.Sort(epcs)
	epcs = slices.Compact(epcs)
	p.cfg.Log.Debug("pass", "dock", p.cfg.Dock, "tags", len(epcs), "from", pass.From, "to", pass.To)
	return p.cfg.Passed(ctx, epcs)
}
