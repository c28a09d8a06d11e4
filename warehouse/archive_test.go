package warehouse_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

const day = int64(24 * 3600 * 1000)

// keeping is a stocked world whose site archives after 30 days, takes names out
// after 7 and forgets after 90.
func keeping(t fataler) *world {
	w := stocked(t)
	s := testSite()
	s.ArchiveDays, s.PurgeDays, s.ForgetDays = 30, 7, 90
	w.ok(PutSite{Site: s})
	w.later(0) // the sweep that follows
	return w
}

// later lets days pass and everything happen that is due then.
func (w *world) later(days int64) {
	w.t.Helper()
	w.m.Now += days * day
	for range 10_000 {
		at, due, err := NextDue(w.tx)
		if err != nil {
			w.t.Fatal(err)
		}
		if !due || at > w.m.Now {
			return
		}
		w.ok(AdvanceTime{})
	}
	w.t.Fatal("it never ends")
}

// left lists the keys of the state that hold a text, in key or value.
func (w *world) left(text string) (keys []string) {
	err := w.tx.Range(nil, func(k, v []byte) (bool, error) {
		if strings.Contains(string(k), text) || strings.Contains(string(v), text) {
			keys = append(keys, strings.ReplaceAll(string(k), "\x00", " "))
		}
		return true, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

// sent takes an order to the customer and returns the SSCC of its parcel.
func (w *world) sent(id string, lines ...string) string {
	w.t.Helper()
	w.ok(release(id, lines...))
	w.pick(fmt.Sprint("B", w.m.Index), "w1", id)
	sscc := w.label("pack1", id)
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Depart{Dock: "d1"})
	return sscc
}

// An order that closed leaves after the site's days with all that is its own, and
// a small tombstone stays.
func TestClosedOrdersLeaveForTheArchive(t *testing.T) {
	w := keeping(t)
	sscc := w.sent("ORD-1", "CUP*2", "MILK*1")
	w.ok(FileDocument{What: DocSlip, Type: DocText, Ref: "ORD-1", Body: "slip"})
	w.ok(release("ORD-2", "PEN"))
	w.ok(CancelOrder{Order: "ORD-2", Source: "oms/main"})
	w.ok(release("ORD-3", "BAG*50")) // waits for stock, and stays
	shipped := w.order("ORD-1")
	w.later(29)
	w.state("ORD-1", OrderShipped)
	w.later(1)
	for _, id := range []string{"ORD-1", "ORD-2"} {
		if o := seen(GetOrder(w.tx, id)); o != nil {
			t.Fatalf("order %s is still here: %+v", id, o)
		}
	}
	w.state("ORD-3", OrderShortWaiting)
	w.drain(w.events()[len(w.events())-1].Seq)
	for id, want := range map[string][]string{
		"ORD-1": {"gone ORD-1", "gonep " + sscc, "leave " + leaveAt(w, 60) + " gone ORD-1"},
		"ORD-2": {"gone ORD-2", "leave " + leaveAt(w, 60) + " gone ORD-2"},
		sscc:    {"gonep " + sscc, "leave " + leaveAt(w, 60) + " parcel " + sscc},
	} {
		var got []string
		for _, k := range w.left(id) {
			if !strings.HasPrefix(k, "move ") {
				got = append(got, k)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("what stays of %s: %q, want %q", id, got, want)
		}
	}
	if b := seen(w.tx.Get([]byte("gone\x00ORD-1"))); len(b) > 64 {
		t.Errorf("a tombstone of %d bytes", len(b))
	}
	if n := seen(CountOrders(w.tx)); n["ARCHIVED"] != 2 || n["SHIPPED"] != 0 || n["CANCELLED"] != 0 {
		t.Errorf("orders: %v", n)
	}
	a := seen(GetArchived(w.tx, "ORD-1"))
	if a == nil || a.State != OrderShipped || a.ClosedAt != shipped.Since || a.At != w.m.Now || a.Revision != 1 || a.Source != "oms/main" {
		t.Errorf("archived: %+v", a)
	}
	w.invariants()
	w.books()
}

// leaveAt is how the moment in so many days stands in a key.
func leaveAt(w *world, days int64) string {
	at := w.m.Now + days*day
	var b [8]byte
	for i := range b {
		b[i] = byte(at >> (56 - 8*i))
	}
	return strings.ReplaceAll(string(b[:]), "\x00", " ")
}

// The last record goes out with the order.
func TestArchivedOrdersAreTold(t *testing.T) {
	w := keeping(t)
	sscc := w.sent("O1", "CUP*2")
	o := w.order("O1")
	w.later(30)
	e := w.told("O1", EvOrderArchived)
	d := e.Data
	if d.State != "SHIPPED" || d.ClosedAt != o.Since || d.Digest != hex.EncodeToString(o.Hash) || d.Source != "oms/main" || d.Revision != 1 ||
		len(d.Lines) != 1 || d.Lines[0].Picked != 2 || len(d.Parcels) != 1 || d.Parcels[0].SSCC != sscc {
		t.Errorf("%+v", d)
	}
	if n := len(w.all(EvOrderArchived)); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// Whatever comes late for an archived order gets the answer that a closed one
// gives, changes nothing, and ships nothing.
func TestLateAfterTheArchive(t *testing.T) {
	other := release("O1", "CUP*3")
	foreign := release("O1", "CUP*2")
	foreign.Source = "oms/other"
	for name, tt := range map[string]struct {
		cmd  Command
		code string // "" = accepted
		text string
	}{
		"the same release":      {release("O1", "CUP*2"), "", "order O1 was SHIPPED with revision 1 and is archived on 2026-01-31"},
		"an older one":          {revised("O1", 0, "CUP*2"), "", "archived on"},
		"other content":         {other, CodeConflict, "revision 1"},
		"an amendment":          {revised("O1", 2, "CUP*2"), CodeHardPONR, "SHIPPED"},
		"another OMS's":         {foreign, CodeIDTaken, "oms/main"},
		"a cancel":              {CancelOrder{Order: "O1", Source: "oms/main"}, CodeHardPONR, "SHIPPED"},
		"a hold":                {HoldOrder{Order: "O1", Code: HoldRecall, Source: "oms/main"}, CodeHardPONR, "SHIPPED"},
		"the end of a hold":     {ReleaseHold{Order: "O1", Code: HoldRecall, Source: "oms/main"}, "", "not held"},
		"a quote accepted":      {AcceptQuote{Order: "O1", Revision: 1, Source: "oms/main"}, CodeNoQuote, ""},
		"a retry":               {RetryOrder{Order: "O1"}, "", "nothing to retry"},
		"a document":            {FileDocument{What: DocSlip, Type: DocText, Ref: "O1", Body: "x"}, CodeArchived, "archived on"},
		"a cancel, once more":   {CancelOrder{Order: "O2", Source: "oms/main"}, "", ""},
		"a cancelled one again": {release("O2", "PEN"), "", "was CANCELLED"},
		"a new revision of it":  {revised("O2", 2, "PEN"), CodeRevision, "CANCELLED"},
		"an id never seen":      {CancelOrder{Order: "O9", Source: "oms/main"}, CodeUnknownOrder, ""},
		"unpacking":             {Unpack{Order: "O1", Tote: "T-9", Reason: "x"}, CodeNotPacked, ""},
		"a line put back":       {PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 1}, "", ""},
		"a line made":           {ProductionDone{Order: "O1", Line: 1}, "", ""},
		"a batch with it":       {AssignBatch{Batch: "K9", Worker: "w1", Slots: []BatchSlot{{Slot: 1, Order: "O1"}}, Walk: []string{"O1/1/1"}}, CodePoolChanged, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := keeping(t)
			w.sent("O1", "CUP*2")
			w.ok(release("O2", "PEN"))
			w.ok(CancelOrder{Order: "O2", Source: "oms/main"})
			w.later(30)
			if _, isBatch := tt.cmd.(AssignBatch); isBatch {
				w.ok(SignIn{Device: "hw1", Badge: "B1"})
				w.ok(AskWork{Device: "hw1"})
			}
			moves := len(seen(Moves(w.tx)))
			res := w.apply(tt.cmd)
			switch {
			case name == "a line put back" || name == "a line made":
				if res.OK {
					t.Errorf("accepted: %+v", res)
				}
			case tt.code == "" && !res.OK, tt.code != "" && res.Code != tt.code, !strings.Contains(res.Text, tt.text):
				t.Errorf("%s %q, want %q %q", res.Code, res.Text, tt.code, tt.text)
			}
			for _, id := range []string{"O1", "O2"} {
				if seen(GetOrder(w.tx, id)) != nil || seen(GetArchived(w.tx, id)) == nil {
					t.Errorf("order %s came back", id)
				}
			}
			if n := len(seen(Moves(w.tx))); n != moves {
				t.Errorf("%d moves", n-moves)
			}
			w.later(1)
			w.invariants()
			w.books()
		})
	}
}

// A parcel that left with its order is known for what it is.
func TestParcelsOfTheArchive(t *testing.T) {
	w := keeping(t)
	s := *seen(GetSite(w.tx))
	s.Lanes, s.DefaultLane = []Lane{{ID: "L1"}}, "L1"
	w.ok(PutSite{Site: s})
	sscc := w.sent("O1", "CUP*2")
	w.no(Load{Dock: "d1", Barcode: sscc}, CodeAlreadyLoaded)
	w.later(30)
	for _, c := range []Command{
		Load{Dock: "d1", Barcode: sscc},
		Unload{Parcel: sscc, Reason: "x"},
		ChangeCarrier{SSCC: sscc, Reason: "x"},
		Divert{Conveyor: "c1", Barcode: sscc, Lane: "L1"},
	} {
		if res := w.no(c, CodeArchived); !strings.Contains(res.Text, "left with order O1, archived on 2026-01-31") {
			t.Errorf("%T: %s", c, res.Text)
		}
	}
	w.no(Reprint{Job: sscc}, CodeUnknownJob)
	if f := seen(Find(w.tx, sscc, "", 10)); f == nil || f.Kind != FoundUnit || f.Order != "O1" || f.Archived != w.m.Now {
		t.Errorf("found %+v", f)
	}
	if f := seen(Find(w.tx, "O1", "", 10)); f == nil || f.Kind != FoundOrder || f.State != "SHIPPED" || f.Archived != w.m.Now {
		t.Errorf("found %+v", f)
	}
	w.invariants()
}

// Goods of an archived order come back: announced as they are told, unannounced
// when a person confirms.
func TestReturnsAfterTheArchive(t *testing.T) {
	w := keeping(t)
	w.sent("O1", "CUP*4")
	w.later(31)
	w.ok(SignIn{Device: "hw1", Badge: "B1"})
	w.ok(AnnounceReturn{Return: "RMA1", Order: "O1", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "DAMAGED"}}, Source: "oms/main"})
	w.ok(ReceiveReturn{Return: "RMA1", Barcode: gtin(1), Qty: 1, Reason: "DAMAGED"})
	w.no(ReceiveReturn{Return: "RMA1", Barcode: gtin(1), Qty: 1, Reason: "DAMAGED"}, CodeConfirm)
	blind := ReceiveReturn{Return: "R2", Order: "O1", Barcode: gtin(1), Qty: 1, Reason: "OTHER"}
	if res := w.no(blind, CodeConfirm); !strings.Contains(res.Text, "in the archive") {
		t.Error(res.Text)
	}
	blind.Confirm = true
	w.ok(blind)
	w.ok(InspectReturn{Return: "R2", SKU: "CUP", Qty: 1, Disposition: DispScrap})
	w.ok(CloseReturn{Return: "R2"})
	if e := w.last(EvRefundRequested); e.Order != "O1" || e.Data.Returned[0].Received != 1 {
		t.Errorf("%+v", e)
	}
	w.invariants()
	w.books()
}

