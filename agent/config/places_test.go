package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tote/drivers/rfid/presence"
)

// TestPlaces: what a reader that watches places may be, and what not.
func TestPlaces(t *testing.T) {
	const one = "id: s1, driver: llrp, tcp: \"192.0.2.1:5\""
	for _, tc := range []struct {
		name, places string
		want         string // part of the fault, "" = none
	}{
		{"whole", "{only_tags: \"gs1:9521234,sscc\", except_tags: afi, gone_s: 120, min_rssi_dbm: -75, readers: [{" + one + ", places: [{at: A-01, ports: \"1,2\"}, {at: COLD, ports: 3}]}]}", ""},
		{"all antennas at one place", "{readers: [{" + one + ", places: [{at: A-01}]}]}", ""},
		{"two readers at a place", "{readers: [{" + one + ", places: [{at: A-01}]}, {id: s2, driver: r200, serial: {path: /dev/x}, places: [{at: A-01}]}]}", ""},
		{"by MQTT", "{readers: [{id: s1, driver: ziotc, mqtt: {client_id: A, events: a, commands: b}, places: [{at: A-01}]}]}", ""},
		{"no readers", "{gone_s: 20}", "rfid_places.readers"},
		{"no id", "{readers: [{driver: llrp, tcp: \"192.0.2.1:5\", places: [{at: A}]}]}", "readers[0].id"},
		{"two of an id", "{readers: [{" + one + ", places: [{at: A}]}, {id: s1, driver: r200, serial: {path: /dev/x}, places: [{at: B}]}]}", "is the id of"},
		{"no driver", "{readers: [{id: s1, tcp: \"192.0.2.1:5\", places: [{at: A}]}]}", "readers[0].driver"},
		{"a scale", "{readers: [{id: s1, driver: kern, tcp: \"192.0.2.1:5\", places: [{at: A}]}]}", "readers[0].driver"},
		{"no port", "{readers: [{id: s1, driver: llrp, places: [{at: A}]}]}", "readers[0]"},
		{"one port twice", "{readers: [{" + one + ", places: [{at: A}]}, {id: s2, driver: llrp, tcp: \"192.0.2.1:5\", places: [{at: B}]}]}", "readers[1]"},
		{"too many antennas", "{readers: [{id: s1, driver: r200, antennas: 2, serial: {path: /dev/x}, places: [{at: A}]}]}", "antennas"},
		{"no places", "{readers: [{" + one + "}]}", "readers[0].places"},
		{"no name", "{readers: [{" + one + ", places: [{ports: 1}]}]}", "places[0].at"},
		{"a name with a slash", "{readers: [{" + one + ", places: [{at: bin/A-01}]}]}", "want a bin"},
		{"a port it has not", "{readers: [{" + one + ", places: [{at: A, ports: 9}]}]}", "want ports"},
		{"a port at two places", "{readers: [{" + one + ", places: [{at: A, ports: \"1,2\"}, {at: B, ports: 2}]}]}", "port 2 looks at A, too"},
		{"all ports and one", "{readers: [{" + one + ", places: [{at: A}, {at: B, ports: 2}]}]}", "port 2 looks at A, too"},
		{"a pattern that is none", "{only_tags: nope, readers: [{" + one + ", places: [{at: A}]}]}", "want gs1"},
		{"gone at once", "{gone_s: 1, readers: [{" + one + ", places: [{at: A}]}]}", "gone_s"},
		{"too weak", "{min_rssi_dbm: -99, readers: [{" + one + ", places: [{at: A}]}]}", "min_rssi_dbm"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := parse("places", []byte(good+"rfid_places: "+tc.places+"\n"))
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("%v, want %q", err, tc.want)
			}
			if err != nil {
				return
			}
			engine, err := c.Places.Engine()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := presence.NewEngine(engine); err != nil {
				t.Error(err)
			}
		})
	}
}

// A place has the antennas of all readers that watch it; a reader with one place also
// stands for reads that do not tell their antenna.
func TestPlacesEngine(t *testing.T) {
	c, err := parse("places", []byte(good+`rfid_places:
  gone_s: 30
  readers:
    - {id: s1, driver: llrp, tcp: "192.0.2.1:5", places: [{at: A-01, ports: "1,2"}, {at: A-02, ports: 3}]}
    - {id: s2, driver: r200, serial: {path: /dev/x}, places: [{at: A-02}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Places.Engine()
	if err != nil {
		t.Fatal(err)
	}
	want := []presence.Location{
		{Name: "A-01", Sources: []presence.Source{{Reader: "s1/rfid", Antenna: 1}, {Reader: "s1/rfid", Antenna: 2}}},
		{Name: "A-02", Sources: []presence.Source{{Reader: "s1/rfid", Antenna: 3}, {Reader: "s2/rfid", Antenna: 1}, {Reader: "s2/rfid"}}},
	}
	same := slices.EqualFunc(got.Locations, want, func(a, b presence.Location) bool {
		return a.Name == b.Name && slices.Equal(a.Sources, b.Sources)
	})
	if !same || got.Gone != 30*time.Second || got.MinRSSI != -70 {
		t.Errorf("%+v, want %+v", got, want)
	}
	names := []string{}
	for _, d := range c.Devices() {
		names = append(names, d.Name)
	}
	if !slices.Contains(names, "s1/rfid") || !slices.Contains(names, "s2/rfid") {
		t.Errorf("devices %v", names)
	}
}
