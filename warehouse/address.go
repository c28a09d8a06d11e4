package warehouse

import "slices"

// Addresses: what can be checked of a ship-to before anybody packs for it. A new
// order with a bad one is parked (ADDRESS) until the OMS sends a better one or a
// person says that it is right; a revision with a bad one is refused.

// CountryRule says what an address in a country must look like.
type CountryRule struct {
	Country string `cbor:"1,keyasint" json:"country"` // ISO 3166 alpha-2
	// Postcodes are patterns: 9 is a digit, A a letter, anything else is
	// itself. One must fit as a whole; none = any postcode.
	Postcodes []string `cbor:"2,keyasint,omitempty" json:"postcodes,omitempty"`
}

const (
	maxCountries = 250
	maxPatterns  = 16
	maxPattern   = 16
)

// checkCountries names the first rule that is wrong, "" when all is well.
func checkCountries(rules []CountryRule) string {
	if len(rules) > maxCountries {
		return "more than 250 countries"
	}
	for i, r := range rules {
		switch {
		case !validCountry(r.Country):
			return "countries: two capital letters"
		case slices.ContainsFunc(rules[:i], func(o CountryRule) bool { return o.Country == r.Country }):
			return "country " + r.Country + " is listed twice"
		case len(r.Postcodes) > maxPatterns:
			return "country " + r.Country + ": more than 16 patterns"
		case slices.ContainsFunc(r.Postcodes, func(p string) bool { return !validText(p, maxPattern) }):
			return "country " + r.Country + ": a pattern has 1 to 16 characters"
		}
	}
	return ""
}

// fitsPattern compares a postcode with a pattern, byte by byte.
func fitsPattern(pattern, postcode string) bool {
	if len(pattern) != len(postcode) {
		return false
	}
	for i := range len(pattern) {
		c := postcode[i]
		switch pattern[i] {
		case '9':
			if c < '0' || c > '9' {
				return false
			}
		case 'A':
			if c < 'A' || c > 'Z' {
				return false
			}
		default:
			if c != pattern[i] {
				return false
			}
		}
	}
	return true
}

// badAddress says what is wrong with an address, "" when nothing is known to be.
func badAddress(site *Site, a Address) string {
	for _, r := range site.Countries {
		if r.Country != a.Country || len(r.Postcodes) == 0 {
			continue
		}
		if !slices.ContainsFunc(r.Postcodes, func(p string) bool { return fitsPattern(p, a.Postcode) }) {
			return cleanText("postcode " + a.Postcode + " is none of " + r.Country)
		}
	}
	return ""
}

// parkAddress parks an order whose address is bad. The order is not saved.
func (c *change) parkAddress(o *Order) error {
	site, err := c.theSite()
	if err != nil {
		return err
	}
	why := badAddress(site, o.Spec.ShipTo)
	if why == "" {
		return nil
	}
	return c.openFallout(o, Fallout{Code: FalloutAddress, Detail: why})
}

func isAddress(f *Fallout) bool { return f.Code == FalloutAddress }
