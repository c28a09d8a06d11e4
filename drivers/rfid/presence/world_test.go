package presence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tote/drivers/rfid"
)

// A world is a scripted door: cartons move through on a line with the antenna
// beside it at x = 0, things stand around, and a photo-eye looks across at
// x = 0. It shares no code with the rule.

const (
	reach  = -80.0 // dBm: weaker answers are not heard
	aside  = 1.2   // metres between the line and the antenna
	cycle  = 60 * time.Millisecond
	carton = 0.5 // metres long

	airtime = 30 // answers the air has room for in a cycle: 500 a second
)

// thing is a group of tags on one carton, or standing somewhere.
type thing struct {
	name  string
	tags  int
	where func(t float64) (x, y float64, there bool) // metres, at seconds
	loss  float64                                    // dB that packing or a wall takes
	moves bool                                       // goes through the door
}

// strength is that of a backscattered answer: 40 dB for each decade of
// distance, and a panel antenna of 65 degrees that looks across the line, there
// and back. On the line in front of it a tag has -45 dBm.
func strength(x, y, loss float64) float64 {
	angle := math.Atan2(math.Abs(x), math.Abs(y)) * 180 / math.Pi
	pattern := math.Min(12*math.Pow(angle/65, 2), 20)
	return -45 - 40*math.Log10(math.Hypot(x, y)/aside) - 2*pattern - loss
}

// through is a carton that is in the middle of the door at second mid and moves
// with speed m/s, heard within 6 m.
func through(name string, tags int, mid, speed float64) thing {
	return thing{name: name, tags: tags, moves: true, where: func(t float64) (float64, float64, bool) {
		x := (t - mid) * speed
		return x, aside, math.Abs(x) < 6
	}}
}

// stands is a thing that does not move.
func stands(name string, tags int, x, y, loss float64) thing {
	return thing{name: name, tags: tags, loss: loss, where: func(float64) (float64, float64, bool) { return x, y, true }}
}

// play runs a world against a portal. It returns for each pass the tags that
// the rule names, and for the naive rule (one read is enough) the same.
func play(t *testing.T, cfg Config, seed uint64, seconds float64, things ...thing) (passes []Pass, naive [][]string) {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	covered := false
	seen := map[string]bool{}
	close := func(ps []Pass) { passes = append(passes, ps...) }
	for at := time.Duration(0); at.Seconds() < seconds; at += cycle {
		now, sec := start.Add(at), at.Seconds()
		eye := false
		for _, th := range things {
			if x, _, there := th.where(sec); there && th.moves && math.Abs(x) < carton/2 {
				eye = true
			}
		}
		if eye != covered {
			covered = eye
			if eye {
				close(p.Open(now))
			} else {
				close(p.Close(now))
				var list []string
				for epc := range seen {
					list = append(list, epc)
				}
				slices.Sort(list)
				naive, seen = append(naive, list), map[string]bool{}
			}
		}
		population := 1
		for _, th := range things {
			if x, y, there := th.where(sec); there && strength(x, y, th.loss) > reach {
				population += th.tags
			}
		}
		for _, th := range things {
			x, y, there := th.where(sec)
			if !there {
				continue
			}
			for i := range th.tags {
				// Fading is 2 dB, one answer in four collides with another, and in a
				// crowd they share the air.
				rssi := strength(x, y, th.loss) + rng.NormFloat64()*2
				if rssi < reach || rng.Float64() < math.Max(0.25, 1-float64(airtime)/float64(population)) {
					continue
				}
				epc := fmt.Sprintf("%s-%02d", th.name, i)
				if eye {
					seen[epc] = true
				}
				close(p.Read(rfid.Read{EPC: epc, Antenna: 1, RSSI: int(math.Round(rssi)), At: now}))
			}
		}
	}
	close(p.Tick(start.Add(time.Duration(seconds)*time.Second + time.Minute)))
	return passes, naive
}

// thingsOf are the things of a pass by how many of their tags it names.
func thingsOf(pass Pass) map[string]int {
	m := map[string]int{}
	for _, s := range pass.Tags {
		m[s.EPC[:len(s.EPC)-3]]++
	}
	return m
}

// score compares passes with what moved through, in order.
type score struct{ right, wrong, missed int }

func (s *score) add(got []string, want thing) {
	for _, epc := range got {
		if epc[:len(epc)-3] == want.name {
			s.right++
		} else {
			s.wrong++
		}
	}
	n := 0
	for _, epc := range got {
		if epc[:len(epc)-3] == want.name {
			n++
		}
	}
	s.missed += want.tags - n
}

func (s score) String() string {
	return fmt.Sprintf("precision %.4f recall %.4f (%d right, %d wrong, %d missed)",
		float64(s.right)/float64(max(1, s.right+s.wrong)), float64(s.right)/float64(max(1, s.right+s.missed)), s.right, s.wrong, s.missed)
}

func epcs(pass Pass) (out []string) {
	for _, s := range pass.Tags {
		out = append(out, s.EPC)
	}
	return out
}

// Nothing but cartons, well apart: the rule must be exact, whatever the noise.
func TestCleanWorldIsExact(t *testing.T) {
	for _, eye := range []bool{true, false} {
		for seed := range uint64(20) {
			passes, _ := play(t, Config{Eye: eye}, seed, 60,
				through("a", 12, 8, 1), through("b", 1, 22, 1.5), through("c", 30, 36, 0.8), through("d", 4, 50, 2))
			if len(passes) != 4 {
				t.Fatalf("eye %v, seed %d: %d passes", eye, seed, len(passes))
			}
			for i, want := range []struct {
				name string
				tags int
			}{{"a", 12}, {"b", 1}, {"c", 30}, {"d", 4}} {
				if got := thingsOf(passes[i]); len(got) != 1 || got[want.name] != want.tags {
					t.Errorf("eye %v, seed %d, pass %d: %v, want all %d of %s", eye, seed, i, got, want.tags, want.name)
				}
			}
		}
	}
}

