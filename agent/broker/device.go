package broker

import (
	"fmt"
	"strings"
)

// Classes of clients. Display and watch only read.
const (
	ClassHandheld = "handheld"
	ClassStation  = "station"
	ClassDock     = "dock"
	// ClassConveyor is a conveyor or sorter; it has the rights of a device.
	ClassConveyor = "conveyor"
	// ClassLight is a pick-to-light controller; it has the rights of a device.
	ClassLight = "light"
	// ClassDisplay shows a station or dock: "display:pack1" reads the state
	// and down branches of station/pack1 and dock/pack1.
	ClassDisplay = "display"
	// ClassWatch reads everything of the site; on loopback listeners only.
	ClassWatch = "watch"
	// ClassReader is an RFID reader with topics of its own, see [Reader]. It
	// is no class of a client id: readers choose theirs.
	ClassReader = "reader"
)

// Branches of a device's topics.
const (
	branchUp    = "up"    // written by the device
	branchDown  = "down"  // written by the gateway
	branchState = "state" // retained; conn by the device, main by a conveyor, the rest by the gateway
)

// Names in the state branch that the device itself writes.
const (
	stateConn = "conn"
	stateMain = "main"
)

// Device is who a client speaks for.
type Device struct{ Class, ID string }

// String is the client id, "{class}:{id}".
func (d Device) String() string { return d.Class + ":" + d.ID }

// parseClientID reads "{class}:{id}".
func parseClientID(s string) (Device, error) {
	class, id, ok := strings.Cut(s, ":")
	if !ok || !validID(id) {
		return Device{}, fmt.Errorf("%w: client id %.80q: want class:id of A-Z a-z 0-9 _ . -", ErrRefused, s)
	}
	switch class {
	case ClassHandheld, ClassStation, ClassDock, ClassConveyor, ClassLight, ClassDisplay, ClassWatch, ClassRobot:
		return Device{class, id}, nil
	}
	return Device{}, fmt.Errorf("%w: client id %.80q: unknown class", ErrRefused, s)
}

// validID allows 1 to 64 of A-Z a-z 0-9 _ . -
func validID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return true
}

// below cuts what device dev has below its own branch out of a topic or
// filter, "up/cmd" from ".../handheld/h1/up/cmd".
func below(site, topic string, class, id string) (string, bool) {
	return strings.CutPrefix(topic, "tote/v1/"+site+"/"+class+"/"+id+"/")
}

// placeOf is the one station or dock whose state a filter means.
func placeOf(site, filter string) (class, id string, ok bool) {
	rest, _ := strings.CutPrefix(filter, "tote/v1/"+site+"/")
	p := strings.SplitN(rest, "/", 4)
	if len(p) != 4 || p[0] != ClassStation && p[0] != ClassDock || !validID(p[1]) || p[2] != branchState {
		return "", "", false
	}
	return p[0], p[1], true
}

// quorumTopic is what every device may read: whether anything can be recorded.
func quorumTopic(site string) string { return "tote/v1/" + site + "/site/" + site + "/state/quorum" }

// mayPublish is the write side of the rights: own up/{name}, own state/conn, and
// of a conveyor state/main. What stands retained in a state topic is believed by
// whoever reads it, and nobody reads a main of the others.
func mayPublish(site string, dev Device, topic string) bool {
	switch dev.Class {
	case ClassDisplay, ClassWatch:
		return false
	case ClassRobot:
		return robotMayPublish(dev, topic)
	}
	rest, ok := below(site, topic, dev.Class, dev.ID)
	if !ok {
		return false
	}
	branch, name, _ := strings.Cut(rest, "/")
	switch branch {
	case branchUp:
		return validID(name)
	case branchState:
		return name == stateConn || name == stateMain && dev.Class == ClassConveyor
	}
	return false
}

// mayRead is the read side: filter is a subscription or the topic of a message
// to deliver. A device reads its own down and state branches, and whether the
// site has a quorum.
func mayRead(site string, dev Device, filter string) bool {
	own := func(class string) bool {
		rest, ok := below(site, filter, class, dev.ID)
		if !ok {
			return false
		}
		branch, _, more := strings.Cut(rest, "/")
		return more && (branch == branchDown || branch == branchState)
	}
	if filter == quorumTopic(site) {
		return dev.Class != ClassRobot
	}
	switch dev.Class {
	case ClassWatch:
		return strings.HasPrefix(filter, "tote/v1/"+site+"/")
	case ClassDisplay:
		return own(ClassStation) || own(ClassDock)
	case ClassRobot:
		return robotMayRead(dev, filter)
	}
	return own(dev.Class)
}
