package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tote/gs1"
	. "tote/warehouse"
)

// twoDoors is floor with portals at d1 and d2, and a delivery on a pallet with tags.
func twoDoors(t fataler) *world {
	w := floor(t)
	s := floorSite()
	s.Portals = []string{"d1", "d2"}
	w.ok(PutSite{Site: s})
	w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S1", Name: "Mill"}}})
	w.ok(AnnounceReceipt{Source: "oms/main", Receipt: ReceiptSpec{ID: "R1", Supplier: "S1", Lines: []ReceiptLine{
		{Line: 1, SKU: "CUP", Qty: 2, LU: pallet}, {Line: 2, SKU: "PEN", Qty: 5, LU: pallet}, {Line: 3, SKU: "BAG", Qty: 1, LU: "395299990000000012"},
	}}})
	return w
}

const (
	pallet    = "395299990000000027"
	palletTag = "urn:epc:id:sscc:9529999.3000000002"
)

// seenAt is a pass with all that its second version says.
func seenAt(dock, way string, from, rssi int, epcs ...string) PortalPass {
	p := PortalPass{Dock: dock, Way: way, EPCs: epcs, From: int64(from), To: int64(from) + 2000}
	for range epcs {
		p.RSSI = append(p.RSSI, rssi)
	}
	return p
}

// What comes in is not compared with shipments: its tags are noted with the
// delivery whose unit came along, and a loaded parcel that comes back is on no truck.
func TestPortalPassIn(t *testing.T) {
	w := twoDoors(t)
	cups := []string{w.tag(gtin(1), "900000", 1), w.tag(gtin(1), "900000", 2), w.tag(gtin(1), "900000", 3)}
	w.ok(AnnounceTags{Receipt: "R1", EPCs: cups[:2]})
	res := w.ok(PortalPass{Dock: "d1", Way: WayIn, EPCs: []string{palletTag, cups[0], cups[2], "e200aa"}})
	if res.Ref != "R1" || res.Text != "1 units, 2 tags of items; 1 other tags; receipt R1: 1 tags missing, 1 extra" {
		t.Errorf("%+v", res)
	}
	if got := w.openFallouts(); len(got) > 0 {
		t.Errorf("fallouts %v", got)
	}
	rep := seen(ReceiptTags(w.tx, "R1"))
	if rep.Expected != 2 || rep.Seen != 2 || len(rep.Missing) != 1 || len(rep.Extra) != 1 {
		t.Errorf("%+v", rep)
	}
	// Without a unit that is announced nothing is noted.
	before := w.tx.Digest()
	if res := w.ok(PortalPass{Dock: "d1", Way: WayIn, EPCs: []string{"urn:epc:id:sscc:9529999.3000000007", cups[1]}}); res.Text != "1 units, 1 tags of items" || w.tx.Digest() != before {
		t.Errorf("%+v", res)
	}

	w.ok(release("P1", "CUP*2"))
	w.pick("K1", "w1", "P1")
	sscc := w.label("pack1", "P1")
	w.ok(Load{Dock: "d1", Barcode: sscc})
	all := w.epcs(sscc)
	w.ok(PortalPass{Dock: "d1", Way: WayOut, EPCs: all})
	w.verified("P1", true)
	if res := w.ok(PortalPass{Dock: "d1", Way: WayIn, EPCs: all}); !strings.Contains(res.Text, "back in: "+sscc) {
		t.Errorf("%+v", res)
	}
	w.verified("P1", false)
	w.no(Depart{Dock: "d1"}, CodeNotVerified)
	w.ok(PortalPass{Dock: "d1", Way: WayOut, EPCs: all})
	w.ok(Depart{Dock: "d1"})
	w.ok(PortalPass{Dock: "d1", Way: WayIn, EPCs: all}) // it comes back a week later: the return says what that is
	w.state("P1", OrderShipped)
	w.invariants()
	w.books()
}

