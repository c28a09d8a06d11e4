package warehouse_test

import (
	"strings"
	"testing"

	. "tote/warehouse"
)

// row 52: the customer's terms, discounts and promo codes reach the site as a
// hash; name and address go after the days of the site, from everywhere, and the
// order stays. The whole state is read, and no byte of the name is in it.
func TestPersonIsPurgedRow52(t *testing.T) {
	w := carriersDay(t)
	s := *seen(GetSite(w.tx))
	s.PurgeDays, s.Escalate, s.Changes = 7, true, &ChangeRules{}
	s.Countries = []CountryRule{{Country: "DE", Postcodes: []string{"99999"}}}
	w.ok(PutSite{Site: s})
	person := Address{Name: "Zoe Quittenbaum", Street: "Feldweg 77b", Postcode: "88123", City: "Oberkirchdorf", Country: "DE"}
	order := func(id string, change func(*OrderSpec)) ReleaseOrder {
		r := release(id, "CUP*2")
		r.Order.ShipTo, r.Order.Commercial = person, strings.Repeat("c0", 32)
		r.Order.Customer, r.Order.Refs = "Quittenbaum/4711", []Ref{{Name: "letter to", Value: "Quittenbaum"}}
		if change != nil {
			change(&r.Order)
		}
		return r
	}
	// One shipped, with a label that was void, documents, and a bad address that
	// a person let pass.
	w.ok(order("S1", func(o *OrderSpec) { o.ShipTo.Postcode = "88123X" }))
	w.ok(RetryOrder{Order: "S1"})
	w.pick("KS1", "w1", "S1")
	first := w.label("pack1", "S1")
	w.ok(FileDocument{What: DocLabel, Type: DocZPL, Ref: first, Body: "^FD" + person.Name})
	w.ok(Unpack{Order: "S1", Tote: "T-9", Reason: "crushed", Supervisor: true})
	sscc := w.label("pack1", "S1")
	w.ok(FileDocument{What: DocLabel, Type: DocZPL, Ref: sscc, Body: "^FD" + person.Name + person.Street})
	slip := w.ok(FileDocument{What: DocSlip, Type: DocText, Ref: "S1", Body: person.Name + ", " + person.City})
	w.no(order("S1", func(o *OrderSpec) { o.Revision, o.ShipTo.Postcode = 2, "88123Y" }), CodeHardPONR)
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Depart{Dock: "d1"})
	// One cancelled, in the customer's own words.
	w.ok(order("C1", nil))
	w.ok(CancelOrder{Order: "C1", Source: "oms/main", Reason: "Zoe Quittenbaum called"})
	// One still to be picked keeps its address.
	w.ok(order("W1", func(o *OrderSpec) {
		o.ShipTo, o.Customer, o.Refs, o.Lines[0].Qty = Address{Name: "Wanda Offen", Street: "s", Postcode: "1", City: "c", Country: "DE"}, "", nil, 9999
	}))

	marks := []string{"Quittenbaum", "Feldweg", "88123X", "88123Y"}
	w.drain(w.events()[len(w.events())-1].Seq) // the OMS has them
	w.later(6)
	for _, m := range []string{"Quittenbaum", "Feldweg", "88123X"} {
		if len(w.left(m)) == 0 {
			t.Fatalf("%s is gone too early", m)
		}
	}
	w.later(1)
	for _, m := range marks {
		if keys := w.left(m); len(keys) > 0 {
			t.Errorf("%s is still in %q", m, keys)
		}
	}
	if keys := w.left("Wanda Offen"); len(keys) != 1 || keys[0] != "order W1" {
		t.Errorf("the open order's name is in %q", keys)
	}
	for id, state := range map[string]OrderState{"S1": OrderShipped, "C1": OrderCancelled} {
		o := w.state(id, state)
		if o.Spec.ShipTo != (Address{Country: "DE"}) || o.Purged != w.m.Now || o.Spec.Commercial != strings.Repeat("c0", 32) || len(o.Lines) != 1 {
			t.Errorf("order %+v", o)
		}
	}
	if d := seen(GetDocument(w.tx, slip.Ref)); d == nil || d.Hash != slip.Text || d.Size == 0 {
		t.Errorf("the record of the slip: %+v", d)
	}
	if b := seen(DocumentBody(w.tx, slip.Ref)); b != nil {
		t.Errorf("the slip still has %d bytes", len(b))
	}
	w.no(ReprintDocument{Document: slip.Ref, Reason: "lost"}, CodeUnknownDocument)
	// A paper that comes after that would bring the name back for good.
	for _, late := range []FileDocument{{What: DocSlip, Ref: "S1"}, {What: DocLading, Ref: "S1"}, {What: DocLabel, Ref: sscc}, {What: DocLabel, Ref: first}} {
		late.Type, late.Body = DocText, "once more: "+person.Name
		w.no(late, CodeArchived)
	}
	w.ok(order("S1", func(o *OrderSpec) { o.ShipTo.Postcode = "88123X" })) // known by its digest
	if keys := w.left("Quittenbaum"); len(keys) > 0 {
		t.Errorf("it came back with the release, in %q", keys)
	}
	w.invariants()
	w.books()
}

// What is no digest is not taken in.
func TestCommercialIsADigest(t *testing.T) {
	for name, s := range map[string]string{
		"short": "ab", "not hex": strings.Repeat("g", 64), "capitals": strings.Repeat("A", 64), "terms": `{"terms":"net 30"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := stocked(t)
			r := release("O1", "CUP")
			r.Order.Commercial = s
			w.no(r, CodeInvalid)
		})
	}
	w := stocked(t)
	r := release("O1", "CUP")
	r.Order.Commercial = strings.Repeat("09af", 16)
	w.ok(r)
	r.Order.Commercial = strings.Repeat("09ae", 16) // other terms are another content
	w.no(r, CodeConflict)
}

// The three rules of a site for what is over.
func TestKeepRules(t *testing.T) {
	for name, tt := range map[string]struct {
		archive, purge, forget int64
		ok                     bool
	}{
		"none":                     {0, 0, 0, true},
		"all":                      {30, 7, 400, true},
		"only names":               {0, 30, 0, true},
		"negative":                 {-1, 0, 0, false},
		"names negative":           {0, -1, 0, false},
		"more than ten years":      {3651, 0, 0, false},
		"forget before":            {30, 0, 30, false},
		"forget without archiving": {0, 0, 90, false},
		"forget too late":          {30, 0, 3651, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := stocked(t)
			s := testSite()
			s.ArchiveDays, s.PurgeDays, s.ForgetDays = tt.archive, tt.purge, tt.forget
			if res := w.apply(PutSite{Site: s}); res.OK != tt.ok {
				t.Errorf("%+v", res)
			}
		})
	}
}
