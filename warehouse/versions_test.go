package warehouse_test

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	. "tote/warehouse"
)

// testdata/level3-fields.txt lists, for each command of before level 4 and what is
// in it, the numbers of the fields that gateways of level 3 know. Such a gateway
// refuses a body with any other field, and its state parts from those that take it:
// a command that uses a newer field needs a version that it does not speak.
func TestNewFieldsNeedALaterVersion(t *testing.T) {
	known := fieldsOfLevel3(t)
	old := 0
	for _, c := range everyCommand() {
		typ := reflect.TypeOf(c)
		if _, ok := known[typ.Name()]; !ok {
			continue // a kind of level 4
		}
		old++
		for _, path := range newFields(known, typ, nil, nil) {
			v := reflect.New(typ).Elem()
			name := setField(v, path)
			_, version, _, err := Encode(v.Interface().(Command))
			if err != nil || version < 2 {
				t.Errorf("%s with %s is version %d, %v", typ.Name(), name, version, err)
			}
		}
		if _, version, _, err := Encode(reflect.New(typ).Elem().Interface().(Command)); err != nil || version != 1 {
			t.Errorf("%s without anything is version %d, %v", typ.Name(), version, err)
		}
	}
	if old < 90 {
		t.Errorf("%d commands were looked at", old)
	}
}

// testdata/level4-fields.txt is the same for gateways of level 4; a name of a
// command carries the newest version they speak. What has a newer field needs a
// version above that.
func TestFieldsOfLevel5NeedALaterVersion(t *testing.T) {
	known, newest := map[string][]string{}, map[string]uint16{}
	for name, fields := range fieldsOf(t, "testdata/level4-fields.txt") {
		name, version, isCommand := strings.Cut(name, "/")
		known[name] = fields
		if isCommand {
			n, err := strconv.ParseUint(version, 10, 16)
			if err != nil {
				t.Fatal(err)
			}
			newest[name] = uint16(n)
		}
	}
	old := 0
	for _, c := range everyCommand() {
		typ := reflect.TypeOf(c)
		if newest[typ.Name()] == 0 {
			continue // a kind of level 5
		}
		old++
		for _, path := range newFields(known, typ, nil, nil) {
			v := reflect.New(typ).Elem()
			name := setField(v, path)
			if _, version, _, err := Encode(v.Interface().(Command)); err != nil || version <= newest[typ.Name()] {
				t.Errorf("%s with %s is version %d, %v", typ.Name(), name, version, err)
			}
		}
	}
	if old < 100 {
		t.Errorf("%d commands were looked at", old)
	}
}

func fieldsOfLevel3(t *testing.T) map[string][]string {
	t.Helper()
	return fieldsOf(t, "testdata/level3-fields.txt")
}

func fieldsOf(t *testing.T, file string) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string][]string)
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		known[f[0]] = f[1:]
	}
	return known
}

func inside(typ reflect.Type) reflect.Type {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	return typ
}

// newFields lists the ways from a type to the fields that level 3 does not know.
func newFields(known map[string][]string, typ reflect.Type, way []int, seen []reflect.Type) (out [][]int) {
	if slices.Contains(seen, typ) {
		return nil
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		number, _, _ := strings.Cut(f.Tag.Get("cbor"), ",")
		here := append(slices.Clone(way), i)
		if number == "-" {
			continue
		}
		if !slices.Contains(known[typ.Name()], number) {
			out = append(out, here)
		} else if in := inside(f.Type); in.Kind() == reflect.Struct {
			out = append(out, newFields(known, in, here, append(seen, typ))...)
		}
	}
	return out
}

// setField gives a field some value and returns its name.
func setField(v reflect.Value, path []int) string {
	var names []string
	for _, i := range path {
		names = append(names, v.Type().Field(i).Name)
		v = v.Field(i)
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice {
			if v.Kind() == reflect.Pointer {
				v.Set(reflect.New(v.Type().Elem()))
				v = v.Elem()
			} else {
				v.Set(reflect.MakeSlice(v.Type(), 1, 1))
				v = v.Index(0)
			}
		}
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	}
	return strings.Join(names, ".")
}
