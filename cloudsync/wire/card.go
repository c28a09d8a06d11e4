package wire

import "strings"

// Card data. Neither a site nor the OMS has a use for the number of a payment
// card, so what looks like one is refused at every door before it is written
// anywhere, and is never repeated in the answer.

// CardNumber tells whether a text holds what looks like the number of a payment
// card: 15 to 19 digits, also in groups with spaces or dashes between, that begin
// as the numbers of card schemes do and have their check digit. Numbers of goods
// and parcels (GTIN, SSCC) begin otherwise or have another length or check digit.
func CardNumber(text string) bool {
	var run []byte // digits of the run that is read
	gap := 0
	for i := 0; i <= len(text); i++ {
		switch {
		case i < len(text) && text[i] >= '0' && text[i] <= '9':
			run, gap = append(run, text[i]-'0'), 0
			continue
		case i < len(text) && strings.IndexByte(" -", text[i]) >= 0 && len(run) > 0 && gap == 0:
			gap = 1
			continue
		}
		if cardDigits(run) {
			return true
		}
		run, gap = run[:0], 0
	}
	return false
}

// CardData names the first text of an order that looks like the number of a
// payment card, "" when there is none.
func (o *Order) CardData() string {
	texts := []struct{ name, value string }{
		{"shipTo.name", o.ShipTo.Name},
		{"shipTo.street", o.ShipTo.Street},
		{"shipTo.postcode", o.ShipTo.Postcode},
		{"shipTo.city", o.ShipTo.City},
		{"method", o.Method},
		{"channel", o.Channel},
		{"customer", o.Customer},
	}
	for _, r := range o.Refs {
		texts = append(texts, struct{ name, value string }{"refs", r.Name}, struct{ name, value string }{"refs", r.Value})
	}
	for _, t := range texts {
		if CardNumber(t.value) {
			return t.name
		}
	}
	return ""
}

// cardDigits is CardNumber for one run of digits.
func cardDigits(d []byte) bool {
	if len(d) < 15 || len(d) > 19 {
		return false
	}
	two, four := int(d[0])*10+int(d[1]), int(d[0])*1000+int(d[1])*100+int(d[2])*10+int(d[3])
	switch { // the length that the scheme has
	case two == 34 || two == 37:
		if len(d) != 15 {
			return false
		}
	case d[0] == 4, two >= 51 && two <= 55, four >= 2221 && four <= 2720, four == 6011, two == 65, four >= 3528 && four <= 3589:
		if len(d) != 16 && len(d) != 19 {
			return false
		}
	default:
		return false
	}
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i])
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
