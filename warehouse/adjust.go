package warehouse

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Adjustments: the book is brought to what is there. Its rules:
//
//   - Every adjustment has a reason of its own short list, who did it, and a
//     photograph where there is one. Losses and finds go through the virtual
//     place "adjustment", what is thrown away through "scrap".
//   - More units than Site.AdjustLimit wait for a second person, and so does
//     every serial that was stolen. Whoever asked cannot approve, on whatever
//     handheld; anybody may refuse, also the one who asked.
//   - What waits changes nothing. It is booked when it is approved, if it still
//     fits then.
//   - STOLEN puts a serial on the list of those that go neither in nor out;
//     FOUND, approved, takes it off.

// Reasons of an adjustment.
const (
	ReasonConsumed   = "CONSUMED"
	ReasonCorrection = "CORRECTION"
	ReasonDamaged    = "DAMAGED"
	ReasonDataEntry  = "DATA_ENTRY_ERROR"
	ReasonExpired    = "EXPIRED"
	ReasonFound      = "FOUND"
	ReasonMissing    = "MISSING"
	ReasonRecounted  = "RECOUNTED"
	ReasonRejected   = "REJECTED"
	ReasonReturned   = "RETURNED"
	ReasonScrapped   = "SCRAPPED"
	ReasonStolen     = "STOLEN"
	ReasonOther      = "OTHER"
)

type adjustReason struct {
	code      string
	add, take bool
	to        string
}

// adjustReasons says of each reason whether it may add and take, and where what
// is taken goes.
var adjustReasons = []adjustReason{
	{ReasonConsumed, false, true, PlaceAdjustment},
	{ReasonCorrection, true, true, PlaceAdjustment},
	{ReasonDamaged, false, true, PlaceScrap},
	{ReasonDataEntry, true, true, PlaceAdjustment},
	{ReasonExpired, false, true, PlaceScrap},
	{ReasonFound, true, false, PlaceAdjustment},
	{ReasonMissing, false, true, PlaceAdjustment},
	{ReasonRecounted, true, true, PlaceAdjustment},
	{ReasonRejected, false, true, PlaceScrap},
	{ReasonReturned, true, false, PlaceAdjustment},
	{ReasonScrapped, false, true, PlaceScrap},
	{ReasonStolen, false, true, PlaceAdjustment},
	{ReasonOther, true, true, PlaceAdjustment},
}

// AdjustReasons lists the reasons a person may choose from.
func AdjustReasons() []string {
	out := make([]string, len(adjustReasons))
	for i, r := range adjustReasons {
		out[i] = r.code
	}
	return out
}

// States of an adjustment.
const (
	AdjustWaiting = "WAITING" // for a second person
	AdjustDone    = "DONE"
	AdjustRefused = "REFUSED"
)

// maxAdjusts is how many adjustments may wait.
const maxAdjusts = 500

type (
	// AdjustStock adds or takes (Qty < 0) goods that nobody brought or took.
	AdjustStock struct {
		Place  string `cbor:"1,keyasint" json:"place"`
		SKU    string `cbor:"2,keyasint" json:"sku"`
		Lot    string `cbor:"3,keyasint,omitempty" json:"lot,omitempty"`
		Expiry string `cbor:"4,keyasint,omitempty" json:"expiry,omitempty"` // of a lot that was never here
		Serial string `cbor:"5,keyasint,omitempty" json:"serial,omitempty"`
		Owner  string `cbor:"6,keyasint,omitempty" json:"owner,omitempty"`
		Status string `cbor:"7,keyasint,omitempty" json:"status,omitempty"`
		Qty    int64  `cbor:"8,keyasint" json:"qty"`
		Reason string `cbor:"9,keyasint" json:"reason"`
		Photo  string `cbor:"10,keyasint,omitempty" json:"photo,omitempty"` // where the photograph is, or its hash
	}
	// ApproveAdjust books an adjustment that waits.
	ApproveAdjust struct {
		Adjust string `cbor:"1,keyasint" json:"adjust"`
	}
	// RefuseAdjust drops an adjustment that waits.
	RefuseAdjust struct {
		Adjust string `cbor:"1,keyasint" json:"adjust"`
	}
)

// Kind numbers the command.
func (AdjustStock) Kind() Kind { return KindAdjustStock }

// Kind numbers the command.
func (ApproveAdjust) Kind() Kind { return KindApproveAdjust }

// Kind numbers the command.
func (RefuseAdjust) Kind() Kind { return KindRefuseAdjust }

// Adjustment is the record of one adjustment: who changed the book and why.
type Adjustment struct {
	ID    string      `cbor:"1,keyasint" json:"id"`
	What  AdjustStock `cbor:"2,keyasint" json:"what"`
	State string      `cbor:"3,keyasint" json:"state"` // AdjustWaiting, AdjustDone, AdjustRefused
	By    string      `cbor:"4,keyasint,omitempty" json:"by,omitempty"`
	At    int64       `cbor:"5,keyasint" json:"at"`
	// DecidedBy is the second person; "" when none was needed.
	DecidedBy string `cbor:"6,keyasint,omitempty" json:"decidedBy,omitempty"`
	DecidedAt int64  `cbor:"7,keyasint,omitempty" json:"decidedAt,omitempty"`
}

