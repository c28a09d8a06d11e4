package warehouse

import (
	"fmt"
	"slices"
)

// The request axis of an order: what the OMS asks of it and what the site
// answers. It stands beside the work axis (order.go) and never blocks it.
//
//   - One table, answers, says for each work state what becomes of an amendment,
//     a cancel and a hold; docs/order-states.md is printed from it.
//   - Before the soft point of no return a change is applied. Between the soft
//     and the hard one it is quoted: work goes on, and the change is made when
//     the OMS accepts the quote. Behind the hard point it is refused.
//   - A pack station in hard mode (Site.HardMode) puts the hard point at the start
//     of the order there, and takes no other one until its label is proven.
//   - The first to commit wins, and the answer is an event, never silence. An
//     open quote ends when the order passes its hard point.
//   - The newest request stays visible on the order with its code.

// RequestState is the request axis of an order.
type RequestState string

// The request states. SUBMITTED, AMEND_REQUESTED and, unless a cancel is
// quoted, CANCEL_REQUESTED are passed through within one command.
const (
	RequestNone           RequestState = "NONE"
	RequestSubmitted      RequestState = "SUBMITTED"
	RequestAccepted       RequestState = "ACCEPTED"
	RequestRejected       RequestState = "REJECTED"
	RequestAmend          RequestState = "AMEND_REQUESTED"
	RequestAmendQuoted    RequestState = "AMEND_QUOTED"
	RequestAmendAccepted  RequestState = "AMEND_ACCEPTED"
	RequestAmendRejected  RequestState = "AMEND_REJECTED"
	RequestCancel         RequestState = "CANCEL_REQUESTED"
	RequestCancelAccepted RequestState = "CANCEL_ACCEPTED"
	RequestCancelRejected RequestState = "CANCEL_REJECTED"
)

const (
	maxRestrictions = 8
	maxCharges      = 50
	maxCharge       = 1_000_000_000_000
	// LinesFixed is the restriction of a quote for an order whose carton is
	// closed: only the address, the priority and the times can change.
	LinesFixed = "LINES_FIXED"
)

// requestSteps lists every step of the request axis.
var requestSteps = []struct {
	from RequestState
	to   []RequestState
}{
	{RequestNone, []RequestState{RequestSubmitted}},
	{RequestSubmitted, []RequestState{RequestAccepted, RequestRejected}},
	{RequestRejected, []RequestState{RequestSubmitted /* a corrected order */}},
	{RequestAccepted, asked},
	{RequestAmend, []RequestState{RequestAmendAccepted, RequestAmendQuoted, RequestAmendRejected}},
	{RequestAmendQuoted, []RequestState{RequestAmendAccepted, RequestAmendRejected}},
	{RequestAmendAccepted, asked},
	{RequestAmendRejected, asked},
	{RequestCancel, []RequestState{RequestCancelAccepted, RequestCancelRejected}},
	{RequestCancelRejected, asked},
	{RequestCancelAccepted, nil},
}

var asked = []RequestState{RequestAmend, RequestCancel}

// Request is what was asked of an order last.
type Request struct {
	State    RequestState `cbor:"1,keyasint" json:"state"`
	Code     string       `cbor:"2,keyasint,omitempty" json:"code,omitempty"`         // why it was refused
	Revision int          `cbor:"3,keyasint,omitempty" json:"revision,omitempty"`     // of the amendment
	At       int64        `cbor:"4,keyasint" json:"at"`                               // when State was entered
	Charge   int64        `cbor:"5,keyasint,omitempty" json:"extraCharge,omitempty"`  // quoted, minor units
	Limits   []string     `cbor:"6,keyasint,omitempty" json:"restrictions,omitempty"` // quoted
	Reason   string       `cbor:"7,keyasint,omitempty" json:"reason,omitempty"`       // of a cancel, in the words of who asked
}

// quoted tells whether an answer of the OMS is waited for.
func (r *Request) quoted() bool {
	return r != nil && (r.State == RequestAmendQuoted || r.State == RequestCancel)
}

// RequestState is the request axis of an order that is here.
func (o *Order) RequestState() RequestState {
	if o.Request == nil {
		return RequestAccepted
	}
	return o.Request.State
}

// RequestOf is the request axis of an order by id, with the code of a refusal.
func RequestOf(r Reader, id string) (RequestState, string, error) {
	o, err := GetOrder(r, id)
	if err != nil {
		return "", "", err
	}
	if o != nil {
		code := ""
		if o.Request != nil {
			code = o.Request.Code
		}
		return o.RequestState(), code, nil
	}
	rej, err := load[rejectRecord](r, rejectKey(id))
	if err == nil && rej == nil {
		if a, err := GetArchived(r, id); err != nil || a != nil {
			if err == nil && a.State == OrderCancelled {
				return RequestCancelAccepted, "", nil
			}
			return RequestAccepted, "", err
		}
	}
	if err != nil || rej == nil {
		return RequestNone, "", err
	}
	return RequestRejected, rej.Code, nil
}

