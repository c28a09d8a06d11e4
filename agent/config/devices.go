package config

// Device is one device of a configuration that has a driver of the table. Where
// Serial is nil and TCP is "" it is reached another way: see Where.
type Device struct {
	Name   string // as on screens: pack1/scale
	Driver string
	Serial *Serial
	TCP    string
	HID    *HID
	Input  *Input
}

// Where is how the device is reached, for people.
func (d Device) Where() string {
	switch {
	case d.TCP != "":
		return d.TCP
	case d.Serial != nil:
		return d.Serial.Port(d.Name).Where()
	case d.HID != nil:
		if c, err := d.HID.Config(); err == nil {
			return c.Where()
		}
	case d.Input != nil:
		return d.Input.Path
	}
	return "by topics of the broker"
}

// Devices lists the devices with drivers of the table, in the order of the file.
func (c *Config) Devices() []Device {
	var out []Device
	for _, s := range c.Stations {
		if s.Scanner != nil {
			out = append(out, Device{Name: s.ID + "/scanner", Driver: s.Scanner.Driver, Serial: s.Scanner.Serial, Input: s.Scanner.Input})
		}
		if s.Scale != nil {
			out = append(out, Device{Name: s.ID + "/scale", Driver: s.Scale.Driver, Serial: s.Scale.Serial, HID: s.Scale.HID})
		}
		if s.Printer != nil {
			out = append(out, Device{Name: s.ID + "/printer", Driver: s.Printer.Driver, Serial: s.Printer.Serial, TCP: s.Printer.TCP})
		}
		if s.Slips != nil {
			out = append(out, Device{Name: s.ID + "/slips", Driver: s.Slips.Driver, Serial: s.Slips.Serial, TCP: s.Slips.TCP})
		}
	}
	for _, d := range c.Docks {
		if d.Scanner != nil {
			out = append(out, Device{Name: d.ID + "/scanner", Driver: d.Scanner.Driver, Serial: d.Scanner.Serial, Input: d.Scanner.Input})
		}
		if d.RFID != nil && d.RFID.ReaderOf == "" { // else it is the reader of another dock
			out = append(out, Device{Name: d.ID + "/rfid", Driver: d.RFID.Driver, Serial: d.RFID.Serial, TCP: d.RFID.TCP})
		}
	}
	for _, r := range c.placeReaders() {
		out = append(out, Device{Name: r.Device(), Driver: r.Driver, Serial: r.Serial, TCP: r.TCP})
	}
	for _, s := range c.Sensors {
		out = append(out, Device{Name: s.ID + "/sensor", Driver: s.Driver, Serial: s.Serial, TCP: s.TCP})
	}
	return out
}
