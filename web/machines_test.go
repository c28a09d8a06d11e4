package web_test

import (
	"net/http"
	"strings"
	"testing"

	"tote/warehouse"
)

// automated is the small site with robots that carry totes, a picking robot, a
// conveyor and a portal; O4 is labelled.
func automated(t testing.TB) *site {
	s := small(t)
	rules := rules(2, 5, 2)
	rules.Transport, rules.PackStations = warehouse.TransportRobot, []string{"pack1"}
	rules.Lanes, rules.DefaultLane = []warehouse.Lane{{ID: "L1", Carrier: "PARCEL", Dock: "dock1"}, {ID: "L9"}}, "L9"
	rules.Portals = []string{"dock1"}
	s.must(
		warehouse.PutSite{Site: rules},
		warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "R7", Name: "Arm seven", Badge: "R7", Kind: warehouse.WorkerRobot}}},
		release("O4", 0, "CUP*1"), release("O5", 0, "PEN*2"),
	)
	s.assign("h2", "BADGE-2", "W2", "O4")
	s.walk("h2", 100)
	return s
}

func TestWhyWithRobots(t *testing.T) {
	s := automated(t)
	trip := func() (tr *warehouse.Transport) {
		tote := s.order("O4").Tote
		err := s.view(func(r warehouse.Reader) (err error) {
			tr, err = warehouse.TransportOf(r, tote)
			return err
		})
		if err != nil || tr == nil {
			t.Fatal(tr, err)
		}
		return tr
	}
	says := func(what string, want ...string) {
		t.Helper()
		got := reasons(t, s, s.config(), "O4")
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in %q", what, w, got)
			}
		}
	}
	says("requested", "waits Tote T01-1 waits for a robot to carry it to station/pack1.", "At packdrop")
	id := trip().ID
	s.must(warehouse.AssignTransport{Transport: id, Robot: "R1"})
	says("assigned", "moves A robot comes for tote T01-1", "Held by robot R1")
	s.must(warehouse.TransportState{Transport: id, Robot: "R1", State: warehouse.TransportLoaded})
	says("loaded", "moves A robot carries tote T01-1 to station/pack1.", "At robot/R1")
	s.must(warehouse.TransportState{Transport: id, Robot: "R1", State: warehouse.TransportFailed, Code: "E_STOP"})
	says("failed", "needs a decision TRANSPORT_FAILED", "Carry the tote to a pack station", "Retry order O4")
	s.must(warehouse.RetryOrder{Order: "O4"}, warehouse.AssignTransport{Transport: trip().ID, Robot: "R2"})
	s.must(
		warehouse.TransportState{Transport: id, Robot: "R2", State: warehouse.TransportLoaded},
		warehouse.TransportState{Transport: id, Robot: "R2", State: warehouse.TransportDelivered},
	)
	says("delivered", "waits Tote T01-1 waits for a pack station.", "At station/pack1")
	sscc := s.pack("pack1", "O4", warehouse.OrderLabelled)
	says("labelled", "waits to be loaded")
	s.must(warehouse.Induct{Conveyor: "C1", Barcode: sscc, Expires: s.clock().UnixMilli() + 60_000})
	says("on the belt", "The parcel is on the conveyor, bound for lane L1.", "At conveyor C1")
	s.must(warehouse.Divert{Conveyor: "C1", Barcode: sscc, Lane: "L1"})
	says("at its lane", "waits to be loaded", "At lane L1")
}

// A picking robot has no handheld; it stands where its task is, as a robot.
func TestPickingRobotOnTheMap(t *testing.T) {
	s := automated(t)
	s.assign("arm-r7", "R7", "R7", "O5")
	body := get(t, serve(t, s.config()), "/").Body.String()
	for _, want := range []string{`data-key="robot/R7"`, "robot R7: picking. Arm seven picks PEN in bin B-01-L, 1 task left", `data-key="picker/W2"`, "Ben &#34;B&#34; has no work"} {
		if !strings.Contains(body, want) {
			t.Errorf("the map lacks %s", want)
		}
	}
}

// A fallout without an order cannot be retried; a person clears it.
func TestFalloutWithoutOrder(t *testing.T) {
	s := automated(t)
	res, err := s.do(t.Context(), "portal/dock1", warehouse.PortalPass{Dock: "dock1", EPCs: []string{"urn:epc:id:sgtin:9521234.000099.1"}})
	if err != nil || res.Code != warehouse.FalloutRFIDExtra {
		t.Fatal(res, err)
	}
	h := serve(t, s.config())
	body := get(t, h, "/").Body.String()
	for _, want := range []string{"<b>RFID_EXTRA</b>", "No order", "dock dock1 · 1 extra", `action="/fallouts/F000001/clear"`, "1 open"} {
		if !strings.Contains(body, want) {
			t.Errorf("the console lacks %q", want)
		}
	}
	if w := post(t, h, "/fallouts/F000001/clear", "", "Origin", "https://evil.example"); w.Code != http.StatusForbidden {
		t.Errorf("cleared by a foreign page: %d", w.Code)
	}
	if w := post(t, h, "/fallouts/F000001/clear", "", "X-Requested-With", "console"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Cleared.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if body := get(t, h, "/").Body.String(); !strings.Contains(body, "Nothing needs a decision") {
		t.Error("it is still there")
	}
	// Twice is no harm, and works without the script too.
	if w := post(t, h, "/fallouts/F000001/clear", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "OK: cleared before") {
		t.Errorf("cleared twice: %d %s", w.Code, w.Body)
	}
	if w := post(t, h, "/fallouts/F9/clear", ""); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "UNKNOWN_FALLOUT") {
		t.Errorf("unknown: %d %s", w.Code, w.Body)
	}
}
