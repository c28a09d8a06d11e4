package warehouse_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
	"tote/warehouse/memtx"
)

var update = flag.Bool("update", false, "write the golden logs that are not there yet")

// A golden log is what a gateway of that version has on disk. Its bytes and the
// state it leads to must stay the same for ever.
type goldenLine struct {
	Index   uint64 `json:"index"`
	Now     int64  `json:"now"`
	Cause   string `json:"cause"`
	Actor   string `json:"actor"`
	Kind    uint16 `json:"kind"`
	Version uint16 `json:"version"`
	Level   uint16 `json:"level,omitempty"`
	Body    string `json:"body"` // hex
	Result  string `json:"result"`
}

// goldenDays are the days whose logs are kept, one directory each.
var goldenDays = []struct {
	name string
	day  func(*testing.T) *world
}{
	{"v1", shift},
	{"v1-floor", automated},
	{"v1-tasks", tasks},
	{"v1-inbound", inbound},
	{"v1-counts", counts},
	{"v1-returns", returns},
	{"v1-decisions", decisions},
	{"v2-disputes", disputes},
	{"v2-stock", stockDay},
	{"v2-requests", asking},
	{"v3-holds", holding},
	{"v4-lines", mixed},
	{"v5-kit", slips},
	{"v2-carriers", carriersDay},
	{"v2-labels", labelsDay},
	{"v2-manifests", manifestsDay},
	{"v6-leads", leading},
	{"v6-pickers", pickers},
	{"v6-substitutes", substitutes},
	{"v6-zones", passing},
	{"v7-parties", namedDay},
	{"v7-putbacks", puttingBack},
	{"v7-upstreams", upstreamsDay},
	{"v7-zones", choosing},
	{"v7-archive", archiving},
	{"v7-parcels", parcelsDay},
	{"v7-images", pictured},
	{"v7-offers", offeringDay},
	{"v7-profiles", coldChain},
	{"v7-lacks", lacking},
	{"v7-tags", taggedPhones},
	{"v7-turns", outOfOrder},
	{"v8-portal", portalDay},
	{"v8-labels", printing},
	{"v8-seen", seeing},
	{"v8-units", wholeUnits},
	{"v8-watching", watching},
	{"v8-sitemodel", modelDay},
	{"v8-opening", opening},
	{"v8-pin", pinDay},
}

// shift is a day at a small site that uses every command and most refusals.
func shift(t *testing.T) *world {
	w := stocked(t)
	tick := func() { w.m.Now += 1000 }
	w.ok(release("O1", "CUP*12", "MILK*5"))
	w.ok(release("O1", "CUP*12", "MILK*5"))
	w.no(release("O1", "CUP*1"), CodeConflict)
	w.no(release("BAD", "NOPE"), CodeUnknownItem)
	w.ok(release("O2", "PEN*3", "CUP*2"))
	w.ok(release("O3", "BAG*6"))
	express := release("O4", "BAG*2")
	express.Order.Method, express.Order.Priority, express.Order.Channel = "express", 9, "web"
	w.ok(express)
	tick()
	w.assign("K1", "w1", "O1", "O2")
	w.act("hw1")
	w.ok(Scan{Device: "hw1", Barcode: "CUP-OLD", Qty: 4})
	w.ok(ShortPick{Device: "hw1", Reason: FalloutStockout})
	w.no(Scan{Device: "hw1", Verb: "slot", Barcode: "B-01"}, CodeUnknownTote)
	w.walkTo("hw1", StepAsk)
	w.no(CancelOrder{Order: "O1", Source: "oms/main"}, CodeSoftPONR)
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 4}, {Bin: "A-01", SKU: "CUP", Qty: 1}}})
	tick()
	w.assign("K2", "w2", "O4")
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	w.ok(SignOut{Device: "hw2"})
	w.ok(CancelOrder{Order: "O3", Source: "site", Reason: "customer"})
	w.pick("K3", "w2", "O4")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O4").Tote})
	w.no(Pack{Station: "pack1", Order: "O4", WeightMg: 900_000}, CodeWeightMismatch)
	tick()
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O4").Tote})
	sscc := w.weigh("pack1")
	w.ok(LabelSent{Job: sscc})
	w.ok(LabelOutcome{Job: sscc, Outcome: JobUnknown, Detail: "link lost"})
	w.ok(Reprint{Job: sscc})
	w.ok(LabelSent{Job: sscc})
	w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
	w.ok(RetryOrder{Order: "O2"})
	w.ok(RetryOrder{Order: "O1"})
	for _, id := range []string{"O1", "O2"} {
		tick()
		w.ok(Load{Dock: "d1", Barcode: w.label("pack2", id)})
	}
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Depart{Dock: "d1"})
	w.state("O1", OrderShipped)
	w.state("O3", OrderCancelled)
	w.invariants()
	w.books()
	return w
}

