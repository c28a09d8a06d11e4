package printer

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sample() Label {
	return Label{
		From:    []string{"Tote demo site", "Lagerweg 1, 80331 München, DE"},
		ShipTo:  Address{Name: "Zoë Müller", Street: "Große Straße 12", Postcode: "10115", City: "Berlin", Country: "de"},
		Carrier: "DHL", Tracking: "JD014600000000000001", Order: "ORD-1001", SSCC: "106141412345678908", WeightMg: 1_234_499,
	}
}

// The whole label, byte for byte. Run with -update after a change on purpose.
func TestGoldenLabels(t *testing.T) {
	long := sample()
	long.ShipTo = Address{
		Name:    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
		Company: "A very long company name that does not end soon, care of somebody else entirely",
		Street:  "1 Some Extremely Long Street Name With Many Words Boulevard North West", Street2: "Building 7, floor 3, door 12",
		Postcode: "SW1A 1AA", City: "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch", Country: "GB",
	}
	hostile := sample()
	hostile.ShipTo.Name = "^XZ~JA\\_5E>;>8\x1b\n\x00"
	hostile.Order = "^FS^XZ^XA"
	reprint := sample()
	reprint.Copy, reprint.From = true, nil
	for name, label := range map[string]Label{"plain": sample(), "long": long, "hostile": hostile, "reprint": reprint} {
		t.Run(name, func(t *testing.T) {
			got, err := label.ZPL()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata/labels", name+".zpl")
			if flag.Lookup("update").Value.String() == "true" {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestLabelSaysWhatItMust(t *testing.T) {
	z, err := sample().ZPL()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"^XA\n", "^CI28", "^PW812", "^LL1218", "^PQ1,0,1,Y", "\n^XZ\n",
		"^FO94,868^BY4^BCN,264,Y,N,N,D^FD(00)106141412345678908^FS",
		"^FDDHL^FS", "^FDJD014600000000000001^FS", "^FDORD-1001^FS", "^FD1.234^FS", "^FDDE^FS", "^FD10115 Berlin^FS",
		"^FDZo_C3_AB M_C3_BCller^FS",
	} {
		if !bytes.Contains(z, []byte(want)) {
			t.Errorf("no %q in the label", want)
		}
	}
	if bytes.Count(z, []byte("^XA")) != 1 || bytes.Count(z, []byte("^BC")) != 1 {
		t.Error("more than one label or symbol")
	}
	if symbolX < 10*moduleDots || Width-symbolX-symbolDots < 10*moduleDots {
		t.Error("the quiet zone is too narrow")
	}
	if symbolY+symbolHigh > Height-40 {
		t.Error("the symbol and its text do not fit")
	}
}

// No line of an address is lost, however long the others are.
func TestAddressKeepsItsStreets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z]{1,12}( [A-Za-z]{1,12}){0,9}`)
		a := Address{Name: text.Draw(t, "name"), Company: text.Draw(t, "company"), Street: text.Draw(t, "street"), Street2: text.Draw(t, "street2")}
		const space = 274
		high, all := 0, ""
		for _, l := range a.lines(space) {
			high += l.high + lead
			all += l.text + "|"
		}
		if high > space {
			t.Fatalf("%d dots high", high)
		}
		for _, part := range []string{a.Name, a.Company, a.Street, a.Street2} {
			word, _, _ := strings.Cut(part, " ")
			if !strings.Contains(all, word) {
				t.Fatalf("%q is not in %q", word, all)
			}
		}
	})
}

func TestLabelRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Label){
		"check digit":     func(l *Label) { l.SSCC = "106141412345678909" },
		"short SSCC":      func(l *Label) { l.SSCC = "10614141234567890" },
		"letters":         func(l *Label) { l.SSCC = "10614141234567890x" },
		"no SSCC":         func(l *Label) { l.SSCC = "" },
		"negative weight": func(l *Label) { l.WeightMg = -1 },
		"a tonne":         func(l *Label) { l.WeightMg = 1e9 },
		"no name":         func(l *Label) { l.ShipTo.Name = " " },
		"no city":         func(l *Label) { l.ShipTo.City = "" },
		"no country":      func(l *Label) { l.ShipTo.Country = "" },
		"no carrier":      func(l *Label) { l.Carrier = "" },
		"no tracking":     func(l *Label) { l.Tracking = "" },
		"no order":        func(l *Label) { l.Order = "" },
		"empty from":      func(l *Label) { l.From = []string{""} },
	} {
		l := sample()
		spoil(&l)
		if z, err := l.ZPL(); !errors.Is(err, ErrLabel) || z != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// unescape is what a printer does with field data under ^FH_, written anew.
func unescape(t *rapid.T, s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '_' {
			out = append(out, s[i])
			continue
		}
		b, err := hex.DecodeString(s[i+1 : i+3])
		if err != nil {
			t.Fatalf("bad escape in %q", s)
		}
		out = append(out, b...)
		i += 2
	}
	return string(out)
}

// Whatever people are called: no field data can end its field, start a
// command or leave ASCII, and the printer gets the same text back.
func TestEscapeIsSafeAndExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.StringMatching(`[\^~\\_>;a-c]{0,20}`)).Draw(t, "in")
		got := escape(in)
		for _, c := range []byte(got) {
			if c < 0x20 || c > 0x7e || strings.IndexByte(`^~\>`, c) >= 0 {
				t.Fatalf("%q became %q", in, got)
			}
		}
		want := strings.Map(func(r rune) rune {
			if r < 0x20 || r >= 0x7f && r < 0xa0 {
				return ' '
			}
			return r
		}, in)
		if back := unescape(t, got); back != want {
			t.Fatalf("%q came back as %q", in, back)
		}
	})
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in           string
		width, lines int
		want         []string
	}{
		{"", 10, 2, nil},
		{"short", 10, 2, []string{"short"}},
		{"two  words", 10, 2, []string{"two words"}},
		{"one two three", 8, 2, []string{"one two", "three"}},
		{"abcdefghijklmnop", 8, 2, []string{"abcdefgh", "ijklmnop"}},
		{"abcdefghijklmnopq", 8, 2, []string{"abcdefgh", "ijklm..."}},
		{"abcdefghijk", 8, 1, []string{"abcde..."}},
	} {
		if d := cmp.Diff(c.want, fit(c.in, c.width, c.lines)); d != "" {
			t.Errorf("%q (-want +got)\n%s", c.in, d)
		}
	}
}

func FuzzLabel(f *testing.F) {
	f.Add("Zoë", "^XZ", "~JA", int64(5))
	f.Add("\xff\x00", "", "_5E", int64(-1))
	f.Fuzz(func(t *testing.T, name, street, order string, weight int64) {
		l := sample()
		l.ShipTo.Name, l.ShipTo.Street, l.Order, l.WeightMg = name, street, order, weight
		z, err := l.ZPL()
		if err != nil {
			return
		}
		if bytes.Count(z, []byte("^XZ")) != 1 || bytes.Count(z, []byte("^XA")) != 1 || bytes.ContainsAny(z, "~\x00") || !utf8.Valid(z) {
			t.Fatalf("not one label: %q", z)
		}
		if bytes.Count(z, []byte("^FD")) != bytes.Count(z, []byte("^FS"))-3 { // three rules have no data
			t.Fatalf("a field is open: %q", z)
		}
	})
}
