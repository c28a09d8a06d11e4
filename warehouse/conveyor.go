package warehouse

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The conveyor between pack and dock: a carton is scanned, its lane is decided,
// the conveyor confirms where it left. Only the confirm moves the parcel.

// inductions counts the cartons that went to the default lane, by reason.
const inductions = "induct"

// Carriages lists the last ride of each parcel, or only those that are on a
// conveyor, by SSCC.
func Carriages(r Reader, openOnly bool) ([]Carriage, error) {
	if openOnly {
		return named(r, under(kBelts), 0, GetCarriage, "carriage")
	}
	return list[Carriage](r, under(kBelt), 0)
}

// InductCount is how many cartons a conveyor sent to the default lane for a
// reason.
type InductCount struct {
	Conveyor string `json:"conveyor"`
	Code     string `json:"code"`
	N        uint64 `json:"n"`
}

// InductCounts lists the cartons sent to the default lane, by conveyor and
// code.
func InductCounts(r Reader) ([]InductCount, error) {
	var out []InductCount
	prefix := under(kSeq, inductions)
	err := r.Range(prefix, func(k, v []byte) (bool, error) {
		conveyor, code, ok := strings.Cut(string(k[len(prefix):]), string(rune(sep)))
		if !ok || len(v) != numWidth {
			return false, fmt.Errorf("%w: counter %q", ErrCorrupt, k)
		}
		out = append(out, InductCount{conveyor, code, fromNum(v)})
		return true, nil
	})
	return out, err
}

func isMissort(f *Fallout) bool { return f.Code == FalloutMissort }

// laneFor is the first lane that serves a carrier, "" when none does.
func laneFor(site *Site, carrier string) string {
	for _, l := range site.Lanes {
		if l.Carrier != "" && l.Carrier == carrier {
			return l.ID
		}
	}
	return ""
}

// saveCarriage writes a ride and its row in the index of those under way.
func (c *change) saveCarriage(ca *Carriage, state string) error {
	ca.State, ca.Since = state, c.meta.Now
	c.touch("conveyor", ca.Conveyor)
	if err := c.index(key(kBelts, ca.SSCC), state == CarriageAssigned); err != nil {
		return err
	}
	return save(c, key(kBelt, ca.SSCC), ca)
}

// leaveBelt ends the ride of a parcel that is known to be elsewhere.
func (c *change) leaveBelt(sscc string) error {
	ca, err := GetCarriage(c, sscc)
	if err != nil || ca == nil || ca.State != CarriageAssigned {
		return err
	}
	return c.saveCarriage(ca, CarriageExpired)
}

// sorted decides the lane of a parcel. A code says why it is the default one.
func (c *change) sorted(site *Site, o *Order, p *Parcel) (lane, code, text string, err error) {
	fs, err := c.falloutsOf(o)
	if err != nil {
		return "", "", "", err
	}
	out := true // its label is; of one parcel the order says so
	if o.parted() {
		j, err := must2(GetJob(c, p.Job))("job", p.Job)
		if err != nil {
			return "", "", "", err
		}
		out = j.State != JobRequested && j.State != JobAwaiting
	}
	lane = site.DefaultLane
	// A missorted parcel comes round to be sorted again.
	parked := slices.ContainsFunc(fs, func(f *Fallout) bool {
		return !isMissort(f) && !isLost(f) && (f.about(p.SSCC) || !o.parted())
	})
	switch {
	case o.State == OrderPacked && !o.parted() || o.parted() && !out:
		return lane, CodeNotLabelled, fmt.Sprintf("order %s is %s", o.Spec.ID, o.State), nil
	case parked:
		return lane, CodeInFallout, fmt.Sprintf("order %s is parked: %s", o.Spec.ID, strings.Join(o.Fallout, ", ")), nil
	}
	if own := laneFor(site, p.Carrier); own != "" {
		return own, "", "", nil
	}
	return lane, CodeNoLane, "no lane serves carrier " + p.Carrier, nil
}

