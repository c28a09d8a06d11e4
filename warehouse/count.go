package warehouse

import (
	"fmt"
	"slices"
)

// Counts: what really lies in a bin.
//
// A count is a floor task: scan the bin, scan what lies there, scan the bin
// again. The counter does not see the book. The book is noted when the bin is
// scanned for the first time; what the count finds is compared with that, and
// the ledger is corrected by the difference, so that goods which moved
// meanwhile are not counted twice.
//
// A count that agrees with the book is over. One that does not is counted again
// by somebody else (the second stage). When both find the same difference and
// it is within the site's limit, it is posted; otherwise a lead decides, who
// did not count. A bin is counted by one count at a time.

// FloorCount is the kind of a floor task that counts a bin.
const FloorCount = "COUNT"

// Count states.
const (
	CountAsked  = "REQUESTED"
	CountAgain  = "RECOUNT" // the second stage
	CountReview = "REVIEW"  // a lead decides
)

// Reasons of counts asked for by the system.
const (
	CountZero      = "ZERO_CHECK"
	CountSuspicion = "SUSPICION"
	CountTags      = "RFID"
)

const maxCountLines = 100

type (
	// Count is a count that is not over yet.
	Count struct {
		ID      string      `cbor:"1,keyasint" json:"id"` // "CT000001"
		Bin     string      `cbor:"2,keyasint" json:"bin"`
		Reason  string      `cbor:"3,keyasint" json:"reason"`
		State   string      `cbor:"4,keyasint" json:"state"`
		Since   int64       `cbor:"5,keyasint" json:"since"`
		At      uint64      `cbor:"6,keyasint,omitempty" json:"at,omitempty"`    // number of the newest move when the book was noted
		Lines   []CountLine `cbor:"7,keyasint,omitempty" json:"lines,omitempty"` // of the running or last stage
		By      string      `cbor:"8,keyasint,omitempty" json:"by,omitempty"`    // worker of the running or last stage
		First   []CountLine `cbor:"9,keyasint,omitempty" json:"first,omitempty"` // of the first stage
		FirstBy string      `cbor:"10,keyasint,omitempty" json:"firstBy,omitempty"`
	}
	// CountLine is one position of a bin: what the book said and what was
	// counted.
	CountLine struct {
		SKU     string `cbor:"1,keyasint" json:"sku"`
		Lot     string `cbor:"2,keyasint,omitempty" json:"lot,omitempty"`
		Serial  string `cbor:"3,keyasint,omitempty" json:"serial,omitempty"`
		Owner   string `cbor:"4,keyasint,omitempty" json:"owner,omitempty"`
		Status  string `cbor:"5,keyasint,omitempty" json:"status,omitempty"`
		Book    int64  `cbor:"6,keyasint,omitempty" json:"book,omitempty"`
		Counted int64  `cbor:"7,keyasint,omitempty" json:"counted,omitempty"`
		Posted  int64  `cbor:"8,keyasint,omitempty" json:"posted,omitempty"` // correction of the ledger
	}
)

type (
	// RequestCount asks for a bin to be counted.
	RequestCount struct {
		Bin      string `cbor:"1,keyasint" json:"bin"`
		Reason   string `cbor:"2,keyasint" json:"reason"`
		Priority int    `cbor:"3,keyasint,omitempty" json:"priority,omitempty"`
	}
	// DecideCount ends a count in review: Accept posts what the second stage
	// found, else the bin is counted again from the beginning.
	DecideCount struct {
		Count  string `cbor:"1,keyasint" json:"count"`
		Accept bool   `cbor:"2,keyasint,omitempty" json:"accept,omitempty"`
		Reason string `cbor:"3,keyasint" json:"reason"` // a count correction code
	}
	// ZeroCheck answers the question whether the bin just picked from is
	// empty. No makes a count; to go on scanning means yes.
	ZeroCheck struct {
		Device string `cbor:"1,keyasint" json:"device"`
		Empty  bool   `cbor:"2,keyasint,omitempty" json:"empty,omitempty"`
	}
	// CountZone compares the RFID tags seen in front of some bins with the
	// book of the tagged items there. Each bin that holds an item whose
	// pieces differ is to be counted.
	CountZone struct {
		Bins []string `cbor:"1,keyasint" json:"bins"`
		EPCs []string `cbor:"2,keyasint" json:"epcs"`
	}
)

// Kind implements Command.
func (RequestCount) Kind() Kind { return KindRequestCount }

// Kind implements Command.
func (DecideCount) Kind() Kind { return KindDecideCount }

// Kind implements Command.
func (ZeroCheck) Kind() Kind { return KindZeroCheck }

