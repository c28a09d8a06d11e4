package warehouse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tote/gs1"
)

// What people ask: where is this, what happened to it, what is late. Answers come
// in pages, and a page reads a bounded number of records however long the site
// has been at work:
//
//   - Where: one code is enough. A tag (EPC), a unit (tote, carton, pallet, SSCC),
//     an order, a bin, an item by any of its barcodes, a serial number; what fits
//     first in this order is meant.
//   - What happened: the journal, newest first. It has no index by item or unit,
//     so a page looks at the next traceRows of its rows and may be empty while
//     there is more behind it. The trace of an order reads only the time that it
//     was here.
//   - What is late: promise.go.

// Kinds of what a code means.
const (
	FoundUnit   = "unit"
	FoundOrder  = "order"
	FoundBin    = "bin"
	FoundItem   = "item"
	FoundSerial = "serial"
)

const (
	traceRows = 2000 // of the journal that a page looks at
	maxUnits  = 20   // of an order that are found on the way
	maxCursor = 20 + maxUnits*(maxID+1)
)

// ErrCursor: what is to go on from is not next of a page before.
var ErrCursor = errors.New("warehouse: after must be next of the page before")

// Found is where something is.
type Found struct {
	Kind   string     `json:"kind"`
	ID     string     `json:"id"` // unit, order, bin, SKU or serial number
	Lot    string     `json:"lot,omitempty"`
	Serial string     `json:"serial,omitempty"`
	Order  string     `json:"order,omitempty"` // whose the unit is
	State  string     `json:"state,omitempty"` // of an order
	Path   []string   `json:"path,omitempty"`  // places of a unit, from where it stands to who answers for it
	Goods  []Location `json:"goods"`           // by place
	Next   string     `json:"next,omitempty"`  // place to go on behind; "" = that is all
	// Seen is where readers saw the unit last, or the one with the serial number.
	Seen *Sight `json:"seen,omitempty"`
	// Archived is when the order, or the one of the unit, left for the archive.
	Archived int64 `json:"archived,omitempty"`
}

// Find says what a code means and where that is; nil when nothing here has it.
// Goods are listed from behind a place, about limit of them: a place is not cut.
func Find(r Reader, code, from string, limit int) (*Found, error) {
	f, err := findCode(r, code, from, limit)
	if err == nil && f != nil {
		err = f.noteSeen(r)
	}
	return f, err
}

func findCode(r Reader, code, from string, limit int) (*Found, error) {
	if !scannable(code) {
		return nil, nil
	}
	q, unit, err := readCode(r, code)
	if err != nil {
		return nil, err
	}
	if f, err := findUnit(r, unit); err != nil || f != nil {
		return f, err
	}
	f := &Found{Kind: FoundItem, ID: q.SKU, Lot: q.Lot, Serial: q.Serial}
	if q.SKU == "" {
		if f, err := findNamed(r, unit); err != nil || f != nil {
			return f, err
		}
		q.Serial = code
		f = &Found{Kind: FoundSerial, ID: code, Serial: code}
	}
	if f.Goods, f.Next, err = goodsOf(r, q, from, limit); err != nil {
		return nil, err
	}
	if f.Kind == FoundSerial && len(f.Goods) == 0 {
		return nil, nil
	}
	return f, nil
}

// readCode reads what a tag or barcode says: an item with lot and serial, or the
// name of something else.
func readCode(r Reader, code string) (q Query, name string, err error) {
	epc, bad := gs1.ParseEPCURI(code)
	if bad != nil && len(code) == 24 {
		epc, bad = gs1.DecodeEPC(code)
	}
	if bad == nil && epc.SSCC != "" {
		return q, epc.SSCC, nil
	}
	if bad == nil && epc.GTIN != "" {
		sku, err := r.Get(codeKey(epc.GTIN))
		return Query{SKU: string(sku), Serial: epc.Serial}, "", err
	}
	if s, err := gs1.Parse(code); err == nil {
		if sscc, ok := s.Value("00"); ok {
			return q, sscc, nil
		}
	}
	name = plainCode(code)
	for _, prefix := range []string{kLU, kOrder, kBound, kBin, kGone, kGoneParcel} {
		b, err := r.Get(key(prefix, name))
		if err != nil || b != nil {
			return q, name, err
		}
	}
	f, err := findItem(r, code)
	var no *refusal
	if errors.As(err, &no) {
		err = nil // not a barcode at all
	}
	if err == nil && f.item != nil {
		q = Query{SKU: f.item.SKU, Lot: f.lot, Serial: f.serial}
	}
	return q, name, err
}

