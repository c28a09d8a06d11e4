package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tote/agent/api"
	"tote/agent/sitemodel"
	"tote/warehouse"
	"tote/warehouse/memtx"
)

// modelGateway is the real interface on a state in memory.
func modelGateway(t *testing.T) (env []string) {
	t.Helper()
	var mu sync.Mutex
	tx, index := memtx.New(), uint64(0)
	srv := httptest.NewServer(api.New(api.Config{
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Quorum: func() api.Quorum { return api.Quorum{OK: true} },
		Do: func(_ context.Context, actor string, c warehouse.Command) (warehouse.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			index++
			return warehouse.Apply(tx, warehouse.Meta{Index: index, Now: 1_767_225_600_000, Actor: actor, Cause: fmt.Sprint(index), Level: warehouse.Level}, c)
		},
		View: func(fn func(warehouse.Reader) error) error {
			mu.Lock()
			defer mu.Unlock()
			return fn(tx)
		},
	}))
	t.Cleanup(srv.Close)
	return []string{"TOTE_API=" + srv.URL}
}

// siteFolder writes a folder of files.
func siteFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var smallSite = map[string]string{
	"site.yaml": `id: hamburg
companyPrefix: "9521234"
ssccExtension: 3
totePrefix: T-
cartonTareMg: 350000
toleranceMg: 20000
tolerancePermil: 5
leaseMs: 600000
cartSlots: 1
layout: {aisles: 2, cells: 4, cellMm: 1200, endMm: 1500, pitchMm: 4500, depotAisle: 0}
`,
	"items.csv":   "sku,name,weight_g\nTEA-1,Green tea,100\n",
	"bins.csv":    "bin,aisle,cell\nA-01,0,0\nA-02,0,1\n",
	"workers.csv": "id,name,badge\nW1,Mira,BADGE-1\n",
}

// TestSiteModel: what a site engineer types, from files to a site and back.
func TestSiteModel(t *testing.T) {
	env, dir := modelGateway(t), siteFolder(t, smallSite)
	tote(t, nil, "site", "validate", dir).want(t, 0, "good: 1 items, 2 bins, 1 workers", "")
	tote(t, env, "site", "log").want(t, 0, "no model was ever brought in", "")
	tote(t, env, "site", "plan", dir).want(t, 2, "+ bin A-02\n", "")
	tote(t, env, "site", "apply", dir, "--note", "first day").want(t, 0, "5 to add, 0 to change, 0 to remove\napplied as version 1\n", "")
	tote(t, env, "site", "plan", dir).want(t, 0, "nothing to change\n", "")
	tote(t, env, "site", "apply", dir).want(t, 0, "nothing to change\n", "")

	out := filepath.Join(t.TempDir(), "export")
	tote(t, env, "site", "export", out).want(t, 0, "version 1, ", "")
	tote(t, env, "site", "export", out).want(t, 1, "", "SIT-101: the file is there already; --force")
	tote(t, env, "site", "export", out, "--force").want(t, 0, "version 1, ", "")
	tote(t, env, "site", "plan", out, "--prune").want(t, 0, "nothing to change\n", "")
	tote(t, env, "site", "diff", out).want(t, 0, "nothing to change\n", "")

	more := siteFolder(t, map[string]string{"bins.csv": "bin,aisle,cell\nA-01,0,3\n"})
	tote(t, env, "site", "diff", out, more).want(t, 2, "~ bin A-01\n    cell: 0 -> 3\n- bin A-02\n", "")
	plan := tote(t, env, "site", "plan", more, "--prune", "--json")
	var p sitemodel.Plan
	if err := json.Unmarshal([]byte(plan.out), &p); err != nil || plan.status != 2 || p.Counts.Removed != 1 {
		t.Fatalf("%+v %v", plan, err)
	}
	tote(t, env, "site", "plan", more).want(t, 2, "not in the files and kept (--prune removes it): 1 bin: A-02\n", "")
	tote(t, env, "import", "--kind", "stock", file(t, "count.csv", "bin,sku,qty\nA-02,TEA-1,4\n")).want(t, 0, "", "")
	tote(t, env, "site", "plan", more, "--prune").want(t, 1, "refused: MODEL_IN_USE: bin A-02: stock of TEA-1\n", "")
	tote(t, env, "site", "apply", more, "--prune").want(t, 1, "bin A-02: stock of TEA-1", "what to do: tote site plan lists all of it")
	tote(t, env, "import", "--kind", "bins", file(t, "b.csv", "bin,aisle,cell\nB-07,1,0\n")).want(t, 0, "", "")
	tote(t, env, "site", "apply", more, "--base", p.Base).want(t, 1, "", "MODEL_CHANGED")
	log := tote(t, env, "site", "log")
	log.want(t, 0, "since then 1 other changes, the last by site/api with PutBins at 2026-01-01T00:00:00Z\n1  2026-01-01T00:00:00Z  ", "")
	if !strings.Contains(log.out, "+5 ~0 -0") || !strings.Contains(log.out, "first day") {
		t.Error(log.out)
	}
}

func TestSiteModelMistakes(t *testing.T) {
	bad := siteFolder(t, map[string]string{"site.yaml": strings.Replace(smallSite["site.yaml"], "aisles", "ailses", 1), "bins.csv": smallSite["bins.csv"]})
	const want = "site.yaml:10:10: SIT-103: layout.ailses: unknown key; did you mean aisles?"
	tote(t, nil, "site", "validate", bad).want(t, 1, "", want)
	for _, cmd := range []string{"plan", "apply", "diff"} { // before a gateway is asked
		tote(t, []string{"TOTE_API=" + nobody(t)}, "site", cmd, bad).want(t, 1, "", want)
	}
	js := tote(t, nil, "site", "validate", "--json", bad)
	js.want(t, 1, `"line": 10`, "")
	tote(t, nil, "site", "validate", t.TempDir()).want(t, 1, "", "SIT-101: no file of a site model is in this folder")
	tote(t, nil, "site", "validate", siteFolder(t, map[string]string{"bins.csv": smallSite["bins.csv"]})).want(t, 1, "", "SIT-106: the model has no rules")
	tote(t, []string{"TOTE_API=" + nobody(t)}, "site", "plan", siteFolder(t, smallSite)).want(t, 1, "", "the gateway does not answer")
}
