package drivers_test

import (
	"strings"
	"testing"

	"tote/drivers"
)

func TestBadFirmware(t *testing.T) {
	table := drivers.BadFirmware{
		{Maker: "Acme", Model: "R1", Firmware: "1.2.", Text: "forgets its power; 1.3 mends it"},
		{Model: "S9", Firmware: "7"},
	}
	for _, c := range []struct {
		id  drivers.Identity
		bad bool
	}{
		{drivers.Identity{Maker: "ACME", Model: "R100", Firmware: "1.2.9"}, true},
		{drivers.Identity{Maker: "Acme", Model: "R1", Firmware: "1.20"}, false},
		{drivers.Identity{Maker: "Other", Model: "R1", Firmware: "1.2.9"}, false},
		{drivers.Identity{Maker: "Acme", Model: "R1"}, false}, // it does not tell
		{drivers.Identity{Maker: "Anybody", Model: "S9", Firmware: "7"}, true},
		{drivers.Identity{}, false},
	} {
		if b, ok := table.Find(c.id); ok != c.bad || ok == (b == drivers.Bad{}) {
			t.Errorf("%+v: %+v, %v", c.id, b, ok)
		}
	}
	// Each row of the real table can match, tells what to do, and says who said so.
	for _, b := range drivers.KnownBad() {
		if b.Firmware == "" || b.Text == "" || !strings.Contains(b.Source, "://") {
			t.Errorf("%+v", b)
		}
	}
}
