package logstoretest

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"

	"tote/raftstore/vfs"
)

// errDisk is what a call on a badDisk fails with.
var errDisk = errors.New("logstoretest: the disk failed")

// way is how a call fails.
type way struct {
	op   vfs.Op
	name string
	// part of a write that reaches the file, in hundredths. Of other calls 0 is
	// not done and 100 is done, and fails all the same.
	part int
	// forget is what Linux does after a failed fsync: the pages count as clean
	// and are read from the cache, but the disk never saw them.
	forget bool
}

// ways are all ways a call can fail.
var ways = []way{
	{op: vfs.OpWrite, name: "nothing written"},
	{op: vfs.OpWrite, name: "short write", part: 50},
	{op: vfs.OpWrite, name: "short by little", part: 99},
	{op: vfs.OpWrite, name: "written and failed", part: 100},
	{op: vfs.OpSync, name: "not synced"},
	{op: vfs.OpSync, name: "synced and failed", part: 100},
	{op: vfs.OpSync, name: "dropped from the cache", forget: true},
	{op: vfs.OpSyncDir, name: "not synced"},
	{op: vfs.OpOpen, name: "not opened"},
	{op: vfs.OpRead, name: "not read"},
	{op: vfs.OpTruncate, name: "not done"},
	{op: vfs.OpRename, name: "not done"},
	{op: vfs.OpRename, name: "done and failed", part: 100},
	{op: vfs.OpRemove, name: "not done"},
	{op: vfs.OpRemove, name: "done and failed", part: 100},
	{op: vfs.OpMkdir, name: "not done"},
}

// badDisk is a vfs.Mem of which one call fails, in a chosen way.
type badDisk struct {
	*vfs.Mem

	mu    sync.Mutex
	count map[vfs.Op]int
	way   way
	at    int  // the call of kind way.op that fails; 0 = none
	hit   bool // it has failed
	cache map[string]*pages
}

// pages is what the page cache knows of a file: writes since the last sync, and
// those a failed sync has dropped.
type pages struct{ dirty, lost []undo }

// undo takes a write back.
type undo struct {
	off  int64
	old  []byte
	size int64 // of the file before
}

func newBadDisk() *badDisk {
	return &badDisk{Mem: vfs.NewMem(), count: map[vfs.Op]int{}, cache: map[string]*pages{}}
}

// fails counts a call and tells whether this one fails.
func (d *badDisk) fails(op vfs.Op) (way, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count[op]++
	if d.at == 0 || d.way.op != op || d.count[op] != d.at {
		return way{}, false
	}
	d.hit = true
	return d.way, true
}

// failed tells whether the call has failed.
func (d *badDisk) failed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hit
}

// heal ends all failing.
func (d *badDisk) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = 0
}

// calls returns how many calls of a kind there were.
func (d *badDisk) calls(op vfs.Op) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count[op]
}

// crash is a power cut: what was dropped from the cache is gone for certain, of
// the rest a random part.
func (d *badDisk) crash(seed uint64) {
	d.mu.Lock()
	names := d.cache
	d.cache = map[string]*pages{}
	d.mu.Unlock()
	d.CutAfter(0)
	if !d.Off() {
		for name, p := range names {
			if f, err := d.Mem.OpenFile(name, os.O_RDWR, 0); err == nil {
				takeBack(f, p.lost)
				_ = f.Close()
			}
		}
	}
	d.Crash(seed)
}

// takeBack undoes writes, the newest first. What it cannot write is not there
// any more.
func takeBack(f vfs.File, writes []undo) {
	for _, w := range slices.Backward(writes) {
		_, _ = f.WriteAt(w.old, w.off)
		_ = f.Truncate(w.size)
	}
	_ = f.Sync()
}

func (d *badDisk) pages(name string) *pages {
	p := d.cache[name]
	if p == nil {
		p = &pages{}
		d.cache[name] = p
	}
	return p
}

// OpenFile implements vfs.FS.
func (d *badDisk) OpenFile(name string, flag int, perm os.FileMode) (vfs.File, error) {
	if _, ok := d.fails(vfs.OpOpen); ok {
		return nil, errDisk
	}
	f, err := d.Mem.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if flag&os.O_TRUNC != 0 {
		delete(d.cache, name)
	}
	return &badFile{File: f, d: d, pages: d.pages(name)}, nil
}

