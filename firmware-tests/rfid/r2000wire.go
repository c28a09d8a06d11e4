package rfid

// Packets of the R2000 family: A0, length, address, command, data, check. The
// length counts what comes behind it; all bytes together sum to 0.

const (
	begin     = 0xA0
	everybody = 0xFF // address all readers take
	shortest  = 3    // length byte of a command without data
	longest   = 0x40 // longer commands than any the reader knows
)

// Commands the reader understands.
const (
	cmdSetDetector  = 0x62
	cmdGetDetector  = 0x63
	cmdTempPower    = 0x66
	cmdReset        = 0x70
	cmdFirmware     = 0x72
	cmdSetAntenna   = 0x74
	cmdGetAntenna   = 0x75
	cmdSetPower     = 0x76
	cmdGetPower     = 0x77
	cmdSetRegion    = 0x78
	cmdGetRegion    = 0x79
	cmdTemperature  = 0x7B
	cmdRealTime     = 0x89
	cmdFastSwitch   = 0x8A
	cmdSessionRound = 0x8B
)

// Status bytes it answers.
const (
	done           = 0x10
	failed         = 0x11
	antennaMissing = 0x22
	badParameter   = 0x41
	badAntenna     = 0x47 // out of range
	badPower       = 0x48 // out of range
	badRegion      = 0x49 // out of range
)

// order is one command that was received whole.
type order struct {
	cmd  byte
	data []byte
}

// answer makes a packet.
func answer(address, cmd byte, data ...byte) []byte {
	p := append([]byte{begin, byte(len(data) + 3), address, cmd}, data...)
	var total byte
	for _, b := range p {
		total += b
	}
	return append(p, 0-total)
}

// orders takes the whole commands for this address off the front of in and
// returns them with what is left. Damaged ones are passed over in silence, as
// the readers do.
func orders(in []byte, address byte) (out []order, rest []byte) {
	for len(in) > 0 {
		if in[0] != begin {
			in = in[1:]
			continue
		}
		if len(in) < 2 {
			break
		}
		length := int(in[1])
		if length < shortest || length > longest {
			in = in[1:]
			continue
		}
		if len(in) < length+2 {
			break
		}
		var total byte
		for _, b := range in[:length+2] {
			total += b
		}
		if total != 0 {
			in = in[1:]
			continue
		}
		if to := in[2]; to == address || to == everybody {
			out = append(out, order{in[3], append([]byte(nil), in[4:length+1]...)})
		}
		in = in[length+2:]
	}
	return out, in
}
