//go:build !386 && !arm && !mips && !mipsle

package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/agent/api"
	"tote/agent/replica"
	"tote/raftstore"
	"tote/warehouse"
)

// heldStore is a store whose state is not built until it is let go.
type heldStore struct {
	store
	built chan struct{}
	since time.Time
}

func (h *heldStore) held() bool {
	select {
	case <-h.built:
		return false
	default:
		return true
	}
}

func (h *heldStore) WaitRebuilt(ctx context.Context) error {
	select {
	case <-h.built:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *heldStore) Rebuilding() *api.Rebuild {
	if !h.held() {
		return h.store.Rebuilding()
	}
	return &api.Rebuild{Since: h.since.UTC().Format(time.RFC3339), Bytes: 3e6, OfBytes: 42e6, OfEntries: 3120}
}

func (h *heldStore) View(fn func(r warehouse.Reader) error) error {
	if h.held() {
		return raftstore.ErrRebuilding
	}
	return h.store.View(fn)
}

func (h *heldStore) Quorum() (ok bool, since time.Time) {
	if h.held() {
		return false, h.since
	}
	return h.store.Quorum()
}

func (h *heldStore) Do(ctx context.Context, by replica.By, c warehouse.Command) (warehouse.Result, error) {
	if err := h.WaitRebuilt(ctx); err != nil {
		return warehouse.Result{}, err
	}
	return h.store.Do(ctx, by, c)
}

// TestServesWhileRebuilding: after a power cut the gateway answers at once and
// says what it is doing, on every screen; the rest comes by itself.
func TestServesWhileRebuilding(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.stop()
	a, err := New(*s.parsed(), Options{Version: "test", Log: newKeyCheck(t)})
	s.must(err)
	opened, closeStore, err := a.openStore()
	s.must(err)
	h := &heldStore{store: opened, built: make(chan struct{}), since: time.Now()}
	a.store = h
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan error, 1)
	go func() { started <- a.startParts(ctx) }()
	defer func() {
		cancel()
		<-started
		a.sup.Close()
		s.must(closeStore())
	}()

	s.eventually("its pages answer", func() bool {
		resp, err := http.Get("http://" + s.web + "/healthz")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
	const says = "rebuilding: 3.0 of 42.0 MB of the snapshot and 0 of 3120 log entries are in"
	for path, want := range map[string]int{
		"/readyz": http.StatusServiceUnavailable, "/": http.StatusServiceUnavailable, "/hh/": http.StatusServiceUnavailable,
		"/orders": http.StatusServiceUnavailable, "/v1/orders": http.StatusServiceUnavailable, "/v1/cluster": http.StatusOK,
	} {
		if code, body := s.call("GET", path, "", ""); code != want || !strings.Contains(string(body), says) {
			t.Errorf("GET %s: %d %s", path, code, body)
		}
	}
	var st api.Status
	if code, body := s.call("GET", "/v1/status", "", ""); code != http.StatusOK || json.Unmarshal(body, &st) != nil || st.Gateway.Rebuild == nil {
		t.Errorf("status: %d %s", code, body)
	}
	screen := s.quorumScreen("handheld:h1")
	if q := screen.shows(false); q.Code != api.CodeRebuilding || !strings.Contains(q.Text, "rebuilt") {
		t.Errorf("screens say %+v", q)
	}

	close(h.built)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	started <- nil
	for _, path := range []string{"/readyz", "/", "/hh/", "/v1/orders", "/v1/status", "/v1/cluster"} {
		if code, body := s.call("GET", path, "", ""); code != http.StatusOK || strings.Contains(string(body), "rebuilding") {
			t.Errorf("then GET %s: %d %s", path, code, body)
		}
	}
	screen.shows(true)
}

// laterVersion knows a command that this version does not.
type laterVersion struct{}

func (laterVersion) Apply(raftstore.Tx, raftstore.Meta, []byte) (raftstore.Outcome, error) {
	return raftstore.Outcome{}, nil
}

// Level makes it a version of the level the store is at.
func (laterVersion) Level() uint16 { return warehouse.Level }

// Speaks makes it know everything.
func (laterVersion) Speaks(uint16, uint16) (uint16, bool) { return 0, true }

// TestRebuildThatFails: a state that cannot be built ends the gateway with the
// fault, as any other store that cannot be opened.
func TestRebuildThatFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.eventually("the site is strict about commands", func() bool {
		level, _ := s.gw.agent.bare().(clusterStore).Level()
		return level >= 1
	})
	s.stop()
	dir := storeDir(s.parsed())
	later, err := raftstore.Open(raftstore.Config{Dir: dir, NodeID: "gw1", Logger: newKeyCheck(t)}, laterVersion{})
	s.must(err)
	s.must(later.WaitLeader(s.ctx()))
	_, err = later.Propose(s.ctx(), raftstore.Command{ID: newID(), Kind: 0x7f01, Version: 1})
	s.must(err)
	s.must(later.Close())
	gen := filepath.Join(dir, "GENERATION")
	b, err := os.ReadFile(gen)
	s.must(err)
	s.must(os.WriteFile(gen, bytes.Replace(b, []byte(`"clean":true`), []byte(`"clean":false`), 1), 0o600))
	a, err := New(*s.parsed(), Options{Version: "test", Log: newKeyCheck(t), Ready: func(Addresses) { t.Error("it is ready") }})
	s.must(err)
	if err := a.Run(t.Context()); raftstore.FaultCode(err) != raftstore.CodeUnknownEntry || !errors.Is(err, ErrStoreStopped) {
		t.Errorf("it ends with %v", err)
	}
}
