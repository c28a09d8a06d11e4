package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"tote/drivers/drivertest"
)

// message reads one whole message in hexadecimal.
func message(t testing.TB, text string) (Header, []byte) {
	t.Helper()
	wire := unhex(t, text)
	h, err := ParseHeader(wire)
	if err != nil || h.Length != len(wire) {
		t.Fatalf("%s: %+v, %v", text, h, err)
	}
	return h, wire[HeaderSize:]
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tags are the tags of a report in words.
func tags(body []byte) (out []string, skipped int, err error) {
	skipped, err = Report(body, func(t *Tag) { out = append(out, fmt.Sprintf("%X %+v", t.EPC, *t)) })
	return out, skipped, err
}

// Frames of real readers and of independent peers; the source is in each.
func TestGolden(t *testing.T) {
	drivertest.Golden(t, "testdata", func(wire []byte) any {
		var f Framer
		f.Push(wire)
		var out []string
		for {
			h, body, ok, err := f.Next()
			if err != nil || !ok {
				if err != nil {
					out = append(out, err.Error())
				}
				return out
			}
			n, err := Parse(h.Type, body)
			out = append(out, fmt.Sprintf("version %d id %d: %s %v", h.Version, h.ID, n, err))
			again, err := n.Body()
			if err != nil || !bytes.Equal(again, body) {
				out = append(out, fmt.Sprintf("WRITTEN BACK AS %X, %v", again, err))
			}
		}
	})
}

// Lengths that a hostile or broken peer may send: an error, never a panic, and
// nothing allocated for what is only promised.
func TestHostileLengths(t *testing.T) {
	for _, c := range []struct {
		name, wire string
		header     error
		body       error
	}{
		{name: "length of 4 GiB", wire: "043d ffffffff 00000001", header: ErrLength},
		{name: "length of 4 MiB and one", wire: "043d 00400001 00000001", header: ErrLength},
		{name: "length of nothing", wire: "043d 00000000 00000001", header: ErrLength},
		{name: "length below the header", wire: "043d 00000009 00000001", header: ErrLength},
		{name: "reserved bits", wire: "243d 0000000a 00000001", header: ErrHeader},
		{name: "no version", wire: "003d 0000000a 00000001", header: ErrHeader},
		{name: "no type", wire: "0400 0000000a 00000001", header: ErrHeader},
		{name: "parameter longer than its message", wire: "043d 0000000e 00000001 00f0 ffff", body: ErrLength},
		{name: "parameter shorter than its header", wire: "043d 0000000e 00000001 00f0 0003", body: ErrLength},
		{name: "parameter of no length", wire: "043d 0000000e 00000001 00f0 0000", body: ErrLength},
		{name: "half a parameter header", wire: "043d 0000000c 00000001 00f0", body: ErrLength},
		{name: "child longer than its parent", wire: "043d 00000012 00000001 00f0 0008 00f1 0009", body: ErrLength},
		{name: "EPC longer than its parameter", wire: "043d 00000014 00000001 00f0 000a 00f1 0006 ffff", body: ErrLength},
		{name: "EPC96 cut short", wire: "043d 00000013 00000001 00f0 0009 8d 30000000", body: ErrLength},
		{name: "antenna cut short", wire: "043d 00000010 00000001 00f0 0006 81 00", body: ErrLength},
		{name: "text longer than its message", wire: "0464 00000012 00000001 011f 0008 0000 ffff", body: ErrLength},
		{name: "list longer than its parameter", wire: "040b 00000014 00000001 008c 000a 0001 ffff 0101", body: ErrLength},
		{name: "fields missing", wire: "043f 0000000e 00000001 00ff 0004", body: ErrLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			wire := unhex(t, c.wire)
			var f Framer
			f.Push(wire)
			before := allocated()
			h, body, ok, err := f.Next()
			if !errors.Is(err, c.header) || ok != (c.header == nil) {
				t.Fatalf("header: %v, want %v", err, c.header)
			}
			if ok {
				if _, err := Parse(h.Type, body); !errors.Is(err, c.body) {
					t.Errorf("tree: %v, want %v", err, c.body)
				}
				if _, _, err := tags(body); h.Type == ROAccessReport && !errors.Is(err, c.body) {
					t.Errorf("report: %v, want %v", err, c.body)
				}
			}
			if now := allocated(); now-before > 64<<10 {
				t.Errorf("%d bytes allocated for %d", now-before, len(wire))
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Nesting and numbers of parameters are bounded.
func TestTreeIsBounded(t *testing.T) {
	deep := []byte{}
	for range 100 {
		wrapped := append([]byte{0, 240, byte((len(deep) + 4) >> 8), byte(len(deep) + 4)}, deep...)
		deep = wrapped
	}
	if _, err := Parse(ROAccessReport, deep); !errors.Is(err, ErrSize) {
		t.Errorf("100 deep: %v", err)
	}
	wide := bytes.Repeat([]byte{0, 240, 0, 4}, maxNodes+1)
	if _, err := Parse(ROAccessReport, wide); !errors.Is(err, ErrSize) {
		t.Errorf("%d wide: %v", maxNodes+1, err)
	}
}

// What is not known is stepped over where it has a length, and ends its
// container where it has none; what was read before is kept.
func TestUnknownParameters(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string // EPCs
		skipped    int
	}{
		{"custom in a tag", "00f0 0023 8d 300000000000000000000001 81 0002 03ff 000f 0000651a 00000039 0102 03", []string{"300000000000000000000001"}, 0},
		{"unknown TLV before the EPC", "00f0 0019 0384 0008 01020304 8d 300000000000000000000002", []string{"300000000000000000000002"}, 0},
		{"unknown TV behind the EPC", "00f0 0013 8d 300000000000000000000003 fe 00", []string{"300000000000000000000003"}, 1},
		{"unknown TV before the EPC", "00f0 0012 fe 8d 300000000000000000000004", []string{""}, 1},
		{"unknown TLV between tags", "00f0 0011 8d 300000000000000000000005 0384 0004 00f0 0011 8d 300000000000000000000006", []string{"300000000000000000000005", "300000000000000000000006"}, 0},
		{"EPC96 and EPCData side by side", "00f0 0011 8d 300000000000000000000007 00f0 0016 00f1 0012 0060 e28011052000abcdef012345", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			skipped, err := Report(unhex(t, c.body), func(t *Tag) { got = append(got, fmt.Sprintf("%X", t.EPC)) })
			if c.want == nil {
				c.want = []string{"300000000000000000000007", "E28011052000ABCDEF012345"}
			}
			if err != nil || skipped != c.skipped || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q, %d skipped, %v; want %q, %d", got, skipped, err, c.want, c.skipped)
			}
		})
	}
}

// The stream is cut into messages wherever segments begin and end.
func TestFramer(t *testing.T) {
	stream := unhex(t, "043e 0000000a 00000001 0848 0000000a 00000002 043d 0000001b 00000003 00f0 0011 8d 300000000000000000000005")
	for size := 1; size <= len(stream); size++ {
		var f Framer
		var got []string
		for at := 0; at < len(stream); at += size {
			f.Push(stream[at:min(at+size, len(stream))])
			for {
				h, body, ok, err := f.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				got = append(got, fmt.Sprintf("%d %s %d %d", h.Version, h.Type, h.ID, len(body)))
			}
		}
		want := []string{"1 KEEPALIVE 1 0", "2 KEEPALIVE_ACK 2 0", "1 RO_ACCESS_REPORT 3 17"}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("in pieces of %d: %q", size, got)
		}
	}
}

// A long message is taken as it comes and leaves no more behind than it needs.
func TestFramerGrowsWithWhatCame(t *testing.T) {
	var f Framer
	f.Push(unhex(t, "043d 00400000 00000001"))
	if _, _, ok, err := f.Next(); ok || err != nil || len(f.buf) > 64<<10 {
		t.Errorf("%v, %v, %d bytes for a promise", ok, err, len(f.buf))
	}
	body := make([]byte, MaxMessage-HeaderSize)
	f.Push(body)
	if _, got, ok, err := f.Next(); !ok || err != nil || len(got) != len(body) || len(f.buf) > 4*MaxMessage {
		t.Errorf("%v, %v, %d bytes held in %d", ok, err, len(got), len(f.buf))
	}
	f.Push([]byte("GET"))
	if _, _, ok, err := f.Next(); ok || !errors.Is(err, ErrHeader) {
		t.Errorf("noise: %v, %v", ok, err)
	}
}

// Requests are made of the same table; a mistake in one is seen at once.
func TestNew(t *testing.T) {
	n := Message(SetReaderConfig, nil, New("KeepaliveSpec", map[string]any{"KeepaliveTriggerType": 1, "PeriodicTriggerValue": 1000}))
	body, err := n.Body()
	if err != nil {
		t.Fatal(err)
	}
	// devices reference, section 1.5: accepted and read so by llrpjs 1.0.1.
	want := unhex(t, "0403 00000014 00000065 00 00dc 0009 01 000003e8")
	if got := Append(nil, Version101, SetReaderConfig, 0x65, body); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	for name, make := range map[string]func(){
		"no such parameter": func() { New("Nonsense", nil) },
		"no such field":     func() { New("KeepaliveSpec", map[string]any{"Nonsense": 1}) },
		"no such message":   func() { Message(500, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: taken", name)
				}
			}()
			make()
		}()
	}
	for _, bad := range []*Node{
		New("KeepaliveSpec", map[string]any{"KeepaliveTriggerType": "one"}),
		New("EPCData", map[string]any{"EPC": Bits{9, []byte{1}}}),
		New("EPC_96", map[string]any{"EPC": []byte{1}}),
		New("LLRPStatus", map[string]any{"ErrorDescription": strings.Repeat("x", 1<<16)}),
		New("C1G2Filter", map[string]any{"T": 4}),
		New("ROSpec", nil, New("LLRPStatus", map[string]any{"ErrorDescription": strings.Repeat("x", 1<<16-1)})),
	} {
		if _, err := bad.Body(); err == nil {
			t.Errorf("%s: written", bad.Name())
		}
	}
}

func TestResponses(t *testing.T) {
	for request, want := range map[Type]string{
		GetReaderCapabilities: "GET_READER_CAPABILITIES_RESPONSE", SetReaderConfig: "SET_READER_CONFIG_RESPONSE",
		AddROSpec: "ADD_ROSPEC_RESPONSE", CloseConnection: "CLOSE_CONNECTION_RESPONSE", SetProtocolVersion: "SET_PROTOCOL_VERSION_RESPONSE",
		77: "message 87",
	} {
		if got := request.Response().String(); got != want {
			t.Errorf("%s is answered by %s, want %s", request, got, want)
		}
	}
}

// No reading of a report allocates.
func TestReportDoesNotAllocate(t *testing.T) {
	_, body := message(t, "043d 00000029 00000001 00f0 001f 8d 3000abcdef00000000000003 81 0001 86 d0 82 0005a9e4bef862e0")
	n := 0
	count := func(*Tag) { n++ }
	if a := testing.AllocsPerRun(100, func() { _, _ = Report(body, count) }); a > 1 { // the Tag itself
		t.Errorf("%v allocations for a report", a)
	}
}
