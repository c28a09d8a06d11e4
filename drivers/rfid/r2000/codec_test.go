package r2000

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/drivers/rfid/internal/rounds"
)

// vector is one R2000 packet of the shared data.
type vector struct {
	Protocol string   `json:"protocol"`
	Hex      string   `json:"hex"`
	Cmd      byte     `json:"cmd"`
	EPCs     []string `json:"epcs"`
	Antenna  int      `json:"antenna"`
	Freq     int      `json:"freq_idx"`
	PC       string   `json:"pc"`
	RSSI     int      `json:"rssi_dbm"`
	Raw      byte     `json:"rssi_raw"`
	CheckOK  bool     `json:"check_ok"`
	End      *struct {
		Antenna int    `json:"antenna_index"`
		Rate    int    `json:"rate"`
		Total   uint32 `json:"total"`
	} `json:"round_end"`
}

func (v vector) wire(t *testing.T) []byte {
	t.Helper()
	wire, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func vectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile("../../../../shared/data/device_frames.json")
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no captured packets here: %v", err)
	}
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var out []vector
	for _, v := range file.Vectors {
		if v.Protocol == "r2000" {
			out = append(out, v)
		}
	}
	if len(out) < 15 {
		t.Errorf("%d packets, 15 are known", len(out))
	}
	return out
}

// decode feeds everything to a framer, gives up on what stays unfinished, and
// returns the packets.
func decode(f *rounds.Framer, chunks ...[]byte) []Frame {
	var out []Frame
	keep := func(wire []byte) { out = append(out, unpack(bytes.Clone(wire))) }
	for _, c := range chunks {
		f.Push(c, keep)
	}
	for f.Pending() {
		f.Skip(keep)
	}
	return out
}

