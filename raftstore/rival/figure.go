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
	Goal  string  `json:"goal"` // none is set: these figures compare
	OK    bool    `json:"ok"`
}

func report(name string, value float64, unit string) {
	if value < 100 {
		value = float64(int64(value*1000+0.5)) / 1000
	} else {
		value = float64(int64(value + 0.5))
	}
	if err := json.NewEncoder(os.Stdout).Encode(figure{Name: name, Value: value, Unit: unit, OK: true}); err != nil {
		fmt.Fprintln(os.Stderr, "rival:", err) // standard output is gone
	}
}

// percentile sorts ds and gives the p-th (nearest rank) in milliseconds.
func percentile(ds []time.Duration, p float64) float64 {
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
