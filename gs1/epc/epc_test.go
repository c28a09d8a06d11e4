package epc

import (
	"errors"
	"strings"
	"testing"

	"tote/gs1/ai"
	"tote/gs1/fault"
)

// What breaks the rules of its scheme is no EPC, and is kept as it is.
func TestDecodeRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		digits string
		why    string // in the text
	}{
		"92 bits":                          {"3074257BF7194E4000001A8", "fewer bits"},
		"header alone":                     {"30", "fewer bits"},
		"SGTIN-198 of 192 bits":            {"3674257BF6B7A659B2C2BF10000000000000000000000000", "fewer bits"},
		"partition 7":                      {"307C257BF7194E4000001A85", "partition 7"},
		"company prefix of 8 digits":       {"3077FFFFF7194E4000001A85", "company prefix"},
		"item of 7 digits":                 {"3074257BF7FFFFC000001A85", "reference: out of range"},
		"SSCC with reserved bits":          {"3174257BF4499602D2000001", "reserved bits"},
		"GSRN with reserved bits":          {"2D74257BF4499602D2000001", "reserved bits"},
		"location where there is no room":  {"3202DFDC1C35020000000000", "reference: out of range"},
		"text behind its end":              {"3674257BF6B7A659B2C2BF1000000000000000000000000040000"[:52], "behind the end"},
		"no serial number":                 {"3674257BF6B7A4000000000000000000000000000000000000000"[:52], "serial number: empty"},
		"a space in a serial number":       {"3674257BF6B7A620000000000000000000000000000000000000", "not allowed"},
		"coupon without its 1":             {"3F74F4E4E612640000000007", "behind a 1"},
		"coupon of a 1 alone":              {"3F74F4E4E612640000000001", "behind a 1"},
		"coupon number that starts with 2": {"3F74F4E4E612640000004FE7", "behind a 1"},
		"piece 100":                        {"4014F4E4E40C0E7200000000F54F", "over 99"},
		"part of 4 digits in room for 3":   {"3C02DFDC1C3503E8" + "00000000", "out of range"},
		"part without an end":              {"3D74257BF7" + strings.Repeat("5", 8), "no end"},
		"CAGE of small letters":            {"2F0" + "206162636465" + "000000001", "CAGE"},
		"CAGE with an O":                   {"2F0" + "20434F474559" + "000000001", "CAGE"},
		"aircraft part without serial":     {"3B0E0CF5E76C9000000", "serial number"},
	} {
		e, err := Decode(tc.digits)
		if !errors.Is(err, fault.EPC) || !strings.Contains(err.Error(), tc.why) {
			t.Errorf("%s: %+v, %v, want %q", name, e, err, tc.why)
		}
		if e != (EPC{Hex: tc.digits}) {
			t.Errorf("%s: what was read is lost or more than that: %+v", name, e)
		}
	}
	for name, digits := range map[string]string{"nothing": "", "no hexadecimal": "30XX", "longer than a tag can be": strings.Repeat("30", 63)} {
		if e, err := Decode(digits); !errors.Is(err, fault.EPCHex) || e != (EPC{}) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	if _, err := DecodeBytes(make([]byte, 63)); !errors.Is(err, fault.EPCHex) {
		t.Errorf("63 bytes: %v", err)
	}
	if _, err := DecodeBytes(nil); !errors.Is(err, fault.EPCHex) {
		t.Errorf("no bytes: %v", err)
	}
}

