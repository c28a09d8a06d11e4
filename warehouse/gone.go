package warehouse

import (
	"fmt"
	"time"
)

// What stays of an order that left for the archive: a tombstone of some 60 bytes
// and a row for each of its parcels. From them whatever comes late gets the
// answer the order would have given:
//
//   - The same release again changes nothing; other content of that revision or a
//     later one is refused as it was the day after the order closed. Cancels,
//     holds, quotes and slips as well: the tombstone stands in for the order.
//   - A return is taken in. What was shipped is not known any more, so one that
//     nobody announced has to be confirmed; an announced one says it itself.
//   - A parcel that turns up is known for what it is.
//
// A tombstone stays for ever, or Site.ForgetDays: then its id is free, and a
// release that comes later still is a new order.

// OrderArchived is counted beside the work states. No order is in it.
const OrderArchived OrderState = "ARCHIVED"

const tombHash = 16 // bytes of the digest that stay

type tombstone struct {
	State    OrderState `cbor:"1,keyasint"`
	Revision int        `cbor:"2,keyasint"`
	Hash     []byte     `cbor:"3,keyasint"` // begin of the SHA-256 of the release
	Source   string     `cbor:"4,keyasint"`
	ClosedAt int64      `cbor:"5,keyasint"`
	At       int64      `cbor:"6,keyasint"` // when it left
	Owner    string     `cbor:"7,keyasint,omitempty"`
	Bound    string     `cbor:"8,keyasint,omitempty"`
	Kit      int64      `cbor:"9,keyasint,omitempty"`
	Upstream string     `cbor:"10,keyasint,omitempty"`
}

// Archived is what is still known of an order that left for the archive.
type Archived struct {
	ID       string     `json:"id"`
	Bound    string     `json:"bound,omitempty"` // id at the OMS of an order that was entered here
	State    OrderState `json:"state"`           // SHIPPED or CANCELLED
	Revision int        `json:"revision"`
	Source   string     `json:"source"`
	Owner    string     `json:"owner,omitempty"`
	Upstream string     `json:"upstream,omitempty"`
	ClosedAt int64      `json:"closedAt"`
	At       int64      `json:"archivedAt"`
}

// GetArchived returns what is known of an order that left, by either of its ids;
// nil when none did.
func GetArchived(r Reader, id string) (*Archived, error) {
	if !validID(id) {
		return nil, nil
	}
	g, err := load[tombstone](r, key(kGone, id))
	if err == nil && g == nil {
		var local []byte
		if local, err = r.Get(key(kBound, id)); err == nil && local != nil {
			id = string(local)
			g, err = load[tombstone](r, key(kGone, id))
		}
	}
	if err != nil || g == nil {
		return nil, err
	}
	return &Archived{
		ID: id, Bound: g.Bound, State: g.State, Revision: g.Revision, Source: g.Source,
		Owner: g.Owner, Upstream: g.Upstream, ClosedAt: g.ClosedAt, At: g.At,
	}, nil
}

// OrderOfParcel is the order of a parcel that left for the archive with it, ""
// for any other parcel.
func OrderOfParcel(r Reader, sscc string) (string, error) {
	if !validID(sscc) {
		return "", nil
	}
	b, err := r.Get(key(kGoneParcel, sscc))
	return string(b), err
}

// bury writes the tombstone of an order.
func (c *change) bury(o *Order) error {
	id := o.Spec.ID
	for _, p := range o.Parcels {
		if err := c.Set(key(kGoneParcel, p.SSCC), []byte(id)); err != nil {
			return err
		}
		if err := c.endedAt(pastParcel, p.SSCC, o.Since); err != nil {
			return err
		}
	}
	if err := c.endedAt(pastGone, id, o.Since); err != nil {
		return err
	}
	return save(c, key(kGone, id), &tombstone{
		State: o.State, Revision: o.Spec.Revision, Hash: o.Hash[:min(len(o.Hash), tombHash)], Source: o.Source,
		ClosedAt: o.Since, At: c.meta.Now, Owner: o.Spec.Owner, Bound: o.Bound, Kit: o.Spec.Kit, Upstream: o.Upstream,
	})
}

// ghost stands in for an order that left, nil when none did. It has no lines and
// is never saved.
func (c *change) ghost(id string) (*Order, error) {
	a, err := GetArchived(c, id)
	if err != nil || a == nil {
		return nil, err
	}
	g, err := must2(load[tombstone](c, key(kGone, a.ID)))("tombstone", a.ID)
	if err != nil {
		return nil, err
	}
	return &Order{
		Spec: OrderSpec{ID: a.ID, Revision: g.Revision, Owner: g.Owner, Kit: g.Kit},
		Hash: g.Hash, Source: g.Source, State: g.State, Since: g.ClosedAt, Bound: g.Bound, Upstream: g.Upstream, gone: g.At,
	}, nil
}

// sameRelease tells whether the order in force has this digest.
func (o *Order) sameRelease(sum []byte) bool {
	if o.gone != 0 {
		sum = sum[:tombHash]
	}
	return string(o.Hash) == string(sum)
}

// leftOn says for people that an order is in the archive, "" when it is not.
func (o *Order) leftOn() string {
	if o.gone == 0 {
		return ""
	}
	return "archived on " + time.UnixMilli(o.gone).UTC().Format(time.DateOnly)
}

// noParcel refuses an SSCC that is no parcel of an order that is here.
func (c *change) noParcel(sscc string) error {
	id, err := OrderOfParcel(c, sscc)
	if err != nil {
		return err
	}
	if id == "" {
		return refuse(CodeUnknownSSCC, "%s", sscc)
	}
	o, err := c.ghost(id)
	if err != nil {
		return err
	}
	if o == nil { // its tombstone went in an earlier round
		return refuse(CodeUnknownSSCC, "%s", sscc)
	}
	return refuse(CodeArchived, "%s", fmt.Sprintf("%s left with order %s, %s", sscc, o.IDAtOMS(), o.leftOn()))
}

// forget takes away a tombstone, or the row of a parcel, whose days are up.
func (c *change) forget(site *Site, what, id string) error {
	k, order := key(kGone, id), id
	if what == pastParcel {
		k = key(kGoneParcel, id)
		b, err := c.Get(k)
		if err != nil {
			return err
		}
		order = string(b)
	}
	g, err := load[tombstone](c, key(kGone, order))
	if err != nil || g != nil && !c.dueNow(site.ForgetDays, g.ClosedAt) {
		return err // the rule has changed, and the sweep wrote a row for the new one
	}
	if what == pastGone && g != nil {
		c.count(OrderArchived, -1)
		c.touch("order", id)
		if g.Kit != 0 {
			if err := c.drop(kitKey(g.Kit)); err != nil {
				return err
			}
		}
		if g.Bound != "" {
			if err := c.drop(key(kBound, g.Bound)); err != nil {
				return err
			}
		}
	}
	return c.drop(k)
}
