package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

func testSuppliers() []Supplier {
	return []Supplier{
		{ID: "ACME", Name: "Acme", Checks: []CheckRule{{Name: "seal", Mandatory: true}, {Name: "photo"}}, OverPermil: 100},
		{ID: "OLD", Name: "A supplier without computers"},
	}
}

// testASN announces cups twice, pens by the supplier's code and milk in a unit.
func testASN() ReceiptSpec {
	return ReceiptSpec{
		ID: "R1", Revision: 1, Supplier: "ACME", PO: "PO-7", Expected: start + 3_600_000, Payment: "open",
		Lines: []ReceiptLine{
			{Line: 1, SKU: "CUP", Qty: 10},
			{Line: 2, Code: "A-77", Qty: 5},
			{Line: 3, SKU: "MILK", Qty: 6, Lot: "L3", Expiry: "2026-04-01", LU: "395212340000000014"},
			{Line: 4, SKU: "BAG", Qty: 2, LU: "395212340000000014"},
		},
	}
}

// desk is a world where receipt R1 is announced; bin A-05 is a free bin of
// class FAST, to which cups belong.
func desk(t fataler) *world {
	w := stocked(t)
	items := testItems()
	items[0].Class = "FAST"
	w.ok(PutItems{Items: items[:1]})
	w.ok(PutBins{Bins: []Bin{{Code: "A-05", Aisle: 0, Cell: 4, Class: "FAST"}}})
	w.ok(PutSuppliers{Suppliers: testSuppliers()})
	w.ok(PutVendorCodes{Supplier: "ACME", Codes: []VendorCode{{Code: "A-77", SKU: "PEN"}}})
	w.ok(AnnounceReceipt{Receipt: testASN(), Source: "oms/main"})
	w.ok(SignIn{Device: "hw1", Badge: "B1"})
	return w
}

// putAway does the oldest put-away and returns the bin it went to.
func (w *world) putAway(bin string) string {
	w.t.Helper()
	w.ok(ClaimFloor{Device: "hw1", Of: FloorPutaway})
	s := w.step("hw1")
	w.ok(Scan{Device: "hw1", Verb: "slot", Barcode: s.Tote, Task: s.Task})
	w.ok(Scan{Device: "hw1", Verb: "item", Barcode: itemCode(s), Qty: s.Qty})
	if s = w.step("hw1"); s.Bin != "" {
		bin = s.Bin
	}
	w.ok(Scan{Device: "hw1", Verb: "bin", Barcode: bin})
	return bin
}

