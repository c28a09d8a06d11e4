package satellite_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tote/agent/identity"
	"tote/agent/replica"
	"tote/agent/satellite"
	"tote/agent/satellite/desk"
	"tote/raftstore/peer"
	"tote/warehouse"
)

func TestMain(m *testing.M) {
	defer satellite.Hurry()()
	goleak.VerifyTestMain(m)
}

// deadline bounds every wait; nothing waits that long when all is well.
const deadline = 20 * time.Second

// site is three gateways with real ports and certificates, and one state that
// all of them have at once unless told otherwise.
type site struct {
	*testing.T
	authority *identity.Authority
	gw        []*gateway

	mu     sync.Mutex
	state  map[string]string
	number uint64
	done   map[string]warehouse.Result // answers by id or device and sequence
	asked  []string                    // every command that was asked for, in order
	known  bool                        // the satellite is
}

// gateway is one of them.
type gateway struct {
	*site
	id   string
	port *peer.Port
	desk *desk.Desk
	addr string

	stopped bool

	mu      sync.Mutex
	quorum  bool
	behind  uint64 // it has applied less than the others by so many
	stuck   bool   // it applies nothing more until it is false
	swallow bool   // it does what is asked and never says so
	unsure  bool   // it does not know the satellite
	reads   int
	waits   int // for more than it has applied
	mail    []satellite.Mail
}

