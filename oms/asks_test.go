package oms

import (
	"strings"
	"testing"

	"tote/cloudsync/wire"
)

// What is said of an order that is at its site goes down as it was said.
func TestAsk(t *testing.T) {
	s := newServer(t)
	ask := func(id, body string) int {
		t.Helper()
		return call(t, s, "POST", "/v1/orders/"+id+"/ask", jsonType, body, nil).Code
	}
	placeOrder(t, s, "NEW", PaymentPending)
	placeOrder(t, s, "O-1", PaymentSettled)
	after := inbox(t, s, "").Next
	for _, tc := range []struct {
		id, body string
		want     int
	}{
		{"O-1", `{"type":"order.quote","accept":true,"revision":2}`, 202},
		{"O-1", `{"type":"order.quote","cancel":true}`, 202},
		{"O-1", `{"type":"order.hold","code":"PAYMENT"}`, 202},
		{"O-1", `{"type":"order.hold","code":"PAYMENT"}`, 202},
		{"O-1", `{"type":"order.unhold","code":"PAYMENT"}`, 202},
		{"O-1", `{"type":"order.bind","kit":7}`, 202},
		{"O-1", `{"type":"order.paint"}`, 422},
		{"O-1", `{"type":"order.hold","code":"WHIM"}`, 422},
		{"O-1", `{"type":"order.bind"}`, 422},
		{"O-1", `{"type":"order.bind","kit":1000000}`, 422},
		{"O-1", `{"type":"order.quote","revision":-1}`, 422},
		{"O-1", `{"kind":"order.hold"}`, 400},
		{"NEW", `{"type":"order.hold","code":"PAYMENT"}`, 409},
		{"nope", `{"type":"order.hold","code":"PAYMENT"}`, 404},
	} {
		if got := ask(tc.id, tc.body); got != tc.want {
			t.Errorf("%s %s: %d, want %d", tc.id, tc.body, got, tc.want)
		}
	}
	p := inbox(t, s, after)
	var got []string
	ids := map[string]bool{}
	for _, it := range p.Items {
		if ids[it.MsgID] {
			t.Errorf("%s is sent twice", it.MsgID)
		}
		ids[it.MsgID] = true
		got = append(got, it.Type+" "+string(it.Data))
		if it.Type == wire.TypeQuote && strings.Contains(string(it.Data), "true}") && it.OrderID != "O-1" {
			t.Errorf("%+v", it)
		}
	}
	want := `order.quote {"accept":true}
order.quote {"accept":false,"cancel":true}
order.hold {"code":"PAYMENT"}
order.hold {"code":"PAYMENT"}
order.unhold {"code":"PAYMENT"}
order.bind {"kit":7}`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("feed:\n%s", s)
	}
	if p.Items[0].Revision != 2 || p.Items[1].Revision != 1 {
		t.Errorf("revisions %d and %d", p.Items[0].Revision, p.Items[1].Revision)
	}
	send(t, s, ev("control", 1, "order.shipped", "O-1", nil))
	if got := ask("O-1", `{"type":"order.hold","code":"PAYMENT"}`); got != 409 {
		t.Errorf("shipped: %d", got)
	}
}
