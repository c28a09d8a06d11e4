package agent

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/agent/config"
	"tote/fleet"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// books is the domain in memory, with a picking robot P and a carrier C: three
// Teas in B-1, two Lotions of lot LA in B-3, one order of both.
type books struct {
	t    *testing.T
	tx   *memtx.Tx
	m    warehouse.Meta
	jobs *robotJobs
	down bool // nothing can be recorded
}

func newBooks(t *testing.T) *books {
	t.Helper()
	b := &books{t: t, tx: memtx.New(), m: warehouse.Meta{Now: 1_700_000_000_000, Actor: "test", Level: warehouse.Level}}
	b.jobs = &robotJobs{
		log:    slog.New(slog.DiscardHandler),
		robots: map[string]config.Robot{"P": {ID: "P", Work: "pick", Badge: "ROBOT-1"}, "C": {ID: "C", Work: "transport"}},
		view:   func(fn func(r warehouse.Reader) error) error { return fn(b.tx) },
		do: func(_ context.Context, _ string, c warehouse.Command) (warehouse.Result, error) {
			if b.down {
				return warehouse.Result{}, errors.New("no quorum")
			}
			return b.apply(c), nil
		},
		next: func(device string) *warehouse.Step {
			s, err := warehouse.NextStep(b.tx, device)
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
	}
	for _, c := range []warehouse.Command{
		warehouse.PutSite{Site: warehouse.Site{
			ID: "s1", CompanyPrefix: "9521234", TotePrefix: "T-", LeaseMs: 600_000, CartSlots: 1, PackDrop: "PACKDROP",
			Layout:    warehouse.Layout{Aisles: 2, Cells: 4, CellMm: 1200, EndMm: 1500, PitchMm: 4500},
			Carriers:  []warehouse.Carrier{{Code: "PARCEL", Prefix: "PA", Digits: 8, First: 10000001, Last: 19999999}},
			Transport: warehouse.TransportRobot, PackStations: []string{"pack1"},
		}},
		warehouse.PutItems{Items: []warehouse.Item{
			{SKU: "A1", Name: "Tea", GTIN: "09521234001010", WeightMg: 100_000},
			{SKU: "L1", Name: "Lotion", GTIN: "09521234001034", WeightMg: 80_000, LotTracked: true},
		}},
		warehouse.PutBins{Bins: []warehouse.Bin{{Code: "B-1"}, {Code: "B-3", Aisle: 1, Cell: 2}}},
		warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "W9", Name: "Robot", Badge: "ROBOT-1", Kind: warehouse.WorkerRobot}}},
		warehouse.OpenStock{Rows: []warehouse.StockRow{
			{Bin: "B-1", SKU: "A1", Qty: 3}, {Bin: "B-3", SKU: "L1", Lot: "LA", Expiry: "2046-01-31", Qty: 2},
		}},
		warehouse.ReleaseOrder{Source: "oms/main", Order: warehouse.OrderSpec{
			ID: "O-1", Revision: 1, ShipTo: warehouse.Address{Name: "Eve", Street: "Road 1", Postcode: "1000", City: "Town", Country: "DE"},
			Lines: []warehouse.OrderLine{{Line: 1, SKU: "A1", Qty: 3}, {Line: 2, SKU: "L1", Qty: 2}},
		}},
	} {
		b.ok(c)
	}
	return b
}

func (b *books) apply(c warehouse.Command) warehouse.Result {
	b.t.Helper()
	b.m.Index++
	before := b.tx.Snapshot()
	res, err := warehouse.Apply(b.tx, b.m, c)
	if err != nil {
		b.t.Fatalf("%#v: %v", c, err)
	}
	if !res.OK && !res.Keep {
		b.tx.Rollback(before)
	}
	return res
}

func (b *books) ok(c warehouse.Command) {
	b.t.Helper()
	if res := b.apply(c); !res.OK {
		b.t.Fatalf("%#v: %s %s", c, res.Code, res.Text)
	}
}

