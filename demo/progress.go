package demo

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// stages are the milestones shown, in order. An order counts in every stage it
// has reached.
var stages = []struct {
	title  string
	states []string // work states that have reached it
}{
	{"at the site", []string{"SHORT_WAITING", "RELEASED", "PICKING", "PICKED", "PACKING", "PACKED", "LABELLED", "STAGED", "SHIPPED"}},
	{"picking", []string{"PICKING", "PICKED", "PACKING", "PACKED", "LABELLED", "STAGED", "SHIPPED"}},
	{"picked", []string{"PICKED", "PACKING", "PACKED", "LABELLED", "STAGED", "SHIPPED"}},
	{"packed", []string{"PACKED", "LABELLED", "STAGED", "SHIPPED"}},
	{"labelled", []string{"LABELLED", "STAGED", "SHIPPED"}},
	{"shipped", []string{"SHIPPED"}},
}

// progress shows how far the orders are: bars on a terminal, a line now and
// then elsewhere.
type progress struct {
	out   io.Writer
	term  bool
	start time.Time

	mu     sync.Mutex
	counts map[string]int // what the people did
	drawn  int            // lines to go back before drawing again
	last   time.Time
	line   string
}

func newProgress(out io.Writer, term bool, start time.Time) *progress {
	return &progress{out: out, term: term, start: start, counts: map[string]int{}}
}

// count adds one to what the people did.
func (p *progress) count(event string) {
	p.mu.Lock()
	p.counts[event]++
	p.mu.Unlock()
}

// counted is a copy of the counts.
func (p *progress) counted() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// say prints one line of news above the bars.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	fmt.Fprintf(p.out, "%6.1fs  %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}

// show draws the stages. On a pipe it prints a line when something changed, at
// most twice a second.
func (p *progress) show(total int, byState map[string]int64, fallouts, outbox int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reached := make([]int64, len(stages))
	for i, st := range stages {
		for _, s := range st.states {
			reached[i] += byState[s]
		}
	}
	if !p.term {
		var b strings.Builder
		for i, st := range stages {
			fmt.Fprintf(&b, "%s %d/%d  ", st.title, reached[i], total)
		}
		fmt.Fprintf(&b, "fallout %d  to the OMS %d", fallouts, outbox)
		if b.String() != p.line && time.Since(p.last) > 500*time.Millisecond {
			p.line, p.last = b.String(), time.Now()
			fmt.Fprintf(p.out, "%6.1fs  %s\n", time.Since(p.start).Seconds(), p.line)
		}
		return
	}
	p.erase()
	const width = 40
	for i, st := range stages {
		full := 0
		if total > 0 {
			full = int(reached[i]) * width / total
		}
		fmt.Fprintf(p.out, "  %-12s %s%s %3d/%d\n", st.title, strings.Repeat("█", full), strings.Repeat("·", width-full), reached[i], total)
	}
	fmt.Fprintf(p.out, "  fallout %d · waiting for the OMS %d · %.1f s\n", fallouts, outbox, time.Since(p.start).Seconds())
	p.drawn = len(stages) + 1
}

// erase takes the bars off the terminal.
func (p *progress) erase() {
	if p.drawn > 0 {
		fmt.Fprintf(p.out, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

// table prints rows in aligned columns under a title.
func table(out io.Writer, title string, rows [][2]string) {
	fmt.Fprintf(out, "\n%s\n", title)
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	for _, r := range rows {
		fmt.Fprintf(out, "  %-*s  %s\n", width, r[0], r[1])
	}
}

// sortedKeys is for printing maps in a fixed order.
func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
