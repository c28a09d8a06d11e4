package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/demo/handheld"
	"tote/warehouse"
)

// Wrong scans: the code goes to whoever scanned, nothing changes, the work goes
// on from the same step, and the other worker never noticed.

// mistake runs one wrong scan of worker 1 at a step while worker 2 works on
// another order, then lets both finish.
func mistake(t *testing.T, sku string, qty int, at string, code string, wrong func(s *site, p *picker) handheld.Verb) {
	t.Helper()
	t.Parallel()
	s := newSite(t)
	p := s.pickerOf(1, "O1", sku, qty)
	other := s.pickerOf(2, "O2", "A2", 2)
	p.until(at)
	v := wrong(s, p)
	p.refused(v, code)
	other.goOn()
	p.refused(v, code) // and the next wrong one is no better
	other.until("ask")
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	s.wantState("O2", warehouse.OrderPicked)
	if o := s.get("O1"); o.Lines[0].Picked != int64(qty) || len(o.Fallouts) > 0 {
		t.Errorf("order O1: %d picked of %d, fallouts %v", o.Lines[0].Picked, qty, o.Fallouts)
	}
}

func always(v handheld.Verb) func(*site, *picker) handheld.Verb {
	return func(*site, *picker) handheld.Verb { return v }
}

func TestUnknownBarcodeForABin(t *testing.T) {
	mistake(t, "A1", 1, "scan_bin", warehouse.CodeUnknownBarcode, always(handheld.Verb{Verb: "scan", Barcode: "4006381333931"}))
}

func TestUnknownBarcodeForAnItem(t *testing.T) {
	mistake(t, "A1", 1, "scan_item", warehouse.CodeUnknownBarcode, always(handheld.Verb{Verb: "scan", Barcode: "]E04006381333931"}))
}

func TestBrokenGS1Barcode(t *testing.T) {
	mistake(t, "A1", 1, "scan_item", warehouse.CodeUnknownBarcode, always(handheld.Verb{Verb: "scan", Barcode: "]d20109521234001011"}))
}

func TestWrongBin(t *testing.T) {
	mistake(t, "A1", 1, "scan_bin", warehouse.CodeWrongBin, always(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-5"}))
}

func TestWrongItem(t *testing.T) {
	mistake(t, "A1", 1, "scan_item", warehouse.CodeWrongItem, always(handheld.Verb{Verb: "scan", Expect: "item", Barcode: "A2"}))
}

func TestWrongLot(t *testing.T) {
	mistake(t, "L1", 2, "scan_item", warehouse.CodeWrongLot, always(handheld.Verb{Verb: "scan", Barcode: "]d2010952123400103410LB"}))
}

func TestBarcodeWithoutTheLot(t *testing.T) {
	mistake(t, "L1", 2, "scan_item", warehouse.CodeWrongLot, always(handheld.Verb{Verb: "scan", Barcode: "]E09521234001034"}))
}

func TestWrongStep(t *testing.T) {
	mistake(t, "A1", 1, "scan_bin", warehouse.CodeWrongStep, always(handheld.Verb{Verb: "scan", Expect: "item", Barcode: "A1"}))
}

func TestTooManyScanned(t *testing.T) {
	mistake(t, "A1", 2, "scan_item", warehouse.CodeOverPick, always(handheld.Verb{Verb: "scan", Barcode: "A1", Qty: 3}))
}

func TestToteScannedTooEarly(t *testing.T) {
	mistake(t, "A1", 2, "scan_item", warehouse.CodeQtyMissing, always(handheld.Verb{Verb: "scan", Barcode: "T-900"}))
}

func TestScanForAnotherTask(t *testing.T) {
	mistake(t, "A1", 1, "scan_bin", warehouse.CodeReplayInvalid, always(handheld.Verb{Verb: "scan", Barcode: "B-1", Task: "O9/1/1"}))
}

// TestScanForTheTaskOfAnother: a scan that comes too late is refused, moves
// nothing and changes no screen, and a person gets to see it.
func TestScanForTheTaskOfAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, other := s.pickerOf(1, "O1", "A1", 1), s.pickerOf(2, "O2", "A2", 2)
	p.until("scan_bin")
	before := p.step
	for range 2 { // the same again is no second fallout
		res := p.do(handheld.Verb{Verb: "scan", Barcode: "B-1", Task: other.step.Task})
		if res.OK || res.Code != warehouse.CodeReplayInvalid || res.Text == "" {
			t.Errorf("answered %+v", res)
		}
	}
	if diff := cmp.Diff(before, p.step); diff != "" {
		t.Errorf("the screen changed (-before +after):\n%s", diff)
	}
	if _, b := s.call("GET", "/v1/fallouts", "", ""); strings.Count(string(b), warehouse.CodeReplayInvalid) != 1 {
		t.Errorf("fallouts %s", b)
	}
	other.until("ask")
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
	s.wantState("O2", warehouse.OrderPicked)
}

func TestUnknownTote(t *testing.T) {
	mistake(t, "A1", 1, "scan_slot", warehouse.CodeUnknownTote, always(handheld.Verb{Verb: "scan", Expect: "slot", Barcode: "BOX-7"}))
}

func TestWrongPackDrop(t *testing.T) {
	mistake(t, "A1", 1, "finish", warehouse.CodeWrongBin, always(handheld.Verb{Verb: "finish", Barcode: "B-1"}))
}

// TestToteInUse: the tote of another order's cart.
func TestToteInUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, other := s.pickerOf(1, "O1", "A1", 1), s.pickerOf(2, "O2", "A2", 1)
	other.until("finish")
	p.until("scan_slot")
	p.refused(handheld.Verb{Verb: "scan", Barcode: other.totes["O2"]}, warehouse.CodeToteInUse)
	other.until("ask")
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
}

