package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	"tote/gs1"
	. "tote/warehouse"
)

// The floor of the tests: robots carry totes and pick, a conveyor sorts by
// carrier, dock d1 has a portal. Cups and pens carry tags.
func floorSite() Site {
	s := testSite()
	s.Transport, s.PackStations = TransportRobot, []string{"pack1", "pack2"}
	s.Lanes = []Lane{{ID: "L1", Carrier: "FAST", Dock: "d2"}, {ID: "L2", Carrier: "POST", Dock: "d1"}, {ID: "REST"}}
	s.DefaultLane, s.Portals = "REST", []string{"d1"}
	return s
}

func floorItems() []Item {
	items := testItems()
	items[0].Tagged, items[1].Tagged = true, true
	return items
}

func floor(t fataler) *world {
	w := stocked(t)
	w.ok(PutSite{Site: floorSite()})
	w.ok(PutItems{Items: floorItems()})
	w.ok(PutWorkers{Workers: []Worker{
		{ID: "r1", Name: "Robot 1", Badge: "RB1", Kind: WorkerRobot}, {ID: "r2", Name: "Robot 2", Badge: "RB2", Kind: WorkerRobot},
	}})
	return w
}

// trips lists the transports as "id order state robot", in the order of age.
func (w *world) trips(openOnly bool) []string {
	w.t.Helper()
	var out []string
	for _, t := range seen(Transports(w.tx, openOnly)) {
		out = append(out, fmt.Sprintf("%s %s %s %s %s", t.ID, t.Order, t.To, t.State, t.Robot))
	}
	return out
}

func (w *world) wantTrips(openOnly bool, want ...string) {
	w.t.Helper()
	if got := w.trips(openOnly); !slices.Equal(got, want) {
		w.t.Fatalf("transports:\n got %q\nwant %q", got, want)
	}
}

func (w *world) wantPlace(lu, place string) {
	w.t.Helper()
	if u := seen(GetLU(w.tx, lu)); u == nil || u.Place != place {
		w.t.Fatalf("%s stands in %+v, want %s", lu, u, place)
	}
}

// robotDo reports what became of the current task of a robot that is signed in
// on h<worker>.
func (w *world) robotDo(worker, outcome string, qty int64, code string) Result {
	w.t.Helper()
	return w.apply(w.robotPick(worker, outcome, qty, code))
}

func (w *world) robotPick(worker, outcome string, qty int64, code string) RobotPick {
	w.t.Helper()
	s := w.step("h" + worker)
	if s.Do != StepScanBin {
		w.t.Fatalf("robot %s has nothing to pick: %+v", worker, s)
	}
	tote := s.Tote
	if tote == "" {
		tote = fmt.Sprintf("T-%s-%d", s.Batch, s.Slot)
	}
	return RobotPick{Worker: worker, Task: s.Task, Qty: qty, Tote: tote, Outcome: outcome, Code: code, Lot: s.Lot}
}

// robotPicks reports every task of the walk as picked and puts the totes down.
func (w *world) robotPicks(worker string) {
	w.t.Helper()
	for s := w.step("h" + worker); s.Do == StepScanBin; s = w.step("h" + worker) {
		if res := w.robotDo(worker, PickPicked, s.Qty, ""); !res.OK {
			w.t.Fatalf("%+v", res)
		}
	}
	w.ok(FinishBatch{Device: "h" + worker, Barcode: "DROP"})
}

// carried takes the oldest open transport to its pack station by robot C1.
func (w *world) carried(id string) {
	w.t.Helper()
	w.ok(AssignTransport{Transport: id, Robot: "C1"})
	w.ok(TransportState{Transport: id, Robot: "C1", State: TransportLoaded})
	w.ok(TransportState{Transport: id, Robot: "C1", State: TransportDelivered})
}

// epcs are the tags of a parcel: its own and those of its tagged units.
func (w *world) epcs(sscc string) []string {
	w.t.Helper()
	own, err := gs1.EncodeSSCC96(7, sscc, gs1.FilterCase)
	if err != nil {
		w.t.Fatal(err)
	}
	out := []string{own}
	for _, row := range seen(Contents(w.tx, LUPlace(sscc))) {
		it := seen(GetItem(w.tx, row.SKU))
		for n := range row.Qty {
			if it.Tagged {
				out = append(out, w.tag(it.GTIN, sscc[8:], int(n)))
			}
		}
	}
	return out
}

// tag is one unit of an item; owner keeps the serials of two parcels apart.
func (w *world) tag(gtin, owner string, n int) string {
	w.t.Helper()
	var serial int64
	fmt.Sscan("1"+owner[max(0, len(owner)-6):], &serial)
	digits, err := gs1.EncodeSGTIN96(7, gtin, fmt.Sprint(serial*1000+int64(n)), gs1.FilterItem)
	if err != nil {
		w.t.Fatal(err)
	}
	return digits
}

// labelled brings orders of one line each through to a printed label and
// returns their SSCCs.
func (w *world) labelled(lines ...string) []string {
	w.t.Helper()
	var out []string
	for i, l := range lines {
		id := fmt.Sprintf("P%d", i+1)
		w.ok(release(id, l))
		w.pick("K"+id, "w1", id)
		out = append(out, w.label("pack1", id))
	}
	return out
}

