package api

import (
	"cmp"
	"net/http"
	"time"

	"tote/agent/metrics"
	"tote/agent/update"
	"tote/warehouse"
)

// metrics writes what Prometheus asks for.
func (s *server) metrics(w http.ResponseWriter, _ *http.Request) error {
	status, boxes, err := s.look()
	if err != nil {
		return err
	}
	var p metrics.Page
	now := s.cfg.Now()
	p.Put(metrics.Ready, metrics.Flag(s.cfg.Ready() == nil))
	p.Put(metrics.Quorum, metrics.Flag(status.Quorum.OK))
	putGateway(&p, status.Gateway, now)
	for _, b := range boxes {
		name := cmp.Or(b.upstream, "default")
		p.Put(metrics.Outbox, float64(b.depth), name)
		p.Put(metrics.OutboxAge, b.age.Seconds(), name)
	}
	if boxes != nil { // else the state is not there yet
		p.Put(metrics.Fallouts, float64(status.Fallouts))
		for state, n := range status.Orders {
			p.Put(metrics.Orders, float64(n), state)
		}
	}
	if s.cfg.Metrics != nil {
		s.cfg.Metrics(&p)
	}
	w.Header().Set("Content-Type", metrics.MediaType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = p.WriteTo(w) // the peer is gone when this fails
	return nil
}

func putGateway(p *metrics.Page, g Gateway, now time.Time) {
	p.Put(metrics.Build, 1, g.ID, g.Version)
	if at, err := time.Parse(time.RFC3339, g.Since); err == nil {
		p.Put(metrics.Started, float64(at.Unix()))
	}
	p.Put(metrics.Leader, metrics.Flag(g.Leader))
	p.Put(metrics.Applied, float64(g.Applied))
	p.Put(metrics.Building, metrics.Flag(g.Rebuild != nil))
	if d := g.Disk; d != nil {
		if d.Text == "" {
			p.Put(metrics.DiskFree, float64(d.Free))
		}
		p.Put(metrics.DiskNeeded, float64(d.Needed))
		p.Put(metrics.DiskSlow, metrics.Flag(d.Slow))
	}
	if u := g.Update; u != nil {
		p.Put(metrics.LevelSpoken, float64(u.Level))
		if u.Site > 0 {
			p.Put(metrics.LevelSite, float64(u.Site))
		}
		if u.Slot != "" {
			p.Put(metrics.Trial, metrics.Flag(u.Trial != nil))
			p.Put(metrics.TakenBack, metrics.Flag(u.Last != nil && u.Last.Result == update.RolledBack))
		}
	}
	for _, d := range g.Devices {
		if d.State == "unknown" {
			continue // plugged in and not configured: whoever plugs would make series
		}
		p.Put(metrics.DeviceUp, metrics.Flag(d.State == "ready"), d.Name, d.Driver)
		if at, err := time.Parse(time.RFC3339, d.Since); err == nil {
			p.Put(metrics.DeviceSince, max(0, now.Sub(at).Seconds()), d.Name, d.State)
		}
	}
	for _, d := range g.Portals {
		p.Put(metrics.PortalWaits, float64(d.Waiting), d.Dock)
		p.Put(metrics.PortalLost, float64(d.Lost), d.Dock)
		p.Put(metrics.PortalDrops, float64(d.Dropped), d.Dock)
	}
}

// box is what waits for one OMS.
type box struct {
	upstream string // "" = the default one
	depth    int
	age      time.Duration // of the oldest
}

// look is the status with its outboxes one by one; those are nil while there is
// no state to read.
func (s *server) look() (Status, []box, error) {
	out := Status{Gateway: s.cfg.Status(), Quorum: s.cfg.Quorum()}
	if s.cfg.Starting != nil && s.cfg.Starting() != "" {
		out.Orders = map[string]int64{} // nobody knows yet
		return out, nil, nil
	}
	var boxes []box
	err := s.cfg.View(func(r warehouse.Reader) error {
		counts, err := warehouse.CountOrders(r)
		if err != nil {
			return err
		}
		out.Orders = counts
		open, err := warehouse.Fallouts(r, true)
		if err != nil {
			return err
		}
		out.Fallouts = len(open)
		ups, err := warehouse.Upstreams(r)
		if err != nil {
			return err
		}
		boxes = boxes[:0]
		for _, up := range append([]string{""}, ups...) {
			n, oldest, err := warehouse.OutboxDepth(r, warehouse.StreamOf(up))
			if err != nil {
				return err
			}
			b := box{upstream: up, depth: n}
			if n > 0 {
				b.age = time.Duration(max(0, s.cfg.Now().UnixMilli()-oldest)) * time.Millisecond
			}
			boxes = append(boxes, b)
			out.Outbox += n
			out.OutboxAge = max(out.OutboxAge, b.age.Milliseconds())
		}
		return nil
	})
	return out, boxes, err
}
