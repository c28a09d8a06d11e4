package api

import (
	"fmt"

	"tote/agent/intake"
	"tote/warehouse"
)

// maxListed bounds the problems of one answer.
const maxListed = 100

// checkCount looks up every position of a counted file before anything of it is
// booked: a file is booked whole or not at all. Unless add is set, a position
// that holds stock already is a problem too; a corrected file would otherwise
// book what it counts on top of what the first one booked.
func (s *server) checkCount(cmds []warehouse.Command, add bool) ([]intake.Problem, error) {
	var problems []intake.Problem
	err := s.cfg.View(func(r warehouse.Reader) error {
		line := 1 // the header
		for _, c := range cmds {
			for _, row := range c.(warehouse.OpenStock).Rows {
				line++
				code, text, err := position(r, row, add)
				if err != nil {
					return err
				}
				if code != "" && len(problems) < maxListed {
					problems = append(problems, intake.Problem{Line: line, Code: code, Text: text})
				}
			}
		}
		return nil
	})
	return problems, err
}

// position says what is wrong with one counted position; "" = nothing.
func position(r warehouse.Reader, row warehouse.StockRow, add bool) (code, text string, err error) {
	bin, err := warehouse.GetBin(r, row.Bin)
	if err != nil {
		return "", "", err
	}
	if bin == nil {
		return warehouse.CodeUnknownBin, "no bin " + row.Bin, nil
	}
	item, err := warehouse.GetItem(r, row.SKU)
	switch {
	case err != nil:
		return "", "", err
	case item == nil:
		return warehouse.CodeUnknownItem, "no item " + row.SKU, nil
	case item.LotTracked && row.Lot == "":
		return warehouse.CodeInvalid, row.SKU + " is kept by lot, and the row names none", nil
	case !item.LotTracked && row.Lot != "":
		return warehouse.CodeInvalid, row.SKU + " is not kept by lot", nil
	case add:
		return "", "", nil
	}
	held, err := warehouse.Held(r, warehouse.BinPlace(row.Bin), row.SKU, row.Lot)
	if err != nil || held <= 0 {
		return "", "", err
	}
	return CodeStockThere, fmt.Sprintf("bin %s holds %d of %s already; with add=1 the file is added to what is there, and what the very same file booked before is not booked twice",
		row.Bin, held, row.SKU), nil
}
