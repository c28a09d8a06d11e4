package all

import (
	"tote/drivers/rfid/r200"
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
			Lines:    []serialport.Config{{Baud: r2000.Baud}, {Baud: 57600}},
			Ask:      r2000.Ask,
			Decode:   r2000.NewDecoder,
			Reader:   r2000.Reader,
		},
		{
			Name: r200.DriverName, Kind: RFID,
			Doc: "UHF RFID modules of the R200 family (M100, YRM100, JRD-4035, R200; frames BB … 7E or AA … DD) on a serial line. One antenna; every read is checked by the CRC of the tag itself.",
			Example: `driver: r200
serial: {path: /dev/serial/by-id/usb-rfid-port0, baud: 115200}
power: 26
`,
			Evidence: "worked examples of the module manual, captured frames",
			Lines:    []serialport.Config{{Baud: r200.Baud}, {Baud: 57600}},
			Ask:      r200.Ask,
			Decode:   r200.NewDecoder,
			Reader:   r200.Reader,
		},
	}
}
