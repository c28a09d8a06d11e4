package warehouse_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

func TestSignInMatrix(t *testing.T) {
	w := stocked(t)
	w.no(SignIn{Device: "a/b", Badge: "B1"}, CodeInvalid)
	w.no(SignIn{Device: "", Badge: "B1"}, CodeInvalid)
	for _, badge := range []string{"", "NOPE", "\x00"} {
		if res := w.no(SignIn{Device: "h1", Badge: badge}, CodeUnknownBadge); res.Next.Do != StepSignIn || res.Next.Code != CodeUnknownBadge {
			t.Errorf("%q: next %+v", badge, res.Next)
		}
	}
	for _, c := range []Command{
		SignOut{Device: "h1"},
		AskWork{Device: "h1"},
		Scan{Device: "h1", Barcode: "x"},
		ShortPick{Device: "h1", Reason: FalloutOther},
		FinishBatch{Device: "h1", Barcode: "DROP"},
	} {
		w.no(c, CodeNotSignedIn)
	}
	for _, c := range []Command{SignOut{}, AskWork{}, Scan{Barcode: "x"}, ShortPick{}, FinishBatch{}} {
		w.no(c, CodeInvalid)
	}

	res := w.ok(SignIn{Device: "h1", Badge: "]C0B1"})
	if d := cmp.Diff(&Step{Do: StepAsk, Worker: "w1"}, res.Next); d != "" {
		t.Error(d)
	}
	// The worker moves to another handheld; the old one is signed out.
	res = w.ok(SignIn{Device: "h2", Badge: "B1"})
	if !cmp.Equal(res.Touched, []string{"device/h1", "device/h2", "worker/w1"}) {
		t.Errorf("touched %v", res.Touched)
	}
	if s := w.step("h1"); s.Do != StepSignIn {
		t.Errorf("h1 shows %+v", s)
	}
	// Another worker takes the handheld over.
	w.ok(SignIn{Device: "h2", Badge: "B2"})
	if ws := seen(GetWorkerState(w.tx, "w1")); ws.Device != "" {
		t.Errorf("w1 is still on %s", ws.Device)
	}
	w.ok(SignIn{Device: "h2", Badge: "B2"}) // again: the same
	w.invariants()
	w.ok(SignOut{Device: "h2"})
	w.no(SignOut{Device: "h2"}, CodeNotSignedIn)
	w.invariants()
}

// Work in hand stays with its worker: nobody takes the handheld, the worker may
// change it.
func TestSignInWithWork(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2"))
	step := w.assign("K1", "w1", "O1")
	w.no(SignIn{Device: "hw1", Badge: "B2"}, CodeHasWork)
	w.no(SignOut{Device: "hw1"}, CodeHasWork)
	res := w.no(AskWork{Device: "hw1"}, CodeHasWork)
	if res.Next.Task != step.Task || res.Next.Code != CodeHasWork {
		t.Errorf("next %+v", res.Next)
	}
	res = w.ok(SignIn{Device: "h9", Badge: "B1"})
	if d := cmp.Diff(step, res.Next); d != "" {
		t.Errorf("the work did not come back:\n%s", d)
	}
	w.walkTo("h9", StepAsk)
	w.state("O1", OrderPicked)
	w.invariants()
}

func TestAskWork(t *testing.T) {
	w := stocked(t)
	for i, worker := range []string{"w2", "w1", "w3"} {
		w.m.Now = start + int64(i)
		w.ok(SignIn{Device: "h" + worker, Badge: "B" + worker[1:]})
		res := w.ok(AskWork{Device: "h" + worker})
		if res.Code != CodeWait || res.Next.Do != StepWait {
			t.Errorf("%+v", res)
		}
	}
	w.m.Now = start + 100
	w.ok(AskWork{Device: "hw2"}) // asking again does not lose the place
	order := func() []string {
		var ids []string
		for _, ws := range seen(WaitingWorkers(w.tx)) {
			ids = append(ids, ws.Worker)
		}
		return ids
	}
	if got := order(); !cmp.Equal(got, []string{"w2", "w1", "w3"}) {
		t.Errorf("waiting %v", got)
	}
	w.ok(SignIn{Device: "h9", Badge: "B2"}) // nor does another handheld
	w.ok(SignOut{Device: "hw3"})
	if got := order(); !cmp.Equal(got, []string{"w2", "w1"}) {
		t.Errorf("waiting %v", got)
	}
	if n := len(seen(WorkerStates(w.tx))); n != 3 {
		t.Errorf("%d worker states", n)
	}
	w.invariants()
}

