package warehouse_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// backs are the put-back tasks there are.
func (w *world) backs() (tasks []FloorTask) {
	w.t.Helper()
	for _, t := range seen(FloorTasks(w.tx, 0)) {
		if t.Kind == FloorPutBack {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// back is a site that takes cancels between the points of no return.
func back(t fataler) *world {
	w := changing(t)
	w.cancels(CancelAccept)
	return w
}

func lotted(item int, lot string) string   { return "]C101" + gtin(item) + "10" + lot }
func serialled(item int, sn string) string { return "]C101" + gtin(item) + "21" + sn }

// pickedFrom is the bin a lot of a line was picked from last.
func (w *world) pickedFrom(order string, line int, lot string) (bin string) {
	w.t.Helper()
	for _, l := range w.order(order).Lines {
		for _, id := range l.Tasks {
			if t := seen(GetTask(w.tx, id)); l.Line == line && t.Lot == lot && t.Picked > 0 {
				bin = t.Bin
			}
		}
	}
	return bin
}

// doBack does the put-back task a device has, to its end.
func (w *world) doBack(device string) {
	w.t.Helper()
	for id := w.step(device).Task; ; {
		switch s := w.step(device); {
		case s.Task != id:
			return
		case s.Do == StepScanUnit:
			w.ok(Scan{Device: device, Verb: "slot", Barcode: s.Tote, Task: id})
		case s.Do == StepScanItem && s.Held == 0:
			w.ok(Scan{Device: device, Verb: "item", Barcode: itemCode(s), Task: id})
		default: // each piece on its own
			w.ok(Scan{Device: device, Verb: "bin", Barcode: strings.TrimPrefix(seen(GetFloorTask(w.tx, id)).To, "bin/"), Task: id})
		}
	}
}

// A cancelled order's goods go back as floor work: each lot to the bin it came
// from, in parts, with nothing lost when nobody goes on.
func TestPutBackTask(t *testing.T) { puttingBack(t) }

func puttingBack(t *testing.T) *world {
	t.Helper()
	w := back(t)
	w.ok(release("O1", "MILK*5", "CUP*2"))
	w.pick("K1", "w1", "O1")
	tote := w.order("O1").Tote
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	w.wantFallouts("PUT_BACK O1/0")
	tasks := w.backs()
	if len(tasks) != 2 || tasks[0].Qty != 5 || tasks[0].From != "lu/"+tote || tasks[0].Order != "O1" || tasks[0].Reason != "cancelled" {
		t.Fatalf("tasks %+v", tasks)
	}
	id := tasks[0].ID
	w.ok(SignIn{Device: "hw2", Badge: "B2"})
	if s := w.ok(ClaimFloor{Device: "hw1", Of: FloorPutBack}).Next; s.Do != StepScanUnit || s.Tote != tote || s.Bin != PlacePackDrop || s.Kind != FloorPutBack {
		t.Fatalf("step %+v", s)
	}
	w.no(ClaimFloor{Device: "hw2", Task: id}, CodeClaimed)
	w.no(Scan{Device: "hw1", Barcode: "T-9"}, CodeWrongBin)
	w.ok(Scan{Device: "hw1", Verb: "slot", Barcode: tote, Task: id})
	lots := w.order("O1").Lines[0].Lots
	if len(lots) != 2 {
		t.Fatalf("lots %+v", lots)
	}
	first, second := lots[0], lots[1]
	// Nobody goes on: the task is in the queue again, and the tote as it was.
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	w.ok(ClaimFloor{Device: "hw2", Task: id})
	w.ok(Scan{Device: "hw2", Barcode: tote})
	w.no(Scan{Device: "hw2", Barcode: gtin(1)}, CodeWrongItem)
	w.no(Scan{Device: "hw2", Barcode: lotted(3, "L9")}, CodeWrongLot)
	w.ok(Scan{Device: "hw2", Barcode: lotted(3, first.Lot)})
	w.no(Scan{Device: "hw2", Barcode: lotted(3, second.Lot)}, CodeWrongLot)
	w.no(Scan{Device: "hw2", Barcode: lotted(3, first.Lot), Qty: first.Qty}, CodeWrongLot)
	w.no(SkipFloor{Device: "hw2", Task: id}, CodeHasWork)
	w.no(PutBack{Order: "O1", Line: 1, Bin: "B-01", Qty: first.Qty, Lot: first.Lot}, CodeClaimed)
	w.invariants()
	home := w.step("hw2")
	if home.Lot != first.Lot || home.Held != 1 {
		t.Fatalf("step %+v", home)
	}
	from := w.pickedFrom("O1", 1, first.Lot)
	if task := seen(GetFloorTask(w.tx, id)); task.To != "bin/"+from {
		t.Fatalf("to %s, it came from %s", task.To, from)
	}
	before, _ := w.qty("bin/"+from, "MILK", first.Lot)
	w.ok(Scan{Device: "hw2", Barcode: from})
	if got, _ := w.qty("bin/"+from, "MILK", first.Lot); got != before+1 {
		t.Fatalf("%d of the lot in %s, want %d", got, from, before+1)
	}
	w.invariants()
	w.ok(SkipFloor{Device: "hw2", Task: id, Reason: "aisle blocked"})
	w.ok(MoveFloor{Task: id, Worker: "w1", Reason: "Ada is nearer"})
	w.doBack("hw1")
	w.ok(ClaimFloor{Device: "hw1", Of: FloorPutBack})
	w.doBack("hw1")
	w.wantFallouts()
	if tasks := w.backs(); len(tasks) != 0 || w.order("O1").Tote != "" {
		t.Fatalf("left: %+v, tote %q", tasks, w.order("O1").Tote)
	}
	w.wantQty("lu/"+tote, "MILK", first.Lot, 0, 0)
	w.invariants()
	w.books()
	return w
}

// The tote of a batch is nobody's put-back until it is put down, and goods in
// hand go back although the line wants them again.
func TestPutBackTaskFollowsTheOrder(t *testing.T) {
	w := back(t)
	w.ok(release("O1", "CUP*4", "PEN*3"))
	w.assign("K1", "w1", "O1")
	for w.order("O1").Lines[0].State != LinePicked {
		w.act("hw1")
	}
	w.ok(revised("O1", 2, "CUP*1", "PEN*3"))
	w.ok(accept("O1", 2))
	w.wantFallouts("PUT_BACK O1/0")
	if tasks := w.backs(); len(tasks) != 0 {
		t.Fatalf("a task for a tote on a cart: %+v", tasks)
	}
	w.walkTo("hw1", StepAsk)
	tote := w.order("O1").Tote
	tasks := w.backs()
	want := []FloorTask{{
		ID: tasks[0].ID, Kind: FloorPutBack, State: TaskOpen, SKU: "CUP", Qty: 3, From: "lu/" + tote, To: "bin/A-01", Order: "O1", Line: 1,
		Reason: "amended", Asked: w.m.Now, Place: tasks[0].Place,
	}}
	if d := cmp.Diff(want, tasks); d != "" {
		t.Fatal(d)
	}
	w.no(EndFloor{Task: tasks[0].ID, Reason: "no"}, CodeConflict)
	w.ok(ClaimFloor{Device: "hw1", Task: tasks[0].ID})
	w.ok(Scan{Device: "hw1", Barcode: tote})
	w.ok(Scan{Device: "hw1", Barcode: gtin(1), Qty: 2})
	// The line wants all four again: two are on their way back.
	w.ok(revised("O1", 3, "CUP*4", "PEN*3"))
	w.ok(accept("O1", 3))
	if l := w.order("O1").Lines[0]; l.PutBack != 2 || l.Qty != 4 || l.State != LineAllocated {
		t.Fatalf("line %+v", l)
	}
	w.no(Unpick{Order: "O1", Line: 1, Bin: "A-02", Qty: 3, Reason: "x"}, CodeNotEnough)
	w.invariants()
	if s := w.step("hw1"); s.Do != StepPutDown || s.Bin != "A-01" {
		t.Fatalf("step %+v", s)
	}
	if s := w.ok(Scan{Device: "hw1", Barcode: "A-01"}).Next; s.Do != StepAsk {
		t.Fatalf("step %+v", s)
	}
	w.wantFallouts()
	w.invariants()
	w.pick("K2", "w1", "O1")
	w.state("O1", OrderPicked)
	w.invariants()
	w.books()
}

// Where goods go back to: where they came from, unless that bin is in doubt, is
// being counted or is for another class; then a bin of their class.
func TestPutBackTaskPlace(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		spoil      func(w *world)
	}{
		{"where it came from", "bin/A-01", func(*world) {}},
		{"in doubt", "bin/B-05", func(w *world) {
			w.ok(release("O2", "CUP*1"))
			w.assign("K2", "w2", "O2")
			w.ok(ShortPick{Device: "hw2", Reason: FalloutDamaged})
		}},
		{"being counted", "bin/B-05", func(w *world) { w.ok(RequestCount{Bin: "A-01", Reason: "cycle"}) }},
		{"for another class", "bin/B-05", func(w *world) {
			w.ok(PutBins{Bins: []Bin{{Code: "A-01", Aisle: 0, Cell: 0, Class: "cold"}}})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := back(t)
			w.ok(PutBins{Bins: []Bin{{Code: "B-05", Aisle: 1, Cell: 4, Class: "dry"}}})
			cup := *seen(GetItem(w.tx, "CUP"))
			cup.Class = "dry"
			w.ok(PutItems{Items: []Item{cup}})
			w.ok(release("O1", "CUP*2"))
			w.pick("K1", "w1", "O1")
			tc.spoil(w)
			w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
			if tasks := w.backs(); len(tasks) != 1 || tasks[0].To != tc.want {
				t.Fatalf("%+v, want it to go to %s", tasks, tc.want)
			}
			w.invariants()
		})
	}
}

// Units with serials of a consignor go back one by one, with their serial and
// owner.
func TestPutBackTaskSerials(t *testing.T) {
	w := back(t)
	w.ok(PutItems{Items: []Item{{SKU: "PHONE", Name: "Phone", GTIN: gtin(9), WeightMg: 1000, Serials: true}}})
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-02", SKU: "PHONE", Serial: "S1", Qty: 1, Owner: "acme"},
		{Bin: "B-02", SKU: "PHONE", Serial: "S2", Qty: 1, Owner: "acme"},
	}})
	cmd := release("O1", "PHONE*2")
	cmd.Order.Owner = "acme"
	w.ok(cmd)
	w.pick("K1", "w1", "O1")
	tote := w.order("O1").Tote
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	w.ok(ClaimFloor{Device: "hw1"})
	w.ok(Scan{Device: "hw1", Barcode: tote})
	w.no(Scan{Device: "hw1", Barcode: gtin(9)}, CodeWrongSerial)
	w.no(Scan{Device: "hw1", Barcode: serialled(9, "S7")}, CodeWrongSerial)
	if s := w.ok(Scan{Device: "hw1", Barcode: serialled(9, "S1")}).Next; s.Do != StepPutDown || s.Serial != "S1" {
		t.Fatalf("step %+v", s)
	}
	w.ok(Scan{Device: "hw1", Barcode: "A-02"})
	w.invariants()
	w.ok(Scan{Device: "hw1", Barcode: serialled(9, "S2")})
	w.ok(Scan{Device: "hw1", Barcode: "B-02"})
	for _, b := range seen(Balances(w.tx, "PHONE")) {
		if b.Qty > 0 && (b.Owner != "acme" || b.Serial == "") {
			t.Errorf("balance %+v", b)
		}
	}
	w.wantFallouts()
	w.invariants()
	w.books()
}

// Below level 4 goods are put back by hand only.
func TestPutBackTaskLevel(t *testing.T) {
	w := back(t)
	w.fallTo(3)
	w.ok(release("O1", "CUP*2"))
	w.pick("K1", "w1", "O1")
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"})
	if tasks := w.backs(); len(tasks) != 0 {
		t.Fatalf("%+v", tasks)
	}
	// The first command of the new level that writes the order makes it.
	w.m.Level = Level
	w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 1})
	if tasks := w.backs(); len(tasks) != 1 || tasks[0].Qty != 1 {
		t.Fatalf("%+v", tasks)
	}
	w.invariants()
	w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 1})
	if tasks := w.backs(); len(tasks) != 0 {
		t.Fatalf("%+v", tasks)
	}
	w.invariants()
}
