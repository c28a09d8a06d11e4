package scale

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	drivertest.Conformance(t, drivertest.Suite{
		New: func(t *testing.T, open drivers.Opener, deliver func(string)) drivertest.Device {
			d, err := New(Config{
				Name: "scale/test", Open: open, Interval: 10 * time.Millisecond, Timeout: 40 * time.Millisecond,
				Sink: func(r Reading) {
					if r.Stable {
						deliver(r.Text())
					} else {
						deliver("unstable " + r.Text())
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			return d
		},
		Ask: Ask, Frame: "S S     100.00 g\r\n", Want: "100.00 g", Garbage: "\x00\xff\xa5S", Unframed: true,
	})
}
