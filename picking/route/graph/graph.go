package graph

import (
	"container/heap"
	"errors"
	"fmt"
)

// The faults of this package.
var (
	ErrGraph       = errors.New("graph: the layout is out of range")
	ErrNode        = errors.New("graph: there is no such node")
	ErrUnreachable = errors.New("graph: a stop cannot be reached")
	ErrTrap        = errors.New("graph: a stop can be reached but not be left again")
	ErrTooMany     = errors.New("graph: too many stops")
)

const (
	maxNodes = 1_000_000
	maxMm    = 1_000_000_000
	// MaxStops bounds one walk: its distances are a table of stops × stops, and
	// each stop is a search through the layout.
	MaxStops = 500
)

// far is more than the shortest way between any two nodes, and small enough to
// be added up over all stops without overflow.
const far = int64(1) << 52

// Edge leads from one node to another, and back unless it is one-way.
type Edge struct {
	From, To int
	Mm       int64 // 0..1e9; what a lift takes is written as a length
	OneWay   bool
}

// Graph is a layout. Any goroutine may ask it.
type Graph struct {
	first []int32 // by node: its first arc; one more at the end
	arcs  []arc
}

type arc struct {
	to   int32
	edge int32 // index of the edge it was made of
	mm   int64
}

// New checks edges between nodes 0..nodes-1. ErrGraph names the edge that is
// wrong.
func New(nodes int, edges []Edge) (*Graph, error) {
	if nodes < 1 || nodes > maxNodes || len(edges) > 4*maxNodes {
		return nil, fmt.Errorf("%w: %d nodes, %d edges", ErrGraph, nodes, len(edges))
	}
	degree := make([]int32, nodes+1)
	for i, e := range edges {
		if e.From < 0 || e.From >= nodes || e.To < 0 || e.To >= nodes {
			return nil, fmt.Errorf("%w: edge %d leads from %d to %d of %d nodes", ErrGraph, i, e.From, e.To, nodes)
		}
		if e.Mm < 0 || e.Mm > maxMm {
			return nil, fmt.Errorf("%w: edge %d is %d mm long, not 0..%d", ErrGraph, i, e.Mm, maxMm)
		}
		degree[e.From+1]++
		if !e.OneWay {
			degree[e.To+1]++
		}
	}
	for i := range nodes {
		degree[i+1] += degree[i]
	}
	g := &Graph{first: degree, arcs: make([]arc, degree[nodes])}
	next := append([]int32(nil), degree...)
	put := func(from, to, edge int, mm int64) {
		g.arcs[next[from]] = arc{int32(to), int32(edge), mm}
		next[from]++
	}
	for i, e := range edges {
		put(e.From, e.To, i, e.Mm)
		if !e.OneWay {
			put(e.To, e.From, i, e.Mm)
		}
	}
	return g, nil
}

func (g *Graph) nodes() int { return len(g.first) - 1 }

// tree is the shortest ways from one node.
type tree struct {
	mm   []int64
	back []int32 // node before, -1 = none
}

// from finds the shortest ways from a node that avoid the blocked edges
// (Dijkstra). Of equal ways the one by the lower node stays.
func (g *Graph) from(start int, blocked map[int]bool) tree {
	t := tree{make([]int64, g.nodes()), make([]int32, g.nodes())}
	for i := range t.mm {
		t.mm[i], t.back[i] = far, -1
	}
	t.mm[start] = 0
	q := &queue{{0, int32(start)}}
	for q.Len() > 0 {
		at := heap.Pop(q).(reach)
		if at.mm > t.mm[at.node] {
			continue
		}
		for _, a := range g.arcs[g.first[at.node]:g.first[at.node+1]] {
			if mm := at.mm + a.mm; mm < t.mm[a.to] && !blocked[int(a.edge)] {
				t.mm[a.to], t.back[a.to] = mm, at.node
				heap.Push(q, reach{mm, a.to})
			}
		}
	}
	return t
}

// path is the nodes after start on the way to a node.
func (t tree) path(to int, walk []int) []int {
	begin := len(walk)
	for n := int32(to); t.back[n] >= 0; n = t.back[n] {
		walk = append(walk, int(n))
	}
	for i, j := begin, len(walk)-1; i < j; i, j = i+1, j-1 {
		walk[i], walk[j] = walk[j], walk[i]
	}
	return walk
}

type reach struct {
	mm   int64
	node int32
}

// queue is a heap of nodes, the nearest first.
type queue []reach

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].mm < q[j].mm || q[i].mm == q[j].mm && q[i].node < q[j].node
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(reach)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
