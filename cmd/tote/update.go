package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"tote/agent"
	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/update"
	"tote/agent/update/release"
	"tote/warehouse"
)

type updateCmd struct {
	Status   updateStatusCmd   `cmd:"" help:"What is in the slots, what is on trial, how the last update ended."`
	Check    updateCheckCmd    `cmd:"" help:"Read a release and tell whether this machine may run it. Nothing is changed."`
	Fetch    updateFetchCmd    `cmd:"" help:"Bring a release onto this machine and check it; it is used with apply."`
	Apply    updateApplyCmd    `cmd:"" help:"Update this gateway, or all (--all). It is taken back by itself when it does not work."`
	Rollback updateRollbackCmd `cmd:"" help:"Go back to the version in the other slot."`
	Run      updateRunCmd      `cmd:"" hidden:"" help:"What tote-update.service does."`
}

// machine is where the parts of an update lie.
type machine struct {
	Slots  string `help:"Folder of the programs." default:"/var/lib/tote/slots" env:"TOTE_SLOTS" type:"path"`
	Keys   string `help:"Public keys of those whose releases are taken." default:"/etc/tote/release.pub" type:"path"`
	Config string `help:"Configuration of the gateway." default:"/etc/tote/agent.yaml" type:"path"`
	Shown  string `name:"http-token" help:"Token for a gateway that asks for one." env:"TOTE_TOKEN" placeholder:"TOKEN"`
}

// agentAt is where the agent is asked when the configuration cannot be read.
const agentAt = "127.0.0.1:8080"

// updater is the one of this machine. With an error, of the configuration, it can still
// go back, which may be what the configuration needs.
func (m machine) updater() (u *update.Updater, cfg *config.Config, err error) {
	u = &update.Updater{
		Slots: update.Slots{Dir: m.Slots}, KeysFile: m.Keys, Config: m.Config, Arch: runtime.GOARCH, Version: version,
		Level: warehouse.Level, Service: update.Systemd{Unit: "tote.service"}, Clock: update.WallClock{}, Limits: update.Defaults,
		Log: logger("info", "text"),
	}
	at := agentAt
	if cfg, err = config.Load(m.Config); err == nil {
		at = local(cfg.HTTP.Listen)
	}
	u.Site, u.Token = "http://"+at, m.Shown
	u.Agent = update.Client{URL: u.Site, Token: u.Token}
	return u, cfg, err
}

// local is the address at which a listener is reached from this machine.
func local(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}

// site is the feature level of the site, 0 when the agent does not tell.
func site(ctx context.Context, u *update.Updater) uint16 {
	h, err := u.Agent.Look(ctx)
	if err != nil {
		return 0
	}
	return h.Site
}

type updateStatusCmd struct {
	machine `embed:""`
}

func (c updateStatusCmd) Run() error {
	s := update.Slots{Dir: c.Slots}
	for _, slot := range []string{"a", "b"} {
		mark := ""
		if s.InUse() == slot {
			mark = " (in use)"
		}
		fmt.Printf("slot %s: %s%s\n", slot, cmp.Or(s.Version(slot), "empty"), mark)
	}
	j, err := s.Pending()
	switch {
	case err != nil:
		return err
	case j != nil && j.State == update.Back:
		fmt.Printf("%s is being taken back: %s: %s\n", j.Version, j.Code, j.Why)
	case j != nil:
		fmt.Printf("%s is on trial since %s; before it was %s\n", j.Version, when(j.Since), j.Was)
	default:
		fmt.Println("no update is under way")
	}
	if o := s.Last(); o != nil {
		fmt.Println(ended(o))
	}
	for _, r := range s.Refused() {
		fmt.Printf("not tried again: %s (%s), %s\n", r.Version, r.Release[:min(12, len(r.Release))], r.Code)
	}
	return nil
}

// ended says how an update ended.
func ended(o *update.Outcome) string {
	text := fmt.Sprintf("last update: %s to %s, %s on %s", o.Was, o.Version, o.Result, when(o.At))
	if o.Code != "" || o.Why != "" {
		text += ": " + strings.TrimPrefix(o.Code+": "+o.Why, ": ")
	}
	return text
}

type updateCheckCmd struct {
	machine `embed:""`
	From    string `arg:"" help:"File, or address of http or https."`
}

func (c updateCheckCmd) Run(ctx context.Context) error {
	u, _, err := c.updater()
	if err != nil {
		return err
	}
	level := site(ctx, u)
	m, err := u.CheckAt(ctx, c.From, update.Request{}, level)
	if m.Version != "" {
		fmt.Printf("%s for %s, commit %s, %d MB, feature levels %d to %d\n", m.Version, m.Arch, m.Commit, m.Size>>20, m.Levels.Min, m.Levels.Max)
		if level > 0 {
			fmt.Printf("the site is at level %d\n", level)
		}
	}
	if err == nil {
		fmt.Println("this machine may run it")
	}
	return err
}

type updateFetchCmd struct {
	machine `embed:""`
	From    string `arg:"" help:"File, or address of http or https."`
}

func (c updateFetchCmd) Run(ctx context.Context) error {
	u, _, err := c.updater()
	if err != nil {
		return err
	}
	file, err := u.Fetch(ctx, c.From)
	if err != nil {
		return err
	}
	m, err := u.Check(file, update.Request{}, site(ctx, u))
	if err != nil {
		return err
	}
	fmt.Printf("%s is here; to use it: tote update apply %s\n", m.Version, file)
	return nil
}

type updateApplyCmd struct {
	machine   `embed:""`
	From      string `arg:"" help:"File, or address of http or https."`
	All       bool   `help:"On all gateways of the site, one after the other. Each fetches it, from the address or from this gateway."`
	Downgrade bool   `name:"allow-downgrade" help:"Also an older version, or the same."`
	Again     bool   `help:"Also one that was taken back here before."`
}

