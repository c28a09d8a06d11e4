package oms

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tote/cloudsync/wire"
)

// maxRowBytes bounds one row; the rest of a longer one is skipped.
const maxRowBytes = 16 << 10

// csvColumns must all be in the header, in any order. Line counts within the
// order; expect is kept as the order's note.
var csvColumns = []string{
	"order", "line", "sku", "qty", "name", "street", "postcode", "city",
	"country", "method", "priority", "channel", "payment", "expect",
}

// csvExtra may be in the header as well. Refs are name=value;name=value.
var csvExtra = []string{"party", "customer", "refs"}

// csvRow is one row, good or bad. fields is nil when it could not be split.
type csvRow struct {
	at    int    // line of the file
	order string // "" when it cannot be told
	line  int    // 0 when it cannot be told
	NewOrder
	errs []IntakeError
}

// readCSV reads orders, one row a line of an order. A row with a fault takes
// its whole order out, and only that. errs lists the faults in file order; an
// error is one of reading.
//
// A row is one physical line: a line break inside quotes is a fault of that
// line. So a forgotten quote cannot swallow the orders behind it.
func readCSV(r io.Reader) ([]NewOrder, []IntakeError, error) {
	br := bufio.NewReaderSize(r, maxRowBytes)
	head, n, err := readRow(br)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	cols, herr := readHeader(bytes.TrimPrefix(head, []byte("\uFEFF")), n > maxRowBytes)
	if herr != nil {
		return nil, []IntakeError{*herr}, nil
	}
	var rows []csvRow
	for at := 2; err != io.EOF; at++ {
		var raw []byte
		raw, n, err = readRow(br)
		if err != nil && err != io.EOF {
			return nil, nil, err
		}
		if len(bytes.TrimSpace(raw)) > 0 {
			rows = append(rows, parseRow(raw, n > maxRowBytes, at, cols))
		}
	}
	orders, errs := groupRows(rows)
	return orders, errs, nil
}

