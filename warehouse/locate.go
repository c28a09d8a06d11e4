package warehouse

import (
	"fmt"
	"strings"
)

// Where things are: by item, lot, serial, owner or unit, virtual places left out.

// Query says what to look for; empty fields match all.
type Query struct {
	SKU    string
	Lot    string
	Serial string
	Owner  string
}

// Location is goods in a place and who answers for it.
type Location struct {
	SKU    string `json:"sku"`
	Holder string `json:"holder"` // where the place is in the end: "bin/A-01", "worker/W1", "dock/d1"
	Balance
}

// Locate lists where goods are that match a query, by item, place and lot, those
// behind from (a place, not included), at most limit, all when 0. It asks for a
// SKU or a serial.
func Locate(r Reader, q Query, from string, limit int) ([]Location, error) {
	var out []Location
	add := func(k, b []byte) (bool, error) {
		place, s, err := parseStockKey(k)
		if err != nil {
			return false, err
		}
		if isVirtual(place) || place <= from || q.Lot != "" && s.lot != q.Lot || q.Serial != "" && s.serial != q.Serial || q.Owner != "" && s.owner != q.Owner {
			return true, nil
		}
		row, err := decodeRecord[stockRow](k, b)
		if err != nil {
			return false, err
		}
		l := Location{SKU: s.sku, Balance: Balance{
			Place: place, Lot: s.lot, Expiry: row.Expiry, Qty: row.Qty, Reserved: row.Reserved, Serial: s.serial, Owner: s.owner, Status: s.status,
		}}
		if l.Holder, err = Holder(r, place); err != nil {
			return false, err
		}
		out = append(out, l)
		return limit == 0 || len(out) < limit, nil
	}
	if q.Serial == "" {
		return out, r.Range(under(kStock, q.SKU), add)
	}
	// A serial is in one place, of one item or of a few.
	var rows [][]byte
	prefix := under(kSerial, q.Serial)
	err := r.Range(prefix, func(k, v []byte) (bool, error) {
		if sku := string(k[len(prefix):]); q.SKU == "" || sku == q.SKU {
			rows = append(rows, append([]byte(nil), v...))
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	for _, k := range rows {
		b, err := r.Get(k)
		if err == nil && b == nil {
			err = fmt.Errorf("%w: serial %q has no stock", ErrCorrupt, q.Serial)
		}
		if err != nil {
			return nil, err
		}
		if more, err := add(k, b); err != nil || !more {
			return out, err
		}
	}
	return out, nil
}

// UnitPath is the chain of places of a unit, from where it stands to who answers
// for it: "lu/C1", "lu/P1", "bin/A-01". Nil when there is no such unit.
func UnitPath(r Reader, unit string) ([]string, error) {
	var path []string
	for id, ok := unit, true; ok && len(path) <= maxNesting; {
		lu, err := GetLU(r, id)
		if err != nil || lu == nil {
			return path, err
		}
		path = append(path, lu.Place)
		id, ok = strings.CutPrefix(lu.Place, placeLU)
	}
	return path, nil
}