// findUnit answers for a logistic unit.
func findUnit(r Reader, id string) (*Found, error) {
	if !validID(id) {
		return nil, nil
	}
	lu, err := GetLU(r, id)
	if err == nil && lu == nil {
		return findGoneParcel(r, id)
	}
	if err != nil {
		return nil, err
	}
	f := &Found{Kind: FoundUnit, ID: id, Order: lu.Order}
	if f.Path, err = UnitPath(r, id); err != nil {
		return nil, err
	}
	f.Goods, err = goodsIn(r, LUPlace(id))
	return f, err
}

// findGoneParcel answers for a parcel that is in the archive with its order.
func findGoneParcel(r Reader, sscc string) (*Found, error) {
	id, err := OrderOfParcel(r, sscc)
	if err != nil || id == "" {
		return nil, err
	}
	a, err := must2(GetArchived(r, id))("tombstone", id)
	if err != nil {
		return nil, err
	}
	return &Found{Kind: FoundUnit, ID: sscc, Order: id, Archived: a.At, Goods: []Location{}}, nil
}

// findNamed answers for an order or a bin.
func findNamed(r Reader, id string) (*Found, error) {
	if !validID(id) {
		return nil, nil
	}
	o, err := GetOrder(r, id)
	if err != nil {
		return nil, err
	}
	if o != nil {
		f := &Found{Kind: FoundOrder, ID: o.Spec.ID, State: string(o.State), Goods: []Location{}}
		for _, unit := range unitsOfOrder(o) {
			in, err := findUnit(r, unit)
			if err != nil {
				return nil, err
			}
			if in != nil && in.Order == o.Spec.ID {
				f.Path, f.Goods = in.Path, append(f.Goods, in.Goods...)
			}
		}
		return f, nil
	}
	if a, err := GetArchived(r, id); err != nil || a != nil {
		if err != nil {
			return nil, err
		}
		return &Found{Kind: FoundOrder, ID: a.ID, State: string(a.State), Archived: a.At, Goods: []Location{}}, nil
	}
	b, err := GetBin(r, id)
	if err != nil || b == nil {
		return nil, err
	}
	f := &Found{Kind: FoundBin, ID: id}
	f.Goods, err = goodsIn(r, BinPlace(id))
	return f, err
}

// unitsOfOrder are the tote and the cartons of an order.
func unitsOfOrder(o *Order) []string {
	var units []string
	if o.Tote != "" {
		units = append(units, o.Tote)
	}
	for _, p := range o.Parcels {
		units = append(units, p.SSCC)
	}
	return units
}

// goodsIn lists what is in a place.
func goodsIn(r Reader, place string) ([]Location, error) {
	holder, err := Holder(r, place)
	if err != nil {
		return nil, err
	}
	rows, err := Contents(r, place)
	out := make([]Location, len(rows))
	for i, s := range rows {
		out[i] = Location{SKU: s.SKU, Holder: holder, Balance: Balance{
			Place: place, Lot: s.Lot, Expiry: s.Expiry, Qty: s.Qty, Serial: s.Serial, Owner: s.Owner, Status: s.Status,
		}}
	}
	return out, err
}

// goodsOf lists where goods are; a place is never cut in two.
func goodsOf(r Reader, q Query, from string, limit int) (page []Location, next string, err error) {
	ask := limit
	if limit > 0 {
		ask++
	}
	page, err = Locate(r, q, from, ask)
	if err != nil || limit == 0 || len(page) <= limit {
		return append([]Location{}, page...), "", err
	}
	cut := len(page)
	for cut > 0 && page[cut-1].Place == page[len(page)-1].Place {
		cut--
	}
	if cut == 0 { // one place holds more than a page
		all, err := Locate(r, q, from, 0)
		for cut < len(all) && all[cut].Place == page[0].Place {
			cut++
		}
		return all[:cut], page[0].Place, err
	}
	return page[:cut], page[cut-1].Place, nil
}

