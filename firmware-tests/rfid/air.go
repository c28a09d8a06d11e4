package rfid

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"tote/firmware-tests/record"
)

// Air is what is in front of the antennas of a reader: tags that lie in the field
// and cartons that move through it. It is safe for any goroutine and starts none.
type Air struct {
	ports     int
	perSecond int
	steady    bool
	book      *record.Book
	turn      chan struct{} // held while a reader tells what it heard: a carton's record counts all of it

	mu      sync.Mutex
	rng     *rand.Rand
	field   *group
	cartons []*group
	ended   chan struct{} // nil before Begin, closed by End
	room    float64       // answers the air still has room for
}

// Heard is one answer of a tag.
type Heard struct {
	EPC     []byte
	Antenna int // from 1
	RSSI    int // dBm
	chip    *chip
}

// NewAir makes the air of a reader with so many antenna ports and room for so
// many answers a second. The same seed is the same world; steady means no
// fading.
func NewAir(ports, perSecond int, seed uint64, steady bool, book *record.Book) *Air {
	return &Air{ports: ports, perSecond: perSecond, steady: steady, book: book, turn: make(chan struct{}, 1), rng: rand.New(rand.NewPCG(seed, 0)), field: &group{}}
}

// Begin lets cartons move.
func (a *Air) Begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = make(chan struct{})
}

// End stops those on their way.
func (a *Air) End() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended != nil {
		close(a.ended)
		a.ended = nil
	}
}

// Field sets what lies in the field; what lay there is gone.
func (a *Air) Field(tags []record.Tag) error {
	chips, err := put(tags, a.ports)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.field = &group{chips: chips}
	a.book.Add(record.Entry{Kind: record.Field, Tags: &record.Tags{EPCs: epcsOf(chips)}})
	return nil
}

// Pass moves a carton with tags through the field in ms milliseconds. It
// returns when the carton is through, with the entry of the record.
func (a *Air) Pass(tags []record.Tag, ms int64) (record.Entry, error) {
	chips, err := put(tags, a.ports)
	switch {
	case err != nil:
		return record.Entry{}, err
	case ms < 1 || ms > maxPassMs:
		return record.Entry{}, fmt.Errorf("%w: a pass of %d ms, want 1 to %d", ErrTags, ms, maxPassMs)
	}
	carton := &group{chips: chips, from: time.Now(), takes: time.Duration(ms) * time.Millisecond}
	a.mu.Lock()
	ended := a.ended
	if ended == nil {
		a.mu.Unlock()
		return record.Entry{}, ErrNotRunning
	}
	a.cartons = append(a.cartons, carton)
	a.mu.Unlock()

	timer := time.NewTimer(carton.takes)
	defer timer.Stop()
	through := true
	select {
	case <-timer.C:
	case <-ended:
		through = false
	}
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cartons = slices.DeleteFunc(a.cartons, func(g *group) bool { return g == carton })
	if !through {
		return record.Entry{}, ErrNotRunning
	}
	reads := make(map[string]int, len(chips))
	for _, c := range chips {
		reads[c.EPC] = c.sent
	}
	return a.book.Add(record.Entry{Kind: record.Passed, Tags: &record.Tags{EPCs: epcsOf(chips), Ms: ms, Reads: reads}}), nil
}

// Tell lets a reader listen and tell what it heard: the record of a carton that is
// through waits for it.
func (a *Air) Tell(f func()) {
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	f()
}

// Listen is what an antenna (from 1) with so much power (dBm) hears in the time
// up to now.
func (a *Air) Listen(antenna, power int, now time.Time, took time.Duration) []Heard {
	hits := a.hear(antenna, power, now, took)
	out := make([]Heard, len(hits))
	for i, h := range hits {
		out[i] = Heard{h.chip.epc, antenna, h.rssi, h.chip}
	}
	return out
}

func (a *Air) hear(antenna, power int, now time.Time, took time.Duration) []hit {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.room = min(a.room+float64(a.perSecond)*took.Seconds(), float64(a.perSecond))
	hits := listen(append([]*group{a.field}, a.cartons...), antenna, power, now, took, int(a.room), !a.steady, a.rng)
	a.room -= float64(len(hits))
	return hits
}

// Told counts an answer that somebody was told of.
func (a *Air) Told(h Heard) { a.told(h.chip) }

func (a *Air) told(c *chip) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.sent++
}

// draw draws from the world's one row of chances.
func (a *Air) draw(f func(*rand.Rand)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a.rng)
}

// InField is how many tags lie there and how many cartons move.
func (a *Air) InField() (tags, cartons int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.field.chips), len(a.cartons)
}

func epcsOf(chips []*chip) []string {
	out := make([]string, len(chips))
	for i, c := range chips {
		out[i] = strings.ToUpper(c.EPC)
	}
	return out
}
