package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// shared is a world of three OMSs: the default one, acme for one owner and beta
// for two.
func shared(t fataler) *world {
	w := stocked(t)
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-03", SKU: "CUP", Owner: "ACME", Qty: 6},
		{Bin: "A-04", SKU: "CUP", Owner: "BETA", Qty: 6},
		{Bin: "A-05", SKU: "CUP", Owner: "B2", Qty: 6},
		{Bin: "B-04", SKU: "MILK", Lot: "L3", Expiry: "2026-01-20", Owner: "ACME", Qty: 2},
	}})
	w.ok(PutSite{Site: sharedSite()})
	return w
}

func sharedSite() Site {
	s := testSite()
	s.Changes = &ChangeRules{}
	s.Upstreams = []Upstream{{Name: "acme", Owners: []string{"ACME"}}, {Name: "beta", Owners: []string{"BETA", "B2"}}}
	return s
}

// by is an order of an OMS for an owner.
func by(oms, owner, id string, lines ...string) ReleaseOrder {
	r := release(id, lines...)
	r.Source, r.Order.Owner = "oms/"+oms, owner
	return r
}

// hears lists what an OMS is told: "type order".
func (w *world) hears(upstream string) []string {
	w.t.Helper()
	var out []string
	for i, e := range seen(OutboxRange(w.tx, StreamOf(upstream), 0, 10_000)) {
		if e.Seq != uint64(i+1) {
			w.t.Fatalf("stream of %q: event %d has number %d", upstream, i+1, e.Seq)
		}
		out = append(out, e.Type+" "+e.Order)
	}
	return out
}

func (w *world) latest(upstream string) Event {
	w.t.Helper()
	evs := seen(OutboxRange(w.tx, StreamOf(upstream), 0, 10_000))
	if len(evs) == 0 {
		w.t.Fatalf("the OMS %q heard nothing", upstream)
	}
	return evs[len(evs)-1]
}

// One number, three orders; each OMS hears of its own to the end.
func TestEachOMSHasItsOwnOrders(t *testing.T) {
	w := shared(t)
	w.ok(by("main", "", "4711", "CUP*1"))
	w.ok(by("acme", "", "4711", "CUP*2")) // of one owner: he need not be named
	w.ok(by("beta", "B2", "4711", "CUP*3"))
	for id, want := range map[string]struct {
		owner string
		qty   int64
	}{"4711": {"", 1}, "acme:4711": {"ACME", 2}, "beta:4711": {"B2", 3}} {
		if o := w.order(id); o.Spec.Owner != want.owner || o.Lines[0].Qty != want.qty {
			t.Errorf("%s: %+v", id, o)
		}
	}
	w.pick("K1", "w1", "4711", "acme:4711", "beta:4711")
	for _, id := range []string{"4711", "acme:4711", "beta:4711"} {
		w.ok(Load{Dock: "d1", Barcode: w.label("pack1", id)})
	}
	w.ok(Depart{Dock: "d1"})
	life := []string{
		"order.accepted 4711", "order.released 4711", "order.picking 4711", "order.picked 4711", "order.packed 4711",
		"order.labelled 4711", "order.staged 4711", "order.shipped 4711",
	}
	for _, up := range []string{"", "acme", "beta"} {
		if got := w.hears(up); !slices.Equal(got, life) {
			t.Errorf("%q hears %v", up, got)
		}
		if e := w.latest(up); e.Data.Lines[0].Qty != e.Data.Lines[0].Picked || up == "beta" && e.Data.Lines[0].Qty != 3 {
			t.Errorf("%q: %+v", up, e.Data)
		}
	}
	w.invariants()
	w.books()
}

