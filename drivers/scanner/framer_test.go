package scanner

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tote/drivers"
	"tote/drivers/drivertest"
)

func push(f *Framer, chunks ...string) (got []string) {
	for _, c := range chunks {
		f.Push([]byte(c), func(data, code string) { got = append(got, data+code) })
	}
	return got
}

func TestFramer(t *testing.T) {
	const max = 8
	for _, c := range []struct {
		name   string
		suffix Suffix
		in     string
		want   []string
	}{
		{"cr", SuffixCR, "A\rB\r", []string{"A", "B"}},
		{"lf", SuffixLF, "A\nB\n", []string{"A", "B"}},
		{"crlf", SuffixCRLF, "A\r\nB\r\n", []string{"A", "B"}},
		{"any", SuffixAny, "A\rB\nC\r\nD", []string{"A", "B", "C"}},
		{"default is any", "", "A\rB\n", []string{"A", "B"}},
		{"cr setting refuses lf as data", SuffixCR, "A\nB\r", []string{drivers.CodeScannerControl}},
		{"crlf setting refuses lone cr", SuffixCRLF, "A\rB\r\n", []string{drivers.CodeScannerControl}},
		{"crlf setting with two cr", SuffixCRLF, "A\r\r\n", []string{drivers.CodeScannerControl}},
		{"crlf setting refuses lone lf", SuffixCRLF, "A\nB\r\n", []string{drivers.CodeScannerControl}},
		{"gs is kept", SuffixAny, "10L1\x1d21\r", []string{"10L1\x1d21"}},
		{"utf-8 is kept", SuffixAny, "Grün\r", []string{"Grün"}},
		{"empty lines", SuffixAny, "\r\n\r\n\r", nil},
		{"control", SuffixAny, "A\x02B\rC\r", []string{drivers.CodeScannerControl, "C"}},
		{"delete", SuffixAny, "A\x7f\r", []string{drivers.CodeScannerControl}},
		{"c1 control", SuffixAny, "A\u0085\r", []string{drivers.CodeScannerControl}},
		{"no text", SuffixAny, "A\xff\r", []string{drivers.CodeScannerUnreadable}},
		{"longest", SuffixAny, "12345678\r", []string{"12345678"}},
		{"too long, once", SuffixAny, "123456789" + strings.Repeat("x", 50) + "\rB\r", []string{drivers.CodeScannerTooLong, "B"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := NewFramer(c.suffix, max)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, push(f, c.in)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// However the bytes are cut into reads, the scans are the same.
func TestFramerDoesNotCareHowBytesArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		suffix := rapid.SampledFrom([]Suffix{SuffixAny, SuffixCR, SuffixLF, SuffixCRLF}).Draw(t, "suffix")
		in := rapid.StringMatching("[A-C\r\n\x1d\x01]{0,40}").Draw(t, "in")
		cut := rapid.IntRange(0, len(in)).Draw(t, "cut")
		whole, _ := NewFramer(suffix, 8)
		parts, _ := NewFramer(suffix, 8)
		if d := cmp.Diff(push(whole, in), push(parts, in[:cut], in[cut:])); d != "" {
			t.Errorf("(-one read +two reads)\n%s", d)
		}
	})
}

func TestGoldenFrames(t *testing.T) {
	drivertest.Golden(t, "testdata/frames", func(wire []byte) any {
		f, err := NewFramer(SuffixAny, DefaultMaxLength)
		if err != nil {
			t.Fatal(err)
		}
		return push(f, string(wire))
	})
}

func FuzzFramer(f *testing.F) {
	for _, seed := range []string{"A\r", "A\r\nB\n", "10L\x1d21\r", "\xff\x00\r", strings.Repeat("x", 600) + "\rA\r"} {
		f.Add([]byte(seed), uint8(0))
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, s uint8) {
		suffix := []Suffix{SuffixAny, SuffixCR, SuffixLF, SuffixCRLF}[s%4]
		fr, err := NewFramer(suffix, 64)
		if err != nil {
			t.Fatal(err)
		}
		fr.Push(in, func(data, code string) {
			if (data == "") == (code == "") {
				t.Fatalf("data %q with code %q", data, code)
			}
			if len(data) > 64 || !utf8.ValidString(data) || strings.ContainsAny(data, "\r\n\x00\x1b") {
				t.Fatalf("let pass %q", data)
			}
		})
		// Whatever came before: two suffixes later a scan is read.
		if got := push(fr, "\r\n\r\nOK\r\n"); len(got) == 0 || suffix != SuffixCR && suffix != SuffixLF && got[len(got)-1] != "OK" {
			t.Fatalf("did not find back: %q", got)
		}
	})
}
