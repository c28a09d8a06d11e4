package oms

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const csvHead = "order,line,sku,qty,name,street,postcode,city,country,method,priority,channel,payment,expect\n"

// row is a good row; edit replaces fields by position.
func row(order string, line int, edit ...string) string {
	f := []string{order, fmt.Sprint(line), "A", "2", "Ada", "1 Way", "10115", "Berlin", "DE", "std", "3", "web", "settled", "ships"}
	for i := 0; i+1 < len(edit); i += 2 {
		k := slices.Index(csvColumns, edit[i])
		f[k] = edit[i+1]
	}
	return strings.Join(f, ",") + "\n"
}

// Each case: what comes in, which orders are taken, which line is named with
// which code. The orders G1 and G2 stand around the fault and are good.
func TestCSV(t *testing.T) {
	type fault struct {
		Line  int
		Order string
		Code  string
	}
	good1, good2 := row("G1", 1)+row("G1", 2), row("G2", 1)+row("G2", 2)
	both := []string{"G1", "G2"}
	for _, tc := range []struct {
		name   string
		in     string
		taken  []string
		faults []fault
	}{
		{"good", csvHead + good1 + good2, both, nil},
		{"BOM and CRLF", "\uFEFF" + strings.ReplaceAll(csvHead+good1+good2, "\n", "\r\n"), both, nil},
		{"no newline at the end", csvHead + good1 + strings.TrimSpace(good2), both, nil},
		{"blank lines", csvHead + "\n" + good1 + "  \n\r\n" + good2, both, nil},
		{"rows of an order apart", csvHead + row("G1", 1) + row("G2", 1) + row("G1", 2) + row("G2", 2), both, nil},
		{"quoted fields", csvHead + good1 + row("G2", 1, "name", `"Ada, ""the"" first"`), both, nil},
		{"columns in another order", "expect,payment,channel,priority,method,country,city,postcode,street,name,qty,sku,line,order\n" +
			"x,settled,web,1,std,DE,Berlin,10115,1 Way,Ada,2,A,1,G1\n", []string{"G1"}, nil},
		{"payment empty is pending", csvHead + row("G1", 1, "payment", ""), []string{"G1"}, nil},
		{"priority empty is 0", csvHead + row("G1", 1, "priority", ""), []string{"G1"}, nil},
		{"country in small letters", csvHead + row("G1", 1, "country", "de"), []string{"G1"}, nil},

		{"empty file", "", nil, []fault{{1, "", CodeHeader}}},
		{"header only", csvHead, nil, nil},
		{"no header", good1, nil, []fault{{1, "", CodeHeader}}},
		{"column missing", strings.Replace(csvHead, ",qty", "", 1) + good1, nil, []fault{{1, "", CodeHeader}}},
		{"column unknown", strings.Replace(csvHead, "expect", "wish", 1) + good1, nil, []fault{{1, "", CodeHeader}}},
		{"column twice", strings.Replace(csvHead, "expect", "qty", 1) + good1, nil, []fault{{1, "", CodeHeader}}},

		{"too few fields", csvHead + good1 + "B,1,A\n" + good2, both, []fault{{4, "B", CodeFieldCount}}},
		{"too many fields", csvHead + good1 + strings.TrimSpace(row("B", 1)) + ",x\n" + good2, both, []fault{{4, "B", CodeFieldCount}}},
		{"garbage", csvHead + good1 + "%%%garbage%%%\n" + good2, both, []fault{{4, "%%%garbage%%%", CodeFieldCount}}},
		{"no order id between orders", csvHead + good1 + row("", 1) + good2, both, []fault{{4, "", CodeNoOrder}}},
		{"commas only", csvHead + good1 + ",,,,,,,,,,,,,\n" + good2, both, []fault{{4, "", CodeNoOrder}}},
		{"open quote", csvHead + good1 + row("B", 1, "name", `"Ada`) + good2, both, []fault{{4, "B", CodeQuote}}},
		{"open quote at the order", csvHead + good1 + `"B,1,A` + "\n" + good2, both, []fault{{4, "B", CodeQuote}}},
		{"stray quote", csvHead + good1 + row("B", 1, "name", `A"da`) + good2, both, []fault{{4, "B", CodeQuote}}},
		{"line break in quotes", csvHead + good1 + row("B", 1, "name", "\"A\nda\"") + good2, both, []fault{{4, "B", CodeQuote}, {5, "da", CodeQuote}}},
		{"not UTF-8", csvHead + good1 + row("B", 1, "name", "Ad\xff") + good2, both, []fault{{4, "B", CodeNotUTF8}}},
		{"huge row", csvHead + good1 + row("B", 1, "name", strings.Repeat("x", 5*maxRowBytes)) + good2, both, []fault{{4, "B", CodeRowTooLong}}},
		{"quantity no number", csvHead + good1 + row("B", 1, "qty", "two") + good2, both, []fault{{4, "B", CodeInvalid}}},
		{"quantity zero", csvHead + good1 + row("B", 1, "qty", "0") + good2, both, []fault{{4, "B", CodeInvalid}}},
		{"quantity beyond int64", csvHead + good1 + row("B", 1, "qty", "99999999999999999999") + good2, both, []fault{{4, "B", CodeInvalid}}},
		{"line missing", csvHead + good1 + row("B", 0) + good2, both, []fault{{4, "B", CodeInvalid}}},
		{"line twice", csvHead + good1 + row("B", 1) + row("B", 1) + good2, both, []fault{{5, "B", CodeInvalid}}},
		{"country", csvHead + good1 + row("B", 1, "country", "DEU") + good2, both, []fault{{4, "B", CodeInvalid}}},
		{"priority", csvHead + good1 + row("B", 1, "priority", "10") + good2, both, []fault{{4, "B", CodeInvalid}}},
		{"payment", csvHead + good1 + row("B", 1, "payment", "maybe") + good2, both, []fault{{4, "B", CodeInvalid}}},
		{"sku empty", csvHead + good1 + row("B", 1, "sku", "") + good2, both, []fault{{4, "B", CodeInvalid}}},
		{"id with a slash", csvHead + good1 + row("B/1", 1) + good2, both, []fault{{4, "B/1", CodeInvalid}}},
		{"two faults in one row", csvHead + good1 + row("B", 1, "qty", "x", "priority", "y") + good2, both, []fault{{4, "B", CodeInvalid}, {4, "B", CodeInvalid}}},

		// Nothing half of one order.
		{"second row bad", csvHead + good1 + row("B", 1) + row("B", 2, "qty", "x") + good2, both, []fault{{5, "B", CodeInvalid}}},
		{"first row bad, rest later", csvHead + row("B", 1, "qty", "x") + good1 + row("B", 2) + good2, both, []fault{{2, "B", CodeInvalid}}},
		{"rows disagree", csvHead + good1 + row("B", 1) + row("B", 2, "city", "Bonn") + good2, both, []fault{{5, "B", CodeMixedOrder}}},
		{"nameless row inside an order", csvHead + row("B", 1) + row("", 2) + row("B", 3) + good2, []string{"G2"}, []fault{{3, "", CodeNoOrder}}},
		{"nameless row carries an order on", csvHead + row("B", 1) + row("", 2) + good2, []string{"G2"}, []fault{{3, "", CodeNoOrder}}},
		{"nameless row begins an order", csvHead + good1 + row("", 1) + row("B", 2) + good2, both, []fault{{4, "", CodeNoOrder}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			var ans IntakeAnswer
			rec := call(t, s, "POST", "/v1/orders", "text/csv; charset=utf-8", tc.in, &ans)
			var taken []string
			for _, o := range ans.Orders {
				if o.Status == "accepted" {
					taken = append(taken, o.ID)
					if v := order(t, s, o.ID); len(v.Lines) == 0 || v.Note == "" {
						t.Errorf("%s was taken as %+v", o.ID, v)
					}
				}
			}
			slices.Sort(taken)
			var faults []fault
			for _, e := range ans.Errors {
				faults = append(faults, fault{e.Line, e.Order, e.Code})
			}
			if diff := cmp.Diff(tc.taken, taken); diff != "" {
				t.Errorf("taken: %s", diff)
			}
			if diff := cmp.Diff(tc.faults, faults); diff != "" {
				t.Errorf("faults: %s\n%+v", diff, ans.Errors)
			}
			var list OrderList
			call(t, s, "GET", "/v1/orders", "", "", &list)
			if len(list.Orders) != len(tc.taken) {
				t.Errorf("the database holds %+v", list.Orders)
			}
			want := map[bool]int{true: http.StatusMultiStatus, false: http.StatusCreated}[len(tc.faults) > 0]
			if len(tc.taken) == 0 {
				want = http.StatusUnprocessableEntity
			}
			if rec.Code != want {
				t.Errorf("status %d, want %d", rec.Code, want)
			}
		})
	}
}

