package r200

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/rfid/internal/rounds"
)

// vector is one frame of the shared data.
type vector struct {
	Protocol string   `json:"protocol"`
	Hex      string   `json:"hex"`
	Cmd      byte     `json:"cmd"`
	EPCs     []string `json:"epcs"`
	PC       string   `json:"pc"`
	RSSI     int      `json:"rssi_dbm"`
	Error    byte     `json:"error"`
	CheckOK  bool     `json:"check_ok"`
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	wire, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func vectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile("../../../../shared/data/device_frames.json")
	if err != nil {
		t.Skipf("SKIPPED, NOT PROVEN: no captured frames here: %v", err)
	}
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var out []vector
	for _, v := range file.Vectors {
		if v.Protocol == "r200" {
			out = append(out, v)
		}
	}
	if len(out) < 9 {
		t.Errorf("%d frames, 9 are known", len(out))
	}
	return out
}

// decode feeds everything to a framer, gives up on what stays unfinished, and
// returns the frames as they were on the wire.
func decode(chunks ...[]byte) (out [][]byte) {
	f := rounds.NewFramer(packet)
	keep := func(wire []byte) { out = append(out, bytes.Clone(wire)) }
	for _, c := range chunks {
		f.Push(c, keep)
	}
	for f.Pending() {
		f.Skip(keep)
	}
	return out
}

func TestManualFrames(t *testing.T) {
	tags := 0
	for _, v := range vectors(t) {
		wire := unhex(t, v.Hex)
		got := decode(wire)
		if len(got) != 1 || !v.CheckOK {
			t.Errorf("%s: %x", v.Hex, got)
			continue
		}
		f := unpack(got[0])
		if again := f.Append([]byte("x"), leadBB); f.Cmd != v.Cmd || string(again) != "x"+string(wire) {
			t.Errorf("%s came back as %x", v.Hex, again[1:])
		}
		if v.Error != 0 && (f.Cmd != CmdError || f.Param[0] != v.Error) {
			t.Errorf("%s: %+v", v.Hex, f)
		}
		if len(v.EPCs) != 1 {
			continue
		}
		tags++
		tag, err := ParseTag(f)
		have := vector{v.Protocol, v.Hex, v.Cmd, []string{hex.EncodeToString(tag.EPC)}, fmt.Sprintf("%04x", tag.PC), tag.RSSI, 0, true}
		if d := cmp.Diff(v, have); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", v.Hex, err, d)
		}
	}
	if tags < 2 {
		t.Errorf("%d tags", tags)
	}
}

// What others captured or printed, as text and as a tag.
func TestGolden(t *testing.T) {
	drivertest.Golden(t, "testdata/golden", func(wire []byte) any {
		type answer struct {
			Text string
			EPC  string `json:",omitempty"`
			Code string `json:",omitempty"`
		}
		var out []answer
		NewDecoder(false).Push(wire, func(f drivers.Frame) {
			a := answer{Text: f.Text, Code: f.Code}
			if f.Code == "" && unpack(f.Wire).Type == TypeNotice {
				if tag, err := ParseTag(unpack(f.Wire)); err == nil {
					a.EPC = fmt.Sprintf("%X", tag.EPC)
				}
			}
			out = append(out, a)
		})
		return out
	})
}

const (
	tagFrame  = "\xbb\x02\x22\x00\x11\xc9\x34\x00\x30\x75\x1f\xeb\x70\x5c\x59\x04\xe3\xd5\x0d\x70\x3a\x76\xef\x7e"
	noneFrame = "\xbb\x01\xff\x00\x01\x15\x16\x7e"
	tagAA     = "\xaa\x02\x22\x00\x11\xc7\x30\x00\xe2\x80\x68\x90\x00\x00\x50\x0e\x88\xc6\xa4\xa7\x11\x9b\x29\xdd"
)

// No frame with one bit changed is accepted, whole or in part.
func TestNoBitFlipIsAccepted(t *testing.T) {
	flips := 0
	frames := [][]byte{[]byte(tagAA)}
	for _, v := range vectors(t) {
		frames = append(frames, unhex(t, v.Hex))
	}
	for _, wire := range frames {
		for bit := range len(wire) * 8 {
			flips++
			spoiled := bytes.Clone(wire)
			spoiled[bit/8] ^= 1 << (bit % 8)
			if got := decode(spoiled); len(got) != 0 {
				t.Errorf("%x with bit %d changed is accepted as %x", wire, bit, got)
			}
		}
	}
	t.Logf("%d flips refused", flips)
}

