package warehouse_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// belt has P1 of carrier POST and P2 of carrier FAST, both labelled.
func belt(t *testing.T) (*world, []string) {
	w := floor(t)
	post := w.labelledMore("P1", "CUP*1")
	fast := release("P2", "BAG*1")
	fast.Order.Method = "express"
	w.ok(fast)
	w.pick("KP2", "w1", "P2")
	return w, []string{post, w.label("pack1", "P2")}
}

func (w *world) carriage(sscc string) Carriage {
	w.t.Helper()
	ca := seen(GetCarriage(w.tx, sscc))
	if ca == nil {
		w.t.Fatalf("%s has no carriage", sscc)
	}
	return *ca
}

func TestCartonsAreSortedByCarrier(t *testing.T) {
	w, sscc := belt(t)
	for i, lane := range []string{"L2", "L1"} {
		res := w.ok(Induct{Conveyor: "c1", Barcode: "]C100" + sscc[i], Expires: w.m.Now + 5000})
		if res.Ref != lane || !contains(res.Touched, "conveyor/c1") {
			t.Errorf("%+v", res)
		}
		w.wantPlace(sscc[i], "station/pack1") // until it is confirmed
	}
	w.invariants()
	if open := seen(Carriages(w.tx, true)); len(open) != 2 {
		t.Errorf("%+v", open)
	}
	// Asked again after a take-over: the same lane, and the first deadline.
	before := w.tx.Digest()
	res := w.ok(Induct{Conveyor: "c1", Barcode: sscc[0], Expires: w.m.Now + 9000})
	if res.Ref != "L2" || w.tx.Digest() != before {
		t.Errorf("%+v", res)
	}
	w.m.Now += 5000
	res = w.ok(Divert{Conveyor: "c1", Barcode: sscc[0], Lane: "L2"})
	if res.Ref != sscc[0] || !contains(res.Touched, "lu/"+sscc[0]) {
		t.Errorf("%+v", res)
	}
	w.wantPlace(sscc[0], "lane/L2")
	want := Carriage{SSCC: sscc[0], Conveyor: "c1", Lane: "L2", Expires: start + 5000, State: CarriageDiverted, Exit: "L2", Since: start + 5000, Order: "P1"}
	if d := cmp.Diff(want, w.carriage(sscc[0])); d != "" {
		t.Error(d)
	}
	before = w.tx.Digest()
	w.ok(Divert{Conveyor: "c1", Barcode: sscc[0], Lane: "L2"})
	if w.tx.Digest() != before {
		t.Error("the second confirm did something")
	}
	if all, open := seen(Carriages(w.tx, false)), seen(Carriages(w.tx, true)); len(all) != 2 || len(open) != 1 {
		t.Errorf("%+v, open %+v", all, open)
	}
	w.invariants()
	// Loading ends the ride that nobody confirmed.
	w.ok(Load{Dock: "d2", Barcode: sscc[1]})
	if ca := w.carriage(sscc[1]); ca.State != CarriageExpired || ca.Exit != "" {
		t.Errorf("%+v", ca)
	}
	// Told at last where it left: remembered, once, and it moves nothing.
	w.no(Divert{Conveyor: "c1", Barcode: sscc[1], Lane: "L1"}, CodeAlreadyLoaded)
	if ca := w.carriage(sscc[1]); ca.State != CarriageExpired || ca.Exit != "L1" {
		t.Errorf("%+v", ca)
	}
	w.wantPlace(sscc[1], "dock/d2")
	before = w.tx.Digest()
	w.no(Divert{Conveyor: "c1", Barcode: sscc[1], Lane: "L2"}, CodeAlreadyLoaded)
	if w.tx.Digest() != before {
		t.Error("the second confirm did something")
	}
	w.wantFallouts()
	w.invariants()
}

// A carton that nobody heard of until it was loaded has its ride all the same;
// before level 5 it had not.
func TestLoadedBeforeTheConveyorCouldTell(t *testing.T) {
	for level, rides := range map[uint16]int{4: 0, 5: 1} {
		w, sscc := belt(t)
		w.m.Level = level
		w.ok(Load{Dock: "d2", Barcode: sscc[1]})
		w.no(Induct{Conveyor: "c1", Barcode: sscc[1], Expires: w.m.Now + 5000}, CodeAlreadyLoaded)
		if res := w.no(Divert{Conveyor: "c1", Barcode: sscc[1], Lane: "L2"}, CodeAlreadyLoaded); res.Keep != (level == 5) {
			t.Errorf("level %d: %+v", level, res)
		}
		if all := seen(Carriages(w.tx, false)); len(all) != rides {
			t.Errorf("level %d: %+v", level, all)
		}
		w.wantPlace(sscc[1], "dock/d2")
		w.wantFallouts()
		w.invariants()
	}
}

