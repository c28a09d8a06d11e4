package drivers

import "context"

// Device is what every driver is to whoever runs it.
type Device interface {
	// Run serves one session: it opens the port and returns when the device is
	// gone (an error) or ctx is done (nil). It may be called again.
	Run(ctx context.Context) error
	Status() Status
}

// Told is one thing that a device told its driver, in the one form that all
// kinds share: for people who try a device out.
type Told struct {
	Text    string // "0.100 kg", a scan, an EPC
	Value   int64  // of what measures: milligrams, thousandths of a degree Celsius; else 0
	Settled bool   // it measures and does not move
}

// Trial makes a driver out of nothing but a port, with the usual settings: what
// the device tells goes to tell, which must not block. It checks and touches no
// hardware.
type Trial func(name string, open Opener, tell func(Told)) (Device, error)

// Sampler is a Device that can make something a person can look at, as a printer
// a label. Nobody calls it without asking that person.
type Sampler interface {
	// Sample makes it and says what became of it; ok when the device itself
	// confirmed it.
	Sample(ctx context.Context) (text string, ok bool, err error)
}
