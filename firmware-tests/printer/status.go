package printer

import "fmt"

// status is everything the host can ask about, at one moment.
type status struct {
	paperOut, paused, bufferFull, partial bool
	headOpen, ribbonOut, transfer         bool
	waiting                               bool // a label waits to be taken (peel mode)
	formats                               int  // formats in the receive buffer
	remaining                             int  // labels remaining in the batch
	length                                int  // label length in dots
	peel                                  bool
	jam, busy                             bool // busy: anything received is not out yet
}

// hostStatus is the answer to ~HS, three strings of fixed width:
//
//	aaa,b,c,dddd,eee,f,g,h,iii,j,k,l
//	mmm,n,o,p,q,r,s,t,uuuuuuuu,v,www
//	xxxx,y
func (s status) hostStatus() []byte {
	const (
		interfaceSettings = 30 // aaa: 9600 baud, 8 data bits, 1 stop bit, no parity, XON/XOFF
		functionSettings  = 0  // mmm: die-cut media, sensor profile off, diagnostics off
		widthMode         = 6  // s
		formatWhile       = 1  // v: always 1
	)
	mode := 2 // r: tear-off
	if s.peel {
		mode = 1
	}
	return fmt.Appendf(nil,
		"\x02%03d,%d,%d,%04d,%03d,%d,0,%d,000,0,0,0\x03\r\n"+
			"\x02%03d,0,%d,%d,%d,%d,%d,%d,%08d,%d,000\x03\r\n"+
			"\x021234,0\x03\r\n",
		interfaceSettings, bit(s.paperOut), bit(s.paused), min(s.length, 9999), min(s.formats, 999),
		bit(s.bufferFull), bit(s.partial),
		functionSettings, bit(s.headOpen), bit(s.ribbonOut), bit(s.transfer), mode, widthMode,
		bit(s.waiting), s.remaining, formatWhile)
}

// errorStatus is the answer to ~HQES. The second group of eight nibbles holds
// what we emulate: nibble 1 media (1), ribbon (2), head open (4); nibble 5
// paused (1).
func (s status) errorStatus() []byte {
	flags := 0
	if s.paperOut {
		flags |= 0x1
	}
	if s.ribbonOut {
		flags |= 0x2
	}
	if s.headOpen {
		flags |= 0x4
	}
	if s.paused {
		flags |= 0x10000
	}
	line := func(name string, flags int) string {
		return fmt.Sprintf("%-44s\r\n", fmt.Sprintf("   %-16s%d 00000000 %08X", name, bit(flags != 0), flags))
	}
	return fmt.Appendf(nil, "\x02\r\n\r\n%-44s\r\n%s%s\x03",
		"  PRINTER STATUS", line("ERRORS:", flags), line("WARNINGS:", 0))
}

// identification is the answer to ~HI: model, firmware, dots per millimetre, memory.
func identification(model string) []byte {
	return fmt.Appendf(nil, "\x02%s,V1.00.00,8,8192KB\x03\r\n", model)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
