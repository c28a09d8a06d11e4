package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tote/agent/pins"
	"tote/warehouse"
)

// chunk is how many rows go into one command: well below the 64 KiB of one log
// entry.
const chunk = 150

// Kinds are the file kinds in the order a new site needs them.
var Kinds = []string{"items", "bins", "workers", "stock", "orders", "receipts"}

var columns = map[string][]string{
	"items": {
		"sku", "name", "gtin?", "weight_g", "lot_tracked?", "barcodes?", "tagged?", "serials?", "packs?", "policy?", "min_days?",
		"min?", "max?", "reorder_at?", "class?", "length_mm?", "width_mm?", "height_mm?", "substitutes?", "revision?", "image?", "image_hash?", "profile?",
	},
	"bins":    {"bin", "aisle", "cell", "side?", "class?", "zone?", "max_g?", "max_ml?"},
	"workers": {"id", "name", "badge", "kind?", "role?", "pin_hash?"},
	"stock":   {"bin", "sku", "lot?", "expiry?", "qty", "owner?", "serial?", "status?"},
	"orders": {
		"order", "line", "sku", "qty", "name", "street", "postcode", "city", "country",
		"method?", "priority?", "channel?", "payment?", "expect?", "revision?", "placed_at?", "ship_by?", "owner?",
		"partial?", "together?", "substitute?", "kit?", "holds?", "kind?", "party?", "customer?", "refs?",
	},
	"receipts": {
		"receipt", "line", "supplier", "sku?", "code?", "qty", "lot?", "expiry?", "sscc?",
		"po?", "expected?", "payment?", "owner?",
	},
}

// ErrKind: the file kind is not one of Kinds.
var ErrKind = errors.New("intake: unknown kind of file")

