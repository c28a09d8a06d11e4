package scale

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrParams: the parameters describe no possible scale.
var ErrParams = errors.New("scale: impossible parameters")

// Params describe a scale. Zero fields take the default.
type Params struct {
	Protocol        string `json:"protocol,omitempty" default:"mt-sics" enum:"mt-sics,toledo,toledo-plain,nci,toledo-8213,sma,a-and-d,kern,ohaus,hid" help:"What it speaks: mt-sics, toledo, toledo-plain, nci, toledo-8213, sma, a-and-d, kern, ohaus or hid (reports of a USB scale, on a pty)."`
	CapacityMg      int64  `json:"capacityMg,omitempty" default:"32100000" help:"Capacity in milligrams."`
	Unit            string `json:"unit,omitempty" default:"g" enum:"g,kg" help:"Unit of the display: g or kg."`
	Decimals        *int   `json:"decimals,omitempty" help:"Digits after the point (default 1 for g, 3 for kg)."`
	Step            int64  `json:"step,omitempty" default:"1" help:"Increment of the last digit: 1, 2, 5, 10…"`
	SettleMs        int64  `json:"settleMs,omitempty" default:"300" help:"Milliseconds until a changed load is stable."`
	StableTimeoutMs int64  `json:"stableTimeoutMs,omitempty" default:"5000" help:"How long S, Z and T wait for stability, in milliseconds."`
	UpdateMs        int64  `json:"updateMs,omitempty" default:"100" help:"Milliseconds between two display updates (SIR, SR)."`
	DriftMg         int64  `json:"driftMg,omitempty" default:"7000" help:"How far the fault drift moves the zero point, in milligrams."`
	Model           string `json:"model,omitempty" default:"TOTE-AL" help:"Model as I2 tells it."`
	Serial          string `json:"serial,omitempty" default:"B021002593" help:"Serial number as I4 and @ tell it."`
}

