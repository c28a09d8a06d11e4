package warehouse

import (
	"cmp"
	"slices"
	"strings"
)

// Stock that people move and judge. Its rules:
//
//   - Every quantity has a holder. Goods lie in a bin or in a logistic unit, and
//     a unit stands in a bin, in another unit, at a station or dock, or is in
//     the hands of a worker or robot (nest.go). Who moves goods names both ends.
//   - What belongs to an order in work (its tote, its carton) moves with the
//     order and never by hand.
//   - Goods keep what they are: lot, serial, owner, and their date of receipt.
//     Only SetStatus changes the status, in place: the ledger shows it as two
//     moves through the virtual place "reclass".
//   - Free stock goes first. When that is not enough, tasks of the pool on this
//     position are planned anew, the youngest orders first, as a whole; an order
//     that finds no other stock waits again as if it had just come in. What a
//     batch or a reservation holds is refused (RESERVED): a worker is on the way
//     to this bin, and the screen must not lie. It reports the bin short.

type (
	// MoveStock takes goods from one bin or unit to another.
	MoveStock struct {
		From   string `cbor:"1,keyasint" json:"from"` // place: "bin/A-01", "lu/P1"
		To     string `cbor:"2,keyasint" json:"to"`
		SKU    string `cbor:"3,keyasint" json:"sku"`
		Lot    string `cbor:"4,keyasint,omitempty" json:"lot,omitempty"`
		Serial string `cbor:"5,keyasint,omitempty" json:"serial,omitempty"`
		Owner  string `cbor:"6,keyasint,omitempty" json:"owner,omitempty"`
		Status string `cbor:"7,keyasint,omitempty" json:"status,omitempty"`
		Qty    int64  `cbor:"8,keyasint" json:"qty"`
		// Second is the badge of who agrees that a lot goes out of turn (fefo.go).
		Second string `cbor:"9,keyasint,omitempty" json:"second,omitempty"`
	}
	// SetStatus changes what goods may be used for, where they lie.
	SetStatus struct {
		Place  string `cbor:"1,keyasint" json:"place"`
		SKU    string `cbor:"2,keyasint" json:"sku"`
		Lot    string `cbor:"3,keyasint,omitempty" json:"lot,omitempty"`
		Serial string `cbor:"4,keyasint,omitempty" json:"serial,omitempty"`
		Owner  string `cbor:"5,keyasint,omitempty" json:"owner,omitempty"`
		From   string `cbor:"6,keyasint,omitempty" json:"from,omitempty"` // status
		To     string `cbor:"7,keyasint,omitempty" json:"to,omitempty"`
		Qty    int64  `cbor:"8,keyasint" json:"qty"`
	}
)

// Kind numbers the command.
func (MoveStock) Kind() Kind { return KindMoveStock }

// Kind numbers the command.
func (SetStatus) Kind() Kind { return KindSetStatus }

// position is goods in a place.
type position struct {
	place string
	stockKey
}

// checkPosition looks at what a command says of goods and where they lie.
func (c *change) checkPosition(p position, qty int64) error {
	switch {
	case !validID(p.sku):
		return refuse(CodeInvalid, "sku")
	case p.lot != "" && !validBarcode(p.lot):
		return refuse(CodeInvalid, "lot")
	case qty < 1 || qty > maxStockQty:
		return refuse(CodeInvalid, "quantity")
	}
	if why := checkKey(p.stockKey); why != "" {
		return refuse(CodeInvalid, "%s", why)
	}
	return c.checkPlace(p.place)
}

// checkPlace finds a place that goods may be put into or taken from by hand.
func (c *change) checkPlace(place string) error {
	if bin, ok := strings.CutPrefix(place, placeBin); ok && validID(bin) {
		b, err := GetBin(c, bin)
		if err == nil && b == nil {
			err = refuse(CodeUnknownBin, "bin %s", bin)
		}
		return err
	}
	if id, ok := strings.CutPrefix(place, placeLU); ok && validID(id) {
		_, err := c.stockUnit(id)
		return err
	}
	return refuse(CodeInvalid, `place: "bin/" or "lu/" and an id`)
}

