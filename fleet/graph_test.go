package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tote/fleet/vda5050"
)

// lane is A - B - C - D with the park nodes P1 in the middle of a detour.
func lane() Map {
	return Map{
		ID: "floor", Nodes: []Node{{"A", 0, 0}, {"B", 1000, 0}, {"C", 2000, 0}, {"D", 3000, 0}, {"P1", 1000, 1000}, {"P2", 3000, 1000}},
		Edges: []Edge{{From: "A", To: "B"}, {From: "B", To: "C", Length: 9000}, {From: "C", To: "D"}, {From: "A", To: "P1"}, {From: "P1", To: "C"}, {From: "P2", To: "D"}},
	}
}

func two() []RobotConfig {
	return []RobotConfig{
		RobotConfig{ID: "R1", Manufacturer: "KIT", Serial: "S1", Park: "P1"}.withDefaults(),
		RobotConfig{ID: "R2", Manufacturer: "KIT", Serial: "S2", Park: "P2"}.withDefaults(),
	}
}

func TestRoute(t *testing.T) {
	g, err := newGraph(lane(), two())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		robot, from, to, without, want string
	}{
		{"R1", "A", "C", "", "A P1 C"}, // over its own park node: shorter
		{"R2", "A", "C", "", "A B C"},  // never over another's
		{"R2", "A", "A", "", "A"},
		{"R2", "P2", "A", "", "P2 D C B A"},
		{"R2", "A", "C", "B", ""},
		{"R2", "A", "C", "A", "A B C"}, // where it stands is always allowed
		{"R1", "A", "P2", "", ""},
		{"R1", "A", "nowhere", "", ""},
		{"R1", "nowhere", "A", "", ""},
	} {
		allowed := func(n string) bool { return !strings.Contains(tc.without, n) }
		if got := strings.Join(g.route(tc.robot, tc.from, tc.to, allowed), " "); got != tc.want {
			t.Errorf("%s from %s to %s without %q: %q, want %q", tc.robot, tc.from, tc.to, tc.without, got, tc.want)
		}
	}
	if n := g.near(1100, 900, 250); n != "P1" {
		t.Errorf("near P1: %q", n)
	}
	if n := g.near(1500, 500, 250); n != "" {
		t.Errorf("near nothing: %q", n)
	}
	if g.outside(-4000, 0) || !g.outside(-6000, 0) || !g.outside(0, 1<<40) {
		t.Error("outside")
	}
}

// Every way is as short as the one found by trying all of them.
func TestRouteIsShortest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		n := 3 + rng.IntN(5)
		m := Map{ID: "floor"}
		for i := range n {
			m.Nodes = append(m.Nodes, Node{fmt.Sprint("N", i), rng.Int64N(9000), rng.Int64N(9000)})
		}
		length := map[[2]int]int64{}
		for range n * 2 {
			a, b := rng.IntN(n), rng.IntN(n)
			if a == b {
				continue
			}
			l := 1 + rng.Int64N(9000)
			one := rng.IntN(2) == 0
			m.Edges = append(m.Edges, Edge{m.Nodes[a].ID, m.Nodes[b].ID, one, l})
			for _, k := range [][2]int{{a, b}, {b, a}} {
				if k[0] == a || !one {
					if was, ok := length[k]; !ok || l < was {
						length[k] = l
					}
				}
			}
		}
		g, err := newGraph(m, nil)
		if err != nil {
			t.Fatal(err)
		}
		var best func(at, to int, seen uint) int64
		best = func(at, to int, seen uint) int64 {
			if at == to {
				return 0
			}
			short := int64(-1)
			for next := range n {
				if l, ok := length[[2]int{at, next}]; ok && seen>>next&1 == 0 {
					if rest := best(next, to, seen|1<<next); rest >= 0 && (short < 0 || l+rest < short) {
						short = l + rest
					}
				}
			}
			return short
		}
		for a := range n {
			for b := range n {
				path := g.route("R", fmt.Sprint("N", a), fmt.Sprint("N", b), nil)
				got := int64(-1)
				if path != nil {
					got = 0
					for i := range path[1:] {
						var x, y int
						_, _ = fmt.Sscanf(path[i]+" "+path[i+1], "N%d N%d", &x, &y)
						got += length[[2]int{x, y}]
					}
				}
				if want := best(a, b, 1<<a); got != want {
					t.Fatalf("%d to %d: %v = %d, want %d in %+v", a, b, path, got, want, m)
				}
			}
		}
	}
}

