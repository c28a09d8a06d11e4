// Package vfs is the small file system that everything the replicated store
// relies on is written through: log, snapshots and the small files beside them.
// It exists so that a power cut, a torn write and a failing disk can
// be played in a test, sector by sector, against the code that runs on the
// gateway.
//
// OS is the real file system. Mem keeps files in memory, knows which sectors
// and directory entries were never synced, and loses a random part of them on
// a power cut. Fault wraps any of them and makes chosen calls fail.
//
// An FS and its files may be used from several goroutines.
package vfs

import (
	"errors"
	"io"
	"os"
)

// SectorSize is the unit a disk writes whole, in bytes. A power cut tears
// un-synced writes at this grain.
const SectorSize = 512

// ErrPowerCut is returned by every call on a Mem whose power is off.
var ErrPowerCut = errors.New("vfs: the power is cut")

// FS is what the store needs of a file system. Names are slash paths.
type FS interface {
	// OpenFile opens name with os.O_RDONLY or os.O_RDWR and optionally
	// os.O_CREATE, os.O_EXCL and os.O_TRUNC. Other flags are not supported.
	OpenFile(name string, flag int, perm os.FileMode) (File, error)
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// Rename moves a file, replacing newName when that is a file, or a folder
	// to a name that is free.
	Rename(oldName, newName string) error
	// ReadDir returns the base names in the folder, sorted.
	ReadDir(name string) ([]string, error)
	// MkdirAll makes a folder and those above it. Like a file a new folder is
	// durable only when the folder it is in was synced; MakeDir sees to that.
	MkdirAll(name string, perm os.FileMode) error
	// SyncDir makes creations, removals and renames in the folder durable.
	SyncDir(name string) error
	// Free returns how many bytes an ordinary process may still write.
	Free(name string) (uint64, error)
}

// File is an open file. ReadAt and WriteAt follow io.ReaderAt and io.WriterAt.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Sync makes the file's bytes, and its size when that changed, durable.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
	Close() error
}

// CacheDropper is implemented by files that can forget what the page cache
// holds of them, so that the next read asks the disk itself.
type CacheDropper interface{ DropCache() error }

// Open opens name for reading.
func Open(fs FS, name string) (File, error) { return fs.OpenFile(name, os.O_RDONLY, 0) }

// Create opens name for reading and writing and empties it when it exists.
func Create(fs FS, name string) (File, error) {
	return fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}
