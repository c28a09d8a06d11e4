package ssi

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/drivers/drivertest"
)

// heard is what a splitter and a message make of bytes, in words.
func heard(chunks ...[]byte) []string {
	out := []string{}
	m := NewMessage(1000)
	s := Splitter{
		Noise: func(b []byte) { out = append(out, fmt.Sprintf("noise % X", b)) },
		Packet: func(p Packet) {
			if p.Op != OpDecodeData && p.Op != OpBarcodeSegment {
				out = append(out, fmt.Sprintf("%02X from %d status %02X data % X", p.Op, p.Source, p.Status, p.Data))
				return
			}
			code, data, done, err := m.Add(p)
			switch {
			case err != nil:
				out = append(out, err.Error())
			case done:
				text, err := Text(code, string(data))
				out = append(out, fmt.Sprintf("%s %q %v", SymbologyName(code), text, err))
			default:
				out = append(out, "more follows")
			}
		},
	}
	for _, c := range chunks {
		s.Push(c)
	}
	s.Gap()
	return out
}

// The bytes of others: see line 1 of each file.
func TestGoldenFrames(t *testing.T) {
	drivertest.Golden(t, "testdata/frames", func(wire []byte) any { return heard(wire) })
}

// What hosts of others send is what is sent here.
func TestHostPackets(t *testing.T) {
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"ack":              {Ack(), "04 D0 04 00 FF 28"},                               // enioka SsiChecksumTest
		"resend":           {Nak(NakResend), "05 D1 04 00 01 FF 25"},                   //
		"settings":         {Settings(), "09 C6 04 00 FF EE 01 9F 01 FC 9F"},           // Socket's SSI_DECODE_PACKET_FORMAT and SSI_SOFTWARE_HANDSHAKE in one
		"revision":         {RequestRevision(), "04 A3 04 00 FF 55"},                   //
		"segment":          {SegmentAck(), "04 74 04 00 FF 84"},                        //
		"longer than fits": {Packet{Data: make([]byte, 300)}.Append(nil)[:2], "FF 00"}, //
	} {
		if got := fmt.Sprintf("% X", c.got); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// However the bytes arrive, and whatever comes before and behind them, what is
// whole is found.
func TestSplitterFindsWhatIsWhole(t *testing.T) {
	files, err := filepath.Glob("testdata/frames/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		wire, err := drivertest.ReadHex(file)
		if err != nil {
			t.Fatal(err)
		}
		want := heard(wire)
		var bytewise [][]byte
		for i := range wire {
			bytewise = append(bytewise, wire[i:i+1])
		}
		if d := cmp.Diff(want, heard(bytewise...)); d != "" {
			t.Errorf("%s, byte at a time (-want +got)\n%s", file, d)
		}
		for _, noise := range []string{"\x00", "\xff", "\x05\x05\x05", "hello\r\n", "\x30\xf3\x00\x00"} {
			got := heard([]byte(noise), wire, []byte(noise))
			var packets []string
			for _, l := range got {
				if !strings.HasPrefix(l, "noise") {
					packets = append(packets, l)
				}
			}
			if d := cmp.Diff(want, packets); d != "" {
				t.Errorf("%s between %q (-want +got)\n%s", file, noise, d)
			}
		}
	}
}

// No packet with a bit turned over is taken for a packet.
func TestEveryBitFlip(t *testing.T) {
	files, _ := filepath.Glob("testdata/frames/*.hex")
	for _, file := range files {
		wire, err := drivertest.ReadHex(file)
		if err != nil {
			t.Fatal(err)
		}
		good := map[string]bool{}
		collect := func(wire []byte, f func(Packet)) {
			s := Splitter{Packet: f, Noise: func([]byte) {}}
			s.Push(wire)
			s.Gap()
		}
		collect(wire, func(p Packet) { good[string(p.Append(nil))] = true })
		for bit := range len(wire) * 8 {
			bad := bytes.Clone(wire)
			bad[bit/8] ^= 1 << (bit % 8)
			collect(bad, func(p Packet) {
				if !good[string(p.Append(nil))] {
					t.Errorf("%s, bit %d: took % X", file, bit, p.Append(nil))
				}
			})
		}
	}
}

func TestDamagedIsTold(t *testing.T) {
	wire := Packet{Op: OpDecodeData, Data: []byte("\x0b4006381333931")}.Append(nil)
	wire[8] ^= 1
	var damaged []Packet
	s := Splitter{Packet: func(p Packet) { t.Errorf("took %+v", p) }, Noise: func([]byte) {}, Damaged: func(p Packet) bool {
		p.Data = bytes.Clone(p.Data)
		damaged = append(damaged, p)
		return p.Op == OpDecodeData
	}}
	s.Push(wire)
	if s.Pending() || len(damaged) != 1 || damaged[0].Op != OpDecodeData || len(damaged[0].Data) != 14 {
		t.Errorf("damaged: %+v", damaged)
	}
}

func TestMessages(t *testing.T) {
	data := func(status byte, text string) []byte {
		return Packet{Op: OpDecodeData, Status: status, Data: []byte(text)}.Append(nil)
	}
	segment := func(first byte, n byte, text string) []byte {
		return Packet{Op: OpBarcodeSegment, Source: first, Data: append([]byte{n}, text...)}.Append(nil)
	}
	const head = "\xf3\x00\x00\x00\x09\x03\x01\x00\x06" // Code 128 of 6 characters
	for _, c := range []struct {
		name string
		in   [][]byte
		want []string
	}{
		{"two packets", [][]byte{data(Continued, "\x0301061"), data(0, "\x0341")}, []string{"more follows", `Code 128 "]C00106141" <nil>`}},
		{"another type", [][]byte{data(Continued, "\x03AB"), data(0, "\x0bCD"), data(0, "\x03EF")}, []string{"more follows", ErrSequence.Error(), `Code 128 "]C0EF" <nil>`}},
		{"empty", [][]byte{data(0, ""), data(0, "\x03A")}, []string{ErrEmpty.Error(), `Code 128 "]C0A" <nil>`}},
		{
			"too long",
			[][]byte{data(Continued, "\x03"+strings.Repeat("x", 250)), data(Continued, "\x03"+strings.Repeat("x", 250)), data(Continued, "\x03"+strings.Repeat("x", 250)), data(Continued, "\x03"+strings.Repeat("x", 250)), data(0, "\x03x")},
			[]string{"more follows", "more follows", "more follows", "more follows", ErrTooLong.Error()},
		},
		{"segments", [][]byte{segment(2, 0, head+"ABC"), segment(0, 1, "DEF")}, []string{"more follows", `Code 128 "]C0ABCDEF" <nil>`}},
		{"a segment missing", [][]byte{segment(2, 0, head+"ABC"), segment(0, 2, "DEF")}, []string{"more follows", ErrSequence.Error()}},
		{"a segment too many", [][]byte{segment(2, 0, head+"ABC"), segment(0, 1, "DEFG")}, []string{"more follows", ErrSequence.Error()}},
		{"no first segment", [][]byte{segment(0, 0, "DEF")}, []string{ErrSequence.Error()}},
		{"a hostile length", [][]byte{segment(2, 0, "\xf3\x00\x00\xff\xff\x03\x01\xff\xff")}, []string{ErrTooLong.Error()}},
	} {
		if d := cmp.Diff(c.want, heard(c.in...)); d != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, d)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		code byte
		data string
		want string
	}{
		{0x0B, "4006381333931", "]E04006381333931"},
		{0x08, "012345678905", "]E00012345678905"},
		{0x0A, "96385074", "]E496385074"},
		{0x09, "01234565", "]E00012345000065"}, // GS1 General Specifications, UPC-E
		{0x09, "04252614", "]E00042100005264"}, // the last is 1: an example of the encyclopedias
		{0x09, "01234133", "]E00012300000413"}, // the last is 3
		{0x09, "01278942", "]E00012780000092"}, // the last is 4
		{0x09, "012345000065", "]E00012345000065"},
		{0x10, "11234562", "]E00112345000062"},
		{0x09, "1234565", ErrShortened.Error()},
		{0x09, "123456", ErrShortened.Error()},
		{0x09, "0123456x", ErrShortened.Error()},
		{0x4B, "978020137962412", "]E09780201379624"},
		{0x88, "01234567890552495", "]E00012345678905"},
		{0x4A, "12", ErrShortened.Error()},
		{0x0F, "0109506000134352\x1d10A", "]C10109506000134352\x1d10A"},
		{0x30, "09506000134352", "]e00109506000134352"},
		{0x31, "0109506000134352", "]e00109506000134352"},
		{0x1C, "\x1d0109506000134352", "\x1d0109506000134352"}, // QR Code may be GS1 or not
		{0xC2, "0109506000134352", "]Q30109506000134352"},
		{0x03, "]C0BIN-1", "]C0BIN-1"}, // the scanner sends identifiers itself
		{0xEE, "what", "what"},
		{0x01, "AB12", "]A0AB12"},
	} {
		got, err := Text(c.code, c.data)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%02X %q: %q, want %q", c.code, c.data, got, c.want)
		}
	}
}

