package vfs

import (
	"io"
	"io/fs"
)

type memFile struct {
	fs     *Mem
	node   *inode
	life   int
	name   string
	closed bool
}

func (f *memFile) check() error {
	switch {
	case f.fs.off || f.life != f.fs.life:
		return ErrPowerCut
	case f.closed:
		return &fs.PathError{Op: "use", Path: f.name, Err: fs.ErrClosed}
	}
	return nil
}

// ReadAt implements File.
func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check(); err != nil {
		return 0, err
	}
	if off >= int64(len(f.node.now)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements File.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check(); err != nil {
		return 0, err
	}
	_, err := f.fs.step(OpWrite, f.name)
	end := off + int64(len(p))
	if end > int64(len(f.node.now)) {
		f.node.now = append(f.node.now, make([]byte, end-int64(len(f.node.now)))...)
		f.node.sizeDirty = true
	}
	copy(f.node.now[off:], p)
	for s := off / SectorSize; s*SectorSize < end; s++ {
		f.node.dirty[s] = true
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Sync implements File.
func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check(); err != nil {
		return err
	}
	if _, err := f.fs.step(OpSync, f.name); err != nil {
		return err
	}
	n := f.node
	if n.sizeDirty {
		n.durable = append([]byte(nil), n.now...)
	} else {
		for s := range n.dirty {
			from := s * SectorSize
			copy(n.durable[from:], n.now[from:min(from+SectorSize, int64(len(n.now)))])
		}
	}
	n.dirty, n.sizeDirty = map[int64]bool{}, false
	return nil
}

// Truncate implements File.
func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check(); err != nil {
		return err
	}
	return f.truncate(size)
}

func (f *memFile) truncate(size int64) error {
	if _, err := f.fs.step(OpTruncate, f.name); err != nil {
		return err
	}
	n := f.node
	old := int64(len(n.now))
	if size <= old {
		n.now = n.now[:size:size]
	} else {
		n.now = append(n.now, make([]byte, size-old)...)
		for s := old / SectorSize; s*SectorSize < size; s++ {
			n.dirty[s] = true
		}
	}
	n.sizeDirty = true
	return nil
}

// Size implements File.
func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check(); err != nil {
		return 0, err
	}
	return int64(len(f.node.now)), nil
}

// Close implements File. Closing syncs nothing.
func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.closed = true
	return nil
}