// batch gives the picking robot a walk over all open tasks of the order.
func (b *books) batch(id string) {
	b.t.Helper()
	for range 2 { // signs in, asks
		if _, ok, err := b.jobs.Next(b.t.Context(), "P"); ok || err != nil {
			b.t.Fatalf("a job without a batch: %v", err)
		}
	}
	o, err := warehouse.GetOrder(b.tx, "O-1")
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := warehouse.AssignBatch{Batch: id, Worker: "W9", Slots: []warehouse.BatchSlot{{Slot: 1, Order: "O-1"}}}
	for _, l := range o.Lines {
		for _, task := range l.Tasks {
			if t, err := warehouse.GetTask(b.tx, task); err == nil && t.State == warehouse.TaskOpen {
				cmd.Walk = append(cmd.Walk, task)
			}
		}
	}
	b.ok(cmd)
}

// job is the job the robot gets.
func (b *books) job(robot string) fleet.Job {
	b.t.Helper()
	job, ok, err := b.jobs.Next(b.t.Context(), robot)
	if err != nil || !ok {
		b.t.Fatalf("robot %s gets no job: %v", robot, err)
	}
	return job
}

func (b *books) report(p fleet.Progress) {
	b.t.Helper()
	if err := b.jobs.Report(b.t.Context(), p); err != nil {
		b.t.Fatal(err)
	}
}

// fallouts lists the open ones as "code: detail".
func (b *books) fallouts() (out []string) {
	b.t.Helper()
	fs, err := warehouse.Fallouts(b.tx, true)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range fs {
		out = append(out, strings.TrimSuffix(f.Code+": "+f.Detail, ": "))
	}
	return out
}

// TestPickReports: whatever a robot says of a pick, the task is over for it, and
// goods that may have left the bin without being booked are named.
func TestPickReports(t *testing.T) {
	for name, tc := range map[string]struct {
		state, code, text string
		picked            int64
		fallouts          []string
	}{
		"picked":                      {fleet.LegDone, "", "picked=3 tote=T-1", 3, nil},
		"own words":                   {fleet.LegDone, "", "cycle=7s picked=3 tote=T-1 ok", 3, nil},
		"short":                       {fleet.LegDone, "", "picked=2 tote=T-1", 2, []string{"STOCKOUT"}},
		"nothing":                     {fleet.LegDone, "", "picked=0", 0, []string{"STOCKOUT"}},
		"no number":                   {fleet.LegDone, "", "picked=three tote=T-1", 0, []string{`ROBOT_FAILED: ROBOT_MALFORMED: robot W9 says "picked=three tote=T-1"`}},
		"negative":                    {fleet.LegDone, "", "picked=-1 tote=T-1", 0, []string{`ROBOT_FAILED: ROBOT_MALFORMED: robot W9 says "picked=-1 tote=T-1"`}},
		"two numbers":                 {fleet.LegDone, "", "picked=1 picked=2 tote=T-1", 0, []string{`ROBOT_FAILED: ROBOT_MALFORMED: robot W9 says "picked=1 picked=2 tote=T-1"`}},
		"other words":                 {fleet.LegDone, "", "ok", 0, []string{`ROBOT_FAILED: ROBOT_MALFORMED: robot W9 says "ok"`}},
		"no word":                     {fleet.LegDone, "", "", 0, []string{`ROBOT_FAILED: ROBOT_MALFORMED: robot W9 says "done, and no word of what it took"`}},
		"too many":                    {fleet.LegDone, "", "picked=4 tote=T-1", 0, []string{`ROBOT_FAILED: OVER_PICK: robot W9 says "picked=4 tote=T-1"`}},
		"no tote":                     {fleet.LegDone, "", "picked=3", 0, []string{`ROBOT_FAILED: UNKNOWN_TOTE: robot W9 says "picked=3"`}},
		"a box":                       {fleet.LegDone, "", "picked=3 tote=BOX", 0, []string{`ROBOT_FAILED: UNKNOWN_TOTE: robot W9 says "picked=3 tote=BOX"`}},
		"failed":                      {fleet.LegFailed, fleet.CodeAction, "gripper", 0, nil},
		"failed, and says of nothing": {fleet.LegFailed, fleet.CodeAction, "picked=0 jammed", 0, nil},
		"failed with goods":           {fleet.LegFailed, "", "picked=2 tote=T-1 jammed", 0, []string{`ROBOT_FAILED: ROBOT_ACTION: robot W9 says "picked=2 tote=T-1 jammed"`}},
		"lost before it began":        {fleet.JobFailed, fleet.CodeLost, "", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBooks(t)
			b.batch("K1")
			job := b.job("P")
			if job.ID != "PK-K1-O-1/1/1" || job.Legs[0].Node != "a0c0" || job.Legs[0].ID != "O-1/1/1" {
				t.Fatalf("%+v", job)
			}
			p := fleet.Progress{Robot: "P", Job: job.ID, Leg: job.Legs[0].ID, State: tc.state, Code: tc.code, Text: tc.text}
			if tc.state == fleet.JobFailed {
				p.Leg = ""
			}
			b.report(p)
			if next := b.job("P"); next.ID != "PK-K1-O-1/2/2" {
				t.Errorf("then it gets %s", next.ID)
			}
			o, err := warehouse.GetOrder(b.tx, "O-1")
			if err != nil || o.Lines[0].Picked != tc.picked {
				t.Errorf("%d picked, want %d (%v)", o.Lines[0].Picked, tc.picked, err)
			}
			if d := cmp.Diff(tc.fallouts, b.fallouts()); d != "" {
				t.Errorf("fallouts (-want +got):\n%s", d)
			}
			// The same again, after a take-over, and of a walk of before.
			before := b.tx.Digest()
			b.report(p)
			p.State = fleet.JobFailed
			b.report(p)
			p.State, p.Job, p.Leg = fleet.LegDone, "PK-K0-O-1/2/2", "O-1/2/2"
			b.report(p)
			if b.tx.Digest() != before {
				t.Errorf("an echo did something: %v", b.fallouts())
			}
		})
	}
}