// row 60, row 26, row 25: what came is compared with what was announced, by
// line, also for lines that name the supplier's code and for a whole unit.
func TestReceiptRow60Row26Row25(t *testing.T) {
	w := desk(t)
	w.ok(Receive{Receipt: "R1", Barcode: gtin(1), Qty: 8})
	w.ok(Receive{Receipt: "R1", Barcode: gtin(1), Qty: 1, Damaged: true})
	w.ok(Receive{Receipt: "R1", Barcode: "A-77", Qty: 5}) // vendor code
	w.no(Receive{Receipt: "R1", Barcode: "PEN", Qty: 2}, CodeConfirm)
	w.ok(Receive{Receipt: "R1", Barcode: "PEN", Qty: 2, Confirm: true})
	w.ok(ReceiveUnit{Receipt: "R1", LU: "]C100395212340000000014"})
	if res := w.ok(ReceiveUnit{Receipt: "R1", LU: "395212340000000014"}); res.Text != "received before" {
		t.Fatalf("answer %+v", res)
	}
	w.no(Receive{Receipt: "R1", Barcode: "]C101" + gtin(3) + "17250101" + "10OLD", Qty: 1}, FalloutExpired)
	w.ok(Receive{Receipt: "R1", Barcode: "]C101" + gtin(3) + "17250101" + "10OLD", Qty: 1, Confirm: true})
	place := ReceiptPlace("R1")
	w.wantQty(place, "CUP", "", 8, 8)
	w.wantQty(place, "PEN", "", 7, 7)
	w.wantQty(place, "MILK", "L3", 6, 6)
	w.invariants()
	w.books()

	w.no(CloseReceipt{Receipt: "R1", Confirm: true}, CodeCheckOpen)
	w.no(CheckReceipt{Receipt: "R1", Name: "smell", Value: "good"}, CodeInvalid)
	w.ok(CheckReceipt{Receipt: "R1", Name: "seal", Value: "4711", Photo: "photo/1"})
	w.no(CloseReceipt{Receipt: "R1"}, CodeConfirm)
	w.ok(CloseReceipt{Receipt: "R1", Confirm: true})
	w.no(CloseReceipt{Receipt: "R1"}, CodeReceiptClosed)
	w.no(Receive{Receipt: "R1", Barcode: "CUP", Qty: 1}, CodeReceiptClosed)
	evs := w.events()
	e := evs[len(evs)-1]
	got := map[int][]string{}
	for _, l := range e.Data.Received {
		got[l.Line] = l.Variance
	}
	want := map[int][]string{1: {VarShort, VarDamaged}, 2: {VarOver}, 3: {VarOver, VarWrongLot, VarExpired}, 4: nil}
	if e.Type != EvReceiptClosed || e.Data.Receipt != "R1" || e.Data.Supplier != "ACME" || !cmp.Equal(got, want) {
		t.Fatalf("event %+v: %v", e, got)
	}
	t.Run("row 42: figures of the supplier", func(t *testing.T) {
		if f := seen(GetSupplierFigures(w.tx, "ACME")); f != (SupplierFigures{Receipts: 1, Lines: 4, Variances: 3}) {
			t.Fatalf("figures %+v", f)
		}
	})
	t.Run("row 16: totals of the receipt are those of the ledger", func(t *testing.T) {
		for _, sku := range skus {
			var told int64
			for _, l := range e.Data.Received {
				if l.SKU == sku {
					told += l.Received
				}
			}
			for _, b := range seen(Balances(w.tx, sku)) {
				if b.Place == PlaceSupplier {
					told += b.Qty
				}
			}
			if told != 0 {
				t.Errorf("%s: the event and the ledger differ by %d", sku, told)
			}
		}
	})
	w.invariants()
}

// row 27: a receipt cannot be closed with a mandatory point of the supplier's
// checklist open; the others may be.
func TestReceiptRow27Checklist(t *testing.T) {
	w := desk(t)
	w.ok(OpenReceipt{Receipt: "R2", Supplier: "ACME"})
	w.no(CloseReceipt{Receipt: "R2"}, CodeCheckOpen)
	w.ok(CheckReceipt{Receipt: "R2", Name: "seal", Value: "broken"})
	w.ok(CloseReceipt{Receipt: "R2"})
	if rc := seen(GetReceipt(w.tx, "R2")); rc.Checks[0].By != "test" || rc.Checks[0].At != w.m.Now || rc.Checks[1].At != 0 {
		t.Fatalf("checks %+v", rc.Checks)
	}
}

// row 88: goods of a supplier who announces nothing come in, are put away and
// can be sold.
func TestReceiptRow88Blind(t *testing.T) {
	w := desk(t)
	w.ok(release("O1", "BAG*7")) // 5 are here
	w.state("O1", OrderShortWaiting)
	w.ok(OpenReceipt{Receipt: "R2", Supplier: "OLD"})
	w.ok(Receive{Receipt: "R2", Barcode: "BAG", Qty: 4})
	w.state("O1", OrderShortWaiting)
	w.putAway("B-04")
	w.wantQty("bin/B-04", "BAG", "", 4, 2)
	w.state("O1", OrderReleased)
	w.ok(CloseReceipt{Receipt: "R2"})
	if rc := seen(GetReceipt(w.tx, "R2")); rc.Lines[0].Variance != nil || rc.State != ReceiptClosed {
		t.Fatalf("receipt %+v", rc)
	}
	w.invariants()
	w.books()
}

