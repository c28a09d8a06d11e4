package gen

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"tote/warehouse"
)

// Expect is the end an order must come to.
type Expect string

// The ends. Every other order ships without incident.
const (
	// ExpectShip: the order ships.
	ExpectShip Expect = ""
	// ExpectShort: the order asks for more of an item than the site holds;
	// fallout OUT_OF_STOCK, never shipped.
	ExpectShort Expect = "SHORT"
	// ExpectWeight: the picker puts one unit too many of line 1 into the
	// tote; fallout WEIGHT_MISMATCH, never shipped.
	ExpectWeight Expect = "WEIGHT"
	// ExpectEmptyBin: the bin booked first for line 1 is physically empty.
	// The picker reports it, the line is allocated again, the order ships.
	ExpectEmptyBin Expect = "EMPTYBIN"
)

// Payment states of the orders file.
const (
	PaymentSettled = "settled"
	PaymentPending = "pending" // settled by the demo while it runs
)

// Order is one order of the orders file.
type Order struct {
	ID       string
	Lines    []warehouse.OrderLine
	ShipTo   warehouse.Address
	Method   string
	Priority int
	Channel  string
	Payment  string
	Expect   Expect
}

// Data is everything the files say.
type Data struct {
	Site    warehouse.Site
	Items   []warehouse.Item
	Bins    []warehouse.Bin
	Stock   []warehouse.StockRow
	Workers []warehouse.Worker
	Orders  []Order
}

// ErrExpect: an order expects an end it cannot come to, so that the shift would
// fail through no fault of the system.
var ErrExpect = errors.New("gen: the orders file expects what cannot happen")

// noExpiry sorts goods without a date behind all others.
const noExpiry = "9999-12-31"

// Item is the item of a SKU; nil = unknown.
func (d *Data) Item(sku string) *warehouse.Item {
	for i := range d.Items {
		if d.Items[i].SKU == sku {
			return &d.Items[i]
		}
	}
	return nil
}

// Rows are the stock rows of a SKU in the order in which they are allocated:
// first expired first out, then by bin, then by lot.
func (d *Data) Rows(sku string) []warehouse.StockRow {
	var rows []warehouse.StockRow
	for _, r := range d.Stock {
		if r.SKU == sku {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b warehouse.StockRow) int {
		return cmp.Or(
			cmp.Compare(cmp.Or(a.Expiry, noExpiry), cmp.Or(b.Expiry, noExpiry)),
			cmp.Compare(a.Bin, b.Bin), cmp.Compare(a.Lot, b.Lot))
	})
	return rows
}

// ExpectedMg is the weight of the closed carton in milligrams. 0 = an item of
// the order is unknown.
func (d *Data) ExpectedMg(o Order) int64 {
	mg := d.Site.CartonTareMg
	for _, l := range o.Lines {
		it := d.Item(l.SKU)
		if it == nil {
			return 0
		}
		mg += l.Qty * it.WeightMg
	}
	return mg
}

// ToleranceMg is how far from its expected weight a carton may be.
func (d *Data) ToleranceMg(expectedMg int64) int64 {
	return d.Site.ToleranceMg + expectedMg*d.Site.TolerancePermil/1000
}

// Check says whether the ends the orders expect can come about. It does not
// repeat the checks the system makes itself: a bad file must be able to reach
// it.
func (d *Data) Check() error {
	held, asked := map[string]int64{}, map[string]int64{}
	for _, r := range d.Stock {
		held[r.SKU] += r.Qty
	}
	for _, o := range d.Orders {
		for _, l := range o.Lines {
			asked[l.SKU] += l.Qty
		}
	}
	var errs []error
	bad := func(o Order, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: order %s, %s: %s", ErrExpect, o.ID, o.Expect, fmt.Sprintf(format, args...)))
	}
	for _, o := range d.Orders {
		first := o.Lines[0]
		switch o.Expect {
		case ExpectShip:
		case ExpectShort:
			if !slices.ContainsFunc(o.Lines, func(l warehouse.OrderLine) bool { return l.Qty > held[l.SKU] }) {
				bad(o, "the site holds enough of every line")
			}
		case ExpectWeight:
			expected := d.ExpectedMg(o)
			it := d.Item(first.SKU)
			if it == nil {
				bad(o, "unknown item %s", first.SKU)
			} else if it.WeightMg <= d.ToleranceMg(expected) {
				bad(o, "one more %s weighs %d mg, which is within the tolerance of %d mg", first.SKU, it.WeightMg, d.ToleranceMg(expected))
			}
			if held[first.SKU] <= asked[first.SKU] {
				bad(o, "no unit of %s is left over for the mistake", first.SKU)
			}
		case ExpectEmptyBin:
			rows := d.Rows(first.SKU)
			switch {
			case len(rows) < 2:
				bad(o, "%s stands in fewer than two bins", first.SKU)
			case rows[0].Qty < first.Qty:
				bad(o, "the first bin %s is booked with fewer than %d", rows[0].Bin, first.Qty)
			case held[first.SKU]-rows[0].Qty < asked[first.SKU]:
				bad(o, "without bin %s there is not enough %s", rows[0].Bin, first.SKU)
			}
		default:
			bad(o, "unknown; known are %s, %s and %s", ExpectShort, ExpectWeight, ExpectEmptyBin)
		}
	}
	return errors.Join(errs...)
}
