package warehouse_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	. "tote/warehouse"
)

// shelves is a site with readers at places: a pallet and a tote of an order, and
// phones with serials.
func shelves(t fataler) *world {
	w := phones(t)
	bins := testBins()
	for i := range bins {
		bins[i].Zone = bins[i].Code[:1]
	}
	w.ok(PutBins{Bins: bins})
	w.ok(PutLU{LU: pallet, Type: LUPallet, At: "bin/A-01"})
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-02", SKU: "TEL", Serial: "101", Qty: 1}, {Bin: "A-02", SKU: "TEL", Serial: "102", Qty: 1}, {Bin: "A-03", SKU: "CUP", Qty: 9},
	}})
	return w
}

// see is a tag that is seen at the time of the world.
func (w *world) see(tag, place string, gone bool) TagSeen {
	return TagSeen{Tag: tag, Place: place, At: w.m.Now, Gone: gone}
}

// said is what is told about a code.
func (w *world) said(code string) string {
	w.t.Helper()
	f := w.find(code)
	if f == nil || f.Seen == nil {
		return ""
	}
	f.Seen.Say(w.m.Now)
	return f.Seen.Text
}

// What was seen is told with where the ledger has it, moves nothing, and says when
// the two disagree.
func TestTagSeen(t *testing.T) {
	const differ = "; the ledger has it elsewhere"
	for name, tc := range map[string]struct {
		tag, place string
		gone       bool
		code       string // that is asked for
		want       string
	}{
		"a pallet where it stands":        {palletTag, "A-01", false, pallet, "seen at A-01 12 s ago"},
		"a pallet elsewhere":              {palletTag, "B-01", false, pallet, "seen at B-01 12 s ago" + differ},
		"a pallet in its zone":            {palletTag, "A", false, pallet, "seen at A 12 s ago"},
		"a pallet in another zone":        {palletTag, "B", false, pallet, "seen at B 12 s ago" + differ},
		"a pallet gone from its bin":      {palletTag, "A-01", true, pallet, "last seen at A-01 12 s ago, not since; the ledger has it still there"},
		"a pallet gone from another bin":  {palletTag, "B-01", true, pallet, "last seen at B-01 12 s ago, not since"},
		"a pallet gone from another zone": {palletTag, "B", true, pallet, "last seen at B 12 s ago, not since"},
		"a phone by its code":             {phoneTag("101"), "A-02", false, "(01)" + gtin(9) + "(21)101", "seen at A-02 12 s ago"},
		"a phone by its serial":           {phoneTag("101"), "A-01", false, "101", "seen at A-01 12 s ago" + differ},
		"another phone":                   {phoneTag("101"), "A-01", false, "102", ""},
		"the item of the phone":           {phoneTag("101"), "A-01", false, "TEL", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := shelves(t)
			w.ok(w.see(tc.tag, tc.place, tc.gone))
			w.m.Now += 12_000
			if got := w.said(tc.code); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
			w.invariants()
			w.books()
		})
	}
}

// A tote whose tag spells its code is known by it, in hands and on a cart nothing
// contradicts, and what it was seen at stays with it from order to order.
func TestTagOfATote(t *testing.T) {
	w := shelves(t)
	w.ok(release("O1", "CUP*1"))
	w.pick("K1", "w1", "O1")
	tote := w.order("O1").Tote
	bits := hex.EncodeToString([]byte(tote))
	bits += strings.Repeat("0", 24-len(bits))
	for _, tag := range []string{bits, "urn:epc:raw:96.xA1.x" + strings.ToUpper(bits)} {
		w.m.Now += 5000
		w.ok(w.see(tag, "B-01", false))
		if f := w.find(tote); f.Seen == nil || f.Seen.At != w.m.Now || f.Seen.Place != "B-01" || !f.Seen.Differs { // at the pack drop
			t.Errorf("%s: %+v", tag, f.Seen)
		}
	}
	w.ok(w.see(bits, "GATE", false))
	if f := w.find(tote); f.Seen.Differs {
		t.Errorf("a name says nothing of the pack drop: %+v", f.Seen)
	}
}