// call runs a call on the folders that may fail.
func (d *badDisk) call(op vfs.Op, fn func() error) error {
	w, fail := d.fails(op)
	if !fail {
		return fn()
	}
	if w.part == 100 {
		return errors.Join(errDisk, fn())
	}
	return errDisk
}

// Remove implements vfs.FS.
func (d *badDisk) Remove(name string) error {
	return d.call(vfs.OpRemove, func() error {
		d.mu.Lock()
		delete(d.cache, name)
		d.mu.Unlock()
		return d.Mem.Remove(name)
	})
}

// Rename implements vfs.FS.
func (d *badDisk) Rename(oldName, newName string) error {
	return d.call(vfs.OpRename, func() error {
		d.mu.Lock()
		for name, p := range d.cache {
			if rest, ok := strings.CutPrefix(name, oldName); ok && (rest == "" || rest[0] == '/') {
				delete(d.cache, name)
				d.cache[newName+rest] = p
			}
		}
		d.mu.Unlock()
		return d.Mem.Rename(oldName, newName)
	})
}

// MkdirAll implements vfs.FS.
func (d *badDisk) MkdirAll(name string, perm os.FileMode) error {
	return d.call(vfs.OpMkdir, func() error { return d.Mem.MkdirAll(name, perm) })
}

// SyncDir implements vfs.FS.
func (d *badDisk) SyncDir(name string) error {
	return d.call(vfs.OpSyncDir, func() error { return d.Mem.SyncDir(name) })
}

type badFile struct {
	vfs.File
	d     *badDisk
	pages *pages
}

var _ vfs.CacheDropper = (*badFile)(nil)

// ReadAt implements vfs.File.
func (f *badFile) ReadAt(p []byte, off int64) (int, error) {
	if _, ok := f.d.fails(vfs.OpRead); ok {
		return 0, errDisk
	}
	return f.File.ReadAt(p, off)
}

// WriteAt implements vfs.File.
func (f *badFile) WriteAt(p []byte, off int64) (int, error) {
	w, fail := f.d.fails(vfs.OpWrite)
	if fail {
		p = p[:len(p)*w.part/100]
	}
	if size, err := f.Size(); err == nil {
		old := make([]byte, max(0, min(int64(len(p)), size-off)))
		if _, err := f.File.ReadAt(old, off); err == nil {
			f.d.mu.Lock()
			f.pages.dirty = append(f.pages.dirty, undo{off, old, size})
			f.d.mu.Unlock()
		}
	}
	n, err := f.File.WriteAt(p, off)
	f.d.mu.Lock()
	f.pages.lost = slices.DeleteFunc(f.pages.lost, func(u undo) bool { // these pages are dirty again
		return err == nil && off <= u.off && u.off+int64(len(u.old)) <= off+int64(n) && u.size >= off+int64(n)
	})
	f.d.mu.Unlock()
	if fail {
		err = errors.Join(errDisk, err)
	}
	return n, err
}

// Truncate implements vfs.File.
func (f *badFile) Truncate(size int64) error {
	return f.d.call(vfs.OpTruncate, func() error { return f.File.Truncate(size) })
}

// Sync implements vfs.File.
func (f *badFile) Sync() error {
	w, fail := f.d.fails(vfs.OpSync)
	if fail && w.part == 0 {
		if w.forget {
			f.d.mu.Lock()
			f.pages.lost = append(f.pages.lost, f.pages.dirty...)
			f.pages.dirty = nil
			f.d.mu.Unlock()
		}
		return errDisk
	}
	err := f.File.Sync()
	f.d.mu.Lock()
	if err == nil {
		f.pages.dirty = nil
	}
	f.d.mu.Unlock()
	if fail {
		err = errors.Join(errDisk, err)
	}
	return err
}

// DropCache implements vfs.CacheDropper: from now on the file is read as the
// disk has it.
func (f *badFile) DropCache() error {
	f.d.mu.Lock()
	lost := f.pages.lost
	f.pages.lost = nil
	f.d.mu.Unlock()
	if len(lost) > 0 {
		takeBack(f.File, lost)
	}
	return nil
}
