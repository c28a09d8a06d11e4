package config

import (
	"strconv"

	"tote/drivers"
)

// Firmware is firmware that the site knows to be bad.
type Firmware struct {
	Maker    string `yaml:"maker,omitempty" doc:"As tote devices list shows it, in capitals or not. Left out: any." example:"Acme"`
	Model    string `yaml:"model,omitempty" doc:"Its beginning, the same way. Left out: any." example:"R9"`
	Firmware string `yaml:"firmware" doc:"The beginning of its version: 1.2. is 1.2.0 and 1.2.9, not 1.20." example:"1.2."`
	Text     string `yaml:"text" doc:"What goes wrong, and which version mends it; it is shown with the fault." example:"loses tags after a day; 1.3 mends it"`
	Source   string `yaml:"source,omitempty" doc:"Where that is written." default:"configuration of the site" example:"https://example.com/release-notes"`
}

// Bad is the firmware that counts as bad at this site: its own list, then the table.
func (c *Config) Bad(table drivers.BadFirmware) drivers.BadFirmware {
	var out drivers.BadFirmware
	for _, f := range c.BadFirmware {
		out = append(out, drivers.Bad(f))
	}
	return append(out, table...)
}

func (k *checker) firmware(list []Firmware) {
	for i, f := range list {
		path := "known_bad[" + strconv.Itoa(i) + "]"
		if f.Firmware == "" {
			k.missing(path + ".firmware")
		}
		if f.Text == "" {
			k.missing(path + ".text")
		}
	}
}
