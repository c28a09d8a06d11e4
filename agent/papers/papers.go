// Package papers renders what can be printed when screens do not do: the pick
// ticket, the packing slip and the bill of lading of an order, and the manifest of
// a truck, as text and as ZPL. A paper is a pure function of the records: the same state gives
// the same bytes, and so the same hash.
package papers

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"tote/warehouse"
)

// ErrNone: there is nothing of that name to print.
var ErrNone = errors.New("papers: no such order or manifest")

// Columns of a line of text.
const columns = 56

// Lines of one label of 4 by 6 inches at 203 dpi.
const (
	perPage    = 30
	lineDots   = 36
	letterDots = 28
	marginDots = 40
	widthDots  = 812
	heightDots = 1218
)

// Line has a left and a right part. Rule draws a line across.
type Line struct {
	Left, Right string
	Rule        bool
}

// Paper is one document, ready to be printed.
type Paper struct {
	Kind  string // a document kind of the domain
	Ref   string // order or manifest
	Title string
	Lines []Line
}

func (p *Paper) add(left, right string) { p.Lines = append(p.Lines, Line{Left: left, Right: right}) }
func (p *Paper) rule()                  { p.Lines = append(p.Lines, Line{Rule: true}) }

// Ticket is the pick ticket of an order: what is still to be picked, bin by bin.
func Ticket(r warehouse.Reader, order string) (*Paper, error) {
	o, err := warehouse.GetOrder(r, order)
	if err != nil || o == nil {
		return nil, errors.Join(err, missing(o))
	}
	p := &Paper{Kind: warehouse.DocTicket, Ref: order, Title: "PICK TICKET " + order}
	p.add(fmt.Sprintf("Priority %d, revision %d", o.Spec.Priority, o.Spec.Revision), o.Spec.Method)
	p.rule()
	for _, l := range o.Lines {
		name, err := nameOf(r, l.SKU)
		if err != nil {
			return nil, err
		}
		for _, id := range l.Tasks {
			t, err := warehouse.GetTask(r, id)
			if err != nil {
				return nil, err
			}
			if t == nil || t.State != warehouse.TaskOpen && t.State != warehouse.TaskAssigned && t.State != warehouse.TaskClaimed {
				continue
			}
			p.add(fmt.Sprintf("[ ] %s  %s", t.Bin, name), fmt.Sprintf("%d x", t.Qty-t.Picked))
			p.add("    "+strings.TrimSpace(t.SKU+"  "+lot(t.Lot, t.Expiry)), "")
		}
	}
	p.rule()
	p.add("Picked by ____________________", "Tote __________")
	return p, nil
}

// Lading is the bill of lading of an order: what a carrier takes over, from whom
// and to whom.
func Lading(r warehouse.Reader, order string) (*Paper, error) {
	o, err := warehouse.GetOrder(r, order)
	if err != nil || o == nil {
		return nil, errors.Join(err, missing(o))
	}
	site, err := warehouse.GetSite(r)
	if err != nil {
		return nil, err
	}
	p := &Paper{Kind: warehouse.DocLading, Ref: order, Title: "BILL OF LADING " + order}
	if site != nil {
		p.add("From: site "+site.ID, "")
	}
	a := o.Spec.ShipTo
	p.add("To: "+a.Name, "")
	p.add("    "+a.Street+", "+a.Postcode+" "+a.City+", "+a.Country, "")
	p.rule()
	var mg int64
	for _, c := range o.Parcels {
		p.add("SSCC "+c.SSCC, kilograms(c.WeightMg)+" kg")
		p.add("     "+strings.TrimSpace(c.Carrier+" "+c.Service)+" "+c.Tracking, "")
		mg += c.WeightMg
	}
	p.rule()
	for _, l := range o.Lines {
		if l.Picked == 0 {
			continue
		}
		name, err := nameOf(r, l.SKU)
		if err != nil {
			return nil, err
		}
		p.add(l.SKU+"  "+name, fmt.Sprint(l.Picked))
	}
	p.rule()
	p.add(fmt.Sprintf("%d parcels", len(o.Parcels)), kilograms(mg)+" kg")
	p.add("Shipper ______________________", "Date __________")
	p.add("Carrier ______________________", "Date __________")
	return p, nil
}

