package gen

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/gs1"
	"tote/warehouse"
)

func generate(t testing.TB, orders int) *Data {
	t.Helper()
	d, err := New(orders)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestCommittedFiles: the files in demo/data are what the generator writes.
func TestCommittedFiles(t *testing.T) {
	dir := t.TempDir()
	if err := generate(t, 60).Write(dir); err != nil {
		t.Fatal(err)
	}
	for name := range map[string]bool{siteFile: true, itemsFile: true, binsFile: true, stockFile: true, workersFile: true, ordersFile: true} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("../data", name))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s differs from what go generate writes (-generated +committed):\n%s", name, d)
		}
	}
}

// TestTheShift: the figures the README and the demo promise.
func TestTheShift(t *testing.T) {
	d, err := Read("../data")
	if err != nil {
		t.Fatal(err)
	}
	lines, expects, wait := 0, map[Expect]int{}, 0
	for _, o := range d.Orders {
		lines += len(o.Lines)
		expects[o.Expect]++
		if o.Payment == PaymentPending {
			wait++
			if o.Expect != ExpectShip {
				t.Errorf("order %s waits for its payment and expects %s", o.ID, o.Expect)
			}
		}
	}
	got := []int{len(d.Orders), lines, len(d.Items), len(d.Bins), wait}
	if d := cmp.Diff([]int{60, 180, 80, 400, 2}, got); d != "" {
		t.Errorf("orders, lines, items, bins, pending payments (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[Expect]int{ExpectShip: 57, ExpectShort: 1, ExpectWeight: 1, ExpectEmptyBin: 1}, expects); d != "" {
		t.Errorf("expected ends (-want +got):\n%s", d)
	}
	tracked := 0
	for _, it := range d.Items {
		if it.LotTracked {
			tracked++
		}
	}
	if tracked != 20 {
		t.Errorf("%d items are lot tracked, want a quarter of 80", tracked)
	}
}

// TestSameSeedSameBytes also for another seed.
func TestSameSeedSameBytes(t *testing.T) {
	for _, seed := range []uint64{0, 99} {
		a, err := Generate(Config{Orders: 200, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Generate(Config{Orders: 200, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("seed %d: two runs differ:\n%s", seed, d)
		}
	}
	a := generate(t, 200)
	b, err := Generate(Config{Orders: 200, Seed: 99})
	if err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(a.Orders, b.Orders) {
		t.Error("another seed gives the same orders")
	}
}

func TestRoundTrip(t *testing.T) {
	want, dir := generate(t, 120), t.TempDir()
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("written and read again (-want +got):\n%s", d)
	}
}

// TestAnySize: whatever the size and seed, the shift can come to its ends.
func TestAnySize(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 400).Draw(rt, "orders")
		d, err := Generate(Config{Orders: n, Seed: rapid.Uint64().Draw(rt, "seed")})
		if err != nil {
			rt.Fatal(err)
		}
		checkGoods(rt, d)
		checkOrders(rt, d, n)
		checkAllocation(rt, d)
	})
}

