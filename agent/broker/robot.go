package broker

import "strings"

// Robots speak VDA 5050 on topics of their own,
// {interface}/{major}/{manufacturer}/{serial}/{name}, "uagv/v2/KIT/R1/state".
// The client id "robot:R1" proves the serial, nothing proves the manufacturer:
// serials are unique on a site.
//
// The master of the fleet is no client: whoever commands every robot sits inside
// the gateway and uses a [Link].

// ClassRobot is a robot; its id is the serial.
const ClassRobot = "robot"

// Names of robot topics (VDA 5050 6.3) and who writes them.
var (
	robotWrites = map[string]bool{"state": true, robotConnection: true, "factsheet": true, "visualization": true}
	fleetWrites = map[string]bool{"order": true, "instantActions": true}
)

// robotConnection carries the last will.
const robotConnection = "connection"

// robotTopic takes a robot topic apart.
func robotTopic(topic string) (serial, name string, ok bool) {
	levels := strings.Split(topic, "/")
	if len(levels) != 5 || levels[0] == "tote" || !validID(levels[0]) || !isMajor(levels[1]) {
		return "", "", false
	}
	for _, l := range levels[2:4] {
		if !validID(l) {
			return "", "", false
		}
	}
	return levels[3], levels[4], robotWrites[levels[4]] || fleetWrites[levels[4]]
}

// IsRobotCommand recognises a topic on which the fleet master commands a robot.
func IsRobotCommand(topic string) bool {
	_, name, ok := robotTopic(topic)
	return ok && fleetWrites[name]
}

// IsRobotReport recognises a topic on which a robot reports.
func IsRobotReport(topic string) bool {
	_, name, ok := robotTopic(topic)
	return ok && robotWrites[name]
}

// isMajor recognises the version level: "v2".
func isMajor(s string) bool {
	digits, ok := strings.CutPrefix(s, "v")
	return ok && digits != "" && len(digits) <= 3 && strings.Trim(digits, "0123456789") == ""
}

// robotMayPublish: a robot writes its own reports.
func robotMayPublish(dev Device, topic string) bool {
	serial, name, ok := robotTopic(topic)
	return ok && serial == dev.ID && robotWrites[name]
}

// robotMayRead: a robot reads its own commands.
func robotMayRead(dev Device, filter string) bool {
	serial, name, ok := robotTopic(filter)
	return ok && serial == dev.ID && fleetWrites[name]
}

// robotMayRetain: connection and factsheet are kept for those who come later; a
// kept state or order would be obeyed long after its time.
func robotMayRetain(topic string) bool {
	_, name, ok := robotTopic(topic)
	return ok && (name == robotConnection || name == "factsheet")
}

// maxRobotTopics bounds what robots may have kept: a robot names its interface
// and maker itself, and one that names a new one each time must not fill the
// memory. Two topics for each robot are used; 512 are at most 32 MiB.
const maxRobotTopics = 512

// keepRobot says whether a robot's message is kept for those who come later. What
// is kept already may always be replaced, and an empty message takes it away.
func (b *Broker) keepRobot(topic string, payload []byte) bool {
	if !robotMayRetain(topic) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch _, kept := b.kept[topic]; {
	case len(payload) == 0:
		delete(b.kept, topic)
	case !kept && len(b.kept) >= maxRobotTopics:
		return false
	default:
		b.kept[topic] = struct{}{}
	}
	return true
}
