package all

import (
	"tote/drivers/rfid/r2000"
	"tote/drivers/serialport"
)

func readers() []Driver {
	return []Driver{
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
