//go:build !386 && !arm && !mips && !mipsle

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	"tote/mqtt"
)

// runGateway is the other end of scans: a gateway in a process of its own.
func runGateway(ctx context.Context, file string) error {
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
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

// scans measures what a picker waits for: a verb published over MQTT by one
// handheld until the PUBACK (recorded) and until the result (the beep).
func scans(ctx context.Context, dir string) error {
	file := filepath.Join(dir, "agent.yaml")
	conf := fmt.Sprintf("config_version: 1\nsite: bench\ngateway: gw1\ndata_dir: %s\nmqtt:\n  listen: [{address: \"127.0.0.1:0\"}]\nhttp:\n  listen: \"127.0.0.1:0\"\n", filepath.Join(dir, "gw1"))
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
		return measureScans(ctx, addr)
	}()
	stop := cmd.Process.Signal(os.Interrupt)
	return errors.Join(err, stop, cmd.Wait())
}

func measureScans(ctx context.Context, addr agent.Addresses) error {
	body := strings.NewReader("id,name,badge\nW1,Ann,BADGE1\n")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr.HTTP+"/v1/import/workers", body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/csv")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("workers: %s %w", resp.Status, err)
	}
	results := make(chan struct{}, 1)
	mq, err := mqtt.New(mqtt.Config{Brokers: []string{"tcp://" + addr.MQTT[0]}, ClientID: "handheld:hh1"})
	if err != nil {
		return err
	}
	err = mq.Subscribe(ctx, mqtt.Subscription{
		Filter: topics.DownResult("bench", topics.Handheld, "hh1"), QoS: 1,
		Handler: func(context.Context, mqtt.Message) { results <- struct{}{} },
	})
	if err != nil {
		return err
	}
	runCtx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- mq.Run(runCtx) }()
	err = func() error {
		if err := mq.WaitConnected(ctx); err != nil {
			return err
		}
		var acks, beeps []time.Duration
		for seq := 1; seq <= 2000; seq++ {
			payload := fmt.Appendf(nil, `{"cmdId":"b%d","seq":%d,"verb":"sign_in","barcode":"BADGE1","at":%d}`, seq, seq, time.Now().UnixMilli())
			at := time.Now()
			if err := mq.Publish(ctx, topics.HandheldCmd("bench", "hh1"), payload, false); err != nil {
				return err
			}
			acks = append(acks, time.Since(at))
			select {
			case <-results:
			case <-ctx.Done():
				return ctx.Err()
			}
			beeps = append(beeps, time.Since(at))
		}
		report("scan_to_ack_p50", percentile(acks, 0.50), "ms", 0)
		report("scan_to_ack_p99", percentile(acks, 0.99), "ms", 0)
		report("scan_to_result_p50", percentile(beeps, 0.50), "ms", 0)
		report("scan_to_result_p99", percentile(beeps, 0.99), "ms", 200) // a person notices a beep that is later
		return nil
	}()
	cancel()
	return errors.Join(err, <-ended)
}
