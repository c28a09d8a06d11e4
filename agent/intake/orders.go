package intake

import (
	"fmt"
	"strings"
	"time"

	"tote/cloudsync/wire"
	"tote/warehouse"
)

// Orders, a line a row. What belongs to the order stands in each of its rows and
// must be the same in all.

func (t *table) orders() []warehouse.OrderSpec {
	var out []warehouse.OrderSpec
	at := map[string]int{} // order id → index in out
	for t.next() {
		o := t.order()
		line := warehouse.OrderLine{
			Line: int(t.integer("line", 1, 1_000_000, 0)), SKU: t.need("sku"), Qty: t.integer("qty", 1, 1_000_000, 0), Kind: t.str("kind"),
		}
		i, ok := at[o.ID]
		if !ok {
			at[o.ID] = len(out)
			o.Lines = []warehouse.OrderLine{line}
			out = append(out, o)
			continue
		}
		if what := differs(out[i], o); what != "" {
			t.bad("order", CodeValue, fmt.Sprintf("the lines of order %s do not agree on %s", o.ID, what))
		}
		for _, l := range out[i].Lines {
			if l.Line == line.Line {
				t.bad("line", CodeDuplicate, fmt.Sprintf("line %d of order %s stands twice", line.Line, o.ID))
			}
		}
		out[i].Lines = append(out[i].Lines, line)
	}
	return out
}

// order reads what a row says of its order.
func (t *table) order() warehouse.OrderSpec {
	o := warehouse.OrderSpec{
		ID: t.need("order"), Revision: int(t.integer("revision", 0, 1_000_000_000, 1)),
		Priority: int(t.integer("priority", 0, 9, 0)),
		Method:   t.str("method"), Channel: t.str("channel"),
		ShipTo: warehouse.Address{
			Name: t.need("name"), Street: t.need("street"), Postcode: t.need("postcode"),
			City: t.need("city"), Country: t.need("country"),
		},
		PlacedAt: t.moment("placed_at"), ShipBy: t.moment("ship_by"), Owner: t.str("owner"),
		Partial: t.yesNo("partial"), Together: t.yesNo("together"), Substitute: t.yesNo("substitute"), Kit: t.integer("kit", 0, 999_999, 0), Holds: t.list("holds"),
		Party: t.str("party"), Customer: t.str("customer"), Refs: t.refs("refs"),
	}
	switch pay := t.str("payment"); pay {
	case "", "settled", "authorised":
	default:
		t.bad("payment", CodeUnpaid, fmt.Sprintf("%q: only settled or authorised orders may be picked", pay))
	}
	for _, c := range []string{"name", "street", "postcode", "city", "method", "channel", "customer", "refs"} {
		if wire.CardNumber(unpart.Replace(t.long(c, maxLong))) {
			t.bad(c, CodeCard, "looks like the number of a payment card: none is kept here")
		}
	}
	return o
}

// differs names the first thing in which two rows of an order disagree.
func differs(a, b warehouse.OrderSpec) string {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"address", a.ShipTo == b.ShipTo},
		{"method", a.Method == b.Method},
		{"priority", a.Priority == b.Priority},
		{"channel", a.Channel == b.Channel},
		{"revision", a.Revision == b.Revision},
		{"placed_at", a.PlacedAt == b.PlacedAt},
		{"ship_by", a.ShipBy == b.ShipBy},
		{"owner", a.Owner == b.Owner},
		{"partial", a.Partial == b.Partial},
		{"together", a.Together == b.Together},
		{"substitute", a.Substitute == b.Substitute},
		{"kit", a.Kit == b.Kit},
		{"holds", strings.Join(a.Holds, ";") == strings.Join(b.Holds, ";")},
		{"party", a.Party == b.Party},
		{"customer", a.Customer == b.Customer},
		{"refs", joinRefs(a.Refs) == joinRefs(b.Refs)},
	} {
		if !f.same {
			return f.name
		}
	}
	return ""
}

// moment is a time as 2026-12-31T16:00:00Z, or in milliseconds since 1970; 0 for
// an empty field.
func (t *table) moment(column string) int64 {
	v := t.str(column)
	if v == "" {
		return 0
	}
	if ms, err := parseInt(v); err == nil && ms > 0 {
		return ms
	}
	at, err := time.Parse(time.RFC3339, v)
	if err != nil || at.UnixMilli() < 0 {
		t.bad(column, CodeValue, fmt.Sprintf("%q is not a time as 2026-12-31T16:00:00Z", v))
		return 0
	}
	return at.UnixMilli()
}

// list is a field of several values between semicolons.
func (t *table) list(column string) []string { return split(t.long(column, maxLong)) }

// refs is a field of names and their values: name=value;name=value.
func (t *table) refs(column string) []warehouse.Ref {
	v := t.long(column, maxLong)
	if v == "" {
		return nil
	}
	var out []warehouse.Ref
	for part := range strings.SplitSeq(v, ";") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			t.bad(column, CodeValue, fmt.Sprintf("%q is not name=value", part))
		}
		out = append(out, warehouse.Ref{Name: unpart.Replace(name), Value: unpart.Replace(value)})
	}
	return out
}