// TraceQuery says what to follow through the journal; empty fields match all.
type TraceQuery struct {
	SKU, Lot, Serial, Owner string
	Unit                    string // a tote or an SSCC
	Order                   string // goods that went in or out of its tote and cartons
}

// Traced is a step of a trace: one row of the journal.
type Traced struct {
	N uint64 `json:"n"` // number in the journal
	Move
}

// Trace lists the moves of what is asked for, newest first, at most limit, all
// when 0. after is next of the page before, "" at first; next is "" when the
// journal has been read to its beginning.
func Trace(r Reader, q TraceQuery, after string, limit int) (moves []Traced, next string, err error) {
	f, err := q.follow(r)
	if err != nil {
		return nil, "", err
	}
	n, err := counter(r, key(kSeq, kMove))
	if err != nil {
		return nil, "", err
	}
	if after != "" {
		from, units, _ := strings.Cut(after, "/")
		at, err := strconv.ParseUint(from, 10, 63)
		if err != nil || at == 0 || len(after) > maxCursor {
			return nil, "", ErrCursor
		}
		n = min(n, at-1)
		for unit := range strings.SplitSeq(units, "/") {
			f.add(unit)
		}
	}
	if after == "" && f.until != 0 {
		if n, err = lastMove(r, n, f.until); err != nil {
			return nil, "", err
		}
	}
	moves = []Traced{}
	for read := 0; n > 0; n, read = n-1, read+1 {
		if read == traceRows || limit > 0 && len(moves) == limit {
			return moves, strings.Join(append([]string{strconv.FormatUint(n+1, 10)}, f.more...), "/"), nil
		}
		m, err := must2(load[Move](r, key(kMove, num(n))))("row of the journal", fmt.Sprint(n))
		if err != nil {
			return nil, "", err
		}
		if m.At < f.since {
			break // the journal is in the order of time
		}
		if f.fits(m) {
			moves = append(moves, Traced{n, *m})
		}
	}
	return moves, "", nil
}

// lastMove is the last of the first n rows of the journal that is no later than a
// moment. It reads as many of them as n has bits.
func lastMove(r Reader, n uint64, until int64) (uint64, error) {
	lo, hi := uint64(0), n // lo is early enough, what is behind hi is not
	for lo < hi {
		mid := hi - (hi-lo)/2
		m, err := must2(load[Move](r, key(kMove, num(mid))))("row of the journal", fmt.Sprint(mid))
		if err != nil {
			return 0, err
		}
		if m.At <= until {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo, nil
}

// follower is a question on its way down the journal.
type follower struct {
	TraceQuery
	places       map[string]bool // units whose moves are asked for; looked up only
	since, until int64
	more         []string // units of the order that were found on the way
}

func (f *follower) add(unit string) {
	if place := LUPlace(unit); unit != "" && f.Order != "" && !f.places[place] && len(f.more) < maxUnits {
		f.places[place], f.more = true, append(f.more, unit)
	}
}

func (q TraceQuery) follow(r Reader) (*follower, error) {
	f := &follower{TraceQuery: q, places: make(map[string]bool)}
	if q.Unit != "" {
		f.places[LUPlace(q.Unit)] = true
	}
	if q.Order == "" {
		return f, nil
	}
	o, err := GetOrder(r, q.Order)
	if err != nil || o == nil {
		return f, err
	}
	// Its tote served others before, and after it left.
	f.since, f.until = o.ReleasedAt, o.ShippedAt
	for _, unit := range unitsOfOrder(o) {
		f.places[LUPlace(unit)] = true
	}
	return f, nil
}

// fits tells whether a move is asked for. A carton was packed out of a tote, of
// which the order says nothing any more: from there on the tote is followed too.
func (f *follower) fits(m *Move) bool {
	if m.At < f.since || f.until != 0 && m.At > f.until {
		return false
	}
	if f.Unit != "" || f.Order != "" {
		if !f.places[m.From] && !f.places[m.To] {
			return false
		}
		if tote, ok := strings.CutPrefix(m.From, placeLU); ok && f.places[m.To] {
			f.add(tote)
		}
	}
	return (f.SKU == "" || m.SKU == f.SKU) && (f.Lot == "" || m.Lot == f.Lot) && (f.Serial == "" || m.Serial == f.Serial) && (f.Owner == "" || m.Owner == f.Owner)
}
