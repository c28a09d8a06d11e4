package agent

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tote/drivers/rfid/presence"
	"tote/firmware-tests/record"
	"tote/gs1"
	"tote/warehouse"
)

func init() {
	tunePlaces = func(c *presence.EngineConfig) {
		c.Window, c.Hold, c.Linger, c.Gone = time.Second, 2*time.Second, time.Second, 3*time.Second
	}
}

// whereIs is what is told about a unit.
func (s *site) whereIs(code string) (f warehouse.Found) {
	s.t.Helper()
	status, b := s.call("GET", "/v1/find?code="+code, "", "")
	if status != http.StatusOK {
		s.t.Fatalf("find %s: %d %s", code, status, b)
	}
	s.must(json.Unmarshal(b, &f))
	return f
}

// TestWhereATagIs: a reader that shares no code with its driver watches two bins. A
// pallet with a tag is seen at the first, then at the second, where the ledger does
// not have it; with the reader lost it does not go, and with it back it does; what left
// while the gateway was stopped has gone. The ledger has it where it was put all the time, and what is no unit is nowhere.
func TestWhereATagIs(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", shelf: true}
	s.startDevices()
	s.begin()
	s.devicesReady()
	const unit, stray = "395299990000000027", "E28011606000020412345678"
	s.do(http.StatusOK, "leila", "PutLU", `{"lu":"`+unit+`","type":"pallet","at":"bin/B-1"}`)
	tag, err := gs1.EncodeSSCC96(7, unit, gs1.FilterCase)
	s.must(err)
	put := func(antenna int) {
		s.must(s.dev["shelf1/rfid"].Field(s.ctx(), []record.Tag{{EPC: tag, Antenna: antenna}, {EPC: stray, Antenna: antenna}}))
	}
	is := func(place string, gone, differs bool) func() bool {
		return func() bool {
			at := s.whereIs(unit).Seen
			return at != nil && at.Place == place && at.Gone == gone && at.Differs == differs && strings.Contains(at.Text, "seen at "+place+" ")
		}
	}
	put(1)
	s.eventually("it is seen where it stands", is("B-1", false, false))
	put(3)
	s.eventually("it is seen elsewhere", is("B-2", false, true))
	s.must(s.dev["shelf1/rfid"].Fault(s.ctx(), "unplug", true))
	s.eventually("the reader is lost", func() bool {
		for _, d := range s.gw.agent.status().Devices {
			if d.Name == "shelf1/rfid" {
				return d.State == "absent"
			}
		}
		return false
	})
	s.must(s.dev["shelf1/rfid"].Field(s.ctx(), nil))
	if at := s.whereIs(unit).Seen; at == nil || at.Gone {
		t.Errorf("a reader that is lost sees nothing go: %+v", at)
	}
	s.must(s.dev["shelf1/rfid"].Fault(s.ctx(), "unplug", false))
	s.devicesReady()
	s.eventually("it has gone", is("B-2", true, false))
	// It leaves while the gateway is stopped, which learns from the site what it saw.
	put(1)
	s.eventually("it is seen where it stands again", is("B-1", false, false))
	s.stop()
	s.must(s.dev["shelf1/rfid"].Field(s.ctx(), nil))
	s.start()
	s.eventually("it has gone meanwhile", is("B-1", true, true))
	if status, b := s.call("GET", "/v1/find?code="+stray, "", ""); status != http.StatusNotFound {
		t.Errorf("a stray is somewhere: %d %s", status, b)
	}
	if f := s.whereIs(unit); !slices.Equal(f.Path, []string{"bin/B-1"}) {
		t.Errorf("the ledger moved it: %v", f.Path)
	}
}
