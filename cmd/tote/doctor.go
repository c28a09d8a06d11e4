package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/doctor"
	"tote/agent/metrics"
)

type doctorCmd struct {
	gatewayURL `embed:""`
	Config     string        `help:"Configuration of the gateway." default:"/etc/tote/agent.yaml" type:"path"`
	JSON       bool          `name:"json" help:"As JSON."`
	Limit      time.Duration `help:"For each check." default:"5s"`
}

// Run ends with status 0 when all is fine, 1 with warnings, 2 when something is
// broken.
func (c doctorCmd) Run(ctx context.Context) error {
	p := doctor.Patient{File: c.Config, Machine: doctor.This(), Agent: c.asked(ctx)}
	p.Config, p.ConfigErr = config.Load(c.Config)
	r := doctor.Report{At: time.Now().UTC().Format(time.RFC3339), Version: version, Findings: doctor.Run(ctx, p.Checks(), c.Limit)}
	r.Level = doctor.Level(r.Findings)
	if c.JSON {
		if err := writeJSON(r); err != nil {
			return err
		}
	} else if err := r.Write(os.Stdout); err != nil {
		return err
	}
	if code := doctor.Exit(r.Level); code != 0 {
		return exitCode(code)
	}
	return nil
}

// asked is what the agent says, all at once and each within the limit.
func (c doctorCmd) asked(ctx context.Context) doctor.Told {
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	var out doctor.Told
	var wg sync.WaitGroup
	wg.Go(func() {
		var s api.Status
		b, _, err := c.quietly(ctx, "/v1/status")
		if err == nil {
			err = json.Unmarshal(b, &s)
		}
		if out.Err = err; err == nil {
			out.Status = &s
		}
	})
	wg.Go(func() {
		var s api.ClusterStatus
		if b, _, err := c.quietly(ctx, "/v1/cluster"); err == nil && json.Unmarshal(b, &s) == nil {
			out.Cluster = &s
		}
	})
	wg.Go(func() {
		if b, _, err := c.quietly(ctx, "/metrics"); err == nil {
			out.Metrics = metrics.Values(string(b))
		}
	})
	wg.Go(func() {
		var no api.Refusal
		if b, status, _ := c.quietly(ctx, "/readyz"); status == http.StatusServiceUnavailable && json.Unmarshal(b, &no) == nil {
			out.NotReady = no.Text
		}
	})
	wg.Wait()
	return out
}

// quietly is a GET whose refusals are not printed; an answer beside 200 is an
// error.
func (c doctorCmd) quietly(ctx context.Context, path string) (body []byte, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.API, "/")+path, nil)
	if err != nil {
		return nil, 0, err
	}
	c.show(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return body, resp.StatusCode, err
}
