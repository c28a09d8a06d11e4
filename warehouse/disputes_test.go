package warehouse_test

import (
	"fmt"
	"testing"

	. "tote/warehouse"
)

// disputes is a day under the rules of level 2: two masters of one order id, a
// portal that finds more and more, and names nobody can use.
func disputes(t *testing.T) *world {
	w := floor(t)
	w.ok(entered("X1", "CUP*2"))
	w.no(release("X1", "CUP*2"), CodeIDTaken)
	w.no(release("X1", "CUP*2"), CodeIDTaken)
	w.no(CancelOrder{Order: "X1", Source: "oms/main"}, CodeIDTaken)
	w.no(release("O1", "NOPE"), CodeUnknownItem)
	w.no(entered("O1", "CUP*1"), CodeIDTaken)
	w.no(entered("BAD", "NOPE"), CodeUnknownItem)
	amended := release("O1", "BAG*1")
	amended.Order.Revision = 2
	w.ok(amended)
	w.no(entered("O1", "CUP*1"), CodeIDTaken)
	w.ok(CancelOrder{Order: "O1", Source: SourceSite})
	w.no(release("..", "CUP*1"), CodeInvalid)
	w.no(PutBins{Bins: []Bin{{Code: "."}}}, CodeInvalid)
	w.no(PutBins{Bins: []Bin{{Code: floorSite().PackDrop}}}, CodeInvalid)
	sscc := w.labelled("PEN*1", "CUP*2")[1]
	for i := range 10 {
		w.m.Now += 1000
		w.no(PortalPass{Dock: "d1", EPCs: []string{fmt.Sprintf("E2%02d", i)}}, FalloutRFIDExtra)
	}
	epcs := w.epcs(sscc)
	w.no(PortalPass{Dock: "d1", EPCs: epcs[:1]}, FalloutRFIDMissing)
	w.no(PortalPass{Dock: "d1", EPCs: epcs[:2]}, FalloutRFIDMissing)
	w.ok(PortalPass{Dock: "d1", EPCs: epcs})
	w.ok(ClearFallout{Fallout: seen(Fallouts(w.tx, true))[0].ID})
	w.invariants()
	w.books()
	return w
}
