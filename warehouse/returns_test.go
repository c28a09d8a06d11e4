package warehouse_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// gone is a world from which order O1 was shipped: 4 cups, 2 milk of lot L1.
func gone(t fataler) *world {
	w := stocked(t)
	w.ok(release("O1", "CUP*4", "MILK*2"))
	w.pick("K1", "w1", "O1")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
	w.ok(Depart{Dock: "d1"})
	w.ok(SignIn{Device: "hw1", Badge: "B1"})
	return w
}

// row 14: what comes back is inspected before it can be sold; a damaged piece
// never raises what is sellable; the refund is asked for, not made.
func TestReturnRow14(t *testing.T) {
	w := gone(t)
	w.ok(AnnounceReturn{Return: "RMA1", Order: "O1", Lines: []ReturnLine{{SKU: "CUP", Expected: 3, Reason: "DAMAGED"}}, Source: "oms/main"})
	sellable := func() (n int64) {
		for _, b := range seen(Balances(w.tx, "CUP")) {
			if b.Place == "bin/A-01" || b.Place == "bin/A-02" || b.Place == "bin/B-05" {
				n += b.Qty
			}
		}
		return n
	}
	before := sellable()
	w.ok(ReceiveReturn{Return: "RMA1", Barcode: gtin(1), Qty: 3, Reason: "DAMAGED"})
	w.no(ReceiveReturn{Return: "RMA1", Barcode: gtin(1), Qty: 1, Reason: "DAMAGED"}, CodeConfirm)
	w.no(CloseReturn{Return: "RMA1"}, CodeCheckOpen)
	w.ok(InspectReturn{Return: "RMA1", SKU: "CUP", Qty: 1, Disposition: DispScrap})
	w.ok(InspectReturn{Return: "RMA1", SKU: "CUP", Qty: 1, Disposition: DispQuarantine})
	w.wantQty(PlaceScrap, "CUP", "", 1, 0)
	w.ok(release("O2", "CUP*17")) // 16 are left
	w.state("O2", OrderShortWaiting)
	w.putAway("B-05") // the quarantined one
	w.state("O2", OrderShortWaiting)
	w.ok(InspectReturn{Return: "RMA1", SKU: "CUP", Qty: 1, Disposition: DispRestock})
	w.no(InspectReturn{Return: "RMA1", SKU: "CUP", Qty: 1, Disposition: DispRestock}, CodeInvalid)
	w.state("O2", OrderShortWaiting)
	w.putAway("B-05")
	w.state("O2", OrderReleased)
	if n := sellable(); n != before+2 { // one of the two in B-05 is quarantined
		t.Fatalf("%d pieces in the bins, %d before", n, before)
	}
	w.ok(CloseReturn{Return: "RMA1"})
	want := []ReturnLine{{SKU: "CUP", Expected: 3, Received: 3, Reason: "DAMAGED", Decided: []Disposition{
		{What: DispScrap, Qty: 1}, {What: DispQuarantine, Qty: 1}, {What: DispRestock, Qty: 1},
	}}}
	for _, typ := range []string{EvReturnClosed, EvRefundRequested} {
		e := w.last(typ)
		if d := cmp.Diff(want, e.Data.Returned); d != "" || e.Order != "O1" || e.Data.Ref != "RMA1" {
			t.Fatalf("%s: %+v\n%s", typ, e, d)
		}
	}
	w.state("O1", OrderShipped)
	w.invariants()
	w.books()
}

// row 55: an exchange is a return that names the order sent instead.
func TestReturnRow55Exchange(t *testing.T) {
	w := gone(t)
	w.ok(release("O2", "PEN"))
	ann := AnnounceReturn{Return: "RMA2", Order: "O1", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "WRONG_ITEM"}}, Exchange: "O2", Source: "oms/main"}
	w.ok(ann)
	w.ok(ann)
	other := ann
	other.Exchange = "O3"
	w.no(other, CodeConflict)
	w.ok(ReceiveReturn{Return: "RMA2", Barcode: "CUP", Qty: 1, Reason: "WRONG_ITEM"})
	w.ok(InspectReturn{Return: "RMA2", SKU: "CUP", Qty: 1, Disposition: DispVendor})
	w.ok(CloseReturn{Return: "RMA2"})
	if e := w.last(EvReturnClosed); e.Data.Exchange != "O2" || e.Order != "O1" {
		t.Fatalf("event %+v", e)
	}
	w.ok(ann)
	w.invariants()
	w.books()
}

