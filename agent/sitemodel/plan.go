package sitemodel

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tote/warehouse"
)

// Plan is what bringing in a model would do to a site, and what of it is refused.
type Plan struct {
	Base     string                `json:"base"`    // hash of what the site holds now
	Hash     string                `json:"hash"`    // and of what it would hold
	Version  uint64                `json:"version"` // of the site's model; 0 = it never had one
	Counts   warehouse.ModelCounts `json:"counts"`
	Changes  []Change              `json:"changes"`
	Kept     []Kept                `json:"kept"`     // not in the files, and kept
	Problems []Problem             `json:"problems"` // why it is refused
	InUse    []warehouse.ModelUse  `json:"inUse"`    // what it would take away is in use
	Warnings []Problem             `json:"warnings"` // odd, or wrong already before
	// More is how many changes, problems and uses are not listed (Trim).
	More map[string]int `json:"more,omitempty"`

	site  *warehouse.Site
	parts []warehouse.ModelPart
}

// Empty tells whether nothing would change.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

// Refused tells whether it would be refused.
func (p *Plan) Refused() bool { return len(p.Problems)+len(p.InUse) > 0 }

// Site are the new rules, nil when they stay.
func (p *Plan) Site() *warehouse.Site { return p.site }

// Parts are the differences as the state machine takes them.
func (p *Plan) Parts() []warehouse.ModelPart { return p.parts }

// Options say how a model is brought in.
type Options struct {
	Prune bool // what the files do not name is removed
	// Check looks at rules by what only this gateway knows; "" = they are good.
	Check func(*warehouse.Site) string
}

// Make compares a model with a site.
func Make(r warehouse.Reader, src *Source, opt Options) (*Plan, error) {
	cur, err := Current(r)
	if err != nil {
		return nil, err
	}
	head, err := warehouse.GetModelHead(r)
	if err != nil {
		return nil, err
	}
	p := &Plan{Version: head.Version, Changes: []Change{}, Kept: []Kept{}, Problems: []Problem{}, InUse: []warehouse.ModelUse{}, Warnings: []Problem{}}
	if p.Base, err = hashOf(&cur); err != nil {
		return nil, err
	}
	d := diff(&cur, src, opt.Prune)
	p.Changes, p.Kept, p.site = append(p.Changes, d.changes...), append(p.Kept, d.kept...), d.site
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
	if p.Hash = p.Base; !p.Empty() {
		if p.Hash, err = hashOf(&d.target); err != nil {
			return nil, err
		}
	}
	p.check(&cur, d, src, opt)
	if p.Empty() {
		return p, nil
	}
	p.older(d, src)
	p.cut(d)
	drops, err := warehouse.DropsOf(r, p.parts, d.site)
	if err != nil {
		return nil, err
	}
	uses, err := warehouse.ModelUses(r, drops)
	p.InUse = append(p.InUse, uses...)
	return p, err
}

func hashOf(m *warehouse.Model) (string, error) {
	files, err := Write(m)
	return Hash(files), err
}

// check looks at the model as it would be. What is wrong already is no reason to
// refuse what changes something else.
func (p *Plan) check(cur *warehouse.Model, d *delta, src *Source, opt Options) {
	found, before := warehouse.CheckModel(&d.target), map[warehouse.ModelProblem]bool{}
	if len(found) > 0 && cur.Site != nil {
		for _, w := range warehouse.CheckModel(cur) {
			w.Field = "" // its row in a list may be another one now
			before[w] = true
		}
	}
	for _, w := range found {
		old := w
		old.Field = ""
		if w.Warning || before[old] {
			p.Warnings = append(p.Warnings, src.at(w))
		} else {
			p.Problems = append(p.Problems, src.at(w))
		}
	}
	if d.site == nil {
		return
	}
	if cur.Site != nil && cur.Site.ID != d.site.ID {
		p.Problems = append(p.Problems, src.at(warehouse.ModelProblem{
			Kind: warehouse.ModelSite, Field: "id", Text: fmt.Sprintf("these are the files of site %s, and this is site %s", d.site.ID, cur.Site.ID),
		}))
	}
	if opt.Check != nil {
		if why := opt.Check(d.site); why != "" {
			field, _, _ := strings.Cut(why, ": ")
			q := src.at(warehouse.ModelProblem{Kind: warehouse.ModelSite, Field: field, Text: why})
			if !slices.Contains(p.Problems, q) {
				p.Problems = append(p.Problems, q)
			}
		}
	}
	slices.SortStableFunc(p.Problems, byPlace)
}

// byPlace orders problems as one reads the files.
func byPlace(a, b Problem) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// older finds items of which the site knows more than the files.
func (p *Plan) older(d *delta, src *Source) {
	for _, e := range d.items {
		if e.old != nil && e.now != nil && e.now.Revision < e.old.Revision {
			q := src.at(warehouse.ModelProblem{
				Kind: warehouse.UseItem, ID: e.now.SKU, Field: "revision",
				Text: fmt.Sprintf("%d, and the site has revision %d", e.now.Revision, e.old.Revision),
			})
			q.Code = CodeOlder
			p.Problems = append(p.Problems, q)
		}
	}
}

// Bounds of what one command is given to do, in rows of the state it writes.
const (
	nowRows   = 2000 // of the commit
	partRows  = 1500 // of putting a part aside
	partBytes = 36 << 10
)