// The newest is kept, whichever gateway's word comes first; a departure counts for
// the place it is from.
func TestSightsInTurn(t *testing.T) {
	w := shelves(t)
	at := func(ms int64, place string, gone bool) TagSeen {
		return TagSeen{Tag: palletTag, Place: place, At: 1_000_000 + ms, Gone: gone}
	}
	w.m.Now = 1_010_000
	for i, tc := range []struct {
		cmd  TagSeen
		want Sight
	}{
		{at(5000, "A-01", false), Sight{Place: "A-01", At: 1_005_000}},
		{at(4000, "B-01", false), Sight{Place: "A-01", At: 1_005_000}},                   // older
		{at(6000, "B-01", true), Sight{Place: "A-01", At: 1_005_000}},                    // gone from elsewhere
		{at(3000, "A-01", true), Sight{Place: "A-01", At: 1_005_000}},                    // gone before it came
		{at(4600, "A-01", true), Sight{Place: "A-01", At: 1_005_000, Gone: true}},        // told of the end of its window
		{at(7000, "B-01", false), Sight{Place: "B-01", At: 1_007_000}},                   // and came
		{at(90_000, "A-01", false), Sight{Place: "A-01", At: 1_010_000}},                 // a clock that is fast
		{at(9_000_000_000, "A-01", true), Sight{Place: "A-01", At: w.m.Now, Gone: true}}, // by far
	} {
		w.ok(tc.cmd)
		if got := seen(UnitSeen(w.tx, pallet)); got == nil || *got != tc.want {
			t.Fatalf("%d: %+v, want %+v", i, got, tc.want)
		}
	}
	// The same once more writes nothing.
	before := w.tx.Digest()
	w.ok(at(9_000_000_000, "A-01", true))
	if w.tx.Digest() != before {
		t.Error("the same sight changed the state")
	}
}

// A tag that means nothing here is refused with a code and leaves nothing.
func TestTagSeenRefusals(t *testing.T) {
	w := shelves(t)
	w.rejected(t, map[string]struct {
		c    Command
		code string
	}{
		"no tag":              {w.see("", "A-01", false), CodeInvalid},
		"a long tag":          {w.see(strings.Repeat("A", 1000), "A-01", false), CodeInvalid},
		"no place":            {w.see(palletTag, "", false), CodeInvalid},
		"a place with a zero": {w.see(palletTag, "A\x00B", false), CodeInvalid},
		"no time":             {TagSeen{Tag: palletTag, Place: "A-01"}, CodeInvalid},
		"by nobody's name":    {TagSeen{Tag: palletTag, Place: "A-01", At: 1, By: "a/b"}, CodeInvalid},
		"a time before 1970":  {TagSeen{Tag: palletTag, Place: "A-01", At: -1}, CodeInvalid},
		"an unknown unit":     {w.see("urn:epc:id:sscc:9529999.3000000007", "A-01", false), CodeUnknownTag},
		"an unknown serial":   {w.see(phoneTag("7"), "A-01", false), CodeUnknownTag},
		"an unknown item":     {w.see("urn:epc:id:sgtin:9529999.300000.1", "A-01", false), CodeUnknownTag},
		"an item without":     {w.see(w.tag(gtin(1), "900000", 1), "A-01", false), CodeUnknownTag},
		"bits of nothing":     {w.see("E28011606000020412345678", "A-01", false), CodeUnknownTag},
		"no hex":              {w.see("tag", "A-01", false), CodeUnknownTag},
		"an unknown tote":     {w.see(hex.EncodeToString([]byte("T-77")), "A-01", false), CodeUnknownTag},
		"another scheme":      {w.see("urn:epc:id:grai:9521234.00001.5", "A-01", false), CodeUnknownTag},
	})
}

// What was seen of a unit goes with it, and stays with it while it only moves.
func TestSightsGoWithTheirUnits(t *testing.T) {
	w := shelves(t)
	w.ok(w.see(palletTag, "A-01", false))
	w.ok(w.see(phoneTag("101"), "A-02", false))
	w.ok(MoveStock{From: "bin/A-02", To: "bin/A-03", SKU: "TEL", Serial: "101", Qty: 1})
	w.ok(PlaceLU{LU: pallet, At: "bin/B-01"})
	w.m.Now += 1000
	if p, s := w.said(pallet), w.said("101"); !strings.HasPrefix(p, "seen at A-01") || !strings.HasPrefix(s, "seen at A-02") {
		t.Errorf("moved: %q, %q", p, s)
	}
	w.ok(AdjustStock{Place: "bin/A-03", SKU: "TEL", Serial: "101", Qty: -1, Reason: ReasonMissing})
	w.ok(PlaceLU{LU: pallet})
	if s, u := seen(SerialSeen(w.tx, "TEL", "101")), seen(UnitSeen(w.tx, pallet)); s != nil || u != nil {
		t.Errorf("gone: %+v, %+v", s, u)
	}
	w.invariants()
}

