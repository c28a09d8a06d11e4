package agent

import (
	"cmp"
	"context"
	"io"
	"runtime"
	rt "runtime/metrics"
	"sync"
	"time"

	"tote/agent/health"
	"tote/agent/identity"
	"tote/agent/metrics"
	"tote/agent/replica"
	"tote/warehouse"
)

// measured is what the agent measures itself for GET /metrics.
type measured struct {
	commands metrics.Histogram

	mu         sync.Mutex
	backupAt   time.Time // the last whole one; zero = none since the start
	backupSize int64
}

// timedStore measures how long commands take.
type timedStore struct {
	store
	took *metrics.Histogram
}

func (s timedStore) Do(ctx context.Context, by replica.By, c warehouse.Command) (warehouse.Result, error) {
	began := time.Now()
	res, err := s.store.Do(ctx, by, c)
	if err == nil {
		s.took.Add(time.Since(began))
	}
	return res, err
}

func (s timedStore) DoRaw(ctx context.Context, by replica.By, kind, version uint16, body []byte) (warehouse.Result, error) {
	began := time.Now()
	res, err := s.store.DoRaw(ctx, by, kind, version, body)
	if err == nil {
		s.took.Add(time.Since(began))
	}
	return res, err
}

// backUp writes a backup and remembers when, and how big it was.
func (a *Agent) backUp(w io.Writer) error {
	out := &counted{w: w}
	if err := a.store.Backup(out, a.cfg.Site); err != nil {
		return err
	}
	a.measured.mu.Lock()
	defer a.measured.mu.Unlock()
	a.measured.backupAt, a.measured.backupSize = time.Now(), out.n
	return nil
}

type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// putMetrics adds what GET /v1/status does not tell to a scrape.
func (a *Agent) putMetrics(p *metrics.Page) {
	p.Put(metrics.Threads, float64(runtime.NumGoroutine()))
	p.Put(metrics.Memory, memoryInUse())
	p.Put(metrics.Term, float64(a.store.Term()))
	for _, peer := range a.store.Peers() {
		p.Put(metrics.PeerUp, metrics.Flag(peer.Up), peer.ID)
		p.Put(metrics.Lag, float64(peer.Lag), peer.ID)
	}
	p.PutSpread(metrics.Command, a.measured.commands.Spread())
	if d := a.store.Disk(); d != nil {
		p.PutSpread(metrics.Sync, d.Syncs)
	}
	if now := a.store.Now(); !now.IsZero() && now.Unix() > 0 {
		p.Put(metrics.ClockOffset, time.Since(now).Seconds())
	}
	count := map[string]int{health.LevelWarning: 0, health.LevelBroken: 0}
	for _, i := range a.issues.board.Issues() {
		count[i.Level]++
	}
	for level, n := range count {
		p.Put(metrics.Issues, float64(n), level)
	}
	a.putBroker(p)
	for _, l := range a.links {
		if s := l.status(); s != nil {
			p.Put(metrics.Connected, metrics.Flag(s.Connected), cmp.Or(l.upstream, "default"))
		}
	}
	a.putCertificates(p)
	a.putBackups(p)
	a.measured.mu.Lock()
	defer a.measured.mu.Unlock()
	if at := a.measured.backupAt; !at.IsZero() {
		p.Put(metrics.BackupAge, time.Since(at).Seconds())
		p.Put(metrics.BackupSize, float64(a.measured.backupSize))
	}
}

func (a *Agent) putBroker(p *metrics.Page) {
	s := a.broker.Stats()
	p.Put(metrics.Clients, float64(s.Connected))
	p.Put(metrics.Twice, float64(len(s.Twice)))
	for _, c := range []struct {
		m *metrics.Metric
		n uint64
	}{
		{metrics.Connects, s.Connects},
		{metrics.Refused, s.Refused},
		{metrics.Denied, s.Denied},
		{metrics.Commands, s.Commands},
		{metrics.Withheld, s.Withheld},
		{metrics.Dropped, s.Dropped},
		{metrics.Unheard, s.Unheard},
	} {
		p.Put(c.m, float64(c.n))
	}
}

// putCertificates tells when those of this gateway end, by its own clock. One
// that cannot be read is left out: its listener would not have started.
func (a *Agent) putCertificates(p *metrics.Page) {
	left := func(end time.Time, name string) {
		p.Put(metrics.CertDays, time.Until(end).Hours()/24, name)
	}
	if a.members != nil {
		if c := a.members.Look().Certificate; c != nil {
			if end, err := time.Parse(time.RFC3339, c.Expires); err == nil {
				left(end, "site")
			}
		}
	}
	for _, l := range a.cfg.MQTT.Listen {
		if l.TLS == nil {
			continue
		}
		if end, err := identity.EndOf(l.TLS.Cert); err == nil {
			left(end, l.Address)
		}
	}
}

// memoryInUse is what the Go runtime holds, in bytes. Reading it stops nothing,
// unlike runtime.ReadMemStats.
func memoryInUse() float64 {
	s := []rt.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	rt.Read(s)
	return float64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