func TestAssignBatchRules(t *testing.T) {
	setup := func(t *testing.T) *world {
		w := stocked(t)
		w.ok(release("O1", "CUP*12"))
		w.ok(release("O2", "PEN*1"))
		w.ok(release("O3", "BAG*9")) // short
		w.ok(SignIn{Device: "h1", Badge: "B1"})
		w.ok(AskWork{Device: "h1"})
		return w
	}
	good := func() AssignBatch {
		return AssignBatch{
			Batch: "K1", Worker: "w1", RouteMm: 5,
			Slots: []BatchSlot{{Slot: 1, Order: "O1"}, {Slot: 3, Order: "O2"}},
			Walk:  []string{"O1/1/2", "O2/1/1", "O1/1/1"},
		}
	}
	for name, tt := range map[string]struct {
		change func(*AssignBatch)
		code   string
	}{
		"batch id":        {func(a *AssignBatch) { a.Batch = "a/b" }, CodeInvalid},
		"worker id":       {func(a *AssignBatch) { a.Worker = "" }, CodeInvalid},
		"no slots":        {func(a *AssignBatch) { a.Slots = nil }, CodeInvalid},
		"cart too small":  {func(a *AssignBatch) { a.Slots = make([]BatchSlot, 4) }, CodeInvalid},
		"slot 0":          {func(a *AssignBatch) { a.Slots[0].Slot = 0 }, CodeInvalid},
		"slot 4":          {func(a *AssignBatch) { a.Slots[0].Slot = 4 }, CodeInvalid},
		"slot twice":      {func(a *AssignBatch) { a.Slots[0].Slot = 3 }, CodeInvalid},
		"order twice":     {func(a *AssignBatch) { a.Slots[0].Order = "O2" }, CodeInvalid},
		"empty walk":      {func(a *AssignBatch) { a.Walk = nil }, CodeInvalid},
		"route":           {func(a *AssignBatch) { a.RouteMm = -1 }, CodeInvalid},
		"unknown worker":  {func(a *AssignBatch) { a.Worker = "w9" }, CodeNotWaiting},
		"idle worker":     {func(a *AssignBatch) { a.Worker = "w2" }, CodeNotWaiting},
		"unknown order":   {func(a *AssignBatch) { a.Slots[0].Order = "O9" }, CodePoolChanged},
		"short order":     {func(a *AssignBatch) { a.Slots[0].Order = "O3" }, CodePoolChanged},
		"unknown task":    {func(a *AssignBatch) { a.Walk[0] = "O1/1/9" }, CodePoolChanged},
		"task twice":      {func(a *AssignBatch) { a.Walk[0] = "O1/1/1" }, CodePoolChanged},
		"task missing":    {func(a *AssignBatch) { a.Walk = a.Walk[:2] }, CodePoolChanged},
		"task of another": {func(a *AssignBatch) { a.Slots = a.Slots[:1] }, CodePoolChanged},
	} {
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			cmd := good()
			tt.change(&cmd)
			w.no(cmd, tt.code)
			w.invariants()
		})
	}
	w := setup(t)
	res := w.ok(good())
	for _, want := range []string{"order/O1", "pool", "device/h1", "batch/K1"} {
		if !slices.Contains(res.Touched, want) {
			t.Errorf("touched %v, not %s", res.Touched, want)
		}
	}
	b := seen(GetBatch(w.tx, "K1"))
	want := &Batch{
		ID: "K1", Worker: "w1", State: BatchActive, Walk: good().Walk, Lease: start + 60_000, RouteMm: 5,
		Slots: []BatchSlot{{Slot: 1, Order: "O1"}, {Slot: 3, Order: "O2"}},
	}
	if d := cmp.Diff(want, b); d != "" {
		t.Error(d)
	}
	if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
		t.Errorf("pool %+v", pool)
	}
	w.no(good(), CodeConflict)
	w.ok(SignIn{Device: "h2", Badge: "B2"})
	w.ok(AskWork{Device: "h2"})
	again := good()
	again.Batch, again.Worker = "K2", "w2"
	w.no(again, CodePoolChanged)
	again.Batch, again.Worker = "K2", "w1"
	w.no(again, CodeNotWaiting)
	// An order of another batch slips in beside a free one.
	w.ok(release("O5", "PEN"))
	w.no(AssignBatch{
		Batch: "K2", Worker: "w2", Slots: []BatchSlot{{Slot: 1, Order: "O5"}, {Slot: 2, Order: "O1"}}, Walk: w.openTasks("O5"),
	}, CodePoolChanged)
	w.invariants()
}

