package warehouse_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// The whole of a walk: every rule of a person, in one command a task.
func TestRobotPicksAWalk(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "CUP*2", "MILK*5"))
	w.assign("K1", "r1", "O1")
	w.state("O1", OrderReleased)
	lease := seen(GetBatch(w.tx, "K1")).Lease
	w.m.Now += 40_000
	res := w.robotDo("r1", PickPicked, 2, "")
	if !res.OK || res.Ref != "K1" || res.Next == nil || res.Next.Do != StepScanBin || res.Next.SKU != "MILK" || res.Next.Tote != "T-K1-1" {
		t.Fatalf("%+v, next %+v", res, res.Next)
	}
	if now := seen(GetBatch(w.tx, "K1")).Lease; now <= lease {
		t.Errorf("the lease ends at %d, before %d", now, lease)
	}
	w.state("O1", OrderPicking)
	w.wantPlace("T-K1-1", "cart/K1/1")
	w.wantQty("lu/T-K1-1", "CUP", "", 2, 0)
	w.wantQty("bin/A-01", "CUP", "", 8, 0)
	w.invariants()
	w.robotPicks("r1")
	o := w.state("O1", OrderPicked)
	if d := cmp.Diff([]LotQty{{Lot: "L1", Expiry: "2026-02-01", Qty: 4}, {Lot: "L2", Expiry: "2026-03-01", Qty: 1}}, o.Lines[1].Lots); d != "" {
		t.Error(d)
	}
	w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderPicked)
	w.books()
	w.invariants()
}

