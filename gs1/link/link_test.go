package link

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/gs1/ai"
	"tote/gs1/fault"
)

// TestVectors runs every Digital Link vector of the reference engine.
func TestVectors(t *testing.T) {
	f, err := os.Open("../../../shared/data/gs1_vectors.json")
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no vectors of the reference engine here: %v", err)
	}
	defer f.Close()
	var file struct {
		Vectors []struct {
			Kind    string          `json:"kind"`
			Valid   bool            `json:"valid"`
			URI     string          `json:"uri"`
			Data    string          `json:"data"`
			Options map[string]bool `json:"options"`
		} `json:"vectors"`
	}
	if err := json.NewDecoder(f).Decode(&file); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, v := range file.Vectors {
		if v.Kind != "digital_link_parse" {
			continue
		}
		ran++
		l, err := Parse(v.URI, Options{
			ShortGTIN: v.Options["permit_zero_suppressed_gtin"], Names: v.Options["permit_convenience_alphas"],
			UnknownAIs: v.Options["permit_unknown_ais"] && v.Options["allow_unknown_ai_attributes"], Depth: ai.Listed,
		})
		if (err == nil) != v.Valid {
			t.Errorf("Parse(%q) %v: %v, want valid = %v", v.URI, v.Options, err, v.Valid)
			continue
		}
		if err != nil {
			if d := cmp.Diff(Link{}, l); d != "" {
				t.Errorf("Parse(%q) gave data with its error:\n%s", v.URI, d)
			}
			continue
		}
		if got := data(l.Elements); got != v.Data {
			t.Errorf("Parse(%q) says %q, want %q", v.URI, got, v.Data)
		}
		if !strings.HasPrefix(v.URI, l.Stem+"/") {
			t.Errorf("Parse(%q): stem %q", v.URI, l.Stem)
		}
		if !v.Options["permit_unknown_ais"] {
			rebuild(t, l)
		}
	}
	if ran < 110 {
		t.Errorf("%d vectors ran", ran)
	}
}

// data writes elements in the notation of the vectors: ^ for FNC1.
func data(elements []ai.Element) string {
	var b strings.Builder
	need := true
	for _, e := range elements {
		if need {
			b.WriteByte('^')
		}
		b.WriteString(e.AI + e.Value)
		need = ai.NeedsSeparator(e.AI)
	}
	return b.String()
}

// rebuild writes a link and reads it again.
func rebuild(t *testing.T, l Link) {
	t.Helper()
	uri, err := Build(l.Stem+"/", l.Elements, ai.Listed) // one slash is cut off
	if err != nil {
		t.Errorf("Build(%q, %v): %v", l.Stem, l.Elements, err)
		return
	}
	again, err := Parse(uri, Options{Depth: ai.Listed})
	if d := cmp.Diff(l, again); d != "" || err != nil {
		t.Errorf("%q came back as: %v\n%s", uri, err, d)
	}
}