// What one OMS asks of another one's order meets nothing.
func TestAnotherOMSsOrderIsNotThere(t *testing.T) {
	w := shared(t)
	w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S", Name: "S"}}})
	w.ok(by("acme", "ACME", "A1", "CUP*2"))
	w.ok(release("M1", "CUP*1"))
	w.ok(EnterOrder{Kit: 5, Order: ofOwner(slip("CUP"), "ACME")})
	for name, tt := range map[string]struct {
		cmd  Command
		code string
	}{
		"cancel":              {CancelOrder{Order: "A1", Source: "oms/beta"}, CodeUnknownOrder},
		"cancel by our id":    {CancelOrder{Order: "acme:A1", Source: "oms/beta"}, CodeUnknownOrder},
		"cancel by default":   {CancelOrder{Order: "acme:A1", Source: "oms/main"}, CodeUnknownOrder},
		"cancel default's":    {CancelOrder{Order: "M1", Source: "oms/acme"}, CodeUnknownOrder},
		"cancel the slip":     {CancelOrder{Order: "W1-K000005", Source: "oms/main"}, CodeUnknownOrder},
		"hold":                {HoldOrder{Order: "A1", Code: HoldPayment, Source: "oms/beta"}, CodeUnknownOrder},
		"hold by default":     {HoldOrder{Order: "acme:A1", Code: HoldPayment, Source: "oms/main"}, CodeUnknownOrder},
		"unhold":              {ReleaseHold{Order: "M1", Code: HoldPayment, Source: "oms/beta"}, CodeUnknownOrder},
		"accept":              {AcceptQuote{Order: "A1", Revision: 2, Source: "oms/beta"}, CodeUnknownOrder},
		"decline":             {DeclineQuote{Order: "acme:A1", Revision: 2, Source: "oms/main"}, CodeUnknownOrder},
		"bind":                {BindOrder{Kit: 5, Order: "B5", Source: "oms/beta"}, CodeUnknownOrder},
		"bind by default":     {BindOrder{Kit: 5, Order: "M5", Source: "oms/main"}, CodeUnknownOrder},
		"return":              {AnnounceReturn{Return: "R", Order: "A1", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "DAMAGED"}}, Source: "oms/beta"}, CodeUnknownOrder},
		"return of nobody's":  {AnnounceReturn{Return: "R", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "DAMAGED"}}, Source: "oms/beta"}, CodeForeignOwner},
		"delivery":            {AnnounceReceipt{Receipt: asn("R1", "ACME"), Source: "oms/beta"}, CodeForeignOwner},
		"delivery by default": {AnnounceReceipt{Receipt: asn("R1", "ACME"), Source: "oms/main"}, CodeForeignOwner},
		"delivery, our id":    {AnnounceReceipt{Receipt: asn("acme:R1", ""), Source: "oms/main"}, CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			before := w.tx.Digest()
			if res := w.no(tt.cmd, tt.code); res.Keep || strings.Contains(res.Text, "PICK") {
				t.Errorf("%+v", res)
			}
			if w.tx.Digest() != before {
				t.Error("the refusal left something behind")
			}
		})
	}
	w.t = t
	w.state("acme:A1", OrderReleased)
	w.invariants()
}

func ofOwner(s OrderSpec, owner string) OrderSpec { s.Owner = owner; return s }

func asn(id, owner string) ReceiptSpec {
	return ReceiptSpec{ID: id, Supplier: "S", Owner: owner, Lines: []ReceiptLine{{Line: 1, SKU: "CUP", Qty: 2}}}
}

