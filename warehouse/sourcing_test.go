package warehouse_test

import (
	"slices"
	"testing"

	. "tote/warehouse"
)

// sourcing is one problem of finding goods or a carrier: what the site does by
// itself, and what is left to a person when that is not enough.
type sourcing struct {
	name  string
	world func(*testing.T) *world
	// fault brings order O1 to the problem.
	fault func(*world)
	// auto checks the automatic step; code is the fallout that is left, "" when
	// nobody has to decide, and told what the OMS hears of it.
	auto func(*testing.T, *world)
	code string
	told []string
	// decide is what the person with the role does, and state what the order is
	// then.
	role   string
	decide func(*world)
	state  OrderState
}

// atTheBin walks a picker to the first bin of O1.
func atTheBin(order ReleaseOrder) func(*world) {
	return func(w *world) {
		w.ok(order)
		w.assign("K1", "w1", "O1")
		w.act("hw1")
	}
}

// shorts reports the bin short and walks on.
func shorts(order ReleaseOrder, reason string) func(*world) {
	return func(w *world) {
		atTheBin(order)(w)
		w.ok(ShortPick{Device: "hw1", Reason: reason})
	}
}

// onward checks that the rest of the walk goes to a bin.
func onward(bin, lot string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		if s := w.step("hw1"); s.Bin != bin || s.Lot != lot {
			t.Errorf("goes on at %s lot %q, want %s lot %q", s.Bin, s.Lot, bin, lot)
		}
		w.walkTo("hw1", StepAsk)
	}
}

// with checks who takes the parcel.
func with(carrier string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		if p := w.order("O1").Parcels[0]; p.Carrier != carrier {
			t.Errorf("%+v, want carrier %s", p, carrier)
		}
	}
}

// packsUp takes O1 to a closed carton.
func packsUp(method string) func(*world) {
	return func(w *world) {
		w.ok(to("O1", func(s *OrderSpec) { s.Method = method }, "PEN"))
		st := w.onScale("pack1", "O1")
		w.apply(Pack{Station: "pack1", Order: "O1", WeightMg: st.ExpectedMg})
	}
}

func down(carriers ...string) func(*world) {
	return func(w *world) {
		for _, c := range carriers {
			w.ok(CarrierDown{Carrier: c, Reason: "strike"})
		}
	}
}

func both(fs ...func(*world)) func(*world) {
	return func(w *world) {
		for _, f := range fs {
			f(w)
		}
	}
}

