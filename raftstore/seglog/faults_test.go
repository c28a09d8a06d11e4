package seglog

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/hashicorp/raft"

	"tote/raftstore/logstoretest"
	"tote/raftstore/vfs"
)

// faulty opens logs of small segments for the suite of failing disks.
func faulty(opt Options) logstoretest.FaultOpener {
	return func(fs vfs.FS) (logstoretest.Store, error) {
		l, err := Open(fs, "site/log", opt)
		if err != nil {
			return nil, err
		}
		return l, nil
	}
}

// TestFaults has every call of the disk fail in every way, and the power cut in
// each that writes.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]Options{
		"a batch larger than a segment": {SegmentSize: 8 << 10, Foreground: true},
		"several batches in a segment":  {SegmentSize: 32 << 10, Foreground: true},
		"segments prepared beside":      {SegmentSize: 16 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logstoretest.RunFaults(t, faulty(opt))
		})
	}
}

// TestFaultsAreSeen proves that TestFaults is not blind: a log that takes the
// disk too lightly in any one way must fail it.
func TestFaultsAreSeen(t *testing.T) {
	t.Parallel()
	small := Options{SegmentSize: 16 << 10, Foreground: true}
	unsynced := small
	unsynced.NoSync = true
	on := func(light lightly) logstoretest.FaultOpener {
		return func(fs vfs.FS) (logstoretest.Store, error) {
			light.FS = fs
			return faulty(small)(&light)
		}
	}
	for name, open := range map[string]logstoretest.FaultOpener{
		"no sync at all":                            faulty(unsynced),
		"a failed sync is taken for done":           on(lightly{sync: true}),
		"a failed write is taken for done":          on(lightly{write: true}),
		"a failed read is taken for zeros":          on(lightly{read: true}),
		"folders are not synced":                    on(lightly{syncDir: true}),
		"after a failed sync the cache is believed": on(lightly{cache: true}),
		"tries again after a failure": func(fs vfs.FS) (logstoretest.Store, error) {
			s, err := faulty(small)(fs)
			if err != nil {
				return nil, err
			}
			return &stubborn{s, fs, small}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, err := logstoretest.CheckFaults(open)
			if err == nil {
				t.Fatalf("%d failed calls and %d power cuts, and nothing was found", report.Faults, report.Cuts)
			}
			t.Log(err)
		})
	}
}

// lightly is a disk whose failures of some kinds the log does not hear of.
type lightly struct {
	vfs.FS
	sync, write, read, syncDir, cache bool
}

func (l *lightly) SyncDir(name string) error {
	if l.syncDir {
		return nil
	}
	return l.FS.SyncDir(name)
}

func (l *lightly) OpenFile(name string, flag int, perm os.FileMode) (vfs.File, error) {
	f, err := l.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	if l.cache {
		return struct{ vfs.File }{f}, nil // hides DropCache
	}
	return lightFile{f, l}, nil
}

type lightFile struct {
	vfs.File
	l *lightly
}

func (f lightFile) DropCache() error { return f.File.(vfs.CacheDropper).DropCache() }

func (f lightFile) Sync() error {
	if err := f.File.Sync(); err != nil && (!f.l.sync || errors.Is(err, vfs.ErrPowerCut)) {
		return err
	}
	return nil
}

func (f lightFile) WriteAt(p []byte, off int64) (int, error) {
	if n, err := f.File.WriteAt(p, off); err != nil && (!f.l.write || errors.Is(err, vfs.ErrPowerCut)) {
		return n, err
	}
	return len(p), nil
}

func (f lightFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if err == nil || errors.Is(err, io.EOF) || !f.l.read || errors.Is(err, vfs.ErrPowerCut) {
		return n, err
	}
	clear(p)
	return len(p), nil
}

// stubborn opens the log again by itself when a call has latched it. That call
// stays failed, the next one is taken.
type stubborn struct {
	logstoretest.Store
	fs  vfs.FS
	opt Options
}

func (s *stubborn) again(err error) error {
	if !errors.Is(err, ErrLatched) {
		return err
	}
	_ = s.Store.Close()
	l, openErr := faulty(s.opt)(s.fs)
	if openErr != nil {
		return err
	}
	s.Store = l
	return err
}

func (s *stubborn) StoreLogs(logs []*raft.Log) error { return s.again(s.Store.StoreLogs(logs)) }

func (s *stubborn) Set(k, v []byte) error { return s.again(s.Store.Set(k, v)) }
