package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "tote/warehouse"
)

// The property test of several OMSs, profiles and the archive together: two OMSs
// use the same ids, goods are cold or asked for by a second person, and what is
// over leaves and is forgotten.

// Acts of oddWork, behind those of the stock.
const (
	actOMS = 200 + iota
	actReading
	actSecond
)

var oddWork = []int{
	actOMS, actOMS, actOMS, actOMS, actOMS, actReading, actReading, actReading, actSecond, actSecond, actSecond, 6, 11, 12, 13, 15, 15, 16, 17, 18, 22, 22, 22, 22, 23, 24,
	26, 26, 26, 27, 28, 29, 29, 29, 30, 31, 31, 31, 57, 58, 58, 64, 65, 66,
}

// odd is what the test knows beside the model.
type odd struct {
	read    map[string]uint64   // of each stream
	shipped map[string]int      // by stream and id, since it was known
	pickers map[string][]string // by order: who put something into its tote
	second  map[string]string   // by station: who confirmed the order in hand
	temps   map[string]Reading  // by place
}

const oddReadingMs = 50

func oddSite() Site {
	s := testSite()
	s.Changes = &ChangeRules{}
	s.Upstreams = []Upstream{{Name: "acme", Owners: []string{"ACME"}}}
	s.ReadingMs = oddReadingMs
	s.Profiles = []Profile{{Name: "cold", Cold: &Range{MinDeciC: 20, MaxDeciC: 80}}, {Name: "drug", Double: true}}
	return s
}

// oddAct does one of the acts of this file.
func (m *model) oddAct(what int) {
	switch what {
	case actOMS:
		m.askAsOMS()
	case actReading:
		place := "dock/" + pickOne(m, docks, "dock")
		cmd := GiveReading{Place: place, DeciC: int64(pickOne(m, []int{50, 50, 50, 20, 80, 81, 19, -30}, "warm"))}
		if m.run(cmd).OK {
			m.odd.temps[place] = Reading{DeciC: cmd.DeciC, At: m.m.Now}
		}
	case actSecond:
		for _, b := range benches {
			st := seen(GetStation(m.tx, b))
			if st.Step != StepSecond && !m.odds(8, "all the same") {
				continue
			}
			if badge := pickOne(m, badges, "badge"); m.run(DoubleCheck{Station: b, Badge: badge}).OK {
				m.odd.second[b] = map[string]string{"B1": "w1", "B2": "w2", "B3": "w3"}[badge]
			}
		}
	}
}

// askAsOMS has one of the OMSs ask for something, mostly about its own.
func (m *model) askAsOMS() {
	oms := pickOne(m, []string{"main", "acme"}, "oms")
	id := pickOne(m, []string{"O1", "O2", "O3", "O4", "O5", "acme:O1", "O1-B1"}, "id")
	source := "oms/" + oms
	switch m.num(0, 7, "ask") {
	case 0:
		m.run(CancelOrder{Order: id, Source: source})
	case 1:
		m.run(HoldOrder{Order: id, Code: HoldPayment, Source: source})
	case 2:
		m.run(ReleaseHold{Order: id, Code: HoldPayment, Source: source})
	case 3:
		if all := seen(Orders(m.tx, "", 0)); m.odds(2, "of one that left") {
			for _, o := range all {
				if o.State == OrderShipped {
					id, source = o.IDAtOMS(), o.Source
				}
			}
		}
		m.run(AnnounceReturn{Return: "RMA", Order: id, Lines: []ReturnLine{{SKU: "CUP", Expected: 1, Reason: "OTHER"}}, Source: source})
	case 4:
		m.run(AcceptQuote{Order: id, Revision: m.num(1, 3, "revision"), Source: source})
	default:
		s := spec(id, pickOne(m, []string{"CUP*2", "CUP", "PEN*3", "BAG", "MILK*2", "NOPE"}, "line"), pickOne(m, []string{"CUP", "PEN*2", "MILK"}, "line"))
		s.Revision = m.num(1, 3, "revision")
		s.Partial = m.odds(2, "partial")
		s.Owner = pickOne(m, map[string][]string{"main": {"", "", "", "ACME"}, "acme": {"", "ACME", "ACME", "B9"}}[oms], "owner")
		m.run(ReleaseOrder{Order: s, Source: source})
	}
}