// What is not over stays, however old it is.
func TestNothingOpenIsArchived(t *testing.T) {
	w := changing(t)
	s := *seen(GetSite(w.tx))
	s.ArchiveDays = 1
	w.ok(PutSite{Site: s})
	w.ok(release("O1", "CUP*2"))
	w.pick("K1", "w1", "O1")
	w.cancels(CancelAccept)
	w.ok(CancelOrder{Order: "O1", Source: "oms/main"}) // two cups in the tote
	slip := spec("", "PEN")
	slip.Revision = 0
	w.ok(EnterOrder{Kit: 7, Order: slip})
	id := fmt.Sprintf("%s-K%06d", s.ID, 7)
	w.ok(CancelOrder{Order: id, Source: SourceSite})
	w.later(40)
	w.state("O1", OrderCancelled)
	w.state(id, OrderCancelled)
	w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 2})
	w.ok(BindOrder{Kit: 7, Order: "OMS-7", Source: "oms/main"})
	w.later(2)
	for _, id := range []string{"O1", id, "OMS-7"} {
		if seen(GetOrder(w.tx, id)) != nil || seen(GetArchived(w.tx, id)) == nil {
			t.Errorf("order %s is not in the archive", id)
		}
	}
	// Both ids and the slip still name it.
	w.ok(CancelOrder{Order: "OMS-7", Source: "oms/main"})
	w.no(EnterOrder{Kit: 7, Order: slip}, CodeConflict)
	w.ok(BindOrder{Kit: 7, Order: "OMS-7", Source: "oms/main"})
	w.no(BindOrder{Kit: 7, Order: "OMS-8", Source: "oms/main"}, CodeConflict)
	w.invariants()
	w.books()
}