// asking is a day at a site that quotes changes of orders.
func asking(t *testing.T) *world {
	w := changing(t)
	w.ok(release("O1", "CUP*2", "PEN*3", "BAG*1"))
	w.ok(release("O2", "MILK*2"))
	w.ok(release("O3", "BAG*2"))
	w.ok(revised("O3", 2, "BAG*1"))
	w.assign("K1", "w1", "O1", "O2")
	for w.order("O1").Lines[0].State != LinePicked {
		w.act("hw1")
	}
	w.ok(drop(revised("O1", 2, "CUP*2", "PEN*4", "BAG*1"), 1))
	w.ok(accept("O1", 2))
	w.ok(PutBack{Order: "O1", Line: 1, Bin: "A-01", Qty: 2})
	w.walkTo("hw1", StepAsk)
	w.ok(revised("O1", 3, "CUP*1", "PEN*4", "BAG*1"))
	w.ok(DeclineQuote{Order: "O1", Revision: 3, Source: "oms/main"})
	w.cancels(CancelQuote)
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O2").Tote})
	w.weigh("pack1")
	w.ok(CancelOrder{Order: "O2", Source: "oms/main", Reason: "customer"})
	w.ok(accept("O2", 0))
	w.ok(PutBack{Order: "O2", Line: 1, Bin: "B-03", Qty: 2, Lot: "L1"})
	w.ok(revised("O1", 4, "CUP*1", "PEN*4", "BAG*1"))
	w.label("pack2", "O1")
	w.no(CancelOrder{Order: "O1", Source: "oms/main"}, CodeHardPONR)
	w.wantRequest("O1", RequestCancelRejected, CodeHardPONR)
	w.invariants()
	w.books()
	return w
}

// holding is a day at a site whose orders are held.
func holding(t *testing.T) *world {
	w := changing(t)
	unpaid := release("O1", "CUP*2", "BAG*1")
	unpaid.Order.Holds = []string{HoldPayment}
	w.ok(unpaid)
	w.ok(revised("O1", 2, "CUP*2", "BAG*1", "PEN"))
	w.ok(free("O1", HoldPayment))
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	w.ok(HoldOrder{Order: "O1", Code: HoldRecall, Source: SourceSite})
	w.walkTo("hw1", StepAsk)
	w.ok(ReleaseHold{Order: "O1", Code: HoldRecall, Source: SourceSite})
	w.pick("K2", "w1", "O1")
	w.label("pack1", "O1")
	w.invariants()
	w.books()
	return w
}

// mixed is a day with lines of every kind, at a site with rules for new orders
// and a bench in hard mode.
func mixed(t *testing.T) *world {
	w := changing(t)
	s := *seen(GetSite(w.tx))
	s.HardMode = []string{"pack1"}
	s.Countries = []CountryRule{{Country: "DE", Postcodes: []string{"99999"}}}
	s.Intake = &IntakeRules{
		MaxOpen: 4, RejectLate: true, Pickups: []Pickup{{Carrier: "POST", Minute: 900, Days: 127}},
		Channels: []ChannelRule{{Channel: "shop", Rank: 5}, {Channel: "market", Leave: 3}},
	}
	w.ok(PutSite{Site: s})
	w.ok(kinds(release("O1", "CUP*2", "BAG*9", "PEN"), "", LineKindDropShip, LineKindMake))
	shop := partial(release("O2", "MILK*9", "PEN*2"))
	shop.Order.Channel = "shop"
	w.ok(shop)
	market := release("O3", "BAG*3")
	market.Order.Channel, market.Order.ShipTo.Postcode = "market", "X"
	w.ok(market)
	late := release("O4", "CUP")
	late.Order.ShipBy = w.m.Now + 1
	w.no(late, CodeCutOff)
	w.ok(ProductionDone{Order: "O1", Line: 3})
	w.pick("K1", "w1", "O2", "O1")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O1").Tote})
	w.no(StartPack{Station: "pack1", Barcode: w.order("O2").Tote}, CodeHardPONR)
	w.no(CancelOrder{Order: "O1", Source: "oms/main"}, CodeHardPONR)
	sscc := w.weigh("pack1")
	w.ok(LabelSent{Job: sscc})
	w.ok(LabelOutcome{Job: sscc, Outcome: JobPrinted})
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.ok(Load{Dock: "d1", Barcode: w.label("pack1", "O2")})
	w.ok(Depart{Dock: "d1"})
	w.ok(AdvanceTime{})
	w.ok(OpenStock{Rows: []StockRow{{Bin: "B-03", SKU: "MILK", Lot: "L1", Expiry: "2026-02-01", Qty: 4}, {Bin: "B-01", SKU: "BAG", Qty: 1}}})
	w.ok(RetryOrder{Order: "O3"})
	w.pick("K2", "w1", "O2-B1", "O3")
	w.invariants()
	w.books()
	return w
}

