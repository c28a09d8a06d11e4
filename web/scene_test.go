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
	s.must(
		warehouse.PutSite{Site: rules(8, 14, 4)}, warehouse.PutItems{Items: items}, warehouse.PutBins{Bins: bins},
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
	take(11)
	s.mu.Lock()
	s.now, s.step = now, time.Millisecond
	s.mu.Unlock()
	return s
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
		Sync: &web.Sync{Connected: true, Since: ago(9 * time.Hour), Depth: 3, Oldest: ago(8 * time.Second)},
	}
}

// robots move along aisle two.
func robots() []web.Marker {
	return []web.Marker{
		{Kind: web.MarkerRobot, ID: "R1", X: 13_500, Y: 0, State: "driving", Text: "carries tote T04-2 to pack1"},
		{Kind: web.MarkerRobot, ID: "R2", X: 24_750, Y: 19_000, State: "idle"},
		{Kind: web.MarkerCart, ID: "C3", X: 4_500, Y: 18_600, State: "parked"},
	}
}

// faults knows the code of the printer.
func faults(code string) (cause, action string, ok bool) {
	if code == "PRINTER_NOT_READY" {
		return "The printer cannot print now.", "Put it right; the label is printed as soon as the printer is ready.", true
	}
	return "", "", false
}
