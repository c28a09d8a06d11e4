package warehouse

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Intake: validate, remember refusals, replace an older revision, admit.

// rejectRecord remembers a refused release, so that the same order again gets
// the same answer and no second event.
type rejectRecord struct {
	Revision int    `cbor:"1,keyasint"`
	Hash     []byte `cbor:"2,keyasint"`
	Code     string `cbor:"3,keyasint"`
	Text     string `cbor:"4,keyasint"`
	At       int64  `cbor:"5,keyasint"`
	Source   string `cbor:"6,keyasint,omitempty"` // who was refused; since level 2
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
	u, err := c.upstreamOf(cmd.Source)
	if err != nil {
		return Result{}, err
	}
	spec.ID = u.local(spec.ID)
	if u != nil && spec.Owner == "" && len(u.Owners) == 1 {
		spec.Owner = u.Owners[0] // the same order, whether it is named or not
	}
	canon, err := marshal(&spec)
	if err != nil {
		return Result{}, refuse(CodeMalformed, "order: %v", err)
	}
	sum := sha256.Sum256(canon)
	strange := u == nil && c.reserved(spec.ID) != ""
	res := Result{Ref: spec.ID}
	var old *Order
	if !strange || !isOMS(cmd.Source) {
		if old, err = c.findReleased(spec, cmd.Source); err != nil {
			return res, err
		}
	}
	if old != nil {
		spec.ID = old.Spec.ID
		if spec.Kit == 0 {
			spec.Kit = old.Spec.Kit
		}
	}
	rej, err := load[rejectRecord](c, rejectKey(spec.ID))
	if err != nil {
		return res, err
	}
	taken := c.idTaken(cmd, old, rej)
	switch {
	case taken != "" && cmd.Source == SourceSite:
		// Told to the person at once. Told as an event, it would reach the
		// OMS as news of its own order.
		return res, refuse(CodeIDTaken, "%s", taken)
	case taken != "":
		old = nil // another order
	}
	if old != nil {
		if took, err := c.takeOver(old, spec, sum[:], cmd.Source); err != nil || took {
			return res, err
		}
	}
	if old != nil && (spec.Revision < old.Spec.Revision || spec.Revision == old.Spec.Revision && old.sameRelease(sum[:])) {
		res.Text = fmt.Sprintf("order %s is here with revision %d", spec.ID, old.Spec.Revision)
		if left := old.leftOn(); left != "" {
			res.Text = fmt.Sprintf("order %s was %s with revision %d and is %s", spec.ID, old.State, old.Spec.Revision, left)
		}
		return res, nil
	}
	known := rej
	if !c.sameMaster(rej, cmd.Source) {
		rej = nil
	}
	if rej != nil && rej.Revision == spec.Revision && slices.Equal(rej.Hash, sum[:]) {
		return res, refuse(rej.Code, "%s", rej.Text)
	}
	if rej != nil && spec.Revision < rej.Revision {
		return res, refuse(CodeRevision, "revision %d was refused before", rej.Revision)
	}
	rec := rejectRecord{Revision: spec.Revision, Hash: sum[:], At: c.meta.Now}
	if c.since(level2) {
		rec.Source = cmd.Source
	}
	if old != nil && old.RequestState() == RequestAmendQuoted {
		q, err := must2(load[quoteRecord](c, key(kQuote, spec.ID)))("quote of order", spec.ID)
		switch {
		case err != nil:
			return res, err
		case spec.Revision < q.Spec.Revision:
			return res, refuse(CodeRevision, "revision %d is quoted", q.Spec.Revision)
		case spec.Revision == q.Spec.Revision && slices.Equal(sum[:], q.Hash):
			res.Text = fmt.Sprintf("revision %d is quoted", spec.Revision)
			return res, nil
		case spec.Revision == q.Spec.Revision:
			// The open quote stands.
			rec.Code, rec.Text = CodeConflict, fmt.Sprintf("revision %d is quoted with other content", spec.Revision)
			return res, c.tellRejected(spec, rec, cmd.Source, EvOrderAmendRejected)
		}
	}
	why, err := c.ownIt(&spec, cmd.Source, old)
	if err != nil {
		return res, err
	}
	switch {
	case taken != "":
		rec.Code, rec.Text = CodeIDTaken, taken
	case strange:
		rec.Code, rec.Text = CodeInvalid, "order id: those that begin so are of an upstream"
	case why != "":
		rec.Code, rec.Text = CodeForeignOwner, why
	default:
		if rec.Code, rec.Text, err = c.checkRelease(site, spec, old); err != nil {
			return res, err
		}
	}
	quote := rec.Code == "" && old != nil && mayAmend(site.Changes, old) == AnswerQuote
	if quote {
		if rec.Code, rec.Text, err = c.checkReshape(old, spec); err != nil {
			return res, err
		}
	}
	if rec.Code != "" {
		return res, c.rejectOrder(spec, rec, cmd.Source, old)
	}
	if quote {
		return res, c.quoteAmend(old, site.Changes, spec, sum[:], cmd.Source)
	}
	if known != nil {
		if err := c.Delete(rejectKey(spec.ID)); err != nil {
			return res, err
		}
	}
	c.releasing = true
	return res, c.admit(spec, sum[:], cmd.Source, old)
}

