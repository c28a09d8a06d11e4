package sitemodel

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// signs are how changes are shown.
var signs = map[string]string{Add: "+", Modify: "~", Remove: "-"}

// maxCell is how much of a value is shown.
const maxCell = 60

// Render writes a plan for people.
func (p *Plan) Render(w io.Writer) {
	for _, c := range p.Changes {
		fmt.Fprintf(w, "%s %s\n", signs[c.Action], strings.TrimSpace(c.Kind+" "+c.ID))
		if c.Action != Modify {
			continue
		}
		for _, f := range c.Fields {
			fmt.Fprintf(w, "    %s: %s -> %s\n", f.Name, cell(f.Old), cell(f.New))
		}
	}
	for _, k := range p.Kept {
		it, kind := "it", k.Kind
		if k.Count > 1 {
			it, kind = "them", k.Kind+"s"
		}
		fmt.Fprintf(w, "  not in the files and kept (--prune removes %s): %d %s: %s\n", it, k.Count, kind, listed(k.First, k.Count))
	}
	for _, q := range p.Warnings {
		fmt.Fprintf(w, "warning: %s\n", q)
	}
	for _, q := range p.Problems {
		fmt.Fprintf(w, "refused: %s\n", q)
	}
	for _, u := range p.InUse {
		fmt.Fprintf(w, "refused: MODEL_IN_USE: %s\n", u)
	}
	for _, k := range slices.Sorted(maps.Keys(p.More)) {
		fmt.Fprintf(w, "… and %d more (%s); --all lists them\n", p.More[k], k)
	}
	fmt.Fprintln(w, p.Summary())
}

// Summary is the plan in a line.
func (p *Plan) Summary() string {
	sum := fmt.Sprintf("%d to add, %d to change, %d to remove", p.Counts.Added, p.Counts.Changed, p.Counts.Removed)
	switch {
	case p.Refused():
		return sum + "; it would be refused: nothing was changed"
	case p.Empty():
		return "nothing to change"
	}
	return sum
}

func cell(s string) string {
	if s == "" {
		return "(none)"
	}
	if r := []rune(s); len(r) > maxCell {
		return string(r[:maxCell]) + "…"
	}
	return s
}

func listed(first []string, count int) string {
	s := strings.Join(first, ", ")
	if count > len(first) {
		s += " …"
	}
	return s
}

// Diff compares two models without a site: what the second would change in the first.
func Diff(from, to *Source) *Plan {
	d := diff(&from.Model, to, true)
	p := &Plan{Changes: d.changes}
	for _, c := range d.changes {
		switch c.Action {
		case Add:
			p.Counts.Added++
		case Modify:
			p.Counts.Changed++
		case Remove:
			p.Counts.Removed++
		}
	}
	return p
}
