package warehouse_test

import (
	"testing"

	. "tote/warehouse"
)

// profiled is a site with a profile of each kind and an item of each; ICE and
// PLAIN have the profile of the site.
func profiled(t fataler) *world {
	w := stocked(t)
	s := testSite()
	s.ReadingMs = 60_000
	s.Profiles = []Profile{
		{Name: "plain"},
		{Name: "food", Lots: true},
		{Name: "telecom", Serials: true},
		{Name: "frozen", Cold: &Range{MinDeciC: -300, MaxDeciC: -180}},
		{Name: "pharma", Double: true},
	}
	w.ok(PutSite{Site: s})
	w.ok(PutItems{Items: []Item{
		{SKU: "PLAIN", Name: "Plain", WeightMg: 1000},
		{SKU: "HAM", Name: "Ham", WeightMg: 1000, LotTracked: true, Profile: "food"},
		{SKU: "SIM", Name: "Sim card", WeightMg: 1000, Serials: true, Profile: "telecom"},
		{SKU: "ICE", Name: "Ice", WeightMg: 1000, Profile: "frozen"},
		{SKU: "PILL", Name: "Pill", WeightMg: 1000, Profile: "pharma"},
	}})
	w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S1", Name: "Supplier"}}})
	return w
}

// bring receives one unit as the item has to be received, with a good reading,
// and puts it into bin A-04.
func (w *world) bring(sku string) {
	w.t.Helper()
	w.ok(OpenReceipt{Receipt: "R9", Supplier: "S1"})
	w.ok(GiveReading{Place: "receipt/R9", DeciC: -200})
	cmd := Receive{Receipt: "R9", Barcode: sku, Qty: 1}
	switch sku {
	case "HAM":
		cmd.Lot, cmd.Expiry = "H1", "2026-06-01"
	case "SIM":
		cmd.Serial = "N1"
	}
	w.ok(cmd)
	w.ok(SignIn{Device: "hw2", Badge: "B2"})
	tasks := seen(FloorTasks(w.tx, 0))
	w.ok(ClaimFloor{Device: "hw2", Task: tasks[len(tasks)-1].ID})
	for w.step("hw2").Do != StepAsk {
		switch s := w.step("hw2"); {
		case s.Do == StepScanUnit:
			w.ok(Scan{Device: "hw2", Barcode: "R9"})
		case s.Do == StepScanItem && sku == "HAM":
			w.ok(PutItems{Items: []Item{{SKU: "HAM", Name: "Ham", GTIN: gtin(7), WeightMg: 1000, LotTracked: true, Profile: "food"}}})
			w.ok(Scan{Device: "hw2", Barcode: lotted(7, "H1")})
		case s.Do == StepScanItem && sku == "SIM":
			w.ok(PutItems{Items: []Item{{SKU: "SIM", Name: "Sim card", GTIN: gtin(8), WeightMg: 1000, Serials: true, Profile: "telecom"}}})
			w.ok(Scan{Device: "hw2", Barcode: serialled(8, "N1")})
		case s.Do == StepScanItem:
			w.ok(Scan{Device: "hw2", Barcode: sku})
		default:
			w.ok(Scan{Device: "hw2", Barcode: "A-04"})
		}
	}
}

