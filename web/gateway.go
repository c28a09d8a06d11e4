package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tote/warehouse"
)

// quorumAction is the standard advice while the site can record nothing.
const quorumAction = "Start the missing gateways or mend their network. Finish what you hold; scans are kept and sent later. Work resumes by itself."

// Levels of the status line and of a state; each has its icon and word.
const (
	levelOK   = "ok"
	levelWarn = "warn"
	levelBad  = "bad"
)

// status is the one line below the title: the worst thing first.
type status struct {
	Level string
	Text  string
	Since stamp
	Do    string
}

// gatewayPanel is what this gateway says of itself, its devices, the others and
// the link to the OMS.
type gatewayPanel struct {
	Known   bool // false: the pages run without a gateway
	ID      string
	Version string
	Role    string
	Since   stamp
	Nodes   []node
	Up      int
	Devices []deviceRow
	Issues  []issueRow
	Sync    syncPanel
	Quorum  Quorum
	Lost    stamp // when the quorum was lost
}

// node is one gateway of the cluster.
type node struct {
	ID, Address, Role, Version string
	Level, State               string // "here", "up", "down"
	Since                      stamp
	Log                        string // "applied 1204", "3 behind"
}

// deviceRow is one device of this gateway.
type deviceRow struct {
	Name, Driver, State, Level string
	Since                      stamp
	Reading, Code, Text        string
	Cause, Action              string
}

// issueRow is one thing that is wrong.
type issueRow struct {
	Issue
	Level string
	Since stamp
}

// folded are the devices that only follow from something else.
func (p *gatewayPanel) folded(device string) bool {
	return slices.ContainsFunc(p.Issues, func(i issueRow) bool { return slices.Contains(i.Follows, device) })
}

// syncPanel is the link to the OMS and what waits for it, and below it those to
// the OMSs of consignors.
type syncPanel struct {
	Name         string // "" = the default one
	Level, State string
	Since        stamp
	Waiting      int
	Oldest       stamp
	LastError    string
	Upstreams    []syncPanel
}

