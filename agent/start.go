package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tote/agent/broker"
	"tote/agent/config"
	"tote/agent/identity"
	"tote/agent/projection"
	"tote/agent/topics"
	"tote/picking/dispatch"
	"tote/warehouse"
)

// startParts is the start order, top to bottom; the supervisor stops in the
// opposite order. Devices and the OMS come after the broker: nothing of the
// floor waits for them. Broker and pages do not wait for the state, which may be
// built anew: what is recorded meanwhile waits, and the pages say why.
func (a *Agent) startParts(ctx context.Context) error {
	if err := a.broker.Start(); err != nil {
		return err
	}
	steps := []struct {
		name  string
		start func(ctx context.Context) error
	}{
		{"broker", func(context.Context) error {
			return a.sup.Go("broker", func(ctx context.Context) error {
				<-ctx.Done()
				return a.broker.Close()
			})
		}},
		{"quorum", func(context.Context) error { return a.sup.Go("quorum", a.tellQuorum) }},
		{"http", a.startHTTP},
		{"https", a.startHTTPS},
		{"issues", func(context.Context) error { return a.sup.Go("issues", a.watchIssues) }},
		{"machine", func(context.Context) error { return a.sup.Go("machine", a.watchMachine) }},
		{"memory", func(context.Context) error { return a.sup.Go("memory", giveBack) }},
		{"watchdog", a.startWatchdog},
		{"state", func(ctx context.Context) error { return a.store.WaitRebuilt(ctx) }},
		{"members", func(context.Context) error { a.membersChanged(); return nil }},
		{"images", a.startImages},
		{"projection", func(context.Context) error { return a.sup.Go("projection", a.projector.Run) }},
		{"clerk", func(context.Context) error { return a.sup.Go("clerk", a.clerk.Run) }},
		{"stations", a.startStations},
		{"ports", func(context.Context) error { return a.sup.Go("ports", a.watchPorts) }},
		{"estops", a.startEStops},
		{"lights", a.startLights},
		{"fleet", a.startFleet},
		{"towers", func(context.Context) error { return a.sup.Go("towers", a.watchTowers) }},
		{"backup", a.startBackups},
		{"leader", func(context.Context) error { return a.sup.Go("leader", a.lead) }},
	}
	for _, s := range steps {
		if err := s.start(ctx); err != nil {
			if ctx.Err() != nil || a.store.Err() != nil {
				return nil // asked to stop, or the store stopped: Run says why
			}
			return fmt.Errorf("start %s: %w", s.name, err)
		}
	}
	a.whole.Store(true)
	a.ready.Store(true)
	a.changes.kick()
	if !a.waitQuorum(ctx) {
		return nil // asked to stop, or the store stopped: Run says why
	}
	addrs := Addresses{HTTP: a.http.Addr, MQTT: a.broker.Addrs()}
	if a.https != nil {
		addrs.HTTPS = a.https.Addr
	}
	a.log.Info("gateway ready", "mqtt", strings.Join(addrs.MQTT, " "), "http", addrs.HTTP, "took", time.Since(a.start).Round(time.Millisecond))
	for _, l := range a.cfg.Exposed() {
		a.log.Warn("INSECURE: the network reaches a listener without TLS", "listener", l, "code", identity.CodeExposed)
	}
	if a.opt.Ready != nil {
		a.opt.Ready(addrs)
	}
	return nil
}

// waitQuorum waits until the site can record something. A gateway that starts
// into a site without a quorum serves what it can and goes on waiting.
func (a *Agent) waitQuorum(ctx context.Context) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, _ := a.store.Quorum(); ok {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		case <-a.store.Done():
			return false
		}
	}
}

func (a *Agent) startStations(context.Context) error {
	for _, s := range a.cfg.Stations {
		if err := a.startStation(s); err != nil {
			return fmt.Errorf("station %s: %w", s.ID, err)
		}
	}
	scanned := map[string]func(string){} // scans of a dock, by its id
	for _, d := range a.cfg.Docks {
		var err error
		if scanned[d.ID], err = a.startDock(d); err != nil {
			return fmt.Errorf("dock %s: %w", d.ID, err)
		}
	}
	for _, s := range a.cfg.Sensors {
		if err := a.startSensor(s); err != nil {
			return fmt.Errorf("sensor %s: %w", s.ID, err)
		}
	}
	if err := a.startDoors(a.cfg.Docks, scanned); err != nil {
		return err
	}
	return a.startPlaces()
}