// TestWrongSlot: an order of two lines stays in the tote of its first.
func TestWrongSlot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if code, answer := s.importCSV("orders", orderColumns+orderRow("O1", 1, "A1", 1)+orderRow("O1", 2, "A2", 1)); code != 200 {
		t.Fatalf("%d %s", code, answer)
	}
	other := s.picker(2)
	p := s.picker(1)
	p.ask()
	p.until("scan_slot")
	p.goOn()
	p.until("scan_slot")
	p.refused(handheld.Verb{Verb: "scan", Expect: "slot", Barcode: "T-900"}, warehouse.CodeWrongSlot)
	s.order("O2", "A2", 1)
	other.ask()
	other.until("ask")
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
}

// TestUnknownBadge: nobody is signed in, and the worker at the next handheld is
// left alone.
func TestUnknownBadge(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := s.pickerOf(2, "O1", "A1", 1)
	p := &picker{s: s, hh: s.handheld("h1"), step: handheld.Step{Do: "sign_in"}}
	p.refused(handheld.Verb{Verb: "sign_in", Barcode: "BADGE-9"}, warehouse.CodeUnknownBadge)
	p.refused(handheld.Verb{Verb: "ask"}, warehouse.CodeNotSignedIn)
	p.refused(handheld.Verb{Verb: "scan", Barcode: "B-1"}, warehouse.CodeNotSignedIn)
	other.until("ask")
}

// TestNotEnoughStock: the order waits and says for what; nothing of it is
// reserved, so that the next order gets the goods.
func TestNotEnoughStock(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.order("O1", "A1", 51)
	p := s.pickerOf(1, "O2", "A1", 50)
	o := s.get("O1")
	if o.State != warehouse.OrderShortWaiting || len(o.Fallouts) != 1 || o.Fallouts[0].Code != warehouse.FalloutOutOfStock {
		t.Errorf("order O1 is %s with %+v", o.State, o.Fallouts)
	}
	p.goOn()
	p.ok(handheld.Verb{Verb: "scan", Barcode: "A1", Qty: 50})
	p.until("ask")
}
