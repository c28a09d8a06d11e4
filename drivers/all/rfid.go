package all

import (
	"tote/drivers/rfid/r2000"
	"tote/drivers/rfid/ziotc"
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
		{
			Name: ziotc.FixedName, Kind: RFID, MQTT: true,
			Doc: "Fixed UHF RFID readers of Zebra with the IoT Connector (FX7500, FX9600, ATR7000, FXR60, FXR90), over MQTT at the gateway's own broker. Antennas, power and metadata stand in the reader's operating mode: ANTENNA and RSSI must be switched on there for a portal. Late reads are dropped.",
			Example: `driver: ziotc
mqtt: {client_id: FX9600F10AE0, events: zebra/fx1/tevents zebra/fx1/mevents zebra/fx1/cresp, commands: zebra/fx1/ccmds}
`,
			Evidence: "messages of FX9600 and FXR60 readers",
			Decode:   ziotc.Trace,
			Reader:   ziotc.FixedReader,
		},
		{
			Name: ziotc.SledName, Kind: RFID, MQTT: true,
			Doc: "RFID sleds of Zebra (RFD40, RFD90) over MQTT at the gateway's own broker. Their barcodes are scans of the dock. Set the report filter's duration to 0: every read counts.",
			Example: `driver: ziotc-sled
mqtt: {client_id: RFD40-24190525100255, events: zebra/DATA1/event/RFD40-24190525100255 zebra/MGMT/event/RFD40-24190525100255 zebra/CTRL/clients/resp/RFD40-24190525100255, commands: zebra/CTRL/clients/cmnd/RFD40-24190525100255}
`,
			Evidence: "messages of Zebra's RFD40/RFD90 MQTT API reference",
			Decode:   ziotc.Trace,
			Reader:   ziotc.SledReader,
		},
	}
}
