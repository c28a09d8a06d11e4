package presence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"tote/drivers/rfid"
)

// A radio world: antennas and tags at places in metres, tags that move, and air
// that is shared. It shares no code with the rules; they see only its reads.
//
// Each answer comes by two ways, straight and by the floor, which add up or take
// from each other within centimetres (two-ray model at 868 MHz, as in any text on
// radio propagation). On top: the antenna's pattern, noise, answers missed without
// a reason, and an air that holds so many answers a second for all tags together.

type air struct {
	noise   float64 // dB, standard deviation of one read
	missed  float64 // part of the answers that nobody hears
	twoRay  bool
	answers int // the air holds in a second
}

var (
	clean = air{answers: 100_000}
	noisy = air{noise: 3, missed: 0.4, twoRay: true, answers: 700}
)

type antenna struct {
	source  int // number at its reader
	reader  string
	x, y, z float64
	look    float64 // direction, degrees from the y axis
}

// body is a group of tags that move together.
type body struct {
	name  string
	tags  int
	loss  float64 // dB of packing or a wall, once each way
	where func(t float64) (x, y float64, there bool)
	shade func(a antenna, t float64) bool // something stands before the antenna; nil = nothing
}

const wave = 0.345 // metres

// answer is the strength of a tag at x, y, z at an antenna, dBm.
func (w air) answer(a antenna, x, y, z, loss float64) float64 {
	dx, dy := x-a.x, y-a.y
	ground := math.Hypot(dx, dy)
	d1 := math.Hypot(ground, z-a.z)
	re, im := 1/d1, 0.0
	if w.twoRay {
		// The floor takes a half and turns the wave about.
		d2 := math.Hypot(ground, z+a.z)
		phase := 2 * math.Pi * (d2 - d1) / wave
		re -= 0.5 / d2 * math.Cos(phase)
		im += 0.5 / d2 * math.Sin(phase)
	}
	angle := math.Abs(math.Atan2(dx, dy)*180/math.Pi - a.look)
	angle = math.Min(angle, 360-angle)
	pattern := math.Min(12*math.Pow(angle/65, 2), 20)
	return -42 + 40*math.Log10(math.Hypot(re, im)) - 2*pattern - 2*loss
}

// hear plays the world from second from to second to. Antennas take turns of
// turn, as those of one reader do.
func (w air) hear(seed uint64, from, to float64, antennas []antenna, bodies []body, tell func(a antenna, r rfid.Read)) {
	const turn = 20 * time.Millisecond
	rng := rand.New(rand.NewPCG(seed, 2))
	type tagged struct {
		epc string
		z   float64
	}
	tags := make([][]tagged, len(bodies))
	for i, b := range bodies {
		for k := range b.tags {
			tags[i] = append(tags[i], tagged{fmt.Sprintf("F0%02X%04X", i, k), 0.2 + 1.6*rng.Float64()})
		}
	}
	type heard struct {
		epc  string
		rssi float64
	}
	var answers []heard
	room := max(1, int(float64(w.answers)*turn.Seconds()))
	for at, n := time.Duration(from*1e9), 0; at.Seconds() < to; at, n = at+turn, n+1 {
		a := antennas[n%len(antennas)]
		answers = answers[:0]
		for i, b := range bodies {
			x, y, there := b.where(at.Seconds())
			if !there || b.shade != nil && b.shade(a, at.Seconds()) {
				continue
			}
			for _, t := range tags[i] {
				if rssi := w.answer(a, x, y, t.z, b.loss) + w.noise*rng.NormFloat64(); rssi > -80 {
					answers = append(answers, heard{t.epc, rssi})
				}
			}
		}
		rng.Shuffle(len(answers), func(i, k int) { answers[i], answers[k] = answers[k], answers[i] })
		for _, h := range answers[:min(room, len(answers))] {
			if rng.Float64() < w.missed {
				continue
			}
			tell(a, rfid.Read{EPC: h.epc, PC: 0x1000, Antenna: a.source, RSSI: int(math.Round(h.rssi)), At: epoch.Add(at)})
		}
	}
}

var epoch = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// tagsOf are the contents of the tags of body i.
func tagsOf(bodies []body, i int) []string {
	var out []string
	for k := range bodies[i].tags {
		out = append(out, fmt.Sprintf("F0%02X%04X", i, k))
	}
	return out
}

// path is a way in straight lines between moments: seconds, x, y. Before the first
// and after the last it is not there.
type at3 struct{ t, x, y float64 }

func path(points ...at3) func(t float64) (float64, float64, bool) {
	return func(t float64) (float64, float64, bool) {
		i := slices.IndexFunc(points, func(p at3) bool { return p.t > t })
		if i <= 0 {
			return 0, 0, false
		}
		a, b := points[i-1], points[i]
		f := (t - a.t) / (b.t - a.t)
		return a.x + f*(b.x-a.x), a.y + f*(b.y-a.y), true
	}
}

func rests(x, y float64) func(float64) (float64, float64, bool) {
	return func(float64) (float64, float64, bool) { return x, y, true }
}

// edgex is the rule of EdgeX's inventory application as its formula reads in the
// devices reference, section 9, with its defaults; written from the formula.
type edgex struct {
	tags    map[string]*edgexTag
	checked time.Time
	events  []Fact
}

type edgexTag struct {
	present bool
	at      string
	last    time.Time
	by      map[string]*edgexMean
}

type edgexMean struct {
	ring []int // the last 20, whenever they were
	last time.Time
}

func (m *edgexMean) mean() float64 {
	sum := 0
	for _, v := range m.ring {
		sum += v
	}
	return float64(sum) / float64(len(m.ring))
}

func (e *edgex) read(place string, r rfid.Read) {
	if e.tags == nil {
		e.tags = map[string]*edgexTag{}
	}
	e.check(r.At)
	t := e.tags[r.EPC]
	if t == nil {
		t = &edgexTag{by: map[string]*edgexMean{}}
		e.tags[r.EPC] = t
	}
	t.last = r.At
	m := t.by[place]
	if m == nil {
		m = &edgexMean{}
		t.by[place] = m
	}
	if m.last, m.ring = r.At, append(m.ring, r.RSSI); len(m.ring) > 20 {
		m.ring = m.ring[1:]
	}
	switch {
	case !t.present:
		t.present, t.at = true, place
		e.events = append(e.events, Fact{What: Arrived, Key: r.EPC, To: place, At: r.At})
	case place != t.at && len(m.ring) >= 2:
		const limit, slope, holdoff = 6.0, -0.008, 500.0
		old := t.by[t.at]
		offset := min(limit, slope*float64(r.At.Sub(old.last).Milliseconds())+(limit-slope*holdoff))
		if m.mean() > old.mean()+offset {
			e.events = append(e.events, Fact{What: Moved, Key: r.EPC, From: t.at, To: place, At: r.At})
			t.at = place
		}
	}
}

// check departs what was not read for 600 s, every 30 s.
func (e *edgex) check(now time.Time) {
	if now.Sub(e.checked) < 30*time.Second {
		return
	}
	e.checked = now
	for epc, t := range e.tags {
		if t.present && now.Sub(t.last) > 600*time.Second {
			t.present, t.by = false, map[string]*edgexMean{}
			e.events = append(e.events, Fact{What: Departed, Key: epc, From: t.at, At: t.last})
		}
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