// Put-away goes to a bin of the class that holds the item, else to an empty one.
func TestPutawayByClass(t *testing.T) {
	w := desk(t)
	for i, want := range []string{"A-05", "A-05"} {
		w.ok(Receive{Receipt: "R1", Barcode: "CUP", Qty: int64(3 + i)})
		if got := w.putAway(""); got != want {
			t.Fatalf("cups go to %s, want %s", got, want)
		}
	}
	w.wantQty("bin/A-05", "CUP", "", 7, 0)
	// Damaged goods may go anywhere but are never sold.
	w.ok(Receive{Receipt: "R1", Barcode: "CUP", Qty: 2, Damaged: true})
	if got := w.putAway("B-05"); got != "B-05" {
		t.Fatalf("damaged cups go to %s", got)
	}
	w.ok(release("O1", "CUP*28")) // 27 are good
	w.state("O1", OrderShortWaiting)
	// A class that ends frees its row.
	w.ok(PutBins{Bins: []Bin{{Code: "B-04", Aisle: 1, Cell: 3, Class: "SLOW"}}})
	w.ok(PutBins{Bins: []Bin{{Code: "B-04", Aisle: 1, Cell: 3}}})
	w.invariants()
}

// row 84: no piece is without a holder: what came in stands in the place of its
// receipt, all of it in the hands of a task, until it is in a bin.
func TestReceiptRow84Custody(t *testing.T) {
	w := desk(t)
	w.ok(Receive{Receipt: "R1", Barcode: "CUP", Qty: 4})
	task := seen(FloorTasks(w.tx, 0))[0]
	if task.From != ReceiptPlace("R1") || task.Qty != 4 || task.To != "bin/A-05" {
		t.Fatalf("task %+v", task)
	}
	w.no(EndFloor{Task: task.ID, Reason: "no time"}, CodeConflict)
	w.putAway("")
	w.wantQty(ReceiptPlace("R1"), "CUP", "", 0, 0)
	w.invariants()
}

// row 100: a thousand tags, two of them extra and three missing.
func TestReceiptRow100Bulk(t *testing.T) {
	w := desk(t)
	w.ok(AnnounceReceipt{Receipt: ReceiptSpec{ID: "R9", Supplier: "OLD", Lines: []ReceiptLine{
		{Line: 1, SKU: "CUP", Qty: 600}, {Line: 2, SKU: "PEN", Qty: 401},
	}}, Source: "oms/main"})
	tag := func(item, serial int) string {
		g := gtin(item)
		return fmt.Sprintf("urn:epc:id:sgtin:%s.%s%s.%d", g[1:8], g[:1], g[8:13], serial)
	}
	var expected, read []string
	for i := range 600 {
		expected = append(expected, tag(1, i))
	}
	for i := range 401 {
		expected = append(expected, tag(2, i))
	}
	for part := range slices.Chunk(expected, 300) {
		w.ok(AnnounceTags{Receipt: "R9", EPCs: part})
	}
	read = append(read, expected[:399]...)
	read = append(read, expected[401:1000]...) // 399, 400 and 1000 are missing
	read = append(read, tag(1, 7000), "E280116060000204")
	for part := range slices.Chunk(read, 500) {
		w.ok(SeeTags{Receipt: "R9", EPCs: part})
		w.ok(SeeTags{Receipt: "R9", EPCs: part}) // the reader repeats itself
	}
	rep := seen(ReceiptTags(w.tx, "R9"))
	if rep.Expected != 1001 || rep.Seen != 1000 || len(rep.Missing) != 3 || len(rep.Extra) != 2 {
		t.Fatalf("report: %d expected, %d seen, missing %v, extra %v", rep.Expected, rep.Seen, rep.Missing, rep.Extra)
	}
	w.ok(BookTags{Receipt: "R9"})
	w.ok(BookTags{Receipt: "R9"})
	w.wantQty(ReceiptPlace("R9"), "CUP", "", 598, 598)
	w.wantQty(ReceiptPlace("R9"), "PEN", "", 400, 400)
	if res := w.ok(BookTags{Receipt: "R9", Extra: true}); res.Text != "1 pieces booked" {
		t.Fatalf("answer %+v", res)
	}
	w.ok(CloseReceipt{Receipt: "R9", Confirm: true})
	rc := seen(GetReceipt(w.tx, "R9"))
	if !slices.Equal(rc.Lines[0].Variance, []string{VarShort}) || !slices.Equal(rc.Lines[1].Variance, []string{VarShort}) {
		t.Fatalf("lines %+v", rc.Lines)
	}
	w.invariants()
	w.books()
}

