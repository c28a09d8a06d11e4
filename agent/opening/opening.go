// Package opening compares the opening count of a site's bins, as people wrote it
// into a file, with what the site holds, and makes the commands that book the
// difference (warehouse/opening.go has their rules). It is pure: it reads a snapshot
// of the state and proposes nothing itself. No goroutine.
package opening

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/agent/intake"
	"tote/warehouse"
)

// What a position is beside the book.
const (
	New   = "new"   // the book has none of it in this bin
	Equal = "equal" // as the book says
	More  = "more"
	Less  = "less"
	Gone  = "gone" // the book has it in a counted bin, and the file does not
	Done  = "done" // the bin was booked so already

	Skipped = "skipped" // a bin of another zone
)

// Codes of rows that cannot be booked as they are, beside those of the warehouse;
// and of warnings: what lies there is booked, though it should not lie there.
const (
	CodeLotMissing  = "LOT_MISSING"
	CodeOtherZone   = "OTHER_ZONE"
	CodeReserved    = "RESERVED_MISSING"
	CodeSerialThere = "SERIAL_ELSEWHERE"
	CodeReason      = "REASON_WANTED"

	CodeLotExpired = "LOT_EXPIRED"
	CodeBinClass   = "BIN_CLASS"
	CodeOverweight = "BIN_OVERWEIGHT"
	CodeOverfull   = "BIN_OVERFULL"
)

// Bounds of a report, and of a command: well below the 64 KiB of a log entry.
const (
	maxProblems = 100
	partLines   = 150
	partBins    = 150
)

// Options say what of a file is booked, and how.
type Options struct {
	Zone    string // only bins of this zone; see OneZone
	OneZone bool
	Recount bool   // also bins that were worked on since they were counted
	Reason  string // of warehouse.OpeningReasons: why a bin is counted anew
}