func TestRobotPickRefusals(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "MILK*3", "CUP*1"))
	w.ok(release("O2", "BAG*1"))
	w.ok(release("O3", "PEN*1"))
	w.ok(release("O4", "PEN*1"))
	w.assign("K2", "w1", "O2")
	w.walkTo("hw1", StepFinish) // tote T-K2-1 is taken by O2
	w.no(RobotPick{Worker: "r1", Task: "O1/1/1", Outcome: PickPicked}, CodeNoWork)
	w.assign("K1", "r1", "O1", "O3")
	good := RobotPick{Worker: "r1", Task: "O1/1/1", Qty: 3, Tote: "T-1", Outcome: PickPicked, Lot: "L1"}
	for _, tt := range []struct {
		name  string
		spoil func(c *RobotPick)
		code  string
	}{
		{"no worker", func(c *RobotPick) { c.Worker = "" }, CodeInvalid},
		{"unknown worker", func(c *RobotPick) { c.Worker = "nobody" }, CodeNotARobot},
		{"a person", func(c *RobotPick) { c.Worker = "w1" }, CodeNotARobot},
		{"another robot", func(c *RobotPick) { c.Worker = "r2" }, CodeNoWork},
		{"no task", func(c *RobotPick) { c.Task = "" }, CodeReplayInvalid},
		{"a later task", func(c *RobotPick) { c.Task = "O1/2/2" }, CodeReplayInvalid},
		{"task of another batch", func(c *RobotPick) { c.Task = "O2/1/1" }, CodeReplayInvalid},
		{"outcome", func(c *RobotPick) { c.Outcome = "lost" }, CodeInvalid},
		{"no outcome", func(c *RobotPick) { c.Outcome = "" }, CodeInvalid},
		{"negative", func(c *RobotPick) { c.Qty = -1 }, CodeInvalid},
		{"too many", func(c *RobotPick) { c.Qty = 4 }, CodeOverPick},
		{"too few", func(c *RobotPick) { c.Qty = 2 }, CodeQtyMissing},
		{"none", func(c *RobotPick) { c.Qty = 0 }, CodeQtyMissing},
		{"other lot", func(c *RobotPick) { c.Lot = "L2" }, CodeWrongLot},
		{"no lot", func(c *RobotPick) { c.Lot = "" }, CodeWrongLot},
		{"no tote", func(c *RobotPick) { c.Tote = "" }, CodeUnknownTote},
		{"a bin for a tote", func(c *RobotPick) { c.Tote = "A-01" }, CodeUnknownTote},
		{"tote in use", func(c *RobotPick) { c.Tote = "T-K2-1" }, CodeToteInUse},
		{"short without a reason", func(c *RobotPick) { c.Outcome, c.Qty = PickShort, 1 }, CodeInvalid},
		{"short for a robot's reason", func(c *RobotPick) { c.Outcome, c.Qty, c.Code = PickShort, 1, "GRIP" }, CodeInvalid},
		{"short of nothing", func(c *RobotPick) { c.Outcome, c.Code = PickShort, FalloutStockout }, CodeInvalid},
		{"short and too many", func(c *RobotPick) { c.Outcome, c.Code, c.Qty = PickShort, FalloutStockout, 4 }, CodeOverPick},
		{"short with another lot", func(c *RobotPick) { c.Outcome, c.Code, c.Qty, c.Lot = PickShort, FalloutStockout, 1, "L2" }, CodeWrongLot},
		{"failed with goods", func(c *RobotPick) { c.Outcome, c.Qty = PickFailed, 1 }, CodeInvalid},
		{"says more", func(c *RobotPick) { c.Said = "picked=3" }, CodeInvalid},
	} {
		c := good
		tt.spoil(&c)
		if res := w.apply(c); res.Code != tt.code {
			t.Errorf("%s: %s (%s), want %s", tt.name, res.Code, res.Text, tt.code)
		}
	}
	w.state("O1", OrderReleased)
	w.ok(good)
	// The same report again, after a take-over.
	before := w.tx.Digest()
	if res := w.ok(good); res.Text != "task O1/1/1 is closed" || w.tx.Digest() != before {
		t.Errorf("the echo did something: %+v", res)
	}
	second := RobotPick{Worker: "r1", Task: "O1/2/2", Qty: 1, Tote: "T-2", Outcome: PickPicked}
	w.no(second, CodeWrongSlot) // T-1 is bound
	second.Tote = "T-1"
	w.ok(second)
	w.no(RobotPick{Worker: "r1", Task: "O3/1/1", Qty: 1, Tote: "T-1", Outcome: PickPicked}, CodeWrongSlot)
	// A person helps with the robot's handheld: what is in hand goes first.
	w.walkTo("hr1", StepScanSlot)
	w.no(RobotPick{Worker: "r1", Task: "O3/1/1", Qty: 1, Tote: "T-3", Outcome: PickPicked}, CodeWrongStep)
	w.no(RobotPick{Worker: "r1", Task: "O3/1/1", Outcome: PickFailed}, CodeWrongStep)
	w.walkTo("hr1", StepAsk)
	w.no(good, CodeNoWork)
	w.books()
	w.invariants()
}

// A bin scanned on the robot's handheld claims nothing ahead for the robot.
func TestRobotProvesEachTask(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "PEN*1"))
	w.ok(release("O2", "PEN*2"))
	w.assign("K1", "r1", "O1", "O2") // both in bin A-02
	w.act("hr1")
	w.state("O1", OrderPicking)
	w.ok(RobotPick{Worker: "r1", Task: "O1/1/1", Qty: 1, Tote: "T-1", Outcome: PickPicked})
	if s := w.step("hr1"); s.Do != StepScanBin || s.Task != "O2/1/1" {
		t.Errorf("%+v", s)
	}
	w.state("O2", OrderReleased)
	w.ok(RobotPick{Worker: "r1", Task: "O2/1/1", Outcome: PickFailed, Code: "GRIP"})
	w.state("O2", OrderReleased)
	w.invariants()
}

// A lot past its date is not picked by robots either.
func TestRobotPickOfExpiredLot(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "MILK*1"))
	w.m.Now += 31 * 24 * 3_600_000 // 2026-02-01
	w.assign("K1", "r1", "O1")
	c := w.robotPick("r1", PickPicked, 1, "")
	w.no(c, FalloutExpired)
	c.Outcome, c.Qty, c.Code = PickShort, 0, FalloutExpired
	w.ok(c)
	if s := w.step("hr1"); s.Lot != "L2" || s.Do != StepScanBin {
		t.Errorf("%+v", s)
	}
	w.robotPicks("r1")
	w.state("O1", OrderPicked)
	w.invariants()
}

