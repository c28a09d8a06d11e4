package label

import (
	"fmt"

	"tote/drivers"
)

// Code 128: the widths of bars and spaces of the 107 characters, ISO/IEC 15417
// table 1. 103 to 105 start in set A, B or C, 106 is the stop.
var patterns = [107]string{
	"212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213", "221312", "231212",
	"112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132", "221231", "213212", "223112", "312131",
	"311222", "321122", "321221", "312212", "322112", "322211", "212123", "212321", "232121", "111323", "131123", "131321",
	"112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331", "132131", "113123", "113321", "133121",
	"313121", "211331", "231131", "213113", "213311", "213131", "311123", "311321", "331121", "312113", "312311", "332111",
	"314111", "221411", "431111", "111224", "111422", "121124", "121421", "141122", "141221", "112214", "112412", "122114",
	"122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111", "111242", "121142", "121241", "114212",
	"124112", "124211", "411212", "421112", "421211", "212141", "214121", "412121", "111143", "111341", "131141", "114113",
	"114311", "411113", "411311", "113141", "114131", "311141", "411131", "211412", "211214", "211232", "2331112",
}

// Characters of Code 128 that are no data.
const (
	toB    = 100
	fnc1   = 102
	startB = 104
	startC = 105
	stop   = 106
)

// gs stands between elements in the data of a GS1 symbol.
const gs = '\x1d'

// code128 encodes printable ASCII, with FNC1 first for GS1 and for each GS. What
// begins with pairs of digits begins in set C; behind that it is all set B, with
// no change back: printers agree on how that is asked for. The result has start,
// data and change characters, but neither check character nor stop.
func code128(data string, isGS1 bool) ([]int, error) {
	digits := func(i int) (n int) {
		for i+n < len(data) && data[i+n] >= '0' && data[i+n] <= '9' {
			n++
		}
		return n
	}
	if data == "" {
		return nil, unfit("a code of nothing")
	}
	inC := digits(0) >= 4 || isGS1 && digits(0) >= 2
	codes := []int{startB}
	if inC {
		codes[0] = startC
	}
	if isGS1 {
		codes = append(codes, fnc1)
	}
	for i := 0; i < len(data); {
		n := digits(i)
		switch {
		case data[i] == gs && isGS1:
			codes = append(codes, fnc1)
			i++
		case inC && n >= 2:
			codes = append(codes, int(data[i]-'0')*10+int(data[i+1]-'0'))
			i += 2
		case inC:
			codes, inC = append(codes, toB), false
		case data[i] < ' ' || data[i] > '~':
			return nil, fmt.Errorf("%w: %.60q has a character Code 128 does not hold here (%w)", ErrLabel, data, drivers.Coded(drivers.CodeLabelCharacter))
		default:
			codes = append(codes, int(data[i]-' '))
			i++
		}
	}
	return codes, nil
}

// widths are the widths of bars and spaces of the whole symbol in modules, bar
// first.
func widths(codes []int) []byte {
	sum := codes[0]
	for i, c := range codes[1:] {
		sum += (i + 1) * c
	}
	var out []byte
	for _, c := range append(append([]int(nil), codes...), sum%103, stop) {
		for _, w := range []byte(patterns[c]) {
			out = append(out, w-'0')
		}
	}
	return out
}

// codes are the Code 128 characters of a linear symbol.
func (e Element) codes() ([]int, error) {
	data, err := e.plain()
	if err != nil {
		return nil, err
	}
	if len(data) > 48 {
		return nil, unfit("%.60q has more than the 48 characters of a GS1-128", data)
	}
	return code128(data, e.Kind == GS1128)
}
