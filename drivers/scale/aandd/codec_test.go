package aandd

import (
	"testing"

	"go.uber.org/goleak"

	"tote/drivers/scale/scaletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const good = "ST,+00123.45  g\r\n"

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
	for _, s := range []string{good, "US,GS,+0012.34kg\r\n", "OL,-9999999E+19\r\n", "EC,E01\r\n", "\x06\r\nST,TR,+1kg\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		scaletest.Hold(t, Protocol(), in)
	})
}
