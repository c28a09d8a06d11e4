package presence

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"tote/drivers/rfid"
)

// Shelves: six places in a row, six metres apart but the last two, which are 2.5 m
// apart, each with one antenna that looks across at what stands there. Tags stand, are carried to the next place, or pass by
// behind.

func shelfAntennas() []antenna {
	var out []antenna
	for i := range 6 {
		out = append(out, antenna{source: i%3 + 1, reader: fmt.Sprint("r", i/3), x: shelfX(i), z: 1.5})
	}
	return out
}

func shelfX(i int) float64 {
	if i == 5 {
		return 26.5
	}
	return 6 * float64(i)
}

// shelfOf is the place of an antenna.
func shelfOf(a antenna) string {
	return shelfName(slices.IndexFunc(shelfAntennas(), func(b antenna) bool { return a.x == b.x }))
}

func shelfName(i int) string { return fmt.Sprint("shelf", i) }

func shelfEngine(t *testing.T, cfg EngineConfig) *Engine {
	t.Helper()
	for i, a := range shelfAntennas() {
		cfg.Locations = append(cfg.Locations, Location{shelfName(i), []Source{{a.reader, a.source}}})
	}
	e, err := NewEngine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// stay is where a body is, place by place; a stray is nowhere.
type stay struct {
	body
	places []int
}

func stands2(place, tags int, dx float64) stay {
	return stay{body{tags: tags, where: rests(shelfX(place)+dx, 1.6)}, []int{place}}
}

// carried stands at one place until moment t, and is then carried to the next.
func carried(from, to, tags int, t float64) stay {
	a, b := shelfX(from), shelfX(to)
	return stay{body{tags: tags, where: func(now float64) (float64, float64, bool) {
		f := math.Max(0, math.Min(1, (now-t)/(math.Abs(b-a)/1.2)))
		return a + f*(b-a), 1.6, true
	}}, []int{from, to}}
}

// shaded stands at a place whose antenna a forklift covers again and again for six
// seconds.
func shaded(place, tags int, dx float64) stay {
	s := stands2(place, tags, dx)
	s.shade = func(a antenna, t float64) bool { return a.x == shelfX(place) && math.Mod(t, 15) > 9 }
	return s
}

// drives passes behind the shelves, heard now and then.
func drives(tags int, t float64) stay {
	return stay{body{tags: tags, loss: 3, where: path(at3{t, -10, 4.5}, at3{t + 10, 46, 4.5})}, nil}
}

// shelfResult counts what was told of all tags: arrivals at a place where a tag
// never was, moves of what did not move, moves and arrivals that were not told, and
// tags that are at the wrong place in the end.
type shelfResult struct{ tags, ghosts, stale, missed, lost int }

func judge(stays []stay, events []Fact) (r shelfResult) {
	var bodies []body
	for _, s := range stays {
		bodies = append(bodies, s.body)
	}
	for i, s := range stays {
		for _, tag := range tagsOf(bodies, i) {
			r.tags++
			var been []string
			for _, e := range events {
				if e.Key == tag && e.What != Departed {
					been = append(been, e.To)
				}
			}
			want := s.places
			for _, b := range been {
				switch {
				case len(want) > 0 && b == shelfName(want[0]):
					want = want[1:]
				case len(s.places) == 0:
					r.ghosts++
				default:
					r.stale++
				}
			}
			r.missed += len(want)
			if n := len(s.places); n > 0 && (len(been) == 0 || been[len(been)-1] != shelfName(s.places[n-1])) {
				r.lost++
			}
		}
	}
	return r
}

var shelves = []struct {
	name  string
	air   air
	cfg   EngineConfig
	stays []stay
	exact bool
}{
	{"clean air", clean, EngineConfig{}, []stay{stands2(0, 20, 0.5), stands2(2, 20, -1), carried(1, 2, 10, 20), carried(5, 4, 10, 40)}, true},
	{"noisy air", noisy, EngineConfig{}, []stay{stands2(0, 20, 0.5), stands2(2, 20, -1), carried(1, 2, 10, 20), carried(5, 4, 10, 40)}, false},
	{"between two places", noisy, EngineConfig{}, []stay{stands2(0, 20, 1.1), stands2(3, 20, -1.1)}, false},
	{"a crowd, each tag read every few seconds", air{noise: 3, missed: 0.6, twoRay: true, answers: 400}, EngineConfig{Window: 30 * time.Second, Hold: time.Minute, Gone: 5 * time.Minute}, []stay{stands2(0, 120, 0.7), stands2(1, 120, -0.7), carried(3, 4, 10, 40)}, false},
	{"close places, a forklift before the antenna", noisy, EngineConfig{}, []stay{shaded(4, 20, 0.2), stands2(5, 20, 0)}, false},
	{"trucks drive by behind", noisy, EngineConfig{}, []stay{stands2(0, 10, 0.5), drives(30, 10), drives(30, 50), drives(30, 80)}, false},
}

// shelfTable does the same for places: no ghosts, and few stale moves.
func shelfTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| shelves | tags | ghost arrivals | stale moves | not told | wrong place at the end | EdgeX: ghost arrivals | stale moves | not told | wrong place at the end |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, tc := range shelves {
		var us, them shelfResult
		for seed := range uint64(3) {
			e := shelfEngine(t, tc.cfg)
			other := edgex{}
			var bodies []body
			for _, s := range tc.stays {
				bodies = append(bodies, s.body)
			}
			var events []Fact
			tc.air.hear(seed, 0, 120, shelfAntennas(), bodies, func(a antenna, r rfid.Read) {
				events = append(events, e.Read(a.reader, r)...)
				other.read(shelfOf(a), r)
			})
			events = append(events, e.Tick(epoch.Add(seconds(121)))...)
			for _, x := range []struct {
				to     *shelfResult
				events []Fact
			}{{&us, events}, {&them, other.events}} {
				r := judge(tc.stays, x.events)
				x.to.tags, x.to.ghosts, x.to.stale = x.to.tags+r.tags, x.to.ghosts+r.ghosts, x.to.stale+r.stale
				x.to.missed, x.to.lost = x.to.missed+r.missed, x.to.lost+r.lost
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d |\n", tc.name, us.tags, us.ghosts, us.stale, us.missed, us.lost,
			them.ghosts, them.stale, them.missed, them.lost)
		switch {
		case us.ghosts > 0:
			t.Errorf("%s: %d ghosts", tc.name, us.ghosts)
		case tc.exact && us != (shelfResult{tags: us.tags}):
			t.Errorf("%s: %+v, want it exact", tc.name, us)
		case us.stale*20 > us.tags || us.stale > them.stale || us.missed*20 > us.tags || us.lost*20 > us.tags:
			t.Errorf("%s: %+v, the other rule %+v", tc.name, us, them)
		}
	}
	return b.String()
}

// What is told hangs on no order of reads within a slot: two readers whose reports
// overtake each other under load, or a report that is handled late, change nothing.
func TestOrderUnderLoad(t *testing.T) {
	run := func(turn func([]told2) []told2) (ours, theirs []Fact) {
		e := shelfEngine(t, EngineConfig{})
		other := edgex{}
		var reads []told2
		bodies := []body{carried(1, 2, 30, 20).body, stands2(3, 30, 2).body}
		noisy.hear(7, 0, 60, shelfAntennas(), bodies, func(a antenna, r rfid.Read) { reads = append(reads, told2{a, r}) })
		for _, x := range turn(reads) {
			ours = append(ours, e.Read(x.a.reader, x.r)...)
			other.read(shelfOf(x.a), x.r)
		}
		return append(ours, e.Tick(epoch.Add(seconds(200)))...), other.events
	}
	straight, base := run(func(r []told2) []told2 { return r })
	for name, turn := range map[string]func([]told2) []told2{
		"backwards within a slot": func(r []told2) []told2 { return bySlot(r, slices.Reverse[[]told2]) },
		"one reader behind the other": func(r []told2) []told2 {
			return bySlot(r, func(r []told2) {
				slices.SortStableFunc(r, func(x, y told2) int { return strings.Compare(y.a.reader, x.a.reader) })
			})
		},
	} {
		ours, theirs := run(turn)
		if !slices.Equal(ours, straight) {
			t.Errorf("%s: %d events, %d in order", name, len(ours), len(straight))
		}
		same := slices.EqualFunc(theirs, base, func(x, y Fact) bool { return x.Key == y.Key && x.What == y.What && x.To == y.To })
		t.Logf("%s: ours the same; the other rule the same: %v (%d events, %d in order)", name, same, len(theirs), len(base))
	}
	if len(straight) < 60 {
		t.Errorf("%d events", len(straight))
	}
}

// told2 is a read and where it was made.
type told2 struct {
	a antenna
	r rfid.Read
}

// bySlot changes the order of the reads within each slot of the default window.
func bySlot(reads []told2, turn func([]told2)) []told2 {
	out := slices.Clone(reads)
	width := int64(DefaultWindow) / slots
	for i := 0; i < len(out); {
		k := i
		for k < len(out) && out[k].r.At.UnixNano()/width == out[i].r.At.UnixNano()/width {
			k++
		}
		turn(out[i:k])
		i = k
	}
	return out
}