// Kind implements Command.
func (CountZone) Kind() Kind { return KindCountZone }

func (c ZeroCheck) deviceID() string { return c.Device }

// countReasons are the codes by which a lead may explain a difference.
var countReasons = []string{
	"BIN_CORRECTION", "LOT_CORRECTION", "INCORRECT_LOT_PICKED", "FIX_NEGATIVE_INVENTORY", "INBOUND_NOT_RECORDED",
	"OUTBOUND_NOT_RECORDED", "RETURN_NOT_RECORDED", "ERROR_IN_INBOUND", "ERROR_IN_OUTBOUND", "BIN_LOCATION_MISSING", "MISPLACED",
	"MISSING_TRANSACTION", "MISCOUNTED", "INVENTORY_FOUND", "INVENTORY_EXPIRED",
	"CONSUMED", "CORRECTION", "DAMAGED", "DATA_ENTRY_ERROR", "EXPIRED", "FOUND", "MISSING", "RECOUNTED", "STOLEN", "OTHER",
}

func (l *CountLine) stock() stockKey {
	return stockKey{sku: l.SKU, lot: l.Lot, serial: l.Serial, owner: l.Owner, status: l.Status}
}

func (c *change) saveCount(ct *Count) error {
	c.touch("count", ct.ID)
	return save(c, key(kTally, ct.ID), ct)
}

// askCount makes a count of a bin unless one is on its way. It returns the id
// of the count.
func (c *change) askCount(bin, reason string, priority int) (string, error) {
	k := key(kCounting, bin)
	had, err := c.Get(k)
	if err != nil || had != nil {
		return string(had), err
	}
	n, err := c.next(kTally)
	if err != nil {
		return "", err
	}
	ct := &Count{ID: fmt.Sprintf("CT%06d", n), Bin: bin, Reason: reason, State: CountAsked, Since: c.meta.Now}
	if err := c.Set(k, []byte(ct.ID)); err != nil {
		return "", err
	}
	if err := c.saveCount(ct); err != nil {
		return "", err
	}
	return ct.ID, c.countTask(ct, priority)
}

// countTask puts the next stage of a count into the queue.
func (c *change) countTask(ct *Count, priority int) error {
	_, err := c.newFloorTask(FloorTask{Kind: FloorCount, Priority: priority, From: BinPlace(ct.Bin), Ref: ct.ID, Reason: ct.Reason})
	return err
}

func requestCount(c *change, cmd RequestCount) (Result, error) {
	if !validText(cmd.Reason, maxText) || cmd.Priority < 0 || cmd.Priority > 9 {
		return Result{}, refuse(CodeInvalid, "reason or priority")
	}
	if err := c.mustBin(cmd.Bin); err != nil {
		return Result{}, err
	}
	id, err := c.askCount(cmd.Bin, cmd.Reason, cmd.Priority)
	return Result{Ref: id}, err
}

// mustBin refuses what is no bin of the site.
func (c *change) mustBin(code string) error {
	if !validID(code) {
		return refuse(CodeUnknownBin, "bin %q", code)
	}
	b, err := GetBin(c, code)
	if err == nil && b == nil {
		err = refuse(CodeUnknownBin, "bin %s", code)
	}
	return err
}

// mayCount tells whether a worker may take a count: not who counted before.
func (c *change) mayCount(t *FloorTask, worker string) (bool, error) {
	if t.Kind != FloorCount {
		return true, nil
	}
	ct, err := must2(GetCount(c, t.Ref))("count", t.Ref)
	return err == nil && ct.FirstBy != worker, err
}

// dropCount forgets a count whose task was given up.
func (c *change) dropCount(id string) error {
	ct, err := must2(GetCount(c, id))("count", id)
	if err != nil {
		return err
	}
	c.touch("count", id)
	if err := c.Delete(key(kCounting, ct.Bin)); err != nil {
		return err
	}
	return c.Delete(key(kTally, id))
}

