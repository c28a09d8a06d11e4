package warehouse

import (
	"cmp"
	"slices"
)

// Cartons: the smallest one that takes an order.
//
// A site that lists its cartons is told at the scan of the tote which one to
// take: of those whose weight limit and volume suffice and into which the pieces
// go, the one with the least volume. Whether they go in is tried with the
// largest first, each in the first corner that is free, in its six positions;
// so a carton that is suggested can be packed, while one that would just do may
// be passed over. Of many pieces only volume and sides are compared, and part of
// the carton is left empty. An order with a piece nobody measured gets no
// suggestion. One that goes into no carton is parked until a person decides: it
// is split at the OMS, or its retry means that it goes out in whatever fits.
// Unless the site plans several parcels (cartonplan.go) an order stays one.

const (
	maxCartons = 20
	maxSideMm  = 10_000
	maxPieces  = 32 // that are laid out one by one
	fillPermil = 700
)

// Carton is a kind of carton of the site. Inner sides in millimetres.
type Carton struct {
	Code     string `cbor:"1,keyasint" json:"code"`
	LengthMm int64  `cbor:"2,keyasint" json:"lengthMm"`
	WidthMm  int64  `cbor:"3,keyasint" json:"widthMm"`
	HeightMm int64  `cbor:"4,keyasint" json:"heightMm"`
	TareMg   int64  `cbor:"5,keyasint" json:"tareMg"`
	MaxMg    int64  `cbor:"6,keyasint,omitempty" json:"maxMg,omitempty"` // with its contents; 0 = no limit
}

// sides are the lengths of a box.
type sides [3]int64

func (s sides) volume() int64 { return s[0] * s[1] * s[2] }

func (ct *Carton) inner() sides { return sides{ct.LengthMm, ct.WidthMm, ct.HeightMm} }

func checkCartons(s Site) string {
	if len(s.Cartons) > maxCartons {
		return "more than 20 cartons"
	}
	if s.MaxParcels < 0 || s.MaxParcels > maxParcels {
		return "maxParcels: 0 to 20"
	}
	ids := make([]string, len(s.Cartons))
	for i, ct := range s.Cartons {
		ids[i] = ct.Code
		for _, mm := range ct.inner() {
			if mm < 1 || mm > maxSideMm {
				return "carton " + ct.Code + ": sides of 1 mm to 10 m"
			}
		}
		if ct.TareMg < 0 || ct.TareMg > maxWeightMg || ct.MaxMg < 0 || ct.MaxMg > maxWeightMg {
			return "carton " + ct.Code + ": weights"
		}
	}
	return checkNames("carton", ids)
}

// checkSides looks at the sides of an item: all or none.
func checkSides(it Item) string {
	s := sides{it.LengthMm, it.WidthMm, it.HeightMm}
	if s == (sides{}) {
		return ""
	}
	for _, mm := range s {
		if mm < 1 || mm > maxSideMm {
			return "lengthMm, widthMm, heightMm: all of them, 1 mm to 10 m"
		}
	}
	return ""
}

func (s *Site) carton(code string) *Carton {
	at := slices.IndexFunc(s.Cartons, func(ct Carton) bool { return ct.Code == code })
	if at < 0 {
		return nil
	}
	return &s.Cartons[at]
}

// tareOf is the weight of a carton, of the site's usual one when code is "".
func (s *Site) tareOf(code string) int64 {
	if ct := s.carton(code); ct != nil {
		return ct.TareMg
	}
	return s.CartonTareMg
}

// pile is pieces of one size.
type pile struct {
	of sides
	n  int64
}