// row 28, row 29: the list of deliveries and its filters.
func TestReceiptRow28Row29Filters(t *testing.T) {
	w := desk(t)
	w.ok(OpenReceipt{Receipt: "R2", Supplier: "OLD"})
	paid := testASN()
	paid.ID, paid.Payment, paid.Expected = "R3", "paid", start+9_000_000
	w.ok(AnnounceReceipt{Receipt: paid, Source: "oms/main"})
	for _, tt := range []struct {
		f    ReceiptFilter
		want []string
	}{
		{ReceiptFilter{}, []string{"R1", "R2", "R3"}},
		{ReceiptFilter{Supplier: "ACME"}, []string{"R1", "R3"}},
		{ReceiptFilter{Payment: "paid"}, []string{"R3"}},
		{ReceiptFilter{State: ReceiptReceiving}, []string{"R2"}},
		{ReceiptFilter{DueBy: start + 4_000_000}, []string{"R1"}},
	} {
		var got []string
		for _, rc := range seen(Receipts(w.tx, tt.f, "", 0)) {
			got = append(got, rc.ID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.f, got, tt.want)
		}
	}
	if got := seen(Receipts(w.tx, ReceiptFilter{}, "R1", 1)); len(got) != 1 || got[0].ID != "R2" || got[0].PO != "" {
		t.Errorf("a page: %+v", got)
	}
	if rc := seen(GetReceipt(w.tx, "R1")); rc.PO != "PO-7" || rc.Supplier != "ACME" || rc.Payment != "open" || rc.Expected == 0 {
		t.Errorf("receipt %+v", rc)
	}
}

func TestAnnouncingAgain(t *testing.T) {
	w := desk(t)
	before := w.tx.Digest()
	w.ok(AnnounceReceipt{Receipt: testASN(), Source: "oms/main"})
	if w.tx.Digest() != before {
		t.Fatal("the same again changed something")
	}
	other := testASN()
	other.Lines = other.Lines[:1]
	w.no(AnnounceReceipt{Receipt: other, Source: "oms/main"}, CodeConflict)
	other.Revision = 2
	w.no(AnnounceReceipt{Receipt: other, Source: "site"}, CodeConflict)
	w.ok(AnnounceReceipt{Receipt: other, Source: "oms/main"})
	w.ok(Receive{Receipt: "R1", Barcode: "CUP", Qty: 1})
	other.Revision = 3
	w.no(AnnounceReceipt{Receipt: other, Source: "oms/main"}, CodeReceiptClosed)
	w.no(CancelReceipt{Receipt: "R1", Reason: "x"}, CodeConflict)
	w.ok(OpenReceipt{Receipt: "R2", Supplier: "OLD"})
	w.ok(CancelReceipt{Receipt: "R2", Reason: "nobody came"})
	w.invariants()
}

