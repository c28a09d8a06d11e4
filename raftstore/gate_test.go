package raftstore

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"tote/raftstore/vfs"
)

// gate is a disk on which one call stands still until it is let through.
type gate struct {
	vfs.FS
	op      vfs.Op // vfs.OpWrite or vfs.OpRead
	part    string // of the names it is about
	at      int32  // the call that stands still, from 1; 0 = none
	calls   atomic.Int32
	once    sync.Once
	reached chan struct{}
	open    chan struct{}
}

func newGate(op vfs.Op, part string, at int32) *gate {
	return &gate{FS: vfs.OS{}, op: op, part: part, at: at, reached: make(chan struct{}), open: make(chan struct{})}
}

// OpenFile implements vfs.FS.
func (g *gate) OpenFile(name string, flag int, perm os.FileMode) (vfs.File, error) {
	f, err := g.FS.OpenFile(name, flag, perm)
	if err != nil || !strings.Contains(name, g.part) {
		return f, err
	}
	return gatedFile{f, g}, nil
}

type gatedFile struct {
	vfs.File
	g *gate
}

func (g *gate) pass(op vfs.Op) {
	if op == g.op && g.calls.Add(1) == g.at {
		g.once.Do(func() { close(g.reached) })
		<-g.open
	}
}

// WriteAt implements vfs.File.
func (f gatedFile) WriteAt(p []byte, off int64) (int, error) {
	f.g.pass(vfs.OpWrite)
	return f.File.WriteAt(p, off)
}

// ReadAt implements vfs.File.
func (f gatedFile) ReadAt(p []byte, off int64) (int, error) {
	f.g.pass(vfs.OpRead)
	return f.File.ReadAt(p, off)
}
