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

// check compares four accounts of the same shift: the gateway's ledger and
// orders, the OMS, the emulators' own records, and what the people moved. It
// prints the table and every disagreement; true only when there is none.
func (s *shift) check(ctx context.Context) (bool, error) {
	a := &audit{shift: s, labels: map[string][]printedLabel{}, answered: map[int64]bool{}, loaded: map[string]bool{}, packed: map[string]bool{}, floor: newFloor()}
	if err := a.readRecords(ctx); err != nil {
		return false, err
	}
	if err := a.orders(ctx); err != nil {
		return false, err
	}
	if err := a.ledger(ctx); err != nil {
		return false, err
	}
	a.records()
	if err := a.machines(ctx); err != nil {
		return false, err
	}
	s.report(a)
	return len(a.wrong) == 0, nil
}

// audit is the comparison under way.
type audit struct {
	*shift
	labels   map[string][]printedLabel // by SSCC, all printers
	answered map[int64]bool            // stable weights the scales sent, mg
	loaded   map[string]bool           // SSCCs the dock scanner saw
	packed   map[string]bool           // totes the pack scanners saw
	nScans   int
	nWeights int

	floor        *floor
	epcs         int // that left
	lateConfirms int

	site      []siteOrder
	shipped   []siteOrder
	expected  map[string]int // fallouts the order file asks for, by code
	wrong     []string
	ledgerSum string
}

func (a *audit) bad(format string, args ...any) {
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

// readRecords asks each emulator what physically happened at it.
func (a *audit) readRecords(ctx context.Context) error {
	for _, name := range sortedKeys(a.devices) {
		entries, err := a.devices[name].Record(ctx, 0)
		if err != nil {
			return fmt.Errorf("the record of %s: %w", name, err)
		}
		for _, e := range entries {
			switch {
			case e.Kind == record.Printed:
				l, ok := readLabel(e)
				if !ok {
					a.bad("%s printed a label without an SSCC: %v", name, e.Label.Texts)
				}
				a.labels[l.sscc] = append(a.labels[l.sscc], l)
			case e.Kind == record.Answered:
				a.answered[e.Weight.Mg] = true
				a.nWeights++
			case e.Kind == record.Scanned && strings.HasPrefix(name, dockID):
				a.loaded[strings.TrimPrefix(e.Scan.Code, "]C100")] = true
				a.nScans++
			case e.Kind == record.Scanned:
				a.packed[e.Scan.Code] = true
				a.nScans++
			default:
				a.floor.note(name, e)
			}
		}
	}
	return nil
}

// codeFor is the fallout an order must end in.
var codeFor = map[gen.Expect]string{gen.ExpectShort: "OUT_OF_STOCK", gen.ExpectWeight: "WEIGHT_MISMATCH"}

// orders holds each order of the file against the gateway and the OMS.
func (a *audit) orders(ctx context.Context) error {
	var err error
	if a.site, err = a.gateway.orders(ctx); err != nil {
		return err
	}
	at := map[string]siteOrder{}
	for _, o := range a.site {
		at[o.Spec.ID] = o
	}
	if len(at) != len(a.data.Orders) {
		a.bad("the site has %d orders, the file %d", len(at), len(a.data.Orders))
	}
	a.expected = map[string]int{}
	for _, want := range a.data.Orders {
		central, err := a.oms.omsOrder(ctx, want.ID)
		if err != nil {
			return fmt.Errorf("order %s at the OMS: %w", want.ID, err)
		}
		o, ok := at[want.ID]
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
			a.expectedFallout(ctx, o, central, code)
			continue
		}
		if o.State != "SHIPPED" {
			a.bad("order %s is %s and not shipped, fallout %v", want.ID, o.State, o.Fallout)
			continue
		}
		a.shipped = append(a.shipped, o)
		for i, l := range want.Lines {
			if i >= len(o.Lines) || o.Lines[i].SKU != l.SKU || o.Lines[i].Picked != l.Qty {
				a.bad("order %s line %d: %d of %s asked, the site says %+v", want.ID, l.Line, l.Qty, l.SKU, o.Lines)
				break
			}
		}
	}
	if 100*len(a.shipped) < 95*len(a.data.Orders) {
		a.bad("only %d of %d orders shipped, less than 95 %%", len(a.shipped), len(a.data.Orders))
	}
	return nil
}