// fill puts defaults in place of zero fields and refuses what cannot be.
func (p Params) fill() (Params, error) {
	set(&p.Protocol, "mt-sics")
	set(&p.DriftMg, 7_000)
	set(&p.CapacityMg, 32_100_000)
	set(&p.Unit, "g")
	set(&p.Step, 1)
	set(&p.SettleMs, 300)
	set(&p.StableTimeoutMs, 5000)
	set(&p.UpdateMs, 100)
	set(&p.Model, "TOTE-AL")
	set(&p.Serial, "B021002593")
	if p.Decimals == nil {
		d := 1
		if p.Unit == "kg" {
			d = 3
		}
		p.Decimals = &d
	}
	_, known := languages[p.Protocol]
	switch {
	case !known && p.Protocol != "mt-sics":
		return p, fmt.Errorf("%w: protocol %q", ErrParams, p.Protocol)
	case strings.HasPrefix(p.Protocol, "toledo") && (*p.Decimals > 5 || p.Step != 1 && p.Step != 2 && p.Step != 5):
		return p, fmt.Errorf("%w: Toledo has increments of 1, 2 and 5 and at most 5 decimals", ErrParams)
	case p.Protocol == "toledo-8213" && *p.Decimals == 0:
		return p, fmt.Errorf("%w: the 8213 format has a decimal point", ErrParams)
	case p.DriftMg < 0:
		return p, fmt.Errorf("%w: a drift below zero", ErrParams)
	case p.Unit != "g" && p.Unit != "kg":
		return p, fmt.Errorf("%w: unit %q", ErrParams, p.Unit)
	case *p.Decimals < 0 || *p.Decimals > 6 || unitMg(p.Unit)%pow10(*p.Decimals) != 0:
		return p, fmt.Errorf("%w: %d decimals of %s are finer than a milligram", ErrParams, *p.Decimals, p.Unit)
	case p.CapacityMg < 0 || p.CapacityMg > 10_000_000_000 || p.Step < 0 || p.SettleMs < 0 || p.StableTimeoutMs < 0 || p.UpdateMs < 0:
		return p, fmt.Errorf("%w: negative or beyond ten tonnes", ErrParams)
	case p.SettleMs > 60_000:
		return p, fmt.Errorf("%w: settling longer than a minute", ErrParams)
	}
	return p, nil
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func unitMg(unit string) int64 {
	if unit == "kg" {
		return 1_000_000
	}
	return 1000
}

func pow10(n int) int64 {
	v := int64(1)
	for range n {
		v *= 10
	}
	return v
}

// condition of a reading.
type condition byte

const (
	stable  condition = 'S'
	dynamic condition = 'D'
	over    condition = '+'
	under   condition = '-'
)

// reading is what the display shows: a net weight rounded to the readability.
type reading struct {
	mg   int64
	cond condition
}

// pan is the physics of the scale: what lies on it, how it settles, zero and
// tare. It is a pure function of time; its owner guards it.
type pan struct {
	p        Params
	from, to int64     // the display moves from one to the other, milligrams on the pan
	since    time.Time // when the load changed
	drift    int64     // milligrams that the cell feels and nobody put there
	zero     int64     // milligrams on the pan that show as zero
	tare     int64     // milligrams above zero that show as net zero
}

// change puts the load at mg, settling from what the display shows now.
func (n *pan) change(now time.Time, mg int64) {
	n.from, _ = n.load(now)
	n.from -= n.drift
	n.to, n.since = mg, now
}

// stableAt is when the load has settled.
func (n *pan) stableAt() time.Time {
	return n.since.Add(time.Duration(n.p.SettleMs) * time.Millisecond)
}

// load is the weight the cell feels: it nears the true load ever more slowly,
// the way a damped pan does.
func (n *pan) load(now time.Time) (mg int64, settled bool) {
	left := n.stableAt().Sub(now).Milliseconds()
	if left <= 0 || n.p.SettleMs == 0 {
		return n.to + n.drift, true
	}
	left = min(left, n.p.SettleMs)
	return n.to + n.drift - (n.to-n.from)*left/n.p.SettleMs*left/n.p.SettleMs, false
}

// increment is the smallest step of the display in milligrams.
func (n *pan) increment() int64 {
	return unitMg(n.p.Unit) / pow10(*n.p.Decimals) * n.p.Step
}

// read is what the display shows at a time. shake is added to the load by a
// table that does not stand still; any shake makes the reading dynamic.
func (n *pan) read(now time.Time, shake int64, shaking bool) reading {
	mg, settled := n.load(now)
	gross := mg + shake - n.zero
	d := n.increment()
	switch {
	case mg > n.p.CapacityMg+9*d: // full scale plus nine increments, the usual legal limit
		return reading{cond: over}
	case gross < -20*d:
		return reading{cond: under}
	}
	r := reading{mg: round(gross-n.tare, d), cond: stable}
	if !settled || shaking {
		r.cond = dynamic
	}
	return r
}

// zeroRange is how far from the original zero the scale may be zeroed: 2 % of
// the capacity either way.
func (n *pan) zeroRange() int64 { return n.p.CapacityMg / 50 }

// round to a multiple of d, halves away from zero.
func round(mg, d int64) int64 {
	if mg < 0 {
		return -round(-mg, d)
	}
	return (mg + d/2) / d * d
}

// text is a weight as the display shows it, without the unit: "100.00".
func (n *pan) text(mg int64) string {
	dec := *n.p.Decimals
	v := mg / (unitMg(n.p.Unit) / pow10(dec))
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	if dec == 0 {
		return fmt.Sprintf("%s%d", sign, v)
	}
	return fmt.Sprintf("%s%d.%0*d", sign, v/pow10(dec), dec, v%pow10(dec))
}

// parse reads a weight in the unit of the display, as TA takes it.
func (n *pan) parse(value, unit string) (mg int64, ok bool) {
	if unit != n.p.Unit {
		return 0, false
	}
	whole, frac, point := strings.Cut(value, ".")
	if whole == "" || point && frac == "" || len(whole)+len(frac) > 12 || len(frac) > 6 {
		return 0, false
	}
	v := int64(0)
	for _, c := range whole + frac {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return round(v*unitMg(unit)/pow10(len(frac)), n.increment()), true
}
