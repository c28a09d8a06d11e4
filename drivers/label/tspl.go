package label

import (
	"bytes"
	"fmt"
	"strings"

	"tote/drivers"
)

// TSPL and TSPL2, by the TSC bar code printer programming manual (SIZE,
// DIRECTION, CODEPAGE, CLS, TEXT, BAR, DMATRIX, QRCODE, PRINT). The gap stays as
// the printer was calibrated.
//
// Text is UTF-8 in the scalable font 0. A quote is written \["]; a backslash in
// front of a bracket would begin such an escape and has none of its own, so it
// is printed as a slash; ~! would begin a command that is carried out at once
// (~!D, ~!F …) and is printed as -!. A QR Code with either is refused. Linear
// symbols are drawn bar by bar.

func writeTSPL(l Label, dot func(int) int) ([]byte, error) {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("SIZE %s mm,%s mm", tenths(l.Width), tenths(l.Height))
	line("DIRECTION 1")
	line("CODEPAGE UTF-8")
	line("CLS")
	for _, e := range l.Elements {
		x, y := dot(e.X), dot(e.Y)
		switch e.Kind {
		case Text:
			if box, err := e.size(); err == nil {
				x = dot(box.x)
			}
			points := max(e.H*72*10/254/Unit, 4)
			line(`TEXT %d,%d,"0",0,%d,%d,"%s"`, x, y, points, points, quoted(printable(e.Data)))
		case Rule:
			line("BAR %d,%d,%d,%d", x, y, dot(e.W), dot(e.H))
		case GS1128, Code128:
			if err := e.bars(dot, func(x, w int) { line("BAR %d,%d,%d,%d", x, y, w, dot(e.H)) }); err != nil {
				return nil, err
			}
			if e.HRI {
				points := hriHigh * 72 * 10 / 254 / Unit
				line(`TEXT %d,%d,"0",0,%d,%d,"%s"`, x, dot(e.Y+e.H+6), points, points, quoted(e.hri()))
			}
		case DataMatrix:
			data, err := e.plain()
			if err != nil {
				return nil, err
			}
			w, _, err := e.modules()
			if err != nil {
				return nil, err
			}
			// ~ is no character of GS1 data, so it can be the escape: ~1 is FNC1.
			data = strings.ReplaceAll(data, string(gs), "~1")
			line(`DMATRIX %d,%d,%d,%d,c126,x%d,"~1%s"`, x, y, dot(w*e.Module), dot(w*e.Module), dot(e.Module), quoted(data))
		case QR:
			if strings.Contains(e.Data, "~!") || strings.Contains(e.Data, `\[`) {
				return nil, fmt.Errorf("%w: %.60q (%w)", ErrLabel, e.Data, drivers.Coded(drivers.CodeLabelCharacter))
			}
			line(`QRCODE %d,%d,M,%d,A,0,"%s"`, x, y, min(dot(e.Module), 10), quoted(printable(e.Data)))
		}
	}
	line("PRINT 1,1")
	return b.Bytes(), nil
}

// tenths writes eighths of a millimetre as millimetres.
func tenths(n int) string { return fmt.Sprintf("%d.%d", n/Unit, n%Unit*10/Unit) }

// quoted makes a text safe between double quotes.
func quoted(s string) string {
	return strings.NewReplacer(`\[`, `/[`, `~!`, `-!`, `"`, `\["]`).Replace(s)
}
