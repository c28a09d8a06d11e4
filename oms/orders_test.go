package oms

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"tote/cloudsync/wire"
)

func TestJSONIntake(t *testing.T) {
	good := orderJSON("O-1", PaymentSettled)
	for _, tc := range []struct {
		name, in string
		status   int
		code     string // of the first error, or of the problem
		field    string
	}{
		{"one", good, 201, "", ""},
		{"array", "[" + good + "," + orderJSON("O-2", "pending") + "]", 201, "", ""},
		{"same twice in one request", "[" + good + "," + good + "]", 201, "", ""},
		{"one good, one bad", "[" + good + "," + orderJSON("", "pending") + "]", 207, CodeInvalid, "id"},
		{"not JSON", "{", 400, CodeMalformed, ""},
		{"two values", good + good, 400, CodeMalformed, ""},
		{"unknown field", strings.Replace(good, `"method"`, `"methood"`, 1), 400, CodeMalformed, ""},
		{"wrong type", strings.Replace(good, `"qty":2`, `"qty":"2"`, 1), 400, CodeMalformed, ""},
		{"quantity a fraction", strings.Replace(good, `"qty":2`, `"qty":2.5`, 1), 400, CodeMalformed, ""},
		{"quantity 0", strings.Replace(good, `"qty":2`, `"qty":0`, 1), 422, CodeInvalid, "lines[0].qty"},
		{"quantity too large", strings.Replace(good, `"qty":2`, `"qty":1000001`, 1), 422, CodeInvalid, "lines[0].qty"},
		{"no lines", strings.Replace(good, `[{"line":1,"sku":"A","qty":2}]`, `[]`, 1), 422, CodeInvalid, "lines"},
		{"no city", strings.Replace(good, `"Berlin"`, `""`, 1), 422, CodeInvalid, "shipTo.city"},
		{"control character", strings.Replace(good, `"Ada"`, `"A\u0007da"`, 1), 422, CodeInvalid, "shipTo.name"},
		{"unknown site", strings.Replace(good, `"method"`, `"site":"mars","method"`, 1), 422, CodeUnknownSite, "site"},
		{"revision 2", strings.Replace(good, `"method"`, `"revision":2,"method"`, 1), 422, CodeInvalid, "revision"},
		{"payment", orderJSON("O-1", "iou"), 422, CodeInvalid, "payment"},
		{"too many bytes", strings.Replace(good, `"Ada"`, `"`+strings.Repeat("x", 17<<20)+`"`, 1), 413, CodeTooLarge, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			var ans struct {
				IntakeAnswer
				wire.Problem
			}
			rec := call(t, s, "POST", "/v1/orders", jsonType, tc.in, &ans)
			code, field := ans.Code, ""
			if len(ans.Errors) > 0 {
				code, field = ans.Errors[0].Code, ans.Errors[0].Field
				if ans.Errors[0].Index == nil {
					t.Error("the error does not say which order of the array")
				}
			}
			if rec.Code != tc.status || code != tc.code || field != tc.field {
				t.Errorf("got %d %q %q: %s", rec.Code, code, field, rec.Body)
			}
		})
	}
}

func TestSameOrderAgain(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentPending)
	// The payment moves on; the order as it was submitted is still the same.
	call(t, s, "POST", "/v1/orders/O-1/payment", jsonType, `{"state":"settled"}`, nil)
	again := call(t, s, "POST", "/v1/orders", jsonType, orderJSON("O-1", PaymentPending), nil)
	if again.Code != http.StatusOK || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s", again.Code, again.Body)
	}
	other := strings.Replace(orderJSON("O-1", PaymentPending), `"qty":2`, `"qty":3`, 1)
	var ans IntakeAnswer
	if rec := call(t, s, "POST", "/v1/orders", jsonType, other, &ans); rec.Code != http.StatusConflict || ans.Errors[0].Code != CodeConflict {
		t.Errorf("other content: %d %s", rec.Code, rec.Body)
	}
	if v := order(t, s, "O-1"); v.Lines[0].Qty != 2 || len(inbox(t, s, "").Items) != 1 {
		t.Errorf("the order changed: %+v", v)
	}
	if rec := call(t, s, "POST", "/v1/orders", "text/plain", "x", nil); rec.Code != http.StatusUnsupportedMediaType {
		t.Errorf("%d", rec.Code)
	}
}