func TestCapturedPackets(t *testing.T) {
	tags, ends := 0, 0
	for _, v := range vectors(t) {
		wire := v.wire(t)
		got := decode(rounds.NewFramer(packet), wire)
		if !v.CheckOK {
			if len(got) != 0 {
				t.Errorf("%s: accepted with a wrong check: %+v", v.Hex, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Cmd != v.Cmd || got[0].Addr != 1 {
			t.Errorf("%s: %+v", v.Hex, got)
			continue
		}
		if again := got[0].Append([]byte("x")); string(again) != "x"+string(wire) {
			t.Errorf("%s came back as %x", v.Hex, again[1:])
		}
		if len(v.EPCs) == 1 {
			tags++
			tag, err := ParseTag(got[0], 4)
			if err != nil || Sort(got[0]).Kind != KindTag {
				t.Errorf("%s: %v", v.Hex, err)
				continue
			}
			have := vector{
				Protocol: v.Protocol, Hex: v.Hex, Cmd: v.Cmd, CheckOK: true,
				EPCs: []string{hex.EncodeToString(tag.EPC)}, Antenna: tag.Antenna, Freq: tag.Freq, PC: fmt.Sprintf("%04x", tag.PC),
				Raw: tag.RSSI, RSSI: int(tag.RSSI) + DefaultRSSIOffset,
			}
			if d := cmp.Diff(v, have); d != "" {
				t.Errorf("%s (-want +got)\n%s", v.Hex, d)
			}
		}
		if v.End != nil {
			ends++
			want := Answer{Kind: KindEnd, Antenna: v.End.Antenna + 1, Rate: v.End.Rate, Total: v.End.Total}
			if a := Sort(got[0]); a != want {
				t.Errorf("%s: %+v, want %+v", v.Hex, a, want)
			}
		}
	}
	if tags < 5 || ends < 2 {
		t.Errorf("%d tags and %d round ends", tags, ends)
	}
}

// No packet with one bit changed is accepted, whole or in part.
func TestNoBitFlipIsAccepted(t *testing.T) {
	flips := 0
	for _, v := range vectors(t) {
		if !v.CheckOK {
			continue
		}
		wire := v.wire(t)
		for bit := range len(wire) * 8 {
			flips++
			spoiled := bytes.Clone(wire)
			spoiled[bit/8] ^= 1 << (bit % 8)
			if got := decode(rounds.NewFramer(packet), spoiled); len(got) != 0 {
				t.Errorf("%s with bit %d changed is accepted as %+v", v.Hex, bit, got)
			}
		}
	}
	t.Logf("%d flips refused", flips)
}

const (
	tagFrame = "\xa0\x13\x01\x89\x8c\x30\x00\x30\x08\x33\xb2\xdd\xd9\x01\x40\x00\x00\x00\x01\x37\xbb"
	endFrame = "\xa0\x0a\x01\x89\x00\x00\x11\x00\x00\x00\x05\xb6"
)

// Whatever stands around a packet and however it is cut into pieces, the good
// packets come out.
func TestFramerFindsPackets(t *testing.T) {
	a0 := string(Frame{1, CmdRealTime, []byte{0, 0x30, 0, 0xa0, 0x13, 1, 0x89, 0xa0, 4, 0xa0, 0xa0, 7, 8, 9, 0xa0, 0x40}}.Append(nil))
	for name, tc := range map[string]struct {
		in   string
		want int
		bad  uint64
	}{
		"one":                               {tagFrame, 1, 0},
		"three":                             {tagFrame + endFrame + tagFrame, 3, 0},
		"noise before, between and after":   {"\x00\xff" + tagFrame + "\x01\x02\x03" + endFrame + "xyz", 2, 3},
		"a header of noise":                 {"\xa0" + tagFrame, 1, 1},
		"a header and a length of noise":    {"\xa0\x13" + tagFrame, 1, 1},
		"a length that swallows the packet": {"\xa0\x50" + tagFrame + endFrame, 2, 2},
		"an impossible length":              {"\xa0\xff" + tagFrame + "\xa0\x02" + endFrame, 2, 2},
		"a wrong check hides a packet":      {tagFrame[:10] + tagFrame, 1, 1},
		"headers within the EPC":            {a0, 1, 0},
		"a packet cut short":                {tagFrame[:20], 0, 1},
	} {
		for _, size := range []int{1, 2, 7, len(tc.in)} {
			f := rounds.NewFramer(packet)
			var chunks [][]byte
			for rest := []byte(tc.in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				chunks = append(chunks, rest[:min(size, len(rest))])
			}
			if got := decode(f, chunks...); len(got) != tc.want {
				t.Errorf("%s, by %d: %d packets, want %d", name, size, len(got), tc.want)
			}
			// Bytes that come one by one make a run of noise several runs.
			if size == len(tc.in) && f.Bad() < tc.bad || (f.Bad() == 0) != (tc.bad == 0) {
				t.Errorf("%s, by %d: %d counted as bad, want %d", name, size, f.Bad(), tc.bad)
			}
		}
	}
	f := rounds.NewFramer(packet)
	f.Push([]byte(tagFrame[:9]), func([]byte) { t.Error("half a packet") })
	f.Reset()
	f.Skip(func([]byte) { t.Error("nothing to skip") })
	if got := decode(f, []byte(endFrame)); len(got) != 1 {
		t.Errorf("after Reset: %+v", got)
	}
}

// The framer holds at most one packet beside what it is given.
func TestFramerIsBounded(t *testing.T) {
	f := rounds.NewFramer(packet)
	for range 1000 {
		f.Push([]byte("\xa0\x50\xa0\xa0\x4f\xff\x00"), func([]byte) {})
		if f.Held() > maxLen+2 {
			t.Fatalf("%d bytes are held", f.Held())
		}
	}
}

func TestParseTag(t *testing.T) {
	data := func(s string) []byte {
		p, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, tc := range []struct {
		name, data string
		ports      int
		epc        string
		antenna    int
		rssi       byte
		ok         bool
	}{
		{"two words", "8e 1000 30081122 37", 4, "30081122", 3, 0x37, true},
		{"phase behind the RSSI", "8e 1000 30081122 37 0102", 4, "30081122", 3, 0x37, true},
		{"one word too many", "8e 1000 30081122 3344 55 66 37", 4, "", 0, 0, false},
		{"one byte short", "8e 1000 300811 37", 4, "", 0, 0, false},
		{"no EPC", "00 0000 37", 4, "", 1, 0x37, true},
		{"nothing", "000000", 4, "", 0, 0, false},
		{"extended control word", "00 1200 0abc 30081122 37", 4, "30081122", 1, 0x37, true},
		{"two of them, and phase", "01 1200 8abc 0001 30081122 37 0102", 4, "30081122", 2, 0x37, true},
		{"extended control word missing", "00 0a00 37", 4, "", 0, 0, false},
		{"8 ports, low", "03 0800 3008 37", 8, "3008", 4, 0x37, true},
		{"8 ports, high", "03 0800 3008 b7", 8, "3008", 8, 0x37, true},
		{"4 ports, strong", "03 0800 3008 b7", 4, "3008", 4, 0xb7, true},
	} {
		tag, err := ParseTag(Frame{1, CmdRealTime, data(tc.data)}, tc.ports)
		if (err == nil) != tc.ok || err != nil && !errors.Is(err, ErrTag) {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if epc := hex.EncodeToString(tag.EPC); err == nil && (epc != tc.epc || tag.Antenna != tc.antenna || tag.RSSI != tc.rssi) {
			t.Errorf("%s: %s, antenna %d, %02x", tc.name, epc, tag.Antenna, tag.RSSI)
		}
	}
}

func TestSort(t *testing.T) {
	for _, tc := range []struct {
		cmd  byte
		data string
		want Answer
	}{
		{CmdRealTime, "\x22", Answer{Kind: KindError, Status: StatusAntennaMissing}},
		{CmdFastSwitch, "\x41", Answer{Kind: KindError, Status: 0x41}},
		{CmdFastSwitch, "\x02\x22", Answer{Kind: KindAntenna, Antenna: 3, Status: StatusAntennaMissing}},
		{CmdRealTime, "\x02\x22", Answer{Kind: KindTag}}, // and then refused as one
		{CmdFastSwitch, "\x00\x01\x02\x00\x00\x03\xe8", Answer{Kind: KindEnd, Total: 258, Ms: 1000}},
		{CmdSession, "\x01\x00\x19\x00\x00\x00\x01", Answer{Kind: KindEnd, Antenna: 2, Rate: 25, Total: 1}},
		{CmdRealTime, "\x8c\x30\x00\x37", Answer{Kind: KindTag}},
	} {
		if got := Sort(Frame{1, tc.cmd, []byte(tc.data)}); got != tc.want {
			t.Errorf("%02X %q: %+v, want %+v", tc.cmd, tc.data, got, tc.want)
		}
	}
}

// Every packet survives the wire, at any place in noise that holds no header.
func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Frame{
			Addr: rapid.Byte().Draw(t, "addr"), Cmd: rapid.Byte().Draw(t, "cmd"),
			Data: rapid.SliceOfN(rapid.Byte(), 0, maxLen-3).Draw(t, "data"),
		}
		noise := rapid.SliceOfN(rapid.ByteRange(0, 0x9f), 0, 20)
		got := decode(rounds.NewFramer(packet), noise.Draw(t, "before"), want.Append(nil), noise.Draw(t, "after"))
		if len(got) != 1 || got[0].Addr != want.Addr || got[0].Cmd != want.Cmd || !bytes.Equal(got[0].Data, want.Data) {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}

// FuzzFramer: nothing panics, memory is bounded, cutting into pieces changes
// nothing, and everything accepted is a packet with a right check.
func FuzzFramer(f *testing.F) {
	f.Add([]byte(tagFrame+endFrame), 3)
	f.Add([]byte("\xa0\x50"+tagFrame), 1)
	f.Add([]byte("\xa0\x04\x01\x74\x10\xd7\xa0\x05\x01\x72\x01\x09\xde"), 2)
	f.Add([]byte("\xa0\x05\x01\x8a\x02\x22\xac"), 5)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		size = max(1, size)
		whole := decode(rounds.NewFramer(packet), in)
		var chunks [][]byte
		for rest := in; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			chunks = append(chunks, rest[:min(size, len(rest))])
		}
		pieces := decode(rounds.NewFramer(packet), chunks...)
		if d := cmp.Diff(whole, pieces); d != "" {
			t.Errorf("by %d (-whole +pieces)\n%s", size, d)
		}
		for _, fr := range whole {
			if wire := fr.Append(nil); !bytes.Contains(in, wire) {
				t.Errorf("%x is not in the input", wire)
			}
			Sort(fr)
			for _, ports := range []int{4, 8} {
				if tag, err := ParseTag(fr, ports); err == nil && (tag.Antenna < 1 || tag.Antenna > ports || len(tag.EPC)%2 != 0) {
					t.Errorf("%x: %+v", fr.Data, tag)
				}
			}
		}
	})
}
