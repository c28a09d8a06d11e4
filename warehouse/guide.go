package warehouse

import "slices"

// Routing guides: what a customer asks of every parcel it gets.
//
// A guide belongs to an order by its channel or by the name it ships to; the
// first one that fits holds. It narrows the choice of the carrier, bounds the
// weight of a parcel, names the format of the label and says how pallets are
// built. A label in a format the site cannot draw has to come as a document.

const maxGuides = 100

// FormatGS1 is the label the site draws itself: the GS1 logistic label.
const FormatGS1 = "gs1"

// Guide is the routing guide of a customer.
type Guide struct {
	Name     string   `cbor:"1,keyasint" json:"name"`
	Channels []string `cbor:"2,keyasint,omitempty" json:"channels,omitempty"` // orders of these
	ShipTo   []string `cbor:"3,keyasint,omitempty" json:"shipTo,omitempty"`   // and to these names
	Carriers []string `cbor:"4,keyasint,omitempty" json:"carriers,omitempty"` // none = any
	MaxMg    int64    `cbor:"5,keyasint,omitempty" json:"maxMg,omitempty"`    // of a parcel; 0 = no limit
	Format   string   `cbor:"6,keyasint,omitempty" json:"format,omitempty"`   // of the label; "" = FormatGS1
	Pallet   string   `cbor:"7,keyasint,omitempty" json:"pallet,omitempty"`   // how pallets are built, for people
}

// GuideFor is the guide of an order, nil when there is none.
func (s *Site) GuideFor(spec *OrderSpec) *Guide {
	at := slices.IndexFunc(s.Guides, func(g Guide) bool {
		return spec.Channel != "" && slices.Contains(g.Channels, spec.Channel) || slices.Contains(g.ShipTo, spec.ShipTo.Name)
	})
	if at < 0 {
		return nil
	}
	return &s.Guides[at]
}

// against is why a guide forbids a carrier for a parcel, "" when it does not.
func (g *Guide) against(carrier string, mg int64) string {
	switch {
	case g == nil:
	case len(g.Carriers) > 0 && !slices.Contains(g.Carriers, carrier):
		return "not in the guide of " + g.Name
	case g.MaxMg > 0 && mg > g.MaxMg:
		return "too heavy for " + g.Name
	}
	return ""
}

// format is the label format a guide asks for, "" for the site's own.
func (g *Guide) format() string {
	if g == nil || g.Format == FormatGS1 {
		return ""
	}
	return g.Format
}

func checkGuides(s Site) string {
	if len(s.Guides) > maxGuides {
		return "more than 100 guides"
	}
	if len(s.Guides) > 0 && !s.byService() {
		return "guides need services"
	}
	for i, g := range s.Guides {
		bad := func(list []string, good func(string) bool) bool {
			return len(list) > maxNamed || slices.ContainsFunc(list, func(x string) bool { return !good(x) })
		}
		switch {
		case !validText(g.Name, maxID) || slices.ContainsFunc(s.Guides[:i], func(o Guide) bool { return o.Name == g.Name }):
			return "guide: a name, each once"
		case len(g.Channels)+len(g.ShipTo) == 0:
			return "guide " + g.Name + ": channels or shipTo"
		case bad(g.Channels, func(x string) bool { return validText(x, maxID) }):
			return "guide " + g.Name + ": channels"
		case bad(g.ShipTo, func(x string) bool { return validText(x, maxText) }):
			return "guide " + g.Name + ": shipTo"
		case bad(g.Carriers, func(x string) bool { return s.carrierOf(x) != nil }):
			return "guide " + g.Name + ": carriers of the site"
		case g.MaxMg < 0 || g.MaxMg > maxWeightMg:
			return "guide " + g.Name + ": maxMg"
		case g.Format != "" && !validID(g.Format):
			return "guide " + g.Name + ": format"
		case g.Pallet != "" && !validText(g.Pallet, maxText):
			return "guide " + g.Name + ": pallet"
		}
	}
	return ""
}
