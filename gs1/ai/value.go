package ai

import (
	"strings"

	"tote/gs1/key"
)

// Decimal is an exact number: Digits with the last Decimals of them behind the
// point. The digits are as scanned, leading zeros included.
type Decimal struct {
	Digits   string
	Decimals int
	Unit     string // "kg", "lb", "m" …; "" for money, shares and counts
	Currency string // ISO 4217 number, when the value names one
}

// String writes the number without needless zeros in front: "0.195".
func (d Decimal) String() string {
	digits := d.Digits
	if short := d.Decimals + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	whole, part := digits[:len(digits)-d.Decimals], digits[len(digits)-d.Decimals:]
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if part == "" {
		return whole
	}
	return whole + "." + part
}

// Number reads measures, prices and counts: AIs whose last digit says where the
// point is, and those that count. The element must have passed [Check].
func Number(e Element) (Decimal, bool) {
	if e.Value == "" || !key.Digits(e.Value) {
		return Decimal{}, false
	}
	switch {
	case e.AI == "30", e.AI == "37":
		return Decimal{Digits: e.Value}, true
	case len(e.AI) != 4:
		return Decimal{}, false
	}
	d := Decimal{Digits: e.Value, Decimals: int(e.AI[3] - '0')}
	switch p := e.AI[:2]; {
	case p >= "31" && p <= "36":
		if _, after, ok := strings.Cut(Title(e.AI), "("); ok {
			// Some units have brackets of their own: "NET VOLUME (qt (US))".
			d.Unit = after[:strings.LastIndexByte(after, ')')]
		} else {
			d.Unit = "kg/m²" // 337n, the one without brackets
		}
	case p != "39":
		return Decimal{}, false
	case e.AI[2] == '1', e.AI[2] == '3':
		if len(e.Value) <= 3 {
			return Decimal{}, false
		}
		d.Currency, d.Digits = e.Value[:3], e.Value[3:]
	}
	return d, true
}

// dates are the AIs whose value is one date of six digits.
var dates = []string{"11", "12", "13", "15", "16", "17", "4326", "7006"}

// Date reads an AI that holds a day: production, expiry and so on, as
// "YYYY-MM-DD". year is the current one and decides the century, see
// [key.ExpandDate]. ok is false for other AIs and for days that do not exist.
func Date(e Element, year int) (day string, ok bool) {
	for _, ai := range dates {
		if e.AI == ai {
			day, err := key.ExpandDate(e.Value, year)
			return day, err == nil
		}
	}
	return "", false
}
