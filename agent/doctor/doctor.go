// Package doctor finds out what is wrong with a gateway, whether its agent runs
// or not: [Run] makes all checks of a machine at once, each with a time limit,
// and tells consequences apart from causes. Nothing is changed; the one file
// written, to measure the disk, is removed again.
package doctor

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"tote/agent/health"
)

// What came of a check.
const (
	Fine    = "fine"
	Warning = "warning"
	Broken  = "broken"
	Skipped = "skipped" // it could not be made: Text says why
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"` // its name, such as "disk"
	About  string `json:"about,omitempty"`
	Level  string `json:"level"`
	Code   string `json:"code,omitempty"` // of the table of faults
	Text   string `json:"text"`
	Cause  string `json:"cause,omitempty"`
	Action string `json:"action,omitempty"`
	// Because is the cause this is only a consequence of, "check" or
	// "check about"; it goes away with it.
	Because string `json:"because,omitempty"`
	// over is the way to a device, as [health.Node] has it.
	over string
}

// Report is all findings, those that matter first.
type Report struct {
	At       string    `json:"at"` // RFC 3339
	Version  string    `json:"version"`
	Level    string    `json:"level"` // the worst of a finding
	Findings []Finding `json:"findings"`
}

// Check is one check. It returns when ctx ends.
type Check struct {
	Name string
	Run  func(ctx context.Context) []Finding
}

// Run makes all checks side by side, each within limit.
func Run(ctx context.Context, checks []Check, limit time.Duration) []Finding {
	found := make([][]Finding, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { found[i] = c.within(ctx, limit) })
	}
	wg.Wait()
	return judge(slices.Concat(found...))
}

// within is a check that is given up when its time is over, also when it hangs in
// a system call, as one on a dead disk does.
func (c Check) within(ctx context.Context, limit time.Duration) []Finding {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- []Finding{{Level: Skipped, Text: fmt.Sprintf("the check failed: %v", p)}}
			}
		}()
		done <- c.Run(ctx)
	}()
	var out []Finding
	select {
	case out = <-done:
	case <-ctx.Done():
		select { // it may have been done just now
		case out = <-done:
		default:
			out = []Finding{{Level: Warning, Code: health.CodeCheckHangs, Text: "no answer within " + limit.String()}}
		}
	}
	for i := range out {
		out[i].Check = c.Name
		if f, ok := health.Find(out[i].Code); ok && out[i].Action == "" {
			out[i].Cause, out[i].Action = f.Cause, f.Action
		}
	}
	return out
}

// Level is the worst level of findings, consequences too: a site that cannot
// record is broken, though the cause is a gateway that is only missing.
func Level(findings []Finding) string {
	worst := Fine
	for _, f := range findings {
		if rank(f.Level) > rank(worst) {
			worst = f.Level
		}
	}
	return worst
}

// Exit is the exit status for a level: 0 fine, 1 warnings, 2 broken.
func Exit(level string) int { return max(0, rank(level)-1) }

func rank(level string) int { return slices.Index([]string{Skipped, Fine, Warning, Broken}, level) }

// judge marks consequences and sorts: causes by their level first.
func judge(all []Finding) []Finding {
	root(all)
	slices.SortStableFunc(all, func(a, b Finding) int {
		if (a.Because == "") != (b.Because == "") && rank(a.Level) > 1 && rank(b.Level) > 1 {
			if a.Because == "" {
				return -1
			}
			return 1
		}
		return rank(b.Level) - rank(a.Level)
	})
	return all
}

// Write prints a report for people.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Findings {
		name := strings.TrimSpace(f.Check + " " + f.About)
		switch {
		case f.Because != "":
			fmt.Fprintf(&b, "  %-8s %s: %s%s\n           follows from: %s\n", "", name, code(f.Code), f.Text, f.Because)
		case f.Level == Fine || f.Level == Skipped:
			fmt.Fprintf(&b, "  %-8s %s: %s\n", f.Level, name, f.Text)
		default:
			fmt.Fprintf(&b, "%s %s: %s%s\n", strings.ToUpper(f.Level), name, code(f.Code), f.Text)
			if f.Cause != "" {
				fmt.Fprintf(&b, "           cause:      %s\n", f.Cause)
			}
			if f.Action != "" {
				fmt.Fprintf(&b, "           what to do: %s\n", f.Action)
			}
		}
	}
	fmt.Fprintf(&b, "all in all: %s\n", r.Level)
	_, err := io.WriteString(w, b.String())
	return err
}

func code(c string) string {
	if c == "" {
		return ""
	}
	return c + ": "
}
