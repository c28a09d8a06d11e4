package epc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tote/gs1/fault"
	"tote/gs1/key"
)

// draw makes one identity that fits a tag, with a company prefix of n digits.
func draw(t *rapid.T, on *tag, n int) EPC {
	digits := func(n int, name string) string {
		return rapid.StringMatching(fmt.Sprintf("[0-9]{%d}", n)).Draw(t, name)
	}
	part := func(f field, name string) string {
		most := rapid.IntRange(1, max(1, f.max)).Draw(t, name+" length")
		from := func(set string) string {
			b := make([]byte, most)
			for i := range b {
				b[i] = set[rapid.IntRange(0, len(set)-1).Draw(t, name)]
			}
			return string(b)
		}
		switch f.kind {
		case none:
			return ""
		case padded:
			return digits(f.max, name)
		case integer:
			limit := min(pow10(f.max), 1<<f.bits)
			return fmt.Sprint(rapid.OneOf(rapid.Uint64Range(0, limit-1), rapid.SampledFrom([]uint64{0, 1, limit - 1})).Draw(t, name))
		case numerals:
			return digits(most, name)
		case text:
			return from(key.Set82)
		case words:
			return from(key.Set39)
		}
		return from(strings.TrimLeft(key.Set39, "#"))
	}
	e := EPC{Scheme: on.scheme}
	cage := rapid.StringMatching("[0-9A-HJ-NP-Z]{5,6}")
	switch on.scheme {
	case GID:
		e.Prefix, e.Reference = part(field{integer, gidManager, 9}, "manager"), part(field{integer, gidClass, 8}, "class")
		e.Serial = part(field{integer, gidSerial, 11}, "serial")
	case USDOD:
		e.Prefix, e.Serial = cage.Draw(t, "cage"), part(field{integer, 36, 11}, "serial")
	case ADI:
		e.Prefix = cage.Draw(t, "cage")
		if rapid.Bool().Draw(t, "a part") {
			e.Reference = part(field{partWords, 0, partMax}, "part")
		}
		e.Serial = part(field{serialWords, 0, 30}, "serial")
		if rapid.Bool().Draw(t, "#") {
			e.Serial = "#" + e.Serial[1:] + "A"
			e.Serial = e.Serial[:min(30, len(e.Serial))]
		}
	default:
		ref := on.refs[12-n]
		e.Prefix, e.Reference = digits(n, "prefix"), part(field{on.ref, ref.bits, ref.max}, "reference")
		if layoutOf(on.scheme).parts&hasPieces != 0 {
			e.Piece, e.Total = digits(2, "piece"), digits(2, "total")
		}
		e.Serial = part(on.serial, "serial")
	}
	return e
}

// Every identity comes back from its tag, from both its URIs and from its element
// string as it was: each scheme, each partition, leading zeros and both ends of
// the numbers included.
func TestRoundTrip(t *testing.T) {
	for i := range tags {
		on := &tags[i]
		lengths := []int{12, 11, 10, 9, 8, 7, 6}
		if on.refs == nil {
			lengths = []int{0}
		}
		for _, n := range lengths {
			t.Run(fmt.Sprintf("%s/%d", on.name, n), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) { roundTrip(t, on, n) })
			})
		}
	}
}

func roundTrip(t *rapid.T, on *tag, n int) {
	pure := draw(t, on, n)
	filter := 0
	switch on.scheme {
	case GID:
	case USDOD:
		filter = rapid.IntRange(0, 15).Draw(t, "filter")
	case ADI:
		filter = rapid.IntRange(0, 63).Draw(t, "filter")
	default:
		filter = rapid.IntRange(0, 7).Draw(t, "filter")
	}
	put, err := pure.On(on.name, filter)
	if err != nil {
		t.Fatalf("%+v on %s: %v", pure, on.name, err)
	}
	if on.bits > 0 && len(put.Hex) != (on.bits+15)/16*4 {
		t.Fatalf("%s of %d digits", on.name, len(put.Hex))
	}
	want := pure
	want.Tag, want.Filter, want.Hex = on.name, filter, put.Hex
	if put != want {
		t.Fatalf("On gave %+v, want %+v", put, want)
	}
	same := func(from string, got EPC, err error, want EPC) {
		if err != nil || got != want {
			t.Fatalf("%s: %+v, want %+v, %v", from, got, want, err)
		}
	}
	got, err := Decode(put.Hex)
	same(put.Hex, got, err, want)
	got, err = Decode(strings.ToLower(put.Hex))
	same("small letters", got, err, want)
	got, err = DecodeTag(PC(put.Hex), put.Hex+"FFFF")
	same("behind its PC", got, err, want)
	got, err = ParseURI(put.TagURI())
	same(put.TagURI(), got, err, want)
	got, err = ParseURI(put.URI())
	same(put.URI(), got, err, pure)
	raw, err := ParseURI(put.RawURI())
	same(put.RawURI(), raw, err, EPC{Hex: put.Hex})
	// The filter changes the tag, not the identity.
	if filter > 0 {
		other, err := pure.On(on.name, 0)
		if err != nil || other.Key() != put.Key() || other.Hex == put.Hex {
			t.Fatalf("with another filter: %s and %s, %v", other.Key(), put.Key(), err)
		}
	}
	// The shortest tag holds it, too.
	if short, err := pure.On("", filter); err != nil || len(short.Hex) > len(put.Hex) && on.name != "gdti-113" || short.URI() != put.URI() {
		t.Fatalf("on the shortest: %+v, %v", short, err)
	}
	elements, err := put.Elements()
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) {
			t.Fatalf("Elements: %v", err)
		}
		return
	}
	got, err = FromElements(elements, len(pure.Prefix))
	if errors.Is(err, fault.EPCNone) && strings.HasPrefix(elements[0].Value, "000000") {
		return // the GTIN-8 of a shop
	}
	same(fmt.Sprint(elements), got, err, pure)
}

