package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tote/warehouse"
)

// A carrier port finds out what to ask, answers, and the label is there with its
// bytes; a slip is printed, filed and read back. Rows 19, 23.
func TestLabelsAndPapersRow23(t *testing.T) {
	g := newFake(t)
	do := func(c warehouse.Command) warehouse.Result {
		t.Helper()
		res, err := g.do(t.Context(), "test", c)
		if err != nil || !res.OK {
			t.Fatalf("%#v: %+v %v", c, res, err)
		}
		return res
	}
	do(warehouse.PutSite{Site: warehouse.Site{
		ID: "W1", CompanyPrefix: "9521234", TotePrefix: "T-", ToleranceMg: 10, LeaseMs: 60_000, CartSlots: 1,
		Layout: warehouse.Layout{Aisles: 1, Cells: 1}, PackDrop: "DROP",
		Carriers: []warehouse.Carrier{{Code: "POST", Digits: 4, Last: 9, Mode: warehouse.CarrierOnline}},
	}})
	do(warehouse.PutItems{Items: []warehouse.Item{{SKU: "CUP", Name: "Cup", WeightMg: 1000}}})
	do(warehouse.PutBins{Bins: []warehouse.Bin{{Code: "A"}}})
	do(warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "w1", Name: "Ada", Badge: "B1"}}})
	do(warehouse.OpenStock{Rows: []warehouse.StockRow{{Bin: "A", SKU: "CUP", Qty: 1}}})
	do(warehouse.ReleaseOrder{Source: "oms/main", Order: warehouse.OrderSpec{
		ID: "O1", ShipTo: warehouse.Address{Name: "Eve", Street: "Main St 1", Postcode: "1", City: "Town", Country: "DE"},
		Lines: []warehouse.OrderLine{{Line: 1, SKU: "CUP", Qty: 1}},
	}})
	do(warehouse.SignIn{Device: "h1", Badge: "B1"})
	do(warehouse.AskWork{Device: "h1"})
	do(warehouse.AssignBatch{Batch: "K1", Worker: "w1", Slots: []warehouse.BatchSlot{{Slot: 1, Order: "O1"}}, Walk: []string{"O1/1/1"}})
	for _, code := range []string{"A", "CUP", "T-1"} {
		do(warehouse.Scan{Device: "h1", Barcode: code})
	}
	do(warehouse.FinishBatch{Device: "h1", Barcode: "DROP"})
	do(warehouse.StartPack{Station: "pack1", Barcode: "T-1"})
	sscc := do(warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 1000}).Ref

	refused := func(status int, code, path string) {
		t.Helper()
		g.done = nil
		g.refused(status, code, g.get(path))
	}
	refused(http.StatusBadRequest, CodeBadRequest, "/v1/awaiting-labels")
	refused(http.StatusBadRequest, CodeBadRequest, "/v1/awaiting-labels?carrier=POST&limit=0")
	asks := decode[[]warehouse.LabelJob](t, g.want(http.StatusOK, g.get("/v1/awaiting-labels?carrier=POST")))
	if len(asks) != 1 || asks[0].ID != sscc || asks[0].State != warehouse.JobAwaiting {
		t.Fatalf("%+v", asks)
	}
	g.want(http.StatusOK, g.command("LabelGiven", `{"job":"`+sscc+`","carrier":"POST","tracking":"RR1","type":"zpl","body":"^XA^XZ"}`))
	if asks := decode[[]warehouse.LabelJob](t, g.want(http.StatusOK, g.get("/v1/awaiting-labels?carrier=POST"))); len(asks) != 0 {
		t.Errorf("%+v", asks)
	}
	type doc struct {
		warehouse.Document
		Body string `json:"body"`
	}
	label := decode[doc](t, g.want(http.StatusOK, g.get("/v1/documents/D000001")))
	if label.Body != "^XA^XZ" || label.Ref != sscc || label.Kind != warehouse.DocLabel {
		t.Errorf("%+v", label)
	}
	refused(http.StatusNotFound, warehouse.CodeUnknownDocument, "/v1/documents/D9")

	slip := decode[printable](t, g.want(http.StatusOK, g.get("/v1/papers/slip/O1")))
	if !strings.Contains(slip.Text, "PACKING SLIP O1") || !strings.HasPrefix(slip.ZPL, "^XA") || !strings.Contains(slip.Text, "RR1") {
		t.Errorf("%+v", slip)
	}
	g.want(http.StatusOK, g.get("/v1/papers/ticket/O1"))
	refused(http.StatusNotFound, CodeNotFound, "/v1/papers/manifest/MF1")
	refused(http.StatusNotFound, CodeNotFound, "/v1/papers/poem/O1")
	raw, err := json.Marshal(warehouse.FileDocument{What: slip.Kind, Type: warehouse.DocZPL, Ref: "O1", Body: slip.ZPL, Archive: "box 7"})
	if err != nil {
		t.Fatal(err)
	}
	filed := decode[warehouse.Result](t, g.want(http.StatusOK, g.command("FileDocument", string(raw))))
	if filed.Text != slip.Hash {
		t.Errorf("filed with hash %s, printed with %s", filed.Text, slip.Hash)
	}
	g.want(http.StatusOK, g.command("ReprintDocument", `{"document":"`+filed.Ref+`","reason":"lost"}`))
	listed := decode[[]warehouse.Document](t, g.want(http.StatusOK, g.get("/v1/documents?of=O1")))
	if len(listed) != 2 || listed[0].ID != filed.Ref || listed[0].Hash != slip.Hash || listed[1].Ref != sscc {
		t.Errorf("%+v", listed)
	}
	if none := decode[[]warehouse.Document](t, g.want(http.StatusOK, g.get("/v1/documents?of=O9"))); none == nil || len(none) != 0 {
		t.Errorf("%+v", none)
	}
	refused(http.StatusBadRequest, CodeBadRequest, "/v1/documents")
	if bill := decode[printable](t, g.want(http.StatusOK, g.get("/v1/papers/lading/O1"))); !strings.Contains(bill.Text, "BILL OF LADING O1") || !strings.Contains(bill.Text, sscc) {
		t.Errorf("%+v", bill)
	}
	again := decode[doc](t, g.want(http.StatusOK, g.get("/v1/documents/"+filed.Ref)))
	if again.Body != slip.ZPL || again.Hash != slip.Hash || again.Copies != 1 {
		t.Errorf("%+v", again)
	}
}
