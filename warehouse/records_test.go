package warehouse_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	. "tote/warehouse"
)

// fill draws a value for v, nested as it comes.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.Just(""), rapid.String(), rapid.StringN(20, 300, -1)).Draw(t, "s"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "b"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(-300, 300), rapid.Int64()).Draw(t, "i"))
	case reflect.Uint64:
		v.SetUint(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "u"))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(t, "u")))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Uint8().Draw(t, "u")))
	case reflect.Slice:
		if n := rapid.IntRange(-1, 3).Draw(t, "n"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "p") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("cbor") != "-" {
				fill(t, v.Field(i))
			}
		}
	default:
		t.Fatalf("no values of %s", v.Type())
	}
}

// The bytes of the fast codec are those of the library, and so are the values it
// reads: for each command and each record.
func TestRecordsAreTheLibrarysBytes(t *testing.T) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	set, values := FastRecords()
	for _, c := range everyCommand() {
		values = append(values, c)
		set = append(set, FastSet(c))
	}
	for i, one := range values {
		typ, fast := reflect.TypeOf(one), set[i]
		t.Run(typ.Name(), func(t *testing.T) {
			if !fast.Has(one) {
				t.Fatal("left to the library")
			}
			rapid.Check(t, func(t *rapid.T) {
				v := reflect.New(typ)
				fill(t, v.Elem())
				want, err := enc.Marshal(v.Interface())
				if err != nil {
					t.Fatal(err)
				}
				got, ok := fast.Append(nil, v.Interface())
				if !ok || !bytes.Equal(got, want) {
					t.Fatalf("%#v\n got %x\nwant %x", v.Elem(), got, want)
				}
				theirs, ours := reflect.New(typ), reflect.New(typ)
				if err := cbor.Unmarshal(want, theirs.Interface()); err != nil {
					t.Fatal(err)
				}
				if !fast.Unmarshal(want, ours.Interface()) || !reflect.DeepEqual(ours.Interface(), theirs.Interface()) {
					t.Fatalf("read %#v, want %#v", ours.Elem(), theirs.Elem())
				}
			})
		})
	}
}
