package health

import (
	"slices"
	"strings"

	"tote/agent/backup"
)

// Node is what the table of dependencies wants to know of something that is wrong.
// The doctor makes them of its findings, the agent of its issues.
type Node struct {
	// Kind is the code of this package that says what kind of thing it is; the code
	// people see may be a nearer one, as that of a driver.
	Kind  string
	About string // the device or gateway
	// Over is the way on which a device is reached: OverNetwork, OverBroker, or
	// OverUSB with the socket it is plugged into; "" is a cable of its own. Of a hub
	// it is OverUSB with its own socket, or nothing more when that is not known.
	Over string
}

// The ways to a device.
const (
	OverNetwork = "network"
	OverBroker  = "broker"
	OverUSB     = "usb:" // and the socket, as 1-1.4
)

// dependency: where one of its causes is there, something of this kind is only what
// follows from it.
type dependency struct {
	kind string
	on   []string // kinds of causes, the nearest first
}

// dependsOn is who depends on whom, for the doctor and the agent alike. What a
// device has of its own (it is jammed, it was renamed) never follows from anything.
var dependsOn = []dependency{
	{CodePortGone, []string{CodeHubGone, CodeNoUSBSerial}},
	{CodeDeviceDown, []string{CodeHubGone, CodeNoUSBSerial, CodePortGone, CodeBrokerDown, CodeNoNetwork}},
	{CodeHubGone, []string{CodeNoUSBSerial}},
	{CodeMachineDown, []string{CodeBrokerDown, CodeNoQuorum, CodeNoNetwork}},
	{CodeGatewayGone, []string{CodeNoNetwork}},
	{CodeNoQuorum, []string{CodeNoNetwork, CodeGatewayGone}},
	{CodeOMSDown, []string{CodeNoQuorum, CodeNoNetwork}},
	{CodeOutboxOld, []string{CodeNoNetwork, CodeNoQuorum, CodeOMSDown, CodeAgentDown}},
	{CodeBackupOld, []string{CodeNoNetwork, CodeNoQuorum, backup.CodeSilent}},
	{backup.CodeSilent, []string{CodeNoNetwork, CodeNoQuorum}},
	{CodeMQTTDrops, []string{CodeNoNetwork, CodeNoQuorum, CodeBrokerDown}},
	{CodeNotReady, []string{CodeNoNetwork, CodeGatewayGone, CodeNoQuorum}},
	{CodeAgentDown, []string{CodeConfigBad, CodeSpaceGone}},
	{CodeSyncSlow, []string{CodeDiskWorn}},
	{CodeNoWrite, []string{CodeDiskWorn, CodeSpaceGone}},
	{CodeClockOff, []string{CodeClockNoSync}},
	{CodePartFails, []string{CodeNoQuorum, CodeSpaceGone, CodeBrokerDown}},
}

// Roots tells for each node which other one it follows from; -1 = none, it is a
// cause.
func Roots(all []Node) []int {
	out := make([]int, len(all))
	for i, n := range all {
		out[i] = -1
		at := slices.IndexFunc(dependsOn, func(d dependency) bool { return d.kind == n.Kind })
		if at < 0 {
			continue
		}
		for _, kind := range dependsOn[at].on {
			if c := slices.IndexFunc(all, func(c Node) bool { return c.Kind == kind && reaches(c, n) }); c >= 0 && c != i {
				out[i] = c
				break
			}
		}
	}
	return out
}

// reaches: a device on a cable does not depend on the network, nor a network printer
// on a USB hub, nor a scale on the hub of the next table.
func reaches(cause, n Node) bool {
	if n.Kind != CodeDeviceDown && n.Kind != CodePortGone {
		return true
	}
	socket, onUSB := strings.CutPrefix(n.Over, OverUSB)
	switch cause.Kind {
	case CodeNoNetwork:
		return n.Over == OverNetwork
	case CodeBrokerDown:
		return n.Over == OverBroker
	case CodePortGone: // the port is gone, and the agent says the device is absent
		return cause.About == n.About
	case CodeNoUSBSerial:
		return onUSB
	case CodeHubGone:
		hub := strings.TrimPrefix(cause.Over, OverUSB)
		return onUSB && (hub == "" || below(hub, socket))
	}
	return true
}

// below says that a USB socket belongs to a hub: 1-1.4.2 to 1-1.4 and to 1-1.
func below(hub, socket string) bool { return strings.HasPrefix(socket, hub+".") }

// Hub finds the hub behind which all of the missing sockets are, two at least, and
// none of those that are there; "" = there is none. Hubs of more sockets are two in
// one box, so the one nearest to the machine is meant.
func Hub(missing, there []string) string {
	best, most := "", 1
	for _, m := range missing {
		for hub := m; ; {
			at := strings.LastIndexByte(hub, '.')
			if at < 0 {
				break
			}
			hub = hub[:at]
			n := 0
			for _, other := range missing {
				if below(hub, other) {
					n++
				}
			}
			if n > most && !slices.ContainsFunc(there, func(t string) bool { return below(hub, t) }) {
				best, most = hub, n
			}
		}
	}
	return best
}
