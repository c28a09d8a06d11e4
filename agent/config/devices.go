package config

// Device is one device of a configuration that is plugged into a port.
type Device struct {
	Name   string // as on screens: pack1/scale
	Driver string
	Serial *Serial // nil: in the network
	TCP    string
}

// Devices lists the devices with ports, in the order of the file.
func (c *Config) Devices() []Device {
	var out []Device
	for _, s := range c.Stations {
		if s.Scanner != nil {
			out = append(out, Device{Name: s.ID + "/scanner", Driver: s.Scanner.Driver, Serial: s.Scanner.Serial})
		}
		if s.Scale != nil {
			out = append(out, Device{Name: s.ID + "/scale", Driver: s.Scale.Driver, Serial: s.Scale.Serial})
		}
		if s.Printer != nil {
			out = append(out, Device{Name: s.ID + "/printer", Driver: s.Printer.Driver, Serial: s.Printer.Serial, TCP: s.Printer.TCP})
		}
	}
	for _, d := range c.Docks {
		if d.Scanner != nil {
			out = append(out, Device{Name: d.ID + "/scanner", Driver: d.Scanner.Driver, Serial: d.Scanner.Serial})
		}
		if d.RFID != nil {
			out = append(out, Device{Name: d.ID + "/rfid", Driver: d.RFID.Driver, Serial: d.RFID.Serial, TCP: d.RFID.TCP})
		}
	}
	return out
}
