package gen2

import (
	"encoding/hex"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, tc := range []struct {
		name, in, epc string
		n             int
	}{
		{"two words", "100030081122ff", "30081122", 6},
		{"none", "0000", "", 2},
		{"an extended control word", "12000abc30081122", "30081122", 8},
		{"two of them", "12008abc000130081122", "30081122", 10},
		{"an extended control word is missing", "0a00", "", 0},
		{"the second is missing", "0a008abc3008", "", 0},
		{"half a PC", "10", "", 0},
		{"a byte short", "1000300811", "", 0},
		{"31 words, and not there", "f800", "", 0},
	} {
		in, err := hex.DecodeString(tc.in)
		if err != nil {
			t.Fatal(err)
		}
		if _, epc, n := Split(in); hex.EncodeToString(epc) != tc.epc || n != tc.n {
			t.Errorf("%s: %x, %d", tc.name, epc, n)
		}
	}
}

// Tags that others read, with the CRC that they sent.
func TestCRC(t *testing.T) {
	for in, want := range map[string]uint16{
		"340030751feb705c5904e3d50d70": 0x3a76, // M100 module manual
		"3000e28068900000500e88c6a4a7": 0x119b, // mriveros/uhf_reader_AT
		"3000000000000000000000001545": 0xe94a, // SparkFun library, ThingMagic
		"100003269201":                 0x2a79, // a public RFID_Reader.c
	} {
		p, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := CRC(p); got != want {
			t.Errorf("%s: %04x, want %04x", in, got, want)
		}
	}
}
