package agent

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tote/agent/api"
	"tote/agent/intake"
	"tote/demo/handheld"
	"tote/oms"
	"tote/warehouse"
)

// imported posts an order file and returns what became of it.
func (s *site) imported(status int, rows string) (out api.Imported) {
	s.t.Helper()
	code, b := s.importCSV("orders", orderColumns+rows)
	if code != status {
		s.t.Fatalf("status %d, want %d: %s", code, status, b)
	}
	s.must(json.Unmarshal(b, &out))
	return out
}

// TestUnknownItemInAnOrderFile: the order is refused with its code and the OMS
// is told; the others of the file go on.
func TestUnknownItemInAnOrderFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	got := s.imported(http.StatusConflict, orderRow("O1", 1, "A1", 1)+orderRow("BAD", 1, "A1", 1)+orderRow("BAD", 2, "NOPE", 1)+orderRow("O2", 1, "A2", 1))
	if got.Applied != 2 || len(got.Refused) != 1 || got.Refused[0].Ref != "BAD" || got.Refused[0].Code != warehouse.CodeUnknownItem || !strings.Contains(got.Refused[0].Text, "NOPE") {
		t.Errorf("%+v", got)
	}
	s.wantState("O1", warehouse.OrderReleased)
	s.wantState("O2", warehouse.OrderReleased)
	if o := s.get("BAD"); o.State != "" {
		t.Errorf("the refused order is %s", o.State)
	}
	if n := s.events(warehouse.EvOrderRejected, "BAD"); n != 1 {
		t.Errorf("%d events tell of the refusal, want 1", n)
	}
	s.unchanged(func() { s.imported(http.StatusConflict, orderRow("BAD", 1, "A1", 1)+orderRow("BAD", 2, "NOPE", 1)) })
	p := s.picker(1)
	p.ask()
	p.until("ask")
}

// TestUnknownItemInAnOrderOfTheOMS: the OMS hears of the refusal with its code,
// and the order behind it is picked.
func TestUnknownItemInAnOrderOfTheOMS(t *testing.T) {
	t.Parallel()
	central, err := oms.New(oms.Config{DB: filepath.Join(t.TempDir(), "oms.db"), Sites: []oms.Site{{ID: "s1"}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(central.Handler())
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", oms: server.URL}
	t.Cleanup(func() {
		server.Close()
		if err := central.Close(); err != nil {
			t.Error(err)
		}
	})
	s.begin()

	const columns = "order,line,sku,qty,name,street,postcode,city,country,method,priority,channel,payment,expect\n"
	row := func(id, sku string) string { return id + ",1," + sku + ",1,Eve,Road 1,1000,Town,DE,,0,web,settled,\n" }
	client := server.Client()
	defer client.CloseIdleConnections()
	resp, err := client.Post(server.URL+"/v1/orders", "text/csv", strings.NewReader(columns+row("BAD", "NOPE")+row("O1", "A1")))
	s.must(err)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("the OMS answers %s", resp.Status)
	}
	see := func(id string) (o struct {
		State  string `json:"state"`
		Reject struct {
			Code string `json:"code"`
		} `json:"reject"`
	}, text string,
	) {
		resp, err := client.Get(server.URL + "/v1/orders/" + id)
		s.must(err)
		defer func() { _ = resp.Body.Close() }()
		var raw json.RawMessage
		s.must(json.NewDecoder(resp.Body).Decode(&raw))
		s.must(json.Unmarshal(raw, &o))
		return o, string(raw)
	}
	s.eventually("the OMS knows the refusal", func() bool { o, _ := see("BAD"); return o.State == oms.StateRejected })
	if _, text := see("BAD"); !strings.Contains(text, warehouse.CodeUnknownItem) {
		t.Errorf("the OMS does not know why: %s", text)
	}
	s.wantState("O1", warehouse.OrderReleased)
	p := s.picker(1)
	p.ask()
	p.until("ask")
	s.eventually("all is told to the OMS", func() bool { return s.told() })
	if _, status := s.call("GET", "/v1/status", "", ""); strings.Contains(string(status), "0001-01-01") {
		t.Errorf("the status shows a time that is none: %s", status)
	}
	s.eventually("the OMS knows that the other order is picked", func() bool { o, _ := see("O1"); return o.State == oms.StatePicked })
}

// TestDuplicateOrder: the same order again is the same order; other content
// under its number is a conflict and changes nothing.
func TestDuplicateOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.order("O1", "A1", 2)
	s.unchanged(func() {
		if got := s.imported(http.StatusOK, orderRow("O1", 1, "A1", 2)); got.Applied != 1 {
			t.Errorf("%+v", got)
		}
	})
	before := s.get("O1")
	conflict := func() {
		got := s.imported(http.StatusConflict, orderRow("O1", 1, "A1", 3))
		if len(got.Refused) != 1 || got.Refused[0].Code != warehouse.CodeConflict || got.Refused[0].Ref != "O1" {
			t.Errorf("other content: %+v", got)
		}
	}
	conflict()
	if diff := cmp.Diff(before, s.get("O1"), cmpopts.IgnoreUnexported(warehouse.Order{})); diff != "" {
		t.Errorf("the order changed (-before +after):\n%s", diff)
	}
	s.unchanged(conflict) // told to the OMS once
	if n := s.events(warehouse.EvOrderAmendRejected, "O1"); n != 1 {
		t.Errorf("%d events tell of the conflict", n)
	}
	p := s.picker(1)
	p.ask()
	if p.step.Qty != 2 {
		t.Errorf("the order asks for %d", p.step.Qty)
	}
	p.until("ask")
	s.unchanged(func() { s.imported(http.StatusOK, orderRow("O1", 1, "A1", 2)) }) // also when it is picked
	if n := s.events(warehouse.EvOrderReleased, "O1"); n != 1 {
		t.Errorf("released %d times", n)
	}
}

// TestCountedStockTwice: neither the same file again nor a corrected one books
// what a first one has booked; only who says so adds to a position.
func TestCountedStockTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.unchanged(func() {
		if code, b := s.importCSV("stock", s.file("stock.csv")); code != http.StatusConflict || !strings.Contains(string(b), api.CodeStockThere) {
			t.Errorf("the same file: %d %s", code, b)
		}
	})
	s.unchanged(func() {
		code, b := s.call("POST", "/v1/import/stock?add=1", "text/csv", s.file("stock.csv"))
		var got api.Imported
		s.must(json.Unmarshal(b, &got))
		if code != http.StatusOK || got.Repeated == 0 || got.Applied != 0 {
			t.Errorf("the same file, to be added: %d %s", code, b)
		}
	})
	s.unchanged(func() { // the first row is corrected
		if code, b := s.importCSV("stock", strings.Replace(s.file("stock.csv"), ",50", ",51", 1)); code != http.StatusConflict {
			t.Errorf("a corrected file: %d %s", code, b)
		}
	})
	if code, b := s.call("POST", "/v1/import/stock?add=1", "text/csv", "bin,sku,qty\nB-1,A1,7\n"); code != http.StatusOK {
		t.Errorf("added on purpose: %d %s", code, b)
	}
}

