package warehouse_test

import (
	"fmt"
	"strings"
	"testing"

	. "tote/warehouse"
)

// taking is a stocked site with rules for new orders.
func taking(t fataler, r IntakeRules) *world {
	w := stocked(t)
	s := testSite()
	s.Intake = &r
	w.ok(PutSite{Site: s})
	return w
}

// A site that cannot ship an order says so at once, with the reason.
func TestSiteSendsElsewhereRow58(t *testing.T) {
	hour := int64(3_600_000)
	late := func(id string, by int64) ReleaseOrder {
		cmd := release(id, "CUP")
		cmd.Order.ShipBy = by
		return cmd
	}
	daily := []Pickup{{Carrier: "POST", Minute: 12 * 60, Days: 127}, {Carrier: "POST", Minute: 16 * 60, Days: 127}, {Carrier: "FAST", Minute: 60, Days: 127}}
	for name, tt := range map[string]struct {
		rules IntakeRules
		cmd   ReleaseOrder
		code  string
	}{
		"row 58: capacity":         {IntakeRules{MaxOpen: 2}, release("O1", "CUP"), CodeCapacity},
		"row 58: stock":            {IntakeRules{RejectShort: true}, release("O1", "BAG*6"), CodeStock},
		"row 58: cut-off":          {IntakeRules{RejectLate: true, Pickups: daily}, late("O1", start+11*hour), CodeCutOff},
		"row 58: cut-off is past":  {IntakeRules{RejectLate: true, Pickups: daily[2:]}, late("O1", start-1), CodeCutOff},
		"row 58: invalid":          {IntakeRules{}, release("O1", "CUP*0"), CodeInvalid},
		"room":                     {IntakeRules{MaxOpen: 3}, release("O1", "CUP"), CodeOK},
		"enough":                   {IntakeRules{RejectShort: true}, release("O1", "BAG*5"), CodeOK},
		"in time":                  {IntakeRules{RejectLate: true, Pickups: daily}, late("O1", start+12*hour), CodeOK},
		"late, and the site waits": {IntakeRules{Pickups: daily}, late("O1", start+11*hour), CodeOK},
		"short, and it waits":      {IntakeRules{}, release("O1", "BAG*6"), CodeOK},
	} {
		t.Run(name, func(t *testing.T) {
			w := taking(t, tt.rules)
			w.ok(release("A", "PEN"))
			w.ok(release("B", "PEN"))
			if tt.code == CodeOK {
				w.ok(tt.cmd)
				w.wantRequest("O1", RequestAccepted, "")
				w.invariants()
				return
			}
			if res := w.no(tt.cmd, tt.code); !res.Keep {
				t.Error("not told")
			}
			w.wantRequest("O1", RequestRejected, tt.code)
			if ev := w.lastEvent(); ev.Type != EvOrderRejected || ev.Data.Code != tt.code || ev.Data.Text == "" {
				t.Errorf("%+v", ev)
			}
			w.no(tt.cmd, tt.code)
			if len(w.eventTypes("O1")) != 1 {
				t.Error("told twice")
			}
			w.invariants()
		})
	}
	// What is here is never sent away; what has left makes room.
	w := taking(t, IntakeRules{MaxOpen: 1, RejectShort: true})
	w.ok(release("O1", "CUP"))
	w.ok(revised("O1", 2, "BAG*9"))
	w.state("O1", OrderShortWaiting)
	w.no(release("O2", "PEN"), CodeCapacity)
	w.ok(CancelOrder{Order: "O1"})
	w.ok(revised("O2", 2, "PEN"))
}

