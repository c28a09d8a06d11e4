package intake

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tote/warehouse"
)

// The way back: what a site holds as the files it is made of. A file with all
// its columns, read into an empty site, makes the same records; written again it
// is the same bytes. So it holds what was said from outside (master data, counted
// stock in bins, orders as they were released) and no work in progress.
//
// A cell that a spreadsheet would read as a formula, or whose outer spaces a
// reader would lose, has an apostrophe before it, and Read takes it off again.

// Exports are the kinds of files that can be written.
var Exports = []string{"items", "bins", "workers", "stock", "orders"}

// ErrColumn: a column is not one of the file kind, or named twice.
var ErrColumn = errors.New("intake: unknown column")

// notKept are columns that are read and say nothing of the record, or are not told:
// what was made of a PIN goes in and not out.
var notKept = []string{"payment", "expect", "pin_hash"}

// Columns lists the columns of a kind of file that can be written, in order.
func Columns(kind string) []string {
	var out []string
	for _, c := range columns[kind] {
		if c = strings.TrimSuffix(c, "?"); !slices.Contains(notKept, c) {
			out = append(out, c)
		}
	}
	return out
}

// Write writes what r holds of a kind. want are the columns, none = all; bom
// begins the file with the mark by which some spreadsheets know UTF-8.
func Write(w io.Writer, r warehouse.Reader, kind string, want []string, bom bool) error {
	if !slices.Contains(Exports, kind) {
		return fmt.Errorf("%w: %q; known are %s", ErrKind, kind, strings.Join(Exports, ", "))
	}
	all := Columns(kind)
	if len(want) == 0 {
		want = all
	}
	for i, c := range want {
		if !slices.Contains(all, c) || slices.Contains(want[:i], c) {
			return fmt.Errorf("%w or twice: %q; known are %s", ErrColumn, c, strings.Join(all, ", "))
		}
	}
	if bom {
		if _, err := io.WriteString(w, "\ufeff"); err != nil {
			return err
		}
	}
	out := csv.NewWriter(w)
	if err := out.Write(want); err != nil {
		return err
	}
	err := rowsOf(r, kind, func(row map[string]string) error {
		cells := make([]string, len(want))
		for i, c := range want {
			cells[i] = guard(row[c])
		}
		return out.Write(cells)
	})
	out.Flush()
	return cmp.Or(err, out.Error())
}

// rowsOf calls fn for each row of a kind, cells by column.
func rowsOf(r warehouse.Reader, kind string, fn func(map[string]string) error) error {
	switch kind {
	case "items":
		return each(fn, itemRow)(warehouse.Items(r))
	case "bins":
		return each(fn, binRow)(warehouse.Bins(r))
	case "workers":
		return each(fn, workerRow)(warehouse.Workers(r))
	case "stock":
		bins, err := warehouse.Bins(r)
		if err != nil {
			return err
		}
		for _, b := range bins {
			rows, err := warehouse.Contents(r, warehouse.BinPlace(b.Code))
			for i := range rows {
				rows[i].Bin = b.Code
			}
			if err := each(fn, stockRow)(rows, err); err != nil {
				return err
			}
		}
		return nil
	}
	return ordersOf(r, fn)
}

// ordersOf writes orders a page at a time.
func ordersOf(r warehouse.Reader, fn func(map[string]string) error) error {
	for from := ""; ; {
		page, err := warehouse.Orders(r, from, 500)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, o := range page {
			for _, l := range o.Spec.Lines {
				if err := fn(orderRow(&o.Spec, l)); err != nil {
					return err
				}
			}
			from = o.Spec.ID
		}
	}
}

// each hands the rows of a list to fn.
func each[T any](fn func(map[string]string) error, row func(T) map[string]string) func([]T, error) error {
	return func(list []T, err error) error {
		for _, v := range list {
			if err == nil {
				err = fn(row(v))
			}
		}
		return err
	}
}

