package hid

import (
	"testing"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/scale/scaletest"
)

// The reports have no checksum of their own: USB checks each packet (CRC-16), and
// what the scale says is stable is taken at its word. So a bit changed behind USB
// may change the weight, its unit or its state; of the report's id none may. With a
// window of two readings nothing wrong is taken for stable (TestFlippedBits).
func policy(bit int, _ string) bool { return bit >= 8 }

func TestConformance(t *testing.T) {
	scaletest.Conformance(t, scaletest.Suite{
		Protocol: Protocol(), Frame: good, Want: "645.2 oz",
		Garbage: "\x04\x01\x02\x00\x00\x00" + "\x05\x04\x02\x00\x63\x00", // a feature report of the class, and one of another usage
		Policy:  policy, After: 2,
		Records: &drivertest.Records{
			Size: reportLen, AtOnce: 1, Read: Report,
			Open: func(path string) (drivers.Opener, error) { return Opener(Config{Path: path}), nil },
		},
	})
}

// Every bit of every captured report: each is read as something sane, or refused.
func TestEveryBitOfEveryReport(t *testing.T) {
	reports := 0
	for _, name := range []string{"captures", "dymo", "states"} {
		wire, err := drivertest.ReadHex("testdata/frames/" + name + ".hex")
		if err != nil {
			t.Fatal(err)
		}
		(&Framer{}).Push(wire, func(frame []byte, err error) {
			if err != nil {
				return
			}
			reports++
			for bit := range 8 * reportLen {
				bad := []byte(string(frame))
				bad[bit/8] ^= 1 << (bit % 8)
				scaletest.Hold(t, Protocol(), Report(bad))
			}
		})
	}
	if reports < 20 {
		t.Errorf("%d reports: the table shows little", reports)
	}
}
