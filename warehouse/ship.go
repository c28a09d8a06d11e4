package warehouse

import (
	"fmt"
	"slices"

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
	lu, err := GetLU(c, sscc)
	if err != nil {
		return res, err
	}
	if lu == nil {
		return res, refuse(CodeUnknownSSCC, "%s", sscc)
	}
	o, err := c.order(lu.Order)
	if _, err := must(o, err, "order", lu.Order); err != nil {
		return res, err
	}
	at := slices.IndexFunc(o.Parcels, func(p Parcel) bool { return p.SSCC == sscc })
	if at < 0 {
		return res, fmt.Errorf("%w: order %s has no parcel %s", ErrCorrupt, lu.Order, sscc)
	}
	p := &o.Parcels[at]
	j, err := must2(GetJob(c, p.Job))("job", p.Job)
	if err != nil {
		return res, err
	}
	switch {
	case p.Dock != "":
		return res, refuse(CodeAlreadyLoaded, "%s at dock %s", sscc, p.Dock)
	case o.State != OrderLabelled || j.State != JobPrinted:
		return res, refuse(CodeNotLabelled, "order %s is %s, its label %s", lu.Order, o.State, j.State)
	}
	p.Dock = cmd.Dock
	if err := c.placeLU(sscc, "dock/"+cmd.Dock); err != nil {
		return res, err
	}
	if err := c.index(key(kDock, cmd.Dock, sscc), true); err != nil {
		return res, err
	}
	c.touch("dock", cmd.Dock)
	if !slices.ContainsFunc(o.Parcels, func(p Parcel) bool { return p.Dock == "" }) {
		if err := c.enter(o, OrderStaged); err != nil {
			return res, err
		}
	}
	return res, c.saveOrder(o)
}

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
		if o.State == OrderStaged && !slices.Contains(orders, o) {
			orders = append(orders, o)
		}
	}
	if len(orders) == 0 {
		return Result{}, refuse(CodeNothingLoaded, "dock %s", cmd.Dock)
	}
	n := 0
	for _, o := range orders {
		if err := c.ship(o); err != nil {
			return Result{}, err
		}
		n += len(o.Parcels)
	}
	c.touch("dock", cmd.Dock)
	return Result{Ref: cmd.Dock, Text: fmt.Sprintf("%d parcels of %d orders", n, len(orders))}, nil
}

// ship hands all parcels of an order to the carrier.
func (c *change) ship(o *Order) error {
	for _, p := range o.Parcels {
		if err := c.moveAll(LUPlace(p.SSCC), PlaceCustomer); err != nil {
			return err
		}
		if err := c.placeLU(p.SSCC, PlaceCustomer); err != nil {
			return err
		}
		if err := c.index(key(kDock, p.Dock, p.SSCC), false); err != nil {
			return err
		}
		c.touch("dock", p.Dock)
	}
	for i := range o.Lines {
		if o.Lines[i].State == LinePacked {
			o.Lines[i].State = LineShipped
		}
	}
	o.ShippedAt = c.meta.Now
	if err := c.enter(o, OrderShipped); err != nil {
		return err
	}
	return c.saveOrder(o)
}