// A unit that is announced is received by its tag, all of it or nothing.
func TestUnitCameIn(t *testing.T) {
	w := twoDoors(t)
	for _, tt := range []struct {
		cmd  UnitCameIn
		code string
	}{
		{UnitCameIn{Dock: "d3", Tag: palletTag}, CodeInvalid},
		{UnitCameIn{Dock: "d1"}, CodeInvalid},
		{UnitCameIn{Dock: "d1", Tag: strings.Repeat("E", 129)}, CodeInvalid},
		{UnitCameIn{Dock: "d1", Tag: "E200"}, CodeUnknownSSCC},
		{UnitCameIn{Dock: "d1", Tag: w.tag(gtin(1), "900000", 1)}, CodeUnknownSSCC},
		{UnitCameIn{Dock: "d1", Tag: "urn:epc:id:sscc:9529999.3000000007"}, CodeUnknownSSCC},
	} {
		before := w.tx.Digest()
		w.no(tt.cmd, tt.code)
		if w.tx.Digest() != before {
			t.Errorf("%+v changed something", tt.cmd)
		}
	}
	if res := w.ok(UnitCameIn{Dock: "d1", Tag: palletTag}); res.Ref != "R1" {
		t.Errorf("%+v", res)
	}
	rc := seen(GetReceipt(w.tx, "R1"))
	if rc.State != ReceiptReceiving || rc.Lines[0].Received != 2 || rc.Lines[1].Received != 5 || rc.Lines[2].Received != 0 {
		t.Errorf("%+v", rc)
	}
	if res := w.ok(UnitCameIn{Dock: "d1", Tag: palletTag}); res.Text != "received before" {
		t.Errorf("again: %+v", res)
	}
	w.ok(CloseReceipt{Receipt: "R1", Confirm: true})
	w.no(UnitCameIn{Dock: "d1", Tag: palletTag}, CodeUnknownSSCC)
	w.invariants()
	w.books()
}

// A parcel goes out where its truck does not stand.
func TestWrongDoor(t *testing.T) {
	w := twoDoors(t)
	w.ok(release("P1", "CUP*2"))
	w.pick("K1", "w1", "P1")
	sscc := w.label("pack1", "P1")
	w.ok(Load{Dock: "d1", Barcode: sscc})
	all := w.epcs(sscc)
	w.ok(PortalPass{Dock: "d1", EPCs: all})
	res := w.no(PortalPass{Dock: "d2", EPCs: all}, FalloutRFIDExtra)
	if !strings.Contains(res.Text, sscc+" is of dock d1") {
		t.Errorf("%+v", res)
	}
	w.wantFallouts("RFID_EXTRA P1/0")
	w.verified("P1", false)
	w.no(Depart{Dock: "d1"}, CodeNotVerified)
	w.ok(PortalPass{Dock: "d1", EPCs: all})
	w.wantFallouts()
	w.ok(Depart{Dock: "d1"})
	w.invariants()

	// A log of before level 5 knows no such rule.
	w = twoDoors(t)
	w.m.Level = 4
	w.ok(release("P1", "CUP*2"))
	w.pick("K1", "w1", "P1")
	sscc = w.label("pack1", "P1")
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(PortalPass{Dock: "d2", EPCs: w.epcs(sscc)})
	w.verified("P1", true)
}

