package llrp_test

import (
	"testing"
	"time"

	"tote/drivers/rfid/llrp"
	"tote/firmware-tests/record"
	emu "tote/firmware-tests/rfid/llrp"
)

// An Impinj reader tells the phase of each tag when it is asked, in the unit of the
// event model; another maker's is not asked, and one that refuses reads without.
func TestPhase(t *testing.T) {
	for name, c := range map[string]struct {
		params emu.Params
		faults []string
		phase  bool
	}{
		"Impinj":                    {emu.Params{}, nil, true},
		"Zebra":                     {emu.Params{Maker: 161}, nil, false},
		"Impinj without extensions": {emu.Params{Plain: true}, nil, false},
		"Impinj without the phase":  {emu.Params{}, []string{emu.NoPhase}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, llrp.Config{}, c.params, c.faults...)
			if err := d.hand.Field(t.Context(), []record.Tag{{EPC: epc1, RSSI: -55}}); err != nil {
				t.Fatal(err)
			}
			reads := d.take()
			for end := time.Now().Add(10 * time.Second); len(reads) == 0 && time.Now().Before(end); reads = d.take() {
				<-time.After(2 * time.Millisecond)
			}
			if len(reads) == 0 {
				t.Fatalf("no read: %+v", d.dev.Status())
			}
			for _, r := range reads {
				// The emulator's phase is 61/4096 of a turn for each dBm.
				want := 0
				if c.phase {
					want = (-r.RSSI*61%4096*36000 + 2048) / 4096
				}
				if r.HasPhase != c.phase || r.Phase != want || r.Phase > 35999 {
					t.Errorf("%+v, want phase %d", r, want)
				}
			}
		})
	}
}
