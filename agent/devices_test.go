package agent

import (
	"slices"
	"testing"

	"tote/agent/api"
	"tote/agent/station"
	"tote/drivers"
	"tote/warehouse"
)

// What devices and the people at them can do wrong, with the real drivers on
// ptys. Carton 350 g, Tea 100 g, Cup 50 g, tolerance 20 g and 0.5 %.

// TestWeightOutsideTolerance: the order is parked with its code, the station is
// free for the next tote, and after the carton was mended it goes out.
func TestWeightOutsideTolerance(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	bad, good := s.picked(1, "O1", "A1", 2), s.picked(2, "O2", "A2", 1)
	one, two := s.screen("station", "pack1"), s.screen("station", "pack2")
	s.weighing(two, good)
	s.weighing(one, bad)
	s.put("pack1", 650_000) // one Tea too many
	one.answer(warehouse.CodeWeightMismatch)
	o := s.get("O1")
	if o.State != warehouse.OrderPicked || len(o.Parcels) != 0 || len(o.Fallouts) != 1 || o.Fallouts[0].Code != warehouse.FalloutWeightMismatch {
		t.Errorf("order O1 is %s with %v and %+v", o.State, o.Parcels, o.Fallouts)
	}
	one.until("why", func(task screenTask, _ station.Hint) bool {
		return task.Do == warehouse.StepScanTote && task.Code == warehouse.CodeWeightMismatch
	})
	s.put("pack2", 400_000) // the other station never noticed
	two.answer(warehouse.CodeOK)
	s.wantState("O2", warehouse.OrderLabelled)

	s.clearScale("pack1")
	s.packed(one, "O1", bad, 551_300) // within the tolerance
	o = s.get("O1")
	if len(o.Fallouts) != 0 || len(o.Parcels) != 1 || o.Parcels[0].WeightMg != 551_300 {
		t.Errorf("order O1: %+v, fallouts %+v", o.Parcels, o.Fallouts)
	}
	if n := s.labels("pack1"); n != 1 {
		t.Errorf("%d labels came out", n)
	}
}

// TestCartonLeftOnTheScale: the carton of the order before is not booked for
// the next one.
func TestCartonLeftOnTheScale(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	a, b := s.picked(1, "O1", "A1", 1), s.picked(2, "O2", "A1", 1)
	sc := s.screen("station", "pack1")
	s.weighing(sc, a)
	s.put("pack1", 450_000)
	sc.answer(warehouse.CodeOK)
	sc.untilStep(warehouse.StepScanTote)
	s.weighing(sc, b)
	sc.untilHint(station.HintClearScale)
	s.wantState("O2", warehouse.OrderPacking)
	s.clearScale("pack1")
	sc.untilHint("")
	s.put("pack1", 450_700)
	sc.answer(warehouse.CodeOK)
	s.wantState("O2", warehouse.OrderLabelled)
}

// TestUnknownBarcodeAtTheStation: nothing the station knows, a tote that is not
// picked yet, a reprint nobody needs. Each is answered; then the right one.
func TestUnknownBarcodeAtTheStation(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	tote := s.picked(1, "O1", "A1", 1)
	p := s.pickerOf(2, "O2", "A2", 1).until("finish")
	sc := s.screen("station", "pack1")
	for code, want := range map[string]string{
		"4006381333931":     warehouse.CodeUnknownTote,
		p.totes["O2"]:       warehouse.CodeNotPicked,
		station.CodeReprint: warehouse.CodeWrongStep,
	} {
		s.unchanged(func() {
			s.scan("pack1", code)
			if a := sc.answer(want); a.Barcode != code {
				t.Errorf("answered for %q", a.Barcode)
			}
		})
	}
	s.weighing(sc, tote)
	s.unchanged(func() {
		s.scan("pack1", "T-900")
		sc.answer(warehouse.CodeUnknownTote)
	})
	p.goOn()
	s.unchanged(func() {
		s.scan("pack1", p.totes["O2"])
		sc.answer(warehouse.CodeStationBusy)
	})
	other := s.screen("station", "pack2")
	s.packed(other, "O2", p.totes["O2"], 400_000)
}

