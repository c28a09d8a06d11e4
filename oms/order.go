package oms

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"tote/cloudsync/wire"
)

// Bounds of one order. The release message must fit one log entry of the site.
const (
	maxOrderLines = 500
	maxOrderBytes = 48 << 10
	maxQty        = 1_000_000
)

// NewOrder is an order as a caller hands it in: the release message and what
// stays at the OMS.
type NewOrder struct {
	wire.Order
	Site    string `json:"site,omitempty"`    // "" = the first configured
	Payment string `json:"payment,omitempty"` // "" = pending
	Note    string `json:"note,omitempty"`    // kept as it is, up to 500 characters

	// rows are the lines of the CSV file that Lines came from.
	rows []int
}

// IntakeError says what is wrong with an order or a row.
type IntakeError struct {
	Line  int    `json:"line,omitempty"`  // line of the CSV file, 1-based
	Index *int   `json:"index,omitempty"` // position in the JSON array, 0-based
	Order string `json:"order,omitempty"`
	Field string `json:"field,omitempty"`
	Code  string `json:"code"`
	Text  string `json:"text"`
}

// normalise fills defaults and brings equal content into one form.
func (o *NewOrder) normalise(firstSite string) {
	if o.Revision == 0 {
		o.Revision = 1
	}
	if o.Site == "" {
		o.Site = firstSite
	}
	if o.Payment == "" {
		o.Payment = PaymentPending
	}
	o.ShipTo.Country = strings.ToUpper(o.ShipTo.Country)
	byLine := make([]int, len(o.Lines))
	for i := range byLine {
		byLine[i] = i
	}
	slices.SortStableFunc(byLine, func(a, b int) int { return o.Lines[a].Line - o.Lines[b].Line })
	lines, rows := make([]wire.OrderLine, len(o.Lines)), make([]int, len(o.rows))
	for to, from := range byLine {
		lines[to] = o.Lines[from]
		if len(rows) > 0 {
			rows[to] = o.rows[from]
		}
	}
	o.Lines, o.rows = lines, rows
}

