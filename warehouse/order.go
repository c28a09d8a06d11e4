package warehouse

import "slices"

// The work axis of an order: which state may follow which, what is told on the
// way, and from when on it is too late to change the order.

// transitions lists every step of the work axis. What is not here is refused as
// ILLEGAL_STATE, whoever asks.
var transitions = []struct {
	from OrderState
	to   []OrderState
}{
	{"", []OrderState{OrderReceived}},
	{OrderReceived, []OrderState{OrderValidated, OrderCancelled}},
	{OrderValidated, []OrderState{OrderAllocated, OrderShortWaiting, OrderCancelled, OrderValidated /* held and amended */}},
	{OrderShortWaiting, []OrderState{OrderAllocated, OrderCancelled, OrderValidated /* amended */}},
	{OrderAllocated, []OrderState{OrderReleased, OrderShortWaiting, OrderCancelled, OrderValidated}},
	{OrderReleased, []OrderState{OrderPicking, OrderCancelled, OrderValidated}},
	// Back to the start only when every line was short and nothing was
	// picked: a person's retry.
	{OrderPicking, []OrderState{OrderPicked, OrderAllocated, OrderShortWaiting, OrderCancelled}},
	{OrderPicked, []OrderState{OrderPacking, OrderPicking /* amended: more to pick; unpicked */, OrderCancelled}},
	{OrderPacking, []OrderState{OrderPacked, OrderPicked /* weight mismatch, amended */, OrderCancelled}},
	{OrderPacked, []OrderState{OrderLabelled, OrderPicked /* unpacked */, OrderPicking /* a parcel is replaced */, OrderCancelled}},
	{OrderLabelled, []OrderState{OrderStaged, OrderPicked /* unpacked by a supervisor */, OrderPicking /* a parcel is replaced */}},
	{OrderStaged, []OrderState{OrderShipped, OrderLabelled /* unloaded */}},
	{OrderShipped, nil},
	{OrderCancelled, nil},
}

// milestoneOf is the event told when a state is entered, "" for none.
func milestoneOf(s OrderState) string {
	switch s {
	case OrderValidated:
		return EvOrderAccepted
	case OrderShortWaiting:
		return EvOrderShort
	case OrderReleased:
		return EvOrderReleased
	case OrderPicking:
		return EvOrderPicking
	case OrderPicked:
		return EvOrderPicked
	case OrderPacked:
		return EvOrderPacked
	case OrderLabelled:
		return EvOrderLabelled
	case OrderStaged:
		return EvOrderStaged
	case OrderShipped:
		return EvOrderShipped
	case OrderCancelled:
		return EvOrderCancelled
	}
	return ""
}

// enter takes an order into a state and tells the milestone. Lines and parcels
// must be as the event shall show them.
func (c *change) enter(o *Order, to OrderState) error {
	for _, t := range transitions {
		if t.from != o.State {
			continue
		}
		if !slices.Contains(t.to, to) {
			break
		}
		if o.State != "" {
			c.count(o.State, -1)
		}
		c.count(to, 1)
		from := o.State
		o.State, o.Since = to, c.meta.Now
		if err := c.list(o, from); err != nil {
			return err
		}
		if ev := milestoneOf(to); ev != "" {
			if err := c.tell(o, ev); err != nil {
				return err
			}
		}
		if err := c.watchAge(o); err != nil {
			return err
		}
		if to == OrderShipped || to == OrderCancelled {
			if err := c.ended(pastOrder, o.Spec.ID); err != nil {
				return err
			}
		}
		return c.endQuote(o)
	}
	return refuse(CodeIllegalState, "order %s cannot go from %q to %s", o.Spec.ID, o.State, to)
}

// order loads an order once per command, so that all steps of a command work on
// the same record. For one in the archive its ghost answers (gone.go).
func (c *change) order(id string) (*Order, error) {
	if o := c.orders.get(id); o != nil {
		return o, nil
	}
	o, err := GetOrder(c, id)
	if err == nil && o == nil {
		o, err = c.ghost(id)
	}
	if err != nil || o == nil {
		return nil, err
	}
	if known := c.orders.get(o.Spec.ID); known != nil { // by its other id
		return known, nil
	}
	c.orders.put(o.Spec.ID, o)
	return o, nil
}

// saveOrder writes the order, its row in the pool and the tasks of what is to be
// put back.
func (c *change) saveOrder(o *Order) error {
	if o.gone != 0 {
		return nil // what is in the archive does not change
	}
	c.orders.put(o.Spec.ID, o)
	c.touch("order", o.Spec.ID)
	forgetLack(o)
	if err := c.askPutBacks(o); err != nil {
		return err
	}
	k := poolKey(o)
	before, err := c.Get(k)
	if err != nil {
		return err
	}
	want, err := c.inPool(o)
	if err != nil {
		return err
	}
	if want && before == nil {
		if held, err := c.holdNew(o); err != nil || held {
			return err
		}
	}
	if want != (before != nil) {
		c.touch("pool", "")
		if err := c.index(k, want); err != nil {
			return err
		}
	}
	if err := c.keepPromise(o); err != nil {
		return err
	}
	return save(c, key(kOrder, o.Spec.ID), o)
}

// inPool tells whether an order is free to batch: it has work, and no batch, no
// fallout and no hold keeps it.
func (c *change) inPool(o *Order) (bool, error) {
	if o.Batch != "" || len(o.Fallout) > 0 || o.held() {
		return false, nil
	}
	if o.State == OrderPicking {
		return c.hasOpenTasks(o)
	}
	return o.State == OrderReleased, nil
}

// tasksOf calls fn for each task of an order until it returns false.
func (c *change) tasksOf(o *Order, fn func(*Task) (bool, error)) error {
	for _, l := range o.Lines {
		for _, id := range l.Tasks {
			t, err := c.task(id)
			if err != nil {
				return err
			}
			if more, err := fn(t); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// hasOpenTasks tells whether a task of the order waits for a worker.
func (c *change) hasOpenTasks(o *Order) (bool, error) {
	found := false
	err := c.tasksOf(o, func(t *Task) (bool, error) {
		found = t.State == TaskOpen
		return !found, nil
	})
	return found, err
}

func poolKey(o *Order) []byte {
	return key(kPool, string([]byte{'0' + byte(9-o.Spec.Priority)}), o.queue(), o.Spec.ID)
}
