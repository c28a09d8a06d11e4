package web

import (
	"encoding/json"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"tote/warehouse"
)

// testdata/ages.json is also read by the test of assets/age.js: both must say
// an age in the same words.
func TestAge(t *testing.T) {
	b, err := os.ReadFile("testdata/ages.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases [][2]any
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		ms, want := int64(c[0].(float64)), c[1].(string)
		if got := age(time.Duration(ms) * time.Millisecond); got != want {
			t.Errorf("%d ms: %q, want %q", ms, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	berlin := time.FixedZone("CEST", 2*3600)
	c := clock{time.Date(2026, 5, 4, 0, 30, 0, 0, berlin)}
	if got, want := c.today(), time.Date(2026, 5, 3, 22, 0, 0, 0, time.UTC).UnixMilli(); got != want {
		t.Errorf("today began at %d, want %d: the day is the site's", got, want)
	}
	s := c.ms(c.now.Add(-90 * time.Second).UnixMilli())
	if s.Clock() != "2026-05-04 00:28:30" || s.Hour() != "00:28:30" || s.Age() != "1 min" || s.ISO() != "2026-05-03T22:28:30Z" {
		t.Errorf("%s %s %s %s", s.Clock(), s.Hour(), s.Age(), s.ISO())
	}
	if c.ms(0).Known() || c.at(time.Time{}).Known() {
		t.Error("no time is not a time")
	}
}

func TestReadable(t *testing.T) {
	for in, want := range map[string]string{
		"expected 1350000 mg, weighed 2250499 mg": "expected 1.350 kg, weighed 2.250 kg",
		"12 mg":                      "12 mg",
		"order 1350000 mgx":          "order 1350000 mgx",
		"99999999999999999999999 mg": "99999999999999999999999 mg",
		"":                           "",
	} {
		if got := readable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		qty  int64
		bar  int64
		heat int
	}{{-1, 0, 0}, {0, 0, 0}, {1, 1, 1}, {2, 1, 2}, {3, 1, 2}, {4, 1, 3}, {5, 2, 3}, {7, 2, 3}, {8, 2, 4}, {15, 3, 4}, {40, 4, 4}, {1 << 40, 4, 4}} {
		if barLevel(c.qty) != c.bar || heat(c.qty) != c.heat {
			t.Errorf("%d: bar %d heat %d, want %d and %d", c.qty, barLevel(c.qty), heat(c.qty), c.bar, c.heat)
		}
	}
}

// An order is late when it should have left the site; one that left is not.
func TestLateOrders(t *testing.T) {
	now := time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)
	order := func(st warehouse.OrderState, by time.Duration) warehouse.Order {
		o := warehouse.Order{State: st, Since: now.UnixMilli()}
		if by != 0 {
			o.Spec.ShipBy = now.Add(by).UnixMilli()
		}
		return o
	}
	for _, st := range flow(clock{now}, []warehouse.Order{
		order(warehouse.OrderReleased, -time.Hour), order(warehouse.OrderReleased, -time.Second), order(warehouse.OrderReleased, time.Hour),
		order(warehouse.OrderReleased, 0), order(warehouse.OrderShipped, -time.Hour),
	}) {
		if want := map[string]int64{"RELEASED": 2}[st.State]; st.Late != want {
			t.Errorf("%s: %d late, want %d", st.State, st.Late, want)
		}
	}
}

// The code of a robot in trouble is read in every corner.
func TestLetter(t *testing.T) {
	m := floorMap{Left: -200, Top: -200, Width: 2000, Height: 2000, Markers: []marker{{X: 800, Y: 800}, {X: 0, Y: 0}, {X: 1700, Y: 1750}}}
	m.letter()
	for i, want := range []marker{{CodeY: 165}, {Side: "start", CodeX: -90, CodeY: 165}, {Side: "end", CodeX: 90, CodeY: -115}} {
		if got := m.Markers[i]; got.Side != want.Side || got.CodeX != want.CodeX || got.CodeY != want.CodeY {
			t.Errorf("%d: %+v", i, got)
		}
	}
}

// An aisle is named by what its bins have in common.
func TestAisleName(t *testing.T) {
	for want, codes := range map[string][]string{
		"A": {"A-01-L", "A-02-R"}, "A-01": {"A-01-01-L", "A-01-02-L", "A-01-02-R"}, "B": {"B-01-01-L", "B-02-01-L"}, "C7": {"C7", "C7"}, "D-1": {"D-1-L"}, "X-1": {"X-1-L", "Y-1-L"},
	} {
		got := ""
		for _, c := range codes {
			got = aisleName(got, c)
		}
		if got != want {
			t.Errorf("%v: %q, want %q", codes, got, want)
		}
	}
}

func TestListed(t *testing.T) {
	for want, words := range map[string][]string{"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"}} {
		if got := listed(words); got != want {
			t.Errorf("%v: %q", words, got)
		}
	}
}

// The cells of the layout and the markers share one plane: a robot that reports
// the place of a bin stands where the picker at that bin stands.
func TestMapPlane(t *testing.T) {
	l := warehouse.Layout{Aisles: 4, Cells: 10, CellMm: 1000, EndMm: 2000, PitchMm: 3000, DepotAisle: 1}
	m := floorMap{Front: (2*l.EndMm + 9*l.CellMm) / 10}
	if y := m.cellY(l, 3); y != m.Front-(l.EndMm+3*l.CellMm)/10 || y <= 0 || y >= m.Front {
		t.Errorf("cell 3 at %d between 0 and %d", y, m.Front)
	}
	bins := []warehouse.Bin{
		{Code: "A-1", Aisle: 0, Cell: 0, Side: "L"}, {Code: "A-2", Aisle: 0, Cell: 0, Side: "L"}, // one above the other
		{Code: "B-1", Aisle: 1, Cell: 9}, {Code: "gone", Aisle: 9, Cell: 0}, {Code: "deep", Aisle: 0, Cell: 10},
	}
	m.drawBins(l, bins, map[string]*binStock{
		"A-1": {Bin: "A-1", Qty: 3, Reserved: 1, Items: []string{"3 × Cup"}}, "A-2": {Bin: "A-2", Qty: 12, Reserved: 2, Items: []string{"12 × Pen"}},
	})
	if len(m.Aisles) != 4 || len(m.Aisles[0].Cells) != 1 || len(m.Aisles[1].Cells) != 1 {
		t.Fatalf("%+v", m.Aisles)
	}
	c := m.Aisles[0].Cells[0]
	if c.Title != "A-1: 3 on hand, 1 reserved: 3 × Cup\nA-2: 12 on hand, 2 reserved: 12 × Pen" || c.Heat != 2 || c.X >= 0 {
		t.Errorf("%+v", c)
	}
	if c.BarX+c.Bar != c.X+c.W {
		t.Errorf("the bar of a left bin grows from the lane: %+v", c)
	}
	if m.OnHand != 15 || m.Reserved != 3 {
		t.Errorf("%d on hand, %d reserved", m.OnHand, m.Reserved)
	}
	m.Markers = []marker{{X: 5, Y: 5}, {X: 5, Y: 5}, {X: 9, Y: 5}, {X: 5, Y: 5}}
	m.Width = 400 // to the right there is room for them, behind the edge not
	m.Markers = append(m.Markers, marker{X: 300, Y: 7}, marker{X: 300, Y: 7})
	m.spread(100)
	if m.Markers[4].X != 300 || m.Markers[5].X != 200 {
		t.Errorf("at the edge: %+v", m.Markers[4:])
	}
	if m.Markers[0].X != 5 || m.Markers[1].X != 105 || m.Markers[2].X != 9 || m.Markers[3].X != 205 {
		t.Errorf("%+v", m.Markers)
	}
}

func TestAssets(t *testing.T) {
	load := func(css string) *assets {
		a, err := loadAssets(fstest.MapFS{"d/a.css": {Data: []byte(css)}, "d/b.js": {Data: []byte("x")}}, "d")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	one, same, other := load("1"), load("1"), load("2")
	if one.hash != same.hash || one.hash == other.hash || len(one.hash) != 12 {
		t.Errorf("hashes %s %s %s", one.hash, same.hash, other.hash)
	}
	if _, err := loadAssets(fstest.MapFS{"d/notes.txt": {}}, "d"); err == nil {
		t.Error("a file without a media type must not be embedded")
	}
	var codes map[string]struct{ Cause, Action string }
	if err := json.Unmarshal(one.files["codes.json"], &codes); err != nil || codes[warehouse.CodeWrongBin].Action == "" {
		t.Errorf("codes.json: %v", err)
	}
	// The promise: all scripts together stay below 40 kB.
	a, err := loadAssets(assetFiles, "assets")
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for name, b := range a.files {
		if len(name) > 3 && name[len(name)-3:] == ".js" {
			size += len(b)
		}
	}
	if size == 0 || size >= 40_000 {
		t.Errorf("%d bytes of JavaScript", size)
	}
}
