package label

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// nasty is what a field may hold that nobody checked: too long by far, commands of
// each language, control characters, scripts and what is no text at all. Each one is
// whole and repeated to 10,000 characters.
var nasty = map[string]string{
	"long word":    "A",
	"long text":    "lorem ipsum ",
	"digits":       "7",
	"controls":     "a\x00\x01\x02\x03\x04\x05\x07\x08\t\n\v\f\r\x0e\x10\x10\x04\x10\x05\x10\x14\x18\x1a\x1b@\x1c\x1d\x1e\x1f\x7f",
	"c1":           "a\u0080\u0085\u0090\u009f",
	"ZPL":          "^XZ~JA^XA^FS^FDx\\&_5E^FN1^HV~HS^CC+>;>8",
	"TSPL":         "x\"\r\nPRINT 9\r\n\\[\"]\\[R]~!D\"~!F\\",
	"EPL2":         "x\"\r\nP9\r\n\\\"^@\r\nN\r\n\\",
	"ESC/POS":      "\x1dV\x00\x1d(k\x03\x001E1\x10\x14\x01\x00\x01{A{1",
	"quotes":       "\"'`´“”„‚\\/",
	"umlauts":      "Zoë Müller, Łódź €",
	"RTL":          "שלום \u202eעולם\u202c مرحبا\u200f",
	"separators":   "a\u2028b\u2029c\u00a0d\u200be\ufeff",
	"emoji":        "👩‍👩‍👧‍👦🏳️‍🌈",
	"combining":    "e\u0301\u0323\u0302",
	"no UTF-8":     "\xff\xfe\xc0\xaf\xed\xa0\x80\x80",
	"half UTF-8":   "Zo\xc3",
	"brackets":     "(01)09521234543213(10)(",
	"path":         "../../etc/passwd\x00",
	"a blank":      " ",
	"a zero width": "\u200b",
	"GS":           "\x1d",
	"format verbs": "%s%n%d%!",
}

// filled is each template with one field filled by text.
func filled(text string) map[string]func() ([]Label, error) {
	made := map[string]func() ([]Label, error){}
	one := func(name string, l interface{ Label() (Label, error) }) {
		made[name] = func() ([]Label, error) {
			x, err := l.Label()
			return []Label{x}, err
		}
	}
	logistic := map[string]func(*Logistic){
		"from": func(l *Logistic) { l.From = []string{text, text, text} }, "name": func(l *Logistic) { l.ShipTo.Name = text },
		"company": func(l *Logistic) { l.ShipTo.Company = text }, "street": func(l *Logistic) { l.ShipTo.Street = text },
		"street2": func(l *Logistic) { l.ShipTo.Street2 = text }, "postcode": func(l *Logistic) { l.ShipTo.Postcode = text },
		"city": func(l *Logistic) { l.ShipTo.City = text }, "country": func(l *Logistic) { l.ShipTo.Country = text },
		"carrier": func(l *Logistic) { l.Carrier = text }, "tracking": func(l *Logistic) { l.Tracking = text },
		"order": func(l *Logistic) { l.Order = text }, "sscc": func(l *Logistic) { l.SSCC = text }, "party": func(l *Logistic) { l.Party = text },
		"everything": func(l *Logistic) {
			*l = Logistic{From: []string{text, text}, ShipTo: Address{text, text, text, text, text, text, text}, Carrier: text, Tracking: text, Order: text, SSCC: l.SSCC, Party: text}
		},
	}
	for field, set := range logistic {
		l := sample()
		set(&l)
		one("logistic "+field, l)
	}
	one("coded title", Coded{Title: text, Code: "A-1"})
	one("coded code", Coded{Title: "BIN", Code: text})
	one("coded note", Coded{Title: "BIN", Code: "A-1", Note: text})
	one("item sku", Item{SKU: text, Name: "Cup"})
	one("item sku with gtin", Item{SKU: text, Name: "Cup", GTIN: "09521234543213"})
	one("item name", Item{SKU: "CUP", Name: text})
	one("item gtin", Item{SKU: "CUP", GTIN: text})
	one("item lot", Item{SKU: "CUP", GTIN: "09521234543213", Lot: text})
	one("item lot without gtin", Item{SKU: "CUP", Lot: text})
	one("item expiry", Item{SKU: "CUP", GTIN: "09521234543213", Expiry: text})
	one("item serial", Item{SKU: "CUP", GTIN: "09521234543213", Serial: text})
	one("item serial without gtin", Item{SKU: "CUP", Serial: text})
	one("item link", Item{SKU: "CUP", GTIN: "09521234543213", Link: "https://id.example.com/" + text})
	one("item lot of a link", Item{SKU: "CUP", GTIN: "09521234543213", Lot: text, Link: "https://id.example.com"})
	made["slip title"] = func() ([]Label, error) { return Slip(text, []Line{{Left: "a", Right: "1"}}) }
	made["slip left"] = func() ([]Label, error) { return Slip("SLIP", []Line{{Left: text, Right: "1"}}) }
	made["slip right"] = func() ([]Label, error) { return Slip("SLIP", []Line{{Left: "Cup", Right: text}}) }
	made["slip both"] = func() ([]Label, error) { return Slip("SLIP", []Line{{Left: text, Right: text}}) }
	return made
}