// TestRobotThatAlwaysReportsNonsense: it does each task once, puts its cart down
// and gets no work again until a person has looked.
func TestRobotThatAlwaysReportsNonsense(t *testing.T) {
	b := newBooks(t)
	b.batch("K1")
	var did []string
	for range 10 {
		job, ok, err := b.jobs.Next(t.Context(), "P")
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		did = append(did, job.ID)
		text := "picked=2 tote=T-1 lot=LB" // the wrong lot of the second
		if len(did) == 1 {
			text = "beep"
		}
		b.report(fleet.Progress{Robot: "P", Job: job.ID, Leg: job.Legs[0].ID, State: fleet.LegDone, Text: text})
		b.report(fleet.Progress{Robot: "P", Job: job.ID, State: fleet.JobDone})
	}
	if d := cmp.Diff([]string{"PK-K1-O-1/1/1", "PK-K1-O-1/2/2", "FIN-K1"}, did); d != "" {
		t.Errorf("it did (-want +got):\n%s", d)
	}
	want := []string{`ROBOT_FAILED: ROBOT_MALFORMED: robot W9 says "beep"`, `ROBOT_FAILED: WRONG_LOT: robot W9 says "picked=2 tote=T-1 lot=LB"`}
	if d := cmp.Diff(want, b.fallouts()); d != "" {
		t.Errorf("fallouts (-want +got):\n%s", d)
	}
	if pool, err := warehouse.Pool(b.tx, 0); err != nil || len(pool) != 0 {
		t.Errorf("in the pool: %v %v", pool, err)
	}
}