// A release for an owner of somebody else is refused, and only who asked hears.
func TestReleaseForAnotherOMSsOwner(t *testing.T) {
	for name, tt := range map[string]struct {
		r    ReleaseOrder
		code string
		up   string
		told string
	}{
		"by another":        {by("beta", "ACME", "X1", "CUP"), CodeForeignOwner, "beta", "X1"},
		"for the house":     {by("beta", "", "X1", "CUP"), CodeForeignOwner, "beta", "X1"},
		"by the default":    {by("main", "ACME", "X1", "CUP"), CodeForeignOwner, "", "X1"},
		"under a taken id":  {by("main", "", "acme:A1", "CUP"), CodeInvalid, "", "acme:A1"},
		"under a free one":  {by("main", "", "beta:9", "CUP"), CodeInvalid, "", "beta:9"},
		"unknown item":      {by("acme", "ACME", "X1", "NOPE"), CodeUnknownItem, "acme", "X1"},
		"no id":             {by("acme", "ACME", "", "CUP"), CodeInvalid, "acme", ""},
		"too long with us":  {by("acme", "ACME", strings.Repeat("9", 61), "CUP"), CodeInvalid, "acme", strings.Repeat("9", 61)},
		"amended to theirs": {by("acme", "BETA", "A1", "CUP"), CodeForeignOwner, "acme", "A1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := shared(t)
			w.ok(by("acme", "ACME", "A1", "CUP*2"))
			tt.r.Order.Revision = 2
			var before [3]int
			for i, up := range []string{"", "acme", "beta"} {
				before[i] = len(w.hears(up))
			}
			if res := w.no(tt.r, tt.code); !res.Keep {
				t.Error("nobody is told")
			}
			for i, up := range []string{"", "acme", "beta"} {
				n := len(w.hears(up)) - before[i]
				if want := up == tt.up; (n == 1) != want || n > 1 {
					t.Errorf("%q hears %d things", up, n)
				}
			}
			if e := w.latest(tt.up); e.Order != tt.told || e.Data.Code != tt.code || e.Data.Source != tt.r.Source || strings.Contains(e.Data.Text, "oms/acme") && tt.up != "acme" {
				t.Errorf("%+v", e)
			}
			if o := w.order("acme:A1"); o.Spec.Owner != "ACME" || o.Spec.Revision != 1 {
				t.Errorf("%+v", o.Spec)
			}
			w.invariants()
		})
	}
}

// People of the site speak of all orders, by the ids here, and enter orders for
// any owner.
func TestPeopleSpeakOfAllUpstreams(t *testing.T) {
	w := shared(t)
	w.ok(by("acme", "ACME", "A1", "CUP*2"))
	w.ok(HoldOrder{Order: "acme:A1", Code: HoldAddress, Source: SourceSite})
	w.ok(ReleaseHold{Order: "acme:A1", Code: HoldAddress, Source: SourceSite})
	w.ok(CancelOrder{Order: "acme:A1", Source: SourceSite})
	if got := w.hears("acme"); !slices.Contains(got, "order.held A1") || got[len(got)-1] != "order.cancelled A1" {
		t.Errorf("acme hears %v", got)
	}
	w.ok(EnterOrder{Kit: 7, Order: ofOwner(slip("CUP"), "BETA")})
	if e := w.latest("beta"); e.Order != "W1-K000007" || e.Data.Born != SourceSite {
		t.Errorf("%+v", e)
	}
	// The slip is bound to the id its own OMS gave it.
	brought := by("beta", "BETA", "4711", "CUP")
	brought.Order.Kit = 7
	w.no(by("main", "", "4711", "NOPE"), CodeUnknownItem)
	w.ok(brought)
	if o := w.order("beta:4711"); o.Spec.ID != "W1-K000007" || o.Bound != "beta:4711" {
		t.Errorf("%+v", o)
	}
	if e := w.latest("beta"); e.Type != EvOrderBound || e.Order != "4711" {
		t.Errorf("%+v", e)
	}
	// Nobody moves an order to another OMS by changing its owner.
	moved := entered("S1", "CUP")
	w.ok(moved)
	moved.Order.Owner, moved.Order.Revision = "ACME", 2
	w.no(moved, CodeForeignOwner)
	res := w.no(entered("acme:S2", "CUP"), CodeInvalid)
	if !res.Keep {
		t.Error(res)
	}
	w.invariants()
}

