package label

import (
	"fmt"
	"strings"

	"tote/gs1/ai"
	"tote/gs1/link"
)

// The sizes of the small labels.
var (
	FourByTwo = Size{812, 406} // 4 by 2 inches: totes and bins
	Small     = Size{456, 256} // 57 by 32 mm: items
)

// Coded is a tote or a bin: a code to be read from far away, and a Code 128 of
// it.
type Coded struct {
	Title string // what it is: "TOTE", "BIN"
	Code  string // printable ASCII, what a scanner reads
	Note  string // a second line, as the zone; may be empty
}

// Label lays it out on 4 by 2 inches.
func (c Coded) Label() (Label, error) {
	if c.Code == "" || strings.TrimSpace(c.Title) == "" {
		return Label{}, fmt.Errorf("%w: no code or title", ErrLabel)
	}
	d := drawing{Label{Name: strings.ToLower(c.Title), Width: FourByTwo.Width, Height: FourByTwo.Height}}
	room := d.Width - 2*margin
	d.text(margin, 24, 26, one(c.Title, 20))
	if c.Note != "" {
		note := one(c.Note, 40)
		d.add(Element{Kind: Text, X: margin + 200, Y: 24, W: room - 200, H: 26, Data: note, Right: true})
	}
	// The whole code, however small: a bin's name that is cut names another.
	text, high := largest(c.Code, room, 120, 90, 64, 44, 32, 24)
	if text != strings.Join(strings.Fields(c.Code), " ") {
		return Label{}, unfit("the code %.60q is too long to be read", c.Code)
	}
	d.text(margin, 60, high, text)
	if err := d.bars(Element{Kind: Code128, Y: 206, H: 170, Data: c.Code}, 5, 4, 3, 2); err != nil {
		return Label{}, err
	}
	return d.Label, d.Check()
}

// bars adds a linear symbol in the middle, with the first module it fits with.
func (d *drawing) bars(e Element, modules ...int) error {
	w, _, err := e.modules()
	if err != nil {
		return err
	}
	for _, m := range modules {
		if (w+20)*m <= d.Width {
			e.Module, e.X = m, (d.Width-w*m)/2
			d.add(e)
			return nil
		}
	}
	return unfit("%s: the code of %.60q is too wide", d.Name, e.Data)
}

// Item is the label of one item or of a pack of it.
type Item struct {
	SKU    string
	Name   string
	GTIN   string // 14 digits; "" = a Code 128 of the SKU
	Lot    string
	Expiry string // YYYY-MM-DD
	Serial string
	Link   string // resolver of GS1 Digital Links, "https://id.example.com"; "" = a GS1 DataMatrix
}

// Label lays it out on 57 by 32 mm.
func (i Item) Label() (Label, error) {
	if strings.TrimSpace(i.SKU) == "" {
		return Label{}, fmt.Errorf("%w: no SKU", ErrLabel)
	}
	d := drawing{Label{Name: "item", Width: Small.Width, Height: Small.Height}}
	const edge = 20
	room := d.Width - 2*edge
	symbol, err := i.symbol()
	if err != nil {
		return Label{}, err
	}
	lines := 3 // of the name
	if symbol.Kind != Code128 {
		w, _, err := symbol.modules()
		if err != nil {
			return Label{}, err
		}
		for _, m := range []int{5, 4, 3} {
			symbol.Module = m
			if qx, _ := symbol.quiet(); w*m+2*qx <= 180 || m == 3 {
				symbol.X, symbol.Y = d.Width-edge-w*m-qx, 40+qx
				room = symbol.X - qx - edge - 4
				break
			}
		}
		d.add(symbol)
	} else {
		symbol.Y, symbol.H = 150, 80
		if err := d.bars(symbol, 3, 2); err != nil {
			return Label{}, err
		}
		lines = 1
	}
	sku, high := largest(i.SKU, room, 34, 28, 22, 18)
	d.small(edge, 14, room, high, sku)
	y := 52
	for _, s := range fit(i.Name, letters(room, 22), lines) {
		d.small(edge, y, room, 22, s)
		y += 26
	}
	for _, s := range i.facts() {
		if y+20 > d.Height-10 || symbol.Kind == Code128 && y+20 > symbol.Y {
			break
		}
		d.small(edge, y, room, 20, one(s, letters(room, 20)))
		y += 24
	}
	return d.Label, d.Check()
}

