package gs1

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/gs1/fault"
)

// The examples of the EPC Tag Data Standard, both ways and in full.
func TestEPCWorkedExamples(t *testing.T) {
	for _, want := range []EPC{
		{
			Scheme: "sgtin", URI: "urn:epc:id:sgtin:0614141.812345.6789", TagURI: "urn:epc:tag:sgtin-96:3.0614141.812345.6789",
			GTIN: "80614141123458", Serial: "6789", Filter: 3, Prefix: "0614141", Hex: "3074257BF7194E4000001A85",
		},
		{
			Scheme: "sscc", URI: "urn:epc:id:sscc:0614141.1234567890", TagURI: "urn:epc:tag:sscc-96:3.0614141.1234567890",
			SSCC: "106141412345678908", Filter: 3, Prefix: "0614141", Hex: "3174257BF4499602D2000000",
		},
	} {
		got, err := DecodeEPC(strings.ToLower(want.Hex))
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("DecodeEPC(%s): %v\n%s", want.Hex, err, d)
		}
		got, err = ParseEPCURI(want.TagURI)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("ParseEPCURI(%s): %v\n%s", want.TagURI, err, d)
		}
		pure := want
		pure.TagURI, pure.Filter, pure.Hex = "", 0, ""
		got, err = ParseEPCURI(want.URI)
		if d := cmp.Diff(pure, got); d != "" || err != nil {
			t.Errorf("ParseEPCURI(%s): %v\n%s", want.URI, err, d)
		}
		if digits, err := EncodeEPC(want.URI, want.Filter); digits != want.Hex || err != nil {
			t.Errorf("EncodeEPC(%s) = %s, %v", want.URI, digits, err)
		}
		if want.Key() != want.URI {
			t.Errorf("key %s", want.Key())
		}
	}
	if digits, err := EncodeSGTIN96(7, "80614141123458", "6789", 3); digits != "3074257BF7194E4000001A85" || err != nil {
		t.Errorf("EncodeSGTIN96 = %s, %v", digits, err)
	}
	if digits, err := EncodeSSCC96(7, "106141412345678908", 3); digits != "3174257BF4499602D2000000" || err != nil {
		t.Errorf("EncodeSSCC96 = %s, %v", digits, err)
	}
}

// TestEPCVectors runs every EPC vector: the two schemes both ways, all others
// must come through as raw content.
func TestEPCVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Kind    string  `json:"kind"`
			Scheme  string  `json:"scheme"`
			Hex     string  `json:"hex"`
			TagURI  *string `json:"tag_uri"`
			PureURI *string `json:"pure_uri"`
			Element *string `json:"element_string"`
		} `json:"vectors"`
	}
	if err := json.NewDecoder(openShared(t, "gs1_vectors.json")).Decode(&file); err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for _, v := range file.Vectors {
		if !strings.HasPrefix(v.Kind, "epc") {
			continue
		}
		if v.Kind == "epc_invalid" {
			ran[v.Kind]++
			if digits, err := EncodeEPC(*v.PureURI, 1); !errors.Is(err, fault.EPCFit) {
				t.Errorf("EncodeEPC(%s) = %s, %v, want a refusal", *v.PureURI, digits, err)
			}
			continue
		}
		e, err := DecodeEPC(v.Hex)
		if err != nil {
			t.Errorf("%s: %v", v.Hex, err)
			continue
		}
		ours := v.TagURI != nil && (strings.Contains(*v.TagURI, "sgtin-96") || strings.Contains(*v.TagURI, "sscc-96"))
		if !ours {
			ran["raw"]++
			if e.Scheme != "" || e.URI != "" || e.Hex != strings.ToUpper(v.Hex) || e.Key() != e.Hex {
				t.Errorf("%s is decoded: %+v", v.Hex, e)
			}
			continue
		}
		ran[v.Kind+" "+e.Scheme]++
		if e.TagURI != *v.TagURI {
			t.Errorf("%s: %s, want %s", v.Hex, e.TagURI, *v.TagURI)
		}
		if v.PureURI != nil && e.URI != *v.PureURI {
			t.Errorf("%s: %s, want %s", v.Hex, e.URI, *v.PureURI)
		}
		if back, err := ParseEPCURI(*v.TagURI); err != nil || back != e {
			t.Errorf("%s came back as %+v, %v", *v.TagURI, back, err)
		}
		if digits, err := EncodeEPC(e.URI, e.Filter); err != nil || digits != v.Hex {
			t.Errorf("%s: %s, %v", e.URI, digits, err)
		}
		if v.Element == nil {
			continue
		}
		got, digits := "(01)"+e.GTIN+"(21)"+e.Serial, ""
		if e.Scheme == SchemeSSCC {
			got = "(00)" + e.SSCC
			digits, err = EncodeSSCC96(len(e.Prefix), e.SSCC, e.Filter)
		} else {
			digits, err = EncodeSGTIN96(len(e.Prefix), e.GTIN, e.Serial, e.Filter)
		}
		if got != *v.Element || digits != v.Hex || err != nil {
			t.Errorf("%s: %s (want %s), back %s, %v", v.Hex, got, *v.Element, digits, err)
		}
	}
	t.Logf("vectors run: %v", ran)
	want := map[string]int{"epc sgtin": 3, "epc sscc": 2, "epc_decode sgtin": 3, "epc_invalid": 1, "raw": 14}
	if d := cmp.Diff(want, ran); d != "" {
		t.Errorf("vectors run (-want +got)\n%s", d)
	}
}

