package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tote/agent"
	"tote/agent/config"
	"tote/agent/identity"
)

type siteCmd struct {
	Init siteInitCmd `cmd:"" help:"Make the site's certificate authority and the identity of its first gateway."`
}

type siteInitCmd struct {
	Config string `help:"Configuration of the gateway." default:"/etc/tote/agent.yaml" type:"path"`
}

func (c siteInitCmd) Run() error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if cfg.Cluster == nil {
		return errors.New("the configuration has no cluster.listen; a gateway that stays alone needs no identity")
	}
	dir := filepath.Join(cfg.DataDir, "identity")
	id, err := identity.Init(dir, cfg.Site, cfg.Gateway, time.Now)
	if err != nil {
		return err
	}
	fmt.Printf("site %s, first gateway %s, certificate good until %s\nkeep %s secret and in your backups: it holds the site's authority\n",
		cfg.Site, id.Gateway, id.Expires().Format(time.DateOnly), dir)
	return nil
}

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token that lets one gateway in, once."`
}

type tokenCreateCmd struct {
	gatewayURL `embed:""`
	TTL        time.Duration `help:"How long it is good." default:"1h"`
}

func (c tokenCreateCmd) Run(ctx context.Context) error {
	var out struct {
		Token string `json:"token"`
	}
	body, err := json.Marshal(map[string]int64{"ttlSeconds": int64(c.TTL.Seconds())})
	if err != nil {
		return err
	}
	if err := c.ask(ctx, http.MethodPost, "/v1/tokens", "application/json", strings.NewReader(string(body)), &out); err != nil {
		return err
	}
	fmt.Println(out.Token)
	return nil
}

type clusterCmd struct {
	Join   clusterJoinCmd   `cmd:"" help:"Make this machine a gateway of the site that made the token."`
	Status clusterStatusCmd `cmd:"" help:"Show the gateways of the site as a running gateway sees them."`
}

type clusterJoinCmd struct {
	Config    string `help:"Configuration of this gateway." default:"/etc/tote/agent.yaml" type:"path"`
	To        string `help:"host:port of a gateway of the site (its cluster.listen)." required:""`
	Token     string `help:"Token that tote token create printed." xor:"token" required:""`
	TokenFile string `help:"File with the token." xor:"token" required:"" type:"existingfile"`
}

func (c clusterJoinCmd) Run(ctx context.Context) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	token := c.Token
	if c.TokenFile != "" {
		b, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return err
		}
		token = string(b)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	id, err := agent.Join(ctx, cfg, token, c.To)
	if err != nil {
		return err
	}
	fmt.Printf("gateway %s belongs to site %s; start it with tote run, it joins the others by itself\n", id.Gateway, id.Authority.Site())
	return nil
}

type clusterStatusCmd struct {
	gatewayURL `embed:""`
}

func (c clusterStatusCmd) Run(ctx context.Context) error {
	var out struct {
		Gateway struct {
			ID    string       `json:"id"`
			Peers []agent.Peer `json:"peers"`
		} `json:"gateway"`
		Quorum struct {
			OK    bool   `json:"ok"`
			Since string `json:"since"`
			Text  string `json:"text"`
		} `json:"quorum"`
	}
	if err := c.ask(ctx, http.MethodGet, "/v1/status", "", nil, &out); err != nil {
		return err
	}
	if len(out.Gateway.Peers) == 0 {
		fmt.Printf("gateway %s is alone\n", out.Gateway.ID)
	}
	for _, p := range out.Gateway.Peers {
		role, state := "follower", "up"
		switch {
		case p.Leader:
			role = "leader"
		case !p.Voter:
			role = "joining"
		}
		if !p.Up {
			state = "DOWN since " + p.LastContact.Local().Format(time.TimeOnly)
		}
		fmt.Printf("%-12s %-9s %-22s %s, %d entries behind\n", p.ID, role, state, p.Address, p.Lag)
	}
	if n := len(out.Gateway.Peers); n == 2 {
		fmt.Println("two gateways survive the loss of neither: add a third, on any small machine")
	}
	if !out.Quorum.OK {
		fmt.Printf("NO QUORUM: %s\n", out.Quorum.Text)
		return exitCode(1)
	}
	return nil
}