// Doors as they are. The figures are printed; the bounds are what the dock may
// rely on, the naive rule beside it is what one read as evidence would give.
func TestCrowdedWorlds(t *testing.T) {
	crowd := through("a", 15, 20, 0.5)
	slow := through("a", 15, 20, 0.3)
	a, b := through("a", 15, 8, 1), through("b", 15, 20, 1)
	close1, close2 := through("a", 15, 8, 1), through("b", 15, 9.3, 1) // 0.8 m apart
	waits := thing{name: "a", tags: 15, moves: true, where: func(t float64) (float64, float64, bool) {
		switch { // stops for 4 s, 1.5 m before the door
		case t < 4:
			return t - 5.5, aside, true
		case t < 8:
			return -1.5, aside, true
		default:
			return t - 9.5, aside, t < 15
		}
	}}
	leaves := thing{name: "p", tags: 10, moves: true, where: func(t float64) (float64, float64, bool) {
		if t < 30 { // parked beside the door, goes through in the end
			return 2, 1, true
		}
		return 2 - (t - 30), aside, t < 38
	}}
	for _, w := range []struct {
		name              string
		things            []thing
		order             []thing
		precision, recall float64
		look              time.Duration
	}{
		{"a pallet parked beside the door", []thing{a, b, stands("parked", 20, 2.2, 1, 0)}, []thing{a, b}, 1, 0.995, 0},
		{"a pallet parked right at the antenna", []thing{a, b, stands("parked", 20, 1.2, 0.8, 0)}, []thing{a, b}, 0.995, 0.995, 0},
		{"a shelf behind the wall", []thing{a, b, stands("shelf", 40, 1, 3, 12)}, []thing{a, b}, 1, 0.995, 0},
		{"reflections when the door is covered", []thing{a, b, reflected("stray", 20, 8, 20)}, []thing{a, b}, 0.975, 0.995, 0},
		{"a slow carton beside a parked pallet", []thing{slow, stands("parked", 20, 1.2, 0.8, 0)}, []thing{slow}, 0.995, 0.96, 0},
		{"the same, looked at for longer", []thing{slow, stands("parked", 20, 1.2, 0.8, 0)}, []thing{slow}, 0.995, 0.995, 4 * time.Second},
		{"two cartons in a row", []thing{close1, close2}, []thing{close1, close2}, 0.99, 0.99, 0},
		{"two in a row beside a parked pallet", []thing{close1, close2, stands("parked", 20, 2.2, 1, 0)}, []thing{close1, close2}, 0.99, 0.99, 0},
		{"a carton that waits before the door", []thing{waits}, []thing{waits}, 1, 0.98, 0},
		{"a crowd: each tag is read three times a second", []thing{crowd, stands("parked", 150, 1.2, 0.8, 0)}, []thing{crowd}, 0.92, 0.94, 0},
		{"the parked pallet leaves", []thing{a, leaves}, []thing{a, leaves}, 0.995, 0.99, 0},
	} {
		t.Run(w.name, func(t *testing.T) {
			var s, n score
			for seed := range uint64(20) {
				passes, naive := play(t, Config{Eye: true, Look: w.look}, seed, 42, w.things...)
				if len(passes) != len(w.order) || len(naive) != len(w.order) {
					t.Fatalf("seed %d: %d passes, %d naive, want %d", seed, len(passes), len(naive), len(w.order))
				}
				for i, want := range w.order {
					s.add(epcs(passes[i]), want)
					n.add(naive[i], want)
				}
			}
			t.Logf("rule:          %s", s)
			t.Logf("one read only: %s", n)
			if p := float64(s.right) / float64(s.right+s.wrong); p < w.precision {
				t.Errorf("precision %.4f, want %.4f", p, w.precision)
			}
			if r := float64(s.right) / float64(s.right+s.missed); r < w.recall {
				t.Errorf("recall %.4f, want %.4f", r, w.recall)
			}
		})
	}
}

// Without an eye the door is judged by activity alone: apart in time, and with
// a pallet parked near, which is given Dwell to show itself.
func TestWorldWithoutEye(t *testing.T) {
	a, b := through("a", 15, 20, 1), through("b", 15, 35, 1)
	var s score
	for seed := range uint64(20) {
		passes, _ := play(t, Config{}, seed, 50, stands("parked", 20, 1, 1, 0), a, b)
		if len(passes) != 2 {
			t.Fatalf("seed %d: %d passes: %v", seed, len(passes), passes)
		}
		s.add(epcs(passes[0]), a)
		s.add(epcs(passes[1]), b)
	}
	t.Logf("rule: %s", s)
	if s.wrong > 0 || s.missed > 0 {
		t.Error("a parked pallet and two cartons far apart must be told apart exactly")
	}
}

// reflected are tags far off that a metal door or a fork lift makes audible for
// a moment around the seconds given.
func reflected(name string, tags int, when ...float64) thing {
	return thing{name: name, tags: tags, where: func(t float64) (float64, float64, bool) {
		for _, w := range when {
			if math.Abs(t-w) < 0.15 {
				return 0, 4.4, true // as if it stood in front, far off
			}
		}
		return 0, 0, false
	}}
}
