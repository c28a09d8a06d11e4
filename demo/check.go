package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/demo/gen"
	"tote/firmware-tests/record"
)

// check compares the accounts of the same shift: the gateway's ledger and orders,
// the OMS, the emulators' own records, and what the people moved. It prints the
// table and every disagreement; true only when there is none.
func (s *shift) check(ctx context.Context) (bool, error) {
	acc, err := s.collect(ctx)
	if err != nil {
		return false, err
	}
	a := newAudit(acc)
	a.compare()
	s.report(a)
	return len(a.wrong) == 0, nil
}

// accounts is what everybody says of the shift when it is over.
type accounts struct {
	data    *gen.Physical
	site    map[string]siteOrder      // the gateway's orders
	central map[string]omsOrder       // the OMS's
	ledger  ledgerReport              // the gateway's own check of its books
	bought  map[string]int64          // units of each SKU that the ledger has at the customers
	records map[string][]record.Entry // what physically happened at each device
	gone    map[string]carton         // cartons that left, by SSCC
	torn    int64                     // verbs sent twice that got two different answers
	packed  int                       // totes that were packed or put aside at a station

	belt, portal, robots bool // what the site has
}

type ledgerReport struct {
	OK         bool     `json:"ok"`
	Items      int      `json:"items"`
	Moves      int      `json:"moves"`
	Violations []string `json:"violations"`
}

// collect asks everybody.
func (s *shift) collect(ctx context.Context) (*accounts, error) {
	counts := s.ui.counted()
	acc := &accounts{
		data: s.data, site: map[string]siteOrder{}, central: map[string]omsOrder{}, bought: map[string]int64{},
		records: map[string][]record.Entry{}, gone: s.world.gone(), packed: counts["packed"] + counts["parked"],
		belt: s.hasBelt(), portal: s.hasPortal(), robots: s.hasRobots(),
	}
	for _, hh := range s.handhelds {
		_, torn := hh.Doubled()
		acc.torn += torn
	}
	all, err := s.gateway.orders(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if acc.site[o.Spec.ID], err = s.gateway.order(ctx, o.Spec.ID); err != nil {
			return nil, err
		}
	}
	for _, o := range s.data.Orders {
		if acc.central[o.ID], err = s.oms.omsOrder(ctx, o.ID); err != nil {
			return nil, fmt.Errorf("order %s at the OMS: %w", o.ID, err)
		}
	}
	if err := s.gateway.send(ctx, "GET", "/v1/ledger", "", nil, &acc.ledger); err != nil {
		return nil, err
	}
	for _, it := range s.data.Items {
		if acc.bought[it.SKU], err = s.gateway.atCustomers(ctx, it.SKU); err != nil {
			return nil, err
		}
	}
	for name, device := range s.devices {
		if acc.records[name], err = device.Record(ctx, 0); err != nil {
			return nil, fmt.Errorf("the record of %s: %w", name, err)
		}
	}
	return acc, nil
}

// audit is the comparison under way.
type audit struct {
	*accounts
	labels   map[string][]printedLabel  // by SSCC, all printers
	answered map[string]map[int64]bool  // station → stable weights its scale sent, mg
	loaded   map[string]bool            // SSCCs the dock scanner saw
	scanned  map[string]map[string]bool // station → totes its scanner saw
	floor    *floor
	nScans   int
	nWeights int

	shipped      []siteOrder
	expected     map[string]int // fallouts the order file asks for, by code
	epcs         int            // that left
	lateConfirms int
	wrong        []string
}

func newAudit(acc *accounts) *audit {
	return &audit{
		accounts: acc, labels: map[string][]printedLabel{}, answered: map[string]map[int64]bool{}, loaded: map[string]bool{},
		scanned: map[string]map[string]bool{}, floor: newFloor(), expected: map[string]int{},
	}
}

