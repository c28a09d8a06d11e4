package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/serialport"
	"tote/drivers/tap"
	"tote/drivers/tcpport"
)

// askTime is how long a device may take to say who it is before its driver gets
// the port all the same.
const askTime = time.Second

// plug is how one device of this gateway is reached.
type plug struct {
	name, driver string
	where        string             // as configured
	line         *serialport.Config // nil in the network and on USB without a serial line
	tap          tap.Tap

	mu    sync.Mutex
	asked bool // since it was plugged in
	id    drivers.Identity
	bad   drivers.Bad
}

// plugs are all of this gateway, by the names of their devices.
type plugs struct {
	mu  sync.Mutex
	all map[string]*plug
}

func (p *plugs) add(one *plug) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[string]*plug{}
	}
	p.all[one.name] = one
}

func (p *plugs) get(name string) *plug {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[name]
}

// names tells whether a port belongs to a device of the configuration.
func (p *plugs) names(port serialport.Info) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.all {
		if one.line != nil && one.line.Is(port) {
			return true
		}
	}
	return false
}

// portOpener reaches a device over the network when it has an address there,
// else over its serial line. What passes can be looked at, and the device is
// asked who it is each time it was plugged in.
func (a *Agent) portOpener(name, driver string, line *config.Serial, address string) (drivers.Opener, error) {
	p := &plug{name: name, driver: driver, where: address}
	row, _ := all.Find(driver)
	var open drivers.Opener
	var err error
	if address != "" {
		open, err = tcpport.Opener(tcpport.Config{Address: address, Port: row.TCPPort, Hold: row.Hold})
	} else {
		cfg := line.Port(name)
		p.line, p.where = &cfg, cfg.Where()
		open, err = serialport.Opener(cfg)
	}
	if err != nil {
		return nil, err
	}
	return a.plugged(p, open), nil
}

// plugged adds to an opener what every device has.
func (a *Agent) plugged(p *plug, open drivers.Opener) drivers.Opener {
	a.plugs.add(p)
	open = p.tap.Wrap(open)
	if row, _ := all.Find(p.driver); row.Ask != nil && !row.Tells {
		open = p.identified(open, row.Ask, a.identified)
	}
	return open
}

// identified asks a device who it is before its driver gets the port.
func (p *plug) identified(open drivers.Opener, ask drivers.Identifier, told func(*plug, drivers.Identity)) drivers.Opener {
	return func(ctx context.Context) (drivers.Port, error) {
		port, err := open(ctx)
		p.mu.Lock()
		if errors.Is(err, drivers.ErrUnplugged) {
			p.asked, p.id, p.bad = false, drivers.Identity{}, drivers.Bad{}
		}
		again := p.asked
		p.asked = p.asked || err == nil
		p.mu.Unlock()
		if err != nil || again {
			return port, err
		}
		limit, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		if id, err := ask(limit, port); err == nil && id.Known() {
			told(p, id)
		}
		// A port that died is the driver's to find; a late answer is nobody's.
		_, _ = drivers.Discard(port)
		return port, nil
	}
}

// tells keeps who a device is when its driver learned it.
func (a *Agent) tells(name string, id drivers.Identity) {
	p := a.plugs.get(name)
	if p == nil || !id.Known() {
		return
	}
	p.mu.Lock()
	known := p.id == id
	p.mu.Unlock()
	if !known {
		a.identified(p, id)
	}
}

// identified keeps who a device is and says when its firmware is known to be bad.
func (a *Agent) identified(p *plug, id drivers.Identity) {
	bad, isBad := a.opt.KnownBad.Find(id)
	p.mu.Lock()
	p.id, p.bad = id, bad
	p.mu.Unlock()
	if isBad {
		a.log.Warn("device with firmware that is known to be bad", "device", p.name, "driver", p.driver,
			"code", drivers.CodeKnownBad, "identity", id.String(), "text", bad.Text, "source", bad.Source)
	} else {
		a.log.Info("device says who it is", "device", p.name, "driver", p.driver, "identity", id.String())
	}
	a.changes.kick()
}

// deviceRow is a device as scripts and people see it.
func (a *Agent) deviceRow(s drivers.Status) api.Device {
	d := api.Device{Name: s.Name, Driver: s.Driver, State: string(s.State), Since: s.Since.UTC().Format(time.RFC3339), Code: s.Code, Text: s.Text}
	p := a.plugs.get(s.Name)
	if p == nil {
		return d
	}
	d.Port = p.where
	if p.line != nil && p.line.Path != "" {
		if node, err := filepath.EvalSymlinks(p.line.Path); err == nil {
			d.Node = node
		}
	} else if p.line != nil {
		if i, err := serialport.Find(os.DirFS("/"), p.line.USB); err == nil {
			d.Node = i.Node
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id.Known() {
		id := p.id
		d.Identity = &id
	}
	if d.Code == "" && p.bad != (drivers.Bad{}) {
		d.Code, d.Text = drivers.CodeKnownBad, fmt.Sprintf("%s: %s (%s)", p.id, p.bad.Text, p.bad.Source)
	}
	return d
}

// trace is what passed lately between a device and its driver.
func (a *Agent) trace(ctx context.Context, name string, after uint64, wait time.Duration) (api.Trace, bool) {
	p := a.plugs.get(name)
	if p == nil {
		return api.Trace{}, false
	}
	chunks, lost := p.tap.Look(ctx, after, wait)
	t := api.Trace{Device: p.name, Driver: p.driver, Lost: lost, Next: after, Chunks: []api.Chunk{}}
	for _, c := range chunks {
		t.Next = c.Seq
		t.Chunks = append(t.Chunks, api.Chunk{
			Seq: c.Seq, At: c.At.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), Dir: c.Dir, Hex: hex.EncodeToString(c.Data), Event: c.Event,
		})
	}
	return t, true
}