// cartonFor is the carton for goods of an order, nil when none is suggested; no
// tells that there is none that fits.
func (c *change) cartonFor(site *Site, o *Order, goods []ParcelLine, netMg int64) (ct *Carton, no bool, err error) {
	if len(site.Cartons) == 0 || o.AnyCarton {
		return nil, false, nil
	}
	var piles []pile
	for _, g := range goods {
		it, err := must2(GetItem(c, g.SKU))("item", g.SKU)
		if err != nil {
			return nil, false, err
		}
		if it.LengthMm == 0 {
			return nil, false, nil
		}
		piles = append(piles, pile{sides{it.LengthMm, it.WidthMm, it.HeightMm}, g.Qty})
	}
	for i := range site.Cartons {
		x := &site.Cartons[i]
		if ct != nil && x.inner().volume() >= ct.inner().volume() || x.MaxMg > 0 && netMg+x.TareMg > x.MaxMg {
			continue
		}
		if goesIn(x.inner(), piles) {
			ct = x
		}
	}
	return ct, ct == nil, nil
}

// goesIn tells whether all pieces go into a box.
func goesIn(box sides, piles []pile) bool {
	room, n := box.volume(), int64(0)
	for _, p := range piles {
		n += p.n
		if !fitsAlone(box, p.of) || p.n > room/p.of.volume() {
			return false
		}
		room -= p.n * p.of.volume()
	}
	if n > maxPieces {
		return (box.volume() - room) <= box.volume()/1000*fillPermil
	}
	var pieces []sides
	for _, p := range piles {
		for range p.n {
			pieces = append(pieces, p.of)
		}
	}
	return layOut(box, pieces)
}

// fitsAlone compares the sides, longest with longest.
func fitsAlone(box, piece sides) bool {
	slices.Sort(box[:])
	slices.Sort(piece[:])
	return piece[0] <= box[0] && piece[1] <= box[1] && piece[2] <= box[2]
}

// placed is a piece with its corner.
type placed struct{ at, size sides }

// turns are the six positions of a piece.
var turns = [6][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}

// layOut puts the pieces into a box, largest first, each into the lowest corner
// that takes it; false when one finds no place.
func layOut(box sides, pieces []sides) bool {
	slices.SortStableFunc(pieces, func(a, b sides) int {
		return cmp.Or(cmp.Compare(b.volume(), a.volume()), cmp.Compare(max(b[0], b[1], b[2]), max(a[0], a[1], a[2])))
	})
	lay := newLayout(box)
	for _, p := range pieces {
		if !lay.put(p) {
			return false
		}
	}
	return true
}

// layout is a box with the pieces that are in it.
type layout struct {
	box     sides
	corners []sides // where the next piece may go, the lowest first
	in      []placed
}

func newLayout(box sides) *layout { return &layout{box: box, corners: []sides{{}}} }

// put lays one more piece into the box; false when it finds no place.
func (l *layout) put(p sides) bool {
	at, ok := place(l.box, l.in, l.corners, p)
	if !ok {
		return false
	}
	l.in = append(l.in, at)
	for d := range 3 {
		next := at.at
		next[d] += at.size[d]
		l.corners = append(l.corners, next)
	}
	l.corners = slices.DeleteFunc(l.corners, func(s sides) bool { return s == at.at })
	slices.SortStableFunc(l.corners, func(a, b sides) int {
		return cmp.Or(cmp.Compare(a[2], b[2]), cmp.Compare(a[1], b[1]), cmp.Compare(a[0], b[0]))
	})
	return true
}

// place finds the first corner and position that are free.
func place(box sides, in []placed, corners []sides, p sides) (placed, bool) {
	for _, at := range corners {
		for _, t := range turns {
			x := placed{at, sides{p[t[0]], p[t[1]], p[t[2]]}}
			if x.inside(box) && !slices.ContainsFunc(in, x.overlaps) {
				return x, true
			}
		}
	}
	return placed{}, false
}

func (x placed) inside(box sides) bool {
	for d := range 3 {
		if x.at[d]+x.size[d] > box[d] {
			return false
		}
	}
	return true
}

func (x placed) overlaps(y placed) bool {
	for d := range 3 {
		if x.at[d]+x.size[d] <= y.at[d] || y.at[d]+y.size[d] <= x.at[d] {
			return false
		}
	}
	return true
}

func isNoCarton(f *Fallout) bool { return f.Code == FalloutNoCarton }
