package gen

import (
	"errors"
	"fmt"
	"slices"

	"tote/warehouse"
)

// Seed is the shift in demo/data.
const Seed = 17

// Config is the size of a shift.
type Config struct {
	Orders int    // 1..100000; three times as many lines
	Seed   uint64 // 0 = Seed
}

// ErrOrders: a shift has 1 to 100000 orders.
var ErrOrders = errors.New("gen: a shift has 1 to 100000 orders")

const (
	linesPerOrder = 3 // mean
	maxLines      = 6
	maxQty        = 4
	maxCartonMg   = 24_000_000 // what one person lifts, with reserve

	// With fewer orders a single one that does not ship is more than the
	// 5 % the shift allows; then nothing goes wrong but the empty bin.
	minForFaults = 40
	minForOdd    = 10 // below, no pending payments and no empty bin either
	pending      = 2

	scarceHeld, scarceAsked = 2, 3
)

// New makes the shift of [Seed] with as many orders.
func New(orders int) (*Data, error) { return Generate(Config{Orders: orders}) }

// Generate makes a shift: about 1 % of the orders each expect SHORT and WEIGHT,
// one EMPTYBIN, two wait for their payment; everything else has enough stock,
// with reserve.
func Generate(cfg Config) (*Data, error) {
	if cfg.Orders < 1 || cfg.Orders > 100_000 {
		return nil, fmt.Errorf("%w, not %d", ErrOrders, cfg.Orders)
	}
	if cfg.Seed == 0 {
		cfg.Seed = Seed
	}
	dice := newDice(cfg.Seed)
	d := &Data{Site: newSite(), Bins: newBins(), Workers: newWorkers()}
	var err error
	if d.Items, err = newItems(dice, goodsFor(cfg.Orders)); err != nil {
		return nil, err
	}
	g := generator{dice: dice, data: d, goods: goodsFor(cfg.Orders)}
	g.popular = make([]int, g.goods.forSale())
	for rank, i := range dice.perm(len(g.popular)) {
		g.popular[i] = 1000 / (rank + 4)
	}
	g.orders(cfg.Orders)
	g.stock()
	if err := d.Check(); err != nil {
		return nil, err
	}
	return d, nil
}

type generator struct {
	dice    dice
	data    *Data
	goods   goods
	popular []int // weight of each item for sale
}

// orders makes n orders with exactly 3n lines.
func (g *generator) orders(n int) {
	expect := make([]Expect, n)
	// place marks count orders, spread evenly and shifted by permil of the
	// gap between two, on the next one that is still free.
	place := func(e Expect, count, permil int) {
		for k := range count {
			i := (k*1000 + permil) * n / (count * 1000)
			for expect[i] != ExpectShip {
				i = (i + 1) % n
			}
			expect[i] = e
		}
	}
	if n >= minForFaults {
		place(ExpectShort, max(1, n/100), 280)
		place(ExpectWeight, max(1, n/100), 520)
	}
	if n >= minForOdd {
		place(ExpectEmptyBin, 1, 730)
	}
	counts := g.lineCounts(expect)
	for i := range n {
		o := g.order(fmt.Sprintf("SO-%05d", 10001+i), counts[i], expect[i])
		g.data.Orders = append(g.data.Orders, o)
	}
	if n >= minForOdd {
		for k := range pending {
			i := (2*k + 1) * n / (2*pending + 1)
			for expect[i] != ExpectShip {
				i++
			}
			g.data.Orders[i].Payment = PaymentPending
		}
	}
}

// lineCounts is how many lines each order has: 1 to 6, the mean exactly 3.
func (g *generator) lineCounts(expect []Expect) []int {
	counts := make([]int, len(expect))
	missing := linesPerOrder * len(expect)
	var free []int // orders whose count may change
	for i, e := range expect {
		switch e {
		case ExpectWeight:
			counts[i] = 1 // any unit too many is one of line 1
		case ExpectShort, ExpectEmptyBin:
			counts[i] = 2
		default:
			counts[i] = 1 + g.dice.weighted([]int{18, 22, 24, 20, 10, 6})
			free = append(free, i)
		}
		missing -= counts[i]
	}
	for missing != 0 {
		i := free[g.dice.n(len(free))]
		switch {
		case missing > 0 && counts[i] < maxLines:
			counts[i]++
			missing--
		case missing < 0 && counts[i] > 1:
			counts[i]--
			missing++
		}
	}
	return counts
}

func (g *generator) order(id string, lines int, expect Expect) Order {
	d := g.dice
	to := cities[d.n(len(cities))]
	o := Order{
		ID: id,
		ShipTo: warehouse.Address{
			Name:     d.pick(firstNames) + " " + d.pick(lastNames),
			Street:   fmt.Sprintf("%s %d", d.pick(streets), d.between(1, 120)),
			Postcode: to.postcode, City: to.city, Country: to.country,
		},
		Method: "standard", Channel: []string{"web", "marketplace", "phone"}[d.weighted([]int{6, 3, 1})],
		Payment: PaymentSettled, Expect: expect,
	}
	if d.n(5) == 0 {
		o.Method, o.Priority = "express", 5
	}
	for o.Lines == nil {
		o.Lines = g.lines(lines, expect)
	}
	return o
}

