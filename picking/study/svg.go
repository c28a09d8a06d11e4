package study

import (
	"fmt"
	"io"
	"strings"

	"tote/picking/instance"
)

// Measures of the picture, in its units.
const (
	width   = 900.0
	margin  = 30.0
	spread  = 4.0 // between the lines of a way walked twice
	dotSize = 3.0
)

// SVG draws a field with one walk: the aisles, the picks numbered in walking
// order, and the way.
func SVG(w io.Writer, f *instance.Field, b Batch) error {
	l := f.Layout
	rows := []int64{0}
	for i, bl := range l.Blocks {
		rows = append(rows, rows[i]+bl.FrontMm+int64(bl.Cells-1)*bl.CellMm+bl.BackMm)
	}
	depth := rows[len(rows)-1]
	across := int64(max(l.Aisles-1, 1)) * l.PitchMm
	scale := (width - 2*margin) / float64(max(across, depth))
	height := float64(depth)*scale + 2*margin
	at := func(aisle int, offset int64) (float64, float64) { // the front is at the bottom
		return margin + float64(int64(aisle)*l.PitchMm)*scale, height - margin - float64(offset)*scale
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="9">`+"\n", float64(across)*scale+2*margin, height)
	fmt.Fprintf(&s, "<title>%d orders, %d lines, %.1f m</title>\n", len(b.Orders), b.Lines, float64(b.LengthMm)/1000)
	for a := range l.Aisles {
		x, front := at(a, 0)
		_, back := at(a, depth)
		fmt.Fprintf(&s, `<path d="M%.1f %.1fV%.1f" stroke="#ddd" stroke-width="6"/>`+"\n", x, front, back)
	}
	for _, row := range rows {
		x0, y := at(0, row)
		x1, _ := at(l.Aisles-1, row)
		fmt.Fprintf(&s, `<path d="M%.1f %.1fH%.1f" stroke="#eee" stroke-width="6"/>`+"\n", x0, y, x1)
	}
	s.WriteString(`<polyline fill="none" stroke="#06c" stroke-width="1.5" stroke-linejoin="round" points="`)
	for i, p := range b.Walk {
		x, y := at(p.Aisle, p.OffsetMm)
		if i > 0 && p.Aisle == b.Walk[i-1].Aisle { // up on the right, down on the left
			d := spread / 2
			if p.OffsetMm < b.Walk[i-1].OffsetMm {
				d = -d
			}
			px, py := at(p.Aisle, b.Walk[i-1].OffsetMm)
			fmt.Fprintf(&s, "%.1f,%.1f ", px+d, py)
			x += d
		}
		fmt.Fprintf(&s, "%.1f,%.1f ", x, y)
	}
	s.WriteString("\"/>\n")
	x, y := at(l.DepotAisle, rows[l.DepotCross])
	fmt.Fprintf(&s, `<rect x="%.1f" y="%.1f" width="10" height="10" fill="#222"/>`+"\n", x-5, y-5)
	for i, p := range b.Picks {
		bl := l.Blocks[p.Block]
		x, y := at(p.Aisle, rows[p.Block]+bl.FrontMm+int64(p.Cell)*bl.CellMm)
		fmt.Fprintf(&s, `<circle cx="%.1f" cy="%.1f" r="%.0f" fill="#c30"/><text x="%.1f" y="%.1f">%d</text>`+"\n", x, y, dotSize, x+5, y+3, i+1)
	}
	s.WriteString("</svg>\n")
	_, err := io.WriteString(w, s.String())
	return err
}