// TestReportThatIsNotRecorded is an error, so that it comes again.
func TestReportThatIsNotRecorded(t *testing.T) {
	b := newBooks(t)
	b.batch("K1")
	job := b.job("P")
	b.down = true
	p := fleet.Progress{Robot: "P", Job: job.ID, Leg: job.Legs[0].ID, State: fleet.LegDone, Text: "picked=3 tote=T-1"}
	if err := b.jobs.Report(t.Context(), p); err == nil {
		t.Error("no error")
	}
	b.down = false
	b.report(p)
	if o, err := warehouse.GetOrder(b.tx, "O-1"); err != nil || o.Lines[0].Picked != 3 {
		t.Errorf("%+v %v", o, err)
	}
}

// TestHeld: what a robot was given is known to the next leader, and given back
// when the robot is lost before it began.
func TestHeld(t *testing.T) {
	b := newBooks(t)
	held := func(robot, want string) {
		t.Helper()
		if job, ok, err := b.jobs.Held(t.Context(), robot); err != nil || job != want || ok != (want != "") {
			t.Errorf("%s holds %q %v %v, want %q", robot, job, ok, err, want)
		}
	}
	before := b.tx.Digest()
	held("P", "")
	held("C", "")
	if b.tx.Digest() != before {
		t.Error("a question signed the robot in")
	}
	b.batch("K1")
	held("P", "PK-K1-O-1/1/1")
	b.report(fleet.Progress{Robot: "P", Job: "PK-K1-O-1/1/1", State: fleet.JobFailed, Code: fleet.CodeLost})
	held("P", "PK-K1-O-1/2/2")
	if task, err := warehouse.GetTask(b.tx, "O-1/1/1"); err != nil || task.State != warehouse.TaskOpen || task.Batch != "" || task.Failed != 1 {
		t.Errorf("%+v %v", task, err)
	}
	b.report(fleet.Progress{Robot: "P", Job: "PK-K1-O-1/2/2", Leg: "O-1/2/2", State: fleet.LegDone, Text: "picked=2 tote=T-1 lot=LA"})
	held("P", "") // what is left is to put the cart down, which nobody can do for it
	b.report(fleet.Progress{Robot: "P", Job: "FIN-K1", Leg: legFinish, State: fleet.LegDone})

	b.batch("K2")
	b.report(fleet.Progress{Robot: "P", Job: "PK-K2-O-1/1/1", Leg: "O-1/1/1", State: fleet.LegDone, Text: "picked=3 tote=T-1"})
	b.report(fleet.Progress{Robot: "P", Job: "FIN-K2", Leg: legFinish, State: fleet.LegDone})
	held("C", "") // asked for, and nobody has it
	job := b.job("C")
	held("C", job.ID)
	held("P", "")
	if job.ID != "TR000001-1" || len(job.Legs) != 2 || job.Legs[1].Node != "pack1" || job.Legs[0].Params[0].Value != "T-1" {
		t.Errorf("%+v", job)
	}
	b.report(fleet.Progress{Robot: "C", Job: job.ID, Leg: legPick, State: fleet.LegDone})
	held("C", job.ID)
	if again := b.job("C"); again.ID != job.ID || len(again.Legs) != 1 || again.Legs[0].ID != legDrop {
		t.Errorf("with the tote on board: %+v", again)
	}
	b.report(fleet.Progress{Robot: "C", Job: job.ID, State: fleet.JobFailed, Code: fleet.CodeLost})
	held("C", "")
	if d := cmp.Diff([]string{"TRANSPORT_FAILED: robot C, transport TR000001: ROBOT_LOST"}, b.fallouts()); d != "" {
		t.Errorf("fallouts (-want +got):\n%s", d)
	}
	b.ok(warehouse.RetryTransport{Transport: "TR000001"})
	// A report of the first try comes late.
	b.report(fleet.Progress{Robot: "C", Job: job.ID, Leg: legDrop, State: fleet.LegDone})
	if job := b.job("C"); job.ID != "TR000001-2" || len(job.Legs) != 2 {
		t.Errorf("the second try: %+v", job)
	}
}