// benched brings an order of one unit to the scan of its tote at the station.
func (w *world) benched(sku string) {
	w.t.Helper()
	w.bring(sku)
	w.ok(release("O1", sku))
	w.pick("K1", "w1", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
}

// readyToLoad brings it on to its label.
func (w *world) readyToLoad(sku string) (sscc string) {
	w.t.Helper()
	w.benched(sku)
	if sku == "PILL" {
		w.ok(DoubleCheck{Station: "pack1", Badge: "B2"})
	}
	step := seen(StationStep(w.tx, "pack1"))
	sscc = w.ok(Pack{Station: "pack1", Order: "O1", WeightMg: step.ExpectedMg}).Ref
	w.ok(LabelSent{Job: sscc})
	w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
	return sscc
}

// row 48: profiles of kinds of goods by what is done with goods of them: the
// answer of each pair.
func TestProfilesRow48(t *testing.T) {
	receipt := func(do func(w *world, sku string) Result) func(w *world, sku string) Result {
		return func(w *world, sku string) Result {
			w.ok(OpenReceipt{Receipt: "R1", Supplier: "S1"})
			return do(w, sku)
		}
	}
	bench := func(badges ...string) func(w *world, sku string) Result {
		return func(w *world, sku string) Result {
			w.benched(sku)
			var res Result
			for _, b := range badges {
				res = w.apply(DoubleCheck{Station: "pack1", Badge: b})
			}
			if len(badges) > 0 && !res.OK {
				return res
			}
			return w.apply(Pack{Station: "pack1", Order: "O1", WeightMg: seen(StationStep(w.tx, "pack1")).ExpectedMg})
		}
	}
	dock := func(readings ...int64) func(w *world, sku string) Result {
		return func(w *world, sku string) Result {
			sscc := w.readyToLoad(sku)
			for _, r := range readings {
				w.ok(GiveReading{Place: "dock/d1", DeciC: r})
			}
			return w.apply(Load{Dock: "d1", Barcode: sscc})
		}
	}
	operations := []struct {
		name string
		do   func(w *world, sku string) Result
		want [5]string // PLAIN, HAM, SIM, ICE, PILL
	}{
		{"count without anything", func(w *world, sku string) Result {
			return w.apply(OpenStock{Rows: []StockRow{{Bin: "A-04", SKU: sku, Qty: 1}}})
		}, [5]string{"OK", CodeInvalid, CodeInvalid, "OK", "OK"}},
		{"count with a lot", func(w *world, sku string) Result {
			return w.apply(OpenStock{Rows: []StockRow{{Bin: "A-04", SKU: sku, Lot: "H1", Qty: 1}}})
		}, [5]string{CodeInvalid, CodeProfile, CodeInvalid, CodeInvalid, CodeInvalid}},
		{"count with lot and expiry", func(w *world, sku string) Result {
			return w.apply(OpenStock{Rows: []StockRow{{Bin: "A-04", SKU: sku, Lot: "H1", Expiry: "2026-06-01", Qty: 1}}})
		}, [5]string{CodeInvalid, "OK", CodeInvalid, CodeInvalid, CodeInvalid}},
		{"find with a lot", func(w *world, sku string) Result {
			return w.apply(AdjustStock{Place: "bin/A-04", SKU: sku, Lot: "H1", Qty: 1, Reason: "FOUND"})
		}, [5]string{CodeInvalid, CodeProfile, CodeInvalid, CodeInvalid, CodeInvalid}},
		{"receive without anything", receipt(func(w *world, sku string) Result {
			return w.apply(Receive{Receipt: "R1", Barcode: sku, Qty: 1})
		}), [5]string{"OK", CodeWrongLot, CodeWrongSerial, CodeNoReading, "OK"}},
		{"receive with a lot", receipt(func(w *world, sku string) Result {
			return w.apply(Receive{Receipt: "R1", Barcode: sku, Lot: "H1", Qty: 1})
		}), [5]string{"OK", CodeProfile, CodeWrongSerial, CodeNoReading, "OK"}},
		{"receive with lot, expiry and serial", receipt(func(w *world, sku string) Result {
			return w.apply(Receive{Receipt: "R1", Barcode: sku, Lot: "H1", Expiry: "2026-06-01", Serial: "N1", Qty: 1})
		}), [5]string{"OK", "OK", "OK", CodeNoReading, "OK"}},
		{"receive in range", receipt(func(w *world, sku string) Result {
			w.ok(GiveReading{Place: "receipt/R1", DeciC: -180, Sensor: "probe 1"})
			return w.apply(Receive{Receipt: "R1", Barcode: sku, Lot: "H1", Expiry: "2026-06-01", Serial: "N1", Qty: 1})
		}), [5]string{"OK", "OK", "OK", "OK", "OK"}},
		{"receive with an old reading", receipt(func(w *world, sku string) Result {
			w.ok(GiveReading{Place: "receipt/R1", DeciC: -200})
			w.m.Now += 60_000
			return w.apply(Receive{Receipt: "R1", Barcode: sku, Lot: "H1", Expiry: "2026-06-01", Serial: "N1", Qty: 1})
		}), [5]string{"OK", "OK", "OK", CodeNoReading, "OK"}},
		{"weigh without a second person", bench(), [5]string{"OK", "OK", "OK", "OK", CodeWrongStep}},
		{"weigh with who picked", bench("B1"), [5]string{CodeWrongStep, CodeWrongStep, CodeWrongStep, CodeWrongStep, CodeSamePerson}},
		{"weigh with a stranger", bench("B9"), [5]string{CodeWrongStep, CodeWrongStep, CodeWrongStep, CodeWrongStep, CodeUnknownBadge}},
		{"weigh with another person", bench("B1", "B3"), [5]string{CodeWrongStep, CodeWrongStep, CodeWrongStep, CodeWrongStep, "OK"}},
		{"load without a reading", dock(), [5]string{"OK", "OK", "OK", CodeNoReading, "OK"}},
		{"load in range", dock(-195), [5]string{"OK", "OK", "OK", "OK", "OK"}},
		{"load out of range", dock(-195, -179), [5]string{"OK", "OK", "OK", FalloutColdChain, "OK"}},
		{"name the profile without its tracking", func(w *world, sku string) Result {
			it := *seen(GetItem(w.tx, sku))
			it.LotTracked, it.Serials = false, false
			return w.apply(PutItems{Items: []Item{it}})
		}, [5]string{"OK", CodeInvalid, CodeInvalid, "OK", "OK"}},
	}
	for _, op := range operations {
		for i, sku := range []string{"PLAIN", "HAM", "SIM", "ICE", "PILL"} {
			t.Run("row 48: "+op.name+"/"+sku, func(t *testing.T) {
				w := profiled(t)
				if res := op.do(w, sku); res.Code != op.want[i] {
					t.Errorf("answered %s (%s), want %s", res.Code, res.Text, op.want[i])
				}
				w.books()
				w.invariants()
			})
		}
	}
}

// row 48: goods that came in too warm are here, for the quality check, and
// somebody has to look; nothing is sold of them meanwhile.
func TestColdChainRow48(t *testing.T) { coldChain(t) }

func coldChain(t *testing.T) *world {
	t.Helper()
	w := profiled(t)
	w.ok(OpenReceipt{Receipt: "R1", Supplier: "S1"})
	w.ok(GiveReading{Place: "receipt/R1", DeciC: 41, Sensor: "probe 1"})
	w.ok(Receive{Receipt: "R1", Barcode: "ICE", Qty: 5})
	w.ok(Receive{Receipt: "R1", Barcode: "ICE", Qty: 2})
	w.wantFallouts("COLD_CHAIN /0")
	for _, b := range seen(Balances(w.tx, "ICE")) {
		if b.Place == "receipt/R1" && b.Status != StatusQC {
			t.Errorf("came in as %+v", b)
		}
	}
	w.ok(release("O2", "ICE*1"))
	w.state("O2", OrderShortWaiting)
	w.ok(CancelOrder{Order: "O2", Source: "oms/main"})
	f := seen(Fallouts(w.tx, true))[0]
	if f.Detail != "receipt/R1: 4.1 C, -30.0 to -18.0 C asked for" || len(f.Evidence) != 2 {
		t.Errorf("fallout %+v", f)
	}
	w.ok(ClearFallout{Fallout: f.ID})
	w.no(GiveReading{Place: "receipt/R2", DeciC: 1}, CodeUnknownReceipt)
	w.no(GiveReading{Place: "bin/A-01", DeciC: 1}, CodeInvalid)
	w.no(GiveReading{Place: "dock/d1", DeciC: 5000}, CodeInvalid)
	w.no(DoubleCheck{Station: "pack1", Badge: "B3"}, CodeWrongStep)

	// At the dock the order is parked; a person who looked lets it go on, and
	// it is loaded when the dock is cold.
	sscc := w.readyToLoad("ICE")
	w.ok(GiveReading{Place: "dock/d1", DeciC: 0})
	w.no(Load{Dock: "d1", Barcode: sscc}, FalloutColdChain)
	w.wantFallouts("COLD_CHAIN O1/1")
	w.ok(GiveReading{Place: "dock/d1", DeciC: -250})
	w.ok(RetryOrder{Order: "O1"})
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	// A reading that holds no more is forgotten.
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	if r := seen(GetReading(w.tx, "dock/d1")); r != nil {
		t.Errorf("still there: %+v", r)
	}
	// The second person of a pack is another one each time it is packed.
	w.ok(CloseReceipt{Receipt: "R9", Confirm: true})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-04", SKU: "PILL", Qty: 1}}})
	w.ok(release("O3", "PILL"))
	w.pick("K3", "w1", "O3")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O3").Tote})
	w.no(DoubleCheck{Station: "pack1", Badge: "B1"}, CodeSamePerson)
	w.ok(DoubleCheck{Station: "pack1", Badge: "B3"})
	if res := w.apply(Pack{Station: "pack1", Order: "O3", WeightMg: 1}); res.OK {
		t.Fatal("a wrong weight is taken")
	}
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O3").Tote})
	if s := seen(StationStep(w.tx, "pack1")); s.Do != StepSecond {
		t.Errorf("the station waits for %s", s.Do)
	}
	w.invariants()
	w.books()
	return w
}

// A site's profile holds for the items that name none, and bad ones are refused.
func TestProfileOfTheSiteRow48(t *testing.T) {
	w := profiled(t)
	s := *seen(GetSite(w.tx))
	s.Profile = "frozen"
	w.ok(PutSite{Site: s})
	w.ok(OpenReceipt{Receipt: "R1", Supplier: "S1"})
	w.no(Receive{Receipt: "R1", Barcode: "PLAIN", Qty: 1}, CodeNoReading)
	w.ok(Receive{Receipt: "R1", Barcode: "PILL", Qty: 1})
	for name, spoil := range map[string]func(*Site){
		"no such": func(s *Site) { s.Profile = "none" },
		"twice":   func(s *Site) { s.Profiles = append(s.Profiles, Profile{Name: "food"}) },
		"no name": func(s *Site) { s.Profiles = append(s.Profiles, Profile{}) },
		"range": func(s *Site) {
			s.Profiles = append(s.Profiles, Profile{Name: "x", Cold: &Range{MinDeciC: 2, MaxDeciC: 1}})
		},
		"no time":   func(s *Site) { s.ReadingMs = 0 },
		"long time": func(s *Site) { s.ReadingMs = 1 << 40 },
	} {
		bad := s
		bad.Profiles = append([]Profile(nil), s.Profiles...)
		spoil(&bad)
		if res := w.apply(PutSite{Site: bad}); res.Code != CodeInvalid {
			t.Errorf("%s: %s", name, res.Code)
		}
	}
	w.no(PutItems{Items: []Item{{SKU: "X", Name: "X", WeightMg: 1, Profile: "none"}}}, CodeInvalid)
	w.no(PutItems{Items: []Item{{SKU: "X", Name: "X", WeightMg: 1, Profile: "\x00"}}}, CodeInvalid)
	w.invariants()
}
