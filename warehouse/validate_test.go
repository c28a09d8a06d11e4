package warehouse

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFieldRules(t *testing.T) {
	long := strings.Repeat("x", 65)
	rules := map[string]func(string) bool{
		"id":        validID,
		"barcode":   validBarcode,
		"scannable": scannable,
		"text":      func(s string) bool { return validText(s, 64) },
		"date":      validDate,
		"digits":    digits,
		"country":   validCountry,
	}
	for _, tt := range []struct {
		s    string
		good string // the rules that take it
	}{
		{"", ""},
		{"A-01", "id barcode scannable text"},
		{"a b", "id scannable text"},
		{" a", "scannable text"},
		{"a ", "scannable text"},
		{"a/b", "barcode scannable text"},
		{"~!{}", "id barcode scannable text"},
		{"é", "scannable text"},
		{"a\tb", "scannable"},
		{"a\x1db", "scannable"},
		{"a\x00b", ""},
		{"a\x7f", "scannable"},
		{"\xff", "scannable"},
		{"\u0085", "scannable"}, // a control character beyond ASCII
		{long, "scannable"},
		{long[:64], "id barcode scannable text"},
		{long + long, ""},
		{"DE", "id barcode scannable text country"},
		{"de", "id barcode scannable text"},
		{"0123", "id barcode scannable text digits"},
		{"012٣", "scannable text"},
		{"2026-02-28", "id barcode scannable text date"},
		{"2026-02-29", "id barcode scannable text"},
		{"2024-02-29", "id barcode scannable text date"},
		{"2026-2-8", "id barcode scannable text"},
		{"20260228", "id barcode scannable text digits"},
	} {
		var good []string
		for _, name := range []string{"id", "barcode", "scannable", "text", "date", "digits", "country"} {
			if rules[name](tt.s) {
				good = append(good, name)
			}
		}
		if got := strings.Join(good, " "); got != tt.good {
			t.Errorf("%q is taken by %q, want %q", tt.s, got, tt.good)
		}
	}
}

func TestPlainCode(t *testing.T) {
	for in, want := range map[string]string{
		"A-01": "A-01", "]C0A-01": "A-01", "]Q1T-1": "T-1", "]": "]", "]C": "]C", "]A0": "]A0", "": "",
		"]C10109521230000031": "]C10109521230000031", // GS1 data stays whole
	} {
		if got := plainCode(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "paper out": "paper out", "a\r\nb": "a  b", "\xff": "?", "ü": "ü",
	} {
		if got := cleanText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := cleanText(string(rapid.SliceOf(rapid.Byte()).Draw(rt, "bytes")) + strings.Repeat("ü", rapid.IntRange(0, 200).Draw(rt, "n")))
		if len(s) > maxText || s != "" && !validText(s, maxText) {
			rt.Fatalf("%q", s)
		}
	})
}

// The tolerance in plain numbers that cannot overflow.
func TestWeightFitsLikeExactArithmetic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		site := &Site{
			ToleranceMg:     rapid.Int64Range(0, maxWeightMg).Draw(rt, "tolerance"),
			TolerancePermil: rapid.Int64Range(0, 1000).Draw(rt, "permil"),
		}
		expected := rapid.Int64Range(0, maxLines*maxQty*maxWeightMg).Draw(rt, "expected")
		share := new(big.Int).Mul(big.NewInt(expected), big.NewInt(site.TolerancePermil))
		limit := new(big.Int).Add(share.Div(share, big.NewInt(1000)), big.NewInt(site.ToleranceMg)).Int64()
		for diff, want := range map[int64]bool{limit: true, limit + 1: false, -limit: true, -limit - 1: false, 0: true} {
			if weightFits(site, expected+diff, expected) != want {
				rt.Fatalf("%+v: expected %d, off by %d: not %v", site, expected, diff, want)
			}
		}
	})
}

// Byte order of keys is the order we read in, whatever the components are.
func TestKeysSortByTheirComponents(t *testing.T) {
	id := rapid.StringMatching(`[!-.0-~]{1,4}`)
	rapid.Check(t, func(rt *rapid.T) {
		a := []string{id.Draw(rt, "a0"), id.Draw(rt, "a1")}
		b := []string{id.Draw(rt, "b0"), id.Draw(rt, "b1")}
		if got, want := strings.Compare(string(key("p", a...)), string(key("p", b...))), slices.Compare(a, b); got != want {
			rt.Fatalf("%q and %q: %d, want %d", a, b, got, want)
		}
		m, n := rapid.Uint64().Draw(rt, "m"), rapid.Uint64().Draw(rt, "n")
		if (num(m) < num(n)) != (m < n) || fromNum([]byte(num(n))) != n {
			rt.Fatalf("%d and %d", m, n)
		}
		k := key(kWait, a[0], num(n), b[0])
		if tail(k) != b[0] || !strings.HasPrefix(string(k), string(under(kWait, a[0]))) {
			rt.Fatalf("%q", k)
		}
		// No id makes one prefix reach into another's rows.
		if strings.HasPrefix(string(key("p", a[0]+"x", a[1])), string(under("p", a[0]))) {
			rt.Fatalf("%q", a)
		}
	})
}

func TestStockKeysComeBack(t *testing.T) {
	part := rapid.StringMatching(`[ -~]{0,6}`)
	rapid.Check(t, func(rt *rapid.T) {
		want := stockKey{part.Draw(rt, "sku"), part.Draw(rt, "lot"), part.Draw(rt, "serial"), part.Draw(rt, "owner"), part.Draw(rt, "status")}
		place, got, err := parseStockKey(stockRowKey("bin/A", want))
		if err != nil || place != "bin/A" || got != want {
			rt.Fatalf("%q %+v %v", place, got, err)
		}
	})
	if _, _, err := parseStockKey([]byte("stock\x00a")); err == nil {
		t.Error("half a key was taken")
	}
}

// The bytes of keys are on disk: a few by hand.
func TestKeyBytes(t *testing.T) {
	o := &Order{Spec: OrderSpec{ID: "O1", Priority: 2}, Intake: 258}
	for want, got := range map[string][]byte{
		"site":                                 key(kSite),
		"order\x00O1":                          key(kOrder, "O1"),
		"task\x00O1/1/1":                       key(kTask, "O1/1/1"),
		"stock\x00X\x00bin/A\x00L\x00\x00\x00": stockRowKey(BinPlace("A"), stockKey{sku: "X", lot: "L"}),
		"fefo\x00X\x009999-12-31\x00A\x00":     fefoKey("X", "", "A", ""),
		"pool\x007\x00\x00\x00\x00\x00\x00\x00\x01\x02\x00O1": poolKey(o),
	} {
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A GTIN has one row, however many digits its symbol shows.
func TestPlainGTINsShareARow(t *testing.T) {
	for short, long := range map[string]string{"036000291452": "00036000291452", "40170725": "00000040170725", "4006381333931": "04006381333931"} {
		if !validGTIN14(long) {
			t.Errorf("%s is no GTIN", long)
		}
		if string(codeKey(short)) != string(codeKey(long)) {
			t.Errorf("%s and %s have two rows", short, long)
		}
	}
	if string(codeKey("12345678")) != "code\x0012345678" {
		t.Error("a number with a bad check digit was changed")
	}
}
