package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/gs1"
	. "tote/warehouse"
)

// uri is a tag as a URI: as on the tag, or the pure identity.
func uri(t *testing.T, digits string, pure bool) string {
	t.Helper()
	e, err := gs1.DecodeEPC(digits)
	if err != nil {
		t.Fatal(err)
	}
	if pure {
		return e.URI
	}
	return e.TagURI
}

func (w *world) verified(id string, want bool) {
	w.t.Helper()
	if p := w.order(id).Parcels[0]; p.Verified != want {
		w.t.Fatalf("parcel of %s: %+v", id, p)
	}
}

// The portal decides by what was packed.
func TestPortalPassOfOneParcel(t *testing.T) {
	for _, tt := range []struct {
		name     string
		tags     func(w *world, all []string) []string // all: the parcel's tag, then 2 cups
		code     string
		fallouts []string
		detail   string
	}{
		{"complete", func(_ *world, all []string) []string { return all }, CodeOK, nil, ""},
		{"other order", func(_ *world, all []string) []string { return []string{all[2], all[0], all[1]} }, CodeOK, nil, ""},
		{"twice", func(_ *world, all []string) []string { return slices.Concat(all, all) }, CodeOK, nil, ""},
		{"as URIs too", func(_ *world, all []string) []string {
			return []string{uri(t, all[0], true), all[0], uri(t, all[1], false), uri(t, all[1], true), strings.ToLower(all[2])}
		}, CodeOK, nil, ""},
		{"tags of goods that need none", func(w *world, all []string) []string {
			return append(all, w.tag(gtin(3), "900000", 1)) // the milk
		}, CodeOK, nil, ""},
		{"one missing", func(_ *world, all []string) []string { return all[:2] }, FalloutRFIDMissing, []string{"RFID_MISSING P1/0"}, "CUP 1"},
		{"all missing", func(_ *world, all []string) []string { return all[:1] }, FalloutRFIDMissing, []string{"RFID_MISSING P1/0"}, "CUP 2"},
		{"one more", func(w *world, all []string) []string {
			return append(all, w.tag(gtin(1), "900000", 1))
		}, FalloutRFIDExtra, []string{"RFID_EXTRA P1/0"}, "CUP 1"},
		{"more of goods that need none", func(w *world, all []string) []string {
			return append(all, w.tag(gtin(3), "900000", 1), w.tag(gtin(3), "900000", 2))
		}, FalloutRFIDExtra, []string{"RFID_EXTRA P1/0"}, "MILK 1"},
		{"another item", func(w *world, all []string) []string {
			return append(all[:2], w.tag(gtin(2), "900000", 1))
		}, FalloutRFIDMissing, []string{"RFID_MISSING P1/0", "RFID_EXTRA P1/0"}, "CUP 1"},
		{
			"a foreign tag", func(_ *world, all []string) []string { return append(all, "e200aa") },
			FalloutRFIDExtra,
			[]string{"RFID_EXTRA /0"},
			"E200AA",
		},
		{
			"an unknown item", func(w *world, all []string) []string { return append(all, w.tag(gtin(77), "900000", 1)) },
			FalloutRFIDExtra,
			[]string{"RFID_EXTRA /0"},
			"urn:epc:id:sgtin:9521230.000077.1900000001",
		},
		{
			"noise", func(_ *world, all []string) []string { return append(all, "no tag\x07", "urn:epc:id:nope:1") },
			FalloutRFIDExtra,
			[]string{"RFID_EXTRA /0"},
			"NO TAG , URN:EPC:ID:NOPE:1",
		},
		{"no parcel", func(_ *world, all []string) []string { return all[1:] }, FalloutRFIDExtra, []string{"RFID_EXTRA /0"}, "CUP 2"},
		{"nothing", func(*world, []string) []string { return nil }, CodeOK, nil, ""},
	} {
		w := floor(t)
		w.ok(release("P1", "CUP*2", "MILK*1"))
		w.pick("K1", "w1", "P1")
		sscc := w.label("pack1", "P1")
		w.ok(Load{Dock: "d1", Barcode: sscc})
		all := w.epcs(sscc)
		if len(all) != 3 {
			t.Fatal(all)
		}
		tags := tt.tags(w, all)
		res := w.apply(PortalPass{Dock: "d1", EPCs: tags})
		if res.Code != tt.code || res.Keep != (tt.code != CodeOK) {
			t.Errorf("%s: %+v", tt.name, res)
		}
		if got := w.openFallouts(); !slices.Equal(got, tt.fallouts) {
			t.Errorf("%s: %v", tt.name, got)
		}
		if len(tt.fallouts) > 0 {
			f := seen(Fallouts(w.tx, true))[0]
			if f.Detail != tt.detail || f.Dock != "d1" || (f.LU == sscc) != (f.Order != "") {
				t.Errorf("%s: %+v", tt.name, f)
			}
		}
		seenAll := len(tags) > 0 && tags[0] != all[1] && !slices.ContainsFunc(tt.fallouts, func(s string) bool { return strings.HasSuffix(s, "P1/0") })
		w.verified("P1", seenAll)
		w.invariants()
		// The same pass again says the same and opens nothing new.
		before := w.tx.Digest()
		again := w.apply(PortalPass{Dock: "d1", EPCs: tags})
		if again.Code != tt.code || w.tx.Digest() != before {
			t.Errorf("%s, again: %+v, changed %v", tt.name, again, w.tx.Digest() != before)
		}
	}
}