func (d *drawing) small(x, y, w, high int, s string) {
	if s != "" {
		d.add(Element{Kind: Text, X: x, Y: y, W: w, H: high, Data: s})
	}
}

// facts are the lines with data titles.
func (i Item) facts() (out []string) {
	for _, f := range []struct{ title, value string }{{"GTIN ", i.GTIN}, {"BATCH/LOT ", i.Lot}, {"EXPIRY ", i.Expiry}, {"SERIAL ", i.Serial}} {
		if f.value != "" {
			out = append(out, f.title+f.value)
		}
	}
	return out
}

// symbol is what the item's label has scanned.
func (i Item) symbol() (Element, error) {
	if i.GTIN == "" {
		return Element{Kind: Code128, Data: i.SKU}, nil
	}
	data := "(01)" + i.GTIN
	if i.Expiry != "" {
		if len(i.Expiry) != 10 {
			return Element{}, fmt.Errorf("%w: expiry %.40q", ErrLabel, i.Expiry)
		}
		data += "(17)" + strings.ReplaceAll(i.Expiry[2:], "-", "")
	}
	if i.Lot != "" {
		data += "(10)" + strings.ReplaceAll(i.Lot, "(", `\(`)
	}
	if i.Serial != "" {
		data += "(21)" + strings.ReplaceAll(i.Serial, "(", `\(`)
	}
	e := Element{Kind: DataMatrix, Data: data}
	if i.Link == "" {
		return e, nil
	}
	list, err := e.elements()
	if err != nil {
		return Element{}, err
	}
	uri, err := link.Build(i.Link, list, ai.Listed)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrLabel, err)
	}
	return Element{Kind: QR, Data: uri}, err
}

// Line of a slip has a left and a right part. Rule draws a line across.
type Line struct {
	Left, Right string
	Rule        bool
}

// Lines of one label of 4 by 6 inches.
const (
	slipLines  = 30
	slipPitch  = 36
	slipLetter = 28
	slipWide   = 48 // letters
	slipRight  = 36 // of these at most on the right
)

// Slip lays a paper of lines out, a packing slip for one, on as many labels of
// 4 by 6 inches as it needs. What is too long is cut on its left part.
func Slip(title string, lines []Line) ([]Label, error) {
	pages := max((len(lines)+slipLines-1)/slipLines, 1)
	var out []Label
	for n := range pages {
		d := drawing{Label{Name: "slip", Width: FourBySix.Width, Height: FourBySix.Height}}
		head := title
		if pages > 1 {
			head = fmt.Sprintf("%s  %d/%d", title, n+1, pages)
		}
		d.text(margin, 40, 44, one(head, 31))
		y := 104
		for _, l := range lines[n*slipLines : min((n+1)*slipLines, len(lines))] {
			if l.Rule {
				d.rule(y+slipPitch/2, 2)
			}
			right := one(l.Right, slipRight)
			left := l.Left
			if room := slipWide - len([]rune(right)) - 1; len([]rune(left)) > room {
				left = string([]rune(left)[:max(room-3, 0)]) + "..."
			}
			d.text(margin, y, slipLetter, strings.TrimRight(left, " "))
			if right != "" {
				d.add(Element{Kind: Text, X: margin, Y: y, W: d.Width - 2*margin, H: slipLetter, Data: right, Right: true})
			}
			y += slipPitch
		}
		if err := d.Check(); err != nil {
			return nil, err
		}
		out = append(out, d.Label)
	}
	return out, nil
}
