package intake

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"tote/gs1"
)

// The dialects of the files people have. A file whose first line has semicolons or
// tabs and no commas is one of those; then numbers may have a decimal comma. What a
// spreadsheet did to a value cannot be undone here, as nobody knows any more what it
// was: 1E+05, and a number that lost its leading zeros, are refused with what to do.

// headBytes of a file show its dialect.
const headBytes = 4 << 10

// dialect finds out how a file is written. wrong says why it cannot be read at all.
func dialect(r io.Reader) (c *csv.Reader, comma bool, wrong string) {
	b := bufio.NewReaderSize(r, headBytes)
	head, _ := b.Peek(headBytes) // shorter files end earlier; what else is wrong is found again
	if bytes.HasPrefix(head, []byte("\ufeff")) {
		_, _ = b.Discard(3) // peeked, so it is there
		head = head[3:]
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return nil, false, "the file is UTF-16 (Unicode text): save it as CSV UTF-8"
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	sign := ','
	if named, ok := bytes.CutPrefix(bytes.TrimSpace(first), []byte("sep=")); ok && len(named) == 1 {
		_, _ = b.Discard(min(len(first)+1, len(head))) // the line by which a spreadsheet is told
		sign = rune(named[0])
	} else if !bytes.ContainsRune(first, ',') {
		for _, s := range ";\t" {
			if bytes.ContainsRune(first, s) {
				sign = s
				break
			}
		}
	}
	if sign != ',' && sign != ';' && sign != '\t' {
		return nil, false, fmt.Sprintf("sep=%c: the fields are separated by a comma, a semicolon or a tab", sign)
	}
	c = csv.NewReader(b)
	c.Comma = sign
	c.FieldsPerRecord = 0
	return c, sign != ',', ""
}

// names are what people call columns: in German, and in words of ours that other
// files have. They are hints, for a file is read by the names it was made for; only
// those of a count are taken, which no system exports as we call them.
var names = map[string]string{
	"artikel": "sku", "artikelnummer": "sku", "artikelnr": "sku", "item": "sku", "article": "sku",
	"bezeichnung": "name", "artikelname": "name", "gewicht": "weight_g", "gewicht_g": "weight_g", "weight": "weight_g",
	"ean": "gtin", "gtin-14": "gtin", "barcode": "barcodes", "strichcode": "barcodes", "laenge": "length_mm", "länge": "length_mm",
	"breite": "width_mm", "hoehe": "height_mm", "höhe": "height_mm",
	"menge": "qty", "anzahl": "qty", "stueck": "qty", "stück": "qty", "bestand": "qty", "quantity": "qty", "count": "qty",
	"lagerplatz": "bin", "platz": "bin", "fach": "bin", "lagerort": "bin", "location": "bin",
	"gang": "aisle", "feld": "cell", "seite": "side", "zonen": "zone", "bereich": "zone", "klasse": "class",
	"charge": "lot", "los": "lot", "batch": "lot", "mhd": "expiry", "ablaufdatum": "expiry", "verfall": "expiry", "expiry_date": "expiry",
	"seriennummer": "serial", "serialnumber": "serial", "eigentuemer": "owner", "eigentümer": "owner", "mandant": "owner", "besitzer": "owner",
	"ausweis": "badge", "mitarbeiter": "id", "personalnummer": "id", "rolle": "role", "art": "kind",
	"bestellung": "order", "auftrag": "order", "zeile": "line", "position": "line", "strasse": "street", "straße": "street",
	"plz": "postcode", "zip": "postcode", "ort": "city", "stadt": "city", "land": "country", "lieferant": "supplier",
}

// taken are the other words by which the columns of a count may be called.
var taken = map[string]string{"item": "sku", "quantity": "qty"}

func isColumn(name string, columns []string) bool {
	return slices.ContainsFunc(columns, func(c string) bool { return strings.TrimSuffix(c, "?") == name })
}

// columnNamed is the name of a column as the table has it.
func columnNamed(name string, columns []string) string {
	if other := taken[name]; other != "" && isColumn("bin", columns) && isColumn(other, columns) && !isColumn(name, columns) {
		return other
	}
	return name
}

// nearest is a hint at the column that was meant, "" when none is near.
func nearest(name string, columns []string) string {
	if n := names[strings.ReplaceAll(name, " ", "_")]; n != "" && isColumn(n, columns) {
		return fmt.Sprintf("%q is called %q here; ", name, n)
	}
	best, least := "", 1+len(name)/3
	for _, c := range columns {
		c = strings.TrimSuffix(c, "?")
		if d := distance(name, c); d <= least {
			best, least = c, d-1
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q? ", best)
}

// distance is how many letters have to change, come or go (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

var (
	scientific = regexp.MustCompile(`^-?\d+([.,]\d+)?[eE]\+\d+$`)
	thousands  = regexp.MustCompile(`^-?\d{1,3}([.,' \x{a0}\x{2009}\x{202f}]\d{3})+$`)
)

// grouped tells of a number that may be one with thousand separators.
func grouped(v string) bool { return thousands.MatchString(v) }

// numberHint says what is wrong with a number of a spreadsheet, "" when it is not one.
func numberHint(v string) string {
	switch {
	case scientific.MatchString(v):
		return ": a spreadsheet shortened it; format the column as a number without exponent"
	case grouped(v):
		return ": write it without thousand separators"
	}
	return ""
}

// code reads a field that names something: what a spreadsheet made a number of is
// refused, as its last digits are gone.
func (t *table) code(column string) string {
	v := t.str(column)
	if scientific.MatchString(v) {
		t.bad(column, CodeValue, fmt.Sprintf("%q: a spreadsheet shortened it and its digits are lost; format the column as text and bring the values in again", v))
	}
	return v
}

// needCode is code for a column that must not be empty.
func (t *table) needCode(column string) string {
	t.need(column)
	return t.code(column)
}

// gtin reads a GTIN of 14 digits; of a shorter number it says which one was meant.
func (t *table) gtin(column string) string {
	v := t.code(column)
	if v == "" || len(v) == 14 || strings.Trim(v, "0123456789") != "" {
		return v
	}
	if long := padded(v); long != "" {
		t.bad(column, CodeValue, fmt.Sprintf("%q has %d digits: a GTIN is written with 14, and a spreadsheet takes leading zeros away; %s has a good check digit: format the column as text", v, len(v), long))
	}
	return v
}

// padded is a shorter number as a GTIN of 14 digits, "" when its check digit is bad.
func padded(v string) string {
	if v == "" || len(v) > 14 || strings.Trim(v, "0123456789") != "" {
		return ""
	}
	long := strings.Repeat("0", 14-len(v)) + v
	if d, err := gs1.CheckDigit(long[:13]); err != nil || d != long[13] {
		return ""
	}
	return long
}
