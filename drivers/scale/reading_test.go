package scale

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestMilligrams(t *testing.T) {
	for _, c := range []struct {
		value    int64
		decimals int
		unit     string
		want     int64
	}{
		{10000, 2, "g", 100_000},
		{1, 0, "kg", 1_000_000},
		{-12345, 3, "kg", -12_345_000},
		{7, 0, "mg", 7},
		{5, 1, "mg", 0}, // 0.5 to even
		{15, 1, "mg", 2},
		{25, 1, "mg", 2},
		{-5, 1, "mg", 0},
		{-15, 1, "mg", -2},
		{-25, 1, "mg", -2},
		{1, 0, "lb", 453_592},      // 453592.37
		{100, 0, "lb", 45_359_237}, // exact
		{50, 0, "lb", 22_679_618},  // 22679618.5, half to even
		{150, 0, "lb", 68_038_856}, // 68038855.5, half to even
		{1, 0, "oz", 28_350},       // 28349.523125
		{16, 0, "oz", 453_592},
		{999_999_999_999_999, 9, "kg", 1_000_000_000_000}, // 999999999999.999
	} {
		got, ok := Milligrams(c.value, c.decimals, c.unit)
		if !ok || got != c.want {
			t.Errorf("%d e-%d %s: %d, %v, want %d", c.value, c.decimals, c.unit, got, ok, c.want)
		}
	}
	for _, c := range []struct {
		value    int64
		decimals int
		unit     string
	}{{1, 0, "PCS"}, {1, 0, "G"}, {1, 0, ""}, {1, -1, "g"}, {1, 10, "g"}, {1 << 62, 0, "kg"}} {
		if got, ok := Milligrams(c.value, c.decimals, c.unit); ok {
			t.Errorf("%+v gave %d", c, got)
		}
	}
}

// The conversion is the nearest integer, and the even one of two.
func TestMilligramsIsNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Int64Range(-1e12, 1e12).Draw(t, "value")
		decimals := rapid.IntRange(0, 9).Draw(t, "decimals")
		unit := rapid.SampledFrom([]string{"mg", "g", "kg", "lb", "oz"}).Draw(t, "unit")
		got, ok := Milligrams(value, decimals, unit)
		if !ok {
			t.Fatal("refused")
		}
		exact := new(big.Rat).SetFrac64(value, 1)
		exact.Mul(exact, big.NewRat(units[unit][0], units[unit][1]))
		exact.Quo(exact, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)))
		off := new(big.Rat).Sub(exact, big.NewRat(got, 1))
		switch off.Abs(off).Cmp(big.NewRat(1, 2)) {
		case 1:
			t.Fatalf("%s is off by more than a half from %d", exact.FloatString(3), got)
		case 0:
			if got%2 != 0 {
				t.Fatalf("%s became the odd %d", exact.FloatString(3), got)
			}
		}
	})
}
