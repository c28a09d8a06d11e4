package agent

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"tote/agent/config"
	"tote/fleet"
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

// robotJobs turns the work of the warehouse into jobs for robots and their
// reports into commands.
type robotJobs struct {
	log    *slog.Logger
	robots map[string]config.Robot
	view   func(fn func(r warehouse.Reader) error) error
	do     func(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error)
	next   func(device string) *warehouse.Step
}

var _ fleet.Holder = (*robotJobs)(nil)

// Next implements fleet.Jobs.
func (j *robotJobs) Next(ctx context.Context, robot string) (fleet.Job, bool, error) {
	if j.picks(robot) {
		return j.nextPick(ctx, robot)
	}
	return j.nextTransport(ctx, robot)
}

// Held implements fleet.Holder: what the robot was given is in the records, so
// any leader can give it back.
func (j *robotJobs) Held(_ context.Context, robot string) (string, bool, error) {
	if j.picks(robot) {
		step := j.next(robotDevice(robot))
		if step == nil || step.Do != warehouse.StepScanBin {
			return "", false, nil
		}
		return pickID(step), true, nil
	}
	open, err := j.transports()
	if err != nil {
		return "", false, err
	}
	if t := onBoard(open, robot); t != nil {
		return transportID(t), true, nil
	}
	return "", false, nil
}

func (j *robotJobs) picks(robot string) bool { return j.robots[robot].Work == "pick" }

func (j *robotJobs) transports() (open []warehouse.Transport, err error) {
	err = j.view(func(r warehouse.Reader) (err error) {
		open, err = warehouse.OpenTransports(r)
		return err
	})
	return open, err
}

// onBoard finds the transport a robot has, nil when it has none.
func onBoard(open []warehouse.Transport, robot string) *warehouse.Transport {
	for i, t := range open {
		if t.Robot == robot && (t.State == warehouse.TransportAssigned || t.State == warehouse.TransportLoaded) {
			return &open[i]
		}
	}
	return nil
}

// nextTransport gives the robot the transport it has, or the oldest nobody has.
func (j *robotJobs) nextTransport(ctx context.Context, robot string) (fleet.Job, bool, error) {
	open, err := j.transports()
	if err != nil {
		return fleet.Job{}, false, err
	}
	if t := onBoard(open, robot); t != nil {
		return transportJob(t), true, nil
	}
	for _, t := range open {
		if t.State != warehouse.TransportRequested {
			continue
		}
		res, err := j.do(ctx, "robot/"+robot, warehouse.AssignTransport{Transport: t.ID, Robot: robot})
		if err != nil {
			return fleet.Job{}, false, err
		}
		if res.OK {
			return transportJob(&t), true, nil
		}
	}
	return fleet.Job{}, false, nil
}

func transportJob(t *warehouse.Transport) fleet.Job {
	load := fleet.Param{Key: "loadId", Value: t.LU}
	job := fleet.Job{ID: transportID(t), Kind: "transport"}
	if t.State != warehouse.TransportLoaded {
		job.Legs = append(job.Legs, fleet.Leg{ID: legPick, Node: nodePackDrop, Action: "pick", Params: []fleet.Param{load}})
	}
	job.Legs = append(job.Legs, fleet.Leg{ID: legDrop, Node: strings.TrimPrefix(t.To, "station/"), Action: "drop", Params: []fleet.Param{load}})
	return job
}

// transportID names the try too, TR000001-2, so that a report of an earlier one
// is told apart.
func transportID(t *warehouse.Transport) string { return t.ID + "-" + strconv.Itoa(t.Try) }

// transportOf takes the id of a transport job apart.
func transportOf(job string) (id string, try int, ok bool) {
	id, n, found := strings.Cut(job, "-")
	try, err := strconv.Atoi(n)
	return id, try, found && err == nil && strings.HasPrefix(id, "TR")
}

// robotDevice is how a picking robot is signed in.
func robotDevice(robot string) string { return "robot:" + robot }

// pickID names the task and the walk it is on: it may be on another one later.
// Ids of batches have no "-".
func pickID(s *warehouse.Step) string { return "PK-" + s.Batch + "-" + s.Task }

// pickOf takes the id of a pick job apart.
func pickOf(job string) (batch, task string, ok bool) {
	rest, is := strings.CutPrefix(job, "PK-")
	batch, task, found := strings.Cut(rest, "-")
	return batch, task, is && found
}

