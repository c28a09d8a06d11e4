package scan

import (
	"errors"
	"fmt"
	"strings"

	"tote/gs1/ai"
	"tote/gs1/fault"
	"tote/gs1/key"
)

// kind is what an AIM identifier says of the data behind it.
type kind uint8

const (
	kindText  kind = iota
	kindGS1        // an element string; the first FNC1 is implied
	kindEAN13      // EAN-13, UPC-A or UPC-E, always as 13 digits
	kindEAN8
	kindITF // may hold a GTIN-14, and says nothing of it
)

func kindOf(id string) kind {
	switch id {
	case "]C1", "]e0", "]d2", "]Q3", "]J1":
		return kindGS1
	case "]E0":
		return kindEAN13
	case "]E4":
		return kindEAN8
	case "]I0", "]I1", "]I3":
		return kindITF
	}
	return kindText
}

// GS1 reports whether an identifier announces GS1 data, as element string or as
// the digits of an EAN or UPC.
func GS1(id string) bool {
	k := kindOf(id)
	return k == kindGS1 || k == kindEAN13 || k == kindEAN8
}

// Symbology is the name of the symbology an AIM identifier stands for ("GS1-128",
// "Code 39"), or "" when ISO/IEC 15424 gives its letter to none.
func Symbology(id string) string {
	switch id {
	case "]C1":
		return "GS1-128"
	case "]e0", "]e1", "]e2":
		return "GS1 DataBar or composite"
	case "]d2":
		return "GS1 DataMatrix"
	case "]Q3":
		return "GS1 QR Code"
	case "]J1":
		return "GS1 DotCode"
	case "]E0":
		return "EAN-13 or UPC"
	case "]E4":
		return "EAN-8"
	}
	if len(id) != 3 || id[0] != ']' {
		return ""
	}
	for _, n := range [...]struct {
		letter byte
		name   string
	}{
		{'A', "Code 39"},
		{'B', "Telepen"},
		{'C', "Code 128"},
		{'D', "Code One"},
		{'E', "EAN or UPC with add-on"},
		{'F', "Codabar"},
		{'G', "Code 93"},
		{'H', "Code 11"},
		{'I', "Interleaved 2 of 5"},
		{'J', "DotCode"},
		{'K', "Code 16K"},
		{'L', "PDF417"},
		{'M', "MSI"},
		{'N', "Anker"},
		{'O', "Codablock"},
		{'P', "Plessey"},
		{'Q', "QR Code"},
		{'R', "Straight 2 of 5"},
		{'S', "Straight 2 of 5"},
		{'T', "Code 49"},
		{'U', "MaxiCode"},
		{'X', "other"},
		{'Z', "no barcode"},
		{'d', "Data Matrix"},
		{'h', "Han Xin"},
		{'z', "Aztec Code"},
	} {
		if n.letter == id[1] {
			return n.name
		}
	}
	return ""
}

// cutIdentifier splits bracket, code letter and modifier off.
func cutIdentifier(barcode string) (id, data string, err error) {
	if len(barcode) < 3 || !letter(barcode[1]) || !key.HexDigit(barcode[2]) {
		return "", "", fmt.Errorf("%q: %w", barcode[:min(len(barcode), 100)], fault.Identifier)
	}
	return barcode[:3], barcode[3:], nil
}

func letter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

// ean reads the n digits of an EAN/UPC symbol and the composite component that
// may follow as "|]e0…".
func ean(data string, n int, depth ai.Depth, parse func(string) ([]ai.Element, error)) ([]ai.Element, error) {
	digits, composite, more := strings.Cut(data, "|]e0")
	if len(digits) != n {
		return nil, fmt.Errorf("EAN %q: %w", short(digits, depth), fault.Length)
	}
	gtin, err := key.GTIN14(digits)
	if err != nil {
		return nil, err
	}
	elements := []ai.Element{{AI: "01", Value: gtin}}
	if !more {
		return elements, nil
	}
	rest, err := parse(composite)
	if err != nil {
		return nil, err
	}
	return ai.Distinct(append(elements, rest...), depth)
}

// short cuts what an error quotes; what the state machine quoted it quotes whole.
func short(text string, depth ai.Depth) string {
	if depth == ai.Frozen || len(text) <= 100 {
		return text
	}
	return text[:100] + "…"
}

// leads reports whether data begins with an AI and n digits with a good check
// digit.
func leads(data, name string, n int) bool {
	return strings.HasPrefix(data, name) && len(data) >= len(name)+n && key.ValidKey(data[len(name):len(name)+n])
}

// byChance tells the errors of data that only looked like GS1 data.
func byChance(err error) bool { return errors.Is(err, fault.UnknownAI) }

// notGS1 tells the error of an address that is no Digital Link.
func notGS1(err error) bool { return errors.Is(err, fault.Link) }