// Every order knows the pickup it has to catch.
func TestPickups(t *testing.T) {
	const minute = int64(60_000)
	// 2026-01-01 is a Thursday: bit 3.
	rules := IntakeRules{Pickups: []Pickup{
		{Carrier: "POST", Minute: 600, Days: 1 << 3},
		{Carrier: "POST", Minute: 900, Days: 1<<3 | 1<<4},
		{Carrier: "FAST", Minute: 30, Days: 127},
	}}
	for _, tt := range []struct{ now, shipBy, want int64 }{
		{0, 0, 600},
		{600, 0, 600},
		{601, 0, 900},
		{901, 0, 1440 + 900},
		{1440 + 901, 0, 7*1440 + 600},
		{0, 1000, 900}, // the last that keeps the promise
		{0, 1440 + 899, 900},
		{0, 1440 + 900, 1440 + 900},
		{0, 500, 600}, // none keeps it
	} {
		w := taking(t, rules)
		w.m.Now += tt.now * minute
		cmd := release("O1", "CUP")
		if tt.shipBy > 0 {
			cmd.Order.ShipBy = start + tt.shipBy*minute
		}
		w.ok(cmd)
		if got := w.order("O1").Pickup; got != start+tt.want*minute {
			t.Errorf("%+v: minute %d", tt, (got-start)/minute)
		}
	}
	w := taking(t, IntakeRules{Pickups: rules.Pickups[2:]})
	w.ok(release("O1", "CUP")) // POST has no time table
	if o := w.order("O1"); o.Pickup != 0 {
		t.Errorf("%d", o.Pickup)
	}
}

// A channel with a limit leaves stock to the others, and the one of higher rank
// comes first.
func TestChannelsRow46(t *testing.T) {
	of := func(channel, id string, lines ...string) ReleaseOrder {
		cmd := release(id, lines...)
		cmd.Order.Channel = channel
		return cmd
	}
	rules := IntakeRules{
		Channels: []ChannelRule{{Channel: "market", Leave: 3}, {Channel: "shop", Rank: 5}},
		Pickups:  []Pickup{{Carrier: "FAST", Minute: 600, Days: 127}},
	}
	t.Run("row 46: channel quota", func(t *testing.T) {
		w := taking(t, rules)
		w.ok(of("market", "M1", "BAG*3")) // leaves two of five
		w.state("M1", OrderShortWaiting)
		w.wantFallouts("OUT_OF_STOCK M1/1")
		w.ok(of("market", "M2", "BAG*2"))
		w.state("M2", OrderReleased)
		w.ok(of("shop", "S1", "BAG*3")) // all of the rest
		w.state("S1", OrderReleased)
		w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 5}}})
		w.state("M1", OrderShortWaiting)
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "BAG", Qty: 1}}})
		w.state("M1", OrderReleased)
		w.invariants()
		w.books()
	})
	t.Run("row 46: the channel of higher rank gets what comes in", func(t *testing.T) {
		w := taking(t, rules)
		w.ok(of("other", "A", "BAG*6"))
		w.ok(of("shop", "B", "BAG*6"))
		w.ok(OpenStock{Rows: []StockRow{{Bin: "A-01", SKU: "BAG", Qty: 1}}})
		w.state("B", OrderReleased)
		w.state("A", OrderShortWaiting)
		w.invariants()
	})
	t.Run("row 46: and is picked first", func(t *testing.T) {
		w := taking(t, rules)
		w.ok(of("other", "A", "PEN"))
		fast := of("other", "B", "PEN")
		fast.Order.Method = "express"
		w.ok(fast)
		w.ok(of("shop", "C", "PEN"))
		urgent := of("other", "D", "PEN")
		urgent.Order.Priority = 1
		w.ok(urgent)
		var got []string
		for _, o := range seen(Pool(w.tx, 0)) {
			got = append(got, o.Spec.ID)
		}
		if s := strings.Join(got, " "); s != "D C B A" {
			t.Errorf("pool: %s", s)
		}
		// A revision in another channel takes another place.
		w.ok(func() ReleaseOrder { r := of("shop", "A", "PEN"); r.Order.Revision = 2; return r }())
		if pool := seen(Pool(w.tx, 0)); pool[1].Spec.ID != "A" {
			t.Errorf("%s is second", pool[1].Spec.ID)
		}
		w.invariants()
	})
}