func TestDecodeEPCRefuses(t *testing.T) {
	const head = "30" // SGTIN-96
	for name, tc := range map[string]struct {
		digits string
		want   *Error
	}{
		"nothing":                       {"", ErrEPCHex},
		"no hexadecimal":                {"30XX", ErrEPCHex},
		"longer than a tag can be":      {strings.Repeat("30", 63), ErrEPCHex},
		"92 bits":                       {"3074257BF7194E4000001A8", ErrEPC},
		"header alone":                  {head, ErrEPC},
		"partition 7":                   {"307C257BF7194E4000001A85", ErrEPC},
		"company prefix of 8 digits":    {"3077FFFFF7194E4000001A85", ErrEPC}, // 24 bits hold more than 7 digits
		"item reference of 7 digits":    {"3074257BF7FFFFC000001A85", ErrEPC},
		"SSCC with reserved bits":       {"3174257BF4499602D2000001", ErrEPC},
		"SSCC reference of 11 digits":   {"3174257BFFFFFFFFFF000000", ErrEPC},
		"SSCC prefix over its digits":   {"3177FFFFF4499602D2000000", ErrEPC},
		"SSCC-96 of a shorter tag":      {"3174257BF4499602", ErrEPC},
		"SGTIN-96, 12 digit prefix max": {"3003FFFFFFFFFE4000001A85", ErrEPC},
	} {
		e, err := DecodeEPC(tc.digits)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
		if tc.want == ErrEPC && (e.Hex != tc.digits || e.Scheme != "") {
			t.Errorf("%s: what was read is lost: %+v", name, e)
		}
	}
}

