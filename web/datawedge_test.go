package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tote/warehouse"
	"tote/web"
)

// The profile types what the page is configured to take.
func TestDataWedge(t *testing.T) {
	h, err := web.New(web.Config{
		Site: "s1", ScanPrefix: "^", ScanGS: "{GS}",
		View:    func(func(warehouse.Reader) error) error { return nil },
		Command: func(context.Context, string, []byte) ([]byte, error) { return nil, nil }, LastSeq: func(string) (uint64, error) { return 0, nil }, Do: func(context.Context, string, warehouse.Command) (warehouse.Result, error) {
			return warehouse.Result{}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
		return w.Body.String()
	}
	var p struct {
		Name    string `json:"PROFILE_NAME"`
		Plugins []struct {
			Name   string `json:"PLUGIN_NAME"`
			Params struct {
				CodeID string `json:"code_id"`
				Rules  []struct {
					Actions []map[string]string `json:"ACTIONS"`
				} `json:"ADF_RULE"`
			} `json:"PARAM_LIST"`
		} `json:"PLUGIN_CONFIG"`
	}
	if err := json.Unmarshal([]byte(get("/hh/datawedge.json")), &p); err != nil {
		t.Fatal(err)
	}
	var typed []string
	for _, plugin := range p.Plugins {
		if plugin.Name == "BARCODE" && plugin.Params.CodeID != "1" {
			t.Errorf("no AIM identifier: %+v", plugin)
		}
		for _, r := range plugin.Params.Rules {
			for _, a := range r.Actions {
				typed = append(typed, a["type"]+" "+a["action_param_1"]+" "+a["action_param_2"])
			}
		}
	}
	if got := strings.Join(typed, "|"); p.Name != "Tote s1" || got != "SEND_STRING ^ |REPLACE_STRING \x1d {GS}|SEND_REMAINING  |SEND_CHAR 13 " {
		t.Errorf("%s types %q", p.Name, got)
	}
	if page := get("/hh/"); !strings.Contains(page, `data-prefix="^" data-gs="{GS}"`) {
		t.Errorf("the page takes something else:\n%.200s", page)
	}
}
