package warehouse

import (
	"fmt"
	"strings"
	"time"
)

// Figures: how the site does, counted in the same command as what happens.
//
// Everything comes from two logs, the events and the journal of moves: each
// entry adds to counters of its day (UTC) and, for what is shown as a
// percentile, to the values of that day. The same two functions, ofEvent and
// ofMove, count live and count again from the logs, so that both must agree.
// kpi.go makes the ratios. A site that does not want figures pays nothing.

// tick adds to one counter of a day; dim splits it, by channel, item, supplier
// or reason.
type tick struct {
	name, dim string
	n         int64
}

// sample is one value of a day.
type sample struct {
	name  string
	value int64
}

// OrderFacts is what the figures need to know of an order beside its lines. Of a
// count that is told to several OMSs Lines are those of the others that were not
// right, and Again says that the bin itself counts elsewhere.
type OrderFacts struct {
	PlacedAt   int64  `cbor:"1,keyasint,omitempty" json:"placedAt,omitempty"`
	ReleasedAt int64  `cbor:"2,keyasint,omitempty" json:"releasedAt,omitempty"`
	ShipBy     int64  `cbor:"3,keyasint,omitempty" json:"shipBy,omitempty"`
	Channel    string `cbor:"4,keyasint,omitempty" json:"channel,omitempty"`
	Lines      int64  `cbor:"5,keyasint,omitempty" json:"lines,omitempty"`
	Units      int64  `cbor:"6,keyasint,omitempty" json:"units,omitempty"`
	Reprints   int64  `cbor:"7,keyasint,omitempty" json:"reprints,omitempty"`
	Again      bool   `cbor:"8,keyasint,omitempty" json:"again,omitempty"`   // released or picked before: counted then
	RouteMm    int64  `cbor:"9,keyasint,omitempty" json:"routeMm,omitempty"` // of a batch
	Ms         int64  `cbor:"10,keyasint,omitempty" json:"ms,omitempty"`     // a batch took
}

// Names of counters and values. They stand in stored keys.
const (
	figReleased      = "orders.released" // by channel
	figReleasedLines = "lines.released"
	figReleasedUnits = "units.released"
	figShortLines    = "lines.short"
	figCancelled     = "orders.cancelled"
	figShipped       = "orders.shipped" // by channel
	figComplete      = "orders.complete"
	figPromised      = "orders.promised" // with a date to be shipped by
	figOnTime        = "orders.ontime"
	figPerfect       = "orders.perfect"
	figShippedLines  = "lines.shipped"
	figFullLines     = "lines.full"
	figShippedUnits  = "units.shipped"  // no more than ordered
	figOrderedUnits  = "units.ordered"  // by the orders shipped
	figPicked        = "units.picked"   // by item
	figTouches       = "touches"        // positions picked
	figLabels        = "labels"         // printed, copies too
	figRoute         = "route.mm"       // walked for batches
	figBatchMs       = "batch.ms"       // spent on batches
	figReturned      = "units.returned" // by reason
	figReturnedSKU   = "units.returned.sku"
	figBinsCounted   = "bins.counted"
	figBinsRight     = "bins.right"
	figCountAbs      = "count.abs"
	figCountBook     = "count.book"
	figReceiptLines  = "receipt.lines" // by supplier
	figReceiptBad    = "receipt.variances"
	figIssued        = "units.issued" // left the site for a customer
	valLead          = "lead"         // ms from placed to shipped
	valEdgeLead      = "lead.edge"    // ms from released to shipped
	valDwell         = "dwell"        // ms a lot was here
)

