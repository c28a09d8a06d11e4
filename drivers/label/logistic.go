package label

import (
	"fmt"
	"strings"

	"tote/gs1"
)

// Size of a label in eighths of a millimetre.
type Size struct{ Width, Height int }

// The sizes of logistic labels.
var (
	FourBySix = Size{812, 1218} // 4 by 6 inches
	A6        = Size{840, 1184} // 105 by 148 mm
)

// The SSCC symbol. With X = 0.5 mm the GS1-128 of (00)+18 digits is 156 X wide:
// 78 mm. That leaves more on each side than the 10 X of quiet zone it needs. GS1
// asks for 32 mm of height.
const (
	margin     = 40
	ssccModule = 4
	ssccWide   = 156 * ssccModule
	ssccHigh   = 264 // 33 mm
	ssccY      = 868
)

// Logistic is what stands on the GS1 logistic label of one carton. The weight is
// in milligrams and shown in kilograms with three decimals.
type Logistic struct {
	From     []string // sender, up to 2 lines; may be empty
	ShipTo   Address
	Carrier  string
	Tracking string
	Order    string
	SSCC     string // 18 digits with a right check digit
	WeightMg int64
	Copy     bool   // a reprint: says so on the label; the SSCC stays the same
	Party    string // kind of place it goes to, for who hands the carton over; may be empty
	Size     Size   // FourBySix when zero
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

// Label lays it out. It fails with ErrLabel on a wrong SSCC, on a weight that is
// negative or over 999 kg, and when name, city, country, carrier, tracking or
// order are missing: half a label is worse than none.
func (l Logistic) Label() (Label, error) {
	if err := l.check(); err != nil {
		return Label{}, err
	}
	if l.Size == (Size{}) {
		l.Size = FourBySix
	}
	wide := l.Size.Width
	// A lower label has less room for the address, and nothing else moves.
	up := FourBySix.Height - l.Size.Height
	if up > FourBySix.Height-A6.Height {
		return Label{}, unfit("a logistic label of %d mm height, A6 is the smallest", l.Size.Height/Unit)
	}
	d := drawing{Label{Name: "logistic", Width: wide, Height: l.Size.Height}}

	from := "FROM"
	if l.Copy {
		from = "COPY"
	}
	d.text(margin, 36, 26, from)
	y := 36
	for _, s := range l.From[:min(2, len(l.From))] {
		d.text(margin+110, y, 28, one(s, 44))
		y += 34
	}
	d.rule(112, 3)

	d.text(margin, 130, 26, "SHIP TO")
	if l.Party != "" {
		d.text(wide-margin-200, 124, 32, one(strings.ToUpper(l.Party), 12))
	}
	y = 162
	for _, line := range l.ShipTo.lines(436-up-y, wide-2*margin) {
		d.text(margin, y, line.high, line.text)
		y += line.high + lead
	}
	city := strings.TrimSpace(l.ShipTo.Postcode + " " + l.ShipTo.City)
	if len([]rune(city)) <= 20 {
		d.text(margin, 440-up, 60, city)
	} else {
		d.text(margin, 450-up, 40, one(city, 30))
	}
	d.text(wide-margin-80, 440-up, 60, one(strings.ToUpper(l.ShipTo.Country), 4))
	d.rule(516-up, 3)

	d.text(margin, 534-up, 26, "CARRIER")
	d.text(margin, 564-up, 56, one(l.Carrier, 16))
	d.text(440, 534-up, 26, "WEIGHT (kg)")
	d.text(440, 564-up, 56, kilograms(l.WeightMg))
	d.text(margin, 634-up, 26, "TRACKING")
	d.text(margin, 664-up, 44, one(l.Tracking, 32))
	d.text(margin, 722-up, 26, "ORDER")
	d.text(margin, 750-up, 36, one(l.Order, 38))
	d.rule(800-up, 3)

	// Title text of the key; the AI itself stands under the bars. The lowest
	// symbol, bars upright.
	d.text(margin, 816-up, 32, "SSCC")
	d.text(margin+110, 808-up, 46, l.SSCC)
	d.add(Element{Kind: GS1128, X: (wide - ssccWide) / 2, Y: ssccY - up, H: ssccHigh, Module: ssccModule, Data: "(00)" + l.SSCC, HRI: true})
	return d.Label, d.Check()
}

// drawing is a label being drawn.
type drawing struct{ Label }

func (d *drawing) add(e Element) { d.Elements = append(d.Elements, e) }

func (d *drawing) text(x, y, high int, s string) {
	if s != "" {
		d.add(Element{Kind: Text, X: x, Y: y, W: d.Width - x, H: high, Data: s})
	}
}

// rule draws a line across.
func (d *drawing) rule(y, thick int) {
	d.add(Element{Kind: Rule, X: margin, Y: y, W: d.Width - 2*margin, H: thick})
}

// lead is the space between two lines of the address.
const lead = 6

type addressLine struct {
	text string
	high int
}

// lines sets name and streets large where they fit in space, else small: a
// small street is better than none.
func (a Address) lines(space, wide int) []addressLine {
	type part struct {
		text        string
		high, lines int
	}
	set := func(parts ...part) (out []addressLine, high int) {
		for _, p := range parts {
			for _, text := range fit(p.text, letters(wide, p.high), p.lines) {
				out = append(out, addressLine{text, p.high})
				high += p.high + lead
			}
		}
		return out, high
	}
	out, high := set(part{a.Name, 52, 2}, part{a.Company, 40, 2}, part{a.Street, 44, 2}, part{a.Street2, 40, 2})
	if high > space {
		out, high = set(part{a.Name, 38, 1}, part{a.Company, 36, 1}, part{a.Street, 36, 2}, part{a.Street2, 36, 2})
	}
	if high > space {
		out, _ = set(part{a.Name, 34, 1}, part{a.Company, 28, 1}, part{a.Street, 28, 2}, part{a.Street2, 28, 2})
	}
	return out
}

func (l Logistic) check() error {
	switch {
	case !gs1.ValidSSCC(l.SSCC):
		return fmt.Errorf("%w: SSCC %.40q", ErrLabel, l.SSCC)
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

// kilograms shows milligrams as kilograms, rounded to the gram, half up.
func kilograms(mg int64) string {
	g := (mg + 500) / 1000
	return fmt.Sprintf("%d.%03d", g/1000, g%1000)
}
