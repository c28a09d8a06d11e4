package printer

import (
	"cmp"
	"slices"
	"strings"

	"tote/firmware-tests/record"
)

// rect is something black on the label, in dots.
type rect struct{ x, y, w, h int }

// findBars finds the Code 128 symbols among black rectangles, as a scanner would: a
// row of at least 19 bars of one height, widths that are multiples of the
// narrowest one, and a check character that is right.
func findBars(list []rect) (out []record.Barcode) {
	rows := map[[2]int][]rect{}
	for _, r := range list {
		rows[[2]int{r.y, r.h}] = append(rows[[2]int{r.y, r.h}], r)
	}
	var keys [][2]int
	for k := range rows {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for _, k := range keys {
		row := rows[k]
		slices.SortFunc(row, func(a, b rect) int { return cmp.Compare(a.x, b.x) })
		if scan := scan128(row); scan != "" {
			out = append(out, record.Barcode{Type: "BARS", Data: scan[3:], Scan: scan})
		}
	}
	return out
}

// scan128 reads one row; "" when it is no Code 128.
func scan128(row []rect) string {
	if len(row) < 10 {
		return ""
	}
	narrow := row[0].w
	for i, r := range row {
		narrow = min(narrow, r.w)
		if i > 0 {
			narrow = min(narrow, r.x-row[i-1].x-row[i-1].w)
		}
	}
	if narrow <= 0 {
		return ""
	}
	var widths []byte
	for i, r := range row {
		if i > 0 {
			widths = append(widths, byte('0'+(r.x-row[i-1].x-row[i-1].w)/narrow))
		}
		widths = append(widths, byte('0'+r.w/narrow))
	}
	// Six widths a character, seven the stop.
	if len(widths)%6 != 1 || string(widths[len(widths)-7:]) != "2331112" {
		return ""
	}
	var codes []int
	for i := 0; i+7 < len(widths); i += 6 {
		c, known := code128Of[string(widths[i:i+6])]
		if !known {
			return ""
		}
		codes = append(codes, c)
	}
	if len(codes) < 3 {
		return ""
	}
	sum, last := codes[0], len(codes)-1
	for i, c := range codes[1:last] {
		sum += (i + 1) * c
	}
	if sum%103 != codes[last] {
		return ""
	}
	return text128(codes[:last])
}

// text128 is what a scanner sends for the characters of a symbol: start first,
// neither check character nor stop.
func text128(codes []int) string {
	var t strings.Builder
	prefix, set := "]C0", codes[0]-103 // 0 A, 1 B, 2 C
	for i, c := range codes[1:] {
		switch {
		case c == 102 && i == 0:
			prefix = "]C1"
		case c == 102:
			t.WriteString(gs)
		case set == 2 && c < 100:
			t.WriteByte(byte('0' + c/10))
			t.WriteByte(byte('0' + c%10))
		case c == 99:
			set = 2
		case c == 100 && set != 1:
			set = 1
		case c == 101 && set != 0:
			set = 0
		case c < 96 && set == 1, c < 64:
			t.WriteByte(byte(c + ' '))
		case c < 96:
			t.WriteByte(byte(c - 64))
		}
	}
	return prefix + t.String()
}

// code128Of is table 1 of ISO/IEC 15417 the other way round.
var code128Of = func() map[string]int {
	const all = "212222222122222221121223121322131222122213122312132212221213221312231212" +
		"112232122132122231113222123122123221223211221132221231213212223112312131" +
		"311222321122321221312212322112322211212123212321232121111323131123131321" +
		"112313132113132311211313231113231311112133112331132131113123113321133121" +
		"313121211331231131213113213311213131311123311321331121312113312311332111" +
		"314111221411431111111224111422121124121421141122141221112214112412122114" +
		"122411142112142211241211221114413111241112134111111242121142121241114212" +
		"124112124211411212421112421211212141214121412121111143111341131141114113" +
		"114311411113411311113141114131311141411131211412211214211232"
	m := map[string]int{}
	for i := 0; i < len(all); i += 6 {
		m[all[i:i+6]] = i / 6
	}
	return m
}()
