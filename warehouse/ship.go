package warehouse

import (
	"fmt"
	"slices"
	"strings"

	"tote/gs1"
)

// Loading and departure.

// ssccOf reads an SSCC, bare or as element string; "" when it is none.
func ssccOf(barcode string) string {
	if gs1.ValidSSCC(barcode) {
		return barcode
	}
	if s, err := gs1.Parse(barcode); err == nil {
		if v, ok := s.Value("00"); ok {
			return v
		}
	}
	if code := plainCode(barcode); gs1.ValidSSCC(code) {
		return code
	}
	return ""
}

// parcel finds a parcel of this site and its order, nil when there is none.
func (c *change) parcel(sscc string) (*Order, *Parcel, error) {
	lu, err := GetLU(c, sscc)
	if err != nil || lu == nil || lu.Kind != "carton" || lu.Order == "" {
		return nil, nil, err
	}
	o, err := c.order(lu.Order)
	if _, err := must(o, err, "order", lu.Order); err != nil {
		return nil, nil, err
	}
	if o.State == OrderCancelled {
		return nil, nil, nil // an open carton
	}
	at := slices.IndexFunc(o.Parcels, func(p Parcel) bool { return p.SSCC == sscc })
	if at < 0 {
		return nil, nil, fmt.Errorf("%w: order %s has no parcel %s", ErrCorrupt, lu.Order, sscc)
	}
	return o, &o.Parcels[at], nil
}

func loadParcel(c *change, cmd Load) (Result, error) {
	if !validID(cmd.Dock) {
		return Result{}, refuse(CodeInvalid, "dock id")
	}
	if !scannable(cmd.Barcode) {
		return Result{}, refuse(CodeUnknownBarcode, "barcode of %d bytes", len(cmd.Barcode))
	}
	sscc := ssccOf(cmd.Barcode)
	if sscc == "" {
		return Result{}, refuse(CodeUnknownBarcode, "%s is no SSCC", cmd.Barcode)
	}
	res := Result{Ref: sscc}
	o, p, err := c.parcel(sscc)
	if err != nil {
		return res, err
	}
	if o == nil {
		return res, c.noParcel(sscc)
	}
	j, err := must2(GetJob(c, p.Job))("job", p.Job)
	if err != nil {
		return res, err
	}
	switch {
	case p.Dock != "":
		return res, refuse(CodeAlreadyLoaded, "%s at dock %s", sscc, p.Dock)
	case o.held():
		return res, refuse(CodeHeld, "order %s is held: %s", o.Spec.ID, strings.Join(o.Holds, ", "))
	case o.State != OrderLabelled && !(o.State == OrderPacked && o.parted()) || j.State != JobPrinted:
		return res, refuse(CodeNotLabelled, "order %s is %s, its label %s", o.Spec.ID, o.State, j.State)
	}
	site, err := c.theSite()
	if err != nil {
		return res, err
	}
	if err := c.mayLoad(site, sscc, cmd.Dock); err != nil {
		return res, err
	}
	if err := c.coldOut(o, sscc, cmd.Dock); err != nil {
		return res, err
	}
	if err := c.loadOn(sscc); err != nil {
		return res, err
	}
	p.Dock = cmd.Dock
	if err := c.placeLU(sscc, placeDock+cmd.Dock); err != nil {
		return res, err
	}
	if err := c.index(key(kDock, cmd.Dock, sscc), true); err != nil {
		return res, err
	}
	c.touch("dock", cmd.Dock)
	if err := c.leaveBelt(sscc); err != nil {
		return res, err
	}
	// Wherever the conveyor put it, it is at the dock now.
	found := func(f *Fallout) bool { return (isMissort(f) || isLost(f)) && f.about(sscc) }
	if err := c.clearFallouts(o, c.meta.Actor, found); err != nil {
		return res, err
	}
	if !slices.ContainsFunc(o.Parcels, func(p Parcel) bool { return p.Dock == "" }) {
		if err := c.enter(o, OrderStaged); err != nil {
			return res, err
		}
	}
	return res, c.saveOrder(o)
}

// RefMore is the Ref of an answer that left something behind for the next command
// of the kind: parcels of a departure, tagged units of a delivery.
const RefMore = "more"

