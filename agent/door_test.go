package agent

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tote/agent/api"
	"tote/agent/portal"
	"tote/agent/station"
	"tote/drivers"
	"tote/firmware-tests/record"
	"tote/gs1"
	"tote/warehouse"
)

// newDoor is newFloor with a light tower at pack1 and an RFID portal at dock1;
// Teas carry tags.
func newDoor(t *testing.T) *site { return newDoorWith(t, false) }

func newDoorWith(t *testing.T, llrp bool) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", door: true, llrp: llrp}
	s.startDevices()
	if llrp { // nothing stands in the beam
		s.must(s.dev["dock1/rfid"].Level(s.ctx(), "GPI1", true))
	}
	s.begin()
	s.settings(func(site map[string]any) { site["portals"] = []string{"dock1"} })
	if code, answer := s.importCSV("items", "sku,name,gtin,weight_g,tagged\nA1,Tea,09521234001010,100,true\n"); code != http.StatusOK {
		t.Fatalf("items: %d %s", code, answer)
	}
	s.devicesReady()
	return s
}

// through carries a carton through the door of dock1: the beam is broken, the
// tags answer, the beam is free.
func (s *site) through(epcs ...string) {
	s.t.Helper()
	var tags []record.Tag
	for _, e := range epcs {
		tags = append(tags, record.Tag{EPC: e})
	}
	eye, line := "dock1/io", "EYE"
	if s.llrp {
		eye, line = "dock1/rfid", "GPI1"
	}
	s.must(s.dev[eye].Level(s.ctx(), line, false))
	e, err := s.dev["dock1/rfid"].Pass(s.ctx(), tags, 1000)
	s.must(err)
	s.must(s.dev[eye].Level(s.ctx(), line, true))
	for _, tag := range epcs {
		if e.Tags.Reads[strings.ToUpper(tag)] < 3 {
			s.t.Fatalf("the reader hardly heard of %s: %v", tag, e.Tags.Reads)
		}
	}
}

// lamps waits until the tower of pack1 shows a lamp: steady, or blinking.
func (s *site) lamps(want string) {
	s.t.Helper()
	lit := func() (out []string) {
		st, err := s.dev["pack1/io"].State(s.ctx())
		s.must(err)
		var board struct {
			Outputs map[string]bool `json:"outputs"`
		}
		s.must(json.Unmarshal(st.Device, &board))
		for _, l := range []string{"GREEN", "AMBER", "RED"} {
			if board.Outputs[l] {
				out = append(out, l)
			}
		}
		return out
	}
	lamp, blinks := strings.CutSuffix(want, " blinking")
	s.eventually("the tower shows "+want, func() bool { return slices.Equal(lit(), []string{lamp}) })
	if blinks {
		s.eventually("the lamp is dark in between", func() bool { return len(lit()) == 0 })
		s.eventually("and lit again", func() bool { return slices.Equal(lit(), []string{lamp}) })
	}
}

// tea is the tag of a Tea.
func tea(t *testing.T, serial int) string {
	t.Helper()
	epc, err := gs1.EncodeSGTIN96(7, "09521234001010", strconv.Itoa(serial), gs1.FilterItem)
	if err != nil {
		t.Fatal(err)
	}
	return epc
}

