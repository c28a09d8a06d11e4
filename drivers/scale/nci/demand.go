package nci

import (
	"fmt"

	"tote/drivers"
	"tote/drivers/scale"
)

// Name8213 is the Toledo 8213 demand format in the table of drivers.
const Name8213 = "toledo-8213"

// T8213 returns the 8213 demand format. It tells no unit: unit is the one the
// scale is set to. A weight comes only when the scale is at rest and in range,
// so that the weight itself is its word that it is stable; anything else is a
// status byte.
func T8213(unit string) scale.Protocol {
	return scale.Protocol{
		Name: Name8213, Ask: "W", Window: 2, Zero: "Z",
		Framer: func() scale.Framer { return &Framed{} },
		Parse:  func(p []byte) (scale.Answer, error) { return Parse8213(p, unit) },
	}
}

// Framed cuts frames from STX to CR.
type Framed struct {
	buf []byte
	in  bool
}

// Push is scale.Framer's. A frame is given without STX and CR.
func (f *Framed) Push(p []byte, frame func([]byte, error)) {
	for _, c := range p {
		switch {
		case c == stx:
			if f.in {
				frame(nil, scale.ErrFrame)
			}
			f.buf, f.in = f.buf[:0], true
		case !f.in:
		case c == cr:
			f.in = false
			frame(f.buf, nil)
		case len(f.buf) == scale.MaxLine:
			f.in = false
			frame(nil, scale.ErrLong)
		default:
			f.buf = append(f.buf, c)
		}
	}
}

// Reset is scale.Framer's.
func (f *Framed) Reset() { f.buf, f.in = f.buf[:0], false }

// Bits of the 8213 status byte; 5 and 6 are always 1.
const (
	motion8213  = 1 << 0
	range8213   = 1 << 1
	under8213   = 1 << 2
	capture8213 = 1 << 3 // the zero point is outside the range it may be in
)

// Parse8213 reads a frame without STX and CR.
func Parse8213(p []byte, unit string) (scale.Answer, error) {
	bad := fmt.Errorf("%w: %q", scale.ErrFrame, p)
	if len(p) > 0 && p[0] == '?' {
		if len(p) != 2 || p[1]&0xe0 != 0x60 {
			return scale.Answer{}, bad
		}
		switch s := p[1]; {
		case s&under8213 != 0: // also with the range bit: below the range
			return scale.Answer{Kind: scale.AnswerUnderload}, nil
		case s&range8213 != 0:
			return scale.Answer{Kind: scale.AnswerOverload}, nil
		case s&motion8213 != 0:
			return scale.Answer{Kind: scale.AnswerMoving}, nil
		case s&capture8213 != 0:
			return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleUnzeroed}, nil
		}
		return scale.Answer{Kind: scale.AnswerIrrelevant}, nil // the answer to a zero command
	}
	// Four digits and more with a point between: XXX.XX, XX.XXX, XXXX.XX
	value, decimals, rest, ok := scale.Number(p)
	if !ok || len(rest) > 0 || len(p) < 5 || len(p) > 8 || decimals == 0 || p[0] == ' ' || p[0] == '+' {
		return scale.Answer{}, bad
	}
	return scale.Answer{Kind: scale.AnswerWeight, Stable: true, Value: value, Decimals: decimals, Unit: unit}, nil
}