// Deliveries, returns, counts and corrections are told to whom the goods belong.
func TestStockIsToldToItsOwnersOMS(t *testing.T) {
	w := shared(t)
	w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S", Name: "S"}}})
	w.ok(AnnounceReceipt{Receipt: asn("R1", ""), Source: "oms/acme"})
	w.ok(AnnounceReceipt{Receipt: asn("R1", ""), Source: "oms/main"})
	w.ok(OpenReceipt{Receipt: "R2", Supplier: "S", Owner: "B2"})
	for _, id := range []string{"acme:R1", "R1", "R2"} {
		w.ok(CloseReceipt{Receipt: id, Confirm: true})
	}
	for up, want := range map[string][2]string{"": {"R1", ""}, "acme": {"R1", "ACME"}, "beta": {"R2", "B2"}} {
		if e := w.latest(up); e.Type != EvReceiptClosed || e.Data.Receipt != want[0] || e.Data.Owner != want[1] {
			t.Errorf("%q: %+v", up, e)
		}
	}
	w.ok(AdjustStock{Place: "bin/A-04", SKU: "CUP", Owner: "BETA", Qty: -1, Reason: ReasonDamaged})
	if e := w.latest("beta"); e.Type != EvStockAdjusted || e.Data.Owner != "BETA" {
		t.Errorf("%+v", e)
	}
	w.ok(AnnounceReturn{Return: "RMA", Lines: []ReturnLine{{SKU: "PEN", Expected: 1, Reason: "DAMAGED"}}, Source: "oms/acme"})
	w.ok(ReceiveReturn{Return: "acme:RMA", Barcode: gtin(2), Qty: 1, Reason: "DAMAGED"})
	w.ok(InspectReturn{Return: "acme:RMA", SKU: "PEN", Qty: 1, Disposition: DispScrap})
	w.ok(CloseReturn{Return: "acme:RMA"})
	if e := w.latest("acme"); e.Type != EvRefundRequested || e.Data.Ref != "RMA" {
		t.Errorf("%+v", e)
	}
	if got := w.hears(""); len(got) != 1 {
		t.Errorf("the default OMS hears %v", got)
	}
	w.invariants()
	w.books()
}

func TestCountsAndLotsAreDividedByUpstream(t *testing.T) {
	w := shared(t)
	s := sharedSite()
	s.ExpiryDays = 30
	w.ok(PutSite{Site: s})
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "B-05", SKU: "MILK", Lot: "L9", Expiry: "2026-02-05", Owner: "ACME", Qty: 2},
		{Bin: "B-05", SKU: "MILK", Lot: "L9", Expiry: "2026-02-05", Qty: 3},
	}})
	w.ok(RequestCount{Bin: "B-05", Reason: "look"})
	w.ok(SignIn{Device: "h1", Badge: "B1"})
	w.count("h1", "B-05", "]C101"+gtin(3)+"10L9", 5)
	qty := func(up string) (n int64) {
		for _, e := range seen(OutboxRange(w.tx, StreamOf(up), 0, 100)) {
			if e.Type == EvCountClosed {
				for _, l := range e.Data.Counted {
					n += l.Book
				}
			}
		}
		return n
	}
	if d, a := qty(""), qty("acme"); d != 3 || a != 2 || len(w.hears("beta")) != 0 {
		t.Errorf("counted %d and %d; beta hears %v", d, a, w.hears("beta"))
	}
	w.m.Now += 7 * 24 * 3600_000
	w.ok(AdvanceTime{})
	for up, want := range map[string]int64{"": 3, "acme": 2} {
		if e := w.latest(up); e.Type != EvLotExpires || e.Data.Lot != "L9" || e.Data.Qty != want {
			t.Errorf("%q: %+v", up, e)
		}
	}
}

// Levels go to who sells the goods; who gets an owner hears of his.
func TestLevelsGoToTheOwnersOMS(t *testing.T) {
	w := shared(t)
	s := sharedSite()
	s.ATPEveryMs = 1000
	round := func() {
		t.Helper()
		for range 20 {
			w.m.Now += 1000
			w.ok(AdvanceTime{})
		}
	}
	levels := func(up string) (out []string) {
		for _, e := range seen(OutboxRange(w.tx, StreamOf(up), 0, 1000)) {
			if e.Type == EvStockATP {
				out = append(out, fmt.Sprintf("%s %s %d", e.Data.SKU, e.Data.Owner, e.Data.Levels.OnHand))
			}
		}
		slices.Sort(out)
		return out
	}
	w.ok(PutSite{Site: s})
	round()
	for up, want := range map[string][]string{
		"": {"BAG  5", "CUP  20", "MILK  8", "PEN  100"}, "acme": {"CUP ACME 6", "MILK ACME 2"}, "beta": {"CUP B2 6", "CUP BETA 6"},
	} {
		if got := levels(up); !slices.Equal(got, want) {
			t.Errorf("%q: %v", up, got)
		}
	}
	s.Upstreams = []Upstream{{Name: "acme", Owners: []string{"ACME", "B2"}}, {Name: "beta", Owners: []string{"BETA"}}}
	w.ok(PutSite{Site: s})
	round()
	if got, want := levels("acme"), []string{"CUP ACME 6", "CUP B2 6", "MILK ACME 2"}; !slices.Equal(got, want) {
		t.Errorf("acme: %v", got)
	}
	if got := levels("beta"); len(got) != 2 {
		t.Errorf("beta: %v", got)
	}
	w.invariants()
}

