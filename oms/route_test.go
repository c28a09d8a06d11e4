package oms

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"tote/cloudsync/wire"
)

// told sends events of a site.
func told(t *testing.T, s *Server, site string, events ...wire.Event) {
	t.Helper()
	for i := range events {
		id, err := wire.ParseEventID(events[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		id.Site = site
		events[i].ID, events[i].Source = id.String(), wire.Source(site)
	}
	first, _ := wire.ParseEventID(events[0].ID)
	rec := post(t, s, events, func(r *http.Request) {
		r.URL.Path = "/v1/sites/" + site + "/events"
		r.Header.Set(wire.HeaderIdempotencyKey, wire.BatchKey{
			Site: site, Epoch: 1, Stream: first.Stream, First: first.Seq, Last: first.Seq + uint64(len(events)) - 1,
		}.String())
	})
	if rec.Code != http.StatusOK || strings.Contains(rec.Body.String(), "rejected") {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
}

func offers(seq uint64, open, perHour, most int64, carriers ...wire.OfferedCarrier) wire.Event {
	return ev("control", seq, "site.offers", "", wire.EventData{Offers: &wire.Offers{Open: open, PerHour: perHour, MaxOpen: most, Carriers: carriers}})
}

func level(seq uint64, sku string, available int64) wire.Event {
	return ev("control", seq, "stock.atp", "", wire.EventData{SKU: sku, Levels: &wire.Levels{OnHand: 99, Available: available}})
}

// Row 49: of two sites the OMS takes the one that has the goods and a living
// carrier, by what they publish.
func TestRouteRow49(t *testing.T) {
	up := wire.OfferedCarrier{Code: "POST", Up: true, Methods: []string{"std"}, Countries: []string{"DE", "NL"}}
	down, far, other := up, up, up
	down.Up = false
	far.Countries = []string{"US"}
	other.Methods = []string{"express"}
	for name, tt := range map[string]struct {
		one, two []wire.Event // what dc1 and dc2 publish; A is wanted twice
		want     string
	}{
		"nobody says anything":            {nil, nil, "dc1"},
		"both can":                        {[]wire.Event{offers(1, 5, 0, 0, up), level(2, "A", 2)}, []wire.Event{offers(1, 5, 0, 0, up), level(2, "A", 9)}, "dc1"},
		"only the second has the goods":   {[]wire.Event{offers(1, 0, 0, 0, up), level(2, "A", 1)}, []wire.Event{offers(1, 9, 0, 0, up), level(2, "A", 2)}, "dc2"},
		"the first never had any":         {[]wire.Event{offers(1, 0, 0, 0, up)}, []wire.Event{offers(1, 9, 0, 0, up), level(2, "A", 2)}, "dc2"},
		"the carrier of the first is out": {[]wire.Event{offers(1, 0, 0, 0, down), level(2, "A", 9)}, []wire.Event{offers(1, 9, 0, 0, down, up), level(2, "A", 2)}, "dc2"},
		"the first does not go there":     {[]wire.Event{offers(1, 0, 0, 0, far), level(2, "A", 9)}, []wire.Event{offers(1, 9, 0, 0, up), level(2, "A", 2)}, "dc2"},
		"the first has another service":   {[]wire.Event{offers(1, 0, 0, 0, other), level(2, "A", 9)}, []wire.Event{offers(1, 9, 0, 0, up), level(2, "A", 2)}, "dc2"},
		"the first is full":               {[]wire.Event{offers(1, 7, 0, 7, up), level(2, "A", 9)}, []wire.Event{offers(1, 9, 0, 0, up), level(2, "A", 2)}, "dc2"},
		"the second is less busy":         {[]wire.Event{offers(1, 10, 5, 0, up), level(2, "A", 9)}, []wire.Event{offers(1, 100, 60, 0, up), level(2, "A", 9)}, "dc2"},
		"nobody has the goods":            {[]wire.Event{offers(1, 0, 0, 0, down), level(2, "A", 1)}, []wire.Event{offers(1, 9, 0, 0, up)}, "dc2"},
		"the newest word counts":          {[]wire.Event{offers(1, 0, 0, 0, up), level(2, "A", 9), offers(3, 0, 0, 0, down)}, []wire.Event{offers(1, 0, 0, 0, down), offers(2, 9, 0, 0, up), level(3, "A", 0), level(4, "A", 2)}, "dc2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			if tt.one != nil {
				told(t, s, "dc1", tt.one...)
			}
			if tt.two != nil {
				told(t, s, "dc2", tt.two...)
			}
			placeOrder(t, s, "O-1", PaymentSettled)
			v := order(t, s, "O-1")
			var page wire.InboxPage
			call(t, s, "GET", "/v1/sites/"+tt.want+"/inbox?limit=9", "", "", &page)
			if v.Site != tt.want || len(page.Items) != 1 {
				t.Errorf("went to %s, %d in the inbox of %s: %+v", v.Site, len(page.Items), tt.want, v.Timeline)
			}
			routed := slices.ContainsFunc(v.Timeline, func(x TimelineView) bool { return x.Type == "order.routed" && strings.Contains(x.Text, tt.want) })
			if routed != (tt.one != nil) {
				t.Errorf("told why: %v: %+v", routed, v.Timeline)
			}
			// The same order again is the same, wherever it would go now.
			if tt.one != nil {
				told(t, s, "dc1", offers(uint64(len(tt.one)+1), 0, 0, 0, up))
			}
			if rec := call(t, s, "POST", "/v1/orders", jsonType, orderJSON("O-1", PaymentSettled), nil); rec.Code != http.StatusOK {
				t.Errorf("again: %d %s", rec.Code, rec.Body)
			}
			// Who names a site gets it.
			named := strings.Replace(orderJSON("O-2", PaymentSettled), `"method"`, `"site":"dc1","method"`, 1)
			if call(t, s, "POST", "/v1/orders", jsonType, named, nil); order(t, s, "O-2").Site != "dc1" {
				t.Error("it was sent elsewhere than it was told")
			}
		})
	}
}
