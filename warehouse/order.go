package warehouse

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// transitions lists every step of the work axis. What is not here is refused as
// ILLEGAL_STATE, whoever asks.
var transitions = []struct {
	from OrderState
	to   []OrderState
}{
	{"", []OrderState{OrderReceived}},
	{OrderReceived, []OrderState{OrderValidated, OrderCancelled}},
	{OrderValidated, []OrderState{OrderAllocated, OrderShortWaiting, OrderCancelled}},
	{OrderShortWaiting, []OrderState{OrderAllocated, OrderCancelled, OrderValidated /* amended */}},
	{OrderAllocated, []OrderState{OrderReleased, OrderShortWaiting, OrderCancelled, OrderValidated}},
	{OrderReleased, []OrderState{OrderPicking, OrderCancelled, OrderValidated}},
	// Back to the start only when every line was short and nothing was
	// picked: a person's retry.
	{OrderPicking, []OrderState{OrderPicked, OrderAllocated, OrderShortWaiting}},
	{OrderPicked, []OrderState{OrderPacking}},
	{OrderPacking, []OrderState{OrderPacked, OrderPicked /* weight mismatch */}},
	{OrderPacked, []OrderState{OrderLabelled}},
	{OrderLabelled, []OrderState{OrderStaged}},
	{OrderStaged, []OrderState{OrderShipped}},
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

// tooLate is the code by which a cancel or an amendment is refused in a state,
// "" while it is accepted: the points of no return.
func tooLate(s OrderState) string {
	switch s {
	case OrderPicking, OrderPicked, OrderPacking, OrderPacked:
		return CodeSoftPONR
	case OrderLabelled, OrderStaged, OrderShipped:
		return CodeHardPONR
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
		o.State, o.Since = to, c.meta.Now
		if ev := milestoneOf(to); ev != "" {
			return c.tell(o, ev)
		}
		return nil
	}
	return refuse(CodeIllegalState, "order %s cannot go from %q to %s", o.Spec.ID, o.State, to)
}

// order loads an order once per command, so that all steps of a command work on
// the same record.
func (c *change) order(id string) (*Order, error) {
	if o := c.orders[id]; o != nil {
		return o, nil
	}
	o, err := GetOrder(c, id)
	if err == nil && o != nil {
		c.orders[id] = o
	}
	return o, err
}

// saveOrder writes the order and its row in the pool.
func (c *change) saveOrder(o *Order) error {
	c.orders[o.Spec.ID] = o
	c.touch("order", o.Spec.ID)
	k := poolKey(o)
	before, err := c.Get(k)
	if err != nil {
		return err
	}
	want := o.State == OrderReleased && o.Batch == "" && len(o.Fallout) == 0
	if want != (before != nil) {
		c.touch("pool", "")
		if err := c.index(k, want); err != nil {
			return err
		}
	}
	return save(c, key(kOrder, o.Spec.ID), o)
}

func poolKey(o *Order) []byte {
	return key(kPool, string([]byte{'0' + byte(9-o.Spec.Priority)}), num(o.Intake), o.Spec.ID)
}

// rejectRecord remembers a refused release, so that the same order again gets
// the same answer and no second event.
type rejectRecord struct {
	Revision int    `cbor:"1,keyasint"`
	Hash     []byte `cbor:"2,keyasint"`
	Code     string `cbor:"3,keyasint"`
	Text     string `cbor:"4,keyasint"`
	At       int64  `cbor:"5,keyasint"`
}

// rejectKey makes room for ids that are no ids.
func rejectKey(id string) []byte {
	if !validID(id) {
		h := sha256.Sum256([]byte(id))
		id = "#" + hex.EncodeToString(h[:])
	}
	return key(kReject, id)
}

func releaseOrder(c *change, cmd ReleaseOrder) (Result, error) {
	spec := cmd.Order
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	canon, err := encMode.Marshal(spec)
	if err != nil {
		return Result{}, refuse(CodeMalformed, "order: %v", err)
	}
	sum := sha256.Sum256(canon)
	var old *Order
	if validID(spec.ID) {
		if old, err = c.order(spec.ID); err != nil {
			return Result{}, err
		}
	}
	res := Result{Ref: spec.ID}
	if old != nil && (spec.Revision < old.Spec.Revision || spec.Revision == old.Spec.Revision && slices.Equal(sum[:], old.Hash)) {
		res.Text = fmt.Sprintf("order %s is here with revision %d", spec.ID, old.Spec.Revision)
		return res, nil
	}
	rej, err := load[rejectRecord](c, rejectKey(spec.ID))
	if err != nil {
		return res, err
	}
	if rej != nil && rej.Revision == spec.Revision && slices.Equal(rej.Hash, sum[:]) {
		return res, refuse(rej.Code, "%s", rej.Text)
	}
	if rej != nil && spec.Revision < rej.Revision {
		return res, refuse(CodeRevision, "revision %d was refused before", rej.Revision)
	}
	code, text, err := c.checkRelease(site, spec, old)
	if err != nil {
		return res, err
	}
	if code != "" {
		rec := rejectRecord{Revision: spec.Revision, Hash: sum[:], Code: code, Text: text, At: c.meta.Now}
		return res, c.rejectOrder(spec, rec, cmd.Source, old != nil)
	}
	if rej != nil {
		if err := c.Delete(rejectKey(spec.ID)); err != nil {
			return res, err
		}
	}
	return res, c.admit(spec, sum[:], cmd.Source, old)
}

// checkRelease finds the reason to refuse a release, if any.
func (c *change) checkRelease(site *Site, spec OrderSpec, old *Order) (code, text string, err error) {
	if why := checkSpec(spec); why != "" {
		return CodeInvalid, why, nil
	}
	if old != nil {
		late := tooLate(old.State)
		switch {
		case spec.Revision == old.Spec.Revision:
			return CodeConflict, fmt.Sprintf("revision %d is here with other content", spec.Revision), nil
		case late != "":
			return late, fmt.Sprintf("order is %s", old.State), nil
		case old.State == OrderCancelled:
			return CodeRevision, "order is CANCELLED", nil
		}
	}
	for _, l := range spec.Lines {
		it, err := GetItem(c, l.SKU)
		if err != nil {
			return "", "", err
		}
		if it == nil {
			return CodeUnknownItem, fmt.Sprintf("line %d: item %s", l.Line, l.SKU), nil
		}
	}
	if carrierFor(site, spec.Method) == nil {
		return CodeUnknownMethod, fmt.Sprintf("no carrier serves method %q", spec.Method), nil
	}
	return "", "", nil
}

// rejectOrder makes the refusal of a release a fact: it is remembered and told.
func (c *change) rejectOrder(spec OrderSpec, rec rejectRecord, source string, amend bool) error {
	if err := save(c, rejectKey(spec.ID), &rec); err != nil {
		return err
	}
	typ := EvOrderRejected
	if amend {
		typ = EvOrderAmendRejected
	}
	id := spec.ID
	if len(id) > maxText {
		id = strings.ToValidUTF8(id[:maxText], "")
	}
	c.touch("order", id)
	err := c.emit(typ, id, EventData{Revision: spec.Revision, Code: rec.Code, Text: rec.Text, Source: source})
	if err != nil {
		return err
	}
	return refuseKeep(rec.Code, "%s", rec.Text)
}

// admit takes a good order in, or replaces an older revision nothing was
// claimed of.
func (c *change) admit(spec OrderSpec, hash []byte, source string, o *Order) error {
	var freed []string
	if o == nil {
		n, err := c.next(kOrder)
		if err != nil {
			return err
		}
		o = &Order{Spec: spec, Intake: n}
		if err := c.enter(o, OrderReceived); err != nil {
			return err
		}
	} else {
		var err error
		if freed, err = c.withdraw(o, "amended"); err != nil {
			return err
		}
		// The pool row holds the old priority.
		if err := c.index(poolKey(o), false); err != nil {
			return err
		}
		c.touch("pool", "")
		o.Told = 0
	}
	o.Spec, o.Hash, o.Source, o.ReleasedAt = spec, hash, source, c.meta.Now
	o.Lines = make([]LineState, len(spec.Lines))
	for i, l := range spec.Lines {
		o.Lines[i] = LineState{Line: l.Line, SKU: l.SKU, Qty: l.Qty, State: LineOpen}
	}
	if err := c.enter(o, OrderValidated); err != nil {
		return err
	}
	if _, err := c.tryAllocate(o); err != nil {
		return err
	}
	return c.retryWaiting(freed)
}

// withdraw takes everything back that an order holds before its first claim:
// reservations, its place in a batch, in the pool and in the waiting rows, and
// its fallouts. It returns the items whose stock came free; the order is not
// saved.
func (c *change) withdraw(o *Order, by string) (freed []string, err error) {
	if err := c.setWaiting(o, false); err != nil {
		return nil, err
	}
	if err := c.clearFallouts(o, by, func(*Fallout) bool { return true }); err != nil {
		return nil, err
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		for _, id := range l.Tasks {
			t, err := c.task(id)
			if err != nil {
				return nil, err
			}
			if closed(t) {
				continue
			}
			if err := c.reserve(t.Bin, stockKey{sku: t.SKU, lot: t.Lot}, t.Expiry, -(t.Qty - t.Picked)); err != nil {
				return nil, err
			}
			t.State = TaskCancelled
			if err := c.saveTask(t); err != nil {
				return nil, err
			}
			freed = append(freed, t.SKU)
		}
	}
	if o.Batch != "" {
		err = c.leaveBatch(o.Batch, BatchDone, o.Spec.ID)
		o.Batch = ""
	}
	return freed, err
}

func cancelOrder(c *change, cmd CancelOrder) (Result, error) {
	res := Result{Ref: cmd.Order}
	o, err := c.order(cmd.Order)
	if err != nil {
		return res, err
	}
	if o == nil || !validID(cmd.Order) {
		return res, refuse(CodeUnknownOrder, "order %s", cmd.Order)
	}
	if o.State == OrderCancelled {
		return res, nil
	}
	if code := tooLate(o.State); code != "" {
		text := fmt.Sprintf("order %s is %s", cmd.Order, o.State)
		d := EventData{State: string(o.State), Code: code, Text: text, Revision: o.Spec.Revision, Source: cmd.Source}
		if err := c.emit(EvOrderCancelRejected, cmd.Order, d); err != nil {
			return res, err
		}
		return res, refuseKeep(code, "%s", text)
	}
	freed, err := c.withdraw(o, "cancelled")
	if err != nil {
		return res, err
	}
	for i := range o.Lines {
		o.Lines[i].State = LineCancelled
	}
	if err := c.enter(o, OrderCancelled); err != nil {
		return res, err
	}
	if err := c.saveOrder(o); err != nil {
		return res, err
	}
	return res, c.retryWaiting(freed)
}

// retryOrder lets a parked order go on from where it stands.
func retryOrder(c *change, cmd RetryOrder) (Result, error) {
	res := Result{Ref: cmd.Order}
	o, err := c.order(cmd.Order)
	if err != nil {
		return res, err
	}
	if o == nil || !validID(cmd.Order) {
		return res, refuse(CodeUnknownOrder, "order %s", cmd.Order)
	}
	if o.Batch != "" && len(o.Fallout) > 0 {
		return res, refuse(CodeHasWork, "order %s is in batch %s: retry when it is put down", cmd.Order, o.Batch)
	}
	switch {
	case o.State == OrderShortWaiting:
		ok, err := c.tryAllocate(o)
		if err == nil && !ok {
			err = refuse(FalloutOutOfStock, "order %s is still short", cmd.Order)
		}
		return res, err
	case o.State == OrderPicking && len(o.Fallout) > 0:
		return res, c.restart(o)
	case o.State == OrderLabelled && len(o.Fallout) > 0:
		return res, refuse(CodeLabelState, "scan the label of order %s or ask for a reprint", cmd.Order)
	case len(o.Fallout) == 0:
		res.Text = "nothing to retry"
		return res, nil
	}
	if err := c.clearFallouts(o, c.meta.Actor, func(*Fallout) bool { return true }); err != nil {
		return res, err
	}
	return res, c.saveOrder(o)
}

// restart allocates an order anew of which nothing was found on its first walk.
func (c *change) restart(o *Order) error {
	if err := c.clearFallouts(o, c.meta.Actor, func(*Fallout) bool { return true }); err != nil {
		return err
	}
	for i := range o.Lines {
		o.Lines[i].State = LineOpen
	}
	_, err := c.tryAllocate(o)
	return err
}
