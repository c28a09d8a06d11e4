package thingmagic

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/rfid/internal/gen2"
	"tote/drivers/rfid/internal/rounds"
)

const (
	tagFrame = "\xff\x28\x22\x00\x00\x10\x00\x1b\x01\xff\x01\x01\xc4\x11\x0e\x16\x40\x00\x00\x01\x27\x00\x00\x05\x00\x00\x0f\x00\x80\x30\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x15\x45\xe9\x4a\x56\x1d"
	versionFrame = "\xff\x14\x03\x00\x00\x23\x01\x06\x00\x38\x00\x02\x01\x20\x24\x09\x13\x02\x01\x06\x08\x00\x00\x00\x10\xcb\x65"
	versionOrder = "\xff\x00\x03\x1d\x0c"
)

// decode feeds everything to a framer, gives up on what stays unfinished, and
// returns the packets as they were on the wire.
func decode(p rounds.Packet, chunks ...[]byte) (out [][]byte) {
	f := rounds.NewFramer(p)
	keep := func(wire []byte) { out = append(out, bytes.Clone(wire)) }
	for _, c := range chunks {
		f.Push(c, keep)
	}
	for f.Pending() {
		f.Skip(keep)
	}
	return out
}

func TestSharedPackets(t *testing.T) {
	data, err := os.ReadFile("../../../../shared/data/device_frames.json")
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no captured packets here: %v", err)
	}
	var file struct {
		Vectors []struct {
			Protocol string
			Hex      string
			EPCs     []string
			Antenna  int    `json:"antenna_tx"`
			RSSI     int    `json:"rssi_dbm"`
			KHz      int    `json:"freq_khz"`
			Ms       int    `json:"ms"`
			Phase    int    `json:"phase"`
			PC       string `json:"pc"`
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	orders, tags := 0, 0
	for _, v := range file.Vectors {
		if v.Protocol != "thingmagic" {
			continue
		}
		wire, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.EPCs) == 0 {
			orders++
			if got := decode(order, wire); len(got) != 1 || !bytes.Equal(Command(wire[2]), wire) {
				t.Errorf("%s: %x", v.Hex, got)
			}
			continue
		}
		tags++
		got := decode(packet, wire)
		if len(got) != 1 {
			t.Errorf("%s: %x", v.Hex, got)
			continue
		}
		a := unpack(got[0])
		tag, err := ParseTag(a)
		if err != nil || hex.EncodeToString(tag.EPC) != v.EPCs[0] || tag.Antenna != v.Antenna || tag.RSSI != v.RSSI || tag.KHz != v.KHz ||
			tag.Ms != v.Ms || tag.Phase != v.Phase || fmt.Sprintf("%04x", tag.PC) != v.PC {
			t.Errorf("%s: %+v, %v", v.Hex, tag, err)
		}
		if again := a.Append(nil); !bytes.Equal(again, wire) {
			t.Errorf("%s came back as %x", v.Hex, again)
		}
	}
	if orders < 1 || tags < 1 {
		t.Errorf("%d commands and %d records", orders, tags)
	}
}

// What others captured, in words.
func TestGolden(t *testing.T) {
	drivertest.Golden(t, "testdata/golden", func(wire []byte) any {
		var out []string
		NewDecoder(false).Push(wire, func(f drivers.Frame) { out = append(out, strings.TrimSpace(f.Code+" "+f.Text)) })
		return out
	})
}

// The CRC is that of the table in the maker's program.
func TestCRCIsThatOfTheTable(t *testing.T) {
	table := []uint16{
		0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
	}
	for top, want := range table {
		if got := uint16(top)<<12 | uint16(top)<<5 | uint16(top); got != want {
			t.Errorf("%x: %04x, want %04x", top, got, want)
		}
	}
}

// No packet with one bit changed is accepted. Of two, what passes the CRC (when
// one is in the length) is refused by the lengths within or the tag's own CRC.
func TestNoBitFlipIsAccepted(t *testing.T) {
	flips, pairs, passed := 0, 0, 0
	for _, c := range []struct {
		wire string
		p    rounds.Packet
	}{{tagFrame, packet}, {versionFrame, packet}, {versionOrder, order}} {
		for one := range len(c.wire) * 8 {
			for two := range one + 1 {
				spoiled := []byte(c.wire)
				spoiled[one/8] ^= 1 << (one % 8)
				if two == one {
					flips++
				} else {
					pairs++
					spoiled[two/8] ^= 1 << (two % 8)
				}
				for _, got := range decode(c.p, spoiled) {
					passed++
					a := unpack(got)
					if _, err := ParseTag(a); one == two || err == nil && a.Op == OpRead {
						t.Errorf("%x with bits %d and %d changed is accepted as %x", c.wire, one, two, got)
					}
				}
			}
		}
	}
	t.Logf("%d flips refused; of %d pairs %d pass the CRC, none as a tag", flips, pairs, passed)
}