// Two wrong bits can leave a sum of 8 bits right. The tag's own CRC sees them
// all, but in the strength, which the tag does not send.
func TestTwoBitsPassTheSumNotTheTagCRC(t *testing.T) {
	summed, strength := 0, 0
	for _, wire := range [][]byte{[]byte(tagFrame), []byte(tagAA)} {
		want, err := ParseTag(unpack(wire))
		if err != nil {
			t.Fatal(err)
		}
		for one := range len(wire) * 8 {
			for two := range one {
				spoiled := bytes.Clone(wire)
				spoiled[one/8] ^= 1 << (one % 8)
				spoiled[two/8] ^= 1 << (two % 8)
				for _, got := range decode(spoiled) {
					summed++
					tag, err := ParseTag(unpack(got))
					if unpack(got).Type != TypeNotice || err != nil {
						continue
					}
					strength++
					if !bytes.Equal(tag.EPC, want.EPC) || tag.PC != want.PC {
						t.Fatalf("%x passes as tag %X", spoiled, tag.EPC)
					}
				}
			}
		}
	}
	if summed == 0 || strength == 0 {
		t.Errorf("%d and %d: the test does not test", summed, strength)
	}
	t.Logf("%d pairs of wrong bits pass the sum, %d of them the tag's CRC too: all of these with the right EPC", summed, strength)
}

// Whatever stands around a frame and however it is cut into pieces, the good
// frames come out.
func TestFramerFindsFrames(t *testing.T) {
	inner := string(Frame{TypeNotice, CmdPoll, append([]byte{0xC9, 0x28, 0}, append([]byte("\xbb\x02\x22\x00\x11\x7e\xbb\x7e\xaa\xdd"), 1, 2)...)}.Append(nil, leadBB))
	for name, tc := range map[string]struct {
		in   string
		want int
	}{
		"one":                                 {tagFrame, 1},
		"both spellings":                      {tagFrame + tagAA + noneFrame, 3},
		"noise before, between and after":     {"\x00\xff" + tagFrame + "\x01\x02\x03" + noneFrame + "xyz", 2},
		"a first byte of noise":               {"\xbb" + tagFrame, 1},
		"a length that swallows the frame":    {"\xbb\x02\x22\x00\x40" + tagFrame + noneFrame, 2},
		"an impossible length":                {"\xbb\x02\x22\xff\xff" + tagFrame, 1},
		"an impossible type":                  {"\xbb\x03" + tagFrame, 1},
		"a wrong sum hides a frame":           {tagFrame[:10] + tagFrame, 1},
		"first and last bytes within the EPC": {inner, 1},
		"a frame cut short":                   {tagFrame[:23], 0},
		"the last byte of the other spelling": {tagFrame[:23] + "\xdd", 0},
	} {
		for _, size := range []int{1, 2, 7, len(tc.in)} {
			var chunks [][]byte
			for rest := []byte(tc.in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				chunks = append(chunks, rest[:min(size, len(rest))])
			}
			if got := decode(chunks...); len(got) != tc.want {
				t.Errorf("%s, by %d: %d frames, want %d", name, size, len(got), tc.want)
			}
		}
	}
}

// The framer holds at most one frame beside what it is given.
func TestFramerIsBounded(t *testing.T) {
	f := rounds.NewFramer(packet)
	for range 1000 {
		f.Push([]byte("\xbb\x02\x22\x00\x80\xaa\x01\xff\x00\x7f"), func([]byte) {})
		if f.Held() > maxParam+around {
			t.Fatalf("%d bytes are held", f.Held())
		}
	}
}

