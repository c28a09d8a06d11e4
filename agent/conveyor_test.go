package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"tote/agent/replica"
	"tote/firmware-tests/conveyor"
	"tote/firmware-tests/record"
	fleet "tote/fleet/conveyor"
	"tote/warehouse"
)

// lanes gives the site a conveyor with a lane for its carrier.
func (s *site) lanes() {
	s.t.Helper()
	var site map[string]any
	s.must(json.Unmarshal([]byte(s.file("site.json")), &site))
	site["lanes"] = []warehouse.Lane{{ID: "L1"}, {ID: "L2", Carrier: "PARCEL", Dock: "dock1"}, {ID: "L9"}}
	site["defaultLane"] = "L9"
	b, err := json.Marshal(site)
	s.must(err)
	if code, answer := s.call("PUT", "/v1/site", "application/json", string(b)); code != http.StatusOK {
		s.t.Fatalf("lanes: %d %s", code, answer)
	}
}

// conveyor runs an emulated conveyor on the gateway's broker.
func (s *site) conveyor() (*conveyor.Conveyor, *record.Book) {
	s.t.Helper()
	book, err := record.Open("cv1", "", nil)
	s.must(err)
	c, err := conveyor.New(conveyor.Params{
		Brokers: []string{"tcp://" + s.mqtt}, Site: "s1", ScanMs: 10, DivertMs: 800, ReactMs: 10, GapMs: 10,
	}, book)
	s.must(err)
	s.background(func(ctx context.Context) error { return c.Run(ctx) })
	s.eventually("the conveyor told its state", func() bool {
		st := s.gw.agent.conveyors.Status()
		return len(st) == 1 && !st[0].Waiting && st[0].Online
	})
	return c, book
}

// diverted waits until the record has n cartons in lanes, all confirmed.
func (s *site) diverted(c *conveyor.Conveyor, book *record.Book, n int) (out []record.Carton) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d cartons are in lanes", n), func() bool {
		out = nil
		for _, e := range book.After(0) {
			if e.Kind == record.Diverted {
				out = append(out, *e.Carton)
			}
		}
		return len(out) == n && c.State().Unsent == 0
	})
	return out
}

// carriage reads the ride of a parcel and where the parcel is.
func (s *site) carriage(sscc string) (ca *warehouse.Carriage, place string) {
	s.t.Helper()
	s.must(s.gw.agent.view(func(r warehouse.Reader) (err error) {
		if ca, err = warehouse.GetCarriage(r, sscc); err != nil {
			return err
		}
		lu, err := warehouse.GetLU(r, sscc)
		if lu != nil {
			place = lu.Place
		}
		return err
	}))
	return ca, place
}

// A packed carton goes to the lane of its carrier, and stands there in the books
// when the conveyor has confirmed it; what is not read or not known goes to the
// default lane because the gateway says so, not because it is silent.
func TestConveyorSortsParcels(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	s.lanes()
	s.packed(s.screen("station", "pack1"), "O1", s.picked(1, "O1", "A1", 1), 450_000)
	sscc := s.get("O1").Parcels[0].SSCC
	c, book := s.conveyor()
	s.must(c.Induct("]C100"+sscc, ""))
	s.must(c.Induct("", "NOREAD"))
	s.must(c.Induct("]C100340123450000000017", ""))
	lanes := map[string]string{"NOREAD": "L9", "340123450000000017": "L9", sscc: "L2"}
	for _, d := range s.diverted(c, book, 3) {
		key := d.SSCC
		if d.Quality == "NOREAD" {
			key = d.Quality
		}
		if want := lanes[key]; d.Lane != want || d.Intended != want || d.Result != "OK" {
			t.Errorf("%s: %+v, want lane %s", key, d, want)
		}
	}
	ca, place := s.carriage(sscc)
	if ca == nil || ca.State != warehouse.CarriageDiverted || place != warehouse.LanePlace("L2") {
		t.Errorf("%+v in %s", ca, place)
	}
	st := s.gw.agent.conveyors.Status()[0]
	if st.Counts.Diverted != 3 || st.Counts.NoReads != 1 || st.Mode != fleet.ModeAuto || len(st.Recent) != 3 {
		t.Errorf("%+v", st)
	}
	if !slices.ContainsFunc(st.Recent, func(r fleet.Carton) bool { return r.Reason == warehouse.CodeUnknownSSCC }) {
		t.Errorf("%+v", st.Recent)
	}
}

// A conveyor that hears nothing uses its default lane. The carton stands there
// in the books too, and somebody is told to put it on again.
func TestSilentConveyorIsNoMystery(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	s.lanes()
	s.packed(s.screen("station", "pack1"), "O1", s.picked(1, "O1", "A1", 1), 450_000)
	sscc := s.get("O1").Parcels[0].SSCC
	c, book := s.conveyor()
	s.must(c.SetFault(conveyor.Silence, true))
	s.must(c.Induct("]C100"+sscc, ""))
	if d := s.diverted(c, book, 1); d[0].Lane != "L9" || d[0].Intended != "" {
		t.Errorf("%+v", d)
	}
	if ca, place := s.carriage(sscc); ca.State != warehouse.CarriageMissorted || place != warehouse.LanePlace("L9") {
		t.Errorf("%+v in %s", ca, place)
	}
	if fs := s.get("O1").Fallouts; len(fs) != 1 || fs[0].Code != warehouse.FalloutMissort {
		t.Errorf("%+v", fs)
	}
	s.must(c.SetFault(conveyor.Silence, false))
	s.must(c.Induct("]C100"+sscc, ""))
	if d := s.diverted(c, book, 2); d[1].Lane != "L2" {
		t.Errorf("%+v", d)
	}
	if ca, place := s.carriage(sscc); ca.State != warehouse.CarriageDiverted || place != warehouse.LanePlace("L2") || len(s.get("O1").Fallouts) != 0 {
		t.Errorf("%+v in %s, fallouts %v", ca, place, s.get("O1").Fallouts)
	}
}

// The same scan comes again behind a restart of the gateway, which knows neither
// the scan nor its first expiry: the lane is the same.
func TestScanDecidedTwice(t *testing.T) {
	t.Parallel()
	s := newFloor(t)
	s.lanes()
	s.packed(s.screen("station", "pack1"), "O1", s.picked(1, "O1", "A1", 1), 450_000)
	scan := fleet.Scan{
		Device: "cv1", BootID: "b1", Track: "1", MsgID: "01JQ000000000000000000000A", Barcode: s.get("O1").Parcels[0].SSCC,
		Quality: fleet.Good, ValidFor: 1e9,
	}
	for range 2 {
		var lanes []string
		for range 2 {
			dec, err := s.gw.agent.laneOf(s.ctx(), scan)
			s.must(err)
			lanes = append(lanes, dec.Lane)
			if dec.Reason == replica.CodeSeqReused {
				t.Error("an expiry is no reason")
			}
			scan.ValidFor -= 1e8
		}
		if lanes[0] != "L2" || lanes[1] != "L2" {
			t.Errorf("lanes %v", lanes)
		}
		s.stop()
		s.start()
	}
}