// toDefault answers that a carton leaves at the default lane, and counts it.
func (c *change) toDefault(site *Site, conveyor, code, format string, args ...any) (Result, error) {
	if _, err := c.next(inductions, conveyor, code); err != nil {
		return Result{}, err
	}
	c.touch("conveyor", conveyor)
	return Result{Ref: site.DefaultLane}, refuseKeep(code, format, args...)
}

func induct(c *change, cmd Induct) (Result, error) {
	if !validID(cmd.Conveyor) {
		return Result{}, refuse(CodeInvalid, "conveyor id")
	}
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	if site.DefaultLane == "" {
		return Result{}, refuse(CodeInvalid, "the site has no lanes")
	}
	var sscc string
	switch {
	case cmd.Barcode == "":
		return c.toDefault(site, cmd.Conveyor, CodeNoRead, "nothing was read")
	case scannable(cmd.Barcode):
		sscc = ssccOf(cmd.Barcode)
	}
	if sscc == "" {
		return c.toDefault(site, cmd.Conveyor, CodeUnknownBarcode, "%q is no SSCC", cmd.Barcode)
	}
	o, p, err := c.parcel(sscc)
	if err != nil {
		return Result{}, err
	}
	switch {
	case o == nil:
		return c.toDefault(site, cmd.Conveyor, CodeUnknownSSCC, "%s", sscc)
	case p.Dock != "":
		return c.toDefault(site, cmd.Conveyor, CodeAlreadyLoaded, "%s at dock %s", sscc, p.Dock)
	case cmd.Expires <= c.meta.Now:
		// The diverter has let it pass by now.
		return c.toDefault(site, cmd.Conveyor, CodeExpired, "%s was scanned too long ago", sscc)
	}
	old, err := GetCarriage(c, sscc)
	if err != nil {
		return Result{}, err
	}
	if old != nil && old.State == CarriageAssigned && old.Conveyor == cmd.Conveyor && c.meta.Now <= old.Expires {
		// Decided once, whoever asks again after a take-over.
		return Result{Ref: old.Lane, Text: "decided before"}, nil
	}
	lane, code, text, err := c.sorted(site, o, p)
	if err != nil {
		return Result{}, err
	}
	ca := &Carriage{SSCC: sscc, Order: o.Spec.ID, Conveyor: cmd.Conveyor, Lane: lane, Expires: cmd.Expires}
	if err := c.saveCarriage(ca, CarriageAssigned); err != nil {
		return Result{}, err
	}
	if code != "" {
		return c.toDefault(site, cmd.Conveyor, code, "%s", text)
	}
	return Result{Ref: lane}, nil
}

func divert(c *change, cmd Divert) (Result, error) {
	if !validID(cmd.Conveyor) {
		return Result{}, refuse(CodeInvalid, "conveyor id")
	}
	site, err := c.theSite()
	if err != nil {
		return Result{}, err
	}
	if !slices.ContainsFunc(site.Lanes, func(l Lane) bool { return l.ID == cmd.Lane }) {
		return Result{}, refuse(CodeInvalid, "the site has no lane %q", cmd.Lane)
	}
	if !scannable(cmd.Barcode) {
		return Result{}, refuse(CodeUnknownBarcode, "barcode of %d bytes", len(cmd.Barcode))
	}
	sscc := ssccOf(cmd.Barcode)
	if sscc == "" {
		return Result{}, refuse(CodeUnknownBarcode, "%q is no SSCC", cmd.Barcode)
	}
	res := Result{Ref: sscc}
	o, p, err := c.parcel(sscc)
	if err != nil {
		return res, err
	}
	switch {
	case o == nil:
		return res, c.noParcel(sscc)
	case p.Dock != "":
		return res, c.leftBefore(site, o, p, cmd)
	}
	return res, c.leave(site, o, p, cmd)
}

