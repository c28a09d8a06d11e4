package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tote/drivers/all"
)

// What a value may be stands in the tags of its key, once for the check, the
// schema and the docs: min and max are the bounds of a number, none makes one
// value beside them mean "not set", enum are the words or numbers allowed, kind is
// the kind of device whose drivers are.

// limits checks every value below v against its tags.
func (k *checker) limits(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			k.limits(path, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			k.limits(path+"["+strconv.Itoa(i)+"]", v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			sub := join(path, keyOf(f))
			switch fv := v.Field(i); fv.Kind() {
			case reflect.Int:
				k.number(sub, int(fv.Int()), f.Tag)
			case reflect.String:
				if words := enum(f.Tag); words != nil {
					k.oneOf(sub, fv.String(), words...)
				}
			default:
				k.limits(sub, fv)
			}
		}
	}
}

func (k *checker) number(path string, n int, tag reflect.StructTag) {
	if words := enum(tag); words != nil && !slices.Contains(words, strconv.Itoa(n)) {
		k.add(CodeValue, path, "%d: want %s", n, either(words))
	}
	low, high, bound := bounds(tag)
	if bound && tag.Get("none") != strconv.Itoa(n) {
		k.within(path, n, low, high)
	}
}

// bounds of a number; ok is false when it has none.
func bounds(tag reflect.StructTag) (low, high int, ok bool) {
	low, err1 := strconv.Atoi(tag.Get("min"))
	high, err2 := strconv.Atoi(tag.Get("max"))
	return low, high, err1 == nil && err2 == nil
}

// enum are the values allowed, nil when all are.
func enum(tag reflect.StructTag) []string {
	if v := tag.Get("enum"); v != "" {
		return strings.Split(v, ",")
	}
	return nil
}

// kinds are those of drivers, by the tag kind.
var kinds = map[string]all.Kind{
	"scanner": all.Scanner, "scale": all.Scale, "printer": all.Printer, "rfid": all.RFID, "sensor": all.Sensor,
}

// either is a list as a person says it.
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
