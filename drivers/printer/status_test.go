package printer

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/drivers"
	"tote/drivers/drivertest"
)

// The status strings of a healthy, idle printer, and a way to change fields.
const (
	idleOne   = "030,0,0,1218,000,0,0,0,000,0,0,0"
	idleTwo   = "001,0,0,0,0,2,6,0,00000000,1,000"
	idleThree = "1234,0"
)

func with(s string, field int, value string) string {
	f := strings.Split(s, ",")
	f[field] = value
	return strings.Join(f, ",")
}

func wire(one, two, three string) string {
	return "\x02" + one + "\x03\r\n\x02" + two + "\x03\r\n\x02" + three + "\x03\r\n"
}

func TestParseStatusFields(t *testing.T) {
	for _, c := range []struct {
		name     string
		one, two string
		want     func(*HostStatus)
		fault    string
		holds    bool
	}{
		{"idle", idleOne, idleTwo, func(*HostStatus) {}, "", false},
		{"b paper out", with(idleOne, 1, "1"), idleTwo, func(s *HostStatus) { s.PaperOut = true }, drivers.CodePrinterPaperOut, false},
		{"c pause", with(idleOne, 2, "1"), idleTwo, func(s *HostStatus) { s.Paused = true }, drivers.CodePrinterPaused, false},
		{"dddd", with(idleOne, 3, "0812"), idleTwo, func(s *HostStatus) { s.LabelDots = 812 }, "", false},
		{"eee", with(idleOne, 4, "007"), idleTwo, func(s *HostStatus) { s.Formats = 7 }, "", true},
		{"f buffer full", with(idleOne, 5, "1"), idleTwo, func(s *HostStatus) { s.BufferFull = true }, drivers.CodePrinterBufferFull, false},
		{"g diagnostics", with(idleOne, 6, "1"), idleTwo, func(s *HostStatus) { s.Diagnostics = true }, drivers.CodePrinterDiagnostics, false},
		{"h partial", with(idleOne, 7, "1"), idleTwo, func(s *HostStatus) { s.Partial = true }, "", false},
		{"j memory", with(idleOne, 9, "1"), idleTwo, func(s *HostStatus) { s.MemoryLost = true }, drivers.CodePrinterMemory, false},
		{"k cold", with(idleOne, 10, "1"), idleTwo, func(s *HostStatus) { s.TooCold = true }, drivers.CodePrinterCold, false},
		{"l hot", with(idleOne, 11, "1"), idleTwo, func(s *HostStatus) { s.TooHot = true }, drivers.CodePrinterHot, false},
		{"o head", idleOne, with(idleTwo, 2, "1"), func(s *HostStatus) { s.HeadOpen = true }, drivers.CodePrinterHeadOpen, false},
		{"p ribbon, direct thermal", idleOne, with(idleTwo, 3, "1"), func(s *HostStatus) { s.RibbonOut = true }, "", false},
		{"p ribbon, transfer", idleOne, with(with(idleTwo, 3, "1"), 4, "1"), func(s *HostStatus) { s.RibbonOut, s.Transfer = true, true }, drivers.CodePrinterRibbonOut, false},
		{"r mode", idleOne, with(idleTwo, 5, "1"), func(s *HostStatus) { s.Mode = 1 }, "", false},
		{"r mode letter", idleOne, with(idleTwo, 5, "K"), func(s *HostStatus) { s.Mode = 20 }, "", false},
		{"t waiting", idleOne, with(idleTwo, 7, "1"), func(s *HostStatus) { s.LabelWaiting = true }, "", false},
		{"u remaining", idleOne, with(idleTwo, 8, "00000012"), func(s *HostStatus) { s.Remaining = 12 }, "", true},
		{"v", idleOne, with(idleTwo, 9, "0"), func(s *HostStatus) { s.Formatting = false }, "", false},
		{"www", idleOne, with(idleTwo, 10, "003"), func(s *HostStatus) { s.StoredGraphic = 3 }, "", false},
		{
			"head open is the root of pause and paper out", with(with(idleOne, 1, "1"), 2, "1"), with(idleTwo, 2, "1"),
			func(s *HostStatus) { s.PaperOut, s.Paused, s.HeadOpen = true, true, true }, drivers.CodePrinterHeadOpen, false,
		},
		{
			"paper out is the root of pause", with(with(idleOne, 1, "1"), 2, "1"), idleTwo,
			func(s *HostStatus) { s.PaperOut, s.Paused = true, true }, drivers.CodePrinterPaperOut, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := HostStatus{LabelDots: 1218, Mode: 2, Formatting: true}
			c.want(&want)
			got, err := ParseStatus(c.one, c.two, idleThree)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if got.Fault() != c.fault || got.Holds() != c.holds {
				t.Errorf("fault %q, holds %v", got.Fault(), got.Holds())
			}
			if c.fault != "" && drivers.FaultOf(c.fault).Action == "" {
				t.Errorf("no action for %s", c.fault)
			}
		})
	}
}

