package ohaus

import (
	"testing"

	"go.uber.org/goleak"

	"tote/drivers/scale/scaletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const good = "    123.45 g\r\n"

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
	for _, s := range []string{good, "-  1.5 kg ? NET\r\n", "ES\r\n", "Err 8.4\n", "      0.01 g   00:00:00\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		scaletest.Hold(t, Protocol(), in)
	})
}
