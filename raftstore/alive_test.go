package raftstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tote/raftstore/vfs"
)

// hangsAt blocks the writes of the log until the function it returns is called.
func hangsAt(fs *vfs.Fault) (release func()) {
	held := make(chan struct{})
	fs.Hook(func(op vfs.Op, name string, _ int) error {
		if op == vfs.OpSync && strings.HasSuffix(name, ".seg") {
			<-held
		}
		return nil
	})
	return func() { close(held) }
}

func askAlive(t *testing.T, s *Store, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return s.Alive(ctx)
}

// TestAlive: an idle store, one under load and one without a quorum are alive.
func TestAlive(t *testing.T) {
	k, a, b, c := openThree(t, nil)
	l := k.load(2, "gw1")
	for _, n := range []*node{a, b, c} {
		if err := askAlive(t, n.Store, 30*time.Second); err != nil {
			t.Errorf("%s under load: %v", n.id, err)
		}
	}
	l.end()
	if err := errors.Join(a.stop(), b.stop()); err != nil {
		t.Fatal(err)
	}
	c.awaitQuorum(t, false)
	if err := askAlive(t, c.Store, 30*time.Second); err != nil {
		t.Errorf("alone of three: %v", err)
	}
	if err := askAlive(t, a.Store, time.Second); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestAliveSeesRaftStuck: raft's main loop waits for a disk.
func TestAliveSeesRaftStuck(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	fs := vfs.NewFault(vfs.NewMem())
	cfg.FS = fs
	cfg.hangMute, cfg.hangStop = time.Hour, time.Hour // nothing else shall notice
	s := openStore(t, cfg)
	release := hangsAt(fs)
	answer := make(chan error, 1)
	go func() {
		_, err := s.Propose(context.WithoutCancel(t.Context()), byID(1, "set a 1"))
		answer <- err
	}()
	await(t, "the write hangs", func() bool { what, _ := s.logs.calls.longest(); return what != "" })
	if err := askAlive(t, s, 200*time.Millisecond); err == nil || !strings.Contains(err.Error(), "raft does not move") {
		t.Errorf("raft waits for the disk, and Alive says %v", err)
	}
	release()
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	if err := askAlive(t, s, 30*time.Second); err != nil {
		t.Errorf("the disk goes on: %v", err)
	}
}

// TestAliveSeesApplyStuck: raft goes on, and what it commits is not applied.
func TestAliveSeesApplyStuck(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	cfg.hangMute, cfg.hangStop = time.Minute, 2*time.Second
	held, in := make(chan struct{}), make(chan struct{}, 1)
	cfg.OnApply = func(uint64, []string) {
		select {
		case in <- struct{}{}:
		default:
		}
		<-held
	}
	cfg.FS = vfs.NewFault(vfs.NewMem()) // the machine's own disk may hang for a moment
	s := openStore(t, cfg)
	answer := make(chan error, 1)
	go func() {
		_, err := s.Propose(context.WithoutCancel(t.Context()), byID(1, "set a 1"))
		answer <- err
	}()
	<-in
	await(t, "Alive sees it", func() bool {
		err := askAlive(t, s, 30*time.Second)
		return err != nil && strings.Contains(err.Error(), "applying the same entries")
	})
	close(held)
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	await(t, "Alive again", func() bool { return askAlive(t, s, 30*time.Second) == nil })
}

// TestAliveWhileRebuilding: a state that is built anew for an hour is no reason to
// kill the process, which would then begin anew.
func TestAliveWhileRebuilding(t *testing.T) {
	s := &Store{closing: make(chan struct{}), done: make(chan struct{})}
	s.building.Store(&rebuild{done: make(chan struct{})})
	if err := s.askState(); err != nil {
		t.Error(err)
	}
}
