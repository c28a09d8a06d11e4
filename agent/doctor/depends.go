package doctor

import (
	"slices"
	"strings"

	"tote/agent/backup"
	"tote/agent/health"
)

// dependency: where one of its causes was found, a finding of that check and
// these codes is only what follows from it.
type dependency struct {
	of    string   // a check
	codes []string // of it; none = every code
	on    []string // codes of causes, the nearest first
}

// dependsOn is who depends on whom. What a device has of its own (it is jammed,
// it was renamed) never follows from anything.
var dependsOn = []dependency{
	{"devices", []string{health.CodePortGone}, []string{health.CodeHubGone, health.CodeNoUSBSerial}},
	{"devices", []string{health.CodeDeviceDown}, []string{health.CodeHubGone, health.CodeNoUSBSerial, health.CodePortGone, health.CodeNoNetwork}},
	{"devices", []string{health.CodeHubGone}, []string{health.CodeNoUSBSerial}},
	{"gateways", nil, []string{health.CodeNoNetwork}},
	{"quorum", nil, []string{health.CodeNoNetwork, health.CodeGatewayGone}},
	{"backup", []string{health.CodeBackupOld, backup.CodeSilent}, []string{health.CodeNoNetwork, health.CodeNoQuorum}},
	{"outbox", nil, []string{health.CodeNoNetwork, health.CodeNoQuorum, health.CodeAgentDown}},
	{"mqtt", nil, []string{health.CodeNoNetwork, health.CodeNoQuorum}},
	{"agent", []string{health.CodeNotReady}, []string{health.CodeNoNetwork, health.CodeGatewayGone, health.CodeNoQuorum}},
	{"agent", []string{health.CodeAgentDown}, []string{health.CodeConfigBad, health.CodeSpaceGone}},
}

// alike are codes that are one thing about one device: the port is gone, and the
// agent says the device is absent.
func alike(cause, f Finding) bool {
	return cause.Code != health.CodePortGone || cause.About == f.About
}

// root marks the findings that follow from others.
func root(all []Finding) {
	for i := range all {
		f := &all[i]
		if f.Code == "" {
			continue
		}
		for _, d := range dependsOn {
			if d.of != f.Check || d.codes != nil && !slices.Contains(d.codes, f.Code) {
				continue
			}
			for _, on := range d.on {
				at := slices.IndexFunc(all, func(c Finding) bool { return c.Code == on && reaches(c, *f) && alike(c, *f) })
				if at >= 0 && at != i && f.Because == "" {
					c := all[at]
					f.Because = strings.Join(strings.Fields(c.Check+" "+c.About+" ("+c.Code+")"), " ")
				}
			}
		}
	}
}

// reaches: a device on a cable does not depend on the network, nor a network
// printer on a USB hub.
func reaches(cause, f Finding) bool {
	if f.Check != "devices" {
		return true
	}
	network := strings.HasSuffix(f.Text, onNetwork)
	switch cause.Code {
	case health.CodeNoNetwork:
		return network
	case health.CodeHubGone, health.CodeNoUSBSerial:
		return !network
	}
	return true
}

// onNetwork ends the text of a finding of a device in the network.
const onNetwork = "(in the network)"