// hash names the content as it was submitted.
func (o *NewOrder) hash() string {
	raw, err := json.Marshal(o)
	if err != nil {
		panic("oms: a NewOrder holds plain values only: " + err.Error())
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// check lists everything that is wrong with the order.
func (o *NewOrder) check(sites []Site) []IntakeError {
	var errs []IntakeError
	row := 0
	if len(o.rows) > 0 {
		row = slices.Min(o.rows)
	}
	bad := func(field, code, format string, args ...any) {
		errs = append(errs, IntakeError{Line: row, Order: o.ID, Field: field, Code: code, Text: fmt.Sprintf(format, args...)})
	}
	text := func(field, s string, minLen, maxLen int) {
		if !printable(s) || len(s) < minLen || len(s) > maxLen {
			bad(field, CodeInvalid, "%s must be %d to %d printable characters", field, minLen, maxLen)
		}
	}
	id := func(field, s string) {
		if !plainID(s) {
			bad(field, CodeInvalid, "%s must be 1 to 64 printable ASCII characters without '/', and not . or ..", field)
		}
	}
	id("id", o.ID)
	if o.Revision != 1 {
		bad("revision", CodeInvalid, "a new order has revision 1")
	}
	if o.Priority < 0 || o.Priority > 9 {
		bad("priority", CodeInvalid, "priority is %d, allowed are 0 to 9", o.Priority)
	}
	text("shipTo.name", o.ShipTo.Name, 1, 200)
	text("shipTo.street", o.ShipTo.Street, 1, 200)
	text("shipTo.postcode", o.ShipTo.Postcode, 1, 32)
	text("shipTo.city", o.ShipTo.City, 1, 200)
	if c := o.ShipTo.Country; len(c) != 2 || c[0] < 'A' || c[0] > 'Z' || c[1] < 'A' || c[1] > 'Z' {
		bad("shipTo.country", CodeInvalid, "country is %q, it must be two letters (ISO 3166)", c)
	}
	text("method", o.Method, 0, 64)
	text("channel", o.Channel, 0, 64)
	text("owner", o.Owner, 0, 64)
	text("note", o.Note, 0, 500)
	o.checkNamed(bad, text)
	if o.PlacedAt < 0 || o.ShipBy < 0 {
		bad("placedAt", CodeInvalid, "times are milliseconds since 1970")
	}
	if !slices.Contains([]string{PaymentPending, PaymentAuthorised, PaymentSettled, PaymentFailed}, o.Payment) {
		bad("payment", CodeInvalid, "payment is %q, allowed are pending, authorised, settled, failed", o.Payment)
	}
	if !slices.ContainsFunc(sites, func(s Site) bool { return s.ID == o.Site }) {
		bad("site", CodeUnknownSite, "site %q is not served here", o.Site)
	}
	if len(o.Lines) == 0 || len(o.Lines) > maxOrderLines {
		bad("lines", CodeInvalid, "an order has 1 to %d lines, this one has %d", maxOrderLines, len(o.Lines))
	}
	for i, l := range o.Lines {
		at := func(name string) string { return fmt.Sprintf("lines[%d].%s", i, name) }
		if len(o.rows) > 0 {
			row = o.rows[i]
		}
		if l.Line < 1 || i > 0 && l.Line == o.Lines[i-1].Line {
			bad(at("line"), CodeInvalid, "line number %d is below 1 or used twice", l.Line)
		}
		id(at("sku"), l.SKU)
		if l.Qty < 1 || l.Qty > maxQty {
			bad(at("qty"), CodeInvalid, "quantity is %d, allowed are 1 to %d", l.Qty, maxQty)
		}
	}
	if len(errs) == 0 {
		if raw, _ := json.Marshal(o.Order); len(raw) > maxOrderBytes {
			bad("", CodeTooLarge, "the order has %d bytes, allowed are %d", len(raw), maxOrderBytes)
		}
	}
	return errs
}

// checkNamed looks at whom the order goes to and what others call it.
func (o *NewOrder) checkNamed(bad func(field, code, format string, args ...any), text func(field, s string, minLen, maxLen int)) {
	if !slices.Contains([]string{"", "consumer", "business", "3pl", "hub"}, o.Party) {
		bad("party", CodeInvalid, "party is %q, allowed are consumer, business, 3pl, hub", o.Party)
	}
	text("customer", o.Customer, 0, 200)
	bytes := 0
	for i, r := range o.Refs {
		text(fmt.Sprintf("refs[%d].name", i), r.Name, 1, 64)
		text(fmt.Sprintf("refs[%d].value", i), r.Value, 0, 200)
		if slices.ContainsFunc(o.Refs[:i], func(q wire.Ref) bool { return q.Name == r.Name }) {
			bad("refs", CodeInvalid, "a name of refs is used twice")
		}
		bytes += len(r.Name) + len(r.Value)
	}
	if len(o.Refs) > 16 || bytes > 2048 {
		bad("refs", CodeInvalid, "refs are %d with %d bytes, allowed are 16 with 2048", len(o.Refs), bytes)
	}
	what := o.CardData()
	if what == "" && wire.CardNumber(o.Note) {
		what = "note"
	}
	if what != "" {
		bad(what, CodeCard, "%s looks like the number of a payment card", what)
	}
}

// plainID is the rule of the site for ids: they are parts of keys and topics.
func plainID(s string) bool {
	if len(s) < 1 || len(s) > 64 || strings.TrimSpace(s) != s || s == "." || s == ".." { // dots are paths, no names
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e || s[i] == '/' {
			return false
		}
	}
	return true
}

// printable: no control characters and no space at either end.
func printable(s string) bool {
	if strings.TrimSpace(s) != s || strings.ToValidUTF8(s, "") != s {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