// The rest of a partial order is its OMS's, under that OMS's kind of id.
func TestBackorderOfAnUpstream(t *testing.T) {
	w := shared(t)
	r := by("acme", "ACME", "A1", "CUP*2", "PEN*1")
	r.Order.Partial = true
	w.ok(r)
	w.pick("K1", "w1", "acme:A1")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "acme:A1")})
	w.ok(Depart{Dock: "d1"})
	o := w.order("acme:A1-B1")
	if o.Upstream != "acme" || o.BackorderOf != "acme:A1" {
		t.Errorf("%+v", o)
	}
	if got := w.hears("acme"); !slices.Contains(got, "order.short A1-B1") || !slices.Contains(got, "order.backordered A1") {
		t.Errorf("acme hears %v", got)
	}
	for _, e := range seen(OutboxRange(w.tx, StreamOf("acme"), 0, 100)) {
		if strings.Contains(e.Data.Backorder+e.Data.BackorderOf, ":") {
			t.Errorf("%+v", e)
		}
	}
	if got := w.hears(""); len(got) != 0 {
		t.Errorf("the default OMS hears %v", got)
	}
	w.invariants()
}

func TestUpstreamRules(t *testing.T) {
	many := make([]Upstream, 17)
	for i := range many {
		many[i].Name = fmt.Sprintf("u%d", i)
	}
	for name, ups := range map[string][]Upstream{
		"no name":    {{}},
		"long":       {{Name: strings.Repeat("a", 17)}},
		"capitals":   {{Name: "Acme"}},
		"twice":      {{Name: "a"}, {Name: "a"}},
		"owner":      {{Name: "a", Owners: []string{"a/b"}}},
		"owner two":  {{Name: "a", Owners: []string{"X"}}, {Name: "b", Owners: []string{"X"}}},
		"owners":     {{Name: "a", Owners: make([]string, 101)}},
		"too many":   many,
		"owner none": {{Name: "a", Owners: []string{""}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := stocked(t)
			s := testSite()
			s.Upstreams = ups
			w.no(PutSite{Site: s}, CodeInvalid)
		})
	}
	w := shared(t)
	s := sharedSite()
	s.Upstreams = s.Upstreams[:1]
	w.ok(PutSite{Site: s}) // beta was told nothing
	w.ok(by("acme", "ACME", "A1", "CUP"))
	s.Upstreams = nil
	w.no(PutSite{Site: s}, CodeConflict)
	s.Upstreams = []Upstream{{Name: "acme"}}
	w.ok(PutSite{Site: s})
	w.no(by("acme", "ACME", "A2", "CUP"), CodeForeignOwner)
	w.ok(CancelOrder{Order: "A1", Source: "oms/acme"}) // it stays where it began
	w.invariants()
}

// A program that knows no upstreams must never see the rules that name one.
func TestUpstreamsNeedTheirVersion(t *testing.T) {
	for want, s := range map[uint16]Site{1: testSite(), 2: sharedSite()} {
		if _, v, _, err := Encode(PutSite{Site: s}); err != nil || v != want {
			t.Errorf("version %d, want %d: %v", v, want, err)
		}
	}
}

