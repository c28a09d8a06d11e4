package warehouse

import (
	"fmt"
	"slices"
	"strings"

	"tote/gs1"
)

// Packing: the weight proves the contents, the carton gets its SSCC, carrier
// and tracking number, and a label job is asked for.

// station loads what a pack station does; one never used is free.
func (c *change) station(id string) (*StationState, error) {
	if !validID(id) {
		return nil, refuse(CodeInvalid, "station id")
	}
	st, err := GetStation(c, id)
	return &st, err
}

func (c *change) saveStation(st *StationState) error {
	c.touch("station", st.ID)
	return save(c, key(kBench, st.ID), st)
}

// freeStation makes the station ready for the next tote; code says why the last
// carton was refused.
func (c *change) freeStation(id, code string) error {
	return c.saveStation(&StationState{ID: id, Step: StepScanTote, Code: code})
}

func startPack(c *change, cmd StartPack) (Result, error) {
	st, err := c.station(cmd.Station)
	if err != nil {
		return Result{}, err
	}
	code := plainCode(cmd.Barcode)
	lu, err := GetLU(c, code)
	if err != nil {
		return Result{}, err
	}
	if lu == nil || lu.Kind != "tote" || lu.Order == "" {
		return Result{}, refuse(CodeUnknownTote, "%s holds no order", code)
	}
	o, err := c.order(lu.Order)
	if _, err := must(o, err, "order", lu.Order); err != nil {
		return Result{}, err
	}
	res := Result{Ref: lu.Order}
	if st.Order == lu.Order && o.State == OrderPacking {
		return res, nil // the packer comes back to it
	}
	site, err := c.theSite()
	if err != nil {
		return res, err
	}
	hard := slices.Contains(site.HardMode, st.ID)
	switch {
	case st.Step != StepScanTote && hard:
		return res, refuse(CodeHardPONR, "order %s is past its hard point of no return at %s", st.Order, st.ID)
	case st.Step != StepScanTote:
		return res, refuse(CodeStationBusy, "order %s is not finished here", st.Order)
	case o.State == OrderPacking:
		return res, refuse(CodeStationBusy, "order %s is at station %s", lu.Order, o.Station)
	case o.State != OrderPicked:
		return res, refuse(CodeNotPicked, "order %s is %s", lu.Order, o.State)
	}
	if o.held() {
		return res, refuse(CodeHeld, "order %s is held: %s", lu.Order, strings.Join(o.Holds, ", "))
	}
	// The carton is weighed again, and the tote is here, whoever carried it.
	err = c.clearFallouts(o, c.meta.Actor, func(f *Fallout) bool {
		return f.Code == FalloutWeightMismatch || isTransportFallout(f) || isCarrierFallout(f)
	})
	if err != nil {
		return res, err
	}
	if len(o.Fallout) > 0 {
		return res, refuse(CodeInFallout, "order %s is parked: %s", lu.Order, strings.Join(o.Fallout, ", "))
	}
	if len(rest(o)) == 0 {
		if !o.parted() {
			return res, refuse(CodeNotPicked, "nothing is in the tote of order %s any more", lu.Order)
		}
		return res, c.packedBefore(o, lu.ID, st.ID)
	}
	if err := c.endTrip(lu.ID); err != nil {
		return res, err
	}
	next, err := c.layCarton(site, o, st.ID, lu.ID, "")
	if err != nil {
		return res, err
	}
	if next == nil {
		return res, c.parkNoCarton(o, st, lu.ID)
	}
	o.Station, o.Hard = st.ID, hard || o.Hard && o.parted()
	if err := c.enter(o, OrderPacking); err != nil {
		return res, err
	}
	if err := c.saveOrder(o); err != nil {
		return res, err
	}
	if err := c.placeLU(lu.ID, StationPlace(st.ID)); err != nil {
		return res, err
	}
	return res, c.saveStation(next)
}

// parkNoCarton parks an order that goes into no carton; its tote stays here.
func (c *change) parkNoCarton(o *Order, st *StationState, tote string) error {
	if err := c.placeLU(tote, StationPlace(st.ID)); err != nil {
		return err
	}
	if err := c.setFallout(o, Fallout{Code: FalloutNoCarton, Detail: "its goods go into no carton of the site", LU: tote}); err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	if err := c.freeStation(st.ID, FalloutNoCarton); err != nil {
		return err
	}
	return refuseKeep(FalloutNoCarton, "order %s goes into no carton of the site", o.Spec.ID)
}

