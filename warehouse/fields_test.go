package warehouse_test

import (
	"reflect"
	"strings"
	"testing"

	. "tote/warehouse"
)

// Every field of what is stored has a number of its own. The encoder leaves out
// two fields that share one, and says nothing.
func TestFieldNumbersAreUnique(t *testing.T) {
	seen := make(map[reflect.Type]bool)
	var look func(reflect.Type)
	look = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		numbers := make(map[string]string)
		for i := range typ.NumField() {
			f := typ.Field(i)
			look(f.Type)
			n, _, ok := strings.Cut(f.Tag.Get("cbor"), ",keyasint")
			if !ok {
				if f.Tag.Get("cbor") != "-" {
					t.Errorf("%s.%s has no number", typ, f.Name)
				}
				continue
			}
			if had := numbers[n]; had != "" {
				t.Errorf("%s: %s and %s are both number %s", typ, had, f.Name, n)
			}
			numbers[n] = f.Name
		}
	}
	for _, c := range everyCommand() {
		look(reflect.TypeOf(c))
	}
	for _, r := range []any{
		Order{},
		Task{},
		Batch{},
		WorkerState{},
		LU{},
		StationState{},
		LabelJob{},
		Fallout{},
		Transport{},
		Carriage{},
		Move{},
		Result{},
		Event{},
		Adjustment{},
		Kept{},
		PackChange{},
		FloorTask{},
		Receipt{},
		Return{},
		Count{},
		PrintJob{},
	} {
		look(reflect.TypeOf(r))
	}
}
