package gen

import (
	"fmt"

	"tote/gs1"
	"tote/warehouse"
)

// The site: one block of 10 aisles with 20 cells on either side.
const (
	aisles = 10
	cells  = 20

	// 952 is the GS1 prefix for demonstrations.
	companyPrefix = "9521234"
)

func newSite() warehouse.Site {
	return warehouse.Site{
		ID:            "demo",
		CompanyPrefix: companyPrefix,
		SSCCExtension: 3,
		// Totes are T0001, T0002, …; the control codes TOTE:… are none.
		TotePrefix:      "T0",
		CartonTareMg:    350_000,
		ToleranceMg:     20_000,
		TolerancePermil: 5,
		LeaseMs:         10 * 60 * 1000,
		CartSlots:       6,
		Layout:          warehouse.Layout{Aisles: aisles, Cells: cells, CellMm: 1200, EndMm: 1500, PitchMm: 4500, DepotAisle: 4},
		Carriers: []warehouse.Carrier{
			{Code: "SWIFT", Method: "express", Prefix: "SW", Digits: 9, First: 100_000_001, Last: 199_999_999},
			{Code: "PARCEL", Method: "standard", Prefix: "PA", Digits: 10, First: 4_000_000_001, Last: 4_999_999_999},
		},
		PackDrop: "PACKDROP",
		// Robots carry totes to the pack stations, a belt the cartons to the
		// dock, with a lane for each carrier and one for what nobody decided.
		Transport:    warehouse.TransportRobot,
		PackStations: []string{"pack1", "pack2"},
		Lanes:        []warehouse.Lane{{ID: "L1", Carrier: "SWIFT", Dock: "dock1"}, {ID: "L2", Carrier: "PARCEL", Dock: "dock1"}, {ID: "L9"}},
		DefaultLane:  "L9",
		Portals:      []string{"dock1"},
	}
}

func newBins() []warehouse.Bin {
	var out []warehouse.Bin
	for a := range aisles {
		for c := range cells {
			for _, side := range []string{"L", "R"} {
				out = append(out, warehouse.Bin{Code: fmt.Sprintf("A-%02d-%02d-%s", a+1, c+1, side), Aisle: a, Cell: c, Side: side})
			}
		}
	}
	return out
}

func newWorkers() []warehouse.Worker {
	var out []warehouse.Worker
	for i, name := range workerNames {
		out = append(out, warehouse.Worker{ID: fmt.Sprintf("W%d", i+1), Name: name, Badge: fmt.Sprintf("BADGE-%d", 1001+i)})
	}
	return append(out, warehouse.Worker{ID: "R2", Name: "Robot 2", Badge: "ROBOT-1", Kind: warehouse.WorkerRobot})
}

// goods says how many items a shift has and which play a part. The last three
// do; every other order line draws from those before them.
type goods struct{ items, lotTracked int }

// goodsFor: a site with more orders has more goods.
func goodsFor(orders int) goods {
	if orders <= 100 {
		return goods{80, 20}
	}
	return goods{150, 38}
}

func (g goods) weight() int  { return g.items - 3 } // only in orders that expect WEIGHT
func (g goods) scarce() int  { return g.items - 2 } // only in orders that expect SHORT
func (g goods) twoBins() int { return g.items - 1 } // only in the order that expects EMPTYBIN
func (g goods) forSale() int { return g.items - 3 } // the first ones

// newItems makes the items; weights from 50 g to 3 kg in steps of 0.5 g, most
// of them between 200 g and 1.5 kg. Every sixth is tagged.
func newItems(d dice, g goods) ([]warehouse.Item, error) {
	out := make([]warehouse.Item, g.items)
	used := map[string]bool{}
	for i := range out {
		words := hardGoods
		if i < g.lotTracked {
			words = freshGoods
		}
		name := ""
		for name == "" || used[name] {
			name = d.pick(words) + ", " + d.pick(kinds)
		}
		used[name] = true
		gtin := fmt.Sprintf("0%s%05d", companyPrefix, 101+i)
		check, err := gs1.CheckDigit(gtin)
		if err != nil {
			return nil, fmt.Errorf("gen: gtin of item %d: %w", i, err)
		}
		low := []int{50, 100, 200, 400, 800, 1500}
		octave := d.weighted([]int{1, 3, 6, 6, 4, 1})
		halfGrams := 2*low[octave] + d.n(2*low[octave])
		it := warehouse.Item{
			SKU: fmt.Sprintf("SKU-%03d", i+1), Name: name, GTIN: gtin + string(check),
			WeightMg: int64(halfGrams) * 500, LotTracked: i < g.lotTracked, Tagged: i%6 == 0,
		}
		if d.n(4) == 0 {
			it.Barcodes = []string{fmt.Sprintf("SUP-%04d%02d", d.n(10_000), i)}
		}
		out[i] = it
	}
	// One unit too many must be seen whatever else is in the carton.
	out[g.weight()].WeightMg = 412_500
	return out, nil
}
