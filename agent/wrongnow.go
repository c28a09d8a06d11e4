package agent

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/agent/broker"
	"tote/agent/doctor"
	"tote/agent/health"
	"tote/agent/identity"
	"tote/agent/supervise"
	"tote/drivers"
	"tote/drivers/all"
	"tote/fleet"
	"tote/warehouse"
)

// dropsShown is how long a client that was too slow is told of.
const dropsShown = 5 * time.Minute

// oldOutbox is the age of an event for the OMS that a person should know of.
const oldOutbox = time.Hour

// failsOften is how many times a part has failed when a person should know.
const failsOften = 3

// wrongNow gathers what is wrong at this moment, from what the parts say of
// themselves. It waits for nothing.
func (a *Agent) wrongNow(ctx context.Context, now time.Time) []health.Seen {
	var out []health.Seen
	add := func(kind, about, over, code, level, text string, since time.Time) {
		out = append(out, health.Seen{Node: health.Node{Kind: kind, About: about, Over: over}, Code: code, Level: level, Text: text, Since: since})
	}
	disk := a.store.Disk()
	a.issues.mu.Lock()
	for _, s := range a.issues.machine {
		space := s.Kind == health.CodeSpaceShort || s.Kind == health.CodeSpaceGone
		switch {
		case space && disk != nil && disk.Code != "": // the store says more of it
		case s.Kind == health.CodeNoUSBSerial && len(a.issues.sockets) > 0: // there was one, so there is a driver
		default:
			out = append(out, s)
		}
	}
	a.issues.mu.Unlock()
	if ok, since := a.quorum(); !ok && a.store.Rebuilding() == nil {
		add(health.CodeNoQuorum, "", "", "", health.LevelBroken, noQuorum, since)
	}
	for _, p := range a.store.Peers() {
		if p.ID != a.cfg.Gateway && !p.Up {
			add(health.CodeGatewayGone, p.ID, "", "", health.LevelWarning, p.ID+" is not heard", p.LastContact)
		}
	}
	if d := disk; d != nil && d.Code != "" {
		level := health.LevelWarning
		if d.Level == "red" || d.Level == "black" {
			level = health.LevelBroken
		}
		add(d.Code, "disk", "", "", level, cmp.Or(d.Text, fmt.Sprintf("%d MB free", d.Free>>20)), time.Time{})
	}
	if b := a.backupStatus(); b != nil && b.Code != "" {
		add(b.Code, "backup", "", "", health.LevelWarning, strings.TrimPrefix(b.Text, b.Code+": "), time.Time{})
	}
	for _, l := range a.cfg.Exposed() {
		add(identity.CodeExposed, l, "", "", health.LevelWarning, "no TLS, and the network reaches it", time.Time{})
	}
	for _, e := range a.ending() {
		add(e.Code, e.About, "", "", health.LevelWarning, e.Text, time.Time{})
	}
	if a.brokerStuck(ctx, now) {
		add(health.CodeBrokerDown, "", "", "", health.LevelBroken, "the broker does not move", time.Time{})
	}
	stats := a.broker.Stats()
	for _, t := range stats.Twice {
		add(t.Code, t.Device, "", "", health.LevelWarning, t.Text, t.Since)
	}
	if at := a.lastDrop(now, stats); now.Sub(at) < dropsShown {
		add(health.CodeMQTTDrops, "", "", "", health.LevelWarning, "a client was too slow in the last minutes, or a message was not heard", at)
	}
	if a.whole.Load() {
		out = append(out, a.wrongDevices()...)
		out = append(out, a.wrongMachines()...)
		out = append(out, a.wrongLinks(now)...)
		out = append(out, a.wrongParts()...)
	}
	if slices.ContainsFunc(out, overNetwork) {
		if up, err := doctor.This().Networked(); err == nil && !up {
			add(health.CodeNoNetwork, "", "", "", health.LevelBroken, "no interface but loopback is up", time.Time{})
		}
	}
	return out
}

// overNetwork: what may follow from the network being down.
func overNetwork(s health.Seen) bool {
	return s.Over == health.OverNetwork || slices.Contains([]string{health.CodeGatewayGone, health.CodeNoQuorum, health.CodeOMSDown}, s.Kind)
}

// lastDrop is when the broker last had to cut somebody off.
func (a *Agent) lastDrop(now time.Time, s broker.Stats) time.Time {
	a.issues.mu.Lock()
	defer a.issues.mu.Unlock()
	if n := s.Dropped + s.Unheard; n > a.issues.drops {
		a.issues.drops, a.issues.dropped = n, now
	}
	return a.issues.dropped
}

