//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"tote/agent/api"
	"tote/agent/replica"
	"tote/raftstore"
	"tote/warehouse"
)

// The site model of the biggest site we promise.
const (
	modelItems = 50_000
	modelBins  = 20_000

	applyGoal  = 60  // s, the first model of such a site
	replanGoal = 10  // s, what would change in it
	smallGoal  = 15  // s, one bin more in it
	waitGoal   = 1.0 // s, the longest a scan waits meanwhile
)

// siteModel measures bringing a model into a site by the gateway's interface: all of
// it, nothing, and one bin more; and how long a scan waits at most while it goes on.
func siteModel(ctx context.Context, dir string) error {
	cfg := raftstore.Config{Dir: dir, NodeID: "bench", Logger: slog.New(slog.DiscardHandler)}
	return withStore(ctx, cfg, func(s *replica.Store) error {
		for cluster, own := s.Level(); cluster < own; cluster, own = s.Level() {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
		srv := httptest.NewServer(api.New(api.Config{
			Log: cfg.Logger, Now: time.Now, View: s.View, Quorum: func() api.Quorum { return api.Quorum{OK: true} },
			Do: func(ctx context.Context, actor string, c warehouse.Command) (warehouse.Result, error) {
				by := replica.By{Actor: actor}
				_, _ = rand.Read(by.ID[:]) // never fails
				return s.Do(ctx, by, c)
			},
		}))
		defer srv.Close()
		files := modelOf(modelItems, modelBins)
		took, longest, err := whileScanned(ctx, s, func() error { return giveModel(ctx, srv.URL, "apply", files) })
		if err != nil {
			return err
		}
		report("sitemodel_apply_50k_items_20k_bins", took.Seconds(), "s", applyGoal)
		report("sitemodel_apply_50k_items_20k_bins_longest_wait_of_a_command", longest.Seconds(), "s", waitGoal)
		at := time.Now()
		if err := giveModel(ctx, srv.URL, "plan", files); err != nil {
			return err
		}
		report("sitemodel_plan_50k_items_20k_bins_nothing_changed", time.Since(at).Seconds(), "s", replanGoal)
		files["bins.csv"] += "Z-0001,0,0\n"
		took, longest, err = whileScanned(ctx, s, func() error { return giveModel(ctx, srv.URL, "apply", files) })
		if err != nil {
			return err
		}
		report("sitemodel_apply_one_bin_of_50k_items_20k_bins", took.Seconds(), "s", smallGoal)
		report("sitemodel_apply_one_bin_longest_wait_of_a_command", longest.Seconds(), "s", waitGoal)
		return nil
	})
}

// modelOf are the files of a site.
func modelOf(items, bins int) map[string]string {
	var it, bn strings.Builder
	it.WriteString("sku,name,weight_g,barcodes\n")
	for i := range items {
		fmt.Fprintf(&it, "SKU-%06d,a thing of some length,100,ALT-%06d\n", i, i)
	}
	bn.WriteString("bin,aisle,cell\n")
	for i := range bins {
		fmt.Fprintf(&bn, "B%03d-%02d,%d,%d\n", i/50, i%50, i/50, i%50)
	}
	return map[string]string{"site.yaml": `id: bench
companyPrefix: "9521234"
ssccExtension: 3
totePrefix: T-
cartonTareMg: 350000
toleranceMg: 20000
tolerancePermil: 5
leaseMs: 600000
cartSlots: 1
layout: {aisles: 1000, cells: 64, cellMm: 1200, endMm: 1500, pitchMm: 4500, depotAisle: 0}
`, "items.csv": it.String(), "bins.csv": bn.String(), "workers.csv": "id,name,badge\nW1,Mira,BADGE-1\n"}
}

// giveModel asks for a plan or an apply, as the commands do.
func giveModel(ctx context.Context, url, what string, files map[string]string) error {
	body, err := json.Marshal(map[string]any{"files": files})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/model/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %.300s", what, resp.StatusCode, b)
	}
	return err
}

// whileScanned runs fn while a handheld scans, and says how long the slowest of its
// scans took.
func whileScanned(ctx context.Context, s *replica.Store, fn func() error) (took, longest time.Duration, err error) {
	var over atomic.Bool
	slowest, ended := time.Duration(0), make(chan error, 1)
	go func() {
		for !over.Load() && ctx.Err() == nil {
			by := replica.By{Actor: "bench"}
			_, _ = rand.Read(by.ID[:])
			at := time.Now()
			// Refused or not: it goes through the log and is answered.
			if _, err := s.Do(ctx, by, warehouse.AskWork{Device: "h1"}); err != nil {
				ended <- err
				return
			}
			slowest = max(slowest, time.Since(at))
		}
		ended <- nil
	}()
	at := time.Now()
	err = fn()
	took = time.Since(at)
	over.Store(true)
	if other := <-ended; err == nil {
		err = other
	}
	return took, slowest, err
}
