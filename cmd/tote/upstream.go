package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"tote/agent"
	"tote/agent/config"
)

// upstreamCmd is about the OMSs that a configuration names.
type upstreamCmd struct {
	Export upstreamExportCmd `cmd:"" help:"Write what the inbox of an OMS still has, one message a line, as the adapter files takes it."`
}

type upstreamExportCmd struct {
	Config string `help:"Configuration of the gateway." default:"/etc/tote/agent.yaml" type:"path"`
	Name   string `help:"Upstream; left out: the one under oms."`
}

func (c upstreamExportCmd) Run(ctx context.Context) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	n, err := agent.ExportInbox(ctx, cfg, c.Name, out)
	if err = errors.Join(err, out.Flush()); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d messages\n", n)
	return nil
}
