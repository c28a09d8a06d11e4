package scale

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"tote/drivers"
)

// Reading is one answer of a scale. Value, Decimals and Unit are exactly what
// the scale showed; Milligrams is the only form the rest of Tote takes.
type Reading struct {
	Value      int64     // all digits without the decimal point: 12.50 is 1250
	Decimals   int       // digits after the point, 0..9
	Unit       string    // g, kg, mg, lb or oz
	Stable     bool      // the scale's own word that the weight has settled; book nothing else
	Net        bool      // a tare is taken off, where the protocol tells (MT-SICS SI does not)
	Tare       int64     // the tare as shown, with the same decimals and unit; 0 = none or not told
	Drift      bool      // the empty scale has come to rest beside zero: it wants to be zeroed
	Overload   bool      // too much load: there is no weight
	Underload  bool      // below the range: there is no weight
	Zero       bool      // the scale shows zero
	Milligrams int64     // lb and oz are rounded half to even
	At         time.Time // when the answer was complete
}

// Weighs reports whether the reading carries a weight at all.
func (r Reading) Weighs() bool { return !r.Overload && !r.Underload }

// Code gives the fault code of a reading without weight, or "".
func (r Reading) Code() string {
	switch {
	case r.Overload:
		return drivers.CodeScaleOverload
	case r.Underload:
		return drivers.CodeScaleUnderload
	}
	return ""
}

// Text shows the reading as the scale does, for example "12.50 g".
func (r Reading) Text() string {
	switch {
	case r.Overload:
		return "overload"
	case r.Underload:
		return "underload"
	}
	digits := fmt.Sprintf("%d", r.Value)
	sign := ""
	if r.Value < 0 {
		sign, digits = "-", digits[1:]
	}
	if r.Decimals > 0 {
		if pad := r.Decimals + 1 - len(digits); pad > 0 {
			digits = strings.Repeat("0", pad) + digits
		}
		cut := len(digits) - r.Decimals
		digits = digits[:cut] + "." + digits[cut:]
	}
	return sign + digits + " " + r.Unit
}

// units gives milligrams per unit as an exact fraction. A pound is
// 453.59237 g and an ounce a sixteenth of it, by definition.
var units = map[string][2]int64{
	"mg": {1, 1},
	"g":  {1_000, 1},
	"kg": {1_000_000, 1},
	"lb": {45_359_237, 100},
	"oz": {45_359_237, 1_600},
}

// Milligrams converts value·10^-decimals unit to milligrams, rounding half to
// even. It is false for an unknown unit, decimals outside 0..9, or a weight
// that does not fit.
func Milligrams(value int64, decimals int, unit string) (int64, bool) {
	ratio, ok := units[unit]
	if !ok || decimals < 0 || decimals > maxDecimals {
		return 0, false
	}
	num := new(big.Int).Mul(big.NewInt(value), big.NewInt(ratio[0]))
	den := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
	den.Mul(den, big.NewInt(ratio[1]))
	// Euclid: 0 <= rest < den, so the quotient is the floor also below zero.
	quo, rest := new(big.Int).DivMod(num, den, new(big.Int))
	switch rest.Lsh(rest, 1).Cmp(den) {
	case 1:
		quo.Add(quo, big.NewInt(1))
	case 0:
		if quo.Bit(0) == 1 {
			quo.Add(quo, big.NewInt(1))
		}
	}
	if !quo.IsInt64() {
		return 0, false
	}
	return quo.Int64(), true
}
