package web_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tote/warehouse"
	"tote/web"
)

// shift is a warehouse in the middle of a working day: orders in every state,
// three kinds of fallout, people and robots at work. It ends at now.
func shift(t testing.TB, now time.Time) *site {
	s := newSite(t, now.Add(-95*time.Minute))
	s.step = 6 * time.Second
	dice := rand.New(rand.NewPCG(3, 7))
	names := []string{
		"Toothpaste, large", "Sun lotion, set of 2", "Green tea, large", "Dog biscuits, small", "Olive oil 0.5 l", "Hand soap refill",
		"Coffee beans 1 kg", "Rye crispbread", "Wool socks, grey", "Notebook A5, dotted", "Pencils, box of 12", "Oat drink 1 l",
		"Lip balm", "Honey, 500 g", "Tomato passata", "Basmati rice 2 kg", "LED bulb E27", "Batteries AA, 8", "Dish brush", "Sponge cloths",
	}
	items := make([]warehouse.Item, 0, 60)
	for i := range 60 {
		it := warehouse.Item{SKU: fmt.Sprintf("SKU-%03d", i+1), Name: names[i%len(names)], GTIN: gtin(t, 100+i), WeightMg: int64(120_000 + 40_000*(i%17))}
		if i >= len(names) {
			it.Name += fmt.Sprintf(" (%c)", 'A'+i/len(names))
		}
		it.LotTracked = i%7 == 3
		items = append(items, it)
	}
	bins := rack(8, 14)
	var rows []warehouse.StockRow
	for i, b := range bins {
		if dice.IntN(9) == 0 {
			continue
		}
		it := items[(i*7)%len(items)]
		row := warehouse.StockRow{Bin: b.Code, SKU: it.SKU, Qty: int64(1 + dice.IntN(18) + dice.IntN(4)*dice.IntN(14))}
		if it.LotTracked {
			row.Lot, row.Expiry = fmt.Sprintf("L%03d", i), "2047-06-15"
		}
		rows = append(rows, row)
	}
	workers := []warehouse.Worker{
		{ID: "W1", Name: "Mira", Badge: "BADGE-1001"},
		{ID: "W2", Name: "Jonas", Badge: "BADGE-1002"},
		{ID: "W3", Name: "Ayşe", Badge: "BADGE-1003"},
		{ID: "W4", Name: "Tomáš", Badge: "BADGE-1004"},
	}
	site := rules(8, 14, 4)
	site.Lanes, site.DefaultLane = []warehouse.Lane{{ID: "L1"}, {ID: "L2", Carrier: "PARCEL"}, {ID: "L9"}}, "L9"
	s.must(
		warehouse.PutSite{Site: site}, warehouse.PutItems{Items: items}, warehouse.PutBins{Bins: bins},
		warehouse.PutWorkers{Workers: workers}, warehouse.OpenStock{Rows: rows},
	)
	n := 1000
	take := func(count int) (ids []string) {
		for range count {
			n++
			id := fmt.Sprintf("SO-%d", n)
			var lines []string
			for _, k := range dice.Perm(len(items))[:1+dice.IntN(4)] {
				lines = append(lines, fmt.Sprintf("%s*%d", items[k].SKU, 1+dice.IntN(3)))
			}
			s.must(release(id, 0, lines...))
			ids = append(ids, id)
		}
		return ids
	}
	// 18 shipped, then a wave that stands everywhere between pool and truck.
	for range 3 {
		wave := take(6)
		s.assign("h1", "BADGE-1001", "W1", wave...)
		s.walk("h1", 1000)
		for _, id := range wave {
			s.pack("pack1", id, warehouse.OrderStaged)
		}
		s.must(warehouse.Depart{Dock: "dock1"})
	}
	wave := take(6)
	s.assign("h1", "BADGE-1001", "W1", wave...)
	s.walk("h1", 1000)
	for _, id := range wave[:3] {
		s.pack("pack1", id, warehouse.OrderStaged)
	}
	s.pack("pack1", wave[3], warehouse.OrderLabelled)
	sscc := s.pack("pack1", wave[4], warehouse.OrderPacked)
	s.must(warehouse.LabelSent{Job: sscc}, warehouse.LabelOutcome{Job: sscc, Outcome: warehouse.JobUnknown, Detail: "the printer went away while the label was on its way"})
	s.pack("pack2", wave[5], warehouse.OrderPacking)
	picked := take(4)
	s.assign("h2", "BADGE-1002", "W2", picked...)
	s.walk("h2", 1000)
	heavy := s.order(picked[0])
	res := s.must(warehouse.StartPack{Station: "pack3", Barcode: heavy.Tote})
	if res, err := s.do(t.Context(), "test", warehouse.Pack{Station: "pack3", Order: picked[0], WeightMg: res.Next.ExpectedMg + 900_000}); err != nil || res.Code != warehouse.CodeWeightMismatch {
		t.Fatal(res, err)
	}
	s.must(release("SO-2001", 5, "SKU-001*9999"), release("SO-2002", 0, "SKU-012*2", "SKU-005*9000"))
	s.assign("h1", "BADGE-1001", "W1", take(5)...)
	s.walk("h1", 14)
	s.assign("h2", "BADGE-1002", "W2", take(4)...)
	s.walk("h2", 8)
	s.assign("h3", "BADGE-1003", "W3", take(3)...)
	take(32)
	for range 2 { // without a code
		s.inducted("cv1", "")
	}
	s.inducted("cv1", "395000000000000001")
	s.mu.Lock()
	s.now, s.step = now, time.Millisecond
	s.mu.Unlock()
	return s
}