// piece is one thing of the differences with what it costs.
type piece struct {
	put   func(*warehouse.ModelPart)
	now   bool // only the commit can tell whether it may be done
	rows  int  // the commit writes for it
	aside int  // and putting it aside does
	codes int
	bytes int
	gone  int // 1 = it is removed
}

// cut makes the parts: all of it for the commit when it can do it, else only what it
// must.
func (p *Plan) cut(d *delta) {
	all := d.pieces()
	// What goes frees its barcodes before anything takes them.
	slices.SortStableFunc(all, func(a, b piece) int { return cmp.Compare(b.gone, a.gone) })
	must, rows := 0, 0
	for _, pc := range all {
		rows += pc.rows
		if pc.now {
			must += pc.rows
		}
	}
	whole := rows <= nowRows
	if must > nowRows {
		n := 0
		for _, pc := range all {
			if pc.now {
				n++
			}
		}
		p.Problems = append(p.Problems, Problem{Code: CodeTooMany, Text: fmt.Sprintf(
			"%d things are removed, move within a changed layout, or change lots, serials or kind; that many cannot be looked at in one step (it takes about %d)", n, n*nowRows/must)})
	}
	for _, now := range []bool{true, false} {
		var part warehouse.ModelPart
		aside, bytes, codes, n := 0, 0, 0, 0
		flush := func() {
			if n > 0 {
				part.Now = now
				p.parts = append(p.parts, part)
			}
			part, aside, bytes, codes, n = warehouse.ModelPart{}, 0, 0, 0, 0
		}
		for _, pc := range all {
			if (whole || pc.now) != now {
				continue
			}
			if n == warehouse.MaxModelRows || aside+pc.aside > partRows || bytes+pc.bytes > partBytes || codes+pc.codes > warehouse.MaxModelCodes {
				flush()
			}
			pc.put(&part)
			aside, bytes, codes, n = aside+pc.aside, bytes+pc.bytes, codes+pc.codes, n+1
		}
		flush()
	}
}

// pieces are the differences one by one.
func (d *delta) pieces() (out []piece) {
	for _, e := range d.bins {
		pc := piece{rows: 4, aside: 4, bytes: 300}
		switch {
		case e.now == nil:
			code := e.old.Code
			pc.now, pc.gone, pc.put = true, 1, func(p *warehouse.ModelPart) { p.DropBins = append(p.DropBins, code) }
		default:
			b := *e.now
			pc.now = d.site != nil && e.old != nil && (b.Aisle != e.old.Aisle || b.Cell != e.old.Cell)
			pc.put = func(p *warehouse.ModelPart) { p.Bins = append(p.Bins, b) }
		}
		out = append(out, pc)
	}
	for _, e := range d.items {
		pc := piece{rows: 4, aside: 3, bytes: 400}
		for _, it := range []*warehouse.Item{e.old, e.now} {
			if it != nil {
				codes := 2 + len(it.Barcodes) + len(it.Packs)
				pc.rows, pc.aside, pc.codes = pc.rows+codes, pc.aside+2*codes, max(pc.codes, codes)
			}
		}
		switch {
		case e.now == nil:
			sku := e.old.SKU
			pc.now, pc.gone, pc.put = true, 1, func(p *warehouse.ModelPart) { p.DropItems = append(p.DropItems, sku) }
		default:
			it := *e.now
			if e.old != nil && (it.Min != e.old.Min || it.Max != e.old.Max || it.Reorder != e.old.Reorder || it.MinDays != e.old.MinDays) {
				pc.rows += 8 // its levels are told anew, to each owner
			}
			pc.now = e.old != nil && (it.LotTracked != e.old.LotTracked || it.Serials != e.old.Serials)
			if b, err := json.Marshal(it); err == nil { // longer than what is sent
				pc.bytes = len(b)
			}
			pc.put = func(p *warehouse.ModelPart) { p.Items = append(p.Items, it) }
		}
		out = append(out, pc)
	}
	for _, e := range d.workers {
		pc := piece{rows: 4, aside: 5, bytes: 500}
		switch {
		case e.now == nil:
			id := e.old.ID
			pc.now, pc.gone, pc.put = true, 1, func(p *warehouse.ModelPart) { p.DropWorkers = append(p.DropWorkers, id) }
		default:
			w := *e.now
			pc.now = e.old != nil && w.Kind != e.old.Kind
			pc.put = func(p *warehouse.ModelPart) { p.Workers = append(p.Workers, w) }
		}
		out = append(out, pc)
	}
	return out
}

// Trim leaves at most n changes of each kind and action, and n of every other list,
// and counts the others in More.
func (p *Plan) Trim(n int) {
	p.More = map[string]int{}
	seen := map[[2]string]int{}
	p.Changes = slices.DeleteFunc(p.Changes, func(c Change) bool {
		k := [2]string{c.Action, c.Kind}
		if seen[k]++; seen[k] > n {
			p.More[c.Action+" "+c.Kind]++
			return true
		}
		return false
	})
	uses := map[string]int{}
	p.InUse = slices.DeleteFunc(p.InUse, func(u warehouse.ModelUse) bool {
		if uses[u.Kind]++; uses[u.Kind] > n {
			p.More["in use: "+u.Kind]++
			return true
		}
		return false
	})
	for _, l := range []struct {
		name string
		list *[]Problem
	}{{"problems", &p.Problems}, {"warnings", &p.Warnings}} {
		if over := len(*l.list) - n; over > 0 {
			*l.list = (*l.list)[:n]
			p.More[l.name] = over
		}
	}
}