// row 90: a barcode nobody knew is bound to an item, the item keeps its old
// ones, and the OMS is asked to take it over.
func TestAliasRow90(t *testing.T) {
	w := desk(t)
	w.no(Receive{Receipt: "R1", Barcode: "NEW-1", Qty: 1}, CodeUnknownBarcode)
	w.m.Actor = "ada"
	w.ok(ProposeAlias{Barcode: "NEW-1", SKU: "CUP"})
	w.no(ProposeAlias{Barcode: gtin(2), SKU: "CUP"}, CodeConflict)
	w.no(DecideAlias{Barcode: "NEW-1", Accept: true}, CodeSamePerson)
	w.m.Actor = "lead"
	w.ok(DecideAlias{Barcode: "NEW-1", Accept: true})
	w.no(DecideAlias{Barcode: "NEW-1", Accept: true}, CodeUnknownBarcode)
	w.ok(Receive{Receipt: "R1", Barcode: "NEW-1", Qty: 1})
	for _, code := range []string{"CUP", "CUP-OLD", gtin(1), "NEW-1"} {
		if it, _, err := FindItem(w.tx, code); err != nil || it == nil || it.SKU != "CUP" {
			t.Errorf("%s means %+v", code, it)
		}
	}
	evs := w.events()
	i := slices.IndexFunc(evs, func(e Event) bool { return e.Type == EvAliasProposed })
	if i < 0 || evs[i].Data.SKU != "CUP" || evs[i].Data.Text != "NEW-1" {
		t.Fatalf("events %+v", evs)
	}
	w.ok(ProposeAlias{Barcode: "NEW-2", SKU: "CUP"})
	w.m.Actor = "ada"
	w.ok(DecideAlias{Barcode: "NEW-2"})
	if left := seen(Aliases(w.tx)); len(left) != 0 {
		t.Fatalf("left %+v", left)
	}
	w.invariants()
}

