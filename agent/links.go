package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/replica"
	"tote/cloudsync"
	"tote/cloudsync/files"
	"tote/cloudsync/ledger"
	"tote/cloudsync/native"
	"tote/warehouse"
)

// link is the connection to one OMS. It starts, fails and is fenced off by
// itself: whatever one OMS does, the others go on, and so do the other parts of
// the leader.
type link struct {
	cfg      config.OMS
	upstream string // of the site's rules; "" = the default OMS
	kick     chan struct{}
	runner   atomic.Pointer[cloudsync.Runner] // nil while this gateway does not lead

	mu      sync.Mutex
	problem error  // why there is no runner; nil when there is none
	stop    func() // ends the runner; nil when there is none
}

func newLinks(cfg *config.Config) []*link {
	var links []*link
	if cfg.OMS != nil {
		links = append(links, &link{cfg: *cfg.OMS, kick: make(chan struct{}, 1)})
	}
	for _, u := range cfg.Upstreams {
		links = append(links, &link{cfg: u.OMS(), upstream: u.Name, kick: make(chan struct{}, 1)})
	}
	return links
}

func (l *link) name() string { return "oms/" + l.cfg.Name }

// kickLinks wakes the links a stream of the outbox belongs to; "" wakes all.
func (a *Agent) kickLinks(stream string) {
	for _, l := range a.links {
		if stream == "" || stream == warehouse.StreamOf(l.upstream) || stream == ledger.ResendOf(l.upstream) {
			kick(l.kick)
		}
	}
}

// Bounds of the pause before a link that was fenced off, or cannot be made, is
// tried again.
const (
	firstAgain = time.Second
	lastAgain  = time.Minute
)

// keepLink runs the link while this gateway leads.
func (a *Agent) keepLink(ctx context.Context, l *link) {
	defer l.runner.Store(nil)
	defer l.noteProblem(a.log, nil) // only a leader has one
	log := a.log.With(slog.String("oms", l.cfg.Name))
	for again := firstAgain; ctx.Err() == nil; again = min(2*again, lastAgain) {
		r, err := a.newLink(l, log)
		l.noteProblem(log, err)
		if err == nil {
			l.runner.Store(r)
			began := time.Now()
			err = l.run(ctx, r)
			if ctx.Err() != nil {
				return
			}
			log.Warn("the link to the OMS stopped; it begins again", slog.Any("err", err))
			if time.Since(began) > lastAgain {
				again = firstAgain
			}
		}
		t := time.NewTimer(again/2 + rand.N(again/2))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
}

// run runs the link until ctx ends, it stops, or anew is called.
func (l *link) run(ctx context.Context, r *cloudsync.Runner) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	l.stop = cancel
	l.mu.Unlock()
	return r.Run(ctx)
}

// anew has the link begin again with the token its file has now.
func (l *link) anew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop()
	}
}

// noteProblem keeps why there is no link, and tells it once.
func (l *link) noteProblem(log *slog.Logger, err error) {
	l.mu.Lock()
	was := l.problem
	l.problem = err
	l.mu.Unlock()
	if err != nil && (was == nil || was.Error() != err.Error()) {
		log.Error("there is no link to the OMS", slog.String("code", cloudsync.CodeNoLink), slog.Any("err", err))
	}
}

// newLink builds the runner of a link. The token is read each time, so that a new
// one is used from the next try on.
func (a *Agent) newLink(l *link, log *slog.Logger) (*cloudsync.Runner, error) {
	adapter, err := newAdapter(l.cfg, a.cfg.Site)
	if err != nil {
		return nil, err
	}
	epoch, err := a.store.Epoch()
	if err != nil {
		return nil, err
	}
	return cloudsync.New(cloudsync.Config{
		Site: a.cfg.Site, Epoch: epoch, Adapter: adapter, View: a.view, Kick: l.kick, Log: log,
		Upstream: l.upstream, Source: l.name(), Fence: a.store.Term,
		Propose: func(ctx context.Context, kind, version uint16, body []byte) (warehouse.Result, error) {
			return a.store.DoRaw(ctx, replica.By{ID: newID(), Actor: l.name()}, kind, version, body)
		},
	})
}

func newAdapter(cfg config.OMS, site string) (cloudsync.Adapter, error) {
	if cfg.Adapter == config.AdapterFiles {
		return files.New(files.Config{Dir: cfg.Dir, Site: site})
	}
	token := ""
	if f := cfg.TokenFile; f != "" {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("token_file: %w", err)
		}
		token = strings.TrimSpace(string(b))
	}
	return native.New(native.Config{URL: cfg.URL, Site: site, Token: token})
}

// status is nil when this gateway does not speak with the OMS.
func (l *link) status() *cloudsync.Status {
	if r := l.runner.Load(); r != nil {
		s := r.Status()
		return &s
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.problem == nil {
		return nil
	}
	return &cloudsync.Status{Code: cloudsync.CodeNoLink, LastError: l.problem.Error()}
}

// linkStatus is what GET /v1/status tells of the links.
func (a *Agent) linkStatus(g *api.Gateway) {
	for _, l := range a.links {
		s := l.status()
		switch {
		case s == nil:
		case l.upstream == "":
			g.Sync = s
		default:
			g.Upstreams = append(g.Upstreams, api.Upstream{Name: l.upstream, Sync: s})
		}
	}
}

// ExportInbox writes what the inbox of an OMS still has, before another
// connection takes over; "" is the default OMS. It only reads.
func ExportInbox(ctx context.Context, cfg *config.Config, upstream string, to io.Writer) (int, error) {
	for _, l := range newLinks(cfg) {
		if l.upstream != upstream {
			continue
		}
		adapter, err := newAdapter(l.cfg, cfg.Site)
		if err != nil {
			return 0, err
		}
		return cloudsync.Export(ctx, adapter, to)
	}
	return 0, fmt.Errorf("the configuration has no such OMS: %q", upstream)
}
