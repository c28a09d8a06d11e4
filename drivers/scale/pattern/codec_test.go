package pattern

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tote/drivers/scale"
	"tote/drivers/scale/scaletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tscale is how a T-Scale QHW writes, by the notes of somebody who reads one.
const tscale = `(?:(?P<stable>ST)|US|(?P<overload>OL)),(?:GS|(?P<net>NT)),\s*(?P<value>[-+]?\d+\.?\d*)\s*(?P<unit>kg|g|lb)`

func mustProtocol(t testing.TB, cfg Config) scale.Protocol {
	t.Helper()
	p, err := Protocol(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatAConfigurationMayBe(t *testing.T) {
	ok := `(?P<stable>S)?(?P<value>\d+)(?P<unit>g)`
	for _, c := range []struct {
		name string
		cfg  Config
		want string // part of the error; "" = fine
	}{
		{"good", Config{Pattern: ok}, ""},
		{"fixed unit", Config{Pattern: `(?P<stable>S)?(?P<value>\d+)`, Unit: "kg"}, ""},
		{"empty", Config{}, "a pattern is needed"},
		{"no stable", Config{Pattern: `(?P<value>\d+)(?P<unit>g)`}, `no group "stable"`},
		{"no value", Config{Pattern: `(?P<stable>S)(?P<unit>g)`}, `no group "value"`},
		{"no unit", Config{Pattern: `(?P<stable>S)?(?P<value>\d+)`}, "no unit is given"},
		{"two units", Config{Pattern: ok, Unit: "g"}, "not both"},
		{"a unit nobody knows", Config{Pattern: `(?P<stable>S)?(?P<value>\d+)`, Unit: "stone"}, "mg, g, kg, lb and oz"},
		{"a group nobody knows", Config{Pattern: ok + `(?P<weight>x)`}, `group "weight"`},
		{"a group twice", Config{Pattern: `(?P<stable>S)|(?P<stable>T)(?P<value>\d+)(?P<unit>g)`}, "stable"},
		{"not RE2", Config{Pattern: `(?=x)` + ok}, "the pattern"},
		{"too many repeats", Config{Pattern: `(?:x{1000}){1000}` + ok}, "the pattern"},
		{"too long", Config{Pattern: ok + strings.Repeat("x", MaxPattern)}, "at most 500"},
		{"matches nothing", Config{Pattern: `(?:(?P<stable>S)(?P<value>\d+)(?P<unit>g))?`}, "empty line"},
		{"long question", Config{Pattern: ok, Ask: strings.Repeat("W", MaxAsk+1)}, "32 bytes"},
	} {
		_, err := Protocol(c.cfg)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	p := mustProtocol(t, Config{Pattern: tscale})
	for _, c := range []struct {
		line string
		want scale.Answer
		bad  bool
	}{
		{line: "ST,GS,   245.6 g", want: scale.Answer{Stable: true, Value: 2456, Decimals: 1, Unit: "g"}},
		{line: "US,GS,   245.6 g", want: scale.Answer{Value: 2456, Decimals: 1, Unit: "g"}},
		{line: "ST,NT,-0.500kg", want: scale.Answer{Stable: true, Net: true, Value: -500, Decimals: 3, Unit: "kg"}},
		{line: "OL,GS, 0 g", want: scale.Answer{Kind: scale.AnswerOverload}},
		{line: "xST,GS,   245.6 g", bad: true}, // the whole line, not a part of it
		{line: "ST,GS,   245.6 gx", bad: true},
		{line: "ST,GS,   1234567890123456 g", bad: true},
		{line: "", bad: true},
	} {
		got, err := p.Parse([]byte(c.line))
		if d := cmp.Diff(c.want, got); d != "" || c.bad != (err != nil) {
			t.Errorf("%q: %v %s", c.line, err, d)
		}
	}
}

func TestConformance(t *testing.T) {
	talks := mustProtocol(t, Config{Pattern: tscale})
	scaletest.Conformance(t, scaletest.Suite{Protocol: talks, Frame: "ST,GS,   245.6 g\r\n", Want: "245.6 g"})
}

func TestConformanceAsked(t *testing.T) {
	asked := mustProtocol(t, Config{Pattern: `(?P<value>[ .0-9]+)(?P<stable>S)?`, Unit: "kg", Ask: "P\r"})
	scaletest.Conformance(t, scaletest.Suite{Protocol: asked, Frame: " 12.50S\r", Want: "12.50 kg"})
}

func TestFlippedBits(t *testing.T) {
	if f := scaletest.Flips(t, mustProtocol(t, Config{Pattern: tscale}), "ST,GS,   245.6 g\r\n", 0); f.Booked > 0 {
		t.Errorf("%+v", f)
	}
}

func FuzzCodec(f *testing.F) {
	f.Add(tscale, []byte("ST,GS,   245.6 g\r\n"))
	f.Add(`(?P<stable>S)?(?P<value>.*)(?P<unit>.*)`, []byte("S1g\rS-5 kg\n\n"))
	f.Add(`(?P<stable>(?P<value>\d+)|x)(?P<unit>.{0,200})`, []byte("5kg\nxg\n"))
	f.Fuzz(func(t *testing.T, pattern string, in []byte) {
		if p, err := Protocol(Config{Pattern: pattern}); err == nil {
			scaletest.Hold(t, p, in)
		}
	})
}
