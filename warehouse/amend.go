package warehouse

import (
	"fmt"
	"slices"
)

// Amendments and cancels between the points of no return.
//
//   - Work that has begun is not undone behind anybody's back: a task with goods
//     in hand is finished, or vanishes from the screen as a whole.
//   - What is in the tote and not wanted any more waits there as PutBack under
//     one fallout PUT_BACK, which keeps the order from the pack station until a
//     person has put the goods into a bin (PutBack).
//   - What is wanted more is reserved like a short pick's rest: onto the walk
//     the order is in, or into the pool with its tote.
//   - A line keeps its number and item; a removed one stays as CANCELLED.

// quoteRecord is the revision that a quote is about.
type quoteRecord struct {
	Spec   OrderSpec `cbor:"1,keyasint"`
	Hash   []byte    `cbor:"2,keyasint"`
	Source string    `cbor:"3,keyasint"`
}

type (
	// AcceptQuote takes the offer of order.quoted: the change is made now.
	// Revision is that of the quoted amendment, 0 for a quoted cancel.
	AcceptQuote struct {
		Order    string `cbor:"1,keyasint" json:"order"`
		Revision int    `cbor:"2,keyasint,omitempty" json:"revision,omitempty"`
		Source   string `cbor:"3,keyasint" json:"source"`
	}
	// DeclineQuote leaves the order as it is.
	DeclineQuote struct {
		Order    string `cbor:"1,keyasint" json:"order"`
		Revision int    `cbor:"2,keyasint,omitempty" json:"revision,omitempty"`
		Source   string `cbor:"3,keyasint" json:"source"`
	}
)

// Kind of the command.
func (AcceptQuote) Kind() Kind { return KindAcceptQuote }

// Kind of the command.
func (DeclineQuote) Kind() Kind { return KindDeclineQuote }

// knownOrder loads the order a command names.
func (c *change) knownOrder(id string) (*Order, error) {
	if !validID(id) {
		return nil, refuse(CodeUnknownOrder, "order %s", id)
	}
	o, err := c.order(id)
	if err == nil && o == nil {
		err = refuse(CodeUnknownOrder, "order %s", id)
	}
	return o, err
}

// quoteAmend offers a later revision at a price.
func (c *change) quoteAmend(o *Order, rules *ChangeRules, spec OrderSpec, hash []byte, source string) error {
	if err := c.askFor(o, Request{State: RequestAmend, Revision: spec.Revision}); err != nil {
		return err
	}
	if err := save(c, key(kQuote, o.Spec.ID), &quoteRecord{Spec: spec, Hash: hash, Source: source}); err != nil {
		return err
	}
	if err := c.quote(o, rules, false, spec.Revision, ""); err != nil {
		return err
	}
	return c.saveOrder(o)
}

// quoteOf loads the order and the open quote a command answers. done says that
// it was answered so before.
func (c *change) quoteOf(id, source string, revision int, answered ...RequestState) (o *Order, q *quoteRecord, done bool, err error) {
	if o, err = c.orderAsked(source, id); err != nil {
		return nil, nil, false, err
	}
	if source != "" && source != o.Source {
		return nil, nil, false, refuse(CodeConflict, "order %s is of %s", id, o.Source)
	}
	r := o.Request
	if r != nil && r.Revision == revision && slices.Contains(answered, r.State) {
		return o, nil, true, nil
	}
	if !r.quoted() || r.Revision != revision {
		return nil, nil, false, refuse(CodeNoQuote, "order %s has no open quote of revision %d: %s", id, revision, o.RequestState())
	}
	if r.State == RequestCancel {
		return o, nil, false, nil
	}
	q, err = must2(load[quoteRecord](c, key(kQuote, o.Spec.ID)))("quote of order", id)
	return o, q, false, err
}

func declineQuote(c *change, cmd DeclineQuote) (Result, error) {
	res := Result{Ref: cmd.Order}
	o, _, done, err := c.quoteOf(cmd.Order, cmd.Source, cmd.Revision, RequestAmendRejected, RequestCancelRejected)
	if err != nil || done {
		return res, err
	}
	if err := c.rejectQuote(o, CodeDeclined, "the quote was declined"); err != nil {
		return res, err
	}
	return res, c.saveOrder(o)
}

// acceptQuote makes the change that was quoted, if it still can be made: work
// went on meanwhile.
func acceptQuote(c *change, cmd AcceptQuote) (Result, error) {
	res := Result{Ref: cmd.Order}
	o, q, done, err := c.quoteOf(cmd.Order, cmd.Source, cmd.Revision, RequestAmendAccepted, RequestCancelAccepted)
	if err != nil || done {
		return res, err
	}
	if q == nil {
		return res, c.cancelNow(o)
	}
	site, err := c.theSite()
	if err != nil {
		return res, err
	}
	code, text, err := c.checkItems(site, q.Spec)
	if err != nil {
		return res, err
	}
	before := answerIn(o.State).Amend == AnswerApply
	if code == "" && !before {
		code, text, err = c.checkReshape(o, q.Spec)
		if err != nil {
			return res, err
		}
	}
	if code != "" {
		if err := c.rejectQuote(o, code, text); err != nil {
			return res, err
		}
		if err := c.saveOrder(o); err != nil {
			return res, err
		}
		return res, refuseKeep(code, "%s", text)
	}
	for _, k := range [][]byte{key(kQuote, o.Spec.ID), rejectKey(o.Spec.ID)} {
		if err := c.Delete(k); err != nil {
			return res, err
		}
	}
	if before { // nothing was found on the first walk: it waits again
		return res, c.admit(q.Spec, q.Hash, q.Source, o)
	}
	return res, c.reshape(site, o, q)
}

