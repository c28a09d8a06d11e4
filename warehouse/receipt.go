package warehouse

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
)

// Receipts: goods that come in.
//
// A receipt is announced (an advance ship notice or a purchase order, from the
// OMS or a file) or opened blind at the receiving desk. The same announcement
// again is a no-op; a higher revision replaces it until the first goods are
// booked. Goods are booked from the supplier to the receipt's own place at
// once, and each booking asks for them to be put away (receive.go).
//
// Closing says what really came: each line's variance from the announcement is
// told and counted for the supplier. It is refused while a mandatory point of
// the supplier's checklist is open. After that nothing more is booked.

// Receipt states.
const (
	ReceiptExpected  = "EXPECTED"  // announced, nothing here yet
	ReceiptReceiving = "RECEIVING" // first goods booked, or opened blind
	ReceiptClosed    = "CLOSED"
	ReceiptCancelled = "CANCELLED" // withdrawn before anything came
)

// Receipt variances.
const (
	VarOver     = "OVER"
	VarShort    = "SHORT"
	VarDamaged  = "DAMAGED"
	VarWrongLot = "WRONG_LOT"
	VarExpired  = "EXPIRED"
	VarNotOnASN = "NOT_ON_ASN"
)

// Bounds of a receipt.
const (
	maxReceiptLines = 300 // announced; unannounced ones come on top
	maxExtraLines   = 50
	maxChecks       = 20
	maxCodes        = 2000 // vendor codes of one command
)

