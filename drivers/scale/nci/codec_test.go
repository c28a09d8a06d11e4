package nci

import (
	"testing"

	"go.uber.org/goleak"

	"tote/drivers/scale/scaletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	scp01 = "\n0012.34lb\r\n00\r\x03"
	t8213 = "\x02012.34\r"
	sma   = "\n 1G       5.025lb \r"
)

func TestGolden(t *testing.T)     { scaletest.Golden(t, "testdata/frames", SCP01()) }
func TestGolden8213(t *testing.T) { scaletest.Golden(t, "testdata/8213", T8213("lb")) }
func TestGoldenSMA(t *testing.T)  { scaletest.Golden(t, "testdata/sma", SMA()) }

func TestConformance(t *testing.T) {
	scaletest.Conformance(t, scaletest.Suite{Protocol: SCP01(), Frame: scp01, Want: "12.34 lb"})
}

func TestConformance8213(t *testing.T) {
	scaletest.Conformance(t, scaletest.Suite{Protocol: T8213("lb"), Frame: t8213, Want: "12.34 lb"})
}

func TestConformanceSMA(t *testing.T) {
	scaletest.Conformance(t, scaletest.Suite{Protocol: SMA(), Frame: sma, Want: "5.025 lb"})
}

// The line has no checksum: a flipped bit may be shown for a moment, as
// unstable, and is never booked.
func TestFlippedBits(t *testing.T) {
	if f := scaletest.Flips(t, SCP01(), scp01, 0); f.Booked > 0 {
		t.Errorf("%+v", f)
	}
	if f := scaletest.Flips(t, T8213("lb"), t8213, 0); f.Booked > 0 {
		t.Errorf("%+v", f)
	}
	if f := scaletest.Flips(t, SMA(), sma, 0); f.Booked > 0 {
		t.Errorf("%+v", f)
	}
}

func FuzzCodec(f *testing.F) {
	for _, s := range []string{scp01, t8213, sma, "\n^^^^^^kg\r\n0r0\r\x03", "\x02?a\r", "\n?\r", "\nMFG:x\r", "\n0012.34lb\r00\x03"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		scaletest.Hold(t, SCP01(), in)
		scaletest.Hold(t, T8213("kg"), in)
		scaletest.Hold(t, SMA(), in)
	})
}
