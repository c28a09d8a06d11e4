package llrp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tote/drivers"
	"tote/drivers/rfid/llrp/wire"
)

// session is what is kept while one connection stands. Run's goroutine owns it;
// what is below mu is also used by those who write outputs.
type session struct {
	d       *Driver
	port    drivers.Port
	ctx     context.Context // of the whole session: an acknowledgement is not cut short by the end of one read
	framer  wire.Framer
	version byte
	began   time.Time

	caps    capabilities
	phase   bool       // the reader tells it
	greeted *wire.Node // the event that opened the connection, nil before
	cleared bool       // the ROSpecs of earlier clients are gone: what is read is ours
	running bool       // set up
	restart bool       // our ROSpec ended and is to be started again
	alive   time.Time  // when the last message came, by the monotonic clock
	now     time.Time  // of the bytes at work, by Config.Now
	missing map[int]bool
	trouble time.Time // until when an error that the reader told of is shown
	badRun  int       // messages in a row that contradict themselves …
	lastBad time.Time // … and when the last of them came
	clock   clock
	scratch wire.Tag
	emit    func(*wire.Tag) // tag of this session
	seen    time.Time       // of the bytes at work, by the monotonic clock

	tick context.Context // ends one read in the quiet
	stop context.CancelFunc

	mu      sync.Mutex
	lastID  uint32
	pending []*pending
}

// pending is a request that waits for its answer.
type pending struct {
	id  uint32
	typ wire.Type // of the answer
	got chan answer
}

// answer is an answer as it came.
type answer struct {
	typ  wire.Type
	body *wire.Node
}

// firstID is far from the small numbers that readers use which do not echo ours.
const firstID = 0x10000

// errUnanswered: no answer in time. Some readers leave requests out.
var errUnanswered = errors.New("no answer")

// send writes a request. Its answer comes to the channel of what it returns.
func (s *session) send(ctx context.Context, m *wire.Node) (*pending, error) {
	body, err := m.Body()
	if err != nil {
		return nil, err
	}
	typ := wire.Type(m.Type)
	s.mu.Lock()
	s.lastID = max(s.lastID, firstID) + 1
	p := &pending{id: s.lastID, typ: typ.Response(), got: make(chan answer, 1)}
	s.pending = append(s.pending, p)
	s.mu.Unlock()
	if _, err := s.port.Write(ctx, wire.Append(nil, s.version, typ, p.id, body)); err != nil {
		s.forget(p)
		return nil, err
	}
	return p, nil
}

func (s *session) forget(p *pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = slices.DeleteFunc(s.pending, func(q *pending) bool { return q == p })
}

// claim finds the request that a message answers: the one with its id, else the
// oldest that waits for its type, for some readers do not echo ids. An answer
// to a question of ours that is no longer waited for is nobody's.
func (s *session) claim(h wire.Header) *pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.pending, func(p *pending) bool {
		return p.id == h.ID && (p.typ == h.Type || h.Type == wire.ErrorMessage)
	})
	late := h.ID > firstID && h.ID <= s.lastID
	if i < 0 && !late {
		i = slices.IndexFunc(s.pending, func(p *pending) bool { return p.typ == h.Type || h.Type == wire.ErrorMessage })
	}
	if i < 0 {
		return nil
	}
	p := s.pending[i]
	s.pending = slices.Delete(s.pending, i, i+1)
	return p
}

// ask puts a request and works through what comes until it is answered. The
// error is errUnanswered, a refusal (CodeRFIDRefuses) or the port's.
func (s *session) ask(ctx context.Context, m *wire.Node) (*wire.Node, error) {
	p, err := s.send(ctx, m)
	if err != nil {
		return nil, err
	}
	defer s.forget(p)
	until, cancel := context.WithTimeout(ctx, s.d.cfg.Answer)
	defer cancel()
	for {
		select {
		case a := <-p.got:
			return a.body, refusal(wire.Type(m.Type), a)
		default:
		}
		switch err := s.receive(until); {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return nil, errUnanswered
		case err != nil:
			return nil, err
		}
	}
}

// refusal is the error of an answer that does not say success.
func refusal(request wire.Type, a answer) error {
	status := a.body.Find("LLRPStatus")
	if a.typ == wire.Custom {
		status = wire.CustomStatus(a.body)
	}
	if status != nil && status.Num("StatusCode") == 0 && a.typ == request.Response() {
		return nil
	}
	text := "without a status"
	if status != nil {
		text = fmt.Sprintf("status %d %s", status.Num("StatusCode"), status.Text("ErrorDescription"))
		for _, detail := range []string{"ParameterError", "FieldError"} {
			if d := status.Find(detail); d != nil {
				text += " " + d.String()
			}
		}
	}
	return fmt.Errorf("%s is refused: %s: %w", request, text, drivers.Coded(drivers.CodeRFIDRefuses))
}

