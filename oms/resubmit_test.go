package oms

import (
	"net/http"
	"reflect"
	"slices"
	"testing"

	"tote/cloudsync/wire"
)

// rejected is an order that its site refused, and the next free sequence.
func rejected(t *testing.T, s *Server, code string) {
	t.Helper()
	placeOrder(t, s, "O-1", PaymentSettled)
	send(t, s, ev("control", 1, "order.rejected", "O-1", wire.EventData{Revision: 1, Code: code, Text: "line 1: item A"}))
}

// The repeat of an order that was refused does not say that all is well.
func TestRepeatSaysWhereTheOrderStands(t *testing.T) {
	s := newServer(t)
	again := func() IntakeOrder {
		var ans IntakeAnswer
		rec := call(t, s, "POST", "/v1/orders", jsonType, orderJSON("O-1", PaymentSettled), &ans)
		if rec.Code != http.StatusOK || rec.Header().Get("Idempotent-Replayed") != "true" || len(ans.Orders) != 1 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		return ans.Orders[0]
	}
	var first IntakeAnswer
	call(t, s, "POST", "/v1/orders", jsonType, "["+orderJSON("O-1", PaymentSettled)+","+orderJSON("O-2", PaymentPending)+"]", &first)
	if first.Orders[0].State != StateSubmitted || first.Orders[1].State != StateNew {
		t.Errorf("first: %+v", first.Orders)
	}
	if got, want := again(), (IntakeOrder{ID: "O-1", Status: "accepted", State: StateSubmitted}); got != want {
		t.Errorf("on its way: %+v", got)
	}
	send(t, s, ev("control", 1, "order.rejected", "O-1", wire.EventData{Revision: 1, Code: "UNKNOWN_ITEM", Text: "line 1: item A"}))
	if got, want := again(), (IntakeOrder{ID: "O-1", Status: "accepted", State: StateRejected, Code: "UNKNOWN_ITEM", Text: "line 1: item A"}); got != want {
		t.Errorf("refused: %+v", got)
	}
	call(t, s, "POST", "/v1/orders/O-1/resubmit", "", "", nil)
	if got, want := again(), (IntakeOrder{ID: "O-1", Status: "accepted", State: StateSubmitted}); got != want {
		t.Errorf("sent again: %+v", got)
	}
}

