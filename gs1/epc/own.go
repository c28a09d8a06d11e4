package epc

import (
	"strconv"
	"strings"

	"tote/gs1/key"
)

// The three schemes that know no company prefix of GS1, and so no partitions.

// bits of a GID.
const (
	gidManager = 28
	gidClass   = 24
	gidSerial  = 36
)

// partMax is the most characters of a part number of an aircraft.
const partMax = 32

func (p *parts) decodeGID(b *bitReader) {
	for i, n := range [...]int{gidManager, gidClass} {
		p.n = len(strconv.AppendUint(p.text[:p.n], b.take(n), 10))
		p.end(i)
	}
	p.n = len(strconv.AppendUint(p.text[:p.n], b.take(gidSerial), 10))
	p.end(4)
}

func (p *parts) decodeUSDOD(b *bitReader) (filter int, why string) {
	filter = int(b.take(4))
	if !p.cage(func() byte { return byte(b.take(8)) }, ' ') {
		return 0, "no CAGE or DoDAAC"
	}
	p.end(0)
	p.n = len(strconv.AppendUint(p.text[:p.n], b.take(36), 10))
	p.end(4)
	return filter, ""
}

func (p *parts) decodeADI(b *bitReader) (filter int, why string) {
	filter = int(b.take(6))
	if !p.cage(func() byte {
		c := byte(b.take(6))
		if c > 0 && c < 0x20 {
			c |= 0x40
		}
		return c
	}, ' ') {
		return 0, "no CAGE or DoDAAC"
	}
	p.end(0)
	if why := p.readWords(b, field{partWords, 0, partMax}); why != "" {
		return 0, "part: " + why
	}
	p.end(1)
	if why := p.readWords(b, layoutOf(ADI).last); why != "" {
		return 0, "serial number: " + why
	}
	p.end(4)
	return filter, ""
}

// cage reads six characters, the first of which may be the filler.
func (p *parts) cage(next func() byte, filler byte) bool {
	from := p.n
	for i := range 6 {
		c := next()
		if i == 0 && c == filler {
			continue
		}
		p.text[p.n] = c
		p.n++
	}
	return validCAGE(string(p.text[from:p.n]))
}

// validCAGE reports whether s names somebody: five or six capitals and digits,
// without the I and O that look like digits.
func validCAGE(s string) bool {
	if len(s) != 5 && len(s) != 6 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !key.InSet('Y', c) || strings.IndexByte("#-/IO", c) >= 0 {
			return false
		}
	}
	return true
}
