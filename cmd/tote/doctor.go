package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/doctor"
	"tote/agent/metrics"
	"tote/agent/update"
)

type doctorCmd struct {
	gatewayURL `embed:""`
	Config     string        `help:"Configuration of the gateway." default:"/etc/tote/agent.yaml" type:"path"`
	JSON       bool          `name:"json" help:"As JSON."`
	Slots      string        `help:"Folder of the programs." default:"/var/lib/tote/slots" env:"TOTE_SLOTS" type:"path"`
	Limit      time.Duration `help:"For each check." default:"5s"`
	Bundle     string        `help:"Also write what those who help need to know: report, configuration, status, metrics and the end of the log, all without secrets, as tar.gz." placeholder:"FILE" type:"path"`
}

// Run ends with status 0 when all is fine, 1 with warnings, 2 when something is
// broken.
func (c doctorCmd) Run(ctx context.Context) error {
	p := doctor.Patient{File: c.Config, Machine: doctor.This(), Slots: update.Slots{Dir: c.Slots}}
	p.Config, p.Warnings, p.ConfigErr = config.LoadWarned(c.Config)
	c.API = ownAPI(c.API, p.Config)
	p.Agent = c.asked(ctx)
	r := doctor.Report{At: time.Now().UTC().Format(time.RFC3339), Version: version, Findings: doctor.Run(ctx, p.Checks(), c.Limit)}
	r.Level = doctor.Level(r.Findings)
	if c.JSON {
		if err := writeJSON(r); err != nil {
			return err
		}
	} else if err := r.Write(os.Stdout); err != nil {
		return err
	}
	if c.Bundle != "" {
		if err := c.bundle(ctx, p.Config, r); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
		fmt.Fprintln(os.Stderr, c.Bundle, "is written; look into it before you give it away")
	}
	if code := doctor.Exit(r.Level); code != 0 {
		return exitCode(code)
	}
	return nil
}

// ownAPI is where the agent of this configuration answers, unless somebody said
// where to ask.
func ownAPI(api string, cfg *config.Config) string {
	if api != defaultAPI || cfg == nil {
		return api
	}
	host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
	if err != nil || port == "0" {
		return api
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// logLines of the journal go into a bundle.
const logLines = "2000"

// bundle gathers what can be had; what cannot says why in its place.
func (c doctorCmd) bundle(ctx context.Context, cfg *config.Config, r doctor.Report) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*c.Limit)
	defer cancel()
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		return err
	}
	report, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	items := []doctor.Item{{Name: "doctor.txt", Data: text.Bytes()}, {Name: "doctor.json", Data: report}}
	add := func(name string, data []byte, err error) {
		if err != nil {
			data = append(data, "\ncould not be had: "+err.Error()+"\n"...)
		}
		items = append(items, doctor.Item{Name: name, Data: data})
	}
	yaml, err := os.ReadFile(c.Config)
	add("agent.yaml", doctor.WithoutComments(yaml), err)
	for name, path := range map[string]string{"status.json": "/v1/status", "health.json": "/v1/health", "cluster.json": "/v1/cluster", "metrics.txt": "/metrics"} {
		b, _, err := c.quietly(ctx, path)
		add(name, b, err)
	}
	log, err := exec.CommandContext(ctx, "journalctl", "-u", "tote", "-n", logLines, "--no-pager", "-o", "short-iso").Output()
	add("log.txt", log, err)
	f, err := os.OpenFile(c.Bundle, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return doctor.Bundle(f, time.Now(), append(doctor.Secrets(cfg), c.Shown), items)
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
