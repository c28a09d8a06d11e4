package scanner

import (
	"fmt"
	"unicode/utf8"

	"tote/drivers"
)

// Suffix says what ends a scan on the wire.
type Suffix string

// The suffixes scanners are set to. SuffixAny takes CR, LF and CR LF alike and
// is the default; a scanner that puts CR or LF inside its data needs another.
const (
	SuffixAny  Suffix = "any"
	SuffixCR   Suffix = "cr"
	SuffixLF   Suffix = "lf"
	SuffixCRLF Suffix = "crlf"
)

// GS is the separator between elements of a GS1 barcode, the one control
// character that belongs in scan data.
const GS = 0x1d

// Framer cuts the byte stream into scans. It holds no clock and does no I/O.
type Framer struct {
	suffix Suffix
	max    int
	buf    []byte
	long   bool // throwing away until the next suffix
	cr     bool // SuffixCRLF: the last byte was a CR
}

// NewFramer returns a framer for scans of at most max bytes.
func NewFramer(suffix Suffix, max int) (*Framer, error) {
	switch suffix {
	case "":
		suffix = SuffixAny
	case SuffixAny, SuffixCR, SuffixLF, SuffixCRLF:
	default:
		return nil, fmt.Errorf("scanner: suffix %q, want any, cr, lf or crlf", suffix)
	}
	if max < 1 {
		return nil, fmt.Errorf("scanner: greatest length %d, want at least 1", max)
	}
	return &Framer{suffix: suffix, max: max}, nil
}

// Push takes received bytes and calls frame for each ended scan, with its data
// or with the fault code of why it is refused. Empty scans are skipped.
func (f *Framer) Push(p []byte, frame func(data, code string)) {
	for _, c := range p {
		if f.suffix == SuffixCRLF {
			wasCR := f.cr
			f.cr = c == '\r'
			switch {
			case wasCR && c == '\n':
				f.end(frame)
				continue
			case wasCR:
				f.add('\r', frame) // a lone CR is data, and then refused
			}
			if f.cr {
				continue
			}
		}
		if (c == '\r' && (f.suffix == SuffixCR || f.suffix == SuffixAny)) ||
			(c == '\n' && (f.suffix == SuffixLF || f.suffix == SuffixAny)) {
			f.end(frame)
			continue
		}
		f.add(c, frame)
	}
}

func (f *Framer) add(c byte, frame func(data, code string)) {
	switch {
	case f.long:
	case len(f.buf) == f.max:
		f.long = true
		frame("", drivers.CodeScannerTooLong)
	default:
		f.buf = append(f.buf, c)
	}
}

func (f *Framer) end(frame func(data, code string)) {
	data, long := string(f.buf), f.long
	f.Reset()
	if long || data == "" { // refused already, or nothing
		return
	}
	if code := unfit(data); code != "" {
		frame("", code)
		return
	}
	frame(data, "")
}

// Fit reports whether data may be a scan: text without control characters but GS.
func Fit(data string) bool { return data != "" && unfit(data) == "" }

// unfit is the fault code of data that is no scan, "" of what is.
func unfit(data string) string {
	switch {
	case !utf8.ValidString(data):
		return drivers.CodeScannerUnreadable
	case hasControl(data):
		return drivers.CodeScannerControl
	}
	return ""
}

// Pending reports whether a scan has begun and not ended.
func (f *Framer) Pending() bool { return len(f.buf) > 0 || f.long || f.cr }

// Reset forgets a begun scan. It reports whether bytes were lost that have not
// been refused already.
func (f *Framer) Reset() (lost bool) {
	lost = !f.long && len(f.buf) > 0
	f.buf, f.long, f.cr = f.buf[:0], false, false
	return lost
}

// hasControl looks for C0 and C1 controls and DEL, GS excepted.
func hasControl(s string) bool {
	for _, r := range s {
		if r < 0x20 && r != GS || r >= 0x7f && r < 0xa0 {
			return true
		}
	}
	return false
}
