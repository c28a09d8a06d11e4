package printer

import (
	"errors"
	"fmt"
	"strings"
)

// The label: 4 by 6 inches at 203 dpi (8 dots a millimetre).
const (
	Width  = 812  // dots
	Height = 1218 // dots
	margin = 40
)

// The SSCC symbol. With ^BY4 the narrowest bar X is 4 dots = 0.5 mm, and the
// GS1-128 of (00)+18 digits is 156 X wide: 624 dots = 78 mm. That leaves 94
// dots on each side, more than the 10 X = 40 dots of quiet zone it needs.
const (
	moduleDots = 4
	symbolDots = 156 * moduleDots
	symbolX    = (Width - symbolDots) / 2
	symbolHigh = 264 // 33 mm; GS1 asks for 32 mm
	symbolY    = 868
)

// ErrLabel: the label's data cannot be printed.
var ErrLabel = errors.New("printer: impossible label")

// Label is what stands on the GS1 logistic label of one carton. The weight is
// in milligrams and shown in kilograms with three decimals.
type Label struct {
	From     []string // sender, up to 2 lines; may be empty
	ShipTo   Address
	Carrier  string
	Tracking string
	Order    string
	SSCC     string // 18 digits with a right check digit
	WeightMg int64
	Copy     bool   // a reprint: says so on the label; the SSCC stays the same
	Party    string // kind of place it goes to, for who hands the carton over; may be empty
}

// Address is where the carton goes.
type Address struct {
	Name     string
	Company  string
	Street   string
	Street2  string
	Postcode string
	City     string
	Country  string // two letters
}

// ZPL writes the label. It fails with ErrLabel on a wrong SSCC, on a weight
// that is negative or over 999 kg, and when name, carrier, tracking or order
// are missing: half a label is worse than none.
func (l Label) ZPL() ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	var z zpl
	z.raw("^XA")
	z.raw("^CI28^PW%d^LL%d^LH0,0^LS0^PON^FWN", Width, Height)

	from := "FROM"
	if l.Copy {
		from = "COPY"
	}
	z.text(margin, 36, 26, from)
	y := 36
	for _, s := range l.From[:min(2, len(l.From))] {
		z.text(margin+110, y, 28, fit(s, 44, 1)[0])
		y += 34
	}
	z.line(112, 3)

	z.text(margin, 130, 26, "SHIP TO")
	if l.Party != "" {
		z.text(Width-margin-200, 124, 32, fit(strings.ToUpper(l.Party), 12, 1)[0])
	}
	y = 162
	for _, line := range l.ShipTo.lines(436 - y) {
		z.text(margin, y, line.high, line.text)
		y += line.high + lead
	}
	city := strings.TrimSpace(l.ShipTo.Postcode + " " + l.ShipTo.City)
	if len([]rune(city)) <= 20 {
		z.text(margin, 440, 60, city)
	} else {
		z.text(margin, 450, 40, fit(city, 30, 1)[0])
	}
	z.text(Width-margin-80, 440, 60, strings.ToUpper(l.ShipTo.Country))
	z.line(516, 3)

	z.text(margin, 534, 26, "CARRIER")
	z.text(margin, 564, 56, fit(l.Carrier, 16, 1)[0])
	z.text(440, 534, 26, "WEIGHT (kg)")
	z.text(440, 564, 56, kilograms(l.WeightMg))
	z.text(margin, 634, 26, "TRACKING")
	z.text(margin, 664, 44, fit(l.Tracking, 32, 1)[0])
	z.text(margin, 722, 26, "ORDER")
	z.text(margin, 750, 36, fit(l.Order, 38, 1)[0])
	z.line(800, 3)

	// Title text of the key; the AI itself stands under the bars.
	z.text(margin, 816, 32, "SSCC")
	z.text(margin+110, 808, 46, l.SSCC)
	// Mode D: FNC1 from the parentheses. The lowest symbol, bars upright.
	z.raw("^FO%d,%d^BY%d^BCN,%d,Y,N,N,D^FD(00)%s^FS", symbolX, symbolY, moduleDots, symbolHigh, l.SSCC)
	z.raw("^PQ1,0,1,Y")
	z.raw("^XZ")
	return z.Bytes(), nil
}

// lead is the space between two lines of the address, in dots.
const lead = 6

type addressLine struct {
	text string
	high int // dots
}

// lines sets name and streets large where they fit in space dots, else small:
// a small street is better than none.
func (a Address) lines(space int) []addressLine {
	type part struct {
		text        string
		high, lines int
	}
	set := func(parts ...part) (out []addressLine, high int) {
		for _, p := range parts {
			// A character of font 0 is on average 0.52 of its height wide.
			for _, text := range fit(p.text, (Width-2*margin)*100/(p.high*52), p.lines) {
				out = append(out, addressLine{text, p.high})
				high += p.high + lead
			}
		}
		return out, high
	}
	out, high := set(part{a.Name, 52, 2}, part{a.Company, 40, 2}, part{a.Street, 44, 2}, part{a.Street2, 40, 2})
	if high > space {
		out, _ = set(part{a.Name, 38, 1}, part{a.Company, 36, 1}, part{a.Street, 36, 2}, part{a.Street2, 36, 2})
	}
	return out
}

func (l Label) check() error {
	switch {
	case !validSSCC(l.SSCC):
		return fmt.Errorf("%w: SSCC %q", ErrLabel, l.SSCC)
	case l.WeightMg < 0 || l.WeightMg > 999_000_000:
		return fmt.Errorf("%w: weight %d mg", ErrLabel, l.WeightMg)
	}
	for _, f := range []struct{ name, value string }{
		{"name", l.ShipTo.Name},
		{"city", l.ShipTo.City},
		{"country", l.ShipTo.Country},
		{"carrier", l.Carrier},
		{"tracking number", l.Tracking},
		{"order", l.Order},
	} {
		if strings.TrimSpace(f.value) == "" {
			return fmt.Errorf("%w: no %s", ErrLabel, f.name)
		}
	}
	for _, s := range l.From {
		if strings.TrimSpace(s) == "" {
			return fmt.Errorf("%w: an empty sender line", ErrLabel)
		}
	}
	return nil
}

// validSSCC checks 18 digits and the GS1 check digit (weights 3, 1, 3 … from
// the right, the check digit left out).
func validSSCC(s string) bool {
	if len(s) != 18 {
		return false
	}
	sum := 0
	for i, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
		if i == 17 {
			return int(c-'0') == (10-sum%10)%10
		}
		weight := 3
		if i%2 == 1 {
			weight = 1
		}
		sum += int(c-'0') * weight
	}
	return false
}

// kilograms shows milligrams as kilograms, rounded to the gram, half up.
func kilograms(mg int64) string {
	g := (mg + 500) / 1000
	return fmt.Sprintf("%d.%03d", g/1000, g%1000)
}
