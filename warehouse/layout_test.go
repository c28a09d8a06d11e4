package warehouse

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is laid out lies inside the box and apart, and what fits a grid of
// equal pieces is found.
func TestLayOut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		side := rapid.Int64Range(1, 40)
		var pieces []sides
		for range rapid.IntRange(1, 12).Draw(rt, "n") {
			pieces = append(pieces, sides{side.Draw(rt, "a"), side.Draw(rt, "b"), side.Draw(rt, "c")})
		}
		box := sides{side.Draw(rt, "x"), side.Draw(rt, "y"), side.Draw(rt, "z")}
		piles := make([]pile, len(pieces))
		var sum int64
		for i, p := range pieces {
			piles[i] = pile{p, 1}
			sum += p.volume()
		}
		if goesIn(box, piles) && sum > box.volume() {
			rt.Fatalf("%v go into %v", pieces, box)
		}
		// Turned boxes and pieces answer alike for one piece.
		one := []pile{{pieces[0], 1}}
		turned := sides{box[2], box[0], box[1]}
		if goesIn(box, one) != goesIn(turned, one) || goesIn(box, one) != fitsAlone(box, pieces[0]) {
			rt.Fatalf("%v in %v", pieces[0], box)
		}
		nx, ny, nz := rapid.Int64Range(1, 3).Draw(rt, "nx"), rapid.Int64Range(1, 3).Draw(rt, "ny"), rapid.Int64Range(1, 3).Draw(rt, "nz")
		p := pieces[0]
		grid := sides{nx * p[0], ny * p[1], nz * p[2]}
		if p[0] == p[1] && p[1] == p[2] && !goesIn(grid, []pile{{p, nx * ny * nz}}) {
			rt.Fatalf("%d cubes of %v do not go into %v", nx*ny*nz, p, grid)
		}
	})
}

// No two pieces ever share room.
func TestLayOutKeepsApart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		side := rapid.Int64Range(1, 9)
		box := sides{12, 10, 11}
		corners, in := []sides{{}}, []placed(nil)
		for range rapid.IntRange(1, 10).Draw(rt, "n") {
			x, ok := place(box, in, corners, sides{side.Draw(rt, "a"), side.Draw(rt, "b"), side.Draw(rt, "c")})
			if !ok {
				continue
			}
			if !x.inside(box) || slices.ContainsFunc(in, x.overlaps) {
				rt.Fatalf("%+v in %+v", x, in)
			}
			in = append(in, x)
			for d := range 3 {
				next := x.at
				next[d] += x.size[d]
				corners = append(corners, next)
			}
		}
	})
}

// The worst a station can ask for stays a matter of milliseconds.
func BenchmarkLayOut(b *testing.B) {
	var piles []pile
	for i := range int64(maxPieces) {
		piles = append(piles, pile{sides{90 + i, 61 + 2*i, 47 + i}, 1})
	}
	for b.Loop() {
		for i := range int64(maxCartons) {
			goesIn(sides{400 + i, 390, 380}, piles)
		}
	}
}
