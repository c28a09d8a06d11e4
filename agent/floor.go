package agent

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tote/agent/config"
	"tote/agent/portal"
	"tote/agent/replica"
	"tote/agent/station"
	"tote/agent/topics"
	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/gpio"
	"tote/drivers/rfid"
	"tote/drivers/rfid/presence"
	"tote/fleet"
	"tote/fleet/conveyor"
	"tote/fleet/intent"
	"tote/gs1"
	"tote/warehouse"
	"tote/web"
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
		Watchdog: 20 * towerTick,
	})
	if err != nil {
		return nil, err
	}
	l := &tower{lamps: t, light: gpio.LightStop}
	a.towers = append(a.towers, l)
	return func(s station.Light) { l.set(gpio.Light(s), a.isReady() == nil) }, a.startDevice(place+"/tower", t.Run, t.Status)
}

// eyeHeld is how long a carton or pallet may stand in a photo-eye: longer is no
// passage but a jam.
const eyeHeld = time.Minute

// startDoor starts what watches a dock door: the photo-eye and the RFID reader.
func (a *Agent) startDoor(cfg config.Dock, scanned func(string)) error {
	if cfg.RFID == nil {
		return nil
	}
	watch, err := portal.New(portal.Config{
		Dock: cfg.ID, Log: a.log,
		Presence: presence.Config{Eye: cfg.PhotoEye != nil, MinReads: cfg.RFID.MinReads, MinRSSI: cfg.RFID.MinRSSI},
		Changed:  a.changes.kick,
		Passed: func(ctx context.Context, p portal.Pass) error {
			res, err := a.store.Do(ctx, replica.By{ID: p.ID, Actor: "portal/" + cfg.ID}, warehouse.PortalPass{Dock: cfg.ID, EPCs: p.EPCs})
			if err == nil && !res.OK {
				a.log.Warn("what passed the door is not what was packed", "dock", cfg.ID, "code", res.Code, "text", res.Text)
			}
			return err
		},
	})
	if err != nil {
		return err
	}
	a.doors = append(a.doors, door{cfg.ID, watch.Stats})
	if err := a.sup.Go("portal/"+cfg.ID, watch.Run); err != nil {
		return err
	}
	reader, err := a.startReader(cfg, watch.Read, scanned)
	if err != nil || cfg.PhotoEye == nil {
		return err
	}
	return a.startEye(cfg, reader, watch.Eye)
}

// startReader starts the RFID reader of a dock; what a reader with an imager scans
// goes to scanned.
func (a *Agent) startReader(cfg config.Dock, sink func(rfid.Read), scanned func(string)) (rfid.Reader, error) {
	driver, ok := all.Find(cfg.RFID.Driver)
	if !ok || driver.Reader == nil {
		return nil, fmt.Errorf("no driver %q for an RFID reader", cfg.RFID.Driver)
	}
	name := cfg.ID + "/rfid"
	open, err := a.readerOpener(name, cfg.RFID)
	if err != nil {
		return nil, err
	}
	var reader rfid.Reader // is there before it runs
	reader, err = driver.Reader(rfid.Settings{
		Name: name, Open: open, Antennas: cfg.RFID.Ports(), Power: cfg.RFID.PowerDBm, Version: cfg.RFID.Version, Log: a.log,
		OnStatus: func(drivers.Status) {
			if told, ok := reader.(interface{ Identity() drivers.Identity }); ok {
				a.tells(name, told.Identity())
			}
			a.changes.kick()
		},
		Sink: func(r rfid.Read) {
			a.readings.set(name, r.EPC)
			sink(r)
		},
		Barcode: func(_, code string) {
			a.readings.set(name, code)
			scanned(code)
		},
	})
	if err != nil {
		return nil, err
	}
	return reader, a.startDevice(name, reader.Run, reader.Status)
}

