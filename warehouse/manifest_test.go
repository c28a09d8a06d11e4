package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

func manifestSite() Site {
	s := shipSite()
	s.Manifests = true
	return s
}

// manifests is a world with n printed parcels of POST, orders O1…On, and its
// SSCCs.
func manifests(t fataler, n int) (*world, []string) {
	w := stocked(t)
	w.ok(PutSite{Site: manifestSite()})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-03", SKU: "PEN", Qty: 500}}})
	var ssccs []string
	for i := range n {
		j := w.pack1(fmt.Sprintf("O%d", i+1), "standard")
		w.printed(j.ID)
		ssccs = append(ssccs, j.ID)
	}
	return w, ssccs
}

// A manifest per carrier is closed once, parcels are loaded
// against it, and what is not on it does not depart.
func TestManifest(t *testing.T) {
	w, p := manifests(t, 4)
	fast := w.pack1("F1", "express")
	w.printed(fast.ID)
	if ready := seen(ReadyFor(w.tx, "POST", 0)); !slices.Equal(ready, p) {
		t.Fatalf("%v", ready)
	}
	w.no(Load{Dock: "d1", Barcode: p[0]}, CodeNotOnManifest)
	id := w.ok(CloseManifest{Carrier: "POST", Dock: "d1", Parcels: []string{p[2], p[0], p[1]}}).Ref
	m := seen(GetManifest(w.tx, id))
	if m.ID != "MF000001" || !slices.Equal(m.Parcels, p[:3]) || m.WeightMg != 3*110_000 || m.State != ManifestClosed || m.By != "test" {
		t.Errorf("%+v", m)
	}
	w.no(CloseManifest{Carrier: "POST", Dock: "d1", Parcels: p[:1]}, CodeConflict)
	w.no(Load{Dock: "d2", Barcode: p[0]}, CodeNotOnManifest)
	w.no(Load{Dock: "d1", Barcode: p[3]}, CodeNotOnManifest)
	w.no(Load{Dock: "d1", Barcode: fast.ID}, CodeNotOnManifest)
	w.no(ChangeCarrier{SSCC: p[0], Reason: "r"}, CodeConflict)
	for _, sscc := range p[:2] {
		w.ok(Load{Dock: "d1", Barcode: sscc})
		w.invariants()
	}
	w.no(Load{Dock: "d1", Barcode: p[0]}, CodeAlreadyLoaded)
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	// The third stayed behind: it is ready for the next one.
	m = seen(GetManifest(w.tx, id))
	if m.State != ManifestDeparted || !slices.Equal(m.Left, p[2:3]) {
		t.Errorf("%+v", m)
	}
	next := w.ok(CloseManifest{Carrier: "POST", Dock: "d2"}).Ref
	if m := seen(GetManifest(w.tx, next)); !slices.Equal(m.Parcels, p[2:]) {
		t.Errorf("%+v", m)
	}
	closed, gone := w.all(EvManifestClosed), w.all(EvManifestDeparted)
	if len(closed) != 2 || len(gone) != 1 {
		t.Fatalf("%d closed, %d departed", len(closed), len(gone))
	}
	if d := closed[0].Data; d.Manifest != id || d.Carrier != "POST" || d.Ref != "d1" || len(d.Parcels) != 3 || d.Parcels[0].Tracking != "PO00000100" {
		t.Errorf("%+v", d)
	}
	if d := gone[0].Data; d.Manifest != id || d.Qty != 2 || d.Text != p[2] {
		t.Errorf("%+v", d)
	}
	// The manifest is a document.
	doc := w.ok(FileDocument{What: DocManifest, Type: DocText, Ref: next, Body: "list"})
	if ds := seen(DocumentsOf(w.tx, next)); len(ds) != 1 || ds[0].ID != doc.Ref || ds[0].Published == 0 {
		t.Errorf("%+v", ds)
	}
	for _, sscc := range p[2:] {
		w.ok(Load{Dock: "d2", Barcode: sscc})
	}
	w.ok(Depart{Dock: "d2"})
	w.invariants()
	w.books()
}

