package warehouse

import (
	"fmt"
	"strings"
)

// Put-back: goods that were picked and are not wanted any more go from the tote
// back into a bin. The order is parked (PUT_BACK) until all of them are. Workers
// do it as a floor task (putbacktask.go); PutBack is for who has no handheld.

// PutBack says that a person put goods of an order back: Qty of a line from the
// order's tote or open carton into a bin. Lot and Serial are asked for items that
// have them.
type PutBack struct {
	Order string `cbor:"1,keyasint" json:"order"`
	Line  int    `cbor:"2,keyasint" json:"line"`
	Bin   string `cbor:"3,keyasint" json:"bin"`
	Qty   int64  `cbor:"4,keyasint" json:"qty"`
	Lot   string `cbor:"5,keyasint,omitempty" json:"lot,omitempty"`

	Serial string `cbor:"6,keyasint,omitempty" json:"serial,omitempty"`
}

// Kind of the command.
func (PutBack) Kind() Kind { return KindPutBack }

func isPutBack(f *Fallout) bool { return f.Code == FalloutPutBack }

// markPutBack opens, updates or ends the fallout for what has to be put back.
// The order is not saved.
func (c *change) markPutBack(o *Order) error {
	var total int64
	var what []string
	for _, l := range o.Lines {
		if l.PutBack > 0 {
			total += l.PutBack
			what = append(what, fmt.Sprintf("line %d: %d %s", l.Line, l.PutBack, l.SKU))
		}
	}
	if total == 0 {
		return c.clearFallouts(o, c.meta.Actor, isPutBack)
	}
	return c.setFallout(o, Fallout{Code: FalloutPutBack, Qty: total, LU: o.Tote, Detail: cleanText(strings.Join(what, ", "))})
}

func putBack(c *change, cmd PutBack) (Result, error) {
	res := Result{Ref: cmd.Order}
	o, err := c.knownOrder(cmd.Order)
	if err != nil {
		return res, err
	}
	if !hasLine(o, cmd.Line) {
		return res, refuse(CodeInvalid, "order %s has no line %d", cmd.Order, cmd.Line)
	}
	l, err := lineOf(o, cmd.Line)
	if err != nil {
		return res, err
	}
	switch {
	case cmd.Qty < 1:
		return res, refuse(CodeInvalid, "quantity")
	case cmd.Qty > l.PutBack:
		return res, refuse(CodeNoPutBack, "%d of line %d have to be put back", l.PutBack, cmd.Line)
	case !validID(cmd.Bin):
		return res, refuse(CodeUnknownBin, "bin %q", cmd.Bin)
	}
	bin, err := GetBin(c, cmd.Bin)
	if err != nil {
		return res, err
	}
	if bin == nil {
		return res, refuse(CodeUnknownBin, "bin %s", cmd.Bin)
	}
	if err := c.freeInTote(l, cmd.Lot, cmd.Serial, cmd.Qty, l.PutBack); err != nil {
		return res, err
	}
	return res, c.goBack(o, l, cmd.Lot, cmd.Serial, cmd.Qty, cmd.Bin)
}

// goBack moves goods of a line that are not wanted any more from the tote into a
// bin. They come back as they were picked: sellable, with their lot, serial and
// owner.
func (c *change) goBack(o *Order, l *LineState, lot, serial string, qty int64, bin string) error {
	if !l.dropLot(lot, serial, qty) {
		return refuse(CodeWrongLot, "line %d has no %d of lot %q, serial %q", l.Line, qty, cleanText(lot), cleanText(serial))
	}
	s := stockKey{sku: l.SKU, lot: lot, serial: serial, owner: o.Spec.Owner}
	if err := c.move(s, qty, LUPlace(o.Tote), BinPlace(bin), 0); err != nil {
		return err
	}
	l.Picked -= qty
	l.PutBack -= qty
	l.Returned += qty
	if err := c.markPutBack(o); err != nil {
		return err
	}
	if o.State == OrderCancelled {
		if err := c.emptied(o); err != nil {
			return err
		}
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	return c.retryWaiting([]string{demand{l.SKU, o.Spec.Owner}.row()})
}

// emptied frees the tote of a cancelled order once nothing is in it; what a
// robot failed to carry is in a person's hands then.
func (c *change) emptied(o *Order) error {
	for _, l := range o.Lines {
		if l.PutBack > 0 {
			return nil
		}
	}
	if err := c.clearFallouts(o, c.meta.Actor, isTransportFallout); err != nil {
		return err
	}
	return c.freeTote(o)
}

// freeTote takes the empty tote off a cancelled order. One on a cart stays until
// the walk is over.
func (c *change) freeTote(o *Order) error {
	if o.Batch != "" || o.Tote == "" {
		return nil
	}
	if err := c.endTrip(o.Tote); err != nil {
		return err
	}
	lu, err := must2(GetLU(c, o.Tote))("logistic unit", o.Tote)
	if err != nil {
		return err
	}
	lu.Order, o.Tote = "", ""
	c.touch("lu", lu.ID)
	return save(c, key(kLU, lu.ID), lu)
}

// dropLot takes picked units of a lot off a line; false when it has too few.
func (l *LineState) dropLot(lot, serial string, qty int64) bool {
	for i := range l.Lots {
		if l.Lots[i].Lot != lot || l.Lots[i].Serial != serial {
			continue
		}
		if l.Lots[i].Qty < qty {
			return false
		}
		l.Lots[i].Qty -= qty
		if l.Lots[i].Qty == 0 {
			l.Lots = append(l.Lots[:i:i], l.Lots[i+1:]...)
		}
		return true
	}
	return false
}
