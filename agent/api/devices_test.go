package api

import (
	"encoding/json"
	"net/http"
	"testing"
)

func TestDeviceTrace(t *testing.T) {
	g := newFake(t)
	for path, want := range map[string]int{
		"pack1%2Fscale/trace":                             http.StatusOK,
		"pack1%2Fscale/trace?after=41&wait=1000":          http.StatusOK,
		"pack1%2Fscanner/trace":                           http.StatusNotFound,
		"pack1%2Fscale/trace?after=-1":                    http.StatusBadRequest,
		"pack1%2Fscale/trace?wait=30001":                  http.StatusBadRequest,
		"pack1%2Fscale/trace?after=999999999999999999999": http.StatusBadRequest,
	} {
		r := g.call("GET", "/v1/devices/"+path, "", nil)
		if r.status != want {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		var got Trace
		if want != http.StatusOK {
			continue
		}
		if err := json.Unmarshal(r.body, &got); err != nil || got.Device != "pack1/scale" || len(got.Chunks) != 2 {
			t.Errorf("%s: %s, %v", path, r.body, err)
		}
		if asked := path != "pack1%2Fscale/trace"; asked != got.Lost || asked != (got.Next == 42) {
			t.Errorf("%s: %+v", path, got)
		}
	}
}