func TestLeaseEndsBeforeTheFirstPick(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2"))
	w.ok(release("O2", "PEN*2"))
	if _, ok, err := NextDue(w.tx); ok || err != nil {
		t.Errorf("due already: %v", err)
	}
	w.assign("K1", "w1", "O1", "O2")
	if at, ok, err := NextDue(w.tx); !ok || err != nil || at != start+60_000 {
		t.Errorf("due at %d %v %v", at, ok, err)
	}
	w.m.Now = start + 59_999
	writes := w.tx.Writes()
	w.ok(AdvanceTime{})
	if w.tx.Writes() != writes {
		t.Error("something happened before its time")
	}
	w.m.Now = start + 60_000
	res := w.ok(AdvanceTime{})
	if !slices.Contains(res.Touched, "device/hw1") || !slices.Contains(res.Touched, "pool") {
		t.Errorf("touched %v", res.Touched)
	}
	if b := seen(GetBatch(w.tx, "K1")); b.State != BatchReturned {
		t.Errorf("batch %+v", b)
	}
	if s := w.step("hw1"); s.Do != StepAsk {
		t.Errorf("step %+v", s)
	}
	w.no(Scan{Device: "hw1", Barcode: "A-01"}, CodeNoWork)
	if pool := seen(Pool(w.tx, 0)); len(pool) != 2 || pool[0].Spec.ID != "O1" {
		t.Errorf("pool %+v", pool)
	}
	w.wantQty("bin/A-01", "CUP", "", 10, 2) // still reserved
	w.invariants()
	w.pick("K2", "w2", "O1", "O2")
	w.state("O2", OrderPicked)
	w.invariants()
}

// What was claimed stays on that cart, the rest goes back to the pool.
func TestLeaseEndsInTheMiddle(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2"))
	w.ok(release("O2", "PEN*2"))
	w.ok(release("O3", "BAG*2"))
	w.assign("K1", "w1", "O2", "O1", "O3")
	w.act("hw1") // O2 claimed
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	w.state("O2", OrderPicking)
	b := seen(GetBatch(w.tx, "K1"))
	if b.State != BatchActive || len(b.Slots) != 1 || len(b.Walk) != 1 || b.Lease != w.m.Now+60_000 || !b.BinOK {
		t.Errorf("batch %+v", b)
	}
	if pool := seen(Pool(w.tx, 0)); len(pool) != 2 {
		t.Errorf("pool %+v", pool)
	}
	w.invariants()
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	if b := seen(GetBatch(w.tx, "K1")); b.Lease != w.m.Now+60_000 {
		t.Errorf("lease %+v", b)
	}
	w.walkTo("hw1", StepAsk)
	w.state("O2", OrderPicked)
	w.invariants()
}

// Work extends the lease, but not at every scan.
func TestLeaseIsExtendedByWork(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*9"))
	w.assign("K1", "w1", "O1")
	due := func() int64 { at, _, _ := NextDue(w.tx); return at - start }
	one := Scan{Device: "hw1", Verb: "item", Barcode: "CUP"}
	w.act("hw1")
	for _, tt := range []struct{ now, due int64 }{
		{1, 60_000}, {30_000, 60_000}, {30_001, 90_001}, {60_001, 90_001}, {60_002, 120_002},
	} {
		w.m.Now = start + tt.now
		w.ok(one)
		if got := due(); got != tt.due {
			t.Errorf("at %d the lease ends at %d, want %d", tt.now, got, tt.due)
		}
	}
	w.m.Now = start + 110_000
	w.no(Scan{Device: "hw1", Verb: "item", Barcode: "PEN"}, CodeWrongItem)
	if due() != 120_002 {
		t.Error("a refused scan extended the lease")
	}
	w.ok(SignIn{Device: "hw1", Badge: "B1"})
	if due() != 170_000 {
		t.Errorf("sign-in: lease ends at %d", due())
	}
	w.invariants()
}