func newSite(t *testing.T) *site {
	t.Helper()
	a, err := identity.NewAuthority("s1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, authority: a, state: map[string]string{}, done: map[string]warehouse.Result{}, number: 10, known: true}
	for _, id := range []string{"gw1", "gw2", "gw3"} {
		g := &gateway{site: s, id: id, quorum: true}
		g.start("127.0.0.1:0")
		s.gw = append(s.gw, g)
	}
	for _, g := range s.gw { // they know each other now
		g.port.Handle(peer.ProtoSatellite, g.desk.Handle)
	}
	t.Cleanup(func() {
		for _, g := range s.gw {
			g.stop()
		}
	})
	return s
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) eventually(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(deadline); !ok(); {
		if time.Now().After(end) {
			s.Fatalf("never: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (g *gateway) start(listen string) {
	g.Helper()
	id, err := identity.Store(g.TempDir(), g.authority, g.id, time.Now)
	g.must(err)
	g.port, err = peer.Listen(peer.Config{ID: g.id, Listen: listen, TLS: id.TLS()})
	g.must(err)
	g.addr = g.port.Self().String()
	g.desk = desk.New(desk.Config{
		Log: slog.New(slog.DiscardHandler), KeyOf: identity.KeyOf, Again: func(error) bool { return false },
		Known: func(context.Context, string, []byte) error {
			g.site.mu.Lock()
			defer g.site.mu.Unlock()
			if g.get(&g.unsure) {
				return &peer.RemoteError{Code: satellite.SayNotHere}
			}
			if !g.known {
				return identity.ErrDismissed
			}
			return nil
		},
		Code: identity.Code,
		Do:   g.do,
		View: func(fn func(r warehouse.Reader) error) error {
			g.site.mu.Lock()
			r := &snapshot{g: g, vals: maps.Clone(g.state)}
			g.site.mu.Unlock()
			return fn(r)
		},
		WaitApplied: func(ctx context.Context, n uint64) error {
			if g.applied() < n {
				g.mu.Lock()
				g.waits++
				g.mu.Unlock()
			}
			for g.applied() < n {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Millisecond):
				}
			}
			return nil
		},
		LastSeq: func(device string) (uint64, error) { return uint64(len(device)), nil },
		State: func() satellite.State {
			st := satellite.State{Cluster: "c1", Applied: g.applied(), Term: 3, Quorum: g.get(&g.quorum), SinceMs: 1000, ClockMs: time.Now().UnixMilli()}
			for _, o := range g.gw {
				st.Members = append(st.Members, satellite.Member{ID: o.id, Address: o.addr, Up: true})
			}
			return st
		},
		Relay: func(_ context.Context, _ string, m satellite.Mail) error {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.mail = append(g.mail, m)
			return nil
		},
		About: func() (satellite.AboutAnswer, error) { return satellite.AboutAnswer{Epoch: 7}, nil },
	})
	g.desk.Begin(g.applied())
}

func (g *gateway) stop() {
	g.Helper()
	if !g.stopped {
		g.stopped = true
		g.desk.Close()
		g.must(g.port.Close())
	}
}

func (g *gateway) get(b *bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return *b
}

func (g *gateway) set(b *bool, v bool) {
	g.mu.Lock()
	*b = v
	g.mu.Unlock()
	g.desk.Stir()
}

func (g *gateway) applied() uint64 {
	g.site.mu.Lock()
	defer g.site.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stuck {
		return g.number - g.behind
	}
	return g.number
}

// do sets the key of the actor to the body, once per id.
func (g *gateway) do(ctx context.Context, by replica.By, kind, _ uint16, body []byte) (warehouse.Result, error) {
	if !g.get(&g.quorum) {
		<-ctx.Done()
		return warehouse.Result{}, ctx.Err()
	}
	if kind == 99 {
		return warehouse.Result{}, errors.New("the disk is full")
	}
	id := fmt.Sprintf("%x %s %d", by.ID, by.Device, by.Seq)
	g.site.mu.Lock()
	g.asked = append(g.asked, id)
	res, again := g.done[id]
	if !again {
		g.number++
		res = warehouse.Result{OK: true, Code: warehouse.CodeOK, Ref: fmt.Sprint(g.number)}
		g.done[id] = res
		g.state[by.Actor] += string(body)
	}
	number := g.number
	g.site.mu.Unlock()
	if !again {
		for _, o := range g.gw {
			o.desk.Touch(number, []string{by.Actor})
		}
	}
	if g.get(&g.swallow) {
		<-ctx.Done()
		return warehouse.Result{}, ctx.Err()
	}
	return res, nil
}

// snapshot is a state that does not change.
type snapshot struct {
	g    *gateway
	vals map[string]string
}

func (s *snapshot) count() {
	s.g.mu.Lock()
	s.g.reads++
	s.g.mu.Unlock()
}

func (s *snapshot) Get(key []byte) ([]byte, error) {
	s.count()
	if v, ok := s.vals[string(key)]; ok {
		return []byte(v), nil
	}
	return nil, nil
}

func (s *snapshot) Range(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	s.count()
	for _, k := range slices.Sorted(maps.Keys(s.vals)) {
		if strings.HasPrefix(k, string(prefix)) {
			if more, err := fn([]byte(k), []byte(s.vals[k])); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// heard is what a satellite was told.
type heard struct {
	mu         sync.Mutex
	keys       []string
	everything int
	mail       []satellite.Mail
	learned    []peer.Address
}

func (h *heard) count(key string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.keys {
		if k == key {
			n++
		}
	}
	return n
}

// satellite opens one that knows the first gateway alone.
func (s *site) satellite() (*satellite.Store, *heard) {
	s.Helper()
	key, csr, err := identity.Request("sat1")
	s.must(err)
	der, err := s.authority.IssueSatellite(csr, "sat1", time.Now())
	s.must(err)
	token, err := identity.NewToken(s.authority)
	s.must(err)
	id, err := identity.Accept(s.TempDir(), token, identity.Welcome{CA: s.authority.Cert.Raw, Cert: der}, key, time.Now)
	s.must(err)
	port, err := peer.Outgoing(peer.Config{ID: "sat1", TLS: id.TLS()})
	s.must(err)
	h := &heard{}
	st, err := satellite.Open(satellite.Config{
		ID: "sat1", Port: port, Gateways: []peer.Address{s.gw[0].port.Self()},
		Dismissed: func(code string) error {
			if code == "IDN-114" {
				return identity.ErrDismissed
			}
			return nil
		},
		OnTouched: func(keys []string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.keys = append(h.keys, keys...)
		},
		OnEverything: func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.everything++
		},
		OnMail: func(m satellite.Mail) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.mail = append(h.mail, m)
		},
		Learned: func(list []peer.Address) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.learned = list
		},
	})
	s.must(err)
	s.Cleanup(func() {
		s.must(st.Close())
		s.must(port.Close())
	})
	s.attached(st)
	return st, h
}

// attached waits until the satellite asks a gateway and sees a quorum.
func (s *site) attached(st *satellite.Store) *gateway {
	s.Helper()
	var at *gateway
	s.eventually("it is attached", func() bool {
		i := slices.IndexFunc(s.gw, func(g *gateway) bool { return g.id == st.Gateway() })
		if ok, _ := st.Quorum(); i < 0 || !ok {
			return false
		}
		at = s.gw[i]
		return true
	})
	return at
}

func (s *site) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	s.Cleanup(cancel)
	return ctx
}