func TestReceiptBadInput(t *testing.T) {
	w := desk(t)
	asn := func(change func(*ReceiptSpec)) Command {
		s := testASN()
		s.ID = "R5"
		change(&s)
		return AnnounceReceipt{Receipt: s, Source: "oms/main"}
	}
	line := func(l ReceiptLine) Command { return asn(func(s *ReceiptSpec) { s.Lines = []ReceiptLine{l} }) }
	for i, tt := range []struct {
		c    Command
		want string
	}{
		{PutSuppliers{}, CodeInvalid},
		{PutSuppliers{Suppliers: []Supplier{{ID: "a/b", Name: "x"}}}, CodeInvalid},
		{PutSuppliers{Suppliers: []Supplier{{ID: "A"}}}, CodeInvalid},
		{PutSuppliers{Suppliers: []Supplier{{ID: "A", Name: "x", OverPermil: 1001}}}, CodeInvalid},
		{PutSuppliers{Suppliers: []Supplier{{ID: "A", Name: "x", Checks: []CheckRule{{Name: "s"}, {Name: "s"}}}}}, CodeInvalid},
		{PutSuppliers{Suppliers: []Supplier{{ID: "A", Name: "x"}, {ID: "A", Name: "x"}}}, CodeDuplicateInFile},
		{PutVendorCodes{Supplier: "NOBODY", Codes: []VendorCode{{Code: "x", SKU: "CUP"}}}, CodeUnknownSupplier},
		{PutVendorCodes{Supplier: "ACME"}, CodeInvalid},
		{PutVendorCodes{Supplier: "ACME", Codes: []VendorCode{{Code: "x", SKU: "NOPE"}}}, CodeUnknownItem},
		{asn(func(s *ReceiptSpec) { s.ID = "" }), CodeInvalid},
		{asn(func(s *ReceiptSpec) { s.Supplier = "NOBODY" }), CodeUnknownSupplier},
		{asn(func(s *ReceiptSpec) { s.Lines = nil }), CodeInvalid},
		{asn(func(s *ReceiptSpec) { s.Expected = -1 }), CodeInvalid},
		{asn(func(s *ReceiptSpec) { s.Lines[1].Line = 1 }), CodeInvalid},
		{line(ReceiptLine{Line: 1, SKU: "CUP", Code: "A-77", Qty: 1}), CodeInvalid},
		{line(ReceiptLine{Line: 1, Qty: 1}), CodeInvalid},
		{line(ReceiptLine{Line: 1, SKU: "CUP"}), CodeInvalid},
		{line(ReceiptLine{Line: 1, SKU: "NOPE", Qty: 1}), CodeUnknownItem},
		{line(ReceiptLine{Line: 1, Code: "B-1", Qty: 1}), CodeUnknownItem},
		{line(ReceiptLine{Line: 1, SKU: "MILK", Qty: 1, Expiry: "2026-02-01"}), CodeInvalid},
		{AnnounceReceipt{Receipt: testASN()}, CodeInvalid},
		{OpenReceipt{Receipt: "R1", Supplier: "OLD"}, CodeConflict},
		{OpenReceipt{Receipt: "R5", Supplier: "NOBODY"}, CodeUnknownSupplier},
		{Receive{Receipt: "R5", Barcode: "CUP", Qty: 1}, CodeUnknownReceipt},
		{Receive{Receipt: "R1", Barcode: "CUP"}, CodeInvalid},
		{Receive{Receipt: "R1", Barcode: "CUP", Qty: -3}, CodeInvalid},
		{Receive{Receipt: "R1", Barcode: "", Qty: 1}, CodeUnknownBarcode},
		{Receive{Receipt: "R1", Barcode: "NOPE", Qty: 1}, CodeUnknownBarcode},
		{Receive{Receipt: "R1", Barcode: "MILK", Qty: 1}, CodeWrongLot},
		{Receive{Receipt: "R1", Barcode: "MILK", Qty: 1, Lot: "L1", Expiry: "2026-09-09"}, CodeConflict},
		{Receive{Receipt: "R1", Barcode: "MILK", Qty: 1, Lot: "L1", Expiry: "soon"}, CodeInvalid},
		{Receive{Receipt: "R1", Barcode: "CUP", Qty: 1, Expiry: "2026-09-09"}, CodeInvalid},
		{Receive{Receipt: "R1", Barcode: "CUP", Qty: 12}, CodeConfirm},
		{ReceiveUnit{Receipt: "R1", LU: "1"}, CodeUnknownSSCC},
		{ReceiveUnit{Receipt: "R1", LU: "395212340000000021"}, CodeUnknownSSCC},
		{AnnounceTags{Receipt: "R1"}, CodeInvalid},
		{SeeTags{Receipt: "R1", EPCs: []string{"\x01"}}, CodeInvalid},
		{SeeTags{Receipt: "R5", EPCs: []string{"E2"}}, CodeUnknownReceipt},
		{BookTags{Receipt: "R5"}, CodeUnknownReceipt},
		{CheckReceipt{Receipt: "R1", Name: "seal"}, CodeInvalid},
		{CancelReceipt{Receipt: "R1"}, CodeInvalid},
		{CloseReceipt{Receipt: "a/b"}, CodeUnknownReceipt},
		{ProposeAlias{Barcode: "", SKU: "CUP"}, CodeInvalid},
		{ProposeAlias{Barcode: "N", SKU: "NOPE"}, CodeUnknownItem},
		{DecideAlias{Barcode: "N"}, CodeUnknownBarcode},
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

// inbound is a day that uses every command about deliveries.
func inbound(t *testing.T) *world {
	w := desk(t)
	w.ok(Receive{Receipt: "R1", Barcode: gtin(1), Qty: 8})
	w.ok(Receive{Receipt: "R1", Barcode: "A-77", Qty: 5})
	w.ok(ReceiveUnit{Receipt: "R1", LU: "395212340000000014"})
	w.ok(AnnounceTags{Receipt: "R1", EPCs: []string{"E1", "urn:epc:id:sgtin:0952123.000001.7"}})
	w.ok(SeeTags{Receipt: "R1", EPCs: []string{"urn:epc:id:sgtin:0952123.000001.7", "E2"}})
	w.ok(BookTags{Receipt: "R1"})
	w.putAway("")
	w.putAway("B-04")
	w.ok(CheckReceipt{Receipt: "R1", Name: "seal", Value: "4711"})
	w.ok(CloseReceipt{Receipt: "R1", Confirm: true})
	w.ok(OpenReceipt{Receipt: "R2", Supplier: "OLD"})
	w.ok(CancelReceipt{Receipt: "R2", Reason: "nobody came"})
	w.m.Actor = "ada"
	w.ok(ProposeAlias{Barcode: "NEW-1", SKU: "CUP"})
	w.m.Actor = "lead"
	w.ok(DecideAlias{Barcode: "NEW-1", Accept: true})
	w.invariants()
	w.books()
	return w
}
