// Package topics names the MQTT topics of the device protocol in one place:
//
//	tote/v1/{site}/{class}/{id}/{up|down|state}/{name}
//
// up is written by the device, down by the gateway. state is retained; the
// device writes conn and main there, the gateway everything else. The written
// contract is api/asyncapi.yaml; a test compares it with [Channels].
//
// Pure functions, no goroutines.
package topics

import "strings"

// Root is the first part of every topic. Changing it breaks every device.
const Root = "tote/v1"

// Classes of devices with topics.
const (
	Handheld = "handheld"
	Station  = "station"
	Dock     = "dock"
	Conveyor = "conveyor"
	Light    = "light" // a pick-to-light controller
	// Site is the class of the site itself; its id is the site's.
	Site = "site"
)

// Branches below a device.
const (
	Up    = "up"
	Down  = "down"
	State = "state"
)

// Names below a branch.
const (
	Cmd    = "cmd"    // up: a command (package handheld)
	Result = "result" // down: the answer to a command or to a scan at a station or dock
	Task   = "task"   // state: the one thing the device shows
	Seq    = "seq"    // state: the newest sequence the site knows of the device
	Conn   = "conn"   // state: online or offline, by the device and its last will
	Hint   = "hint"   // state: what stands between the worker and the next step
	Quorum = "quorum" // state of the site: whether anything can be recorded
	Main   = "main"   // state: the state of a conveyor, by itself
	Scan   = "scan"   // up: a carton passed a scanner (package fleet/conveyor, also below)
	Divert = "divert" // up: where a carton went
	Alarm  = "alarm"  // up: something is wrong at the conveyor
	Ack    = "ack"    // up: the answer to a down message; with result, how it came out
	Assign = "assign" // down: where a carton goes
	Sync   = "sync"   // down: tell state/main
	Press  = "press"  // up: the button of a module of a light was pressed
)

// Writers of a channel.
const (
	ByDevice  = "device"
	ByGateway = "gateway"
)

// Channel is one kind of topic with its fixed properties.
type Channel struct {
	Class, Branch, Name string
	QoS                 byte
	Retain              bool
	By                  string // ByDevice or ByGateway
}

// Channels lists every channel of the device protocol.
func Channels() []Channel {
	return []Channel{
		{Handheld, Up, Cmd, 1, false, ByDevice},
		{Handheld, Down, Result, 1, false, ByGateway},
		{Handheld, State, Task, 1, true, ByGateway},
		{Handheld, State, Seq, 1, true, ByGateway},
		{Handheld, State, Conn, 1, true, ByDevice},
		{Station, Down, Result, 1, false, ByGateway},
		{Station, State, Task, 1, true, ByGateway},
		{Station, State, Hint, 1, true, ByGateway},
		{Dock, Down, Result, 1, false, ByGateway},
		{Dock, State, Task, 1, true, ByGateway},
		{Conveyor, Up, Scan, 1, false, ByDevice},
		{Conveyor, Up, Divert, 1, false, ByDevice},
		{Conveyor, Up, Alarm, 1, false, ByDevice},
		{Conveyor, Up, Ack, 1, false, ByDevice},
		{Conveyor, Up, Result, 1, false, ByDevice},
		{Conveyor, Down, Assign, 1, false, ByGateway},
		{Conveyor, Down, Sync, 1, false, ByGateway},
		{Conveyor, State, Main, 1, true, ByDevice},
		{Conveyor, State, Conn, 1, true, ByDevice},
		{Light, Up, Press, 1, false, ByDevice},
		{Light, Down, Result, 1, false, ByGateway},
		{Light, State, Task, 1, true, ByGateway},
		{Light, State, Seq, 1, true, ByGateway},
		{Light, State, Conn, 1, true, ByDevice},
		{Site, State, Quorum, 1, true, ByGateway},
	}
}

// Address is the channel with "{site}" and "{id}" in place of the values, as
// the contract writes it.
func (c Channel) Address() string { return Of("{site}", c.Class, "{id}", c.Branch, c.Name) }

// Of builds a topic, or a filter when "+" or "#" stand in for parts.
func Of(site, class, id, branch, name string) string {
	return strings.Join([]string{Root, site, class, id, branch, name}, "/")
}

// HandheldCmd is where a handheld publishes its commands: QoS 1, not retained.
func HandheldCmd(site, id string) string { return Of(site, Handheld, id, Up, Cmd) }

// HandheldConn is where a handheld says online and its last will offline.
func HandheldConn(site, id string) string { return Of(site, Handheld, id, State, Conn) }

// HandheldSeq is the newest sequence known of a handheld.
func HandheldSeq(site, id string) string { return Of(site, Handheld, id, State, Seq) }

// LightPress is where a pick-to-light controller publishes what was pressed: QoS
// 1, not retained.
func LightPress(site, id string) string { return Of(site, Light, id, Up, Press) }

// DownResult is where answers to a device, station or dock go.
func DownResult(site, class, id string) string { return Of(site, class, id, Down, Result) }

// StateTask is what a device, station or dock shows.
func StateTask(site, class, id string) string { return Of(site, class, id, State, Task) }

// SiteQuorum says whether anything can be recorded; every device may read it.
func SiteQuorum(site string) string { return Of(site, Site, site, State, Quorum) }

// StationHint is the local hint of a station.
func StationHint(site, id string) string { return Of(site, Station, id, State, Hint) }

// ConveyorDown is where a conveyor gets assign and sync: QoS 1, not retained.
func ConveyorDown(site, id, name string) string { return Of(site, Conveyor, id, Down, name) }

// Topic is a topic taken apart.
type Topic struct{ Site, Class, ID, Branch, Name string }

// Parse takes a topic of the device protocol apart; ok is false for any other.
func Parse(topic string) (t Topic, ok bool) {
	rest, ok := strings.CutPrefix(topic, Root+"/")
	if !ok {
		return Topic{}, false
	}
	p := strings.Split(rest, "/")
	if len(p) != 5 {
		return Topic{}, false
	}
	for _, level := range p {
		if level == "" {
			return Topic{}, false
		}
	}
	return Topic{p[0], p[1], p[2], p[3], p[4]}, true
}
