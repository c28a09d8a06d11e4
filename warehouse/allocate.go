package warehouse

import (
	"cmp"
	"fmt"
	"slices"
)

// Allocation: which bins and lots an order is picked from. A task is the
// reservation of its stock; there is no other record of it.

// orderPlan is what an order would be picked from.
type orderPlan struct {
	takes       [][]take // by line
	short       []int64  // by line: missing
	subs        []string // by line: the item that stands for it, "" = its own
	all         bool     // nothing is
	partly      bool     // something is found, and the order goes with that
	keys, bytes int      // what it costs to carry it out
	tooBig      string   // why it cannot be
}

// planOrder finds stock for everything an order asks for. It writes nothing.
func (c *change) planOrder(o *Order) (orderPlan, error) {
	p := orderPlan{takes: make([][]take, len(o.Lines)), short: make([]int64, len(o.Lines)), subs: make([]string, len(o.Lines)), all: true}
	leave, err := c.leaves(o)
	if err != nil {
		return p, err
	}
	some := false
	for i, l := range o.Lines {
		if c.idle(&l) {
			continue
		}
		held := func(sku string) (held []take) {
			for j := range i {
				if cmp.Or(p.subs[j], o.Lines[j].SKU) == sku {
					held = append(held, p.takes[j]...)
				}
			}
			return held
		}
		takes, missing, err := c.plan(demand{l.SKU, o.Spec.Owner}, l.Qty+leave, held(l.SKU))
		if err != nil {
			return p, err
		}
		if missing > 0 {
			sub, found, err := c.substitute(o, &l, leave, held)
			if err != nil {
				return p, err
			}
			if sub != "" {
				p.subs[i], takes, missing = sub, found, 0
			}
		}
		p.short[i] = min(missing, l.Qty)
		p.takes[i] = firstOf(takes, l.Qty-p.short[i])
		p.all = p.all && p.short[i] == 0
		some = some || len(p.takes[i]) > 0
	}
	p.partly = !p.all && some && o.Spec.Partial
	if !p.all && !p.partly {
		// Parked: lines, and fallouts that come or go.
		p.keys = len(o.Lines) + 6*min(len(o.Lines), shortFallouts) + 10
		if o.Spec.Substitute {
			p.keys += maxSubstitutes * len(o.Lines)
		}
		p.bytes = p.keys*256 + 2*sizeOf(o)
		if record := sizeOf(o); record > orderRecord {
			p.tooBig = fmt.Sprintf("the order is too big: its record would have %d KiB, the most is %d", record>>10, orderRecord>>10)
		}
		return p, nil
	}
	p.keys, p.bytes, p.tooBig = weigh(o, p.takes)
	return p, nil
}

// firstOf cuts takes off behind n units.
func firstOf(takes []take, n int64) []take {
	for i := range takes {
		if takes[i].qty >= n {
			takes[i].qty = n
			if n > 0 {
				i++
			}
			return takes[:i]
		}
		n -= takes[i].qty
	}
	return takes
}

// tryAllocate reserves everything an order asks for and puts it into the pool,
// or parks it as a whole with a fallout per short line. One that is held or
// of which something is still to be made stays where it is. The order is saved.
func (c *change) tryAllocate(o *Order) (bool, error) {
	if o.held() || o.makes() {
		return false, c.saveOrder(o)
	}
	p, err := c.planOrder(o)
	if err != nil {
		return false, err
	}
	return c.allocate(o, p)
}

// allocate carries a plan out. An order that lies in too many bins is not let
// in; one that is here already is parked until a person decides.
func (c *change) allocate(o *Order, p orderPlan) (bool, error) {
	if p.tooBig != "" && c.releasing {
		return false, &tooBigError{p.tooBig}
	}
	if err := c.setWaiting(o, false); err != nil {
		return false, err
	}
	switch {
	case !p.all && !p.partly:
		return false, c.park(o, p.short)
	case p.tooBig != "":
		return false, c.parkTooBig(o, p)
	}
	err := c.clearFallouts(o, "allocation", func(f *Fallout) bool { return isOutOfStock(f) || f.Code == FalloutTooBig })
	if err != nil {
		return false, err
	}
	for i := range o.Lines {
		o.Lines[i].Alts = nil
		if p.subs[i] != "" {
			if err := c.standIn(o, &o.Lines[i], p.subs[i]); err != nil {
				return false, err
			}
		}
		if _, err := c.makeTasks(o, &o.Lines[i], p.takes[i], "", 0); err != nil {
			return false, err
		}
		switch {
		case c.idle(&o.Lines[i]):
		case p.short[i] > 0:
			o.Lines[i].State = LineShort
			if i < shortFallouts {
				if err := c.tellLack(o, &o.Lines[i], p.short[i], ""); err != nil {
					return false, err
				}
			}
		default:
			o.Lines[i].State = LineAllocated
		}
	}
	if p.partly {
		if err := c.tell(o, EvOrderShort); err != nil {
			return false, err
		}
	}
	if err := c.enter(o, OrderAllocated); err != nil {
		return false, err
	}
	if err := c.enter(o, OrderReleased); err != nil {
		return false, err
	}
	return true, c.saveOrder(o)
}

