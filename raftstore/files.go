package raftstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"tote/raftstore/vfs"
)

// files knows the folder of a store, apart from the log:
//
//	LOCK        held while a process has the store open
//	NODE        name of the gateway
//	GENERATION  which state folder counts and whether it was closed cleanly
//	OPENING     there while Badger is being opened; counts the tries that died
//	BALLAST     only takes up space, to be given back when the disk is full
//	CLUSTER     id of the cluster, and what this gateway is in it
//	REMOVED     there when this gateway was removed from its cluster
//	DIVERGED    counts how often the state differed from the majority's
//	FLOOR       the log or a snapshot reached at least this entry
//	log/        the segment log
//	snapshots/  raft's snapshots
//	state-<n>/  the applied state
//	*.bad-*     damaged things kept for a look, one of each
//
// All of it goes through vfs but the lock and the applied state: Badger writes
// real files, and nothing relies on them after an unclean stop.
type files struct {
	fs  vfs.FS
	dir string
	log *slog.Logger

	mu   sync.Mutex
	lock *os.File
}

// generation says which state folder counts. It is written with clean=false
// before the folder is opened for writing, and with clean=true only after the
// folder was closed and synced: anything in between is an unclean stop.
type generation struct {
	BootID string `json:"bootId"` // of the machine's boot that wrote it
	Dir    string `json:"dir"`    // base name of the state folder
	Clean  bool   `json:"clean"`
	// Covered is the entry up to which the closed state holds everything.
	Covered uint64 `json:"covered"`
	// Files are the files of the closed folder. Badger itself would panic at
	// a damaged table, or leave it out and go on with less.
	Files []fingerprint `json:"files,omitempty"`
}

// fingerprint is what a file of a closed state folder must look like.
type fingerprint struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	CRC  uint32 `json:"crc32c"`
}

// fingerprints reads every file in dir.
func fingerprints(dir string) ([]fingerprint, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	list := make([]fingerprint, 0, len(names))
	for _, e := range names {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		sum := crc32.New(castagnoli)
		n, err := io.Copy(sum, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		list = append(list, fingerprint{e.Name(), n, sum.Sum32()})
	}
	return list, nil
}

// flock takes the lock, and waits a moment for one that is about to go: a child
// that this process forked for somebody else holds all its files until it runs
// its own program.
func flock(f *os.File) error {
	for end := time.Now().Add(time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			return err
		}
	}
}

// lockDir makes the folder and takes it for this process.
func lockDir(fsys vfs.FS, dir, nodeID string, log *slog.Logger) (*files, error) {
	if err := finishSwap(dir); err != nil {
		return nil, err
	}
	if err := vfs.MakeDir(fsys, dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { // for lock and state, where fsys is not the real one
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(lock); err != nil {
		_ = lock.Close()
		return nil, fault(CodeDirInUse, fmt.Errorf("%s is in use: %w", dir, err))
	}
	f := &files{fs: fsys, dir: dir, log: log, lock: lock}
	switch name, err := f.read("NODE"); {
	case errors.Is(err, fs.ErrNotExist):
		err = f.write("NODE", []byte(nodeID+"\n"))
		if err != nil {
			_ = lock.Close()
			return nil, err
		}
	case err != nil:
		_ = lock.Close()
		return nil, err
	case strings.TrimSpace(string(name)) != nodeID:
		_ = lock.Close()
		return nil, fault(CodeWrongNode, fmt.Errorf("%s/NODE belongs to gateway %s, this is %s",
			dir, strings.TrimSpace(string(name)), nodeID))
	}
	return f, nil
}

func (f *files) unlock() error { return f.lock.Close() }

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

// of returns the file system the thing of this name is on.
func (f *files) of(name string) vfs.FS {
	if strings.HasPrefix(name, "state") {
		return vfs.OS{}
	}
	return f.fs
}

// read returns a small file.
func (f *files) read(name string) ([]byte, error) { return vfs.ReadFile(f.fs, f.path(name)) }

// write replaces a small file so that a power cut leaves the old or the new.
func (f *files) write(name string, data []byte) error {
	return vfs.WriteFile(f.fs, f.path(name), data)
}

// remove deletes a small file durably; it need not be there.
func (f *files) remove(name string) error {
	if err := f.fs.Remove(f.path(name)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return f.fs.SyncDir(f.dir)
}

// readGeneration returns the zero value when there is none that can be read:
// the state is then built anew.
func (f *files) readGeneration() generation {
	var g generation
	b, err := f.read("GENERATION")
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil || g.Dir != filepath.Base(g.Dir) {
		return generation{}
	}
	return g
}

// worked tells whether this gateway ever had a state, and so a log: GENERATION
// is first written when there is one.
func (f *files) worked() (bool, error) {
	_, err := f.read("GENERATION")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (f *files) writeGeneration(g generation) error {
	b, err := json.Marshal(g)
	if err != nil {
		return err
	}
	return f.write("GENERATION", append(b, '\n'))
}

// readFloor returns 0 when there is none.
func (f *files) readFloor() (uint64, error) {
	b, err := f.read("FLOOR")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		err = fault(CodeFileDamaged, fmt.Errorf("%s: %w", f.path("FLOOR"), err))
	}
	return n, err
}

// writeFloor raises the floor; it never falls.
func (f *files) writeFloor(index uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, err := f.readFloor()
	if err == nil && old >= index {
		return nil
	}
	return f.write("FLOOR", fmt.Appendln(nil, index))
}

// opening counts a try to open Badger and returns how many before it died.
func (f *files) opening() (died int, err error) {
	b, err := f.read("OPENING")
	if err == nil {
		died, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		died = max(died, 1)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	return died, f.write("OPENING", fmt.Appendln(nil, died+1))
}

func (f *files) opened() error { return f.remove("OPENING") }

// newStateDir returns the name of a state folder that does not exist.
func (f *files) newStateDir() (string, error) {
	names, err := os.ReadDir(f.dir)
	if err != nil {
		return "", err
	}
	top := 0
	for _, e := range names {
		if num, ok := strings.CutPrefix(e.Name(), "state-"); ok {
			n, _ := strconv.Atoi(num)
			top = max(top, n)
		}
	}
	return "state-" + strconv.Itoa(top+1), nil
}

// removeMatching removes everything in the folder whose name has the prefix,
// but not keep.
func (f *files) removeMatching(prefix, keep string) error {
	fsys := f.of(prefix)
	names, err := fsys.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) && name != keep {
			if err := vfs.RemoveAll(fsys, f.path(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// setAside keeps a damaged thing for a look; an older one makes room.
func (f *files) setAside(path, kind string) error {
	if err := f.removeMatching(kind+".bad-", ""); err != nil {
		return err
	}
	fsys := f.of(kind)
	if err := fsys.Rename(path, f.path(kind+".bad-"+filepath.Base(path))); err != nil {
		return err
	}
	return errors.Join(fsys.SyncDir(f.dir), fsys.SyncDir(filepath.Dir(path)))
}

// bootID names the machine's boot; "" where the kernel does not tell.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
