package warehouse

import (
	"cmp"
	"fmt"
	"slices"
)

// The opening count, from level 5 on: how a zone goes live. Its rules:
//
//   - A bin is counted whole. What was counted becomes what the book holds, by the
//     difference: from the virtual place "opening", or back to it.
//   - The count of a bin has a sum of what stands in it (BinCount.Sum). A bin whose
//     newest count has that sum was booked: the same count again books nothing,
//     whatever happened in the bin since.
//   - Who makes the command says what the book held when he looked (Was). If it holds
//     something else by now, the command is refused whole, and he looks again.
//   - A bin is worked on with the first move of goods that is none of its count
//     (kUntouched); one that held goods before its first count is, too. Another count
//     of such a bin is only taken with Recount, and what it finds is a correction of
//     stock: it goes through "adjustment" with its reason and the OMS hears of it.
//   - A bin that was counted before is counted otherwise only with a Reason.
//   - Every zone has one opening count, under a number; it is live from the end of the
//     first file on (Last). Others go on working meanwhile: nothing waits for it.

type (
	// BookOpening books a part of the opening count of a zone.
	BookOpening struct {
		Zone    string     `cbor:"1,keyasint,omitempty" json:"zone,omitempty"` // of all bins; "" = of bins without one
		Bins    []BinCount `cbor:"2,keyasint" json:"bins"`
		Reason  string     `cbor:"3,keyasint,omitempty" json:"reason,omitempty"` // of OpeningReasons
		Recount bool       `cbor:"4,keyasint,omitempty" json:"recount,omitempty"`
		Last    bool       `cbor:"5,keyasint,omitempty" json:"last,omitempty"` // the zone is live
	}
	// BinCount is what was counted in a bin, or a part of it.
	BinCount struct {
		Bin   string        `cbor:"1,keyasint" json:"bin"`
		Sum   string        `cbor:"2,keyasint" json:"sum"`                      // of the whole count: another one has another sum
		Lines []OpeningLine `cbor:"3,keyasint,omitempty" json:"lines"`          // what differs from the book
		More  bool          `cbor:"4,keyasint,omitempty" json:"more,omitempty"` // the rest is in a later command
	}
	// OpeningLine is one position: what the book held and what was counted.
	OpeningLine struct {
		SKU    string `cbor:"1,keyasint" json:"sku"`
		Lot    string `cbor:"2,keyasint,omitempty" json:"lot,omitempty"`
		Expiry string `cbor:"3,keyasint,omitempty" json:"expiry,omitempty"` // YYYY-MM-DD
		Serial string `cbor:"4,keyasint,omitempty" json:"serial,omitempty"`
		Owner  string `cbor:"5,keyasint,omitempty" json:"owner,omitempty"`
		Status string `cbor:"6,keyasint,omitempty" json:"status,omitempty"`
		Was    int64  `cbor:"7,keyasint,omitempty" json:"was,omitempty"`
		Qty    int64  `cbor:"8,keyasint,omitempty" json:"qty,omitempty"`
	}
)

// Kind implements Command.
func (BookOpening) Kind() Kind { return KindBookOpening }

// OpenedBin is the newest opening count of a bin.
type OpenedBin struct {
	Bin   string `cbor:"1,keyasint" json:"bin"`
	Zone  string `cbor:"2,keyasint,omitempty" json:"zone,omitempty"`
	Count string `cbor:"3,keyasint" json:"count"`                   // id of the zone's opening count
	Sum   string `cbor:"4,keyasint,omitempty" json:"sum,omitempty"` // "" = only a part of it is booked
	At    int64  `cbor:"5,keyasint" json:"at"`
	By    string `cbor:"6,keyasint,omitempty" json:"by,omitempty"`
	// Reason is why it was counted anew.
	Reason string `cbor:"7,keyasint,omitempty" json:"reason,omitempty"`
}

