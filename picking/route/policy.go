package route

// Policy is a rule by which people walk. None is shorter than Route; they are
// kept to compare with, and because a new picker understands S-shape at once.
type Policy int

// The policies of the literature (Hall 1993; de Koster, Le-Duc and Roodbergen
// 2007).
const (
	// SShape goes through every aisle that holds a pick, and in and out of
	// the last one when their number is odd.
	SShape Policy = iota
	// Return enters every aisle from the front and goes back there.
	Return
	// Midpoint goes through the first and the last aisle with a pick; the
	// back half of the others is served from the back, then the front half
	// from the front.
	Midpoint
	// LargestGap is Midpoint, but the part of an aisle that is not walked is
	// its largest gap.
	LargestGap
	// Combined goes through or returns in each aisle, whichever is shorter
	// for the whole walk.
	Combined
	policies
)

var policyNames = [policies]string{"s-shape", "return", "midpoint", "largest-gap", "combined"}

func (p Policy) String() string {
	if p < 0 || p >= policies {
		return "unknown"
	}
	return policyNames[p]
}

// Policies lists all of them.
func Policies() []Policy { return []Policy{SShape, Return, Midpoint, LargestGap, Combined} }

// PolicyLength returns how long, in mm, the walk of a policy is. It is never
// shorter than Length. -1 and 0 as in Length.
func (r *Router) PolicyLength(p Policy, masks []uint64) int64 {
	_, last, ok := r.span(masks)
	if !ok {
		return -1
	}
	if last < 0 {
		return 0
	}
	return r.walkPolicy(p, masks).mm
}

// PolicyRoute returns the walk of a policy past picks. ErrOutside when a pick
// is not in the layout.
func (r *Router) PolicyRoute(p Policy, picks []Cell) (Tour, error) {
	masks, err := r.Masks(picks)
	if err != nil {
		return Tour{}, err
	}
	if len(picks) == 0 {
		return Tour{Walk: []Point{{Aisle: r.layout.DepotAisle}}}, nil
	}
	w := r.walkPolicy(p, masks)
	t := Tour{LengthMm: w.mm, Walk: w.points}
	waiting := make(map[Point][]int, len(picks))
	for i, c := range picks {
		at := Point{c.Aisle, r.offset(c.Cell)}
		waiting[at] = append(waiting[at], i)
	}
	for _, at := range t.Walk {
		t.Order = append(t.Order, waiting[at]...)
		delete(waiting, at)
	}
	return t, nil
}