// A tag that two doors saw at the same time belongs to the one that heard it better,
// whichever is recorded first.
func TestTwoDoorsOneTag(t *testing.T) {
	for _, first := range []string{"d1", "d2"} {
		w := twoDoors(t)
		w.ok(release("P1", "CUP*2"))
		w.pick("K1", "w1", "P1")
		sscc := w.label("pack1", "P1")
		w.ok(Load{Dock: "d1", Barcode: sscc})
		all := w.epcs(sscc)
		near, far := seenAt("d1", WayOut, 10_000, -48, all...), seenAt("d2", WayOut, 11_500, -63, all[1:]...)
		if first == "d1" {
			w.ok(near)
			w.ok(far) // its tags are not its own: nothing passed
		} else {
			w.no(far, FalloutRFIDExtra)
			w.wantFallouts("RFID_EXTRA /0")
			w.m.Now += 1000
			w.ok(near)
		}
		w.wantFallouts()
		w.verified("P1", true)
		w.ok(near)
		w.invariants()
		w.books()
	}
	// The whole parcel is heard at the other door first: it was at its own.
	w := twoDoors(t)
	w.ok(release("P1", "CUP*2"))
	w.pick("K1", "w1", "P1")
	sscc := w.label("pack1", "P1")
	w.ok(Load{Dock: "d1", Barcode: sscc})
	all := w.epcs(sscc)
	w.no(seenAt("d2", WayOut, 10_000, -63, all...), FalloutRFIDExtra)
	w.ok(seenAt("d1", WayOut, 9000, -48, all...))
	w.verified("P1", true)
	w.wantFallouts()
	w.invariants()
}

// What is not the same thing at the same time stays where it was seen.
func TestTwoDoorsApart(t *testing.T) {
	cup := func(w *world, n int) string { return w.tag(gtin(1), "900000", n) }
	for name, do := range map[string]func(w *world){
		"long before": func(w *world) {
			w.no(seenAt("d2", "", 1000, -63, cup(w, 1)), FalloutRFIDExtra)
			w.no(seenAt("d1", "", 9000, -48, cup(w, 1)), FalloutRFIDExtra)
		},
		"another tag": func(w *world) {
			w.no(seenAt("d2", "", 9000, -63, cup(w, 2)), FalloutRFIDExtra)
			w.no(seenAt("d1", "", 9000, -48, cup(w, 1)), FalloutRFIDExtra)
		},
		"one of two": func(w *world) {
			w.no(seenAt("d2", "", 9000, -63, cup(w, 1), cup(w, 2)), FalloutRFIDExtra)
			w.no(seenAt("d1", "", 9000, -48, cup(w, 1)), FalloutRFIDExtra)
		},
		"more was found since": func(w *world) {
			w.no(seenAt("d2", "", 5000, -63, "e200"), FalloutRFIDExtra)
			w.m.Now += 1000
			w.no(seenAt("d2", "", 9000, -63, cup(w, 1)), FalloutRFIDExtra)
			w.m.Now += 1000
			w.no(seenAt("d1", "", 9000, -48, cup(w, 1)), FalloutRFIDExtra)
		},
		"no strengths": func(w *world) {
			w.no(PortalPass{Dock: "d2", EPCs: []string{cup(w, 1)}}, FalloutRFIDExtra)
			w.no(PortalPass{Dock: "d1", EPCs: []string{cup(w, 1)}}, FalloutRFIDExtra)
		},
	} {
		w := twoDoors(t)
		do(w)
		if got := w.openFallouts(); !slices.Equal(got, []string{"RFID_EXTRA /0", "RFID_EXTRA /0"}) {
			t.Errorf("%s: %v", name, got)
		}
		w.invariants()
	}
}

func TestPortalPassSecondVersionRefusals(t *testing.T) {
	w := twoDoors(t)
	for _, bad := range []PortalPass{
		{Dock: "d1", Way: "up"},
		{Dock: "d1", From: -1},
		{Dock: "d1", From: 2, To: 1},
		{Dock: "d1", From: 1, To: 3_600_002},
		{Dock: "d1", EPCs: []string{"E2"}, RSSI: []int{-50}},
		{Dock: "d1", EPCs: []string{"E2"}, RSSI: []int{-50, -50}, From: 1, To: 2},
		{Dock: "d1", EPCs: []string{"E2"}, RSSI: []int{1}, From: 1, To: 2},
		{Dock: "d1", EPCs: []string{"E2"}, RSSI: []int{-129}, From: 1, To: 2},
	} {
		before := w.tx.Digest()
		w.no(bad, CodeInvalid)
		if w.tx.Digest() != before {
			t.Errorf("%+v changed something", bad)
		}
	}
	// Gateways of before hear what was seen, without the way.
	if older, ok := Older(seenAt("d1", WayOut, 1, -50, "E2")); !ok || older.(PortalPass).Way != "" || len(older.(PortalPass).EPCs) != 1 {
		t.Errorf("%+v %v", older, ok)
	}
	if _, ok := Older(PortalPass{Dock: "d1"}); ok {
		t.Error("the first version has no older form")
	}
}