// stockUnit is a logistic unit for stock.
func (c *change) stockUnit(id string) (*LU, error) {
	lu, err := GetLU(c, id)
	if err == nil && (lu == nil || !lu.Stock) {
		err = refuse(CodeUnknownLU, "unit %s", id)
	}
	return lu, err
}

func moveStock(c *change, cmd MoveStock) (Result, error) {
	from := position{cmd.From, stockKey{cmd.SKU, cmd.Lot, cmd.Serial, cmd.Owner, cmd.Status}}
	to := position{cmd.To, from.stockKey}
	if err := c.checkPosition(from, cmd.Qty); err != nil {
		return Result{}, err
	}
	if cmd.From == cmd.To {
		return Result{}, refuse(CodeInvalid, "from and to are the same place")
	}
	if err := c.checkPlace(cmd.To); err != nil {
		return Result{}, err
	}
	if err := c.refuseStolen(cmd.SKU, cmd.Serial); err != nil {
		return Result{}, err
	}
	if err := c.inTurn(from, cmd.Qty, cmd.Second); err != nil {
		return Result{}, err
	}
	return c.shift(from, to, cmd.Qty)
}

func setStatus(c *change, cmd SetStatus) (Result, error) {
	from := position{cmd.Place, stockKey{cmd.SKU, cmd.Lot, cmd.Serial, cmd.Owner, cmd.From}}
	to := from
	to.status = cmd.To
	if err := c.checkPosition(from, cmd.Qty); err != nil {
		return Result{}, err
	}
	if cmd.From == cmd.To || !validStatus(cmd.To) {
		return Result{}, refuse(CodeInvalid, `to: another status of "", "qc", "damaged" and "quarantined"`)
	}
	c.lacks(demand{cmd.SKU, cmd.Owner}, lackOfStatus(cmd.To))
	return c.shift(from, to, cmd.Qty)
}

// shift takes goods from one position to another, wherever either is: another
// place, another status, or out of the books.
func (c *change) shift(from, to position, qty int64) (Result, error) {
	moved, err := c.freeUp(from, qty)
	if err != nil {
		return Result{}, err
	}
	if err := c.carryOver(from, to, qty, PlaceReclass); err != nil {
		return Result{}, err
	}
	if err := c.replan(moved); err != nil {
		return Result{}, err
	}
	if strings.HasPrefix(to.place, placeBin) && to.status == StatusSellable {
		err = c.retryWaiting([]string{demand{to.sku, to.owner}.row()})
	}
	return Result{Ref: from.sku}, err
}

// carryOver moves goods with the date they came in on. Another class goes by way
// of a virtual place: out of the old one and into the new.
func (c *change) carryOver(from, to position, qty int64, by string) error {
	row, err := must2(load[stockRow](c, stockRowKey(from.place, from.stockKey)))("stock in", from.place)
	if err != nil {
		return err
	}
	if from.stockKey == to.stockKey {
		by = to.place
	}
	if err := c.move(from.stockKey, qty, from.place, by, 0); err != nil {
		return err
	}
	if by != to.place {
		if err := c.move(to.stockKey, qty, by, to.place, 0); err != nil {
			return err
		}
	}
	if by == PlaceAdjustment || row.First == 0 || isVirtual(to.place) {
		return nil
	}
	return c.setFirst(to.place, to.stockKey, qty, row.First)
}

// displaced is a task that lost its stock and has to be planned anew.
type displaced struct {
	task  *Task
	order *Order
}

