package wire

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
)

// FuzzMessage: no bytes make the codec panic or allocate out of proportion; what
// it reads it writes, and reads the same again; the fast path reads what the
// tree reads.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		"043d 00000054 000003e8 00f0 002b 8d 3074257bf7194e4000001a85 81 0002 86 cd 82 000660e83262e4c8 84 000660e83262e4c8 88 0001" +
			"00f0 001f 00f1 0016 0080 e20034120102030405060708090a0b0c 81 0001 86 c3",
		"0414 00000050 00000067 00b1 0046 00000001 00 00 00b2 0012 00b3 0005 00 00b6 0009 00 00000000" +
			"00b7 0018 0001 0000 00b8 0009 00 00000000 00ba 0007 0001 01 00ed 0012 02 0001 00ee 000b 1780 015c 0005 c0",
		"043f 00000020 00000000 00f6 0016 0080 000c 000660e832579e10 0100 0006 0000",
		"0464 00000012 00000001 011f 0008 006d 0000",
		"043d 00000035 000003e8 00f0 002b 8d 303435fc8803d056d15b963f 81 0001 86 bc 03ff 000e 0000651a 00000038 0a40",
		"03ff", "043e 0000000a 000003e9",
	} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var framer Framer
		framer.Push(data)
		for {
			h, body, ok, err := framer.Next()
			if err != nil || !ok {
				break
			}
			checkMessage(t, h.Type, body)
		}
		checkMessage(t, ROAccessReport, data)
	})
}

func checkMessage(t *testing.T, typ Type, body []byte) {
	tree, err := Parse(typ, body)
	if err != nil {
		return
	}
	_ = tree.String()
	again, err := tree.Body()
	if err != nil {
		t.Fatalf("%s: cannot be written: %v", tree, err)
	}
	if len(again) != len(body) {
		t.Fatalf("%s: %d bytes written, %d read", tree, len(again), len(body))
	}
	second, err := Parse(typ, again)
	if err != nil || !reflect.DeepEqual(tree, second) {
		t.Fatalf("%s: read again as %s, %v", tree, second, err)
	}
	if typ == ROAccessReport {
		checkReport(t, body, tree)
	}
}

// checkReport compares the two ways to read a report.
func checkReport(t *testing.T, body []byte, tree *Node) {
	var got, want []string
	say := func(epc []byte, antenna, rssi, pc, phase int) string {
		return fmt.Sprintf("%X %d %d %X %d", epc, antenna, rssi, pc, phase)
	}
	if _, err := Report(body, new(Tag), func(t *Tag) { got = append(got, say(t.EPC, t.Antenna, t.RSSI, int(t.PC), t.Phase)) }); err != nil {
		t.Fatalf("%s: %v", tree, err)
	}
	for _, tag := range tree.All("TagReportData") {
		var epc []byte
		antenna, rssi, pc, phase := 0, 0, 0, 0
		for _, p := range tag.Params { // the last word counts
			switch p.Name() {
			case "EPC_96":
				epc = p.Get("EPC").([]byte)
			case "EPCData":
				if b := p.Get("EPC").(Bits); b.Count > 0 {
					epc = b.Data
				}
			case "AntennaID":
				antenna = p.Num("AntennaID")
			case "PeakRSSI":
				rssi = p.Num("PeakRSSI")
			case "C1G2PC":
				pc = p.Num("PC_Bits")
			case "Custom":
				d, _ := p.Get("Data").([]byte)
				if p.Num("VendorIdentifier") == 25882 && p.Num("ParameterSubtype") == 56 && len(d) == 2 && d[0] < 16 {
					phase = int(d[0])<<8 | int(d[1])
				}
			}
		}
		want = append(want, say(bytes.Clone(epc), antenna, rssi, pc, phase))
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: the fast path reads %q", tree, got)
	}
}
