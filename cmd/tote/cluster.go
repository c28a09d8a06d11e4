package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tote/agent"
	"tote/agent/access"
	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/identity"
)

type siteCmd struct {
	Init     siteInitCmd     `cmd:"" help:"Make the site's certificate authority and the identity of its first gateway."`
	Export   siteExportCmd   `cmd:"" help:"Write what the site is made of into a folder: rules, items, bins, workers."`
	Validate siteValidateCmd `cmd:"" help:"Check such a folder by itself; asks no gateway."`
	Plan     sitePlanCmd     `cmd:"" help:"Show what bringing a folder in would change, and what would be refused. Exit status 0: nothing would change, 2: something would, 1: it would be refused."`
	Apply    siteApplyCmd    `cmd:"" help:"Bring a folder in, as a whole or not at all."`
	Diff     siteDiffCmd     `cmd:"" help:"Show how two folders differ, or a folder and the site. Exit status 2: they do."`
	Log      siteLogCmd      `cmd:"" help:"Show who brought which model in, and when."`
	Rekey    siteRekeyCmd    `cmd:"" help:"Found the site's authority anew while the site works, after a gateway was stolen (revoke it first)."`

	ImportStock importStockCmd `cmd:"" name:"import-stock" help:"Book the opening count of bins, zone by zone; see docs/going-live.md."`
	Opening     openingCmd     `cmd:"" name:"opening" help:"Which zones are live, and how many of their bins were counted."`
}

type siteInitCmd struct {
	Config string `help:"Configuration of the gateway." default:"/etc/tote/agent.yaml" type:"path"`
}

func (c siteInitCmd) Run() error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if !cfg.Identified() {
		return errors.New("the configuration has neither cluster.listen nor a listener with a certificate of the site (http.https, tls: {}): a gateway that is alone and speaks with itself needs no identity")
	}
	if cfg.Satellite() {
		return agent.ErrNoStore
	}
	if err := asOwner(cfg); err != nil {
		return err
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

type siteRekeyCmd struct {
	gatewayURL `embed:""`
}

func (c siteRekeyCmd) Run(ctx context.Context) error {
	var out api.Rekeyed
	if err := c.ask(ctx, http.MethodPost, "/v1/cluster/rekey", "application/json", strings.NewReader("{}"), &out); err != nil {
		return err
	}
	fmt.Println("the site has a new authority; what the old one signed opens nothing any more\nits fingerprint:", out.Fingerprint)
	if len(out.JoinAnew) > 0 {
		fmt.Println("satellites to join anew (tote cluster join --set-aside):", strings.Join(out.JoinAnew, " "))
	}
	if len(out.EnrolAnew) > 0 {
		fmt.Println("devices to enrol anew (tote enrol):", strings.Join(out.EnrolAnew, " "))
	}
	fmt.Println("browsers need the new certificate: /ca.crt of any gateway. Copy the identity folders into your backups again.")
	return nil
}

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token that lets one gateway in, once."`
	MQTT   tokenMQTTCmd   `cmd:"" name:"mqtt" help:"Make the password of an MQTT client and print it with its line of mqtt.tokens_file."`
	API    tokenAPICmd    `cmd:"" name:"api" help:"Make a token for the HTTP interface and print it with its line of http.tokens_file."`
}

type tokenAPICmd struct {
	Name   string   `arg:"" help:"Who gets it; the name in the audit log."`
	Scopes []string `name:"scope" help:"What it may do: service, read, device, picker, packer, lead or admin." default:"read"`
}

// Run prints the token, which is kept nowhere, and what the gateway is told of it.
func (c tokenAPICmd) Run() error {
	token := rand.Text()
	line, err := access.Line(c.Name, c.Scopes, token)
	if err != nil {
		return err
	}
	fmt.Printf("token (shown once):          %s\nline of http.tokens_file:    %s\n", token, line)
	return nil
}

type tokenMQTTCmd struct {
	Client string `arg:"" help:"Client id, which is the user name too: robot:R1, conveyor:C1 …"`
}