// freeUp sees to it that qty units of a position can be taken, closing tasks of
// the pool where it must. replan gives those other stock once the goods are
// where they go: they may still serve the same orders there.
func (c *change) freeUp(p position, qty int64) ([]displaced, error) {
	row, err := load[stockRow](c, stockRowKey(p.place, p.stockKey))
	if err != nil {
		return nil, err
	}
	if row == nil || row.Qty < qty {
		has := int64(0)
		if row != nil {
			has = row.Qty
		}
		return nil, refuse(CodeNotInPlace, "%s holds %d of %s, not %d", p.place, has, p.sku, qty)
	}
	missing := qty - (row.Qty - row.Reserved)
	if missing <= 0 {
		return nil, nil
	}
	bin := strings.TrimPrefix(p.place, placeBin) // only bins hold reserved stock
	on, err := c.tasksOn(bin, p.stockKey)
	if err != nil {
		return nil, err
	}
	var moved []displaced
	for _, d := range on {
		if missing <= 0 {
			break
		}
		if c.over(displaceKeys, rescueBytes) {
			return nil, refuse(CodeTooBig, "%d tasks count on these goods: take them in smaller parts", len(on))
		}
		t := d.task
		if err := c.reserve(t.Bin, t.stock(), t.Expiry, -t.Qty); err != nil {
			return nil, err
		}
		t.State = TaskCancelled
		if err := c.saveTask(t); err != nil {
			return nil, err
		}
		missing -= t.Qty
		moved = append(moved, d)
	}
	if missing > 0 {
		return nil, refuse(CodeReserved, "%d of %s in %s are held by work in hand or by reservations", missing, p.sku, p.place)
	}
	return moved, nil
}

// tasksOn lists the tasks of the pool that count on a position and can be
// planned anew, those of the youngest orders first.
func (c *change) tasksOn(bin string, s stockKey) ([]displaced, error) {
	ids, err := c.openTasks(bin, s.sku, s.lot)
	if err != nil {
		return nil, err
	}
	var on []displaced
	for _, id := range ids {
		t, err := c.task(id)
		if err != nil {
			return nil, err
		}
		if t.stock() != s {
			continue
		}
		o, err := c.order(t.Order)
		if _, err := must(o, err, "order", t.Order); err != nil {
			return nil, err
		}
		// Not while a batch has the order, nor while a person has to look.
		if o.Batch == "" && len(o.Fallout) == 0 {
			on = append(on, displaced{t, o})
		}
	}
	slices.SortStableFunc(on, func(a, b displaced) int { return cmp.Compare(b.order.Intake, a.order.Intake) })
	return on, nil
}

// replan finds other stock for displaced tasks, oldest order first. An order
// for which there is none goes back to where it came in; one that is half
// picked cannot, and the command is refused.
func (c *change) replan(moved []displaced) error {
	var freed []string
	back := make(map[string]bool) // orders that were allocated anew; looked up only
	slices.Reverse(moved)
	for _, d := range moved {
		t, o := d.task, d.order
		if back[o.Spec.ID] {
			continue // for another of its tasks
		}
		l, err := lineOf(o, t.Line)
		if err != nil {
			return err
		}
		// Nothing was picked of it. Orders must not grow with every move.
		l.Tasks = slices.DeleteFunc(l.Tasks, func(id string) bool { return id == t.ID })
		takes, missing, err := c.plan(demand{t.SKU, t.Owner}, t.Qty, nil)
		if err != nil {
			return err
		}
		if missing == 0 {
			takes, missing = roomFor(o, takes, 0)
		}
		if missing > 0 {
			if o.State != OrderReleased {
				return refuse(CodeReserved, "order %s is half picked and there is no other %s for it", o.Spec.ID, t.SKU)
			}
			back[o.Spec.ID] = true
			if err := c.sendBack(o, &freed); err != nil {
				return err
			}
			continue
		}
		if _, err := c.makeTasks(o, l, takes, "", 0); err != nil {
			return err
		}
		c.touch("pool", "")
		if err := c.saveOrder(o); err != nil {
			return err
		}
	}
	return c.retryWaiting(freed)
}

// sendBack takes an order out of the pool and allocates it anew.
func (c *change) sendBack(o *Order, freed *[]string) error {
	back, err := c.withdraw(o, "stock")
	if err != nil {
		return err
	}
	*freed = append(*freed, back...)
	for i := range o.Lines {
		o.Lines[i].State, o.Lines[i].Tasks = LineOpen, nil
	}
	// Through the start again: only there can an order be short.
	if err := c.enter(o, OrderValidated); err != nil {
		return err
	}
	_, err = c.tryAllocate(o)
	return err
}
