package warehouse

import (
	"bytes"
	"slices"
)

// What a site offers: how many orders it has and can take, its lanes and cut-offs,
// and which carriers take parcels for which methods and countries. Told in the
// rounds of the stock levels (atp.go) where Site.Offers is set, and only when it
// is not what was told last, so the OMS can route on it and hears of a day with
// thousands of orders a few times a minute. A carrier that goes down or up and a
// change of the rules bring a round about.
//
// A gateway of before level 4 does not know the fields of the site's rules, so
// rules that have them are a later version of PutSite.

// Bounds of what is told of carriers: lists that are longer are told as "any",
// the site decides in the end.
const (
	maxOfferNames = 20
	maxOfferBytes = 8 << 10
)

type (
	// SiteOffers is what a site can take on.
	SiteOffers struct {
		Open     int64            `cbor:"1,keyasint" json:"open"`                              // orders that are not gone
		MaxOpen  int64            `cbor:"2,keyasint,omitempty" json:"maxOpen,omitempty"`       // beyond these it refuses; 0 = no limit
		PerHour  int64            `cbor:"3,keyasint,omitempty" json:"ordersPerHour,omitempty"` // it can do; 0 = nobody said
		Lanes    []string         `cbor:"4,keyasint,omitempty" json:"lanes,omitempty"`
		CutOffs  []Pickup         `cbor:"5,keyasint,omitempty" json:"cutOffs,omitempty"`
		Carriers []OfferedCarrier `cbor:"6,keyasint,omitempty" json:"carriers,omitempty"`
	}
	// OfferedCarrier is a carrier and what it serves; no methods or countries =
	// any.
	OfferedCarrier struct {
		Code      string   `cbor:"1,keyasint" json:"code"`
		Up        bool     `cbor:"2,keyasint,omitempty" json:"up,omitempty"` // it takes parcels
		Methods   []string `cbor:"3,keyasint,omitempty" json:"methods,omitempty"`
		Countries []string `cbor:"4,keyasint,omitempty" json:"countries,omitempty"`
	}
)

func checkOffers(s Site) string {
	switch {
	case s.OrdersPerHour < 0 || s.OrdersPerHour > maxStockQty:
		return "ordersPerHour"
	case s.Offers && s.ATPEveryMs == 0:
		return "offers need atpEveryMs"
	}
	return ""
}

// offersChanged brings a round about.
func (c *change) offersChanged() error {
	site, err := c.theSite()
	if err != nil || !site.Offers {
		return err
	}
	h, err := c.atpHead()
	if err != nil || h.Due != 0 {
		return err
	}
	return c.dueATP(h, max(c.meta.Now, h.Last+site.ATPEveryMs))
}

// tellOffers tells what the site offers, unless it was told so last.
func (c *change) tellOffers() error {
	site, err := c.theSite()
	if err != nil || !site.Offers {
		return err
	}
	now, err := c.offers(site)
	if err != nil {
		return err
	}
	b, err := marshal(now)
	if err != nil {
		return err
	}
	k := key(kATPHead, "offers")
	old, err := c.Get(k)
	if err != nil || bytes.Equal(old, b) {
		return err
	}
	if err := c.Set(k, b); err != nil {
		return err
	}
	return c.emit(EvSiteOffers, "", EventData{Offers: now})
}

func (c *change) offers(site *Site) (*SiteOffers, error) {
	open, err := c.openOrders()
	if err != nil {
		return nil, err
	}
	o := &SiteOffers{Open: open, PerHour: site.OrdersPerHour}
	if r := site.Intake; r != nil {
		o.MaxOpen, o.CutOffs = r.MaxOpen, r.Pickups
	}
	for _, l := range site.Lanes {
		o.Lanes = append(o.Lanes, l.ID)
	}
	room := maxOfferBytes
	for i := range site.Carriers {
		out, err := GetCarrierOut(c, site.Carriers[i].Code)
		if err != nil {
			return nil, err
		}
		oc := site.offered(&site.Carriers[i], &room)
		oc.Up = out == nil
		o.Carriers = append(o.Carriers, oc)
	}
	return o, nil
}

// offered is what a carrier serves by the site's table, or by itself where there
// is none.
func (s *Site) offered(ca *Carrier, room *int) OfferedCarrier {
	o := OfferedCarrier{Code: ca.Code}
	if !s.byService() {
		if ca.Method != "" {
			o.Methods = []string{ca.Method}
		}
		return o
	}
	anyMethod, anyCountry := false, false
	for _, v := range s.Services {
		if v.Carrier == ca.Code {
			anyMethod, anyCountry = anyMethod || len(v.Methods) == 0, anyCountry || len(v.Countries) == 0
			o.Methods, o.Countries = append(o.Methods, v.Methods...), append(o.Countries, v.Countries...)
		}
	}
	o.Methods, o.Countries = few(o.Methods, anyMethod, room), few(o.Countries, anyCountry, room)
	return o
}

// few is a sorted list, each name once; none = any, also where it is too long.
func few(names []string, all bool, room *int) []string {
	slices.Sort(names)
	names = slices.Compact(names)
	size := 0
	for _, n := range names {
		size += len(n)
	}
	if all || len(names) > maxOfferNames || size > *room {
		return nil
	}
	*room -= size
	return names
}
