package warehouse

import "slices"

// What a picker may do with the current pick besides doing it.
//
//   - SkipLine puts it at the end of the walk, with a reason: it still has to be
//     done. Goods in hand go into the tote or back into the bin first.
//   - ChangeLot takes another lot of the same item out of the same bin: the whole
//     task, one reservation for the other in one step. Where the site wants it
//     (Site.LotSecond), a lot that ends later than the one asked for needs a
//     second person's badge.

type (
	// SkipLine puts the current pick at the end of the walk.
	SkipLine struct {
		Device string `cbor:"1,keyasint" json:"device"`
		Task   string `cbor:"2,keyasint" json:"task"`
		Reason string `cbor:"3,keyasint" json:"reason"`
	}
	// ChangeLot makes the current pick one of the lot that Barcode names.
	// Second is the badge of the person who agrees.
	ChangeLot struct {
		Device  string `cbor:"1,keyasint" json:"device"`
		Barcode string `cbor:"2,keyasint" json:"barcode"`
		Task    string `cbor:"3,keyasint,omitempty" json:"task,omitempty"`
		Second  string `cbor:"4,keyasint,omitempty" json:"second,omitempty"`
	}
)

// Kind of the command.
func (SkipLine) Kind() Kind { return KindSkipLine }

// Kind of the command.
func (ChangeLot) Kind() Kind { return KindChangeLot }

func (c SkipLine) deviceID() string  { return c.Device }
func (c ChangeLot) deviceID() string { return c.Device }

func skipLine(c *change, cmd SkipLine) (Result, error) {
	if err := because(cmd.Reason); err != nil {
		return Result{}, err
	}
	w, err := c.walkOf(cmd.Device, cmd.Task, "")
	if err != nil {
		return Result{}, err
	}
	b := w.batch
	switch {
	case w.task == nil:
		return Result{}, refuse(CodeWrongStep, "expected %s", w.step)
	case b.Held > 0:
		return Result{}, refuse(CodeHasWork, "%d of %s are in hand: put them down first", b.Held, w.task.SKU)
	case b.At == len(b.Walk)-1:
		return Result{}, refuse(CodeWrongStep, "task %s is the last one of the walk", w.task.ID)
	}
	w.task.Skips++
	w.task.Skipped = cmd.Reason
	if err := c.saveTask(w.task); err != nil {
		return Result{}, err
	}
	bin := w.task.Bin
	b.Walk = append(slices.Delete(b.Walk, b.At, b.At+1), w.task.ID)
	if err := c.current(w); err != nil {
		return Result{}, err
	}
	b.BinOK = b.BinOK && w.task.Bin == bin
	if b.BinOK {
		if err := c.claim(w); err != nil {
			return Result{}, err
		}
	}
	return c.done(w)
}

func changeLot(c *change, cmd ChangeLot) (Result, error) {
	if !scannable(cmd.Barcode) {
		return Result{}, refuse(CodeUnknownBarcode, "barcode of %d bytes", len(cmd.Barcode))
	}
	w, err := c.walkOf(cmd.Device, cmd.Task, "")
	if err != nil {
		return Result{}, err
	}
	if w.step != StepScanItem {
		return Result{}, refuse(CodeWrongStep, "expected %s", w.step)
	}
	t := w.task
	if w.batch.Held > 0 {
		return Result{}, refuse(CodeHasWork, "%d of lot %s are in hand: put them back first", w.batch.Held, t.Lot)
	}
	f, err := findItem(c, cmd.Barcode)
	if err != nil {
		return Result{}, err
	}
	switch {
	case f.item == nil:
		return Result{}, refuse(CodeUnknownBarcode, "no item has this barcode")
	case f.item.SKU != t.SKU:
		return Result{}, refuse(CodeWrongItem, "this is %s, expected %s", f.item.SKU, t.SKU)
	case !f.item.LotTracked || f.item.Serials || f.lot == "" || f.lot == t.Lot:
		return Result{}, refuse(CodeWrongLot, "scan the code of another lot than %q", t.Lot)
	}
	expiry, err := lotExpiry(c, t.SKU, f.lot)
	if err != nil {
		return Result{}, err
	}
	if !c.usable(f.item, expiry) {
		return Result{}, refuse(FalloutExpired, "lot %s expires %s", cleanText(f.lot), expiry)
	}
	to := t.stock()
	to.lot = f.lot
	row, err := load[stockRow](c, stockRowKey(BinPlace(t.Bin), to))
	if err != nil {
		return Result{}, err
	}
	if row == nil || row.Qty-row.Reserved < t.Qty {
		return Result{}, refuse(CodeNotEnough, "%s does not hold %d of lot %s that are free", t.Bin, t.Qty, cleanText(f.lot))
	}
	if err := c.agreed(w, expiry, cmd.Second, f.lot); err != nil {
		return Result{}, err
	}
	if err := c.reserve(t.Bin, t.stock(), t.Expiry, -t.Qty); err != nil {
		return Result{}, err
	}
	t.Lot, t.Expiry = f.lot, expiry
	if err := c.reserve(t.Bin, t.stock(), t.Expiry, t.Qty); err != nil {
		return Result{}, err
	}
	if err := c.saveTask(t); err != nil {
		return Result{}, err
	}
	return c.done(w)
}

// agreed asks for the second person where a lot is taken out of turn, and notes
// who it was.
func (c *change) agreed(w *walk, expiry, second, lot string) error {
	site, err := c.theSite()
	if err != nil || !site.LotSecond || !outOfTurn(w.task.Expiry, expiry) {
		return err
	}
	if second == "" {
		return refuse(CodeSecondPerson, "lot %s ends %s, before lot %s", w.task.Lot, w.task.Expiry, cleanText(lot))
	}
	who, err := c.anotherPerson(second, w.batch.Worker)
	if err != nil {
		return err
	}
	return c.noteAct(Decision{
		Order: w.task.Order, SKU: w.task.SKU, Bin: w.task.Bin, Qty: w.task.Qty,
		Detail: cleanText("lot " + lot + " for " + w.task.Lot + ", by " + w.batch.Worker + " and " + who),
	})
}

// anotherPerson is the worker of a badge, who must be a person and not the first
// one.
func (c *change) anotherPerson(badge, first string) (string, error) {
	who, err := c.byBadge(badge)
	if err != nil {
		return "", err
	}
	if kind, err := WorkerKind(c, who); err != nil || kind == WorkerRobot || who == first {
		if err == nil {
			err = refuse(CodeSecondPerson, "%s is not another person", who)
		}
		return "", err
	}
	return who, nil
}

// outOfTurn tells whether a lot that ends at got goes after one that ends at
// asked; "" never ends.
func outOfTurn(asked, got string) bool {
	return asked != "" && (got == "" || got > asked)
}
