package raftstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"

	"tote/raftstore/peer"
	"tote/raftstore/vfs"
)

// Config of a Store. Dir and NodeID are needed; everything else has a default.
type Config struct {
	// Dir holds all files of the store. One process at a time.
	Dir string
	// NodeID names this gateway in the cluster; it never changes.
	NodeID string
	Logger *slog.Logger // slog.Default when nil
	// Now is the wall clock, time.Now when nil. It is believed only as far as
	// the clocks of the other gateways agree.
	Now func() time.Time
	// FS is where log, snapshots and the small files in Dir are kept; the real
	// file system when nil. The applied state and the lock are always real
	// files in Dir.
	FS vfs.FS

	// Peer is the port to the other gateways; nil for a gateway that stays
	// alone. The store answers its calls from Open to Close; the port is
	// opened before and closed after by its owner.
	Peer *peer.Port
	// Bootstrap makes an empty folder the first gateway of a new cluster.
	// Without it a gateway with a Peer and an empty folder waits to be added.
	// It does nothing where there is a log.
	Bootstrap bool
	// Early lets Open return while the state is still being built anew after an
	// unclean stop. Until Rebuilding says that it is whole, reads are refused and
	// commands wait; when it cannot be built the store stops (Done, Err).
	Early bool
	// OnQuorum is told when work can be recorded and when no more (Quorum).
	// It must not block for long.
	OnQuorum func(ok bool)
	// OnRestore is told that the whole state was replaced by that of another
	// gateway: everything may have changed. It runs where OnApply does.
	OnRestore func(index uint64)
	// OnClock is told the cluster time in milliseconds since 1970, at Open
	// and when it moves. It must not block.
	OnClock func(ms int64)
	// PromoteAfter is how long a gateway that was added must answer and be
	// nearly up to date before the leader gives it a vote (10 s).
	PromoteAfter time.Duration
	// OnCall answers calls of other gateways that are not the store's; from is
	// the id in the caller's certificate.
	OnCall func(ctx context.Context, from, method string, body []byte) ([]byte, error)

	// OnApply is called after the state transaction is committed, on the
	// apply goroutine: it must not block and must not call Propose. It is not
	// called for what Open replays.
	OnApply func(index uint64, touched []string)
	// WatchHistory is how many bytes of changes are kept in memory for Watch
	// (4 MiB). Who is further behind gets a Reset.
	WatchHistory int
	// OnLeader is told each change of leadership; true comes when everything
	// acknowledged before is applied here. It must not block for long.
	OnLeader func(leader bool)
	// FreesSpace tells the kinds that still pass when the disk is low,
	// because applying them frees space. None when nil.
	FreesSpace func(kind uint16) bool

	// Hold returns a feature level above which the cluster is not taken while this
	// gateway may have to go back to an older version; 0 = any. It is asked often.
	Hold func() uint16
	// Note returns what the others are told of this gateway (Member.Note), at most
	// MaxNote bytes. It is asked often.
	Note func() []byte

	// Raft's clocks. Default with a Peer: 500 ms each; for one gateway 100 ms,
	// nobody else could lead meanwhile.
	HeartbeatTimeout   time.Duration
	ElectionTimeout    time.Duration
	LeaderLeaseTimeout time.Duration

	// A snapshot is taken after SnapshotEntries log entries (8192) or
	// SnapshotBytes of log (32 MiB), looked at every SnapshotInterval (60 s).
	// TrailingLogs entries (1024) stay behind it.
	SnapshotEntries  uint64
	SnapshotBytes    int64
	SnapshotInterval time.Duration
	TrailingLogs     uint64

	// SegmentSize of the log in bytes (8 MiB), a multiple of 4 KiB.
	SegmentSize int64
	// QueueLimit is how many commands may wait (1024); more get ErrFull.
	QueueLimit int
	// BatchWait is how long commands gather while others are on their way to
	// the disk (2 ms). Nothing waits when nothing is on its way.
	BatchWait time.Duration
	// MinFree is the free space in bytes below which new work is refused and
	// a leader hands over (128 MiB); at a quarter of it the store stops.
	MinFree uint64

	// noSync leaves out the synced write of the log, for the tests that prove
	// that the power-cut check notices. Nobody outside can set it.
	noSync bool

	// For tests; the defaults are constants of this package.
	diskPoll, stopLimit      time.Duration
	hangMute, hangStop       time.Duration
	slowSync, handOverPause  time.Duration
	ballast                  int64 // bytes; negative = none
	lookEvery, commitTimeout time.Duration
	testNetwork              func(network) network
	testStream               func(raft.StreamLayer) raft.StreamLayer
	staleReads               bool // ReadIndex asks no majority
	mono                     func() time.Duration
	level                    uint16        // spoken by this gateway
	checkEvery               uint64        // log entries between two comparisons
	checkPause, verifyEvery  time.Duration // at least, between two
}

func (c *Config) normalise() error {
	if c.Dir == "" {
		return errors.New("raftstore: Config.Dir is empty")
	}
	if c.NodeID == "" || len(c.NodeID) > MaxName {
		return errors.New("raftstore: Config.NodeID must have 1 to 255 bytes")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.FS == nil {
		c.FS = vfs.OS{}
	}
	heartbeat := 100 * time.Millisecond
	if c.Peer != nil {
		if id := c.Peer.Self().ID; id != c.NodeID {
			return fmt.Errorf("raftstore: Config.NodeID is %s, but the port is of %s", c.NodeID, id)
		}
		heartbeat = 500 * time.Millisecond
	}
	c.HeartbeatTimeout = cmp.Or(c.HeartbeatTimeout, heartbeat)
	c.ElectionTimeout = cmp.Or(c.ElectionTimeout, c.HeartbeatTimeout)
	c.LeaderLeaseTimeout = cmp.Or(c.LeaderLeaseTimeout, c.HeartbeatTimeout)
	c.SnapshotEntries = cmp.Or(c.SnapshotEntries, 8192)
	c.SnapshotBytes = cmp.Or(c.SnapshotBytes, 32<<20)
	c.SnapshotInterval = cmp.Or(c.SnapshotInterval, time.Minute)
	c.TrailingLogs = cmp.Or(c.TrailingLogs, 1024)
	c.QueueLimit = cmp.Or(c.QueueLimit, 1024)
	c.BatchWait = cmp.Or(c.BatchWait, 2*time.Millisecond)
	c.MinFree = cmp.Or(c.MinFree, 128<<20)
	c.WatchHistory = cmp.Or(c.WatchHistory, 4<<20)
	c.PromoteAfter = cmp.Or(c.PromoteAfter, promoteAfter)
	c.diskPoll = cmp.Or(c.diskPoll, diskPoll)
	c.hangStop = cmp.Or(c.hangStop, hangStop)
	c.hangMute = cmp.Or(c.hangMute, hangMute)
	c.slowSync = cmp.Or(c.slowSync, slowSync)
	c.handOverPause = cmp.Or(c.handOverPause, handOverPause)
	c.ballast = cmp.Or(c.ballast, ballastSize)
	c.stopLimit = cmp.Or(c.stopLimit, stopLimit)
	c.lookEvery = cmp.Or(c.lookEvery, time.Second)
	c.commitTimeout = cmp.Or(c.commitTimeout, 50*time.Millisecond)
	c.checkEvery = cmp.Or(c.checkEvery, checkEvery)
	c.checkPause = cmp.Or(c.checkPause, checkPause)
	c.verifyEvery = cmp.Or(c.verifyEvery, verifyEvery)
	return nil
}