// A parcel nobody announced.
func TestBlindReturn(t *testing.T) {
	w := gone(t)
	milk := "]C101" + gtin(3) + "10L1"
	w.no(ReceiveReturn{Return: "B1", Order: "O1", Barcode: milk, Qty: 3, Reason: "OTHER"}, CodeConfirm) // 2 were shipped
	w.ok(ReceiveReturn{Return: "B1", Order: "O1", Barcode: milk, Qty: 2, Reason: "OTHER"})
	w.m.Now += 60 * 24 * 3600 * 1000
	w.no(InspectReturn{Return: "B1", SKU: "MILK", Lot: "L1", Qty: 2, Disposition: DispRestock}, FalloutExpired)
	w.ok(InspectReturn{Return: "B1", SKU: "MILK", Lot: "L1", Qty: 2, Disposition: DispQC})
	w.putAway("B-05")
	w.ok(CloseReturn{Return: "B1"})
	w.no(ReceiveReturn{Return: "B1", Barcode: milk, Qty: 1, Reason: "OTHER", Confirm: true}, CodeReceiptClosed)
	if got := seen(Returns(w.tx, "", 0)); len(got) != 1 || !got[0].Blind || got[0].Order != "O1" {
		t.Fatalf("returns %+v", got)
	}
	w.invariants()
	w.books()
}

func TestReturnBadInput(t *testing.T) {
	w := gone(t)
	w.ok(AnnounceReturn{Return: "RMA1", Order: "O1", Lines: []ReturnLine{{SKU: "CUP", Expected: 3, Reason: "DAMAGED"}}, Source: "oms/main"})
	line := func(l ReturnLine) Command {
		return AnnounceReturn{Return: "RMA9", Lines: []ReturnLine{l}, Source: "oms/main"}
	}
	for i, tt := range []struct {
		c    Command
		want string
	}{
		{AnnounceReturn{Return: "a/b", Source: "x"}, CodeInvalid},
		{AnnounceReturn{Return: "RMA9", Source: "x"}, CodeInvalid},
		{AnnounceReturn{Return: "RMA9", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "OTHER"}}}, CodeInvalid},
		{AnnounceReturn{Return: "RMA9", Order: "O9", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "OTHER"}}, Source: "x"}, CodeUnknownOrder},
		{AnnounceReturn{Return: "RMA9", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "OTHER"}, {SKU: "CUP", Expected: 1, Reason: "OTHER"}}, Source: "x"}, CodeDuplicateInFile},
		{line(ReturnLine{SKU: "NOPE", Expected: 1, Reason: "OTHER"}), CodeUnknownItem},
		{line(ReturnLine{SKU: "CUP", Reason: "OTHER"}), CodeInvalid},
		{line(ReturnLine{SKU: "CUP", Expected: 1, Received: 1, Reason: "OTHER"}), CodeInvalid},
		{line(ReturnLine{SKU: "CUP", Expected: 1, Reason: "BORED"}), CodeInvalid},
		{line(ReturnLine{SKU: "CUP", Lot: "L", Expected: 1, Reason: "OTHER"}), CodeWrongLot},
		{line(ReturnLine{SKU: "MILK", Expected: 1, Reason: "OTHER"}), CodeWrongLot},
		{ReceiveReturn{Return: "", Barcode: "CUP", Qty: 1, Reason: "OTHER"}, CodeInvalid},
		{ReceiveReturn{Return: "RMA1", Barcode: "", Qty: 1, Reason: "OTHER"}, CodeUnknownBarcode},
		{ReceiveReturn{Return: "RMA1", Barcode: "NOPE", Qty: 1, Reason: "OTHER"}, CodeUnknownBarcode},
		{ReceiveReturn{Return: "RMA1", Barcode: "CUP", Reason: "OTHER"}, CodeInvalid},
		{ReceiveReturn{Return: "RMA1", Barcode: "CUP", Qty: 1}, CodeInvalid},
		{ReceiveReturn{Return: "RMA1", Barcode: "PEN", Qty: 1, Reason: "OTHER"}, CodeConfirm},
		{ReceiveReturn{Return: "RMA1", Barcode: "MILK", Qty: 1, Reason: "OTHER"}, CodeWrongLot},
		{InspectReturn{Return: "RMA9", SKU: "CUP", Qty: 1, Disposition: DispScrap}, CodeUnknownReturn},
		{InspectReturn{Return: "RMA1", SKU: "PEN", Qty: 1, Disposition: DispScrap}, CodeUnknownItem},
		{InspectReturn{Return: "RMA1", SKU: "CUP", Qty: 1, Disposition: DispScrap}, CodeInvalid},
		{InspectReturn{Return: "RMA1", SKU: "CUP", Qty: 1, Disposition: "EAT"}, CodeInvalid},
		{CloseReturn{Return: "RMA9"}, CodeUnknownReturn},
	} {
		before := w.tx.Digest()
		if res := w.apply(tt.c); res.OK || res.Code != tt.want {
			t.Errorf("%d %#v: %s %s, want %s", i, tt.c, res.Code, res.Text, tt.want)
		}
		if w.tx.Digest() != before {
			t.Errorf("%#v changed the state", tt.c)
		}
	}
}