// ofEvent is what one event adds.
func ofEvent(e *Event) (ticks []tick, samples []sample) {
	add := func(name, dim string, n int64) {
		if n != 0 {
			ticks = append(ticks, tick{name, dim, n})
		}
	}
	one := func(name, dim string, when bool) {
		if when {
			add(name, dim, 1)
		}
	}
	d := &e.Data
	f := d.Facts
	if f == nil {
		f = &OrderFacts{}
	}
	switch e.Type {
	case EvOrderReleased:
		if !f.Again {
			add(figReleased, f.Channel, 1)
			add(figReleasedLines, "", f.Lines)
			add(figReleasedUnits, "", f.Units)
		}
	case EvOrderShort:
		for _, l := range d.Lines {
			one(figShortLines, "", l.State == LineShort)
		}
	case EvOrderCancelled:
		add(figCancelled, "", 1)
	case EvOrderPicked:
		if f.Again { // some of it was put back and picked once more
			break
		}
		for _, l := range d.Lines {
			add(figPicked, l.SKU, l.Picked)
			add(figTouches, "", int64(len(l.Lots)))
		}
	case EvOrderLabelled:
		add(figLabels, "", int64(len(d.Parcels)))
	case EvOrderShipped:
		full, units, ordered := int64(0), int64(0), int64(0)
		for _, l := range d.Lines {
			units, ordered = units+min(l.Picked, l.Qty), ordered+l.Qty
			if l.Picked >= l.Qty {
				full++
			}
		}
		complete := full == int64(len(d.Lines))
		onTime := f.ShipBy == 0 || e.At <= f.ShipBy
		add(figShipped, f.Channel, 1)
		one(figComplete, "", complete)
		one(figPromised, "", f.ShipBy != 0)
		one(figOnTime, "", onTime)
		one(figPerfect, "", complete && onTime && f.Reprints == 0)
		add(figShippedLines, "", int64(len(d.Lines)))
		add(figFullLines, "", full)
		add(figShippedUnits, "", units)
		add(figOrderedUnits, "", ordered)
		add(figLabels, "", f.Reprints)
		if f.PlacedAt > 0 && e.At >= f.PlacedAt {
			samples = append(samples, sample{valLead, e.At - f.PlacedAt})
		}
		samples = append(samples, sample{valEdgeLead, max(e.At-f.ReleasedAt, 0)})
	case EvBatchDone:
		add(figRoute, "", f.RouteMm)
		add(figBatchMs, "", f.Ms)
	case EvCountClosed:
		right := f.Lines == 0
		for _, l := range d.Counted {
			diff := max(l.Counted-l.Book, l.Book-l.Counted)
			right = right && diff == 0
			add(figCountAbs, "", diff)
			add(figCountBook, "", l.Book)
		}
		if f.Again { // the bin counts with the lines of the default OMS
			break
		}
		add(figBinsCounted, "", 1)
		one(figBinsRight, "", right)
	case EvReturnClosed:
		for _, l := range d.Returned {
			add(figReturned, l.Reason, l.Received)
			add(figReturnedSKU, l.SKU, l.Received)
		}
	case EvReceiptClosed:
		add(figReceiptLines, d.Supplier, int64(len(d.Received)))
		for _, l := range d.Received {
			one(figReceiptBad, d.Supplier, len(l.Variance) > 0)
		}
	}
	return ticks, samples
}

// ofMove is what one move adds.
func ofMove(m *Move) []tick {
	if m.To == PlaceCustomer {
		return []tick{{figIssued, "", m.Qty}}
	}
	return nil
}

// onHandChange is what a move adds to the stock of the site. What changes its
// status stays here.
func onHandChange(m *Move) (n int64) {
	if m.From == PlaceReclass || m.To == PlaceReclass {
		return 0
	}
	if isVirtual(m.From) {
		n += m.Qty
	}
	if isVirtual(m.To) {
		n -= m.Qty
	}
	return n
}

// onHand is the stock of the site and the sum of quantity times milliseconds
// until At: the difference of two is the area between them.
type onHand struct {
	Qty  int64 `cbor:"1,keyasint"`
	At   int64 `cbor:"2,keyasint"`
	Area int64 `cbor:"3,keyasint"` // unit milliseconds, divided by areaUnit
	Rest int64 `cbor:"4,keyasint,omitempty"`
}

// areaUnit keeps the area of a billion pieces over centuries in an int64.
const areaUnit = 1000

// until moves the end of the area.
func (h *onHand) until(at int64) {
	if at <= h.At {
		return
	}
	ms := at - h.At
	sum := h.Qty%areaUnit*ms + h.Rest
	h.Area += h.Qty/areaUnit*ms + sum/areaUnit
	h.Rest, h.At = sum%areaUnit, at
}

func dayOf(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }

// counts tells whether the site wants figures.
func (c *change) figures() (bool, error) {
	if c.site == nil {
		s, err := GetSite(c)
		if err != nil || s == nil {
			return false, err
		}
		c.site = s
	}
	return c.site.Figures, nil
}

// countEvent notes what an event adds; it is written by settle.
func (c *change) countEvent(e *Event) error {
	on, err := c.figures()
	if err != nil || !on {
		return err
	}
	ticks, samples := ofEvent(e)
	c.ticks = append(c.ticks, ticks...)
	c.samples = append(c.samples, samples...)
	return nil
}

// countMove notes what a move adds.
func (c *change) countMove(m *Move) error {
	on, err := c.figures()
	if err != nil || !on {
		return err
	}
	c.ticks = append(c.ticks, ofMove(m)...)
	c.onHand += onHandChange(m)
	c.moved = c.moved || onHandChange(m) != 0
	if m.Lot == "" || onHandChange(m) == 0 {
		return nil
	}
	return c.countLot(m)
}

// countLot keeps when a lot came and notes how long it was here when the last
// of it goes.
func (c *change) countLot(m *Move) error {
	k := key(kLot, m.SKU, m.Lot)
	l, err := load[lotRecord](c, k)
	if err != nil || l == nil {
		return err
	}
	if isVirtual(m.From) {
		if l.First != 0 {
			return nil
		}
		l.First = max(m.At, 1)
		return save(c, k, l)
	}
	here := false
	err = c.Range(under(kStock, m.SKU), func(k, _ []byte) (bool, error) {
		place, s, err := parseStockKey(k)
		here = here || err == nil && s.lot == m.Lot && !isVirtual(place)
		return !here, err
	})
	if err != nil || here || l.First == 0 {
		return err
	}
	c.samples = append(c.samples, sample{valDwell, max(m.At-l.First, 0)})
	l.First = 0
	return save(c, k, l)
}

