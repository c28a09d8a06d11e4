package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tote/warehouse"
)

// The map is drawn in centimetres, the front cross aisle at the bottom. A bar
// in each bin is as long as there is stock; its colour says how much of it is
// reserved, and a thick frame says that some is, so that colour is never alone.

// apron is what is drawn before the front cross aisle: pack stations and the
// places where robots park lie there, and no layout says how far.
const apron = 430

// edge keeps a marker inside the map.
const edge = 90

// busyBins is how many bins the list beside the map names.
const busyBins = 5

// floorMap is the map of the warehouse.
type floorMap struct {
	Known         bool // false: the site file is not loaded
	Width, Height int64
	Left, Top     int64 // origin of the view box
	Aisles        []aisle
	Front, Back   int64 // y of the two cross aisles
	DepotX        int64
	Drop          string // barcode of the pack drop
	Markers       []marker
	Missing       []robotRow // robots nobody knows the place of
	Busy          []binStock
	OnHand        int64
	Reserved      int64
}

// aisle is one aisle with the bins on its sides. It is one fragment.
type aisle struct {
	N, X  int64
	Name  string
	Cells []cell
}

// cell is one bin, or a stack of bins at the same place.
type cell struct {
	Key        string
	X, Y, W, H int64
	Bar        int64 // width of the stock bar, 0..W
	BarX       int64
	Heat       int // 0..4, by reserved units
	Title      string
	stock      []binStock
}

// binStock is what stands in a bin.
type binStock struct {
	Bin           string
	Qty, Reserved int64
	Items         []string
}

// marker is something that moves.
type marker struct {
	Kind, ID, Label, State string
	X, Y                   int64
	Text                   string
	Code                   string // shown beside a marker in trouble
	Alert                  bool
	Side                   string // where the code begins or ends: "start", "end", "" = in the middle
	CodeX, CodeY           int64  // from the marker
}

func readMap(r warehouse.Reader, floor []Marker) (floorMap, error) {
	site, err := warehouse.GetSite(r)
	if err != nil || site == nil {
		return floorMap{}, err
	}
	l := site.Layout
	depth := (2*l.EndMm + int64(l.Cells-1)*l.CellMm) / 10
	pitch := l.PitchMm / 10
	top := pitch * 11 / 20
	m := floorMap{
		Known: true, Drop: site.PackDrop, DepotX: int64(l.DepotAisle) * pitch,
		Left: -pitch * 11 / 20, Top: -top, Width: int64(l.Aisles)*pitch + pitch/10,
		Height: top + depth + max(top, apron), Front: depth, Back: 0,
	}
	stock, err := stockOfBins(r)
	if err != nil {
		return m, err
	}
	bins, err := warehouse.Bins(r)
	if err != nil {
		return m, err
	}
	m.drawBins(l, bins, stock)
	m.Busy = busiest(stock)
	byCode := make(map[string]warehouse.Bin, len(bins))
	for _, b := range bins {
		byCode[b.Code] = b
	}
	return m, drawMarkers(r, &m, l, byCode, floor)
}

// stockOfBins adds up what stands in each bin.
func stockOfBins(r warehouse.Reader) (map[string]*binStock, error) {
	items, err := warehouse.Items(r)
	if err != nil {
		return nil, err
	}
	out := map[string]*binStock{}
	for _, it := range items {
		rows, err := warehouse.Balances(r, it.SKU)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			code, ok := strings.CutPrefix(row.Place, "bin/")
			if !ok || row.Qty == 0 {
				continue
			}
			b := out[code]
			if b == nil {
				b = &binStock{Bin: code}
				out[code] = b
			}
			b.Qty += row.Qty
			b.Reserved += row.Reserved
			b.Items = append(b.Items, fmt.Sprintf("%d × %s", row.Qty, it.Name))
		}
	}
	return out, nil
}