// ZoneOpening is the opening count of a zone.
type ZoneOpening struct {
	ID    string `cbor:"1,keyasint" json:"id"` // "OC000001"
	Zone  string `cbor:"2,keyasint,omitempty" json:"zone"`
	Bins  int64  `cbor:"3,keyasint,omitempty" json:"bins"` // that were counted
	Since int64  `cbor:"4,keyasint" json:"since"`
	At    int64  `cbor:"5,keyasint" json:"at"` // of the newest part
	By    string `cbor:"6,keyasint,omitempty" json:"by,omitempty"`
	Live  int64  `cbor:"7,keyasint,omitempty" json:"live,omitempty"` // since when; 0 = not yet
}

// OpeningReasons are why a bin may be counted anew.
var OpeningReasons = []string{ReasonRecounted, ReasonCorrection, ReasonDataEntry, ReasonOther}

func bookOpening(c *change, cmd BookOpening) (Result, error) {
	if err := checkRows(len(cmd.Bins)); err != nil {
		return Result{}, err
	}
	switch {
	case cmd.Zone != "" && !validID(cmd.Zone):
		return Result{}, refuse(CodeInvalid, "zone")
	case cmd.Reason != "" && !slices.Contains(OpeningReasons, cmd.Reason):
		return Result{}, refuse(CodeInvalid, "reason %q", cmd.Reason)
	}
	z, err := GetZoneOpening(c, cmd.Zone)
	if err != nil {
		return Result{}, err
	}
	if z == nil {
		n, err := c.next(kZoneOpening)
		if err != nil {
			return Result{}, err
		}
		z = &ZoneOpening{ID: fmt.Sprintf("OC%06d", n), Zone: cmd.Zone, Since: c.meta.Now}
	}
	z.At, z.By = c.meta.Now, c.meta.Actor
	if cmd.Last && z.Live == 0 {
		z.Live = c.meta.Now
	}
	var skus []string
	seen := make(map[string]bool, len(cmd.Bins))
	booked := 0
	for i := range cmd.Bins {
		b := &cmd.Bins[i]
		if err := twice(seen, i+1, "bin", b.Bin); err != nil {
			return Result{}, err
		}
		changed, err := c.bookBin(z, b, &cmd)
		if err != nil {
			return Result{}, err
		}
		skus = append(skus, changed...)
		booked += len(changed)
	}
	c.touch("bins", "")
	if err := save(c, key(kZoneOpening, z.Zone), z); err != nil {
		return Result{}, err
	}
	return Result{Ref: z.ID, Text: fmt.Sprintf("%d bins, %d positions", len(cmd.Bins), booked)}, c.retryWaiting(skus)
}

// bookBin books the count of one bin, and returns the demands it changed.
func (c *change) bookBin(z *ZoneOpening, b *BinCount, cmd *BookOpening) ([]string, error) {
	bin, err := c.binToCount(b, z.Zone)
	if err != nil {
		return nil, err
	}
	head, err := GetOpenedBin(c, bin.Code)
	if err != nil || head != nil && head.Sum == b.Sum {
		return nil, err // counted so already
	}
	worked, err := WorkedOn(c, bin.Code)
	if err != nil {
		return nil, err
	}
	again := head != nil && head.Sum != ""
	differ := slices.ContainsFunc(b.Lines, func(l OpeningLine) bool { return l.Qty != l.Was })
	switch {
	case worked && differ && !cmd.Recount:
		return nil, refuse(CodeBinWorkedOn, "bin %s: goods were moved since it was counted", bin.Code)
	case (again || worked) && differ && cmd.Reason == "":
		return nil, refuse(CodeInvalid, "reason: bin %s was counted before", bin.Code)
	}
	from := PlaceOpening
	if worked {
		from = PlaceAdjustment
	}
	var skus []string
	seen := make(map[stockKey]bool, len(b.Lines))
	for i := range b.Lines {
		l := &b.Lines[i]
		if seen[l.stock()] {
			return nil, refuse(CodeDuplicateInFile, "bin %s: %s stands twice", bin.Code, l.SKU)
		}
		seen[l.stock()] = true
		if err := c.bookLine(bin.Code, l, from, cmd.Reason); err != nil {
			return nil, err
		}
		skus = append(skus, demand{l.SKU, l.Owner}.row())
	}
	if head == nil {
		z.Bins++
	}
	now := OpenedBin{Bin: bin.Code, Zone: z.Zone, Count: z.ID, Sum: b.Sum, At: c.meta.Now, By: c.meta.Actor}
	if again || worked {
		now.Reason = cmd.Reason
	}
	if b.More {
		now.Sum = ""
	}
	if err := c.index(key(kUntouched, bin.Code), true); err != nil {
		return nil, err
	}
	return skus, save(c, key(kOpenedBin, bin.Code), &now)
}

