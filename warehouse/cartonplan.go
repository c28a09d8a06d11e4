package warehouse

import (
	"cmp"
	"slices"
)

// The plan of an order that goes into no carton of the site: several of them.
//
// A site says with Site.MaxParcels into how many parcels it lets an order be
// planned; with 0 or 1 such an order is parked, as one with a single piece that
// goes nowhere is. The plan is simple and the same for everybody: as long as the
// rest goes into no carton, the one with the most volume is filled, largest
// pieces first, each where it goes; the last carton is the smallest that takes
// what is left. It is made anew for every carton from what is in the tote, so
// that a packer who did otherwise gets a plan of what is left.

// planned is a carton with what shall go into it.
type planned struct {
	carton *Carton
	goods  []ParcelLine
}

// piece is one kind of piece that is to be packed.
type piece struct {
	of sides
	mg int64
	l  ParcelLine
}

// planStation plans the next carton of goods that do not go into one; nil goods
// when there is no plan.
func (c *change) planStation(site *Site, o *Order, st *StationState, goods []ParcelLine) ([]ParcelLine, error) {
	plan, err := c.planCartons(site, goods, site.MaxParcels-len(o.Parcels))
	if err != nil || len(plan) == 0 || !o.partsFit(goods, nil) {
		return nil, err
	}
	first := plan[0]
	st.No, st.Of = o.freeNo(), len(o.Parcels)+len(plan)
	st.Carton, st.More = first.carton.Code, len(plan) > 1
	return first.goods, nil
}

// planCartons plans cartons for goods, at most some; none when that does not do.
func (c *change) planCartons(site *Site, goods []ParcelLine, most int) (plan []planned, err error) {
	if most < 2 {
		return nil, nil
	}
	pieces := make([]piece, len(goods))
	for i, g := range goods {
		it, err := must2(GetItem(c, g.SKU))("item", g.SKU)
		if err != nil {
			return nil, err
		}
		mg, err := c.unitMg(site, it)
		if err != nil {
			return nil, err
		}
		pieces[i] = piece{sides{it.LengthMm, it.WidthMm, it.HeightMm}, mg, g}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(b.of.volume(), a.of.volume()) })
	byVolume := make([]*Carton, len(site.Cartons))
	for i := range site.Cartons {
		byVolume[i] = &site.Cartons[i]
	}
	slices.SortStableFunc(byVolume, func(a, b *Carton) int { return cmp.Compare(b.inner().volume(), a.inner().volume()) })
	for len(pieces) > 0 {
		if len(plan) == most {
			return nil, nil
		}
		next := planned{}
		if at := slices.IndexFunc(byVolume, func(ct *Carton) bool { return takesAll(ct, pieces) }); at >= 0 {
			for _, ct := range byVolume[at:] { // the smallest that does
				if takesAll(ct, pieces) {
					next = planned{ct, linesOf(pieces)}
				}
			}
			return append(plan, next), nil
		}
		for _, ct := range byVolume {
			if in := fillCarton(ct, pieces); len(in) > 0 {
				next = planned{ct, in}
				break
			}
		}
		if next.carton == nil {
			return nil, nil
		}
		plan = append(plan, next)
		pieces = slices.DeleteFunc(pieces, func(p piece) bool { return len(without([]ParcelLine{p.l}, next.goods)) == 0 })
		for i, p := range pieces {
			pieces[i].l = without([]ParcelLine{p.l}, next.goods)[0]
		}
	}
	return plan, nil
}

func linesOf(pieces []piece) (goods []ParcelLine) {
	for _, p := range pieces {
		goods = append(goods, p.l)
	}
	return goods
}

// takesAll tells whether all pieces go into a carton.
func takesAll(ct *Carton, pieces []piece) bool {
	piles, mg := make([]pile, len(pieces)), ct.TareMg
	for i, p := range pieces {
		piles[i], mg = pile{p.of, p.l.Qty}, mg+p.mg*p.l.Qty
	}
	return (ct.MaxMg == 0 || mg <= ct.MaxMg) && goesIn(ct.inner(), piles)
}

// fillCarton puts as many pieces into a carton as go, the first ones first.
func fillCarton(ct *Carton, pieces []piece) (goods []ParcelLine) {
	box, mg, room, n := ct.inner(), ct.TareMg, ct.inner().volume(), int64(0)
	lay := newLayout(box)
	for _, p := range pieces {
		took := p.l
		took.Qty = 0
		for took.Qty < p.l.Qty {
			if p.of.volume() > room || !fitsAlone(box, p.of) || ct.MaxMg > 0 && mg+p.mg > ct.MaxMg {
				break
			}
			if n < maxPieces && !lay.put(p.of) {
				break
			}
			// Of many only the volume counts, and part stays empty.
			if n >= maxPieces && box.volume()-room+p.of.volume() > box.volume()/1000*fillPermil {
				break
			}
			took.Qty, mg, room, n = took.Qty+1, mg+p.mg, room-p.of.volume(), n+1
		}
		if took.Qty > 0 {
			goods = append(goods, took)
		}
	}
	return goods
}

// partsFit tells whether the record of an order can hold one more parcel with
// some goods, and the rest in others.
func (o *Order) partsFit(goods, left []ParcelLine) bool {
	size := sizeOf(o)
	count := func(ls []ParcelLine) {
		for _, l := range ls {
			size += len(l.SKU) + len(l.Lot) + len(l.Serial) + len(l.Expiry) + 16
		}
	}
	for _, p := range o.Parcels {
		size += 200
		count(p.Lines)
	}
	size += 2 * 200
	count(goods)
	count(left)
	return size <= grownRecord
}
