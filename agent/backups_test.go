//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"tote/agent/api"
	"tote/agent/metrics"
	"tote/raftstore"
	"tote/warehouse"
)

// backups are the names in a folder of scheduled backups.
func backups(s *site, dir string) (names []string) {
	s.t.Helper()
	list, err := os.ReadDir(dir)
	s.must(err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// rows is the whole state of a gateway.
func (s *site) rows() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	s.must(s.gw.agent.view(func(r warehouse.Reader) error {
		return r.Range(nil, func(k, v []byte) (bool, error) {
			out[string(k)] = string(v)
			return true, nil
		})
	}))
	return out
}

// backedUp makes a backup of a state nothing happened to meanwhile.
func (s *site) backedUp() (made api.BackupMade, rows map[string]string) {
	s.t.Helper()
	s.eventually("a backup of a site that stands still", func() bool {
		rows = s.rows()
		code, b := s.call(http.MethodPost, "/v1/backup", "application/json", "{}")
		if err := json.Unmarshal(b, &made); err != nil || code != http.StatusOK {
			s.t.Fatalf("%d %s %v", code, b, err)
		}
		return maps.Equal(rows, s.rows())
	})
	return made, rows
}

// TestScheduledBackups of three gateways: the one that leads makes them, all know of
// them, and the one that leads next does not begin anew. One of them is restored
// into a machine that holds nothing; damaged it is refused, wherever the damage is.
func TestScheduledBackups(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	c := newTrio(t, false, "backup: {folder: "+folder+"}")
	first := c.leader(c.gw[:])
	last := func(s *site) string {
		if b := s.gw.agent.status().Backup; b != nil && b.Last != nil {
			return b.Last.Gateway + " " + b.Last.Name
		}
		return ""
	}
	first.eventually("there is one", func() bool { return last(first) != "" })
	first.order("O1", "A1", 2)
	made, rows := first.backedUp()
	if made.Target != folder || !made.ReadBack {
		t.Errorf("made %+v", made)
	}
	for _, s := range c.gw {
		s.eventually("all know of it", func() bool { return strings.HasSuffix(last(s), " "+made.Name) })
	}
	whole, err := os.ReadFile(filepath.Join(folder, made.Name))
	first.must(err)
	rest := slices.DeleteFunc(slices.Clone(c.gw[:]), func(s *site) bool { return s == first })
	names := backups(first, folder)
	first.stop()
	next := c.leader(rest)
	// It looks at the clock each half minute; here it is asked.
	if r := next.gw.agent.backups.Load().Report(); r.Old || r.Last.Name != made.Name || r.Age > r.Every {
		t.Errorf("who leads next thinks %+v", r)
	}
	if got := backups(next, folder); !slices.Equal(got, names) {
		t.Errorf("after a new leader there are %v, before %v", got, names)
	}
	_, page := next.call(http.MethodGet, "/metrics", "", "")
	if v := metrics.Values(string(page)); v["tote_scheduled_backup_interval_seconds"] != 86400 || v["tote_scheduled_backup_bytes"] != float64(made.Bytes) || v["tote_scheduled_backup_failing"] != 0 {
		t.Errorf("metrics say %v", v)
	}

	for _, s := range rest {
		if s != next {
			s.stop()
		}
	}
	next.quorum(false)
	if code, b := next.call(http.MethodPost, "/v1/backup", "application/json", "{}"); code != http.StatusServiceUnavailable || !strings.Contains(string(b), "NO_QUORUM") {
		t.Errorf("without a majority: %d %s", code, b)
	}

	blank := &site{t: t, dir: t.TempDir(), id: "gw7", mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	for i := range 64 {
		at := i * (len(whole) - 1) / 63
		bad := bytes.Clone(whole)
		bad[at] ^= 0x10
		for how, b := range map[string][]byte{"cut": whole[:at], "changed": bad} {
			if _, err := VerifyBackup(bytes.NewReader(b), "s1"); err == nil {
				t.Errorf("%s at %d is good", how, at)
			}
			if i%21 > 0 {
				continue // to restore takes a while each time
			}
			if _, _, err := Restore(blank.parsed(), bytes.NewReader(b), "mira", 0, quiet); !refusedWith(err, raftstore.CodeBackupBad) && !refusedWith(err, raftstore.CodeUnknownEntry) {
				t.Errorf("%s at %d: %v", how, at, err)
			}
			if left, _ := os.ReadDir(storeDir(blank.parsed())); len(left) > 0 {
				t.Fatalf("%s at %d left %v", how, at, left)
			}
		}
	}
	f, info, err := Restore(blank.parsed(), bytes.NewReader(whole), "mira", 0, quiet)
	blank.must(err)
	if f.Epoch != 2 || info.Site != "s1" {
		t.Errorf("restored %+v of %+v", f, info)
	}
	blank.start()
	// All but the row that tells the OMS where the new epoch begins.
	now := blank.rows()
	maps.DeleteFunc(now, func(k, _ string) bool { return strings.HasSuffix(k, "epochs") })
	if !maps.Equal(now, rows) {
		t.Errorf("the state is another one: %d rows, before %d", len(now), len(rows))
	}
	if o := blank.get("O1"); len(o.Lines) != 1 {
		t.Errorf("it knows O1 as %+v", o)
	}
	blank.order("O2", "A1", 1)
	blank.checkLedger()
}

// TestScheduledBackupsToAServer: over HTTP, as the status and a person see it.
func TestScheduledBackupsToAServer(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	files, fails := map[string]bool{}, true
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		user, password, _ := r.BasicAuth()
		switch {
		case user != "tote" || password != "hush" || fails:
			w.WriteHeader(http.StatusForbidden)
		case r.Method == http.MethodPut:
			var b bytes.Buffer
			_, _ = b.ReadFrom(r.Body)
			_, err := VerifyBackup(&b, "s1")
			files[r.URL.Path] = err == nil
		default:
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	defer srv.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("tote:hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", web: "127.0.0.1:0", more: "backup: {url: \"" + srv.URL + "/site\", secret_file: " + secret + "}"}
	s.begin()
	s.eventually("the status says why there is none", func() bool {
		b := s.gw.agent.status().Backup
		return b.Code == "STO-613" && b.Next != "" && b.Last == nil
	})
	if code, b := s.call(http.MethodPost, "/v1/backup", "application/json", "{}"); code != http.StatusServiceUnavailable || !strings.Contains(string(b), "STO-613") || strings.Contains(string(b), "hush") {
		t.Errorf("%d %s", code, b)
	}
	mu.Lock()
	fails = false
	mu.Unlock()
	code, b := s.call(http.MethodPost, "/v1/backup", "application/json", "{}")
	var made api.BackupMade
	if err := json.Unmarshal(b, &made); err != nil || code != http.StatusOK || made.ReadBack {
		t.Fatalf("%d %s %v", code, b, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(files) != 1 || !files["/site/"+made.Name] {
		t.Errorf("the server has %v", files)
	}
	if b := s.gw.agent.status().Backup; b.Code != "" || b.Last == nil {
		t.Errorf("shown as %+v", b)
	}
}

// TestNoScheduledBackups: nothing is shown, and asking says why.
func TestNoScheduledBackups(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if b := s.gw.agent.status().Backup; b != nil {
		t.Errorf("%+v", b)
	}
	if code, b := s.call(http.MethodPost, "/v1/backup", "application/json", "{}"); code != http.StatusNotFound || !strings.Contains(string(b), "no backups are scheduled") {
		t.Errorf("%d %s", code, b)
	}
	if err := s.gw.agent.handleCall("gw2", callBackup, relayed{Payload: []byte("{}")}); err == nil {
		t.Error("told of backups that are not made here")
	}
}
