package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"tote/agent"
	"tote/agent/config"
	"tote/agent/health"
	"tote/agent/notify"
)

type runCmd struct {
	Config string `help:"Configuration of the gateway." default:"/etc/tote/agent.yaml" type:"path"`
	Slots  string `help:"Folder of the programs, whose updates are shown." default:"/var/lib/tote/slots" env:"TOTE_SLOTS" type:"path"`
	JSON   bool   `name:"json" help:"Print one JSON line on standard output when scans are accepted."`
}

func (c runCmd) Run(ctx context.Context) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return forPerson(err)
	}
	if err := asOwner(cfg); err != nil {
		return err
	}
	agent.Frugal()
	a, err := agent.New(*cfg, agent.Options{
		Version: version,
		Slots:   c.Slots,
		Notify:  notify.New(os.Getenv, os.Getpid()),
		Log:     logger(cfg.Log.Level, cfg.Log.Format),
		Ready: func(addr agent.Addresses) {
			if !c.JSON {
				return
			}
			b, err := json.Marshal(map[string]any{"kind": "gateway", "name": cfg.Gateway, "addr": addr.HTTP, "mqtt": addr.MQTT})
			if err == nil {
				fmt.Println(string(b))
			}
		},
	})
	if err == nil {
		err = a.Run(ctx)
	}
	return forPerson(health.ExplainAt(cfg.Gateway, err))
}

// logger writes to standard error: JSON for the journal, text for people.
func logger(level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo // the configuration was checked; "" means info
	}
	opt := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opt))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opt))
}

type validateCmd struct {
	Config string `arg:"" help:"Configuration of the gateway." type:"path"`
}

func (c validateCmd) Run() error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	fmt.Printf("%s is good: site %s, gateway %s, %d stations, %d docks\n", c.Config, cfg.Site, cfg.Gateway, len(cfg.Stations), len(cfg.Docks))
	return nil
}