// Run prints the password, which is kept nowhere, and its hash.
func (c tokenMQTTCmd) Run() error {
	if c.Client == "" || strings.ContainsFunc(c.Client, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("want a client id such as robot:R1")
	}
	token := rand.Text()
	fmt.Printf("password (shown once):       %s\nline of mqtt.tokens_file:    %s %s%x\n", token, c.Client, config.HashedToken, sha256.Sum256([]byte(token)))
	return nil
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
	Status   clusterStatusCmd   `cmd:"" help:"Show the gateways of the site as a running gateway sees them, and what to do about them."`
	Join     clusterJoinCmd     `cmd:"" help:"Make this machine a gateway of the site that made the token."`
	Leave    clusterLeaveCmd    `cmd:"" help:"Take the running gateway of this machine out of the site, in good order; it stops."`
	Transfer clusterTransferCmd `cmd:"" help:"Make another gateway lead, before work on the one that leads."`
	Remove   clusterRemoveCmd   `cmd:"" help:"Take a dead gateway out for good. Ask a gateway that runs."`
	Replace  clusterReplaceCmd  `cmd:"" help:"A gateway is dead: take it out and print what to type on the machine that replaces it. Ask a gateway that runs."`
	Recover  clusterRecoverCmd  `cmd:"" help:"The majority of the gateways is gone for good: go on with this one alone. Stop it first. Work can be lost."`
}

type clusterJoinCmd struct {
	Config    string `help:"Configuration of this gateway." default:"/etc/tote/agent.yaml" type:"path"`
	To        string `help:"host:port of a gateway of the site (its cluster.listen)." required:""`
	Token     string `help:"Token that tote token create printed." xor:"token" required:""`
	TokenFile string `help:"File with the token." xor:"token" required:"" type:"existingfile"`
	SetAside  bool   `help:"First move away what this machine holds of an earlier membership (nothing is deleted)."`
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
	if err := asOwner(cfg); err != nil { // the file of the token may be root's
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := identity.ParseToken(token); err != nil {
		return err // before anything is moved
	}
	if c.SetAside {
		moved, err := agent.SetAside(cfg, time.Now())
		for _, dir := range moved {
			fmt.Println("set aside as", dir)
		}
		if err != nil {
			return err
		}
	}
	id, err := agent.Join(ctx, cfg, token, c.To)
	if err != nil {
		return err
	}
	if cfg.Satellite() {
		fmt.Printf("satellite %s belongs to site %s; start it with tote run\n", id.Gateway, id.Authority().Site())
		return nil
	}
	fmt.Printf("gateway %s belongs to site %s; start it with tote run, it joins the others by itself\n", id.Gateway, id.Authority().Site())
	return nil
}

type clusterStatusCmd struct {
	gatewayURL `embed:""`
}

func (c clusterStatusCmd) Run(ctx context.Context) error {
	var out api.ClusterStatus
	if err := c.ask(ctx, http.MethodGet, "/v1/cluster", "", nil, &out); err != nil {
		return err
	}
	if out.Alone {
		fmt.Printf("gateway %s is alone\n", out.Gateway)
	} else if len(out.Members) == 0 {
		fmt.Printf("gateway %s waits to be added to a cluster\n", out.Gateway)
	}
	for _, m := range out.Members {
		state := m.State
		switch {
		case m.State == api.StateEmpty:
			state = "EMPTY DISK"
		case m.State == api.StateApart:
			state = "OTHER CLUSTER"
		case m.State == api.StateRebuilding:
			state = "REBUILDING"
		case m.State == api.StateDown && m.Seen == "":
			state = "DOWN"
		case m.State == api.StateDown:
			state = "DOWN since " + clock(m.Seen)
		}
		if m.Role == api.RoleSatellite {
			fmt.Printf("%-12s %-8s %-21s %s\n", m.ID, m.Role, state, m.Address)
			continue
		}
		runs := m.Version
		if m.Trial {
			runs += " on trial"
		}
		fmt.Println(strings.TrimRight(fmt.Sprintf("%-12s %-8s %-22s %s, %d commands behind  %s", m.ID, m.Role, state, m.Address, m.Lag, runs), " "))
	}
	for _, f := range out.Formed {
		fmt.Printf("epoch %d: %s by %s on %s, at %s; kept up to command %d\n", f.Epoch, f.How, f.By, f.Gateway, clock(f.At), f.Number)
	}
	if out.Quorum.OK && out.Voters > 1 {
		fmt.Printf("%d gateways have a vote; %d may fail and work goes on\n", out.Voters, out.Spare)
	}
	for _, a := range out.Advice {
		fmt.Printf("%s: %s\n  what to do: %s\n", a.Code, a.Text, a.Action)
	}
	if !out.Quorum.OK {
		fmt.Printf("NO QUORUM since %s: %s\n", clock(out.Quorum.Since), out.Quorum.Text)
		return exitCode(1)
	}
	return nil
}

// clock shows an RFC 3339 time as people on the site read it: with the date
// when it was not in the last day.
func clock(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	if time.Since(t) > 24*time.Hour {
		return t.Local().Format(time.DateTime)
	}
	return t.Local().Format(time.TimeOnly)
}

// change posts a change of the cluster.
func (g gatewayURL) change(ctx context.Context, what string, req, out any) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	return g.ask(ctx, http.MethodPost, "/v1/cluster/"+what, "application/json", strings.NewReader(string(body)), out)
}

