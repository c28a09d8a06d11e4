package kern

import (
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"tote/drivers/drivertest"
	"tote/drivers/scale/scaletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const good = "     123.45 g  \r\n"

func TestGolden(t *testing.T) { scaletest.Golden(t, "testdata/frames", Protocol()) }

func TestConformance(t *testing.T) {
	scaletest.Conformance(t, scaletest.Suite{Protocol: Protocol(), Frame: good, Want: "123.45 g"})
}

// The line has no checksum: a flipped bit may be shown for a moment, as
// unstable, and is never booked.
func TestFlippedBits(t *testing.T) {
	if f := scaletest.Flips(t, Protocol(), good, 0); f.Booked > 0 {
		t.Errorf("%+v", f)
	}
}

func FuzzCodec(f *testing.F) {
	for _, s := range []string{good, "M-    12.345 kg  \r\n", "       Error\r\n", "         0.0 \r\n", "+00123.4 g S\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		scaletest.Hold(t, Protocol(), in)
	})
}

// TestAScanIsNoBalance: who is asked for a weight and says a number without a unit has
// to say it again. A scan comes once.
func TestAScanIsNoBalance(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string // one a question
		balance bool
	}{
		"a scan":           {[]string{"4006381333931\r\n"}, false},
		"a weight at rest": {[]string{"     123.45 g  \r\n"}, true},
		"one in motion":    {[]string{"     123.45    \r\n", "     124.00    \r\n"}, true},
		"no balance":       {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var peer drivertest.Peer
				peer.OnWrite = func(p []byte) (int, error) {
					if len(c.answers) > 0 {
						peer.Send(c.answers[0])
						c.answers = c.answers[1:]
					}
					return len(p), nil
				}
				port, err := peer.Open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = port.Close() }()
				if _, err := Protocol().Identify(t.Context(), port); (err == nil) != c.balance {
					t.Errorf("%v", err)
				}
			})
		})
	}
}