// readRow returns one line without its end, cut to maxRowBytes, and its real
// length. err is io.EOF with the last line.
func readRow(br *bufio.Reader) (line []byte, n int, err error) {
	for {
		part, err := br.ReadSlice('\n')
		n += len(part)
		if room := maxRowBytes - len(line); room > 0 {
			line = append(line, part[:min(room, len(part))]...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return bytes.TrimRight(line, "\r\n"), n, err
	}
}

func readHeader(raw []byte, tooLong bool) (map[string]int, *IntakeError) {
	fields, err := splitRow(raw)
	if err != nil || tooLong {
		return nil, &IntakeError{Line: 1, Code: CodeHeader, Text: "the first row is not a readable header"}
	}
	cols := map[string]int{}
	for i, f := range fields {
		name := strings.ToLower(strings.TrimSpace(f))
		if _, twice := cols[name]; twice || !slices.Contains(csvColumns, name) && !slices.Contains(csvExtra, name) {
			return nil, &IntakeError{Line: 1, Field: name, Code: CodeHeader, Text: fmt.Sprintf("column %q is unknown or there twice", name)}
		}
		cols[name] = i
	}
	for _, name := range csvColumns {
		if _, ok := cols[name]; !ok {
			return nil, &IntakeError{Line: 1, Field: name, Code: CodeHeader, Text: fmt.Sprintf("column %q is missing", name)}
		}
	}
	return cols, nil
}

// clip keeps a damaged order id from filling the answer. Ids this long are
// refused anyway.
func clip(id string) string {
	if len(id) > 100 {
		return strings.ToValidUTF8(id[:100], "")
	}
	return id
}

func splitRow(raw []byte) ([]string, error) {
	c := csv.NewReader(bytes.NewReader(raw))
	c.FieldsPerRecord = -1
	return c.Read()
}

// parseRow reads one row; it never fails, it notes what is wrong.
func parseRow(raw []byte, tooLong bool, at int, cols map[string]int) csvRow {
	row := csvRow{at: at}
	bad := func(field, code, format string, args ...any) {
		row.errs = append(row.errs, IntakeError{Line: at, Order: row.order, Field: field, Code: code, Text: fmt.Sprintf(format, args...)})
	}
	fields, err := splitRow(raw)
	if tooLong || err != nil || !utf8.Valid(raw) {
		// What stands before the first commas is most likely still the
		// order id and the line.
		fields = strings.Split(strings.ToValidUTF8(string(raw), ""), ",")
		for i := range fields {
			fields[i] = strings.Trim(fields[i], `"`)
		}
	}
	get := func(name string) string {
		if i, ok := cols[name]; ok && i < len(fields) {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	row.order = clip(get("order"))
	row.line, _ = strconv.Atoi(get("line"))
	switch {
	case tooLong:
		bad("", CodeRowTooLong, "the row is longer than %d bytes", maxRowBytes)
	case !utf8.Valid(raw):
		bad("", CodeNotUTF8, "the row is not UTF-8")
	case err != nil:
		bad("", CodeQuote, "a quote is open or stands inside a field")
	case len(fields) != len(cols):
		bad("", CodeFieldCount, "the row has %d fields, the header has %d", len(fields), len(cols))
	case row.order == "":
		bad("order", CodeNoOrder, "the order id is empty")
	}
	if len(row.errs) > 0 {
		return row
	}
	number := func(name string, empty int64) int64 {
		s := get(name)
		if s == "" {
			return empty
		}
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			bad(name, CodeInvalid, "%s is %q, it must be a whole number", name, s)
		}
		return v
	}
	row.NewOrder = NewOrder{
		Order: wire.Order{
			ID: row.order, Priority: int(number("priority", 0)), Method: get("method"), Channel: get("channel"),
			ShipTo: wire.Address{
				Name: get("name"), Street: get("street"), Postcode: get("postcode"), City: get("city"), Country: get("country"),
			},
			Party: get("party"), Customer: get("customer"), Refs: readRefs(get("refs")),
			Lines: []wire.OrderLine{{Line: int(number("line", 0)), SKU: get("sku"), Qty: number("qty", 0)}},
		},
		Payment: get("payment"), Note: get("expect"), rows: []int{at},
	}
	return row
}

// readRefs splits the column refs. What has no equals sign is a name without a
// value.
func readRefs(s string) (refs []wire.Ref) {
	if s == "" {
		return nil
	}
	for part := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(part, "=")
		refs = append(refs, wire.Ref{Name: name, Value: value})
	}
	return refs
}

// groupRows joins the rows of each order, in order of first appearance, and
// leaves out every order that a faulty row belongs to.
func groupRows(rows []csvRow) ([]NewOrder, []IntakeError) {
	byID := map[string]int{}
	var orders []NewOrder
	var errs []IntakeError
	out := map[string]bool{}
	for i, row := range rows {
		if len(row.errs) > 0 {
			errs = append(errs, row.errs...)
			for _, id := range ordersOf(rows, i) {
				out[id] = true
			}
			continue
		}
		k, ok := byID[row.order]
		if !ok {
			byID[row.order] = len(orders)
			orders = append(orders, row.NewOrder)
			continue
		}
		first := &orders[k]
		if f := differs(first, &row.NewOrder); f != "" {
			errs = append(errs, IntakeError{
				Line: row.at, Order: row.order, Field: f, Code: CodeMixedOrder,
				Text: fmt.Sprintf("%s differs from the first row of the order", f),
			})
			out[row.order] = true
			continue
		}
		first.Lines = append(first.Lines, row.Lines...)
		first.rows = append(first.rows, row.at)
	}
	return slices.DeleteFunc(orders, func(o NewOrder) bool { return out[o.ID] }), errs
}

// ordersOf names the orders that faulty row i belongs to. A row that names no
// order belongs to the order it stands inside, or whose lines it carries on:
// taking that order without it would be half an order.
func ordersOf(rows []csvRow, i int) []string {
	row := rows[i]
	if row.order != "" {
		return []string{row.order}
	}
	var ids []string
	var before, behind csvRow
	if i > 0 {
		before = rows[i-1]
	}
	if i+1 < len(rows) {
		behind = rows[i+1]
	}
	if before.order != "" && (before.order == behind.order || row.line > 1 && row.line == before.line+1) {
		ids = append(ids, before.order)
	}
	if behind.order != "" && row.line > 0 && behind.line == row.line+1 {
		ids = append(ids, behind.order)
	}
	return ids
}

// differs names the first field of the order in which two rows disagree.
func differs(a, b *NewOrder) string {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"name", a.ShipTo.Name == b.ShipTo.Name},
		{"street", a.ShipTo.Street == b.ShipTo.Street},
		{"postcode", a.ShipTo.Postcode == b.ShipTo.Postcode},
		{"city", a.ShipTo.City == b.ShipTo.City},
		{"country", a.ShipTo.Country == b.ShipTo.Country},
		{"method", a.Method == b.Method},
		{"priority", a.Priority == b.Priority},
		{"channel", a.Channel == b.Channel},
		{"party", a.Party == b.Party},
		{"customer", a.Customer == b.Customer},
		{"refs", slices.Equal(a.Refs, b.Refs)},
		{"payment", a.Payment == b.Payment},
		{"expect", a.Note == b.Note},
	} {
		if !f.same {
			return f.name
		}
	}
	return ""
}
