package intake

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

// held is an empty site with rules and nothing else.
type held struct {
	t  testing.TB
	tx *memtx.Tx
	m  warehouse.Meta
}

func newHeld(t testing.TB) *held {
	h := &held{t: t, tx: memtx.New(), m: warehouse.Meta{Now: 1_767_225_600_000, Level: warehouse.Level}}
	h.do(warehouse.PutSite{Site: warehouse.Site{
		ID: "W1", CompanyPrefix: "9521234", TotePrefix: "TOTE-", LeaseMs: 60_000, CartSlots: 1, PackDrop: "DROP",
		Layout: warehouse.Layout{Aisles: 3, Cells: 9}, Carriers: []warehouse.Carrier{{Code: "POST", Digits: 6, First: 1, Last: 99}},
	}})
	return h
}

// do runs a command; a refusal is the caller's.
func (h *held) do(c warehouse.Command) warehouse.Result {
	h.m.Index++
	res, err := warehouse.Apply(h.tx, h.m, c)
	if err != nil {
		h.t.Fatal(err)
	}
	return res
}

func (h *held) export(kind string, want []string, bom bool) []byte {
	var b bytes.Buffer
	if err := Write(&b, h.tx, kind, want, bom); err != nil {
		h.t.Fatal(err)
	}
	return b.Bytes()
}

// read brings a file in, all of it.
func (h *held) read(t interface {
	Fatalf(format string, args ...any)
}, kind string, file []byte,
) {
	cmds, problems, err := Read(kind, bytes.NewReader(file))
	if err != nil || len(problems) > 0 {
		t.Fatalf("%s: %v %v\n%s", kind, err, problems, file)
	}
	for _, c := range cmds {
		if res := h.do(c); !res.OK {
			t.Fatalf("%s: %+v: %+v\n%s", kind, c, res, file)
		}
	}
}

// Texts that files and spreadsheets are hard on.
var (
	nastyText = rapid.StringMatching(`[=+\-@' "a;,%\\ü＝\x{2028}3BD250]{1,20}`)
	nastyID   = rapid.StringMatching(`[=+\-@'";,%A3BD250]([=+\-@'";,% A3BD250]{0,8}[=+\-@'";,%A3BD250])?`)
	nastyCode = rapid.StringMatching(`[=+\-@'";,%A3BD250]{1,9}`)
)

// fill puts whatever is taken into a site: refusals do not matter.
func (h *held) fill(t *rapid.T) {
	flip := rapid.Bool()
	pieces := rapid.Int64Range(0, 50)
	var skus, bins []string
	for i := range rapid.IntRange(1, 6).Draw(t, "items") {
		sku := fmt.Sprintf("%s%d", nastyID.Draw(t, "sku"), i)
		it := warehouse.Item{
			SKU: sku, Name: nastyText.Draw(t, "name"), WeightMg: rapid.Int64Range(1, 1_000_000_000).Draw(t, "weight"),
			LotTracked: flip.Draw(t, "lots"), Serials: flip.Draw(t, "serials"), Policy: rapid.SampledFrom([]string{"", "fifo", "closest"}).Draw(t, "policy"),
			Max: 50 + pieces.Draw(t, "max"), Min: pieces.Draw(t, "min"), Reorder: pieces.Draw(t, "reorder"), LengthMm: pieces.Draw(t, "l"),
			WidthMm: pieces.Draw(t, "w"), HeightMm: pieces.Draw(t, "h"), Revision: rapid.Int64Range(0, 1<<62).Draw(t, "revision"),
			Class: rapid.SampledFrom([]string{"", "A", "=B"}).Draw(t, "class"),
		}
		for j := range rapid.IntRange(0, 2).Draw(t, "codes") {
			it.Barcodes = append(it.Barcodes, fmt.Sprintf("%s-%d-%d", nastyCode.Draw(t, "code"), i, j))
		}
		if !it.Serials && flip.Draw(t, "pack") {
			it.Packs = []warehouse.PackUnit{{Unit: nastyID.Draw(t, "unit"), Factor: 12}, {Unit: "PALLET", Factor: 99, Barcode: fmt.Sprintf("p%d%s", i, nastyCode.Draw(t, "packcode"))}}
		}
		if len(skus) > 0 && flip.Draw(t, "substitute") {
			it.Substitutes = []string{skus[0]}
		}
		if it.LotTracked {
			it.MinDays = rapid.IntRange(0, 9).Draw(t, "days")
		}
		if h.do(warehouse.PutItems{Items: []warehouse.Item{it}}).OK {
			skus = append(skus, sku)
		}
	}
	for i := range 4 {
		b := warehouse.Bin{Code: fmt.Sprintf("%s%d", nastyID.Draw(t, "bin"), i), Aisle: i % 3, Cell: i, Side: rapid.SampledFrom([]string{"", "L", "-"}).Draw(t, "side"), Zone: rapid.SampledFrom([]string{"", "cold"}).Draw(t, "zone")}
		if h.do(warehouse.PutBins{Bins: []warehouse.Bin{b}}).OK {
			bins = append(bins, b.Code)
		}
	}
	h.do(warehouse.PutWorkers{Workers: []warehouse.Worker{{ID: nastyID.Draw(t, "worker"), Name: nastyText.Draw(t, "name"), Badge: nastyCode.Draw(t, "badge"), Kind: rapid.SampledFrom([]string{"", "robot"}).Draw(t, "kind")}}})
	if len(skus) > 0 && len(bins) > 0 {
		h.stockAndOrders(t, skus, bins)
	}
}

