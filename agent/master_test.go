package agent

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tote/agent/api"
	"tote/demo/handheld"
	"tote/warehouse"
)

// TestAnnouncedByCSVRow85: a delivery is announced by a file, is on its way in
// what can be promised, and is received line by line; the file again is nothing
// new, and a bad one is refused whole.
func TestAnnouncedByCSVRow85(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const head = "receipt,line,supplier,sku,qty,po\n"
	levels := func() (l api.Levels) {
		t.Helper()
		code, b := s.call("GET", "/v1/levels/A1", "", "")
		if code != http.StatusOK {
			t.Fatalf("%d %s", code, b)
		}
		s.must(json.Unmarshal(b, &l))
		return l
	}
	if code, b := s.importCSV("receipts", head+"R1,1,ACME,A1,7,PO-1\n"); code != http.StatusConflict || !strings.Contains(string(b), `"ref": "R1"`) {
		t.Errorf("of a supplier nobody knows: %d %s", code, b)
	}
	s.do(http.StatusOK, "lea", "PutSuppliers", `{"suppliers":[{"id":"ACME","name":"Acme"}]}`)
	s.unchanged(func() {
		if code, b := s.importCSV("receipts", head+"R1,1,ACME,A1,7,PO-1\nR1,2,ACME,A2,0,PO-1\n"); code != http.StatusUnprocessableEntity || !strings.Contains(string(b), `"line": 3`) {
			t.Errorf("a bad row: %d %s", code, b)
		}
	})
	file := head + "R1,1,ACME,A1,7,PO-1\nR1,2,ACME,A2,2,PO-1\n"
	if code, b := s.importCSV("receipts", file); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	if l := levels(); l.OnHand != 50 || l.InTransit != 7 {
		t.Errorf("%+v", l)
	}
	s.unchanged(func() {
		if code, b := s.importCSV("receipts", file); code != http.StatusOK {
			t.Errorf("again: %d %s", code, b)
		}
	})
	s.do(http.StatusOK, "lea", "Receive", `{"receipt":"R1","barcode":"A1","qty":5}`)
	if l := levels(); l.OnHand != 55 || l.InTransit != 2 {
		t.Errorf("%+v", l)
	}
}

// TestCatalogueReachesHandheldsRow39: what the catalogue says of an item now is
// what the next step shows, also in the middle of a walk.
func TestCatalogueReachesHandheldsRow39(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.pickerOf(1, "O1", "A1", 2)
	if p.step.Name != "Tea" {
		t.Fatalf("%+v", p.step)
	}
	if code, b := s.importCSV("items", "sku,name,gtin,weight_g,barcodes\nA1,Green tea,09521234001010,100,TEA-1;TEA-2\n"); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	p.goOn()
	if p.step.Do != "scan_item" || p.step.Name != "Green tea" {
		t.Errorf("%+v", p.step)
	}
	p.ok(handheld.Verb{Verb: "scan", Expect: "item", Barcode: "TEA-2", Task: p.step.Task}) // new as well
	p.until("ask")
	s.wantState("O1", warehouse.OrderPicked)
}
