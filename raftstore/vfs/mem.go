package vfs

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"sort"
	"sync"
)

// Mem is a file system in memory with the memory of a bad disk: it knows what
// was synced and what was not, and Crash loses a random part of the rest.
// Create it with NewMem.
type Mem struct {
	mu    sync.Mutex
	dirs  map[string]*memDir
	life  int  // rises with each crash; files of an older life are dead
	ops   int  // changing calls so far
	cutAt int  // cut the power at this changing call, 0 = never
	off   bool // power is off
	free  uint64
}

type memDir struct {
	now     map[string]*inode
	durable map[string]*inode
	pending []dirOp
}

// dirOp is one un-synced change of a folder; a rename is one step.
type dirOp struct {
	del, add string
	node     *inode
}

type inode struct {
	now, durable []byte
	dirty        map[int64]bool // un-synced sectors
	sizeDirty    bool
}

// NewMem returns an empty file system with 1 TiB free.
func NewMem() *Mem {
	return &Mem{dirs: map[string]*memDir{}, free: 1 << 40}
}

var _ FS = (*Mem)(nil)

// CutAfter cuts the power in the middle of the n-th changing call from now
// (n ≥ 1); that call may or may not have happened. 0 takes the order back.
func (m *Mem) CutAfter(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cutAt = 0
	if n > 0 {
		m.cutAt = m.ops + n
	}
}

// Off tells whether the power is cut.
func (m *Mem) Off() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.off
}

// Ops returns the number of changing calls so far.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// SetFree sets what Free answers, in bytes.
func (m *Mem) SetFree(n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = n
}

// Crash is a power cut and the restart after it. Of everything un-synced a
// random part, chosen by seed, survives: each sector keeps its old bytes, its
// new bytes, a mix of both, or garbage; each change of a folder is kept or
// not. Files that were open are dead afterwards.
func (m *Mem) Crash(seed uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rng := rand.New(rand.NewPCG(seed, 0x746f7465))
	m.life++
	m.off, m.cutAt = false, 0
	names := make([]string, 0, len(m.dirs))
	for name := range m.dirs {
		names = append(names, name)
	}
	sort.Strings(names) // one seed must give one result
	for _, name := range names {
		d := m.dirs[name]
		for _, op := range d.pending {
			if rng.IntN(2) == 0 {
				continue
			}
			op.on(d.durable)
		}
		d.pending = nil
		d.now = map[string]*inode{}
		files := make([]string, 0, len(d.durable))
		for f := range d.durable {
			files = append(files, f)
		}
		sort.Strings(files)
		for _, f := range files {
			d.durable[f].crash(rng)
			d.now[f] = d.durable[f]
		}
	}
}

func (op dirOp) on(files map[string]*inode) {
	if op.del != "" {
		delete(files, op.del)
	}
	if op.add != "" {
		files[op.add] = op.node
	}
}

func (n *inode) crash(rng *rand.Rand) {
	size := len(n.durable)
	if n.sizeDirty && rng.IntN(2) == 0 {
		size = len(n.now)
	}
	out := make([]byte, size)
	copy(out, n.durable)
	sectors := make([]int64, 0, len(n.dirty))
	for s := range n.dirty {
		sectors = append(sectors, s)
	}
	sort.Slice(sectors, func(i, j int) bool { return sectors[i] < sectors[j] })
	for _, s := range sectors {
		from := int(s * SectorSize)
		to := min(from+SectorSize, size)
		if from >= size {
			continue
		}
		dst := out[from:to]
		var src []byte
		if from < len(n.now) {
			src = n.now[from:min(to, len(n.now))]
		}
		switch k := rng.IntN(16); {
		case k < 7: // new
			copy(dst, src)
		case k < 14: // old
		case k == 14: // torn
			copy(dst, src[:rng.IntN(len(src)+1)])
		default: // garbage
			for i := range dst {
				dst[i] = byte(rng.Uint32())
			}
		}
	}
	n.durable, n.now = out, append([]byte(nil), out...)
	n.dirty, n.sizeDirty = map[int64]bool{}, false
}

// step counts a changing call and tells whether it may still happen.
func (m *Mem) step() (happens bool, err error) {
	if m.off {
		return false, ErrPowerCut
	}
	m.ops++
	if m.cutAt > 0 && m.ops >= m.cutAt {
		m.off = true
		return true, ErrPowerCut
	}
	return true, nil
}

func (m *Mem) dir(op, name string) (*memDir, error) {
	d := m.dirs[path.Clean(name)]
	if d == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return d, nil
}

// MkdirAll implements FS. Folders are durable at once: the log makes its
// folder one time, and a lost folder is a lost gateway either way.
func (m *Mem) MkdirAll(name string, _ os.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return ErrPowerCut
	}
	for p := path.Clean(name); ; p = path.Dir(p) {
		if m.dirs[p] == nil {
			m.dirs[p] = &memDir{now: map[string]*inode{}, durable: map[string]*inode{}}
		}
		if p == "/" || p == "." {
			return nil
		}
	}
}

// OpenFile implements FS.
func (m *Mem) OpenFile(name string, flag int, _ os.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return nil, ErrPowerCut
	}
	d, err := m.dir("open", path.Dir(name))
	if err != nil {
		return nil, err
	}
	base := path.Base(name)
	n := d.now[base]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n == nil:
		_, err := m.step()
		n = &inode{dirty: map[int64]bool{}}
		d.now[base] = n
		d.pending = append(d.pending, dirOp{add: base, node: n})
		if err != nil {
			return nil, err
		}
	}
	f := &memFile{fs: m, node: n, life: m.life, name: name}
	if flag&os.O_TRUNC != 0 && len(n.now) > 0 {
		return f, f.truncate(0)
	}
	return f, nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error { return m.move(name, "") }

// Rename implements FS. Both names must be in one folder.
func (m *Mem) Rename(oldName, newName string) error {
	if path.Dir(oldName) != path.Dir(newName) {
		return fmt.Errorf("vfs: rename %s to another folder: %w", oldName, fs.ErrInvalid)
	}
	return m.move(oldName, path.Base(newName))
}

func (m *Mem) move(name, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.dir("rename", path.Dir(name))
	if err != nil {
		return err
	}
	n := d.now[path.Base(name)]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: name, Err: fs.ErrNotExist}
	}
	happens, err := m.step()
	if happens {
		op := dirOp{del: path.Base(name), add: to, node: n}
		op.on(d.now)
		d.pending = append(d.pending, op)
	}
	return err
}

// ReadDir implements FS.
func (m *Mem) ReadDir(name string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.off {
		return nil, ErrPowerCut
	}
	d, err := m.dir("readdir", name)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(d.now))
	for n := range d.now {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.dir("syncdir", name)
	if err != nil {
		return err
	}
	if _, err := m.step(); err != nil {
		return err
	}
	for _, op := range d.pending {
		op.on(d.durable)
	}
	d.pending = nil
	return nil
}

// Free implements FS.
func (m *Mem) Free(string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free, nil
}