// lead runs what only the leader may do: plan work, speak with the OMS, let
// time pass. It ends and starts again with the leadership.
func (a *Agent) lead(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := a.store.WaitLeader(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if err := a.leadOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (a *Agent) leadOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	plan, err := dispatch.New(dispatch.Config{
		Log: a.log, View: a.view, NewID: cmdID, Kick: a.kickPool,
		Propose: func(ctx context.Context, c warehouse.Command) (warehouse.Result, error) {
			return a.do(ctx, "gateway/"+a.cfg.Gateway, c)
		},
	})
	if err != nil {
		return err
	}
	parts := map[string]func(context.Context) error{"dispatch": plan.Run, "time": a.advanceTime}
	for _, l := range a.links {
		parts[l.name()] = func(ctx context.Context) error {
			a.keepLink(ctx, l)
			return nil
		}
	}
	ended := make(chan error, len(parts))
	for name, run := range parts {
		go func() {
			err := run(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			ended <- err
		}()
	}
	var first error
	watch := time.NewTicker(100 * time.Millisecond)
	defer watch.Stop()
	for left := len(parts); left > 0; {
		select {
		case err := <-ended:
			left--
			if first == nil && err != nil && ctx.Err() == nil {
				first = err
			}
			cancel() // one part ended: all start again together
		case <-watch.C:
			if !a.store.IsLeader() {
				cancel()
			}
		}
	}
	return first
}

// advanceTime proposes what is due by the time of the cluster, and nothing when
// nothing is: an idle site writes nothing. By the clock of this gateway it would
// propose for ever what the cluster does not find due.
func (a *Agent) advanceTime(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		due := false
		err := a.view(func(r warehouse.Reader) error {
			at, ok, err := warehouse.NextDue(r)
			due = ok && at <= a.store.Now().UnixMilli()
			return err
		})
		if err != nil {
			return err
		}
		if !due {
			continue
		}
		if _, err := a.do(ctx, "gateway/"+a.cfg.Gateway, warehouse.AdvanceTime{}); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func (a *Agent) brokerConfig() (broker.Config, error) {
	c := broker.Config{
		Site: a.cfg.Site, Log: a.log, Limits: broker.Limits{MaxClients: a.cfg.MQTT.MaxClients},
		Quorum:    a.quorum,
		Admit:     a.admit,
		Readers:   brokerReaders(a.cfg.ReadersMQTT()),
		Connected: func(dev broker.Device) { a.projector.Connected(dev.Class, dev.ID) },
		Asked:     func(class, id string) { a.projector.Asked(class, id) },
		State: func(dev broker.Device, name string, payload []byte) {
			switch dev.Class {
			case topics.Conveyor:
				a.conveyors.State(dev.ID, name, payload)
			case topics.Light:
				a.lightConn(dev.ID, payload)
			}
		},
	}
	for _, l := range a.cfg.MQTT.Listen {
		bl := broker.Listener{Address: l.Address, Insecure: l.Insecure}
		if l.TLS != nil {
			var err error
			if bl.TLS, err = a.listenerTLS(l.TLS); err != nil {
				return c, fmt.Errorf("mqtt.listen %s: %w", l.Address, err)
			}
		}
		c.Listen = append(c.Listen, bl)
	}
	if a.cfg.MQTT.TokensFile == "" {
		return c, nil
	}
	var err error
	c.Tokens, err = config.LoadTokens(a.cfg.MQTT.TokensFile)
	return c, err
}

func (a *Agent) projectionConfig() projection.Config {
	c := projection.Config{
		Log:  a.log,
		View: a.patiently,
		LastSeq: func(class, id string) (last uint64, err error) {
			err = a.untilAnswered(func() (err error) {
				last, err = a.store.LastSeq(class + "/" + id)
				return err
			})
			return last, err
		},
		Publish: func(class, id, name string, payload []byte) error {
			return a.broker.Publish(topics.Of(a.cfg.Site, class, id, topics.State, name), payload, true, 1)
		},
		Notify: a.notify,
	}
	for _, s := range a.cfg.Stations {
		c.Stations = append(c.Stations, s.ID)
	}
	for _, d := range a.cfg.Docks {
		c.Docks = append(c.Docks, d.ID)
	}
	for _, l := range a.cfg.Lights {
		if c.Lights == nil {
			c.Lights = map[string]map[string]string{}
		}
		c.Lights[l.ID] = l.Bins()
	}
	return c
}

// notify wakes whoever works on what changed.
func (a *Agent) notify(key string) {
	a.changes.kick()
	class, id, _ := strings.Cut(key, "/")
	switch class {
	case "members":
		a.membersChanged()
	case "*": // the whole state may be another one
		a.membersChanged()
		kick(a.kickPool)
		a.kickLinks("")
		a.kickImages()
		a.kickRobots()
		for _, c := range a.stations {
			kick(c)
		}
	case "items":
		a.kickImages()
	case "pool", "worker":
		kick(a.kickPool)
		a.kickRobots() // a picking robot may have got its batch
	case "outbox":
		a.kickLinks(id)
	case "transports":
		a.kickRobots()
	case "station":
		if c := a.stations[id]; c != nil {
			kick(c)
		}
	case "job":
		for _, c := range a.stations {
			kick(c)
		}
	}
}