func TestPortalPassRefusals(t *testing.T) {
	w := floor(t)
	sscc := w.labelled("CUP*1")[0]
	many := make([]string, MaxPassTags+1)
	for i := range many {
		many[i] = fmt.Sprintf("E2%04X", i)
	}
	for _, tt := range []PortalPass{
		{Dock: "", EPCs: w.epcs(sscc)},
		{Dock: "d2", EPCs: w.epcs(sscc)}, // no portal there
		{Dock: "d1", EPCs: many},
		{Dock: "d1", EPCs: []string{""}},
		{Dock: "d1", EPCs: []string{strings.Repeat("E", 129)}},
	} {
		w.no(tt, CodeInvalid)
	}
	w.m.Level = 4
	w.no(PortalPass{Dock: "d1", EPCs: many[:501]}, CodeInvalid)
	w.m.Level = Level
	w.no(PortalPass{Dock: "d1", EPCs: many[:MaxPassTags]}, FalloutRFIDExtra)
	if f := seen(Fallouts(w.tx, true))[0]; f.Qty != MaxPassTags || len(f.Detail) > 200 {
		t.Errorf("%+v", f)
	}
	w.ok(PutSite{Site: testSite()})
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(sscc)}, CodeInvalid)
	w.invariants()
}

// What was wrong is brought up to date by the next pass and cleared by a
// complete one; a complete one is for good.
func TestPortalPassesOfAParcelInTurn(t *testing.T) {
	w := floor(t)
	sscc := w.labelled("CUP*3")[0]
	all := w.epcs(sscc)
	w.no(PortalPass{Dock: "d1", EPCs: all[:2]}, FalloutRFIDMissing)
	w.no(PortalPass{Dock: "d1", EPCs: all[:3]}, FalloutRFIDMissing)
	w.wantFallouts("RFID_MISSING P1/0")
	if f := seen(Fallouts(w.tx, true))[0]; f.Detail != "CUP 1" || f.Qty != 1 {
		t.Errorf("%+v", f)
	}
	w.no(PortalPass{Dock: "d1", EPCs: append(slices.Clone(all), w.tag(gtin(2), "900000", 1))}, FalloutRFIDExtra)
	w.wantFallouts("RFID_EXTRA P1/0")
	w.invariants()
	res := w.ok(PortalPass{Dock: "d1", EPCs: all})
	if res.Ref != sscc {
		t.Errorf("%+v", res)
	}
	for _, want := range []string{"order/P1", "fallout", "dock/d1"} {
		if !contains(res.Touched, want) {
			t.Errorf("touched %v", res.Touched)
		}
	}
	w.wantFallouts()
	w.verified("P1", true)
	w.invariants()
	w.ok(PortalPass{Dock: "d1", EPCs: all[:1]})
	w.verified("P1", true)
	w.wantFallouts()
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Depart{Dock: "d1"})
	// The end of its window may come after the truck has left.
	w.ok(PortalPass{Dock: "d1", EPCs: all})
	w.wantFallouts()
	w.wantEvents("P1", EvOrderAccepted, EvOrderReleased, EvOrderPicking, EvOrderPicked, EvOrderPacked, EvOrderLabelled,
		EvFalloutOpened, EvFalloutCleared, EvFalloutOpened, EvFalloutCleared, EvOrderStaged, EvOrderShipped)
	for _, e := range w.events() {
		for _, p := range e.Data.Parcels {
			if p.Verified || p.CheckedBy != "" {
				t.Errorf("the OMS is told %+v", p)
			}
		}
	}
	w.invariants()
	w.books()
}