// weightFits is the weight check. The share is computed so that it cannot
// overflow.
func weightFits(site *Site, actual, expected int64) bool {
	tolerance := site.ToleranceMg + expected/1000*site.TolerancePermil + expected%1000*site.TolerancePermil/1000
	diff := actual - expected
	return -tolerance <= diff && diff <= tolerance
}

func pack(c *change, cmd Pack) (Result, error) {
	st, err := c.station(cmd.Station)
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: cmd.Order}
	if st.Step != StepWeigh {
		return res, refuse(CodeWrongStep, "station %s does not weigh: %s", st.ID, st.Step)
	}
	if st.Order != cmd.Order {
		return res, refuse(CodeWrongStep, "order %s is at station %s, not %s", st.Order, st.ID, cmd.Order)
	}
	if cmd.WeightMg < 1 || cmd.WeightMg > maxWeightMg {
		return res, refuse(CodeInvalid, "weight")
	}
	if st.Scanned && len(st.Contents) == 0 {
		return res, refuse(CodeWrongStep, "scan what goes into this carton first")
	}
	site, err := c.theSite()
	if err != nil {
		return res, err
	}
	o, err := c.order(st.Order)
	if _, err := must(o, err, "order", st.Order); err != nil {
		return res, err
	}
	goods := st.Contents
	if st.No == 0 {
		goods = goodsOfOrder(o)
	}
	if cmd.Carton != "" && cmd.Carton != st.Carton {
		if site.carton(cmd.Carton) == nil {
			return res, refuse(CodeInvalid, "the site has no carton %.70q", cmd.Carton)
		}
		st.ExpectedMg += site.tareOf(cmd.Carton) - site.tareOf(st.Carton)
		st.Carton = cmd.Carton
	}
	if !weightFits(site, cmd.WeightMg, st.ExpectedMg) {
		return res, c.parkWeight(o, st, cmd.WeightMg)
	}
	if res.Ref, err = c.closeCarton(site, o, st, cmd.WeightMg); err != nil {
		return res, err
	}
	return res, c.learnWeight(site, goods, cmd.WeightMg-site.tareOf(st.Carton))
}

// parkWeight makes a wrong weight a fact.
func (c *change) parkWeight(o *Order, st *StationState, got int64) error {
	return c.parkCarton(o, st, FalloutWeightMismatch, fmt.Sprintf("expected %d mg, weighed %d mg", st.ExpectedMg, got))
}

// parkCarton ends a carton that cannot be closed: the order is parked, the
// station free, and the answer says why.
func (c *change) parkCarton(o *Order, st *StationState, code, text string) (err error) {
	// Parked: the lane is free, and the order may be changed, unless the label
	// of another carton is out.
	if o.Hard, err = c.sentOne(o); err != nil {
		return err
	}
	if err := c.enter(o, OrderPicked); err != nil {
		return err
	}
	o.Station = ""
	if err := c.openFallout(o, Fallout{Code: code, Detail: text}); err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	if err := c.freeStation(st.ID, code); err != nil {
		return err
	}
	return refuseKeep(code, "%s", text)
}

// carrierFor is the first carrier that serves a method.
func carrierFor(site *Site, method string) *Carrier {
	at := slices.IndexFunc(site.Carriers, func(ca Carrier) bool { return ca.Method == "" || ca.Method == method })
	if at < 0 {
		return nil
	}
	return &site.Carriers[at]
}

// tracking takes the next number of a carrier's range. The counter belongs to
// the prefix, so that a number is never given twice, however ranges are edited.
func (c *change) tracking(ca *Carrier) (string, error) {
	k := trackKey(ca)
	last, err := counter(c, k)
	if err != nil {
		return "", err
	}
	n := max(last+1, uint64(max(ca.First, 1)))
	if n > uint64(ca.Last) {
		return "", refuse(CodeTrackingUsedUp, "carrier %s has no number after %d", ca.Code, ca.Last)
	}
	if err := c.setCounter(k, n); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%0*d", ca.Prefix, ca.Digits, n), c.tellLow(ca, n)
}

func trackKey(ca *Carrier) []byte {
	return key(kSeq, "track", ca.Code, ca.Prefix, fmt.Sprint(ca.Digits))
}

// newSSCC takes the next serial number of the site.
func (c *change) newSSCC(site *Site) (string, error) {
	n, err := c.next("sscc", fmt.Sprint(site.SSCCExtension), site.CompanyPrefix)
	if err != nil {
		return "", err
	}
	sscc, err := gs1.BuildSSCC(site.SSCCExtension, site.CompanyPrefix, n)
	if err != nil {
		return "", refuse(CodeSSCCUsedUp, "%v", err)
	}
	return sscc, nil
}