// TestPortalHoldsATruck: a parcel that passes the door without one of its tags is
// a fallout before the carrier leaves, and holds the truck; when it passes again
// with all of them the truck may go.
func TestPortalHoldsATruck(t *testing.T) {
	t.Parallel()
	s := newDoor(t)
	sc, dock := s.screen("station", "pack1"), s.screen("dock", "dock1")
	s.packed(sc, "O1", s.picked(1, "O1", "A1", 2), 550_000)
	sscc := s.get("O1").Parcels[0].SSCC
	parcel, err := gs1.EncodeSSCC96(7, sscc, gs1.FilterCase)
	s.must(err)
	s.scan("dock1", "]C100"+sscc)
	dock.answer(warehouse.CodeOK)
	s.unchanged(func() {
		s.scan("dock1", station.CodeDepart)
		if a := dock.answer(warehouse.CodeNotVerified); !strings.Contains(a.Text, "not seen") {
			t.Errorf("%s", a.Text)
		}
	})
	s.through(parcel, tea(t, 1))
	s.eventually("the missing tag is a fallout", func() bool {
		fs := s.get("O1").Fallouts
		return len(fs) == 1 && fs[0].Code == warehouse.FalloutRFIDMissing && fs[0].Detail == "A1 1"
	})
	s.unchanged(func() {
		s.scan("dock1", "]C100340123450000000017") // in between, or the scanner takes it for one scan
		dock.answer(warehouse.CodeUnknownSSCC)
		s.scan("dock1", station.CodeDepart)
		if a := dock.answer(warehouse.CodeNotVerified); !strings.Contains(a.Text, "missing A1 1") {
			t.Errorf("%s", a.Text)
		}
	})
	if o := s.get("O1"); o.State == warehouse.OrderShipped {
		t.Fatal("it left")
	}
	s.through(parcel, tea(t, 1), tea(t, 2))
	s.eventually("the parcel is verified", func() bool { return len(s.get("O1").Fallouts) == 0 })
	s.scan("dock1", station.CodeDepart)
	dock.answer(warehouse.CodeOK)
	s.wantState("O1", warehouse.OrderShipped)

	// A Tea that belongs to nobody goes out by itself.
	s.through(tea(t, 3))
	s.eventually("the stray is a fallout", func() bool {
		_, b := s.call("GET", "/v1/fallouts", "", "")
		return strings.Contains(string(b), warehouse.FalloutRFIDExtra)
	})
	if r := s.gw.agent.reading("dock1/photo-eye"); r != "free" {
		t.Errorf("the photo-eye reads %q", r)
	}
	// The pass is recorded a moment before it counts as told.
	s.eventually("the reader reads the stray", func() bool {
		return strings.EqualFold(s.gw.agent.reading("dock1/rfid"), tea(t, 3))
	})
	var st api.Status
	_, b := s.call("GET", "/v1/status", "", "")
	s.must(json.Unmarshal(b, &st))
	if d := st.Gateway.Disk; d == nil || d.Level == "" || d.Free == 0 || d.Needed == 0 || d.Text != "" {
		t.Errorf("disk %+v", d)
	}
	if len(st.Gateway.Portals) != 1 || st.Gateway.Portals[0] != (api.Portal{Dock: "dock1"}) {
		t.Errorf("portals %+v", st.Gateway.Portals)
	}
}

// TestPortalOfLLRPReader: a door whose reader speaks LLRP and whose photo-eye is
// wired to the reader: what passes is a fallout like at any door, the reader is
// known by name, and its loss is that of both.
func TestPortalOfLLRPReader(t *testing.T) {
	t.Parallel()
	s := newDoorWith(t, true)
	s.through(tea(t, 3))
	s.eventually("the stray is a fallout", func() bool {
		_, b := s.call("GET", "/v1/fallouts", "", "")
		return strings.Contains(string(b), warehouse.FalloutRFIDExtra)
	})
	device := func(name string) (d api.Device) {
		var st api.Status
		_, b := s.call("GET", "/v1/status", "", "")
		s.must(json.Unmarshal(b, &st))
		for _, one := range st.Gateway.Devices {
			if one.Name == name {
				d = one
			}
		}
		return d
	}
	s.eventually("the reader says who it is", func() bool {
		id := device("dock1/rfid").Identity
		return id != nil && id.Maker == "Impinj" && id.Firmware == "5.14.0.240"
	})
	s.must(s.dev["dock1/rfid"].Fault(s.ctx(), "unplug", true))
	s.eventually("both are gone", func() bool {
		return device("dock1/rfid").Code == drivers.CodeUnreachable && device("dock1/photo-eye").Code == drivers.CodeUnplugged
	})
	s.must(s.dev["dock1/rfid"].Fault(s.ctx(), "unplug", false))
	s.devicesReady()
	s.through(tea(t, 4))
	s.eventually("and it reads again", func() bool {
		return strings.EqualFold(s.gw.agent.reading("dock1/rfid"), tea(t, 4))
	})
}

// TestTowerSaysWhatTheStationDoes: green while work goes on, amber while a person
// must do something, red when nothing can be recorded and when the gateway is gone.
func TestTowerSaysWhatTheStationDoes(t *testing.T) {
	t.Parallel()
	s := newDoor(t)
	sc := s.screen("station", "pack1")
	tote := s.picked(1, "O1", "A1", 1)
	s.lamps("GREEN")
	s.weighing(sc, tote)
	s.put("pack1", 600_000) // too heavy
	sc.answer(warehouse.CodeWeightMismatch)
	s.lamps("AMBER blinking")
	s.gw.agent.ready.Store(false) // as without a quorum
	s.lamps("RED blinking")
	s.gw.agent.ready.Store(true)
	s.lamps("AMBER blinking")
	s.clearScale("pack1")
	s.packed(sc, "O1", tote, 450_000)
	s.lamps("GREEN")
	s.stop()
	s.lamps("RED")
}