type clusterLeaveCmd struct {
	gatewayURL `embed:""`
}

func (c clusterLeaveCmd) Run(ctx context.Context) error {
	var out struct{ Ref string }
	if err := c.change(ctx, "leave", struct{}{}, &out); err != nil {
		return err
	}
	fmt.Printf("%s has left the site and stops; to use this machine again: tote cluster join --set-aside, with a new token\n", out.Ref)
	return nil
}

type clusterTransferCmd struct {
	gatewayURL `embed:""`
	To         string `arg:"" help:"The gateway that shall lead."`
}

func (c clusterTransferCmd) Run(ctx context.Context) error {
	if err := c.change(ctx, "transfer", map[string]string{"to": c.To}, &struct{}{}); err != nil {
		return err
	}
	fmt.Println(c.To, "leads")
	return nil
}

type clusterRemoveCmd struct {
	gatewayURL `embed:""`
	ID         string `arg:"" help:"The dead gateway."`
	Force      bool   `help:"Also when it is alive; it stops."`
}

func (c clusterRemoveCmd) Run(ctx context.Context) error {
	if err := c.change(ctx, "remove", map[string]any{"id": c.ID, "force": c.Force}, &struct{}{}); err != nil {
		return err
	}
	fmt.Printf("%s is out of the site; what it holds is out of date\n", c.ID)
	return nil
}

type clusterReplaceCmd struct {
	gatewayURL `embed:""`
	ID         string        `arg:"" help:"The dead gateway."`
	Force      bool          `help:"Also when it is alive; it stops."`
	TTL        time.Duration `help:"How long the token is good, at most 24h." default:"24h"`
}

func (c clusterReplaceCmd) Run(ctx context.Context) error {
	var out api.Replacement
	err := c.change(ctx, "replace", map[string]any{"id": c.ID, "force": c.Force, "ttlSeconds": int64(c.TTL.Seconds())}, &out)
	if err != nil {
		return err
	}
	if out.Removed {
		fmt.Printf("%s is out of the site. ", c.ID)
	} else {
		fmt.Printf("%s was no gateway of the site. ", c.ID)
	}
	fmt.Printf(`On the machine that replaces it, with "gateway: %s" in /etc/tote/agent.yaml, type

  tote cluster join --set-aside --to %s --token %s

and then start it (tote run). It fills itself and gets its vote by itself; a
satellite (store: none) has neither, and works at once.
The token is good for %v, once.
`, c.ID, out.To[0], out.Token, c.TTL)
	if len(out.To) > 1 {
		fmt.Println("Also good for --to:", strings.Join(out.To[1:], " "))
	}
	return nil
}
