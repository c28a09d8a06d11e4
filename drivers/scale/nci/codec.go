// Package nci speaks the protocols of NCI and Weigh-Tronix scales and their
// kin: SCP-01 (also SCP-02, 3825, 3835 and ECR mode), the Toledo 8213 demand
// format, and SMA. Wire references: Avery Weigh-Tronix 7821 (SCP-01), Adam MDW
// (out of range, third status byte), OHAUS Aviator 7000 (status bits),
// Transcell PC-150 and Rice Lake BenchPro (8213), Sartorius PR 5220 (SMA).
// 9600 7E1, SMA 8N1 as a rule.
//
// It holds codecs; nothing here starts a goroutine.
package nci

import (
	"bytes"
	"fmt"
	"strings"

	"tote/drivers"
	"tote/drivers/scale"
)

// Name of SCP-01 in the table of drivers.
const Name = "nci"

// Control characters.
const (
	stx = 0x02
	etx = 0x03
	lf  = '\n'
	cr  = '\r'
)

// SCP01 returns the NCI standard protocol. The line has no checksum, only
// parity: two equal weights make a stable one.
func SCP01() scale.Protocol {
	return scale.Protocol{
		Name: Name, Ask: "W\r", Window: 2, Parse: ParseSCP01,
		Framer: func() scale.Framer { return &Framer{} },
		Zero:   "Z\r", Tare: "T\r",
	}
}

// Framer cuts answers that run from LF to ETX. Some models leave the ETX out:
// then the CR behind the status bytes ends the answer.
type Framer struct {
	buf []byte
	bad bool // throwing away until ETX
}

// Push is scale.Framer's. A frame is given without its ETX.
func (f *Framer) Push(p []byte, frame func([]byte, error)) {
	for _, c := range p {
		switch {
		case c == etx:
			if !f.bad && len(f.buf) > 0 {
				frame(f.buf, nil)
			}
			f.Reset()
		case f.bad:
		case len(f.buf) == scale.MaxLine:
			f.bad = true
			frame(nil, scale.ErrLong)
		default:
			f.buf = append(f.buf, c)
			if c == cr && complete(f.buf) {
				frame(f.buf, nil)
				f.Reset()
			}
		}
	}
}

// Reset is scale.Framer's.
func (f *Framer) Reset() { f.buf, f.bad = f.buf[:0], false }

// complete tells whether an answer is whole though no ETX came: its last line
// is status bytes, or the refusal of a command.
func complete(p []byte) bool {
	line := p[:len(p)-1]
	line = line[bytes.LastIndexAny(line, "\r\n")+1:]
	_, ok := statusOf(line)
	return ok || string(line) == "?"
}

// statusOf reads 2 to 4 status bytes: bits 4 and 5 are always 1, bit 6 of all
// but the first says that another one follows. SCP-02 and the ECR mode put an S
// in front.
func statusOf(p []byte) ([]byte, bool) {
	p = bytes.TrimPrefix(p, []byte("S"))
	if len(p) < 2 || len(p) > 4 {
		return nil, false
	}
	for i, c := range p {
		if c&0xb0 != 0x30 || (c&0x40 != 0) != (i > 0 && i < len(p)-1) {
			return nil, false
		}
	}
	return p, true
}

// Bits of the status bytes.
const (
	inMotion  = 1 << 0 // byte 1
	ramError  = 1 << 2
	promError = 1 << 3
	under     = 1 << 0 // byte 2
	over      = 1 << 1
	romError  = 1 << 2
	calError  = 1 << 3
	net       = 1 << 2 // byte 3
	unzeroed  = 1 << 3
)

// ParseSCP01 reads an answer: a weight and status bytes, status bytes alone, or
// a refusal.
func ParseSCP01(p []byte) (scale.Answer, error) {
	lines := bytes.FieldsFunc(p, func(r rune) bool { return r == cr || r == lf })
	bad := fmt.Errorf("%w: %q", scale.ErrFrame, p)
	if len(lines) == 1 && string(lines[0]) == "?" {
		return scale.Answer{Kind: scale.AnswerSyntax}, nil
	}
	if len(lines) == 0 || len(lines) > 2 {
		return scale.Answer{}, bad
	}
	status, ok := statusOf(lines[len(lines)-1])
	if !ok {
		return scale.Answer{}, bad
	}
	third := byte(0)
	if len(status) > 2 {
		third = status[2]
	}
	switch {
	case status[0]&(ramError|promError) != 0 || status[1]&(romError|calError) != 0:
		return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleBroken}, nil
	case third&unzeroed != 0:
		return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleUnzeroed}, nil
	case status[1]&over != 0:
		return scale.Answer{Kind: scale.AnswerOverload}, nil
	case status[1]&under != 0:
		return scale.Answer{Kind: scale.AnswerUnderload}, nil
	case len(lines) == 1 && status[0]&inMotion != 0:
		return scale.Answer{Kind: scale.AnswerMoving}, nil
	case len(lines) == 1: // the answer to a zero or status command
		return scale.Answer{Kind: scale.AnswerIrrelevant}, nil
	}
	a := scale.Answer{Kind: scale.AnswerWeight, Stable: status[0]&inMotion == 0, Net: third&net != 0}
	switch {
	case hollow(lines[0]): // dashes in place of digits (Adam): it has no zero point
		return scale.Answer{Kind: scale.AnswerFault, Code: drivers.CodeScaleUnzeroed}, nil
	case a.Weight(lines[0]) != nil:
		return scale.Answer{}, bad
	}
	a.Unit = fold(a.Unit)
	return a, nil
}

// hollow tells whether dashes stand where the digits belong.
func hollow(line []byte) bool {
	dashes := bytes.TrimRight(bytes.TrimSpace(line), "abcdefghijklmnopqrstuvwxyzLBKGOZ ")
	return len(dashes) >= 3 && len(bytes.Trim(dashes, "-")) == 0
}

// fold writes a unit as the rest of Tote does: these scales say LB or lb.
func fold(unit string) string {
	if l := strings.ToLower(unit); l == "lb" || l == "kg" || l == "oz" || l == "g" {
		return l
	}
	return unit
}