// FuzzDecode: whatever a tag holds is kept, and what is decoded encodes to the
// same bits.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"3074257BF7194E4000001A85", "3174257BF4499602D2000000", "E200301666130121155074EF", "3674257BF6B7A659B2C2BF100000000000000000000000000000",
		"3774257BF40C0E59B2C2BF100000000000000000000", "3874257BF59B2C2BF10000000000000000000000000000000000", "3274257BF46072000000162E", "2C74257BF46072000000162E",
		"3E74F4E4E7039B061438997367D0C18B266D1AB66EE0", "3C74257BF400C0E680003039", "3D74257BF75411DEF6B4CC00000003039", "3F74F4E4E612640000019907", "3B01007008110007001",
		"3B0E0CF5E76C9047759AD00373DC7602E7200", "4014F4E4E40C0E40820000000F54", "350000000000000000000000", "2F0203439343337000000001", "", "3", "307C", strings.Repeat("F", MaxHex),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, digits string) {
		e, err := Decode(digits)
		switch {
		case errors.Is(err, fault.EPCHex):
			if e != (EPC{}) {
				t.Fatalf("%q: %+v beside %v", digits, e, err)
			}
			return
		case e.Hex != strings.ToUpper(digits):
			t.Fatalf("%q: kept %q", digits, e.Hex)
		case err != nil && (!errors.Is(err, fault.EPC) || e != EPC{Hex: e.Hex}):
			t.Fatalf("%q: %+v, %v", digits, e, err)
		}
		if _, err := DecodeTag(0x3000, digits); err != nil {
			var f *fault.Error
			if !errors.As(err, &f) {
				t.Fatal(err)
			}
		}
		if e.Scheme == "" {
			return
		}
		back, err := e.Encode(e.Tag, e.Filter)
		on, _ := tagNamed(e.Tag)
		bits := on.bits
		switch e.Scheme {
		case ADI:
			bits = 8 + 6 + 36 + 6*(len(e.Reference)+1) + 6*(len(e.Serial)+1)
		case CPI:
			if bits == 0 {
				bits = 8 + 3 + 3 + prefixes[12-len(e.Prefix)].bits + 6*(len(e.Reference)+1) + 40
			}
		}
		if err != nil || !sameHead(back, e.Hex, bits) {
			t.Fatalf("%q: %+v came back as %s, %v", digits, e, back, err)
		}
		again, err := ParseURI(e.TagURI())
		if err != nil || again.URI() != e.URI() || again.Hex != back {
			t.Fatalf("%q: %s came back as %+v, %v", digits, e.TagURI(), again, err)
		}
		if elements, err := e.Elements(); err == nil {
			if from, err := FromElements(elements, len(e.Prefix)); err != nil && !errors.Is(err, fault.EPCNone) || err == nil && from.URI() != e.URI() {
				t.Fatalf("%q: %v came back as %+v, %v", digits, elements, from, err)
			}
		}
	})
}

// sameHead compares the first bits of two tags.
func sameHead(a, b string, bits int) bool {
	whole := bits / 4
	if len(a) < whole || len(b) < whole {
		return false
	}
	if bits%4 == 0 || a[:whole] != b[:whole] {
		return a[:whole] == b[:whole]
	}
	return (key.Unhex(a[whole])^key.Unhex(b[whole]))>>(4-bits%4) == 0
}

// FuzzParseURI: what is accepted is written the same way again.
func FuzzParseURI(f *testing.F) {
	for _, s := range []string{
		"urn:epc:id:sgtin:0614141.812345.6789", "urn:epc:tag:sgtin-96:3.0614141.812345.6789", "urn:epc:tag:sgtin-198:3.0614141.712345.32a%2Fb", "urn:epc:id:sgln:123456789012..0",
		"urn:epc:id:giai:0614141.32a%2Fb.c", "urn:epc:tag:cpi-var:3.0614141.5PQ7%2FZ43.12345", "urn:epc:id:adi:35962.PQ7VZ4.M37GXB92", "urn:epc:id:adi:35962..%23M37", "urn:epc:tag:gid-96:1.2.3",
		"urn:epc:tag:usdod-96:15.CAGEY.12345", "urn:epc:id:itip:4012345.012345.01.02.981", "urn:epc:raw:96.x3074257BF7194E4000001A85", "urn:epc:raw:96.xA1.x3074257BF7194E4000001A85", "urn:",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		e, err := ParseURI(uri)
		if err != nil {
			var f *fault.Error
			if !errors.As(err, &f) || e != (EPC{}) {
				t.Fatalf("%q: %+v, %v", uri, e, err)
			}
			return
		}
		spelt := e.TagURI()
		switch {
		case e.Scheme == "":
			spelt = e.RawURI()
		case e.Tag == "":
			spelt = e.URI()
		}
		again, err := ParseURI(spelt)
		if err != nil || again != e {
			t.Fatalf("%q: %+v, then %q %+v, %v", uri, e, spelt, again, err)
		}
		if e.Tag != "" {
			if tag, err := Decode(e.Hex); err != nil || tag != e {
				t.Fatalf("%q: the tag says %+v, %v, want %+v", uri, tag, err, e)
			}
		}
	})
}

func BenchmarkDecode96(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if e, err := Decode("3074257BF7194E4000001A85"); err != nil || e.Serial == "" {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode96Key(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if e, err := Decode("3074257BF7194E4000001A85"); err != nil || e.Key() == "" {
			b.Fatal(err)
		}
	}
}
