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

// KnownBad is the table of this version. A row needs a source that anybody can
// read and that names the version, what goes wrong in a way that matters here, and
// the version that mends it. There is none yet. What was looked through, in
// November 2026, and why it made no row:
//
//   - Impinj: the Octane LLRP and embedded developer's guides, and application
//     notes; they say from which version on a feature is there (phase from 4.4,
//     Doppler from 4.8), not what was broken. Its release notes are behind a login.
//   - Zebra: the changelog of the RFD40 and RFD90 sleds' MQTT documentation
//     (techdocs.zebra.com), which names firmware releases up to SAAFKS00-013-R05,
//     of which what could be read names no fault that one of them mends; manuals of
//     FX readers, Link-OS printers and scanners, which have no known issues.
//   - Issues of sllurp, EdgeX's LLRP services, printer and scanner libraries: what
//     looked like the firmware's was the library's, or a person's word that old
//     firmware was slow, without a version.
//   - Mettler Toledo, OHAUS, Honeywell, ThingMagic, Chafon: nothing with a version.
//
// A site adds what it knows itself: known_bad in its configuration.
func KnownBad() BadFirmware { return BadFirmware{} }
