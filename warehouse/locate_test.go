package warehouse_test

import (
	"slices"
	"testing"

	. "tote/warehouse"
)

func TestLocate(t *testing.T) {
	w := nested(t)
	w.ok(PutItems{Items: []Item{phone()}})
	w.ok(OpenStock{Rows: []StockRow{
		{Bin: "A-04", SKU: "TEL", Serial: "s1", Qty: 1}, {Bin: "A-04", SKU: "TEL", Serial: "s2", Qty: 1}, {Bin: "A-05", SKU: "CUP", Owner: "ACME", Qty: 2},
	}})
	w.ok(PlaceLU{LU: "P1", At: "robot/R7"})
	find := func(q Query, from string, limit int) (out []string) {
		for _, l := range seen(Locate(w.tx, q, from, limit)) {
			out = append(out, l.Place+" "+l.Holder+" "+l.Lot+l.Serial+l.Owner)
		}
		return out
	}
	for name, tt := range map[string]struct {
		got, want []string
	}{
		"item":        {find(Query{SKU: "CUP"}, "", 0), []string{"bin/A-01 bin/A-01 ", "bin/A-02 bin/A-02 ", "bin/A-05 bin/A-05 ACME", "lu/C2 robot/R7 "}},
		"page":        {find(Query{SKU: "CUP"}, "bin/A-01", 2), []string{"bin/A-02 bin/A-02 ", "bin/A-05 bin/A-05 ACME"}},
		"owner":       {find(Query{SKU: "CUP", Owner: "ACME"}, "", 0), []string{"bin/A-05 bin/A-05 ACME"}},
		"lot":         {find(Query{SKU: "MILK", Lot: "L1"}, "", 0), []string{"bin/B-03 bin/B-03 L1"}},
		"serial":      {find(Query{Serial: "s2"}, "", 0), []string{"bin/A-04 bin/A-04 s2"}},
		"other item":  {find(Query{SKU: "CUP", Serial: "s2"}, "", 0), nil},
		"no serial":   {find(Query{Serial: "s9"}, "", 0), nil},
		"no item":     {find(Query{SKU: "NOPE"}, "", 0), nil},
		"unit":        {seen(UnitPath(w.tx, "C2")), []string{"lu/C1", "lu/P1", "robot/R7"}},
		"outer unit":  {seen(UnitPath(w.tx, "P1")), []string{"robot/R7"}},
		"no unit":     {seen(UnitPath(w.tx, "P9")), nil},
		"units in it": {seen(UnitsIn(w.tx, "C1")), []string{"C2"}},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: %q, want %q", name, tt.got, tt.want)
		}
	}
}
