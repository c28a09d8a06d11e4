package agent

import (
	"bytes"
	"strings"
	"testing"

	"tote/agent/config"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// zplPrinter is what most sites have.
var zplPrinter = mediaOf(&config.Printer{Driver: "zpl", Dots: 8, Label: "4x6"})

// viewed is a store of which only the view is asked.
type viewed struct {
	store
	tx *memtx.Tx
}

func (v viewed) View(fn func(warehouse.Reader) error) error { return fn(v.tx) }

// packedSite has one parcel whose carrier gives its labels online.
func packedSite(t *testing.T) (*memtx.Tx, string) {
	t.Helper()
	tx := memtx.New()
	meta := warehouse.Meta{Now: 1, Level: warehouse.Level}
	do := func(c warehouse.Command) string {
		t.Helper()
		meta.Index++
		res, err := warehouse.Apply(tx, meta, c)
		if err != nil || !res.OK {
			t.Fatalf("%#v: %+v %v", c, res, err)
		}
		return res.Ref
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
		ID: "O1", Party: warehouse.PartyHub, ShipTo: warehouse.Address{Name: "Eve", Street: "Main St 1", Postcode: "1", City: "Town", Country: "DE"},
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
	sscc := do(warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 1000})
	return tx, sscc
}

// TestLabelBytes: a label that its carrier drew goes to the printer byte by byte,
// each time; others the site draws.
func TestLabelBytes(t *testing.T) {
	tx, sscc := packedSite(t)
	index := uint64(500)
	do := func(c warehouse.Command) {
		t.Helper()
		index++
		res, err := warehouse.Apply(tx, warehouse.Meta{Index: index, Now: 1, Level: warehouse.Level}, c)
		if err != nil || !res.OK {
			t.Fatalf("%#v: %+v %v", c, res, err)
		}
	}
	a := &Agent{cfg: config.Config{Site: "W1"}, store: viewed{tx: tx}}
	job := func() warehouse.LabelJob {
		j, err := warehouse.GetJob(tx, sscc)
		if err != nil {
			t.Fatal(err)
		}
		return *j
	}
	drawn := job()
	drawn.Tracking = "X1"
	if b, err := a.labelBytes(zplPrinter, drawn); err != nil || !strings.Contains(string(b), sscc) || !strings.Contains(string(b), "^FDHUB^FS") {
		t.Errorf("%q %v", b, err)
	}
	body := "^XA^FDfrom the carrier^FS^XZ"
	do(warehouse.LabelGiven{Job: sscc, Carrier: "POST", Tracking: "RR1", Type: warehouse.DocZPL, Body: body})
	for range 2 {
		if b, err := a.labelBytes(zplPrinter, job()); err != nil || !bytes.Equal(b, []byte(body)) {
			t.Errorf("%q %v", b, err)
		}
		do(warehouse.LabelSent{Job: sscc})
		do(warehouse.LabelOutcome{Job: sscc, Outcome: warehouse.JobUnknown})
		do(warehouse.Reprint{Job: sscc})
	}
	// Another language is never made of a carrier's document.
	for _, driver := range []string{"tspl", "epl2"} {
		on := mediaOf(&config.Printer{Driver: driver, Dots: 8, Label: "a6"})
		if b, err := a.labelBytes(on, job()); err == nil || !strings.Contains(err.Error(), "DEV-322") {
			t.Errorf("%s took a document in ZPL: %q %v", driver, b, err)
		}
	}
	theirs := drawn
	theirs.Format = "acme-3"
	if _, err := a.labelBytes(zplPrinter, theirs); err == nil {
		t.Error("drew a label in a format that is not known")
	}
	lost := job()
	lost.Doc = "D9"
	if _, err := a.labelBytes(zplPrinter, lost); err == nil {
		t.Error("printed a document that is not there")
	}
}

// TestOwnLabelsInThePrintersLanguage: a label of the site's own is drawn in the
// language of the printer and filed in it; every copy is the same bytes, also of
// what is no UTF-8. Gateways of before level 5 do not take such documents.
func TestOwnLabelsInThePrintersLanguage(t *testing.T) {
	for _, driver := range []string{"zpl", "tspl", "epl2"} {
		for _, level := range []uint16{4, warehouse.Level} {
			tx, sscc := packedSite(t)
			on := mediaOf(&config.Printer{Driver: driver, Dots: 8, Label: "a6"})
			a := &Agent{cfg: config.Config{Site: "Lager Süd"}, store: viewed{tx: tx}}
			given, err := warehouse.Apply(tx, warehouse.Meta{Index: 899, Now: 1, Level: level}, warehouse.LabelGiven{Job: sscc, Carrier: "POST", Tracking: "RR1"})
			if err != nil || !given.OK {
				t.Fatalf("%+v %v", given, err)
			}
			j, err := warehouse.GetJob(tx, sscc)
			if err != nil {
				t.Fatal(err)
			}
			first, err := a.labelBytes(on, *j)
			if err != nil || !bytes.Contains(first, []byte(sscc)) {
				t.Fatalf("%s: %v", driver, err)
			}
			typ := docTypes[on.Language]
			res, err := warehouse.Apply(tx, warehouse.Meta{Index: 900, Now: 1, Level: level},
				warehouse.FileDocument{What: warehouse.DocLabel, Type: typ, Ref: sscc, Body: docBody(typ, first)})
			if err != nil || res.OK != (driver == "zpl" || level >= 5) {
				t.Fatalf("%s at level %d: %+v %v", driver, level, res, err)
			}
			if !res.OK {
				continue
			}
			if j, err = warehouse.GetJob(tx, sscc); err != nil || j.Doc == "" {
				t.Fatalf("%+v %v", j, err)
			}
			if again, err := a.labelBytes(on, *j); err != nil || !bytes.Equal(again, first) {
				t.Errorf("%s: the copy differs: %v", driver, err)
			}
		}
	}
}
