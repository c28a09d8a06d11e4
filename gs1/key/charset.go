package key

// The character sets of the GS1 General Specifications, each in its own order.
const (
	Set82 = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
	Set39 = `#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ`
	// set64 is base64url with its padding.
	set64 = `-0123456789=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
	set10 = `0123456789`
)

// classes has a bit for each set a byte is in.
type classes [256]uint8

// sets is the classes of every byte, made once from the sets above.
var sets = func() (c classes) {
	for bit, set := range []string{set10, Set82, Set39, set64} {
		for i := range len(set) {
			c[set[i]] |= 1 << bit
		}
	}
	return c
}()

// InSet reports whether c is in a set, named as in the syntax dictionary: N
// digits, X the 82 characters, Y the 39, Z base64url. There are no others.
func InSet(class, c byte) bool {
	switch class {
	case 'N':
		return sets[c]&1 != 0
	case 'X':
		return sets[c]&2 != 0
	case 'Y':
		return sets[c]&4 != 0
	case 'Z':
		return sets[c]&8 != 0
	}
	return false
}

// HexDigit reports whether c is a hexadecimal digit of either case.
func HexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

// Unhex gives the value of a hexadecimal digit.
func Unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