var sourcings = []sourcing{
	{
		name: "the bin is empty: another bin", world: func(t *testing.T) *world { return stocked(t) },
		fault: shorts(release("O1", "CUP*2"), FalloutStockout), auto: onward("A-02", ""), state: OrderPicked,
	},
	{
		name: "the lot is past its date: another lot", world: func(t *testing.T) *world { return stocked(t) },
		fault: both(atTheBin(release("O1", "MILK")), func(w *world) {
			w.m.Now += 31 * 24 * 3600 * 1000
			w.ok(ShortPick{Device: "hw1", Reason: FalloutExpired})
		}),
		auto: onward("B-02", "L2"), state: OrderPicked,
	},
	{
		name: "the goods are damaged: another bin", world: func(t *testing.T) *world { return stocked(t) },
		fault: shorts(release("O1", "CUP*2"), FalloutDamaged), auto: onward("A-02", ""), state: OrderPicked,
	},
	{
		name: "the bin is empty and there is no other: the rest goes on, stock decides", world: func(t *testing.T) *world { return stocked(t) },
		fault: shorts(release("O1", "BAG*3", "PEN"), FalloutStockout),
		auto:  func(_ *testing.T, w *world) { w.walkTo("hw1", StepAsk) },
		code:  FalloutStockout, told: []string{EvFalloutOpened}, role: RoleStock,
		decide: func(w *world) { w.ok(RetryOrder{Order: "O1"}) }, state: OrderPicked,
	},
	{
		name: "all of it is out: another item where the order allows it", world: func(t *testing.T) *world { return lenient(t) },
		fault: func(w *world) { w.ok(willing("O1", "CUP*21")) },
		auto: func(t *testing.T, w *world) {
			if l := w.line("O1", 0); l.SKU != "PEN" || l.For != "CUP" {
				t.Errorf("%+v", l)
			}
		},
		told: []string{EvOrderSubstituted}, state: OrderReleased,
	},
	{
		name: "all of it is out: what is here ships, the rest is a backorder", world: func(t *testing.T) *world { return stocked(t) },
		fault: func(w *world) {
			w.ok(to("O1", func(s *OrderSpec) { s.Partial = true }, "BAG*9", "PEN"))
			w.pick("K1", "w1", "O1")
			w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O1")})
			w.ok(Depart{Dock: "d1"})
		},
		auto: func(t *testing.T, w *world) {
			if b := w.state("O1-B1", OrderShortWaiting); b.Spec.Lines[0].Qty != 4 {
				t.Errorf("%+v", b.Spec)
			}
		},
		told: []string{EvOrderShort, EvOrderBackordered}, state: OrderShipped, role: RoleService, code: FalloutOutOfStock,
	},
	{
		name: "all of it is out: the OMS is asked for another site, stock lets it go on", world: func(t *testing.T) *world { return stocked(t) },
		fault: func(w *world) { w.ok(release("O1", "BAG*9")) },
		auto: func(_ *testing.T, w *world) {
			w.state("O1", OrderShortWaiting)
		},
		code: FalloutOutOfStock, told: []string{EvOrderShort, EvFalloutOpened}, role: RoleService,
		decide: func(w *world) { w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 9}}}) }, state: OrderReleased,
	},
	{
		name: "all of it is out: the OMS takes it elsewhere", world: func(t *testing.T) *world { return stocked(t) },
		fault: func(w *world) { w.ok(release("O1", "BAG*9")) },
		code:  FalloutOutOfStock, told: []string{EvOrderShort}, role: RoleService,
		decide: func(w *world) { w.ok(CancelOrder{Order: "O1", Source: "oms/main"}) }, state: OrderCancelled,
	},
	{
		name: "the carrier is down: the next service", world: func(t *testing.T) *world { return shipping(t) },
		fault: both(down("POST"), packsUp("standard")), auto: with("FAST"), state: OrderPacked,
	},
	{
		name: "all carriers are down: parked until one is up", world: func(t *testing.T) *world { return shipping(t) },
		fault: both(down("POST", "FAST"), packsUp("standard")),
		code:  FalloutCarrierRefused, told: []string{EvCarrierDown, EvFalloutOpened}, role: RoleDock,
		decide: func(w *world) {
			w.ok(CarrierUp{Carrier: "FAST"})
			w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
			w.weigh("pack1")
			with("FAST")(w.t.(*testing.T), w)
		},
		state: OrderPacked,
	},
	{
		name: "the carrier refuses the parcel: the next service", world: func(t *testing.T) *world { return online(t) },
		fault: both(packsUp("standard"), func(w *world) {
			w.ok(LabelRefused{Job: w.order("O1").Parcels[0].SSCC, Carrier: "POST", Reason: "no such street"})
		}),
		auto: with("FAST"), state: OrderPacked,
	},
	{
		name: "all carriers refuse the parcel: the dock decides", world: func(t *testing.T) *world {
			w := online(t)
			s := onlineSite()
			s.Carriers[0].Mode = CarrierOnline
			w.ok(PutSite{Site: s})
			return w
		},
		fault: both(packsUp("standard"), func(w *world) {
			for _, c := range []string{"POST", "FAST"} {
				w.ok(LabelRefused{Job: w.order("O1").Parcels[0].SSCC, Carrier: c, Reason: "no such street"})
			}
		}),
		code: FalloutCarrierRefused, told: []string{EvFalloutOpened}, role: RoleDock,
		decide: func(w *world) {
			sscc := w.order("O1").Parcels[0].SSCC
			w.ok(ChangeCarrier{SSCC: sscc, Carrier: "BULK", Service: "desk", Reason: "by hand"})
			w.printed(sscc)
		},
		state: OrderLabelled,
	},
	{
		name: "the carrier is silent: told, and goes on with its answer", world: func(t *testing.T) *world { return online(t) },
		fault: both(packsUp("standard"), func(w *world) {
			w.m.Now += 2 * minute
			w.ok(AdvanceTime{})
		}),
		auto: func(t *testing.T, w *world) {
			if s := seen(StationStep(w.tx, "pack1")); s.Do != StepScanTote {
				t.Errorf("the bench waits: %+v", s)
			}
		},
		code: FalloutAwaitingLabel, told: []string{EvFalloutOpened}, role: RoleDock,
		decide: func(w *world) {
			sscc := w.order("O1").Parcels[0].SSCC
			w.ok(LabelGiven{Job: sscc, Carrier: "POST", Tracking: "RR1"})
			w.printed(sscc)
		},
		state: OrderLabelled,
	},
	{
		name: "the cut-off is missed: a service that is in time", world: func(t *testing.T) *world { return shipping(t) },
		fault: func(w *world) {
			w.m.Now += 17 * hour // POST left at 16:00, FAST leaves at 18:00
			w.ok(to("O1", func(s *OrderSpec) { s.ShipBy = w.m.Now + 2*hour }, "PEN"))
			w.onScale("pack1", "O1")
			w.weigh("pack1")
		},
		auto: with("FAST"), state: OrderPacked,
	},
	{
		name: "every cut-off is missed: the soonest takes it", world: func(t *testing.T) *world { return shipping(t) },
		fault: func(w *world) {
			w.m.Now += 19 * hour
			w.ok(to("O1", func(s *OrderSpec) { s.ShipBy = w.m.Now + hour }, "PEN"))
			w.onScale("pack1", "O1")
			w.weigh("pack1")
		},
		auto: with("POST"), state: OrderPacked, // tomorrow at 16:00, before FAST
	},
	{
		name: "the range of numbers is used up: waits without an invented one", world: func(t *testing.T) *world {
			w := online(t)
			s := onlineSite()
			s.Carriers[0].Last = 1
			w.ok(PutSite{Site: s})
			w.printed(w.pack1("O0", "express").ID)
			return w
		},
		fault: packsUp("express"),
		auto: func(t *testing.T, w *world) {
			if j := seen(GetJob(w.tx, w.order("O1").Parcels[0].SSCC)); j.State != JobAwaiting || j.Tracking != "" {
				t.Errorf("%+v", j)
			}
		},
		code: FalloutAwaitingLabel, told: []string{EvRangeLow, EvFalloutOpened}, role: RoleDock,
		decide: func(w *world) {
			s := onlineSite()
			s.Carriers[0].Last = 9
			w.ok(PutSite{Site: s})
			w.ok(AdvanceTime{})
			w.printed(w.order("O1").Parcels[0].SSCC)
		},
		state: OrderLabelled,
	},
}

