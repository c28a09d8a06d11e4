package sics

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/drivers/drivertest"
	"tote/drivers/scale"
)

func TestParse(t *testing.T) {
	weight := func(stable bool, value int64, decimals int, unit string) scale.Answer {
		return scale.Answer{Kind: scale.AnswerWeight, Stable: stable, Value: value, Decimals: decimals, Unit: unit}
	}
	for _, c := range []struct {
		line string
		want scale.Answer
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
		{line: "S I", want: scale.Answer{Kind: scale.AnswerNotReady}},
		{line: "S +", want: scale.Answer{Kind: scale.AnswerOverload}},
		{line: "S - ", want: scale.Answer{Kind: scale.AnswerUnderload}},
		{line: "ES", want: scale.Answer{Kind: scale.AnswerSyntax}},
		{line: "ET", want: scale.Answer{Kind: scale.AnswerTransmit}},
		{line: "EL", want: scale.Answer{Kind: scale.AnswerLogic}},
		{line: `I4 A "1234567890"`, want: scale.Answer{Kind: scale.AnswerIrrelevant}},
		{line: "TA A   100.00 g", want: scale.Answer{Kind: scale.AnswerIrrelevant}},
		{line: "Z A", want: scale.Answer{Kind: scale.AnswerIrrelevant}},
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
		if c.bad != errors.Is(err, scale.ErrFrame) {
			t.Errorf("%q: %+v, %v", c.line, got, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q (-want +got)\n%s", c.line, d)
		}
	}
}

// What is shown for a reading, sent as a line, is the same reading again.
func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := scale.Reading{
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

func TestGoldenFrames(t *testing.T) {
	type answer struct {
		Answer scale.Answer
		Mg     int64  `json:",omitempty"`
		Error  string `json:",omitempty"`
	}
	drivertest.Golden(t, "testdata/frames", func(wire []byte) any {
		var out []answer
		scale.NewLines().Push(wire, func(line []byte, err error) {
			var a answer
			if err == nil {
				a.Answer, err = Parse(line)
			}
			if err != nil {
				a.Error = err.Error()
			}
			a.Mg, _ = scale.Milligrams(a.Answer.Value, a.Answer.Decimals, a.Answer.Unit)
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
		scale.NewLines().Push(in, func(line []byte, err error) {
			if err != nil {
				return
			}
			a, err := Parse(line)
			if err != nil || a.Kind != scale.AnswerWeight {
				if a.Value != 0 || a.Stable {
					t.Fatalf("%q: a weight where there is none: %+v", line, a)
				}
				return
			}
			// A weight is read only from a line that says exactly that.
			again, err := Parse(fmt.Appendf(nil, "S %s %s", map[bool]string{true: "S", false: "D"}[a.Stable],
				scale.Reading{Value: a.Value, Decimals: a.Decimals, Unit: a.Unit}.Text()))
			if err != nil || again != a {
				t.Fatalf("%q read as %+v, that as %+v, %v", line, a, again, err)
			}
		})
	})
}
