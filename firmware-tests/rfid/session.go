package rfid

import (
	"math/rand/v2"
	"time"

	"tote/firmware-tests/line"
)

// bytePause is the longest pause within a command.
const bytePause = 100 * time.Millisecond

// family is how one kind of reader talks; Run's goroutine owns it.
type family interface {
	// take reads commands out of the session's buf and leaves what is not whole.
	take()
	// step goes on with what the reader is doing.
	step(now time.Time)
	// drop forgets what it is doing and what it was told; lost says that the
	// power went too, and with it the settings that are not in flash.
	drop(lost bool)
	// busy tells whether step has anything to do.
	busy() bool
}

// session is the reader's own life on its line; Run's goroutine owns it.
type session struct {
	r     *Reader
	f     family
	voice *line.Voice
	buf   []byte
	heard time.Time // when bytes last came
	until time.Time // deaf until then
	last  time.Time // up to when the air was listened to
}

func (s *session) deaf() bool { return time.Now().Before(s.until) }

func (s *session) busy() bool {
	return s.f.busy() || s.deaf() || s.r.faults.On(Babble) || s.r.faults.On(Restart)
}

// forget is a loss of power.
func (s *session) forget() {
	s.buf = nil
	s.f.drop(true)
	s.until = time.Now().Add(time.Duration(s.r.params.RestartMs) * time.Millisecond)
	s.r.mu.Lock()
	s.r.antenna = 0
	s.r.mu.Unlock()
}

// reset is a restart by command; the caller has answered if it must.
func (s *session) reset() {
	s.forget()
	s.r.mu.Lock()
	s.r.resets++
	s.r.mu.Unlock()
}

// hear takes bytes off the line.
func (s *session) hear(p []byte) {
	if s.deaf() || s.r.faults.On(line.Stall) || s.r.faults.On(Babble) || s.r.faults.On(Restart) {
		s.buf = nil
		return
	}
	// A command that was begun and not ended is given up: else a foreign byte
	// that looks like a length would swallow what is asked later.
	now := time.Now()
	if now.Sub(s.heard) > bytePause {
		s.buf = nil
	}
	s.heard = now
	s.buf = append(s.buf, p...)
	s.f.take()
}

func (s *session) step(now time.Time) {
	switch {
	case s.r.faults.On(Babble):
		noise := make([]byte, babbleSize)
		s.r.draw(func(rng *rand.Rand) {
			for i := range noise {
				noise[i] = byte(rng.Uint32())
			}
		})
		_, _ = s.r.port.Write(noise)
	case s.r.faults.On(Restart): // again and again, until it is switched off
		s.forget()
	case s.r.faults.On(line.Stall):
		s.f.drop(false)
	default:
		s.f.step(now)
	}
}

// speak sends one packet whose check is at a place, and tells whether somebody
// heard all of it.
func (s *session) speak(p []byte, check int) bool {
	if s.r.faults.On(BadChecksum) {
		p[check] ^= 0x55
	}
	return s.voice.Say(p)
}

// open begins to listen to the air. What room was left is kept: in short rounds
// there would never be any.
func (s *session) open(now time.Time) { s.last = now }

// air is what an antenna (from 0) hears from the last time on up to now. The
// caller tells which of it somebody heard with told.
func (s *session) air(antenna int, until time.Time) []hit {
	r, took := s.r, until.Sub(s.last)
	if took <= 0 {
		return nil
	}
	s.last = until
	r.mu.Lock()
	power := r.power[antenna]
	r.mu.Unlock()
	return r.hear(antenna+1, power, until, took)
}

// told counts a tag that somebody heard of.
func (s *session) told(h hit) {
	s.r.Air.told(h.chip)
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.frames++
}

// ended counts a round.
func (s *session) ended() {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.rounds++
}

// pc is the protocol control word of a tag with this EPC.
func pc(epc []byte) uint16 { return uint16(len(epc)/2) << 11 }