// drawBins puts the bins beside their aisles: L on the left, all others on the
// right.
func (m *floorMap) drawBins(l warehouse.Layout, bins []warehouse.Bin, stock map[string]*binStock) {
	pitch, step := l.PitchMm/10, l.CellMm/10
	walk, deep := pitch*26/100, pitch*22/100 // half of the lane; a rack
	m.Aisles = make([]aisle, l.Aisles)
	for a := range m.Aisles {
		m.Aisles[a] = aisle{N: int64(a), X: int64(a) * pitch}
	}
	at := map[string]int{} // key of a place → index in its aisle
	for _, b := range bins {
		if b.Aisle < 0 || b.Aisle >= l.Aisles || b.Cell < 0 || b.Cell >= l.Cells {
			continue
		}
		ai := &m.Aisles[b.Aisle]
		ai.Name = aisleName(ai.Name, b.Code)
		key := fmt.Sprintf("%d/%d/%s", b.Aisle, b.Cell, b.Side)
		i, ok := at[key]
		if !ok {
			i = len(ai.Cells)
			at[key] = i
			c := cell{Key: b.Code, W: deep, H: step * 80 / 100, Y: m.cellY(l, b.Cell) - step*40/100}
			c.X = ai.X + walk
			if b.Side == "L" {
				c.X = ai.X - walk - deep
			}
			ai.Cells = append(ai.Cells, c)
		}
		c := &ai.Cells[i]
		st := binStock{Bin: b.Code}
		if known := stock[b.Code]; known != nil {
			st = *known
		}
		c.stock = append(c.stock, st)
	}
	for a := range m.Aisles {
		for i := range m.Aisles[a].Cells {
			c := &m.Aisles[a].Cells[i]
			c.finish(m.Aisles[a].X)
			for _, st := range c.stock {
				m.OnHand += st.Qty
				m.Reserved += st.Reserved
			}
		}
	}
}

// aisleName is what the codes of an aisle begin with, in whole parts and
// without the last one: A of A-01-L and A-02-R, A-01 of A-01-01-L and A-01-02-L.
func aisleName(known, code string) string {
	parts := strings.Split(code, "-")
	parts = parts[:max(1, len(parts)-1)]
	if known == "" {
		return strings.Join(parts, "-")
	}
	n := 0
	for i, p := range strings.Split(known, "-") {
		if i == len(parts) || parts[i] != p {
			break
		}
		n++
	}
	if n == 0 {
		return known
	}
	return strings.Join(parts[:n], "-")
}

// cellY is the middle of a cell along its aisle.
func (m *floorMap) cellY(l warehouse.Layout, n int) int64 {
	return m.Front - (l.EndMm+int64(n)*l.CellMm)/10
}

// finish gives a cell its bar, heat and tooltip. The bar grows from the lane
// into the rack.
func (c *cell) finish(lane int64) {
	var qty, reserved int64
	lines := make([]string, 0, len(c.stock))
	for _, st := range c.stock {
		qty += st.Qty
		reserved += st.Reserved
		what := "empty"
		if st.Qty > 0 {
			what = fmt.Sprintf("%d on hand, %d reserved: %s", st.Qty, st.Reserved, strings.Join(st.Items, ", "))
		}
		lines = append(lines, st.Bin+": "+what)
	}
	c.Title = strings.Join(lines, "\n")
	c.Bar = c.W * barLevel(qty) / 4
	c.BarX = c.X
	if c.X < lane {
		c.BarX = c.X + c.W - c.Bar
	}
	c.Heat = heat(reserved)
}

// barLevel is how full a bin looks, 0..4. Fixed steps: one pick must not change
// the look of all other bins.
func barLevel(qty int64) int64 {
	switch {
	case qty <= 0:
		return 0
	case qty < 5:
		return 1
	case qty < 15:
		return 2
	case qty < 40:
		return 3
	}
	return 4
}

// heat is how much work waits at a bin, 0..4, by reserved units.
func heat(reserved int64) int {
	switch {
	case reserved <= 0:
		return 0
	case reserved == 1:
		return 1
	case reserved < 4:
		return 2
	case reserved < 8:
		return 3
	}
	return 4
}

func busiest(stock map[string]*binStock) []binStock {
	var out []binStock
	for _, st := range stock {
		if st.Reserved > 0 {
			out = append(out, *st)
		}
	}
	slices.SortFunc(out, func(a, b binStock) int {
		return cmp.Or(cmp.Compare(b.Reserved, a.Reserved), cmp.Compare(a.Bin, b.Bin))
	})
	return out[:min(len(out), busyBins)]
}

// drawMarkers places what moves: the markers of the gateway, and each worker
// who is signed in and not among them.
func drawMarkers(r warehouse.Reader, m *floorMap, l warehouse.Layout, bins map[string]warehouse.Bin, floor []Marker) error {
	known := map[string]bool{}
	for _, f := range floor {
		known[f.ID] = true
		mk := marker{Kind: f.Kind, ID: f.ID, Label: label(f.ID), State: f.State, Text: f.Text, Code: f.Code, Alert: f.Alert}
		mk.X, mk.Y = f.X/10, m.Front-f.Y/10
		if b, ok := bins[f.Bin]; ok {
			mk.X, mk.Y = int64(b.Aisle)*l.PitchMm/10, m.cellY(l, b.Cell)
		}
		m.keep(&mk)
		m.Markers = append(m.Markers, mk)
	}
	states, err := warehouse.WorkerStates(r)
	if err != nil {
		return err
	}
	idle := int64(0)
	for _, ws := range states {
		if ws.Device == "" && ws.Batch == "" || known[ws.Worker] {
			continue
		}
		if robot, ok := strings.CutPrefix(ws.Device, "robot:"); ok && known[robot] {
			continue // a picking robot that says where it is
		}
		mk, err := picker(r, ws)
		if err != nil {
			return err
		}
		if b, ok := bins[mk.bin]; ok {
			mk.X, mk.Y = int64(b.Aisle)*l.PitchMm/10, m.cellY(l, b.Cell)
		} else {
			idle++
			mk.X, mk.Y = m.DepotX+idle*l.PitchMm/30, m.Front
		}
		m.Markers = append(m.Markers, mk.marker)
	}
	m.spread(l.PitchMm / 10 * 20 / 100)
	m.letter()
	return nil
}

