// Package sensor is what all sensors of temperature share: a reading in whole
// numbers, and what their drivers are made from. The drivers are in packages of
// their own. Pure data, no goroutine.
package sensor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"tote/drivers"
)

// Reading is one answer of a sensor.
type Reading struct {
	MilliC   int64 // thousandths of a degree Celsius
	MilliRH  int64 // thousandths of a per cent of relative humidity; see Humid
	Humid    bool  // the sensor measures humidity too
	Decimals int   // digits after the point that the sensor tells, 0..3
	At       time.Time
}

// DeciC is the temperature in tenths of a degree, half away from zero: the form
// the domain takes.
func (r Reading) DeciC() int64 {
	if r.MilliC < 0 {
		return -((-r.MilliC + 50) / 100)
	}
	return (r.MilliC + 50) / 100
}

// Text shows the reading as a person writes it: "30.5 °C, 54.6 % RH".
func (r Reading) Text() string {
	s := number(r.MilliC, r.Decimals) + " °C"
	if r.Humid {
		s += ", " + number(r.MilliRH, r.Decimals) + " % RH"
	}
	return s
}

func number(milli int64, decimals int) string {
	sign := ""
	if milli < 0 {
		sign, milli = "-", -milli
	}
	s := fmt.Sprintf("%s%d.%03d", sign, milli/1000, milli%1000)
	if cut := 3 - min(max(decimals, 0), 3); cut == 3 {
		return s[:len(s)-4]
	} else {
		return s[:len(s)-cut]
	}
}

// Settings are what the driver of any sensor is made from.
type Settings struct {
	Name      string               // as shown to people, e.g. "sensor/cold1"
	Open      drivers.Opener       // how to reach it
	Sink      func(Reading)        // gets every reading, from Run's goroutine; must not block
	Address   int                  // on a bus; 0 = the family's default
	PerDegree int                  // counts of the sensor for one degree; 0 = the family's default
	Interval  time.Duration        // between two questions; 0 = 2 s
	Log       *slog.Logger         // nil = silent
	OnStatus  func(drivers.Status) // called on each change of state; may be nil; must not block
}

// Sensor is the driver of one sensor.
type Sensor interface {
	Run(ctx context.Context) error
	Status() drivers.Status
}

// Maker makes the driver of a sensor. It checks the settings and touches no
// hardware.
type Maker func(Settings) (Sensor, error)
