package agent

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tote/agent/station"
	syncwire "tote/cloudsync/wire"
	"tote/oms"
	"tote/warehouse"
)

// TestParties: an order to each kind of place, from the OMS to the truck over
// HTTP, MQTT and the devices, with what others call it.
func TestParties(t *testing.T) {
	t.Parallel()
	s, c := newCentral(t)
	parties := []string{warehouse.PartyConsumer, warehouse.PartyBusiness, warehouse.Party3PL, warehouse.PartyHub}
	refs := []syncwire.Ref{{Name: "campaign", Value: "spring = 50 %; “ÜÇ” \\n"}, {Name: "crm/contact", Value: ""}, {Name: "a;b", Value: "=1+1"}}
	rawRefs, err := json.Marshal(refs)
	s.must(err)
	for _, party := range parties {
		body := `{"id":"O-` + party + `","party":"` + party + `","customer":"C-17 ` + party + `","refs":` + string(rawRefs) + `,"placedAt":1767225600123,` +
			`"shipTo":{"name":"Ada","street":"1 Way","postcode":"10115","city":"Berlin","country":"DE"},"payment":"settled","lines":[{"line":1,"sku":"A1","qty":2}]}`
		if code, raw := c.ask("POST", "/v1/orders", body); code != http.StatusCreated {
			t.Fatalf("%d %s", code, raw)
		}
		s.wantState("O-"+party, warehouse.OrderReleased)
	}
	p := s.picker(1)
	bench, dock := s.screen("station", "pack1"), s.screen("dock", "dock1")
	for range parties {
		p.ask()
		p.until("ask")
	}
	for _, party := range parties {
		id := "O-" + party
		s.wantState(id, warehouse.OrderPicked)
		s.packed(bench, id, p.totes[id], 550_000)
		s.scan("dock1", "]C100"+s.get(id).Parcels[0].SSCC)
		dock.answer(warehouse.CodeOK)
	}
	s.scan("dock1", station.CodeDepart)
	dock.answer(warehouse.CodeOK)
	for _, party := range parties {
		id := "O-" + party
		c.shows(id, oms.StateShipped)
		t.Run("row 1: an order to a "+party+" reaches SHIPPED", func(t *testing.T) {
			o := s.get(id)
			if o.State != warehouse.OrderShipped || o.Spec.Party != party || c.order(id).Party != party {
				t.Errorf("%s %q, at the OMS %q", o.State, o.Spec.Party, c.order(id).Party)
			}
			_, slip := s.call("GET", "/v1/papers/slip/"+id, "", "")
			for text, want := range map[string]bool{
				"Returns: ":       party == warehouse.PartyConsumer,
				"1  A1  ":         party != warehouse.PartyHub,
				"Your reference ": party == warehouse.PartyBusiness || party == warehouse.Party3PL,
			} {
				if strings.Contains(string(slip), text) != want {
					t.Errorf("the slip has %q: %v\n%s", text, !want, slip)
				}
			}
		})
		t.Run("row 15, row 108: SHIPPED to a "+party+" tells what others call the order, unchanged, with its parcels and times", func(t *testing.T) {
			var d syncwire.EventData
			e := c.heard(warehouse.EvOrderShipped, id)
			s.must(json.Unmarshal(e.Data, &d))
			if diff := cmp.Diff(refs, d.Refs); diff != "" || d.Customer != "C-17 "+party || d.Party != party {
				t.Errorf("%q %q %s", d.Customer, d.Party, diff)
			}
			if diff := cmp.Diff(refs, c.order(id).Refs); diff != "" || c.order(id).Customer != "C-17 "+party {
				t.Errorf("at the OMS: %s", diff)
			}
			if len(d.Parcels) != 1 || d.Parcels[0].Carrier == "" || d.Parcels[0].Tracking == "" || d.Times == nil ||
				d.Times.PlacedAt != 1767225600123 || d.Times.ReleasedAt == 0 || syncwire.Time(d.Times.ShippedAt) != e.Time {
				t.Errorf("%+v %+v", d.Parcels, d.Times)
			}
		})
	}
}