// inducted sends something to the default lane of a conveyor.
func (s *site) inducted(conveyor, barcode string) {
	s.t.Helper()
	if res, err := s.do(s.t.Context(), "test", warehouse.Induct{Conveyor: conveyor, Barcode: barcode, Expires: s.clock().UnixMilli() + 60_000}); err != nil || res.Ref != "L9" || res.OK {
		s.t.Fatal(res, err)
	}
}

// gateway is a cluster of three with a few devices, one of them in trouble.
func gateway(now time.Time) web.GatewayStatus {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	return web.GatewayStatus{
		ID: "gw1", Version: "0.3.0", Leader: true, Applied: 48_211, Since: ago(26 * time.Hour), Quorum: web.Quorum{OK: true},
		Peers: []web.Peer{
			{ID: "gw2", Address: "192.0.2.12", Role: "follower", Up: true, Since: ago(26 * time.Hour), Version: "0.3.0"},
			{ID: "gw3", Address: "192.0.2.13", Role: "follower", Up: true, Since: ago(3 * time.Hour), Lag: 2, Version: "0.3.0"},
		},
		Devices: []web.Device{
			{Name: "pack1/scale", Driver: "mt-sics", State: "ready", Since: ago(26 * time.Hour), Reading: "1.284 kg"},
			{Name: "pack1/printer", Driver: "zpl", State: "degraded", Since: ago(4 * time.Minute), Code: "PRINTER_NOT_READY", Text: "paper out", Reading: "212 labels"},
			{Name: "pack1/scanner", Driver: "serial", State: "ready", Since: ago(26 * time.Hour), Reading: "T04-5"},
			{Name: "pack2/scale", Driver: "mt-sics", State: "ready", Since: ago(5 * time.Hour), Reading: "0.350 kg"},
			{Name: "dock1/portal", Driver: "r2000", State: "ready", Since: ago(25 * time.Hour), Reading: "14 tags"},
		},
		Robots: []web.Robot{
			{ID: "R1", State: "moving", Since: ago(20 * time.Second), Job: "TR000004-1", Target: "pack1", Loads: []string{"T04-2"}, Battery: 81, Broker: "this gateway"},
			{ID: "R2", State: "idle", Since: ago(3 * time.Minute), Battery: 64, Charging: true, Broker: "another gateway"},
			{ID: "R3", State: "absent", Since: ago(26 * time.Hour), Bad: true, Code: "ROBOT_ABSENT", Text: "never heard of", Battery: -1},
			{ID: "R4", State: "fault", Since: ago(6 * time.Minute), Bad: true, Code: "ROBOT_PLACE", Text: "its pose is outside the warehouse", Job: "TR000007-1", Battery: 12, Broker: "this gateway"},
			{ID: "R5", State: "waiting", Since: ago(4 * time.Second), Code: "ROBOT_WAITS", Text: "for node a3c4, held by robot R4", Job: "TR000009-1", Target: "packdrop", Battery: 55, Broker: "this gateway"},
		},
		Conveyors: []web.Conveyor{
			{
				ID: "cv1", State: "running", Since: ago(26 * time.Hour), Heard: true, OnBelt: 2,
				Last:  &web.Carton{Barcode: "395212340000000123", Lane: "L2", Result: "OK", At: ago(9 * time.Second)},
				Lanes: []web.Lane{{ID: "L1", Cartons: 14, Waiting: 3, Full: 30}, {ID: "L2", Cartons: 31, Full: 95}, {ID: "L9", Cartons: 4, Full: -1, Off: true}},
				Faults: []web.MachineFault{
					{Code: "CNV-NOREAD", Text: "track 17 at in", N: 2, Last: ago(4 * time.Minute)},
					{Code: "CNV-JAM", Text: "track 3", N: 1, Last: ago(2 * time.Hour)},
				},
			},
			{ID: "cv2", State: "never heard of", Bad: true},
		},
		Sync: &web.Sync{Connected: true, Since: ago(9 * time.Hour), Depth: 3, Oldest: ago(8 * time.Second)},
	}
}

// robots move along aisle two.
func robots() []web.Marker {
	return []web.Marker{
		{Kind: web.MarkerRobot, ID: "R1", X: 13_500, Y: 0, State: "driving", Text: "carries tote T04-2 to pack1"},
		{Kind: web.MarkerRobot, ID: "R2", X: 24_750, Y: 19_000, State: "idle"},
		{Kind: web.MarkerRobot, ID: "R4", X: 1 << 31, Y: 30_000, State: "fault", Code: "ROBOT_PLACE", Alert: true, Text: "ROBOT_PLACE: its pose is outside the warehouse"},
		{Kind: web.MarkerRobot, ID: "R5", X: 31_500, Y: -3_000, State: "waiting", Code: "ROBOT_WAITS"},
		{Kind: web.MarkerCart, ID: "C3", X: 4_500, Y: 18_600, State: "parked"},
	}
}

// faults knows the codes of the scene, as the gateway does.
func faults(code string) (cause, action string, ok bool) {
	table := map[string][2]string{
		"PRINTER_NOT_READY": {"The printer cannot print now.", "Put it right; the label is printed as soon as the printer is ready."},
		"ROBOT_ABSENT":      {"The robot was not heard of since this gateway started.", "Switch it on; check its Wi-Fi, its broker list and its serial."},
		"ROBOT_PLACE":       {"The robot says it is where it cannot be.", "Bring it onto its park node and localise it anew."},
		"ROBOT_WAITS":       {"The robot waits for another one; the text says which.", "Nothing; when it stays, see the other robot."},
		"CNV-NOREAD":        {"A carton passed the scanner without one clean code; it went to the default lane.", "Take it from the default lane and look at its label."},
	}
	f, ok := table[code]
	return f[0], f[1], ok
}
