package demo

import (
	"fmt"
	"maps"
	"strings"
	"sync"

	"tote/demo/gen"
)

// world is what is physically true in the simulated warehouse: goods in bins,
// totes and cartons. It knows nothing of the system's state; people (picker,
// packer, dock worker) move goods in it, and at the end ledger and OMS must
// agree with it.
type world struct {
	mu      sync.Mutex
	items   map[string]physItem
	bins    map[string]map[unit]int64
	totes   map[string]map[unit]int64 // goods in a tote
	open    map[string]map[unit]int64 // goods in the open carton beside a tote
	slipped map[string]bool           // totes with a thing too many
	cartons map[string]carton         // closed cartons, by the SSCC on the label
	shipped map[string]carton         // cartons that left
	toteNo  int
	idle    []string // empty totes on the rack

	tareMg int64
	serial int // newest serial number on a tag

	robots bool                   // robots carry totes from the pack drop to the stations
	atDrop map[string]bool        // totes that wait for a robot
	drop   chan string            // without robots: totes for whichever packer is free
	queue  map[string]chan string // with robots: totes at each pack station
	dock   chan label             // cartons brought to the dock by hand
	labels map[string]label       // labels stuck on cartons, by SSCC

	slips int64 // units put into a tote without a scan: the picker's mistakes
}

// carton is a closed carton: the order on its label and what is in it.
type carton struct {
	order   string
	tote    string // it came in
	station string // that packed it
	goods   map[unit]int64
	tags    []string // EPCs of the tags in and on it, hex
	mg      int64    // what it weighs
}

// unit is what one thing on a shelf is.
type unit struct{ sku, lot string }

// physItem is what is printed on a thing and what it weighs.
type physItem struct {
	weightMg   int64
	gtin       string
	lotTracked bool
	tagged     bool
	expiry     map[string]string // lot → date
}

func newWorld(tareMg int64) *world {
	return &world{
		items: map[string]physItem{}, bins: map[string]map[unit]int64{}, totes: map[string]map[unit]int64{},
		open: map[string]map[unit]int64{}, slipped: map[string]bool{},
		cartons: map[string]carton{}, shipped: map[string]carton{},
		tareMg: tareMg, atDrop: map[string]bool{}, drop: make(chan string, 10_000), queue: map[string]chan string{},
		dock: make(chan label, 10_000), labels: map[string]label{},
	}
}

// toDrop puts a tote down at the pack drop.
func (w *world) toDrop(tote string) {
	if !w.robots {
		w.drop <- tote
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.atDrop[tote] = true
}

// fromDrop takes a tote away from the pack drop; false when it is not there.
func (w *world) fromDrop(tote string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.atDrop[tote]
	delete(w.atDrop, tote)
	return was
}

// toStation brings a tote to a pack station.
func (w *world) toStation(id, tote string) { w.totesFor(id) <- tote }

// totesFor is where the packer of a station finds totes.
func (w *world) totesFor(station string) chan string {
	if !w.robots {
		return w.drop
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue[station] == nil {
		w.queue[station] = make(chan string, 10_000)
	}
	return w.queue[station]
}

// waiting counts totes and cartons that somebody still has to deal with.
func (w *world) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.drop) + len(w.dock) + len(w.atDrop) + len(w.cartons)
	for _, q := range w.queue {
		n += len(q)
	}
	return n
}

// fill puts the goods on the shelves and prints their barcodes.
func (w *world) fill(d *gen.Physical) {
	for _, it := range d.Items {
		w.items[it.SKU] = physItem{weightMg: it.WeightMg, gtin: it.GTIN, lotTracked: it.LotTracked, tagged: it.Tagged, expiry: map[string]string{}}
	}
	for _, r := range d.Stock {
		w.items[r.SKU].expiry[r.Lot] = r.Expiry
	}
	for bin, skus := range d.Shelves {
		for sku, lots := range skus {
			for lot, n := range lots {
				add(w.bins, bin, unit{sku, lot}, n)
			}
		}
	}
}

// take lifts one thing of sku (and lot, when named) out of a bin.
func (w *world) take(bin, sku, lot string) (unit, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := unit{sku, lot}
	if w.bins[bin][u] == 0 {
		return unit{}, false
	}
	w.bins[bin][u]--
	return u, true
}

// putBack returns a thing to its bin.
func (w *world) putBack(bin string, u unit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	add(w.bins, bin, u, 1)
}

// goods are so many things of one kind.
type goods struct {
	unit
	n int64
}

// lying is what lies in a bin.
func (w *world) lying(bin string) (all []goods) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for u, n := range w.bins[bin] {
		if n > 0 {
			all = append(all, goods{u, n})
		}
	}
	return all
}

// barcode is the symbol on a thing as the scanner sends it: a GS1 DataMatrix
// with lot and expiry where the item has lots, an EAN-13 otherwise.
func (w *world) barcode(u unit) string {
	it := w.items[u.sku]
	if !it.lotTracked {
		return strings.TrimPrefix(it.gtin, "0") // a GTIN-14 with a leading zero is printed as EAN-13
	}
	out := "]d201" + it.gtin
	if e := it.expiry[u.lot]; e != "" {
		out += "17" + e[2:4] + e[5:7] + e[8:10]
	}
	return out + "10" + u.lot
}

// freeTote takes an empty tote from the rack.
func (w *world) freeTote() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.idle); n > 0 {
		t := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return t
	}
	w.toteNo++
	return fmt.Sprintf("T%04d", w.toteNo)
}

// putInTote adds things to a tote.
func (w *world) putInTote(tote string, u unit, n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	add(w.totes, tote, u, n)
}

// slip puts a thing into a tote that nobody scanned.
func (w *world) slip(tote string, u unit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	add(w.totes, tote, u, 1)
	w.slipped[tote] = true
	w.slips++
}

// tagsOn lists the EPCs in and on each of the cartons.
func (w *world) tagsOn(batch []label) [][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var tags [][]string
	for _, l := range batch {
		tags = append(tags, w.cartons[l.sscc].tags)
	}
	return tags
}

// labelOf is the label on a carton.
func (w *world) labelOf(sscc string) label {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.labels[sscc]
}

// ship moves a carton out of the building.
func (w *world) ship(sscc string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.cartons[sscc]; ok {
		w.shipped[sscc] = c
		delete(w.cartons, sscc)
	}
}

// gone is a copy of the cartons that left the building.
func (w *world) gone() map[string]carton {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.shipped)
}

func add(places map[string]map[unit]int64, place string, u unit, n int64) {
	if places[place] == nil {
		places[place] = map[unit]int64{}
	}
	places[place][u] += n
}
