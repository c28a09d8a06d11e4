package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// phoneTag is the tag of a unit of item 9, a phone.
func phoneTag(serial string) string {
	g := gtin(9)
	return fmt.Sprintf("urn:epc:id:sgtin:%s.%s%s.%s", g[1:8], g[:1], g[8:13], serial)
}

// phoneUnit is the unit in which phones are announced, two of them and three cups.
const phoneUnit = "395212340000000014"

// phones is a world where a delivery of phones and cups is announced.
func phones(t fataler) *world {
	w := bare(t)
	w.ok(PutItems{Items: []Item{phone()}})
	w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S", Name: "Supplier"}}})
	w.ok(AnnounceReceipt{Receipt: ReceiptSpec{ID: "R1", Supplier: "S", Owner: "ACME", Lines: []ReceiptLine{
		{Line: 1, SKU: "TEL", Qty: 4}, {Line: 2, SKU: "TEL", Qty: 2, LU: phoneUnit}, {Line: 3, SKU: "CUP", Qty: 3, LU: phoneUnit},
	}}, Source: "oms/main"})
	w.ok(SignIn{Device: "hw1", Badge: "B1"})
	return w
}

// at is where the phones are, by serial.
func (w *world) at(serials ...string) []string {
	w.t.Helper()
	var out []string
	for _, s := range serials {
		for _, l := range seen(Locate(w.tx, Query{SKU: "TEL", Serial: s}, "", 0)) {
			out = append(out, s+" "+l.Place)
		}
	}
	return out
}

// row 100, row 71: tagged units with serials come in by the serial of their tag.
// What cannot be booked is named and leaves the others alone.
func TestReceiptRow100SerialsByTag(t *testing.T) {
	w := phones(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "TEL", Serial: "102", Qty: 1}}})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "TEL", Serial: "103", Qty: 1}}})
	w.ok(AdjustStock{Place: "bin/A-01", SKU: "TEL", Serial: "103", Qty: -1, Reason: ReasonStolen})
	letters := phoneTag("32a%2Fb")
	announced := []string{phoneTag("101"), phoneTag("102"), phoneTag("103"), letters}
	w.ok(AnnounceTags{Receipt: "R1", EPCs: announced})
	w.ok(SeeTags{Receipt: "R1", EPCs: append(announced, phoneTag("999"), "E280116060000204")})
	res := w.no(BookTags{Receipt: "R1"}, CodeConflict)
	if !res.Keep || res.Ref != "R1" || !strings.HasPrefix(res.Text, "2 pieces booked; serial 102 of TEL is here already: in bin/A-01") ||
		!strings.Contains(res.Text, "103 of TEL") {
		t.Fatalf("answer %+v", res)
	}
	place := ReceiptPlace("R1")
	if got, want := w.at("101", "102", "103", "32a/b", "999"), []string{"101 " + place, "102 bin/A-01", "32a/b " + place}; !slices.Equal(got, want) {
		t.Fatalf("units are at %v, want %v", got, want)
	}
	rep := seen(ReceiptTags(w.tx, "R1"))
	if !slices.Equal(rep.Refused, []string{phoneTag("102"), phoneTag("103")}) || len(rep.Missing) != 0 ||
		!slices.Equal(rep.Extra, []string{"E280116060000204", phoneTag("999")}) || rep.Seen != 6 {
		t.Fatalf("report %+v", rep)
	}
	// Again: the same answer, and nothing comes in twice.
	before := w.tx.Digest()
	if res := w.no(BookTags{Receipt: "R1"}, CodeConflict); !strings.HasPrefix(res.Text, "0 pieces booked") {
		t.Fatalf("answer %+v", res)
	}
	if w.tx.Digest() != before {
		t.Error("the same tags changed something")
	}
	// The book was wrong: the unit comes in with the next try, and with it the
	// tag that was not announced.
	w.ok(AdjustStock{Place: "bin/A-01", SKU: "TEL", Serial: "102", Qty: -1, Reason: ReasonMissing})
	if res := w.no(BookTags{Receipt: "R1", Extra: true}, CodeStolen); !strings.HasPrefix(res.Text, "2 pieces booked; serial 103") {
		t.Fatalf("answer %+v", res)
	}
	if rep := seen(ReceiptTags(w.tx, "R1")); !slices.Equal(rep.Refused, []string{phoneTag("103")}) {
		t.Fatalf("report %+v", rep)
	}
	if l := seen(GetReceipt(w.tx, "R1")).Lines[0]; l.Received != 4 || l.Tagged != 4 {
		t.Fatalf("line %+v", l)
	}
	w.invariants()
	w.books()
	// A unit is put away by its serial, moved by it, and sold.
	w.ok(ClaimFloor{Device: "hw1", Of: FloorPutaway})
	s := w.step("hw1")
	w.ok(Scan{Device: "hw1", Verb: "slot", Barcode: s.Tote, Task: s.Task})
	w.no(Scan{Device: "hw1", Verb: "item", Barcode: "]C101" + gtin(9) + "21nope"}, CodeWrongSerial)
	w.ok(Scan{Device: "hw1", Verb: "item", Barcode: itemCode(s)})
	w.ok(Scan{Device: "hw1", Verb: "bin", Barcode: "A-03"})
	w.ok(AskMove{SKU: "TEL", Serial: s.Serial, Owner: "ACME", Qty: 1, From: "A-03", To: "B-05"})
	w.ok(ClaimFloor{Device: "hw1", Of: FloorMove})
	w.walkFloor(s.Serial, "B-05")
	if got := w.at(s.Serial); !slices.Equal(got, []string{s.Serial + " bin/B-05"}) {
		t.Fatalf("moved to %v", got)
	}
	w.invariants()
	w.books()
}

