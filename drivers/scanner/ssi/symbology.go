package ssi

import (
	"errors"
	"fmt"
	"strings"
)

// ErrShortened: the scanner sends UPC-E without its number system or check
// digit, so that it cannot be told which article is meant.
var ErrShortened = errors.New("ssi: UPC-E is not 8 digits with its check digit")

// symbology is what a code type stands for.
type symbology struct {
	name string
	// id is its AIM identifier; "" where the type stands for several, so that
	// the data itself must tell (QR Code may hold GS1 data or not).
	id string
	to func(data string) (string, error) // nil = as it is
}

// symbologies is the table of code types of DECODE_DATA that are common. The
// upper two bits of UPC and EAN types say how long an add-on is: see types.
var symbologies = map[byte]symbology{
	0x01: {"Code 39", "]A0", nil},
	0x02: {"Codabar", "]F0", nil},
	0x03: {"Code 128", "]C0", nil}, // with FNC1 in front it is 0F
	0x04: {"Discrete 2 of 5", "]S0", nil},
	0x05: {"IATA 2 of 5", "]R0", nil},
	0x06: {"Interleaved 2 of 5", "]I0", nil},
	0x07: {"Code 93", "]G0", nil},
	0x08: {"UPC-A", "]E0", upcA},
	0x09: {"UPC-E", "]E0", upcE},
	0x0A: {"EAN-8", "]E4", nil},
	0x0B: {"EAN-13", "]E0", nil},
	0x0C: {"Code 11", "]H0", nil},
	0x0E: {"MSI", "]M0", nil},
	0x0F: {"GS1-128", "]C1", nil},
	0x10: {"UPC-E1", "]E0", upcE},
	0x11: {"PDF417", "]L0", nil},
	0x13: {"Code 39 full ASCII", "]A4", nil},
	0x15: {"Trioptic Code 39", "]X0", nil},
	0x16: {"Bookland", "", nil},
	0x19: {"ISBT 128", "]C0", nil},
	0x1A: {"MicroPDF417", "]L0", nil},
	0x1B: {"Data Matrix", "", nil}, // older firmware says so of GS1 DataMatrix too
	0x1C: {"QR Code", "", nil},     // older firmware says so of GS1 QR Code too
	0x25: {"MaxiCode", "]U0", nil},
	0x2C: {"Micro QR Code", "]Q1", nil},
	0x2D: {"Aztec Code", "]z0", nil},
	0x30: {"GS1 DataBar", "]e0", dataBar},
	0x31: {"GS1 DataBar Limited", "]e0", dataBar},
	0x32: {"GS1 DataBar Expanded", "]e0", nil},
	0x51: {"composite A, GS1-128", "]e0", nil},
	0x54: {"composite A, DataBar Expanded", "]e0", nil},
	0x59: {"composite C, GS1-128", "]e0", nil},
	0x61: {"composite B, GS1-128", "]e0", nil},
	0x64: {"composite B, DataBar Expanded", "]e0", nil},
	0xC1: {"GS1 DataMatrix", "]d2", nil},
	0xC2: {"GS1 QR Code", "]Q3", nil},
}

// addOns says how many digits behind the digits of the article are an add-on:
// the issue of a magazine, the price of a book. Stock is kept by article.
var addOns = map[byte]int{
	0x48: 2, 0x49: 2, 0x4A: 2, 0x4B: 2, 0x50: 2,
	0x88: 5, 0x89: 5, 0x8A: 5, 0x8B: 5, 0x90: 5,
}

// SymbologyName is the name of a code type, or its number.
func SymbologyName(code byte) string {
	if n, ok := addOns[code]; ok {
		return fmt.Sprintf("%s with add-on of %d", symbologies[base(code)].name, n)
	}
	if s, ok := symbologies[code]; ok {
		return s.name
	}
	return fmt.Sprintf("code type %02X", code)
}

// base is the type of an UPC or EAN without its add-on.
func base(code byte) byte {
	switch code {
	case 0x50, 0x90:
		return 0x10
	}
	return code & 0x0F
}

// Text is the data of a scan with its AIM identifier in front, as a scanner on a
// plain line would send it: EAN and UPC always as 13 or 8 digits, without
// add-ons. Data that has an identifier already keeps it. The error is
// ErrShortened.
func Text(code byte, data string) (string, error) {
	if len(data) >= 3 && data[0] == ']' && letter(data[1]) {
		return data, nil
	}
	if n, ok := addOns[code]; ok {
		if len(data) <= n {
			return "", ErrShortened
		}
		data, code = data[:len(data)-n], base(code)
	}
	s := symbologies[code]
	if s.to != nil {
		var err error
		if data, err = s.to(data); err != nil {
			return "", err
		}
	}
	return s.id + data, nil
}

func letter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

// upcA: 12 digits are a GTIN-13 with 0 in front.
func upcA(data string) (string, error) {
	if len(data) == 12 {
		return "0" + data, nil
	}
	return data, nil // 13 with its country code; else the check digit is refused later
}

// dataBar: scanners may leave AI 01 out, which is all there can be.
func dataBar(data string) (string, error) {
	if len(data) == 14 {
		return "01" + data, nil
	}
	return data, nil
}

// upcE expands the 8 digits of UPC-E to the 12 of the UPC-A they stand for. As
// they are they look like an EAN-8, of another article.
func upcE(data string) (string, error) {
	if len(data) == 12 || len(data) == 13 {
		return upcA(data) // the scanner has done it
	}
	if len(data) != 8 || strings.Trim(data, "0123456789") != "" || data[0] > '1' {
		return "", ErrShortened
	}
	d := data[1:7]
	body := ""
	switch d[5] {
	case '0', '1', '2':
		body = d[:2] + d[5:6] + "0000" + d[2:5]
	case '3':
		body = d[:3] + "00000" + d[3:5]
	case '4':
		body = d[:4] + "00000" + d[4:5]
	default:
		body = d[:5] + "0000" + d[5:6]
	}
	return "0" + data[:1] + body + data[7:], nil
}
