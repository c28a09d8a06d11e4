//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// figure is one line of the output.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Goal  string  `json:"goal"` // "" = none, printed for comparison
	OK    bool    `json:"ok"`
}

// newFigure judges a value; most is the goal when it is positive, least when
// negative, 0 = none. It judges what was measured, not what is shown.
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

// write prints the figure as one line.
func (f figure) write(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false) // goals hold < and >
	return enc.Encode(f)
}

func report(name string, value float64, unit string, goal float64) {
	show(newFigure(name, value, unit, goal))
}

// show prints a figure where they all go.
func show(f figure) {
	if err := f.write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err) // standard output is gone
	}
}

func round(v float64) float64 {
	switch {
	case v >= 100:
		return float64(int64(v + 0.5))
	default:
		return float64(int64(v*1000+0.5)) / 1000
	}
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

// median sorts vs and gives the middle one: a round that other work on the
// machine fell into does not decide the figure.
func median(vs []float64) float64 {
	slices.Sort(vs)
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}
