package warehouse_test

import (
	"slices"
	"testing"

	. "tote/warehouse"
)

// leading is a day on which leads take back what was done too far, and work
// changes hands.
func leading(t *testing.T) *world {
	w := changing(t)
	w.m.Actor = "lead"
	w.ok(release("O1", "CUP*2", "PEN*3"))
	w.pick("K1", "w1", "O1")
	w.ok(Unpick{Order: "O1", Line: 1, Bin: "A-03", Qty: 1, Reason: "scratched"})
	w.assign("K2", "w1", "O1")
	w.act("hw1")
	w.ok(HandOver{Device: "hw1", Badge: "B2"})
	w.ok(ReassignBatch{Batch: "K2", Worker: "w3", Reason: "end of shift"})
	w.ok(ForceRelease{Batch: "K2", Reason: "gone home"})
	w.pick("K3", "w1", "O1")
	sscc := w.label("pack1", "O1")
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Unload{Parcel: sscc, Reason: "leaks"})
	w.no(Unpack{Order: "O1", Tote: "T-9", Reason: "leaks"}, CodeHardPONR)
	w.ok(Unpack{Order: "O1", Tote: "T-9", Supervisor: true, Reason: "leaks"})
	w.ok(Load{Dock: "d1", Barcode: w.label("pack2", "O1")})
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	w.books()
	return w
}

func (w *world) decided() (acts []string) {
	w.t.Helper()
	list, _, err := Decisions(w.tx, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range list {
		if d.Actor != "lead" || d.Detail == "" || d.At == 0 {
			w.t.Fatalf("decision %+v", d)
		}
		acts = append(acts, d.Act)
	}
	return acts
}

// Every act of a lead is a move with reason and actor, a row in the log of
// decisions and an event; what was taken back is told again.
func TestLeadsTakeBack(t *testing.T) {
	w := leading(t)
	if got, want := w.decided(), []string{"Unpick", "ReassignBatch", "ForceRelease", "Unload", "Unpack"}; !slices.Equal(got, want) {
		t.Errorf("decisions %v, want %v", got, want)
	}
	w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderPicked, EvOrderUnpicked, EvOrderPicked,
		EvOrderPacked, EvOrderLabelled, EvOrderStaged, EvOrderUnloaded, EvOrderUnpacked,
		EvOrderPacked, EvOrderLabelled, EvOrderStaged, EvOrderShipped)
	var first, second string
	for _, e := range w.events() {
		switch e.Type {
		case EvOrderUnpicked:
			if d := e.Data; d.State != string(OrderPicking) || d.Line != 1 || d.SKU != "CUP" || d.Qty != 1 || d.Bin != "A-03" || d.Text != "scratched" || d.Lines[0].Picked != 1 {
				t.Errorf("unpicked %+v", d)
			}
		case EvOrderPacked:
			first, second = second, e.Data.Parcels[0].SSCC
		case EvOrderUnloaded:
			if d := e.Data; d.State != string(OrderLabelled) || d.Text != "leaks" || len(d.Parcels) != 1 || d.Parcels[0].Dock != "" {
				t.Errorf("unloaded %+v", d)
			}
		case EvOrderUnpacked:
			if d := e.Data; d.State != string(OrderPicked) || d.Text != "leaks" || len(d.Voided) != 1 || d.Voided[0].SSCC != second {
				t.Errorf("unpacked %+v", d)
			}
		}
	}
	if first == "" || first == second {
		t.Errorf("the carton of a void label has the number %q, the new one %q", first, second)
	}
	if j := seen(GetJob(w.tx, first)); j.State != JobVoid || j.Detail != "leaks" {
		t.Errorf("job %+v", j)
	}
	if lu := seen(GetLU(w.tx, first)); lu.Order != "" {
		t.Errorf("the empty carton %+v", lu)
	}
	i := slices.IndexFunc(seen(Moves(w.tx)), func(m Move) bool { return m.Reason == "Unpick" })
	if m := seen(Moves(w.tx))[i]; m.To != "bin/A-03" || m.Qty != 1 || m.Actor != "lead" {
		t.Errorf("move %+v", m)
	}
	w.wantQty(PlaceCustomer, "CUP", "", 2, 0)
	w.no(LabelOutcome{Job: first, Outcome: JobPrinted}, CodeLabelState)
	w.no(Load{Dock: "d1", Barcode: first}, CodeUnknownSSCC)
}

