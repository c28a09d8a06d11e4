package warehouse

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The key figures, as the order-management reference defines them. A ratio is
// shown with its numerator and denominator, so that sites are added up and
// never averaged; a denominator of 0 has no ratio.

// Ratio is a share of two whole numbers.
type Ratio struct {
	Num int64 `json:"num"`
	Den int64 `json:"den"`
	// Permil is the share in thousandths, rounded down; nil when Den is 0.
	Permil *int64 `json:"permil"`
}

func ratio(num, den int64) Ratio {
	r := Ratio{Num: num, Den: den}
	if den != 0 {
		p := mulDiv(num, 1000, den)
		r.Permil = &p
	}
	return r
}

// mulDiv is a*b/c where a*b may be too large for an int64 only when a/c is.
func mulDiv(a, b, c int64) int64 { return a/c*b + a%c*b/c }

// Spread is the nearest-rank percentiles of values: the value at position
// ceil(p*n), counted from 1.
type Spread struct {
	N   int64 `json:"n"`
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
}

// Rates is what one unit of each activity costs, in any currency's smallest
// part times 1000, so that a metre may cost a fraction.
type Rates struct {
	Touch, Second, Metre, Label int64
}

// KPI are the key figures of the days [From, To), UTC.
type KPI struct {
	From string `json:"from"`
	To   string `json:"to"`

	Released  map[string]int64 `json:"released"`  // orders by channel
	Hours     int64            `json:"hours"`     // in the window: orders an hour is Released / Hours
	Shipped   map[string]int64 `json:"shipped"`   // orders by channel
	Cancelled int64            `json:"cancelled"` // orders

	LeadMs     Spread `json:"leadMs"`     // placed to shipped
	EdgeLeadMs Spread `json:"edgeLeadMs"` // released to shipped
	DwellMs    Spread `json:"dwellMs"`    // of lots

	LineFill    Ratio `json:"lineFill"`    // lines shipped complete / lines released
	UnitFill    Ratio `json:"unitFill"`    // units shipped / ordered, of the orders shipped
	OrderFill   Ratio `json:"orderFill"`   // orders shipped complete / orders released
	Backorders  Ratio `json:"backorders"`  // lines that waited for stock / lines released
	OnTime      Ratio `json:"onTime"`      // orders shipped in time / orders shipped
	Perfect     Ratio `json:"perfect"`     // complete, in time, documents right at once / orders shipped
	ReturnRate  Ratio `json:"returnRate"`  // units returned / units issued
	BinAccuracy Ratio `json:"binAccuracy"` // bins counted right / bins counted
	QtyAccuracy Ratio `json:"qtyAccuracy"` // book - differences / book

	Returned      map[string]int64 `json:"returned"`      // units by reason
	ReturnedSKU   map[string]int64 `json:"returnedSku"`   // units by item
	Picked        map[string]int64 `json:"picked"`        // units by item: the pick velocity
	SupplierLines map[string]Ratio `json:"supplierLines"` // lines with a variance / lines, by supplier

	LinesShipped int64 `json:"linesShipped"`
	BatchMs      int64 `json:"batchMs"`
	Touches      int64 `json:"touches"`
	RouteMm      int64 `json:"routeMm"`
	Labels       int64 `json:"labels"`

	Issued     int64 `json:"issued"`     // units
	AverageQty int64 `json:"averageQty"` // time-weighted units on hand
	Turnaround Ratio `json:"turnaround"` // issued / average on hand
}

// Cost is the cost of the activities for each order shipped, in thousandths of
// the unit of the rates.
func (k *KPI) Cost(r Rates) Ratio {
	orders := k.OnTime.Den
	sum := k.Touches*r.Touch + k.BatchMs/1000*r.Second + k.RouteMm/1000*r.Metre + k.Labels*r.Label
	return ratio(sum, orders)
}