// lines draws the lines of an order; nil when the draw cannot be weighed: too
// heavy, or with an item so light that one unit more or less goes unseen.
func (g *generator) lines(n int, expect Expect) []warehouse.OrderLine {
	sku := func(i int) string { return g.data.Items[i].SKU }
	var out []warehouse.OrderLine
	add := func(i int, qty int64) {
		out = append(out, warehouse.OrderLine{Line: len(out) + 1, SKU: sku(i), Qty: qty})
	}
	switch expect {
	case ExpectWeight:
		add(g.goods.weight(), int64(g.dice.between(1, 3)))
	case ExpectEmptyBin:
		add(g.goods.twoBins(), 2)
	}
	want := n
	if expect == ExpectShort {
		want-- // the scarce item comes last, behind one that is there
	}
	for len(out) < want {
		i := g.dice.weighted(g.popular)
		if !slices.ContainsFunc(out, func(l warehouse.OrderLine) bool { return l.SKU == sku(i) }) {
			add(i, int64(1+g.dice.weighted([]int{50, 25, 15, 10})))
		}
	}
	if expect == ExpectShort {
		add(g.goods.scarce(), scarceAsked)
	}
	if !weighable(g.data, Order{Lines: out}) {
		return nil
	}
	return out
}

// weighable: each unit of the order outweighs the tolerance half again, so that
// the noise of a scale cannot hide it.
func weighable(d *Data, o Order) bool {
	expected := d.ExpectedMg(o)
	if expected > maxCartonMg {
		return false
	}
	for _, l := range o.Lines {
		if 2*d.Item(l.SKU).WeightMg < 3*d.ToleranceMg(expected) {
			return false
		}
	}
	return true
}

// stock puts enough of everything on the shelves: half again of what is
// ordered and a few more, each row in a bin of its own.
func (g *generator) stock() {
	asked := map[string]int64{}
	for _, o := range g.data.Orders {
		for _, l := range o.Lines {
			asked[l.SKU] += l.Qty
		}
	}
	bins := g.dice.perm(len(g.data.Bins))
	next := func() string {
		code := g.data.Bins[bins[0]].Code
		bins = bins[1:]
		return code
	}
	put := func(i int, bin, lot, expiry string, qty int64) {
		g.data.Stock = append(g.data.Stock, warehouse.StockRow{Bin: bin, SKU: g.data.Items[i].SKU, Lot: lot, Expiry: expiry, Qty: qty})
	}
	for i, it := range g.data.Items {
		want := asked[it.SKU]
		room := len(bins) >= 2*(len(g.data.Items)-i)+3 // for more rows than need be
		total := want + want/2 + 6
		switch {
		case i == g.goods.scarce():
			put(i, next(), "", "", scarceHeld)
		case i == g.goods.twoBins():
			// The smaller bin code is booked first, and found empty.
			first, second := next(), next()
			if second < first {
				first, second = second, first
			}
			put(i, first, "", "", max(4, want))
			put(i, second, "", "", max(8, want+2))
		case it.LotTracked:
			// The lot that expires first covers about half of the
			// orders, so that both lots are picked.
			early := max(2, want/2)
			a, b := g.lots(i)
			put(i, next(), a.lot, a.expiry, early)
			late := total - early
			if g.dice.n(3) == 0 && room {
				put(i, next(), b.lot, b.expiry, late/2)
				late -= late / 2
			}
			put(i, next(), b.lot, b.expiry, late)
		default:
			for n := int64(1 + g.dice.weighted([]int{5, 3, 2})); n > 1 && room; n-- {
				put(i, next(), "", "", total/n)
				total -= total / n
			}
			put(i, next(), "", "", total)
		}
	}
	slices.SortFunc(g.data.Stock, func(a, b warehouse.StockRow) int {
		if a.Bin < b.Bin {
			return -1
		}
		return 1 // no bin holds two rows
	})
}

type lot struct{ lot, expiry string }

// lots are two lots of an item; the first expires first. The dates are far
// enough away to outlive this file.
func (g *generator) lots(item int) (first, second lot) {
	year, month := g.dice.between(2044, 2046), g.dice.between(1, 12)
	name := func(r string) string { return fmt.Sprintf("L%03d%s%02d", item+1, r, g.dice.n(100)) }
	first = lot{name("A"), fmt.Sprintf("%d-%02d-28", year, month)}
	second = lot{name("B"), fmt.Sprintf("%d-%02d-15", year+1, month)}
	return first, second
}