// What the leads may not do changes nothing; apply looks at that.
func TestLeadsActsRefused(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "CUP*2", "MILK*2"))
	w.ok(release("O2", "PEN"))
	unpick := Unpick{Order: "O1", Line: 1, Bin: "A-01", Qty: 1, Reason: "x"}
	unpack := Unpack{Order: "O2", Tote: "T-9", Reason: "x"}
	w.no(unpick, CodeNotPicked)
	w.no(unpack, CodeNotPacked)
	w.pick("K1", "w1", "O1")
	w.pick("K2", "w1", "O2")
	for name, tt := range map[string]struct {
		change func(*Unpick)
		code   string
	}{
		"reason":   {func(c *Unpick) { c.Reason = "" }, CodeInvalid},
		"order":    {func(c *Unpick) { c.Order = "O9" }, CodeUnknownOrder},
		"line":     {func(c *Unpick) { c.Line = 9 }, CodeInvalid},
		"none":     {func(c *Unpick) { c.Qty = 0 }, CodeInvalid},
		"too much": {func(c *Unpick) { c.Qty = 3 }, CodeNotEnough},
		"bad bin":  {func(c *Unpick) { c.Bin = "a/b" }, CodeUnknownBin},
		"no bin":   {func(c *Unpick) { c.Bin = "Z-99" }, CodeUnknownBin},
		"lot":      {func(c *Unpick) { c.Line, c.Lot = 2, "L9" }, CodeWrongLot},
		"no lot":   {func(c *Unpick) { c.Line = 2 }, CodeWrongLot},
	} {
		c := unpick
		tt.change(&c)
		t.Run(name, func(*testing.T) { w.no(c, tt.code) })
	}
	trip := seen(OpenTransports(w.tx))[0]
	w.ok(AssignTransport{Transport: trip.ID, Robot: "C1"})
	w.no(unpick, CodeRobotBusy)

	w.ok(StartPack{Station: "pack1", Barcode: "T-K2-1"})
	w.no(unpack, CodeNotPacked)
	sscc := w.weigh("pack1")
	for code, c := range map[string]Unpack{
		CodeInvalid:     {Order: "O2", Tote: "T-9", Reason: "a\x01"},
		CodeUnknownTote: {Order: "O2", Tote: "X-9", Reason: "x"},
		CodeToteInUse:   {Order: "O2", Tote: "T-K1-1", Reason: "x"},
	} {
		w.no(c, code)
	}
	w.ok(LabelSent{Job: sscc})
	w.no(unpack, CodeHardPONR)
	unpack.Supervisor = true
	w.no(unpack, CodeLabelState) // the bytes are on their way
	w.no(Unload{Parcel: sscc, Reason: "x"}, CodeNotLoaded)
	w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
	w.ok(Load{Dock: "d2", Barcode: sscc})
	w.no(unpack, CodeNotPacked) // STAGED
	for code, c := range map[string]Unload{
		CodeUnknownSSCC: {Parcel: "T-9", Reason: "x"},
		CodeInvalid:     {Parcel: sscc, To: "a/b", Reason: "x"},
	} {
		w.no(c, code)
	}
	w.no(Unload{Parcel: "106141411234567897", Reason: "x"}, CodeUnknownSSCC)
	w.no(Unload{Parcel: "\x00", Reason: "x"}, CodeUnknownSSCC)
	w.no(Unload{Parcel: sscc}, CodeInvalid)
	w.ok(Depart{Dock: "d2"})
	w.no(Unload{Parcel: sscc, Reason: "x"}, CodeNotLoaded)
	w.invariants()
}

// A carton on a belt, with fallouts of its label: all of that is gone with it.
func TestUnpackEndsWhatBelongsToTheCarton(t *testing.T) {
	w := floor(t)
	sscc := w.labelled("CUP*2")[0]
	w.ok(Induct{Conveyor: "c1", Barcode: sscc, Expires: w.m.Now + 1000})
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(sscc)[:1]}, FalloutRFIDMissing)
	w.ok(Unpack{Order: "P1", Tote: "T-9", Supervisor: true, Reason: "open it"})
	w.wantFallouts()
	w.state("P1", OrderPicked)
	w.no(Divert{Conveyor: "c1", Barcode: sscc, Lane: "L1"}, CodeUnknownSSCC)
	w.invariants()
	// A label that failed, at a bench that waits for it.
	w.ok(StartPack{Station: "pack1", Barcode: "T-9"})
	again := w.weigh("pack1")
	w.ok(LabelSent{Job: again})
	w.ok(LabelOutcome{Job: again, Outcome: JobFailed})
	w.ok(Unpack{Order: "P1", Tote: "T-8", Supervisor: true, Reason: "another carton"})
	w.wantFallouts()
	if st := seen(GetStation(w.tx, "pack1")); st.Step != StepScanTote {
		t.Errorf("station %+v", st)
	}
	w.no(Reprint{Job: again}, CodeLabelState)
	w.invariants()
	w.books()
}