// receive waits for bytes until ctx is done and works through the messages that
// are whole with them. The error is ctx's, the port's or CodeLLRPBroken.
func (s *session) receive(ctx context.Context) error {
	n, err := drivers.Receive(ctx, s.port, s.framer.Space())
	if err != nil {
		return err
	}
	s.framer.Grew(n)
	s.now, s.seen = s.d.cfg.Now(), time.Now()
	for {
		h, body, ok, err := s.framer.Next()
		if err != nil {
			s.d.stats.bad.Add(1)
			return s.d.fault(drivers.CodeLLRPBroken, fmt.Sprintf("%v in %.16x", err, s.framer.Held()))
		}
		if !ok {
			return nil
		}
		s.alive = s.seen
		if err := s.handle(h, body); err != nil {
			return err
		}
	}
}

// handle works through one message. The error is the port's.
func (s *session) handle(h wire.Header, body []byte) error {
	switch h.Type {
	case wire.ROAccessReport:
		s.report(body)
		return nil
	case wire.Keepalive:
		s.d.stats.keepalives.Add(1)
		s.d.doubt = false
		_, err := s.port.Write(s.ctx, wire.Append(nil, h.Version, wire.KeepaliveAck, h.ID, nil))
		return err
	}
	n, err := wire.Parse(h.Type, body)
	if !s.sound(h.Type, err) {
		return nil
	}
	if h.Type == wire.ReaderEvent {
		s.event(n.Find("ReaderEventNotificationData"))
		return nil
	}
	if p := s.claim(h); p != nil {
		p.got <- answer{h.Type, n}
		return nil
	}
	if h.Type == wire.ErrorMessage {
		s.tell("an error message: " + n.Find("LLRPStatus").Text("ErrorDescription"))
	}
	return nil // nobody asked, or nobody waits any more
}

// badLimit is how many messages in a row may contradict themselves until the
// reader is degraded.
const badLimit = 3

// sound counts messages that contradict themselves; such a message is left out
// and the session goes on, for its header was right.
func (s *session) sound(typ wire.Type, err error) bool {
	if err == nil {
		s.badRun = 0
		return true
	}
	s.badRun++
	s.lastBad = time.Now()
	s.d.stats.bad.Add(1)
	if s.badRun <= badLimit {
		s.d.cfg.Log.Warn("a message of the reader is left out", "device", s.d.cfg.Name, "code", drivers.CodeLLRPBroken, "message", typ.String(), "err", err)
	}
	return false
}

// quiet is how long one read waits at most, so that silence is noticed.
const quiet = time.Second

// read takes reports until the reader is gone or silent.
func (s *session) read(ctx context.Context) error {
	s.running = true
	// Two missed, and half a one for those that are merely late.
	limit := 5 * s.d.cfg.Keepalive / 2
	s.show()
	for {
		if s.tick == nil || s.tick.Err() != nil {
			if s.stop != nil {
				s.stop()
			}
			s.tick, s.stop = context.WithTimeout(ctx, quiet)
		}
		err := s.receive(s.tick)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			return err
		case time.Since(s.alive) > limit:
			return s.d.fault(drivers.CodeLLRPSilent, fmt.Sprintf("nothing from the reader for %v: two keepalives missed", limit))
		}
		if s.restart {
			s.restart = false
			if err := s.start(ctx); err != nil {
				return err
			}
		}
		s.show()
	}
}

// end closes what others may hold of the session.
func (s *session) end() {
	if s.stop != nil {
		s.stop()
	}
	s.d.lines.lose(s)
}

// farewellTime is how long the reader may take for each word of good-bye; some
// never say one.
const farewellTime = 250 * time.Millisecond

// farewell switches the antennas off and closes the connection in the way of the
// protocol, so that the next client is let in at once. One request comes after
// the other: some readers look at one message of a segment only.
func (s *session) farewell(ctx context.Context) {
	if s.greeted == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if s.cleared && !s.part(ctx, wire.Message(wire.DeleteROSpec, map[string]any{"ROSpecID": roSpecID})) {
		return
	}
	s.part(ctx, wire.Message(wire.CloseConnection, nil))
}

// part says one word of good-bye; false when the connection is gone.
func (s *session) part(ctx context.Context, m *wire.Node) bool {
	ctx, cancel := context.WithTimeout(ctx, farewellTime)
	defer cancel()
	s.ctx = ctx
	p, err := s.send(ctx, m)
	for err == nil && len(p.got) == 0 {
		err = s.receive(ctx)
	}
	return err == nil || errors.Is(err, context.DeadlineExceeded)
}