// writeFigures writes what the command adds, each counter once.
func (c *change) writeFigures() error {
	day := dayOf(c.meta.Now)
	for i, t := range c.ticks {
		if t.n == 0 {
			continue
		}
		for j := i + 1; j < len(c.ticks); j++ {
			if o := &c.ticks[j]; o.name == t.name && o.dim == t.dim {
				t.n, o.n = t.n+o.n, 0
			}
		}
		if err := c.addTo(key(kFig, day, t.name, t.dim), t.n); err != nil {
			return err
		}
	}
	for _, s := range c.samples {
		if err := c.addTo(key(kVal, s.name, day, num(uint64(s.value))), 1); err != nil {
			return err
		}
	}
	c.ticks, c.samples = nil, nil
	if !c.moved {
		return nil
	}
	c.moved = false
	h, err := load[onHand](c, key(kHand))
	if err != nil {
		return err
	}
	if h == nil {
		h = &onHand{At: c.meta.Now}
	}
	h.until(c.meta.Now)
	h.Qty += c.onHand
	c.onHand = 0
	if err := save(c, key(kHand), h); err != nil {
		return err
	}
	return save(c, key(kHandDay, day), h)
}

func (c *change) addTo(k []byte, n int64) error {
	had, err := counter(c, k)
	if err != nil {
		return err
	}
	return c.setCounter(k, uint64(int64(had)+n))
}

// factsOf is what the figures need to know of an order.
func (c *change) factsOf(o *Order, typ string) (*OrderFacts, error) {
	on, err := c.figures()
	if err != nil || !on {
		return nil, err
	}
	f := &OrderFacts{
		PlacedAt: o.Spec.PlacedAt, ReleasedAt: o.ReleasedAt, ShipBy: o.Spec.ShipBy, Channel: o.Spec.Channel, Lines: int64(len(o.Lines)),
	}
	for _, l := range o.Lines {
		f.Units += l.Qty
	}
	switch typ {
	case EvOrderPicked:
		f.Again = o.Told&pickedAgain != 0
	case EvOrderReleased:
		f.Again, o.Counted = o.Counted, true
	case EvOrderShipped:
		for _, p := range o.Parcels {
			j, err := GetJob(c, p.Job)
			if err != nil {
				return nil, err
			}
			if j != nil {
				f.Reprints += int64(j.Copies - 1)
			}
		}
	}
	return f, nil
}

// Recount counts the figures again from the events and the journal, as text
// keys and values, for the proof that the live ones are right.
func Recount(events []Event, moves []Move) map[string]int64 {
	out := make(map[string]int64)
	put := func(day string, ticks []tick, samples []sample) {
		for _, t := range ticks {
			out[strings.Join([]string{kFig, day, t.name, t.dim}, "|")] += t.n
		}
		for _, s := range samples {
			out[fmt.Sprintf("%s|%s|%s|%d", kVal, s.name, day, s.value)]++
		}
	}
	for i := range events {
		ticks, samples := ofEvent(&events[i])
		put(dayOf(events[i].At), ticks, samples)
	}
	type lot struct{ qty, first int64 }
	lots := make(map[[2]string]*lot)
	h := &onHand{}
	for i := range moves {
		m := &moves[i]
		put(dayOf(m.At), ofMove(m), nil)
		n := onHandChange(m)
		if n == 0 {
			continue
		}
		if h.At == 0 {
			h.At = m.At
		}
		h.until(m.At)
		h.Qty += n
		if m.Lot == "" {
			continue
		}
		l := lots[[2]string{m.SKU, m.Lot}]
		if l == nil {
			l = &lot{}
			lots[[2]string{m.SKU, m.Lot}] = l
		}
		if l.qty == 0 {
			l.first = m.At
		}
		if l.qty += n; l.qty == 0 {
			put(dayOf(m.At), nil, []sample{{valDwell, m.At - l.first}})
		}
	}
	out[kHand] = h.Qty
	out[kHand+"|area"] = h.Area
	return out
}

// LiveFigures lists the live figures in the form of [Recount].
func LiveFigures(r Reader) (map[string]int64, error) {
	out := make(map[string]int64)
	for _, p := range []string{kFig, kVal} {
		err := r.Range(under(p), func(k, v []byte) (bool, error) {
			name := string(k[len(under(p)):])
			if p == kVal {
				head := name[:len(name)-numWidth]
				name = head + fmt.Sprint(fromNum([]byte(name[len(head):])))
			}
			out[p+"|"+strings.ReplaceAll(name, string(rune(sep)), "|")] = int64(fromNum(v))
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	h, err := load[onHand](r, key(kHand))
	if err != nil || h == nil {
		return out, err
	}
	out[kHand], out[kHand+"|area"] = h.Qty, h.Area
	return out, nil
}
