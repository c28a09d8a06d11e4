package papers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

var update = flag.Bool("update", false, "write the golden files")

// site runs commands on an empty state.
type site struct {
	t  *testing.T
	tx *memtx.Tx
	m  warehouse.Meta
}

func (s *site) do(c warehouse.Command) warehouse.Result {
	s.t.Helper()
	s.m.Index++
	res, err := warehouse.Apply(s.tx, s.m, c)
	if err != nil || !res.OK {
		s.t.Fatalf("%#v: %+v %v", c, res, err)
	}
	return res
}

// newSite has an order O1 to pick, with a name no printer likes.
func newSite(t *testing.T) *site {
	s := &site{t, memtx.New(), warehouse.Meta{Now: 1_767_225_600_000, Level: warehouse.Level}}
	s.do(warehouse.PutSite{Site: warehouse.Site{
		ID: "W1", CompanyPrefix: "9521234", TotePrefix: "T-", CartonTareMg: 200_000, ToleranceMg: 10, LeaseMs: 60_000, CartSlots: 1,
		Layout: warehouse.Layout{Aisles: 1, Cells: 3}, PackDrop: "DROP", Manifests: true,
		Carriers: []warehouse.Carrier{{Code: "POST", Prefix: "PO", Digits: 6, First: 1, Last: 99}},
		Services: []warehouse.Service{{Carrier: "POST", Code: "parcel"}},
		Guides:   []warehouse.Guide{{Name: "ZOE", ShipTo: []string{"Zoë O'Neil"}, Pallet: "one order each, 1.60 m"}},
	}})
	s.do(warehouse.PutItems{Items: []warehouse.Item{
		{SKU: "CUP", Name: "Cup, blue ^XA~_", WeightMg: 310_000},
		{SKU: "MILK", GTIN: "09521230000031", Name: "Milch für Kaffee, haltbar, in der großen Packung", WeightMg: 1_000_400, LotTracked: true},
	}})
	s.do(warehouse.PutBins{Bins: []warehouse.Bin{{Code: "A-01"}, {Code: "A-02", Cell: 1}}})
	s.do(warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: "w1", Name: "Ada", Badge: "B1"}}})
	s.do(warehouse.OpenStock{Rows: []warehouse.StockRow{
		{Bin: "A-01", SKU: "CUP", Qty: 5}, {Bin: "A-02", SKU: "MILK", Lot: "L1", Expiry: "2026-09-01", Qty: 9},
	}})
	s.do(warehouse.ReleaseOrder{Source: "oms/main", Order: warehouse.OrderSpec{
		ID: "O1", Priority: 3, Method: "standard",
		ShipTo: warehouse.Address{Name: "Zoë O'Neil", Street: "Main St 1", Postcode: "12345", City: "Town", Country: "DE"},
		Lines:  []warehouse.OrderLine{{Line: 1, SKU: "CUP", Qty: 2}, {Line: 2, SKU: "MILK", Qty: 3}},
	}})
	return s
}

// packed takes the order to a closed manifest and returns its id.
func (s *site) packed() string {
	s.t.Helper()
	s.do(warehouse.SignIn{Device: "h1", Badge: "B1"})
	s.do(warehouse.AskWork{Device: "h1"})
	s.do(warehouse.AssignBatch{Batch: "K1", Worker: "w1", Slots: []warehouse.BatchSlot{{Slot: 1, Order: "O1"}}, Walk: []string{"O1/1/1", "O1/2/2"}})
	for _, sc := range []warehouse.Scan{
		{Barcode: "A-01"}, {Barcode: "CUP", Qty: 2}, {Barcode: "T-1"}, {Barcode: "A-02"}, {Barcode: "]C1010952123000003110L1", Qty: 3}, {Barcode: "T-1"},
	} {
		sc.Device = "h1"
		s.do(sc)
	}
	s.do(warehouse.FinishBatch{Device: "h1", Barcode: "DROP"})
	s.do(warehouse.StartPack{Station: "pack1", Barcode: "T-1"})
	sscc := s.do(warehouse.Pack{Station: "pack1", Order: "O1", WeightMg: 200_000 + 2*310_000 + 3*1_000_400}).Ref
	s.do(warehouse.LabelSent{Job: sscc})
	s.do(warehouse.LabelOutcome{Job: sscc, Outcome: warehouse.JobPrinted})
	return s.do(warehouse.CloseManifest{Carrier: "POST", Dock: "d1"}).Ref
}