func (a *audit) bad(format string, args ...any) {
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

// compare holds the accounts against each other.
func (a *audit) compare() {
	for _, name := range sortedKeys(a.records) {
		for _, e := range a.records[name] {
			a.note(name, e)
		}
	}
	a.orders()
	a.books()
	a.parcels()
	a.machines()
	if a.torn > 0 {
		a.bad("%d verbs that handhelds sent twice had two effects", a.torn)
	}
}

// note sorts one thing that happened at a device.
func (a *audit) note(device string, e record.Entry) {
	place, _, _ := strings.Cut(device, "/")
	switch {
	case e.Kind == record.Printed:
		l, ok := readLabel(e)
		if !ok {
			a.bad("%s printed a label without an SSCC: %v", device, e.Label.Texts)
		}
		a.labels[l.sscc] = append(a.labels[l.sscc], l)
	case e.Kind == record.Answered:
		mark(a.answered, place, e.Weight.Mg)
		a.nWeights++
	case e.Kind == record.Scanned && place == dockID:
		a.loaded[strings.TrimPrefix(e.Scan.Code, "]C100")] = true
		a.nScans++
	case e.Kind == record.Scanned:
		mark(a.scanned, place, e.Scan.Code)
		a.nScans++
	default:
		a.floor.note(device, e)
	}
}

// mark notes a thing at a place.
func mark[T comparable](at map[string]map[T]bool, place string, thing T) {
	if at[place] == nil {
		at[place] = map[T]bool{}
	}
	at[place][thing] = true
}

// codeFor is the fallout an order must end in.
var codeFor = map[gen.Expect]string{gen.ExpectShort: "OUT_OF_STOCK", gen.ExpectWeight: "WEIGHT_MISMATCH"}

// orders holds each order of the file against the gateway and the OMS.
func (a *audit) orders() {
	if len(a.site) != len(a.data.Orders) {
		a.bad("the site has %d orders, the file %d", len(a.site), len(a.data.Orders))
	}
	for _, want := range a.data.Orders {
		central := a.central[want.ID]
		o, ok := a.site[want.ID]
		if !ok {
			a.bad("order %s is not at the site; the OMS says %s %s %s", want.ID, central.State, central.Code, central.Text)
			continue
		}
		if central.State != o.State {
			a.bad("order %s is %s at the site and %s at the OMS", want.ID, o.State, central.State)
		}
		if !slices.EqualFunc(o.Parcels, central.Parcels, parcel.same) {
			a.bad("order %s: parcels %v at the site, %v at the OMS", want.ID, o.Parcels, central.Parcels)
		}
		if code := codeFor[want.Expect]; code != "" {
			a.expectedFallout(o, central, code)
			continue
		}
		if o.State != "SHIPPED" {
			a.bad("order %s is %s and not shipped, fallout %v", want.ID, o.State, o.Fallout)
			continue
		}
		a.shipped = append(a.shipped, o)
		if len(o.Lines) != len(want.Lines) {
			a.bad("order %s has %d lines at the site, %d in the file", want.ID, len(o.Lines), len(want.Lines))
			continue
		}
		for i, l := range want.Lines {
			if o.Lines[i].SKU != l.SKU || o.Lines[i].Picked != l.Qty {
				a.bad("order %s line %d: %d of %s asked, the site says %+v", want.ID, l.Line, l.Qty, l.SKU, o.Lines[i])
			}
		}
	}
	if 100*len(a.shipped) < 95*len(a.data.Orders) {
		a.bad("only %d of %d orders shipped, less than 95 %%", len(a.shipped), len(a.data.Orders))
	}
}

// expectedFallout checks an order whose misfortune is in the order file.
func (a *audit) expectedFallout(o siteOrder, central omsOrder, code string) {
	var here, there []string
	for _, f := range o.Fallouts {
		here = append(here, f.Code)
	}
	for _, f := range central.Fallout {
		if f.ClearedAt == 0 {
			there = append(there, f.Code)
		}
	}
	if o.State == "SHIPPED" || !slices.Contains(here, code) || !slices.Contains(there, code) {
		a.bad("order %s should stand in %s: %s at the site with %v, %v at the OMS", o.Spec.ID, code, o.State, here, there)
		return
	}
	a.expected[code]++
}

// books holds the ledger against the goods that left the building.
func (a *audit) books() {
	if !a.ledger.OK {
		a.bad("the ledger does not balance: %v", a.ledger.Violations)
	}
	left := map[string]int64{}
	for _, c := range a.gone {
		for u, n := range c.goods {
			left[u.sku] += n
		}
	}
	for _, it := range a.data.Items {
		if a.bought[it.SKU] != left[it.SKU] {
			a.bad("item %s: %d left the building, the ledger says %d", it.SKU, left[it.SKU], a.bought[it.SKU])
		}
	}
}

// parcels holds every shipped parcel against the emulators and the people.
func (a *audit) parcels() {
	known := map[string]bool{}
	for _, o := range a.site {
		for _, p := range o.Parcels {
			known[p.SSCC] = true
		}
	}
	for _, sscc := range sortedKeys(a.labels) {
		if !known[sscc] {
			a.bad("a label with SSCC %s came out that no order has", sscc)
		}
		if n := len(a.labels[sscc]); n > 1 {
			a.bad("%d labels with SSCC %s came out of the printers", n, sscc)
		}
	}
	left := 0
	for _, o := range a.shipped {
		if len(o.Parcels) == 0 {
			a.bad("order %s has no parcel", o.Spec.ID)
		}
		for _, p := range o.Parcels {
			left++
			a.parcel(o, p)
		}
	}
	if len(a.gone) != left {
		a.bad("%d cartons left the building, %d parcels are shipped", len(a.gone), left)
	}
}

// parcel holds one shipped parcel against what people and devices did with it.
func (a *audit) parcel(o siteOrder, p parcel) {
	if len(a.labels[p.SSCC]) == 0 {
		a.bad("order %s: no label with SSCC %s came out of the printers", o.Spec.ID, p.SSCC)
	}
	for _, l := range a.labels[p.SSCC] {
		if l.order != o.Spec.ID || !slices.ContainsFunc(l.texts, func(t string) bool { return strings.Contains(t, p.Tracking) }) {
			a.bad("order %s: the label says %q", o.Spec.ID, l.texts)
		}
	}
	if !a.loaded[p.SSCC] {
		a.bad("order %s: the dock scanner never saw %s", o.Spec.ID, p.SSCC)
	}
	c, ok := a.gone[p.SSCC]
	if !ok {
		a.bad("order %s: no carton with SSCC %s left the building", o.Spec.ID, p.SSCC)
		return
	}
	a.carton(o, p, c)
}

// carton holds one carton that left against what is booked of it.
func (a *audit) carton(o siteOrder, p parcel, c carton) {
	if !a.scanned[c.station][c.tote] {
		a.bad("order %s: the scanner of %s never saw tote %s", o.Spec.ID, c.station, c.tote)
	}
	if !a.answered[c.station][p.WeightMg] {
		a.bad("order %s: the scale of %s never showed %d mg", o.Spec.ID, c.station, p.WeightMg)
	}
	// The scales show tenths of a gram.
	if diff := c.mg - p.WeightMg; diff < -50 || diff > 50 {
		a.bad("order %s: the carton weighs %d mg, %d mg were booked", o.Spec.ID, c.mg, p.WeightMg)
	}
	booked := map[unit]int64{}
	for _, l := range p.Lines {
		booked[unit{l.SKU, l.Lot}] += l.Qty
	}
	for _, l := range o.Lines {
		for _, q := range l.Lots {
			if len(p.Lines) == 0 { // it is all of the order
				booked[unit{l.SKU, q.Lot}] += q.Qty
			}
		}
	}
	for u, n := range c.goods {
		if booked[u] != n {
			a.bad("order %s: %d of %s lot %q in the carton, %d booked", o.Spec.ID, n, u.sku, u.lot, booked[u])
		}
	}
	if len(c.goods) != len(booked) {
		a.bad("order %s: %d kinds of goods in the carton, %d booked", o.Spec.ID, len(c.goods), len(booked))
	}
}

// ledgerText is the ledger's row of the table.
func (a *audit) ledgerText() string {
	if !a.ledger.OK {
		return "BROKEN"
	}
	return fmt.Sprintf("%d items, %d moves, every item sums to zero", a.ledger.Items, a.ledger.Moves)
}

// report prints the final table.
func (s *shift) report(a *audit) {
	s.ui.mu.Lock()
	s.ui.erase()
	s.ui.mu.Unlock()
	counts := s.ui.counted()
	lines, units := 0, int64(0)
	for _, o := range a.shipped {
		lines += len(o.Lines)
		for _, l := range o.Lines {
			units += l.Picked
		}
	}
	nLabels := 0
	for _, l := range a.labels {
		nLabels += len(l)
	}
	var resent, doubled int64
	for _, hh := range s.handhelds {
		n, _ := hh.Doubled()
		resent, doubled = resent+hh.Resent(), doubled+n
	}
	var fallouts []string
	for _, code := range sortedKeys(a.expected) {
		fallouts = append(fallouts, fmt.Sprintf("%d %s", a.expected[code], code))
	}
	rows := [][2]string{
		{"orders", fmt.Sprintf("%d placed, %d shipped (%d lines, %d units)", len(s.data.Orders), len(a.shipped), lines, units)},
		{"fallout", cmp.Or(strings.Join(fallouts, ", "), "none") + ", as the order file says"},
		{"first order shipped", fmt.Sprintf("%.1f s after the start", s.firstShip.Seconds())},
		{"whole shift", fmt.Sprintf("%.1f s", time.Since(s.start).Seconds())},
		{"scans", fmt.Sprintf("%d by people, %d of them at serial scanners, %d scanned again, %d refused", counts["scan"], a.nScans, counts["again"], counts["refused"])},
		{"verbs sent again", fmt.Sprintf("%d by handhelds that got no answer, %d twice on purpose, with %d second effects", resent, doubled, a.torn)},
		{"short picks", fmt.Sprintf("%d, allocated again from another bin", counts["short"])},
		{"weights", fmt.Sprintf("%d stable weights sent by the scales, %d cartons put aside", a.nWeights, counts["parked"])},
		{"labels", fmt.Sprintf("%d printed, %d orders in two parcels", nLabels, counts["parted"])},
		{"ledger", a.ledgerText()},
	}
	rows = append(rows, s.walking()...)
	rows = append(rows, a.rows()...)
	rows = append(rows, [2]string{"memory, peak", s.memory()})
	if s.outage > 0 {
		rows = append(rows, [2]string{"power cut", fmt.Sprintf("gateway killed once, taking scans again after %.1f s", s.outage.Seconds())})
	}
	if s.upgraded {
		rows = append(rows, [2]string{"upgrade", "from " + s.opt.Older + ", back and again, one gateway after the other"})
	}
	if s.slept != "" {
		rows = append(rows, [2]string{"sleep", fmt.Sprintf("%s stood still for %v while it led, and went on", s.slept, s.opt.StopFor)})
	}
	verdict := "ledger, OMS, devices and people agree on every order"
	if len(a.wrong) > 0 {
		verdict = fmt.Sprintf("%d DISAGREEMENTS", len(a.wrong))
	}
	table(s.opt.Out, "The shift", append(rows, [2]string{"verdict", verdict}))
	for i, w := range a.wrong {
		if i == 30 {
			fmt.Fprintf(s.opt.Out, "  … and %d more\n", len(a.wrong)-i)
			break
		}
		fmt.Fprintln(s.opt.Out, "  ✗", w)
	}
}
