package agent

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"testing"

	"tote/agent/config"
	"tote/agent/portal"
)

// TestRoutes: the reads of a reader go to the doors its antennas hang at, and to
// those that have such a door beside them, wherever their own reader is.
func TestRoutes(t *testing.T) {
	docks := []config.Dock{
		{ID: "d1", RFID: &config.RFID{Door: "1,2", Beside: "d2"}},
		{ID: "d2", RFID: &config.RFID{ReaderOf: "d1", Door: "3,4", Beside: "d1,d3"}},
		{ID: "d3", RFID: &config.RFID{Beside: "d2"}},
		{ID: "d4"},
	}
	watches, names := map[string]*portal.Portal{}, map[*portal.Portal]string{}
	for _, d := range docks[:3] {
		p, err := portal.New(portal.Config{Dock: d.ID, Log: slog.New(slog.DiscardHandler), Passed: func(context.Context, portal.Pass) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		watches[d.ID], names[p] = p, d.ID
	}
	for reader, want := range map[string][]string{
		"d1": {"[1 2] d1 beside [d2]", "[3 4] d2 beside [d1 d3]"},
		"d3": {"[] d3 beside [d2]"},
	} {
		var got []string
		for _, r := range routes(reader, docks, watches) {
			var next []string
			for _, p := range r.next {
				next = append(next, names[p])
			}
			got = append(got, fmt.Sprint(r.ports, " ", names[r.here], " beside ", next))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", reader, got, want)
		}
	}
	if !reflect.DeepEqual(routes("d4", docks, watches), []route(nil)) {
		t.Error("a dock without a reader has routes")
	}
}
