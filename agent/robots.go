package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"tote/agent/config"
	"tote/agent/replica"
	"tote/fleet"
	"tote/fleet/intent"
	"tote/warehouse"
)

// startFleet builds the fleet master and its connection to the robots.
func (a *Agent) startFleet(ctx context.Context) error {
	if a.cfg.Fleet == nil {
		return nil
	}
	text, err := os.ReadFile(a.cfg.Fleet.MapFile)
	if err != nil {
		return fmt.Errorf("fleet.map_file: %w", err)
	}
	var m fleet.Map
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("fleet.map_file %s: %w", a.cfg.Fleet.MapFile, err)
	}
	jobs := &robotJobs{log: a.log, robots: map[string]config.Robot{}, view: a.view, do: a.do, next: a.next}
	cfg := fleet.Config{
		Log: a.log, Jobs: jobs, Map: m, NewID: cmdID, Leading: a.store.IsLeader, Changed: a.changes.kick,
		View: func(fn func(r intent.Reader) error) error {
			return a.view(func(r warehouse.Reader) error { return fn(r) })
		},
		Propose: func(ctx context.Context, c intent.Command) (intent.Result, error) {
			kind, version, body, err := intent.Encode(c)
			if err != nil {
				return intent.Result{}, err
			}
			res, err := a.store.DoRaw(ctx, replica.By{ID: newID(), Actor: "fleet/" + a.cfg.Gateway}, kind, version, body)
			return intent.Result{OK: res.OK, Code: res.Code, Text: res.Text, Ref: res.Ref}, err
		},
	}
	for _, r := range a.cfg.Fleet.Robots {
		jobs.robots[r.ID] = r
		cfg.Robots = append(cfg.Robots, fleet.RobotConfig{ID: r.ID, Manufacturer: r.Manufacturer, Serial: r.Serial, Version: r.Version, Park: r.Park})
	}
	own := here{a.broker.Link(), func() relay { return a.relay }}
	if err := a.sup.Go("fleet-link", own.Run); err != nil {
		return err
	}
	cfg.Clients = []fleet.Client{own, a.elsewhere}
	master, err := fleet.New(cfg)
	if err != nil {
		return err
	}
	a.robots.Store(master)
	return a.sup.Go("fleet", master.Run)
}

// onTheMap tells whether robots know a node of that name; true without robots.
func (a *Agent) onTheMap(node string) bool {
	m := a.robots.Load()
	return m == nil || m.Knows(node)
}

func (a *Agent) kickRobots() {
	if m := a.robots.Load(); m != nil {
		m.Kick()
	}
}
