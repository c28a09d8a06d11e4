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
	if old != nil && (spec.Revision < old.Spec.Revision || spec.Revision == old.Spec.Revision && slices.Equal(sum[:], old.Hash)) {
		res.Text = fmt.Sprintf("order %s is here with revision %d", spec.ID, old.Spec.Revision)
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
	code, text := CodeIDTaken, taken
	if taken == "" {
		if code, text, err = c.checkRelease(site, spec, old); err != nil {
			return res, err
		}
	}
	if code != "" {
		rec := rejectRecord{Revision: spec.Revision, Hash: sum[:], Code: code, Text: text, At: c.meta.Now}
		if c.since(level2) {
			rec.Source = cmd.Source
		}
		return res, c.rejectOrder(spec, rec, cmd.Source, old != nil)
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
	if !site.byService() && carrierFor(site, spec.Method) == nil {
		return CodeUnknownMethod, fmt.Sprintf("no carrier serves method %q", spec.Method), nil
	}
	if c.tooBig != "" {
		return CodeInvalid, c.tooBig, nil
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
	err := c.emit(typ, id, EventData{
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
	if err := c.checkShipping(o); err != nil {
		return err
	}
	if _, err := c.tryAllocate(o); err != nil {
		return err
	}
	return c.retryWaiting(freed)
}
