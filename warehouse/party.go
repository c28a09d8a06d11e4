package warehouse

import (
	"slices"
	"strconv"
)

// Who an order goes to, and what it is called elsewhere.
//
// The party says what kind of place the parcel goes to; papers and labels are
// made for it, and nothing else of the work depends on it. Customer and refs are
// names that others gave (the customer, a campaign, a purchase order): opaque
// here, bounded, never looked into, and told unchanged when the order ships,
// with the times that whoever writes to the customer afterwards needs. An order
// that names none of them is told as before.
//
// A gateway of before level 4 does not know these fields, so a release that has
// one is another version of its command.

// Parties.
const (
	PartyConsumer = "consumer" // who uses the goods
	PartyBusiness = "business"
	Party3PL      = "3pl" // a logistics provider that stores or sends them on
	PartyHub      = "hub" // a carrier's: it sends the parcel on unopened
)

// parties lists them.
var parties = []string{PartyConsumer, PartyBusiness, Party3PL, PartyHub}

// Bounds of the names an order brings.
const (
	maxRefs     = 16
	maxRefBytes = 2048 // of all names and values
)

// Ref is one name of the order elsewhere.
type Ref struct {
	Name  string `cbor:"1,keyasint" json:"name"`
	Value string `cbor:"2,keyasint" json:"value"`
}

// OrderTimes are milliseconds since 1970 UTC; 0 = not known.
type OrderTimes struct {
	PlacedAt   int64 `cbor:"1,keyasint,omitempty" json:"placedAt,omitempty"`
	ReleasedAt int64 `cbor:"2,keyasint,omitempty" json:"releasedAt,omitempty"`
	ShipBy     int64 `cbor:"3,keyasint,omitempty" json:"shipBy,omitempty"`
	ShippedAt  int64 `cbor:"4,keyasint,omitempty" json:"shippedAt,omitempty"`
}

// Named tells whether the order brings one of the fields of this file.
func (s *OrderSpec) Named() bool { return s.Party != "" || s.Customer != "" || len(s.Refs) > 0 }

// Later tells that it says what gateways of before level 4 do not know.
func (s *OrderSpec) Later() bool { return s.Named() || s.Together || s.Commercial != "" }

func (r ReleaseOrder) version() uint16 { return specVersion(&r.Order) }

func (e EnterOrder) version() uint16 { return specVersion(&e.Order) }

func specVersion(s *OrderSpec) uint16 {
	if s.Later() {
		return 2
	}
	return 1
}

// checkNamed names the first field that is wrong, "" when all is well.
func checkNamed(s OrderSpec) string {
	switch {
	case s.Party != "" && !slices.Contains(parties, s.Party):
		return `party: "", "consumer", "business", "3pl" or "hub"`
	case s.Customer != "" && !validText(s.Customer, maxText):
		return "customer: at most 200 bytes of text"
	case len(s.Refs) > maxRefs:
		return "refs: at most " + strconv.Itoa(maxRefs)
	}
	bytes := 0
	for i, r := range s.Refs {
		switch {
		case !validText(r.Name, maxID) || r.Value != "" && !validText(r.Value, maxText):
			return "ref: a name of 1 to 64 bytes, a value of at most 200"
		case slices.ContainsFunc(s.Refs[:i], func(o Ref) bool { return o.Name == r.Name }):
			return "ref " + r.Name + " is listed twice"
		}
		bytes += len(r.Name) + len(r.Value)
	}
	if bytes > maxRefBytes {
		return "refs: at most " + strconv.Itoa(maxRefBytes) + " bytes in all"
	}
	return ""
}

// tellNamed adds to the news of a shipment what the order brought.
func tellNamed(o *Order, d *EventData) {
	if !o.Spec.Named() {
		return
	}
	d.Party, d.Customer, d.Refs = o.Spec.Party, o.Spec.Customer, o.Spec.Refs
	d.Times = &OrderTimes{PlacedAt: o.Spec.PlacedAt, ReleasedAt: o.ReleasedAt, ShipBy: o.Spec.ShipBy, ShippedAt: o.ShippedAt}
}