// Tags are padded to whole words: bits behind the scheme are cut off, and a
// reader that reports them makes no other object of the tag.
func TestDecodeEPCCutsTrailingBits(t *testing.T) {
	e, err := DecodeEPC("3074257BF7194E4000001A85FFFF")
	if err != nil || e.URI != "urn:epc:id:sgtin:0614141.812345.6789" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestEncodeEPCRefuses(t *testing.T) {
	const gtin, sscc = "80614141123458", "106141412345678908"
	sgtin := func(n int, gtin, serial string, filter int) error {
		_, err := EncodeSGTIN96(n, gtin, serial, filter)
		return err
	}
	unit := func(n int, sscc string, filter int) error {
		_, err := EncodeSSCC96(n, sscc, filter)
		return err
	}
	for name, tc := range map[string]struct{ got, want error }{
		"the greatest serial":         {sgtin(7, gtin, "274877906943", 0), nil},
		"serial of 2^38":              {sgtin(7, gtin, "274877906944", 0), fault.EPCFit},
		"serial over 64 bits":         {sgtin(7, gtin, "99999999999999999999", 0), fault.EPCFit},
		"serial 0":                    {sgtin(7, gtin, "0", 0), nil},
		"serial with a leading zero":  {sgtin(7, gtin, "01", 0), fault.EPCFit},
		"serial with a sign":          {sgtin(7, gtin, "+1", 0), fault.EPCFit},
		"serial with a letter":        {sgtin(7, gtin, "1a", 0), fault.EPCFit},
		"empty serial":                {sgtin(7, gtin, "", 0), ErrEPC},
		"filter 8":                    {sgtin(7, gtin, "1", 8), ErrEPC},
		"filter -1":                   {sgtin(7, gtin, "1", -1), ErrEPC},
		"prefix of 5":                 {sgtin(5, gtin, "1", 1), ErrEPC},
		"prefix of 13":                {sgtin(13, gtin, "1", 1), ErrEPC},
		"wrong check digit":           {sgtin(7, "80614141123457", "1", 1), ErrCheckDigit},
		"GTIN of 11":                  {sgtin(7, "80614141123", "1", 1), ErrLength},
		"GTIN-13":                     {sgtin(7, "0614141123452", "1", 1), nil},
		"GTIN-8":                      {sgtin(8, "96385074", "1", 1), nil},
		"GTIN-8, other prefix":        {sgtin(7, "96385074", "1", 1), ErrEPC},
		"GTIN-8 of a shop's own (02)": {sgtin(8, "02345673", "1", 1), ErrEPC},
		"SSCC":                        {unit(9, sscc, 2), nil},
		"SSCC filter":                 {unit(9, sscc, 8), ErrEPC},
		"SSCC check digit":            {unit(9, "106141412345678907", 2), ErrCheckDigit},
		"SSCC of 17":                  {unit(9, sscc[1:], 2), ErrEPC},
		"SSCC prefix":                 {unit(13, sscc, 2), ErrEPC},
	} {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
	// A GTIN-8 gets the company prefix 00000 and its own first three digits.
	digits, err := EncodeSGTIN96(8, "96385074", "1", 1)
	if e, err2 := DecodeEPC(digits); err != nil || err2 != nil || e.URI != "urn:epc:id:sgtin:00000963.08507.1" {
		t.Errorf("GTIN-8: %+v, %v, %v", e, err, err2)
	}
}

func TestParseEPCURIRefuses(t *testing.T) {
	for _, uri := range []string{
		"", "urn:epc:id:", "urn:epc:id:sgtin", "urn:epc:id:sgtin:", "urn:epc:id:sgtin:0614141.812345",
		"urn:epc:id:sgtin:0614141.81234.6789", "urn:epc:id:sgtin:06141.41812345.6789", "urn:epc:id:sgtin:0614141.812345.",
		"urn:epc:id:sgtin:0614141.81234A.6789", "urn:epc:id:sgtin:0614141.812345.a b", "urn:epc:id:sgtin:0614141.812345.a/b",
		"urn:epc:id:sgtin:0614141.812345.a%4", "urn:epc:id:sgtin:0614141.812345.a%41", "urn:epc:id:sgtin:0614141.812345.a%zz",
		"urn:epc:id:sgtin:0614141.812345.123456789012345678901",
		"urn:epc:id:sscc:0614141.123456789", "urn:epc:id:sscc:0614141.1234567890.1", "urn:epc:id:sgln:0614141.12345.400",
		"urn:epc:tag:sgtin-96:8.0614141.812345.6789", "urn:epc:tag:sgtin-96:.0614141.812345.6789", "urn:epc:tag:sgtin-96:0614141.812345.6789",
		"urn:epc:tag:sgtin-198:3.0614141.712345.32a%2Fb", "urn:epc:tag:sgtin-96:3.0614141.812345.32a", "urn:epc:tag:sgtin-96:3.0614141.812345.06",
		"URN:EPC:ID:sgtin:0614141.812345.6789", "urn:epc:raw:96.x3074257BF7194E4000001A85",
	} {
		if e, err := ParseEPCURI(uri); !errors.Is(err, ErrEPC) && !errors.Is(err, fault.EPCFit) {
			t.Errorf("ParseEPCURI(%q) = %+v, %v", uri, e, err)
		}
	}
	// A serial number with letters is an identity, only not on 96 bits.
	e, err := ParseEPCURI("urn:epc:id:sgtin:0614141.712345.32a%2fb.c")
	if err != nil || e.Serial != "32a/b.c" || e.GTIN != "70614141123451" || e.URI != "urn:epc:id:sgtin:0614141.712345.32a%2Fb.c" {
		t.Errorf("%+v, %v", e, err)
	}
}

// Every unit and every logistic unit comes back from its tag as it was, for
// every length of company prefix; the filter changes the tag, not the identity.
func TestEPCRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, filter := rapid.IntRange(6, 12).Draw(t, "prefix length"), rapid.IntRange(0, 7).Draw(t, "filter")
		digits := func(n int, name string) string {
			return rapid.StringMatching(fmt.Sprintf("[0-9]{%d}", n)).Draw(t, name)
		}
		var want EPC
		var hex, other string
		var err, err2 error
		if rapid.Bool().Draw(t, "unit") {
			key := digits(13, "gtin")
			c, _ := CheckDigit(key)
			serial := fmt.Sprint(rapid.Uint64Range(0, 1<<38-1).Draw(t, "serial"))
			want = EPC{Scheme: SchemeSGTIN, GTIN: key + string(c), Serial: serial, Prefix: key[1 : 1+n]}
			hex, err = EncodeSGTIN96(n, want.GTIN, serial, filter)
			other, err2 = EncodeSGTIN96(n, want.GTIN, serial, 7-filter)
		} else {
			key := digits(17, "sscc")
			c, _ := CheckDigit(key)
			want = EPC{Scheme: SchemeSSCC, SSCC: key + string(c), Prefix: key[1 : 1+n]}
			hex, err = EncodeSSCC96(n, want.SSCC, filter)
			other, err2 = EncodeSSCC96(n, want.SSCC, 7-filter)
		}
		if err != nil || err2 != nil || len(hex) != 24 {
			t.Fatalf("%s: %v, %v", hex, err, err2)
		}
		got, err := DecodeEPC(hex)
		if err != nil {
			t.Fatal(err)
		}
		want.Filter, want.Hex, want.URI, want.TagURI = filter, hex, got.URI, got.TagURI
		if got != want {
			t.Fatalf("%+v, want %+v", got, want)
		}
		if back, err := ParseEPCURI(got.TagURI); err != nil || back != got {
			t.Fatalf("tag URI %s: %+v, %v", got.TagURI, back, err)
		}
		if back, err := EncodeEPC(got.URI, filter); err != nil || back != hex {
			t.Fatalf("pure URI %s: %s, %v", got.URI, back, err)
		}
		if twin, err := DecodeEPC(other); err != nil || twin.Key() != got.Key() || other == hex {
			t.Fatalf("with another filter: %s and %s, %v", twin.Key(), got.Key(), err)
		}
	})
}

