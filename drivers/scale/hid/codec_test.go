package hid

import (
	"testing"

	"go.uber.org/goleak"

	"tote/drivers/scale/scaletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const good = "\x03\x04\x0b\xff\x34\x19"

func TestGolden(t *testing.T) { scaletest.Golden(t, "testdata/frames", Protocol()) }

// USB checks its packets, so flipped bits do not come this far; what would they
// do here? A window of two readings catches them all.
func TestFlippedBits(t *testing.T) {
	if f := scaletest.Flips(t, Protocol(), good, 2); f.Booked > 0 {
		t.Errorf("%+v", f)
	}
}

func FuzzCodec(f *testing.F) {
	for _, s := range []string{good, "\x03\x02\x0b\xff\x00\x00", "\x03\x03\x03\x03\x03\x03", "\x03\x04\x03\x05\x01\x02"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		scaletest.Hold(t, Protocol(), in)
	})
}