// Manifest is the list a carrier signs.
func Manifest(r warehouse.Reader, id string) (*Paper, error) {
	m, err := warehouse.GetManifest(r, id)
	if err != nil || m == nil {
		return nil, errors.Join(err, missing(m))
	}
	p := &Paper{Kind: warehouse.DocManifest, Ref: id, Title: "MANIFEST " + id}
	p.add("Carrier "+m.Carrier, "Dock "+m.Dock)
	p.rule()
	for _, sscc := range m.Parcels {
		lu, err := warehouse.GetLU(r, sscc)
		if err != nil || lu == nil {
			return nil, errors.Join(err, missing(lu))
		}
		o, err := warehouse.GetOrder(r, lu.Order)
		if err != nil || o == nil {
			return nil, errors.Join(err, missing(o))
		}
		for _, c := range o.Parcels {
			if c.SSCC == sscc {
				p.add(sscc+"  "+c.Tracking, strings.TrimSpace(strings.ToUpper(o.Spec.Party)+"  "+kilograms(c.WeightMg)+" kg"))
			}
		}
	}
	p.rule()
	p.add(fmt.Sprintf("%d parcels", len(m.Parcels)), kilograms(m.WeightMg)+" kg")
	p.add("Received by ____________________", "Date __________")
	return p, nil
}

// missing is ErrNone for a record that is not there.
func missing[T any](v *T) error {
	if v == nil {
		return ErrNone
	}
	return nil
}

func nameOf(r warehouse.Reader, sku string) (string, error) {
	it, err := warehouse.GetItem(r, sku)
	if err != nil || it == nil {
		return sku, err
	}
	return it.Name, nil
}

func lot(lot, expiry string) string {
	switch {
	case lot == "":
		return ""
	case expiry == "":
		return "lot " + lot
	}
	return "lot " + lot + ", best before " + expiry
}

// kilograms rounds to the gram, half up.
func kilograms(mg int64) string {
	g := (mg + 500) / 1000
	return fmt.Sprintf("%d.%03d", g/1000, g%1000)
}

// cut shortens a text to some letters.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:max(most-1, 0)]) + "…"
}

// Text is the paper for any printer or screen: UTF-8 lines of 56 letters.
func (p *Paper) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", cut(p.Title, columns))
	for _, l := range p.Lines {
		if l.Rule {
			fmt.Fprintln(&b, strings.Repeat("-", columns))
			continue
		}
		left := cut(l.Left, columns-utf8.RuneCountInString(l.Right)-1)
		pad := columns - utf8.RuneCountInString(left) - utf8.RuneCountInString(l.Right)
		fmt.Fprintln(&b, strings.TrimRight(left+strings.Repeat(" ", max(pad, 1))+l.Right, " "))
	}
	return b.Bytes()
}

// escape writes a text as field data: what ZPL would read as a command goes in
// hex.
var escape = strings.NewReplacer("_", "_5F", "^", "_5E", "~", "_7E")

// ZPL is the paper for a label printer, on as many labels as it needs.
func (p *Paper) ZPL() []byte {
	var b bytes.Buffer
	pages := max((len(p.Lines)+perPage-1)/perPage, 1)
	for n := range pages {
		fmt.Fprintf(&b, "^XA\n^CI28^PW%d^LL%d^LH0,0^LS0^PON^FWN\n", widthDots, heightDots)
		title := p.Title
		if pages > 1 {
			title = fmt.Sprintf("%s  %d/%d", title, n+1, pages)
		}
		fmt.Fprintf(&b, "^FO%d,40^A0N,44,44^FH^FD%s^FS\n", marginDots, escape.Replace(cut(title, 32)))
		y := 104
		for _, l := range p.Lines[n*perPage : min((n+1)*perPage, len(p.Lines))] {
			if l.Rule {
				fmt.Fprintf(&b, "^FO%d,%d^GB%d,2,2^FS\n", marginDots, y+lineDots/2, widthDots-2*marginDots)
			}
			if l.Left != "" {
				left := cut(l.Left, columns-utf8.RuneCountInString(l.Right)-1)
				fmt.Fprintf(&b, "^FO%d,%d^A0N,%d,%d^FH^FD%s^FS\n", marginDots, y, letterDots, letterDots*9/10, escape.Replace(left))
			}
			if l.Right != "" {
				fmt.Fprintf(&b, "^FO%d,%d^A0N,%d,%d^FB%d,1,0,R^FH^FD%s^FS\n",
					marginDots, y, letterDots, letterDots*9/10, widthDots-2*marginDots, escape.Replace(l.Right))
			}
			y += lineDots
		}
		b.WriteString("^PQ1,0,1,Y^XZ\n")
	}
	return b.Bytes()
}
