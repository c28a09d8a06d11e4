package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tote/warehouse"
	"tote/web"
)

var update = flag.Bool("update", false, "rewrite the golden files and the screenshots in docs")

// need finds a program or skips, loudly.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed; run make deps", program)
	}
	return path
}

// node runs a script of e2e and returns what it printed.
func node(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, need(t, "node"), args...)
	cmd.Dir = "e2e"
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestBrowserRow64 opens the console and the handheld page in Chromium against the
// real state machine, picks an order by typed scans, and loses the link on the
// way. The state must say the same as the screens.
func TestBrowserRow64(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED in -short: browser test")
	}
	chromium := need(t, "chromium")
	if _, err := os.Stat("e2e/node_modules/playwright-core"); err != nil {
		t.Skip("SKIPPED: web/e2e/node_modules is missing; run make deps")
	}
	now := time.Now()
	s := shift(t, now)
	s.dispatch = true
	cfg := s.config()
	cfg.Version, cfg.Faults, cfg.Floor = "0.3.0", faults, robots
	quorum := web.Quorum{OK: true}
	cfg.Gateway = func() web.GatewayStatus {
		g := gateway(now)
		s.mu.Lock()
		defer s.mu.Unlock()
		g.Quorum = quorum
		return g
	}
	h, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", h)
	// What the script cannot do through the pages: take the quorum away, and
	// take an order in.
	mux.HandleFunc("POST /test/quorum/{ok}", func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		quorum, s.down = web.Quorum{OK: true}, nil
		if r.PathValue("ok") == "false" {
			quorum, s.down = web.Quorum{Since: now}, errors.New("no leader")
		}
		for c := range s.listen {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	})
	mux.HandleFunc("POST /test/release/{id}", func(_ http.ResponseWriter, r *http.Request) {
		lines := []string{"SKU-002*2", "SKU-012*1"}
		if strings.HasPrefix(r.PathValue("id"), "SHORT") {
			lines = []string{"SKU-003*9999"}
		}
		if _, err := s.do(r.Context(), "test", release(r.PathValue("id"), 9, lines...)); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("POST /test/move", func(w http.ResponseWriter, _ *http.Request) {
		m := s.aMove()
		s.must(warehouse.AskMove{SKU: m.SKU, Qty: 2, From: m.From, To: m.To})
		if err := json.NewEncoder(w).Encode(m); err != nil {
			t.Error(err)
		}
	})
	// The tote that was picked on the handheld comes to a bench.
	mux.HandleFunc("POST /test/bench", func(http.ResponseWriter, *http.Request) {
		s.must(warehouse.StartPack{Station: "pack9", Barcode: s.order("WEB-1").Tote})
	})
	mux.HandleFunc("POST /test/weigh", func(http.ResponseWriter, *http.Request) {
		step := s.bench("pack9")
		sscc := s.must(warehouse.Pack{Station: "pack9", Order: "WEB-1", WeightMg: step.ExpectedMg}).Ref
		s.must(warehouse.LabelSent{Job: sscc}, warehouse.LabelOutcome{Job: sscc, Outcome: warehouse.JobPrinted})
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	args := []string{"browser.js", srv.URL, chromium}
	if *update {
		docs, err := filepath.Abs("../docs")
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, docs)
	}
	out, err := node(t, args...)
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	if left := s.floorTasks(); len(left) != 1 || left[0].State != warehouse.TaskOpen || left[0].Qty != 2 {
		t.Errorf("floor tasks left: %+v", left)
	}
	o := s.order("WEB-1")
	if o.State != warehouse.OrderLabelled || o.Lines[0].Picked != 2 || o.Lines[1].Picked != 1 || len(o.Parcels) != 2 || len(o.Parcels[0].Lines) != 1 {
		t.Errorf("the order picked and packed on the pages is %s: %+v", o.State, o.Lines)
	}
	if !strings.HasPrefix(s.commands[0], `{"verb":"sign_in"`) {
		t.Errorf("first message %s", s.commands[0])
	}
}

// bench is what a pack station shows.
func (s *site) bench(id string) (step *warehouse.Step) {
	s.t.Helper()
	err := s.view(func(r warehouse.Reader) (err error) {
		step, err = warehouse.StationStep(r, id)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return step
}

// aMove is something that can be moved: two free pieces of an item without lots,
// and two other bins.
func (s *site) aMove() (m struct{ SKU, From, To, Other string }) {
	err := s.view(func(r warehouse.Reader) error {
		for _, sku := range []string{"SKU-001", "SKU-002", "SKU-003", "SKU-005", "SKU-006"} {
			all, err := warehouse.Balances(r, sku)
			if err != nil {
				return err
			}
			for _, b := range all {
				if bin, ok := strings.CutPrefix(b.Place, warehouse.BinPlace("")); ok && b.Qty-b.Reserved >= 2 {
					m.SKU, m.From, m.To, m.Other = sku, bin, "H-13-L", "H-14-R"
					return nil
				}
			}
		}
		return errors.New("nothing is free")
	})
	if err != nil {
		s.t.Error(err)
	}
	return m
}

func (s *site) floorTasks() (all []warehouse.FloorTask) {
	err := s.view(func(r warehouse.Reader) (err error) {
		all, err = warehouse.FloorTasks(r, 0)
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
	return all
}
