package warehouse_test

import (
	"fmt"
	"testing"

	. "tote/warehouse"
)

// The property test of stock: people move, judge, adjust and nest what orders
// count on, with goods of a consignor and units with serials among them.

// phone is an item with serials.
func phone() Item {
	return Item{SKU: "TEL", Name: "Phone", GTIN: gtin(9), WeightMg: 180_000, Serials: true}
}

// Stock acts of random; the numbers go on behind those of the floor.
const (
	actMove = 100 + iota
	actStatus
	actAdjust
	actDecide
	actUnit
	actOpen
	actOrder
	actKeep
	actPack
	actCount
)

var stockPlaces = []string{"bin/A-01", "bin/A-02", "bin/B-01", "bin/B-02", "bin/B-03", "lu/P1", "lu/P2", "lu/C1", "bin/Z-99", "lu/T-1", "customer"}

// some draws goods from the books, mostly such as are there.
func (m *model) some() (Balance, string) {
	items := seen(Items(m.tx))
	sku := items[m.num(0, len(items)-1, "item")].SKU
	var here []Balance
	for _, b := range seen(Balances(m.tx, sku)) {
		if b.Qty > 0 && b.Place != PlaceCustomer {
			here = append(here, b)
		}
	}
	if len(here) == 0 || m.odds(12, "not there") {
		return Balance{Place: pickOne(m, stockPlaces, "place"), Qty: 2}, sku
	}
	return pickOne(m, here, "goods"), sku
}

func (m *model) stockAct(what int) {
	m.m.Actor = pickOne(m, []string{"worker/w1", "worker/w2", "handheld/hw1", ""}, "actor")
	defer func() { m.m.Actor = "test" }()
	b, sku := m.some()
	qty := int64(m.num(1, int(max(b.Qty, 1)), "qty"))
	states := []string{StatusSellable, StatusSellable, StatusQC, StatusDamaged, StatusQuarantined}
	switch what {
	case actMove:
		m.run(MoveStock{From: b.Place, To: pickOne(m, stockPlaces, "to"), SKU: sku, Lot: b.Lot, Serial: b.Serial, Owner: b.Owner, Status: b.Status, Qty: qty})
	case actStatus:
		m.run(SetStatus{Place: b.Place, SKU: sku, Lot: b.Lot, Serial: b.Serial, Owner: b.Owner, From: b.Status, To: pickOne(m, states, "status"), Qty: qty})
	case actAdjust:
		cmd := AdjustStock{Place: b.Place, SKU: sku, Lot: b.Lot, Serial: b.Serial, Owner: b.Owner, Status: b.Status, Qty: qty, Reason: pickOne(m, AdjustReasons(), "reason")}
		if b.Serial != "" && m.odds(2, "theft") {
			cmd.Qty, cmd.Reason = -1, ReasonStolen
		} else if b.Serial != "" {
			cmd.Serial, cmd.Reason = fmt.Sprintf("s%d", m.num(1, 5, "serial")), pickOne(m, []string{ReasonFound, ReasonFound, ReasonOther}, "reason")
		}
		if cmd.Reason != ReasonFound && cmd.Reason != ReasonReturned && cmd.Qty > 0 && m.odds(2, "loss") {
			cmd.Qty = -cmd.Qty
		}
		m.run(cmd)
	case actDecide:
		id := "A000001"
		if all := seen(WaitingAdjustments(m.tx)); len(all) > 0 {
			id = pickOne(m, all, "adjustment").ID
		}
		if m.odds(4, "refuse") {
			m.run(RefuseAdjust{Adjust: id})
			return
		}
		m.run(ApproveAdjust{Adjust: id})
	case actUnit:
		id := pickOne(m, []string{"P1", "P2", "C1", "C2", "C3", "C4"}, "unit")
		at := pickOne(m, []string{"bin/A-01", "worker/w1", "robot/C1", "dock/d1", "lu/P1", "lu/C1", "lu/C2", "lu/C3", "lu/C4", "bin/Z-99", "lu/T-1", ""}, "at")
		kind := map[bool]string{true: LUPallet, false: LUCarton}[id[0] == 'P']
		if seen(GetLU(m.tx, id)) == nil {
			m.run(PutLU{LU: id, Type: kind, At: at})
			return
		}
		m.run(PlaceLU{LU: id, At: at})
	case actOpen:
		rows := []StockRow{
			{SKU: "CUP", Qty: 3, Owner: "ACME"},
			{SKU: "PEN", Qty: 3, Status: StatusQC},
			{SKU: "TEL", Qty: 1, Serial: fmt.Sprintf("s%d", m.num(1, 9, "serial"))},
			{SKU: "BAG", Qty: 2},
		}
		r := pickOne(m, rows, "row")
		r.Bin = pickOne(m, []string{"A-01", "A-02", "B-01", "B-02"}, "bin")
		m.run(OpenStock{Rows: []StockRow{r}})
	case actCount:
		m.countBin()
	case actPack:
		if m.odds(2, "confirm") {
			m.run(ConfirmPack{SKU: pickOne(m, []string{"CUP", "BAG"}, "item")})
			return
		}
		it := testItems()[pickOne(m, []int{0, 2}, "item")]
		it.Packs = []PackUnit{{Unit: "CASE", Factor: int64(m.num(2, 4, "factor")), Barcode: it.SKU + "-CASE"}}
		m.run(PutItems{Items: []Item{it}})
	case actKeep:
		id := fmt.Sprintf("k%d", m.num(1, 4, "reservation"))
		if m.odds(4, "give back") {
			m.run(FreeStock{ID: id})
			return
		}
		m.run(KeepStock{ID: id, For: pickOne(m, orderIDs, "order"), SKU: sku, Owner: b.Owner, Qty: min(qty, 3), Until: m.m.Now + int64(m.num(1, 40, "ms"))})
	case actOrder:
		s := spec(pickOne(m, orderIDs, "order"), pickOne(m, []string{"TEL", "TEL*2", "CUP*2", "CUP*3", "BAG"}, "lines"))
		if s.Lines[0].SKU == "CUP" {
			s.Owner = "ACME"
		}
		m.run(ReleaseOrder{Order: s, Source: "oms/main"})
	}
}