// wrongDevices are the devices of this gateway, and the hub they hang on.
func (a *Agent) wrongDevices() (out []health.Seen) {
	gone, there := map[string]string{}, map[string]string{}
	for _, d := range a.devices {
		s := d.status()
		socket, usb := a.usbSocket(s.Name)
		over := ""
		switch p := a.plugs.get(s.Name); {
		case usb:
			over = health.OverUSB + socket
		case p != nil && p.line == nil && p.where != "" && p.where[0] != '/':
			over = health.OverNetwork
		case p == nil && overBroker(s.Driver):
			over = health.OverBroker
		}
		if s.State == drivers.Absent && usb {
			gone[s.Name] = socket
		} else if usb && socket != "" {
			there[s.Name] = socket
		}
		one, wrong := wrongDevice(s)
		if wrong {
			one.Over = over
			out = append(out, one)
		}
	}
	return append(out, hub(gone, there)...)
}

// overBroker: a device of this driver speaks through the broker.
func overBroker(driver string) bool {
	row, ok := all.Find(driver)
	return ok && row.MQTT || driver == "mqtt-light"
}

// wrongDevice is what is wrong with a device by its own word. One that is there and
// has a fault of its own depends on nothing.
func wrongDevice(s drivers.Status) (health.Seen, bool) {
	one := health.Seen{
		Node: health.Node{Kind: health.CodeDeviceDown, About: s.Name}, Code: s.Code, Level: health.LevelWarning,
		Text: cmp.Or(s.Text, "the device is "+string(s.State)), Since: s.Since,
	}
	switch {
	case s.State == drivers.Ready && s.Code == "", s.State == drivers.Degraded && s.Code == "":
		return one, false
	case s.State == drivers.Opening:
		one.Still = true
	case s.State != drivers.Absent:
		one.Kind = s.Code
	}
	return one, true
}

// wrongMachines are robots and conveyors that need a person.
func (a *Agent) wrongMachines() (out []health.Seen) {
	leader := a.otherLeader()
	for _, s := range a.robotStatus() {
		r := robotRow(s, leader)
		if !r.Bad || r.Code == "" {
			continue
		}
		kind := r.Code
		if s.State == fleet.StateLost || s.State == fleet.StateAbsent {
			kind = health.CodeMachineDown
		}
		out = append(out, health.Seen{
			Node: health.Node{Kind: kind, About: "robot " + r.ID, Over: health.OverBroker}, Code: r.Code,
			Level: health.LevelWarning, Text: cmp.Or(r.Text, r.State), Since: r.Since,
		})
	}
	for _, c := range conveyorRows(a.cfg.Conveyors, a.conveyors.Status(), a.cfg.Alone()) {
		if c.Bad {
			out = append(out, health.Seen{
				Node:  health.Node{Kind: health.CodeMachineDown, About: "conveyor " + c.ID, Over: health.OverBroker},
				Level: health.LevelWarning, Text: c.State, Since: c.Since,
			})
		}
	}
	return out
}

// wrongLinks are the OMSs that do not answer, and what waits for them.
func (a *Agent) wrongLinks(now time.Time) (out []health.Seen) {
	var oldest time.Time
	for _, l := range a.links {
		name := cmp.Or(l.upstream, "default")
		if s := l.status(); s != nil && !s.Connected && s.Code != "" {
			out = append(out, health.Seen{
				Node: health.Node{Kind: health.CodeOMSDown, About: "OMS " + name}, Code: s.Code, Level: health.LevelWarning,
				Text: "the link to the OMS " + name + " is down", Since: s.Since,
			})
		}
		err := a.view(func(r warehouse.Reader) error {
			n, at, err := warehouse.OutboxDepth(r, warehouse.StreamOf(l.upstream))
			if t := time.UnixMilli(at); err == nil && n > 0 && (oldest.IsZero() || t.Before(oldest)) {
				oldest = t
			}
			return err
		})
		if err != nil {
			return out // there is no state to read now
		}
	}
	if !oldest.IsZero() && now.Sub(oldest) > oldOutbox {
		out = append(out, health.Seen{
			Node: health.Node{Kind: health.CodeOutboxOld}, Level: health.LevelWarning,
			Text: "events have waited for the OMS for more than an hour", Since: oldest.Add(oldOutbox),
		})
	}
	return out
}

// wrongParts are those that fail again and again. Devices tell of themselves.
func (a *Agent) wrongParts() (out []health.Seen) {
	for _, p := range a.sup.Status() {
		isDevice := slices.ContainsFunc(a.devices, func(d device) bool { return d.status().Name == p.Name })
		if p.State == supervise.Waiting && p.Restarts >= failsOften && !isDevice && p.Err != nil {
			out = append(out, health.Seen{
				Node: health.Node{Kind: health.CodePartFails, About: p.Name}, Level: health.LevelWarning,
				Text: fmt.Sprintf("%s failed %d times: %v", p.Name, p.Restarts+1, p.Err), Since: p.Since,
			})
		}
	}
	return out
}
