package warehouse

import (
	"testing"

	"tote/warehouse/memtx"
)

// What a rule of the site holds, a rule of the site lets go.
func TestRulesHoldAndLetGo(t *testing.T) {
	tx := memtx.New()
	o := &Order{Spec: OrderSpec{ID: "O1"}, Source: "oms/main", State: OrderPicked}
	c := newChange(tx, Meta{}, "test")
	for range 2 {
		if err := c.hold(o, HoldPackSize); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.Holds) != 1 || o.HeldBy[0] != SourceSite {
		t.Errorf("%v %v", o.Holds, o.HeldBy)
	}
	for range 2 {
		if err := c.unhold(o, HoldPackSize); err != nil {
			t.Fatal(err)
		}
	}
	if o.held() || o.Holds != nil || o.HeldBy != nil {
		t.Errorf("%v %v", o.Holds, o.HeldBy)
	}
	if err := c.finish(tx); err != nil {
		t.Fatal(err)
	}
	if evs, err := OutboxRange(tx, StreamControl, 0, 10); err != nil || len(evs) != 2 {
		t.Errorf("%+v %v", evs, err)
	}
}