// Whatever cannot be sorted leaves at the default lane, and is counted.
func TestInductOfTheRest(t *testing.T) {
	w, sscc := belt(t)
	w.ok(Load{Dock: "d2", Barcode: sscc[1]})
	soon := w.m.Now + 1000
	w.ok(release("P3", "CUP*1"))
	w.pick("K3", "w1", "P3")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("P3").Tote})
	packed := w.weigh("pack1")
	parked := w.labelledMoreAt("pack2", "P4", "CUP*1")
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(parked)[:1]}, FalloutRFIDMissing)
	s := floorSite()
	s.Lanes = s.Lanes[1:] // none for FAST
	s.DefaultLane = "REST"
	for _, tt := range []struct {
		name, barcode string
		expires       int64
		code          string
		ride          bool
	}{
		{"nothing read", "", soon, CodeNoRead, false},
		{"no SSCC", "T-1", soon, CodeUnknownBarcode, false},
		{"no barcode", "\x00", soon, CodeUnknownBarcode, false},
		{"foreign parcel", "106141411234567897", soon, CodeUnknownSSCC, false},
		{"loaded", sscc[1], soon, CodeAlreadyLoaded, false},
		{"too late", sscc[0], w.m.Now, CodeExpired, false},
		{"no deadline", sscc[0], 0, CodeExpired, false},
		{"not labelled", packed, soon, CodeNotLabelled, true},
		{"parked", parked, soon, CodeInFallout, true},
	} {
		res := w.no(Induct{Conveyor: "c1", Barcode: tt.barcode, Expires: tt.expires}, tt.code)
		if res.Ref != "REST" || !res.Keep {
			t.Errorf("%s: %+v", tt.name, res)
		}
		if ca := seen(GetCarriage(w.tx, tt.barcode+" ")); ca != nil {
			t.Errorf("%+v", ca)
		}
		if tt.ride {
			if ca := w.carriage(tt.barcode); ca.Lane != "REST" || ca.State != CarriageAssigned {
				t.Errorf("%s: %+v", tt.name, ca)
			}
			w.ok(Divert{Conveyor: "c1", Barcode: tt.barcode, Lane: "REST"})
		}
		w.invariants()
	}
	w.no(Induct{Conveyor: "c2", Expires: soon}, CodeNoRead)
	w.no(Induct{Conveyor: "c2", Expires: soon}, CodeNoRead)
	want := []InductCount{
		{"c1", CodeAlreadyLoaded, 1},
		{"c1", CodeNoRead, 1},
		{"c1", CodeExpired, 2},
		{"c1", CodeInFallout, 1},
		{"c1", CodeNotLabelled, 1},
		{"c1", CodeUnknownBarcode, 2},
		{"c1", CodeUnknownSSCC, 1},
		{"c2", CodeNoRead, 2},
	}
	if d := cmp.Diff(want, seen(InductCounts(w.tx))); d != "" {
		t.Error(d)
	}
	// A carrier without a lane.
	w.ok(PutSite{Site: s})
	fast := release("P5", "PEN*1")
	fast.Order.Method = "express"
	w.ok(fast)
	w.pick("K5", "w1", "P5")
	lost := w.label("pack2", "P5")
	res := w.no(Induct{Conveyor: "c1", Barcode: lost, Expires: w.m.Now + 10}, CodeNoLane)
	if res.Ref != "REST" {
		t.Errorf("%+v", res)
	}
	w.ok(Divert{Conveyor: "c1", Barcode: lost, Lane: "REST"})
	w.wantFallouts("RFID_MISSING P4/0")
	w.invariants()
	// No lanes at all, or no conveyor.
	w.no(Induct{Conveyor: "", Barcode: sscc[0], Expires: soon}, CodeInvalid)
	w.ok(PutSite{Site: testSite()})
	if res := w.no(Induct{Conveyor: "c1", Barcode: sscc[0], Expires: soon}, CodeInvalid); res.Keep || res.Ref != "" {
		t.Errorf("%+v", res)
	}
}

func (w *world) labelledMoreAt(station, id, line string) string {
	w.t.Helper()
	w.ok(release(id, line))
	w.pick("K"+id, "w1", id)
	return w.label(station, id)
}

func TestDivertRefusals(t *testing.T) {
	w, sscc := belt(t)
	for _, tt := range []struct {
		c    Divert
		code string
	}{
		{Divert{Conveyor: "", Barcode: sscc[0], Lane: "L1"}, CodeInvalid},
		{Divert{Conveyor: "a/b", Barcode: sscc[0], Lane: "L1"}, CodeInvalid},
		{Divert{Conveyor: "c1", Barcode: sscc[0], Lane: ""}, CodeInvalid},
		{Divert{Conveyor: "c1", Barcode: sscc[0], Lane: "L9"}, CodeInvalid},
		{Divert{Conveyor: "c1", Barcode: "", Lane: "L1"}, CodeUnknownBarcode},
		{Divert{Conveyor: "c1", Barcode: "T-1", Lane: "L1"}, CodeUnknownBarcode},
		{Divert{Conveyor: "c1", Barcode: "106141411234567897", Lane: "L1"}, CodeUnknownSSCC},
	} {
		if res := w.no(tt.c, tt.code); res.Keep {
			t.Errorf("%+v: %+v", tt.c, res)
		}
	}
	w.invariants()
}