func TestCheckMap(t *testing.T) {
	for name, change := range map[string]func(m *Map, r []RobotConfig){
		"no id":          func(m *Map, _ []RobotConfig) { m.ID = "" },
		"no nodes":       func(m *Map, _ []RobotConfig) { m.Nodes = nil },
		"node twice":     func(m *Map, _ []RobotConfig) { m.Nodes = append(m.Nodes, m.Nodes[0]) },
		"node name":      func(m *Map, _ []RobotConfig) { m.Nodes[0].ID = "a/b" },
		"node on Mars":   func(m *Map, _ []RobotConfig) { m.Nodes[0].X = 1e12 },
		"edge to where":  func(m *Map, _ []RobotConfig) { m.Edges[0].To = "X" },
		"edge to itself": func(m *Map, _ []RobotConfig) { m.Edges[0].To = "A" },
		"backwards":      func(m *Map, _ []RobotConfig) { m.Edges[0].Length = -1 },
		"no way there":   func(m *Map, _ []RobotConfig) { m.Edges = m.Edges[3:] },
		"no way back":    func(m *Map, _ []RobotConfig) { m.Edges[5].OneWay = true },
		"only over another's park node": func(m *Map, _ []RobotConfig) {
			m.Edges = append(m.Edges[:1:1], m.Edges[2:]...)
		},
		"one park node":   func(_ *Map, r []RobotConfig) { r[1].Park = "P1" },
		"no park node":    func(_ *Map, r []RobotConfig) { r[1].Park = "" },
		"one id":          func(_ *Map, r []RobotConfig) { r[1].ID = "R1" },
		"one serial":      func(_ *Map, r []RobotConfig) { r[1].Serial = "S1" },
		"a topic's slash": func(_ *Map, r []RobotConfig) { r[1].Serial = "S/1" },
		"no name":         func(_ *Map, r []RobotConfig) { r[1].ID = "" },
		"speed":           func(_ *Map, r []RobotConfig) { r[1].Speed = -1 },
	} {
		m, r := lane(), two()
		if err := CheckMap(m, r); err != nil {
			t.Fatal(err)
		}
		change(&m, r)
		if err := CheckMap(m, r); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.cfg.Clients = []Client{&wire{w: w}}
	w.cfg.Propose, w.cfg.Leading = w.store.propose, func() bool { return true }
	if _, err := New(w.cfg); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *Config){
		"Log": func(c *Config) { c.Log = nil }, "Clients": func(c *Config) { c.Clients = nil }, "View": func(c *Config) { c.View = nil },
		"Propose": func(c *Config) { c.Propose = nil }, "Leading": func(c *Config) { c.Leading = nil }, "Jobs": func(c *Config) { c.Jobs = nil },
		"NewID": func(c *Config) { c.NewID = nil }, "map": func(c *Config) { c.Map = Map{} },
	} {
		cfg := w.cfg
		change(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who came first goes first, where the ways touch; one that waits for a robot
// that will not move holds up nobody.
func TestQueue(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	q := traffic{waits: map[string]wait{}}
	q.waiting("R1", at.Add(time.Second), []string{"A", "B"}, false)
	q.waiting("R2", at, []string{"B", "C"}, false)
	q.waiting("R2", at.Add(time.Hour), []string{"B", "C"}, false) // keeps its place
	for _, tc := range []struct {
		robot string
		since time.Duration
		nodes []string
		want  string
	}{
		{"R1", time.Second, []string{"A", "B"}, "R2"},
		{"R2", 0, []string{"B", "C"}, ""},
		{"R3", time.Minute, []string{"A", "C"}, "R2"},
		{"R3", time.Minute, []string{"A"}, "R1"},
		{"R3", time.Minute, []string{"D"}, ""},
		{"R3", -time.Minute, []string{"A", "B"}, ""},
		{"R0", time.Second, []string{"A"}, ""}, // at the same time: the order of ids
	} {
		if got := q.ahead(tc.robot, at.Add(tc.since), tc.nodes); got != tc.want {
			t.Errorf("%s wants %v: behind %q, want %q", tc.robot, tc.nodes, got, tc.want)
		}
	}
	if !q.wanted("R1", []string{"C"}) || q.wanted("R2", []string{"C"}) {
		t.Error("wanted")
	}
	q.waiting("R2", at, []string{"B", "C"}, true)
	if got := q.ahead("R1", at.Add(time.Second), []string{"A", "B"}); got != "" {
		t.Errorf("behind %s, which is stuck", got)
	}
	q.leave("R1")
	if got := q.ahead("R3", at.Add(time.Minute), []string{"A"}); got != "" {
		t.Errorf("behind %s, which has left", got)
	}
}

func TestTwinsAndRepeats(t *testing.T) {
	type msg struct {
		id uint32
		at int // seconds of the robot's clock
	}
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		msgs []msg
		news string // y or n for each
		two  bool
		step time.Duration // between two messages, our clock; 0 = 1 s
	}{
		"counts up":             {[]msg{{0, 0}, {1, 1}, {2, 2}}, "yyy", false, 0},
		"some lost":             {[]msg{{0, 0}, {9, 1}, {50, 2}}, "yyy", false, 0},
		"repeated":              {[]msg{{4, 0}, {4, 0}, {5, 1}}, "yny", false, 0},
		"overtaken":             {[]msg{{4, 0}, {6, 2}, {5, 1}, {7, 3}}, "yyny", false, 0},
		"restarts":              {[]msg{{400, 0}, {0, 60}, {1, 61}}, "yyy", false, 0},
		"restarts with no time": {[]msg{{400, 90}, {0, 0}, {1, 1}}, "yyy", false, 5 * time.Second},
		"held up for a minute":  {[]msg{{400, 60}, {401, 61}, {100, 0}, {101, 1}, {402, 62}, {102, 2}, {403, 63}}, "yynnyny", false, 0},
		"clock jumps":           {[]msg{{4, 90}, {5, 0}, {6, 1}}, "yyy", false, 0},
		"end of uint32":         {[]msg{{1<<32 - 1, 0}, {0, 1}, {1, 2}}, "yyy", false, 0},
		"restarts twice":        {[]msg{{400, 0}, {0, 10}, {300, 20}}, "yyy", false, 0},
		"two devices":           {[]msg{{400, 0}, {9000, 0}, {401, 1}, {9001, 1}, {402, 2}}, "yyyyy", true, 0},
		"two of the same age":   {[]msg{{5, 0}, {5, 1}, {6, 2}, {6, 3}, {7, 4}, {7, 5}, {8, 6}}, "yyyyyyy", true, 0},
	} {
		var tw twins
		got := ""
		for i, m := range tc.msgs {
			h := vda5050.Header{HeaderID: m.id, Timestamp: vda5050.FormatTime(at.Add(time.Duration(m.at) * time.Second))}
			if tw.news(h, at.Add(time.Duration(i)*cmp.Or(tc.step, time.Second))) {
				got += "y"
			} else {
				got += "n"
			}
		}
		if two := tw.two(at.Add(10 * time.Second)); got != tc.news || two != tc.two {
			t.Errorf("%s: news %s, want %s; two %v, want %v", name, got, tc.news, two, tc.two)
		}
		if tw.two(at.Add(2 * time.Minute)) {
			t.Errorf("%s: never forgotten", name)
		}
	}
}
