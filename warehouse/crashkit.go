package warehouse

import "fmt"

// The order crash kit: orders written on numbered slips while the OMS is away,
// and typed in at the site.
//
//   - A slip is one order, whoever brings it first: EnterOrder at the site, or the
//     OMS with the number on its order (OrderSpec.Kit).
//   - An order entered here has an id of the site's until it is bound to the one
//     the OMS gave it; from then on both ids name it, and events carry the OMS's.
//   - The same content is taken over in any state; other content is an amendment
//     like any other. Nothing is ever deleted: two orders that claim to be one are
//     a CONFLICT for people.

type (
	// EnterOrder takes the order of a slip in. It gets its id from the site
	// and the number.
	EnterOrder struct {
		Kit   int64     `cbor:"1,keyasint" json:"kit"`
		Order OrderSpec `cbor:"2,keyasint" json:"order"` // without id, revision and kit
	}
	// BindOrder tells which order of the OMS a slip is.
	BindOrder struct {
		Kit    int64  `cbor:"1,keyasint" json:"kit"`
		Order  string `cbor:"2,keyasint" json:"order"` // id at the OMS
		Source string `cbor:"3,keyasint" json:"source"`
	}
)

// Kind of the command.
func (EnterOrder) Kind() Kind { return KindEnterOrder }

// Kind of the command.
func (BindOrder) Kind() Kind { return KindBindOrder }

const maxKit = 999_999

func kitKey(n int64) []byte { return key(kKit, num(uint64(n))) }

// ofKit loads the order of a slip, nil when none is here yet, or when it was
// forgotten: of an order that had two slips in its life one number stays behind.
func (c *change) ofKit(n int64) (*Order, error) {
	id, err := c.Get(kitKey(n))
	if err != nil || id == nil {
		return nil, err
	}
	return c.order(string(id))
}

func enterOrder(c *change, cmd EnterOrder) (Result, error) {
	spec := cmd.Order
	switch {
	case cmd.Kit < 1 || cmd.Kit > maxKit:
		return Result{}, refuse(CodeInvalid, "kit: 1 to %d", maxKit)
	case spec.ID != "" || spec.Revision != 0 || spec.Kit != 0:
		return Result{}, refuse(CodeInvalid, "a slip has no id and no revision")
	}
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	spec.ID, spec.Kit = fmt.Sprintf("%s-K%06d", site.ID, cmd.Kit), cmd.Kit
	old, err := c.ofKit(cmd.Kit)
	if err != nil {
		return Result{}, err
	}
	if old != nil {
		res := Result{Ref: old.Spec.ID, Text: fmt.Sprintf("slip %d is order %s", cmd.Kit, old.Spec.ID)}
		if left := old.leftOn(); left != "" {
			return res, refuse(CodeConflict, "slip %d was order %s, %s", cmd.Kit, old.Spec.ID, left)
		}
		if !sameOrder(old.Spec, spec) {
			return res, refuse(CodeConflict, "slip %d is order %s with other content", cmd.Kit, old.Spec.ID)
		}
		return res, nil
	}
	return releaseOrder(c, ReleaseOrder{Order: spec, Source: SourceSite})
}

func bindOrder(c *change, cmd BindOrder) (Result, error) {
	res := Result{Ref: cmd.Order}
	switch {
	case cmd.Kit < 1 || cmd.Kit > maxKit:
		return res, refuse(CodeInvalid, "kit: 1 to %d", maxKit)
	case !validID(cmd.Order):
		return res, refuse(CodeInvalid, "order id")
	case cmd.Source == SourceSite || !validText(cmd.Source, maxText):
		return res, refuse(CodeInvalid, "source")
	}
	o, err := c.ofKit(cmd.Kit)
	if err != nil {
		return res, err
	}
	hidden := o == nil
	if o != nil {
		if hidden, err = c.foreign(o, cmd.Source); err != nil {
			return res, err
		}
	}
	if hidden {
		return res, refuse(CodeUnknownOrder, "no order of slip %d", cmd.Kit)
	}
	if cmd.Order, err = c.askedID(cmd.Source, cmd.Order, CodeInvalid); err != nil {
		return res, err
	}
	if !validID(cmd.Order) {
		return res, refuse(CodeInvalid, "order id")
	}
	if o.Spec.ID == cmd.Order || o.Bound == cmd.Order {
		return res, nil
	}
	if err := c.bind(o, cmd.Order, cmd.Source); err != nil {
		return res, err
	}
	return res, c.saveOrder(o)
}

