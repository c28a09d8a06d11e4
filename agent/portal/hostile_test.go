package portal

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"tote/drivers/rfid/presence"
	"tote/gs1"
	"tote/warehouse"
)

// queued is what a portal makes of one window, before it is told.
func queued(t *testing.T, pass presence.Pass) Pass {
	t.Helper()
	p, err := New(Config{Dock: "dock1", Log: slog.New(slog.DiscardHandler), Presence: presence.Config{Eye: true}})
	if err != nil {
		t.Fatal(err)
	}
	p.passed(pass)
	one, ok := p.oldest()
	if !ok {
		t.Fatal("nothing waits")
	}
	return one
}

// TestLongTags: one tag that says more than the state machine takes must not have
// the whole pass refused, parcels and all.
func TestLongTags(t *testing.T) {
	long := strings.Repeat("ABCD", 31) // all that a PC word can announce
	afi := "urn:epc:raw:496.x41.x" + long
	pass := queued(t, presence.Pass{To: time.Now(), From: time.Now(), Tags: []presence.Seen{
		{Key: long, EPC: long, BestRSSI: -50},
		{Key: afi, EPC: long, PC: 0xF941, BestRSSI: -50},
		{Key: "urn:epc:id:sscc:9521234.3000000001", BestRSSI: -50},
	}})
	if len(pass.EPCs) != 3 || len(pass.RSSI) != 3 {
		t.Fatalf("%+v", pass)
	}
	for _, s := range pass.EPCs {
		if len(s) > 128 {
			t.Errorf("%d bytes: %s", len(s), s)
		}
		if e, _ := gs1.ReadTag(s); len(s) == 128 && e.Scheme != "" {
			t.Errorf("%s is taken for %s", s, e.Key())
		}
	}
}

// TestMoreTagsThanAPassMayHave: the cartons stay, and the weakest of the rest go.
func TestMoreTagsThanAPassMayHave(t *testing.T) {
	pass := presence.Pass{From: time.Now(), To: time.Now()}
	for i := range warehouse.MaxPassTags + 100 {
		pass.Tags = append(pass.Tags, presence.Seen{Key: fmt.Sprintf("E2%08X", i), EPC: fmt.Sprintf("E2%08X", i), BestRSSI: -40 - i%20})
	}
	carton := "urn:epc:id:sscc:9521234.3000000001"
	pass.Tags = append(pass.Tags, presence.Seen{Key: carton, BestRSSI: -64})
	got := queued(t, pass)
	if len(got.EPCs) != warehouse.MaxPassTags || len(got.RSSI) != len(got.EPCs) || !slices.Contains(got.EPCs, carton) || !slices.IsSorted(got.EPCs) {
		t.Errorf("%d tags, %d strengths, carton %v", len(got.EPCs), len(got.RSSI), slices.Contains(got.EPCs, carton))
	}
	if weak := slices.Min(slices.DeleteFunc(got.RSSI, func(n int) bool { return n == -64 })); weak != -58 && weak != -59 {
		t.Errorf("the weakest that stayed has %d dBm", weak)
	}
}