// scanCount is Scan for a worker who counts. done: the stage is over.
func (c *change) scanCount(t *FloorTask, cmd Scan) (done bool, err error) {
	ct, err := must2(GetCount(c, t.Ref))("count", t.Ref)
	if err != nil {
		return false, err
	}
	code := plainCode(cmd.Barcode)
	switch {
	case !t.AtFrom && code != ct.Bin:
		return false, refuse(CodeWrongBin, "this is %s, expected %s", code, ct.Bin)
	case !t.AtFrom:
		t.AtFrom = true
		ct.By = t.Worker
		if err := c.noteBook(ct); err != nil {
			return false, err
		}
		return false, c.saveCount(ct)
	case code == ct.Bin && cmd.Verb != "item":
		return true, c.endStage(ct, t)
	case cmd.Verb == "bin":
		return false, refuse(CodeWrongBin, "this is %s, expected %s", code, ct.Bin)
	}
	f, err := findItem(c, cmd.Barcode)
	it, lot, serial := f.item, f.lot, ""
	switch {
	case err != nil:
		return false, err
	case it == nil:
		return false, refuse(CodeUnknownBarcode, "no item has this barcode")
	case it.LotTracked && lot == "":
		return false, refuse(CodeWrongLot, "scan the code with the lot")
	case !it.LotTracked:
		lot = ""
	}
	if it.Serials {
		serial = f.serial
		if !validBarcode(serial) || cmd.Qty > 1 {
			return false, refuse(CodeWrongSerial, "scan each unit by the code with its serial")
		}
		if err := c.refuseStolen(it.SKU, serial); err != nil {
			return false, err
		}
	}
	if err := ct.add(it.SKU, lot, serial, max(cmd.Qty, 1)*max(f.units, 1)); err != nil {
		return false, err
	}
	return false, c.saveCount(ct)
}

// noteBook writes the book of the bin into the count. A stage that was broken
// off begins anew.
func (c *change) noteBook(ct *Count) error {
	ct.Lines = nil
	at, err := counter(c, key(kSeq, kMove))
	if err != nil {
		return err
	}
	ct.At = at
	place := BinPlace(ct.Bin)
	return c.Range(under(kAt, place), func(k, _ []byte) (bool, error) {
		s, err := parseAtKey(k)
		if err != nil {
			return false, err
		}
		row, err := must2(load[stockRow](c, stockRowKey(place, s)))("stock in", place)
		if err != nil {
			return false, err
		}
		if len(ct.Lines) == maxCountLines {
			return false, refuse(CodeTooBig, "bin %s holds more than %d positions", ct.Bin, maxCountLines)
		}
		ct.Lines = append(ct.Lines, CountLine{SKU: s.sku, Lot: s.lot, Serial: s.serial, Owner: s.owner, Status: s.status, Book: row.Qty})
		return true, nil
	})
}

// add notes counted pieces. A counter cannot see owner or status: pieces fill
// the positions of the item in the order of the book, the last takes the rest.
func (ct *Count) add(sku, lot, serial string, qty int64) error {
	last := -1
	for i := range ct.Lines {
		l := &ct.Lines[i]
		if l.SKU != sku || l.Lot != lot || l.Serial != serial {
			continue
		}
		if serial != "" && l.Counted > 0 {
			return refuse(CodeConflict, "serial %s is counted already", serial)
		}
		last = i
		part := min(qty, max(l.Book-l.Counted, 0))
		l.Counted, qty = l.Counted+part, qty-part
	}
	switch {
	case qty == 0:
	case last >= 0:
		ct.Lines[last].Counted += qty
	case len(ct.Lines) == maxCountLines:
		return refuse(CodeTooBig, "more than %d positions", maxCountLines)
	default:
		ct.Lines = append(ct.Lines, CountLine{SKU: sku, Lot: lot, Serial: serial, Counted: qty})
	}
	if last >= 0 && ct.Lines[last].Counted > maxStockQty {
		return refuse(CodeInvalid, "quantity")
	}
	return nil
}

// differences are what the lines change, in the order of their keys.
func differences(lines []CountLine) []CountLine {
	var out []CountLine
	for _, l := range lines {
		if l.Counted != l.Book {
			out = append(out, l)
		}
	}
	return out
}

// sameDifference tells whether two stages found the same, each compared with
// the book of its own time.
func sameDifference(a, b []CountLine) bool {
	return slices.EqualFunc(differences(a), differences(b), func(x, y CountLine) bool {
		return x.stock() == y.stock() && x.Counted-x.Book == y.Counted-y.Book
	})
}

// endStage compares and decides how the count goes on. The task is dropped.
func (c *change) endStage(ct *Count, t *FloorTask) error {
	slices.SortFunc(ct.Lines, func(a, b CountLine) int {
		return slices.Compare(a.sortKey(), b.sortKey())
	})
	if err := c.dropFloor(t); err != nil {
		return err
	}
	site, err := c.theSite()
	if err != nil {
		return err
	}
	diff := differences(ct.Lines)
	switch {
	case len(diff) == 0:
		return c.closeCount(ct, "")
	case ct.State == CountAsked:
		ct.State, ct.Since = CountAgain, c.meta.Now
		ct.First, ct.FirstBy = ct.Lines, ct.By
		if err := c.saveCount(ct); err != nil {
			return err
		}
		return c.countTask(ct, 9)
	case sameDifference(ct.First, ct.Lines) && within(diff, site.CountLimit):
		return c.closeCount(ct, "RECOUNTED")
	}
	ct.State, ct.Since = CountReview, c.meta.Now
	return c.saveCount(ct)
}