// takenBy decides who takes the carton; one that nobody takes is parked.
func (c *change) takenBy(site *Site, o *Order, st *StationState, weight int64) (*choice, error) {
	if !site.byService() {
		ca := carrierFor(site, o.Spec.Method)
		if ca == nil {
			return nil, refuse(CodeUnknownMethod, "no carrier serves method %q any more", o.Spec.Method)
		}
		return &choice{carrier: ca}, nil
	}
	ch, code, why, err := c.choose(site, o, weight, nil)
	if err == nil && ch == nil {
		err = c.parkCarton(o, st, code, why)
	}
	return ch, err
}

// closeCarton moves the contents into a carton and asks for its label.
func (c *change) closeCarton(site *Site, o *Order, st *StationState, weight int64) (string, error) {
	ch, err := c.takenBy(site, o, st, weight)
	if err != nil {
		return "", err
	}
	ca := ch.carrier
	track, waits, err := c.numberOf(site, ca)
	if err != nil {
		return "", err
	}
	sscc, err := c.newSSCC(site)
	if err != nil {
		return "", err
	}
	if err := c.putInCarton(o, st, sscc); err != nil {
		return "", err
	}
	p := Parcel{
		SSCC: sscc, WeightMg: weight, Carrier: ca.Code, Tracking: track, Job: sscc, Service: ch.code(), Cost: ch.cost, Carton: st.Carton,
	}
	if st.No > 0 {
		p.No, p.Lines, p.ExpectedMg = st.No, st.Contents, st.ExpectedMg
	}
	o.Parcels = append(o.Parcels, p)
	if !st.More {
		if err := c.toteDone(o, st.Tote, st.ID); err != nil {
			return "", err
		}
	}
	if err := c.saveOrder(o); err != nil {
		return "", err
	}
	j := &LabelJob{
		ID: sscc, Station: st.ID, Order: o.Spec.ID, State: JobRequested, ShipTo: o.Spec.ShipTo,
		Carrier: ca.Code, Tracking: track, WeightMg: weight, Copies: 1, Since: c.meta.Now, Service: ch.code(), Format: site.GuideFor(&o.Spec).format(),
	}
	err = c.saveJob(j)
	if err != nil {
		return "", err
	}
	next := &StationState{ID: st.ID, Step: StepPrint, Order: o.Spec.ID, SSCC: sscc, Job: sscc, ExpectedMg: st.ExpectedMg, No: st.No, Of: st.Of}
	if st.More {
		next.Tote, next.More = st.Tote, true
	}
	err = c.saveStation(next)
	if err != nil || waits == "" {
		return sscc, err
	}
	if err := c.await(o, j, ca, waits); err != nil {
		return "", err
	}
	return sscc, c.saveOrder(o)
}

// putInCarton moves what is in hand, or all that is in the tote, into a carton.
func (c *change) putInCarton(o *Order, st *StationState, sscc string) error {
	c.touch("lu", sscc)
	err := save(c, key(kLU, sscc), &LU{ID: sscc, Kind: "carton", Place: StationPlace(st.ID), Order: o.Spec.ID})
	if err != nil {
		return err
	}
	if !st.More {
		return c.moveAll(LUPlace(st.Tote), LUPlace(sscc))
	}
	for _, g := range st.Contents {
		s := stockKey{sku: g.SKU, lot: g.Lot, serial: g.Serial, owner: o.Spec.Owner}
		if err := c.move(s, g.Qty, LUPlace(st.Tote), LUPlace(sscc), 0); err != nil {
			return err
		}
	}
	return nil
}

// moveAll empties one place into another.
func (c *change) moveAll(from, to string) error {
	var what []stockKey
	err := c.Range(under(kAt, from), func(k, _ []byte) (bool, error) {
		p := strings.Split(string(k), string(rune(sep)))
		if len(p) != 7 {
			return false, fmt.Errorf("%w: place key %q", ErrCorrupt, k)
		}
		what = append(what, stockKey{sku: p[2], lot: p[3], serial: p[4], owner: p[5], status: p[6]})
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, s := range what {
		row, err := must2(load[stockRow](c, stockRowKey(from, s)))("stock in", from)
		if err != nil {
			return err
		}
		if err := c.move(s, row.Qty, from, to, 0); err != nil {
			return err
		}
	}
	return nil
}
