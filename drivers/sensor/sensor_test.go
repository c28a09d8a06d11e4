package sensor

import "testing"

func TestReading(t *testing.T) {
	for _, c := range []struct {
		r    Reading
		text string
		deci int64
	}{
		{Reading{MilliC: 30_500, MilliRH: 54_600, Humid: true, Decimals: 1}, "30.5 °C, 54.6 % RH", 305},
		{Reading{MilliC: -20_500, Decimals: 1}, "-20.5 °C", -205},
		{Reading{MilliC: -50, Decimals: 2}, "-0.05 °C", -1},
		{Reading{MilliC: 49, Decimals: 3}, "0.049 °C", 0},
		{Reading{MilliC: 4_000}, "4 °C", 40},
		{Reading{MilliC: 4_050, Decimals: 9}, "4.050 °C", 41},
	} {
		if got := c.r.Text(); got != c.text || c.r.DeciC() != c.deci {
			t.Errorf("%+v: %q, %d", c.r, got, c.r.DeciC())
		}
	}
}