// judge compares what was told and done with what the test knows.
func (d *odd) judge(m *model, c Command, res Result) {
	for _, up := range []string{"", "acme"} {
		for _, e := range seen(OutboxRange(m.tx, StreamOf(up), d.read[up], 1<<20)) {
			if e.Seq != d.read[up]+1 {
				m.t.Fatalf("%#v: stream of %q goes from %d to %d", c, up, d.read[up], e.Seq)
			}
			d.read[up] = e.Seq
			d.told(m, c, up, e)
		}
	}
	d.packed(m, c, res)
	if l, ok := c.(Load); ok && res.OK {
		at, known := d.temps["dock/"+l.Dock]
		o, _ := m.ofParcel(res.Ref)
		for _, line := range o.Lines {
			if line.SKU == "MILK" && line.Picked > 0 && (!known || m.m.Now >= at.At+oddReadingMs || at.DeciC < 20 || at.DeciC > 80) {
				m.t.Fatalf("%#v at %d: milk is loaded with %+v", c, m.m.Now, at)
			}
		}
	}
}

// told looks at one event.
func (d *odd) told(m *model, c Command, up string, e Event) {
	if e.Order == "" {
		return
	}
	id := e.Order
	if up != "" {
		id = up + ":" + id
	}
	whose := ""
	o := seen(GetOrder(m.tx, id))
	switch a := seen(GetArchived(m.tx, id)); {
	case o != nil:
		whose = o.Upstream
	case a != nil:
		whose = a.Upstream
	default: // refused, or forgotten
		whose = up
	}
	if whose != up && e.Type != EvOrderRejected {
		m.t.Fatalf("%#v: the OMS %q hears %s of %s, which is %q's", c, up, e.Type, e.Order, whose)
	}
	if up != "" && strings.Contains(fmt.Sprintf("%s %s %s %s", e.Order, e.Data.Ref, e.Data.Backorder, e.Data.BackorderOf), up+":") && e.Type != EvOrderRejected && !strings.Contains(e.Order, ":") {
		m.t.Fatalf("%#v: the OMS %q hears %+v", c, up, e)
	}
	switch e.Type {
	case EvOrderShipped:
		if d.shipped[id]++; d.shipped[id] > 1 {
			m.t.Fatalf("%#v: order %s is shipped twice", c, id)
		}
	case EvOrderCancelled:
		if d.shipped[id] > 0 {
			m.t.Fatalf("%#v: order %s is shipped and cancelled", c, id)
		}
	}
}

// packed looks at who confirmed what was put into a carton.
func (d *odd) packed(m *model, c Command, res Result) {
	switch c := c.(type) {
	case StartPack:
		if res.OK && seen(GetStation(m.tx, c.Station)).Step == StepSecond {
			d.second[c.Station] = ""
		}
	case Pack:
		if !res.OK {
			return
		}
		o, _ := m.ofParcel(res.Ref)
		drug := slices.ContainsFunc(o.Lines, func(l LineState) bool { return l.SKU == "PEN" && l.Picked > 0 })
		who := d.second[c.Station]
		if drug && (who == "" || slices.Contains(d.pickers[o.Spec.ID], who)) {
			m.t.Fatalf("%#v: picked by %v, confirmed by %q", c, d.pickers[o.Spec.ID], who)
		}
	}
}

// ofParcel is the order of a parcel.
func (m *model) ofParcel(sscc string) (*Order, *Parcel) {
	for _, o := range seen(Orders(m.tx, "", 0)) {
		for i := range o.Parcels {
			if o.Parcels[i].SSCC == sscc {
				return &o, &o.Parcels[i]
			}
		}
	}
	return &Order{}, nil
}

// notePicker remembers who is about to put drugs into a tote.
func (d *odd) notePicker(m *model, c Command) (after func()) {
	task, worker := "", ""
	switch c := c.(type) {
	case Scan:
		s := m.step(c.Device)
		task, worker = s.Task, s.Worker
	case RobotPick:
		task, worker = c.Task, c.Worker
	}
	was := int64(-1)
	if t := seen(GetTask(m.tx, task)); task != "" && t != nil && t.SKU == "PEN" {
		was = t.Picked
	}
	return func() {
		if was < 0 {
			return
		}
		if t := seen(GetTask(m.tx, task)); t.Picked > was {
			d.pickers[t.Order] = append(d.pickers[t.Order], worker)
		}
	}
}