// What is not decoded is named where the first byte says something.
func TestOthers(t *testing.T) {
	for digits, want := range map[string]string{
		"E200301666130121155074EF": "tid", "000000000000000000000000": "unprogrammed", "F7000000": "sgtin+", "F0": "cpi+", "FB": "dsgtin+", "FC00": "", "ABCD": "", "3": "",
	} {
		e, err := Decode(digits)
		if err != nil || e.Tag != want || e.Scheme != "" || e.Key() != digits || e.URI() != "" || e.TagURI() != "" {
			t.Errorf("%s: %+v, %v", digits, e, err)
		}
		if _, err := e.Elements(); !errors.Is(err, fault.EPCNone) {
			t.Errorf("%s has elements: %v", digits, err)
		}
	}
	e, err := DecodeBytes([]byte{0xE2, 0, 0x30})
	if err != nil || e.RawURI() != "urn:epc:raw:24.xE20030" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestDecodeTag(t *testing.T) {
	const sgtin = "3074257BF7194E4000001A85"
	for _, tc := range []struct {
		name   string
		pc     uint16
		digits string
		want   string // key
		raw    string
		err    error
	}{
		{"six words", 0x3000, sgtin, "urn:epc:id:sgtin:0614141.812345.6789", "urn:epc:raw:96.x" + sgtin, nil},
		{"the words behind are not the EPC's", 0x3000, sgtin + "FFFF", "urn:epc:id:sgtin:0614141.812345.6789", "urn:epc:raw:96.x" + sgtin, nil},
		{"user memory and XPC say nothing of it", 0x3600, sgtin, "urn:epc:id:sgtin:0614141.812345.6789", "urn:epc:raw:96.x" + sgtin, nil},
		{"not of GS1, whatever it looks like", 0x31A1, sgtin, sgtin, "urn:epc:raw:96.xA1.x" + sgtin, nil},
		{"not of GS1, small letters", 0x09A1, "abcd", "ABCD", "urn:epc:raw:16.xA1.xABCD", nil},
		{"fewer words than announced", 0x3800, sgtin, sgtin, "urn:epc:raw:96.x" + sgtin, fault.EPC},
		{"five words are no SGTIN-96", 0x2800, sgtin, "3074257BF7194E400000", "urn:epc:raw:80.x3074257BF7194E400000", fault.EPC},
		{"no words", 0, sgtin, "", "", fault.EPCHex},
		{"nothing at all", 0x3000, "", "", "", fault.EPCHex},
		{"no digits", 0x0900, "xxxx", "", "", fault.EPCHex},
	} {
		e, err := DecodeTag(tc.pc, tc.digits)
		if !errors.Is(err, tc.err) || e.Key() != tc.want || e.RawURI() != tc.raw {
			t.Errorf("%s: %+v, raw %s, %v", tc.name, e, e.RawURI(), err)
		}
	}
	for digits, want := range map[string]uint16{sgtin: 0x3000, strings.Repeat("0", 52): 0x6800, strings.Repeat("0", 44): 0x5800, strings.Repeat("0", 56): 0x7000, "3": 0x0800} {
		if got := PC(digits); got != want {
			t.Errorf("PC of %d digits = %04X, want %04X", len(digits), got, want)
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	for _, uri := range []string{
		"", "urn:epc:id:", "urn:epc:id:sgtin", "urn:epc:id:sgtin:", "URN:EPC:ID:sgtin:0614141.812345.6789", "urn:epc:id:nosuch:0614141.1.1", "urn:epc:tag:nosuch-96:0.0614141.1.1",
		"urn:epc:id:sgtin:0614141.812345", "urn:epc:id:sgtin:0614141.81234.6789", "urn:epc:id:sgtin:06141.41812345.6789", "urn:epc:id:sgtin:0614141.812345.",
		"urn:epc:id:sgtin:0614141.81234A.6789", "urn:epc:id:sgtin:0614141.812345.a b", "urn:epc:id:sgtin:0614141.812345.a/b", "urn:epc:id:sgtin:0614141.812345.a#b",
		"urn:epc:id:sgtin:0614141.812345.a%4", "urn:epc:id:sgtin:0614141.812345.a%41", "urn:epc:id:sgtin:0614141.812345.a%zz", "urn:epc:id:sgtin:0614141.812345.a%23",
		"urn:epc:id:sgtin:0614141.812345.123456789012345678901", "urn:epc:id:sgtin:0614141.812345.ä",
		"urn:epc:id:sscc:0614141.123456789", "urn:epc:id:sscc:0614141.1234567890.1",
		"urn:epc:id:sgln:0614141.1234.5", "urn:epc:id:sgln:123456789012.0.5", "urn:epc:id:grai:0614141.12345.12345678901234567", "urn:epc:id:grai:0614141.12345.",
		"urn:epc:id:giai:0614141.", "urn:epc:id:giai:0614141.123456789012345678901234", "urn:epc:id:giai:0614141",
		"urn:epc:id:cpi:0614141.5pq7.1", "urn:epc:id:cpi:0614141..1", "urn:epc:id:cpi:0614141.5PQ7/Z43.1", "urn:epc:id:cpi:0614141.5PQ7.01", "urn:epc:id:cpi:0614141.5PQ7.1234567890123",
		"urn:epc:id:sgcn:4012345.67890.12345678901234", "urn:epc:id:sgcn:4012345.67890.A", "urn:epc:id:itip:4012345.012345.1.02.981", "urn:epc:id:itip:4012345.012345.01.02",
		"urn:epc:id:gid:01.2.3", "urn:epc:id:gid:268435456.2.3", "urn:epc:id:gid:1.16777216.3", "urn:epc:id:gid:1.2.68719476736", "urn:epc:id:gid:..",
		"urn:epc:id:usdod:CAGE.1", "urn:epc:id:usdod:CAGEI.1", "urn:epc:id:usdod:cagey.1", "urn:epc:id:usdod:CAGEY.01", "urn:epc:id:usdod:CAGEY.68719476736",
		"urn:epc:id:adi:35962.P%23Q.M", "urn:epc:id:adi:35962.PQ.M%23", "urn:epc:id:adi:35962.PQ.", "urn:epc:id:adi:35962." + strings.Repeat("A", 33) + ".M", "urn:epc:id:adi:35962.." + strings.Repeat("A", 31),
		"urn:epc:tag:sgtin-96:8.0614141.812345.6789", "urn:epc:tag:sgtin-96:.0614141.812345.6789", "urn:epc:tag:sgtin-96:03.0614141.812345.6789", "urn:epc:tag:sgtin-96:0614141.812345.6789",
		"urn:epc:tag:sgtin-96:+3.0614141.812345.6789", "urn:epc:tag:sgtin-96:3.0614141.812345.32a", "urn:epc:tag:sgtin-96:3.0614141.812345.06", "urn:epc:tag:sgtin-96:3.0614141.812345.274877906944",
		"urn:epc:tag:usdod-96:16.CAGEY.1", "urn:epc:tag:adi-var:64.35962.PQ.M", "urn:epc:tag:gid-96:0.1.2.3", "urn:epc:tag:sgtin-96:3",
		"urn:epc:tag:giai-96:0.0614141.01", "urn:epc:tag:giai-96:0.0614141.32a", "urn:epc:tag:giai-96:0.0614141.288230376151711744", "urn:epc:tag:cpi-96:0.0614141.5PQ7.1", "urn:epc:tag:cpi-96:0.0614141.1.2147483648",
		"urn:epc:tag:gdti-113:0.0614141.12345.A", "urn:epc:tag:grai-96:0.0614141.12345.01",
		"urn:epc:raw:96.x", "urn:epc:raw:96.xABC", "urn:epc:raw:0.x", "urn:epc:raw:8.xZZ", "urn:epc:raw:8.xA.xAB", "urn:epc:raw:8.xZZ.xAB", "urn:epc:raw:8.AB", "urn:epc:raw:x.xAB", "urn:epc:raw:500.x" + strings.Repeat("A", 125),
		"urn:epc:id:sgtin:0614141.812345." + strings.Repeat("%2F", 1<<16),
	} {
		e, err := ParseURI(uri)
		if !errors.Is(err, fault.EPC) && !errors.Is(err, fault.EPCFit) || e != (EPC{}) {
			t.Errorf("ParseURI(%.80q) = %+v, %v", uri, e, err)
		}
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("%.60q: the error is %d characters long", uri, len(err.Error()))
		}
	}
}

// Of the tags of one identity the shortest that holds it is taken.
func TestTheShortestTag(t *testing.T) {
	for uri, want := range map[string]string{
		"urn:epc:id:sgtin:0614141.812345.274877906943": "sgtin-96",
		"urn:epc:id:sgtin:0614141.812345.274877906944": "sgtin-198",
		"urn:epc:id:sgtin:0614141.812345.01":           "sgtin-198",
		"urn:epc:id:sgln:123456789012..0":              "sgln-96",
		"urn:epc:id:sgln:0614141.12345.A":              "sgln-195",
		"urn:epc:id:grai:0614141.12345.5":              "grai-96",
		"urn:epc:id:grai:0614141.12345.05":             "grai-170",
		"urn:epc:id:giai:0614141.288230376151711743":   "giai-96",
		"urn:epc:id:giai:0614141.288230376151711744":   "giai-202",
		"urn:epc:id:gdti:0614141.12345.0":              "gdti-96",
		"urn:epc:id:gdti:0614141.12345.00":             "gdti-174",
		"urn:epc:id:cpi:0614141.98765.2147483647":      "cpi-96",
		"urn:epc:id:cpi:0614141.98765.2147483648":      "cpi-var",
		"urn:epc:id:cpi:0614141.098765.1":              "cpi-var",
		"urn:epc:id:itip:4012345.012345.01.02.981":     "itip-110",
		"urn:epc:id:itip:4012345.012345.01.02.98x":     "itip-212",
		"urn:epc:id:adi:35962..%23M37":                 "adi-var",
		"urn:epc:id:adi:W81X9C.3KL984PX1.2WMA52":       "adi-var",
		"urn:epc:id:usdod:2S194.12345678901":           "usdod-96",
		"urn:epc:id:gid:95100000.12345.400":            "gid-96",
		"urn:epc:id:gsrnp:0614141.1234567890":          "gsrnp-96",
		"urn:epc:id:sgcn:4012345.67890.0":              "sgcn-96",
	} {
		e, err := ParseURI(uri)
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if e.Tag != "" || e.Hex != "" || e.TagURI() != "" || e.RawURI() != "" {
			t.Errorf("%s is on a tag: %+v", uri, e)
		}
		on, err := e.On("", 0)
		if err != nil || on.Tag != want {
			t.Errorf("%s: %s, want %s, %v", uri, on.Tag, want, err)
		}
	}
	e := EPC{Scheme: SGTIN, Prefix: "0614141", Reference: "812345", Serial: "1"}
	if _, err := e.On("sscc-96", 0); !errors.Is(err, fault.EPC) {
		t.Errorf("a unit on the tag of a pallet: %v", err)
	}
	if _, err := (EPC{}).On("", 0); !errors.Is(err, fault.EPC) {
		t.Errorf("nothing: %v", err)
	}
	if len(TagSchemes()) != 22 {
		t.Errorf("%d schemes: %v", len(TagSchemes()), TagSchemes())
	}
}

func TestElements(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		n        int
		want     string // URI
		err      error
	}{
		{"unit", "(01)80614141123458(10)A(21)6789", 7, "urn:epc:id:sgtin:0614141.812345.6789", nil},
		{"GTIN-13, bought singly", "(01)09506000134352(21)1", 12, "urn:epc:id:sgtin:950600013435.0.1", nil},
		{"GTIN-8", "(01)00000096385074(21)1", 8, "urn:epc:id:sgtin:00000963.08507.1", nil},
		{"GTIN-8 of a shop", "(01)00000002345673(21)1", 8, "", fault.EPCNone},
		{"a class of items", "(01)80614141123458", 7, "", fault.EPCNone},
		{"a class of items on a pallet", "(01)80614141123458(00)106141412345678908", 7, "urn:epc:id:sscc:0614141.1234567890", nil},
		{"pallet with contents", "(02)09506000134352(37)5(00)106141412345678908", 7, "urn:epc:id:sscc:0614141.1234567890", nil},
		{"plain location", "(414)0614141123452", 7, "urn:epc:id:sgln:0614141.12345.0", nil},
		{"location bought singly", "(414)9520123456788", 12, "urn:epc:id:sgln:952012345678..0", nil},
		{"location with extension", "(414)0614141123452(254)32a/b", 7, "urn:epc:id:sgln:0614141.12345.32a%2Fb", nil},
		{"asset type alone", "(8003)00614141123452", 7, "", fault.EPCNone},
		{"asset", "(8004)061414132a/b", 7, "urn:epc:id:giai:0614141.32a%2Fb", nil},
		{"asset shorter than its prefix", "(8004)061414", 7, "", fault.EPCPrefix},
		{"asset whose prefix would have letters", "(8004)061414132a/b", 11, "", fault.EPCPrefix},
		{"document type alone", "(253)0614141123452", 7, "", fault.EPCNone},
		{"coupon alone", "(255)4012345678901", 7, "", fault.EPCNone},
		{"component without serial", "(8010)061414198765", 7, "", fault.EPCNone},
		{"recipient", "(8018)123456789012345675", 7, "urn:epc:id:gsrn:1234567.8901234567", nil},
		{"provider", "(8017)123456789012345675", 7, "urn:epc:id:gsrnp:1234567.8901234567", nil},
		{"piece of an item without serial", "(8006)040123451234560102", 7, "", fault.EPCNone},
		{"no prefix length", "(00)106141412345678908", 0, "", fault.EPCPrefix},
		{"13 digits", "(00)106141412345678908", 13, "", fault.EPCPrefix},
		{"no key", "(10)A", 7, "", fault.EPCNone},
	} {
		elements, _, err := ai.ParseBracketed(tc.in, ai.Sound)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		e, err := FromElements(elements, tc.n)
		if !errors.Is(err, tc.err) || e.URI() != tc.want {
			t.Errorf("%s: %s, %v, want %s, %v", tc.name, e.URI(), err, tc.want, tc.err)
		}
	}
	if _, err := FromElements([]ai.Element{{AI: "00", Value: "106141412345678907"}}, 7); !errors.Is(err, fault.CheckDigit) {
		t.Errorf("a wrong check digit: %v", err)
	}
	if _, err := FromElements(nil, 7); !errors.Is(err, fault.EPCNone) {
		t.Errorf("nothing: %v", err)
	}
	for uri, want := range map[string]error{
		"urn:epc:id:gid:1.2.3": fault.EPCNone, "urn:epc:id:usdod:CAGEY.1": fault.EPCNone, "urn:epc:id:adi:35962.PQ7VZ4.M37GXB92": fault.EPCNone,
		"urn:epc:id:itip:4012345.012345.03.02.981": fault.Content,
	} {
		e, err := ParseURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		if elements, err := e.Elements(); !errors.Is(err, want) || elements != nil {
			t.Errorf("%s: %v, %v, want %v", uri, elements, err, want)
		}
	}
	if _, err := (EPC{Scheme: SGTIN}).Elements(); !errors.Is(err, fault.EPC) {
		t.Errorf("an empty unit: %v", err)
	}
}