// binToCount looks at what a command says of a bin.
func (c *change) binToCount(b *BinCount, zone string) (*Bin, error) {
	if !validID(b.Bin) {
		return nil, refuse(CodeUnknownBin, "bin %.70q", b.Bin)
	}
	if !validID(b.Sum) {
		return nil, refuse(CodeInvalid, "bin %s: sum", b.Bin)
	}
	bin, err := GetBin(c, b.Bin)
	switch {
	case err != nil:
		return nil, err
	case bin == nil:
		return nil, refuse(CodeUnknownBin, "bin %s", b.Bin)
	case bin.Zone != zone:
		return nil, refuse(CodeInvalid, "bin %s is of zone %q, not %q", b.Bin, bin.Zone, zone)
	}
	return bin, nil
}

// bookLine makes the book of one position what was counted.
func (c *change) bookLine(bin string, l *OpeningLine, virtual, reason string) error {
	row := l.row(bin)
	if l.Qty < 0 || l.Qty > maxStockQty || l.Was < 0 || l.Was > maxStockQty {
		return refuse(CodeInvalid, "bin %s: %s: quantity", bin, l.SKU)
	}
	row.Qty = max(l.Qty, 1) // checked as one that is there
	if why := checkStockRow(row); why != "" {
		return refuse(CodeInvalid, "bin %s: %s: %s", bin, l.SKU, why)
	}
	place := BinPlace(bin)
	has, err := load[stockRow](c, stockRowKey(place, l.stock()))
	if err != nil {
		return err
	}
	if held := cmp.Or(has, &stockRow{}).Qty; held != l.Was {
		return refuse(CodeBinChanged, "bin %s holds %d of %s by now, not %d", bin, held, l.SKU, l.Was)
	}
	if l.Qty > 0 {
		if err := c.checkStocked(1, row); err != nil {
			return err
		}
		if err := c.setLot(l.SKU, l.Lot, l.Expiry); err != nil {
			return err
		}
	}
	diff := l.Qty - l.Was
	switch {
	case diff > 0:
		err = c.move(l.stock(), diff, virtual, place, 0)
	case diff < 0:
		c.lacks(demand{l.SKU, l.Owner}, lackOfAdjust(ReasonMissing))
		_, err = c.shift(position{place, l.stock()}, position{virtual, l.stock()}, -diff)
	}
	if err == nil {
		err = c.doubt(bin, l.SKU, nil)
	}
	if err != nil || diff == 0 || virtual == PlaceOpening {
		return err
	}
	return c.emit(EvStockAdjusted, "", EventData{
		Code: reason, SKU: l.SKU, Bin: bin, Qty: diff, Lot: l.Lot, Serial: l.Serial, Owner: l.Owner, State: l.Status,
	})
}

func (l *OpeningLine) stock() stockKey {
	return stockKey{sku: l.SKU, lot: l.Lot, serial: l.Serial, owner: l.Owner, status: l.Status}
}

func (l *OpeningLine) row(bin string) StockRow {
	return StockRow{Bin: bin, SKU: l.SKU, Lot: l.Lot, Expiry: l.Expiry, Qty: l.Qty, Owner: l.Owner, Serial: l.Serial, Status: l.Status}
}