func (c updateApplyCmd) Run(ctx context.Context) error {
	u, _, err := c.updater()
	if err != nil {
		return err
	}
	if c.All {
		return c.all(ctx, u)
	}
	req := update.Request{From: c.From, Downgrade: c.Downgrade, Again: c.Again}
	// Here, so that a person sees at once what is wrong with it.
	file, err := u.Fetch(ctx, c.From)
	if err != nil {
		return err
	}
	if _, err := u.Check(file, req, site(ctx, u)); err != nil {
		return err
	}
	req.From = file
	if err := u.Ask(req); err != nil {
		return err
	}
	began := u.Clock.Now()
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		if err := (updateRunCmd{c.machine}).Run(ctx); err != nil {
			return err
		}
		return told(u.Slots.Last(), began)
	}
	fmt.Println("tote-update takes it from here, also when this command is ended: journalctl -fu tote-update")
	if out, err := exec.CommandContext(ctx, "systemctl", "start", "tote-update.service").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return told(u.Slots.Last(), began)
}

// told prints how an update ended that was asked for; an error when it is not in use.
func told(o *update.Outcome, since time.Time) error {
	if o == nil || o.At.Before(since.Truncate(time.Second)) {
		return errors.New("tote-update did nothing; journalctl -u tote-update says why")
	}
	if o.Result != update.Committed {
		return errors.New(strings.TrimPrefix(o.Code+": "+o.Why, ": "))
	}
	fmt.Println(ended(o))
	return nil
}

func (c updateApplyCmd) all(ctx context.Context, u *update.Updater) error {
	g := gatewayURL{API: u.Site, Shown: c.Shown}
	from := c.From
	if at, err := url.Parse(from); err != nil || at.Scheme != "http" && at.Scheme != "https" {
		if err := c.bring(ctx, u, g); err != nil {
			return err
		}
		from = "" // what was brought
	}
	body, err := json.Marshal(map[string]string{"from": from})
	if err != nil {
		return err
	}
	var out struct {
		Gateways []api.Offered `json:"gateways"`
	}
	if err := g.ask(ctx, http.MethodPost, "/v1/update/site", "application/json", strings.NewReader(string(body)), &out); err != nil {
		return err
	}
	missed := 0
	for _, o := range out.Gateways {
		if o.OK {
			fmt.Println(o.ID, "was told")
			continue
		}
		missed++
		fmt.Printf("%s was NOT told: %s\n", o.ID, o.Why)
	}
	fmt.Println("they go one after the other, the one that leads last: tote cluster status shows the versions")
	if missed > 0 {
		return exitCode(1)
	}
	return nil
}

// bring gives a file to the agent of this machine, from which the others get it.
func (c updateApplyCmd) bring(ctx context.Context, u *update.Updater, g gatewayURL) error {
	// Here, so that a person sees at once what is wrong with it. It may be for another
	// kind of machine than this one.
	keys, err := update.Keys(u.KeysFile)
	if err != nil {
		return err
	}
	f, err := os.Open(c.From)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	r, err := release.Open(f, keys)
	if err == nil {
		err = r.Copy(io.Discard)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	return g.ask(ctx, http.MethodPut, "/v1/update/file", "application/octet-stream", f, &struct{}{})
}

type updateRollbackCmd struct {
	machine `embed:""`
}

func (c updateRollbackCmd) Run(ctx context.Context) error {
	u, _, _ := c.updater() // whatever the configuration is
	o, err := u.Rollback(ctx, update.Ask)
	if o != nil {
		fmt.Println(ended(o))
	}
	return err
}

type updateRunCmd struct {
	machine `embed:""`
}

// Run is begun by systemd when there is something to do: a request, or an update that
// was under way when the machine stopped.
func (c updateRunCmd) Run(ctx context.Context) error {
	var o *update.Outcome
	u, cfg, err := c.updater()
	if err != nil {
		// What is on trial is ended all the same; nothing new is begun.
		var failed error
		o, failed = u.Resume(ctx)
		err = errors.Join(err, failed)
	} else {
		o, err = u.Work(ctx, agent.Request(cfg.DataDir))
	}
	if o != nil {
		fmt.Println(ended(o)) // how it ended is no failure of this command
	}
	return err
}

// versionJSON is what an updater asks a program before it is used.
func versionJSON() error {
	return writeJSON(update.About{Version: version, Commit: commit, Arch: runtime.GOARCH, Level: warehouse.Level})
}

type releaseCmd struct {
	Keygen releaseKeygenCmd `cmd:"" help:"Make a pair of keys, as minisign does."`
	Sign   releaseSignCmd   `cmd:"" help:"Sign releases, in place."`
	Verify releaseVerifyCmd `cmd:"" help:"Check the signature and all of a release."`
	Pack   releasePackCmd   `cmd:"" hidden:"" help:"What make release does with a program."`
}

type releaseVerifyCmd struct {
	Keys  string   `help:"Public keys." default:"/etc/tote/release.pub" type:"path"`
	Files []string `arg:"" type:"existingfile"`
}

func (c releaseVerifyCmd) Run() error {
	keys, err := update.Keys(c.Keys)
	if err != nil {
		return err
	}
	for _, file := range c.Files {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		r, err := release.Open(f, keys)
		if err == nil {
			err = r.Copy(io.Discard)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Printf("%s is whole: %s for %s, commit %s, signed with %s\n", file, r.Manifest.Version, r.Manifest.Arch, r.Manifest.Commit, r.Key.ID())
	}
	return nil
}

// notThere says whether a file can be made.
func notThere(file string) error {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already; nothing is overwritten", file)
	}
	return nil
}
