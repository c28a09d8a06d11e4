package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// node is one gateway of the simulated site.
type node struct {
	id                  string
	mqtt, http, cluster string // addresses
	proc                *proc
	client              *client
	older               bool  // runs Options.Older
	peak                int64 // most memory so far, bytes
}

// config is where its configuration lies.
func (s *shift) config(n *node) string { return filepath.Join(s.dir, n.id+".yaml") }

// writeConfigs writes the configuration of each gateway, with ports that stay
// the same when it is restarted. With three gateways each station is plugged
// into one of its own.
func (s *shift) writeConfigs() error {
	if err := s.writeMap(); err != nil {
		return err
	}
	ports, err := freePorts(3 * s.opt.Gateways)
	if err != nil {
		return err
	}
	for i := range s.opt.Gateways {
		n := &node{id: fmt.Sprintf("gw%d", i+1), mqtt: ports[3*i], http: ports[3*i+1], cluster: ports[3*i+2]}
		n.client, n.older = newClient(n.http), s.opt.Older != ""
		s.nodes = append(s.nodes, n)
	}
	places := s.places()
	for i, n := range s.nodes {
		var b strings.Builder
		fmt.Fprintf(&b, "config_version: 1\nsite: %s\ngateway: %s\ndata_dir: %s\nmqtt:\n  listen: [{address: %q}]\nhttp:\n  listen: %q\noms:\n  url: http://%s\n",
			siteID, n.id, filepath.Join(s.dir, n.id), n.mqtt, n.http, s.addr.oms)
		if len(s.nodes) > 1 {
			fmt.Fprintf(&b, "cluster:\n  listen: %q\n", n.cluster)
			if s.opt.Older == "" { // which may not know this
				// Nobody who watches a demo waits ten seconds for a vote.
				b.WriteString("raft: {promote_ms: 500}\n")
			}
		}
		var stations, docks string
		for j, p := range places {
			if j%len(s.nodes) != i {
				continue
			}
			if p.dock {
				docks += p.yaml
			} else {
				stations += p.yaml
			}
		}
		if stations != "" {
			b.WriteString("stations:\n" + stations)
		}
		if docks != "" {
			b.WriteString("docks:\n" + docks)
		}
		b.WriteString(s.machinesYAML())
		if err := os.WriteFile(s.config(n), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// place is a station or dock with its part of a configuration.
type place struct {
	dock bool
	yaml string
}

// places lists the stations and the dock.
func (s *shift) places() []place {
	station := func(id, printer string) place {
		return place{yaml: fmt.Sprintf("  - id: %s\n    scanner: {serial: {path: %q}}\n    scale: {driver: mt-sics, interval_ms: %d, serial: {path: %q}}\n    printer: {driver: zpl, %s}\n",
			id, s.serial(id+"/scanner"), s.pollMs(), s.serial(id+"/scale"), printer) + s.towerYAML(id)}
	}
	return []place{
		station("pack1", fmt.Sprintf("serial: {path: %q}", s.serial("pack1/printer"))),
		station("pack2", fmt.Sprintf("tcp: %q", s.addr.printer)),
		{dock: true, yaml: fmt.Sprintf("  - id: %s\n    scanner: {serial: {path: %q}}\n", dockID, s.serial(dockID+"/scanner")) + s.doorYAML()},
	}
}

// startGateways starts the first gateway and lets the others join it.
func (s *shift) startGateways(ctx context.Context) error {
	if len(s.nodes) > 1 {
		if err := s.procs.runOnce(ctx, "site-init", nil, "site", "init", "--config", s.config(s.nodes[0])); err != nil {
			return err
		}
	}
	for i, n := range s.nodes {
		if i > 0 {
			var token string
			if err := s.procs.runOnce(ctx, "token", func(line string) { token = line }, "token", "create", "--api", "http://"+s.nodes[0].http); err != nil {
				return err
			}
			if err := s.procs.runOnce(ctx, "join-"+n.id, nil, "cluster", "join", "--config", s.config(n), "--to", s.nodes[0].cluster, "--token", token); err != nil {
				return err
			}
		}
		if err := s.startNode(ctx, n); err != nil {
			return err
		}
	}
	s.gateway = newClient()
	var mqtts []string
	for _, n := range s.nodes {
		s.gateway.bases = append(s.gateway.bases, "http://"+n.http)
		mqtts = append(mqtts, n.mqtt)
	}
	s.ui.say("gateways         %d: http://%s, MQTT %s", len(s.nodes), s.nodes[0].http, strings.Join(mqtts, " "))
	return s.wholeCluster(ctx)
}

func (s *shift) startNode(ctx context.Context, n *node) error {
	exe := s.procs.exe
	if n.older {
		exe = s.opt.Older
	}
	p, _, err := s.procs.startReadyExe(ctx, exe, n.id, 1, "run", "--json", "--config", s.config(n))
	if err == nil {
		n.proc = p
	}
	return err
}

// wholeCluster waits until every gateway is a voter.
func (s *shift) wholeCluster(ctx context.Context) error {
	if len(s.nodes) == 1 {
		return nil
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(30 * time.Second)
	for {
		st, err := s.nodes[0].client.status(ctx)
		voters := 0
		for _, p := range st.Gateway.Peers {
			if p.Voter && p.Up {
				voters++
			}
		}
		if err == nil && voters == len(s.nodes) {
			return nil
		}
		select {
		case <-tick.C:
		case <-timeout:
			return fmt.Errorf("only %d of %d gateways are in the cluster after 30 s (%v)", voters, len(s.nodes), err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leader is the gateway that leads now; the first one when nobody says so.
func (s *shift) leader(ctx context.Context) *node {
	for _, n := range s.nodes {
		if st, err := n.client.status(ctx); err == nil && st.Gateway.Leader {
			return n
		}
	}
	return s.nodes[0]
}

// cutPower kills the leading gateway the way a pulled plug does and starts it
// again. The outage is measured at the others: until one of them leads.
func (s *shift) cutPower(ctx context.Context) error {
	n := s.leader(ctx)
	s.ui.say("power cut: %s, which leads, is killed (SIGKILL)", n.id)
	at := time.Now()
	n.peak = peakRSS(n.proc.cmd.Process.Pid)
	n.proc.kill()
	n.client.forget()
	s.gateway.forget()
	if len(s.nodes) > 1 {
		if err := s.takenOver(ctx, n); err != nil {
			return err
		}
		s.outage = time.Since(at)
		s.ui.say("another gateway leads after %.1f s; %s gets its power back", s.outage.Seconds(), n.id)
	}
	if err := s.startNode(ctx, n); err != nil {
		return err
	}
	if len(s.nodes) == 1 {
		s.outage = time.Since(at)
		s.ui.say("the gateway takes scans again after %.1f s", s.outage.Seconds())
	}
	s.lastMoved = time.Now()
	return nil
}

// freeze stops the process of the leading gateway where it stands (SIGSTOP) and
// lets it go on after a while, as a machine does that slept: it believes that it
// leads, and everything that was sent to it comes at once. The channel is closed
// when it goes on; meanwhile the shift goes on without it.
func (s *shift) freeze(ctx context.Context) (thawed <-chan struct{}, err error) {
	n := s.leader(ctx)
	s.ui.say("sleep: %s, which leads, is stopped for %v (SIGSTOP)", n.id, s.opt.StopFor)
	at := time.Now()
	s.gateway.frozen.Store("http://" + n.http)
	if err := n.proc.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	time.AfterFunc(s.opt.StopFor, func() {
		_ = n.proc.cmd.Process.Signal(syscall.SIGCONT) // an error means the demo ends
		s.gateway.frozen.Store("")
		s.ui.say("%s goes on", n.id)
		close(done)
	})
	if len(s.nodes) > 1 {
		if err := s.takenOver(ctx, n); err != nil {
			return done, err
		}
		s.ui.say("another gateway leads after %.1f s", time.Since(at).Seconds())
	}
	s.slept, s.lastMoved = n.id, time.Now()
	return done, nil
}

// takenOver waits until a gateway other than dead leads with a quorum.
func (s *shift) takenOver(ctx context.Context, dead *node) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(30 * time.Second)
	for {
		for _, n := range s.nodes {
			if n == dead {
				continue
			}
			if st, err := n.client.status(ctx); err == nil && st.Gateway.Leader && st.Quorum.OK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-timeout:
			return fmt.Errorf("no other gateway leads 30 s after %s was gone", dead.id)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
