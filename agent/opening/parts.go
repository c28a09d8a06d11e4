package opening

import (
	"fmt"
	"slices"

	"tote/agent/intake"
	"tote/warehouse"
)

// parts cuts what is to be booked into commands of one zone each. A bin of many
// positions goes over several; until the last one it is not counted.
func (p *plan) parts() (out []Part) {
	slices.SortStableFunc(p.todo, func(a, b counted) int {
		switch {
		case a.bin.Zone < b.bin.Zone:
			return -1
		case a.bin.Zone > b.bin.Zone:
			return 1
		}
		return 0
	})
	var now *Part
	next := func(zone string) {
		out = append(out, Part{Command: warehouse.BookOpening{Zone: zone, Reason: p.opt.Reason, Recount: p.opt.Recount}})
		now = &out[len(out)-1]
	}
	for i, b := range p.todo {
		if i == 0 || b.bin.Zone != p.todo[i-1].bin.Zone {
			if now != nil {
				now.Command.Last = true
			}
			next(b.bin.Zone)
		}
		lines := b.lines
		for first := true; first || len(lines) > 0; first = false {
			if now.Positions > 0 && now.Positions+len(lines) > partLines || len(now.Command.Bins) == partBins {
				next(b.bin.Zone)
			}
			n := min(len(lines), partLines)
			now.Command.Bins = append(now.Command.Bins, warehouse.BinCount{Bin: b.bin.Code, Sum: b.sum, Lines: lines[:n:n], More: n < len(lines)})
			now.Positions += n
			lines = lines[n:]
		}
	}
	if now != nil {
		now.Command.Last = true
	}
	return out
}

// try asks the site what it would say to a part, and for each of its bins when it
// says no. The rest of a bin that was begun in an earlier part cannot be asked for.
func (p *plan) try(part Part) error {
	m := warehouse.Meta{Now: p.now.UnixMilli(), Actor: "site/api", Cause: "try", Level: warehouse.Level}
	res, err := warehouse.Try(p.r, m, part.Command)
	if err != nil || res.OK {
		return err
	}
	named := false
	for i := range part.Command.Bins {
		one := part.Command
		one.Bins = part.Command.Bins[i : i+1]
		res, err := warehouse.Try(p.r, m, one)
		if err != nil {
			return err
		}
		if !res.OK {
			named = true
			p.problem(intake.Problem{Line: p.lineOf(one.Bins[0].Bin), Column: "bin", Code: res.Code, Text: fmt.Sprintf("bin %s: %s", one.Bins[0].Bin, res.Text)})
		}
	}
	if !named {
		p.problem(intake.Problem{Line: p.lineOf(part.Command.Bins[0].Bin), Code: res.Code, Text: res.Text})
	}
	return nil
}

// lineOf is the first line of a bin in the file.
func (p *plan) lineOf(bin string) int {
	for _, o := range p.rep.Positions {
		if o.Bin == bin && o.Line > 0 {
			return o.Line
		}
	}
	return 0
}