func (h *held) stockAndOrders(t *rapid.T, skus, bins []string) {
	for i := range rapid.IntRange(0, 12).Draw(t, "stock") {
		r := warehouse.StockRow{
			Bin: rapid.SampledFrom(bins).Draw(t, "bin"), SKU: rapid.SampledFrom(skus).Draw(t, "sku"), Qty: rapid.Int64Range(1, 9).Draw(t, "qty"),
			Owner: rapid.SampledFrom([]string{"", "ACME", "=o"}).Draw(t, "owner"), Status: rapid.SampledFrom([]string{"", "qc", "damaged", "quarantined"}).Draw(t, "status"),
		}
		it, err := warehouse.GetItem(h.tx, r.SKU)
		if err != nil {
			h.t.Fatal(err)
		}
		if it.LotTracked {
			r.Lot, r.Expiry = rapid.SampledFrom([]string{"L1", "@2"}).Draw(t, "lot"), rapid.SampledFrom([]string{"", "2027-01-31"}).Draw(t, "expiry")
		}
		if it.Serials {
			r.Qty, r.Serial = 1, fmt.Sprintf("%s%d", nastyCode.Draw(t, "serial"), i)
		}
		h.do(warehouse.OpenStock{Rows: []warehouse.StockRow{r}})
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "orders") {
		when := rapid.SampledFrom([]int64{0, 1, 1_767_225_600_123, 253_402_300_800_000, 1 << 62})
		o := warehouse.OrderSpec{
			ID: fmt.Sprintf("%s%d", nastyID.Draw(t, "order"), i), Revision: rapid.IntRange(0, 3).Draw(t, "revision"), Priority: rapid.IntRange(0, 9).Draw(t, "priority"),
			ShipTo:   warehouse.Address{Name: nastyText.Draw(t, "to"), Street: nastyText.Draw(t, "street"), Postcode: nastyText.Draw(t, "postcode"), City: nastyText.Draw(t, "city"), Country: "DE"},
			PlacedAt: when.Draw(t, "placed"), ShipBy: when.Draw(t, "shipBy"), Channel: rapid.SampledFrom([]string{"", "=web"}).Draw(t, "channel"),
			Owner: rapid.SampledFrom([]string{"", "ACME"}).Draw(t, "owner"), Partial: rapid.Bool().Draw(t, "partial"), Together: rapid.Bool().Draw(t, "together"), Substitute: rapid.Bool().Draw(t, "substitute"),
			Holds: rapid.SampledFrom([][]string{nil, {"PAYMENT"}, {"EXPORT", "CREDIT"}}).Draw(t, "holds"), Party: rapid.SampledFrom([]string{"", "hub", "3pl"}).Draw(t, "party"),
		}
		if rapid.Bool().Draw(t, "named") {
			o.Customer = nastyText.Draw(t, "customer")
			o.Refs = []warehouse.Ref{{Name: nastyText.Draw(t, "ref"), Value: nastyText.Draw(t, "value")}, {Name: "empty"}}
		}
		for j := range rapid.IntRange(1, 3).Draw(t, "lines") {
			o.Lines = append(o.Lines, warehouse.OrderLine{
				Line: 1000 - j, SKU: rapid.SampledFrom(skus).Draw(t, "sku"), Qty: rapid.Int64Range(1, 3).Draw(t, "qty"), Kind: rapid.SampledFrom([]string{"", "", "drop_ship", "make"}).Draw(t, "kind"),
			})
		}
		h.do(warehouse.ReleaseOrder{Order: o, Source: "oms/main"})
	}
}