type (
	// Supplier is a vendor with the checklist for its deliveries.
	Supplier struct {
		ID         string      `cbor:"1,keyasint" json:"id"`
		Name       string      `cbor:"2,keyasint" json:"name"`
		Checks     []CheckRule `cbor:"3,keyasint,omitempty" json:"checks,omitempty"`
		OverPermil int64       `cbor:"4,keyasint,omitempty" json:"overPermil,omitempty"` // of a line that may come too much without a question
	}
	// CheckRule is one point of a supplier's receiving checklist.
	CheckRule struct {
		Name      string `cbor:"1,keyasint" json:"name"` // "seal", "temperature", "photo"
		Mandatory bool   `cbor:"2,keyasint,omitempty" json:"mandatory,omitempty"`
	}
	// VendorCode is a supplier's own code of an item.
	VendorCode struct {
		Code string `cbor:"1,keyasint" json:"code"`
		SKU  string `cbor:"2,keyasint" json:"sku"`
	}
	// ReceiptSpec is a delivery as it is announced.
	ReceiptSpec struct {
		ID       string        `cbor:"1,keyasint" json:"id"`
		Revision int           `cbor:"2,keyasint,omitempty" json:"revision,omitempty"`
		Supplier string        `cbor:"3,keyasint" json:"supplier"`
		PO       string        `cbor:"4,keyasint,omitempty" json:"po,omitempty"`       // purchase order number
		Expected int64         `cbor:"5,keyasint,omitempty" json:"expected,omitempty"` // when it should come
		Payment  string        `cbor:"6,keyasint,omitempty" json:"payment,omitempty"`  // payment status, carried through
		Owner    string        `cbor:"7,keyasint,omitempty" json:"owner,omitempty"`    // consignor of the goods
		Lines    []ReceiptLine `cbor:"8,keyasint,omitempty" json:"lines,omitempty"`    //
	}
	// ReceiptLine announces Qty base units of an item, named by SKU or by the
	// supplier's code. LU is the SSCC of the unit they come in, if any.
	ReceiptLine struct {
		Line   int    `cbor:"1,keyasint" json:"line"`
		SKU    string `cbor:"2,keyasint,omitempty" json:"sku,omitempty"`
		Code   string `cbor:"3,keyasint,omitempty" json:"code,omitempty"`
		Qty    int64  `cbor:"4,keyasint" json:"qty"`
		Lot    string `cbor:"5,keyasint,omitempty" json:"lot,omitempty"`
		Expiry string `cbor:"6,keyasint,omitempty" json:"expiry,omitempty"`
		LU     string `cbor:"7,keyasint,omitempty" json:"lu,omitempty"`
	}

	// Receipt is the site's record of a delivery.
	Receipt struct {
		ID       string         `cbor:"1,keyasint" json:"id"`
		Revision int            `cbor:"2,keyasint,omitempty" json:"revision,omitempty"`
		Hash     []byte         `cbor:"3,keyasint,omitempty" json:"-"`
		Source   string         `cbor:"4,keyasint" json:"source"`
		Supplier string         `cbor:"5,keyasint" json:"supplier"`
		PO       string         `cbor:"6,keyasint,omitempty" json:"po,omitempty"`
		Expected int64          `cbor:"7,keyasint,omitempty" json:"expected,omitempty"`
		Payment  string         `cbor:"8,keyasint,omitempty" json:"payment,omitempty"`
		Owner    string         `cbor:"9,keyasint,omitempty" json:"owner,omitempty"`
		State    string         `cbor:"10,keyasint" json:"state"`
		Since    int64          `cbor:"11,keyasint" json:"since"`
		Blind    bool           `cbor:"12,keyasint,omitempty" json:"blind,omitempty"`
		Lines    []ReceivedLine `cbor:"13,keyasint,omitempty" json:"lines,omitempty"`
		Checks   []ReceiptCheck `cbor:"14,keyasint,omitempty" json:"checks,omitempty"`
		Tags     int            `cbor:"15,keyasint,omitempty" json:"tags,omitempty"` // RFID tags announced or seen
	}
	// ReceivedLine is what was announced of an item and what came of it, both
	// in base units. Damaged is a part of Received.
	ReceivedLine struct {
		Line     int      `cbor:"1,keyasint" json:"line"`
		SKU      string   `cbor:"2,keyasint" json:"sku"`
		Lot      string   `cbor:"3,keyasint,omitempty" json:"lot,omitempty"`
		Expiry   string   `cbor:"4,keyasint,omitempty" json:"expiry,omitempty"`
		LU       string   `cbor:"5,keyasint,omitempty" json:"lu,omitempty"`
		Expected int64    `cbor:"6,keyasint,omitempty" json:"expected,omitempty"`
		Received int64    `cbor:"7,keyasint,omitempty" json:"received,omitempty"`
		Damaged  int64    `cbor:"8,keyasint,omitempty" json:"damaged,omitempty"`
		Expired  int64    `cbor:"9,keyasint,omitempty" json:"expired,omitempty"`
		WrongLot int64    `cbor:"10,keyasint,omitempty" json:"wrongLot,omitempty"`
		Tagged   int64    `cbor:"11,keyasint,omitempty" json:"tagged,omitempty"`   // of Received, by RFID
		Extra    bool     `cbor:"12,keyasint,omitempty" json:"extra,omitempty"`    // was not announced
		Variance []string `cbor:"13,keyasint,omitempty" json:"variance,omitempty"` // when closed
	}
	// ReceiptCheck is one point of the checklist and what was found.
	ReceiptCheck struct {
		Name      string `cbor:"1,keyasint" json:"name"`
		Mandatory bool   `cbor:"2,keyasint,omitempty" json:"mandatory,omitempty"`
		Value     string `cbor:"3,keyasint,omitempty" json:"value,omitempty"`
		Photo     string `cbor:"4,keyasint,omitempty" json:"photo,omitempty"` // reference
		By        string `cbor:"5,keyasint,omitempty" json:"by,omitempty"`
		At        int64  `cbor:"6,keyasint,omitempty" json:"at,omitempty"` // 0 = open
	}
	// SupplierFigures are the deliveries of a supplier since the beginning.
	SupplierFigures struct {
		Receipts  int64 `cbor:"1,keyasint" json:"receipts"`
		Lines     int64 `cbor:"2,keyasint" json:"lines"`
		Variances int64 `cbor:"3,keyasint" json:"variances"` // lines with one or more
	}
)

