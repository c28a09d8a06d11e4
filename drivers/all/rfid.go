package all

import (
	"tote/drivers/rfid/llrp"
	"tote/drivers/rfid/r200"
	"tote/drivers/rfid/r2000"
	"tote/drivers/rfid/thingmagic"
	"tote/drivers/rfid/uhf18"
	"tote/drivers/rfid/ziotc"
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
			TCPPort:  llrp.Port, Hold: true, Tells: true, Wired: true, Antennas: 32, Versions: []string{llrp.Version101, llrp.Version11},
			Ask: llrp.Identify, Decode: llrp.NewDecoder,
			Reader: llrp.Reader,
		},
		{
			Name: r2000.DriverName, Kind: RFID,
			Doc: "UHF RFID readers of the Impinj R2000 family (packets that begin with A0) on a serial line. Reads with one antenna or switches between up to 8; settings in flash are only written when they differ.",
			Example: `driver: r2000
serial: {path: /dev/serial/by-id/usb-rfid-port0, baud: 115200}
antennas: 2
power_dbm: 27
`,
			Evidence: "captured frames of pyImpinj",
			Lines:    []serialport.Config{{Baud: r2000.Baud}, {Baud: 57600}},
			Ask:      r2000.Ask,
			Decode:   r2000.NewDecoder,
			Reader:   r2000.Reader,
			Antennas: 8,
		},
		{
			Name: r200.DriverName, Kind: RFID,
			Doc: "UHF RFID modules of the R200 family (M100, YRM100, JRD-4035, R200; frames BB … 7E or AA … DD) on a serial line. One antenna; every read is checked by the CRC of the tag itself.",
			Example: `driver: r200
serial: {path: /dev/serial/by-id/usb-rfid-port0, baud: 115200}
power_dbm: 26
`,
			Evidence: "worked examples of the module manual, captured frames",
			Lines:    []serialport.Config{{Baud: r200.Baud}, {Baud: 57600}},
			Ask:      r200.Ask,
			Decode:   r200.NewDecoder,
			Reader:   r200.Reader,
			Antennas: 1,
		},
		{
			Name: thingmagic.DriverName, Kind: RFID,
			Doc: "UHF RFID modules that speak ThingMagic's Mercury protocol (M6e, Micro, Nano, M7e) on a serial line. Up to 4 antennas, strength, the reader's own time; every read is checked by the CRC of the tag itself. The module forgets its region: give it one.",
			Example: `driver: thingmagic
serial: {path: /dev/serial/by-id/usb-rfid-port0, baud: 115200}
antennas: 1
power_dbm: 27
region: eu
`,
			Evidence: "a captured tag record of an M6e Nano, captured version answers of three modules",
			Lines:    []serialport.Config{{Baud: thingmagic.Baud}, {Baud: 9600}},
			Ask:      thingmagic.Ask,
			Decode:   thingmagic.NewDecoder,
			Reader:   thingmagic.Reader,
			Antennas: thingmagic.MaxAntennas,
			Regions:  thingmagic.Regions(),
		},
		{
			Name: uhf18.DriverName, Kind: RFID,
			Doc: "UHF RFID readers that speak the protocol of UHFReader18 (RRU9803, RRU9809, many of Chafon) on a serial line. One antenna; these readers tell neither strength nor PC word. A reader that pushes tags by itself is set to answer.",
			Example: `driver: uhf18
serial: {path: /dev/serial/by-id/usb-rfid-port0, baud: 57600}
power_dbm: 26
`,
			Evidence: "test frames of chafon-rfid, captured frames of four readers",
			Lines:    []serialport.Config{{Baud: uhf18.Baud}, {Baud: 115200}, {Baud: 9600}},
			Ask:      uhf18.Ask,
			Decode:   uhf18.NewDecoder,
			Reader:   uhf18.Reader,
			Antennas: 1,
		},
		{
			Name: uhf18.DriverName288, Kind: RFID,
			Doc: "UHF RFID readers that speak the protocol of UHFReader288 (Chafon CF-RU and CF-MU series, UHFReader86) on a serial line. Up to 4 antennas in turn; the strength is in a unit of the reader's own.",
			Example: `driver: uhf288
serial: {path: /dev/serial/by-id/usb-rfid-port0, baud: 115200}
antennas: 2
power_dbm: 26
`,
			Evidence: "test frames of chafon-rfid, captured frames of four readers",
			Lines:    []serialport.Config{{Baud: uhf18.Baud288}, {Baud: uhf18.Baud}},
			Ask:      uhf18.Ask288,
			Decode:   uhf18.NewDecoder288,
			Reader:   uhf18.Reader288,
			Antennas: uhf18.MaxAntennas,
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
