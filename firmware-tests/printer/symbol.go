package printer

import (
	"strings"

	"tote/firmware-tests/record"
)

// gs is what a scanner sends for every FNC1 after the first position.
const gs = "\x1d"

// symbol is the record of one barcode field. args are the parameters of the ^B
// command, data the field data after ^FH.
func symbol(code string, args []string, data string) record.Barcode {
	b := record.Barcode{Type: code, Data: data, Scan: data}
	switch code {
	case "BC":
		b.Mode = strings.ToUpper(arg(args, 5, "N"))
		b.Scan = code128(b.Mode, data)
	case "BX":
		b.Scan = dataMatrix(data, arg(args, 6, "_"))
	case "BQ":
		// "QA," is error correction and input mode, not data.
		if _, rest, ok := strings.Cut(data, ","); ok {
			b.Scan = "]Q1" + rest
		}
	case "BE":
		if d := digits(data); len(d) == 12 {
			b.Scan = "]E0" + d + checkDigit(d)
		} else if len(d) == 13 {
			b.Scan = "]E0" + d[:12] + checkDigit(d[:12])
		}
	}
	return b
}

// code128 is what a scanner reads from ^BC field data. Mode D takes element
// strings with parentheses and sets FNC1 itself; the other modes take
// invocation characters, ">8" for FNC1 among them.
func code128(mode, data string) string {
	switch mode {
	case "D":
		d := strings.NewReplacer("(", "", ")", "", " ", "").Replace(data)
		if strings.HasPrefix(d, "00") && len(d) == 19 && digits(d) == d {
			d += checkDigit(d[2:]) // the printer completes an SSCC
		}
		return "]C1" + strings.ReplaceAll(strings.TrimPrefix(d, ">8"), ">8", gs)
	case "U":
		// Exactly 19 digits and the check digit, FNC1 first.
		d := digits(data)
		d = (d + strings.Repeat("0", 19))[:19]
		return "]C1" + d + checkDigit(d)
	}
	var t strings.Builder
	prefix := "]C0"
	for i := 0; i < len(data); i++ {
		if data[i] != '>' || i+1 == len(data) {
			t.WriteByte(data[i])
			continue
		}
		i++
		switch data[i] {
		case '0':
			t.WriteByte('>')
		case '8':
			if t.Len() == 0 {
				prefix = "]C1"
			} else {
				t.WriteString(gs)
			}
		case '5', '6', '7', '9', ':', ';':
			// start and change of subset: no data
		default:
			t.WriteString(data[i-1 : i+1])
		}
	}
	return prefix + t.String()
}

// dataMatrix is what a scanner reads from ^BX field data: escape + "1" is FNC1.
func dataMatrix(data, escape string) string {
	rest, first := strings.CutPrefix(data, escape+"1")
	prefix := "]d1"
	if first {
		prefix = "]d2"
	}
	return prefix + strings.ReplaceAll(rest, escape+"1", gs)
}

// arg is parameter i, def when it is missing or empty.
func arg(args []string, i int, def string) string {
	if i < len(args) && args[i] != "" {
		return args[i]
	}
	return def
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// checkDigit is the GS1 check digit: weights 3 and 1 from the right.
func checkDigit(d string) string {
	sum := 0
	for i := range len(d) {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 0 {
			v *= 3
		}
		sum += v
	}
	return string(rune('0' + (10-sum%10)%10))
}
