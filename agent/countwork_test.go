package agent

import (
	"net/http"
	"strings"
	"testing"

	"tote/demo/handheld"
	"tote/warehouse"
)

// do gives a command through the door of leads.
func (s *site) do(status int, actor, command, body string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.ctx(), http.MethodPost, "http://"+s.web+"/v1/do/"+command, strings.NewReader(body))
	s.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Tote-Actor", actor)
	code, b := s.send(req)
	if code != status {
		s.t.Fatalf("%s %s: %d, want %d: %s", command, body, code, status, b)
	}
	return string(b)
}

// TestCountOverMQTT: a bin is counted by two people who find the same, and the
// book is what they found; a lead hears of it over HTTP.
func TestCountOverMQTT(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do(http.StatusUnprocessableEntity, "lea", "RequestCount", `{"bin":"NONE","reason":"a box fell"}`)
	s.do(http.StatusOK, "lea", "RequestCount", `{"bin":"B-1","reason":"a box fell"}`)
	count := func(n int) {
		p := s.picker(n)
		p.ok(handheld.Verb{Verb: "claim", Kind: warehouse.FloorCount})
		if p.step.Do != "scan_bin" || p.step.Bin != "B-1" || p.step.SKU != "" || p.step.Qty != 0 {
			t.Fatalf("the counter sees %+v", p.step)
		}
		p.refused(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-2", Task: p.step.Task}, warehouse.CodeWrongBin)
		p.ok(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-1", Task: p.step.Task})
		if p.step.Do != "count" || p.step.SKU != "" {
			t.Fatalf("the counter sees %+v", p.step)
		}
		p.refused(handheld.Verb{Verb: "scan", Barcode: "NOTHING", Task: p.step.Task}, warehouse.CodeUnknownBarcode)
		p.ok(handheld.Verb{Verb: "scan", Expect: "item", Barcode: "TEA-1", Qty: 47, Task: p.step.Task})
		p.ok(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: "B-1", Task: p.step.Task})
	}
	count(1)
	if n := s.qty("A1", "B-1"); n != 50 {
		t.Errorf("after one count the book says %d", n)
	}
	count(2)
	if got := s.do(http.StatusUnprocessableEntity, "lea", "DecideCount", `{"count":"CT000001","reason":"NO SUCH"}`); !strings.Contains(got, `"action"`) {
		t.Errorf("refused without what to do: %s", got)
	}
	s.do(http.StatusOK, "lea", "DecideCount", `{"count":"CT000001","accept":true,"reason":"MISCOUNTED"}`)
	if n := s.qty("A1", "B-1"); n != 47 {
		t.Errorf("the book says %d", n)
	}
	s.checkLedger()
}