func TestCSVLargeAndRepeated(t *testing.T) {
	s := newServer(t)
	var b strings.Builder
	b.WriteString(csvHead)
	for i := range 2000 {
		b.WriteString(row(fmt.Sprintf("L%04d", i), 1) + row(fmt.Sprintf("L%04d", i), 2))
	}
	first := call(t, s, "POST", "/v1/orders", "text/csv", b.String(), nil)
	again := call(t, s, "POST", "/v1/orders", "text/csv", b.String(), nil)
	if first.Code != http.StatusCreated || again.Code != http.StatusOK || first.Body.String() != again.Body.String() {
		t.Errorf("first %d, again %d; same answer: %v", first.Code, again.Code, first.Body.String() == again.Body.String())
	}
	if again.Header().Get("Idempotent-Replayed") != "true" || first.Header().Get("Idempotent-Replayed") != "" {
		t.Error("the repeat is not marked, or the first is")
	}
	seen := 0
	for cursor := ""; ; {
		p := inbox(t, s, cursor)
		if seen += len(p.Items); len(p.Items) == 0 {
			break
		}
		cursor = p.Next
	}
	if seen != 2000 {
		t.Errorf("%d releases, want 2000", seen)
	}
}

func FuzzCSV(f *testing.F) {
	f.Add(csvHead + row("A", 1))
	f.Add("\uFEFF" + csvHead + "\"a\n\",,\n" + row("", 2) + "\x00\xff")
	f.Add(csvHead + "\"\"\"\r\n,,,,,,,,,,,,,")
	f.Fuzz(func(t *testing.T, in string) {
		orders, errs, err := readCSV(strings.NewReader(in))
		if err != nil {
			t.Fatalf("reading a string failed: %v", err)
		}
		bad := map[string]bool{}
		for _, e := range errs {
			if e.Line < 1 || e.Code == "" {
				t.Errorf("fault without line or code: %+v", e)
			}
			bad[e.Order] = true
		}
		for _, o := range orders {
			if o.ID == "" || bad[o.ID] {
				t.Errorf("order %q was taken in spite of its fault", o.ID)
			}
			if len(o.rows) != len(o.Lines) {
				t.Errorf("order %q: %d rows for %d lines", o.ID, len(o.rows), len(o.Lines))
			}
			o.normalise("dc1")
			o.check([]Site{{ID: "dc1"}})
		}
	})
}
