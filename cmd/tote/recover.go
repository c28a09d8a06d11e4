package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"tote/agent"
	"tote/agent/config"
)

type clusterRecoverCmd struct {
	Config   string `help:"Configuration of this gateway." default:"/etc/tote/agent.yaml" type:"path"`
	Look     bool   `help:"Only tell what this gateway holds, to find the one that knows most. Nothing is changed."`
	SiteName string `help:"Name of the site, instead of typing it."`
	By       string `help:"Who does it, for the record." default:"${user}"`
}

func (c clusterRecoverCmd) Run(ctx context.Context) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if err := asOwner(cfg); err != nil {
		return err
	}
	log := logger("warn", "text")
	held, err := agent.LookAtStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	fmt.Printf("gateway %s of site %s holds entry %d of term %d, cluster %s\n", held.Gateway, cfg.Site, held.Last, held.Term, held.Cluster)
	if !held.Voter {
		fmt.Println("it has no vote, so the others may have recorded things it never had")
	}
	for _, at := range held.Others {
		fmt.Println("with a vote:", at)
	}
	if len(held.Answer) > 0 {
		fmt.Println("answering now:", strings.Join(held.Answer, ", "))
	}
	if held.Unsure > 0 {
		fmt.Printf("the last %d entries may not have been recorded by a majority. They will count as recorded.\n", held.Unsure)
	}
	if c.Look {
		return nil
	}
	name := c.SiteName
	if name == "" && len(held.Answer) == 0 && len(held.Others) > 0 {
		fmt.Printf(`
This gateway goes on alone, as a new cluster. LOST FOR GOOD is what the others
recorded and this one did not have. Entries nobody acknowledged, but that are on
this disk, are applied. The other gateways must never start again with their old
disks; they join anew. When one of them can still be repaired, repair it instead.

Type the name of the site to go on: `)
		if name, err = bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
			fmt.Println()
			name = ""
		}
		name = strings.TrimSpace(name)
	} else if name == "" {
		name = cfg.Site // nothing will be done; say why
	}
	f, err := agent.Recover(ctx, cfg, name, c.By, log)
	if err != nil {
		return err
	}
	fmt.Printf("recovered: epoch %d, cluster %s, everything up to command %d of %s\n", f.Epoch, f.Cluster, f.Number, when(f.Last))
	fmt.Printf("the old store is kept in %s\n", f.Old)
	fmt.Println("start this gateway (tote run). On each other machine: tote cluster join --set-aside, with a token of this one")
	return nil
}

// when shows a time of the state, which may have none yet.
func when(t time.Time) string {
	if t.UnixMilli() == 0 {
		return "no time"
	}
	return t.Local().Format(time.DateTime)
}

// user is who types, also behind sudo.
func user() string { return cmp.Or(os.Getenv("SUDO_USER"), os.Getenv("USER"), "unknown") }