// Only authorised and settled orders reach the site, each once.
func TestPaymentGate(t *testing.T) {
	for _, tc := range []struct {
		name  string
		start string
		steps []string // "state" or "state!" for a refused one
		feed  string   // item types in the inbox
		state string
	}{
		{"pending waits", PaymentPending, nil, "", StateNew},
		{"failed waits", PaymentFailed, nil, "", StateNew},
		{"settled goes", PaymentSettled, nil, "order.release", StateSubmitted},
		{"authorised goes", PaymentAuthorised, nil, "order.release", StateSubmitted},
		{"pending then authorised then settled", PaymentPending, []string{"authorised", "settled"}, "order.release", StateSubmitted},
		{"repeat is harmless", PaymentPending, []string{"settled", "settled"}, "order.release", StateSubmitted},
		{"failed then paid", PaymentPending, []string{"failed", "settled"}, "order.release", StateSubmitted},
		{"failed after release asks for a cancel", PaymentAuthorised, []string{"failed", "settled!"}, "order.release order.cancel", StateSubmitted},
		{"settled is an end", PaymentSettled, []string{"pending!", "failed!"}, "order.release", StateSubmitted},
		{"unknown state", PaymentPending, []string{"gold!"}, "", StateNew},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			placeOrder(t, s, "O-1", tc.start)
			for _, step := range tc.steps {
				state, refused := strings.CutSuffix(step, "!")
				rec := call(t, s, "POST", "/v1/orders/O-1/payment", jsonType, `{"state":"`+state+`"}`, nil)
				if (rec.Code != http.StatusOK) != refused {
					t.Errorf("%s: %d %s", step, rec.Code, rec.Body)
				}
			}
			var types []string
			for _, it := range inbox(t, s, "").Items {
				types = append(types, it.Type)
			}
			if got := strings.Join(types, " "); got != tc.feed {
				t.Errorf("feed %q, want %q", got, tc.feed)
			}
			if got := order(t, s, "O-1").State; got != tc.state {
				t.Errorf("state %s, want %s", got, tc.state)
			}
		})
	}
	s := newServer(t)
	if rec := call(t, s, "POST", "/v1/orders/nope/payment", jsonType, `{"state":"settled"}`, nil); rec.Code != http.StatusNotFound {
		t.Errorf("unknown order: %d", rec.Code)
	}
	if rec := call(t, s, "POST", "/v1/orders/nope/payment", jsonType, `{"stat":1}`, nil); rec.Code != http.StatusBadRequest {
		t.Errorf("bad body: %d", rec.Code)
	}
}

