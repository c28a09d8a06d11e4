package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tote/warehouse"
	"tote/web"
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

// The console shows every robot and conveyor of the site, those never heard of
// too, and says of each fault what it is and what to do.
func TestMachines(t *testing.T) {
	s := automated(t)
	s.inducted("C1", "")
	s.inducted("C1", "")
	s.inducted("C1", "395000000000000001")
	cfg := s.config()
	cfg.Faults = faults
	cfg.Gateway = func() web.GatewayStatus {
		g := gateway(s.clock())
		g.Conveyors[0].ID = "C1"
		return g
	}
	page := get(t, serve(t, cfg), "/").Body.String()
	_, panel, _ := strings.Cut(page, `<div id="machines"`)
	panel, _, _ = strings.Cut(panel, "</section>")
	panel = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(panel, "|")
	panel = regexp.MustCompile(`[|\s]*\|[|\s]*`).ReplaceAllString(panel, "|")
	for _, want := range []string{
		"|R1|this gateway|✓|moving|20 s|TR000004-1|to pack1|carries T04-2|81 %|",
		"|R2|another gateway|✓|idle|3 min|–|64 %, charging|",
		"|R3|never heard of|✕|absent|26 h|–|–|ROBOT_ABSENT|never heard of|The robot was not heard of since this gateway started.|Switch it on;",
		"|R4|this gateway|✕|fault|6 min|TR000007-1|✕|12 %|ROBOT_PLACE|its pose is outside the warehouse|The robot says it is where it cannot be.|Bring it onto",
		"|R5|this gateway|▲|waiting|4 s|TR000009-1|55 %|ROBOT_WAITS|for node a3c4, held by robot R4|",
		"|C1|2 cartons on it|▲|running|26 h|395212340000000123|to L2, OK,|9 s|ago|",
		"|L1|14|3 in it|L2|31|95 % full|L9|4|off|",
		"|To the default lane because|2|CONVEYOR_NO_READ|The conveyor could not read the carton&#39;s label.|1|UNKNOWN_BARCODE|",
		"|CNV-NOREAD|2 times, last|4 min|ago: track 17 at in|A carton passed the scanner without one clean code; it went to the default lane.|Take it from",
		"|cv2|✕|never heard of|–|–|",
	} {
		if !strings.Contains(panel, want) {
			t.Errorf("no %q in %s", want, panel)
		}
	}
	if strings.Contains(panel, "CNV-JAM") {
		t.Error("what was wrong hours ago is still told")
	}
}

// What moves is never off the map: robots park before the front aisle, and one
// that says it is where it cannot be stands at the edge, marked.
func TestNobodyLeavesTheMap(t *testing.T) {
	s := automated(t)
	s.assign("robot:R7x", "R7", "R7", "O5")
	cfg := s.config()
	cfg.Gateway = func() web.GatewayStatus { return gateway(s.clock()) }
	cfg.Floor = func() []web.Marker {
		return append(robots(), web.Marker{Kind: web.MarkerRobot, ID: "R7x", X: -1 << 31, Y: -3000, State: "acting"})
	}
	page := get(t, serve(t, cfg), "/").Body.String()
	var left, top, width, height int64
	_, box, _ := strings.Cut(page, `<div class="plan"><svg viewBox="`)
	if _, err := fmt.Sscan(box, &left, &top, &width, &height); err != nil && height == 0 {
		t.Fatal(err, box[:60])
	}
	at := map[string][2]int64{}
	for _, m := range regexp.MustCompile(`<g data-key="\w+/([^"]+)" class="([^"]+)" transform="translate\((-?\d+) (-?\d+)\)">`).FindAllStringSubmatch(page, -1) {
		x, _ := strconv.ParseInt(m[3], 10, 64)
		y, _ := strconv.ParseInt(m[4], 10, 64)
		if x-60 < left || x+60 > left+width || y-60 < top || y+60 > top+height {
			t.Errorf("%s at %d %d is not within %d %d %d %d", m[1], x, y, left, top, width, height)
		}
		if alert := m[2] == "marker alert"; alert != (m[1] == "R4") {
			t.Errorf("%s: %s", m[1], m[2])
		}
		at[m[1]] = [2]int64{x, y}
	}
	front := int64((2*1500 + 4*1200) / 10)
	if at["R7x"][1] != front+300 {
		t.Errorf("R7x at %v: before the front aisle there is room", at["R7x"])
	}
	if _, twice := at["R7"]; twice || len(at) != 7 {
		t.Errorf("on the map: %v; a picking robot stands there once, by its own word", at)
	}
	if !strings.Contains(page, `<circle class="halo" r="100"/>`) || !strings.Contains(page, `<text class="what end" x="90" y="165">ROBOT_PLACE</text>`) {
		t.Error("the robot in trouble does not stand out")
	}
	_, missing, _ := strings.Cut(page, `<div id="missing">`)
	if missing, _, _ = strings.Cut(missing, "</div>"); !strings.Contains(missing, "R3</span> absent ROBOT_ABSENT") || strings.Contains(missing, "R4") {
		t.Errorf("not on the map: %s", missing)
	}
}

// What was found before the newest pass stands beside it.
func TestFalloutShowsWhatWasFoundBefore(t *testing.T) {
	s := automated(t)
	for i := range 10 {
		if _, err := s.do(t.Context(), "portal/dock1", warehouse.PortalPass{Dock: "dock1", EPCs: []string{fmt.Sprintf("E20%d", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	body := get(t, serve(t, s.config()), "/").Body.String()
	if want := "E209 · found before: E200, E201, E202, E203, E204, E205, E206, E207, and 2 more"; !strings.Contains(body, want) {
		t.Errorf("the console lacks %q", want)
	}
}
