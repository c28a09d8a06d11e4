package oms

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/cloudsync/wire"
)

// shippedOrder is an order that left its site in two parcels.
func shippedOrder(t *testing.T) *Server {
	t.Helper()
	s := newServer(t)
	if rec := call(t, s, "POST", "/v1/orders", jsonType, namedJSON, nil); rec.Code != http.StatusCreated {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	send(t, s, ev("control", 1, "order.shipped", "O-1", wire.EventData{State: "SHIPPED", Parcels: []wire.Parcel{
		{SSCC: "P1", Carrier: "POST", Tracking: "T1", WeightMg: 5}, {SSCC: "P2", Carrier: "POST", Tracking: "T2"},
	}}))
	return s
}

// Row 108: SHIPPED comes from the site and DELIVERED from the carrier; both carry
// what somebody needs who writes to the customer, at once or N days later.
func TestMilestonesRow108(t *testing.T) {
	s := shippedOrder(t)
	read := func(query string) (out []Milestone) {
		t.Helper()
		if rec := call(t, s, "GET", "/v1/milestones?"+query, "", "", &out); rec.Code != http.StatusOK {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		return out
	}
	deliver := func(body string, want int) {
		t.Helper()
		if rec := call(t, s, "POST", "/v1/orders/O-1/delivered", jsonType, body, nil); rec.Code != want {
			t.Fatalf("%s: %d %s", body, rec.Code, rec.Body)
		}
	}
	shipped := testTime.UnixMilli() + 1
	at := shipped + 86_400_000
	deliver(fmt.Sprintf(`{"sscc":"P1","at":%d,"proof":"Ada, 12:03"}`, at), 200)
	if got := read("type=order.delivered"); len(got) != 0 {
		t.Errorf("delivered with one of two parcels: %+v", got)
	}
	deliver(fmt.Sprintf(`{"sscc":"P1","at":%d,"proof":"another"}`, at+5), 200) // the first word stands
	deliver(`{"sscc":"P9"}`, http.StatusNotFound)
	deliver(`{"at":-1}`, http.StatusUnprocessableEntity)
	deliver(fmt.Sprintf(`{"at":%d}`, at+9), 200)
	deliver(fmt.Sprintf(`{"at":%d}`, at+99), 200) // all of it again: no second event
	got := read("")
	want := Milestone{
		Type: "order.shipped", At: shipped, Order: "O-1", Site: "dc1", Channel: "web", Party: "business", Customer: "C-17",
		Refs: []wire.Ref{{Name: "campaign", Value: "spring; =1"}, {Name: "po"}}, PlacedAt: 1764000000000,
		Parcels: []ParcelView{
			{SSCC: "P1", WeightMg: 5, Carrier: "POST", Tracking: "T1", DeliveredAt: at, Proof: "Ada, 12:03"},
			{SSCC: "P2", Carrier: "POST", Tracking: "T2", DeliveredAt: at + 9},
		},
	}
	delivered := want
	delivered.Type, delivered.At = "order.delivered", at+9
	for i := range got {
		if got[i].N <= 0 || i > 0 && got[i].N <= got[i-1].N {
			t.Errorf("n of %+v", got)
		}
	}
	first := got[0].N
	for i := range got {
		got[i].N = 0
	}
	if d := cmp.Diff([]Milestone{want, delivered}, got); d != "" {
		t.Error(d)
	}
	for query, n := range map[string]int{
		fmt.Sprintf("after=%d", first): 1, fmt.Sprintf("until=%d", shipped): 1, fmt.Sprintf("until=%d", shipped-1): 0, "limit=1": 1,
	} {
		if got := read(query); len(got) != n {
			t.Errorf("%s: %+v", query, got)
		}
	}
}

func TestDeliveredTooEarly(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	rec := call(t, s, "POST", "/v1/orders/O-1/delivered", jsonType, `{}`, nil)
	if p := problem(t, rec); rec.Code != http.StatusConflict || p.Code != CodeNotShipped {
		t.Errorf("%d %+v", rec.Code, p)
	}
}

// Row 115: the export has the customer, the day of the week and the size of each
// order.
func TestHistoryRow115(t *testing.T) {
	s := shippedOrder(t)
	call(t, s, "POST", "/v1/orders/O-1/delivered", jsonType, fmt.Sprintf(`{"at":%d}`, testTime.UnixMilli()+60_000), nil)
	placeOrder(t, s, "-2", PaymentPending)
	rec := call(t, s, "GET", "/v1/history", "", "", nil)
	want := "n,order,customer,party,channel,site,state,placed_at,weekday,lines,units,shipped_at,delivered_at\n" +
		"1,O-1,C-17,business,web,dc1,SHIPPED,2025-11-24T16:00:00.000Z,Mon,2,5,2026-11-24T08:00:00.001Z,2026-11-24T08:01:00.000Z\n" +
		"2,'-2,,,,dc1,NEW,2026-11-24T08:00:00.000Z,Tue,1,2,,\n"
	if d := cmp.Diff(want, rec.Body.String()); d != "" || rec.Header().Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Error(d)
	}
	if rec := call(t, s, "GET", "/v1/history?after=1", "", "", nil); strings.Count(rec.Body.String(), "\n") != 2 || !strings.Contains(rec.Body.String(), "\n2,") {
		t.Errorf("%s", rec.Body)
	}
}