// checkItems looks up what a revision names.
func (c *change) checkItems(site *Site, spec OrderSpec) (code, text string, err error) {
	for _, l := range spec.Lines {
		it, err := GetItem(c, l.SKU)
		if err != nil {
			return "", "", err
		}
		if it == nil {
			return CodeUnknownItem, fmt.Sprintf("line %d: item %s", l.Line, l.SKU), nil
		}
	}
	if !site.byService() && carrierFor(site, spec.Method) == nil {
		return CodeUnknownMethod, fmt.Sprintf("no carrier serves method %q", spec.Method), nil
	}
	return "", "", nil
}

// due is what a line asks for now.
func (l *LineState) due() int64 {
	if l.State == LineCancelled {
		return 0
	}
	return l.Qty
}

// kept is what is picked and stays.
func (l *LineState) kept() int64 { return l.Picked - l.PutBack }

// wanted is what a revision asks for of a line that is here.
func wanted(spec OrderSpec, line int) int64 {
	for _, l := range spec.Lines {
		if l.Line == line {
			return l.Qty
		}
	}
	return 0
}

// sameLines tells whether a revision leaves all lines alone.
func sameLines(o *Order, spec OrderSpec) bool {
	for i := range o.Lines {
		if o.Lines[i].due() != wanted(spec, o.Lines[i].Line) {
			return false
		}
	}
	return !slices.ContainsFunc(spec.Lines, func(l OrderLine) bool { return !hasLine(o, l.Line) })
}

func hasLine(o *Order, line int) bool {
	return slices.ContainsFunc(o.Lines, func(l LineState) bool { return l.Line == line })
}

// checkReshape tells why a revision cannot be made of an order whose picking
// has begun. It writes nothing.
func (c *change) checkReshape(o *Order, spec OrderSpec) (code, text string, err error) {
	fixed := o.State == OrderPacked
	lines := len(o.Lines)
	for _, l := range spec.Lines {
		if !hasLine(o, l.Line) {
			if l.Kind == LineKindMake {
				return CodeSoftPONR, fmt.Sprintf("line %d: picking has begun, nothing more can be made", l.Line), nil
			}
			lines++
			continue
		}
		st, err := lineOf(o, l.Line)
		if err != nil {
			return "", "", err
		}
		if st.Kind != l.Kind {
			return CodeSoftPONR, fmt.Sprintf("line %d: another kind needs another line number", l.Line), nil
		}
		if st.ordered() != l.SKU {
			return CodeSoftPONR, fmt.Sprintf("line %d: another item needs another line number", l.Line), nil
		}
		if st.For != "" && !spec.Substitute && c.since(level4) {
			return CodeSoftPONR, fmt.Sprintf("line %d: %s goes for %s already: cancel the line, or let it go", l.Line, st.SKU, st.For), nil
		}
	}
	switch {
	case fixed && !sameLines(o, spec):
		return CodeSoftPONR, "the carton is closed: its lines are fixed", nil
	case fixed && spec.Method != o.Spec.Method:
		return CodeSoftPONR, "the carton is closed: its carrier is fixed", nil
	case lines > maxLines:
		return CodeInvalid, "more than 500 lines, the removed ones counted", nil
	case sizeOf(o) > orderRecord:
		return CodeInvalid, "the record of the order has grown too big for a change", nil
	case fixed:
		return "", "", nil
	}
	return c.checkMore(o, spec)
}

// checkMore tells whether there is stock for what a revision adds, and whether
// the tote can be brought to it.
func (c *change) checkMore(o *Order, spec OrderSpec) (code, text string, err error) {
	if spec.Owner != o.Spec.Owner {
		return CodeInvalid, "the owner of an order that was begun cannot change", nil
	}
	more := false
	held := make(map[string][]take) // looked up only
	for _, l := range spec.Lines {
		need := l.Qty
		if l.Kind == LineKindDropShip {
			continue
		}
		if hasLine(o, l.Line) {
			st, err := lineOf(o, l.Line)
			if err != nil {
				return "", "", err
			}
			if st.due() >= l.Qty {
				continue // nothing more is asked for, short or not
			}
			open, err := c.openQty(st)
			if err != nil {
				return "", "", err
			}
			need -= st.Picked + open
			l.SKU = st.SKU // or what stands for it
		}
		if need <= 0 {
			continue
		}
		more = true
		takes, missing, err := c.plan(demand{l.SKU, o.Spec.Owner}, need, held[l.SKU])
		if err != nil {
			return "", "", err
		}
		if missing > 0 {
			return CodeStock, fmt.Sprintf("line %d: %d of %s are missing", l.Line, missing, l.SKU), nil
		}
		held[l.SKU] = append(held[l.SKU], takes...)
	}
	if !more || o.State == OrderPicking {
		return "", "", nil
	}
	// The tote has to go on another walk.
	lu, err := must2(GetLU(c, o.Tote))("tote", o.Tote)
	if err != nil {
		return "", "", err
	}
	if o.State != OrderPicked || lu.Place != PlacePackDrop {
		return CodeSoftPONR, "the tote is on its way to the pack station: nothing can be added", nil
	}
	t, err := TransportOf(c, o.Tote)
	if err != nil {
		return "", "", err
	}
	if t != nil && onRobot(t.State) {
		return CodeSoftPONR, "a robot fetches the tote: nothing can be added", nil
	}
	return "", "", nil
}

// openQty is what the open tasks of a line still have to take.
func (c *change) openQty(l *LineState) (n int64, err error) {
	for _, id := range l.Tasks {
		t, err := c.task(id)
		if err != nil {
			return 0, err
		}
		if !closed(t) {
			n += t.Qty - t.Picked
		}
	}
	return n, nil
}