// depart hands the parcels at a dock to the carrier, oldest SSCC first, as many
// as fit one command.
func depart(c *change, cmd Depart) (Result, error) {
	if !validID(cmd.Dock) {
		return Result{}, refuse(CodeInvalid, "dock id")
	}
	parcels, err := LoadedAt(c, cmd.Dock)
	if err != nil {
		return Result{}, err
	}
	var orders []*Order // in the order of their first parcel
	for _, sscc := range parcels {
		lu, err := must2(GetLU(c, sscc))("logistic unit", sscc)
		if err != nil {
			return Result{}, err
		}
		o, err := c.order(lu.Order)
		if _, err := must(o, err, "order", lu.Order); err != nil {
			return Result{}, err
		}
		if (o.State == OrderStaged || o.parted()) && !slices.Contains(orders, o) {
			orders = append(orders, o)
		}
	}
	if len(orders) == 0 {
		return Result{}, refuse(CodeNothingLoaded, "dock %s", cmd.Dock)
	}
	if err := c.mayLeave(cmd.Dock, orders); err != nil {
		return Result{}, err
	}
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	if err := c.allOnManifest(site, parcels, cmd.Dock, orders); err != nil {
		return Result{}, err
	}
	res := Result{Ref: cmd.Dock}
	n := 0
	for i, o := range orders {
		// A full truck is more than one command can write.
		keys, bytes := c.spent()
		k, b := shipCost(o)
		if site.Manifests {
			k += 2 * len(o.Parcels)
		}
		if i > 0 && (keys+k > departKeys || bytes+b > departBytes) {
			res.Ref, orders = RefMore, orders[:i]
			break
		}
		here, err := c.leaveDock(o, cmd.Dock)
		if err != nil {
			return Result{}, err
		}
		n += here
	}
	if res.Ref != RefMore {
		if err := c.endManifests(cmd.Dock); err != nil {
			return Result{}, err
		}
	}
	c.touch("dock", cmd.Dock)
	res.Text = fmt.Sprintf("%d parcels of %d orders", n, len(orders))
	return res, nil
}

// shipCost is at most what ship writes for an order: keys and bytes.
func shipCost(o *Order) (keys, bytes int) {
	keys, bytes = 6*len(o.Parcels)+8, 500*len(o.Parcels)+2*sizeOf(o)
	if o.Spec.Partial {
		keys += 8*len(o.Lines) + 10
		bytes += 2*sizeOf(o) + 400*len(o.Lines)
	}
	for _, l := range o.Lines {
		n := max(len(l.Lots), 1)
		keys += 4 * n
		bytes += n * (5*len(l.SKU) + 500)
	}
	return keys, bytes
}

// mayLeave refuses a departure while a parcel on the truck is not verified or
// is parked by a fallout.
func (c *change) mayLeave(dock string, orders []*Order) error {
	missing, err := Unverified(c, dock)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		var list []string
		for _, m := range missing {
			list = append(list, m.SSCC+" "+m.Why)
		}
		return refuse(CodeNotVerified, "%d parcels: %s", len(missing), strings.Join(list, "; "))
	}
	for _, o := range orders {
		if o.parted() {
			if err := c.partsMayLeave(o, dock); err != nil {
				return err
			}
			continue
		}
		if len(o.Fallout) > 0 {
			return refuse(CodeInFallout, "order %s is parked: %s", o.Spec.ID, strings.Join(o.Fallout, ", "))
		}
	}
	return nil
}

// giveAway gives the parcels of an order that are loaded at a dock to the
// carrier.
func (c *change) giveAway(o *Order, dock string) (gone []Parcel, err error) {
	for i := range o.Parcels {
		p := &o.Parcels[i]
		if p.Dock != dock || p.DepartedAt != 0 {
			continue
		}
		if err := c.moveAll(LUPlace(p.SSCC), PlaceCustomer); err != nil {
			return nil, err
		}
		if err := c.placeLU(p.SSCC, PlaceCustomer); err != nil {
			return nil, err
		}
		if err := c.index(key(kDock, p.Dock, p.SSCC), false); err != nil {
			return nil, err
		}
		c.touch("dock", p.Dock)
		if err := c.leaveManifest(p); err != nil {
			return nil, err
		}
		gone = append(gone, *p)
	}
	return gone, nil
}

// shipped makes an order SHIPPED whose parcels have all left.
func (c *change) shipped(o *Order) error {
	for i := range o.Lines {
		if o.Lines[i].State == LinePacked {
			o.Lines[i].State = LineShipped
		}
	}
	o.ShippedAt = c.meta.Now
	if err := c.enter(o, OrderShipped); err != nil {
		return err
	}
	if err := c.backorder(o); err != nil {
		return err
	}
	if err := c.tellDiffers(o); err != nil {
		return err
	}
	return c.saveOrder(o)
}