// Short of a robot: what is there goes into the tote, the rest comes from
// elsewhere in the same walk, or the line is short.
func TestRobotShortPick(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "CUP*4", "BAG*3"))
	w.assign("K1", "r1", "O1")
	res := w.robotDo("r1", PickShort, 1, FalloutStockout)
	if !res.OK || res.Text != "3 short: 3 elsewhere, 0 nowhere" {
		t.Fatalf("%+v", res)
	}
	w.wantQty("lu/T-K1-1", "CUP", "", 1, 0)
	w.wantQty("bin/A-01", "CUP", "", 9, 0)
	w.wantQty("bin/A-02", "CUP", "", 10, 3)
	w.invariants()
	if res := w.robotDo("r1", PickShort, 0, FalloutDamaged); !res.OK {
		t.Fatalf("%+v", res)
	}
	w.wantFallouts("DAMAGED O1/2")
	w.robotPicks("r1")
	w.state("O1", OrderPicked)
	w.wantQty("lu/T-K1-1", "CUP", "", 4, 0)
	w.ok(RetryOrder{Order: "O1"})
	w.label("pack1", "O1")
	w.books()
	w.invariants()
}

// A task a robot gives back waits in its order, which comes back to the pool
// with its tote when the walk is over; the next worker must use that tote.
func TestGivenBackTaskInASecondBatch(t *testing.T) {
	for _, second := range []string{"r2", "w2"} {
		w := floor(t)
		w.ok(release("O1", "CUP*2", "MILK*1"))
		w.ok(release("O2", "PEN*1"))
		w.assign("K1", "r1", "O1", "O2")
		w.robotDo("r1", PickPicked, 2, "")
		res := w.robotDo("r1", PickFailed, 0, "GRIP\n")
		if !res.OK || res.Text != "given back: GRIP " || res.Next.Order != "O2" {
			t.Fatalf("%+v, next %+v", res, res.Next)
		}
		task := seen(GetTask(w.tx, "O1/2/2"))
		if task.State != TaskOpen || task.Failed != 1 || task.FailedBy != "r1" || task.Batch != "" {
			t.Errorf("%+v", task)
		}
		w.wantQty("bin/B-03", "MILK", "L1", 4, 1) // still reserved
		w.invariants()
		// Nobody else gets it while its tote is on the robot.
		if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
			t.Errorf("in the pool: %+v", pool)
		}
		w.robotPicks("r1")
		w.state("O1", OrderPicking)
		w.state("O2", OrderPicked)
		w.wantPlace("T-K1-1", PlacePackDrop)
		w.wantTrips(true, "TR000001 O2 station/pack1 REQUESTED ")
		w.wantFallouts()
		w.invariants()
		w.no(StartPack{Station: "pack1", Barcode: "T-K1-1"}, CodeNotPicked)
		w.no(CancelOrder{Order: "O1", Source: "oms/main"}, CodeSoftPONR)
		w.no(release("O1", "CUP*9"), CodeConflict)

		if pool := seen(Pool(w.tx, 0)); len(pool) != 1 || pool[0].Spec.ID != "O1" || pool[0].State != OrderPicking {
			t.Fatalf("in the pool: %+v", pool)
		}
		step := w.assign("K2", second, "O1")
		if step.Tote != "T-K1-1" || step.Task != "O1/2/2" {
			t.Fatalf("%+v", step)
		}
		if b := seen(GetBatch(w.tx, "K2")); b.Slots[0].Tote != "T-K1-1" {
			t.Errorf("%+v", b)
		}
		w.wantPlace("T-K1-1", PlacePackDrop) // until the first put proves it was fetched
		w.invariants()
		if second == "r2" {
			c := w.robotPick("r2", PickPicked, 1, "")
			c.Tote = "T-9"
			w.no(c, CodeWrongSlot)
			w.robotDo("r2", PickPicked, 1, "")
		} else {
			w.walkTo("hw2", StepScanSlot)
			w.no(Scan{Device: "hw2", Verb: "slot", Barcode: "T-9"}, CodeWrongSlot)
			w.act("hw2")
		}
		w.wantPlace("T-K1-1", "cart/K2/1")
		w.invariants()
		w.act("h" + second)
		w.state("O1", OrderPicked)
		w.wantPlace("T-K1-1", PlacePackDrop)
		w.wantTrips(true, "TR000001 O2 station/pack1 REQUESTED ", "TR000002 O1 station/pack2 REQUESTED ")
		w.ok(Load{Dock: "d2", Barcode: w.label("pack1", "O1")})
		w.ok(Depart{Dock: "d2"})
		w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderCancelRejected, EvOrderAmendRejected,
			EvOrderPicked, EvOrderPacked, EvOrderLabelled, EvOrderStaged, EvOrderShipped)
		w.wantQty(PlaceCustomer, "MILK", "L1", 1, 0)
		w.books()
		w.invariants()
	}
}

