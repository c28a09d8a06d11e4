package agent

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"tote/agent/api"
	"tote/agent/enrol"
	"tote/agent/health"
	"tote/agent/replica"
	"tote/agent/topics"
	"tote/drivers"
	"tote/web"
)

// pages is everything the gateway serves over HTTP: the JSON interface for
// scripts, the console and the handheld page for people. It asks nobody who he is.
func (a *Agent) pages() (http.Handler, error) {
	faults := map[string]health.Fault{}
	for _, f := range health.Faults() {
		faults[f.Code] = f
	}
	console, err := web.New(web.Config{
		Site: a.cfg.Site, Version: a.opt.Version, Log: a.log, View: a.view, Do: a.doNow,
		Command: func(ctx context.Context, device string, payload []byte) ([]byte, error) {
			// The page keeps the verb and sends it again, as any handheld.
			if ok, _ := a.quorum(); !ok {
				return nil, errNoQuorum
			}
			ctx, cancel := context.WithTimeout(ctx, actTime)
			defer cancel()
			res, err := a.verb(ctx, topics.Handheld, device, payload)
			if err != nil {
				return nil, err
			}
			return res.Encode()
		},
		ScanPrefix: a.cfg.Handheld.Prefix, ScanGS: a.cfg.Handheld.GS,
		Image:    a.image,
		LastSeq:  func(device string) (uint64, error) { return a.store.LastSeq(deviceKey(device)) },
		Starting: a.starting,
		Gateway:  a.gatewayStatus,
		Changes:  a.changes.subscribe,
		Floor:    a.markers,
		Faults: func(code string) (string, string, bool) {
			f, ok := faults[code]
			return f.Cause, f.Action, ok
		},
		Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	scripts := api.New(api.Config{
		Log: a.log, Do: a.do, DoAs: a.doAs, View: a.answerable, Starting: a.starting, Ready: a.isReady, Status: a.status, Faults: health.Faults, Now: time.Now,
		Robot: a.robotByHand, Scale: a.actScale, Node: a.onTheMap, NewToken: a.newToken, Quorum: a.quorumNow, Cluster: a.members,
		Formed: a.store.Formed, Updates: &a.updates, Trace: a.trace, PrintWaits: a.printWaits, Health: a.health,
		Backup: a.backUp, BackupNow: a.backupNow,
		Enrol: a.enrol, Revoke: a.revoke,
		Metrics: a.putMetrics,
	})
	mux := http.NewServeMux()
	for _, path := range []string{"/v1/", "/healthz", "/readyz", "/metrics"} {
		mux.Handle(path, scripts)
	}
	public := a.enrol.Public()
	for _, route := range enrol.Routes {
		mux.Handle(route, public)
	}
	devices := a.enrol.Console()
	for _, route := range enrol.ConsoleRoutes {
		mux.Handle(route, devices)
	}
	mux.Handle("/", console)
	return mux, nil
}

// onlyHere refuses requests that were meant for another host: a page in a
// browser on this machine could otherwise have its own name point here (DNS
// rebinding) and use the interface as if it were a person at the gateway. The
// listener is on loopback, so no other name is right.
func onlyHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if host != "localhost" && (err != nil || !ip.IsLoopback()) {
			http.Error(w, "this gateway answers to localhost only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// gatewayStatus is what the console shows of this gateway.
func (a *Agent) gatewayStatus() web.GatewayStatus {
	g := web.GatewayStatus{
		ID: a.cfg.Gateway, Version: a.opt.Version, Leader: a.store.IsLeader(), Applied: a.store.Applied(), Since: a.start,
	}
	if a.cfg.Satellite() {
		g.Role = "satellite"
	}
	ok, since := a.quorum()
	g.Quorum = web.Quorum{OK: ok}
	if !ok {
		g.Quorum.Since, g.Quorum.Action = since, noQuorum
	}
	for _, p := range a.store.Peers() {
		if p.ID == a.cfg.Gateway {
			continue
		}
		role := "follower"
		if p.Leader {
			role = "leader"
		}
		peer := web.Peer{ID: p.ID, Address: p.Address, Role: role, Up: p.Up, Lag: p.Lag}
		if !p.Up {
			peer.Since = p.LastContact // since when one is up nobody keeps
		}
		g.Peers = append(g.Peers, peer)
	}
	for _, l := range a.links {
		s := l.status()
		if s == nil {
			continue
		}
		sync := &web.Sync{Connected: s.Connected, Since: s.Since, Depth: s.Depth, Oldest: s.OldestAt, LastError: s.LastError}
		if l.upstream == "" {
			g.Sync = sync
		} else {
			g.Upstreams = append(g.Upstreams, web.Upstream{Name: l.upstream, Sync: sync})
		}
	}
	for _, d := range a.devices {
		s := d.status()
		row := a.deviceRow(s)
		g.Devices = append(g.Devices, web.Device{
			Name: s.Name, Driver: s.Driver, State: row.State, Since: s.Since, Code: row.Code, Text: row.Text, Reading: a.reading(s.Name),
		})
	}
	for _, s := range a.strangers.all() {
		row := strangerRow(s)
		g.Devices = append(g.Devices, web.Device{Name: row.Name, Driver: row.Driver, State: row.State, Since: s.since, Code: row.Code, Text: row.Text})
	}
	for _, i := range a.issues.board.Issues() {
		one := web.Issue{
			Code: i.Code, About: i.About, Text: i.Text, Cause: i.Cause, Action: i.Action, Broken: i.Level == health.LevelBroken, Since: i.Since,
		}
		for _, f := range i.Follows {
			one.Follows = append(one.Follows, cmp.Or(f.About, f.Text))
		}
		g.Issues = append(g.Issues, one)
	}
	leader := a.otherLeader()
	for _, s := range a.robotStatus() {
		g.Robots = append(g.Robots, robotRow(s, leader))
	}
	g.Conveyors = conveyorRows(a.cfg.Conveyors, a.conveyors.Status(), a.cfg.Alone())
	for _, t := range a.broker.Stats().Twice {
		class, id, _ := strings.Cut(t.Device, ":")
		g.Devices = append(g.Devices, web.Device{Name: class + " " + id, Driver: "MQTT", State: "two devices", Since: t.Since, Code: t.Code, Text: t.Text})
	}
	return g
}

// reading is the last thing a device said, and what a portal makes of it.
func (a *Agent) reading(device string) string {
	text := a.readings.get(device)
	for _, d := range a.doors {
		if device == d.dock+"/rfid" {
			text = strings.TrimPrefix(text+d.text(), ", ")
		}
	}
	return text
}

// device is one device of this gateway as the pages see it.
type device struct{ status func() drivers.Status }

// readings keeps the last thing each device said, for people who look.
type readings struct {
	mu   sync.Mutex
	last map[string]string
}

func (r *readings) set(device, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[string]string{}
	}
	r.last[device] = text
}

func (r *readings) get(device string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[device]
}

// changes wakes the pages: something they show is not as it was.
type changes struct {
	mu   sync.Mutex
	subs map[chan struct{}]struct{}
}

// subscribe returns a channel of one that is filled after each change, and the
// function that ends the subscription.
func (c *changes) subscribe() (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs == nil {
		c.subs = map[chan struct{}]struct{}{}
	}
	c.subs[ch] = struct{}{}
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subs, ch)
	}
}

// kick never blocks.
func (c *changes) kick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.subs {
		kick(ch)
	}
}

// weightText is a reading as a person writes it.
func weightText(mg int64, stable bool) string {
	sign := ""
	if mg < 0 {
		sign, mg = "-", -mg
	}
	text := fmt.Sprintf("%s%d.%03d kg", sign, mg/1_000_000, mg%1_000_000/1000)
	if !stable {
		text += ", moving"
	}
	return text
}

// seqTold are the answers after which a device must learn its sequence.
var seqTold = map[string]bool{replica.CodeSeqTooOld: true, replica.CodeSeqReused: true, replica.CodeSeqJump: true}