// FuzzDecodeEPC: whatever a tag holds is kept, and what is decoded encodes to
// the same bits.
func FuzzDecodeEPC(f *testing.F) {
	for _, s := range []string{
		"3074257BF7194E4000001A85", "3174257BF4499602D2000000", "E200301666130121155074EF", "3000ABCDEF00000000000003",
		"3674257BF6B7A659B2C2BF100000000000000000000000000000", "301800004000004000000001", "", "3", "307C", strings.Repeat("F", 124),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, digits string) {
		e, err := DecodeEPC(digits)
		switch {
		case errors.Is(err, ErrEPCHex):
			if e != (EPC{}) {
				t.Errorf("%q: %+v beside %v", digits, e, err)
			}
			return
		case e.Hex != strings.ToUpper(digits):
			t.Errorf("%q: kept %q", digits, e.Hex)
		}
		if err != nil || e.Scheme == "" {
			return
		}
		back, err := EncodeEPC(e.URI, e.Filter)
		if err != nil || back != e.Hex[:24] {
			t.Errorf("%q: %s came back as %s, %v", digits, e.URI, back, err)
		}
		if !ValidGTIN(e.GTIN) && !ValidSSCC(e.SSCC) {
			t.Errorf("%q: no valid key in %+v", digits, e)
		}
	})
}

// FuzzParseEPCURI: what is accepted is written the same way again.
func FuzzParseEPCURI(f *testing.F) {
	for _, s := range []string{
		"urn:epc:id:sgtin:0614141.812345.6789", "urn:epc:tag:sgtin-96:3.0614141.812345.6789", "urn:epc:id:sscc:0614141.1234567890",
		"urn:epc:tag:sscc-96:3.0614141.1234567890", "urn:epc:id:sgtin:0614141.712345.32a%2Fb", "urn:epc:id:sgtin:0614141.712345.%", "urn:",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		e, err := ParseEPCURI(uri)
		if err != nil {
			return
		}
		again, err := ParseEPCURI(e.URI)
		if err != nil || again.URI != e.URI || again.GTIN != e.GTIN || again.SSCC != e.SSCC || again.Serial != e.Serial {
			t.Errorf("%q: %+v, then %+v, %v", uri, e, again, err)
		}
		if e.Hex == "" {
			return
		}
		if tag, err := DecodeEPC(e.Hex); err != nil || tag != e {
			t.Errorf("%q: tag says %+v, %v, want %+v", uri, tag, err, e)
		}
	})
}
