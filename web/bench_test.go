package web_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tote/warehouse"
)

// onBench has an order of three cups and two pens on the bench of pack1.
func onBench(t testing.TB) *site {
	s := small(t)
	r := rules(2, 5, 2)
	r.Cartons = []warehouse.Carton{{Code: "S", LengthMm: 200, WidthMm: 100, HeightMm: 100, TareMg: 40_000}, {Code: "L", LengthMm: 600, WidthMm: 400, HeightMm: 300, TareMg: 500_000}}
	s.must(warehouse.PutSite{Site: r}, release("O1", 1, "CUP*3", "PEN*2"))
	s.assign("h1", "BADGE-1", "W1", "O1")
	s.walk("h1", 100)
	s.must(warehouse.StartPack{Station: "pack1", Barcode: s.order("O1").Tote})
	return s
}

// carton is the form of the page.
func carton(order, ct string, in ...string) string {
	f := url.Values{"order": {order}, "carton": {ct}}
	for i, n := range in {
		f.Add("line", string(rune('1'+i)))
		f.Add("lot", "")
		f.Add("serial", "")
		f.Add("in", n)
	}
	return f.Encode()
}

func TestBenchPage(t *testing.T) {
	s := onBench(t)
	h := serve(t, s.config())
	page := func(want ...string) {
		t.Helper()
		w := get(t, h, "/stations/pack1")
		for _, part := range want {
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), part) {
				t.Fatalf("%d, no %q in\n%s", w.Code, part, w.Body)
			}
		}
	}
	page("Pack the carton", `value="3" min="0" max="3"`, `value="2" min="0" max="2"`, "<option>S</option>", "Pen &lt;b&gt;")
	if w := post(t, h, "/stations/pack1/carton", carton("O1", "L", "3", "0")); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "put it on the scale") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	page("<dd>1, more to come</dd>", "<option selected>L</option>", `value="3" min="0" max="3"`, `value="0" min="0" max="2"`, "1.100 kg")
	step := s.must(warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 500_000 + 600_000})
	s.must(warehouse.LabelSent{Job: step.Ref}, warehouse.LabelOutcome{Job: step.Ref, Outcome: warehouse.JobPrinted})
	page("<dd>2</dd>", "Closed before", step.Ref, "PRINTED")
	if w := post(t, h, "/stations/pack1/carton", "order=O1&how=scan", "X-Requested-With", "console"); !strings.HasPrefix(strings.TrimSpace(w.Body.String()), `<div class="notice ok">`) {
		t.Errorf("%s", w.Body)
	}
	page("Scan what goes into this carton", "Begin this carton anew")
	if w := post(t, h, "/stations/pack1/carton", "order=O1&how=all"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	second := s.must(warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 350_000 + 20_000}).Ref
	s.must(warehouse.LabelSent{Job: second}, warehouse.LabelOutcome{Job: second, Outcome: warehouse.JobPrinted})
	doc := s.must(warehouse.FileDocument{What: warehouse.DocSlip, Type: warehouse.DocText, Ref: second, Body: "slip"}).Ref
	page("Scan the tote to be packed.")
	w := get(t, h, "/orders/O1")
	for _, part := range []string{"parcel 1 of 2, 3 × CUP", "parcel 2 of 2, 2 × PEN", `<a href="/v1/documents/` + doc + `">slip ` + doc + "</a> of " + second} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("no %q on the page of the order:\n%s", part, w.Body)
		}
	}
}

func TestBenchRefusals(t *testing.T) {
	for _, c := range []struct {
		name, form string
		status     int
		want       string
	}{
		{"too many", carton("O1", "", "4", "0"), http.StatusConflict, "<b>NOT_ENOUGH</b>"},
		{"nothing at all", carton("O1", "", "0", "0"), http.StatusBadRequest, "cannot be read"},
		{"no number", carton("O1", "", "x"), http.StatusBadRequest, "cannot be read"},
		{"a negative one", carton("O1", "", "-1", "2"), http.StatusBadRequest, "cannot be read"},
		{"another order", carton("O9", "", "1", "0"), http.StatusConflict, "<b>WRONG_STEP</b>"},
		{"a carton of nobody", carton("O1", "XXL", "1", "0"), http.StatusConflict, "<b>INVALID</b>"},
		{"a torn form", "order=O1&line=1&in=1", http.StatusBadRequest, "cannot be read"},
		{"a huge form", "order=" + strings.Repeat("x", 300<<10), http.StatusBadRequest, "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := post(t, serve(t, onBench(t).config()), "/stations/pack1/carton", c.form)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d, want %d with %q:\n%s", w.Code, c.status, c.want, w.Body)
			}
		})
	}
	s := onBench(t)
	h := serve(t, s.config())
	if w := post(t, h, "/stations/pack1/carton", carton("O1", "", "1", "0"), "Origin", "https://evil.example"); w.Code != http.StatusForbidden {
		t.Errorf("from a page of another site: %d", w.Code)
	}
	s.down = errors.New("no leader")
	if w := post(t, h, "/stations/pack1/carton", carton("O1", "", "1", "0")); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a quorum: %d", w.Code)
	}
}

func TestBenchStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := onBench(t)
		s.step = 0
		h := serve(t, s.config())
		e, end := follow(t, h, "/events?page=/stations/pack1")
		defer end()
		if got := frags(t, e.take("update"))["bench"]; !strings.Contains(got, "Pack the carton") {
			t.Fatalf("first: %q", got)
		}
		s.must(warehouse.NextCarton{Station: "pack1", Order: "O1", Lines: []warehouse.ParcelLine{{Line: 1, Qty: 1}}})
		time.Sleep(2 * time.Second)
		if got := frags(t, e.take("update"))["bench"]; !strings.Contains(got, "1, more to come") {
			t.Errorf("then: %q", got)
		}
	})
}