func TestParseTag(t *testing.T) {
	with := func(s string) []byte { // with the CRC that belongs to it
		p := unhex(t, s)
		crc := TagCRC(p[1:])
		return append(p, byte(crc>>8), byte(crc))
	}
	for _, tc := range []struct {
		name  string
		param []byte
		epc   string
		rssi  int
		err   error
	}{
		{"two words", with("c9100030081122"), "30081122", -55, nil},
		{"no EPC", with("ff0000"), "", -1, nil},
		{"31 words", with("80f800" + fmt.Sprintf("%0124x", 1)), fmt.Sprintf("%0124x", 1), -128, nil},
		{"one word too many", with("c91000300811223344"), "", 0, ErrTag},
		{"one byte short", with("c91000300811"), "", 0, ErrTag},
		{"extended control word", with("c912000abc30081122"), "30081122", -55, nil},
		{"two of them", with("c912008abc000130081122"), "30081122", -55, nil},
		{"extended control word missing", with("c90a00"), "", 0, ErrTag},
		{"another CRC", unhex(t, "c91000300811220000"), "", 0, ErrCRC},
		{"nothing", nil, "", 0, ErrTag},
	} {
		tag, err := ParseTag(Frame{TypeNotice, CmdPoll, tc.param})
		if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if epc := hex.EncodeToString(tag.EPC); err == nil && (epc != tc.epc || tag.RSSI != tc.rssi) {
			t.Errorf("%s: %s, %d dBm", tc.name, epc, tag.RSSI)
		}
	}
}

// Every frame survives the wire, at any place in noise that holds no first byte.
func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Frame{
			Type: rapid.ByteRange(0, 2).Draw(t, "type"), Cmd: rapid.Byte().Draw(t, "cmd"),
			Param: rapid.SliceOfN(rapid.Byte(), 0, maxParam).Draw(t, "param"),
		}
		lead := rapid.SampledFrom([]byte{leadBB, leadAA}).Draw(t, "lead")
		noise := rapid.SliceOfN(rapid.ByteRange(0, 0x9f), 0, 20)
		got := decode(noise.Draw(t, "before"), want.Append(nil, lead), noise.Draw(t, "after"))
		if len(got) != 1 {
			t.Fatalf("%x", got)
		}
		if f := unpack(got[0]); f.Type != want.Type || f.Cmd != want.Cmd || !bytes.Equal(f.Param, want.Param) {
			t.Fatalf("%+v, want %+v", f, want)
		}
	})
}

// A line is read aloud with no byte left out.
func TestDecoderTellsEverything(t *testing.T) {
	in := "\x00\xff" + string(command(leadBB, CmdSetPower, 7, 0xD0)) + tagFrame + "\x01" + noneFrame + tagAA[:9]
	var got []string
	total := 0
	d := NewDecoder(false)
	for _, c := range []byte(in) {
		d.Push([]byte{c}, func(f drivers.Frame) {
			total += len(f.Wire)
			got = append(got, f.Code+" "+f.Text)
		})
	}
	want := []string{
		"DEV-502 1 bytes that are no packet", "DEV-502 1 bytes that are no packet", " command set power: 20.00 dBm",
		" tag 30751FEB705C5904E3D50D70, PC 3400, -55 dBm", "DEV-502 1 bytes that are no packet", " error 15: no tag in this round",
	}
	if d := cmp.Diff(want, got); d != "" || total != len(in)-9 {
		t.Errorf("%d of %d bytes (-want +got)\n%s", total, len(in)-9, d)
	}
}

// FuzzFramer: nothing panics, cutting into pieces changes nothing, everything
// accepted is in the input, and a tag has the length that its PC says.
func FuzzFramer(f *testing.F) {
	f.Add([]byte(tagFrame+noneFrame), 3)
	f.Add([]byte(tagAA), 1)
	f.Add([]byte("\xbb\x02\x22\x00\x40"+tagFrame), 2)
	f.Add([]byte("\xbb\x01\x03\x00\x0b\x00M100 V1.00\x22\x7e\xbb\x01\xb7\x00\x02\x0a\x28\xec\x7e"), 5)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		size = max(1, size)
		whole := decode(in)
		var chunks [][]byte
		for rest := in; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			chunks = append(chunks, rest[:min(size, len(rest))])
		}
		if d := cmp.Diff(whole, decode(chunks...)); d != "" {
			t.Errorf("by %d (-whole +pieces)\n%s", size, d)
		}
		for _, wire := range whole {
			if again := unpack(wire).Append(nil, wire[0]); !bytes.Equal(again, wire) || !bytes.Contains(in, wire) {
				t.Errorf("%x is not in the input", wire)
			}
			tell(wire)
			if tag, err := ParseTag(unpack(wire)); err == nil && len(tag.EPC) != int(tag.PC>>11)*2 {
				t.Errorf("%x: %+v", wire, tag)
			}
		}
		told := 0
		NewDecoder(false).Push(in, func(f drivers.Frame) { told += len(f.Wire) })
		if told > len(in) {
			t.Errorf("%d bytes told of %d", told, len(in))
		}
	})
}
