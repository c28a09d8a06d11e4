package drivers

import "strings"

// Bad is firmware with a published fault that a site would meet.
type Bad struct {
	Maker    string // as the device tells it; "" = any
	Model    string // "" = any; otherwise the beginning of what the device tells
	Firmware string // the same; never ""
	Text     string // what goes wrong, and the version that mends it
	Source   string // who published it
}

// matches tells whether a device is one of these.
func (b Bad) matches(i Identity) bool {
	part := func(have, want string) bool {
		return want == "" || len(have) >= len(want) && strings.EqualFold(have[:len(want)], want)
	}
	return i.Firmware != "" && part(i.Maker, b.Maker) && part(i.Model, b.Model) && part(i.Firmware, b.Firmware)
}

// BadFirmware is a table of firmware that is known to be bad.
type BadFirmware []Bad

// Find looks a device up.
func (t BadFirmware) Find(i Identity) (Bad, bool) {
	for _, b := range t {
		if b.matches(i) {
			return b, true
		}
	}
	return Bad{}, false
}

// KnownBad is the table of this version. A row needs a published source; there
// is none without.
func KnownBad() BadFirmware { return BadFirmware{} }