// The whole line, out of the only tote: the order begins anew, and what cannot
// be found again is short.
func TestUnpickEverything(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2"))
	w.pick("K1", "w1", "O1")
	w.ok(Unpick{Order: "O1", Line: 1, Bin: "A-01", Qty: 2, Reason: "wrong customer"})
	o := w.state("O1", OrderPicking) // planned again, in the tote it has
	if pool := seen(Pool(w.tx, 0)); len(pool) != 1 || o.Tote != "T-K1-1" {
		t.Fatalf("pool %+v, tote %q", pool, o.Tote)
	}
	w.pick("K2", "w1", "O1")
	w.state("O1", OrderPicked)
	// A lot that nobody may sell any more is not planned again.
	w.ok(release("O2", "MILK*4"))
	w.pick("K3", "w1", "O2")
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-05", SKU: "CUP", Qty: 1}}})
	w.m.Now += 100 * 24 * 60 * minute
	w.ok(Unpick{Order: "O2", Line: 1, Bin: "B-04", Qty: 4, Lot: "L1", Reason: "out of date"})
	if o := w.state("O2", OrderShortWaiting); o.Tote != "" || o.Lines[0].State != LineShort {
		t.Fatalf("order %+v", o)
	}
	w.wantFallouts("OUT_OF_STOCK O2/1")
	w.wantQty("bin/B-04", "MILK", "L1", 4, 0)
	if lu := seen(GetLU(w.tx, "T-K3-1")); lu.Order != "" {
		t.Errorf("tote %+v", lu)
	}
	w.invariants()
	w.books()
}

// In a batch that runs, what was unpicked is appended to the walk.
func TestUnpickOnTheCart(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2", "PEN*3"))
	w.assign("K1", "w1", "O1")
	for w.order("O1").Lines[0].Picked == 0 {
		w.act("hw1")
	}
	w.ok(Unpick{Order: "O1", Line: 1, Bin: "A-05", Qty: 2, Reason: "dirty"})
	w.invariants()
	w.walkTo("hw1", StepAsk)
	w.state("O1", OrderPicked)
	w.wantQty("lu/T-K1-1", "CUP", "", 2, 0)
	w.wantEvents("O1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderUnpicked, EvOrderPicked)
}

// Figures count what was picked, put back and picked again once.
func TestFiguresOfUnpick(t *testing.T) {
	w := stocked(t)
	s := testSite()
	s.Figures = true
	w.ok(PutSite{Site: s})
	w.ok(release("O1", "CUP*2"))
	w.pick("K1", "w1", "O1")
	w.ok(Unpick{Order: "O1", Line: 1, Bin: "A-05", Qty: 1, Reason: "dirty"})
	w.pick("K2", "w1", "O1")
	var again []bool
	for _, e := range w.events() {
		if e.Type == EvOrderPicked {
			again = append(again, e.Data.Facts.Again)
		}
	}
	if !slices.Equal(again, []bool{false, true}) {
		t.Errorf("picked %v", again)
	}
	w.invariants()
}

// row 92: one batch has one worker; it changes hands with everything in it.
func TestWorkChangesHandsRow92(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2", "PEN*3"))
	w.ok(release("O2", "BAG"))
	w.assign("K1", "w1", "O1")
	w.walkTo("hw1", StepScanSlot) // with goods in hand
	w.ok(SignIn{Device: "hw2", Badge: "B2"})
	w.ok(AskWork{Device: "hw2"})
	w.ok(HandOver{Device: "hw1", Badge: "B2", Task: w.step("hw1").Task})
	w.invariants()
	if s := w.step("hw1"); s.Do != StepAsk {
		t.Errorf("who gave it away is to %s", s.Do)
	}
	if s := w.step("hw2"); s.Do != StepScanBin || s.Batch != "K1" { // scanned anew
		t.Errorf("who took it is to %+v", s)
	}
	w.no(Scan{Device: "hw1", Barcode: "T-1"}, CodeNoWork)
	w.no(ReassignBatch{Batch: "K1", Worker: "w2", Reason: "x"}, CodeHasWork)
	w.no(ReassignBatch{Batch: "K1", Worker: "w9", Reason: "x"}, CodeInvalid)
	w.no(ReassignBatch{Batch: "K1", Worker: "w3"}, CodeInvalid)
	w.no(ReassignBatch{Batch: "K9", Worker: "w3", Reason: "x"}, CodeUnknownBatch)
	w.no(ReassignBatch{Batch: "", Worker: "w3", Reason: "x"}, CodeUnknownBatch)
	w.ok(ReassignBatch{Batch: "K1", Worker: "w3", Reason: "x"}) // signs in later
	w.ok(SignIn{Device: "hw3", Badge: "B3"})
	if s := w.step("hw3"); s.Batch != "K1" {
		t.Errorf("who comes has %+v", s)
	}
	w.walkTo("hw3", StepAsk)
	w.state("O1", OrderPicked)
	w.no(ReassignBatch{Batch: "K1", Worker: "w2", Reason: "x"}, CodeUnknownBatch)
	w.no(HandOver{Device: "hw1", Badge: "B2"}, CodeNoWork)
	w.no(HandOver{Device: "hw1", Badge: "B9"}, CodeUnknownBadge)
	w.no(HandOver{Device: "hw1", Badge: "\x00"}, CodeUnknownBadge)
	w.no(HandOver{Device: "h9", Badge: "B2"}, CodeNotSignedIn)
	w.invariants()
	// A floor task goes the same way; what was in hand stays where it was.
	w.ok(AskMove{SKU: "CUP", Qty: 2, From: "A-01"})
	id := w.ok(ClaimFloor{Device: "hw1"}).Ref
	w.act("hw1")
	w.ok(Scan{Device: "hw1", Barcode: "CUP"})
	w.no(HandOver{Device: "hw1", Badge: "B1"}, CodeHasWork) // oneself
	w.no(HandOver{Device: "hw1", Badge: "B2", Task: "K9"}, CodeReplayInvalid)
	w.ok(HandOver{Device: "hw1", Badge: "B2", Task: id})
	if s := w.step("hw2"); s.Task != id || s.Do != StepScanBin {
		t.Errorf("who took it is to %+v", s)
	}
	w.invariants()
	w.books()
}

// A robot is its own cart.
func TestRobotsBatchesStay(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "CUP*2", "PEN"))
	w.assign("K1", "r1", "O1")
	w.no(ReassignBatch{Batch: "K1", Worker: "w1", Reason: "x"}, CodeInvalid)
	w.robotDo("r1", PickPicked, 2, "")
	w.ok(release("O2", "BAG"))
	w.assign("K2", "w1", "O2")
	w.no(ReassignBatch{Batch: "K2", Worker: "r2", Reason: "x"}, CodeInvalid)
	w.no(ForceRelease{Batch: "K9", Reason: "x"}, CodeUnknownBatch)
	w.no(ForceRelease{Batch: "K1"}, CodeInvalid)
	w.ok(ForceRelease{Batch: "K1", Reason: "broken down"})
	w.invariants()
	if o := w.state("O1", OrderPicking); o.Batch != "" || seen(GetLU(w.tx, o.Tote)).Place != PlacePackDrop {
		t.Errorf("order %+v", o)
	}
	w.ok(SignIn{Device: "hw2", Badge: "B2"})
	w.pick("K3", "w2", "O1")
	w.state("O1", OrderPicked)
	w.books()
}

