package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/agent/config"
	"tote/agent/portal"
	"tote/agent/replica"
	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/gpio"
	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/warehouse"
)

// eyeHeld is how long a carton or pallet may stand in a photo-eye: longer is no
// passage but a jam.
const eyeHeld = time.Minute

// startDoors starts what watches the dock doors: first all portals, then the photo-eyes
// and the readers, whose reads go to the portal of each antenna and, as heard
// elsewhere, to those next to it.
func (a *Agent) startDoors(docks []config.Dock, scanned map[string]func(string)) error {
	watches := map[string]*portal.Portal{}
	for i, d := range docks {
		if d.RFID == nil {
			continue
		}
		w, err := a.startPortal(d, i)
		if err != nil {
			return fmt.Errorf("dock %s: %w", d.ID, err)
		}
		watches[d.ID] = w
	}
	for _, d := range docks {
		if d.RFID == nil {
			continue
		}
		var reader rfid.Reader
		if d.RFID.ReaderOf == "" {
			var err error
			to := routes(d.ID, docks, watches)
			reader, err = a.startReader(d.ID+"/rfid", d.RFID, sinks{read: func(r rfid.Read) { hear(to, r) }, barcode: scanned[d.ID]})
			if err != nil {
				return fmt.Errorf("dock %s: %w", d.ID, err)
			}
		}
		if err := a.startEyes(d, reader, watches[d.ID]); err != nil {
			return fmt.Errorf("dock %s: %w", d.ID, err)
		}
	}
	return nil
}