// portalDay is a day at two doors: goods in by their tags, out by the right door and
// by the wrong one, and tags that both heard.
func portalDay(t *testing.T) *world {
	w := twoDoors(t)
	cups := []string{w.tag(gtin(1), "900000", 1), w.tag(gtin(1), "900000", 2)}
	w.ok(AnnounceTags{Receipt: "R1", EPCs: cups})
	w.ok(seenAt("d1", WayIn, 1000, -50, palletTag, cups[0]))
	w.ok(UnitCameIn{Dock: "d1", Tag: palletTag})
	w.no(UnitCameIn{Dock: "d1", Tag: "urn:epc:id:sscc:9529999.3000000007"}, CodeUnknownSSCC)
	w.ok(release("P1", "CUP*2"))
	w.ok(release("P2", "CUP*1"))
	w.pick("K1", "w1", "P1", "P2")
	for i, id := range []string{"P1", "P2"} {
		w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
		all := w.epcs(w.order(id).Parcels[0].SSCC)
		at := 20_000 + 20_000*i
		w.no(seenAt("d2", WayOut, at+500, -66, all[1:]...), FalloutRFIDExtra)
		w.m.Now += 1000
		w.ok(seenAt("d1", WayOut, at, -48, all...))
	}
	all := w.epcs(w.order("P1").Parcels[0].SSCC)
	w.ok(seenAt("d1", WayIn, 70_000, -48, all...))
	w.no(Depart{Dock: "d1"}, CodeNotVerified)
	w.no(seenAt("d2", WayOut, 90_000, -48, all...), FalloutRFIDExtra)
	w.ok(seenAt("d1", "", 110_000, -48, all...))
	w.ok(Depart{Dock: "d1"})
	w.ok(PortalPass{Dock: "d2", EPCs: nil})
	w.state("P1", OrderShipped)
	w.invariants()
	w.books()
	return w
}

// A pallet of small goods has more tags than 500. The fullest pass there may be fits
// into a command and into what one may write, whatever its tags are and however many
// deliveries came in with it.
func TestFullestPass(t *testing.T) {
	w := twoDoors(t)
	strays := make([]string, MaxPassTags)
	items := make([]string, MaxPassTags)
	for i := range strays {
		strays[i] = fmt.Sprintf("%0128d", i)
		items[i] = w.tag(gtin(1), "900000", i+1)
	}
	units := []string{palletTag}
	for i := range 9 {
		lu, err := gs1.EncodeSSCC96(7, sscc18(fmt.Sprintf("39529999%09d", 100+i)), gs1.FilterCase)
		if err != nil {
			t.Fatal(err)
		}
		e, err := gs1.DecodeEPC(lu)
		if err != nil {
			t.Fatal(err)
		}
		w.ok(AnnounceReceipt{Source: "oms/main", Receipt: ReceiptSpec{
			ID: fmt.Sprintf("RX%d", i), Supplier: "S1", Lines: []ReceiptLine{{Line: 1, SKU: "CUP", Qty: 2, LU: e.SSCC}},
		}})
		units = append(units, lu)
	}
	for _, p := range []PortalPass{
		seenAt("d1", WayOut, 1000, -50, strays...),
		seenAt("d2", WayOut, 1000, -40, strays...), // all of them taken from the other door
		seenAt("d1", WayIn, 90_000, -50, append(units, items[len(units):]...)...),
		seenAt("d1", WayOut, 180_000, -50, items...),
	} {
		if _, _, body, err := Encode(p); err != nil || len(body) > 250<<10 {
			t.Errorf("%d bytes, %v", len(body), err)
		}
		if res := w.apply(p); res.Code == CodeTooBig || res.Code == CodeInvalid {
			t.Errorf("%s: %+v", p.Way, res)
		}
	}
	w.invariants()
}

