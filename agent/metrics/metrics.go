// Package metrics is what the gateway counts and measures, for Prometheus: one
// table of every metric with its help, the text format 0.0.4, and the page
// docs/metrics.md. Package api and the agent put the values in at each scrape;
// nothing is kept here but histograms. Labels are bounded: names of the
// configuration, states and gateways, never ids of orders or goods, and
// maxSeries of one metric at most.
//
// The format is written here instead of by prometheus/client_golang: docs/dependencies.md
// says what that would cost.
package metrics

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MediaType is the Content-Type of the format.
const MediaType = "text/plain; version=0.0.4; charset=utf-8"

// maxSeries bounds the label sets of one metric on a page.
const maxSeries = 512

// Kinds of metrics.
const (
	Gauge   = "gauge"
	Counter = "counter" // since the start of the process
	Buckets = "histogram"
)

// Metric is one row of the table.
type Metric struct {
	Name   string
	Kind   string
	Help   string // one sentence, with the unit
	Labels []string
}

// Page is the values of one scrape. The zero value is ready to use; one
// goroutine fills it.
type Page struct {
	lines map[string][]string // by the name of the metric
}

// Put sets the value of a metric. Labels are in the order of the table; another
// number of them is a mistake of the caller and panics.
func (p *Page) Put(m *Metric, v float64, labels ...string) {
	p.add(m, m.Name+m.set(labels)+" "+number(v))
}

// PutSpread sets the values of a histogram.
func (p *Page) PutSpread(m *Metric, s Spread) {
	var b strings.Builder
	sum := uint64(0)
	for i, bound := range s.Bounds {
		sum += s.Counts[i]
		fmt.Fprintf(&b, "%s_bucket{le=%q} %d\n", m.Name, number(bound), sum)
	}
	sum += s.Counts[len(s.Bounds)]
	fmt.Fprintf(&b, "%s_bucket{le=\"+Inf\"} %d\n%s_sum %s\n%s_count %d", m.Name, sum, m.Name, number(s.Sum), m.Name, sum)
	p.add(m, b.String())
}

func (p *Page) add(m *Metric, line string) {
	if p.lines == nil {
		p.lines = map[string][]string{}
	}
	if len(p.lines[m.Name]) < maxSeries {
		p.lines[m.Name] = append(p.lines[m.Name], line)
	}
}

// Flag is 1 for true.
func Flag(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// WriteTo writes what was put, in the order of the table.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	out := bufio.NewWriter(w)
	n := 0
	for _, m := range All() {
		lines := p.lines[m.Name]
		if len(lines) == 0 {
			continue
		}
		k, _ := fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s\n", m.Name, escapeHelp.Replace(m.Help), m.Name, m.Kind, strings.Join(lines, "\n"))
		n += k
	}
	return int64(n), out.Flush()
}

var (
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// set is the label set as it is written.
func (m *Metric) set(values []string) string {
	if len(values) != len(m.Labels) {
		panic(fmt.Sprintf("metrics: %s has the labels %v, not %d", m.Name, m.Labels, len(values)))
	}
	if len(values) == 0 {
		return ""
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = m.Labels[i] + `="` + escapeLabel.Replace(strings.ToValidUTF8(v, "?")) + `"`
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Bounds of durations, in seconds: from a fast disk to a broken one.
var Bounds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}

// Spread is a histogram at one moment. Counts has one more than Bounds, for what
// lay above all of them; they are not cumulative.
type Spread struct {
	Bounds []float64
	Counts []uint64
	Sum    float64
}

// Histogram counts durations by Bounds. The zero value is ready; it is safe for
// concurrent use.
type Histogram struct {
	mu     sync.Mutex
	counts []uint64
	sum    time.Duration
}

// Add counts one duration.
func (h *Histogram) Add(took time.Duration) {
	at, _ := slices.BinarySearch(Bounds, took.Seconds())
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil {
		h.counts = make([]uint64, len(Bounds)+1)
	}
	h.counts[at]++
	h.sum += took
}

// Spread is what was counted so far.
func (h *Histogram) Spread() Spread {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Spread{Bounds: Bounds, Counts: make([]uint64, len(Bounds)+1), Sum: h.sum.Seconds()}
	copy(s.Counts, h.counts)
	return s
}

// Values reads a page of ours: name with its labels, as written, to value. Lines
// that are none are left out.
func Values(text string) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			out[line[:at]] = v
		}
	}
	return out
}

// Doc renders the table for docs/metrics.md.
func Doc() string {
	var b strings.Builder
	b.WriteString("# Metrics\n\n" +
		"What a gateway serves at `GET /metrics`, for Prometheus (text format 0.0.4). This page is made from the table in the\n" +
		"code by `go test ./agent/metrics -update`. Where tokens are asked for, show one with the scope read. Alert rules are in\n" +
		"`deploy/prometheus/tote.rules.yml`, a Grafana dashboard in `deploy/grafana/tote.json`.\n\n" +
		"Counters begin at 0 with each start of the gateway. A metric that cannot be told now is left out, never guessed:\n" +
		"those of the state while it is rebuilt, those of the store at a satellite, those of a link where this gateway does not lead.\n\n" +
		"| Metric | Kind | Labels | What it is |\n|---|---|---|---|\n")
	for _, m := range All() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(m.Labels, ", "), strings.ReplaceAll(m.Help, "|", `\|`))
	}
	return b.String()
}

// Names are the metrics by name, with the three a histogram is made of.
func Names() map[string]bool {
	out := map[string]bool{}
	for _, m := range All() {
		if m.Kind != Buckets {
			out[m.Name] = true
			continue
		}
		maps.Copy(out, map[string]bool{m.Name + "_bucket": true, m.Name + "_sum": true, m.Name + "_count": true})
	}
	return out
}