// bind gives an order the id it has at the OMS. The order is not saved.
func (c *change) bind(o *Order, id, source string) error {
	if o.Source != SourceSite || o.Bound != "" {
		return refuse(CodeConflict, "slip %d is order %s of %s", o.Spec.Kit, o.IDAtOMS(), o.Source)
	}
	other, err := c.order(id)
	if err != nil {
		return err
	}
	if other != nil {
		return refuse(CodeConflict, "order %s is here and is not slip %d", id, o.Spec.Kit)
	}
	if err := c.Set(key(kBound, id), []byte(o.Spec.ID)); err != nil {
		return err
	}
	o.Bound, o.Source = id, source
	return c.emit(EvOrderBound, o.Spec.ID, EventData{
		State: string(o.State), Revision: o.Spec.Revision, Source: source, Kit: o.Spec.Kit, Text: "entered as " + o.Spec.ID,
	})
}

// IDAtOMS is the id by which its OMS knows the order.
func (o *Order) IDAtOMS() string { return abroad(o.Upstream, o.known()) }

// known is IDAtOMS, as it is called here.
func (o *Order) known() string {
	if o.Bound != "" {
		return o.Bound
	}
	return o.Spec.ID
}

// findReleased finds the order a release is about, if it is here, and binds it
// when the release brings the number of a slip that nobody claimed yet.
func (c *change) findReleased(spec OrderSpec, source string) (*Order, error) {
	if !validID(spec.ID) {
		return nil, nil
	}
	o, err := c.order(spec.ID)
	if err != nil || o != nil || spec.Kit < 1 || spec.Kit > maxKit || source == SourceSite {
		return o, err
	}
	if o, err = c.ofKit(spec.Kit); err != nil || o == nil || o.Bound != "" || o.Source != SourceSite {
		return nil, err
	}
	if no, err := c.foreign(o, source); err != nil || no {
		return nil, err
	}
	return o, c.bind(o, spec.ID, source)
}

// checkKit tells why a slip cannot be this order, "" when it can.
func (c *change) checkKit(spec OrderSpec, old *Order) (string, error) {
	if spec.Kit == 0 {
		return "", nil
	}
	o, err := c.ofKit(spec.Kit)
	if err != nil || o == nil || o == old {
		return "", err
	}
	if ups, err := c.upstreams(); err != nil || len(ups) > 0 {
		return fmt.Sprintf("slip %d is another order", spec.Kit), err // it may be another OMS's
	}
	return fmt.Sprintf("slip %d is order %s of %s", spec.Kit, o.IDAtOMS(), o.Source), nil
}

// takeOver makes the OMS's first revision of an entered order the one in force,
// when it says the same; false when it is a change.
func (c *change) takeOver(o *Order, spec OrderSpec, hash []byte, source string) (bool, error) {
	if o.Spec.Kit == 0 || o.Spec.Revision != 0 || spec.Revision < 1 || !sameOrder(o.Spec, spec) {
		return false, nil
	}
	o.Spec.Revision, o.Hash, o.Source = spec.Revision, hash, source
	return true, c.saveOrder(o)
}

// sameOrder tells whether two specs send the same goods the same way.
func sameOrder(a, b OrderSpec) bool {
	if a.ShipTo != b.ShipTo || a.Method != b.Method || a.Partial != b.Partial || len(a.Lines) != len(b.Lines) {
		return false
	}
	for i := range a.Lines {
		if a.Lines[i] != b.Lines[i] {
			return false
		}
	}
	return true
}

// noteKit writes the row by which the number of a slip finds its order.
func (c *change) noteKit(o *Order) error {
	if o.Spec.Kit == 0 {
		return nil
	}
	return c.Set(kitKey(o.Spec.Kit), []byte(o.Spec.ID))
}