// slips is a day on which the OMS was away for a while.
func slips(t *testing.T) *world {
	w := changing(t)
	w.ok(EnterOrder{Kit: 7, Order: slip("CUP*2", "PEN")})
	w.ok(EnterOrder{Kit: 8, Order: slip("BAG")})
	w.ok(brought(9, "O9", "PEN"))
	w.ok(EnterOrder{Kit: 9, Order: slip("PEN")})
	w.no(EnterOrder{Kit: 9, Order: slip("PEN*2")}, CodeConflict)
	w.pick("K1", "w1", "W1-K000007")
	w.ok(BindOrder{Kit: 8, Order: "O8", Source: "oms/main"})
	w.no(BindOrder{Kit: 8, Order: "O9", Source: "oms/main"}, CodeConflict)
	w.ok(brought(7, "O7", "CUP", "PEN"))
	w.ok(accept("O7", 1))
	w.ok(PutBack{Order: "O7", Line: 1, Bin: "A-01", Qty: 1})
	w.label("pack1", "O7")
	w.ok(CancelOrder{Order: "O8", Source: "oms/main"})
	w.invariants()
	w.books()
	return w
}

func replay(t fataler, log []logged) (*memtx.Tx, []string) {
	tx := memtx.New()
	var results []string
	for _, l := range log {
		if l.drained > 0 {
			if err := OutboxDelete(tx, StreamControl, l.drained); err != nil {
				t.Fatal(err)
			}
			continue
		}
		c, err := Decode(l.kind, l.version, l.body)
		if err != nil {
			t.Fatalf("index %d: %v", l.meta.Index, err)
		}
		res, err := Apply(tx, l.meta, c)
		if err != nil {
			t.Fatalf("index %d: %v", l.meta.Index, err)
		}
		results = append(results, hex.EncodeToString(EncodeResult(res)))
	}
	return tx, results
}

// The same log gives the same bytes of state and the same answers.
func TestSameLogSameState(t *testing.T) {
	for _, g := range goldenDays {
		day := g.day
		w := day(t)
		first, answers := replay(t, w.log)
		if first.Digest() != w.tx.Digest() {
			t.Error("the replay ends elsewhere")
		}
		for range 3 {
			again, a := replay(t, w.log)
			if again.Digest() != first.Digest() || !slices.Equal(a, answers) {
				t.Fatal("two replays differ")
			}
		}
	}
}

// Logs of every version that ever ran, replayed to the state they had.
func TestGoldenLogs(t *testing.T) {
	// Each begins where a program of its time began. A log that is there is
	// never written again.
	for _, g := range goldenDays {
		dir := filepath.Join("testdata/golden", g.name)
		if _, err := os.Stat(dir); *update && os.IsNotExist(err) {
			writeGolden(t, dir, g.day(t))
		}
	}
	dirs, err := filepath.Glob("testdata/golden/*")
	if err != nil || len(dirs) != len(goldenDays) {
		t.Fatalf("golden logs %v: %v", dirs, err)
	}
	for _, dir := range dirs {
		raw, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, "digest"))
		if err != nil {
			t.Fatal(err)
		}
		var log []logged
		var answers []string
		for line := range strings.Lines(string(raw)) {
			var g goldenLine
			if err := json.Unmarshal([]byte(line), &g); err != nil {
				t.Fatal(err)
			}
			body, err := hex.DecodeString(g.Body)
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, logged{
				meta: Meta{Index: g.Index, Now: g.Now, Cause: g.Cause, Actor: g.Actor, Level: g.Level},
				kind: g.Kind, version: g.Version, body: body,
			})
			answers = append(answers, g.Result)
		}
		tx, got := replay(t, log)
		for i := range got {
			if got[i] != answers[i] {
				t.Errorf("%s: the answer of index %d has changed", dir, log[i].meta.Index)
			}
		}
		if d := tx.Digest(); d != strings.TrimSpace(string(want)) {
			t.Errorf("%s: the state has changed: digest %s", dir, d)
		}
		if rep := seen(LedgerCheck(tx)); !rep.OK {
			t.Errorf("%s: %v", dir, rep.Violations)
		}
	}
	// Together they must use every command.
	used := make(map[Kind]bool)
	for _, g := range goldenDays {
		for _, l := range g.day(t).log {
			used[Kind(l.kind)] = true
		}
	}
	for _, k := range Kinds() {
		if !used[k] {
			t.Errorf("the golden log never uses %s", CommandName(k))
		}
	}
}

