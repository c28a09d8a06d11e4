package scale

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/drivers/drivertest"
)

func TestParse(t *testing.T) {
	weight := func(stable bool, value int64, decimals int, unit string) Answer {
		return Answer{Kind: AnswerWeight, Stable: stable, Value: value, Decimals: decimals, Unit: unit}
	}
	for _, c := range []struct {
		line string
		want Answer
		bad  bool
	}{
		{line: "S S     100.00 g", want: weight(true, 10000, 2, "g")},
		{line: "S D     100.00 g", want: weight(false, 10000, 2, "g")},
		{line: "S S      -0.05 kg", want: weight(true, -5, 2, "kg")},
		{line: "S S -      5.5 kg", want: weight(true, -55, 1, "kg")},
		{line: "S S +    123.4 lb", want: weight(true, 1234, 1, "lb")},
		{line: "S S        120 g", want: weight(true, 120, 0, "g")}, // no decimal point
		{line: "S S 100.00g", want: weight(true, 10000, 2, "g")},
		{line: "S S     0.000 kg  ", want: weight(true, 0, 3, "kg")},
		{line: "S S     100. g", want: weight(true, 100, 0, "g")},
		{line: "S S       .5 oz", want: weight(true, 5, 1, "oz")},
		{line: "S S     12.345 PCS", want: weight(true, 12345, 3, "PCS")},
		{line: "S I", want: Answer{Kind: AnswerNotReady}},
		{line: "S +", want: Answer{Kind: AnswerOverload}},
		{line: "S - ", want: Answer{Kind: AnswerUnderload}},
		{line: "ES", want: Answer{Kind: AnswerSyntax}},
		{line: "ET", want: Answer{Kind: AnswerTransmit}},
		{line: "EL", want: Answer{Kind: AnswerLogic}},
		{line: `I4 A "1234567890"`, want: Answer{Kind: AnswerIrrelevant}},
		{line: "TA A   100.00 g", want: Answer{Kind: AnswerIrrelevant}},
		{line: "Z A", want: Answer{Kind: AnswerIrrelevant}},
		{line: "", bad: true},
		{line: "S", bad: true},
		{line: "S S", bad: true},
		{line: "S S     100.00", bad: true},      // no unit
		{line: "S S     1.0.0 g", bad: true},     // two points
		{line: "S S     10 0.0 g", bad: true},    // a hole in the number
		{line: "S S     --1.0 g", bad: true},     //
		{line: "S S          . g", bad: true},    //
		{line: "S S     100.00 gram", bad: true}, // no unit is that long
		{line: "S S     100.00 g\x00", bad: true},
		{line: "S S     1O0.00 g", bad: true}, // letter O
		{line: "s s     100.00 g", bad: true}, // MT-SICS is case-sensitive
		{line: "XS S     100.00 g", bad: true},
		{line: "S X     100.00 g", bad: true},
		{line: "S S 1234567890123456 g", bad: true},
		{line: "S S 0.0123456789 g", bad: true},
		{line: "100.00 g", bad: true},
	} {
		got, err := Parse([]byte(c.line))
		if c.bad != errors.Is(err, ErrLine) {
			t.Errorf("%q: %+v, %v", c.line, got, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q (-want +got)\n%s", c.line, d)
		}
	}
}

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

// What is shown for a reading, sent as a line, is the same reading again.
func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Reading{
			Value:    rapid.Int64Range(-1e14, 1e14).Draw(t, "value"),
			Decimals: rapid.IntRange(0, 9).Draw(t, "decimals"),
			Unit:     rapid.SampledFrom([]string{"g", "kg", "lb"}).Draw(t, "unit"),
		}
		a, err := Parse([]byte("S S " + r.Text()))
		if err != nil || a.Value != r.Value || a.Decimals != r.Decimals || a.Unit != r.Unit {
			t.Fatalf("%q: %+v, %v", r.Text(), a, err)
		}
	})
}

func lines(f *Framer, chunks ...string) (got []string) {
	for _, c := range chunks {
		f.Push([]byte(c), func(l []byte, err error) {
			if err != nil {
				l = []byte(err.Error())
			}
			got = append(got, string(l))
		})
	}
	return got
}

func TestFramer(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"ES\r\n", []string{"ES"}},
		{"ES\nET\n", []string{"ES", "ET"}},
		{"\r\n\r\n", nil},
		{"ES\r", nil},
		{"ES\rET\r\n", []string{"ES\rET"}},
		{long + "\r\nES\r\n", []string{ErrLong.Error(), "ES"}},
		{long + "\nES\n", []string{long, "ES"}},
		{long + long + long + "\nES\n", []string{ErrLong.Error(), "ES"}},
	} {
		if d := cmp.Diff(c.want, lines(&Framer{}, c.in)); d != "" {
			t.Errorf("%q (-want +got)\n%s", c.in, d)
		}
		var parts []string
		for _, b := range []byte(c.in) {
			parts = append(parts, string([]byte{b}))
		}
		if d := cmp.Diff(c.want, lines(&Framer{}, parts...)); d != "" {
			t.Errorf("%q byte by byte (-want +got)\n%s", c.in, d)
		}
	}
}

func TestGoldenFrames(t *testing.T) {
	type answer struct {
		Answer Answer
		Mg     int64  `json:",omitempty"`
		Error  string `json:",omitempty"`
	}
	drivertest.Golden(t, "testdata/frames", func(wire []byte) any {
		var out []answer
		new(Framer).Push(wire, func(line []byte, err error) {
			var a answer
			if err == nil {
				a.Answer, err = Parse(line)
			}
			if err != nil {
				a.Error = err.Error()
			}
			a.Mg, _ = Milligrams(a.Answer.Value, a.Answer.Decimals, a.Answer.Unit)
			out = append(out, a)
		})
		return out
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"S S     100.00 g\r\n", "S D -     1.5 kg\r\nS I\r\n", "S +\r\n", "ES\r\n", `I4 A "x"` + "\r\n", "\x00\xffS S 1 g\n",
		strings.Repeat("9", 200) + "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		new(Framer).Push(in, func(line []byte, err error) {
			if err != nil {
				return
			}
			a, err := Parse(line)
			if err != nil || a.Kind != AnswerWeight {
				if a.Value != 0 || a.Stable {
					t.Fatalf("%q: a weight where there is none: %+v", line, a)
				}
				return
			}
			// A weight is read only from a line that says exactly that.
			again, err := Parse(fmt.Appendf(nil, "S %s %s", map[bool]string{true: "S", false: "D"}[a.Stable],
				Reading{Value: a.Value, Decimals: a.Decimals, Unit: a.Unit}.Text()))
			if err != nil || again != a {
				t.Fatalf("%q read as %+v, that as %+v, %v", line, a, again, err)
			}
		})
	})
}
