package config_test

import (
	"strings"
	"testing"

	"tote/drivers/all"
)

// TestExamplesOfDrivers: what docs/devices.md shows for each driver can be put
// into a configuration as it stands.
func TestExamplesOfDrivers(t *testing.T) {
	for _, d := range all.Drivers() {
		head := map[all.Kind]string{
			all.Scale:   "stations:\n  - id: p1\n    scale:\n",
			all.Printer: "stations:\n  - id: p1\n    slips:\n", // a receipt printer too
			all.Scanner: "stations:\n  - id: p1\n    scanner:\n",
			all.RFID:    "docks:\n  - id: d1\n    rfid:\n",
			all.Sensor:  "sensors:\n  - id: s1\n",
		}[d.Kind]
		indent := "      "
		if d.Kind == all.Sensor {
			indent = "    "
		}
		text := good + head + indent + strings.ReplaceAll(strings.TrimSpace(d.Example), "\n", "\n"+indent) + "\n"
		cfg, err := parse("f", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", d.Name, err)
			continue
		}
		if devices := cfg.Devices(); len(devices) != 1 || devices[0].Driver != d.Name {
			t.Errorf("%s: %+v", d.Name, devices)
		}
	}
}