func itemRow(it warehouse.Item) map[string]string {
	return map[string]string{
		"sku": it.SKU, "name": it.Name, "gtin": it.GTIN, "weight_g": gramsOf(it.WeightMg), "lot_tracked": flag(it.LotTracked),
		"barcodes": join(it.Barcodes), "tagged": flag(it.Tagged), "serials": flag(it.Serials), "packs": joinPacks(it.Packs),
		"policy": it.Policy, "min_days": number(int64(it.MinDays)), "min": number(it.Min), "max": number(it.Max), "reorder_at": number(it.Reorder),
		"class": it.Class, "length_mm": number(it.LengthMm), "width_mm": number(it.WidthMm), "height_mm": number(it.HeightMm),
		"substitutes": join(it.Substitutes), "revision": number(it.Revision), "image": it.Image, "image_hash": it.ImageHash, "profile": it.Profile,
	}
}

func binRow(b warehouse.Bin) map[string]string {
	return map[string]string{
		"bin": b.Code, "aisle": strconv.Itoa(b.Aisle), "cell": strconv.Itoa(b.Cell), "side": b.Side, "class": b.Class, "zone": b.Zone,
		"max_g": number(b.MaxMg / 1000), "max_ml": number(b.MaxMl),
	}
}

func workerRow(w warehouse.Worker) map[string]string {
	return map[string]string{"id": w.ID, "name": w.Name, "badge": w.Badge, "kind": w.Kind, "role": w.Role}
}

func stockRow(s warehouse.StockRow) map[string]string {
	return map[string]string{
		"bin": s.Bin, "sku": s.SKU, "lot": s.Lot, "expiry": s.Expiry, "qty": number(s.Qty), "owner": s.Owner, "serial": s.Serial, "status": s.Status,
	}
}

func orderRow(o *warehouse.OrderSpec, l warehouse.OrderLine) map[string]string {
	a := o.ShipTo
	return map[string]string{
		"order": o.ID, "line": strconv.Itoa(l.Line), "sku": l.SKU, "qty": number(l.Qty), "kind": l.Kind,
		"name": a.Name, "street": a.Street, "postcode": a.Postcode, "city": a.City, "country": a.Country,
		"method": o.Method, "priority": number(int64(o.Priority)), "channel": o.Channel, "revision": strconv.Itoa(o.Revision),
		"placed_at": momentOf(o.PlacedAt), "ship_by": momentOf(o.ShipBy), "owner": o.Owner,
		"partial": flag(o.Partial), "together": flag(o.Together), "substitute": flag(o.Substitute), "kit": number(o.Kit), "holds": join(o.Holds),
		"party": o.Party, "customer": o.Customer, "refs": joinRefs(o.Refs),
	}
}

// number leaves a zero out: it is what an empty field means.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func flag(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// gramsOf writes milligrams as decimal grams, exactly.
func gramsOf(mg int64) string {
	s := fmt.Sprintf("%d.%03d", mg/1000, mg%1000)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func momentOf(ms int64) string {
	if ms == 0 {
		return ""
	}
	if at := time.UnixMilli(ms).UTC(); at.Year() <= 9999 {
		return at.Format("2006-01-02T15:04:05.999Z07:00")
	}
	return strconv.FormatInt(ms, 10)
}

// apostrophe keeps a spreadsheet from reading a cell as a formula.
const apostrophe = "'"

// formula begins a cell that a spreadsheet may compute; a cell that begins with
// an apostrophe would be taken for a guarded one.
func formula(s string) bool {
	return s != "" && strings.ContainsAny(s[:1], "=+-@'") || slices.ContainsFunc([]string{"＝", "＋", "－", "＠"}, func(p string) bool { return strings.HasPrefix(s, p) })
}

func needsGuard(s string) bool { return formula(s) || strings.TrimSpace(s) != s }

// Guard keeps a cell from being read as a formula, and its outer spaces.
func Guard(s string) string { return guard(s) }

func guard(s string) string {
	if needsGuard(s) {
		return apostrophe + s
	}
	return s
}

// unguard is the text of a cell as it was written; others lose their outer spaces.
func unguard(cell string) string {
	if s, ok := strings.CutPrefix(cell, apostrophe); ok && s != "" && needsGuard(s) {
		return s
	}
	return strings.TrimSpace(cell)
}
