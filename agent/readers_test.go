package agent

import (
	"context"
	"net/http"
	"testing"

	"tote/agent/station"
	"tote/drivers"
	"tote/firmware-tests/record"
	"tote/firmware-tests/ziotc"
	"tote/gs1"
	"tote/warehouse"
)

// newZebra is newDoor with a reader that speaks MQTT at the gateway's own broker.
func newZebra(t *testing.T, driver, family string) (*site, *ziotc.Reader) {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", door: true, zebra: driver}
	s.startDevices()
	s.begin()
	s.settings(func(site map[string]any) { site["portals"] = []string{"dock1"} })
	if code, answer := s.importCSV("items", "sku,name,gtin,weight_g,tagged\nA1,Tea,09521234001010,100,true\n"); code != http.StatusOK {
		t.Fatalf("items: %d %s", code, answer)
	}
	book, err := record.Open("dock1/rfid", "", nil)
	s.must(err)
	r, err := ziotc.New(ziotc.Params{
		Brokers: []string{"tcp://" + s.mqtt}, ClientID: "RD1", Family: family,
		Events: "zebra/rd1/events", Commands: "zebra/rd1/cmnd", HeartbeatMs: 200,
	}, book)
	s.must(err)
	s.background(func(ctx context.Context) error { return r.Run(ctx) })
	s.devicesReady()
	return s, r
}

// reader waits until the RFID reader of dock1 stands somewhere.
func (s *site) reader(state drivers.State, code string) {
	s.t.Helper()
	s.eventually("the reader is "+string(state)+" "+code, func() bool {
		for _, d := range s.gw.agent.status().Devices {
			if d.Name == "dock1/rfid" {
				return d.State == string(state) && d.Code == code
			}
		}
		return false
	})
}

// TestZebraReadersAtThePortal: a fixed reader and a sled, which share no code with
// their driver, speak with the gateway's own broker; what they read verifies a
// parcel as what a serial reader does, and the sled's barcodes are scans of the
// dock.
func TestZebraReadersAtThePortal(t *testing.T) {
	t.Parallel()
	for driver, family := range map[string]string{"ziotc": ziotc.Fixed, "ziotc-sled": ziotc.Sled} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s, reader := newZebra(t, driver, family)
			sc, dock := s.screen("station", "pack1"), s.screen("dock", "dock1")
			s.packed(sc, "O1", s.picked(1, "O1", "A1", 1), 450_000)
			sscc := s.get("O1").Parcels[0].SSCC
			parcel, err := gs1.EncodeSSCC96(7, sscc, gs1.FilterCase)
			s.must(err)
			if family == ziotc.Sled {
				if _, err := reader.Scan("]C100\x01" + sscc); err != nil {
					t.Fatal(err)
				}
				dock.answer(drivers.CodeScannerControl)
				if _, err := reader.Scan("]C100" + sscc); err != nil {
					t.Fatal(err)
				}
			} else {
				s.scan("dock1", "]C100"+sscc)
			}
			dock.answer(warehouse.CodeOK)
			s.scan("dock1", station.CodeDepart)
			dock.answer(warehouse.CodeNotVerified)

			through := func(epcs ...string) {
				t.Helper()
				var tags []record.Tag
				for _, e := range epcs {
					tags = append(tags, record.Tag{EPC: e})
				}
				s.must(s.dev["dock1/io"].Level(s.ctx(), "EYE", false))
				_, err := reader.Pass(tags, 1000)
				s.must(err)
				s.must(s.dev["dock1/io"].Level(s.ctx(), "EYE", true))
			}
			through(parcel)
			s.eventually("the missing tag is a fallout", func() bool { return len(s.get("O1").Fallouts) == 1 })
			through(parcel, tea(t, 1))
			s.eventually("the parcel is verified", func() bool { return len(s.get("O1").Fallouts) == 0 })
			s.scan("dock1", "]C100340123450000000017") // in between, or the scanner takes it for one scan
			dock.answer(warehouse.CodeUnknownSSCC)
			s.scan("dock1", station.CodeDepart)
			dock.answer(warehouse.CodeOK)
			s.wantState("O1", warehouse.OrderShipped)
		})
	}
}

// TestZebraReaderInTrouble: what goes wrong at the reader is seen, and mends by
// itself; reads it kept while it was cut off do not pass the door.
func TestZebraReaderInTrouble(t *testing.T) {
	t.Parallel()
	s, reader := newZebra(t, "ziotc-sled", ziotc.Sled)
	on := func(fault string, on bool) { s.must(reader.SetFault(fault, on)) }
	on(ziotc.Alert, true)
	s.reader(drivers.Degraded, drivers.CodeZebraAlert)
	on(ziotc.Alert, false)
	s.reader(drivers.Ready, "")
	s.must(reader.Field([]record.Tag{{EPC: tea(t, 9)}}))
	on(ziotc.BadTags, true)
	s.reader(drivers.Degraded, drivers.CodeZebraTag)
	on(ziotc.BadTags, false)
	s.reader(drivers.Ready, "")
	on(ziotc.Offline, true)
	s.reader(drivers.Absent, drivers.CodeZebraGone)
	on(ziotc.Offline, false)
	s.reader(drivers.Ready, "")
}