// sscc18 adds the check digit.
func sscc18(body string) string {
	sum := 0
	for i, c := range body {
		sum += int(c-'0') * (3 - 2*(i%2))
	}
	return body + string(rune('0'+(10-sum%10)%10))
}

// bulkLines are more lines of a unit than fit into one command.
const bulkLines = 300

// bulky announces a unit of bulkLines lines, the last one changed by spoil.
func (w *world) bulky(receipt, unit string, spoil func(l *ReceiptLine)) {
	var items []Item
	rs := ReceiptSpec{ID: receipt, Supplier: "S1"}
	for i := range bulkLines {
		sku := fmt.Sprintf("X%03d", i)
		items = append(items, Item{SKU: sku, Name: "x", WeightMg: 1000, LotTracked: i == bulkLines-1})
		rs.Lines = append(rs.Lines, ReceiptLine{Line: i + 1, SKU: sku, Qty: 3, LU: unit})
	}
	rs.Lines[bulkLines-1].Lot, rs.Lines[bulkLines-1].Expiry = "LOT-1", "2030-01-01"
	if spoil != nil {
		spoil(&rs.Lines[bulkLines-1])
	}
	w.ok(PutItems{Items: items})
	w.ok(AnnounceReceipt{Source: "oms/main", Receipt: rs})
}

// untilWhole gives a command again while its answer says that more is left.
func (w *world) untilWhole(c Command, receipt string) (cmds int) {
	w.t.Helper()
	for cmds = 1; ; cmds++ {
		res := w.ok(c)
		if res.Ref == receipt {
			return cmds
		}
		if res.Ref != RefMore || !strings.Contains(res.Text, "are left: receive it again") || cmds > 20 {
			w.t.Fatalf("command %d: %+v", cmds, res)
		}
	}
}

// wholeUnits is a day with units that take several commands, at the door and by hand,
// and one of which not everything can come in.
func wholeUnits(t *testing.T) *world {
	w := twoDoors(t)
	w.bulky("R9", "395299990000000041", nil)
	w.bulky("R8", "395299990000000058", func(l *ReceiptLine) { l.Lot, l.Expiry = "LOT-1", "2031-01-01" })
	w.bulky("R7", "395299990000000065", func(l *ReceiptLine) { l.Lot = "LOT-2" })
	if n := w.untilWhole(UnitCameIn{Dock: "d1", Tag: "urn:epc:id:sscc:9529999.3000000004"}, "R9"); n < 2 {
		t.Fatal("it fits into one command: the day proves nothing")
	}
	w.no(UnitCameIn{Dock: "d1", Tag: "urn:epc:id:sscc:9529999.3000000005"}, CodeConflict)
	w.no(ReceiveUnit{Receipt: "R8", LU: "395299990000000058"}, CodeConflict)
	w.untilWhole(ReceiveUnit{Receipt: "R7", LU: "395299990000000065"}, "R7")
	w.invariants()
	w.books()
	return w
}