type (
	// PutSuppliers adds or replaces suppliers by id. All or nothing.
	PutSuppliers struct {
		Suppliers []Supplier `cbor:"1,keyasint" json:"suppliers"`
	}
	// PutVendorCodes adds or replaces codes of one supplier. All or nothing.
	PutVendorCodes struct {
		Supplier string       `cbor:"1,keyasint" json:"supplier"`
		Codes    []VendorCode `cbor:"2,keyasint" json:"codes"`
	}
	// AnnounceReceipt takes an advance ship notice or a purchase order in.
	AnnounceReceipt struct {
		Receipt ReceiptSpec `cbor:"1,keyasint" json:"receipt"`
		Source  string      `cbor:"2,keyasint" json:"source"`
	}
	// OpenReceipt begins a delivery nobody announced.
	OpenReceipt struct {
		Receipt  string `cbor:"1,keyasint" json:"receipt"`
		Supplier string `cbor:"2,keyasint" json:"supplier"`
		Owner    string `cbor:"3,keyasint,omitempty" json:"owner,omitempty"`
	}
	// CheckReceipt answers one point of the checklist.
	CheckReceipt struct {
		Receipt string `cbor:"1,keyasint" json:"receipt"`
		Name    string `cbor:"2,keyasint" json:"name"`
		Value   string `cbor:"3,keyasint" json:"value"`
		Photo   string `cbor:"4,keyasint,omitempty" json:"photo,omitempty"`
	}
	// CloseReceipt ends a delivery. Confirm says that what is missing will
	// not come.
	CloseReceipt struct {
		Receipt string `cbor:"1,keyasint" json:"receipt"`
		Confirm bool   `cbor:"2,keyasint,omitempty" json:"confirm,omitempty"`
	}
	// CancelReceipt withdraws a delivery of which nothing came.
	CancelReceipt struct {
		Receipt string `cbor:"1,keyasint" json:"receipt"`
		Reason  string `cbor:"2,keyasint" json:"reason"`
	}
)

// Kind implements Command.
func (PutSuppliers) Kind() Kind { return KindPutSuppliers }

// Kind implements Command.
func (PutVendorCodes) Kind() Kind { return KindPutVendorCodes }

// Kind implements Command.
func (AnnounceReceipt) Kind() Kind { return KindAnnounceReceipt }

// Kind implements Command.
func (OpenReceipt) Kind() Kind { return KindOpenReceipt }

// Kind implements Command.
func (CheckReceipt) Kind() Kind { return KindCheckReceipt }

// Kind implements Command.
func (CloseReceipt) Kind() Kind { return KindCloseReceipt }

// Kind implements Command.
func (CancelReceipt) Kind() Kind { return KindCancelReceipt }

// ReceiptPlace is where goods stand that were received and not put away yet.
func ReceiptPlace(id string) string { return placeReceipt + id }

func (c *change) saveReceipt(rc *Receipt) error {
	c.touch("receipt", rc.ID)
	open := rc.State == ReceiptExpected || rc.State == ReceiptReceiving
	if err := c.index(key(kReceipts, rc.ID), open); err != nil {
		return err
	}
	if err := c.markReceipt(rc); err != nil {
		return err
	}
	return save(c, key(kReceipt, rc.ID), rc)
}

// receipt loads a delivery that somebody named.
func (c *change) receipt(id string) (*Receipt, error) {
	if !validID(id) {
		return nil, refuse(CodeUnknownReceipt, "receipt %q", id)
	}
	rc, err := GetReceipt(c, id)
	if err == nil && rc == nil {
		err = refuse(CodeUnknownReceipt, "receipt %s", id)
	}
	return rc, err
}

// openReceiptOf loads a delivery that goods may still be booked to.
func (c *change) openReceiptOf(id string) (*Receipt, error) {
	rc, err := c.receipt(id)
	if err == nil && rc.State != ReceiptExpected && rc.State != ReceiptReceiving {
		err = refuse(CodeReceiptClosed, "receipt %s is %s", id, rc.State)
	}
	return rc, err
}

func putSuppliers(c *change, cmd PutSuppliers) (Result, error) {
	if err := checkRows(len(cmd.Suppliers)); err != nil {
		return Result{}, err
	}
	seen := make(map[string]bool, len(cmd.Suppliers))
	for i := range cmd.Suppliers {
		s := &cmd.Suppliers[i]
		if why := checkSupplier(*s); why != "" {
			return Result{}, refuse(CodeInvalid, "row %d: supplier %s: %s", i+1, s.ID, why)
		}
		if err := twice(seen, i+1, "supplier", s.ID); err != nil {
			return Result{}, err
		}
		if err := save(c, key(kSupplier, s.ID), s); err != nil {
			return Result{}, err
		}
	}
	c.touch("suppliers", "")
	return Result{Text: fmt.Sprintf("%d suppliers", len(cmd.Suppliers))}, nil
}

