package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"tote/demo"
)

type demoCmd struct {
	Orders        int           `help:"How many orders; 0 = the 60 of the files, with three gateways 200." default:"0"`
	Speed         string        `help:"How much faster than life people and devices are, or max." default:"20"`
	Exit          bool          `help:"End when the shift is over: status 0 when everything agrees."`
	CSV           string        `name:"csv" help:"Folder with the files of the shift." type:"existingdir"`
	KillGatewayAt string        `help:"Cut the gateway's power when this share of the orders is picked, as 50%." placeholder:"SHARE"`
	KillLeaderAt  string        `help:"The same as --kill-gateway-at: with three gateways the leading one is killed." placeholder:"SHARE"`
	StopLeaderAt  string        `help:"Let the leading gateway stand still (SIGSTOP) when this share of the orders is picked, as a machine that sleeps." placeholder:"SHARE"`
	StopFor       time.Duration `help:"How long it stands still." default:"60s"`
	Older         string        `help:"Begin with gateways of this older tote, upgrade them while the shift goes on, go back, and upgrade them again." type:"existingfile" placeholder:"BINARY"`
	Gateways      int           `help:"How many gateways: 1 or 3." default:"1" enum:"1,3"`
	Pickers       int           `help:"How many pickers." default:"2"`
	Listen        string        `help:"Address of the OMS's pages (default: a free port on loopback)." placeholder:"HOST:PORT"`
	Dir           string        `help:"Keep everything of the run in this folder." type:"path"`
	Timeout       time.Duration `help:"The shift must be over by then." default:"30m"`
	Verbose       bool          `short:"v" help:"Show what the people meet."`
}

func (c demoCmd) Run(ctx context.Context) error {
	opt := demo.Options{
		Orders: c.Orders, Exit: c.Exit, CSV: c.CSV, Pickers: c.Pickers, Listen: c.Listen,
		Dir: c.Dir, Timeout: c.Timeout, Verbose: c.Verbose, Out: os.Stdout,
	}
	var err error
	if opt.Exe, err = os.Executable(); err != nil {
		return err
	}
	if c.Speed != "max" {
		if opt.Speed, err = strconv.ParseFloat(c.Speed, 64); err != nil || !(opt.Speed > 0 && opt.Speed <= 1000) { // NaN is neither
			return fmt.Errorf("--speed %q: want a number above 0 and up to 1000, or max", c.Speed)
		}
	}
	opt.Gateways, opt.KillGatewayAt, opt.StopLeaderAt, opt.StopFor = c.Gateways, -1, -1, c.StopFor
	opt.Older = c.Older
	if c.KillGatewayAt == "" {
		c.KillGatewayAt = c.KillLeaderAt
	}
	if c.KillGatewayAt != "" {
		if opt.KillGatewayAt, err = demo.ParseShare(c.KillGatewayAt); err != nil {
			return fmt.Errorf("--kill-gateway-at: %w", err)
		}
	}
	if c.StopLeaderAt != "" {
		if opt.StopLeaderAt, err = demo.ParseShare(c.StopLeaderAt); err != nil {
			return fmt.Errorf("--stop-leader-at: %w", err)
		}
		if c.StopFor <= 0 || c.StopFor > 10*time.Minute {
			return errors.New("--stop-for must be above 0 and up to 10m")
		}
	}
	if c.Orders < 0 || c.Orders > 100_000 || c.Pickers < 1 || c.Pickers > 50 {
		return errors.New("--orders must be 0 to 100000 and --pickers 1 to 50")
	}
	if info, err := os.Stdout.Stat(); err == nil {
		opt.Terminal = info.Mode()&os.ModeCharDevice != 0
	}
	err = demo.Run(ctx, opt)
	if errors.Is(err, demo.ErrFailed) {
		return exitCode(1)
	}
	return err
}
