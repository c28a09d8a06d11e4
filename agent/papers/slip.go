package papers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tote/warehouse"
)

// The packing slip lies in the parcel, so what stands on it depends on who opens
// it. A consumer is told what to do to send goods back; a business and a
// logistics provider find their own name for themselves; a carrier's hub opens
// nothing and is told of parcels only. Prices stand on no slip: the site has none.

// Slip is the packing slip of an order: what is in its parcels. By the SSCC of one
// of several parcels it is the slip of that one.
func Slip(r warehouse.Reader, order string) (*Paper, error) {
	o, err := warehouse.GetOrder(r, order)
	if err == nil && o == nil {
		return slipOfParcel(r, order)
	}
	if err != nil || o == nil {
		return nil, errors.Join(err, missing(o))
	}
	p := slipTo(order, o)
	if o.Spec.Party == warehouse.PartyHub {
		p.add("To be sent on unopened", fmt.Sprintf("parcels: %d", len(o.Parcels)))
	} else if err := p.contents(r, o); err != nil {
		return nil, err
	}
	site, err := warehouse.GetSite(r)
	if err != nil {
		return nil, err
	}
	if site != nil {
		if g := site.GuideFor(&o.Spec); g != nil && g.Pallet != "" {
			p.rule()
			p.add("Pallets for "+g.Name+": "+g.Pallet, "")
		}
	}
	p.rule()
	for i := range o.Parcels {
		if c := &o.Parcels[i]; c.No > 0 {
			p.add(fmt.Sprintf("Parcel %d of %d", c.No, len(o.Parcels)), "")
		}
		p.parcel(&o.Parcels[i])
	}
	p.returns(o)
	return p, nil
}

// slipOfParcel is the packing slip of one of several parcels. How many there are
// is known when all of the order is packed.
func slipOfParcel(r warehouse.Reader, sscc string) (*Paper, error) {
	lu, err := warehouse.GetLU(r, sscc)
	if err != nil || lu == nil || lu.Order == "" {
		return nil, errors.Join(err, ErrNone)
	}
	o, err := warehouse.GetOrder(r, lu.Order)
	if err != nil || o == nil {
		return nil, errors.Join(err, missing(o))
	}
	at := slices.IndexFunc(o.Parcels, func(c warehouse.Parcel) bool { return c.SSCC == sscc && c.No > 0 })
	if at < 0 {
		return nil, ErrNone
	}
	c := &o.Parcels[at]
	p := slipTo(sscc, o)
	parcel := fmt.Sprintf("Parcel %d", c.No)
	if o.Tote == "" {
		parcel += fmt.Sprintf(" of %d", len(o.Parcels))
	}
	p.add(parcel, "")
	if o.Spec.Party == warehouse.PartyHub {
		p.add("To be sent on unopened", "")
	} else if err := p.contentsOf(r, c); err != nil {
		return nil, err
	}
	p.rule()
	p.parcel(c)
	p.returns(o)
	return p, nil
}

// slipTo begins a slip: whose it is, and what it calls itself.
func slipTo(ref string, o *warehouse.Order) *Paper {
	p := &Paper{Kind: warehouse.DocSlip, Ref: ref, Title: "PACKING SLIP " + o.Spec.ID}
	a := o.Spec.ShipTo
	for _, s := range []string{a.Name, a.Street, a.Postcode + " " + a.City, a.Country} {
		p.add(s, "")
	}
	party := o.Spec.Party
	if o.Spec.Customer != "" && (party == warehouse.PartyBusiness || party == warehouse.Party3PL) {
		p.add("Your reference "+o.Spec.Customer, "")
	}
	p.rule()
	return p
}

func (p *Paper) parcel(c *warehouse.Parcel) {
	p.add("SSCC "+c.SSCC, kilograms(c.WeightMg)+" kg")
	p.add("     "+strings.TrimSpace(c.Carrier+" "+c.Service)+" "+c.Tracking, "")
}

// returns tells a consumer how to send goods back.
func (p *Paper) returns(o *warehouse.Order) {
	if o.Spec.Party != warehouse.PartyConsumer {
		return
	}
	p.rule()
	p.add("Returns: put this slip into the parcel with the goods.", "")
	p.add("It tells us the order, so you need no other paper.", "")
}

// contentsOf lists what is in one parcel.
func (p *Paper) contentsOf(r warehouse.Reader, c *warehouse.Parcel) error {
	for _, g := range c.Lines {
		name, err := nameOf(r, g.SKU)
		if err != nil {
			return err
		}
		p.add(fmt.Sprintf("%d  %s  %s", g.Line, g.SKU, name), fmt.Sprint(g.Qty))
		if g.Lot != "" {
			p.add("    "+lot(g.Lot, g.Expiry), "")
		}
		if g.Serial != "" {
			p.add("    serial "+g.Serial, "")
		}
	}
	return nil
}

// contents lists what is in the parcels.
func (p *Paper) contents(r warehouse.Reader, o *warehouse.Order) error {
	for _, l := range o.Lines {
		name, err := nameOf(r, l.SKU)
		if err != nil {
			return err
		}
		p.add(fmt.Sprintf("%d  %s  %s", l.Line, l.SKU, name), fmt.Sprintf("%d of %d", l.Picked, l.Qty))
		for _, q := range l.Lots {
			if q.Lot != "" {
				p.add("    "+lot(q.Lot, q.Expiry), fmt.Sprint(q.Qty))
			}
		}
	}
	return nil
}