func checkSupplier(s Supplier) string {
	switch {
	case !validID(s.ID):
		return "id"
	case !validText(s.Name, maxText):
		return "name"
	case len(s.Checks) > maxChecks:
		return "more than 20 checks"
	case s.OverPermil < 0 || s.OverPermil > 1000:
		return "overPermil: 0 to 1000"
	}
	for i, r := range s.Checks {
		if !validID(r.Name) || slices.ContainsFunc(s.Checks[:i], func(o CheckRule) bool { return o.Name == r.Name }) {
			return "name of a check, or twice the same"
		}
	}
	return ""
}

func putVendorCodes(c *change, cmd PutVendorCodes) (Result, error) {
	if _, err := c.supplier(cmd.Supplier); err != nil {
		return Result{}, err
	}
	if len(cmd.Codes) == 0 || len(cmd.Codes) > maxCodes {
		return Result{}, refuse(CodeInvalid, "codes: 1 to %d", maxCodes)
	}
	seen := make(map[string]bool, len(cmd.Codes))
	for i, v := range cmd.Codes {
		if !validBarcode(v.Code) || !validID(v.SKU) {
			return Result{}, refuse(CodeInvalid, "row %d: code or sku", i+1)
		}
		if err := twice(seen, i+1, "code", v.Code); err != nil {
			return Result{}, err
		}
		if it, err := GetItem(c, v.SKU); err != nil || it == nil {
			if err == nil {
				err = refuse(CodeUnknownItem, "row %d: item %s", i+1, v.SKU)
			}
			return Result{}, err
		}
		if err := c.Set(key(kVendor, cmd.Supplier, v.Code), []byte(v.SKU)); err != nil {
			return Result{}, err
		}
	}
	c.touch("suppliers", "")
	return Result{Text: fmt.Sprintf("%d codes", len(cmd.Codes))}, nil
}

// supplier loads a supplier that somebody named.
func (c *change) supplier(id string) (*Supplier, error) {
	if !validID(id) {
		return nil, refuse(CodeUnknownSupplier, "supplier %q", id)
	}
	s, err := GetSupplier(c, id)
	if err == nil && s == nil {
		err = refuse(CodeUnknownSupplier, "supplier %s", id)
	}
	return s, err
}

func announceReceipt(c *change, cmd AnnounceReceipt) (Result, error) {
	spec := cmd.Receipt
	if why := checkReceiptSpec(spec); why != "" {
		return Result{}, refuse(CodeInvalid, "%s", why)
	}
	if !validText(cmd.Source, maxID) {
		return Result{}, refuse(CodeInvalid, "source")
	}
	sup, err := c.supplier(spec.Supplier)
	if err != nil {
		return Result{}, err
	}
	canon, err := marshal(&spec)
	if err != nil {
		return Result{}, refuse(CodeMalformed, "receipt: %v", err)
	}
	sum := sha256.Sum256(canon)
	if spec.ID, err = c.askedID(cmd.Source, spec.ID, CodeInvalid); err != nil {
		return Result{}, err
	}
	var why string
	if spec.Owner, why, err = c.ownerAsked(cmd.Source, spec.Owner, ""); err != nil || why != "" {
		if err == nil {
			err = refuse(CodeForeignOwner, "%s", why)
		}
		return Result{}, err
	}
	if !validID(spec.ID) {
		return Result{}, refuse(CodeInvalid, "receipt id")
	}
	res := Result{Ref: spec.ID}
	old, err := GetReceipt(c, spec.ID)
	if err != nil {
		return res, err
	}
	if old != nil {
		switch {
		case old.Blind || old.Source != cmd.Source:
			return res, refuse(CodeConflict, "receipt %s is here from %s", spec.ID, old.Source)
		case spec.Revision < old.Revision, spec.Revision == old.Revision && bytes.Equal(old.Hash, sum[:]):
			res.Text = fmt.Sprintf("receipt %s is here with revision %d", spec.ID, old.Revision)
			return res, nil
		case spec.Revision == old.Revision:
			return res, refuse(CodeConflict, "revision %d is here with other content", spec.Revision)
		case old.State != ReceiptExpected || old.Tags > 0:
			return res, refuse(CodeReceiptClosed, "receipt %s is %s", spec.ID, old.State)
		}
	}
	rc := &Receipt{
		ID: spec.ID, Revision: spec.Revision, Hash: sum[:], Source: cmd.Source, Supplier: spec.Supplier, PO: spec.PO,
		Expected: spec.Expected, Payment: spec.Payment, Owner: spec.Owner, State: ReceiptExpected, Since: c.meta.Now,
		Checks: checksOf(sup),
	}
	for _, l := range spec.Lines {
		sku := l.SKU
		if sku == "" {
			b, err := c.Get(key(kVendor, spec.Supplier, l.Code))
			if err != nil {
				return res, err
			}
			sku = string(b)
		}
		it, err := GetItem(c, sku)
		if err != nil {
			return res, err
		}
		if it == nil {
			return res, refuse(CodeUnknownItem, "line %d: item %s%s", l.Line, l.SKU, l.Code)
		}
		rc.Lines = append(rc.Lines, ReceivedLine{Line: l.Line, SKU: sku, Lot: l.Lot, Expiry: l.Expiry, LU: l.LU, Expected: l.Qty})
	}
	return res, c.saveReceipt(rc)
}

