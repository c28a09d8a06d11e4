package raftstore

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// storeLevel is the feature level of this package. A level is a number of the
// whole program: what its log entries and commands may be. The cluster runs at
// the lowest one that all its gateways speak, and never goes back.
//
//	0  versions before there were levels
//	1  the digest chain and its entries; unknown commands stop a gateway
//	2  commands of many callers are brought to the leader in one call
const storeLevel = 2

// levelProposals: from here on all gateways answer callProposals.
const levelProposals = 2

// feature is the row of the level and of the digest chain. It is kept beside
// the meta row, not in it, so that versions before it still read that one.
type feature struct {
	level uint16
	chain uint64 // over every change since the level is 1
	// mark is the log entry of the newest comparison, markChain the chain there.
	mark, markChain uint64
}

const (
	featureRowVer  = 1
	featureRowSize = 1 + 2 + 3*8
)

var featureKey = []byte{spaceMeta, 1}

func (f feature) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint16([]byte{featureRowVer}, f.level)
	for _, v := range []uint64{f.chain, f.mark, f.markChain} {
		b = le.AppendUint64(b, v)
	}
	return b
}

func decodeFeature(b []byte) (feature, error) {
	if b == nil {
		return feature{}, nil
	}
	if len(b) != featureRowSize || b[0] != featureRowVer {
		return feature{}, fault(CodeUnknownEntry, fmt.Errorf("feature row of %d bytes does not decode", len(b)))
	}
	le := binary.LittleEndian
	return feature{level: le.Uint16(b[1:]), chain: le.Uint64(b[3:]), mark: le.Uint64(b[11:]), markChain: le.Uint64(b[19:])}, nil
}

// newerLevel is why a state of that level must not be touched.
func newerLevel(level, spoken uint16) error {
	return fault(CodeUnknownEntry, fmt.Errorf("the cluster runs at feature level %d, this version speaks up to %d", level, spoken))
}

// ownLevel is the level this gateway speaks.
func (s *Store) ownLevel() uint16 {
	if s.cfg.level != 0 {
		return s.cfg.level
	}
	level := uint16(storeLevel)
	if s.versions != nil {
		level = max(level, s.versions.Level())
	}
	return level
}

// toldLevel is the level this gateway says it speaks: one that is held back is lower. A
// level the cluster has got is not taken back by that.
func (s *Store) toldLevel() uint16 {
	level := s.ownLevel()
	if s.cfg.Hold != nil {
		if held := s.cfg.Hold(); held > 0 {
			level = min(level, max(held, s.feature.Load().level))
		}
	}
	return level
}

// MaxNote is the longest Config.Note, in bytes; a longer one is not told.
const MaxNote = 4 << 10

// note is what the others are told of this gateway.
func (s *Store) note() []byte {
	if s.cfg.Note == nil {
		return nil
	}
	if b := s.cfg.Note(); len(b) <= MaxNote {
		return b
	}
	return nil
}

// Level returns the feature level the cluster runs at, as far as this gateway
// has applied it, and the highest one this gateway speaks.
func (s *Store) Level() (cluster, own uint16) { return s.feature.Load().level, s.ownLevel() }

// spoken refuses a command that not every gateway can apply. It stands before
// the log: behind it there is no way back. The level never falls, so what is
// spoken now is spoken when the command is applied.
func (s *Store) spoken(c *Command) error {
	if s.versions == nil {
		return nil
	}
	since, ok := s.versions.Speaks(c.Kind, c.Version)
	switch level := s.feature.Load().level; {
	case !ok:
		return fmt.Errorf("%w: kind %#04x version %d is not known here", ErrUnsupported, c.Kind, c.Version)
	case since > level:
		return fmt.Errorf("%w: kind %#04x version %d needs level %d, the cluster is at %d", ErrUnsupported, c.Kind, c.Version, since, level)
	}
	return nil
}

// noteFeature publishes what was applied.
func (s *Store) noteFeature(f feature) {
	if *s.feature.Load() != f {
		s.feature.Store(&f)
	}
}

// commonLevel is the lowest level all gateways of the cluster speak, voters or
// not; 0 while one does not answer.
func (s *Store) commonLevel() uint16 {
	level := s.toldLevel()
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	for _, srv := range s.servers() {
		if string(srv.ID) == s.cfg.NodeID {
			continue
		}
		was := s.seen[string(srv.ID)]
		if !was.up {
			return 0
		}
		level = min(level, was.status.Level)
	}
	return level
}

// raiseLevel takes the cluster to the level all speak.
func (s *Store) raiseLevel() {
	level := s.commonLevel()
	if level <= s.feature.Load().level || s.disk.low() {
		return
	}
	if err := s.put(encodeFeature(level)); err != nil {
		s.log.Info("the feature level was not raised", "level", level, "error", err)
	}
}

// watchState does what is due now and then: the leader raises the level and
// lets the states be compared, everyone looks after its own files.
func (s *Store) watchState() {
	tick := time.NewTicker(s.cfg.lookEvery)
	defer tick.Stop()
	verified := time.Now()
	for {
		changed := s.quorum.changed.wait()
		if s.leader.is() {
			s.raiseLevel()
			s.compareStates()
		}
		if time.Since(verified) >= s.cfg.verifyEvery {
			verified = time.Now()
			s.verifyState()
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-s.done:
			return
		case <-s.ctx.Done():
			return
		}
	}
}

func isVoter(srv raft.Server) bool { return srv.Suffrage == raft.Voter }