// A rule that comes later, or changes, reaches what is closed already.
func TestArchiveRulesReachWhatIsOver(t *testing.T) {
	w := stocked(t)
	sscc := w.sent("O1", "CUP")
	var ids []string
	for i := range 700 { // more than one round of the sweep looks at
		id := fmt.Sprintf("C%03d", i)
		ids = append(ids, id)
		w.ok(release(id, "PEN"))
		w.ok(CancelOrder{Order: id, Source: "oms/main"})
	}
	w.later(50)
	s := testSite()
	s.ArchiveDays = 60
	w.ok(PutSite{Site: s})
	w.later(9)
	w.state("O1", OrderShipped)
	s.ArchiveDays = 59
	w.ok(PutSite{Site: s})
	w.later(0)
	for _, id := range append(ids, "O1") {
		if seen(GetOrder(w.tx, id)) != nil || seen(GetArchived(w.tx, id)) == nil {
			t.Fatalf("order %s is not in the archive", id)
		}
	}
	if n := len(w.all(EvOrderArchived)); n != 701 {
		t.Errorf("%d are told", n)
	}
	w.invariants()
	// And what is in the archive already.
	s.ForgetDays = 65
	w.ok(PutSite{Site: s})
	w.later(5)
	if seen(GetArchived(w.tx, "O1")) == nil {
		t.Fatal("forgotten too early")
	}
	w.later(1)
	if a := seen(GetArchived(w.tx, "O1")); a != nil || seen(OrderOfParcel(w.tx, sscc)) != "" || len(seen(CountOrders(w.tx))) != 0 {
		t.Errorf("still here: %+v %v", a, seen(CountOrders(w.tx)))
	}
	w.drain(w.events()[len(w.events())-1].Seq)
	w.ok(release("O1", "CUP")) // another order by now
	w.state("O1", OrderReleased)
	w.invariants()
	w.books()
}

// archiving is a time at a site that archives: orders that ship, are cancelled,
// come back late and are forgotten.
func archiving(t *testing.T) *world {
	w := keeping(t)
	first := release("O1", "CUP*2", "MILK*1")
	first.Order.Commercial = strings.Repeat("0a", 32)
	w.ok(first)
	w.pick("K1", "w1", "O1")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
	w.ok(FileDocument{What: DocSlip, Type: DocText, Ref: "O1", Body: "slip"})
	w.ok(Depart{Dock: "d1"})
	w.ok(release("O2", "PEN"))
	w.ok(CancelOrder{Order: "O2", Source: "oms/main"})
	w.ok(release("O3", "BAG*50"))
	w.later(8) // the names go
	w.ok(first)
	w.later(23)
	w.ok(first)
	w.no(revised("O1", 2, "CUP"), CodeHardPONR)
	w.no(CancelOrder{Order: "O1", Source: "oms/main"}, CodeHardPONR)
	w.later(61)
	w.invariants()
	w.books()
	return w
}