// Code types of a manual of Zebra: Symbol CS3000 Series Product Reference Guide,
// table B-1.
func TestCodeTypes(t *testing.T) {
	for code, want := range map[byte]string{
		0x01: "Code 39", 0x02: "Codabar", 0x03: "Code 128", 0x0C: "Code 11", 0x04: "Discrete 2 of 5", 0x05: "IATA 2 of 5",
		0x06: "Interleaved 2 of 5", 0x07: "Code 93", 0x08: "UPC-A", 0x48: "UPC-A with add-on of 2", 0x88: "UPC-A with add-on of 5",
		0x09: "UPC-E", 0x49: "UPC-E with add-on of 2", 0x0A: "EAN-8", 0x8A: "EAN-8 with add-on of 5", 0x0B: "EAN-13",
		0x4B: "EAN-13 with add-on of 2", 0x0E: "MSI", 0x0F: "GS1-128", 0x10: "UPC-E1", 0x50: "UPC-E1 with add-on of 2",
		0x90: "UPC-E1 with add-on of 5", 0x15: "Trioptic Code 39", 0x16: "Bookland", 0xEE: "code type EE",
	} {
		if got := SymbologyName(code); got != want {
			t.Errorf("%02X: %s, want %s", code, got, want)
		}
	}
}

func FuzzSplitter(f *testing.F) {
	files, _ := filepath.Glob("testdata/frames/*.hex")
	for _, file := range files {
		if wire, err := drivertest.ReadHex(file); err == nil {
			f.Add(wire)
		}
	}
	f.Add([]byte("\x04\xd0\x04\x00\xff\x28\x00\xff\x05\xf3"))
	f.Fuzz(func(t *testing.T, in []byte) {
		taken := 0
		m := NewMessage(64)
		s := Splitter{
			Noise: func(b []byte) { taken += len(b) },
			Packet: func(p Packet) {
				wire := p.Append(nil)
				taken += len(wire)
				if !bytes.Contains(in, wire) {
					t.Fatalf("% X was never sent", wire)
				}
				if p.Op == OpDecodeData || p.Op == OpBarcodeSegment {
					if _, data, _, _ := m.Add(p); len(data) > 64 {
						t.Fatalf("a scan of %d bytes", len(data))
					}
				}
			},
		}
		s.Push(in)
		if len(s.buf) > maxPacket {
			t.Fatalf("%d bytes are held", len(s.buf))
		}
		s.Gap()
		if taken != len(in) || s.Pending() {
			t.Fatalf("%d of %d bytes accounted for", taken, len(in))
		}
	})
}
