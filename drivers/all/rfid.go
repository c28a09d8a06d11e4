package all

import (
	"tote/drivers/rfid/llrp"
	"tote/drivers/rfid/r2000"
	"tote/drivers/serialport"
)

func readers() []Driver {
	return []Driver{
		{
			Name: llrp.DriverName, Kind: RFID,
			Doc: "Fixed UHF RFID readers with LLRP 1.0.1 or 1.1 over TCP port 5084 (Impinj, Zebra FX and others). One long inventory; silence, a held reader, a wrong clock and missing antennas are shown; a photo-eye may be wired to the reader's inputs.",
			Example: `driver: llrp
tcp: 192.0.2.30:5084
antennas: 4
power_dbm: 27
`,
			Evidence: "messages recorded from an Impinj and a Zebra reader; npm llrpjs as the reader",
			TCPPort:  llrp.Port, Wired: true, Versions: []string{llrp.Version101, llrp.Version11},
			Ask: llrp.Identify, Decode: llrp.NewDecoder,
			Reader: llrp.Reader,
		},
		{
			Name: r2000.DriverName, Kind: RFID,
			Doc: "UHF RFID readers of the Impinj R2000 family (packets that begin with A0) on a serial line. Reads with one antenna or switches between up to 8; settings in flash are only written when they differ.",
			Example: `driver: r2000
serial: {path: /dev/serial/by-id/usb-rfid-port0, baud: 115200}
antennas: [1, 2]
power: 27
`,
			Evidence: "captured frames of pyImpinj",
			Lines:    []serialport.Config{{Baud: r2000.Baud}},
			Reader:   r2000.Reader,
		},
	}
}
