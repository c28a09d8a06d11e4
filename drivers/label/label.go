// Package label lays labels out from fields and writes them in the language of
// a printer: ZPL II, TSPL, EPL2, ESC/POS. A Label knows where everything stands
// before it knows who prints it, so that one check holds for all printers: a
// symbol fits with its quiet zone, or there is no label.
//
// Everything is pure: no clock, no goroutine; the same fields give the same
// bytes. Sources: GS1 General Specifications (GS1-128, logistic label), ISO/IEC
// 15417 (Code 128), 16022 (Data Matrix) and 18004 (QR) for sizes and quiet
// zones; the programming manuals named in the file of each language.
package label

import (
	"errors"
	"fmt"
	"strings"

	"tote/drivers"
	"tote/gs1/ai"
)

// ErrLabel: the label's data cannot be printed.
var ErrLabel = errors.New("label: impossible label")

// unfit is ErrLabel with the code of what does not fit.
func unfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s (%w)", ErrLabel, fmt.Sprintf(format, args...), drivers.Coded(drivers.CodeLabelUnfit))
}

// Code is the fault code of an error of this package: what was refused without a
// code of its own is data that no label can be made of. "" is of other errors.
func Code(err error) string {
	if code := drivers.CodeOf(err); code != "" || !errors.Is(err, ErrLabel) {
		return code
	}
	return drivers.CodeLabelData
}

// Unit is the unit of all lengths on a label: an eighth of a millimetre, which
// is one dot of a printer with 203 dpi (8 dots a millimetre).
const Unit = 8

// Kind is what an element is.
type Kind uint8

// The kinds of elements.
const (
	Text       Kind = iota // one line of text
	Rule                   // a filled rectangle
	GS1128                 // GS1-128, data as "(00)106…"
	Code128                // Code 128, data of printable ASCII
	DataMatrix             // GS1 DataMatrix, data as "(01)095…(10)L1"
	QR                     // QR Code with any text: a GS1 Digital Link
)

// Element is one thing on a label, upright. Lengths are in eighths of a
// millimetre, X and Y are its upper left corner.
type Element struct {
	Kind   Kind
	X, Y   int
	W, H   int    // Rule: its size. Text: room to the right, and letter height. Linear symbols: H of the bars
	Module int    // symbols: width of the narrowest bar or of one cell
	Data   string // as the kind says
	HRI    bool   // linear symbols: with its human readable line below
	Right  bool   // Text: ends at X+W
}

// Label is one label.
type Label struct {
	Name          string // the template it was made by
	Width, Height int
	Elements      []Element
	Tag           string // EPC of 96 bits in hexadecimal for the RFID tag in the label; "" = none
}

// hriHigh is the letter height of a human readable line, and the space it
// takes below the bars.
const (
	hriHigh = 26
	hriRoom = 36
)

// box is a rectangle; the right and lower edge are outside.
type box struct{ x, y, x2, y2 int }

func (a box) hits(b box) bool { return a.x < b.x2 && b.x < a.x2 && a.y < b.y2 && b.y < a.y2 }

// Symbol tells whether the element is a barcode.
func (e Element) Symbol() bool { return e.Kind >= GS1128 }

// size is what the element covers, without quiet zone.
func (e Element) size() (box, error) {
	switch e.Kind {
	case Text:
		w := textWidth(e.Data, e.H)
		if e.W > 0 {
			w = min(w, e.W)
		}
		if e.Right {
			return box{e.X + e.W - w, e.Y, e.X + e.W, e.Y + e.H}, nil
		}
		return box{e.X, e.Y, e.X + w, e.Y + e.H}, nil
	case Rule:
		return box{e.X, e.Y, e.X + e.W, e.Y + e.H}, nil
	}
	w, h, err := e.modules()
	if err != nil {
		return box{}, err
	}
	if h == 0 { // linear
		high := e.H
		if e.HRI {
			high += hriRoom
		}
		return box{e.X, e.Y, e.X + w*e.Module, e.Y + high}, nil
	}
	return box{e.X, e.Y, e.X + w*e.Module, e.Y + h*e.Module}, nil
}