// Row 22: what is exported, read into an empty site and exported again is the
// same, byte by byte, and so are the records.
func TestExportComesBackRow22(t *testing.T) {
	some := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		one, two := newHeld(t), newHeld(t)
		one.fill(rt)
		bom := rapid.Bool().Draw(rt, "bom")
		for _, kind := range Exports {
			// In any order of the columns.
			file := one.export(kind, rapid.Permutation(Columns(kind)).Draw(rt, "columns"), bom)
			if bytes.HasPrefix(file, []byte("\ufeff")) != bom {
				rt.Fatalf("byte order mark: %v\n%s", bom, file)
			}
			some[kind] += bytes.Count(file, []byte("\n")) - 1
			if bytes.Count(file, []byte("\n")) > 1 {
				two.read(rt, kind, file)
			}
		}
		for _, kind := range Exports {
			a, b := one.export(kind, nil, false), two.export(kind, nil, false)
			if !bytes.Equal(a, b) {
				rt.Fatalf("%s:\n%s\nbecame\n%s", kind, a, b)
			}
			safe(rt, a)
		}
	})
	for _, kind := range Exports {
		if some[kind] == 0 {
			t.Errorf("no row of %s was ever written", kind)
		}
	}
}

// safe requires that no cell begins as a formula does.
func safe(t *rapid.T, file []byte) {
	tab := open(bytes.NewReader(file), nil)
	for {
		row, err := tab.csv.Read()
		if err != nil {
			return
		}
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
				t.Fatalf("%q is a formula", cell)
			}
		}
	}
}

func TestExportColumns(t *testing.T) {
	h := newHeld(t)
	h.do(warehouse.PutItems{Items: []warehouse.Item{{SKU: "A", Name: "=HYPERLINK(1)", WeightMg: 1500}, {SKU: "B", Name: " b", WeightMg: 2}}})
	if got := string(h.export("items", []string{"weight_g", "name"}, false)); got != "weight_g,name\n1.5,'=HYPERLINK(1)\n0.002,' b\n" {
		t.Errorf("%q", got)
	}
	for _, bad := range [][]string{{"nope"}, {"sku", "sku"}, {"payment"}} {
		var b bytes.Buffer
		kind := "items"
		if bad[0] == "payment" {
			kind = "orders"
		}
		if err := Write(&b, h.tx, kind, bad, false); !errors.Is(err, ErrColumn) || b.Len() > 0 {
			t.Errorf("%v: %v %q", bad, err, b.String())
		}
	}
	if err := Write(&bytes.Buffer{}, h.tx, "receipts", nil, false); !errors.Is(err, ErrKind) {
		t.Error(err)
	}
	if !slices.Contains(Columns("orders"), "ship_by") {
		t.Error(Columns("orders"))
	}
}