// nextPick asks for work as a person does and gives the step at hand as a job.
func (j *robotJobs) nextPick(ctx context.Context, robot string) (fleet.Job, bool, error) {
	device := robotDevice(robot)
	step := j.next(device)
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
		err := j.view(func(r warehouse.Reader) (err error) {
			bin, err = warehouse.GetBin(r, step.Bin)
			return err
		})
		if err != nil || bin == nil {
			return fleet.Job{}, false, err
		}
		return fleet.Job{ID: pickID(step), Kind: "pick", Legs: []fleet.Leg{{
			ID: step.Task, Node: nodeOfBin(bin), Action: "pick", Params: []fleet.Param{
				{Key: "task", Value: step.Task},
				{Key: "bin", Value: step.Bin},
				{Key: "sku", Value: step.SKU},
				{Key: "lot", Value: step.Lot},
				{Key: "qty", Value: step.Qty},
				{Key: "tote", Value: step.Tote},
			},
		}}}, true, nil
	default:
		return fleet.Job{}, false, nil // waiting for a batch
	}
	res, err := j.do(ctx, "robot/"+robot, ask)
	if err == nil && !res.OK && res.Code != warehouse.CodeWait {
		j.log.Warn("the robot gets no work", "robot", robot, "code", res.Code, "text", res.Text)
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
	for {
		res, err := j.do(ctx, "robot/"+p.Robot, c)
		if err != nil || res.OK {
			return err
		}
		j.log.Warn("a robot's report changed nothing", "robot", p.Robot, "job", p.Job, "state", p.State, "code", res.Code, "text", res.Text)
		// The robot has done something all the same. Without an end of the
		// task it would get it again, and do it again, for ever.
		pick, ok := c.(warehouse.RobotPick)
		if !ok || pick.Outcome == warehouse.PickFailed {
			return nil
		}
		c = unbookable(pick.Worker, pick.Task, res.Code, p.Text)
	}
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
	if batch, task, ok := pickOf(p.Job); ok {
		return j.picked(p, batch, task)
	}
	if p.Leg != legFinish || p.State != fleet.LegDone {
		return nil, nil
	}
	var drop string
	err := j.view(func(r warehouse.Reader) error {
		site, err := warehouse.GetSite(r)
		if site != nil {
			drop = site.PackDrop
		}
		return err
	})
	return warehouse.FinishBatch{Device: robotDevice(p.Robot), Barcode: drop}, err
}

// picked makes a command of what became of a pick: fewer than asked for is a
// short pick, a failed one gives the task back, and so does the failed job of a
// robot that was lost before it began. Nil when the robot is at that task no
// more: it was reported before.
func (j *robotJobs) picked(p fleet.Progress, batch, task string) (warehouse.Command, error) {
	step := j.next(robotDevice(p.Robot))
	if step == nil || step.Batch != batch || step.Task != task {
		return nil, nil
	}
	said, readable := readPick(p.Text)
	switch {
	case p.State == fleet.JobDone:
		return nil, nil // its leg said it all
	case p.State == fleet.LegDone && !readable:
		return unbookable(step.Worker, task, fleet.CodeMalformed, p.Text), nil
	case p.State != fleet.LegDone && strings.Contains(p.Text, "picked=") && (!readable || said.qty != 0):
		return unbookable(step.Worker, task, failure(p.Code), p.Text), nil
	case p.State != fleet.LegDone:
		code := failure(p.Code)
		if p.Text != "" {
			code += ": " + p.Text
		}
		return warehouse.RobotPick{Worker: step.Worker, Task: task, Outcome: warehouse.PickFailed, Code: code}, nil
	}
	c := warehouse.RobotPick{Worker: step.Worker, Task: task, Outcome: warehouse.PickPicked, Qty: said.qty, Tote: said.tote, Lot: said.lot}
	if c.Qty < step.Qty {
		c.Outcome, c.Code = warehouse.PickShort, warehouse.FalloutStockout
	}
	return c, nil
}

func failure(code string) string {
	if code == "" {
		return fleet.CodeAction
	}
	return code
}

// unbookable gives a task back whose goods may have left the bin: a person is
// told what the robot says and decides.
func unbookable(worker, task, code, said string) warehouse.RobotPick {
	if said == "" {
		said = "done, and no word of what it took"
	}
	return warehouse.RobotPick{Worker: worker, Task: task, Outcome: warehouse.PickFailed, Code: code, Said: said}
}

// pickReport is what a robot says of a pick.
type pickReport struct {
	qty       int64
	tote, lot string
}

// readPick reads "picked=3 tote=T0001 lot=L1". How many it picked must be there,
// once; words of the maker's own are left out.
func readPick(text string) (r pickReport, ok bool) {
	for _, f := range strings.Fields(text) {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "picked":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 || ok {
				return pickReport{}, false
			}
			r.qty, ok = n, true
		case "tote":
			r.tote = value
		case "lot":
			r.lot = value
		}
	}
	return r, ok
}
