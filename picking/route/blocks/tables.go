package blocks

import "sync"

// frontier is what matters of a partial tour for the columns to come. Equal
// frontiers can go on in the same ways.
type frontier struct {
	piece [MaxBlocks + 1]uint8 // by cross aisle: which connected piece touches it, 0 = none; numbered from the front
	odd   [MaxBlocks + 1]bool  // the number of edges there so far
	done  bool                 // the tour is closed: nothing may follow
}

// The ways to serve the aisle of one block. A way that leads through, or to one
// end only, touches the cross aisles there.
const (
	wayNone  = iota // not entered
	wayOnce         // through
	wayBack         // from the back, in and out
	wayFront        // from the front, in and out
	wayGap          // both, all but the largest gap
	wayTwice        // through and back
	// Where the walk begins inside: towards the front, before that what lies
	// behind; then the same towards the back.
	wayOutFront      // the rest from where he stands
	wayOutFrontGap   // the rest from both sides
	wayOutFrontTwice // the rest through and back
	wayOutBack
	wayOutBackGap
	wayOutBackTwice
	ways
	closedWays = wayOutFront
)

// effect is what a way does to the two cross aisles of its block.
type effect struct{ front, back, join, oddFront, oddBack bool }

var effects = [ways]effect{
	wayNone:          {},
	wayOnce:          {front: true, back: true, join: true, oddFront: true, oddBack: true},
	wayBack:          {back: true},
	wayFront:         {front: true},
	wayGap:           {front: true, back: true},
	wayTwice:         {front: true, back: true, join: true},
	wayOutFront:      {front: true, oddFront: true},
	wayOutFrontGap:   {front: true, back: true, oddFront: true},
	wayOutFrontTwice: {front: true, back: true, join: true, oddFront: true},
	wayOutBack:       {back: true, oddBack: true},
	wayOutBackGap:    {front: true, back: true, oddBack: true},
	wayOutBackTwice:  {front: true, back: true, join: true, oddBack: true},
}

// touch lets a piece begin at a cross aisle that has none.
func (f *frontier) touch(row int) {
	if f.piece[row] == 0 {
		f.piece[row] = MaxBlocks + 2 // a new one; order numbers it
		f.order()
	}
}

// join makes two pieces one.
func (f *frontier) join(a, b int) {
	from, to := f.piece[b], f.piece[a]
	for i, p := range f.piece {
		if p == from {
			f.piece[i] = to
		}
	}
}

// order numbers the pieces by their first cross aisle, so that there is one
// frontier for each meaning.
func (f *frontier) order() {
	var name [MaxBlocks + 3]uint8
	n := uint8(0)
	for i, p := range f.piece {
		if p == 0 {
			continue
		}
		if name[p] == 0 {
			n++
			name[p] = n
		}
		f.piece[i] = name[p]
	}
}

// pieces counts the connected pieces.
func (f *frontier) pieces() (n uint8) {
	for _, p := range f.piece {
		n = max(n, p)
	}
	return n
}

// complete tells whether the tour may end here.
func (f *frontier) complete() bool {
	for _, odd := range f.odd {
		if odd {
			return false
		}
	}
	return f.done || f.pieces() == 1
}

// serve is the frontier after a way through the aisle of a block.
func (f frontier) serve(block, way int) (frontier, bool) {
	e := effects[way]
	if way == wayNone {
		return f, true
	}
	if f.done {
		return f, false
	}
	if e.front {
		f.touch(block)
	}
	if e.back {
		f.touch(block + 1)
	}
	if e.join {
		f.join(block, block+1)
		f.order()
	}
	f.odd[block] = f.odd[block] != e.oddFront
	f.odd[block+1] = f.odd[block+1] != e.oddBack
	return f, true
}

// visit is the frontier after an end of the walk was put at a cross aisle; tip
// when the walk only begins or only ends there.
func (f frontier) visit(row int, tip bool) (frontier, bool) {
	if f.done {
		return f, false
	}
	f.touch(row)
	f.odd[row] = f.odd[row] != tip
	return f, true
}

