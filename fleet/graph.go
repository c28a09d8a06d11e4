package fleet

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"tote/fleet/vda5050"
)

// Map is where robots drive: points and the lines between them, in one plane.
type Map struct {
	ID    string
	Nodes []Node
	Edges []Edge
}

// Node is a point a robot can stand on. Two robots on different nodes must not
// touch: the nodes are at least a robot's length apart.
type Node struct {
	ID   string
	X, Y int64 // mm
}

// Edge joins two nodes.
type Edge struct {
	From, To string
	OneWay   bool
	Length   int64 // mm; 0 = the straight line
}

// margin is how far outside the map's outline a pose may lie, in mm.
const margin = 5_000

// CheckMap tells what is wrong with a map and the robots on it: every robot
// needs a park node of its own from which all other nodes can be reached and
// left again without driving over the park node of another robot.
func CheckMap(m Map, robots []RobotConfig) error {
	_, err := newGraph(m, robots)
	return err
}

// graph is the map prepared for searching. It never changes.
type graph struct {
	id         string
	nodes      []Node // by id
	index      map[string]int
	out        [][]arc // by node, by target
	park       map[int]string
	minX, maxX int64
	minY, maxY int64
}

type arc struct {
	to     int
	length int64
}

func newGraph(m Map, robots []RobotConfig) (*graph, error) {
	bad := func(format string, args ...any) (*graph, error) {
		return nil, fmt.Errorf("%w: map: %s", ErrConfig, fmt.Sprintf(format, args...))
	}
	if m.ID == "" || len(m.Nodes) == 0 {
		return bad("no id or no nodes")
	}
	g := &graph{
		id: m.ID, nodes: slices.Clone(m.Nodes), index: map[string]int{}, park: map[int]string{},
		minX: math.MaxInt64, minY: math.MaxInt64, maxX: math.MinInt64, maxY: math.MinInt64,
	}
	slices.SortFunc(g.nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	g.out = make([][]arc, len(g.nodes))
	for i, n := range g.nodes {
		if !vda5050.ValidLevel(n.ID) {
			return bad("node %.80q: want 1 to 64 of A-Z a-z 0-9 _ . : -", n.ID)
		}
		if _, twice := g.index[n.ID]; twice {
			return bad("node %s stands twice", n.ID)
		}
		if n.X < -1e9 || n.X > 1e9 || n.Y < -1e9 || n.Y > 1e9 {
			return bad("node %s lies at %d, %d mm", n.ID, n.X, n.Y)
		}
		g.index[n.ID] = i
		g.minX, g.maxX = min(g.minX, n.X), max(g.maxX, n.X)
		g.minY, g.maxY = min(g.minY, n.Y), max(g.maxY, n.Y)
	}
	for _, e := range m.Edges {
		a, okA := g.index[e.From]
		b, okB := g.index[e.To]
		if !okA || !okB || a == b || e.Length < 0 {
			return bad("edge %s - %s", e.From, e.To)
		}
		length := e.Length
		if length == 0 {
			length = max(1, g.distance(a, b))
		}
		g.out[a] = append(g.out[a], arc{b, length})
		if !e.OneWay {
			g.out[b] = append(g.out[b], arc{a, length})
		}
	}
	for i := range g.out {
		slices.SortFunc(g.out[i], func(a, b arc) int { return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.length, b.length)) })
	}
	return g, g.placeRobots(robots)
}

// Knows tells whether the map has a node of that name.
func (m *Master) Knows(node string) bool {
	_, ok := m.graph.index[node]
	return ok
}

