// Command tote is the one binary of Tote: the gateway agent, the central OMS for
// sites that have none, the device emulators and the simulated site. It holds
// subcommands only, no logic.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"tote/agent/health"
)

// version and commit are set by the release build (deploy/deb).
var version, commit = "dev", ""

// speaks is what agent.Options asks for; tests of updates set it.
var speaks uint16

// cli is the command tree; each field's struct lives in the file of its name.
type cli struct {
	Run      runCmd      `cmd:"" help:"Run the gateway agent."`
	Validate validateCmd `cmd:"" help:"Check a gateway configuration without starting anything."`
	Import   importCmd   `cmd:"" help:"Bring site files (items, bins, workers, stock, orders, announced receipts) into a running gateway."`
	Export   exportCmd   `cmd:"" help:"Write what the site holds as files that import takes, or what happened as EPCIS or NDJSON."`
	Status   statusCmd   `cmd:"" help:"Show what a running gateway is doing."`
	Doctor   doctorCmd   `cmd:"" help:"Find out what is wrong with this gateway, whether it runs or not. Exit status 1: warnings, 2: something is broken."`
	Order    orderCmd    `cmd:"" help:"Show one order, or cancel or retry it."`
	Document documentCmd `cmd:"" help:"Print an archived document, byte by byte, or list those of an order, parcel or manifest."`
	Do       doCmd       `cmd:"" help:"Give the site a command: have goods moved, give a task back, cancel an order …"`
	Site     siteCmd     `cmd:"" help:"The site as a whole: its files (plan, apply, export …), going live zone by zone, and its certificate authority."`
	Worker   workerCmd   `cmd:"" help:"People of the site: their PINs."`
	Token    tokenCmd    `cmd:"" help:"Make join tokens."`
	Cluster  clusterCmd  `cmd:"" help:"The gateways of the site: look at them, join, leave, replace a dead one."`
	Enrol    enrolCmd    `cmd:"" help:"Let handhelds, robots and other devices into the site; list them."`
	Revoke   revokeCmd   `cmd:"" help:"Take a device or a gateway out of the site for good."`
	Backup   backupCmd   `cmd:"" help:"Copies of the whole state of the site: make one, check one, begin anew from one."`
	Update   updateCmd   `cmd:"" help:"New versions: bring one onto this gateway or onto all, look at how that went, go back."`
	Release  releaseCmd  `cmd:"" help:"For those who publish versions: keys, signatures."`
	Ask      askCmd      `cmd:"" help:"Where something is, what happened to it, what is late."`
	GS1      gs1Cmd      `cmd:"" name:"gs1" help:"Read and write barcodes, RFID tags and Digital Links; asks no gateway."`
	Plan     planCmd     `cmd:"" help:"Plan a picking problem from a file: batches, walks, what they save; asks no gateway."`
	Devices  devicesCmd  `cmd:"" help:"Scales, printers, scanners, readers: find them, look at them, try them out."`
	OMS      omsCmd      `cmd:"" name:"oms" help:"Run the central OMS."`
	Upstream upstreamCmd `cmd:"" help:"The OMSs a gateway speaks with."`
	Emulate  emulateCmd  `cmd:"" help:"Run emulated devices."`
	Demo     demoCmd     `cmd:"" help:"Run a whole simulated site: OMS, gateway, devices and people."`
	Version  versionCmd  `cmd:"" help:"Print the version, the architecture and the commit."`
}

type versionCmd struct {
	JSON bool `name:"json" help:"As JSON, with the feature level."`
}

func (c versionCmd) Run() error {
	if c.JSON {
		return versionJSON()
	}
	fmt.Println("tote", version, built())
	return nil
}

// built is for which machine and from which commit this program is.
func built() string {
	machine, from := runtime.GOOS+"/"+runtime.GOARCH, commit
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "GOARM":
				machine += "v" + s.Value
			case s.Key == "vcs.revision" && from == "":
				from = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return fmt.Sprintf("(%s, commit %s)", machine, cmp.Or(from, "unknown"))
}

// exitCode is an error that only carries an exit status; its message was
// printed already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("tote"),
		kong.Description("A warehouse edge agent: receives, finds, picks, packs, weighs, labels and ships, with or without the cloud."),
		kong.UsageOnError(), kong.Vars{"user": user()})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	k.BindTo(ctx, (*context.Context)(nil))
	err := k.Run()
	stop()
	var code exitCode
	if errors.As(err, &code) {
		os.Exit(int(code))
	}
	k.FatalIfErrorf(health.Explain(err))
}