// cross is the frontier at the next aisle with so many edges along each cross
// aisle.
func (f frontier) cross(edges [MaxBlocks + 1]uint8) (frontier, bool) {
	if f.done || f.pieces() == 0 {
		return f, true
	}
	next, kept := frontier{}, uint8(0)
	var seen [MaxBlocks + 2]bool
	for i, n := range edges {
		if n == 0 {
			continue
		}
		next.piece[i], next.odd[i] = f.piece[i], f.odd[i]
		if !seen[f.piece[i]] {
			seen[f.piece[i]] = true
			kept++
		}
	}
	switch {
	case kept == f.pieces():
		next.order()
		return next, true
	case kept == 0 && f.pieces() == 1: // all even: an odd one must go on
		return frontier{done: true}, true
	}
	return f, false
}

// hop is one way to go on to the next aisle.
type hop struct {
	to    int32
	edges int32  // altogether
	code  uint16 // two bits a cross aisle: its edges
}

// table holds the transitions of a number of cross aisles. They do not depend
// on lengths, so they are made once.
type table struct {
	rows    int
	serve   []int32 // [(state*blocks+block)*ways+way], -1 = not possible
	visit   []int32 // [(state*rows+row)*2+tip]
	hops    [][]hop
	mayEnd  []bool
	started int32 // the state of a walk not begun
}

// tables are made when they are first needed; open ones serve walks whose ends
// differ.
var tables [MaxBlocks + 2][2]struct {
	once sync.Once
	t    *table
}

func tableOf(rows int, open bool) *table {
	slot := &tables[rows][0]
	if open {
		slot = &tables[rows][1]
	}
	slot.once.Do(func() { slot.t = newTable(rows, open) })
	return slot.t
}

// newTable finds all frontiers that can be reached.
func newTable(rows int, open bool) *table {
	t := &table{rows: rows}
	ids := map[frontier]int32{{}: 0}
	all := []frontier{{}}
	id := func(f frontier, ok bool) int32 {
		if !ok {
			return -1
		}
		i, known := ids[f]
		if !known {
			i = int32(len(all))
			ids[f] = i
			all = append(all, f)
		}
		return i
	}
	for s := 0; s < len(all); s++ {
		f := all[s]
		t.mayEnd = append(t.mayEnd, f.complete())
		for block := range rows - 1 {
			for way := range ways {
				to := int32(-1)
				if open || way < closedWays {
					to = id(f.serve(block, way))
				}
				t.serve = append(t.serve, to)
			}
		}
		for row := range rows {
			for _, tip := range []bool{false, true} {
				to := int32(-1)
				if open || !tip {
					to = id(f.visit(row, tip))
				}
				t.visit = append(t.visit, to)
			}
		}
		var hops []hop
		f.eachCross(rows, func(edges [MaxBlocks + 1]uint8) {
			h := hop{to: id(f.cross(edges))}
			for i, n := range edges {
				h.edges += int32(n)
				h.code |= uint16(n) << (2 * i)
			}
			if h.to >= 0 {
				hops = append(hops, h)
			}
		})
		t.hops = append(t.hops, hops)
	}
	return t
}

// eachCross calls fn with every choice of edges to the next aisle: none where
// nothing is, one where the count is odd, none or two where it is even.
func (f frontier) eachCross(rows int, fn func([MaxBlocks + 1]uint8)) {
	var edges [MaxBlocks + 1]uint8
	var choose func(row int)
	choose = func(row int) {
		switch {
		case row == rows:
			fn(edges)
			return
		case f.piece[row] == 0:
			edges[row] = 0
		case f.odd[row]:
			edges[row] = 1
		default:
			edges[row] = 2
			choose(row + 1)
			edges[row] = 0
		}
		choose(row + 1)
	}
	choose(0)
}
