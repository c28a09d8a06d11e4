package llrp

import (
	"encoding/binary"
	"errors"
)

// Wire of LLRP 1.0.1, as the emulator needs it. Sources: EPCglobal LLRP 1.0.1;
// the messages recorded from an Impinj reader in shared/data/llrp_frames; what
// npm llrpjs 1.0.1 accepts. It shares no code with the driver.

const (
	headerSize = 10
	maxMessage = 1 << 20
)

// Message types.
const (
	getCapabilities  = 1
	getConfig        = 2
	setConfig        = 3
	closeResponse    = 4
	closeConnection  = 14
	addROSpec        = 20
	deleteROSpec     = 21
	startROSpec      = 22
	stopROSpec       = 23
	enableROSpec     = 24
	disableROSpec    = 25
	getROSpecs       = 26
	getVersion       = 46
	setVersion       = 47
	getReport        = 60
	report           = 61
	keepalive        = 62
	eventMessage     = 63
	enableEvents     = 64
	keepaliveAck     = 72
	errorMessage     = 100
	customMessage    = 1023
	responseDistance = 10
)

// Status codes.
const (
	success            = 0
	paramError         = 100
	fieldError         = 101
	missingParam       = 103
	overflowParam      = 105
	unsupportedMessage = 109
	unsupportedVersion = 110
	fieldInvalid       = 300
	fieldRange         = 301
)

// What the emulator has of Impinj's extensions (packet-llrp.h of Wireshark).
const (
	custom        = 1023
	impinj        = 25882
	extensions    = 21 // CUSTOM_MESSAGE IMPINJ_ENABLE_EXTENSIONS; 22 is its answer
	selectContent = 50 // in ROReportSpec
	selectPhase   = 52 // in that, u16
	phaseAngle    = 56 // in TagReportData, u16 in 4096ths of a turn
)

// extension gives what is in a custom parameter of Impinj.
func extension(ps []param, subtype uint32) ([]byte, bool) {
	for _, p := range ps {
		if p.typ == custom && len(p.body) >= 8 && binary.BigEndian.Uint32(p.body) == impinj && binary.BigEndian.Uint32(p.body[4:]) == subtype {
			return p.body[8:], true
		}
	}
	return nil, false
}

// message is one that was received whole.
type message struct {
	version byte
	typ     int
	id      uint32
	body    []byte
}

var errStream = errors.New("llrp: the client sends no LLRP")

// cut takes the whole messages off the front of in.
func cut(in []byte) (out []message, rest []byte, err error) {
	for len(in) >= headerSize {
		first := binary.BigEndian.Uint16(in)
		n := binary.BigEndian.Uint32(in[2:])
		if first>>13 != 0 || n < headerSize || n > maxMessage {
			return out, in, errStream
		}
		if len(in) < int(n) {
			break
		}
		out = append(out, message{byte(first >> 10 & 7), int(first & 0x3FF), binary.BigEndian.Uint32(in[6:]), append([]byte(nil), in[headerSize:n]...)})
		in = in[n:]
	}
	return out, in, nil
}

// pack makes a message.
func pack(version byte, typ int, id uint32, body ...[]byte) []byte {
	b := u16(uint16(version)<<10 | uint16(typ))
	b = append(b, 0, 0, 0, 0)
	b = append(b, u32(id)...)
	for _, part := range body {
		b = append(b, part...)
	}
	binary.BigEndian.PutUint32(b[2:], uint32(len(b)))
	return b
}

// tlv makes a parameter with a length.
func tlv(typ int, parts ...[]byte) []byte {
	b := append(u16(uint16(typ)), 0, 0)
	for _, p := range parts {
		b = append(b, p...)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// tv makes a parameter without one.
func tv(typ int, body []byte) []byte { return append([]byte{0x80 | byte(typ)}, body...) }

func u16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
func str(s string) []byte { return append(u16(uint16(len(s))), s...) }
func flag(on bool, bit byte) []byte {
	if on {
		return []byte{bit}
	}
	return []byte{0}
}

// param is a TLV of a client. Clients send no TVs in what the emulator knows.
type param struct {
	typ  int
	body []byte
}

// params takes a list of TLVs apart; ok is false when a length does not fit.
func params(b []byte) (out []param, ok bool) {
	for len(b) > 0 {
		if len(b) < 4 || b[0]&0x80 != 0 {
			return out, false
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return out, false
		}
		out = append(out, param{int(binary.BigEndian.Uint16(b) & 0x3FF), b[4:n]})
		b = b[n:]
	}
	return out, true
}

// find gives the body of the first parameter of a type, with at least so many
// bytes.
func find(ps []param, typ, size int) ([]byte, bool) {
	for _, p := range ps {
		if p.typ == typ && len(p.body) >= size {
			return p.body, true
		}
	}
	return nil, false
}

func status(code int, text string) []byte { return tlv(287, u16(uint16(code)), str(text)) }
