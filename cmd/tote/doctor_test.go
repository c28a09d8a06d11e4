package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tote/agent/config"
	"tote/agent/doctor"
)

// TestDoctor: the command asks the agent with its token, prints JSON, ends with
// the status of the worst finding, and its bundle is for the owner's eyes alone.
func TestDoctor(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer a-token-shown" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/v1/status":
			_, _ = w.Write([]byte(`{"quorum":{"ok":true},"outbox":2,"outboxAgeMs":7200000}`))
		case "/metrics":
			_, _ = w.Write([]byte("tote_mqtt_dropped_total 4\n"))
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"code":"NOT_READY","text":"the gateway is starting"}`))
		}
	}))
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "b.tgz")
	got := tote(t, []string{"TOTE_API=" + server.URL, "TOTE_TOKEN=a-token-shown"}, "doctor", "--json", "--config", filepath.Join(t.TempDir(), "none.yaml"), "--bundle", bundle)
	var r doctor.Report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	codes := ""
	for _, f := range r.Findings {
		codes += " " + f.Code
	}
	for _, want := range []string{"HLT-141", "HLT-142", "HLT-160", "HLT-161"} {
		if !strings.Contains(codes, want) {
			t.Errorf("no %s in%s", want, codes)
		}
	}
	if got.status != 2 || r.Level != doctor.Broken {
		t.Errorf("status %d, %s", got.status, r.Level)
	}
	if st, err := os.Stat(bundle); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
}

// TestDoctorAsksItsOwnAgent: the configuration says where the agent answers; who
// says it himself is obeyed.
func TestDoctorAsksItsOwnAgent(t *testing.T) {
	for _, tt := range []struct{ api, listen, want string }{
		{defaultAPI, "127.0.0.1:9090", "http://127.0.0.1:9090"},
		{defaultAPI, "0.0.0.0:9090", "http://127.0.0.1:9090"},
		{defaultAPI, "[::]:9090", "http://127.0.0.1:9090"},
		{defaultAPI, "localhost:9090", "http://localhost:9090"},
		{defaultAPI, "127.0.0.1:0", defaultAPI},
		{defaultAPI, "", defaultAPI},
		{"http://192.0.2.1:8080", "127.0.0.1:9090", "http://192.0.2.1:8080"},
	} {
		if got := ownAPI(tt.api, &config.Config{HTTP: config.HTTP{Listen: tt.listen}}); got != tt.want {
			t.Errorf("%s with %s: %s, want %s", tt.api, tt.listen, got, tt.want)
		}
	}
	if got := ownAPI(defaultAPI, nil); got != defaultAPI {
		t.Error(got)
	}
}
