package sics

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/scale/scaletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// MT-SICS has no checksum, and a stable answer is believed at once: the frame
// is stiff, but a digit can become another. Two equal readings catch that; a
// site that wants them sets a window.
func TestFlippedBits(t *testing.T) {
	const good = "S S     100.00 g\r\n"
	if f := scaletest.Flips(t, Protocol(), good, 0); f.Booked == 0 {
		t.Errorf("%+v: then say so in DESIGN.md", f)
	}
	if f := scaletest.Flips(t, Protocol(), good, 2); f.Booked > 0 {
		t.Errorf("%+v", f)
	}
}

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers map[string]string
		want    drivers.Identity
		code    string
	}{
		{"whole", map[string]string{
			Ask: "S D    0.1 g\r\n", "I2\r\n": "I2 A \"XS204 Excellence\" \"220.0090 g\"\r\n", "I3\r\n": "I3 A \"1.10\"\r\n", "I4\r\n": "I4 A \"1126493049\"\r\n",
		}, drivers.Identity{Model: "XS204 Excellence 220.0090 g", Firmware: "1.10", Serial: "1126493049"}, ""},
		{"it does not know I2", map[string]string{
			Ask: "S I\r\n", "I2\r\n": "ES\r\n", "I3\r\n": "noise\r\nI3 A 1.10\r\n", "I4\r\n": "I4 I\r\n",
		}, drivers.Identity{Firmware: "1.10"}, ""},
		{"another device", map[string]string{Ask: "what?\r\n"}, drivers.Identity{}, drivers.CodeScaleSilent},
		{"nothing", nil, drivers.Identity{}, drivers.CodeScaleSilent},
	} {
		t.Run(c.name, func(t *testing.T) {
			var peer drivertest.Peer
			peer.OnWrite = func(p []byte) (int, error) { peer.Send(c.answers[string(p)]); return len(p), nil }
			port, err := peer.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = port.Close() }()
			got, err := Protocol().Identify(context.Background(), port)
			if got != c.want || drivers.CodeOf(err) != c.code {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
