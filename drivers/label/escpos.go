package label

import (
	"bytes"
	"slices"
	"strings"
)

// ESC/POS, by the ESC/POS command reference of Seiko Epson (ESC @, ESC t, GS !,
// GS h, GS w, GS H, GS k, GS ( k, GS V). A receipt has no places: elements come
// one below the other, and texts of one height next to each other. Text is in
// Windows code page 1252 (ESC t 16). Bars reach 255 dots, 31.9 mm, so a logistic
// label, which needs 32 mm, is refused.

const (
	receiptDots    = 576 // of 80 mm paper
	receiptColumns = 48  // letters of font A
)

func writeESCPOS(l Label, _ func(int) int) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\x1b@\x1bt\x10")
	for _, row := range rows(l.reading()) {
		e := row[0]
		var err error
		switch e.Kind {
		case Text:
			err = receiptText(&b, row)
		case Rule:
			b.WriteString(strings.Repeat("-", receiptColumns) + "\n")
		case GS1128, Code128:
			err = receiptBars(&b, e)
		case QR:
			receiptQR(&b, printable(e.Data))
		default:
			err = noSymbol(ESCPOS, e)
		}
		if err != nil {
			return nil, err
		}
	}
	b.WriteString("\n\x1dV\x42\x03") // feeds to the knife and cuts
	return b.Bytes(), nil
}

// rows groups texts that stand next to each other.
func rows(list []Element) (out [][]Element) {
	for _, e := range list {
		if last := len(out) - 1; e.Kind == Text && last >= 0 && out[last][0].Kind == Text && e.Y-out[last][0].Y < 16 {
			out[last] = append(out[last], e)
			slices.SortStableFunc(out[last], func(a, b Element) int { return a.X - b.X })
			continue
		}
		out = append(out, []Element{e})
	}
	return out
}

func receiptText(b *bytes.Buffer, row []Element) error {
	columns, size, high := receiptColumns, byte(0), 0
	for _, e := range row {
		high = max(high, e.H)
	}
	if high >= 40 {
		columns, size = receiptColumns/2, 0x11 // twice as wide and high
	}
	left, right := "", ""
	for _, e := range row {
		s, err := latin(e.Data)
		switch {
		case err != nil:
			return err
		case e.Right:
			right = s
		case left == "":
			left = s
		default:
			left += "  " + s
		}
	}
	right = cut(right, columns)
	left = cut(left, max(columns-len(right)-min(len(right), 1), 0))
	pad := ""
	if right != "" {
		pad = strings.Repeat(" ", max(columns-len(left)-len(right), 0))
	}
	b.Write([]byte{0x1d, '!', size})
	b.WriteString(left + pad + right + "\n\x1d!\x00")
	return nil
}

// cut is a text of one byte a letter in a number of columns, with dots when
// something is left out.
func cut(s string, columns int) string {
	if len(s) <= columns {
		return s
	}
	return s[:max(columns-3, 0)] + strings.Repeat(".", min(columns, 3))
}

// receiptBars writes a linear symbol with GS k 73: { and a letter for the start,
// a change of set and FNC1.
func receiptBars(b *bytes.Buffer, e Element) error {
	codes, err := e.codes()
	if err != nil {
		return err
	}
	data := receiptCode(codes)
	if realTime(data) {
		plain, err := e.plain()
		if err != nil {
			return err
		}
		codes = onlyB(plain, e.Kind == GS1128)
		data = receiptCode(codes)
	}
	wide := (11*(len(codes)+2) + 2 + 20) * 2 // with quiet zone
	module := byte(2)
	switch {
	case e.H > 255:
		return unfit("escpos: bars reach 255 dots, %d are needed", e.H)
	case wide > receiptDots:
		return unfit("escpos: the code of %.60q is too wide", e.Data)
	case wide/2*3 <= receiptDots:
		module = 3
	}
	// Centred, its text below, then back to the left.
	b.WriteString("\x1ba\x01")
	b.Write([]byte{0x1d, 'h', byte(e.H), 0x1d, 'w', module, 0x1d, 'H', 2, 0x1d, 'k', 'I', byte(len(data))})
	b.Write(data)
	b.WriteString("\n\x1ba\x00")
	return nil
}

// realTime tells whether data holds what a printer takes for a real-time
// command wherever it stands: DLE with EOT, ENQ or DC4.
func realTime(data []byte) bool {
	for _, second := range []byte{0x04, 0x05, 0x14} {
		if bytes.Contains(data, []byte{0x10, second}) {
			return true
		}
	}
	return false
}

// onlyB encodes in set B alone, in which no byte is a control character.
func onlyB(data string, isGS1 bool) []int {
	codes := []int{startB}
	if isGS1 {
		codes = append(codes, fnc1)
	}
	for _, c := range []byte(data) {
		if c == gs {
			codes = append(codes, fnc1)
		} else {
			codes = append(codes, int(c)-' ')
		}
	}
	return codes
}

func receiptCode(codes []int) []byte {
	var out []byte
	inC := false
	for _, c := range codes {
		switch {
		case c == startC:
			inC = true
			out = append(out, "{C"...)
		case c == startB, inC && c == toB:
			inC = false
			out = append(out, "{B"...)
		case c == fnc1:
			out = append(out, "{1"...)
		case inC:
			out = append(out, byte(c))
		case c == '{'-' ':
			out = append(out, "{{"...)
		default:
			out = append(out, byte(c)+' ')
		}
	}
	return out
}

// receiptQR writes a QR Code, model 2, error correction M, by GS ( k functions
// 165, 167, 169, 180 and 181.
func receiptQR(b *bytes.Buffer, data string) {
	b.WriteString("\x1ba\x01\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x06\x1d(k\x03\x001E1")
	n := len(data) + 3
	b.Write([]byte{0x1d, '(', 'k', byte(n), byte(n >> 8), '1', 'P', '0'})
	b.WriteString(data)
	b.WriteString("\x1d(k\x03\x001Q0\n\x1ba\x00")
}
