package detcbor_test

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tote/warehouse/detcbor"
)

type inner struct {
	N int64    `cbor:"1,keyasint"`
	S []string `cbor:"2,keyasint,omitempty"`
}

type kind string

// all has every kind of field that a record may have.
type all struct {
	Last  bool    `cbor:"40,keyasint"`
	S     kind    `cbor:"1,keyasint"`
	I     int     `cbor:"2,keyasint,omitempty"`
	U     uint32  `cbor:"3,keyasint,omitempty"`
	B     []byte  `cbor:"4,keyasint,omitempty"`
	Bare  []byte  `cbor:"5,keyasint"`
	In    inner   `cbor:"6,keyasint"`
	Ins   []inner `cbor:"7,keyasint"`
	P     *inner  `cbor:"8,keyasint,omitempty"`
	Small int8    `cbor:"9,keyasint,omitempty"`
	Not   string  `cbor:"-"`
}

func library(t testing.TB) (cbor.EncMode, cbor.DecMode) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxArrayElements: detcbor.MaxArray, MaxMapPairs: 64, MaxNestedLevels: 8,
	}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	return enc, dec
}

func samples() []all {
	return []all{
		{},
		{S: "x", I: -1, U: math.MaxUint32, B: []byte{1}, Bare: []byte{}, Ins: []inner{}, P: &inner{N: math.MinInt64, S: []string{"", "ä"}}},
		{I: 23, In: inner{N: 24}, Ins: []inner{{N: 255}, {N: 256}, {N: 65535}, {N: 65536}, {N: math.MaxUint32}, {N: math.MaxUint32 + 1}, {N: math.MaxInt64}}},
		{S: kind(strings.Repeat("long ", 60)), Small: -128, Last: true},
	}
}

func TestSameAsLibrary(t *testing.T) {
	enc, dec := library(t)
	set := detcbor.Compile(all{})
	for _, v := range samples() {
		want, err := enc.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := set.Append([]byte("before"), &v)
		if !ok || !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("%+v:\n got %x\nwant %x", v, got, want)
		}
		var ours, theirs all
		if err := dec.Unmarshal(want, &theirs); err != nil {
			t.Fatal(err)
		}
		if !set.Unmarshal(want, &ours) || !reflect.DeepEqual(ours, theirs) {
			t.Errorf("read %+v, want %+v", ours, theirs)
		}
	}
}

// More than 23 fields make the head of the map longer.
func TestManyFields(t *testing.T) {
	var fields []reflect.StructField
	for i := range 30 {
		n := string(rune('A' + i%26))
		fields = append(fields, reflect.StructField{
			Name: strings.Repeat(n, 1+i/26), Type: reflect.TypeFor[int](),
			Tag: reflect.StructTag(`cbor:"` + []string{"", "1", "2", "3"}[i/10] + string(rune('0'+i%10)) + `,keyasint,omitempty"`),
		})
	}
	fields[0].Tag = `cbor:"30,keyasint,omitempty"`
	v := reflect.New(reflect.StructOf(fields))
	enc, _ := library(t)
	set := detcbor.Compile(v.Elem().Interface())
	for i := range fields {
		v.Elem().Field(i).SetInt(int64(i + 1))
		want, err := enc.Marshal(v.Interface())
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := set.Append(nil, v.Interface()); !ok || !bytes.Equal(got, want) {
			t.Fatalf("%d fields:\n got %x\nwant %x", i+1, got, want)
		}
	}
}

func TestLeftToTheLibrary(t *testing.T) {
	type loop struct {
		Next []loop `cbor:"1,keyasint"`
	}
	for _, v := range []any{
		struct{ A int }{},
		loop{},
		map[int]int{},
		1.5,
		struct {
			A inner `cbor:"1,keyasint,omitempty"`
		}{},
		struct {
			A map[int]int `cbor:"1,keyasint"`
		}{},
		struct {
			A int `cbor:"a"`
		}{},
		struct {
			A int `cbor:"1,keyasint"`
			B int `cbor:"1,keyasint"`
		}{},
		struct {
			A big `cbor:"1,keyasint"`
		}{},
	} {
		if detcbor.Compile(v).Has(v) {
			t.Errorf("%T is taken", v)
		}
	}
}

type big struct {
	N int `cbor:"1,keyasint"`
}

// MarshalCBOR is the type's own word.
func (big) MarshalCBOR() ([]byte, error) { return nil, nil }

// What is not the one encoding is left to the library.
func TestRefuses(t *testing.T) {
	set := detcbor.Compile(inner{})
	for name, b := range map[string][]byte{
		"nothing":           {},
		"a cut one":         {0xa1, 0x01},
		"a long number":     {0xa1, 0x01, 0x18, 0x01},
		"a long head":       {0xb8, 0x01, 0x01, 0x01},
		"keys that fall":    {0xa2, 0x02, 0x80, 0x01, 0x01},
		"a key twice":       {0xa2, 0x01, 0x01, 0x01, 0x01},
		"an unknown key":    {0xa1, 0x09, 0x01},
		"more behind it":    {0xa1, 0x01, 0x01, 0x00},
		"no number":         {0xa1, 0x01, 0xf9, 0x3c, 0x00},
		"too big":           {0xa1, 0x01, 0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"no text":           {0xa1, 0x02, 0x81, 0x61, 0xff},
		"a false length":    {0xa1, 0x02, 0x9a, 0x7f, 0xff, 0xff, 0xff},
		"without an end":    {0xbf, 0x01, 0x01, 0xff},
		"too long an array": append([]byte{0xa1, 0x02, 0x99, 0x40, 0x01}, bytes.Repeat([]byte{0x60}, detcbor.MaxArray+1)...),
	} {
		if set.Unmarshal(b, new(inner)) {
			t.Errorf("%s is read", name)
		}
	}
}

// What is read here the library reads too, with the same value.
func FuzzDecodeLikeLibrary(f *testing.F) {
	enc, dec := library(f)
	set := detcbor.Compile(all{})
	for _, v := range samples() {
		b, err := enc.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var ours, theirs all
		if !set.Unmarshal(b, &ours) {
			return
		}
		if err := dec.Unmarshal(b, &theirs); err != nil || !reflect.DeepEqual(ours, theirs) {
			t.Fatalf("read %+v, the library %+v %v", ours, theirs, err)
		}
		want, err := enc.Marshal(ours)
		if got, ok := set.Append(nil, &ours); err != nil || !ok || !bytes.Equal(got, want) {
			t.Fatalf("written %x, the library %x", got, want)
		}
	})
}