// startPortal starts the portal of a dock. The rank settles which of two doors has a
// tag that both hear alike.
func (a *Agent) startPortal(cfg config.Dock, rank int) (*portal.Portal, error) {
	filter, err := cfg.RFID.Filter()
	if err != nil {
		return nil, err
	}
	r := cfg.RFID
	watch, err := portal.New(portal.Config{
		Dock: cfg.ID, Log: a.log, TwoEyes: cfg.PhotoEye != nil && cfg.PhotoEye.OuterLine != "",
		Presence: presence.Config{
			Eye: cfg.PhotoEye != nil, Antennas: r.DoorPorts(), MinReads: r.MinReads, MinRSSI: r.MinRSSI, Filter: filter,
			Inner: r.InnerPorts(), Outer: r.OuterPorts(), Rank: rank,
			Look: millis(r.LookMs), Merge: millis(r.MergeMs), Dwell: millis(r.DwellMs),
		},
		Changed: a.changes.kick,
		Passed:  func(ctx context.Context, p portal.Pass) error { return a.passed(ctx, cfg, p) },
	})
	if err != nil {
		return nil, err
	}
	a.doors = append(a.doors, door{cfg.ID, watch.Stats})
	return watch, a.sup.Go("portal/"+cfg.ID, watch.Run)
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// ssccTags begins the identity of a logistic unit.
const ssccTags = "urn:epc:id:sscc:"

// span is when a pass was, in Unix milliseconds. How long it took is told by the
// clock that cannot be set: one that was set back meanwhile must not make an end
// before the beginning, which is refused, and the pass lost.
func span(p portal.Pass) (from, to int64) {
	to = max(p.To.UnixMilli(), 0)
	return max(to-max(p.To.Sub(p.From), 0).Milliseconds(), 0), to
}

// passed records a pass, and receives the units that came in where the dock is one
// that receives. Each try has the same ids, so what was done before is not done again.
func (a *Agent) passed(ctx context.Context, cfg config.Dock, p portal.Pass) error {
	by := replica.By{ID: p.ID, Actor: "portal/" + cfg.ID}
	from, to := span(p)
	res, err := a.store.Do(ctx, by, warehouse.PortalPass{
		Dock: cfg.ID, EPCs: p.EPCs, Way: string(p.Way), From: from, To: to, RSSI: p.RSSI,
	})
	if err != nil {
		return err
	}
	if !res.OK {
		a.log.Warn("what passed the door is not what was packed", "dock", cfg.ID, "code", res.Code, "text", res.Text)
		return nil
	}
	if p.Way != presence.In || !cfg.RFID.Receive {
		return nil
	}
	known := a.announced(cfg.ID, p.EPCs)
	for i, tag := range p.EPCs {
		if !slices.Contains(known, tag) {
			continue
		}
		if err := a.cameIn(ctx, cfg.ID, p.ID, i, tag); err != nil {
			return err
		}
	}
	return nil
}

// announced are the tags of a pass that may be received. The pass is applied here, so
// the state knows all that was announced before it: what nobody announces is told once,
// and makes no command for each tag of a truck full of other people's units.
func (a *Agent) announced(dock string, tags []string) (known []string) {
	var units []string
	for _, tag := range tags {
		if strings.HasPrefix(tag, ssccTags) {
			units = append(units, tag)
		}
	}
	err := a.again(func(r warehouse.Reader) (err error) {
		known, err = warehouse.AnnouncedUnits(r, units)
		return err
	})
	if err != nil {
		return units // each is asked for
	}
	if n := len(units) - len(known); n > 0 {
		first := slices.IndexFunc(units, func(tag string) bool { return !slices.Contains(known, tag) })
		a.log.Warn("units came in that no open delivery announces", "dock", dock, "units", n, "lu", units[first])
	}
	return known
}

// cameIn receives a unit of a pass, its i-th tag. One of many lines takes several
// commands: all of it is received, or none.
func (a *Agent) cameIn(ctx context.Context, dock string, pass [16]byte, i int, tag string) error {
	by := replica.By{ID: pass, Actor: "portal/" + dock}
	by.ID[0] ^= 0xFF
	by.ID[14] ^= byte((i + 1) >> 8)
	by.ID[15] ^= byte(i + 1)
	for part := byte(0); ; part++ {
		by.ID[13] = pass[13] ^ part
		res, err := a.store.Do(ctx, by, warehouse.UnitCameIn{Dock: dock, Tag: tag})
		switch {
		case err != nil:
			return err
		case !res.OK:
			a.log.Warn("a unit that came in was not received", "dock", dock, "lu", tag, "code", res.Code, "text", res.Text)
			return nil
		case res.Ref == warehouse.RefMore && part < mostParts:
			continue
		case res.Ref == warehouse.RefMore:
			a.log.Warn("a unit that came in was received in part: receive the rest by hand", "dock", dock, "lu", tag, "text", res.Text)
			return nil
		}
		a.log.Info("a unit was received at the door", "dock", dock, "lu", tag, "receipt", res.Ref)
		return nil
	}
}

// mostParts bounds the commands for one unit: each books a line at least, and a
// delivery has no more.
const mostParts = 255

// route is where the reads of some antennas of a reader go.
type route struct {
	ports []int // empty = all
	here  *portal.Portal
	next  []*portal.Portal // of the docks beside it
}

// routes are those of the reader of a dock.
func routes(reader string, docks []config.Dock, watches map[string]*portal.Portal) (out []route) {
	for _, d := range docks {
		if d.RFID == nil || d.ID != reader && d.RFID.ReaderOf != reader {
			continue
		}
		r := route{ports: d.RFID.DoorPorts(), here: watches[d.ID]}
		for _, o := range docks {
			if o.RFID != nil && slices.Contains(o.RFID.Neighbours(), d.ID) {
				r.next = append(r.next, watches[o.ID])
			}
		}
		out = append(out, r)
	}
	return out
}

// hear brings a read where it belongs.
func hear(routes []route, r rfid.Read) {
	for _, to := range routes {
		if len(to.ports) > 0 && !slices.Contains(to.ports, r.Antenna) {
			continue
		}
		to.here.Read(r)
		for _, p := range to.next {
			p.Elsewhere(r)
		}
	}
}

// sinks is where goes what a reader says.
type sinks struct {
	read    func(rfid.Read)
	barcode func(code string)    // of a reader with an imager
	status  func(drivers.Status) // nil = nobody cares
}

// startReader starts an RFID reader.
func (a *Agent) startReader(name string, cfg *config.RFID, to sinks) (rfid.Reader, error) {
	driver, ok := all.Find(cfg.Driver)
	if !ok || driver.Reader == nil {
		return nil, fmt.Errorf("no driver %q for an RFID reader", cfg.Driver)
	}
	open, err := a.readerOpener(name, cfg)
	if err != nil {
		return nil, err
	}
	var reader rfid.Reader // is there before it runs
	reader, err = driver.Reader(rfid.Settings{
		Name: name, Open: open, Antennas: cfg.Ports(), Power: cfg.PowerDBm, Region: cfg.Rules(), Version: cfg.Version, Log: a.log,
		OnStatus: func(s drivers.Status) {
			if to.status != nil {
				to.status(s)
			}
			if told, ok := reader.(interface{ Identity() drivers.Identity }); ok {
				a.tells(name, told.Identity())
			}
			a.changes.kick()
		},
		Sink: func(r rfid.Read) {
			a.readings.set(name, r.EPC)
			to.read(r)
		},
		Barcode: func(_, code string) {
			a.readings.set(name, code)
			to.barcode(code)
		},
	})
	if err != nil {
		return nil, err
	}
	return reader, a.startDevice(name, reader.Run, reader.Status)
}

// startEyes starts the photo-eyes of a dock: one, or an inner and an outer one; on
// lines of this machine, or the first on an input of the dock's reader.
func (a *Agent) startEyes(cfg config.Dock, reader rfid.Reader, watch *portal.Portal) error {
	e := cfg.PhotoEye
	if e == nil {
		return nil
	}
	side := presence.Middle
	if e.OuterLine != "" {
		side = presence.Inner
		if err := a.startEye(cfg, cfg.ID+"/outer-eye", gpioLines(e.GPIO), e.OuterLine, presence.Outer, watch); err != nil {
			return err
		}
	}
	open, line := gpioLines(e.GPIO), e.Line
	if n := e.ReaderGPI; n > 0 {
		wired, ok := reader.(interface{ Lines() gpio.Opener })
		if !ok {
			return fmt.Errorf("%s: readers of driver %q have no inputs", cfg.ID, cfg.RFID.Driver)
		}
		open, line = wired.Lines(), fmt.Sprintf("GPI%d", n)
	}
	return a.startEye(cfg, cfg.ID+"/photo-eye", open, line, side, watch)
}

func (a *Agent) startEye(cfg config.Dock, name string, open gpio.Opener, line string, side presence.Side, watch *portal.Portal) error {
	e := cfg.PhotoEye
	in, err := gpio.NewInput(gpio.InputConfig{
		Name: name, Open: open, Line: line, ActiveLow: e.ActiveLow,
		Pull: gpio.Pull(e.Pull), Debounce: millis(e.DebounceMs), Held: eyeHeld, Log: a.log,
		OnStatus: func(drivers.Status) { a.changes.kick() },
		Sink: func(s gpio.Signal) {
			a.readings.set(name, map[bool]string{true: "covered", false: "free"}[s.Active])
			watch.Eye(side, s.Active, s.At)
		},
	})
	if err != nil {
		return err
	}
	return a.startDevice(name, in.Run, in.Status)
}