// workOn notes that goods of a bin moved otherwise than by its count.
func (c *change) workOn(bin string) error {
	if c.reason == openingReason || !c.since(level5) {
		return nil
	}
	return c.index(key(kUntouched, bin), false)
}

// openingReason is what the journal says of an opening count.
const openingReason = "BookOpening"

// WorkedOn tells whether goods of a bin moved since its opening count; of one that
// was not counted yet, whether it holds any.
func WorkedOn(r Reader, bin string) (bool, error) {
	b, err := r.Get(key(kUntouched, bin))
	if err != nil || b != nil {
		return false, err
	}
	head, err := r.Get(key(kOpenedBin, bin))
	if err != nil || head != nil {
		return head != nil, err
	}
	worked := false
	err = r.Range(under(kAt, BinPlace(bin)), func(_, _ []byte) (bool, error) {
		worked = true
		return false, nil
	})
	return worked, err
}

// GetOpenedBin is the newest opening count of a bin, nil when there was none.
func GetOpenedBin(r Reader, bin string) (*OpenedBin, error) {
	return load[OpenedBin](r, key(kOpenedBin, bin))
}

// GetZoneOpening is the opening count of a zone ("" = of the bins without one), nil
// when it has not begun.
func GetZoneOpening(r Reader, zone string) (*ZoneOpening, error) {
	return load[ZoneOpening](r, key(kZoneOpening, zone))
}

// ZoneOpenings lists the opening counts by zone.
func ZoneOpenings(r Reader) ([]ZoneOpening, error) {
	return list[ZoneOpening](r, under(kZoneOpening), 0)
}

// Standing lists what stands in a bin, with what of it is reserved.
func Standing(r Reader, bin string) ([]Balance, []string, error) {
	var out []Balance
	var skus []string
	place := BinPlace(bin)
	err := r.Range(under(kAt, place), func(k, _ []byte) (bool, error) {
		s, err := parseAtKey(k)
		if err != nil {
			return false, err
		}
		row, err := must2(load[stockRow](r, stockRowKey(place, s)))("stock in", place)
		if err != nil {
			return false, err
		}
		out = append(out, Balance{Place: place, Lot: s.lot, Expiry: row.Expiry, Qty: row.Qty, Reserved: row.Reserved, Serial: s.serial, Owner: s.owner, Status: s.status})
		skus = append(skus, s.sku)
		return true, nil
	})
	return out, skus, err
}

// Try answers as Apply would and changes nothing.
func Try(r Reader, m Meta, cmd Command) (Result, error) { return Apply(tried{r}, m, cmd) }

// tried is a transaction that keeps nothing.
type tried struct{ Reader }

func (tried) Set(_, _ []byte) error { return nil }
func (tried) Delete(_ []byte) error { return nil }

// SerialPlace is where a serial is by the book, "" when it is not here.
func SerialPlace(r Reader, sku, serial string) (string, error) {
	k, err := r.Get(key(kSerial, serial, sku))
	if err != nil || k == nil {
		return "", err
	}
	place, _, err := parseStockKey(k)
	return place, err
}

// LotExpiry is the date of a lot, "" when it has none or nobody knows it.
func LotExpiry(r Reader, sku, lot string) (string, error) { return lotExpiry(r, sku, lot) }

// Ledger sums up what all places hold: the real ones, and each virtual one. The sum
// of everything is 0.
func Ledger(r Reader) (site int64, virtual map[string]int64, err error) {
	virtual = map[string]int64{}
	err = r.Range(under(kStock), func(k, b []byte) (bool, error) {
		place, _, err := parseStockKey(k)
		if err != nil {
			return false, err
		}
		row, err := decodeRecord[stockRow](k, b)
		if err != nil {
			return false, err
		}
		if isVirtual(place) {
			virtual[place] += row.Qty
		} else {
			site += row.Qty
		}
		return true, nil
	})
	return site, virtual, err
}