// An order robots got nothing of is as before: it may be cancelled.
func TestGivenBackUntouchedOrder(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "CUP*1"))
	w.assign("K1", "r1", "O1")
	w.robotDo("r1", PickFailed, 0, "GRIP")
	w.state("O1", OrderReleased)
	w.invariants()
	w.ok(FinishBatch{Device: "hr1", Barcode: "DROP"})
	w.invariants()
	if pool := seen(Pool(w.tx, 0)); len(pool) != 1 || pool[0].Tote != "" {
		t.Fatalf("%+v", pool)
	}
	w.assign("K2", "r1", "O1")
	w.robotDo("r1", PickFailed, 0, "GRIP")
	w.wantFallouts("ROBOT_FAILED O1/1")
	w.invariants()
	w.ok(FinishBatch{Device: "hr1", Barcode: "DROP"})
	if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
		t.Fatalf("parked, and in the pool: %+v", pool)
	}
	w.invariants()
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	w.wantFallouts()
	w.wantQty("bin/A-01", "CUP", "", 10, 0)
	w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvFalloutOpened, EvFalloutCleared, EvOrderCancelled)
	w.invariants()
}

// A robot that may hold goods which cannot be booked: nothing moves in the books,
// nobody else picks them before a person has looked, and the fallout names them.
func TestUnbookableReportParksAtOnce(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "CUP*2", "MILK*1"))
	w.assign("K1", "r1", "O1")
	fail := w.robotPick("r1", PickFailed, 0, CodeWrongLot)
	fail.Tote, fail.Lot, fail.Said = "", "", "picked=2 tote=T-9 lot=\x07L7"
	w.ok(fail)
	w.wantFallouts("ROBOT_FAILED O1/1")
	if f := seen(Fallouts(w.tx, true))[0]; f.Detail != `WRONG_LOT: robot r1 says "picked=2 tote=T-9 lot=\aL7"` || f.SKU != "CUP" || f.Bin != "A-01" || f.Qty != 2 {
		t.Errorf("%+v", f)
	}
	w.wantQty("bin/A-01", "CUP", "", 10, 2)
	w.invariants()
	w.robotPicks("r1") // the rest of the walk
	if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
		t.Fatalf("parked, and in the pool: %+v", pool)
	}
	w.ok(RetryOrder{Order: "O1"})
	w.wantFallouts()
	w.pick("K2", "w1", "O1")
	w.state("O1", OrderPicked)
	w.books()
	w.invariants()
}

