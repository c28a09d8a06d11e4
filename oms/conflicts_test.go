package oms

import (
	"testing"

	"tote/cloudsync/wire"
)

// What a site says of an order of its own never touches the order of the OMS
// that has the same id, least of all past its payment gate.
func TestSiteOrderUnderTheIDOfOursRow38(t *testing.T) {
	for _, tc := range []struct {
		name    string
		payment string
		state   string
		mark    wire.EventData // how the site marks its order
	}{
		{"unpaid", PaymentPending, StateNew, wire.EventData{Born: wire.BornSite, Source: "site"}},
		{"at the site", PaymentSettled, StateSubmitted, wire.EventData{Born: wire.BornSite, Source: "site"}},
		{"a site before the mark", PaymentPending, StateNew, wire.EventData{Source: "site"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			placeOrder(t, s, "O-1", tc.payment)
			placed := len(order(t, s, "O-1").Timeline)
			with := func(d wire.EventData) wire.EventData {
				d.Born, d.Source = tc.mark.Born, tc.mark.Source
				return d
			}
			r := send(t, s,
				ev("control", 1, "order.accepted", "O-1", with(wire.EventData{State: "VALIDATED"})),
				ev("control", 2, "order.rejected", "O-1", with(wire.EventData{Code: "INVALID"})),
				ev("control", 3, "order.shipped", "O-1", with(wire.EventData{State: "SHIPPED", Parcels: []wire.Parcel{{SSCC: "001"}}, Lines: []wire.Line{{Line: 1}}})),
				ev("control", 4, "fallout.opened", "O-1", with(wire.EventData{Fallout: "F1", Code: "STOCKOUT"})),
				ev("control", 5, "order.cancelled", "O-1", with(wire.EventData{})),
			)
			for _, res := range r.Results {
				if res.Status != wire.StatusRejected || res.Code != CodeIDTaken {
					t.Errorf("%+v", res)
				}
			}
			v := order(t, s, "O-1")
			if v.State != tc.state || v.Payment != tc.payment || v.Origin != "oms" || v.Code != "" || v.SiteLines != nil || len(v.Parcels)+len(v.Fallout) > 0 {
				t.Errorf("the order was changed: %+v", v)
			}
			if len(v.Timeline) != placed+5 || v.Timeline[placed].Code != CodeIDTaken || v.Timeline[placed].Source != "/sites/dc1" {
				t.Errorf("timeline %+v", v.Timeline)
			}
			want := ConflictView{
				Site: "dc1", Order: "O-1", Code: CodeIDTaken, State: "SHIPPED", Events: 5,
				FirstAt: testTime.UnixMilli() + 1, LastAt: testTime.UnixMilli() + 5,
			}
			if len(v.Conflicts) != 1 || v.Conflicts[0] != want {
				t.Errorf("conflicts %+v", v.Conflicts)
			}
			var sum Summary
			call(t, s, "GET", "/v1/summary", "", "", &sum)
			if sum.Conflicts != 1 || sum.Refused[CodeIDTaken] != 5 || sum.Parcels != 0 {
				t.Errorf("%+v", sum)
			}
			// The answer of the site to our own release comes through.
			answer := wire.EventData{Source: "oms/main", Revision: 1, Code: CodeIDTaken, Text: "order O-1 is here"}
			send(t, s, ev("control", 6, "order.rejected", "O-1", answer))
			if v := order(t, s, "O-1"); v.State != StateRejected || v.Code != CodeIDTaken {
				t.Errorf("%+v", v)
			}
			if rec := call(t, s, "POST", "/v1/orders/O-1/resubmit", "", "", nil); rec.Code != 409 {
				t.Errorf("resubmit: %d %s", rec.Code, rec.Body)
			}
		})
	}
}

func TestConflictsAreListedInPages(t *testing.T) {
	s := newServer(t)
	for i, id := range []string{"A", "B", "C"} {
		placeOrder(t, s, id, PaymentPending)
		send(t, s, ev("control", uint64(i+1), "order.accepted", id, wire.EventData{Born: wire.BornSite}))
	}
	var got []string
	cursor := ""
	for range 3 {
		var l ConflictList
		call(t, s, "GET", "/v1/conflicts?limit=2&cursor="+cursor, "", "", &l)
		for _, c := range l.Conflicts {
			got = append(got, c.Order)
		}
		if cursor = l.Next; cursor == "" {
			break
		}
	}
	if len(got) != 3 || got[0] != "A" || got[2] != "C" {
		t.Errorf("%v", got)
	}
	if rec := call(t, s, "GET", "/v1/conflicts?cursor=!", "", "", nil); rec.Code != 400 {
		t.Errorf("%d", rec.Code)
	}
}

// A cancel that people of the site asked for is not our request, refused.
func TestCancelOfTheSiteIsNotOurs(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	r := send(t, s, ev("control", 1, "order.cancelRejected", "O-1", wire.EventData{Source: "site", Code: "E_SOFT_PONR"}))
	if r.Results[0].Status != wire.StatusApplied || order(t, s, "O-1").Cancel != nil {
		t.Errorf("%+v, %+v", r, order(t, s, "O-1").Cancel)
	}
}

// The OMS has only heard of an order of the site; it does not ask to cancel it,
// since the site could not tell that from a cancel of an order of the OMS.
func TestCancelOfAnOrderOfTheSite(t *testing.T) {
	s := newServer(t)
	send(t, s, ev("control", 1, "order.accepted", "CK-1", wire.EventData{Born: wire.BornSite}))
	if rec := call(t, s, "POST", "/v1/orders/CK-1/cancel", "", "", nil); rec.Code != 409 || problem(t, rec).Code != CodeSiteOrder {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
