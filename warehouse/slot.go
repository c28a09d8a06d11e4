package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// The put: goods in hand go into the tote on the order's slot.

// isTote tells whether a barcode is one of the site's totes.
func isTote(site *Site, code string) bool {
	return strings.HasPrefix(code, site.TotePrefix) && len(code) > len(site.TotePrefix) && validID(code)
}

func (c *change) scanSlot(w *walk, site *Site, code string) error {
	// The tote on the slot is one whatever the prefix has become since.
	at := slices.IndexFunc(w.batch.Slots, func(s BatchSlot) bool { return s.Slot == w.task.Slot })
	bound := at >= 0 && w.batch.Slots[at].Tote == code
	if !bound && !isTote(site, code) {
		f, err := findItem(c, code)
		if err == nil && f.item != nil && f.item.SKU == w.task.SKU {
			err = refuse(CodeOverPick, "%d of %d are in hand: scan the tote", w.batch.Held, w.task.Qty)
		}
		if err != nil {
			return err
		}
		return refuse(CodeUnknownTote, "%s is no tote", code)
	}
	return c.put(w, code)
}

// put moves what is in hand into a tote on the slot of the current task, closes
// the task and goes to the next one.
func (c *change) put(w *walk, code string) error {
	if err := c.needOrder(w); err != nil {
		return err
	}
	b, t, o := w.batch, w.task, w.order
	at := slices.IndexFunc(b.Slots, func(s BatchSlot) bool { return s.Slot == t.Slot })
	if at < 0 {
		return fmt.Errorf("%w: batch %s has no slot %d", ErrCorrupt, b.ID, t.Slot)
	}
	slot := &b.Slots[at]
	if slot.Tote != "" && slot.Tote != code {
		return refuse(CodeWrongSlot, "this is %s, slot %d has %s", code, slot.Slot, slot.Tote)
	}
	place := fmt.Sprintf("cart/%s/%d", b.ID, slot.Slot)
	if slot.Tote == "" {
		if err := c.bindTote(w, slot, code, place); err != nil {
			return err
		}
	} else if err := c.fetchTote(code, place); err != nil {
		return err
	}
	if err := c.move(t.stock(), b.Held, BinPlace(t.Bin), LUPlace(code), b.Held); err != nil {
		return err
	}
	l, err := lineOf(o, t.Line)
	if err != nil {
		return err
	}
	l.Picked += b.Held
	l.addLot(LotQty{Lot: t.Lot, Expiry: t.Expiry, Qty: b.Held, Serial: t.Serial})
	if over := l.kept() - l.due(); over > 0 { // amended while the goods were in hand
		l.PutBack += over
		if err := c.markPutBack(o); err != nil {
			return err
		}
	}
	if l.kept() == l.Qty {
		l.State = LinePicked
	}
	t.Picked = b.Held
	if err := c.notePicker(t, b.Worker); err != nil {
		return err
	}
	t.State = TaskDone
	if t.Short > 0 {
		t.State = TaskShort
	}
	if err := c.saveTask(t); err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	c.mayBeLow(t.Bin, t.SKU)
	if err := c.askZero(w); err != nil {
		return err
	}
	return c.advance(w)
}

// bindTote takes a free tote for the slot's order.
func (c *change) bindTote(w *walk, slot *BatchSlot, code, place string) error {
	lu, err := GetLU(c, code)
	if err != nil {
		return err
	}
	if lu != nil && lu.Stock {
		return refuse(CodeToteInUse, "unit %s holds stock", code)
	}
	if lu != nil && lu.Order != "" {
		if slices.ContainsFunc(w.batch.Slots, func(s BatchSlot) bool { return s.Tote == code }) {
			return refuse(CodeWrongSlot, "tote %s stands on another slot", code)
		}
		return refuse(CodeToteInUse, "tote %s holds order %s", code, lu.Order)
	}
	slot.Tote, w.order.Tote = code, code
	c.touch("lu", code)
	return save(c, key(kLU, code), &LU{ID: code, Kind: "tote", Order: w.order.Spec.ID, Place: place})
}

// fetchTote notes that a tote of an earlier batch is on this cart: the first
// put into it proves that the worker fetched it.
func (c *change) fetchTote(code, place string) error {
	lu, err := must2(GetLU(c, code))("logistic unit", code)
	if err != nil || lu.Place == place {
		return err
	}
	return c.placeLU(code, place)
}

func lineOf(o *Order, line int) (*LineState, error) {
	for i := range o.Lines {
		if o.Lines[i].Line == line {
			return &o.Lines[i], nil
		}
	}
	return nil, fmt.Errorf("%w: order %s has no line %d", ErrCorrupt, o.Spec.ID, line)
}

// addLot sums up what was picked by lot, in the order of the first pick.
func (l *LineState) addLot(q LotQty) {
	for i := range l.Lots {
		if l.Lots[i].Lot == q.Lot && l.Lots[i].Serial == q.Serial {
			l.Lots[i].Qty += q.Qty
			return
		}
	}
	l.Lots = append(l.Lots, q)
}

// advance goes to the next task. A bin just scanned is not scanned again: the
// next task there is claimed at once.
func (c *change) advance(w *walk) error {
	bin := w.task.Bin
	w.batch.At++
	w.batch.Held = 0
	if err := c.current(w); err != nil {
		return err
	}
	w.batch.BinOK = w.batch.BinOK && w.task != nil && w.task.Bin == bin
	if !w.batch.BinOK {
		return nil
	}
	return c.claim(w)
}
