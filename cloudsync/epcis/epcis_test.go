package epcis

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"tote/cloudsync/wire"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

const schemaFile = "../../../shared/data/epcis/epcis2js-apache2/schema/EPCISDocument.schema.json"

// day is a site on which goods were counted, moved, picked, packed, shipped and
// destroyed.
func day(t *testing.T) (*memtx.Tx, Source) {
	t.Helper()
	tx := memtx.New()
	m := warehouse.Meta{Now: 1_767_225_600_000, Level: warehouse.Level, Actor: "ada"}
	do := func(c warehouse.Command) string {
		t.Helper()
		m.Index++
		m.Now += 1000
		m.Cause = "c/" + string(rune('a'+m.Index))
		res, err := warehouse.Apply(tx, m, c)
		if err != nil || !res.OK {
			t.Fatalf("%#v: %+v %v", c, res, err)
		}
		return res.Ref
	}
	do(warehouse.PutSite{Site: warehouse.Site{
		ID: "W 1", CompanyPrefix: "9521234", TotePrefix: "T-", ToleranceMg: 10, LeaseMs: 60_000, CartSlots: 1,
		Layout: warehouse.Layout{Aisles: 1, Cells: 3}, PackDrop: "DROP", Carriers: []warehouse.Carrier{{Code: "POST", Digits: 4, First: 1, Last: 99}},
	}})
	do(warehouse.PutItems{Items: []warehouse.Item{
		{SKU: "CUP", Name: "Cup", WeightMg: 1000},
		{SKU: "MILK", Name: "Milk", WeightMg: 1000, GTIN: "09521230000031", LotTracked: true},
		{SKU: "RADIO", Name: "Radio", WeightMg: 1000, GTIN: "09521230000048", Serials: true},
	}})
	do(warehouse.PutBins{Bins: []warehouse.Bin{{Code: "A-01"}, {Code: "A 02", Cell: 1}}})
	do(warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "w1", Name: "Ada", Badge: "B1"}}})
	do(warehouse.OpenStock{Rows: []warehouse.StockRow{
		{Bin: "A-01", SKU: "CUP", Qty: 5}, {Bin: "A-01", SKU: "MILK", Lot: "L/1", Expiry: "2027-01-01", Qty: 5}, {Bin: "A-01", SKU: "RADIO", Serial: "S%1", Qty: 1},
	}})
	do(warehouse.MoveStock{SKU: "CUP", Qty: 1, From: warehouse.BinPlace("A-01"), To: warehouse.BinPlace("A 02")})
	do(warehouse.AdjustStock{Place: warehouse.BinPlace("A 02"), SKU: "CUP", Qty: -1, Reason: warehouse.ReasonDamaged})
	do(warehouse.ReleaseOrder{Source: "oms/main", Order: warehouse.OrderSpec{
		ID: "O1", ShipTo: warehouse.Address{Name: "Eve", Street: "Main St 1", Postcode: "1", City: "Town", Country: "DE"},
		Lines: []warehouse.OrderLine{{Line: 1, SKU: "CUP", Qty: 2}, {Line: 2, SKU: "MILK", Qty: 1}, {Line: 3, SKU: "RADIO", Qty: 1}},
	}})
	do(warehouse.SignIn{Device: "h1", Badge: "B1"})
	do(warehouse.AskWork{Device: "h1"})
	do(warehouse.AssignBatch{Batch: "K1", Worker: "w1", Slots: []warehouse.BatchSlot{{Slot: 1, Order: "O1"}}, Walk: []string{"O1/1/1", "O1/2/2", "O1/3/3"}})
	for _, sc := range []warehouse.Scan{
		{Barcode: "A-01"},
		{Barcode: "CUP", Qty: 2},
		{Barcode: "T-1"},
		{Barcode: "]C1010952123000003110L/1"},
		{Barcode: "T-1"},
		{Barcode: "]C1010952123000004821S%1"},
		{Barcode: "T-1"},
	} {
		sc.Device = "h1"
		do(sc)
	}
	do(warehouse.FinishBatch{Device: "h1", Barcode: "DROP"})
	do(warehouse.StartPack{Station: "pack1", Barcode: "T-1"})
	sscc := do(warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 4000})
	do(warehouse.LabelSent{Job: sscc})
	do(warehouse.LabelOutcome{Job: sscc, Outcome: warehouse.JobPrinted})
	do(warehouse.Load{Dock: "d1", Barcode: sscc})
	do(warehouse.Depart{Dock: "d1"})
	return tx, Source{Site: "W 1", Now: m.Now, View: func(fn func(warehouse.Reader) error) error { return fn(tx) }}
}

