package warehouse_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "tote/warehouse"
)

// named is a release that brings a party, a customer and refs.
func named(id, party string, lines ...string) ReleaseOrder {
	r := release(id, lines...)
	r.Order.Party, r.Order.Customer = party, "C-17"
	r.Order.Refs = []Ref{{Name: "campaign", Value: "spring; =1+1"}, {Name: "crm", Value: ""}}
	r.Order.PlacedAt, r.Order.ShipBy = 1_767_000_000_000, 1_768_000_000_000
	return r
}

func manyRefs(n, bytes int) (out []Ref) {
	for i := range n {
		out = append(out, Ref{Name: fmt.Sprintf("r%02d", i), Value: strings.Repeat("x", bytes)})
	}
	return out
}

// What an order is called elsewhere is bounded, and else taken as it is.
func TestNamesAreBoundedRow15(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*OrderSpec)
		ok     bool
	}{
		"party":            {func(s *OrderSpec) { s.Party = "aunt" }, false},
		"long customer":    {func(s *OrderSpec) { s.Customer = strings.Repeat("x", 201) }, false},
		"customer":         {func(s *OrderSpec) { s.Customer = strings.Repeat("x", 200) }, true},
		"control":          {func(s *OrderSpec) { s.Customer = "a\nb" }, false},
		"17 refs":          {func(s *OrderSpec) { s.Refs = manyRefs(17, 1) }, false},
		"16 refs":          {func(s *OrderSpec) { s.Refs = manyRefs(16, 125) }, true}, // 2048 bytes
		"2064 bytes":       {func(s *OrderSpec) { s.Refs = manyRefs(16, 126) }, false},
		"a ref twice":      {func(s *OrderSpec) { s.Refs = []Ref{{Name: "a"}, {Name: "a"}} }, false},
		"a ref of no name": {func(s *OrderSpec) { s.Refs = []Ref{{Value: "a"}} }, false},
		"a long value":     {func(s *OrderSpec) { s.Refs = []Ref{{Name: "a", Value: strings.Repeat("x", 201)}} }, false},
		"any text":         {func(s *OrderSpec) { s.Refs = []Ref{{Name: "ä/b", Value: " =@+ "}} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := stocked(t)
			cmd := release("O1", "CUP")
			tt.change(&cmd.Order)
			if tt.ok {
				w.ok(cmd)
				if d := cmp.Diff(cmd.Order, w.order("O1").Spec); d != "" {
					t.Error(d)
				}
			} else {
				w.no(cmd, CodeInvalid)
			}
			w.invariants()
		})
	}
}

// An order to each party ships like any other and says so; an order that names
// nothing is told as before.
func TestShippedTellsTheNamesRow1(t *testing.T) {
	w := namedDay(t)
	said := map[string]EventData{}
	for _, e := range w.events() {
		if e.Type == EvOrderShipped {
			said[e.Order] = e.Data
		}
	}
	for _, party := range []string{PartyConsumer, PartyBusiness, Party3PL, PartyHub} {
		o, d := w.order("O-"+party), said["O-"+party]
		want := named("", party).Order
		if o.State != OrderShipped || d.Party != party || d.Customer != want.Customer || !cmp.Equal(d.Refs, want.Refs) {
			t.Errorf("%s: %s %+v", party, o.State, d)
		}
		if d.Times == nil || *d.Times != (OrderTimes{PlacedAt: want.PlacedAt, ReleasedAt: o.ReleasedAt, ShipBy: want.ShipBy, ShippedAt: o.ShippedAt}) {
			t.Errorf("%s: times %+v", party, d.Times)
		}
	}
	if d := said["PLAIN"]; d.State == "" || d.Party+d.Customer != "" || d.Refs != nil || d.Times != nil {
		t.Errorf("%+v", d)
	}
	if b := w.order("O-business-B1"); b.Spec.Customer != "C-17" || b.Spec.Party != PartyBusiness || len(b.Spec.Refs) != 2 {
		t.Errorf("the backorder lost its names: %+v", b.Spec)
	}
}

// namedDay ships an order to each party, one of them with a rest.
func namedDay(t *testing.T) *world {
	w := stocked(t)
	w.ok(release("PLAIN", "CUP"))
	ids := []string{"PLAIN"}
	for _, party := range []string{PartyConsumer, PartyBusiness, Party3PL, PartyHub} {
		cmd := named("O-"+party, party, "CUP")
		if party == PartyBusiness {
			cmd.Order.Partial = true
			cmd.Order.Lines = append(cmd.Order.Lines, OrderLine{Line: 2, SKU: "BAG", Qty: 9})
		}
		w.ok(cmd)
		ids = append(ids, cmd.Order.ID)
	}
	slip := named("", PartyConsumer, "PEN").Order
	slip.Revision = 0
	w.ok(EnterOrder{Kit: 3, Order: slip})
	for i, id := range ids {
		w.m.Now += 1000
		w.pick(fmt.Sprintf("K%d", i), "w1", id)
		w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
	}
	w.ok(Depart{Dock: "d1"})
	w.invariants()
	return w
}

// A release that names nothing is the command of before, byte by byte and in its
// version; one that does is another version.
func TestNamedIsALaterVersion(t *testing.T) {
	for _, tt := range []struct {
		cmd  Command
		want uint16
	}{
		{release("O1", "CUP"), 1},
		{named("O1", PartyHub, "CUP"), 2},
		{EnterOrder{Kit: 1, Order: named("", "", "CUP").Order}, 2},
		{EnterOrder{Kit: 1, Order: release("", "CUP").Order}, 1},
	} {
		kind, version, body, err := Encode(tt.cmd)
		if err != nil || version != tt.want || !Speaks(kind, version) {
			t.Errorf("%#v: version %d, %v", tt.cmd, version, err)
		}
		if back, err := Decode(kind, version, body); err != nil || !cmp.Equal(tt.cmd, back) {
			t.Errorf("%v %s", err, cmp.Diff(tt.cmd, back))
		}
	}
}
