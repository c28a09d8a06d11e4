package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tote/agent/metrics"
)

// TestMetrics: the answer is the text format, as its specification has it, with
// help and type of each metric before its samples, and says what the status says.
func TestMetrics(t *testing.T) {
	g := newFake(t)
	rec := httptest.NewRecorder()
	g.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != metrics.MediaType {
		t.Fatalf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	if _, where := g.contract.at("paths", "/metrics", "get", "responses", "200", "content", "text/plain"); where == "" {
		t.Error("not described")
	}
	got, err := parseText(rec.Body.String())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"tote_ready": 1, "tote_quorum": 1, "tote_raft_leader": 1, "tote_disk_free_bytes": 1 << 20, "tote_fallouts_open": 0,
		`tote_device_up{device="pack1/scale",driver="mt-sics"}`: 1, `tote_portal_waiting{dock="dock1"}`: 1, `tote_outbox_depth{upstream="default"}`: 0,
		`tote_build_info{gateway="gw1",version="1"}`: 1,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v, %v; want %v\n%s", name, v, ok, want, rec.Body)
		}
	}
	g.viewErr = fmt.Errorf("broken")
	rec = httptest.NewRecorder()
	g.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "tote_ready") {
		t.Errorf("half a page: %d %s", rec.Code, rec.Body)
	}
}

var sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$`)

// parseText reads the text format 0.0.4 strictly.
func parseText(text string) (map[string]float64, error) {
	out, help, typed := map[string]float64{}, map[string]bool{}, ""
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			return nil, fmt.Errorf("the last line has no end: %q", line)
		}
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, about, _ := strings.Cut(rest, " ")
			if about == "" || help[name] {
				return nil, fmt.Errorf("help of %s is empty or there twice", name)
			}
			help[name] = true
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			typed, _, _ = strings.Cut(rest, " ")
			if !help[typed] {
				return nil, fmt.Errorf("%s has no help", typed)
			}
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("no sample: %q", line)
		}
		base := m[1]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if strings.TrimSuffix(base, suffix) == typed {
				base = typed
			}
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if _, twice := out[m[1]+m[2]]; twice || err != nil || base != typed {
			return nil, fmt.Errorf("twice, no number, or not below its type: %q", line)
		}
		out[m[1]+m[2]] = v
	}
	return out, nil
}
