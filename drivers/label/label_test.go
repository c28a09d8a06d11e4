package label

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/drivers"
)

var update = flag.Bool("update", false, "write the golden labels anew")

func sample() Logistic {
	return Logistic{
		From:    []string{"Tote demo site", "Lagerweg 1, 80331 München, DE"},
		ShipTo:  Address{Name: "Zoë Müller", Street: "Große Straße 12", Postcode: "10115", City: "Berlin", Country: "de"},
		Carrier: "DHL", Tracking: "JD014600000000000001", Order: "ORD-1001", SSCC: "106141412345678908", WeightMg: 1_234_499,
	}
}

func long() Logistic {
	l := sample()
	l.ShipTo = Address{
		Name:    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
		Company: "A very long company name that does not end soon, care of somebody else entirely",
		Street:  "1 Some Extremely Long Street Name With Many Words Boulevard North West", Street2: "Building 7, floor 3, door 12",
		Postcode: "SW1A 1AA", City: "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch", Country: "GB",
	}
	return l
}

func hostile() Logistic {
	l := sample()
	l.ShipTo.Name = "^XZ~JA\\_5E>;>8\x1b\n\x00"
	l.Order = "^FS^XZ^XA"
	return l
}

// of lays out what cannot fail here.
func of(t testing.TB, l interface{ Label() (Label, error) }) Label {
	t.Helper()
	made, err := l.Label()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// all is every template, with what it holds.
func all(t testing.TB) map[string][]Label {
	t.Helper()
	reprint, a6 := sample(), long()
	reprint.Copy, reprint.From = true, nil
	a6.Size = A6
	slip, err := Slip(`PACKING SLIP "O-1" ^XZ`, []Line{
		{Left: "Zoë ^XA~JA Müller \\[R] \x10\x04\x01"}, {Rule: true}, {Left: "1  CUP  Tasse, blau", Right: "2 of 2"}, {Left: strings.Repeat("long ", 20), Right: "9"},
	})
	if err != nil {
		t.Fatal(err)
	}
	full := Item{
		SKU: `MILK-1_^~"`, Name: "Milch für Kaffee ~!D \\[R] ^XZ, haltbar, in der großen Packung",
		GTIN: "09521234543213", Lot: `L_1"/(A`, Expiry: "2027-02-28", Serial: "S-1",
	}
	short := Item{SKU: "MILK", Name: "Milk", GTIN: "09521234543213", Link: "https://id.example.com"}
	return map[string][]Label{
		"plain": {of(t, sample())}, "long": {of(t, long())}, "hostile": {of(t, hostile())}, "reprint": {of(t, reprint)}, "a6": {of(t, a6)},
		// > stands last: the renderer of the proof loses what is behind it.
		"tote": {of(t, Coded{Title: "TOTE", Code: "T-104242"})}, "bin": {of(t, Coded{Title: "BIN", Code: "A-01-03^~_>", Note: "zone A ^XZ"})},
		"item": {of(t, full)}, "link": {of(t, short)}, "sku": {of(t, Item{SKU: "PEN-9>^~", Name: "Pen", Lot: "L1"})},
		"slip": slip,
	}
}

// The labels, byte for byte, in each language. Run with -update after a change
// on purpose. What a language refuses is in its file too.
func TestGoldenLabels(t *testing.T) {
	for name, labels := range all(t) {
		for _, lang := range Languages() {
			t.Run(name+"."+string(lang), func(t *testing.T) {
				got, err := Write(Device{Language: lang}, labels...)
				if err != nil {
					got = []byte("refused: " + drivers.CodeOf(err) + "\n")
				}
				file := filepath.Join("testdata/labels", name+"."+string(lang))
				if *update {
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
}

// GS1 asks of a logistic label: the SSCC is the lowest symbol, at least 32 mm
// high, X of 0.495 to 1.016 mm, at most 165 mm wide, with its human readable
// line.
func TestLogisticLabelKeepsToGS1(t *testing.T) {
	for _, size := range []Size{FourBySix, A6} {
		l := sample()
		l.Size = size
		made := of(t, l)
		last := made.Elements[len(made.Elements)-1]
		w, _, err := last.modules()
		if err != nil || last.Kind != GS1128 || !last.HRI || last.H < 32*Unit || last.Module*1000/Unit < 495 || last.Module*1000/Unit > 1016 || w*last.Module > 165*Unit {
			t.Errorf("%+v, %d modules, %v", last, w, err)
		}
		for _, e := range made.Elements[:len(made.Elements)-1] {
			if e.Y+e.H > last.Y || e.Symbol() {
				t.Errorf("%+v is below the SSCC or a second symbol", e)
			}
		}
		if s, err := last.Scan(); err != nil || s != "]C100106141412345678908" {
			t.Errorf("%q %v", s, err)
		}
	}
}

// No line of an address is lost, however long the others are.
func TestAddressKeepsItsStreets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z]{1,12}( [A-Za-z]{1,12}){0,9}`)
		a := Address{Name: text.Draw(t, "name"), Company: text.Draw(t, "company"), Street: text.Draw(t, "street"), Street2: text.Draw(t, "street2")}
		for _, space := range []int{274, 240} {
			high, all := 0, ""
			for _, l := range a.lines(space, 732) {
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
		}
	})
}

func TestLogisticRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Logistic){
		"check digit":     func(l *Logistic) { l.SSCC = "106141412345678909" },
		"short SSCC":      func(l *Logistic) { l.SSCC = "10614141234567890" },
		"letters":         func(l *Logistic) { l.SSCC = "10614141234567890x" },
		"no SSCC":         func(l *Logistic) { l.SSCC = "" },
		"negative weight": func(l *Logistic) { l.WeightMg = -1 },
		"a tonne":         func(l *Logistic) { l.WeightMg = 1e9 },
		"no name":         func(l *Logistic) { l.ShipTo.Name = " " },
		"no city":         func(l *Logistic) { l.ShipTo.City = "" },
		"no country":      func(l *Logistic) { l.ShipTo.Country = "" },
		"no carrier":      func(l *Logistic) { l.Carrier = "" },
		"no tracking":     func(l *Logistic) { l.Tracking = "" },
		"no order":        func(l *Logistic) { l.Order = "" },
		"empty from":      func(l *Logistic) { l.From = []string{""} },
		"too small":       func(l *Logistic) { l.Size = Size{640, 1218} },
		"too low":         func(l *Logistic) { l.Size = Size{812, 1150} },
	} {
		l := sample()
		spoil(&l)
		if _, err := l.Label(); !errors.Is(err, ErrLabel) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A label whose symbol is not free is no label.
func TestCheckKeepsQuietZones(t *testing.T) {
	bars := Element{Kind: Code128, X: 60, Y: 60, H: 100, Module: 3, Data: "T-1"} // 3 characters: 68 modules
	for _, c := range []struct {
		name string
		code string
		list []Element
	}{
		{"free", "", []Element{bars, {Kind: Text, X: 0, Y: 20, W: 400, H: 40, Data: "above"}}},
		{"text in the quiet zone", drivers.CodeLabelUnfit, []Element{bars, {Kind: Text, X: 60 + 68*3 + 29, Y: 100, H: 20, Data: "x"}}},
		{"text beside the quiet zone", "", []Element{bars, {Kind: Text, X: 60 + 68*3 + 30, Y: 100, H: 20, Data: "x"}}},
		{"rule through it", drivers.CodeLabelUnfit, []Element{bars, {Kind: Rule, X: 0, Y: 100, W: 300, H: 2}}},
		{"quiet zone over the edge", drivers.CodeLabelUnfit, []Element{{Kind: Code128, X: 29, Y: 0, H: 100, Module: 3, Data: "T-1"}}},
		{"bars too low", drivers.CodeLabelUnfit, []Element{{Kind: Code128, X: 60, Y: 0, H: 39, Module: 3, Data: "T-1"}}},
		{"too narrow bars", drivers.CodeLabelUnfit, []Element{{Kind: Code128, X: 60, Y: 0, H: 100, Module: 1, Data: "T-1"}}},
		{"umlaut in Code 128", drivers.CodeLabelCharacter, []Element{{Kind: Code128, X: 60, Y: 0, H: 100, Module: 2, Data: "Tü"}}},
		{"49 characters", drivers.CodeLabelUnfit, []Element{{Kind: Code128, X: 60, Y: 0, H: 100, Module: 2, Data: strings.Repeat("1", 49)}}},
		{"text off the label", drivers.CodeLabelUnfit, []Element{{Kind: Text, X: 0, Y: 390, H: 20, Data: "x"}}},
		{"nothing in it", drivers.CodeLabelUnfit, []Element{{Kind: Code128, X: 60, H: 100, Module: 2}}},
		{"a QR of too much", drivers.CodeLabelUnfit, []Element{{Kind: QR, X: 60, Y: 60, Module: 2, Data: strings.Repeat("x", 500)}}},
		{"a matrix that is no GS1", "", []Element{{Kind: DataMatrix, X: 60, Y: 60, Module: 2, Data: "x"}}},
	} {
		err := Label{Name: "test", Width: 500, Height: 400, Elements: c.list}.Check()
		if c.name == "a matrix that is no GS1" {
			if !errors.Is(err, ErrLabel) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if drivers.CodeOf(err) != c.code || (c.code != "") != errors.Is(err, ErrLabel) {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
	}
}

// wellFormed tells what is wrong with a job, by a reader of each language that
// was written for this test: how many labels it prints and nothing besides.
func wellFormed(lang Language, job []byte, labels int) string {
	count := func(s string) int { return bytes.Count(job, []byte(s)) }
	switch lang {
	case ZPL:
		switch {
		case count("^XA") != labels || count("^XZ") != labels || bytes.ContainsAny(job, "~\x00\x1b"):
			return "not one format a label"
		case count("^FD")+count("^GB") != count("^FS"):
			return "a field is open"
		}
	case TSPL, EPL2:
		end := map[Language]string{TSPL: "PRINT 1,1", EPL2: "P1"}[lang]
		if !bytes.HasSuffix(job, []byte("\r\n")) {
			return "no end of line"
		}
		lines := bytes.Split(bytes.TrimSuffix(job, []byte("\r\n")), []byte("\r\n"))
		n := 0
		for _, line := range lines {
			if bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
				return "a control character"
			}
			if string(line) == end {
				n++
			}
			bare := bytes.ReplaceAll(line, []byte(`\["]`), nil)
			if lang == EPL2 {
				bare = bytes.ReplaceAll(bytes.ReplaceAll(line, []byte(`\\`), nil), []byte(`\"`), nil)
			}
			if q := bytes.Count(bare, []byte(`"`)); q != 0 && (q != 2 && (lang != TSPL || q != 4) || bare[len(bare)-1] != '"') {
				return "a string is open: " + string(line)
			}
			if lang == TSPL && (bytes.Contains(line, []byte("~!")) || bytes.Contains(bare, []byte(`\[`))) || lang == EPL2 && bytes.Contains(line, []byte("^")) {
				return "a command within data"
			}
		}
		if n != labels {
			return "not one print a label"
		}
	case ESCPOS:
		for _, rt := range []string{"\x10\x04", "\x10\x05", "\x10\x14"} {
			if count(rt) > 0 {
				return "a real-time command within data"
			}
		}
		if count("\x1b@") != labels || !bytes.HasSuffix(job, []byte("\x1dV\x42\x03")) {
			return "not one receipt a label"
		}
	}
	return ""
}

// Whatever people type: each language gets one well-formed label, or none.
func FuzzWrite(f *testing.F) {
	f.Add("Zoë", "^XZ", "~JA", int64(5))
	f.Add("\xff\x00", "", "_5E", int64(-1))
	f.Add("\\[\"]", "~!D\"", "^@\r\nN\r\n", int64(7))
	f.Add("\x10\x04\x01", "\x1b@", "1610041005", int64(1))
	f.Fuzz(func(t *testing.T, name, street, code string, weight int64) {
		l := sample()
		l.ShipTo.Name, l.ShipTo.Street, l.Order, l.WeightMg = name, street, code, weight
		labels := []interface{ Label() (Label, error) }{
			l,
			Coded{Title: "BIN", Code: code, Note: name},
			Item{SKU: code, Name: name, Lot: street},
			Item{SKU: name, Name: street, GTIN: "09521234543213", Lot: code, Serial: name},
			Item{SKU: name, Name: street, GTIN: "09521234543213", Lot: code, Link: "https://id.example.com"},
		}
		slip, err := Slip(name, []Line{{Left: street, Right: code}, {Left: code, Right: name}})
		if err != nil {
			t.Fatal(err)
		}
		for _, lang := range Languages() {
			for _, dots := range []int{8, 12} {
				dev := Device{Language: lang, Dots: dots}
				for _, x := range labels {
					made, err := x.Label()
					if err != nil {
						continue
					}
					if job, err := Write(dev, made); err == nil {
						if bad := wellFormed(lang, job, 1); bad != "" {
							t.Fatalf("%s of %+v: %s: %.300q", lang, x, bad, job)
						}
					}
				}
				if job, err := Write(dev, slip...); err == nil {
					if bad := wellFormed(lang, job, len(slip)); bad != "" {
						t.Fatalf("%s of the slip: %s: %.300q", lang, bad, job)
					}
				}
			}
		}
	})
}

// unescaped is what a printer does with field data under ^FH_, written anew.
func unescaped(t *rapid.T, s string) string {
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

// No field data can end its field, start a command or leave ASCII, and the
// printer gets the same text back.
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
		if back := unescaped(t, got); back != want {
			t.Fatalf("%q came back as %q", in, back)
		}
	})
}

func TestTemplatesRefuse(t *testing.T) {
	for name, l := range map[string]interface{ Label() (Label, error) }{
		"no code":          Coded{Title: "BIN"},
		"no title":         Coded{Code: "A"},
		"umlaut":           Coded{Title: "BIN", Code: "Ä-1"},
		"a code too long":  Coded{Title: "BIN", Code: strings.Repeat("Ab", 24)},
		"no SKU":           Item{},
		"wrong GTIN":       Item{SKU: "X", GTIN: "09521234543214"},
		"odd expiry":       Item{SKU: "X", GTIN: "09521234543213", Expiry: "soon"},
		"no such day":      Item{SKU: "X", GTIN: "09521234543213", Expiry: "2027-02-30"},
		"lot with umlaut":  Item{SKU: "X", GTIN: "09521234543213", Lot: "Ü"},
		"no resolver":      Item{SKU: "X", GTIN: "09521234543213", Link: "nowhere"},
		"SKU of a novel":   Item{SKU: strings.Repeat("AB", 20), Name: "x"},
		"SKU with umlauts": Item{SKU: "KÜRBIS"},
	} {
		if _, err := l.Label(); !errors.Is(err, ErrLabel) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a language cannot do is refused with a code, never half printed.
func TestWriteRefuses(t *testing.T) {
	item, logistic := of(t, Item{SKU: "X", GTIN: "09521234543213"}), of(t, sample())
	russian := sample()
	russian.ShipTo.Name = "Анна Каренина"
	for _, c := range []struct {
		name string
		dev  Device
		l    Label
		code string
	}{
		{"no language", Device{}, item, ""},
		{"odd resolution", Device{Language: ZPL, Dots: 9}, item, ""},
		{"EPL2 at 300 dpi", Device{Language: EPL2, Dots: 12}, logistic, drivers.CodeLabelUnfit},
		{"EPL2 has no DataMatrix", Device{Language: EPL2}, item, drivers.CodeLabelUnfit},
		{"ESC/POS has no GS1 DataMatrix", Device{Language: ESCPOS}, item, drivers.CodeLabelUnfit},
		{"ESC/POS has no bars of 33 mm", Device{Language: ESCPOS}, logistic, drivers.CodeLabelUnfit},
		{"Cyrillic in EPL2", Device{Language: EPL2}, of(t, russian), drivers.CodeLabelCharacter},
		{"a label that is none", Device{Language: ZPL}, Label{}, drivers.CodeLabelUnfit},
		{"~! in a QR of TSPL", Device{Language: TSPL}, Label{Width: 400, Height: 400, Elements: []Element{{Kind: QR, X: 40, Y: 40, Module: 4, Data: "a~!Db"}}}, drivers.CodeLabelCharacter},
	} {
		if b, err := Write(c.dev, c.l); !errors.Is(err, ErrLabel) || drivers.CodeOf(err) != c.code || b != nil {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
	}
	if b, err := Write(Device{Language: TSPL}, of(t, russian)); err != nil || !bytes.Contains(b, []byte("Анна Каренина")) {
		t.Errorf("Cyrillic in TSPL: %v", err)
	}
}

func TestLatin(t *testing.T) {
	for in, want := range map[string]string{
		"Zoë Müller":   "Zo\xeb M\xfcller",
		"10 €":         "10 \x80",
		"Łódź, Škoda":  "L\xf3dz, \x8akoda",
		"a\x00b\nc":    "a b c",
		"Kraków 日":     "Krak\xf3w ?",
		"\xff":         "",
		"東京":           "",
		"ĐORĐE":        "DORDE",
		"Tom's “Shop”": "Tom's \x93Shop\x94",
	} {
		got, err := latin(in)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
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

// The table of Code 128: 11 modules each, the stop 13, none twice.
func TestCode128Table(t *testing.T) {
	seen := map[string]bool{}
	for i, p := range patterns {
		sum := 0
		for _, c := range p {
			sum += int(c - '0')
		}
		if want := map[bool]int{false: 11, true: 13}[i == stop]; sum != want || seen[p] {
			t.Errorf("%d: %s is %d wide, or there twice", i, p, sum)
		}
		seen[p] = true
	}
	codes, err := code128("00106141412345678908", true)
	if err != nil || 11*(len(codes)+2)+2 != 156 {
		t.Errorf("an SSCC is %d characters, %v", len(codes), err)
	}
}