// TestDoorText: what a person at the door should know beside the last tag.
func TestDoorText(t *testing.T) {
	for want, st := range map[string]portal.Stats{
		"":                    {Untold: 9}, // nothing to worry about yet
		", passes waiting: 3": {Waiting: 3},
		", passes waiting: 1024, passes lost: 2, reads dropped: 7": {Waiting: 1024, Lost: 2, Dropped: 7},
		", tags forgotten: 3, passes without a direction: 10":      {Forgotten: 3, Untold: 10},
	} {
		d := door{"dock1", func() portal.Stats { return st }}
		if got := d.text(); got != want {
			t.Errorf("%+v: %q, want %q", st, got, want)
		}
	}
}

// TestDoorReceives: a pallet that comes in with the SSCC tag its delivery announces is
// received at the door; one that goes out is not, and a tag that never counts is no
// stray.
func TestDoorReceives(t *testing.T) {
	t.Parallel()
	s := newDoor(t)
	const pallet = "395299990000000027"
	do := func(c warehouse.Command) {
		t.Helper()
		res, err := s.gw.agent.do(s.ctx(), "oms/main", c)
		if s.must(err); !res.OK {
			t.Fatalf("%T: %s %s", c, res.Code, res.Text)
		}
	}
	do(warehouse.PutSuppliers{Suppliers: []warehouse.Supplier{{ID: "S1", Name: "Mill"}}})
	do(warehouse.AnnounceReceipt{Source: "oms/main", Receipt: warehouse.ReceiptSpec{ID: "R1", Supplier: "S1", Lines: []warehouse.ReceiptLine{{Line: 1, SKU: "A1", Qty: 6, LU: pallet}}}})
	tag, err := gs1.EncodeSSCC96(7, pallet, gs1.FilterCase)
	s.must(err)
	pass := func(first, second string) {
		t.Helper()
		var tags []record.Tag
		for _, epc := range []string{tag, tea(t, 1), "E28011606000020400000001"} {
			tags = append(tags, record.Tag{EPC: epc, Rate: 60})
		}
		io := s.dev["dock1/io"]
		s.must(io.Level(s.ctx(), first, false))
		s.eventually("it is in the first eye", func() bool { return s.eye(first) == "covered" })
		s.must(io.Level(s.ctx(), second, false))
		_, err := s.dev["dock1/rfid"].Pass(s.ctx(), tags, 1000)
		s.must(err)
		s.must(io.Level(s.ctx(), first, true))
		s.eventually("it is out of the first eye", func() bool { return s.eye(first) == "free" })
		s.must(io.Level(s.ctx(), second, true))
	}
	received := func() (n int64) {
		s.must(s.gw.agent.store.View(func(r warehouse.Reader) error {
			rc, err := warehouse.GetReceipt(r, "R1")
			n = rc.Lines[0].Received
			return err
		}))
		return n
	}
	pass("EYE", "YARD") // out: its tag is a stray
	s.eventually("what went out is a stray", func() bool {
		_, b := s.call("GET", "/v1/fallouts", "", "")
		if strings.Contains(string(b), "E28011") {
			t.Error("a tag that never counts is a stray")
		}
		return strings.Contains(string(b), warehouse.FalloutRFIDExtra)
	})
	if n := received(); n != 0 {
		t.Fatalf("%d came in by going out", n)
	}
	pass("YARD", "EYE")
	s.eventually("the pallet is received", func() bool { return received() == 6 })
	var rep warehouse.TagReport
	s.must(s.gw.agent.store.View(func(r warehouse.Reader) (err error) {
		rep, err = warehouse.ReceiptTags(r, "R1")
		return err
	}))
	if rep.Seen != 1 || len(rep.Extra) != 1 {
		t.Errorf("tags of the delivery: %+v", rep)
	}
}

// eye is what a photo-eye of dock1 reads.
func (s *site) eye(line string) string {
	return s.gw.agent.reading(map[string]string{"EYE": "dock1/photo-eye", "YARD": "dock1/outer-eye"}[line])
}