// Everything a batch may hold when its worker goes: an order not begun, one
// with a task in hand, one that is whole, one of which nothing was found and one
// that was cancelled on the cart.
func TestForceRelease(t *testing.T) {
	w := changing(t)
	s := testSite()
	s.CartSlots, s.Changes = 5, &ChangeRules{}
	w.ok(PutSite{Site: s})
	for i, l := range []string{"CUP", "CUP", "BAG*5", "PEN", "PEN"} {
		w.ok(release(orderIDs[i], l))
	}
	w.assign("K1", "w1", orderIDs[:5]...)
	for w.order("O2").Tote == "" {
		w.act("hw1")
	}
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	w.walkTo("hw1", StepScanSlot)
	w.invariants()
	w.ok(ForceRelease{Batch: "K1", Reason: "gone home"})
	w.invariants()
	w.state("O1", OrderCancelled)
	w.state("O2", OrderPicked)
	w.state("O3", OrderPicking)
	w.wantFallouts("STOCKOUT O3/1", "PUT_BACK O1/0")
	w.state("O4", OrderPicking)
	w.state("O5", OrderReleased)
	if s := w.step("hw1"); s.Do != StepAsk {
		t.Errorf("the worker is to %+v", s)
	}
	w.pick("K2", "w2", "O4", "O5")
	w.state("O4", OrderPicked)
	w.state("O5", OrderPicked)
	w.invariants()
	w.books()
}

// An order that begins anew leaves the lines alone that were cancelled; a log of
// before does what it did.
func TestBeginAnewLeavesCancelledLines(t *testing.T) {
	for level, want := range map[uint16]string{2: LineShort, 3: LineCancelled} {
		w := changing(t)
		w.ok(release("O1", "CUP*2", "BAG"))
		w.assign("K1", "w1", "O1")
		w.act("hw1")
		w.ok(revised("O1", 2, "CUP*2"))
		w.ok(accept("O1", 2))
		for w.step("hw1").Do != StepFinish {
			w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
		}
		w.act("hw1")
		w.ok(AdjustStock{Place: "bin/B-01", SKU: "BAG", Qty: -5, Reason: ReasonMissing})
		w.m.Level = level
		w.apply(RetryOrder{Order: "O1"})
		if l := w.order("O1").Lines[1]; l.State != want {
			t.Errorf("level %d: line %+v", level, l)
		}
	}
}
