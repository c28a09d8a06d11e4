package vfs

import (
	"os"
	"sync"
)

// Op names a kind of call that Fault can make fail and at which Mem can cut the
// power.
type Op string

// The kinds of calls.
const (
	OpOpen     Op = "open"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpSync     Op = "sync"
	OpTruncate Op = "truncate"
	OpRemove   Op = "remove"
	OpRename   Op = "rename"
	OpMkdir    Op = "mkdir"
	OpSyncDir  Op = "syncdir"
)

// Fault wraps a file system and makes chosen calls fail.
type Fault struct {
	FS

	mu    sync.Mutex
	count map[Op]int
	hook  func(op Op, name string, n int) error
}

// NewFault wraps fs.
func NewFault(fs FS) *Fault { return &Fault{FS: fs, count: map[Op]int{}} }

// Hook has fn asked before each call, with the number of calls of that kind so
// far, this one included; when it returns an error the call does not happen
// and fails with it. A failing write still writes its first half. nil ends it.
func (f *Fault) Hook(fn func(op Op, name string, n int) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = fn
}

// FailNth makes the n-th call of kind op from now fail with err, once.
func (f *Fault) FailNth(op Op, n int, err error) {
	f.mu.Lock()
	at := f.count[op] + n
	f.mu.Unlock()
	f.Hook(func(o Op, _ string, i int) error {
		if o == op && i == at {
			return err
		}
		return nil
	})
}

// Count returns how many calls of kind op there were.
func (f *Fault) Count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[op]
}

func (f *Fault) ask(op Op, name string) error {
	f.mu.Lock()
	f.count[op]++
	n, hook := f.count[op], f.hook
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(op, name, n)
}

// OpenFile implements FS.
func (f *Fault) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	if err := f.ask(OpOpen, name); err != nil {
		return nil, err
	}
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fs: f, name: name}, nil
}

// Remove implements FS.
func (f *Fault) Remove(name string) error {
	if err := f.ask(OpRemove, name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// Rename implements FS.
func (f *Fault) Rename(oldName, newName string) error {
	if err := f.ask(OpRename, oldName); err != nil {
		return err
	}
	return f.FS.Rename(oldName, newName)
}

// MkdirAll implements FS.
func (f *Fault) MkdirAll(name string, perm os.FileMode) error {
	if err := f.ask(OpMkdir, name); err != nil {
		return err
	}
	return f.FS.MkdirAll(name, perm)
}

// SyncDir implements FS.
func (f *Fault) SyncDir(name string) error {
	if err := f.ask(OpSyncDir, name); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type faultFile struct {
	File
	fs   *Fault
	name string
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask(OpRead, f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask(OpWrite, f.name); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fs.ask(OpTruncate, f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultFile) Sync() error {
	if err := f.fs.ask(OpSync, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}
