package opening

import (
	"fmt"
	"strings"
	"time"

	"tote/agent/intake"
	"tote/warehouse"
)

// row looks at one row of the file beside the master data. What is wrong is a
// problem of the file.
func (p *plan) row(row intake.Counted) (good bool, err error) {
	bad := func(column, code, format string, args ...any) (bool, error) {
		p.problem(intake.Problem{Line: row.Line, Column: column, Code: code, Text: fmt.Sprintf(format, args...)})
		return false, nil
	}
	it, err := p.item(row.SKU)
	switch {
	case err != nil:
		return false, err
	case it == nil:
		hint, err := p.meant(row.SKU)
		if err != nil {
			return false, err
		}
		return bad("sku", warehouse.CodeUnknownItem, "no item %s%s", row.SKU, hint)
	case it.LotTracked && row.Lot == "":
		return bad("lot", CodeLotMissing, "%s is kept by lot, and the row names none", row.SKU)
	case !it.LotTracked && row.Lot != "":
		return bad("lot", warehouse.CodeInvalid, "%s is not kept by lot", row.SKU)
	case it.Serials && row.Serial == "":
		return bad("serial", warehouse.CodeInvalid, "each unit of %s has a serial: one row for each", row.SKU)
	case !it.Serials && row.Serial != "":
		return bad("serial", warehouse.CodeInvalid, "%s has no serials", row.SKU)
	case it.Serials && row.Qty > 1:
		return bad("qty", warehouse.CodeInvalid, "a serial is one unit")
	case row.Serial != "" && row.Qty > 0:
		return p.serial(row)
	}
	return true, nil
}

// serial: a unit that the book has elsewhere is taken out there first.
func (p *plan) serial(row intake.Counted) (bool, error) {
	at, err := warehouse.SerialPlace(p.r, row.SKU, row.Serial)
	if err != nil || at == "" || at == warehouse.BinPlace(row.Bin) {
		return err == nil, err
	}
	p.problem(intake.Problem{
		Line: row.Line, Column: "serial", Code: CodeSerialThere,
		Text: fmt.Sprintf("serial %s of %s is in %s by the book: bring in the count of that place first, in a file without it, or move it", row.Serial, row.SKU, at),
	})
	return false, nil
}

func (p *plan) item(sku string) (*warehouse.Item, error) {
	if it, ok := p.items[sku]; ok {
		return it, nil
	}
	it, err := warehouse.GetItem(p.r, sku)
	if err == nil {
		p.items[sku] = it
	}
	return it, err
}

// meant is a hint at an item whose number lost its leading zeros, or whose barcode
// stands where its SKU should.
func (p *plan) meant(sku string) (string, error) {
	if it, _, err := warehouse.FindItem(p.r, sku); err != nil || it != nil {
		if it == nil {
			return "", err
		}
		return fmt.Sprintf("; it is a barcode of %s: write that", it.SKU), nil
	}
	if strings.Trim(sku, "0123456789") != "" {
		return "", nil
	}
	for long := "0" + sku; len(long) <= 14; long = "0" + long {
		it, err := warehouse.GetItem(p.r, long)
		if err != nil {
			return "", err
		}
		if it == nil && len(long) >= 8 {
			if it, _, err = warehouse.FindItem(p.r, long); err != nil {
				return "", err
			}
		}
		if it != nil {
			return fmt.Sprintf("; %s is there: a spreadsheet takes leading zeros away, format the column as text", it.SKU), nil
		}
	}
	return "", nil
}

// allowed tells whether the count of a bin may be booked.
func (p *plan) allowed(bin *warehouse.Bin, head *warehouse.OpenedBin, positions []Position, line int) (bool, error) {
	differ := false
	for _, o := range positions {
		differ = differ || o.Counted != o.Book
	}
	if !differ {
		return true, nil
	}
	worked, err := warehouse.WorkedOn(p.r, bin.Code)
	if err != nil {
		return false, err
	}
	good := true
	bad := func(line int, code, format string, args ...any) {
		p.problem(intake.Problem{Line: line, Column: "bin", Code: code, Text: fmt.Sprintf(format, args...)})
		good = false
	}
	again := head != nil && head.Sum != ""
	switch {
	case worked && !p.opt.Recount && head != nil:
		bad(line, warehouse.CodeBinWorkedOn, "goods of bin %s were moved since it was counted on %s: count it anew and use --recount, or leave it out",
			bin.Code, time.UnixMilli(head.At).UTC().Format("2006-01-02 15:04"))
	case worked && !p.opt.Recount:
		bad(line, warehouse.CodeBinWorkedOn, "bin %s holds goods that came in otherwise than by its count: count it anew and use --recount, or leave it out", bin.Code)
	case (again || worked) && p.opt.Reason == "":
		bad(line, CodeReason, "bin %s was counted otherwise before: say why with --reason (%s)", bin.Code, strings.Join(warehouse.OpeningReasons, ", "))
	}
	for _, o := range positions {
		if o.Counted < o.held && !p.opt.Recount {
			at := line
			if o.Line > 0 {
				at = o.Line
			}
			bad(at, CodeReserved, "%d of %s in bin %s are reserved for orders, and only %d were counted: with --recount the orders are planned anew", o.held, o.SKU, bin.Code, o.Counted)
		}
	}
	return good, nil
}

// warn says what should not be so and is booked all the same, since it lies there.
func (p *plan) warn(bin *warehouse.Bin, o *Position) {
	it := p.items[o.SKU]
	if o.Counted == 0 || it == nil {
		return
	}
	switch {
	case o.Expiry != "" && o.Expiry <= p.now.UTC().Format(time.DateOnly):
		o.Warning, o.Text = CodeLotExpired, fmt.Sprintf("lot %s ended on %s: no order gets it", o.Lot, o.Expiry)
	case it.Class != "" && bin.Class != it.Class:
		o.Warning, o.Text = CodeBinClass, fmt.Sprintf("%s belongs into bins of class %s, and this one is of class %q", o.SKU, it.Class, bin.Class)
	}
}

// load compares what lies in a bin with what it carries.
func (p *plan) load(bin *warehouse.Bin, positions []Position) {
	var mg, ml int64
	for _, o := range positions {
		if it := p.items[o.SKU]; it != nil && o.Counted > 0 {
			n := min(o.Counted, 1_000_000) // more is over in any case
			mg += n * it.WeightMg
			ml += n * (it.LengthMm * it.WidthMm * it.HeightMm) / 1000
		}
	}
	over := &positions[0]
	switch {
	case over.Warning != "":
	case bin.MaxMg > 0 && mg > bin.MaxMg:
		over.Warning, over.Text = CodeOverweight, fmt.Sprintf("bin %s carries %d g and would hold %d g", bin.Code, bin.MaxMg/1000, mg/1000)
	case bin.MaxMl > 0 && ml > bin.MaxMl:
		over.Warning, over.Text = CodeOverfull, fmt.Sprintf("bin %s has room for %d ml and would hold %d ml", bin.Code, bin.MaxMl, ml)
	}
}