// parkTooBig lets an order wait for a person: there is enough, in too many
// pieces for one order.
func (c *change) parkTooBig(o *Order, p orderPlan) error {
	if err := c.park(o, p.short); err != nil {
		return err
	}
	if err := c.setFallout(o, Fallout{Code: FalloutTooBig, Detail: p.tooBig}); err != nil {
		return err
	}
	return c.saveOrder(o)
}

func isOutOfStock(f *Fallout) bool { return f.Code == FalloutOutOfStock }

// park lets an order wait for stock: lines, waiting rows and fallouts follow
// what is short now.
func (c *change) park(o *Order, short []int64) error {
	c.reopen(o)
	for i := range o.Lines {
		if short[i] > 0 {
			o.Lines[i].State = LineShort
			subs, err := c.substitutesOf(o, &o.Lines[i])
			if err != nil {
				return err
			}
			o.Lines[i].Alts = slices.Clone(subs)
		}
	}
	if o.State != OrderShortWaiting {
		if err := c.enter(o, OrderShortWaiting); err != nil {
			return err
		}
	}
	if err := c.setWaiting(o, true); err != nil {
		return err
	}
	err := c.clearFallouts(o, "allocation", func(f *Fallout) bool {
		return isOutOfStock(f) && !slices.ContainsFunc(o.Lines, func(l LineState) bool {
			return l.Line == f.Line && l.State == LineShort
		})
	})
	if err != nil {
		return err
	}
	known, err := c.falloutsOf(o)
	if err != nil {
		return err
	}
	told := 0
	for i, l := range o.Lines {
		if short[i] == 0 {
			continue
		}
		if told++; told <= shortFallouts {
			if err := c.tellLack(o, &o.Lines[i], short[i], ""); err != nil {
				return err
			}
		}
		at := slices.IndexFunc(known, func(f *Fallout) bool { return isOutOfStock(f) && f.Line == l.Line })
		switch {
		case at < 0 && len(o.Fallout) >= shortFallouts:
		case at < 0:
			err = c.openFallout(o, Fallout{Code: FalloutOutOfStock, Line: l.Line, SKU: l.SKU, Qty: short[i]})
		case known[at].Qty != short[i]:
			known[at].Qty = short[i]
			err = save(c, key(kFallout, known[at].ID), known[at])
		}
		if err != nil {
			return err
		}
	}
	return c.saveOrder(o)
}

// setWaiting writes or removes the rows by which new stock finds the order.
func (c *change) setWaiting(o *Order, want bool) error {
	if o.State != OrderShortWaiting {
		return nil
	}
	for _, l := range o.Lines {
		if l.State != LineShort {
			continue
		}
		for _, sku := range append([]string{l.SKU}, l.Alts...) {
			if err := c.index(key(kWait, demand{sku, o.Spec.Owner}.row(), o.queue(), o.Spec.ID), want); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeTasks reserves the takes and makes a task of each, in the pool or, with a
// batch, assigned to its slot. It returns the new ids.
func (c *change) makeTasks(o *Order, l *LineState, takes []take, batch string, slot int) ([]string, error) {
	ids := make([]string, 0, len(takes))
	for _, tk := range takes {
		o.TaskSeq++
		t := &Task{
			ID:    fmt.Sprintf("%s/%d/%d", o.Spec.ID, l.Line, o.TaskSeq),
			Order: o.Spec.ID, Line: l.Line, SKU: l.SKU,
			Bin: tk.bin, Lot: tk.lot, Expiry: tk.expiry, Qty: tk.qty,
			State: TaskOpen, Owner: o.Spec.Owner, Serial: tk.serial,
		}
		if err := c.reserve(t.Bin, t.stock(), t.Expiry, t.Qty); err != nil {
			return nil, err
		}
		if batch != "" {
			t.State, t.Batch, t.Slot = TaskAssigned, batch, slot
		}
		if err := c.newTask(t); err != nil {
			return nil, err
		}
		l.Tasks = append(l.Tasks, t.ID)
		ids = append(ids, t.ID)
		c.mayBeLow(tk.bin, l.SKU)
	}
	return ids, nil
}

// task loads a task once per command. It is named by another record, so it must
// be there.
func (c *change) task(id string) (*Task, error) {
	if t := c.tasks.get(id); t != nil {
		return t, nil
	}
	t, err := c.lastTask.load(c, key(kTask, id))
	if _, err := must(t, err, "task", id); err != nil {
		return nil, err
	}
	c.tasks.put(id, t)
	return t, nil
}

// newTask is saveTask for one that cannot be in the index yet.
func (c *change) newTask(t *Task) error {
	c.tasks.put(t.ID, t)
	if t.State == TaskOpen {
		if err := c.Set(openKey(t), set); err != nil {
			return err
		}
	}
	return save(c, key(kTask, t.ID), t)
}

func openKey(t *Task) []byte { return key(kOpen, t.Bin, t.SKU, t.Lot, t.ID) }

// saveTask writes the task and its row in the index of open tasks.
func (c *change) saveTask(t *Task) error {
	c.tasks.put(t.ID, t)
	if err := c.index(openKey(t), t.State == TaskOpen); err != nil {
		return err
	}
	return save(c, key(kTask, t.ID), t)
}

// closed tells whether a task holds no reservation any more.
func closed(t *Task) bool {
	return t.State == TaskDone || t.State == TaskShort || t.State == TaskCancelled
}
