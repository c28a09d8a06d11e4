package demo

import (
	"fmt"
	"strings"
	"testing"

	"tote/demo/gen"
	"tote/firmware-tests/record"
	"tote/warehouse"
)

const (
	sscc  = "395212340000000017"
	mg    = int64(760_000)
	track = "SW100000001"
	tagA  = "3034257BF7194E4000000001"
	tagB  = "3134257BF7194E4000000002"
)

// agreed is a shift of twenty orders, one of them out of stock, on which everybody
// agrees. All shipped orders look alike but for their number.
func agreed() *accounts {
	acc := &accounts{
		data: &gen.Physical{}, site: map[string]siteOrder{}, central: map[string]omsOrder{}, bought: map[string]int64{},
		records: map[string][]record.Entry{}, gone: map[string]carton{}, ledger: ledgerReport{OK: true},
		belt: true, portal: true, robots: true,
	}
	acc.data.Items = []warehouse.Item{{SKU: "CUP"}, {SKU: "PEN"}}
	add := func(device string, e record.Entry) { acc.records[device] = append(acc.records[device], e) }
	for _, id := range packStations {
		add(id+"/io", record.Entry{Kind: record.Output, Level: &record.Level{Line: greenLine, High: true}})
	}
	for i := range 19 {
		id, s, tote := fmt.Sprintf("O%02d", i), fmt.Sprintf("%s%02d", sscc[:16], i), fmt.Sprintf("T%02d", i)
		station := packStations[i%2]
		weight := mg + int64(i)*1000
		epcs := []string{tagA[:22] + fmt.Sprintf("%02d", i), tagB[:22] + fmt.Sprintf("%02d", i)}
		p := parcel{SSCC: s, WeightMg: weight, Carrier: "SWIFT", Tracking: track + fmt.Sprint(i)}
		acc.data.Orders = append(acc.data.Orders, gen.Order{ID: id, Lines: []warehouse.OrderLine{{Line: 1, SKU: "CUP", Qty: 2}}})
		o := orderOf(id, "SHIPPED")
		o.Lines = []siteLine{{Line: 1, SKU: "CUP", Qty: 2, Picked: 2, Lots: []siteLot{{Qty: 2}}}}
		o.Rides = []ride{{SSCC: s, State: "DIVERTED", Exit: "L1"}}
		there := p
		p.Verified = true
		o.Parcels = []parcel{p}
		acc.site[id] = o
		acc.central[id] = omsOrder{ID: id, State: "SHIPPED", Parcels: []parcel{there}}
		acc.gone[s] = carton{order: id, tote: tote, station: station, goods: map[unit]int64{{"CUP", ""}: 2}, tags: epcs, mg: weight}
		acc.bought["CUP"] += 2
		acc.packed++
		add("R1", record.Entry{Kind: record.Acted, Action: &record.Action{Type: "drop", Result: "FINISHED", Params: map[string]any{"loadId": tote}}})
		add(station+"/scanner", record.Entry{Kind: record.Scanned, Scan: &record.Scan{Code: tote}})
		add(station+"/scale", record.Entry{Kind: record.Answered, Weight: &record.Weight{Mg: weight}})
		add(station+"/printer", record.Entry{Kind: record.Printed, Label: &record.Label{
			Texts: []string{"ORDER " + id, p.Tracking}, Barcodes: []record.Barcode{{Scan: "]C100" + s}},
		}})
		add(conveyorID, record.Entry{Kind: record.Diverted, Carton: &record.Carton{SSCC: s, Lane: "L1", Result: "OK"}})
		add(dockID+"/rfid", record.Entry{Kind: record.Passed, Tags: &record.Tags{EPCs: epcs, Reads: map[string]int{epcs[0]: 9, epcs[1]: 4}}})
		add(dockID+"/scanner", record.Entry{Kind: record.Scanned, Scan: &record.Scan{Code: "]C100" + s}})
	}
	acc.data.Orders = append(acc.data.Orders, gen.Order{ID: "SHORT", Expect: gen.ExpectShort})
	short := orderOf("SHORT", "SHORT_WAITING")
	short.Fallouts = []falloutCode{{Code: "OUT_OF_STOCK"}}
	acc.site["SHORT"] = short
	acc.central["SHORT"] = omsOrder{ID: "SHORT", State: "SHORT_WAITING", Fallout: []omsFallout{{Code: "OUT_OF_STOCK"}}}
	return acc
}

