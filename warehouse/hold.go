package warehouse

import (
	"fmt"
	"slices"
)

// Holds: reasons why nothing more may be done for an order. HELD is a flag on
// top of its state, not a state.
//
//   - An order may come held, and is held later by its OMS or by a rule or
//     person of the site. Only the party that holds lets go.
//   - A held order is not allocated, and nothing new of it is claimed: it leaves
//     the pool, its tasks that nobody began leave their walk, no station takes
//     it and its parcel is not loaded. What has begun is finished.
//   - Behind the hard point a parcel on the truck cannot be held any more.

// Hold codes.
const (
	HoldPayment  = "PAYMENT"
	HoldCredit   = "CREDIT"
	HoldTerms    = "TERMS"
	HoldPrice    = "PRICE_UNCONFIRMED"
	HoldPackSize = "PACK_CHANGE"
	HoldRecall   = "RECALL"
	HoldAddress  = "ADDRESS"
	HoldExport   = "EXPORT"
)

var holdCodes = []string{HoldPayment, HoldCredit, HoldTerms, HoldPrice, HoldPackSize, HoldRecall, HoldAddress, HoldExport}

type (
	// HoldOrder keeps an order from going on. Source is the party: the
	// order's OMS, or "site".
	HoldOrder struct {
		Order  string `cbor:"1,keyasint" json:"order"`
		Code   string `cbor:"2,keyasint" json:"code"`
		Source string `cbor:"3,keyasint" json:"source"`
	}
	// ReleaseHold ends a hold of the same party.
	ReleaseHold struct {
		Order  string `cbor:"1,keyasint" json:"order"`
		Code   string `cbor:"2,keyasint" json:"code"`
		Source string `cbor:"3,keyasint" json:"source"`
	}
)

// Kind of the command.
func (HoldOrder) Kind() Kind { return KindHoldOrder }

// Kind of the command.
func (ReleaseHold) Kind() Kind { return KindReleaseHold }

// held tells whether anything holds the order.
func (o *Order) held() bool { return len(o.Holds) > 0 }

// heldBy is where a party's hold stands in the list, -1 when it has none.
func (o *Order) heldBy(code, party string) int {
	for i := range o.Holds {
		if o.Holds[i] == code && o.HeldBy[i] == party {
			return i
		}
	}
	return -1
}

// hold is what a rule of the site says; see holdFor.
func (c *change) hold(o *Order, code string) error { return c.holdFor(o, code, SourceSite) }

// unhold ends what a rule of the site said. The order is saved.
func (c *change) unhold(o *Order, code string) error { return c.unholdFor(o, code, SourceSite) }

// holdFor puts a hold on an order and takes what nobody began out of the way.
// The same hold again is a no-op. The order is saved.
func (c *change) holdFor(o *Order, code, party string) error {
	if o.heldBy(code, party) >= 0 {
		return nil
	}
	o.Holds, o.HeldBy = append(o.Holds, code), append(o.HeldBy, party)
	if err := c.setAside(o); err != nil {
		return err
	}
	if err := c.tellHold(o, EvOrderHeld, code, party); err != nil {
		return err
	}
	return c.saveOrder(o)
}

// setAside takes the tasks of an order that nobody began out of its batch.
func (c *change) setAside(o *Order) error {
	if o.Batch == "" {
		return nil
	}
	b, err := c.batch(o.Batch)
	if err != nil {
		return err
	}
	begun := false
	err = c.tasksOf(o, func(t *Task) (bool, error) {
		if t.Batch != b.ID || t.State != TaskAssigned {
			begun = begun || t.Batch == b.ID
			return true, nil
		}
		t.State, t.Batch, t.Slot = TaskOpen, "", 0
		if err := c.dropTask(b, t.ID); err != nil {
			return false, err
		}
		return true, c.saveTask(t)
	})
	if err != nil || begun {
		return err // it leaves when the walk is over
	}
	id := o.Batch
	o.Batch = ""
	return c.leaveBatch(id, BatchReturned, o.Spec.ID)
}

// unholdFor ends a hold and, when it was the last, lets the order go on. The
// order is saved.
func (c *change) unholdFor(o *Order, code, party string) error {
	at := o.heldBy(code, party)
	if at < 0 {
		return nil
	}
	o.Holds = slices.Delete(o.Holds, at, at+1)
	o.HeldBy = slices.Delete(o.HeldBy, at, at+1)
	if !o.held() {
		o.Holds, o.HeldBy = nil, nil
	}
	if err := c.tellHold(o, EvOrderHoldReleased, code, party); err != nil {
		return err
	}
	if !o.held() && (o.State == OrderValidated || o.State == OrderShortWaiting) {
		_, err := c.tryAllocate(o)
		return err
	}
	return c.saveOrder(o)
}

// holdOf checks what both commands say and loads their order.
func (c *change) holdOf(id, code, party string) (*Order, error) {
	if !slices.Contains(holdCodes, code) {
		return nil, refuse(CodeInvalid, "hold code %q", cleanText(code))
	}
	o, err := c.orderAsked(party, id)
	if err != nil {
		return nil, err
	}
	if party != SourceSite && party != o.Source {
		return nil, refuse(CodeConflict, "order %s is of %s", id, o.Source)
	}
	return o, nil
}

func holdOrder(c *change, cmd HoldOrder) (Result, error) {
	res := Result{Ref: cmd.Order}
	o, err := c.holdOf(cmd.Order, cmd.Code, cmd.Source)
	if err != nil {
		return res, err
	}
	if code := answerIn(o.State).Hold; code != AnswerHold {
		return res, refuse(code, "order %s is %s", cmd.Order, o.State)
	}
	return res, c.holdFor(o, cmd.Code, cmd.Source)
}

func releaseHold(c *change, cmd ReleaseHold) (Result, error) {
	res := Result{Ref: cmd.Order}
	o, err := c.holdOf(cmd.Order, cmd.Code, cmd.Source)
	if err != nil {
		return res, err
	}
	if o.heldBy(cmd.Code, cmd.Source) < 0 {
		if at := slices.Index(o.Holds, cmd.Code); at >= 0 {
			return res, refuse(CodeNotHolder, "%s is held by %s", cmd.Code, o.HeldBy[at])
		}
		res.Text = fmt.Sprintf("order %s is not held for %s", cmd.Order, cmd.Code)
		return res, nil
	}
	return res, c.unholdFor(o, cmd.Code, cmd.Source)
}

// checkHolds looks at the holds an order comes with.
func checkHolds(holds []string) string {
	for i, h := range holds {
		if !slices.Contains(holdCodes, h) {
			return "hold: no such code"
		}
		if slices.Contains(holds[:i], h) {
			return "hold twice"
		}
	}
	return ""
}

// takeHolds adds the holds a revision comes with to those that are there: only
// ReleaseHold ends one, so that an OMS that amends an address does not let an
// unpaid order go. The order is not saved.
func (c *change) takeHolds(o *Order) error {
	for _, code := range o.Spec.Holds {
		if o.heldBy(code, o.Source) >= 0 {
			continue
		}
		o.Holds, o.HeldBy = append(o.Holds, code), append(o.HeldBy, o.Source)
		if err := c.tellHold(o, EvOrderHeld, code, o.Source); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) tellHold(o *Order, typ, code, party string) error {
	return c.emit(typ, o.Spec.ID, EventData{
		State: string(o.State), Code: code, Revision: o.Spec.Revision, Source: o.Source, Text: "by " + cleanText(party), Born: c.bornOf(o),
	})
}
