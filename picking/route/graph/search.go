package graph

import "math/rand/v2"

// search finds a short order: the nearest neighbours, repaired, then shaken and
// repaired for a number of rounds. An order that is not longer is kept.
func (p *problem) search(rounds int, seed uint64) []int {
	s := &searcher{p: p, order: p.nearest()}
	s.repair()
	best, length := append([]int(nil), s.order...), p.length(s.order)
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	for range rounds {
		s.shake(rng)
		s.repair()
		if l := p.length(s.order); l <= length {
			length = l
			copy(best, s.order)
		} else {
			copy(s.order, best)
		}
	}
	return best
}

// nearest goes to the nearest stop not yet passed, the lower one of two.
func (p *problem) nearest() []int {
	order, taken := make([]int, 0, p.n), make([]bool, p.n)
	at := p.n
	for range p.n {
		next := -1
		for i := range p.n {
			if !taken[i] && (next < 0 || p.to(at, i) < p.to(at, next)) {
				next = i
			}
		}
		taken[next] = true
		order = append(order, next)
		at = next
	}
	return order
}

// searcher improves one order.
type searcher struct {
	p     *problem
	order []int
	// there[i] is the way along order[0..i], back[i] the way from order[i] to
	// order[0]: one-way aisles make them differ.
	there, back []int64
	spare       []int
}

// stop is the stop at a place of the order; before the first and behind the
// last stand the ends.
func (s *searcher) stop(i int) int {
	if i < 0 || i >= len(s.order) {
		return s.p.n
	}
	return s.order[i]
}

func (s *searcher) sum() {
	n := len(s.order)
	if len(s.there) < n {
		s.there, s.back = make([]int64, n), make([]int64, n)
	}
	for i := 1; i < n; i++ {
		s.there[i] = s.there[i-1] + s.p.to(s.order[i-1], s.order[i])
		s.back[i] = s.back[i-1] + s.p.to(s.order[i], s.order[i-1])
	}
}

// repair makes the order shorter until no move of 2-opt or Or-opt does.
func (s *searcher) repair() {
	s.sum()
	for s.reverseOne() || s.moveOne() {
		s.sum()
	}
}

// reverseOne turns one stretch round if that is shorter.
func (s *searcher) reverseOne() bool {
	n := len(s.order)
	for i := range n - 1 {
		a := s.stop(i - 1)
		for j := i + 1; j < n; j++ {
			b := s.stop(j + 1)
			was := s.p.to(a, s.order[i]) + s.there[j] - s.there[i] + s.p.to(s.order[j], b)
			now := s.p.to(a, s.order[j]) + s.back[j] - s.back[i] + s.p.to(s.order[i], b)
			if now < was {
				turn(s.order[i : j+1])
				return true
			}
		}
	}
	return false
}

// moveOne puts one stretch of up to three stops elsewhere, as it is or turned
// round, if that is shorter.
func (s *searcher) moveOne() bool {
	n := len(s.order)
	for length := 1; length <= 3; length++ {
		for i := 0; i+length <= n; i++ {
			j := i + length - 1
			a, b, first, last := s.stop(i-1), s.stop(j+1), s.order[i], s.order[j]
			gain := s.p.to(a, first) + s.p.to(last, b) - s.p.to(a, b)
			inner := s.there[j] - s.there[i]
			turned := s.back[j] - s.back[i]
			for k := -1; k < n; k++ { // between k and k+1
				if k >= i-1 && k <= j {
					continue
				}
				c, d := s.stop(k), s.stop(k+1)
				gap := s.p.to(c, d)
				asIs := s.p.to(c, first) + s.p.to(last, d) - gap
				round := s.p.to(c, last) + s.p.to(first, d) - gap + turned - inner
				if min(asIs, round) < gain {
					s.move(i, j, k, round < asIs)
					return true
				}
			}
		}
	}
	return false
}

// move takes the stretch i..j out and puts it behind k.
func (s *searcher) move(i, j, k int, turned bool) {
	s.spare = append(s.spare[:0], s.order[i:j+1]...)
	if turned {
		turn(s.spare)
	}
	if k < i {
		copy(s.order[k+1+len(s.spare):j+1], s.order[k+1:i])
		copy(s.order[k+1:], s.spare)
	} else {
		copy(s.order[i:], s.order[j+1:k+1])
		copy(s.order[k+1-len(s.spare):], s.spare)
	}
}

// shake changes places of two neighbouring stretches anywhere: what 2-opt and
// Or-opt do not undo in one move.
func (s *searcher) shake(rng *rand.Rand) {
	n := len(s.order)
	size := min(n/2, 2+rng.IntN(max(n/3, 2)))
	i := rng.IntN(n - 2*size + 1)
	s.spare = append(s.spare[:0], s.order[i:i+size]...)
	copy(s.order[i:], s.order[i+size:i+2*size])
	copy(s.order[i+size:], s.spare)
}

func turn(stops []int) {
	for i, j := 0, len(stops)-1; i < j; i, j = i+1, j-1 {
		stops[i], stops[j] = stops[j], stops[i]
	}
}