// Several parcels in one pass: only their sum can be compared.
func TestPortalPassOfSeveralParcels(t *testing.T) {
	w := floor(t)
	ssccs := w.labelled("CUP*2", "CUP*1", "PEN*2", "BAG*1")
	a, b, pens, bag := w.epcs(ssccs[0]), w.epcs(ssccs[1]), w.epcs(ssccs[2]), w.epcs(ssccs[3])
	res := w.no(PortalPass{Dock: "d1", EPCs: slices.Concat(a, b[:1])}, FalloutRFIDMissing)
	if res.Text != "missing CUP 1" || res.Ref != "d1" {
		t.Errorf("%+v", res)
	}
	w.wantFallouts("RFID_MISSING P1/0", "RFID_MISSING P2/0")
	if f := seen(Fallouts(w.tx, true))[0]; f.Detail != "2 parcels in one pass: CUP 1" {
		t.Errorf("%+v", f)
	}
	w.invariants()
	w.ok(PortalPass{Dock: "d1", EPCs: a})
	w.wantFallouts("RFID_MISSING P2/0")
	// The tags of a verified parcel do not stand for those of another.
	w.no(PortalPass{Dock: "d1", EPCs: slices.Concat(a[:2], b[:1], a[2:])}, FalloutRFIDMissing)
	w.no(PortalPass{Dock: "d1", EPCs: slices.Concat(a[:1], b)}, FalloutRFIDMissing)
	w.verified("P2", false)
	w.ok(PortalPass{Dock: "d1", EPCs: slices.Concat(a, b, pens, bag)})
	for _, id := range []string{"P1", "P2", "P3", "P4"} {
		w.verified(id, true)
	}
	w.wantFallouts()
	// Too much beside verified parcels is nobody's.
	w.no(PortalPass{Dock: "d1", EPCs: slices.Concat(a, pens[1:])}, FalloutRFIDExtra)
	w.wantFallouts("RFID_EXTRA /0")
	if f := seen(Fallouts(w.tx, true))[0]; f.Detail != "PEN 2" || f.Qty != 2 {
		t.Errorf("%+v", f)
	}
	w.invariants()
}

// Tags of nothing known are one fallout a dock, until a person clears it.
func TestStrayTags(t *testing.T) {
	w := floor(t)
	s := floorSite()
	s.Portals = []string{"d1", "d2"}
	w.ok(PutSite{Site: s})
	n := len(w.events())
	for _, dock := range []string{"d1", "d1", "d2"} {
		w.m.Now += 1000
		w.no(PortalPass{Dock: dock, EPCs: []string{fmt.Sprintf("E2%d", w.m.Now)}}, FalloutRFIDExtra)
	}
	w.wantFallouts("RFID_EXTRA /0", "RFID_EXTRA /0")
	fs := seen(Fallouts(w.tx, true))
	if fs[0].Dock != "d1" || fs[0].Detail != fmt.Sprintf("E2%d", w.m.Now-1000) || fs[1].Dock != "d2" {
		t.Errorf("%+v", fs)
	}
	w.invariants()
	w.ok(ClearFallout{Fallout: fs[0].ID})
	w.ok(ClearFallout{Fallout: fs[0].ID})
	if f := seen(GetFallout(w.tx, fs[0].ID)); f.ClearedAt != w.m.Now || f.ClearedBy != "test" {
		t.Errorf("%+v", f)
	}
	w.invariants()
	w.no(PortalPass{Dock: "d1", EPCs: []string{"E2"}}, FalloutRFIDExtra)
	if fs := seen(Fallouts(w.tx, true)); len(fs) != 2 || fs[1].ID == fs[0].ID {
		t.Errorf("%+v", fs)
	}
	if len(w.events()) != n {
		t.Errorf("the OMS was told: %+v", w.events()[n:])
	}
	w.ok(release("O1", "BAG*9"))
	for _, c := range []struct {
		id, code string
	}{{"", CodeUnknownFallout}, {"a/b", CodeUnknownFallout}, {"F999999", CodeUnknownFallout}, {w.order("O1").Fallout[0], CodeConflict}} {
		w.no(ClearFallout{Fallout: c.id}, c.code)
	}
	w.invariants()
}

