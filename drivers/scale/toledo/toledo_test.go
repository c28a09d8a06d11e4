package toledo

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tote/drivers"
	"tote/drivers/drivertest"
	"tote/drivers/scale"
	"tote/drivers/scale/scaletest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	checked = "\x02\x2c\x30\x20 12345     0\r\x06"
	plain   = "\x02\x2c\x30\x20 12345     0\r"
)

func TestGolden(t *testing.T)      { scaletest.Golden(t, "testdata/frames", Protocol()) }
func TestGoldenPlain(t *testing.T) { scaletest.Golden(t, "testdata/plain", Plain()) }

func TestConformance(t *testing.T) {
	scaletest.Conformance(t, scaletest.Suite{Protocol: Protocol(), Frame: checked, Want: "123.45 kg"})
}

func TestConformancePlain(t *testing.T) {
	scaletest.Conformance(t, scaletest.Suite{Protocol: Plain(), Frame: plain, Want: "123.45 kg"})
}

// With a checksum no flipped bit makes a weight, not even one to look at;
// without, none that is booked. Bit 7 is parity and masked.
func TestFlippedBits(t *testing.T) {
	if f := scaletest.Flips(t, Protocol(), checked, 0); f.Shown+f.Booked > 0 {
		t.Errorf("%+v", f)
	}
	if f := scaletest.Flips(t, Plain(), plain, 0); f.Booked > 0 || f.Shown == 0 {
		t.Errorf("%+v", f)
	}
}

// A checksum that is an STX by chance does not begin a frame.
func TestChecksumThatLooksLikeAStart(t *testing.T) {
	for v := range 1000 {
		digits := []byte{' ', ' ', ' ', '0' + byte(v/100), '0' + byte(v/10%10), '0' + byte(v%10)}
		f := append([]byte{stx, 0x2c, 0x30, 0x20}, digits...)
		f = append(f, "     0\r"...)
		sum := byte(0)
		for _, c := range f {
			sum += c
		}
		f = append(f, -sum&0x7f)
		got := scaletest.Decode(Protocol(), append(f, f...))
		if len(got) != 2 || got[1].Answer.Value != int64(v) || got[0] != got[1] {
			t.Fatalf("%d: %q: %+v", v, f, got)
		}
	}
}

func TestSharedVectors(t *testing.T) {
	data, err := os.ReadFile("../../../../shared/data/device_frames.json")
	if err != nil {
		t.Skipf("THE SHARED VECTORS ARE NOT HERE, so the driver is not held to them: %v", err)
	}
	var file struct {
		Vectors []struct {
			Protocol, Hex, Unit, Value, Tare string
			Stable, Net, Overcapacity        bool
			CheckOK                          bool `json:"check_ok"`
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, v := range file.Vectors {
		if v.Protocol != Name {
			continue
		}
		n++
		wire, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		got := scaletest.Decode(Protocol(), wire)
		if len(got) != 1 || (got[0].Error == "") != v.CheckOK {
			t.Errorf("%s: %+v", v.Hex, got)
			continue
		}
		a := got[0].Answer
		r := scale.Reading{Value: a.Value, Decimals: a.Decimals, Unit: a.Unit}
		tare := scale.Reading{Value: a.Tare, Decimals: a.Decimals, Unit: a.Unit}
		switch {
		case v.Overcapacity:
			if a.Kind != scale.AnswerOverload {
				t.Errorf("%s: %+v", v.Hex, a)
			}
		case a.Stable != v.Stable || a.Net != v.Net || r.Text() != v.Value+" "+v.Unit || tare.Text() != v.Tare+" "+v.Unit:
			t.Errorf("%s: %+v, want %+v", v.Hex, a, v)
		}
	}
	if n == 0 {
		t.Error("no vectors of this protocol")
	}
}

func FuzzCodec(f *testing.F) {
	for _, s := range []string{checked, plain, checked + plain, "\x02\x02\r\r", "\x02\x31\x20\x20   200      \r"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		scaletest.Hold(t, Protocol(), in)
		scaletest.Hold(t, Plain(), in)
	})
}

// TestAnotherLanguageIsNotSilence: a scale of another kind at the line is there and
// cannot be read; one that says nothing does not answer.
func TestAnotherLanguageIsNotSilence(t *testing.T) {
	for says, want := range map[string]string{
		"     123.45 g  \r\n": drivers.CodeScaleUnreadable, "\xff": drivers.CodeScaleSilent, "": drivers.CodeScaleSilent,
	} {
		synctest.Test(t, func(t *testing.T) {
			var peer drivertest.Peer
			d, err := scale.New(scale.Config{
				Name: "s", Open: peer.Open, Protocol: Protocol(), Log: slog.New(slog.DiscardHandler), Sink: func(scale.Reading) { t.Error("a weight") },
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- d.Run(ctx) }()
			for i := range 60 {
				synctest.Wait()
				if peer.IsOpen() && i%10 == 0 {
					peer.Send(says)
				}
				<-time.After(100 * time.Millisecond)
			}
			if s := d.Status(); s.State != drivers.Degraded || s.Code != want {
				t.Errorf("%q: %+v, want %s", says, s, want)
			}
			cancel()
			<-ended
		})
	}
}
