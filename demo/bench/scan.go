//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tote/agent"
	"tote/agent/config"
	"tote/agent/topics"
	"tote/demo/handheld"
	"tote/gs1"
	"tote/mqtt"
	"tote/warehouse"
)

// runGateway is the other end of scans: a gateway in a process of its own.
func runGateway(ctx context.Context, file string) error {
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	agent.Frugal()
	a, err := agent.New(*cfg, agent.Options{
		Version: "bench", Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Ready: func(addr agent.Addresses) {
			if b, err := json.Marshal(addr); err == nil {
				fmt.Println(string(b))
			}
		},
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// scans measures what a picker waits for: the scan of a bin or an item,
// published over MQTT by one handheld, until the PUBACK (recorded) and until
// the result (the beep).
func scans(ctx context.Context, dir string) error {
	return withGateway(ctx, dir, func(addr agent.Addresses, _ int) error { return measureScans(ctx, addr) })
}

// withGateway runs fn beside a gateway that has a process of its own and no
// devices.
func withGateway(ctx context.Context, dir string, fn func(addr agent.Addresses, pid int) error) error {
	return withGatewayOf(ctx, dir, "", fn)
}

// withGatewayOf is withGateway with more in its configuration.
func withGatewayOf(ctx context.Context, dir, more string, fn func(addr agent.Addresses, pid int) error) error {
	file := filepath.Join(dir, "agent.yaml")
	conf := fmt.Sprintf("config_version: 1\nsite: bench\ngateway: gw1\ndata_dir: %s\nmqtt:\n  listen: [{address: \"127.0.0.1:0\"}]\nhttp:\n  listen: \"127.0.0.1:0\"\n", filepath.Join(dir, "gw1")) + more
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, exe, "-gateway", file)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = func() error {
		line, err := bufio.NewReader(out).ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("the gateway did not start: %w", err)
		}
		var addr agent.Addresses
		if err := json.Unmarshal(line, &addr); err != nil {
			return err
		}
		return fn(addr, cmd.Process.Pid)
	}()
	stop := cmd.Process.Signal(os.Interrupt)
	return errors.Join(err, stop, cmd.Wait())
}

// The work of the scans: enough orders that a picker scans for a while.
const (
	scanBins  = 90
	scanOrder = 90
	scanLines = 5 // of an order
	scanQty   = 2 // of a line: each thing is scanned
	scanDrop  = "PACKDROP"
)

// measureScans walks one picker through all orders of a small site, as the
// handheld says, and times the scans of bins and items on the way.
func measureScans(ctx context.Context, addr agent.Addresses) error {
	gtins, err := setUp(ctx, addr.HTTP)
	if err != nil {
		return err
	}
	results, news := make(chan handheld.Result, 1), make(chan struct{}, 1)
	mq, err := mqtt.New(mqtt.Config{Brokers: []string{"tcp://" + addr.MQTT[0]}, ClientID: "handheld:hh1"})
	if err != nil {
		return err
	}
	for _, sub := range []mqtt.Subscription{
		{
			Filter: topics.DownResult("bench", topics.Handheld, "hh1"), QoS: 1,
			Handler: func(_ context.Context, m mqtt.Message) {
				var r handheld.Result
				if err := json.Unmarshal(m.Payload, &r); err != nil {
					r.Code, r.Text = "UNREADABLE", err.Error()
				}
				results <- r
			},
		},
		{
			Filter: topics.StateTask("bench", topics.Handheld, "hh1"), QoS: 1,
			Handler: func(_ context.Context, m mqtt.Message) {
				var s handheld.Step
				if json.Unmarshal(m.Payload, &s) == nil && s.Do != "wait" {
					select {
					case news <- struct{}{}:
					default: // there is news already
					}
				}
			},
		},
	} {
		if err := mq.Subscribe(ctx, sub); err != nil {
			return err
		}
	}
	runCtx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- mq.Run(runCtx) }()
	err = func() error {
		if err := mq.WaitConnected(ctx); err != nil {
			return err
		}
		var acks, beeps []time.Duration
		seq := uint64(0)
		do := func(v handheld.Verb) (handheld.Result, error) {
			seq++
			v.CmdID, v.Seq, v.At = fmt.Sprintf("b%d", seq), seq, time.Now().UnixMilli()
			payload, err := json.Marshal(v)
			if err != nil {
				return handheld.Result{}, err
			}
			at := time.Now()
			if err := mq.Publish(ctx, topics.HandheldCmd("bench", "hh1"), payload, false); err != nil {
				return handheld.Result{}, err
			}
			ack := time.Since(at)
			select {
			case r := <-results:
				if v.Expect == "bin" || v.Expect == "item" {
					acks, beeps = append(acks, ack), append(beeps, time.Since(at))
				}
				return r, nil
			case <-ctx.Done():
				return handheld.Result{}, ctx.Err()
			}
		}
		wait := func() error {
			select {
			case <-news:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := walk(do, wait, gtins); err != nil {
			return err
		}
		// A result later than 200 ms is noticed at the hand; one p99 of the
		// acknowledgement above 50 ms is what the gateway itself warns of.
		report("scan_to_ack_p50", percentile(acks, 0.50), "ms", 0)
		report("scan_to_ack_p99", percentile(acks, 0.99), "ms", 50)
		report("scan_to_result_p50", percentile(beeps, 0.50), "ms", 0)
		report("scan_to_result_p99", percentile(beeps, 0.99), "ms", 200)
		return nil
	}()
	cancel()
	return errors.Join(err, <-ended)
}

// walk does what the handheld shows until everything is picked.
func walk(do func(handheld.Verb) (handheld.Result, error), wait func() error, gtins map[string]string) error {
	r, err := do(handheld.Verb{Verb: "sign_in", Barcode: "BADGE1"})
	totes, left := 0, scanOrder*scanLines*scanQty
	for err == nil && left > 0 {
		if r.Next == nil || !r.OK && r.Code != "WAIT" && r.Code != "HAS_WORK" { // both answer an ask
			return fmt.Errorf("a scan was refused: %s %s", r.Code, r.Text)
		}
		switch step := *r.Next; step.Do {
		case "ask":
			r, err = do(handheld.Verb{Verb: "ask"})
		case "scan_bin":
			r, err = do(handheld.Verb{Verb: "scan", Expect: "bin", Barcode: step.Bin, Task: step.Task})
		case "scan_item":
			r, err = do(handheld.Verb{Verb: "scan", Expect: "item", Barcode: gtins[step.SKU], Task: step.Task})
			left--
		case "scan_slot":
			tote := step.Tote
			if tote == "" {
				totes++
				tote = fmt.Sprintf("T0%04d", totes)
			}
			r, err = do(handheld.Verb{Verb: "scan", Expect: "slot", Barcode: tote, Task: step.Task})
		case "finish":
			r, err = do(handheld.Verb{Verb: "finish", Barcode: scanDrop})
		case "wait": // the work is being planned
			if err = wait(); err == nil {
				r, err = do(handheld.Verb{Verb: "ask"})
			}
		default:
			return fmt.Errorf("the handheld shows %q", step.Do)
		}
	}
	return err
}

// setUp gives the site its rules, stock, worker and orders, and returns the
// barcode of each item.
func setUp(ctx context.Context, api string) (map[string]string, error) {
	items, bins, stock, orders := "sku,name,gtin,weight_g\n", "bin,aisle,cell\n", "bin,sku,qty\n", "order,line,sku,qty,name,street,postcode,city,country\n"
	gtins := map[string]string{}
	for i := range scanBins {
		digits := fmt.Sprintf("04012345%05d", i)
		check, err := gs1.CheckDigit(digits)
		if err != nil {
			return nil, err
		}
		sku := fmt.Sprintf("SKU%d", i)
		gtins[sku] = digits + string(check)
		items += fmt.Sprintf("%s,thing,%s,100\n", sku, gtins[sku])
		bins += fmt.Sprintf("BIN%d,%d,%d\n", i, i%10, i/10)
		stock += fmt.Sprintf("BIN%d,%s,%d\n", i, sku, scanOrder*scanLines*scanQty)
	}
	for i := range scanOrder {
		for l := range scanLines {
			orders += fmt.Sprintf("O%d,%d,SKU%d,%d,Ann,Way 1,1000,Town,DE\n", i, l+1, (i*7+l*31)%scanBins, scanQty)
		}
	}
	if err := putSite(ctx, api); err != nil {
		return nil, err
	}
	for _, r := range []struct{ kind, body string }{
		{"items", items},
		{"bins", bins},
		{"workers", "id,name,badge\nW1,Ann,BADGE1\n"},
		{"stock", stock},
		{"orders", orders},
	} {
		if err := importCSV(ctx, api, r.kind, r.body); err != nil {
			return nil, err
		}
	}
	return gtins, nil
}

// putSite gives the site its rules.
func putSite(ctx context.Context, api string) error {
	site, err := json.Marshal(warehouse.Site{
		ID: "bench", CompanyPrefix: "4012345", TotePrefix: "T0", CartonTareMg: 1, LeaseMs: 600_000, CartSlots: 6, PackDrop: scanDrop,
		Layout:   warehouse.Layout{Aisles: 10, Cells: 45, CellMm: 1000, EndMm: 1000, PitchMm: 5000},
		Carriers: []warehouse.Carrier{{Code: "POST", Prefix: "P", Digits: 6, First: 1, Last: 999_999}},
	})
	if err != nil {
		return err
	}
	return send(ctx, http.MethodPut, "http://"+api+"/v1/site", "application/json", string(site))
}

// importCSV brings in a file.
func importCSV(ctx context.Context, api, kind, rows string) error {
	return send(ctx, http.MethodPost, "http://"+api+"/v1/import/"+kind, "text/csv", rows)
}

func send(ctx context.Context, method, url, kind, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s %w", url, resp.Status, answer, err)
	}
	return nil
}