// What Site.Changes may say of a cancel between the points of no return.
const (
	CancelAccept = ""
	CancelQuote  = "quote"
	CancelRefuse = "refuse"
)

// ChangeRules says how a site answers changes between the points of no return.
type ChangeRules struct {
	Cancel  string   `cbor:"1,keyasint,omitempty" json:"cancel,omitempty"`  // CancelAccept, CancelQuote, CancelRefuse
	Charges []Charge `cbor:"2,keyasint,omitempty" json:"charges,omitempty"` // first match wins; none = free
}

// Charge is what a change costs the customer, and what it does not reach.
type Charge struct {
	State        OrderState `cbor:"1,keyasint,omitempty" json:"state,omitempty"` // "" = any
	Cancel       bool       `cbor:"2,keyasint,omitempty" json:"cancel,omitempty"`
	Amount       int64      `cbor:"3,keyasint,omitempty" json:"amount,omitempty"` // minor units of the order's currency
	Restrictions []string   `cbor:"4,keyasint,omitempty" json:"restrictions,omitempty"`
}

// Answers of the table. A refusal stands there with its code.
const (
	AnswerApply = "apply"
	AnswerQuote = "quote"
	AnswerHold  = "hold"
	AnswerDone  = "already done"
)

// Asked is one row of the table of answers.
type Asked struct {
	State               OrderState
	Amend, Cancel, Hold string
}

// answers says what becomes of a request in each work state. A cancel that is
// quoted is accepted, quoted or refused as Site.Changes.Cancel says.
var answers = []Asked{
	{OrderReceived, AnswerApply, AnswerApply, AnswerHold},
	{OrderValidated, AnswerApply, AnswerApply, AnswerHold},
	{OrderShortWaiting, AnswerApply, AnswerApply, AnswerHold},
	{OrderAllocated, AnswerApply, AnswerApply, AnswerHold},
	{OrderReleased, AnswerApply, AnswerApply, AnswerHold},
	{OrderPicking, AnswerQuote, AnswerQuote, AnswerHold},
	{OrderPicked, AnswerQuote, AnswerQuote, AnswerHold},
	{OrderPacking, AnswerQuote, AnswerQuote, AnswerHold},
	{OrderPacked, AnswerQuote, AnswerQuote, AnswerHold},
	{OrderLabelled, CodeHardPONR, CodeHardPONR, AnswerHold},
	{OrderStaged, CodeHardPONR, CodeHardPONR, CodeHardPONR},
	{OrderShipped, CodeHardPONR, CodeHardPONR, CodeHardPONR},
	{OrderCancelled, CodeRevision, AnswerDone, CodeRevision},
}

// Answers lists the table of answers.
func Answers() []Asked { return slices.Clone(answers) }

func answerIn(s OrderState) Asked {
	for _, a := range answers {
		if a.State == s {
			return a
		}
	}
	return Asked{s, CodeIllegalState, CodeIllegalState, CodeIllegalState}
}

// changeRules are those of the site, nil when it has none.
func (c *change) changeRules() (*ChangeRules, error) {
	if c.site != nil {
		return c.site.Changes, nil
	}
	s, err := GetSite(c)
	if err != nil || s == nil {
		return nil, err
	}
	c.site = s
	return s.Changes, nil
}

// mayAmend is the answer to an amendment at a site: AnswerApply, AnswerQuote or
// the code of the refusal.
func mayAmend(rules *ChangeRules, o *Order) string {
	a := answerIn(o.State).Amend
	if a == AnswerQuote && o.Hard {
		return CodeHardPONR
	}
	if a == AnswerQuote && rules == nil {
		return CodeSoftPONR
	}
	return a
}

// mayCancel is the answer to a cancel at this site.
func mayCancel(rules *ChangeRules, o *Order) string {
	a := answerIn(o.State).Cancel
	switch {
	case a != AnswerQuote:
	case o.Hard:
		return CodeHardPONR
	case rules == nil || rules.Cancel == CancelRefuse:
		return CodeSoftPONR
	case rules.Cancel == CancelAccept:
		return AnswerApply
	}
	return a
}

