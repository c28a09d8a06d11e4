// Package gen2 reads what a Gen2 tag itself sends (EPC UHF Gen2 air interface,
// ISO/IEC 18000-63): its protocol control words, its EPC and its CRC, which
// readers of several families pass on as they are. It has no state.
package gen2

// Bits of the PC word and of the first word behind it.
const (
	pcXPC = 0x0200 // extended control words stand between PC and EPC
	xpc2  = 0x80   // in the first byte of the first: there is a second
)

// Split reads PC word, extended control words and EPC at the front of p. The
// length of the EPC is that of the PC word. n is how many bytes all of it takes;
// 0 when p is too short. epc is a part of p.
func Split(p []byte) (pc uint16, epc []byte, n int) {
	if len(p) < 2 {
		return 0, nil, 0
	}
	pc = uint16(p[0])<<8 | uint16(p[1])
	start := 2
	if pc&pcXPC != 0 {
		start += 2
		if len(p) > 2 && p[2]&xpc2 != 0 {
			start += 2
		}
	}
	n = start + int(pc>>11)*2
	if len(p) < n {
		return pc, nil, 0
	}
	return pc, p[start:n], n
}

// CRC is what a tag sends behind its PC, its extended control words and its EPC:
// polynomial 1021, begun with FFFF, inverted.
func CRC(p []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range p {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return ^crc
}
