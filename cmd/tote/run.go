package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"tote/agent"
	"tote/agent/config"
	"tote/agent/health"
	"tote/agent/notify"
)

type runCmd struct {
	File   string `arg:"" optional:"" help:"Configuration of the gateway." type:"path"`
	Config string `help:"The same." default:"/etc/tote/agent.yaml" type:"path"`
	Slots  string `help:"Folder of the programs, whose updates are shown." default:"/var/lib/tote/slots" env:"TOTE_SLOTS" type:"path"`
	JSON   bool   `name:"json" help:"Print one JSON line on standard output when scans are accepted."`
}

func (c runCmd) Run(ctx context.Context) error {
	cfg, warnings, err := config.LoadWarned(cmp.Or(c.File, c.Config))
	if err != nil {
		return forPerson(err)
	}
	if err := asOwner(cfg); err != nil {
		return err
	}
	agent.Frugal()
	log := logger(cfg.Log.Level, cfg.Log.Format)
	for _, w := range warnings {
		log.Warn("configuration: "+w.Text, "code", w.Code, "key", w.Path, "line", w.Line, "action", w.Action)
	}
	a, err := agent.New(*cfg, agent.Options{
		Version: version,
		Slots:   c.Slots,
		Speaks:  speaks,
		Notify:  notify.New(os.Getenv, os.Getpid()),
		Log:     log,
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
	File   string `arg:"" optional:"" help:"Configuration of the gateway." type:"path"`
	Config string `help:"The same, as tote run takes it." default:"/etc/tote/agent.yaml" type:"path"`
	JSON   bool   `name:"json" help:"What is wrong as JSON, a list; empty when nothing is."`
	Strict bool   `help:"Warnings are errors, too."`
}

// Run ends with status 1 when the file is refused.
func (c validateCmd) Run() error {
	file := cmp.Or(c.File, c.Config)
	cfg, warnings, err := config.LoadWarned(file)
	if c.JSON {
		ps, _ := errors.AsType[config.Problems](err)
		if err := writeJSON(append(config.Problems{}, append(ps, warnings...)...)); err != nil {
			return err
		}
		if err != nil || c.Strict && len(warnings) > 0 {
			return exitCode(1)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if len(warnings) > 0 {
		fmt.Fprintln(os.Stderr, warnings.Error())
		if c.Strict {
			return exitCode(1)
		}
	}
	fmt.Printf("%s is good: site %s, gateway %s, %d stations, %d docks\n", file, cfg.Site, cfg.Gateway, len(cfg.Stations), len(cfg.Docks))
	return nil
}