func TestCancel(t *testing.T) {
	s := newServer(t)
	cancel := func(id, body string) int {
		return call(t, s, "POST", "/v1/orders/"+id+"/cancel", jsonType, body, nil).Code
	}
	placeOrder(t, s, "NEW", PaymentPending)
	if got := cancel("NEW", ""); got != 200 || order(t, s, "NEW").State != StateCancelled {
		t.Errorf("unpaid order: %d", got)
	}
	if rec := call(t, s, "POST", "/v1/orders/NEW/payment", jsonType, `{"state":"settled"}`, nil); rec.Code != 409 {
		t.Errorf("a cancelled order took a payment: %d", rec.Code)
	}
	placeOrder(t, s, "O-1", PaymentSettled)
	if got := cancel("O-1", `{"reason":"changed my mind"}`); got != 202 {
		t.Errorf("first: %d", got)
	}
	if got := cancel("O-1", ""); got != 202 {
		t.Errorf("repeat: %d", got)
	}
	p := inbox(t, s, "")
	if len(p.Items) != 2 || p.Items[1].Type != wire.TypeCancel || string(p.Items[1].Data) != `{"reason":"changed my mind"}` {
		t.Fatalf("feed %+v", p.Items)
	}
	// The site refuses; a second request is a message of its own; it agrees.
	send(t, s, ev("control", 1, "order.cancelRejected", "O-1", wire.EventData{Code: "E_SOFT_PONR"}))
	if v := order(t, s, "O-1"); v.Cancel.State != CancelRejected || v.Cancel.Code != "E_SOFT_PONR" || v.State != StateSubmitted {
		t.Errorf("%+v", v.Cancel)
	}
	if got := cancel("O-1", ""); got != 202 {
		t.Errorf("after the refusal: %d", got)
	}
	next := inbox(t, s, p.Next)
	if len(next.Items) != 1 || next.Items[0].MsgID == p.Items[1].MsgID {
		t.Errorf("feed %+v", next.Items)
	}
	send(t, s, ev("control", 2, "order.cancelled", "O-1", wire.EventData{}))
	if v := order(t, s, "O-1"); v.Cancel.State != CancelAccepted || v.State != StateCancelled {
		t.Errorf("%+v", v)
	}
	if got := cancel("O-1", ""); got != 200 {
		t.Errorf("cancelled already: %d", got)
	}
	placeOrder(t, s, "O-2", PaymentSettled)
	send(t, s, ev("control", 3, "order.shipped", "O-2", nil))
	if got := cancel("O-2", ""); got != 409 {
		t.Errorf("shipped: %d", got)
	}
	if got := cancel("O-2", `{"reason":"a\u0000b"}`); got != 422 {
		t.Errorf("reason: %d", got)
	}
	if got := cancel("nope", ""); got != 404 {
		t.Errorf("unknown: %d", got)
	}
	// What has ended is not released again to a site that starts over.
	for _, it := range inbox(t, s, "").Items {
		if it.Type == wire.TypeRelease {
			t.Errorf("%s is released again", it.OrderID)
		}
	}
}

func TestRejectedThenAmendRejected(t *testing.T) {
	s := newServer(t)
	placeOrder(t, s, "O-1", PaymentSettled)
	send(t, s, ev("control", 1, "order.rejected", "O-1", wire.EventData{Code: "UNKNOWN_ITEM", Text: "line 1"}))
	if v := order(t, s, "O-1"); v.State != StateRejected || v.Code != "UNKNOWN_ITEM" {
		t.Errorf("%+v", v)
	}
	placeOrder(t, s, "O-2", PaymentSettled)
	send(t, s, ev("control", 2, "order.picking", "O-2", nil), ev("control", 3, "order.rejected", "O-2", wire.EventData{Code: "CONFLICT"}))
	if v := order(t, s, "O-2"); v.State != StatePicking {
		t.Errorf("a refused amendment took the order to %s", v.State)
	}
}

func TestListPages(t *testing.T) {
	s := newServer(t)
	for _, id := range []string{"C", "A", "B"} {
		placeOrder(t, s, id, PaymentSettled)
	}
	placeOrder(t, s, "D", PaymentPending)
	var got []string
	cursor := ""
	for {
		var l OrderList
		call(t, s, "GET", "/v1/orders?limit=2&state=SUBMITTED&cursor="+cursor, "", "", &l)
		for _, o := range l.Orders {
			got = append(got, o.ID)
		}
		if cursor = l.Next; cursor == "" {
			break
		}
	}
	if strings.Join(got, "") != "CAB" {
		t.Errorf("listed %v", got)
	}
	for _, q := range []string{"?cursor=%25", "?limit=0", "?limit=x", "?cursor=bm90LWEtbnVtYmVy"} {
		if rec := call(t, s, "GET", "/v1/orders"+q, "", "", nil); rec.Code != 400 {
			t.Errorf("%s: %d", q, rec.Code)
		}
	}
	if rec := call(t, s, "GET", "/v1/orders/nope", "", "", nil); rec.Code != 404 {
		t.Errorf("%d", rec.Code)
	}
}