// TestWrongParcelAtTheDock: a foreign SSCC, a parcel without a proven label, the
// same parcel twice, an empty truck.
func TestWrongParcelAtTheDock(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	tote := s.picked(1, "O1", "A1", 1)
	sc, dock := s.screen("station", "pack1"), s.screen("dock", "dock1")
	s.unchanged(func() {
		s.scan("dock1", station.CodeDepart)
		dock.answer(warehouse.CodeNothingLoaded)
		s.scan("dock1", "]C100340123450000000017")
		dock.answer(warehouse.CodeUnknownSSCC)
	})
	s.fault("pack1/printer", "paper_out", true)
	s.weighing(sc, tote)
	s.put("pack1", 450_000)
	sc.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderPacked)
	job := s.get("O1").Parcels[0].SSCC
	sscc := "]C100" + job
	s.eventually("the label is drawn and filed", func() (filed bool) {
		s.must(s.gw.agent.view(func(r warehouse.Reader) error {
			j, err := warehouse.GetJob(r, job)
			filed = err == nil && j.Doc != ""
			return err
		}))
		return filed
	})
	s.unchanged(func() {
		s.scan("dock1", sscc)
		dock.answer(warehouse.CodeNotLabelled)
	})
	s.fault("pack1/printer", "paper_out", false)
	s.wantState("O1", warehouse.OrderLabelled)
	sc.untilStep(warehouse.StepScanTote)
	s.scan("dock1", sscc)
	dock.answer(warehouse.CodeOK)
	s.unchanged(func() {
		s.scan("dock1", "]C100340123450000000017") // in between, or the scanner takes it for one scan
		dock.answer(warehouse.CodeUnknownSSCC)
		s.scan("dock1", sscc)
		dock.answer(warehouse.CodeAlreadyLoaded)
	})
	s.scan("dock1", station.CodeDepart)
	dock.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderShipped)
	s.cancelled("O1", 409, warehouse.CodeHardPONR)
}

// TestDuplicateScanOfAScanner: a trigger that bounces is one scan.
func TestDuplicateScanOfAScanner(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	tote := s.picked(1, "O1", "A1", 1)
	sc := s.screen("station", "pack1")
	s.fault("pack1/scanner", "duplicate", true)
	s.weighing(sc, tote)
	s.scan("pack1", "T-900") // behind the copy, so the copy was dealt with
	sc.answer(warehouse.CodeUnknownTote)
	sc.silent()
	s.fault("pack1/scanner", "duplicate", false)
	s.put("pack1", 450_000)
	sc.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderLabelled)
}

// TestScannerSpeakingGarbage: what cannot be read is thrown away and answered
// with its code; nothing is booked; a scan that comes through is taken, and the
// other station works all the time.
func TestScannerSpeakingGarbage(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	tote, next := s.picked(1, "O1", "A1", 1), s.picked(2, "O2", "A2", 1)
	sc, other := s.screen("station", "pack1"), s.screen("station", "pack2")
	s.fault("pack1/scanner", "noise", true)
	s.unchanged(func() {
		for range 2 { // the emulator damages two of three
			s.scan("pack1", tote)
			if a := sc.answer(drivers.CodeScannerUnreadable); a.Barcode != "" {
				t.Errorf("garbage %q was taken for a barcode", a.Barcode)
			}
		}
	})
	s.packed(other, "O2", next, 400_000)
	s.weighing(sc, tote)
	s.fault("pack1/scanner", "noise", false)
	s.fault("pack1/scanner", "no_suffix", true)
	s.unchanged(func() {
		s.scan("pack1", "T-900")
		sc.answer(drivers.CodeScannerIncomplete)
	})
	s.fault("pack1/scanner", "no_suffix", false)
	s.put("pack1", 450_000)
	sc.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderLabelled)
}

// TestScaleSpeakingGarbage: no weight is made of noise; the carton is booked
// once, with the weight that lay on the pan.
func TestScaleSpeakingGarbage(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	tote, next := s.picked(1, "O1", "A1", 1), s.picked(2, "O2", "A2", 1)
	sc, other := s.screen("station", "pack1"), s.screen("station", "pack2")
	for _, fault := range []string{"noise", "line_errors"} {
		s.fault("pack1/scale", fault, true)
	}
	s.weighing(sc, tote)
	s.packed(other, "O2", next, 400_000)
	s.fault("pack1/scale", "line_errors", false)
	s.put("pack1", 451_200)
	sc.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderLabelled)
	if o := s.get("O1"); o.Parcels[0].WeightMg != 451_200 {
		t.Errorf("booked %d mg", o.Parcels[0].WeightMg)
	}
}