func writeGolden(t *testing.T, dir string, w *world) {
	tx, results := replay(t, w.log)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	for i, l := range w.log {
		err := enc.Encode(goldenLine{
			l.meta.Index, l.meta.Now, l.meta.Cause, l.meta.Actor, l.kind, l.version, l.meta.Level, hex.EncodeToString(l.body), results[i],
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"log.jsonl": buf.Bytes(), "digest": []byte(tx.Digest() + "\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A transaction that fails anywhere ends in an error, never in an answer.
func TestFailuresOfTheTransactionAreNotSwallowed(t *testing.T) {
	for _, g := range goldenDays {
		day := g.day
		w := day(t)
		tx := memtx.New()
		for _, l := range w.log {
			c, err := Decode(l.kind, l.version, l.body)
			if err != nil {
				t.Fatal(err)
			}
			if err := EveryFailure(tx, l.meta, c); err != nil {
				t.Fatalf("index %d, %s: %v", l.meta.Index, CommandName(c.Kind()), err)
			}
			if _, err := Apply(tx, l.meta, c); err != nil {
				t.Fatal(err)
			}
		}
		if tx.Digest() != w.tx.Digest() {
			t.Error("the replay ends elsewhere")
		}
	}
}

// A record lost or destroyed stops the store; it never panics.
func TestCorruptState(t *testing.T) {
	w := stocked(t)
	w.ok(release("O1", "CUP*2"))
	w.ok(release("O2", "BAG*9"))
	w.ok(release("O3", "PEN*1"))
	w.ok(release("O4", "MILK*1"))
	w.pick("K1", "w1", "O3")
	sscc := w.label("pack2", "O3")
	w.ok(Load{Dock: "d1", Barcode: sscc})
	w.pick("K2", "w1", "O4")
	w.ok(StartPack{Station: "pack1", Barcode: "T-K2-1"})
	w.assign("K3", "w1", "O1")
	w.act("hw1")
	w.m.Now += 60_000
	cmds := []Command{
		OpenStock{Rows: []StockRow{{Bin: "B-01", SKU: "BAG", Qty: 9}}},
		release("O9", "CUP"), release("O1", "PEN"),
		CancelOrder{Order: "O2"},
		RetryOrder{Order: "O2"},
		SignIn{Device: "hw1", Badge: "B1"},
		Scan{Device: "hw1", Barcode: "CUP"},
		ShortPick{Device: "hw1", Reason: FalloutOther},
		Pack{Station: "pack1", Order: "O4", WeightMg: 1_100_000},
		Pack{Station: "pack1", Order: "O4", WeightMg: 1},
		StartPack{Station: "pack3", Barcode: "T-K2-1"},
		LabelOutcome{Job: sscc, Outcome: JobUnknown},
		Load{Dock: "d1", Barcode: sscc},
		Depart{Dock: "d1"},
		AdvanceTime{},
		AskWork{Device: "hw1"},
		PutSite{Site: testSite()},
		PutItems{Items: testItems()},
		FinishBatch{Device: "hw1", Barcode: "DROP"},
	}
	if err := EveryCorruption(w.tx, w.m, cmds); err != nil {
		t.Fatal(err)
	}
}

// The same for the records of robots, portal and conveyor.
func TestCorruptFloor(t *testing.T) {
	w := floor(t)
	sscc := w.labelled("CUP*2")[0]
	w.ok(Induct{Conveyor: "c1", Barcode: sscc, Expires: w.m.Now + 1000})
	w.no(PortalPass{Dock: "d1", EPCs: w.epcs(sscc)[:2]}, FalloutRFIDMissing)
	w.no(PortalPass{Dock: "d1", EPCs: []string{"E2"}}, FalloutRFIDExtra)
	stray := seen(Fallouts(w.tx, true))[1].ID
	all := w.epcs(sscc)
	w.ok(release("O1", "BAG"))
	w.pick("K1", "w1", "O1")
	trip := seen(OpenTransports(w.tx))[0].ID
	w.ok(AssignTransport{Transport: trip, Robot: "C1"})
	w.ok(TransportState{Transport: trip, Robot: "C1", State: TransportFailed})
	w.ok(release("O2", "PEN"))
	w.pick("K2", "w1", "O2")
	w.ok(release("O3", "CUP*2", "MILK*1"))
	w.assign("K3", "r1", "O3")
	pick := w.robotPick("r1", PickPicked, 2, "")
	fail := pick
	fail.Outcome, fail.Qty = PickFailed, 0
	cmds := []Command{
		pick, fail,
		AssignTransport{Transport: "TR000002", Robot: "C1"},
		TransportState{Transport: trip, Robot: "C1", State: TransportFailed},
		RetryTransport{Transport: trip},
		RetryOrder{Order: "O1"},
		RetryOrder{Order: "P1"},
		StartPack{Station: "pack2", Barcode: "T-K1-1"},
		PortalPass{Dock: "d1", EPCs: all},
		PortalPass{Dock: "d1", EPCs: append(all[:2:2], "E3")},
		ClearFallout{Fallout: stray},
		Induct{Conveyor: "c1", Barcode: sscc, Expires: w.m.Now + 2000},
		Divert{Conveyor: "c1", Barcode: sscc, Lane: "L2"},
		Divert{Conveyor: "c1", Barcode: sscc, Lane: "L1"},
		Load{Dock: "d1", Barcode: sscc},
		Depart{Dock: "d1"},
	}
	if err := EveryCorruption(w.tx, w.m, cmds); err != nil {
		t.Fatal(err)
	}
	w.ok(Load{Dock: "d1", Barcode: sscc})
	if err := EveryCorruption(w.tx, w.m, []Command{Depart{Dock: "d1"}, RetryOrder{Order: "P1"}}); err != nil {
		t.Fatal(err)
	}
}

// The same for what is asked of an order while it is worked on.
func TestCorruptRequests(t *testing.T) {
	w := changing(t)
	w.ok(release("O1", "CUP*2", "PEN*3"))
	w.pick("K1", "w1", "O1")
	w.ok(revised("O1", 2, "CUP*1", "PEN*3", "BAG*1"))
	w.ok(release("O2", "MILK*2"))
	w.pick("K2", "w1", "O2")
	w.ok(StartPack{Station: "pack1", Barcode: w.order("O2").Tote})
	w.weigh("pack1")
	w.ok(release("O3", "CUP*2", "BAG*1"))
	w.assign("K3", "w1", "O3")
	for w.order("O3").Lines[0].State != LinePicked {
		w.act("hw1")
	}
	w.ok(EnterOrder{Kit: 7, Order: slip("PEN")})
	w.ok(EnterOrder{Kit: 8, Order: slip("PEN")})
	w.ok(BindOrder{Kit: 8, Order: "O8", Source: "oms/main"})
	cmds := []Command{
		EnterOrder{Kit: 7, Order: slip("PEN")},
		BindOrder{Kit: 7, Order: "O7", Source: "oms/main"},
		brought(7, "O7", "PEN"),
		hold("O8", HoldPayment),
		CancelOrder{Order: "O8"},
		brought(8, "O8", "PEN"),
		accept("O1", 2),
		DeclineQuote{Order: "O1", Revision: 2},
		revised("O1", 3, "CUP*1"),
		CancelOrder{Order: "O1"},
		CancelOrder{Order: "O2"},
		CancelOrder{Order: "O3"},
		revised("O3", 2, "CUP*1", "BAG*2"), hold("O3", HoldPayment), hold("O2", HoldPayment),
	}
	if err := EveryCorruption(w.tx, w.m, cmds); err != nil {
		t.Fatal(err)
	}
	w.ok(CancelOrder{Order: "O2"})
	w.ok(accept("O1", 2))
	cmds = []Command{
		PutBack{Order: "O2", Line: 1, Bin: "B-03", Qty: 2, Lot: "L1"},
		PutBack{Order: "O1", Line: 1, Bin: "B-03", Qty: 1},
		revised("O1", 3, "CUP*1"),
		RetryOrder{Order: "O1"},
	}
	if err := EveryCorruption(w.tx, w.m, cmds); err != nil {
		t.Fatal(err)
	}
}
