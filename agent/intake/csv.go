// Package intake turns the CSV files of a site (items, bins, workers, counted
// stock, orders, announced deliveries) into commands, and what a site holds into
// such files (export.go). A file is read as a whole first: one bad row and
// nothing of it is proposed, and every bad row is named with its line, column
// and code. It is pure: no I/O but the reader or writer it is given, no goroutine.
//
// Files are RFC 4180 with a header line; UTF-8, a byte order mark, CRLF and the
// other dialects of dialect.go are accepted; columns may stand in any order; unknown
// columns are an error, since a misspelled column would otherwise be ignored in
// silence.
package intake

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Codes of bad rows.
const (
	CodeCSV       = "CSV_MALFORMED"      // the row is not CSV, or has the wrong number of fields
	CodeColumn    = "CSV_COLUMN"         // a column is missing, unknown or twice
	CodeValue     = "CSV_VALUE"          // a field has no usable value
	CodeDuplicate = "CSV_DUPLICATE"      // the same key twice in one file
	CodeTooLong   = "CSV_TOO_LONG"       // a field or the file is over its bound
	CodeUnpaid    = "PAYMENT_UNRELEASED" // an order that may not be picked yet
	CodeCard      = "CARD_DATA"          // a text that looks like the number of a payment card
)

// Bounds: hostile or broken files must not take the gateway down.
const (
	maxField    = 256
	maxLong     = 8 << 10 // of a field of several values
	maxRows     = 100_000
	maxProblems = 100
)

// Problem is one thing wrong with a file.
type Problem struct {
	Line   int    `json:"line"`         // 1-based; 0 = the whole file
	At     int    `json:"at,omitempty"` // where the field begins in its line, in bytes from 1; 0 = the whole line
	Column string `json:"column,omitempty"`
	Code   string `json:"code"`
	Text   string `json:"text"`
	Do     string `json:"do,omitempty"` // what a person does about it
}

// String is line:column, then the name of the column, the code and the text.
func (p Problem) String() string {
	if p.Column != "" {
		return fmt.Sprintf("line %d, column %s: %s: %s", p.Line, p.Column, p.Code, p.Text)
	}
	return fmt.Sprintf("line %d: %s: %s", p.Line, p.Code, p.Text)
}

// table reads one CSV file row by row and collects its problems.
type table struct {
	csv      *csv.Reader
	header   []string
	line     int
	row      []string
	rows     int
	lines    []int // of the rows
	comma    bool  // numbers have a decimal comma
	problems []Problem
	more     int // problems beyond maxProblems
}

// open reads the header and checks it against the columns of the file kind.
// A column name with a trailing "?" may be missing.
func open(r io.Reader, columns []string) *table {
	t := &table{}
	var wrong string
	if t.csv, t.comma, wrong = dialect(r); wrong != "" {
		t.fail(1, "", CodeCSV, wrong)
		return t
	}
	header, err := t.csv.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty; its first line must name the columns")
		}
		t.fail(1, "", CodeCSV, err.Error())
		return t
	}
	t.line = 1
	for i, h := range header {
		header[i] = columnNamed(strings.ToLower(strings.TrimSpace(h)), columns)
		switch {
		case !isColumn(header[i], columns):
			t.fail(1, header[i], CodeColumn, "unknown column; "+nearest(header[i], columns)+"known are "+known(columns))
		case slices.Contains(header[:i], header[i]):
			t.fail(1, header[i], CodeColumn, "the column stands twice")
		}
	}
	for _, c := range columns {
		if !strings.HasSuffix(c, "?") && !slices.Contains(header, c) {
			t.fail(1, c, CodeColumn, "the column is missing")
		}
	}
	t.header = header
	return t
}

func known(columns []string) string {
	return strings.ReplaceAll(strings.Join(columns, ", "), "?", "")
}

// next advances to the next row; false at the end or when nothing more can be
// read sensibly.
func (t *table) next() bool {
	if t.header == nil || t.hasColumnProblem() {
		return false
	}
	for {
		row, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			return false
		}
		var pe *csv.ParseError
		if errors.As(err, &pe) {
			t.fail(pe.StartLine, "", CodeCSV, pe.Err.Error())
			if !errors.Is(pe.Err, csv.ErrFieldCount) || t.rows >= maxRows {
				return false // quoting is broken: nothing behind it can be trusted
			}
			t.rows++
			continue
		}
		if err != nil {
			t.fail(t.line, "", CodeCSV, err.Error())
			return false
		}
		if !slices.ContainsFunc(row, func(f string) bool { return strings.TrimSpace(f) != "" }) {
			continue // what a spreadsheet writes for a row of which only the format is left
		}
		t.line, _ = t.csv.FieldPos(0)
		t.rows++
		if t.rows > maxRows {
			t.fail(t.line, "", CodeTooLong, fmt.Sprintf("more than %d rows: split the file", maxRows))
			return false
		}
		t.row, t.lines = row, append(t.lines, t.line)
		return true
	}
}

func (t *table) hasColumnProblem() bool {
	return slices.ContainsFunc(t.problems, func(p Problem) bool { return p.Code == CodeColumn })
}

// str is the value of a column without outer spaces and guard (export.go); "" when the file lacks the column.
func (t *table) str(column string) string { return t.long(column, maxField) }

// long is str for a column with a bound of its own.
func (t *table) long(column string, most int) string {
	i := slices.Index(t.header, column)
	if i < 0 {
		return ""
	}
	v := unguard(t.row[i])
	switch {
	case len(v) > most:
		t.bad(column, CodeTooLong, fmt.Sprintf("longer than %d bytes", most))
		return ""
	case !utf8.ValidString(v):
		t.bad(column, CodeValue, "not UTF-8: save the file as CSV UTF-8")
		return ""
	case strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		t.bad(column, CodeValue, "holds control characters")
		return ""
	}
	return v
}

// need is str for a column that must not be empty.
func (t *table) need(column string) string {
	before := len(t.problems)
	v := t.str(column)
	if v == "" && len(t.problems) == before {
		t.bad(column, CodeValue, "must not be empty")
	}
	return v
}

// integer is a whole number within [low, high]; an empty field gives def.
func (t *table) integer(column string, low, high, def int64) int64 {
	v := t.str(column)
	if v == "" {
		if def < low {
			t.bad(column, CodeValue, "must not be empty")
		}
		return def
	}
	n, err := parseInt(v)
	if err != nil || n < low || n > high {
		t.bad(column, CodeValue, fmt.Sprintf("%q is not a whole number from %d to %d%s", v, low, high, numberHint(v)))
		return def
	}
	return n
}

// yesNo is a flag; an empty field is false.
func (t *table) yesNo(column string) bool {
	switch v := strings.ToLower(t.str(column)); v {
	case "", "0", "no", "false":
		return false
	case "1", "yes", "true":
		return true
	default:
		t.bad(column, CodeValue, fmt.Sprintf("%q is neither true nor false", v))
		return false
	}
}

func (t *table) bad(column, code, text string) { t.fail(t.line, column, code, text) }

// fail notes a problem, once for a field that is read twice.
func (t *table) fail(line int, column, code, text string) {
	p := Problem{Line: line, Column: column, Code: code, Text: text}
	if i := slices.Index(t.header, column); i >= 0 && line == t.line && line > 1 {
		_, p.At = t.csv.FieldPos(i)
	}
	switch {
	case slices.Contains(t.problems, p):
	case len(t.problems) < maxProblems:
		t.problems = append(t.problems, p)
	default:
		t.more++
	}
}