func TestParseRefuses(t *testing.T) {
	const good = "https://id.example.com/01/09506000134352"
	for _, tc := range []struct {
		name, uri string
		want      error
	}{
		{"mixed case", "HtTp://a/01/09506000134352", fault.Link},
		{"another scheme", "javascript://a/01/09506000134352", fault.Link},
		{"user info", "https://id.gs1.org@evil.example/01/09506000134352", fault.Link},
		{"a host of nothing", "https:///01/09506000134352", fault.Link},
		{"a port and a query for a host", "https://a?/01/09506000134352", fault.Link},
		{"a zone", "https://[fe80::1%25lo]/01/09506000134352", fault.Link},
		{"a control character", good + "\x00", fault.Link},
		{"a line break", good + "\r\nX: y", fault.Link},
		{"a space", good + " ", fault.Link},
		{"a letter beyond ASCII", "https://exämple/01/09506000134352", fault.Link},
		{"no key", "https://a/NOPRIMARYAI", fault.Link},
		{"a qualifier without its key", "https://a/10/ABC", fault.Link},
		{"a half escape", good + "/10/A%4", fault.Link},
		{"no escape", good + "/10/A%zz", fault.Link},
		{"an escaped zero", good + "/10/A%00", fault.Charset},
		{"an escaped separator", good + "/10/A%1D17270131", fault.Charset},
		{"an escaped slash in a GTIN", "https://a/01/0950600013435%2F", fault.Charset},
		{"a space in a value", good + "?99=a+b", fault.Charset},
		{"wrong check digit", "https://a/01/09506000134353", fault.CheckDigit},
		{"short GTIN", "https://a/01/9506000134352", fault.Length},
		{"impossible day", good + "?17=270230", fault.Date},
		{"wrong order", good + "/21/7/10/ABC", fault.LinkPath},
		{"two chains", good + "/235/X/21/7", fault.LinkPath},
		{"data in the path", good + "/99/ABC", fault.LinkPath},
		{"a qualifier of another key", "https://a/00/106141412345678908/10/A", fault.LinkPath},
		{"a lot in the query", good + "?10=ABC", fault.LinkAttribute},
		{"a serial number in the query", good + "?21=7", fault.LinkAttribute},
		{"an AI that no query has", "https://a/8004/9520614141234567?03=09506000134352", fault.LinkAttribute},
		{"an unknown AI", good + "?89=A", fault.UnknownAI},
		{"a number that is no AI", good + "?1=A", fault.UnknownAI},
		{"a long number", good + "?" + strings.Repeat("9", 3000) + "=A", fault.UnknownAI},
		{"twice in the query", good + "?99=A&99=A", fault.Repeated},
		{"twice in the path", good + "/10/A/10/A", fault.Repeated},
		{"in path and query", good + "/10/A?17=270131&01=09506000134352", fault.Repeated},
		{"no value in the path", good + "/10/", fault.EmptyValue},
		{"no value in the query", good + "?99=", fault.EmptyValue},
		{"too long a value", good + "?99=" + strings.Repeat("A", 91), fault.Length},
		{"oversize", good + "?x=" + strings.Repeat("A", MaxLength), fault.TooLong},
		{"many keys", good + "?" + strings.Repeat("99=A&", 1000), fault.Repeated},
	} {
		l, err := Parse(tc.uri, Options{Depth: ai.Sound})
		if !errors.Is(err, tc.want) || len(l.Elements) > 0 {
			t.Errorf("%s: %v, %v, want %v", tc.name, l.Elements, err, tc.want)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: the error is %d characters long", tc.name, len(err.Error()))
		}
	}
}

func TestUnknownAIs(t *testing.T) {
	const good = "https://a/01/09506000134352?"
	for query, want := range map[string]error{
		"89=A": nil, "8=A": fault.UnknownAI, "89999=A": fault.UnknownAI, "89=" + strings.Repeat("A", 91): fault.Length, "89=A+B": fault.Charset, "89=": fault.EmptyValue,
	} {
		l, err := Parse(good+query, Options{UnknownAIs: true})
		if !errors.Is(err, want) || err == nil && len(l.Elements) != 2 {
			t.Errorf("%s: %v, %v, want %v", query, l.Elements, err, want)
		}
	}
}

