// Package toledo reads the Toledo continuous output (8142, 8530, IND, and the
// many indicators that copy it): a frame several times a second, unasked.
// Wire references: KERN FTC manual (commands, checksum), Rockwell 57C428
// (message), Wildcat and OHAUS Defender 5000 (status words), Cardinal 225 (the
// form without checksum and the short one without tare).
//
// It is a codec; nothing here starts a goroutine.
package toledo

import (
	"fmt"

	"tote/drivers"
	"tote/drivers/scale"
)

// Names of the two forms in the table of drivers.
const (
	Name      = "toledo"       // with checksum
	NamePlain = "toledo-plain" // without
)

// Lengths of a frame up to its CR.
const (
	fullLen  = 17 // STX, three status words, weight, tare, CR
	shortLen = 11 // without the tare
)

const (
	stx = 0x02
	cr  = 0x0d
)

// Protocol returns the form with a checksum: a damaged frame is dropped.
func Protocol() scale.Protocol { return protocol(Name, true, 1) }

// Plain returns the form without one: a flipped bit is another digit, so a
// weight is stable only when two frames in a row say the same.
func Plain() scale.Protocol { return protocol(NamePlain, false, 2) }

func protocol(name string, check bool, window int) scale.Protocol {
	return scale.Protocol{
		Name: name, Window: window, Parse: Parse,
		Framer: func() scale.Framer { return &Framer{Check: check} },
		Zero:   "Z\r\n", Tare: "T\r\n", Clear: "C\r\n",
	}
}

// Framer cuts frames at STX and CR and proves their checksum. Bit 7 of every
// byte is masked: it is parity on most of these lines.
type Framer struct {
	Check bool // a checksum follows the CR

	buf [fullLen + 1]byte
	n   int // bytes of the frame so far; 0 = waiting for STX
}

// Push is scale.Framer's. A frame is given with bit 7 masked and without its
// checksum.
func (f *Framer) Push(p []byte, frame func([]byte, error)) {
	for _, c := range p {
		c &= 0x7f
		checking := f.Check && f.n > 0 && f.buf[f.n-1] == cr
		switch {
		case checking:
			f.buf[f.n] = c
			f.finish(f.n+1, frame)
		case c == stx:
			if f.n > 0 {
				f.refuse(frame)
			}
			f.buf[0], f.n = stx, 1
		case f.n == 0: // noise between frames
		case c == cr && (f.n == fullLen-1 || f.n == shortLen-1):
			f.buf[f.n] = cr
			f.n++
			if !f.Check {
				f.finish(f.n, frame)
			}
		case c < ' ' || c == 0x7f || f.n >= fullLen-1:
			f.refuse(frame)
		default:
			f.buf[f.n] = c
			f.n++
		}
	}
}

// finish gives the frame of n bytes, if its 7-bit sum is right.
func (f *Framer) finish(n int, frame func([]byte, error)) {
	length := n
	if f.Check {
		length--
		sum := byte(0)
		for _, c := range f.buf[:n] {
			sum += c
		}
		if sum&0x7f != 0 {
			again := f.buf[n-1] == stx // the checksum was lost, and this is the next frame
			f.refuse(frame)
			if again {
				f.buf[0], f.n = stx, 1
			}
			return
		}
	}
	f.n = 0
	frame(f.buf[:length], nil)
}

func (f *Framer) refuse(frame func([]byte, error)) {
	f.n = 0
	frame(nil, fmt.Errorf("%w: broken Toledo frame", scale.ErrFrame))
}

// Reset is scale.Framer's.
func (f *Framer) Reset() { f.n = 0 }

// decimals of the position in status word A; the first two are dummy zeros:
// the weight is in hundreds or tens.
var decimals = [8]int{-2, -1, 0, 1, 2, 3, 4, 5}

// Parse reads a frame from STX to CR, bit 7 masked.
func Parse(p []byte) (scale.Answer, error) {
	short := len(p) == shortLen
	if !short && len(p) != fullLen || p[0] != stx || p[len(p)-1] != cr {
		return scale.Answer{}, fmt.Errorf("%w: %q", scale.ErrFrame, p)
	}
	a, b, c := p[1], p[2], p[3]
	// Bit 5 is always 1, bit 6 of A and C always 0, an increment always one of 1, 2, 5.
	if a&0x60 != 0x20 || b&0x20 == 0 || c&0x60 != 0x20 || a&0x18 == 0 {
		return scale.Answer{}, fmt.Errorf("%w: status words % x", scale.ErrFrame, p[1:4])
	}
	switch {
	case b&0x40 != 0:
		return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleUnzeroed}, nil
	case b&0x04 != 0 && b&0x02 != 0:
		return scale.Answer{Kind: scale.AnswerUnderload}, nil
	case b&0x04 != 0:
		return scale.Answer{Kind: scale.AnswerOverload}, nil
	case c&0x10 != 0:
		return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleExpanded}, nil
	}
	value, ok := digits(p[4:10])
	ok = ok && p[9] != ' ' // a blank display is no weight of zero, a blank tare is none
	tare := int64(0)
	if !short {
		var whole bool
		tare, whole = digits(p[10:16])
		ok = ok && whole
	}
	if !ok {
		return scale.Answer{}, fmt.Errorf("%w: digits %q", scale.ErrFrame, p[4:len(p)-1])
	}
	out := scale.Answer{
		Kind: scale.AnswerWeight, Stable: b&0x08 == 0, Net: b&0x01 != 0,
		Value: value, Tare: tare, Unit: unit(b, c), Decimals: decimals[a&0x07],
	}
	for ; out.Decimals < 0; out.Decimals++ {
		out.Value, out.Tare = out.Value*10, out.Tare*10
	}
	if b&0x02 != 0 {
		out.Value = -out.Value
	}
	return out, nil
}

// unit of status words B and C. The extensions beyond grams and ounces are
// nothing a parcel is weighed in.
func unit(b, c byte) string {
	switch c & 0x07 {
	case 0:
		if b&0x10 != 0 {
			return "kg"
		}
		return "lb"
	case 1:
		return "g"
	case 3:
		return "oz"
	}
	return "?" // a unit nobody weighs a parcel in
}

// digits reads six digits with leading spaces; all spaces are zero.
func digits(p []byte) (int64, bool) {
	v, begun := int64(0), false
	for _, c := range p {
		switch {
		case c >= '0' && c <= '9':
			v, begun = v*10+int64(c-'0'), true
		case c != ' ' || begun:
			return 0, false
		}
	}
	return v, true
}