func TestFloorRules(t *testing.T) {
	w := floor(t)
	for name, spoil := range map[string]func(s *Site){
		"transport":             func(s *Site) { s.Transport = "people" },
		"robots without a goal": func(s *Site) { s.PackStations = nil },
		"station id":            func(s *Site) { s.PackStations[1] = "a/b" },
		"station twice":         func(s *Site) { s.PackStations[1] = "pack1" },
		"portal id":             func(s *Site) { s.Portals[0] = "" },
		"portal twice":          func(s *Site) { s.Portals = []string{"d1", "d1"} },
		"lane id":               func(s *Site) { s.Lanes[0].ID = "a/b" },
		"lane twice":            func(s *Site) { s.Lanes[0].ID = "L2" },
		"lane of no carrier":    func(s *Site) { s.Lanes[0].Carrier = "NOPE" },
		"lane to no dock":       func(s *Site) { s.Lanes[0].Dock = "a/b" },
		"no default lane":       func(s *Site) { s.DefaultLane = "" },
		"unknown default lane":  func(s *Site) { s.DefaultLane = "L9" },
		"default without lanes": func(s *Site) { s.Lanes = nil },
		"too many portals": func(s *Site) {
			for i := range 101 {
				s.Portals = append(s.Portals, fmt.Sprint("x", i))
			}
		},
	} {
		s := floorSite()
		spoil(&s)
		if res := w.apply(PutSite{Site: s}); res.Code != CodeInvalid {
			t.Errorf("%s: %+v", name, res)
		}
	}
	w.no(PutItems{Items: []Item{{SKU: "X", Name: "X", WeightMg: 1, Tagged: true}}}, CodeInvalid)
	w.no(PutWorkers{Workers: []Worker{{ID: "x", Name: "X", Badge: "XX", Kind: "dog"}}}, CodeInvalid)
	for id, want := range map[string]string{"r1": WorkerRobot, "w1": "", "nobody": ""} {
		if got := seen(WorkerKind(w.tx, id)); got != want {
			t.Errorf("%s is a %q", id, got)
		}
	}
	w.invariants()
}

// A whole day with everything that moves by itself, for the golden log.
func automated(t *testing.T) *world {
	w := floor(t)
	tick := func() { w.m.Now += 1000 }
	w.ok(release("O1", "CUP*2", "MILK*2"))
	w.ok(release("O2", "PEN*3"))
	express := release("O3", "BAG*2", "CUP*1")
	express.Order.Method = "express"
	w.ok(express)
	tick()
	// O1 loses its milk to a second batch.
	w.assign("K1", "r1", "O1", "O2")
	w.robotDo("r1", PickPicked, 2, "")
	w.robotDo("r1", PickFailed, 0, "GRIP")
	w.robotPicks("r1")
	tick()
	w.assign("K2", "r2", "O1")
	w.robotDo("r2", PickShort, 1, FalloutInsufficient)
	w.robotPicks("r2")
	w.assign("K3", "w1", "O3")
	w.walkTo("hw1", StepAsk)
	tick()
	w.carried("TR000001")
	w.ok(AssignTransport{Transport: "TR000002", Robot: "C1"})
	w.ok(TransportState{Transport: "TR000002", Robot: "C1", State: TransportFailed, Code: "ROBOT_LOST"})
	w.no(AssignTransport{Transport: "TR000002", Robot: "C2"}, CodeTransportTaken)
	w.ok(RetryTransport{Transport: "TR000002"})
	w.carried("TR000002")
	var sscc []string
	for _, id := range []string{"O1", "O2", "O3"} {
		tick()
		sscc = append(sscc, w.label("pack1", id))
	}
	w.wantTrips(true)
	w.ok(Induct{Conveyor: "c1", Barcode: sscc[0], Expires: w.m.Now + 5000})
	w.no(Induct{Conveyor: "c1", Expires: w.m.Now + 5000}, CodeNoRead)
	w.ok(Divert{Conveyor: "c1", Barcode: sscc[0], Lane: "L2"})
	w.ok(Induct{Conveyor: "c1", Barcode: sscc[2], Expires: w.m.Now + 5000})
	w.no(Divert{Conveyor: "c1", Barcode: sscc[2], Lane: "L2"}, FalloutMissort)
	w.no(Divert{Conveyor: "c1", Barcode: sscc[1], Lane: "REST"}, CodeExpired)
	for _, s := range sscc {
		tick()
		w.ok(Load{Dock: "d1", Barcode: s})
	}
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(sscc[0])[1:]}, FalloutRFIDExtra)
	w.ok(ClearFallout{Fallout: seen(Fallouts(w.tx, true))[0].ID})
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(sscc[0])[:2]}, FalloutRFIDMissing)
	w.ok(PortalPass{Dock: "d1", EPCs: slices.Concat(w.epcs(sscc[0]), w.epcs(sscc[1]))})
	w.no(Depart{Dock: "d1"}, CodeNotVerified)
	w.ok(RetryOrder{Order: "O3"})
	w.ok(Depart{Dock: "d1"})
	for _, id := range []string{"O1", "O2", "O3"} {
		w.state(id, OrderShipped)
	}
	w.wantFallouts()
	w.invariants()
	w.books()
	return w
}
