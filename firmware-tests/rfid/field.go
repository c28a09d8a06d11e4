package rfid

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"tote/firmware-tests/record"
)

// ErrTags: no such tags can be put into the field.
var ErrTags = errors.New("rfid: impossible tags")

const (
	maxTags     = 2000 // in the field, and on one carton
	maxPassMs   = 20_000
	sensitivity = -82 // dBm: weaker answers are not heard
	passRise    = 32  // dB between the middle of a pass and its ends
	defaultRSSI = -50
	defaultRate = 20
	fullPower   = 30 // dBm: at which the tags have the strength they were given
)

// chip is one tag somewhere in the field.
type chip struct {
	record.Tag
	epc    []byte
	credit float64 // answers it owes, below 1
	sent   int     // frames of it that somebody heard
}

// group is what lies in the field, or one carton on its way through it.
type group struct {
	chips []*chip
	from  time.Time     // a carton's begin
	takes time.Duration // 0 = lies there
}

// put checks tags and makes chips of them.
func put(tags []record.Tag, ports int) ([]*chip, error) {
	if len(tags) > maxTags {
		return nil, fmt.Errorf("%w: %d, at most %d", ErrTags, len(tags), maxTags)
	}
	chips := make([]*chip, len(tags))
	seen := map[string]bool{}
	for i, t := range tags {
		epc, err := hex.DecodeString(t.EPC)
		t.EPC = strings.ToUpper(t.EPC)
		switch {
		case err != nil || len(epc) == 0 || len(epc)%2 != 0 || len(epc) > 62:
			return nil, fmt.Errorf("%w: EPC %q: want 1 to 31 words in hexadecimal", ErrTags, t.EPC)
		case seen[t.EPC]:
			return nil, fmt.Errorf("%w: EPC %s is there twice", ErrTags, t.EPC)
		case t.Antenna < 0 || t.Antenna > ports || t.RSSI > 0 || t.Rate < 0 || t.Rate > 1000 || t.Miss < 0 || t.Miss > 1:
			return nil, fmt.Errorf("%w: EPC %s: antenna %d of %d, %d dBm, %d a second, misses %v",
				ErrTags, t.EPC, t.Antenna, ports, t.RSSI, t.Rate, t.Miss)
		}
		seen[t.EPC] = true
		if t.RSSI == 0 {
			t.RSSI = defaultRSSI
		}
		if t.Rate == 0 {
			t.Rate = defaultRate
		}
		chips[i] = &chip{Tag: t, epc: epc}
	}
	return chips, nil
}

// strength is how strongly a tag of the group answers at a time, dBm before
// fading: a carton comes from afar, is nearest in the middle of its way, and
// goes.
func (g *group) strength(c *chip, now time.Time) float64 {
	if g.takes == 0 {
		return float64(c.RSSI)
	}
	way := 2*float64(now.Sub(g.from))/float64(g.takes) - 1 // -1 … 1
	return float64(c.RSSI) - passRise*math.Min(1, way*way)
}

// hit is one answer of a tag that the reader hears.
type hit struct {
	chip *chip
	rssi int // dBm
}

// listen is what an antenna (from 1) hears within a time up to now at most
// budget answers: when more tags talk than the air has room for, some are not
// heard, in turn.
func listen(groups []*group, antenna, power int, now time.Time, took time.Duration, budget int, fading bool, rng *rand.Rand) []hit {
	var all []hit
	for _, g := range groups {
		for _, c := range g.chips {
			if c.Antenna != 0 && c.Antenna != antenna {
				continue
			}
			rssi := g.strength(c, now) + float64(power-fullPower)
			if fading {
				rssi += rng.Float64()*2 - 1
			}
			if rssi < sensitivity {
				continue
			}
			c.credit += float64(c.Rate) * took.Seconds()
			if c.credit < 1 {
				continue
			}
			c.credit = math.Mod(c.credit, 1)
			if rng.Float64() >= c.Miss {
				all = append(all, hit{c, int(math.Round(rssi))})
			}
		}
	}
	if len(all) > budget {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:budget]
	}
	return all
}