// returns is a day that uses every command about returns.
func returns(t *testing.T) *world {
	w := gone(t)
	w.ok(AnnounceReturn{Return: "RMA1", Order: "O1", Lines: []ReturnLine{{SKU: "CUP", Expected: 3, Reason: "DAMAGED"}}, Exchange: "O2", Source: "oms/main"})
	w.ok(ReceiveReturn{Return: "RMA1", Barcode: gtin(1), Qty: 3, Reason: "DAMAGED"})
	w.ok(InspectReturn{Return: "RMA1", SKU: "CUP", Qty: 1, Disposition: DispScrap})
	w.ok(InspectReturn{Return: "RMA1", SKU: "CUP", Qty: 1, Disposition: DispRestock})
	w.ok(InspectReturn{Return: "RMA1", SKU: "CUP", Qty: 1, Disposition: DispVendor})
	w.putAway("A-01")
	w.ok(CloseReturn{Return: "RMA1"})
	w.invariants()
	w.books()
	return w
}

// Another class is given by one rule, whoever gives it: through reclass, which no
// figure takes for an adjustment. Logs of before level 4 went by way of it.
func TestInspectionIsNoAdjustment(t *testing.T) {
	for level, by := range map[uint16]string{3: PlaceAdjustment, Level: PlaceReclass} {
		w := gone(t)
		items := testItems()
		items[0].Policy = PolicyFIFO
		w.ok(PutItems{Items: items})
		w.m.Level = level
		w.m.Now += 1000
		came := w.m.Now
		w.ok(ReceiveReturn{Return: "R1", Order: "O1", Barcode: gtin(1), Qty: 2, Reason: "OTHER"})
		w.m.Now += 1000
		w.ok(InspectReturn{Return: "R1", SKU: "CUP", Qty: 1, Disposition: DispRestock})
		w.ok(InspectReturn{Return: "R1", SKU: "CUP", Qty: 1, Disposition: DispQuarantine})
		var legs []string
		for _, m := range seen(Moves(w.tx)) {
			if m.Reason == "InspectReturn" {
				legs = append(legs, m.From+" > "+m.To+" "+m.Status)
			}
		}
		place := ReturnPlace("R1")
		want := []string{place + " > " + by + " qc", by + " > " + place + " ", place + " > " + by + " qc", by + " > " + place + " quarantined"}
		if d := cmp.Diff(want, legs); d != "" {
			t.Errorf("level %d: %s", level, d)
		}
		first := came
		if level == 3 {
			first = w.m.Now // as if they had come in just then
		}
		w.putAway("B-05")
		if got := seen(FirstIn(w.tx, "bin/B-05", "CUP")); got != first {
			t.Errorf("level %d: came in at %d, want %d", level, got, first)
		}
		w.invariants()
		w.books()
	}
}
