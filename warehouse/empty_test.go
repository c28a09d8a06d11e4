package warehouse_test

import (
	"reflect"
	"testing"

	. "tote/warehouse"
)

// A command that says nothing, at a site at work: what no person and no device
// sends is refused with a code and changes nothing, whatever its kind; the tables of
// each subject go on from there.
func TestEveryCommandIsRefusedEmpty(t *testing.T) {
	w, _ := halfPacked(t)
	before := w.tx.Digest()
	for _, c := range everyCommand() {
		empty := reflect.New(reflect.TypeOf(c)).Elem().Interface().(Command)
		if _, ok := empty.(AdvanceTime); ok {
			continue // it says nothing ever
		}
		res := w.apply(empty)
		if res.OK || res.Code == CodeUnknownKind {
			t.Errorf("%T{} is answered %s", empty, res.Code)
		}
		_, release := empty.(ReleaseOrder) // the OMS hears of it
		if now := w.tx.Digest(); (now != before) != release {
			t.Errorf("%T{} changes something: %v", empty, !release)
		}
		before = w.tx.Digest()
	}
}