// row 96: each problem of sourcing goods or a carrier has its automatic step, and
// the last one is a person's, with a role, a deadline and what to do.
func TestSourcingFaultsRow96(t *testing.T) {
	for _, f := range sourcings {
		t.Run(f.name, func(t *testing.T) {
			w := f.world(t)
			f.fault(w)
			if f.auto != nil {
				f.auto(t, w)
			}
			w.invariants()
			left := seen(Fallouts(w.tx, true))
			if (f.code == "") != (len(left) == 0) {
				t.Fatalf("left to people: %v, want %q", w.openFallouts(), f.code)
			}
			for _, e := range f.told {
				if len(w.all(e)) == 0 {
					t.Errorf("the OMS was not told %s", e)
				}
			}
			if f.code != "" {
				if !slices.ContainsFunc(left, func(x Fallout) bool { return x.Code == f.code }) {
					t.Errorf("open fallouts %v, want %s", w.openFallouts(), f.code)
				}
				r := RuleOf(f.code)
				cause, action := Explain(f.code)
				if r.Role != f.role || r.Next == "" || r.Minutes == 0 || cause == "" || action == "" {
					t.Errorf("%s: %+v, %q, %q", f.code, r, cause, action)
				}
			}
			if f.decide != nil {
				f.decide(w)
				if got := w.openFallouts(); len(got) != 0 {
					t.Errorf("decided, and open still: %v", got)
				}
			}
			w.state("O1", f.state)
			w.invariants()
			w.books()
		})
	}
}