// A unit with more lines than fit into one command is received whole, in several; one
// of which not everything can come in is refused before anything was booked.
func TestUnitCameInWhole(t *testing.T) {
	w := wholeUnits(t)
	for id, want := range map[string]int64{"R9": 3, "R8": 0, "R7": 3} {
		for _, l := range seen(GetReceipt(w.tx, id)).Lines {
			if l.Received != want {
				t.Fatalf("%s line %d: %d, want %d", id, l.Line, l.Received, want)
			}
		}
	}
	if res := w.ok(UnitCameIn{Dock: "d1", Tag: "urn:epc:id:sscc:9529999.3000000004"}); res.Text != "received before" {
		t.Errorf("again: %+v", res)
	}
	for name, spoil := range map[string]func(l *ReceiptLine){
		"no lot":  func(l *ReceiptLine) { l.Lot, l.Expiry = "", "" },
		"expired": func(l *ReceiptLine) { l.Expiry = "2020-01-01" },
	} {
		w := twoDoors(t)
		w.bulky("R9", "395299990000000041", spoil)
		before := w.tx.Digest()
		res := w.apply(UnitCameIn{Dock: "d1", Tag: "urn:epc:id:sscc:9529999.3000000004"})
		if res.OK || !strings.Contains(res.Text, "receive it by hand") || w.tx.Digest() != before {
			t.Errorf("%s: %+v, or something was booked", name, res)
		}
	}
}

// A unit that two open deliveries announce is received by hand, however often it
// passes; by one alone it is received at the door. One that no delivery of the first
// 200 announces says that there are more.
func TestUnitAnnouncedTwice(t *testing.T) {
	w := twoDoors(t)
	again := ReceiptSpec{ID: "R2", Supplier: "S1", Lines: []ReceiptLine{{Line: 1, SKU: "CUP", Qty: 2, LU: pallet}}}
	w.ok(AnnounceReceipt{Source: "oms/main", Receipt: again})
	before := w.tx.Digest()
	if res := w.no(UnitCameIn{Dock: "d1", Tag: palletTag}, CodeConflict); !strings.Contains(res.Text, "R1 and R2") || w.tx.Digest() != before {
		t.Errorf("%+v, or something was booked", res)
	}
	// Received for one by hand: the other one is still no reason to book it again.
	w.ok(ReceiveUnit{Receipt: "R1", LU: pallet})
	w.no(UnitCameIn{Dock: "d1", Tag: palletTag}, CodeConflict)
	w.ok(CancelReceipt{Receipt: "R2", Reason: "sent twice"})
	if res := w.ok(UnitCameIn{Dock: "d1", Tag: palletTag}); res.Text != "received before" {
		t.Errorf("%+v", res)
	}
	for i := range 200 {
		again.ID, again.Lines[0].LU = fmt.Sprintf("Q%03d", i), "395299990000000119"
		w.ok(AnnounceReceipt{Source: "oms/main", Receipt: again})
	}
	if res := w.no(UnitCameIn{Dock: "d1", Tag: palletTag}, CodeUnknownSSCC); !strings.Contains(res.Text, "first 200") {
		t.Errorf("%+v", res)
	}
	w.invariants()
	w.books()
}

// What a pass reads does not grow with its units times the open deliveries: a truck of
// strangers would hold up every gateway.
func TestPassInReadsDeliveriesOnce(t *testing.T) {
	w := twoDoors(t)
	for i := range 100 {
		w.ok(AnnounceReceipt{Source: "oms/main", Receipt: ReceiptSpec{ID: fmt.Sprintf("Q%03d", i), Supplier: "S1", Lines: []ReceiptLine{{Line: 1, SKU: "CUP", Qty: 1, LU: "395299990000000119"}}}})
	}
	p := PortalPass{Dock: "d1", Way: WayIn}
	for n := range MaxPassTags {
		p.EPCs = append(p.EPCs, fmt.Sprintf("urn:epc:id:sscc:9529999.3%09d", 1000+n))
	}
	c := &countingTx{Tx: w.tx}
	if res, err := Apply(c, w.m, p); err != nil || !res.OK {
		t.Fatalf("%+v %v", res, err)
	}
	if c.reads > 10*MaxPassTags {
		t.Errorf("%d reads for %d units", c.reads, MaxPassTags)
	}
	t.Logf("%d reads", c.reads)
}
