//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/warehouse"
)

var figureOnPage = regexp.MustCompile(`<data value="([^"]*)">([^<]*)</data>`)

// row 120: the dashboard of the site. Page and JSON of a running gateway show
// the same key figures, and those are what the log says when it is counted again
// from the beginning.
func TestSiteDashboardRow120(t *testing.T) {
	t.Parallel()
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	s.start()
	s.settings(func(site map[string]any) { site["figures"] = true }) // before the first goods
	for _, kind := range []string{"items", "bins", "workers", "stock"} {
		if code, b := s.importCSV(kind, s.file(kind+".csv")); code != http.StatusOK {
			t.Fatalf("%s: %d %s", kind, code, b)
		}
	}
	s.picked(1, "O1", "A1", 4)
	s.order("O2", "A2", 2)
	s.order("O3", "A1", 999_999) // short: it waits, and somebody has to look
	if code, b := s.call(http.MethodPost, "/v1/do/CancelOrder", "application/json", `{"order":"O2"}`); code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	now := time.Now().UTC()
	window := "?from=" + now.AddDate(0, 0, -1).Format(time.DateOnly) + "&to=" + now.AddDate(0, 0, 2).Format(time.DateOnly)

	// JSON, flattened as the page names its numbers.
	code, raw := s.call(http.MethodGet, "/v1/kpis"+window, "", "")
	var answer struct {
		Figures map[string]any `json:"figures"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s %v", code, raw, err)
	}
	inJSON := map[string]string{}
	flatten(inJSON, "", answer.Figures)
	for _, name := range []string{"from", "to"} {
		delete(inJSON, name)
	}

	// The page.
	code, page := s.call(http.MethodGet, "/figures"+window, "", "")
	onPage := map[string]string{}
	for _, m := range figureOnPage.FindAllStringSubmatch(string(page), -1) {
		onPage[html.UnescapeString(m[1])] = m[2]
	}
	if code != http.StatusOK || len(onPage) < 40 {
		t.Fatalf("%d, %d numbers:\n%s", code, len(onPage), page)
	}
	if d := cmp.Diff(inJSON, onPage); d != "" {
		t.Errorf("page and JSON differ (-JSON +page):\n%s", d)
	}

	// The log, counted again.
	var live, again map[string]int64
	released, cancelled, picks := 0, 0, int64(0)
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		events, err := warehouse.OutboxRange(r, warehouse.StreamControl, 0, 10_000)
		if err != nil {
			return err
		}
		for _, e := range events {
			switch e.Type {
			case warehouse.EvOrderReleased:
				released++
			case warehouse.EvOrderCancelled:
				cancelled++
			}
		}
		journal, err := warehouse.Journal(r, 0, 1<<40)
		if err != nil {
			return err
		}
		moves := make([]warehouse.Move, len(journal))
		for i, m := range journal {
			moves[i] = m.Move
			if strings.HasPrefix(m.To, warehouse.LUPlace("")) {
				picks += m.Qty
			}
		}
		again = warehouse.Recount(events, moves)
		live, err = warehouse.LiveFigures(r)
		return err
	}))
	if !maps.Equal(live, again) {
		t.Errorf("the log counts otherwise (-live +log):\n%s", cmp.Diff(live, again))
	}
	if released != 2 || cancelled != 1 || picks != 4 || onPage["cancelled"] != "1" || onPage["picked.A1"] != "4" || onPage["onTime.den"] != "0" {
		t.Errorf("the log has %d released, %d cancelled, %d units picked; the page %v", released, cancelled, picks, onPage)
	}

	// What waits for a person, beside it.
	if _, body := s.call(http.MethodGet, "/actions", "", ""); !strings.Contains(string(body), "OUT_OF_STOCK") || !strings.Contains(string(body), ">O3</a>") {
		t.Errorf("the list of actions:\n%s", body)
	}
}

// flatten writes the numbers of a JSON value under the path to them.
func flatten(to map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			flatten(to, strings.TrimPrefix(path+"."+k, "."), x)
		}
	case float64:
		b, _ := json.Marshal(int64(v))
		to[path] = string(b)
	}
}