// TestMalformedCSVRow: every bad line is named with its code, and nothing of
// the file is taken, whatever stands in it besides.
func TestMalformedCSVRow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	good := orderRow("O1", 1, "A1", 1)
	for _, tc := range []struct {
		name, kind, text string
		want             []intake.Problem
	}{
		{"too few fields", "orders", orderColumns + good + "O2,1,A1\n" + orderRow("O3", 1, "A1", 1), []intake.Problem{{Line: 3, Code: intake.CodeCSV}}},
		{"an open quote", "orders", orderColumns + good + `O2,1,A1,1,"Eve,Road 1,1000,Town,DE` + "\n", []intake.Problem{{Line: 3, Code: intake.CodeCSV}}},
		{"two bad values", "orders", orderColumns + orderRow("O1", 1, "A1", -1) + good + "O2,x,A1,1,Eve,Road 1,1000,Town,DE\n", []intake.Problem{
			{Line: 2, Column: "qty", Code: intake.CodeValue}, {Line: 4, Column: "line", Code: intake.CodeValue},
		}},
		{"an unknown column", "orders", "order,lin\n", []intake.Problem{{Line: 1, Column: "lin", Code: intake.CodeColumn}}},
		{"a line twice", "orders", orderColumns + good + good, []intake.Problem{{Line: 3, Column: "line", Code: intake.CodeDuplicate}}},
		{"not UTF-8", "orders", orderColumns + strings.Replace(good, "Eve", "\xff\xfe", 1), []intake.Problem{{Line: 2, Column: "name", Code: intake.CodeValue}}},
		{"an item without weight", "items", "sku,name,weight_g\nA9,Cap,1\nA8,Hat,heavy\n", []intake.Problem{{Line: 3, Column: "weight_g", Code: intake.CodeValue}}},
		{"a bad date", "stock", "bin,sku,lot,expiry,qty\nB-1,A1,,,1\nB-3,L1,LC,31.12.2030,1\n", []intake.Problem{{Line: 3, Column: "expiry", Code: intake.CodeValue}}},
		{"an empty file", "workers", "", []intake.Problem{{Line: 1, Code: intake.CodeCSV}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.unchanged(func() {
				code, b := s.importCSV(tc.kind, tc.text)
				var got api.Refusal
				s.must(json.Unmarshal(b, &got))
				if code != http.StatusUnprocessableEntity || got.Code != tc.want[0].Code || !strings.Contains(got.Text, "nothing was imported") {
					t.Errorf("%d %s", code, b)
				}
				for i := range got.Problems {
					p := &got.Problems[i]
					if p.Text == "" || p.Do == "" {
						t.Errorf("no text, or nothing to do: %+v", p)
					}
					p.Text, p.Do, p.At = "", "", 0
				}
				var named []intake.Problem
				for _, w := range tc.want {
					for _, p := range got.Problems {
						if p == w {
							named = append(named, p)
						}
					}
				}
				if diff := cmp.Diff(tc.want, named); diff != "" {
					t.Errorf("problems (-want +got):\n%s\nall: %+v", diff, got.Problems)
				}
			})
		})
	}
	s.order("O1", "A1", 1) // the right file is taken at once
}

