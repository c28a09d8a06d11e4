package agent

import (
	"context"
	"fmt"
	"time"

	"tote/agent/config"
	"tote/agent/portal"
	"tote/agent/replica"
	"tote/agent/station"
	"tote/agent/topics"
	"tote/drivers"
	"tote/drivers/gpio"
	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/drivers/rfid/r2000"
	"tote/fleet/conveyor"
	"tote/warehouse"
)

// gpioLines opens the lines a configuration means.
func gpioLines(cfg config.GPIO) gpio.Opener {
	if cfg.Emulated != "" {
		return gpio.Emulated(cfg.Emulated)
	}
	return gpio.Machine()
}

// startTower starts a light tower and returns what shows a light on it. A
// gateway that cannot record anything shows stop, whatever the station says.
func (a *Agent) startTower(place string, cfg *config.Tower) (func(station.Light), error) {
	t, err := gpio.NewTower(gpio.TowerConfig{
		Name: place + "/tower", Open: gpioLines(cfg.GPIO), Green: cfg.Green, Amber: cfg.Amber, Red: cfg.Red,
		ActiveLow: cfg.ActiveLow, Log: a.log, OnStatus: func(drivers.Status) { a.changes.kick() },
	})
	if err != nil {
		return nil, err
	}
	l := &tower{lamps: t, light: gpio.LightStop}
	a.towers = append(a.towers, l)
	return func(s station.Light) { l.set(gpio.Light(s), a.isReady() == nil) }, a.startDevice(place+"/tower", t.Run, t.Status)
}

// startDoor starts what watches a dock door: the photo-eye and the RFID reader.
func (a *Agent) startDoor(cfg config.Dock) error {
	if cfg.RFID == nil {
		return nil
	}
	watch, err := portal.New(portal.Config{
		Dock: cfg.ID, Log: a.log,
		Presence: presence.Config{Eye: cfg.PhotoEye != nil, MinReads: cfg.RFID.MinReads, MinRSSI: cfg.RFID.MinRSSI},
		Passed: func(ctx context.Context, epcs []string) error {
			res, err := a.do(ctx, "portal/"+cfg.ID, warehouse.PortalPass{Dock: cfg.ID, EPCs: epcs})
			if err == nil && !res.OK {
				a.log.Warn("what passed the door is not what was packed", "dock", cfg.ID, "code", res.Code, "text", res.Text)
			}
			return err
		},
	})
	if err != nil {
		return err
	}
	if err := a.sup.Go("portal/"+cfg.ID, watch.Run); err != nil {
		return err
	}
	open, err := serialOpener(cfg.RFID.Serial)
	if err != nil {
		return err
	}
	antennas := make([]int, cfg.RFID.Antennas)
	for i := range antennas {
		antennas[i] = i + 1
	}
	name := cfg.ID + "/rfid"
	reader, err := r2000.New(r2000.Config{
		Name: name, Open: open, Antennas: antennas, Power: cfg.RFID.PowerDBm, Log: a.log,
		OnStatus: func(drivers.Status) { a.changes.kick() },
		Sink: func(r rfid.Read) {
			a.readings.set(name, r.EPC)
			watch.Read(r)
		},
	})
	if err != nil {
		return err
	}
	if err := a.startDevice(name, reader.Run, reader.Status); err != nil {
		return err
	}
	if cfg.PhotoEye == nil {
		return nil
	}
	eye, err := gpio.NewInput(gpio.InputConfig{
		Name: cfg.ID + "/photo-eye", Open: gpioLines(cfg.PhotoEye.GPIO), Line: cfg.PhotoEye.Line, ActiveLow: cfg.PhotoEye.ActiveLow,
		Debounce: time.Duration(cfg.PhotoEye.DebounceMs) * time.Millisecond, Log: a.log,
		OnStatus: func(drivers.Status) { a.changes.kick() },
		Sink: func(s gpio.Signal) {
			a.readings.set(cfg.ID+"/photo-eye", map[bool]string{true: "covered", false: "free"}[s.Active])
			watch.Eye(s.Active, s.At)
		},
	})
	if err != nil {
		return err
	}
	return a.startDevice(cfg.ID+"/photo-eye", eye.Run, eye.Status)
}

// confirmTime is how long after the last moment for a decision a confirm still
// belongs to it: cartons have to get into their lanes, and networks come back.
const confirmTime = time.Minute

// newConveyors builds what decides where cartons go.
func (a *Agent) newConveyors() (*conveyor.Controller, error) {
	return conveyor.New(conveyor.Config{
		Log: a.log,
		Publish: func(device, name string, payload []byte) error {
			return a.broker.Publish(topics.ConveyorDown(a.cfg.Site, device, name), payload, false, 1)
		},
		Fault: func(code, device, text string) {
			a.log.Warn("conveyor", "device", device, "code", code, "text", text)
		},
		Decide: a.laneOf,
		Record: func(ctx context.Context, d conveyor.Divert) error {
			if d.Actual == "" {
				a.log.Warn("the conveyor does not know where a carton is", "device", d.Device, "barcode", d.Barcode, "result", d.Result)
				return nil // nothing moved that anybody knows of
			}
			c := warehouse.Divert{Conveyor: d.Device, Barcode: d.Barcode, Lane: d.Actual}
			res, err := a.store.Do(ctx, replica.By{ID: d.ID(), Actor: "conveyor/" + d.Device}, c)
			if err == nil && !res.OK {
				a.log.Warn("divert", "device", d.Device, "barcode", d.Barcode, "code", res.Code, "text", res.Text)
			}
			return err
		},
	})
}

// laneOf records a scan and gives its lane.
func (a *Agent) laneOf(ctx context.Context, s conveyor.Scan) (conveyor.Decision, error) {
	c := warehouse.Induct{Conveyor: s.Device, Barcode: s.Barcode, Expires: a.store.Now().Add(s.ValidFor + confirmTime).UnixMilli()}
	by := replica.By{ID: s.ID(), Actor: "conveyor/" + s.Device}
	res, err := a.store.Do(ctx, by, c)
	if err == nil && res.Code == replica.CodeSeqReused {
		// The scan was decided with another expiry, before its answer was
		// lost. The parcel's ride has the decision.
		by.ID = newID()
		res, err = a.store.Do(ctx, by, c)
	}
	return conveyor.Decision{Lane: res.Ref, Reason: res.Code}, err
}

// robotMarkers lists what moves, for the console's map.
func (a *Agent) robotMarkers() []robotMarker {
	master := a.robots.Load()
	if master == nil {
		return nil
	}
	var out []robotMarker
	for _, r := range master.Status() {
		if !r.Known {
			continue
		}
		text := fmt.Sprintf("%s %s", r.ID, r.State)
		if r.Job != "" {
			text += ", job " + r.Job
		}
		if r.Code != "" {
			text += ", " + r.Code + ": " + r.Action
		}
		out = append(out, robotMarker{r.ID, r.X, r.Y, r.State, text})
	}
	return out
}

// robotMarker is one robot on the map; lengths in millimetres.
type robotMarker struct {
	id          string
	x, y        int64
	state, text string
}