// startEye starts the photo-eye of a dock: on a line of this machine, or of the
// dock's reader.
func (a *Agent) startEye(cfg config.Dock, reader rfid.Reader, sink func(covered bool, at time.Time)) error {
	open, line := gpioLines(cfg.PhotoEye.GPIO), cfg.PhotoEye.Line
	if n := cfg.PhotoEye.ReaderGPI; n > 0 {
		wired, ok := reader.(interface{ Lines() gpio.Opener })
		if !ok {
			return fmt.Errorf("%s: readers of driver %q have no inputs", cfg.ID, cfg.RFID.Driver)
		}
		open, line = wired.Lines(), fmt.Sprintf("GPI%d", n)
	}
	eye, err := gpio.NewInput(gpio.InputConfig{
		Name: cfg.ID + "/photo-eye", Open: open, Line: line, ActiveLow: cfg.PhotoEye.ActiveLow,
		Pull: gpio.Pull(cfg.PhotoEye.Pull), Debounce: time.Duration(cfg.PhotoEye.DebounceMs) * time.Millisecond, Held: eyeHeld, Log: a.log,
		OnStatus: func(drivers.Status) { a.changes.kick() },
		Sink: func(s gpio.Signal) {
			a.readings.set(cfg.ID+"/photo-eye", map[bool]string{true: "covered", false: "free"}[s.Active])
			sink(s.Active, s.At)
		},
	})
	if err != nil {
		return err
	}
	return a.startDevice(cfg.ID+"/photo-eye", eye.Run, eye.Status)
}

// door is a portal as the pages see it.
type door struct {
	dock  string
	stats func() portal.Stats
}

