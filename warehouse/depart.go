package warehouse

import (
	"slices"
	"strings"
)

// Parcels that leave one by one.
//
// A truck takes what is on it: a parcel leaves with its dock, whatever the other
// parcels of the order do, and is told as parcel.departed. The order is SHIPPED
// with the last of them, and its event names all. An order that shall arrive as
// a whole (OrderSpec.Together) keeps the truck until all its parcels are on it,
// or until its parcels are unloaded. What is wrong with a parcel that stays does
// not keep the others, and neither does a line that is still short.

// leaveDock hands the parcels of an order at a dock to the carrier and tells how
// many they are.
func (c *change) leaveDock(o *Order, dock string) (n int, err error) {
	gone, err := c.giveAway(o, dock)
	if err != nil {
		return 0, err
	}
	if !o.parted() {
		return len(gone), c.shipped(o)
	}
	for i := range o.Parcels {
		if p := &o.Parcels[i]; p.Dock == dock && p.DepartedAt == 0 {
			p.DepartedAt = max(c.meta.Now, 1)
		}
	}
	for i := range gone {
		gone[i].DepartedAt = max(c.meta.Now, 1)
	}
	left := slices.ContainsFunc(o.Parcels, func(p Parcel) bool { return p.DepartedAt == 0 })
	if o.State == OrderStaged && !left {
		return len(gone), c.shipped(o)
	}
	err = c.emit(EvParcelDeparted, o.Spec.ID, EventData{
		State: string(o.State), Revision: o.Spec.Revision, Source: o.Source, Born: c.bornOf(o), Ref: dock, Parcels: tellParcels(gone),
	})
	if err != nil {
		return 0, err
	}
	return len(gone), c.saveOrder(o)
}

// partsMayLeave refuses a departure that must not take the parcels an order has
// on the truck.
func (c *change) partsMayLeave(o *Order, dock string) error {
	var here, missing []string
	for _, p := range o.Parcels {
		switch {
		case p.DepartedAt != 0:
		case p.Dock == dock:
			here = append(here, p.SSCC)
		default:
			missing = append(missing, p.SSCC)
		}
	}
	whole := o.State == OrderLabelled || o.State == OrderStaged
	if o.Spec.Together && (len(missing) > 0 || !whole) {
		return refuse(CodeNotTogether, "order %s leaves as a whole, and not all of it is on the truck: %s", o.Spec.ID,
			strings.Join(append(missing, string(o.State)), ", "))
	}
	if o.held() {
		return refuse(CodeHeld, "order %s is held: %s", o.Spec.ID, strings.Join(o.Holds, ", "))
	}
	fs, err := c.falloutsOf(o)
	if err != nil {
		return err
	}
	last := o.State == OrderStaged && len(missing) == 0 // it ships the order
	for _, f := range fs {
		if last || slices.Contains(here, f.LU) || f.LU == "" && f.Line == 0 {
			return refuse(CodeInFallout, "order %s is parked: %s %s", o.Spec.ID, f.ID, f.Code)
		}
	}
	return nil
}