func TestRandomOMSsAndProfilesKeepEveryInvariant(t *testing.T) {
	randomRuns(t, oddStart, oddWork, []string{
		"ReleaseOrder OK", "ReleaseOrder " + CodeForeignOwner, "CancelOrder OK", "CancelOrder " + CodeUnknownOrder, "HoldOrder OK", "HoldOrder " + CodeUnknownOrder,
		"GiveReading OK", "DoubleCheck OK", "DoubleCheck " + CodeSamePerson, "DoubleCheck " + CodeSecondPerson, "DoubleCheck " + CodeWrongStep,
		"Load OK", "Load " + CodeNoReading, "Load " + FalloutColdChain, "Depart OK", "Pack OK", "NextCarton OK", "ReportLost OK", "archived",
		"AnnounceReturn OK", "AnnounceReturn " + CodeUnknownOrder,
	})
}

// oddStart is a site of two OMSs with four orders picked, and two of them on
// their way out.
func oddStart(m *model) {
	m.odd = &odd{
		read: map[string]uint64{}, shipped: map[string]int{}, pickers: map[string][]string{}, second: map[string]string{}, temps: map[string]Reading{},
	}
	m.parts = m.odds(2, "parts")
	s := oddSite()
	if m.parts {
		s.MaxParcels = 3
	}
	m.ok(PutSite{Site: s})
	m.keeps()
	items := testItems()
	items[1].Profile, items[3].Profile = "drug", "cold"
	m.ok(PutItems{Items: items})
	m.run(OpenStock{Rows: []StockRow{
		{Bin: "A-03", SKU: "CUP", Owner: "ACME", Qty: 9},
		{Bin: "A-04", SKU: "PEN", Owner: "ACME", Qty: 9},
		{Bin: "B-04", SKU: "MILK", Lot: "L1", Expiry: "2026-02-01", Owner: "ACME", Qty: 3},
	}})
	for i := range 4 {
		m.run(SignIn{Device: devices[i], Badge: badges[i]})
	}
	for i, r := range []ReleaseOrder{by("main", "", "O1", "PEN*2", "MILK"), by("acme", "", "O1", "PEN*2", "CUP"), by("main", "", "O2", "MILK", "CUP"), by("acme", "", "O2", "CUP*2")} {
		id := m.run(r).Ref
		dev := devices[i%2]
		m.m.Now++
		m.run(AskWork{Device: dev})
		m.batches++
		m.run(AssignBatch{Batch: fmt.Sprintf("K%d", m.batches), Worker: "w" + dev[2:], Slots: []BatchSlot{{Slot: 1, Order: id}}, Walk: m.openTasks(id)})
		for m.step(dev).Batch != "" {
			s := m.step(dev)
			switch s.Do {
			case StepScanItem:
				m.run(Scan{Device: dev, Verb: "item", Barcode: itemCode(s), Qty: s.Qty, Task: s.Task})
			default:
				m.good(dev)
			}
		}
		if i == 0 || i == 3 {
			m.bench(id)
		}
	}
}

// bench packs and labels an order, confirmed by a third person where one is asked
// for, and has the docks cold.
func (m *model) bench(id string) {
	m.run(StartPack{Station: "pack1", Barcode: m.order(id).Tote})
	if seen(GetStation(m.tx, "pack1")).Step == StepSecond {
		m.run(DoubleCheck{Station: "pack1", Badge: "B3"})
		m.odd.second["pack1"] = "w3"
	}
	st := seen(GetStation(m.tx, "pack1"))
	m.printed(m.run(Pack{Station: st.ID, Order: st.Order, WeightMg: st.ExpectedMg}).Ref)
	m.states[id] = m.order(id).State
	for _, d := range docks {
		m.run(GiveReading{Place: "dock/" + d, DeciC: 50})
		m.odd.temps["dock/"+d] = Reading{DeciC: 50, At: m.m.Now}
	}
}
