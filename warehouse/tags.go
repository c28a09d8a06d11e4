package warehouse

import (
	"errors"
	"fmt"

	"tote/gs1"
)

// RFID bulk receipt: the tags of a delivery are announced with it, a reader at
// the dock reports what it sees, in as many parts as it likes, and BookTags
// books the pieces. A tag counts once however often it was read. Tags that were
// announced and not seen are missing; tags that were seen and not announced are
// extra, and come in only when a person says so. Units with serials come in each
// by its own tag (tagserial.go).

// maxTags bounds the tags of one receipt.
const maxTags = 5000

// What is known of a tag of a receipt; the byte of its row.
const (
	tagExpected = 1
	tagSeen     = 2
)

type (
	// AnnounceTags adds tags to what a delivery should bring.
	AnnounceTags struct {
		Receipt string   `cbor:"1,keyasint" json:"receipt"`
		EPCs    []string `cbor:"2,keyasint" json:"epcs"`
	}
	// SeeTags reports tags a reader saw.
	SeeTags struct {
		Receipt string   `cbor:"1,keyasint" json:"receipt"`
		EPCs    []string `cbor:"2,keyasint" json:"epcs"`
	}
	// BookTags receives the pieces whose tags were seen and that are not
	// booked yet: the announced ones, with Extra all that mean an item.
	BookTags struct {
		Receipt string `cbor:"1,keyasint" json:"receipt"`
		Extra   bool   `cbor:"2,keyasint,omitempty" json:"extra,omitempty"`
	}
)

// Kind implements Command.
func (AnnounceTags) Kind() Kind { return KindAnnounceTags }

// Kind implements Command.
func (SeeTags) Kind() Kind { return KindSeeTags }

// Kind implements Command.
func (BookTags) Kind() Kind { return KindBookTags }

func announceTags(c *change, cmd AnnounceTags) (Result, error) {
	return c.listedTags(cmd.Receipt, cmd.EPCs, tagExpected)
}

func seeTags(c *change, cmd SeeTags) (Result, error) {
	return c.listedTags(cmd.Receipt, cmd.EPCs, tagSeen)
}

// listedTags notes the tags of one list.
func (c *change) listedTags(receipt string, epcs []string, what byte) (Result, error) {
	rc, err := c.openReceiptOf(receipt)
	if err != nil {
		return Result{}, err
	}
	if len(epcs) == 0 || len(epcs) > maxEPCs {
		return Result{}, refuse(CodeInvalid, "tags: 1 to %d", maxEPCs)
	}
	return c.noteTags(rc, epcs, what)
}

func (c *change) noteTags(rc *Receipt, epcs []string, what byte) (Result, error) {
	fresh := 0
	for _, s := range epcs {
		if !validBarcode(s) {
			return Result{}, refuse(CodeInvalid, "tag %.70q", s)
		}
		_, id := c.readTag(s)
		k := key(kRTag, rc.ID, id)
		b, err := c.Get(k)
		if err != nil {
			return Result{}, err
		}
		had := byte(0)
		if len(b) == 1 {
			had = b[0]
		} else {
			fresh++
		}
		if had&what != 0 {
			continue
		}
		if err := c.Set(k, []byte{had | what}); err != nil {
			return Result{}, err
		}
	}
	if rc.Tags += fresh; rc.Tags > maxTags {
		return Result{}, refuse(CodeTooBig, "receipt %s would have %d tags, the most is %d", rc.ID, rc.Tags, maxTags)
	}
	return Result{Ref: rc.ID, Text: fmt.Sprintf("%d new tags", fresh)}, c.saveReceipt(rc)
}