func TestResubmit(t *testing.T) {
	s := newServer(t)
	rejected(t, s, "UNKNOWN_ITEM")
	was := inbox(t, s, "")
	var v OrderView
	if rec := call(t, s, "POST", "/v1/orders/O-1/resubmit", "", "", &v); rec.Code != http.StatusAccepted {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if v.State != StateSubmitted || v.Code != "" || v.Text != "" || v.Revision != 2 {
		t.Errorf("%+v", v)
	}
	last := v.Timeline[len(v.Timeline)-1]
	if last.Type != "order.resubmitted" || last.Source != sourceOMS || last.Text != "to site dc1 as revision 2, after UNKNOWN_ITEM" {
		t.Errorf("timeline %+v", last)
	}
	// The same content under a new revision and a new message id, once.
	next := inbox(t, s, was.Next).Items
	if len(next) != 1 || next[0].Type != wire.TypeRelease || next[0].Revision != 2 || next[0].MsgID == was.Items[0].MsgID {
		t.Fatalf("feed %+v", next)
	}
	// A site that reads from the start hears of the newest revision only.
	if all := inbox(t, s, "").Items; len(all) != 1 || all[0].Revision != 2 {
		t.Errorf("from the start %+v", all)
	}
	// What a site says late of the first revision is about yesterday.
	send(t, s, ev("control", 2, "order.rejected", "O-1", wire.EventData{Revision: 1, Code: "UNKNOWN_ITEM"}))
	if got := order(t, s, "O-1").State; got != StateSubmitted {
		t.Errorf("an old refusal made it %s", got)
	}
	send(t, s, ev("control", 3, "order.rejected", "O-1", wire.EventData{Revision: 2, Code: "UNKNOWN_METHOD"}))
	if v := order(t, s, "O-1"); v.State != StateRejected || v.Code != "UNKNOWN_METHOD" {
		t.Errorf("%s %s", v.State, v.Code)
	}
	if rec := call(t, s, "POST", "/v1/orders/O-1/resubmit", "", "", &v); rec.Code != http.StatusAccepted || v.Revision != 3 {
		t.Errorf("again: %d %s", rec.Code, rec.Body)
	}
	// A cancel speaks of the revision the site has.
	call(t, s, "POST", "/v1/orders/O-1/cancel", jsonType, "", nil)
	all := inbox(t, s, "").Items
	if c := all[len(all)-1]; c.Type != wire.TypeCancel || c.Revision != 3 {
		t.Errorf("cancel %+v", c)
	}
}

// What cannot help is refused with its code, and nothing is changed.
func TestResubmitRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		set    func(t *testing.T, s *Server)
		status int
		code   string
	}{
		{"unknown order", func(*testing.T, *Server) {}, 404, CodeUnknownOrder},
		{"unpaid", func(t *testing.T, s *Server) { placeOrder(t, s, "O-1", PaymentPending) }, 409, CodeNotRejected},
		{"on its way", func(t *testing.T, s *Server) { placeOrder(t, s, "O-1", PaymentSettled) }, 409, CodeNotRejected},
		{"sent again already", func(t *testing.T, s *Server) {
			rejected(t, s, "UNKNOWN_ITEM")
			call(t, s, "POST", "/v1/orders/O-1/resubmit", "", "", nil)
		}, 409, CodeNotRejected},
		{"at the site", func(t *testing.T, s *Server) {
			placeOrder(t, s, "O-1", PaymentSettled)
			send(t, s, ev("control", 1, "order.picking", "O-1", nil))
		}, 409, CodeNotRejected},
		{"cancelled", func(t *testing.T, s *Server) {
			rejected(t, s, "UNKNOWN_ITEM")
			call(t, s, "POST", "/v1/orders/O-1/cancel", "", "", nil)
		}, 409, CodeNotRejected},
		{"a cancel on its way", func(t *testing.T, s *Server) {
			placeOrder(t, s, "O-1", PaymentSettled)
			call(t, s, "POST", "/v1/orders/O-1/cancel", "", "", nil)
			send(t, s, ev("control", 1, "order.rejected", "O-1", wire.EventData{Code: "UNKNOWN_ITEM"}))
		}, 409, CodeNotRejected},
		{"its content", func(t *testing.T, s *Server) { rejected(t, s, "INVALID") }, 409, CodeContent},
		{"another order has its id", func(t *testing.T, s *Server) { rejected(t, s, "CONFLICT") }, 409, CodeContent},
		{"unreadable", func(t *testing.T, s *Server) { rejected(t, s, "MALFORMED") }, 409, CodeContent},
		{"born at the site", func(t *testing.T, s *Server) {
			send(t, s, ev("control", 1, "order.rejected", "O-1", wire.EventData{Code: "UNKNOWN_ITEM"}))
		}, 409, CodeContent},
		{"payment failed", func(t *testing.T, s *Server) {
			placeOrder(t, s, "O-1", PaymentAuthorised)
			send(t, s, ev("control", 1, "order.rejected", "O-1", wire.EventData{Code: "UNKNOWN_ITEM"}))
			call(t, s, "POST", "/v1/orders/O-1/payment", jsonType, `{"state":"failed"}`, nil)
		}, 409, CodePayment},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			tc.set(t, s)
			look := func() (v OrderView, feed []wire.InboxItem) {
				if tc.status != 404 {
					v = order(t, s, "O-1")
				}
				return v, inbox(t, s, "").Items
			}
			v, feed := look()
			rec := call(t, s, "POST", "/v1/orders/O-1/resubmit", "", "", nil)
			if p := problem(t, rec); rec.Code != tc.status || p.Code != tc.code || p.Text == "" {
				t.Errorf("%d %+v", rec.Code, p)
			}
			v2, feed2 := look()
			if !reflect.DeepEqual(v, v2) || !slices.EqualFunc(feed, feed2, func(a, b wire.InboxItem) bool { return a.MsgID == b.MsgID }) {
				t.Errorf("something changed: %+v", v2)
			}
		})
	}
}
