package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// figure is one line of the output, in the form of demo/bench.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Goal  string  `json:"goal"` // "" = none, it is compared
	OK    bool    `json:"ok"`
}

// newFigure judges a value; most is the goal when it is positive, least when
// negative, 0 = none.
func newFigure(name string, value float64, unit string, goal float64) figure {
	f := figure{Name: name, Value: round(value), Unit: unit, OK: true}
	switch {
	case goal > 0:
		f.Goal, f.OK = fmt.Sprintf("<= %.10g", goal), value <= goal
	case goal < 0:
		f.Goal, f.OK = fmt.Sprintf(">= %.10g", -goal), value >= -goal
	}
	return f
}

func report(name string, value float64, unit string, goal float64) {
	show(newFigure(name, value, unit, goal))
}

func show(f figure) {
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false) // goals hold < and >
	if err := enc.Encode(f); err != nil {
		fmt.Fprintln(os.Stderr, "rival:", err) // standard output is gone
	}
}

func round(v float64) float64 {
	if v < 100 {
		return float64(int64(v*1000+0.5)) / 1000
	}
	return float64(int64(v + 0.5))
}

// percentile sorts ds and gives the p-th (nearest rank) in milliseconds.
func percentile(ds []time.Duration, p float64) float64 {
	if len(ds) == 0 {
		return 0
	}
	slices.Sort(ds)
	i := max(0, int(p*float64(len(ds))+0.999999)-1)
	return float64(ds[min(i, len(ds)-1)]) / float64(time.Millisecond)
}

// median sorts vs and gives the middle one.
func median(vs []float64) float64 {
	slices.Sort(vs)
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}

// ratios divides round by round: what fell on one round fell on both.
func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}