func TestParseStatusRefuses(t *testing.T) {
	for _, c := range [][3]string{
		{"", "", ""},
		{idleTwo, idleOne, idleThree},
		{idleOne, idleTwo, ""},
		{with(idleOne, 1, "2"), idleTwo, idleThree},
		{with(idleOne, 1, ""), idleTwo, idleThree},
		{with(idleOne, 4, "-01"), idleTwo, idleThree},
		{with(idleOne, 4, "00000"), idleTwo, idleThree},
		{with(idleOne, 4, "1e1"), idleTwo, idleThree},
		{idleOne, with(idleTwo, 8, ""), idleThree},
		{idleOne, with(idleTwo, 5, "*"), idleThree},
	} {
		if s, err := ParseStatus(c[0], c[1], c[2]); !errors.Is(err, ErrStatus) {
			t.Errorf("%q: %+v, %v", c, s, err)
		}
	}
}

type framed struct {
	Status *HostStatus `json:",omitempty"`
	Error  string      `json:",omitempty"`
}

func push(f *Framer, chunks ...string) (got []framed) {
	for _, c := range chunks {
		f.Push([]byte(c), func(s HostStatus, err error) {
			if err != nil {
				got = append(got, framed{Error: err.Error()})
			} else {
				got = append(got, framed{Status: &s})
			}
		})
	}
	return got
}

func TestFramerFindsAnswersInNoise(t *testing.T) {
	good := wire(idleOne, idleTwo, idleThree)
	busy := wire(with(idleOne, 4, "001"), idleTwo, idleThree)
	for _, c := range []struct {
		name, in string
		formats  []int // of the answers found
	}{
		{"one", good, []int{0}},
		{"two", good + busy, []int{0, 1}},
		{"noise around", "\xff12,3\x03" + good + "\x00\x03" + busy + "x", []int{0, 1}},
		{"first string lost", good[len(idleOne)+4:] + busy, []int{1}},
		{"second string lost", "\x02" + idleOne + "\x03\x02" + idleThree + "\x03" + busy, []int{1}},
		{"cut, then a new answer", good[:40] + busy, []int{1}},
		{"end of string lost", "\x02" + idleOne + good, []int{0}},
		{"never ending string", "\x02" + strings.Repeat("0", 500) + busy, []int{1}},
	} {
		for _, mode := range []string{"at once", "byte by byte"} {
			t.Run(c.name+" "+mode, func(t *testing.T) {
				chunks := []string{c.in}
				if mode != "at once" {
					chunks = nil
					for _, b := range []byte(c.in) {
						chunks = append(chunks, string([]byte{b}))
					}
				}
				var formats []int
				for _, a := range push(&Framer{}, chunks...) {
					if a.Status != nil {
						formats = append(formats, a.Status.Formats)
					}
				}
				if d := cmp.Diff(c.formats, formats); d != "" {
					t.Errorf("(-want +got)\n%s", d)
				}
			})
		}
	}
}

func TestGoldenFrames(t *testing.T) {
	drivertest.Golden(t, "testdata/frames", func(wire []byte) any { return push(&Framer{}, string(wire)) })
}

func FuzzFramer(f *testing.F) {
	good := wire(idleOne, idleTwo, idleThree)
	for _, seed := range []string{good, good + good, "\x02" + idleOne + good, "\x00\x03" + good[:50], strings.Repeat("\x02,", 300)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var fr Framer
		fr.Push(in, func(s HostStatus, err error) {
			if err != nil && s != (HostStatus{}) {
				t.Fatalf("a status with an error: %+v", s)
			}
			if s.Formats < 0 || s.Remaining < 0 || s.Formats > 9999 {
				t.Fatalf("impossible %+v", s)
			}
		})
		if len(fr.buf) > maxString || len(fr.strings) > 2 {
			t.Fatal("the framer grows")
		}
		// Whatever came before, the next whole answer is understood.
		got := push(&fr, good)
		if len(got) == 0 || got[len(got)-1].Status == nil {
			t.Fatalf("did not find back: %+v", got)
		}
	})
}