// A site that begins to work with manifests has parcels from before: what is
// loaded does not depart, what is labelled is put on one by name.
func TestManifestsBegin(t *testing.T) {
	w := shipping(t)
	a, b := w.pack1("O1", "standard"), ""
	w.printed(a.ID)
	w.ok(Load{Dock: "d1", Barcode: a.ID})
	j := w.pack1("O2", "standard")
	b = j.ID
	w.printed(b)
	w.ok(PutSite{Site: manifestSite()})
	res := w.no(Depart{Dock: "d1"}, CodeNotOnManifest)
	if !strings.Contains(res.Text, a.ID) {
		t.Errorf("%s", res.Text)
	}
	w.no(CloseManifest{Carrier: "POST", Dock: "d1"}, CodeNothingLoaded)
	w.no(CloseManifest{Carrier: "POST", Dock: "d1", Parcels: []string{a.ID}}, CodeAlreadyLoaded)
	w.ok(CloseManifest{Carrier: "POST", Dock: "d1", Parcels: []string{b}})
	// What is on the truck already leaves when manifests are off again.
	w.ok(PutSite{Site: shipSite()})
	w.ok(Load{Dock: "d1", Barcode: b})
	w.ok(Depart{Dock: "d1"})
	if m := seen(GetManifest(w.tx, "MF000001")); m.State != ManifestDeparted || len(m.Left) != 0 {
		t.Errorf("%+v", m)
	}
	w.invariants()
}

// A full manifest, three at a dock, and a truck of several of them.
func TestManifestBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("many parcels")
	}
	w, p := manifests(t, 205)
	res := w.ok(CloseManifest{Carrier: "POST", Dock: "d1"})
	if m := seen(GetManifest(w.tx, res.Ref)); len(m.Parcels) != 200 || !strings.Contains(res.Text, "there are more") {
		t.Errorf("%d parcels, %s", len(m.Parcels), res.Text)
	}
	for range 2 {
		w.ok(CloseManifest{Carrier: "POST", Dock: "d1", Parcels: seen(ReadyFor(w.tx, "POST", 1))})
	}
	w.no(CloseManifest{Carrier: "POST", Dock: "d1"}, CodeConflict)
	for _, sscc := range p[:202] {
		w.ok(Load{Dock: "d1", Barcode: sscc})
	}
	for w.ok(Depart{Dock: "d1"}).Ref == RefMore {
		w.invariants()
	}
	if open := seen(ManifestsAt(w.tx, "d1")); len(open) != 0 || len(w.all(EvManifestDeparted)) != 3 {
		t.Errorf("%+v", open)
	}
	w.ok(CloseManifest{Carrier: "POST", Dock: "d1"})
	w.invariants()
	w.books()
}

func TestManifestRefused(t *testing.T) {
	w, p := manifests(t, 1)
	j := w.pack1("O2", "standard")
	w.printed(w.pack1b("O3").ID)
	before := w.tx.Digest()
	for _, tt := range []struct {
		cmd  CloseManifest
		code string
	}{
		{CloseManifest{Carrier: "NOPE", Dock: "d1"}, CodeInvalid},
		{CloseManifest{Carrier: "POST", Dock: ""}, CodeInvalid},
		{CloseManifest{Carrier: "POST", Dock: "a/b"}, CodeInvalid},
		{CloseManifest{Carrier: "POST", Dock: "d1", Parcels: make([]string, 201)}, CodeInvalid},
		{CloseManifest{Carrier: "BULK", Dock: "d1"}, CodeNothingLoaded},
		{CloseManifest{Carrier: "BULK", Dock: "d1", Parcels: p}, CodeConflict},
		{CloseManifest{Carrier: "POST", Dock: "d1", Parcels: []string{p[0], p[0]}}, CodeConflict},
		{CloseManifest{Carrier: "POST", Dock: "d1", Parcels: []string{j.ID}}, CodeNotLabelled},
		{CloseManifest{Carrier: "POST", Dock: "d1", Parcels: []string{"NOPE"}}, CodeUnknownSSCC},
		{CloseManifest{Carrier: "POST", Dock: "d1", Parcels: []string{""}}, CodeUnknownSSCC},
	} {
		w.no(tt.cmd, tt.code)
	}
	w.no(FileDocument{What: DocManifest, Type: DocText, Ref: "MF000009", Body: "x"}, CodeUnknownManifest)
	if w.tx.Digest() != before {
		t.Error("a refused command changed something")
	}
	w.ok(PutSite{Site: shipSite()})
	w.no(CloseManifest{Carrier: "POST", Dock: "d1"}, CodeInvalid)
}

