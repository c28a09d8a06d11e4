package ledger

import (
	"testing"

	"tote/warehouse"
)

// The OMS has an order X, the site entered another X. The OMS rejects what is
// said of the site's; that its own is refused must not wait behind it.
func TestARejectedSiteOrderHoldsNothingOfTheOMS(t *testing.T) {
	w := newWorld(t)
	w.meta.Level = warehouse.Level
	if res := w.domain(warehouse.ReleaseOrder{Order: *spec("X", 1, 1), Source: warehouse.SourceSite}); !res.OK {
		t.Fatalf("%+v", res)
	}
	rows, err := Pending(w.tx, "control", 0, 10)
	if err != nil || len(rows) != 2 || Subject(rows[0].Event) != "site/X" {
		t.Fatalf("%+v %v", rows, err)
	}
	w.do(HoldSubject{Epoch: 1, Stream: "control", Subject: "site/X", Seqs: []uint64{1}, From: 2, Code: warehouse.CodeIDTaken})
	if res := w.inbox("c1", release("m1", "X", 1, 2)); res.Text != "0 stored, 0 repeated, 1 refused" {
		t.Errorf("%+v", res)
	}
	w.inbox("c2", Item{MsgID: "m2", OrderID: "X", Cancel: &Cancel{Reason: "r"}})
	w.want("control", 0, "1 X held", "2 X held", "3 X", "4 X")
	refused, err := Refusals(w.tx, "", 10)
	if err != nil || len(refused) != 2 || refused[0].Code != warehouse.CodeIDTaken || refused[1].Code != warehouse.CodeIDTaken {
		t.Errorf("%+v %v", refused, err)
	}
}
