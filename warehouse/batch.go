package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// Batches: orders picked in one walk, from the assignment to the end.

func assignBatch(c *change, cmd AssignBatch) (Result, error) {
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	if why := checkBatch(cmd, site.CartSlots); why != "" {
		return Result{}, refuse(CodeInvalid, "%s", why)
	}
	if old, err := GetBatch(c, cmd.Batch); err != nil || old != nil {
		if err == nil {
			err = refuse(CodeConflict, "batch %s is there already", cmd.Batch)
		}
		return Result{}, err
	}
	ws, err := c.workerState(cmd.Worker)
	if err != nil {
		return Result{}, err
	}
	if ws.WaitingSince == 0 || ws.Batch != "" {
		return Result{}, refuse(CodeNotWaiting, "worker %s does not wait for work", cmd.Worker)
	}
	if ws.Zone != "" && cmd.Zone != ws.Zone {
		return Result{}, refuse(CodePoolChanged, "worker %s asked for work in zone %s", cmd.Worker, ws.Zone)
	}
	b := &Batch{
		ID: cmd.Batch, Worker: cmd.Worker, State: BatchActive,
		Walk: cmd.Walk, Lease: c.meta.Now + site.LeaseMs, RouteMm: cmd.RouteMm, Zone: cmd.Zone,
	}
	left := make(map[string]int, len(cmd.Walk)) // task → slot; looked up only
	for _, s := range cmd.Slots {
		if err := c.claimFor(b, s, left); err != nil {
			return Result{}, err
		}
	}
	for _, id := range cmd.Walk {
		slot, ok := left[id]
		if !ok {
			return Result{}, refuse(CodePoolChanged, "task %s is not open", id)
		}
		delete(left, id)
		t, err := c.task(id)
		if err != nil {
			return Result{}, err
		}
		t.State, t.Batch, t.Slot = TaskAssigned, b.ID, slot
		if err := c.saveTask(t); err != nil {
			return Result{}, err
		}
	}
	if len(left) > 0 {
		return Result{}, refuse(CodePoolChanged, "%d open tasks of the orders are not in the walk", len(left))
	}
	before := *ws
	ws.Batch, ws.WaitingSince, ws.Zone = b.ID, 0, ""
	if err := c.saveWorker(ws, before); err != nil {
		return Result{}, err
	}
	c.touch("waiting", "")
	if site.Figures {
		b.Since = max(c.meta.Now, 1)
	}
	if err := c.index(dueKey(b), true); err != nil {
		return Result{}, err
	}
	return Result{Ref: b.ID}, c.saveBatch(b)
}

// checkBatch looks at the shape of a plan.
func checkBatch(cmd AssignBatch, cartSlots int) string {
	switch {
	case !validID(cmd.Batch):
		return "batch id"
	case !validID(cmd.Worker):
		return "worker id"
	case len(cmd.Slots) == 0 || len(cmd.Slots) > cartSlots:
		return fmt.Sprintf("slots: 1 to %d", cartSlots)
	case len(cmd.Walk) == 0:
		return "empty walk"
	case len(cmd.Walk) > MaxBatchTasks:
		return fmt.Sprintf("%d tasks, the most is %d", len(cmd.Walk), MaxBatchTasks)
	case walkBytes(cmd.Walk) > MaxBatchWalk:
		return fmt.Sprintf("the ids of the walk have %d KiB, the most is %d", walkBytes(cmd.Walk)>>10, MaxBatchWalk>>10)
	case cmd.Zone != "" && !validID(cmd.Zone):
		return "zone"
	case cmd.RouteMm < 0:
		return "route length"
	}
	for i, s := range cmd.Slots {
		if s.Slot < 1 || s.Slot > cartSlots || !validID(s.Order) {
			return "slot"
		}
		for _, t := range cmd.Slots[:i] {
			if t.Slot == s.Slot || t.Order == s.Order {
				return "slot or order twice"
			}
		}
	}
	return ""
}

func walkBytes(walk []string) int {
	n := 0
	for _, id := range walk {
		n += len(id) + 2
	}
	return n
}

// claimFor takes an order out of the pool into a slot and collects its open
// tasks.
func (c *change) claimFor(b *Batch, s BatchSlot, left map[string]int) error {
	o, err := c.order(s.Order)
	if err != nil {
		return err
	}
	free := false
	if o != nil {
		if free, err = c.inPool(o); err != nil {
			return err
		}
	}
	if !free {
		return refuse(CodePoolChanged, "order %s is not in the pool", s.Order)
	}
	found := false
	err = c.tasksOf(o, func(t *Task) (bool, error) {
		if t.State != TaskOpen {
			return true, nil
		}
		here, err := c.inZone(b, t.Bin)
		if here {
			left[t.ID], found = s.Slot, true
		}
		return true, err
	})
	if err != nil {
		return err
	}
	if b.Zone != "" && !found {
		return refuse(CodePoolChanged, "nothing of order %s is to be picked in zone %s", s.Order, b.Zone)
	}
	// An order half picked before brings its tote along.
	b.Slots = append(b.Slots, BatchSlot{Slot: s.Slot, Order: s.Order, Tote: o.Tote})
	o.Batch = b.ID
	return c.saveOrder(o)
}

// batch loads a batch once per command.
func (c *change) batch(id string) (*Batch, error) {
	if b := c.batches.get(id); b != nil {
		return b, nil
	}
	b, err := GetBatch(c, id)
	if _, err := must(b, err, "batch", id); err != nil {
		return nil, err
	}
	c.batches.put(id, b)
	return b, nil
}

func (c *change) saveBatch(b *Batch) error {
	c.batches.put(b.ID, b)
	saved := *b
	c.saved = &saved
	c.touch("batch", b.ID)
	return save(c, key(kBatch, b.ID), b)
}

// endBatch closes a batch and sets its worker free. The batch is saved.
func (c *change) endBatch(b *Batch, state string) error {
	b.State, b.BinOK, b.Held, b.Zero = state, false, 0, ""
	if err := c.index(dueKey(b), false); err != nil {
		return err
	}
	ws, err := c.workerState(b.Worker)
	if err != nil {
		return err
	}
	before := *ws
	ws.Batch = ""
	if err := c.saveWorker(ws, before); err != nil {
		return err
	}
	if err := c.ended(pastBatch, b.ID); err != nil {
		return err
	}
	return c.saveBatch(b)
}

// leaveBatch takes orders nothing was claimed of out of a batch. A batch left
// without orders ends in the given state.
func (c *change) leaveBatch(id, end string, orders ...string) error {
	b, err := c.batch(id)
	if err != nil {
		return err
	}
	b.Slots = slices.DeleteFunc(b.Slots, func(s BatchSlot) bool { return slices.Contains(orders, s.Order) })
	gone := func(task string) bool {
		order, _, _ := strings.Cut(task, "/")
		return slices.Contains(orders, order)
	}
	for _, task := range b.Walk[:b.At] {
		if gone(task) { // short, before its order was cancelled
			b.At--
		}
	}
	b.Walk = slices.DeleteFunc(b.Walk, gone)
	if len(b.Slots) == 0 {
		return c.endBatch(b, end)
	}
	if err := c.touchWorker(b.Worker); err != nil {
		return err
	}
	return c.saveBatch(b)
}

// touchWorker marks the worker and the handheld whose step may have changed.
func (c *change) touchWorker(id string) error {
	ws, err := c.workerState(id)
	if err != nil {
		return err
	}
	c.touch("worker", id)
	if ws.Device != "" {
		c.touch("device", ws.Device)
	}
	return nil
}
