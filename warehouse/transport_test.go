package warehouse_test

import (
	"fmt"
	"testing"

	. "tote/warehouse"
)

// carry has n picked orders O1… of one bag each, their totes at the pack drop.
func carry(t *testing.T, n int) *world {
	w := floor(t)
	for i := range n {
		id := fmt.Sprintf("O%d", i+1)
		w.ok(release(id, "BAG"))
		w.pick("K"+id, "w1", id)
	}
	return w
}

// Totes go to the station with the fewest open transports, the first when equal.
func TestTransportsAreSpread(t *testing.T) {
	w := carry(t, 3)
	w.wantTrips(false,
		"TR000001 O1 station/pack1 REQUESTED ", "TR000002 O2 station/pack2 REQUESTED ", "TR000003 O3 station/pack1 REQUESTED ")
	w.carried("TR000001")
	w.carried("TR000003")
	w.ok(release("O4", "PEN"))
	w.pick("K4", "w1", "O4")
	w.wantTrips(true, "TR000002 O2 station/pack2 REQUESTED ", "TR000004 O4 station/pack1 REQUESTED ")
	trip := seen(GetTransport(w.tx, "TR000004"))
	if trip.LU != "T-K4-1" || trip.From != PlacePackDrop || trip.Try != 1 || trip.Asked != w.m.Now {
		t.Errorf("%+v", trip)
	}
	if of := seen(TransportOf(w.tx, "T-K4-1")); of == nil || of.ID != trip.ID {
		t.Errorf("%+v", of)
	}
	w.invariants()
	// People carry again once the site says so.
	w.ok(PutSite{Site: testSite()})
	w.ok(release("O5", "PEN"))
	w.pick("K5", "w1", "O5")
	w.wantTrips(true, "TR000002 O2 station/pack2 REQUESTED ", "TR000004 O4 station/pack1 REQUESTED ")
	w.invariants()
}