// countBin counts a bin, rightly or not.
func (m *model) countBin() {
	bin := pickOne(m, []string{"A-01", "A-02", "B-01"}, "bin")
	held, skus, err := Standing(m.tx, bin)
	if err != nil {
		m.t.Fatal(err)
	}
	b := BinCount{Bin: bin, Sum: fmt.Sprint("sum", m.num(1, 1000, "sum"))}
	for i, h := range held {
		l := OpeningLine{SKU: skus[i], Lot: h.Lot, Expiry: h.Expiry, Serial: h.Serial, Owner: h.Owner, Status: h.Status, Was: h.Qty, Qty: h.Qty}
		if m.odds(3, "differs") && h.Serial == "" {
			l.Qty = int64(m.num(0, 6, "counted"))
		}
		b.Lines = append(b.Lines, l)
	}
	if len(b.Lines) > 0 && m.odds(8, "worked on meanwhile") {
		b.Lines[0].Was++
	}
	reason := pickOne(m, []string{"", ReasonRecounted, ReasonRecounted, ReasonOther}, "reason")
	m.run(BookOpening{Bins: []BinCount{b}, Reason: reason, Recount: m.odds(2, "recount")})
}

// bookedBins tells of the bins of a count which were booked so already or hold what
// nobody counted.
func (m *model) bookedBins(c Command) map[string]string {
	cmd, ok := c.(BookOpening)
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, b := range cmd.Bins {
		if head := seen(GetOpenedBin(m.tx, b.Bin)); head != nil && head.Sum == b.Sum {
			out[b.Bin] = "booked"
		} else if seen(WorkedOn(m.tx, b.Bin)) {
			out[b.Bin] = "worked on"
		}
	}
	return out
}

// noteOpening keeps what counts did: a bin that was worked on is adjusted.
func (m *model) noteOpening(c BookOpening, before map[string]string) {
	for _, b := range c.Bins {
		for _, l := range b.Lines {
			switch before[b.Bin] {
			case "booked":
			case "worked on":
				m.adjusted[l.SKU] += l.Qty - l.Was
			default:
				m.opened[l.SKU] += l.Qty - l.Was
			}
		}
	}
}

// noteAdjust keeps what adjustments did.
func (m *model) noteAdjust(c Command, res Result) {
	switch c.(type) {
	case AdjustStock, ApproveAdjust:
		if !res.OK {
			return
		}
		a := seen(GetAdjustment(m.tx, res.Ref))
		if a.State == AdjustDone {
			m.adjusted[a.What.SKU] += a.What.Qty
		}
		if a.State == AdjustDone && a.DecidedAt != 0 && a.By == a.DecidedBy {
			m.t.Fatalf("%+v: one person did both", a)
		}
	}
}

func TestRandomStockKeepsEveryInvariant(t *testing.T) {
	start := func(m *model) {
		m.adjusts = true
		s := testSite()
		s.AdjustLimit, s.ATPEveryMs = 2, 20
		m.ok(PutSite{Site: s})
		m.ok(PutItems{Items: []Item{phone()}})
		m.run(OpenStock{Rows: []StockRow{
			{Bin: "A-01", SKU: "TEL", Serial: "s1", Qty: 1},
			{Bin: "A-01", SKU: "TEL", Serial: "s2", Qty: 1},
			{Bin: "A-02", SKU: "TEL", Serial: "s3", Qty: 1},
			{Bin: "A-03", SKU: "CUP", Owner: "ACME", Qty: 6},
		}})
		m.ok(PutLU{LU: "P1", Type: LUPallet, At: "bin/A-04"})
		m.ok(PutLU{LU: "C1", Type: LUCarton, At: "lu/P1"})
		for i := range 2 {
			m.run(SignIn{Device: devices[i], Badge: badges[i]})
		}
	}
	whats := []int{
		0, 1, 5, 6, 8, 11, 12, 13, 15, 16, 17, 18, 21, 22, 23, 26, 29, 31,
		actMove, actMove, actMove, actStatus, actStatus, actAdjust, actAdjust, actDecide, actUnit, actUnit, actOpen, actOrder, actOrder, actKeep, actKeep, actPack, actPack, actCount, actCount, 31,
	}
	randomRuns(t, start, whats, []string{
		"MoveStock OK", "MoveStock " + CodeReserved, "MoveStock " + CodeNotInPlace, "MoveStock " + CodeUnknownLU, "MoveStock " + CodeUnknownBin,
		"SetStatus OK", "SetStatus " + CodeReserved, "AdjustStock OK", "AdjustStock " + CodeConflict,
		"ApproveAdjust OK", "ApproveAdjust " + CodeSecondPerson, "RefuseAdjust OK", "PutLU OK", "PlaceLU OK", "KeepStock OK", "ConfirmPack OK", "ConfirmPack " + CodeNoPackChange, "KeepStock " + FalloutOutOfStock, "FreeStock OK", "PlaceLU " + CodeNesting,
		"Pack OK", "BookOpening OK", "BookOpening " + CodeBinWorkedOn, "BookOpening " + CodeReserved, "BookOpening " + CodeBinChanged, "BookOpening " + CodeInvalid,
	})
}
