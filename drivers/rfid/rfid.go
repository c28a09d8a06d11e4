// Package rfid holds what RFID readers of every make report: a Read, one
// sighting of one tag by one antenna. The drivers are in the packages below, one
// for each family of readers; presence decides what passed a portal.
//
// A Read is not a fact about goods: one tag is read tens of times a second,
// tags behind the wall are read too, and a checksum of 8 bits lets a damaged
// frame through now and then. Reads stay at the gateway; only what presence
// makes of them is proposed.
//
// The package holds types only; it owns no goroutine.
package rfid

import "time"

// Read is one sighting of a tag.
type Read struct {
	EPC     string    // content of the tag's EPC bank, hexadecimal, upper case
	PC      uint16    // protocol control word of the tag; 0 when the reader does not tell
	Antenna int       // port of the reader, from 1; 0 when the reader does not tell
	RSSI    int       // strength of the tag's answer, dBm; 0 when the reader does not tell
	At      time.Time // when the reader's report came, by the clock of this machine

	// ReaderTime is when the reader saw the tag, by its own clock; zero when it
	// does not tell, or when its clock is known to be wrong.
	ReaderTime time.Time

	// RawRSSI is the strength in a unit of the reader that its maker does not
	// document: a number to compare with others of the same reader, never dBm.
	// 0 when the reader tells dBm, or nothing.
	RawRSSI int

	// Phase is the phase of the tag's answer against the reader's carrier, in
	// hundredths of a degree, 0 to 35999; of readers that tell half a turn alone,
	// below 18000. It means nothing without HasPhase, and nothing here goes by it.
	Phase    int
	HasPhase bool
}

// toggle is the bit of the PC word that says: what follows is an application
// family identifier, not a GS1 EPC.
const toggle = 0x0100

// GS1 reports whether the tag's content may be decoded as an EPC. A tag of
// another family (a library book, say) can look like one by its header byte.
func (r Read) GS1() bool { return r.PC&toggle == 0 }