func TestTransportTravels(t *testing.T) {
	w := carry(t, 1)
	id := "TR000001"
	w.wantPlace("T-KO1-1", PlacePackDrop)
	res := w.ok(AssignTransport{Transport: id, Robot: "C1"})
	for _, want := range []string{"transport/" + id, "transports"} {
		if !contains(res.Touched, want) {
			t.Errorf("touched %v", res.Touched)
		}
	}
	w.wantPlace("T-KO1-1", PlacePackDrop)
	w.invariants()
	res = w.ok(TransportState{Transport: id, Robot: "C1", State: TransportLoaded})
	if !contains(res.Touched, "lu/T-KO1-1") {
		t.Errorf("touched %v", res.Touched)
	}
	w.wantPlace("T-KO1-1", "robot/C1")
	w.invariants()
	w.ok(TransportState{Transport: id, Robot: "C1", State: TransportDelivered})
	w.wantPlace("T-KO1-1", "station/pack1")
	w.wantTrips(true)
	w.wantTrips(false, id+" O1 station/pack1 DELIVERED C1")
	w.invariants()
	w.label("pack2", "O1") // another station takes it as well
	w.wantTrips(false, id+" O1 station/pack1 DELIVERED C1")
	w.invariants()
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// Every report in every state: taken, an echo, or refused without a trace.
func TestEveryTransportReport(t *testing.T) {
	id := "TR000001"
	assign := AssignTransport{Transport: id, Robot: "C1"}
	report := func(s string) Command { return TransportState{Transport: id, Robot: "C1", State: s} }
	loaded, delivered, failed := report(TransportLoaded), report(TransportDelivered), report(TransportFailed)
	paths := []struct {
		state string
		path  []Command
	}{
		{TransportRequested, nil},
		{TransportAssigned, []Command{assign}},
		{TransportLoaded, []Command{assign, loaded}},
		{TransportDelivered, []Command{assign, loaded, delivered}},
		{TransportFailed, []Command{assign, failed}},
		{TransportCancelled, []Command{assign, StartPack{Station: "pack2", Barcode: "T-KO1-1"}}},
	}
	other := AssignTransport{Transport: id, Robot: "C2"}
	retry := RetryTransport{Transport: id}
	const echo = "echo"
	want := map[string]map[Command]string{
		TransportRequested: {assign: CodeOK, other: CodeOK, loaded: CodeTransportTaken, delivered: CodeTransportTaken, failed: CodeTransportTaken, retry: CodeTransportState},
		TransportAssigned:  {assign: echo, other: CodeTransportTaken, loaded: CodeOK, delivered: CodeTransportState, failed: CodeOK, retry: CodeTransportState},
		TransportLoaded:    {assign: CodeTransportTaken, other: CodeTransportTaken, loaded: echo, delivered: CodeOK, failed: CodeOK, retry: CodeTransportState},
		TransportDelivered: {assign: CodeTransportTaken, other: CodeTransportTaken, loaded: echo, delivered: echo, failed: CodeTransportState, retry: CodeTransportState},
		TransportFailed:    {assign: CodeTransportTaken, other: CodeTransportTaken, loaded: echo, delivered: CodeTransportState, failed: echo, retry: CodeOK},
		TransportCancelled: {assign: CodeTransportTaken, other: CodeTransportTaken, loaded: CodeTransportState, delivered: CodeTransportState, failed: echo, retry: CodeTransportState},
	}
	for _, p := range paths {
		for _, c := range []Command{assign, other, loaded, delivered, failed, retry} {
			w := carry(t, 1)
			for _, step := range p.path {
				w.ok(step)
			}
			if got := seen(GetTransport(w.tx, id)).State; got != p.state {
				t.Fatalf("the path to %s ends in %s", p.state, got)
			}
			before := w.tx.Digest()
			res := w.apply(c)
			code := want[p.state][c]
			if code == echo {
				if !res.OK || w.tx.Digest() != before {
					t.Errorf("%s, %#v: %+v, changed %v", p.state, c, res, w.tx.Digest() != before)
				}
			} else if res.Code != code {
				t.Errorf("%s, %#v: %s (%s), want %s", p.state, c, res.Code, res.Text, code)
			}
			w.invariants()
		}
	}
}

func TestTransportRefusals(t *testing.T) {
	w := carry(t, 2)
	w.ok(AssignTransport{Transport: "TR000001", Robot: "C1"})
	for _, tt := range []struct {
		c    Command
		code string
	}{
		{AssignTransport{Transport: "TR000009", Robot: "C1"}, CodeUnknownTransport},
		{AssignTransport{Transport: "a/b", Robot: "C1"}, CodeUnknownTransport},
		{AssignTransport{Transport: "TR000002", Robot: ""}, CodeInvalid},
		{AssignTransport{Transport: "TR000002", Robot: "a/b"}, CodeInvalid},
		{AssignTransport{Transport: "TR000002", Robot: "C1"}, CodeRobotBusy},
		{TransportState{Transport: "TR000001", Robot: "C2", State: TransportLoaded}, CodeTransportTaken},
		{TransportState{Transport: "TR000001", Robot: "", State: TransportFailed}, CodeTransportTaken},
		{TransportState{Transport: "TR000002", Robot: "", State: TransportLoaded}, CodeTransportState}, // nobody has it
		{TransportState{Transport: "TR000009", Robot: "C1", State: TransportLoaded}, CodeUnknownTransport},
		{TransportState{Transport: "", Robot: "C1", State: TransportLoaded}, CodeUnknownTransport},
		{TransportState{Transport: "TR000001", Robot: "C1", State: TransportCancelled}, CodeInvalid},
		{TransportState{Transport: "TR000001", Robot: "C1", State: TransportAssigned}, CodeInvalid},
		{TransportState{Transport: "TR000001", Robot: "C1", State: ""}, CodeInvalid},
		{TransportState{Transport: "TR000001", Robot: "C1", State: TransportLoaded, Try: -1}, CodeInvalid},
		{RetryTransport{Transport: "TR000009"}, CodeUnknownTransport},
		{RetryTransport{Transport: "TR000002"}, CodeTransportState},
	} {
		w.no(tt.c, tt.code)
	}
	w.invariants()
}

// A failed transport parks nothing for long: retry it, retry the order, or carry
// the tote.
func TestFailedTransport(t *testing.T) {
	for name, cure := range map[string]Command{
		"retry":       RetryTransport{Transport: "TR000001"},
		"retry order": RetryOrder{Order: "O1"},
		"carry":       StartPack{Station: "pack2", Barcode: "T-KO1-1"},
	} {
		w := carry(t, 1)
		w.ok(AssignTransport{Transport: "TR000001", Robot: "C1"})
		w.ok(TransportState{Transport: "TR000001", Robot: "C1", State: TransportLoaded})
		w.ok(TransportState{Transport: "TR000001", Robot: "C1", State: TransportFailed, Code: "ROBOT_LOST"})
		w.wantPlace("T-KO1-1", "robot/C1") // nobody knows better
		w.wantFallouts("TRANSPORT_FAILED O1/0")
		if f := seen(Fallouts(w.tx, true))[0]; f.Detail != "robot C1, transport TR000001: ROBOT_LOST" || f.LU != "T-KO1-1" {
			t.Errorf("%+v", f)
		}
		w.state("O1", OrderPicked)
		w.invariants()
		w.ok(cure)
		w.wantFallouts()
		w.invariants()
		if name == "carry" {
			w.wantTrips(false, "TR000001 O1 station/pack1 CANCELLED C1")
			w.state("O1", OrderPacking)
			continue
		}
		w.wantTrips(true, "TR000001 O1 station/pack1 REQUESTED ")
		w.wantPlace("T-KO1-1", PlacePackDrop)
		// What the first robot still says is of the first try.
		if trip := seen(GetTransport(w.tx, "TR000001")); trip.Try != 2 || trip.Code != "" {
			t.Errorf("%s: %+v", name, trip)
		}
		before := w.tx.Digest()
		w.ok(TransportState{Transport: "TR000001", Robot: "C1", State: TransportFailed, Try: 1})
		if w.tx.Digest() != before {
			t.Errorf("%s: the echo of the first try did something", name)
		}
		w.carried("TR000001")
		w.label("pack1", "O1")
		w.invariants()
	}
}

// Another fallout of the order stays and parks it.
func TestFailedTransportOfAParkedOrder(t *testing.T) {
	w := floor(t)
	w.ok(release("O1", "BAG*5", "PEN"))
	w.assign("K1", "r1", "O1")
	w.robotDo("r1", PickShort, 2, FalloutStockout)
	w.robotPicks("r1")
	w.ok(AssignTransport{Transport: "TR000001", Robot: "C1"})
	w.ok(TransportState{Transport: "TR000001", Robot: "C1", State: TransportFailed})
	w.wantFallouts("STOCKOUT O1/1", "TRANSPORT_FAILED O1/0")
	w.no(StartPack{Station: "pack1", Barcode: "T-K1-1"}, CodeInFallout)
	w.wantFallouts("STOCKOUT O1/1", "TRANSPORT_FAILED O1/0")
	w.ok(RetryTransport{Transport: "TR000001"})
	w.wantFallouts("STOCKOUT O1/1")
	w.invariants()
	w.ok(RetryOrder{Order: "O1"})
	w.wantTrips(true, "TR000001 O1 station/pack1 REQUESTED ")
	w.label("pack1", "O1")
	w.wantTrips(true)
	w.invariants()
}
