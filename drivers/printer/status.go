package printer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"tote/drivers"
)

// Query asks a ZPL printer for its three status strings.
const Query = "~HS"

// maxString bounds one status string; the longest real one has under 60 bytes.
const maxString = 128

// ErrStatus: the strings are no ~HS answer.
var ErrStatus = errors.New("printer: not a ~HS answer")

// HostStatus is the answer to ~HS. The comments give the letter of the ZPL II
// programming guide.
type HostStatus struct {
	PaperOut      bool // b
	Paused        bool // c
	LabelDots     int  // dddd: label length
	Formats       int  // eee: formats in the receive buffer
	BufferFull    bool // f
	Diagnostics   bool // g
	Partial       bool // h: part of a format in the buffer
	MemoryLost    bool // j
	TooCold       bool // k
	TooHot        bool // l
	HeadOpen      bool // o
	RibbonOut     bool // p; means nothing unless ThermalTransfer
	Transfer      bool // q: thermal transfer mode, with ribbon
	Mode          int  // r: 0 rewind, 1 peel, 2 tear-off, 3 cutter, 4 applicator
	LabelWaiting  bool // t: a label waits to be taken (peel mode)
	Remaining     int  // uuuuuuuu: labels left of the batch
	Formatting    bool // v: can format while printing; always 1 on most printers, so it proves nothing
	StoredGraphic int  // www
}

// Holds reports whether the printer has work: formats received, or labels of
// a batch not yet printed.
func (s HostStatus) Holds() bool { return s.Formats > 0 || s.Remaining > 0 }

// Fault gives the code of what keeps the printer from printing, the root
// cause first (an open head also reports pause), or "".
func (s HostStatus) Fault() string {
	switch {
	case s.HeadOpen:
		return drivers.CodePrinterHeadOpen
	case s.PaperOut:
		return drivers.CodePrinterPaperOut
	case s.Transfer && s.RibbonOut:
		return drivers.CodePrinterRibbonOut
	case s.MemoryLost:
		return drivers.CodePrinterMemory
	case s.TooHot:
		return drivers.CodePrinterHot
	case s.TooCold:
		return drivers.CodePrinterCold
	case s.Paused:
		return drivers.CodePrinterPaused
	case s.Diagnostics:
		return drivers.CodePrinterDiagnostics
	case s.BufferFull:
		return drivers.CodePrinterBufferFull
	}
	return ""
}

// ParseStatus decodes the three strings of a ~HS answer, without STX and ETX.
func ParseStatus(one, two, three string) (HostStatus, error) {
	p := fields{list: bytes.Split([]byte(one), []byte(","))}
	q := fields{list: bytes.Split([]byte(two), []byte(","))}
	r := fields{list: bytes.Split([]byte(three), []byte(","))}
	if len(p.list) != 12 || len(q.list) != 11 || len(r.list) != 2 {
		return HostStatus{}, fmt.Errorf("%w: %q %q %q", ErrStatus, one, two, three)
	}
	s := HostStatus{
		PaperOut: p.flag(1), Paused: p.flag(2), LabelDots: p.number(3, 4),
		Formats: p.number(4, 3), BufferFull: p.flag(5), Diagnostics: p.flag(6), Partial: p.flag(7),
		MemoryLost: p.flag(9), TooCold: p.flag(10), TooHot: p.flag(11),

		HeadOpen: q.flag(2), RibbonOut: q.flag(3), Transfer: q.flag(4), Mode: q.letter(5),
		LabelWaiting: q.flag(7), Remaining: q.number(8, 8), Formatting: q.flag(9),
		StoredGraphic: q.number(10, 3),
	}
	if p.bad || q.bad {
		return HostStatus{}, fmt.Errorf("%w: %q %q %q", ErrStatus, one, two, three)
	}
	return s, nil
}

// fields reads comma-separated values and remembers whether one was wrong.
type fields struct {
	list [][]byte
	bad  bool
}

func (f *fields) flag(i int) bool {
	if s := f.list[i]; len(s) != 1 || s[0] != '0' && s[0] != '1' {
		f.bad = true
		return false
	}
	return f.list[i][0] == '1'
}

// letter takes 0..9 and, for print modes of newer printers, A..Z as 10..35.
func (f *fields) letter(i int) int {
	s := f.list[i]
	switch {
	case len(s) == 1 && s[0] >= '0' && s[0] <= '9':
		return int(s[0] - '0')
	case len(s) == 1 && s[0] >= 'A' && s[0] <= 'Z':
		return int(s[0]-'A') + 10
	}
	f.bad = true
	return 0
}

// number takes up to width digits; one more is let pass because some
// emulations pad wider.
func (f *fields) number(i, width int) int {
	s := f.list[i]
	n, err := strconv.ParseUint(string(s), 10, 31)
	if err != nil || len(s) > width+1 {
		f.bad = true
		return 0
	}
	return int(n)
}

// Framer finds ~HS answers in what a printer sends: three strings, each
// between STX and ETX. It is fed byte by byte or in lumps alike; what is
// outside STX…ETX or does not fit is skipped and counted.
type Framer struct {
	inside  bool
	buf     []byte
	strings []string
	garbage int
}

const (
	stx = 0x02
	etx = 0x03
)

// Push takes received bytes and calls answer for each whole ~HS answer, or
// with an error for strings that were none.
func (f *Framer) Push(p []byte, answer func(HostStatus, error)) {
	for _, c := range p {
		switch {
		case c == stx: // also inside: the string before lost its end
			f.garbage += len(f.buf)
			f.inside, f.buf = true, f.buf[:0]
		case !f.inside:
			if c != '\r' && c != '\n' {
				f.garbage++
			}
		case c == etx:
			f.inside = false
			f.add(string(f.buf), answer)
			f.buf = f.buf[:0]
		case len(f.buf) == maxString:
			f.garbage += len(f.buf)
			f.inside, f.buf = false, f.buf[:0]
		default:
			f.buf = append(f.buf, c)
		}
	}
}

// add collects strings one to three. They are told apart by their number of
// fields, so that after a loss the next first string starts a new answer.
func (f *Framer) add(s string, answer func(HostStatus, error)) {
	want := []int{12, 11, 2}
	switch n := bytes.Count([]byte(s), []byte(",")) + 1; {
	case n == want[0]:
		f.strings = append(f.strings[:0], s)
	case len(f.strings) > 0 && n == want[len(f.strings)]:
		f.strings = append(f.strings, s)
	default:
		f.strings = f.strings[:0]
		answer(HostStatus{}, fmt.Errorf("%w: %q", ErrStatus, s))
		return
	}
	if len(f.strings) == 3 {
		st, err := ParseStatus(f.strings[0], f.strings[1], f.strings[2])
		f.strings = f.strings[:0]
		answer(st, err)
	}
}

// Garbage counts bytes that belonged to no string.
func (f *Framer) Garbage() int { return f.garbage }

// Reset forgets a begun answer.
func (f *Framer) Reset() { f.inside, f.buf, f.strings = false, f.buf[:0], f.strings[:0] }