// TestScaleThatDrifts: the empty scale rests beside zero, the station and the
// list of devices say so; the packer zeroes it with a barcode, and what is
// weighed then is right. With something on it nothing is zeroed away.
func TestScaleThatDrifts(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	tote := s.picked(1, "O1", "A1", 1)
	sc := s.screen("station", "pack1")
	s.fault("pack1/scale", "drift", true)
	sc.untilHint(station.HintRezero)
	s.eventually("the gateway tells of the drift", func() bool {
		return slices.ContainsFunc(s.gw.agent.status().Devices, func(d api.Device) bool {
			return d.Name == "pack1/scale" && d.State == string(drivers.Degraded) && d.Code == drivers.CodeScaleDrift
		})
	})
	s.scan("pack1", station.CodeZero)
	sc.answer(warehouse.CodeOK)
	s.weighing(sc, tote)
	s.put("pack1", 451_200)
	sc.answer(warehouse.CodeOK)
	if o := s.get("O1"); o.Parcels[0].WeightMg != 451_200 {
		t.Errorf("booked %d mg", o.Parcels[0].WeightMg)
	}
	s.scan("pack1", station.CodeZero)
	sc.answer(drivers.CodeScaleNotEmpty)
}

// TestPrinterSpeakingGarbage: the label comes out once and its proof gets
// through.
func TestPrinterSpeakingGarbage(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	tote, next := s.picked(1, "O1", "A1", 1), s.picked(2, "O2", "A2", 1)
	sc, other := s.screen("station", "pack1"), s.screen("station", "pack2")
	s.fault("pack1/printer", "noise", true)
	s.weighing(sc, tote)
	s.put("pack1", 450_000)
	sc.answer(warehouse.CodeOK)
	s.packed(other, "O2", next, 400_000)
	sc.untilStep(warehouse.StepScanTote)
	s.wantState("O1", warehouse.OrderLabelled)
	if n := s.labels("pack1"); n != 1 {
		t.Errorf("%d labels came out", n)
	}
}

// TestDevicesPulledOutAndPluggedIn: the station says what is missing, the other
// one works, and the work goes on when the device is back.
func TestDevicesPulledOutAndPluggedIn(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	tote, next := s.picked(1, "O1", "A1", 1), s.picked(2, "O2", "A2", 1)
	sc, other := s.screen("station", "pack1"), s.screen("station", "pack2")
	s.weighing(sc, tote)
	all := []string{"pack1/scanner", "pack1/scale", "pack1/printer"}
	for _, d := range all {
		s.fault(d, "unplug", true)
	}
	s.eventually("the gateway sees that they are gone", func() bool {
		gone := 0
		for _, d := range s.gw.agent.status().Devices {
			if d.State == string(drivers.Absent) && d.Code == drivers.CodeUnplugged {
				gone++
			}
		}
		return gone == len(all)
	})
	s.packed(other, "O2", next, 400_000)
	for _, d := range all {
		s.fault(d, "unplug", false)
	}
	s.devicesReady()
	s.put("pack1", 450_000)
	sc.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderLabelled)
	sc.untilStep(warehouse.StepScanTote)
	s.unchanged(func() {
		s.scan("pack1", "T-900")
		sc.answer(warehouse.CodeUnknownTote)
	})
	if n := s.labels("pack1"); n != 1 {
		t.Errorf("%d labels came out", n)
	}
}

// TestPaperOut: the label waits, the worker is told why, the other station
// prints, and with new paper the label comes out once.
func TestPaperOut(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	tote, next := s.picked(1, "O1", "A1", 1), s.picked(2, "O2", "A2", 1)
	sc, other := s.screen("station", "pack1"), s.screen("station", "pack2")
	s.fault("pack1/printer", "paper_out", true)
	s.weighing(sc, tote)
	s.put("pack1", 450_000)
	sc.answer(warehouse.CodeOK)
	sc.until("that paper is out", func(task screenTask, h station.Hint) bool {
		return task.Do == warehouse.StepPrint && h.Code == station.HintNoPrinter && len(h.Text) > len(drivers.CodePrinterPaperOut) &&
			h.Text[:len(drivers.CodePrinterPaperOut)] == drivers.CodePrinterPaperOut
	})
	s.packed(other, "O2", next, 400_000)
	if o := s.get("O1"); o.State != warehouse.OrderPacked || s.labels("pack1") != 0 {
		t.Errorf("order O1 is %s, %d labels came out without paper", o.State, s.labels("pack1"))
	}
	s.cancelled("O1", 409, warehouse.CodeSoftPONR) // nothing was sent yet
	s.fault("pack1/printer", "paper_out", false)
	s.wantState("O1", warehouse.OrderLabelled)
	sc.untilStep(warehouse.StepScanTote)
	sc.untilHint("")
	if n := s.labels("pack1"); n != 1 {
		t.Errorf("%d labels came out", n)
	}
}
