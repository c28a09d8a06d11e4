package route

// inf is more than any walk and small enough to be added up without overflow.
const inf = int64(1) << 60

// Length returns the length in mm of the shortest walk past all cells whose
// bit is set; masks[a] holds the cells of aisle a, missing aisles hold none.
// Nothing to pick costs 0. -1 when a mask names a place outside the layout.
// Length does not allocate.
func (r *Router) Length(masks []uint64) int64 {
	first, last, ok := r.span(masks)
	if !ok {
		return -1
	}
	if last < 0 {
		return 0
	}
	// The states of tour.go. Local variables, not an array: they stay in
	// registers.
	uu, ee, e0, oe, e2, none := inf, inf, inf, inf, inf, int64(0)
	l, pitch2 := r.length, 2*r.layout.PitchMm
	for a := first; ; a++ {
		mask := uint64(0)
		if a < len(masks) {
			mask = masks[a]
		}
		if depot := a == r.layout.DepotAisle; mask == 0 && !depot {
			// Nothing to fetch here: cross it once, twice or not.
			uu, ee = min(uu, min(ee, e0, oe, e2, none)+l), min(ee, uu+l, min(e0, oe, e2, none)+2*l)
		} else {
			c := r.aisleCosts(mask, depot)
			all := min(c.top, c.bottom, c.gap, 2*l)
			uu, ee, e0, oe, e2 = min(uu+all, min(ee, e0, oe, e2, none)+l),
				min(uu+l, ee+all, min(e0, oe, e2, none)+2*l),
				min(e0, none)+c.top,
				min(oe, none)+c.bottom,
				min(e0+min(c.bottom, c.gap), oe+min(c.top, c.gap), e2+min(c.top, c.bottom, c.gap), none+c.gap)
			none = inf
		}
		if a == last {
			return min(ee, e0, oe)
		}
		e0, oe, e2, ee, uu = min(ee, e0)+pitch2, min(ee, oe)+pitch2, min(e0, oe, e2)+2*pitch2, ee+2*pitch2, uu+pitch2
	}
}