// leftBefore answers a confirm that came after the parcel was loaded: the
// conveyor had nobody to tell. It moves nothing, but the lane is remembered.
func (c *change) leftBefore(site *Site, o *Order, p *Parcel, cmd Divert) error {
	loaded := "%s at dock %s"
	ca, err := GetCarriage(c, p.SSCC)
	if err != nil {
		return err
	}
	if !c.since(level5) || ca != nil && ca.Exit != "" {
		return refuse(CodeAlreadyLoaded, loaded, p.SSCC, p.Dock)
	}
	if ca == nil {
		ca = &Carriage{SSCC: p.SSCC, Order: o.Spec.ID, Lane: cmp.Or(laneFor(site, p.Carrier), site.DefaultLane)}
	}
	ca.Conveyor, ca.Exit = cmd.Conveyor, cmd.Lane
	if err := c.saveCarriage(ca, CarriageExpired); err != nil {
		return err
	}
	return refuseKeep(CodeAlreadyLoaded, loaded, p.SSCC, p.Dock)
}

// leave records where a parcel left the conveyor, which is true whatever was
// decided, and says whether that was right.
func (c *change) leave(site *Site, o *Order, p *Parcel, cmd Divert) error {
	ca, err := GetCarriage(c, p.SSCC)
	if err != nil {
		return err
	}
	if ca != nil && ca.State != CarriageAssigned && ca.Conveyor == cmd.Conveyor && ca.Exit == cmd.Lane {
		return c.confirmedBefore(ca)
	}
	late := ca == nil || ca.State != CarriageAssigned || ca.Conveyor != cmd.Conveyor || c.meta.Now > ca.Expires
	if ca == nil {
		ca = &Carriage{SSCC: p.SSCC, Order: o.Spec.ID, Lane: cmp.Or(laneFor(site, p.Carrier), site.DefaultLane)}
	}
	ca.Conveyor, ca.Exit = cmd.Conveyor, cmd.Lane
	if err := c.placeLU(p.SSCC, LanePlace(cmd.Lane)); err != nil {
		return err
	}
	// Without a decision in time the default lane is where it belongs.
	if cmd.Lane != ca.Lane && (!late || cmd.Lane != site.DefaultLane) {
		return c.missort(o, ca)
	}
	found := func(f *Fallout) bool { return (isMissort(f) || isLost(f)) && f.about(p.SSCC) }
	if err := c.clearFallouts(o, "conveyor", found); err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	if !late {
		return c.saveCarriage(ca, CarriageDiverted)
	}
	if err := c.saveCarriage(ca, CarriageExpired); err != nil {
		return err
	}
	return refuseKeep(CodeExpired, "%s left at lane %s without a decision in time", p.SSCC, cmd.Lane)
}

// confirmedBefore answers a confirm that came twice as the first time.
func (c *change) confirmedBefore(ca *Carriage) error {
	switch ca.State {
	case CarriageMissorted:
		return refuse(FalloutMissort, "%s left at lane %s instead of %s", ca.SSCC, ca.Exit, ca.Lane)
	case CarriageExpired:
		return refuse(CodeExpired, "%s left at lane %s", ca.SSCC, ca.Exit)
	}
	return nil
}

// missort parks the order of a parcel that is on the wrong lane.
func (c *change) missort(o *Order, ca *Carriage) error {
	if err := c.saveCarriage(ca, CarriageMissorted); err != nil {
		return err
	}
	text := fmt.Sprintf("%s left at lane %s instead of %s", ca.SSCC, ca.Exit, ca.Lane)
	err := c.setFallout(o, Fallout{Code: FalloutMissort, Detail: text, LU: ca.SSCC})
	if err != nil {
		return err
	}
	if err := c.saveOrder(o); err != nil {
		return err
	}
	return refuseKeep(FalloutMissort, "%s", text)
}