func (a AdjustStock) position() position {
	return position{a.Place, stockKey{a.SKU, a.Lot, a.Serial, a.Owner, a.Status}}
}

// person is who stands behind a command: the worker signed in on the handheld,
// else the actor itself.
func (c *change) person() (string, error) {
	dev, ok := strings.CutPrefix(c.meta.Actor, "handheld/")
	if !ok {
		return c.meta.Actor, nil
	}
	w, err := WorkerOfDevice(c, dev)
	if err != nil || w == "" {
		return c.meta.Actor, err
	}
	return placeWorker + w, nil
}

// checkAdjust looks at an adjustment as it arrives.
func (c *change) checkAdjust(a AdjustStock) error {
	if a.Qty < -maxStockQty || a.Qty > maxStockQty || a.Qty == 0 {
		return refuse(CodeInvalid, "quantity")
	}
	at := slices.IndexFunc(adjustReasons, func(r adjustReason) bool { return r.code == a.Reason })
	switch {
	case at < 0:
		return refuse(CodeInvalid, "reason %q", a.Reason)
	case a.Qty > 0 && !adjustReasons[at].add, a.Qty < 0 && !adjustReasons[at].take:
		return refuse(CodeInvalid, "reason %s with quantity %d", a.Reason, a.Qty)
	case a.Photo != "" && !validText(a.Photo, maxText):
		return refuse(CodeInvalid, "photo")
	case a.Expiry != "" && (a.Lot == "" || !validDate(a.Expiry)):
		return refuse(CodeInvalid, "expiry: YYYY-MM-DD of a lot")
	}
	qty := max(a.Qty, -a.Qty)
	if err := c.checkPosition(a.position(), qty); err != nil {
		return err
	}
	item, err := GetItem(c, a.SKU)
	switch {
	case err != nil:
		return err
	case item == nil:
		return refuse(CodeUnknownItem, "item %s", a.SKU)
	}
	if why := checkTracking(item, StockRow{Lot: a.Lot, Serial: a.Serial, Qty: qty}); why != "" {
		return refuse(CodeInvalid, "item %s %s", a.SKU, why)
	}
	return nil
}

// needsSecond tells whether an adjustment is not one person's to make.
func (c *change) needsSecond(a AdjustStock) (bool, error) {
	site, err := c.theSite()
	if err != nil {
		return false, err
	}
	if site.AdjustLimit > 0 && max(a.Qty, -a.Qty) > site.AdjustLimit {
		return true, nil
	}
	if a.Serial == "" || a.Qty < 0 {
		return false, nil
	}
	stolen, err := IsStolen(c, a.SKU, a.Serial)
	if err == nil && stolen && a.Reason != ReasonFound {
		err = c.refuseStolen(a.SKU, a.Serial)
	}
	return stolen, err
}

func adjustStock(c *change, cmd AdjustStock) (Result, error) {
	if err := c.checkAdjust(cmd); err != nil {
		return Result{}, err
	}
	second, err := c.needsSecond(cmd)
	if err != nil {
		return Result{}, err
	}
	n, err := c.next(kAdjust)
	if err != nil {
		return Result{}, err
	}
	a := &Adjustment{ID: fmt.Sprintf("A%06d", n), What: cmd, State: AdjustDone, At: c.meta.Now}
	if a.By, err = c.person(); err != nil {
		return Result{}, err
	}
	res := Result{Ref: a.ID}
	if !second {
		if err := c.carryOut(a); err != nil {
			return Result{}, err
		}
		return res, c.saveAdjust(a)
	}
	if a.By == "" {
		return Result{}, refuse(CodeSecondPerson, "nobody is named who asks for it")
	}
	waiting, err := tails(c, under(kAdjusts), maxAdjusts)
	if err != nil {
		return Result{}, err
	}
	if len(waiting) == maxAdjusts {
		return Result{}, refuse(CodeTooManyWaiting, "%d adjustments", maxAdjusts)
	}
	a.State = AdjustWaiting
	res.Text = a.ID + " waits for a second person"
	return res, c.saveAdjust(a)
}

// waitingAdjust loads an adjustment that is to be decided.
func (c *change) waitingAdjust(id string) (*Adjustment, error) {
	if !validID(id) {
		return nil, refuse(CodeUnknownAdjustment, "adjustment %q", id)
	}
	a, err := GetAdjustment(c, id)
	if err == nil && (a == nil || a.State != AdjustWaiting) {
		err = refuse(CodeUnknownAdjustment, "adjustment %s", id)
	}
	return a, err
}