// placeRobots checks the robots and their park nodes.
func (g *graph) placeRobots(robots []RobotConfig) error {
	ids, serials := map[string]bool{}, map[string]bool{}
	for _, r := range robots {
		if err := r.check(); err != nil {
			return err
		}
		serial := r.topic("")
		if ids[r.ID] || serials[serial] {
			return fmt.Errorf("%w: robot %s: its id or its topics stand twice", ErrConfig, r.ID)
		}
		ids[r.ID], serials[serial] = true, true
		i, ok := g.index[r.Park]
		if !ok {
			return fmt.Errorf("%w: robot %s: no park node %q", ErrConfig, r.ID, r.Park)
		}
		if other := g.park[i]; other != "" {
			return fmt.Errorf("%w: robots %s and %s park on the same node %s", ErrConfig, other, r.ID, r.Park)
		}
		g.park[i] = r.ID
	}
	back := make([][]arc, len(g.nodes))
	for i, arcs := range g.out {
		for _, a := range arcs {
			back[a.to] = append(back[a.to], arc{to: i})
		}
	}
	for _, r := range robots {
		from, to := g.reach(r, g.out), g.reach(r, back)
		for i, n := range g.nodes {
			if g.park[i] == "" && !(from[i] && to[i]) {
				return fmt.Errorf("%w: robot %s cannot get from its park node %s to node %s and back", ErrConfig, r.ID, r.Park, n.ID)
			}
		}
	}
	return nil
}

// reach marks what a robot can get to from its park node over the given arcs.
func (g *graph) reach(r RobotConfig, arcs [][]arc) []bool {
	seen := make([]bool, len(g.nodes))
	todo := []int{g.index[r.Park]}
	seen[todo[0]] = true
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		for _, a := range arcs[at] {
			if by := g.park[a.to]; !seen[a.to] && (by == "" || by == r.ID) {
				seen[a.to] = true
				todo = append(todo, a.to)
			}
		}
	}
	return seen
}

func (g *graph) distance(a, b int) int64 {
	p, q := g.nodes[a], g.nodes[b]
	return int64(math.Round(math.Hypot(float64(p.X-q.X), float64(p.Y-q.Y))))
}

func (g *graph) has(id string) bool { _, ok := g.index[id]; return ok }

func (g *graph) node(id string) Node { return g.nodes[g.index[id]] }

// near is the node at a place, within reach mm; "" when there is none.
func (g *graph) near(x, y, reach int64) string {
	best, id := math.Inf(1), ""
	for _, n := range g.nodes {
		if d := math.Hypot(float64(n.X-x), float64(n.Y-y)); d <= float64(reach) && d < best {
			best, id = d, n.ID
		}
	}
	return id
}

// outside: the place is not in the warehouse.
func (g *graph) outside(x, y int64) bool {
	return x < g.minX-margin || x > g.maxX+margin || y < g.minY-margin || y > g.maxY+margin
}

// route is the shortest way of a robot, both ends included; nil when there is
// none. It never leads over the park node of another robot, nor over nodes that
// allowed (when not nil) forbids; the start is always allowed. The same question
// always has the same answer.
func (g *graph) route(robot, from, to string, allowed func(node string) bool) []string {
	start, okA := g.index[from]
	goal, okB := g.index[to]
	if !okA || !okB {
		return nil
	}
	dist := make([]int64, len(g.nodes))
	prev := make([]int, len(g.nodes))
	done := make([]bool, len(g.nodes))
	for i := range dist {
		dist[i], prev[i] = math.MaxInt64, -1
	}
	dist[start] = 0
	for {
		// A warehouse has some hundred nodes: scanning them is as fast as
		// a heap, and the lowest index wins a tie.
		at := -1
		for i := range dist {
			if !done[i] && dist[i] < math.MaxInt64 && (at < 0 || dist[i] < dist[at]) {
				at = i
			}
		}
		if at < 0 || at == goal {
			break
		}
		done[at] = true
		for _, a := range g.out[at] {
			if by := g.park[a.to]; by != "" && by != robot {
				continue
			}
			if allowed != nil && !allowed(g.nodes[a.to].ID) {
				continue
			}
			if d := dist[at] + a.length; d < dist[a.to] {
				dist[a.to], prev[a.to] = d, at
			}
		}
	}
	if dist[goal] == math.MaxInt64 {
		return nil
	}
	var path []string
	for i := goal; i >= 0; i = prev[i] {
		path = append(path, g.nodes[i].ID)
	}
	slices.Reverse(path)
	return path
}