func write(t *testing.T, s Source, format string, since int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b, format, since); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// schema is the published one with its two look-aheads, which Go's expressions do
// not have, taken out: they only keep words of the standard out of our own names.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	raw, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no EPCIS schema here: %v", err)
	}
	text := strings.NewReplacer(`^(?!(urn:epcglobal:cbv|https?:\\/\\/ns\\.gs1\\.org/cbv\\/))`, `^`,
		`^(?!(https?:\\/\\/gs1\\.org\\/voc\\/|https?:\\/\\/www\\.gs1\\.org\\/voc\\/))`, `^`).Replace(string(raw))
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("https://gs1.github.io/EPCIS/EPCIS-JSON-Schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://gs1.github.io/EPCIS/EPCIS-JSON-Schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Row 43: the export is a valid EPCIS 2.0 document, and the check would notice one
// that is not.
func TestValidRow43(t *testing.T) {
	_, s := day(t)
	valid := schema(t)
	check := func(raw []byte) error {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		return valid.Validate(doc)
	}
	good := write(t, s, FormatEPCIS, 0)
	if err := check(good); err != nil {
		t.Errorf("%v\n%s", err, good)
	}
	if err := check(write(t, s, FormatEPCIS, s.Now+1)); err != nil {
		t.Errorf("an empty one: %v", err)
	}
	for old, bad := range map[string]string{
		`"OBSERVE"`: `"LOOK"`, `"shipping"`: `"sailing"`, `"eventTimeZoneOffset":"+00:00",`: "", `"tote:journal"`: `"journal"`, `"schemaVersion":"2.0"`: `"schemaVersion":2`,
	} {
		if check(bytes.Replace(good, []byte(old), []byte(bad), 1)) == nil {
			t.Errorf("%s for %s is valid", bad, old)
		}
	}
}

// What each move is called.
func TestMeaning(t *testing.T) {
	_, s := day(t)
	var doc struct {
		Body struct {
			Events []Told `json:"eventList"`
		} `json:"epcisBody"`
	}
	raw := write(t, s, FormatEPCIS, 0)
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if again := write(t, s, FormatEPCIS, 0); !bytes.Equal(raw, again) {
		t.Error("the same journal is told in two ways")
	}
	var got []string
	ids := map[string]bool{}
	for _, e := range doc.Body.Events {
		what := append(append([]string{}, e.EPCs...), e.Children...)
		for _, q := range append(e.Quantities, e.ChildQty...) {
			what = append(what, q.Class)
		}
		place := ""
		if e.Location != nil {
			place = e.Location.ID
		}
		got = append(got, strings.Join([]string{e.Type, e.Action, e.BizStep, strings.Join(what, ","), place}, " "))
		if ids[e.EventID] {
			t.Errorf("%s twice", e.EventID)
		}
		ids[e.EventID] = true
	}
	cup, milk, radio := "urn:tote:W%201:item:CUP", "https://id.gs1.org/01/09521230000031/10/L%2F1", "https://id.gs1.org/01/09521230000048/21/S%251"
	bin, tote := "urn:tote:W%201:place:bin:", "urn:tote:W%201:place:lu:T-1"
	want := []string{
		"ObjectEvent OBSERVE stock_taking " + cup + " " + bin + "A-01",
		"ObjectEvent OBSERVE stock_taking " + milk + " " + bin + "A-01",
		"ObjectEvent OBSERVE stock_taking " + radio + " " + bin + "A-01",
		"ObjectEvent OBSERVE storing " + cup + " " + bin + "A%2002",
		"ObjectEvent DELETE destroying " + cup + " ",
		"ObjectEvent OBSERVE picking " + cup + " " + tote,
		"ObjectEvent OBSERVE picking " + milk + " " + tote,
		"ObjectEvent OBSERVE picking " + radio + " " + tote,
		"AggregationEvent ADD packing " + cup + " ",
		"AggregationEvent ADD packing " + milk + " ",
		"AggregationEvent ADD packing " + radio + " ",
		"ObjectEvent OBSERVE shipping " + cup + " ",
		"ObjectEvent OBSERVE shipping " + milk + " ",
		"ObjectEvent OBSERVE shipping " + radio + " ",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Each line is a CloudEvent of its own, and since leaves out what was before.
func TestNDJSONRow43(t *testing.T) {
	_, s := day(t)
	read := func(since int64) (types []string, ids map[string]bool) {
		ids = map[string]bool{}
		for line := range strings.Lines(string(write(t, s, FormatNDJSON, since))) {
			var e wire.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil || e.SpecVersion != "1.0" || e.Source != "/sites/W 1" || len(e.Data) == 0 || ids[e.ID] {
				t.Fatalf("%v %s", err, line)
			}
			ids[e.ID] = true
			types = append(types, e.Type)
		}
		return types, ids
	}
	all, ids := read(0)
	if !ids["W 1/journal/1"] || !ids["W 1/journal/14"] || ids["W 1/journal/15"] || all[0] != TypeMoved || all[len(all)-1] != "wms.order.shipped.v1" {
		t.Errorf("%v", all)
	}
	last, ids := read(s.Now) // the departure alone
	if d := cmp.Diff([]string{TypeMoved, TypeMoved, TypeMoved, "wms.order.shipped.v1"}, last); d != "" || !ids["W 1/journal/12"] {
		t.Error(d)
	}
	if none, _ := read(s.Now + 1); len(none) != 0 {
		t.Errorf("%v", none)
	}
	if err := s.Write(&bytes.Buffer{}, "xml", 0); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}
