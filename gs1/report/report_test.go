package report

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tote/gs1/fault"
	"tote/gs1/scan"
)

// at is what a test does not care for.
func at(o Options) Options {
	o.Year = 2026
	if o.PC == 0 {
		o.PC = -1
	}
	return o
}

func show(t *testing.T, r Report) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDecode(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		o        Options
		want     []string // parts of the JSON
	}{
		{"GS1-128", "]C10109506000134352" + "310300019510ABC\x1d17270131", Options{}, []string{
			`"form":"barcode"`, `"symbologyName":"GS1-128"`, `"rule":"identifier"`, `"bracketed":"(01)09506000134352(3103)000195(10)ABC(17)270131"`,
			`{"ai":"3103","title":"NET WEIGHT (kg)","value":"000195","number":"0.195","unit":"kg"}`, `"date":"2027-01-31"`,
			`"link":"https://id.gs1.org/01/09506000134352/10/ABC?3103=000195\u002617=270131"`, `"elementString":"0109506000134352310300019510ABC\u001d17270131"`,
		}},
		{"a lone lot", "]C110ABC", Options{}, []string{`"code":"GS1_MISSING_AI"`, `"bracketed":"(10)ABC"`}},
		{"an unknown country", "]C10109506000134352422999", Options{}, []string{`"code":"GS1_CODE"`}},
		{"an SGTIN-96", "3074257bf7194e4000001a85", Options{}, []string{
			`"form":"tag"`, `"scheme":"sgtin"`, `"tag":"sgtin-96"`, `"filter":3`, `"companyPrefix":"0614141"`, `"reference":"812345"`, `"serial":"6789"`,
			`"uri":"urn:epc:id:sgtin:0614141.812345.6789"`, `"tagUri":"urn:epc:tag:sgtin-96:3.0614141.812345.6789"`, `"hex":"3074257BF7194E4000001A85"`, `"pc":"3000"`,
			`"bracketed":"(01)80614141123458(21)6789"`, `"link":"https://id.gs1.org/01/80614141123458/21/6789"`,
		}},
		{"a tag of digits alone", "301800004000004000000001", Options{}, []string{`"form":"tag"`, `"uri":"urn:epc:id:sgtin:000001.0000001.1"`}},
		{"digits that are a barcode", "010950600013435217270131", Options{}, []string{`"form":"barcode"`, `"rule":"01+14"`}},
		{"a tag of somebody else", "E200301666130121155074EF", Options{}, []string{`"tag":"tid"`, `"rawUri":"urn:epc:raw:96.xE200301666130121155074EF"`}},
		{"a tag that says it is not of GS1", "3074257BF7194E4000001A85", Options{PC: 0x31A1}, []string{`"afi":"A1"`, `"rawUri":"urn:epc:raw:96.xA1.x3074257BF7194E4000001A85"`}},
		{"a pure identity", "urn:epc:id:sscc:0614141.1234567890", Options{}, []string{`"form":"pure-uri"`, `"bracketed":"(00)106141412345678908"`}},
		{"a tag URI", "urn:epc:tag:adi-var:3.35962.PQ7VZ4.M37GXB92", Options{}, []string{`"form":"tag-uri"`, `"hex":"3B0E0CF5E76C9047759AD00373DC7602E7200000"`}},
		{"a raw URI", "urn:epc:raw:16.xABCD", Options{}, []string{`"form":"raw-uri"`, `"hex":"ABCD"`}},
		{"an EPC that no barcode may say", "urn:epc:id:itip:4012345.012345.03.02.981", Options{}, []string{`"code":"GS1_CONTENT"`}},
		{"a link", "https://example.com/01/09520123456788/21/7?lang=de", Options{Stem: "https://id.example.com"}, []string{`"form":"link"`, `"link":"https://id.example.com/01/09520123456788/21/7"`}},
		{"an EPC of a barcode", "(01)80614141123458(21)6789", Options{Prefix: 7, Filter: 1}, []string{`"form":"elements"`, `"hex":"3034257BF7194E4000001A85"`}},
		{"no EPC of a class", "(01)80614141123458", Options{Prefix: 7}, []string{`"code":"GS1_EPC_NONE"`}},
		{"text", "A-01-02", Options{}, []string{`"form":"text"`, `"text":"A-01-02"`, `"rule":"plain"`}},
		{"a scanner's own ways", "]C110ABC~2", Options{Scanner: scan.Config{Substitutes: []string{"~2"}}}, []string{`"bracketed":"(10)ABC"`}},
	} {
		r, err := Decode(tc.in, at(tc.o))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := show(t, r)
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %s lacks %s", tc.name, got, want)
			}
		}
	}
	for in, want := range map[string]error{
		"": fault.Empty, "]XX": fault.Identifier, "urn:epc:id:x": fault.EPC, "307C257BF7194E4000001A85": fault.EPC, "]C10109506000134353": fault.CheckDigit, "A\x00": fault.Control,
		"https://id.gs1.org/01/09520123456789": fault.CheckDigit, strings.Repeat("A-", 9000): fault.TooLong,
	} {
		if r, err := Decode(in, at(Options{})); !errors.Is(err, want) {
			t.Errorf("%.40q: %+v, %v, want %v", in, r, err, want)
		}
	}
	if _, err := Decode("X", at(Options{Scanner: scan.Config{Identifier: "x"}})); err == nil {
		t.Error("a scanner that cannot be was taken")
	}
}