// The second failure parks the order; a person's retry gives robots two more.
func TestSecondFailureParksTheOrder(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "CUP*2", "MILK*1"))
	for i, robot := range []string{"r1", "r2"} {
		w.assign("K"+string(rune('1'+i)), robot, "O1")
		if i == 0 {
			w.robotDo(robot, PickPicked, 2, "")
		}
		w.robotDo(robot, PickFailed, 0, "GRIP")
		w.no(RetryOrder{Order: "O9"}, CodeUnknownOrder)
		if i == 1 {
			w.no(RetryOrder{Order: "O1"}, CodeHasWork)
		}
		w.ok(FinishBatch{Device: "h" + robot, Barcode: "DROP"})
		w.invariants()
	}
	w.wantFallouts("ROBOT_FAILED O1/2")
	f := seen(Fallouts(w.tx, true))[0]
	if f.Bin != "B-03" || f.SKU != "MILK" || f.Lot != "L1" || f.Qty != 1 || f.Detail != "GRIP" {
		t.Errorf("%+v", f)
	}
	w.wantTrips(false)
	if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
		t.Fatalf("parked, and in the pool: %+v", pool)
	}
	w.ok(RetryOrder{Order: "O1"})
	w.wantFallouts()
	if task := seen(GetTask(w.tx, "O1/2/2")); task.Failed != 0 || task.State != TaskOpen {
		t.Errorf("%+v", task)
	}
	w.invariants()
	w.assign("K3", "r1", "O1")
	w.robotDo("r1", PickFailed, 0, "GRIP")
	w.wantFallouts() // the count began anew
	w.ok(FinishBatch{Device: "hr1", Barcode: "DROP"})
	w.pick("K4", "w1", "O1")
	w.state("O1", OrderPicked)
	w.label("pack1", "O1")
	w.invariants()
	w.books()
}

// Short and given back in one order: the retry sends what can be had.
func TestGivenBackAndShort(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "BAG*5", "CUP*1"))
	w.assign("K1", "r1", "O1")
	w.robotDo("r1", PickShort, 0, FalloutStockout)
	w.robotDo("r1", PickFailed, 0, "GRIP")
	w.ok(FinishBatch{Device: "hr1", Barcode: "DROP"})
	w.state("O1", OrderPicking)
	w.invariants()
	w.ok(RetryOrder{Order: "O1"})
	w.pick("K2", "w1", "O1")
	o := w.state("O1", OrderPicked)
	if o.Lines[0].State != LineShort || o.Lines[1].State != LinePicked {
		t.Errorf("%+v", o.Lines)
	}
	w.invariants()
}

// A batch whose work was all given back, or whose order waits with its tote,
// ends with its lease as any other.
func TestLeaseEndsOfGivenBackOrders(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "CUP*2", "MILK*1"))
	w.ok(release("O2", "PEN*1"))
	w.assign("K1", "r1", "O1")
	w.robotDo("r1", PickPicked, 2, "")
	w.robotDo("r1", PickFailed, 0, "GRIP")
	w.m.Now += 60_000
	w.ok(AdvanceTime{}) // its goods are on the cart: the batch stays
	if b := seen(GetBatch(w.tx, "K1")); b.State != BatchActive {
		t.Fatalf("%+v", b)
	}
	w.invariants()
	w.ok(FinishBatch{Device: "hr1", Barcode: "DROP"})
	// The second batch never begins.
	w.assign("K2", "w1", "O1", "O2")
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	if b := seen(GetBatch(w.tx, "K2")); b.State != BatchReturned {
		t.Fatalf("%+v", b)
	}
	w.invariants()
	if pool := seen(Pool(w.tx, 0)); len(pool) != 2 {
		t.Fatalf("%+v", pool)
	}
	// The third is given back as a whole, then dies.
	w.assign("K3", "r1", "O2")
	w.robotDo("r1", PickFailed, 0, "GRIP")
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	if b := seen(GetBatch(w.tx, "K3")); b.State != BatchReturned {
		t.Fatalf("%+v", b)
	}
	w.invariants()
	w.pick("K4", "w1", "O1", "O2")
	w.state("O1", OrderPicked)
	w.books()
	w.invariants()
}
