package gen

import "math/rand/v2"

// dice is the only source of chance. Only the generator's raw output is used,
// which is specified; how math/rand/v2 turns it into ranges and shuffles may
// change with a Go release.
type dice struct{ pcg *rand.PCG }

func newDice(seed uint64) dice { return dice{rand.NewPCG(seed, 0x746f7465)} }

// n is a number from 0 to n-1. The bias of the remainder is below 2⁻⁴⁰ for the
// ranges used here.
func (d dice) n(n int) int { return int(d.pcg.Uint64() % uint64(n)) }

// between is a number from low to high, both included.
func (d dice) between(low, high int) int { return low + d.n(high-low+1) }

// perm is the numbers from 0 to n-1 in random order.
func (d dice) perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		j := d.n(i + 1)
		p[i], p[j] = p[j], i
	}
	return p
}

// weighted is an index, drawn with the given weights.
func (d dice) weighted(weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	at := d.n(sum)
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1 // not reached: at was below the sum
}

// pick is one of the words.
func (d dice) pick(words []string) string { return words[d.n(len(words))] }