func (l *CountLine) sortKey() []string { return []string{l.SKU, l.Lot, l.Serial, l.Owner, l.Status} }

// within tells whether all differences together are small enough to be posted
// without a lead.
func within(diff []CountLine, limit int64) bool {
	var sum int64
	for _, l := range diff {
		sum += max(l.Counted-l.Book, l.Book-l.Counted)
	}
	return sum <= limit
}

func decideCount(c *change, cmd DecideCount) (Result, error) {
	var ct *Count
	var err error
	if validID(cmd.Count) {
		ct, err = GetCount(c, cmd.Count)
	}
	switch {
	case err != nil:
		return Result{}, err
	case ct == nil:
		return Result{}, refuse(CodeUnknownTask, "count %.70q is over or was never asked for", cmd.Count)
	case ct.State != CountReview:
		return Result{}, refuse(CodeWrongStep, "count %s is %s", ct.ID, ct.State)
	case !slices.Contains(countReasons, cmd.Reason):
		return Result{}, refuse(CodeInvalid, "reason %q", cmd.Reason)
	case c.meta.Actor == ct.By || c.meta.Actor == ct.FirstBy:
		return Result{}, refuse(CodeSamePerson, "%s counted: somebody else decides", c.meta.Actor)
	}
	res := Result{Ref: ct.ID}
	if cmd.Accept {
		return res, c.closeCount(ct, cmd.Reason)
	}
	ct.State, ct.Since, ct.First, ct.FirstBy = CountAsked, c.meta.Now, nil, ""
	if err := c.saveCount(ct); err != nil {
		return res, err
	}
	return res, c.countTask(ct, 9)
}

// closeCount posts the differences of the last stage, ends the doubt about the
// bin, tells what was found and forgets the count.
func (c *change) closeCount(ct *Count, why string) error {
	var skus []string
	for i := range ct.Lines {
		l := &ct.Lines[i]
		whole, err := c.postCount(ct.Bin, l)
		if err != nil {
			return err
		}
		if whole {
			if err := c.doubt(ct.Bin, l.SKU, nil); err != nil {
				return err
			}
		}
		skus = append(skus, demand{l.SKU, l.Owner}.row())
	}
	if err := c.Delete(key(kTally, ct.ID)); err != nil {
		return err
	}
	if err := c.Delete(key(kCounting, ct.Bin)); err != nil {
		return err
	}
	c.touch("count", ct.ID)
	if err := c.tellCount(ct, why); err != nil {
		return err
	}
	return c.retryWaiting(skus)
}

// postCount corrects the ledger by the difference of one position. Goods that
// are missing may be what tasks count on: those of the pool go to other bins;
// what pickers are on their way to stays booked, and the bin in doubt.
func (c *change) postCount(bin string, l *CountLine) (whole bool, err error) {
	diff, place, s := l.Counted-l.Book, BinPlace(bin), l.stock()
	if diff > 0 {
		l.Posted = diff
		if at, err := c.serialAt(l.SKU, l.Serial); err != nil || at != nil {
			if err == nil && at.place != place {
				_, err = c.shift(*at, position{place, at.stockKey}, 1) // it is not there, it is here
			}
			return true, err
		}
		return true, c.move(s, diff, PlaceAdjustment, place, 0)
	}
	if diff == 0 {
		return true, nil
	}
	row, err := load[stockRow](c, stockRowKey(place, s))
	if err != nil || row == nil {
		return err == nil, err
	}
	if row.Qty-row.Reserved < -diff {
		doubt := suspectRecord{Since: c.meta.Now, Reason: "MISSING"}
		if err := c.doubt(bin, l.SKU, &doubt); err != nil {
			return false, err
		}
		if err := c.rescueFrom(bin, l.SKU, l.Lot); err != nil {
			return false, err
		}
		if row, err = must2(load[stockRow](c, stockRowKey(place, s)))("stock in", place); err != nil {
			return false, err
		}
	}
	take := min(-diff, row.Qty-row.Reserved)
	if take > 0 {
		l.Posted = -take
		if err := c.move(s, take, place, PlaceAdjustment, 0); err != nil {
			return false, err
		}
	}
	return take == -diff, nil
}

// GetCount returns a count that is not over.
func GetCount(r Reader, id string) (*Count, error) { return load[Count](r, key(kTally, id)) }

// Counts lists the counts that are not over.
func Counts(r Reader) ([]Count, error) { return list[Count](r, under(kTally), 0) }
