package warehouse_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// offering is a site that tells what it can take on every ten seconds.
func offering(t fataler) *world {
	w := stocked(t)
	s := testSite()
	s.Offers, s.ATPEveryMs, s.OrdersPerHour = true, 10_000, 40
	s.Lanes, s.DefaultLane = []Lane{{ID: "L1"}, {ID: "L2"}}, "L1"
	s.Intake = &IntakeRules{MaxOpen: 9, Pickups: []Pickup{{Carrier: "POST", Minute: 900, Days: 31}}}
	s.Services = []Service{
		{Carrier: "POST", Code: "parcel", Countries: []string{"NL", "DE"}, Methods: []string{"standard"}},
		{Carrier: "POST", Code: "letter", Countries: []string{"DE"}, Methods: []string{"standard", "mail"}},
		{Carrier: "EXP", Code: "fast"},
	}
	s.Carriers = []Carrier{{Code: "POST", Prefix: "PO", Digits: 8, First: 1, Last: 999}, {Code: "EXP", Prefix: "XF", Digits: 4, First: 1, Last: 999}}
	w.ok(PutSite{Site: s})
	return w
}

// offers lists what was told.
func (w *world) offers() (out []SiteOffers) {
	for _, e := range w.events() {
		if e.Type == EvSiteOffers {
			out = append(out, *e.Data.Offers)
		}
	}
	return out
}

// due lets the rounds run that are due by then.
func (w *world) due(ms int64) {
	w.m.Now += ms
	for range 50 {
		at, ok, err := NextDue(w.tx)
		if err != nil {
			w.t.Fatal(err)
		}
		if !ok || at > w.m.Now {
			return
		}
		w.ok(AdvanceTime{})
	}
}

// Row 49: what a site can take on is told once a round and only when it changed,
// and at once in the next round when a carrier goes down or up.
func TestOffersRow49(t *testing.T) {
	w := offeringDay(t)
	want := SiteOffers{
		MaxOpen: 9, PerHour: 40, Lanes: []string{"L1", "L2"}, CutOffs: []Pickup{{Carrier: "POST", Minute: 900, Days: 31}},
		Carriers: []OfferedCarrier{{Code: "POST", Up: true, Methods: []string{"mail", "standard"}, Countries: []string{"DE", "NL"}}, {Code: "EXP", Up: true}},
	}
	with := func(open int64, post bool) SiteOffers {
		o := want
		o.Open = open
		o.Carriers = append([]OfferedCarrier{}, want.Carriers...)
		o.Carriers[0].Up = post
		return o
	}
	// Nine orders of one round are one event; a round without news is none.
	if d := cmp.Diff([]SiteOffers{with(0, true), with(3, true), with(3, false), with(3, true)}, w.offers()); d != "" {
		t.Error(d)
	}
}

func offeringDay(t *testing.T) *world {
	w := offering(t)
	w.due(60_000)
	for _, id := range []string{"O1", "O2", "O3"} {
		w.ok(release(id, "PEN"))
	}
	w.due(60_000)
	w.due(60_000)
	w.ok(CarrierDown{Carrier: "POST", Reason: "strike"})
	w.due(60_000)
	w.ok(CarrierDown{Carrier: "POST", Reason: "strike"})
	w.due(60_000)
	w.ok(CarrierUp{Carrier: "POST"})
	w.due(60_000)
	w.invariants()
	return w
}

func TestOffersNeedLevels(t *testing.T) {
	w := stocked(t)
	s := testSite()
	s.Offers = true
	w.no(PutSite{Site: s}, CodeInvalid)
	s.Offers, s.OrdersPerHour = false, -1
	w.no(PutSite{Site: s}, CodeInvalid)
}