// walkFloor does the move of a unit that the worker of hw1 has claimed.
func (w *world) walkFloor(serial, bin string) {
	w.t.Helper()
	s := w.step("hw1")
	w.ok(Scan{Device: "hw1", Verb: "bin", Barcode: s.Bin})
	w.no(Scan{Device: "hw1", Verb: "item", Barcode: "]C101" + gtin(9) + "21other"}, CodeWrongSerial)
	w.ok(Scan{Device: "hw1", Verb: "item", Barcode: "]C101" + gtin(9) + "21" + serial})
	w.ok(Scan{Device: "hw1", Verb: "bin", Barcode: bin})
}

// Two tags that say the same serial of an item with two GTINs.
func TestTwoTagsOfOneSerial(t *testing.T) {
	w := phones(t)
	it := phone()
	it.Barcodes = []string{gtin(78)}
	w.ok(PutItems{Items: []Item{it}})
	of := func(item, serial int) string {
		g := gtin(item)
		return fmt.Sprintf("urn:epc:id:sgtin:%s.%s%s.%d", g[1:8], g[:1], g[8:13], serial)
	}
	w.ok(SeeTags{Receipt: "R1", EPCs: []string{of(9, 7), of(78, 7)}})
	res := w.no(BookTags{Receipt: "R1", Extra: true}, CodeConflict)
	if res.Text != "1 pieces booked; serial 7 of TEL is here already: in "+ReceiptPlace("R1") {
		t.Fatalf("answer %+v", res)
	}
	if rep := seen(ReceiptTags(w.tx, "R1")); !slices.Equal(rep.Refused, []string{of(78, 7)}) {
		t.Fatalf("report %+v", rep)
	}
	w.invariants()
	w.books()
}

// row 100: a thousand units, in as many commands as they need.
func TestReceiptRow100SerialsBulk(t *testing.T) {
	w := phones(t)
	w.ok(AnnounceReceipt{Receipt: ReceiptSpec{ID: "R2", Supplier: "S", Lines: []ReceiptLine{{Line: 1, SKU: "TEL", Qty: 1000}}}, Source: "oms/main"})
	var tags []string
	for i := range 1000 {
		tags = append(tags, phoneTag(fmt.Sprint(1000+i)))
	}
	for part := range slices.Chunk(tags, 500) {
		w.ok(AnnounceTags{Receipt: "R2", EPCs: part})
		w.ok(SeeTags{Receipt: "R2", EPCs: part})
	}
	tries := 1
	for ; w.ok(BookTags{Receipt: "R2"}).Ref == RefMore; tries++ {
	}
	if l := seen(GetReceipt(w.tx, "R2")).Lines[0]; l.Received != 1000 || tries < 2 || tries > 20 {
		t.Fatalf("%d received in %d commands", l.Received, tries)
	}
	w.invariants()
	w.books()
}

