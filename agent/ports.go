package agent

import (
	"context"
	"sync"
	"time"

	"tote/agent/api"
	"tote/drivers"
	"tote/drivers/serialport"
)

// lookForPorts is how often the list of ports is read. No port is opened for it.
const lookForPorts = 3 * time.Second

// stateUnknown is the state of a device that nobody configured, beside those of
// drivers: it is left alone.
const stateUnknown = "unknown"

// strangers are USB devices with a serial port that the configuration does not
// name, in order of their nodes.
type strangers struct {
	mu   sync.Mutex
	list []stranger
}

type stranger struct {
	port  serialport.Info
	since time.Time
}

func (s *strangers) all() []stranger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

// watchPorts keeps the list of devices that nobody configured. They are told of
// and never opened: a program that tries its luck on a stranger's port may print,
// move or switch something.
func (a *Agent) watchPorts(ctx context.Context) error {
	tick := time.NewTicker(lookForPorts)
	defer tick.Stop()
	for {
		if err := a.lookForStrangers(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *Agent) lookForStrangers() error {
	ports, err := a.opt.Ports()
	if err != nil {
		return err
	}
	a.noteSockets(ports)
	known := map[string]stranger{}
	for _, s := range a.strangers.all() {
		known[s.port.Stable()] = s
	}
	var now []stranger
	fresh := 0
	for _, p := range ports {
		if p.USB == nil || p.Console || a.plugs.names(p) {
			continue
		}
		s, old := known[p.Stable()]
		if !old || *s.port.USB != *p.USB {
			s.since = time.Now()
			fresh++
			a.log.Warn("a device nobody configured is plugged in; it is left alone",
				"port", p.Stable(), "node", p.Node, "usb", p.USB.String(), "code", drivers.CodeUnknown)
		}
		s.port = p
		now = append(now, s)
	}
	a.strangers.mu.Lock()
	changed := fresh > 0 || len(now) != len(a.strangers.list)
	a.strangers.list = now
	a.strangers.mu.Unlock()
	if changed {
		a.changes.kick()
	}
	return nil
}

// noteSockets keeps where the devices of the configuration are plugged in: once one
// is gone nobody can look that up.
func (a *Agent) noteSockets(ports []serialport.Info) {
	a.plugs.mu.Lock()
	defer a.plugs.mu.Unlock()
	a.issues.mu.Lock()
	defer a.issues.mu.Unlock()
	if a.issues.sockets == nil {
		a.issues.sockets = map[string]string{}
	}
	for name, p := range a.plugs.all {
		for _, port := range ports {
			if p.line != nil && port.USB != nil && p.line.Is(port) {
				a.issues.sockets[name] = port.USB.Socket
			}
		}
	}
}

// strangerRow is such a device as scripts and people see it.
func strangerRow(s stranger) api.Device {
	return api.Device{
		Name: s.port.Stable(), Driver: "none", State: stateUnknown, Since: s.since.UTC().Format(time.RFC3339),
		Code: drivers.CodeUnknown, Text: s.port.USB.String() + ": " + drivers.FaultOf(drivers.CodeUnknown).Cause,
		Port: s.port.Stable(), Node: s.port.Node,
	}
}
