package all

import (
	"tote/drivers"
	"tote/drivers/scale"
	"tote/drivers/serialport"
)

func scales() []Driver {
	return []Driver{
		{
			Name: scale.DriverName, Kind: Scale,
			Doc: "Scales with MT-SICS level 0 (Mettler Toledo, and A&D, KERN, OHAUS and others in MT emulation). Polls SI; books only what the scale calls stable.",
			Example: `driver: mt-sics
serial: {path: /dev/serial/by-id/usb-scale-port0, baud: 9600}
interval: 100ms
`,
			Evidence: "frames of the MT-SICS reference manual",
			Lines:    []serialport.Config{{Baud: 9600}},
			Trial:    tryScale,
		},
	}
}

func tryScale(name string, open drivers.Opener, tell func(drivers.Told)) (drivers.Device, error) {
	return scale.New(scale.Config{Name: name, Open: open, Sink: func(r scale.Reading) { tell(toldWeight(r)) }})
}

// toldWeight is a reading of any scale.
func toldWeight(r scale.Reading) drivers.Told {
	t := drivers.Told{Text: r.Text(), Value: r.Milligrams, Settled: r.Stable && r.Weighs()}
	if r.Weighs() && !r.Stable {
		t.Text += ", moving"
	}
	return t
}
