package label

import "unicode/utf8"

// squares are the square symbols of Data Matrix ECC 200: cells a side and data
// codewords, ISO/IEC 16022 table 7. Larger ones are no use on a label.
var squares = []struct{ side, words int }{
	{10, 3}, {12, 5}, {14, 8}, {16, 12}, {18, 18}, {20, 22}, {22, 30}, {24, 36}, {26, 44}, {32, 62}, {36, 86}, {40, 114}, {44, 144}, {48, 174},
}

// qrBytes are the bytes that QR versions 1 to 12 hold with error correction M,
// ISO/IEC 18004 table 7. A version has 17 + 4 x version cells a side.
var qrBytes = []int{14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287}

// modules is the size of a symbol in modules; h is 0 for linear ones. Matrix
// symbols may come out smaller: a printer may know a denser encoding.
func (e Element) modules() (w, h int, err error) {
	data, err := e.plain()
	if err != nil {
		return 0, 0, err
	}
	switch e.Kind {
	case GS1128, Code128:
		codes, err := e.codes()
		if err != nil {
			return 0, 0, err
		}
		return 11*(len(codes)+2) + 2, 0, nil
	case DataMatrix:
		words := matrixWords(data)
		for _, s := range squares {
			if words <= s.words {
				return s.side, s.side, nil
			}
		}
	case QR:
		if data == "" || !utf8.ValidString(data) {
			break
		}
		for i, n := range qrBytes {
			if len(data) <= n {
				return 21 + 4*i, 21 + 4*i, nil
			}
		}
	}
	return 0, 0, unfit("the code of %.60q is too large", data)
}

// matrixWords counts the codewords of the ASCII encodation of Data Matrix, FNC1
// in front: a pair of digits is one word.
func matrixWords(data string) int {
	n := 1
	digit := func(i int) bool { return i < len(data) && data[i] >= '0' && data[i] <= '9' }
	for i := 0; i < len(data); i++ {
		if digit(i) && digit(i+1) {
			i++
		}
		n++
	}
	return n
}