// KPIs computes the key figures of the days [from, to), "YYYY-MM-DD" in UTC.
func KPIs(r Reader, from, to string) (*KPI, error) {
	first, err1 := time.Parse(time.DateOnly, from)
	last, err2 := time.Parse(time.DateOnly, to)
	if err1 != nil || err2 != nil || !last.After(first) {
		return nil, fmt.Errorf("warehouse: no window from %q to %q", from, to)
	}
	sums, err := sumFigures(r, from, to)
	if err != nil {
		return nil, err
	}
	total := sums.total
	k := &KPI{
		From: from, To: to, Hours: (last.UnixMilli() - first.UnixMilli()) / 3_600_000,
		Released: sums.by(figReleased), Shipped: sums.by(figShipped), Cancelled: total(figCancelled),
		LineFill:    ratio(total(figFullLines), total(figReleasedLines)),
		UnitFill:    ratio(total(figShippedUnits), total(figOrderedUnits)),
		OrderFill:   ratio(total(figComplete), total(figReleased)),
		Backorders:  ratio(total(figShortLines), total(figReleasedLines)),
		OnTime:      ratio(total(figOnTime), total(figShipped)),
		Perfect:     ratio(total(figPerfect), total(figShipped)),
		ReturnRate:  ratio(total(figReturned), total(figIssued)),
		BinAccuracy: ratio(total(figBinsRight), total(figBinsCounted)),
		QtyAccuracy: ratio(total(figCountBook)-total(figCountAbs), total(figCountBook)),
		Returned:    sums.by(figReturned), ReturnedSKU: sums.by(figReturnedSKU), Picked: sums.by(figPicked),
		SupplierLines: map[string]Ratio{}, LinesShipped: total(figShippedLines), BatchMs: total(figBatchMs),
		Touches: total(figTouches), RouteMm: total(figRoute), Labels: total(figLabels), Issued: total(figIssued),
	}
	bad := sums.by(figReceiptBad)
	for _, f := range sums {
		if f.name == figReceiptLines {
			k.SupplierLines[f.dim] = ratio(bad[f.dim], f.n)
		}
	}
	for _, v := range []struct {
		name string
		to   *Spread
	}{{valLead, &k.LeadMs}, {valEdgeLead, &k.EdgeLeadMs}, {valDwell, &k.DwellMs}} {
		if *v.to, err = spread(r, v.name, from, to); err != nil {
			return nil, err
		}
	}
	if k.AverageQty, err = averageOnHand(r, first.UnixMilli(), last.UnixMilli()); err != nil {
		return nil, err
	}
	k.Turnaround = ratio(k.Issued, k.AverageQty)
	return k, nil
}

// figureSums are counters of a window, one for each name and dimension.
type figureSums []tick

func (f figureSums) total(name string) (n int64) {
	for _, t := range f {
		if t.name == name {
			n += t.n
		}
	}
	return n
}

// by is a counter by its dimension.
func (f figureSums) by(name string) map[string]int64 {
	m := make(map[string]int64)
	for _, t := range f {
		if t.name == name {
			m[t.dim] = t.n
		}
	}
	return m
}

// sumFigures adds the counters of the days of a window.
func sumFigures(r Reader, from, to string) (figureSums, error) {
	var sums figureSums
	at := make(map[[2]string]int) // → index of sums; looked up only
	err := r.Range(under(kFig), func(k, v []byte) (bool, error) {
		p := strings.SplitN(string(k), string(rune(sep)), 4)
		if len(p) != 4 || len(v) != numWidth {
			return false, fmt.Errorf("%w: figure %q", ErrCorrupt, k)
		}
		if p[1] >= to {
			return false, nil
		}
		if p[1] < from {
			return true, nil
		}
		i, ok := at[[2]string{p[2], p[3]}]
		if !ok {
			i = len(sums)
			at[[2]string{p[2], p[3]}] = i
			sums = append(sums, tick{name: p[2], dim: p[3]})
		}
		sums[i].n += int64(fromNum(v))
		return true, nil
	})
	return sums, err
}

func spread(r Reader, name, from, to string) (Spread, error) {
	type value struct{ v, n int64 }
	var all []value
	var s Spread
	prefix := under(kVal, name)
	err := r.Range(prefix, func(k, v []byte) (bool, error) {
		rest := string(k[len(prefix):])
		day := rest[:min(len(rest), len(time.DateOnly))]
		if len(rest) != len(time.DateOnly)+1+numWidth || len(v) != numWidth {
			return false, fmt.Errorf("%w: value %q", ErrCorrupt, k)
		}
		if day >= from && day < to {
			n := int64(fromNum(v))
			all = append(all, value{int64(fromNum([]byte(rest[len(day)+1:]))), n})
			s.N += n
		}
		return day < to, nil
	})
	if err != nil || s.N == 0 {
		return s, err
	}
	slices.SortFunc(all, func(a, b value) int { return int(min(max(a.v-b.v, -1), 1)) })
	at := func(permil int64) int64 {
		rank := (s.N*permil + 999) / 1000
		for _, x := range all {
			if rank -= x.n; rank <= 0 {
				return x.v
			}
		}
		return all[len(all)-1].v
	}
	s.P50, s.P95 = at(500), at(950)
	return s, nil
}

// averageOnHand is the time-weighted stock of a window. Stock before the first
// move of the window is what the last day before it ended with.
func averageOnHand(r Reader, from, to int64) (int64, error) {
	var before, within onHand
	seen := false
	prefix := under(kHandDay)
	err := r.Range(prefix, func(k, b []byte) (bool, error) {
		h, err := decodeRecord[onHand](k, b)
		if err != nil {
			return false, err
		}
		day := string(k[len(prefix):])
		switch {
		case day < dayOf(from):
			before, within, seen = *h, *h, true
		case day < dayOf(to):
			if !seen { // the book begins in the window
				before, seen = onHand{At: from}, true
			}
			within = *h
		default:
			return false, nil
		}
		return true, nil
	})
	if err != nil || !seen {
		return 0, err
	}
	before.until(from)
	within.until(to)
	return mulDiv(within.Area-before.Area, areaUnit, to-from), nil
}