type failer interface {
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// checkGoods: codes are unique and valid, stock stands in bins there are, one
// item and lot to a bin.
func checkGoods(t failer, d *Data) {
	codes := map[string]string{} // every barcode of the site
	claim := func(code, what string) {
		if other := codes[code]; other != "" {
			t.Errorf("barcode %s is %s and %s", code, other, what)
		}
		codes[code] = what
		if strings.HasPrefix(code, d.Site.TotePrefix) || strings.HasPrefix(code, "TOTE:") {
			t.Errorf("barcode %s of %s reads as a tote or a control code", code, what)
		}
	}
	claim(d.Site.PackDrop, "the pack drop")
	bins := map[string]bool{}
	for _, b := range d.Bins {
		claim(b.Code, "a bin")
		bins[b.Code] = false
		if b.Aisle < 0 || b.Aisle >= d.Site.Layout.Aisles || b.Cell < 0 || b.Cell >= d.Site.Layout.Cells {
			t.Errorf("bin %s is outside the layout", b.Code)
		}
	}
	for _, w := range d.Workers {
		claim(w.Badge, "a badge")
	}
	for _, it := range d.Items {
		claim(it.SKU, "a SKU")
		claim(it.GTIN, "a GTIN")
		for _, b := range it.Barcodes {
			claim(b, "an alias")
		}
		if len(it.GTIN) != 14 || it.GTIN[0] != '0' || !gs1.ValidGTIN(it.GTIN) {
			t.Errorf("%s: GTIN %s", it.SKU, it.GTIN)
		}
		if it.WeightMg < 50_000 || it.WeightMg > 3_000_000 {
			t.Errorf("%s weighs %d mg", it.SKU, it.WeightMg)
		}
		lots := map[string]string{}
		for _, r := range d.Rows(it.SKU) {
			if full, known := bins[r.Bin]; !known || full {
				t.Errorf("%s: bin %s is unknown or holds something else too", it.SKU, r.Bin)
			}
			bins[r.Bin] = true
			if r.Qty < 1 {
				t.Errorf("%s in %s: %d units", it.SKU, r.Bin, r.Qty)
			}
			if (r.Lot != "") != it.LotTracked || (r.Expiry != "") != it.LotTracked {
				t.Errorf("%s in %s: lot %q, expiry %q", it.SKU, r.Bin, r.Lot, r.Expiry)
			}
			if e, ok := lots[r.Lot]; ok && e != r.Expiry {
				t.Errorf("%s: lot %s expires %s and %s", it.SKU, r.Lot, e, r.Expiry)
			}
			lots[r.Lot] = r.Expiry
		}
		if it.LotTracked && len(lots) != 2 {
			t.Errorf("%s has %d lots, want 2", it.SKU, len(lots))
		}
	}
}

// checkOrders: the promises about numbers, quantities and weights.
func checkOrders(t failer, d *Data, n int) {
	lines, wait, notShipped := 0, 0, 0
	for _, o := range d.Orders {
		lines += len(o.Lines)
		if o.Payment == PaymentPending {
			wait++
		}
		if o.Expect == ExpectShort || o.Expect == ExpectWeight {
			notShipped++
		}
		if len(o.Lines) < 1 || len(o.Lines) > maxLines {
			t.Errorf("%s has %d lines", o.ID, len(o.Lines))
		}
		expected := d.ExpectedMg(o)
		if expected > 25_000_000 {
			t.Errorf("%s weighs %d mg", o.ID, expected)
		}
		for i, l := range o.Lines {
			if l.Line != i+1 || l.Qty < 1 || l.Qty > maxQty {
				t.Errorf("%s: line %+v", o.ID, l)
			}
			if w := d.Item(l.SKU).WeightMg; w <= d.ToleranceMg(expected) {
				t.Errorf("%s: one %s more or less (%d mg) is within the tolerance %d mg", o.ID, l.SKU, w, d.ToleranceMg(expected))
			}
		}
	}
	if len(d.Orders) != n || lines != 3*n {
		t.Errorf("%d orders with %d lines, want %d with %d", len(d.Orders), lines, n, 3*n)
	}
	if 20*notShipped > n {
		t.Errorf("%d of %d orders cannot ship, which is more than 5 %%", notShipped, n)
	}
	if n >= minForFaults && notShipped < 2 {
		t.Errorf("%d of %d orders cannot ship, want at least one of each kind", notShipped, n)
	}
	if want := pending; n >= minForOdd && wait != want {
		t.Errorf("%d orders wait for payment, want %d", wait, want)
	}
}

// checkAllocation books the orders first-expired-first-out, all or nothing, as
// the site does: only SHORT stays behind, and the first bin of EMPTYBIN is
// booked for that order alone and in full.
func checkAllocation(t failer, d *Data) {
	left := map[string]int64{} // bin → units
	for _, r := range d.Stock {
		left[r.Bin] = r.Qty
	}
	for _, o := range d.Orders {
		took := map[string]int64{}
		short := false
		for i, l := range o.Lines {
			need := l.Qty
			for j, r := range d.Rows(l.SKU) {
				n := min(need, left[r.Bin]-took[r.Bin])
				took[r.Bin] += n
				need -= n
				if o.Expect == ExpectEmptyBin && i == 0 && (n > 0) != (j == 0) {
					t.Errorf("%s: takes %d from its bin %d", o.ID, n, j)
				}
			}
			short = short || need > 0
		}
		if short != (o.Expect == ExpectShort) {
			t.Errorf("%s (%s): short = %v", o.ID, o.Expect, short)
		}
		if !short {
			for bin, n := range took {
				left[bin] -= n
			}
		}
	}
}

// TestFirstExpiredMatters: in the committed shift the rule decides something.
// For some items a later lot stands in an earlier bin, and some lots run out.
func TestFirstExpiredMatters(t *testing.T) {
	d := generate(t, 60)
	asked := map[string]int64{}
	for _, o := range d.Orders {
		for _, l := range o.Lines {
			asked[l.SKU] += l.Qty
		}
	}
	against, both := 0, 0
	for _, it := range d.Items {
		if rows := d.Rows(it.SKU); it.LotTracked {
			if rows[0].Bin > rows[1].Bin {
				against++
			}
			if asked[it.SKU] > rows[0].Qty {
				both++
			}
		}
	}
	if against < 5 || both < 5 {
		t.Errorf("%d items with the later lot in the earlier bin and %d of which both lots are picked, want 5 of each", against, both)
	}
}

func TestGenerateRefuses(t *testing.T) {
	for _, n := range []int{-1, 0, 100_001} {
		if _, err := Generate(Config{Orders: n}); !errors.Is(err, ErrOrders) {
			t.Errorf("%d orders: %v, want ErrOrders", n, err)
		}
	}
}

func TestRowsAreInOrderOfAllocation(t *testing.T) {
	d := Data{Stock: []warehouse.StockRow{
		{Bin: "B1", SKU: "X", Qty: 1},
		{Bin: "B0", SKU: "Y", Qty: 9},
		{Bin: "B3", SKU: "X", Lot: "L2", Expiry: "2030-01-01", Qty: 2},
		{Bin: "B2", SKU: "X", Lot: "L2", Expiry: "2030-01-01", Qty: 3},
		{Bin: "B9", SKU: "X", Lot: "L1", Expiry: "2029-12-31", Qty: 4},
		{Bin: "B0", SKU: "X", Qty: 5},
	}}
	var got []int64
	for _, r := range d.Rows("X") {
		got = append(got, r.Qty)
	}
	if d := cmp.Diff([]int64{4, 3, 2, 5, 1}, got); d != "" {
		t.Errorf("first expired, then bin (-want +got):\n%s", d)
	}
}