// keep brings what is said to be outside back to the edge: a robot must not
// vanish because its place is impossible.
func (m *floorMap) keep(mk *marker) {
	mk.X = min(max(mk.X, m.Left+edge), m.Right()-edge)
	mk.Y = min(max(mk.Y, m.Top+edge), m.Top+m.Height-edge)
}

// missing lists the robots that are not on the map.
func (m *floorMap) missing(robots []robotRow) {
	on := map[string]bool{}
	for _, mk := range m.Markers {
		on[mk.ID] = true
	}
	for _, r := range robots {
		if !on[r.ID] {
			m.Missing = append(m.Missing, r)
		}
	}
}

// spread moves markers apart that stand in the same place.
func (m *floorMap) spread(by int64) {
	taken := map[[2]int64]int64{}
	for i := range m.Markers {
		mk := &m.Markers[i]
		at := [2]int64{mk.X, mk.Y}
		aside := taken[at] * by
		if mk.X+aside > m.Right()-edge {
			aside = -aside
		}
		mk.X += aside
		taken[at]++
	}
}

// Room for the code of a marker, half its width and its height.
const (
	codeWide = 330
	codeHigh = 200
)

// letter puts the codes of those in trouble where the map has room for them.
func (m *floorMap) letter() {
	for i := range m.Markers {
		mk := &m.Markers[i]
		mk.CodeY = 165
		if mk.Y+codeHigh > m.Top+m.Height {
			mk.CodeY = -115
		}
		switch {
		case mk.X-codeWide < m.Left:
			mk.Side, mk.CodeX = "start", -edge
		case mk.X+codeWide > m.Right():
			mk.Side, mk.CodeX = "end", edge
		}
	}
}

type placed struct {
	marker
	bin string
}

// picker is the marker of a worker: at the bin of the task in hand, else at the
// depot.
func picker(r warehouse.Reader, ws warehouse.WorkerState) (placed, error) {
	p := placed{marker: marker{Kind: MarkerPicker, ID: ws.Worker, Label: label(ws.Worker), State: "idle"}}
	name, kind := ws.Worker, MarkerPicker
	w, err := warehouse.GetWorker(r, ws.Worker)
	if err != nil {
		return p, err
	}
	if w != nil {
		name = w.Name
		if w.Kind == warehouse.WorkerRobot {
			kind = MarkerRobot
		}
	}
	p.Kind = kind
	if ws.Batch != "" {
		return p, p.atWork(r, name, ws.Batch)
	}
	p.Text = name + " has no work"
	if ws.WaitingSince != 0 {
		p.State, p.Text = "waiting", name+" waits for work"
	}
	return p, nil
}

// atWork puts the marker at the task in hand.
func (p *placed) atWork(r warehouse.Reader, name, batch string) error {
	b, err := warehouse.GetBatch(r, batch)
	if err != nil || b == nil {
		return err
	}
	p.State, p.Text = "putting down", name+" brings the totes to the pack drop"
	if b.At >= len(b.Walk) {
		return nil
	}
	t, err := warehouse.GetTask(r, b.Walk[b.At])
	if err != nil || t == nil {
		return err
	}
	p.bin, p.State = t.Bin, "picking"
	p.Text = fmt.Sprintf("%s picks %s in bin %s, %s left", name, t.SKU, t.Bin, plural(len(b.Walk)-b.At, "task", "tasks"))
	return nil
}

// label is the id as it fits into a marker.
func label(id string) string {
	if r := []rune(id); len(r) > 3 {
		return string(r[len(r)-3:])
	}
	return id
}

// Right is the x of the right edge.
func (m floorMap) Right() int64 { return m.Left + m.Width }

// DepotY is where the pack drop is drawn, below the front cross aisle.
func (m floorMap) DepotY() int64 { return m.Front + 60 }

// legendRow explains one heat.
type legendRow struct {
	Heat int
	Text string
}

// Legend explains the heats, see heat.
func (m floorMap) Legend() []legendRow {
	return []legendRow{{1, "1 reserved"}, {2, "2–3"}, {3, "4–7"}, {4, "8 or more"}}
}