// A second stray tag does not wipe out the first: it may be gone when somebody
// comes to look.
func TestStrayTagsAreKept(t *testing.T) {
	w := floor(t)
	first := w.m.Now
	for i := range 12 {
		w.m.Now = first + int64(i)
		w.no(PortalPass{Dock: "d1", EPCs: []string{fmt.Sprintf("E2%02d", i)}}, FalloutRFIDExtra)
	}
	w.no(PortalPass{Dock: "d1", EPCs: []string{"E203"}}, FalloutRFIDExtra) // seen before
	f := seen(Fallouts(w.tx, true))[0]
	if f.Detail != "E203" || len(f.Evidence) != 8 || f.More != 4 {
		t.Fatalf("%+v", f)
	}
	for i, e := range f.Evidence {
		if want := (Evidence{At: first + int64(i), Detail: fmt.Sprintf("E2%02d", i), Qty: 1, Dock: "d1"}); e != want {
			t.Errorf("%+v, want %+v", e, want)
		}
	}
	w.ok(ClearFallout{Fallout: f.ID})
	w.no(PortalPass{Dock: "d1", EPCs: []string{"E299"}}, FalloutRFIDExtra)
	if f := seen(Fallouts(w.tx, true))[0]; len(f.Evidence) > 0 || f.Detail != "E299" {
		t.Errorf("a new fallout begins with old evidence: %+v", f)
	}
	w.m.Level = 1 // a log of the rules before
	w.no(PortalPass{Dock: "d1", EPCs: []string{"E277"}}, FalloutRFIDExtra)
	if f := seen(Fallouts(w.tx, true))[0]; len(f.Evidence) > 0 || f.Detail != "E277" {
		t.Errorf("%+v", f)
	}
	w.invariants()
}

// The same for a parcel that comes through with something else missing.
func TestEvidenceOfAParcelIsKept(t *testing.T) {
	w := floor(t)
	sscc := w.labelled("CUP*2")[0]
	epcs := w.epcs(sscc)
	w.no(PortalPass{Dock: "d1", EPCs: epcs[:1]}, FalloutRFIDMissing)
	w.no(PortalPass{Dock: "d1", EPCs: epcs[:2]}, FalloutRFIDMissing)
	f := seen(Fallouts(w.tx, true))[0]
	if len(f.Evidence) != 2 || f.Evidence[0].Detail != "CUP 2" || f.Evidence[1].Detail != "CUP 1" || f.Detail != "CUP 1" || f.Evidence[0].LU != sscc {
		t.Errorf("%+v", f)
	}
}

// No truck leaves a dock with a portal before all its parcels are proven.
func TestDepartWaitsForThePortal(t *testing.T) {
	w := floor(t)
	ssccs := w.labelled("CUP*2", "BAG*1", "PEN*1")
	for _, s := range ssccs {
		w.ok(Load{Dock: "d1", Barcode: s})
	}
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(ssccs[0])[:2]}, FalloutRFIDMissing)
	w.ok(PortalPass{Dock: "d1", EPCs: w.epcs(ssccs[2])})
	want := []Unseen{{SSCC: ssccs[0], Order: "P1", Why: "missing CUP 1"}, {SSCC: ssccs[1], Order: "P2", Why: "not seen"}}
	if d := cmp.Diff(want, seen(Unverified(w.tx, "d1"))); d != "" {
		t.Error(d)
	}
	res := w.no(Depart{Dock: "d1"}, CodeNotVerified)
	if text := "2 parcels: " + ssccs[0] + " missing CUP 1; " + ssccs[1] + " not seen"; res.Text != text {
		t.Errorf("%q", res.Text)
	}
	w.no(Depart{Dock: "d2"}, CodeNothingLoaded)
	if u := seen(Unverified(w.tx, "d2")); u != nil {
		t.Errorf("%+v", u)
	}
	w.ok(PortalPass{Dock: "d1", EPCs: w.epcs(ssccs[1])})
	w.no(Depart{Dock: "d1"}, CodeNotVerified)
	w.ok(PortalPass{Dock: "d1", EPCs: w.epcs(ssccs[0])})
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	w.books()
}

