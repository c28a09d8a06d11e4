package agent

import (
	"net/http"
	"slices"
	"testing"

	"tote/oms"
	"tote/warehouse"
)

// TestQuotes: what a change costs at the site stands with the order at the OMS;
// accepted there the order is cancelled, declined it goes on as it was.
func TestQuotes(t *testing.T) {
	t.Parallel()
	s, c := newCentral(t)
	s.settings(func(site map[string]any) {
		site["changes"] = map[string]any{
			"cancel": warehouse.CancelQuote, "charges": []any{map[string]any{"cancel": true, "amount": 750, "restrictions": []string{"NO_GIFT_WRAP_REFUND"}}},
		}
	})
	p := s.picker(1)
	for id, accept := range map[string]bool{"O-YES": true, "O-NO": false} {
		body := `{"id":"` + id + `","shipTo":{"name":"Ada","street":"1 Way","postcode":"10115","city":"Berlin","country":"DE"},` +
			`"payment":"settled","lines":[{"line":1,"sku":"A1","qty":2}]}`
		if code, raw := c.ask("POST", "/v1/orders", body); code != http.StatusCreated {
			t.Fatalf("%d %s", code, raw)
		}
		s.wantState(id, warehouse.OrderReleased)
		p.ask()
		p.until("ask")
		c.shows(id, oms.StatePicked) // between its points of no return
		if v := c.order(id); v.Quote != nil {
			t.Errorf("a quote nobody asked for: %+v", v.Quote)
		}
		if code, raw := c.ask("POST", "/v1/orders/"+id+"/cancel", `{"reason":"changed my mind"}`); code != http.StatusAccepted {
			t.Fatalf("%d %s", code, raw)
		}
		s.eventually("the OMS shows what it costs", func() bool { return c.order(id).Quote != nil })
		q := c.order(id).Quote
		if q.State != oms.QuoteOpen || q.Of != "cancel" || q.ExtraCharge != 750 || !slices.Contains(q.Restrictions, "NO_GIFT_WRAP_REFUND") || q.At == 0 {
			t.Errorf("%s: %+v", id, q)
		}
		answer := `{"type":"order.quote","cancel":true,"accept":false}`
		if accept {
			answer = `{"type":"order.quote","cancel":true,"accept":true}`
		}
		if code, raw := c.ask("POST", "/v1/orders/"+id+"/ask", answer); code != http.StatusAccepted {
			t.Fatalf("%d %s", code, raw)
		}
		s.eventually("the quote is answered", func() bool { return c.order(id).Quote.State != oms.QuoteOpen })
		v := c.order(id)
		if accept {
			s.wantState(id, warehouse.OrderCancelled)
			if v.Quote.State != oms.QuoteAccepted || v.Quote.ExtraCharge != 750 || v.State != oms.StateCancelled || v.Cancel.State != oms.CancelAccepted {
				t.Errorf("accepted: %s %+v %+v", v.State, v.Quote, v.Cancel)
			}
			continue
		}
		if v.Quote.State != oms.QuoteRejected || v.Quote.Code != warehouse.CodeDeclined || v.State != oms.StatePicked || v.Cancel.State != oms.CancelRejected {
			t.Errorf("declined: %s %+v %+v", v.State, v.Quote, v.Cancel)
		}
		if o := s.get(id); o.State != warehouse.OrderPicked || o.Lines[0].Picked != 2 {
			t.Errorf("declined: %s %+v", o.State, o.Lines)
		}
	}
}