// checkChanges names the first rule that is wrong, "" when all is well.
func checkChanges(r *ChangeRules) string {
	switch {
	case r == nil:
		return ""
	case r.Cancel != CancelAccept && r.Cancel != CancelQuote && r.Cancel != CancelRefuse:
		return `changes: cancel is "", "quote" or "refuse"`
	case len(r.Charges) > maxCharges:
		return "changes: more than 50 charges"
	}
	for _, ch := range r.Charges {
		switch {
		case ch.State != "" && answerIn(ch.State).Amend != AnswerQuote:
			return "changes: nothing is quoted in state " + cleanText(string(ch.State))
		case ch.Amount < 0 || ch.Amount > maxCharge:
			return "changes: amount"
		case len(ch.Restrictions) >= maxRestrictions:
			return "changes: more than 7 restrictions"
		}
		for _, s := range ch.Restrictions {
			if !validText(s, maxID) {
				return "changes: restriction"
			}
		}
	}
	return ""
}

// ask takes the request axis a step further. Sites without rules for changes
// keep none. The order is not saved.
func (c *change) ask(o *Order, to Request) error {
	rules, err := c.changeRules()
	if err != nil || rules == nil {
		return err
	}
	from := o.RequestState()
	for _, s := range requestSteps {
		if s.from == from && slices.Contains(s.to, to.State) {
			to.At = c.meta.Now
			o.Request = &to
			return nil
		}
	}
	return refuse(CodeIllegalState, "request of order %s cannot go from %s to %s", o.Spec.ID, from, to.State)
}

// askFor begins a request: what was quoted before is off the table.
func (c *change) askFor(o *Order, r Request) error {
	if o.Request.quoted() {
		if err := c.rejectQuote(o, CodeRevision, "something newer was asked for"); err != nil {
			return err
		}
	}
	return c.ask(o, r)
}

// askRefused notes a request that is refused at once.
func (c *change) askRefused(o *Order, asked, refused RequestState, revision int, code string) error {
	if o.State == OrderCancelled {
		return nil // it says already how the order ended
	}
	if err := c.askFor(o, Request{State: asked, Revision: revision}); err != nil {
		return err
	}
	return c.ask(o, Request{State: refused, Revision: revision, Code: code})
}

// quote puts a price on what was asked and waits for the OMS. The order is not
// saved.
func (c *change) quote(o *Order, rules *ChangeRules, cancel bool, revision int, reason string) error {
	r := Request{State: RequestAmendQuoted, Revision: revision, Reason: reason}
	if cancel {
		r.State = RequestCancel
	}
	at := slices.IndexFunc(rules.Charges, func(ch Charge) bool {
		return ch.Cancel == cancel && (ch.State == "" || ch.State == o.State)
	})
	if at >= 0 {
		r.Charge, r.Limits = rules.Charges[at].Amount, slices.Clone(rules.Charges[at].Restrictions)
	}
	if o.State == OrderPacked && !cancel {
		r.Limits = append(r.Limits, LinesFixed)
	}
	if cancel { // the axis has no other state for a quoted cancel
		r.At = c.meta.Now
		o.Request = &r
	} else if err := c.ask(o, r); err != nil {
		return err
	}
	return c.emit(EvOrderQuoted, o.Spec.ID, EventData{
		State: string(o.State), Born: c.bornOf(o), Request: string(r.State), Revision: revision, Source: o.Source,
		ExtraCharge: r.Charge, Restrictions: r.Limits,
	})
}

// rejectQuote ends an open quote without the change.
func (c *change) rejectQuote(o *Order, code, text string) error {
	r := *o.Request
	typ, to := EvOrderAmendRejected, RequestAmendRejected
	if r.State == RequestCancel {
		typ, to = EvOrderCancelRejected, RequestCancelRejected
	}
	if r.State == RequestAmendQuoted {
		// The same revision again gets the same answer.
		q, err := must2(load[quoteRecord](c, key(kQuote, o.Spec.ID)))("quote of order", o.Spec.ID)
		if err != nil {
			return err
		}
		rec := rejectRecord{Revision: r.Revision, Hash: q.Hash, Code: code, Text: text, At: c.meta.Now}
		if err := save(c, rejectKey(o.Spec.ID), &rec); err != nil {
			return err
		}
		if err := c.Delete(key(kQuote, o.Spec.ID)); err != nil {
			return err
		}
	}
	o.Request = &Request{State: to, Code: code, Revision: r.Revision, At: c.meta.Now}
	rev := r.Revision
	if r.State == RequestCancel {
		rev = o.Spec.Revision
	}
	return c.emit(typ, o.Spec.ID, EventData{State: string(o.State), Born: c.bornOf(o), Code: code, Text: text, Revision: rev, Source: o.Source})
}

// endQuote rejects an open quote of an order that has just passed its hard
// point of no return.
func (c *change) endQuote(o *Order) error {
	if !o.Request.quoted() || !o.Hard && answerIn(o.State).Amend != CodeHardPONR {
		return nil
	}
	return c.rejectQuote(o, CodeHardPONR, fmt.Sprintf("order is %s", o.State))
}