// pack1b is pack1 at the other station.
func (w *world) pack1b(id string) *LabelJob {
	w.t.Helper()
	w.ok(release(id, "PEN"))
	w.onScale("pack2", id)
	return seen(GetJob(w.tx, w.weigh("pack2")))
}

// row 114: what shipped against what was ordered, exactly, once.
func TestShipRow114Differs(t *testing.T) {
	w := shipping(t)
	w.ok(release("O1", "CUP*4", "BAG*3", "PEN*2"))
	w.ok(release("O2", "PEN"))
	w.assign("K1", "w1", "O1")
	for w.step("hw1").SKU != "BAG" {
		w.act("hw1")
	}
	w.act("hw1")
	w.ok(Scan{Device: "hw1", Barcode: "BAG", Qty: 1})
	w.ok(ShortPick{Device: "hw1", Reason: FalloutDamaged})
	w.walkTo("hw1", StepAsk)
	w.ok(RetryOrder{Order: "O1"})
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	w.ok(Load{Dock: "d1", Barcode: w.label1("pack1")})
	w.onScale("pack1", "O2")
	w.ok(Load{Dock: "d1", Barcode: w.label1("pack1")})
	w.ok(Depart{Dock: "d1"})
	ev := w.all(EvShipDiffers)
	if len(ev) != 1 || ev[0].Order != "O1" || !slices.Equal(ev[0].Data.Diffs, []LineDiff{{Line: 2, SKU: "BAG", Ordered: 3, Shipped: 1, Diff: -2}}) {
		t.Fatalf("%+v", ev)
	}
	// It is what the ledger and the shipped event say.
	w.wantQty(PlaceCustomer, "BAG", "", 1, 0)
	w.invariants()
	w.books()
}

// row 16: goods issue and goods receipt as told are what the ledger moved.
func TestShipRow16PostingsMatchTheLedger(t *testing.T) {
	w := shipping(t)
	w.ok(PutSuppliers{Suppliers: testSuppliers()})
	w.ok(SignIn{Device: "hw1", Badge: "B1"})
	w.ok(OpenReceipt{Receipt: "R1", Supplier: testSuppliers()[0].ID})
	for range 3 {
		w.ok(Receive{Receipt: "R1", Barcode: "PEN", Qty: 4})
	}
	for _, c := range seen(GetReceipt(w.tx, "R1")).Checks {
		w.ok(CheckReceipt{Receipt: "R1", Name: c.Name, Value: "ok"})
	}
	w.ok(CloseReceipt{Receipt: "R1", Confirm: true})
	w.ok(SignOut{Device: "hw1"})
	w.ok(release("O1", "CUP*4", "MILK*6"))
	w.ok(release("O2", "PEN*7", "CUP*1"))
	for _, id := range []string{"O1", "O2"} {
		w.onScale("pack1", id)
		w.ok(Load{Dock: "d1", Barcode: w.label1("pack1")})
	}
	w.ok(Depart{Dock: "d1"})
	type posting struct{ sku, lot string }
	issued, received := make(map[posting]int64), make(map[posting]int64)
	for _, e := range w.events() {
		switch e.Type {
		case EvOrderShipped:
			for _, l := range e.Data.Lines {
				for _, q := range l.Lots {
					issued[posting{l.SKU, q.Lot}] += q.Qty
				}
			}
		case EvReceiptClosed:
			for _, l := range e.Data.Received {
				received[posting{l.SKU, ""}] += l.Received
			}
		}
	}
	moved, came := make(map[posting]int64), make(map[posting]int64)
	for _, m := range seen(Moves(w.tx)) {
		if m.To == PlaceCustomer {
			moved[posting{m.SKU, m.Lot}] += m.Qty
		}
		if m.From == PlaceSupplier {
			came[posting{m.SKU, ""}] += m.Qty
		}
	}
	if fmt.Sprint(issued) != fmt.Sprint(moved) || len(issued) != 4 {
		t.Errorf("issued %v, the ledger moved %v", issued, moved)
	}
	if fmt.Sprint(received) != fmt.Sprint(came) || received[posting{"PEN", ""}] != 12 {
		t.Errorf("received %v, the ledger moved %v", received, came)
	}
	w.books()
}
