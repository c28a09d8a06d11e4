package warehouse

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Finding stock: which positions an item is taken from. Only sellable goods of
// the order's own owner count, in bins, in no suspect bin, with enough life
// left. The item's policy says which of them go first:
//
//	""       first expired first out, then bins by name
//	fifo     first received first; goods keep their date when they are moved
//	closest  the shortest way from the depot first
//	touches  as few picks as there can be, of the smallest position that will do
//
// First-expired reads the index until it has enough. The others have to compare
// and look at the first mostSpots positions of that index, no more.

// mostSpots bounds how many positions of an item one search compares.
const mostSpots = 2000

// demand is an item of one owner: what an order waits for.
type demand struct{ sku, owner string }

// row is the demand as a component of a key. No id holds a slash.
func (d demand) row() string {
	if d.owner == "" {
		return d.sku
	}
	return d.sku + "/" + d.owner
}

func demandOf(row string) demand {
	sku, owner, _ := strings.Cut(row, "/")
	return demand{sku, owner}
}

// take is a part of one position's stock.
type take struct {
	bin, lot, expiry string
	qty              int64
	serial           string
}

// spot is a position with free stock.
type spot struct {
	take        // with all that is free
	first int64 // when it came in
}

// usable is the one rule of when goods may still be given to a customer: while
// their expiry day lies behind the given day. No date means no end.
func usable(expiry, day string) bool { return expiry == "" || expiry > day }

// usable asks for an item: a lot must outlive today by its minimum of days.
func (c *change) usable(it *Item, expiry string) bool { return usable(expiry, c.dayFor(it)) }

// dayFor is the day that the lots of an item have to outlive.
func (c *change) dayFor(it *Item) string {
	if c.day == "" || c.dayIn != it.MinDays {
		c.day, c.dayIn = time.UnixMilli(c.meta.Now).UTC().AddDate(0, 0, it.MinDays).Format(time.DateOnly), it.MinDays
	}
	return c.day
}

// plan finds need units of an item by its policy, leaving out what is in held
// already. It returns what it found and how much is missing.
func (c *change) plan(d demand, need int64, held []take) (takes []take, missing int64, err error) {
	it, err := must2(GetItem(c, d.sku))("item", d.sku)
	if err != nil {
		return nil, need, err
	}
	give := func(s spot) {
		if q := min(s.qty, need); q > 0 {
			s.qty = q
			takes = append(takes, s.take)
			need -= q
		}
	}
	if it.Policy == PolicyFEFO {
		err = c.spots(it, d.owner, held, func(s spot) (bool, error) {
			give(s)
			return need > 0, nil
		})
		return takes, need, err
	}
	var all []spot
	err = c.spots(it, d.owner, held, func(s spot) (bool, error) {
		all = append(all, s)
		return len(all) < mostSpots, nil
	})
	if err != nil {
		return nil, need, err
	}
	if it.Policy == PolicyTouches {
		for need > 0 && len(all) > 0 {
			i := fewest(all, need)
			give(all[i])
			all = slices.Delete(all, i, i+1)
		}
		return takes, need, nil
	}
	if err := c.rank(it.Policy, all); err != nil {
		return nil, need, err
	}
	for _, s := range all {
		give(s)
	}
	return takes, need, nil
}

// rank sorts positions by first receipt or by the way from the depot. What is
// equal stays first-expired-first.
func (c *change) rank(policy string, all []spot) error {
	by := make([]int64, len(all))
	for i, s := range all {
		by[i] = s.first
		if policy != PolicyClosest {
			continue
		}
		site, err := c.theSite()
		if err != nil {
			return err
		}
		bin, err := must2(GetBin(c, s.bin))("bin", s.bin)
		if err != nil {
			return err
		}
		by[i] = wayTo(site.Layout, bin)
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(by[a], by[b]) })
	sorted := make([]spot, len(all))
	for i, at := range order {
		sorted[i] = all[at]
	}
	copy(all, sorted)
	return nil
}

// wayTo is the way from the depot to a bin: along the front cross aisle, then
// into the aisle.
func wayTo(l Layout, b *Bin) int64 {
	return int64(max(b.Aisle-l.DepotAisle, l.DepotAisle-b.Aisle))*l.PitchMm + l.EndMm + int64(b.Cell)*l.CellMm
}

// fewest is the position to take next when picks shall be few: the smallest that
// holds all of it, else the biggest. The first of equals is the first expired.
func fewest(all []spot, need int64) int {
	best := 0
	for i, s := range all {
		b := all[best].qty
		switch {
		case s.qty >= need && (b < need || s.qty < b), s.qty < need && b < need && s.qty > b:
			best = i
		}
	}
	return best
}

// spots calls fn for each position of an item with free stock of an owner that
// may be given to a customer, first expired first, until it returns false.
func (c *change) spots(it *Item, owner string, held []take, fn func(spot) (bool, error)) error {
	day := c.dayFor(it)
	prefix, parts, at := under(kFEFO, it.SKU), 5, 2
	if owner != "" || it.Serials {
		prefix, parts, at = under(kFEFX, it.SKU, owner), 7, 3
	}
	return c.Range(prefix, func(k, _ []byte) (bool, error) {
		p := strings.Split(string(k), string(rune(sep)))
		if len(p) != parts {
			return false, fmt.Errorf("%w: key of free stock %q", ErrCorrupt, k)
		}
		s := spot{take: take{expiry: p[at], bin: p[at+1], lot: p[at+2]}}
		if parts == 7 {
			s.serial = p[6]
		}
		if s.expiry == noExpiry {
			s.expiry = ""
		}
		if !usable(s.expiry, day) {
			return true, nil
		}
		if bad, err := isSuspect(c, s.bin, it.SKU); err != nil || bad {
			return true, err
		}
		row, err := load[stockRow](c, stockRowKey(BinPlace(s.bin), stockKey{it.SKU, s.lot, s.serial, owner, StatusSellable}))
		if _, err := must(row, err, "stock of", it.SKU+" in "+s.bin); err != nil {
			return false, err
		}
		s.qty, s.first = row.Qty-row.Reserved, row.First
		for _, h := range held {
			if h.bin == s.bin && h.lot == s.lot && h.serial == s.serial {
				s.qty -= h.qty
			}
		}
		if s.qty < 1 {
			return true, nil
		}
		return fn(s)
	})
}

// firstReceipt is the date that goods bring into a bin, 0 when none is kept: the
// one they had where they come from, or now when they come from outside. A pick
// keeps none: it asks for no item.
func (c *change) firstReceipt(from, to string, s stockKey) (int64, error) {
	if isVirtual(to) || from == PlaceReclass || strings.HasPrefix(from, placeBin) && !strings.HasPrefix(to, placeBin) {
		return 0, nil
	}
	it, err := GetItem(c, s.sku)
	if err != nil || it == nil || it.Policy != PolicyFIFO {
		return 0, err
	}
	if isVirtual(from) {
		return c.meta.Now, nil
	}
	row, err := load[stockRow](c, stockRowKey(from, s))
	if err != nil || row == nil {
		return 0, err
	}
	return row.First, nil
}

// setFirst notes the date of qty units that just came into a place. Goods that
// meet others there take the older date, for they cannot be told apart.
func (c *change) setFirst(place string, s stockKey, qty, first int64) error {
	k := stockRowKey(place, s)
	row, err := must2(load[stockRow](c, k))("stock in", place)
	if err != nil {
		return err
	}
	if row.Qty != qty && row.First <= first {
		return nil
	}
	row.First = first
	return save(c, k, row)
}