// expectedFallout checks an order whose misfortune is in the order file.
func (a *audit) expectedFallout(ctx context.Context, o siteOrder, central omsOrder, code string) {
	full, err := a.gateway.order(ctx, o.Spec.ID)
	if err != nil {
		a.bad("order %s: %v", o.Spec.ID, err)
		return
	}
	var here, there []string
	for _, f := range full.Fallouts {
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

// ledger lets the gateway check its books and holds them against the goods
// that left the building.
func (a *audit) ledger(ctx context.Context) error {
	var rep struct {
		OK         bool     `json:"ok"`
		Items      int      `json:"items"`
		Moves      int      `json:"moves"`
		Violations []string `json:"violations"`
	}
	if err := a.gateway.send(ctx, "GET", "/v1/ledger", "", nil, &rep); err != nil {
		return err
	}
	a.ledgerSum = fmt.Sprintf("%d items, %d moves, every item sums to zero", rep.Items, rep.Moves)
	if !rep.OK {
		a.ledgerSum = "BROKEN"
		a.bad("the ledger does not balance: %v", rep.Violations)
	}
	left := map[string]int64{}
	for _, c := range a.world.gone() {
		for u, n := range c.goods {
			left[u.sku] += n
		}
	}
	for _, it := range a.data.Items {
		var balances []struct {
			Place string `json:"place"`
			Qty   int64  `json:"qty"`
		}
		if err := a.gateway.send(ctx, "GET", "/v1/stock/"+it.SKU, "", nil, &balances); err != nil {
			return err
		}
		var customer int64
		for _, b := range balances {
			if b.Place == "customer" {
				customer += b.Qty
			}
		}
		if customer != left[it.SKU] {
			a.bad("item %s: %d left the building, the ledger says %d", it.SKU, left[it.SKU], customer)
		}
	}
	return nil
}

// records holds every shipped parcel against the emulators and the people.
func (a *audit) records() {
	gone := a.world.gone()
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
	}
	for _, o := range a.shipped {
		if len(o.Parcels) != 1 {
			a.bad("order %s has %d parcels", o.Spec.ID, len(o.Parcels))
			continue
		}
		p := o.Parcels[0]
		labels := a.labels[p.SSCC]
		if len(labels) != 1 {
			a.bad("order %s: %d labels with SSCC %s came out of the printers", o.Spec.ID, len(labels), p.SSCC)
		}
		for _, l := range labels {
			if l.order != o.Spec.ID || !slices.ContainsFunc(l.texts, func(t string) bool { return strings.Contains(t, p.Tracking) }) {
				a.bad("order %s: the label says %q", o.Spec.ID, l.texts)
			}
		}
		if !a.answered[p.WeightMg] {
			a.bad("order %s: no scale ever showed %d mg", o.Spec.ID, p.WeightMg)
		}
		if !a.loaded[p.SSCC] {
			a.bad("order %s: the dock scanner never saw %s", o.Spec.ID, p.SSCC)
		}
		c, ok := gone[p.SSCC]
		if !ok {
			a.bad("order %s: no carton with SSCC %s left the building", o.Spec.ID, p.SSCC)
			continue
		}
		// The scales show tenths of a gram.
		if diff := c.mg - p.WeightMg; diff < -50 || diff > 50 {
			a.bad("order %s: the carton weighs %d mg, %d mg were booked", o.Spec.ID, c.mg, p.WeightMg)
		}
		booked := map[unit]int64{}
		for _, l := range o.Lines {
			for _, q := range l.Lots {
				booked[unit{l.SKU, q.Lot}] += q.Qty
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
	if len(gone) != len(a.shipped) {
		a.bad("%d cartons left the building, %d orders are shipped", len(gone), len(a.shipped))
	}
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
	var resent int64
	for _, hh := range s.handhelds {
		resent += hh.Resent()
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
		{"verbs sent again", fmt.Sprintf("%d by handhelds that got no answer; each had one effect", resent)},
		{"short picks", fmt.Sprintf("%d, allocated again from another bin", counts["short"])},
		{"weights", fmt.Sprintf("%d stable weights sent by the scales, %d cartons put aside", a.nWeights, counts["parked"])},
		{"labels", fmt.Sprintf("%d printed", nLabels)},
		{"ledger", a.ledgerSum},
	}
	rows = append(rows, a.rows()...)
	rows = append(rows, [2]string{"memory, peak", s.memory()})
	if s.outage > 0 {
		rows = append(rows, [2]string{"power cut", fmt.Sprintf("gateway killed once, taking scans again after %.1f s", s.outage.Seconds())})
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
