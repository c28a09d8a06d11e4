package gen

import (
	"slices"
)

// Physical is what is true on the floor, whatever the books say.
type Physical struct {
	Data
	// Shelves is what stands where: bin → SKU → lot ("" = none) → units.
	Shelves map[string]map[string]map[string]int64
	// Empty are the bins that are booked and hold nothing, sorted.
	Empty []string
	// Extra names per order the SKU of which one unit too many goes into
	// the tote.
	Extra map[string]string
	// Expect is the end of every order.
	Expect map[string]Expect
	// Pending are the orders whose payment is settled only during the
	// shift, in file order.
	Pending []string
}

// World reads the files in dir and derives from them, by the column expect,
// what is physically there.
func World(dir string) (*Physical, error) {
	d, err := Read(dir)
	if err != nil {
		return nil, err
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	p := &Physical{
		Data:    *d,
		Shelves: map[string]map[string]map[string]int64{},
		Extra:   map[string]string{},
		Expect:  map[string]Expect{},
	}
	for _, o := range d.Orders {
		p.Expect[o.ID] = o.Expect
		if o.Payment == PaymentPending {
			p.Pending = append(p.Pending, o.ID)
		}
		switch o.Expect {
		case ExpectWeight:
			p.Extra[o.ID] = o.Lines[0].SKU
		case ExpectEmptyBin:
			p.Empty = append(p.Empty, d.Rows(o.Lines[0].SKU)[0].Bin)
		}
	}
	slices.Sort(p.Empty)
	p.Empty = slices.Compact(p.Empty)
	for _, r := range d.Stock {
		if slices.Contains(p.Empty, r.Bin) {
			continue
		}
		if p.Shelves[r.Bin] == nil {
			p.Shelves[r.Bin] = map[string]map[string]int64{}
		}
		if p.Shelves[r.Bin][r.SKU] == nil {
			p.Shelves[r.Bin][r.SKU] = map[string]int64{}
		}
		p.Shelves[r.Bin][r.SKU][r.Lot] += r.Qty
	}
	return p, nil
}