// text says what a person at the door should know beside the last tag.
func (d door) text() string {
	s, out := d.stats(), ""
	for _, c := range []struct {
		n    uint64
		what string
	}{{uint64(s.Waiting), "passes waiting"}, {s.Lost, "passes lost"}, {s.Dropped, "reads dropped"}} {
		if c.n > 0 {
			out += fmt.Sprintf(", %s: %d", c.what, c.n)
		}
	}
	return out
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
			a.log.Warn("conveyor", "device", device, "code", code, "text", text, "action", conveyorAction(code))
			a.changes.kick()
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

// conveyorAction is what a person does about a code.
func conveyorAction(code string) string {
	for _, f := range conveyor.Faults() {
		if f.Code == code {
			return f.Action
		}
	}
	return ""
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

// remarks are the codes of robots that need nobody: they wait, or are served
// already. Every other code wants a person.
var remarks = map[string]bool{
	"": true, fleet.CodeWaits: true, fleet.CodeBattery: true, fleet.CodeStore: true, fleet.CodeGone: true,
	intent.CodeNodeHeld: true, intent.CodeFenced: true, intent.CodeOpen: true,
}

// robotStatus lists the robots of the configuration, heard of or not.
func (a *Agent) robotStatus() []fleet.RobotStatus {
	if master := a.robots.Load(); master != nil {
		return master.Status()
	}
	return nil
}

// robotRow is a robot as the console shows it. leader is the gateway that
// commands it when that is another one, "" when it is this one or none.
func robotRow(s fleet.RobotStatus, leader string) web.Robot {
	r := web.Robot{
		ID: s.ID, State: s.State, Since: s.Since, Bad: !remarks[s.Code], Code: s.Code, Text: s.Text,
		Job: jobText(s.Job), Target: s.Target, Loads: s.Loads, Battery: s.Battery, Charging: s.Charging,
	}
	switch {
	case s.Broker == 0:
		r.Broker = "this gateway"
	case s.Broker > 0:
		r.Broker = "another gateway"
	}
	if leader != "" && s.State == fleet.StateHolding && s.Code == "" {
		// It is this gateway that does nothing, not the robot.
		r.State, r.Since, r.Text = "idle", time.Time{}, leader+" commands it"
		if s.Job != "" {
			r.State = "at work"
		}
	}
	return r
}

// jobText is a robot's job in words; its id is made in robots.go.
func jobText(job string) string {
	kind, rest, _ := strings.Cut(job, "-")
	switch kind {
	case "PK":
		_, task, _ := strings.Cut(rest, "-")
		return "pick " + task
	case "FIN":
		return "bring its totes to the pack drop"
	}
	if id, _, ok := transportOf(job); ok {
		return "transport " + id
	}
	return job
}

// markers are the robots on the console's map: those that say where they are.
func (a *Agent) markers() []web.Marker {
	leader := a.otherLeader()
	var out []web.Marker
	for _, s := range a.robotStatus() {
		if !s.Known {
			continue
		}
		r := robotRow(s, leader)
		text := r.Text
		if s.Job != "" {
			text = strings.TrimSuffix(r.Job+". "+text, ". ")
		}
		if s.Code != "" {
			text = s.Code + ": " + text + ". " + s.Action
		}
		out = append(out, web.Marker{Kind: web.MarkerRobot, ID: s.ID, X: s.X, Y: s.Y, State: r.State, Code: r.Code, Alert: r.Bad, Text: text})
	}
	return out
}

// otherLeader is the gateway that leads when this one does not, "" when there
// is none.
func (a *Agent) otherLeader() string {
	if ok, _ := a.store.Quorum(); !ok || a.store.IsLeader() {
		return ""
	}
	for _, p := range a.store.Peers() {
		if p.Leader {
			return p.ID
		}
	}
	return ""
}

// conveyorModes are the modes as people say them; bad ones stand still until
// somebody goes there.
var conveyorModes = map[string]struct {
	word      string
	bad, warn bool
}{
	"":                   {"connected", false, true},
	conveyor.ModeAuto:    {"running", false, false},
	conveyor.ModeManual:  {"run by hand", false, true},
	conveyor.ModeStopped: {"stopped", false, true},
	conveyor.ModeEStop:   {"emergency stop", true, false},
	conveyor.ModeFault:   {"fault", true, false},
}

// conveyorRows are the conveyors of the configuration and those that came
// without being in it.
func conveyorRows(configured []config.Conveyor, heard []conveyor.Status, alone bool) []web.Conveyor {
	var out []web.Conveyor
	for _, c := range configured {
		if !slices.ContainsFunc(heard, func(s conveyor.Status) bool { return s.Device == c.ID }) {
			// One that is connected elsewhere is not seen here.
			row := web.Conveyor{ID: c.ID, State: "never heard of", Bad: true}
			if !alone {
				row.State, row.Bad, row.Warn = "not on this gateway", false, true
			}
			out = append(out, row)
		}
	}
	for _, s := range heard {
		out = append(out, conveyorRow(s, alone))
	}
	slices.SortFunc(out, func(a, b web.Conveyor) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func conveyorRow(s conveyor.Status, alone bool) web.Conveyor {
	mode := conveyorModes[s.Mode]
	row := web.Conveyor{
		ID: s.Device, Heard: true, State: mode.word, Bad: mode.bad, Warn: mode.warn || len(s.Alarms) > 0,
		Since: s.Since, OnBelt: s.OnBelt,
	}
	for _, sec := range s.Sections {
		if s.Mode == conveyor.ModeAuto && (sec.State == conveyor.SectionStopped || sec.State == conveyor.SectionFault) {
			row.State, row.Warn = row.State+", section "+sec.ID+" stands", true
			row.Bad = row.Bad || sec.State == conveyor.SectionFault
		}
	}
	switch {
	case !s.Online && alone:
		row.State, row.Bad = "offline", true
	case !s.Online: // it may have gone to another gateway
		row.State, row.Bad, row.Warn = "not on this gateway", false, true
	case s.Waiting:
		row.State, row.Warn = "asked for its state", true
	}
	if n := len(s.Recent); n > 0 {
		c := s.Recent[n-1]
		row.Last = &web.Carton{Barcode: ssccOf(c.Barcode), Lane: c.Actual, Result: c.Result, At: c.At}
	}
	row.Lanes = laneRows(s)
	for _, f := range s.Faults {
		row.Faults = append(row.Faults, web.MachineFault{Code: f.Code, Text: f.Text, N: f.N, Last: f.Last})
	}
	return row
}

// ssccOf is the number on a label, without what scanners put around it; any
// other code as it is.
func ssccOf(barcode string) string {
	if s, err := gs1.Parse(barcode); err == nil {
		if n, ok := s.SSCC(); ok {
			return n
		}
	}
	return barcode
}

// laneRows are the lanes a conveyor told of and those cartons went to.
func laneRows(s conveyor.Status) []web.Lane {
	lanes := map[string]*web.Lane{}
	get := func(id string) *web.Lane {
		if lanes[id] == nil {
			lanes[id] = &web.Lane{ID: id, Full: -1}
		}
		return lanes[id]
	}
	for _, l := range s.Lanes {
		row := get(l.ID)
		row.Waiting, row.Full, row.Off = l.Count, l.Full, !l.Enabled
	}
	for _, l := range s.ByLane {
		get(l.Lane).Cartons = l.N
	}
	var out []web.Lane
	for _, id := range slices.Sorted(maps.Keys(lanes)) {
		out = append(out, *lanes[id])
	}
	return out
}
