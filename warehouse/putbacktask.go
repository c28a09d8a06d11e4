package warehouse

import "slices"

// Put-back as floor work, from level 4 on. What waits in a tote to be put back
// is a floor task PUTBACK, one for each line, beside the fallout that parks the
// order: it is claimed, leased, skipped, handed over and found again like every
// other one.
//
//   - There is a task while the tote stands still. On a cart it is the work of
//     who has the cart; the task comes when the tote is put down.
//   - Nothing is reserved for it: goods in the tote of an order are nobody
//     else's. Which lot or unit goes back is what the worker takes out, one at a
//     time; the line must have it.
//   - They go to the bin they were picked from, if it takes the item's class, is
//     not in doubt and is not being counted; else where goods that came in go.
//   - Goods in hand go back whatever the OMS says meanwhile: a line that wants
//     them again gets others.
//   - The command PutBack is still there for who has no handheld. It does not
//     reach what somebody has in hand.

// askPutBacks brings the put-back tasks of an order in line with what is to be
// put back. The order is not saved.
func (c *change) askPutBacks(o *Order) error {
	if !c.since(level4) {
		return nil
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.PutTask == "" && (l.PutBack == 0 || o.Batch != "") {
			continue
		}
		t, err := c.putBackTask(l)
		if err != nil {
			return err
		}
		switch moving := o.Batch != "" && (t == nil || t.Held == 0); {
		case t == nil:
			err = c.newPutBack(o, l)
		case l.PutBack == 0 || moving:
			l.PutTask = ""
			err = c.dropFloor(t)
		case t.Qty != l.PutBack || t.From != LUPlace(o.Tote):
			if t.From != LUPlace(o.Tote) {
				t.From, t.AtFrom = LUPlace(o.Tote), t.Held > 0
			}
			t.Qty = l.PutBack
			err = c.saveFloor(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newPutBack makes the task of a line.
func (c *change) newPutBack(o *Order, l *LineState) error {
	to, err := c.putBackBin(l, func(*Task) bool { return true })
	if err != nil {
		return err
	}
	t, err := c.newFloorTask(FloorTask{
		Kind: FloorPutBack, SKU: l.SKU, Owner: o.Spec.Owner, Qty: l.PutBack, From: LUPlace(o.Tote), To: to,
		Order: o.Spec.ID, Line: l.Line, Reason: o.putBackWhy(),
	})
	if err == nil {
		l.PutTask = t.ID
	}
	return err
}

// putBackWhy says in a word why goods of an order go back.
func (o *Order) putBackWhy() string {
	if o.State == OrderCancelled {
		return "cancelled"
	}
	return "amended"
}

// putBackTask is the put-back task of a line, nil when there is none.
func (c *change) putBackTask(l *LineState) (*FloorTask, error) {
	if l.PutTask == "" {
		return nil, nil
	}
	return must2(GetFloorTask(c, l.PutTask))("floor task", l.PutTask)
}

// backInHand is how much of a line somebody took out of the tote to put it back.
func (c *change) backInHand(l *LineState) (int64, error) {
	t, err := c.putBackTask(l)
	if err != nil || t == nil {
		return 0, err
	}
	return t.Held, nil
}

// freeInTote refuses to take goods of a line out of the tote that somebody has
// in hand to put them back.
func (c *change) freeInTote(l *LineState, lot, serial string, qty, most int64) error {
	t, err := c.putBackTask(l)
	if err != nil || t == nil || t.Held == 0 {
		return err
	}
	if qty > most-t.Held || lot == t.Lot && serial == t.Serial && qty > l.ofLot(lot, serial)-t.Held {
		return refuse(CodeClaimed, "%s has %d of line %d in hand, task %s", t.Worker, t.Held, l.Line, t.ID)
	}
	return nil
}

// ofLot is how much of a line was picked of one lot or unit.
func (l *LineState) ofLot(lot, serial string) int64 {
	for _, q := range l.Lots {
		if q.Lot == lot && q.Serial == serial {
			return q.Qty
		}
	}
	return 0
}

// putBackBin is where goods of a line go back to, as a place: the bin they came
// from by the newest pick that fits, else a bin of their class.
func (c *change) putBackBin(l *LineState, fits func(*Task) bool) (string, error) {
	it, err := must2(GetItem(c, l.SKU))("item", l.SKU)
	if err != nil {
		return "", err
	}
	for _, id := range slices.Backward(l.Tasks) {
		t, err := c.task(id)
		if err != nil {
			return "", err
		}
		if t.Picked == 0 || t.SKU != l.SKU || !fits(t) {
			continue
		}
		if ok, err := c.takesBack(t.Bin, it); err != nil || ok {
			return BinPlace(t.Bin), err
		}
	}
	return c.putawayBin(l.SKU)
}

// takesBack tells whether goods may go back to the bin they came from.
func (c *change) takesBack(bin string, it *Item) (bool, error) {
	b, err := GetBin(c, bin)
	if err != nil || b == nil || b.Class != "" && b.Class != it.Class {
		return false, err
	}
	if bad, err := isSuspect(c, bin, it.SKU); err != nil || bad {
		return false, err
	}
	counted, err := c.Get(key(kCounting, bin))
	return counted == nil, err
}

// putBackLine is the order and the line of a put-back task.
func (c *change) putBackLine(t *FloorTask) (*Order, *LineState, error) {
	o, err := must2(c.order(t.Order))("order", t.Order)
	if err != nil {
		return nil, nil, err
	}
	l, err := lineOf(o, t.Line)
	return o, l, err
}

// takeBackItem is the scan of a piece that goes back. One lot or unit is in
// hand at a time: the book has to know what went into which bin.
func (c *change) takeBackItem(t *FloorTask, barcode string, qty int64) error {
	f, err := findItem(c, barcode)
	if err != nil {
		return err
	}
	_, l, err := c.putBackLine(t)
	if err != nil {
		return err
	}
	it := f.item
	if it == nil {
		return refuse(CodeUnknownBarcode, "no item has this barcode")
	}
	lot, serial := "", ""
	if it.LotTracked {
		lot = f.lot
	}
	if it.Serials {
		serial = f.serial
	}
	qty *= max(f.units, 1)
	switch {
	case it.SKU != t.SKU:
		return refuse(CodeWrongItem, "this is %s, expected %s", it.SKU, t.SKU)
	case it.LotTracked && lot == "":
		return refuse(CodeWrongLot, "scan the code with the lot")
	case it.Serials && serial == "":
		return refuse(CodeWrongSerial, "scan the code with the serial")
	case t.Held > 0 && lot != t.Lot:
		return refuse(CodeWrongLot, "%d of lot %s are in hand: put them down first", t.Held, t.Lot)
	case t.Held > 0 && serial != t.Serial:
		return refuse(CodeWrongSerial, "unit %s is in hand: put it down first", t.Serial)
	case t.Held+qty > t.Qty:
		return refuse(CodeOverPick, "%d more, needed %d", qty, t.Qty-t.Held)
	case it.Serials && l.ofLot(lot, serial) == 0:
		return refuse(CodeWrongSerial, "unit %s is not in %s", serial, bareCode(t.From))
	case t.Held+qty > l.ofLot(lot, serial):
		return refuse(CodeWrongLot, "%d of lot %q are in %s", l.ofLot(lot, serial), lot, bareCode(t.From))
	}
	if t.Held == 0 {
		t.Lot, t.Serial = lot, serial
		if t.To, err = c.putBackBin(l, func(p *Task) bool { return p.Lot == lot && p.Serial == serial }); err != nil {
			return err
		}
	}
	t.Held += qty
	return nil
}

// putBackDown moves what is in hand into a bin. What is left of the task follows
// from the order.
func (c *change) putBackDown(t *FloorTask, bin string) error {
	o, l, err := c.putBackLine(t)
	if err != nil {
		return err
	}
	ws, err := c.workerState(t.Worker)
	if err != nil {
		return err
	}
	qty, lot, serial := t.Held, t.Lot, t.Serial
	t.Held, t.Lot, t.Serial, t.Confirm = 0, "", "", ""
	if err := c.keepFloor(t, ws); err != nil {
		return err
	}
	return c.goBack(o, l, lot, serial, qty, bin)
}

// putBackHint fills in what a handheld shows of a put-back: where the tote
// stands, and a lot or unit to take. Any other one of the line will do.
func putBackHint(r Reader, t *FloorTask, s *Step) error {
	if s.Do == StepScanUnit {
		lu, err := must2(GetLU(r, s.Tote))("logistic unit", s.Tote)
		if err != nil {
			return err
		}
		s.Bin = bareCode(lu.Place)
	}
	if t.Held > 0 {
		return nil
	}
	o, err := must2(GetOrder(r, t.Order))("order", t.Order)
	if err != nil {
		return err
	}
	l, err := lineOf(o, t.Line)
	if err == nil && len(l.Lots) > 0 {
		last := l.Lots[len(l.Lots)-1]
		s.Lot, s.Serial = last.Lot, last.Serial
	}
	return err
}