// countRef names a part of a counted file by what stands in it, so that the
// same file again, after a lost answer or by mistake, does not book its stock
// twice.
func countRef(part int, rows []warehouse.StockRow) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d", part)
	for _, r := range rows {
		_, _ = fmt.Fprintf(h, "|%q %q %q %q %d", r.Bin, r.SKU, r.Lot, r.Expiry, r.Qty)
		if r.Owner+r.Serial+r.Status != "" { // a file without these has the name it always had
			_, _ = fmt.Fprintf(h, " %q %q %q", r.Owner, r.Serial, r.Status)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// chunks yields parts of at most chunk rows.
func chunks[T any](rows []T) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		for len(rows) > 0 {
			n := min(chunk, len(rows))
			if !yield(rows[:n:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

func (t *table) bins() []warehouse.Bin {
	var out []warehouse.Bin
	seen := map[string]bool{}
	for t.next() {
		b := warehouse.Bin{
			Code: t.needCode("bin"), Side: t.str("side"), Class: t.str("class"), Zone: t.str("zone"),
			Aisle: int(t.integer("aisle", 0, 9999, -1)), Cell: int(t.integer("cell", 0, 9999, -1)),
			MaxMg: 1000 * t.integer("max_g", 0, 100_000_000, 0), MaxMl: t.integer("max_ml", 0, 1_000_000_000, 0),
		}
		t.once(seen, "bin", b.Code)
		out = append(out, b)
	}
	return out
}

func (t *table) workers() (out []warehouse.Worker, hashes []string) {
	ids, badges := map[string]bool{}, map[string]bool{}
	for t.next() {
		w := warehouse.Worker{ID: t.needCode("id"), Name: t.need("name"), Badge: t.needCode("badge"), Kind: t.str("kind"), Role: t.str("role")}
		if w.Kind != "" && w.Kind != warehouse.WorkerRobot {
			t.bad("kind", CodeValue, fmt.Sprintf("%q is neither empty (a person) nor %s", w.Kind, warehouse.WorkerRobot))
		}
		if w.Role != "" && !slices.Contains(warehouse.Roles, w.Role) {
			t.bad("role", CodeValue, fmt.Sprintf("%q is none of %s", w.Role, strings.Join(warehouse.Roles, ", ")))
		}
		hash := t.str("pin_hash")
		if hash != "" && pins.ValidHash(hash) != nil {
			t.bad("pin_hash", CodeValue, pins.ErrHash.Error()) // it may be a PIN: it is not shown
		}
		hashes = append(hashes, hash)
		t.once(ids, "id", w.ID)
		t.once(badges, "badge", w.Badge)
		out = append(out, w)
	}
	return out, hashes
}

func (t *table) stock(least int64) []warehouse.StockRow {
	var out []warehouse.StockRow
	seen, serials, dates := map[string]bool{}, map[[2]string]bool{}, map[[2]string]string{}
	for t.next() {
		s := warehouse.StockRow{
			Bin: t.needCode("bin"), SKU: t.countedSKU(least), Lot: t.code("lot"), Expiry: t.str("expiry"),
			Qty: t.integer("qty", least, 1_000_000_000, least-1), Owner: t.str("owner"), Serial: t.code("serial"), Status: t.str("status"),
		}
		t.day("expiry")
		t.once(seen, "bin", strings.TrimRight(strings.Join([]string{s.Bin, s.SKU, s.Lot, s.Serial, s.Owner, s.Status}, "\x00"), "\x00"))
		t.oneUnit(serials, s)
		t.oneDate(dates, s)
		out = append(out, s)
	}
	return out
}

// receipts reads the announcements of deliveries (ASNs), a line a row.
func (t *table) receipts() []warehouse.ReceiptSpec {
	var out []warehouse.ReceiptSpec
	at := map[string]int{} // receipt id → index in out
	for t.next() {
		id := t.need("receipt")
		r := warehouse.ReceiptSpec{ID: id, Supplier: t.need("supplier"), PO: t.str("po"), Payment: t.str("payment"), Owner: t.str("owner")}
		if day, ok := t.day("expected"); ok {
			r.Expected = day.UnixMilli()
		}
		line := warehouse.ReceiptLine{
			Line: int(t.integer("line", 1, 9999, 0)), SKU: t.str("sku"), Code: t.str("code"),
			Qty: t.integer("qty", 1, 1_000_000_000, 0), Lot: t.str("lot"), Expiry: t.str("expiry"), LU: t.str("sscc"),
		}
		t.day("expiry")
		if (line.SKU == "") == (line.Code == "") {
			t.bad("sku", CodeValue, "the item is named by sku or by code, the supplier's own, and not by both")
		}
		i, ok := at[id]
		if !ok {
			at[id] = len(out)
			r.Lines = []warehouse.ReceiptLine{line}
			out = append(out, r)
			continue
		}
		if h := out[i]; h.Supplier != r.Supplier || h.PO != r.PO || h.Payment != r.Payment || h.Owner != r.Owner || h.Expected != r.Expected {
			t.bad("receipt", CodeValue, fmt.Sprintf("the lines of receipt %s do not agree on supplier, po, expected, payment or owner", id))
		}
		for _, l := range out[i].Lines {
			if l.Line == line.Line {
				t.bad("line", CodeDuplicate, fmt.Sprintf("line %d of receipt %s stands twice", line.Line, id))
			}
		}
		out[i].Lines = append(out[i].Lines, line)
	}
	return out
}

// day is a date; false when there is none or a bad one.
func (t *table) day(column string) (time.Time, bool) {
	v := t.str(column)
	if v == "" {
		return time.Time{}, false
	}
	day, err := time.Parse(time.DateOnly, v)
	if err != nil {
		t.bad(column, CodeValue, fmt.Sprintf("%q is not a date as 2026-12-31", v))
	}
	return day, err == nil
}

func (t *table) once(seen map[string]bool, column, key string) {
	if key != "" && seen[key] {
		t.bad(column, CodeDuplicate, fmt.Sprintf("%q stands twice in the file", strings.ReplaceAll(key, "\x00", "/")))
	}
	seen[key] = true
}

// grams reads decimal grams into milligrams, exactly: at most three decimals,
// no float on the way.
func (t *table) grams(column string) int64 {
	v := t.need(column)
	if v == "" {
		return 0
	}
	point := "."
	if t.comma && strings.Count(v, ",") == 1 && !strings.Contains(v, ".") {
		point = ","
	}
	whole, frac, _ := strings.Cut(v, point)
	n, err := parseInt(whole)
	ok := err == nil && n >= 0 && n <= 1_000_000_000 && len(frac) <= 3
	var mg int64
	if ok {
		f, err := parseInt((frac + "000")[:3])
		ok = err == nil && f >= 0
		mg = n*1000 + f
	}
	if !ok || mg <= 0 || t.comma && point == "." && grouped(v) {
		t.bad(column, CodeValue, fmt.Sprintf("%q is not a weight in grams above 0 with at most three decimals%s", v, numberHint(v)))
		return 0
	}
	return mg
}

// parseInt takes plain digits with an optional minus: no plus, no underscore.
func parseInt(s string) (int64, error) {
	if strings.ContainsAny(s, "+_ ") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(s, 10, 64)
}