// TestUnknownBinInStock: a file the domain refuses changes nothing either.
func TestUnknownBinInStock(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.unchanged(func() {
		code, b := s.call("POST", "/v1/import/stock?add=1", "text/csv", "bin,sku,lot,expiry,qty\nB-1,A1,,,7\nB-99,A1,,,7\nB-2,A9,,,7\n")
		var got api.Refusal
		s.must(json.Unmarshal(b, &got))
		if code != http.StatusConflict || len(got.Problems) != 2 || got.Problems[0].Code != warehouse.CodeUnknownBin || got.Problems[1].Code != warehouse.CodeUnknownItem {
			t.Errorf("%d %s", code, b)
		}
	})
}

// cancelled asks for a cancel and requires the answer.
func (s *site) cancelled(order string, status int, code string) {
	s.t.Helper()
	got, b := s.call("POST", "/v1/orders/"+order+"/cancel", "application/json", `{"reason":"the customer called"}`)
	var answer struct {
		Code string `json:"code"`
	}
	s.must(json.Unmarshal(b, &answer))
	if got != status || answer.Code != code {
		s.t.Errorf("cancel of %s: %d %s, want %d %s", order, got, b, status, code)
	}
}

// TestCancelBeforeTheSoftPoint: until the first bin is scanned an order can be
// withdrawn, also from the batch in a worker's hands.
func TestCancelBeforeTheSoftPoint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cancelled("NONE", http.StatusNotFound, warehouse.CodeUnknownOrder)
	s.order("O1", "A1", 5)
	s.cancelled("O1", http.StatusOK, warehouse.CodeOK)
	s.cancelled("O1", http.StatusOK, warehouse.CodeOK) // again is the same
	s.wantState("O1", warehouse.OrderCancelled)
	if n := s.events(warehouse.EvOrderCancelled, "O1"); n != 1 {
		t.Errorf("%d events tell of the cancel", n)
	}
	p := s.pickerOf(1, "O2", "A1", 50) // the stock is free again
	other := s.pickerOf(2, "O3", "A2", 1)
	s.cancelled("O2", http.StatusOK, warehouse.CodeOK)
	next, err := p.hh.WaitTask(s.ctx(), func(st handheld.Step) bool { return st.Do != "scan_bin" })
	s.must(err)
	if next.Do != "ask" && next.Do != "finish" {
		t.Errorf("the handheld shows %+v", next)
	}
	other.until("ask")
}

// TestCancelAfterTheSoftPoint: from the first bin on a cancel is refused with
// the point of no return that was passed, and the OMS is told; the work goes on.
func TestCancelAfterTheSoftPoint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.pickerOf(1, "O1", "A1", 1).until("scan_item")
	s.cancelled("O1", http.StatusConflict, warehouse.CodeSoftPONR)
	if n := s.events(warehouse.EvOrderCancelRejected, "O1"); n != 1 {
		t.Errorf("%d events tell of the refusal", n)
	}
	s.wantState("O1", warehouse.OrderPicking)
	p.until("ask")
	s.cancelled("O1", http.StatusConflict, warehouse.CodeSoftPONR)
	s.wantState("O1", warehouse.OrderPicked)
}
