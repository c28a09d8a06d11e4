package agent

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tote/agent/broker"
	"tote/mqtt"
	"tote/web"
)

// TestOtherHosts: a foreign name that points at this machine gets nothing.
func TestOtherHosts(t *testing.T) {
	h := onlyHere(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for host, want := range map[string]int{
		"127.0.0.1:8080": http.StatusOK, "localhost:8080": http.StatusOK, "localhost": http.StatusOK, "[::1]:8080": http.StatusOK,
		"evil.example": http.StatusMisdirectedRequest, "evil.example:8080": http.StatusMisdirectedRequest,
		"192.0.2.1:8080": http.StatusMisdirectedRequest, "localhost.evil.example": http.StatusMisdirectedRequest, "": http.StatusMisdirectedRequest,
	} {
		r := httptest.NewRequest(http.MethodPut, "/v1/site", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
	}
}

// TestTwoHandheldsWithOneID: they chase each other; the console and the status
// say so by name, code and action, and a third one works.
func TestTwoHandheldsWithOneID(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range 2 {
		c, err := mqtt.New(mqtt.Config{Brokers: []string{"tcp://" + s.mqtt}, ClientID: "handheld:h7"})
		s.must(err)
		s.background(c.Run)
	}
	var row web.Device
	s.eventually("the console shows them", func() bool {
		ds := s.gw.agent.gatewayStatus().Devices
		i := slices.IndexFunc(ds, func(d web.Device) bool { return d.Name == "handheld h7" })
		if i >= 0 {
			row = ds[i]
		}
		return i >= 0
	})
	if row.Code != broker.CodeTwice || row.State != "two devices" || !strings.Contains(row.Text, "take-overs") || row.Since.IsZero() {
		t.Errorf("%+v", row)
	}
	if _, page := s.call("GET", "/", "", ""); !strings.Contains(string(page), broker.CodeTwice) || !strings.Contains(string(page), "give each its own id") {
		t.Error("the page lacks the code or what to do")
	}
	if _, status := s.call("GET", "/v1/status", "", ""); !strings.Contains(string(status), `"device": "handheld:h7"`) || !strings.Contains(string(status), broker.CodeTwice) {
		t.Errorf("%s", status)
	}
	s.picker(1) // another handheld signs in as ever
}