// A dead tag must not hold the truck for ever: a person checks by hand.
func TestParcelLetGoByHand(t *testing.T) {
	w := floor(t)
	ssccs := w.labelled("CUP*2", "PEN*1")
	w.ok(Load{Dock: "d1", Barcode: ssccs[0]})
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(ssccs[0])[:2]}, FalloutRFIDMissing)
	w.m.Actor = "worker/lead"
	w.ok(RetryOrder{Order: "P1"}) // counted
	p := w.order("P1").Parcels[0]
	if p.Verified || p.CheckedBy != "worker/lead" {
		t.Errorf("%+v", p)
	}
	w.wantFallouts()
	w.invariants()
	// Its dead tag does not park it again, and it hides nothing of others.
	w.ok(PortalPass{Dock: "d1", EPCs: w.epcs(ssccs[0])[:2]})
	w.no(PortalPass{Dock: "d1", EPCs: slices.Concat(w.epcs(ssccs[0])[:2], w.epcs(ssccs[1])[:1])}, FalloutRFIDMissing)
	w.wantFallouts("RFID_MISSING P2/0")
	w.ok(PortalPass{Dock: "d1", EPCs: slices.Concat(w.epcs(ssccs[0])[:2], w.epcs(ssccs[1]))})
	w.verified("P1", false)
	w.verified("P2", true)
	w.ok(Depart{Dock: "d1"})
	w.state("P1", OrderShipped)
	w.invariants()

	// One that was never seen, and one that needs nothing.
	ssccs = append(ssccs, w.labelledMore("P3", "CUP*1"))
	if res := w.ok(RetryOrder{Order: "P3"}); res.Text != "nothing to retry" || w.order("P3").Parcels[0].CheckedBy != "" {
		t.Errorf("%+v", res)
	}
	w.ok(Load{Dock: "d1", Barcode: ssccs[2]})
	w.no(Depart{Dock: "d1"}, CodeNotVerified)
	w.ok(RetryOrder{Order: "P3"})
	w.ok(Depart{Dock: "d1"})
	w.invariants()
}

// labelledMore brings one more order to its label.
func (w *world) labelledMore(id, line string) string {
	w.t.Helper()
	w.ok(release(id, line))
	w.pick("K"+id, "w1", id)
	return w.label("pack1", id)
}

// What failed at a portal does not leave through another door.
func TestDepartOfAParkedParcel(t *testing.T) {
	w := floor(t)
	sscc := w.labelled("CUP*2")[0]
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(sscc)[:2]}, FalloutRFIDMissing)
	w.ok(Load{Dock: "d2", Barcode: sscc})
	w.no(Depart{Dock: "d2"}, CodeInFallout)
	w.ok(RetryOrder{Order: "P1"})
	w.ok(Depart{Dock: "d2"})
	// Without a portal it left unproven: its tag means nothing any more.
	w.verified("P1", false)
	w.invariants()
	other := w.labelledMore("P2", "BAG*1")
	w.ok(Load{Dock: "d2", Barcode: other})
	w.ok(Depart{Dock: "d2"})
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(other)}, FalloutRFIDExtra)
	w.wantFallouts("RFID_EXTRA /0")
	w.invariants()
}

// A label that may not have been printed is still the label's matter.
func TestRetryOfAnUnknownLabel(t *testing.T) {
	w := floor(t)
	w.ok(release("P1", "CUP*1"))
	w.pick("K1", "w1", "P1")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("P1").Tote})
	sscc := w.weigh("pack1")
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(sscc)[:1]}, FalloutRFIDMissing)
	w.ok(LabelSent{Job: sscc})
	w.ok(LabelOutcome{Job: sscc, Outcome: JobUnknown})
	w.wantFallouts("RFID_MISSING P1/0", "LABEL_UNKNOWN P1/0")
	w.no(RetryOrder{Order: "P1"}, CodeLabelState)
	w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
	w.wantFallouts("RFID_MISSING P1/0")
	w.ok(RetryOrder{Order: "P1"})
	w.wantFallouts()
	w.invariants()
}