// most bounds the job of one label, bytes: a thousand letters and a symbol, drawn bar
// by bar, with every character escaped.
const most = 24 << 10

// zplText are the texts of a job in ZPL as a printer would show them.
var zplText = regexp.MustCompile(`\^FH_\^FD([^^]*)\^FS`)

// shown is what a person reads of a job.
func shown(lang Language, job []byte) string {
	if lang != ZPL {
		return string(job)
	}
	var b strings.Builder
	for _, m := range zplText.FindAllSubmatch(job, -1) {
		for i := 0; i < len(m[1]); i++ {
			if m[1][i] == '_' {
				c, _ := hex.DecodeString(string(m[1][i+1 : i+3]))
				b.Write(c)
				i += 2
				continue
			}
			b.WriteByte(m[1][i])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestHostileFields: whatever stands in a field of a template, in each language and in
// each resolution, the label is refused with a code, or it is one well-formed label of
// bounded size, on which what was cut says so.
func TestHostileFields(t *testing.T) {
	made, refused := 0, map[string]int{}
	for kind, piece := range nasty {
		for _, text := range []string{piece, strings.Repeat(piece, 10_000/len([]rune(piece))+1)} {
			for name, draw := range filled(text) {
				labels, err := draw()
				if err != nil {
					if !errors.Is(err, ErrLabel) || Code(err) == "" || len(err.Error()) > 1000 {
						t.Errorf("%s of %s: refused with code %q: %.300v", name, kind, Code(err), err)
					}
					refused[Code(err)]++
					continue
				}
				for _, lang := range Languages() {
					for _, dots := range []int{8, 12, 24} {
						job, err := Write(Device{Language: lang, Dots: dots}, labels...)
						if err != nil {
							if !errors.Is(err, ErrLabel) || Code(err) == "" || job != nil || len(err.Error()) > 1000 {
								t.Errorf("%s of %s in %s: refused with code %q: %.300v", name, kind, lang, Code(err), err)
							}
							refused[Code(err)]++
							continue
						}
						made++
						if bad := wellFormed(lang, job, len(labels)); bad != "" {
							t.Errorf("%s of %s in %s: %s: %.300q", name, kind, lang, bad, job)
						}
						if len(job) > most*len(labels) {
							t.Errorf("%s of %s in %s: %d bytes", name, kind, lang, len(job))
						}
						if len(text) >= 10_000 && strings.TrimSpace(printable(text)) != "" && !strings.Contains(shown(lang, job), "...") {
							t.Errorf("%s of %s in %s: what was cut does not say so: %.3000q", name, kind, lang, shown(lang, job))
						}
					}
				}
			}
		}
	}
	if made < 1000 || len(refused) < 3 || refused[""] > 0 {
		t.Errorf("%d labels, refused %v", made, refused)
	}
	t.Log(made, "labels,", fmt.Sprint(refused))
}

// TestSlipLineOfTwoLongParts: the parts of a line do not print over one another.
func TestSlipLineOfTwoLongParts(t *testing.T) {
	labels, err := Slip("S", []Line{{Left: strings.Repeat("L", 60), Right: strings.Repeat("R", 60)}})
	if err != nil {
		t.Fatal(err)
	}
	letters := 0
	for _, e := range labels[0].Elements[1:] {
		letters += len([]rune(e.Data))
	}
	if letters >= slipWide {
		t.Errorf("%d letters on a line of %d", letters, slipWide)
	}
}
