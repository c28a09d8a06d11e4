package satellite

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"tote/raftstore/peer"
)

// attach finds a gateway and listens to it, until the Store is closed.
func (s *Store) attach() {
	pause := retryFirst
	for s.ctx.Err() == nil {
		s.turned()
		to, ans, err := s.find()
		if err != nil {
			s.lost()
			if pause == retryFirst {
				s.cfg.Log.Warn("no gateway answers", "code", CodeNoGateway, "err", err)
			}
			if !s.sleep(pause/2 + rand.N(pause/2)) {
				return
			}
			pause = min(2*pause, retryMost)
			continue
		}
		pause = retryFirst
		s.listen(to, ans)
	}
}

func (s *Store) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done:
		s.moved.Store(nil)
		<-s.ctx.Done() // nothing more to find
		return false
	case <-s.ctx.Done():
		return false
	}
}

// find returns the first gateway of the list that answers and sees a quorum, or
// else the first that answers.
func (s *Store) find() (peer.Address, PollAnswer, error) {
	s.mu.Lock()
	list := slices.Clone(s.list)
	s.mu.Unlock()
	if len(list) > 1 {
		rest := list[1:]
		rand.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	}
	type found struct {
		to  peer.Address
		ans PollAnswer
	}
	var second *found
	var errs []error
	for _, to := range list {
		ans, err := s.look(to)
		if s.ctx.Err() != nil {
			return peer.Address{}, ans, ErrClosed
		}
		switch {
		case err != nil:
			errs = append(errs, err)
		case ans.State.Quorum:
			return to, ans, nil
		case second == nil:
			second = &found{to, ans}
		}
	}
	if second != nil {
		return second.to, second.ans, nil
	}
	return peer.Address{}, PollAnswer{}, errors.Join(append([]error{ErrNoGateway}, errs...)...)
}

func (s *Store) look(to peer.Address) (PollAnswer, error) {
	s.turned()
	ctx, cancel := context.WithTimeout(s.ctx, lookLimit)
	defer cancel()
	var ans PollAnswer
	err := s.askAt(ctx, to, CallPoll, s.question(0, false), &ans)
	return ans, s.heed(err)
}

// heed notices that this satellite was taken out.
func (s *Store) heed(err error) error {
	if said, ok := errors.AsType[*peer.RemoteError](err); ok && s.cfg.Dismissed != nil {
		if gone := s.cfg.Dismissed(said.Code); gone != nil {
			s.fail(gone)
			return gone
		}
	}
	return err
}

// question is the next poll.
func (s *Store) question(wait time.Duration, attach bool) PollCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	return PollCall{Cluster: s.state.Cluster, At: s.told, WaitMs: wait.Milliseconds(), Attach: attach, Quorum: s.state.Quorum}
}

// listen stays with a gateway until it does not answer any more, or another one
// is better.
func (s *Store) listen(to peer.Address, first PollAnswer) {
	at := &attachment{to: to}
	at.ctx, at.cancel = context.WithCancel(s.ctx)
	defer s.leave(at)
	s.prefer(to)
	s.hear(first)
	s.mu.Lock()
	s.at = at
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	s.cfg.Log.Info("attached to a gateway", "other", to.ID)
	better := time.Now().Add(betterWait)
	for at.ctx.Err() == nil {
		s.turned()
		ctx, cancel := context.WithTimeout(at.ctx, pollLimit)
		var ans PollAnswer
		err := s.heed(s.ask(ctx, at, CallPoll, s.question(pollWait, true), &ans))
		cancel()
		if err != nil {
			if s.ctx.Err() == nil {
				s.cfg.Log.Warn("the gateway this satellite was attached to does not answer", "other", to.ID, "err", err)
			}
			return
		}
		s.hear(ans)
		if ans.State.Quorum {
			better = time.Now()
		} else if time.Now().After(better) {
			better = time.Now().Add(betterWait/2 + rand.N(betterWait/2))
			if other, _, err := s.find(); err == nil && other != to {
				s.prefer(other)
				return
			}
		}
	}
}

// prefer puts a gateway at the head of the list.
func (s *Store) prefer(to peer.Address) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append([]peer.Address{to}, slices.DeleteFunc(s.list, func(a peer.Address) bool { return a.ID == to.ID })...)
}

// hear takes an answer in.
func (s *Store) hear(ans PollAnswer) {
	s.mu.Lock()
	if ans.State.Cluster != s.state.Cluster {
		s.seen = 0 // the site was formed anew
	}
	s.state, s.heard, s.told = ans.State, time.Now(), ans.At
	s.seen = max(s.seen, ans.At, ans.State.Applied)
	if ans.State.Quorum {
		s.lastGood = s.heard
	}
	learned := s.learn(ans.State.Members)
	turned := s.turn(ans.State.Quorum, time.UnixMilli(ans.State.SinceMs))
	s.mu.Unlock()
	if turned {
		call(s.cfg.OnQuorum, ans.State.Quorum)
	}
	call(s.cfg.OnClock, ans.State.ClockMs)
	if learned != nil {
		call(s.cfg.Learned, learned)
	}
	switch {
	case ans.Everything && s.cfg.OnEverything != nil:
		s.cfg.OnEverything()
	case len(ans.Touched) > 0:
		call(s.cfg.OnTouched, ans.Touched)
	}
	for _, m := range ans.Mail {
		call(s.cfg.OnMail, m)
	}
}

func call[T any](fn func(T), v T) {
	if fn != nil {
		fn(v)
	}
}

// turn notes the quorum and tells whether it is another one than before.
func (s *Store) turn(ok bool, since time.Time) bool {
	if s.quorum == ok && !s.since.IsZero() {
		return false
	}
	s.quorum, s.since = ok, since
	return true
}

// lost is called while nobody answers.
func (s *Store) lost() {
	s.mu.Lock()
	turned := false
	if time.Since(s.lastGood) >= quorumHeld {
		since := s.lastGood
		if since.IsZero() {
			since = time.Now()
		}
		turned = s.turn(false, since)
	}
	s.mu.Unlock()
	if turned {
		call(s.cfg.OnQuorum, false)
	}
}

// maxGateways bounds the list.
const maxGateways = 16

// learn adds gateways to the list and takes new addresses of known ones. It
// returns the list when it is another one. What the configuration names stays.
func (s *Store) learn(members []Member) []peer.Address {
	news := false
	for _, m := range members {
		a, err := peer.ParseAddress(m.Address)
		if err != nil {
			continue
		}
		i := slices.IndexFunc(s.list, func(o peer.Address) bool { return o.ID == a.ID })
		switch {
		case i < 0 && len(s.list) < maxGateways:
			s.list = append(s.list, a)
		case i >= 0 && s.list[i] != a:
			s.list[i] = a
		default:
			continue
		}
		news = true
	}
	if !news {
		return nil
	}
	return slices.Clone(s.list)
}

// Send queues a message to the gateways; with a full queue the oldest goes.
func (s *Store) Send(m Mail) {
	for {
		select {
		case s.mail <- m:
			return
		default:
		}
		select {
		case <-s.mail:
		default:
		}
	}
}

// Call brings a message to the gateways within a second, or not.
func (s *Store) Call(ctx context.Context, m Mail) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	at, err := s.current(ctx)
	if err == nil {
		err = s.ask(ctx, at, CallRelay, m, nil)
	}
	if err != nil {
		s.cfg.Log.Debug("not relayed", "method", m.Method, "err", err)
	}
}

// post sends what is queued.
func (s *Store) post() {
	for {
		select {
		case m := <-s.mail:
			s.Call(s.ctx, m)
		case <-s.ctx.Done():
			return
		}
	}
}
