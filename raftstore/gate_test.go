package raftstore

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"tote/raftstore/vfs"
)

// gate is a disk on which one write stands still until it is let through.
type gate struct {
	vfs.FS
	part    string // of the names it is about
	at      int32  // the write that stands still, from 1
	writes  atomic.Int32
	once    sync.Once
	reached chan struct{}
	open    chan struct{}
}

func newGate(part string, at int32) *gate {
	return &gate{FS: vfs.OS{}, part: part, at: at, reached: make(chan struct{}), open: make(chan struct{})}
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

// WriteAt implements vfs.File.
func (f gatedFile) WriteAt(p []byte, off int64) (int, error) {
	if f.g.writes.Add(1) == f.g.at {
		f.g.once.Do(func() { close(f.g.reached) })
		<-f.g.open
	}
	return f.File.WriteAt(p, off)
}
