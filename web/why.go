package web

import (
	"strings"

	"tote/warehouse"
)

// openFallouts is the fallouts that need a decision, by id.
func openFallouts(r warehouse.Reader) (map[string]warehouse.Fallout, error) {
	open, err := warehouse.Fallouts(r, true)
	byID := make(map[string]warehouse.Fallout, len(open))
	for _, f := range open {
		byID[f.ID] = f
	}
	return byID, err
}

// why answers "why is it not moving" for an order, with times, weights and the
// facts of fallouts in the form of the pages. It always gives at least one
// reason, the most pressing first.
func (s *server) why(r warehouse.Reader, c clock, o *warehouse.Order, open map[string]warehouse.Fallout) ([]reason, error) {
	all, err := warehouse.Why(r, o)
	if err != nil {
		return nil, err
	}
	out := make([]reason, len(all))
	for i, w := range all {
		re := reason{Level: w.Level, Code: w.Code, What: w.What, Who: w.Who, Where: w.Where, Since: c.ms(w.Since), Action: w.Action}
		switch {
		case w.Fallout != "":
			row, err := s.falloutRow(r, c, open[w.Fallout])
			if err != nil {
				return nil, err
			}
			re.Code, re.What, re.Since, re.Action = row.Code, row.Cause, row.Since, row.Action
			if row.Facts != "" {
				re.What += " (" + row.Facts + ")"
			}
		case w.Until != 0:
			re.Action = "If nothing is scanned until " + c.ms(w.Until).Hour() + " it goes back to the pool by itself."
		case w.Mg > 0:
			re.What = "It is being packed; the scale should show " + kilograms(w.Mg) + "."
		}
		if w.Batch != "" {
			re.What = strings.Replace(re.What, w.Batch, short(w.Batch), 1)
		}
		out[i] = re
	}
	return out, nil
}