func approveAdjust(c *change, cmd ApproveAdjust) (Result, error) {
	a, err := c.waitingAdjust(cmd.Adjust)
	if err != nil {
		return Result{}, err
	}
	by, err := c.person()
	if err != nil {
		return Result{}, err
	}
	if by == "" || by == a.By {
		return Result{}, refuse(CodeSecondPerson, "%s asked for it", cmp.Or(a.By, "somebody unknown"))
	}
	// Bins, units and items may have changed since it was asked for.
	if err := c.checkAdjust(a.What); err != nil {
		return Result{}, err
	}
	if _, err := c.needsSecond(a.What); err != nil {
		return Result{}, err
	}
	if err := c.carryOut(a); err != nil {
		return Result{}, err
	}
	a.State, a.DecidedBy, a.DecidedAt = AdjustDone, by, c.meta.Now
	return Result{Ref: a.ID}, c.saveAdjust(a)
}

func refuseAdjust(c *change, cmd RefuseAdjust) (Result, error) {
	a, err := c.waitingAdjust(cmd.Adjust)
	if err != nil {
		return Result{}, err
	}
	if a.DecidedBy, err = c.person(); err != nil {
		return Result{}, err
	}
	a.State, a.DecidedAt = AdjustRefused, c.meta.Now
	return Result{Ref: a.ID}, c.saveAdjust(a)
}

func (c *change) saveAdjust(a *Adjustment) error {
	c.touch("adjust", a.ID)
	if err := c.index(key(kAdjusts, a.ID), a.State == AdjustWaiting); err != nil {
		return err
	}
	return save(c, key(kAdjust, a.ID), a)
}

// carryOut books an adjustment.
func (c *change) carryOut(a *Adjustment) error {
	w := a.What
	bin, inBin := strings.CutPrefix(w.Place, placeBin)
	counted := inBin && w.Reason == ReasonRecounted
	if counted {
		// A count of the item in the bin ends the doubt about it there.
		if err := c.doubt(bin, w.SKU, nil); err != nil {
			return err
		}
	}
	if err := c.bookQty(a.ID, w, w.position()); err != nil {
		return err
	}
	if counted || inBin && w.Qty > 0 {
		if err := c.retryWaiting([]string{demand{w.SKU, w.Owner}.row()}); err != nil {
			return err
		}
	}
	return c.emit(EvStockAdjusted, "", EventData{
		Code: w.Reason, SKU: w.SKU, Bin: bin, Qty: w.Qty,
		Lot: w.Lot, Serial: w.Serial, Owner: w.Owner, State: w.Status,
	})
}

func (c *change) bookQty(id string, w AdjustStock, p position) error {
	stolen := key(kStolen, w.Serial, w.SKU)
	if w.Qty < 0 {
		at := slices.IndexFunc(adjustReasons, func(r adjustReason) bool { return r.code == w.Reason })
		c.lacks(demand{w.SKU, w.Owner}, lackOfAdjust(w.Reason))
		if _, err := c.shift(p, position{adjustReasons[at].to, p.stockKey}, -w.Qty); err != nil {
			return err
		}
		if w.Reason == ReasonStolen && w.Serial != "" {
			return save(c, stolen, &stolenRecord{At: c.meta.Now, Actor: c.meta.Actor, Adjust: id})
		}
		return nil
	}
	if w.Serial != "" {
		// A stolen one comes back as FOUND only, approved by a second person.
		if err := c.Delete(stolen); err != nil {
			return err
		}
	}
	if err := c.lotOf(w); err != nil {
		return err
	}
	return c.move(p.stockKey, w.Qty, PlaceAdjustment, p.place, 0)
}

// lotOf registers a lot that comes in; one that is known keeps its date, and
// none need be given.
func (c *change) lotOf(w AdjustStock) error {
	if w.Lot == "" {
		return nil
	}
	known, err := c.Get(key(kLot, w.SKU, w.Lot))
	if err != nil || known != nil && w.Expiry == "" {
		return err
	}
	if err := c.traced(stockKey{sku: w.SKU, lot: w.Lot, serial: w.Serial}, w.Expiry); err != nil {
		return err
	}
	return c.setLot(w.SKU, w.Lot, w.Expiry)
}

// GetAdjustment returns an adjustment by id.
func GetAdjustment(r Reader, id string) (*Adjustment, error) {
	return load[Adjustment](r, key(kAdjust, id))
}

// WaitingAdjustments lists the adjustments that wait for a second person, oldest
// first.
func WaitingAdjustments(r Reader) ([]Adjustment, error) {
	return named(r, under(kAdjusts), 0, GetAdjustment, "adjustment")
}

// IsStolen tells whether a serial is on the list of the stolen ones.
func IsStolen(r Reader, sku, serial string) (bool, error) {
	b, err := r.Get(key(kStolen, serial, sku))
	return b != nil, err
}