// However often a unit is seen, one record is kept of it.
func TestSightsAreBounded(t *testing.T) {
	w := shelves(t)
	w.ok(w.see(palletTag, "A-01", false))
	count := func() (n int) {
		if err := w.tx.Range(nil, func(_, _ []byte) (bool, error) { n++; return true, nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	for i := range 200 {
		w.m.Now += 1000
		w.ok(w.see(palletTag, fmt.Sprint("P", i%7), i%3 == 0))
	}
	if n := count(); n != before {
		t.Errorf("%d records, %d before", n, before)
	}
}

// seeing is a day at a site whose readers watch places.
func seeing(t *testing.T) *world {
	w := shelves(t)
	w.ok(w.see(palletTag, "A-01", false))
	w.ok(w.see(phoneTag("101"), "A-02", false))
	w.no(w.see(phoneTag("999"), "A-02", false), CodeUnknownTag)
	w.ok(release("O1", "CUP*2"))
	w.pick("K1", "w1", "O1")
	w.m.Now += 1000
	w.ok(w.see(hex.EncodeToString([]byte(w.order("O1").Tote)), "B", false))
	sscc := w.label("pack1", "O1")
	own := fmt.Sprintf("urn:epc:id:sscc:%s.%s%s", sscc[1:8], sscc[:1], sscc[8:17])
	w.ok(w.see(own, "B-01", false))
	w.m.Now += 1000
	w.ok(w.see(own, "B-01", true))
	w.ok(w.see(palletTag, "B-02", false))
	w.ok(MoveStock{From: "bin/A-02", To: "bin/A-03", SKU: "TEL", Serial: "101", Qty: 1})
	w.ok(w.see(phoneTag("102"), "A-02", false))
	w.ok(AdjustStock{Place: "bin/A-02", SKU: "TEL", Serial: "102", Qty: -1, Reason: ReasonMissing})
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Depart{Dock: "d1"})
	w.ok(PlaceLU{LU: pallet})
	w.state("O1", OrderShipped)
	w.invariants()
	w.books()
	return w
}

// watching is a day on which gateways say what they see, and one asks what it said.
func watching(t *testing.T) *world {
	w := shelves(t)
	by := func(gateway, tag, place string, gone bool) {
		t.Helper()
		w.m.Now += 1000
		w.ok(TagSeen{Tag: tag, Place: place, At: w.m.Now, Gone: gone, By: gateway})
	}
	phone := func(n string) string { return phoneTag(n) }
	by("gw1", palletTag, "A-01", false)
	by("gw1", phone("101"), "A-02", false)
	by("gw1", phone("102"), "A-02", false)
	by("gw2", palletTag, "B-01", false) // it moved to a place of another gateway
	by("gw1", palletTag, "A-01", true)
	by("gw1", phone("102"), "A-02", true)
	w.invariants()
	return w
}

// A gateway learns what it said to be at its places, by the tags as it told them; not
// what it saw go, nor what another one saw since.
func TestSeenBy(t *testing.T) {
	w := watching(t)
	for gateway, want := range map[string]string{"gw1": phoneTag("101") + " A-02", "gw2": palletTag + " B-01", "gw3": ""} {
		var got []string
		for _, s := range seen(SeenBy(w.tx, gateway)) {
			got = append(got, s.Tag+" "+s.Place)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", gateway, got, want)
		}
	}
	w.ok(AdjustStock{Place: "bin/A-02", SKU: "TEL", Serial: "101", Qty: -1, Reason: ReasonMissing})
	if left := seen(SeenBy(w.tx, "gw1")); len(left) != 0 {
		t.Errorf("of what is not here: %v", left)
	}
}
