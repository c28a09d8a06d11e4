package warehouse

import "slices"

// Leases: a batch that nobody works on goes back to the pool.

func dueKey(b *Batch) []byte { return key(kDue, num(uint64(b.Lease)), b.ID) }

// setLease moves the end of a batch's lease. The batch is not saved.
func (c *change) setLease(b *Batch, end int64) error {
	if err := c.index(dueKey(b), false); err != nil {
		return err
	}
	b.Lease = end
	return c.index(dueKey(b), true)
}

// keepLease gives the batch a full lease again once half of it is used up, so
// that not every scan writes. The batch is not saved.
func (c *change) keepLease(b *Batch) error {
	site, err := c.theSite()
	if err != nil {
		return err
	}
	if b.Lease-c.meta.Now >= site.LeaseMs/2 {
		return nil
	}
	return c.setLease(b, c.meta.Now+site.LeaseMs)
}

func (c *change) extendLease(batch string) error {
	b, err := c.batch(batch)
	if err != nil {
		return err
	}
	if err := c.keepLease(b); err != nil {
		return err
	}
	return c.saveBatch(b)
}

// NextDue is the time at which AdvanceTime has something to do, 0 when an
// earlier command left something over; ok is false
// when nothing is due at all.
func NextDue(r Reader) (atMs int64, ok bool, err error) {
	if done, begun, err := allListed(r); err != nil || begun && !done {
		return 0, err == nil, err
	}
	err = r.Range(under(kAgain), func(_, _ []byte) (bool, error) {
		ok = true // at once
		return false, nil
	})
	if err != nil || ok {
		return 0, ok, err
	}
	prefix := under(kDue)
	err = r.Range(prefix, func(k, _ []byte) (bool, error) {
		atMs, ok = int64(fromNum(k[len(prefix):])), true
		return false, nil
	})
	if err != nil {
		return 0, false, err
	}
	alarm, rings, err := firstAlarm(r)
	if rings && (!ok || alarm < atMs) {
		atMs, ok = alarm, true
	}
	if err != nil {
		return 0, false, err
	}
	leave, leaves, err := firstLeave(r)
	if leaves && (!ok || leave < atMs) {
		atMs, ok = leave, true
	}
	return atMs, ok, err
}

func advanceTime(c *change, _ AdvanceTime) (Result, error) {
	var due []string
	prefix := under(kDue)
	err := c.Range(prefix, func(k, _ []byte) (bool, error) {
		if int64(fromNum(k[len(prefix):])) > c.meta.Now {
			return false, nil
		}
		due = append(due, tail(k))
		return true, nil
	})
	if err != nil {
		return Result{}, err
	}
	for _, id := range due {
		if err := c.endLease(id); err != nil {
			return Result{}, err
		}
		if c.over(leaseKeys, leaseBytes) {
			return Result{}, nil // the others are still due
		}
	}
	if err := c.ring(); err != nil || c.over(leaseKeys, leaseBytes) {
		return Result{}, err
	}
	if err := c.retryMarked(); err != nil || c.over(leaseKeys, leaseBytes) || c.aside.keys > 0 {
		return Result{}, err // a model and what is over are not written in one round
	}
	if err := c.clearOut(); err != nil || c.over(leaseKeys, leaseBytes) {
		return Result{}, err
	}
	return Result{}, c.listOld()
}

// claimedIn tells whether work on an order has begun in a batch. An order that
// was half picked before is still free while nothing more was.
func (c *change) claimedIn(o *Order, batch string) (bool, error) {
	if o.State == OrderReleased {
		return false, nil
	}
	claimed := false
	err := c.tasksOf(o, func(t *Task) (bool, error) {
		claimed = t.Batch == batch && t.State != TaskAssigned
		return !claimed, nil
	})
	return claimed, err
}

// endLease gives the orders of a batch back of which nothing was claimed. Goods
// of the others are on that cart: the batch stays with them under a new lease.
func (c *change) endLease(id string) error {
	site, err := c.theSite()
	if err != nil {
		return err
	}
	b, err := c.batch(id)
	if err != nil {
		return err
	}
	var back []string
	for _, s := range b.Slots {
		o, err := c.order(s.Order)
		if _, err := must(o, err, "order", s.Order); err != nil {
			return err
		}
		claimed, err := c.claimedIn(o, b.ID)
		if err != nil {
			return err
		}
		if claimed {
			continue
		}
		err = c.tasksOf(o, func(t *Task) (bool, error) {
			if t.State != TaskAssigned {
				return true, nil
			}
			t.State, t.Batch, t.Slot = TaskOpen, "", 0
			return true, c.saveTask(t)
		})
		if err != nil {
			return err
		}
		o.Batch = ""
		if err := c.saveOrder(o); err != nil {
			return err
		}
		back = append(back, s.Order)
	}
	if len(back) < len(b.Slots) {
		if err := c.setLease(b, c.meta.Now+site.LeaseMs); err != nil {
			return err
		}
	}
	return c.leaveBatch(id, BatchReturned, slices.Clone(back)...)
}
