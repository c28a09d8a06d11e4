package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tote/warehouse"
)

// TestPrintsThatNobodyTakes: a print for a station whose printer is here waits for
// what that says; one for a station that no printer works for says so after a while,
// and not while another print of that station is on its way.
func TestPrintsThatNobodyTakes(t *testing.T) {
	g := newFake(t)
	do := func(c warehouse.Command) {
		t.Helper()
		if res, err := g.do(t.Context(), "test", c); err != nil || !res.OK {
			t.Fatalf("%#v: %+v %v", c, res, err)
		}
	}
	do(warehouse.PutSite{Site: warehouse.Site{
		ID: "W1", CompanyPrefix: "9521234", TotePrefix: "T-", ToleranceMg: 10, LeaseMs: 60_000, CartSlots: 1,
		Layout: warehouse.Layout{Aisles: 1, Cells: 1}, PackDrop: "DROP",
	}})
	for _, at := range []string{"pack1", "pack9"} {
		do(warehouse.PrintLabels{Printer: at, What: warehouse.PrintTote, Labels: []warehouse.PrintLabel{{Ref: "T-1"}, {Ref: "T-2"}}})
	}
	waits := func(at string) (list []string) {
		t.Helper()
		for _, p := range decode[[]printRow](t, g.want(http.StatusOK, g.get("/v1/prints?printer="+at))) {
			list = append(list, p.State+" "+p.Waits)
		}
		return list
	}
	is := func(at string, want ...string) {
		t.Helper()
		got := waits(at)
		if len(got) != len(want) {
			t.Fatalf("%s: %q", at, got)
		}
		for i, w := range want {
			if !strings.HasPrefix(got[i], w) || strings.HasSuffix(w, " ") && got[i] != w {
				t.Errorf("%s: print %d is %q, want %q", at, i+1, got[i], w)
			}
		}
	}
	g.printer = "DEV-302 no labels"
	is("pack1", "REQUESTED DEV-302 no labels", "REQUESTED DEV-302 no labels")
	is("pack9", "REQUESTED ", "REQUESTED ")
	g.later = time.Minute
	is("pack9", "REQUESTED DEV-680 for 65 s no printer of station pack9 took it: C", "REQUESTED DEV-680")
	do(warehouse.PrintSent{Job: "L0000003"})
	is("pack9", "SENT ", "REQUESTED ")
	do(warehouse.PrintOutcome{Job: "L0000003", Outcome: warehouse.JobPrinted})
	is("pack9", "REQUESTED DEV-680", "PRINTED ")
}