func TestTrackPage(t *testing.T) {
	s := newServer(t)
	call(t, s, "POST", "/v1/orders", jsonType, strings.Replace(orderJSON("O-1", PaymentSettled), `"id":"O-1"`, `"id":"<b>1"`, 1), nil)
	send(t, s, ev("control", 1, "fallout.opened", "<b>1", wire.EventData{Fallout: "F1", Code: "STOCKOUT", Text: "bin empty"}),
		ev("control", 2, "order.shipped", "<b>1", wire.EventData{Parcels: []wire.Parcel{{SSCC: "001", Carrier: "DHL", Tracking: "T-77"}}}))
	rec := call(t, s, "GET", "/track/%3Cb%3E1", "", "", nil)
	page := rec.Body.String()
	for _, want := range []string{"Order &lt;b&gt;1", "Shipped", "DHL", "T-77", "2026-11-24 08:00 UTC", "Handed to the carrier"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, secret := range []string{"Ada", "1 Way", "10115", "Berlin", "STOCKOUT", "bin empty", "settled", "<b>1", "dc1"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page shows %q", secret)
		}
	}
	if !strings.Contains(rec.Header().Get("Content-Security-Policy"), "default-src 'none'") || rec.Code != 200 {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	if rec := call(t, s, "GET", "/track/nope", "", "", nil); rec.Code != 404 || !strings.Contains(rec.Body.String(), "do not know") {
		t.Errorf("unknown: %d %s", rec.Code, rec.Body)
	}
	for state := range siteStates {
		if trackWords[siteStates[state]] == "" {
			t.Errorf("no words for %s", state)
		}
	}
}

func TestTokens(t *testing.T) {
	s, err := New(Config{DB: filepath.Join(t.TempDir(), "o.db"), APIToken: "users", Sites: []Site{{ID: "dc1", Token: "site1"}, {ID: "dc2", Token: "site2"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, tc := range []struct {
		path, token string
		want        int
	}{
		{"/v1/orders", "", 401},
		{"/v1/orders", "site1", 401},
		{"/v1/orders", "users", 200},
		{"/v1/summary", "user", 401},
		{"/v1/sites/dc1/inbox", "", 401},
		{"/v1/sites/dc1/inbox", "site2", 401},
		{"/v1/sites/dc1/inbox", "users", 401},
		{"/v1/sites/dc1/inbox", "site1", 200},
		{"/v1/sites/mars/inbox", "site1", 404},
		{"/healthz", "", 200},
		{"/track/x", "", 404},
	} {
		if rec := call(t, s, "GET", tc.path, "", "", nil, "Authorization", "Bearer "+tc.token); rec.Code != tc.want {
			t.Errorf("%s with %q: %d, want %d", tc.path, tc.token, rec.Code, tc.want)
		}
	}
}

// The description and the server name the same routes.
func TestOpenAPI(t *testing.T) {
	raw, err := os.ReadFile("../api/openapi-oms.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, ops := range doc.Paths {
		for method := range ops {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	s := newServer(t)
	for _, rt := range s.routes() {
		if !described[rt.method+" "+rt.path] {
			t.Errorf("%s %s is served and not described", rt.method, rt.path)
		}
		delete(described, rt.method+" "+rt.path)
	}
	for left := range described {
		t.Errorf("%s is described and not served", left)
	}
}

func TestFaults(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults() {
		if f.Code == "" || !strings.HasSuffix(f.Cause, ".") || !strings.HasSuffix(f.Action, ".") || seen[f.Code] {
			t.Errorf("%+v", f)
		}
		seen[f.Code] = true
	}
}

func TestFailHidesInternals(t *testing.T) {
	s := newServer(t)
	s.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{errors.New("disk /secret/path is full"), 500, wire.ProblemInternal},
		{context.Canceled, 503, wire.ProblemStopping},
	} {
		rec := httptest.NewRecorder()
		s.fail(rec, httptest.NewRequest("GET", "/", nil), tc.err)
		if p := problem(t, rec); rec.Code != tc.status || p.Code != tc.code || strings.Contains(p.Text, "secret") {
			t.Errorf("%d %+v", rec.Code, p)
		}
	}
}

// An id that is a relative path could never be asked for.
func TestDotsAreNoOrderIDs(t *testing.T) {
	s := newServer(t)
	for _, id := range []string{".", ".."} {
		rec := call(t, s, "POST", "/v1/orders", jsonType, orderJSON(id, PaymentPending), nil)
		if rec.Code != 422 || !strings.Contains(rec.Body.String(), "not . or ..") {
			t.Errorf("%q: %d %s", id, rec.Code, rec.Body)
		}
	}
}