func (s *server) gatewayPanel(c clock, g *GatewayStatus) gatewayPanel {
	if g == nil {
		return gatewayPanel{Version: s.cfg.Version, Quorum: Quorum{OK: true}, Sync: syncPanel{Level: levelWarn, State: "not known"}}
	}
	p := gatewayPanel{
		Known: true, ID: g.ID, Version: cmp.Or(g.Version, s.cfg.Version), Role: g.Role,
		Since: c.at(g.Since), Quorum: g.Quorum, Lost: c.at(g.Quorum.Since), Sync: linkOf(c, g.Sync),
	}
	for _, u := range g.Upstreams {
		link := linkOf(c, u.Sync)
		link.Name = u.Name
		p.Sync.Upstreams = append(p.Sync.Upstreams, link)
	}
	if p.Role == "" {
		p.Role = "follower"
		if g.Leader {
			p.Role = "leader"
		}
	}
	p.Quorum.Action = cmp.Or(p.Quorum.Action, quorumAction)
	p.Nodes = append(p.Nodes, node{
		ID: g.ID, Role: p.Role, Version: p.Version, Level: levelOK, State: "here",
		Since: p.Since, Log: fmt.Sprintf("applied %d", g.Applied),
	})
	for _, peer := range g.Peers {
		n := node{
			ID: peer.ID, Address: peer.Address, Role: peer.Role, Version: peer.Version,
			Level: levelBad, State: "down", Since: c.at(peer.Since),
		}
		if peer.Up {
			n.Level, n.State = levelOK, "up"
		}
		if peer.Lag > 0 {
			n.Log = fmt.Sprintf("%d behind", peer.Lag)
		}
		p.Nodes = append(p.Nodes, n)
	}
	for _, n := range p.Nodes {
		if n.Level == levelOK {
			p.Up++
		}
	}
	for _, i := range g.Issues {
		row := issueRow{Issue: i, Level: levelWarn, Since: c.at(i.Since)}
		if i.Broken {
			row.Level = levelBad
		}
		p.Issues = append(p.Issues, row)
	}
	for _, d := range g.Devices {
		p.Devices = append(p.Devices, s.deviceRow(c, d))
	}
	slices.SortStableFunc(p.Devices, func(a, b deviceRow) int {
		if a.stopped() != b.stopped() { // a person may be in danger: above all others
			if a.stopped() {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return p
}

func (s *server) deviceRow(c clock, d Device) deviceRow {
	row := deviceRow{
		Name: d.Name, Driver: d.Driver, State: d.State, Since: c.at(d.Since),
		Reading: d.Reading, Code: d.Code, Text: d.Text,
	}
	row.Cause, row.Action = s.explain(d.Code)
	switch d.State {
	case "ready":
		row.Level = levelOK
	case "opening", "degraded", "unknown":
		row.Level = levelWarn
	default:
		row.Level = levelBad
	}
	if row.stopped() {
		row.Level = levelBad
	}
	return row
}

// Codes of an emergency stop that is pressed, or was and is not reset.
const (
	estopPressed = "DEV-603"
	estopLatched = "DEV-604"
)

// stopped: the device is an emergency stop, and it is not over.
func (d deviceRow) stopped() bool { return d.Code == estopPressed || d.Code == estopLatched }

// stopLine is what is said of the emergency stops that are not over, nil when
// there are none.
func (p *gatewayPanel) stopLine() *status {
	var names []string
	var first deviceRow
	for _, d := range p.Devices {
		if d.stopped() {
			if len(names) == 0 {
				first = d
			}
			names = append(names, strings.TrimPrefix(d.Name, "estop/"))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &status{levelBad, "EMERGENCY STOP " + listed(names), first.Since, first.Action}
}

func linkOf(c clock, link *Sync) syncPanel {
	if link == nil {
		return syncPanel{Level: levelOK, State: "on another gateway"}
	}
	p := syncPanel{
		Level: levelWarn, State: "not connected", Since: c.at(link.Since),
		Waiting: link.Depth, Oldest: c.at(link.Oldest), LastError: link.LastError,
	}
	if link.Connected {
		p.Level, p.State = levelOK, "connected"
	}
	return p
}

// readSync counts what waits for the OMS where the link did not say; every
// gateway holds the outbox.
func readSync(r warehouse.Reader, c clock, p *syncPanel) error {
	if err := p.count(r, c); err != nil {
		return err
	}
	ups, err := warehouse.Upstreams(r)
	if err != nil {
		return err
	}
	for _, name := range ups {
		at := slices.IndexFunc(p.Upstreams, func(u syncPanel) bool { return u.Name == name })
		if at < 0 {
			link := linkOf(c, nil)
			link.Name = name
			at, p.Upstreams = len(p.Upstreams), append(p.Upstreams, link)
		}
		if err := p.Upstreams[at].count(r, c); err != nil {
			return err
		}
	}
	return nil
}

// count fills in what waits where the link did not say.
func (p *syncPanel) count(r warehouse.Reader, c clock) error {
	if p.Waiting > 0 {
		return nil
	}
	n, oldest, err := warehouse.OutboxDepth(r, warehouse.StreamOf(p.Name))
	p.Waiting, p.Oldest = n, c.ms(oldest)
	return err
}

// down is the first link that is not well, the default one before the others.
func (p *syncPanel) down() *syncPanel {
	if p.Level != levelOK {
		return p
	}
	for i := range p.Upstreams {
		if p.Upstreams[i].Level != levelOK {
			return &p.Upstreams[i]
		}
	}
	return nil
}

// bad names the devices a person must see to: those that are not there, and
// those that say what is wrong with them; of those that follow from something else
// that alone.
func (p *gatewayPanel) bad() (names []string) {
	for _, i := range p.Issues {
		if slices.ContainsFunc(p.Devices, func(d deviceRow) bool { return slices.Contains(i.Follows, d.Name) }) {
			names = append(names, cmp.Or(i.About, i.Code))
		}
	}
	for _, d := range p.Devices {
		if p.folded(d.Name) {
			continue
		}
		if d.Level == levelBad || d.Level == levelWarn && d.Code != "" {
			names = append(names, d.Name)
		}
	}
	return names
}

// namesShown is how many machines and devices the status line names.
const namesShown = 4

// status picks the one thing to say. machines are those a person must see to.
func (p *gatewayPanel) status(fallouts int, machines []string) status {
	bad := slices.Concat(machines, p.bad())
	down := len(p.Nodes) - p.Up
	if stop := p.stopLine(); stop != nil {
		return *stop
	}
	switch {
	case !p.Quorum.OK:
		return status{levelBad, "NO QUORUM", p.Lost, p.Quorum.Action}
	case down > 0:
		return status{levelWarn, fmt.Sprintf("%d of %d gateways are down", down, len(p.Nodes)), stamp{}, "The site works on. Start the gateway again before another one fails."}
	case len(bad) > 0:
		text := listed(bad)
		if len(bad) > namesShown {
			text = listed(append(slices.Clone(bad[:namesShown]), fmt.Sprintf("%d more", len(bad)-namesShown)))
		}
		st := status{levelWarn, plural(len(bad), "machine or device needs", "machines and devices need") + " a person: " + text, stamp{}, "See below what to do."}
		if fallouts > 0 {
			st.Do += " " + plural(fallouts, "fallout needs", "fallouts need") + " a decision."
		}
		return st
	case p.Known && p.Sync.down() != nil:
		link := p.Sync.down()
		name := strings.TrimSpace("OMS " + link.Name)
		return status{levelWarn, "The " + name + " is not connected", link.Since, fmt.Sprintf("The floor works on; %s for the %s.", events(link.Waiting), name)}
	case fallouts > 0:
		return status{levelWarn, plural(fallouts, "fallout needs", "fallouts need") + " a decision", stamp{}, "Everything else moves."}
	}
	return status{levelOK, "Nothing waits for a decision", stamp{}, ""}
}

func events(n int) string { return plural(n, "event waits", "events wait") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// linkState is what a handheld page is told of the gateway.
type linkState struct {
	Quorum bool   `json:"quorum"`
	Since  int64  `json:"since,omitempty"` // when the quorum was lost, ms
	Action string `json:"action,omitempty"`
	Now    int64  `json:"now"`
}

func (s *server) linkState() linkState {
	l := linkState{Quorum: true, Now: s.cfg.Now().UnixMilli()}
	if s.cfg.Gateway == nil {
		return l
	}
	if q := s.cfg.Gateway().Quorum; !q.OK {
		l.Quorum, l.Action = false, cmp.Or(q.Action, quorumAction)
		if !q.Since.IsZero() {
			l.Since = q.Since.Truncate(time.Millisecond).UnixMilli()
		}
	}
	return l
}