// quiet is the free space a symbol needs around it: on the left and right, and
// above and below.
func (e Element) quiet() (x, y int) {
	switch e.Kind {
	case GS1128, Code128:
		return 10 * e.Module, 0
	case DataMatrix:
		return e.Module, e.Module
	case QR:
		return 4 * e.Module, 4 * e.Module
	}
	return 0, 0
}

// Check tells what is wrong with a label: data that its symbol cannot hold,
// something that is not on the label, or a symbol that is not free of others
// within its quiet zone.
func (l Label) Check() error {
	if l.Width <= 0 || l.Height <= 0 || l.Width > 2000 || l.Height > 4000 {
		return unfit("a label of %d x %d eighths of a millimetre", l.Width, l.Height)
	}
	if l.Tag != "" && !validTag(l.Tag) {
		return fmt.Errorf("%w: EPC %.40q", ErrLabel, l.Tag)
	}
	boxes := make([]box, len(l.Elements))
	for i, e := range l.Elements {
		b, err := e.size()
		if err != nil {
			return err
		}
		if b.x < 0 || b.y < 0 || b.x2 > l.Width || b.y2 > l.Height || e.H < 0 {
			return unfit("%s: %.40q is not on the label", l.Name, e.Data)
		}
		if e.Symbol() && (e.Module < 2 || e.H < 40 && e.linear()) {
			return unfit("%s: the code of %.40q is too small", l.Name, e.Data)
		}
		boxes[i] = b
	}
	for i, e := range l.Elements {
		if !e.Symbol() {
			continue
		}
		qx, qy := e.quiet()
		zone := box{boxes[i].x - qx, boxes[i].y - qy, boxes[i].x2 + qx, boxes[i].y2 + qy}
		if zone.x < 0 || zone.x2 > l.Width || zone.y < 0 || zone.y2 > l.Height {
			return unfit("%s: the code of %.40q is too wide with its quiet zone", l.Name, e.Data)
		}
		for k, b := range boxes {
			if k != i && zone.hits(b) {
				return unfit("%s: %.40q stands in the quiet zone of %.40q", l.Name, l.Elements[k].Data, e.Data)
			}
		}
	}
	return nil
}

// validTag tells whether s is an EPC of 96 bits in capital hexadecimal.
func validTag(s string) bool { return len(s) == 24 && strings.Trim(s, "0123456789ABCDEF") == "" }

func (e Element) linear() bool { return e.Kind == GS1128 || e.Kind == Code128 }

// elements are the element strings of a GS1 symbol.
func (e Element) elements() ([]ai.Element, error) {
	list, ok, err := ai.ParseBracketed(e.Data, ai.Listed)
	if err == nil && !ok {
		err = errors.New("no brackets")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %.60q: %w", ErrLabel, e.Data, err)
	}
	return list, nil
}

// plain is what a scanner reports of the symbol behind its identifier: the
// text, or the element string with GS between elements.
func (e Element) plain() (string, error) {
	if e.Kind != GS1128 && e.Kind != DataMatrix {
		return e.Data, nil
	}
	list, err := e.elements()
	if err != nil {
		return "", err
	}
	s, err := ai.ElementString(list, ai.Listed)
	if err != nil {
		return "", fmt.Errorf("%w: %.60q: %w", ErrLabel, e.Data, err)
	}
	return s, nil
}

// Scan is what a scanner sends of the symbol, with its AIM identifier.
func (e Element) Scan() (string, error) {
	s, err := e.plain()
	return map[Kind]string{GS1128: "]C1", Code128: "]C0", DataMatrix: "]d2", QR: "]Q1"}[e.Kind] + s, err
}

// hri is the human readable line of a symbol.
func (e Element) hri() string {
	list, err := e.elements()
	if e.Kind != GS1128 || err != nil {
		return e.Data
	}
	var parts []string
	for _, x := range list {
		parts = append(parts, "("+x.AI+") "+x.Value)
	}
	return strings.Join(parts, " ")
}