// A bad address stops the order long before its label.
func TestAddressRow95(t *testing.T) {
	w := stocked(t)
	s := testSite()
	s.Countries = []CountryRule{{Country: "DE", Postcodes: []string{"99999"}}, {Country: "GB", Postcodes: []string{"A9 9AA", "AA99 9AA"}}, {Country: "FR"}}
	w.ok(PutSite{Site: s})
	to := func(id string, rev int, country, postcode string) ReleaseOrder {
		cmd := release(id, "CUP")
		cmd.Order.Revision, cmd.Order.ShipTo.Country, cmd.Order.ShipTo.Postcode = rev, country, postcode
		return cmd
	}
	for i, tt := range []struct {
		country, postcode string
		good              bool
	}{
		{"DE", "12345", true},
		{"DE", "1234", false},
		{"DE", "1234X", false},
		{"DE", "123456", false},
		{"GB", "W1 1AA", true},
		{"GB", "SW10 1AA", true},
		{"GB", "w1 1AA", false},
		{"GB", "W1-1AA", false},
		{"GB", "Ä1 1AA", false},
		{"FR", "anything", true},
		{"US", "anything", true},
	} {
		id := fmt.Sprintf("A%d", i)
		w.ok(to(id, 1, tt.country, tt.postcode))
		if o := w.state(id, OrderReleased); (len(o.Fallout) == 0) != tt.good {
			t.Errorf("%+v: %v", tt, o.Fallout)
		}
		w.ok(CancelOrder{Order: id})
	}
	t.Run("row 95: bad address stops before the hard point", func(t *testing.T) {
		w.ok(to("O1", 1, "DE", "1234"))
		w.wantFallouts("ADDRESS O1/0")
		if pool := seen(Pool(w.tx, 0)); len(pool) != 0 {
			t.Error("it can be picked")
		}
		w.told("O1", EvFalloutOpened)
		w.ok(revised("O1", 2, "CUP")) // with a good one
		w.wantFallouts()
		w.state("O1", OrderReleased)
		w.no(to("O1", 3, "DE", "X"), FalloutAddress)
		w.pick("K1", "w1", "O1")
		w.invariants()
	})
	t.Run("a person says that it is right", func(t *testing.T) {
		w.ok(to("O2", 1, "DE", "1234"))
		more := to("O2", 2, "DE", "1234")
		more.Order.Lines[0].Qty = 2
		w.ok(more) // still nobody has decided
		w.wantFallouts("ADDRESS O2/0")
		w.ok(RetryOrder{Order: "O2"})
		w.wantFallouts()
		more.Order.Revision = 3
		w.ok(more)
		w.wantFallouts()
		w.pick("K2", "w1", "O2")
		w.invariants()
	})
}

func TestIntakeRulesAreChecked(t *testing.T) {
	w := stocked(t)
	twice := ChannelRule{Channel: "a"}
	for _, r := range []IntakeRules{
		{MaxOpen: -1},
		{Pickups: make([]Pickup, 201)},
		{Pickups: []Pickup{{Carrier: "NOPE", Days: 1}}},
		{Pickups: []Pickup{{Carrier: "POST", Minute: 1440, Days: 1}}},
		{Pickups: []Pickup{{Carrier: "POST", Minute: -1, Days: 1}}},
		{Pickups: []Pickup{{Carrier: "POST"}}},
		{Pickups: []Pickup{{Carrier: "POST", Days: 128}}},
		{Channels: make([]ChannelRule, 101)},
		{Channels: []ChannelRule{{}}},
		{Channels: []ChannelRule{{Channel: "a", Rank: 10}}},
		{Channels: []ChannelRule{{Channel: "a", Leave: -1}}},
		{Channels: []ChannelRule{twice, twice}},
	} {
		s := testSite()
		s.Intake = &r
		w.no(PutSite{Site: s}, CodeInvalid)
	}
	de := CountryRule{Country: "DE"}
	for _, c := range [][]CountryRule{
		make([]CountryRule, 251),
		{{Country: "de"}},
		{de, de},
		{{Country: "DE", Postcodes: make([]string, 17)}},
		{{Country: "DE", Postcodes: []string{""}}},
		{{Country: "DE", Postcodes: []string{"12345678901234567"}}},
	} {
		s := testSite()
		s.Countries = c
		w.no(PutSite{Site: s}, CodeInvalid)
	}
}
