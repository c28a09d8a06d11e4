package gen

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/warehouse"
)

func TestWorld(t *testing.T) {
	p, err := World("../data")
	if err != nil {
		t.Fatal(err)
	}
	byEnd := map[Expect]Order{}
	for _, o := range p.Orders {
		byEnd[o.Expect] = o
	}
	// The books say more than the shelves hold in exactly one bin.
	empty := p.Rows(byEnd[ExpectEmptyBin].Lines[0].SKU)[0].Bin
	if d := cmp.Diff([]string{empty}, p.Empty); d != "" {
		t.Errorf("empty bins (-want +got):\n%s", d)
	}
	for _, r := range p.Stock {
		want := r.Qty
		if r.Bin == empty {
			want = 0
		}
		if got := p.Shelves[r.Bin][r.SKU][r.Lot]; got != want {
			t.Errorf("%s holds %d of %s lot %q, want %d", r.Bin, got, r.SKU, r.Lot, want)
		}
	}
	weight := byEnd[ExpectWeight]
	if d := cmp.Diff(map[string]string{weight.ID: weight.Lines[0].SKU}, p.Extra); d != "" {
		t.Errorf("extra units (-want +got):\n%s", d)
	}
	if len(p.Expect) != 60 || p.Expect[weight.ID] != ExpectWeight || len(p.Pending) != 2 {
		t.Errorf("%d ends, %s ends with %q, %d pending", len(p.Expect), weight.ID, p.Expect[weight.ID], len(p.Pending))
	}
}

// TestExtraUnitIsThere: the picker's mistake needs a unit on the shelf, and
// nobody else may miss it afterwards.
func TestExtraUnitIsThere(t *testing.T) {
	for _, n := range []int{60, 1000} {
		d := generate(t, n)
		asked := map[string]int64{}
		extra := map[string]int64{}
		for _, o := range d.Orders {
			for _, l := range o.Lines {
				asked[l.SKU] += l.Qty
			}
			if o.Expect == ExpectWeight {
				extra[o.Lines[0].SKU]++
			}
		}
		for sku, x := range extra {
			held := int64(0)
			for _, r := range d.Rows(sku) {
				held += r.Qty
			}
			if held < asked[sku]+x {
				t.Errorf("%d orders: %d of %s, %d ordered and %d more by mistake", n, held, sku, asked[sku], x)
			}
		}
	}
}

// TestCheck: an expectation that cannot come about is found before the shift.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(d *Data)
		want  string
	}{
		{"short is not short", func(d *Data) { find(d, ExpectShort).Lines[1].Qty = 1 }, "holds enough"},
		{"extra unit too light", func(d *Data) { d.Site.ToleranceMg = 500_000 }, "within the tolerance"},
		{"weight of unknown item", func(d *Data) { find(d, ExpectWeight).Lines[0].SKU = "X" }, "unknown item X"},
		{"no unit left over", func(d *Data) { find(d, ExpectWeight).Lines[0].Qty = 1000 }, "left over"},
		{"one bin only", func(d *Data) {
			sku := find(d, ExpectEmptyBin).Lines[0].SKU
			i := slices.IndexFunc(d.Stock, func(r warehouse.StockRow) bool { return r.SKU == sku })
			d.Stock = slices.Delete(d.Stock, i, i+1)
		}, "fewer than two bins"},
		{"first bin too small", func(d *Data) {
			first := d.Rows(find(d, ExpectEmptyBin).Lines[0].SKU)[0]
			d.Stock[slices.Index(d.Stock, first)].Qty = 1
		}, "booked with fewer"},
		{"second bin too small", func(d *Data) {
			second := d.Rows(find(d, ExpectEmptyBin).Lines[0].SKU)[1]
			d.Stock[slices.Index(d.Stock, second)].Qty = 1
		}, "not enough"},
		{"unknown end", func(d *Data) { d.Orders[0].Expect = "MIRACLE" }, "unknown; known are"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := generate(t, 60)
			if err := d.Check(); err != nil {
				t.Fatalf("before: %v", err)
			}
			c.spoil(d)
			if err := d.Check(); !errors.Is(err, ErrExpect) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want ErrExpect with %q", err, c.want)
			}
		})
	}
}

func find(d *Data, e Expect) *Order {
	return &d.Orders[slices.IndexFunc(d.Orders, func(o Order) bool { return o.Expect == e })]
}

// TestBadFiles: each is refused with its file, row and column.
func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ name, file, old, new, want string }{
		{"site field", siteFile, `"id"`, `"name"`, "site.json"},
		{"columns", itemsFile, "sku,name", "name,sku", "items.csv: the columns are"},
		{"field missing", binsFile, ",0,0,L", ",0,L", "bins.csv"},
		{"negative", binsFile, ",0,0,L", ",-1,0,L", `bins.csv, row 2: aisle "-1"`},
		{"nothing wrong", itemsFile, ",true,", ",true,", ""},
		{"not a flag", itemsFile, ",true,", ",ja,", `items.csv, row 2: lot_tracked "ja"`},
		{"not a weight", itemsFile, ",true,", "kg,true,", `items.csv, row 2: weight_g`},
		{"payment", ordersFile, ",settled,", ",maybe,", `orders.csv, row 2: payment "maybe"`},
		{"two heads", ordersFile, "SO-10002,2", "SO-10001,2", "orders.csv"},
		{"two places", ordersFile, "SO-10003,1,", "SO-10001,1,", `row 6: order "SO-10001" stands in two places`},
		{"unknown end", ordersFile, ",WEIGHT", ",MIRACLE", "MIRACLE: unknown; known are"},
		{"missing", workersFile, "", "", "workers.csv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := generate(t, 60).Write(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, c.file)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.old == "" {
				err = os.Remove(path)
			} else {
				if !strings.Contains(string(data), c.old) {
					t.Fatalf("%s holds no %q", c.file, c.old)
				}
				err = os.WriteFile(path, []byte(strings.Replace(string(data), c.old, c.new, 1)), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = World(dir)
			if c.want == "" {
				if err != nil {
					t.Errorf("unchanged: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestGrams(t *testing.T) {
	for text, mg := range map[string]int64{"412.5": 412_500, "3000": 3_000_000, "0.001": 1, "50.25": 50_250} {
		var bad error
		got := row{[]string{"g"}, []string{text}, &bad}.grams("g")
		if bad != nil || got != mg {
			t.Errorf("grams %q = %d, %v; want %d", text, got, bad, mg)
		}
		if back := grams(mg); back != text {
			t.Errorf("grams(%d) = %q, want %q", mg, back, text)
		}
	}
	for _, text := range []string{"", ".5", "1.2345", "-1", "1,5", "1e3", "x", "1.-5", "99999999999999"} {
		var bad error
		if got := (row{[]string{"g"}, []string{text}, &bad}).grams("g"); bad == nil {
			t.Errorf("grams %q = %d, want an error", text, got)
		}
	}
}
