// Package hid reads USB scales of the HID point-of-sale class (usage page 8D:
// Dymo, Mettler Toledo, Fairbanks, Stamps.com and others) through hidraw, in
// pure Go. Wire references: USB HID Point of Sale Usage Tables 1.02;
// erjiang/usbscale (the first report may be the one of an earlier weighing,
// known ids); sanmai/usb-scale-reader (captured reports).
//
// An open port owns one goroutine, which reads and feeds a bounded queue; Close
// waits for it.
package hid

import (
	"encoding/binary"
	"fmt"

	"tote/drivers"
	"tote/drivers/scale"
)

// Name is this protocol's name in the table of drivers.
const Name = "hid"

// reportID and its length: id, status, unit, exponent, weight (little-endian).
const (
	reportID  = 3
	reportLen = 6
)

// Protocol returns the data reports of HID scales. The scale talks by itself;
// USB checks every packet, so a weight is stable when the scale says so. It
// cannot be zeroed from here: press its key.
func Protocol() scale.Protocol {
	return scale.Protocol{
		Name: Name, Framer: func() scale.Framer { return &Framer{} }, Parse: Parse, Window: 1, Stale: 1,
	}
}

// Framer cuts data reports out of a stream of them.
type Framer struct {
	buf [reportLen]byte
	n   int
	bad bool // told of the present stretch of noise
}

// Push is scale.Framer's. A stretch of bytes that is no report is one error.
func (f *Framer) Push(p []byte, frame func([]byte, error)) {
	for _, c := range p {
		f.buf[f.n] = c
		f.n++
		for f.n > 0 && !f.plausible() {
			if !f.bad {
				f.bad = true
				frame(nil, fmt.Errorf("%w: no report of a scale", scale.ErrFrame))
			}
			copy(f.buf[:], f.buf[1:f.n])
			f.n--
		}
		if f.n == reportLen {
			f.n, f.bad = 0, false
			frame(f.buf[:], nil)
		}
	}
}

// plausible tells whether what there is can begin a report.
func (f *Framer) plausible() bool {
	return f.buf[0] == reportID && (f.n < 2 || f.buf[1] >= 1 && f.buf[1] <= 8) && (f.n < 3 || f.buf[2] <= 12)
}

// Reset is scale.Framer's.
func (f *Framer) Reset() { f.n, f.bad = 0, false }

// Status of a report.
const (
	statusFault = iota + 1
	statusZero
	statusMotion
	statusStable
	statusUnder
	statusOver
	statusCalibrate
	statusRezero
)

// units of a report; the others (carat, grain, ton …) are nothing a parcel is
// weighed in.
var units = map[byte]string{1: "mg", 2: "g", 3: "kg", 11: "oz", 12: "lb"}

// Parse reads one data report.
func Parse(p []byte) (scale.Answer, error) {
	bad := fmt.Errorf("%w: % x", scale.ErrFrame, p)
	if len(p) != reportLen || p[0] != reportID {
		return scale.Answer{}, bad
	}
	a := scale.Answer{Kind: scale.AnswerWeight}
	weight := int64(binary.LittleEndian.Uint16(p[4:]))
	switch p[1] {
	case statusFault, statusCalibrate:
		return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleBroken}, nil
	case statusRezero:
		return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleUnzeroed}, nil
	case statusUnder:
		return scale.Answer{Kind: scale.AnswerUnderload}, nil
	case statusOver:
		return scale.Answer{Kind: scale.AnswerOverload}, nil
	case statusZero:
		if weight != 0 {
			return scale.Answer{}, bad
		}
		a.Stable = true
	case statusStable:
		a.Stable = true
	case statusMotion:
	default:
		return scale.Answer{}, bad
	}
	exponent := int(int8(p[3])) //nolint:gosec // the byte is a signed one
	if exponent < -9 || exponent > 4 {
		return scale.Answer{}, bad
	}
	for ; exponent > 0; exponent-- {
		weight *= 10
	}
	a.Value, a.Decimals, a.Unit = weight, -exponent, units[p[2]]
	if a.Unit == "" {
		a.Unit = "?"
	}
	return a, nil
}
