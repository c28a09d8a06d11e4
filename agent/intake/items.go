package intake

import (
	"fmt"
	"strings"

	"tote/warehouse"
)

func (t *table) items() []warehouse.Item {
	var out []warehouse.Item
	seen, codes := map[string]bool{}, map[string]string{}
	for t.next() {
		it := warehouse.Item{
			SKU: t.needCode("sku"), Name: t.need("name"), GTIN: t.gtin("gtin"),
			WeightMg: t.grams("weight_g"), LotTracked: t.yesNo("lot_tracked"), Tagged: t.yesNo("tagged"),
			Barcodes: t.list("barcodes"), Serials: t.yesNo("serials"), Packs: t.packs("packs"), Policy: t.str("policy"),
			MinDays: int(t.integer("min_days", 0, 3650, 0)), Min: t.integer("min", 0, maxPieces, 0), Max: t.integer("max", 0, maxPieces, 0),
			Reorder: t.integer("reorder_at", 0, maxPieces, 0), Class: t.str("class"),
			Image: t.long("image", 1024), ImageHash: t.str("image_hash"), Profile: t.str("profile"),
			Substitutes: t.list("substitutes"), Revision: t.integer("revision", 0, 1<<62, 0),
		}
		t.sides(&it)
		t.once(seen, "sku", it.SKU)
		t.ownCodes(codes, &it)
		out = append(out, it)
	}
	return out
}

// ownCodes: a barcode means one item.
func (t *table) ownCodes(codes map[string]string, it *warehouse.Item) {
	use := func(column, code string) {
		if other := codes[code]; code != "" && other != "" && other != it.SKU {
			t.bad(column, CodeDuplicate, fmt.Sprintf("%q is a barcode of %s as well", code, other))
		}
		codes[code] = it.SKU
	}
	use("sku", it.SKU)
	use("gtin", it.GTIN)
	for _, b := range it.Barcodes {
		use("barcodes", b)
	}
	for _, p := range it.Packs {
		use("packs", p.Barcode)
	}
}

// sides reads the sides of one base unit: all three, or none of them.
func (t *table) sides(it *warehouse.Item) {
	given := 0
	for _, s := range []struct {
		column string
		to     *int64
	}{{"length_mm", &it.LengthMm}, {"width_mm", &it.WidthMm}, {"height_mm", &it.HeightMm}} {
		if t.str(s.column) != "" {
			*s.to = t.integer(s.column, 1, 10_000, 0)
			given++
		}
	}
	if given == 1 || given == 2 {
		t.bad("length_mm", CodeValue, "length_mm, width_mm and height_mm: all of them or none")
	}
}

// maxPieces is more than any quantity the site takes.
const maxPieces = 1_000_000_000

// packs is a field of the units an item is handled in: unit=factor or
// unit=factor=barcode.
func (t *table) packs(column string) []warehouse.PackUnit {
	v := t.long(column, maxLong)
	if v == "" {
		return nil
	}
	var out []warehouse.PackUnit
	for one := range strings.SplitSeq(v, ";") {
		p := strings.Split(one, "=")
		if len(p) < 2 || len(p) > 3 {
			t.bad(column, CodeValue, fmt.Sprintf("%q is neither unit=factor nor unit=factor=barcode", one))
			continue
		}
		u := warehouse.PackUnit{Unit: unpart.Replace(p[0])}
		var err error
		if u.Factor, err = parseInt(p[1]); err != nil {
			t.bad(column, CodeValue, fmt.Sprintf("%q: %q is not a whole number", one, p[1]))
		}
		if len(p) == 3 {
			u.Barcode = unpart.Replace(p[2])
		}
		out = append(out, u)
	}
	return out
}

// joinPacks writes units as the column packs has them.
func joinPacks(packs []warehouse.PackUnit) string {
	out := make([]string, len(packs))
	for i, p := range packs {
		out[i] = fmt.Sprintf("%s=%d", part.Replace(p.Unit), p.Factor)
		if p.Barcode != "" {
			out[i] += "=" + part.Replace(p.Barcode)
		}
	}
	return strings.Join(out, ";")
}
