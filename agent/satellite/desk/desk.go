// Package desk is where a gateway with a store answers its satellites: it takes
// their commands to the store, keeps snapshots open for their views, and tells
// them what changed and what other gateways say.
//
// Rules:
//   - Who asks is the id in the certificate, and its key must be the one the site
//     let in under that id; this is looked at with every call.
//   - Everything a satellite can make the gateway hold is bounded: connections,
//     questions at once and their bytes, waiting polls, open views and their age, mail.
//   - A view holds the state open, which the store must be able to close: Close,
//     and Released before the state is replaced, end all of them.
//   - Mail is for satellites that are attached, at most once, the oldest goes first
//     when there is too much of it.
//
// A view has a goroutine of its own; the rest runs on those of the port. All end
// with Close.
package desk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"tote/agent/replica"
	"tote/agent/satellite"
	"tote/raftstore/peer"
	"tote/warehouse"
)

// Config is what a Desk stands before. All functions are called from any
// goroutine.
type Config struct {
	Log *slog.Logger
	// Known is nil when the site has let a satellite in with this key.
	// identity.ErrDismissed means that it certainly has not.
	Known func(ctx context.Context, id string, key []byte) error
	// KeyOf is the hash of the key of a certificate.
	KeyOf func(*x509.Certificate) ([]byte, error)
	Do    func(ctx context.Context, by replica.By, kind, version uint16, body []byte) (warehouse.Result, error)
	// Again tells whether a command that failed is to be asked again.
	Again func(error) bool
	// Code is the code of a refusal.
	Code        func(error) string
	View        func(fn func(r warehouse.Reader) error) error
	WaitApplied func(ctx context.Context, number uint64) error
	LastSeq     func(device string) (uint64, error)
	State       func() satellite.State
	// Relay takes a message of a satellite to the other gateways and to this one,
	// or refuses it.
	Relay func(ctx context.Context, from string, m satellite.Mail) error
	About func() (satellite.AboutAnswer, error)
	Sign  func(id string, csr []byte) ([]byte, error)
	Leave func(ctx context.Context, id string) error
}

// Limits of a desk.
const (
	maxConns     = 64 // of all satellites
	maxConnsEach = 4
	maxViews     = 128 // of all satellites
	maxViewsEach = 24
	maxPollsEach = 8 // a satellite has one, and those it gave up
	// maxAskedEach bounds the bytes of one satellite's questions that are not
	// answered yet; those up to smallAsk do not count.
	maxAskedEach = 4 << 20
	smallAsk     = 4 << 10
	maxMail      = 256 // messages of one method that wait for a satellite
	maxMailBytes = 1 << 20
)

// Times of a desk. Variables for tests.
var (
	viewIdle = 5 * time.Second  // a view nobody reads from ends
	viewLife = 30 * time.Second // and every view ends
	waitSeen = 3 * time.Second  // for commands the satellite has seen elsewhere
	away     = 5 * time.Second  // a satellite that does not poll is not attached
)

// Desk serves the satellites of one gateway.
type Desk struct {
	cfg    Config
	ring   ring
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	conns    map[string]int
	nconns   int
	views    map[uint64]*lease
	nextView uint64
	boxes    map[string]*box
	polls    map[string]int // that wait, by satellite
	asked    map[string]int // bytes of questions, by satellite
}

// New makes a desk. Touch and Begin may be called at once.
func New(cfg Config) *Desk {
	d := &Desk{cfg: cfg, conns: map[string]int{}, views: map[uint64]*lease{}, boxes: map[string]*box{}, polls: map[string]int{}, asked: map[string]int{}}
	d.ring.wake = make(chan struct{})
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// Close ends all views and calls.
func (d *Desk) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.wg.Wait()
}

// Handle serves one connection; it is for peer.Port.Handle.
func (d *Desk) Handle(ctx context.Context, id string, conn net.Conn) {
	t, ok := conn.(*tls.Conn)
	if !ok || len(t.ConnectionState().PeerCertificates) == 0 {
		return
	}
	key, err := d.cfg.KeyOf(t.ConnectionState().PeerCertificates[0])
	if err != nil {
		return
	}
	if !d.enter(id) {
		d.cfg.Log.Warn("a satellite has too many connections", "satellite", id, "code", satellite.CodeBusy)
		return
	}
	defer d.leave(id)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(d.ctx, cancel)
	defer stop()
	s := &session{d: d, id: id, key: key}
	peer.ServeWithin(ctx, conn, peer.Limits{Frame: satellite.MaxFrame, Calls: satellite.MaxCalls}, s.answer)
}

func (d *Desk) enter(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.nconns >= maxConns || d.conns[id] >= maxConnsEach {
		return false
	}
	d.nconns++
	d.conns[id]++
	d.wg.Add(1)
	return true
}

func (d *Desk) leave(id string) {
	d.mu.Lock()
	d.nconns--
	if d.conns[id]--; d.conns[id] == 0 {
		delete(d.conns, id)
	}
	d.mu.Unlock()
	d.wg.Done()
}