// checkRelease finds the reason to refuse a release, if any.
func (c *change) checkRelease(site *Site, spec OrderSpec, old *Order) (code, text string, err error) {
	if why := cmp.Or(checkSpec(spec), c.newID("order id", spec.ID)); why != "" {
		return CodeInvalid, why, nil
	}
	if old != nil {
		late := mayAmend(site.Changes, old)
		switch {
		case spec.Revision == old.Spec.Revision:
			return CodeConflict, fmt.Sprintf("revision %d is here with other content", spec.Revision), nil
		case late != AnswerApply && late != AnswerQuote:
			return late, fmt.Sprintf("order is %s", old.State), nil
		}
	}
	if why, err := c.checkKit(spec, old); err != nil || why != "" {
		return CodeConflict, why, err
	}
	if code, text, err := c.checkItems(site, spec); err != nil || code != "" {
		return code, text, err
	}
	if c.tooBig != "" {
		return CodeInvalid, c.tooBig, nil
	}
	if old == nil {
		return c.checkIntakeOf(site, spec)
	}
	if why := badAddress(site, spec.ShipTo); why != "" && spec.ShipTo != old.Spec.ShipTo {
		return FalloutAddress, why, nil
	}
	return "", "", nil
}

// rejectOrder makes the refusal of a release a fact: it is remembered and told.
func (c *change) rejectOrder(spec OrderSpec, rec rejectRecord, source string, old *Order) error {
	rules, err := c.changeRules()
	if err != nil {
		return err
	}
	if old == nil {
		return c.tellRejected(spec, rec, source, EvOrderRejected)
	}
	if rules != nil {
		if err := c.askRefused(old, RequestAmend, RequestAmendRejected, spec.Revision, rec.Code); err != nil {
			return err
		}
		if err := c.saveOrder(old); err != nil {
			return err
		}
	}
	return c.tellRejected(spec, rec, source, EvOrderAmendRejected)
}

// tellRejected remembers and tells a refusal.
func (c *change) tellRejected(spec OrderSpec, rec rejectRecord, source, typ string) error {
	if err := save(c, rejectKey(spec.ID), &rec); err != nil {
		return err
	}
	id := spec.ID
	if len(id) > maxText {
		id = strings.ToValidUTF8(id[:maxText], "")
	}
	c.touch("order", id)
	upstream, told, err := c.whoAsked(id, source, spec.Owner)
	if err != nil {
		return err
	}
	err = c.emitTo(upstream, typ, told, EventData{
		Revision: spec.Revision, Code: rec.Code, Text: rec.Text, Source: source, Born: c.bornOf(&Order{Source: source}),
	})
	if err != nil {
		return err
	}
	return refuseKeep(rec.Code, "%s", rec.Text)
}

// admit takes a good order in, or replaces an older revision nothing was
// claimed of.
func (c *change) admit(spec OrderSpec, hash []byte, source string, o *Order) error {
	var freed []string
	amended := o != nil
	doubt := !amended // look at the address
	if o == nil {
		n, err := c.next(kOrder)
		if err != nil {
			return err
		}
		o = &Order{Spec: spec, Intake: n}
		if err := c.belong(o, source); err != nil {
			return err
		}
		if err := c.enter(o, OrderReceived); err != nil {
			return err
		}
	} else {
		fs, err := c.falloutsOf(o)
		if err != nil {
			return err
		}
		doubt = slices.ContainsFunc(fs, isAddress) // a person did not decide yet
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
	o.Lines = openLines(spec, o.Lines)
	if err := c.noteKit(o); err != nil {
		return err
	}
	if err := c.lineUp(o); err != nil {
		return err
	}
	if amended {
		if err := c.amended(o); err != nil {
			return err
		}
	}
	kept, err := c.redeem(spec.ID)
	if err != nil {
		return err
	}
	freed = append(freed, kept...)
	if err := c.enter(o, OrderValidated); err != nil {
		return err
	}
	if err := c.takeHolds(o); err != nil {
		return err
	}
	if doubt {
		if err := c.parkAddress(o); err != nil {
			return err
		}
	}
	if err := c.checkShipping(o); err != nil {
		return err
	}
	if _, err := c.tryAllocate(o); err != nil {
		return err
	}
	return c.retryWaiting(freed)
}

// amended notes that a later revision is in force of an order nothing was
// claimed of.
func (c *change) amended(o *Order) error {
	rules, err := c.changeRules()
	if err != nil || rules == nil {
		return err
	}
	r := Request{State: RequestAmend, Revision: o.Spec.Revision}
	to := Request{State: RequestAmendAccepted, Revision: o.Spec.Revision}
	if o.RequestState() == RequestAmendQuoted { // accepted just now
		to.Charge, to.Limits = o.Request.Charge, o.Request.Limits
	} else if err := c.askFor(o, r); err != nil {
		return err
	}
	if err := c.ask(o, to); err != nil {
		return err
	}
	return c.emit(EvOrderAmended, o.Spec.ID, EventData{
		State: string(o.State), Born: c.bornOf(o), Revision: o.Spec.Revision, Source: o.Source, ExtraCharge: to.Charge, Restrictions: to.Limits,
	})
}