func orderOf(id, state string) siteOrder {
	o := siteOrder{State: state}
	o.Spec.ID = id
	return o
}

func TestAgreedShiftPasses(t *testing.T) {
	a := newAudit(agreed())
	if a.compare(); len(a.wrong) > 0 {
		t.Errorf("everybody agrees, and still:\n%s", strings.Join(a.wrong, "\n"))
	}
	if a.expected["OUT_OF_STOCK"] != 1 || len(a.shipped) != 19 || a.epcs != 38 {
		t.Errorf("%v, %d shipped, %d EPCs", a.expected, len(a.shipped), a.epcs)
	}
}

// One lie at a time, each told by somebody else: the comparison must name it.
func TestEveryDisagreementIsSeen(t *testing.T) {
	site := func(id string, change func(o *siteOrder)) func(*accounts) {
		return func(a *accounts) { o := a.site[id]; change(&o); a.site[id] = o }
	}
	central := func(id string, change func(o *omsOrder)) func(*accounts) {
		return func(a *accounts) { o := a.central[id]; change(&o); a.central[id] = o }
	}
	drop := func(device string) func(*accounts) {
		return func(a *accounts) { a.records[device] = a.records[device][1:] }
	}
	again := func(device string) func(*accounts) {
		return func(a *accounts) { a.records[device] = append(a.records[device], a.records[device][0]) }
	}
	first := sscc[:16] + "00"
	left := func(change func(c *carton)) func(*accounts) {
		return func(a *accounts) { c := a.gone[first]; change(&c); a.gone[first] = c }
	}
	for name, tc := range map[string]struct {
		lie  func(a *accounts)
		want string
	}{
		"order unknown to the site": {func(a *accounts) { delete(a.site, "O00") }, "order O00 is not at the site"},
		"not shipped":               {site("O00", func(o *siteOrder) { o.State = "STAGED" }), "order O00 is STAGED and not shipped"},
		"OMS has another state":     {central("O00", func(o *omsOrder) { o.State = "PACKED" }), "SHIPPED at the site and PACKED at the OMS"},
		"OMS has another tracking":  {central("O00", func(o *omsOrder) { o.Parcels[0].Tracking = "X" }), "at the OMS"},
		"OMS has another weight":    {central("O00", func(o *omsOrder) { o.Parcels[0].WeightMg++ }), "at the OMS"},
		"parcel says other goods":   {site("O00", func(o *siteOrder) { o.Parcels[0].Lines = []inPart{{SKU: "CUP", Qty: 1}} }), "2 of CUP lot \"\" in the carton, 1 booked"},
		"parcel that never left": {site("O00", func(o *siteOrder) {
			o.Parcels = append(o.Parcels, parcel{SSCC: "395212340000099999"})
		}), "no carton with SSCC 395212340000099999 left"},
		"OMS has no parcel":          {central("O00", func(o *omsOrder) { o.Parcels = nil }), "at the OMS"},
		"short order shipped":        {site("SHORT", func(o *siteOrder) { o.State = "SHIPPED" }), "order SHORT should stand in OUT_OF_STOCK"},
		"short order without cause":  {site("SHORT", func(o *siteOrder) { o.Fallouts = nil }), "order SHORT should stand in OUT_OF_STOCK"},
		"OMS does not know why":      {central("SHORT", func(o *omsOrder) { o.Fallout = nil }), "order SHORT should stand in OUT_OF_STOCK"},
		"fallout cleared at the OMS": {central("SHORT", func(o *omsOrder) { o.Fallout[0].ClearedAt = 1 }), "order SHORT should stand in OUT_OF_STOCK"},
		"line picked short":          {site("O00", func(o *siteOrder) { o.Lines[0].Picked = 1 }), "order O00 line 1: 2 of CUP asked"},
		"line missing":               {site("O00", func(o *siteOrder) { o.Lines = nil }), "order O00 has 0 lines"},
		"ledger broken":              {func(a *accounts) { a.ledger.OK = false }, "the ledger does not balance"},
		"ledger sold one too many":   {func(a *accounts) { a.bought["CUP"]++ }, "38 left the building, the ledger says 39"},
		"ledger sold something else": {func(a *accounts) { a.bought["PEN"]++ }, "item PEN: 0 left the building"},
		"no label":                   {drop("pack1/printer"), "no label with SSCC"},
		"two labels":                 {again("pack1/printer"), "2 labels with SSCC"},
		"label of nobody": {func(a *accounts) {
			a.records["pack1/printer"] = append(a.records["pack1/printer"], record.Entry{Kind: record.Printed, Label: &record.Label{Barcodes: []record.Barcode{{Scan: "]C100999999999999999999"}}}})
		}, "that no order has"},
		"label of another order": {func(a *accounts) { a.records["pack1/printer"][0].Label.Texts[0] = "ORDER O05" }, "the label says"},
		"label without tracking": {func(a *accounts) { a.records["pack1/printer"][0].Label.Texts[1] = "" }, "the label says"},
		"label without SSCC":     {func(a *accounts) { a.records["pack1/printer"][0].Label.Barcodes = nil }, "a label without an SSCC"},
		"weight never shown":     {drop("pack1/scale"), "the scale of pack1 never showed 760000 mg"},
		"weighed elsewhere": {func(a *accounts) {
			a.records["pack2/scale"] = append(a.records["pack2/scale"], a.records["pack1/scale"][0])
			a.records["pack1/scale"] = a.records["pack1/scale"][1:]
		}, "the scale of pack1 never showed 760000 mg"},
		"carton of another weight": {left(func(c *carton) { c.mg += 100 }), "the carton weighs"},
		"tote never scanned":       {drop("pack1/scanner"), "the scanner of pack1 never saw tote T00"},
		"dock scan missing":        {drop(dockID + "/scanner"), "the dock scanner never saw"},
		"carton never left":        {func(a *accounts) { delete(a.gone, first) }, "no carton with SSCC"},
		"other goods":              {left(func(c *carton) { c.goods = map[unit]int64{{"PEN", ""}: 2} }), "2 of PEN"},
		"more goods":               {left(func(c *carton) { c.goods[unit{"PEN", ""}] = 1 }), "2 kinds of goods in the carton"},
		"tag never heard":          {drop(dockID + "/rfid"), "of 38 EPCs that left 2 were never heard"},
		"tag of nobody": {func(a *accounts) {
			a.records[dockID+"/rfid"][0].Tags.Reads["FFFF"] = 3
		}, "1 were heard that did not leave"},
		"portal not asked":         {site("O00", func(o *siteOrder) { o.Parcels[0].Verified = false }), "left without being seen by the portal"},
		"ride unknown":             {site("O00", func(o *siteOrder) { o.Rides = nil }), "the site knows of no ride"},
		"left at another lane":     {site("O00", func(o *siteOrder) { o.Rides[0].Exit = "L2" }), "left the belt at [L1], the site says L2"},
		"never on the belt":        {drop(conveyorID), "was never on the belt"},
		"tote came by itself":      {drop("R1"), "robots set 18 totes down"},
		"tote came twice":          {again("R1"), "robots set 20 totes down"},
		"red lamp":                 {func(a *accounts) { lamp(a, redLine) }, "the red lamp of pack1 is lit"},
		"green lamp never lit":     {func(a *accounts) { a.records["pack1/io"] = nil }, "the green lamp of pack1 was never lit"},
		"a verb had two effects":   {func(a *accounts) { a.torn = 1 }, "1 verbs that handhelds sent twice"},
		"less than 95 % of orders": {func(a *accounts) { site("O00", func(o *siteOrder) { o.State = "PICKED" })(a) }, "only 18 of 20 orders shipped"},
	} {
		t.Run(name, func(t *testing.T) {
			acc := agreed()
			tc.lie(acc)
			a := newAudit(acc)
			a.compare()
			if !strings.Contains(strings.Join(a.wrong, "\n"), tc.want) {
				t.Errorf("want %q, got:\n%s", tc.want, strings.Join(a.wrong, "\n"))
			}
		})
	}
}

func lamp(a *accounts, line string) {
	a.records["pack1/io"] = append(a.records["pack1/io"], record.Entry{Kind: record.Output, Level: &record.Level{Line: line, High: true}})
}