func TestFramerFindsPackets(t *testing.T) {
	alive := string(Answer{OpRead, StatusAlive, nil}.Append(nil))
	inner := string(Answer{OpRead, 0, []byte("\xff\x00\x03" + versionFrame)}.Append(nil))
	for name, tc := range map[string]struct {
		in   string
		want int
	}{
		"one":                               {tagFrame, 1},
		"three":                             {tagFrame + alive + versionFrame, 3},
		"noise before, between and after":   {"\x00\xfe" + tagFrame + "\x01\x02\x03" + alive + "xyz", 2},
		"headers of noise":                  {"\xff\xff\xff" + tagFrame, 1},
		"a length that swallows the packet": {"\xff\x40\x22" + tagFrame + alive, 2},
		"an impossible length":              {"\xff\xf9\x22" + tagFrame, 1},
		"an unknown operation":              {"\xff\x00\x99" + tagFrame, 1},
		"a wrong check hides a packet":      {tagFrame[:10] + tagFrame, 1},
		"a packet within":                   {inner, 1},
		"a packet cut short":                {tagFrame[:46], 0},
	} {
		for _, size := range []int{1, 2, 7, len(tc.in)} {
			var chunks [][]byte
			for rest := []byte(tc.in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				chunks = append(chunks, rest[:min(size, len(rest))])
			}
			if got := decode(packet, chunks...); len(got) != tc.want {
				t.Errorf("%s, by %d: %x, want %d", name, size, got, tc.want)
			}
		}
	}
	f := rounds.NewFramer(packet)
	for range 1000 {
		f.Push([]byte("\xff\xf8\x22\xff\x00\x03"), func([]byte) {})
		if f.Held() > longest+aroundAnswer {
			t.Fatalf("%d bytes are held", f.Held())
		}
	}
}

// record is a tag record like the captured one, with other contents.
func record(embedded, content string, bits int) Answer {
	p := slices.Clone(unpack([]byte(tagFrame)).Data[:21])
	p[19], p[20] = byte(len(embedded)*8>>8), byte(len(embedded)*8)
	p = append(append(p, embedded...), 0x0F, byte(bits>>8), byte(bits))
	return Answer{OpRead, 0, append(p, content...)}
}

func TestParseTag(t *testing.T) {
	with := func(s string) string { // with the CRC that belongs to it
		p, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		crc := gen2.CRC(p)
		return string(append(p, byte(crc>>8), byte(crc)))
	}
	for _, tc := range []struct {
		name string
		a    Answer
		epc  string
		err  error
	}{
		{"two words", record("", with("100030081122"), 64), "30081122", nil},
		{"embedded data", record("abc", with("100030081122"), 64), "30081122", nil},
		{"an extended control word", record("", with("12000abc30081122"), 80), "30081122", nil},
		{"no EPC", record("", with("0000"), 32), "", nil},
		{"bits that are not there", record("", with("100030081122"), 128), "", ErrTag},
		{"a PC that says more", record("", with("300030081122"), 64), "", ErrTag},
		{"a PC that says less", record("", with("080030081122"), 64), "", ErrTag},
		{"another CRC", record("", "\x10\x00\x30\x08\x11\x22\x00\x00", 64), "", ErrCRC},
		{"nothing", Answer{OpRead, 0, nil}, "", ErrTag},
		{"embedded data beyond the packet", func() Answer {
			a := record("", with("100030081122"), 64)
			a.Data[19] = 0xFF
			return a
		}(), "", ErrTag},
	} {
		tag, err := ParseTag(tc.a)
		if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if got := hex.EncodeToString(tag.EPC); err == nil && got != tc.epc {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
}

// FuzzFramer: nothing panics, cutting into pieces changes nothing, everything
// accepted is in the input.
func FuzzFramer(f *testing.F) {
	f.Add([]byte(tagFrame+versionFrame), 3)
	f.Add([]byte("\xff\x40\x22"+tagFrame), 1)
	f.Add(Answer{OpRead, StatusAlive, nil}.Append(nil), 2)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		size = max(1, size)
		whole := decode(packet, in)
		var chunks [][]byte
		for rest := in; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			chunks = append(chunks, rest[:min(size, len(rest))])
		}
		if d := cmp.Diff(whole, decode(packet, chunks...)); d != "" {
			t.Errorf("by %d (-whole +pieces)\n%s", size, d)
		}
		for _, wire := range whole {
			a := unpack(wire)
			if !bytes.Equal(a.Append(nil), wire) || !bytes.Contains(in, wire) {
				t.Errorf("%x is not in the input", wire)
			}
			tell(a)
			if tag, err := ParseTag(a); err == nil && len(tag.EPC) != int(tag.PC>>11)*2 {
				t.Errorf("%x: %+v", wire, tag)
			}
		}
		_, _ = ParseTag(Answer{OpRead, 0, in})
	})
}
