package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"tote/agent/config"
	"tote/agent/replica"
	"tote/fleet"
	"tote/fleet/intent"
	"tote/warehouse"
)

// Nodes of the fleet's map that the warehouse knows by name: the pack drop, the
// pack stations by their id, and the front of a bin by aisle and cell.
const nodePackDrop = "packdrop"

func nodeOfBin(b *warehouse.Bin) string { return fmt.Sprintf("a%dc%d", b.Aisle, b.Cell) }

// Leg ids of jobs; they come back in reports.
const (
	legPick   = "pick"   // transport: take the tote at the pack drop
	legDrop   = "drop"   // transport: put it down at the pack station
	legFinish = "finish" // picking robot: put the totes down at the pack drop
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
	jobs := &robotJobs{a: a, robots: map[string]config.Robot{}}
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

func (a *Agent) kickRobots() {
	if m := a.robots.Load(); m != nil {
		m.Kick()
	}
}

// robotJobs turns the work of the warehouse into jobs for robots and their
// reports into commands.
type robotJobs struct {
	a      *Agent
	robots map[string]config.Robot
}

// Next implements fleet.Jobs.
func (j *robotJobs) Next(ctx context.Context, robot string) (fleet.Job, bool, error) {
	if j.robots[robot].Work == "pick" {
		return j.nextPick(ctx, robot)
	}
	return j.nextTransport(ctx, robot)
}

// nextTransport gives the robot the transport it has, or the oldest nobody has.
func (j *robotJobs) nextTransport(ctx context.Context, robot string) (fleet.Job, bool, error) {
	var open []warehouse.Transport
	err := j.a.view(func(r warehouse.Reader) (err error) {
		open, err = warehouse.OpenTransports(r)
		return err
	})
	if err != nil {
		return fleet.Job{}, false, err
	}
	for _, t := range open {
		if t.Robot == robot && (t.State == warehouse.TransportAssigned || t.State == warehouse.TransportLoaded) {
			return transportJob(t), true, nil
		}
	}
	for _, t := range open {
		if t.State != warehouse.TransportRequested {
			continue
		}
		res, err := j.a.do(ctx, "robot/"+robot, warehouse.AssignTransport{Transport: t.ID, Robot: robot})
		if err != nil {
			return fleet.Job{}, false, err
		}
		if res.OK {
			return transportJob(t), true, nil
		}
	}
	return fleet.Job{}, false, nil
}

// transportJob names the try, so that a report of an earlier one is told apart.
func transportJob(t warehouse.Transport) fleet.Job {
	load := fleet.Param{Key: "loadId", Value: t.LU}
	job := fleet.Job{ID: t.ID + "-" + strconv.Itoa(t.Try), Kind: "transport"}
	if t.State != warehouse.TransportLoaded {
		job.Legs = append(job.Legs, fleet.Leg{ID: legPick, Node: nodePackDrop, Action: "pick", Params: []fleet.Param{load}})
	}
	job.Legs = append(job.Legs, fleet.Leg{ID: legDrop, Node: strings.TrimPrefix(t.To, "station/"), Action: "drop", Params: []fleet.Param{load}})
	return job
}

// robotDevice is how a picking robot is signed in.
func robotDevice(robot string) string { return "robot:" + robot }

// nextPick asks for work as a person does and gives the step at hand as a job.
func (j *robotJobs) nextPick(ctx context.Context, robot string) (fleet.Job, bool, error) {
	device := robotDevice(robot)
	step := j.a.next(device)
	var ask warehouse.Command
	switch {
	case step == nil:
		return fleet.Job{}, false, nil
	case step.Do == warehouse.StepSignIn:
		ask = warehouse.SignIn{Device: device, Badge: j.robots[robot].Badge}
	case step.Do == warehouse.StepAsk:
		ask = warehouse.AskWork{Device: device}
	case step.Do == warehouse.StepFinish:
		return fleet.Job{ID: "FIN-" + step.Batch, Kind: "pick", Legs: []fleet.Leg{{ID: legFinish, Node: nodePackDrop, Action: "drop"}}}, true, nil
	case step.Do == warehouse.StepScanBin:
		var bin *warehouse.Bin
		err := j.a.view(func(r warehouse.Reader) (err error) {
			bin, err = warehouse.GetBin(r, step.Bin)
			return err
		})
		if err != nil || bin == nil {
			return fleet.Job{}, false, err
		}
		return fleet.Job{ID: "PK-" + step.Batch + "-" + step.Task, Kind: "pick", Legs: []fleet.Leg{{
			ID: step.Task, Node: nodeOfBin(bin), Action: "pick", Params: []fleet.Param{
				{Key: "task", Value: step.Task}, {Key: "bin", Value: step.Bin}, {Key: "sku", Value: step.SKU},
				{Key: "lot", Value: step.Lot}, {Key: "qty", Value: step.Qty}, {Key: "tote", Value: step.Tote},
			},
		}}}, true, nil
	default:
		return fleet.Job{}, false, nil // waiting for a batch
	}
	res, err := j.a.do(ctx, "robot/"+robot, ask)
	if err == nil && !res.OK && res.Code != warehouse.CodeWait {
		j.a.log.Warn("the robot gets no work", "robot", robot, "code", res.Code, "text", res.Text)
	}
	return fleet.Job{}, false, err
}

// Report implements fleet.Jobs. Every report may come twice; the domain takes
// the second as the first.
func (j *robotJobs) Report(ctx context.Context, p fleet.Progress) error {
	c, err := j.command(p)
	if err != nil || c == nil {
		return err
	}
	res, err := j.a.do(ctx, "robot/"+p.Robot, c)
	if err == nil && !res.OK {
		j.a.log.Warn("a robot's report changed nothing", "robot", p.Robot, "job", p.Job, "state", p.State, "code", res.Code, "text", res.Text)
	}
	return err
}

func (j *robotJobs) command(p fleet.Progress) (warehouse.Command, error) {
	if id, try, ok := transportOf(p.Job); ok {
		state := ""
		switch {
		case p.State == fleet.LegDone && p.Leg == legPick:
			state = warehouse.TransportLoaded
		case p.State == fleet.LegDone && p.Leg == legDrop:
			state = warehouse.TransportDelivered
		case p.State == fleet.JobFailed:
			state = warehouse.TransportFailed
		default:
			return nil, nil
		}
		return warehouse.TransportState{Transport: id, Robot: p.Robot, State: state, Code: p.Code, Try: try}, nil
	}
	switch {
	case p.Leg == legFinish && p.State == fleet.LegDone:
		var drop string
		err := j.a.view(func(r warehouse.Reader) error {
			site, err := warehouse.GetSite(r)
			if site != nil {
				drop = site.PackDrop
			}
			return err
		})
		return warehouse.FinishBatch{Device: robotDevice(p.Robot), Barcode: drop}, err
	case strings.HasPrefix(p.Job, "PK-") && (p.State == fleet.LegDone || p.State == fleet.LegFailed):
		return j.picked(p)
	}
	return nil, nil
}

// transportOf takes the id of a transport job apart: TR000001-2.
func transportOf(job string) (id string, try int, ok bool) {
	id, n, found := strings.Cut(job, "-")
	try, err := strconv.Atoi(n)
	return id, try, found && err == nil && strings.HasPrefix(id, "TR")
}

// picked reads what the robot says of a pick: "picked=3 tote=T0001 lot=L1",
// fewer than asked for is a short pick, a failed action gives the task back.
func (j *robotJobs) picked(p fleet.Progress) (warehouse.Command, error) {
	var task *warehouse.Task
	var worker string
	err := j.a.view(func(r warehouse.Reader) (err error) {
		if task, err = warehouse.GetTask(r, p.Leg); err != nil {
			return err
		}
		worker, err = warehouse.WorkerOfDevice(r, robotDevice(p.Robot))
		return err
	})
	if err != nil || task == nil {
		return nil, err
	}
	c := warehouse.RobotPick{Worker: worker, Task: p.Leg, Outcome: warehouse.PickPicked}
	if p.State == fleet.LegFailed {
		c.Outcome, c.Code = warehouse.PickFailed, p.Code
		if c.Code == "" {
			c.Code = "ROBOT_ACTION"
		}
		return c, nil
	}
	for _, f := range strings.Fields(p.Text) {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "picked":
			if c.Qty, err = strconv.ParseInt(value, 10, 64); err != nil {
				return nil, nil // not understood: the task stays, a person looks
			}
		case "tote":
			c.Tote = value
		case "lot":
			c.Lot = value
		}
	}
	if c.Qty < task.Qty {
		c.Outcome, c.Code = warehouse.PickShort, warehouse.FalloutStockout
	}
	return c, nil
}