func TestBuild(t *testing.T) {
	elements := func(bracketed string) []ai.Element {
		if bracketed == "" {
			return nil
		}
		e, _, err := ai.ParseBracketed(bracketed, ai.Frozen)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	const stem = "https://id.example.com"
	for _, tc := range []struct {
		name, stem, in, want string
		err                  error
	}{
		{"key alone", stem, "(01)09506000134352", stem + "/01/09506000134352", nil},
		{"qualifiers in their order", stem, "(21)7(10)ABC(01)09506000134352", stem + "/01/09506000134352/10/ABC/21/7", nil},
		{"attributes as they come", stem + "/", "(01)09506000134352(17)270131(3103)000195", stem + "/01/09506000134352?17=270131&3103=000195", nil},
		{"escapes", CanonicalStem, `(414)9520123456788(254)32a/b%?+`, CanonicalStem + "/414/9520123456788/254/32a%2Fb%25%3F%2B", nil},
		{"a plus in the query", stem, "(01)09506000134352(99)a+b", stem + "/01/09506000134352?99=a%2Bb", nil},
		{"another chain, the lot goes into the query", stem, "(01)09506000134352(235)X(17)270131", stem + "/01/09506000134352/235/X?17=270131", nil},
		{"a second key", stem, "(8004)9520614141234567(01)09506000134352", stem + "/8004/9520614141234567?01=09506000134352", nil},
		{"a deep stem", stem + "/some/01/pathinfo", "(00)106141412345678908", stem + "/some/01/pathinfo/00/106141412345678908", nil},
		{"twice the same", stem, "(01)09506000134352(99)A(99)A", stem + "/01/09506000134352?99=A", nil},
		{"no key", stem, "(10)ABC", "", fault.Link},
		{"nothing", stem, "", "", fault.Link},
		{"no stem", "", "(01)09506000134352", "", fault.Link},
		{"a stem with a query", stem + "?x=", "(01)09506000134352", "", fault.Link},
		{"a stem with a user", "https://a@b", "(01)09506000134352", "", fault.Link},
		{"what may stand nowhere", stem, "(00)106141412345678908(7041)PX", "", fault.LinkAttribute},
	} {
		got, err := Build(tc.stem, elements(tc.in), ai.Sound)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %v, want %q, %v", tc.name, got, err, tc.want, tc.err)
		}
	}
	if _, err := Build(stem, []ai.Element{{AI: "01", Value: "1"}}, ai.Sound); !errors.Is(err, fault.Length) {
		t.Errorf("a bad value: %v", err)
	}
	if _, err := Build(stem, []ai.Element{{AI: "10", Value: "A"}, {AI: "10", Value: "B"}}, ai.Sound); !errors.Is(err, fault.Repeated) {
		t.Errorf("two values: %v", err)
	}
}

func TestCanonical(t *testing.T) {
	l, err := Parse("https://a/01/09506000134352/10/ABC/21/7?99=A&17=270131&lang=de", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := ai.Bracketed(l.Canonical()); got != "(01)09506000134352(10)ABC(17)270131(21)7(99)A" {
		t.Error(got)
	}
	if got := ai.Bracketed(l.Elements); got != "(01)09506000134352(10)ABC(21)7(99)A(17)270131" {
		t.Errorf("the link was changed: %s", got)
	}
}

// FuzzParse: what is accepted can be written and read again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"https://id.gs1.org/01/09520123456788/22/2A/10/ABC/21/7?3103=000195&3922=0299&17=201225", "https://a/gtin/9506000134352/ser/7", "HTTP://a:1/00/106141412345678908#x",
		"https://id.gs1.org/414/9520123456788/254/32a%2Fb", "https://a/8004/9520614141234567?01=09506000134352&&x=1&y", "https://a/01/09506000134352?89=A", "https://a/01/09506000134352/235/X?10=A%2b", "https://", "http://0//8004/0000",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		for _, o := range []Options{{Depth: ai.Listed}, {ShortGTIN: true, Names: true, UnknownAIs: true}} {
			l, err := Parse(uri, o)
			if err != nil {
				var e *fault.Error
				if !errors.As(err, &e) || len(l.Elements) > 0 {
					t.Fatalf("Parse(%q) = %v, %v", uri, l, err)
				}
				continue
			}
			if len(l.Elements) == 0 || l.Path == 0 || !strings.HasPrefix(uri, l.Stem+"/") {
				t.Fatalf("Parse(%q) = %+v", uri, l)
			}
			if !o.UnknownAIs {
				rebuild(t, l)
			}
		}
	})
}