// row 100: the serials of a unit are given with it; all of it or nothing.
func TestReceiptRow100SerialsOfAUnit(t *testing.T) {
	w := phones(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "TEL", Serial: "here", Qty: 1}}})
	unit := func(serials ...string) ReceiveUnit {
		c := ReceiveUnit{Receipt: "R1", LU: phoneUnit}
		for _, s := range serials {
			c.Serials = append(c.Serials, UnitSerial{SKU: "TEL", Serial: s})
		}
		return c
	}
	w.rejected(t, map[string]struct {
		c    Command
		code string
	}{
		"none":      {unit(), CodeWrongSerial},
		"too few":   {unit("a"), CodeWrongSerial},
		"too many":  {unit("a", "b", "c"), CodeWrongSerial},
		"twice":     {unit("a", "a"), CodeConflict},
		"here":      {unit("a", "here"), CodeConflict},
		"bytes":     {unit("a", "b\x00"), CodeInvalid},
		"no item":   {ReceiveUnit{Receipt: "R1", LU: phoneUnit, Serials: []UnitSerial{{SKU: "a/b", Serial: "x"}}}, CodeInvalid},
		"a hundred": {unit(make([]string, 101)...), CodeTooBig},
	})
	w.ok(unit("a", "b"))
	place := ReceiptPlace("R1")
	if got := w.at("a", "b"); !slices.Equal(got, []string{"a " + place, "b " + place}) {
		t.Fatalf("units are at %v", got)
	}
	w.wantQty(place, "CUP", "", 3, 3)
	if res := w.ok(unit("a", "b")); res.Text != "received before" {
		t.Fatalf("answer %+v", res)
	}
	w.invariants()
	w.books()
}

// A log of before level 4 refuses units with serials as a whole, and knows no tag
// but those of 96 bits.
func TestTagsBeforeLevel4(t *testing.T) {
	w := phones(t)
	w.m.Level = 3
	w.ok(SeeTags{Receipt: "R1", EPCs: []string{phoneTag("7")}})
	w.no(BookTags{Receipt: "R1", Extra: true}, CodeWrongSerial)
	w.m.Level = Level
	w.ok(BookTags{Receipt: "R1", Extra: true})
	w.invariants()
}

// taggedPhones is a day with units of an item with serials, by tag and by unit.
func taggedPhones(t *testing.T) *world {
	w := phones(t)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "TEL", Serial: "102", Qty: 1}}})
	w.ok(AnnounceTags{Receipt: "R1", EPCs: []string{phoneTag("101"), phoneTag("102"), phoneTag("32a%2Fb")}})
	w.ok(SeeTags{Receipt: "R1", EPCs: []string{phoneTag("101"), phoneTag("102"), phoneTag("32a%2Fb"), "E280116060000204"}})
	w.no(BookTags{Receipt: "R1"}, CodeConflict)
	w.ok(ReceiveUnit{Receipt: "R1", LU: phoneUnit, Serials: []UnitSerial{{SKU: "TEL", Serial: "a"}, {SKU: "TEL", Serial: "b"}}})
	w.ok(ClaimFloor{Device: "hw1", Of: FloorPutaway})
	s := w.step("hw1")
	w.ok(Scan{Device: "hw1", Verb: "slot", Barcode: s.Tote, Task: s.Task})
	w.ok(Scan{Device: "hw1", Verb: "item", Barcode: itemCode(s)})
	w.ok(Scan{Device: "hw1", Verb: "bin", Barcode: "A-03"})
	w.invariants()
	w.books()
	return w
}