// upstreamsDay is a day of three OMSs, for the golden logs.
func upstreamsDay(t *testing.T) *world {
	w := shared(t)
	w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S", Name: "S"}}})
	w.ok(by("main", "", "4711", "CUP*1"))
	w.ok(by("acme", "", "4711", "CUP*2", "PEN"))
	w.ok(by("beta", "B2", "4711", "CUP*3"))
	w.no(by("beta", "ACME", "X1", "CUP"), CodeForeignOwner)
	w.no(CancelOrder{Order: "acme:4711", Source: "oms/main"}, CodeUnknownOrder)
	w.ok(EnterOrder{Kit: 7, Order: ofOwner(slip("CUP"), "BETA")})
	w.ok(BindOrder{Kit: 7, Order: "B7", Source: "oms/beta"})
	w.ok(HoldOrder{Order: "B7", Code: HoldPayment, Source: "oms/beta"})
	w.ok(ReleaseHold{Order: "B7", Code: HoldPayment, Source: "oms/beta"})
	w.ok(AnnounceReceipt{Receipt: asn("R1", ""), Source: "oms/acme"})
	w.ok(CloseReceipt{Receipt: "acme:R1", Confirm: true})
	w.ok(AdjustStock{Place: "bin/A-04", SKU: "CUP", Owner: "BETA", Qty: -1, Reason: ReasonDamaged})
	amend := by("acme", "", "4711", "CUP*2")
	amend.Order.Revision = 2
	w.ok(amend)
	w.pick("K1", "w1", "4711", "acme:4711", "beta:4711")
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "acme:4711")})
	w.ok(Depart{Dock: "d1"})
	w.ok(AnnounceReturn{Return: "RMA", Order: "4711", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "DAMAGED"}}, Source: "oms/acme"})
	w.ok(ReceiveReturn{Return: "acme:RMA", Barcode: gtin(1), Qty: 1, Reason: "DAMAGED"})
	w.ok(InspectReturn{Return: "acme:RMA", SKU: "CUP", Qty: 1, Disposition: DispScrap})
	w.ok(CloseReturn{Return: "acme:RMA"})
	s := sharedSite()
	s.ATPEveryMs = 1000
	s.Upstreams[1].Owners = []string{"BETA"}
	w.ok(PutSite{Site: s})
	for range 5 {
		w.m.Now += 1000
		w.ok(AdvanceTime{})
	}
	w.invariants()
	w.books()
	return w
}

// An id that is here already must not come to belong to an upstream: nobody could
// ask for it any more.
func TestUpstreamNamedLikeWhatIsHere(t *testing.T) {
	for name, tt := range map[string]struct {
		do    func(*world)
		taken bool
	}{
		"order": {func(w *world) { w.ok(release("late:1", "CUP")) }, true},
		"bound": {func(w *world) {
			w.ok(EnterOrder{Kit: 5, Order: slip("CUP")})
			w.ok(BindOrder{Kit: 5, Order: "late:5", Source: "oms/main"})
		}, true},
		"delivery": {func(w *world) { w.ok(AnnounceReceipt{Receipt: asn("late:R", ""), Source: "oms/main"}) }, true},
		"return": {func(w *world) {
			w.ok(AnnounceReturn{Return: "late:R", Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "DAMAGED"}}, Source: "oms/main"})
		}, true},
		"archived": {func(w *world) {
			s := sharedSite()
			s.ArchiveDays = 1
			w.ok(PutSite{Site: s})
			w.ok(release("late:1", "CUP"))
			w.ok(CancelOrder{Order: "late:1", Source: "oms/main"})
			w.m.Now += day
			w.ok(AdvanceTime{})
		}, true},
		"another": {func(w *world) { w.ok(release("later:1", "CUP")); w.ok(release("late", "CUP")) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := shared(t)
			w.ok(PutSuppliers{Suppliers: []Supplier{{ID: "S", Name: "S"}}})
			tt.do(w)
			s := *seen(GetSite(w.tx))
			s.Upstreams = append(s.Upstreams, Upstream{Name: "late"})
			if tt.taken {
				w.no(PutSite{Site: s}, CodeConflict)
			} else {
				w.ok(PutSite{Site: s})
			}
		})
	}
}
