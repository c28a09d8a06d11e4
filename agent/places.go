package agent

import (
	"context"
	"fmt"
	"time"

	"tote/agent/places"
	"tote/agent/replica"
	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/warehouse"
)

// tunePlaces lets tests wait less for tags that move and leave.
var tunePlaces = func(*presence.EngineConfig) {}

// startPlaces starts what follows tags between places, and the readers that watch
// them.
func (a *Agent) startPlaces() error {
	cfg := a.cfg.Places
	if cfg == nil {
		return nil
	}
	engine, err := cfg.Engine()
	if err != nil {
		return err
	}
	tunePlaces(&engine)
	watch, err := places.New(places.Config{Engine: engine, Log: a.log, Seen: a.tagSeen, Believed: a.tagsBelieved})
	if err != nil {
		return err
	}
	if err := a.sup.Go("places", watch.Run); err != nil {
		return err
	}
	for _, r := range cfg.Readers {
		name, reader := r.Device(), r.RFID()
		_, err := a.startReader(name, &reader, sinks{
			read:    func(r rfid.Read) { watch.Read(name, r) },
			barcode: func(string) {}, // a scan at a shelf belongs to nobody
			status:  func(s drivers.Status) { watch.Reader(name, s.State == drivers.Ready || s.State == drivers.Degraded) },
		})
		if err != nil {
			return fmt.Errorf("reader %s: %w", r.ID, err)
		}
	}
	return nil
}

// tagSeen records where a tag is. Each try has the same id. A tag that means nothing
// here is no error: readers hear what is none of the site's business.
// They are not even proposed: a truck full of them beside a reader must not fill the
// log.
func (a *Agent) tagSeen(ctx context.Context, f places.Fact) error {
	known := true
	err := a.again(func(r warehouse.Reader) (err error) {
		known, err = warehouse.IsTagOfUnit(r, f.Tag)
		return err
	})
	if err == nil && !known {
		a.log.Debug("a tag at a place is of no unit", "tag", f.Tag, "place", f.Place)
		return nil
	}
	res, err := a.store.Do(ctx, replica.By{ID: f.ID, Actor: "places/" + a.cfg.Gateway},
		warehouse.TagSeen{Tag: f.Tag, Place: f.Place, At: f.At.UnixMilli(), Gone: f.Gone, By: a.cfg.Gateway})
	if err == nil && !res.OK {
		a.log.Debug("a tag at a place was not noted", "tag", f.Tag, "place", f.Place, "code", res.Code, "text", res.Text)
	}
	return err
}

// tagsBelieved is what this gateway said to be at its places before it was started.
func (a *Agent) tagsBelieved() (facts []places.Fact, err error) {
	err = a.view(func(r warehouse.Reader) error {
		all, err := warehouse.SeenBy(r, a.cfg.Gateway)
		for _, s := range all {
			facts = append(facts, places.Fact{Tag: s.Tag, Place: s.Place, At: time.UnixMilli(s.At)})
		}
		return err
	})
	return facts, err
}
