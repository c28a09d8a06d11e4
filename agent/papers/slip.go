package papers

import (
	"errors"
	"fmt"
	"strings"

	"tote/warehouse"
)

// The packing slip lies in the parcel, so what stands on it depends on who opens
// it. A consumer is told what to do to send goods back; a business and a
// logistics provider find their own name for themselves; a carrier's hub opens
// nothing and is told of parcels only. Prices stand on no slip: the site has none.

// Slip is the packing slip of an order: what is in its parcels.
func Slip(r warehouse.Reader, order string) (*Paper, error) {
	o, err := warehouse.GetOrder(r, order)
	if err != nil || o == nil {
		return nil, errors.Join(err, missing(o))
	}
	p := &Paper{Kind: warehouse.DocSlip, Ref: order, Title: "PACKING SLIP " + order}
	a := o.Spec.ShipTo
	for _, s := range []string{a.Name, a.Street, a.Postcode + " " + a.City, a.Country} {
		p.add(s, "")
	}
	party := o.Spec.Party
	if o.Spec.Customer != "" && (party == warehouse.PartyBusiness || party == warehouse.Party3PL) {
		p.add("Your reference "+o.Spec.Customer, "")
	}
	p.rule()
	if party == warehouse.PartyHub {
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
	for _, c := range o.Parcels {
		p.add("SSCC "+c.SSCC, kilograms(c.WeightMg)+" kg")
		p.add("     "+strings.TrimSpace(c.Carrier+" "+c.Service)+" "+c.Tracking, "")
	}
	if party == warehouse.PartyConsumer {
		p.rule()
		p.add("Returns: put this slip into the parcel with the goods.", "")
		p.add("It tells us the order, so you need no other paper.", "")
	}
	return p, nil
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