// Position is one counted position beside the book.
type Position struct {
	Line    int    `json:"line,omitempty"` // 0 = only the book has it
	Zone    string `json:"zone"`
	Bin     string `json:"bin"`
	SKU     string `json:"sku"`
	Lot     string `json:"lot,omitempty"`
	Expiry  string `json:"expiry,omitempty"`
	Serial  string `json:"serial,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Status  string `json:"status,omitempty"`
	Counted int64  `json:"counted"`
	Book    int64  `json:"book"`
	What    string `json:"what"`
	Warning string `json:"warning,omitempty"` // code
	Text    string `json:"text,omitempty"`
	held    int64  // reserved of it
}

// Total sums up a zone and owner.
type Total struct {
	Zone      string `json:"zone"`
	Owner     string `json:"owner"` // "" = the house
	Bins      int    `json:"bins"`  // with goods of the owner, or counted empty
	Positions int    `json:"positions"`
	Counted   int64  `json:"counted"`
	Book      int64  `json:"book"`
}

// Report is the whole difference.
type Report struct {
	Rows      int              `json:"rows"`
	Bins      int              `json:"bins"`     // counted in the file
	Done      int              `json:"done"`     // of them booked so already
	NotThere  int              `json:"left"`     // bins of the zones of the file that it does not name and nobody counted yet
	Skipped   int              `json:"skipped"`  // rows of other zones
	Counts    map[string]int   `json:"counts"`   // positions by what they are
	Warnings  map[string]int   `json:"warnings"` // positions by code
	Totals    []Total          `json:"totals"`
	Positions []Position       `json:"positions"` // by bin
	Problems  []intake.Problem `json:"problems"`
	More      int              `json:"moreProblems"`
}

// Part is a command and how many positions of the file it stands for.
type Part struct {
	Command   warehouse.BookOpening
	Positions int
}

// plan is a report in the making.
type plan struct {
	r     warehouse.Reader
	opt   Options
	now   time.Time
	rep   Report
	items map[string]*warehouse.Item
	tot   map[[2]string]*Total
	todo  []counted
}

// counted is a bin to be booked.
type counted struct {
	bin   *warehouse.Bin
	sum   string
	lines []warehouse.OpeningLine
}

// Compare compares a file of a count, as intake.ParseCount read it, with the state.
// With problems there are no parts: a file is booked whole or not at all.
func Compare(f *intake.File, rows []intake.Counted, r warehouse.Reader, now time.Time, opt Options) (*Report, []Part, error) {
	p := &plan{
		r: r, opt: opt, now: now, items: map[string]*warehouse.Item{}, tot: map[[2]string]*Total{},
		rep: Report{
			Rows: f.Rows, Counts: map[string]int{}, Warnings: map[string]int{},
			Problems: append([]intake.Problem{}, f.Problems...), More: f.More, Positions: []Position{}, Totals: []Total{},
		},
	}
	if len(f.Problems) > 0 {
		return &p.rep, nil, nil // what cannot be read cannot be compared
	}
	if opt.Reason != "" && !slices.Contains(warehouse.OpeningReasons, opt.Reason) {
		p.problem(intake.Problem{Code: CodeReason, Text: fmt.Sprintf("reason %q: one of %s", opt.Reason, strings.Join(warehouse.OpeningReasons, ", "))})
		return &p.rep, nil, nil
	}
	slices.SortStableFunc(rows, func(a, b intake.Counted) int { return cmp.Compare(a.Bin, b.Bin) })
	named := map[string]bool{}
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].Bin == rows[0].Bin {
			n++
		}
		named[rows[0].Bin] = true
		if err := p.bin(rows[:n]); err != nil {
			return nil, nil, err
		}
		rows = rows[n:]
	}
	if err := p.left(named); err != nil {
		return nil, nil, err
	}
	for _, t := range p.tot {
		p.rep.Totals = append(p.rep.Totals, *t)
	}
	slices.SortFunc(p.rep.Totals, func(a, b Total) int { return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Owner, b.Owner)) })
	parts := p.parts()
	for _, part := range parts {
		if len(p.rep.Problems) > 0 {
			break
		}
		if err := p.try(part); err != nil {
			return nil, nil, err
		}
	}
	if len(p.rep.Problems) > 0 {
		slices.SortStableFunc(p.rep.Problems, func(a, b intake.Problem) int { return cmp.Compare(a.Line, b.Line) })
		return &p.rep, nil, nil
	}
	return &p.rep, parts, nil
}

func (p *plan) problem(at intake.Problem) {
	if len(p.rep.Problems) < maxProblems {
		p.rep.Problems = append(p.rep.Problems, at)
	} else {
		p.rep.More++
	}
}

// bin compares all rows of one bin.
func (p *plan) bin(rows []intake.Counted) error {
	bin, err := warehouse.GetBin(p.r, rows[0].Bin)
	if err != nil {
		return err
	}
	if bin == nil {
		for _, row := range rows {
			p.problem(intake.Problem{Line: row.Line, Column: "bin", Code: warehouse.CodeUnknownBin, Text: "no bin " + row.Bin})
		}
		return nil
	}
	if p.opt.OneZone && bin.Zone != p.opt.Zone {
		p.skip(bin, rows)
		return nil
	}
	p.rep.Bins++
	positions, good, err := p.positions(bin, rows)
	if err != nil || !good {
		return err
	}
	sum := sumOf(rows)
	head, err := warehouse.GetOpenedBin(p.r, bin.Code)
	if err != nil {
		return err
	}
	done := head != nil && head.Sum == sum
	if done {
		p.rep.Done++
	} else if good, err = p.allowed(bin, head, positions, rows[0].Line); err != nil || !good {
		return err
	}
	p.list(bin, positions, done)
	if !done {
		p.todo = append(p.todo, counted{bin, sum, linesOf(positions)})
	}
	return nil
}

// skip lists rows of a zone that is not counted now.
func (p *plan) skip(bin *warehouse.Bin, rows []intake.Counted) {
	p.rep.Skipped += len(rows)
	for _, row := range rows {
		p.rep.Positions = append(p.rep.Positions, Position{
			Line: row.Line, Zone: bin.Zone, Bin: bin.Code, SKU: row.SKU, Lot: row.Lot, Expiry: row.Expiry, Serial: row.Serial,
			Owner: row.Owner, Status: row.Status, Counted: row.Qty, What: Skipped, Warning: CodeOtherZone, Text: "left out: another zone",
		})
	}
	p.rep.Counts[Skipped] += len(rows)
	p.rep.Warnings[CodeOtherZone] += len(rows)
}

// positions are those of the file and of the book.
func (p *plan) positions(bin *warehouse.Bin, rows []intake.Counted) (out []Position, good bool, err error) {
	good = true
	for _, row := range rows {
		if row.SKU == "" {
			continue // the bin is empty
		}
		ok, err := p.row(row)
		if err != nil {
			return nil, false, err
		}
		good = good && ok
		if row.Lot != "" && row.Expiry == "" {
			if row.Expiry, err = warehouse.LotExpiry(p.r, row.SKU, row.Lot); err != nil {
				return nil, false, err
			}
		}
		out = append(out, Position{
			Line: row.Line, Zone: bin.Zone, Bin: bin.Code, SKU: row.SKU, Lot: row.Lot, Expiry: row.Expiry, Serial: row.Serial,
			Owner: row.Owner, Status: row.Status, Counted: row.Qty,
		})
	}
	if !good {
		return nil, false, nil
	}
	held, skus, err := warehouse.Standing(p.r, bin.Code)
	if err != nil {
		return nil, false, err
	}
	for i, h := range held {
		at := slices.IndexFunc(out, func(o Position) bool {
			return o.SKU == skus[i] && o.Lot == h.Lot && o.Serial == h.Serial && o.Owner == h.Owner && o.Status == h.Status
		})
		if at < 0 {
			out = append(out, Position{
				Zone: bin.Zone, Bin: bin.Code, SKU: skus[i], Lot: h.Lot, Serial: h.Serial, Owner: h.Owner, Status: h.Status,
			})
			at = len(out) - 1
		}
		out[at].Book, out[at].held = h.Qty, h.Reserved
		out[at].Expiry = cmp.Or(out[at].Expiry, h.Expiry)
	}
	for i := range out {
		out[i].What = what(&out[i])
	}
	return out, true, nil
}

func what(o *Position) string {
	switch {
	case o.Counted == o.Book:
		return Equal
	case o.Book == 0:
		return New
	case o.Counted == 0 && o.Line == 0:
		return Gone
	case o.Counted < o.Book:
		return Less
	}
	return More
}

// sumOf is the sum of what was counted in a bin, in whatever order it stands in the
// file.
func sumOf(rows []intake.Counted) string {
	var all []string
	for _, o := range rows {
		if o.Qty > 0 {
			all = append(all, fmt.Sprintf("%q %q %q %q %q %q %d", o.SKU, o.Lot, o.Expiry, o.Serial, o.Owner, o.Status, o.Qty))
		}
	}
	slices.Sort(all)
	h := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return hex.EncodeToString(h[:16])
}

func linesOf(positions []Position) (out []warehouse.OpeningLine) {
	for _, o := range positions {
		if o.Counted > 0 || o.Book > 0 {
			out = append(out, warehouse.OpeningLine{
				SKU: o.SKU, Lot: o.Lot, Expiry: o.Expiry, Serial: o.Serial, Owner: o.Owner, Status: o.Status, Was: o.Book, Qty: o.Counted,
			})
		}
	}
	return out
}

// list takes the positions of a bin into the report.
func (p *plan) list(bin *warehouse.Bin, positions []Position, done bool) {
	owners := map[string]bool{}
	for i := range positions {
		o := &positions[i]
		if done {
			o.What = Done
		} else {
			p.warn(bin, o)
		}
		p.rep.Counts[o.What]++
		t := p.total(bin.Zone, o.Owner)
		t.Positions++
		t.Counted += o.Counted
		t.Book += o.Book
		if !owners[o.Owner] {
			owners[o.Owner] = true
			t.Bins++
		}
	}
	if len(positions) == 0 {
		p.total(bin.Zone, "").Bins++
	} else if !done {
		p.load(bin, positions)
	}
	for _, o := range positions {
		if o.Warning != "" {
			p.rep.Warnings[o.Warning]++
		}
	}
	p.rep.Positions = append(p.rep.Positions, positions...)
}

func (p *plan) total(zone, owner string) *Total {
	k := [2]string{zone, owner}
	if p.tot[k] == nil {
		p.tot[k] = &Total{Zone: zone, Owner: owner}
	}
	return p.tot[k]
}

// left counts the bins of the zones at hand that nobody counted.
func (p *plan) left(named map[string]bool) error {
	zones := map[string]bool{}
	for k := range p.tot {
		zones[k[0]] = true
	}
	bins, err := warehouse.Bins(p.r)
	for _, b := range bins {
		if err != nil || !zones[b.Zone] || named[b.Code] {
			continue
		}
		var head *warehouse.OpenedBin
		if head, err = warehouse.GetOpenedBin(p.r, b.Code); head == nil {
			p.rep.NotThere++
		}
	}
	return err
}
