package satellite

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tote/raftstore/peer"
)

// Config is what a Store needs.
type Config struct {
	ID  string // of this satellite
	Log *slog.Logger
	// Port dials the gateways; its owner closes it after the Store.
	Port *peer.Port
	// Gateways are where to begin.
	Gateways []peer.Address
	// Learned is told all gateways when there is another one.
	Learned func([]peer.Address)
	// Dismissed is the error of one that does not belong to the site any more;
	// Is tells it by the code of a refusal.
	Dismissed func(code string) error
	// OnTouched and OnEverything are told what changed, OnQuorum that the quorum
	// did, OnClock the time of the cluster, OnMail what other gateways say. They
	// must not block for long.
	OnTouched    func(keys []string)
	OnEverything func()
	OnQuorum     func(ok bool)
	OnClock      func(ms int64)
	OnMail       func(m Mail)
}

// Times of a satellite. Variables for tests.
var (
	pollWait   = time.Second            // a poll without news
	pollLimit  = 3 * time.Second        // a gateway that does not answer it is left
	lookLimit  = 2 * time.Second        // for the first answer of another one
	quorumHeld = 3 * time.Second        // the quorum is believed without an answer
	betterWait = 2 * time.Second        // between looks for a gateway with a quorum
	retryFirst = 100 * time.Millisecond // between rounds in which nobody answers
	retryMost  = 2 * time.Second
	viewWait   = 3 * time.Second // of a view for a gateway
	doAttempt  = 5 * time.Second // of a command at one gateway
)

// maxDo and maxViews bound what this satellite has open at once, below what a
// gateway takes.
const (
	maxDo    = 32
	maxViews = 16
)

// Store is the cluster as this satellite has it.
type Store struct {
	cfg    Config
	caller *peer.Caller
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	doing  chan struct{} // slots
	views  chan struct{}
	mail   chan Mail
	moved  atomic.Pointer[time.Time] // when the loop that asks the gateways moved

	mu       sync.Mutex
	list     []peer.Address // the last that worked first
	at       *attachment    // nil while nobody answers
	changed  chan struct{}  // closed and made anew when at changes
	state    State
	heard    time.Time // when the state was told, by the own clock
	told     uint64    // all changes up to here were told
	seen     uint64    // the highest number heard of
	quorum   bool
	since    time.Time
	lastGood time.Time // last answer with a quorum

	failed error
	done   chan struct{}
}

// attachment is one gateway while it is the one that is asked.
type attachment struct {
	to     peer.Address
	ctx    context.Context // ends when it is left
	cancel context.CancelFunc
}

// mailbox bounds the messages that wait to be sent.
const mailbox = 256

// Open begins to look for a gateway. It does not wait for one.
func Open(cfg Config) (*Store, error) {
	if cfg.Port == nil || cfg.ID == "" {
		return nil, errors.New("satellite: Config.ID and Config.Port are needed")
	}
	if len(cfg.Gateways) == 0 {
		return nil, errors.New("satellite: no gateway is known; name some in cluster.gateways")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		cfg: cfg, caller: peer.NewCallerOf(cfg.Port, peer.ProtoSatellite), list: slices.Clone(cfg.Gateways),
		doing: make(chan struct{}, maxDo), views: make(chan struct{}, maxViews), mail: make(chan Mail, mailbox),
		changed: make(chan struct{}), done: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.turned()
	s.wg.Go(s.attach)
	s.wg.Go(s.post)
	return s, nil
}

// background runs fn unless the Store is closed; Close waits for it.
func (s *Store) background(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() == nil {
		s.wg.Go(fn)
	}
}

// Close ends the Store and all that is asked through it.
func (s *Store) Close() error {
	s.mu.Lock() // see background
	s.cancel()
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// Done is closed when the satellite was taken out of the site; Err says so.
func (s *Store) Done() <-chan struct{} { return s.done }

// Err is why Done is closed.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *Store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
		close(s.done)
	}
}

// IsLeader is false: a satellite never leads.
func (s *Store) IsLeader() bool { return false }

// Leadership never changes: a satellite does not lead.
func (s *Store) Leadership() (leads bool, changed <-chan struct{}) { return false, nil }

// WaitLeader waits until ctx ends.
func (s *Store) WaitLeader(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return ErrClosed
	}
}

// Applied is the newest command this satellite has heard of.
func (s *Store) Applied() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// Term is that of the leader the gateway it is attached to knows.
func (s *Store) Term() uint64 { return s.State().Term }

// State is what the gateway it is attached to told last.
func (s *Store) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Gateway is the one it is attached to, "" when nobody answers.
func (s *Store) Gateway() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		return ""
	}
	return s.at.to.ID
}

// Now is the time of the cluster, as it went on since it was told.
func (s *Store) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.ClockMs == 0 {
		return time.Now()
	}
	return time.UnixMilli(s.state.ClockMs).Add(time.Since(s.heard))
}

// Quorum tells whether work can be recorded through this satellite, and since
// when that is so.
func (s *Store) Quorum() (ok bool, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quorum, s.since
}

// current is the attachment; it waits for one until ctx ends.
func (s *Store) current(ctx context.Context) (*attachment, error) {
	for {
		s.mu.Lock()
		at, changed := s.at, s.changed
		s.mu.Unlock()
		if at != nil {
			return at, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ErrNoGateway
		case <-s.done:
			return nil, s.Err()
		case <-s.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// leave stops asking a gateway that does not answer. attach looks for the next.
func (s *Store) leave(at *attachment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at != at {
		return
	}
	at.cancel()
	s.at = nil
	close(s.changed)
	s.changed = make(chan struct{})
}

// ask makes one call. The call ends with ctx, the attachment and the Store.
func (s *Store) ask(ctx context.Context, at *attachment, method string, question any, answer interface{ Check() error }) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(at.ctx, cancel)
	defer stop()
	return s.askAt(ctx, at.to, method, question, answer)
}

func (s *Store) askAt(ctx context.Context, to peer.Address, method string, question any, answer interface{ Check() error }) error {
	var body []byte
	if question != nil {
		var err error
		if body, err = Encode(question); err != nil {
			return err
		}
	}
	out, err := s.caller.Call(ctx, to, method, body)
	if err != nil || answer == nil {
		return err
	}
	return Decode(out, answer)
}

// saw notes a number: what is read from now on holds it.
func (s *Store) saw(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = max(s.seen, number)
}

func (s *Store) seenNow() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}