// Where a parcel left is true whatever was decided; what it means depends on the
// decision.
func TestDivertOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		induct  bool
		late    bool
		belt    string
		lane    string
		code    string
		state   string
		fallout bool
	}{
		{"right", true, false, "c1", "L2", CodeOK, CarriageDiverted, false},
		{"wrong", true, false, "c1", "L1", FalloutMissort, CarriageMissorted, true},
		{"default instead", true, false, "c1", "REST", FalloutMissort, CarriageMissorted, true},
		{"late and right", true, true, "c1", "L2", CodeExpired, CarriageExpired, false},
		{"late and default", true, true, "c1", "REST", CodeExpired, CarriageExpired, false},
		{"late and wrong", true, true, "c1", "L1", FalloutMissort, CarriageMissorted, true},
		{"another conveyor", true, false, "c2", "L2", CodeExpired, CarriageExpired, false},
		{"nobody asked, right", false, false, "c1", "L2", CodeExpired, CarriageExpired, false},
		{"nobody asked, default", false, false, "c1", "REST", CodeExpired, CarriageExpired, false},
		{"nobody asked, wrong", false, false, "c1", "L1", FalloutMissort, CarriageMissorted, true},
	} {
		w, sscc := belt(t)
		if tt.induct {
			w.ok(Induct{Conveyor: "c1", Barcode: sscc[0], Expires: w.m.Now + 1000})
		}
		if tt.late {
			w.m.Now += 1001
		}
		c := Divert{Conveyor: tt.belt, Barcode: sscc[0], Lane: tt.lane}
		res := w.apply(c)
		if res.Code != tt.code || res.Keep != (tt.code != CodeOK) || res.Ref != sscc[0] {
			t.Errorf("%s: %+v", tt.name, res)
		}
		w.wantPlace(sscc[0], "lane/"+tt.lane)
		if ca := w.carriage(sscc[0]); ca.State != tt.state || ca.Exit != tt.lane || ca.Conveyor != tt.belt {
			t.Errorf("%s: %+v", tt.name, ca)
		}
		if tt.fallout {
			w.wantFallouts("MISSORT P1/0")
		} else {
			w.wantFallouts()
		}
		w.invariants()
		// The confirm again: the same answer, nothing new.
		before := w.tx.Digest()
		if again := w.apply(c); again.Code != tt.code || w.tx.Digest() != before {
			t.Errorf("%s, again: %+v", tt.name, again)
		}
		w.ok(Load{Dock: "d2", Barcode: sscc[0]})
		w.wantFallouts()
		w.invariants()
	}
}

// A missorted parcel goes round: it is sorted again, and the right lane ends the
// fallout. So does a person.
func TestMissortIsCured(t *testing.T) {
	w, sscc := belt(t)
	w.ok(Induct{Conveyor: "c1", Barcode: sscc[0], Expires: w.m.Now + 1000})
	w.no(Divert{Conveyor: "c1", Barcode: sscc[0], Lane: "L1"}, FalloutMissort)
	f := seen(Fallouts(w.tx, true))[0]
	if f.Detail != sscc[0]+" left at lane L1 instead of L2" || f.LU != sscc[0] {
		t.Errorf("%+v", f)
	}
	// Still wrong: the same fallout tells of the new place.
	w.no(Divert{Conveyor: "c1", Barcode: sscc[0], Lane: "REST"}, CodeExpired)
	w.wantFallouts()
	w.no(Divert{Conveyor: "c1", Barcode: sscc[0], Lane: "L1"}, FalloutMissort)
	res := w.ok(Induct{Conveyor: "c1", Barcode: sscc[0], Expires: w.m.Now + 1000})
	if res.Ref != "L2" {
		t.Errorf("%+v", res)
	}
	w.wantFallouts("MISSORT P1/0")
	w.ok(Divert{Conveyor: "c1", Barcode: sscc[0], Lane: "L2"})
	w.wantFallouts()
	w.invariants()
	w.no(Divert{Conveyor: "c1", Barcode: sscc[0], Lane: "L1"}, FalloutMissort)
	w.ok(RetryOrder{Order: "P1"})
	if p := w.order("P1").Parcels[0]; p.CheckedBy != "" {
		t.Errorf("nobody looked into the parcel: %+v", p)
	}
	w.wantFallouts()
	w.invariants()
}