func TestEncode(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		o        Options
		want     string // part of the JSON
		err      error
	}{
		{"elements", "(01)09506000134352(10)ABC(17)270131", Options{}, `"elementString":"010950600013435210ABC\u001d17270131"`, nil},
		{"shortest tag", "(01)80614141123458(21)6789", Options{Prefix: 7, Filter: 3}, `"hex":"3074257BF7194E4000001A85"`, nil},
		{"longer tag", "(01)80614141123458(21)6789", Options{Prefix: 7, Filter: 1, Tag: "sgtin-198"}, `"hex":"3634257BF7194E5B3770E40000000000`, nil},
		{"a serial number with letters", "(01)70614141123451(21)32a/b", Options{Prefix: 7, Filter: 3}, `"tagUri":"urn:epc:tag:sgtin-198:3.0614141.712345.32a%2Fb"`, nil},
		{"that does not fit", "(01)70614141123451(21)32a/b", Options{Prefix: 7, Tag: "sgtin-96"}, "", fault.EPCFit},
		{"a pure identity", "urn:epc:id:sscc:0614141.1234567890", Options{Filter: 3}, `"hex":"3174257BF4499602D2000000"`, nil},
		{"a tag URI as it says", "urn:epc:tag:sscc-96:3.0614141.1234567890", Options{}, `"hex":"3174257BF4499602D2000000"`, nil},
		{"a tag made to another", "3074257BF7194E4000001A85", Options{Tag: "sgtin-198", Filter: 1}, `"tagUri":"urn:epc:tag:sgtin-198:1.0614141.812345.6789"`, nil},
		{"a link to elements", "https://id.gs1.org/01/09520123456788/10/A", Options{}, `"bracketed":"(01)09520123456788(10)A"`, nil},
		{"a link", "(01)09520123456788(21)A", Options{Stem: "https://x.example/y"}, `"link":"https://x.example/y/01/09520123456788/21/A"`, nil},
		{"no link without a key", "(00)106141412345678908(400)PO1", Options{Stem: "https://x.example/?"}, "", fault.Link},
		{"a tag without a prefix length", "(01)80614141123458(21)6789", Options{Tag: "sgtin-96"}, "", fault.EPCPrefix},
		{"the tag of another scheme", "(01)80614141123458(21)6789", Options{Prefix: 7, Tag: "sscc-96"}, "", fault.EPC},
		{"a lot alone", "(10)ABC", Options{}, "", fault.Missing},
		{"two that exclude each other", "(01)09506000134352(02)09506000134352(37)5(00)106141412345678908", Options{}, "", fault.Excluded},
		{"a country there is not", "(01)09506000134352(422)999", Options{}, "", fault.Code},
		{"a class of things", "(01)80614141123458", Options{Prefix: 7}, "", fault.EPCNone},
		{"text", "A-01-02", Options{}, "", fault.UnknownAI},
		{"a tag of somebody else", "E200301666130121155074EF", Options{}, "", fault.EPCNone},
		{"a raw URI", "urn:epc:raw:16.xABCD", Options{}, "", fault.EPCNone},
		{"a control word", "3074257BF7194E4000001A85", Options{PC: 0x3000}, "", fault.EPC},
	} {
		r, err := Encode(tc.in, at(tc.o))
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
		if got := show(t, r); err == nil && !strings.Contains(got, tc.want) {
			t.Errorf("%s: %s lacks %s", tc.name, got, tc.want)
		}
		var f *fault.Error
		if err != nil && !errors.As(err, &f) {
			t.Errorf("%s: %v has no code", tc.name, err)
		}
	}
}
