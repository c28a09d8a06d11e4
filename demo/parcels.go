package demo

import (
	"maps"
	"slices"
	"strings"
)

// Cartons at a pack station. Every fourth order whose goods are of several kinds
// goes out in two parcels: the packer scans the kind there is least of into a
// first carton, and the rest goes into a second one.

// mostScanned is how many things a packer is ready to scan into a carton.
const mostScanned = 4

// part is what of a tote goes into a first carton, nil when all of it goes into
// one. A tote with a thing too many goes out whole: its weight is to be seen.
func (w *world) part(tote, order string) map[unit]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := 0
	for _, c := range order {
		sum += int(c)
	}
	goods := maps.Clone(w.totes[tote])
	for u, n := range w.open[tote] { // it was on the scale before
		goods[u] += n
	}
	if sum%4 != 0 || len(goods) < 2 || w.slipped[tote] {
		return nil
	}
	kinds := slices.SortedFunc(maps.Keys(goods), func(a, b unit) int {
		if goods[a] != goods[b] {
			return int(goods[a] - goods[b])
		}
		return strings.Compare(a.sku+" "+a.lot, b.sku+" "+b.lot)
	})
	if n := goods[kinds[0]]; n <= mostScanned {
		return map[unit]int64{kinds[0]: n}
	}
	return nil
}

// inCarton puts into the carton beside a tote what the display names, or all there
// is when it names nothing or nothing is to be left; what it weighs.
func (w *world) inCarton(tote string, named []inPart, more bool) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pourBack(tote)
	take := map[unit]int64{}
	for _, l := range named {
		take[unit{l.SKU, l.Lot}] += l.Qty
	}
	if !more {
		take = maps.Clone(w.totes[tote])
	}
	mg := w.tareMg
	for u, n := range take {
		n = min(n, w.totes[tote][u])
		if n == 0 {
			continue
		}
		add(w.open, tote, u, n)
		if w.totes[tote][u] -= n; w.totes[tote][u] == 0 {
			delete(w.totes[tote], u)
		}
		mg += n * w.items[u.sku].weightMg
	}
	return mg
}

// pourBack empties the open carton into its tote.
func (w *world) pourBack(tote string) {
	for u, n := range w.open[tote] {
		add(w.totes, tote, u, n)
	}
	delete(w.open, tote)
}

// takeOut empties the open carton of a tote that is put aside.
func (w *world) takeOut(tote string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pourBack(tote)
}

// filled tells whether a carton beside a tote waits for its label.
func (w *world) filled(tote string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.open[tote]) > 0
}

// stuck tells whether a label is on a carton already.
func (w *world) stuck(sscc string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.labels[sscc]
	return ok
}

// closeCarton sticks the label on the carton beside a tote. An empty tote goes
// back to the rack, and that was all of it.
func (w *world) closeCarton(station, tote, order string, l label) (all bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	goods := w.open[tote]
	tags, err := w.tagCarton(l.sscc, goods)
	if err != nil {
		return false, err
	}
	mg := w.tareMg
	for u, n := range goods {
		mg += n * w.items[u.sku].weightMg
	}
	w.cartons[l.sscc] = carton{order: order, tote: tote, station: station, goods: goods, tags: tags, mg: mg}
	w.labels[l.sscc] = l
	delete(w.open, tote)
	if len(w.totes[tote]) > 0 {
		return false, nil
	}
	delete(w.totes, tote)
	delete(w.slipped, tote)
	w.idle = append(w.idle, tote)
	return true, nil
}
