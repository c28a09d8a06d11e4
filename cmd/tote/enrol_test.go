package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/agent/enrol"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// enrolling is a gateway that lets devices in, with its real desk.
func enrolling(t *testing.T, base string) (env []string) {
	t.Helper()
	id, err := identity.Init(filepath.Join(t.TempDir(), "id"), "hamburg", "gw1", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	tx := memtx.New()
	desk := enrol.New(enrol.Config{
		Log: slog.New(slog.DiscardHandler), Site: "hamburg", Now: time.Now, Sign: id.IssueDevice, Base: func() string { return base },
		CA:   func() ([]byte, string) { return id.CA(), id.Fingerprint() },
		View: func(fn func(r warehouse.Reader) error) error { return fn(tx) },
		Do: func(_ context.Context, actor string, c members.Command) (warehouse.Result, error) {
			kind, version, body, err := members.Encode(c)
			if err != nil {
				return warehouse.Result{}, err
			}
			return members.Apply(tx, warehouse.Meta{Now: time.Now().UnixMilli(), Actor: actor}, kind, version, body)
		},
	})
	mux := http.NewServeMux()
	mux.Handle("/enrol", desk.Public())
	mux.HandleFunc("POST /v1/enrol/{role}/{name}", func(w http.ResponseWriter, r *http.Request) {
		o, err := desk.Invite(r.Context(), "site/api", r.PathValue("role"), r.PathValue("name"), time.Minute, 0)
		if err != nil {
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(map[string]string{"code": identity.CodeEnrol, "text": err.Error()})
			return
		}
		_ = json.NewEncoder(w).Encode(o)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return []string{"TOTE_API=" + server.URL}
}

// TestEnrolCommands: a code for a camera; key and certificate of a robot, which fit
// and only their owner may read; a password for one that knows no certificates.
func TestEnrolCommands(t *testing.T) {
	env := enrolling(t, "https://gw1.example.com:8443")
	picture := filepath.Join(t.TempDir(), "h7.svg")
	r := tote(t, env, "enrol", "handheld", "h7", "--svg", picture)
	r.want(t, 0, "▀", "")
	r.want(t, 0, "https://gw1.example.com:8443/enrol?c=", "")
	if !strings.HasPrefix(text(t, picture), "<svg") {
		t.Error("no picture")
	}
	tote(t, env, "enrol", "handheld", "Tall").want(t, 1, "", "1 to 16 of a-z 0-9")
	tote(t, enrolling(t, ""), "enrol", "handheld", "h7").want(t, 1, "", "http.https")

	dir := filepath.Join(t.TempDir(), "r1")
	r = tote(t, env, "enrol", "robot", "R1", "--out", dir)
	r.want(t, 0, "robot:R1", "")
	r.want(t, 0, "+/+/+/R1/order", "")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "R1.crt"), filepath.Join(dir, "R1.key"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(text(t, filepath.Join(dir, "tote-ca.crt")))) {
		t.Error("no authority")
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil || pair.Leaf.Subject.CommonName != "robot:R1" {
		t.Errorf("%s: %v", pair.Leaf.Subject, err)
	}
	if st, err := os.Stat(filepath.Join(dir, "R1.key")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	tote(t, env, "enrol", "device", "conveyor", "C1", "--password").want(t, 0, "password (shown once)", "")
	tote(t, env, "enrol", "device", "boss", "C1").want(t, 1, "", "there is no role")
	tote(t, env, "token", "mqtt", "robot:R7").want(t, 0, "robot:R7 sha256:", "")
}