func checksOf(s *Supplier) []ReceiptCheck {
	var out []ReceiptCheck
	for _, r := range s.Checks {
		out = append(out, ReceiptCheck{Name: r.Name, Mandatory: r.Mandatory})
	}
	return out
}

func checkReceiptSpec(s ReceiptSpec) string {
	switch {
	case !validID(s.ID):
		return "receipt id"
	case s.Revision < 0 || s.Revision > maxStockQty:
		return "revision"
	case s.PO != "" && !validText(s.PO, maxID):
		return "po"
	case s.Expected < 0:
		return "expected"
	case s.Payment != "" && !validText(s.Payment, maxID):
		return "payment"
	case s.Owner != "" && !validID(s.Owner):
		return "owner"
	case len(s.Lines) == 0 || len(s.Lines) > maxReceiptLines:
		return "lines: 1 to 300"
	}
	seen := make(map[int]bool, len(s.Lines))
	for _, l := range s.Lines {
		switch {
		case l.Line < 1 || l.Line > maxQty || seen[l.Line]:
			return "line number"
		case (l.SKU == "") == (l.Code == "") || l.SKU != "" && !validID(l.SKU) || l.Code != "" && !validBarcode(l.Code):
			return fmt.Sprintf("line %d: sku or code", l.Line)
		case l.Qty < 1 || l.Qty > maxQty:
			return fmt.Sprintf("line %d: quantity", l.Line)
		case l.Lot != "" && !validBarcode(l.Lot), l.Expiry != "" && (l.Lot == "" || !validDate(l.Expiry)):
			return fmt.Sprintf("line %d: lot or expiry", l.Line)
		case l.LU != "" && !validID(l.LU):
			return fmt.Sprintf("line %d: lu", l.Line)
		}
		seen[l.Line] = true
	}
	return ""
}

func openReceipt(c *change, cmd OpenReceipt) (Result, error) {
	if !validID(cmd.Receipt) || cmd.Owner != "" && !validID(cmd.Owner) {
		return Result{}, refuse(CodeInvalid, "receipt id or owner")
	}
	sup, err := c.supplier(cmd.Supplier)
	if err != nil {
		return Result{}, err
	}
	if old, err := GetReceipt(c, cmd.Receipt); err != nil || old != nil {
		if err == nil {
			err = refuse(CodeConflict, "receipt %s is here and %s", cmd.Receipt, old.State)
		}
		return Result{}, err
	}
	return Result{Ref: cmd.Receipt}, c.saveReceipt(&Receipt{
		ID: cmd.Receipt, Source: "site", Supplier: cmd.Supplier, Owner: cmd.Owner, State: ReceiptReceiving,
		Since: c.meta.Now, Blind: true, Checks: checksOf(sup),
	})
}