func bookTags(c *change, cmd BookTags) (Result, error) {
	rc, err := c.openReceiptOf(cmd.Receipt)
	if err != nil {
		return Result{}, err
	}
	var seen tally
	var units []taggedUnit
	err = eachTag(c, rc.ID, func(id string, what byte) error {
		if what&tagSeen == 0 || what&tagExpected == 0 && !cmd.Extra || what&tagBooked != 0 {
			return nil
		}
		sku, err := c.itemOfTag(id)
		if err != nil || sku == "" {
			return err
		}
		u, err := c.taggedSerial(id, sku, what)
		if err != nil {
			return err
		}
		if u != nil {
			units = append(units, *u)
		} else {
			seen.add(sku, 1)
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	booked, err := c.bookPieces(rc, seen)
	if err != nil {
		return Result{}, err
	}
	n, left, bad := c.bookUnits(rc, units)
	var no *refusal
	if bad != nil && !errors.As(bad, &no) {
		return Result{}, bad
	}
	if no != nil && !no.keep {
		return Result{}, bad
	}
	booked += n
	res := Result{Ref: rc.ID, Text: fmt.Sprintf("%d pieces booked", booked)}
	if left > 0 {
		res.Ref, res.Text = RefMore, fmt.Sprintf("%s, %d units are left: book again", res.Text, left)
	}
	if err := c.saveReceipt(rc); err != nil {
		return Result{}, err
	}
	if no != nil {
		no.text = res.Text + "; " + no.text
	}
	return res, bad
}

// bookPieces books what the tags of items without serials say beyond what was
// booked before.
func (c *change) bookPieces(rc *Receipt, seen tally) (booked int64, err error) {
	for _, n := range seen {
		q := n.n
		for _, l := range rc.Lines {
			if l.SKU == n.sku {
				q -= l.Tagged
			}
		}
		if q <= 0 {
			continue
		}
		it, err := must2(GetItem(c, n.sku))("item", n.sku)
		if err != nil {
			return 0, err
		}
		if it.LotTracked {
			return 0, refuse(CodeWrongLot, "item %s needs a lot: receive it by hand", n.sku)
		}
		if err := c.bookTagged(rc, arrival{sku: n.sku, qty: q}); err != nil {
			return 0, err
		}
		booked += q
	}
	return booked, nil
}

// bookTagged books pieces line by line as they were announced; what is left
// over goes to the last line, or to one of its own.
func (c *change) bookTagged(rc *Receipt, a arrival) error {
	for qty := a.qty; qty > 0; {
		l, err := c.lineFor(rc, arrival{sku: a.sku, qty: 1}, true)
		if err != nil {
			return err
		}
		part := qty
		if room := l.Expected - l.Received; room > 0 {
			part = min(part, room)
		}
		at := l.Line
		a.qty = part
		if err := c.book(rc, a, true); err != nil {
			return err
		}
		for i := range rc.Lines {
			if rc.Lines[i].Line == at {
				rc.Lines[i].Tagged += part
			}
		}
		qty -= part
	}
	return nil
}

// itemOfTag is the SKU a tag stands for, "" for none.
func (c *change) itemOfTag(id string) (string, error) {
	e, _ := c.readTag(id)
	if e.Scheme != gs1.SchemeSGTIN {
		return "", nil
	}
	sku, err := c.Get(codeKey(e.GTIN))
	return string(sku), err
}

// eachTag calls fn for the tags of a receipt in the order of their keys.
func eachTag(r Reader, receipt string, fn func(id string, what byte) error) error {
	prefix := under(kRTag, receipt)
	return r.Range(prefix, func(k, v []byte) (bool, error) {
		if len(v) != 1 {
			return false, fmt.Errorf("%w: tag row %q", ErrCorrupt, k)
		}
		return true, fn(string(k[len(prefix):]), v[0])
	})
}

// TagReport compares the tags that were announced with those that were seen.
type TagReport struct {
	Expected int      `json:"expected"`
	Seen     int      `json:"seen"`
	Missing  []string `json:"missing"` // announced, not seen
	Extra    []string `json:"extra"`   // seen, not announced
	// Refused are those whose unit could not be booked the last time.
	Refused []string `json:"refused,omitempty"`
}

// ReceiptTags compares the tags of a receipt.
func ReceiptTags(r Reader, receipt string) (TagReport, error) {
	rep := TagReport{Missing: []string{}, Extra: []string{}}
	err := eachTag(r, receipt, func(id string, what byte) error {
		if what&tagExpected != 0 {
			rep.Expected++
		}
		if what&tagSeen != 0 {
			rep.Seen++
		}
		if what&tagRefused != 0 {
			rep.Refused = append(rep.Refused, id)
		}
		switch what &^ (tagBooked | tagRefused) {
		case tagExpected:
			rep.Missing = append(rep.Missing, id)
		case tagSeen:
			rep.Extra = append(rep.Extra, id)
		}
		return nil
	})
	return rep, err
}

// ReceiptFilter chooses receipts; a zero field chooses all.
type ReceiptFilter struct {
	Supplier string
	Payment  string
	State    string
	DueBy    int64 // announced for before this moment and not closed
}

func (f ReceiptFilter) match(rc *Receipt) bool {
	return (f.Supplier == "" || f.Supplier == rc.Supplier) && (f.Payment == "" || f.Payment == rc.Payment) &&
		(f.State == "" || f.State == rc.State) &&
		(f.DueBy == 0 || rc.Expected != 0 && rc.Expected < f.DueBy && (rc.State == ReceiptExpected || rc.State == ReceiptReceiving))
}

// Receipts lists receipts by id, those behind from, at most limit, all when 0.
func Receipts(r Reader, f ReceiptFilter, from string, limit int) ([]Receipt, error) {
	var out []Receipt
	prefix := under(kReceipt)
	err := rangeAfter(r, prefix, behind(prefix, from), func(k, b []byte) (bool, error) {
		rc, err := decodeRecord[Receipt](k, b)
		if err != nil {
			return false, err
		}
		if f.match(rc) {
			out = append(out, *rc)
		}
		return limit == 0 || len(out) < limit, nil
	})
	return out, err
}

// GetReceipt returns a delivery by id.
func GetReceipt(r Reader, id string) (*Receipt, error) { return load[Receipt](r, key(kReceipt, id)) }

// GetSupplier returns a supplier by id.
func GetSupplier(r Reader, id string) (*Supplier, error) {
	return load[Supplier](r, key(kSupplier, id))
}

// GetSupplierFigures returns the figures of a supplier's deliveries.
func GetSupplierFigures(r Reader, id string) (SupplierFigures, error) {
	f, err := load[SupplierFigures](r, key(kSupFig, id))
	if err != nil || f == nil {
		return SupplierFigures{}, err
	}
	return *f, nil
}