// row 19: pick ticket, packing slip and manifest as text and as ZPL, compared
// with golden files; row 23: printed again, they are the same bytes.
func TestPapersRow19(t *testing.T) {
	s := newSite(t)
	papers := map[string]func(warehouse.Reader) (*Paper, error){
		"ticket": func(r warehouse.Reader) (*Paper, error) { return Ticket(r, "O1") },
	}
	check := func() {
		for name, make := range papers {
			p, err := make(s.tx)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", p.Text())
			golden(t, name+".zpl", p.ZPL())
			again, err := make(s.tx)
			if err != nil || !bytes.Equal(again.ZPL(), p.ZPL()) || !bytes.Equal(again.Text(), p.Text()) {
				t.Errorf("%s: printed again it differs", name)
			}
		}
	}
	check()
	m := s.packed()
	papers = map[string]func(warehouse.Reader) (*Paper, error){
		"slip":     func(r warehouse.Reader) (*Paper, error) { return Slip(r, "O1") },
		"manifest": func(r warehouse.Reader) (*Paper, error) { return Manifest(r, m) },
	}
	check()
	// Filed, it has the hash of what was printed, whoever asks again.
	p, err := Slip(s.tx, "O1")
	if err != nil {
		t.Fatal(err)
	}
	file := warehouse.FileDocument{What: p.Kind, Type: warehouse.DocZPL, Ref: p.Ref, Body: string(p.ZPL())}
	res := s.do(file)
	sum := sha256.Sum256(p.ZPL())
	if res.Text != hex.EncodeToString(sum[:]) || s.do(file).Ref != res.Ref {
		t.Errorf("%+v", res)
	}
}

// A long paper goes on on the next label, and nothing is lost.
func TestPages(t *testing.T) {
	p := &Paper{Title: "LONG"}
	for i := range 65 {
		p.add(fmt.Sprintf("line %02d", i), "x")
	}
	z := string(p.ZPL())
	if n := strings.Count(z, "^XA"); n != 3 || strings.Count(z, "^XZ") != 3 || !strings.Contains(z, "LONG  3/3") {
		t.Errorf("%d pages", n)
	}
	for i := range 65 {
		if !strings.Contains(z, fmt.Sprintf("line %02d^FS", i)) {
			t.Errorf("line %d is lost", i)
		}
	}
	for _, line := range strings.Split(string(p.Text()), "\n") {
		if len(line) > columns {
			t.Errorf("%q is too long", line)
		}
	}
}

func TestNothingToPrint(t *testing.T) {
	tx := memtx.New()
	for _, f := range []func(warehouse.Reader, string) (*Paper, error){Ticket, Slip, Manifest} {
		if _, err := f(tx, "O9"); !errors.Is(err, ErrNone) {
			t.Errorf("%v", err)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s:\n%s", file, d)
	}
}

// A manifest whose orders left for the archive before it still names its parcels.
func TestManifestOfArchivedOrders(t *testing.T) {
	s := newSite(t)
	m := s.packed()
	site, err := warehouse.GetSite(s.tx)
	if err != nil {
		t.Fatal(err)
	}
	mf, err := warehouse.GetManifest(s.tx, m)
	if err != nil || mf == nil || len(mf.Parcels) != 1 {
		t.Fatalf("%+v %v", mf, err)
	}
	s.do(warehouse.Load{Dock: "d1", Barcode: mf.Parcels[0]})
	s.do(warehouse.Depart{Dock: "d1"})
	record, _ := s.tx.Get([]byte("manif\x00" + m))
	s.m.Now += 24 * 3600 * 1000
	later := *site
	later.ArchiveDays = 1
	s.do(warehouse.PutSite{Site: later})
	o, err := warehouse.GetOrder(s.tx, "O1")
	for range 10 {
		if err != nil || o == nil {
			break
		}
		s.do(warehouse.AdvanceTime{})
		o, err = warehouse.GetOrder(s.tx, "O1")
	}
	if err != nil || o != nil {
		t.Fatalf("order %+v %v", o, err)
	}
	// The truck was still being loaded then.
	if err := s.tx.Set([]byte("manif\x00"+m), record); err != nil {
		t.Fatal(err)
	}
	p, err := Manifest(s.tx, m)
	if err != nil || len(p.Lines) == 0 || !slices.ContainsFunc(p.Lines, func(l Line) bool { return l.Left == mf.Parcels[0]+"  order O1" && l.Right == "archived" }) {
		t.Errorf("%+v %v", p, err)
	}
}