func checkReceipt(c *change, cmd CheckReceipt) (Result, error) {
	rc, err := c.openReceiptOf(cmd.Receipt)
	if err != nil {
		return Result{}, err
	}
	if !validText(cmd.Value, maxText) || cmd.Photo != "" && !validText(cmd.Photo, maxText) {
		return Result{}, refuse(CodeInvalid, "value or photo")
	}
	at := slices.IndexFunc(rc.Checks, func(k ReceiptCheck) bool { return k.Name == cmd.Name })
	if at < 0 {
		return Result{}, refuse(CodeInvalid, "the checklist of receipt %s has no %q", rc.ID, cmd.Name)
	}
	k := &rc.Checks[at]
	k.Value, k.Photo, k.By, k.At = cmd.Value, cmd.Photo, c.meta.Actor, max(c.meta.Now, 1)
	return Result{Ref: rc.ID}, c.saveReceipt(rc)
}

func cancelReceipt(c *change, cmd CancelReceipt) (Result, error) {
	rc, err := c.openReceiptOf(cmd.Receipt)
	if err != nil {
		return Result{}, err
	}
	if !validText(cmd.Reason, maxText) {
		return Result{}, refuse(CodeInvalid, "reason")
	}
	if slices.ContainsFunc(rc.Lines, func(l ReceivedLine) bool { return l.Received > 0 }) {
		return Result{}, refuse(CodeConflict, "goods of receipt %s are here: close it", rc.ID)
	}
	rc.State, rc.Since = ReceiptCancelled, c.meta.Now
	return Result{Ref: rc.ID}, c.saveReceipt(rc)
}

func closeReceipt(c *change, cmd CloseReceipt) (Result, error) {
	rc, err := c.openReceiptOf(cmd.Receipt)
	if err != nil {
		return Result{}, err
	}
	res := Result{Ref: rc.ID}
	for _, k := range rc.Checks {
		if k.Mandatory && k.At == 0 {
			return res, refuse(CodeCheckOpen, "receipt %s: %s is not checked", rc.ID, k.Name)
		}
	}
	var bad, short int64
	for i := range rc.Lines {
		l := &rc.Lines[i]
		l.Variance = l.variance(rc.Blind)
		if len(l.Variance) > 0 {
			bad++
		}
		if slices.Contains(l.Variance, VarShort) {
			short++
		}
	}
	if short > 0 && !cmd.Confirm {
		return res, refuse(CodeConfirm, "%d lines of receipt %s are short: confirm that no more comes", short, rc.ID)
	}
	rc.State, rc.Since = ReceiptClosed, c.meta.Now
	fig, err := GetSupplierFigures(c, rc.Supplier)
	if err != nil {
		return res, err
	}
	fig.Receipts++
	fig.Lines += int64(len(rc.Lines))
	fig.Variances += bad
	if err := save(c, key(kSupFig, rc.Supplier), &fig); err != nil {
		return res, err
	}
	if err := c.saveReceipt(rc); err != nil {
		return res, err
	}
	res.Text = fmt.Sprintf("%d of %d lines with a variance", bad, len(rc.Lines))
	upstream, err := c.ownerHears(rc.Source, rc.Owner)
	if err != nil {
		return res, err
	}
	d := EventData{Receipt: abroad(upstream, rc.ID), Supplier: rc.Supplier, Received: rc.Lines, Source: rc.Source}
	if upstream != "" {
		d.Owner = rc.Owner
	}
	return res, c.emitTo(upstream, EvReceiptClosed, "", d)
}

// variance lists how a line differs from what was announced. Of a blind receipt
// nothing was.
func (l *ReceivedLine) variance(blind bool) []string {
	var v []string
	add := func(code string, when bool) {
		if when {
			v = append(v, code)
		}
	}
	add(VarNotOnASN, l.Extra && !blind)
	add(VarOver, !l.Extra && l.Received > l.Expected)
	add(VarShort, !l.Extra && l.Received < l.Expected)
	add(VarDamaged, l.Damaged > 0)
	add(VarWrongLot, l.WrongLot > 0)
	add(VarExpired, l.Expired > 0)
	return v
}