// session is one connection of a satellite.
type session struct {
	d   *Desk
	id  string
	key []byte
}

// answer is one call.
func (s *session) answer(ctx context.Context, method string, body []byte) ([]byte, error) {
	if !s.d.hold(s.id, len(body)) {
		return nil, &peer.RemoteError{Code: satellite.SayAgain, Text: "too much of this satellite waits here"}
	}
	defer s.d.let(s.id, len(body))
	if err := s.d.cfg.Known(ctx, s.id, s.key); err != nil {
		code := s.d.cfg.Code(err)
		if code == "" {
			code = satellite.SayNotHere
		}
		return nil, &peer.RemoteError{Code: code, Text: err.Error()}
	}
	out, err := s.call(ctx, method, body)
	if err != nil {
		if _, ok := errors.AsType[*peer.RemoteError](err); !ok {
			err = &peer.RemoteError{Code: s.code(err), Text: err.Error()}
		}
		return nil, err
	}
	if out == nil {
		return nil, nil
	}
	return satellite.Encode(out)
}

// hold counts a question that is kept until it is answered; false = too much.
func (d *Desk) hold(id string, bytes int) bool {
	if bytes <= smallAsk {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked[id]+bytes > maxAskedEach {
		return false
	}
	d.asked[id] += bytes
	return true
}

func (d *Desk) let(id string, bytes int) {
	if bytes <= smallAsk {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked[id] -= bytes; d.asked[id] == 0 {
		delete(d.asked, id)
	}
}

// code is that of an error, by which the satellite knows it again.
func (s *session) code(err error) string {
	for _, known := range []struct {
		err  error
		code string
	}{{satellite.ErrMalformed, satellite.CodeMalformed}, {satellite.ErrBusy, satellite.CodeBusy}, {satellite.ErrViewLost, satellite.CodeViewLost}, {satellite.ErrForbidden, satellite.CodeForbidden}} {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return s.d.cfg.Code(err)
}

func (s *session) call(ctx context.Context, method string, body []byte) (any, error) {
	switch method {
	case satellite.CallDo:
		return s.do(ctx, body)
	case satellite.CallRead:
		return s.read(ctx, body)
	case satellite.CallClose:
		var q satellite.CloseCall
		if err := satellite.Decode(body, &q); err != nil {
			return nil, err
		}
		s.d.release(s.id, q.View)
		return nil, nil
	case satellite.CallPoll:
		return s.poll(ctx, body)
	case satellite.CallSeq:
		var q satellite.SeqCall
		if err := satellite.Decode(body, &q); err != nil {
			return nil, err
		}
		if err := s.d.waitSeen(ctx, q.Min); err != nil {
			return nil, err
		}
		last, err := s.d.cfg.LastSeq(q.Device)
		return satellite.SeqAnswer{Last: last}, err
	case satellite.CallAbout:
		return s.d.cfg.About()
	case satellite.CallRelay:
		var m satellite.Mail
		if err := satellite.Decode(body, &m); err != nil {
			return nil, err
		}
		if err := s.d.cfg.Relay(ctx, s.id, m); err != nil {
			return nil, err
		}
		s.d.Send(s.id, m)
		return nil, nil
	case satellite.CallRenew:
		var q satellite.RenewCall
		if err := satellite.Decode(body, &q); err != nil {
			return nil, err
		}
		cert, err := s.d.cfg.Sign(s.id, q.CSR)
		return satellite.RenewAnswer{Cert: cert}, err
	case satellite.CallLeave:
		return nil, s.d.cfg.Leave(ctx, s.id)
	}
	return nil, fmt.Errorf("%w: no method %q", satellite.ErrMalformed, method)
}

// do brings a command to the store. The answer is given after it was committed
// and applied here.
func (s *session) do(ctx context.Context, body []byte) (any, error) {
	var q satellite.DoCall
	if err := satellite.Decode(body, &q); err != nil {
		return nil, err
	}
	by := replica.By{Device: q.Device, Seq: q.Seq, Actor: q.Actor}
	copy(by.ID[:], q.ID)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(q.WaitMs)*time.Millisecond)
	defer cancel()
	res, err := s.d.cfg.Do(ctx, by, q.Kind, q.Version, q.Body)
	if err != nil {
		if ctx.Err() != nil || s.d.cfg.Again(err) {
			return nil, &peer.RemoteError{Code: satellite.SayAgain, Text: err.Error()}
		}
		return nil, err
	}
	return satellite.DoAnswer{Result: warehouse.EncodeResult(res), At: s.d.cfg.State().Applied}, nil
}

// waitSeen waits until this gateway has what the satellite was told elsewhere.
func (d *Desk) waitSeen(ctx context.Context, number uint64) error {
	if number == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, waitSeen)
	defer cancel()
	if err := d.cfg.WaitApplied(ctx, number); err != nil {
		return &peer.RemoteError{Code: satellite.SayAgain, Text: "this gateway is behind: " + err.Error()}
	}
	return nil
}
