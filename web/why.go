package web

import (
	"fmt"
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
	return append(out, quoted(c, o)...), nil
}

// quoted says what the site asked the OMS for a change, until that is answered.
func quoted(c clock, o *warehouse.Order) []reason {
	state := o.RequestState()
	what := map[warehouse.RequestState]string{warehouse.RequestAmendQuoted: "a change", warehouse.RequestCancel: "the cancel"}[state]
	if what == "" {
		return nil
	}
	text := fmt.Sprintf("The OMS was told what %s costs on top: %d.%02d.", what, o.Request.Charge/100, o.Request.Charge%100)
	if len(o.Request.Limits) > 0 {
		text += " It does not reach: " + strings.Join(o.Request.Limits, ", ") + "."
	}
	return []reason{{Level: levelOK, What: text, Since: c.ms(o.Request.At), Action: "Go on with the order; the OMS accepts or declines."}}
}
