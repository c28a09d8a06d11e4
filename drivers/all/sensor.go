package all

import (
	"tote/drivers/sensor/xymd02"
	"tote/drivers/serialport"
)

func sensors() []Driver {
	return []Driver{
		{
			Name: xymd02.DriverName, Kind: Sensor,
			Doc: "Temperature and humidity transmitters of the XY-MD02 family (SHT20, SHT40) on RS-485 by Modbus RTU. Only reads; a value out of range is a fault, never a reading.",
			Example: `driver: xy-md02
serial: {path: /dev/serial/by-id/usb-rs485-port0, baud: 9600}
address: 1
`,
			Evidence: "frames of e-tinkers/Modbus-RTU, verified there on a sensor",
			Lines:    []serialport.Config{{Baud: 9600}, {Baud: 9600, Parity: serialport.ParityEven}},
			Ask:      xymd02.Ask,
			Decode:   xymd02.Decode,
			Sensor:   xymd02.New,
		},
	}
}
